//! One connection: pieces, pipelines, patience, and answers that are larger than a socket.

use crate::harness::{Daemon, INITIALIZE, call, get, health, post, shell_tool, text};
use slimcp::auth::token::Token;

#[test]
fn a_request_may_come_byte_by_byte() {
    let daemon = Daemon::start("byte_by_byte", "");
    let mut peer = daemon.connect();
    let request = post("/mcp", "", &call(7, "echo", r#"{"text":"piecemeal"}"#));
    for byte in request.as_bytes() {
        peer.send([*byte]);
    }
    assert_eq!(text(&peer.response().json()), "piecemeal");
    assert_eq!(peer.ask(health()).status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let tool = shell_tool("slow", "read line; echo slow", "stdin = '{text}'");
    let daemon = Daemon::start("pipelined", &tool);
    let mut peer = daemon.connect();
    let requests = [
        post("/mcp", "", &call(1, "echo", r#"{"text":"one"}"#)),
        // Its answer takes a process: the rest waits with the parked stream.
        post("/mcp", "", &call(2, "slow", r#"{"text":"go"}"#)),
        post("/mcp", "", &call(3, "echo", r#"{"text":"three"}"#)),
        post("/mcp", "", &call(4, "slow", r#"{"text":"go"}"#)),
        health().to_owned(),
    ];
    peer.send(requests.concat());
    for (id, expected) in [(1, "one"), (2, "slow"), (3, "three"), (4, "slow")] {
        let response = peer.response().json();
        assert_eq!(response["id"], id);
        assert_eq!(text(&response), expected);
    }
    assert_eq!(peer.response().status, 200);
    daemon.gauge_becomes("connections", 1);
}

#[test]
fn a_connection_is_kept_and_closed_as_its_client_says() {
    let daemon = Daemon::start("keep_alive", "");
    let mut peer = daemon.connect();
    for _ in 0..3 {
        assert_eq!(peer.ask(health()).status, 200);
    }
    let last = health().replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    assert_eq!(peer.ask(last).status, 200);
    assert!(peer.is_closed());
    daemon.gauge_becomes("connections", 0);
}

#[test]
fn a_head_that_never_ends_is_answered_408() {
    let daemon = Daemon::start("head_timeout", "timeouts.head = '1s'");
    let mut peer = daemon.connect();
    peer.send("GET /health HTTP/1.1\r\nHo");
    assert!(peer.rest().starts_with("HTTP/1.1 408 "));
    daemon.gauge_becomes("connections", 0);
}

#[test]
fn a_large_answer_waits_for_a_slow_reader() {
    let daemon = Daemon::start("large_answer", "limits.output = '1MiB'");
    let mut peer = daemon.connect();
    let large = "0123456789abcdef".repeat(40_000);
    let request = post(
        "/mcp",
        "",
        &call(1, "echo", &format!(r#"{{"text":"{large}"}}"#)),
    );
    // Six answers of 640 KB fill every buffer on the way.
    for _ in 0..6 {
        peer.send(&request);
        daemon.health();
    }
    for _ in 0..6 {
        assert!(text(&peer.response().json()) == large);
    }
    assert_eq!(peer.ask(health()).status, 200);
}

#[test]
fn a_full_table_of_connections_sheds_and_recovers() {
    let daemon = Daemon::start("full", "limits.connections = 3");
    let mut held: Vec<_> = (0..3).map(|_| daemon.connect()).collect();
    for peer in &mut held {
        assert_eq!(peer.ask(health()).status, 200);
    }
    let mut fourth = daemon.connect();
    let refusal = fourth.response();
    assert_eq!(
        (refusal.status, refusal.field("Retry-After")),
        (503, Some("5"))
    );
    assert!(fourth.is_closed());
    drop(held);
    daemon.gauge_becomes("connections", 0);
}

#[test]
fn a_connection_carries_on_after_a_stream() {
    let daemon = Daemon::start("after_stream", &shell_tool("quick", "echo done", ""));
    let mut peer = daemon.connect();
    let fields = peer.session();
    for id in 1..4 {
        peer.send(post("/mcp", &fields, &call(id, "quick", "{}")));
        let body = peer.response().body;
        assert!(body.contains(r#""text":"done""#), "{body}");
    }
    assert_eq!(peer.ask(post("/mcp", "", INITIALIZE)).status, 200);
    assert_eq!(peer.ask(get("/nowhere", "")).status, 404);
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_has_come() {
    let daemon = Daemon::start("large_body", "limits.body = '64KiB'");
    let mut peer = daemon.connect();
    // The client does not look up from sending before it has sent everything.
    peer.send(post("/mcp", "", &" ".repeat(8 * 1024 * 1024)));
    assert_eq!(peer.response().status, 413);
    assert!(peer.is_closed());
}

#[test]
fn a_refused_client_that_stays_is_closed_in_the_time_of_a_head() {
    let daemon = Daemon::start("linger", "timeouts.head = '1s'");
    let mut peer = daemon.connect();
    peer.send("NONSENSE\r\n\r\n");
    assert_eq!(peer.response().status, 400);
    assert!(peer.is_closed(), "nothing more comes");
    // Our half is still open: the daemon waits for us, but not for long.
    daemon.gauge_becomes("connections", 0);
}

/// Many requests in one read, each answered with a lot: the answers must not pile up.
#[test]
fn answers_to_pipelined_requests_are_made_as_they_are_taken() {
    let description = "d".repeat(8000);
    let tool = |index| {
        format!("[[tool]]\nname = 't{index}'\ndescription = '{description}'\ncommand = ['true']\n")
    };
    let daemon = Daemon::start("pile", &(0..30).map(tool).collect::<String>());
    let mut peer = daemon.connect();
    let list = post(
        "/mcp",
        "",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    );
    let page = peer.ask(&list).body;
    assert!(page.len() > 240_000);
    let before = daemon.memory_kib("VmHWM");
    peer.send(list.repeat(200));
    for _ in 0..200 {
        assert!(peer.response().body == page);
    }
    let grown = daemon.memory_kib("VmHWM") - before;
    assert!(grown < 2048, "it grew by {grown} KiB");
}

#[test]
fn a_stranger_takes_no_memory_with_the_bodies_that_it_announces() {
    let token = Token::generate([7; 32]);
    let table = format!("[[token]]\nname = 'laptop'\nsha256 = '{}'\n", token.sha256);
    let daemon = Daemon::start("announced", &table);
    let strangers: Vec<_> = [1 << 20, 200_000, 20_000, 2000, 200, 20]
        .into_iter()
        .flat_map(|bytes| [bytes; 10])
        .map(|bytes| {
            let fields = format!("Content-Length: {bytes}\r\nExpect: 100-continue\r\n");
            let mut peer = daemon.connect();
            let head = get("/mcp", &fields).replacen("GET", "POST", 1);
            assert_eq!(peer.ask(head).status, 401);
            peer
        })
        .collect();
    let fields = format!("Authorization: Bearer {}\r\n", token.text);
    let call = call(
        7,
        "echo",
        &format!(r#"{{"text":"{}"}}"#, "a".repeat(200_000)),
    );
    let response = daemon.connect().ask(post("/mcp", &fields, &call));
    assert_eq!(text(&response.json()).len(), 200_000);
    drop(strangers);
}
