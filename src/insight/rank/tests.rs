use super::*;
use std::collections::HashMap;

/// Words with the passages that have them; all of them are alike.
#[derive(Default)]
struct Known {
    frequencies: HashMap<&'static str, u64>,
}

impl Vocabulary for Known {
    fn frequency(&self, word: &str) -> u64 {
        self.frequencies.get(word).copied().unwrap_or(0)
    }

    fn alike(&self, _word: &str) -> Vec<String> {
        self.frequencies
            .keys()
            .map(|word| word.to_string())
            .collect()
    }
}

/// A vocabulary that has every word.
struct All;

impl Vocabulary for All {
    fn frequency(&self, _word: &str) -> u64 {
        1
    }

    fn alike(&self, _word: &str) -> Vec<String> {
        Vec::new()
    }
}

fn known(words: &[(&'static str, u64)]) -> Known {
    Known {
        frequencies: words.iter().copied().collect(),
    }
}

/// The words that stand for a question, each with its group.
fn words(question: &str, known: &Known) -> Vec<(String, usize)> {
    let terms = terms(question, &CODE, known).into_iter();
    terms.map(|term| (term.word, term.group)).collect()
}

fn owned(words: &[(&str, usize)]) -> Vec<(String, usize)> {
    words
        .iter()
        .map(|(word, group)| (word.to_string(), *group))
        .collect()
}

const COLLECTION: Collection = Collection {
    passages: 1000,
    means: [4.0, 5.0, 20.0, 50.0, 5.0],
};

/// The score of a passage of mean length for a question of two words, the first rare.
fn score(counts: [Counts; 2]) -> f32 {
    let words = known(&[("barrier", 3), ("thread", 300)]);
    let judge = Judge::new(CODE, COLLECTION, &terms("barrier thread", &CODE, &words));
    judge.score(&[4, 5, 20, 50, 5], &counts)
}

const NO: Counts = [0; FIELDS];

#[test]
fn words_that_mean_the_same_stand_in_the_group_of_the_word_that_was_asked() {
    let known = known(&[("delet", 5), ("remov", 9), ("file", 7)]);
    let expected = [("delet", 0), ("file", 1), ("remov", 0)];
    assert_eq!(words("delete the file", &known), owned(&expected));
}

#[test]
fn a_word_that_is_nowhere_is_what_is_written_alike() {
    let known = known(&[("barrier", 5), ("lamp", 9)]);
    assert_eq!(words("barier", &known), owned(&[("barrier", 0)]));
    assert_eq!(words("zebra", &known), []);
}

#[test]
fn a_word_of_the_same_meaning_counts_less_than_what_was_asked() {
    let terms = terms("delete", &CODE, &known(&[("delet", 5), ("remov", 5)]));
    assert_eq!(terms.len(), 2);
    assert!(terms[0].weight > terms[1].weight && terms[1].weight > 0.0);
}

#[test]
fn an_endless_question_has_so_many_words_and_no_more() {
    let question = include_str!("../synonyms.txt");
    let all = All;
    assert_eq!(terms(question, &CODE, &all).len(), TERMS_MAX);
    assert_eq!(terms("", &CODE, &all), []);
}

#[test]
fn rare_words_names_and_whole_questions_count_more() {
    let name = |count| [count, 0, 0, 0, 0];
    let summary = |count| [0, count, 0, 0, 0];
    let body = |count| [0, 0, 0, count, 0];
    assert!(
        score([body(1), NO]) > score([NO, body(1)]),
        "rare before frequent"
    );
    assert!(
        score([name(1), NO]) > score([body(1), NO]),
        "name before body"
    );
    assert!(
        score([summary(1), NO]) > score([body(1), NO]),
        "what it says it does before how it does it"
    );
    assert!(
        score([body(1), body(1)]) > score([body(1), NO]),
        "both before one"
    );
    assert!(
        score([body(9), NO]) < 9.0 * score([body(1), NO]),
        "often saturates"
    );
    assert_eq!(score([NO, NO]), 0.0);
}

#[test]
fn numbers_of_any_size_give_a_score_that_can_be_ordered() {
    let most = [u32::MAX; FIELDS];
    for counts in [[most, most], [NO, most], [most, NO]] {
        assert!(score(counts).is_finite());
    }
    let empty = Collection {
        passages: 0,
        means: [0.0; FIELDS],
    };
    let judge = Judge::new(TEXT, empty, &terms("lamp", &TEXT, &known(&[("lamp", 1)])));
    assert!(judge.score(&NO, &[[1; FIELDS]]).is_finite());
    assert_eq!(Judge::new(TEXT, empty, &[]).score(&NO, &[]), 0.0);
}

#[test]
fn what_is_used_stands_before_what_is_not_and_before_tests() {
    let used = standing("src/barrier.rs", "wait", 1000, 400);
    assert!(used > standing("src/barrier.rs", "wait", 1000, 1));
    assert!(used > standing("tests/barrier.rs", "wait", 1000, 400));
    assert!(used > standing("src/barrier.rs", "tests::wait", 1000, 400));
    assert!(used > standing("src/barrier.rs", "Barrier::_wait", 1000, 400));
    assert_eq!(
        used,
        standing("src/barrier.rs", "_Barrier::wait", 1000, 400)
    );
    assert_eq!(
        word_of_name("Read::read_to_end").as_deref(),
        Some("readtoend")
    );
    assert_eq!(word_of_name("std::mem::swap").as_deref(), Some("swap"));
    assert_eq!(word_of_name("::"), None);
}

#[test]
fn a_passage_without_a_name_has_a_score_like_any_other() {
    let terms = [Term {
        word: "wheel".to_string(),
        group: 0,
        weight: 1.0,
        frequency: 3,
    }];
    let collection = Collection {
        passages: 100,
        means: [4.0; FIELDS],
    };
    let judge = Judge::new(CODE, collection, &terms);
    let score = judge.score(&[0, 0, 0, 4, 0], &[[0, 0, 0, 1, 0]]);
    assert!(score.is_finite() && score > 0.0, "{score}");
}
