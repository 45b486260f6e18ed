//! "Did you mean": the known word that a mistyped one was most likely meant to be.

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
/// neighbours swapped count as one. Upper and lower case are the same letter.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut letter_before = None;
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(!letter.eq_ignore_ascii_case(&b[j]));
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
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["pin", "on", "duration", "target-file"];
        for (name, expected) in [
            ("pins", Some("pin")),
            ("Pin", Some("pin")),
            ("om", Some("on")),
            ("duratoin", Some("duration")),
            ("targetfile", Some("target-file")),
            ("target_file", Some("target-file")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
        let keys = ["limits.sessions", "limits.calls", "timeouts.call", "listen"];
        assert_eq!(nearest("limits.sesions", keys), Some("limits.sessions"));
        assert_eq!(nearest("lisetn", keys), Some("listen"));
        assert_eq!(nearest("chekc", ["serve", "check"]), Some("check"));
        assert_eq!(nearest(&"p".repeat(100_000), known.into_iter()), None);
    }
}
