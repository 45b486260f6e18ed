//! Parked streams: open responses that nobody waits for with a task.
//!
//! An idle stream has no task, no buffer and no entry in the reactor: only its place here, with its
//! socket. Events are written at once when they come. Its peer's close is noticed through a second
//! epoll set, whose own descriptor is the one thing the reactor watches. A write that would block
//! brings the stream back to a task, until the rest is away.
//!
//! When a response ends and its connection is kept, the connection gets its task back.

use super::connection;
use super::socket;
use super::world::World;
use crate::bounded::Key;
use crate::engine::Transmit;
use crate::engine::connection::Connection;
use crate::engine::stream::Stream;
use async_io::Async;
use rustix::event::epoll;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// Closes that are taken from the kernel at once.
const CLOSES_AT_ONCE: usize = 64;

/// Where parked streams stand.
#[derive(Debug)]
pub struct Lot {
    /// Watches the sockets of all places for their peers' close.
    epoll: OwnedFd,
    /// By the index of the stream. Grows to the most streams there ever were, which the engine's
    /// table bounds.
    places: Vec<Option<Place>>,
}

/// One parked stream.
#[derive(Debug)]
struct Place {
    /// The stream, to tell it from a later one with the same index.
    stream: Key<Stream>,
    /// The connection that carries it.
    connection: Key<Connection>,
    /// Its socket; absent while a task writes to it.
    socket: Option<OwnedFd>,
    /// What the client sent after the request that is being answered.
    pipelined: Box<[u8]>,
}

/// What to do once the bytes that a socket did not take are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Go on with the stream.
    GoOn,
    /// The response has ended.
    End { keep_alive: bool },
}

impl Lot {
    /// An empty lot.
    pub fn new() -> io::Result<Lot> {
        Ok(Lot {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            places: Vec::new(),
        })
    }

    /// Streams that are parked.
    pub fn len(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Whether no stream is parked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place_mut(&mut self, stream: Key<Stream>) -> Option<&mut Place> {
        let place = self.places.get_mut(stream.index() as usize)?.as_mut()?;
        (place.stream == stream).then_some(place)
    }

    /// Takes whatever stands in the stream's place.
    fn take(&mut self, stream: Key<Stream>) -> Option<Place> {
        self.places.get_mut(stream.index() as usize)?.take()
    }

    fn put(&mut self, place: Place) {
        let index = place.stream.index() as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        self.places[index] = Some(place);
    }

    fn watch(&self, socket: &OwnedFd, stream: Key<Stream>) -> io::Result<()> {
        let data = epoll::EventData::new_u64(stream.to_bits());
        // Errors and hang-ups are always told. Readability is not of interest: what a client sends
        // meanwhile waits in the kernel.
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::RDHUP)?;
        Ok(())
    }

    fn unwatch(&self, socket: &OwnedFd) {
        // A closed peer may have been taken out already.
        let _ = epoll::delete(&self.epoll, socket);
    }
}

/// Parks a stream whose response goes out over `socket`. `unsent` is what the socket did not take
/// of the response so far.
pub fn park(
    world: &Rc<World>,
    stream: Key<Stream>,
    connection: Key<Connection>,
    socket: OwnedFd,
    unsent: Vec<u8>,
    pipelined: &[u8],
) {
    leave(world, stream);
    let place = Place {
        stream,
        connection,
        socket: None,
        pipelined: pipelined.into(),
    };
    world.lot.borrow_mut().put(place);
    world
        .engine
        .borrow_mut()
        .handle_parked(world.clock.now(), stream);
    if unsent.is_empty() {
        settle_in(world, stream, socket);
    } else {
        write_later(world, stream, socket, unsent, Then::GoOn);
    }
}

/// Puts a socket into its stream's place and sends what is due.
fn settle_in(world: &Rc<World>, stream: Key<Stream>, socket: OwnedFd) {
    let watched = world.lot.borrow().watch(&socket, stream);
    let kept = match world.lot.borrow_mut().place_mut(stream) {
        Some(place) if watched.is_ok() => {
            place.socket = Some(socket);
            true
        }
        Some(_) | None => false,
    };
    if kept {
        transmit(world, stream)
    } else {
        closed(world, stream)
    }
}

/// Sends what the stream has to send, if its socket is here to take it.
pub fn transmit(world: &Rc<World>, stream: Key<Stream>) {
    let mut buffer = world.event_buffer.take();
    loop {
        buffer.clear();
        let is_here = |lot: &mut Lot| lot.place_mut(stream).is_some_and(|p| p.socket.is_some());
        if !is_here(&mut world.lot.borrow_mut()) {
            break;
        }
        let now = world.clock.now();
        let transmit = world
            .engine
            .borrow_mut()
            .poll_transmit(now, stream, &mut buffer);
        let then = match transmit {
            Transmit::Waiting | Transmit::More => Then::GoOn,
            Transmit::Finished { keep_alive } => Then::End { keep_alive },
        };
        match send(world, stream, &buffer) {
            Ok(sent) if sent < buffer.len() => {
                block(world, stream, buffer[sent..].to_vec(), then);
                break;
            }
            Ok(_) => {}
            Err(_) => {
                closed(world, stream);
                break;
            }
        }
        match transmit {
            Transmit::More => {}
            Transmit::Waiting => break,
            Transmit::Finished { keep_alive } => {
                ended(world, stream, keep_alive);
                break;
            }
        }
    }
    world.event_buffer.replace(buffer);
}

fn send(world: &World, stream: Key<Stream>, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let mut lot = world.lot.borrow_mut();
    let socket = lot
        .place_mut(stream)
        .and_then(|place| place.socket.as_ref());
    socket::send(socket.expect("the caller has seen it").as_fd(), bytes)
}

/// The socket took only part: a task waits until it takes the rest.
fn block(world: &Rc<World>, stream: Key<Stream>, unsent: Vec<u8>, then: Then) {
    let mut lot = world.lot.borrow_mut();
    let socket = lot.place_mut(stream).and_then(|place| place.socket.take());
    let socket = socket.expect("the caller has just written to it");
    lot.unwatch(&socket);
    drop(lot);
    write_later(world, stream, socket, unsent, then);
}

/// Writes `unsent` in a task of its own, then goes on.
fn write_later(
    world: &Rc<World>,
    stream: Key<Stream>,
    socket: OwnedFd,
    unsent: Vec<u8>,
    then: Then,
) {
    world.engine.borrow_mut().handle_blocked(stream);
    let mut held = world.hold();
    let socket = match Async::new_nonblocking(socket) {
        Ok(socket) if held.grow_to(unsent.len()) => socket,
        Ok(_) | Err(_) => return closed(world, stream),
    };
    let task_world = world.clone();
    let task = async move {
        let written = connection::write_all(&socket, &unsent).await;
        drop((unsent, held));
        let socket = written.and_then(|()| socket.into_inner());
        match (socket, then) {
            (Err(_), _) => closed(&task_world, stream),
            (Ok(socket), Then::GoOn) => {
                task_world.engine.borrow_mut().handle_drained(stream);
                settle_in(&task_world, stream, socket);
            }
            (Ok(socket), Then::End { keep_alive }) => {
                if let Some(place) = task_world.lot.borrow_mut().place_mut(stream) {
                    place.socket = Some(socket);
                }
                ended(&task_world, stream, keep_alive);
            }
        }
        task_world.settle();
    };
    world.executor.spawn(task).detach();
}

/// The response is over: the connection goes on with its next request, or is closed.
fn ended(world: &Rc<World>, stream: Key<Stream>, keep_alive: bool) {
    let Some(place) = world.lot.borrow_mut().take(stream) else {
        return;
    };
    let Some(socket) = place.socket else {
        return world.forget(place.connection);
    };
    world.lot.borrow().unwatch(&socket);
    if keep_alive {
        connection::resume(world, socket, place.connection, place.pipelined);
    } else {
        world.forget(place.connection);
    }
}

/// The stream's connection broke.
fn closed(world: &Rc<World>, stream: Key<Stream>) {
    leave(world, stream);
    world
        .engine
        .borrow_mut()
        .handle_stream_closed(world.clock.now(), stream);
}

/// The engine has given the stream up.
pub fn close(world: &Rc<World>, stream: Key<Stream>) {
    leave(world, stream);
}

/// Empties the stream's place. Dropping the socket closes it, which takes it out of the epoll set.
fn leave(world: &Rc<World>, stream: Key<Stream>) {
    let left = world.lot.borrow_mut().take(stream);
    if let Some(place) = left {
        world.forget(place.connection);
    }
}

/// The lot's task: notices closed streams. It never ends.
pub async fn run(world: Rc<World>) -> io::Result<()> {
    let epoll = rustix::io::fcntl_dupfd_cloexec(&world.lot.borrow().epoll, 0)?;
    let epoll = Async::new_nonblocking(epoll)?;
    let mut events = Vec::with_capacity(CLOSES_AT_ONCE);
    loop {
        epoll.readable().await?;
        loop {
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&epoll, spare, Some(&rustix::event::Timespec::default()))?;
            for event in &events {
                if let Some(stream) = Key::from_bits(event.data.u64()) {
                    closed(&world, stream);
                }
            }
            world.settle();
            if events.len() < CLOSES_AT_ONCE {
                break;
            }
        }
    }
}
