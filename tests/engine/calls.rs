//! Tool calls: queueing, cancelling, timeouts, reloads, and what becomes of their answers.

use crate::support::{Server, at, post, registry};
use crate::{ask, call, echo, http_sse};
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
