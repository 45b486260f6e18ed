//! Counters: plain integers that the engine adds to, and a snapshot that others render.

use super::Engine;
use std::time::Duration;

/// What has happened since the start. Every refusal and every loss has its counter.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// HTTP requests.
    pub requests: u64,
    /// Connections admitted.
    pub connections: u64,
    /// Connections refused because the table was full.
    pub connections_shed: u64,
    /// Connections closed because their peer was silent.
    pub connections_timed_out: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Sessions refused because all were in use.
    pub sessions_refused: u64,
    /// Sessions ended to make room for others.
    pub sessions_evicted: u64,
    /// Sessions ended because they were unused.
    pub sessions_expired: u64,
    /// Sessions ended for whatever reason.
    pub sessions_ended: u64,
    /// Streams refused because all were in use.
    pub streams_refused: u64,
    /// Streams whose connection broke.
    pub streams_cut: u64,
    /// Streams resumed.
    pub resumed: u64,
    /// Resumptions refused because events were gone.
    pub resume_gaps: u64,
    /// Writes that a connection took only in part.
    pub blocked: u64,
    /// Streams given up because their client lagged or memory ran out.
    pub lagging: u64,
    /// Progress and log lines left out because their reader lags or memory ran out.
    pub events_shed: u64,
    /// Bytes of event streams.
    pub event_bytes: u64,
    /// Tool calls started or queued, those done at once included.
    pub calls: u64,
    /// Calls refused because the table or the tool's queue was full.
    pub calls_refused: u64,
    /// Calls cancelled by the client or by its disappearance.
    pub calls_cancelled: u64,
    /// Calls stopped at their timeout.
    pub calls_timed_out: u64,
    /// Calls whose outcome was an error.
    pub calls_failed: u64,
    /// Answers that nobody could receive any more.
    pub answers_unwanted: u64,
    /// Microseconds that calls took, all together.
    pub call_micros: u64,
    /// Requests for bytes of the shared budget that could not be met.
    pub memory_refusals: u64,
    /// Requests answered with a refusal.
    pub refusals: u64,
}

impl Stats {
    /// Counts a call that is over.
    pub(super) fn call_done(&mut self, took: Duration, failed: bool) {
        self.call_micros += took.as_micros() as u64;
        self.calls_failed += u64::from(failed);
    }
}

/// What there is right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Open connections.
    pub connections: u32,
    /// Sessions.
    pub sessions: u32,
    /// Streams, those kept for replay included.
    pub streams: u32,
    /// Calls in flight.
    pub calls: u32,
    /// Deadlines on the wheel.
    pub deadlines: u32,
    /// Bytes of the shared budget in use.
    pub budget_bytes: usize,
}

impl Engine {
    /// What has happened since the start.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What there is right now.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            streams: self.streams.len(),
            calls: self.calls.len(),
            deadlines: self.wheel.len(),
            budget_bytes: self.pool.used(),
        }
    }
}
