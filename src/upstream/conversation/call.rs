//! Calls: sent, reported on, answered, cancelled.

use super::{Asking, Conversation, Effect, Purpose};
use crate::limits::{ASK_AGAIN_MAX, ASK_ROUNDS_MAX, ASKS_MAX, ID_BYTES_MAX};
use crate::mcp::bridge::{self, Failed, Read};
use crate::mcp::message::Level;
use crate::mcp::revision::Era;
use crate::tool::ask::{Answered, Ask, AskKind};
use crate::tool::handler::{Ended, Progress, Said};
use crate::upstream::conversation::question::kind_of;
use crate::upstream::{Forward, Tag};
use crate::wire::encode::decimal;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};
use serde_json::value::RawValue;

/// A call without an answer.
#[derive(Debug)]
pub(super) struct Open {
    pub asking: Asking,
    /// The id of the request that stands for it now; `None` while its client is asked and the child
    /// has nothing to do.
    pub id: Option<u64>,
    /// What is asked for; it may have to be sent again.
    pub forward: Box<Forward>,
    /// How far it has said to have come.
    furthest: f64,
    /// What its client is asked, where that has ended the request.
    turn: Option<Box<Turn>>,
    /// Turns so far.
    rounds: u8,
    /// Turns without a question so far.
    repeats: u8,
    /// How many questions of each kind it has asked by itself.
    pub asked: [u32; 3],
    /// What its client lacks for what the child has asked.
    pub lacks: Option<Box<RpcError>>,
}

/// Questions that have ended a request, which is to be made again with the answers.
#[derive(Debug, Default)]
struct Turn {
    /// Those without an answer.
    asked: Vec<(Box<str>, AskKind)>,
    /// The answers: members of an object, a comma before each.
    answers: Vec<u8>,
    /// What the child wants to see again: a string of JSON.
    state: Option<Box<str>>,
    /// The child wants pages to be visited, not answers: what it has said.
    visit: Option<RpcError>,
}

impl Open {
    /// Whether it may have questions.
    pub(super) fn may_ask(&self) -> bool {
        self.forward.method.may_ask()
    }

    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        let turn = self.turn.as_ref().map_or(0, |turn| {
            let keys: usize = turn.asked.iter().map(|(key, _)| key.len()).sum();
            keys + turn.answers.capacity() + turn.state.as_ref().map_or(0, |state| state.len())
        });
        let forward = self.forward.params.len() + self.forward.meta.len();
        size_of::<Open>() + size_of::<Forward>() + forward + turn
    }
}

impl Conversation {
    /// Sends a call. The handshake is done.
    pub fn send(&mut self, forward: Box<Forward>, asking: Asking) {
        debug_assert!(
            self.place_of(asking.tag).is_none(),
            "each call is sent once"
        );
        let id = self.send_request(&forward, &asking, None);
        self.calls.push(Open {
            asking,
            id: Some(id),
            forward,
            furthest: f64::NEG_INFINITY,
            turn: None,
            rounds: 0,
            repeats: 0,
            asked: [0; 3],
            lacks: None,
        });
    }

    fn send_request(&mut self, forward: &Forward, asking: &Asking, turn: Option<&Turn>) -> u64 {
        let era = self.plan.era;
        let purpose = Purpose::Call(asking.tag);
        self.request_with(forward.method.name(), purpose, &mut |out, id| {
            write_params(out, (forward, asking), era, id, turn);
        })
    }

    /// Where the call with this tag is.
    pub(super) fn place_of(&self, tag: Tag) -> Option<usize> {
        self.calls.iter().position(|open| open.asking.tag == tag)
    }

    /// Nobody wants the answer of a call any more.
    pub fn cancel(&mut self, tag: Tag) {
        let Some(place) = self.place_of(tag) else {
            return;
        };
        let open = self.calls.remove(place);
        self.end_questions(tag);
        let Some(id) = open.id else { return };
        self.forget(id);
        let params = Object::default().plain("requestId", id);
        self.notify("notifications/cancelled", &params.end());
        self.doubt(&open);
    }

    /// Until the child has read that a call was cancelled, it may speak of it. In 2026-07-28 that
    /// can be log messages only, since all else names its call, and there is no ping.
    fn doubt(&mut self, cancelled: &Open) {
        match self.plan.era {
            Era::Handshake if self.plan.is_private || !cancelled.may_ask() => {}
            Era::Handshake => self.put_fence(),
            Era::Stateless if cancelled.asking.log_level.is_none() => {}
            Era::Stateless => self.fence = Some(self.last_id + 1),
        }
    }

    /// A call is answered.
    pub(super) fn answered(&mut self, tag: Tag, result: Result<&RawValue, &RawValue>) {
        let place = self
            .place_of(tag)
            .expect("requests of calls are cancelled with them");
        let open = &mut self.calls[place];
        open.id = None;
        let (client, method) = (open.asking.era, open.forward.method);
        match result {
            Ok(result) => match bridge::read_result(result, self.plan.era, client) {
                Read::Complete(result) => self.end(place, Ended::Result(result)),
                Read::Asks { requests, state } => self.take_turn(place, requests, state),
                Read::Unfit(why) => self.fail(place, why),
            },
            Err(error) => {
                let capable = open.asking.told.client;
                match bridge::read_error(error, method, self.plan.era, (client, capable)) {
                    Failed::Error(error) => self.end_with_error(place, error),
                    Failed::ResourceUnknown => self.end(place, Ended::ResourceUnknown),
                    Failed::Visits(visits) => self.ask_visits(place, &visits, error),
                }
            }
        }
    }

    fn end(&mut self, place: usize, ended: Ended) {
        let open = self.calls.remove(place);
        let tag = open.asking.tag;
        self.end_questions(tag);
        self.effects.push_back(Effect::Ended(tag, ended));
    }

    fn fail(&mut self, place: usize, why: &'static str) {
        self.end(place, Ended::Failed(RpcError::new(INTERNAL_ERROR, why)));
    }

    /// A call that has failed because its client cannot be asked says so, where the revision has an
    /// error for that (MCP 2026-07-28, basic, `_meta`).
    fn end_with_error(&mut self, place: usize, error: RpcError) {
        let open = &mut self.calls[place];
        let is_told = open.asking.era == Era::Stateless;
        let lacks = open.lacks.take().filter(|_| is_told);
        self.end(place, Ended::Failed(lacks.map_or(error, |lacks| *lacks)));
    }

    /// The child has answered with questions, or wants to be asked again.
    fn take_turn(&mut self, place: usize, requests: Option<&RawValue>, state: Option<&RawValue>) {
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
    fn ask_visits(&mut self, place: usize, visits: &[&RawValue], error: &RawValue) {
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
        open.id = Some(self.send_request(&open.forward, &open.asking, turn.as_deref()));
        // The next request of its client has a token of its own.
        if open.asking.era == Era::Stateless {
            open.furthest = f64::NEG_INFINITY;
        }
        self.calls.insert(place, open);
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
        if let Some(visit) = &turn.visit
            && !answer.as_ref().is_ok_and(|answer| is_accepted(answer))
        {
            let error = answer.as_ref().err().unwrap_or(visit).clone();
            self.end(place, Ended::Failed(error));
            return true;
        }
        match (answer, kind) {
            (Ok(answer), _) => push_answer(&mut turn.answers, &key, answer.get()),
            // A child must not ask what it was not told that the client can be asked.
            (Err(error), _) if bridge::is_incapable(error) => {
                self.fail(place, "the server asks what the client cannot be asked");
                return true;
            }
            (Err(_), AskKind::Form | AskKind::Url) => {
                push_answer(&mut turn.answers, &key, CANCELLED);
            }
            (Err(error), AskKind::Sample | AskKind::SampleWithTools | AskKind::Roots) => {
                let error = error.clone();
                self.end(place, Ended::Failed(error));
                return true;
            }
        }
        if turn.asked.is_empty() {
            self.retry(place);
        } else {
            let tag = self.calls[place].asking.tag;
            self.effects.push_back(Effect::Waits(tag));
        }
        true
    }

    /// A call says how far it has come. That of one that is over comes late, and is no fault.
    pub(super) fn progressed(&mut self, params: Option<&RawValue>) {
        let names = ["progressToken", "progress", "total", "message"];
        let picked = params.and_then(|params| json::pick(params.get(), names).ok());
        let Some([Some(token), Some(progress), total, message]) = picked else {
            return self.noise("progress that makes no sense");
        };
        let id = token.get().parse().ok();
        let mut calls = self.calls.iter_mut();
        let Some(open) = calls.find(|open| id.is_some() && open.id == id) else {
            return;
        };
        let Some(done) = number(progress) else {
            return self.noise("progress that makes no sense");
        };
        if !open.asking.told.wants_progress || done <= open.furthest {
            return;
        }
        open.furthest = done;
        let total = total.filter(|total| number(total).is_some());
        let progress = Progress {
            progress: progress.get().to_string(),
            total: total.map(|total| total.get().to_string()),
            message: message.and_then(json::text).map(String::from),
        };
        let said = Effect::Said(open.asking.tag, Said::Progress(progress));
        self.effects.push_back(said);
    }

    /// A log message.
    pub(super) fn logged(&mut self, params: Option<&RawValue>) {
        let picked = params.map(|params| json::pick(params.get(), ["level", "logger", "data"]));
        let Some(Ok([Some(level), logger, data])) = picked else {
            return self.noise("a log message that makes no sense");
        };
        let Some(level) = Level::read(level) else {
            return self.noise("a log message of no known level");
        };
        let logger = logger.and_then(json::text).map(String::from);
        let data = data.map_or("null", RawValue::get).to_string();
        self.effects.push_back(match self.logs(level) {
            Some(tag) => {
                let said = Said::Log {
                    level,
                    logger,
                    data,
                };
                Effect::Said(tag, said)
            }
            None => Effect::Log {
                level,
                logger,
                data,
            },
        });
    }

    /// The call that a log message belongs to. In 2026-07-28 it is of a request that wants such
    /// messages; before that, of anything.
    fn logs(&self, level: Level) -> Option<Tag> {
        let at_work = self.calls.iter().filter(|open| open.id.is_some());
        let mut found = at_work.filter(|open| match self.plan.era {
            Era::Handshake => true,
            Era::Stateless => open.asking.log_level.is_some_and(|least| least <= level),
        });
        let tag = |open: &Open| open.asking.tag;
        if self.plan.is_private {
            return found.next_back().map(tag);
        }
        let only = found.next().filter(|_| self.fence.is_none())?;
        found.next().is_none().then(|| tag(only))
    }
}

/// A result of a question to a person who was not there.
pub(super) const CANCELLED: &str = r#"{"action":"cancel"}"#;

/// The value of a number that is not written at length.
fn number(json: &RawValue) -> Option<f64> {
    let text = json.get();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    json::float(text).filter(|_| is_number && text.len() <= ID_BYTES_MAX)
}

fn is_accepted(answer: &RawValue) -> bool {
    let picked = json::pick(answer.get(), ["action"]);
    matches!(picked, Ok([Some(action)]) if action.get() == "\"accept\"")
}

fn push_answer(answers: &mut Vec<u8>, key: &str, answer: &str) {
    answers.push(b',');
    json::push_string(answers, key);
    answers.push(b':');
    answers.extend_from_slice(answer.as_bytes());
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

/// Appends the parameters of a request: those of the client with what the child is to know.
fn write_params(
    out: &mut Vec<u8>,
    (forward, asking): (&Forward, &Asking),
    era: Era,
    id: u64,
    turn: Option<&Turn>,
) {
    let open = forward
        .params
        .trim_end()
        .strip_suffix('}')
        .map(str::trim_end);
    let open = open.expect("parameters are an object");
    out.extend_from_slice(open.as_bytes());
    let mut separator = if open.ends_with('{') { "" } else { "," };
    if let Some(turn) = turn {
        if let Some(answers) = turn.answers.get(1..).filter(|_| turn.visit.is_none()) {
            out.extend_from_slice(separator.as_bytes());
            out.extend_from_slice(b"\"inputResponses\":{");
            out.extend_from_slice(answers);
            out.push(b'}');
            separator = ",";
        }
        if let Some(state) = &turn.state {
            out.extend_from_slice(separator.as_bytes());
            out.extend_from_slice(b"\"requestState\":");
            out.extend_from_slice(state.as_bytes());
            separator = ",";
        }
    }
    let start = out.len();
    out.extend_from_slice(separator.as_bytes());
    out.extend_from_slice(b"\"_meta\":{");
    let empty = out.len();
    write_meta(out, (forward, asking), era, id);
    if out.len() == empty {
        out.truncate(start);
    } else {
        out.push(b'}');
    }
    out.push(b'}');
}

/// Appends the members of `_meta`.
fn write_meta(out: &mut Vec<u8>, (forward, asking): (&Forward, &Asking), era: Era, id: u64) {
    let start = out.len();
    let separate = |out: &mut Vec<u8>| {
        if out.len() > start {
            out.push(b',');
        }
    };
    if asking.told.wants_progress {
        out.extend_from_slice(b"\"progressToken\":");
        decimal(out, id);
    }
    if era == Era::Stateless {
        separate(out);
        bridge::push_request_meta(out, asking.told.client, asking.log_level);
    }
    if !forward.meta.is_empty() {
        separate(out);
        out.extend_from_slice(forward.meta.as_bytes());
    }
}
