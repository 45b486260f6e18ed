//! Questions of calls to their clients, rule by rule, in both eras. The work of a call is played by
//! the test: it says what a function would say.

use crate::stateless::{answer, body, fields as repeated};
use crate::support::{Server, at, get, post, registry};
use crate::{
    INITIALIZED, ask as request, cancel, events, http_sse, initialize, streamable_that_says,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use slimcp::bounded::Key;
use slimcp::engine::call::Call;
use slimcp::limits::{self, Limits};
use slimcp::tool::ask::{Ask, AskKind};
use slimcp::tool::command::Stopped;
use slimcp::tool::handler::{Begin, Ended, Said};
use slimcp::tool::registry::Registry;
use slimcp::tool::{CallLimits, Outcome, Start, Tool, ToolSpec, Work, builtin};
use slimcp::wire::jsonrpc::RpcError;
use std::rc::Rc;

const MINUTE: u64 = 60_000;
const WAIT: u64 = limits::ANSWER_WAIT.as_millis() as u64;

/// A tool that is a function. What it does is up to the test. One of the name `single` runs one
/// call at a time.
struct Function(ToolSpec);

impl Tool for Function {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn limits(&self) -> CallLimits {
        CallLimits {
            concurrency: (self.0.name == "single").then_some(1),
            ..CallLimits::default()
        }
    }

    fn start(&self, _: &RawValue) -> Start {
        let never = |_| std::future::pending::<Ended>();
        Start::Work(Work::Function(Begin::new(never)))
    }
}

/// A server with three more tools: `ask`, `other` and `single`.
fn server_with(limits: Limits) -> Server {
    let mut server = Server::with(limits);
    let config = server.engine.config().clone();
    server.engine.reload(at(0), config, tools());
    server
}

fn tools() -> Registry {
    let mut tools: Vec<Rc<dyn Tool>> = registry().iter().cloned().collect();
    for name in ["ask", "other", "single"] {
        let spec = builtin::Echo::new().spec().clone();
        let name = name.to_string();
        tools.push(Rc::new(Function(ToolSpec { name, ..spec })));
    }
    Registry::new(tools).expect("the names differ")
}

fn server() -> Server {
    server_with(Limits::default())
}

fn question(key: &str, kind: AskKind, params: &str) -> Ask {
    let (key, params) = (key.to_string(), params.to_string());
    Ask { key, kind, params }
}

fn form(key: &str) -> Ask {
    let params = format!(r#"{{"mode":"form","message":"{key}?","requestedSchema":{{}}}}"#);
    question(key, AskKind::Form, &params)
}

/// The oldest call that was started and not taken yet.
fn take(server: &mut Server) -> Key<Call> {
    server.started.remove(0).0
}

/// The function asks these in one turn, then waits.
fn asks(server: &mut Server, millis: u64, call: Key<Call>, questions: &[Ask]) {
    for ask in questions {
        server
            .engine
            .handle_said(at(millis), call, Said::Ask(ask.clone()));
    }
    server.engine.handle_waiting_call(at(millis), call);
    server.settle(at(millis));
    server.engine.check(0);
}

fn ends(server: &mut Server, millis: u64, call: Key<Call>, text: &str) {
    let ended = Ended::Outcome(Outcome::text(text));
    server.engine.handle_ended(at(millis), call, &ended);
    server.settle(at(millis));
    server.engine.check(0);
}

/// What the work was told since this was asked last: key, and result or code.
fn heard(server: &mut Server) -> Vec<(String, Result<String, i32>)> {
    let answered = std::mem::take(&mut server.answered);
    let text = |answer: Result<Rc<RawValue>, RpcError>| match answer {
        Ok(result) => Ok(result.get().to_string()),
        Err(error) => Err(error.code),
    };
    let heard = answered.into_iter();
    heard.map(|(_, key, answer)| (key, text(answer))).collect()
}

fn heard_ok(key: &str, result: &str) -> (String, Result<String, i32>) {
    (key.to_string(), Ok(result.to_string()))
}

/// The header fields of a new session whose client can do this.
fn session(server: &mut Server, revision: &str, capabilities: &str) -> String {
    let hello = initialize(revision).replace("\"capabilities\":{}", &able(capabilities));
    streamable_that_says(server, at(0), revision, &hello)
}

fn able(capabilities: &str) -> String {
    format!("\"capabilities\":{capabilities}")
}

const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}"#;

fn call_ask(id: u32) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"ask"}}}}"#)
}

/// A call in a session; the peer that waits for it, and the call.
fn begun(server: &mut Server, fields: &str) -> (usize, Key<Call>) {
    let peer = server.connect(at(1));
    server.send(at(1), peer, post("/mcp", fields, &call_ask(1)));
    (peer, take(server))
}

/// The messages that came in events.
fn messages(server: &mut Server, peer: usize) -> Vec<String> {
    let events = events(server, peer).into_iter().map(|event| event.data);
    events.filter(|data| !data.is_empty()).collect()
}

fn response(id: u32, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

const ACCEPT: &str = r#"{"action":"accept","content":{"x":1}}"#;

fn stats_of(server: &Server) -> [u64; 4] {
    let stats = server.engine.stats();
    [
        stats.asks,
        stats.asks_refused,
        stats.responses_unasked,
        stats.calls_evicted,
    ]
}

// ---- with a handshake ----

#[test]
fn a_question_is_a_request_on_the_stream_of_its_call() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (peer, call) = begun(&mut server, &fields);
    asks(
        &mut server,
        2,
        call,
        &[form("name"), question("where", AskKind::Roots, "{}")],
    );
    assert_eq!(
        messages(&mut server, peer),
        [
            concat!(
                r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":"#,
                r#"{"mode":"form","message":"name?","requestedSchema":{}}}"#
            ),
            r#"{"jsonrpc":"2.0","id":2,"method":"roots/list","params":{}}"#,
        ]
    );
    // The answers come in any order, as messages of their own.
    for (id, result) in [(2, r#"{"roots":[]}"#), (1, ACCEPT)] {
        let taken = request(
            &mut server,
            at(3),
            post("/mcp", &fields, &response(id, result)),
        );
        assert_eq!((taken.head.status, taken.body.as_str()), (202, ""));
    }
    let expected = [
        heard_ok("where", r#"{"roots":[]}"#),
        heard_ok("name", ACCEPT),
    ];
    assert_eq!(heard(&mut server), expected);
    ends(&mut server, 4, call, "thanks");
    let last = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"thanks"}]}}"#;
    assert_eq!(messages(&mut server, peer), [last]);
    assert_eq!(stats_of(&server), [2, 0, 0, 0]);
}

#[test]
fn older_revisions_know_no_modes() {
    for revision in ["2025-03-26", "2025-06-18"] {
        let mut server = server();
        let fields = session(&mut server, revision, ALL);
        let (peer, call) = begun(&mut server, &fields);
        let pages = question("page", AskKind::Url, r#"{"mode":"url","url":"http://x"}"#);
        asks(&mut server, 2, call, &[form("a"), pages]);
        let sent = messages(&mut server, peer);
        let params = r#""params":{"message":"a?","requestedSchema":{}}}"#;
        assert!(sent.len() == 1 && sent[0].ends_with(params), "{sent:?}");
        assert_eq!(heard(&mut server), [("page".to_string(), Err(-32021))]);
    }
}

#[test]
fn a_page_has_a_name_and_is_done_with_when_the_call_is() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (peer, call) = begun(&mut server, &fields);
    let page = r#"{"mode":"url","url":"http://x","message":"go"}"#;
    asks(
        &mut server,
        2,
        call,
        &[question("page", AskKind::Url, page)],
    );
    let sent: Value = serde_json::from_str(&messages(&mut server, peer)[0]).expect("JSON");
    let name = sent["params"]["elicitationId"]
        .as_str()
        .expect("a name")
        .to_string();
    let params = json!({"mode":"url","url":"http://x","message":"go","elicitationId":name});
    assert_eq!(sent["params"], params);
    let agreed = response(1, r#"{"action":"accept"}"#);
    request(&mut server, at(3), post("/mcp", &fields, &agreed));
    assert_eq!(messages(&mut server, peer), [""; 0]);
    ends(&mut server, 4, call, "done");
    let told = messages(&mut server, peer);
    let complete = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{{"elicitationId":"{name}"}}}}"#
    );
    assert_eq!(told[0], complete);
    assert!(told[1].contains("\"result\""), "the answer comes after it");
}

#[test]
fn http_sse_carries_questions_and_answers_too() {
    let mut server = server();
    let (stream, door) = http_sse(&mut server, at(0));
    // That client has declared nothing.
    request(&mut server, at(1), post(&door, "", &call_ask(1)));
    let call = take(&mut server);
    asks(&mut server, 1, call, &[form("a")]);
    assert_eq!(heard(&mut server), [("a".to_string(), Err(-32021))]);
    ends(&mut server, 1, call, "no");
    server.receive(stream);

    let stream = server.connect(at(2));
    server.send(at(2), stream, get("/sse", ""));
    let opened = server.receive(stream);
    let door = opened
        .split("data: ")
        .nth(1)
        .and_then(|rest| rest.split('\n').next());
    let door = door.expect("an endpoint").trim().to_string();
    let hello = initialize("2024-11-05").replace("\"capabilities\":{}", &able(ALL));
    for message in [hello.as_str(), INITIALIZED, &call_ask(2)] {
        request(&mut server, at(2), post(&door, "", message));
    }
    let call = take(&mut server);
    server.receive(stream);
    let params = r#"{"messages":[],"maxTokens":9}"#;
    asks(
        &mut server,
        3,
        call,
        &[question("a", AskKind::Sample, params)],
    );
    let sent = r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":9}}"#;
    assert_eq!(messages(&mut server, stream), [sent]);
    let taken = request(
        &mut server,
        at(4),
        post(&door, "", &response(1, r#"{"role":"x"}"#)),
    );
    assert_eq!(taken.head.status, 202);
    assert_eq!(heard(&mut server), [heard_ok("a", r#"{"role":"x"}"#)]);
    ends(&mut server, 5, call, "done");
    assert_eq!(messages(&mut server, stream).len(), 1);
}

#[test]
fn what_the_client_has_not_declared_is_not_asked() {
    let cases = [
        ("{}", AskKind::Form, false),
        (r#"{"elicitation":{}}"#, AskKind::Form, true),
        (r#"{"elicitation":{}}"#, AskKind::Url, false),
        (r#"{"elicitation":{"url":{}}}"#, AskKind::Form, false),
        (r#"{"elicitation":{"url":{}}}"#, AskKind::Url, true),
        (r#"{"sampling":{}}"#, AskKind::Sample, true),
        (r#"{"sampling":{}}"#, AskKind::SampleWithTools, false),
        (r#"{"sampling":{}}"#, AskKind::Roots, false),
        (r#"{"roots":{}}"#, AskKind::Roots, true),
    ];
    for (capabilities, kind, is_asked) in cases {
        let mut server = server();
        let fields = session(&mut server, "2025-11-25", capabilities);
        let (peer, call) = begun(&mut server, &fields);
        asks(&mut server, 2, call, &[question("a", kind, r#"{"m":1}"#)]);
        assert_eq!(messages(&mut server, peer).len(), usize::from(is_asked));
        assert_eq!(heard(&mut server).len(), usize::from(!is_asked));
        assert_eq!(stats_of(&server)[1], u64::from(!is_asked));
    }
}

#[test]
fn without_a_session_there_is_nobody_to_ask() {
    let mut server = server();
    let (peer, call) = begun(&mut server, "");
    asks(&mut server, 2, call, &[form("a")]);
    assert_eq!(heard(&mut server), [("a".to_string(), Err(-32021))]);
    assert_eq!(server.receive(peer), "");
}

#[test]
fn an_error_of_the_client_is_an_answer() {
    let mut server = server();
    let fields = session(&mut server, "2025-06-18", ALL);
    let (_, call) = begun(&mut server, &fields);
    asks(&mut server, 2, call, &[form("a"), form("b")]);
    for (id, error) in [(1, r#"{"code":-1,"message":"no","data":[7]}"#), (2, "{}")] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
        request(&mut server, at(3), post("/mcp", &fields, &body));
    }
    let errors = server
        .answered
        .iter()
        .map(|(_, _, answer)| answer.clone().unwrap_err());
    let [first, second]: [RpcError; 2] = errors.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((first.code, &*first.message), (-1, "no"));
    assert_eq!(first.data.unwrap().get(), "[7]");
    assert_eq!(second.code, -32603);
}

#[test]
fn only_its_own_session_answers_and_only_once() {
    let mut server = server();
    let fields = session(&mut server, "2025-03-26", ALL);
    let other = session(&mut server, "2025-11-25", ALL);
    let (_, call) = begun(&mut server, &fields);
    asks(&mut server, 2, call, &[form("a")]);
    let decline = response(1, r#"{"action":"decline"}"#);
    for (fields, message) in [
        (&other, decline.clone()),
        (&fields, decline.replace("\"id\":1", "\"id\":2")),
        (&fields, decline.replace("\"id\":1", "\"id\":\"1\"")),
        (&fields, format!("[{}]", response(1, ACCEPT))),
        (&fields, response(1, ACCEPT)),
    ] {
        let taken = request(&mut server, at(3), post("/mcp", fields, &message));
        assert_eq!((taken.head.status, taken.body.as_str()), (202, ""));
    }
    assert_eq!(heard(&mut server), [heard_ok("a", ACCEPT)]);
    assert_eq!(stats_of(&server)[2], 4);
    let stranger = request(&mut server, at(3), post("/mcp", "", &response(1, ACCEPT)));
    assert_eq!(stranger.head.status, 400);
}

#[test]
fn a_question_of_a_cancelled_call_is_taken_back() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (peer, call) = begun(&mut server, &fields);
    asks(&mut server, 2, call, &[form("a")]);
    server.receive(peer);
    request(&mut server, at(3), post("/mcp", &fields, &cancel(1)));
    let taken_back =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(messages(&mut server, peer), [taken_back]);
    assert_eq!(server.terminated, [call]);
    request(
        &mut server,
        at(4),
        post("/mcp", &fields, &response(1, ACCEPT)),
    );
    assert_eq!(heard(&mut server), []);
    ends(&mut server, 5, call, "stopped");
}

#[test]
fn a_question_that_the_work_does_not_wait_for_is_taken_back() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (peer, call) = begun(&mut server, &fields);
    asks(&mut server, 2, call, &[form("a")]);
    server.receive(peer);
    ends(&mut server, 3, call, "never mind");
    let told = messages(&mut server, peer);
    assert!(told[0].contains("notifications/cancelled"), "{told:?}");
    assert!(told[1].contains("never mind"), "{told:?}");
}

#[test]
fn while_a_call_waits_its_timeout_does_not_run() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (_, call) = begun(&mut server, &fields);
    asks(&mut server, 30_000, call, &[form("a")]);
    server.wait_until(at(9 * MINUTE));
    assert_eq!(server.terminated, []);
    let now = at(9 * MINUTE);
    request(
        &mut server,
        now,
        post("/mcp", &fields, &response(1, ACCEPT)),
    );
    // From here on it has a minute, as at the start.
    server.wait_until(at(10 * MINUTE - 1));
    assert_eq!(server.terminated, []);
    server.wait_until(at(10 * MINUTE));
    assert_eq!(server.terminated, [call]);
    let why = server.engine.why_stopped(call);
    assert_eq!(why, Some(Stopped::TimedOut(limits::ANSWER_WAIT / 10)));
}

#[test]
fn a_client_that_never_answers_is_not_waited_for_for_ever() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (peer, call) = begun(&mut server, &fields);
    asks(&mut server, 30_000, call, &[form("a")]);
    server.receive(peer);
    server.wait_until(at(30_000 + WAIT - 1));
    assert_eq!(server.terminated, []);
    server.wait_until(at(30_000 + WAIT));
    assert_eq!(server.terminated, [call]);
    let why = server.engine.why_stopped(call);
    assert_eq!(why, Some(Stopped::Unanswered(limits::ANSWER_WAIT)));
    assert_eq!(server.engine.stats().calls_timed_out, 1);
    let told = messages(&mut server, peer);
    assert!(
        told.iter()
            .any(|one| one.contains("notifications/cancelled"))
    );
    ends(&mut server, 30_001 + WAIT, call, "stopped");
}

#[test]
fn questions_are_bounded_in_number_and_in_bytes() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (_, call) = begun(&mut server, &fields);
    let many: Vec<Ask> = (0..17).map(|n| form(&format!("q{n}"))).collect();
    asks(&mut server, 2, call, &many);
    let [(_, key, Err(error))] = &server.answered[..] else {
        panic!("one is refused: {:?}", server.answered);
    };
    let text = "a call may have 16 questions without an answer";
    assert_eq!((key.as_str(), &*error.message), ("q16", text));
    server.answered.clear();
    request(
        &mut server,
        at(3),
        post("/mcp", &fields, &response(1, ACCEPT)),
    );
    heard(&mut server);
    let large = format!(r#"{{"message":"{}"}}"#, "x".repeat(8 << 20));
    asks(
        &mut server,
        4,
        call,
        &[question("large", AskKind::Form, &large)],
    );
    let [(_, _, Err(error))] = &server.answered[..] else {
        panic!("there is no room for it");
    };
    assert!(error.message.contains("limits.memory"), "{}", error.message);
    ends(&mut server, 5, call, "done");
}

#[test]
fn errors_of_a_client_are_drawn_from_the_budget_as_well() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (_, call) = begun(&mut server, &fields);
    let large = "x".repeat(900 << 10);
    for id in 1..=8 {
        asks(&mut server, 2, call, &[form(&format!("q{id}"))]);
        let error = format!(r#"{{"code":1,"message":"{id}","data":"{large}"}}"#);
        let error = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
        request(&mut server, at(3), post("/mcp", &fields, &error));
        server.engine.check(0);
    }
    let codes: Vec<i32> = heard(&mut server)
        .into_iter()
        .map(|(_, answer)| answer.expect_err("the client refuses"))
        .collect();
    assert_eq!((codes[0], codes[7]), (1, -32603), "{codes:?}");
    ends(&mut server, 4, call, "no");
}

#[test]
fn a_client_that_has_left_for_good_is_not_asked() {
    let mut server = server();
    let fields = session(&mut server, "2025-06-18", ALL);
    let (peer, call) = begun(&mut server, &fields);
    // It knows no event to come back with.
    server.cut(at(2), peer);
    asks(&mut server, 3, call, &[form("a")]);
    assert_eq!(heard(&mut server), [("a".to_string(), Err(-32603))]);
    ends(&mut server, 4, call, "alone");
}

#[test]
fn a_session_that_ends_takes_its_questions_with_it() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (_, call) = begun(&mut server, &fields);
    asks(&mut server, 2, call, &[form("a")]);
    let delete = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    assert_eq!(request(&mut server, at(3), delete).head.status, 204);
    assert_eq!(server.terminated, [call]);
    ends(&mut server, 4, call, "stopped");
}

// ---- 2026-07-28 ----

/// A call of `tool` by a client that can do everything, with more in `params` and in `_meta`.
fn modern(tool: &str, params: &str, meta: &str) -> String {
    modern_as(ALL, tool, params, meta)
}

fn modern_as(capabilities: &str, tool: &str, params: &str, meta: &str) -> String {
    let params = format!(r#""name":"{tool}"{params}"#);
    let declared = format!("io.modelcontextprotocol/clientCapabilities\":{capabilities}");
    let body = body("tools/call", &params, meta)
        .replace("io.modelcontextprotocol/clientCapabilities\":{}", &declared);
    post("/mcp", &repeated("tools/call", tool), &body)
}

/// The peer that waits for a call of `ask`, and the call.
fn begun_modern(server: &mut Server, millis: u64, meta: &str) -> (usize, Key<Call>) {
    let peer = server.connect(at(millis));
    server.send(at(millis), peer, modern("ask", "", meta));
    (peer, take(server))
}

/// The one JSON body that a peer has got.
fn result(server: &mut Server, peer: usize) -> Value {
    let bytes = server.receive(peer);
    let (head, body) = bytes.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).expect("one JSON body")
}

/// A call that has asked this; the call, and its state.
fn asked(server: &mut Server, millis: u64, questions: &[Ask]) -> (Key<Call>, String) {
    let (peer, call) = begun_modern(server, millis, "");
    asks(server, millis, call, questions);
    let state = state_of(&result(server, peer));
    (call, state)
}

fn state_of(message: &Value) -> String {
    let result = &message["result"];
    assert_eq!(result["resultType"], "input_required", "{message}");
    result["requestState"].as_str().expect("a text").to_string()
}

fn retried(state: &str, responses: &str) -> String {
    modern("ask", &retry_params(state, responses), "")
}

fn retry_params(state: &str, responses: &str) -> String {
    format!(r#","inputResponses":{responses},"requestState":"{state}""#)
}

/// The keys of the questions in a result.
fn keys(message: &Value) -> Vec<String> {
    let requests = message["result"]["inputRequests"].as_object();
    requests.expect("questions").keys().cloned().collect()
}

#[test]
fn the_questions_of_a_turn_end_the_exchange_together() {
    let mut server = server();
    let (peer, call) = begun_modern(&mut server, 1, "");
    let name = question("na\"me", AskKind::Form, r#"{"mode":"form"}"#);
    for ask in [name, question("where", AskKind::Roots, "{}")] {
        server.engine.handle_said(at(2), call, Said::Ask(ask));
        server.settle(at(2));
        assert_eq!(
            server.receive(peer),
            "",
            "the work has not said that it waits"
        );
    }
    server.engine.handle_waiting_call(at(2), call);
    server.settle(at(2));
    let bytes = server.receive(peer);
    let (head, body) = bytes.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.contains("200") && head.contains("application/json"),
        "{head}"
    );
    let state = state_of(&serde_json::from_str(body).expect("JSON"));
    let expected = format!(
        "{}{state}{}{}{}",
        concat!(
            r#"{"jsonrpc":"2.0","id":7,"result":{"inputRequests":{"#,
            r#""na\"me":{"method":"elicitation/create","params":{"mode":"form"}},"#,
            r#""where":{"method":"roots/list","params":{}}},"requestState":""#
        ),
        r#"","resultType":"input_required","_meta":{"io.modelcontextprotocol/serverInfo":"#,
        r#"{"name":"test","version":""#,
        concat!(env!("CARGO_PKG_VERSION"), r#""}}}}"#),
    );
    assert_eq!(body, expected);
}

#[test]
fn the_answers_come_in_a_request_of_their_own_and_the_call_goes_on() {
    let mut server = server();
    let (call, state) = asked(&mut server, 1, &[form("a"), form("b")]);
    // Nothing of this is for anybody.
    server.engine.handle_line(at(2), call, "half done");
    let peer = server.connect(at(3));
    let params = retry_params(
        &state,
        &format!(r#"{{"b":{ACCEPT},"a":{ACCEPT},"c":{ACCEPT}}}"#),
    );
    let meta = r#""progressToken":"new","io.modelcontextprotocol/logLevel":"info""#;
    let retry = modern("ask", &params, meta).replace("\"id\":7", "\"id\":8");
    server.send(at(3), peer, retry);
    assert_eq!(
        heard(&mut server),
        [heard_ok("b", ACCEPT), heard_ok("a", ACCEPT)]
    );
    assert!(server.started.is_empty(), "it is the same call");
    server.engine.check(0);
    server.engine.handle_line(at(4), call, "more");
    server.engine.handle_stderr_line(at(4), call, "noise");
    ends(&mut server, 5, call, "thanks");
    let told = messages(&mut server, peer);
    assert!(told[0].contains(r#""progressToken":"new""#), "{told:?}");
    assert!(told[1].contains("notifications/message"), "{told:?}");
    let last: Value = serde_json::from_str(&told[2]).expect("JSON");
    assert_eq!(last["id"], 8);
    assert_eq!(last["result"]["resultType"], "complete");
    assert_eq!(last["result"]["content"][0]["text"], "thanks");
    assert_eq!(server.engine.stats().calls_resumed, 1);
    assert_eq!(server.engine.gauges().calls, 0);
}

#[test]
fn a_call_may_ask_again_and_every_round_has_its_own_state() {
    let mut server = server();
    let (call, first) = asked(&mut server, 1, &[form("a")]);
    let peer = server.connect(at(2));
    server.send(
        at(2),
        peer,
        retried(&first, &format!(r#"{{"a":{ACCEPT}}}"#)),
    );
    asks(&mut server, 3, call, &[form("b")]);
    let message = result(&mut server, peer);
    let second = state_of(&message);
    assert_eq!(keys(&message), ["b"]);
    assert_ne!(first, second);
    let replay = retried(&first, &format!(r#"{{"b":{ACCEPT}}}"#));
    let (status, refused) = answer(&mut server, &replay);
    let text = "params.requestState: this round is answered already";
    assert_eq!((status, &refused["error"]["message"]), (400, &json!(text)));
    assert_eq!(heard(&mut server), [heard_ok("a", ACCEPT)]);
    let peer = server.connect(at(4));
    server.send(
        at(4),
        peer,
        retried(&second, &format!(r#"{{"b":{ACCEPT}}}"#)),
    );
    // While it works, nobody else can answer for it either.
    let (_, refused) = answer(&mut server, &replay);
    assert_eq!(refused["error"]["message"], text);
    ends(&mut server, 5, call, "done");
    assert_eq!(
        result(&mut server, peer)["result"]["content"][0]["text"],
        "done"
    );
}

#[test]
fn a_state_is_worth_nothing_for_anything_else() {
    let mut server = server();
    let (call, state) = asked(&mut server, 1, &[form("a")]);
    let accept = format!(r#"{{"a":{ACCEPT}}}"#);
    let params = retry_params(&state, &accept);
    let flipped = match state.ends_with('A') {
        true => format!("{}B", &state[..state.len() - 1]),
        false => format!("{}A", &state[..state.len() - 1]),
    };
    let not_ours = "it is not from this server";
    let other = "it belongs to another request";
    let cases = [
        (retried(&format!("{state}-TAMPERED"), &accept), not_ours),
        (retried(&flipped, &accept), not_ours),
        (retried("", &accept), not_ours),
        (
            retried(&state, &accept).replace(&format!("\"{state}\""), &"7".repeat(state.len() + 2)),
            "expected a string",
        ),
        (modern("other", &params, ""), other),
        (
            modern("ask", &format!(r#"{params},"arguments":{{"x":1}}"#), ""),
            other,
        ),
    ];
    for (request, problem) in cases {
        let (status, message) = answer(&mut server, &request);
        let error = json!({"code":-32602,"message":format!("params.requestState: {problem}")});
        assert_eq!((status, &message["error"]), (400, &error));
        assert_eq!(message["id"], 7);
    }
    let (status, message) = answer(&mut server, &retried(&state, "[1]"));
    let text = "params.inputResponses: expected an object";
    assert_eq!((status, &message["error"]["message"]), (400, &json!(text)));
    assert_eq!(heard(&mut server), []);
    // After all of that it still waits. Empty arguments are the same as none.
    let peer = server.connect(at(2));
    let retry = modern("ask", &format!(r#"{params},"arguments":{{}}"#), "");
    server.send(at(2), peer, retry);
    assert_eq!(heard(&mut server).len(), 1);
    ends(&mut server, 3, call, "done");
    let (_, message) = answer(&mut server, &retried(&state, &accept));
    let text = "params.requestState: the call is no longer waited for";
    assert_eq!(message["error"]["message"], text);
    // Another start has another key.
    let (_, message) = answer(&mut self::server(), &retried(&state, &accept));
    assert_eq!(
        message["error"]["message"],
        format!("params.requestState: {not_ours}")
    );
}

#[test]
fn a_state_is_for_whoever_got_it() {
    let mut server = server();
    let mut config = server.engine.config().clone();
    config.access = crate::access::tokens();
    let tools = Registry::new(vec![Rc::new(Function(ToolSpec {
        name: "ask".to_string(),
        ..builtin::Echo::new().spec().clone()
    }))]);
    server
        .engine
        .reload(at(0), config.clone(), tools.expect("one tool"));
    let with = |number: u8, text: &str| {
        let field = crate::access::bearer(number);
        text.replacen("Host:", &format!("{field}Host:"), 1)
    };
    let peer = server.connect(at(1));
    server.send(at(1), peer, with(0, &modern("ask", "", "")));
    let call = take(&mut server);
    asks(&mut server, 1, call, &[form("a")]);
    let state = state_of(&result(&mut server, peer));
    let retry = retried(&state, &format!(r#"{{"a":{ACCEPT}}}"#));
    for number in [1, 2] {
        let (status, message) = answer(&mut server, &with(number, &retry));
        let text = "params.requestState: it was given to somebody else";
        assert_eq!((status, &message["error"]["message"]), (400, &json!(text)));
    }
    // A reload without the principal ends what it has.
    config.access.tokens.remove(0);
    server
        .engine
        .reload(at(2), config, Registry::new(Vec::new()).expect("none"));
    server.settle(at(2));
    assert_eq!(server.terminated, [call]);
    ends(&mut server, 3, call, "stopped");
}

#[test]
fn a_retry_repeats_its_arguments_in_the_header_like_any_request() {
    let mut server = server();
    let schema = r#"{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"R"}}}"#;
    let spec = ToolSpec {
        name: "ask".to_string(),
        input_schema: RawValue::from_string(schema.to_string()).expect("JSON"),
        ..builtin::Echo::new().spec().clone()
    };
    let tools = Registry::new(vec![Rc::new(Function(spec))]).expect("one tool");
    let config = server.engine.config().clone();
    server.engine.reload(at(0), config, tools);
    let with = |region: &str, params: &str| {
        let params = format!(r#","arguments":{{"r":"x"}}{params}"#);
        let field = format!("Mcp-Param-R: {region}\r\nHost:");
        modern("ask", &params, "").replacen("Host:", &field, 1)
    };
    let peer = server.connect(at(1));
    server.send(at(1), peer, with("x", ""));
    let call = take(&mut server);
    asks(&mut server, 1, call, &[form("a")]);
    let state = state_of(&result(&mut server, peer));
    let params = retry_params(&state, &format!(r#"{{"a":{ACCEPT}}}"#));
    let (status, message) = answer(&mut server, &with("y", &params));
    assert_eq!((status, &message["error"]["code"]), (400, &json!(-32020)));
    assert_eq!(heard(&mut server), []);
    let peer = server.connect(at(2));
    server.send(at(2), peer, with("x", &params));
    assert_eq!(heard(&mut server), [heard_ok("a", ACCEPT)]);
    ends(&mut server, 3, call, "done");
    assert!(server.receive(peer).contains("done"));
}

#[test]
fn whoever_may_not_use_the_tool_any_more_does_not_go_on_with_its_call() {
    let mut server = server();
    let mut config = server.engine.config().clone();
    let (call, state) = asked(&mut server, 1, &[form("a")]);
    for role in &mut config.access.roles {
        role.tools = vec!["echo".to_string()];
    }
    server.engine.reload(at(2), config, tools());
    server.settle(at(2));
    assert_eq!(server.terminated, [call]);
    let retry = retried(&state, &format!(r#"{{"a":{ACCEPT}}}"#));
    let (status, _) = answer(&mut server, &retry);
    assert_eq!((status, heard(&mut server)), (400, vec![]));
    let (status, _) = answer(&mut server, &modern("ask", "", ""));
    assert_eq!(status, 403);
    server.engine.check(0);
    ends(&mut server, 3, call, "nobody hears it");
}

#[test]
fn what_is_missing_or_makes_no_sense_is_asked_again() {
    let mut server = server();
    let (call, mut state) = asked(&mut server, 1, &[form("a"), form("b")]);
    let bad = [
        "null",
        "{}",
        r#"{"c":{}}"#,
        r#"{"a":7}"#,
        r#"{"a":"x","b":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":{"action":"perhaps"}}"#,
        r#"{"b":{"action":1}}"#,
    ];
    for responses in bad {
        let (status, message) = answer(&mut server, &retried(&state, responses));
        assert_eq!((status, &message["id"]), (200, &json!(7)), "{responses}");
        assert_eq!(keys(&message), ["a", "b"], "{responses}");
        let next = state_of(&message);
        assert_ne!(next, state);
        assert!(message["result"].get("ttlMs").is_none());
        state = next;
        server.engine.check(0);
    }
    assert_eq!(heard(&mut server), []);
    let half = format!(r#"{{"b":{ACCEPT},"b":{{"action":"decline"}}}}"#);
    let (_, message) = answer(&mut server, &retried(&state, &half));
    assert_eq!(keys(&message), ["a"]);
    assert_eq!(heard(&mut server), [heard_ok("b", ACCEPT)]);
    let peer = server.connect(at(2));
    let rest = retried(&state_of(&message), r#"{"a":{"action":"cancel"}}"#);
    server.send(at(2), peer, rest);
    assert_eq!(
        heard(&mut server),
        [heard_ok("a", r#"{"action":"cancel"}"#)]
    );
    ends(&mut server, 3, call, "done");
    assert_eq!(
        result(&mut server, peer)["result"]["content"][0]["text"],
        "done"
    );
}

#[test]
fn answers_may_come_before_their_questions() {
    let mut server = server();
    let peer = server.connect(at(1));
    let early = format!(r#","inputResponses":{{"b":7,"a":{ACCEPT},"x":{ACCEPT}}}"#);
    server.send(at(1), peer, modern("ask", &early, ""));
    let call = take(&mut server);
    asks(&mut server, 1, call, &[form("a")]);
    assert_eq!(heard(&mut server), [heard_ok("a", ACCEPT)]);
    assert_eq!(server.receive(peer), "", "there is nothing to ask");
    // What makes no sense as an answer is none.
    asks(&mut server, 2, call, &[form("b")]);
    assert_eq!(keys(&result(&mut server, peer)), ["b"]);
    server.wait_until(at(2 + WAIT));
    ends(&mut server, 2 + WAIT, call, "stopped");

    let peer = server.connect(at(2 * WAIT));
    server.send(at(2 * WAIT), peer, modern("ask", &early, ""));
    let call = take(&mut server);
    asks(&mut server, 2 * WAIT, call, &[form("a")]);
    ends(&mut server, 2 * WAIT, call, "at once");
    assert_eq!(
        result(&mut server, peer)["result"]["content"][0]["text"],
        "at once"
    );
}

#[test]
fn a_refused_question_does_not_end_the_exchange_before_the_work_knows() {
    let mut server = server();
    let peer = server.connect(at(1));
    let sampling = modern_as(r#"{"sampling":{}}"#, "ask", "", "");
    server.send(at(1), peer, &sampling);
    let call = take(&mut server);
    let sample = question("b", AskKind::Sample, "{}");
    asks(&mut server, 1, call, &[form("a"), sample]);
    assert_eq!(heard(&mut server), [("a".to_string(), Err(-32021))]);
    assert_eq!(server.receive(peer), "");
    // It does not care, and waits for the other one.
    server.engine.handle_waiting_call(at(2), call);
    server.settle(at(2));
    assert_eq!(keys(&result(&mut server, peer)), ["b"]);

    // Another one does care: the client is told what it lacks.
    let peer = server.connect(at(3));
    server.send(at(3), peer, &sampling);
    let call = take(&mut server);
    asks(&mut server, 3, call, &[form("a")]);
    let (_, _, refused) = server.answered.remove(0);
    let failed = Ended::Failed(refused.expect_err("it is refused"));
    server.engine.handle_ended(at(4), call, &failed);
    server.settle(at(4));
    let bytes = server.receive(peer);
    assert!(bytes.starts_with("HTTP/1.1 400"), "{bytes}");
    let error = r#""id":7,"error":{"code":-32021,"#;
    let data = r#""data":{"requiredCapabilities":{"elicitation":{}}}}}"#;
    assert!(bytes.contains(error) && bytes.ends_with(data), "{bytes}");
}

#[test]
fn a_client_that_comes_back_with_less_is_not_asked_for_more() {
    let mut server = server();
    let sample = question("b", AskKind::Sample, "{}");
    let (call, state) = asked(&mut server, 1, &[form("a"), sample]);
    let params = retry_params(&state, "{}");
    let retry = modern_as(r#"{"sampling":{}}"#, "ask", &params, "");
    let (_, message) = answer(&mut server, &retry);
    assert_eq!(keys(&message), ["b"]);
    assert_eq!(heard(&mut server), [("a".to_string(), Err(-32021))]);
    ends(&mut server, 2, call, "given up");
    assert_eq!(server.engine.stats().answers_unwanted, 1);
}

#[test]
fn a_client_that_never_comes_back_is_waited_for_a_while() {
    let mut server = server();
    let (call, state) = asked(&mut server, 1, &[form("a")]);
    server.wait_until(at(WAIT));
    assert_eq!(server.terminated, []);
    server.wait_until(at(WAIT + 1));
    assert_eq!(server.terminated, [call]);
    let retry = retried(&state, &format!(r#"{{"a":{ACCEPT}}}"#));
    let peer = server.connect(at(WAIT));
    // It was sealed for as long as it is waited for.
    for (millis, problem) in [(WAIT, "no longer waited for"), (WAIT + 1, "has expired")] {
        server.send(at(millis), peer, &retry);
        let refused = server.receive(peer);
        assert!(
            refused.contains("400") && refused.contains(problem),
            "{refused}"
        );
    }
    ends(&mut server, WAIT + 2, call, "stopped");
    let stats = server.engine.stats();
    assert_eq!((stats.calls_timed_out, stats.answers_unwanted), (1, 1));
}

#[test]
fn a_call_whose_client_is_away_makes_room_for_others() {
    let limits = Limits {
        calls_max: 2,
        ..Limits::default()
    };
    let mut server = server_with(limits);
    let (first, state) = asked(&mut server, 1, &[form("a")]);
    let (second, _) = asked(&mut server, 2, &[form("a")]);
    // Being asked again begins the wait anew.
    let (_, message) = answer(&mut server, &retried(&state, "{}"));
    let state = state_of(&message);
    let peer = server.connect(at(3));
    server.send(at(3), peer, retried(&state, "{}"));
    let state = state_of(&result(&mut server, peer));
    let (_, third) = begun_modern(&mut server, 4, "");
    assert_eq!(server.forgotten, [second]);
    assert_eq!(stats_of(&server)[3], 1);
    server.engine.check(0);
    // One that works does not.
    let peer = server.connect(at(5));
    server.send(
        at(5),
        peer,
        retried(&state, &format!(r#"{{"a":{ACCEPT}}}"#)),
    );
    let (status, message) = answer(&mut server, &modern("ask", "", ""));
    assert_eq!((status, &message["error"]["code"]), (503, &json!(-32603)));
    ends(&mut server, 6, first, "done");
    ends(&mut server, 6, third, "done");
}

#[test]
fn whoever_takes_the_place_of_a_client_that_is_away_has_its_turn_in_the_tool() {
    let limits = Limits {
        calls_max: 1,
        ..Limits::default()
    };
    let mut server = server_with(limits);
    let peer = server.connect(at(1));
    server.send(at(1), peer, modern("single", "", ""));
    let first = take(&mut server);
    asks(&mut server, 1, first, &[form("a")]);
    state_of(&result(&mut server, peer));
    let peer = server.connect(at(2));
    server.send(at(2), peer, modern("single", "", ""));
    assert_eq!(server.forgotten, [first]);
    server.engine.check(0);
    let second = take(&mut server);
    ends(&mut server, 3, second, "done");
    assert!(server.receive(peer).contains("done"));
}

#[test]
fn a_quota_of_calls_is_not_used_up_by_clients_that_are_away() {
    let mut server = server();
    let mut config = server.engine.config().clone();
    for role in &mut config.access.roles {
        role.each.calls = Some(1);
    }
    let name = "ask".to_string();
    let spec = ToolSpec {
        name,
        ..builtin::Echo::new().spec().clone()
    };
    let tools = Registry::new(vec![Rc::new(Function(spec))]).expect("one tool");
    server.engine.reload(at(0), config, tools);
    let (first, _) = asked(&mut server, 1, &[form("a")]);
    begun_modern(&mut server, 2, "");
    assert_eq!(server.forgotten, [first]);
    let (status, _) = answer(&mut server, &modern("ask", "", ""));
    assert_eq!(status, 429);
}

#[test]
fn a_drain_does_not_wait_for_people() {
    let mut server = server();
    let fields = session(&mut server, "2025-11-25", ALL);
    let (_, waiting) = begun(&mut server, &fields);
    asks(&mut server, 1, waiting, &[form("a")]);
    let (away, _) = asked(&mut server, 1, &[form("a")]);
    let (peer, working) = begun_modern(&mut server, 1, "");
    server.engine.drain(at(2));
    server.settle(at(2));
    assert_eq!(server.terminated, [waiting, away]);
    asks(&mut server, 3, working, &[form("a")]);
    let [(_, _, Err(error))] = &server.answered[..] else {
        panic!("nobody is asked any more");
    };
    assert_eq!(error.message, "the server is stopping");
    for call in [waiting, away, working] {
        ends(&mut server, 4, call, "stopped");
    }
    assert!(server.receive(peer).contains("stopped"));
}

#[test]
fn each_exchange_of_a_call_is_measured_by_itself() {
    let mut server = server();
    let door = slimcp::admin::stats::DoorKind::Mcp;
    let measured = |server: &Server| {
        let door = &server.engine.stats().doors[door as usize];
        (
            door.requests,
            door.duration.count(),
            door.duration.sum().to_string(),
        )
    };
    let (peer, call) = begun_modern(&mut server, 1_000, "");
    assert_eq!(measured(&server), (1, 0, "0".to_string()));
    asks(&mut server, 2_000, call, &[form("a")]);
    assert_eq!(measured(&server), (1, 1, "1".to_string()));
    let state = state_of(&result(&mut server, peer));
    let peer = server.connect(at(100_000));
    let retry = retried(&state, &format!(r#"{{"a":{ACCEPT}}}"#));
    server.send(at(100_000), peer, retry);
    assert_eq!(measured(&server), (2, 1, "1".to_string()));
    ends(&mut server, 103_000, call, "done");
    assert_eq!(measured(&server), (2, 2, "4".to_string()));
    // One that nobody comes back for is measured once.
    let (call, _) = asked(&mut server, 104_000, &[form("a")]);
    server.wait_until(at(104_000 + WAIT));
    ends(&mut server, 104_000 + WAIT, call, "stopped");
    assert_eq!(measured(&server), (3, 3, "4".to_string()));
}

#[test]
fn the_client_that_leaves_before_it_is_asked_cancels() {
    let mut server = server();
    let (peer, call) = begun_modern(&mut server, 1, "");
    server.engine.handle_said(at(2), call, Said::Ask(form("a")));
    server.cut(at(2), peer);
    assert_eq!(server.terminated, [call]);
    server.engine.handle_waiting_call(at(3), call);
    ends(&mut server, 4, call, "stopped");
}

#[test]
fn a_streamed_exchange_ends_with_its_questions_as_an_event() {
    let mut server = server();
    let (peer, call) = begun_modern(&mut server, 1, r#""progressToken":1"#);
    server.engine.handle_line(at(2), call, "thinking");
    asks(&mut server, 2, call, &[form("a")]);
    let told = messages(&mut server, peer);
    assert!(told[0].contains("notifications/progress"), "{told:?}");
    state_of(&serde_json::from_str(&told[1]).expect("JSON"));
    assert_eq!(server.peers[peer].stream, None, "the exchange is over");
}
