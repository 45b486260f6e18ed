//! What the program says to its running server.

use crate::edge::world::World;
use crate::engine::Engine;
use crate::time::Instant;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

/// A server that runs, or will, or did: for the tools and tasks of the program. All clones are the
/// same. What is said while the server does not run is heard by nobody.
///
/// It belongs to the server's thread; another one can send to a task that has it.
#[derive(Clone, Default)]
pub struct Handle(Rc<State>);

#[derive(Default)]
struct State {
    world: RefCell<Weak<World>>,
    is_stopped: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Handle {
    /// The list of tools has changed.
    pub fn tools_changed(&self) {
        self.tell(Engine::tools_changed);
    }

    /// The list of prompts has changed.
    pub fn prompts_changed(&self) {
        self.tell(Engine::prompts_changed);
    }

    /// The list of resources has changed.
    pub fn resources_changed(&self) {
        self.tell(Engine::resources_changed);
    }

    /// Somebody who reads this resource has to read it again.
    pub fn resource_updated(&self, uri: impl Into<String>) {
        let uri = uri.into();
        self.tell(move |engine, now| engine.handle_resource_updated(now, &uri));
    }

    /// Stops the server: calls that run may finish within `timeouts.drain`.
    pub fn stop(&self) {
        self.0.is_stopped.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    /// Ends when the server is to stop.
    pub(super) async fn stopped(&self) {
        poll_fn(|task| match self.0.is_stopped.get() {
            true => Poll::Ready(()),
            false => {
                *self.0.waker.borrow_mut() = Some(task.waker().clone());
                Poll::Pending
            }
        })
        .await;
    }

    /// From here on it is this server's.
    pub(super) fn attach(&self, world: &Rc<World>) {
        *self.0.world.borrow_mut() = Rc::downgrade(world);
    }

    /// Gives the engine an input, once it has done what it is at: a function may say something
    /// while a request is being answered.
    fn tell(&self, input: impl FnOnce(&mut Engine, Instant) + 'static) {
        let world = self.0.world.borrow().upgrade();
        if let Some(world) = world {
            let executor = world.executor.clone();
            executor.spawn(async move { world.input(input) }).detach();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
