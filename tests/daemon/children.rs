//! Children of `[[server]]` as real processes, and what any process leaves behind.
//!
//! Each child is a shell that runs what a call tells it: see `server.sh`.

use crate::harness::{Daemon, Peer, Socket, call, eventually, post, shell_tool, text};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A server with one tool, `run`.
const SHELL: &str = concat!(
    "[[server]]\nname = 'shell'\nera = 'handshake'\n",
    "command = ['",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/daemon/server.sh']\n"
);

/// Starts a descendant without the environment and in a session of its own, whose parent ends at
/// once, and writes its number to `$1`.
const DETACH: &str = "( env -i setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >";

/// A daemon that knows what the shell offers.
fn start(name: &str, config: &str) -> Daemon {
    let daemon = Daemon::start(name, config);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    eventually("the tool of the server", || {
        let tools = daemon.connect().ask(post("/mcp", "", list));
        tools.body.contains(r#""run""#).then_some(())
    });
    children_become(&daemon, 0);
    daemon
}

/// A call of the shell.
fn run(script: &str) -> String {
    let body = call(1, "run", &json!({ "script": script }).to_string());
    post("/mcp", "", &body)
}

/// Has the shell run a script: what it says.
fn ask<S: Socket>(peer: &mut Peer<S>, script: &str) -> Value {
    peer.ask(run(script)).json()
}

/// Has the shell run a script that takes it down: the text of the error.
fn ask_in_vain(daemon: &Daemon, script: &str) -> String {
    let answer = ask(&mut daemon.connect(), script);
    let message = answer["error"]["message"].as_str();
    message.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn pid(text: &str) -> Pid {
    let number = text.trim().parse().ok().and_then(Pid::from_raw);
    number.unwrap_or_else(|| panic!("{text:?} is no process"))
}

/// The process whose number is written to a file.
fn written(path: &Path) -> Pid {
    let whole = |text: &String| text.ends_with('\n');
    let text = eventually("a file with a line", || {
        fs::read_to_string(path).ok().filter(whole)
    });
    pid(&text)
}

/// Whether a process runs. One that nobody has reaped does not.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn ends(pid: Pid) {
    eventually(&format!("the end of process {pid}"), || {
        (!is_alive(pid)).then_some(())
    });
}

/// Waits until the daemon has as many children, zombies included.
fn children_become(daemon: &Daemon, expected: usize) {
    eventually(&format!("{expected} children"), || {
        (daemon.children().len() == expected).then_some(())
    });
}

#[test]
fn a_command_leaves_nobody_behind_that_has_left_its_group() {
    let detach = format!("{DETACH}\"$1\" )");
    // Its descendants are three sessions deep, and every parent still lives.
    let deep = "setsid sh -c 'setsid sh -c \"echo \\$\\$ >$0; sleep 1000 & wait\" \"$0\" & wait' \
                \"$1\" >/dev/null 2>&1 & while [ ! -s \"$1\" ]; do sleep 0.01; done";
    let tools = [
        shell_tool("detach", &detach, ""),
        shell_tool("deep", deep, ""),
    ];
    let daemon = Daemon::start("strays", &tools.concat());
    for tool in ["detach", "deep"] {
        let file = daemon.folder.join(tool);
        let body = call(1, tool, &json!({ "text": file }).to_string());
        let answer = daemon.connect().ask(post("/mcp", "", &body)).json();
        assert!(answer["result"]["isError"].is_null(), "{answer}");
        ends(written(&file));
    }
    children_become(&daemon, 0);
}

#[test]
fn what_left_a_running_server_lives_as_long_as_the_server() {
    let config = format!("{SHELL}{}", shell_tool("nothing", "true", ""));
    let daemon = start("adopted", &config);
    let file = daemon.folder.join("stray");
    let mut peer = daemon.connect();
    let script = format!("{DETACH}{} ); said=$$", file.display());
    let server = pid(text(&ask(&mut peer, &script)));
    let stray = written(&file);
    // Each of them is followed by a sweep.
    for _ in 0..3 {
        peer.ask(post("/mcp", "", &call(1, "nothing", "{}")));
    }
    children_become(&daemon, 2);
    assert!(is_alive(stray) && is_alive(server));
    kill_process(server, Signal::KILL).expect("it lives");
    ends(stray);
    children_become(&daemon, 0);
}

#[test]
fn orphans_of_a_running_server_are_reaped() {
    let daemon = start("orphans", SHELL);
    let script = "for i in 1 2 3 4 5 6 7 8 9; do ( true & ); ( setsid true & ); done";
    let mut peer = daemon.connect();
    ask(&mut peer, script);
    children_become(&daemon, 1);
}

#[test]
fn a_daemon_that_is_shot_takes_its_processes_along() {
    let config = format!("{SHELL}{}", shell_tool("sleep", "exec sleep 1000", ""));
    let daemon = start("shot-daemon", &config);
    let mut peers = [daemon.connect(), daemon.connect()];
    let server = text(&ask(&mut peers[0], "said=$$")).to_owned();
    // From here on it does not notice that its stdin is closed.
    peers[0].send(run("exec sleep 1000"));
    peers[1].send(post("/mcp", "", &call(1, "sleep", "{}")));
    children_become(&daemon, 2);
    let children = daemon.children();
    assert!(children.contains(&pid(&server).as_raw_pid().cast_unsigned()));
    daemon.signal(Signal::KILL);
    for child in children {
        ends(pid(&child.to_string()));
    }
}

#[test]
fn a_daemon_that_stops_leaves_nobody() {
    let config = format!("timeouts.drain = '1s'\n{SHELL}");
    let mut daemon = start("stops", &config);
    let files = ["stray", "grandchild"].map(|name| daemon.folder.join(name));
    let script = format!(
        "{DETACH}{} ); trap : TERM; sleep 1000 & echo $! >{}; wait; wait; wait",
        files[0].display(),
        files[1].display()
    );
    let mut peer = daemon.connect();
    peer.send(run(&script));
    let left = files.map(|file| written(&file));
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
    // They are gone before the daemon is, not some time after.
    for pid in left {
        assert!(test_kill_process(pid).is_err(), "{pid}");
    }
}

#[test]
fn a_thousand_processes_leave_nothing() {
    let config = format!("{SHELL}{}", shell_tool("nothing", "true", ""));
    let daemon = start("thousand", &config);
    let mut peer = daemon.connect();
    let mut round = || {
        peer.ask(post("/mcp", "", &call(1, "nothing", "{}")));
    };
    round();
    let before = daemon.descriptors();
    (0..1000).for_each(|_| round());
    eventually("as few descriptors", || {
        (daemon.descriptors() == before).then_some(())
    });
    children_become(&daemon, 0);
}

#[test]
fn what_a_child_says_last_is_heard() {
    // An answer without the end of its line, and one that begins with more blanks than are read
    // in one turn.
    for (name, script) in [("half-line", ""), ("last-words", "printf %50000s;")] {
        let daemon = start(name, SHELL);
        let script = format!("end=; said=heard; {script} exec <&-");
        let answer = ask(&mut daemon.connect(), &script);
        assert_eq!(text(&answer), "heard");
        children_become(&daemon, 0);
    }
}

#[test]
fn a_child_that_closes_a_pipe_is_ended() {
    let daemon = start("closed-pipes", SHELL);
    for (script, reason) in [
        ("exec >&-; sleep 1000", "has closed its stdout"),
        ("exec <&-; sleep 1000", "has closed its stdin"),
    ] {
        let said = ask_in_vain(&daemon, script);
        assert!(said.contains(reason), "{said}");
        children_become(&daemon, 0);
        // The next one begins anew, when the back-off is over.
        eventually("a further start", || {
            let answer = ask(&mut daemon.connect(), "said=on");
            (answer["result"]["content"][0]["text"] == "on").then_some(())
        });
    }
}

#[test]
fn long_lines_pass_both_ways() {
    let daemon = start("long-lines", SHELL);
    let long = "x".repeat(150_000);
    let answer = ask(&mut daemon.connect(), &format!("said={long}"));
    assert_eq!(text(&answer), long);
}
