//! Processes: starts a command, feeds and reads it, and leaves nothing of it behind.
//!
//! A command is a process group of its own, which dies with the daemon. Its environment is what the
//! configuration names, and `PATH`. When its leader has ended, the rest of the group is killed, so
//! that no grandchild stays behind; a grandchild that has left the group (`setsid`) cannot delay
//! the answer, because nothing is waited for once the leader is gone, and is found by the
//! [reaper](super::reaper) soon after.
//!
//! When to end a command early is the engine's decision; [`Group`] is the means.

use super::own_process::{self, Image};
use super::reaper::{Group, Process, Reaper};
use crate::bounded::Capture;
use crate::limits;
use crate::tool::command::{CommandLine, Ended};
use crate::wire::lines::{Line, Lines};
use async_io::Async;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use smol::future;
use std::env;
use std::ffi::{NulError, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// Bytes read from a pipe at once. The buffer is on the stack: a process that says nothing costs
/// no buffer.
pub(super) const READ_BYTES: usize = 4096;

/// Reads of one output until others have their turn. A program that writes faster than it is read
/// would keep the only thread for itself, its own timeout included.
pub(super) const TURN_READS: usize = 4;

/// Where programs are looked for if the daemon itself was started without `PATH`.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Which of its outputs a process wrote a line to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A running command. Its whole group is killed if it is dropped before it has ended.
pub struct Child {
    process: Process,
    stdin: Feed,
    stdout: Pipe,
    stderr: Pipe,
}

/// A process that was started, and our ends of its pipes, of which none blocks.
pub(super) struct Started {
    /// The process.
    pub process: Process,
    /// Its stdin, if it was to have one.
    pub stdin: Option<OwnedFd>,
    /// Its stdout.
    pub stdout: OwnedFd,
    /// Its stderr.
    pub stderr: OwnedFd,
}

/// Starts a command.
///
/// # Errors
///
/// A text for the model and the operator that says what could not be started and what to look at.
pub fn spawn(reaper: &Rc<Reaper>, line: &CommandLine) -> Result<Child, String> {
    let started = start(reaper, line, line.stdin.is_some())?;
    let watch = |started: Started| {
        io::Result::Ok(Child {
            process: started.process,
            stdin: Feed {
                pipe: started.stdin.map(Pipe::new).transpose()?,
                text: line.stdin.clone().unwrap_or_default(),
                written: 0,
            },
            stdout: Pipe::new(started.stdout)?,
            stderr: Pipe::new(started.stderr)?,
        })
    };
    watch(started).map_err(|error| problem(line, &advice(line, &error)))
}

/// Starts a process, and leaves feeding and reading it to the caller.
///
/// # Errors
///
/// As [`spawn`].
pub(super) fn start(
    reaper: &Rc<Reaper>,
    line: &CommandLine,
    has_stdin: bool,
) -> Result<Started, String> {
    let path = search_path(line);
    let file =
        find(program(line), &path).map_err(|error| problem(line, &not_found(&path, error)))?;
    let image = image(line, &file, path).map_err(|error| problem(line, &error.to_string()))?;
    let mut command = Command::new(file);
    command.process_group(0).stdin(match has_stdin {
        true => Stdio::piped(),
        false => Stdio::null(),
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(directory) = &line.directory {
        command.current_dir(directory);
    }
    let begin = |mark| own_process::spawn(&mut command, image, mark);
    let started = reaper.start(begin).and_then(|(process, mut child)| {
        let stdin = child.stdin.take().map(unblocked).transpose()?;
        let stdout = unblocked(child.stdout.take().expect("stdout is piped"))?;
        let stderr = unblocked(child.stderr.take().expect("stderr is piped"))?;
        Ok(Started {
            process,
            stdin,
            stdout,
            stderr,
        })
    });
    started.map_err(|error| problem(line, &advice(line, &error)))
}

fn unblocked(pipe: impl Into<OwnedFd>) -> io::Result<OwnedFd> {
    let pipe = pipe.into();
    rustix::io::ioctl_fionbio(&pipe, true)?;
    Ok(pipe)
}

fn program(line: &CommandLine) -> &str {
    line.argv.first().expect("a command names its program")
}

fn problem(line: &CommandLine, why: &str) -> String {
    format!("{} could not be started: {why}", program(line))
}

/// The program, its arguments and its environment.
fn image(line: &CommandLine, file: &Path, path: OsString) -> Result<Image, NulError> {
    let arguments = line.argv.iter().map(String::as_bytes);
    let environment = environment(line, path);
    let environment = environment.iter().map(|entry| entry.as_bytes());
    Image::new(file.as_os_str().as_bytes(), arguments, environment)
}

/// Entries like `NAME=value`; of those with the same name the last counts.
fn environment(line: &CommandLine, path: OsString) -> Vec<OsString> {
    let inherited = line.environment_inherit.iter();
    let inherited = inherited.filter_map(|name| Some((name.as_str(), env::var_os(name)?)));
    let own = line.environment.iter();
    let own = own.map(|(name, value)| (name.as_str(), value.into()));
    let mut named: Vec<(&str, OsString)> = vec![("PATH", path)];
    for (name, value) in inherited.chain(own) {
        match named.iter_mut().find(|(other, _)| *other == name) {
            Some((_, earlier)) => *earlier = value,
            None => named.push((name, value)),
        }
    }
    let entry = |(name, value): (&str, OsString)| {
        let mut entry = OsString::from(name);
        entry.push("=");
        entry.push(value);
        entry
    };
    named.into_iter().map(entry).collect()
}

/// The file that a command would start, or why there is none.
pub fn look_up(line: &CommandLine) -> Result<PathBuf, String> {
    let path = search_path(line);
    let file =
        find(program(line), &path).map_err(|error| problem(line, &not_found(&path, error)))?;
    let directory = line.directory.as_deref().unwrap_or(".");
    match access(Path::new(directory).join(&file), Access::EXEC_OK) {
        Ok(()) => Ok(file),
        Err(error) => Err(problem(line, &advice(line, &error.into()))),
    }
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
        self.process.group()
    }

    /// Feeds and reads the process until it has ended. `reserve` is asked for the memory that
    /// stdout takes; `on_line` is told each line as it comes.
    pub async fn finish(
        mut self,
        output_bytes_max: usize,
        reserve: &mut dyn FnMut(usize) -> bool,
        on_line: &dyn Fn(Source, &str),
    ) -> Ended {
        let stdout_kept = Capture::new(output_bytes_max);
        let stderr_kept = Capture::of_tail(limits::STDERR_BYTES_MAX);
        let mut stdout = Reading::new(Source::Stdout, self.stdout, stdout_kept);
        let mut stderr = Reading::new(Source::Stderr, self.stderr, stderr_kept);
        let exit = future::poll_fn(|context| {
            self.stdin.poll(context);
            let mut has_more = stdout.poll(context, reserve, on_line);
            has_more |= stderr.poll(context, &mut |_| true, on_line);
            let exit = self.process.poll_exit(context);
            if exit.is_pending() && has_more {
                context.waker().wake_by_ref();
            }
            exit
        })
        .await;
        stdout.drain(reserve, on_line);
        stderr.drain(&mut |_| true, on_line);
        Ended {
            exit,
            stdout: stdout.capture,
            stderr: stderr.capture,
            starved: stdout.starved,
        }
    }
}

/// Our end of a pipe.
struct Pipe(Async<OwnedFd>);

impl Pipe {
    fn new(pipe: OwnedFd) -> io::Result<Pipe> {
        Async::new_nonblocking(pipe).map(Pipe)
    }

    /// Reads what is there; nothing at its end, which a failure is as well.
    fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        loop {
            match rustix::io::read(&self.0, &mut *buffer) {
                Ok(bytes) => return Poll::Ready(bytes),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if ready!(self.0.poll_readable(context)).is_err() {
                        return Poll::Ready(0);
                    }
                }
                Err(_) => return Poll::Ready(0),
            }
        }
    }

    /// Writes as much as it takes; nothing if nobody reads.
    fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        loop {
            match rustix::io::write(&self.0, bytes) {
                Ok(bytes) => return Poll::Ready(bytes),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if ready!(self.0.poll_writable(context)).is_err() {
                        return Poll::Ready(0);
                    }
                }
                Err(_) => return Poll::Ready(0),
            }
        }
    }
}

/// What a process reads. One that does not read it does not have to.
struct Feed {
    /// Closed once everything is written or nobody reads any more.
    pipe: Option<Pipe>,
    text: String,
    /// Bytes of `text` that are in the pipe.
    written: usize,
}

impl Feed {
    fn poll(&mut self, context: &mut Context<'_>) {
        while let Some(pipe) = &self.pipe {
            let rest = &self.text.as_bytes()[self.written..];
            if rest.is_empty() {
                self.pipe = None;
                return;
            }
            match pipe.poll_write(context, rest) {
                Poll::Ready(bytes @ 1..) => self.written += bytes,
                Poll::Ready(0) => self.pipe = None,
                Poll::Pending => return,
            }
        }
    }
}

/// Reads what is in a pipe at this moment. Whoever still holds its other end may go on writing;
/// nobody listens to that.
pub(super) fn drain(pipe: impl AsFd, take: &mut dyn FnMut(&[u8])) {
    let mut left = rustix::io::ioctl_fionread(&pipe).unwrap_or(0) as usize;
    let mut buffer = [0; READ_BYTES];
    while left > 0 {
        let wanted = left.min(READ_BYTES);
        let Ok(bytes @ 1..) = rustix::io::read(&pipe, &mut buffer[..wanted]) else {
            break;
        };
        take(&buffer[..bytes]);
        left -= bytes;
    }
}

/// One output as it is read.
struct Reading {
    source: Source,
    /// Closed at its end.
    pipe: Option<Pipe>,
    capture: Capture,
    lines: Lines,
    /// There was no memory for some of it.
    starved: bool,
}

impl Reading {
    fn new(source: Source, pipe: Pipe, capture: Capture) -> Reading {
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
            let Some(pipe) = &self.pipe else {
                return false;
            };
            match pipe.poll_read(context, &mut buffer) {
                Poll::Ready(bytes @ 1..) => self.take(&buffer[..bytes], reserve, on_line),
                Poll::Ready(0) => self.pipe = None,
                Poll::Pending => return false,
            }
        }
        true
    }

    /// Reads what is left, now that the process has ended.
    fn drain(&mut self, reserve: &mut dyn FnMut(usize) -> bool, on_line: &dyn Fn(Source, &str)) {
        if let Some(Pipe(pipe)) = self.pipe.take() {
            drain(&pipe, &mut |bytes| self.take(bytes, reserve, on_line));
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
