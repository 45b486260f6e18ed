//! Requests to every door with bytes changed at random: whatever comes, it is answered or refused,
//! nobody is served without a token, and nothing leaks.
//!
//! `SEED=7 cargo test --test engine mutations` repeats one run.

use crate::access::{bearer, guarded, tokens};
use crate::support::{Server, at, get, post};
use crate::{FIRST, http_sse_as, request};
use slimcp::engine::route::PATHS;
use slimcp::tool::Outcome;
use slimcp::wire::receive::{Received, Receiver};

const RUNS: u64 = 1000;
const REQUESTS: u64 = 150;

/// xorshift64: the same seed gives the same run on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// What is put in at random: pieces that mean something to some door.
const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\u0000",
    "null",
    "1e999",
    "-1",
    ",",
    ":",
    "\r\n",
    "/",
    "//",
    "%2f",
    "?token=",
    "?events=a,b",
    "?format=plain",
    "/t/x",
    "connectionId",
    "tokenTypes",
    "method",
    "\"type\":\"endpoint\"",
    "Bearer ",
];

/// A body for each of the doors, and some that are for none.
fn bodies() -> Vec<String> {
    let list = r#"{"method":"tools/list"}"#;
    let calls = r#""method":"tools/call","params":{"name":"sleep","arguments":{}}"#;
    vec![
        String::new(),
        r#"{"text":"hi"}"#.to_string(),
        request(1, "ping"),
        format!(r#"{{"jsonrpc":"2.0","id":2,{calls}}}"#),
        format!(r#"{{"connectionId":"{FIRST}","message":{list}}}"#),
        format!(r#"{{"connection_id":"{FIRST}","jsonrpc":"2.0","id":3,{calls}}}"#),
        r#"{"message":{"type":"x"},"filter":{"tokenTypes":["team"]}}"#.to_string(),
        r#"{"message":"words","filter":{"connectionIds":["nobody"]}}"#.to_string(),
        format!("[{},{}]", request(4, "ping"), request(5, "tools/list")),
    ]
}

/// A request to one of the doors, with a right token, a wrong one or none.
fn sample(random: &mut Random, bodies: &[String]) -> (String, bool) {
    let (path, _) = PATHS[random.below(PATHS.len())];
    let path = match random.below(6) {
        0 => format!("{path}?session_id={FIRST}"),
        1 => "/mcp/tools/sleep".to_string(),
        _ => path.to_string(),
    };
    let is_known = random.below(3) > 0;
    let shown = match (is_known, random.below(2)) {
        (true, holder) => bearer(2 * holder as u8),
        (false, 0) => String::new(),
        (false, _) => bearer(99),
    };
    let text = match random.below(4) {
        0 => get(&path, &shown),
        _ => post(&path, &shown, &bodies[random.below(bodies.len())]),
    };
    (text, is_known)
}

/// Changes up to four places behind the first line break or before it.
fn mutate(random: &mut Random, text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    for _ in 0..random.below(5) {
        let from = random.below(bytes.len() + 1);
        let to = (from + random.below(6)).min(bytes.len());
        match random.below(4) {
            0 => drop(bytes.drain(from..to)),
            1 => drop(bytes.splice(from..to, TOKENS[random.below(TOKENS.len())].bytes())),
            2 => drop(bytes.splice(from..from, TOKENS[random.below(TOKENS.len())].bytes())),
            _ => drop(bytes.splice(from..from, [random.below(256) as u8])),
        }
    }
    bytes
}

/// Whether `bytes` are exactly one request: anything else is not the engine's business.
fn is_one_request(server: &Server, bytes: &[u8]) -> bool {
    let body_bytes_max = server.engine.config().limits.body_bytes_max;
    let mut receiver = Receiver::default();
    let received = receiver.receive(bytes, body_bytes_max);
    matches!(received, Received::Request { used, .. } if used == bytes.len())
}

fn run(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let bodies = bodies();
    let mut server = guarded(tokens());
    let stream = http_sse_as(&mut server, at(0), &bearer(0));
    for step in 1..=REQUESTS {
        let now = at(step * 200);
        server.wait_until(now);
        let (text, is_known) = sample(&mut random, &bodies);
        let bytes = mutate(&mut random, text);
        if !is_one_request(&server, &bytes) {
            continue;
        }
        let peer = server.connect(now);
        server.send(now, peer, &bytes);
        let got = String::from_utf8_lossy(&server.peers[peer].inbox).into_owned();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let waits = server.peers[peer].stream.is_some();
        assert!(
            waits || got.starts_with("HTTP/1.1 "),
            "seed {seed}: {shown:?}: {got:?}"
        );
        let is_guarded = shown.contains("/mcp") || shown.contains("/messages");
        if !is_known && is_guarded && got.starts_with("HTTP/1.1 2") {
            // An open door whose path only looks like another one.
            assert!(
                got.contains("gzip") || got.contains("\"status\""),
                "seed {seed}: {shown}"
            );
        }
        server.engine.check(0);
        if random.below(3) == 0 {
            server.cut(now, peer);
        }
        if !server.started.is_empty() && random.below(2) == 0 {
            server.finish(now, &Outcome::text("slept"));
        }
        server.engine.check(0);
    }
    server.cut(at(REQUESTS * 200), stream);
}

#[test]
fn whatever_comes_is_answered_or_refused_and_nothing_leaks() {
    match std::env::var("SEED") {
        Ok(seed) => run(seed.parse().expect("a number")),
        Err(_) => (0..RUNS).for_each(run),
    }
}
