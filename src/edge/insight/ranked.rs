//! A question becomes words, the index says which passages have them, and `rank` in which order
//! they come. Decisions are judged as wholes, since few ask for a section of one.

use super::store::candidates::{Candidate, Sought, Wanted};
use super::store::read::Kept;
use super::store::write::Tally;
use super::store::{Fault, Store};
use super::walk;
use crate::insight::rank::{self, Collection, Counts, FIELDS, Formula, Judge, Term, Vocabulary};
use crate::insight::spec::InsightSpec;
use crate::insight::{Kind, Shelf};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Passages that are judged.
const CANDIDATES_MAX: usize = 500;

/// Passages that decisions are judged by: 2 KB each at most.
const DECISION_PASSAGES_MAX: usize = 1000;

/// Definitions whose standing is looked up: those that do best without.
const STANDING_MAX: usize = 100;

/// Words that are compared with one that is nowhere.
const ALIKE_MAX: usize = 64;

/// The passages of a kind that fit a question, best first, with how well they do.
pub(super) fn ranked(
    store: &Store,
    spec: &InsightSpec,
    kind: Kind,
    question: &str,
    wanted: &Wanted<'_>,
    limit: usize,
) -> Result<Vec<(f32, Kept)>, Fault> {
    let formula = match kind {
        Kind::Code => rank::CODE,
        Kind::Text => rank::TEXT,
    };
    let terms = asked(store, kind, &formula, question)?;
    let candidates = store.candidates(kind, &sought(&terms), wanted, CANDIDATES_MAX)?;
    let collection = collection(store.tally(kind)?);
    let judge = Judge::new(formula, collection, &terms);
    let scores = candidates.iter();
    let scores = scores.map(|each| (judge.score(&each.lengths, &each.counts), each.passage));
    let mut scores: Vec<(f32, i64)> = scores.collect();
    scores.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    scores.truncate(limit.max(if kind == Kind::Code { STANDING_MAX } else { 0 }));
    let mut ranked = Vec::with_capacity(scores.len());
    for (score, passage) in scores {
        if let Some(kept) = store.passage(passage)? {
            let standing = standing(store, spec, kind, &kept, collection.passages)?;
            ranked.push((score * standing, kept));
        }
    }
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked.truncate(limit);
    Ok(ranked)
}

/// The files of the decisions that are about a question, best first.
pub(super) fn about(store: &Store, question: &str) -> Result<Vec<PathBuf>, Fault> {
    let (kind, formula) = (Kind::Text, rank::DECISION);
    let terms = asked(store, kind, &formula, question)?;
    let wanted = Wanted {
        language: None,
        shelf: Some(Shelf::Decisions),
    };
    let passages = store.candidates(kind, &sought(&terms), &wanted, DECISION_PASSAGES_MAX)?;
    // How rare a word is, is told of passages; how long a decision is, of decisions.
    let collection = Collection {
        passages: store.tally(kind)?.passages,
        ..collection(store.tally_of_files(Shelf::Decisions)?)
    };
    let judge = Judge::new(formula, collection, &terms);
    let mut files: Vec<(f32, PathBuf)> = Vec::new();
    for (file, counts) in by_file(passages) {
        if let Some((path, lengths)) = store.whole(file)? {
            files.push((judge.score(&lengths, &counts), path));
        }
    }
    files.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// How often each word is in each field of all passages of a file.
fn by_file(passages: Vec<Candidate>) -> BTreeMap<i64, Vec<Counts>> {
    let mut files: BTreeMap<i64, Vec<Counts>> = BTreeMap::new();
    for passage in passages {
        let sums = files.entry(passage.file);
        let sums = sums.or_insert_with(|| vec![[0; FIELDS]; passage.counts.len()]);
        let words = sums.iter_mut().zip(passage.counts);
        for (sum, count) in words.flat_map(|(sums, counts)| sums.iter_mut().zip(counts)) {
            *sum = sum.saturating_add(count);
        }
    }
    files
}

/// The words that stand for the question.
fn asked(store: &Store, kind: Kind, formula: &Formula, question: &str) -> Result<Vec<Term>, Fault> {
    let words = Words {
        store,
        kind,
        fault: Cell::new(None),
    };
    let terms = rank::terms(question, formula, &words);
    match words.fault.take() {
        Some(fault) => Err(fault),
        None => Ok(terms),
    }
}

/// The words as the index is asked for them.
fn sought(terms: &[Term]) -> Vec<Sought<'_>> {
    let sought = terms.iter().map(|term| Sought {
        word: &term.word,
        weight: term.weight,
    });
    sought.collect()
}

/// What a passage is worth whatever is asked: of definitions only.
fn standing(
    store: &Store,
    spec: &InsightSpec,
    kind: Kind,
    kept: &Kept,
    passages: u64,
) -> Result<f32, Fault> {
    if kind == Kind::Text {
        return Ok(1.0);
    }
    let name = rank::word_of_name(&kept.title);
    let frequency = name.map(|name| store.frequency(kind, &name)).transpose()?;
    // What is above the folder that is configured tells nothing of its files.
    let way = walk::way(spec, &kept.path);
    let frequency = frequency.unwrap_or(0);
    Ok(rank::standing(&way, &kept.title, passages, frequency))
}

fn collection(tally: Tally) -> Collection {
    let Tally { passages, words } = tally;
    let mean = |sum: u64| sum as f32 / passages.max(1) as f32;
    Collection {
        passages,
        means: words.map(mean),
    }
}

/// What the index knows of its words.
struct Words<'a> {
    store: &'a Store,
    kind: Kind,
    /// What went wrong meanwhile.
    fault: Cell<Option<Fault>>,
}

impl Words<'_> {
    fn or_fault<T: Default>(&self, known: Result<T, Fault>) -> T {
        known.unwrap_or_else(|fault| {
            self.fault.set(Some(fault));
            T::default()
        })
    }
}

impl Vocabulary for Words<'_> {
    fn frequency(&self, word: &str) -> u64 {
        self.or_fault(self.store.frequency(self.kind, word))
    }

    fn alike(&self, word: &str) -> Vec<String> {
        self.or_fault(self.store.alike(word, ALIKE_MAX))
    }
}
