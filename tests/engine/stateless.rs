//! 2026-07-28: the rules of the specification on one endpoint without sessions, one by one.

use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use crate::{FIRST, INITIALIZED, ask, events, pieces, refused, request, streamable};
use serde_json::{Value, json};
use slimcp::tool::Outcome;

/// What every request says of itself.
pub const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},
    "io.modelcontextprotocol/clientCapabilities":{}"#;

/// A request with these parameters beside `_meta`, to which `meta` is added, and these fields in
/// its head.
pub fn body(method: &str, params: &str, meta: &str) -> String {
    let params = match params {
        "" => String::new(),
        params => format!("{params},"),
    };
    let meta = match meta {
        "" => META.to_string(),
        meta => format!("{META},{meta}"),
    };
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{{params}"_meta":{{{meta}}}}}}}"#
    )
}

/// The fields that repeat the body.
pub fn fields(method: &str, name: &str) -> String {
    let name = match name {
        "" => String::new(),
        name => format!("Mcp-Name: {name}\r\n"),
    };
    format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}")
}

/// A request as a client of 2026-07-28 sends it.
pub fn modern(method: &str, name: &str, params: &str) -> String {
    modern_with(method, name, params, "")
}

/// The same, with more in `_meta`.
pub fn modern_with(method: &str, name: &str, params: &str, meta: &str) -> String {
    post("/mcp", &fields(method, name), &body(method, params, meta))
}

/// A call of a tool without arguments.
fn call(tool: &str, meta: &str) -> String {
    modern_with("tools/call", tool, &format!(r#""name":"{tool}""#), meta)
}

/// The status and the message of a request that is answered at once.
pub fn answer(server: &mut Server, request: &str) -> (u16, Value) {
    let response = ask(server, at(0), request);
    assert_eq!(response.head.field("mcp-session-id"), None);
    let message = serde_json::from_str(&response.body).expect("the answer is JSON");
    (response.head.status, message)
}

#[test]
fn discover_says_what_there_is_and_how_long_that_holds() {
    let mut server = Server::new();
    let (status, message) = answer(&mut server, &modern("server/discover", "", ""));
    assert_eq!((status, &message["id"]), (200, &json!(7)));
    let result = &message["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
    assert!(result["capabilities"].get("tasks").is_none());
    assert_eq!(result["ttlMs"], 60_000);
    assert_eq!(result["cacheScope"], "public");
    let server_info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(server_info["name"], "test");
    assert_eq!(server_info["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_result_is_stamped_and_only_listings_may_be_kept() {
    let mut server = Server::new();
    let (_, list) = answer(&mut server, &modern("tools/list", "", ""));
    let (_, echo) = answer(
        &mut server,
        &modern(
            "tools/call",
            "echo",
            r#""name":"echo","arguments":{"text":"hi"}"#,
        ),
    );
    for result in [&list["result"], &echo["result"]] {
        assert_eq!(result["resultType"], "complete");
        let meta = &result["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/serverInfo"]["name"], "test");
    }
    assert_eq!(list["result"]["cacheScope"], "public");
    assert_eq!(list["result"]["tools"][0]["name"], "echo");
    assert_eq!(echo["result"]["content"][0]["text"], "hi");
    assert!(echo["result"].get("ttlMs").is_none() && echo["result"].get("cacheScope").is_none());
}

#[test]
fn listings_have_the_same_order_each_time_and_for_each_connection() {
    let mut server = Server::new();
    let first = answer(&mut server, &modern("tools/list", "", ""));
    assert_eq!(answer(&mut server, &modern("tools/list", "", "")), first);
}

#[test]
fn what_callers_need_a_token_for_is_not_public() {
    let mut server = Server::new();
    let (_, open) = answer(&mut server, &modern("tools/list", "", ""));
    assert_eq!(open["result"]["cacheScope"], "public");
    server.reconfigure(at(0), |config| {
        config.access = crate::access::tokens();
    });
    let field = crate::access::bearer(0);
    let fields = format!("{field}{}", fields("tools/list", ""));
    let request = post("/mcp", &fields, &body("tools/list", "", ""));
    let (status, closed) = answer(&mut server, &request);
    assert_eq!(status, 200, "{closed}");
    assert_eq!(closed["result"]["cacheScope"], "private");
}

/// The status and code of a request whose head has these fields.
fn wrong(server: &mut Server, fields: &str, body: &str) -> (u16, i64) {
    let request = post("/mcp", fields, body);
    let response = ask(server, at(0), &request);
    let message: Value = serde_json::from_str(&response.body).expect("errors are JSON");
    assert_eq!(message["id"], 7, "the id is echoed: {message}");
    let code = message["error"]["code"].as_i64().expect("a code");
    (response.head.status, code)
}

#[test]
fn each_header_that_does_not_repeat_the_body_is_refused() {
    let mut server = Server::new();
    let body = body(
        "tools/call",
        r#""name":"echo","arguments":{"text":"a"}"#,
        "",
    );
    let version = "MCP-Protocol-Version: 2026-07-28\r\n";
    let method = "Mcp-Method: tools/call\r\n";
    let name = "Mcp-Name: echo\r\n";
    let mismatch = [
        format!("{method}{name}"),
        format!("MCP-Protocol-Version: 2025-11-25\r\n{method}{name}"),
        format!("MCP-Protocol-Version: 1999-01-01\r\n{method}{name}"),
        format!("{version}{name}"),
        format!("{version}Mcp-Method: tools/list\r\n{name}"),
        format!("{version}Mcp-Method: TOOLS/CALL\r\n{name}"),
        format!("{version}{method}"),
        format!("{version}{method}Mcp-Name: other\r\n"),
        format!("{version}{method}Mcp-Name: ECHO\r\n"),
    ];
    for fields in mismatch {
        assert_eq!(
            wrong(&mut server, &fields, &body),
            (400, -32020),
            "{fields}"
        );
    }
    for fields in [
        format!("{version}{method}{name}"),
        "mcp-protocol-version: 2026-07-28\r\nMCP-METHOD: tools/call\r\nmcp-name: echo\r\n"
            .to_string(),
        format!("{version}{method}Mcp-Name:   echo  \r\n"),
        format!("{version}{method}Mcp-Name: =?base64?ZWNobw==?=\r\n"),
    ] {
        let (status, message) = answer(&mut server, &post("/mcp", &fields, &body));
        assert_eq!(status, 200, "{fields} {message}");
    }
}

#[test]
fn a_version_that_is_not_served_is_named_with_those_that_are() {
    let mut server = Server::new();
    for version in ["1999-01-01", "2025-11-25", "v999"] {
        let body = body("tools/list", "", "").replace("2026-07-28", version);
        let fields = format!("MCP-Protocol-Version: {version}\r\nMcp-Method: tools/list\r\n");
        let (status, message) = answer(&mut server, &post("/mcp", &fields, &body));
        assert_eq!((status, &message["error"]["code"]), (400, &json!(-32022)));
        let data = json!({"supported": ["2026-07-28"], "requested": version});
        assert_eq!(message["error"]["data"], data);
    }
}

#[test]
fn what_a_request_must_say_of_itself_is_missed() {
    let mut server = Server::new();
    let meta = |meta: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{{{meta}}}}}"#)
    };
    let claim = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    let capable = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
    let level = r#""io.modelcontextprotocol/logLevel""#;
    let wrongs = [
        meta(""),
        meta(r#""_meta":{}"#),
        meta(&format!(r#""_meta":{{{capable}}}"#)),
        meta(&format!(r#""_meta":{{{claim}}}"#)),
        meta(&format!(
            r#""_meta":{{{claim},"io.modelcontextprotocol/clientCapabilities":7}}"#
        )),
        meta(&format!(r#""_meta":{{{claim},{capable},{level}:"loud"}}"#)),
        meta(&format!(
            r#""_meta":{{{claim},{capable},"progressToken":[]}}"#
        )),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#.to_string(),
    ];
    let fields = fields("tools/list", "");
    for body in wrongs {
        assert_eq!(wrong(&mut server, &fields, &body), (400, -32602), "{body}");
    }
    let least = meta(&format!(r#""_meta":{{{claim},{capable}}}"#));
    assert_eq!(answer(&mut server, &post("/mcp", &fields, &least)).0, 200);
}

#[test]
fn methods_of_older_revisions_and_unknown_ones_are_not_found() {
    let mut server = Server::new();
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
        "unknown/method",
        "Tools/List",
    ] {
        let body = body(method, "", "");
        let answer = wrong(&mut server, &fields(method, ""), &body);
        assert_eq!(answer, (404, -32601), "{method}");
    }
}

#[test]
fn the_claim_decides_and_no_header_does() {
    let mut server = Server::new();
    // Headers of the new revision on a request of an old one change nothing.
    let named = "Mcp-Method: tools/call\r\nMcp-Name: nothing\r\n";
    let (status, legacy) = answer(&mut server, &post("/mcp", named, &request(7, "tools/list")));
    assert_eq!(status, 200);
    assert!(legacy["result"].get("resultType").is_none(), "{legacy}");
    // `initialize` without a claim opens a session, with one it is no method.
    streamable(&mut server, at(0), "2025-11-25");
    assert_eq!(server.engine.gauges().sessions, 1);
    let initialize = body("initialize", r#""protocolVersion":"2025-11-25""#, "");
    let code = wrong(&mut server, &fields("initialize", ""), &initialize);
    assert_eq!(code, (404, -32601));
}

#[test]
fn a_session_id_is_ignored_even_if_it_is_wrong_and_none_is_minted() {
    let mut server = Server::new();
    streamable(&mut server, at(0), "2025-11-25");
    for id in [FIRST, "nobody"] {
        let fields = format!("Mcp-Session-Id: {id}\r\n{}", fields("tools/list", ""));
        let request = post("/mcp", &fields, &body("tools/list", "", ""));
        assert_eq!(answer(&mut server, &request).0, 200);
    }
    assert_eq!(server.engine.gauges().sessions, 1);
}

#[test]
fn batches_responses_and_null_ids_are_refused_and_notifications_taken() {
    let mut server = Server::new();
    let fields = fields("tools/list", "");
    let list = body("tools/list", "", "");
    let refuses =
        |server: &mut Server, body: &str| refused(server, at(0), post("/mcp", &fields, body));
    assert_eq!(refuses(&mut server, &format!("[{list}]")).0, 400);
    let unversioned = post("/mcp", "", &format!("[{list}]"));
    assert_eq!(refused(&mut server, at(0), unversioned), (400, -32600));
    let response = r#"{"jsonrpc":"2.0","id":7,"result":{}}"#;
    assert_eq!(refuses(&mut server, response), (400, -32600));
    let null = list.replace(r#""id":7"#, r#""id":null"#);
    assert_eq!(refuses(&mut server, &null), (400, -32600));
    let cancelled = body("notifications/cancelled", r#""requestId":1"#, "");
    let cancelled = cancelled.replace(r#""id":7,"#, "");
    for notification in [cancelled.as_str(), INITIALIZED] {
        let taken = ask(&mut server, at(0), post("/mcp", &fields, notification));
        assert_eq!((taken.head.status, taken.body.as_str()), (202, ""));
    }
}

#[test]
fn get_and_delete_are_of_older_revisions() {
    let mut server = Server::new();
    let version = "MCP-Protocol-Version: 2026-07-28\r\n";
    let (status, _) = refused(&mut server, at(0), get("/mcp", version));
    assert_eq!(status, 405);
    let delete = get("/mcp", version).replacen("GET", "DELETE", 1);
    assert_eq!(refused(&mut server, at(0), delete).0, 405);
}

#[test]
fn a_foreign_origin_alone_is_refused_and_a_foreign_host_alone() {
    let mut server = Server::new();
    let list = modern("tools/list", "", "");
    let foreign = list.replace(
        "MCP-Protocol",
        "Origin: http://evil.example\r\nMCP-Protocol",
    );
    assert_eq!(refused(&mut server, at(0), foreign).0, 403);
    let rebound = list.replace("Host: localhost", "Host: evil.example");
    assert_eq!(refused(&mut server, at(0), rebound).0, 403);
    let own = list.replace("MCP-Protocol", "Origin: http://localhost\r\nMCP-Protocol");
    assert_eq!(answer(&mut server, &own).0, 200);
}

#[test]
fn an_unknown_tool_and_a_bad_cursor_are_wrong_parameters() {
    let mut server = Server::new();
    let unknown = answer(&mut server, &call("nobody", ""));
    assert_eq!(
        (unknown.0, &unknown.1["error"]["code"]),
        (400, &json!(-32602))
    );
    for cursor in ["", "x", "100"] {
        let list = modern("tools/list", "", &format!(r#""cursor":"{cursor}""#));
        let (status, message) = answer(&mut server, &list);
        assert_eq!((status, &message["error"]["code"]), (400, &json!(-32602)));
    }
}

#[test]
fn an_answer_is_one_body_until_something_is_streamed() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.send(at(0), peer, call("sleep", ""));
    server.line(at(1), "nobody asked for progress");
    server.finish(at(2), &Outcome::text("done"));
    let [Piece::Head(head), Piece::Body(answer)] = &pieces(&mut server, peer)[..] else {
        panic!("not one body");
    };
    assert_eq!(head.status, 200);
    assert_eq!(head.field("content-type"), Some("application/json"));
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(answer["result"]["content"][0]["text"], "done");
}

#[test]
fn progress_goes_to_the_stream_of_its_request_with_the_token_as_it_was() {
    let mut server = Server::new();
    for token in ["7", "\"7\""] {
        let peer = server.connect(at(0));
        server.send(
            at(0),
            peer,
            call("sleep", &format!(r#""progressToken":{token}"#)),
        );
        server.line(at(1), "one");
        server.line(at(2), "two");
        server.finish(at(3), &Outcome::text("done"));
        let events = events(&mut server, peer);
        let messages: Vec<Value> = events
            .iter()
            .map(|event| serde_json::from_str(&event.data).expect("JSON"))
            .collect();
        assert_eq!(messages.len(), 3, "{messages:?}");
        for (message, count) in messages.iter().zip(1..3) {
            assert_eq!(message["method"], "notifications/progress");
            assert_eq!(message["params"]["progressToken"].to_string(), token);
            assert_eq!(message["params"]["progress"], count);
        }
        assert_eq!(messages[2]["result"]["resultType"], "complete");
        assert!(
            events.iter().all(|event| event.id.is_none()),
            "nothing can be resumed"
        );
    }
}

#[test]
fn log_messages_come_only_to_requests_that_name_a_level_and_only_from_that_level_on() {
    for (level, expected) in [("", 0), ("debug", 1), ("info", 1), ("warning", 0)] {
        let mut server = Server::new();
        let peer = server.connect(at(0));
        let meta = match level {
            "" => String::new(),
            level => format!(r#""io.modelcontextprotocol/logLevel":"{level}""#),
        };
        server.send(at(0), peer, call("sleep", &meta));
        let key = server.started[0].0;
        server.engine.handle_stderr_line(at(1), key, "careful");
        server.settle(at(1));
        server.finish(at(2), &Outcome::text("done"));
        let text = server.receive(peer);
        let messages = text.matches("notifications/message").count();
        assert_eq!(messages, expected, "{level:?}: {text}");
    }
}

#[test]
fn closing_the_connection_cancels_and_nothing_more_is_said() {
    let mut server = Server::new();
    for streams in [false, true] {
        let peer = server.connect(at(0));
        server.send(at(0), peer, call("sleep", r#""progressToken":1"#));
        let key = server.started[0].0;
        if streams {
            server.line(at(1), "one");
            assert!(server.receive(peer).contains("notifications/progress"));
        }
        server.cut(at(2), peer);
        assert_eq!(server.terminated.pop(), Some(key));
        server.line(at(3), "two");
        server.finish(at(4), &Outcome::text("too late"));
        assert_eq!(server.receive(peer), "");
        server.engine.check(0);
    }
}

#[test]
fn a_cancelled_call_of_another_era_leaves_this_one_alone() {
    let mut server = Server::new();
    let session = streamable(&mut server, at(0), "2025-11-25");
    let peer = server.connect(at(0));
    server.send(at(0), peer, call("sleep", ""));
    let cancel = post("/mcp", &session, &crate::cancel(7));
    assert_eq!(ask(&mut server, at(1), cancel).head.status, 202);
    assert!(server.terminated.is_empty());
    server.finish(at(2), &Outcome::text("done"));
    assert!(server.receive(peer).contains("done"));
}

#[test]
fn the_same_id_may_be_in_flight_more_than_once() {
    let mut server = Server::new();
    let peers = [0, 1].map(|_| {
        let peer = server.connect(at(0));
        server.send(at(0), peer, call("sleep", ""));
        peer
    });
    assert_eq!(server.started.len(), 2);
    server.finish(at(1), &Outcome::text("first"));
    server.finish(at(2), &Outcome::text("second"));
    for (peer, text) in peers.into_iter().zip(["first", "second"]) {
        assert!(server.receive(peer).contains(text));
    }
}

#[test]
fn a_long_answer_begins_its_stream_so_that_no_proxy_cuts_it() {
    let mut server = Server::new();
    let peer = server.connect(at(0));
    server.send(at(0), peer, call("sleep", ""));
    server.wait_until(at(9_999));
    assert_eq!(server.receive(peer), "");
    server.wait_until(at(10_000));
    let head = server.receive(peer);
    assert!(head.contains("text/event-stream"), "{head}");
    assert!(head.contains("X-Accel-Buffering: no"), "{head}");
}
