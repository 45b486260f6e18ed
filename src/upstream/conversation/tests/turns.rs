//! Children of 2026-07-28 that answer with questions, and what results and errors become.

use super::*;

/// The only question of most turns.
const NAME: &str = r#""name":{"method":"elicitation/create","params":{"message":"Who?"}}"#;
const ACCEPTED: &str = r#"{"action":"accept","content":{"a":1}}"#;

fn everything() -> Capabilities {
    let persons = Capabilities::FORM.and(Capabilities::URL);
    persons.and(Capabilities::SAMPLING).and(Capabilities::ROOTS)
}

/// A call of a client that can be asked anything.
fn asked(era: Era) -> Child {
    let mut child = child(era);
    child.calls(capable(7, Era::Stateless, everything()));
    child
}

fn asks(id: u64, requests: &str, state: &str) -> String {
    let kind = r#""resultType":"input_required""#;
    format!(r#""id":{id},"result":{{{kind},"inputRequests":{{{requests}}}{state}}}"#)
}

/// What is sent again, without what every request has.
fn again(child: &mut Child) -> String {
    let sent = child.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let (params, _) = sent[0].split_once(r#","_meta":"#).unwrap();
    params.to_string()
}

#[test]
fn a_result_is_told_without_what_only_2026_knows() {
    let table = [
        (r#"{"resultType":"complete"}"#, "{}"),
        ("{}", "{}"),
        (
            r#"{"content":[ {"a":1} ],"ttlMs":1,"cacheScope":"public","resultType":"complete"}"#,
            r#"{"content":[ {"a":1} ]}"#,
        ),
        (
            r#"{"a":1,"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"x"},"b":2}}"#,
            r#"{"_meta":{"b":2},"a":1}"#,
        ),
        (
            r#"{"a":1,"_meta":{"io.modelcontextprotocol/serverInfo":{}}}"#,
            r#"{"a":1}"#,
        ),
        (r#"{"_meta":7,"a\n":"\u0041"}"#, r#"{"a\n":"\u0041"}"#),
        (r#"{"_meta":{"b":2}}"#, r#"{"_meta":{"b":2}}"#),
    ];
    for (result, expected) in table {
        for (server, client) in [
            (Era::Stateless, Era::Stateless),
            (Era::Stateless, Era::Handshake),
            (Era::Handshake, Era::Stateless),
        ] {
            let mut child = child(server);
            child.calls(asking(7, client));
            child.says(&format!(r#""id":101,"result":{result}"#));
            assert_eq!(
                child.effects(),
                [format!("7 ends {expected}")],
                "{server:?} {client:?}"
            );
        }
    }
}

#[test]
fn a_result_of_another_kind_ends_the_call() {
    for kind in [r#""task""#, r#""later""#, "7", "null"] {
        let mut child = asked(Era::Stateless);
        child.says(&format!(
            r#""id":101,"result":{{"resultType":{kind},"taskId":"x"}}"#
        ));
        let why = "7 fails -32603 the server's result is of a kind that nobody asked for ";
        assert_eq!(child.effects(), [why], "{kind}");
    }
    let mut child = asked(Era::Handshake);
    child.says(r#""id":101,"result":{"resultType":"input_required","inputRequests":{}}"#);
    assert_eq!(
        child.effects(),
        ["7 ends {}"],
        "which means nothing before 2026-07-28"
    );
}

#[test]
fn structured_content_that_is_no_object_is_text_before_2026() {
    let text = r#"[{"type":"text","text":"[1,\"a\"]"}]"#;
    let table = [
        (
            r#"{"content":[ ],"structuredContent":[1,"a"]}"#,
            format!(r#"{{"content":{text}}}"#),
        ),
        (
            r#"{"structuredContent":[1,"a"]}"#,
            format!(r#"{{"content":{text}}}"#),
        ),
        (
            r#"{"content":[7],"structuredContent":[1]}"#,
            r#"{"content":[7]}"#.to_string(),
        ),
        (
            r#"{"structuredContent":{"a":1},"content":[]}"#,
            r#"{"structuredContent":{"a":1},"content":[]}"#.to_string(),
        ),
        (
            r#"{"structuredContent":null,"content":[]}"#,
            r#"{"content":[]}"#.to_string(),
        ),
    ];
    for (result, expected) in table {
        let mut child = child(Era::Stateless);
        child.calls(asking(7, Era::Handshake));
        child.says(&format!(r#""id":101,"result":{result}"#));
        assert_eq!(child.effects(), [format!("7 ends {expected}")]);
    }
}

#[test]
fn questions_are_asked_at_once_and_the_request_is_made_again() {
    let mut child = asked(Era::Stateless);
    let model = r#""model":{"method":"sampling/createMessage","params":{"messages":[]}}"#;
    let tools = r#""t\"":{"method":"sampling/createMessage","params":{"tools":[]}}"#;
    let roots = r#""roots":{"method":"roots/list"}"#;
    let page = r#""page":{"method":"elicitation/create","params":{"mode":"url","url":"u"}}"#;
    let requests = [NAME, model, tools, roots, page].join(",");
    child.says(&asks(101, &requests, r#","requestState":"s\u0041\/""#));
    assert_eq!(
        child.effects(),
        [
            r#"7 asks name Form {"message":"Who?"}"#,
            r#"7 asks model Sample {"messages":[]}"#,
            r#"7 asks t" SampleWithTools {"tools":[]}"#,
            "7 asks roots Roots {}",
            r#"7 asks page Url {"mode":"url","url":"u"}"#,
            "7 waits",
        ]
    );
    assert_eq!(child.0.pending(), 0, "the child has nothing to do");
    for key in ["page", "name", "roots", "other", "name", "t\""] {
        child.answers(7, key, ACCEPTED);
    }
    assert!(child.sent().is_empty());
    assert_eq!(child.effects(), ["7 waits"; 4], "as long as one is missing");
    child.answers(7, "model", "{}");
    let keys = ["page", "name", "roots", "t\\\""];
    let responses = keys.map(|key| format!(r#""{key}":{ACCEPTED}"#)).join(",");
    let responses = format!(r#"{{{responses},"model":{{}}}}"#);
    let params =
        format!(r#""params":{{"name":"t","inputResponses":{responses},"requestState":"s\u0041\/""#);
    let expected = format!(r#""id":102,"method":"tools/call",{params}"#);
    assert_eq!(again(&mut child), expected);
    child.answers(7, "model", "{}");
    assert!(child.sent().is_empty());
    child.says(r#""id":102,"result":{"resultType":"complete"}"#);
    assert_eq!(child.effects(), ["7 ends {}"]);
}

#[test]
fn a_state_without_questions_is_sent_back_at_once_a_few_times() {
    let mut child = asked(Era::Stateless);
    let say = |child: &mut Child, id: u64| {
        let state = format!(r#""requestState":"{id}""#);
        child.says(&format!(
            r#""id":{id},"result":{{"resultType":"input_required",{state}}}"#
        ));
    };
    for round in 1..=u64::from(ASK_AGAIN_MAX) {
        say(&mut child, 100 + round);
        let id = 100 + round;
        let params = format!(r#""params":{{"name":"t","requestState":"{id}""#);
        let sent = again(&mut child);
        assert_eq!(
            sent,
            format!(r#""id":{},"method":"tools/call",{params}"#, id + 1)
        );
        assert_eq!(child.effects(), NONE);
    }
    say(&mut child, 101 + u64::from(ASK_AGAIN_MAX));
    let why = "7 fails -32603 the server does not stop asking ";
    assert_eq!(child.effects(), [why]);
    assert!(child.sent().is_empty());
}

#[test]
fn a_child_may_ask_so_many_times() {
    let mut child = asked(Era::Stateless);
    for round in 1..=u64::from(ASK_ROUNDS_MAX) {
        child.says(&asks(100 + round, NAME, ""));
        child.effects();
        child.answers(7, "name", ACCEPTED);
        let sent = again(&mut child);
        assert!(!sent.contains("requestState"), "it has given none: {sent}");
    }
    child.says(&asks(101 + u64::from(ASK_ROUNDS_MAX), NAME, ""));
    assert_eq!(
        child.effects(),
        ["7 fails -32603 the server does not stop asking "]
    );
}

#[test]
fn questions_that_make_no_sense_end_the_call() {
    let request = r#"{"method":"roots/list"}"#;
    let requests = |count: usize| {
        let each = (0..count).map(|number| format!(r#""{number}":{request}"#));
        each.collect::<Vec<String>>().join(",")
    };
    let nonsense = "the server's questions make no sense";
    let table = [
        (String::new(), "the server asks for nothing"),
        (r#""a":{"method":"tools/call"}"#.to_string(), nonsense),
        (r#""a":{"params":{}}"#.to_string(), nonsense),
        (r#""a":7"#.to_string(), nonsense),
        (format!(r#""a":{request},"\u0061":{request}"#), nonsense),
        (
            r#""a":{"method":"elicitation/create","params":{"mode":7}}"#.to_string(),
            nonsense,
        ),
        (requests(ASKS_MAX + 1), "the server asks too much at once"),
    ];
    for (requests, why) in table {
        let mut child = asked(Era::Stateless);
        child.says(&asks(101, &requests, ""));
        assert_eq!(
            child.effects(),
            [format!("7 fails -32603 {why} ")],
            "{requests}"
        );
    }
    let mut child = asked(Era::Stateless);
    child.says(&asks(101, &requests(ASKS_MAX), ""));
    assert_eq!(child.effects().len(), ASKS_MAX + 1);
}

#[test]
fn what_may_not_ask_does_not() {
    for method in [Method::CompletionComplete, Method::ToolsList] {
        let mut child = child(Era::Stateless);
        child.0.send(
            forward(method, "{}"),
            capable(7, Era::Handshake, everything()),
        );
        child.says(&asks(101, NAME, ""));
        let why = "7 fails -32603 the server asks where it must not ";
        assert_eq!(child.effects(), [why]);
    }
}

#[test]
fn a_person_who_is_not_there_has_cancelled() {
    let mut child = asked(Era::Stateless);
    child.says(&asks(101, NAME, ""));
    child.effects();
    child.answers_error(7, "name", RpcError::new(-32603, "the client is gone"));
    let responses = r#""inputResponses":{"name":{"action":"cancel"}}"#;
    assert!(again(&mut child).ends_with(responses));
}

#[test]
fn other_questions_without_an_answer_end_the_call() {
    use Era::{Handshake, Stateless};
    let roots = r#""name":{"method":"roots/list"}"#;
    let sampling = r#""name":{"method":"sampling/createMessage"}"#;
    let asks_wrongly = "-32603 the server asks what the client cannot be asked";
    let table = [
        (roots, Stateless, -1, "-1 no"),
        (sampling, Handshake, -1, "-1 no"),
        (NAME, Stateless, -32021, "-32021 no"),
        (NAME, Handshake, -32021, asks_wrongly),
        (roots, Handshake, -32021, asks_wrongly),
    ];
    for (request, client, code, expected) in table {
        let mut child = child(Stateless);
        child.calls(capable(7, client, everything()));
        child.says(&asks(101, request, ""));
        child.effects();
        child.answers_error(7, "name", RpcError::new(code, "no"));
        assert_eq!(child.effects(), [format!("7 fails {expected} ")]);
        assert!(child.sent().is_empty());
    }
}

#[test]
fn what_was_to_be_asked_is_not_once_the_call_is_over() {
    let requests = format!(r#""a":{{"method":"roots/list"}},{NAME}"#);
    let mut child = asked(Era::Stateless);
    child.says(&asks(101, &requests, ""));
    let first = child.0.poll_effect().map(show);
    assert_eq!(first.as_deref(), Some("7 asks a Roots {}"));
    child.answers_error(7, "a", RpcError::new(-1, "no"));
    assert_eq!(child.effects(), ["7 fails -1 no "]);

    let mut child = asked(Era::Stateless);
    child.says(&asks(101, &requests, ""));
    child.0.cancel(Tag(7));
    assert_eq!(child.effects(), NONE);
}

#[test]
fn a_call_that_waits_for_its_client_is_cancelled_without_a_word() {
    let mut child = asked(Era::Stateless);
    child.says(&asks(101, NAME, ""));
    child.effects();
    child.0.cancel(Tag(7));
    child.answers(7, "name", ACCEPTED);
    assert!(child.sent().is_empty());
    assert_eq!(child.effects(), NONE);
}

#[test]
fn progress_begins_anew_only_for_a_client_that_asks_anew() {
    for (era, expected) in [(Era::Stateless, "7 progress 1  "), (Era::Handshake, "")] {
        let mut child = child(Era::Stateless);
        let mut asking = capable(7, era, everything());
        asking.told.wants_progress = true;
        child.calls(asking);
        progress(&mut child, r#""progressToken":101,"progress":5"#);
        child.says(&asks(101, NAME, ""));
        child.answers(7, "name", ACCEPTED);
        child.effects();
        assert!(child.sent()[0].contains(r#""progressToken":102"#));
        assert_eq!(
            progress(&mut child, r#""progressToken":101,"progress":9"#),
            NONE
        );
        let said = progress(&mut child, r#""progressToken":102,"progress":1"#);
        assert_eq!(said.concat(), expected);
    }
}

#[test]
fn codes_about_the_connection_behind_us_are_internal() {
    use Era::{Handshake, Stateless};
    let table = [
        (-32020, Stateless, Stateless, -32603),
        (-32022, Stateless, Handshake, -32603),
        (-32022, Handshake, Stateless, -32603),
        (-32021, Handshake, Stateless, -32603),
        (-32021, Stateless, Handshake, -32603),
        (-32021, Stateless, Stateless, -32021),
        (-32042, Stateless, Stateless, -32603),
        (-32601, Stateless, Stateless, -32601),
        (-32000, Handshake, Stateless, -32000),
        (1, Handshake, Handshake, 1),
    ];
    for (code, server, client, expected) in table {
        let mut child = child(server);
        child.calls(asking(7, client));
        let error = format!(r#"{{"code":{code},"message":"m","data":1}}"#);
        child.says(&format!(r#""id":101,"error":{error}"#));
        let data = if expected == code { "1" } else { "" };
        let failed = format!("7 fails {expected} m {data}");
        assert_eq!(child.effects(), [failed], "{code} {server:?} {client:?}");
    }
}

#[test]
fn an_error_may_be_without_everything() {
    for (error, expected) in [
        ("{}", "7 fails -32603 the server gives no reason "),
        (
            r#"{"code":1e9,"message":7}"#,
            "7 fails -32603 the server gives no reason ",
        ),
        (
            r#"{"code":-5,"code":-6,"message":"m"}"#,
            "7 fails -32603 the server gives no reason ",
        ),
        (
            r#"{"code":99999999999,"message":"m","data":null}"#,
            "7 fails -32603 m ",
        ),
    ] {
        let mut child = asked(Era::Handshake);
        child.says(&format!(r#""id":101,"error":{error}"#));
        assert_eq!(child.effects(), [expected]);
    }
}

/// A child with a handshake says that pages have to be visited.
fn visit(id: u64) -> String {
    let page = r#"{"mode":"url","elicitationId":"e1","url":"u","message":"go"}"#;
    let data = format!(r#"{{"elicitations":[{page},{{"url":"v"}}]}}"#);
    format!(r#""id":{id},"error":{{"code":-32042,"message":"visit","data":{data}}}"#)
}

#[test]
fn pages_to_visit_become_questions_and_the_request_is_made_again() {
    let mut child = asked(Era::Handshake);
    child.says(&visit(101));
    assert_eq!(
        child.effects(),
        [
            r#"7 asks elicitation_1 Url {"mode":"url","url":"u","message":"go"}"#,
            r#"7 asks elicitation_2 Url {"url":"v","mode":"url"}"#,
            "7 waits",
        ]
    );
    child.answers(7, "elicitation_2", r#"{"action":"accept"}"#);
    child.answers(7, "elicitation_1", r#"{"action":"accept"}"#);
    let sent = r#""id":102,"method":"tools/call","params":{"name":"t"}"#;
    assert_eq!(child.sent(), [sent]);
    child.effects();
    child.says(&visit(102));
    let said = child.effects();
    assert!(said[0].starts_with("7 asks elicitation_3 Url"), "{said:?}");
    child.says(r#""id":102,"result":{}"#);
    assert_eq!(child.effects(), ["noise: an answer to nothing"]);
}

#[test]
fn who_does_not_visit_the_page_is_told_why_it_was_to_be() {
    let mut child = asked(Era::Handshake);
    child.says(&visit(101));
    child.effects();
    child.answers(7, "elicitation_1", r#"{"action":"decline"}"#);
    assert_eq!(child.effects(), ["7 fails -32603 visit "]);
    assert!(child.sent().is_empty());

    let mut child = child_without(Era::Stateless);
    child.says(&visit(101));
    child.effects();
    let missing = capability_missing(Capabilities::URL);
    child.answers_error(7, "elicitation_1", missing);
    let said = child.effects();
    assert!(said[0].starts_with("7 fails -32021 "), "{said:?}");
}

fn child_without(client: Era) -> Child {
    let mut child = child(Era::Handshake);
    child.calls(capable(7, client, Capabilities::FORM));
    child
}

#[test]
fn clients_with_a_handshake_are_told_of_pages_if_they_know_them() {
    let mut child = child(Era::Handshake);
    child.calls(capable(7, Era::Handshake, Capabilities::URL));
    child.says(&visit(101));
    let said = child.effects();
    assert!(
        said[0].starts_with(r#"7 fails -32042 visit {"elicitations":[{"#),
        "{said:?}"
    );
    let mut child = child_without(Era::Handshake);
    child.says(&visit(101));
    assert_eq!(child.effects(), ["7 fails -32603 visit "]);
    for data in [
        "null",
        "7",
        "{}",
        r#"{"elicitations":7}"#,
        r#"{"elicitations":[]}"#,
    ] {
        let mut child = asked(Era::Handshake);
        let error = format!(r#"{{"code":-32042,"message":"visit","data":{data}}}"#);
        child.says(&format!(r#""id":101,"error":{error}"#));
        assert_eq!(child.effects(), ["7 fails -32603 visit "], "{data}");
    }
}
