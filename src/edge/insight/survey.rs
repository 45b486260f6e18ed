//! What an index would be of, for whoever checks the configuration: nothing is read but names and
//! sizes.

use super::walk::{Found, Walk};
use crate::insight::spec::InsightSpec;
use std::fs;
use std::sync::Arc;

/// Troubles that are kept.
const TROUBLES_MAX: usize = 16;

/// What there is in all folders together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Files that would be read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// There are more than `files_max`, and these are not counted.
    pub has_more: bool,
    /// What cannot be read, for people.
    pub trouble: Vec<String>,
}

/// Walks the folders.
pub fn survey(spec: InsightSpec) -> Survey {
    let mut survey = Survey::default();
    let files_max = spec.files_max;
    let mut walk = Walk::new(Arc::new(spec));
    while let Some(found) = walk.step() {
        match found {
            Found::File(_) if survey.files == files_max => {
                survey.has_more = true;
                break;
            }
            Found::File(seen) => {
                survey.files += 1;
                let found = fs::symlink_metadata(&seen.path);
                survey.bytes += found.map_or(0, |found| found.len());
            }
            Found::Trouble(text) if survey.trouble.len() < TROUBLES_MAX => {
                survey.trouble.push(text);
            }
            Found::Trouble(_) | Found::Folder(_) | Found::Nothing => {}
        }
    }
    survey
}
