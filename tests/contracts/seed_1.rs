//! Seed 1, Aareguru.

use crate::client::{
    Block, GATED, Stream, ask, field, gate, open, plain_get, send, session_id, status, tell,
};
use crate::credentials::{MASTER, READONLY, TEAM, tokens};
use crate::harness::{
    Daemon, call, eventually, folder, get, health, post, program, run, shell_tool, text,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const PING: &str = r#"{"jsonrpc":"2.0","id":9,"method":"ping"}"#;

/// Opens `/sse`: the stream and where to post.
fn session(daemon: &Daemon) -> (Stream, String) {
    let mut stream = Stream::open(daemon, "/sse");
    let endpoint = stream.endpoint();
    (stream, endpoint)
}

/// What `check` prints of an empty configuration.
fn defaults(name: &str) -> String {
    let folder = folder(name);
    let (code, stdout, stderr) = run(program(&folder, "").arg("check"));
    assert_eq!(code, 0, "{stderr}");
    stdout
}

/// One line of it, with single spaces.
fn default_of<'t>(printed: &'t str, section: &str, key: &str) -> &'t str {
    let section = printed.split_once(&format!("[{section}]"));
    let section = section.unwrap_or_else(|| panic!("no section: {printed}")).1;
    let value = section.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.split('#').next().expect("a value").trim())
    });
    value.unwrap_or_else(|| panic!("no {key}: {printed}"))
}

/// A POST to another host, as a rebound name would send it.
fn post_to_host(host: &str, fields: &str) -> String {
    post("/mcp", fields, LIST).replace("Host: localhost", &format!("Host: {host}"))
}

#[test]
fn s1_01_sse_is_an_event_stream() {
    let daemon = Daemon::start("s1_01", "");
    let stream = Stream::open(&daemon, "/sse");
    assert!(stream.head.starts_with("HTTP/1.1 200 "), "{}", stream.head);
    let kind = stream.field("Content-Type").expect("a type");
    assert!(kind.starts_with("text/event-stream"), "{kind}");
}

#[test]
fn s1_02_the_first_event_is_a_relative_path_with_an_unguessable_id() {
    let daemon = Daemon::start("s1_02", "");
    let mut ids = BTreeSet::new();
    for _ in 0..50 {
        let (_, endpoint) = session(&daemon);
        let id = endpoint.strip_prefix("/messages?session_id=");
        let id = id.unwrap_or_else(|| panic!("{endpoint}")).to_string();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        // Six bits a letter: 22 of them are more than 128.
        assert!(id.len() >= 22, "{id}");
        assert!(id.bytes().all(is_plain), "{id}");
        assert!(ids.insert(id), "an id came twice");
    }
}

#[test]
fn s1_03_a_message_is_acknowledged_at_once_and_answered_on_the_stream() {
    let daemon = Daemon::start("s1_03", &shell_tool("gated", GATED, ""));
    let (mut stream, endpoint) = session(&daemon);
    let gate = gate(&daemon, "gate");
    let arguments = json!({"text": gate}).to_string();
    let response = ask(&daemon, post(&endpoint, "", &call(4, "gated", &arguments)));
    assert_eq!((response.status, response.body.as_str()), (202, ""));
    daemon.gauge_becomes("calls", 1);
    open(&gate);
    let answer = stream.message();
    assert_eq!(answer["id"], 4);
    assert!(text(&answer).contains("done"));
}

#[test]
fn s1_03_the_acknowledgement_is_204_where_the_operator_wants_it() {
    let daemon = Daemon::start("s1_03_204", "compat.messages_no_content = true");
    let (mut stream, endpoint) = session(&daemon);
    let response = ask(&daemon, post(&endpoint, "", PING));
    assert_eq!((response.status, response.body.as_str()), (204, ""));
    assert_eq!(stream.message()["id"], 9);
}

#[test]
fn s1_04_every_name_of_the_session_id_is_taken() {
    let daemon = Daemon::start("s1_04", "");
    let (mut stream, endpoint) = session(&daemon);
    let id = session_id(&endpoint);
    for name in [
        "session_id",
        "sessionId",
        "id",
        "connectionId",
        "connection_id",
    ] {
        tell(&daemon, &format!("/messages?{name}={id}"), PING);
        assert_eq!(stream.message()["id"], 9, "{name}");
    }
}

#[test]
fn s1_05_concurrent_clients_are_isolated() {
    let daemon = Daemon::start("s1_05", "");
    let mut clients: Vec<_> = (0..20).map(|_| session(&daemon)).collect();
    for (index, (_, endpoint)) in clients.iter().enumerate() {
        // All of them use the same id.
        let arguments = json!({"text": format!("for {index}")}).to_string();
        tell(&daemon, endpoint, &call(1, "echo", &arguments));
    }
    for (index, (stream, endpoint)) in clients.iter_mut().enumerate() {
        assert_eq!(text(&stream.message()), format!("for {index}"));
        tell(&daemon, endpoint, PING);
        assert_eq!(stream.message()["id"], 9, "nothing else has come");
    }
}

#[test]
fn s1_05_a_message_to_nobody_is_refused() {
    let daemon = Daemon::start("s1_05_nobody", "");
    let nobody = "/messages?session_id=abcdefghijklmnopqrstuv";
    assert_eq!(ask(&daemon, post(nobody, "", PING)).status, 404);
    assert_eq!(ask(&daemon, post("/messages", "", PING)).status, 400);
}

#[test]
fn s1_05_a_disconnect_cleans_up() {
    let daemon = Daemon::start("s1_05_cleanup", "");
    daemon.health();
    let before = daemon.descriptors();
    let clients: Vec<_> = (0..20).map(|_| session(&daemon)).collect();
    daemon.gauge_becomes("sessions", 20);
    drop(clients);
    daemon.gauge_becomes("sessions", 0);
    daemon.gauge_becomes("streams", 0);
    eventually("closed sockets", || {
        (daemon.descriptors() <= before).then_some(())
    });
}

#[test]
fn s1_06_foreign_hosts_and_origins_are_refused() {
    let daemon = Daemon::start("s1_06", "hosts = ['garage-pi.local']");
    let table = [
        ("localhost", "", 200),
        ("127.0.0.1:8000", "", 200),
        ("garage-pi.local:8000", "", 200),
        ("evil.example", "", 403),
        ("localhost.evil.example", "", 403),
        ("localhost", "Origin: http://evil.example\r\n", 403),
        ("localhost", "Origin: null\r\n", 403),
    ];
    for (host, fields, status) in table {
        let response = ask(&daemon, post_to_host(host, fields));
        assert_eq!(response.status, status, "{host} {fields}");
    }
    let foreign = get("/sse", "").replace("localhost", "evil.example");
    assert_eq!(status(&daemon, foreign), 403);
}

/// One list drives both, and `*` is taken only together with tokens.
#[test]
fn s1_06_the_protection_can_be_switched_off() {
    let config = format!("origins = ['*']\n{}", tokens());
    let daemon = Daemon::start("s1_06_off", &config);
    let fields = format!("Origin: http://evil.example\r\n{}", TEAM.bearer());
    assert_eq!(ask(&daemon, post("/mcp", &fields, LIST)).status, 200);
    let rebound = post_to_host("evil.example", &TEAM.bearer());
    assert_eq!(ask(&daemon, rebound).status, 200);
    let folder = folder("s1_06_refused");
    let (code, _, stderr) = run(program(&folder, "origins = ['*']").arg("check"));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("origins"), "{stderr}");
}

#[test]
fn s1_07_the_api_key_is_checked_on_every_request() {
    let daemon = Daemon::start("s1_07", &tokens());
    let right = format!("X-API-Key: {}\r\n", TEAM.token);
    let wrong = "X-API-Key: guess\r\n";
    let mut stream = Stream::open_with(&daemon, "/sse", &right);
    let endpoint = stream.endpoint();
    // One connection: that an earlier request was let in counts for nothing.
    let mut peer = daemon.connect();
    assert_eq!(peer.ask(post(&endpoint, &right, PING)).status, 202);
    assert_eq!(peer.ask(post(&endpoint, wrong, PING)).status, 401);
    assert_eq!(peer.ask(post(&endpoint, "", PING)).status, 401);
    assert_eq!(peer.ask(post(&endpoint, &right, PING)).status, 202);
    for _ in 0..2 {
        assert_eq!(stream.message()["id"], 9);
    }
    assert_eq!(status(&daemon, get("/sse", wrong)), 401);
    assert_eq!(status(&daemon, get("/sse", "")), 401);
}

#[test]
fn s1_07_the_requirement_is_configurable() {
    let open = Daemon::start("s1_07_open", "");
    assert_eq!(status(&open, get("/sse", "")), 200);
    let config = format!("auth = 'none'\nanonymous = 'readonly'\n{}", tokens());
    let both = Daemon::start("s1_07_both", &config);
    assert_eq!(status(&both, get("/sse", "")), 200);
    assert_eq!(status(&both, get("/sse", "X-API-Key: guess\r\n")), 401);
    let stats = |fields: &str| ask(&both, plain_get("/mcp/sse/stats", fields)).status;
    assert_eq!(stats(""), 403);
    assert_eq!(stats(&MASTER.bearer()), 200);
}

#[test]
fn s1_07_a_session_belongs_to_whoever_opened_it() {
    let daemon = Daemon::start("s1_07_owner", &tokens());
    let mut stream = Stream::open_with(&daemon, "/sse", &TEAM.bearer());
    let endpoint = stream.endpoint();
    let stranger = ask(&daemon, post(&endpoint, &READONLY.bearer(), PING)).status;
    assert!([403, 404].contains(&stranger), "{stranger}");
    assert_eq!(
        ask(&daemon, post(&endpoint, &TEAM.bearer(), PING)).status,
        202
    );
    assert_eq!(stream.message()["id"], 9);
}

#[test]
fn s1_08_a_client_that_asks_too_often_is_slowed_down() {
    let daemon = Daemon::start("s1_08", "limits.rate = '3/h'");
    let mut peer = daemon.connect();
    for _ in 0..3 {
        assert_eq!(peer.ask(post("/mcp", "", LIST)).status, 200);
    }
    let refused = peer.ask(post("/mcp", "", LIST));
    assert_eq!(refused.status, 429);
    let wait = refused.field("Retry-After").expect("a time to wait");
    assert!(
        (1..=3600).contains(&wait.parse().expect("seconds")),
        "{wait}"
    );
    let rest = send(&daemon, "/mcp/tools/echo", "", &json!({"text": "x"}));
    assert_eq!(rest.status, 429);
    assert!(rest.field("Retry-After").is_some());
}

/// A writer of the official SDKs stops for good after an answer that is not a success.
#[test]
fn s1_08_on_an_sse_door_the_refusal_comes_on_the_stream() {
    let daemon = Daemon::start("s1_08_sse", "limits.rate = '3/h'");
    let (mut stream, endpoint) = session(&daemon);
    for id in 2..6 {
        tell(&daemon, &endpoint, &call(id, "echo", r#"{"text":"x"}"#));
        let answer = stream.message();
        assert_eq!(answer["id"], id);
        let is_refused = answer["error"].is_object();
        // Opening the stream was the first of three.
        assert_eq!(is_refused, id >= 4, "{answer}");
    }
}

#[test]
fn s1_08_roles_have_rates_of_their_own() {
    let config = format!("[role.team]\nrate = '2/h'\n{}", tokens());
    let daemon = Daemon::start("s1_08_role", &config);
    let list = |fields: &str| ask(&daemon, post("/mcp", fields, LIST)).status;
    assert_eq!([list(&TEAM.bearer()), list(&TEAM.bearer())], [200, 200]);
    assert_eq!(list(&TEAM.bearer()), 429);
    assert_eq!(list(&MASTER.bearer()), 200);
}

#[test]
fn s1_09_idle_sessions_end_after_an_hour_by_default() {
    let printed = defaults("s1_09");
    assert_eq!(default_of(&printed, "timeouts", "idle"), "\"1h\"");
    let daemon = Daemon::start("s1_09_set", "timeouts.idle = '1s'");
    daemon.connect().session();
    daemon.gauge_becomes("sessions", 0);
}

#[test]
fn s1_10_a_thousand_sessions_by_default_and_a_bound_that_holds() {
    let printed = defaults("s1_10");
    assert_eq!(default_of(&printed, "limits", "sessions"), "1000");
    let daemon = Daemon::start("s1_10_set", "limits.sessions = 3");
    let streams: Vec<Stream> = (0..3).map(|_| Stream::open(&daemon, "/sse")).collect();
    let mut peer = daemon.connect();
    peer.send(get("/sse", ""));
    let head = peer.head();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(field(&head, "Retry-After").is_some(), "{head}");
    drop(streams);
    daemon.gauge_becomes("sessions", 0);
    Stream::open(&daemon, "/sse");
}

#[test]
fn s1_10_a_session_that_nobody_uses_makes_room() {
    let daemon = Daemon::start("s1_10_room", "limits.sessions = 2");
    let oldest = daemon.connect().session();
    let newer = daemon.connect().session();
    let _stream = Stream::open(&daemon, "/sse");
    assert_eq!(ask(&daemon, post("/mcp", &oldest, LIST)).status, 404);
    assert_eq!(ask(&daemon, post("/mcp", &newer, LIST)).status, 200);
}

#[test]
fn s1_11_only_expired_sessions_leave() {
    let daemon = Daemon::start("s1_11", "timeouts.idle = '1s'");
    daemon.connect().session();
    let (mut stream, endpoint) = session(&daemon);
    daemon.gauge_becomes("sessions", 1);
    tell(&daemon, &endpoint, PING);
    assert_eq!(stream.message()["id"], 9);
}

#[test]
fn s1_12_a_failing_tool_is_an_error_on_a_stream_that_stays() {
    let tool = shell_tool("fail", "echo 'the cellar is flooded' >&2; exit 3", "");
    let daemon = Daemon::start("s1_12", &tool);
    let (mut stream, endpoint) = session(&daemon);
    tell(&daemon, &endpoint, &call(1, "fail", "{}"));
    let answer = stream.message();
    assert_eq!(answer["result"]["isError"], true);
    assert!(text(&answer).contains("the cellar is flooded"));
    tell(&daemon, &endpoint, PING);
    assert_eq!(stream.message()["id"], 9);
}

#[test]
fn s1_13_streams_are_neither_buffered_nor_cached_and_have_heartbeats() {
    let daemon = Daemon::start("s1_13", "timeouts.heartbeat = '1s'");
    for path in ["/sse", "/mcp/sse", "/mcp/sse/", "/events", "/mcp"] {
        let stream = Stream::open(&daemon, path);
        assert_eq!(stream.field("X-Accel-Buffering"), Some("no"), "{path}");
        let caching = stream.field("Cache-Control");
        assert_eq!(caching, Some("no-cache, no-transform"), "{path}");
    }
    let (mut stream, _) = session(&daemon);
    for _ in 0..2 {
        let block = stream.block();
        assert!(matches!(block, Some(Block::Comment)), "{block:?}");
    }
}

#[test]
fn s1_13_a_stream_that_answers_a_post_has_the_same_head_and_heartbeats() {
    let tool = shell_tool("gated", GATED, "");
    let daemon = Daemon::start("s1_13_post", &format!("timeouts.heartbeat = '1s'\n{tool}"));
    let mut peer = daemon.connect();
    let fields = peer.session();
    let gate = gate(&daemon, "gate");
    let request = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": "gated", "arguments": {"text": gate}, "_meta": {"progressToken": 1}
        }
    });
    peer.send(post("/mcp", &fields, &request.to_string()));
    let mut stream = Stream::of(peer);
    assert_eq!(stream.field("X-Accel-Buffering"), Some("no"));
    let caching = stream.field("Cache-Control");
    assert_eq!(caching, Some("no-cache, no-transform"));
    let is_comment = |block: &Block| matches!(block, Block::Comment);
    let heard = std::iter::from_fn(|| stream.block()).any(|block| is_comment(&block));
    assert!(heard, "no heartbeat while the tool runs");
    open(&gate);
    let last = stream.rest().pop().expect("an answer");
    assert_eq!(last.json()["id"], 1);
}

/// The samples of an exposition, as name with labels and value.
fn samples(metrics: &str) -> Vec<(&str, f64)> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let parts = lines.filter_map(|line| line.rsplit_once(' '));
    parts
        .map(|(name, value)| (name, value.parse().expect("a number")))
        .collect()
}

/// The sum of what belongs to a name, whatever its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let of_name = |sample: &&(&str, f64)| sample.0.split('{').next() == Some(name);
    let found: Vec<f64> = samples(metrics)
        .iter()
        .filter(of_name)
        .map(|s| s.1)
        .collect();
    assert!(!found.is_empty(), "no {name}: {metrics}");
    found.iter().sum()
}

#[test]
fn s1_14_metrics_have_the_names_and_types_of_the_document() {
    let daemon = Daemon::start("s1_14", "");
    let (mut stream, endpoint) = session(&daemon);
    tell(&daemon, &endpoint, &call(1, "no-such-tool", "{}"));
    stream.message();
    tell(&daemon, &endpoint, PING);
    stream.message();
    let (gone, _) = session(&daemon);
    drop(gone);
    daemon.gauge_becomes("sessions", 1);
    let response = ask(&daemon, plain_get("/metrics", ""));
    assert_eq!(response.status, 200);
    let kind = response.field("Content-Type").expect("a type");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let metrics = response.body.as_str();
    for (name, kind) in [
        ("sse_connections_active", "gauge"),
        ("messages_received_total", "counter"),
        ("request_duration_seconds", "histogram"),
        ("errors_total", "counter"),
        ("session_duration_seconds", "histogram"),
    ] {
        let line = format!("# TYPE {name} {kind}\n");
        assert!(metrics.contains(&line), "{name}: {metrics}");
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert_eq!(sum(metrics, "sse_connections_active"), 1.0);
    assert_eq!(sum(metrics, "messages_received_total"), 2.0);
    assert!(sum(metrics, "request_duration_seconds_count") > 0.0);
    assert!(sum(metrics, "errors_total") >= 1.0, "{metrics}");
    assert_eq!(sum(metrics, "session_duration_seconds_count"), 1.0);
    let others = samples(metrics);
    assert!(others.iter().any(|(name, _)| name.starts_with("slimcp_")));
}

#[test]
fn s1_15_an_established_connection_is_logged() {
    let daemon = Daemon::start("s1_15", "log.format = 'json'");
    let (_stream, endpoint) = session(&daemon);
    let line = daemon.line("SSE connection established");
    let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
    assert_eq!(entry["message"], "SSE connection established");
    assert_eq!(entry["client_ip"], "127.0.0.1");
    assert!(crate::client::is_timestamp(&entry["timestamp"]), "{entry}");
    let shown = entry["session_id"].as_str().expect("a session id");
    let id = session_id(&endpoint);
    let begin = shown.trim_end_matches(['.', '…']);
    assert!(id.starts_with(begin) && begin.len() >= 4, "{shown} {id}");
    // Whoever reads the log must not be able to take over a session.
    assert!(begin.len() < id.len() / 2, "{shown}");
}

#[test]
fn s1_15_in_text_the_fields_follow_the_message() {
    let daemon = Daemon::start("s1_15_text", "");
    let (_stream, endpoint) = session(&daemon);
    let line = daemon.line("SSE connection established");
    assert!(line.contains("session_id="), "{line}");
    assert!(line.contains("client_ip=127.0.0.1"), "{line}");
    assert!(!line.contains(session_id(&endpoint)), "{line}");
}

#[test]
fn s1_16_health_is_200() {
    let daemon = Daemon::start("s1_16", "");
    let response = ask(&daemon, health());
    assert_eq!(response.status, 200);
    assert_eq!(response.json()["status"], "ok");
}
