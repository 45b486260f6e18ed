//! Broadcasts: who gets them, in which words, and what they cost.

use crate::support::{Server, at, get, post};
use crate::{FIRST, ask, events, http_sse, request, streamable};
use slimcp::limits::Limits;

/// The answer to a broadcast.
fn broadcast(server: &mut Server, body: &str) -> (u16, serde_json::Value) {
    let response = ask(server, at(10), post("/mcp/sse/broadcast", "", body));
    let body = serde_json::from_str(&response.body).expect("a JSON answer");
    server.engine.check(0);
    (response.head.status, body)
}

/// How many streams it was queued on.
fn queued(server: &mut Server, body: &str) -> u64 {
    let (status, body) = broadcast(server, body);
    assert_eq!((status, body["ok"].as_bool()), (200, Some(true)), "{body}");
    body["queued"].as_u64().expect("a count")
}

/// The data of all events that have come, one a line.
fn heard(server: &mut Server, peer: usize) -> String {
    let events = events(server, peer).into_iter().map(|event| event.data);
    events.collect::<Vec<_>>().join("\n")
}

#[test]
fn standard_clients_get_a_log_message() {
    let mut server = Server::new();
    let (stream, _) = http_sse(&mut server, at(0));
    let message = r#"{"message":{"type":"door-open","level":"warning","n":1}}"#;
    assert_eq!(queued(&mut server, message), 1);
    assert_eq!(
        heard(&mut server, stream),
        concat!(
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","#,
            r#""logger":"door-open","data":{"type":"door-open","level":"warning","n":1}}}"#
        )
    );
}

#[test]
fn the_log_level_of_a_session_lets_a_broadcast_through_or_not() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    let set_level = |level: &str| {
        request(7, "logging/setLevel")
            .replace("}", &format!(r#","params":{{"level":"{level}"}}}}"#))
    };
    let at_level = |level: &str| format!(r#"{{"message":{{"level":"{level}"}}}}"#);
    // Nothing set counts as info, and so does a message that says none.
    assert_eq!(queued(&mut server, &at_level("debug")), 0);
    assert_eq!(queued(&mut server, r#"{"message":"plain words"}"#), 1);
    ask(&mut server, at(1), post(&door, "", &set_level("error")));
    assert_eq!(queued(&mut server, &at_level("warning")), 0);
    assert_eq!(queued(&mut server, &at_level("error")), 1);
    let inner = r#"{"message":{"type":"x","result":{"level":"critical"}}}"#;
    assert_eq!(queued(&mut server, inner), 1);
    ask(&mut server, at(2), post(&door, "", &set_level("debug")));
    assert_eq!(queued(&mut server, &at_level("debug")), 1);
    server.receive(stream);
}

#[test]
fn a_session_without_a_stream_or_a_handshake_gets_nothing() {
    let mut server = Server::new();
    streamable(&mut server, at(0), "2025-11-25");
    let silent = server.connect(at(0));
    server.send(at(0), silent, get("/sse", ""));
    assert_eq!(queued(&mut server, r#"{"message":{}}"#), 0);
}

#[test]
fn a_filter_picks_sessions_and_roles() {
    let mut server = Server::new();
    let (one, _) = http_sse(&mut server, at(0));
    let (other, _) = http_sse(&mut server, at(0));
    let to_one = format!(r#"{{"message":{{}},"filter":{{"connectionIds":["{FIRST}"]}}}}"#);
    assert_eq!(queued(&mut server, &to_one), 1);
    assert_ne!(heard(&mut server, one), "");
    assert_eq!(heard(&mut server, other), "");
    let roles = |names: &str| format!(r#"{{"message":{{}},"filter":{{"tokenTypes":[{names}]}}}}"#);
    assert_eq!(queued(&mut server, &roles(r#""team","readonly""#)), 0);
    assert_eq!(queued(&mut server, &roles(r#""team","master""#)), 2);
    assert_eq!(queued(&mut server, &roles("")), 0);
}

#[test]
fn what_is_no_broadcast_is_explained() {
    let mut server = Server::new();
    let long = "x".repeat(65);
    let table = [
        ("{", "EOF"),
        ("{}", "message"),
        (r#"{"message":3}"#, "an object or a text"),
        (r#"{"message":{"type":3}}"#, "type must be a text"),
        (r#"{"message":{"type":"endpoint"}}"#, "not be endpoint"),
        (r#"{"message":{"type":"a\nb"}}"#, "line ends"),
        (
            &format!(r#"{{"message":{{"type":"{long}"}}}}"#),
            "1 to 64 bytes",
        ),
        (
            r#"{"message":{},"filter":{"tokenType":["team"]}}"#,
            "\"tokenType\" is not known here",
        ),
        (
            r#"{"message":{},"filter":{"tokenTypes":["teem"]}}"#,
            "unknown role \"teem\" in tokenTypes: there are master, team, readonly",
        ),
    ];
    for (body, part) in table {
        let (status, answer) = broadcast(&mut server, body);
        let text = answer["error"]["message"].as_str().expect("a text");
        assert_eq!(status, 400, "{body}");
        assert!(text.contains(part), "{body}: {text}");
        assert!(text.contains(r#"{"message":{"type":"door-open""#), "{text}");
    }
}

#[test]
fn a_payload_is_drawn_from_the_budget_once_for_all_rings() {
    let mut server = Server::new();
    let peers: Vec<usize> = (0..100).map(|_| http_sse(&mut server, at(0)).0).collect();
    for peer in &peers {
        let stream = server.peers[*peer].stream.expect("it is open");
        server.engine.handle_blocked(stream);
    }
    let before = server.engine.gauges().budget_bytes;
    let text = "x".repeat(100_000);
    assert_eq!(
        queued(&mut server, &format!(r#"{{"message":"{text}"}}"#)),
        100
    );
    let used = server.engine.gauges().budget_bytes - before;
    assert!((100_000..120_000).contains(&used), "{used}");
    for peer in peers {
        server.cut(at(20), peer);
    }
    server.wait_until(at(200_000));
    assert_eq!(server.engine.gauges().budget_bytes, 0);
    server.engine.check(0);
}

#[test]
fn a_stream_without_room_goes_without_and_lives_on() {
    let mut server = Server::with(Limits {
        sessions_max: 4,
        ..Limits::default()
    });
    let (lagging, door) = http_sse(&mut server, at(0));
    let (reading, _) = http_sse(&mut server, at(0));
    let stream = server.peers[lagging].stream.expect("it is open");
    server.engine.handle_blocked(stream);
    for _ in 0..600 {
        queued(&mut server, r#"{"message":{}}"#);
        server.receive(reading);
    }
    assert_eq!(queued(&mut server, r#"{"message":{}}"#), 1);
    assert!(server.engine.stats().events_shed > 0);
    assert!(!server.peers[lagging].closed);
    assert_eq!(
        ask(&mut server, at(11), post(&door, "", &request(9, "ping")))
            .head
            .status,
        202
    );
}

#[test]
fn what_clients_could_not_parse_is_not_broadcast() {
    let mut server = Server::new();
    for (depth, status) in [(127, 200), (128, 400), (100_000, 400)] {
        let deep = "[".repeat(depth - 1) + &"]".repeat(depth - 1);
        let body = format!(r#"{{"message":{{"data":{deep}}}}}"#);
        let response = ask(&mut server, at(0), post("/mcp/sse/broadcast", "", &body));
        assert_eq!(response.head.status, status, "{depth}");
    }
}

#[test]
fn what_nobody_reads_leaves_room_for_calls() {
    let mut server = Server::new();
    for _ in 0..12 {
        let (peer, _) = http_sse(&mut server, at(0));
        let stream = server.peers[peer].stream.expect("it is open");
        server.engine.handle_blocked(stream);
    }
    let text = "x".repeat(40_000);
    let mut last = 0;
    for turn in 0..200 {
        // Each goes to one session only, so that each takes memory of its own.
        let id = format!("session-{:014}", 1 + turn % 12);
        let filter = format!(r#"{{"connectionIds":["{id}"]}}"#);
        let body = format!(r#"{{"message":"{text}","filter":{filter}}}"#);
        let response = ask(&mut server, at(0), post("/mcp/sse/broadcast", "", &body));
        last = response.head.status;
    }
    assert_eq!(last, 503);
    assert!(server.engine.take_bytes(900_000));
    server.engine.give_bytes(900_000);
    server.engine.check(0);
}

#[test]
fn only_a_post_broadcasts() {
    let mut server = Server::new();
    let response = ask(&mut server, at(0), get("/mcp/sse/broadcast", ""));
    assert_eq!(response.head.status, 405);
    assert_eq!(response.head.field("allow"), Some("POST"));
}
