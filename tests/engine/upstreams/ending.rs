//! Children that end, or have to.

use super::*;
use crate::support::upstream;
use slimcp::upstream::spec::Start;
use std::time::Duration;

#[test]
fn a_crash_answers_the_calls_at_once_with_the_server_and_the_reason() {
    let mut server = known(vec![upstream("files")]);
    let (_, peer, _) = running(&mut server);
    server.child_complains(at(1), 0, "out of \x1b[31mpaper\n");
    server.child_ends(at(1), 0, Ok(Exit::Status(3)));
    let text = refusal(&mut server, peer);
    assert_eq!(
        text,
        "server \"files\" has ended with exit status 3: out of  [31mpaper"
    );
    server.engine.check(0);
}

#[test]
fn after_a_crash_calls_are_refused_until_the_back_off_is_over() {
    let mut server = known(vec![upstream("files")]);
    let (fields, peer, _) = running(&mut server);
    server.child_ends(at(1000), 0, Ok(Exit::Signal(11)));
    refusal(&mut server, peer);
    let peer = call(&mut server, at(1500), &fields, 2);
    let text = refusal(&mut server, peer);
    assert!(text.starts_with("server \"files\" was ended by signal 11; it is started again in"));
    assert_eq!(server.children.len(), 1, "none was started for that");
    call(&mut server, at(3000), &fields, 3);
    assert_eq!(server.children.len(), 2);
    server.engine.check(0);
}

#[test]
fn failures_in_a_row_are_waited_out_longer_and_longer() {
    let mut server = known(vec![upstream("files")]);
    let fields = streamable(&mut server, at(0), REVISION);
    let mut now = 0;
    for (failure, seconds) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        let peer = call(&mut server, at(now), &fields, 1);
        assert_eq!(server.children.len(), failure + 1);
        server.child_ends(at(now), failure, Err("no such program"));
        let text = refusal(&mut server, peer);
        assert_eq!(text, "server \"files\" does not run: no such program");
        now += seconds * 1000;
        let peer = call(&mut server, at(now - 1), &fields, 1);
        assert!(refusal(&mut server, peer).contains("started again"));
        now += seconds * 250;
        server.engine.check(0);
    }
}

#[test]
fn a_child_that_does_not_answer_the_handshake_is_ended_in_graces() {
    let mut server = known(vec![upstream("files")]);
    let fields = streamable(&mut server, at(0), REVISION);
    let peer = call(&mut server, at(0), &fields, 1);
    server.wait_until(at(59_999));
    assert_eq!(answered(&mut server, peer), None);
    server.wait_until(at(60_000));
    let text = answered(&mut server, peer).expect("the call is over as well");
    assert!(text.to_string().contains("60 s"), "{text}");
    assert!(server.children[0].is_terminated && !server.children[0].is_killed);
    server.wait_until(at(62_000));
    assert!(server.children[0].is_killed);
    server.child_ends(at(62_001), 0, Ok(Exit::Signal(9)));
    server.engine.check(0);
}

#[test]
fn an_unused_child_is_stopped_by_closing_its_input_and_started_again_for_the_next_call() {
    let mut server = known(vec![UpstreamSpec {
        idle: Some(Duration::from_secs(10)),
        ..upstream("files")
    }]);
    let (fields, peer, id) = running(&mut server);
    server.child_answers(at(5000), 0, id, &said("done"));
    assert!(answered(&mut server, peer).is_some());
    server.wait_until(at(14_999));
    assert!(!server.children[0].is_closed);
    server.wait_until(at(16_000));
    assert!(server.children[0].is_closed);
    let peer = call(&mut server, at(16_001), &fields, 2);
    assert_eq!(
        server.children.len(),
        1,
        "the next one waits for the end of this one"
    );
    server.child_ends(at(16_002), 0, Ok(Exit::Status(0)));
    let ids = call_ids(&serve(&mut server, at(16_003), 1));
    server.child_answers(at(16_004), 1, ids[0], &said("again"));
    let answer = answered(&mut server, peer).expect("it was only late");
    assert_eq!(answer["result"]["content"][0]["text"], "again");
    server.engine.check(0);
}

#[test]
fn an_eager_child_runs_from_the_start_and_again_after_each_end() {
    let spec = UpstreamSpec {
        start: Start::Eager,
        ..upstream("files")
    };
    let mut server = Server::with_upstreams(vec![spec]);
    server.settle(at(0));
    serve(&mut server, at(0), 0);
    server.child_ends(at(0), 0, Ok(Exit::Status(0)));
    assert_eq!(server.children.len(), 2, "nobody has called");
    serve(&mut server, at(0), 1);
    server.wait_until(at(3_600_000));
    assert!(!server.children[1].is_closed, "it is never unused");
    server.child_ends(at(3_600_000), 1, Ok(Exit::Status(0)));
    server.wait_until(at(3_602_000));
    assert_eq!(server.children.len(), 3);
    server.engine.check(0);
}

#[test]
fn a_long_line_answers_the_call_that_it_was_meant_for_once_that_is_clear() {
    let mut server = known(vec![upstream("files")]);
    let (fields, first, first_id) = running(&mut server);
    let second = call(&mut server, at(1), &fields, 2);
    serve(&mut server, at(1), 0);
    let key = server.children[0].key;
    server
        .engine
        .handle_child_noise(at(2), key, "a line is too long");
    server.settle(at(2));
    assert_eq!(answered(&mut server, second), None, "either may be meant");
    let third = call(&mut server, at(3), &fields, 3);
    server.child_answers(at(4), 0, first_id, &said("short"));
    assert!(answered(&mut server, first).is_some());
    let text = refusal(&mut server, second);
    assert!(text.contains("limits.output"), "{text}");
    assert_eq!(answered(&mut server, third), None, "it came later");
    server.engine.check(0);
}

#[test]
fn a_child_that_writes_nothing_but_nonsense_is_ended() {
    let mut server = known(vec![upstream("files")]);
    let (_, peer, _) = running(&mut server);
    for _ in 0..1000 {
        server.child_says(at(1), 0, "Listening on port 3000!");
    }
    assert!(!server.children[0].is_terminated);
    server.child_says(
        at(1),
        0,
        r#"{"jsonrpc":"2.0","method":"notifications/nothing"}"#,
    );
    for _ in 0..1001 {
        server.child_says(at(1), 0, "Listening on port 3000!");
    }
    assert!(server.children[0].is_terminated);
    let text = refusal(&mut server, peer);
    assert!(text.contains("nonsense"), "{text}");
    server.engine.check(0);
}

#[test]
fn a_drain_waits_for_calls_and_then_for_the_children() {
    let mut server = known(vec![upstream("files")]);
    let (_, peer, id) = running(&mut server);
    server.engine.drain(at(1));
    server.settle(at(1));
    assert!(!server.children[0].is_closed, "it works on a call");
    server.child_answers(at(2), 0, id, &said("done"));
    assert!(answered(&mut server, peer).is_some());
    assert!(server.children[0].is_closed);
    assert!(!server.engine.is_drained());
    server.child_ends(at(3), 0, Ok(Exit::Status(0)));
    assert!(server.engine.is_drained());
    server.engine.check(0);
}
