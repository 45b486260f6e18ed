//! Processes that are shot from outside.

use crate::harness::{Daemon, call, eventually, post, shell_tool, text};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

#[test]
fn a_command_that_is_killed_is_an_error_with_what_it_said() {
    let script = r#"echo "half a line" >&2; echo $$ >"$1"; exec sleep 1000"#;
    let daemon = Daemon::start("shot", &shell_tool("victim", script, ""));
    let marker = daemon.folder.join("marker");
    let mut peer = daemon.connect();
    let arguments = format!(r#"{{"text":"{}"}}"#, marker.display());
    peer.send(post("/mcp", "", &call(1, "victim", &arguments)));
    let pid: i32 = eventually("the start of the command", || {
        let text = fs::read_to_string(&marker).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    });
    kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL).expect("it lives");
    let result = peer.response().json();
    assert_eq!(result["result"]["isError"], true);
    let said = text(&result);
    assert!(said.starts_with("ended by signal 9"), "{said}");
    assert!(said.contains("half a line"), "{said}");
    assert!(daemon.children().is_empty());
    assert_eq!(daemon.gauge("calls"), Some(0));
}
