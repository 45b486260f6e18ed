//! Calls the engine when its next deadline has come.
//!
//! One timer of the kernel for everything. It is set anew only when an earlier deadline appears and
//! left alone when one goes away: at worst it rings once for nothing. A timer of the reactor's
//! would be looked at, and cost a system call, every time anything happens.

use super::world::World;
use crate::time::Instant;
use async_io::Async;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

/// The timer, and when it rings.
#[derive(Debug)]
pub struct Ticker {
    timer: OwnedFd,
    armed: Cell<Option<Instant>>,
}

impl Ticker {
    /// A timer that is not set.
    pub fn new() -> io::Result<Ticker> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Ticker {
            timer,
            armed: Cell::new(None),
        })
    }

    /// Makes sure that the timer rings at `next` or before.
    pub fn arm(&self, now: impl FnOnce() -> Instant, next: Option<Instant>) {
        let Some(next) = next else { return };
        if self.armed.get().is_some_and(|armed| armed <= next) {
            return;
        }
        self.armed.set(Some(next));
        // Nothing at all would switch the timer off.
        let delay = next.since(now()).max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: delay.subsec_nanos().into(),
        };
        let once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let setting = Itimerspec {
            it_interval: once,
            it_value: value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)
            .expect("the time is within the range of the kernel's");
    }
}

/// The ticker's task; it never ends.
pub async fn run(world: Rc<World>) -> io::Result<()> {
    let timer = rustix::io::fcntl_dupfd_cloexec(&world.ticker.timer, 0)?;
    let timer = Async::new_nonblocking(timer)?;
    let mut rings = [0; 8];
    loop {
        timer.readable().await?;
        if rustix::io::read(&timer, &mut rings).is_ok() {
            world.ticker.armed.set(None);
            world.input(|engine, now| engine.handle_timeout(now));
        }
    }
}
