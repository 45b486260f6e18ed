//! Resources of upstreams that somebody wants to hear of: each is looked after by one child, for as
//! long as a session or a subscription wants it.
//!
//! Nothing is counted: what is wanted is read off the sessions and subscriptions there are, and
//! held against what the children were asked for last.

use super::child::{Child, Instance};
use super::scope::Owner;
use super::session::Session;
use super::starts::Start;
use super::stream::{Stream, Subscription};
use super::{Engine, Era};
use crate::auth::Principal;
use crate::bounded::Key;
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
    /// The era that child is spoken to in.
    pub era: Era,
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
    /// `None` in 2026-07-28.
    session: Option<Key<Session>>,
    principal: Principal,
}

impl Engine {
    /// Whether changes of a resource would be told if somebody wanted to hear of them now.
    pub(super) fn can_look_after(&self, owner: Owner, uri: &str) -> bool {
        match owner {
            Owner::Server => self.can_watch(uri),
            Owner::Upstream(index) => {
                let spec = &self.children.upstreams[index.as_usize()].spec;
                // Whose environment comes from requests has no child between them.
                let is_known = spec.per == Per::Server || spec.headers.is_empty();
                let is_offered = self.any_offers(Scope::One(index), |offers| offers.subscribe);
                is_known && is_offered && self.heeded.len() < limits::WATCHED_MAX
            }
        }
    }

    /// Asks children to look after what is wanted since the last time, and no more after what is
    /// not wanted any longer.
    pub(super) fn heed(&mut self, now: Instant) {
        let can_be_told = self.any_offers(Scope::Everything, |offers| offers.subscribe);
        if !can_be_told && self.heeded.is_empty() {
            return;
        }
        let mut wanted: Vec<Heeded> = Vec::new();
        self.each_heeded(&mut |upstream, (instance, era), uri| {
            let heeded = Heeded {
                upstream,
                instance,
                era,
                uri: uri.into(),
            };
            if wanted.len() < limits::WATCHED_MAX && !wanted.contains(&heeded) {
                wanted.push(heeded);
            }
        });
        let bytes = |all: &[Heeded]| all.iter().map(Heeded::held_bytes).sum::<usize>();
        let before = std::mem::take(&mut self.heeded);
        self.pool.give(bytes(&before));
        if !self.take_bytes(bytes(&wanted)) {
            wanted.clear();
        }
        self.heeded = wanted;
        let is_wanted = |one: &Heeded| self.heeded.contains(one);
        let (before, gone): (Vec<Heeded>, Vec<Heeded>) = before.into_iter().partition(is_wanted);
        for gone in &gone {
            if let Some(key) = self.child_for(gone) {
                let child = self.children.slab.get_mut(key).expect("it was just found");
                child.conversation.unsubscribe(&gone.uri);
                self.look_after(now, key);
            }
        }
        let mut waiting: Vec<UpstreamIndex> = Vec::new();
        for place in 0..self.heeded.len() {
            let one = &self.heeded[place];
            if before.contains(one) {
                continue;
            }
            match self.child_for(one) {
                Some(key) => {
                    let child = self.children.slab.get_mut(key).expect("it was just found");
                    child.conversation.subscribe(&one.uri);
                    self.look_after(now, key);
                }
                None if waiting.contains(&one.upstream) => {}
                None => waiting.push(one.upstream),
            }
        }
        for upstream in waiting {
            self.tend(now, upstream);
        }
    }

    /// Asks a child that was just started to look after all that is wanted of it.
    pub(super) fn heed_through(&mut self, key: Key<Child>) {
        let its: Vec<usize> = (0..self.heeded.len())
            .filter(|place| self.child_for(&self.heeded[*place]) == Some(key))
            .collect();
        for place in its {
            let child = self.children.slab.get_mut(key).expect("it was just found");
            child.conversation.subscribe(&self.heeded[place].uri);
        }
    }

    /// Whether a child has to run because something is wanted of it.
    pub(super) fn is_heeding(&self, key: Key<Child>) -> bool {
        let mut heeded = self.heeded.iter();
        heeded.any(|one| self.child_for(one) == Some(key))
    }

    /// The children of an upstream that have to run for that.
    pub(super) fn heeding(&self, upstream: UpstreamIndex) -> Vec<(Instance, Era)> {
        let mut children = Vec::new();
        for one in self.heeded.iter().filter(|one| one.upstream == upstream) {
            if !children.contains(&(one.instance, one.era)) {
                children.push((one.instance, one.era));
            }
        }
        children
    }

    /// Tells `take` which children are to look after which resources.
    fn each_heeded(&self, take: &mut impl FnMut(UpstreamIndex, (Instance, Era), &str)) {
        let mut take_all = |listener: Listener, uris: &[Box<str>]| {
            for uri in uris {
                if let Some(Owner::Upstream(index)) = self.owner_of(listener.scope, uri) {
                    take(index, self.serving(listener, index), uri);
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
                take_all(Listener::of_stream(wanted), &wanted.resources);
            }
        }
    }

    /// Which child of an upstream works for somebody, as it does for that client's calls: no other
    /// need know what those have changed.
    fn serving(&self, listener: Listener, index: UpstreamIndex) -> (Instance, Era) {
        let upstream = &self.children.upstreams[index.as_usize()];
        let instance = match (upstream.spec.per, listener.session) {
            (Per::Server, _) => Instance::Shared,
            (Per::Session, Some(session)) => Instance::Session(session),
            (Per::Session, None) | (Per::Principal, _) => {
                Instance::Principal(listener.principal.id, 0)
            }
        };
        let era = match listener.session {
            Some(_) => Era::Handshake,
            None => Era::Stateless,
        };
        (instance, upstream.era_for(era))
    }

    /// The child that looks after a resource.
    fn child_for(&self, heeded: &Heeded) -> Option<Key<Child>> {
        let start = Start::new(heeded.upstream, heeded.instance, heeded.era);
        let mut children = self.children.slab.iter();
        let found = children.find(|(_, child)| start.is(child) && child.state.takes_calls());
        found.map(|(key, _)| key)
    }

    /// A child says that a resource has changed: tells those that it works for.
    pub(super) fn child_resource_updated(&mut self, now: Instant, key: Key<Child>, uri: &str) {
        let Some(child) = self.children.slab.get(key) else {
            return;
        };
        let (index, told_by) = (child.upstream, (child.instance, child.era));
        let hears = |engine: &Engine, listener: Listener| {
            listener.scope.has(index)
                && engine.serving(listener, index) == told_by
                && engine.owner_of(listener.scope, uri) == Some(Owner::Upstream(index))
        };
        let sessions = self.sessions.iter();
        let sessions =
            sessions.filter(|(key, session)| hears(self, Listener::of_session(*key, session)));
        let sessions: Vec<Key<Session>> = sessions.map(|(key, _)| key).collect();
        let streams = self.streams.iter().filter(|(_, stream)| {
            let wanted = stream.subscription.as_deref();
            wanted.is_some_and(|wanted| hears(self, Listener::of_stream(wanted)))
        });
        let streams: Vec<Key<Stream>> = streams.map(|(key, _)| key).collect();
        self.tell_updated(now, uri, &|key, _| sessions.contains(&key));
        self.tell_resource_updated(now, uri, &|key, _| streams.contains(&key));
    }
}

impl Listener {
    fn of_stream(wanted: &Subscription) -> Listener {
        Listener {
            scope: wanted.scope,
            session: None,
            principal: wanted.principal,
        }
    }

    fn of_session(key: Key<Session>, session: &Session) -> Listener {
        Listener {
            scope: session.scope,
            session: Some(key),
            principal: session.principal(),
        }
    }
}
