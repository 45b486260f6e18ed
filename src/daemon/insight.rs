//! `[insight]` at work: the thread that the settings ask for, and what it offers.

use super::settings::{InsightSettings, Settings};
use crate::insight::spec::InsightSpec;
use std::path::{Path, PathBuf};

/// Where decisions are kept by custom, below a folder of code.
const DECISIONS: [&str; 4] = ["docs/adr", "doc/adr", "docs/decisions", "adr"];

/// What is to be known, if anything is. Folders of decisions that nobody has named are those that
/// are there now.
pub fn spec(settings: &Settings) -> Option<InsightSpec> {
    let insight = &settings.insight;
    if !insight.is_wanted() {
        return None;
    }
    let paths = |list: &Option<Vec<String>>| -> Vec<PathBuf> {
        list.iter().flatten().map(PathBuf::from).collect()
    };
    let sources = paths(&insight.sources);
    let decisions = match &insight.decisions {
        Some(_) => paths(&insight.decisions),
        None => sources.iter().flat_map(|source| decisions(source)).collect(),
    };
    let InsightSettings {
        include,
        exclude,
        file_bytes_max,
        files_max,
        rescan,
        ..
    } = insight.clone();
    Some(InsightSpec {
        notes: paths(&insight.notes),
        sources,
        decisions,
        include,
        exclude,
        file_bytes_max,
        files_max: files_max as usize,
        state: insight.state.as_ref().expect("the loader finds one").into(),
        embeddings: insight.embeddings.as_ref().map(PathBuf::from),
        rescan,
    })
}

/// The folders of decisions that a folder of code has.
fn decisions(source: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = DECISIONS.map(|folder| source.join(folder));
    // One behind a link may be somewhere else.
    let source = source.canonicalize().ok();
    let is_inside = move |path: &PathBuf| {
        let found = path.canonicalize().ok().filter(|found| found.is_dir());
        found.is_some_and(|found| source.as_ref().is_some_and(|source| found.starts_with(source)))
    };
    folders.into_iter().filter(is_inside)
}
