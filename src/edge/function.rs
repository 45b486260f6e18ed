//! Functions at work: polls them, takes out what they say, puts in what clients answer.

use super::world::World;
use crate::bounded::Key;
use crate::engine::call::Call;
use crate::tool::handler::{Begin, Context, Ended, Running, Told};
use smol::Task;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};

/// A function at work. It is dropped with this.
pub struct Function {
    context: Context,
    _task: Task<()>,
}

impl Function {
    /// Its mailbox.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.context.stop();
    }
}

/// Calls a function. Most are done at once, and then nothing is left of them here; the others get a
/// task, which reports to the engine.
pub fn start(world: &Rc<World>, call: Key<Call>, begin: Begin, told: Told) -> Option<Function> {
    let context = Context::new(told);
    let mut running = begin.call(context.clone());
    let polled = running
        .as_mut()
        .poll(&mut task::Context::from_waker(Waker::noop()));
    let now = world.clock.now();
    let mut engine = world.engine.borrow_mut();
    for said in context.take_said() {
        engine.handle_said(now, call, said);
    }
    match polled {
        Poll::Ready(ended) => {
            engine.handle_ended(now, call, &ended);
            return None;
        }
        Poll::Pending => engine.handle_waiting_call(now, call),
    }
    let task = drive(world.clone(), call, context.clone(), running);
    Some(Function {
        _task: world.executor.spawn(task),
        context,
    })
}

/// Polls a function until it has ended. What it says is told before what it does next.
async fn drive(world: Rc<World>, call: Key<Call>, context: Context, mut running: Running) {
    let ended = poll_fn(|task| {
        let polled = Pin::as_mut(&mut running).poll(task);
        for said in context.take_said() {
            world.input(|engine, now| engine.handle_said(now, call, said));
        }
        if polled.is_pending() {
            world.input(|engine, now| engine.handle_waiting_call(now, call));
        }
        polled
    })
    .await;
    // Its destructors run before anybody hears of its end.
    drop(running);
    // What it said last may have ended the call: then nobody is to hear of its end.
    if !context.stop_flag().is_set() {
        finish(&world, call, &ended);
    }
}

/// Tells the engine that a function is over. What is forgotten here holds the task that we are in,
/// which has nothing left to do.
fn finish(world: &Rc<World>, call: Key<Call>, ended: &Ended) {
    drop(world.forget(call));
    world.input(|engine, now| engine.handle_ended(now, call, ended));
}
