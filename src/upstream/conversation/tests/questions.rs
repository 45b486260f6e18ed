//! Children with a handshake that ask, and whose questions they are.

use super::*;

const FORM: &str = r#""method":"elicitation/create","params":{"message":"Who?"}"#;

fn asks(child: &mut Child, id: &str, request: &str) -> Vec<String> {
    child.says(&format!(r#""id":{id},{request}"#));
    child.effects()
}

fn refused(id: &str, code: i32, message: &str) -> String {
    format!(r#""id":{id},"error":{{"code":{code},"message":"{message}"}}"#)
}

const UNCLEAR: &str = "several calls are in flight, and a question names none of them";
const NOBODY: &str = "nobody can be asked while no call is in flight";

#[test]
fn a_question_goes_to_the_only_call_and_its_answer_comes_back() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    let said = asks(&mut child, "\"q-0\"", FORM);
    let question = r#"7 asks elicitation_1 Form {"message":"Who?","mode":"form"}"#;
    assert_eq!(said, ["interactive", question]);
    let sampling = r#""method":"sampling/createMessage","params":{"messages":[]}"#;
    assert_eq!(
        asks(&mut child, "0", sampling),
        [r#"7 asks sampling_1 Sample {"messages":[]}"#]
    );
    assert_eq!(
        asks(&mut child, "1", r#""method":"roots/list""#),
        ["7 asks roots_1 Roots {}"]
    );
    assert!(child.sent().is_empty());
    child.answers(7, "sampling_1", r#"{"role":"assistant"}"#);
    child.answers(7, "elicitation_1", r#"{"action":"decline"}"#);
    child.answers(7, "elicitation_1", r#"{"action":"accept"}"#);
    child.answers(7, "roots_2", "{}");
    child.answers(8, "roots_1", "{}");
    child.answers_error(7, "roots_1", RpcError::new(-1, "no"));
    let expected = [
        r#""id":0,"result":{"role":"assistant"}"#.to_string(),
        r#""id":"q-0","result":{"action":"decline"}"#.to_string(),
        refused("1", -1, "no"),
    ];
    assert_eq!(child.sent(), expected);
    child.says(r#""id":101,"result":{}"#);
    assert_eq!(child.effects(), ["7 ends {}"]);
    assert!(child.sent().is_empty());
}

#[test]
fn what_speaks_of_the_childs_own_connection_is_not_told() {
    let table = [
        (
            r#"{"mode":"url","url":"u","elicitationId":"e","message":"m"}"#,
            r#"elicitation_1 Url {"mode":"url","url":"u","message":"m"}"#,
        ),
        (
            r#"{"_meta":{"progressToken":3,"a/b":1},"task":{"ttl":1},"mode":"form"}"#,
            r#"elicitation_1 Form {"mode":"form","_meta":{"a/b":1}}"#,
        ),
        (
            r#"{"_meta":{"io.slimcp/inputKey":"who","io.modelcontextprotocol/related-task":{}}}"#,
            r#"who Form {"mode":"form"}"#,
        ),
        (r#"{"_meta":7}"#, r#"elicitation_1 Form {"mode":"form"}"#),
    ];
    for (params, expected) in table {
        let mut child = child(Era::Handshake);
        child.calls(asking(7, Era::Handshake));
        let request = format!(r#""method":"elicitation/create","params":{params}"#);
        let said = asks(&mut child, "0", &request);
        assert_eq!(said[1..], [format!("7 asks {expected}")], "{params}");
    }
}

#[test]
fn each_question_of_a_call_has_a_name_of_its_own() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    let named = |key: &str| {
        let meta = format!(r#""_meta":{{"io.slimcp/inputKey":"{key}"}}"#);
        format!(r#""method":"roots/list","params":{{{meta}}}"#)
    };
    let long = "x".repeat(65);
    let table = [
        ("roots_1", "roots_1"),
        ("who", "who"),
        ("who", "roots_2"),
        ("roots_3", "roots_3"),
        (&*long, "roots_4"),
    ];
    for (id, (key, expected)) in table.into_iter().enumerate() {
        let said = asks(&mut child, &id.to_string(), &named(key));
        let expected = format!("7 asks {expected} Roots {{}}");
        assert_eq!(said.last(), Some(&expected), "{id}");
    }
}

#[test]
fn with_several_calls_in_flight_nobody_is_asked() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    child.calls(asking(8, Era::Stateless));
    assert_eq!(asks(&mut child, "0", FORM), ["interactive"]);
    assert_eq!(child.sent(), [refused("0", -32603, UNCLEAR)]);
    assert_eq!(asks(&mut child, "0", FORM), NONE, "which is said once");
    child.sent();
    child.says(r#""id":101,"result":{}"#);
    child.effects();
    assert_eq!(asks(&mut child, "0", FORM).len(), 1);
}

#[test]
fn calls_that_may_not_ask_are_not_asked() {
    let mut child = child(Era::Handshake);
    child.0.send(
        forward(Method::CompletionComplete, "{}"),
        asking(7, Era::Handshake),
    );
    child.sent();
    assert_eq!(asks(&mut child, "0", FORM), NONE);
    assert_eq!(child.sent(), [refused("0", -32601, NOBODY)]);
    child.calls(asking(8, Era::Handshake));
    let said = asks(&mut child, "0", FORM);
    assert!(said[1].starts_with("8 asks"), "{said:?}");
}

#[test]
fn a_private_child_asks_for_its_latest_call() {
    let mut child = Child::new(Plan {
        is_private: true,
        ..plan(Era::Handshake)
    });
    for tag in [7, 8, 9] {
        child.calls(asking(tag, Era::Handshake));
    }
    child.0.cancel(Tag(9));
    let said = asks(&mut child, "0", FORM);
    assert!(said[1].starts_with("8 asks elicitation_1"), "{said:?}");
}

/// The tools that were called since this was asked last.
fn called(child: &mut Child) -> usize {
    let sent = child.sent().into_iter();
    sent.filter(|sent| sent.contains("tools/call")).count()
}

#[test]
fn after_a_cancelled_call_the_next_waits_until_the_child_has_read_of_it() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    child.0.cancel(Tag(7));
    child.sent();
    let idle = child.0.held_bytes();
    for tag in [8, 9] {
        child.0.send(call(), asking(tag, Era::Handshake));
    }
    let other = forward(Method::CompletionComplete, "{}");
    child.0.send(other, asking(10, Era::Handshake));
    assert_eq!(child.sent().len(), 1, "what may not ask does not wait");
    assert!(child.0.held_bytes() > idle + 2 * size_of::<Forward>());
    child.0.cancel(Tag(9));
    assert!(child.sent().is_empty(), "it was never sent");
    assert_eq!(asks(&mut child, "0", FORM), NONE);
    assert_eq!(child.sent(), [refused("0", -32601, NOBODY)]);
    // It has read that the call was cancelled.
    child.says(r#""id":102,"result":{}"#);
    assert_eq!(called(&mut child), 1);
    let said = asks(&mut child, "0", FORM);
    assert!(said[1].starts_with("8 asks"), "{said:?}");

    // As it has when it answers anything that was sent later, pings or not.
    child.0.cancel(Tag(8));
    child.0.send(call(), asking(11, Era::Handshake));
    let other = forward(Method::CompletionComplete, "{}");
    child.0.send(other, asking(12, Era::Handshake));
    assert_eq!(called(&mut child), 0);
    child.says(r#""id":106,"result":{}"#);
    assert_eq!(child.effects(), ["12 ends {}"]);
    assert_eq!(called(&mut child), 1);
    let said = asks(&mut child, "1", FORM);
    assert!(said[0].starts_with("11 asks"), "{said:?}");
}

#[test]
fn a_question_that_may_be_of_a_cancelled_call_is_nobodys() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    child.calls(asking(8, Era::Handshake));
    child.0.cancel(Tag(7));
    child.sent();
    assert_eq!(asks(&mut child, "0", FORM), ["interactive"]);
    assert_eq!(child.sent(), [refused("0", -32603, UNCLEAR)]);
}

/// A child that has answered the handshake and nothing else.
fn fresh(plan: Plan) -> Child {
    let mut child = Child(Conversation::new(plan));
    child.sent();
    let result = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}"#;
    child.says(&format!(r#""id":1,"result":{result}"#));
    child.sent();
    child.effects();
    child
}

#[test]
fn the_first_call_waits_until_the_child_has_read_that_the_handshake_is_done() {
    for lists in [false, true] {
        let mut child = fresh(Plan {
            lists,
            ..plan(Era::Handshake)
        });
        child.0.send(call(), asking(7, Era::Handshake));
        assert_eq!(called(&mut child), 0);
        let latest = child.0.last_id;
        child.says(&format!(r#""id":{latest},"result":{{}}"#));
        assert_eq!(called(&mut child), 1, "{lists}");
        let said = asks(&mut child, "0", FORM);
        assert!(said.contains(&"interactive".to_string()), "{said:?}");
    }
    let mut private = fresh(Plan {
        is_private: true,
        ..plan(Era::Handshake)
    });
    private.0.send(call(), asking(7, Era::Handshake));
    assert_eq!(called(&mut private), 1, "its questions have one client");
}

#[test]
fn a_fresh_child_may_want_roots_for_itself_once() {
    let list = r#""method":"roots/list""#;
    let mut child = fresh(plan(Era::Handshake));
    child.says(r#""id":2,"result":{}"#);
    child.calls(asking(7, Era::Stateless));
    assert_eq!(asks(&mut child, "0", list), NONE, "and asks nobody");
    assert_eq!(child.sent(), [refused("0", -32601, "there are no roots")]);
    let said = asks(&mut child, "1", list);
    assert_eq!(said, ["interactive", "7 asks roots_1 Roots {}"]);

    let mut child = fresh(plan(Era::Handshake));
    child.says(r#""id":2,"result":{}"#);
    child.calls(asking(7, Era::Stateless));
    child.says(r#""id":3,"result":{}"#);
    child.calls(asking(8, Era::Stateless));
    let said = asks(&mut child, "1", list);
    assert_eq!(said[2..], ["8 asks roots_1 Roots {}"], "{said:?}");

    let mut private = fresh(Plan {
        is_private: true,
        ..plan(Era::Handshake)
    });
    private.calls(asking(7, Era::Stateless));
    let said = asks(&mut private, "1", list);
    assert_eq!(said[1..], ["7 asks roots_1 Roots {}"]);
}

#[test]
fn configured_roots_are_those_of_a_shared_child() {
    let list = r#""method":"roots/list""#;
    let mut child = Child::new(Plan {
        roots: vec!["file:///a".to_string(), "file:///b".to_string()],
        ..plan(Era::Handshake)
    });
    let roots = r#""result":{"roots":[{"uri":"file:///a"},{"uri":"file:///b"}]}"#;
    assert_eq!(asks(&mut child, "5", list), NONE);
    assert_eq!(child.sent(), [format!(r#""id":5,{roots}"#)]);
    child.calls(asking(7, Era::Handshake));
    assert_eq!(asks(&mut child, "6", list), NONE);
    assert_eq!(child.sent(), [format!(r#""id":6,{roots}"#)]);

    let mut child = super::child(Era::Handshake);
    assert_eq!(asks(&mut child, "5", r#""method":"roots/list""#), NONE);
    assert_eq!(child.sent(), [refused("5", -32601, NOBODY)]);
}

#[test]
fn requests_that_are_no_questions_are_answered_here() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    let table = [
        (r#""method":"ping""#, r#""id":0,"result":{}"#.to_string()),
        (
            r#""method":"tasks/get""#,
            refused("0", -32601, "there is no such method"),
        ),
        (
            r#""method":"tools/list""#,
            refused("0", -32601, "there is no such method"),
        ),
        (
            r#""method":"elicitation/create","params":{"mode":"song"}"#,
            refused("0", -32602, "mode: expected form or url"),
        ),
        (
            r#""method":"roots/list","params":[]"#,
            refused("0", -32602, "expected an object"),
        ),
    ];
    for (request, expected) in table {
        assert_eq!(asks(&mut child, "0", request), NONE);
        assert_eq!(child.sent(), [expected]);
    }
}

#[test]
fn two_questions_with_one_id_are_one() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    asks(&mut child, "0", FORM);
    let noise = "noise: a request with the id of another one";
    assert_eq!(asks(&mut child, "0", FORM), [noise]);
    assert_eq!(asks(&mut child, "0", r#""method":"ping""#), [noise]);
    assert!(child.sent().is_empty());
    assert_eq!(
        asks(&mut child, "\"0\"", FORM).len(),
        1,
        "which is another one"
    );
}

#[test]
fn a_child_of_2026_makes_no_requests() {
    let mut child = child(Era::Stateless);
    child.calls(asking(7, Era::Stateless));
    for request in [FORM, r#""method":"ping""#] {
        let noise = "noise: a request, which its revision forbids";
        assert_eq!(asks(&mut child, "0", request), [noise]);
        assert!(child.sent().is_empty());
    }
}

#[test]
fn a_call_may_have_so_many_questions() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    for id in 0..ASKS_MAX {
        let said = asks(&mut child, &id.to_string(), FORM);
        assert!(said.last().unwrap().starts_with("7 asks"));
    }
    assert_eq!(asks(&mut child, "99", FORM), NONE);
    let why = "the call has too many questions without an answer";
    assert_eq!(child.sent(), [refused("99", -32603, why)]);
}

#[test]
fn a_question_that_is_taken_back_is_asked_no_more() {
    let mut child = child(Era::Handshake);
    child.calls(asking(7, Era::Handshake));
    asks(&mut child, "0", FORM);
    let withdraw = r#""method":"notifications/cancelled","params":{"requestId":0}"#;
    child.says(withdraw);
    assert_eq!(child.effects(), ["7 withdraws elicitation_1"]);
    child.says(withdraw);
    child.answers(7, "elicitation_1", "{}");
    assert_eq!(child.effects(), NONE);
    assert!(child.sent().is_empty());
    for params in ["", r#","params":{}"#, r#","params":[]"#] {
        child.says(&format!(r#""method":"notifications/cancelled"{params}"#));
        assert_eq!(child.effects(), ["noise: a cancellation of nothing"]);
    }
    child.says(r#""method":"notifications/cancelled","params":{"requestId":{}}"#);
    assert_eq!(child.effects(), NONE);
}

#[test]
fn the_questions_of_a_call_end_with_it() {
    let cancelled = r#""id":0,"result":{"action":"cancel"}"#.to_string();
    let over = refused("1", -32603, "the call is over");
    for is_answered in [true, false] {
        let mut child = child(Era::Handshake);
        child.calls(asking(7, Era::Handshake));
        asks(&mut child, "0", FORM);
        asks(&mut child, "1", r#""method":"roots/list""#);
        if is_answered {
            child.says(r#""id":101,"result":{}"#);
            assert_eq!(child.sent(), [cancelled.clone(), over.clone()]);
        } else {
            child.0.cancel(Tag(7));
            assert_eq!(child.sent()[..2], [cancelled.clone(), over.clone()]);
        }
        child.answers(7, "elicitation_1", "{}");
        assert!(child.sent().is_empty());
    }
}

#[test]
fn what_a_client_lacks_is_no_method_to_the_child_and_named_to_the_client() {
    let missing = || capability_missing(Capabilities::FORM);
    let table = [
        (
            Era::Stateless,
            r#""error":{"code":-1,"message":"m"}"#,
            "7 fails -32021 ",
        ),
        (
            Era::Handshake,
            r#""error":{"code":-1,"message":"m"}"#,
            "7 fails -1 m",
        ),
        (
            Era::Stateless,
            r#""result":{"isError":true}"#,
            r#"7 ends {"isError":true}"#,
        ),
    ];
    for (era, end, expected) in table {
        let mut child = child(Era::Handshake);
        child.calls(asking(7, era));
        asks(&mut child, "0", FORM);
        child.answers_error(7, "elicitation_1", missing());
        let why = "the client cannot be asked for this";
        assert_eq!(child.sent(), [refused("0", -32601, why)]);
        child.says(&format!(r#""id":101,{end}"#));
        let said = child.effects();
        assert!(said[0].starts_with(expected), "{said:?}");
    }
}

#[test]
fn questions_before_a_visit_are_taken_back() {
    let mut child = child(Era::Handshake);
    child.calls(capable(7, Era::Stateless, Capabilities::URL));
    asks(&mut child, "0", FORM);
    let data = r#"{"elicitations":[{"mode":"url","url":"u"}]}"#;
    child.says(&format!(
        r#""id":101,"error":{{"code":-32042,"message":"m","data":{data}}}"#
    ));
    let expected = [
        "7 withdraws elicitation_1",
        r#"7 asks elicitation_2 Url {"mode":"url","url":"u"}"#,
        "7 waits",
    ];
    assert_eq!(child.effects(), expected);
    assert_eq!(child.sent(), [r#""id":0,"result":{"action":"cancel"}"#]);
}
