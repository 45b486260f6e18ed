//! The older front-ends, contract by contract: what their pages send, and the events they wait for.
//!
//! The names of the tests begin with the number of the contract that they hold.

use crate::support::{Server, at, get, post};
use crate::{FIRST, INITIALIZED, ask, call, echo, initialize, refused, request};
use slimcp::auth::Access;
use slimcp::auth::role::{Rate, RoleIndex};
use slimcp::auth::token::{Token, parse_digest};
use slimcp::engine::Config;
use slimcp::limits::Limits;
use slimcp::tool::Outcome;
use slimcp::wire::compat::Compat;
use std::time::Duration;

/// The second session of a server.
const SECOND: &str = "session-00000000000002";

/// The server takes over a configuration with this change.
fn configure(server: &mut Server, millis: u64, change: impl FnOnce(&mut Config)) {
    let mut config = server.engine.config().clone();
    change(&mut config);
    let registry = crate::support::registry();
    server.engine.reload(at(millis), config, registry);
    server.settle(at(millis));
}

/// A server whose `[compat]` is this.
fn compatible(compat: Compat) -> Server {
    let mut server = Server::new();
    configure(&mut server, 0, |config| config.compat = compat);
    server
}

/// A stream from `path`, and all it has said by now.
fn open(server: &mut Server, millis: u64, path: &str) -> (usize, String) {
    open_with(server, millis, path, "")
}

fn open_with(server: &mut Server, millis: u64, path: &str, fields: &str) -> (usize, String) {
    let peer = server.connect(at(millis));
    server.send(at(millis), peer, get(path, fields));
    let said = heard(server, peer);
    (peer, said)
}

/// The text of an event stream, without its head and its chunks.
fn heard(server: &mut Server, peer: usize) -> String {
    let received = server.receive(peer);
    let mut rest = received.as_str();
    if let Some((head, body)) = rest.split_once("\r\n\r\n") {
        assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
        rest = body;
    }
    let mut text = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk begins with its size");
        text += &after[..size];
        rest = after[size..].strip_prefix("\r\n").expect("a chunk ends");
    }
    text
}

/// An event as it stands on the wire; `name` may be empty.
fn event(sequence: u64, name: &str, data: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!("event: {name}\n"),
    };
    format!("id: {FIRST}-{sequence}\n{name}data: {data}\n\n")
}

/// `"timestamp":...` for a time of a test below a minute.
fn stamp(millis: u64) -> String {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    format!(r#""timestamp":"1970-01-01T00:00:{seconds:02}.{millis:03}Z""#)
}

/// What `/mcp/sse` says first.
fn greetings(sequence: u64, millis: u64) -> String {
    let door = format!("/mcp/messages/?session_id={FIRST}");
    let connected = format!(r#"{{"connection_id":"{FIRST}"}}"#);
    let t = stamp(millis);
    let welcome = format!(
        r#"{{"type":"mcp-notification","result":{{"connectionId":"{FIRST}","message":"SSE connection established"}},{t}}}"#
    );
    event(sequence, "endpoint", &door)
        + &event(sequence, "connected", &connected)
        + &event(sequence, "mcp-notification", &welcome)
}

/// A message for the door of seed 3.
fn underscored(message: &str) -> String {
    let members = message.strip_prefix('{').expect("an object");
    post(
        "/mcp/sse/message",
        "",
        &format!(r#"{{"connection_id":"{FIRST}",{members}"#),
    )
}

/// A message for the door of seed 2.
fn hyphenated(message: &str) -> String {
    let body = format!(r#"{{"connectionId":"{FIRST}","message":{message}}}"#);
    post("/mcp/sse/send", "", &body)
}

/// The status and the body of an answer.
fn answer(server: &mut Server, millis: u64, request: String) -> (u16, String) {
    let response = ask(server, at(millis), request);
    (response.head.status, response.body)
}

const ECHO: &str = r#"{"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;

// ---- seed 0 ----

#[test]
fn s0_01_s0_03_the_stream_opens_with_and_without_the_slash_and_names_a_relative_path() {
    for path in ["/mcp/sse/", "/mcp/sse"] {
        let mut server = Server::new();
        let (_, said) = open(&mut server, 0, path);
        let door = event(0, "endpoint", &format!("/mcp/messages/?session_id={FIRST}"));
        assert!(said.starts_with(&door), "{said}");
        let is_whole = said == door;
        assert_eq!(
            is_whole,
            path.ends_with('/'),
            "only one of them greets in all dialects"
        );
    }
}

#[test]
fn s0_02_messages_are_taken_with_202_and_answered_on_the_stream() {
    for door in ["/mcp/messages/", "/mcp/messages"] {
        let mut server = Server::new();
        let (stream, _) = open(&mut server, 0, "/mcp/sse/");
        let door = format!("{door}?session_id={FIRST}");
        let taken = answer(&mut server, 1, post(&door, "", &request(1, "ping")));
        assert_eq!(taken, (202, String::new()));
        let pong = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(heard(&mut server, stream), event(1, "message", pong));
    }
}

#[test]
fn s0_04_other_doors_work_beside_the_stream() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse/");
    let health = get("/health", "");
    assert_eq!(ask(&mut server, at(1), health).head.status, 200);
    let ping = post("/mcp", "", &request(1, "ping"));
    assert_eq!(ask(&mut server, at(1), ping).head.status, 200);
    assert_eq!(heard(&mut server, stream), "");
}

#[test]
fn s0_05_a_get_of_the_base_url_opens_the_old_stream() {
    let mut server = Server::new();
    let (_, said) = open(&mut server, 0, "/mcp");
    let door = format!("/messages?session_id={FIRST}");
    assert_eq!(said, event(0, "endpoint", &door));
}

// ---- seed 1 ----

#[test]
fn s1_02_the_first_event_is_the_relative_path() {
    let mut server = Server::new();
    let (_, said) = open(&mut server, 0, "/sse");
    let door = format!("/messages?session_id={FIRST}");
    assert_eq!(said, event(0, "endpoint", &door));
}

#[test]
fn s1_03_a_message_is_acknowledged_with_204_where_the_configuration_says_so() {
    let mut server = compatible(Compat {
        messages_no_content: true,
        ..Compat::default()
    });
    open(&mut server, 0, "/sse");
    open(&mut server, 0, "/mcp/sse/");
    let ping = request(1, "ping");
    for (path, session, status) in [("/messages", FIRST, 204), ("/mcp/messages/", SECOND, 202)] {
        let door = format!("{path}?session_id={session}");
        assert_eq!(
            answer(&mut server, 1, post(&door, "", &ping)).0,
            status,
            "{path}"
        );
    }
}

#[test]
fn s1_04_the_session_has_many_names() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/sse");
    let names = [
        "session_id",
        "sessionId",
        "id",
        "connectionId",
        "connection_id",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let door = format!("/messages?{name}={FIRST}");
        let id = index as u32;
        assert_eq!(
            answer(&mut server, 1, post(&door, "", &request(id, "ping"))).0,
            202
        );
        assert!(
            heard(&mut server, stream).contains(&format!(r#""id":{id},"#)),
            "{name}"
        );
        let door = format!("/mcp/sse/message?{name}={FIRST}");
        assert_eq!(
            answer(&mut server, 1, post(&door, "", &request(id, "ping"))).0,
            202
        );
        assert!(
            heard(&mut server, stream).contains("mcp_response"),
            "{name}"
        );
    }
    let names = ["session_id", "sessionId", "connectionId", "connection_id"];
    for name in names {
        let body = format!(r#"{{"{name}":"{FIRST}","id":1,"method":"ping"}}"#);
        assert_eq!(
            answer(&mut server, 1, post("/mcp/sse/message", "", &body)).0,
            202,
            "{name}"
        );
        let body = format!(r#"{{"{name}":"{FIRST}","message":{{"method":"ping"}}}}"#);
        assert_eq!(
            answer(&mut server, 1, post("/mcp/sse/send", "", &body)).0,
            202,
            "{name}"
        );
    }
}

// ---- seed 2 ----

#[test]
fn s2_03_the_welcome_is_an_mcp_notification() {
    let mut server = Server::new();
    let (_, said) = open(&mut server, 123, "/mcp/sse");
    assert_eq!(said, greetings(0, 123));
}

#[test]
fn s2_04_the_six_event_names() {
    let mut server = Server::new();
    let (stream, mut said) = open(&mut server, 0, "/mcp/sse");
    for message in [r#"{"method":"ping"}"#, ECHO, r#"{"method":"none"}"#] {
        answer(&mut server, 1, hyphenated(message));
    }
    server.wait_until(at(25_000));
    server.engine.drain(at(26_000));
    server.settle(at(26_000));
    let rest = server.receive(stream);
    said += &rest;
    for name in [
        "mcp-response",
        "mcp-notification",
        "mcp-error",
        "heartbeat",
        "tool-result",
        "connection-status",
    ] {
        assert!(
            said.contains(&format!("event: {name}\n")),
            "{name} in {said}"
        );
    }
}

#[test]
fn s2_05_a_message_may_lack_version_and_id_and_needs_no_handshake() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    let ok = format!(r#"{{"ok":true,"connectionId":"{FIRST}"}}"#);
    for message in [
        r#"{"method":"ping"}"#,
        r#"{"method":"ping","id":null,"params":null}"#,
    ] {
        assert_eq!(
            answer(&mut server, 7, hyphenated(message)),
            (202, ok.clone())
        );
    }
    let t = stamp(7);
    let pong = format!(r#"{{"type":"mcp-response","method":"ping","result":{{}},{t}}}"#);
    let both = event(1, "mcp-response", &pong) + &event(2, "mcp-response", &pong);
    assert_eq!(heard(&mut server, stream), both);
    // A notification is not answered, and a method that needs a session has one.
    answer(&mut server, 8, hyphenated(INITIALIZED));
    assert_eq!(heard(&mut server, stream), "");
    server.engine.check(0);
    let level = r#"{"id":"l","method":"logging/setLevel","params":{"level":"info"}}"#;
    answer(&mut server, 8, hyphenated(level));
    let t = stamp(8);
    let set = format!(
        r#"{{"type":"mcp-response","id":"l","method":"logging/setLevel","result":{{}},{t}}}"#
    );
    assert_eq!(heard(&mut server, stream), event(3, "mcp-response", &set));
}

#[test]
fn s2_05_calls_without_an_id_do_not_exclude_each_other() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    for _ in 0..2 {
        let sleep = r#"{"method":"tools/call","params":{"name":"sleep"}}"#;
        answer(&mut server, 1, hyphenated(sleep));
    }
    let nobody = r#"{"method":"notifications/cancelled","params":{"requestId":null}}"#;
    answer(&mut server, 1, hyphenated(nobody));
    assert_eq!((server.started.len(), server.terminated.len()), (2, 0));
    for _ in 0..2 {
        server.finish(at(2), &Outcome::text("slept"));
    }
    assert_eq!(
        heard(&mut server, stream)
            .matches("event: tool-result")
            .count(),
        2
    );
}

#[test]
fn s2_06_a_response_has_result_and_method() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    answer(&mut server, 1, hyphenated(r#"{"method":"tools/list"}"#));
    let said = heard(&mut server, stream);
    let data = said
        .lines()
        .nth(2)
        .and_then(|line| line.strip_prefix("data: "));
    let data: serde_json::Value = serde_json::from_str(data.expect("data")).expect("JSON");
    assert_eq!(
        (&data["type"], &data["method"]),
        (&"mcp-response".into(), &"tools/list".into())
    );
    let tools = data["result"]["tools"].as_array().expect("tools");
    assert!(tools.iter().any(|tool| tool["name"] == "echo"));
}

#[test]
fn s2_07_s0_08_a_tool_tells_its_progress_and_its_result() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    answer(&mut server, 1, hyphenated(ECHO));
    let t = stamp(1);
    let hi = format!(
        r#"{{"type":"tool-result","method":"echo","result":{{"content":[{{"type":"text","text":"hi"}}]}},{t}}}"#
    );
    assert_eq!(heard(&mut server, stream), event(1, "tool-result", &hi));
    let sleep = r#"{"id":5,"method":"tools/call","params":{"name":"sleep","arguments":{}}}"#;
    answer(&mut server, 2, hyphenated(sleep));
    server.line(at(3), "half way");
    let t = stamp(3);
    let half = format!(
        r#"{{"type":"tool-result","method":"sleep","metadata":{{"progress":1,"message":"half way"}},{t}}}"#
    );
    assert_eq!(heard(&mut server, stream), event(2, "tool-result", &half));
    server.finish(at(4), &Outcome::text("slept"));
    let t = stamp(4);
    let slept = format!(
        r#"{{"type":"tool-result","id":5,"method":"sleep","result":{{"content":[{{"type":"text","text":"slept"}}]}},{t}}}"#
    );
    assert_eq!(heard(&mut server, stream), event(3, "tool-result", &slept));
}

#[test]
fn s2_08_an_unknown_tool_becomes_mcp_error() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    let wrong = r#"{"method":"tools/call","params":{"name":"none"}}"#;
    answer(&mut server, 9, hyphenated(wrong));
    let t = stamp(9);
    let error = format!(
        r#"{{"type":"mcp-error","method":"tools/call","error":{{"message":"unknown tool \"none\": see tools/list","code":-32601}},{t}}}"#
    );
    assert_eq!(heard(&mut server, stream), event(1, "mcp-error", &error));
    // Elsewhere the specification's code holds.
    let with_id = wrong.replacen('{', r#"{"id":1,"#, 1);
    answer(&mut server, 9, underscored(&with_id));
    let said = heard(&mut server, stream);
    assert!(said.contains(r#""error":{"code":-32602,"#), "{said}");
    // An id that the client gave comes back.
    answer(&mut server, 9, hyphenated(r#"{"id":"a","method":"none"}"#));
    let said = heard(&mut server, stream);
    let begin = r#"data: {"type":"mcp-error","id":"a","method":"none","error":{"code":-32601,"#;
    assert!(said.contains(begin), "{said}");
}

#[test]
fn s2_09_the_heartbeat_has_a_name() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    server.wait_until(at(25_000));
    let beat = format!(
        "event: heartbeat\ndata: {{\"type\":\"heartbeat\",{}}}\n\n",
        stamp(25_000)
    );
    assert_eq!(heard(&mut server, stream), beat);
    answer(&mut server, 26_000, hyphenated(r#"{"method":"ping"}"#));
    heard(&mut server, stream);
    server.wait_until(at(50_000));
    assert_eq!(heard(&mut server, stream), beat.replace(":25.", ":50."));
}

#[test]
fn s2_16_a_page_that_reconnects_is_greeted_again_and_misses_nothing() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    answer(&mut server, 1, hyphenated(r#"{"method":"ping"}"#));
    heard(&mut server, stream);
    server.cut(at(2), stream);
    answer(&mut server, 3, hyphenated(r#"{"id":2,"method":"ping"}"#));
    let last = format!("Last-Event-ID: {FIRST}-1\r\n");
    let (_, said) = open_with(&mut server, 4, "/mcp/sse", &last);
    let t = stamp(4);
    let resumed = format!(r#"{{"type":"connection-status","status":"resumed",{t}}}"#);
    let t = stamp(3);
    let pong = format!(r#"{{"type":"mcp-response","id":2,"method":"ping","result":{{}},{t}}}"#);
    let missed = event(1, "connection-status", &resumed) + &event(2, "mcp-response", &pong);
    assert_eq!(said, greetings(1, 4) + &missed);
    server.engine.check(0);
}

#[test]
fn s2_04_a_stream_that_ends_says_so() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    server.engine.drain(at(1));
    server.settle(at(1));
    let t = stamp(1);
    let closing = format!(
        "event: connection-status\ndata: {{\"type\":\"connection-status\",\"status\":\"closing\",{t}}}\n\n"
    );
    let size = closing.len();
    assert_eq!(
        server.receive(stream),
        format!("{size:x}\r\n{closing}\r\n0\r\n\r\n")
    );
}

// ---- seed 3 ----

#[test]
fn s3_03_s3_04_the_stream_says_connected_with_its_id() {
    let mut server = Server::new();
    let (_, said) = open(&mut server, 0, "/mcp/sse");
    let connected = format!(r#"{{"connection_id":"{FIRST}"}}"#);
    assert!(said.contains(&event(0, "connected", &connected)), "{said}");
}

#[test]
fn s3_05_a_message_is_accepted_and_answered_as_mcp_response() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    let message = r#"{"jsonrpc":"2.0","method":"ping","params":{},"id":1761234567890}"#;
    let accepted = r#"{"status":"accepted","id":1761234567890}"#.to_string();
    assert_eq!(
        answer(&mut server, 1, underscored(message)),
        (202, accepted)
    );
    let pong = r#"{"jsonrpc":"2.0","id":1761234567890,"result":{}}"#;
    assert_eq!(heard(&mut server, stream), event(1, "mcp_response", pong));
    let notice = r#"{"status":"accepted","id":null}"#.to_string();
    assert_eq!(
        answer(&mut server, 1, underscored(INITIALIZED)),
        (202, notice)
    );
    assert_eq!(heard(&mut server, stream), "");
    answer(&mut server, 1, underscored(&echo(2, "hi")));
    let hi = r#"{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"hi"}]}}"#;
    assert_eq!(heard(&mut server, stream), event(2, "mcp_response", hi));
    // Errors of the protocol are answers too.
    answer(&mut server, 1, underscored(&request(3, "none")));
    let said = heard(&mut server, stream);
    assert!(
        said.starts_with(&format!("id: {FIRST}-3\nevent: mcp_response\n")),
        "{said}"
    );
}

#[test]
fn s3_06_heartbeats_and_refusals_have_names() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    answer(&mut server, 1, underscored(&request(1, "ping")));
    for id in 2..=6 {
        let taken = answer(&mut server, 1, underscored(&call(id, "sleep")));
        assert_eq!(
            taken,
            (202, format!(r#"{{"status":"accepted","id":{id}}}"#))
        );
    }
    let said = heard(&mut server, stream);
    let begin = format!(
        "id: {FIRST}-2\nevent: error\ndata: {{\"id\":6,\"code\":-32603,\"message\":\"this tool is busy"
    );
    assert!(said.contains(&begin), "{said}");
    server.line(at(2), "by token");
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p2","progress":1,"message":"by token"}}"#;
    assert_eq!(
        heard(&mut server, stream),
        event(3, "mcp_notification", progress)
    );
    server.wait_until(at(25_000));
    let beat = format!(
        "event: heartbeat\ndata: {{\"type\":\"heartbeat\",{}}}\n\n",
        stamp(25_000)
    );
    assert_eq!(heard(&mut server, stream), beat);
}

#[test]
fn a_wrong_body_is_answered_with_a_right_one() {
    let mut server = Server::new();
    open(&mut server, 0, "/mcp/sse");
    let session = format!(r#""connectionId":"{FIRST}""#);
    for (door, right, bodies) in [
        (
            "/mcp/sse/message",
            r#"{\"connection_id\":\"ID\",\"id\":1,\"method\":"#,
            vec![
                "no JSON".to_string(),
                "[]".to_string(),
                r#"{"method":"ping","id":1}"#.to_string(),
                format!("{{{session},\"id\":1}}"),
                format!("{{{session},\"id\":1,\"method\":\"ping\",\"jsonrpc\":\"1.0\"}}"),
                r#"{"connection_id":7,"method":"ping"}"#.to_string(),
            ],
        ),
        (
            "/mcp/sse/send",
            r#"{\"connectionId\":\"ID\",\"message\":{\"method\":"#,
            vec![
                "{".to_string(),
                r#"{"message":{"method":"ping"}}"#.to_string(),
                format!("{{{session},\"method\":\"ping\"}}"),
                format!("{{{session},\"message\":\"ping\"}}"),
                format!("{{{session},\"message\":{{\"id\":1}}}}"),
            ],
        ),
    ] {
        for body in bodies {
            let (status, said) = answer(&mut server, 1, post(door, "", &body));
            assert_eq!(status, 400, "{body}");
            assert!(said.contains(right), "{said}");
        }
        let stranger = r#"{"connectionId":"who","method":"ping","message":{"method":"ping"}}"#;
        assert_eq!(
            refused(&mut server, at(1), post(door, "", stranger)),
            (404, -32001)
        );
        let health = format!("GET {door} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(ask(&mut server, at(1), health).head.status, 405);
    }
}

// ---- seed 4 ----

/// What a plain stream says first.
fn connection(sequence: u64, millis: u64) -> String {
    let t = stamp(millis);
    let data = format!(r#"{{"type":"connection","status":"connected",{t}}}"#);
    event(sequence, "", &data)
}

#[test]
fn s4_01_s4_02_a_plain_stream_begins_with_an_unnamed_connection() {
    for path in ["/events", "/events/", "/sse?format=plain"] {
        let mut server = Server::new();
        let (_, said) = open(&mut server, 5, path);
        assert_eq!(said, connection(0, 5), "{path}");
    }
    let mut server = compatible(Compat {
        sse_plain: true,
        ..Compat::default()
    });
    assert_eq!(open(&mut server, 5, "/sse").1, connection(0, 5));
    let (_, said) = open(&mut server, 5, "/sse?format=mcp");
    assert!(said.contains("event: endpoint\n"), "{said}");
}

#[test]
fn s4_03_the_heartbeat_has_a_type() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/events");
    server.wait_until(at(25_000));
    let beat = format!("data: {{\"type\":\"heartbeat\",{}}}\n\n", stamp(25_000));
    assert_eq!(heard(&mut server, stream), beat);
}

#[test]
fn s4_04_json_rpc_comes_as_it_is_and_without_a_name() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/events");
    server.retitle(at(1), 1);
    let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{}}"#;
    assert_eq!(heard(&mut server, stream), event(1, "", changed));
    // Whoever finds the session's id in the events may ask, and stays plain.
    let pong = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let door = format!("/messages?id={FIRST}");
    let requests = [
        post(&door, "", &request(1, "ping")),
        underscored(&request(1, "ping")),
        hyphenated(&request(1, "ping")),
    ];
    for (index, request) in requests.into_iter().enumerate() {
        answer(&mut server, 2, request);
        assert_eq!(
            heard(&mut server, stream),
            event(2 + index as u64, "", pong)
        );
    }
}

#[test]
fn s4_05_a_refusal_is_an_error_with_a_message() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/events");
    for id in 1..=5 {
        let door = format!("/messages?id={FIRST}");
        answer(&mut server, 2, post(&door, "", &call(id, "sleep")));
    }
    let said = heard(&mut server, stream);
    let begin = format!("id: {FIRST}-1\ndata: {{\"type\":\"error\",\"id\":5,\"code\":-32603,");
    assert!(said.starts_with(&begin), "{said}");
}

#[test]
fn s4_06_a_plain_stream_says_that_it_ends() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/events");
    server.engine.drain(at(1));
    server.settle(at(1));
    let close = "data: {\"type\":\"close\",\"code\":0}\n\n";
    let size = close.len();
    assert_eq!(
        server.receive(stream),
        format!("{size:x}\r\n{close}\r\n0\r\n\r\n")
    );
    assert_eq!(server.engine.gauges().sessions, 0);
}

#[test]
fn s4_07_what_is_not_json_is_raw() {
    let raw = slimcp::wire::dialect::raw("Server ready\n");
    assert_eq!(raw, br#"{"type":"raw","content":"Server ready\n"}"#);
}

// ---- between the dialects ----

#[test]
fn a_session_that_has_spoken_the_standard_way_is_a_standard_one() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    let door = format!("/mcp/messages/?session_id={FIRST}");
    for message in [initialize("2024-11-05").as_str(), INITIALIZED] {
        answer(&mut server, 1, post(&door, "", message));
    }
    assert!(heard(&mut server, stream).contains("event: message\n"));
    server.wait_until(at(25_000));
    assert_eq!(heard(&mut server, stream), ":\n\n");
    // A message through another door is answered there in its way, but never with an `error`.
    for id in 1..=5 {
        answer(&mut server, 26_000, underscored(&call(id, "sleep")));
    }
    let said = heard(&mut server, stream);
    assert!(said.contains("event: mcp_response\ndata: {\"jsonrpc\":\"2.0\",\"id\":5,\"error\""));
    assert!(!said.contains("event: error"), "{said}");
    server.retitle(at(26_000), 1);
    let said = heard(&mut server, stream);
    assert!(said.contains("event: message\n"), "{said}");
    server.cut(at(27_000), stream);
    let last = format!("Last-Event-ID: {FIRST}-3\r\n");
    let (_, said) = open_with(&mut server, 28_000, "/mcp/sse", &last);
    assert_eq!(said, event(3, "endpoint", &door));
    server.engine.check(0);
}

#[test]
fn news_are_told_in_the_dialect_that_was_spoken_last() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/mcp/sse");
    server.retitle(at(1), 1);
    let t = stamp(1);
    let hyphens = format!(
        r#"{{"type":"mcp-notification","method":"notifications/tools/list_changed","params":{{}},{t}}}"#
    );
    assert_eq!(
        heard(&mut server, stream),
        event(1, "mcp-notification", &hyphens)
    );
    answer(&mut server, 2, underscored(INITIALIZED));
    server.retitle(at(3), 2);
    let said = heard(&mut server, stream);
    assert!(said.contains("event: mcp_notification\n"), "{said}");
}

#[test]
fn a_stream_is_resumed_through_its_own_door_only() {
    let mut server = Server::new();
    let (stream, _) = open(&mut server, 0, "/events");
    let last = format!("Last-Event-ID: {FIRST}-0\r\n");
    for path in ["/sse", "/mcp/sse"] {
        let (_, said) = open_with(&mut server, 1, path, &last);
        assert!(!said.contains(FIRST), "{path}: {said}");
    }
    assert!(!server.peers[stream].closed);
    let (_, said) = open_with(&mut server, 2, "/events", &last);
    assert_eq!(said, connection(0, 2));
    assert!(server.peers[stream].closed);
    server.engine.check(0);
    let (_, said) = open(&mut server, 3, "/mcp/sse");
    let (_, other) = said.split_once("session_id=").expect("a door");
    let other = other.lines().next().expect("a line");
    let last = format!("Last-Event-ID: {other}-0\r\n");
    let (_, said) = open_with(&mut server, 4, "/sse", &last);
    assert!(
        said.contains("/messages?") && !said.contains(other),
        "{said}"
    );
    let (_, said) = open_with(&mut server, 4, "/mcp/sse/", &last);
    assert!(said.contains(other), "{said}");
}

#[test]
fn a_stream_may_ask_for_sixteen_events_by_name() {
    let mut server = Server::new();
    let names: Vec<String> = (0..16).map(|number| format!("{number:064}")).collect();
    let most = names.join(",");
    let (stream, _) = open(&mut server, 0, &format!("/events?events={most}"));
    server.engine.check(0);
    let held = server.engine.gauges().budget_bytes;
    assert!(held > most.len(), "{held}");
    for bad in [format!("{most},x"), "y".repeat(65)] {
        let path = format!("/sse?events={bad}");
        assert_eq!(refused(&mut server, at(1), get(&path, "")), (400, -32600));
    }
    // Coming back, it may ask for others, or for all.
    let last = format!("Last-Event-ID: {FIRST}-0\r\n");
    let (stream_again, _) = open_with(&mut server, 2, "/events?events=a,%20b,,", &last);
    assert!(server.peers[stream].closed);
    server.engine.check(0);
    let held = server.engine.gauges().budget_bytes;
    assert!((1..100).contains(&held), "{held}");
    let (all, _) = open_with(&mut server, 3, "/events", &last);
    assert!(server.peers[stream_again].closed);
    assert_eq!(server.engine.gauges().budget_bytes, 0);
    let (some, _) = open(&mut server, 4, "/events?events=a");
    for peer in [all, some] {
        server.cut(at(5), peer);
    }
    server.wait_until(at(70_000));
    server.engine.check(0);
    let gauges = server.engine.gauges();
    assert_eq!((gauges.sessions, gauges.budget_bytes), (0, 0));
}

#[test]
fn a_filter_that_finds_no_memory_opens_nothing() {
    let mut server = Server::new();
    let memory = slimcp::limits::Memory::of(&Limits::default()).expect("it fits");
    assert!(server.engine.take_bytes(memory.budget));
    let path = "/events?events=a";
    assert_eq!(refused(&mut server, at(0), get(path, "")), (503, -32603));
    assert_eq!(server.engine.gauges().sessions, 0);
    server.engine.give_bytes(memory.budget);
    server.engine.check(0);
}

#[test]
fn the_door_behind_a_secret_path_is_named_without_the_secret() {
    let drawn = Token::generate([7; 32]);
    let token = Token {
        name: "page".to_string(),
        role: RoleIndex::MASTER,
        sha256: parse_digest(&drawn.sha256).expect("it was just written"),
    };
    let access = Access {
        tokens: vec![token],
        anonymous: None,
        ..Access::open()
    };
    let secret = format!("/t/{}", drawn.text);
    for (path, endpoint, door) in [
        ("/sse", "messages?", "/messages?"),
        ("/sse/", "../messages?", "/messages?"),
        ("/mcp/sse", "messages/?", "/mcp/messages/?"),
        ("/mcp/sse/", "../messages/?", "/mcp/messages/?"),
        ("/mcp", "messages?", "/messages?"),
    ] {
        let mut server = Server::new();
        configure(&mut server, 0, |config| config.access = access.clone());
        let (stream, said) = open(&mut server, 1, &format!("{secret}{path}"));
        let first = event(0, "endpoint", &format!("{endpoint}session_id={FIRST}"));
        assert!(said.starts_with(&first), "{path}: {said}");
        assert!(!said.contains(&drawn.text));
        let door = format!("{secret}{door}session_id={FIRST}");
        assert_eq!(
            answer(&mut server, 2, post(&door, "", &request(1, "ping"))).0,
            202
        );
        assert!(heard(&mut server, stream).contains("event: message\n"));
    }
}

#[test]
fn a_message_too_many_is_acknowledged_and_refused_on_the_stream() {
    let refusal = r#""id":2,"code":-32603,"message":""#;
    let hyphens = r#"data: {"type":"mcp-error","id":2,"method":"ping","error":{"code":-32603,"#;
    let standard = r#"data: {"jsonrpc":"2.0","id":2,"error":{"code":-32603,"#;
    let by_standard = |message: &str| post(&format!("/messages?id={FIRST}"), "", message);
    type Wrap<'a> = &'a dyn Fn(&str) -> String;
    let doors: [(&str, Wrap<'_>, &str); 4] = [
        ("/mcp/sse", &by_standard, standard),
        (
            "/mcp/sse",
            &underscored,
            &format!("event: error\ndata: {{{refusal}"),
        ),
        ("/mcp/sse", &hyphenated, hyphens),
        (
            "/events",
            &by_standard,
            &format!("data: {{\"type\":\"error\",{refusal}"),
        ),
    ];
    for (path, wrap, expected) in doors {
        let mut server = Server::new();
        configure(&mut server, 0, |config| {
            config.access.roles[0].each.rate = Some(Rate {
                count: 2,
                period: Duration::from_secs(60),
            });
        });
        let (stream, _) = open(&mut server, 0, path);
        for (id, message) in [(1, request(1, "ping")), (2, request(2, "ping"))] {
            // The rates have drawn the first id for themselves.
            let message = wrap(&message).replace(FIRST, SECOND);
            assert_eq!(answer(&mut server, 1, message).0, 202, "{path} {id}");
        }
        let said = heard(&mut server, stream);
        assert!(said.contains(expected), "{path}: {said}");
        assert_eq!(said.matches("id: ").count(), 2, "{said}");
    }
}

#[test]
fn who_may_no_longer_listen_is_told_that_the_stream_ends() {
    for (path, end) in [
        ("/events", "data: {\"type\":\"close\",\"code\":0}\n\n"),
        ("/mcp/sse", "\"status\":\"closing\""),
        ("/sse", ""),
    ] {
        let mut server = Server::new();
        let (stream, _) = open(&mut server, 0, path);
        let (blocked, _) = open(&mut server, 0, path);
        let key = server.peers[blocked].stream.expect("it is open");
        server.engine.handle_blocked(key);
        configure(&mut server, 1, |config| config.access.anonymous = None);
        let said = server.receive(stream);
        assert!(said.contains(end) && said.ends_with("0\r\n\r\n"), "{said}");
        assert!(server.peers[stream].closed && server.peers[blocked].closed);
        assert_eq!(server.engine.gauges().sessions, 0);
        server.engine.check(0);
    }
}

/// What came of each request, whatever it was wrapped in: id, and result or code.
fn results(said: &str) -> Vec<(String, String)> {
    let data = said.lines().filter_map(|line| line.strip_prefix("data: "));
    let objects = data.filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok());
    let answers = objects.filter(|object| object.get("id").is_some());
    answers
        .map(|object| {
            let code = object["error"].get("code").or(object.get("code"));
            let came = object.get("result").or(code).expect("a result or a code");
            (object["id"].to_string(), came.to_string())
        })
        .collect()
}

#[test]
fn the_same_conversation_comes_to_the_same_in_every_dialect() {
    let messages: Vec<String> = vec![
        initialize("2025-03-26"),
        INITIALIZED.to_string(),
        request(1, "tools/list"),
        echo(2, "one"),
        call(3, "sleep"),
        call(4, "system-info"),
        request(5, "none"),
        call(6, "sleep"),
        call(7, "sleep"),
        call(8, "sleep"),
        call(9, "sleep"),
        r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{}}"#.to_string(),
        request(3, "ping"),
    ];
    let standard = |message: &str| post(&format!("/messages?id={FIRST}"), "", message);
    type Wrap<'a> = (&'a str, &'a dyn Fn(&str) -> String);
    let doors: [Wrap<'_>; 6] = [
        ("/sse", &standard),
        ("/mcp/sse", &standard),
        ("/mcp/sse", &underscored),
        ("/mcp/sse/", &underscored),
        ("/mcp/sse", &hyphenated),
        ("/events", &standard),
    ];
    let mut seen = Vec::new();
    for (path, wrap) in doors {
        let mut server = Server::new();
        let (stream, _) = open(&mut server, 0, path);
        for message in &messages {
            assert_eq!(
                answer(&mut server, 1, wrap(message)).0,
                202,
                "{path} {message}"
            );
            server.engine.check(0);
        }
        while !server.started.is_empty() {
            server.line(at(2), "on its way");
            server.finish(at(3), &Outcome::error("in vain"));
            server.engine.check(0);
        }
        seen.push(results(&heard(&mut server, stream)));
    }
    assert_eq!(seen[0].len(), 12);
    for other in &seen[1..] {
        assert_eq!(*other, seen[0]);
    }
}
