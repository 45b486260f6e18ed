//! Calls that children work on: which child gets one, and how its answer comes back.

use super::call::{Call, encode_outcome};
use super::child::{Child, Instance, State};
use super::{Engine, Job};
use crate::bounded::Key;
use crate::mcp::revision::Era;
use crate::time::Instant;
use crate::tool::Outcome;
use crate::tool::forward::Forward;
use crate::tool::handler::{Ended, Said, Told};
use crate::upstream::Tag;
use crate::upstream::conversation::Asking;
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};

impl Engine {
    /// Gives a call to a child of its upstream, which is started if need be.
    pub fn forward(&mut self, now: Instant, key: Key<Call>, forward: Forward) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let era = Era::Handshake;
        debug_assert!(call.child.is_none());
        let (index, instance) = (forward.upstream, Instance::Shared);
        let fits = |child: &Child| child.upstream == index && child.instance == instance;
        let running = self.children.slab.iter().find(|(_, child)| fits(child));
        let found = running.map(|(key, _)| key);
        let child = found.or_else(|| self.start_child(index, instance, era));
        let Some(child) = child else {
            let error = RpcError::new(INTERNAL_ERROR, "too many children: raise limits.children");
            return self.handle_ended(now, key, &Ended::Failed(error));
        };
        let call = self.calls.get_mut(key).expect("it was there above");
        call.child = Some(child);
        call.forward = Some(Box::new(forward));
        let record = self
            .children
            .slab
            .get_mut(child)
            .expect("it was just found");
        record.waiting.push_back(key);
        if record.state == State::Up {
            self.send_waiting(child);
            self.jobs.push_back(Job::Feed(child));
        }
    }

    /// Sends the calls that have waited for a child.
    pub(super) fn send_waiting(&mut self, child: Key<Child>) {
        let record = self
            .children
            .slab
            .get_mut(child)
            .expect("the caller has seen it");
        while let Some(key) = record.waiting.pop_front() {
            let Some(call) = self.calls.get_mut(key) else {
                continue;
            };
            let forward = call.forward.take().expect("it has not been sent");
            record.calls += 1;
            record.conversation.send(
                forward,
                Asking {
                    tag: Tag(key.to_bits()),
                    told: Told {
                        client: call.client,
                        wants_progress: call.progress_token.is_some(),
                    },
                    log_level: call.log_level,
                    era: call.era,
                },
            );
        }
    }

    fn call_tagged(&self, tag: Tag) -> Option<Key<Call>> {
        Key::from_bits(tag.0).filter(|key| self.calls.contains(*key))
    }

    /// A call says something.
    pub(super) fn child_said(&mut self, now: Instant, tag: Tag, said: Said) {
        if let Some(key) = self.call_tagged(tag) {
            self.handle_said(now, key, said);
        }
    }

    /// A call cannot go on without its client.
    pub(super) fn child_waits(&mut self, now: Instant, tag: Tag) {
        if let Some(key) = self.call_tagged(tag) {
            self.handle_waiting_call(now, key);
        }
    }

    /// A call is over.
    pub(super) fn child_ended(&mut self, now: Instant, tag: Tag, ended: &Ended) {
        if let Some(key) = self.call_tagged(tag) {
            self.handle_ended(now, key, ended);
        }
    }

    /// The child of these calls is gone.
    pub(super) fn fail_calls_of(&mut self, now: Instant, child: Key<Child>, reason: &str) {
        let calls = self.calls.iter();
        let of_child = calls.filter(|(_, call)| call.child == Some(child));
        let keys: Vec<Key<Call>> = of_child.map(|(key, _)| key).collect();
        for key in keys {
            if self.calls.contains(key) {
                let error = RpcError::new(INTERNAL_ERROR, reason.to_string());
                self.handle_ended(now, key, &Ended::Failed(error));
            }
        }
    }

    /// Takes a call back from its child. Returns whether it has one.
    pub(super) fn recall(&mut self, key: Key<Call>) -> bool {
        let call = self.calls.get(key);
        let Some(child) = call.and_then(|call| call.child) else {
            return false;
        };
        let Some(record) = self.children.slab.get_mut(child) else {
            return true;
        };
        let waiting = record.waiting.len();
        record.waiting.retain(|one| *one != key);
        if record.waiting.len() == waiting {
            record.calls -= 1;
            record.conversation.cancel(Tag(key.to_bits()));
            self.jobs.push_back(Job::Feed(child));
        }
        true
    }

    /// Ends a call that a child works on, with this outcome for its client.
    pub(super) fn end_forwarded(&mut self, now: Instant, key: Key<Call>, outcome: &Outcome) {
        let call = self.remove_call(now, key).expect("the caller has seen it");
        self.leave_tool(&call);
        let mut payload = Vec::new();
        encode_outcome(&mut payload, &call.id, call.era, outcome);
        self.finish_call(now, &call, payload, crate::wire::status::Status::Ok);
    }
}
