//! Every process that was started here, until it is reaped, and what it leaves behind.
//!
//! The system says by CHLD that some process has ended; which one is asked then, so nothing wakes
//! up while none does, and no thread waits. A process is a group of its own. When its leader has
//! ended, the rest of the group is killed, and only then the leader is reaped: until that its
//! number cannot belong to anybody else.
//!
//! A daemon also [adopts](Orphans::Adopted) what its processes leave behind: a descendant that
//! has left the group comes to it when its parent dies, so that it can be killed and reaped. Whose
//! it is tells its mark ([`strays`]): one whose server still runs is left in peace.
//!
//! | what comes | while its process runs | after that |
//! |---|---|---|
//! | an orphan with a mark | stays | is killed |
//! | one that has lost it | stays | is killed once nothing of ours runs |
//! | a zombie | is reaped | is reaped |

use super::strays::{self, Mark};
use crate::tool::command::Exit;
use async_signal::{Signal as SignalName, Signals};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, kill_process,
    kill_process_group, set_child_subreaper, wait, waitid, waitpid,
};
use smol::stream::Stream;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

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

/// What becomes of descendants whose parents have died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// They come to this process, and every child that has not been started through the reaper is
    /// one of them: not for a program that starts processes of its own.
    Adopted,
    /// They go where the system sends them, out of our reach.
    Left,
}

/// All processes that were started here and are not yet reaped, or not yet asked about.
#[derive(Debug)]
pub struct Reaper {
    /// Says that something has ended, not what.
    signals: RefCell<Signals>,
    /// Bounded by what the engine lets run.
    entries: RefCell<Vec<Entry>>,
    /// The mark of the latest process.
    mark: Cell<Mark>,
    /// Orphans come to us, and nobody else here starts processes.
    adopts: bool,
    /// Nothing is started any more, and nothing is to stay.
    is_closed: Cell<bool>,
    /// Whoever waits until nothing is left.
    closer: RefCell<Option<Waker>>,
}

/// One process.
#[derive(Debug)]
struct Entry {
    pid: Pid,
    mark: Mark,
    /// How it ended, until its [`Process`] is dropped.
    exit: Option<Exit>,
    /// Its [`Process`] is gone: nobody asks how it ends.
    is_let_go: bool,
    /// Whoever waits for its end.
    waker: Option<Waker>,
}

/// A process. Its whole group is killed if this is dropped before it has ended.
#[derive(Debug)]
pub struct Process {
    reaper: Rc<Reaper>,
    pid: Pid,
}

impl Process {
    /// The group, to end it early.
    pub fn group(&self) -> Group {
        Group(self.pid)
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        self.reaper.with(self.pid, |entry| entry.exit)
    }

    /// Waits until it has ended: how.
    pub fn poll_exit(&self, context: &Context<'_>) -> Poll<Exit> {
        self.reaper.with(self.pid, |entry| match entry.exit {
            Some(exit) => Poll::Ready(exit),
            None => {
                entry.waker = Some(context.waker().clone());
                Poll::Pending
            }
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.reaper.let_go(self.pid);
    }
}

impl Reaper {
    /// Begins to listen for ends.
    ///
    /// # Errors
    ///
    /// What the system says if there is no signal or no descriptor to be had.
    pub fn new(orphans: Orphans) -> io::Result<Rc<Reaper>> {
        // Old kernels and emulators may know no adoption. Then what leaves its group is out of
        // reach, and all else is as it would be.
        let adopts = orphans == Orphans::Adopted && set_child_subreaper(Some(getpid())).is_ok();
        Ok(Rc::new(Reaper {
            signals: RefCell::new(Signals::new([SignalName::Child])?),
            entries: RefCell::default(),
            mark: Cell::new(Mark::first(getpid().as_raw_pid().cast_unsigned())),
            adopts,
            is_closed: Cell::new(false),
            closer: RefCell::default(),
        }))
    }

    /// Starts a process. `start` is given its mark.
    ///
    /// # Errors
    ///
    /// What the system says when it cannot.
    pub fn start(
        self: &Rc<Self>,
        start: impl FnOnce(Mark) -> io::Result<std::process::Child>,
    ) -> io::Result<(Process, std::process::Child)> {
        if self.is_closed.get() {
            return Err(io::Error::other("the server is stopping"));
        }
        let mark = self.mark.get().next();
        self.mark.set(mark);
        let child = start(mark)?;
        let pid = Pid::from_child(&child);
        self.entries.borrow_mut().push(Entry {
            pid,
            mark,
            exit: None,
            is_let_go: false,
            waker: None,
        });
        let reaper = self.clone();
        Ok((Process { reaper, pid }, child))
    }

    fn with<T>(&self, pid: Pid, act: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.iter_mut().find(|entry| entry.pid == pid);
        act(entry.expect("its process is still asked about"))
    }

    fn let_go(&self, pid: Pid) {
        self.with(pid, |entry| {
            entry.is_let_go = true;
            if entry.exit.is_none() {
                Group(pid).kill();
            }
        });
        self.forget_reaped();
    }

    /// Forgets the processes that are reaped and that nobody asks about.
    fn forget_reaped(&self) {
        let is_wanted = |entry: &Entry| entry.exit.is_none() || !entry.is_let_go;
        self.entries.borrow_mut().retain(is_wanted);
    }

    /// Waits until something has ended, and reaps it. Something has to wait for this all the time.
    pub async fn reap(&self) {
        poll_fn(|context| {
            let mut signals = self.signals.borrow_mut();
            let mut has_ended = Poll::Pending;
            while let Poll::Ready(Some(Ok(_))) = Pin::new(&mut *signals).poll_next(context) {
                has_ended = Poll::Ready(());
            }
            has_ended
        })
        .await;
        self.collect();
    }

    /// Reaps whatever has ended.
    fn collect(&self) {
        let mut has_ended = false;
        for entry in &mut *self.entries.borrow_mut() {
            if entry.exit.is_none() && has_exited(entry.pid) {
                Group(entry.pid).kill();
                entry.end(exit(waitpid(Some(entry.pid), WaitOptions::NOHANG)));
                has_ended = true;
            }
        }
        self.forget_reaped();
        if self.adopts {
            self.collect_orphans(has_ended);
        }
        if let Some(waker) = self.closer.take() {
            waker.wake();
        }
    }

    /// Reaps the orphans that have ended, and kills those whose time is over.
    fn collect_orphans(&self, mut has_ended: bool) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    has_ended = true;
                    self.handle_late(pid, status);
                }
                // Its child, if it had one, is now ours.
                Ok(None) if has_ended => return self.sweep(),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// One of ours may have ended while the others were looked at.
    fn handle_late(&self, pid: Pid, status: WaitStatus) {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.iter_mut().find(|entry| entry.pid == pid);
        if let Some(entry) = entry {
            Group(pid).kill();
            entry.end(exit(Ok(Some((pid, status)))));
        }
    }

    /// Kills the orphans whose process has ended. What dies of it is told by a further signal, and
    /// what it leaves behind is swept then.
    fn sweep(&self) {
        let entries = self.entries.borrow();
        let running = || entries.iter().filter(|entry| entry.exit.is_none());
        strays::each_child(|pid| {
            if entries.iter().any(|entry| entry.pid == pid) {
                return;
            }
            // The system has the last word on whose child it is, and whether it still lives.
            if !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None)) {
                return;
            }
            let may_stay = match strays::mark_of(pid) {
                Some(mark) => running().any(|entry| entry.mark == mark),
                None => running().next().is_some(),
            };
            if self.is_closed.get() || !may_stay {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
    }

    /// Kills everything, and starts nothing any more.
    pub fn close(&self) {
        self.is_closed.set(true);
        for entry in self.entries.borrow().iter() {
            if entry.exit.is_none() {
                Group(entry.pid).kill();
            }
        }
        if self.adopts {
            self.sweep();
        }
    }

    /// Waits until nothing is left. Something has to wait for [`Reaper::reap`] meanwhile.
    pub async fn emptied(&self) {
        poll_fn(|context| {
            *self.closer.borrow_mut() = Some(context.waker().clone());
            match self.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    fn is_empty(&self) -> bool {
        let is_over = |entry: &Entry| entry.exit.is_some();
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let has_orphans = || self.adopts && waitid(WaitId::All, options).is_ok();
        self.entries.borrow().iter().all(is_over) && !has_orphans()
    }
}

impl Entry {
    fn end(&mut self, exit: Exit) {
        self.exit = Some(exit);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Whether a child of ours has ended. It is not reaped by this. One that was reaped by somebody
/// else has ended as well.
fn has_exited(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(pid), options) {
        Ok(None) | Err(Errno::INTR) => false,
        Ok(Some(_)) | Err(_) => true,
    }
}

/// How a process ended. If the system does not say, it counts as killed.
fn exit(waited: rustix::io::Result<Option<(Pid, WaitStatus)>>) -> Exit {
    let status = waited.ok().flatten().map(|(_, status)| status);
    match status.and_then(WaitStatus::exit_status) {
        Some(code) => Exit::Status(code),
        None => {
            let signal = status.and_then(WaitStatus::terminating_signal);
            Exit::Signal(signal.unwrap_or(Signal::KILL.as_raw()))
        }
    }
}
