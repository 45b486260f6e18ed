//! What is refused, with which status and which JSON-RPC code, and what is not.

use crate::support::{Server, at, get, post};
use crate::{FIRST, INITIALIZED, ask, echo, http_sse, initialize, refused, request, streamable};

/// `fields` in the place of those that `post` writes.
fn bare(method: &str, path: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n\
         {fields}Content-Length: {length}\r\n\r\n{body}"
    )
}

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn requests_that_no_door_takes() {
    let mut server = Server::new();
    let ping = request(1, "ping");
    let json_only = format!("{JSON}Accept: application/json\r\n");
    let cases = [
        (bare("GET", "/nowhere", "", ""), 404, -32600),
        (bare("PUT", "/mcp", JSON, &ping), 405, -32600),
        (bare("OPTIONS", "/mcp", "", ""), 405, -32600),
        (
            bare("GET", "/mcp", "Accept: application/json\r\n", ""),
            405,
            -32600,
        ),
        (bare("GET", "/mcp", "", ""), 405, -32600),
        (post("/sse", "", &ping), 405, -32600),
        (get("/messages", ""), 405, -32600),
        (post("/messages", "", &ping), 400, -32600),
        (post("/messages?session_id=nobody", "", &ping), 404, -32001),
        (
            bare("GET", "/sse", "Accept: text/html\r\n", ""),
            406,
            -32600,
        ),
        (
            bare("POST", "/mcp", "Content-Type: text/plain\r\n", &ping),
            415,
            -32600,
        ),
        (bare("POST", "/mcp", "", &ping), 415, -32600),
        (bare("POST", "/mcp", &json_only, &ping), 406, -32600),
        (post("/mcp", "", "{\"jsonrpc\":"), 400, -32700),
        (post("/mcp", "", "\u{feff}"), 400, -32700),
        (post("/mcp", "", "[]"), 400, -32600),
        (post("/mcp", "", "{}"), 400, -32600),
        (
            post("/mcp", "", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            400,
            -32600,
        ),
        (
            post("/mcp", "Mcp-Session-Id: nobody\r\n", &ping),
            404,
            -32001,
        ),
        (get("/mcp", "Mcp-Session-Id: nobody\r\n"), 404, -32001),
        (
            bare("DELETE", "/mcp", "Mcp-Session-Id: nobody\r\n", ""),
            404,
            -32001,
        ),
        (bare("DELETE", "/mcp", "", ""), 400, -32600),
        (
            post("/mcp", "MCP-Protocol-Version: 1999-01-01\r\n", &ping),
            400,
            -32600,
        ),
        (
            post("/mcp", "MCP-Protocol-Version: 2026-07-28\r\n", &ping),
            400,
            -32602,
        ),
        (
            post("/mcp", "", &request(1, "logging/setLevel")),
            400,
            -32600,
        ),
        (
            post("/mcp", "Origin: http://evil.example\r\n", &ping),
            403,
            -32600,
        ),
        (
            post("/mcp", "", &ping).replace("localhost", "evil.example"),
            403,
            -32600,
        ),
    ];
    for (text, status, code) in cases {
        assert_eq!(refused(&mut server, at(0), &text), (status, code), "{text}");
    }
    server.engine.check(0);
    assert_eq!(server.engine.gauges(), Default::default());
}

/// The header field of the session alone, of those that `streamable` gives.
fn session_field(fields: &str) -> String {
    let first = fields.lines().next();
    format!("{}\r\n", first.expect("the session comes first"))
}

#[test]
fn refusals_within_a_session() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let id = session_field(&fields);
    let (_, door) = http_sse(&mut server, at(0));
    let other = door
        .split_once('=')
        .expect("a door has a session")
        .1
        .to_string();
    let ping = request(1, "ping");
    let cases = [
        (
            post("/mcp", &fields, &initialize("2025-06-18")),
            400,
            -32600,
        ),
        (post("/mcp", &fields, &format!("[{ping}]")), 400, -32600),
        (
            post(
                "/mcp",
                &format!("{id}MCP-Protocol-Version: 1999-01-01\r\n"),
                &ping,
            ),
            400,
            -32600,
        ),
        (
            get("/mcp", &format!("{id}MCP-Protocol-Version: 1999-01-01\r\n")),
            400,
            -32600,
        ),
        (
            get("/mcp", &fields).replace("text/event-stream", "application/json"),
            406,
            -32600,
        ),
        (
            get("/mcp", &format!("{fields}Last-Event-ID: nonsense\r\n")),
            400,
            -32600,
        ),
        (
            get("/mcp", &format!("{fields}Last-Event-ID: 7-7\r\n")),
            410,
            -32600,
        ),
        // A session is reached through the doors it was opened by.
        (
            post("/mcp", &format!("Mcp-Session-Id: {other}\r\n"), &ping),
            404,
            -32001,
        ),
        (
            post(&format!("/messages?session_id={FIRST}"), "", &ping),
            404,
            -32001,
        ),
        (
            bare("POST", &door, "Content-Type: text/plain\r\n", &ping),
            415,
            -32600,
        ),
        (post(&door, "", "{"), 400, -32700),
        (post(&door, "", &format!("[{ping}]")), 400, -32600),
    ];
    for (text, status, code) in cases {
        assert_eq!(refused(&mut server, at(1), &text), (status, code), "{text}");
    }
    server.engine.check(0);
}

#[test]
fn what_looks_odd_and_is_served() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-06-18");
    let id = session_field(&fields);
    let ping = request(1, "ping");
    let (_, door) = http_sse(&mut server, at(0));
    let cases = [
        (post("/mcp", &id, &ping), 200),
        (
            post(
                "/mcp",
                &format!("{id}MCP-Protocol-Version: 2024-11-05\r\n"),
                &ping,
            ),
            200,
        ),
        (
            post("/mcp", "MCP-Protocol-Version: 2026-07-28\r\n", INITIALIZED),
            202,
        ),
        (bare("POST", "/mcp", JSON, &ping), 200),
        (
            bare("POST", "/mcp", &format!("{JSON}Accept: */*\r\n"), &ping),
            200,
        ),
        (post("/mcp/", "Mcp-Method: tools/call\r\n", &ping), 200),
        (post("/mcp", "", &echo(1, "without a session")), 200),
        (bare("POST", &door, "", &ping), 202),
        (
            bare("POST", &door.replace("session_id", "sessionId"), "", &ping),
            202,
        ),
        (
            bare("POST", &door.replace("session_id", "id"), "", &ping),
            202,
        ),
        (
            post("/mcp", &fields, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
            202,
        ),
        (
            post(
                "/mcp",
                &fields,
                r#"{"jsonrpc":"2.0","method":"notifications/new"}"#,
            ),
            202,
        ),
    ];
    for (text, status) in cases {
        assert_eq!(ask(&mut server, at(1), &text).head.status, status, "{text}");
    }
}

#[test]
fn a_refused_method_is_told_which_ones_there_are() {
    let mut server = Server::new();
    for (method, path, allow) in [
        ("PUT", "/mcp", "GET, POST, DELETE"),
        ("POST", "/sse", "GET"),
        ("GET", "/messages", "POST"),
        ("DELETE", "/health", "GET, HEAD"),
    ] {
        let response = ask(&mut server, at(0), bare(method, path, "", ""));
        assert_eq!(response.head.field("allow"), Some(allow), "{path}");
    }
}

#[test]
fn head_brings_a_head_and_no_body() {
    let mut server = Server::new();
    for (path, status) in [("/health", 200), ("/mcp", 405), ("/nowhere", 404)] {
        let peer = server.connect(at(0));
        server.send(at(0), peer, bare("HEAD", path, "", ""));
        let answer = server.receive(peer);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(
            !answer.contains("Content-Length: 0"),
            "as long as that of GET: {answer}"
        );
    }
}

#[test]
fn the_id_of_a_refused_request_comes_back_as_it_was() {
    let mut server = Server::new();
    for id in ["7", "\"7\"", "1234567890123", "\"a\\u0000\""] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"logging/setLevel"}}"#);
        let response = ask(&mut server, at(0), post("/mcp", "", &body));
        assert!(
            response.body.contains(&format!("\"id\":{id},")),
            "{}",
            response.body
        );
    }
}

#[test]
fn a_batch_obeys_the_version_header() {
    let mut server = Server::new();
    let batch = format!("[{}]", request(1, "ping"));
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let id = fields.lines().next().expect("the session comes first");
    for version in ["1999-01-01", "2026-07-28"] {
        let header = format!("MCP-Protocol-Version: {version}\r\n");
        let alone = post("/mcp", &header, &batch);
        assert_eq!(refused(&mut server, at(1), alone).0, 400, "{version}");
        let within = post("/mcp", &format!("{id}\r\n{header}"), &batch);
        assert_eq!(refused(&mut server, at(1), within).0, 400, "{version}");
    }
}

#[test]
fn a_batch_is_answered_as_an_array_without_its_notifications() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let (ping, hello) = (request(1, "ping"), echo(2, "hello"));
    let batch = format!("[{ping},{INITIALIZED},7,{hello}]");
    let response = ask(&mut server, at(1), post("/mcp", &fields, &batch));
    assert_eq!(response.head.status, 200);
    let answers: Vec<serde_json::Value> = serde_json::from_str(&response.body).expect("an array");
    assert_eq!(answers.len(), 3, "{}", response.body);
    assert_eq!(answers[0]["id"], 1);
    assert_eq!(answers[1]["error"]["code"], -32600);
    assert_eq!(answers[2]["result"]["content"][0]["text"], "hello");
    let only = format!("[{INITIALIZED},{INITIALIZED}]");
    let response = ask(&mut server, at(1), post("/mcp", &fields, &only));
    assert_eq!((response.head.status, response.body.as_str()), (202, ""));
    let opening = format!("[{}]", initialize("2025-03-26"));
    assert_eq!(
        refused(&mut server, at(1), post("/mcp", "", &opening)),
        (400, -32600)
    );
}

#[test]
fn a_revision_is_agreed_on() {
    let mut server = Server::new();
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let response = ask(&mut server, at(0), post("/mcp", "", &initialize(asked)));
        let body: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(body["result"]["protocolVersion"], agreed, "{asked}");
    }
    let broken = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    let response = ask(&mut server, at(0), post("/mcp", "", broken));
    assert_eq!(response.head.field("mcp-session-id"), None);
    assert!(response.body.contains("-32602"), "{}", response.body);
    assert_eq!(server.engine.gauges().sessions, 6);
}
