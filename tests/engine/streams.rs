//! Streams: their framing, heartbeats, resumption, and clients that lag.

use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use crate::{ask, pieces_within};
use crate::{call, echo, events, http_sse, pieces, refused, streamable};
use slimcp::tool::Outcome;

#[test]
fn an_answer_that_may_still_become_a_body_cannot_be_resumed() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let asker = server.connect(at(0));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let stranger = get("/mcp", &format!("{fields}Last-Event-ID: 0-0\r\n"));
    assert_eq!(refused(&mut server, at(2), &stranger), (410, -32600));
    server.engine.check(0);
    server.finish(at(3), &Outcome::text("slept"));
    let answer = server.receive(asker);
    assert!(
        answer.contains("Content-Type: application/json"),
        "{answer}"
    );
    server.engine.check(0);
}

#[test]
fn a_call_whose_connection_broke_at_once_still_has_its_timeout() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let asker = server.connect(at(1));
    // The edge notices the reset when it writes, before it parks the stream.
    server.reset_before_parking(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    server.engine.check(0);
    server.wait_until(at(63_000));
    assert_eq!((server.terminated.len(), server.killed.len()), (1, 1));
}

#[test]
fn a_session_outlives_a_listening_stream_that_was_given_up() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let listener = server.connect(at(0));
    server.send(at(0), listener, get("/mcp", &fields));
    let key = server.peers[listener].stream.expect("it is open");
    let late = 7_200_000;
    server.wait_until(at(late));
    server.engine.handle_blocked(key);
    for count in 0..1025 {
        server.retitle(at(late), count);
    }
    assert!(server.peers[listener].closed, "it lags");
    server.wait_until(at(late + 60_000));
    let ping = post("/mcp", &fields, &crate::request(1, "ping"));
    assert_eq!(ask(&mut server, at(late + 60_000), ping).head.status, 200);
}

#[test]
fn the_end_of_a_stream_may_be_blocked() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let asker = server.connect(at(0));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let key = server.peers[asker].stream.expect("it waits");
    server.finish(at(2), &Outcome::text("slept"));
    // The edge found out only now that the socket did not take the last bytes.
    server.engine.handle_blocked(key);
    server.engine.check(0);
    server.engine.handle_drained(key);
    server.settle(at(3));
    server.engine.check(0);
}

#[test]
fn coming_back_closes_the_connection_before_whatever_becomes_of_the_new_one() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let asker = server.connect(at(0));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let again = server.connect(at(2));
    let resume = get("/mcp", &format!("{fields}Last-Event-ID: 0-0\r\n"));
    server.reset_before_parking(at(2), again, resume);
    assert!(server.peers[asker].closed, "it would wait for ever");
    server.engine.check(0);
}

#[test]
fn a_call_without_a_session_ends_with_the_stream_that_was_given_up() {
    let mut server = Server::new();
    let asker = server.connect(at(0));
    server.send(at(0), asker, post("/mcp", "", &call(1, "sleep")));
    let key = server.peers[asker].stream.expect("it waits");
    server.engine.handle_blocked(key);
    for _ in 0..1025 {
        server.line(at(1), "chatter");
    }
    assert!(server.peers[asker].closed, "it lags");
    assert_eq!(server.terminated.len(), 1, "the work would be for nothing");
}
