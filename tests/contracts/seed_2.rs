//! Seed 2, project-backlog-mcp.

use crate::client::{
    Block, GATED, Stream, ask, field, gate, greeted, is_page, is_timestamp, open, plain_get, send,
    status, status_of, tell,
};
use crate::credentials::{MASTER, READONLY, TEAM, start_with_jwt, tokens};
use crate::harness::{
    Daemon, INITIALIZE, Response, call, eventually, folder, get, health, post, program, shell_tool,
};
use serde_json::{Value, json};

const SEND: &str = "/mcp/sse/send";
const BROADCAST: &str = "/mcp/sse/broadcast";

/// Where a front-end in a browser comes from.
const PAGE: &str = "Origin: http://panel.lan:3000\r\n";

/// Opens `GET /mcp/sse` without credentials.
fn connect(daemon: &Daemon) -> (Stream, String) {
    greeted(daemon, "/mcp/sse", "")
}

/// Sends a message to a connection, which has to be acknowledged as the document's POST is.
fn command(daemon: &Daemon, fields: &str, id: &str, message: Value) {
    let body = json!({"connectionId": id, "message": message});
    let response = send(daemon, SEND, fields, &body);
    assert_eq!(response.status, 202, "{response:?}");
    assert_eq!(response.json(), json!({"ok": true, "connectionId": id}));
}

/// The same for a tool.
fn tool(daemon: &Daemon, id: &str, name: &str, arguments: Value) {
    let params = json!({"name": name, "arguments": arguments});
    command(
        daemon,
        "",
        id,
        json!({"method": "tools/call", "params": params}),
    );
}

/// Broadcasts and tells on how many streams it was queued.
fn broadcast(daemon: &Daemon, fields: &str, body: &Value) -> u64 {
    let response = send(daemon, BROADCAST, fields, body);
    assert_eq!(response.status, 200, "{response:?}");
    let answer = response.json();
    assert_eq!(answer["ok"], true);
    answer["queued"].as_u64().expect("a number")
}

/// The example of the document.
fn maintenance(types: &[&str]) -> Value {
    json!({
        "message": {
            "type": "mcp-notification",
            "result": {"message": "Server maintenance in 5 minutes", "level": "warning"},
            "timestamp": "2024-01-01T10:00:00.000Z"
        },
        "filter": {"tokenTypes": types}
    })
}

fn preflight(path: &str, method: &str, headers: &str) -> String {
    format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\n{PAGE}\
         Access-Control-Request-Method: {method}\r\n\
         Access-Control-Request-Headers: {headers}\r\n\r\n"
    )
}

/// Whether a list such as `GET, POST` has an item, whatever the case.
fn lists(list: &str, item: &str) -> bool {
    let mut items = list.split(',');
    items.any(|found| found.trim().eq_ignore_ascii_case(item))
}

#[test]
fn s2_01_the_token_is_taken_from_the_query_and_from_the_header() {
    let daemon = Daemon::start("s2_01", &tokens());
    let (mut stream, id) = greeted(&daemon, "/mcp/sse?token=team-token", "");
    command(&daemon, &TEAM.bearer(), &id, json!({"method": "ping"}));
    assert_eq!(stream.named("mcp-response")["method"], "ping");
    greeted(&daemon, "/mcp/sse", &TEAM.bearer());
    for path in ["/mcp/sse", "/mcp/sse?token=", "/mcp/sse?token=guess"] {
        assert_eq!(status(&daemon, get(path, "")), 401, "{path}");
    }
}

#[test]
fn s2_01_every_sse_operation_needs_it() {
    let daemon = Daemon::start("s2_01_all", &tokens());
    let (_stream, id) = greeted(&daemon, "/mcp/sse", &MASTER.bearer());
    let message = json!({"connectionId": id, "message": {"method": "ping"}});
    let table = [
        ("GET", "/mcp/sse/stats".to_string(), json!(null)),
        ("POST", SEND.to_string(), message.clone()),
        ("POST", BROADCAST.to_string(), maintenance(&[])),
        // A token in the query of a POST would end up in the logs of proxies for nothing.
        ("POST", format!("{SEND}?token=master-token"), message),
    ];
    for (method, path, body) in table {
        let response = match method {
            "GET" => ask(&daemon, plain_get(&path, "")),
            _ => send(&daemon, &path, "", &body),
        };
        assert_eq!(response.status, 401, "{path}");
        assert!(response.field("WWW-Authenticate").is_some(), "{response:?}");
    }
}

#[test]
fn s2_01_a_jwt_is_a_token() {
    let daemon = start_with_jwt("s2_01_jwt", "", "");
    let bearer = |jwt: &str| format!("Authorization: Bearer {jwt}\r\n");
    greeted(&daemon, "/mcp/sse", &bearer(TEAM.jwt));
    greeted(&daemon, &format!("/mcp/sse?token={}", TEAM.jwt), "");
    let damaged = TEAM.jwt.replace(".Dm8Gtn", ".Dm8Gtm");
    for jwt in [TEAM.expired_jwt, damaged.as_str()] {
        assert_eq!(status(&daemon, get("/mcp/sse", &bearer(jwt))), 401);
    }
    let stats = |jwt: &str| ask(&daemon, plain_get("/mcp/sse/stats", &bearer(jwt))).status;
    assert_eq!([stats(MASTER.jwt), stats(TEAM.jwt)], [200, 403]);
}

#[test]
fn s2_02_the_stream_has_the_headers_of_the_document() {
    let daemon = Daemon::start("s2_02", "origins = ['http://panel.lan:3000']");
    let stream = Stream::open_with(&daemon, "/mcp/sse", PAGE);
    let has = |name: &str| stream.field(name).unwrap_or_else(|| panic!("no {name}"));
    assert!(has("Content-Type").starts_with("text/event-stream"));
    assert!(has("Cache-Control").starts_with("no-cache"));
    assert!(has("Connection").eq_ignore_ascii_case("keep-alive"));
    assert_eq!(has("Access-Control-Allow-Origin"), "http://panel.lan:3000");
    // The answer differs by origin, and caches have to know.
    assert!(lists(has("Vary"), "Origin"), "{}", stream.head);
    let foreign = get("/mcp/sse", "Origin: http://evil.example\r\n");
    assert_eq!(status(&daemon, foreign), 403);
}

#[test]
fn s2_02_answers_of_every_kind_have_the_cors_headers() {
    let daemon = Daemon::start("s2_02_answers", "origins = ['http://panel.lan:3000']");
    let (_stream, id) = greeted(&daemon, "/mcp/sse", PAGE);
    let good = json!({"connectionId": id, "message": {"method": "ping"}});
    let bad = json!({"connectionId": "nobody", "message": {"method": "ping"}});
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let responses: [(&str, Response); 5] = [
        ("202", send(&daemon, SEND, PAGE, &good)),
        ("404", send(&daemon, SEND, PAGE, &bad)),
        ("200", ask(&daemon, post("/mcp", PAGE, ping))),
        ("200", ask(&daemon, plain_get("/mcp/tools", PAGE))),
        ("200", ask(&daemon, plain_get("/health", PAGE))),
    ];
    for (status, response) in responses {
        assert_eq!(response.status.to_string(), status, "{response:?}");
        let allowed = field(&response.head, "Access-Control-Allow-Origin");
        assert_eq!(allowed, Some("http://panel.lan:3000"), "{response:?}");
    }
    let session = ask(&daemon, post("/mcp", PAGE, INITIALIZE));
    let exposed = field(&session.head, "Access-Control-Expose-Headers");
    assert!(
        lists(exposed.unwrap_or_default(), "Mcp-Session-Id"),
        "{session:?}"
    );
}

#[test]
fn s2_02_preflights_allow_what_front_ends_send() {
    let config = format!("origins = ['http://panel.lan:3000']\n{}", tokens());
    let daemon = Daemon::start("s2_02_preflight", &config);
    for (path, method) in [
        ("/mcp/sse", "GET"),
        (SEND, "POST"),
        (BROADCAST, "POST"),
        ("/mcp/sse/message", "POST"),
        ("/messages", "POST"),
        ("/mcp/tools/echo", "POST"),
        ("/mcp", "POST"),
        ("/mcp", "GET"),
        ("/mcp", "DELETE"),
    ] {
        let headers = "authorization,content-type,mcp-session-id,mcp-protocol-version,\
                       last-event-id,x-api-key,mcp-method,mcp-name";
        let response = ask(&daemon, preflight(path, method, headers));
        assert!(
            [200, 204].contains(&response.status),
            "{path}: {response:?}"
        );
        let has = |name: &str| field(&response.head, name).unwrap_or_default();
        assert_eq!(
            has("Access-Control-Allow-Origin"),
            "http://panel.lan:3000",
            "{path}"
        );
        assert!(
            lists(has("Access-Control-Allow-Methods"), method),
            "{path}: {response:?}"
        );
        for header in headers.split(',') {
            let allowed = has("Access-Control-Allow-Headers");
            assert!(lists(allowed, header), "{path}: {header}: {response:?}");
        }
    }
    let foreign = preflight(SEND, "POST", "content-type").replace("panel.lan", "evil.example");
    let response = ask(&daemon, foreign);
    assert_eq!(
        field(&response.head, "Access-Control-Allow-Origin"),
        None,
        "{response:?}"
    );
}

#[test]
fn s2_03_the_welcome_names_the_connection() {
    let daemon = Daemon::start("s2_03", "");
    let mut stream = Stream::open(&daemon, "/mcp/sse");
    assert!(stream.event().is("endpoint"));
    assert!(stream.event().is("connected"));
    let welcome = stream.named("mcp-notification");
    assert_eq!(welcome["type"], "mcp-notification");
    assert!(
        welcome["result"]["connectionId"].as_str().is_some(),
        "{welcome}"
    );
    assert!(welcome["result"]["message"].as_str().is_some(), "{welcome}");
    assert!(is_timestamp(&welcome["timestamp"]), "{welcome}");
}

#[test]
fn s2_04_all_six_events_have_their_names() {
    let config = "timeouts = { heartbeat = '1s', drain = '1s' }";
    let daemon = Daemon::start("s2_04", config);
    // Its greeting is an `mcp-notification`.
    let (mut stream, id) = connect(&daemon);
    command(&daemon, "", &id, json!({"method": "tools/list"}));
    assert_eq!(stream.named("mcp-response")["type"], "mcp-response");
    tool(&daemon, &id, "echo", json!({"text": "x"}));
    assert_eq!(stream.named("tool-result")["type"], "tool-result");
    command(&daemon, "", &id, json!({"method": "no/such"}));
    assert_eq!(stream.named("mcp-error")["type"], "mcp-error");
    let heartbeat = stream.any_event().expect("a heartbeat");
    assert!(heartbeat.is("heartbeat"), "{heartbeat:?}");
    daemon.signal(rustix::process::Signal::TERM);
    let last = stream.rest();
    let status = last.iter().find(|event| event.is("connection-status"));
    let status = status.unwrap_or_else(|| panic!("{last:?}")).json();
    assert_eq!(status["type"], "connection-status");
}

#[test]
fn s2_05_a_bare_message_is_acknowledged_and_answered_by_an_event() {
    let daemon = Daemon::start("s2_05", "");
    let (mut stream, id) = connect(&daemon);
    let body = json!({"connectionId": id, "message": {"method": "tools/list"}});
    let response = send(&daemon, SEND, "", &body);
    assert_eq!(response.status, 202);
    let kind = response.field("Content-Type").expect("a type");
    assert!(kind.starts_with("application/json"), "{kind}");
    assert_eq!(response.json(), json!({"ok": true, "connectionId": id}));
    assert!(stream.named("mcp-response")["result"]["tools"].is_array());
}

#[test]
fn s2_05_every_method_works_without_initialize() {
    let daemon = Daemon::start("s2_05_methods", "");
    let (mut stream, id) = connect(&daemon);
    let client = json!({"name": "t", "version": "1"});
    let table = [
        ("ping", json!({})),
        ("tools/list", json!({})),
        ("logging/setLevel", json!({"level": "info"})),
        (
            "initialize",
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}),
        ),
    ];
    for (method, params) in table {
        let message = json!({"method": method, "params": params});
        command(&daemon, "", &id, message);
        assert_eq!(stream.named("mcp-response")["method"], method);
    }
    // A server without resources and prompts says so, and of which method.
    for method in ["resources/list", "resources/templates/list", "prompts/list"] {
        command(&daemon, "", &id, json!({"method": method}));
        let event = stream.event();
        let is_answer = event.is("mcp-response") || event.is("mcp-error");
        assert!(is_answer, "{event:?}");
        assert_eq!(event.json()["method"], method);
    }
}

#[test]
fn s2_05_ids_and_jsonrpc_may_be_there_as_well() {
    let daemon = Daemon::start("s2_05_ids", "");
    let (mut stream, id) = connect(&daemon);
    for message_id in [json!(7), json!("seven")] {
        let message = json!({"jsonrpc": "2.0", "id": message_id, "method": "ping"});
        command(&daemon, "", &id, message);
        assert_eq!(stream.named("mcp-response")["id"], message_id);
    }
}

#[test]
fn s2_05_a_message_to_nobody_or_without_a_method_is_refused() {
    let daemon = Daemon::start("s2_05_nobody", "");
    let (mut stream, id) = connect(&daemon);
    let message = json!({"method": "ping"});
    let nobody = json!({"connectionId": "abcdefghijklmnopqrstuv", "message": message});
    assert_eq!(send(&daemon, SEND, "", &nobody).status, 404);
    for body in [
        json!({"message": message}),
        json!({"connectionId": id}),
        json!({"connectionId": id, "message": {}}),
        json!([]),
    ] {
        assert_eq!(send(&daemon, SEND, "", &body).status, 400, "{body}");
    }
    command(&daemon, "", &id, message);
    assert_eq!(stream.named("mcp-response")["method"], "ping");
}

#[test]
fn s2_06_a_response_has_its_result_and_method() {
    let daemon = Daemon::start("s2_06", "");
    let (mut stream, id) = connect(&daemon);
    command(&daemon, "", &id, json!({"method": "tools/list"}));
    let data = stream.named("mcp-response");
    assert_eq!(data["type"], "mcp-response");
    assert_eq!(data["method"], "tools/list");
    assert_eq!(data["result"]["tools"][0]["name"], "echo");
    assert!(is_timestamp(&data["timestamp"]), "{data}");
}

#[test]
fn s2_07_a_tool_result_names_its_tool_and_tells_of_progress() {
    let daemon = Daemon::start("s2_07", &shell_tool("list_projects", GATED, ""));
    let (mut stream, id) = connect(&daemon);
    let gate = gate(&daemon, "gate");
    tool(&daemon, &id, "list_projects", json!({"text": gate}));
    let running = stream.named("tool-result");
    assert_eq!(running["type"], "tool-result");
    assert_eq!(running["method"], "list_projects");
    assert!(
        running["metadata"]["progress"].as_f64() > Some(0.0),
        "{running}"
    );
    assert_eq!(running["metadata"]["message"], "started");
    assert!(running.get("result").is_none(), "{running}");
    assert!(is_timestamp(&running["timestamp"]), "{running}");
    open(&gate);
    let mut last = stream.named("tool-result");
    while last.get("result").is_none() {
        last = stream.named("tool-result");
    }
    assert_eq!(last["method"], "list_projects");
    let text = last["result"]["content"][0]["text"].as_str();
    assert_eq!(text.map(str::trim_end), Some("started\ndone"));
    assert!(is_timestamp(&last["timestamp"]), "{last}");
}

#[test]
fn s2_07_a_tool_that_fails_is_a_result_that_says_so() {
    let daemon = Daemon::start(
        "s2_07_fails",
        &shell_tool("fail", "echo no >&2; exit 3", ""),
    );
    let (mut stream, id) = connect(&daemon);
    tool(&daemon, &id, "fail", json!({}));
    let data = stream.named("tool-result");
    assert_eq!(data["method"], "fail");
    assert_eq!(data["result"]["isError"], true);
}

#[test]
fn s2_08_unknown_tool_becomes_mcp_error() {
    let daemon = Daemon::start("s2_08", "");
    let (mut stream, id) = connect(&daemon);
    tool(&daemon, &id, "no-such-tool", json!({}));
    let data = stream.named("mcp-error");
    assert_eq!(data["type"], "mcp-error");
    assert_eq!(data["method"], "tools/call");
    assert_eq!(data["error"]["code"], -32601);
    assert!(
        data["error"]["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert!(is_timestamp(&data["timestamp"]), "{data}");
}

#[test]
fn s2_08_other_errors_keep_their_codes() {
    let daemon = Daemon::start("s2_08_others", "");
    let (mut stream, id) = connect(&daemon);
    command(&daemon, "", &id, json!({"method": "no/such"}));
    let data = stream.named("mcp-error");
    assert_eq!(
        (&data["method"], &data["error"]["code"]),
        (&json!("no/such"), &json!(-32601))
    );
    command(
        &daemon,
        "",
        &id,
        json!({"method": "tools/call", "params": {}}),
    );
    let data = stream.named("mcp-error");
    assert_eq!(data["error"]["code"], -32602, "{data}");
}

/// 25 s by default, see the decisions; here one.
#[test]
fn s2_09_heartbeats_come_as_events() {
    let daemon = Daemon::start("s2_09", "timeouts.heartbeat = '1s'");
    let (mut stream, _) = connect(&daemon);
    for _ in 0..2 {
        let event = stream.any_event().expect("a heartbeat");
        assert!(event.is("heartbeat"), "{event:?}");
        let data = event.json();
        assert_eq!(data["type"], "heartbeat");
        assert!(is_timestamp(&data["timestamp"]), "{data}");
    }
}

/// How often the process has gone to sleep, which is how often it was woken.
fn naps(daemon: &Daemon) -> u64 {
    let path = format!("/proc/{}/status", daemon.pid());
    let text = std::fs::read_to_string(path).expect("it lives");
    let line = text
        .lines()
        .find(|line| line.starts_with("voluntary_ctxt_switches"));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    value.expect("a value").parse().expect("a number")
}

#[test]
fn s2_09_nothing_wakes_an_idle_server() {
    let heartbeat = "timeouts.heartbeat = '1s'";
    let idle = Daemon::start("s2_09_idle", heartbeat);
    drop(Stream::open(&idle, "/sse"));
    idle.gauge_becomes("sessions", 0);
    idle.gauge_becomes("connections", 0);
    let clock = Daemon::start("s2_09_clock", heartbeat);
    let (mut stream, _) = connect(&clock);
    // What still follows from the last connection is over after a heartbeat of the other one.
    stream.any_event();
    let before = naps(&idle);
    for _ in 0..3 {
        stream.any_event();
    }
    assert_eq!(naps(&idle), before);
}

/// A peer that is gone without a word acknowledges nothing. The kernel is told to give it up.
#[test]
fn s2_09_stale_connections_are_given_up_within_a_minute() {
    let folder = folder("s2_09_stale");
    let (code, stdout, _) = crate::harness::run(program(&folder, "").arg("check"));
    assert_eq!(code, 0);
    let dead = stdout
        .lines()
        .find(|line| line.trim_start().starts_with("dead"));
    assert!(
        dead.is_some_and(|line| line.contains("\"60s\"") || line.contains("\"1m\"")),
        "{stdout}"
    );
    // A client that reads nothing while others are told a lot: its window stays shut.
    let config = "timeouts = { heartbeat = '1s', dead = '2s' }\n\
                  limits = { memory = '32MiB', replay = '8MiB', output = '1MiB' }";
    let daemon = Daemon::start("s2_09_dead", config);
    let (_stuck, id) = connect(&daemon);
    let text = "z".repeat(400_000);
    for _ in 0..20 {
        let params = json!({"name": "echo", "arguments": {"text": text}});
        let message = json!({"method": "tools/call", "params": params});
        let body = json!({"connectionId": id, "message": message});
        if send(&daemon, SEND, "", &body).status == 404 {
            break;
        }
    }
    daemon.gauge_becomes("connections", 0);
}

#[test]
fn s2_10_broadcasts_go_to_the_types_of_the_filter() {
    let daemon = Daemon::start("s2_10", &tokens());
    let (mut master, master_id) = greeted(&daemon, "/mcp/sse", &MASTER.bearer());
    let (mut team, _) = greeted(&daemon, "/mcp/sse", &TEAM.bearer());
    let (mut readonly, _) = greeted(&daemon, "/mcp/sse", &READONLY.bearer());
    let sent = maintenance(&["team", "readonly"]);
    assert_eq!(broadcast(&daemon, &MASTER.bearer(), &sent), 2);
    for stream in [&mut team, &mut readonly] {
        let data = stream.named("mcp-notification");
        assert_eq!(data, sent["message"]);
    }
    // The next thing that the master hears is something else.
    command(
        &daemon,
        &MASTER.bearer(),
        &master_id,
        json!({"method": "ping"}),
    );
    assert_eq!(master.named("mcp-response")["method"], "ping");
}

#[test]
fn s2_10_without_a_filter_everyone_hears_it() {
    let daemon = Daemon::start("s2_10_all", &tokens());
    let bearers = [MASTER.bearer(), TEAM.bearer(), READONLY.bearer()];
    let mut streams = bearers.map(|bearer| greeted(&daemon, "/mcp/sse", &bearer).0);
    let sent = json!({"message": {"type": "deploy", "version": 7}});
    assert_eq!(broadcast(&daemon, &MASTER.bearer(), &sent), 3);
    for stream in &mut streams {
        assert_eq!(stream.named("deploy")["version"], 7);
    }
}

#[test]
fn s2_10_only_the_master_broadcasts() {
    let daemon = Daemon::start("s2_10_master", &tokens());
    for someone in [TEAM, READONLY] {
        let response = send(&daemon, BROADCAST, &someone.bearer(), &maintenance(&[]));
        assert_eq!(response.status, 403);
        assert!(response.body.contains(someone.role), "{response:?}");
    }
    let nameless = json!({"message": {"type": "two\nlines"}});
    let response = send(&daemon, BROADCAST, &MASTER.bearer(), &nameless);
    assert_eq!(response.status, 400, "{response:?}");
    let empty = json!({"filter": {"tokenTypes": ["team"]}});
    assert_eq!(
        send(&daemon, BROADCAST, &MASTER.bearer(), &empty).status,
        400
    );
}

/// See the last table of the decisions.
#[test]
fn s2_10_a_standard_session_hears_it_as_a_log_message() {
    let daemon = Daemon::start("s2_10_standard", "");
    let mut stream = Stream::open(&daemon, "/sse");
    let endpoint = stream.endpoint();
    tell(&daemon, &endpoint, INITIALIZE);
    stream.message();
    tell(
        &daemon,
        &endpoint,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    );
    let level = r#"{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"info"}}"#;
    tell(&daemon, &endpoint, level);
    stream.message();
    let sent = json!({"message": {"type": "note", "text": "Server maintenance in 5 minutes"}});
    assert_eq!(broadcast(&daemon, "", &sent), 1);
    let message = stream.message();
    assert_eq!(message["method"], "notifications/message");
    let whole = message["params"]["data"].to_string();
    assert!(
        whole.contains("Server maintenance in 5 minutes"),
        "{message}"
    );
}

#[test]
fn s2_11_stats_count_connections_by_type() {
    let daemon = Daemon::start("s2_11", &tokens());
    let stats = || ask(&daemon, plain_get("/mcp/sse/stats", &MASTER.bearer()));
    let empty = stats().json();
    assert_eq!(empty["totalConnections"], 0);
    assert_eq!(empty["oldestConnection"], Value::Null);
    let bearers = [
        MASTER.bearer(),
        TEAM.bearer(),
        TEAM.bearer(),
        TEAM.bearer(),
        READONLY.bearer(),
    ];
    let mut streams = bearers.map(|bearer| Some(greeted(&daemon, "/mcp/sse", &bearer)));
    let answer = stats().json();
    assert_eq!(answer["totalConnections"], 5);
    let expected = json!({"master": 1, "team": 3, "readonly": 1});
    assert_eq!(answer["connectionsByType"], expected);
    assert!(is_timestamp(&answer["oldestConnection"]), "{answer}");
    assert!(is_timestamp(&answer["newestConnection"]), "{answer}");
    let times = ["oldestConnection", "newestConnection"].map(|key| answer[key].as_str());
    assert!(times[0] <= times[1], "{answer}");
    streams[1] = None;
    eventually("one connection less", || {
        let answer = stats().json();
        let is_less = answer["connectionsByType"]["team"] == 2 && answer["totalConnections"] == 4;
        is_less.then_some(())
    });
    for someone in [TEAM, READONLY] {
        let refused = ask(&daemon, plain_get("/mcp/sse/stats", &someone.bearer()));
        assert_eq!(refused.status, 403);
    }
}

#[test]
fn s2_12_connections_are_limited_by_role() {
    let config = format!("[role.team]\nconnections = 2\n{}", tokens());
    let daemon = Daemon::start("s2_12", &config);
    let first = greeted(&daemon, "/mcp/sse", &TEAM.bearer());
    let _second = greeted(&daemon, "/mcp/sse", &TEAM.bearer());
    let mut third = daemon.connect();
    third.send(get("/mcp/sse", &TEAM.bearer()));
    let head = third.head();
    assert!([429, 503].contains(&status_of(&head)), "{head}");
    assert!(field(&head, "Retry-After").is_some(), "{head}");
    greeted(&daemon, "/mcp/sse", &MASTER.bearer());
    drop(first);
    // A page that is loaded again does not say which connection it had.
    eventually("room for another connection", || {
        let status = status(&daemon, get("/mcp/sse", &TEAM.bearer()));
        (status == 200).then_some(())
    });
}

#[test]
fn s2_12_tools_are_allowed_by_role() {
    let relay = shell_tool("relay-set", "echo set", "");
    let config = format!("{}\n[role.team]\ntools = ['echo']\n{relay}", tokens());
    let daemon = Daemon::start("s2_12_tools", &config);
    let table = [
        (MASTER, vec!["echo", "relay-set", "system-info"]),
        (TEAM, vec!["echo"]),
        (READONLY, vec!["echo", "system-info"]),
    ];
    for (someone, allowed) in table {
        let bearer = someone.bearer();
        let (mut stream, id) = greeted(&daemon, "/mcp/sse", &bearer);
        command(&daemon, &bearer, &id, json!({"method": "tools/list"}));
        let data = stream.named("mcp-response");
        let tools = data["result"]["tools"].as_array().expect("a list");
        let mut names: Vec<&str> = tools
            .iter()
            .filter_map(|tool| tool["name"].as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, allowed, "{}", someone.role);
        let params = json!({"name": "relay-set", "arguments": {}});
        command(
            &daemon,
            &bearer,
            &id,
            json!({"method": "tools/call", "params": params}),
        );
        let event = stream.event();
        let expected = if someone.role == "master" {
            "tool-result"
        } else {
            "mcp-error"
        };
        assert!(event.is(expected), "{}: {event:?}", someone.role);
    }
}

#[test]
fn s2_13_an_added_connection_is_logged_with_its_fields() {
    let config = format!("log.format = 'json'\n{}", tokens());
    let daemon = Daemon::start("s2_13", &config);
    let (_stream, id) = greeted(&daemon, "/mcp/sse", &TEAM.bearer());
    let line = daemon.line("SSE Connection Added");
    let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
    assert_eq!(entry["level"], "info");
    assert_eq!(entry["message"], "SSE Connection Added");
    assert_eq!(entry["tokenId"], "team-laptop");
    assert_eq!(entry["tokenType"], "team");
    assert_eq!(entry["clientIP"], "127.0.0.1");
    assert_eq!(entry["totalConnections"], 1);
    let shown = entry["connectionId"].as_str().expect("an id");
    assert!(
        id.starts_with(shown.trim_end_matches(['.', '…'])),
        "{shown} {id}"
    );
    // Neither the token nor what takes over the connection.
    let log = daemon.log().join("\n");
    assert!(!log.contains(TEAM.token) && !log.contains(&id), "{log}");
}

#[test]
fn s2_13_secrets_in_a_query_stay_out_of_the_log() {
    let config = format!("log.level = 'debug'\n{}", tokens());
    let daemon = Daemon::start("s2_13_secrets", &config);
    greeted(&daemon, "/mcp/sse?token=team-token", "");
    greeted(&daemon, "/t/team-token/mcp/sse", "");
    // Each of them is in the log by the time it is answered.
    status(&daemon, get("/mcp/sse?token=guessed-secret", ""));
    status(&daemon, get("/t/guessed-secret/mcp/sse", ""));
    let log = daemon.log().join("\n");
    assert!(
        !log.contains("team-token") && !log.contains("guessed-secret"),
        "{log}"
    );
}

#[test]
fn s2_14_health_answers() {
    let daemon = Daemon::start("s2_14", &tokens());
    let response = ask(&daemon, health());
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["status"], "ok");
}

#[test]
fn s2_14_port_and_allowed_origins_come_from_the_environment() {
    let folder = folder("s2_14_environment");
    let mut command = program(&folder, "");
    command.env("PORT", "0");
    command.env("ALLOWED_ORIGINS", "http://panel.lan:3000, http://other.lan");
    let daemon = Daemon::of(folder, command);
    for origin in ["http://panel.lan:3000", "http://other.lan"] {
        let fields = format!("Origin: {origin}\r\n");
        let stream = Stream::open_with(&daemon, "/mcp/sse", &fields);
        assert_eq!(stream.field("Access-Control-Allow-Origin"), Some(origin));
    }
    let foreign = get("/mcp/sse", "Origin: http://evil.example\r\n");
    assert_eq!(status(&daemon, foreign), 403);
}

/// What the page does is tried in a browser: `tests/contracts/browser.mjs`.
#[test]
fn s2_15_there_is_a_page() {
    let daemon = Daemon::start("s2_15", &tokens());
    assert!(is_page(&daemon, "/demo-sse.html"));
}

#[test]
fn s2_16_what_was_missed_is_replayed() {
    let daemon = Daemon::start("s2_16", "");
    let (mut stream, id) = connect(&daemon);
    tool(&daemon, &id, "echo", json!({"text": "seen"}));
    let seen = stream.event();
    let last_id = seen.id.clone().expect("events have ids");
    drop(stream);
    daemon.gauge_becomes("connections", 0);
    for text in ["missed 1", "missed 2"] {
        tool(&daemon, &id, "echo", json!({"text": text}));
    }
    let fields = format!("Last-Event-ID: {last_id}\r\n");
    // A page that comes back is greeted as it was, and told that it is the same connection.
    let (mut stream, same) = greeted(&daemon, "/mcp/sse", &fields);
    assert_eq!(same, id);
    assert_eq!(stream.named("connection-status")["status"], "resumed");
    for text in ["missed 1", "missed 2"] {
        let data = stream.named("tool-result");
        assert_eq!(data["result"]["content"][0]["text"], text);
    }
    tool(&daemon, &id, "echo", json!({"text": "new"}));
    let data = stream.named("tool-result");
    assert_eq!(data["result"]["content"][0]["text"], "new");
}

#[test]
fn s2_16_a_stranger_does_not_hear_what_another_missed() {
    let daemon = Daemon::start("s2_16_stranger", &tokens());
    let (mut stream, id) = greeted(&daemon, "/mcp/sse", &TEAM.bearer());
    let message = json!({"method": "tools/call", "params": {
        "name": "echo", "arguments": {"text": "for the team"}
    }});
    command(&daemon, &TEAM.bearer(), &id, message.clone());
    let last_id = stream.event().id.expect("events have ids");
    drop(stream);
    eventually("nobody is connected", || {
        let stats = ask(&daemon, plain_get("/mcp/sse/stats", &MASTER.bearer()));
        (stats.json()["totalConnections"] == 0).then_some(())
    });
    command(&daemon, &TEAM.bearer(), &id, message);
    let fields = format!("Last-Event-ID: {last_id}\r\n{}", READONLY.bearer());
    let (_, other) = greeted(&daemon, "/mcp/sse", &fields);
    assert_ne!(other, id);
}

/// Of the wish list, replay is S2-16 and filters are S2-10; several nodes come later.
#[test]
fn s2_17_custom_event_types_metrics_and_batches() {
    let daemon = Daemon::start("s2_17", "");
    let (mut stream, _) = connect(&daemon);
    let sent = json!({"message": {"type": "project.updated", "id": 4}});
    assert_eq!(broadcast(&daemon, "", &sent), 1);
    assert_eq!(stream.named("project.updated")["id"], 4);
    let metrics = ask(&daemon, plain_get("/metrics", ""));
    assert_eq!(metrics.status, 200);
    let batch =
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#;
    let version = "MCP-Protocol-Version: 2025-03-26\r\n";
    let answers = ask(&daemon, post("/mcp", version, batch)).json();
    assert_eq!(answers.as_array().map(Vec::len), Some(2), "{answers}");
}

#[test]
fn s2_17_pages_are_compressed_and_streams_are_not() {
    let daemon = Daemon::start("s2_17_gzip", "");
    let mut peer = daemon.connect();
    peer.send(plain_get("/", "Accept-Encoding: gzip\r\n"));
    let head = peer.head();
    assert_eq!(status_of(&head), 200);
    assert_eq!(field(&head, "Content-Encoding"), Some("gzip"), "{head}");
    // A compressor that waits for more is a proxy that buffers.
    let stream = Stream::open_with(&daemon, "/mcp/sse", "Accept-Encoding: gzip\r\n");
    assert_eq!(stream.field("Content-Encoding"), None, "{}", stream.head);
}

/// Comments are for streams that speak the standard.
#[test]
fn s2_09_named_heartbeats_replace_comments() {
    let daemon = Daemon::start("s2_09_comments", "timeouts.heartbeat = '1s'");
    let (mut stream, id) = connect(&daemon);
    command(&daemon, "", &id, json!({"method": "ping"}));
    stream.named("mcp-response");
    let block = stream.block();
    assert!(matches!(block, Some(Block::Event(_))), "{block:?}");
}

#[test]
fn s2_05_calls_of_one_connection_do_not_wait_for_each_other() {
    let daemon = Daemon::start("s2_05_parallel", &shell_tool("gated", GATED, ""));
    let (mut stream, id) = connect(&daemon);
    let gate = gate(&daemon, "gate");
    tool(&daemon, &id, "gated", json!({"text": gate}));
    assert_eq!(
        stream.named("tool-result")["metadata"]["message"],
        "started"
    );
    command(&daemon, "", &id, json!({"method": "ping"}));
    assert_eq!(stream.named("mcp-response")["method"], "ping");
    open(&gate);
    let ends = std::iter::from_fn(|| stream.any_event());
    let last = ends
        .map(|event| event.json())
        .find(|data| data.get("result").is_some());
    assert_eq!(last.expect("a result")["method"], "gated");
}

/// A body of the standard door is none of this door's, but the stream is the same.
#[test]
fn s2_05_the_door_of_a_request_decides_about_its_answer() {
    let daemon = Daemon::start("s2_05_door", "");
    let (mut stream, id) = connect(&daemon);
    command(&daemon, "", &id, json!({"method": "ping"}));
    assert!(stream.event().is("mcp-response"));
    let body = json!({
        "jsonrpc": "2.0", "method": "ping", "id": 5, "connection_id": id
    });
    assert_eq!(send(&daemon, "/mcp/sse/message", "", &body).status, 202);
    assert!(stream.event().is("mcp_response"));
    let standard = call(6, "echo", r#"{"text":"x"}"#);
    tell(
        &daemon,
        &format!("/mcp/messages/?session_id={id}"),
        &standard,
    );
    assert_eq!(stream.message()["id"], 6);
}
