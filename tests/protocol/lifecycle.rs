//! The handshake of 2024 and 2025: which revision, what there is, and when.

use crate::client::{Client, HANDSHAKES, INITIALIZED, Line, SESSIONS};
use crate::client::{initialize, message, whole};
use crate::support::{Server, at, get, post};
use serde_json::{Value, json};
use slimcp::tool::ask::{Ask, AskKind};
use slimcp::tool::handler::Said;

/// The answer to `initialize` for this revision, at `/mcp` or at a door of HTTP+SSE.
fn handshake(server: &mut Server, revision: &str, is_http_sse: bool) -> Value {
    if !is_http_sse {
        return message(&whole(server, at(0), post("/mcp", "", &initialize(revision))).body);
    }
    let mut stream = Line::open(server, at(0), get("/sse", ""));
    let door = stream.events(server)[0].data.clone();
    let taken = whole(server, at(0), post(&door, "", &initialize(revision)));
    assert_eq!(taken.head.status, 202);
    stream.messages(server).remove(0)
}

#[test]
fn a_revision_is_agreed_on_at_each_transport() {
    for is_http_sse in [false, true] {
        let mut server = Server::new();
        for revision in HANDSHAKES {
            let answer = handshake(&mut server, revision, is_http_sse);
            assert_eq!(answer["result"]["protocolVersion"], revision);
        }
        for unknown in ["1999-01-01", "2026-07-28", "", "latest"] {
            let answer = handshake(&mut server, unknown, is_http_sse);
            assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
        }
    }
}

#[test]
fn initialize_says_who_answers_and_what_there_is() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        server.reconfigure(at(0), |config| {
            config.instructions = Some("Be kind.".to_string());
        });
        let answer = handshake(&mut server, revision, revision == "2024-11-05");
        let result = &answer["result"];
        assert_eq!(answer["id"], "i");
        assert_eq!(result["serverInfo"]["name"], "test");
        assert!(result["serverInfo"]["version"].is_string());
        assert_eq!(result["instructions"], "Be kind.");
        let capabilities = &result["capabilities"];
        assert_eq!(capabilities["tools"]["listChanged"], true);
        assert_eq!(capabilities["logging"], json!({}));
        for absent in ["resources", "prompts", "completions", "tasks"] {
            assert_eq!(capabilities.get(absent), None, "there are no {absent}");
        }
    }
}

#[test]
fn what_is_not_declared_is_no_method() {
    let methods = [
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    ];
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for method in methods {
            let answer = client.ask(&mut server, at(1), "1", method, "");
            assert_eq!(answer["error"]["code"], -32601, "{revision} {method}");
        }
    }
}

#[test]
fn a_second_initialize_is_refused_and_changes_nothing() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for again in HANDSHAKES {
            let response = whole(&mut server, at(1), client.post(initialize(again)));
            assert_eq!(response.refusal(), (400, -32600), "{revision}");
            assert_eq!(response.head.field("mcp-session-id"), None);
        }
        assert_eq!(server.engine.gauges().sessions, 1);
        // Batches tell which revision the session still has.
        let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#;
        let status = whole(&mut server, at(2), client.post(batch)).head.status;
        assert_eq!(status == 200, revision == "2025-03-26");
        let list = client.ask(&mut server, at(2), "1", "tools/list", "");
        assert!(list["result"]["tools"].is_array());
    }
    let mut server = Server::new();
    let mut client = Client::open(&mut server, at(0), "2024-11-05");
    let params = r#""protocolVersion":"2025-03-26","capabilities":{}"#;
    let again = client.ask(&mut server, at(1), "1", "initialize", params);
    assert_eq!(again["error"]["code"], -32600);
    let list = client.ask(&mut server, at(2), "2", "tools/list", "");
    assert!(list["result"]["tools"].is_array());
}

#[test]
fn initialize_with_the_header_of_2026_07_28_needs_a_claim() {
    let mut server = Server::new();
    for revision in ["2025-11-25", "2026-07-28"] {
        let header = "MCP-Protocol-Version: 2026-07-28\r\n";
        let request = post("/mcp", header, &initialize(revision));
        let response = whole(&mut server, at(0), request);
        assert_eq!(response.refusal(), (400, -32602), "{revision}");
        assert_eq!(message(&response.body)["id"], "i");
    }
    assert_eq!(server.engine.gauges().sessions, 0);
    // Which headers older clients and the official suite send along does not matter.
    let fields = "MCP-Protocol-Version: 2025-06-18\r\nMcp-Method: initialize\r\n";
    let request = post("/mcp", fields, &initialize("2025-11-25"));
    let response = whole(&mut server, at(0), request);
    let result = &message(&response.body)["result"];
    assert_eq!(result["protocolVersion"], "2025-11-25");
}

/// A call asks for the roots of its client; how many questions that client hears.
fn roots(server: &mut Server, fields: &str) -> usize {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sleep"}}"#;
    let mut line = Line::open(server, at(1), post("/mcp", fields, call));
    let (key, _) = server.started.pop().expect("it has begun");
    let ask = Ask {
        key: "roots".to_string(),
        kind: AskKind::Roots,
        params: "{}".to_string(),
    };
    server.engine.handle_said(at(2), key, Said::Ask(ask));
    server.settle(at(2));
    let events = line.events(server);
    server
        .engine
        .handle_outcome(at(3), key, &slimcp::tool::Outcome::text("done"));
    server.settle(at(3));
    let questions = events
        .iter()
        .filter(|event| event.data.contains("roots/list"));
    questions.count()
}

#[test]
fn nothing_is_asked_before_the_client_has_confirmed() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let able =
            initialize(revision).replace("\"capabilities\":{}", "\"capabilities\":{\"roots\":{}}");
        let response = whole(&mut server, at(0), post("/mcp", "", &able));
        let id = response.head.field("mcp-session-id").expect("a session");
        let fields = format!("Mcp-Session-Id: {id}\r\n");
        assert_eq!(roots(&mut server, &fields), 0, "{revision}");
        whole(&mut server, at(4), post("/mcp", &fields, INITIALIZED));
        assert_eq!(roots(&mut server, &fields), 1, "{revision}");
    }
}
