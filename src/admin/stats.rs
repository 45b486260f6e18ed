//! Counters: plain integers that the engine adds to, and a snapshot that others render.

use super::histogram::{Histogram, REQUESTS, SESSIONS};
use crate::limits::{Limits, Memory};
use crate::mcp::refusal::Refusal;
use crate::upstream::view::UpstreamView;
use std::time::Duration;

/// What has happened since the start. Every refusal and every loss has its counter.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// HTTP requests and how long they took, by the kind of door they came to.
    pub doors: [DoorStats; DoorKind::ALL.len()],
    /// JSON-RPC messages that clients have sent.
    pub messages: u64,
    /// Requests that break the rules or bounds of HTTP, messages that are no JSON-RPC.
    pub malformed: u64,
    /// JSON-RPC requests answered with an error, because what they ask for does not exist.
    pub errors: u64,
    /// Requests answered with a refusal, by its reason.
    pub refusals: Refusals,
    /// Requests without the credentials they need.
    pub unauthorized: u64,
    /// Requests over the rate of their principal or address.
    pub rate_limited: u64,
    /// Bytes that came in through sockets.
    pub received_bytes: u64,
    /// Bytes that went out through sockets.
    pub sent_bytes: u64,
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
    /// How long those lasted that have ended, for whatever reason.
    pub session_duration: Histogram,
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
    /// Broadcasts taken.
    pub broadcasts: u64,
    /// Streams that broadcasts were queued on, all together.
    pub broadcast_deliveries: u64,
    /// Tool calls started or queued, those done at once included.
    pub calls: u64,
    /// Of those the ones that were not done at once.
    pub calls_begun: u64,
    /// Calls refused because the table or the tool's queue was full.
    pub calls_refused: u64,
    /// Calls cancelled by the client or by its disappearance.
    pub calls_cancelled: u64,
    /// Calls stopped at their timeout.
    pub calls_timed_out: u64,
    /// Calls whose outcome was an error.
    pub calls_failed: u64,
    /// Calls ended, in want of room, whose client had not come back with its answers.
    pub calls_evicted: u64,
    /// Calls that went on with the answers of a further request.
    pub calls_resumed: u64,
    /// Questions of calls to their clients.
    pub asks: u64,
    /// Questions that could not be asked.
    pub asks_refused: u64,
    /// Responses of clients to nothing that is asked.
    pub responses_unasked: u64,
    /// Tasks created.
    pub tasks: u64,
    /// Tasks refused because the table was full of running ones.
    pub tasks_refused: u64,
    /// Finished tasks forgotten before their time to make room for others.
    pub tasks_evicted: u64,
    /// Answers that nobody could receive any more.
    pub answers_unwanted: u64,
    /// Requests for bytes of the shared budget that could not be met.
    pub memory_refusals: u64,
}

/// What happened at the doors of one kind.
#[derive(Clone, Debug, Default)]
pub struct DoorStats {
    /// HTTP requests.
    pub requests: u64,
    /// From request to answer: one observation for every request that was answered at once, which
    /// takes no time by the engine's clock, and one for every call that was not.
    pub duration: Histogram,
}

/// Kinds of doors that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoorKind {
    /// Streamable HTTP.
    Mcp,
    /// Streams of HTTP+SSE.
    Sse,
    /// Messages of HTTP+SSE.
    Messages,
    /// The older event framings.
    Dialects,
    /// Tools by plain HTTP.
    Rest,
    /// Health, metrics, the console.
    Operations,
    /// The request was refused before its door was known.
    None,
}

impl DoorKind {
    /// All kinds, in the order in which they are counted and shown.
    pub const ALL: [DoorKind; 7] = [
        DoorKind::Mcp,
        DoorKind::Sse,
        DoorKind::Messages,
        DoorKind::Dialects,
        DoorKind::Rest,
        DoorKind::Operations,
        DoorKind::None,
    ];

    /// The kind as a label.
    pub const fn name(self) -> &'static str {
        match self {
            DoorKind::Mcp => "mcp",
            DoorKind::Sse => "sse",
            DoorKind::Messages => "messages",
            DoorKind::Dialects => "dialects",
            DoorKind::Rest => "rest",
            DoorKind::Operations => "operations",
            DoorKind::None => "none",
        }
    }
}

/// One counter for each reason of a refusal.
#[derive(Clone, Debug)]
pub struct Refusals([u64; Refusal::REASONS.len()]);

impl Default for Refusals {
    fn default() -> Refusals {
        Refusals([0; Refusal::REASONS.len()])
    }
}

impl Refusals {
    /// Counts one.
    pub fn count(&mut self, refusal: Refusal) {
        self.0[refusal.index()] += 1;
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::REASONS.into_iter().zip(self.0)
    }
}

impl Stats {
    /// Counts a request at a door.
    pub fn request(&mut self, door: DoorKind) {
        self.doors[door as usize].requests += 1;
    }

    /// Counts a request that was answered in the turn it came in.
    pub fn answered_at_once(&mut self, door: DoorKind) {
        self.doors[door as usize].duration.observe_nothing();
    }

    /// Counts a call that is over.
    pub fn call_over(&mut self, door: DoorKind, took: Duration) {
        let duration = &mut self.doors[door as usize].duration;
        duration.observe(&REQUESTS, took);
    }

    /// Counts a session that has ended.
    pub fn session_over(&mut self, lasted: Duration) {
        self.session_duration.observe(&SESSIONS, lasted);
    }

    /// How long requests took at all doors together.
    pub fn request_duration(&self) -> Histogram {
        let mut sum = Histogram::default();
        for door in &self.doors {
            sum.add(&door.duration);
        }
        sum
    }

    /// Whatever was not done as asked: refusals, bytes that are no request, JSON-RPC errors, and
    /// calls whose outcome was an error.
    pub fn errors_total(&self) -> u64 {
        self.refusals.total() + self.malformed + self.errors + self.calls_failed
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
    /// Streams that clients have opened to listen, and that a connection carries.
    pub listening: u32,
    /// Calls in flight.
    pub calls: u32,
    /// Tasks, finished ones that are kept included.
    pub tasks: u32,
    /// Deadlines on the wheel.
    pub deadlines: u32,
    /// Bytes of the shared budget in use.
    pub budget_bytes: usize,
}

/// Everything there is to be told at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// What has happened.
    pub stats: &'a Stats,
    /// What there is.
    pub gauges: Gauges,
    /// What there may be.
    pub limits: &'a Limits,
    /// Where the memory goes.
    pub memory: &'a Memory,
    /// Since the start.
    pub uptime: Duration,
    /// The servers behind this one.
    pub upstreams: Vec<UpstreamView<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_door_has_its_place_and_its_name() {
        for (place, kind) in DoorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            let twins = DoorKind::ALL
                .iter()
                .filter(|twin| twin.name() == kind.name());
            assert_eq!(twins.count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn refusals_are_counted_by_their_reason() {
        let mut refusals = Refusals::default();
        refusals.count(Refusal::NotJson);
        refusals.count(Refusal::MethodWrong("GET"));
        refusals.count(Refusal::MethodWrong("POST"));
        let counted: Vec<_> = refusals.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("method_wrong", 2), ("not_json", 1)]);
        assert_eq!(refusals.total(), 3);
    }

    #[test]
    fn an_error_is_counted_once_whatever_it_is() {
        let mut stats = Stats {
            malformed: 1,
            errors: 10,
            calls_failed: 100,
            ..Stats::default()
        };
        stats.refusals.count(Refusal::Stopping);
        assert_eq!(stats.errors_total(), 112);
    }
}
