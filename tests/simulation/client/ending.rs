//! What a client makes of the end of connections, streams and sessions.

use super::{Asked, Client, Connection, Exchange, Fate};
use std::collections::BTreeSet;

impl Client {
    /// A connection broke.
    pub(super) fn broken(&mut self, mut connection: Connection) {
        if let Some(exchange) = connection.asked.pop_front() {
            let is_current = exchange.session == self.session;
            match (&exchange.asked, connection.prefix) {
                (Asked::Requests(numbers), Some(prefix)) if is_current => {
                    self.owed.entry(prefix).or_default().extend(numbers);
                }
                (Asked::Listen(Some(_)), _) => {}
                _ => self.lose(&exchange),
            }
        }
        for exchange in connection.asked {
            self.lose(&exchange);
        }
    }

    /// What was asked will not be answered, and the client has seen that.
    pub(super) fn lose(&mut self, exchange: &Exchange) {
        let numbers: &[u64] = match &exchange.asked {
            Asked::Requests(numbers) => numbers,
            Asked::Message(Some(number)) => std::slice::from_ref(number),
            Asked::Listen(Some((prefix, _))) if exchange.session == self.session => {
                return self.give_up_stream(prefix);
            }
            Asked::Listen(Some(_))
            | Asked::Message(None)
            | Asked::Notices
            | Asked::Sse
            | Asked::Listen(None)
            | Asked::Subscription(..)
            | Asked::Delete
            | Asked::Wrong
            | Asked::Intrusion
            | Asked::Half => return,
        };
        self.lose_requests(numbers);
    }

    pub(super) fn lose_requests(&mut self, numbers: &[u64]) {
        for number in numbers {
            let request = self.requests.get_mut(number).expect("it is ours");
            if !matches!(request.fate, Fate::Answered(_)) {
                request.fate = Fate::Lost;
            }
        }
    }

    /// The rest of an answer stream cannot be had.
    pub(super) fn give_up_stream(&mut self, prefix: &str) {
        let owed = self.owed.remove(prefix).unwrap_or_default();
        self.lose_requests(&owed);
    }

    /// The session is over: what was asked in it is lost, unless a connection still waits for it.
    pub(super) fn end_session(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        self.ended.push(session.clone());
        for prefix in std::mem::take(&mut self.owed)
            .into_keys()
            .collect::<BTreeSet<_>>()
        {
            self.give_up_stream(&prefix);
        }
        for request in self.requests.values_mut() {
            let is_open = matches!(request.fate, Fate::Sent | Fate::Taken);
            if is_open && request.session.as_deref() == Some(&session) {
                request.fate = Fate::Lost;
            }
        }
        self.door = None;
        self.is_initialized = false;
        self.is_confirmed = false;
    }

    pub(super) fn assert_all_answered(&self, numbers: &[u64]) {
        for number in numbers {
            let request = &self.requests[number];
            let is_answered = matches!(request.fate, Fate::Answered(_));
            assert!(
                is_answered || request.is_cancelled || request.fate == Fate::Lost,
                "the response to {number} {:?} ended without its answer",
                request.what
            );
        }
    }
}
