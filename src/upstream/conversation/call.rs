//! Calls: sent, reported on, answered, cancelled.

use super::turn::Turn;
use super::{Asking, Conversation, Effect, Purpose};
use crate::limits::ID_BYTES_MAX;
use crate::mcp::bridge::{self, Failed, Read};
use crate::mcp::message::Level;
use crate::mcp::method::Method;
use crate::mcp::revision::Era;
use crate::tool::handler::{Ended, Progress, Said};
use crate::upstream::{Forward, Tag};
use crate::wire::encode::decimal;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};
use serde_json::value::RawValue;

/// Bytes of a request beside what its client has sent, most of the time.
const REQUEST_BYTES: usize = 512;

/// A call without an answer.
#[derive(Debug)]
pub(super) struct Open {
    pub asking: Asking,
    /// The id of the request that stands for it now; `None` while its client is asked and the child
    /// has nothing to do.
    pub id: Option<u64>,
    /// What is asked for.
    pub method: Method,
    /// What was sent, where it may have to be sent again.
    pub forward: Option<Box<Forward>>,
    /// How far it has said to have come.
    pub furthest: f64,
    /// What its client is asked, where that has ended the request.
    pub turn: Option<Box<Turn>>,
    /// Turns so far.
    pub rounds: u8,
    /// Turns without a question so far.
    pub repeats: u8,
    /// How many questions of each kind it has asked by itself.
    pub asked: [u32; 3],
    /// What its client lacks for what the child has asked.
    pub lacks: Option<Box<RpcError>>,
}

/// A call that is not sent yet.
#[derive(Debug)]
pub(super) struct Held {
    forward: Box<Forward>,
    asking: Asking,
}

impl Held {
    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Held>() + bytes_of(&self.forward)
    }
}

/// Bytes of memory that it takes to keep a request.
fn bytes_of(forward: &Forward) -> usize {
    size_of::<Forward>() + forward.params.len() + forward.meta.len()
}

impl Open {
    /// Whether it may have questions.
    pub(super) fn may_ask(&self) -> bool {
        self.method.may_ask()
    }

    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        let turn = self.turn.as_ref().map_or(0, |turn| turn.bytes());
        let forward = self.forward.as_deref().map_or(0, bytes_of);
        size_of::<Open>() + forward + turn
    }
}

impl Conversation {
    /// Sends a call, now or when it is clear that what the child asks next is asked by it. The
    /// handshake is done.
    pub fn send(&mut self, forward: Box<Forward>, asking: Asking) {
        let waits = self.fence.is_some() && self.needs_fences();
        if waits && forward.method.may_ask() {
            return self.held.push_back(Held { forward, asking });
        }
        self.send_now(forward, asking);
    }

    /// Sends the calls that were held back.
    pub(super) fn send_held(&mut self) {
        for Held { forward, asking } in std::mem::take(&mut self.held) {
            self.send_now(forward, asking);
        }
    }

    fn send_now(&mut self, forward: Box<Forward>, asking: Asking) {
        debug_assert!(
            self.place_of(asking.tag).is_none(),
            "each call is sent once"
        );
        let id = self.send_request(&forward, &asking, None);
        let method = forward.method;
        let eras = (self.plan.era, asking.era);
        let may_repeat = method.may_ask() && eras != (Era::Handshake, Era::Handshake);
        self.calls.push(Open {
            asking,
            id: Some(id),
            method,
            forward: may_repeat.then_some(forward),
            furthest: f64::NEG_INFINITY,
            turn: None,
            rounds: 0,
            repeats: 0,
            asked: [0; 3],
            lacks: None,
        });
    }

    pub(super) fn send_request(
        &mut self,
        forward: &Forward,
        asking: &Asking,
        turn: Option<&Turn>,
    ) -> u64 {
        let era = self.plan.era;
        let purpose = Purpose::Call(asking.tag);
        // Room for large ones is not doubled, as it is for what comes bit by bit.
        self.output.reserve(forward.bytes() + REQUEST_BYTES);
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
        self.held.retain(|held| held.asking.tag != tag);
        let Some(place) = self.place_of(tag) else {
            return;
        };
        let open = self.calls.remove(place);
        self.forget_effects(tag);
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
            Era::Handshake if !self.needs_fences() || !cancelled.may_ask() => {}
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
        self.has_begun = true;
        let open = &mut self.calls[place];
        open.id = None;
        let (client, method) = (open.asking.era, open.method);
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

    pub(super) fn end(&mut self, place: usize, ended: Ended) {
        let open = self.calls.remove(place);
        let tag = open.asking.tag;
        self.forget_effects(tag);
        self.end_questions(tag);
        self.effects.push_back(Effect::Ended(tag, ended));
    }

    /// A call is over: what it was about to ask is of no use to anybody.
    fn forget_effects(&mut self, tag: Tag) {
        self.effects.retain(|effect| match effect {
            Effect::Said(of, Said::Ask(_)) | Effect::Waits(of) => *of != tag,
            _ => true,
        });
    }

    pub(super) fn fail(&mut self, place: usize, why: &'static str) {
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

/// The value of a number that is not written at length.
fn number(json: &RawValue) -> Option<f64> {
    let text = json.get();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    json::float(text).filter(|_| is_number && text.len() <= ID_BYTES_MAX)
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
        separator = turn.write(out, separator);
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
