//! Carriers: connections whose response is a stream.
//!
//! A stream is carried by one connection at a time, and may outlive it: its client comes back over
//! another one. Between two events nothing of it is here but the two numbers in
//! [`Sockets`](super::sockets::Sockets) that lead from one to the other.

use super::connection::{close, close_when_flushed, defer, go_on, is_blocked, send};
use super::sockets::Fate;
use super::world::World;
use crate::bounded::Key;
use crate::engine::Transmit;
use crate::engine::connection::Connection;
use crate::engine::stream::Stream;
use crate::limits;
use std::rc::Rc;

/// Sends what a new stream has by now. Most answers are complete here already, and the connection
/// never notices that it was one; `None` if it has to be carried.
pub(super) fn begin(world: &Rc<World>, stream: Key<Stream>, out: &mut Vec<u8>) -> Option<bool> {
    // Among them may be the order to close the connection that carried the stream so far.
    world.do_jobs();
    let now = world.clock.now();
    match world.engine.borrow_mut().poll_transmit(now, stream, out) {
        Transmit::Finished { keep_alive } => Some(keep_alive),
        Transmit::Waiting | Transmit::More => None,
    }
}

/// Lets a connection carry a stream. The one that carried it so far is closed: its client has come
/// back over this one.
pub(super) fn carry(
    world: &Rc<World>,
    connection: Key<Connection>,
    stream: Key<Stream>,
    pipelined: &[u8],
) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(before) = sockets.carry(connection, stream) else {
        drop(sockets);
        return world
            .engine
            .borrow_mut()
            .handle_stream_closed(world.clock.now(), stream);
    };
    let place = sockets.get_mut(connection);
    let is_blocked = place.expect("it has just taken the stream").is_blocked();
    sockets.watch(connection);
    drop(sockets);
    if let Some(before) = before {
        close(world, before);
    }
    let mut engine = world.engine.borrow_mut();
    engine.handle_parked(world.clock.now(), stream);
    if is_blocked {
        engine.handle_blocked(stream);
    }
    drop(engine);
    defer(world, connection, pipelined);
    transmit(world, stream);
}

/// Sends what a stream has to send, if its connection takes it.
pub fn transmit(world: &Rc<World>, stream: Key<Stream>) {
    let mut buffer = world.event_buffer.take();
    loop {
        let Some(connection) = world.sockets.borrow().carrier(stream) else {
            break;
        };
        buffer.clear();
        let now = world.clock.now();
        let transmit = world
            .engine
            .borrow_mut()
            .poll_transmit(now, stream, &mut buffer);
        if !send(world, connection, &buffer) {
            break;
        }
        let is_blocked = is_blocked(world, connection);
        match transmit {
            Transmit::Finished { keep_alive } => {
                end(world, connection, keep_alive);
                break;
            }
            Transmit::Waiting | Transmit::More if is_blocked => {
                world.engine.borrow_mut().handle_blocked(stream);
                break;
            }
            Transmit::Waiting => break,
            Transmit::More => {}
        }
    }
    buffer.clear();
    buffer.shrink_to(limits::TRANSMIT_BYTES_MAX);
    world.event_buffer.replace(buffer);
}

/// The response is over: the connection goes on with its next request, or is closed.
fn end(world: &Rc<World>, connection: Key<Connection>, keep_alive: bool) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    place.stream = None;
    let is_blocked = place.is_blocked();
    sockets.watch(connection);
    drop(sockets);
    match (keep_alive, is_blocked) {
        (false, _) => close_when_flushed(world, connection, Fate::Closing),
        (true, true) => {}
        (true, false) => go_on(world, connection),
    }
}

/// Ends the connection that carries a stream which the engine has given up.
pub fn close_stream(world: &Rc<World>, stream: Key<Stream>) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(connection) = sockets.carrier(stream) else {
        return;
    };
    sockets
        .get_mut(connection)
        .expect("it carries the stream")
        .stream = None;
    drop(sockets);
    close(world, connection);
}
