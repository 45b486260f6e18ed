//! 2026-07-28: what `engine/stateless` leaves to be said.

use crate::client::{Client, Line, message, whole};
use crate::support::reader::Piece;
use crate::support::{Server, at, get};
use slimcp::tool::Outcome;

const REVISION: &str = "2026-07-28";

#[test]
fn requests_on_one_connection_have_nothing_in_common() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), REVISION);
    let old = Client::open(&mut server, at(0), "2025-11-25");
    let level = r#""io.modelcontextprotocol/logLevel":"debug""#;
    let call = |id: &str, meta: &str| client.request(id, "tools/call", r#""name":"sleep""#, meta);
    let list = old.request("3", "tools/list", "", "");
    let requests = [
        (call("1", level), 2),
        (call("2", ""), 1),
        (call("3", level), 2),
        (call("4", ""), 1),
    ];
    let mut line = Line::open(&mut server, at(0), &list);
    let legacy = line.messages(&mut server);
    assert_eq!(legacy[0]["result"].get("resultType"), None);
    for (request, count) in requests {
        server.send(at(1), line.peer, &request);
        let key = server.started[0].0;
        server.engine.handle_stderr_line(at(2), key, "careful");
        server.settle(at(2));
        server.finish(at(3), &Outcome::text("slept"));
        let heard = line.messages(&mut server);
        assert_eq!(heard.len(), count, "{heard:?}");
    }
    server.send(at(4), line.peer, &list);
    assert_eq!(line.messages(&mut server), legacy);
}

#[test]
fn nothing_but_notifications_comes_before_the_answer_which_ends_the_stream() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), REVISION);
    let meta = r#""progressToken":1,"io.modelcontextprotocol/logLevel":"debug""#;
    let call = client.request("1", "tools/call", r#""name":"sleep""#, meta);
    let mut line = Line::open(&mut server, at(0), call);
    let key = server.started[0].0;
    server.line(at(1), "a");
    server.engine.handle_stderr_line(at(1), key, "b");
    server.settle(at(1));
    server.wait_until(at(30_000));
    server.retitle(at(31_000), 1);
    let pieces = line.pieces(&mut server);
    assert!(pieces.contains(&Piece::Comment) && !pieces.contains(&Piece::End));
    let told = pieces.iter().filter_map(|piece| match piece {
        Piece::Event(event) => Some(message(&event.data)["method"].to_string()),
        _ => None,
    });
    let told: Vec<String> = told.collect();
    assert_eq!(
        told,
        ["\"notifications/progress\"", "\"notifications/message\""]
    );
    server.finish(at(32_000), &Outcome::text("slept"));
    let pieces = line.pieces(&mut server);
    let [Piece::Event(answer), Piece::End] = &pieces[..] else {
        panic!("{pieces:?}");
    };
    assert_eq!(message(&answer.data)["id"], 1);
    assert!(line.pieces(&mut server).is_empty());
}

#[test]
fn a_method_with_a_name_needs_it_in_its_head() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), REVISION);
    for (method, member) in [
        ("tools/call", "name"),
        ("prompts/get", "name"),
        ("resources/read", "uri"),
        ("tasks/get", "taskId"),
        ("tasks/update", "taskId"),
        ("tasks/cancel", "taskId"),
    ] {
        let members = format!(r#""{member}":"one""#);
        let good = client.request("1", method, &members, "");
        let name = "Mcp-Name: one\r\n";
        for bad in [
            good.replace(name, ""),
            good.replace(name, "Mcp-Name: two\r\n"),
        ] {
            let response = whole(&mut server, at(1), &bad);
            assert_eq!(response.refusal(), (400, -32020), "{bad}");
        }
        let known = whole(&mut server, at(1), &good);
        assert_ne!(known.refusal().1, -32020, "{good}");
    }
}

#[test]
fn a_stream_is_never_resumed() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), REVISION);
    let request = client.request("1", "tools/list", "", "");
    let request = request.replacen("MCP-Protocol", "Last-Event-ID: 0-1\r\nMCP-Protocol", 1);
    assert_eq!(whole(&mut server, at(0), request).head.status, 200);
    let fields = format!("{}Last-Event-ID: 0-1\r\n", client.fields);
    let again = whole(&mut server, at(0), get("/mcp", &fields));
    assert_eq!(again.head.status, 405);
    assert_eq!(again.head.field("allow"), Some("POST"));
}

#[test]
fn accept_and_content_type_are_looked_at_as_in_2025() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), REVISION);
    let list = client.request("1", "tools/list", "", "");
    let both = "application/json, text/event-stream";
    for (from, to, status) in [
        (both, "application/json", 406),
        (both, "text/event-stream", 406),
        (both, "*/*", 200),
        ("Type: application/json", "Type: text/plain", 415),
        (
            "Type: application/json",
            "Type: application/json; charset=utf-8",
            200,
        ),
    ] {
        let request = list.replacen(from, to, 1);
        let response = whole(&mut server, at(0), &request);
        assert_eq!(response.head.status, status, "{request}");
    }
}

#[test]
fn no_code_of_older_revisions_is_given() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), REVISION);
    let ask = |method: &str, members: &str| client.request("1", method, members, "");
    let list = ask("tools/list", "");
    let known = [
        -32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022,
    ];
    let requests = [
        ask("initialize", ""),
        ask("ping", ""),
        ask("no/method", ""),
        ask("tools/call", r#""name":"nobody""#),
        ask("tools/call", ""),
        ask("tools/list", r#""cursor":"x""#),
        ask("resources/read", r#""uri":"test://nowhere""#),
        ask("prompts/get", r#""name":"nobody""#),
        ask("completion/complete", ""),
        ask("tasks/get", r#""taskId":"nobody""#),
        ask("subscriptions/listen", r#""notifications":7"#),
        list.replace("Mcp-Method: tools/list\r\n", ""),
        list.replace("2026-07-28", "2025-11-25"),
        list.replace("clientCapabilities\":{}", "clientCapabilities\":7"),
        list.replace("Host: localhost", "Host: evil.example"),
        list.replace("application/json, text/event-stream", "text/html"),
        client.post("[]"),
        client.post("{"),
        get("/mcp", &client.fields),
        get("/mcp", &client.fields).replacen("GET", "DELETE", 1),
    ];
    for request in requests {
        let length = request.split("\r\n\r\n").nth(1).expect("a body").len();
        let begin = request.find("Content-Length: ");
        let request = match begin {
            None => request,
            Some(begin) => {
                let end = begin + request[begin..].find("\r\n").expect("a line end");
                format!(
                    "{}Content-Length: {length}{}",
                    &request[..begin],
                    &request[end..]
                )
            }
        };
        let (status, code) = whole(&mut server, at(0), &request).refusal();
        assert!((400..500).contains(&status), "{status} {request}");
        assert!(known.contains(&code), "{code} {request}");
    }
}
