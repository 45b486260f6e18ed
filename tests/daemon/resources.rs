//! Resources and prompts of the configuration: real files, folders and commands.

use crate::harness::{Daemon, Peer, folder, get, post, program, run};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A folder of files beside the configuration, made anew.
fn files(name: &str) -> PathBuf {
    let path = folder(&format!("{name}_files"));
    fs::create_dir(path.join("notes")).expect("a folder");
    path
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

/// The answer to a request outside any session.
fn ask(daemon: &Daemon, method: &str, params: &str) -> Value {
    let body = request(method, params);
    daemon.connect().ask(post("/mcp", "", &body)).json()
}

fn read(daemon: &Daemon, uri: &str) -> Value {
    ask(daemon, "resources/read", &format!(r#"{{"uri":"{uri}"}}"#))
}

/// The one text that a resource says.
fn text(daemon: &Daemon, uri: &str) -> String {
    let answer = read(daemon, uri);
    let text = answer["result"]["contents"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no text: {answer}"))
        .to_string()
}

/// Code and text of the error that reading gives.
fn refused(daemon: &Daemon, uri: &str) -> (i64, String) {
    let answer = read(daemon, uri);
    let code = answer["error"]["code"].as_i64();
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    let code = code.unwrap_or_else(|| panic!("no error: {answer}"));
    (code, message.to_string())
}

/// There is no such resource.
const UNKNOWN: i64 = -32002;

/// It cannot be read.
const FAILED: i64 = -32603;

fn uris(daemon: &Daemon) -> Vec<String> {
    let answer = ask(daemon, "resources/list", "{}");
    let listed = answer["result"]["resources"].as_array();
    let listed = listed.unwrap_or_else(|| panic!("no list: {answer}"));
    let uri = |one: &Value| one["uri"].as_str().expect("a URI").to_string();
    listed.iter().map(uri).collect()
}

fn folder_of(files: &Path, glob: &str) -> String {
    let notes = files.join("notes");
    format!(
        "[[resource]]\nfolder = '{}'\nglob = '{glob}'\nuri = 'notes://'\nwatch = '1s'\n",
        notes.display()
    )
}

/// A session with a stream that has subscribed to a resource.
fn subscriber(daemon: &Daemon, uri: &str) -> (Peer<TcpStream>, Peer<TcpStream>, String) {
    let mut peer = daemon.connect();
    let fields = peer.session();
    let mut stream = daemon.connect();
    stream.send(get("/mcp", &fields));
    assert!(stream.head().starts_with("HTTP/1.1 200 "));
    let body = request("resources/subscribe", &format!(r#"{{"uri":"{uri}"}}"#));
    let answer = peer.ask(post("/mcp", &fields, &body)).json();
    assert_eq!(answer["result"].to_string(), "{}", "{answer}");
    (stream, peer, fields)
}

#[test]
fn a_file_is_listed_with_what_is_known_of_it_and_read_as_it_is_now() {
    let files = files("file");
    let path = files.join("a b.json");
    let config = format!(
        "[[resource]]\nfile = '{}'\ndescription = 'd'\n[[resource]]\nfile = '{}'\nuri = 'x:late'\n\
         [[resource]]\nfile = '/proc/self/stat'\nuri = 'x:stat'\n",
        path.display(),
        files.join("late").display()
    );
    fs::write(&path, "{}").expect("a file");
    let daemon = Daemon::start("file", &config);
    daemon.line("resource x:late: ");
    let answer = ask(&daemon, "resources/list", "{}");
    let listed = &answer["result"]["resources"][0];
    let uri = format!("file://{}/a%20b.json", files.display());
    assert_eq!(listed["uri"], uri);
    assert_eq!(listed["name"], "a b.json");
    assert_eq!(listed["description"], "d");
    assert_eq!(listed["mimeType"], "application/json");
    assert_eq!(text(&daemon, &uri), "{}");
    fs::write(&path, "{\"a\":1}").expect("a file");
    assert_eq!(text(&daemon, &uri), "{\"a\":1}");
    fs::remove_file(&path).expect("it is there");
    assert_eq!(refused(&daemon, &uri).0, UNKNOWN);
    assert_eq!(refused(&daemon, "x:late").0, UNKNOWN);
    fs::write(files.join("late"), "now").expect("a file");
    assert_eq!(text(&daemon, "x:late"), "now");
    let typed = read(&daemon, "x:late");
    assert_eq!(typed["result"]["contents"][0]["mimeType"], "text/plain");
    let stat = text(&daemon, "x:stat");
    assert!(stat.contains("(slimcp)"), "a file of the kernel: {stat}");
    fs::write(files.join("late"), b"\xff\xfe").expect("a file");
    let contents = &read(&daemon, "x:late")["result"]["contents"][0];
    assert_eq!(contents["blob"], "//4=");
    assert_eq!(contents["mimeType"], "application/octet-stream");
}

#[test]
fn only_files_that_fit_are_read() {
    let files = files("refused");
    let pipe = files.join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
    fs::write(files.join("large"), "x".repeat(2049)).expect("a file");
    fs::write(files.join("whole"), "x".repeat(2048)).expect("a file");
    symlink("whole", files.join("link")).expect("a link");
    symlink("loop", files.join("loop")).expect("a link");
    let names = ["pipe", "large", "whole", "link", "loop", "notes"];
    let resource = |name: &str| {
        let path = files.join(name);
        format!(
            "[[resource]]\nfile = '{}'\nuri = 'x:{name}'\n",
            path.display()
        )
    };
    let resources = names.map(resource).concat();
    let device = "[[resource]]\nfile = '/dev/zero'\nuri = 'x:device'\n";
    let config = format!("limits.output = '2KiB'\n{resources}{device}");
    let daemon = Daemon::start("refused", &config);
    for name in ["pipe", "notes", "device"] {
        let (code, message) = refused(&daemon, &format!("x:{name}"));
        assert_eq!(code, FAILED, "{name}");
        assert!(message.contains("not a regular file"), "{message}");
    }
    let (code, message) = refused(&daemon, "x:large");
    assert_eq!(code, FAILED);
    assert!(message.contains("raise limits.output"), "{message}");
    assert_eq!(refused(&daemon, "x:loop").0, FAILED);
    // What the operator names may be a link.
    for name in ["whole", "link"] {
        assert_eq!(text(&daemon, &format!("x:{name}")).len(), 2048);
    }
    let descriptors = daemon.descriptors();
    for name in names {
        read(&daemon, &format!("x:{name}"));
    }
    assert!(daemon.descriptors() <= descriptors + 1, "files stay open");
}

#[test]
fn a_folder_is_what_is_in_it_now() {
    let files = files("folder");
    let notes = files.join("notes");
    let daemon = Daemon::start("folder", &folder_of(&files, "**/*.md"));
    assert!(uris(&daemon).is_empty());
    fs::create_dir_all(notes.join("b/.hidden")).expect("a folder");
    let odd = OsStr::from_bytes(b"new\nline\xff.md");
    for (name, text) in [
        (OsStr::new("z.md"), "z"),
        (OsStr::new("b/a b.md"), "ab"),
        (odd, "odd"),
        (OsStr::new("b/.hidden/c.md"), "secret"),
        (OsStr::new(".d.md"), "secret"),
        (OsStr::new("e.txt"), "secret"),
    ] {
        fs::write(notes.join(name), text).expect("a file");
    }
    let expected = [
        "notes://b/a%20b.md",
        "notes://new%0Aline%FF.md",
        "notes://z.md",
    ];
    assert_eq!(uris(&daemon), expected);
    for (uri, said) in expected.iter().zip(["ab", "odd", "z"]) {
        assert_eq!(text(&daemon, uri), said);
    }
    for other in ["b/.hidden/c.md", ".d.md", "e.txt", "y.md", "", "b"] {
        assert_eq!(
            refused(&daemon, &format!("notes://{other}")).0,
            UNKNOWN,
            "{other}"
        );
    }
    let answer = ask(&daemon, "resources/list", "{}");
    let first = &answer["result"]["resources"][0];
    assert_eq!(
        (&first["name"], &first["size"]),
        (&"b/a b.md".into(), &2.into())
    );
    assert_eq!(first["mimeType"], "text/markdown");
    fs::remove_dir_all(&notes).expect("it is there");
    assert!(uris(&daemon).is_empty());
}

#[test]
fn nothing_leads_out_of_a_folder() {
    let files = files("outside");
    let notes = files.join("notes");
    fs::write(files.join("secret.md"), "secret").expect("a file");
    fs::create_dir(files.join("notes_too")).expect("a folder");
    fs::write(files.join("notes_too/secret.md"), "secret").expect("a file");
    fs::write(notes.join("inside.md"), "inside").expect("a file");
    symlink("../secret.md", notes.join("out.md")).expect("a link");
    symlink("../notes_too", notes.join("too")).expect("a link");
    symlink(files.join("secret.md"), notes.join("absolute.md")).expect("a link");
    symlink("inside.md", notes.join("in.md")).expect("a link");
    symlink(".", notes.join("round")).expect("a link");
    mknodat(CWD, notes.join("pipe.md"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
    // The folder itself may be reached through a link.
    symlink(&notes, files.join("door")).expect("a link");
    let config = folder_of(&files, "**/*.md").replace("/notes'", "/door'");
    let daemon = Daemon::start("outside", &config);
    assert_eq!(uris(&daemon), ["notes://in.md", "notes://inside.md"]);
    for uri in ["in.md", "inside.md", "round/inside.md"] {
        assert_eq!(text(&daemon, &format!("notes://{uri}")), "inside");
    }
    for uri in [
        "out.md",
        "absolute.md",
        "too/secret.md",
        "../secret.md",
        "%2e%2e/secret.md",
        "..%2Fsecret.md",
        "too/../../secret.md",
        "/etc/hosts",
    ] {
        let (code, message) = refused(&daemon, &format!("notes://{uri}"));
        assert_eq!(code, UNKNOWN, "{uri}: {message}");
    }
    assert_eq!(refused(&daemon, "notes://pipe.md").0, FAILED);
    // It was a file when it was listed.
    fs::remove_file(notes.join("inside.md")).expect("it is there");
    symlink("../secret.md", notes.join("inside.md")).expect("a link");
    assert_eq!(refused(&daemon, "notes://inside.md").0, UNKNOWN);
}

#[test]
fn a_large_folder_is_listed_to_its_bound_with_one_warning() {
    let files = files("many");
    for number in 0..1010 {
        fs::write(files.join(format!("notes/{number:04}")), "").expect("a file");
    }
    let daemon = Daemon::start("many", &folder_of(&files, "*"));
    let mut seen = 0;
    let mut params = "{}".to_string();
    for _ in 0..10 {
        let answer = ask(&daemon, "resources/list", &params);
        seen += answer["result"]["resources"]
            .as_array()
            .expect("a list")
            .len();
        let cursor = answer["result"]["nextCursor"].as_str().unwrap_or_default();
        params = format!(r#"{{"cursor":"{cursor}"}}"#);
    }
    assert_eq!((seen, params.as_str()), (1000, r#"{"cursor":""}"#));
    daemon.line("only the first 1000 files are listed");
    let warnings = daemon.log();
    let warnings = warnings
        .iter()
        .filter(|line| line.contains("only the first"));
    assert_eq!(warnings.count(), 1);
    // One that is not listed can be read all the same.
    assert_eq!(text(&daemon, "notes://1009"), "");
}

#[test]
fn a_command_is_run_for_each_read() {
    let files = files("command");
    let count = files.join("count");
    let command = |uri: &str, script: &str| {
        format!(
            "[[resource]]\nuri = '{uri}'\nname = 'n'\ncommand = ['sh', '-c', '''{script}''']\n\
             timeout = '1s'\n"
        )
    };
    let counting = format!("echo x >>{0}; wc -l <{0}", count.display());
    let config = [
        command("x:count", &counting),
        command("x:fails", "echo why >&2; exit 3"),
        command("x:sleeps", "sleep 60"),
        command("x:bytes", r"printf '\377'"),
    ];
    let daemon = Daemon::start("resource_command", &config.concat());
    assert_eq!(text(&daemon, "x:count").trim(), "1");
    assert_eq!(text(&daemon, "x:count").trim(), "2");
    assert_eq!(
        read(&daemon, "x:bytes")["result"]["contents"][0]["blob"],
        "/w=="
    );
    let (code, message) = refused(&daemon, "x:fails");
    assert_eq!(code, FAILED);
    assert!(
        message.contains("exit status 3") && message.contains("why"),
        "{message}"
    );
    let (code, message) = refused(&daemon, "x:sleeps");
    assert_eq!(code, FAILED);
    assert!(message.contains("stopped after 1 s"), "{message}");
    assert!(daemon.children().is_empty());
}

#[test]
fn a_subscriber_hears_when_a_file_changes_in_any_way() {
    let files = files("subscribed");
    let path = files.join("notes/a.md");
    fs::write(&path, "one").expect("a file");
    let daemon = Daemon::start("subscribed", &folder_of(&files, "*"));
    let (mut stream, ..) = subscriber(&daemon, "notes://a.md");
    let mut hears = |expected: &[&str]| {
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            let message = stream.message();
            let method = message["method"].as_str().expect("a notification");
            let uri = message["params"]["uri"].as_str().unwrap_or_default();
            heard.push(format!(
                "{} {uri}",
                method.trim_start_matches("notifications/")
            ));
        }
        heard.sort();
        assert_eq!(heard, expected);
    };
    let updated = "resources/updated notes://a.md";
    fs::write(&path, "changed").expect("a file");
    hears(&[updated]);
    fs::remove_file(&path).expect("it is there");
    hears(&["resources/list_changed ", updated]);
    fs::write(&path, "again").expect("a file");
    hears(&["resources/list_changed ", updated]);
    fs::write(files.join("notes/b"), "new").expect("a file");
    hears(&["resources/list_changed "]);
    fs::write(files.join("outside"), "outside").expect("a file");
    fs::remove_file(&path).expect("it is there");
    symlink("../outside", &path).expect("a link");
    hears(&["resources/list_changed ", updated]);
}

#[test]
fn a_subscriber_hears_of_another_output() {
    let count = files("output").join("count");
    let script = format!("echo x >>{0}; wc -l <{0}", count.display());
    let config = format!(
        "[[resource]]\nuri = 'x:count'\nname = 'n'\nwatch = '1s'\n\
         command = ['sh', '-c', '{script}']\n\
         [[resource]]\nuri = 'x:sleeps'\nname = 'n'\nwatch = '1s'\n\
         command = ['sleep', '60']\ntimeout = '100ms'\n"
    );
    let mut daemon = Daemon::start("output", &config);
    let (mut stream, mut peer, fields) = subscriber(&daemon, "x:count");
    let body = request("resources/subscribe", r#"{"uri":"x:sleeps"}"#);
    peer.ask(post("/mcp", &fields, &body));
    for _ in 0..2 {
        let message = stream.message();
        assert_eq!(message["method"], "notifications/resources/updated");
        assert_eq!(message["params"]["uri"], "x:count");
    }
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
}

#[test]
fn a_reload_brings_other_resources_and_prompts() {
    let before = "[[resource]]\nfile = '/etc/hostname'\nuri = 'x:a'\n";
    let daemon = Daemon::start("resource_reload", before);
    let mut peer = daemon.connect();
    let fields = peer.session();
    let mut stream = daemon.connect();
    stream.send(get("/mcp", &fields));
    assert!(stream.head().starts_with("HTTP/1.1 200 "));
    let after = "[[resource]]\nfile = '/etc/hostname'\nuri = 'x:b'\n\
                 [[prompt]]\nname = 'p'\ntext = 'Look at {what} {}.'\n[prompt.arguments]\n\
                 what = { required = true, values = ['ships', 'shoes'] }\n";
    fs::write(daemon.folder.join("slimcp.toml"), after).expect("a file");
    daemon.signal(Signal::HUP);
    let mut heard = [stream.message(), stream.message()].map(|message| message["method"].clone());
    heard.sort_by_key(Value::to_string);
    let lists = ["prompts", "resources"];
    assert_eq!(
        heard,
        lists.map(|list| format!("notifications/{list}/list_changed"))
    );
    assert_eq!(uris(&daemon), ["x:b"]);
    let params = r#"{"name":"p","arguments":{"what":"this"}}"#;
    let answer = ask(&daemon, "prompts/get", params);
    let message = &answer["result"]["messages"][0];
    assert_eq!(message["content"]["text"], "Look at this {}.");
    let params = r#"{"ref":{"type":"ref/prompt","name":"p"},
        "argument":{"name":"what","value":"sho"}}"#;
    let answer = ask(&daemon, "completion/complete", params);
    assert_eq!(
        answer["result"]["completion"]["values"],
        serde_json::json!(["shoes"])
    );
}

#[test]
fn check_names_resources_and_prompts_and_warns_of_what_is_missing() {
    let folder = folder("check_resources");
    let config = "[[resource]]\nfile = '/nowhere/a'\n[[resource]]\nfolder = '/etc/hostname'\n\
                  [[prompt]]\nname = 'p'\ntext = 't'\n";
    let (code, stdout, stderr) = run(program(&folder, config).arg("check"));
    assert_eq!(code, 0);
    assert!(
        stdout.contains("# resources: 2\n#   file:///nowhere/a\n"),
        "{stdout}"
    );
    assert!(stdout.contains("# prompts: 1\n#   p\n"), "{stdout}");
    let missing = "slimcp: resource file:///nowhere/a: /nowhere/a: cannot be read: No such file";
    assert!(stderr.contains(missing), "{stderr}");
    let kind = "resource file:///etc/hostname/: /etc/hostname: expected a folder\n";
    assert!(stderr.contains(kind), "{stderr}");
}
