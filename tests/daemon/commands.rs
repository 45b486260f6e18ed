//! Command tools as real processes: what they write, how they end, what they leave behind.

use crate::harness::{
    Daemon, Peer, Socket, call, call_with_progress, eventually, post, shell_tool, text,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Waits until a process is gone. One that nobody has reaped yet is gone as well: whose child it
/// has become is not our business.
fn is_gone(pid: &str) {
    assert!(pid.parse::<u32>().is_ok(), "{pid:?} is no process");
    eventually(&format!("the end of process {pid}"), || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

/// Waits for the file that a script writes, and takes its content.
fn written(path: &Path) -> String {
    eventually("a file with a line", || {
        fs::read_to_string(path)
            .ok()
            .filter(|text| text.ends_with('\n'))
    })
}

/// Calls a tool without a session: its result.
fn ask<S: Socket>(peer: &mut Peer<S>, tool: &str, arguments: &Value) -> Value {
    let body = call(1, tool, &arguments.to_string());
    peer.ask(post("/mcp", "", &body)).json()
}

#[test]
fn lines_are_progress_as_they_come() {
    let tool = shell_tool(
        "steps",
        r#"echo one; while [ ! -e "$1" ]; do sleep 0.02; done; echo two"#,
        "",
    );
    let daemon = Daemon::start("progress", &tool);
    let gate = daemon.folder.join("gate");
    let mut peer = daemon.connect();
    let fields = peer.session();
    let arguments = json!({ "text": gate }).to_string();
    peer.send(post(
        "/mcp",
        &fields,
        &call_with_progress(1, "steps", &arguments),
    ));
    peer.head();
    let progress = |message: Value| {
        assert_eq!(message["method"], "notifications/progress", "{message}");
        message["params"]["message"].as_str().map(str::to_owned)
    };
    assert_eq!(progress(peer.message()).as_deref(), Some("one"));
    fs::write(&gate, "").expect("a file");
    assert_eq!(progress(peer.message()).as_deref(), Some("two"));
    assert_eq!(text(&peer.message()), "one\ntwo");
    assert_eq!(peer.chunk(), None);
}

#[test]
fn a_process_that_ignores_term_is_killed_with_its_children() {
    let tool = shell_tool(
        "stubborn",
        "trap '' TERM; sleep 1000 & echo $$ $!; wait",
        "timeout = '1s'",
    );
    let daemon = Daemon::start("stubborn", &tool);
    let result = ask(&mut daemon.connect(), "stubborn", &json!({}));
    assert_eq!(result["result"]["isError"], true);
    let said = text(&result);
    assert!(said.starts_with("stopped after 1 s"), "{said}");
    let pids = said.lines().last().expect("a line").split(' ');
    assert_eq!(pids.clone().count(), 2, "{said}");
    pids.for_each(is_gone);
    assert!(daemon.children().is_empty());
}

#[test]
fn a_cancelled_call_is_told_to_end() {
    let script = r#"trap 'echo asked >>"$1"; exit 1' TERM; echo $$ >"$1"; sleep 1000 & wait"#;
    let daemon = Daemon::start("cancelled", &shell_tool("long", script, ""));
    let marker = daemon.folder.join("marker");
    let mut peer = daemon.connect();
    let fields = peer.session();
    let arguments = json!({ "text": marker }).to_string();
    peer.send(post("/mcp", &fields, &call(7, "long", &arguments)));
    let pid = written(&marker);
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    let mut other = daemon.connect();
    assert_eq!(other.ask(post("/mcp", &fields, notice)).status, 202);
    peer.head();
    assert_eq!(
        peer.message()["error"]["message"],
        "cancelled by the client"
    );
    assert!(written(&marker).ends_with("asked\n"));
    is_gone(pid.trim_end());
    assert_eq!(daemon.gauge("calls"), Some(0));
}

#[test]
fn a_client_without_a_session_takes_its_call_along() {
    let script = r#"echo $$ >"$1"; exec sleep 1000"#;
    let daemon = Daemon::start("abandoned", &shell_tool("long", script, ""));
    let marker = daemon.folder.join("marker");
    let mut peer = daemon.connect();
    let arguments = json!({ "text": marker }).to_string();
    peer.send(post("/mcp", "", &call(1, "long", &arguments)));
    let pid = written(&marker);
    drop(peer);
    is_gone(pid.trim_end());
    daemon.gauge_becomes("calls", 0);
    daemon.gauge_becomes("connections", 0);
}

#[test]
fn a_flood_of_output_is_cut_within_the_memory() {
    let tool = shell_tool("flood", "head -c 100000000 /dev/zero | tr '\\0' x", "");
    let daemon = Daemon::start("flood", &tool);
    let mut peer = daemon.connect();
    assert!(text(&ask(&mut peer, "echo", &json!({"text": "warm"}))) == "warm");
    let before = daemon.memory_kib("VmHWM");
    let result = ask(&mut peer, "flood", &json!({}));
    let said = text(&result);
    assert!(said.len() < 270_000, "{} bytes", said.len());
    assert!(said.contains("bytes cut; raise limits.output or the tool's output"));
    let cut = 100_000_000 - 256 * 1024;
    assert!(said.contains(&cut.to_string()), "how much was cut");
    let grown = daemon.memory_kib("VmHWM") - before;
    assert!(grown < 2048, "it grew by {grown} KiB");
}

#[test]
fn a_flood_does_not_keep_others_waiting_and_ends_at_its_timeout() {
    let tool = shell_tool("endless", "yes", "timeout = '2s'");
    let daemon = Daemon::start("endless", &tool);
    let mut peer = daemon.connect();
    peer.send(post("/mcp", "", &call(1, "endless", "{}")));
    daemon.gauge_becomes("calls", 1);
    let mut served = 0;
    let begin = Instant::now();
    while daemon.gauge("calls") == Some(1) {
        served += 1;
    }
    assert!(served > 20, "{served} others were served meanwhile");
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
    assert!(text(&peer.response().json()).starts_with("stopped after 2 s"));
}

/// A process that has left the group outlives the leader and holds its stdout. It must not delay
/// the answer, however much it writes.
#[test]
fn a_runaway_that_left_the_group_delays_nothing() {
    let daemon = Daemon::start(
        "runaway",
        &shell_tool("runaway", "setsid yes & echo $!; sleep 0.3", ""),
    );
    let mut peer = daemon.connect();
    let begin = Instant::now();
    let result = ask(&mut peer, "runaway", &json!({}));
    assert!(text(&result).lines().any(|line| line != "y"), "{result}");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(daemon.gauge("calls"), Some(0));
}

#[test]
fn stdin_takes_any_character_and_any_length() {
    let tools = "limits.output = '1MiB'\n[[tool]]\nname = 'dump'\ndescription = 'A test.'\n\
                 command = ['od', '-An', '-v', '-tx1', '-w64']\nstdin = '{data}'\n\
                 [tool.arguments]\ndata = { type = 'string', required = true }\n\
                 [[tool]]\nname = 'copy'\ndescription = 'A test.'\noutput_limit = '1MiB'\n\
                 command = ['cat']\nstdin = '{data}'\n\
                 [tool.arguments]\ndata = { type = 'string', required = true }\n\
                 [[tool]]\nname = 'deaf'\ndescription = 'A test.'\n\
                 command = ['sh', '-c', 'exec <&-; echo done']\nstdin = '{data}'\n\
                 [tool.arguments]\ndata = { type = 'string', required = true }\n";
    let daemon = Daemon::start("stdin", tools);
    let mut peer = daemon.connect();
    let odd = "\u{1}\u{1b}\r\n\u{7f}\u{e9}\u{1f600}";
    let result = ask(&mut peer, "dump", &json!({ "data": odd }));
    let bytes: Vec<String> = odd.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text(&result).trim(), bytes.join(" "));
    let long = "0123456789".repeat(60_000);
    let result = ask(&mut peer, "copy", &json!({ "data": long }));
    assert!(
        text(&result) == long,
        "{} bytes came back",
        text(&result).len()
    );
    // Not reading is no fault.
    let result = ask(&mut peer, "deaf", &json!({ "data": long }));
    assert_eq!(text(&result), "done");
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let folder = crate::harness::folder("unstartable");
    let plain = folder.join("plain");
    fs::write(&plain, "no program").expect("a file");
    let garbage = folder.join("garbage");
    fs::write(&garbage, [0, 1, 2, 3]).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&garbage, mode).expect("a mode");
    let table = [
        ("no-such-program", "none of the directories of PATH"),
        ("/no/such/program", "there is no such file"),
        (plain.to_str().expect("text"), "may not run it"),
        (
            garbage.to_str().expect("text"),
            "the format of another machine",
        ),
    ];
    let tools = table.iter().enumerate().map(|(index, (program, _))| {
        format!("[[tool]]\nname = 't{index}'\ndescription = 'd'\ncommand = ['{program}']\n")
    });
    let daemon = Daemon::start("unstartable_tools", &tools.collect::<String>());
    let mut peer = daemon.connect();
    for (index, (program, expected)) in table.iter().enumerate() {
        let result = ask(&mut peer, &format!("t{index}"), &json!({}));
        assert_eq!(result["result"]["isError"], true);
        let said = text(&result);
        assert!(
            said.starts_with(&format!("{program} could not be started")),
            "{said}"
        );
        assert!(said.contains(expected), "{said}");
    }
    assert!(daemon.children().is_empty());
    assert_eq!(daemon.gauge("calls"), Some(0));
}

#[test]
fn a_tool_in_the_background_outlives_the_connection_that_has_called_it() {
    let tool = shell_tool(
        "backup",
        r#"echo half; while [ ! -e "$1" ]; do sleep 0.02; done; echo whole"#,
        "background = true",
    );
    let daemon = Daemon::start("background", &tool);
    let gate = daemon.folder.join("gate");
    let mut peer = daemon.connect();
    let begun = ask(&mut peer, "backup", &json!({ "text": gate }));
    let task = &begun["result"]["structuredContent"]["taskId"];
    let status = |daemon: &Daemon| {
        let mut peer = daemon.connect();
        ask(&mut peer, "task-status", &json!({ "id": task }))
    };
    drop(peer);
    eventually("progress", || {
        let said = status(&daemon);
        text(&said).ends_with(" is working: half").then_some(())
    });
    fs::write(&gate, "").expect("a file");
    let completed = eventually("the result", || {
        let said = status(&daemon);
        text(&said).ends_with(" has completed").then_some(said)
    });
    let result = &completed["result"]["structuredContent"]["result"];
    assert_eq!(result["content"][0]["text"], "half\nwhole");
    assert!(daemon.children().is_empty());
}
