//! The REST view: one tool call, one JSON body.

use crate::support::reader::Piece;
use crate::support::{Server, at, post};
use crate::{ask, pieces, refused};
use slimcp::limits;
use slimcp::tool::Outcome;

#[test]
fn a_tool_that_is_done_at_once_answers_with_its_result() {
    let mut server = Server::new();
    for body in [r#"{"text":"hi"}"#, " {\"text\" : \"hi\"}\n"] {
        let response = ask(&mut server, at(0), post("/mcp/tools/echo", "", body));
        assert_eq!(response.head.status, 200);
        let expected = r#"{"content":[{"type":"text","text":"hi"}]}"#;
        assert_eq!(response.body, expected);
    }
    let encoded = post("/mcp/tools/%65cho/", "", r#"{"text":"hi"}"#);
    assert_eq!(ask(&mut server, at(0), encoded).head.status, 200);
}

#[test]
fn no_body_means_no_arguments() {
    let mut server = Server::new();
    let response = ask(&mut server, at(0), post("/mcp/tools/system-info", "", ""));
    assert_eq!(response.head.status, 200, "{}", response.body);
}

#[test]
fn a_slow_tool_answers_in_one_body_however_long_it_takes() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.send(
        at(0),
        peer,
        post("/mcp/tools/sleep", "", r#"{"seconds":30}"#),
    );
    server.engine.check(0);
    server.line(at(1_000), "half way");
    let later = at(limits::ANSWER_HOLD.as_millis() as u64 + 1_000);
    server.wait_until(later);
    assert_eq!(server.receive(peer), "", "neither events nor heartbeats");
    server.engine.check(0);
    server.finish(later, &Outcome::text("slept"));
    let [Piece::Head(head), Piece::Body(body)] = &pieces(&mut server, peer)[..] else {
        panic!("no whole answer");
    };
    assert_eq!(head.status, 200);
    assert_eq!(head.field("content-type"), Some("application/json"));
    assert_eq!(body, r#"{"content":[{"type":"text","text":"slept"}]}"#);
    server.engine.check(0);
}

#[test]
fn a_tool_that_fails_is_a_failure_to_scripts_as_well() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.send(at(0), peer, post("/mcp/tools/sleep", "", ""));
    server.finish(at(1), &Outcome::error("no bed"));
    let [Piece::Head(head), Piece::Body(body)] = &pieces(&mut server, peer)[..] else {
        panic!("no whole answer");
    };
    assert_eq!(head.status, 500);
    assert_eq!(
        body,
        r#"{"content":[{"type":"text","text":"no bed"}],"isError":true}"#
    );
}

#[test]
fn a_call_whose_client_is_gone_is_stopped() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.send(at(0), peer, post("/mcp/tools/sleep", "", ""));
    server.cut(at(1), peer);
    assert_eq!(server.terminated.len(), 1);
    server.engine.check(0);
}

#[test]
fn what_is_no_call_is_refused() {
    let mut server = Server::new();
    let mut check = |path: &str, body: &str, expected: (u16, i64)| {
        let request = post(path, "", body);
        assert_eq!(
            refused(&mut server, at(0), request),
            expected,
            "{path} {body}"
        );
    };
    check("/mcp/tools/none", "{}", (404, -32602));
    check("/mcp/tools/echo", "[]", (400, -32602));
    check("/mcp/tools/echo", "{", (400, -32602));
    check("/mcp/tools/echo", "\"text\"", (400, -32602));
    check("/mcp/tools/a/b", "{}", (404, -32600));
    let get = crate::support::get("/mcp/tools/echo", "");
    assert_eq!(refused(&mut server, at(0), get), (405, -32600));
}
