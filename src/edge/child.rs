//! Children: processes of upstreams, fed and read for as long as they live.
//!
//! A child has no task. Its pipes stand in the one epoll set with all [`sockets`](super::sockets),
//! so an idle child costs its place here and three descriptors. What the engine has for its stdin
//! is written from where the engine keeps it, all lines in one write; what does not fit follows
//! when there is room. Lines are given to the engine as they come; what is held of one that is not
//! whole is drawn from the shared budget.
//!
//! | what happens | what the engine is told |
//! |---|---|
//! | stdout, stderr have a line | the line |
//! | a line is too long, or there is no memory for it | noise, once; the line is left out |
//! | stdin or stdout is closed, and the process lives on | that, once |
//! | the process has ended | all that is in its pipes, then its exit, once |

use super::process::{self, READ_BYTES, Source, Started, TURN_READS};
use super::reaper::{Group, Process};
use super::world::{Held, World};
use crate::bounded::Key;
use crate::engine::child::Child;
use crate::limits;
use crate::tool::command::{CommandLine, Exit};
use crate::wire::lines::{Line, Lines};
use async_io::Timer;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

/// A process that ends closes its pipes a moment before. One that is still there after this goes on
/// without them.
const CLOSE_GRACE: Duration = Duration::from_millis(200);

/// The number of a child's stdin in the epoll set, beside four times its index.
const STDIN: u32 = 0;

/// The same for stdout.
const STDOUT: u32 = 1;

/// The same for stderr.
const STDERR: u32 = 2;

/// What is kept of a child while it runs.
pub struct Place {
    /// Whose place it is.
    pub key: Key<Child>,
    process: Process,
    /// Closed when there is nothing more to say, or nobody who reads it.
    stdin: Option<OwnedFd>,
    /// Its stdin was full, and is watched for room.
    is_blocked: bool,
    /// Its stdin is to be closed once everything is written.
    is_over: bool,
    /// It has closed a pipe: either it is about to end, or something is wrong with it.
    is_suspect: bool,
    /// Gone at its end, and while it is read.
    stdout: Option<Output>,
    /// The same for stderr.
    stderr: Option<Output>,
}

/// One output of a child.
struct Output {
    pipe: OwnedFd,
    heard: Heard,
}

/// What was read of an output.
struct Heard {
    key: Key<Child>,
    source: Source,
    lines: Lines,
    /// What `lines` holds.
    held: Held,
}

impl Place {
    /// Its process group.
    pub fn group(&self) -> Group {
        self.process.group()
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        self.process.exit()
    }

    fn output(&mut self, source: Source) -> &mut Option<Output> {
        match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr => &mut self.stderr,
        }
    }
}

/// Starts a child.
pub fn start(
    world: &Rc<World>,
    key: Key<Child>,
    line: &CommandLine,
    environment: Vec<(String, String)>,
    line_bytes_max: usize,
) {
    let mut line = line.clone();
    line.environment.extend(environment);
    let started = process::start(&world.reaper, &line, true).and_then(|started| {
        let watched = watch(world, key, &started);
        watched.map_err(|error| format!("its pipes cannot be watched: {error}"))?;
        Ok(started)
    });
    match started {
        Ok(started) => world.keep_child(key, place(world, key, started, line_bytes_max)),
        Err(problem) => {
            let now = world.clock.now();
            let mut engine = world.engine.borrow_mut();
            engine.handle_child_exit(now, key, Err(problem));
        }
    }
}

fn place(world: &Rc<World>, key: Key<Child>, started: Started, line_bytes_max: usize) -> Place {
    let output = |source, pipe, line_bytes_max| {
        let (lines, held) = (Lines::new(line_bytes_max), world.hold());
        let heard = Heard {
            key,
            source,
            lines,
            held,
        };
        Some(Output { pipe, heard })
    };
    let stderr_bytes_max = limits::OUTPUT_LINE_BYTES_MAX;
    Place {
        key,
        process: started.process,
        stdin: started.stdin,
        is_blocked: false,
        is_over: false,
        is_suspect: false,
        stdout: output(Source::Stdout, started.stdout, line_bytes_max),
        stderr: output(Source::Stderr, started.stderr, stderr_bytes_max),
    }
}

/// What a pipe is known by in the epoll set.
fn number(key: Key<Child>, pipe: u32) -> u32 {
    key.index() << 2 | pipe
}

/// Watches the pipes of a child. That its stdin is closed is told without being asked for.
fn watch(world: &World, key: Key<Child>, started: &Started) -> io::Result<()> {
    let sockets = world.sockets.borrow();
    let stdin = started.stdin.as_ref().expect("a child has a stdin");
    sockets.add_pipe(stdin, number(key, STDIN), EventFlags::empty())?;
    sockets.add_pipe(&started.stdout, number(key, STDOUT), EventFlags::IN)?;
    sockets.add_pipe(&started.stderr, number(key, STDERR), EventFlags::IN)
}

/// Something has happened to the pipe with this number.
pub fn handle(world: &Rc<World>, number: u32, flags: EventFlags) {
    let Some(key) = world.child_at(number >> 2) else {
        return;
    };
    match number & 3 {
        STDIN if flags.contains(EventFlags::ERR) => {
            let closed = |place: &mut Place| place.stdin = None;
            world.with_child(key, closed);
            suspect(world, key, "has closed its stdin");
        }
        STDIN => {
            feed(world, key);
            world.settle();
        }
        STDOUT => read(world, key, Source::Stdout),
        _ => read(world, key, Source::Stderr),
    }
}

/// Writes what the engine has for a child, as far as there is room.
pub fn feed(world: &Rc<World>, key: Key<Child>) {
    let written = world.with_child(key, |place| {
        let stdin = place.stdin.as_ref()?;
        let (bytes, is_blocked) = write(stdin, world.engine.borrow().child_output(key));
        if is_blocked != place.is_blocked {
            let interest = match is_blocked {
                true => EventFlags::OUT,
                false => EventFlags::empty(),
            };
            let sockets = world.sockets.borrow();
            sockets.watch_pipe(stdin, number(key, STDIN), interest);
            place.is_blocked = is_blocked;
        }
        if place.is_over && !is_blocked {
            place.stdin = None;
        }
        Some(bytes)
    });
    if let Some(Some(bytes @ 1..)) = written {
        world.engine.borrow_mut().child_written(key, bytes);
    }
}

/// Writes as much as a pipe takes: how much that was, and whether it is full.
fn write(pipe: &OwnedFd, output: &[u8]) -> (usize, bool) {
    let mut bytes = 0;
    while bytes < output.len() {
        match rustix::io::write(pipe, &output[bytes..]) {
            Ok(more) => bytes += more,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return (bytes, true),
            // Nobody reads: the epoll set tells that as well.
            Err(_) => break,
        }
    }
    (bytes, false)
}

/// Closes the stdin of a child once everything is written.
pub fn close_input(world: &Rc<World>, key: Key<Child>) {
    world.with_child(key, |place| place.is_over = true);
    feed(world, key);
}

/// Reads one output until nothing is there, or until it is the turn of others.
fn read(world: &Rc<World>, key: Key<Child>, source: Source) {
    // The engine may do something to the child at every line.
    let output = world.with_child(key, |place| place.output(source).take());
    let Some(Some(mut output)) = output else {
        return;
    };
    let mut buffer = [0; READ_BYTES];
    for _ in 0..TURN_READS {
        match rustix::io::read(&output.pipe, &mut buffer) {
            Ok(bytes @ 1..) => {
                output.heard.take(world, &buffer[..bytes]);
                // There was no more at this moment.
                if bytes < READ_BYTES {
                    break;
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => break,
            Ok(0) | Err(_) => {
                output.heard.finish(world);
                if source == Source::Stdout {
                    suspect(world, key, "has closed its stdout");
                }
                return;
            }
        }
    }
    world.with_child(key, |place| *place.output(source) = Some(output));
}

/// Says that a pipe is closed, unless its process ends.
fn suspect(world: &Rc<World>, key: Key<Child>, why: &'static str) {
    let was_suspect = |place: &mut Place| std::mem::replace(&mut place.is_suspect, true);
    if world.with_child(key, was_suspect) != Some(false) {
        return;
    }
    let own = world.clone();
    let waiting = async move {
        Timer::after(CLOSE_GRACE).await;
        if own.with_child(key, |_| ()).is_some() {
            own.input(|engine, now| engine.handle_child_closed(now, key, why));
        }
    };
    world.executor.spawn(waiting).detach();
}

/// Reaps all processes; never ends. What children have written is read to its end first.
pub async fn reap(world: Rc<World>) {
    loop {
        world.reaper.reap().await;
        while let Some(place) = world.take_ended_child() {
            bury(&world, place);
        }
    }
}

fn bury(world: &Rc<World>, place: Place) {
    let exit = place.exit().expect("it has ended");
    let key = place.key;
    for output in [place.stdout, place.stderr].into_iter().flatten() {
        let mut heard = output.heard;
        process::drain(&output.pipe, &mut |bytes| heard.take(world, bytes));
        heard.finish(world);
    }
    world.input(|engine, now| engine.handle_child_exit(now, key, Ok(exit)));
}

impl Heard {
    /// Takes what was read apart, and tells the engine.
    fn take(&mut self, world: &Rc<World>, mut input: &[u8]) {
        if !self.held.grow_by(self.lines.growth(input)) {
            self.skip(world);
        }
        while let Some(line) = self.lines.next_line(&mut input) {
            tell(world, self.key, self.source, line);
        }
        let (now, before) = (self.lines.held_bytes(), self.held.bytes());
        if !self.held.grow_by(now.saturating_sub(before)) {
            self.skip(world);
        }
        self.held
            .shrink_by(self.held.bytes() - self.lines.held_bytes());
    }

    /// Leaves the rest of a line out, for there is no room for it.
    fn skip(&mut self, world: &Rc<World>) {
        self.lines.skip();
        tell(world, self.key, self.source, Line::TooLong);
    }

    /// This was all.
    fn finish(mut self, world: &Rc<World>) {
        if let Some(line) = self.lines.finish() {
            tell(world, self.key, self.source, Line::Whole(line));
        }
    }
}

fn tell(world: &Rc<World>, key: Key<Child>, source: Source, line: Line<'_>) {
    world.input(|engine, now| match (source, line) {
        (Source::Stdout, Line::Whole(line)) => engine.handle_child_line(now, key, line),
        (Source::Stdout, Line::TooLong) => {
            engine.handle_child_noise(now, key, "a line is too long: raise limits.output");
        }
        (Source::Stderr, Line::Whole(line)) => {
            engine.handle_child_stderr(now, key, &String::from_utf8_lossy(line));
        }
        (Source::Stderr, Line::TooLong) => {
            engine.handle_child_stderr(now, key, "(a line that is too long)");
        }
    });
}

#[cfg(test)]
mod tests;
