//! Every connected socket, none of them with a task.
//!
//! A socket stays in one epoll set from its accept to its close; the set's own descriptor is the
//! one thing that async-io's reactor watches. So an idle connection or stream costs its place here
//! and nothing else, and a request costs no change of any registration: the set is level-triggered,
//! and what is of interest changes only when a response becomes a stream or a peer reads slowly.
//!
//! | a connection that | is watched for |
//! |---|---|
//! | waits for requests | bytes, close |
//! | carries a stream, or has a request that is served later | close; what the client sends meanwhile waits in the kernel |
//! | did not take all bytes | room, close |
//!
//! The pipes of [children](super::child) stand in the same set.

use super::child;
use super::connection;
use super::socket;
use super::world::{Held, World};
use crate::bounded::Key;
use crate::engine::connection::{Connection, Waiting};
use crate::engine::stream::Stream;
use crate::wire::receive::Receiver;
use async_io::Async;
use rustix::event::epoll::{self, EventFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// Events that are taken from the kernel at once.
const EVENTS_AT_ONCE: usize = 64;

/// Rounds of events before other tasks get their turn.
const ROUNDS_MAX: usize = 16;

/// All connected sockets.
#[derive(Debug)]
pub struct Sockets {
    epoll: OwnedFd,
    /// By the index of the connection. Grows to the most connections there ever were, which the
    /// engine's table bounds.
    places: Vec<Option<Place>>,
    /// Which connection carries a stream, by the index of the stream.
    carriers: Vec<Option<Key<Connection>>>,
}

/// One connected socket.
#[derive(Debug)]
pub(super) struct Place {
    /// The connection, to tell it from a later one with the same index.
    connection: Key<Connection>,
    socket: OwnedFd,
    /// What it is watched for.
    interest: EventFlags,
    /// The stream it carries.
    pub stream: Option<Key<Stream>>,
    /// Its request is served later: nothing else is read meanwhile.
    pub is_postponed: bool,
    /// What becomes of it.
    pub fate: Fate,
    /// What is left of a request or a response.
    pub rest: Option<Box<Rest>>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Open,
    /// It ends once `rest.unsent` is away.
    Closing,
    /// It lingers once `rest.unsent` is away.
    Refused,
    /// It has ended on our side; what still comes is thrown away until the client closes too.
    Lingering,
}

/// What is left of a request or a response; most connections have none of it.
pub(super) struct Rest {
    /// Part of a request.
    pub receiver: Receiver,
    /// What the connection waits for once `unsent` is away.
    pub waiting: Waiting,
    /// What the client sent behind the request that is being answered.
    pub pipelined: Vec<u8>,
    /// What the socket did not take.
    pub unsent: Vec<u8>,
    /// Its share of the budget.
    pub held: Held,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

impl Place {
    /// Whether the socket still has to take bytes.
    pub fn is_blocked(&self) -> bool {
        self.rest
            .as_ref()
            .is_some_and(|rest| !rest.unsent.is_empty())
    }

    /// Whatever is left, in a box to put more in.
    pub fn rest(&mut self, world: &Rc<World>) -> &mut Rest {
        self.rest.get_or_insert_with(|| {
            Box::new(Rest {
                receiver: Receiver::default(),
                waiting: Waiting::Request,
                pipelined: Vec::new(),
                unsent: Vec::new(),
                held: world.hold(),
            })
        })
    }

    /// Tells the peer that nothing more comes.
    pub fn finish(&self) {
        socket::finish(self.socket.as_fd());
    }

    /// Whether it carries a stream, or will have an answer later.
    pub fn is_busy(&self) -> bool {
        self.stream.is_some() || self.is_postponed
    }

    fn wanted(&self) -> EventFlags {
        // Errors and hang-ups are always told. A client that has closed its side may still be
        // reading an answer, but not one that never ends.
        match (self.is_busy(), self.is_blocked()) {
            (true, true) => EventFlags::OUT | EventFlags::RDHUP,
            (true, false) => EventFlags::RDHUP,
            (false, true) => EventFlags::OUT,
            (false, false) => EventFlags::IN | EventFlags::RDHUP,
        }
    }

    /// Frees the box if nothing is left in it.
    pub fn tidy(&mut self) {
        let is_empty = |rest: &Rest| {
            rest.unsent.is_empty() && rest.pipelined.is_empty() && rest.receiver.held_bytes() == 0
        };
        if self.rest.as_deref().is_some_and(is_empty) {
            self.rest = None;
        }
    }
}

impl Sockets {
    /// An empty set.
    pub fn new() -> io::Result<Sockets> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Sockets {
            epoll,
            places: Vec::new(),
            carriers: Vec::new(),
        })
    }

    /// Whether no socket has bytes left to send.
    pub fn is_flushed(&self) -> bool {
        !self.places.iter().flatten().any(Place::is_blocked)
    }

    /// Adds a connection that waits for requests.
    pub(super) fn add(&mut self, connection: Key<Connection>, socket: OwnedFd) -> io::Result<()> {
        let interest = EventFlags::IN | EventFlags::RDHUP;
        let data = epoll::EventData::new_u64(connection.to_bits());
        epoll::add(&self.epoll, &socket, data, interest)?;
        let index = connection.index() as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        let place = Place {
            connection,
            socket,
            interest,
            stream: None,
            is_postponed: false,
            fate: Fate::Open,
            rest: None,
        };
        self.places[index] = Some(place);
        Ok(())
    }

    /// The place of a connection, unless it is closed.
    pub(super) fn get_mut(&mut self, connection: Key<Connection>) -> Option<&mut Place> {
        let place = self.places.get_mut(connection.index() as usize)?.as_mut()?;
        (place.connection == connection).then_some(place)
    }

    /// Takes a connection out. Dropping its socket closes it.
    pub(super) fn remove(&mut self, connection: Key<Connection>) -> Option<Place> {
        self.get_mut(connection)?;
        self.places[connection.index() as usize].take()
    }

    /// The connection that carries a stream.
    pub(super) fn carrier(&self, stream: Key<Stream>) -> Option<Key<Connection>> {
        let connection = (*self.carriers.get(stream.index() as usize)?)?;
        let place = self.places.get(connection.index() as usize)?.as_ref()?;
        (place.stream == Some(stream)).then_some(connection)
    }

    /// Lets a connection carry a stream. Returns the one that carried it so far, if any; nothing at
    /// all if the connection is closed.
    pub(super) fn carry(
        &mut self,
        connection: Key<Connection>,
        stream: Key<Stream>,
    ) -> Option<Option<Key<Connection>>> {
        self.get_mut(connection)?;
        let before = self.carrier(stream);
        let index = stream.index() as usize;
        if self.carriers.len() <= index {
            self.carriers.resize(index + 1, None);
        }
        self.carriers[index] = Some(connection);
        if let Some(before) = before.and_then(|before| self.get_mut(before)) {
            before.stream = None;
        }
        self.get_mut(connection)?.stream = Some(stream);
        Some(before)
    }

    /// Watches a connection for what it wants now.
    pub(super) fn watch(&mut self, connection: Key<Connection>) {
        let Some(place) = self.get_mut(connection) else {
            return;
        };
        let wanted = place.wanted();
        if wanted == place.interest {
            return;
        }
        place.interest = wanted;
        let data = epoll::EventData::new_u64(connection.to_bits());
        let place = self.places[connection.index() as usize].as_ref();
        let socket = &place.expect("it was there a line above").socket;
        // Only a bug or a lack of kernel memory makes this fail, and neither has a remedy here: the
        // connection's own deadlines end it.
        if let Err(error) = epoll::modify(&self.epoll, socket, data, wanted) {
            log::error!("a socket cannot be watched: {error}");
        }
    }

    /// Watches a pipe of a child, whose number is one that no connection has: their numbers have
    /// something in the upper half.
    pub(super) fn add_pipe(
        &self,
        pipe: &OwnedFd,
        number: u32,
        interest: EventFlags,
    ) -> io::Result<()> {
        let data = epoll::EventData::new_u64(number.into());
        Ok(epoll::add(&self.epoll, pipe, data, interest)?)
    }

    /// Watches a pipe of a child for something else.
    pub(super) fn watch_pipe(&self, pipe: &OwnedFd, number: u32, interest: EventFlags) {
        let data = epoll::EventData::new_u64(number.into());
        // As for sockets; a call that its child never reads of meets its deadline.
        if let Err(error) = epoll::modify(&self.epoll, pipe, data, interest) {
            log::error!("a pipe cannot be watched: {error}");
        }
    }

    /// Reads what a connection has: the number of bytes, 0 at the end, `None` if there is nothing.
    pub(super) fn receive(
        &mut self,
        connection: Key<Connection>,
        buffer: &mut [u8],
    ) -> io::Result<Option<usize>> {
        match self.get_mut(connection) {
            Some(place) => socket::receive(place.socket.as_fd(), buffer),
            None => Ok(None),
        }
    }

    /// Writes as much as the connection takes and returns how much that was.
    pub(super) fn send(&mut self, connection: Key<Connection>, bytes: &[u8]) -> io::Result<usize> {
        match self.get_mut(connection) {
            Some(place) => socket::send(place.socket.as_fd(), bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// The task for all sockets; it never ends.
pub async fn run(world: Rc<World>) -> io::Result<()> {
    let epoll = rustix::io::fcntl_dupfd_cloexec(&world.sockets.borrow().epoll, 0)?;
    let epoll = Async::new_nonblocking(epoll)?;
    let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
    loop {
        epoll.readable().await?;
        for _ in 0..ROUNDS_MAX {
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&epoll, spare, Some(&rustix::event::Timespec::default())) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match Key::from_bits(event.data.u64()) {
                    Some(connection) => connection::handle(&world, connection, event.flags),
                    None => child::handle(&world, event.data.u64() as u32, event.flags),
                }
            }
            if events.len() < EVENTS_AT_ONCE {
                break;
            }
        }
    }
}
