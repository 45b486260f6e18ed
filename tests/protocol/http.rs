//! Streamable HTTP of 2025: what each method answers, and on which stream.

use crate::client::{Client, Line, SESSIONS, message, whole};
use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use serde_json::Value;
use slimcp::tool::Outcome;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const RESPONSE: &str = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;
const NOTIFICATION: &str = r#"{"jsonrpc":"2.0","method":"notifications/new"}"#;

/// A request with these fields in its head.
fn head(method: &str, path: &str, fields: &str) -> String {
    get(path, fields).replacen("GET", method, 1)
}

#[test]
fn a_foreign_origin_alone_is_403_at_every_door_and_method() {
    let requests = |server: &mut Server, fields: &str| {
        let client = Client::open(server, at(0), "2025-11-25");
        let session = format!("{}{fields}", client.fields);
        let modern = Client::open(server, at(0), "2026-07-28");
        let discover = modern.request("1", "server/discover", "", "");
        [
            post("/mcp", fields, PING),
            post("/mcp", &session, PING),
            post("/mcp", &session, NOTIFICATION),
            get("/mcp", &session),
            get("/mcp", fields),
            get("/sse", fields),
            get("/mcp/sse/", fields),
            post("/messages?session_id=x", fields, PING),
            discover.replacen("MCP-Protocol", &format!("{fields}MCP-Protocol"), 1),
            head("DELETE", "/mcp", &session),
        ]
    };
    for foreign in [
        "http://evil.example",
        "null",
        "https://localhost.evil.example",
        "x",
    ] {
        let mut server = Server::new();
        let fields = format!("Origin: {foreign}\r\n");
        for request in requests(&mut server, &fields) {
            let response = whole(&mut server, at(1), &request);
            assert_eq!(response.head.status, 403, "{request}");
            assert_eq!(message(&response.body).get("id"), None);
        }
    }
    let mut server = Server::new();
    for request in requests(&mut server, "Origin: http://localhost\r\n") {
        let mut line = Line::open(&mut server, at(1), &request);
        let pieces = line.pieces(&mut server);
        assert!(
            matches!(&pieces[0], Piece::Head(head) if head.status != 403),
            "{request}"
        );
    }
}

#[test]
fn notifications_and_responses_are_taken_with_202_and_no_body() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        for body in [NOTIFICATION, RESPONSE] {
            let taken = whole(&mut server, at(1), client.post(body));
            assert_eq!((taken.head.status, taken.body.as_str()), (202, ""));
            assert_eq!(taken.head.field("content-type"), None);
        }
    }
}

#[test]
fn a_request_is_answered_as_json_or_as_events_and_says_which() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let response = whole(&mut server, at(1), client.post(PING));
        let media = response.head.field("content-type");
        assert_eq!(
            (response.head.status, media),
            (200, Some("application/json"))
        );

        let call = r#""name":"sleep""#;
        let slow = client.request("2", "tools/call", call, r#""progressToken":1"#);
        let mut line = Line::open(&mut server, at(2), slow);
        server.line(at(3), "begun");
        let pieces = line.pieces(&mut server);
        let Piece::Head(head) = &pieces[0] else {
            panic!("{pieces:?}");
        };
        let media = head.field("content-type");
        assert_eq!((head.status, media), (200, Some("text/event-stream")));
    }
}

#[test]
fn an_answer_stream_ends_with_its_answer_and_not_before() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let call = client.request("2", "tools/call", r#""name":"sleep""#, "");
        let mut line = Line::open(&mut server, at(0), call);
        server.wait_until(at(55_000));
        let pieces = line.pieces(&mut server);
        assert!(pieces.contains(&Piece::Comment), "it is kept: {pieces:?}");
        assert!(!pieces.contains(&Piece::End));
        server.finish(at(56_000), &Outcome::text("slept"));
        let pieces = line.pieces(&mut server);
        let [Piece::Event(answer), Piece::End] = &pieces[..] else {
            panic!("{pieces:?}");
        };
        assert_eq!(message(&answer.data)["id"], 2);
        assert!(line.pieces(&mut server).is_empty());
    }
}

/// What a message says, in a word or two.
fn about(message: &Value) -> String {
    let method = message["method"].as_str();
    method.map_or_else(|| format!("answer {}", message["id"]), str::to_string)
}

#[test]
fn each_message_goes_to_one_stream_and_answers_never_to_a_listening_one() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let level = client.request("\"l\"", "logging/setLevel", r#""level":"debug""#, "");
        assert_eq!(whole(&mut server, at(0), &level).head.status, 200);
        let mut listening = Line::open(&mut server, at(0), get("/mcp", &client.fields));
        let mut lines = ["1", "2"].map(|id| {
            let meta = format!(r#""progressToken":{id}"#);
            let call = client.request(id, "tools/call", r#""name":"sleep""#, &meta);
            Line::open(&mut server, at(1), call)
        });
        let keys: Vec<_> = server.started.iter().map(|(key, _)| *key).collect();
        for key in keys {
            server.engine.handle_line(at(2), key, "line");
            server.engine.handle_stderr_line(at(2), key, "log");
        }
        server.settle(at(2));
        server.retitle(at(3), 1);
        server.finish(at(4), &Outcome::text("one"));
        server.finish(at(5), &Outcome::text("two"));
        let mut heard = |line: &mut Line| -> Vec<String> {
            line.messages(&mut server).iter().map(about).collect()
        };
        assert_eq!(heard(&mut listening), ["notifications/tools/list_changed"]);
        for (line, id) in lines.iter_mut().zip(["1", "2"]) {
            let answer = format!("answer {id}");
            let expected = ["notifications/progress", "notifications/message", &answer];
            assert_eq!(heard(line), expected, "{revision}");
        }
    }
}

#[test]
fn every_method_refuses_a_version_that_is_not_known() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        for version in ["1999-01-01", "2025-06-19", "x", ""] {
            let fields = client.fields.replace(revision, version);
            for request in [
                post("/mcp", &fields, PING),
                post("/mcp", &fields, NOTIFICATION),
                post("/mcp", &fields, RESPONSE),
                get("/mcp", &fields),
                head("DELETE", "/mcp", &fields),
            ] {
                let response = whole(&mut server, at(1), &request);
                assert_eq!(response.head.status, 400, "{request}");
            }
        }
        let status = whole(&mut server, at(2), client.post(PING)).head.status;
        assert_eq!(status, 200, "the session is as it was");
    }
}

#[test]
fn a_session_knows_its_revision_without_the_header() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let id = client
            .fields
            .lines()
            .next()
            .expect("the session comes first");
        let batch = format!("[{PING}]");
        let alone = whole(
            &mut server,
            at(1),
            post("/mcp", &format!("{id}\r\n"), &batch),
        );
        assert_eq!(alone.head.status == 200, revision == "2025-03-26");
        for other in SESSIONS {
            let fields = client.fields.replace(revision, other);
            let answer = whole(&mut server, at(1), post("/mcp", &fields, PING));
            assert_eq!(answer.head.status, 200, "{revision} {other}");
        }
    }
}

#[test]
fn a_session_that_has_ended_or_never_was_is_404_for_every_method() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let ended = whole(&mut server, at(1), head("DELETE", "/mcp", &client.fields));
        assert_eq!((ended.head.status, ended.body.as_str()), (204, ""));
        let unknown = format!("Mcp-Session-Id: nobody\r\nMCP-Protocol-Version: {revision}\r\n");
        for fields in [&client.fields, &unknown] {
            for request in [
                post("/mcp", fields, PING),
                post("/mcp", fields, NOTIFICATION),
                post("/mcp", fields, RESPONSE),
                get("/mcp", fields),
                head("DELETE", "/mcp", fields),
            ] {
                let response = whole(&mut server, at(2), &request);
                assert_eq!(response.refusal(), (404, -32001), "{request}");
            }
        }
    }
}

#[test]
fn a_session_that_is_needed_and_missing_is_400() {
    let mut server = Server::new();
    for method in ["logging/setLevel", "resources/subscribe"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
        let response = whole(&mut server, at(0), post("/mcp", "", &body));
        assert_eq!(response.refusal(), (400, -32600), "{method}");
    }
    let response = whole(&mut server, at(0), post("/mcp", "", RESPONSE));
    assert_eq!(response.refusal(), (400, -32600));
    let response = whole(&mut server, at(0), head("DELETE", "/mcp", ""));
    assert_eq!(response.refusal(), (400, -32600));
}
