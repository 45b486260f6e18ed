//! One task: a call that goes on without the exchange it came by, and what became of it.
//!
//! | state | event | next |
//! |---|---|---|
//! | Working | the call has a result | Completed |
//! | Working | the call ends with an error of JSON-RPC; there is no room for its result | Failed |
//! | Working | `tasks/cancel` | Cancelled, and the call is stopped |
//! | all others | kept for `timeouts.task`, or another task needs the place | gone |
//!
//! A working task is its call's: the call has the deadline, and the questions that make the task's
//! status `input_required`. Once it is over, the task has a deadline. What is kept of a result is
//! drawn from the byte budget.

use super::ask::pending_json;
use super::call::Call;
use super::session::{Session, SessionId};
use crate::auth::Principal;
use crate::bounded::{Key, Timer};
use crate::limits::{TASK_MESSAGE_BYTES_MAX, TASK_POLL};
use crate::time::{Instant, UnixMillis};
use crate::wire::json::Object;
use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

/// One task.
#[derive(Debug)]
pub struct Task {
    /// Its name on the wire, drawn as those of sessions are: whoever shows nothing needs it to find
    /// the task.
    pub(super) id: SessionId,
    /// Whose it is: nobody else finds it.
    pub(super) principal: Principal,
    /// The session that it was begun in, which may be over.
    pub(super) session: Option<Key<Session>>,
    /// Name of the tool.
    pub(super) tool: Rc<str>,
    /// How far it has come.
    pub(super) state: State,
    /// What it last said of its progress, or why it is over.
    pub(super) message: String,
    /// When it began.
    pub(super) since: Instant,
    /// When it ended; when it began, while it has not.
    pub(super) ended: Instant,
    /// When it began, for people.
    pub(super) created: UnixMillis,
    /// When it changed last, for people.
    pub(super) updated: UnixMillis,
    /// How long after its begin it may be forgotten; grows at its end.
    pub(super) ttl: Duration,
    /// Runs once it is over.
    pub(super) timer: Option<Timer>,
}

/// How far a task has come; see the table above.
#[derive(Debug)]
pub(super) enum State {
    /// The call is queued, runs or waits.
    Working(Key<Call>),
    /// There is a result.
    Completed {
        /// The result object as JSON text.
        result: Box<str>,
        /// The tool ran and failed.
        is_error: bool,
    },
    /// There is none: an `error` object as JSON text, borrowed where it is one of ours.
    Failed(Cow<'static, str>),
    /// The client has cancelled it.
    Cancelled,
}

impl Task {
    /// The call, as long as the task is not over.
    pub(super) fn call(&self) -> Option<Key<Call>> {
        match self.state {
            State::Working(call) => Some(call),
            State::Completed { .. } | State::Failed(_) | State::Cancelled => None,
        }
    }

    /// Bytes of the budget that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Completed { result, .. } => result.len(),
            State::Failed(Cow::Owned(error)) => error.len(),
            State::Working(_) | State::Failed(Cow::Borrowed(_)) | State::Cancelled => 0,
        }
    }

    /// Takes over what it says, as far as there is room.
    pub(super) fn say(&mut self, message: &str) {
        self.message.clear();
        for letter in message.chars() {
            if self.message.len() + letter.len_utf8() > TASK_MESSAGE_BYTES_MAX {
                break;
            }
            self.message.push(letter);
        }
    }

    /// Its status on the wire; `call` is that of a working task.
    pub(super) fn status(&self, call: Option<&Call>) -> &'static str {
        match self.state {
            State::Working(_) if call.is_some_and(Call::is_waiting) => "input_required",
            State::Working(_) => "working",
            State::Completed { .. } => "completed",
            State::Failed(_) => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// What is said of a task whatever its state.
    pub(super) fn describe(&self, call: Option<&Call>) -> Object {
        let message = (!self.message.is_empty()).then_some(self.message.as_str());
        Object::default()
            .text("taskId", self.id.as_str())
            .text("status", self.status(call))
            .optional_text("statusMessage", message)
            .text("createdAt", &self.created.to_string())
            .text("lastUpdatedAt", &self.updated.to_string())
            .plain("ttlMs", self.ttl.as_millis())
            .plain("pollIntervalMs", TASK_POLL.as_millis())
    }

    /// The same with what it asks, or what it came to.
    pub(super) fn detail(&self, call: Option<&Call>) -> Object {
        let described = self.describe(call);
        match &self.state {
            State::Working(_) => match call.filter(|call| call.is_waiting()) {
                Some(call) => described.json("inputRequests", &pending_json(call)),
                None => described,
            },
            State::Cancelled => described,
            State::Completed { result, .. } => described.json("result", result.as_bytes()),
            State::Failed(error) => described.json("error", error.as_bytes()),
        }
    }

    /// A line for a model.
    pub(super) fn line(&self, call: Option<&Call>) -> String {
        let state = match self.state {
            State::Working(_) if call.is_some_and(Call::is_waiting) => "waits for answers",
            State::Working(_) => "is working",
            State::Completed {
                is_error: false, ..
            } => "has completed",
            State::Completed { is_error: true, .. } => "has ended with an error",
            State::Failed(_) => "has failed",
            State::Cancelled => "was cancelled",
        };
        let (id, tool, since) = (self.id.as_str(), &self.tool, self.created);
        let mut line = format!("Task {id} of the tool {tool}, begun at {since}, {state}");
        if !self.message.is_empty() {
            line.push_str(": ");
            line.push_str(&self.message);
        }
        line
    }
}
