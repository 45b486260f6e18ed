//! The configuration as it lies on a disk: search, drop-ins, what cannot be read; and the
//! subcommands that do something for it.

use slimcp::daemon::config::{self, Complaint, Environment, Loaded, Overrides};
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// An empty folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("config")
        .join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the target folder can be written");
    path
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn load(file: Option<&Path>, variables: &[(&str, &Path)]) -> Result<Loaded, Vec<Complaint>> {
    let environment = Environment::read(|name| {
        let pair = variables.iter().find(|(key, _)| *key == name);
        pair.map(|(_, value)| OsString::from(value))
    });
    config::load(file, &environment, &Overrides::default())
}

/// The complaint about `file`, without the path in front.
fn complaint(file: &Path) -> String {
    let complaints = load(Some(file), &[]).expect_err("a complaint");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let shown = complaints[0].to_string();
    let folder = file.parent().expect("a folder").display().to_string();
    shown
        .strip_prefix(&folder)
        .expect("a path in front")
        .to_string()
}

#[test]
fn drop_ins_follow_their_file_by_name() {
    let folder = folder("drop_ins");
    let file = folder.join("slimcp.toml");
    write(&file, "name = 'main'\ntitle = 'main'");
    write(&folder.join("conf.d/20-b.toml"), "name = 'b'");
    write(
        &folder.join("conf.d/10-a.toml"),
        "name = 'a'\nlimits.calls = 7",
    );
    write(&folder.join("conf.d/.hidden.toml"), "name = 'hidden'");
    write(&folder.join("conf.d/30-c.toml~"), "name = 'backup'");
    let loaded = load(Some(&file), &[]).expect("three sound files");
    assert_eq!(loaded.settings.name, "b");
    assert_eq!(loaded.settings.title.as_deref(), Some("main"));
    assert_eq!(loaded.settings.limits.calls_max, 7);
    let names = loaded
        .sources
        .iter()
        .map(|name| Path::new(name).file_name());
    let expected = ["slimcp.toml", "10-a.toml", "20-b.toml"].map(|name| Some(name.as_ref()));
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

#[test]
fn drop_ins_are_sorted_however_the_disk_lists_them() {
    let folder = folder("order");
    let file = folder.join("slimcp.toml");
    write(&file, "");
    // Neither this order nor its reverse is the one of the names.
    for index in [5, 1, 7, 3, 0, 8, 2, 6, 4] {
        write(&folder.join(format!("conf.d/{index}.toml")), "");
    }
    let sources = load(Some(&file), &[]).expect("empty files").sources;
    assert_eq!(sources.len(), 10);
    assert!(sources[1..].is_sorted(), "{sources:?}");
}

#[test]
fn a_complaint_names_the_drop_in_and_its_line() {
    let folder = folder("drop_in_complaint");
    let file = folder.join("slimcp.toml");
    write(&file, "");
    write(&folder.join("conf.d/a.toml"), "\nnames = 'a'");
    assert_eq!(
        complaint(&file),
        "/conf.d/a.toml:2: names: unknown key, did you mean name?"
    );
}

#[test]
fn the_option_comes_before_the_variable_and_both_before_the_search() {
    let folder = folder("search");
    let (option, variable) = (folder.join("option.toml"), folder.join("variable.toml"));
    let user = folder.join("user/slimcp/slimcp.toml");
    let variables = [
        ("SLIMCP_CONFIG", variable.as_path()),
        ("XDG_CONFIG_HOME", &folder.join("user")),
    ];
    write(&option, "name = 'option'");
    write(&variable, "name = 'variable'");
    write(&user, "name = 'user'");
    let name = |file, variables: &[_]| load(file, variables).expect("sound").settings.name;
    assert_eq!(name(Some(&option), &variables), "option");
    assert_eq!(name(None, &variables), "variable");
    assert_eq!(name(None, &variables[1..]), "user");
}

#[test]
fn a_named_file_must_exist() {
    let folder = folder("missing");
    let file = folder.join("none.toml");
    assert!(complaint(&file).starts_with("/none.toml: cannot be read: No such file"));
    assert!(load(None, &[("SLIMCP_CONFIG", &file)]).is_err());
    assert!(complaint(&folder).contains(": cannot be read: Is a directory"));
}

#[test]
fn a_user_file_that_cannot_be_opened_is_not_passed_over() {
    let folder = folder("unreadable");
    fs::create_dir_all(folder.join("slimcp/slimcp.toml")).expect("a folder in place of the file");
    let complaints = load(None, &[("XDG_CONFIG_HOME", &folder)]).expect_err("no file");
    assert!(
        complaints[0].problem.contains("Is a directory"),
        "{complaints:?}"
    );
}

#[test]
fn all_files_together_have_a_cap() {
    let folder = folder("cap");
    let file = folder.join("slimcp.toml");
    let half = config::CONFIG_BYTES_MAX / 2;
    write(&file, "#".repeat(half));
    write(&folder.join("conf.d/a.toml"), "#".repeat(half));
    assert!(load(Some(&file), &[]).is_ok());
    write(&folder.join("conf.d/b.toml"), "#");
    assert_eq!(
        complaint(&file),
        "/conf.d/b.toml: expected at most 262144 bytes in all files together"
    );
}

#[test]
fn drop_ins_have_a_number() {
    let folder = folder("number");
    let file = folder.join("slimcp.toml");
    write(&file, "");
    for index in 0..config::DROP_INS_MAX {
        write(&folder.join(format!("conf.d/{index}.toml")), "");
    }
    assert!(load(Some(&file), &[]).is_ok());
    write(&folder.join("conf.d/more.toml"), "");
    assert_eq!(
        complaint(&file),
        "/conf.d: expected at most 64 files *.toml"
    );
}

/// Runs the program in `folder`: exit code, stdout, stderr.
fn slimcp(folder: &Path, words: &[&str], token: Option<&str>) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimcp"));
    command.env_clear().current_dir(folder).args(words);
    command.envs(token.map(|token| ("SLIMCP_TOKEN", token)));
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("it ends by itself");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn the_key_of_jwt_is_read_from_its_file() {
    let folder = folder("jwt");
    let (file, key) = (folder.join("slimcp.toml"), folder.join("jwt.key"));
    write(&file, format!("jwt.secret_file = '{}'", key.display()));
    let problem = |file: &Path| {
        let shown = complaint(file);
        let (_, problem) = shown.rsplit_once("jwt.key: ").expect("the path of the key");
        problem.to_string()
    };
    assert!(problem(&file).starts_with("cannot be read: No such file"));
    write(&key, "k".repeat(31) + "\n");
    assert_eq!(problem(&file), "expected a secret of at least 32 bytes");
    write(&key, "k".repeat(5000));
    assert_eq!(problem(&file), "expected at most 4096 bytes");
    write(&key, "k".repeat(32) + "\n");
    let access = load(Some(&file), &[]).expect("a sound key").settings.access;
    assert!(access.jwt.is_some() && access.anonymous.is_none());
    let shown = format!("{access:?}");
    assert!(!shown.contains("kkk") && !shown.contains("107"), "{shown}");
    fs::remove_file(&key).expect("it is there");
    fs::create_dir(&key).expect("a folder in place of the key");
    assert_eq!(problem(&file), "expected a regular file");
}

#[test]
fn a_key_that_all_may_read_is_warned_of() {
    let folder = folder("jwt_exposed");
    let key = folder.join("jwt.key");
    write(&key, "k".repeat(32));
    let config = format!("jwt.secret_file = '{}'", key.display());
    write(&folder.join("slimcp.toml"), config);
    for (mode, is_told) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("it is ours");
        let (code, _, complaints) = slimcp(&folder, &["check"], None);
        assert_eq!((code, complaints.contains("chmod o-r /")), (0, is_told));
    }
}

#[test]
fn a_new_token_becomes_part_of_the_configuration() {
    let folder = folder("token");
    let words = ["token", "new", "--name", "laptop", "--role", "readonly"];
    let (code, text, complaints) = slimcp(&folder, &words, None);
    assert_eq!((code, complaints.as_str()), (0, ""));
    let (secret, lines) = text.split_once('\n').expect("two lines at least");
    assert!(secret.starts_with("slimcp_") && !lines.contains(secret));
    let (_, second, _) = slimcp(&folder, &["token", "new"], None);
    assert!(!second.starts_with(secret), "each is another one");
    let listen = "listen = '0.0.0.0:8000'\n";
    write(&folder.join("slimcp.toml"), format!("{listen}{lines}"));
    write(
        &folder.join("conf.d/more.toml"),
        second.split_once('\n').expect("lines").1,
    );
    let (code, report, complaints) = slimcp(&folder, &["check"], None);
    assert_eq!((code, complaints.as_str()), (0, ""));
    assert!(
        report.contains(
            "\n[[token]]\nname = \"laptop\"\nrole = \"readonly\"\n# sha256 is not shown\n"
        ),
        "{report}"
    );
    assert!(report.contains("\nname = \"token-"), "{report}");
    let digests = lines
        .lines()
        .filter_map(|line| line.strip_prefix("sha256 = "));
    for digest in digests {
        assert!(!report.contains(digest.trim_matches('"')), "{report}");
    }
    let (code, text, problem) = slimcp(&folder, &["token", "new", "--name", "a b"], None);
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(problem.contains("--name \"a b\""), "{problem}");
}

#[test]
fn a_listener_open_to_the_network_names_both_ways_out() {
    let folder = folder("open");
    let words = ["check", "--listen", "0.0.0.0:8000"];
    let (code, _, problem) = slimcp(&folder, &words, None);
    assert_eq!(code, 2);
    assert!(problem.contains("slimcp token new"), "{problem}");
    assert!(problem.contains("auth = \"none\""), "{problem}");
}

#[test]
fn a_client_is_told_of_the_server_that_is_configured() {
    let folder = folder("client");
    let zed = |words: &[&str]| {
        let words = [&["client-config", "zed"], words].concat();
        let (code, text, place) = slimcp(&folder, &words, Some("slimcp_secret"));
        assert_eq!(code, 0, "{place}");
        assert!(place.contains("slimcp: Zed: settings.json"), "{place}");
        assert!(!text.contains("slimcp_secret"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        json["context_servers"].clone()
    };
    let open = zed(&[]);
    assert_eq!(open["slimcp"]["url"], "http://127.0.0.1:8000/mcp");
    assert!(open["slimcp"]["headers"].is_null());
    let elsewhere = zed(&["--url", "http://pi.lan:8730"]);
    assert_eq!(elsewhere["slimcp"]["url"], "http://pi.lan:8730/mcp");
    assert_eq!(
        elsewhere["slimcp"]["headers"]["Authorization"],
        "Bearer TOKEN"
    );
    write(
        &folder.join("slimcp.toml"),
        "[[server]]\nname = 'files'\ncommand = ['files']",
    );
    let alone = zed(&["--server", "files"]);
    let url = "http://127.0.0.1:8000/servers/files/mcp";
    assert_eq!(alone["files"]["url"], url);
    let words = ["client-config", "zed", "--server", "file"];
    let (code, _, problem) = slimcp(&folder, &words, None);
    assert_eq!(code, 2);
    assert!(problem.contains("did you mean files?"), "{problem}");
    let digest = "0".repeat(64);
    write(
        &folder.join("slimcp.toml"),
        format!("listen = '9000'\nname = 'Garage Pi'\n[[token]]\nname = 'a'\nsha256 = '{digest}'"),
    );
    let guarded = zed(&[]);
    assert_eq!(guarded["Garage-Pi"]["url"], "http://127.0.0.1:9000/mcp");
    assert_eq!(
        guarded["Garage-Pi"]["headers"]["Authorization"],
        "Bearer TOKEN"
    );
}

#[test]
fn clients_that_are_not_known_are_told_which_are() {
    let folder = folder("clients");
    let (code, list, _) = slimcp(&folder, &["client-config", "--list"], None);
    assert_eq!(code, 0);
    assert_eq!(list.lines().count(), 11, "{list}");
    let (code, text, problem) = slimcp(&folder, &["client-config", "vscod"], None);
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(problem.contains("did you mean vscode?"), "{problem}");
    let words = ["client-config", "zed", "--listen", "unix:/a"];
    let (code, _, problem) = slimcp(&folder, &words, None);
    assert_eq!(code, 2);
    assert!(problem.contains("--url URL"), "{problem}");
}

/// Reads one request with a body that is told by its length, answers, and gives the request back.
fn serve(mut stream: impl Read + Write, answer: &str) -> String {
    let mut request = Vec::new();
    let whole = |request: &[u8]| {
        let text = String::from_utf8_lossy(request).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.split("Content-Length: ").nth(1)?.lines().next()?;
        (body.len() == length.parse::<usize>().ok()?).then(|| text.clone())
    };
    loop {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).expect("more of a request"), 1);
        request.push(byte[0]);
        if let Some(text) = whole(&request) {
            stream.write_all(answer.as_bytes()).expect("somebody reads");
            return text;
        }
    }
}

const QUEUED: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"ok\":true,\"queued\":2}";

#[test]
fn an_event_is_sent_with_the_token_of_the_environment_or_a_file() {
    let folder = folder("notify");
    let token = folder.join("token");
    write(&token, "slimcp_file\n");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let send = |words: &[&str], token: Option<&str>, answer: &'static str| {
        let listener = listener.try_clone().expect("one more of it");
        let server = thread::spawn(move || serve(listener.accept().expect("a client").0, answer));
        let outcome = slimcp(&folder, &[&["notify", &url], words].concat(), token);
        (server.join().expect("it has answered"), outcome)
    };
    let words = ["alarm", "{\"level\":3}", "--role", "team"];
    let (request, outcome) = send(&words, Some("slimcp_variable"), QUEUED);
    assert_eq!(outcome, (0, "queued on 2 streams\n".into(), String::new()));
    assert!(
        request.starts_with("POST /mcp/sse/broadcast HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nAuthorization: Bearer slimcp_variable\r\n"),
        "{request}"
    );
    let body = r#"{"message":{"type":"alarm","level":3},"filter":{"tokenTypes":["team"]}}"#;
    assert!(request.ends_with(body), "{request}");
    let file = token.to_str().expect("a path of ours");
    let words = ["--token-file", file, "backup-done"];
    let refusal = "HTTP/1.1 403 Forbidden\r\n\r\nrole team may not broadcast";
    let (request, (code, text, problem)) = send(&words, Some("slimcp_variable"), refusal);
    assert!(
        request.contains("\r\nAuthorization: Bearer slimcp_file\r\n"),
        "{request}"
    );
    assert_eq!((code, text.as_str()), (1, ""));
    assert!(
        problem.ends_with(": answers 403: role team may not broadcast\n"),
        "{problem}"
    );
    assert!(!problem.contains("slimcp_file"), "{problem}");
}

#[test]
fn an_event_goes_through_a_unix_socket_too() {
    let folder = folder("notify_unix");
    let listener = UnixListener::bind(folder.join("s")).expect("a short path");
    let server = thread::spawn(move || serve(listener.accept().expect("a client").0, QUEUED));
    let url = format!("unix:{}", folder.join("s").display());
    let (code, text, _) = slimcp(&folder, &["notify", &url, "alarm"], None);
    assert_eq!((code, text.as_str()), (0, "queued on 2 streams\n"));
    let request = server.join().expect("it has answered");
    assert!(request.contains("\r\nHost: localhost\r\n"), "{request}");
    assert!(!request.contains("Authorization"), "{request}");
}

#[test]
fn an_event_that_cannot_be_sent_says_why() {
    let folder = folder("notify_refused");
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let nobody = format!("http://{}", free.local_addr().expect("it is bound"));
    drop(free);
    let table: [(&[&str], i32, &str); 5] = [
        (&[&nobody, "alarm"], 1, "refused"),
        (&["https://pi", "alarm"], 2, "no TLS here"),
        (&[&nobody, "alarm", "{"], 2, "not JSON"),
        (
            &[&nobody, "alarm", "--token-file", "/nonexistent"],
            2,
            "cannot be read",
        ),
        (&[&nobody], 2, "expected slimcp notify URL EVENT [JSON]"),
    ];
    for (words, code, part) in table {
        let (found, text, problem) = slimcp(&folder, &[&["notify"], words].concat(), None);
        assert_eq!((found, text.as_str()), (code, ""), "{words:?}: {problem}");
        assert!(problem.contains(part), "{words:?}: {problem}");
    }
}
