//! Children with a handshake that ask questions, and are held by a call whose client has been asked
//! and may never answer.
//!
//! Nothing but having one such call says whose questions those of a child are. So whoever comes
//! next gets another child, and the one that is held finishes its call and ends. When that would be
//! too many, the call is given up whose client has been away for longest.

use super::Engine;
use super::call::Call;
use super::child::Child;
use crate::bounded::Key;
use crate::limits;
use crate::mcp::revision::Era;
use crate::time::Instant;
use crate::upstream::supervise::{Event, State};

impl Engine {
    /// Gives the calls that wait for a child to another one, if it is held.
    pub(super) fn divert(&mut self, now: Instant, child: Key<Child>) {
        let Some(record) = self.children.slab.get(child) else {
            return;
        };
        let is_stuck = record.state == State::Up && !record.waiting.is_empty();
        if !is_stuck || !self.is_held(child) {
            return;
        }
        let (held, oldest) = self.held_like(child);
        let is_full = held > limits::HELD_CHILDREN_MAX || !self.has_child_room(now);
        if is_full {
            let Some(oldest) = oldest else { return };
            self.give_up_call(now, oldest);
            // Either this child is free now, or another one ends.
            if !self.is_held(child) || !self.has_child_room(now) {
                return;
            }
        }
        let record = self.children.slab.get_mut(child);
        let waiting = std::mem::take(&mut record.expect("it is held").waiting);
        self.child_event(now, child, Event::Retired);
        for key in &waiting {
            self.forwarded_mut(*key).child = None;
        }
        for key in waiting {
            if self.calls.contains(key) {
                self.place_call(now, key);
            }
        }
    }

    /// Whether a call of a child waits for its client.
    fn is_held(&self, child: Key<Child>) -> bool {
        let waits = |key| self.calls.get(key).is_some_and(Call::is_waiting);
        self.asking_calls(child).any(waits)
    }

    /// How many children of the same kind are held, this one included, and the call among those
    /// that hold them whose client has been away for longest.
    fn held_like(&self, child: Key<Child>) -> (usize, Option<Key<Call>>) {
        let own = self.children.slab.get(child).expect("the caller has it");
        let name = |child: &Child| (child.upstream, child.instance);
        let children = self.children.slab.iter();
        let alike =
            children.filter(|(_, child)| name(child) == name(own) && child.era == Era::Handshake);
        let held: Vec<Key<Child>> = alike
            .map(|(key, _)| key)
            .filter(|key| self.is_held(*key))
            .collect();
        let calls = held.iter().flat_map(|key| self.asking_calls(*key));
        let away = calls.filter_map(|key| {
            let call = self.calls.get(key).filter(|call| call.is_away())?;
            Some((call.since, key))
        });
        let oldest = away.min_by_key(|(since, _)| *since);
        (held.len(), oldest.map(|(_, key)| key))
    }

    /// Ends a call whose client is away.
    pub(super) fn give_up_call(&mut self, now: Instant, key: Key<Call>) {
        self.stats.calls_evicted += 1;
        let call = self.remove_call(now, key).expect("the caller has it");
        if call.forwarded.is_none() {
            self.jobs.push_back(super::Job::Forget(key));
        }
        self.leave_tool(&call);
    }
}
