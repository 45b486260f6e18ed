//! Streams: their framing, heartbeats, resumption, and clients that lag.

use crate::streamable;
use crate::support::reader::Piece;
use crate::support::{Server, at, get, post, registry};
use crate::{FIRST, ask, call, echo, events, http_sse, pieces, pieces_within, refused, request};
use slimcp::limits::Limits;
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
    let ping = post("/mcp", &fields, &request(1, "ping"));
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
    let batch = format!("[{},{}]", call(1, "sleep"), call(2, "sleep"));
    server.send(at(0), asker, post("/mcp", "", &batch));
    let memory = slimcp::limits::Memory::of(&Limits::default()).expect("it fits");
    assert!(server.engine.take_bytes(memory.budget));
    server.finish(at(1), &Outcome::text("it finds no room"));
    assert!(server.peers[asker].closed);
    assert_eq!(server.terminated.len(), 1, "the work would be for nothing");
}

/// A session with a call whose stream has sent three events of progress, and its connection.
fn progressing(revision: &str) -> (Server, String, usize) {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), revision);
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    for line in ["a", "b", "c"] {
        server.line(at(2), line);
    }
    (server, fields, asker)
}

fn resume(fields: &str, event: &str) -> String {
    get("/mcp", &format!("{fields}Last-Event-ID: {event}\r\n"))
}

fn ids(server: &mut Server, peer: usize) -> Vec<String> {
    let events = events(server, peer);
    let with_data = events.into_iter().filter(|event| !event.data.is_empty());
    with_data.filter_map(|event| event.id).collect()
}

#[test]
fn an_answer_stream_is_resumed_behind_the_event_that_was_seen() {
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let (mut server, fields, asker) = progressing(revision);
        assert_eq!(ids(&mut server, asker), ["0-1", "0-2", "0-3"]);
        server.cut(at(3), asker);
        server.line(at(4), "d");
        let again = server.connect(at(5));
        server.send(at(5), again, resume(&fields, "0-2"));
        assert_eq!(ids(&mut server, again), ["0-3", "0-4"], "{revision}");
        server.finish(at(6), &Outcome::text("slept"));
        let rest = pieces_within(&mut server, again);
        assert!(matches!(&rest[0], Piece::Event(event) if event.id.as_deref() == Some("0-5")));
        assert_eq!(rest[1..], [Piece::End]);
        server.engine.check(0);
    }
}

#[test]
fn an_answer_that_was_sent_but_not_received_is_kept_for_the_resume_window() {
    let (mut server, fields, asker) = progressing("2025-11-25");
    server.finish(at(3), &Outcome::text("slept"));
    assert!(server.receive(asker).ends_with("0\r\n\r\n"));
    server.wait_until(at(59_000));
    let again = server.connect(at(59_000));
    server.send(at(59_000), again, resume(&fields, "0-3"));
    assert_eq!(ids(&mut server, again), ["0-4"]);
    server.wait_until(at(120_000));
    assert_eq!(
        refused(&mut server, at(120_000), resume(&fields, "0-3")),
        (410, -32600)
    );
    assert_eq!(server.engine.gauges().streams, 0);
}

#[test]
fn who_has_seen_all_of_a_stream_that_is_over_is_told_so() {
    let (mut server, fields, _) = progressing("2025-11-25");
    server.finish(at(3), &Outcome::text("slept"));
    let response = ask(&mut server, at(4), resume(&fields, "0-4"));
    assert_eq!(response.head.status, 204);
}

#[test]
fn what_is_no_longer_kept_or_was_never_sent_is_410() {
    let mut server = Server::with(Limits {
        replay_bytes_max: 400,
        ..Limits::default()
    });
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let listener = server.connect(at(0));
    server.send(at(0), listener, get("/mcp", &fields));
    for title in 0..10 {
        server.retitle(at(1), title);
    }
    for event in ["0-0", "0-5", "0-11", "1-1"] {
        assert_eq!(
            refused(&mut server, at(2), resume(&fields, event)),
            (410, -32600),
            "{event}"
        );
    }
    assert!(
        !server.peers[listener].closed,
        "a refused resumption changes nothing"
    );
    let again = server.connect(at(3));
    server.send(at(3), again, resume(&fields, "0-9"));
    assert_eq!(ids(&mut server, again), ["0-10"]);
    assert!(server.peers[listener].closed);
}

#[test]
fn an_http_sse_stream_is_resumed_and_names_its_door_again() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    ask(&mut server, at(1), post(&door, "", &echo(1, "one")));
    server.cut(at(2), stream);
    ask(&mut server, at(3), post(&door, "", &echo(2, "two")));
    let again = server.connect(at(4));
    let last = format!("Last-Event-ID: {FIRST}-2\r\n");
    server.send(at(4), again, get("/sse", &last));
    let events = events(&mut server, again);
    assert_eq!(events[0].name.as_deref(), Some("endpoint"));
    assert_eq!((events[0].data.as_str(), events.len()), (door.as_str(), 2));
    assert!(events[1].data.contains("two"), "{events:?}");
    assert_eq!(server.engine.gauges().sessions, 1);
}

#[test]
fn an_http_sse_client_with_a_gap_gets_a_new_session() {
    let mut server = Server::with(Limits {
        replay_bytes_max: 200,
        ..Limits::default()
    });
    let (stream, door) = http_sse(&mut server, at(0));
    for id in 0..5 {
        ask(&mut server, at(1), post(&door, "", &echo(id, "text")));
    }
    server.cut(at(2), stream);
    let again = server.connect(at(3));
    let last = format!("Last-Event-ID: {FIRST}-1\r\n");
    server.send(at(3), again, get("/sse", &last));
    let events = events(&mut server, again);
    assert!(
        events[0]
            .data
            .ends_with("session_id=session-00000000000002"),
        "{events:?}"
    );
    let old = post(&door, "", &request(1, "ping"));
    assert_eq!(refused(&mut server, at(4), old), (404, -32001));
}

#[test]
fn heartbeats_go_to_all_three_kinds_of_streams() {
    let mut server = Server::new();
    let (stream, _) = http_sse(&mut server, at(0));
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let (listener, asker) = (server.connect(at(0)), server.connect(at(0)));
    server.send(at(0), listener, get("/mcp", &fields));
    server.send(at(0), asker, post("/mcp", &fields, &call(1, "sleep")));
    server.line(at(0), "begin");
    for peer in [stream, listener, asker] {
        server.receive(peer);
    }
    for beat in 1..=2 {
        server.wait_until(at(beat * 25_000 - 1));
        assert_eq!(server.receive(stream), "");
        server.wait_until(at(beat * 25_000));
        for peer in [stream, listener, asker] {
            assert_eq!(server.receive(peer), "3\r\n:\n\n\r\n");
        }
    }
}

#[test]
fn an_idle_server_waits_for_nothing() {
    let mut server = Server::new();
    assert_eq!(server.engine.poll_timeout(), None);
    let fields = streamable(&mut server, at(0), "2025-06-18");
    ask(
        &mut server,
        at(1),
        format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"),
    );
    assert_eq!(server.engine.poll_timeout(), None);
}

#[test]
fn a_held_answer_becomes_a_stream_after_ten_seconds() {
    let mut server = Server::new();
    let asker = server.connect(at(0));
    server.send(at(0), asker, post("/mcp", "", &call(1, "sleep")));
    server.wait_until(at(9_999));
    assert_eq!(server.receive(asker), "");
    server.wait_until(at(10_000));
    let begin = server.receive(asker);
    assert!(
        begin.contains("Content-Type: text/event-stream\r\n"),
        "{begin}"
    );
    server.finish(at(11_000), &Outcome::text("slept"));
    let rest = pieces_within(&mut server, asker);
    let [Piece::Event(event), Piece::End] = &rest[..] else {
        panic!("{rest:?}");
    };
    assert_eq!(
        event.id, None,
        "without a session there is nothing to come back to"
    );
}

#[test]
fn only_clients_of_2025_11_25_get_an_event_without_data() {
    for (revision, primes) in [
        ("2025-03-26", false),
        ("2025-06-18", false),
        ("2025-11-25", true),
    ] {
        let mut server = Server::new();
        let fields = streamable(&mut server, at(0), revision);
        let listener = server.connect(at(0));
        server.send(at(0), listener, get("/mcp", &fields));
        let first = events(&mut server, listener);
        assert_eq!(
            first.iter().any(|event| event.data.is_empty()),
            primes,
            "{revision}"
        );
        assert_eq!(
            first.iter().any(|event| event.retry == Some(1000)),
            primes,
            "{revision}"
        );
    }
}

#[test]
fn a_batch_with_a_call_is_answered_as_an_array_or_event_by_event() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let batch = format!(
        "[{},{},{}]",
        echo(1, "one"),
        call(2, "sleep"),
        call(3, "sleep")
    );
    let (short, long) = (server.connect(at(0)), server.connect(at(0)));
    server.send(at(1), short, post("/mcp", &fields, &batch));
    server.finish(at(2), &Outcome::text("slept"));
    assert_eq!(server.receive(short), "", "one is missing");
    server.finish(at(3), &Outcome::text("slept"));
    let answer = pieces(&mut server, short);
    let [Piece::Head(_), Piece::Body(body)] = &answer[..] else {
        panic!("{answer:?}");
    };
    let answers: Vec<serde_json::Value> = serde_json::from_str(body).expect("an array");
    assert_eq!(answers.len(), 3);

    server.send(at(4), long, post("/mcp", &fields, &batch));
    server.line(at(5), "progress");
    server.finish(at(6), &Outcome::text("slept"));
    server.finish(at(7), &Outcome::text("slept"));
    let told = pieces(&mut server, long);
    let is_event = |piece: &&Piece| matches!(piece, Piece::Event(_));
    assert_eq!(told.iter().filter(is_event).count(), 4, "{told:?}");
    assert_eq!(told.last(), Some(&Piece::End));
    server.engine.check(0);
}

#[test]
fn http_1_0_gets_a_stream_that_lasts_until_the_connection_closes() {
    let mut server = Server::new();
    let stream = server.connect(at(0));
    let old = "GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\nConnection: keep-alive\r\n\r\n";
    server.send(at(0), stream, old);
    let begin = server.receive(stream);
    assert!(begin.contains("Connection: close\r\n"), "{begin}");
    assert!(!begin.contains("chunked"), "{begin}");
    assert!(
        begin.contains(&format!("\r\n\r\nid: {FIRST}-0\nevent: endpoint\n")),
        "{begin}"
    );
    server.engine.drain(at(1));
    server.settle(at(1));
    assert_eq!(server.receive(stream), "", "no last chunk");
    assert!(server.peers[stream].closed);
}

#[test]
fn requests_behind_a_stream_wait_for_its_end() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    let behind = post("/mcp", "", &request(2, "ping"));
    let both = post("/mcp", "", &call(1, "sleep")) + &behind;
    server.send(at(0), peer, both);
    server.send(at(1), peer, post("/mcp", "", &request(3, "ping")));
    assert_eq!(server.receive(peer), "");
    server.finish(at(2), &Outcome::text("slept"));
    let answers = pieces(&mut server, peer);
    let bodies: Vec<&str> = answers
        .iter()
        .filter_map(|piece| {
            if let Piece::Body(body) = piece {
                Some(&body[..24])
            } else {
                None
            }
        })
        .collect();
    let expected = [1, 2, 3].map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},"));
    assert_eq!(bodies, expected);
    assert!(!server.peers[peer].closed);
}

#[test]
fn a_client_that_lags_past_the_limit_is_cut_and_its_session_told_by_that() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    let key = server.peers[stream].stream.expect("it is open");
    server.engine.handle_blocked(key);
    for id in 0..=1024 {
        ask(&mut server, at(1), post(&door, "", &echo(id, "x")));
    }
    assert!(server.peers[stream].closed);
    assert_eq!(server.engine.stats().lagging, 1);
    let ping = post(&door, "", &request(1, "ping"));
    assert_eq!(refused(&mut server, at(2), ping), (404, -32001));
    assert_eq!(server.engine.gauges().budget_bytes, 0);
}

#[test]
fn a_silent_connection_is_closed_and_a_slow_request_answered_with_408() {
    let mut server = Server::new();
    let (silent, slow, kept) = (
        server.connect(at(0)),
        server.connect(at(0)),
        server.connect(at(0)),
    );
    let ping = post("/mcp", "", &request(1, "ping"));
    server.send(at(0), slow, &ping[..20]);
    server.send(at(0), kept, &ping);
    server.receive(kept);
    server.wait_until(at(10_000));
    assert!(server.peers[silent].closed && server.peers[slow].closed);
    assert!(server.receive(slow).starts_with("HTTP/1.1 408 "));
    server.wait_until(at(74_999));
    assert!(!server.peers[kept].closed);
    server.wait_until(at(75_000));
    assert!(server.peers[kept].closed);
    assert_eq!(server.receive(kept), "", "it owes nothing");
}

#[test]
fn a_chatty_tool_does_not_cost_a_client_its_answer() {
    let (mut server, fields, asker) = progressing("2025-11-25");
    server.cut(at(3), asker);
    for _ in 0..5000 {
        server.line(at(4), "chatter");
    }
    server.finish(at(5), &Outcome::text("slept"));
    let again = server.connect(at(6));
    server.send(at(6), again, resume(&fields, "0-3"));
    let events = events(&mut server, again);
    assert!(
        events
            .last()
            .is_some_and(|event| event.data.contains("slept"))
    );
    assert!(events.len() < 1024, "{}", events.len());
    assert!(server.engine.stats().events_shed > 4000);
    server.engine.check(0);
}

#[test]
fn heartbeats_keep_their_interval_although_each_is_told_a_little_late() {
    let mut server = Server::new();
    let mut config = server.engine.config().clone();
    config.timeouts.heartbeat = std::time::Duration::from_secs(1);
    let tools = registry();
    server.engine.reload(at(0), config, tools);
    let (stream, _) = http_sse(&mut server, at(0));
    for second in 1..=5 {
        let late = at(second * 1000 + 3);
        server.engine.handle_timeout(late);
        server.settle(late);
        let comments = server.receive(stream).matches(":\n\n").count();
        assert_eq!(comments, 1, "second {second}");
    }
}
