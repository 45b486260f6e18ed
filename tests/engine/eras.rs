//! Clients of three eras use one tool at the same time, with the same ids and the same tokens: each
//! hears of its own calls, all of them, in order, and of nothing else.

#[path = "../simulation/random.rs"]
mod random;

use crate::stateless::{body, fields};
use crate::support::reader::{Piece, Reader};
use crate::support::{Server, at, command, post};
use crate::{ask, http_sse, streamable};
use random::Random;
use serde_json::{Value, json};
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::time::Instant;
use slimcp::tool::command::CommandTool;
use slimcp::tool::registry::Registry;
use slimcp::tool::{CallLimits, Outcome, Tool};
use std::rc::Rc;

/// How a client speaks.
#[derive(Clone, Debug)]
enum Era {
    /// HTTP+SSE: the peer of its stream, and its door.
    HttpSse(usize, String),
    /// Streamable HTTP with a session: its fields.
    Streamable(String),
    /// 2026-07-28.
    Stateless,
}

/// One client with at most one call, whose id and token all of them share.
struct Client {
    era: Era,
    call: Option<Calling>,
    /// What it has heard.
    heard: Vec<Value>,
    /// What it should have.
    expected: Vec<Value>,
    reader: Reader,
    count: u64,
}

struct Calling {
    key: Key<Call>,
    /// The peer its answer comes through.
    peer: usize,
    /// Lines of progress so far.
    lines: u64,
}

/// A server whose one tool runs as often as anybody likes.
fn server() -> Server {
    let mut server = Server::new();
    let mut spec = command("work");
    spec.limits = CallLimits::default();
    let tool: Rc<dyn Tool> = Rc::new(CommandTool::new(spec).expect("the command is sound"));
    let registry = Registry::new(vec![tool]).expect("there is one");
    let config = server.engine.config().clone();
    server.engine.reload(at(0), config, registry);
    server
}

const SET_LEVEL: &str =
    r#"{"jsonrpc":"2.0","id":"l","method":"logging/setLevel","params":{"level":"info"}}"#;

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call",
    "params":{"name":"work","_meta":{"progressToken":"t"}}}"#;

impl Client {
    fn new(server: &mut Server, now: Instant, number: usize, revision: &str) -> Client {
        let era = match number % 3 {
            0 => {
                let (stream, door) = http_sse(server, now);
                ask(server, now, post(&door, "", SET_LEVEL));
                Era::HttpSse(stream, door)
            }
            1 => {
                let fields = streamable(server, now, revision);
                ask(server, now, post("/mcp", &fields, SET_LEVEL));
                Era::Streamable(fields)
            }
            _ => Era::Stateless,
        };
        if let Era::HttpSse(stream, _) = era {
            server.receive(stream);
        }
        Client {
            era,
            call: None,
            heard: Vec::new(),
            expected: Vec::new(),
            reader: Reader::default(),
            count: 0,
        }
    }

    /// Begins a call.
    fn begin(&mut self, server: &mut Server, now: Instant) {
        let peer = match &self.era {
            Era::HttpSse(stream, door) => {
                assert_eq!(ask(server, now, post(door, "", CALL)).head.status, 202);
                *stream
            }
            Era::Streamable(fields) => {
                let peer = server.connect(now);
                server.send(now, peer, post("/mcp", fields, CALL));
                peer
            }
            Era::Stateless => {
                let meta = r#""progressToken":"t","io.modelcontextprotocol/logLevel":"info""#;
                let body = body("tools/call", r#""name":"work""#, meta);
                let peer = server.connect(now);
                let request = post("/mcp", &fields("tools/call", "work"), &body);
                server.send(now, peer, request);
                peer
            }
        };
        let (key, _) = server.started.pop().expect("the call has begun");
        let lines = 0;
        self.call = Some(Calling { key, peer, lines });
    }

    /// A word that nobody else hears.
    fn word(&mut self, client: usize) -> String {
        self.count += 1;
        format!("client {client} word {}", self.count)
    }

    /// What the call says on the way, or its end.
    fn go_on(&mut self, server: &mut Server, now: Instant, number: usize, random: &mut Random) {
        let word = self.word(number);
        let call = self.call.as_mut().expect("the caller has looked");
        let key = call.key;
        match random.below(4) {
            0 | 1 => {
                call.lines += 1;
                let lines = call.lines;
                server.engine.handle_line(now, key, &word);
                self.expected.push(json!(["progress", "t", lines, word]));
            }
            2 => {
                server.engine.handle_stderr_line(now, key, &word);
                self.expected.push(json!(["log", word]));
            }
            _ => {
                server
                    .engine
                    .handle_outcome(now, key, &Outcome::text(&word));
                self.expected.push(json!(["answer", 7, word]));
            }
        }
        server.settle(now);
        self.listen(server);
    }

    /// Its client is gone in the middle of a call; 2026-07-28 takes that for a cancellation.
    fn vanish(&mut self, server: &mut Server, now: Instant) {
        let call = self.call.take().expect("the caller has looked");
        server.cut(now, call.peer);
        assert_eq!(server.terminated.pop(), Some(call.key));
        server
            .engine
            .handle_outcome(now, call.key, &Outcome::text("nobody"));
        server.settle(now);
        self.reader = Reader::default();
    }

    /// Reads what has come.
    fn listen(&mut self, server: &mut Server) {
        let Some(call) = &self.call else { return };
        if let (Era::HttpSse(..), false) = (&self.era, self.reader.is_within_response()) {
            // Its head was read with the handshake.
            self.reader.feed(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                  Transfer-Encoding: chunked\r\n\r\n",
            );
        }
        self.reader.feed(server.receive(call.peer).as_bytes());
        while let Some(piece) = self.reader.next() {
            let data = match piece {
                Piece::Event(event) if !event.data.is_empty() => event.data,
                Piece::Body(body) if !body.is_empty() => body,
                _ => continue,
            };
            let heard = summary(&serde_json::from_str(&data).expect("messages are JSON"));
            let is_over = heard[0] == "answer";
            self.heard.push(heard);
            if is_over {
                self.call = None;
                if !matches!(self.era, Era::HttpSse(..)) {
                    self.reader = Reader::default();
                }
                break;
            }
        }
    }
}

/// What a message says, in a few words.
fn summary(message: &Value) -> Value {
    let params = &message["params"];
    match message["method"].as_str() {
        Some("notifications/progress") => json!([
            "progress",
            params["progressToken"],
            params["progress"],
            params["message"]
        ]),
        Some("notifications/message") => json!(["log", params["data"]]),
        Some(other) => json!([other]),
        None => {
            let text = &message["result"]["content"][0]["text"];
            json!(["answer", message["id"], text])
        }
    }
}

#[test]
fn each_client_of_three_eras_hears_its_own_calls_and_nothing_else() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut server = server();
        let count = 3 + random.below(7);
        let mut clients: Vec<Client> = (0..count)
            .map(|number| {
                let revision = random.pick(&["2025-03-26", "2025-06-18", "2025-11-25"]);
                Client::new(&mut server, at(0), number, revision)
            })
            .collect();
        for step in 0..120 {
            let now = at(step);
            let number = random.below(count);
            let client = &mut clients[number];
            match &client.call {
                None => client.begin(&mut server, now),
                Some(_) if matches!(client.era, Era::Stateless) && random.percent(5) => {
                    client.vanish(&mut server, now);
                }
                Some(_) => client.go_on(&mut server, now, number, &mut random),
            }
            server.engine.check(0);
        }
        for (number, client) in clients.iter().enumerate() {
            assert_eq!(client.heard, client.expected, "seed {seed} client {number}");
        }
    }
}
