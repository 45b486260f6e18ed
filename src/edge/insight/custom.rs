//! Where decisions are kept by custom, below a folder of code, for whoever does not say where.

use crate::insight::spec::InsightSpec;
use std::path::{Path, PathBuf};

/// The folders, below one of code.
const DECISIONS: [&str; 4] = ["docs/adr", "doc/adr", "docs/decisions", "adr"];

/// What is configured, with the folders of decisions that are there now.
pub fn with_decisions(spec: &InsightSpec) -> InsightSpec {
    let mut spec = spec.clone();
    if spec.finds_decisions {
        spec.decisions = spec.sources.iter().flat_map(|path| below(path)).collect();
    }
    spec
}

/// The folders of decisions that a folder of code has.
fn below(source: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = DECISIONS.map(|folder| source.join(folder));
    // One behind a link may be somewhere else.
    let source = source.canonicalize().ok();
    let is_inside = move |path: &PathBuf| {
        let found = path.canonicalize().ok().filter(|found| found.is_dir());
        found.is_some_and(|found| {
            source
                .as_ref()
                .is_some_and(|source| found.starts_with(source))
        })
    };
    folders.into_iter().filter(is_inside)
}
