//! "Did you mean": the known name that a wrong one was most likely meant to be.

/// Names longer than this are not compared; the names of tools and arguments are shorter.
const NAME_CHARACTERS_MAX: usize = 64;

/// The known name that takes the fewest edits to become `name`, if these are at most a third of
/// its length (but one edit is always near).
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(NAME_CHARACTERS_MAX + 1).collect();
    let edits_max = (name.len() / 3).max(1);
    if name.len() > NAME_CHARACTERS_MAX {
        return None;
    }
    known
        .map(|candidate| (edits(&name, candidate), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, one row at a time; upper and lower case are the same letter.
fn edits(name: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (line, letter) in candidate.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in name.iter().enumerate() {
            let swap = diagonal + usize::from(!letter.eq_ignore_ascii_case(other));
            diagonal = row[column + 1];
            row[column + 1] = swap.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[name.len()]
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
        assert_eq!(nearest(&"p".repeat(100_000), known.into_iter()), None);
    }
}
