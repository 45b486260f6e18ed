//! The engine from outside, theme by theme: literal requests, literal times, what comes back.
//!
//! Each test says the rule it holds in its name. Bytes are compared where they are the point;
//! elsewhere the pieces of a response are, since `tests/call.rs` shows the bytes.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod asks;
mod broadcast;
mod calls;
mod catalogue;
mod cors;
mod counters;
mod dialects;
mod drain;
mod eras;
mod functions;
mod listen;
mod mutations;
mod quotas;
mod refusals;
mod reports;
mod rest;
mod scopes;
mod sessions;
mod stateless;
mod streams;
mod tasks;
mod upstreams;
mod watch;

use slimcp::time::Instant;
use support::reader::{Event, Head, Piece, Reader};
use support::{Server, post};

/// The id of the first session of a server.
const FIRST: &str = "session-00000000000001";

/// A response whose body is whole.
struct Response {
    head: Head,
    body: String,
}

/// All pieces that lie in a peer's inbox.
fn pieces(server: &mut Server, peer: usize) -> Vec<Piece> {
    let mut reader = Reader::default();
    reader.feed(server.receive(peer).as_bytes());
    std::iter::from_fn(|| reader.next()).collect()
}

/// The events among them.
fn events(server: &mut Server, peer: usize) -> Vec<Event> {
    let pieces = pieces_within(server, peer);
    pieces
        .into_iter()
        .filter_map(|piece| {
            if let Piece::Event(event) = piece {
                Some(event)
            } else {
                None
            }
        })
        .collect()
}

/// The pieces of a stream whose head was read before: chunks only.
fn pieces_within(server: &mut Server, peer: usize) -> Vec<Piece> {
    let mut reader = Reader::default();
    let bytes = server.receive(peer);
    if !bytes.starts_with("HTTP/1.1 ") {
        reader.feed(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        );
        let head = reader.next();
        assert!(head.is_some());
    }
    reader.feed(bytes.as_bytes());
    std::iter::from_fn(|| reader.next()).collect()
}

/// One request on a connection of its own, answered at once.
fn ask(server: &mut Server, now: Instant, request: impl AsRef<[u8]>) -> Response {
    let peer = server.connect(now);
    server.send(now, peer, request);
    let mut pieces = pieces(server, peer).into_iter();
    server.cut(now, peer);
    match (pieces.next(), pieces.next()) {
        (Some(Piece::Head(head)), Some(Piece::Body(body))) => Response { head, body },
        other => panic!("not one whole answer: {other:?}"),
    }
}

/// The status and JSON-RPC code of a refusal.
fn refused(server: &mut Server, now: Instant, request: impl AsRef<[u8]>) -> (u16, i64) {
    let response = ask(server, now, request);
    let body: serde_json::Value = serde_json::from_str(&response.body).expect("refusals are JSON");
    assert_eq!(body["jsonrpc"], "2.0");
    assert!(body.get("id").is_none_or(|id| !id.is_null()), "{body}");
    (
        response.head.status,
        body["error"]["code"].as_i64().expect("a code"),
    )
}

/// A Streamable HTTP session of this revision, handshake done; its header fields.
fn streamable(server: &mut Server, now: Instant, revision: &str) -> String {
    streamable_that_says(server, now, revision, &initialize(revision))
}

/// The same of a client that begins with these words.
fn streamable_that_says(server: &mut Server, now: Instant, revision: &str, hello: &str) -> String {
    streamable_at(server, now, "/mcp", revision, hello)
}

/// The same through this door.
fn streamable_at(
    server: &mut Server,
    now: Instant,
    path: &str,
    revision: &str,
    hello: &str,
) -> String {
    let response = ask(server, now, post(path, "", hello));
    let id = response
        .head
        .field("mcp-session-id")
        .expect("a session")
        .to_string();
    let fields = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {revision}\r\n");
    let confirmed = ask(server, now, post(path, &fields, INITIALIZED));
    assert_eq!((confirmed.head.status, confirmed.body.as_str()), (202, ""));
    fields
}

/// An HTTP+SSE session, handshake done and read; its stream's peer and its door.
fn http_sse(server: &mut Server, now: Instant) -> (usize, String) {
    http_sse_at(server, now, "/sse")
}

/// The same through this door.
fn http_sse_at(server: &mut Server, now: Instant, path: &str) -> (usize, String) {
    let stream = server.connect(now);
    server.send(now, stream, support::get(path, ""));
    let door = match pieces(server, stream).get(1) {
        Some(Piece::Event(event)) => event.data.clone(),
        other => panic!("no endpoint: {other:?}"),
    };
    for message in [initialize("2024-11-05").as_str(), INITIALIZED] {
        assert_eq!(ask(server, now, post(&door, "", message)).head.status, 202);
    }
    server.receive(stream);
    (stream, door)
}

/// An HTTP+SSE stream of whoever shows these fields; its peer.
fn http_sse_as(server: &mut Server, now: Instant, fields: &str) -> usize {
    let stream = server.connect(now);
    server.send(now, stream, support::get("/sse", fields));
    server.receive(stream);
    stream
}

fn initialize(revision: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"i","method":"initialize",
           "params":{{"protocolVersion":"{revision}","capabilities":{{}},
           "clientInfo":{{"name":"test","version":"1"}}}}}}"#
    )
}

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn request(id: u32, method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}"}}"#)
}

fn call(id: u32, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call",
           "params":{{"name":"{tool}","arguments":{{}},
           "_meta":{{"progressToken":"p{id}"}}}}}}"#
    )
}

fn echo(id: u32, text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo",
           "arguments":{{"text":"{text}"}}}}}}"#
    )
}

fn cancel(id: u32) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
    )
}
