//! Servers behind the daemon: how they are named on the command line and in files, what they get of
//! the environment, what `check` tells of them. The server is a script in Python that speaks the
//! least that a server may.

use crate::harness::{Daemon, Peer, Socket, call, eventually, folder, post, program, run};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = r#"
import json, os, sys
NAME = sys.argv[1] if len(sys.argv) > 1 else "say"
for line in sys.stdin:
    message = json.loads(line)
    method, id = message["method"], message.get("id")
    answer = {"jsonrpc": "2.0", "id": id}
    if id is None:
        continue
    if method == "initialize":
        answer["result"] = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                            "serverInfo": {"name": "script", "version": "1"}}
    elif method == "tools/list":
        tool = {"name": NAME, "description": "Says a variable.", "inputSchema": {"type": "object"}}
        answer["result"] = {"tools": [tool]}
    elif method == "tools/call":
        text = os.environ.get(message["params"]["arguments"]["name"], "absent")
        answer["result"] = {"content": [{"type": "text", "text": text}]}
    else:
        answer["error"] = {"code": -32601, "message": "unknown"}
    print(json.dumps(answer), flush=True)
"#;

/// The script in a folder of the test's own.
fn script(name: &str) -> (PathBuf, PathBuf) {
    let folder = folder(name);
    let script = folder.join("say.py");
    fs::write(&script, SCRIPT).expect("a file");
    (folder, script)
}

/// The program without a configuration file.
fn bare(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimcp"));
    let path = std::env::var_os("PATH").expect("a PATH");
    command.env_clear().env("PATH", path).current_dir(folder);
    command.env("MINE", "here").env("SLIMCP_TOKEN", "secret");
    command.env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.args(["--listen", "127.0.0.1:0"]);
    command
}

/// Waits until each server has said what it offers.
fn until_known(daemon: &Daemon) {
    eventually("what the servers offer", || {
        let health = daemon.health();
        let servers = health["servers"].as_array().expect("servers");
        let are_known = servers.iter().all(|server| server["tools"].is_u64());
        are_known.then_some(())
    });
}

/// The names of the tools at a door.
fn tools<S: Socket>(peer: &mut Peer<S>, door: &str) -> Vec<String> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let answer = peer.ask(post(door, "", body)).json();
    let tools = answer["result"]["tools"].as_array().expect("a list");
    let name = |tool: &Value| tool["name"].as_str().expect("a name").to_string();
    tools.iter().map(name).collect()
}

/// What the server has as this variable.
fn variable<S: Socket>(peer: &mut Peer<S>, door: &str, tool: &str, name: &str) -> String {
    let body = call(1, tool, &json!({ "name": name }).to_string());
    let answer = peer.ask(post(door, "", &body)).json();
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{answer}")).to_string()
}

#[test]
fn a_server_behind_two_dashes_is_all_there_is_and_has_the_environment_of_the_shell() {
    let (folder, script) = script("wrapped");
    let mut command = bare(&folder);
    command.args(["--", "python3"]).arg(&script);
    let daemon = Daemon::of(folder, command);
    daemon.line("servers=1 tools=0");
    until_known(&daemon);
    let mut peer = daemon.connect();
    assert_eq!(tools(&mut peer, "/mcp"), ["say"]);
    assert_eq!(tools(&mut peer, "/servers/say/mcp"), ["say"]);
    assert_eq!(variable(&mut peer, "/mcp", "say", "MINE"), "here");
    assert_eq!(variable(&mut peer, "/mcp", "say", "SLIMCP_TOKEN"), "absent");
    let health = daemon.health();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["servers"][0]["name"], "say");
    assert_eq!(health["servers"][0]["tools"], 1);
}

#[test]
fn a_server_of_the_file_gets_what_the_file_says_of_the_environment() {
    let (folder, script) = script("server");
    let config = format!(
        "[[server]]\nname = 'files'\ncommand = ['python3', '{}']\n\
         environment = {{ GIVEN = 'yes' }}\n",
        script.display()
    );
    let mut command = program(&folder, &config);
    command.env("MINE", "here").env("TZ", "UTC");
    command.args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::of(folder, command);
    until_known(&daemon);
    let mut peer = daemon.connect();
    let names = tools(&mut peer, "/mcp");
    assert_eq!(names, ["echo", "system-info", "say"]);
    for (name, value) in [("GIVEN", "yes"), ("MINE", "absent"), ("TZ", "UTC")] {
        assert_eq!(variable(&mut peer, "/mcp", "say", name), value, "{name}");
    }
}

#[test]
fn servers_of_a_desktop_client_are_hosted_each_at_its_own_door() {
    let (folder, script) = script("desktop");
    let servers = json!({ "mcpServers": {
        "one": { "command": "python3", "args": [script], "env": { "KEY": "${MINE}!" } },
        "the other": { "command": "python3", "args": [script, "tell"] },
        "elsewhere": { "url": "https://example.com/mcp", "disabled": true },
    }});
    let file = folder.join("mcp.json");
    fs::write(&file, servers.to_string()).expect("a file");
    let mut command = bare(&folder);
    command.arg("--mcp-servers").arg(&file);
    let daemon = Daemon::of(folder, command);
    daemon.line("mcpServers.the other is called \"the-other\" here");
    until_known(&daemon);
    let mut peer = daemon.connect();
    assert_eq!(tools(&mut peer, "/mcp"), ["say", "tell"]);
    assert_eq!(tools(&mut peer, "/servers/one/mcp"), ["say"]);
    assert_eq!(tools(&mut peer, "/servers/the-other/mcp"), ["tell"]);
    let key = variable(&mut peer, "/servers/one/mcp", "say", "KEY");
    assert_eq!(key, "here!");
}

#[test]
fn check_tells_of_servers_and_asks_them_when_told_to() {
    let (folder, script) = script("check");
    let server = |name: &str, more: &str| {
        let script = script.display();
        format!("[[server]]\nname = '{name}'\ncommand = ['python3', '{script}']\n{more}\n")
    };
    let both = server("one", "") + &server("two", "per = 'session'");
    let check = |config: &str, more: &[&str]| {
        let mut command = program(&folder, config);
        run(command.arg("check").args(more))
    };
    let (code, text, log) = check(&both, &[]);
    assert_eq!((code, log.as_str()), (0, ""));
    assert!(
        text.contains("\n# servers: 2\n#   one: [\"python3\", "),
        "{text}"
    );
    assert!(text.contains("#     doors: /servers/one/mcp, "), "{text}");
    assert!(text.contains("slimcp check --probe"), "{text}");
    let (code, text, log) = check(&both, &["--probe"]);
    assert_eq!((code, log.as_str()), (0, ""));
    assert!(text.contains("#     eras: handshake\n"), "{text}");
    assert!(
        text.contains("#       one_say (at /servers/one: say)\n"),
        "{text}"
    );
    let twins = server("one", "prefix = 'a_'") + &server("two", "prefix = 'a_'");
    let (code, _, log) = check(&twins, &["--probe"]);
    assert_eq!(code, 2, "{log}");
    assert!(
        log.contains("server.two: the name of its tool \"say\" is taken"),
        "{log}"
    );
    let missing = "[[server]]\nname = 'none'\ncommand = ['no-such-program']\n";
    let (code, _, log) = check(missing, &[]);
    assert_eq!(code, 0, "{log}");
    let looked = "server none: no-such-program could not be started: it is in none of the \
                  directories of PATH (";
    assert!(log.contains(looked), "{log}");
    let (code, text, _) = check(missing, &["--probe"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("does not run: no-such-program"), "{text}");
}

#[test]
fn what_servers_offer_is_known_at_the_next_start_without_starting_them() {
    let (folder, script) = script("state");
    let config = format!(
        "state = '{}'\n[[server]]\nname = 'say'\ncommand = ['python3', '{}']\n",
        folder.join("kept").display(),
        script.display()
    );
    let start = || {
        let mut command = program(&folder, &config);
        command.args(["--listen", "127.0.0.1:0"]);
        Daemon::of(folder.clone(), command)
    };
    let mut daemon = start();
    until_known(&daemon);
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
    let (code, text, _) = run(program(&folder, &config).arg("check"));
    assert_eq!(code, 0);
    assert!(text.contains("#     tools: 1\n#       say\n"), "{text}");
    let daemon = start();
    let mut peer = daemon.connect();
    assert_eq!(tools(&mut peer, "/mcp"), ["echo", "system-info", "say"]);
    assert_eq!(daemon.health()["servers"][0]["starts_total"], 0);
    assert_eq!(variable(&mut peer, "/mcp", "say", "MINE"), "absent");
    assert_eq!(daemon.health()["servers"][0]["starts_total"], 1);
}

#[test]
fn a_reload_brings_servers_and_takes_them_away() {
    let (folder, script) = script("reload_servers");
    let server = |name: &str| {
        let script = script.display();
        format!("[[server]]\nname = '{name}'\ncommand = ['python3', '{script}', '{name}']\n")
    };
    let mut command = program(&folder, &server("one"));
    command.args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::of(folder.clone(), command);
    until_known(&daemon);
    let mut peer = daemon.connect();
    assert_eq!(variable(&mut peer, "/mcp", "one", "MINE"), "absent");
    let reload = |config: String| {
        fs::write(folder.join("slimcp.toml"), config).expect("a file");
        daemon.signal(Signal::HUP);
    };
    reload(server("one") + &server("two"));
    daemon.line("reloaded servers=2");
    until_known(&daemon);
    assert_eq!(
        tools(&mut peer, "/mcp"),
        ["echo", "system-info", "one", "two"]
    );
    // The process of the first is the same one.
    assert_eq!(daemon.health()["servers"][0]["children"], 1);
    assert_eq!(
        variable(&mut peer, "/servers/two/mcp", "two", "MINE"),
        "absent"
    );
    reload(server("two"));
    daemon.line("reloaded servers=1");
    assert_eq!(tools(&mut peer, "/mcp"), ["echo", "system-info", "two"]);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(peer.ask(post("/servers/one/mcp", "", body)).status, 404);
}

#[test]
fn a_server_that_fails_is_told_of_and_others_go_on() {
    let (folder, script) = script("failing");
    let config = format!(
        "[[server]]\nname = 'bad'\ncommand = ['sh', '-c', 'echo no key >&2; exit 3']\n\
         [[server]]\nname = 'say'\ncommand = ['python3', '{}']\n",
        script.display()
    );
    let mut command = program(&folder, &config);
    command.args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::of(folder, command);
    let health = eventually("a failure", || {
        Some(daemon.health()).filter(|health| health["status"] == "degraded")
    });
    let failure = health["servers"][0]["last_failure"].as_str();
    let failure = failure.expect("a reason");
    assert!(failure.contains("exit status 3: no key"), "{failure}");
    let mut peer = daemon.connect();
    let metrics = peer.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(metrics.status, 200);
    let text = metrics.body;
    for sample in ["{server=\"bad\"} 0", "{server=\"say\"} 1"] {
        let line = format!("slimcp_upstream_up{sample}");
        assert!(text.contains(&line), "{line}");
    }
    let health = peer.ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(health.status, 200);
    assert_eq!(variable(&mut peer, "/mcp", "say", "MINE"), "absent");
}
