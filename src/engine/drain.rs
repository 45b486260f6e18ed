//! Stopping without breaking anything off: no new work, finish what runs, end the streams.

use super::connection::Connection;
use super::stream::{Kind, Phase};
use super::{Deadline, Engine, Job};
use crate::bounded::{Key, Timer};
use crate::time::Instant;
use crate::tool::command::Stopped;

/// How far the drain has come.
#[derive(Debug)]
pub(super) struct Drain {
    /// Runs until calls in flight are given up.
    pub timer: Option<Timer>,
    /// Streams have been told to end.
    pub is_closing: bool,
}

impl Engine {
    /// Begins to stop: from here on sessions, calls and connections are refused with 503.
    pub fn drain(&mut self, now: Instant) {
        if self.drain.is_some() {
            return;
        }
        let timer = self.schedule(now + self.config.timeouts.drain, Deadline::Drain);
        self.drain = Some(Drain {
            timer,
            is_closing: false,
        });
        // Nobody knows whether their clients ever answer.
        let waiting = self.calls.iter().filter(|(_, call)| call.is_waiting());
        let keys: Vec<_> = waiting.map(|(key, _)| key).collect();
        for key in keys {
            self.stop_call(now, key, Stopped::Draining);
        }
        self.resume_waiting(now);
        self.drain_children(now);
        self.drain_further();
    }

    /// Whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Whether everything has ended and the process may exit.
    pub fn is_drained(&self) -> bool {
        let is_closing = self.drain.as_ref().is_some_and(|drain| drain.is_closing);
        let is_idle = self.calls.is_empty() && self.children.slab.is_empty();
        is_closing && is_idle && self.streams.iter().all(|(_, s)| !s.attached)
    }

    /// Once no call is left, tells every stream to end.
    pub(super) fn drain_further(&mut self) {
        let Some(drain) = &mut self.drain else { return };
        if drain.is_closing || !self.calls.is_empty() {
            return;
        }
        drain.is_closing = true;
        let timer = drain.timer.take();
        self.cancel(timer);
        let keys: Vec<Key<super::Stream>> = self.streams.iter().map(|(key, _)| key).collect();
        for key in keys {
            let stream = self.streams.get_mut(key).expect("ending one ends no other");
            match (stream.phase, stream.kind) {
                (Phase::Open, Kind::Subscription) => self.end_subscription(key),
                (Phase::Open, Kind::HttpSse | Kind::Listening | Kind::Answer) => {
                    stream.phase = Phase::Ending;
                    self.make_ready(key);
                }
                (Phase::Held | Phase::Answered | Phase::Ending, _) => {}
            }
        }
        let is_idle = |connection: &Connection| connection.is_idle();
        let idle = self
            .connections
            .iter()
            .filter(|(_, connection)| is_idle(connection));
        let close = |(connection, _)| Job::CloseConnection {
            connection,
            in_request: false,
        };
        self.jobs.extend(idle.map(close));
    }

    /// Calls have had their time.
    pub(super) fn drain_expired(&mut self, now: Instant) {
        self.drain
            .as_mut()
            .expect("a deadline dies with its record")
            .timer = None;
        let keys: Vec<_> = self.calls.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.stop_call(now, key, Stopped::Draining);
        }
    }
}
