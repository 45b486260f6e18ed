//! Servers of every kind that was seen, tried as the engine would: each answers what it is sent, in
//! order, unless it is gone.

use super::{Probe, Step};
use crate::limits::{LISTING_BYTES_MAX, PROBE_WAIT};
use crate::mcp::capability::Capabilities;
use crate::mcp::revision::Era;
use crate::upstream::conversation::{Conversation, Effect, Plan};
use crate::upstream::listing::Eras;
use std::time::Duration;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const BOTH: Eras = Eras {
    handshake: true,
    stateless: true,
};
const HANDSHAKE: Eras = Eras {
    handshake: true,
    stateless: false,
};
const STATELESS: Eras = Eras {
    handshake: false,
    stateless: true,
};

/// What a server does with a line.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// It answers with this result.
    Result(&'static str),
    /// It answers with an error of this code.
    Error(i32),
    /// It says nothing.
    Nothing,
    /// It says nothing to this and all that follows.
    Wedge,
    /// It ends.
    Exit,
}

const DISCOVERED: Does =
    Does::Result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#);
const NEWER: Does =
    Does::Result(r#"{"supportedVersions":["2030-01-01"],"capabilities":{"tools":{}}}"#);
const INITIALIZED: Does =
    Does::Result(r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}"#);
const LISTED: Does = Does::Result(r#"{"tools":[{"name":"t","inputSchema":{}}]}"#);

/// What a process of a command does with a method, given the methods that it was sent before.
type Server = fn(&str, &[String]) -> Does;

fn first(before: &[String]) -> bool {
    before.is_empty()
}

fn had(before: &[String], method: &str) -> bool {
    before.iter().any(|one| one == method)
}

/// What has come of a probe.
#[derive(Debug, PartialEq)]
struct Found {
    eras: Result<Eras, String>,
    /// Processes that were started.
    started: usize,
    /// Names of tools, if they were listed.
    tools: Option<usize>,
    /// Waits that were too long.
    waits: Vec<Duration>,
}

/// A process that runs.
struct Process {
    conversation: Conversation,
    before: Vec<String>,
    is_gone: bool,
    is_wedged: bool,
    /// Answers that come late.
    late: Vec<String>,
}

impl Process {
    fn new(era: Era, lists: bool) -> Process {
        Process {
            conversation: Conversation::new(Plan {
                era,
                client: Capabilities::NONE,
                lists,
                listing_bytes_max: LISTING_BYTES_MAX,
                probes: true,
                roots: Vec::new(),
                is_private: false,
            }),
            before: Vec::new(),
            is_gone: false,
            is_wedged: false,
            late: Vec::new(),
        }
    }

    /// Takes what it was sent. A slow one answers when it is asked to.
    fn read(&mut self, server: Server, is_slow: bool) {
        let bytes = self.conversation.output().len();
        let text = String::from_utf8(self.conversation.output().to_vec()).unwrap();
        self.conversation.written(bytes);
        for line in text.lines() {
            let mut parts = line.split('"');
            let method = parts.clone().position(|part| part == "method").unwrap() + 2;
            let method = parts.nth(method).unwrap().to_string();
            let Some(id) = line.split("\"id\":").nth(1) else {
                continue;
            };
            let id = id.split(',').next().unwrap();
            if !self.is_gone && !self.is_wedged {
                self.answer(id, server(&method, &self.before), is_slow);
            }
            self.before.push(method);
        }
    }

    fn answer(&mut self, id: &str, does: Does, is_slow: bool) {
        let members = match does {
            Does::Result(result) => format!(r#""result":{result}"#),
            Does::Error(code) => format!(r#""error":{{"code":{code},"message":"no"}}"#),
            Does::Exit => return self.is_gone = true,
            Does::Wedge => return self.is_wedged = true,
            Does::Nothing => return,
        };
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},{members}}}"#);
        match is_slow {
            true => self.late.push(line),
            false => self.conversation.handle_line(line.as_bytes()),
        }
    }
}

/// Tries a command; a slow one needs longer than [`PROBE_WAIT`] before it reads anything.
fn run(only: Option<Era>, server: Server, is_slow: bool) -> Found {
    let mut probe = Probe::new(only);
    let mut found = Found {
        eras: Err(String::new()),
        started: 0,
        tools: None,
        waits: Vec::new(),
    };
    let mut process: Option<Process> = None;
    let mut is_starting = is_slow;
    let mut step = probe.first();
    for _ in 0..20 {
        step = match step {
            Step::Spawn { era, lists } => {
                found.started += 1;
                is_starting = is_slow;
                process = Some(Process::new(era, lists));
                Step::Wait
            }
            Step::Initialize => {
                process.as_mut().unwrap().conversation.initialize();
                Step::Wait
            }
            Step::Done(eras) => {
                found.eras = eras;
                return found;
            }
            Step::Wait => {
                let process = process.as_mut().unwrap();
                process.read(server, is_starting);
                let next = heard(&mut probe, process, &mut found);
                if let Some(next) = next {
                    next
                } else if process.is_gone {
                    probe.ended("it has ended with code 1")
                } else if is_starting && probe.patience(START_TIMEOUT) > PROBE_WAIT {
                    is_starting = false;
                    for line in std::mem::take(&mut process.late) {
                        process.conversation.handle_line(line.as_bytes());
                    }
                    Step::Wait
                } else {
                    found.waits.push(probe.patience(START_TIMEOUT));
                    probe.timed_out()
                }
            }
        };
    }
    panic!("it goes on for ever: {found:?}");
}

/// What the probe says to what was heard, the last of it.
fn heard(probe: &mut Probe, process: &mut Process, found: &mut Found) -> Option<Step> {
    let mut next = None;
    loop {
        match process.conversation.poll_effect() {
            None => return next,
            Some(Effect::Probed) => next = Some(probe.heard(process.conversation.heard())),
            Some(Effect::Listed(listing)) => found.tools = Some(listing.tools.len()),
            Some(Effect::Noise(_)) => {}
            Some(other) => panic!("{other:?} is not for probes"),
        }
    }
}

/// What is known of a command that was tried, quick or slow.
fn check(what: &str, server: Server, eras: Eras, started: usize) {
    for is_slow in [false, true] {
        let found = run(None, server, is_slow);
        assert_eq!(found.eras, Ok(eras), "{what}, slow: {is_slow}");
        assert_eq!(found.tools, Some(1), "{what}, slow: {is_slow}");
        assert!(found.started <= 2, "{what}, slow: {is_slow}");
        if !is_slow {
            assert_eq!(found.started, started, "{what}");
        }
    }
}

#[test]
fn servers_of_older_revisions_that_refuse_the_question_go_on() {
    for code in [-32601, -32602, -32600, -32000] {
        // Fn pointers capture nothing.
        let server: Server = match code {
            -32601 => |method, _| older(method, -32601),
            -32602 => |method, _| older(method, -32602),
            -32600 => |method, _| older(method, -32600),
            _ => |method, _| older(method, -32000),
        };
        check(&code.to_string(), server, HANDSHAKE, 1);
    }
}

fn older(method: &str, code: i32) -> Does {
    match method {
        "initialize" => INITIALIZED,
        "tools/list" => LISTED,
        _ => Does::Error(code),
    }
}

#[test]
fn servers_that_pass_the_question_over_are_asked_for_a_handshake() {
    let server: Server = |method, _| match method {
        "initialize" => INITIALIZED,
        "tools/list" => LISTED,
        _ => Does::Nothing,
    };
    let found = run(None, server, false);
    assert_eq!(found.eras, Ok(HANDSHAKE));
    assert_eq!((found.started, found.tools), (1, Some(1)));
    assert_eq!(found.waits, [PROBE_WAIT]);
}

#[test]
fn servers_that_end_at_any_line_before_the_handshake_are_started_again() {
    let server: Server = |method, before| match method {
        _ if had(before, "initialize") => LISTED,
        "initialize" if first(before) => INITIALIZED,
        _ => Does::Exit,
    };
    check("exits", server, HANDSHAKE, 2);
    let server: Server = |method, before| match method {
        _ if had(before, "initialize") => LISTED,
        "initialize" if first(before) => INITIALIZED,
        _ => Does::Wedge,
    };
    let found = run(None, server, false);
    assert_eq!((found.eras, found.started), (Ok(HANDSHAKE), 2));
    assert_eq!(found.tools, Some(1));
    assert_eq!(found.waits, [PROBE_WAIT, START_TIMEOUT]);
}

#[test]
fn servers_of_both_eras_that_keep_to_the_first_line_are_known_for_both() {
    let server: Server = |method, before| match method {
        "server/discover" if first(before) => DISCOVERED,
        "initialize" if first(before) => INITIALIZED,
        "initialize" => Does::Error(-32022),
        "tools/list" => LISTED,
        _ => Does::Error(-32600),
    };
    check("locks", server, BOTH, 2);
}

#[test]
fn servers_that_mix_both_eras_need_one_process() {
    let server: Server = |method, _| match method {
        "server/discover" => DISCOVERED,
        "initialize" => INITIALIZED,
        "tools/list" => LISTED,
        _ => Does::Error(-32601),
    };
    check("mixes", server, BOTH, 1);
}

#[test]
fn servers_of_2026_alone_are_known_for_that() {
    let server: Server = |method, _| match method {
        "server/discover" => DISCOVERED,
        "tools/list" => LISTED,
        "initialize" => Does::Error(-32022),
        _ => Does::Error(-32601),
    };
    check("stateless", server, STATELESS, 2);
    let exits: Server = |method, _| match method {
        "server/discover" => DISCOVERED,
        "tools/list" => LISTED,
        _ => Does::Exit,
    };
    let found = run(None, exits, false);
    assert_eq!((found.eras, found.tools), (Ok(STATELESS), Some(1)));
}

#[test]
fn servers_of_a_newer_revision_are_asked_for_a_handshake_by_themselves() {
    let server: Server = |method, before| match method {
        "server/discover" => NEWER,
        "initialize" if first(before) => INITIALIZED,
        "tools/list" => LISTED,
        _ => Does::Error(-32022),
    };
    let found = run(None, server, false);
    assert_eq!(
        (found.eras, found.started, found.tools),
        (Ok(HANDSHAKE), 2, Some(1))
    );
    let server: Server = |method, _| match method {
        "server/discover" => Does::Error(-32022),
        _ => Does::Error(-32022),
    };
    let found = run(None, server, false);
    let reason = "it refuses initialize: no (-32022)".to_string();
    assert_eq!((found.eras, found.started), (Err(reason), 2));
}

#[test]
fn what_is_no_server_is_known_for_that_with_the_reason() {
    let table: [(Server, &str); 3] = [
        (|_, _| Does::Exit, "it has ended with code 1"),
        (|_, _| Does::Nothing, "it has not answered in time"),
        (|_, _| Does::Error(1), "it refuses initialize: no (1)"),
    ];
    for (server, reason) in table {
        let found = run(None, server, false);
        assert_eq!(found.eras, Err(reason.to_string()));
        assert_eq!((found.started, found.tools), (2, None));
    }
}

#[test]
fn listings_that_never_come_do_not_hide_what_a_command_speaks() {
    let both: Server = |method, _| match method {
        "server/discover" => DISCOVERED,
        "initialize" => INITIALIZED,
        _ => Does::Nothing,
    };
    let found = run(None, both, false);
    assert_eq!((found.eras, found.tools), (Ok(BOTH), None));
    let exits: Server = |method, _| match method {
        "initialize" => INITIALIZED,
        "tools/list" => Does::Exit,
        _ => Does::Error(-32601),
    };
    let found = run(None, exits, false);
    assert_eq!((found.eras, found.started), (Ok(HANDSHAKE), 1));
}

#[test]
fn where_the_era_is_configured_nothing_else_is_tried() {
    let both: Server = |method, before| match method {
        "server/discover" if first(before) => DISCOVERED,
        "initialize" if first(before) => INITIALIZED,
        "tools/list" => LISTED,
        _ => Does::Exit,
    };
    for (only, eras) in [(Era::Handshake, HANDSHAKE), (Era::Stateless, STATELESS)] {
        for is_slow in [false, true] {
            let found = run(Some(only), both, is_slow);
            assert_eq!((found.eras, found.tools), (Ok(eras), Some(1)), "{only:?}");
            assert_eq!(found.started, 1, "{only:?}");
        }
    }
    let older_only: Server = |method, _| older(method, -32601);
    let found = run(Some(Era::Stateless), older_only, false);
    let reason = "it refuses server/discover: no (-32601)".to_string();
    assert_eq!((found.eras, found.started), (Err(reason), 1));
}
