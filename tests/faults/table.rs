//! The table of faults.

use crate::child;
use crate::harness::{Daemon, eventually};
use crate::traces::{Answer, Client, MARK, mark, marked};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A server `bad` whose children are so, and a server `good`.
fn start(name: &str, nature: &str) -> Daemon {
    let inherits = format!("environment_inherit = ['{MARK}']");
    let bad = child::server("bad", nature, &inherits);
    let good = child::server("good", "good", &inherits);
    let limits = "timeouts.call = '2s'\n[limits]\nmemory = '8MiB'\n";
    let folder = crate::harness::folder(name);
    let mut command = crate::harness::program(&folder, &format!("{limits}{bad}{good}"));
    command
        .env(MARK, mark(name))
        .args(["--listen", "127.0.0.1:0"]);
    Daemon::of(folder, command)
}

/// Does something while a client of the good server calls it again and again, which must not
/// notice.
pub fn beside<T>(daemon: &Daemon, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let good = scope.spawn(|| {
            let mut client = Client::of(daemon, "good");
            let mut calls = 0;
            while !is_over.load(Ordering::Relaxed) || calls == 0 {
                let text = format!("good {calls}");
                assert_eq!(client.ask(&text), Answer::Text(text));
                calls += 1;
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        is_over.store(true, Ordering::Relaxed);
        good.join().expect("the good server did not notice");
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The daemon ends as it should, and with it everything that was started for it.
pub fn end(mut daemon: Daemon, name: &str) {
    let ceiling_kib = 8 * 1024;
    let peak_kib = daemon.memory_kib("VmHWM");
    assert!(peak_kib < ceiling_kib + GLIBC_KIB, "{name}: {peak_kib} KiB");
    daemon.signal(Signal::TERM);
    assert!(daemon.exit().success(), "{name}: {:?}", daemon.log());
    // The daemon's own process had the mark as well.
    eventually("the end of every process", || {
        marked(name).is_empty().then_some(())
    });
}

/// What the C library and the code of a debug build add to what the ceiling counts.
const GLIBC_KIB: u64 = 12 * 1024;

/// An answer that says so, in all of these words.
pub fn assert_says(name: &str, answer: &Answer, words: &[&str]) {
    let Answer::Error(said) = answer else {
        panic!("{name} is no error: {answer:?}");
    };
    for word in words {
        assert!(said.contains(word), "{name}: {said:?} has no {word:?}");
    }
}

/// What is done in a call, and what the answer says at least: the server, and the reason.
const FATAL: [(&str, &[&str]); 10] = [
    ("garbage", &["\"bad\"", "stdout"]),
    ("exit", &["\"bad\"", "status 3"]),
    (
        "exit with words",
        &["\"bad\"", "status 3", "the disk is full"],
    ),
    ("signal", &["\"bad\"", "signal 9"]),
    ("half and exit", &["\"bad\"", "status 3"]),
    ("close stdout", &["\"bad\""]),
    ("close stdin", &["\"bad\""]),
    ("never", &["bad"]),
    ("hang", &["bad"]),
    ("half", &["bad"]),
];

#[test]
fn a_call_that_its_child_does_not_survive_fails_at_once_and_says_why() {
    for (number, (what, words)) in FATAL.into_iter().enumerate() {
        let name = format!("fatal-{number}");
        let daemon = start(&name, "good");
        beside(&daemon, || {
            let mut client = Client::of(&daemon, "bad");
            assert_eq!(client.ask("hello"), Answer::text("hello"), "{what}");
            let answer = client.ask(what);
            assert_says(what, &answer, words);
            is_well_again(&mut client, what);
        });
        assert_said_once(&daemon, what);
        end(daemon, &name);
    }
}

/// A child that is gone is started again, after a while.
pub fn is_well_again(client: &mut Client, what: &str) {
    eventually(&format!("a new child after {what:?}"), || {
        match client.ask("hello") {
            Answer::Text(text) => (text == "hello").then_some(()),
            answer @ Answer::Error(_) => {
                assert_says(what, &answer, &["bad"]);
                None
            }
        }
    });
}

/// The log names the server in a few lines, not in many. What a child writes to stderr is meant for
/// it, and may be more at first.
fn assert_said_once(daemon: &Daemon, what: &str) {
    let log = daemon.log();
    let about: Vec<&String> = log.iter().filter(|line| line.contains("bad")).collect();
    let most = if what == "stderr" { 200 } else { 12 };
    assert!(about.len() <= most, "{what}: {about:#?}");
}

/// What a child does that harms nobody: the call is answered as it should be.
const HARMLESS: [(&str, &str); 5] = [
    ("some garbage", "some garbage"),
    ("stderr", "stderr"),
    ("unknown", "unknown"),
    ("twice", "twice"),
    ("hello", "hello"),
];

#[test]
fn noise_harms_nobody() {
    for (number, (what, expected)) in HARMLESS.into_iter().enumerate() {
        let name = format!("harmless-{number}");
        let daemon = start(&name, "good");
        beside(&daemon, || {
            let mut client = Client::of(&daemon, "bad");
            assert_eq!(client.ask(what), Answer::text(expected));
            assert_eq!(client.ask("hello"), Answer::text("hello"), "{what}");
        });
        assert_said_once(&daemon, what);
        end(daemon, &name);
    }
}

#[test]
fn answers_in_another_order_find_their_clients() {
    let daemon = start("order", "good");
    beside(&daemon, || {
        let mut first = Client::of(&daemon, "bad");
        let mut second = Client::of(&daemon, "bad");
        for _ in 0..100 {
            // Both have the same id. Which of the two connections is read first is chance.
            let pid = first.ask("pid");
            assert_eq!(second.ask("pid"), pid, "they share a child");
            first.send("first");
            let answer = eventually("the answer to the second", || match second.ask("second") {
                answer @ Answer::Text(_) => Some(answer),
                Answer::Error(_) => None,
            });
            assert_eq!(answer, Answer::text("second"));
            second.ask("second");
            assert_eq!(first.answer(), Answer::text("first"));
        }
    });
    end(daemon, "order");
}

/// What a child does without end. Its call is over in time; the others go on.
const ENDLESS: [&str; 6] = ["flood", "changes", "endless line", "long", "pings", "asks"];

#[test]
fn floods_stay_within_the_ceiling_and_starve_nobody() {
    for (number, what) in ENDLESS.into_iter().enumerate() {
        let name = format!("flood-{number}");
        let daemon = start(&name, "good");
        beside(&daemon, || {
            let mut client = Client::of(&daemon, "bad");
            let answer = client.ask(what);
            assert_says(what, &answer, &["bad"]);
        });
        assert_said_once(&daemon, what);
        end(daemon, &name);
    }
}

#[test]
fn children_that_never_come_up_are_refused_by_name() {
    for (nature, words) in [
        ("exits", &["bad", "status 7"][..]),
        ("mourns", &["bad", "status 1", "cannot find the database"]),
    ] {
        let daemon = start(nature, nature);
        beside(&daemon, || {
            let mut client = Client::of(&daemon, "bad");
            for _ in 0..10 {
                assert_says(nature, &client.ask("hello"), words);
            }
        });
        assert_said_once(&daemon, nature);
        end(daemon, nature);
    }
}

#[test]
fn children_that_babble_before_the_handshake_are_served_all_the_same() {
    let daemon = start("babbles", "babbles");
    let mut client = Client::of(&daemon, "bad");
    assert_eq!(client.ask("hello"), Answer::text("hello"));
    end(daemon, "babbles");
}

#[test]
fn a_child_that_ignores_everything_but_kill_is_killed() {
    let daemon = start("stubborn", "stubborn");
    let mut client = Client::of(&daemon, "bad");
    assert_eq!(client.ask("hello"), Answer::text("hello"));
    end(daemon, "stubborn");
}

#[test]
fn a_child_that_is_shot_takes_its_calls_along_and_nobody_elses() {
    let daemon = start("shot", "good");
    beside(&daemon, || {
        let mut client = Client::of(&daemon, "bad");
        let Answer::Text(pid) = client.ask("pid") else {
            panic!("no pid");
        };
        let pid = Pid::from_raw(pid.parse().expect("a number")).expect("a process");
        let mut others: Vec<Client> = (0..4).map(|_| Client::of(&daemon, "bad")).collect();
        others.iter_mut().for_each(|other| other.send("never"));
        eventually("four calls", || {
            daemon.gauge("calls").filter(|calls| *calls >= 4)
        });
        kill_process(pid, Signal::KILL).expect("it lives");
        for other in &mut others {
            assert_says("kill -9", &other.answer(), &["\"bad\"", "signal 9"]);
        }
        is_well_again(&mut client, "kill -9");
    });
    end(daemon, "shot");
}

/// Processes that a child has started, by what it was told.
const DESCENDANTS: [&str; 4] = [
    "grandchild",
    "grandchild in a session of its own",
    "orphan",
    "forks",
];

#[test]
fn nothing_that_a_child_has_started_outlives_it() {
    for (number, what) in DESCENDANTS.into_iter().enumerate() {
        let name = format!("descendants-{number}");
        let daemon = start(&name, "good");
        let mut client = Client::of(&daemon, "bad");
        client.ask("hello");
        Client::of(&daemon, "good").ask("hello");
        let before = marked(&name).len();
        let Answer::Text(pids) = client.ask(what) else {
            panic!("{what} is not done");
        };
        let pids: Vec<u32> = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        // One that has just become another program has no environment for a moment.
        eventually(&format!("{what} runs"), || {
            let running = marked(&name);
            pids.iter().all(|pid| running.contains(pid)).then_some(())
        });
        assert_says(what, &client.ask("exit"), &["bad"]);
        eventually(&format!("the end of every process: {what}"), || {
            let running = marked(&name);
            let is_gone = pids.iter().all(|pid| !running.contains(pid));
            (is_gone && running.len() < before).then_some(())
        });
        is_well_again(&mut client, what);
        // The same when it is the daemon that goes.
        client.ask(what);
        end(daemon, &name);
    }
}

#[test]
fn a_daemon_that_is_shot_leaves_no_child() {
    // What children have started is beyond the reach of one that is gone: see systemd/.
    let mut daemon = start("daemon-shot", "stubborn");
    Client::of(&daemon, "good").ask("hello");
    Client::of(&daemon, "bad").ask("hello");
    eventually("a daemon and two children", || {
        (marked("daemon-shot").len() == 3).then_some(())
    });
    daemon.signal(Signal::KILL);
    daemon.exit();
    eventually("the end of every child", || {
        marked("daemon-shot").is_empty().then_some(())
    });
}
