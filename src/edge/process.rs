//! Processes: starts a command, feeds and reads it, and leaves nothing of it behind.
//!
//! A command is a process group of its own. Its environment is what the configuration names, and
//! `PATH`. When its leader has ended, the rest of the group is killed, so that no grandchild stays
//! behind; a grandchild that has left the group cannot delay the answer, because nothing is waited
//! for once the leader is gone.
//!
//! When to end a command early is the engine's decision; [`Group`] is the means.

use crate::bounded::Capture;
use crate::limits;
use crate::tool::command::{CommandLine, Ended, Exit};
use crate::wire::lines::{Line, Lines};
use rustix::process::{Pid, Signal, kill_process_group};
use smol::future;
use smol::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use smol::process::{ChildStdin, Command, Stdio};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};

/// Bytes read from a pipe at once.
const READ_BYTES: usize = 4096;

/// A process group that we have started.
#[derive(Clone, Copy, Debug)]
pub struct Group(Pid);

impl Group {
    /// Asks it to end.
    pub fn terminate(self) {
        self.signal(Signal::TERM);
    }

    /// Makes it end.
    pub fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(self, signal: Signal) {
        // Nobody left in the group is what we are after.
        let _ = kill_process_group(self.0, signal);
    }
}

/// Which of its outputs a process wrote a line to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A running process.
pub struct Child {
    child: smol::process::Child,
    group: Group,
    stdin: Option<String>,
}

/// Reaps ended processes; never ends. While it runs, async-process starts no thread for that.
pub async fn reap() {
    match async_process::driver().await {}
}

/// Starts a process.
///
/// # Errors
///
/// A text for the model and the operator that says what could not be started and what to look at.
pub fn spawn(line: &CommandLine) -> Result<Child, String> {
    let (program, arguments) = line
        .argv
        .split_first()
        .expect("a command names its program");
    let mut command = std::process::Command::new(program);
    command.args(arguments).env_clear().process_group(0);
    let inherited = line
        .environment_inherit
        .iter()
        .map(String::as_str)
        .chain(["PATH"]);
    for name in inherited {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(line.environment.iter().map(|(name, value)| (name, value)));
    if let Some(directory) = &line.directory {
        command.current_dir(directory);
    }
    let mut command = Command::from(command);
    let stdin = if line.stdin.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    };
    command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().map_err(|error| not_started(line, &error))?;
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process has a number");
    Ok(Child {
        child,
        group: Group(pid),
        stdin: line.stdin.clone(),
    })
}

/// Why a process could not be started, and what to look at.
fn not_started(line: &CommandLine, error: &io::Error) -> String {
    let program = &line.argv[0];
    let advice = match error.kind() {
        io::ErrorKind::NotFound if line.directory.is_some() => {
            "the program or the working directory does not exist".to_owned()
        }
        io::ErrorKind::NotFound if program.contains('/') => "there is no such file".to_owned(),
        io::ErrorKind::NotFound => {
            let path = std::env::var("PATH").unwrap_or_default();
            format!("it is in none of the directories of PATH ({path})")
        }
        io::ErrorKind::PermissionDenied => {
            "the server may not run it: look at its permissions and those of the directory".into()
        }
        io::ErrorKind::WouldBlock => {
            "the system allows no further process: look at TasksMax and ulimit -u".to_owned()
        }
        _ => error.to_string(),
    };
    format!("{program} could not be started: {advice}")
}

impl Child {
    /// The group, to end it early.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Feeds and reads the process until it has ended. `reserve` is asked for the memory that the
    /// output takes; `on_line` is told each line as it comes.
    pub async fn finish(
        mut self,
        output_bytes_max: usize,
        mut reserve: impl FnMut(usize) -> bool,
        on_line: impl Fn(Source, &str),
    ) -> Ended {
        let mut stdout = Reading::new(Source::Stdout, Capture::new(output_bytes_max));
        let mut stderr = Reading::new(Source::Stderr, Capture::of_tail(limits::STDERR_BYTES_MAX));
        let mut stdout_pipe = self.child.stdout.take().expect("stdout is piped");
        let mut stderr_pipe = self.child.stderr.take().expect("stderr is piped");
        let reserve = std::cell::RefCell::new(&mut reserve);
        let mut reserve_both = |bytes| (reserve.borrow_mut())(bytes);
        let mut reserve_stderr = |_| true;
        let feeding = feed(self.child.stdin.take(), self.stdin.take());
        let status = {
            let read_stdout = stdout.read(&mut stdout_pipe, &mut reserve_both, &on_line);
            let read_stderr = stderr.read(&mut stderr_pipe, &mut reserve_stderr, &on_line);
            let serve = future::zip(feeding, future::zip(read_stdout, read_stderr));
            let serve = async {
                serve.await;
                future::pending().await
            };
            future::or(self.child.status(), serve).await
        };
        // The leader is gone and reaped. Whoever is left of its group gets no further.
        self.group.kill();
        stdout
            .drain(&mut stdout_pipe, &mut reserve_both, &on_line)
            .await;
        stderr
            .drain(&mut stderr_pipe, &mut reserve_stderr, &on_line)
            .await;
        Ended {
            exit: exit(status),
            stdout: stdout.capture,
            stderr: stderr.capture,
            starved: stdout.starved,
        }
    }
}

/// How a process ended. If the system does not say, it counts as killed.
fn exit(status: io::Result<std::process::ExitStatus>) -> Exit {
    match status {
        Ok(status) => match status.code() {
            Some(code) => Exit::Status(code),
            None => Exit::Signal(status.signal().unwrap_or_default()),
        },
        Err(error) => {
            log::error!("a process could not be waited for: {error}");
            Exit::Signal(Signal::KILL.as_raw())
        }
    }
}

/// Writes `text` and closes the pipe. A process that does not read it does not have to.
async fn feed(pipe: Option<ChildStdin>, text: Option<String>) {
    if let (Some(mut pipe), Some(text)) = (pipe, text) {
        let _ = pipe.write_all(text.as_bytes()).await;
    }
}

/// One output as it is read.
struct Reading {
    source: Source,
    capture: Capture,
    lines: Lines,
    starved: bool,
    buffer: Box<[u8]>,
}

impl Reading {
    fn new(source: Source, capture: Capture) -> Reading {
        let lines = Lines::new(limits::STDERR_BYTES_MAX);
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        Reading {
            source,
            capture,
            lines,
            starved: false,
            buffer,
        }
    }

    /// Reads to the end.
    async fn read(
        &mut self,
        pipe: &mut (impl AsyncRead + Unpin),
        reserve: &mut dyn FnMut(usize) -> bool,
        on_line: &impl Fn(Source, &str),
    ) {
        while let Ok(bytes @ 1..) = pipe.read(&mut self.buffer).await {
            self.take(bytes, reserve, on_line);
        }
    }

    /// Reads what is there, without waiting.
    async fn drain(
        &mut self,
        pipe: &mut (impl AsyncRead + Unpin),
        reserve: &mut dyn FnMut(usize) -> bool,
        on_line: &impl Fn(Source, &str),
    ) {
        while let Some(Ok(bytes @ 1..)) = future::poll_once(pipe.read(&mut self.buffer)).await {
            self.take(bytes, reserve, on_line);
        }
        if let Some(rest) = self.lines.finish() {
            on_line(self.source, &String::from_utf8_lossy(rest));
        }
    }

    fn take(
        &mut self,
        bytes: usize,
        reserve: &mut dyn FnMut(usize) -> bool,
        on_line: &impl Fn(Source, &str),
    ) {
        let mut input = &self.buffer[..bytes];
        if reserve(self.capture.growth(bytes)) {
            self.capture.push(input);
        } else {
            self.starved = true;
        }
        while let Some(line) = self.lines.next_line(&mut input) {
            match line {
                Line::Whole(line) => on_line(self.source, &String::from_utf8_lossy(line)),
                Line::TooLong => {}
            }
        }
    }
}
