//! Looks at resources that change by themselves, while somebody wants to hear of it.
//!
//! The engine decides when to look and what a difference means; the edge looks and says what it saw
//! as a number. A first look, as somebody subscribes, tells no more than what later ones are held
//! against. One deadline serves all of them, and there is none while nobody subscribes: nothing
//! wakes the machine then.

use super::{Deadline, Engine, Job};
use crate::bounded::Timer;
use crate::limits;
use crate::mcp::subscription::List;
use crate::time::Instant;
use crate::tool::catalogue::{Live, Source};
use crate::tool::forward::Scope;
use std::rc::Rc;

/// What stands for the listing of all collections among what is looked at; no URI is empty.
const LISTING: &str = "";

/// What is looked at.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Each at most once, at most [`limits::WATCHED_MAX`] of them. Their URIs are drawn from the
    /// budget.
    watched: Vec<Watched>,
    /// What was seen of the listing last, by a look or by a client that asked for it.
    listing: Option<u64>,
    /// Runs until the next of them is due.
    pub timer: Option<Timer>,
}

/// A resource that is looked at.
#[derive(Debug)]
struct Watched {
    /// Its URI, or [`LISTING`].
    uri: Box<str>,
    /// What was seen of it last.
    seen: Option<u64>,
    /// When to look again; `None` while the edge looks.
    due: Option<Instant>,
}

impl Watch {
    fn find(&mut self, uri: &str) -> Option<&mut Watched> {
        self.watched.iter_mut().find(|watched| *watched.uri == *uri)
    }

    /// Bytes of the budget that it holds.
    pub fn held_bytes(&self) -> usize {
        let uris = self.watched.iter().map(|watched| watched.uri.len());
        uris.sum()
    }
}

impl Engine {
    /// Whether changes of this resource would be seen if somebody subscribed to it now: the edge
    /// need not look for them, or there is room for one more.
    pub(super) fn can_watch(&self, uri: &str) -> bool {
        let watched = &self.watch.watched;
        watched.len() < limits::WATCHED_MAX
            || self.changing(uri).is_none()
            || watched.iter().any(|watched| *watched.uri == *uri)
    }

    /// Looks at everything that is due, and forgets what nobody wants to hear of any more. Also
    /// called when somebody subscribes, before the answer: no change after that is missed.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.watch.watched.is_empty() && !self.has_changing() {
            return;
        }
        self.renew_watched(now);
        self.look_at_due(now);
        self.schedule_watch();
    }

    /// Whether anything here has to be looked at.
    fn has_changing(&self) -> bool {
        let catalogue = &self.catalogue;
        let resources = catalogue.resources.iter().map(|resource| &resource.source);
        let collections = catalogue.collections.iter();
        let collections = collections.map(|collection| &collection.source);
        let templates = catalogue.templates.iter().map(|template| &template.source);
        let mut sources = resources.chain(collections).chain(templates);
        sources.any(|source| match source {
            Source::Live(live) => live.watch().is_some(),
            Source::Fixed(_) => false,
        })
    }

    /// What makes the contents of a resource, if the edge has to look for changes.
    fn changing(&self, uri: &str) -> Option<Rc<dyn Live>> {
        let live = match uri {
            LISTING => self.catalogue.lister.as_ref()?,
            uri => match self.catalogue.find(uri)?.source {
                Source::Live(live) => live,
                Source::Fixed(_) => return None,
            },
        };
        live.watch().is_some().then(|| live.clone())
    }

    /// Keeps of what is looked at what is still wanted, and adds what is new.
    fn renew_watched(&mut self, now: Instant) {
        let mut before = std::mem::take(&mut self.watch);
        self.pool.give(before.held_bytes());
        let mut watched: Vec<Watched> = Vec::new();
        self.each_wanted(&mut |uri| {
            let is_twin = watched.iter().any(|other| *other.uri == *uri);
            if is_twin || watched.len() == limits::WATCHED_MAX || self.changing(uri).is_none() {
                return;
            }
            let known = before.find(uri);
            watched.push(Watched {
                uri: uri.into(),
                seen: known.as_ref().and_then(|known| known.seen),
                due: known.map_or(Some(now), |known| known.due),
            });
        });
        before.watched = watched;
        if !self.take_bytes(before.held_bytes()) {
            before.watched.clear();
        }
        self.watch = before;
    }

    /// Tells `take` each URI that somebody wants to hear of, and the listing where somebody wants
    /// to hear of that, or of what is in it.
    fn each_wanted(&self, take: &mut dyn FnMut(&str)) {
        let collections = &self.catalogue.collections;
        let mut wants_listing = false;
        let mut take_all = |uris: &[Box<str>]| {
            for uri in uris {
                take(uri);
                wants_listing |= collections.iter().any(|collection| collection.has(uri));
            }
        };
        let is_own = |scope| scope == Scope::Everything;
        for (_, session) in self.sessions.iter().filter(|(_, one)| is_own(one.scope)) {
            if let Some(wanted) = &session.interests {
                take_all(&wanted.resources);
            }
        }
        let mut hears_lists = false;
        for (_, stream) in self.streams.iter() {
            let wanted = stream.subscription.as_deref();
            if let Some(wanted) = wanted.filter(|wanted| is_own(wanted.scope)) {
                take_all(&wanted.resources);
                hears_lists |= wanted.lists.has(List::Resources);
            }
        }
        if wants_listing || hears_lists {
            take(LISTING);
        }
    }

    /// Hands what is due to the edge.
    fn look_at_due(&mut self, now: Instant) {
        let mut watched = std::mem::take(&mut self.watch.watched);
        let is_due = |watched: &&mut Watched| watched.due.is_some_and(|due| due <= now);
        for watched in watched.iter_mut().filter(is_due) {
            let live = self.changing(&watched.uri);
            let look = live.and_then(|live| Some((live.look(&watched.uri)?, live.limits())));
            let Some((work, bounds)) = look else { continue };
            watched.due = None;
            self.jobs.push_back(Job::Look {
                uri: watched.uri.clone(),
                work,
                timeout: bounds.timeout.unwrap_or(self.config.timeouts.call),
            });
        }
        self.watch.watched = watched;
    }

    fn schedule_watch(&mut self) {
        let timer = self.watch.timer.take();
        self.cancel(timer);
        let due = self.watch.watched.iter().filter_map(|watched| watched.due);
        if let Some(at) = due.min() {
            self.watch.timer = self.schedule(at, Deadline::Watch);
        }
    }

    /// The deadline has come.
    pub(super) fn watch_expired(&mut self, now: Instant) {
        self.watch.timer = None;
        self.watch(now);
    }

    /// The edge has looked at a resource: the number is the same exactly as long as nothing has
    /// changed. Whoever subscribes to it hears of a change.
    pub fn handle_seen(&mut self, now: Instant, uri: &str, seen: u64) {
        let interval = self.changing(uri).and_then(|live| live.watch());
        let Some(watched) = self.watch.find(uri) else {
            return;
        };
        // To the nearest step: a look comes a little after its deadline.
        let interval = interval.unwrap_or_default().max(limits::COARSE);
        let at = (now + (interval - limits::COARSE / 2)).round_up(limits::COARSE);
        watched.due = Some(at);
        let before = watched.seen.replace(seen);
        self.schedule_watch();
        if uri == LISTING {
            self.listing_seen(now, seen);
        } else if before.is_some_and(|before| before != seen) {
            self.handle_resource_updated(now, uri);
        }
    }

    /// This is in the collections now.
    pub(super) fn listing_seen(&mut self, now: Instant, seen: u64) {
        let before = self.watch.listing.replace(seen);
        if before.is_some_and(|before| before != seen) {
            self.resources_changed(now);
        }
    }
}
