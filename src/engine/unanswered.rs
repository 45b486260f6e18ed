//! Calls that their child does not answer: it fails, hangs, or says too much at once.

use super::Engine;
use super::call::{Call, encode_outcome};
use super::child::Child;
use crate::bounded::Key;
use crate::limits;
use crate::mcp::method::Method;
use crate::mcp::stateless;
use crate::time::Instant;
use crate::tool::Outcome;
use crate::upstream::supervise::State;
use crate::wire::jsonrpc::{self, INTERNAL_ERROR, RpcError};
use crate::wire::status::Status;
use std::time::Duration;

impl Engine {
    /// A child is of no use to its calls: each is answered with the reason.
    pub(super) fn fail_calls_of(&mut self, now: Instant, child: Key<Child>) {
        let record = self
            .children
            .slab
            .get_mut(child)
            .expect("the caller has it");
        record.calls = 0;
        record.asks = None;
        record.waiting.clear();
        let reason = record.reason.clone().expect("a failure has a reason");
        let calls = self.calls.iter();
        let is_its = |call: &Call| {
            let forwarded = call.forwarded.as_ref();
            forwarded.is_some_and(|forwarded| forwarded.child == Some(child))
        };
        let own = calls.filter(|(_, call)| is_its(call));
        let keys: Vec<Key<Call>> = own.map(|(key, _)| key).collect();
        for key in &keys {
            self.forwarded_mut(*key).child = None;
        }
        for key in keys {
            // The answer to another one may have ended this one.
            if self.calls.contains(key) {
                self.refuse_forward(now, key, &reason);
            }
        }
    }

    /// Lines that were too long may have been answers. When as many calls are left that may have
    /// been meant, those are answered.
    pub(super) fn answer_lost(&mut self, now: Instant, child: Key<Child>) {
        let Some(record) = self.children.slab.get_mut(child) else {
            return;
        };
        let (lost, since) = record.lost;
        if lost == 0 {
            return;
        }
        let calls = self.calls.iter();
        let may_be_meant = |call: &Call| {
            let forwarded = call.forwarded.as_ref();
            let forwarded = forwarded.filter(|forwarded| forwarded.child == Some(child));
            forwarded.is_some_and(|one| one.sent.is_some_and(|(_, sent)| sent <= since))
        };
        let meant = calls.filter(|(_, call)| may_be_meant(call));
        let keys: Vec<Key<Call>> = meant.map(|(key, _)| key).collect();
        if keys.len() > lost as usize {
            return;
        }
        record.lost.0 = 0;
        let name = self.spec_of(child).name.clone();
        let text = format!(
            "server {name:?} has written a line that is too long: the operator can raise \
             limits.output"
        );
        for key in keys {
            if self.calls.contains(key) {
                self.refuse_forward(now, key, &text);
            }
        }
    }

    /// What is said of a call that has taken too long.
    pub(super) fn timeout_text(&self, key: Key<Call>, timeout: Duration) -> String {
        let call = self.calls.get(key).expect("the caller has it");
        let forwarded = call.forwarded.as_ref().expect("it is for an upstream");
        let upstream = &self.children.upstreams[forwarded.upstream.as_usize()];
        let (name, seconds) = (&upstream.spec.name, timeout.as_secs_f64());
        match forwarded.sent {
            Some(_) => format!(
                "server {name:?} has not answered within {seconds} s; the operator can raise its \
                 timeout"
            ),
            None => format!("server {name:?} was not ready within {seconds} s"),
        }
    }

    /// A call has timed out. A child that has said nothing at all since it was sent hangs.
    pub(super) fn silent_child(&self, key: Key<Call>) -> Option<Key<Child>> {
        let forwarded = self.calls.get(key)?.forwarded.as_ref()?;
        let child = forwarded.child?;
        let record = self.children.slab.get(child)?;
        let is_silent = match forwarded.sent {
            Some((lines, _)) => record.lines == lines,
            None => record.conversation.is_unclear(),
        };
        is_silent.then_some(child)
    }

    /// The child that has said nothing while a call timed out has to show that it lives.
    pub(super) fn suspect(&mut self, now: Instant, child: Key<Child>) {
        let Some(record) = self.children.slab.get_mut(child) else {
            return;
        };
        if record.state != State::Up || record.suspect.is_some() {
            return;
        }
        record.suspect = Some((record.lines, now + limits::HANG_WAIT));
        record.conversation.nudge();
        self.feed(now, child);
        if self.children.slab.contains(child) {
            self.time_child(now, child);
        }
    }

    /// Ends a call that a child works on, with this outcome for its client.
    pub(super) fn end_forwarded(&mut self, now: Instant, key: Key<Call>, outcome: &Outcome) {
        let call = self.remove_call(now, key).expect("the caller has seen it");
        self.leave_tool(&call);
        let mut payload = Vec::new();
        let status = if call.method == Method::ToolsCall {
            encode_outcome(&mut payload, &call.id, call.era, outcome);
            Status::Ok
        } else {
            let error = RpcError::new(INTERNAL_ERROR, outcome.said().to_string());
            jsonrpc::error(&mut payload, Some(&call.id), &error);
            stateless::status(error.code)
        };
        self.stats.calls_failed += 1;
        self.finish_call(now, &call, payload, status);
        self.drain_further();
    }
}
