//! A question becomes words, the index says where they are, the best of that is the answer.

use super::ranked::{about, ranked};
use super::store::candidates::Wanted;
use super::store::read::Kept;
use super::store::{Fault, Store};
use super::walk::{self, Known};
use crate::insight::Kind;
use crate::insight::answer::{Decision, Found, Hit};
use crate::insight::language::Language;
use crate::insight::query::Query;
use crate::insight::snippet::snippet;
use crate::insight::spec::InsightSpec;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Decisions that are listed.
const RECORDS_MAX: usize = 1000;

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
    let wanted = Wanted {
        language,
        shelf: None,
    };
    let mut hits = Vec::new();
    for (score, kept) in ranked(store, spec, kind, question, &wanted, limit)? {
        hits.extend(hit(spec, question, kept, score));
    }
    Ok(Found::Hits(hits))
}

/// What is shown of a passage; none if its file is nobody's any more.
fn hit(spec: &InsightSpec, question: &str, kept: Kept, score: f32) -> Option<Hit> {
    Some(Hit {
        uri: uri(spec, &kept.path)?,
        path: kept.path.to_string_lossy().into_owned(),
        line: kept.line,
        line_last: kept.line_last,
        language: language_of(&kept),
        snippet: shown(spec, question, &kept),
        title: kept.title,
        score,
    })
}

fn language_of(kept: &Kept) -> Option<&'static str> {
    let name = kept.language.as_deref()?;
    Language::named(name).map(|language| language.name)
}

fn uri(spec: &InsightSpec, path: &Path) -> Option<String> {
    let folder = walk::folder_of(spec, path)?;
    let way = path.strip_prefix(&folder.path).ok()?;
    Some(folder.uri(way.as_os_str().as_bytes()))
}

/// What is shown of a passage, out of its file; nothing if that is another one now.
fn shown(spec: &InsightSpec, question: &str, kept: &Kept) -> String {
    let known = walk::look(spec, &kept.path);
    let is_same = matches!(known, Known::Wanted(seen) if seen.stamp == kept.stamp);
    let text = is_same.then(|| walk::read(spec, &kept.path));
    let Some(Ok(Some(text))) = text else {
        return String::new();
    };
    let start = usize::try_from(kept.text.start).unwrap_or(usize::MAX);
    let end = usize::try_from(kept.text.end).unwrap_or(usize::MAX);
    let passage = text.get(start..end).unwrap_or_default();
    snippet(passage, question).to_string()
}

/// The decisions of a status: all in the order of their numbers, or those that are about the words,
/// best first.
fn decisions(
    store: &Store,
    spec: &InsightSpec,
    status: Option<&str>,
    words: Option<&str>,
) -> Result<Found, Fault> {
    let found = words.map(|words| about(store, words)).transpose()?;
    let mut decisions: Vec<(usize, Decision)> = Vec::new();
    for (path, record) in store.records(RECORDS_MAX)? {
        let rank = match &found {
            Some(found) => found.iter().position(|known| *known == path),
            None => Some(decisions.len()),
        };
        let is_wanted = status.is_none_or(|status| record.status == status);
        let uri = uri(spec, &path).filter(|_| is_wanted);
        if let Some((rank, uri)) = rank.zip(uri) {
            let path = path.to_string_lossy().into_owned();
            decisions.push((rank, Decision { uri, path, record }));
        }
    }
    decisions.sort_by_key(|(rank, _)| *rank);
    let decisions = decisions.into_iter().map(|(_, decision)| decision);
    Ok(Found::Decisions(decisions.collect()))
}
