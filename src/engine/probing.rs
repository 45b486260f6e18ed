//! What is not known of an upstream is asked of throw-away children, by the steps of
//! [`probe`](crate::upstream::probe).

use super::Engine;
use super::child::{Child, Instance};
use super::children::Upstream;
use super::starts::Start;
use crate::bounded::Key;
use crate::mcp::revision::Era;
use crate::time::Instant;
use crate::upstream::UpstreamIndex;
use crate::upstream::probe::{Probe, Step};
use crate::upstream::supervise::{Event, State};
use std::time::Duration;

/// A probe that has begun.
#[derive(Debug)]
pub(super) struct Probing {
    probe: Probe,
    /// The era that its child, or the next one, begins with.
    era: Era,
    /// Whether that is asked for its listings.
    lists: bool,
}

impl Upstream {
    /// The probe that is on its way, or that would begin now.
    fn probing(&mut self) -> &mut Probing {
        let only = self.spec.era;
        self.probe.get_or_insert_with(|| {
            let probe = Probe::new(only);
            let (era, lists) = match probe.first() {
                Step::Spawn { era, lists } => (era, lists),
                Step::Initialize | Step::Wait | Step::Done(_) => {
                    unreachable!("without a child there is nothing to wait for")
                }
            };
            Probing { probe, era, lists }
        })
    }

    /// How long the child of the probe may take for its next step.
    pub fn probe_patience(&self) -> Duration {
        let most = self.spec.start_timeout;
        let probe = self.probe.as_ref();
        probe.map_or(most, |probing| probing.probe.patience(most))
    }
}

impl Engine {
    /// The throw-away child that is asked next.
    pub(super) fn probe_start(&mut self, index: UpstreamIndex) -> Start {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        Start::new(index, Instance::Probe, upstream.probing().era)
    }

    /// Whether a throw-away child is asked for its listings.
    pub(super) fn probe_lists(&mut self, index: UpstreamIndex) -> bool {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.probing().lists
    }

    /// A throw-away child has said something that matters.
    pub(super) fn probe_heard(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get(key).expect("the caller has it");
        let upstream = &mut self.children.upstreams[child.upstream.as_usize()];
        let step = upstream.probing().probe.heard(child.conversation.heard());
        self.take_step(now, key, step);
    }

    /// A throw-away child has taken too long for its step.
    pub(super) fn probe_timed_out(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get(key).expect("the caller has it");
        let upstream = &mut self.children.upstreams[child.upstream.as_usize()];
        let step = upstream.probing().probe.timed_out();
        self.take_step(now, key, step);
    }

    /// A throw-away child is gone, which it may be: what it was not asked, the next one is.
    pub(super) fn probe_ended(&mut self, now: Instant, key: Key<Child>, how: &str) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        let how = match child.last_words.as_str() {
            "" => how.to_string(),
            words => format!("{how}: {words}"),
        };
        child.last_words.clear();
        let upstream = &mut self.children.upstreams[child.upstream.as_usize()];
        let step = upstream.probing().probe.ended(&how);
        if let Step::Done(Err(reason)) = &step {
            upstream.probe = None;
            self.set_reason(key, reason);
        } else {
            self.take_step(now, key, step);
        }
        self.child_event(now, key, Event::Exited);
    }

    /// What follows for a throw-away child. The next one is started when this one is gone.
    fn take_step(&mut self, now: Instant, key: Key<Child>, step: Step) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        let index = child.upstream;
        let upstream = &mut self.children.upstreams[index.as_usize()];
        match step {
            Step::Wait => self.time_child(now, key),
            Step::Initialize => {
                child.conversation.initialize();
                self.time_child(now, key);
                self.feed(now, key);
            }
            Step::Spawn { era, lists } => {
                let probing = upstream.probing();
                (probing.era, probing.lists) = (era, lists);
                self.end_child(now, key, "is asked anew");
            }
            Step::Done(Ok(eras)) => {
                upstream.probe = None;
                self.end_child(now, key, "has said what it offers");
                self.learn_eras(now, index, eras);
            }
            Step::Done(Err(reason)) => {
                upstream.probe = None;
                self.set_reason(key, &reason);
                self.child_event(now, key, Event::Unfit);
            }
        }
    }

    /// Whether this is a throw-away child that is being asked.
    pub(super) fn is_probing(&self, key: Key<Child>) -> bool {
        let child = self.children.slab.get(key);
        child.is_some_and(|child| {
            child.instance == Instance::Probe && child.state == State::Starting
        })
    }
}
