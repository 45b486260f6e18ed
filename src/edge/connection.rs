//! Connections: reads requests, writes answers.
//!
//! From the bytes that came in to the bytes that went out nothing waits. A response that takes
//! longer is a stream: its connection carries it ([`carrier`]) until it ends and then goes on with
//! its next request.

use super::postponed::postpone;
use super::refused::{refuse, unavailable};
use super::sockets::{Fate, Place};
use super::world::World;
use super::{carrier, socket};
use crate::bounded::Key;
use crate::engine::Reply;
use crate::engine::connection::{Connection, Waiting};
use crate::engine::stream::Stream;
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::wire::encode;
use crate::wire::receive::{Received, Receiver, Request};
use crate::wire::status;
use rustix::event::epoll::EventFlags;
use std::borrow::Cow;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// How a turn ends.
enum Turn {
    /// More bytes are needed, of what is said.
    Wait(Waiting),
    /// Enough is answered for now; so many bytes of the input are left.
    Pause(usize),
    /// The connection ends once its answers are away.
    Close,
    /// The same, and the client may still be sending.
    Refuse,
    /// The request is served later; so many bytes of the input come after it.
    Later(usize),
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
        Some(place) => (place.is_busy(), place.is_blocked()),
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
    let mut sockets = world.sockets.borrow_mut();
    let lingers = |place: &mut Place| place.fate == Fate::Lingering;
    let is_over = sockets.get_mut(connection).is_some_and(lingers);
    let received = sockets.receive(connection, &mut buffer);
    drop(sockets);
    match received {
        Ok(Some(0)) | Err(_) => close(world, connection),
        Ok(None) => {}
        Ok(Some(_)) if is_over => {}
        Ok(Some(bytes)) => {
            world.engine.borrow_mut().handle_traffic(bytes, 0);
            turn(world, connection, &buffer[..bytes]);
        }
    }
}

/// Answers the requests in `input`, then does with the connection what they lead to.
fn turn(world: &Rc<World>, connection: Key<Connection>, mut input: &[u8]) {
    let left = world
        .sockets
        .borrow_mut()
        .get_mut(connection)
        .and_then(|place| place.rest.take());
    let mut receiver = left.map(|rest| rest.receiver).unwrap_or_default();
    loop {
        let mut out = world.response_buffer.take();
        let turn = answer(world, connection, &mut receiver, input, &mut out);
        let is_alive = send(world, connection, &out);
        out.clear();
        out.shrink_to(limits::TRANSMIT_BYTES_MAX);
        world.response_buffer.replace(out);
        match turn {
            Turn::Pause(left) if is_alive => {
                input = &input[input.len() - left..];
                if is_blocked(world, connection) {
                    return defer(world, connection, input);
                }
            }
            Turn::Carry(stream, left) => {
                // If the connection broke meanwhile, this finds out.
                return carrier::carry(world, connection, stream, &input[input.len() - left..]);
            }
            Turn::Later(left) => {
                return postpone(world, connection, receiver, &input[input.len() - left..]);
            }
            Turn::Wait(waiting) => return wait(world, connection, receiver, waiting),
            Turn::Close => return close_when_flushed(world, connection, Fate::Closing),
            Turn::Refuse => return close_when_flushed(world, connection, Fate::Refused),
            Turn::Pause(_) => return,
        }
    }
}

/// Whether the socket still has to take bytes.
pub(super) fn is_blocked(world: &World, connection: Key<Connection>) -> bool {
    let mut sockets = world.sockets.borrow_mut();
    let place = sockets.get_mut(connection);
    place.is_some_and(|place| place.is_blocked())
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
        let was_in_body = receiver.is_in_body();
        let received = match receiver.has_kept() {
            true => receiver.again(),
            false => receiver.receive(input, body_bytes_max),
        };
        let (request, used) = match received {
            Received::Request { request, used } => (request, used),
            Received::More {
                send_continue,
                in_body,
            } => {
                if in_body && !was_in_body && !is_worth_waiting(world, connection, receiver, out) {
                    return Turn::Refuse;
                }
                if send_continue {
                    out.extend_from_slice(encode::CONTINUE);
                }
                return Turn::Wait(match in_body {
                    true => Waiting::Body,
                    false => Waiting::Head,
                });
            }
            Received::Refuse(refusal) => {
                world.engine.borrow_mut().handle_malformed();
                refuse(&refusal, out);
                return Turn::Refuse;
            }
        };
        let reply = hand_over(world, connection, &request, out);
        if reply == Reply::Later {
            let (head_bytes, body_bytes) = request.bytes();
            let begin = used.saturating_sub(head_bytes + body_bytes);
            receiver.keep(&input[begin..used], head_bytes);
            return Turn::Later(input.len() - used);
        }
        // Whoever has subscribed may change the resource as soon as it reads the answer.
        world.do_jobs();
        receiver.finish();
        input = &input[used..];
        let keep_alive = match reply {
            Reply::Later => unreachable!("it was kept above"),
            Reply::Sent { keep_alive } => keep_alive,
            Reply::Stream(stream) => match carrier::begin(world, stream, out) {
                Some(keep_alive) => keep_alive,
                None => return Turn::Carry(stream, input.len()),
            },
        };
        if !keep_alive {
            return Turn::Close;
        }
        if input.is_empty() {
            return Turn::Wait(Waiting::Request);
        }
        // A hundred requests fit into one read, and each may be answered with the whole list of
        // tools: nobody gets the next answer before the socket has taken those before it.
        if out.len() >= limits::TRANSMIT_BYTES_MAX {
            return Turn::Pause(input.len());
        }
    }
}

/// Gives a whole request to the engine.
fn hand_over(
    world: &World,
    connection: Key<Connection>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Reply {
    log_request(world, connection, request);
    let now = world.clock.now();
    let mut engine = world.engine.borrow_mut();
    engine.handle_waiting(now, connection, Waiting::Nothing);
    engine.handle_request(now, connection, request, out)
}

/// Whether the body of a request is to be waited for, whose head has just become whole.
fn is_worth_waiting(
    world: &World,
    connection: Key<Connection>,
    receiver: &Receiver,
    out: &mut Vec<u8>,
) -> bool {
    let Some(head) = receiver.head() else {
        return true;
    };
    let now = world.clock.now();
    let mut engine = world.engine.borrow_mut();
    engine.handle_head(now, connection, &head, out)
}

/// Waits for more, with the part of a request that is here, charged to the budget. The time for it
/// begins when the answers before it are away.
fn wait(world: &Rc<World>, connection: Key<Connection>, receiver: Receiver, waiting: Waiting) {
    let bytes = receiver.held_bytes();
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    let is_blocked = place.is_blocked();
    let mut is_kept = true;
    if is_blocked || bytes > 0 {
        let rest = place.rest(world);
        rest.receiver = receiver;
        rest.waiting = waiting;
        is_kept = rest.held.grow_by(bytes);
    }
    drop(sockets);
    if is_kept {
        let waiting = if is_blocked {
            Waiting::Nothing
        } else {
            waiting
        };
        let now = world.clock.now();
        let mut engine = world.engine.borrow_mut();
        return engine.handle_waiting(now, connection, waiting);
    }
    let mut out = Vec::new();
    unavailable(Refusal::MemoryFull, &mut out);
    if send(world, connection, &out) {
        close_when_flushed(world, connection, Fate::Refused);
    }
}

/// Keeps requests, charged to the budget, until the connection is free for them.
pub(super) fn defer(world: &Rc<World>, connection: Key<Connection>, pipelined: &[u8]) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets
        .get_mut(connection)
        .filter(|_| !pipelined.is_empty())
    else {
        return;
    };
    let rest = place.rest(world);
    rest.pipelined = pipelined.to_vec();
    let is_kept = rest.held.grow_by(pipelined.len());
    drop(sockets);
    if !is_kept {
        log::debug!("connection closed: no memory for the requests it sent ahead");
        close(world, connection);
    }
}

/// Sends bytes; what the socket does not take is kept until it does. Returns whether the connection
/// lives on.
pub(super) fn send(world: &Rc<World>, connection: Key<Connection>, bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let mut sockets = world.sockets.borrow_mut();
    let Ok(sent) = sockets.send(connection, bytes) else {
        drop(sockets);
        close(world, connection);
        return false;
    };
    world.engine.borrow_mut().handle_traffic(0, sent);
    if sent == bytes.len() {
        return true;
    }
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
    world.engine.borrow_mut().handle_traffic(0, sent);
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
    let (stream, fate, is_postponed) = (place.stream, place.fate, place.is_postponed);
    sockets.watch(connection);
    drop(sockets);
    match (stream, fate) {
        (Some(stream), _) => world.engine.borrow_mut().handle_drained(stream),
        (None, Fate::Open) if is_postponed => {}
        (None, Fate::Open) => go_on(world, connection),
        (None, Fate::Closing | Fate::Refused | Fate::Lingering) => finish(world, connection),
    }
}

/// A connection whose response is away goes on with what its client has sent meanwhile. That is
/// done in a turn of its own, not inside the one that has just ended.
pub(super) fn go_on(world: &Rc<World>, connection: Key<Connection>) {
    let mut sockets = world.sockets.borrow_mut();
    let rest = sockets
        .get_mut(connection)
        .and_then(|place| place.rest.as_ref());
    let has_more = rest.is_some_and(|rest| !rest.pipelined.is_empty() || rest.receiver.has_kept());
    let waiting = rest.map_or(Waiting::Request, |rest| rest.waiting);
    drop(sockets);
    let now = world.clock.now();
    world
        .engine
        .borrow_mut()
        .handle_waiting(now, connection, waiting);
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
    let rest = place.rest(world);
    let pipelined = std::mem::take(&mut rest.pipelined);
    if !rest.receiver.has_kept() {
        place.rest = None;
    }
    drop(sockets);
    turn(world, connection, &pipelined);
}

pub(super) fn close_when_flushed(world: &Rc<World>, connection: Key<Connection>, fate: Fate) {
    let mut sockets = world.sockets.borrow_mut();
    let Some(place) = sockets.get_mut(connection) else {
        return;
    };
    place.fate = fate;
    let is_blocked = place.is_blocked();
    drop(sockets);
    if !is_blocked {
        finish(world, connection);
    }
}

/// The last answer is away. What a refused client still sends is read and thrown away until it
/// closes or the time for a head is over: a socket closed with something unread is reset, and a
/// reset makes many a client forget the refusal that it was just given (RFC 9112 section 9.6).
fn finish(world: &Rc<World>, connection: Key<Connection>) {
    let mut sockets = world.sockets.borrow_mut();
    let place = sockets.get_mut(connection);
    let Some(place) = place.filter(|place| place.fate == Fate::Refused) else {
        drop(sockets);
        return close(world, connection);
    };
    place.fate = Fate::Lingering;
    place.finish();
    drop(sockets);
    let now = world.clock.now();
    let mut engine = world.engine.borrow_mut();
    engine.handle_waiting(now, connection, Waiting::Head);
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

/// A path without the token of a secret path: `/t/.../mcp` for `/t/TOKEN/mcp`. A proxy may have put
/// something before it, so the token is what follows a `t` wherever that stands, however it is
/// written.
fn without_secret(path: &str) -> Cow<'_, str> {
    let is_mark = |part: &str| ["t", "%74"].contains(&part);
    if !path.split('/').any(is_mark) {
        return Cow::Borrowed(path);
    }
    let mut is_secret = false;
    let shown = path.split('/').map(|part| match part {
        "" => part,
        _ if std::mem::replace(&mut is_secret, is_mark(part)) => "...",
        _ => part,
    });
    Cow::Owned(shown.collect::<Vec<_>>().join("/"))
}

/// One line at debug level: never a header, an argument, a query or the token of a secret path.
fn log_request(world: &World, connection: Key<Connection>, request: &Request<'_>) {
    if !log::log_enabled!(log::Level::Debug) {
        return;
    }
    let method = request.head.method;
    let path = without_secret(request.head.target.path);
    let bytes = request.body.len();
    match world.engine.borrow().peer(connection) {
        Some(peer) => log::debug!("{method:?} {path} body_bytes={bytes} peer={peer}"),
        None => log::debug!("{method:?} {path} body_bytes={bytes} peer=unix"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_secret_path_is_not_shown() {
        for (path, shown) in [
            ("/mcp", "/mcp"),
            ("/", "/"),
            ("*", "*"),
            ("/tools/t", "/tools/t"),
            ("/t/s3cret/mcp", "/t/.../mcp"),
            ("/t/s3cret/mcp/tools/t", "/t/.../mcp/tools/t"),
            ("/t/s3cret", "/t/..."),
            ("/t//s3cret/mcp", "/t//.../mcp"),
            ("/home/t/s3cret/sse/", "/home/t/.../sse/"),
            ("/%74/s3cret/mcp", "/%74/.../mcp"),
            ("/t/t/s3cret", "/t/.../..."),
        ] {
            assert_eq!(without_secret(path), shown);
        }
    }
}
