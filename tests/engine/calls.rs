//! Tool calls: queueing, cancelling, timeouts, reloads, and what becomes of their answers.

use crate::support::reader::Piece;
use crate::support::{Server, at, post, registry};
use crate::{ask, call, cancel, echo, http_sse, pieces, streamable};
use slimcp::tool::Outcome;
use slimcp::tool::registry::Registry;

#[test]
fn a_reload_without_the_tool_answers_its_queue_even_if_the_client_lags() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    let key = server.peers[stream].stream.expect("it is open");
    for id in 1..=4 {
        ask(&mut server, at(1), post(&door, "", &call(id, "sleep")));
    }
    server.engine.handle_blocked(key);
    for id in 0..1024 {
        ask(&mut server, at(2), post(&door, "", &echo(100 + id, "x")));
    }
    let tools = registry().iter().take(2).cloned().collect();
    let config = server.engine.config().clone();
    let fewer = Registry::new(tools).expect("the names differ");
    server.engine.reload(at(3), config, fewer);
    server.settle(at(3));
    assert!(
        server.peers[stream].closed,
        "the answer found no room: the end must be seen"
    );
    server.engine.check(0);
}

#[test]
fn a_batch_may_cancel_the_calls_it_makes() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    let batch = |ids: [u32; 4]| {
        let calls = ids.map(|id| call(id, "sleep")).join(",");
        let cancels = ids.map(cancel).join(",");
        format!("[{calls},{cancels}]")
    };
    // Two of them run and two wait in the queue of the tool.
    let peer = server.connect(at(1));
    server.send(at(1), peer, post("/mcp", &fields, &batch([1, 2, 3, 4])));
    server.engine.check(0);
    assert_eq!((server.started.len(), server.terminated.len()), (2, 2));
    assert_eq!(server.receive(peer), "");
    server.wait_until(at(3_002));
    assert_eq!(server.killed.len(), 2);
    server.finish(at(3_003), &Outcome::error("killed"));
    server.finish(at(3_003), &Outcome::error("killed"));
    let [Piece::Head(_), Piece::Body(body)] = &pieces(&mut server, peer)[..] else {
        panic!("no body");
    };
    let answers: Vec<serde_json::Value> = serde_json::from_str(body).expect("an array");
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64()).collect();
    assert_eq!(ids, [Some(1), Some(2)], "{body}");
    server.wait_until(at(200_000));
    server.engine.check(0);
}

#[test]
fn a_batch_whose_calls_were_all_cancelled_in_the_queue_is_taken_without_an_answer() {
    let mut server = Server::new();
    let fields = streamable(&mut server, at(0), "2025-03-26");
    for id in 1..=2 {
        let peer = server.connect(at(1));
        server.send(at(1), peer, post("/mcp", &fields, &call(id, "sleep")));
    }
    let batch = format!("[{},{}]", call(3, "sleep"), cancel(3));
    let response = ask(&mut server, at(2), post("/mcp", &fields, &batch));
    assert_eq!((response.head.status, response.body.as_str()), (202, ""));
    server.engine.check(0);
}
