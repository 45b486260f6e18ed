//! Children with a handshake that ask questions, and are held by a call whose client of 2026-07-28
//! has been told the questions and may never come back.
//!
//! Nothing but having one such call says whose questions those of a child are. So whoever comes next
//! gets another child, and the one that is held finishes its call and ends. When that would be too
//! many, the call is given up whose client has been away for longest.

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
        let Some(asks) = self.held_by(child) else {
            return;
        };
        let (held, oldest) = self.held_like(child);
        if !self.has_child_room(now) {
            return self.give_up_call(now, asks);
        }
        if held > limits::HELD_CHILDREN_MAX
            && let Some(oldest) = oldest
        {
            self.give_up_call(now, oldest);
            if oldest == asks {
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

    /// The call that holds a child which others wait for.
    fn held_by(&self, child: Key<Child>) -> Option<Key<Call>> {
        let record = self.children.slab.get(child)?;
        let is_stuck = record.state == State::Up && !record.waiting.is_empty();
        self.away_at(record).filter(|_| is_stuck)
    }

    /// The call of a child whose client is away.
    fn away_at(&self, record: &Child) -> Option<Key<Call>> {
        let asks = record.asks?;
        let is_away = self.calls.get(asks).is_some_and(Call::is_away);
        is_away.then_some(asks)
    }

    /// How many children of the same kind are held, this one included, and the call among those
    /// that hold them whose client has been away for longest.
    fn held_like(&self, child: Key<Child>) -> (usize, Option<Key<Call>>) {
        let own = self.children.slab.get(child).expect("the caller has it");
        let name = |child: &Child| (child.upstream, child.instance);
        let children = self.children.slab.iter().map(|(_, child)| child);
        let alike =
            children.filter(|child| name(child) == name(own) && child.era == Era::Handshake);
        let held: Vec<Key<Call>> = alike.filter_map(|child| self.away_at(child)).collect();
        let since = |key: &Key<Call>| self.calls.get(*key).map(|call| call.since);
        let oldest = held.iter().copied().min_by_key(since);
        (held.len(), oldest)
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
