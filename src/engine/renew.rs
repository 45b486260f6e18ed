//! The upstreams of another configuration, and of a request's headers.

use super::child::{Child, Instance, bytes_of};
use super::children::Upstream;
use super::session::Session;
use super::{Engine, Job, ReadKept};
use crate::bounded::Key;
use crate::limits::{ENVIRONMENT_BYTES_MAX, UPSTREAMS_MAX};
use crate::time::Instant;
use crate::tool::forward::{Scope, UpstreamIndex};
use crate::upstream::kept;
use crate::upstream::listing::Listing;
use crate::upstream::spec::UpstreamSpec;
use crate::upstream::supervise::{Event, State};
use crate::wire::head::Head;
use std::rc::Rc;

impl Upstream {
    /// Whether its children would be the same with this configuration.
    fn runs_as(&self, spec: &UpstreamSpec) -> bool {
        let old = &*self.spec;
        let is_alike = (&old.line, old.per, old.era) == (&spec.line, spec.per, spec.era);
        is_alike && (&old.headers, &old.roots) == (&spec.headers, &spec.roots) && !self.is_removed
    }
}

impl Engine {
    /// Takes over the upstreams of a new configuration. Children that would be the same live on;
    /// others finish their calls. Call it before [`Engine::reload`].
    pub fn reload_upstreams(&mut self, now: Instant, specs: Vec<UpstreamSpec>) {
        for place in 0..self.children.upstreams.len() {
            let upstream = &self.children.upstreams[place];
            let name = |spec: &UpstreamSpec| spec.name == upstream.spec.name;
            if !upstream.is_removed && !specs.iter().any(name) {
                self.remove_upstream(now, UpstreamIndex::new(place));
            }
        }
        for spec in specs {
            let mut upstreams = self.children.upstreams.iter();
            match upstreams.position(|upstream| upstream.spec.name == spec.name) {
                Some(place) => self.renew_upstream(now, UpstreamIndex::new(place), spec),
                None => self.add_upstream(now, spec),
            }
        }
    }

    fn add_upstream(&mut self, now: Instant, spec: UpstreamSpec) {
        let used = |place: &usize| {
            let mut children = self.children.slab.iter();
            children.any(|(_, child)| child.upstream.as_usize() == *place)
        };
        let upstreams = self.children.upstreams.iter().enumerate();
        let removed = upstreams.filter(|(_, upstream)| upstream.is_removed);
        let free = removed.map(|(place, _)| place).find(|place| !used(place));
        let mut upstream = Upstream::new(spec);
        upstream.unknown_since = now;
        let place = match free {
            Some(place) => {
                let old = std::mem::replace(&mut self.children.upstreams[place], upstream);
                self.cancel(old.timer);
                place
            }
            None if self.children.upstreams.len() < UPSTREAMS_MAX => {
                self.children.upstreams.push(upstream);
                self.children.upstreams.len() - 1
            }
            None => {
                let name = &upstream.spec.name;
                return log::error!("server {name:?} takes a restart: there are too many");
            }
        };
        self.tend(now, UpstreamIndex::new(place));
    }

    fn renew_upstream(&mut self, now: Instant, index: UpstreamIndex, spec: UpstreamSpec) {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        if *upstream.spec == spec && !upstream.is_removed {
            return;
        }
        let is_same = upstream.runs_as(&spec);
        upstream.is_removed = false;
        upstream.is_interactive = spec.interactive || (is_same && upstream.is_interactive);
        upstream.spec = Rc::new(spec);
        let known = upstream.offered.as_ref();
        let known = known.map(|offered| offered.listing.clone());
        if !is_same {
            upstream.eras = None;
            upstream.probe = None;
            upstream.failures.clear();
            upstream.unknown_since = now;
            self.retire_children(now, index, Event::Retired, "was replaced by a reload");
        }
        if let Some(listing) = known {
            self.take_listing(now, index, Box::new(listing));
        }
        self.tend(now, index);
    }

    fn remove_upstream(&mut self, now: Instant, index: UpstreamIndex) {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.is_removed = true;
        upstream.probe = None;
        upstream.failures.clear();
        let offered = upstream.offered.take();
        self.pool
            .give(offered.map_or(0, |offered| offered.held_bytes()));
        self.retire_children(now, index, Event::Stopped, "was removed by a reload");
        let starts = self.children.starts.iter();
        let own = starts.filter(|start| start.upstream == index);
        let waiting: Vec<_> = own
            .flat_map(|start| start.waiting.iter().copied())
            .collect();
        self.children.starts.retain(|start| start.upstream != index);
        for call in waiting {
            if self.calls.contains(call) {
                self.place_call(now, call);
            }
        }
        let is_in = |session: &Session| session.scope == Scope::One(index);
        let sessions = self.sessions.iter();
        let own = sessions.filter(|(_, session)| is_in(session));
        let keys: Vec<Key<Session>> = own.map(|(key, _)| key).collect();
        for key in keys {
            if self.sessions.get(key).is_some() {
                self.dismiss_session(now, key);
            }
        }
        self.tend(now, index);
    }

    /// The children of an upstream end, now or after their calls.
    fn retire_children(&mut self, now: Instant, index: UpstreamIndex, event: Event, why: &str) {
        let children = self.children.slab.iter();
        let own = children.filter(|(_, child)| child.upstream == index);
        let keys: Vec<Key<Child>> = own.map(|(key, _)| key).collect();
        for key in keys {
            let Some(child) = self.children.slab.get(key) else {
                continue;
            };
            if child.state.is_ending() {
                continue;
            }
            let is_unused = child.is_unused();
            self.set_reason(key, why);
            self.child_event(now, key, event);
            let child = self.children.slab.get(key);
            if is_unused && child.is_some_and(|child| child.state == State::Leaving) {
                self.child_event(now, key, Event::Expired);
            }
        }
    }

    /// Notes the headers of the request in hand that children are started with. They belong to
    /// somebody who may be here. One of which nothing is known because it does not start without
    /// is tried with them.
    pub(super) fn note_headers(&mut self, now: Instant, head: &Head<'_>) {
        self.forwarded.clear();
        let mut wanting = Vec::new();
        for (index, upstream) in self.children.configured() {
            for (header, _) in &upstream.spec.headers {
                let is_known = self.forwarded.iter().any(|(known, _)| **known == **header);
                let value = head.values(header).next();
                if let Some(value) = value.filter(|_| !is_known) {
                    self.forwarded.push((header.as_str().into(), value.into()));
                }
            }
            if upstream.eras.is_none() && !upstream.spec.headers.is_empty() {
                wanting.push(index);
            }
        }
        for index in wanting {
            self.try_with_headers(now, index);
        }
    }

    /// Asks an upstream what it can do, in the environment of the request in hand.
    fn try_with_headers(&mut self, now: Instant, index: UpstreamIndex) {
        let spec = self.children.upstreams[index.as_usize()].spec.clone();
        let environment = self.environment_of(&spec);
        let bytes = bytes_of(&environment);
        let upstream = &self.children.upstreams[index.as_usize()];
        let is_new = upstream.environment.is_empty() && !environment.is_empty();
        if !is_new || bytes > ENVIRONMENT_BYTES_MAX || !self.take_bytes(bytes) {
            return;
        }
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.environment = environment;
        upstream.forgive(Instance::Probe);
        self.tend(now, index);
    }

    /// The same engine, with what `read` has of each upstream from before the daemon was started,
    /// and with jobs to keep what is learned of them. Call it before the upstreams are given.
    pub fn with_kept(mut self, read: ReadKept) -> Engine {
        self.kept = Some(read);
        self
    }

    /// Takes over what is kept of an upstream.
    pub(super) fn recollect(&mut self, now: Instant, index: UpstreamIndex) {
        let spec = self.children.upstreams[index.as_usize()].spec.clone();
        let text = self.kept.as_ref().and_then(|read| read(&spec.name));
        let known = text.and_then(|text| kept::read(&spec.line, &text));
        if let Some((eras, listing)) = known {
            self.children.upstreams[index.as_usize()].eras = Some(eras);
            self.take_listing(now, index, Box::new(listing));
        }
    }

    /// Has what is known of an upstream kept for the next start of the daemon.
    pub(super) fn keep_known(&mut self, index: UpstreamIndex) {
        let upstream = &self.children.upstreams[index.as_usize()];
        let (Some(_), Some(eras), Some(offered)) =
            (&self.kept, upstream.eras, upstream.offered.as_ref())
        else {
            return;
        };
        let listing: &Listing = &offered.listing;
        let text = kept::write(&upstream.spec.line, eras, listing);
        let upstream = upstream.spec.name.as_str().into();
        self.jobs.push_back(Job::Keep { upstream, text });
    }
}
