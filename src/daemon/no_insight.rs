//! Stands in for `insight.rs` in builds without it: nothing is known, and nothing offered.

use super::serve::Beside;
use super::settings::Settings;
use crate::limits::Limits;

/// No thread.
#[derive(Clone)]
pub(super) struct Knowing;

impl Knowing {
    /// None, before the first configuration.
    pub const NOTHING: Knowing = Knowing;

    /// None either.
    pub fn next(&self, _settings: &Settings) -> Result<Knowing, String> {
        Ok(Knowing)
    }

    /// It offers nothing.
    pub fn beside(&self, _limits: &Limits) -> Beside {
        Beside::default()
    }
}

/// Nothing would be offered.
pub(super) fn described(_settings: &Settings) -> Beside {
    Beside::default()
}

/// There is nothing to tell.
pub(super) fn report(_settings: &Settings) -> Vec<(String, String)> {
    Vec::new()
}

/// Nothing is missing.
pub(super) fn missing(_settings: &Settings) -> Vec<String> {
    Vec::new()
}
