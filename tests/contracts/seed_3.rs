//! Seed 3, Rails MCP.

use crate::client::{
    GATED, Stream, ask, field, gate, greeted, is_page, is_timestamp, open, send, status_of,
};
use crate::credentials::{TEAM, tokens};
use crate::harness::{Daemon, get, post, shell_tool, text, within};
use serde_json::{Value, json};
use std::time::Duration;

const MESSAGE: &str = "/mcp/sse/message";

/// A request as the document's client writes it: the connection's id lies beside the rest.
fn request(id: Value, connection: &str, method: &str, params: Value) -> Value {
    json!({
        "jsonrpc": "2.0", "method": method, "params": params, "id": id,
        "connection_id": connection
    })
}

/// Sends it; it has to be accepted as the document's POST is.
fn command(daemon: &Daemon, id: Value, connection: &str, method: &str, params: Value) {
    let response = send(
        daemon,
        MESSAGE,
        "",
        &request(id.clone(), connection, method, params),
    );
    assert_eq!(response.status, 202, "{response:?}");
    assert_eq!(response.json(), json!({"status": "accepted", "id": id}));
}

#[test]
fn s3_01_a_post_is_plain_request_and_response_without_a_session() {
    let daemon = Daemon::start("s3_01", "");
    // As curl sends it: any answer will do.
    let curl = |body: &str| {
        let request = post("/mcp", "", body);
        request.replace("application/json, text/event-stream", "*/*")
    };
    let list = ask(
        &daemon,
        curl(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
    );
    assert_eq!(list.status, 200);
    let kind = list.field("Content-Type").expect("a type");
    assert!(kind.starts_with("application/json"), "{kind}");
    assert!(list.json()["result"]["tools"].is_array());
    assert_eq!(field(&list.head, "Mcp-Session-Id"), None);
    let call = crate::harness::call(2, "echo", r#"{"text":"x"}"#);
    assert_eq!(text(&ask(&daemon, curl(&call)).json()), "x");
    daemon.gauge_becomes("sessions", 0);
}

#[test]
fn s3_02_get_is_a_health_check_where_the_operator_wants_it() {
    let daemon = Daemon::start("s3_02", "compat.get_mcp_health = true");
    for accept in ["Accept: */*\r\n", "Accept: application/json\r\n", ""] {
        let request = format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n");
        let response = ask(&daemon, request);
        assert_eq!(response.status, 200, "{accept}");
        assert_eq!(response.json()["status"], "ok");
    }
    // Clients that ask for a stream still get theirs.
    assert!(Stream::open(&daemon, "/mcp").endpoint().starts_with('/'));
    let without = Daemon::start("s3_02_without", "");
    let json = get("/mcp", "").replace("text/event-stream", "application/json");
    assert_eq!(ask(&without, json).status, 405);
}

#[test]
fn s3_03_mcp_sse_opens_the_stream() {
    let daemon = Daemon::start("s3_03", "");
    let stream = Stream::open(&daemon, "/mcp/sse");
    let kind = stream.field("Content-Type").expect("a type");
    assert!(kind.starts_with("text/event-stream"));
}

#[test]
fn s3_04_connected_names_the_connection() {
    let daemon = Daemon::start("s3_04", "");
    let mut stream = Stream::open(&daemon, "/mcp/sse");
    stream.endpoint();
    let data = stream.named("connected");
    let id = data["connection_id"].as_str().expect("an id");
    assert!(id.len() >= 22, "{id}");
}

#[test]
fn s3_05_a_message_is_accepted_and_answered_as_an_event() {
    let daemon = Daemon::start("s3_05", "");
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    // `Date.now()` of a browser.
    let id = json!(1_763_700_000_000_u64);
    command(&daemon, id.clone(), &connection, "tools/list", json!({}));
    let response = stream.named("mcp_response");
    assert_eq!(response["jsonrpc"], "2.0");
    assert_eq!(response["id"], id);
    assert!(response["result"]["tools"].is_array());
    let params = json!({"name": "echo", "arguments": {"text": "hello"}});
    command(&daemon, id, &connection, "tools/call", params);
    assert_eq!(text(&stream.named("mcp_response")), "hello");
}

#[test]
fn s3_05_ids_survive_as_they_are() {
    let daemon = Daemon::start("s3_05_ids", "");
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    for id in [
        "1763700000000",
        "9007199254740993",
        "-1",
        "\"1763700000000\"",
        "\"a b\"",
    ] {
        let body = format!(
            r#"{{"connection_id":"{connection}","id":{id},"method":"ping","jsonrpc":"2.0"}}"#
        );
        let response = ask(&daemon, post(MESSAGE, "", &body));
        assert_eq!(response.status, 202, "{response:?}");
        // As bytes: a number that went through a float would look different.
        assert!(
            response.body.contains(&format!("\"id\":{id}")),
            "{response:?}"
        );
        let event = stream.event();
        assert!(event.data.contains(&format!("\"id\":{id}")), "{event:?}");
    }
}

#[test]
fn s3_05_the_connection_may_be_named_in_the_query() {
    let daemon = Daemon::start("s3_05_query", "");
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    let body = json!({"jsonrpc": "2.0", "id": 3, "method": "ping"});
    for name in [
        "connection_id",
        "connectionId",
        "session_id",
        "sessionId",
        "id",
    ] {
        let path = format!("{MESSAGE}?{name}={connection}");
        assert_eq!(send(&daemon, &path, "", &body).status, 202, "{name}");
        assert_eq!(stream.named("mcp_response")["id"], 3);
    }
}

#[test]
fn s3_05_a_message_to_nobody_is_refused() {
    let daemon = Daemon::start("s3_05_nobody", "");
    let body = request(json!(1), "abcdefghijklmnopqrstuv", "ping", json!({}));
    assert_eq!(send(&daemon, MESSAGE, "", &body).status, 404);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    assert_eq!(send(&daemon, MESSAGE, "", &body).status, 400);
    assert_eq!(ask(&daemon, post(MESSAGE, "", "{")).status, 400);
}

#[test]
fn s3_06_protocol_errors_are_responses() {
    let daemon = Daemon::start("s3_06", "");
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    command(&daemon, json!(1), &connection, "no/such", json!({}));
    let response = stream.named("mcp_response");
    assert_eq!(
        (&response["id"], &response["error"]["code"]),
        (&json!(1), &json!(-32601))
    );
    command(
        &daemon,
        json!(2),
        &connection,
        "tools/call",
        json!({"name": "no-such-tool"}),
    );
    assert_eq!(stream.named("mcp_response")["error"]["code"], -32602);
}

#[test]
fn s3_06_refusals_of_the_server_are_error_events() {
    let tool = shell_tool("busy", GATED, "concurrency = 1\nqueue = 0");
    let daemon = Daemon::start("s3_06_error", &tool);
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    let gate = gate(&daemon, "gate");
    let params = json!({"name": "busy", "arguments": {"text": gate}});
    command(&daemon, json!(1), &connection, "tools/call", params.clone());
    daemon.gauge_becomes("calls", 1);
    command(&daemon, json!(2), &connection, "tools/call", params);
    let refused = stream.named("error");
    assert_eq!(refused["id"], 2);
    assert!(refused["code"].is_i64(), "{refused}");
    assert!(
        refused["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    open(&gate);
    assert_eq!(stream.named("mcp_response")["id"], 1);
}

#[test]
fn s3_06_heartbeats_are_events() {
    let daemon = Daemon::start("s3_06_heartbeat", "timeouts.heartbeat = '1s'");
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    command(&daemon, json!(1), &connection, "ping", json!({}));
    stream.named("mcp_response");
    for _ in 0..2 {
        let event = stream.any_event().expect("a heartbeat");
        assert!(event.is("heartbeat"), "{event:?}");
        assert!(is_timestamp(&event.json()["timestamp"]), "{event:?}");
    }
}

#[test]
fn s3_07_web_clients_of_other_origins_are_let_in() {
    let config = format!("origins = ['http://panel.lan:3000']\n{}", tokens());
    let daemon = Daemon::start("s3_07", &config);
    let fields = format!("Origin: http://panel.lan:3000\r\n{}", TEAM.bearer());
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", &fields);
    let body = request(json!(1), &connection, "ping", json!({}));
    let response = send(&daemon, MESSAGE, &fields, &body);
    assert_eq!(response.status, 202);
    let allowed = field(&response.head, "Access-Control-Allow-Origin");
    assert_eq!(allowed, Some("http://panel.lan:3000"));
    assert_eq!(stream.named("mcp_response")["id"], 1);
}

#[test]
fn s3_07_connections_are_tracked_and_cleaned_up() {
    let daemon = Daemon::start("s3_07_cleanup", "");
    let streams: Vec<_> = (0..10).map(|_| greeted(&daemon, "/mcp/sse", "")).collect();
    daemon.gauge_becomes("connections", 10);
    let (_, gone) = &streams[0];
    let gone = request(json!(1), gone, "ping", json!({}));
    drop(streams);
    daemon.gauge_becomes("connections", 0);
    // A page may come back within a minute and find what it missed.
    within(Duration::from_secs(90), "the end of the sessions", || {
        (daemon.gauge("sessions") == Some(0)).then_some(())
    });
    daemon.gauge_becomes("streams", 0);
    assert_eq!(send(&daemon, MESSAGE, "", &gone).status, 404);
}

#[test]
fn s3_08_the_example_page_is_there() {
    let daemon = Daemon::start("s3_08", "");
    assert!(is_page(&daemon, "/mcp_sse_example.html"));
}

/// A thread per connection, says the document of its own server.
#[test]
fn s3_09_connections_take_no_threads() {
    let daemon = Daemon::start("s3_09", "");
    let threads = || {
        let folder = format!("/proc/{}/task", daemon.pid());
        std::fs::read_dir(folder).expect("it lives").count()
    };
    daemon.health();
    let before = threads();
    let streams: Vec<_> = (0..200).map(|_| greeted(&daemon, "/mcp/sse", "")).collect();
    daemon.gauge_becomes("streams", 200);
    assert_eq!(threads(), before);
    drop(streams);
}

/// State in memory only, says the document: a session here outlives its connection.
#[test]
fn s3_09_a_connection_that_broke_is_taken_up_again() {
    let daemon = Daemon::start("s3_09_resume", "");
    let (mut stream, connection) = greeted(&daemon, "/mcp/sse", "");
    command(&daemon, json!(1), &connection, "ping", json!({}));
    let last_id = stream.event().id.expect("events have ids");
    drop(stream);
    daemon.gauge_becomes("connections", 0);
    command(&daemon, json!(2), &connection, "ping", json!({}));
    let fields = format!("Last-Event-ID: {last_id}\r\n");
    let (mut stream, same) = greeted(&daemon, "/mcp/sse", &fields);
    assert_eq!(same, connection);
    assert_eq!(stream.named("mcp_response")["id"], 2);
}

#[test]
fn s3_05_methods_other_than_post_are_refused() {
    let daemon = Daemon::start("s3_05_method", "");
    let mut peer = daemon.connect();
    peer.send(get(MESSAGE, ""));
    let head = peer.head();
    assert_eq!(status_of(&head), 405);
    assert!(
        field(&head, "Allow").is_some_and(|allow| allow.contains("POST")),
        "{head}"
    );
}
