//! What is offered where: everything at `/mcp`, and what one server has at `/servers/NAME/mcp`.

use crate::stateless::{body, fields};
use crate::support;
use crate::support::{Server, at, get, post, registry_of};
use crate::{ask, http_sse_at, initialize, refused, request, streamable_at};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use slimcp::auth::role::Rate;
use slimcp::engine::Era;
use slimcp::tool::command::Exit;
use slimcp::tool::{Tool, builtin};
use slimcp::upstream::UpstreamIndex;
use slimcp::upstream::listing::{Entries, Introduction, Listing, Offers};
use slimcp::upstream::spec::{Prefix, ToolOverride, UpstreamSpec};
use std::rc::Rc;

const REVISION: &str = "2025-11-25";

/// A server that is spoken to with a handshake.
fn upstream(name: &str) -> UpstreamSpec {
    UpstreamSpec {
        era: Some(Era::Handshake),
        ..support::upstream(name)
    }
}

fn server() -> Server {
    let mut server = unknown();
    offer(
        &mut server,
        vec![listing("files", &[]), listing("time", &[])],
    );
    server
}

/// A session that was opened through this door; its fields.
fn session(server: &mut Server, path: &str) -> String {
    streamable_at(server, at(0), path, REVISION, &initialize(REVISION))
}

#[test]
fn each_server_has_doors_and_what_has_no_name_has_none() {
    let mut server = server();
    for path in ["/servers/files/mcp", "/servers/time/mcp/"] {
        session(&mut server, path);
    }
    for path in [
        "/servers/none/mcp",
        "/servers//mcp",
        "/servers/mcp",
        "/servers/files",
        "/servers/files/events",
        "/servers/Files/mcp",
    ] {
        let (status, _) = refused(&mut server, at(0), post(path, "", &request(1, "ping")));
        assert_eq!(status, 404, "{path}");
    }
    server.engine.check(0);
}

#[test]
fn a_session_is_found_through_the_doors_it_was_opened_by_and_no_others() {
    let mut server = server();
    let paths = ["/mcp", "/servers/files/mcp", "/servers/time/mcp"];
    for path in paths {
        let fields = session(&mut server, path);
        for other in paths {
            let response = ask(
                &mut server,
                at(0),
                post(other, &fields, &request(1, "ping")),
            );
            let expected = if other == path { 200 } else { 404 };
            assert_eq!(response.head.status, expected, "{path} {other}");
        }
    }
}

#[test]
fn the_stream_of_a_server_names_its_own_door_for_messages() {
    let mut server = server();
    for (path, expected) in [
        ("/sse", "/messages?session_id="),
        ("/servers/files/sse", "/servers/files/messages?session_id="),
        ("/servers/time/sse/", "/servers/time/messages?session_id="),
        ("/servers/time/mcp", "/servers/time/messages?session_id="),
    ] {
        let (stream, door) = http_sse_at(&mut server, at(0), path);
        let id = door
            .strip_prefix(expected)
            .unwrap_or_else(|| panic!("{door}"));
        for other in [
            "/messages",
            "/servers/files/messages",
            "/servers/time/messages/",
        ] {
            let to = format!("{other}?session_id={id}");
            let status = ask(&mut server, at(0), post(&to, "", &request(2, "ping")))
                .head
                .status;
            let is_own = other.trim_end_matches('/') == door.split('?').next().unwrap();
            assert_eq!(status, if is_own { 202 } else { 404 }, "{path} {other}");
        }
        server.cut(at(0), stream);
    }
}

#[test]
fn a_stream_is_resumed_through_its_own_door_only() {
    let mut server = server();
    let (stream, door) = http_sse_at(&mut server, at(0), "/servers/files/sse");
    let id = door
        .split_once('=')
        .expect("it names the session")
        .1
        .to_string();
    server.cut(at(0), stream);
    for (path, is_own) in [
        ("/sse", false),
        ("/servers/time/sse", false),
        ("/servers/files/sse", true),
    ] {
        let peer = server.connect(at(1));
        let fields = format!("Last-Event-ID: {id}-1\r\n");
        server.send(at(1), peer, get(path, &fields));
        let text = server.receive(peer);
        assert_eq!(text.contains(&id), is_own, "{path}: {text}");
    }
}

/// What a server offers that has all there is.
const OFFERS: Offers = Offers {
    tools: true,
    tools_changed: true,
    resources: true,
    resources_changed: true,
    subscribe: true,
    prompts: true,
    prompts_changed: true,
    completions: true,
    logging: true,
};

fn raw(json: Value) -> Box<RawValue> {
    RawValue::from_string(json.to_string()).expect("it was JSON")
}

fn raws(entries: &[Value]) -> Entries {
    entries.iter().cloned().map(raw).collect()
}

fn tool(name: &str) -> Value {
    json!({"name": name, "inputSchema": {"type": "object"}})
}

/// A listing of tools with these names, and of all else that a server may have.
fn listing(name: &str, tools: &[Value]) -> Box<Listing> {
    Box::new(Listing {
        introduction: Introduction {
            server_info: Some(raw(json!({"name": name, "version": "7", "title": "T"}))),
            instructions: Some(format!("Use {name}.")),
            offers: OFFERS,
        },
        tools: raws(tools),
        resources: raws(&[
            json!({"uri": "t://same", "name": name}),
            json!({"uri": format!("t://{name}"), "name": "own", "_meta": {"x": 1}}),
        ]),
        templates: raws(&[json!({"uriTemplate": format!("{name}://{{id}}"), "name": "by id"})]),
        prompts: raws(&[
            json!({"name": "greet", "arguments": [{"name": "who"}]}),
            json!({"name": name}),
        ]),
    })
}

/// A server with tools of its own, in front of these.
fn offering(specs: Vec<UpstreamSpec>, listings: Vec<Box<Listing>>) -> Server {
    let echo: Rc<dyn Tool> = Rc::new(builtin::Echo::new());
    let mut server = Server::before(registry_of(vec![echo]), specs);
    offer(&mut server, listings);
    server
}

fn offer(server: &mut Server, listings: Vec<Box<Listing>>) {
    for (place, listing) in listings.into_iter().enumerate() {
        let index = UpstreamIndex::new(place);
        server.engine.take_listing(at(0), index, listing);
        server.settle(at(0));
        server.engine.check(0);
    }
}

/// `files` and `time`, both with a tool `read`.
fn two() -> Server {
    offering(
        vec![upstream("files"), upstream("time")],
        vec![
            listing("files", &[tool("read"), tool("list")]),
            listing("time", &[tool("read"), tool("now"), tool("echo")]),
        ],
    )
}

/// The result of a request of 2026-07-28 at this door.
fn asked(server: &mut Server, path: &str, method: &str, params: &str) -> Value {
    let name: Value = serde_json::from_str(&format!("{{{params}}}")).expect("members");
    let named = name["name"]
        .as_str()
        .or(name["uri"].as_str())
        .unwrap_or_default();
    let request = post(path, &fields(method, named), &body(method, params, ""));
    let response = ask(server, at(0), request);
    serde_json::from_str(&response.body).expect("an answer")
}

fn names(answer: &Value, list: &str, key: &str) -> String {
    let entries = answer["result"][list].as_array();
    let entries = entries.unwrap_or_else(|| panic!("no {list}: {answer}"));
    let names: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry[key].as_str())
        .collect();
    names.join(" ")
}

#[test]
fn tools_are_prefixed_only_where_they_collide_and_keep_their_names_at_home() {
    let mut server = two();
    for (path, expected) in [
        ("/mcp", "echo files_read list time_read now time_echo"),
        ("/servers/files/mcp", "read list"),
        ("/servers/time/mcp", "read now echo"),
    ] {
        let listed = asked(&mut server, path, "tools/list", "");
        assert_eq!(names(&listed, "tools", "name"), expected, "{path}");
        let fields = session(&mut server, path);
        let old = ask(
            &mut server,
            at(0),
            post(path, &fields, &request(1, "tools/list")),
        );
        let old: Value = serde_json::from_str(&old.body).unwrap();
        assert_eq!(names(&old, "tools", "name"), expected, "{path}");
    }
}

#[test]
fn a_call_goes_to_the_server_that_the_name_means_in_its_scope() {
    let mut server = two();
    for (path, name, expected) in [
        ("/mcp", "files_read", Some((0, "read"))),
        ("/mcp", "time_read", Some((1, "read"))),
        ("/mcp", "time_echo", Some((1, "echo"))),
        ("/mcp", "now", Some((1, "now"))),
        ("/mcp", "read", None),
        ("/servers/files/mcp", "read", Some((0, "read"))),
        ("/servers/time/mcp", "read", Some((1, "read"))),
        ("/servers/files/mcp", "files_read", None),
        ("/servers/files/mcp", "now", None),
        ("/servers/files/mcp", "echo", None),
    ] {
        let peer = server.connect(at(0));
        let params = format!("\"name\":\"{name}\",\"arguments\":{{\"a\":1}}");
        let meta = r#""progressToken":1,"com.example/x":[2]"#;
        let message = body("tools/call", &params, meta);
        server.send(
            at(0),
            peer,
            post(path, &fields("tools/call", name), &message),
        );
        let Some(forward) = server.forwarded.pop() else {
            assert_eq!(expected, None, "{path} {name}");
            assert!(server.receive(peer).contains("-32602"), "{path} {name}");
            continue;
        };
        let params = format!(
            "{{\"name\":\"{}\",\"arguments\":{{\"a\":1}}}}",
            expected.unwrap().1
        );
        assert_eq!(&*forward.params, params, "{path} {name}");
        assert_eq!(&*forward.meta, r#""com.example/x":[2]"#);
        assert_eq!(
            Some(forward.upstream.as_usize()),
            expected.map(|(place, _)| place)
        );
        server.cut(at(0), peer);
    }
}

#[test]
fn an_entry_passes_whole_but_for_what_the_configuration_says() {
    let entry = json!({
        "name": "read", "title": "Read", "description": "Reads.",
        "inputSchema": {"type": "object", "x-y": [1]},
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": true, "title": "R", "new": 1},
        "icons": [{"src": "data:,"}], "_meta": {"a": {"b": 1}}, "new": null,
        "execution": {"taskSupport": "required"},
    });
    let mut spec = upstream("files");
    spec.overrides = vec![ToolOverride {
        tool: "write".into(),
        name: Some("put".into()),
        description: Some("Puts.".into()),
        read_only: Some(false),
        ..ToolOverride::default()
    }];
    let write = json!({
        "name": "write", "description": "Writes.", "inputSchema": {},
        "annotations": {"readOnlyHint": true, "title": "W"},
    });
    let mut server = offering(
        vec![spec],
        vec![listing("files", &[entry.clone(), write, tool("bare")])],
    );
    let listed = asked(&mut server, "/servers/files/mcp", "tools/list", "");
    let mut expected = entry;
    expected.as_object_mut().unwrap().remove("execution");
    assert_eq!(listed["result"]["tools"][0], expected);
    let put = json!({
        "name": "put", "description": "Puts.", "inputSchema": {},
        "annotations": {"readOnlyHint": false, "title": "W"},
    });
    assert_eq!(listed["result"]["tools"][1], put);
    assert_eq!(listed["result"]["tools"][2], tool("bare"));
    let peer = server.connect(at(0));
    let message = body("tools/call", r#""name":"put""#, "");
    server.send(
        at(0),
        peer,
        post("/mcp", &fields("tools/call", "put"), &message),
    );
    let forward = server.forwarded.pop().expect("it went on");
    assert_eq!(&*forward.params, r#"{"name":"write","arguments":{}}"#);
}

#[test]
fn what_is_denied_or_makes_no_sense_is_not_offered() {
    let mut spec = upstream("files");
    spec.tools = vec!["read*".into(), "x".into(), "marked".into()];
    spec.deny = vec!["*secret".into()];
    let marked = json!({"name": "marked", "inputSchema": {"type": "object", "properties": {
        "a": {"type": "object", "x-mcp-header": "a b"}}}});
    let tools = [
        tool("read"),
        tool("read_secret"),
        tool("write"),
        json!({"name": "x"}),
        json!({"inputSchema": {}}),
        json!({"name": "", "inputSchema": {}}),
        tool("read"),
        marked,
    ];
    let mut server = offering(vec![spec], vec![listing("files", &tools)]);
    let listed = asked(&mut server, "/servers/files/mcp", "tools/list", "");
    assert_eq!(names(&listed, "tools", "name"), "read");
}

#[test]
fn marked_arguments_are_held_against_their_headers() {
    let marked = json!({"name": "read", "inputSchema": {"type": "object", "properties": {
        "path": {"type": "string", "x-mcp-header": "Path"}}}});
    let mut server = offering(vec![upstream("files")], vec![listing("files", &[marked])]);
    for path in ["/mcp", "/servers/files/mcp"] {
        let message = body(
            "tools/call",
            r#""name":"read","arguments":{"path":"/a"}"#,
            "",
        );
        for (header, status) in [("", 400), ("Mcp-Param-Path: /b\r\n", 400)] {
            let fields = format!("{}{header}", fields("tools/call", "read"));
            let response = ask(&mut server, at(0), post(path, &fields, &message));
            assert_eq!(response.head.status, status, "{path} {header}");
        }
        let fields = format!("{}Mcp-Param-Path: /a\r\n", fields("tools/call", "read"));
        let peer = server.connect(at(0));
        server.send(at(0), peer, post(path, &fields, &message));
        assert!(server.forwarded.pop().is_some(), "{path}");
    }
}

#[test]
fn resources_and_prompts_are_listed_once_and_asked_of_whoever_has_them() {
    let mut server = two();
    for (path, method, list, key, expected) in [
        (
            "/mcp",
            "resources/list",
            "resources",
            "uri",
            "t://same t://files t://time",
        ),
        (
            "/servers/time/mcp",
            "resources/list",
            "resources",
            "uri",
            "t://same t://time",
        ),
        (
            "/mcp",
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
            "files://{id} time://{id}",
        ),
        (
            "/mcp",
            "prompts/list",
            "prompts",
            "name",
            "files_greet files time_greet time",
        ),
        (
            "/servers/time/mcp",
            "prompts/list",
            "prompts",
            "name",
            "greet time",
        ),
    ] {
        let listed = asked(&mut server, path, method, "");
        assert_eq!(names(&listed, list, key), expected, "{path} {method}");
    }
    for (path, method, params, expected) in [
        (
            "/mcp",
            "resources/read",
            r#""uri":"t://same""#,
            Some((0, r#"{"uri":"t://same"}"#)),
        ),
        (
            "/servers/time/mcp",
            "resources/read",
            r#""uri":"t://same""#,
            Some((1, r#"{"uri":"t://same"}"#)),
        ),
        (
            "/mcp",
            "resources/read",
            r#""uri":"time://7""#,
            Some((1, r#"{"uri":"time://7"}"#)),
        ),
        ("/mcp", "resources/read", r#""uri":"else://7""#, None),
        (
            "/servers/files/mcp",
            "resources/read",
            r#""uri":"else://7""#,
            Some((0, r#"{"uri":"else://7"}"#)),
        ),
        (
            "/mcp",
            "prompts/get",
            r#""name":"time_greet","arguments":{"who":"a"}"#,
            Some((1, r#"{"arguments":{"who":"a"},"name":"greet"}"#)),
        ),
        ("/mcp", "prompts/get", r#""name":"greet""#, None),
        (
            "/servers/files/mcp",
            "prompts/get",
            r#""name":"time""#,
            None,
        ),
        (
            "/servers/files/mcp",
            "prompts/get",
            r#""name":"greet""#,
            Some((0, r#"{"name":"greet"}"#)),
        ),
    ] {
        let peer = server.connect(at(0));
        let name: Value = serde_json::from_str(&format!("{{{params}}}")).unwrap();
        let named = name["name"].as_str().or(name["uri"].as_str()).unwrap();
        server.send(
            at(0),
            peer,
            post(path, &fields(method, named), &body(method, params, "")),
        );
        let found = server.forwarded.pop();
        let found = found
            .as_ref()
            .map(|one| (one.upstream.as_usize(), &*one.params));
        assert_eq!(found, expected, "{path} {method} {params}");
        server.cut(at(0), peer);
    }
}

#[test]
fn completion_is_asked_of_whoever_has_the_prompt_or_the_template() {
    let mut server = two();
    for (reference, expected) in [
        (r#"{"type":"ref/prompt","name":"time_greet"}"#, Some(1)),
        (r#"{"type":"ref/resource","uri":"files://{id}"}"#, Some(0)),
        (r#"{"type":"ref/prompt","name":"greet"}"#, None),
        (r#"{"type":"ref/resource","uri":"none://{id}"}"#, None),
    ] {
        let peer = server.connect(at(0));
        let params = format!(r#""ref":{reference},"argument":{{"name":"id","value":"a"}}"#);
        let method = "completion/complete";
        server.send(
            at(0),
            peer,
            post("/mcp", &fields(method, ""), &body(method, &params, "")),
        );
        let found = server.forwarded.pop();
        let found = found.map(|one| one.upstream.as_usize());
        assert_eq!(found, expected, "{reference}");
        server.cut(at(0), peer);
    }
}

#[test]
fn each_scope_says_who_serves_it_and_what_it_has() {
    let mut server = two();
    let discovered = asked(&mut server, "/servers/time/mcp", "server/discover", "");
    let result = &discovered["result"];
    let info = json!({"name": "time", "version": "7", "title": "T"});
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"], info);
    assert_eq!(result["instructions"], "Use time.");
    assert_eq!(result["capabilities"]["resources"]["subscribe"], true);
    let all = asked(&mut server, "/mcp", "server/discover", "");
    let result = &all["result"];
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "test"
    );
    assert_eq!(
        result["instructions"],
        "files: Use files.\n\ntime: Use time."
    );
    let hello = post("/servers/time/mcp", "", &initialize(REVISION));
    let response = ask(&mut server, at(0), hello);
    let answer: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(answer["result"]["serverInfo"], info);
    assert_eq!(answer["result"]["instructions"], "Use time.");
}

#[test]
fn a_scope_offers_what_its_server_offers() {
    let mut bare = listing("bare", &[tool("x")]);
    bare.introduction.offers = Offers {
        tools: true,
        ..Offers::default()
    };
    let mut server = Server::with_upstreams(vec![upstream("bare")]);
    offer(&mut server, vec![bare]);
    let discovered = asked(&mut server, "/servers/bare/mcp", "server/discover", "");
    let capabilities = discovered["result"]["capabilities"].as_object().unwrap();
    assert_eq!(capabilities.keys().collect::<Vec<_>>(), ["tools"]);
    for method in [
        "prompts/list",
        "resources/list",
        "completion/complete",
        "tasks/get",
    ] {
        let answer = asked(&mut server, "/servers/bare/mcp", method, "");
        assert_eq!(answer["error"]["code"], -32601, "{method}");
    }
    // Alone, it is what the whole server is.
    let all = asked(&mut server, "/mcp", "server/discover", "");
    let info = &all["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(info["name"], "bare");
    assert_eq!(all["result"]["instructions"], "Use bare.");
    let listed = asked(&mut server, "/mcp", "tools/list", "");
    assert_eq!(names(&listed, "tools", "name"), "x");
}

#[test]
fn a_configured_prefix_stands_in_front_of_every_name() {
    let mut spec = upstream("files");
    spec.prefix = Prefix::Always("fs.".into());
    let mut server = offering(vec![spec], vec![listing("files", &[tool("read")])]);
    let listed = asked(&mut server, "/mcp", "tools/list", "");
    assert_eq!(names(&listed, "tools", "name"), "echo fs.read");
}

#[test]
fn only_those_who_can_see_a_change_are_told_and_only_of_what_differs() {
    let mut server = two();
    let mut listeners = Vec::new();
    for path in ["/mcp", "/servers/files/mcp", "/servers/time/mcp"] {
        let fields = session(&mut server, path);
        let old = server.connect(at(0));
        server.send(at(0), old, get(path, &fields));
        let new = server.connect(at(0));
        let filter = r#""notifications":{"toolsListChanged":true,"promptsListChanged":true,
            "resourcesListChanged":true}"#;
        let method = "subscriptions/listen";
        server.send(
            at(0),
            new,
            post(
                path,
                &crate::stateless::fields(method, ""),
                &body(method, filter, ""),
            ),
        );
        for peer in [old, new] {
            server.receive(peer);
            listeners.push((path, peer));
        }
    }
    let tools = |server: &mut Server, tools: &[Value]| {
        let listing = listing("time", tools);
        server
            .engine
            .take_listing(at(0), UpstreamIndex::new(1), listing);
        server.settle(at(0));
    };
    tools(&mut server, &[tool("read"), tool("now"), tool("echo")]);
    for (path, peer) in &listeners {
        assert_eq!(server.receive(*peer), "", "{path}: nothing is different");
    }
    tools(&mut server, &[tool("now")]);
    for (path, peer) in &listeners {
        let heard = server.receive(*peer);
        assert_eq!(
            heard.contains("tools/list_changed"),
            *path != "/servers/files/mcp",
            "{path}: {heard}"
        );
        assert!(
            !heard.contains("prompts") && !heard.contains("resources"),
            "{path}: {heard}"
        );
    }
    let listed = asked(&mut server, "/mcp", "tools/list", "");
    assert_eq!(names(&listed, "tools", "name"), "echo read list now");
    server.engine.check(0);
}

#[test]
fn a_listing_without_memory_for_it_offers_nothing() {
    let mut server = two();
    let description = "x".repeat(8 << 20);
    let huge = json!({"name": "huge", "description": description, "inputSchema": {}});
    let listing = listing("time", &[huge]);
    server
        .engine
        .take_listing(at(0), UpstreamIndex::new(1), listing);
    server.settle(at(0));
    server.engine.check(0);
    let listed = asked(&mut server, "/mcp", "tools/list", "");
    assert_eq!(names(&listed, "tools", "name"), "echo read list");
}

/// `files` and `time` just after the start: nothing is known of them.
fn unknown() -> Server {
    let mut server = Server::with_upstreams(vec![upstream("files"), upstream("time")]);
    server.settle(at(0));
    server
}

fn list_tools(path: &str) -> String {
    post(path, &fields("tools/list", ""), &body("tools/list", "", ""))
}

fn learn(server: &mut Server, millis: u64, place: usize) {
    let name = ["files", "time"][place];
    let listing = listing(name, &[tool(&format!("{name}-tool"))]);
    server
        .engine
        .take_listing(at(millis), UpstreamIndex::new(place), listing);
    server.settle(at(millis));
    server.engine.check(0);
}

#[test]
fn a_request_waits_until_all_of_its_scope_is_known() {
    let mut server = unknown();
    let peers: Vec<usize> = ["/mcp", "/servers/files/mcp", "/servers/time/mcp"]
        .into_iter()
        .map(|path| {
            let peer = server.connect(at(0));
            server.send(at(0), peer, list_tools(path));
            server.engine.check(0);
            peer
        })
        .collect();
    let heard = |server: &mut Server| -> Vec<bool> {
        let mut has_tools = |peer: &usize| server.receive(*peer).contains("-tool");
        peers.iter().map(&mut has_tools).collect()
    };
    assert_eq!(heard(&mut server), [false, false, false]);
    learn(&mut server, 1000, 0);
    assert_eq!(heard(&mut server), [false, true, false]);
    learn(&mut server, 2000, 1);
    assert_eq!(heard(&mut server), [true, false, true]);
}

#[test]
fn what_was_sent_behind_a_waiting_request_is_answered_behind_it() {
    let mut server = unknown();
    let peer = server.connect(at(0));
    let ping = post("/mcp", "", &request(9, "ping"));
    let first = list_tools("/mcp");
    let (begin, end) = first.split_at(first.len() - 9);
    server.send(at(0), peer, begin);
    server.send(at(0), peer, format!("{end}{ping}"));
    server.send(at(1), peer, &ping);
    assert_eq!(server.receive(peer), "");
    learn(&mut server, 2, 0);
    learn(&mut server, 3, 1);
    let answers = server.receive(peer);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    assert!(
        answers.find("files-tool") < answers.find("\"id\":9"),
        "{answers}"
    );
    server.engine.check(0);
}

#[test]
fn nobody_waits_for_everything_for_long_and_later_requests_do_not_at_all() {
    let mut server = unknown();
    let peer = server.connect(at(0));
    server.send(at(0), peer, list_tools("/mcp"));
    learn(&mut server, 10, 1);
    server.wait_until(at(4_000));
    assert_eq!(server.receive(peer), "");
    server.wait_until(at(6_000));
    let answer = server.receive(peer);
    assert!(
        answer.contains("time-tool") && !answer.contains("files-tool"),
        "{answer}"
    );
    server.send(at(6_001), peer, list_tools("/mcp"));
    assert!(server.receive(peer).contains("time-tool"));
    server.engine.check(0);
}

#[test]
fn a_server_that_fails_is_not_waited_for_and_its_doors_say_why() {
    let mut server = unknown();
    let peers = ["/mcp", "/servers/files/mcp"].map(|path| {
        let peer = server.connect(at(0));
        server.send(at(0), peer, list_tools(path));
        peer
    });
    learn(&mut server, 1, 1);
    server.child_ends(at(2), 0, Err("no such program"));
    server.engine.check(0);
    let [everything, own] = peers.map(|peer| server.receive(peer));
    assert!(everything.contains("time-tool"), "{everything}");
    assert!(
        own.contains("-32603") && own.contains("no such program"),
        "{own}"
    );
    let hello = post("/servers/files/mcp", "", &initialize(REVISION));
    let answer = ask(&mut server, at(3), hello);
    assert!(answer.body.contains("no such program"), "{}", answer.body);
    assert_eq!(answer.head.field("mcp-session-id"), None);
}

#[test]
fn streams_are_opened_and_refusals_come_at_once() {
    let mut server = unknown();
    let stream = server.connect(at(0));
    server.send(at(0), stream, get("/servers/files/sse", ""));
    assert!(server.receive(stream).contains("/servers/files/messages"));
    let foreign = list_tools("/mcp").replace("localhost", "evil.example");
    let (status, _) = refused(&mut server, at(0), foreign);
    assert_eq!(status, 403);
}

#[test]
fn a_request_that_waits_pays_its_rate_once() {
    let mut server = unknown();
    server.reconfigure(at(0), |config| {
        for role in &mut config.access.roles {
            role.each.rate = Some(Rate::parse("1/min").expect("it is a rate"));
        }
    });
    let peer = server.connect(at(0));
    server.send(at(0), peer, list_tools("/mcp"));
    assert_eq!(server.receive(peer), "");
    learn(&mut server, 1, 0);
    learn(&mut server, 2, 1);
    let answer = server.receive(peer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.send(at(3), peer, list_tools("/mcp"));
    assert!(server.receive(peer).starts_with("HTTP/1.1 429"));
}

#[test]
fn a_client_that_does_not_wait_leaves_nothing_behind() {
    let mut server = unknown();
    for _ in 0..100 {
        let peer = server.connect(at(0));
        server.send(at(0), peer, list_tools("/mcp"));
        server.cut(at(1), peer);
    }
    learn(&mut server, 2, 0);
    learn(&mut server, 3, 1);
    server.wait_until(at(10_000));
    server.engine.check(0);
}

#[test]
fn a_server_that_stops_answers_whoever_waits() {
    let mut server = unknown();
    let peer = server.connect(at(0));
    server.send(at(0), peer, list_tools("/mcp"));
    server.engine.drain(at(1));
    server.settle(at(1));
    assert!(server.receive(peer).starts_with("HTTP/1.1 "));
}

/// Lets a child of this name answer all that it is asked about itself; what else it hears.
fn play(server: &mut Server, millis: u64, child: usize, name: &str) -> Vec<Value> {
    let listed = listing(name, &[tool("read")]);
    let list = |member: &str, entries: &Entries| {
        let entries: Vec<&str> = entries.iter().map(|entry| entry.get()).collect();
        format!("{{\"{member}\":[{}]}}", entries.join(","))
    };
    let mut rest = Vec::new();
    loop {
        let heard = server.child_hears(child);
        if heard.is_empty() {
            server.engine.check(0);
            return rest;
        }
        for message in heard {
            let result = match message["method"].as_str() {
                Some("initialize") => format!(
                    r#"{{"protocolVersion":"{REVISION}","serverInfo":{{"name":"{name}",
                        "version":"1"}},"capabilities":{{"tools":{{}},"prompts":{{}},
                        "resources":{{"subscribe":true,"listChanged":true}}}}}}"#
                )
                .replace('\n', ""),
                Some("tools/list") => list("tools", &listed.tools),
                Some("resources/list") => list("resources", &listed.resources),
                Some("resources/templates/list") => list("resourceTemplates", &listed.templates),
                Some("prompts/list") => list("prompts", &listed.prompts),
                Some("ping") => "{}".to_string(),
                Some("notifications/initialized") => continue,
                _ => {
                    rest.push(message);
                    continue;
                }
            };
            let id = message["id"].as_u64().expect("it is a request");
            server.child_answers(at(millis), child, id, &result);
        }
    }
}

/// `files` and `time`, asked what they offer by the engine itself; their children are gone.
fn probed() -> Server {
    let mut server = unknown();
    for (child, name) in ["files", "time"].into_iter().enumerate() {
        assert_eq!(play(&mut server, 1, child, name), Vec::<Value>::new());
        assert!(server.children[child].is_closed, "it was only asked");
        server.child_ends(at(1), child, Ok(Exit::Status(0)));
    }
    server
}

/// The methods and URIs of what a child hears of resources.
fn heard_of(messages: &[Value]) -> Vec<(&str, &str)> {
    messages
        .iter()
        .map(|one| {
            (
                one["method"].as_str().unwrap_or_default(),
                one["params"]["uri"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn a_resource_is_looked_after_from_its_first_listener_to_its_last() {
    let mut server = probed();
    let about = |method: &str, uri: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":4,"method":"{method}","params":{{"uri":"{uri}"}}}}"#)
    };
    let mut sessions = Vec::new();
    for path in ["/mcp", "/servers/files/mcp", "/servers/time/mcp"] {
        let fields = session(&mut server, path);
        let stream = server.connect(at(2));
        server.send(at(2), stream, get(path, &fields));
        let subscribe = about("resources/subscribe", "t://same");
        let answer = ask(&mut server, at(2), post(path, &fields, &subscribe));
        assert!(answer.body.contains("\"result\":{}"), "{}", answer.body);
        server.receive(stream);
        sessions.push((path, fields, stream));
    }
    server.wait_until(at(10));
    // One of each server is started for that, and asked once.
    let (files, time) = (2, 3);
    assert_eq!(server.children.len(), 4);
    for (child, name) in [(files, "files"), (time, "time")] {
        let heard = play(&mut server, 11, child, name);
        assert_eq!(heard_of(&heard), [("resources/subscribe", "t://same")]);
        let id = heard[0]["id"].as_u64().expect("it is a request");
        server.child_answers(at(11), child, id, "{}");
    }
    let update = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated",
        "params":{"uri":"t://same"}}"#
        .replace('\n', "");
    server.child_says(at(12), files, &update);
    for (path, _, stream) in &sessions {
        let is_told = server.receive(*stream).contains("resources/updated");
        assert_eq!(is_told, *path != "/servers/time/mcp", "{path}");
    }
    for (number, (path, fields, _)) in sessions.iter().enumerate().take(2) {
        let unsubscribe = about("resources/unsubscribe", "t://same");
        ask(&mut server, at(13), post(path, fields, &unsubscribe));
        server.wait_until(at(20));
        let heard = server.child_hears(files);
        let expected: &[_] = match number {
            0 => &[],
            _ => &[("resources/unsubscribe", "t://same")],
        };
        assert_eq!(heard_of(&heard), expected, "{path}");
    }
    let end = format!(
        "DELETE /servers/time/mcp HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        sessions[2].1
    );
    assert_eq!(ask(&mut server, at(21), end).head.status, 204);
    server.wait_until(at(30));
    let heard = server.child_hears(time);
    assert_eq!(heard_of(&heard), [("resources/unsubscribe", "t://same")]);
    server.engine.check(0);
}

#[test]
fn a_child_that_is_started_anew_is_asked_again() {
    let mut server = probed();
    let listener = server.connect(at(2));
    let filter = r#""notifications":{"resourceSubscriptions":["t://time","none://x"]}"#;
    let method = "subscriptions/listen";
    let request = post("/mcp", &fields(method, ""), &body(method, filter, ""));
    server.send(at(2), listener, request);
    let acknowledged = server.receive(listener);
    assert!(
        acknowledged.contains("t://time") && !acknowledged.contains("none://"),
        "{acknowledged}"
    );
    server.wait_until(at(10));
    let heard = play(&mut server, 11, 2, "time");
    assert_eq!(heard_of(&heard), [("resources/subscribe", "t://time")]);
    server.child_ends(at(12), 2, Ok(Exit::Signal(9)));
    server.wait_until(at(10_000));
    let heard = play(&mut server, 10_001, 3, "time");
    assert_eq!(heard_of(&heard), [("resources/subscribe", "t://time")]);
    server.cut(at(10_002), listener);
    server.wait_until(at(10_010));
    let heard = server.child_hears(3);
    assert_eq!(heard_of(&heard), [("resources/unsubscribe", "t://time")]);
    server.engine.check(0);
}

#[test]
fn a_role_goes_by_the_names_of_everything_in_every_scope() {
    let mut server = two();
    for (globs, expected) in [
        (&["files_*"][..], ["files_read", "read", ""]),
        (&["read"], ["", "", ""]),
        (&["list", "now"], ["list now", "list", "now"]),
        (
            &["*"],
            [
                "echo files_read list time_read now time_echo",
                "read list",
                "read now echo",
            ],
        ),
    ] {
        let globs: Vec<String> = globs.iter().map(|glob| glob.to_string()).collect();
        server.reconfigure(at(0), |config| {
            for role in &mut config.access.roles {
                role.tools.clone_from(&globs);
            }
        });
        let own = registry_of(vec![Rc::new(builtin::Echo::new())]);
        let config = server.engine.config().clone();
        server.engine.reload(at(0), config, own);
        let paths = ["/mcp", "/servers/files/mcp", "/servers/time/mcp"];
        for (path, expected) in paths.into_iter().zip(expected) {
            let listed = asked(&mut server, path, "tools/list", "");
            assert_eq!(
                names(&listed, "tools", "name"),
                expected,
                "{globs:?} {path}"
            );
        }
        let peer = server.connect(at(0));
        let request = body("tools/call", r#""name":"list""#, "");
        let request = post(
            "/servers/files/mcp",
            &fields("tools/call", "list"),
            &request,
        );
        server.send(at(0), peer, request);
        let is_called = server.forwarded.pop().is_some();
        assert_eq!(is_called, expected[1].contains("list"), "{globs:?}");
        server.cut(at(0), peer);
    }
}

#[test]
fn tools_of_servers_are_called_and_described_by_plain_http_as_well() {
    let mut server = two();
    let peer = server.connect(at(0));
    server.send(at(0), peer, post("/mcp/tools/files_read", "", r#"{"a":1}"#));
    let forward = server.forwarded.pop().expect("it went on");
    assert_eq!(&*forward.params, r#"{"name":"read","arguments":{"a":1}}"#);
    for (path, expected) in [
        ("/mcp/tools", r#""name":"files_read""#),
        ("/openapi.json", "/mcp/tools/files_read"),
    ] {
        let response = ask(&mut server, at(0), get(path, ""));
        assert!(response.body.contains(expected), "{}", response.body);
    }
}
