//! Stopping: what is refused, what is finished, how streams end.

use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use crate::{ask, streamable};
use crate::{call, echo, events, http_sse, initialize, pieces, pieces_within, request};
use slimcp::tool::Outcome;

#[test]
fn an_idle_server_is_drained_once_its_streams_have_ended() {
    let mut server = Server::new();
    let (stream, _) = http_sse(&mut server, at(0));
    server.engine.drain(at(1));
    assert!(!server.engine.is_drained());
    server.settle(at(1));
    assert_eq!(pieces_within(&mut server, stream), [Piece::End]);
    assert!(server.engine.is_drained());
}

#[test]
fn queued_calls_are_answered_when_the_drain_is_over() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    for id in 1..=4 {
        ask(&mut server, at(1), post(&door, "", &call(id, "sleep")));
    }
    server.engine.drain(at(2));
    server.wait_until(at(10_003));
    let answered = events(&mut server, stream);
    assert_eq!(answered.len(), 2, "{answered:?}");
    assert!(
        answered
            .iter()
            .all(|event| event.data.contains("the server is stopping"))
    );
}

#[test]
fn draining_twice_is_draining_once() {
    let mut server = Server::new();
    server.engine.drain(at(1));
    server.engine.drain(at(2));
    server.settle(at(2));
    assert!(server.engine.is_drained());
    let health = server.engine.gauges();
    assert_eq!((health.deadlines, health.streams), (0, 0));
}

#[test]
fn a_kept_connection_is_closed_and_a_request_under_way_is_not() {
    let mut server = Server::new();
    let (idle, reading) = (server.connect(at(0)), server.connect(at(0)));
    server.send(at(0), idle, post("/mcp", "", &request(1, "ping")));
    let ping = post("/mcp", "", &request(2, "ping"));
    server.send(at(0), reading, &ping[..ping.len() - 5]);
    server.engine.drain(at(1));
    server.settle(at(1));
    assert!(server.peers[idle].closed && !server.peers[reading].closed);
    server.send(at(2), reading, &ping[ping.len() - 5..]);
    let answer = server.receive(reading);
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    assert!(answer.contains(r#""id":2,"result":{}"#), "{answer}");
    assert!(server.peers[reading].closed);
}

#[test]
fn health_says_that_the_server_stops() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.engine.drain(at(1));
    server.send(
        at(2),
        peer,
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    let answer = server.receive(peer);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains(r#""status":"stopping""#), "{answer}");
}

#[test]
fn the_streams_end_behind_the_last_answer() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    ask(&mut server, at(1), post(&door, "", &call(1, "sleep")));
    server.engine.drain(at(2));
    server.settle(at(2));
    assert!(!server.engine.is_drained(), "a call is running");
    assert_eq!(server.receive(stream), "");

    server.finish(at(3), &Outcome::text("slept"));
    let last = pieces_within(&mut server, stream);
    assert!(
        matches!(&last[0], Piece::Event(event) if event.data.contains("slept")),
        "{last:?}"
    );
    assert_eq!(last[1..], [Piece::End]);
    assert!(server.engine.is_drained());
}

#[test]
fn calls_that_outlast_the_drain_are_terminated_and_answered() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    ask(&mut server, at(1), post(&door, "", &call(1, "sleep")));
    server.engine.drain(at(2));
    server.settle(at(2));
    server.wait_until(at(10_003));
    assert_eq!(server.terminated.len(), 1);
    server.wait_until(at(13_003));
    assert_eq!(server.killed.len(), 1);
    server.finish(at(13_004), &Outcome::error("the server is stopping"));
    assert_eq!(events(&mut server, stream).len(), 1);
    assert!(server.engine.is_drained());
}

#[test]
fn new_work_is_refused_and_told_to_come_back() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let early = server.connect(at(0));
    let peers: Vec<usize> = (0..6).map(|_| server.connect(at(0))).collect();
    let busy = ask_slowly(&mut server, early, &fields);
    server.engine.drain(at(2));
    server.settle(at(2));
    let requests = [
        post("/mcp", "", &initialize("2025-06-18")),
        post("/mcp", &fields, &call(2, "sleep")),
        get("/sse", ""),
        get("/mcp", &fields),
    ];
    for (peer, text) in peers.iter().zip(requests) {
        server.send(at(3), *peer, &text);
        let answer = server.receive(*peer);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{text}{answer}");
        assert!(answer.contains("Retry-After: 5\r\n"), "{answer}");
        assert!(server.peers[*peer].closed, "{answer}");
    }
    // What needs no room is still served, and the connection closed behind it.
    server.send(at(3), peers[4], post("/mcp", &fields, &request(9, "ping")));
    assert!(server.receive(peers[4]).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(server.peers[peers[4]].closed);
    assert!(server.engine.open_connection(at(3), None).is_err());
    assert!(!server.engine.is_drained());
    server.finish(at(4), &Outcome::text("slept"));
    assert!(server.receive(busy).contains("slept"));
    assert!(server.engine.is_drained());
}

fn ask_slowly(server: &mut Server, peer: usize, fields: &str) -> usize {
    server.send(at(1), peer, post("/mcp", fields, &call(1, "sleep")));
    assert_eq!(server.receive(peer), "");
    peer
}

#[test]
fn a_listening_stream_that_ends_first_does_not_cut_an_answer_on_its_way() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let listener = server.connect(at(0));
    server.send(at(0), listener, get("/mcp", &fields));
    let asker = server.connect(at(0));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let stream = server.peers[asker].stream.expect("it waits");
    pieces(&mut server, asker);
    server.engine.handle_blocked(stream);
    server.finish(at(2), &Outcome::text("slept"));
    server.engine.drain(at(3));
    server.settle(at(3));
    assert!(!server.peers[asker].closed, "its answer is not sent yet");
    server.engine.check(0);
    server.engine.handle_drained(stream);
    server.settle(at(4));
    let rest = pieces_within(&mut server, asker);
    assert!(
        matches!(&rest[0], Piece::Event(event) if event.data.contains("slept")),
        "{rest:?}"
    );
    assert_eq!(rest[1..], [Piece::End]);
    assert!(server.engine.is_drained());
    server.engine.check(0);
}

#[test]
fn a_client_that_lags_when_the_drain_is_over_does_not_stop_it() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    let key = server.peers[stream].stream.expect("it is open");
    for id in 1..=4 {
        ask(&mut server, at(1), post(&door, "", &call(id, "sleep")));
    }
    server.engine.handle_blocked(key);
    for id in 0..1024 {
        ask(&mut server, at(2), post(&door, "", &echo(100 + id, "x")));
    }
    server.engine.drain(at(3));
    server.wait_until(at(20_000));
    assert!(server.peers[stream].closed);
    assert_eq!(server.terminated.len(), 2);
    server.engine.check(0);
}
