//! Looks at resources for those who subscribe to them.
//!
//! A file is looked at at once. Commands are run one after the other, so that however many are
//! watched there is one process more than there are calls.

use super::process;
use super::world::{World, output};
use crate::tool::Work;
use crate::tool::command::{CommandLine, Ended as Exited, Exit};
use crate::tool::handler::{Context, Ended, Told};
use crate::tool::registry::hash;
use async_io::Timer;
use smol::future;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

/// What is seen where nothing can be seen: it stays the same as long as that is so.
const NOTHING: u64 = 0;

/// Looks that take their time.
#[derive(Default)]
pub struct Looks {
    /// Those that wait for their turn. Bounded by what the engine watches.
    queue: RefCell<VecDeque<Look>>,
    /// Whether the task that takes them is there.
    is_busy: Cell<bool>,
}

/// A look at what a command writes.
struct Look {
    uri: Box<str>,
    line: Rc<CommandLine>,
    timeout: Duration,
}

/// Looks at a resource, and tells the engine what was seen.
pub fn look(world: &Rc<World>, uri: Box<str>, work: Work, timeout: Duration) {
    match work {
        Work::Function(begin) => {
            let mut running = begin.call(Context::new(Told::default()));
            let mut context = task::Context::from_waker(Waker::noop());
            let seen = match running.as_mut().poll(&mut context) {
                Poll::Ready(Ended::Seen(seen)) => seen,
                // No look of ours waits for anything or comes to anything else.
                Poll::Ready(_) | Poll::Pending => NOTHING,
            };
            let now = world.clock.now();
            world.engine.borrow_mut().handle_seen(now, &uri, seen);
        }
        Work::Command(line) => {
            let looks = &world.looks;
            looks
                .queue
                .borrow_mut()
                .push_back(Look { uri, line, timeout });
            if !looks.is_busy.replace(true) {
                world.executor.spawn(take_turns(world.clone())).detach();
            }
        }
        Work::SystemInfo | Work::Upstream(_) => {
            let now = world.clock.now();
            world.engine.borrow_mut().handle_seen(now, &uri, NOTHING);
        }
    }
}

/// Runs the commands that wait, until there is none.
async fn take_turns(world: Rc<World>) {
    loop {
        let next = world.looks.queue.borrow_mut().pop_front();
        let Some(look) = next else { break };
        let seen = run(&world, &look).await;
        world.input(|engine, now| engine.handle_seen(now, &look.uri, seen));
    }
    world.looks.is_busy.set(false);
}

/// Runs one, and gives up when it takes too long: its processes are killed then.
async fn run(world: &Rc<World>, look: &Look) -> u64 {
    let Ok(child) = process::spawn(&world.reaper, &look.line) else {
        return NOTHING;
    };
    let bytes_max = world.engine.borrow().config().limits.output_bytes_max;
    let output = async { Some(output(world, child, bytes_max, &|_, _| {}).await.0) };
    let patience = async {
        Timer::after(look.timeout).await;
        None
    };
    future::or(output, patience).await.map_or(NOTHING, seen)
}

/// What a process has written, as a number; one that has failed has written something else.
fn seen(ended: Exited) -> u64 {
    let has_failed = ended.exit != Exit::Status(0);
    let text = ended.stdout.into_text();
    hash(text.bytes().chain([u8::from(has_failed)]))
}
