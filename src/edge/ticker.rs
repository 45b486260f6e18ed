//! Calls the engine when its next deadline has come.
//!
//! One timer for everything. It is moved forward when an earlier deadline appears and left alone
//! when a deadline goes away: at worst it rings once for nothing.

use super::world::World;
use crate::time::Instant;
use async_io::Timer;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// When to ring, and whom to tell that it changed.
#[derive(Debug, Default)]
pub struct Ticker {
    /// When the timer rings.
    armed: Cell<Option<Instant>>,
    /// The ticker's task.
    waker: RefCell<Option<Waker>>,
}

impl Ticker {
    /// Makes sure that the timer rings at `next` or before.
    pub fn arm(&self, next: Option<Instant>) {
        let Some(next) = next else { return };
        if self.armed.get().is_none_or(|armed| next < armed) {
            self.armed.set(Some(next));
            if let Some(waker) = self.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }
}

/// The ticker's task; it never ends.
pub async fn run(world: Rc<World>) {
    let mut timer = Timer::never();
    let mut timer_at = None;
    loop {
        poll_fn(|context| wait(&world, &mut timer, &mut timer_at, context)).await;
        world.ticker.armed.set(None);
        timer_at = None;
        world.input(|engine, now| engine.handle_timeout(now));
    }
}

/// Ready when the deadline has come.
fn wait(
    world: &World,
    timer: &mut Timer,
    timer_at: &mut Option<Instant>,
    context: &mut Context<'_>,
) -> Poll<()> {
    *world.ticker.waker.borrow_mut() = Some(context.waker().clone());
    let armed = world.ticker.armed.get();
    if armed != *timer_at {
        *timer_at = armed;
        match armed {
            Some(at) => timer.set_at(world.clock.at(at)),
            None => *timer = Timer::never(),
        }
    }
    Pin::new(timer).poll(context).map(|_| ())
}
