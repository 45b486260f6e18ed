//! What only functions of a program can do: let their client go, and have arguments in headers.

use crate::stateless::{body, fields as repeated};
use crate::support::reader::Piece;
use crate::support::{Server, at, get, post, registry};
use crate::{ask, call, pieces, streamable};
use slimcp::FunctionTool;
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::server::IntoTool;
use slimcp::tool::handler::Said;
use slimcp::tool::registry::{Registry, Unfit};
use slimcp::tool::{Outcome, Tool};
use std::rc::Rc;

/// A call of `sleep` in a session of this revision; its session, its peer and itself.
fn begun(server: &mut Server, revision: &str) -> (String, usize, Key<Call>) {
    let fields = streamable(server, at(0), revision);
    let peer = server.connect(at(1));
    server.send(at(1), peer, post("/mcp", &fields, &call(1, "sleep")));
    let call = server.started[0].0;
    (fields, peer, call)
}

fn release(server: &mut Server, millis: u64, call: Key<Call>) {
    server.engine.handle_said(at(millis), call, Said::Release);
    server.settle(at(millis));
    server.engine.check(0);
}

fn names(pieces: &[Piece]) -> Vec<&str> {
    let name = |piece: &Piece| match piece {
        Piece::Head(_) => "head",
        Piece::Event(event) if event.data.is_empty() => "id",
        Piece::Event(_) => "event",
        _ => "end",
    };
    pieces.iter().map(name).collect()
}

#[test]
fn a_client_that_was_let_go_comes_back_for_the_answer() {
    let mut server = Server::new();
    let (fields, peer, call) = begun(&mut server, "2025-11-25");
    release(&mut server, 2, call);
    let left = server.receive(peer);
    assert!(left.contains("retry: "), "{left}");
    assert!(
        left.ends_with("\r\n0\r\n\r\n"),
        "the response is over: {left}"
    );
    let id = left
        .split("id: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let id = id.expect("an id to come back with").to_string();
    server.finish(at(3), &Outcome::text("slept"));
    server.engine.check(0);
    let again = server.connect(at(4));
    let resumed = get("/mcp", &format!("{fields}Last-Event-ID: {id}\r\n"));
    server.send(at(4), again, resumed);
    let answer = server.receive(again);
    assert!(answer.contains(r#""text":"slept""#), "{answer}");
    server.engine.check(0);
}

#[test]
fn a_client_that_comes_back_early_waits_for_the_answer_there() {
    let mut server = Server::new();
    let (fields, _, call) = begun(&mut server, "2025-11-25");
    release(&mut server, 2, call);
    let again = server.connect(at(3));
    let resumed = get("/mcp", &format!("{fields}Last-Event-ID: 0-0\r\n"));
    server.send(at(3), again, resumed);
    assert_eq!(names(&pieces(&mut server, again)), ["head", "id"]);
    server.finish(at(4), &Outcome::text("slept"));
    let answer = server.receive(again);
    assert!(answer.contains(r#""text":"slept""#), "{answer}");
    server.engine.check(0);
}

#[test]
fn clients_that_could_not_come_back_are_not_let_go() {
    let mut server = Server::new();
    let (_, peer, call) = begun(&mut server, "2025-06-18");
    release(&mut server, 2, call);
    assert_eq!(server.receive(peer), "");
    server.finish(at(3), &Outcome::text("slept"));
    assert!(server.receive(peer).contains(r#""text":"slept""#));
}

/// A tool whose schema has this property `region`.
fn tool(region: &str) -> Rc<dyn Tool> {
    let schema = format!(r#"{{"type":"object","properties":{{"region":{region}}}}}"#);
    let tool = FunctionTool::new("deploy", "Deploys.", async || "done").schema(&schema);
    tool.into_tool().expect("it is one")
}

#[test]
fn headers_that_repeat_arguments_are_held_against_them() {
    let mut server = Server::new();
    let mut tools: Vec<Rc<dyn Tool>> = registry().iter().cloned().collect();
    tools.push(tool(r#"{"type":"string","x-mcp-header":"Region"}"#));
    let config = server.engine.config().clone();
    let tools = Registry::new(tools).expect("the names differ");
    server.engine.reload(at(0), config, tools);
    let eu = r#","arguments":{"region":"eu"}"#;
    let table = [
        ("Mcp-Param-Region: eu\r\n", eu, true),
        ("mcp-param-region: =?base64?ZXU=?=\r\n", eu, true),
        ("", eu, false),
        ("Mcp-Param-Region: us\r\n", eu, false),
        ("Mcp-Param-Region: =?base64?ZXU?=\r\n", eu, false),
        ("", "", true),
        ("Mcp-Param-Region: eu\r\n", "", false),
        ("Mcp-Param-Other: eu\r\n", "", true),
    ];
    for (header, arguments, fits) in table {
        let params = format!(r#""name":"deploy"{arguments}"#);
        let fields = repeated("tools/call", "deploy") + header;
        let peer = server.connect(at(1));
        let request = post("/mcp", &fields, &body("tools/call", &params, ""));
        server.send(at(1), peer, request);
        let answer = server.receive(peer);
        assert_eq!(
            server.started.len(),
            usize::from(fits),
            "{header}{arguments}"
        );
        match server.started.pop() {
            Some((call, ..)) => server
                .engine
                .handle_outcome(at(1), call, &Outcome::text("")),
            None => {
                assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
                assert!(answer.contains("-32020"), "{answer}");
            }
        }
        server.settle(at(1));
    }
    // Older revisions know no such headers.
    let old = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    assert_eq!(
        ask(&mut server, at(2), post("/mcp", "", old)).head.status,
        200
    );
}

#[test]
fn a_schema_that_marks_what_no_header_can_say_is_refused() {
    let tools = vec![tool(r#"{"type":"number","x-mcp-header":"Region"}"#)];
    let unfit = Registry::new(tools).unwrap_err();
    assert!(matches!(unfit, Unfit::Header(..)));
    let text = unfit.to_string();
    assert!(
        text.starts_with("tool deploy: input schema: properties.region"),
        "{text}"
    );
}
