//! Ten thousand clients that vanish without a word, at every point at which one can.

use crate::harness::{
    Daemon, INITIALIZE, PATIENCE, Peer, call, eventually, get, health, post, shell_tool,
};
use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Connections of one burst: more than the table holds.
const BURST: usize = 100;

/// Small tables, all of which a burst fills.
const CONFIG: &str = "timeouts.head = '5s'\n\
    [limits]\nconnections = 64\nsessions = 24\ncalls = 8\nmemory = '6MiB'\n";

/// A client whose end is a reset.
struct Rude {
    socket: TcpStream,
}

impl Rude {
    fn connect(daemon: &Daemon) -> Rude {
        let socket = TcpStream::connect(daemon.address()).expect("a connection");
        set_socket_linger(&socket, Some(Duration::ZERO)).expect("an option");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Rude { socket }
    }

    /// The daemon may have shed this connection before.
    fn send(&mut self, text: &str) {
        let _ = self.socket.write_all(text.as_bytes());
    }

    /// Waits for the beginning of a response, or for the end: its status.
    fn wait(&mut self) -> Option<String> {
        let mut begin = [0; 12];
        self.socket.read_exact(&mut begin).ok()?;
        Some(String::from_utf8_lossy(&begin[9..]).into_owned())
    }
}

/// What a client has done by the time it vanishes. Without a session there are fewer ways.
fn begin(daemon: &Daemon, kind: usize, session: Option<&str>) -> Rude {
    let kind = if session.is_none() { kind % 7 } else { kind };
    let mut rude = Rude::connect(daemon);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let whole = post("/mcp", "", list);
    match kind % 9 {
        0 => {}
        1 => rude.send(&whole[..40]),
        2 => rude.send(&whole[..whole.len() - 10]),
        3 | 4 => rude.send(&get("/sse", "")),
        5 | 6 => rude.send(&post("/mcp", "", &call(1, "long", "{}"))),
        7 => rude.send(&get("/mcp", session.unwrap_or_default())),
        8 => rude.send(&post(
            "/mcp",
            session.unwrap_or_default(),
            &call(2, "long", "{}"),
        )),
        _ => unreachable!("a remainder of nine"),
    }
    rude
}

/// Whether a client of this kind waits for its response to begin.
fn waits(kind: usize, session: Option<&str>) -> bool {
    match session {
        Some(_) => matches!(kind % 9, 4 | 7 | 8),
        None => kind % 7 == 4,
    }
}

/// A burst of clients that all vanish. Of those that waited, how many were served and refused.
fn burst(daemon: &Daemon, keeper: &mut Peer<TcpStream>, round: usize) -> (usize, usize) {
    let opened = keeper.ask(post("/mcp", "", INITIALIZE));
    let session = opened
        .field("Mcp-Session-Id")
        .map(|id| format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-11-25\r\n"));
    if let Some(session) = &session {
        let notice = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        // A full table may have taken the session away again.
        keeper.ask(post("/mcp", session, notice));
    }
    let start = |index: usize| (index, begin(daemon, index, session.as_deref()));
    // Begin elsewhere each time, so that every kind meets full and empty tables.
    let mut clients: Vec<_> = (round..round + BURST).map(start).collect();
    let waiting = clients
        .iter_mut()
        .filter(|(index, _)| waits(*index, session.as_deref()));
    let seen: Vec<_> = waiting.filter_map(|(_, client)| client.wait()).collect();
    // The table of calls is full: each of them is cut in the midst.
    eventually("eight calls", || {
        (keeper.ask(health()).json()["calls"] == 8).then_some(())
    });
    drop(clients);
    if let Some(session) = session {
        let request = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{session}\r\n");
        let status = keeper.ask(request).status;
        assert!(matches!(status, 204 | 404), "{status}");
    }
    let count = |status| seen.iter().filter(|seen| *seen == status).count();
    (count("200"), count("503"))
}

/// An HTTP+SSE session that finishes its handshake and vanishes: it is kept for its client.
fn confirmed(daemon: &Daemon, keeper: &mut Peer<TcpStream>) {
    let mut stream = daemon.connect();
    let path = stream.sse();
    keeper.ask(post(&path, "", INITIALIZE));
    stream.message();
    let notice = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    keeper.ask(post(&path, "", notice));
    keeper.ask(post(&path, "", &call(1, "long", "{}")));
    set_socket_linger(&stream.socket, Some(Duration::ZERO)).expect("an option");
}

/// Fills the table of sessions with newer ones, so that those kept for their clients have to go,
/// and closes these.
fn displace(daemon: &Daemon) {
    let streams: Vec<_> = (0..24)
        .map(|_| {
            let mut stream = daemon.connect();
            stream.sse();
            stream
        })
        .collect();
    drop(streams);
}

/// What there must be none of.
fn left(health: &Value) -> Vec<(&'static str, u64)> {
    let mut left = ["connections", "sessions", "streams", "calls"]
        .map(|name| (name, health[name].as_u64().expect("a number")))
        .to_vec();
    let bytes = &health["memory"]["budget_used_bytes"];
    left.push(("bytes", bytes.as_u64().expect("a number")));
    // The one that asks.
    left[0].1 -= 1;
    left.retain(|(_, count)| *count > 0);
    left
}

/// Vanishing clients, and then nobody: what the process still has.
fn storm(daemon: &Daemon, bursts: usize) -> (usize, u64) {
    let mut keeper = daemon.connect();
    assert_eq!(keeper.ask(health()).status, 200);
    let (mut served, mut refused) = (0, 0);
    for round in 0..bursts {
        let seen = burst(daemon, &mut keeper, round);
        served += seen.0;
        refused += seen.1;
        let is_over = || {
            let health = keeper.ask(health()).json();
            (health["connections"] == 1 && health["calls"] == 0).then_some(())
        };
        eventually("the end of the burst", is_over);
        // What it leaves is a call that lasts until its timeout.
        if round % 25 == 0 {
            confirmed(daemon, &mut keeper);
        }
    }
    // The bursts were what they are meant to be.
    assert!(served > 5 * bursts, "{served} were served");
    assert!(refused > 5 * bursts, "{refused} were refused");
    // A session with a call in flight keeps its place.
    daemon.gauge_becomes("calls", 0);
    displace(daemon);
    drop(keeper);
    let mut last = Vec::new();
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        last.clone_from(&left(&daemon.health()));
        if last.is_empty() && daemon.children().is_empty() {
            break;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "left behind: {last:?}"
        );
    }
    (daemon.descriptors(), daemon.memory_kib("VmRSS"))
}

#[test]
fn ten_thousand_rude_disconnects_leave_nothing_behind() {
    let long = shell_tool("long", "exec sleep 1000", "timeout = '1s'");
    let daemon = Daemon::start("rude", &format!("{CONFIG}{long}"));
    let (descriptors, memory_kib) = storm(&daemon, 10);
    let (descriptors_after, memory_kib_after) = storm(&daemon, 10_000 / BURST);
    assert_eq!(descriptors_after, descriptors);
    let grown = memory_kib_after.saturating_sub(memory_kib);
    assert!(grown <= 256, "{memory_kib} KiB grew by {grown} KiB");
}
