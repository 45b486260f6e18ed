//! What upstreams offer: taken in as they say it, merged with what the server has itself, and told
//! to those who listen where it differs from before.

use super::Engine;
use super::children::Upstream;
use super::heed::Heeded;
use crate::limits;
use crate::mcp::subscription::List;
use crate::time::Instant;
use crate::tool::Tool;
use crate::tool::forward::{Scope, UpstreamIndex};
use crate::tool::registry::{self, Registry};
use crate::upstream::listing::Listing;
use crate::upstream::names::{Group, Merged, merge};
use crate::upstream::offered::Offered;
use crate::wire::jsonrpc::{self, RpcError};
use std::collections::BTreeSet;
use std::rc::Rc;

impl Engine {
    /// What an upstream offers, as it has said it now or was known to say it before.
    #[expect(clippy::boxed_local, reason = "children and files bring it in a box")]
    pub fn take_listing(&mut self, now: Instant, index: UpstreamIndex, listing: Box<Listing>) {
        let spec = self.children.upstreams[index.as_usize()].spec.clone();
        let prints = |offered: &Offered| {
            let print = |list| (list, offered.listing.fingerprint(list));
            [List::Prompts, List::Resources].map(print)
        };
        let offered = Offered::read(index, &spec, *listing);
        let before = self.replace_offered(index, Box::new(offered));
        let before = prints(&before.unwrap_or_default());
        let after = self.children.upstreams[index.as_usize()].offered();
        let after = prints(after.unwrap_or(&Offered::default()));
        let changed = self.merge_offers(now);
        self.list_changed(now, List::Tools, &|scope| changed.contains(&scope));
        for ((list, before), (_, after)) in before.into_iter().zip(after) {
            if before != after {
                self.list_changed(now, list, &|scope| scope.has(index));
            }
        }
        self.resume_waiting(now);
    }

    /// Keeps what an upstream offers, charged to the budget. Returns what it was before.
    fn replace_offered(
        &mut self,
        index: UpstreamIndex,
        mut offered: Box<Offered>,
    ) -> Option<Box<Offered>> {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        let spec = upstream.spec.clone();
        let before = upstream.offered.take();
        let known = before.as_ref().map_or(&[][..], |before| &before.faults);
        for fault in offered.faults.iter().filter(|fault| !known.contains(fault)) {
            log::warn!("server {:?}: {fault}", spec.name);
        }
        let freed = before.as_ref().map_or(0, |before| before.held_bytes());
        self.pool.give(freed);
        let bytes = offered.held_bytes();
        if !self.take_bytes(bytes) {
            log::error!(
                "server {:?}: nothing of what it offers is offered, since that takes {bytes} \
                 bytes: raise limits.memory",
                spec.name
            );
            *offered = Offered::default();
        }
        self.children.upstreams[index.as_usize()].offered = Some(offered);
        before
    }

    /// Until when requests in a scope wait for what is offered there; `None` if all of it is known
    /// that will be known soon.
    pub(super) fn offers_due(&self, now: Instant, scope: Scope) -> Option<Instant> {
        if self.drain.is_some() {
            return None;
        }
        let upstreams = self.children.configured();
        let unknown = upstreams.filter(|(index, upstream)| {
            scope.has(*index) && !upstream.is_known() && !upstream.has_failed()
        });
        let due = unknown.map(|(_, upstream)| match scope {
            Scope::Everything => upstream.unknown_since + limits::OFFERS_WAIT,
            Scope::One(_) => now + upstream.spec.start_timeout,
        });
        due.max().filter(|due| *due > now)
    }

    /// Why nothing is known of the one upstream of a scope.
    pub(super) fn unknown_in(&self, scope: Scope) -> Option<RpcError> {
        let Scope::One(index) = scope else {
            return None;
        };
        let upstream = &self.children.upstreams[index.as_usize()];
        if upstream.offered().is_some() {
            return None;
        }
        let name = &upstream.spec.name;
        let text = match &upstream.last_failure {
            Some(reason) => reason.to_string(),
            None => format!("server {name:?} has not said yet what it offers: try again"),
        };
        Some(RpcError::new(jsonrpc::INTERNAL_ERROR, text))
    }

    /// Puts together what is offered in each scope. Returns those where the tools are others.
    pub(super) fn merge_offers(&mut self, now: Instant) -> Vec<Scope> {
        let own = self.own_tools.iter();
        let own: Vec<&str> = own.map(|tool| tool.spec().name.as_str()).collect();
        let tools = self.merged(&own, |offered| {
            let tools = offered.tools.iter();
            tools.map(|tool| tool.spec().name.as_str()).collect()
        });
        let own = self.catalogue.prompts.iter();
        let own: Vec<&str> = own.map(|prompt| prompt.name.as_str()).collect();
        let prompts = self.merged(&own, |offered| {
            offered.prompts.iter().map(|prompt| &*prompt.key).collect()
        });
        self.name_prompts(prompts);
        let registry = self.with_offered(tools);
        self.leave_out_twins();
        let scopes = self
            .scopes()
            .filter(|scope| registry.fingerprint(*scope) != self.registry.fingerprint(*scope));
        let changed: Vec<Scope> = scopes.collect();
        self.replace_tools(now, registry);
        changed
    }

    /// The names of what all upstreams offer of one kind.
    fn merged<'a>(&'a self, own: &[&str], names: impl Fn(&'a Offered) -> Vec<&'a str>) -> Merged {
        let upstreams = self.children.upstreams.iter();
        let groups: Vec<Group<'_>> = upstreams
            .map(|upstream| Group {
                server: &upstream.spec.name,
                prefix: &upstream.spec.prefix,
                names: upstream.offered().map_or_else(Vec::new, &names),
            })
            .collect();
        let merged = merge(own, &groups);
        for collision in &merged.collisions {
            log::warn!("{collision}");
        }
        merged
    }

    /// All tools, those of upstreams with these names.
    fn with_offered(&self, merged: Merged) -> Registry {
        let upstreams = &self.children.upstreams;
        let tools = upstreams.iter().filter_map(Upstream::offered);
        let tools = tools.flat_map(|offered| &offered.tools);
        let names = merged.names.into_iter().flatten();
        let offered = tools.map(|tool| tool.clone() as Rc<dyn Tool>).zip(names);
        let offered = offered.take(limits::OFFERED_TOOLS_MAX).collect();
        Registry::with_offered(self.own_tools.clone(), offered, upstreams.len())
    }

    fn name_prompts(&mut self, merged: Merged) {
        let upstreams = self.children.upstreams.iter_mut();
        for (upstream, names) in upstreams.zip(merged.names) {
            let prompts = upstream
                .offered
                .iter_mut()
                .flat_map(|offered| &mut offered.prompts);
            for (prompt, name) in prompts.zip(names) {
                prompt.shared_key = Some(name).filter(|name| *name != prompt.key);
            }
        }
    }

    /// Of resources with the same URI the first is offered where everything is.
    fn leave_out_twins(&mut self) {
        let hash = |uri: &str| registry::hash(uri.bytes());
        let own = self.catalogue.resources.iter();
        let mut known: BTreeSet<u64> = own.map(|resource| hash(&resource.spec.uri)).collect();
        for upstream in &mut self.children.upstreams {
            let Some(offered) = &mut upstream.offered else {
                continue;
            };
            let mut twins = 0;
            for entry in offered.resources.iter_mut().chain(&mut offered.templates) {
                let is_twin = !known.insert(hash(&entry.key));
                entry.shared_key = is_twin.then(Box::default);
                twins += u32::from(is_twin);
            }
            if std::mem::replace(&mut offered.twins, twins) != twins && twins > 0 {
                let name = &upstream.spec.name;
                log::warn!("server {name:?}: others have {twins} of its resources' URIs already");
            }
        }
    }

    /// Bytes of the budget that is held for what upstreams offer and have to look after.
    pub(super) fn offers_held_bytes(&self) -> usize {
        let upstreams = self.children.upstreams.iter();
        let offered = upstreams.filter_map(|upstream| upstream.offered.as_deref());
        let offered = offered.map(Offered::held_bytes);
        let heeded = self.heeded.iter().map(Heeded::held_bytes);
        offered.sum::<usize>() + heeded.sum::<usize>()
    }

    /// Everything, and each upstream.
    fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        let places = 0..self.children.upstreams.len();
        let each = places.map(|place| Scope::One(UpstreamIndex::new(place)));
        std::iter::once(Scope::Everything).chain(each)
    }
}

impl Upstream {
    /// Whether it is known what it offers, and what its command speaks.
    fn is_known(&self) -> bool {
        self.offered.is_some() && (self.eras.is_some() || self.spec.era.is_some())
    }

    /// What it offers, as far as that is known.
    pub(super) fn offered(&self) -> Option<&Offered> {
        self.offered.as_deref().filter(|_| !self.is_removed)
    }
}
