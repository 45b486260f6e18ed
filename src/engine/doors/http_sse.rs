//! HTTP+SSE of 2024-11-05: the stream's door and the messages' door.

use super::{Exchange, Reply};
use crate::bounded::Key;
use crate::engine::Engine;
use crate::engine::dispatch::Dispatched;
use crate::engine::report::{self, Opened};
use crate::engine::route::Door;
use crate::engine::session::{Session, Transport};
use crate::engine::stream::{Kind, Stream};
use crate::mcp::http_sse::{self, Base, Pair, SESSION_PARAMETERS};
use crate::mcp::refusal::Refusal;
use crate::mcp::revision::Revision;
use crate::mcp::streamable;
use crate::wire::dialect::{About, Dialect};
use crate::wire::head::Method;
use crate::wire::jsonrpc::{self, Incoming, Message};
use crate::wire::status::Status;
use std::borrow::Cow;

/// A session and the stream that carries it.
type Opening = (Key<Session>, Key<Stream>);

impl Engine {
    /// `GET /sse`: opens a session and its stream.
    pub(super) fn http_sse_stream(
        &mut self,
        exchange: &mut Exchange<'_>,
        pair: Pair,
        dialect: Dialect,
    ) -> Result<Reply, Refusal> {
        match exchange.head.method {
            Method::Get => {}
            // Clients that find a POST refused with 405 fall back to this transport.
            Method::Head | Method::Post | Method::Delete | Method::Options | Method::Other => {
                return Err(Refusal::MethodWrong("GET"));
            }
        }
        if !streamable::accepts_stream(exchange.fields().accept) {
            return Err(Refusal::NotAcceptable);
        }
        let dialect = match pair {
            Pair::Sse if self.wants_plain(exchange) => Dialect::Plain,
            Pair::Sse | Pair::McpSse => dialect,
        };
        // What the query makes of the door may need another right.
        self.authorize(exchange.principal, Door::Sse(pair, dialect))?;
        self.open_http_sse(exchange, pair, dialect)
            .map(Reply::Stream)
    }

    /// Whether `/sse` is to be plain: by its query, or else by the configuration.
    fn wants_plain(&self, exchange: &Exchange<'_>) -> bool {
        match exchange.head.target.query_value("format") {
            Some(format) => format == "plain",
            None => self.config.compat.sse_plain,
        }
    }

    /// Opens an HTTP+SSE session, or resumes the one that `Last-Event-ID` names.
    pub(super) fn open_http_sse(
        &mut self,
        exchange: &mut Exchange<'_>,
        pair: Pair,
        dialect: Dialect,
    ) -> Result<Key<Stream>, Refusal> {
        let events = exchange.head.target.query_value("events");
        let events = events.as_deref().map(http_sse::parse_event_names);
        let events = events.transpose()?.unwrap_or_default();
        let (key, stream) = match self.resume_http_sse(exchange, pair, dialect)? {
            Some(resumed) => resumed,
            None => self.begin_http_sse(exchange, pair, dialect)?,
        };
        if let Err(refusal) = self.want_events(key, events) {
            self.end_session(exchange.now, key);
            return Err(refusal);
        }
        let session = self.sessions.get_mut(key).expect("it has a stream");
        session.base = base(exchange);
        self.report_opened(exchange, key, pair);
        Ok(stream)
    }

    /// Says in the log who has opened a stream, in the words of its doors.
    fn report_opened(&self, exchange: &Exchange<'_>, key: Key<Session>, pair: Pair) {
        let access = &self.config.access;
        let session = self.sessions.get(key).expect("it has a stream");
        let opened = Opened {
            session: session.id,
            peer: exchange.address,
            token: access.name_of(exchange.principal),
            role: &access.role(session.role).name,
            listening: self.listening,
        };
        match pair {
            Pair::Sse => report::stream_opened(&opened),
            Pair::McpSse => report::connection_added(&opened),
        }
    }

    /// The session that `Last-Event-ID` names and its stream, if it came in by the same door and
    /// has no gap.
    fn resume_http_sse(
        &mut self,
        exchange: &Exchange<'_>,
        pair: Pair,
        dialect: Dialect,
    ) -> Result<Option<Opening>, Refusal> {
        let seen = exchange.fields().last_event_id;
        let Some((id, sequence)) = seen.and_then(http_sse::parse_event_id) else {
            return Ok(None);
        };
        let Ok(key) = self.sse_session(exchange, id) else {
            return Ok(None);
        };
        let session = self.sessions.get_mut(key).expect("it was just found");
        let was_plain = session.dialect == Dialect::Plain;
        let is_same = session.transport == Transport::HttpSse(pair);
        if !is_same || was_plain != (dialect == Dialect::Plain) {
            return Ok(None);
        }
        session.is_resumed = true;
        let stream = session.stream;
        let stream = stream.expect("an HTTP+SSE session lives as long as its stream");
        match self.resume(stream, sequence, exchange.framing()) {
            Ok(stream) => Ok(Some((key, stream))),
            // It may come back once others have left.
            Err(refusal @ Refusal::QuotaFull(..)) => Err(refusal),
            Err(_) => {
                self.end_session(exchange.now, key);
                Ok(None)
            }
        }
    }

    /// A new session and its stream.
    fn begin_http_sse(
        &mut self,
        exchange: &Exchange<'_>,
        pair: Pair,
        dialect: Dialect,
    ) -> Result<Opening, Refusal> {
        let (now, whose) = (exchange.now, (exchange.principal, exchange.scope));
        let transport = Transport::HttpSse(pair);
        let key = self.open_session(now, whose, transport, Revision::V2024_11_05)?;
        let session = self.sessions.get_mut(key).expect("it was just opened");
        session.dialect = dialect;
        session.confirmed = dialect != Dialect::Standard;
        match self.listen(key, Kind::HttpSse, exchange.framing()) {
            Ok(stream) => Ok((key, stream)),
            Err(refusal) => {
                self.end_session(now, key);
                Err(refusal)
            }
        }
    }

    /// Narrows the broadcasts of a session to events of these names.
    fn want_events(&mut self, key: Key<Session>, events: Box<str>) -> Result<(), Refusal> {
        let session = self.sessions.get_mut(key).expect("it has a stream");
        let before = session.held_bytes();
        if let Some(interests) = &mut session.interests {
            interests.events = Box::default();
        }
        let (after, more) = (session.held_bytes(), session.bytes_to_hear(events.len()));
        self.pool.give(before - after);
        if events.is_empty() {
            return Ok(());
        }
        if !self.take_bytes(more) {
            return Err(Refusal::MemoryFull);
        }
        let session = self.sessions.get_mut(key).expect("it was there above");
        session.interests.get_or_insert_default().events = events;
        Ok(())
    }

    /// `POST /messages?session_id=`: takes a message; what it leads to comes on the stream.
    pub(super) fn http_sse_message(
        &mut self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Reply, Refusal> {
        if exchange.head.method != Method::Post {
            return Err(Refusal::MethodWrong("POST"));
        }
        let id = exchange.named_session().ok_or(Refusal::SessionMissing)?;
        let session = self.sse_session(exchange, &id)?;
        exchange.check_json()?;
        let incoming = match self.decode(exchange.body) {
            Ok(incoming) => incoming,
            Err(fault) => return Ok(exchange.fault(&fault)),
        };
        self.touch(exchange.now, session);
        let acknowledged = self.acknowledgement(session);
        let door = Dialect::Standard;
        match incoming {
            Incoming::One(message) => self.sse_message(exchange, session, door, message),
            Incoming::Batch(messages) => {
                if !self
                    .sessions
                    .get(session)
                    .is_some_and(|s| s.revision.has_batches())
                {
                    return Err(Refusal::BatchWrong);
                }
                let mut is_paid = false;
                for message in messages {
                    self.count_in_batch(exchange, &message, &mut is_paid);
                    match message {
                        Ok(message) => self.sse_message(exchange, session, door, message),
                        Err(fault) => self.sse_fault(exchange, session, &fault),
                    }
                }
            }
        }
        Ok(exchange.empty(acknowledged))
    }

    /// How a message is acknowledged that a session posts to its own door.
    fn acknowledgement(&self, session: Key<Session>) -> Status {
        let transport = self.sessions.get(session).map(|session| session.transport);
        match self.config.compat.messages_no_content {
            true if transport == Some(Transport::HttpSse(Pair::Sse)) => Status::NoContent,
            true | false => Status::Accepted,
        }
    }

    /// The HTTP+SSE session with this id.
    pub(super) fn sse_session(
        &self,
        exchange: &Exchange<'_>,
        id: &str,
    ) -> Result<Key<Session>, Refusal> {
        let key = self
            .sessions
            .find_own(id, exchange.principal, exchange.scope)
            .ok_or(Refusal::SessionUnknown)?;
        let session = self.sessions.get(key).expect("it was just found");
        match session.transport {
            Transport::HttpSse(_) => Ok(key),
            Transport::Streamable => Err(Refusal::SessionUnknown),
        }
    }

    /// Takes one message that came in by a door of this dialect. A refusal goes on the stream as
    /// well: official clients stop sending for good after a POST that is not a success.
    pub(super) fn sse_message(
        &mut self,
        exchange: &Exchange<'_>,
        key: Key<Session>,
        door: Dialect,
        message: Message<'_>,
    ) {
        let now = exchange.now;
        // A message before this one may have ended the session: its client lagged too far behind.
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let dialect = session.hear(door);
        let has_refusals = session.dialect != Dialect::Standard;
        let stream = session
            .stream
            .expect("an HTTP+SSE session lives as long as its stream");
        match message {
            Message::Request { id, method, params } => {
                let mut payload = Vec::new();
                let asker = exchange.asker(Some(key), dialect);
                let method = &*method;
                let about = match self.dispatch(now, asker, &id, method, params, &mut payload) {
                    Dispatched::Answered | Dispatched::Wrong(_) => {
                        About::Request { method, params }
                    }
                    Dispatched::ToolUnknown => About::ToolUnknown,
                    Dispatched::Called(call) => return self.direct_call(now, call, stream),
                    Dispatched::Refused(refusal) => {
                        let error = self.refusal_error(refusal);
                        jsonrpc::error(&mut payload, Some(&id), &error);
                        match refusal.retry_after() {
                            Some(_) if has_refusals => About::Refusal { method },
                            Some(_) | None => About::Request { method, params },
                        }
                    }
                };
                self.say(now, stream, dialect, payload, about);
            }
            Message::Notification { method, params } => self.notice(now, key, &method, params),
            Message::Response { id, result } => self.take_response(now, key, &id, result),
        }
    }

    /// Says on the stream what is wrong with one message of a batch.
    fn sse_fault(&mut self, exchange: &Exchange<'_>, key: Key<Session>, fault: &jsonrpc::Fault) {
        let Some(stream) = self.sessions.get(key).and_then(|session| session.stream) else {
            return;
        };
        let mut payload = Vec::new();
        fault.encode(&mut payload);
        self.push(exchange.now, stream, payload);
    }
}

impl<'r> Exchange<'r> {
    /// The session that the query names.
    pub(super) fn named_session(&self) -> Option<Cow<'r, str>> {
        let target = &self.head.target;
        let mut names = SESSION_PARAMETERS.iter();
        names.find_map(|name| target.query_value(name))
    }

    /// Hand-written clients of HTTP+SSE often declare nothing; what they declare must be JSON.
    pub(super) fn check_json(&self) -> Result<(), Refusal> {
        match self.fields().content_type {
            Some(media) if !streamable::is_json(media) => Err(Refusal::NotJson),
            Some(_) | None => Ok(()),
        }
    }
}

/// What the client of this stream finds its message door by.
fn base(exchange: &Exchange<'_>) -> Base {
    match exchange.secret_path {
        false => Base::Origin,
        true if exchange.path.ends_with('/') => Base::Parent,
        true => Base::Sibling,
    }
}
