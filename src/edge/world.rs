//! The engine and all it acts on.
//!
//! Every input goes through [`World::input`]: the engine takes it, then everything the engine wants
//! done is done, before the next input. Nothing here waits, so no lock and no channel stands
//! between a request and its session.

use super::child::{self, Place};
use super::function::{self, Function};
use super::look::{self, Looks};
use super::process::{self, Source};
use super::reaper::{Group, Orphans, Reaper};
use super::sockets::Sockets;
use super::ticker::Ticker;
use super::{carrier, connection, facts, postponed};
use crate::bounded::Key;
use crate::engine::call::Call;
use crate::engine::child::Child;
use crate::engine::connection::Connection;
use crate::engine::{Engine, Job};
use crate::limits;
use crate::time::{Instant, UnixMillis};
use crate::tool::ask::Answered;
use crate::tool::command::{self, CommandLine, Stopped};
use crate::tool::handler::Told;
use crate::tool::{Outcome, Work, builtin};
use smol::LocalExecutor;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
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
    /// Every connected socket.
    pub sockets: RefCell<Sockets>,
    /// Connections that have more requests to be answered.
    pub resumed: RefCell<VecDeque<Key<Connection>>>,
    /// One buffer for everything that is read: reading never waits.
    pub read_buffer: RefCell<Box<[u8]>>,
    /// One buffer for the responses of the connection whose turn it is.
    pub response_buffer: RefCell<Vec<u8>>,
    /// One buffer for the events of the stream whose turn it is.
    pub event_buffer: RefCell<Vec<u8>>,
    /// What works for running calls, by the index of the call.
    workers: RefCell<Vec<Option<Worker>>>,
    /// Children of upstreams, by their index.
    children: RefCell<Vec<Option<child::Place>>>,
    /// Every process that was started.
    pub reaper: Rc<Reaper>,
    /// Looks that take their time.
    pub looks: Looks,
    /// Keeps what is known of an upstream, by its name, for the next start.
    keep: RefCell<Option<Keep>>,
    /// Set while the engine's wishes are being met, so that meeting one does not begin anew.
    is_settling: Cell<bool>,
    /// Whoever waits for the end of the drain.
    drain_waker: RefCell<Option<Waker>>,
}

/// Takes the name of an upstream and what is known of it.
pub type Keep = Box<dyn Fn(&str, &[u8])>;

/// What works for a call.
pub enum Worker {
    /// A process and its children.
    Group(Group),
    /// A function of the program.
    Function(Function),
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

/// What the machine's clock says. One that is set before 1970 counts as not set.
pub fn wall_time() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMillis(since.map_or(0, |since| since.as_millis() as u64))
}

impl World {
    /// A world around `engine`.
    pub fn new(
        engine: Engine,
        executor: Rc<LocalExecutor<'static>>,
        orphans: Orphans,
    ) -> std::io::Result<Rc<World>> {
        Ok(Rc::new(World {
            engine: RefCell::new(engine),
            executor,
            clock: Clock::start(),
            ticker: Ticker::new()?,
            sockets: RefCell::new(Sockets::new()?),
            resumed: RefCell::default(),
            read_buffer: RefCell::new(vec![0; limits::READ_BYTES].into_boxed_slice()),
            response_buffer: RefCell::default(),
            event_buffer: RefCell::default(),
            workers: RefCell::default(),
            children: RefCell::default(),
            reaper: Reaper::new(orphans)?,
            looks: Looks::default(),
            keep: RefCell::default(),
            is_settling: Cell::new(false),
            drain_waker: RefCell::default(),
        }))
    }

    /// Has `keep` called with what is learned of upstreams ([`Engine::with_kept`]).
    pub fn keep_with(&self, keep: Keep) {
        *self.keep.borrow_mut() = Some(keep);
    }

    /// Gives the engine one input and does everything it then wants done.
    pub fn input<T>(self: &Rc<Self>, feed: impl FnOnce(&mut Engine, Instant) -> T) -> T {
        let result = feed(&mut self.engine.borrow_mut(), self.clock.now());
        self.settle();
        result
    }

    /// Does everything the engine wants done.
    pub fn settle(self: &Rc<Self>) {
        if self.is_settling.replace(true) {
            return;
        }
        while self.step() {}
        self.is_settling.set(false);
        let next = self.engine.borrow_mut().poll_timeout();
        self.ticker.arm(|| self.clock.now(), next);
        if let Some(waker) = self.drain_waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Does one thing the engine wants done. Returns whether there was one.
    fn step(self: &Rc<Self>) -> bool {
        self.do_jobs();
        let ready = self.engine.borrow_mut().poll_ready();
        if let Some(stream) = ready {
            carrier::transmit(self, stream);
            return true;
        }
        let resumed = self.resumed.borrow_mut().pop_front();
        if let Some(connection) = resumed {
            connection::resume(self, connection);
            return true;
        }
        false
    }

    /// Does the work that the engine has for the edge, even while its wishes are being met: what a
    /// request leads to has to be done before its response begins.
    pub fn do_jobs(self: &Rc<Self>) {
        loop {
            let job = self.engine.borrow_mut().poll_job();
            let Some(job) = job else { return };
            self.act(job);
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
        self.engine.borrow().is_drained() && self.sockets.borrow().is_flushed()
    }

    fn act(self: &Rc<Self>, job: Job) {
        match job {
            Job::Start {
                call,
                work,
                told,
                output_bytes_max,
            } => self.start(call, work, told, output_bytes_max),
            Job::Answer { call, key, answer } => self.answer(call, &key, answer),
            Job::Terminate(call) => self.stop(call, Group::terminate),
            Job::Kill(call) => self.stop(call, Group::kill),
            Job::Look { uri, work, timeout } => look::look(self, uri, work, timeout),
            Job::Forget(call) => drop(self.forget(call)),
            Job::Spawn {
                child,
                line,
                environment,
                line_bytes_max,
            } => child::start(self, child, &line, environment, line_bytes_max),
            Job::Keep { upstream, text } => {
                if let Some(keep) = &*self.keep.borrow() {
                    keep(&upstream, &text);
                }
            }
            Job::Feed(child) => child::feed(self, child),
            Job::CloseInput(child) => child::close_input(self, child),
            Job::TerminateChild(child) => self.signal_child(child, Group::terminate),
            Job::KillChild(child) => self.signal_child(child, Group::kill),
            Job::Resume(connection) => postponed::resume(self, connection),
            Job::CloseStream(stream) => carrier::close_stream(self, stream),
            Job::CloseConnection {
                connection,
                in_request,
            } => {
                connection::time_out(self, connection, in_request);
            }
        }
    }

    /// Ends what works for a call: a process by a signal, a function by dropping it.
    fn stop(&self, call: Key<Call>, signal: impl FnOnce(Group)) {
        let mut workers = self.workers.borrow_mut();
        let worker = workers.get_mut(call.index() as usize);
        match worker {
            Some(Some(Worker::Group(group))) => signal(*group),
            Some(function @ Some(Worker::Function(_))) => {
                let function = function.take();
                drop(workers);
                drop(function);
                let mut engine = self.engine.borrow_mut();
                let why = engine.why_stopped(call).unwrap_or(Stopped::Cancelled);
                let outcome = Outcome::error(command::stopped_text(why));
                engine.handle_outcome(self.clock.now(), call, &outcome);
            }
            Some(None) | None => {}
        }
    }

    /// Gives a function the client's answer to one of its questions.
    fn answer(&self, call: Key<Call>, key: &str, answer: Answered) {
        let workers = self.workers.borrow();
        if let Some(Some(Worker::Function(function))) = workers.get(call.index() as usize) {
            function.context().answer(key, answer);
        }
    }

    /// Remembers what works for a call.
    fn remember(&self, call: Key<Call>, worker: Worker) {
        let mut workers = self.workers.borrow_mut();
        let index = call.index() as usize;
        if workers.len() <= index {
            workers.resize_with(index + 1, || None);
        }
        workers[index] = Some(worker);
    }

    /// Forgets what has worked for a call.
    pub fn forget(&self, call: Key<Call>) -> Option<Worker> {
        let mut workers = self.workers.borrow_mut();
        workers.get_mut(call.index() as usize)?.take()
    }

    /// Remembers a child.
    pub(super) fn keep_child(&self, key: Key<Child>, place: Place) {
        let mut children = self.children.borrow_mut();
        let index = key.index() as usize;
        if children.len() <= index {
            children.resize_with(index + 1, || None);
        }
        children[index] = Some(place);
    }

    /// Does something to a child that runs.
    pub(super) fn with_child<T>(
        &self,
        key: Key<Child>,
        act: impl FnOnce(&mut Place) -> T,
    ) -> Option<T> {
        let mut children = self.children.borrow_mut();
        let place = children.get_mut(key.index() as usize)?.as_mut();
        place.filter(|place| place.key == key).map(act)
    }

    fn signal_child(&self, key: Key<Child>, signal: impl FnOnce(Group)) {
        self.with_child(key, |place| signal(place.group()));
    }

    /// The child with this index, if one runs.
    pub(super) fn child_at(&self, index: u32) -> Option<Key<Child>> {
        let children = self.children.borrow();
        let place = children.get(index as usize)?.as_ref();
        place.map(|place| place.key)
    }

    /// Forgets a child that has ended: what was kept of it.
    pub(super) fn take_ended_child(&self) -> Option<Place> {
        let mut children = self.children.borrow_mut();
        let has_ended = |place: &mut Place| place.exit().is_some();
        let mut places = children.iter_mut();
        places.find_map(|place| place.take_if(has_ended))
    }

    /// Ends every process that still runs, for nobody will be there to watch it.
    pub fn kill_commands(&self) {
        self.children.take();
        self.reaper.close();
    }

    /// Starts a command, whose task reports to the engine.
    fn run_command(self: &Rc<Self>, call: Key<Call>, line: Rc<CommandLine>, bytes_max: usize) {
        match process::spawn(&self.reaper, &line) {
            Ok(child) => {
                self.remember(call, Worker::Group(child.group()));
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

    fn start(self: &Rc<Self>, call: Key<Call>, work: Work, told: Told, output_bytes_max: usize) {
        match work {
            Work::SystemInfo => {
                let outcome = builtin::facts::render(&facts::gather());
                let now = self.clock.now();
                self.engine.borrow_mut().handle_outcome(now, call, &outcome);
            }
            Work::Command(line) => self.run_command(call, line, output_bytes_max),
            Work::Upstream(forward) => {
                let now = self.clock.now();
                self.engine.borrow_mut().forward(now, call, forward);
            }
            Work::Function(begin) => {
                if let Some(function) = function::start(self, call, begin, told) {
                    self.remember(call, Worker::Function(function));
                }
            }
        }
    }
}

/// Watches a command until it has ended.
async fn watch(
    world: Rc<World>,
    call: Key<Call>,
    line: Rc<CommandLine>,
    child: process::Child,
    bytes_max: usize,
) {
    let on_line = |source, line: &str| {
        world.input(|engine, now| match source {
            Source::Stdout => engine.handle_line(now, call, line),
            Source::Stderr => engine.handle_stderr_line(now, call, line),
        });
    };
    let (ended, held) = output(&world, child, bytes_max, &on_line).await;
    world.forget(call);
    let stopped = world.engine.borrow().why_stopped(call);
    let outcome = command::outcome(&line, ended, stopped);
    // The output is in the outcome now, and goes to the budget again as an answer.
    drop(held);
    world.input(|engine, now| engine.handle_outcome(now, call, &outcome));
}

/// Reads a command until it has ended. What its output takes of the budget is held.
pub(super) async fn output(
    world: &Rc<World>,
    child: process::Child,
    bytes_max: usize,
    on_line: &dyn Fn(Source, &str),
) -> (command::Ended, Held) {
    let mut held = world.hold();
    let mut reserve = |more| held.grow_by(more);
    let ended = child.finish(bytes_max, &mut reserve, on_line).await;
    (ended, held)
}

/// Bytes of the budget that a connection or a process holds; given back on drop.
pub struct Held {
    world: Rc<World>,
    bytes: usize,
}

impl Held {
    /// How many they are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds `more` bytes beside those it has. Returns whether there were enough.
    pub fn grow_by(&mut self, more: usize) -> bool {
        let enough = more == 0 || self.world.engine.borrow_mut().take_bytes(more);
        self.bytes += if enough { more } else { 0 };
        enough
    }

    /// Gives `less` bytes back.
    pub fn shrink_by(&mut self, less: usize) {
        assert!(less <= self.bytes, "no more is given back than was taken");
        if less > 0 {
            self.world.engine.borrow_mut().give_bytes(less);
            self.bytes -= less;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_by(self.bytes);
    }
}
