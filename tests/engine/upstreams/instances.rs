//! Who shares a child.

use super::*;
use crate::support::upstream;
use slimcp::upstream::spec::Per;

fn per_session() -> UpstreamSpec {
    UpstreamSpec {
        per: Per::Session,
        ..upstream("files")
    }
}

fn end(server: &mut Server, now: Instant, fields: &str) {
    let request = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    assert!(crate::ask(server, now, request).head.status < 300);
}

#[test]
fn each_session_has_a_child_of_its_own_that_ends_with_it() {
    let mut server = known(vec![per_session()]);
    let sessions = [0, 1].map(|_| streamable(&mut server, at(0), REVISION));
    for fields in &sessions {
        call(&mut server, at(0), fields, 1);
    }
    assert_eq!(server.children.len(), 2);
    for child in [0, 1] {
        assert_eq!(call_ids(&serve(&mut server, at(0), child)).len(), 1);
    }
    end(&mut server, at(1), &sessions[0]);
    assert!(server.children[0].is_closed && !server.children[1].is_closed);
    server.child_ends(at(2), 0, Ok(Exit::Status(0)));
    server.engine.check(0);
}

#[test]
fn a_session_ends_with_its_child_once_its_calls_are_answered() {
    let mut server = known(vec![per_session()]);
    let (fields, peer, _) = running(&mut server);
    server.child_ends(at(1), 0, Ok(Exit::Status(1)));
    refusal(&mut server, peer);
    let peer = call(&mut server, at(2), &fields, 2);
    assert!(refusal(&mut server, peer).contains("begin anew"));
    server.wait_until(at(101));
    let (status, _) = crate::refused(
        &mut server,
        at(102),
        post("/mcp", &fields, &crate::call(3, "work")),
    );
    assert_eq!(status, 404);
    server.engine.check(0);
}

#[test]
fn a_child_that_could_not_be_started_leaves_its_session_alone() {
    let mut server = known(vec![per_session()]);
    let fields = streamable(&mut server, at(0), REVISION);
    let peer = call(&mut server, at(0), &fields, 1);
    server.child_ends(at(0), 0, Err("no such program"));
    refusal(&mut server, peer);
    server.wait_until(at(5000));
    call(&mut server, at(5000), &fields, 2);
    assert_eq!(server.children.len(), 2);
    server.engine.check(0);
}

#[test]
fn sessions_opened_and_abandoned_leave_no_child() {
    let mut server = known(vec![per_session()]);
    let mut ended = 0;
    for session in 0..2000 {
        let now = at(session * 10);
        let fields = streamable(&mut server, now, REVISION);
        let peer = call(&mut server, now, &fields, 1);
        while ended < server.children.len() {
            serve(&mut server, now, ended);
            let heard = server.children[ended].is_closed;
            if !heard {
                break;
            }
            server.child_ends(now, ended, Ok(Exit::Status(0)));
            ended += 1;
        }
        server.cut(now, peer);
    }
    let running = server.children.len() - ended;
    assert!(running <= 16, "{running} children run");
    server.engine.check(0);
}

#[test]
fn the_child_unused_for_longest_makes_room_and_busy_ones_do_not() {
    let limits = Limits {
        children_max: 2,
        ..Limits::default()
    };
    let mut server = known_with(limits, vec![per_session()]);
    let sessions = [0, 1, 2].map(|_| streamable(&mut server, at(0), REVISION));
    let mut ids = Vec::new();
    for child in [0, 1] {
        call(&mut server, at(child as u64), &sessions[child], 1);
        ids.extend(call_ids(&serve(&mut server, at(child as u64), child)));
    }
    let peer = call(&mut server, at(5), &sessions[2], 1);
    let text = refusal(&mut server, peer);
    assert!(text.contains("limits.children"), "{text}");
    server.child_answers(at(6), 1, ids[1], &said("done"));
    let peer = call(&mut server, at(7), &sessions[2], 2);
    assert!(server.children[1].is_closed);
    assert_eq!(server.children.len(), 2, "there is no place yet");
    server.child_ends(at(8), 1, Ok(Exit::Status(0)));
    assert_eq!(server.children.len(), 3);
    let calls = call_ids(&serve(&mut server, at(9), 2));
    server.child_answers(at(9), 2, calls[0], &said("mine"));
    assert!(answered(&mut server, peer).is_some());
    server.engine.check(0);
}

#[test]
fn no_more_than_two_start_at_once_and_the_others_follow_in_order() {
    let names = ["a", "b", "c", "d"];
    let mut server = Server::with_upstreams(names.map(upstream).into());
    server.settle(at(0));
    assert_eq!(server.children.len(), 2, "they are asked what they can do");
    serve(&mut server, at(1), 0);
    assert_eq!(server.children.len(), 3);
    server.child_ends(at(1), 1, Err("no such program"));
    let programs: Vec<&str> = server
        .children
        .iter()
        .map(|child| &*child.program)
        .collect();
    assert_eq!(programs, names);
    server.engine.check(0);
}
