//! Other configurations, and headers that become variables.

use super::*;
use crate::support::{registry_of, upstream};
use slimcp::tool::command::CommandLine;
use slimcp::upstream::spec::Per;
use std::rc::Rc;

fn reload(server: &mut Server, now: Instant, specs: Vec<UpstreamSpec>) {
    server.engine.reload_upstreams(now, specs);
    let config = server.engine.config().clone();
    server.engine.reload(now, config, registry_of(Vec::new()));
    server.settle(now);
    server.engine.check(0);
}

fn other_command() -> UpstreamSpec {
    let spec = upstream("files");
    let line = CommandLine {
        argv: vec!["others".to_string()],
        ..(*spec.line).clone()
    };
    UpstreamSpec {
        line: Rc::new(line),
        ..spec
    }
}

#[test]
fn a_child_whose_configuration_is_the_same_lives_on() {
    let mut server = known(vec![upstream("files")]);
    let (_, peer, id) = running(&mut server);
    reload(
        &mut server,
        at(1),
        vec![upstream("files"), upstream("time")],
    );
    server.child_answers(at(2), 0, id, &said("done"));
    assert!(answered(&mut server, peer).is_some());
    assert!(!server.children[0].is_closed);
    assert_eq!(server.children[1].program, "time", "the new one is asked");
}

#[test]
fn a_child_with_another_command_finishes_its_calls_and_is_replaced() {
    let mut server = known(vec![upstream("files")]);
    let (fields, peer, id) = running(&mut server);
    reload(&mut server, at(1), vec![other_command()]);
    assert!(!server.children[0].is_closed);
    serve(&mut server, at(1), 1);
    let next = call(&mut server, at(2), &fields, 2);
    assert_eq!(server.children[2].program, "others");
    let ids = call_ids(&serve(&mut server, at(2), 2));
    server.child_answers(at(3), 2, ids[0], &said("new"));
    assert!(answered(&mut server, next).is_some());
    server.child_answers(at(4), 0, id, &said("old"));
    assert!(answered(&mut server, peer).is_some());
    assert!(server.children[0].is_closed);
    server.engine.check(0);
}

#[test]
fn an_upstream_that_is_removed_fails_its_calls_and_ends() {
    let mut server = known(vec![upstream("files")]);
    let (_, peer, _) = running(&mut server);
    reload(&mut server, at(1), Vec::new());
    let text = refusal(&mut server, peer);
    assert!(text.contains("removed by a reload"), "{text}");
    assert!(server.children[0].is_closed);
    assert_eq!(server.engine.upstreams().count(), 0);
    server.child_ends(at(2), 0, Ok(Exit::Status(0)));
    reload(&mut server, at(3), vec![upstream("files")]);
    assert_eq!(server.children[1].program, "files", "it is asked anew");
}

fn with_header(per: Per) -> UpstreamSpec {
    UpstreamSpec {
        per,
        headers: vec![("x-token".to_string(), "TOKEN".to_string())],
        ..upstream("files")
    }
}

#[test]
fn the_headers_of_the_request_that_starts_a_child_become_its_variables() {
    let mut server = known(vec![with_header(Per::Session)]);
    let fields = streamable(&mut server, at(0), REVISION);
    call(
        &mut server,
        at(0),
        &format!("{fields}X-Token: s3cret\r\n"),
        1,
    );
    let expected = [("TOKEN".to_string(), "s3cret".to_string())];
    assert_eq!(server.children[0].environment, expected);
    server.engine.check(0);
}

#[test]
fn other_values_are_another_child_of_one_principal() {
    let mut server = known(vec![with_header(Per::Principal)]);
    let fields = streamable(&mut server, at(0), REVISION);
    for (id, token) in ["a", "b", "a"].into_iter().enumerate() {
        let fields = format!("{fields}X-Token: {token}\r\n");
        call(&mut server, at(0), &fields, id as u32);
    }
    assert_eq!(server.children.len(), 2);
    let count = |server: &mut Server, child| call_ids(&serve(server, at(0), child)).len();
    assert_eq!((count(&mut server, 0), count(&mut server, 1)), (2, 1));
    server.engine.check(0);
}

#[test]
fn what_does_not_start_without_a_header_is_asked_with_the_first_that_comes() {
    let mut server = Server::with_upstreams(vec![with_header(Per::Session)]);
    server.settle(at(0));
    server.child_ends(at(0), 0, Ok(Exit::Status(1)));
    server.child_ends(at(0), 1, Ok(Exit::Status(1)));
    assert_eq!(server.children.len(), 2, "it has failed");
    let peer = server.connect(at(1));
    let hello = crate::initialize(REVISION);
    server.send(at(1), peer, post("/mcp", "X-Token: s3cret\r\n", &hello));
    assert_eq!(server.children[2].environment[0].1, "s3cret");
    server.engine.check(0);
}

#[test]
fn what_is_known_of_an_upstream_is_kept_and_spares_the_next_start_a_child() {
    let mut server = Server::new();
    server.start_with_kept(vec![upstream("files")], Box::new(|_| None));
    server.settle(at(0));
    serve(&mut server, at(0), 0);
    let (name, text) = server.kept.pop().expect("it was kept");
    assert_eq!(name, "files");
    let mut next = Server::new();
    let kept = move |_: &str| Some(text.clone());
    next.start_with_kept(vec![upstream("files")], Box::new(kept));
    next.settle(at(0));
    assert!(next.children.is_empty());
    let fields = streamable(&mut next, at(0), REVISION);
    call(&mut next, at(0), &fields, 1);
    assert_eq!(call_ids(&serve(&mut next, at(0), 0)).len(), 1);
    next.engine.check(0);
}

#[test]
fn a_command_that_has_become_another_program_is_asked_anew() {
    let mut server = known(vec![upstream("files")]);
    let fields = streamable(&mut server, at(0), REVISION);
    let peer = call(&mut server, at(0), &fields, 1);
    let refusal_of_all = |server: &mut Server, now: Instant, child: usize| {
        for message in server.child_hears(child) {
            let error = json!({"code": -32022, "message": "initialize is no more"});
            let error = json!({"jsonrpc": "2.0", "id": message["id"], "error": error});
            server.child_says(now, child, &error.to_string());
        }
    };
    refusal_of_all(&mut server, at(0), 0);
    let text = refusal(&mut server, peer);
    assert!(text.contains("initialize is no more"), "{text}");
    server.child_ends(at(0), 0, Ok(Exit::Status(0)));
    server.wait_until(at(600));
    let asked = server.child_hears(1);
    assert_eq!(asked[0]["method"], "server/discover", "{asked:?}");
    server.engine.check(0);
}
