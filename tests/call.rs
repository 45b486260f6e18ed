//! Read me first: one tool call, bytes to bytes.
//!
//! A client writes an HTTP request, the engine decides, bytes come back. There is no socket, no
//! thread and no clock in this file: the test says what time it is. `tests/support` does what
//! `src/edge` does in the daemon, with a buffer where that has a socket.

mod support;

use slimcp::tool::Outcome;
use support::{Server, at, get, post};

/// The shortest way: one POST, no session, one JSON body back.
#[test]
fn a_call_without_a_session() {
    let mut server = Server::new();
    let client = server.connect(at(0));

    server.send(
        at(0),
        client,
        "POST /mcp HTTP/1.1\r\n\
         Host: localhost:8000\r\n\
         Content-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n\
         Content-Length: 100\r\n\
         \r\n\
         {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\
         \"params\":{\"name\":\"echo\",\"arguments\":{\"text\":\"hello\"}}}",
    );

    assert_eq!(
        server.receive(client),
        "HTTP/1.1 200 OK\r\n\
         Content-Type: application/json\r\n\
         Content-Length: 78\r\n\
         \r\n\
         {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}}"
    );
}

/// The oldest transport: the client listens on one connection and posts on another.
#[test]
fn a_call_over_http_sse() {
    let mut server = Server::new();
    let (stream, poster) = (server.connect(at(0)), server.connect(at(0)));

    // The stream begins with the address for messages. The session's id is in it.
    server.send(at(0), stream, get("/sse", ""));
    assert_eq!(
        server.receive(stream),
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/event-stream\r\n\
         Transfer-Encoding: chunked\r\n\
         Cache-Control: no-cache, no-transform\r\n\
         X-Accel-Buffering: no\r\n\
         Connection: keep-alive\r\n\
         \r\n\
         60\r\n\
         id: session-00000000000001-0\n\
         event: endpoint\n\
         data: /messages?session_id=session-00000000000001\n\
         \n\
         \r\n"
    );

    // The message is acknowledged on its own connection ...
    let door = "/messages?session_id=session-00000000000001";
    let call = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;
    server.send(at(10), poster, post(door, "", call));
    assert_eq!(
        server.receive(poster),
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    );

    // ... and answered on the stream.
    assert_eq!(
        server.receive(stream),
        "81\r\n\
         id: session-00000000000001-1\n\
         event: message\n\
         data: {\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}}\n\
         \n\
         \r\n"
    );
}

/// A call that takes its time: its answer becomes a stream, with progress, heartbeats and, at last,
/// the answer. When the connection breaks, the client comes back for what it missed.
#[test]
fn a_slow_call_whose_connection_breaks() {
    let mut server = Server::new();
    let client = server.connect(at(0));

    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    server.send(at(0), client, post("/mcp", "", initialize));
    assert!(
        server
            .receive(client)
            .contains("Mcp-Session-Id: session-00000000000001\r\n")
    );
    let session = "Mcp-Session-Id: session-00000000000001\r\nMCP-Protocol-Version: 2025-11-25\r\n";
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    server.send(at(1), client, post("/mcp", session, initialized));
    server.receive(client);

    // The work goes to the edge. The client gets an id to come back with, and waits.
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep","arguments":{"seconds":60},"_meta":{"progressToken":"p"}}}"#;
    server.send(at(2), client, post("/mcp", session, call));
    assert_eq!(server.started.len(), 1);
    server.settle(at(2));
    let begin = server.receive(client);
    assert!(
        begin.contains("Content-Type: text/event-stream\r\n"),
        "{begin}"
    );
    assert!(
        begin.ends_with("\r\nid: 0-0\nretry: 1000\ndata: \n\n\r\n"),
        "{begin}"
    );

    // A line of the command's output is progress.
    server.line(at(5_000), "half way");
    let progress = server.receive(client);
    assert!(
        progress.contains("id: 0-1\nevent: message\ndata: {"),
        "{progress}"
    );
    assert!(progress.contains(r#""progressToken":"p","progress":1,"message":"half way""#));

    // Nothing happens for a while: a comment keeps proxies from cutting the stream.
    server.wait_until(at(26_000));
    assert_eq!(server.receive(client), "3\r\n:\n\n\r\n");

    // The connection breaks; the work goes on and ends.
    server.cut(at(30_000), client);
    assert!(server.terminated.is_empty());
    server.finish(at(40_000), &Outcome::text("slept"));

    // The client comes back and names the last event it saw.
    let again = server.connect(at(50_000));
    let resume = format!("{session}Last-Event-ID: 0-1\r\n");
    server.send(at(50_000), again, get("/mcp", &resume));
    let rest = server.receive(again);
    assert!(rest.contains("id: 0-2\nevent: message\ndata: {"), "{rest}");
    assert!(rest.contains(r#"{"type":"text","text":"slept"}"#), "{rest}");
    assert!(
        rest.ends_with("0\r\n\r\n"),
        "the stream ends with the answer: {rest}"
    );

    // A client that has everything is told so, however often it asks.
    for _ in 0..2 {
        let once_more = server.connect(at(51_000));
        let resume = format!("{session}Last-Event-ID: 0-2\r\n");
        server.send(at(51_000), once_more, get("/mcp", &resume));
        assert_eq!(server.receive(once_more), "HTTP/1.1 204 No Content\r\n\r\n");
    }
}
