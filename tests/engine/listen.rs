//! `subscriptions/listen` of 2026-07-28, and what listeners of every era are told.

use crate::access::{bearer, guarded, tokens};
use crate::stateless::{META, answer, body, fields, modern};
use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use crate::{ask, call, events, http_sse, pieces, pieces_within, refused, request, streamable};
use serde_json::{Value, json};
use slimcp::auth::role::RoleIndex;
use slimcp::limits::{Limits, Memory, SUBSCRIPTIONS_MAX};
use slimcp::time::Instant;
use slimcp::tool::catalogue::{Catalogue, Messages, Prompt, Resource, Source};

const METHOD: &str = "subscriptions/listen";

/// A filter that asks for everything there is.
const ALL: &str = r#"{"toolsListChanged":true,"promptsListChanged":true,
    "resourcesListChanged":true,"resourceSubscriptions":["test://a","test://b","test://x"]}"#;

/// A request to listen, whose id is 7.
fn listen(filter: &str) -> String {
    modern(METHOD, "", &format!(r#""notifications":{filter}"#))
}

/// The same, by whoever shows this token.
fn listen_as(number: usize, filter: &str) -> String {
    let fields = format!("{}{}", bearer(number as u8), fields(METHOD, ""));
    let notifications = format!(r#""notifications":{filter}"#);
    post("/mcp", &fields, &body(METHOD, &notifications, ""))
}

/// A server with two resources and a prompt.
fn stocked() -> Server {
    let server = Server::new();
    Server {
        engine: server.engine.with_catalogue(catalogue()),
        ..server
    }
}

fn catalogue() -> Catalogue {
    let resource = |name: &str| Resource::new(format!("test://{name}"), name, Source::text(name));
    let prompt = Prompt::new("greet", Messages::Fixed(Vec::new()));
    Catalogue {
        resources: vec![resource("a"), resource("b")],
        prompts: vec![prompt],
        ..Catalogue::default()
    }
}

/// Opens a subscription; its connection and the first message, which has been read.
fn open(server: &mut Server, now: Instant, text: impl AsRef<[u8]>) -> (usize, Value) {
    let peer = server.connect(now);
    server.send(now, peer, text);
    let pieces = pieces(server, peer);
    let [Piece::Head(head), Piece::Event(event)] = &pieces[..] else {
        panic!("no subscription: {pieces:?}");
    };
    assert_eq!(head.status, 200);
    assert_eq!(event.id, None, "nobody can resume it");
    let message: Value = serde_json::from_str(&event.data).expect("JSON");
    assert_eq!(
        message["method"],
        "notifications/subscriptions/acknowledged"
    );
    (peer, message)
}

/// The methods of what a peer has been told meanwhile, each of which names the subscription `id`.
fn told(server: &mut Server, peer: usize, id: &Value) -> Vec<String> {
    let events = events(server, peer);
    let method = |data: &str| {
        let message: Value = serde_json::from_str(data).expect("JSON");
        let tag = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(tag, id, "{message}");
        let method = message["method"].as_str().expect("a notification");
        let last = method.trim_start_matches("notifications/");
        match message["params"]["uri"].as_str() {
            Some(uri) => format!("{last} {uri}"),
            None => last.to_string(),
        }
    };
    events.iter().map(|event| method(&event.data)).collect()
}

/// Everything that can change does.
fn change_all(server: &mut Server, now: Instant) {
    server.engine.tools_changed(now);
    server.engine.prompts_changed(now);
    server.engine.resources_changed(now);
    for uri in ["test://a", "test://b", "test://x"] {
        server.engine.handle_resource_updated(now, uri);
    }
    server.settle(now);
}

/// What lies in a peer's inbox is the response to the request with this id, and the stream's end.
fn assert_complete(server: &mut Server, peer: usize, id: &Value) {
    let pieces = pieces_within(server, peer);
    let [Piece::Event(event), Piece::End] = &pieces[..] else {
        panic!("no end: {pieces:?}");
    };
    let message: Value = serde_json::from_str(&event.data).expect("JSON");
    assert_eq!(&message["id"], id);
    assert_eq!(message["result"]["resultType"], "complete");
    let meta = &message["result"]["_meta"];
    assert_eq!(&meta["io.modelcontextprotocol/subscriptionId"], id);
}

#[test]
fn the_answer_is_a_stream_that_begins_with_the_acknowledgement() {
    let mut server = stocked();
    let peer = server.connect(at(0));
    server.send(at(0), peer, listen(r#"{"toolsListChanged":true}"#));
    let data = concat!(
        r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","#,
        r#""params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7},"#,
        r#""notifications":{"toolsListChanged":true}}}"#,
    );
    let data = format!("event: message\ndata: {data}\n\n");
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\
         Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n\
         Connection: keep-alive\r\n\r\n{:x}\r\n{data}\r\n",
        data.len()
    );
    assert_eq!(server.receive(peer), expected);
    server.engine.check(0);
    server.engine.tools_changed(at(1));
    server.settle(at(1));
    let data = concat!(
        r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","#,
        r#""params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#,
    );
    let data = format!("event: message\ndata: {data}\n\n");
    let expected = format!("{:x}\r\n{data}\r\n", data.len());
    assert_eq!(server.receive(peer), expected);
}

#[test]
fn the_subscription_is_named_by_the_id_of_the_request_with_its_type() {
    let mut server = stocked();
    for id in [json!(1), json!("1"), json!("a long name, with \"quotes\"")] {
        let text = listen(ALL);
        let body = text.split_once("\r\n\r\n").expect("a body").1;
        let body = body.replace("\"id\":7", &format!("\"id\":{id}"));
        let (peer, ack) = open(&mut server, at(0), post("/mcp", &fields(METHOD, ""), &body));
        let tag = &ack["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(*tag, id);
        server.engine.tools_changed(at(1));
        server.settle(at(1));
        assert_eq!(told(&mut server, peer, &id), ["tools/list_changed"]);
    }
    server.engine.check(0);
}

#[test]
fn what_is_not_offered_is_not_acknowledged() {
    let honoured = |server: &mut Server, filter: &str| {
        let (peer, ack) = open(server, at(0), listen(filter));
        server.cut(at(0), peer);
        ack["params"]["notifications"].clone()
    };
    let mut bare = Server::new();
    assert_eq!(honoured(&mut bare, ALL), json!({"toolsListChanged": true}));
    let mut server = stocked();
    let table = [
        ("{}", json!({})),
        (r#"{"toolsListChanged":false,"new":{}}"#, json!({})),
        (
            ALL,
            json!({"toolsListChanged": true, "promptsListChanged": true,
                "resourcesListChanged": true,
                "resourceSubscriptions": ["test://a", "test://b"]}),
        ),
        (
            r#"{"resourceSubscriptions":["test://x"]}"#,
            json!({"resourceSubscriptions": []}),
        ),
        (
            r#"{"resourceSubscriptions":["test://a","test://a"]}"#,
            json!({"resourceSubscriptions": ["test://a"]}),
        ),
    ];
    for (filter, expected) in table {
        assert_eq!(honoured(&mut server, filter), expected, "{filter}");
    }
    server.engine.check(0);
}

#[test]
fn only_what_was_asked_for_and_acknowledged_is_told() {
    let table: [(&str, &[&str]); 6] = [
        ("{}", &[]),
        (r#"{"toolsListChanged":true}"#, &["tools/list_changed"]),
        (r#"{"promptsListChanged":true}"#, &["prompts/list_changed"]),
        (
            r#"{"resourcesListChanged":true}"#,
            &["resources/list_changed"],
        ),
        (
            r#"{"resourceSubscriptions":["test://b","test://x"]}"#,
            &["resources/updated test://b"],
        ),
        (
            ALL,
            &[
                "tools/list_changed",
                "prompts/list_changed",
                "resources/list_changed",
                "resources/updated test://a",
                "resources/updated test://b",
            ],
        ),
    ];
    let mut server = stocked();
    let peers = table.map(|(filter, _)| open(&mut server, at(0), listen(filter)).0);
    change_all(&mut server, at(1));
    for (peer, (filter, expected)) in peers.into_iter().zip(table) {
        assert_eq!(told(&mut server, peer, &json!(7)), expected, "{filter}");
    }
    // Nobody tells of what nobody offers.
    let mut bare = Server::new();
    let (peer, _) = open(&mut bare, at(0), listen(ALL));
    change_all(&mut bare, at(1));
    assert_eq!(told(&mut bare, peer, &json!(7)), ["tools/list_changed"]);
    server.engine.check(0);
}

#[test]
fn a_filter_that_is_wrong_is_400_with_the_id() {
    let mut server = stocked();
    let many: Vec<String> = (0..=SUBSCRIPTIONS_MAX)
        .map(|n| format!("\"{n}\""))
        .collect();
    let too_many = format!(r#"{{"resourceSubscriptions":[{}]}}"#, many.join(","));
    let filters = [
        "7",
        "null",
        "[]",
        r#"{"toolsListChanged":1}"#,
        r#"{"resourceSubscriptions":"test://a"}"#,
        r#"{"resourceSubscriptions":[7]}"#,
        too_many.as_str(),
    ];
    for filter in filters {
        let (status, message) = answer(&mut server, &listen(filter));
        let code = &message["error"]["code"];
        assert_eq!((status, code), (400, &json!(-32602)), "{filter}");
        assert_eq!(message["id"], 7);
    }
    let (status, message) = answer(&mut server, &modern(METHOD, "", ""));
    assert_eq!((status, &message["error"]["code"]), (400, &json!(-32602)));
    // One less is none too many.
    let most = format!(r#"{{"resourceSubscriptions":[{}]}}"#, many[1..].join(","));
    open(&mut server, at(0), listen(&most));
    assert_eq!(server.engine.gauges().streams, 1);
}

#[test]
fn the_headers_are_checked_before_the_filter() {
    let mut server = stocked();
    let text = listen("7").replace("Mcp-Method: subscriptions/listen\r\n", "");
    assert_eq!(refused(&mut server, at(0), text), (400, -32020));
}

#[test]
fn tasks_are_told_to_those_who_know_them() {
    let mut server = stocked();
    let filter = r#"{"taskIds":["a"],"toolsListChanged":true}"#;
    let (status, message) = answer(&mut server, &listen(filter));
    assert_eq!((status, &message["error"]["code"]), (400, &json!(-32021)));
    let extension = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    assert_eq!(message["error"]["data"]["requiredCapabilities"], extension);
    let capable = listen(filter);
    let body = capable.split_once("\r\n\r\n").expect("a body").1;
    let capable = META.replace(
        r#"Capabilities":{}"#,
        &format!(r#"Capabilities":{extension}"#),
    );
    let body = body.replace(META, &capable);
    let (_, ack) = open(&mut server, at(0), post("/mcp", &fields(METHOD, ""), &body));
    assert_eq!(
        ack["params"]["notifications"],
        json!({"toolsListChanged": true}),
        "there are no tasks"
    );
    // Who names none asks for nothing.
    open(&mut server, at(0), listen(r#"{"taskIds":[]}"#));
}

#[test]
fn a_subscription_is_quiet_for_days_but_for_heartbeats() {
    let mut server = stocked();
    let (peer, _) = open(&mut server, at(0), listen("{}"));
    let day = 86_400_000;
    server.wait_until(at(day));
    let pieces = pieces_within(&mut server, peer);
    assert!(pieces.iter().all(|piece| *piece == Piece::Comment));
    assert_eq!(pieces.len() as u64, day / 25_000);
    assert!(!server.peers[peer].closed);
    server.engine.check(0);
}

#[test]
fn its_client_ends_it_by_closing_and_nothing_is_left() {
    let mut server = stocked();
    let (peer, _) = open(&mut server, at(0), listen(ALL));
    let gauges = server.engine.gauges();
    assert_eq!(
        (gauges.streams, gauges.listening, gauges.sessions),
        (1, 1, 0)
    );
    assert!(gauges.budget_bytes > 0, "the filter is held");
    server.cut(at(1), peer);
    change_all(&mut server, at(2));
    assert_eq!(server.engine.gauges(), Default::default());
    server.engine.check(0);
}

#[test]
fn a_client_may_have_several_and_each_is_told_its_own() {
    let mut server = stocked();
    let (tools, _) = open(&mut server, at(0), listen(r#"{"toolsListChanged":true}"#));
    let (resource, _) = open(
        &mut server,
        at(0),
        listen(r#"{"resourceSubscriptions":["test://a"]}"#),
    );
    server.cut(at(1), tools);
    change_all(&mut server, at(2));
    let expected = ["resources/updated test://a"];
    assert_eq!(told(&mut server, resource, &json!(7)), expected);
    assert_eq!(server.engine.gauges().listening, 1);
}

#[test]
fn a_client_of_http_1_0_listens_until_the_connection_closes() {
    let mut server = stocked();
    let text = listen(ALL).replace("HTTP/1.1", "HTTP/1.0");
    let (peer, _) = open(&mut server, at(0), text);
    server.engine.tools_changed(at(1));
    server.settle(at(1));
    let told = server.receive(peer);
    assert!(
        told.starts_with("event: message\ndata: {") && told.ends_with("}\n\n"),
        "{told}"
    );
    server.engine.drain(at(2));
    server.settle(at(2));
    assert!(server.receive(peer).contains("\"resultType\":\"complete\""));
    assert!(server.peers[peer].closed);
}

#[test]
fn one_that_lags_is_given_up_and_no_other() {
    let mut server = stocked();
    let (slow, _) = open(&mut server, at(0), listen(ALL));
    let (quick, _) = open(&mut server, at(0), listen(ALL));
    let key = server.peers[slow].stream.expect("it is open");
    server.engine.handle_blocked(key);
    for _ in 0..1024 {
        server.engine.tools_changed(at(1));
        server.settle(at(1));
    }
    assert!(!server.peers[slow].closed, "so many may wait");
    server.engine.check(0);
    server.engine.tools_changed(at(1));
    server.settle(at(1));
    assert!(server.peers[slow].closed && !server.peers[quick].closed);
    assert_eq!(server.engine.stats().lagging, 1);
    assert_eq!(told(&mut server, quick, &json!(7)).len(), 1025);
    assert_eq!(server.engine.gauges().listening, 1);
    server.engine.check(0);
}

#[test]
fn subscriptions_count_among_the_streams_that_a_role_and_a_client_may_have() {
    for (whole, each, other) in [(Some(2), None, 429), (None, Some(2), 200)] {
        let mut access = tokens();
        let team = &mut access.roles[RoleIndex::TEAM.as_usize()];
        (team.whole.connections, team.each.connections) = (whole, each);
        let mut server = guarded(access);
        let open = |server: &mut Server, text: String| {
            let peer = server.connect(at(0));
            server.send(at(0), peer, text);
            let answer = server.receive(peer);
            let status: u16 = answer[9..12].parse().expect("a status");
            (peer, status)
        };
        let (first, status) = open(&mut server, listen_as(2, "{}"));
        assert_eq!(status, 200);
        assert_eq!(open(&mut server, get("/sse", &bearer(2))).1, 200);
        for text in [listen_as(2, "{}"), get("/sse", &bearer(2))] {
            assert_eq!(refused(&mut server, at(0), text), (429, -32603));
        }
        assert_eq!(open(&mut server, listen_as(3, "{}")).1, other);
        assert_eq!(open(&mut server, listen_as(0, "{}")).1, 200, "another role");
        server.cut(at(1), first);
        assert_eq!(open(&mut server, get("/sse", &bearer(2))).1, 200);
        server.engine.check(0);
    }
}

#[test]
fn without_room_it_is_503() {
    let mut server = Server::with(Limits {
        sessions_max: 1,
        connections_max: 2,
        ..Limits::default()
    });
    let session = streamable(&mut server, at(0), "2025-11-25");
    // Answers that nobody carries, but somebody may come back for.
    for id in 1..=3 {
        let asker = server.connect(at(1));
        server.send(at(1), asker, post("/mcp", &session, &call(id, "sleep")));
        server.cut(at(2), asker);
    }
    let response = ask(&mut server, at(3), listen("{}"));
    assert_eq!(response.head.status, 503);
    assert_eq!(response.head.field("retry-after"), Some("5"));
    assert!(response.body.contains("every stream is in use"));
    server.engine.check(0);

    let mut server = stocked();
    let budget = Memory::of(&Limits::default()).expect("it fits").budget;
    assert!(server.engine.take_bytes(budget));
    assert_eq!(refused(&mut server, at(0), listen("{}")), (503, -32603));
    assert_eq!(server.engine.gauges().streams, 0);
    server.engine.give_bytes(budget);
    server.engine.check(0);
}

#[test]
fn a_server_that_stops_answers_the_request_and_ends_the_stream() {
    let mut server = stocked();
    let (peer, _) = open(&mut server, at(0), listen(ALL));
    let late = server.connect(at(0));
    let busy = server.connect(at(0));
    server.send(at(0), busy, post("/mcp", "", &call(1, "sleep")));
    server.engine.drain(at(1));
    server.settle(at(1));
    server.engine.tools_changed(at(1));
    server.settle(at(1));
    let expected = ["tools/list_changed"];
    assert_eq!(told(&mut server, peer, &json!(7)), expected, "a call runs");
    server.send(at(1), late, listen("{}"));
    let answer = server.receive(late);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");

    server.cut(at(2), busy);
    server.finish(at(2), &slimcp::tool::Outcome::text("slept"));
    let data = concat!(
        r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","_meta":"#,
        r#"{"io.modelcontextprotocol/subscriptionId":7,"io.modelcontextprotocol/serverInfo":"#,
        r#"{"name":"test","version":"VERSION"}}}}"#,
    );
    let data = data.replace("VERSION", env!("CARGO_PKG_VERSION"));
    let data = format!("event: message\ndata: {data}\n\n");
    let expected = format!("{:x}\r\n{data}\r\n0\r\n\r\n", data.len());
    assert_eq!(server.receive(peer), expected);
    assert!(server.engine.is_drained());
    server.engine.check(0);
}

#[test]
fn one_without_room_for_its_end_is_cut() {
    let mut server = stocked();
    let (peer, _) = open(&mut server, at(0), listen(ALL));
    let used = server.engine.gauges().budget_bytes;
    let budget = Memory::of(&Limits::default()).expect("it fits").budget;
    assert!(server.engine.take_bytes(budget - used));
    server.engine.drain(at(1));
    server.settle(at(1));
    assert!(server.peers[peer].closed);
    assert!(server.engine.is_drained());
    server.engine.give_bytes(budget - used);
    server.engine.check(0);
}

#[test]
fn a_reload_ends_those_whose_clients_are_gone() {
    let mut server = guarded(tokens());
    let (stays, _) = open(&mut server, at(0), listen_as(0, ALL));
    let (goes, _) = open(&mut server, at(0), listen_as(2, ALL));
    let (unread, _) = open(&mut server, at(0), listen_as(2, ALL));
    let key = server.peers[unread].stream.expect("it is open");
    server.engine.handle_blocked(key);
    server.reconfigure(at(1), |config| {
        config.access.tokens.truncate(2);
    });
    assert_complete(&mut server, goes, &json!(7));
    assert!(server.peers[unread].closed, "it is not waited for");
    assert_eq!(server.receive(unread), "");
    assert_eq!(server.receive(stays), "", "it is told of changes only");
    assert_eq!(server.engine.gauges().listening, 1);
    server.engine.check(0);
}

#[test]
fn a_role_with_other_tools_is_told_to_those_who_have_it() {
    let mut server = guarded(tokens());
    let (promoted, _) = open(&mut server, at(0), listen_as(2, ALL));
    let (deaf, _) = open(
        &mut server,
        at(0),
        listen_as(2, r#"{"promptsListChanged":true}"#),
    );
    let (other, _) = open(&mut server, at(0), listen_as(0, ALL));
    server.reconfigure(at(1), |config| config.title = Some("new".to_string()));
    assert_eq!(server.receive(promoted), "", "nothing that it may use");
    server.reconfigure(at(2), |config| {
        config.access.tokens[2].role = RoleIndex::READONLY;
    });
    let expected = ["tools/list_changed"];
    assert_eq!(told(&mut server, promoted, &json!(7)), expected);
    assert_eq!(server.receive(deaf), "");
    assert_eq!(server.receive(other), "");
    // A reload that changes the tools is told to all, and once.
    server.retitle(at(3), 1);
    assert_eq!(told(&mut server, promoted, &json!(7)), expected);
    assert_eq!(told(&mut server, other, &json!(7)), expected);
    server.engine.check(0);
}

#[test]
fn revisions_with_a_handshake_do_not_have_the_method() {
    let mut server = stocked();
    let session = streamable(&mut server, at(0), "2025-11-25");
    let listen = post("/mcp", &session, &request(1, METHOD));
    let response = ask(&mut server, at(1), listen);
    assert!(response.body.contains("-32601"), "{}", response.body);
}

#[test]
fn changes_of_listings_are_announced_and_told_to_sessions_now_or_at_the_next_get() {
    let mut server = stocked();
    let (_, discovered) = answer(&mut server, &modern("server/discover", "", ""));
    let opening = post("/mcp", "", &crate::initialize("2025-11-25"));
    let opened = ask(&mut server, at(0), opening).body;
    let opened: Value = serde_json::from_str(&opened).expect("JSON");
    for message in [discovered, opened] {
        let capabilities = &message["result"]["capabilities"];
        for list in ["tools", "prompts", "resources"] {
            assert_eq!(capabilities[list]["listChanged"], true, "{message}");
        }
    }

    let (sse, _) = http_sse(&mut server, at(0));
    let fields = streamable(&mut server, at(0), "2025-06-18");
    server.engine.prompts_changed(at(1));
    server.engine.resources_changed(at(1));
    server.engine.prompts_changed(at(1));
    server.settle(at(1));
    let methods = |server: &mut Server, peer: usize| -> Vec<String> {
        let events = events(server, peer);
        let method = |data: &str| {
            let message: Value = serde_json::from_str(data).expect("JSON");
            assert_eq!(message["params"], json!({}), "it names no subscription");
            let method = message["method"].as_str().expect("a notification");
            method.replace("notifications/", "")
        };
        events.iter().map(|event| method(&event.data)).collect()
    };
    let (prompts, resources) = ("prompts/list_changed", "resources/list_changed");
    assert_eq!(methods(&mut server, sse), [prompts, resources, prompts]);
    let listener = server.connect(at(2));
    server.send(at(2), listener, get("/mcp", &fields));
    assert_eq!(methods(&mut server, listener), [prompts, resources]);
    server.engine.resources_changed(at(3));
    server.settle(at(3));
    assert_eq!(methods(&mut server, listener), [resources]);
    server.engine.check(0);
}

#[test]
fn a_session_whose_stream_was_given_up_hears_of_all_that_there_is() {
    let table: [(Server, &[&str]); 2] = [
        (Server::new(), &["tools"]),
        (stocked(), &["tools", "prompts", "resources"]),
    ];
    for (mut server, lists) in table {
        let fields = streamable(&mut server, at(0), "2025-06-18");
        let listener = server.connect(at(0));
        server.send(at(0), listener, get("/mcp", &fields));
        let key = server.peers[listener].stream.expect("it is open");
        server.engine.handle_blocked(key);
        for _ in 0..1025 {
            server.engine.tools_changed(at(1));
            server.settle(at(1));
        }
        assert!(server.peers[listener].closed, "it lags");
        let again = server.connect(at(2));
        server.send(at(2), again, get("/mcp", &fields));
        let told = events(&mut server, again);
        assert_eq!(told.len(), lists.len());
        for (event, list) in told.iter().zip(lists) {
            let method = format!("notifications/{list}/list_changed");
            assert!(event.data.contains(&method), "{event:?}");
        }
    }
}
