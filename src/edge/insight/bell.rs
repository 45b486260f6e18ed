//! What the thread sleeps by: others ring, the kernel tells of changes, or time passes.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Rung by anybody, heard by the thread.
#[derive(Clone, Debug)]
pub struct Bell(Arc<OwnedFd>);

/// Rings once more when it goes: whoever had it may have been the last.
#[derive(Clone, Debug)]
pub struct Rope(Bell);

impl Bell {
    /// A bell.
    pub fn new() -> io::Result<Bell> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Bell(Arc::new(eventfd(0, flags)?)))
    }

    /// What rings it.
    pub fn rope(&self) -> Rope {
        Rope(self.clone())
    }

    /// Sleeps until it rings, there is something to read from `other`, or the time is over.
    pub fn wait(&self, other: Option<BorrowedFd<'_>>, timeout: Duration) {
        let timeout = Timespec::try_from(timeout).ok();
        let bell = self.0.as_fd();
        let others = other.unwrap_or(bell);
        let mut waited = [&bell, &others].map(|waited| PollFd::new(waited, PollFlags::IN));
        // A signal wakes it as well; whoever wakes looks what there is to do.
        let _ = poll(&mut waited, timeout.as_ref());
        // The count goes back to zero.
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

impl Rope {
    /// Rings.
    pub fn pull(&self) {
        // There is no room only if it was rung 2^64 - 2 times and never heard.
        let _ = rustix::io::write(&*self.0.0, &1_u64.to_ne_bytes());
    }
}

impl Drop for Rope {
    fn drop(&mut self) {
        self.pull();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn what_rings_before_the_wait_is_heard() {
        let bell = Bell::new().unwrap();
        let rope = bell.rope();
        rope.pull();
        bell.wait(None, LONG);
        rope.pull();
        rope.pull();
        bell.wait(None, LONG);
    }

    #[test]
    fn the_last_one_to_go_rings() {
        let bell = Bell::new().unwrap();
        drop(bell.rope());
        bell.wait(None, LONG);
    }

    #[test]
    fn a_ring_that_was_heard_is_over() {
        let bell = Bell::new().unwrap();
        let rope = bell.rope();
        rope.pull();
        bell.wait(None, LONG);
        bell.wait(None, Duration::ZERO);
        let mut waited = [PollFd::new(&*bell.0, PollFlags::IN)];
        assert_eq!(poll(&mut waited, Some(&Timespec::default())), Ok(0));
    }

    #[test]
    fn something_to_read_elsewhere_wakes() {
        let (bell, other) = (Bell::new().unwrap(), Bell::new().unwrap());
        other.rope().pull();
        bell.wait(Some(other.0.as_fd()), LONG);
    }
}
