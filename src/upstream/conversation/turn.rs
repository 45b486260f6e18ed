//! Questions that are an answer: the request is made again with what clients say (MCP 2026-07-28,
//! multi round-trip requests). So are the pages that a child with a handshake wants to be visited.

use super::question::kind_of;
use super::{Conversation, Effect};
use crate::limits::{ASK_AGAIN_MAX, ASK_ROUNDS_MAX, ASKS_MAX};
use crate::mcp::bridge;
use crate::mcp::revision::Era;
use crate::tool::ask::{Answered, Ask, AskKind};
use crate::tool::handler::{Ended, Said};
use crate::wire::json;
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};
use serde_json::value::RawValue;

/// Questions that have ended a request, which is to be made again with the answers.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Those without an answer.
    asked: Vec<(Box<str>, AskKind)>,
    /// The answers: members of an object, a comma before each.
    answers: Vec<u8>,
    /// What the child wants to see again: a string of JSON.
    state: Option<Box<str>>,
    /// The child wants pages to be visited, not answers: what it has said.
    visit: Option<RpcError>,
}

impl Turn {
    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        let keys: usize = self.asked.iter().map(|(key, _)| key.len()).sum();
        let state = self.state.as_ref().map_or(0, |state| state.len());
        size_of::<Turn>() + keys + self.answers.capacity() + state
    }

    /// Appends the members of parameters that answer it; what separates them from those that stand
    /// there is `separator`, and what separates the next ones is returned.
    pub(super) fn write(&self, out: &mut Vec<u8>, mut separator: &'static str) -> &'static str {
        if let Some(answers) = self.answers.get(1..).filter(|_| self.visit.is_none()) {
            out.extend_from_slice(separator.as_bytes());
            out.extend_from_slice(b"\"inputResponses\":{");
            out.extend_from_slice(answers);
            out.push(b'}');
            separator = ",";
        }
        if let Some(state) = &self.state {
            out.extend_from_slice(separator.as_bytes());
            out.extend_from_slice(b"\"requestState\":");
            out.extend_from_slice(state.as_bytes());
            separator = ",";
        }
        separator
    }

    /// Takes an answer.
    ///
    /// # Errors
    ///
    /// Why the request cannot be made again.
    fn take(&mut self, key: &str, kind: AskKind, answer: &Answered) -> Result<(), RpcError> {
        let is_person = matches!(kind, AskKind::Form | AskKind::Url);
        let answer = match (answer, &self.visit) {
            (Ok(answer), None) => answer.get(),
            (Ok(answer), Some(_)) if is_accepted(answer) => return Ok(()),
            (Ok(_), Some(visit)) => return Err(visit.clone()),
            (Err(error), None) if is_person && !bridge::is_incapable(error) => CANCELLED,
            (Err(error), _) => return Err(error.clone()),
        };
        self.answers.push(b',');
        json::push_string(&mut self.answers, key);
        self.answers.push(b':');
        self.answers.extend_from_slice(answer.as_bytes());
        Ok(())
    }
}

impl Conversation {
    /// The child has answered with questions, or wants to be asked again.
    pub(super) fn take_turn(
        &mut self,
        place: usize,
        requests: Option<&RawValue>,
        state: Option<&RawValue>,
    ) {
        let open = &mut self.calls[place];
        if !open.may_ask() {
            return self.fail(place, "the server asks where it must not");
        }
        let asks = match requests.map_or(Some(Vec::new()), read_asks) {
            Some(asks) if asks.len() <= ASKS_MAX => asks,
            Some(_) => return self.fail(place, "the server asks too much at once"),
            None => return self.fail(place, "the server's questions make no sense"),
        };
        if asks.is_empty() && state.is_none() {
            return self.fail(place, "the server asks for nothing");
        }
        open.rounds += 1;
        open.repeats += u8::from(asks.is_empty());
        if open.rounds > ASK_ROUNDS_MAX || open.repeats > ASK_AGAIN_MAX {
            return self.fail(place, "the server does not stop asking");
        }
        let turn = Turn {
            state: state.map(|state| state.get().into()),
            ..Turn::default()
        };
        self.begin_turn(place, turn, asks);
    }

    /// A child with a handshake wants pages to be visited before it is asked again. What it has
    /// asked before that is void.
    pub(super) fn ask_visits(&mut self, place: usize, visits: &[&RawValue], error: &RawValue) {
        let open = &mut self.calls[place];
        open.rounds += 1;
        if open.rounds > ASK_ROUNDS_MAX || visits.len() > ASKS_MAX {
            return self.fail(place, "the server does not stop asking");
        }
        let tag = open.asking.tag;
        self.withdraw_questions(tag);
        let message = json::pick(error.get(), ["message"]).unwrap_or_default();
        let message = message[0].and_then(json::text).unwrap_or_default();
        let turn = Turn {
            visit: Some(RpcError::new(INTERNAL_ERROR, message.into_owned())),
            ..Turn::default()
        };
        let ask = |visit| Ask {
            key: self.key_for(place, AskKind::Url, None),
            kind: AskKind::Url,
            params: bridge::read_question(Some(visit), Some("url")).params,
        };
        let asks = visits.iter().copied().map(ask).collect();
        self.begin_turn(place, turn, asks);
    }

    fn begin_turn(&mut self, place: usize, mut turn: Turn, asks: Vec<Ask>) {
        turn.asked = asks
            .iter()
            .map(|ask| (ask.key.as_str().into(), ask.kind))
            .collect();
        let open = &mut self.calls[place];
        open.turn = Some(Box::new(turn));
        let tag = open.asking.tag;
        if asks.is_empty() {
            return self.retry(place);
        }
        let said = asks
            .into_iter()
            .map(|ask| Effect::Said(tag, Said::Ask(ask)));
        self.effects.extend(said);
        self.effects.push_back(Effect::Waits(tag));
    }

    /// All questions of a turn are answered: the request is made again.
    fn retry(&mut self, place: usize) {
        let mut open = self.calls.remove(place);
        let turn = open.turn.take();
        let forward = open.forward.as_deref().expect("what may ask is kept");
        open.id = Some(self.send_request(forward, &open.asking, turn.as_deref()));
        // The next request of its client has a token of its own.
        if open.asking.era == Era::Stateless {
            open.furthest = f64::NEG_INFINITY;
        }
        self.calls.insert(place, open);
    }

    /// A question is not answered, and the request is not made again. That the client lacks a
    /// capability is said to those who have an error for that: the child was told before what its
    /// client can be asked.
    fn end_unasked(&mut self, place: usize, error: RpcError) {
        let is_told = self.calls[place].asking.era == Era::Stateless;
        if bridge::is_incapable(&error) && !is_told {
            return self.fail(place, "the server asks what the client cannot be asked");
        }
        self.end(place, Ended::Failed(error));
    }

    /// A question of a turn is answered. Returns whether there is a turn.
    pub(super) fn answer_turn(&mut self, place: usize, key: &str, answer: &Answered) -> bool {
        let Some(turn) = &mut self.calls[place].turn else {
            return false;
        };
        let Some(at) = turn.asked.iter().position(|(asked, _)| **asked == *key) else {
            return true;
        };
        let (key, kind) = turn.asked.remove(at);
        match turn.take(&key, kind, answer) {
            Err(error) => self.end_unasked(place, error),
            Ok(()) if turn.asked.is_empty() => self.retry(place),
            Ok(()) => {
                let tag = self.calls[place].asking.tag;
                self.effects.push_back(Effect::Waits(tag));
            }
        }
        true
    }
}

/// A result of a question to a person who was not there.
pub(super) const CANCELLED: &str = r#"{"action":"cancel"}"#;

fn is_accepted(answer: &RawValue) -> bool {
    let picked = json::pick(answer.get(), ["action"]);
    matches!(picked, Ok([Some(action)]) if action.get() == "\"accept\"")
}

/// The questions of a turn; `None` if one makes no sense or two have one key.
fn read_asks(requests: &RawValue) -> Option<Vec<Ask>> {
    let mut asks: Vec<Ask> = Vec::new();
    let read = json::each_member(requests.get(), &mut |key, request| {
        let ask = read_ask(&key, request).filter(|ask| asks.iter().all(|one| one.key != ask.key));
        asks.push(ask.ok_or("no question")?);
        Ok(())
    });
    read.ok().map(|()| asks)
}

fn read_ask(key: &str, request: &RawValue) -> Option<Ask> {
    let [method, params] = json::pick(request.get(), ["method", "params"]).ok()?;
    let params = json::said(params);
    Some(Ask {
        key: key.to_string(),
        kind: kind_of(&json::text(method?)?, params).ok()??,
        params: params.map_or("{}", RawValue::get).to_string(),
    })
}
