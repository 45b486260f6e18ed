//! The engine: all state, every decision, no I/O.
//!
//! Bytes and events go in through `handle_*`, together with the time; what is to be done comes out
//! through `poll_*`. One input, then everything out, then the next input: between two inputs the
//! engine is consistent, and [`Engine::check`] says what that means.
//!
//! | in | when |
//! |---|---|
//! | [`Engine::open_connection`], [`Engine::close_connection`] | a socket came or went |
//! | [`Engine::handle_waiting`] | a connection waits for (more of) a request |
//! | [`Engine::handle_request`] | a whole request is here |
//! | [`Engine::handle_parked`], [`Engine::handle_blocked`], [`Engine::handle_drained`], [`Engine::handle_stream_closed`] | what became of a stream's socket |
//! | [`Engine::handle_line`], [`Engine::handle_outcome`] | a command reports, is over |
//! | [`Engine::handle_said`], [`Engine::handle_ended`] | the same for a function |
//! | [`Engine::handle_waiting_call`] | a function can go no further now |
//! | [`Engine::handle_seen`], [`Engine::handle_resource_updated`] | a resource was looked at, has changed |
//! | [`Engine::handle_traffic`], [`Engine::handle_malformed`] | bytes to be counted |
//! | [`Engine::handle_timeout`] | [`Engine::poll_timeout`] has come |
//! | [`Engine::tools_changed`], [`Engine::prompts_changed`], [`Engine::resources_changed`], [`Engine::handle_resource_updated`] | what is listed, or can be read, is not what it was |
//! | [`Engine::handle_child_line`], [`Engine::handle_child_stderr`], [`Engine::handle_child_noise`] | a child of an upstream has written something |
//! | [`Engine::take_listing`] | what an upstream offers was known before |
//! | [`Engine::handle_child_closed`] | it can no longer be spoken to |
//! | [`Engine::handle_child_exit`] | it is gone, or could not be started |
//! | [`Engine::reload`], [`Engine::drain`] | the operator asks |
//!
//! | out | what |
//! |---|---|
//! | [`Engine::poll_job`] | work for the edge: run, terminate, kill, look, close, give back a request |
//! | [`Engine::child_output`], [`Engine::child_written`] | bytes for a child, and what it took |
//! | [`Engine::poll_ready`], [`Engine::poll_transmit`] | a stream with something to send, its bytes |
//! | [`Engine::poll_timeout`] | when to call `handle_timeout` |
//!
//! The state lives in six tables of fixed capacity (connections, sessions, streams, calls, tasks,
//! children), one timer wheel, one byte budget, and the buckets of those whose requests are
//! counted. Each file of this folder owns the transitions of one of them.

mod answer;
mod ask;
pub mod call;
mod catalogue;
mod check;
pub mod child;
mod children;
pub mod connection;
mod contents;
mod dispatch;
mod doors;
mod drain;
mod forward;
mod handshake;
mod heard;
mod heed;
mod held;
mod listen;
mod news;
mod offers;
mod places;
mod probing;
mod progress;
mod quota;
mod rates;
mod renew;
mod replay;
mod report;
mod round;
pub mod route;
mod scope;
pub mod session;
mod sessions;
mod starts;
mod stats;
mod stop;
pub mod stream;
mod streams;
pub mod task;
mod tasks;
mod transmit;
mod unanswered;
mod watch;

use crate::admin::stats::{DoorKind, Stats};
use crate::auth::origin::Origins;
use crate::auth::{Access, Principal};
use crate::bounded::{Key, Pool, Slab, Timer, Wheel};
use crate::limits::{Limits, Memory, Timeouts};
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::message::ServerInfo;
use crate::mcp::refusal::Refusal;
use crate::mcp::request_state::SealKey;
use crate::mcp::stateless;
use crate::time::{Instant, UnixMillis};
use crate::tool::ask::Answered;
use crate::tool::catalogue::Catalogue;
use crate::tool::command::CommandLine;
use crate::tool::forward::Scope;
use crate::tool::handler::Told;
use crate::tool::registry::Registry;
use crate::tool::{Tool, Work};
use crate::upstream::UpstreamIndex;
use crate::wire::compat::Compat;
use crate::wire::dialect::Dialect;
use call::Call;
use child::Child;
use children::Children;
use connection::Connection;
use drain::Drain;
use heed::Heeded;
use places::ToolState;
use rates::Rates;
use session::{Session, SessionId, Sessions};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use stream::Stream;
use task::Task;
use watch::Watch;

pub use crate::mcp::revision::Era;
pub use doors::Reply;
pub use stream::Transmit;

/// What an engine is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// `name` of the configuration, `serverInfo.name` on the wire.
    pub name: String,
    /// `serverInfo.title`: the name for people.
    pub title: Option<String>,
    /// What a model should know of this server.
    pub instructions: Option<String>,
    /// Which hosts and origins are ours.
    pub origins: Origins,
    /// Who may do what.
    pub access: Access,
    /// Whether browsers are shown the console.
    pub console: bool,
    /// What older front-ends expect.
    pub compat: Compat,
    /// Capacities.
    pub limits: Limits,
    /// Periods.
    pub timeouts: Timeouts,
}

impl Config {
    /// Who the server is, as results of 2026-07-28 say it.
    fn stamp(&self) -> String {
        stateless::stamp(self.server())
    }

    /// Who the server is.
    fn server(&self) -> ServerInfo<'_> {
        ServerInfo {
            name: &self.name,
            title: self.title.as_deref(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Work for the edge.
#[derive(Debug)]
pub enum Job {
    /// Do the work, report lines, then the outcome.
    Start {
        /// Under this key.
        call: Key<Call>,
        /// The work.
        work: Work,
        /// What a function is told of the call.
        told: Told,
        /// Bytes of output to keep.
        output_bytes_max: usize,
    },
    /// Give the function at work the client's answer to one of its questions.
    Answer {
        /// The call that it works for.
        call: Key<Call>,
        /// What the question is known by.
        key: String,
        /// What the client says.
        answer: Answered,
    },
    /// Send TERM to the call's process group, or drop the function at work.
    Terminate(Key<Call>),
    /// Send KILL to the call's process group.
    Kill(Key<Call>),
    /// Look at a resource, and say what was seen as a number.
    Look {
        /// Its URI; empty for the listing of all collections.
        uri: Box<str>,
        /// How to look.
        work: Work,
        /// How long that may take.
        timeout: Duration,
    },
    /// Start a process of an upstream, read its lines, and report its end.
    Spawn {
        /// Under this key.
        child: Key<Child>,
        /// What to start.
        line: Rc<CommandLine>,
        /// Variables of its environment beside those of the line.
        environment: Vec<(String, String)>,
        /// Bytes that one line of its stdout may have.
        line_bytes_max: usize,
    },
    /// Keep what is known of an upstream for the next start of the daemon.
    Keep {
        /// Its name.
        upstream: Box<str>,
        /// What [`kept`](crate::upstream::kept) reads.
        text: Vec<u8>,
    },
    /// There is something for the child's stdin: [`Engine::child_output`].
    Feed(Key<Child>),
    /// Close the child's stdin: it is asked to end.
    CloseInput(Key<Child>),
    /// Send TERM to the child's process group.
    TerminateChild(Key<Child>),
    /// Send KILL to the child's process group.
    KillChild(Key<Child>),
    /// Drop the function at work and report nothing: the engine has forgotten the call already.
    Forget(Key<Call>),
    /// Give back the request that was to be served later ([`Reply::Later`]).
    Resume(Key<Connection>),
    /// Close the socket that carries this stream: the engine has forgotten the stream already, or
    /// lets another connection carry it from here on.
    CloseStream(Key<Stream>),
    /// Close this connection, which has waited too long for its peer.
    CloseConnection {
        /// The connection.
        connection: Key<Connection>,
        /// Whether part of a request is here, so that the peer is owed a 408.
        in_request: bool,
    },
}

/// What the wheel runs for. Each key has at most one deadline of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    /// A peer has been silent for too long.
    Connection(Key<Connection>),
    /// A session has been unused for too long.
    Session(Key<Session>),
    /// A heartbeat, the end of a hold, the end of a resume window: by the stream's phase.
    Stream(Key<Stream>),
    /// A call has run for too long, or a stopping one has used up its grace.
    Call(Key<Call>),
    /// A task that is over was kept for long enough.
    Task(Key<Task>),
    /// A child has not started in time, is unused, or has not ended.
    Child(Key<Child>),
    /// An upstream may be started again.
    Upstream(UpstreamIndex),
    /// The drain has lasted too long.
    Drain,
    /// A resource is to be looked at.
    Watch,
}

/// The whole state of a server.
pub struct Engine {
    config: Config,
    memory: Memory,
    registry: Registry,
    /// The tools that are none of upstreams.
    own_tools: Vec<Rc<dyn Tool>>,
    catalogue: Catalogue,
    tools: Vec<ToolState>,
    connections: Slab<Connection>,
    sessions: Sessions,
    streams: Slab<Stream>,
    calls: Slab<Call>,
    tasks: Slab<Task>,
    children: Children,
    wheel: Wheel<Deadline>,
    pool: Pool,
    /// What the edge has to do; drained after every input.
    jobs: VecDeque<Job>,
    /// Streams with something to send, each at most once.
    ready: VecDeque<Key<Stream>>,
    /// Where the search for replay memory to give up goes on.
    reclaim_hand: u32,
    drain: Option<Drain>,
    watch: Watch,
    /// Resources of upstreams that somebody wants to hear of.
    heeded: Vec<Heeded>,
    rates: Rates,
    /// What every result of 2026-07-28 has: members without braces.
    stamp: String,
    /// Requests of ours to clients; the number of the latest is its id.
    asks_sent: u64,
    /// What request states are sealed with. Drawn when it is first needed.
    seal_key: Option<SealKey>,
    stats: Stats,
    /// Listening streams that a connection carries.
    listening: u32,
    /// Where the request in hand came in: its calls are counted there.
    door: DoorKind,
    /// Headers of the request in hand that children of upstreams may be started with: names in
    /// lower case, and values.
    forwarded: Vec<(Box<str>, Box<str>)>,
    /// What was kept of upstreams, by their names; `None` where nothing is to be kept.
    kept: Option<ReadKept>,
    /// What tells environments apart that come from headers. Drawn when it is first needed.
    environment_key: Option<SessionId>,
    /// Draws session ids. Chance comes from outside, so that a simulation can repeat itself.
    draw_id: Box<dyn FnMut() -> SessionId>,
    /// What the machine's clock says, for timestamps and JWTs. Asked only where one is needed.
    wall_clock: Box<dyn Fn(Instant) -> UnixMillis>,
}

/// Reads what is kept of the upstream with a name.
pub type ReadKept = Box<dyn Fn(&str) -> Option<Vec<u8>>>;

/// On whose behalf a message is served, and how the answer is to be said.
#[derive(Clone, Copy, Debug)]
struct Asker {
    /// Who asks.
    principal: Principal,
    /// What is offered where it was asked.
    scope: Scope,
    /// In which session, if any.
    session: Option<Key<Session>>,
    /// The dialect of the door.
    dialect: Dialect,
    /// Which rules the message goes by.
    era: Era,
    /// What the client can be asked.
    client: Capabilities,
    /// The least severity of log messages that this one request wants; sessions have their own.
    log_level: Option<Level>,
    /// What every request is answered with: the client asks too often.
    refused: Option<Refusal>,
}

impl Engine {
    /// An engine with empty tables. `memory` is the sum for `config.limits`.
    pub fn new(
        config: Config,
        memory: Memory,
        registry: Registry,
        mut draw_id: Box<dyn FnMut() -> SessionId>,
    ) -> Engine {
        let limits = &config.limits;
        Engine {
            rates: Rates::new(&config.access, &mut draw_id),
            stamp: config.stamp(),
            connections: Slab::with_capacity(limits.connections_max),
            sessions: Sessions::new(limits.sessions_max),
            streams: Slab::with_capacity(limits.streams_max()),
            calls: Slab::with_capacity(limits.calls_max),
            tasks: Slab::with_capacity(limits.tasks_max),
            children: Children::new(limits.children_max),
            wheel: Wheel::with_capacity(limits.deadlines_max()),
            pool: Pool::new(memory.budget),
            tools: ToolState::for_registry(&registry),
            own_tools: registry.iter().cloned().collect(),
            jobs: VecDeque::new(),
            ready: VecDeque::new(),
            reclaim_hand: 0,
            drain: None,
            watch: Watch::default(),
            heeded: Vec::new(),
            asks_sent: 0,
            seal_key: None,
            stats: Stats::default(),
            listening: 0,
            door: DoorKind::None,
            forwarded: Vec::new(),
            kept: None,
            environment_key: None,
            config,
            memory,
            registry,
            catalogue: Catalogue::default(),
            draw_id,
            wall_clock: Box::new(|now| UnixMillis(now.millis())),
        }
    }

    /// The same engine with a clock for people; without one the start is 1970.
    pub fn with_wall_clock(mut self, clock: Box<dyn Fn(Instant) -> UnixMillis>) -> Engine {
        self.wall_clock = clock;
        self
    }

    /// The same engine with resources and prompts.
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Engine {
        self.catalogue = catalogue;
        self
    }

    /// The next piece of work for the edge.
    pub fn poll_job(&mut self) -> Option<Job> {
        loop {
            let job = self.jobs.pop_front()?;
            // A function ends at once, while jobs are done: its end may be the last thing that a
            // drain waits for, and what that closes may be told to close already.
            if !matches!(&job, Job::CloseConnection { connection, .. }
                if !self.connections.contains(*connection))
            {
                return Some(job);
            }
        }
    }

    /// The next stream with something to send.
    pub fn poll_ready(&mut self) -> Option<Key<Stream>> {
        while let Some(key) = self.ready.pop_front() {
            if let Some(stream) = self.streams.get_mut(key) {
                stream.queued = false;
                return Some(key);
            }
        }
        None
    }

    /// When [`Engine::handle_timeout`] is to be called; `None` while nothing is waited for.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    /// Whether a deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(deadline) = self.wheel.expire(now) {
            match deadline {
                Deadline::Connection(key) => self.connection_expired(now, key),
                Deadline::Session(key) => self.session_expired(now, key),
                Deadline::Stream(key) => self.stream_expired(now, key),
                Deadline::Call(key) => self.call_expired(now, key),
                Deadline::Task(key) => self.task_expired(key),
                Deadline::Child(key) => self.child_expired(now, key),
                Deadline::Upstream(index) => self.upstream_expired(now, index),
                Deadline::Drain => self.drain_expired(now),
                Deadline::Watch => self.watch_expired(now),
            }
        }
    }

    /// Takes `bytes` of the shared budget for the edge (a body, a tool's output), giving up replay
    /// memory if need be. Returns whether there was enough.
    pub fn take_bytes(&mut self, bytes: usize) -> bool {
        if self.pool.take(bytes).is_ok() {
            return true;
        }
        self.reclaim(bytes);
        let enough = self.pool.take(bytes).is_ok();
        self.stats.memory_refusals += u64::from(!enough);
        enough
    }

    /// Gives back what [`Engine::take_bytes`] took.
    pub fn give_bytes(&mut self, bytes: usize) {
        self.pool.give(bytes);
    }

    /// What the engine was told.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The wall time at `now`.
    fn wall_time(&self, now: Instant) -> UnixMillis {
        (self.wall_clock)(now)
    }

    /// Schedules a deadline. There is always room: the wheel is as large as all tables together.
    fn schedule(&mut self, at: Instant, deadline: Deadline) -> Option<Timer> {
        Some(
            self.wheel
                .schedule(at, deadline)
                .expect("every record has room for its deadline"),
        )
    }

    /// Cancels a deadline, if it is scheduled.
    fn cancel(&mut self, timer: Option<Timer>) {
        if let Some(timer) = timer {
            self.wheel.cancel(timer);
        }
    }
}
