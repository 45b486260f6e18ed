//! Connections: reads requests, writes answers, carries streams.
//!
//! From the bytes that came in to the bytes that went out nothing waits. A response that takes
//! longer is a stream: its connection carries it until it ends and then goes on with its next
//! request.

use super::socket;
use super::world::World;
use crate::bounded::Key;
use crate::engine::connection::{Connection, Waiting};
use crate::engine::stream::Stream;
use crate::engine::{Reply, Transmit};
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::wire::encode::{self, Content};
use crate::wire::jsonrpc::{self, RpcError};
use crate::wire::receive::{Received, Receiver, Request};
use crate::wire::status;
use rustix::event::epoll::EventFlags;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// How a turn ends.
enum Turn {
    /// More bytes are needed.
    Wait,
    /// The connection ends once its answers are away.
    Close,
    /// The response is a stream; so many bytes of the input come after its request.
    Carry(Key<Stream>, usize),
}

/// Admits a new connection, or tells it that there is no room.
pub fn open(world: &Rc<World>, socket: OwnedFd, peer: Option<IpAddr>) {
    let opened = world.input(|engine, now| engine.open_connection(now, peer));
    match opened {
        Ok(connection) => {
            if world.sockets.borrow_mut().add(connection, socket).is_err() {
                world.engine.borrow_mut().close_connection(connection);
            }
        }
        Err(refusal) => shed(&socket, refusal),
    }
}

/// Tells a client that there is no room for its connection, as far as its socket takes it.
fn shed(socket: &OwnedFd, refusal: Refusal) {
    log::debug!("connection shed: {}", refusal.text());
    let mut out = Vec::new();
    unavailable(refusal, &mut out);
    let _ = socket::send(socket.as_fd(), &out);
}

/// Does what the events of a connection ask for.
pub fn handle(world: &Rc<World>, connection: Key<Connection>, flags: EventFlags) {
    if flags.contains(EventFlags::OUT) {
        flush(world, connection);
    }
    let (carries, is_blocked) = match world.sockets.borrow_mut().get_mut(connection) {
        Some(place) => (place.stream.is_some(), place.is_blocked()),
        None => return,
    };
    let is_gone = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
    if carries || is_blocked {
        if is_gone {
            close(world, connection);
        }
    } else if is_gone || flags.contains(EventFlags::IN) {
        read(world, connection);
    }
    world.settle();
}

/// Reads what is there and answers what is whole.
fn read(world: &Rc<World>, connection: Key<Connection>) {
    let mut buffer = world.read_buffer.borrow_mut();
    let received = world.sockets.borrow_mut().receive(connection, &mut buffer);
    match received {
        Ok(Some(0)) | Err(_) => close(world, connection),
        Ok(None) => {}
        Ok(Some(bytes)) => turn(world, connection, &buffer[..bytes]),
    }
}

/// Answers the requests in `input`, then does with the connection what they lead to.
fn turn(world: &Rc<World>, connection: Key<Connection>, input: &[u8]) {
    let mut out = world.response_buffer.take();
    let left = world
        .sockets
        .borrow_mut()
        .get_mut(connection)
        .and_then(|place| place.rest.take());
    let mut receiver = left.map(|rest| rest.receiver).unwrap_or_default();
    let turn = answer(world, connection, &mut receiver, input, &mut out);
    let is_alive = send(world, connection, &out);
    out.clear();
    out.shrink_to(limits::TRANSMIT_BYTES_MAX);
    world.response_buffer.replace(out);
    match turn {
        Turn::Carry(stream, left) => {
            // If the connection broke meanwhile, this finds out.
            carry(world, connection, stream, &input[input.len() - left..]);
        }
        Turn::Wait | Turn::Close if !is_alive => {}
        Turn::Wait => keep(world, connection, receiver),
        Turn::Close => close_when_flushed(world, connection),
    }
}

/// Answers the requests in `input`, one after the other.
fn answer(
    world: &Rc<World>,
    connection: Key<Connection>,
    receiver: &mut Receiver,
    mut input: &[u8],
    out: &mut Vec<u8>,
) -> Turn {
    let body_bytes_max = world.engine.borrow().config().limits.body_bytes_max;
    loop {
        let received = receiver.receive(input, body_bytes_max);
        let now = world.clock.now();
        let (request, used) = match received {
            Received::Request { request, used } => (request, used),
            Received::More {
                send_continue,
                in_body,
            } => {
                if send_continue {
                    out.extend_from_slice(encode::CONTINUE);
                }
                let waiting = if in_body {
                    Waiting::Body
                } else {
                    Waiting::Head
                };
                world
                    .engine
                    .borrow_mut()
                    .handle_waiting(now, connection, waiting);
                return Turn::Wait;
            }
            Received::Refuse(refusal) => {
                refuse(&refusal, out);
                return Turn::Close;
            }
        };
        log_request(&request);
        let mut engine = world.engine.borrow_mut();
        engine.handle_waiting(now, connection, Waiting::Nothing);
        let reply = engine.handle_request(now, connection, &request, out);
        drop(engine);
        receiver.finish();
        input = &input[used..];
        let keep_alive = match reply {
            Reply::Sent { keep_alive } => keep_alive,
            Reply::Stream(stream) => match begin(world, stream, out) {
                Some(keep_alive) => keep_alive,
                None => return Turn::Carry(stream, input.len()),
            },
        };
        if !keep_alive {
            return Turn::Close;
        }
        if input.is_empty() {
            world
                .engine
                .borrow_mut()
                .handle_waiting(now, connection, Waiting::Request);
            return Turn::Wait;
        }
    }
}

/// Sends what a new stream has by now. Most answers are complete here already, and the connection
/// never notices that it was one; `None` if it has to be carried.
fn begin(world: &Rc<World>, stream: Key<Stream>, out: &mut Vec<u8>) -> Option<bool> {
    // Among them may be the order to close the connection that carried the stream so far.
    world.do_jobs();
    let now = world.clock.now();
    match world.engine.borrow_mut().poll_transmit(now, stream, out) {
        Transmit::Finished { keep_alive } => Some(keep_alive),
        Transmit::Waiting | Transmit::More => None,
    }
}

/// Keeps part of a request, charged to the budget, until the rest is here.
fn keep(world: &Rc<World>, connection: Key<Connection>, receiver: Receiver) {
    let bytes = receiver.held_bytes();
    if bytes == 0 {
        return;
    }
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    let rest = place.rest(world);
    rest.receiver = receiver;
    if rest.held.grow_by(bytes) {
        return;
    }
    drop(sockets);
    let mut out = Vec::new();
    unavailable(Refusal::MemoryFull, &mut out);
    if send(world, connection, &out) {
        close_when_flushed(world, connection);
    }
}

/// Sends bytes; what the socket does not take is kept until it does. Returns whether the connection
/// lives on.
fn send(world: &Rc<World>, connection: Key<Connection>, bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let mut sockets = world.sockets.borrow_mut();
    let sent = match sockets.send(connection, bytes) {
        Ok(sent) if sent == bytes.len() => return true,
        Ok(sent) => sent,
        Err(_) => {
            drop(sockets);
            close(world, connection);
            return false;
        }
    };
    let rest = sockets
        .get_mut(connection)
        .expect("it has just taken bytes")
        .rest(world);
    let is_kept = rest.held.grow_by(bytes.len() - sent);
    if is_kept {
        rest.unsent.extend_from_slice(&bytes[sent..]);
        sockets.watch(connection);
    }
    drop(sockets);
    if !is_kept {
        log::debug!("connection closed: no memory for what its peer does not read");
        close(world, connection);
    }
    is_kept
}

/// The socket takes bytes again.
fn flush(world: &Rc<World>, connection: Key<Connection>) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    let unsent = std::mem::take(&mut place.rest(world).unsent);
    let Ok(sent) = sockets.send(connection, &unsent) else {
        drop(sockets);
        return close(world, connection);
    };
    let place = sockets
        .get_mut(connection)
        .expect("it has just taken bytes");
    let rest = place.rest(world);
    if sent < unsent.len() {
        rest.unsent = unsent[sent..].to_vec();
        rest.held.shrink_by(sent);
        return;
    }
    rest.held.shrink_by(sent);
    place.tidy();
    let (stream, closing) = (place.stream, place.closing);
    sockets.watch(connection);
    drop(sockets);
    match stream {
        Some(stream) => world.engine.borrow_mut().handle_drained(stream),
        None if closing => close(world, connection),
        None => go_on(world, connection),
    }
}

/// Lets a connection carry a stream. The one that carried it so far is closed: its client has come
/// back over this one.
fn carry(world: &Rc<World>, connection: Key<Connection>, stream: Key<Stream>, pipelined: &[u8]) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(before) = sockets.carry(connection, stream) else {
        drop(sockets);
        return world
            .engine
            .borrow_mut()
            .handle_stream_closed(world.clock.now(), stream);
    };
    let place = sockets
        .get_mut(connection)
        .expect("it has just taken the stream");
    let is_blocked = place.is_blocked();
    let mut is_kept = true;
    if !pipelined.is_empty() {
        let rest = place.rest(world);
        is_kept = rest.held.grow_by(pipelined.len());
        rest.pipelined = pipelined.to_vec();
    }
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
    if !is_kept {
        return close(world, connection);
    }
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
        let is_blocked = {
            let mut sockets = world.sockets.borrow_mut();
            sockets
                .get_mut(connection)
                .is_some_and(|place| place.is_blocked())
        };
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
        (false, _) => close_when_flushed(world, connection),
        (true, true) => {}
        (true, false) => go_on(world, connection),
    }
}

/// A connection whose response is away goes on with what its client has sent meanwhile. That is
/// done in a turn of its own, not inside the one that has just ended.
fn go_on(world: &Rc<World>, connection: Key<Connection>) {
    let now = world.clock.now();
    world
        .engine
        .borrow_mut()
        .handle_waiting(now, connection, Waiting::Request);
    let mut sockets = world.sockets.borrow_mut();
    let has_more = sockets
        .get_mut(connection)
        .and_then(|place| place.rest.as_ref())
        .is_some_and(|rest| !rest.pipelined.is_empty());
    drop(sockets);
    if has_more {
        world.resumed.borrow_mut().push_back(connection);
    }
}

/// Answers what a connection had sent while it carried a stream.
pub fn resume(world: &Rc<World>, connection: Key<Connection>) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    let pipelined = std::mem::take(&mut place.rest(world).pipelined);
    place.rest = None;
    drop(sockets);
    turn(world, connection, &pipelined);
}

fn close_when_flushed(world: &Rc<World>, connection: Key<Connection>) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    if place.is_blocked() {
        place.closing = true;
        return;
    }
    drop(sockets);
    close(world, connection);
}

/// Ends a connection, and tells the engine of the stream it carried.
pub fn close(world: &Rc<World>, connection: Key<Connection>) {
    let Some(place) = world.sockets.borrow_mut().remove(connection) else {
        return;
    };
    let mut engine = world.engine.borrow_mut();
    engine.close_connection(connection);
    if let Some(stream) = place.stream {
        engine.handle_stream_closed(world.clock.now(), stream);
    }
    // Dropped at the end of this scope, and it gives its bytes back to the engine.
    drop(engine);
    drop(place);
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

/// Ends a connection whose peer took too long; `in_request` if it has sent part of a request.
pub fn time_out(world: &Rc<World>, connection: Key<Connection>, in_request: bool) {
    if in_request {
        let mut out = Vec::new();
        let text = "the request did not arrive in time: see timeouts.head and timeouts.body";
        refuse(
            &status::Refusal::new(status::Status::RequestTimeout, text),
            &mut out,
        );
        // The peer may be gone, and there is nobody else to tell.
        let _ = world.sockets.borrow_mut().send(connection, &out);
    }
    close(world, connection);
}

/// The answer to bytes that are no request.
fn refuse(refusal: &status::Refusal, out: &mut Vec<u8>) {
    log::debug!(
        "request refused: {} {}",
        refusal.status.code(),
        refusal.text
    );
    let mut body = Vec::new();
    let error = RpcError::new(jsonrpc::INVALID_REQUEST, refusal.text.clone());
    jsonrpc::error(&mut body, None, &error);
    encode::json(out, refusal.status, false, &[], &body, Content::Sent);
}

/// The answer for want of room, before any request is looked at.
fn unavailable(refusal: Refusal, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    jsonrpc::error(
        &mut body,
        None,
        &RpcError::new(refusal.code(), refusal.text()),
    );
    let fields = [("Retry-After", "5")];
    encode::json(out, refusal.status(), false, &fields, &body, Content::Sent);
}

const _: () = assert!(limits::RETRY_AFTER.as_secs() == 5, "the text above says so");

/// One line at debug level: never a header, an argument or a query, which may hold a secret.
fn log_request(request: &Request<'_>) {
    let head = &request.head;
    let bytes = request.body.len();
    log::debug!("{:?} {} body_bytes={bytes}", head.method, head.target.path);
}
