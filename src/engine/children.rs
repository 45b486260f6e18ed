//! Which children run: started when they are wanted, ended when they are not.

use super::child::{Child, Instance, State};
use super::{Engine, Job};
use crate::bounded::{Key, Slab};
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::revision::Era;
use crate::time::Instant;
use crate::tool::Tool;
use crate::tool::command::Exit;
use crate::tool::registry::{Registry, Unfit};
use crate::upstream::UpstreamIndex;
use crate::upstream::conversation::{Conversation, Effect, Plan};
use crate::upstream::listing::Listing;
use crate::upstream::spec::UpstreamSpec;
use crate::upstream::tool::UpstreamTool;
use std::collections::VecDeque;
use std::rc::Rc;

/// The upstreams and their children.
pub(super) struct Children {
    pub upstreams: Vec<Upstream>,
    pub slab: Slab<Child>,
}

/// One upstream.
pub(super) struct Upstream {
    pub spec: Rc<UpstreamSpec>,
    /// What it offers, once it has said so.
    pub listing: Option<Box<Listing>>,
}

impl Children {
    /// Room for `children_max` children of no upstream yet.
    pub fn new(children_max: u32) -> Children {
        Children {
            upstreams: Vec::new(),
            slab: Slab::with_capacity(children_max),
        }
    }
}

impl Engine {
    /// The same engine with servers behind it.
    pub fn with_upstreams(mut self, specs: Vec<UpstreamSpec>) -> Engine {
        let upstream = |spec| Upstream {
            spec: Rc::new(spec),
            listing: None,
        };
        self.children.upstreams = specs.into_iter().map(upstream).collect();
        self
    }

    /// Starts a child.
    pub(super) fn start_child(
        &mut self,
        index: UpstreamIndex,
        instance: Instance,
        era: Era,
    ) -> Option<Key<Child>> {
        let spec = self.children.upstreams[index.as_usize()].spec.clone();
        let plan = Plan {
            era,
            client: Capabilities::NONE,
            lists: true,
            listing_bytes_max: limits::LISTING_BYTES_MAX,
            probes: false,
            roots: spec.roots.clone(),
            is_private: matches!(instance, Instance::Session(_)),
        };
        let child = Child {
            upstream: index,
            instance,
            era,
            conversation: Conversation::new(plan),
            state: State::Starting,
            waiting: VecDeque::new(),
            calls: 0,
            timer: None,
        };
        let key = self.children.slab.insert(child).ok()?;
        self.jobs.push_back(Job::Spawn {
            child: key,
            line: spec.line.clone(),
            environment: Vec::new(),
            line_bytes_max: self.config.limits.output_bytes_max,
        });
        self.jobs.push_back(Job::Feed(key));
        Some(key)
    }

    /// A child has written a line to stdout.
    pub fn handle_child_line(&mut self, now: Instant, key: Key<Child>, line: &[u8]) {
        if let Some(child) = self.children.slab.get_mut(key) {
            child.conversation.handle_line(line);
            self.take_effects(now, key);
        }
    }

    /// A child has written a line to stderr.
    pub fn handle_child_stderr(&mut self, _now: Instant, key: Key<Child>, line: &str) {
        if let Some(child) = self.children.slab.get(key) {
            let spec = &self.children.upstreams[child.upstream.as_usize()].spec;
            log::info!("server {:?}: {line}", spec.name);
        }
    }

    /// A child has written what is no line: why not.
    pub fn handle_child_noise(&mut self, _now: Instant, key: Key<Child>, noise: &'static str) {
        if let Some(child) = self.children.slab.get(key) {
            let spec = &self.children.upstreams[child.upstream.as_usize()].spec;
            log::warn!("server {:?}: {noise}", spec.name);
        }
    }

    /// A child is gone, or could not be started: why.
    pub fn handle_child_exit(&mut self, now: Instant, key: Key<Child>, end: Result<Exit, String>) {
        let Some(child) = self.children.slab.remove(key) else {
            return;
        };
        self.cancel(child.timer);
        let spec = self.children.upstreams[child.upstream.as_usize()]
            .spec
            .clone();
        let reason = match end {
            Ok(exit) => format!("server {:?} has ended: {exit:?}", spec.name),
            Err(problem) => format!("server {:?}: {problem}", spec.name),
        };
        self.fail_calls_of(now, key, &reason);
    }

    /// The bytes that a child has not been given yet.
    pub fn child_output(&self, key: Key<Child>) -> &[u8] {
        let child = self.children.slab.get(key);
        child.map_or(&[], |child| child.conversation.output())
    }

    /// A child was given the first `bytes` of its output.
    pub fn child_written(&mut self, key: Key<Child>, bytes: usize) {
        if let Some(child) = self.children.slab.get_mut(key) {
            child.conversation.written(bytes);
        }
    }

    /// Does what comes of what a child has said.
    pub(super) fn take_effects(&mut self, now: Instant, key: Key<Child>) {
        while let Some(child) = self.children.slab.get_mut(key) {
            let Some(effect) = child.conversation.poll_effect() else {
                break;
            };
            self.take_effect(now, key, effect);
        }
        if !self.child_output(key).is_empty() {
            self.jobs.push_back(Job::Feed(key));
        }
    }

    fn take_effect(&mut self, now: Instant, key: Key<Child>, effect: Effect) {
        let child = self
            .children
            .slab
            .get_mut(key)
            .expect("the caller has seen it");
        match effect {
            Effect::Ready => {
                child.state = State::Up;
                self.send_waiting(key);
            }
            Effect::Listed(listing) => {
                let index = child.upstream;
                self.take_listing(now, index, listing);
            }
            Effect::Relisted(kind, entries) => {
                let index = child.upstream;
                let known = self.children.upstreams[index.as_usize()].listing.clone();
                let listing = known.unwrap_or_default().with(kind, entries);
                self.take_listing(now, index, Box::new(listing));
            }
            Effect::Stale => child.conversation.refresh(),
            Effect::Said(tag, said) => self.child_said(now, tag, said),
            Effect::Waits(tag) => self.child_waits(now, tag),
            Effect::Ended(tag, ended) => {
                child.calls -= 1;
                self.child_ended(now, tag, &ended);
            }
            Effect::Unfit(_)
            | Effect::Probed
            | Effect::Updated(_)
            | Effect::Subscribed(..)
            | Effect::Withdrawn(..)
            | Effect::IsInteractive
            | Effect::Log { .. }
            | Effect::Noise(_) => {}
        }
    }

    /// What an upstream offers has come in.
    fn take_listing(&mut self, now: Instant, index: UpstreamIndex, listing: Box<Listing>) {
        self.children.upstreams[index.as_usize()].listing = Some(listing);
        match self.with_offered(self.own_tools.clone()) {
            Ok(registry) => {
                self.replace_tools(now, registry);
                self.tools_changed(now);
            }
            Err(unfit) => log::error!("{unfit}"),
        }
    }

    /// All tools: these, and those of the upstreams.
    fn with_offered(&self, mut tools: Vec<Rc<dyn Tool>>) -> Result<Registry, Unfit> {
        for (place, upstream) in self.children.upstreams.iter().enumerate() {
            let index = UpstreamIndex::new(place);
            let entries = upstream
                .listing
                .iter()
                .flat_map(|listing| listing.tools.iter());
            let offered = entries.filter_map(|entry| UpstreamTool::read(index, entry));
            tools.extend(offered.map(|tool| Rc::new(tool) as Rc<dyn Tool>));
        }
        Registry::new(tools)
    }

    /// A child has not started in time, is unused, or has not ended.
    pub(super) fn child_expired(&mut self, _now: Instant, key: Key<Child>) {
        self.jobs.push_back(Job::KillChild(key));
    }

    /// An upstream may be started again.
    pub(super) fn upstream_expired(&mut self, _now: Instant, _index: UpstreamIndex) {}
}
