//! A question becomes words, the index says where they are, the best of that is the answer.

use super::store::candidates::{Candidate, Sought};
use super::store::read::Kept;
use super::store::write::Tally;
use super::store::{FIELDS, Fault, Store};
use super::tree;
use crate::insight::Kind;
use crate::insight::answer::{Decision, Found, Hit};
use crate::insight::query::Query;
use crate::insight::spec::InsightSpec;
use crate::insight::words::asked;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Passages that are ranked.
const CANDIDATES_MAX: usize = 500;

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
        } => hits(store, spec, Kind::Code, words, language.as_deref(), *limit),
        Query::Decisions { status, words } => {
            decisions(store, spec, status.as_deref(), words.as_deref())
        }
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
    let asked = asked(question);
    let sought: Vec<Sought<'_>> = asked
        .iter()
        .map(|asked| Sought {
            word: &asked.word,
            weight: 1.0,
        })
        .collect();
    let mut rarities = Vec::with_capacity(sought.len());
    let tally = store.tally(kind)?;
    for each in &sought {
        let frequency = store.frequency(kind, each.word)? as f32;
        rarities.push((1.0 + (tally.passages as f32 + 0.5) / (frequency + 0.5)).ln());
    }
    let candidates = store.candidates(kind, &sought, language, CANDIDATES_MAX)?;
    let scored = candidates
        .iter()
        .map(|candidate| (score(candidate, &rarities, &tally), candidate));
    let mut scored: Vec<(f32, &Candidate)> = scored.collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut hits = Vec::new();
    for (score, candidate) in scored.into_iter().take(limit) {
        if let Some(kept) = store.passage(candidate.passage)? {
            hits.extend(hit(spec, kept, score));
        }
    }
    Ok(Found::Hits {
        hits,
        incomplete: None,
    })
}

/// BM25.
fn score(candidate: &Candidate, rarities: &[f32], tally: &Tally) -> f32 {
    let weights = [2.0, 1.0, 1.0, 0.5];
    let mut sum = 0.0;
    for (counts, rarity) in candidate.counts.iter().zip(rarities) {
        let mut often = 0.0;
        for field in 0..FIELDS {
            let mean = tally.words[field] as f32 / tally.passages.max(1) as f32;
            let length = candidate.lengths[field] as f32 / mean.max(1.0);
            often += weights[field] * f32::from(counts[field]) / (0.25 + 0.75 * length);
        }
        sum += rarity * often * 2.2 / (often + 1.2);
    }
    sum
}

/// What is shown of a passage; none if its file is nobody's any more.
fn hit(spec: &InsightSpec, kept: Kept, score: f32) -> Option<Hit> {
    Some(Hit {
        uri: uri(spec, &kept.path)?,
        path: kept.path.to_string_lossy().into_owned(),
        line: kept.line,
        line_last: kept.line_last,
        language: None,
        snippet: snippet(spec, &kept),
        title: kept.title,
        score,
    })
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
