//! Processes: starts a command, feeds and reads it, and leaves nothing of it behind.
//!
//! A command is a process group of its own. Its environment is what the configuration names, and
//! `PATH`. When its leader has ended, the rest of the group is killed, so that no grandchild stays
//! behind; a grandchild that has left the group (`setsid`) cannot delay the answer, because nothing
//! is waited for once the leader is gone.
//!
//! When to end a command early is the engine's decision; [`Group`] is the means. [`reap`] has to
//! run, and to have been polled once, before the first process is started.

use crate::bounded::Capture;
use crate::limits;
use crate::tool::command::{CommandLine, Ended, Exit};
use crate::wire::lines::{Line, Lines};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use smol::future;
use smol::io::{AsyncRead, AsyncWrite};
use smol::process::{ChildStdin, Command, Stdio};
use std::env;
use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Bytes read from a pipe at once. The buffer is on the stack: a process that says nothing costs
/// no buffer.
const READ_BYTES: usize = 4096;

/// Reads of one output until others have their turn. A program that writes faster than it is read
/// would keep the only thread for itself, its own timeout included.
const TURN_READS: usize = 4;

/// Where programs are looked for if the daemon itself was started without `PATH`.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

/// A running process. Its whole group is killed if it is dropped before it has ended.
pub struct Child {
    process: smol::process::Child,
    group: Group,
    stdin: Feed,
    /// It was waited for: its number may belong to somebody else by now.
    is_reaped: bool,
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
    let mut process = start(line, line.stdin.is_some())?;
    Ok(Child {
        stdin: Feed {
            pipe: process.stdin.take(),
            text: line.stdin.clone().unwrap_or_default(),
            written: 0,
        },
        group: group_of(&process),
        process,
        is_reaped: false,
    })
}

fn start(line: &CommandLine, has_stdin: bool) -> Result<smol::process::Child, String> {
    let program = line.argv.first().expect("a command names its program");
    let path = search_path(line);
    let file = find(program, &path).map_err(|error| {
        format!(
            "{program} could not be started: {}",
            not_found(&path, error)
        )
    })?;
    let mut command = command(line, &file, &path);
    command.stdin(if has_stdin {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command
        .spawn()
        .map_err(|error| format!("{program} could not be started: {}", advice(line, &error)))
}

/// Starts a process whose stdin stays open, and leaves feeding and reading it to the caller.
///
/// # Errors
///
/// As [`spawn`].
pub(super) fn spawn_fed(line: &CommandLine) -> Result<(smol::process::Child, Group), String> {
    let process = start(line, true)?;
    let group = group_of(&process);
    Ok((process, group))
}

fn group_of(process: &smol::process::Child) -> Group {
    Group(Pid::from_raw(process.id().cast_signed()).expect("a process has a number"))
}

/// How a process ended.
pub(super) fn exit_of(status: std::process::ExitStatus) -> Exit {
    exit(Ok(status))
}

/// Everything set up but started. The program is a file already: with `PATH` in its environment
/// and a name to look up, the standard library would fork the daemon instead of asking the system
/// to start a process.
fn command(line: &CommandLine, file: &Path, path: &OsStr) -> Command {
    let mut command = std::process::Command::new(file);
    command.arg0(&line.argv[0]).args(&line.argv[1..]);
    command.process_group(0).env_clear().env("PATH", path);
    for name in &line.environment_inherit {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(line.environment.iter().map(|(name, value)| (name, value)));
    if let Some(directory) = &line.directory {
        command.current_dir(directory);
    }
    let mut command = Command::from(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The `PATH` of the process, in which its program is looked for as well.
fn search_path(line: &CommandLine) -> OsString {
    let own = line
        .environment
        .iter()
        .rev()
        .find(|(name, _)| name == "PATH");
    match own {
        Some((_, path)) => path.into(),
        None => env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into()),
    }
}

/// The file of a program. What holds a slash is one already, relative to the working directory of
/// the process.
fn find(program: &str, path: &OsStr) -> Result<PathBuf, Errno> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let mut error = Errno::NOENT;
    // An empty entry would be the daemon's own directory, which nobody means.
    for directory in env::split_paths(path).filter(|entry| !entry.as_os_str().is_empty()) {
        let file = directory.join(program);
        match access(&file, Access::EXEC_OK) {
            Ok(()) if file.is_file() => return Ok(file),
            Err(Errno::ACCESS) => error = Errno::ACCESS,
            Ok(()) | Err(_) => {}
        }
    }
    Err(error)
}

const LOOK_AT_PERMISSIONS: &str =
    "the server may not run it: look at its permissions and those of the directories above it";

fn not_found(path: &OsStr, error: Errno) -> String {
    match error {
        Errno::ACCESS => LOOK_AT_PERMISSIONS.to_owned(),
        _ => format!(
            "it is in none of the directories of PATH ({})",
            path.display()
        ),
    }
}

/// What to look at when the system did not start a process.
fn advice(line: &CommandLine, error: &io::Error) -> String {
    let directory = line.directory.as_deref().unwrap_or(".");
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) if !Path::new(directory).is_dir() => {
            format!("the working directory {directory} does not exist")
        }
        Some(Errno::NOENT)
            if line.argv[0].contains('/') && !Path::new(directory).join(&line.argv[0]).exists() =>
        {
            "there is no such file".to_owned()
        }
        Some(Errno::NOENT) => "its interpreter does not exist: look at its first line, or, if it \
                               is no script, at how it was linked"
            .to_owned(),
        Some(Errno::ACCESS) => LOOK_AT_PERMISSIONS.to_owned(),
        Some(Errno::AGAIN) => {
            "the system allows no further process: look at TasksMax and ulimit -u".to_owned()
        }
        Some(Errno::MFILE | Errno::NFILE) => {
            "no further file can be opened: look at LimitNOFILE and ulimit -n".to_owned()
        }
        Some(Errno::NOMEM) => "memory has run out: look at MemoryMax".to_owned(),
        Some(Errno::NOEXEC) => {
            "it has the format of another machine, or is a script without #! line".to_owned()
        }
        Some(Errno::TOOBIG) => "its arguments are too long (Linux takes 128 KiB each)".to_owned(),
        Some(_) | None => error.to_string(),
    }
}

impl Child {
    /// The group, to end it early.
    pub fn group(&self) -> Group {
        self.group
    }

    /// Feeds and reads the process until it has ended. `reserve` is asked for the memory that
    /// stdout takes; `on_line` is told each line as it comes.
    pub async fn finish(
        mut self,
        output_bytes_max: usize,
        mut reserve: impl FnMut(usize) -> bool,
        on_line: impl Fn(Source, &str),
    ) -> Ended {
        let stdout_pipe = self.process.stdout.take().expect("stdout is piped");
        let stderr_pipe = self.process.stderr.take().expect("stderr is piped");
        let stdout_kept = Capture::new(output_bytes_max);
        let stderr_kept = Capture::of_tail(limits::STDERR_BYTES_MAX);
        let mut stdout = Reading::new(Source::Stdout, stdout_pipe, stdout_kept);
        let mut stderr = Reading::new(Source::Stderr, stderr_pipe, stderr_kept);
        let mut status = pin!(self.process.status());
        let status = future::poll_fn(|context| {
            self.stdin.poll(context);
            let mut has_more = stdout.poll(context, &mut reserve, &on_line);
            has_more |= stderr.poll(context, &mut |_| true, &on_line);
            let status = status.as_mut().poll(context);
            if status.is_pending() && has_more {
                context.waker().wake_by_ref();
            }
            status
        })
        .await;
        // The leader is gone and reaped. Whoever is left of its group gets no further.
        self.group.kill();
        self.is_reaped = true;
        stdout.drain(&mut reserve, &on_line);
        stderr.drain(&mut |_| true, &on_line);
        Ended {
            exit: exit(status),
            stdout: stdout.capture,
            stderr: stderr.capture,
            starved: stdout.starved,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.group.kill();
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

/// What a process reads. One that does not read it does not have to.
struct Feed {
    /// Closed once everything is written or nobody reads any more.
    pipe: Option<ChildStdin>,
    text: String,
    /// Bytes of `text` that are in the pipe.
    written: usize,
}

impl Feed {
    fn poll(&mut self, context: &mut Context<'_>) {
        while let Some(pipe) = &mut self.pipe {
            let rest = &self.text.as_bytes()[self.written..];
            if rest.is_empty() {
                self.pipe = None;
                return;
            }
            match Pin::new(pipe).poll_write(context, rest) {
                Poll::Ready(Ok(bytes @ 1..)) => self.written += bytes,
                Poll::Ready(Ok(0) | Err(_)) => self.pipe = None,
                Poll::Pending => return,
            }
        }
    }
}

/// One output as it is read.
struct Reading<P> {
    source: Source,
    /// Closed at its end.
    pipe: Option<P>,
    capture: Capture,
    lines: Lines,
    /// There was no memory for some of it.
    starved: bool,
}

impl<P: AsyncRead + AsFd + Unpin> Reading<P> {
    fn new(source: Source, pipe: P, capture: Capture) -> Reading<P> {
        let lines = Lines::new(limits::OUTPUT_LINE_BYTES_MAX);
        Reading {
            source,
            pipe: Some(pipe),
            capture,
            lines,
            starved: false,
        }
    }

    /// Reads until nothing is there, or until it is the turn of others: then it returns true.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        reserve: &mut dyn FnMut(usize) -> bool,
        on_line: &dyn Fn(Source, &str),
    ) -> bool {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..TURN_READS {
            let Some(pipe) = &mut self.pipe else {
                return false;
            };
            match Pin::new(pipe).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(bytes @ 1..)) => self.take(&buffer[..bytes], reserve, on_line),
                Poll::Ready(Ok(0) | Err(_)) => self.pipe = None,
                Poll::Pending => return false,
            }
        }
        true
    }

    /// Reads what is in the pipe at this moment. Whoever still holds its other end may go on
    /// writing; nobody listens to that.
    fn drain(&mut self, reserve: &mut dyn FnMut(usize) -> bool, on_line: &dyn Fn(Source, &str)) {
        if let Some(pipe) = self.pipe.take() {
            let mut left = rustix::io::ioctl_fionread(&pipe).unwrap_or(0) as usize;
            let mut buffer = [0; READ_BYTES];
            while left > 0 {
                let wanted = left.min(READ_BYTES);
                let Ok(bytes @ 1..) = rustix::io::read(&pipe, &mut buffer[..wanted]) else {
                    break;
                };
                self.take(&buffer[..bytes], reserve, on_line);
                left -= bytes;
            }
        }
        if let Some(rest) = self.lines.finish() {
            on_line(self.source, &String::from_utf8_lossy(rest));
        }
    }

    fn take(
        &mut self,
        mut input: &[u8],
        reserve: &mut dyn FnMut(usize) -> bool,
        on_line: &dyn Fn(Source, &str),
    ) {
        if reserve(self.capture.growth(input.len())) {
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

#[cfg(test)]
mod tests;
