//! Drives the engine as the edge does, with bytes in memory instead of sockets and a time that the
//! test says.
//!
//! Every connection has an inbox of bytes that the server sent. Work that the engine hands out
//! waits in `started` until the test finishes it.

#![allow(dead_code)] // Each test crate uses its own part of this.

pub mod reader;

use slimcp::auth::Access;
use slimcp::auth::origin::Origins;
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::engine::child::Child;
use slimcp::engine::connection::{Connection, Waiting};
use slimcp::engine::session::SessionId;
use slimcp::engine::stream::Stream;
use slimcp::engine::{Config, Engine, Job, Reply, Transmit};
use slimcp::limits::{Limits, Memory, Timeouts};
use slimcp::time::Instant;
use slimcp::tool::ask::Answered;
use slimcp::tool::command::{
    Argument, CommandLine, CommandSpec, CommandTool, Exit, Kind, Output, Scalar,
};
use slimcp::tool::registry::Registry;
use slimcp::tool::{Annotations, CallLimits, Outcome, Tool, Work, builtin};
use slimcp::upstream::Forward;
use slimcp::upstream::spec::UpstreamSpec;
use slimcp::wire::compat::Compat;
use slimcp::wire::receive::{Received, Receiver};
use std::net::IpAddr;
use std::rc::Rc;

/// A point in time, in milliseconds since the start.
pub fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A server without sockets.
pub struct Server {
    pub engine: Engine,
    pub peers: Vec<Peer>,
    /// Work that was started and not finished.
    pub started: Vec<(Key<Call>, Work)>,
    /// Requests that went on to upstreams.
    pub forwarded: Vec<Forward>,
    /// What clients have answered to the questions of calls, by key.
    pub answered: Vec<(Key<Call>, String, Answered)>,
    /// URIs of the resources that were to be looked at.
    pub looked: Vec<String>,
    /// Calls that were asked to end.
    pub terminated: Vec<Key<Call>>,
    /// Calls that were made to end.
    pub killed: Vec<Key<Call>>,
    /// Calls that were dropped without a word.
    pub forgotten: Vec<Key<Call>>,
    /// What was to be kept of upstreams, by their names.
    pub kept: Vec<(String, Vec<u8>)>,
    /// Children of upstreams, in the order they were started in, those that are gone as well.
    pub children: Vec<TestChild>,
}

/// A process of an upstream as the test plays it.
pub struct TestChild {
    pub key: Key<Child>,
    /// The program that it is a process of: the name of its upstream.
    pub program: String,
    /// Variables that it was given beside those of its line.
    pub environment: Vec<(String, String)>,
    /// Lines that it was sent and that the test has not taken.
    pub heard: Vec<String>,
    /// Its stdin is closed.
    pub is_closed: bool,
    pub is_terminated: bool,
    pub is_killed: bool,
}

/// One connection as its client sees it.
pub struct Peer {
    pub key: Key<Connection>,
    pub receiver: Receiver,
    /// The stream this connection carries now.
    pub stream: Option<Key<Stream>>,
    /// Bytes from the server that the client has not read.
    pub inbox: Vec<u8>,
    /// The server has closed the connection, or the client has.
    pub closed: bool,
    /// Its request is served later.
    pub is_postponed: bool,
    /// What the client sent behind the request that a stream answers: it waits for that to end.
    pub pipelined: Vec<u8>,
}

/// The tools every test server has: `echo`, `system-info`, and `sleep`, a command that lasts as
/// long as the test wants.
pub fn registry() -> Registry {
    let sleep = CommandTool::new(command("sleep")).expect("the command is sound");
    let tools: Vec<Rc<dyn Tool>> = vec![
        Rc::new(builtin::Echo::new()),
        Rc::new(builtin::SystemInfo::new()),
        Rc::new(sleep),
    ];
    Registry::new(tools).expect("the names differ")
}

/// These tools.
pub fn registry_of(tools: Vec<Rc<dyn Tool>>) -> Registry {
    Registry::new(tools).expect("the names differ")
}

/// An upstream with this name; the test plays its processes.
pub fn upstream(name: &str) -> UpstreamSpec {
    let line = CommandLine {
        argv: vec![name.to_string()],
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        output: Output::Text,
    };
    UpstreamSpec::new(name, line)
}

/// A command tool with one optional argument.
pub fn command(name: &str) -> CommandSpec {
    CommandSpec {
        name: name.to_string(),
        title: None,
        description: "Sleeps.".to_string(),
        command: vec!["sleep".to_string(), "{seconds}".to_string()],
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        arguments: vec![Argument {
            name: "seconds".to_string(),
            kind: Kind::Integer {
                minimum: Some(0),
                maximum: None,
            },
            choices: None,
            default: Some(Scalar::Whole(1)),
            required: false,
            description: None,
        }],
        output: Output::Text,
        limits: CallLimits {
            concurrency: Some(2),
            queue: Some(2),
            ..CallLimits::default()
        },
        annotations: Annotations::default(),
        background: false,
    }
}

/// Session ids that count: `session-00000000000001`.
pub fn counting_ids() -> Box<dyn FnMut() -> SessionId> {
    let mut count = 0_u64;
    Box::new(move || {
        count += 1;
        let text = format!("session-{count:014}");
        SessionId::new(text.as_bytes().try_into().expect("22 letters"))
    })
}

impl Server {
    /// With the default limits.
    pub fn new() -> Server {
        Server::with(Limits::default())
    }

    /// With servers behind it, and no tools but theirs.
    pub fn with_upstreams(specs: Vec<UpstreamSpec>) -> Server {
        Server::before(registry_of(Vec::new()), specs)
    }

    /// Begins anew with servers behind it of which this is kept.
    pub fn start_with_kept(
        &mut self,
        specs: Vec<UpstreamSpec>,
        kept: slimcp::engine::ReadKept,
    ) {
        let config = self.engine.config().clone();
        let memory = Memory::of(&config.limits).expect("the limits of a test fit");
        let engine = Engine::new(config, memory, registry_of(Vec::new()), counting_ids());
        self.engine = engine.with_kept(kept).with_upstreams(specs);
    }

    /// The same within these limits.
    pub fn with_upstreams_and(limits: Limits, specs: Vec<UpstreamSpec>) -> Server {
        let mut server = Server::with(limits);
        let config = server.engine.config().clone();
        let memory = Memory::of(&config.limits).expect("the limits of a test fit");
        let engine = Engine::new(config, memory, registry_of(Vec::new()), counting_ids());
        server.engine = engine.with_upstreams(specs);
        server
    }

    /// With servers behind it, and tools of its own.
    pub fn before(registry: Registry, specs: Vec<UpstreamSpec>) -> Server {
        let mut server = Server::new();
        let config = server.engine.config().clone();
        let memory = Memory::of(&config.limits).expect("the limits of a test fit");
        let engine = Engine::new(config, memory, registry, counting_ids());
        server.engine = engine.with_upstreams(specs);
        server
    }

    pub fn with(limits: Limits) -> Server {
        let memory = Memory::of(&limits).expect("the limits of a test fit");
        let config = Config {
            name: "test".to_string(),
            title: None,
            instructions: None,
            origins: Origins::default(),
            access: Access::open(),
            console: true,
            compat: Compat::default(),
            limits,
            timeouts: Timeouts::default(),
        };
        Server {
            engine: Engine::new(config, memory, registry(), counting_ids()),
            peers: Vec::new(),
            started: Vec::new(),
            forwarded: Vec::new(),
            answered: Vec::new(),
            looked: Vec::new(),
            terminated: Vec::new(),
            killed: Vec::new(),
            forgotten: Vec::new(),
            children: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// A new connection through a Unix socket; its number.
    pub fn connect(&mut self, now: Instant) -> usize {
        self.connect_from(now, None)
    }

    /// A new connection from this address, or through a Unix socket; its number.
    pub fn connect_from(&mut self, now: Instant, address: Option<IpAddr>) -> usize {
        let opened = self.engine.open_connection(now, address);
        let key = opened.expect("there is room");
        let receiver = Receiver::default();
        self.peers.push(Peer {
            key,
            receiver,
            stream: None,
            inbox: Vec::new(),
            is_postponed: false,
            closed: false,
            pipelined: Vec::new(),
        });
        self.peers.len() - 1
    }

    /// The client sends bytes; whatever it gets back by now lies in its inbox.
    pub fn send(&mut self, now: Instant, peer: usize, bytes: impl AsRef<[u8]>) {
        let mut input = bytes.as_ref();
        let body_bytes_max = self.engine.config().limits.body_bytes_max;
        while !self.peers[peer].closed {
            let record = &mut self.peers[peer];
            if input.is_empty() && !record.receiver.has_kept() {
                break;
            }
            if record.stream.is_some() || record.is_postponed {
                record.pipelined.extend_from_slice(input);
                break;
            }
            let mut out = Vec::new();
            let was_in_body = record.receiver.is_in_body();
            let received = match record.receiver.has_kept() {
                true => record.receiver.again(),
                false => record.receiver.receive(input, body_bytes_max),
            };
            match received {
                Received::More { in_body, .. } => {
                    if let Some(head) = record.receiver.head().filter(|_| !was_in_body)
                        && !self.engine.handle_head(now, record.key, &head, &mut out)
                    {
                        record.inbox.extend(out);
                        self.response_over(now, peer, false);
                        break;
                    }
                    let waiting = if in_body {
                        Waiting::Body
                    } else {
                        Waiting::Head
                    };
                    self.engine.handle_waiting(now, record.key, waiting);
                    break;
                }
                Received::Refuse(refusal) => {
                    panic!(
                        "the test sent no request: {} {}",
                        refusal.status.code(),
                        refusal.text
                    )
                }
                Received::Request { request, used } => {
                    self.engine
                        .handle_waiting(now, record.key, Waiting::Nothing);
                    let reply = self
                        .engine
                        .handle_request(now, record.key, &request, &mut out);
                    if reply == Reply::Later {
                        let (head_bytes, body_bytes) = request.bytes();
                        let begin = used.saturating_sub(head_bytes + body_bytes);
                        record.receiver.keep(&input[begin..used], head_bytes);
                        record.is_postponed = true;
                        record.pipelined.extend_from_slice(&input[used..]);
                        self.settle(now);
                        break;
                    }
                    input = &input[used..];
                    record.receiver.finish();
                    match reply {
                        Reply::Later => unreachable!("it was kept above"),
                        Reply::Sent { keep_alive } => {
                            record.inbox.extend(out);
                            self.response_over(now, peer, keep_alive);
                        }
                        Reply::Stream(stream) => self.carry(now, peer, stream),
                    }
                }
            }
            self.settle(now);
        }
    }

    /// The client sends a request and is gone before the response could be parked.
    pub fn reset_before_parking(&mut self, now: Instant, peer: usize, bytes: impl AsRef<[u8]>) {
        let record = &mut self.peers[peer];
        let mut out = Vec::new();
        let body_bytes_max = self.engine.config().limits.body_bytes_max;
        let Received::Request { request, .. } =
            record.receiver.receive(bytes.as_ref(), body_bytes_max)
        else {
            panic!("the test sent no request");
        };
        self.engine
            .handle_waiting(now, record.key, Waiting::Nothing);
        let reply = self
            .engine
            .handle_request(now, record.key, &request, &mut out);
        self.settle(now);
        if let Reply::Stream(stream) = reply {
            self.peers[peer].stream = Some(stream);
        }
        self.cut(now, peer);
    }

    /// A reload changes the configuration and leaves the tools as they are.
    pub fn reconfigure(&mut self, now: Instant, change: impl FnOnce(&mut Config)) {
        let mut config = self.engine.config().clone();
        change(&mut config);
        self.engine.reload(now, config, registry());
        self.settle(now);
    }

    /// A reload changes what the tools say of themselves: every session has to be told.
    pub fn retitle(&mut self, now: Instant, title: u32) {
        let mut spec = command("sleep");
        spec.title = Some(format!("Sleep {title}"));
        let tool: Rc<dyn Tool> = Rc::new(CommandTool::new(spec).expect("the command is sound"));
        let mut tools: Vec<Rc<dyn Tool>> = registry().iter().cloned().collect();
        tools.retain(|tool| tool.spec().name != "sleep");
        tools.push(tool);
        let registry = Registry::new(tools).expect("the names differ");
        let config = self.engine.config().clone();
        self.engine.reload(now, config, registry);
        self.settle(now);
    }

    /// The connection carries the stream from here on.
    fn carry(&mut self, now: Instant, peer: usize, stream: Key<Stream>) {
        self.settle(now);
        for other in 0..self.peers.len() {
            if self.peers[other].stream == Some(stream) {
                self.peers[other].stream = None;
                self.close_peer(other);
            }
        }
        self.peers[peer].stream = Some(stream);
        self.transmit(now, stream);
        if self.peers[peer].stream == Some(stream) {
            self.engine.handle_parked(now, stream);
        }
    }

    fn response_over(&mut self, now: Instant, peer: usize, keep_alive: bool) {
        self.peers[peer].stream = None;
        if !keep_alive {
            return self.close_peer(peer);
        }
        self.engine
            .handle_waiting(now, self.peers[peer].key, Waiting::Request);
        let pipelined = std::mem::take(&mut self.peers[peer].pipelined);
        self.send(now, peer, pipelined);
    }

    fn close_peer(&mut self, peer: usize) {
        self.peers[peer].closed = true;
        self.engine.close_connection(self.peers[peer].key);
    }

    /// Does what the engine wants done, but leaves commands to the test.
    pub fn settle(&mut self, now: Instant) {
        loop {
            while let Some(job) = self.engine.poll_job() {
                self.act(now, job);
            }
            let Some(stream) = self.engine.poll_ready() else {
                break;
            };
            self.transmit(now, stream);
        }
    }

    fn act(&mut self, now: Instant, job: Job) {
        match job {
            Job::Start {
                call,
                work: Work::SystemInfo,
                ..
            } => {
                self.engine
                    .handle_outcome(now, call, &Outcome::text("a machine"));
            }
            Job::Start {
                call,
                work: Work::Upstream(forward),
                ..
            } => {
                self.forwarded.push(Forward::clone(&forward));
                self.engine.forward(now, call, forward);
            }
            Job::Start { call, work, .. } => self.started.push((call, work)),
            Job::Answer { call, key, answer } => self.answered.push((call, key, answer)),
            Job::Resume(connection) => {
                let found = self.peers.iter().position(|peer| peer.key == connection);
                if let Some(peer) = found.filter(|peer| !self.peers[*peer].closed) {
                    self.peers[peer].is_postponed = false;
                    let pipelined = std::mem::take(&mut self.peers[peer].pipelined);
                    self.send(now, peer, pipelined);
                }
            }
            Job::Look { uri, .. } => self.looked.push(uri.into()),
            Job::Terminate(call) => self.terminated.push(call),
            Job::Kill(call) => self.killed.push(call),
            Job::Forget(call) => self.forgotten.push(call),
            Job::Spawn {
                child,
                line,
                environment,
                ..
            } => self.children.push(TestChild {
                key: child,
                program: line.argv[0].clone(),
                environment,
                heard: Vec::new(),
                is_closed: false,
                is_terminated: false,
                is_killed: false,
            }),
            Job::Keep { upstream, text } => self.kept.push((upstream.into(), text)),
            Job::Feed(child) => {
                let output = self.engine.child_output(child).to_vec();
                self.engine.child_written(child, output.len());
                let text = String::from_utf8(output).expect("children are sent JSON");
                self.child(child)
                    .heard
                    .extend(text.lines().map(str::to_string));
            }
            Job::CloseInput(child) => self.child(child).is_closed = true,
            Job::TerminateChild(child) => self.child(child).is_terminated = true,
            Job::KillChild(child) => self.child(child).is_killed = true,
            Job::CloseStream(stream) => {
                if let Some(peer) = self.carrier(stream) {
                    self.peers[peer].stream = None;
                    self.close_peer(peer);
                }
            }
            Job::CloseConnection {
                connection,
                in_request,
            } => {
                let found = self.peers.iter().position(|peer| peer.key == connection);
                let peer = found.expect("connections belong to peers");
                if in_request {
                    let timeout = b"HTTP/1.1 408 Request Timeout\r\n\r\n";
                    self.peers[peer].inbox.extend_from_slice(timeout);
                }
                self.close_peer(peer);
            }
        }
    }

    fn child(&mut self, key: Key<Child>) -> &mut TestChild {
        let found = self.children.iter_mut().find(|child| child.key == key);
        found.expect("a child is started first")
    }

    /// The child writes a line.
    pub fn child_says(&mut self, now: Instant, child: usize, line: &str) {
        let key = self.children[child].key;
        self.engine.handle_child_line(now, key, line.as_bytes());
        self.settle(now);
    }

    /// What the child was sent and has not read, as JSON.
    pub fn child_hears(&mut self, child: usize) -> Vec<serde_json::Value> {
        let lines = std::mem::take(&mut self.children[child].heard);
        let parse = |line: &String| serde_json::from_str(line).expect("children are sent JSON");
        lines.iter().map(parse).collect()
    }

    /// The child answers the request with this id.
    pub fn child_answers(&mut self, now: Instant, child: usize, id: u64, result: &str) {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        self.child_says(now, child, &line);
    }

    /// The child writes a line to stderr.
    pub fn child_complains(&mut self, now: Instant, child: usize, line: &str) {
        let key = self.children[child].key;
        self.engine.handle_child_stderr(now, key, line);
        self.settle(now);
    }

    /// The child is gone, or could not be started.
    pub fn child_ends(&mut self, now: Instant, child: usize, end: Result<Exit, &str>) {
        let key = self.children[child].key;
        let end = end.map_err(str::to_string);
        self.engine.handle_child_exit(now, key, end);
        self.settle(now);
    }

    fn carrier(&self, stream: Key<Stream>) -> Option<usize> {
        self.peers
            .iter()
            .position(|peer| peer.stream == Some(stream))
    }

    fn transmit(&mut self, now: Instant, stream: Key<Stream>) {
        let Some(peer) = self.carrier(stream) else {
            return;
        };
        loop {
            let mut out = Vec::new();
            let transmit = self.engine.poll_transmit(now, stream, &mut out);
            self.peers[peer].inbox.extend(out);
            match transmit {
                Transmit::More => {}
                Transmit::Waiting => break,
                Transmit::Finished { keep_alive } => {
                    self.response_over(now, peer, keep_alive);
                    break;
                }
            }
        }
    }

    /// What the server has sent and the client not read yet.
    pub fn receive(&mut self, peer: usize) -> String {
        let bytes = std::mem::take(&mut self.peers[peer].inbox);
        String::from_utf8(bytes).expect("the server sends text")
    }

    /// The client is gone without a word.
    pub fn cut(&mut self, now: Instant, peer: usize) {
        if std::mem::replace(&mut self.peers[peer].closed, true) {
            return;
        }
        if let Some(stream) = self.peers[peer].stream.take() {
            self.engine.handle_stream_closed(now, stream);
        }
        self.engine.close_connection(self.peers[peer].key);
        self.settle(now);
    }

    /// The oldest started work ends with this outcome.
    pub fn finish(&mut self, now: Instant, outcome: &Outcome) {
        let (call, _) = self.started.remove(0);
        self.engine.handle_outcome(now, call, outcome);
        self.settle(now);
    }

    /// A line of output of the oldest started work.
    pub fn line(&mut self, now: Instant, line: &str) {
        let call = self.started[0].0;
        self.engine.handle_line(now, call, line);
        self.settle(now);
    }

    /// Time passes: every deadline up to `now` is met when it comes.
    pub fn wait_until(&mut self, now: Instant) {
        while let Some(next) = self.engine.poll_timeout().filter(|next| *next <= now) {
            self.engine.handle_timeout(next);
            self.settle(next);
        }
    }
}

/// A POST with a JSON body.
pub fn post(path: &str, fields: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A GET of an event stream.
pub fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{fields}\r\n")
}
