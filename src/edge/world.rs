//! The engine and all it acts on.
//!
//! Every input goes through [`World::input`]: the engine takes it, then everything the engine wants
//! done is done, before the next input. Nothing here waits, so no lock and no channel stands
//! between a request and its session.

use super::parking::Lot;
use super::process::{self, Child, Group, Source};
use super::socket;
use super::ticker::Ticker;
use super::{connection, facts, parking};
use crate::bounded::Key;
use crate::engine::call::Call;
use crate::engine::connection::Connection;
use crate::engine::{Engine, Job};
use crate::limits;
use crate::time::Instant;
use crate::tool::command::{self, CommandLine};
use crate::tool::{Outcome, Work, builtin};
use async_io::Async;
use smol::LocalExecutor;
use std::cell::RefCell;
use std::future::poll_fn;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

/// The engine and all it acts on.
pub struct World {
    /// All state and every decision.
    pub engine: RefCell<Engine>,
    /// Where tasks run.
    pub executor: Rc<LocalExecutor<'static>>,
    /// What time it is.
    pub clock: Clock,
    /// When the engine wants to be called.
    pub ticker: Ticker,
    /// Streams without a task.
    pub lot: RefCell<Lot>,
    /// One buffer for everything that is read: reading never waits.
    pub read_buffer: RefCell<Box<[u8]>>,
    /// One buffer for the responses of the connection whose turn it is.
    pub response_buffer: RefCell<Vec<u8>>,
    /// One buffer for the events of the stream whose turn it is.
    pub event_buffer: RefCell<Vec<u8>>,
    /// The sockets that have a task, by the index of their connection, to hang up on them.
    sockets: RefCell<Vec<Weak<Async<OwnedFd>>>>,
    /// The process groups of running calls, by the index of the call.
    groups: RefCell<Vec<Option<Group>>>,
    /// Whoever waits for the end of the drain.
    drain_waker: RefCell<Option<Waker>>,
}

/// The monotonic clock, counted from the start.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// Starts counting.
    pub fn start() -> Clock {
        Clock {
            start: std::time::Instant::now(),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as u64)
    }

    /// The system's name for a point in time.
    pub fn at(&self, instant: Instant) -> std::time::Instant {
        self.start + std::time::Duration::from_micros(instant.micros())
    }
}

impl World {
    /// A world around `engine`.
    pub fn new(engine: Engine, executor: Rc<LocalExecutor<'static>>) -> std::io::Result<Rc<World>> {
        Ok(Rc::new(World {
            engine: RefCell::new(engine),
            executor,
            clock: Clock::start(),
            ticker: Ticker::default(),
            lot: RefCell::new(Lot::new()?),
            read_buffer: RefCell::new(vec![0; limits::READ_BYTES].into_boxed_slice()),
            response_buffer: RefCell::default(),
            event_buffer: RefCell::default(),
            sockets: RefCell::default(),
            groups: RefCell::default(),
            drain_waker: RefCell::default(),
        }))
    }

    /// Gives the engine one input and does everything it then wants done.
    pub fn input<T>(self: &Rc<Self>, feed: impl FnOnce(&mut Engine, Instant) -> T) -> T {
        let result = feed(&mut self.engine.borrow_mut(), self.clock.now());
        self.settle();
        result
    }

    /// Does everything the engine wants done.
    pub fn settle(self: &Rc<Self>) {
        loop {
            let job = self.engine.borrow_mut().poll_job();
            if let Some(job) = job {
                self.act(job);
                continue;
            }
            let ready = self.engine.borrow_mut().poll_ready();
            match ready {
                Some(stream) => parking::transmit(self, stream),
                None => break,
            }
        }
        self.ticker.arm(self.engine.borrow_mut().poll_timeout());
        if let Some(waker) = self.drain_waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Takes bytes of the budget for a connection or a process; they are given back as
    /// [`Held`] is dropped.
    pub fn hold(self: &Rc<Self>) -> Held {
        Held {
            world: self.clone(),
            bytes: 0,
        }
    }

    /// Remembers the socket of a connection that has a task.
    pub fn remember_socket(&self, connection: Key<Connection>, socket: &Rc<Async<OwnedFd>>) {
        let mut sockets = self.sockets.borrow_mut();
        let index = connection.index() as usize;
        if sockets.len() <= index {
            sockets.resize(index + 1, Weak::new());
        }
        sockets[index] = Rc::downgrade(socket);
    }

    /// Waits until the drain is over.
    pub async fn drained(self: &Rc<Self>) {
        poll_fn(|context| {
            if self.is_drained() {
                return Poll::Ready(());
            }
            *self.drain_waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn is_drained(&self) -> bool {
        self.engine.borrow().is_drained() && self.lot.borrow().is_empty()
    }

    /// A connection is over and its socket closed.
    pub fn forget(&self, connection: Key<Connection>) {
        self.engine.borrow_mut().close_connection(connection);
    }

    fn act(self: &Rc<Self>, job: Job) {
        match job {
            Job::Start {
                call,
                work,
                output_bytes_max,
            } => self.start(call, work, output_bytes_max),
            Job::Terminate(call) => self.with_group(call, Group::terminate),
            Job::Kill(call) => self.with_group(call, Group::kill),
            Job::CloseStream(stream) => parking::close(self, stream),
            Job::CloseConnection {
                connection,
                in_request,
            } => {
                let sockets = self.sockets.borrow();
                let socket = sockets
                    .get(connection.index() as usize)
                    .and_then(Weak::upgrade);
                let Some(socket) = socket else { return };
                if in_request {
                    // The peer may be gone, and there is nobody else to tell.
                    let _ = socket::send(socket.as_fd(), connection::request_timeout());
                }
                socket::hang_up(socket.as_fd());
            }
        }
    }

    fn with_group(&self, call: Key<Call>, act: impl FnOnce(Group)) {
        let groups = self.groups.borrow();
        if let Some(Some(group)) = groups.get(call.index() as usize) {
            act(*group);
        }
    }

    fn set_group(&self, call: Key<Call>, group: Option<Group>) {
        let mut groups = self.groups.borrow_mut();
        let index = call.index() as usize;
        if groups.len() <= index {
            groups.resize(index + 1, None);
        }
        groups[index] = group;
    }

    /// Starts a command, whose task reports to the engine.
    fn run_command(self: &Rc<Self>, call: Key<Call>, line: Rc<CommandLine>, bytes_max: usize) {
        match process::spawn(&line) {
            Ok(child) => {
                self.set_group(call, Some(child.group()));
                let task = watch(self.clone(), call, line, child, bytes_max);
                self.executor.spawn(task).detach();
            }
            Err(problem) => {
                log::warn!("{problem}");
                let now = self.clock.now();
                self.engine
                    .borrow_mut()
                    .handle_outcome(now, call, &Outcome::error(problem));
            }
        }
    }

    fn start(self: &Rc<Self>, call: Key<Call>, work: Work, output_bytes_max: usize) {
        match work {
            Work::SystemInfo => {
                let outcome = builtin::facts::render(&facts::gather());
                let now = self.clock.now();
                self.engine.borrow_mut().handle_outcome(now, call, &outcome);
            }
            Work::Command(line) => self.run_command(call, line, output_bytes_max),
        }
    }
}

/// Watches a command until it has ended.
async fn watch(
    world: Rc<World>,
    call: Key<Call>,
    line: Rc<CommandLine>,
    child: Child,
    bytes_max: usize,
) {
    let mut held = world.hold();
    let reserve = |more| held.grow_by(more);
    let on_line = |source, line: &str| {
        world.input(|engine, now| match source {
            Source::Stdout => engine.handle_line(now, call, line),
            Source::Stderr => engine.handle_stderr_line(now, call, line),
        });
    };
    let ended = child.finish(bytes_max, reserve, on_line).await;
    world.set_group(call, None);
    let stopped = world.engine.borrow().why_stopped(call);
    let outcome = command::outcome(&line, ended, stopped);
    // The output is in the outcome now, and goes to the budget again as an answer.
    drop(held);
    world.input(|engine, now| engine.handle_outcome(now, call, &outcome));
}

/// Bytes of the budget that a connection or a process holds; given back on drop.
pub struct Held {
    world: Rc<World>,
    bytes: usize,
}

impl Held {
    /// Holds `bytes` in all. Returns whether there were enough; if not, nothing changes.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 && !self.world.engine.borrow_mut().take_bytes(more) {
            return false;
        }
        self.bytes += more;
        true
    }

    /// Holds `more` bytes beside those it has. Returns whether there were enough.
    pub fn grow_by(&mut self, more: usize) -> bool {
        self.grow_to(self.bytes + more)
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        if less > 0 {
            self.world.engine.borrow_mut().give_bytes(less);
            self.bytes -= less;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}
