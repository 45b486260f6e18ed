//! Questions of calls to their clients, the same for every transport: which may be asked, what is
//! pending, and how an answer finds its call.
//!
//! With a handshake a question is a request of ours on the stream of the call, and its answer comes
//! as a response. In 2026-07-28 all questions of a turn end the exchange ([`round`](super::round)).
//! A call with pending questions is *waiting*: its timeout does not run, since nobody knows how
//! long a person takes, but it is given up after [`limits::ANSWER_WAIT`].

use super::call::{Call, State};
use super::round::Round;
use super::session::{Session, SessionId};
use super::stream::{Phase, Stream};
use super::{Engine, Era, Job};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::revision::Revision;
use crate::mcp::stateless;
use crate::time::Instant;
use crate::tool::ask::{Answered, Ask, AskKind};
use crate::upstream::Tag;
use crate::wire::dialect::{About, Dialect};
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{self, INTERNAL_ERROR, Id, METHOD_NOT_FOUND, RpcError};
use serde_json::value::RawValue;
use std::rc::Rc;

/// What a call has asked of its client. Its bytes are drawn from the budget.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Questions without an answer, in the order in which they were asked.
    pending: Vec<Pending>,
    /// Answers that came before their questions, by key: a JSON object.
    pub(super) early: Option<Box<RawValue>>,
    /// Bytes of the answers, which the work keeps.
    answer_bytes: usize,
    /// A question was answered in the turn in which it was asked: the work goes on once more before
    /// it waits.
    pub(super) has_news: bool,
    /// Pages that a person was sent to (2025-11-25): the client is told when that is over.
    elicitations: Vec<SessionId>,
    /// Which exchange may answer (2026-07-28).
    pub(super) round: Round,
}

/// A question without an answer.
#[derive(Debug)]
struct Pending {
    /// Unique in the call.
    key: Box<str>,
    kind: AskKind,
    /// A JSON object.
    params: Box<str>,
    /// The id of our request, with a handshake.
    id: Option<Id>,
}

impl Pending {
    fn bytes(&self) -> usize {
        self.key.len() + self.params.len() + size_of::<Pending>()
    }
}

impl Asked {
    /// Bytes of the budget that it holds.
    fn held_bytes(&self) -> usize {
        let pending: usize = self.pending.iter().map(Pending::bytes).sum();
        let early = self.early.as_ref().map_or(0, |early| early.get().len());
        let pages = self.elicitations.len() * size_of::<SessionId>();
        pending + early + self.answer_bytes + pages
    }
}

impl Call {
    /// Bytes of the budget that its questions hold.
    pub(super) fn held_bytes(&self) -> usize {
        self.asked.as_ref().map_or(0, |asked| asked.held_bytes())
    }

    /// Questions without an answer.
    fn pending(&self) -> &[Pending] {
        self.asked.as_ref().map_or(&[], |asked| &asked.pending)
    }

    /// Its questions are as its state says.
    pub(super) fn check_questions(&self) {
        let pending = self.pending();
        let is_waiting = matches!(self.state, State::Waiting);
        assert_eq!(is_waiting, !pending.is_empty(), "a call waits for nothing");
        assert!(pending.len() <= limits::ASKS_MAX);
        let has_handshake = self.era == Era::Handshake;
        assert!(pending.iter().all(|one| one.id.is_some() == has_handshake));
    }

    /// Whether a client may answer the question with this key so.
    fn takes(&self, key: &str, answer: &RawValue) -> bool {
        let mut pending = self.pending().iter();
        pending.any(|one| *one.key == *key && is_answer(one.kind, answer))
    }
}

/// The pending questions of a call: the `inputRequests` of 2026-07-28 and of its tasks.
pub(super) fn pending_json(call: &Call) -> Vec<u8> {
    let mut requests = vec![b'{'];
    for (place, one) in call.pending().iter().enumerate() {
        if place > 0 {
            requests.push(b',');
        }
        json::push_string(&mut requests, &one.key);
        requests.push(b':');
        let request = Object::default()
            .text("method", one.kind.method())
            .json("params", one.params.as_bytes());
        requests.append(&mut request.end());
    }
    requests.push(b'}');
    requests
}

impl Engine {
    /// A function at work asks its client something.
    pub(super) fn handle_ask(&mut self, now: Instant, key: Key<Call>, ask: Ask) {
        let Some(call) = self.calls.get(key).filter(|call| call.is_running()) else {
            return;
        };
        if let Err(error) = self.may_ask(call, &ask) {
            self.stats.asks_refused += 1;
            return self.answer_at_once(now, key, ask.key, Err(error));
        }
        self.stats.asks += 1;
        if let Some(answer) = early_answer(call, &ask) {
            let answer = self.kept_answer(key, Ok(answer));
            return self.answer_at_once(now, key, ask.key, answer);
        }
        let pending = Pending {
            key: ask.key.into(),
            kind: ask.kind,
            params: ask.params.into(),
            id: None,
        };
        let has_handshake = call.era == Era::Handshake;
        let is_page = has_handshake && pending.kind == AskKind::Url;
        let page_bytes = usize::from(is_page) * size_of::<SessionId>();
        if !self.take_bytes(pending.bytes() + page_bytes) {
            return self.answer_at_once(now, key, pending.key.into(), Err(memory_full()));
        }
        let page = is_page.then(|| (self.draw_id)());
        let call = self.calls.get_mut(key).expect("it was there above");
        call.state = State::Waiting;
        let asked = call.asked.get_or_insert_default();
        asked.pending.push(pending);
        asked.elicitations.extend(page);
        self.restart_clock(now, key);
        self.note_questions(now, key);
        if has_handshake {
            self.send_question(now, key);
        }
    }

    /// Whether there is somebody who can be asked this now.
    fn may_ask(&self, call: &Call, ask: &Ask) -> Result<(), RpcError> {
        if !call.method.may_ask() {
            let text = format!("{} may not ask the client", call.method.name());
            return Err(RpcError::new(METHOD_NOT_FOUND, text));
        }
        if self.drain.is_some() {
            return Err(RpcError::new(INTERNAL_ERROR, "the server is stopping"));
        }
        let session = call.session.and_then(|session| self.sessions.get(session));
        if session.is_some_and(|session| !session.confirmed) {
            let text = "the client has not confirmed its handshake";
            return Err(RpcError::new(INTERNAL_ERROR, text));
        }
        let has_pages = session.is_none_or(|session| session.revision.has_pages());
        let speaks_requests = call.dialect == Dialect::Standard;
        let needed = ask.kind.needs();
        let missing = call.client.missing(needed);
        if !missing.is_empty() {
            return Err(stateless::capability_missing(missing));
        }
        if !speaks_requests || (ask.kind == AskKind::Url && !has_pages) {
            return Err(stateless::capability_missing(needed));
        }
        if call.era == Era::Handshake && call.stream.is_none() {
            return Err(client_gone());
        }
        if call.pending().len() >= limits::ASKS_MAX {
            let most = limits::ASKS_MAX;
            let text = format!("a call may have {most} questions without an answer");
            return Err(RpcError::new(INTERNAL_ERROR, text));
        }
        Ok(())
    }

    /// Answers a question that was never pending.
    fn answer_at_once(&mut self, now: Instant, call: Key<Call>, key: String, answer: Answered) {
        let asked = self.calls.get_mut(call).map(|call| &mut call.asked);
        asked
            .expect("the caller has seen it")
            .get_or_insert_default()
            .has_news = true;
        self.give_answer(now, call, key, answer);
    }

    /// Gives an answer to whatever works on the call.
    fn give_answer(&mut self, now: Instant, call: Key<Call>, key: String, answer: Answered) {
        let forwarded = self
            .calls
            .get(call)
            .and_then(|call| call.forwarded.as_ref());
        let Some(forwarded) = forwarded else {
            return self.jobs.push_back(Job::Answer { call, key, answer });
        };
        let Some(child) = forwarded.child else { return };
        if let Some(record) = self.children.slab.get_mut(child) {
            let tag = Tag(call.to_bits());
            record.conversation.answer(tag, &key, &answer);
            self.look_after(now, child);
        }
    }

    /// Sends the latest question of a call as a request of ours. It is owed like an answer.
    fn send_question(&mut self, now: Instant, key: Key<Call>) {
        self.asks_sent += 1;
        let id = Id::number(self.asks_sent);
        let call = self.calls.get(key).expect("the caller has seen it");
        let stream = call.stream.expect("whoever asks has a stream");
        let session = call.session.and_then(|session| self.sessions.get(session));
        let revision = session.map_or(Revision::NEWEST, |session| session.revision);
        let call = self.calls.get_mut(key).expect("it was there above");
        let asked = call.asked.as_mut().expect("it has asked");
        let one = asked.pending.last_mut().expect("it was just asked");
        let is_page = one.kind == AskKind::Url;
        let page = asked.elicitations.last().filter(|_| is_page).copied();
        one.id = Some(id.clone());
        let params = params_for(revision, one, page);
        let mut payload = Vec::new();
        jsonrpc::call_raw(&mut payload, Some(&id), one.kind.method(), &params);
        if self.streams.get(stream).map(|stream| stream.phase) == Some(Phase::Held) {
            self.begin_events(now, stream);
        }
        self.push(now, stream, payload);
        // Without room the stream was given up, and with it perhaps the call.
        if !self.streams.contains(stream) && self.calls.contains(key) {
            self.answer_question(
                now,
                key,
                |one| one.id.as_ref() == Some(&id),
                Err(client_gone()),
            );
        }
    }

    /// A client answers a request of ours. What answers nothing is of no consequence: the call may
    /// have ended meanwhile.
    pub(super) fn take_response(
        &mut self,
        now: Instant,
        session: Key<Session>,
        id: &Id,
        result: Result<&RawValue, &RawValue>,
    ) {
        let is_it = |one: &Pending| one.id.as_ref() == Some(id);
        let has_asked =
            |call: &Call| call.session == Some(session) && call.pending().iter().any(is_it);
        let found = self.calls.iter().find(|(_, call)| has_asked(call));
        let Some(key) = found.map(|(key, _)| key) else {
            self.stats.responses_unasked += 1;
            return;
        };
        let answer = match result {
            Ok(result) => Ok(Rc::from(result.to_owned())),
            Err(error) => Err(rpc_error(error)),
        };
        self.answer_question(now, key, is_it, answer);
    }

    /// Takes those of a client's answers that answer pending questions; others are passed over, as
    /// are those that make no sense. `answers` is a JSON object.
    pub(super) fn take_answers(&mut self, now: Instant, key: Key<Call>, answers: &RawValue) {
        let call = self.calls.get(key).expect("the caller has found it");
        let mut taken: Vec<(Box<str>, Rc<RawValue>)> = Vec::new();
        let read = json::each_member(answers.get(), &mut |name, answer| {
            let is_new = taken.iter().all(|(known, _)| **known != *name);
            if is_new && call.takes(&name, answer) {
                taken.push((name.into(), Rc::from(answer.to_owned())));
            }
            Ok(())
        });
        debug_assert!(read.is_ok(), "a message was read before");
        for (name, answer) in taken {
            self.answer_question(now, key, |one| one.key == name, Ok(answer));
        }
    }

    /// Answers the questions that the client cannot answer any more: it has come back with fewer
    /// capabilities.
    pub(super) fn answer_incapable(&mut self, now: Instant, key: Key<Call>) {
        let call = self.calls.get(key).expect("the caller has found it");
        let client = call.client;
        while let Some(call) = self.calls.get(key) {
            let mut missing = call
                .pending()
                .iter()
                .map(|one| client.missing(one.kind.needs()));
            let Some(missing) = missing.find(|missing| !missing.is_empty()) else {
                return;
            };
            let is_it = |one: &Pending| client.missing(one.kind.needs()) == missing;
            let error = stateless::capability_missing(missing);
            self.answer_question(now, key, is_it, Err(error));
        }
    }

    /// Gives the work the answer to the first pending question that `is_it` holds for. With the
    /// last one it goes on, and its timeout begins anew.
    fn answer_question(
        &mut self,
        now: Instant,
        key: Key<Call>,
        is_it: impl Fn(&Pending) -> bool,
        answer: Answered,
    ) {
        let call = self.calls.get_mut(key).expect("the caller has found it");
        let Some(asked) = &mut call.asked else { return };
        let Some(place) = asked.pending.iter().position(is_it) else {
            return;
        };
        let one = asked.pending.remove(place);
        let goes_on = asked.pending.is_empty();
        if goes_on {
            call.state = State::Running;
        }
        self.pool.give(one.bytes());
        let answer = self.kept_answer(key, answer);
        self.give_answer(now, key, one.key.into(), answer);
        if goes_on {
            self.restart_clock(now, key);
            self.note_questions(now, key);
        }
    }

    /// A call does not want to know any more: its client need not answer. The timeout runs again if
    /// that was all that the call had asked.
    pub(super) fn withdraw_question(&mut self, now: Instant, key: Key<Call>, question: &str) {
        let call = self.calls.get_mut(key).expect("the caller has found it");
        if call.is_away() {
            // What its client answers to this is passed over.
            return;
        }
        let Some(asked) = &mut call.asked else { return };
        let Some(place) = asked.pending.iter().position(|one| *one.key == *question) else {
            return;
        };
        let one = asked.pending.remove(place);
        let goes_on = asked.pending.is_empty();
        if goes_on {
            call.state = State::Running;
        }
        let stream = call.stream;
        self.pool.give(one.bytes());
        if let (Some(id), Some(stream)) = (&one.id, stream) {
            let params = Object::default().json("requestId", id.as_json().as_bytes());
            self.tell(now, stream, "notifications/cancelled", params);
        }
        if goes_on {
            self.restart_clock(now, key);
            self.note_questions(now, key);
        }
    }

    /// An answer whose bytes are drawn from the budget for as long as the call lasts.
    fn kept_answer(&mut self, key: Key<Call>, answer: Answered) -> Answered {
        let bytes = match &answer {
            Ok(answer) => answer.get().len(),
            Err(error) => error.heap_bytes(),
        };
        if !self.take_bytes(bytes) {
            return Err(memory_full());
        }
        let call = self.calls.get_mut(key).expect("the caller has found it");
        call.asked.get_or_insert_default().answer_bytes += bytes;
        answer
    }

    /// Nobody waits for answers any more: takes back the questions that are pending, and says that
    /// pages are done with.
    pub(super) fn withdraw(
        &mut self,
        now: Instant,
        stream: Option<Key<Stream>>,
        asked: Option<Box<Asked>>,
    ) {
        let Some(asked) = asked else { return };
        self.pool.give(asked.held_bytes());
        let Some(stream) = stream else { return };
        for id in asked.pending.iter().filter_map(|one| one.id.as_ref()) {
            let params = Object::default().json("requestId", id.as_json().as_bytes());
            self.tell(now, stream, "notifications/cancelled", params);
        }
        for page in &asked.elicitations {
            let params = Object::default().text("elicitationId", page.as_str());
            self.tell(now, stream, "notifications/elicitation/complete", params);
        }
    }

    fn tell(&mut self, now: Instant, stream: Key<Stream>, method: &str, params: Object) {
        let mut payload = Vec::new();
        jsonrpc::call_raw(&mut payload, None, method, &params.end());
        let event = self.framed(now, Dialect::Standard, payload, About::Notice);
        self.emit(now, stream, event);
    }
}

/// What stands in an answer of this kind at least.
fn is_answer(kind: AskKind, answer: &RawValue) -> bool {
    if !answer.get().starts_with('{') {
        return false;
    }
    match kind {
        AskKind::Form | AskKind::Url => {
            let picked = json::pick(answer.get(), ["action"]);
            let action = picked.ok().and_then(|[action]| json::text(action?));
            matches!(action.as_deref(), Some("accept" | "decline" | "cancel"))
        }
        AskKind::Sample | AskKind::SampleWithTools | AskKind::Roots => true,
    }
}

/// The answer that has come before its question.
fn early_answer(call: &Call, ask: &Ask) -> Option<Rc<RawValue>> {
    let early = call.asked.as_ref()?.early.as_ref()?;
    let mut found = None;
    let read = json::each_member(early.get(), &mut |name, answer| {
        if name == ask.key && is_answer(ask.kind, answer) {
            found = Some(answer);
        }
        Ok(())
    });
    read.ok()?;
    Some(Rc::from(found?.to_owned()))
}

/// The parameters as a revision has them: modes of elicitation, and names of visits to pages, there
/// are since 2025-11-25.
fn params_for(revision: Revision, one: &Pending, page: Option<SessionId>) -> Vec<u8> {
    let is_old = one.kind == AskKind::Form && !revision.has_pages();
    if page.is_none() && !is_old {
        return one.params.as_bytes().to_vec();
    }
    let mut params = Vec::with_capacity(one.params.len());
    let read = json::each_member(&one.params, &mut |name, value| {
        if name != "elicitationId" && !(is_old && name == "mode") {
            params.push(if params.is_empty() { b'{' } else { b',' });
            json::push_string(&mut params, &name);
            params.push(b':');
            params.extend_from_slice(value.get().as_bytes());
        }
        Ok(())
    });
    debug_assert!(read.is_ok(), "the work asks with an object");
    let named = page.map(|page| Object::default().text("elicitationId", page.as_str()).end());
    match named {
        Some(named) if params.is_empty() => named,
        Some(named) => {
            params.push(b',');
            params.extend_from_slice(&named[1..]);
            params
        }
        None if params.is_empty() => b"{}".to_vec(),
        None => {
            params.push(b'}');
            params
        }
    }
}

/// The `error` object of a response.
fn rpc_error(error: &RawValue) -> RpcError {
    let picked = json::pick(error.get(), ["code", "message", "data"]);
    let [code, message, data] = picked.unwrap_or_default();
    let code = code.and_then(|code| code.get().parse().ok());
    let message = message.and_then(json::text);
    RpcError {
        code: code.unwrap_or(INTERNAL_ERROR),
        message: message.unwrap_or_default().into_owned().into(),
        data: data.map(ToOwned::to_owned),
    }
}

fn client_gone() -> RpcError {
    RpcError::new(INTERNAL_ERROR, "the client is gone")
}

fn memory_full() -> RpcError {
    let text = "no memory left for this: the operator can raise limits.memory";
    RpcError::new(INTERNAL_ERROR, text)
}
