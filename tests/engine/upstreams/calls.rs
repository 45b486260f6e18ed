//! Calls on their way to a child and back.

use super::*;
use crate::support::upstream;

#[test]
fn a_call_starts_the_child_and_waits_for_it() {
    let mut server = known(vec![upstream("files")]);
    let fields = streamable(&mut server, at(0), REVISION);
    assert!(server.children.is_empty(), "nobody needs it yet");
    let peer = call(&mut server, at(0), &fields, 1);
    assert_eq!(server.children[0].program, "files");
    let calls = serve(&mut server, at(0), 0);
    let [id] = call_ids(&calls)[..] else {
        panic!("{calls:?}");
    };
    server.child_answers(at(0), 0, id, &said("done"));
    let answer = answered(&mut server, peer).expect("the call is over");
    assert_eq!(answer["result"]["content"][0]["text"], "done");
    assert_eq!(answer["id"], 1);
    server.engine.check(0);
}

#[test]
fn calls_with_one_id_in_two_sessions_find_their_own_answers() {
    let mut server = known(vec![upstream("files")]);
    let sessions = [0, 1].map(|_| streamable(&mut server, at(0), REVISION));
    let peers = [0, 1].map(|place: usize| call(&mut server, at(0), &sessions[place], 7));
    let calls = serve(&mut server, at(0), 0);
    let ids = call_ids(&calls);
    assert_eq!(ids.len(), 2);
    for place in [1, 0] {
        server.child_answers(at(0), 0, ids[place], &said(&format!("answer {place}")));
    }
    for place in [0, 1] {
        let answer = answered(&mut server, peers[place]).expect("it is over");
        assert_eq!(answer["id"], 7);
        let text = &answer["result"]["content"][0]["text"];
        assert_eq!(*text, format!("answer {place}"));
    }
}

#[test]
fn a_cancelled_call_is_cancelled_at_the_child_and_its_late_answer_reaches_nobody() {
    let mut server = known(vec![upstream("files")]);
    let (fields, peer, id) = running(&mut server);
    let cancelled = crate::ask(&mut server, at(1), post("/mcp", &fields, &crate::cancel(1)));
    assert_eq!(cancelled.head.status, 202);
    server.wait_until(at(1));
    let heard = serve(&mut server, at(1), 0);
    let notice = heard
        .iter()
        .find(|one| one["method"] == "notifications/cancelled");
    assert_eq!(notice.expect("it was told")["params"]["requestId"], id);
    server.receive(peer);
    let other = call(&mut server, at(2), &fields, 1);
    server.child_answers(at(3), 0, id, &said("late"));
    assert_eq!(answered(&mut server, other), None);
    server.engine.check(0);
}

#[test]
fn a_child_that_was_silent_while_a_call_timed_out_has_to_show_that_it_lives() {
    let mut server = known(vec![upstream("files")]);
    let (fields, first, id) = running(&mut server);
    server.child_answers(at(0), 0, id, &said("done"));
    assert!(answered(&mut server, first).is_some());
    let peer = call(&mut server, at(1), &fields, 2);
    let other = call(&mut server, at(50_000), &fields, 3);
    server.wait_until(at(60_001));
    let answer = answered(&mut server, peer).expect("its time is over");
    assert_eq!(answer["result"]["isError"], true);
    let text = answer["result"]["content"][0]["text"].to_string();
    assert!(text.contains("files") && text.contains("60 s"), "{text}");
    assert!(!server.children[0].is_terminated, "it may be slow");
    server.wait_until(at(62_001));
    assert!(server.children[0].is_terminated);
    let text = refusal(&mut server, other);
    assert!(text.contains("server \"files\""), "{text}");
    server.engine.check(0);
}

#[test]
fn a_child_that_speaks_survives_the_timeout_of_a_call() {
    let mut server = known(vec![upstream("files")]);
    let (fields, peer, _) = running(&mut server);
    call(&mut server, at(30_000), &fields, 2);
    let ids = call_ids(&serve(&mut server, at(30_000), 0));
    server.child_answers(at(30_000), 0, ids[0], &said("quick"));
    server.wait_until(at(60_000));
    assert!(answered(&mut server, peer).is_some());
    assert!(!server.children[0].is_terminated);
    server.engine.check(0);
}
