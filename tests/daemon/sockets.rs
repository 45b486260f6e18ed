//! Where clients come in: Unix sockets, sockets from systemd, ports that are taken.

use crate::harness::{Daemon, PATIENCE, Peer, folder, get, health, program, run};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

fn connect(path: &Path) -> Peer<UnixStream> {
    let socket = UnixStream::connect(path).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    Peer::new(socket)
}

/// Listens on a Unix socket and on TCP, to ask for its health.
fn start_unix(name: &str) -> Daemon {
    let folder = folder(name);
    let path = folder.join("socket");
    start_unix_at(folder, &path)
}

fn start_unix_at(folder: std::path::PathBuf, path: &Path) -> Daemon {
    let mut command = program(&folder, "");
    let unix = format!("unix:{}", path.display());
    command.args(["--listen", "127.0.0.1:0", "--listen", &unix]);
    Daemon::of(folder, command)
}

#[test]
fn a_unix_socket_serves_and_is_removed_at_the_end() {
    let mut daemon = start_unix("unix");
    let path = daemon.folder.join("socket");
    let mut peer = connect(&path);
    assert_eq!(peer.ask(health()).status, 200);
    let mut stream = connect(&path);
    stream.sse();
    daemon.gauge_becomes("streams", 1);
    drop(stream);
    daemon.gauge_becomes("streams", 0);
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.exit().success());
    assert!(!path.exists());
}

#[test]
fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
    let folder = folder("stale");
    let path = folder.join("socket");
    drop(UnixListener::bind(&path).expect("a socket file"));
    let daemon = start_unix_at(folder.clone(), &path);
    assert_eq!(connect(&path).ask(health()).status, 200);

    let mut second = program(&folder, "");
    second.args(["--listen", &format!("unix:{}", path.display())]);
    let (code, _, stderr) = run(&mut second);
    assert_eq!(code, 1);
    assert!(stderr.contains("Address already in use"), "{stderr}");
    assert!(stderr.contains(&path.display().to_string()), "{stderr}");
    assert_eq!(connect(&path).ask(health()).status, 200);
    drop(daemon);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut command = program(&folder("taken"), "");
    command.args(["--listen", &address]);
    let (code, _, stderr) = run(&mut command);
    assert_eq!(code, 1);
    let expected = format!("listen on {address}: Address already in use");
    assert!(stderr.contains(&expected), "{stderr}");
}

/// Passes `sockets` (python expressions) on as systemd does: from descriptor 3 on, with the number
/// of the process in the environment.
fn activated(folder: &Path, config: &str, sockets: &str) -> Command {
    let script = format!(
        "import os, socket, sys\n\
         kept = [{sockets}]\n\
         for number, kept_one in enumerate(kept):\n\
         \x20   high = os.dup2(kept_one.fileno(), 100 + number)\n\
         os.closerange(3, 100)\n\
         for number in range(len(kept)):\n\
         \x20   os.dup2(100 + number, 3 + number)\n\
         \x20   os.close(100 + number)\n\
         os.environ['LISTEN_FDS'] = str(len(kept))\n\
         os.environ['LISTEN_PID'] = str(os.getpid())\n\
         os.execv(sys.argv[1], sys.argv[1:])\n"
    );
    let prepared = program(folder, config);
    let mut command = Command::new("python3");
    command.args(["-c", &script]).arg(prepared.get_program());
    command.args(prepared.get_args());
    command.stdout(std::process::Stdio::piped());
    command
}

const TCP: &str = "socket.create_server(('127.0.0.1', 0))";

#[test]
fn sockets_of_systemd_are_taken_over() {
    let folder = folder("activated");
    let path = folder.join("socket");
    let unix = format!(
        "(lambda s: (s.bind('{}'), s.listen(), s)[2])(socket.socket(socket.AF_UNIX))",
        path.display()
    );
    let config = "listen = ['127.0.0.1:0', 'systemd']";
    let command = activated(&folder, config, &format!("{TCP}, {unix}"));
    let mut daemon = Daemon::of(folder, command);
    daemon.line("listening on a socket from systemd");
    let listening = daemon
        .log()
        .iter()
        .filter(|line| line.contains("listening on"))
        .count();
    assert_eq!(listening, 3, "{:?}", daemon.log());
    for line in daemon.log() {
        if let Some((_, rest)) = line.split_once("http://") {
            let address = rest.split('/').next().expect("an address");
            let socket = std::net::TcpStream::connect(address).expect("a connection");
            assert_eq!(Peer::new(socket).ask(health()).status, 200);
        }
    }
    assert_eq!(connect(&path).ask(health()).status, 200);
    daemon.signal(rustix::process::Signal::TERM);
    assert!(daemon.exit().success());
    let kind = fs::metadata(&path).expect("it is systemd's").file_type();
    assert!(kind.is_socket());
}

#[test]
fn a_descriptor_that_is_no_listening_stream_is_refused() {
    let folder = folder("activated_wrong");
    let table = [
        (
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
            "not a listening stream socket",
        ),
        (
            "socket.socket(socket.AF_INET)",
            "not a listening stream socket",
        ),
        ("open('/dev/null')", "not a socket"),
        (
            "socket.create_server(('0.0.0.0', 0))",
            "is open to the network",
        ),
    ];
    for (socket, expected) in table {
        let (code, _, stderr) = run(&mut activated(&folder, "listen = 'systemd'", socket));
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(expected), "{socket}: {stderr}");
    }
}

#[test]
fn systemd_without_a_socket_is_told() {
    let folder = folder("not_activated");
    let (code, _, stderr) = run(&mut program(&folder, "listen = ['127.0.0.1:0', 'systemd']"));
    assert_eq!(code, 1);
    assert!(stderr.contains("systemd passed no socket"), "{stderr}");
}

/// A Unix socket hands over what its peer sent before it closed, and takes no answer.
#[test]
fn a_client_that_asks_for_a_stream_and_is_gone_leaves_nothing() {
    let daemon = start_unix("asks_and_goes");
    let path = daemon.folder.join("socket");
    for _ in 0..50 {
        connect(&path).send(get("/sse", ""));
    }
    daemon.gauge_becomes("connections", 0);
    assert_eq!(daemon.gauge("streams"), Some(0));
    assert_eq!(daemon.gauge("sessions"), Some(0));
}

#[test]
fn a_file_that_is_no_socket_is_never_replaced() {
    let folder = folder("no_socket");
    let path = folder.join("precious");
    fs::write(&path, "precious").expect("a file");
    let mut command = program(&folder, "");
    command.args(["--listen", &format!("unix:{}", path.display())]);
    let (code, _, stderr) = run(&mut command);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
}
