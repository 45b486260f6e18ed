//! What the operator does: check, start, reload, stop, read the log.

use crate::harness::{
    Daemon, PATIENCE, Peer, call, eventually, folder, get, health, post, program, run, shell_tool,
    text,
};
use rustix::process::Signal;
use std::fs;
use std::io::Read;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn rewrite(daemon: &Daemon, config: &str) {
    fs::write(daemon.folder.join("slimcp.toml"), config).expect("a file");
    daemon.signal(Signal::HUP);
}

#[test]
fn check_prints_and_a_bad_file_is_pointed_at() {
    let folder = folder("check");
    let mut good = program(&folder, "name = 'checked'");
    let (code, stdout, stderr) = run(good.arg("check"));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.contains("checked") && stdout.contains("8MiB"),
        "{stdout}"
    );

    for subcommand in ["check", "serve"] {
        let mut bad = program(&folder, "name = 'checked'\nlimits.calls = 'many'\n");
        let (code, stdout, stderr) = run(bad.arg(subcommand));
        assert_eq!((code, stdout.as_str()), (2, ""));
        let expected = format!("{}/slimcp.toml:2: limits.calls", folder.display());
        assert!(stderr.contains(&expected), "{stderr}");
    }
    let (code, _, stderr) = run(program(&folder, "").arg("--lisen"));
    assert_eq!(code, 2);
    assert!(stderr.contains("--listen"), "{stderr}");
}

#[test]
fn the_network_gets_in_only_with_auth_none() {
    let folder = folder("network");
    let mut command = program(&folder, "");
    let (code, _, stderr) = run(command.args(["--listen", "0.0.0.0:0"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("auth = \"none\""), "{stderr}");
    let mut command = program(&folder, "auth = 'none'");
    command.args(["--listen", "0.0.0.0:0"]);
    let daemon = Daemon::of(folder, command);
    let port = daemon.address().port();
    let socket = std::net::TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    assert_eq!(Peer::new(socket).ask(health()).status, 200);
}

#[test]
fn it_listens_at_once() {
    let start = |_| {
        let begin = Instant::now();
        let daemon = Daemon::start("quick", "");
        let took = begin.elapsed();
        assert_eq!(daemon.connect().ask(health()).status, 200);
        took
    };
    let best = (0..5).map(start).min().expect("five starts");
    assert!(best < Duration::from_millis(100), "{best:?}");
}

#[test]
fn a_broken_file_keeps_the_running_configuration() {
    let daemon = Daemon::start("hup_broken", &shell_tool("before", "echo before", ""));
    rewrite(&daemon, "name = 'new'\nnonsense = 1\n");
    let line = daemon.line("the running configuration stays");
    assert!(line.starts_with("ERROR"), "{line}");
    assert!(line.contains("slimcp.toml:2: nonsense"), "{line}");
    let mut peer = daemon.connect();
    let request = post("/mcp", "", &call(1, "before", "{}"));
    assert_eq!(text(&peer.ask(request).json()), "before");
}

#[test]
fn other_tools_are_announced_to_those_who_listen() {
    let daemon = Daemon::start("hup_tools", &shell_tool("before", "echo before", ""));
    let mut stream = daemon.connect();
    let mut peer = daemon.connect();
    let fields = peer.session();
    stream.send(get("/mcp", &fields));
    assert!(stream.head().starts_with("HTTP/1.1 200 "));
    rewrite(&daemon, &shell_tool("after", "echo after", ""));
    assert_eq!(
        stream.message()["method"],
        "notifications/tools/list_changed"
    );
    let listed = peer.ask(post("/mcp", &fields, LIST)).body;
    assert!(
        listed.contains("\"after\"") && !listed.contains("\"before\""),
        "{listed}"
    );
    daemon.line("reloaded servers=0 tools=3");
}

#[test]
fn a_stop_lets_running_calls_finish() {
    let script = r#"touch "$1.started"; while [ ! -e "$1" ]; do sleep 0.02; done; echo finished"#;
    let mut daemon = Daemon::start("stop", &shell_tool("gated", script, ""));
    let gate = daemon.folder.join("gate");
    let arguments = format!(r#"{{"text":"{}"}}"#, gate.display());
    let mut kept = daemon.connect();
    assert_eq!(kept.ask(health()).status, 200);
    let mut peer = daemon.connect();
    let fields = peer.session();
    peer.send(post("/mcp", &fields, &call(1, "gated", &arguments)));
    let mut stream = daemon.connect();
    stream.sse();
    eventually("the start of the call", || {
        daemon.folder.join("gate.started").exists().then_some(())
    });
    daemon.signal(Signal::TERM);
    daemon.line("stopping: sessions=2");
    let refused = kept.ask(health());
    assert_eq!(
        (refused.status, &refused.json()["status"]),
        (503, &"stopping".into())
    );
    let other = peer_of(&daemon);
    assert!(
        other.is_none_or(|mut peer| peer.is_closed()),
        "it still listens"
    );
    fs::write(&gate, "").expect("a file");
    peer.head();
    assert_eq!(text(&peer.message()), "finished");
    assert_eq!(peer.chunk(), None);
    assert_eq!(
        stream.chunk(),
        None,
        "a listening stream ends in good order"
    );
    assert!(daemon.exit().success());
    // The reader of the log may be behind the process.
    daemon.line("stopped");
    assert!(daemon.log().last().expect("a line").contains("stopped"));
}

/// A further connection, if there can be one.
fn peer_of(daemon: &Daemon) -> Option<Peer<std::net::TcpStream>> {
    let socket = std::net::TcpStream::connect(daemon.address()).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    Some(Peer::new(socket))
}

fn daemon_log_has(daemon: &Daemon, part: &str) {
    let log = daemon.log();
    assert!(log.iter().any(|line| line.contains(part)), "{log:?}");
}

#[test]
fn a_stop_waits_for_an_answer_that_is_on_its_way() {
    // More than the buffers of both ends take.
    let script = "head -c 7000000 /dev/zero | tr '\\0' x";
    let tool = shell_tool("large", script, "output_limit = '8MiB'");
    let config = format!("limits = {{ memory = '64MiB', output = '8MiB' }}\n{tool}");
    let mut daemon = Daemon::start("stop_writing", &config);
    let mut peer = daemon.connect();
    peer.send(post("/mcp", "", &call(1, "large", "{}")));
    daemon.gauge_becomes("calls", 1);
    daemon.gauge_becomes("calls", 0);
    daemon.signal(Signal::TERM);
    daemon.line("stopping: ");
    assert_eq!(text(&peer.response().json()).len(), 7_000_000);
    assert!(daemon.exit().success());
}

#[test]
fn systemd_is_told_in_order() {
    let folder = folder("notify");
    let path = folder.join("notify");
    let told = UnixDatagram::bind(&path).expect("a socket");
    told.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let next = || {
        let mut buffer = [0; 256];
        let bytes = told.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..bytes]).into_owned()
    };
    let mut command = program(&folder, "");
    command.args(["--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path);
    let mut daemon = Daemon::of(folder, command);
    assert_eq!(next(), "READY=1");
    daemon.signal(Signal::HUP);
    let reloading = next();
    let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let micros: u64 = micros
        .and_then(|micros| micros.parse().ok())
        .expect(&reloading);
    assert!(micros > 0);
    assert_eq!(next(), "READY=1");
    daemon.signal(Signal::TERM);
    assert_eq!(next(), "STOPPING=1");
    assert!(daemon.exit().success());
}

#[test]
fn the_log_keeps_secrets_to_itself() {
    let script = "echo result-3141; echo complaint-2718 >&2; exit 1";
    let config = format!("log.level = 'debug'\n{}", shell_tool("teller", script, ""));
    let mut daemon = Daemon::start("secrets", &config);
    let mut peer = daemon.connect();
    let fields = peer.session() + "X-Secret: header-1414\r\n";
    let id = fields.split(['\r', ' ']).nth(1).expect("an id").to_owned();
    let request = call(1, "teller", r#"{"text":"argument-1732"}"#);
    peer.ask(post("/mcp?key=query-2236", &fields, &request));
    peer.ask(post(
        "/mcp",
        &fields,
        &call(2, "echo", r#"{"txet":"argument-1732"}"#),
    ));
    peer.ask(post("/mcp", &fields, "body-2646"));
    peer.ask(get(
        "/nowhere?key=query-2236",
        "Authorization: Bearer header-1414\r\n",
    ));
    let mut stream = daemon.connect();
    let path = stream.sse();
    peer.ask(post(&path, &fields, &request));
    daemon.signal(Signal::HUP);
    daemon.line("reloaded");
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
    daemon.line("stopped");
    let log = daemon.log().join("\n");
    assert!(log.contains("DEBUG") && log.contains("/nowhere"), "{log}");
    let session = path.split_once('=').expect("a parameter").1;
    let secrets = [
        "argument-",
        "result-",
        "complaint-",
        "header-",
        "query-",
        "body-",
        &id,
        session,
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

/// A pipe whose reader is gone.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn help_survives_a_closed_pipe() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimcp"));
    let mut child = command
        .arg("--help")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut some = [0; 10];
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_exact(&mut some).expect("some help");
    drop(stdout);
    assert!(child.wait().expect("it is ours").success());
}

#[test]
fn a_reader_that_does_not_read_cannot_hold_up_the_end() {
    let folder = folder("stop_blocked");
    let path = folder.join("socket");
    let mut command = program(
        &folder,
        "timeouts.drain = '1s'\nlimits = { memory = '64MiB', output = '1MiB' }",
    );
    let unix = format!("unix:{}", path.display());
    command.args(["--listen", "127.0.0.1:0", "--listen", &unix]);
    let mut daemon = Daemon::of(folder, command);
    let mut stream = Peer::new(UnixStream::connect(&path).expect("a connection"));
    let session = stream.sse();
    let mut poster = daemon.connect();
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(500_000));
    for id in 0..4 {
        let request = post(&session, "", &call(id, "echo", &large));
        assert_eq!(poster.ask(request).status, 202);
    }
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
    assert!(!path.exists());
}

#[test]
fn a_second_order_stops_at_once_and_takes_the_commands_along() {
    let script = r#"trap '' TERM; echo $$ >"$1"; sleep 1000 & wait; wait"#;
    let config = format!("timeouts.drain = '60s'\n{}", shell_tool("long", script, ""));
    let mut daemon = Daemon::start("stop_twice", &config);
    let marker = daemon.folder.join("marker");
    let mut peer = daemon.connect();
    let arguments = format!(r#"{{"text":"{}"}}"#, marker.display());
    peer.send(post("/mcp", "", &call(1, "long", &arguments)));
    let pid = eventually("the start of the call", || {
        let text = fs::read_to_string(&marker).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    });
    daemon.signal(Signal::TERM);
    daemon.line("stopping: ");
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success());
    daemon_log_has(&daemon, "stopping at once");
    eventually("the end of the command", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn a_wrong_command_line_is_a_usage_error_even_if_nobody_reads_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimcp"));
    command.arg("--nonsense").stderr(unread());
    let status = command.status().expect("it starts");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn the_log_tells_why_somebody_was_refused_and_how_many_tokens_there_are() {
    let digest = "0".repeat(64);
    let tokens = format!("[[token]]\nname = 'a'\nsha256 = '{digest}'\n");
    let config = format!("log.level = 'debug'\n{tokens}");
    let daemon = Daemon::start("refused", &config);
    daemon.line("tools=2 tokens=1 configuration=");
    let mut peer = daemon.connect();
    let path = "/t/slimcp_s3cret/mcp";
    assert_eq!(peer.ask(post(path, "", LIST)).status, 401);
    daemon.line("refused: this token is not known here");
    let log = daemon.log();
    assert!(!log.iter().any(|line| line.contains("s3cret")), "{log:?}");
    rewrite(&daemon, "log.format = 'json'\n");
    daemon.line("reloaded servers=0 tools=2 tokens=0");
    daemon.line("log.format has changed: it takes a restart");
}

#[test]
fn the_log_tells_what_is_wrong_with_a_jwt() {
    // `{"sub":"a","exp":9999999999}` with `"aud":"b"` and with `"aud":"pi"`.
    let other = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjo5OTk5OTk5OTk5LCJhdWQiOiJiIn0.\
                 XJGcq80SWtSNVpoPJnn20tW8Se1_8iGOkR8x3IRL_6s";
    let no_role = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjo5OTk5OTk5OTk5LCJhdWQiOiJwaSJ9.\
                   ApKlkfjU8PY_XnVnYUHOQ9Ln4Hbkvx6IfKIQsT8tOEA";
    let key = folder("jwt_key").join("key");
    fs::write(&key, "k".repeat(32)).expect("a file");
    let jwt = format!("[jwt]\nsecret_file = '{}'\naudience = 'pi'", key.display());
    let daemon = Daemon::start("jwt", &format!("log.level = 'debug'\n{jwt}"));
    let mut peer = daemon.connect();
    for (jwt, told) in [
        ("a.b.c", "JWT refused for its signature or header"),
        (other, "JWT refused for iss, aud, sub, exp or nbf"),
        (no_role, "JWT refused for its role"),
    ] {
        let path = format!("/t/{jwt}/mcp");
        assert_eq!(peer.ask(post(&path, "", LIST)).status, 401, "{told}");
        daemon.line(told);
    }
}

#[test]
fn nobody_has_to_read_the_log() {
    let folder = folder("unread");
    let path = folder.join("socket");
    let mut command = Command::new(env!("CARGO_BIN_EXE_slimcp"));
    // Without a configuration file there is more to say.
    command.env_clear().current_dir(&folder);
    command.args(["--listen", "127.0.0.1:0", "--listen"]);
    command.arg(format!("unix:{}", path.display()));
    command.args(["--set", "log.level=debug"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(unread());
    let mut child = command.spawn().expect("it starts");
    let socket = eventually("a listener", || {
        assert_eq!(child.try_wait().expect("it is ours"), None, "it gave up");
        UnixStream::connect(&path).ok()
    });
    let mut peer = Peer::new(socket);
    for _ in 0..3 {
        assert_eq!(peer.ask(health()).status, 200);
    }
    child.kill().expect("it lives");
    child.wait().expect("it is ours");
}

#[test]
fn tables_are_cut_to_the_descriptors_once_and_stay_so_quietly() {
    let daemon = Daemon::start_with_descriptors("ulimit", "", 64);
    daemon_log_has(&daemon, "limits.connections is 20 instead of 1024");
    daemon.signal(Signal::HUP);
    daemon.line("reloaded");
    let log = daemon.log();
    assert!(
        !log.iter().any(|line| line.contains("takes a restart")),
        "{log:?}"
    );
}
