//! Sessions: how they end, who makes room, and what they are told.

use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use crate::{FIRST, ask, call, events, http_sse, initialize, pieces, refused, request, streamable};
use slimcp::limits::Limits;
use slimcp::tool::Outcome;

fn small(sessions_max: u32) -> Limits {
    Limits {
        sessions_max,
        ..Limits::default()
    }
}

fn delete(fields: &str) -> String {
    format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

#[test]
fn a_deleted_session_is_unknown_and_its_streams_are_closed() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let (listener, asker) = (server.connect(at(0)), server.connect(at(0)));
    server.send(at(0), listener, get("/mcp", &fields));
    server.send(at(0), asker, post("/mcp", &fields, &call(1, "sleep")));
    let response = ask(&mut server, at(1), delete(&fields));
    assert_eq!((response.head.status, response.body.as_str()), (204, ""));
    assert!(server.peers[listener].closed && server.peers[asker].closed);
    assert_eq!(server.terminated.len(), 1);
    for gone in [
        post("/mcp", &fields, &request(1, "ping")),
        get("/mcp", &fields),
        delete(&fields),
    ] {
        assert_eq!(refused(&mut server, at(2), gone), (404, -32001));
    }
    server.finish(at(3), &Outcome::error("stopped"));
    server.engine.check(0);
    assert_eq!(server.engine.gauges().calls, 0);
}

#[test]
fn a_full_table_gives_up_the_session_unused_for_longest() {
    let mut server = Server::with(small(2));
    let first = streamable(&mut server, at(0), "2025-06-18");
    let second = streamable(&mut server, at(10), "2025-06-18");
    let ping = request(1, "ping");
    assert_eq!(
        ask(&mut server, at(20), post("/mcp", &first, &ping))
            .head
            .status,
        200
    );
    let third = streamable(&mut server, at(30), "2025-06-18");
    assert_eq!(
        refused(&mut server, at(40), post("/mcp", &second, &ping)),
        (404, -32001)
    );
    for alive in [&first, &third] {
        assert_eq!(
            ask(&mut server, at(40), post("/mcp", alive, &ping))
                .head
                .status,
            200
        );
    }
}

#[test]
fn a_table_full_of_sessions_in_use_refuses_with_503() {
    let mut server = Server::with(small(2));
    http_sse(&mut server, at(0));
    let busy = streamable(&mut server, at(0), "2025-06-18");
    let asker = server.connect(at(0));
    server.send(at(0), asker, post("/mcp", &busy, &call(1, "sleep")));
    for full in [post("/mcp", "", &initialize("2025-06-18")), get("/sse", "")] {
        let response = ask(&mut server, at(1), full);
        assert_eq!(response.head.status, 503);
        assert_eq!(response.head.field("retry-after"), Some("5"));
        assert!(
            response.body.contains("limits.sessions"),
            "{}",
            response.body
        );
    }
    server.finish(at(2), &Outcome::text("slept"));
    let response = ask(
        &mut server,
        at(3),
        post("/mcp", "", &initialize("2025-06-18")),
    );
    assert_eq!(response.head.status, 200);
}

#[test]
fn an_unused_streamable_session_ends_after_the_idle_timeout() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let ping = post("/mcp", &fields, &request(1, "ping"));
    server.wait_until(at(3_599_000));
    assert_eq!(ask(&mut server, at(3_599_000), &ping).head.status, 200);
    server.wait_until(at(7_198_000));
    assert_eq!(server.engine.gauges().sessions, 1);
    server.wait_until(at(7_199_001));
    assert_eq!(refused(&mut server, at(7_199_001), &ping), (404, -32001));
    server.engine.check(0);
}

#[test]
fn a_session_that_listens_or_works_is_not_idle() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let listener = server.connect(at(0));
    server.send(at(0), listener, get("/mcp", &fields));
    server.wait_until(at(10_000_000));
    assert!(!server.peers[listener].closed);
    server.cut(at(10_000_000), listener);
    server.wait_until(at(13_599_000));
    let ping = post("/mcp", &fields, &request(1, "ping"));
    assert_eq!(ask(&mut server, at(13_599_000), &ping).head.status, 200);
}

#[test]
fn a_session_with_a_call_under_way_is_not_idle() {
    let mut server = Server::new();
    let mut config = server.engine.config().clone();
    config.timeouts.call = std::time::Duration::from_secs(100_000);
    server
        .engine
        .reload(at(0), config, crate::support::registry());
    let fields = streamable(&mut server, at(0), "2025-11-25");
    let asker = server.connect(at(0));
    server.send(at(0), asker, post("/mcp", &fields, &call(1, "sleep")));
    server.cut(at(1), asker);
    server.wait_until(at(9_000_000));
    server.finish(at(9_000_001), &Outcome::text("slept"));
    let again = server.connect(at(9_000_002));
    let resume = format!("{fields}Last-Event-ID: 0-0\r\n");
    server.send(at(9_000_002), again, get("/mcp", &resume));
    assert!(
        events(&mut server, again)
            .last()
            .is_some_and(|event| event.data.contains("slept"))
    );
}

#[test]
fn an_http_sse_session_outlives_its_stream_by_the_resume_window() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    server.wait_until(at(10_000_000));
    server.cut(at(10_000_000), stream);
    let ping = post(&door, "", &request(1, "ping"));
    server.wait_until(at(10_059_000));
    assert_eq!(ask(&mut server, at(10_059_000), &ping).head.status, 202);
    server.wait_until(at(10_118_000));
    assert_eq!(
        server.engine.gauges().sessions,
        1,
        "a message is a sign of life"
    );
    server.wait_until(at(10_120_001));
    assert_eq!(refused(&mut server, at(10_120_001), &ping), (404, -32001));
}

#[test]
fn an_http_sse_session_without_a_handshake_ends_with_its_stream() {
    let mut server = Server::new();
    let stream = server.connect(at(0));
    server.send(at(0), stream, get("/sse", ""));
    server.cut(at(1), stream);
    assert_eq!(server.engine.gauges(), Default::default());
}

#[test]
fn a_new_listening_stream_takes_the_place_of_the_old_one() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let (old, new) = (server.connect(at(0)), server.connect(at(0)));
    server.send(at(0), old, get("/mcp", &fields));
    server.send(at(1), new, get("/mcp", &fields));
    assert!(server.peers[old].closed && !server.peers[new].closed);
    server.receive(new);
    server.retitle(at(2), 1);
    assert_eq!(events(&mut server, new).len(), 1);
    assert_eq!(server.engine.gauges().streams, 1);
    server.engine.check(0);
}

#[test]
fn a_change_of_the_tools_is_told_now_or_at_the_next_get() {
    let mut server = Server::new();
    let (stream, _) = http_sse(&mut server, at(0));
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let silent = server.connect(at(0));
    server.send(at(0), silent, get("/sse", ""));
    server.receive(silent);
    server.retitle(at(1), 1);
    let told = events(&mut server, stream);
    assert_eq!(told.len(), 1);
    assert!(told[0].data.contains("notifications/tools/list_changed"));
    assert_eq!(
        server.receive(silent),
        "",
        "who has not initialized has listed nothing"
    );

    let listener = server.connect(at(2));
    server.send(at(2), listener, get("/mcp", &fields));
    let told = events(&mut server, listener);
    assert_eq!((told.len(), told[0].id.as_deref()), (1, Some("0-1")));
    let again = server.connect(at(3));
    server.send(at(3), again, get("/mcp", &fields));
    assert!(events(&mut server, again).is_empty(), "once is enough");

    server.retitle(at(4), 1);
    assert_eq!(server.receive(stream), "", "the same tools are no change");
}

#[test]
fn every_listing_shows_the_new_tools_after_a_reload() {
    let mut server = Server::new();
    let list = post("/mcp", "", &request(1, "tools/list"));
    assert!(!ask(&mut server, at(0), &list).body.contains("Sleep 9"));
    server.retitle(at(1), 9);
    assert!(ask(&mut server, at(2), &list).body.contains("Sleep 9"));
}

#[test]
fn the_session_is_named_in_the_head_of_initialize_only() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.send(at(0), peer, post("/mcp", "", &initialize("2025-11-25")));
    let [Piece::Head(head), Piece::Body(_)] = &pieces(&mut server, peer)[..] else {
        panic!("no answer");
    };
    assert_eq!(head.field("mcp-session-id"), Some(FIRST));
    let ping = post(
        "/mcp",
        &format!("Mcp-Session-Id: {FIRST}\r\n"),
        &request(1, "ping"),
    );
    assert_eq!(
        ask(&mut server, at(1), ping).head.field("mcp-session-id"),
        None
    );
}
