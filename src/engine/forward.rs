//! Calls that children work on: which child gets one, and how its answer comes back.

use super::call::Call;
use super::child::{Child, Forwarded, Instance, bytes_of};
use super::starts::Start;
use super::{Asker, Deadline, Engine, Era};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::mcp::request_state;
use crate::time::Instant;
use crate::tool::Work;
use crate::tool::forward::Forward;
use crate::tool::handler::{Ended, Said, Told};
use crate::upstream::conversation::Asking;
use crate::upstream::spec::{Per, UpstreamSpec};
use crate::upstream::supervise::{Event, State};
use crate::upstream::{Tag, UpstreamIndex};
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};

impl Engine {
    /// What a call with this work will have to do with an upstream, if that is who does it.
    pub(super) fn forwarded_for(
        &mut self,
        asker: Asker,
        work: &Work,
    ) -> Result<Option<Box<Forwarded>>, Refusal> {
        let Work::Upstream(forward) = work else {
            return Ok(None);
        };
        let prepared = self.prepare_forward(asker, forward.upstream);
        prepared.map(Some).ok_or(Refusal::MemoryFull)
    }

    /// What a call will have to do with an upstream: who shares its child is decided while the
    /// request is in hand. `None` where its environment finds no room.
    fn prepare_forward(&mut self, asker: Asker, upstream: UpstreamIndex) -> Option<Box<Forwarded>> {
        let spec = self.children.upstreams[upstream.as_usize()].spec.clone();
        let environment = self.environment_of(&spec);
        if !self.take_bytes(bytes_of(&environment)) {
            return None;
        }
        let instance = match (spec.per, asker.session) {
            (Per::Server, _) => Instance::Shared,
            (Per::Session, Some(session)) => Instance::Session(session),
            (Per::Session, None) | (Per::Principal, _) => {
                Instance::Principal(asker.principal.id, self.fingerprint(&environment))
            }
        };
        Some(Box::new(Forwarded {
            upstream,
            instance,
            environment,
            forward: None,
            child: None,
            sent: None,
        }))
    }

    /// The variables that the headers of the request in hand become.
    pub(super) fn environment_of(&self, spec: &UpstreamSpec) -> Vec<(String, String)> {
        let value = |header: &str| {
            let mut headers = self.forwarded.iter();
            headers
                .find(|(name, _)| **name == *header)
                .map(|(_, value)| value)
        };
        let headers = spec.headers.iter();
        let variables =
            headers.filter_map(|(header, name)| Some((name.clone(), value(header)?.to_string())));
        variables.collect()
    }

    /// What tells apart environments, without telling what is in them.
    fn fingerprint(&mut self, environment: &[(String, String)]) -> u64 {
        if environment.is_empty() {
            return 0;
        }
        let secret = *self.environment_key.get_or_insert_with(&mut self.draw_id);
        let mut sum = 0;
        for (name, value) in environment {
            let above = format!("{} {sum:x} {name}", secret.as_str());
            let digest = request_state::digest(&above, value, "");
            sum = u64::from_le_bytes(*digest.first_chunk().expect("it has 16 bytes"));
        }
        sum
    }

    /// Gives a call to a child of its upstream, which is started if need be.
    pub fn forward(&mut self, now: Instant, key: Key<Call>, forward: Box<Forward>) {
        if !self.calls.contains(key) {
            return;
        }
        if !self.take_bytes(forward.bytes()) {
            let text = "no memory left for this: the operator can raise limits.memory";
            return self.refuse_forward(now, key, text);
        }
        let forwarded = self.forwarded_mut(key);
        debug_assert!(forwarded.child.is_none() && forwarded.sent.is_none());
        forwarded.forward = Some(forward);
        self.place_call(now, key);
    }

    /// Finds the child for a call that is to be sent.
    pub(super) fn place_call(&mut self, now: Instant, key: Key<Call>) {
        let call = self.calls.get(key).expect("the caller has it");
        let forwarded = call.forwarded.as_ref().expect("it is for an upstream");
        let (index, instance, era) = (forwarded.upstream, forwarded.instance, call.era);
        let upstream = &self.children.upstreams[index.as_usize()];
        let has_lost = |session| upstream.lost.iter().any(|(lost, _)| *lost == session);
        if let Instance::Session(session) = instance
            && has_lost(session)
        {
            let text = format!("server {:?} has ended: begin anew", upstream.spec.name);
            return self.refuse_forward(now, key, &text);
        }
        if upstream.is_removed {
            let text = format!("a reload has removed server {:?}", upstream.spec.name);
            return self.refuse_forward(now, key, &text);
        }
        let start = Start::new(index, instance, upstream.era_for(era));
        if let Some(child) = self.running(&start) {
            return self.queue_at(now, key, child);
        }
        let (instance, era) = (start.instance, start.era);
        if let Err(reason) = self.want(now, start) {
            return self.refuse_forward(now, key, &reason);
        }
        let is_it = |start: &&mut Start| {
            (start.upstream, start.instance, start.era) == (index, instance, era)
        };
        let start = self.children.starts.iter_mut().find(is_it);
        start.expect("it was just queued").waiting.push_back(key);
        self.start_next(now);
    }

    /// The child that takes the calls that would wait for this start.
    fn running(&self, start: &Start) -> Option<Key<Child>> {
        let mut children = self.children.slab.iter();
        let fits = |child: &Child| start.is(child) && child.state.takes_calls();
        let found = children.find(|(_, child)| fits(child));
        found.map(|(key, _)| key)
    }

    pub(super) fn refuse_forward(&mut self, now: Instant, key: Key<Call>, reason: &str) {
        let error = RpcError::new(INTERNAL_ERROR, reason.to_string());
        self.handle_ended(now, key, &Ended::Failed(error));
    }

    /// A call waits for a child that takes calls, or will.
    fn queue_at(&mut self, now: Instant, key: Key<Call>, child: Key<Child>) {
        self.forwarded_mut(key).child = Some(child);
        let record = self
            .children
            .slab
            .get_mut(child)
            .expect("the caller has it");
        record.waiting.push_back(key);
        if record.state == State::Up {
            self.send_waiting(now, child);
            self.divert(now, child);
        }
    }

    /// What a call has to do with its upstream.
    pub(super) fn forwarded_mut(&mut self, key: Key<Call>) -> &mut Forwarded {
        let call = self.calls.get_mut(key).expect("a call that waits is there");
        call.forwarded.as_mut().expect("it is for an upstream")
    }

    /// Sends the calls that have waited for a child, as far as it may have them now.
    pub(super) fn send_waiting(&mut self, now: Instant, child: Key<Child>) {
        while let Some(key) = self.next_to_send(child) {
            self.send_call(now, child, key);
        }
        self.feed(now, child);
    }

    /// The next call that a child may have. What a child with a handshake asks names no call: one
    /// that is known to ask has one call that may ask at a time, unless all are of one client. And
    /// while what it says may be about something else, it gets none whose client can be asked.
    fn next_to_send(&mut self, child: Key<Child>) -> Option<Key<Call>> {
        let record = self.children.slab.get(child)?;
        if record.waiting.is_empty() {
            return None;
        }
        let is_busy = self.takes_one(record) && self.asking_calls(child).next().is_some();
        let is_unclear = record.conversation.is_unclear();
        let may_go = |key: &Key<Call>| {
            let call = self.calls.get(*key).expect("a call that waits is there");
            let is_held = is_busy || (is_unclear && !call.client.is_empty());
            !is_held || !call.method.may_ask()
        };
        let place = record.waiting.iter().position(may_go)?;
        let record = self.children.slab.get_mut(child)?;
        record.waiting.remove(place)
    }

    /// Whether a child has one call that may ask at a time.
    fn takes_one(&self, record: &Child) -> bool {
        let upstream = &self.children.upstreams[record.upstream.as_usize()];
        let is_private = matches!(record.instance, Instance::Session(_));
        record.era == Era::Handshake && upstream.is_interactive && !is_private
    }

    /// Calls that a child works on and that may ask.
    pub(super) fn asking_calls(&self, child: Key<Child>) -> impl Iterator<Item = Key<Call>> {
        let is_its = move |call: &Call| {
            let forwarded = call.forwarded.as_ref();
            let is_sent =
                forwarded.is_some_and(|one| one.child == Some(child) && one.sent.is_some());
            is_sent && call.method.may_ask()
        };
        let calls = self.calls.iter();
        let asking = calls.filter(move |(_, call)| is_its(call));
        asking.map(|(key, _)| key)
    }

    fn send_call(&mut self, now: Instant, child: Key<Child>, key: Key<Call>) {
        let call = self.calls.get(key).expect("a call that waits is there");
        let log_level = self.least_level(call);
        let record = self
            .children
            .slab
            .get_mut(child)
            .expect("the caller has it");
        let call = self.calls.get_mut(key).expect("a call that waits is there");
        let forwarded = call.forwarded.as_mut().expect("it is for an upstream");
        let forward = forwarded.forward.take().expect("it has not been sent");
        // From here on the conversation holds it.
        self.pool.give(forward.bytes());
        forwarded.sent = Some((record.lines, now));
        record.calls += 1;
        record.was_used = true;
        let asking = Asking {
            tag: Tag(key.to_bits()),
            told: Told {
                client: call.client,
                wants_progress: call.progress_token.is_some(),
            },
            log_level,
            era: call.era,
        };
        // A child with a handshake has one level for all: the most verbose that is wanted.
        if log_level.is_some_and(|wanted| record.level.is_none_or(|told| wanted < told)) {
            record.level = log_level;
            record
                .conversation
                .set_level(log_level.expect("it was just seen"));
        }
        record.conversation.send(forward, asking);
        let upstream = &mut self.children.upstreams[record.upstream.as_usize()];
        upstream.counts.calls += 1;
    }

    /// The call that a child speaks of, if it works on it.
    fn call_tagged(&self, child: Key<Child>, tag: Tag) -> Option<Key<Call>> {
        let key = Key::from_bits(tag.0)?;
        let forwarded = self.calls.get(key)?.forwarded.as_ref()?;
        let is_its = forwarded.child == Some(child) && forwarded.sent.is_some();
        is_its.then_some(key)
    }

    /// A call says something.
    pub(super) fn child_said(&mut self, now: Instant, child: Key<Child>, tag: Tag, said: Said) {
        let Some(key) = self.call_tagged(child, tag) else {
            return;
        };
        let is_question = matches!(said, Said::Ask(_));
        self.handle_said(now, key, said);
        let call = self.calls.get(key);
        let is_modern = call.is_some_and(|call| call.era == Era::Stateless);
        let Some(record) = self.children.slab.get_mut(child).filter(|_| is_question) else {
            return;
        };
        // With a handshake nothing says which question is the last one of a turn.
        if record.era == Era::Handshake && is_modern {
            record.asks = Some(key);
            if record.asking_until.is_none() {
                record.asking_until = Some(now + limits::QUESTIONS_WAIT);
                self.time_child(now, child);
            }
        }
        self.divert(now, child);
    }

    /// A call cannot go on without its client.
    pub(super) fn child_waits(&mut self, now: Instant, child: Key<Child>, tag: Tag) {
        if let Some(key) = self.call_tagged(child, tag) {
            self.end_turn(now, key);
        }
    }

    /// A call takes a question back.
    pub(super) fn child_withdraws(
        &mut self,
        now: Instant,
        child: Key<Child>,
        tag: Tag,
        question: &str,
    ) {
        if let Some(key) = self.call_tagged(child, tag) {
            self.withdraw_question(now, key, question);
        }
    }

    /// The questions of one turn are all there. The second time counts where one of them was
    /// answered at once, which a function would go on with first.
    pub(super) fn end_turn(&mut self, now: Instant, key: Key<Call>) {
        self.handle_waiting_call(now, key);
        self.handle_waiting_call(now, key);
        let forwarded = self.calls.get(key).and_then(|call| call.forwarded.as_ref());
        if let Some(child) = forwarded.and_then(|forwarded| forwarded.child) {
            self.divert(now, child);
        }
    }

    /// A call is over.
    pub(super) fn child_ended(&mut self, now: Instant, child: Key<Child>, tag: Tag, ended: &Ended) {
        let Some(key) = self.call_tagged(child, tag) else {
            return;
        };
        self.forwarded_mut(key).child = None;
        self.drop_call(now, child, key);
        self.handle_ended(now, key, ended);
        self.settle_child(now, child);
    }

    /// A child has one call less to work on.
    fn drop_call(&mut self, now: Instant, child: Key<Child>, key: Key<Call>) {
        let Some(record) = self.children.slab.get_mut(child) else {
            return;
        };
        record.calls -= 1;
        record.unused_since = now;
        if record.asks == Some(key) {
            record.asks = None;
            record.asking_until = None;
        }
    }

    /// What follows once a child has fewer calls: others get their turn, or it is not needed any
    /// more.
    pub(super) fn settle_child(&mut self, now: Instant, child: Key<Child>) {
        let Some(record) = self.children.slab.get(child) else {
            return;
        };
        if record.state == State::Up && !record.waiting.is_empty() {
            self.send_waiting(now, child);
        }
        self.answer_lost(now, child);
        let Some(record) = self.children.slab.get(child) else {
            return;
        };
        if !record.is_unused() {
            return;
        }
        if record.state == State::Leaving {
            self.set_reason(child, "was replaced");
            self.child_event(now, child, Event::Expired);
        } else if self.drain.is_some() {
            self.end_child(now, child, "is stopped with the daemon");
        }
    }

    /// Has a child looked at as soon as what is in hand is done: something was said to it, or taken
    /// from it, and whoever did that is not to find its calls changed.
    pub(super) fn look_after(&mut self, now: Instant, child: Key<Child>) {
        let Some(record) = self.children.slab.get_mut(child) else {
            return;
        };
        record.is_touched = true;
        let timer = record.timer.take();
        self.cancel(timer);
        let timer = self.schedule(now, Deadline::Child(child));
        self.children
            .slab
            .get_mut(child)
            .expect("it was there")
            .timer = timer;
    }

    /// Takes back a call that is gone: nobody waits for its answer any more.
    pub(super) fn recall(&mut self, now: Instant, key: Key<Call>, call: &Call) {
        let Some(forwarded) = &call.forwarded else {
            return;
        };
        self.pool.give(forwarded.held_bytes());
        let Some(child) = forwarded.child else {
            return self.leave_starts(key);
        };
        let Some(record) = self.children.slab.get_mut(child) else {
            return;
        };
        if forwarded.sent.is_none() {
            record.waiting.retain(|one| *one != key);
            // A server that stops has no use for a child that nobody waits for.
            return self.look_after(now, child);
        }
        record.conversation.cancel(Tag(key.to_bits()));
        self.drop_call(now, child, key);
        self.look_after(now, child);
    }

    /// A call no longer waits for a child to be started, which may not be needed then.
    fn leave_starts(&mut self, key: Key<Call>) {
        let starts = &mut self.children.starts;
        let Some(place) = starts.iter().position(|start| start.waiting.contains(&key)) else {
            return;
        };
        starts[place].waiting.retain(|one| *one != key);
        if starts[place].waiting.is_empty() && !starts[place].is_standing {
            starts.remove(place);
        }
    }
}
