//! What operators are shown of an upstream.

use super::listing::Eras;
use super::spec::UpstreamSpec;

/// An upstream at one moment.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamView<'a> {
    /// What is configured.
    pub spec: &'a UpstreamSpec,
    /// `down`, `starting`, `up`, `stopping` or `failed`: of its children the one that says most.
    pub state: &'static str,
    /// Which eras its command speaks, once that is known.
    pub eras: Option<Eras>,
    /// Tools that it offers; absent until it has said so.
    pub tools: Option<usize>,
    /// Processes there are.
    pub children: u32,
    /// Calls in flight.
    pub calls: u32,
    /// What has happened so far.
    pub counts: Counts,
    /// Why the last of those children ended that were not told to.
    pub last_failure: Option<&'a str>,
}

/// What has happened to an upstream since it was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were sent to its children.
    pub calls: u64,
    /// Children started, those that were asked what they can do included.
    pub starts: u64,
    /// Of those the ones started after another one had failed.
    pub restarts: u64,
    /// Children that have ended, or had to be ended, though nobody wanted that.
    pub failures: u64,
    /// Calls refused while a failure was being waited out.
    pub refused: u64,
}
