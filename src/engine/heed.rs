//! Resources of upstreams that somebody wants to hear of: each is looked after by one child, for as
//! long as a session or a subscription wants it.
//!
//! Nothing is counted: what is wanted is read off the sessions and subscriptions there are, and held
//! against what the children were asked for last.

use super::Engine;
use super::child::Instance;
use super::scope::Owner;
use super::session::Session;
use crate::auth::Principal;
use crate::bounded::Key;
use crate::engine::child::Child;
use crate::limits;
use crate::time::Instant;
use crate::tool::forward::{Scope, UpstreamIndex};
use crate::upstream::spec::Per;

/// A resource that a child is to look after.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heeded {
    /// Whose it is.
    pub upstream: UpstreamIndex,
    /// Which child of it.
    pub instance: Instance,
    /// Drawn from the budget.
    pub uri: Box<str>,
}

impl Heeded {
    /// Bytes of the budget that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Heeded>() + self.uri.len()
    }
}

/// Who wants to hear of resources.
#[derive(Clone, Copy)]
struct Listener {
    scope: Scope,
    session: Option<Key<Session>>,
    principal: Principal,
}

impl Engine {
    /// Whether changes of a resource would be told if somebody wanted to hear of them now.
    pub(super) fn can_look_after(&self, owner: Owner, uri: &str) -> bool {
        match owner {
            Owner::Server => self.can_watch(uri),
            Owner::Upstream(index) => {
                let offers = |offers: &crate::upstream::listing::Offers| offers.subscribe;
                let is_offered = self.any_offers(Scope::One(index), offers);
                is_offered && self.heeded.len() < limits::WATCHED_MAX
            }
        }
    }

    /// Asks children to look after what is wanted since the last time, and no more after what is
    /// not wanted any longer.
    pub(super) fn heed(&mut self, now: Instant) {
        if self.children.upstreams.is_empty() {
            return;
        }
        let mut wanted: Vec<Heeded> = Vec::new();
        self.each_heeded(&mut |upstream, instance, uri| {
            let is_it = |one: &Heeded| {
                (one.upstream, one.instance) == (upstream, instance) && *one.uri == *uri
            };
            if wanted.len() < limits::WATCHED_MAX && !wanted.iter().any(is_it) {
                wanted.push(Heeded {
                    upstream,
                    instance,
                    uri: uri.into(),
                });
            }
        });
        let bytes = |all: &[Heeded]| all.iter().map(Heeded::held_bytes).sum::<usize>();
        let before = std::mem::take(&mut self.heeded);
        self.pool.give(bytes(&before));
        if !self.take_bytes(bytes(&wanted)) {
            wanted.clear();
        }
        for gone in before.iter().filter(|one| !wanted.contains(one)) {
            if let Some(child) = self.child_for(gone) {
                self.take_effects(now, child);
            }
        }
        let new: Vec<usize> = (0..wanted.len())
            .filter(|place| !before.contains(&wanted[*place]))
            .collect();
        self.heeded = wanted;
        for place in new {
            let one = &self.heeded[place];
            match self.child_for(one) {
                Some(child) => self.ask_to_heed(now, child),
                None => {}
            }
        }
    }

    /// Asks a child to look after all that is wanted of it. Called when it is ready as well.
    pub(super) fn ask_to_heed(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get(key).expect("the caller has seen it");
        let (upstream, instance) = (child.upstream, child.instance);
        let is_its = |one: &&Heeded| (one.upstream, one.instance) == (upstream, instance);
        // One child of each instance is enough, whatever eras there are.
        let first = self.heeded.iter().find(is_its);
        if first.and_then(|one| self.child_for(one)) != Some(key) {
            return;
        }
        self.take_effects(now, key);
    }

    /// Tells `take` which children are to look after which resources.
    fn each_heeded(&self, take: &mut dyn FnMut(UpstreamIndex, Instance, &str)) {
        let mut take_all = |listener: Listener, uris: &[Box<str>]| {
            for uri in uris {
                if let Some(Owner::Upstream(index)) = self.owner_of(listener.scope, uri) {
                    take(index, self.instance_for(listener, index), uri);
                }
            }
        };
        for (key, session) in self.sessions.iter() {
            if let Some(wanted) = &session.interests {
                take_all(Listener::of_session(key, session), &wanted.resources);
            }
        }
        for (_, stream) in self.streams.iter() {
            if let Some(wanted) = &stream.subscription {
                let listener = Listener {
                    scope: wanted.scope,
                    session: None,
                    principal: wanted.principal,
                };
                take_all(listener, &wanted.resources);
            }
        }
    }

    /// Which child of an upstream works for somebody.
    fn instance_for(&self, listener: Listener, index: UpstreamIndex) -> Instance {
        let per = self.children.upstreams[index.as_usize()].spec.per;
        match (per, listener.session) {
            (Per::Server, _) => Instance::Shared,
            (Per::Session, Some(session)) => Instance::Session(session),
            (Per::Session, None) | (Per::Principal, _) => {
                Instance::Principal(listener.principal.id, 0)
            }
        }
    }

    /// The child that looks after a resource.
    fn child_for(&self, heeded: &Heeded) -> Option<Key<Child>> {
        let mut children = self.children.slab.iter();
        let is_it =
            |child: &Child| (child.upstream, child.instance) == (heeded.upstream, heeded.instance);
        let found = children.find(|(_, child)| is_it(child));
        found.map(|(key, _)| key)
    }

    /// A child says that a resource has changed: tells those that it works for.
    pub(super) fn child_resource_updated(&mut self, now: Instant, key: Key<Child>, uri: &str) {
        let Some(child) = self.children.slab.get(key) else {
            return;
        };
        let (index, instance) = (child.upstream, child.instance);
        let hears = |engine: &Engine, listener: Listener| {
            listener.scope.has(index)
                && engine.instance_for(listener, index) == instance
                && engine.owner_of(listener.scope, uri) == Some(Owner::Upstream(index))
        };
        let sessions = self.sessions.iter();
        let sessions =
            sessions.filter(|(key, session)| hears(self, Listener::of_session(*key, session)));
        let sessions: Vec<Key<Session>> = sessions.map(|(key, _)| key).collect();
        self.tell_updated(now, uri, &|key, _| sessions.contains(&key));
    }
}

impl Listener {
    fn of_session(key: Key<Session>, session: &Session) -> Listener {
        Listener {
            scope: session.scope,
            session: Some(key),
            principal: session.principal(),
        }
    }
}
