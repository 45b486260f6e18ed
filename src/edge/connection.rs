//! Connections: reads requests, writes answers.
//!
//! One task per connection that may carry a request. It waits for bytes, and from there to the
//! written answer nothing waits. A response that takes longer is a stream: the socket is parked and
//! the task ends; it comes back when the response is over.

use super::parking;
use super::socket;
use super::world::{Held, World};
use crate::bounded::Key;
use crate::engine::connection::{Connection, Waiting};
use crate::engine::stream::Stream;
use crate::engine::{Reply, Transmit};
use crate::mcp::refusal::Refusal;
use crate::wire::encode::{self, Content};
use crate::wire::jsonrpc::{self, RpcError};
use crate::wire::receive::{Received, Receiver};
use crate::wire::status::Status;
use async_io::Async;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// How a turn ends.
enum Turn {
    /// More bytes are needed.
    Wait,
    /// The connection is over.
    Close,
    /// The response is a stream. What came after the request is kept for later.
    Park(Key<Stream>, Vec<u8>),
}

/// A connection that may carry requests.
struct Carrier {
    world: Rc<World>,
    key: Key<Connection>,
    socket: Rc<Async<OwnedFd>>,
    receiver: Receiver,
    held: Held,
}

/// Serves a new connection, or tells it that there is no room.
pub fn open(world: &Rc<World>, socket: OwnedFd, peer: Option<IpAddr>) {
    match world.input(|engine, now| engine.open_connection(now, peer)) {
        Ok(key) => resume(world, socket, key, Box::default()),
        Err(refusal) => shed(&socket, refusal),
    }
}

/// Gives a connection its task (back). `pipelined` is what it has sent already.
pub fn resume(world: &Rc<World>, socket: OwnedFd, key: Key<Connection>, pipelined: Box<[u8]>) {
    let Ok(socket) = Async::new_nonblocking(socket) else {
        return world.forget(key);
    };
    let socket = Rc::new(socket);
    world.remember_socket(key, &socket);
    let carrier = Carrier {
        world: world.clone(),
        key,
        socket,
        receiver: Receiver::default(),
        held: world.hold(),
    };
    world.executor.spawn(serve(carrier, pipelined)).detach();
}

/// Tells a client that there is no room for its connection, as far as its socket takes it.
fn shed(socket: &OwnedFd, refusal: Refusal) {
    log::debug!("connection shed: {}", refusal.text());
    let mut out = Vec::new();
    let mut body = Vec::new();
    jsonrpc::error(
        &mut body,
        None,
        &RpcError::new(refusal.code(), refusal.text()),
    );
    encode::json(
        &mut out,
        refusal.status(),
        false,
        &[("Retry-After", "5")],
        &body,
        Content::Sent,
    );
    let _ = socket::send(socket.as_fd(), &out);
}

/// The answer to a request that never became whole.
pub fn request_timeout() -> &'static [u8] {
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
}

/// Writes all bytes, waiting as long as the peer takes to read them. How long a peer may take none
/// is a matter of the socket's own timeout.
pub async fn write_all(socket: &Async<OwnedFd>, bytes: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += socket::send(socket.as_fd(), &bytes[sent..])?;
        if sent < bytes.len() {
            socket.writable().await?;
        }
    }
    Ok(())
}

/// The task: turn after turn, until the connection ends or is parked.
async fn serve(mut carrier: Carrier, pipelined: Box<[u8]>) {
    let mut unsent = Vec::new();
    let mut turn = match pipelined.is_empty() {
        true => Turn::Wait,
        false => carrier.turn(&pipelined, &mut unsent),
    };
    drop(pipelined);
    loop {
        match turn {
            Turn::Park(stream, rest) => return carrier.park(stream, unsent, &rest),
            Turn::Wait | Turn::Close => {}
        }
        let ended = matches!(turn, Turn::Close);
        let is_written = carrier.write(std::mem::take(&mut unsent)).await;
        if ended || !is_written || carrier.socket.readable().await.is_err() {
            break;
        }
        turn = carrier.read(&mut unsent);
    }
    let (world, key) = (carrier.world.clone(), carrier.key);
    drop(carrier);
    world.forget(key);
    world.settle();
}

impl Carrier {
    /// Reads what is there and answers what is whole.
    fn read(&mut self, unsent: &mut Vec<u8>) -> Turn {
        let world = self.world.clone();
        let mut buffer = world.read_buffer.borrow_mut();
        match socket::receive(self.socket.as_fd(), &mut buffer) {
            Ok(Some(0)) | Err(_) => Turn::Close,
            Ok(None) => Turn::Wait,
            Ok(Some(bytes)) => self.turn(&buffer[..bytes], unsent),
        }
    }

    /// Answers the requests in `input` and writes the answers; what the socket does not take goes
    /// to `unsent`.
    fn turn(&mut self, input: &[u8], unsent: &mut Vec<u8>) -> Turn {
        let world = self.world.clone();
        let mut out = world.response_buffer.take();
        let mut turn = self.answer(input, &mut out);
        match socket::send(self.socket.as_fd(), &out) {
            Ok(sent) => unsent.extend_from_slice(&out[sent..]),
            Err(_) => turn = Turn::Close,
        }
        out.clear();
        world.response_buffer.replace(out);
        world.settle();
        turn
    }

    /// Answers the requests in `input`, one after the other.
    fn answer(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Turn {
        let world = self.world.clone();
        let body_bytes_max = world.engine.borrow().config().limits.body_bytes_max;
        loop {
            let received = self.receiver.receive(input, body_bytes_max);
            let now = world.clock.now();
            match received {
                Received::More {
                    send_continue,
                    in_body,
                } => {
                    if send_continue {
                        out.extend_from_slice(encode::CONTINUE);
                    }
                    return self.wait_for_more(in_body, out);
                }
                Received::Refuse(refusal) => {
                    refuse(&refusal, out);
                    return Turn::Close;
                }
                Received::Request { request, used } => {
                    let mut engine = world.engine.borrow_mut();
                    engine.handle_waiting(now, self.key, Waiting::Nothing);
                    log_request(&request);
                    let reply = engine.handle_request(now, self.key, &request, out);
                    drop(engine);
                    input = &input[used..];
                    let keep_alive = match reply {
                        Reply::Sent { keep_alive } => keep_alive,
                        Reply::Stream(stream) => match self.stream(stream, out) {
                            Some(keep_alive) => keep_alive,
                            None => return Turn::Park(stream, input.to_vec()),
                        },
                    };
                    if !keep_alive {
                        return Turn::Close;
                    }
                }
            }
            if input.is_empty() {
                self.receiver.finish();
                self.held.shrink_to(0);
                let mut engine = world.engine.borrow_mut();
                engine.handle_waiting(now, self.key, Waiting::Request);
                return Turn::Wait;
            }
        }
    }

    /// Sends what the stream has by now. Most answers are complete here already, and the
    /// connection never notices that it was one; `None` if it is to be parked.
    fn stream(&mut self, stream: Key<Stream>, out: &mut Vec<u8>) -> Option<bool> {
        self.world.settle();
        let now = self.world.clock.now();
        match self
            .world
            .engine
            .borrow_mut()
            .poll_transmit(now, stream, out)
        {
            Transmit::Finished { keep_alive } => Some(keep_alive),
            Transmit::Waiting | Transmit::More => None,
        }
    }

    /// Part of a request is here: it is charged to the budget while it waits.
    fn wait_for_more(&mut self, in_body: bool, out: &mut Vec<u8>) -> Turn {
        if !self.held.grow_to(self.receiver.held_bytes()) {
            let refusal = Refusal::MemoryFull;
            let mut body = Vec::new();
            jsonrpc::error(
                &mut body,
                None,
                &RpcError::new(refusal.code(), refusal.text()),
            );
            encode::json(
                out,
                refusal.status(),
                false,
                &[("Retry-After", "5")],
                &body,
                Content::Sent,
            );
            return Turn::Close;
        }
        let waiting = if in_body {
            Waiting::Body
        } else {
            Waiting::Head
        };
        let now = self.world.clock.now();
        self.world
            .engine
            .borrow_mut()
            .handle_waiting(now, self.key, waiting);
        Turn::Wait
    }

    /// Writes what the socket did not take before. Returns whether the connection lives on.
    async fn write(&mut self, unsent: Vec<u8>) -> bool {
        if unsent.is_empty() {
            return true;
        }
        let mut held = self.world.hold();
        held.grow_to(unsent.len()) && write_all(&self.socket, &unsent).await.is_ok()
    }

    /// Hands the socket over to a stream.
    fn park(self, stream: Key<Stream>, unsent: Vec<u8>, pipelined: &[u8]) {
        let Carrier {
            world,
            key,
            socket,
            receiver,
            held,
        } = self;
        drop((receiver, held));
        let socket = Rc::into_inner(socket).expect("the table of sockets holds weak references");
        match socket.into_inner() {
            Ok(socket) => parking::park(&world, stream, key, socket, unsent, pipelined),
            Err(_) => {
                world
                    .engine
                    .borrow_mut()
                    .handle_stream_closed(world.clock.now(), stream);
                world.forget(key);
            }
        }
        world.settle();
    }
}

/// The answer to bytes that are no request.
fn refuse(refusal: &crate::wire::status::Refusal, out: &mut Vec<u8>) {
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

/// One line at debug level: never a header, an argument or a query, which may hold a secret.
fn log_request(request: &crate::wire::receive::Request<'_>) {
    let head = &request.head;
    log::debug!(
        "{:?} {} body_bytes={}",
        head.method,
        head.target.path,
        request.body.len()
    );
}

const _: () = assert!(Status::RequestTimeout.code() == 408);
