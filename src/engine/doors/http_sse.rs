//! HTTP+SSE of 2024-11-05: the stream's door and the messages' door.

use super::{Exchange, Reply};
use crate::auth::Principal;
use crate::bounded::Key;
use crate::engine::Engine;
use crate::engine::dispatch::Dispatched;
use crate::engine::report::{self, Opened};
use crate::engine::session::{Session, Transport};
use crate::engine::stream::{Kind, Stream};
use crate::mcp::http_sse::{self, Pair, SESSION_PARAMETERS};
use crate::mcp::refusal::Refusal;
use crate::mcp::revision::Revision;
use crate::mcp::streamable;
use crate::wire::dialect::Dialect;
use crate::wire::head::Method;
use crate::wire::jsonrpc::{self, Incoming, Message, RpcError};
use crate::wire::status::Status;

impl Engine {
    /// `GET /sse`: opens a session and its stream.
    pub(super) fn http_sse_stream(
        &mut self,
        exchange: &mut Exchange<'_>,
        pair: Pair,
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
        self.open_http_sse(exchange, pair).map(Reply::Stream)
    }

    /// Opens an HTTP+SSE session, or resumes the one that `Last-Event-ID` names.
    pub(super) fn open_http_sse(
        &mut self,
        exchange: &mut Exchange<'_>,
        pair: Pair,
    ) -> Result<Key<Stream>, Refusal> {
        let stream = self.resume_or_open(exchange, pair)?;
        let session = self.streams.get(stream).and_then(|stream| stream.session);
        let session = session.and_then(|session| self.sessions.get(session));
        let opened = Opened {
            session: session.expect("it has just been opened").id,
            peer: exchange.peer,
            // Nobody is asked for a token yet.
            token: "anonymous",
            role: "master",
            listening: self.listening,
        };
        match pair {
            Pair::Sse => report::stream_opened(&opened),
            Pair::McpSse => report::connection_added(&opened),
        }
        Ok(stream)
    }

    /// A client whose session is gone, or has a gap, gets a new one: its `endpoint` event says so.
    fn resume_or_open(
        &mut self,
        exchange: &mut Exchange<'_>,
        pair: Pair,
    ) -> Result<Key<Stream>, Refusal> {
        let framing = exchange.framing();
        let seen = exchange
            .fields()
            .last_event_id
            .and_then(http_sse::parse_event_id);
        let principal = exchange.principal;
        let seen =
            seen.and_then(|(id, sequence)| Some((self.sse_session(id, principal).ok()?, sequence)));
        if let Some((session, sequence)) = seen {
            let stream = self
                .sessions
                .get(session)
                .and_then(|session| session.stream);
            let stream = stream.expect("an HTTP+SSE session lives as long as its stream");
            match self.resume(stream, sequence, framing) {
                Ok(stream) => return Ok(stream),
                Err(_) => self.end_session(exchange.now, session),
            }
        }
        let transport = Transport::HttpSse(pair);
        let session =
            self.open_session(exchange.now, principal, transport, Revision::V2024_11_05)?;
        let opened = self.listen(session, Kind::HttpSse, framing);
        if opened.is_err() {
            self.end_session(exchange.now, session);
        }
        opened
    }

    /// `POST /messages?session_id=`: takes a message; what it leads to comes on the stream.
    pub(super) fn http_sse_message(
        &mut self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Reply, Refusal> {
        if exchange.head.method != Method::Post {
            return Err(Refusal::MethodWrong("POST"));
        }
        let target = &exchange.head.target;
        let id = SESSION_PARAMETERS
            .iter()
            .find_map(|name| target.query_value(name));
        let session = self.sse_session(&id.ok_or(Refusal::SessionMissing)?, exchange.principal)?;
        // Hand-written clients of this transport often declare nothing.
        if exchange
            .fields()
            .content_type
            .is_some_and(|media| !streamable::is_json(media))
        {
            return Err(Refusal::NotJson);
        }
        let incoming = match self.decode(exchange.body) {
            Ok(incoming) => incoming,
            Err(fault) => return Ok(exchange.fault(&fault)),
        };
        self.touch(exchange.now, session);
        match incoming {
            Incoming::One(message) => self.sse_message(exchange, session, message),
            Incoming::Batch(messages) => {
                if !self
                    .sessions
                    .get(session)
                    .is_some_and(|s| s.revision.has_batches())
                {
                    return Err(Refusal::BatchWrong);
                }
                for message in messages {
                    match message {
                        Ok(message) => self.sse_message(exchange, session, message),
                        Err(fault) => self.sse_fault(exchange, session, &fault),
                    }
                }
            }
        }
        Ok(exchange.empty(Status::Accepted))
    }

    /// The HTTP+SSE session with this id.
    fn sse_session(&self, id: &str, principal: Principal) -> Result<Key<Session>, Refusal> {
        let key = self
            .sessions
            .find_own(id, principal)
            .ok_or(Refusal::SessionUnknown)?;
        let session = self.sessions.get(key).expect("it was just found");
        match session.transport {
            Transport::HttpSse(_) => Ok(key),
            Transport::Streamable => Err(Refusal::SessionUnknown),
        }
    }

    /// Takes one message. A refusal goes on the stream as well: official clients stop sending for
    /// good after a POST that is not a success.
    fn sse_message(&mut self, exchange: &Exchange<'_>, key: Key<Session>, message: Message<'_>) {
        let now = exchange.now;
        // A message before this one may have ended the session: its client lagged too far behind.
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        let stream = session
            .stream
            .expect("an HTTP+SSE session lives as long as its stream");
        match message {
            Message::Request { id, method, params } => {
                let mut payload = Vec::new();
                let asker = exchange.asker(Some(key), Dialect::Standard);
                match self.dispatch(now, asker, &id, &method, params, &mut payload) {
                    Dispatched::Answered => self.push(now, stream, payload),
                    Dispatched::Called(call) => self.direct_call(now, call, stream),
                    Dispatched::Refused(refusal) => {
                        let refusal = self.refused(refusal);
                        let error = RpcError::new(refusal.code(), refusal.text());
                        jsonrpc::error(&mut payload, Some(&id), &error);
                        self.push(now, stream, payload);
                    }
                }
            }
            Message::Notification { method, params } => self.notice(now, key, &method, params),
            // This server sends no requests yet, so there is nothing a response could answer.
            Message::Response { .. } => {}
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
