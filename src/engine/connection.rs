//! Connections: how long a peer may take to ask.
//!
//! A deadline is moved far more often than it comes, so moving it only writes it down: the wheel
//! keeps the earlier one and, when that comes, is set again for what is left.

use super::{Deadline, Engine, Job};
use crate::bounded::{Key, Timer};
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::tool::forward::Scope;
use std::net::IpAddr;

/// One open socket that may carry requests.
#[derive(Debug)]
pub struct Connection {
    /// Where it comes from; `None` for a Unix socket.
    peer: Option<IpAddr>,
    /// What is waited for.
    waiting: Waiting,
    /// The request that is coming has paid the rate of its address. Set by its head, taken back
    /// when it is whole.
    pub(super) is_counted: bool,
    /// Whether its request has to wait for what upstreams offer.
    pub(super) later: Later,
    /// When the peer has waited too long; meaningless while nothing is awaited of it.
    deadline: Instant,
    /// Runs until `deadline` or earlier.
    timer: Option<Timer>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The first byte of a request.
    Request,
    /// The rest of a request head.
    Head,
    /// The rest of a request body.
    Body,
    /// Nothing: it is our turn.
    Nothing,
    /// Nothing as well: its request cannot be served before it is known what upstreams offer.
    Offers,
}

/// Whether a request has to wait for what upstreams offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// No.
    No,
    /// It was let in and waits for what there is in this scope.
    Waits(Scope),
    /// It has waited: it is served as it comes back, whatever is known then.
    Over,
}

impl Connection {
    /// Whether it is kept between two requests.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting == Waiting::Request
    }

    /// Whether its deadline is scheduled.
    pub(super) fn has_timer(&self) -> bool {
        self.timer.is_some()
    }
}

impl Engine {
    /// Admits a connection, or says that there is no room.
    pub fn open_connection(
        &mut self,
        now: Instant,
        peer: Option<IpAddr>,
    ) -> Result<Key<Connection>, Refusal> {
        if self.drain.is_some() {
            return Err(self.refused(Refusal::Stopping));
        }
        let deadline = now + self.config.timeouts.head;
        let connection = Connection {
            peer,
            waiting: Waiting::Nothing,
            is_counted: false,
            later: Later::No,
            deadline,
            timer: None,
        };
        match self.connections.insert(connection) {
            Ok(key) => {
                self.stats.connections += 1;
                self.handle_waiting(now, key, Waiting::Head);
                Ok(key)
            }
            Err(_) => {
                self.stats.connections_shed += 1;
                Err(self.refused(Refusal::ConnectionsFull))
            }
        }
    }

    /// Where a connection comes from; `None` for a Unix socket.
    pub fn peer(&self, key: Key<Connection>) -> Option<IpAddr> {
        self.connections.get(key)?.peer
    }

    /// Forgets a connection; its socket is closed.
    pub fn close_connection(&mut self, key: Key<Connection>) {
        if let Some(connection) = self.connections.remove(key) {
            self.cancel(connection.timer);
        }
    }

    /// Says what a connection waits for. The time for a body and for a next request starts anew
    /// when the wait begins; the time for a head starts at its first byte and is not prolonged by
    /// further ones.
    pub fn handle_waiting(&mut self, now: Instant, key: Key<Connection>, waiting: Waiting) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.waiting == waiting {
            return;
        }
        connection.waiting = waiting;
        let timeouts = &self.config.timeouts;
        let patience = match waiting {
            Waiting::Request => limits::KEEP_ALIVE,
            Waiting::Head => timeouts.head,
            Waiting::Body => timeouts.body,
            Waiting::Nothing | Waiting::Offers => return,
        };
        self.set_patience(key, now + patience);
    }

    /// A request is served later, at this time at the latest.
    pub(super) fn postpone(&mut self, key: Key<Connection>, scope: Scope, deadline: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        connection.waiting = Waiting::Offers;
        connection.later = Later::Waits(scope);
        self.set_patience(key, deadline);
    }

    /// What requests have waited for is known, or will not be soon: they are served now.
    pub(super) fn resume_waiting(&mut self, now: Instant) {
        let connections = self.connections.iter();
        let waiting = connections.filter_map(|(key, connection)| match connection.later {
            Later::Waits(scope) => Some((key, scope)),
            Later::No | Later::Over => None,
        });
        let waiting: Vec<(Key<Connection>, Scope)> = waiting.collect();
        for (key, scope) in waiting {
            if self.offers_due(now, scope).is_none() {
                self.resume_request(key);
            }
        }
    }

    fn resume_request(&mut self, key: Key<Connection>) {
        let connection = self.connections.get_mut(key).expect("the caller has it");
        connection.waiting = Waiting::Nothing;
        connection.later = Later::Over;
        self.jobs.push_back(Job::Resume(key));
    }

    fn set_patience(&mut self, key: Key<Connection>, deadline: Instant) {
        let connection = self.connections.get_mut(key).expect("the caller has it");
        let is_earlier = deadline < connection.deadline;
        connection.deadline = deadline;
        if connection.timer.is_some() && !is_earlier {
            return;
        }
        let timer = connection.timer.take();
        self.cancel(timer);
        self.schedule_connection(key, deadline);
    }

    /// A deadline has come that may have been moved since it was scheduled.
    pub(super) fn connection_expired(&mut self, now: Instant, key: Key<Connection>) {
        let connection = self
            .connections
            .get_mut(key)
            .expect("a deadline dies with its record");
        connection.timer = None;
        let deadline = connection.deadline;
        let waiting = connection.waiting;
        if waiting == Waiting::Nothing {
            return;
        }
        if deadline > now {
            return self.schedule_connection(key, deadline);
        }
        if waiting == Waiting::Offers {
            return self.resume_request(key);
        }
        self.stats.connections_timed_out += 1;
        let in_request = waiting != Waiting::Request;
        self.jobs.push_back(Job::CloseConnection {
            connection: key,
            in_request,
        });
    }

    fn schedule_connection(&mut self, key: Key<Connection>, deadline: Instant) {
        let timer = self.schedule(deadline.round_up(limits::COARSE), Deadline::Connection(key));
        self.connections
            .get_mut(key)
            .expect("the caller has seen it")
            .timer = timer;
    }
}
