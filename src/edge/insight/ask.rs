//! A question becomes words, the index says where they are, the best of that is the answer.

use super::store::candidates::Sought;
use super::store::read::Kept;
use super::store::write::Tally;
use super::store::{Fault, Store};
use super::tree;
use crate::insight::Kind;
use crate::insight::answer::{Decision, Found, Hit};
use crate::insight::language::Language;
use crate::insight::query::Query;
use crate::insight::rank::{self, Collection, Formula, Judge, Vocabulary, terms};
use crate::insight::spec::InsightSpec;
use std::cell::Cell;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Passages that are ranked.
const CANDIDATES_MAX: usize = 500;

/// Words that are compared with one that is nowhere.
const ALIKE_MAX: usize = 64;

/// Decisions that are listed.
const RECORDS_MAX: usize = 1000;

/// Bytes of a snippet.
const SNIPPET_BYTES_MAX: usize = 1024;

/// Answers a question.
pub(super) fn ask(store: &Store, spec: &InsightSpec, query: &Query) -> Result<Found, Fault> {
    match query {
        Query::Knowledge { words, limit } => hits(store, spec, Kind::Text, words, None, *limit),
        Query::Code {
            words,
            limit,
            language,
        } => match language.as_deref() {
            None => hits(store, spec, Kind::Code, words, None, *limit),
            Some(name) => code_in(store, spec, words, name, *limit),
        },
        Query::Decisions { status, words } => {
            decisions(store, spec, status.as_deref(), words.as_deref())
        }
    }
}

/// Code in the language that clients call so; which languages there are, if it is none of these.
fn code_in(
    store: &Store,
    spec: &InsightSpec,
    words: &str,
    name: &str,
    limit: usize,
) -> Result<Found, Fault> {
    let languages = store.languages()?;
    let named = Language::named(name).map(|language| language.name);
    match named.filter(|named| languages.iter().any(|known| known == named)) {
        Some(named) => hits(store, spec, Kind::Code, words, Some(named), limit),
        None if languages.is_empty() => Ok(Found::Failed("there is no code here".to_string())),
        None => Ok(Found::Failed(format!(
            "there is no code in {name:?} here; there is: {}",
            languages.join(", ")
        ))),
    }
}

fn hits(
    store: &Store,
    spec: &InsightSpec,
    kind: Kind,
    question: &str,
    language: Option<&str>,
    limit: usize,
) -> Result<Found, Fault> {
    let words = Words {
        store,
        kind,
        fault: Cell::new(None),
    };
    let terms = terms(question, &formula(kind), &words);
    if let Some(fault) = words.fault.take() {
        return Err(fault);
    }
    let sought = terms.iter().map(|term| Sought {
        word: &term.word,
        weight: term.weight,
    });
    let sought: Vec<Sought<'_>> = sought.collect();
    let candidates = store.candidates(kind, &sought, language, CANDIDATES_MAX)?;
    let judge = Judge::new(formula(kind), collection(store, kind)?, &terms);
    let scored = candidates
        .iter()
        .map(|each| (judge.score(&each.lengths, &each.counts), each.passage));
    let mut scored: Vec<(f32, i64)> = scored.collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let mut hits = Vec::new();
    for (score, passage) in scored.into_iter().take(limit) {
        if let Some(kept) = store.passage(passage)? {
            hits.extend(hit(spec, kept, score));
        }
    }
    Ok(Found::Hits {
        hits,
        incomplete: None,
    })
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

/// What is shown of a passage; none if its file is nobody's any more.
fn hit(spec: &InsightSpec, kept: Kept, score: f32) -> Option<Hit> {
    Some(Hit {
        uri: uri(spec, &kept.path)?,
        path: kept.path.to_string_lossy().into_owned(),
        line: kept.line,
        line_last: kept.line_last,
        language: language_of(&kept),
        snippet: snippet(spec, &kept),
        title: kept.title,
        score,
    })
}

fn language_of(kept: &Kept) -> Option<&'static str> {
    let name = kept.language.as_deref()?;
    Language::named(name).map(|language| language.name)
}

fn uri(spec: &InsightSpec, path: &Path) -> Option<String> {
    let folder = tree::folder_of(spec, path)?;
    let way = path.strip_prefix(&folder.path).ok()?;
    Some(folder.uri(way.as_os_str().as_bytes()))
}

/// The beginning of a passage, out of its file; nothing if that is another one now.
fn snippet(spec: &InsightSpec, kept: &Kept) -> String {
    let is_same = tree::look(spec, &kept.path).is_some_and(|seen| seen.stamp == kept.stamp);
    let text = is_same.then(|| tree::read(spec, &kept.path));
    let Some(Ok(Some(text))) = text else {
        return String::new();
    };
    let start = usize::try_from(kept.text.start).unwrap_or(usize::MAX);
    let end = usize::try_from(kept.text.end).unwrap_or(usize::MAX);
    let passage = text.get(start..end).unwrap_or_default();
    passage[..passage.floor_char_boundary(SNIPPET_BYTES_MAX)].to_string()
}

fn decisions(
    store: &Store,
    spec: &InsightSpec,
    status: Option<&str>,
    words: Option<&str>,
) -> Result<Found, Fault> {
    let mut decisions = Vec::new();
    for (path, record) in store.records(RECORDS_MAX)? {
        let is_wanted = status.is_none_or(|status| record.status == status)
            && words.is_none_or(|words| record.title.to_lowercase().contains(words));
        let Some(uri) = uri(spec, &path).filter(|_| is_wanted) else {
            continue;
        };
        decisions.push(Decision {
            uri,
            path: path.to_string_lossy().into_owned(),
            number: record.number,
            title: record.title,
            status: record.status,
            date: record.date,
            supersedes: record.supersedes,
            superseded_by: record.superseded_by,
        });
    }
    Ok(Found::Decisions(decisions))
}
