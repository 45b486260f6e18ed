//! Every bound of slimcp: its name, unit, default, reason and cost in bytes.
//!
//! Two kinds live here. [`Limits`] and [`Timeouts`] are what the operator may set; the constants
//! are fixed and each says why. [`Memory::of`] adds up what the tables for the chosen capacities
//! cost at most; whatever `limits.memory` leaves over is the one shared byte budget from which
//! everything of variable size is drawn.
//!
//! A limit that no code checks is a bug: each has a test that reaches it and goes one past it.

mod shown;

use std::time::Duration;

pub use shown::Size;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Capacities, fixed at start (`[limits]` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The ceiling: bytes of memory the daemon never passes.
    pub memory_bytes_max: usize,
    /// Open connections, idle ones and streams included.
    pub connections_max: u32,
    /// Sessions of all transports together.
    pub sessions_max: u32,
    /// Tool calls in flight.
    pub calls_max: u32,
    /// Tasks: calls in the background, and those that are over and kept.
    pub tasks_max: u32,
    /// Processes of upstreams that run at once.
    pub children_max: u32,
    /// Bytes of one HTTP request body.
    pub body_bytes_max: usize,
    /// Bytes of events that one stream keeps for `Last-Event-ID`.
    pub replay_bytes_max: usize,
    /// Bytes of one tool's output.
    pub output_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes_max: 8 * MIB,
            connections_max: 1024,
            sessions_max: 1000,
            calls_max: 32,
            tasks_max: 64,
            children_max: 16,
            body_bytes_max: MIB,
            replay_bytes_max: 64 * KIB,
            output_bytes_max: 256 * KIB,
        }
    }
}

impl Limits {
    /// Streams: one listening stream per session, and one pending answer or one subscription per
    /// connection.
    pub const fn streams_max(&self) -> u32 {
        self.sessions_max + self.connections_max
    }

    /// Deadlines scheduled at once: one per session or its listening stream, one per answer,
    /// connection, call, task, child and upstream, one for the drain and one for what is looked at.
    pub const fn deadlines_max(&self) -> u32 {
        let clients = self.sessions_max + self.streams_max() + self.connections_max;
        let work = self.calls_max + self.tasks_max + self.children_max + UPSTREAMS_MAX as u32;
        clients + work + 2
    }
}

/// Periods after which something is given up or repeated (`[timeouts]` in the configuration).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Interval of heartbeats on every open stream. Proxies cut quiet streams after 30 to 300 s.
    pub heartbeat: Duration,
    /// A session without a stream and without a request for this long ends.
    pub idle: Duration,
    /// A peer that acknowledges nothing for this long is gone.
    pub dead: Duration,
    /// From the first byte of a request head to its last.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// One tool call, unless the tool has a timeout of its own.
    pub call: Duration,
    /// The same for a call in the background, and how long its result is kept.
    pub task: Duration,
    /// From the order to stop until calls in flight are given up.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            heartbeat: Duration::from_secs(25),
            idle: Duration::from_secs(3600),
            dead: Duration::from_secs(60),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            call: Duration::from_secs(60),
            task: Duration::from_secs(3600),
            drain: Duration::from_secs(10),
        }
    }
}

// ---- HTTP ----

/// Bytes of one request head. nginx allows 8 KiB a line and 32 KiB in all, Node 16 KiB.
pub const HEAD_BYTES_MAX: usize = 16 * KIB;

/// Header fields of one request. Browsers behind two proxies send about thirty.
pub const HEADERS_MAX: usize = 64;

/// Bytes that one read takes from a socket; one such buffer serves all connections, since reading
/// never waits. Allocators map a buffer of this size by itself, so that memory is touched only as
/// far as peers send.
pub const READ_BYTES: usize = 128 * KIB;

/// Bytes of one chunk-size line, extensions included (RFC 9112 section 7.1.1 asks for a limit).
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// Bytes of all trailer fields together; they are read and dropped.
pub const TRAILER_BYTES_MAX: usize = 4 * KIB;

/// How long a kept connection may stay silent between two requests; nginx says the same.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client that met a full table should wait before it tries again (`Retry-After`).
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

// ---- who may ask ----

/// Bytes of one JWT. Those of identity providers have 500 to 2,000; a quarter of a request's head.
pub const JWT_BYTES_MAX: usize = 4 * KIB;

/// Clients whose requests are counted apart, by address and by principal each. A small machine has
/// a handful; this is how many may be over their rate before one pays for another.
pub const RATES_MAX: u32 = 1024;

/// How long a browser need not ask again what another origin may send; no browser remembers longer
/// than two hours.
pub const PREFLIGHT_AGE: Duration = Duration::from_secs(7200);

/// Entries of `origins`: a place in the list fits into a byte.
pub const ORIGINS_MAX: usize = 256;

// ---- JSON-RPC and MCP ----

/// Bytes of a request id or progress token as written by the client. UUIDs have 38 with quotes.
pub const ID_BYTES_MAX: usize = 128;

/// Messages in one batch (2025-03-26 only).
pub const BATCH_MESSAGES_MAX: usize = 32;

/// Nesting of a JSON message. serde_json looks at the depth of what it parses, but not of raw
/// values, so brackets are counted first.
pub const JSON_DEPTH_MAX: usize = 128;

/// Entries in one page of `tools/list` and the other listings.
pub const PAGE_ENTRIES_MAX: usize = 100;

/// Values in one answer to `completion/complete`; the protocol's own limit.
pub const COMPLETIONS_MAX: usize = 100;

/// Bytes of a resource's URI. Longer ones are known to nobody: proxies give up at 2 to 8 KiB.
pub const URI_BYTES_MAX: usize = 4 * KIB;

/// Resources that one session or one subscription may be told of, and tasks.
pub const SUBSCRIPTIONS_MAX: usize = 64;

/// Sessions that one view of them lists.
pub const SESSIONS_SHOWN_MAX: usize = 100;

/// Questions of one call that its client has not answered. A form has many fields; this is how many
/// forms.
pub const ASKS_MAX: usize = 16;

/// How long a call waits for its client to answer a question. A person may have to be found first.
pub const ANSWER_WAIT: Duration = Duration::from_secs(600);

/// How long a client of 2026-07-28 may go by a listing before it asks again; one that listens for
/// changes hears of them at once.
pub const LISTING_FRESH: Duration = Duration::from_secs(60);

// ---- streams ----

/// Bytes of the name of an event that is broadcast, and of one that a stream asks for. Names are
/// words; one byte has to hold their length.
pub const EVENT_NAME_BYTES_MAX: usize = 64;

/// Names of broadcasts that one stream may ask for; a page has no more kinds of events than that.
pub const EVENT_NAMES_MAX: usize = 16;

/// A legacy answer that takes longer than this starts its stream, so that heartbeats keep proxies
/// from cutting it.
pub const ANSWER_HOLD: Duration = Duration::from_secs(10);

/// How long a stream that was cut keeps its events, and its session its life, for a client that
/// comes back.
pub const RESUME_WINDOW: Duration = Duration::from_secs(60);

/// `retry:` sent to 2025-11-25 clients with the priming event.
pub const RETRY_MILLIS: u32 = 1000;

/// Events that one stream keeps, whatever their size.
pub const RING_EVENTS_MAX: usize = 1024;

/// What one kept event costs beside its payload: its place in the ring and two words of the
/// allocator.
pub const EVENT_OVERHEAD_BYTES: usize = 64;

/// Bytes encoded for one stream before it is asked whether the peer takes them.
pub const TRANSMIT_BYTES_MAX: usize = 32 * KIB;

/// Heartbeats and other coarse deadlines fall on multiples of this, so that ten thousand of them
/// wake the machine once.
pub const COARSE: Duration = Duration::from_secs(1);

// ---- command tools ----

/// From TERM to KILL for the process group of a command that has to go.
pub const KILL_GRACE: Duration = Duration::from_secs(2);

/// Bytes of one line of a command's output that is told as progress or as a log message.
pub const OUTPUT_LINE_BYTES_MAX: usize = 4 * KIB;

/// Bytes of a command's stderr kept for the error message; the last ones, where the reason stands.
pub const STDERR_BYTES_MAX: usize = 4 * KIB;

/// Calls that wait for a tool whose concurrency is used up, unless the tool says otherwise.
pub const QUEUE_DEFAULT: u32 = 8;

/// Tools of one server.
pub const TOOLS_MAX: usize = 256;

// ---- resources and prompts ----

/// Resources of one server, the files of its folders counted in. Ten pages of a listing; no person
/// looks further, and no model should.
pub const RESOURCES_MAX: usize = 1000;

/// Resources that are looked at for those who subscribe to them. Each is a question to the system,
/// every few seconds.
pub const WATCHED_MAX: usize = 256;

/// Prompts of one server. A person chooses among them.
pub const PROMPTS_MAX: usize = 256;

// ---- tasks ----

/// How long a client should wait before it asks again how a task is (`pollIntervalMs`).
pub const TASK_POLL: Duration = Duration::from_secs(1);

/// Bytes of what a task last said of its progress.
pub const TASK_MESSAGE_BYTES_MAX: usize = 256;

/// Tasks that `task-status` lists: a model reads every line of it.
pub const TASKS_SHOWN_MAX: usize = 20;

// ---- upstreams ----

/// MCP servers behind this one. Each is a process of 20 to 130 MB.
pub const UPSTREAMS_MAX: usize = 32;

/// Characters of a name that is made for a tool or prompt of an upstream: what models' APIs take.
pub const TOOL_NAME_CHARS_MAX: usize = 64;

/// Tools of all upstreams together, besides [`TOOLS_MAX`] of one's own. No model chooses well among
/// a tenth of that.
pub const OFFERED_TOOLS_MAX: usize = 1024;

/// Bytes of what several upstreams together say to a model of themselves. Every conversation begins
/// with it.
pub const INSTRUCTIONS_BYTES_MAX: usize = 8 * KIB;

/// How long after the start a request for everything waits for upstreams of which nothing is known
/// yet. Some clients give up after 10 s.
pub const OFFERS_WAIT: Duration = Duration::from_secs(5);

/// Children that start at once; the others wait for their turn. An interpreter that loads its
/// packages keeps a core and the disk of a small machine busy for seconds.
pub const STARTS_MAX: usize = 2;

/// From a child's failure until another one is started in its place.
pub const BACK_OFF_FIRST: Duration = Duration::from_secs(1);

/// The same after many failures in a row, before chance adds up to a quarter.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// A child that has run for this long was no failure in a row with those before it.
pub const BACK_OFF_RESET: Duration = Duration::from_secs(60);

/// Sessions and principals of one upstream whose failures are remembered, each for as long as its
/// back-off lasts.
pub const FAILURES_MAX: usize = 16;

/// Bytes of variables that an upstream of which nothing is known is asked with.
pub const ENVIRONMENT_BYTES_MAX: usize = 4 * KIB;

/// Children of one kind that are held by calls whose clients may never come back with answers,
/// before one more costs the oldest of those calls its place.
pub const HELD_CHILDREN_MAX: usize = 2;

/// How long a child of which a call has heard nothing may take to answer a question that every
/// child answers at once.
pub const HANG_WAIT: Duration = Duration::from_secs(2);

/// How long a child is listened to for further questions before those of one turn go to a client
/// of 2026-07-28 together.
pub const QUESTIONS_WAIT: Duration = Duration::from_millis(10);

/// From the end of a session's child to that of the session: its calls are answered first.
pub const LOST_SESSION_WAIT: Duration = Duration::from_millis(100);

/// Bytes on their way to a child that does not read them. Beyond that calls are refused.
pub const CHILD_INPUT_BYTES_MAX: usize = 2 * MIB;

/// Lines of nonsense that a child may write between two that make sense: some print a banner, or
/// what they were asked, on stdout.
pub const CHILD_NOISE_MAX: u32 = 1000;

/// Least time between two readings of what a child offers, however often it says that it changes.
pub const LISTING_PAUSE: Duration = Duration::from_millis(500);

/// Lines of a child's stderr that the log has of one burst, and in a minute.
pub const STDERR_LINES: u32 = 60;

/// Letters of a child's last words on stderr that are kept for whoever asks why it has ended.
pub const LAST_WORDS_MAX: usize = 256;

/// Bytes that the listings of one upstream may have together. Servers with a hundred tools have
/// 100 KiB; a model is told all of it.
pub const LISTING_BYTES_MAX: usize = 256 * KIB;

/// Pages of one listing. Servers send 10 to 100 entries on each.
pub const LISTING_PAGES_MAX: usize = 100;

/// Bytes of a listing's cursor, which goes back to the child as it came.
pub const CURSOR_BYTES_MAX: usize = 4 * KIB;

/// Bytes of an upstream's instructions, and of what it says of its name and looks.
pub const INTRODUCTION_BYTES_MAX: usize = 16 * KIB;

/// Bytes of the file that keeps what is known of one upstream. Instructions may be six times as
/// long there as they are, if all of them is control characters.
pub const KEPT_BYTES_MAX: usize = 512 * KIB;

const _: () = assert!(KEPT_BYTES_MAX > LISTING_BYTES_MAX + 7 * INTRODUCTION_BYTES_MAX + 4 * KIB);

/// How long a throw-away child may take to answer `server/discover` before it is asked for a
/// handshake as well. Servers of older revisions may pass the question over.
pub const PROBE_WAIT: Duration = Duration::from_secs(2);

/// Times that a child may ask in one call by answering with questions.
pub const ASK_ROUNDS_MAX: u8 = 10;

/// Times that a child may say in one call that it wants to be asked again, without a question.
pub const ASK_AGAIN_MAX: u8 = 3;

/// Requests to one child whose answers nobody waits for any more that are remembered. An answer to
/// one that is forgotten is noise.
pub const CHILD_FORGOTTEN_MAX: usize = 64;

/// Bytes that what is written to a child may take while there is nothing to write.
pub const CHILD_OUTPUT_KEPT_BYTES: usize = 4 * KIB;

// ---- who asks ----

/// Tokens of one server. Each request that shows one is compared with all of them.
pub const TOKENS_MAX: usize = 256;

/// Networks that have a role, and as many of proxies. Requests are compared with them one by one.
pub const NETWORKS_MAX: usize = 64;

// ---- the cost of the tables ----

/// Program, runtime, main stack, the shared read and write buffers, registry and configuration.
/// Measured at about 0.6 MiB (static musl, armv7) and 1.0 MiB private (glibc).
pub const BASE_BYTES: usize = MIB + MIB / 4;

/// One connection: its record, its socket's place, its deadline. Measured at 183 bytes. What it
/// holds of a request or an answer comes out of the budget.
pub const CONNECTION_BYTES: usize = 256;

/// One session: record, index entry, its stream with what that waits for, two deadlines. Measured
/// at 248 bytes, 56 more while the stream is an answer that is kept for replay.
pub const SESSION_BYTES: usize = 304;

/// One pending answer: stream record, answer state, two deadlines. Measured at 240 bytes, the
/// engine's record of the connection included.
pub const STREAM_BYTES: usize = 256;

/// One call in flight: record, the task that watches its process, three pipes, a read buffer.
pub const CALL_BYTES: usize = 12 * KIB;

/// One task: record, what it last said, deadline. Its result comes out of the budget.
pub const TASK_BYTES: usize = 768;

/// One child: record, the task that reads it, three pipes, two read buffers. What is on its way to
/// it and from it comes out of the budget.
pub const CHILD_BYTES: usize = 16 * KIB;

/// The counts of requests: names, buckets and two index entries for [`RATES_MAX`] addresses and as
/// many principals. Allocated only where a rate is set, and counted always.
pub const RATES_BYTES: usize = 2 * RATES_MAX as usize * 48;

/// What the one request or outcome in hand takes beside its share of the budget: its arguments, the
/// answer as JSON, and the answer in the buffer it is sent from.
const fn scratch_bytes(limits: &Limits) -> usize {
    limits.body_bytes_max + 2 * limits.output_bytes_max
}

/// The least budget that makes sense: one body, one output and one replay ring at their largest.
const fn budget_bytes_min(limits: &Limits) -> usize {
    limits.body_bytes_max + limits.output_bytes_max + limits.replay_bytes_max
}

/// Where the memory goes: the sum that is printed at start, exported as a gauge and held by tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The ceiling itself, in bytes.
    pub ceiling: usize,
    /// The shared byte budget: what the tables leave over.
    pub budget: usize,
    /// The summands beside the budget, each with its name and bytes.
    pub tables: [(&'static str, usize); 9],
}

/// The capacities need more than `limits.memory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLittleMemory {
    /// Bytes that would be enough.
    pub needed: usize,
    /// The sum, as [`Memory`] would show it.
    pub tables: [(&'static str, usize); 9],
    /// Least bytes of shared budget.
    pub budget_min: usize,
}

impl Memory {
    /// Adds up the tables for `limits` and leaves the rest as budget.
    pub fn of(limits: &Limits) -> Result<Memory, Box<TooLittleMemory>> {
        let tables = [
            ("base", BASE_BYTES),
            (
                "connections",
                limits.connections_max as usize * CONNECTION_BYTES,
            ),
            ("sessions", limits.sessions_max as usize * SESSION_BYTES),
            ("answers", limits.connections_max as usize * STREAM_BYTES),
            ("calls", limits.calls_max as usize * CALL_BYTES),
            ("tasks", limits.tasks_max as usize * TASK_BYTES),
            ("children", limits.children_max as usize * CHILD_BYTES),
            ("rates", RATES_BYTES),
            ("scratch", scratch_bytes(limits)),
        ];
        let fixed: usize = tables.iter().map(|(_, bytes)| bytes).sum();
        let budget_min = budget_bytes_min(limits);
        match limits.memory_bytes_max.checked_sub(fixed) {
            Some(budget) if budget >= budget_min => Ok(Memory {
                ceiling: limits.memory_bytes_max,
                budget,
                tables,
            }),
            _ => Err(Box::new(TooLittleMemory {
                needed: fixed + budget_min,
                tables,
                budget_min,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_and_add_up() {
        let memory = Memory::of(&Limits::default()).expect("the defaults must start");
        let tables: usize = memory.tables.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(tables + memory.budget, memory.ceiling);
        assert!(memory.budget >= 3 * MIB, "{memory}");
    }

    #[test]
    fn one_byte_too_little_is_refused_with_the_sum() {
        let mut limits = Limits::default();
        let needed = Memory::of(&Limits {
            memory_bytes_max: 0,
            ..limits.clone()
        })
        .unwrap_err()
        .needed;
        limits.memory_bytes_max = needed;
        assert!(Memory::of(&limits).is_ok());
        limits.memory_bytes_max = needed - 1;
        let refused = Memory::of(&limits).unwrap_err();
        assert_eq!(refused.needed, needed);
        assert!(
            refused.to_string().contains("raise limits.memory"),
            "{refused}"
        );
    }

    #[test]
    fn sizes_read_well() {
        let texts = [0, 1023, 1024, 1536, 8 * MIB].map(|bytes| Size(bytes).to_string());
        assert_eq!(texts, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "8.0 MiB"]);
    }
}
