//! Tool calls: queueing, cancelling, timeouts, reloads, and what becomes of their answers.

use crate::support::reader::Piece;
use crate::support::{Server, at, post, registry};
use crate::{ask, call, cancel, echo, events, http_sse, pieces, refused, streamable};
use slimcp::limits::Limits;
use slimcp::tool::Outcome;
use slimcp::tool::command::Stopped;
use slimcp::tool::registry::Registry;

#[test]
fn a_reload_without_the_tool_answers_its_queue_even_if_the_client_lags() {
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
    let tools = registry().iter().take(2).cloned().collect();
    let config = server.engine.config().clone();
    let fewer = Registry::new(tools).expect("the names differ");
    server.engine.reload(at(3), config, fewer);
    server.settle(at(3));
    assert!(
        server.peers[stream].closed,
        "the answer found no room: the end must be seen"
    );
    server.engine.check(0);
}

#[test]
fn a_batch_may_cancel_the_calls_it_makes() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let batch = |ids: [u32; 4]| {
        let calls = ids.map(|id| call(id, "sleep")).join(",");
        let cancels = ids.map(cancel).join(",");
        format!("[{calls},{cancels}]")
    };
    // Two of them run and two wait in the queue of the tool.
    let peer = server.connect(at(1));
    server.send(at(1), peer, post("/mcp", &fields, &batch([1, 2, 3, 4])));
    server.engine.check(0);
    assert_eq!((server.started.len(), server.terminated.len()), (2, 2));
    assert_eq!(server.receive(peer), "");
    server.wait_until(at(3_002));
    assert_eq!(server.killed.len(), 2);
    server.finish(at(3_003), &Outcome::error("killed"));
    server.finish(at(3_003), &Outcome::error("killed"));
    let [Piece::Head(_), Piece::Body(body)] = &pieces(&mut server, peer)[..] else {
        panic!("no body");
    };
    let answers: Vec<serde_json::Value> = serde_json::from_str(body).expect("an array");
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64()).collect();
    assert_eq!(ids, [Some(1), Some(2)], "{body}");
    server.wait_until(at(200_000));
    server.engine.check(0);
}

#[test]
fn a_batch_whose_calls_were_all_cancelled_in_the_queue_is_taken_without_an_answer() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    for id in 1..=2 {
        let peer = server.connect(at(1));
        server.send(at(1), peer, post("/mcp", &fields, &call(id, "sleep")));
    }
    let batch = format!("[{},{}]", call(3, "sleep"), cancel(3));
    let response = ask(&mut server, at(2), post("/mcp", &fields, &batch));
    assert_eq!((response.head.status, response.body.as_str()), (202, ""));
    server.engine.check(0);
}

/// A server with one session of Streamable HTTP, and its fields.
fn started(revision: &str) -> (Server, String) {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), revision);
    (server, fields)
}

#[test]
fn a_cancelled_call_over_streamable_http_ends_its_exchange_with_an_error() {
    let (mut server, fields) = started("2025-06-18");
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let response = ask(&mut server, at(2), post("/mcp", &fields, &cancel(1)));
    assert_eq!(response.head.status, 202);
    assert_eq!(server.terminated.len(), 1);
    server.line(at(3), "still here");
    assert_eq!(server.receive(asker), "", "it is told nothing more of it");
    server.finish(at(4), &Outcome::error("stopped"));
    let answer = server.receive(asker);
    assert!(
        answer.contains(r#""id":1,"error":{"code":-32603"#),
        "{answer}"
    );
}

#[test]
fn a_cancelled_call_over_http_sse_is_not_answered() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    for id in 1..=3 {
        ask(&mut server, at(1), post(&door, "", &call(id, "sleep")));
    }
    // The first one runs, the third one waits.
    for id in [1, 3] {
        ask(&mut server, at(2), post(&door, "", &cancel(id)));
    }
    assert_eq!((server.started.len(), server.terminated.len()), (2, 1));
    assert_eq!(
        server.engine.gauges().calls,
        2,
        "the one that waited is gone at once"
    );
    server.finish(at(3), &Outcome::error("stopped"));
    assert_eq!(server.receive(stream), "");
    server.finish(at(4), &Outcome::text("slept"));
    assert_eq!(events(&mut server, stream).len(), 1);
    server.engine.check(0);
}

#[test]
fn a_stranger_cannot_cancel() {
    let (mut server, fields) = started("2025-06-18");
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let other = streamable(&mut server, at(1), "2025-06-18");
    for text in [
        post("/mcp", &other, &cancel(1)),
        post("/mcp", "", &cancel(1)),
    ] {
        assert_eq!(ask(&mut server, at(2), text).head.status, 202);
    }
    assert!(server.terminated.is_empty());
}

#[test]
fn a_call_that_takes_too_long_is_terminated_killed_and_answered() {
    let (mut server, fields) = started("2025-06-18");
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    server.wait_until(at(60_000));
    assert!(server.terminated.is_empty());
    server.wait_until(at(60_001));
    assert_eq!((server.terminated.len(), server.killed.len()), (1, 0));
    let why = server.engine.why_stopped(server.terminated[0]);
    assert!(matches!(why, Some(Stopped::TimedOut(_))), "{why:?}");
    server.wait_until(at(62_001));
    assert_eq!(server.killed.len(), 1);
    server.finish(at(62_002), &Outcome::error("it took longer than 60 s"));
    let answer = server.receive(asker);
    assert!(answer.contains("it took longer than 60 s"), "{answer}");
    assert_eq!(server.engine.stats().calls_timed_out, 1);
    server.engine.check(0);
}

#[test]
fn a_call_that_waits_too_long_never_starts_and_says_so() {
    let (mut server, fields) = started("2025-06-18");
    let peers: Vec<usize> = (1..=3).map(|_| server.connect(at(1))).collect();
    for (id, peer) in peers.iter().enumerate() {
        server.send(
            at(1),
            *peer,
            post("/mcp", &fields, &call(id as u32, "sleep")),
        );
    }
    server.wait_until(at(60_001));
    assert_eq!(server.started.len(), 2);
    let answer = server.receive(peers[2]);
    assert!(
        answer.contains("never started") && answer.contains("\"isError\":true"),
        "{answer}"
    );
}

#[test]
fn the_queue_of_a_tool_is_served_in_order() {
    let mut server = Server::new();
    let (_, door) = http_sse(&mut server, at(0));
    for id in 1..=4 {
        ask(&mut server, at(1), post(&door, "", &call(id, "sleep")));
    }
    assert_eq!(server.started.len(), 2);
    let first: Vec<_> = server.started.iter().map(|(call, _)| *call).collect();
    server.finish(at(2), &Outcome::text("one"));
    assert_eq!(server.started.len(), 2);
    assert!(!first.contains(&server.started[1].0));
    server.finish(at(3), &Outcome::text("two"));
    server.finish(at(4), &Outcome::text("three"));
    server.finish(at(5), &Outcome::text("four"));
    assert_eq!(server.engine.gauges().calls, 0);
}

#[test]
fn a_full_queue_is_503_over_http_and_an_error_event_over_http_sse() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    for id in 1..=4 {
        ask(&mut server, at(1), post(&door, "", &call(id, "sleep")));
    }
    let response = ask(&mut server, at(2), post("/mcp", "", &call(5, "sleep")));
    assert_eq!(response.head.status, 503);
    assert_eq!(response.head.field("retry-after"), Some("5"));
    assert!(
        response.body.contains(r#""id":5,"error":{"code":-32603"#),
        "{}",
        response.body
    );
    let response = ask(&mut server, at(3), post(&door, "", &call(6, "sleep")));
    assert_eq!(response.head.status, 202);
    let told = events(&mut server, stream);
    assert!(
        told[0].data.contains(r#""id":6,"error":{"code":-32603"#),
        "{told:?}"
    );
}

#[test]
fn a_full_table_of_calls_refuses_and_says_which_limit() {
    let mut server = Server::with(Limits {
        calls_max: 1,
        ..Limits::default()
    });
    let asker = server.connect(at(0));
    server.send(at(0), asker, post("/mcp", "", &call(1, "sleep")));
    let response = ask(&mut server, at(1), post("/mcp", "", &call(2, "sleep")));
    assert_eq!(response.head.status, 503);
    assert!(response.body.contains("limits.calls"), "{}", response.body);
    assert_eq!(server.engine.stats().calls_refused, 1);
    server.finish(at(2), &Outcome::text("slept"));
    assert!(server.receive(asker).contains("slept"));
}

#[test]
fn an_id_in_flight_is_not_taken_again_in_its_session() {
    let (mut server, fields) = started("2025-06-18");
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let again = post("/mcp", &fields, &call(1, "sleep"));
    assert_eq!(refused(&mut server, at(2), again), (400, -32600));
    // Requests without a session have nothing in common.
    for _ in 0..2 {
        let peer = server.connect(at(2));
        server.send(at(2), peer, post("/mcp", "", &call(1, "sleep")));
        assert_eq!(server.receive(peer), "");
    }
}

#[test]
fn a_broken_connection_cancels_only_what_has_no_session() {
    let (mut server, fields) = started("2025-06-18");
    let (with, without) = (server.connect(at(1)), server.connect(at(1)));
    server.send(at(1), with, post("/mcp", &fields, &call(1, "sleep")));
    server.send(at(1), without, post("/mcp", "", &call(1, "sleep")));
    server.cut(at(2), with);
    assert!(server.terminated.is_empty());
    server.cut(at(2), without);
    assert_eq!(server.terminated, [server.started[1].0]);
    server.finish(at(3), &Outcome::text("slept"));
    server.finish(at(3), &Outcome::error("stopped"));
    assert_eq!(server.engine.stats().answers_unwanted, 1);
    server.engine.check(0);
}

#[test]
fn progress_goes_to_its_own_request_and_counts() {
    let (mut server, fields) = started("2025-06-18");
    let peers = [server.connect(at(1)), server.connect(at(1))];
    server.send(at(1), peers[0], post("/mcp", &fields, &call(1, "sleep")));
    server.send(at(1), peers[1], post("/mcp", &fields, &call(2, "sleep")));
    server.line(at(2), "a");
    server.line(at(3), "b");
    let told = events(&mut server, peers[0]);
    assert!(
        told[0]
            .data
            .contains(r#""progressToken":"p1","progress":1,"message":"a""#)
    );
    assert!(
        told[1]
            .data
            .contains(r#""progressToken":"p1","progress":2,"message":"b""#)
    );
    assert_eq!(server.receive(peers[1]), "");
}

#[test]
fn stderr_is_logged_to_those_who_set_a_level() {
    let (mut server, fields) = started("2025-06-18");
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let key = server.started[0].0;
    let level = |level: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":9,"method":"logging/setLevel",
               "params":{{"level":"{level}"}}}}"#
        )
    };
    server.engine.handle_stderr_line(at(2), key, "unasked");
    ask(&mut server, at(3), post("/mcp", &fields, &level("warning")));
    server.engine.handle_stderr_line(at(3), key, "too little");
    ask(&mut server, at(4), post("/mcp", &fields, &level("debug")));
    server.engine.handle_stderr_line(at(4), key, "wanted");
    server.settle(at(4));
    let told = events(&mut server, asker);
    assert_eq!(told.len(), 1, "{told:?}");
    let params = r#""params":{"level":"info","logger":"sleep","data":"wanted"}"#;
    assert!(told[0].data.contains(params), "{told:?}");
}

#[test]
fn a_call_of_a_tool_that_a_reload_removed_runs_to_its_end() {
    let (mut server, fields) = started("2025-06-18");
    let asker = server.connect(at(1));
    server.send(at(1), asker, post("/mcp", &fields, &call(1, "sleep")));
    let config = server.engine.config().clone();
    let tools = registry().iter().take(2).cloned().collect();
    server.engine.reload(
        at(2),
        config,
        Registry::new(tools).expect("the names differ"),
    );
    server.settle(at(2));
    let unknown = ask(&mut server, at(3), post("/mcp", &fields, &call(2, "sleep")));
    assert!(unknown.body.contains("-32602"), "{}", unknown.body);
    server.engine.check(0);
    server.finish(at(4), &Outcome::text("slept"));
    assert!(server.receive(asker).contains("slept"));
    server.engine.check(0);
}
