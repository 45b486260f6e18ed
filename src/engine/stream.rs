//! Streams: every response that is not written at once.
//!
//! A stream is either a *listening* stream (the one of an HTTP+SSE session, or a session's plain
//! `GET`), which never ends by itself, or the *answer* to a POST whose calls are not done yet. A
//! *subscription* (2026-07-28) is a listening stream without a session: it lives as long as the
//! connection that carries it.
//!
//! ```text
//!         last answer                   sent
//!   Held ─────────────► Answered ───────────────► gone (one JSON body)
//!    │ first event, or waited ANSWER_HOLD
//!    ▼    last answer              all sent
//!   Open ─────────────► Ending ───────────────► kept for replay, or gone
//! ```
//!
//! *Attached* means that a connection carries the stream. When it breaks, a stream whose client
//! knows an event id stays, detached, and goes on collecting events until the client comes back
//! with `Last-Event-ID` or [`limits::RESUME_WINDOW`](crate::limits::RESUME_WINDOW) is over.
//!
//! The stream's ring is its queue and its replay memory in one: events before `next` are sent and
//! kept only as long as nobody needs their bytes; events from `next` on are owed to the client.

use super::session::Session;
use super::task::Task;
use crate::auth::Principal;
use crate::auth::origin::Cors;
use crate::bounded::{Key, Ring, Timer};
use crate::mcp::subscription::Lists;
use crate::tool::forward::Scope;
use crate::wire::dialect::Name;
use crate::wire::jsonrpc::Id;
use crate::wire::status::Status;

/// One response that stays open.
#[derive(Debug)]
pub struct Stream {
    /// The session it belongs to; `None` for a subscription and an answer without a session.
    pub session: Option<Key<Session>>,
    /// What it carries.
    pub kind: Kind,
    /// How far it has come.
    pub phase: Phase,
    /// How the connection that carries it frames it.
    pub framing: Framing,
    /// Whether a connection carries it.
    pub attached: bool,
    /// The connection did not take all bytes; nothing more is encoded until it has.
    pub blocked: bool,
    /// It stands in the queue of streams with something to send.
    pub queued: bool,
    /// The head of the event stream is to be sent on the connection that carries it now.
    pub head_due: bool,
    /// A heartbeat is to be sent.
    pub heartbeat_due: bool,
    /// Its connection ends once all is sent: the client comes back for the rest.
    pub released: bool,
    /// Its number in the session, first part of its event ids.
    pub ordinal: u32,
    /// The sequence to send next.
    pub next: u64,
    /// Events: the sent ones as replay, the rest as queue.
    pub ring: Ring<Name>,
    /// Heartbeat while attached; hold while held; resume window while kept.
    pub timer: Option<Timer>,
    /// What an answer stream still waits for.
    pub answer: Option<Box<Answer>>,
    /// What a subscription wants to hear of.
    pub subscription: Option<Box<Subscription>>,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everything of an HTTP+SSE session.
    HttpSse,
    /// What a Streamable HTTP session is told outside its requests.
    Listening,
    /// What a client of 2026-07-28 has asked to be told.
    Subscription,
    /// The answer to one POST.
    Answer,
}

/// How far a stream has come; see the picture above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is sent yet; the answer may still become one JSON body.
    Held,
    /// The answer is complete and goes out as one JSON body.
    Answered,
    /// Events flow.
    Open,
    /// No event will be added; it ends when all are sent.
    Ending,
}

/// How a connection frames a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Chunked (HTTP/1.1), or until the connection closes (HTTP/1.0).
    pub chunked: bool,
    /// The connection takes a further request after the response.
    pub keep_alive: bool,
    /// The page of another origin that reads it, if one does.
    pub cors: Option<Cors>,
}

/// What an answer stream waits for.
#[derive(Debug)]
pub struct Answer {
    /// Calls still to be answered.
    pub outstanding: u32,
    /// The answers go into an array (2025-03-26).
    pub batch: bool,
    /// The client understands one JSON body and no events, however long it takes.
    pub is_one_body: bool,
    /// The status of the JSON body that carries the only answer.
    pub status: Status,
    /// Answers that are complete while nothing is sent yet. Their bytes are charged to the budget.
    pub done: Vec<Vec<u8>>,
}

/// What a subscription wants to hear of, as far as that is honoured. Drawn from the budget.
#[derive(Debug)]
pub struct Subscription {
    /// The id of the request that has opened it.
    pub id: Id,
    /// Whose it is.
    pub principal: Principal,
    /// What is offered where it was opened.
    pub scope: Scope,
    /// Listings whose changes are told.
    pub lists: Lists,
    /// Resources whose changes are told.
    pub resources: Box<[Box<str>]>,
    /// Tasks whose states are told; they may be gone already.
    pub tasks: Box<[Key<Task>]>,
}

impl Subscription {
    /// Bytes of the budget that it holds: each piece with two words of the allocator, since clients
    /// may name many short ones.
    pub fn held_bytes(&self) -> usize {
        let allocator_bytes = 2 * size_of::<usize>();
        let place_bytes = size_of::<Box<str>>() + allocator_bytes;
        let uris: usize = self
            .resources
            .iter()
            .map(|uri| uri.len() + place_bytes)
            .sum();
        let own_bytes = size_of::<Subscription>() + 4 * allocator_bytes;
        let own_bytes = own_bytes + size_of_val(&*self.tasks);
        own_bytes + self.id.heap_bytes() + uris
    }

    /// Whether it is told of changes of this resource.
    pub fn has_resource(&self, uri: &str) -> bool {
        self.resources.iter().any(|known| **known == *uri)
    }
}

impl Default for Answer {
    fn default() -> Answer {
        Answer {
            outstanding: 0,
            batch: false,
            is_one_body: false,
            status: Status::Ok,
            done: Vec::new(),
        }
    }
}

impl Answer {
    /// Bytes of the answers that wait.
    pub fn held_bytes(&self) -> usize {
        self.done.iter().map(Vec::len).sum()
    }
}

impl Stream {
    /// A stream that has sent nothing.
    pub fn new(kind: Kind, phase: Phase, framing: Framing) -> Stream {
        Stream {
            session: None,
            kind,
            phase,
            framing,
            attached: true,
            blocked: false,
            queued: false,
            head_due: true,
            heartbeat_due: false,
            released: false,
            ordinal: 0,
            next: 1,
            ring: Ring::new(),
            timer: None,
            answer: None,
            subscription: None,
        }
    }

    /// Whether it may never become an event stream.
    pub fn is_one_body(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.is_one_body)
    }

    /// Whether every event is sent.
    pub fn all_sent(&self) -> bool {
        self.next >= self.ring.next()
    }

    /// Lets go of everything of the shared budget that this stream holds. Returns the bytes freed.
    pub fn release(&mut self) -> usize {
        let answers = self
            .answer
            .as_mut()
            .map(|answer| std::mem::take(&mut answer.done));
        let answer_bytes: usize = answers.iter().flatten().map(Vec::len).sum();
        let subscription = self.subscription.take();
        let subscription_bytes = subscription.map_or(0, |wanted| wanted.held_bytes());
        self.ring.clear() + answer_bytes + subscription_bytes
    }

    /// Whether events are numbered, so that a client can come back for them.
    pub fn is_resumable(&self) -> bool {
        self.session.is_some() && matches!(self.phase, Phase::Open | Phase::Ending)
    }
}

/// What [`poll_transmit`](super::Engine::poll_transmit) left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Everything there was is in the buffer.
    Waiting,
    /// There is more: ask again when these bytes are away.
    More,
    /// The response ends with these bytes.
    Finished {
        /// Whether the connection takes a further request.
        keep_alive: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_fits_its_share_of_a_session() {
        assert!(size_of::<Stream>() <= 72, "{}", size_of::<Stream>());
    }
}
