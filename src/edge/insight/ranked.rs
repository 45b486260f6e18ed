//! A question becomes words, the index says which passages have them, and `rank` in which order
//! they come.

use super::store::candidates::{Sought, Wanted};
use super::store::read::Kept;
use super::store::write::Tally;
use super::store::{Fault, Store};
use super::walk;
use crate::insight::Kind;
use crate::insight::rank::{self, Collection, Formula, Judge, Term, Vocabulary};
use crate::insight::spec::InsightSpec;
use std::cell::Cell;

/// Passages that are judged.
const CANDIDATES_MAX: usize = 500;

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
    let (collection, terms) = asked(store, kind, question)?;
    let sought = terms.iter().map(|term| Sought {
        word: &term.word,
        weight: term.weight,
    });
    let sought: Vec<Sought<'_>> = sought.collect();
    let candidates = store.candidates(kind, &sought, wanted, CANDIDATES_MAX)?;
    let judge = Judge::new(formula(kind), collection, &terms);
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

/// What there is to find, and the words that stand for the question.
fn asked(store: &Store, kind: Kind, question: &str) -> Result<(Collection, Vec<Term>), Fault> {
    let words = Words {
        store,
        kind,
        fault: Cell::new(None),
    };
    let terms = rank::terms(question, &formula(kind), &words);
    match words.fault.take() {
        Some(fault) => Err(fault),
        None => Ok((collection(store, kind)?, terms)),
    }
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
    Ok(rank::standing(&way, passages, frequency.unwrap_or(0)))
}

fn formula(kind: Kind) -> Formula {
    match kind {
        Kind::Code => rank::CODE,
        Kind::Text => rank::TEXT,
    }
}

fn collection(store: &Store, kind: Kind) -> Result<Collection, Fault> {
    let Tally { passages, words } = store.tally(kind)?;
    let mean = |sum: u64| sum as f32 / passages.max(1) as f32;
    Ok(Collection {
        passages,
        means: words.map(mean),
    })
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

    fn neighbours(&self, _word: &str, _written: &str) -> Vec<(String, f32)> {
        Vec::new()
    }
}
