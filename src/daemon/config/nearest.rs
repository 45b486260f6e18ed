//! The known word nearest to a mistyped one, for "did you mean".

/// Letters of a word that are compared; longer ones are no slip of a known word.
const WORD_CHARS_MAX: usize = 64;

/// The nearest of `known` if `word` is a likely slip of it: at most one edit in three letters.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let edits_max = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= edits_max && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Letters inserted, removed or replaced to make one word the other (Levenshtein), where two
/// neighbours swapped count as one.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut letter_before = None;
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(letter != b[j]);
            let mut least = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if j > 0 && letter_before == Some(b[j]) && letter == b[j - 1] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        letter_before = Some(letter);
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_do_not() {
        let known = ["limits.sessions", "limits.calls", "timeouts.call", "listen"];
        let table = [
            ("limits.sesions", Some("limits.sessions")),
            ("limit.calls", Some("limits.calls")),
            ("lisetn", Some("listen")),
            ("listen", Some("listen")),
            ("colour", None),
            ("", None),
            ("x", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"l".repeat(1000), known), None);
    }

    #[test]
    fn edits_are_counted() {
        let table = [("", "", 0), ("abc", "", 3), ("", "ab", 2), ("ab", "ba", 1)];
        for (a, b, expected) in table {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("größe", "grösse"), 2);
    }
}
