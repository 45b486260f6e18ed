//! Parked streams: events, heartbeats, closes, and readers that are slower than we are.

use crate::harness::{
    Daemon, INITIALIZE, Peer, Socket, call, eventually, get, post, shell_tool, text,
};

/// Room for large outputs and for all of them to be replayed.
const ROOMY: &str = "[limits]\nmemory = '64MiB'\noutput = '8MiB'\nreplay = '12MiB'\n";

/// Opens an HTTP+SSE session and finishes its handshake: where to post.
fn handshake<S: Socket>(daemon: &Daemon, stream: &mut Peer<S>) -> String {
    let path = stream.sse();
    let mut poster = daemon.connect();
    assert_eq!(poster.ask(post(&path, "", INITIALIZE)).status, 202);
    assert!(stream.message()["result"].is_object());
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(poster.ask(post(&path, "", notice)).status, 202);
    path
}

/// The id of the session behind a path to post to.
fn session_id(path: &str) -> &str {
    path.split_once('=').expect("a parameter").1
}

#[test]
fn a_parked_stream_gets_its_events_and_heartbeats() {
    let daemon = Daemon::start("parked", "timeouts.heartbeat = '1s'");
    let mut stream = daemon.connect();
    let path = stream.sse();
    let mut poster = daemon.connect();
    for id in 1..4 {
        let request = call(id, "echo", &format!(r#"{{"text":"event {id}"}}"#));
        assert_eq!(poster.ask(post(&path, "", &request)).status, 202);
        let message = stream.message();
        assert_eq!(message["id"], id);
        assert_eq!(text(&message), format!("event {id}"));
    }
    for _ in 0..2 {
        assert_eq!(stream.chunk().expect("a heartbeat"), ":\n\n");
    }
}

#[test]
fn a_close_is_noticed_at_once() {
    let daemon = Daemon::start("closed", "timeouts.heartbeat = '10m'\ntimeouts.dead = '1h'");
    let mut streams: Vec<_> = (0..100).map(|_| daemon.connect()).collect();
    for stream in &mut streams {
        stream.sse();
    }
    daemon.gauge_becomes("streams", 100);
    streams.truncate(30);
    daemon.gauge_becomes("streams", 30);
    daemon.gauge_becomes("sessions", 30);
    daemon.gauge_becomes("connections", 30);
    drop(streams);
    daemon.gauge_becomes("connections", 0);
}

#[test]
fn a_slow_reader_gets_every_byte_in_order() {
    let daemon = Daemon::start("slow_reader", ROOMY);
    let mut stream = daemon.connect();
    let path = stream.sse();
    let mut poster = daemon.connect();
    let large = |id: u32| format!("{id:04}").repeat(60_000);
    for id in 0..40 {
        let request = call(id, "echo", &format!(r#"{{"text":"{}"}}"#, large(id)));
        assert_eq!(poster.ask(post(&path, "", &request)).status, 202);
    }
    // What the sockets did not take waits in the budget.
    let used = &daemon.health()["memory"]["budget_used_bytes"];
    assert!(used.as_u64() > Some(1_000_000), "it never blocked: {used}");
    for id in 0..40 {
        let message = stream.message();
        assert_eq!(message["id"], id);
        assert!(text(&message) == large(id), "event {id} came damaged");
    }
    let request = call(99, "echo", r#"{"text":"still there"}"#);
    assert_eq!(poster.ask(post(&path, "", &request)).status, 202);
    assert_eq!(text(&stream.message()), "still there");
    daemon.gauge_becomes("connections", 2);
}

/// An answer that blocks after its stream has ended must not stand in the way of the next stream.
#[test]
fn an_answer_still_being_written_leaves_other_streams_alone() {
    let tool = shell_tool(
        "large",
        "head -c 7000000 /dev/zero | tr '\\\\0' x",
        "output_limit = '8MiB'",
    );
    let daemon = Daemon::start("still_written", &format!("{ROOMY}{tool}"));
    let mut slow = daemon.connect();
    slow.send(post("/mcp", "", &call(1, "large", "{}")));
    daemon.gauge_becomes("calls", 1);
    daemon.gauge_becomes("calls", 0);
    let mut stream = daemon.connect();
    let path = stream.sse();
    daemon.gauge_becomes("connections", 2);
    assert_eq!(text(&slow.response().json()).len(), 7_000_000);
    let mut poster = daemon.connect();
    for id in 1..3 {
        let request = call(id, "echo", r#"{"text":"here"}"#);
        assert_eq!(poster.ask(post(&path, "", &request)).status, 202);
        assert_eq!(text(&stream.message()), "here");
    }
    drop(stream);
    daemon.gauge_becomes("streams", 0);
    assert_eq!(slow.ask(crate::harness::health()).status, 200);
}

/// A client comes back while its old connection is still blocked; the old one must not take the
/// stream away from the new one, neither when it drains nor when it breaks.
#[test]
fn a_blocked_connection_that_was_replaced_stays_out_of_it() {
    for drains in [true, false] {
        let daemon = Daemon::start(&format!("replaced_{drains}"), ROOMY);
        let mut old = daemon.connect();
        let path = handshake(&daemon, &mut old);
        let mut poster = daemon.connect();
        let large = "y".repeat(240_000);
        for id in 1..41 {
            let request = call(id, "echo", &format!(r#"{{"text":"{large}"}}"#));
            assert_eq!(poster.ask(post(&path, "", &request)).status, 202);
        }
        let mut new = daemon.connect();
        new.send(get(
            "/sse",
            &format!("Last-Event-ID: {}-1\r\n", session_id(&path)),
        ));
        assert!(new.head().starts_with("HTTP/1.1 200 "));
        if drains {
            old.rest();
        } else {
            drop(old);
        }
        for id in 1..41 {
            assert_eq!(new.message()["id"], id);
        }
        daemon.gauge_becomes("connections", 2);
        let request = call(99, "echo", r#"{"text":"new"}"#);
        assert_eq!(poster.ask(post(&path, "", &request)).status, 202);
        assert_eq!(text(&new.message()), "new");
    }
}

/// What is due when a stream changes its connection belongs to the new one.
#[test]
fn a_stream_taken_over_in_one_breath_begins_on_the_new_connection() {
    let daemon = Daemon::start("one_breath", "");
    let mut old = daemon.connect();
    let path = handshake(&daemon, &mut old);
    let mut new = daemon.connect();
    let resume = get(
        "/sse",
        &format!("Last-Event-ID: {}-1\r\n", session_id(&path)),
    );
    let ping = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    new.send(post(&path, "", ping) + &resume);
    assert_eq!(new.response().status, 202);
    assert!(new.head().starts_with("HTTP/1.1 200 "));
    assert_eq!(new.message()["id"], 5);
    assert_eq!(old.rest(), "");
    daemon.gauge_becomes("connections", 1);
}

/// The same, when it is the turn of the request only after an answer that took its time.
#[test]
fn a_stream_taken_over_after_another_answer_stays_with_the_new_connection() {
    let script = r#"while [ ! -e "$1" ]; do sleep 0.02; done; echo open"#;
    let daemon = Daemon::start("taken_over", &shell_tool("gate", script, ""));
    let mut old = daemon.connect();
    let path = handshake(&daemon, &mut old);
    let resume = get(
        "/sse",
        &format!("Last-Event-ID: {}-1\r\n", session_id(&path)),
    );
    let gate = daemon.folder.join("gate");
    let arguments = format!(r#"{{"text":"{}"}}"#, gate.display());
    let mut new = daemon.connect();
    new.send(post("/mcp", "", &call(1, "gate", &arguments)) + &resume);
    daemon.gauge_becomes("calls", 1);
    std::fs::write(&gate, "").expect("a file");
    assert_eq!(text(&new.response().json()), "open");
    assert!(new.head().starts_with("HTTP/1.1 200 "));
    assert_eq!(old.rest(), "");
    let ping = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    assert_eq!(daemon.connect().ask(post(&path, "", ping)).status, 202);
    assert_eq!(new.message()["id"], 5);
}

/// The socket of a reader that is given up for its lag does not stay behind.
#[test]
fn a_reader_too_far_behind_is_disconnected() {
    let daemon = Daemon::start("lagging", "limits = { memory = '12MiB', output = '1MiB' }");
    daemon.health();
    let mut poster = daemon.connect();
    let mut stream = daemon.connect();
    let path = stream.sse();
    let before = daemon.descriptors();
    let request = call(
        1,
        "echo",
        &format!(r#"{{"text":"{}"}}"#, "z".repeat(500_000)),
    );
    eventually("the end of the session", || {
        let status = poster.ask(post(&path, "", &request)).status;
        (status == 404).then_some(())
    });
    eventually("a closed socket", || {
        (daemon.descriptors() < before).then_some(())
    });
    daemon.gauge_becomes("connections", 1);
    let used = &daemon.health()["memory"]["budget_used_bytes"];
    assert_eq!(used.as_u64(), Some(0));
}

/// What a client sends after its request waits with the stream, and is paid for.
#[test]
fn bytes_behind_a_parked_request_are_charged_to_the_budget() {
    let daemon = Daemon::start("behind", "");
    let mut stream = daemon.connect();
    stream.send(get("/sse", "") + &"x".repeat(30_000));
    assert!(stream.head().starts_with("HTTP/1.1 200 "));
    let used = || daemon.health()["memory"]["budget_used_bytes"].as_u64();
    assert!(used() > Some(10_000), "{:?}", used());
    drop(stream);
    daemon.gauge_becomes("streams", 0);
    assert_eq!(used(), Some(0));
}
