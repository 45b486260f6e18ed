//! Requests that are served later ([`Reply::Later`](crate::engine::Reply)): kept with their
//! connections, of which nothing else is read meanwhile.

use super::connection::close;
use super::world::World;
use crate::bounded::Key;
use crate::engine::connection::Connection;
use crate::wire::receive::Receiver;
use std::rc::Rc;

/// Keeps a request that is served later, and what came after it, charged to the budget.
pub(super) fn postpone(
    world: &Rc<World>,
    connection: Key<Connection>,
    receiver: Receiver,
    pipelined: &[u8],
) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    place.is_postponed = true;
    let rest = place.rest(world);
    let is_kept = rest.held.grow_by(receiver.held_bytes() + pipelined.len());
    rest.receiver = receiver;
    rest.pipelined = pipelined.to_vec();
    sockets.watch(connection);
    drop(sockets);
    if !is_kept {
        log::debug!("connection closed: no memory for a request that has to wait");
        close(world, connection);
    }
}

/// A request that was postponed is served now, in a turn of its own, once the answers before it are
/// away.
pub fn resume(world: &Rc<World>, connection: Key<Connection>) {
    let mut sockets = world.sockets.borrow_mut();
    let place = sockets.get_mut(connection);
    let Some(place) = place.filter(|place| place.is_postponed) else {
        return;
    };
    place.is_postponed = false;
    if !place.is_blocked() {
        world.resumed.borrow_mut().push_back(connection);
    }
    sockets.watch(connection);
}
