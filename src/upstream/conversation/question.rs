//! What a child asks of us or of a client.
//!
//! A child with a handshake asks with requests of its own, which name no call; see
//! [`Conversation`] for whose they are. In 2026-07-28 questions are answers (`call.rs`), and a
//! child must not make requests.

use super::call::Open;
use super::turn::CANCELLED;
use super::{Conversation, Effect};
use crate::limits::ASKS_MAX;
use crate::mcp::bridge;
use crate::mcp::revision::Era;
use crate::tool::ask::{Answered, Ask, AskKind};
use crate::tool::handler::Said;
use crate::upstream::Tag;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{self, INTERNAL_ERROR, INVALID_PARAMS, Id, METHOD_NOT_FOUND, RpcError};
use serde_json::value::RawValue;

/// A question that nobody has answered.
#[derive(Debug)]
pub(super) struct Question {
    /// The child's id of it.
    id: Id,
    /// The call it belongs to.
    tag: Tag,
    /// What it is known by in the call.
    key: Box<str>,
    kind: AskKind,
}

impl Question {
    /// Bytes of memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Question>() + self.key.len() + self.id.as_json().len()
    }
}

/// Whose a question is.
enum Whose {
    /// This call's.
    Call(usize),
    /// That of one of several calls.
    Unclear,
    /// No call's.
    Nobody,
}

impl Conversation {
    /// A request of the child.
    pub(super) fn asked(&mut self, id: Id, method: &str, params: Option<&RawValue>) {
        if self.plan.era == Era::Stateless {
            return self.noise("a request, which its revision forbids");
        }
        if self.questions.iter().any(|one| one.id == id) {
            return self.noise("a request with the id of another one");
        }
        if method == "ping" {
            return self.respond(&id, "{}");
        }
        match kind_of(method, params) {
            Ok(Some(kind)) => self.ask(id, kind, params),
            Ok(None) => self.refuse(&id, METHOD_NOT_FOUND, "there is no such method"),
            Err(problem) => self.refuse(&id, INVALID_PARAMS, problem),
        }
    }

    /// Asks the client of the call that a question belongs to.
    fn ask(&mut self, id: Id, kind: AskKind, params: Option<&RawValue>) {
        if kind == AskKind::Roots && self.are_own_roots() {
            let why = "there are no roots";
            return self.refuse_question(&id, kind, METHOD_NOT_FOUND, why);
        }
        let place = match self.whose() {
            Whose::Call(place) => {
                self.is_asking();
                place
            }
            Whose::Unclear => {
                self.is_asking();
                return self.refuse_question(&id, kind, INTERNAL_ERROR, UNCLEAR);
            }
            Whose::Nobody => {
                let why = "nobody can be asked while no call is in flight";
                return self.refuse_question(&id, kind, METHOD_NOT_FOUND, why);
            }
        };
        let tag = self.calls[place].asking.tag;
        let mut questions = self.questions.iter();
        if questions.by_ref().filter(|one| one.tag == tag).count() >= ASKS_MAX {
            let why = "the call has too many questions without an answer";
            return self.refuse(&id, INTERNAL_ERROR, why);
        }
        let mode = (kind == AskKind::Form).then_some("form");
        let question = bridge::read_question(params, mode);
        let key = self.key_for(place, kind, question.key);
        self.questions.push(Question {
            id,
            tag,
            key: key.as_str().into(),
            kind,
        });
        let ask = Ask {
            key,
            kind,
            params: question.params,
        };
        self.effects.push_back(Effect::Said(tag, Said::Ask(ask)));
    }

    /// Whether the child wants roots for itself, which it may once before it has answered a call.
    /// Where several clients share it, those of one of them are not for all: some servers take them
    /// for the only folders that they may touch.
    fn are_own_roots(&mut self) -> bool {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        !self.plan.is_private && (is_first || !self.plan.roots.is_empty())
    }

    fn is_asking(&mut self) {
        if !self.is_interactive {
            self.is_interactive = true;
            self.effects.push_back(Effect::IsInteractive);
        }
    }

    /// Whose a question is that was just asked.
    fn whose(&self) -> Whose {
        let mut calls = self.calls.iter().enumerate();
        let may_ask = |(_, open): &(usize, &Open)| open.id.is_some() && open.may_ask();
        let Some((latest, _)) = calls.rfind(may_ask) else {
            return Whose::Nobody;
        };
        if self.plan.is_private {
            return Whose::Call(latest);
        }
        match (self.fence, calls.rfind(may_ask)) {
            (None, None) => Whose::Call(latest),
            (Some(_), _) | (None, Some(_)) => Whose::Unclear,
        }
    }

    /// A name for a question that no other of its call has.
    pub(super) fn key_for(&mut self, place: usize, kind: AskKind, named: Option<String>) -> String {
        let open = &mut self.calls[place];
        let tag = open.asking.tag;
        let is_free = |key: &str| {
            let mut questions = self.questions.iter();
            questions.all(|one| one.tag != tag || *one.key != *key)
        };
        if let Some(named) = named.filter(|named| is_free(named)) {
            return named;
        }
        let (name, asked) = match kind {
            AskKind::Form | AskKind::Url => ("elicitation", &mut open.asked[0]),
            AskKind::Sample | AskKind::SampleWithTools => ("sampling", &mut open.asked[1]),
            AskKind::Roots => ("roots", &mut open.asked[2]),
        };
        loop {
            *asked += 1;
            let key = format!("{name}_{asked}");
            if is_free(&key) {
                return key;
            }
        }
    }

    /// Answers a question that no client is asked: roots may be known all the same.
    fn refuse_question(&mut self, id: &Id, kind: AskKind, code: i32, why: &'static str) {
        if kind != AskKind::Roots || self.plan.roots.is_empty() {
            return self.refuse(id, code, why);
        }
        let roots = self.plan.roots.iter();
        let roots = roots.map(|uri| Object::default().text("uri", uri));
        let result = Object::default().list("roots", roots).end();
        jsonrpc::response_raw(&mut self.output, id, &result);
        self.output.push(b'\n');
    }

    fn respond(&mut self, id: &Id, result: &str) {
        jsonrpc::response_raw(&mut self.output, id, result.as_bytes());
        self.output.push(b'\n');
    }

    fn refuse(&mut self, id: &Id, code: i32, why: &'static str) {
        self.respond_error(id, &RpcError::new(code, why));
    }

    fn respond_error(&mut self, id: &Id, error: &RpcError) {
        jsonrpc::error(&mut self.output, Some(id), error);
        self.output.push(b'\n');
    }

    /// The child takes a question back. One that is answered meanwhile comes late.
    pub(super) fn withdrawn(&mut self, params: Option<&RawValue>) {
        let picked = params.map(|params| json::pick(params.get(), ["requestId"]));
        let Some(Ok([Some(id)])) = picked else {
            return self.noise("a cancellation of nothing");
        };
        let id = Id::of(id);
        let mut questions = self.questions.iter();
        let found = questions.position(|one| id.as_ref() == Some(&one.id));
        if let Some(place) = found {
            let one = self.questions.remove(place);
            let withdrawn = Effect::Withdrawn(one.tag, one.key.into());
            self.effects.push_back(withdrawn);
        }
    }

    /// The client of a call has answered the question with this key.
    pub fn answer(&mut self, tag: Tag, key: &str, answer: &Answered) {
        let Some(call) = self.place_of(tag) else {
            return;
        };
        if self.answer_turn(call, key, answer) {
            return;
        }
        let mut questions = self.questions.iter();
        let Some(place) = questions.position(|one| one.tag == tag && *one.key == *key) else {
            return;
        };
        let one = self.questions.remove(place);
        match answer {
            Ok(answer) => self.respond(&one.id, answer.get()),
            Err(error) => {
                if bridge::is_incapable(error) {
                    self.calls[call].lacks = Some(Box::new(error.clone()));
                }
                self.respond_error(&one.id, &bridge::error_for_child(error));
            }
        }
    }

    /// Takes back what a call has asked of its client.
    pub(super) fn withdraw_questions(&mut self, tag: Tag) {
        let of_call = self.questions.iter().filter(|one| one.tag == tag);
        let withdrawn = of_call.map(|one| Effect::Withdrawn(tag, String::from(&*one.key)));
        self.effects.extend(withdrawn);
        self.end_questions(tag);
    }

    /// Answers the questions of a call that is over: no client will.
    pub(super) fn end_questions(&mut self, tag: Tag) {
        while let Some(place) = self.questions.iter().position(|one| one.tag == tag) {
            let one = self.questions.remove(place);
            match one.kind {
                AskKind::Form | AskKind::Url => self.respond(&one.id, CANCELLED),
                AskKind::Sample | AskKind::SampleWithTools | AskKind::Roots => {
                    self.refuse(&one.id, INTERNAL_ERROR, "the call is over");
                }
            }
        }
    }
}

const UNCLEAR: &str = "several calls are in flight, and a question names none of them";

/// What kind of question a request is; `None` if it is none.
///
/// # Errors
///
/// What is wrong with its parameters.
pub(super) fn kind_of(
    method: &str,
    params: Option<&RawValue>,
) -> Result<Option<AskKind>, &'static str> {
    let names = ["mode", "tools", "toolChoice"];
    let picked = params.map(|params| json::pick(params.get(), names));
    let picked = picked.transpose().map_err(|_| "expected an object")?;
    let [mode, tools, choice] = picked.unwrap_or_default().map(json::said);
    let mode = mode.map(RawValue::get);
    match (method, mode) {
        ("elicitation/create", None | Some("\"form\"")) => Ok(Some(AskKind::Form)),
        ("elicitation/create", Some("\"url\"")) => Ok(Some(AskKind::Url)),
        ("elicitation/create", Some(_)) => Err("mode: expected form or url"),
        ("sampling/createMessage", _) if tools.or(choice).is_some() => {
            Ok(Some(AskKind::SampleWithTools))
        }
        ("sampling/createMessage", _) => Ok(Some(AskKind::Sample)),
        ("roots/list", _) => Ok(Some(AskKind::Roots)),
        (_, _) => Ok(None),
    }
}
