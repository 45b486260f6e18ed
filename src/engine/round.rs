//! Rounds of 2026-07-28: a call that asks ends the exchange with its questions, and goes on with
//! the answers in a further request of its client (MCP 2026-07-28, multi round-trip requests).
//!
//! Between the two the call is *away*: it keeps its place, and what it is working with, but there
//! is nobody to tell. It is given up when the answers take too long, or when another call needs the
//! place. The client holds a sealed text that names the call and the round; whatever it sends with
//! that is held against the call, since anybody may send anything.

use super::call::{Call, State, Wanted};
use super::dispatch::{Dispatched, Wrong, parse};
use super::stream::Stream;
use super::{Asker, Engine, Era};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Meta;
use crate::mcp::method::Method;
use crate::mcp::request_state::{self, RequestState, SealKey};
use crate::time::Instant;
use crate::tool::command::Stopped;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::status::Status;
use serde_json::value::RawValue;

/// Which exchange may answer a call's questions.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Chance, drawn when the call first asks.
    nonce: Option<[u8; 16]>,
    /// How many rounds are answered.
    number: u32,
    /// Of the request; a retry is the same one.
    digest: [u8; 16],
}

/// Members of `params` that belong to a round.
const RESPONSES: &str = "inputResponses";
const STATE: &str = "requestState";

impl Wanted {
    /// Whether its client can be asked by ending the exchange.
    pub(super) fn may_ask(&self, client: Capabilities) -> bool {
        self.asker.era == Era::Stateless && !client.is_empty() && !self.in_background
    }
}

impl Call {
    /// Whether it waits for its client to come back.
    pub(super) fn is_away(&self) -> bool {
        matches!(self.state, State::Waiting) && self.door.is_none() && self.task.is_none()
    }
}

impl Engine {
    /// Notes what a call needs to ask: what its request was, and the answers that came along.
    pub(super) fn prepare_to_ask(
        &mut self,
        key: Key<Call>,
        method: Method,
        params: Option<&RawValue>,
    ) {
        let call = self.calls.get_mut(key).expect("it was just started");
        let Some(asked) = call.asked.as_mut() else {
            return;
        };
        asked.round.digest = digest(method, params);
        let picked = params.and_then(|params| json::pick(params.get(), [RESPONSES]).ok());
        let early = picked.and_then(|[early]| early.filter(|early| early.get().starts_with('{')));
        let Some(early) = early else { return };
        if self.take_bytes(early.get().len()) {
            let call = self.calls.get_mut(key).expect("it was there above");
            let asked = call.asked.as_mut().expect("it was there above");
            asked.early = Some(early.to_owned());
        }
    }

    /// The work of a call waits. If that is for the client, the exchange ends with the questions;
    /// not before, so that those of one turn go together.
    pub fn handle_waiting_call(&mut self, now: Instant, key: Key<Call>) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let Some(asked) = &mut call.asked else { return };
        if std::mem::take(&mut asked.has_news) {
            return;
        }
        let ends = call.era == Era::Stateless && matches!(call.state, State::Waiting);
        if let Some(stream) = call.stream.filter(|_| ends) {
            self.end_exchange(now, key, stream);
        }
    }

    /// Answers the request of a call with its questions.
    fn end_exchange(&mut self, now: Instant, key: Key<Call>, stream: Key<Stream>) {
        let call = self.calls.get_mut(key).expect("the caller has seen it");
        call.stream = None;
        let id = call.id.clone();
        let took = now.since(call.since);
        if let Some(door) = call.door.take() {
            self.stats.call_over(door, took);
        }
        let mut payload = Vec::new();
        self.write_questions(now, key, &id, &mut payload);
        self.answer_request(now, stream, payload, Some(Status::Ok));
        // Without room for the answer nobody knows how to come back.
        if !self.streams.contains(stream) {
            self.stop_call(now, key, Stopped::Cancelled);
        }
    }

    /// Writes the result that asks, and begins to wait for the client.
    fn write_questions(&mut self, now: Instant, key: Key<Call>, id: &Id, payload: &mut Vec<u8>) {
        let state = self.seal_round(now, key);
        let call = self.calls.get_mut(key).expect("the caller has seen it");
        call.since = now;
        let scope = call.scope;
        let result = Object::default()
            .json("inputRequests", &super::ask::pending_json(call))
            .text(STATE, &state);
        jsonrpc::response_raw(payload, id, &result.end());
        self.stamp(scope, "input_required", None, payload);
        let timer = self.calls.get_mut(key).and_then(|call| call.timer.take());
        self.cancel(timer);
        self.watch_call(now, key);
    }

    /// The text by which the client names the round.
    fn seal_round(&mut self, now: Instant, key: Key<Call>) -> String {
        let draw = |draw_id: &mut dyn FnMut() -> super::SessionId| {
            let id = draw_id();
            let letters = id.as_str().as_bytes();
            *letters.last_chunk::<16>().expect("an id has 22 letters")
        };
        if self.seal_key.is_none() {
            // 96 bits of chance in each half.
            let halves = [draw(&mut self.draw_id), draw(&mut self.draw_id)];
            let mut random = [0; 32];
            random.copy_from_slice(halves.as_flattened());
            self.seal_key = Some(SealKey::new(random));
        }
        let call = self.calls.get_mut(key).expect("the caller has seen it");
        let asked = call.asked.as_mut().expect("it has asked");
        let nonce = &mut asked.round.nonce;
        let nonce = *nonce.get_or_insert_with(|| draw(&mut self.draw_id));
        let state = RequestState {
            call: key.to_bits(),
            nonce,
            round: asked.round.number,
            digest: asked.round.digest,
            principal: call.principal.id.0,
            expires: (now + limits::ANSWER_WAIT).millis(),
        };
        let seal = self.seal_key.as_ref().expect("it was just drawn");
        seal.seal(&state)
    }

    /// A request that goes on with a call, if it says so.
    pub(super) fn retry(
        &mut self,
        now: Instant,
        asker: Asker,
        id: &Id,
        method: Method,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Option<Dispatched> {
        // Hardly any request does, and to look is cheaper than to read.
        let params = params.filter(|params| params.get().contains(STATE))?;
        let names = [STATE, RESPONSES];
        let picked = json::pick(params.get(), names);
        let [state, responses] = match picked {
            Ok(found) => found.map(json::said),
            Err(error) => {
                let wrong = RpcError::new(jsonrpc::INVALID_PARAMS, format!("params: {error}"));
                return Some(self.answer_wrong(payload, id, &wrong));
            }
        };
        let found = self.find_waiting(now, asker, state?, || digest(method, Some(params)));
        let key = match found.and_then(|key| is_object(responses).map(|()| key)) {
            Ok(key) => key,
            Err(wrong) => return Some(self.answer_wrong(payload, id, &wrong)),
        };
        let token = parse::<Meta<'_>>(Some(params)).ok();
        let token = token.and_then(|meta| meta.progress_token);
        let call = self.calls.get_mut(key).expect("it was just found");
        call.client = asker.client;
        call.log_level = asker.log_level;
        call.progress_token = token.map(ToOwned::to_owned);
        let asked = call.asked.as_mut().expect("it has asked");
        asked.round.number += 1;
        Some(self.go_on(now, key, id, responses, payload))
    }

    /// Takes the answers. With all of them the call goes on; otherwise it asks again.
    fn go_on(
        &mut self,
        now: Instant,
        key: Key<Call>,
        id: &Id,
        responses: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        if let Some(responses) = responses {
            self.take_answers(now, key, responses);
        }
        self.answer_incapable(now, key);
        let call = self.calls.get_mut(key).expect("nothing has ended it");
        if matches!(call.state, State::Waiting) {
            self.write_questions(now, key, id, payload);
            return Dispatched::Answered;
        }
        call.id = id.clone();
        call.since = now;
        call.door = Some(self.door);
        self.stats.calls_resumed += 1;
        Dispatched::Called(key)
    }

    /// The call that a request state names, if this request may go on with it.
    fn find_waiting(
        &self,
        now: Instant,
        asker: Asker,
        state: &RawValue,
        digest: impl FnOnce() -> [u8; 16],
    ) -> Result<Key<Call>, Wrong> {
        let text = json::text(state).ok_or_else(|| wrong("expected a string"))?;
        let opened = self.seal_key.as_ref().and_then(|seal| seal.open(&text));
        let state = opened.ok_or_else(|| wrong("it is not from this server"))?;
        if state.expires <= now.millis() {
            return Err(wrong("it has expired"));
        }
        if state.principal != asker.principal.id.0 {
            return Err(wrong("it was given to somebody else"));
        }
        if state.digest != digest() {
            return Err(wrong("it belongs to another request"));
        }
        let key = Key::from_bits(state.call).filter(|key| {
            let call = self.calls.get(*key).filter(|call| call.is_running());
            let round = call.and_then(|call| Some(&call.asked.as_ref()?.round));
            round.is_some_and(|round| round.nonce == Some(state.nonce))
        });
        let key: Key<Call> = key.ok_or_else(|| wrong("the call is no longer waited for"))?;
        let call = self.calls.get(key).expect("it was just found");
        let asked = call.asked.as_ref().expect("it was just found");
        if !call.is_away() || asked.round.number != state.round {
            return Err(wrong("this round is answered already"));
        }
        if call.principal != asker.principal {
            return Err(wrong("it was given to somebody else"));
        }
        Ok(key)
    }

    /// Ends the call that has been away for longest of those that `is_in` holds for. Returns
    /// whether there was one.
    pub(super) fn make_call_room(&mut self, now: Instant, is_in: impl Fn(&Call) -> bool) -> bool {
        let calls = self.calls.iter();
        let away = calls.filter(|(_, call)| call.is_away() && is_in(call));
        let Some((key, _)) = away.min_by_key(|(_, call)| call.since) else {
            return false;
        };
        self.give_up_call(now, key);
        true
    }
}

/// What a request is about, so that a retry can be told from another one.
fn digest(method: Method, params: Option<&RawValue>) -> [u8; 16] {
    let names = ["name", "uri", "arguments"];
    let picked = params.and_then(|params| json::pick(params.get(), names).ok());
    let [name, uri, arguments] = picked.unwrap_or_default();
    let name = name.or(uri).and_then(json::text).unwrap_or_default();
    let arguments = json::said(arguments).map_or("{}", RawValue::get);
    request_state::digest(method.name(), &name, arguments)
}

fn is_object(responses: Option<&RawValue>) -> Result<(), Wrong> {
    match responses {
        Some(responses) if !responses.get().starts_with('{') => Err(RpcError::new(
            jsonrpc::INVALID_PARAMS,
            "params.inputResponses: expected an object",
        )),
        Some(_) | None => Ok(()),
    }
}

fn wrong(problem: &str) -> Wrong {
    RpcError::new(
        jsonrpc::INVALID_PARAMS,
        format!("params.requestState: {problem}"),
    )
}
