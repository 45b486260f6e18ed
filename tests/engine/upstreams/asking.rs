//! Questions of children, to clients of both eras.

use super::*;
use crate::stateless::{body, fields};
use crate::support::upstream;

/// A client of 2026-07-28 that can fill in forms calls the tool; its peer.
fn modern_call(server: &mut Server, now: Instant, more: &str) -> usize {
    let params = format!(r#""name":"work","arguments":{{}}{more}"#);
    let body = body("tools/call", &params, "").replace(
        r#""io.modelcontextprotocol/clientCapabilities":{}"#,
        r#""io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}"#,
    );
    let peer = server.connect(now);
    server.send(
        now,
        peer,
        post("/mcp", &fields("tools/call", "work"), &body),
    );
    peer
}

/// The child asks for a form, under this id.
fn asks(server: &mut Server, now: Instant, child: usize, id: u32) {
    let question = json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params":
        {"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}}});
    server.child_says(now, child, &question.to_string());
}

/// The result that asks, which a peer has got.
fn asked(server: &mut Server, peer: usize) -> Value {
    let answer = answered(server, peer).expect("it was asked");
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    answer["result"].clone()
}

/// The client comes back with an answer to the first question.
fn retry(server: &mut Server, now: Instant, asked: &Value) -> usize {
    let (key, _) = asked["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let responses = json!({key: {"action": "accept", "content": {}}});
    let state = asked["requestState"].clone();
    let more = format!(r#","inputResponses":{responses},"requestState":{state}"#);
    modern_call(server, now, &more)
}

/// Answers of the child to its own questions are the client's: what the child has heard of them.
fn actions(messages: &[Value]) -> Vec<&str> {
    let results = messages
        .iter()
        .filter(|message| message.get("result").is_some());
    results
        .filter_map(|message| message["result"]["action"].as_str())
        .collect()
}

#[test]
fn a_child_with_a_handshake_asks_a_client_of_2026_in_rounds() {
    let mut server = known(vec![upstream("files")]);
    let peer = modern_call(&mut server, at(0), "");
    let ids = call_ids(&serve(&mut server, at(0), 0));
    asks(&mut server, at(1), 0, 0);
    server.wait_until(at(5));
    asks(&mut server, at(5), 0, 1);
    server.wait_until(at(10));
    assert_eq!(answered(&mut server, peer), None, "the child may ask more");
    server.wait_until(at(11));
    let round = asked(&mut server, peer);
    assert_eq!(
        round["inputRequests"].as_object().map(|all| all.len()),
        Some(2)
    );
    server.engine.check(0);
    let (first, _) = round["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let keys: Vec<String> = round["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert!(keys.contains(first));
    let responses = json!({&keys[0]: {"action": "accept", "content": {}},
        &keys[1]: {"action": "decline"}});
    let state = &round["requestState"];
    let more = format!(r#","inputResponses":{responses},"requestState":{state}"#);
    let peer = modern_call(&mut server, at(20), &more);
    server.wait_until(at(20));
    let heard = serve(&mut server, at(20), 0);
    let mut said = actions(&heard);
    said.sort_unstable();
    assert_eq!(said, ["accept", "decline"]);
    server.child_answers(at(21), 0, ids[0], &super::said("thanks"));
    let answer = answered(&mut server, peer).expect("it is over");
    assert_eq!(answer["result"]["content"][0]["text"], "thanks");
    server.engine.check(0);
}

#[test]
fn who_waits_behind_an_abandoned_question_gets_another_child() {
    let mut server = known(vec![UpstreamSpec {
        interactive: true,
        ..upstream("files")
    }]);
    let first = modern_call(&mut server, at(0), "");
    serve(&mut server, at(0), 0);
    let second = modern_call(&mut server, at(1), "");
    assert!(
        call_ids(&serve(&mut server, at(1), 0)).is_empty(),
        "one at a time"
    );
    asks(&mut server, at(2), 0, 0);
    server.wait_until(at(12));
    let round = asked(&mut server, first);
    assert_eq!(server.children.len(), 2);
    let ids = call_ids(&serve(&mut server, at(13), 1));
    server.child_answers(at(13), 1, ids[0], &said("at once"));
    assert!(answered(&mut server, second).is_some());
    let again = retry(&mut server, at(20), &round);
    server.wait_until(at(20));
    assert_eq!(actions(&serve(&mut server, at(20), 0)), ["accept"]);
    server.child_answers(at(21), 0, 2, &said("late"));
    server.engine.check(0);
    server.receive(again);
}

#[test]
fn questions_that_nobody_comes_back_for_cost_a_bounded_number_of_children() {
    let mut server = known(vec![UpstreamSpec {
        interactive: true,
        ..upstream("files")
    }]);
    for turn in 0..20 {
        let now = at(100 * turn);
        let peer = modern_call(&mut server, now, "");
        let mut child = 0;
        while child < server.children.len() {
            let is_new = !call_ids(&serve(&mut server, now, child)).is_empty();
            if is_new {
                asks(&mut server, now, child, turn as u32);
            }
            child += 1;
        }
        server.wait_until(at(100 * turn + 50));
        asked(&mut server, peer);
        for child in 0..server.children.len() {
            if server.children[child].is_closed {
                server.child_ends(at(100 * turn + 50), child, Ok(Exit::Status(0)));
            }
        }
        server.engine.check(0);
    }
    let running = server.children.iter().filter(|child| !child.is_closed);
    assert!(running.count() <= 3);
}

#[test]
fn a_client_with_a_handshake_is_asked_on_its_stream_and_the_answer_finds_the_child() {
    let mut server = known(vec![upstream("files")]);
    let hello = crate::initialize(REVISION).replace(
        r#""capabilities":{}"#,
        r#""capabilities":{"elicitation":{}}"#,
    );
    let fields = crate::streamable_that_says(&mut server, at(0), REVISION, &hello);
    let peer = call(&mut server, at(0), &fields, 1);
    let ids = call_ids(&serve(&mut server, at(0), 0));
    server.receive(peer);
    asks(&mut server, at(1), 0, 41);
    let events = crate::events(&mut server, peer);
    let question: Value = serde_json::from_str(&events.last().expect("a question").data).unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}});
    let response = crate::ask(
        &mut server,
        at(2),
        post("/mcp", &fields, &answer.to_string()),
    );
    assert_eq!(response.head.status, 202);
    server.wait_until(at(2));
    let heard = serve(&mut server, at(2), 0);
    let found = heard.iter().find(|message| message["id"] == 41);
    assert_eq!(
        found.expect("it was answered")["result"]["action"],
        "decline"
    );
    server.child_answers(at(3), 0, ids[0], &said("done"));
    assert!(answered(&mut server, peer).is_some());
    server.engine.check(0);
}

#[test]
fn a_child_that_asks_has_one_call_at_a_time_whatever_era_its_clients_are_of() {
    let mut server = known(vec![UpstreamSpec {
        interactive: true,
        ..upstream("files")
    }]);
    let sessions = [0, 1].map(|_| streamable(&mut server, at(0), REVISION));
    let peers = [0, 1].map(|place: usize| call(&mut server, at(0), &sessions[place], 1));
    let third = modern_call(&mut server, at(0), "");
    for turn in 0..3 {
        let ids = call_ids(&serve(&mut server, at(1), 0));
        assert_eq!(ids.len(), 1, "turn {turn}");
        server.child_answers(at(1), 0, ids[0], &said("done"));
    }
    for peer in [peers[0], peers[1], third] {
        assert!(answered(&mut server, peer).is_some());
    }
    assert_eq!(server.children.len(), 1);
    server.engine.check(0);
}

#[test]
fn the_first_call_of_a_new_child_may_ask_at_once() {
    let mut server = known(vec![upstream("files")]);
    let peer = modern_call(&mut server, at(0), "");
    let heard = server.child_hears(0);
    assert_eq!(heard[0]["method"], "initialize");
    let result = r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"c"}}"#;
    server.child_answers(at(0), 0, heard[0]["id"].as_u64().unwrap(), result);
    let heard = server.child_hears(0);
    assert!(
        call_ids(&heard).is_empty(),
        "what it says now may be about its start"
    );
    let ping = heard
        .iter()
        .find(|one| one["method"] == "ping")
        .expect("it is asked");
    server.child_answers(at(1), 0, ping["id"].as_u64().unwrap(), "{}");
    assert_eq!(call_ids(&server.child_hears(0)).len(), 1);
    asks(&mut server, at(2), 0, 0);
    server.wait_until(at(12));
    asked(&mut server, peer);
    server.engine.check(0);
}
