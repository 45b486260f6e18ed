//! The part of a passage that is shown: all of it, or the lines that bear most on the question.

use super::query::first_bytes;
use super::words::{ASKED_MAX, asked, places};

/// Bytes of a snippet.
pub const SNIPPET_BYTES_MAX: usize = 1024;

/// Bytes of a passage that are looked at: what is longer is the rest of a file with too many.
const LOOKED_AT_BYTES_MAX: usize = 16 * 1024;

/// Which words of a question are somewhere, a bit each.
type Set = u64;

const _: () = assert!(ASKED_MAX <= Set::BITS as usize);

/// As much of a passage as is shown: whole lines that have the most words of the question, the
/// first of those that have as many; the beginning of a line that is too long by itself.
pub fn snippet<'text>(passage: &'text str, question: &str) -> &'text str {
    let text = first_bytes(passage, LOOKED_AT_BYTES_MAX).trim_end();
    if text.len() <= SNIPPET_BYTES_MAX {
        return text;
    }
    let mut found: Vec<(usize, Set)> = Vec::new();
    places(text, &asked(question), &mut |at, which| {
        found.push((at, 1 << which))
    });
    let starts = text.match_indices('\n').map(|(end, _)| end + 1);
    let mut best = (0, lines(text));
    for start in [0].into_iter().chain(starts) {
        let shown = lines(&text[start..]);
        let inside = start..start + shown.len();
        let here = found.iter().filter(|(at, _)| inside.contains(at));
        let words = here.fold(0, |all, (_, word)| all | word).count_ones();
        if words > best.0 {
            best = (words, shown);
        }
    }
    best.1
}

/// The lines that a text begins with and that fit, or the beginning of the first.
fn lines(text: &str) -> &str {
    if text.len() <= SNIPPET_BYTES_MAX {
        return text;
    }
    let cut = first_bytes(text, SNIPPET_BYTES_MAX);
    cut.rsplit_once('\n').map_or(cut, |(lines, _)| lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of forty bytes, the first with the number 0.
    fn numbered(count: usize) -> String {
        let lines = (0..count).map(|at| format!("{at:04} is a line of forty bytes, or less é\n"));
        lines.collect()
    }

    #[test]
    fn a_short_passage_is_shown_as_it_is() {
        assert_eq!(
            snippet("fn wait() {\n    park();\n}\n\n", "park"),
            "fn wait() {\n    park();\n}"
        );
        assert_eq!(snippet("", "park"), "");
    }

    #[test]
    fn of_a_long_passage_the_lines_are_shown_that_have_most_words() {
        let text = numbered(100);
        let shown = snippet(&text, "0050 0060");
        assert!(
            shown.contains("0050 is") && shown.contains("0060 is"),
            "{shown}"
        );
        assert!(shown.len() > SNIPPET_BYTES_MAX - 50 && shown.len() <= SNIPPET_BYTES_MAX);
        assert!(shown.starts_with("00") && shown.ends_with('é'), "{shown}");
    }

    #[test]
    fn without_words_of_the_question_it_is_the_beginning() {
        let text = numbered(100);
        for question in ["zebra", "", "line"] {
            assert!(
                snippet(&text, question).starts_with("0000 is"),
                "{question}"
            );
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        let endless = "é".repeat(SNIPPET_BYTES_MAX);
        assert_eq!(snippet(&endless, "zebra").len(), SNIPPET_BYTES_MAX);
        let later = ["short\n", &endless, " zebra"].concat();
        assert!(snippet(&later, "zebra").starts_with("short"));
    }

    #[test]
    fn a_passage_without_end_is_looked_at_so_far_and_no_further() {
        let text = numbered(2000);
        assert!(snippet(&text, "1999").starts_with("0000 is"));
    }
}
