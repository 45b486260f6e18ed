//! Streamable HTTP of 2025 on `/mcp`: POST, GET and DELETE of one URL.

use super::{Exchange, Reply};
use crate::bounded::Key;
use crate::engine::Engine;
use crate::engine::call::Call;
use crate::engine::dispatch::{self, Dispatched};
use crate::engine::route::Door;
use crate::engine::session::{Session, Transport};
use crate::engine::stream::{Answer, Kind};
use crate::mcp::http_sse::Pair;
use crate::mcp::message::InitializeParams;
use crate::mcp::method::Method as McpMethod;
use crate::mcp::refusal::Refusal;
use crate::mcp::revision::{MODERN, Revision};
use crate::mcp::stateless;
use crate::mcp::streamable;
use crate::tool::command::Stopped;
use crate::wire::dialect::Dialect;
use crate::wire::head::Method;
use crate::wire::jsonrpc::{self, Fault, Id, Incoming, Message};
use crate::wire::status::Status;
use serde_json::value::RawValue;

impl Engine {
    /// `/mcp`.
    pub(super) fn streamable(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        match exchange.head.method {
            Method::Post => self.streamable_post(exchange),
            Method::Get => self.streamable_get(exchange),
            Method::Delete => self.streamable_delete(exchange),
            Method::Head | Method::Options | Method::Other => {
                Err(Refusal::MethodWrong("GET, POST, DELETE"))
            }
        }
    }

    /// `GET /mcp`: the session's listening stream, or a resumed one. Without a session only a
    /// client of 2024 asks so, since every newer one has a session or knows the revision.
    fn streamable_get(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        let fields = exchange.fields();
        let Some(id) = fields.mcp_session_id else {
            let is_old = fields.mcp_protocol_version.is_none()
                && fields
                    .accept
                    .is_some_and(|_| streamable::accepts_stream(fields.accept));
            if !is_old {
                return Err(Refusal::MethodWrong("POST"));
            }
            let (pair, dialect) = (Pair::Sse, Dialect::Standard);
            self.authorize(exchange.principal, Door::Sse(pair, dialect))?;
            let opened = self.open_http_sse(exchange, pair, dialect);
            return opened.map(Reply::Stream);
        };
        let session = self.streamable_session(exchange, id)?;
        streamable::check_version(fields.mcp_protocol_version)?;
        if !streamable::accepts_stream(fields.accept) {
            return Err(Refusal::NotAcceptable);
        }
        self.touch(exchange.now, session);
        let framing = exchange.framing();
        let stream = match fields.last_event_id {
            None => {
                let stream = self.listen(session, Kind::Listening, framing)?;
                self.tell_missed_change(exchange.now, session);
                stream
            }
            Some(event) => {
                let seen = streamable::parse_event_id(event);
                let (ordinal, sequence) = seen.ok_or(Refusal::EventIdWrong)?;
                let stream = self
                    .find_stream(session, ordinal)
                    .ok_or(Refusal::EventsGone)?;
                if self.has_seen_all(stream, sequence) {
                    return Ok(exchange.empty(Status::NoContent));
                }
                self.resume(stream, sequence, framing)?
            }
        };
        Ok(Reply::Stream(stream))
    }

    /// `DELETE /mcp`: the client is done.
    fn streamable_delete(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        let fields = exchange.fields();
        let id = fields.mcp_session_id.ok_or({
            // There it is no method of this door: nothing is kept that could be ended.
            match fields.mcp_protocol_version {
                Some(MODERN) => Refusal::MethodWrong("POST"),
                Some(_) | None => Refusal::SessionMissing,
            }
        })?;
        let session = self.streamable_session(exchange, id)?;
        streamable::check_version(fields.mcp_protocol_version)?;
        self.end_session(exchange.now, session);
        Ok(exchange.empty(Status::NoContent))
    }

    /// The Streamable HTTP session with this id.
    fn streamable_session(
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
            Transport::Streamable => Ok(key),
            Transport::HttpSse(_) => Err(Refusal::SessionUnknown),
        }
    }

    /// `POST /mcp`: one message or a batch, with or without a session.
    fn streamable_post(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        let fields = exchange.fields();
        if !fields.content_type.is_some_and(streamable::is_json) {
            return Err(Refusal::NotJson);
        }
        if !streamable::accepts_answer(fields.accept) {
            return Err(Refusal::NotAcceptable);
        }
        let incoming = match self.decode(exchange.body) {
            Ok(incoming) => incoming,
            Err(fault) => return Ok(exchange.fault(&fault)),
        };
        if let Incoming::One(Message::Request { id, method, params }) = &incoming
            && let Some(claim) = stateless::claim(*params)
        {
            return Ok(self.stateless_request(exchange, id, method, *params, claim));
        }
        let session = match fields.mcp_session_id {
            Some(id) => Some(self.streamable_session(exchange, id)?),
            None => None,
        };
        if let Some(session) = session {
            self.touch(exchange.now, session);
        }
        match incoming {
            Incoming::One(message) => self.streamable_message(exchange, session, message),
            Incoming::Batch(messages) => self.streamable_batch(exchange, session, messages),
        }
    }

    /// One message.
    fn streamable_message(
        &mut self,
        exchange: &mut Exchange<'_>,
        session: Option<Key<Session>>,
        message: Message<'_>,
    ) -> Result<Reply, Refusal> {
        if let (Message::Response { .. }, Some(_)) = (&message, session) {
            streamable::check_version(exchange.fields().mcp_protocol_version)?;
        }
        match message {
            Message::Request { id, method, params } => {
                let answered = self.streamable_request(exchange, session, &id, &method, params);
                Ok(answered.unwrap_or_else(|refusal| self.refuse(exchange, refusal, Some(&id))))
            }
            Message::Notification { method, params } => {
                streamable::check_version(exchange.fields().mcp_protocol_version)
                    .or_else(ignore_modern)?;
                if let Some(session) = session {
                    self.notice(exchange.now, session, &method, params);
                }
                Ok(exchange.empty(Status::Accepted))
            }
            Message::Response { .. } if session.is_none() => Err(Refusal::ResponseUnasked),
            Message::Response { id, result } => {
                if let Some(session) = session {
                    self.take_response(exchange.now, session, &id, result);
                }
                Ok(exchange.empty(Status::Accepted))
            }
        }
    }

    /// One request, answered at once or through a stream.
    fn streamable_request(
        &mut self,
        exchange: &mut Exchange<'_>,
        session: Option<Key<Session>>,
        id: &Id,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Reply, Refusal> {
        streamable::check_version(exchange.fields().mcp_protocol_version)?;
        if McpMethod::parse(method) == Some(McpMethod::Initialize) {
            return self.streamable_initialize(exchange, session, id, params);
        }
        let mut body = Vec::new();
        let asker = exchange.asker(session, Dialect::Standard);
        match self.dispatch(exchange.now, asker, id, method, params, &mut body) {
            Dispatched::Answered | Dispatched::Wrong(_) | Dispatched::ToolUnknown => {
                Ok(exchange.json(Status::Ok, &[], &body))
            }
            Dispatched::Refused(refusal) => Err(refusal),
            Dispatched::Called(call) => {
                let answer = Answer {
                    outstanding: 1,
                    ..Answer::default()
                };
                self.answer_through_stream(exchange, session, &[call], answer)
            }
        }
    }

    /// Opens the stream through which these calls are answered.
    pub(super) fn answer_through_stream(
        &mut self,
        exchange: &Exchange<'_>,
        session: Option<Key<Session>>,
        calls: &[Key<Call>],
        answer: Answer,
    ) -> Result<Reply, Refusal> {
        match self.open_answer(session, exchange.framing(), answer) {
            Ok(stream) => {
                for call in calls {
                    self.calls
                        .get_mut(*call)
                        .expect("it was just started")
                        .stream = Some(stream);
                }
                Ok(Reply::Stream(stream))
            }
            Err(refusal) => {
                for call in calls {
                    self.stop_call(exchange.now, *call, Stopped::Cancelled);
                }
                Err(refusal)
            }
        }
    }

    /// `initialize`: a new session, whose id goes into the answer's head.
    fn streamable_initialize(
        &mut self,
        exchange: &mut Exchange<'_>,
        session: Option<Key<Session>>,
        id: &Id,
        params: Option<&RawValue>,
    ) -> Result<Reply, Refusal> {
        if session.is_some() {
            return Err(Refusal::SessionOpen);
        }
        let mut body = Vec::new();
        // Read before a session is opened: it may have to take another one's place.
        if let Err(wrong) = dispatch::parse::<InitializeParams<'_>>(params) {
            self.stats.errors += 1;
            jsonrpc::error(&mut body, Some(id), &wrong);
            return Ok(exchange.json(Status::Ok, &[], &body));
        }
        if let Some(wrong) = self.unknown_in(exchange.scope) {
            self.answer_wrong(&mut body, id, &wrong);
            return Ok(exchange.json(Status::Ok, &[], &body));
        }
        let now = exchange.now;
        let session = self.open_session(
            now,
            (exchange.principal, exchange.scope),
            Transport::Streamable,
            Revision::V2025_03_26,
        )?;
        self.initialize(session, id, params, &mut body);
        let name = self.sessions.get(session).expect("it was just opened").id;
        Ok(exchange.json(Status::Ok, &[("Mcp-Session-Id", name.as_str())], &body))
    }

    /// A batch: answered as an array, or message by message once a call takes its time.
    fn streamable_batch(
        &mut self,
        exchange: &mut Exchange<'_>,
        session: Option<Key<Session>>,
        messages: Vec<Result<Message<'_>, Fault>>,
    ) -> Result<Reply, Refusal> {
        streamable::check_version(exchange.fields().mcp_protocol_version)?;
        let revision = match session.and_then(|session| self.sessions.get(session)) {
            Some(session) => Some(session.revision),
            None => exchange
                .fields()
                .mcp_protocol_version
                .and_then(Revision::parse),
        };
        let stands_alone = |message: &Result<Message<'_>, Fault>| match message {
            Ok(Message::Request { method, params, .. }) => {
                method == "initialize" || stateless::claim(*params).is_some()
            }
            Ok(_) | Err(_) => false,
        };
        if !revision.is_none_or(Revision::has_batches) || messages.iter().any(stands_alone) {
            return Err(Refusal::BatchWrong);
        }
        let mut answer = Answer {
            batch: true,
            ..Answer::default()
        };
        let mut calls = Vec::new();
        let mut is_paid = false;
        for message in messages {
            self.count_in_batch(exchange, &message, &mut is_paid);
            self.batch_message(exchange, session, message, &mut answer, &mut calls);
        }
        // A later message may have cancelled a call that was still in the queue of its tool.
        calls.retain(|call| self.calls.contains(*call));
        if !calls.is_empty() {
            answer.outstanding = calls.len() as u32;
            if !self.take_bytes(answer.held_bytes()) {
                answer.done.clear();
                for call in calls {
                    self.stop_call(exchange.now, call, Stopped::Cancelled);
                }
                return Err(Refusal::MemoryFull);
            }
            let held_bytes = answer.held_bytes();
            let reply = self.answer_through_stream(exchange, session, &calls, answer);
            if reply.is_err() {
                self.give_bytes(held_bytes);
            }
            return reply;
        }
        if answer.done.is_empty() {
            return Ok(exchange.empty(Status::Accepted));
        }
        let body = [b"[", answer.done.join(&b',').as_slice(), b"]"].concat();
        Ok(exchange.json(Status::Ok, &[], &body))
    }

    /// One message of a batch: its answer goes to `answer`, its call to `calls`.
    fn batch_message(
        &mut self,
        exchange: &Exchange<'_>,
        session: Option<Key<Session>>,
        message: Result<Message<'_>, Fault>,
        answer: &mut Answer,
        calls: &mut Vec<Key<Call>>,
    ) {
        let now = exchange.now;
        let mut payload = Vec::new();
        match message {
            Err(fault) => fault.encode(&mut payload),
            Ok(Message::Request { id, method, params }) => {
                let asker = exchange.asker(session, Dialect::Standard);
                match self.dispatch(now, asker, &id, &method, params, &mut payload) {
                    Dispatched::Answered | Dispatched::Wrong(_) | Dispatched::ToolUnknown => {}
                    Dispatched::Called(call) => return calls.push(call),
                    Dispatched::Refused(refusal) => {
                        let error = self.refusal_error(refusal);
                        jsonrpc::error(&mut payload, Some(&id), &error);
                    }
                }
            }
            Ok(Message::Notification { method, params }) => {
                if let Some(session) = session {
                    self.notice(now, session, &method, params);
                }
                return;
            }
            Ok(Message::Response { id, result }) => {
                if let Some(session) = session {
                    self.take_response(now, session, &id, result);
                }
                return;
            }
        }
        answer.done.push(payload);
    }
}

/// A notification of the stateless revision is acknowledged and ignored: there is nothing its
/// sender could do about a refusal.
fn ignore_modern(refusal: Refusal) -> Result<(), Refusal> {
    if refusal == Refusal::MetaMissing {
        Ok(())
    } else {
        Err(refusal)
    }
}
