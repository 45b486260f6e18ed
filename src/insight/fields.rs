//! The texts of a passage by what they tell of it: its name, its comment, its body, its path.

use super::Passage;
use super::rank::FIELDS;

/// Bytes of the sentence that a comment begins with.
const SUMMARY_BYTES_MAX: usize = 300;

/// The texts of the fields of a passage at `path`.
pub fn fields(passage: &Passage, text: &str, path: &str) -> [String; FIELDS] {
    let part = |range: &std::ops::Range<usize>| text.get(range.clone()).unwrap_or_default();
    let name = [&passage.title, " ", part(&passage.signature)].concat();
    [
        name,
        told(part(&passage.comment)),
        part(&passage.text).to_string(),
        path.to_string(),
    ]
}

/// What a comment tells: without the programs in it, which are examples, and twice what it begins
/// with, which is what it is about.
fn told(comment: &str) -> String {
    let mut told = String::with_capacity(comment.len() + SUMMARY_BYTES_MAX);
    told.push_str(summary(comment));
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
    line.trim_start_matches(['/', '*', '!', '#', '-', ';', ' ', '\t'])
        .trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_told_by_its_first_sentence_and_without_examples() {
        let comment =
            "/// Waits for all. Then\n/// goes on.\n/// ```\n/// use lamp;\n/// ```\n/// End.";
        let told = told(comment);
        assert_eq!(told.matches("Waits for all").count(), 2, "{told}");
        assert!(!told.contains("lamp"), "{told}");
        assert!(told.contains("End."), "{told}");
    }

    #[test]
    fn a_summary_ends_with_its_paragraph_and_is_bounded() {
        assert_eq!(summary("/**\n * One\n *\n * Two"), "/**\n * One\n");
        assert!(summary(&"ä".repeat(1000)).len() <= SUMMARY_BYTES_MAX);
        assert_eq!(summary(""), "");
    }
}
