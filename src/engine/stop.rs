//! Calls that end early: cancelled, timed out, given up.

use super::call::{Call, State, encode_outcome};
use super::session::Session;
use super::{Deadline, Engine, Job};
use crate::bounded::Key;
use crate::limits;
use crate::time::Instant;
use crate::tool::Outcome;
use crate::tool::command::{Stopped, stopped_text};
use crate::wire::jsonrpc::{self, Id};
use crate::wire::status::Status;

impl Engine {
    /// Why a call is being stopped, for the outcome that the edge makes of it.
    pub fn why_stopped(&self, key: Key<Call>) -> Option<Stopped> {
        match self.calls.get(key)?.state {
            State::Stopping(why) => Some(why),
            State::Queued(_) | State::Running | State::Waiting => None,
        }
    }

    /// The client no longer wants the answer to the request `id` of its session.
    pub(super) fn cancel_request(&mut self, now: Instant, session: Key<Session>, id: &Id) {
        let wanted = |call: &Call| call.session == Some(session) && call.id == *id;
        let found = self
            .calls
            .iter()
            .find(|(_, call)| wanted(call))
            .map(|(key, _)| key);
        if let Some(key) = found {
            self.stats.calls_cancelled += 1;
            self.stop_call(now, key, Stopped::Cancelled);
        }
    }

    /// Ends a call early. Whoever stops several must expect that the answer to one of them ends the
    /// session of the others, because its client lags, and they are gone already.
    pub(super) fn stop_call(&mut self, now: Instant, key: Key<Call>, why: Stopped) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        match &call.state {
            State::Stopping(_) => {}
            State::Queued(_) => self.drop_queued(now, key, why),
            State::Running | State::Waiting if call.forwarded.is_some() => {
                self.stop_forwarded(now, key, why);
            }
            State::Running | State::Waiting => {
                call.state = State::Stopping(why);
                let timer = call.timer.take();
                let (stream, asked) = (call.stream, call.asked.take());
                self.cancel(timer);
                self.withdraw(now, stream, asked);
                let timer = self.schedule(now + limits::KILL_GRACE, Deadline::Call(key));
                self.calls.get_mut(key).expect("it was there").timer = timer;
                self.jobs.push_back(Job::Terminate(key));
            }
        }
    }

    /// Ends a call that a child works on: the child goes on, and nobody waits for what it says.
    fn stop_forwarded(&mut self, now: Instant, key: Key<Call>, why: Stopped) {
        if why == Stopped::Cancelled {
            let call = self.remove_call(now, key).expect("the caller has seen it");
            self.leave_tool(&call);
            self.answer_cancelled(now, &call);
            return self.drain_further();
        }
        let text = match why {
            Stopped::TimedOut(timeout) => self.timeout_text(key, timeout),
            Stopped::Unanswered(_) | Stopped::Cancelled | Stopped::Draining | Stopped::Removed => {
                stopped_text(why)
            }
        };
        self.end_forwarded(now, key, &Outcome::error(text));
    }

    /// Answers a call that never ran.
    fn drop_queued(&mut self, now: Instant, key: Key<Call>, why: Stopped) {
        let call = self.remove_call(now, key).expect("the caller has seen it");
        if let Some(tool) = call.tool {
            self.tools[tool.as_usize()]
                .queue
                .retain(|queued| *queued != key);
        }
        let text = match why {
            Stopped::Cancelled => return self.answer_cancelled(now, &call),
            Stopped::TimedOut(timeout) => format!(
                "the call waited {} s for the tool's other calls and never started: try again, \
                 or raise the tool's concurrency",
                timeout.as_secs()
            ),
            Stopped::Draining => "the server is stopping".to_string(),
            Stopped::Removed => "a reload of the configuration has removed this tool".to_string(),
            Stopped::Unanswered(_) => unreachable!("what never ran has asked nothing"),
        };
        let mut payload = Vec::new();
        encode_outcome(&mut payload, &call.id, call.era, &Outcome::error(text));
        self.finish_call(now, &call, payload, Status::Ok);
    }

    /// A call's timeout or its grace is over.
    pub(super) fn call_expired(&mut self, now: Instant, key: Key<Call>) {
        let call = self
            .calls
            .get_mut(key)
            .expect("a deadline dies with its record");
        call.timer = None;
        match call.state {
            State::Queued(_) | State::Running | State::Waiting => {
                let why = match call.state {
                    State::Waiting => Stopped::Unanswered(call.patience()),
                    State::Queued(_) | State::Running | State::Stopping(_) => {
                        Stopped::TimedOut(call.timeout)
                    }
                };
                self.stats.calls_timed_out += 1;
                let is_silent = matches!(why, Stopped::TimedOut(_));
                let silent = self.silent_child(key).filter(|_| is_silent);
                self.stop_call(now, key, why);
                if let Some(child) = silent {
                    self.suspect(now, child);
                }
            }
            State::Stopping(_) => self.jobs.push_back(Job::Kill(key)),
        }
    }

    /// A cancelled request should not be answered (basic/utilities/cancellation). On an answer
    /// stream it is all the same: the HTTP exchange has to end, and an end without an answer makes
    /// clients reconnect for it.
    pub(super) fn answer_cancelled(&mut self, now: Instant, call: &Call) {
        let Some(stream) = call.stream else { return };
        if self
            .streams
            .get(stream)
            .is_some_and(|stream| stream.answer.is_some())
        {
            let mut payload = Vec::new();
            let error = jsonrpc::RpcError::new(jsonrpc::INTERNAL_ERROR, "cancelled by the client");
            jsonrpc::error(&mut payload, Some(&call.id), &error);
            self.answer(now, stream, call, payload, Status::InternalServerError);
        }
    }
}
