//! Words that mean the same to people who write programs.
//!
//! Texts tell which words stand together, and not which stand for each other: whoever writes
//! `remove` seldom writes `delete` beside it. The words are of every trade and count less than the
//! one that was asked for.

use super::words::stemmed;

/// Words of one meaning, a line each, as they are written. A word may be in several lines; lines
/// are in order, so that one is found before it is added again.
const SYNONYMS: &str = include_str!("synonyms.txt");

/// Signs that a word and any form of it begin with.
const BEGINNING: usize = 2;

/// Words that mean the same as a word that is in small letters, as the index has them.
pub fn synonyms(written: &str) -> Vec<String> {
    let stem = stemmed(written);
    let mut found: Vec<String> = Vec::new();
    for line in SYNONYMS.lines().filter(|line| has(line, &stem)) {
        for word in line.split(' ').map(stemmed) {
            if word != stem && !found.contains(&word) {
                found.push(word);
            }
        }
    }
    found
}

/// Whether a word in any form is in a line.
fn has(line: &str, stem: &str) -> bool {
    // Most are told apart by how they begin, which costs less than to cut them to their stems.
    let Some(beginning) = stem.get(..BEGINNING) else {
        return false;
    };
    let mut words = line.split(' ').filter(|word| word.starts_with(beginning));
    words.any(|word| stemmed(word) == stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_form_and_not_told_itself() {
        let words = synonyms("deleting");
        assert!(words.contains(&"remov".to_string()), "{words:?}");
        assert!(!words.contains(&"delet".to_string()), "{words:?}");
        assert!(synonyms("barrier").is_empty());
        assert!(synonyms("").is_empty() && synonyms("ä").is_empty());
    }

    #[test]
    fn lines_are_in_order_and_each_is_there_once() {
        assert!(SYNONYMS.lines().is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn every_line_has_two_words_or_more() {
        for line in SYNONYMS.lines() {
            let mut words: Vec<String> = line.split(' ').map(stemmed).collect();
            words.sort();
            words.dedup();
            assert!(words.len() > 1, "{line}");
        }
    }

    #[test]
    fn every_word_is_found_by_itself() {
        for word in SYNONYMS.split_ascii_whitespace() {
            assert!(word.bytes().all(|sign| sign.is_ascii_lowercase()), "{word}");
            assert!(!synonyms(word).is_empty(), "{word}");
        }
    }
}
