//! The texts of a passage by what they tell of it: its name, its comment, its body, its path.

use super::Passage;
use super::rank::FIELDS;
use std::ops::Range;

/// Bytes of the sentence that a comment begins with.
const SUMMARY_BYTES_MAX: usize = 300;

/// The texts of the fields of a passage at `path`. What stands in one field is in no other.
pub fn fields(passage: &Passage, text: &str, path: &str) -> [String; FIELDS] {
    let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    let name = [&passage.title, " ", part(&passage.signature)].concat();
    let comment = part(&passage.comment);
    let summary = summary(comment);
    [
        name,
        summary.to_string(),
        told(&comment[summary.len()..]),
        body(passage, text),
        path.to_string(),
    ]
}

/// A passage without its comment, which may begin before it.
fn body(passage: &Passage, text: &str) -> String {
    let Range { start, end } = passage.text;
    let comment = &passage.comment;
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let before = part(start, comment.start.clamp(start, end));
    let after = part(comment.end.clamp(start, end), end);
    [before, after].concat()
}

/// What a comment tells, without the programs in it, which are examples.
fn told(comment: &str) -> String {
    let mut told = String::with_capacity(comment.len());
    let mut is_program = false;
    for line in comment.lines() {
        let is_fence = bare(line).starts_with("```");
        is_program ^= is_fence;
        if !is_program && !is_fence {
            told.push('\n');
            told.push_str(line);
        }
    }
    told
}

/// The first sentence of a comment, or its first paragraph if that is shorter.
fn summary(comment: &str) -> &str {
    let mut end = 0;
    let mut is_begun = false;
    for line in comment.split_inclusive('\n') {
        if is_begun && bare(line).is_empty() {
            break;
        }
        is_begun |= !bare(line).is_empty();
        end += line.len();
        if end > SUMMARY_BYTES_MAX {
            break;
        }
    }
    let end = comment[..end]
        .find(". ")
        .unwrap_or(end)
        .min(SUMMARY_BYTES_MAX);
    super::query::first_bytes(comment, end)
}

/// A line of a comment without the signs that make it one.
fn bare(line: &str) -> &str {
    line.trim_start_matches(['/', '*', '!', '#', '-', ';', '"', ' ', '\t'])
        .trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_one_field_is_in_no_other() {
        let text = "/// Waits for all. Then\n/// goes on.\n/// ```\n/// use lamp;\n/// ```\n/// \
                    End.\n#[inline]\nfn wait() {\n    park();\n}\n";
        let comment = text.find("#[").unwrap();
        let signature = text.find("fn wait").unwrap();
        let passage = Passage {
            kind: super::super::Kind::Code,
            title: "Barrier::wait".to_string(),
            line: 1,
            line_last: 10,
            text: 0..text.len(),
            comment: 0..comment,
            signature: signature..signature + "fn wait()".len(),
        };
        let [name, summary, told, body, path] = fields(&passage, text, "src/barrier.rs");
        assert_eq!(name, "Barrier::wait fn wait()");
        assert_eq!(summary, "/// Waits for all");
        assert!(told.contains("goes on.") && told.contains("End."), "{told}");
        assert!(!told.contains("Waits") && !told.contains("lamp"), "{told}");
        assert_eq!(body, &text[comment..]);
        assert_eq!(path, "src/barrier.rs");
    }

    #[test]
    fn a_comment_may_lie_before_its_passage_or_be_none() {
        let passage = |comment: Range<usize>| Passage {
            kind: super::super::Kind::Code,
            title: String::new(),
            line: 1,
            line_last: 1,
            text: 3..6,
            comment,
            signature: 0..0,
        };
        for (comment, expected) in [(0..0, "def"), (0..3, "def"), (0..4, "ef"), (4..9, "d")] {
            assert_eq!(body(&passage(comment), "abcdefghi"), expected);
        }
    }

    #[test]
    fn a_summary_ends_with_its_paragraph_and_is_bounded() {
        assert_eq!(summary("/**\n * One\n *\n * Two"), "/**\n * One\n");
        assert!(summary(&"ä".repeat(1000)).len() <= SUMMARY_BYTES_MAX);
        assert_eq!(summary(""), "");
    }
}
