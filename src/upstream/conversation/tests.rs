//! Transcripts: what is sent to a child, what it writes, and what comes of that.

use super::{Asking, Conversation, Effect, Plan};
use crate::limits::{
    ASK_AGAIN_MAX, ASK_ROUNDS_MAX, ASKS_MAX, CHILD_FORGOTTEN_MAX, LISTING_BYTES_MAX,
};
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::method::Method;
use crate::mcp::revision::Era;
use crate::mcp::stateless::capability_missing;
use crate::tool::handler::{Ended, Said, Told};
use crate::upstream::{Forward, Tag, UpstreamIndex};
use crate::wire::json;
use crate::wire::jsonrpc::RpcError;
use serde_json::value::RawValue;
use std::rc::Rc;

mod listings;
mod news;
mod opening;
mod questions;
mod seeded;
mod turns;

/// A child that has done the handshake and has answered a call. The next one has the id 101.
struct Child(Conversation);

fn plan(era: Era) -> Plan {
    Plan {
        era,
        client: Capabilities::NONE,
        lists: false,
        listing_bytes_max: LISTING_BYTES_MAX,
        probes: false,
        roots: Vec::new(),
        is_private: false,
    }
}

fn child(era: Era) -> Child {
    Child::new(plan(era))
}

/// What a client of this era is to a child.
fn asking(tag: u64, era: Era) -> Asking {
    Asking {
        tag: Tag(tag),
        told: Told {
            client: Capabilities::NONE,
            wants_progress: false,
        },
        log_level: None,
        era,
    }
}

fn capable(tag: u64, era: Era, client: Capabilities) -> Asking {
    let mut asking = asking(tag, era);
    asking.told.client = client;
    asking
}

fn forward(method: Method, params: &str) -> Box<Forward> {
    Box::new(Forward {
        upstream: UpstreamIndex::new(0),
        method,
        params: params.into(),
        meta: "".into(),
    })
}

/// A call of a tool.
fn call() -> Box<Forward> {
    forward(Method::ToolsCall, r#"{"name":"t"}"#)
}

impl Child {
    fn new(plan: Plan) -> Child {
        let era = plan.era;
        let mut child = Child(Conversation::new(plan));
        let opened = match era {
            Era::Handshake => r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#,
            Era::Stateless => r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#,
        };
        child
            .0
            .handle_line(line(&format!(r#""id":1,"result":{opened}"#)).as_bytes());
        for id in 2..=child.0.last_id {
            child.says(&format!(r#""id":{id},"result":{{}}"#));
        }
        child.0.last_id = 100;
        child.0.has_begun = true;
        child.sent();
        child.effects();
        assert_eq!(child.0.pending(), 0, "the handshake is done");
        child
    }

    /// It writes a message with these members.
    fn says(&mut self, members: &str) {
        self.0.handle_line(line(members).as_bytes());
    }

    /// What it was sent since this was asked last: members of messages.
    fn sent(&mut self) -> Vec<String> {
        let bytes = self.0.output().len();
        let text = String::from_utf8(self.0.output().to_vec()).unwrap();
        self.0.written(bytes);
        assert!(text.is_empty() || text.ends_with('\n'));
        let members = |line: &str| {
            let members = line.strip_prefix(r#"{"jsonrpc":"2.0","#).unwrap();
            members.strip_suffix('}').unwrap().to_string()
        };
        text.lines().map(members).collect()
    }

    /// What has come of what it wrote.
    fn effects(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.poll_effect())
            .map(show)
            .collect()
    }

    /// Sends a call, and passes over what is written for it.
    fn calls(&mut self, asking: Asking) {
        self.0.send(call(), asking);
        self.sent();
    }

    /// A client says this to a question.
    fn answers(&mut self, tag: u64, key: &str, answer: &str) {
        let answer = RawValue::from_string(answer.to_string()).unwrap();
        self.0.answer(Tag(tag), key, &Ok(Rc::from(answer)));
    }

    fn answers_error(&mut self, tag: u64, key: &str, error: RpcError) {
        self.0.answer(Tag(tag), key, &Err(error));
    }
}

fn line(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0",{members}}}"#)
}

/// An effect in few words.
fn show(effect: Effect) -> String {
    match effect {
        Effect::Said(Tag(tag), Said::Progress(progress)) => {
            let total = progress.total.unwrap_or_default();
            let message = progress.message.unwrap_or_default();
            format!("{tag} progress {} {total} {message}", progress.progress)
        }
        Effect::Said(
            Tag(tag),
            Said::Log {
                level,
                logger,
                data,
            },
        ) => {
            format!(
                "{tag} logs {} {} {data}",
                level.name(),
                logger.unwrap_or_default()
            )
        }
        Effect::Said(Tag(tag), Said::Ask(ask)) => {
            format!("{tag} asks {} {:?} {}", ask.key, ask.kind, ask.params)
        }
        Effect::Ended(Tag(tag), Ended::Result(result)) => format!("{tag} ends {result}"),
        Effect::Ended(Tag(tag), Ended::Failed(error)) => {
            let data = error.data.as_ref().map_or("", |data| data.get());
            format!("{tag} fails {} {} {data}", error.code, error.message)
        }
        Effect::Ended(Tag(tag), Ended::ResourceUnknown) => format!("{tag} unknown"),
        Effect::Waits(Tag(tag)) => format!("{tag} waits"),
        Effect::Withdrawn(Tag(tag), key) => format!("{tag} withdraws {key}"),
        Effect::Log {
            level,
            logger,
            data,
        } => {
            format!("log {} {} {data}", level.name(), logger.unwrap_or_default())
        }
        Effect::Noise(what) => format!("noise: {what}"),
        Effect::IsInteractive => "interactive".to_string(),
        other => format!("{other:?}"),
    }
}

const NONE: [&str; 0] = [];

#[test]
fn a_call_is_sent_as_it_is_to_a_child_with_a_handshake() {
    let params = r#"{"name":"a\n","arguments":{"b":[1]}}"#;
    let table = [
        (params, "", false, params.to_string()),
        ("{}", "", false, "{}".to_string()),
        (
            "{ }",
            "\"x/y\":1",
            false,
            r#"{"_meta":{"x/y":1}}"#.to_string(),
        ),
        (
            "{}",
            "",
            true,
            r#"{"_meta":{"progressToken":101}}"#.to_string(),
        ),
        (
            r#"{"name":"a"}"#,
            "\"traceparent\":\"00\"",
            true,
            r#"{"name":"a","_meta":{"progressToken":101,"traceparent":"00"}}"#.to_string(),
        ),
    ];
    for (params, meta, wants_progress, expected) in table {
        for era in [Era::Handshake, Era::Stateless] {
            let mut child = child(Era::Handshake);
            let mut asking = asking(1, era);
            asking.told.wants_progress = wants_progress;
            let mut forward = forward(Method::ToolsCall, params);
            forward.meta = meta.into();
            child.0.send(forward, asking);
            let sent = format!(r#""id":101,"method":"tools/call","params":{expected}"#);
            assert_eq!(child.sent(), [sent]);
        }
    }
}

#[test]
fn a_child_of_2026_is_told_who_asks_with_every_request() {
    let mut child = child(Era::Stateless);
    let everything = Capabilities::FORM.and(Capabilities::TASKS);
    let mut asking = capable(1, Era::Handshake, everything);
    asking.log_level = Some(Level::Info);
    asking.told.wants_progress = true;
    let mut forward = forward(Method::PromptsGet, r#"{"name":"p"}"#);
    forward.meta = "\"x/y\":[]".into();
    child.0.send(forward, asking);
    let sent = child.sent().remove(0);
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        r#""id":101,"method":"prompts/get","params":{{"name":"p","_meta":{{"progressToken":101,\
"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":\
{{"name":"slimcp","version":"{version}"}},"io.modelcontextprotocol/clientCapabilities":\
{{"elicitation":{{}}}},"io.modelcontextprotocol/logLevel":"info","x/y":[]}}}}"#
    );
    assert_eq!(sent, expected.replace("\\\n", ""));
}

#[test]
fn a_result_ends_its_call_and_no_other() {
    let mut child = child(Era::Handshake);
    for tag in [7, 8, 9] {
        child.calls(asking(tag, Era::Handshake));
    }
    child.says(r#""id":102,"result":{"content":[],"_meta":{"a":1},"resultType":"x"}"#);
    let ended = r#"8 ends {"content":[],"_meta":{"a":1},"resultType":"x"}"#;
    assert_eq!(child.effects(), [ended]);
    child.says(r#""id":103,"error":{"code":-32000,"message":"no","data":{"why":1}}"#);
    assert_eq!(child.effects(), [r#"9 fails -32000 no {"why":1}"#]);
    child.says(r#""id":101,"result":[]"#);
    let unfit = "7 fails -32603 the server's result is no object ";
    assert_eq!(child.effects(), [unfit]);
    assert_eq!(child.0.pending(), 0);
    assert!(child.sent().is_empty());
}

#[test]
fn answers_to_nothing_are_noise_and_harm_nobody() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    for answer in [
        r#""id":1,"result":{}"#,
        r#""id":100,"result":{}"#,
        r#""id":102,"result":{}"#,
        r#""id":"101","result":{}"#,
        r#""id":101.0,"result":{}"#,
        r#""id":-1,"error":{}"#,
    ] {
        child.says(answer);
        assert_eq!(child.effects(), ["noise: an answer to nothing"], "{answer}");
    }
    child.says(r#""id":101,"result":{}"#);
    child.says(r#""id":101,"result":{"again":1}"#);
    assert_eq!(
        child.effects(),
        ["7 ends {}", "noise: an answer to nothing"]
    );
}

#[test]
fn lines_that_are_no_messages_are_noise() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    for garbage in [
        "",
        "Listening on stdio",
        "{",
        "[]",
        "7",
        "\u{feff}{}",
        r#"{"id":101}"#,
    ] {
        child.0.handle_line(garbage.as_bytes());
        let noise = "noise: a line that is no JSON-RPC message";
        assert_eq!(child.effects(), [noise], "{garbage}");
    }
    child.0.handle_line(b"\xff\xfe");
    assert_eq!(child.effects().len(), 1);
    child.says(r#""id":101,"result":{}"#);
    assert_eq!(child.effects(), ["7 ends {}"]);
}

#[test]
fn a_batch_is_its_messages() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    child.calls(asking(8, Era::Handshake));
    let first = line(r#""id":102,"result":{}"#);
    let second = line(r#""id":101,"result":{}"#);
    child
        .0
        .handle_line(format!("[{first},7,{second}]").as_bytes());
    let noise = "noise: a wrong message in a batch";
    assert_eq!(child.effects(), ["8 ends {}", noise, "7 ends {}"]);
}

#[test]
fn what_is_late_for_a_cancelled_call_has_no_effect() {
    let mut child = child(Era::Handshake);
    let mut asking = asking(7, Era::Handshake);
    asking.told.wants_progress = true;
    child.calls(asking);
    child.0.cancel(Tag(7));
    child.0.cancel(Tag(7));
    let cancelled = r#""method":"notifications/cancelled","params":{"requestId":101}"#;
    assert_eq!(child.sent(), [cancelled, r#""id":102,"method":"ping""#]);
    child.says(r#""method":"notifications/progress","params":{"progressToken":101,"progress":1}"#);
    child.says(r#""id":101,"result":{}"#);
    child.says(r#""id":102,"result":{}"#);
    assert_eq!(child.effects(), NONE);
    assert_eq!(child.0.pending(), 0);
    child.says(r#""id":101,"result":{}"#);
    assert_eq!(child.effects(), ["noise: an answer to nothing"]);
}

#[test]
fn a_child_of_2026_is_not_pinged_when_a_call_is_cancelled() {
    let mut child = child(Era::Stateless);
    child.calls(asking(7, Era::Stateless));
    child.0.cancel(Tag(7));
    let cancelled = r#""method":"notifications/cancelled","params":{"requestId":101}"#;
    assert_eq!(child.sent(), [cancelled]);
}

#[test]
fn of_answers_that_never_come_only_the_latest_are_remembered() {
    let mut child = child(Era::Stateless);
    for tag in 0..CHILD_FORGOTTEN_MAX as u64 {
        child.calls(asking(tag, Era::Stateless));
        child.0.cancel(Tag(tag));
    }
    assert_eq!(child.0.pending(), CHILD_FORGOTTEN_MAX);
    child.calls(asking(1000, Era::Stateless));
    child.calls(asking(1001, Era::Stateless));
    child.0.cancel(Tag(1001));
    assert_eq!(child.0.pending(), CHILD_FORGOTTEN_MAX + 1, "and one call");
    child.says(r#""id":101,"result":{}"#);
    assert_eq!(child.effects(), ["noise: an answer to nothing"]);
    child.says(r#""id":102,"result":{}"#);
    assert_eq!(child.effects(), NONE);
    let id = 101 + CHILD_FORGOTTEN_MAX;
    child.says(&format!(r#""id":{id},"result":{{}}"#));
    assert_eq!(child.effects(), ["1000 ends {}"]);
}

fn progress(child: &mut Child, members: &str) -> Vec<String> {
    let params = format!(r#""method":"notifications/progress","params":{{{members}}}"#);
    child.says(&params);
    child.effects()
}

#[test]
fn progress_belongs_to_the_call_whose_token_it_names_and_grows() {
    let mut child = child(Era::Handshake);
    for tag in [7, 8] {
        let mut asking = asking(tag, Era::Handshake);
        asking.told.wants_progress = true;
        child.calls(asking);
    }
    child.calls(asking(9, Era::Handshake));
    let nonsense = "noise: progress that makes no sense";
    let table = [
        (
            r#""progressToken":102,"progress":0.50"#,
            "8 progress 0.50  ",
        ),
        (
            r#""progressToken":101,"progress":0,"total":3"#,
            "7 progress 0 3 ",
        ),
        (
            r#""progressToken":101,"progress":1e1,"message":"x""#,
            "7 progress 1e1  x",
        ),
        (r#""progressToken":101,"progress":10"#, ""),
        (r#""progressToken":101,"progress":9.5"#, ""),
        (
            r#""progressToken":101,"progress":11,"total":"3""#,
            "7 progress 11  ",
        ),
        // Not wanted, unknown, of another type.
        (r#""progressToken":103,"progress":1"#, ""),
        (r#""progressToken":104,"progress":1"#, ""),
        (r#""progressToken":"102","progress":1"#, ""),
        (r#""progressToken":null,"progress":1"#, ""),
        (r#""progressToken":102,"progress":"1""#, nonsense),
        (r#""progressToken":102,"progress":1e999"#, nonsense),
        (r#""progressToken":102"#, nonsense),
        (r#""progress":1"#, nonsense),
    ];
    for (members, expected) in table {
        let expected: Vec<_> = [expected]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        assert_eq!(progress(&mut child, members), expected, "{members}");
    }
    let long = format!(r#""progressToken":102,"progress":0.{}"#, "6".repeat(127));
    assert_eq!(progress(&mut child, &long), [nonsense]);
    child.says(r#""id":102,"result":{}"#);
    assert_eq!(child.effects(), ["8 ends {}"]);
    assert_eq!(
        progress(&mut child, r#""progressToken":102,"progress":2"#),
        NONE
    );
}

fn log(child: &mut Child) -> Vec<String> {
    child.says(r#""method":"notifications/message","params":{"level":"info","data":{"a":1}}"#);
    child.effects()
}

#[test]
fn a_log_message_belongs_to_the_only_call_in_flight() {
    let mut child = child(Era::Handshake);
    assert_eq!(log(&mut child), [r#"log info  {"a":1}"#]);
    child.calls(asking(7, Era::Handshake));
    assert_eq!(log(&mut child), [r#"7 logs info  {"a":1}"#]);
    child.calls(asking(8, Era::Stateless));
    assert_eq!(log(&mut child), [r#"log info  {"a":1}"#]);
    child.0.cancel(Tag(8));
    assert_eq!(
        log(&mut child),
        [r#"log info  {"a":1}"#],
        "it may be of the cancelled one"
    );
    child.says(r#""id":103,"result":{}"#);
    assert_eq!(log(&mut child), [r#"7 logs info  {"a":1}"#]);
}

#[test]
fn in_2026_a_log_message_belongs_to_the_only_call_that_wants_it() {
    let mut child = child(Era::Stateless);
    child.calls(asking(7, Era::Stateless));
    assert_eq!(log(&mut child), [r#"log info  {"a":1}"#]);
    for (tag, level) in [(8, Level::Error), (9, Level::Info)] {
        let mut asking = asking(tag, Era::Stateless);
        asking.log_level = Some(level);
        child.calls(asking);
    }
    assert_eq!(log(&mut child), [r#"9 logs info  {"a":1}"#]);
    let mut other = asking(10, Era::Stateless);
    other.log_level = Some(Level::Debug);
    child.calls(other);
    assert_eq!(log(&mut child), [r#"log info  {"a":1}"#]);
}

#[test]
fn a_log_message_says_how_severe_it_is() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    for (params, expected) in [
        (r#"{"level":"error","logger":"a"}"#, "7 logs error a null"),
        (
            r#"{"level":"loud","data":1}"#,
            "noise: a log message of no known level",
        ),
        (r#"{"data":1}"#, "noise: a log message that makes no sense"),
        ("[]", "noise: a log message that makes no sense"),
    ] {
        child.says(&format!(
            r#""method":"notifications/message","params":{params}"#
        ));
        assert_eq!(child.effects(), [expected], "{params}");
    }
    child.says(r#""method":"notifications/message""#);
    assert_eq!(
        child.effects(),
        ["noise: a log message that makes no sense"]
    );
}

#[test]
fn a_private_child_logs_for_its_latest_call() {
    let mut child = Child::new(Plan {
        is_private: true,
        ..plan(Era::Handshake)
    });
    child.calls(asking(7, Era::Handshake));
    child.calls(asking(8, Era::Handshake));
    assert_eq!(log(&mut child), [r#"8 logs info  {"a":1}"#]);
    child.0.cancel(Tag(8));
    assert_eq!(child.sent().len(), 1, "no ping is needed");
    assert_eq!(log(&mut child), [r#"7 logs info  {"a":1}"#]);
}

#[test]
fn a_resource_that_is_unknown_is_unknown_in_every_era() {
    let old = r#""error":{"code":-32002,"message":"gone"}"#;
    let new = r#""error":{"code":-32602,"message":"gone","data":{"uri":"a:b"}}"#;
    let plain = r#""error":{"code":-32602,"message":"gone"}"#;
    let table = [
        (Era::Handshake, Method::ResourcesRead, old, "7 unknown"),
        (Era::Stateless, Method::ResourcesRead, old, "7 unknown"),
        (Era::Stateless, Method::ResourcesRead, new, "7 unknown"),
        (
            Era::Handshake,
            Method::ResourcesRead,
            plain,
            "7 fails -32602 gone ",
        ),
        (
            Era::Stateless,
            Method::ResourcesRead,
            plain,
            "7 fails -32602 gone ",
        ),
        (
            Era::Handshake,
            Method::ToolsCall,
            old,
            "7 fails -32002 gone ",
        ),
    ];
    for (era, method, error, expected) in table {
        let mut child = child(era);
        child
            .0
            .send(forward(method, "{}"), asking(7, Era::Stateless));
        child.says(&format!(r#""id":101,{error}"#));
        assert_eq!(child.effects(), [expected], "{era:?} {method:?} {error}");
    }
}

#[test]
fn memory_is_counted_and_given_back() {
    let params = format!(r#"{{"name":"{}"}}"#, "n".repeat(10_000));
    // What cannot be asked for again is not kept.
    for (client, kept) in [(Era::Handshake, 0), (Era::Stateless, params.len())] {
        let mut child = child(Era::Handshake);
        let idle = child.0.held_bytes();
        let forward = forward(Method::ToolsCall, &params);
        child.0.send(forward, asking(7, client));
        assert!(child.0.held_bytes() >= params.len() + kept);
        child.sent();
        let held = child.0.held_bytes();
        assert!(held >= kept && held < idle + kept + params.len());
        child.says(r#""id":101,"result":{}"#);
        assert!(child.0.held_bytes() <= idle, "nothing is left");
    }
}
