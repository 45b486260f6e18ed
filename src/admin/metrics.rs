//! `/metrics`: the Prometheus text format, version 0.0.4, from a snapshot of plain values.
//!
//! Every label has a small set of values, which the program or the configuration fixes, so the
//! text has a fixed number of lines: one pass over the counters, whatever the server holds. Nothing
//! in it names a client, a token or a tool.
//! Five families have the names of older servers, so that their dashboards go on working; all
//! others begin with `slimcp_`. What is now has `_active` or `_used` in its name, what may be
//! `_max`, what has been `_total`.

use super::histogram::{Histogram, REQUESTS, SESSIONS, Scale, Seconds};
use super::stats::{DoorKind, Gauges, Snapshot, Stats};
use crate::upstream::supervise::State;
use crate::upstream::view::UpstreamView;
use std::fmt::{Display, Write};

/// What the text is sent as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A little more than the text needs when it is young, so that it is not moved while it grows.
const BYTES_USUAL: usize = 16 * 1024;

/// The whole text.
pub fn metrics(snapshot: &Snapshot<'_>) -> String {
    let mut text = Text(String::with_capacity(BYTES_USUAL));
    let stats = snapshot.stats;
    text.family("slimcp_build_info", "gauge", "The version, as a label.");
    let version = Some(("version", env!("CARGO_PKG_VERSION")));
    text.sample("slimcp_build_info", "", version, 1);
    gauges(&mut text, &snapshot.gauges);
    room(&mut text, snapshot);
    traffic(&mut text, stats);
    work(&mut text, stats);
    refusals(&mut text, stats);
    doors(&mut text, stats);
    upstreams(&mut text, &snapshot.upstreams);
    let name = "request_duration_seconds";
    text.family(name, "histogram", "From request to answer, all doors.");
    text.histogram(name, None, &REQUESTS, &stats.request_duration());
    let name = "session_duration_seconds";
    text.family(name, "histogram", "How long ended sessions lasted.");
    text.histogram(name, None, &SESSIONS, &stats.session_duration);
    text.0
}

/// Families of one sample each, as a table: name, what it means, value.
macro_rules! families {
    ($text:ident, $kind:literal: $($name:literal $help:literal = $value:expr,)*) => {
        const NAMES: &[(&str, &str)] = &[$(($name, $help)),*];
        let values: [u64; NAMES.len()] = [$($value),*];
        for ((name, help), value) in NAMES.iter().zip(values) {
            $text.single(name, $kind, help, value);
        }
    };
}

/// What there is right now.
fn gauges(text: &mut Text, now: &Gauges) {
    families! { text, "gauge":
        "sse_connections_active"
            "Open event streams that clients listen on." = now.listening.into(),
        "slimcp_connections_active" "Open connections." = now.connections.into(),
        "slimcp_sessions_active" "Sessions." = now.sessions.into(),
        "slimcp_streams_active"
            "Streams, pending answers and those kept for replay included." = now.streams.into(),
        "slimcp_calls_active" "Tool calls in flight." = now.calls.into(),
        "slimcp_tasks_active"
            "Tasks, finished ones that are kept included." = now.tasks.into(),
        "slimcp_deadlines_active" "Deadlines that are waited for." = now.deadlines.into(),
        "slimcp_memory_budget_used_bytes"
            "Bytes of the shared budget in use." = now.budget_bytes as u64,
    }
}

/// What there may be, and since when.
fn room(text: &mut Text, snapshot: &Snapshot<'_>) {
    let (limits, memory) = (snapshot.limits, snapshot.memory);
    families! { text, "gauge":
        "slimcp_connections_max" "limits.connections." = limits.connections_max.into(),
        "slimcp_sessions_max" "limits.sessions." = limits.sessions_max.into(),
        "slimcp_streams_max" "Room for streams." = limits.streams_max().into(),
        "slimcp_calls_max" "limits.calls." = limits.calls_max.into(),
        "slimcp_tasks_max" "limits.tasks." = limits.tasks_max.into(),
        "slimcp_body_max_bytes" "limits.body." = limits.body_bytes_max as u64,
        "slimcp_replay_max_bytes" "limits.replay." = limits.replay_bytes_max as u64,
        "slimcp_output_max_bytes" "limits.output." = limits.output_bytes_max as u64,
        "slimcp_memory_ceiling_bytes"
            "limits.memory, which is never passed." = memory.ceiling as u64,
        "slimcp_memory_budget_bytes"
            "The shared budget: what the tables leave of the ceiling." = memory.budget as u64,
        "slimcp_uptime_seconds" "Since the start." = snapshot.uptime.as_secs(),
    }
}

/// What came, what went, and what was lost on the way.
fn traffic(text: &mut Text, stats: &Stats) {
    families! { text, "counter":
        "messages_received_total" "JSON-RPC messages from clients." = stats.messages,
        "errors_total"
            "Requests refused, malformed or wrong, and failed calls." = stats.errors_total(),
        "slimcp_malformed_total"
            "Requests that are no HTTP, messages that are no JSON-RPC." = stats.malformed,
        "slimcp_rpc_errors_total" "JSON-RPC requests for what does not exist." = stats.errors,
        "slimcp_unauthorized_total"
            "Requests without the credentials they need." = stats.unauthorized,
        "slimcp_rate_limited_total" "Requests over a rate." = stats.rate_limited,
        "slimcp_received_bytes_total" "Bytes read from sockets." = stats.received_bytes,
        "slimcp_sent_bytes_total" "Bytes written to sockets." = stats.sent_bytes,
        "slimcp_event_bytes_total" "Bytes of event streams." = stats.event_bytes,
        "slimcp_writes_blocked_total" "Writes that a connection took only in part." = stats.blocked,
        "slimcp_streams_cut_total" "Streams whose connection broke." = stats.streams_cut,
        "slimcp_streams_resumed_total" "Streams resumed." = stats.resumed,
        "slimcp_resume_gaps_total"
            "Resumptions refused, since events were gone." = stats.resume_gaps,
        "slimcp_lag_disconnects_total"
            "Streams ended, since their client lagged or memory ran out." = stats.lagging,
        "slimcp_events_shed_total"
            "Progress and log lines left out for lagging clients." = stats.events_shed,
        "slimcp_broadcasts_total" "Broadcasts taken." = stats.broadcasts,
        "slimcp_broadcast_deliveries_total"
            "Streams that broadcasts were queued on." = stats.broadcast_deliveries,
        "slimcp_memory_refusals_total"
            "Wishes for bytes of the budget that could not be met." = stats.memory_refusals,
    }
}

/// Connections, sessions and calls that have been.
fn work(text: &mut Text, stats: &Stats) {
    families! { text, "counter":
        "slimcp_connections_total" "Connections admitted." = stats.connections,
        "slimcp_connections_shed_total"
            "Connections refused for want of room." = stats.connections_shed,
        "slimcp_connections_timed_out_total"
            "Connections closed, since their peer was silent." = stats.connections_timed_out,
        "slimcp_sessions_total" "Sessions opened." = stats.sessions,
        "slimcp_sessions_evicted_total"
            "Sessions ended to make room for others." = stats.sessions_evicted,
        "slimcp_sessions_expired_total"
            "Sessions ended, since they were unused." = stats.sessions_expired,
        "slimcp_calls_total" "Tool calls." = stats.calls,
        "slimcp_calls_failed_total" "Calls whose outcome was an error." = stats.calls_failed,
        "slimcp_calls_cancelled_total"
            "Calls cancelled by their client or its disappearance." = stats.calls_cancelled,
        "slimcp_calls_timed_out_total" "Calls stopped at their timeout." = stats.calls_timed_out,
        "slimcp_calls_refused_total"
            "Calls refused, since the table or the tool's queue was full." = stats.calls_refused,
        "slimcp_calls_evicted_total"
            "Calls ended to make room, whose client had questions to answer." = stats.calls_evicted,
        "slimcp_calls_resumed_total"
            "Calls that went on with a client's answers." = stats.calls_resumed,
        "slimcp_asks_total" "Questions of calls to their clients." = stats.asks,
        "slimcp_asks_refused_total" "Questions that could not be asked." = stats.asks_refused,
        "slimcp_responses_unasked_total"
            "Responses of clients to nothing that is asked." = stats.responses_unasked,
        "slimcp_tasks_total" "Calls in the background." = stats.tasks,
        "slimcp_tasks_refused_total"
            "Calls that could not go to the background, since the table was full." =
                stats.tasks_refused,
        "slimcp_tasks_evicted_total"
            "Finished tasks forgotten to make room for others." = stats.tasks_evicted,
        "slimcp_answers_unwanted_total"
            "Answers that nobody could receive any more." = stats.answers_unwanted,
    }
}

/// Refusals by reason.
fn refusals(text: &mut Text, stats: &Stats) {
    let name = "slimcp_refusals_total";
    text.family(name, "counter", "Requests refused.");
    for (reason, count) in stats.refusals.iter() {
        text.sample(name, "", Some(("reason", reason)), count);
    }
}

/// Requests and their duration by door.
fn doors(text: &mut Text, stats: &Stats) {
    let doors = || DoorKind::ALL.iter().zip(&stats.doors);
    let name = "slimcp_requests_total";
    text.family(name, "counter", "HTTP requests.");
    for (kind, door) in doors() {
        text.sample(name, "", Some(("door", kind.name())), door.requests);
    }
    let name = "slimcp_request_duration_seconds";
    text.family(name, "histogram", "From request to answer, by door.");
    for (kind, door) in doors() {
        let label = Some(("door", kind.name()));
        text.histogram(name, label, &REQUESTS, &door.duration);
    }
}

/// Families with one sample for each server: name, kind, what it means, value.
type OfUpstream = (
    &'static str,
    &'static str,
    &'static str,
    fn(&UpstreamView<'_>) -> u64,
);

const OF_UPSTREAMS: [OfUpstream; 8] = [
    (
        "slimcp_upstream_up",
        "gauge",
        "0 while the server has failed, 1 while it runs or starts when it is wanted.",
        |view| u64::from(view.state != State::Failed.name()),
    ),
    (
        "slimcp_upstream_children_active",
        "gauge",
        "Processes of the server.",
        |view| view.children.into(),
    ),
    (
        "slimcp_upstream_calls_active",
        "gauge",
        "Calls that its processes work on.",
        |view| view.calls.into(),
    ),
    (
        "slimcp_upstream_calls_total",
        "counter",
        "Calls that were sent to the server.",
        |view| view.counts.calls,
    ),
    (
        "slimcp_upstream_calls_refused_total",
        "counter",
        "Calls refused because the server had failed just before.",
        |view| view.counts.refused,
    ),
    (
        "slimcp_upstream_starts_total",
        "counter",
        "Processes started, those included that were asked what they can do.",
        |view| view.counts.starts,
    ),
    (
        "slimcp_upstream_restarts_total",
        "counter",
        "Of those the ones started after another had failed.",
        |view| view.counts.restarts,
    ),
    (
        "slimcp_upstream_failures_total",
        "counter",
        "Processes that have ended, or had to be ended, though nobody wanted that.",
        |view| view.counts.failures,
    ),
];

/// The servers behind this one, if there are any.
fn upstreams(text: &mut Text, upstreams: &[UpstreamView<'_>]) {
    if upstreams.is_empty() {
        return;
    }
    for (name, kind, help, value) in OF_UPSTREAMS {
        text.family(name, kind, help);
        for view in upstreams {
            text.sample(name, "", Some(("server", &view.spec.name)), value(view));
        }
    }
}

/// A label's name and value. Values are ours, or names of servers: none has a quote, a backslash or
/// a line end.
type Label<'a> = Option<(&'static str, &'a str)>;

/// The text as far as it is written.
struct Text(String);

impl Text {
    /// Begins a family; its samples follow.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// A family of one sample.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, "", None, value);
    }

    /// One sample, whose name has `suffix` behind that of its family.
    fn sample(&mut self, name: &str, suffix: &str, label: Label<'_>, value: impl Display) {
        match label {
            None => self.line(format_args!("{name}{suffix} {value}")),
            Some((key, text)) => {
                self.line(format_args!("{name}{suffix}{{{key}=\"{text}\"}} {value}"));
            }
        }
    }

    /// The samples of a histogram.
    fn histogram(&mut self, name: &str, label: Label<'_>, scale: &Scale, histogram: &Histogram) {
        let (key, text) = label.unwrap_or_default();
        let (equals, comma) = if label.is_some() {
            ("=\"", "\",")
        } else {
            ("", "")
        };
        let mut bucket = |bound: &dyn Display, count: u64| {
            self.line(format_args!(
                "{name}_bucket{{{key}{equals}{text}{comma}le=\"{bound}\"}} {count}"
            ));
        };
        for (bound, count) in scale.0.into_iter().zip(histogram.cumulative()) {
            bucket(&Seconds(bound), count);
        }
        bucket(&"+Inf", histogram.count());
        self.sample(name, "_sum", label, histogram.sum());
        self.sample(name, "_count", label, histogram.count());
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes whatever is written to it");
    }
}

#[cfg(test)]
mod tests;
