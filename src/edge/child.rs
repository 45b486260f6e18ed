//! Children: processes of upstreams, fed and read for as long as they live.

use super::process::{self, Group, Source};
use super::world::World;
use crate::bounded::Key;
use crate::engine::child::Child;
use crate::limits;
use crate::tool::command::{CommandLine, Exit};
use crate::wire::lines::{Line, Lines};
use smol::future;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use smol::process::{ChildStderr, ChildStdin, ChildStdout};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// What is needed to end a child and to wake whoever feeds it.
#[derive(Debug)]
pub struct Place {
    group: Group,
    /// Whoever feeds it waits for more.
    feeder: Option<Waker>,
    /// Its stdin is to be closed.
    is_over: bool,
}

impl Place {
    /// Its process group.
    pub fn group(&self) -> Group {
        self.group
    }

    /// There is something for its stdin.
    pub fn feed(&mut self) {
        if let Some(waker) = self.feeder.take() {
            waker.wake();
        }
    }

    /// Its stdin is to be closed.
    pub fn close_input(&mut self) {
        self.is_over = true;
        self.feed();
    }
}

/// Starts a child, whose task reports to the engine.
pub fn start(
    world: &Rc<World>,
    key: Key<Child>,
    line: &CommandLine,
    environment: Vec<(String, String)>,
    line_bytes_max: usize,
) {
    let mut line = line.clone();
    line.environment.extend(environment);
    match process::spawn_fed(&line) {
        Ok((process, group)) => {
            let place = Place {
                group,
                feeder: None,
                is_over: false,
            };
            world.keep_child(key, place);
            let task = run(world.clone(), key, process, group, line_bytes_max);
            world.executor.spawn(task).detach();
        }
        Err(problem) => {
            let now = world.clock.now();
            let mut engine = world.engine.borrow_mut();
            engine.handle_child_exit(now, key, Err(problem));
        }
    }
}

/// Feeds and reads a child until it has ended.
async fn run(
    world: Rc<World>,
    key: Key<Child>,
    mut process: smol::process::Child,
    group: Group,
    line_bytes_max: usize,
) {
    let stdin = process.stdin.take().expect("stdin is piped");
    let stdout = process.stdout.take().expect("stdout is piped");
    let stderr = process.stderr.take().expect("stderr is piped");
    let talking = future::zip(
        future::zip(
            feed(&world, key, stdin),
            read_out(&world, key, stdout, line_bytes_max),
        ),
        read_err(&world, key, stderr),
    );
    let status = async { process.status().await };
    let ended = future::or(async { Some(status.await) }, async {
        talking.await;
        None
    })
    .await;
    let status = match ended {
        Some(status) => status,
        None => process.status().await,
    };
    group.kill();
    world.forget_child(key);
    let exit = status.map(process::exit_of).unwrap_or(Exit::Signal(9));
    world.input(|engine, now| engine.handle_child_exit(now, key, Ok(exit)));
}

/// Writes what the engine has for the child.
async fn feed(world: &Rc<World>, key: Key<Child>, mut stdin: ChildStdin) {
    loop {
        let output = world.engine.borrow().child_output(key).to_vec();
        if output.is_empty() {
            if wait_for_more(world, key).await {
                continue;
            }
            return;
        }
        match stdin.write(&output).await {
            Ok(bytes @ 1..) => world.engine.borrow_mut().child_written(key, bytes),
            Ok(0) | Err(_) => return,
        }
    }
}

/// Waits until there is more for a child; false when its stdin is to be closed.
async fn wait_for_more(world: &Rc<World>, key: Key<Child>) -> bool {
    poll_fn(|context| {
        if !world.engine.borrow().child_output(key).is_empty() {
            return Poll::Ready(true);
        }
        world
            .with_child(key, |place| {
                place.feeder = Some(context.waker().clone());
                match place.is_over {
                    true => Poll::Ready(false),
                    false => Poll::Pending,
                }
            })
            .unwrap_or(Poll::Ready(false))
    })
    .await
}

async fn read_out(world: &Rc<World>, key: Key<Child>, pipe: ChildStdout, line_bytes_max: usize) {
    read(world, key, pipe, line_bytes_max, Source::Stdout).await;
}

async fn read_err(world: &Rc<World>, key: Key<Child>, pipe: ChildStderr) {
    read(
        world,
        key,
        pipe,
        limits::OUTPUT_LINE_BYTES_MAX,
        Source::Stderr,
    )
    .await;
}

/// Reads lines until the pipe is closed.
async fn read(
    world: &Rc<World>,
    key: Key<Child>,
    mut pipe: impl AsyncRead + Unpin,
    line_bytes_max: usize,
    source: Source,
) {
    let mut lines = Lines::new(line_bytes_max);
    let mut buffer = [0; 4096];
    while let Ok(bytes @ 1..) = pipe.read(&mut buffer).await {
        let mut input = &buffer[..bytes];
        while let Some(line) = lines.next_line(&mut input) {
            world.input(|engine, now| match (line, source) {
                (Line::Whole(line), Source::Stdout) => engine.handle_child_line(now, key, line),
                (Line::Whole(line), Source::Stderr) => {
                    engine.handle_child_stderr(now, key, &String::from_utf8_lossy(line));
                }
                (Line::TooLong, _) => engine.handle_child_noise(now, key, "a line is too long"),
            });
        }
    }
}
