//! Seed 4, Senpex.

use crate::client::{
    Block, GATED, Stream, ask, field, gate, has_milliseconds, is_page, is_timestamp, open,
    plain_get, send, status, status_of,
};
use crate::credentials::{MASTER, READONLY, TEAM, tokens};
use crate::harness::{Daemon, eventually, folder, get, post, program, shell_tool};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;

/// The three ways to the plain dialect; the last one needs the operator's word.
const PLAIN: [(&str, &str); 3] = [
    ("/events", ""),
    ("/sse?format=plain", ""),
    ("/sse", "compat.sse_plain = true\n"),
];

/// Opens a plain stream and takes its greeting.
fn connect(daemon: &Daemon) -> Stream {
    let mut stream = Stream::open(daemon, "/events");
    assert_eq!(stream.unnamed()["type"], "connection");
    stream
}

/// Broadcasts, to one stream.
fn broadcast(daemon: &Daemon, body: &Value) {
    let response = send(daemon, "/mcp/sse/broadcast", "", body);
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["queued"], 1);
}

/// Calls a tool through the REST view: status and answer.
fn rest(daemon: &Daemon, tool: &str, arguments: &Value) -> (u16, Value) {
    let response = send(daemon, &format!("/mcp/tools/{tool}"), "", arguments);
    (response.status, response.json())
}

/// The first text of a tool's result.
fn text(result: &Value) -> &str {
    let text = result["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no text: {result}"))
        .trim_end()
}

#[test]
fn s4_01_every_event_is_unnamed_and_one_json_object() {
    for (index, (path, config)) in PLAIN.into_iter().enumerate() {
        let config = format!("{config}timeouts.heartbeat = '1s'");
        let daemon = Daemon::start(&format!("s4_01_{index}"), &config);
        let mut stream = Stream::open(&daemon, path);
        assert_eq!(stream.unnamed()["type"], "connection", "{path}");
        broadcast(
            &daemon,
            &json!({"message": {"type": "named-elsewhere", "n": 1}}),
        );
        for _ in 0..3 {
            let block = stream.block();
            let Some(Block::Event(event)) = block else {
                panic!("{path}: {block:?}");
            };
            assert_eq!(event.name, None, "{path}");
            assert!(event.json().is_object(), "{path}");
        }
    }
}

#[test]
fn s4_02_the_first_event_says_connected() {
    let daemon = Daemon::start("s4_02", "");
    let data = Stream::open(&daemon, "/events").unnamed();
    assert_eq!(data["type"], "connection");
    assert_eq!(data["status"], "connected");
    assert!(has_milliseconds(&data["timestamp"]), "{data}");
}

#[test]
fn s4_03_heartbeats_are_objects() {
    let daemon = Daemon::start("s4_03", "timeouts.heartbeat = '1s'");
    let mut stream = connect(&daemon);
    for _ in 0..2 {
        let event = stream.any_event().expect("a heartbeat");
        assert_eq!(event.name, None);
        let data = event.json();
        assert_eq!(data["type"], "heartbeat");
        assert!(is_timestamp(&data["timestamp"]), "{data}");
    }
}

#[test]
fn s4_04_json_rpc_comes_as_it_is() {
    let daemon = Daemon::start("s4_04", "");
    let mut stream = connect(&daemon);
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
    broadcast(&daemon, &json!({"message": message}));
    assert_eq!(stream.unnamed(), message);
}

#[test]
fn s4_05_errors_are_objects_with_a_message() {
    let daemon = Daemon::start("s4_05", "");
    let mut stream = connect(&daemon);
    let message = json!({"type": "error", "message": "Error details here"});
    broadcast(&daemon, &json!({"message": message}));
    assert_eq!(stream.unnamed(), message);
}

#[test]
fn s4_06_a_close_comes_before_the_end() {
    let daemon = Daemon::start("s4_06", "timeouts.drain = '1s'");
    let mut stream = connect(&daemon);
    daemon.signal(Signal::TERM);
    let last = stream.rest().pop().expect("a last event");
    assert_eq!(last.name, None);
    assert_eq!(last.json(), json!({"type": "close", "code": 0}));
}

#[test]
fn s4_07_what_is_not_json_comes_raw() {
    let daemon = Daemon::start("s4_07", "");
    let mut stream = connect(&daemon);
    broadcast(&daemon, &json!({"message": "Raw message content"}));
    let expected = json!({"type": "raw", "content": "Raw message content"});
    assert_eq!(stream.unnamed(), expected);
    broadcast(&daemon, &json!({"message": "two\nlines: \"quoted\""}));
    assert_eq!(stream.unnamed()["content"], "two\nlines: \"quoted\"");
}

/// A tool that writes its process id into the file of its argument and then waits for ever.
fn endless() -> String {
    shell_tool(
        "endless",
        "echo $$ >\"$1\"; while :; do sleep 0.05; done",
        "",
    )
}

/// The process id in a file that a script writes.
fn written(path: &Path) -> String {
    eventually("a process id", || {
        let text = std::fs::read_to_string(path).ok()?;
        text.ends_with('\n').then(|| text.trim().to_string())
    })
}

/// Waits until a process is gone.
fn is_gone(pid: &str) {
    eventually("the end of the process", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

/// A child of its own for every session is for servers that slimcp runs, which come later. What
/// holds today, holds for command tools: each call has its own process, with the environment of
/// the configuration, and goes with the client that asked.
#[test]
fn s4_08_every_call_has_a_child_with_the_environment_of_the_configuration() {
    let more = "environment = { SENPEX_CLIENT_ID = 'client 7' }";
    let script = "echo \"$SENPEX_CLIENT_ID/$SLIMCP_CONTRACT/$$\"";
    let tool = shell_tool("whoami", script, more);
    let folder = folder("s4_08");
    let mut command = program(&folder, &tool);
    command.env("SLIMCP_CONTRACT", "not passed on");
    command.args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::of(folder, command);
    let answers: Vec<String> = (0..2)
        .map(|_| {
            let (status, result) = rest(&daemon, "whoami", &json!({}));
            assert_eq!(status, 200, "{result}");
            let rest = text(&result)
                .strip_prefix("client 7//")
                .expect("its environment");
            rest.to_string()
        })
        .collect();
    assert_ne!(answers[0], answers[1]);
}

#[test]
fn s4_08_the_child_of_a_client_that_leaves_is_ended() {
    let daemon = Daemon::start("s4_08_leaves", &endless());
    for path in ["/mcp/tools/endless", "/mcp"] {
        let marker = daemon.folder.join(path.replace('/', "_"));
        let arguments = json!({"text": marker}).to_string();
        let body = match path {
            "/mcp" => crate::harness::call(1, "endless", &arguments),
            _ => arguments,
        };
        let mut peer = daemon.connect();
        peer.send(post(path, "", &body));
        let child = written(&marker);
        drop(peer);
        is_gone(&child);
    }
    daemon.gauge_becomes("calls", 0);
    eventually("no children", || daemon.children().is_empty().then_some(()));
}

#[test]
fn s4_08_many_run_at_once() {
    let tool = shell_tool("gated", &format!("echo $$ >\"$1.pid\"; {GATED}"), "");
    let daemon = Daemon::start("s4_08_many", &tool);
    let gates: Vec<_> = (0..8)
        .map(|n| gate(&daemon, &format!("gate_{n}")))
        .collect();
    let mut peers: Vec<_> = gates
        .iter()
        .map(|gate| {
            let mut peer = daemon.connect();
            let arguments = json!({"text": gate}).to_string();
            peer.send(post("/mcp/tools/gated", "", &arguments));
            peer
        })
        .collect();
    // All of them are there before the first one may go on.
    for gate in &gates {
        written(&gate.with_extension("pid"));
    }
    assert_eq!(daemon.gauge("calls"), Some(8));
    for (gate, peer) in gates.iter().zip(&mut peers) {
        open(gate);
        assert_eq!(text(&peer.response().json()), "started\ndone");
    }
}

#[test]
fn s4_09_the_plain_stream_only_receives_and_rest_asks() {
    let daemon = Daemon::start("s4_09", "");
    let mut stream = connect(&daemon);
    let (status, result) = rest(&daemon, "echo", &json!({"text": "asked by REST"}));
    assert_eq!((status, text(&result)), (200, "asked by REST"));
    // What REST answered has not come on the stream as well.
    broadcast(&daemon, &json!({"message": {"type": "next"}}));
    assert_eq!(stream.unnamed()["type"], "next");
    assert_eq!(ask(&daemon, post("/events", "", "{}")).status, 405);
}

#[test]
fn s4_10_a_live_peer_never_times_out() {
    let config = "timeouts = { heartbeat = '1s', dead = '2s', idle = '1s' }";
    let daemon = Daemon::start("s4_10", config);
    let mut stream = connect(&daemon);
    assert!(
        stream
            .field("Cache-Control")
            .expect("caching")
            .starts_with("no-cache")
    );
    // Twice as long as both timeouts.
    for _ in 0..4 {
        let event = stream.any_event().expect("a heartbeat");
        assert_eq!(event.json()["type"], "heartbeat");
    }
    broadcast(&daemon, &json!({"message": {"type": "still"}}));
    assert_eq!(stream.unnamed()["type"], "still");
}

#[test]
fn s4_11_the_port_comes_from_the_environment() {
    // A port that is free right now; the next to ask for one gets another.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let folder = folder("s4_11");
    let mut command = program(&folder, "");
    command.env("PORT", port.to_string());
    let daemon = Daemon::of(folder, command);
    assert_eq!(daemon.address().port(), port);
}

#[test]
fn s4_11_a_child_is_passed_what_the_configuration_names() {
    let more = "environment_inherit = ['SENPEX_SECRET_ID']";
    let tool = shell_tool("secret", "echo \"$SENPEX_SECRET_ID/$OTHER\"", more);
    let folder = folder("s4_11_child");
    let mut command = program(&folder, &tool);
    command
        .env("SENPEX_SECRET_ID", "handed on")
        .env("OTHER", "kept");
    command.args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::of(folder, command);
    let (_, result) = rest(&daemon, "secret", &json!({}));
    assert_eq!(text(&result), "handed on/");
}

#[test]
fn s4_12_the_pages_are_there() {
    let daemon = Daemon::start("s4_12", "");
    for path in ["/", "/sse-demo.html"] {
        assert!(is_page(&daemon, path), "{path}");
    }
}

#[test]
fn s4_12_the_rest_endpoints_answer() {
    let daemon = Daemon::start("s4_12_rest", "name = 'garage'");
    let about = ask(&daemon, plain_get("/api", ""));
    assert_eq!(
        (about.status, &about.json()["name"]),
        (200, &json!("garage"))
    );
    assert_eq!(ask(&daemon, plain_get("/health", "")).status, 200);
    let tools = ask(&daemon, plain_get("/mcp/tools", ""));
    assert_eq!(tools.status, 200);
    let echo = tools.json()["tools"][0].clone();
    assert_eq!(echo["name"], "echo");
    assert_eq!(echo["inputSchema"]["type"], "object");
    let (status, result) = rest(&daemon, "echo", &json!({"text": "x"}));
    assert_eq!((status, text(&result)), (200, "x"));
    let openapi = ask(&daemon, plain_get("/openapi.json", ""));
    assert_eq!(openapi.status, 200);
    assert!(openapi.json()["paths"]["/mcp/tools/echo"]["post"].is_object());
}

#[test]
fn s4_12_what_a_rest_call_can_do_wrong_is_said() {
    let tool = shell_tool("fail", "echo 'no coffee' >&2; exit 1", "");
    let daemon = Daemon::start("s4_12_wrong", &tool);
    assert_eq!(rest(&daemon, "no-such-tool", &json!({})).0, 404);
    let (status, _) = rest(&daemon, "echo", &json!([1]));
    assert_eq!(status, 400);
    assert_eq!(ask(&daemon, post("/mcp/tools/echo", "", "{")).status, 400);
    assert_eq!(ask(&daemon, plain_get("/mcp/tools/echo", "")).status, 405);
    // A script goes by the status, a person by what the tool has said.
    let (status, result) = rest(&daemon, "fail", &json!({}));
    assert_eq!((status, &result["isError"]), (500, &json!(true)));
    assert!(text(&result).contains("no coffee"));
}

/// Of the wish list, named events are what seeds 2 and 3 have; compression is S2-17.
#[test]
fn s4_13_authentication() {
    let daemon = Daemon::start("s4_13", &tokens());
    for path in ["/events", "/sse?format=plain"] {
        assert_eq!(status(&daemon, get(path, "")), 401, "{path}");
        assert_eq!(status(&daemon, get(path, &TEAM.bearer())), 200, "{path}");
    }
    assert_eq!(status(&daemon, get("/events?token=team-token", "")), 200);
    assert_eq!(
        status(&daemon, get("/sse?format=plain&token=team-token", "")),
        200
    );
    assert_eq!(status(&daemon, get("/t/team-token/events", "")), 200);
}

#[test]
fn s4_13_a_rate_for_every_connection() {
    let config = format!("[role.team]\neach = {{ rate = '2/h' }}\n{}", tokens());
    let daemon = Daemon::start("s4_13_rate", &config);
    let call = |bearer: &str| send(&daemon, "/mcp/tools/echo", bearer, &json!({"text": "x"}));
    assert_eq!([(); 2].map(|()| call(&TEAM.bearer()).status), [200, 200]);
    let refused = call(&TEAM.bearer());
    assert_eq!(refused.status, 429);
    assert!(field(&refused.head, "Retry-After").is_some(), "{refused:?}");
    assert_eq!(call(&READONLY.bearer()).status, 200);
}

#[test]
fn s4_13_the_interval_of_heartbeats_is_configurable() {
    let often = Daemon::start("s4_13_often", "timeouts.heartbeat = '1s'");
    let seldom = Daemon::start(
        "s4_13_seldom",
        "timeouts = { heartbeat = '10m', dead = '1h' }",
    );
    let mut seldom_stream = connect(&seldom);
    let mut often_stream = connect(&often);
    for _ in 0..2 {
        let event = often_stream.any_event().expect("a heartbeat");
        assert_eq!(event.json()["type"], "heartbeat");
    }
    broadcast(&seldom, &json!({"message": {"type": "first"}}));
    let event = seldom_stream.any_event().expect("an event");
    assert_eq!(event.json()["type"], "first");
}

#[test]
fn s4_13_messages_are_filtered_by_role() {
    let daemon = Daemon::start("s4_13_filter", &tokens());
    let open = |bearer: &str| {
        let mut stream = Stream::open_with(&daemon, "/events", bearer);
        stream.unnamed();
        stream
    };
    let (mut team, mut readonly) = (open(&TEAM.bearer()), open(&READONLY.bearer()));
    for (types, text) in [(["team"], "for the team"), (["readonly"], "for readers")] {
        let body = json!({
            "message": {"type": "note", "text": text}, "filter": {"tokenTypes": types}
        });
        let response = send(&daemon, "/mcp/sse/broadcast", &MASTER.bearer(), &body);
        assert_eq!(response.json()["queued"], 1, "{response:?}");
    }
    assert_eq!(team.unnamed()["text"], "for the team");
    assert_eq!(readonly.unnamed()["text"], "for readers");
}

#[test]
fn s4_12_without_a_console_there_are_no_pages() {
    let daemon = Daemon::start("s4_12_off", "console = false");
    for path in ["/", "/sse-demo.html", "/console.js"] {
        let mut peer = daemon.connect();
        peer.send(plain_get(path, ""));
        assert_eq!(status_of(&peer.head()), 404, "{path}");
    }
}
