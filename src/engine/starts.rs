//! Children that are to be started: in order, a few at a time, and not where the last one has just
//! failed.

use super::call::Call;
use super::child::{Child, Instance, bytes_of};
use super::children::Upstream;
use super::{Deadline, Engine, Job};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::revision::Era;
use crate::time::Instant;
use crate::upstream::UpstreamIndex;
use crate::upstream::conversation::{Conversation, Plan};
use crate::upstream::listing::Eras;
use crate::upstream::spec::{self, Per};
use crate::upstream::supervise::{Action, Event, State, back_off, step};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// A child that waits for its turn to be started.
#[derive(Debug)]
pub(super) struct Start {
    /// Whose process it will be.
    pub upstream: UpstreamIndex,
    /// Who will share it.
    pub instance: Instance,
    /// The era it will be spoken to in.
    pub era: Era,
    /// Calls that wait for it, in the order they came in.
    pub waiting: VecDeque<Key<Call>>,
    /// It is to run though no call waits for it.
    pub is_standing: bool,
}

/// Why there is no child, and until when there will be none.
#[derive(Debug)]
pub(super) struct Failure {
    /// Which one it was.
    instance: Instance,
    /// Failures in a row.
    count: u32,
    /// When another one may be started.
    until: Instant,
    /// For whoever wants it.
    reason: Rc<str>,
}

impl Start {
    /// A child of an upstream that nobody waits for yet.
    pub fn new(upstream: UpstreamIndex, instance: Instance, era: Era) -> Start {
        Start {
            upstream,
            instance,
            era,
            waiting: VecDeque::new(),
            is_standing: false,
        }
    }

    /// Whether this child is the one that is to be started.
    pub fn is(&self, child: &Child) -> bool {
        (self.upstream, self.instance, self.era) == (child.upstream, child.instance, child.era)
    }

    /// Whether that child has to be gone first. One that finishes its calls may take long.
    fn waits_for(&self, child: &Child) -> bool {
        let is_probe = |instance| instance == Instance::Probe;
        let is_asked = is_probe(self.instance) && is_probe(child.instance);
        let is_before = is_asked && self.upstream == child.upstream;
        is_before || (self.is(child) && child.state != State::Leaving)
    }

    fn is_same(&self, other: &Start) -> bool {
        (self.upstream, self.instance, self.era) == (other.upstream, other.instance, other.era)
    }
}

impl Upstream {
    /// The failure that speaks against another child.
    pub fn resting(&self, now: Instant, instance: Instance) -> Option<&Failure> {
        let mut failures = self.failures.iter();
        failures.find(|failure| failure.instance == instance && failure.until > now)
    }

    /// Whether the last thing that is known of any of its children is a failure.
    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Forgets the failures of whoever does not come back.
    pub fn forgive(&mut self, instance: Instance) {
        self.failures.retain(|failure| failure.instance != instance);
    }

    /// Notes a failure of a child that was up for so long; when the next one may be started.
    fn fail(&mut self, now: Instant, instance: Instance, up: Duration, chance: u8) -> u32 {
        let found = self
            .failures
            .iter()
            .position(|one| one.instance == instance);
        let before = found.map_or(0, |place| self.failures.remove(place).count);
        let count = match up >= limits::BACK_OFF_RESET {
            true => 1,
            false => before + 1,
        };
        if self.failures.len() >= limits::FAILURES_MAX {
            let oldest = (0..self.failures.len()).min_by_key(|place| self.failures[*place].until);
            self.failures.remove(oldest.expect("there are some"));
        }
        self.failures.push(Failure {
            instance,
            count,
            until: now + back_off(count, chance),
            reason: self.last_failure.clone().expect("the caller has noted it"),
        });
        count
    }

    /// The era in which clients of `era` are served.
    pub fn era_for(&self, era: Era) -> Era {
        let known = self.eras.unwrap_or_default();
        match (self.spec.era, known.handshake, known.stateless) {
            (Some(only), ..) => only,
            (None, true, true) => era,
            (None, false, true) => Era::Stateless,
            (None, true, false) | (None, false, false) => Era::Handshake,
        }
    }
}

impl Engine {
    /// How far the child has come that a start is about.
    fn state_of(&self, now: Instant, start: &Start) -> State {
        let states = || {
            let children = self.children.slab.iter();
            let own = children.filter(|(_, child)| start.is(child));
            own.map(|(_, child)| child.state)
        };
        if let Some(state) = states().find(|state| state.takes_calls()) {
            return state;
        }
        if self
            .children
            .starts
            .iter()
            .any(|other| other.is_same(start))
        {
            return State::Queued;
        }
        let upstream = &self.children.upstreams[start.upstream.as_usize()];
        if upstream.resting(now, start.instance).is_some() {
            return State::Failed;
        }
        states().next().unwrap_or(State::Down)
    }

    /// Somebody wants a child.
    ///
    /// # Errors
    ///
    /// Why there is none, for whoever wants it.
    pub(super) fn want(&mut self, now: Instant, start: Start) -> Result<(), Rc<str>> {
        let (_, actions) = step(self.state_of(now, &start), Event::Wanted);
        match actions.first() {
            None => Ok(()),
            Some(Action::Enqueue) => self.enqueue(now, start),
            Some(Action::Refuse) => Err(self.refusal(now, &start)),
            Some(
                Action::Spawn
                | Action::Send
                | Action::FailCalls
                | Action::BackOff
                | Action::CloseInput
                | Action::Terminate
                | Action::Kill
                | Action::Forget,
            ) => unreachable!("wishes do not touch what runs"),
        }
    }

    /// What is said while a failure is waited out.
    fn refusal(&mut self, now: Instant, start: &Start) -> Rc<str> {
        let upstream = &mut self.children.upstreams[start.upstream.as_usize()];
        upstream.counts.refused += 1;
        let failure = upstream
            .resting(now, start.instance)
            .expect("it was just seen");
        let seconds = failure.until.since(now).as_secs() + 1;
        Rc::from(format!(
            "{}; it is started again in {seconds} s",
            failure.reason
        ))
    }

    fn enqueue(&mut self, now: Instant, start: Start) -> Result<(), Rc<str>> {
        if start.instance != Instance::Probe && !self.has_child_room(now) {
            let most = self.config.limits.children_max;
            let text = format!(
                "all {most} processes of servers are busy: try again, or raise limits.children"
            );
            return Err(Rc::from(text));
        }
        self.children.starts.push_back(start);
        Ok(())
    }

    /// Whether there is, or will be, a place for one more child. The one that was unused for
    /// longest makes room, those of sessions that nobody listens in first.
    pub(super) fn has_child_room(&mut self, now: Instant) -> bool {
        let children = self.children.slab.iter();
        let ending = children
            .filter(|(_, child)| child.state.is_ending())
            .count();
        let wanted = self.children.starts.iter();
        let wanted = wanted
            .filter(|start| start.instance != Instance::Probe)
            .count();
        let taken = self.children.slab.len() as usize + wanted;
        if taken < self.children.slab.capacity() as usize + ending {
            return true;
        }
        let Some(key) = self.least_needed() else {
            return false;
        };
        let child = self.children.slab.get(key).expect("it was just found");
        let (index, instance, was_used) = (child.upstream, child.instance, child.was_used);
        self.end_child(now, key, "another server needs its place");
        if let (Instance::Session(session), true) = (instance, was_used) {
            self.lose_session(now, index, session);
        }
        true
    }

    /// A session has lost its child, and what that knew: it ends, once its calls are answered.
    fn lose_session(&mut self, now: Instant, index: UpstreamIndex, session: Key<super::Session>) {
        let at = now + limits::LOST_SESSION_WAIT;
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.lost.push((session, at));
        let timer = upstream.timer.take();
        self.cancel(timer);
        let timer = self.schedule(at, Deadline::Upstream(index));
        self.children.upstreams[index.as_usize()].timer = timer;
    }

    /// The child that is missed least, if any can go.
    fn least_needed(&self) -> Option<Key<Child>> {
        let children = self.children.slab.iter();
        let unused = children.filter(|(_, child)| {
            child.state == State::Up && child.is_unused() && child.instance != Instance::Probe
        });
        let rank = |child: &Child| match child.instance {
            Instance::Session(key) if !self.listens(key) => 0,
            Instance::Session(_) | Instance::Principal(..) | Instance::Probe => 1,
            Instance::Shared => 2,
        };
        let found = unused.min_by_key(|(_, child)| (rank(child), child.unused_since));
        found.map(|(key, _)| key)
    }

    /// Whether somebody listens in this session.
    fn listens(&self, session: Key<super::Session>) -> bool {
        let stream = self
            .sessions
            .get(session)
            .and_then(|session| session.stream);
        let stream = stream.and_then(|stream| self.streams.get(stream));
        stream.is_some_and(|stream| stream.attached)
    }

    /// Starts what waits for its turn, as far as it has come.
    pub(super) fn start_next(&mut self, now: Instant) {
        loop {
            let children = self.children.slab.iter();
            let starting = children.filter(|(_, child)| child.state == State::Starting);
            if starting.count() >= limits::STARTS_MAX || self.children.slab.is_full() {
                return;
            }
            let slab = &self.children.slab;
            // What has the same name is still there: two would be one too many for its files.
            let is_free = |start: &Start| slab.iter().all(|(_, child)| !start.waits_for(child));
            let Some(place) = self.children.starts.iter().position(is_free) else {
                return;
            };
            let start = self.children.starts.remove(place);
            self.start_child(now, start.expect("it was just found"));
        }
    }

    fn start_child(&mut self, now: Instant, mut start: Start) {
        let client = self.askable(start.instance);
        let probes = start.instance == Instance::Probe;
        let is_known = self.children.upstreams[start.upstream.as_usize()]
            .offered
            .is_some();
        let lists = match start.instance {
            Instance::Probe => self.probe_lists(start.upstream),
            Instance::Shared => true,
            // What one client may see says nothing of the others.
            Instance::Session(_) | Instance::Principal(..) => !is_known,
        };
        let upstream = &mut self.children.upstreams[start.upstream.as_usize()];
        upstream.counts.starts += 1;
        let failed = |failure: &Failure| failure.instance == start.instance;
        upstream.counts.restarts += u64::from(upstream.failures.iter().any(failed));
        let plan = Plan {
            era: start.era,
            client,
            lists,
            roots: upstream.spec.roots.clone(),
            listing_bytes_max: limits::LISTING_BYTES_MAX,
            probes,
            is_private: matches!(start.instance, Instance::Session(_)),
        };
        let mut child = Child::new(&start, Conversation::new(plan));
        child.waiting = std::mem::take(&mut start.waiting);
        let waiting: Vec<_> = child.waiting.iter().copied().collect();
        let inserted = self.children.slab.insert(child);
        let key = inserted.expect("the caller has seen that there is room");
        for call in waiting {
            self.forwarded_mut(call).child = Some(key);
        }
        self.child_event(now, key, Event::Turn);
    }

    /// What a child is told that it can ask for.
    fn askable(&self, instance: Instance) -> Capabilities {
        match instance {
            Instance::Session(key) => {
                let session = self.sessions.get(key);
                session.map_or(Capabilities::NONE, |session| session.client)
            }
            Instance::Shared | Instance::Principal(..) | Instance::Probe => ALL_QUESTIONS,
        }
    }

    /// The job that starts a child's process.
    pub(super) fn spawn(&mut self, key: Key<Child>) {
        let child = self.children.slab.get(key).expect("the caller has it");
        let upstream = &self.children.upstreams[child.upstream.as_usize()];
        let mut calls = child
            .waiting
            .iter()
            .filter_map(|call| self.calls.get(*call));
        let forwarded = calls.find_map(|call| call.forwarded.as_ref());
        let environment = forwarded.map_or(&upstream.environment, |one| &one.environment);
        let own = upstream.spec.line_bytes_max();
        self.jobs.push_back(Job::Spawn {
            child: key,
            line: upstream.spec.line.clone(),
            environment: environment.clone(),
            line_bytes_max: own.max(self.config.limits.output_bytes_max) + ENVELOPE_BYTES,
        });
        self.jobs.push_back(Job::Feed(key));
    }

    /// A child has failed: no other one takes its place for a while.
    pub(super) fn back_off(&mut self, now: Instant, key: Key<Child>) {
        let [chance, ..] = *(self.draw_id)().as_str().as_bytes() else {
            unreachable!("an id has 22 letters");
        };
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        let instance = child.instance;
        let reason = child.reason.clone().expect("a failure has a reason");
        let was_used = child.was_used;
        let up = now.since(child.up_since.unwrap_or(now));
        let index = child.upstream;
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.counts.failures += 1;
        let is_news = upstream.last_failure.as_ref() != Some(&reason);
        upstream.last_failure = Some(reason.clone());
        if let (Instance::Session(session), true) = (instance, was_used) {
            log::warn!("{reason}");
            self.lose_session(now, index, session);
        } else {
            // Letters are spread over a quarter of what a byte can be.
            let count = upstream.fail(now, instance, up, chance.wrapping_mul(4));
            match is_news || count == 1 {
                true => log::warn!("{reason} (failure {count})"),
                false => log::debug!("{reason} (failure {count})"),
            }
        }
    }

    /// Does what is due for an upstream without anybody asking for it, and sees when to look again.
    pub(super) fn tend(&mut self, now: Instant, index: UpstreamIndex) {
        self.end_lost_sessions(now, index);
        let mut rests: Option<Instant> = None;
        for start in self.standing(index) {
            let upstream = &self.children.upstreams[index.as_usize()];
            if let Some(failure) = upstream.resting(now, start.instance) {
                let until = failure.until;
                rests = Some(rests.map_or(until, |first| first.min(until)));
            } else {
                // Without room it is wanted again when there is some.
                let _ = self.want(now, start);
            }
        }
        self.start_next(now);
        let upstream = &mut self.children.upstreams[index.as_usize()];
        let timer = upstream.timer.take();
        let lost = upstream.lost.iter().map(|(_, at)| *at);
        let next = lost.chain(rests).min();
        self.cancel(timer);
        if let Some(next) = next {
            let timer = self.schedule(next, Deadline::Upstream(index));
            self.children.upstreams[index.as_usize()].timer = timer;
        }
    }

    /// The children of an upstream that are to run though no call waits for them.
    fn standing(&mut self, index: UpstreamIndex) -> Vec<Start> {
        let mut starts = Vec::new();
        let upstream = &self.children.upstreams[index.as_usize()];
        if upstream.is_removed || self.drain.is_some() {
            return starts;
        }
        if upstream.eras.is_none() {
            starts.push(self.probe_start(index));
        } else {
            let mut standing = self.heeding(index);
            let shared = (Instance::Shared, upstream.era_for(Era::Handshake));
            if upstream.is_eager() && !standing.contains(&shared) {
                standing.push(shared);
            }
            let starts_of = |(instance, era)| Start::new(index, instance, era);
            starts.extend(standing.into_iter().map(starts_of));
        }
        for start in &mut starts {
            start.is_standing = true;
        }
        starts
    }

    /// An upstream has to be looked after.
    pub(super) fn upstream_expired(&mut self, now: Instant, index: UpstreamIndex) {
        self.children.upstreams[index.as_usize()].timer = None;
        self.tend(now, index);
    }

    /// Sessions end whose child has ended; their calls had time to be answered.
    fn end_lost_sessions(&mut self, now: Instant, index: UpstreamIndex) {
        loop {
            let lost = &mut self.children.upstreams[index.as_usize()].lost;
            let Some(place) = lost.iter().position(|(_, at)| *at <= now) else {
                return;
            };
            let (session, _) = lost.swap_remove(place);
            if self.sessions.get(session).is_some() {
                self.dismiss_session(now, session);
            }
        }
    }

    /// Takes note of what is known of an upstream's command.
    pub(super) fn learn_eras(&mut self, now: Instant, index: UpstreamIndex, eras: Eras) {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.eras = Some(eras);
        self.resume_waiting(now);
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.forgive(Instance::Probe);
        let environment = std::mem::take(&mut upstream.environment);
        self.pool.give(bytes_of(&environment));
        self.keep_known(index);
        self.heed(now);
        self.tend(now, index);
    }
}

impl Upstream {
    /// Whether its shared child runs always.
    pub fn is_eager(&self) -> bool {
        self.spec.start == spec::Start::Eager && self.spec.per == Per::Server && !self.is_removed
    }
}

/// Bytes of an answer around its result.
const ENVELOPE_BYTES: usize = 1024;

/// What a child that many share is told: what its client cannot be asked is refused call by call.
const ALL_QUESTIONS: Capabilities = Capabilities::FORM
    .and(Capabilities::URL)
    .and(Capabilities::SAMPLING)
    .and(Capabilities::SAMPLING_TOOLS)
    .and(Capabilities::ROOTS);
