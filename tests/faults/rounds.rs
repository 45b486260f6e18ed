//! Faults without end: what is left after them is what was there before.

use crate::child;
use crate::harness::{Daemon, PATIENCE, eventually, folder, program};
use crate::traces::{Answer, Client, MARK, mark, marked};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// What one of a thousand children does in its one call, and whether it answers.
const FAULTS: [(&str, bool); 11] = [
    ("hello", true),
    ("exit", false),
    ("exit with words", false),
    ("signal", false),
    ("half and exit", false),
    ("close stdout", false),
    ("some garbage", true),
    ("garbage", false),
    ("unknown", true),
    ("twice", true),
    ("grandchild in a session of its own", true),
];

/// The same where only time tells that it does not.
const SILENT: [&str; 3] = ["never", "hang", "half"];

const ROUNDS: u64 = 1000;
const SESSIONS: u64 = 10_000;

/// A server of which each session has a child of its own, one whose silent children are given up
/// soon, and one that all share.
fn start(name: &str, limits: &str) -> Daemon {
    let inherits = format!("environment_inherit = ['{MARK}']");
    let per = format!("per = 'session'\n{inherits}");
    let own = child::server("own", "good", &per);
    let slow = child::server("slow", "good", &format!("timeout = '200ms'\n{per}"));
    let good = child::server("good", "good", &inherits);
    let config = format!("[limits]\nmemory = '8MiB'\n{limits}\n{own}{slow}{good}");
    let folder = folder(name);
    let mut command = program(&folder, &config);
    command.env(MARK, mark(name));
    command.args(["--listen", "127.0.0.1:0"]);
    Daemon::of(folder, command)
}

/// One child that does one thing, and is left alone with it.
fn round(daemon: &Daemon, number: u64) {
    let (server, (what, answers)) = match number % 8 {
        0 => ("slow", (SILENT[number as usize / 8 % SILENT.len()], false)),
        _ => ("own", FAULTS[number as usize % FAULTS.len()]),
    };
    let mut client = Client::with_session(daemon, server);
    let answer = client.ask(what);
    assert_eq!(
        matches!(answer, Answer::Text(_)),
        answers,
        "{what}: {answer:?}"
    );
    if number.is_multiple_of(2) {
        client.end_session();
    }
}

/// What a daemon has when nobody wants anything of it but its shared child.
fn at_rest(daemon: &Daemon, name: &str) -> (usize, usize, u64) {
    eventually("the end of every call", || {
        let is_at_rest = daemon.gauge("calls") == Some(0) && daemon.gauge("connections") == Some(0);
        is_at_rest.then_some(())
    });
    // The daemon, its shared child, and no more.
    let deadline = Instant::now() + PATIENCE;
    while (marked(name).len(), daemon.children().len()) != (2, 1) {
        let (children, all) = (daemon.children(), marked(name));
        assert!(
            Instant::now() < deadline,
            "left: {all:?}, {children:?} are children"
        );
    }
    (
        marked(name).len(),
        daemon.descriptors(),
        daemon.memory_kib("VmRSS"),
    )
}

/// So many rounds, several at a time.
fn storm(rounds: u64, round: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= rounds {
                        return;
                    }
                    round(number);
                }
            });
        }
    });
}

/// Newer sessions take the places of those that nobody has ended, and end.
fn displace(daemon: &Daemon, sessions: usize) {
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..sessions {
        clients.push(Client::with_session(daemon, "own"));
    }
    clients.iter_mut().for_each(Client::end_session);
}

#[test]
fn a_thousand_bad_children_leave_nothing_behind() {
    let name = "rounds";
    let daemon = start(name, "sessions = 16\ncalls = 8\nchildren = 8");
    Client::of(&daemon, "good").ask("hello");
    storm(60, |number| round(&daemon, number));
    displace(&daemon, 16);
    let (processes, descriptors, memory_kib) = at_rest(&daemon, name);
    storm(ROUNDS, |number| round(&daemon, number));
    displace(&daemon, 16);
    assert_same(&daemon, name, (processes, descriptors, memory_kib));
}

#[test]
fn ten_thousand_abandoned_sessions_leave_the_children_as_they_were() {
    let name = "abandoned";
    let daemon = start(name, "sessions = 64\ncalls = 8\nchildren = 8");
    Client::of(&daemon, "good").ask("hello");
    let abandon = |number: u64| {
        // Most go before they have used anything.
        Client::abandon_session(&daemon, "own", number.is_multiple_of(10));
        let children = daemon.children().len();
        assert!(children <= 8 + 1, "{children} children");
    };
    storm(200, abandon);
    displace(&daemon, 64);
    let before = at_rest(&daemon, name);
    storm(SESSIONS, abandon);
    displace(&daemon, 64);
    assert_same(&daemon, name, before);
}

fn assert_same(daemon: &Daemon, name: &str, before: (usize, usize, u64)) {
    let (processes, descriptors, memory_kib) = at_rest(daemon, name);
    assert_eq!((processes, descriptors), (before.0, before.1));
    let grown = memory_kib.saturating_sub(before.2);
    assert!(grown <= 256, "{} KiB grew by {grown} KiB", before.2);
}
