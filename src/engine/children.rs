//! The upstreams and their children: what becomes of a child when something happens to it, by the
//! table of [`supervise`](crate::upstream::supervise).

use super::child::{Child, Instance};
use super::probing::Probing;
use super::session::Session;
use super::starts::{Failure, Start};
use super::{Deadline, Engine, Job};
use crate::bounded::{Key, Slab, Timer};
use crate::limits;
use crate::time::Instant;
use crate::tool::command::Exit;
use crate::upstream::UpstreamIndex;
use crate::upstream::listing::Eras;
use crate::upstream::offered::Offered;
use crate::upstream::spec::UpstreamSpec;
use crate::upstream::supervise::{Action, Event, State, step};
use crate::upstream::view::{Counts, UpstreamView};
use std::collections::VecDeque;
use std::rc::Rc;

/// The upstreams and their children.
pub(super) struct Children {
    /// Each keeps its place for as long as its name is configured.
    pub upstreams: Vec<Upstream>,
    pub slab: Slab<Child>,
    /// Children that are to be started. Each is waited for by a call, or stands for its upstream.
    pub starts: VecDeque<Start>,
}

/// One upstream.
pub(super) struct Upstream {
    pub spec: Rc<UpstreamSpec>,
    /// What its command speaks, once that is known.
    pub eras: Option<Eras>,
    /// How far it has come to find that out.
    pub probe: Option<Probing>,
    /// What it offers, once it has said so.
    pub offered: Option<Box<Offered>>,
    /// Since when it is looked for that.
    pub unknown_since: Instant,
    /// Its children ask questions while they work.
    pub is_interactive: bool,
    /// A reload has taken it out of the configuration: its place is free once no child is left.
    pub is_removed: bool,
    /// Variables for the child that is asked what it can do: those of whoever wanted to know.
    pub environment: Vec<(String, String)>,
    /// What has failed, and is not to be started just now.
    pub failures: Vec<Failure>,
    /// Sessions whose child has ended, and when they end.
    pub lost: Vec<(Key<Session>, Instant)>,
    pub counts: Counts,
    pub last_failure: Option<Rc<str>>,
    /// Runs until something of it is due: see [`Engine::tend`].
    pub timer: Option<Timer>,
}

impl Upstream {
    /// One of which nothing is known.
    pub fn new(spec: UpstreamSpec) -> Upstream {
        Upstream {
            is_interactive: spec.interactive,
            spec: Rc::new(spec),
            eras: None,
            probe: None,
            offered: None,
            unknown_since: Instant::ZERO,
            is_removed: false,
            environment: Vec::new(),
            failures: Vec::new(),
            lost: Vec::new(),
            counts: Counts::default(),
            last_failure: None,
            timer: None,
        }
    }
}

impl Children {
    /// Room for `children_max` children of no upstream yet.
    pub fn new(children_max: u32) -> Children {
        Children {
            upstreams: Vec::new(),
            slab: Slab::with_capacity(children_max),
            starts: VecDeque::new(),
        }
    }

    /// The upstreams that are configured.
    pub fn configured(&self) -> impl Iterator<Item = (UpstreamIndex, &Upstream)> {
        let upstreams = self.upstreams.iter().enumerate();
        let upstreams = upstreams.filter(|(_, upstream)| !upstream.is_removed);
        upstreams.map(|(place, upstream)| (UpstreamIndex::new(place), upstream))
    }
}

impl Engine {
    /// The same engine with servers behind it. What is not known of them is asked as soon as jobs
    /// are polled.
    pub fn with_upstreams(mut self, specs: Vec<UpstreamSpec>) -> Engine {
        self.children.upstreams = specs.into_iter().map(Upstream::new).collect();
        for place in 0..self.children.upstreams.len() {
            let index = UpstreamIndex::new(place);
            self.recollect(Instant::ZERO, index);
            self.tend(Instant::ZERO, index);
        }
        self
    }

    /// What there is to be told of each upstream.
    pub fn upstreams(&self) -> impl Iterator<Item = UpstreamView<'_>> {
        let configured = self.children.configured();
        configured.map(|(index, upstream)| UpstreamView {
            spec: &upstream.spec,
            state: self.state_name(index, upstream),
            eras: upstream.eras,
            tools: upstream.offered().map(|offered| offered.tools.len()),
            children: self.children_of(index).count() as u32,
            calls: self.children_of(index).map(|child| child.calls).sum(),
            counts: upstream.counts,
            last_failure: upstream.last_failure.as_deref(),
        })
    }

    fn children_of(&self, index: UpstreamIndex) -> impl Iterator<Item = &Child> {
        let children = self.children.slab.iter().map(|(_, child)| child);
        children.filter(move |child| child.upstream == index)
    }

    fn state_name(&self, index: UpstreamIndex, upstream: &Upstream) -> &'static str {
        let states = || self.children_of(index).map(|child| child.state);
        if let Some(state) = states().find(|state| *state == State::Up) {
            return state.name();
        }
        match states().next() {
            Some(state) => state.name(),
            None if upstream.has_failed() => State::Failed.name(),
            None => State::Down.name(),
        }
    }

    /// Lets something happen to a child.
    pub(super) fn child_event(&mut self, now: Instant, key: Key<Child>, event: Event) {
        let Some(child) = self.children.slab.get_mut(key) else {
            return;
        };
        let before = child.state;
        let (next, actions) = step(before, event);
        child.state = next;
        if event == Event::Ready && next == State::Up {
            child.up_since = Some(now);
            child.unused_since = now;
        }
        for action in actions {
            self.act_on(now, key, *action);
        }
        if before != next && self.children.slab.contains(key) {
            self.time_child(now, key);
        }
        if before == State::Starting && next != State::Starting {
            self.start_next(now);
        }
    }

    fn act_on(&mut self, now: Instant, key: Key<Child>, action: Action) {
        match action {
            Action::Spawn => self.spawn(key),
            Action::Send => self.send_waiting(now, key),
            Action::FailCalls => self.fail_calls_of(now, key),
            Action::BackOff => {
                self.back_off(now, key);
                self.resume_waiting(now);
            }
            Action::CloseInput => self.jobs.push_back(Job::CloseInput(key)),
            Action::Terminate => {
                self.hush(key);
                self.jobs.push_back(Job::TerminateChild(key));
            }
            Action::Kill => self.jobs.push_back(Job::KillChild(key)),
            Action::Forget => self.forget_child(now, key),
            Action::Enqueue | Action::Refuse => unreachable!("nobody wants it by its key"),
        }
    }

    /// Schedules the end of what a child may take for its state.
    pub(super) fn time_child(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        let timer = child.timer.take();
        let suspect = child.suspect.map(|(_, until)| until);
        let others = [child.asking_until, child.refresh_at, suspect];
        let (state, instance, unused_since) = (child.state, child.instance, child.unused_since);
        let upstream = &self.children.upstreams[child.upstream.as_usize()];
        let idle = match instance {
            Instance::Shared if upstream.is_eager() => None,
            Instance::Shared | Instance::Principal(..) => upstream.spec.idle,
            // It ends with its session.
            Instance::Session(_) | Instance::Probe => None,
        };
        let at = match state {
            State::Starting if instance == Instance::Probe => Some(now + upstream.probe_patience()),
            State::Starting => Some(now + upstream.spec.start_timeout),
            State::Up => {
                let idle = idle.map(|idle| (unused_since + idle).round_up(limits::COARSE));
                others.into_iter().chain([idle]).flatten().min()
            }
            State::Closing | State::Terminating => Some(now + limits::KILL_GRACE),
            State::Leaving => others.into_iter().flatten().min(),
            State::Down | State::Queued | State::Killing | State::Failed => None,
        };
        self.cancel(timer);
        let timer = at.and_then(|at| self.schedule(at, Deadline::Child(key)));
        self.children.slab.get_mut(key).expect("it was there").timer = timer;
    }

    /// A child's deadline has come.
    pub(super) fn child_expired(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get_mut(key);
        let child = child.expect("a deadline dies with its record");
        child.timer = None;
        if std::mem::take(&mut child.is_touched) {
            return self.look_at(now, key);
        }
        // Whatever else was waited for, its grace is over: nothing is expected of it any more.
        if child.state.is_ending() {
            return self.child_event(now, key, Event::Expired);
        }
        if child.asking_until.is_some_and(|until| until <= now) {
            child.asking_until = None;
            let call = child.asks;
            self.time_child(now, key);
            return call.into_iter().for_each(|call| self.end_turn(now, call));
        }
        if let Some((lines, until)) = child.suspect
            && until <= now
        {
            child.suspect = None;
            if child.lines == lines {
                self.set_reason(key, "does not answer any more");
                return self.child_event(now, key, Event::Hung);
            }
            return self.time_child(now, key);
        }
        if child.refresh_at.is_some_and(|at| at <= now) {
            self.refresh(now, key);
            return self.look_at(now, key);
        }
        match child.state {
            State::Up => self.consider_idle(now, key),
            State::Starting if child.instance == Instance::Probe => {
                self.probe_timed_out(now, key);
            }
            State::Starting => {
                let seconds = self.spec_of(key).start_timeout.as_secs();
                let text = format!("has not answered the handshake for {seconds} s");
                self.set_reason(key, &text);
                self.child_event(now, key, Event::Expired);
            }
            // It ends with its last call.
            State::Leaving => self.time_child(now, key),
            State::Down
            | State::Queued
            | State::Closing
            | State::Terminating
            | State::Killing
            | State::Failed => self.child_event(now, key, Event::Expired),
        }
    }

    /// Does what comes of what was said to a child, or taken from it. Its deadline is set anew.
    fn look_at(&mut self, now: Instant, key: Key<Child>) {
        self.take_effects(now, key);
        self.settle_child(now, key);
        if self
            .children
            .slab
            .get(key)
            .is_some_and(|child| child.timer.is_none())
        {
            self.time_child(now, key);
        }
    }

    /// Whether a child was unused for long enough; it may have been used since the deadline was
    /// set, which calls leave alone.
    fn consider_idle(&mut self, now: Instant, key: Key<Child>) {
        let idle = self.spec_of(key).idle.unwrap_or_default();
        let is_heeding = self.is_heeding(key);
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        if !child.is_unused() || is_heeding {
            child.unused_since = now;
        }
        if child.unused_since + idle > now {
            return self.time_child(now, key);
        }
        let (index, instance) = (child.upstream, child.instance);
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.forgive(instance);
        log::info!("server {:?} is stopped: unused", upstream.spec.name);
        self.child_event(now, key, Event::Expired);
    }

    /// Ends a child that nobody needs any more.
    pub(super) fn end_child(&mut self, now: Instant, key: Key<Child>, why: &str) {
        self.set_reason(key, why);
        self.child_event(now, key, Event::Stopped);
    }

    /// Notes why a child is being ended, unless that is known already.
    pub(super) fn set_reason(&mut self, key: Key<Child>, why: &str) {
        let name = self.spec_of(key).name.clone();
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        if child.reason.is_none() {
            let words = &child.last_words;
            child.reason = Some(match words.is_empty() {
                true => format!("server {name:?} {why}").into(),
                false => format!("server {name:?} {why}: {words}").into(),
            });
        }
    }

    /// What is configured of a child's upstream.
    pub(super) fn spec_of(&self, key: Key<Child>) -> Rc<UpstreamSpec> {
        let child = self.children.slab.get(key).expect("the caller has it");
        self.children.upstreams[child.upstream.as_usize()]
            .spec
            .clone()
    }

    /// A child is gone, or could not be started: why.
    pub fn handle_child_exit(&mut self, now: Instant, key: Key<Child>, end: Result<Exit, String>) {
        if !self.children.slab.contains(key) {
            return;
        }
        let how = match end {
            Ok(Exit::Status(status)) => format!("has ended with exit status {status}"),
            Ok(Exit::Signal(signal)) => format!("was ended by signal {signal}"),
            Err(problem) => format!("does not run: {problem}"),
        };
        if self.is_probing(key) {
            return self.probe_ended(now, key, &how);
        }
        self.set_reason(key, &how);
        self.child_event(now, key, Event::Exited);
    }

    /// The record of a child goes, and whatever waits for its place or its end gets its turn.
    fn forget_child(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.remove(key).expect("the caller has it");
        debug_assert!(child.is_unused(), "its calls were answered");
        self.cancel(child.timer);
        self.pool.give(child.held_bytes);
        self.say_unlogged(&child);
        self.start_next(now);
        self.tend(now, child.upstream);
        self.drain_further();
    }

    /// The children of a session end with it.
    pub(super) fn end_children_of(&mut self, now: Instant, session: Key<Session>) {
        let instance = Instance::Session(session);
        let children = self.children.slab.iter();
        let own = children.filter(|(_, child)| child.instance == instance);
        let keys: Vec<Key<Child>> = own.map(|(key, _)| key).collect();
        for key in keys {
            self.end_child(now, key, "has ended with its session");
        }
        self.children
            .starts
            .retain(|start| start.instance != instance || !start.waiting.is_empty());
        for upstream in &mut self.children.upstreams {
            upstream.forgive(instance);
        }
    }

    /// The server is stopping: children that work on nothing are not needed any more.
    pub(super) fn drain_children(&mut self, now: Instant) {
        self.children
            .starts
            .retain(|start| !start.waiting.is_empty());
        let children = self.children.slab.iter();
        let unused = children.filter(|(_, child)| child.is_unused());
        let keys: Vec<Key<Child>> = unused.map(|(key, _)| key).collect();
        for key in keys {
            self.end_child(now, key, "is stopped with the daemon");
        }
    }
}
