//! The memory ceiling is arithmetic; here it is held against the heap.
//!
//! The allocator counts what is requested, and two words for each allocation. Only the engine runs
//! here: its tables, and all that it draws from the shared budget. What the edge keeps for a
//! connection or a process is counted as the constants say, without looking: so the engine has to
//! stay within `ceiling - BASE_BYTES - connections * CONNECTION_BYTES - calls * CALL_BYTES`, though
//! its own records of connections and calls are part of those two constants.

#![allow(unsafe_code)] // An allocator is unsafe by its trait.

mod support;

use slimcp::admin::stats::Gauges;
use slimcp::auth::Access;
use slimcp::auth::role::{Rate, RoleIndex};
use slimcp::auth::token::{Token, parse_digest};
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::engine::child::Child;
use slimcp::engine::connection::Connection;
use slimcp::engine::stream::Stream;
use slimcp::engine::{Engine, Era, Job, Reply, Transmit};
use slimcp::limits::{
    CALL_BYTES, CHILD_BYTES, CONNECTION_BYTES, Limits, Memory, SESSION_BYTES, STREAM_BYTES, Size,
    TASK_BYTES, TASK_MESSAGE_BYTES_MAX,
};
use slimcp::tool::builtin::Echo;
use slimcp::tool::command::{CommandTool, Exit};
use slimcp::tool::registry::Registry;
use slimcp::tool::{Outcome, Tool, Work};
use slimcp::upstream::spec::{Per, UpstreamSpec};
use slimcp::wire::receive::{Received, Receiver};
use std::alloc::{GlobalAlloc, Layout, System};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use support::{Server, at, get, post};

/// Counts what the program asks for.
struct Counting;

/// Bytes in use, two words for each allocation included.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Allocations that were ever made.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The most that were ever in use.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Two words that an allocator keeps for each allocation.
const OVERHEAD: usize = 16;

fn add(bytes: usize) {
    COUNT.fetch_add(1, Relaxed);
    let used = USED.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(used, Relaxed);
}

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() + OVERHEAD);
        // SAFETY: the caller's promises are those that `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, bytes: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size() + OVERHEAD, Relaxed);
        // SAFETY: the caller's promises are those that `System` wants.
        unsafe { System.dealloc(bytes, layout) }
    }

    unsafe fn realloc(&self, bytes: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist for a moment.
        add(size + OVERHEAD);
        USED.fetch_sub(layout.size() + OVERHEAD, Relaxed);
        // SAFETY: the caller's promises are those that `System` wants.
        unsafe { System.realloc(bytes, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test only: another one's thread would be counted as well.
#[test]
fn the_heap_stays_under_the_ceiling() {
    the_tables_cost_less_than_their_constants_say();
    an_idle_session_costs_no_heap_beside_its_place_in_the_tables();
    a_token_costs_no_allocation();
    full_load(&Limits::default());
    full_load(&small());
    children_that_read_nothing(&Limits::default());
    children_that_read_nothing(&Limits {
        calls_max: 16,
        ..small()
    });
}

/// What a small machine may be given.
fn small() -> Limits {
    Limits {
        memory_bytes_max: 3 << 20,
        connections_max: 64,
        sessions_max: 50,
        calls_max: 4,
        tasks_max: 4,
        children_max: 4,
        body_bytes_max: 128 << 10,
        replay_bytes_max: 16 << 10,
        output_bytes_max: 64 << 10,
    }
}

/// As many children as there may be, each with calls as large as they may be, and none of them
/// reads. Then all write what is as large as it may be, and go.
fn children_that_read_nothing(limits: &Limits) {
    let memory = Memory::of(limits).expect("the limits fit");
    let sessions = limits.children_max.min(limits.sessions_max) as usize;
    let engine_max = limits.sessions_max as usize * SESSION_BYTES
        + limits.connections_max as usize * STREAM_BYTES
        + limits.tasks_max as usize * TASK_BYTES
        + limits.children_max as usize * CHILD_BYTES
        + memory.budget;
    let large = work("l", &"x".repeat(limits.body_bytes_max - 300));
    let before = used();
    let mut driver = Driver::with_children(limits);
    driver.out = Vec::with_capacity(8 << 20);
    let start = used();
    let tables = start - driver.out.capacity() - OVERHEAD - before;
    driver.open_sessions(sessions);
    for session in 0..sessions {
        driver.post(session, &work("first", ""));
        driver.serve_children();
    }
    assert_eq!(driver.children.len(), sessions);
    driver.most_at_rest = used();
    for round in 0..limits.calls_max as usize {
        driver.post(round % sessions, &large);
    }
    let held = driver.engine.gauges().budget_bytes;
    assert!(held > memory.budget / 4, "{held} of {}", memory.budget);
    driver.engine.check(0);
    let line = format!(
        r#"{{"jsonrpc":"2.0","id":4,"result":{{"content":[{{"type":"text","text":"{}"}}]}}}}"#,
        "x".repeat(limits.output_bytes_max - 200)
    );
    for child in driver.children.clone() {
        driver
            .engine
            .handle_child_line(at(2), child, line.as_bytes());
        driver.settle();
    }
    drop(line);
    let full = tables + driver.most_at_rest - start;
    println!(
        "full of children: {} of {}: {memory}",
        Size(full),
        Size(engine_max)
    );
    assert!(full <= engine_max, "{full}");
    for child in std::mem::take(&mut driver.children) {
        let end = Ok(Exit::Status(0));
        driver.engine.handle_child_exit(at(2), child, end);
        driver.settle();
    }
    driver.leave();
    let left = used() - start;
    println!("left when all children have gone: {}", Size(left));
    assert!(left <= QUEUES_BYTES, "{left}");
}

fn used() -> usize {
    USED.load(Relaxed)
}

/// The most in use from here on.
fn restart_peak() {
    PEAK.store(used(), Relaxed);
}

fn peak() -> usize {
    PEAK.load(Relaxed)
}

/// Heap of an engine that has just started.
fn tables_of(limits: &Limits) -> usize {
    let before = used();
    let server = Server::with(limits.clone());
    let bytes = used() - before;
    drop(server);
    bytes
}

fn the_tables_cost_less_than_their_constants_say() {
    let least = Limits {
        memory_bytes_max: 1 << 30,
        connections_max: 1024,
        sessions_max: 1024,
        calls_max: 32,
        ..Limits::default()
    };
    let bytes = tables_of(&least);
    let per = |more: Limits, count: usize| (tables_of(&more) - bytes) / count;
    let more_sessions = Limits {
        sessions_max: 2048,
        ..least.clone()
    };
    let more_connections = Limits {
        connections_max: 2048,
        ..least.clone()
    };
    let more_calls = Limits {
        calls_max: 1056,
        ..least.clone()
    };
    let more_tasks = Limits {
        tasks_max: 1088,
        children_max: 4,
        ..least.clone()
    };
    let session = per(more_sessions, 1024);
    let connection = per(more_connections, 1024);
    let call = per(more_calls, 1024);
    let task = per(more_tasks, 1024) + TASK_MESSAGE_BYTES_MAX + OVERHEAD;
    println!("tables: {task} bytes a task with its message and deadline");
    println!("tables: {session} bytes a session with its stream and deadlines");
    println!("tables: {connection} bytes a connection with its answer and deadlines");
    println!("tables: {call} bytes a call with its deadline");
    assert!(session <= SESSION_BYTES, "{session}");
    assert!(
        connection <= CONNECTION_BYTES + STREAM_BYTES,
        "{connection}"
    );
    assert!(call <= CALL_BYTES, "{call}");
    assert!(task <= TASK_BYTES, "{task}");
}

fn an_idle_session_costs_no_heap_beside_its_place_in_the_tables() {
    let mut driver = Driver::new(&Limits {
        memory_bytes_max: 64 << 20,
        connections_max: 4000,
        sessions_max: 2000,
        ..Limits::default()
    });
    driver.open_sessions(1000);
    let before = used();
    driver.open_sessions(1000);
    let bytes = used().saturating_sub(before);
    println!("beside the tables: {bytes} bytes in 1000 idle sessions");
    assert_eq!(bytes, 0);
}

/// Allocations of one request to a server with this access.
fn allocations_of(access: Access, text: &str) -> usize {
    let mut driver = Driver::new(&Limits::default());
    let mut config = driver.engine.config().clone();
    config.access = access;
    driver.engine.reload(at(0), config, support::registry());
    driver.out.reserve(1 << 10);
    // The first one lets queues grow to the size they keep.
    driver.request(driver.poster, text);
    let before = COUNT.load(Relaxed);
    driver.request(driver.poster, text);
    let count = COUNT.load(Relaxed) - before;
    let head = String::from_utf8_lossy(&driver.out);
    assert!(head.starts_with("HTTP/1.1 202 "), "{head}");
    count
}

fn a_token_costs_no_allocation() {
    let new = Token::generate([7; 32]);
    let rate = Some(Rate::parse("1000/s").expect("a rate"));
    let mut access = Access::open();
    access.anonymous = None;
    access.rate = rate;
    for role in &mut access.roles {
        role.each.rate = rate;
        role.whole.rate = rate;
    }
    let token = |number: usize| Token {
        name: format!("token-{number}"),
        role: RoleIndex::TEAM,
        sha256: parse_digest(&new.sha256).expect("it was just written"),
    };
    access.tokens = (0..20).map(token).collect();
    let notice = |path: &str, fields: &str| post(path, fields, INITIALIZED);
    assert_eq!(allocations_of(Access::open(), &notice("/mcp", "")), 0);
    for (path, fields) in [
        (
            "/mcp".to_string(),
            format!("Authorization: Bearer {}\r\n", new.text),
        ),
        ("/mcp".to_string(), format!("X-API-Key: {}\r\n", new.text)),
        (format!("/t/{}/mcp", new.text), String::new()),
    ] {
        let origin = "Origin: http://localhost\r\n";
        let text = notice(&path, &format!("{origin}{fields}"));
        assert_eq!(allocations_of(access.clone(), &text), 0, "{path}");
    }
}

/// Everything that has room is full at once; then everyone leaves.
fn full_load(limits: &Limits) {
    let memory = Memory::of(limits).expect("the limits fit");
    let engine_max = limits.sessions_max as usize * SESSION_BYTES
        + limits.connections_max as usize * STREAM_BYTES
        + limits.tasks_max as usize * TASK_BYTES
        + memory.budget;
    let last = door(limits.sessions_max as usize - 1);
    let large = |bytes: usize| post(&last, "", &echo(&"x".repeat(bytes)));
    let (longest_body, largest_output) = (
        large(limits.body_bytes_max - 200),
        large(limits.output_bytes_max),
    );
    let before = used();
    let mut driver = Driver::new(limits);
    driver.out = Vec::with_capacity(8 << 20);
    let start = used();
    let tables = start - driver.out.capacity() - OVERHEAD - before;
    fill(&mut driver, limits, &memory);
    let full = tables + driver.most_at_rest - start;
    println!(
        "full load: {} of {}: {memory}",
        Size(full),
        Size(engine_max)
    );
    assert!(full <= engine_max, "{full}");
    // One answer at a time is made beside the budget: as text, then as JSON.
    for request in [&longest_body, &largest_output] {
        let body = driver.hold(limits.body_bytes_max);
        let at_rest = used();
        restart_peak();
        driver.request(driver.poster, request);
        let scratch = peak() - at_rest;
        println!("an answer takes {} beside the budget", Size(scratch));
        let scratch_max = limits.body_bytes_max + 2 * limits.output_bytes_max;
        assert!(scratch <= scratch_max + (32 << 10), "{scratch}");
        driver.give(body);
    }
    driver.leave();
    let left = used() - start;
    println!("left when everyone has gone: {}", Size(left));
    assert!(left <= QUEUES_BYTES, "{left}");
    drop((driver, longest_body, largest_output));
}

/// What the queues of jobs and of ready streams may have grown to: a word or a few for each stream.
const QUEUES_BYTES: usize = 48 << 10;

/// Calls in flight, events until they go one for another, half a body, the largest outputs.
fn fill(driver: &mut Driver, limits: &Limits, memory: &Memory) {
    driver.open_sessions(limits.sessions_max as usize);
    // One client reads nothing: what it is owed is not for others.
    driver.engine.handle_blocked(driver.streams[0]);
    for number in 0..limits.calls_max as usize {
        driver.post(number % limits.sessions_max as usize, &call(number));
    }
    assert_eq!(driver.calls.len(), limits.calls_max as usize);
    let event = echo(&"x".repeat(1000));
    for round in 0..2 * memory.budget / 1000 {
        driver.post(round % limits.sessions_max as usize, &event);
    }
    let rings_max = limits.sessions_max as usize * limits.replay_bytes_max;
    let held = driver.engine.gauges().budget_bytes;
    assert!(held > memory.budget.min(rings_max) / 10 * 9, "{held}");
    let body = driver.hold(limits.body_bytes_max / 2);
    while let Some(call) = driver.calls.pop() {
        let output = driver.hold(limits.output_bytes_max);
        let bytes = output.len();
        let outcome = Outcome::text(String::from_utf8(output).expect("it is text"));
        driver.engine.handle_outcome(at(2), call, &outcome);
        drop(outcome);
        driver.engine.give_bytes(bytes);
        driver.settle();
    }
    driver.give(body);
}

/// The engine without an edge: what it sends is looked at by nobody.
struct Driver {
    engine: Engine,
    /// Carries the streams; by session.
    streams: Vec<Key<Stream>>,
    /// Posts.
    poster: Key<Connection>,
    connections: Vec<Key<Connection>>,
    /// The most heap in use between two inputs.
    most_at_rest: usize,
    /// What the engine has written last. Not counted: the edge has one such buffer.
    out: Vec<u8>,
    calls: Vec<Key<Call>>,
    /// Children that run.
    children: Vec<Key<Child>>,
}

impl Driver {
    /// One with a server behind it of which each session has a child of its own.
    fn with_children(limits: &Limits) -> Driver {
        let spec = UpstreamSpec {
            era: Some(Era::Handshake),
            per: Per::Session,
            ..support::upstream("u")
        };
        let mut driver = Driver::new(limits);
        let engine = driver.engine;
        driver.engine = engine.with_upstreams(vec![spec]);
        driver.settle();
        while !driver.children.is_empty() {
            driver.serve_children();
            for child in std::mem::take(&mut driver.children) {
                let end = Ok(Exit::Status(0));
                driver.engine.handle_child_exit(at(0), child, end);
                driver.settle();
            }
        }
        driver
    }

    /// Children do what is asked of them, but for calls.
    fn serve_children(&mut self) {
        for place in 0..self.children.len() {
            let child = self.children[place];
            loop {
                let output = self.engine.child_output(child).to_vec();
                self.engine.child_written(child, output.len());
                if output.is_empty() {
                    break;
                }
                let text = String::from_utf8(output).expect("children are sent JSON");
                for line in text.lines() {
                    self.answer_for(child, line);
                }
            }
        }
    }

    fn answer_for(&mut self, child: Key<Child>, line: &str) {
        let message: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let (id, method) = (&message["id"], message["method"].as_str());
        let result = match method.expect("it has asked nothing") {
            "initialize" => {
                r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},
                    "serverInfo":{"name":"c","version":"1"}}"#
            }
            "tools/list" => r#"{"tools":[{"name":"work","inputSchema":{"type":"object"}}]}"#,
            "ping" => "{}",
            _ => return,
        };
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
        let line = line.replace('\n', "");
        self.engine.handle_child_line(at(1), child, line.as_bytes());
        self.settle();
    }

    fn new(limits: &Limits) -> Driver {
        let mut engine = Server::with(limits.clone()).engine;
        let mut sleep = support::command("sleep");
        sleep.limits.concurrency = None;
        let tools: Vec<Rc<dyn Tool>> = vec![
            Rc::new(Echo::new()),
            Rc::new(CommandTool::new(sleep).expect("the command is sound")),
        ];
        let config = engine.config().clone();
        engine.reload(
            at(0),
            config,
            Registry::new(tools).expect("the names differ"),
        );
        let poster = engine.open_connection(at(0), None).expect("there is room");
        Driver {
            engine,
            streams: Vec::with_capacity(limits.sessions_max as usize),
            poster,
            connections: Vec::with_capacity(limits.connections_max as usize),
            most_at_rest: 0,
            out: Vec::new(),
            calls: Vec::with_capacity(limits.calls_max as usize),
            children: Vec::with_capacity(limits.children_max as usize),
        }
    }

    /// Opens HTTP+SSE sessions with their handshake done.
    fn open_sessions(&mut self, count: usize) {
        for _ in 0..count {
            let connection = self
                .engine
                .open_connection(at(0), None)
                .expect("there is room");
            let Reply::Stream(stream) = self.request(connection, &get("/sse", "")) else {
                panic!("no stream");
            };
            self.transmit(stream);
            self.engine.handle_parked(at(0), stream);
            self.streams.push(stream);
            self.connections.push(connection);
            let session = self.streams.len() - 1;
            self.post(session, INITIALIZE);
            self.post(session, INITIALIZED);
        }
    }

    /// All clients go, and time closes all windows.
    fn leave(&mut self) {
        for stream in self.streams.drain(..) {
            self.engine.handle_stream_closed(at(3), stream);
        }
        for connection in self.connections.drain(..) {
            self.engine.close_connection(connection);
        }
        self.engine.close_connection(self.poster);
        self.engine.handle_timeout(at(10_000_000));
        self.settle();
        let mut left = self.engine.gauges();
        // What servers behind this one offer is kept.
        assert!(left.budget_bytes < 2000, "{left:?}");
        left.budget_bytes = 0;
        assert_eq!(left, Gauges::default());
        self.engine.check(0);
    }

    /// Takes bytes of the budget as the edge does, and what they stand for.
    fn hold(&mut self, bytes: usize) -> Vec<u8> {
        assert!(self.engine.take_bytes(bytes), "replay memory makes room");
        vec![b'x'; bytes]
    }

    fn give(&mut self, bytes: Vec<u8>) {
        self.engine.give_bytes(bytes.len());
    }

    fn post(&mut self, session: usize, body: &str) {
        let request = post(&door(session), "", body);
        self.request(self.poster, &request);
    }

    fn request(&mut self, connection: Key<Connection>, text: &str) -> Reply {
        let mut receiver = Receiver::default();
        let Received::Request { request, .. } = receiver.receive(text.as_bytes(), usize::MAX)
        else {
            panic!("no request");
        };
        self.out.clear();
        let reply = self
            .engine
            .handle_request(at(1), connection, &request, &mut self.out);
        self.settle();
        reply
    }

    fn settle(&mut self) {
        loop {
            match self.engine.poll_job() {
                Some(Job::Start {
                    call,
                    work: Work::Upstream(forward),
                    ..
                }) => self.engine.forward(at(1), call, forward),
                Some(Job::Start { call, .. }) => self.calls.push(call),
                Some(Job::Spawn { child, .. }) => self.children.push(child),
                Some(_) => {}
                None => match self.engine.poll_ready() {
                    Some(stream) => self.transmit(stream),
                    None => break,
                },
            }
        }
        self.most_at_rest = self.most_at_rest.max(used());
    }

    fn transmit(&mut self, stream: Key<Stream>) {
        loop {
            self.out.clear();
            match self.engine.poll_transmit(at(1), stream, &mut self.out) {
                Transmit::More => {}
                Transmit::Waiting | Transmit::Finished { .. } => return,
            }
        }
    }
}

fn door(session: usize) -> String {
    format!("/messages?session_id=session-{:014}", session + 1)
}

fn call(id: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"sleep"}}}}"#)
}

/// A call of a child's tool.
fn work(id: &str, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"work",
           "arguments":{{"text":"{text}"}}}}}}"#
    )
}

fn echo(text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"e","method":"tools/call","params":{{"name":"echo",
           "arguments":{{"text":"{text}"}}}}}}"#
    )
}

const INITIALIZE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","#,
    r#""params":{"protocolVersion":"2024-11-05","capabilities":{},"#,
    r#""clientInfo":{"name":"t","version":"1"}}}"#,
);
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
