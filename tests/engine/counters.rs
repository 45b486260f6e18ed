//! What is counted, and where.

use crate::support::{Server, at, get, post};
use crate::{INITIALIZED, ask, call, echo, http_sse, initialize, request, streamable};
use slimcp::admin::stats::{DoorKind, DoorStats};
use slimcp::limits::{Limits, Timeouts};
use slimcp::mcp::refusal::Refusal;
use slimcp::tool::Outcome;

fn door(server: &Server, kind: DoorKind) -> &DoorStats {
    &server.engine.stats().doors[kind as usize]
}

/// Observations and their sum at one kind of door.
fn duration(server: &Server, kind: DoorKind) -> (u64, String) {
    let duration = &door(server, kind).duration;
    (duration.count(), duration.sum().to_string())
}

#[test]
fn requests_are_counted_at_their_door() {
    let mut server = Server::new();
    streamable(&mut server, at(0), "2025-06-18");
    http_sse(&mut server, at(0));
    ask(&mut server, at(0), get("/health", ""));
    ask(&mut server, at(0), get("/nowhere", ""));
    let foreign = post(
        "/mcp",
        "Origin: http://evil.example\r\n",
        &request(1, "ping"),
    );
    ask(&mut server, at(0), foreign);
    let counted = DoorKind::ALL.map(|kind| door(&server, kind).requests);
    assert_eq!(counted, [2, 1, 2, 0, 0, 1, 2]);
    // All of them were answered in no time.
    let observed = DoorKind::ALL.map(|kind| duration(&server, kind));
    assert_eq!(observed, counted.map(|count| (count, "0".to_string())));
}

#[test]
fn a_call_is_measured_from_its_request_to_its_answer() {
    let mut server = Server::new();
    let asker = server.connect(at(0));
    server.send(at(1_000), asker, post("/mcp", "", &call(1, "sleep")));
    assert_eq!(duration(&server, DoorKind::Mcp).0, 0);
    server.finish(at(3_500), &Outcome::text("slept"));
    assert_eq!(duration(&server, DoorKind::Mcp), (1, "2.5".to_string()));
    // What is over at once has no place in the table of calls.
    ask(&mut server, at(4_000), post("/mcp", "", &echo(2, "a")));
    assert_eq!(duration(&server, DoorKind::Mcp), (2, "2.5".to_string()));

    let (_, door) = http_sse(&mut server, at(5_000));
    let before = duration(&server, DoorKind::Messages).0;
    ask(&mut server, at(5_000), post(&door, "", &call(3, "sleep")));
    assert_eq!(duration(&server, DoorKind::Messages).0, before);
    // A request at another door meanwhile does not change where the call belongs.
    ask(&mut server, at(5_500), get("/health", ""));
    server.finish(at(6_000), &Outcome::text("slept"));
    let expected = (before + 1, "1".to_string());
    assert_eq!(duration(&server, DoorKind::Messages), expected);
}

#[test]
fn calls_that_never_ran_are_measured_as_well() {
    let mut server = Server::new();
    for id in 0..3 {
        let asker = server.connect(at(0));
        server.send(at(0), asker, post("/mcp", "", &call(id, "sleep")));
    }
    assert_eq!(server.started.len(), 2, "the third one waits");
    let call_timeout = Timeouts::default().call.as_millis() as u64;
    server.wait_until(at(call_timeout));
    let expected = (1, (call_timeout / 1000).to_string());
    assert_eq!(duration(&server, DoorKind::Mcp), expected);
}

#[test]
fn messages_and_errors_are_counted_one_by_one() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let before = server.engine.stats().messages;
    let batch = format!(
        "[{},{INITIALIZED},{},7]",
        request(1, "ping"),
        request(2, "no/such")
    );
    ask(&mut server, at(1), post("/mcp", &fields, &batch));
    ask(&mut server, at(1), post("/mcp", &fields, "{"));
    ask(
        &mut server,
        at(1),
        post("/mcp", &fields, &call(3, "nothing")),
    );
    ask(
        &mut server,
        at(1),
        post(
            "/mcp",
            "",
            r#"{"jsonrpc":"2.0","id":4,"method":"initialize"}"#,
        ),
    );
    let stats = server.engine.stats();
    assert_eq!(stats.messages - before, 5);
    assert_eq!(stats.malformed, 2);
    assert_eq!(stats.errors, 3);
    assert_eq!(stats.refusals.total(), 0);
    assert_eq!(stats.errors_total(), 5);
}

#[test]
fn refusals_are_counted_once_with_their_reason() {
    let mut server = Server::with(Limits {
        connections_max: 1,
        ..Limits::default()
    });
    ask(&mut server, at(0), get("/nowhere", ""));
    ask(&mut server, at(0), get("/messages", ""));
    ask(
        &mut server,
        at(0),
        post("/mcp", "", &request(1, "logging/setLevel")),
    );
    server.connect(at(0));
    let refused = server.engine.open_connection(at(0), None);
    assert_eq!(refused, Err(Refusal::ConnectionsFull));
    server.engine.drain(at(1));
    let refused = server.engine.open_connection(at(1), None);
    assert_eq!(refused, Err(Refusal::Stopping));
    let refusals = &server.engine.stats().refusals;
    let counted: Vec<_> = refusals.iter().filter(|(_, count)| *count > 0).collect();
    let reasons = [
        "path_unknown",
        "method_wrong",
        "session_needed",
        "connections_full",
        "stopping",
    ];
    assert_eq!(counted, reasons.map(|reason| (reason, 1)));
}

#[test]
fn a_refusal_on_a_stream_is_counted_too() {
    let mut server = Server::with(Limits {
        calls_max: 1,
        ..Limits::default()
    });
    let (_, door) = http_sse(&mut server, at(0));
    for id in [1, 2] {
        ask(&mut server, at(0), post(&door, "", &call(id, "sleep")));
    }
    assert_eq!(server.engine.stats().refusals.total(), 1);
}

#[test]
fn a_session_is_measured_from_its_begin_to_its_end() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(1_000), "2025-06-18");
    let (stream, _) = http_sse(&mut server, at(2_000));
    assert_eq!(server.engine.gauges().listening, 1);
    let asked = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    ask(&mut server, at(5_000), asked);
    let lasted = |server: &Server| {
        let duration = &server.engine.stats().session_duration;
        (duration.count(), duration.sum().to_string())
    };
    assert_eq!(lasted(&server), (1, "4".to_string()));
    server.cut(at(8_000), stream);
    assert_eq!(server.engine.gauges().listening, 0);
    server.wait_until(at(68_000));
    assert_eq!(lasted(&server), (2, "70".to_string()));
}

#[test]
fn streams_that_listen_are_counted_and_others_are_not() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let asker = server.connect(at(0));
    server.send(at(0), asker, post("/mcp", &fields, &call(1, "sleep")));
    assert_eq!(server.engine.gauges().listening, 0);
    let listeners = [server.connect(at(0)), server.connect(at(0))];
    for listener in listeners {
        // The second one takes over from the first.
        server.send(at(0), listener, get("/mcp", &fields));
        assert_eq!(server.engine.gauges().listening, 1);
    }
    server.engine.check(0);
    server.engine.drain(at(1));
    server.settle(at(1));
    server.finish(at(2), &Outcome::text("slept"));
    assert_eq!(server.engine.gauges().listening, 0);
    server.engine.check(0);
}

#[test]
fn the_snapshot_says_since_when_and_how_much_room_there_is() {
    let mut server = Server::new();
    ask(
        &mut server,
        at(0),
        post("/mcp", "", &initialize("2025-06-18")),
    );
    server.engine.handle_traffic(3, 5);
    let snapshot = server.engine.snapshot(at(90_000));
    assert_eq!(snapshot.uptime.as_secs(), 90);
    assert_eq!(snapshot.gauges, server.engine.gauges());
    assert_eq!(snapshot.gauges.sessions, 1);
    assert_eq!(snapshot.limits.sessions_max, 1000);
    assert_eq!(snapshot.memory.ceiling, snapshot.limits.memory_bytes_max);
    assert_eq!(
        (snapshot.stats.received_bytes, snapshot.stats.sent_bytes),
        (3, 5)
    );
}
