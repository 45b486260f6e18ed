//! `[insight]` over whatever stands in folders, good or bad.

use crate::harness::{Daemon, call, eventually, folder, post, program, run, text};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A folder of notes, made anew, in which one is right.
fn notes(name: &str) -> PathBuf {
    let path = folder(&format!("{name}_notes")).join("notes");
    fs::create_dir(&path).expect("a folder");
    fs::write(path.join("pump.md"), "# Pump\n\nThe impeller is stuck.\n").expect("a file");
    path
}

/// The configuration for folders of notes.
fn config(notes: &[&Path], state: &Path, more: &str) -> String {
    let notes: Vec<String> = notes.iter().map(|path| format!("{path:?}")).collect();
    let notes = notes.join(", ");
    format!("[insight]\nnotes = [{notes}]\nstate = {state:?}\n{more}")
}

fn ask(daemon: &Daemon, tool: &str, arguments: &str) -> Value {
    let body = call(1, tool, arguments);
    daemon.connect().ask(post("/mcp", "", &body)).json()
}

/// What a search finds.
fn hits(daemon: &Daemon, query: &str) -> Vec<Value> {
    let answer = ask(
        daemon,
        "knowledge-search",
        &json!({ "query": query }).to_string(),
    );
    let hits = answer["result"]["structuredContent"]["hits"].as_array();
    hits.unwrap_or_else(|| panic!("no hits: {answer}")).clone()
}

/// How the index is, once all was looked at.
fn known(daemon: &Daemon) -> Value {
    eventually("the folders are known", || {
        let answer = ask(daemon, "task-status", r#"{"id":"insight-index"}"#);
        let status = answer["result"]["structuredContent"].clone();
        (status["status"] == "completed").then_some(status)
    })
}

fn read(daemon: &Daemon, uri: &str) -> Value {
    let params = json!({ "uri": uri });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params });
    daemon
        .connect()
        .ask(post("/mcp", "", &body.to_string()))
        .json()
}

#[test]
fn bad_files_are_left_out_and_the_others_found() {
    let notes = notes("bad_files");
    let state = notes.with_file_name("state");
    let binary: Vec<u8> = (0..4096_u32).map(|byte| (byte % 251) as u8).collect();
    fs::write(notes.join("binary.md"), binary).unwrap();
    fs::write(notes.join("latin.md"), b"# M\xfcll\n\nimpeller \xff\xfe\n").unwrap();
    fs::write(notes.join("empty.md"), "").unwrap();
    let odd = OsStr::from_bytes(b"odd\n[1] \xff.md");
    fs::write(notes.join(odd), "# Odd\n\nThe rotor is odd.\n").unwrap();
    let huge = File::create(notes.join("huge.md")).unwrap();
    huge.set_len(2 << 30).unwrap();
    fs::write(notes.with_file_name("secret.md"), "impeller secret").unwrap();
    symlink("../secret.md", notes.join("link.md")).unwrap();
    symlink("..", notes.join("parent")).unwrap();
    symlink(&notes, notes.join("round")).unwrap();
    let daemon = Daemon::start("bad_files", &config(&[&notes], &state, ""));
    known(&daemon);
    let found = hits(&daemon, "impeller");
    let uris: Vec<&str> = found
        .iter()
        .map(|hit| hit["uri"].as_str().unwrap())
        .collect();
    assert!(uris.contains(&"insight://notes/pump.md"), "{found:?}");
    assert!(
        !uris
            .iter()
            .any(|uri| uri.contains("secret") || uri.contains("link")),
        "{uris:?}"
    );
    let odd = hits(&daemon, "rotor");
    assert_eq!(odd[0]["uri"], "insight://notes/odd%0A%5B1%5D%20%FF.md");
    let whole = read(&daemon, "insight://notes/odd%0A%5B1%5D%20%FF.md");
    let said = &whole["result"]["contents"][0]["text"];
    assert_eq!(said, "# Odd\n\nThe rotor is odd.\n", "{whole}");
}

#[test]
fn folders_that_cannot_be_read_are_told_and_the_others_known() {
    let notes = notes("folders");
    let above = notes.with_file_name("above");
    fs::create_dir(&above).unwrap();
    let (missing, file, loops) = (
        above.join("missing"),
        above.join("file"),
        above.join("loop"),
    );
    fs::write(&file, "a file").unwrap();
    symlink(&loops, &loops).unwrap();
    let all: [&Path; 4] = [&missing, &file, &loops, &notes];
    let text = config(&all, &above.join("state"), "");
    let checked = run(program(&above, &text).arg("check"));
    let (code, stdout, stderr) = checked;
    assert_eq!(code, 0, "{stderr}");
    for path in [&missing, &file, &loops] {
        let warned = format!("insight: {}: cannot be read", path.display());
        assert!(stderr.contains(&warned), "{stderr}");
    }
    assert!(stdout.contains("#   reads: 1 files of 31 B"), "{stdout}");
    assert!(stdout.contains("which is not in the ceiling"), "{stdout}");
    let daemon = Daemon::start("folders", &text);
    let status = known(&daemon);
    let trouble = status["trouble"].to_string();
    for name in ["missing", "file", "loop"] {
        assert!(trouble.contains(&format!("above/{name}")), "{trouble}");
    }
    assert_eq!(hits(&daemon, "impeller").len(), 1);
}

#[test]
fn resources_lead_nowhere_else() {
    let notes = notes("nowhere_else");
    fs::write(notes.with_file_name("secret.md"), "secret").unwrap();
    fs::write(notes.join(".env"), "secret").unwrap();
    fs::create_dir_all(notes.join("target")).unwrap();
    fs::write(notes.join("target/secret.md"), "secret").unwrap();
    symlink("../secret.md", notes.join("link.md")).unwrap();
    symlink("..", notes.join("parent")).unwrap();
    let state = notes.with_file_name("state");
    let daemon = Daemon::start("nowhere_else", &config(&[&notes], &state, ""));
    let ways = [
        "../secret.md",
        "%2e%2e/secret.md",
        "..%2fsecret.md",
        "link.md",
        "parent/secret.md",
        ".env",
        "target/secret.md",
        "/etc/passwd",
        "pump.md%00",
        "nothing.md",
        "",
        "pump.md/",
    ];
    for way in ways {
        let answer = read(&daemon, &format!("insight://notes/{way}"));
        assert_eq!(answer["error"]["code"], -32002, "{way}: {answer}");
    }
    let answer = read(&daemon, "insight://notes/pump.md");
    assert!(
        answer["result"]["contents"][0]["text"].is_string(),
        "{answer}"
    );
}

#[test]
fn the_same_index_serves_on_after_a_restart_without_what_has_vanished() {
    let notes = notes("vanished");
    let state = notes.with_file_name("state");
    let gone = notes.join("gone.md");
    fs::write(&gone, "# Gone\n\nThe rotor.\n").unwrap();
    let text = config(&[&notes], &state, "");
    let mut daemon = Daemon::start("vanished", &text);
    known(&daemon);
    assert_eq!(hits(&daemon, "rotor").len(), 1);
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
    fs::remove_file(&gone).unwrap();
    let daemon = Daemon::start("vanished", &text);
    known(&daemon);
    assert_eq!(hits(&daemon, "rotor").len(), 0);
    assert_eq!(hits(&daemon, "impeller").len(), 1);
}

#[test]
fn a_reload_with_other_folders_knows_those() {
    let (first, second) = (notes("reload_first"), notes("reload_second"));
    fs::write(second.join("rotor.md"), "# Rotor\n\nThe rotor.\n").unwrap();
    let state = first.with_file_name("state");
    let daemon = Daemon::start("reloaded", &config(&[&first], &state, ""));
    known(&daemon);
    assert_eq!(hits(&daemon, "rotor").len(), 0);
    let file = daemon.folder.join("slimcp.toml");
    fs::write(&file, config(&[&second], &state, "")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.line("reloaded ");
    eventually("the other folder is known", || {
        let answer = ask(&daemon, "knowledge-search", r#"{"query":"rotor"}"#);
        // The thread before has the folder of the index for a while: that is nobody's fault.
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        let hits = answer["result"]["structuredContent"]["hits"]
            .as_array()?
            .len();
        (hits == 1).then_some(())
    });
    known(&daemon);
    assert_eq!(
        hits(&daemon, "impeller").len(),
        1,
        "that of the second folder"
    );
    fs::write(&file, "").unwrap();
    daemon.signal(Signal::HUP);
    eventually("nobody asks any more", || {
        let answer = ask(&daemon, "knowledge-search", r#"{"query":"rotor"}"#);
        (answer["error"]["code"] == -32602).then_some(())
    });
}

#[test]
fn senseless_questions_are_answered_with_what_is_expected() {
    let notes = notes("senseless");
    let state = notes.with_file_name("state");
    let daemon = Daemon::start("senseless", &config(&[&notes], &state, ""));
    known(&daemon);
    let endless = json!({ "query": "impeller ".repeat(50_000), "limit": 1_000_000 }).to_string();
    let answer = ask(&daemon, "knowledge-search", &endless);
    let note = answer["result"]["structuredContent"]["note"]
        .as_str()
        .unwrap();
    assert!(
        note.contains("first 1016 bytes") && note.contains("limit is 50"),
        "{note}"
    );
    let table = [
        ("knowledge-search", r#"{"query":""}"#, "expected words"),
        (
            "vector-search",
            r#"{"query":"a","limit":0}"#,
            "from 1 to 50, got 0",
        ),
        (
            "vector-search",
            r#"{"query":"a","limit":-1}"#,
            "from 1 to 50, got -1",
        ),
        ("vector-search", r#"{"query":"a","limit":"5"}"#, "got \"5\""),
        (
            "vector-search",
            r#"{"query":"a","language":"cobol"}"#,
            "there is no code",
        ),
    ];
    for (tool, arguments, expected) in table {
        let answer = ask(&daemon, tool, arguments);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(text(&answer).contains(expected), "{answer}");
    }
}
