//! What is offered where: everything at `/mcp`, and what one server has at `/servers/NAME/mcp`.

use crate::stateless::{body, fields};
use crate::support::{Server, at, get, post, registry_of, upstream};
use crate::{ask, http_sse_at, initialize, refused, request, streamable_at};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use slimcp::tool::{Tool, Work, builtin};
use slimcp::upstream::UpstreamIndex;
use slimcp::upstream::listing::{Introduction, Listing, Offers};
use slimcp::upstream::spec::{Prefix, ToolOverride, UpstreamSpec};
use std::rc::Rc;

const REVISION: &str = "2025-11-25";

fn server() -> Server {
    Server::with_upstreams(vec![upstream("files"), upstream("time")])
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

fn raws(entries: &[Value]) -> std::rc::Rc<[Box<RawValue>]> {
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
        let Some((_, Work::Upstream(forward))) = server.started.pop() else {
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
    match server.started.pop() {
        Some((_, Work::Upstream(forward))) => {
            assert_eq!(&*forward.params, r#"{"name":"write","arguments":{}}"#);
        }
        other => panic!("{other:?}"),
    }
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
        assert!(server.started.pop().is_some(), "{path}");
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
        let found = server.started.pop().map(|(_, work)| match work {
            Work::Upstream(forward) => (forward.upstream.as_usize(), forward.params),
            other => panic!("{other:?}"),
        });
        let found = found.as_ref().map(|(place, params)| (*place, &**params));
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
        let found = server.started.pop().map(|(_, work)| match work {
            Work::Upstream(forward) => forward.upstream.as_usize(),
            other => panic!("{other:?}"),
        });
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
