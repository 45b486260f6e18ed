//! Descriptors that run out: some clients are served, the others learn so, and nobody spins.

use crate::harness::{Daemon, PATIENCE, Peer, call, eventually, health, post};
use crate::harness::{shell_tool, text};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::io::Read;
use std::net::TcpStream;
use std::time::Instant;

const CLIENTS: usize = 200;

/// Two hundred clients that are there at the same time.
fn crowd(daemon: &Daemon) -> Vec<Peer<TcpStream>> {
    (0..CLIENTS).map(|_| daemon.connect()).collect()
}

/// Asks for each client's health at once: how many are served, refused, dropped.
fn served(crowd: &mut [Peer<TcpStream>]) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for peer in crowd {
        use std::io::Write;
        // Whoever was dropped cannot send.
        let _ = peer.socket.write_all(health().as_bytes());
        let mut begin = [0; 12];
        match peer.socket.read_exact(&mut begin) {
            Ok(()) if begin == *b"HTTP/1.1 200" => counts.0 += 1,
            Ok(()) if begin == *b"HTTP/1.1 503" => counts.1 += 1,
            Ok(()) => panic!("{:?}", String::from_utf8_lossy(&begin)),
            Err(_) => counts.2 += 1,
        }
    }
    counts
}

/// Processor time in per cent of the time that two heartbeats take.
fn busy_percent(daemon: &Daemon, stream: &mut Peer<TcpStream>) -> u128 {
    assert_eq!(stream.chunk().expect("a heartbeat"), ":\n\n");
    let (begin, before) = (Instant::now(), daemon.processor_time());
    for _ in 0..2 {
        assert_eq!(stream.chunk().expect("a heartbeat"), ":\n\n");
    }
    let used = daemon.processor_time() - before;
    used.as_millis() * 100 / begin.elapsed().as_millis()
}

fn open_at_most(daemon: &Daemon, descriptors: u64) {
    let pid = Pid::from_raw(daemon.pid().cast_signed()).expect("a process");
    let limit = Rlimit {
        current: Some(descriptors),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    prlimit(Some(pid), Resource::Nofile, limit).expect("it is our child");
}

#[test]
fn a_small_ulimit_serves_some_and_refuses_the_rest() {
    let config = "timeouts.heartbeat = '1s'";
    let daemon = Daemon::start_with_descriptors("ulimit_crowd", config, 64);
    daemon.line("limits.connections is 20 instead of 1024: this process may open 64 files");
    let mut stream = daemon.connect();
    stream.sse();
    let mut crowd = crowd(&daemon);
    let (served, refused, dropped) = served(&mut crowd);
    assert_eq!((served, refused + dropped), (19, CLIENTS - 19));
    assert!(refused > 100, "{refused} were told why");
    let busy = busy_percent(&daemon, &mut stream);
    assert!(busy < 10, "{busy} % busy");
    drop(crowd);
    daemon.gauge_becomes("connections", 1);
    assert_eq!(daemon.connect().ask(health()).status, 200);
}

#[test]
fn clients_beyond_the_last_descriptor_are_dropped_until_there_is_one_again() {
    let daemon = Daemon::start("descriptors", "timeouts.heartbeat = '1s'");
    let mut stream = daemon.connect();
    stream.sse();
    let room = 20;
    open_at_most(&daemon, daemon.descriptors() as u64 + room);
    let mut crowd = crowd(&daemon);
    let (served, refused, dropped) = served(&mut crowd);
    assert_eq!(served + refused + dropped, CLIENTS);
    // One more or less: the daemon keeps a descriptor in reserve, to drop clients with.
    assert!(served.abs_diff(room as usize) <= 2, "{served} served");
    assert!(dropped > 0, "the limit was never met");
    let line = daemon.line("connections are dropped");
    assert!(
        line.starts_with("ERROR") && line.contains("LimitNOFILE"),
        "{line}"
    );
    let busy = busy_percent(&daemon, &mut stream);
    assert!(busy < 10, "{busy} % busy");
    drop(crowd);
    eventually("a client that is served again", || {
        let socket = TcpStream::connect(daemon.address()).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut one = [Peer::new(socket)];
        (self::served(&mut one).0 == 1).then_some(())
    });
    daemon.line("accepting again");
}

#[test]
fn a_command_without_descriptors_is_an_error_that_says_so() {
    let daemon = Daemon::start("no_pipes", &shell_tool("hello", "echo hello", ""));
    let mut peer = daemon.connect();
    let request = post("/mcp", "", &call(1, "hello", "{}"));
    assert_eq!(peer.ask(health()).status, 200);
    let descriptors = daemon.descriptors() as u64;
    for room in 0..7 {
        open_at_most(&daemon, descriptors + room);
        let result = peer.ask(&request).json();
        if result["result"]["isError"] == true {
            let said = text(&result);
            assert!(said.contains("could not be started"), "{said}");
            assert!(said.contains("LimitNOFILE"), "{said}");
        }
        eventually("no child", || daemon.children().is_empty().then_some(()));
    }
    open_at_most(&daemon, 64);
    assert_eq!(text(&peer.ask(&request).json()), "hello");
    eventually("every descriptor to be given back", || {
        (daemon.descriptors() as u64 == descriptors).then_some(())
    });
}
