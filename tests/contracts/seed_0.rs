//! Seed 0, MCP Codebase Insight.

use crate::client::{
    Block, Stream, ask, call_tool, field, plain_get, send, session_id, status, tell,
};
use crate::credentials::{TEAM, tokens};
use crate::harness::{
    Daemon, INITIALIZE, call, call_with_progress, eventually, folder, get, post, program, run,
    shell_tool, text,
};
use serde_json::{Value, json};
use std::fs;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// A tool that remembers what it was told in a file, so that callers can see each other.
fn notebook(daemon_folder: &str) -> String {
    let notes = folder(daemon_folder).join("notes");
    let script = format!(r#"echo "$1" >>"{0}"; cat "{0}""#, notes.display());
    shell_tool("notebook", &script, "")
}

/// Names of the tools in a listing.
fn names(tools: &Value) -> Vec<String> {
    let tools = tools.as_array().expect("a list of tools");
    let mut names: Vec<String> = tools
        .iter()
        .map(|tool| tool["name"].as_str().expect("a name").to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn s0_01_the_stream_opens_with_and_without_the_slash() {
    let daemon = Daemon::start("s0_01", "");
    for path in ["/mcp/sse/", "/mcp/sse"] {
        let mut stream = Stream::open(&daemon, path);
        assert!(stream.endpoint().starts_with("/mcp/messages/?"), "{path}");
    }
}

#[test]
fn s0_02_messages_are_taken_and_answered_on_the_stream() {
    let daemon = Daemon::start("s0_02", "");
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    let id = session_id(&endpoint);
    assert_eq!(endpoint, format!("/mcp/messages/?session_id={id}"));
    for path in [&endpoint, &format!("/mcp/messages?session_id={id}")] {
        tell(&daemon, path, LIST);
        assert!(stream.message()["result"]["tools"].is_array(), "{path}");
    }
}

#[test]
fn s0_03_the_endpoint_is_a_path_on_the_same_origin() {
    let daemon = Daemon::start("s0_03", "");
    for path in ["/mcp/sse/", "/mcp/sse", "/sse"] {
        let event = Stream::open(&daemon, path).event();
        assert!(event.is("endpoint"), "{event:?}");
        assert!(event.data.starts_with('/'), "{event:?}");
        assert!(!event.data.starts_with("//"), "{event:?}");
    }
}

#[test]
fn s0_04_rest_and_sse_share_tools_and_state() {
    let daemon = Daemon::start("s0_04", &notebook("s0_04_notes"));
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    tell(&daemon, &endpoint, LIST);
    let by_sse = names(&stream.message()["result"]["tools"]);
    let by_rest = ask(&daemon, plain_get("/mcp/tools", ""));
    assert_eq!(by_rest.status, 200);
    assert_eq!(names(&by_rest.json()["tools"]), by_sse);

    let answer = send(
        &daemon,
        "/mcp/tools/notebook",
        "",
        &json!({"text": "by rest"}),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    tell(
        &daemon,
        &endpoint,
        &call(2, "notebook", r#"{"text":"by sse"}"#),
    );
    assert_eq!(text(&stream.message()).trim_end(), "by rest\nby sse");
    let answer = send(
        &daemon,
        "/mcp/tools/notebook",
        "",
        &json!({"text": "again"}),
    );
    let notes = answer.json()["content"][0]["text"].clone();
    assert_eq!(
        notes.as_str().map(str::trim_end),
        Some("by rest\nby sse\nagain")
    );
}

/// `{"url": "http://localhost:8000/mcp", "transport": "sse"}`.
#[test]
fn s0_05_the_base_url_opens_an_sse_stream_for_clients_of_that_transport() {
    let daemon = Daemon::start("s0_05", "");
    let mut stream = Stream::open(&daemon, "/mcp");
    let endpoint = stream.endpoint();
    tell(&daemon, &endpoint, INITIALIZE);
    assert!(stream.message()["result"].is_object());
    let newer = get("/mcp", "MCP-Protocol-Version: 2025-06-18\r\n");
    assert_eq!(ask(&daemon, newer).status, 405);
    let json = get("/mcp", "").replace("text/event-stream", "application/json");
    assert_eq!(ask(&daemon, json).status, 405);
}

#[test]
fn s0_06_the_default_port_is_8000() {
    let folder = folder("s0_06");
    let (code, stdout, stderr) = run(program(&folder, "").arg("check"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("http://127.0.0.1:8000"), "{stdout}");
}

#[test]
fn s0_07_names_of_tools_may_have_hyphens() {
    let tool = shell_tool("vector-search", "echo \"found $1\"", "");
    let daemon = Daemon::start("s0_07", &tool);
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    tell(
        &daemon,
        &endpoint,
        &call(1, "vector-search", r#"{"text":"it"}"#),
    );
    assert_eq!(text(&stream.message()).trim_end(), "found it");
}

#[test]
fn s0_08_long_operations_tell_of_their_progress_while_they_run() {
    let script = "echo first; while [ ! -e \"$1\" ]; do sleep 0.02; done; echo second";
    let daemon = Daemon::start("s0_08", &shell_tool("long", script, ""));
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    let gate = daemon.folder.join("gate");
    let arguments = json!({"text": gate}).to_string();
    tell(
        &daemon,
        &endpoint,
        &call_with_progress(7, "long", &arguments),
    );
    let first = stream.message();
    assert_eq!(first["method"], "notifications/progress");
    assert_eq!(first["params"]["progressToken"], "p");
    assert_eq!(first["params"]["message"], "first");
    fs::write(&gate, "").expect("a file");
    let second = stream.message();
    assert!(second["params"]["progress"].as_f64() > first["params"]["progress"].as_f64());
    let result = stream.message();
    assert_eq!(result["id"], 7);
    assert!(text(&result).contains("second"));
}

#[test]
fn s0_09_authentication_covers_the_sse_doors() {
    let daemon = Daemon::start("s0_09", &tokens());
    for path in ["/mcp/sse/", "/mcp/sse", "/sse", "/mcp", "/events"] {
        assert_eq!(status(&daemon, get(path, "")), 401, "{path}");
        assert_eq!(status(&daemon, get(path, &TEAM.bearer())), 200, "{path}");
    }
    let mut stream = Stream::open_with(&daemon, "/mcp/sse/", &TEAM.bearer());
    let endpoint = stream.endpoint();
    assert_eq!(ask(&daemon, post(&endpoint, "", LIST)).status, 401);
    assert_eq!(
        ask(&daemon, post(&endpoint, &TEAM.bearer(), LIST)).status,
        202
    );
    assert!(stream.message()["result"]["tools"].is_array());
}

#[test]
fn s0_10_idle_sessions_time_out() {
    let daemon = Daemon::start("s0_10", "timeouts.idle = '1s'");
    let fields = daemon.connect().session();
    daemon.gauge_becomes("sessions", 0);
    assert_eq!(ask(&daemon, post("/mcp", &fields, LIST)).status, 404);
}

#[test]
fn s0_10_connections_are_counted() {
    let daemon = Daemon::start("s0_10_counts", "");
    let streams: Vec<Stream> = (0..3).map(|_| Stream::open(&daemon, "/mcp/sse/")).collect();
    daemon.gauge_becomes("streams", 3);
    daemon.gauge_becomes("connections", 3);
    let metrics = ask(&daemon, plain_get("/metrics", "")).body;
    assert!(
        metrics.contains("\nsse_connections_active 3\n"),
        "{metrics}"
    );
    drop(streams);
    daemon.gauge_becomes("streams", 0);
}

#[test]
fn s0_11_a_connection_is_established_and_maintained() {
    let daemon = Daemon::start("s0_11", "timeouts.heartbeat = '1s'");
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    for _ in 0..2 {
        let block = stream.block();
        assert!(matches!(block, Some(Block::Comment)), "{block:?}");
    }
    tell(&daemon, &endpoint, LIST);
    assert!(stream.message()["result"]["tools"].is_array());
}

#[test]
fn s0_11_tools_are_registered_and_run() {
    let daemon = Daemon::start("s0_11_tools", &shell_tool("task-status", "echo busy", ""));
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    tell(&daemon, &endpoint, LIST);
    let listed = names(&stream.message()["result"]["tools"]);
    assert!(listed.contains(&"task-status".to_string()), "{listed:?}");
    tell(&daemon, &endpoint, &call(2, "task-status", "{}"));
    assert_eq!(text(&stream.message()).trim_end(), "busy");
}

#[test]
fn s0_11_errors_are_told_and_the_connection_stays() {
    let daemon = Daemon::start("s0_11_errors", "");
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    tell(&daemon, &endpoint, &call(1, "no-such-tool", "{}"));
    assert_eq!(stream.message()["error"]["code"], -32602);
    tell(
        &daemon,
        &endpoint,
        r#"{"jsonrpc":"2.0","id":2,"method":"no/such"}"#,
    );
    assert_eq!(stream.message()["error"]["code"], -32601);
    tell(
        &daemon,
        &endpoint,
        &call(3, "echo", r#"{"text":"still here"}"#),
    );
    assert_eq!(text(&stream.message()), "still here");
}

#[test]
fn s0_11_a_client_reconnects() {
    let daemon = Daemon::start("s0_11_reconnect", "");
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let old = stream.endpoint();
    drop(stream);
    daemon.gauge_becomes("streams", 0);
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let new = stream.endpoint();
    assert_ne!(new, old);
    tell(&daemon, &new, LIST);
    assert!(stream.message()["result"]["tools"].is_array());
    eventually("the end of the old session", || {
        let gone = ask(&daemon, post(&old, "", LIST)).status == 404;
        gone.then_some(())
    });
}

/// What the five front-ends share: one stream, and the door that is used decides.
#[test]
fn s0_01_a_session_that_speaks_the_standard_is_spared_the_dialects() {
    let daemon = Daemon::start("s0_01_standard", "timeouts.heartbeat = '1s'");
    let mut stream = Stream::open(&daemon, "/mcp/sse");
    let endpoint = stream.endpoint();
    tell(&daemon, &endpoint, INITIALIZE);
    let mut events = std::iter::from_fn(|| stream.any_event());
    let answer = events.find(|event| event.is("message"));
    assert_eq!(answer.expect("an answer").json()["id"], 0);
    for _ in 0..2 {
        let block = stream.block();
        assert!(matches!(block, Some(Block::Comment)), "{block:?}");
    }
    tell(&daemon, &endpoint, &call(1, "no-such-tool", "{}"));
    assert_eq!(stream.message()["error"]["code"], -32602);
}

#[test]
fn s0_04_a_call_without_any_session_is_answered_beside_a_stream() {
    let daemon = Daemon::start("s0_04_beside", "");
    let mut stream = Stream::open(&daemon, "/mcp/sse/");
    let endpoint = stream.endpoint();
    let answer = call_tool(&daemon, "", "echo", r#"{"text":"aside"}"#);
    assert_eq!(text(&answer.json()), "aside");
    assert_eq!(field(&answer.head, "Mcp-Session-Id"), None);
    tell(&daemon, &endpoint, LIST);
    assert_eq!(stream.message()["id"], 1);
}
