//! What upstreams offer: taken in as they say it, merged with what the server has itself, and told
//! to those who listen where it differs from before.

use super::Engine;
use super::children::Upstream;
use super::heed::Heeded;
use crate::mcp::subscription::List;
use crate::time::Instant;
use crate::tool::Tool;
use crate::tool::forward::{Scope, UpstreamIndex};
use crate::tool::registry::{self, Registry};
use crate::upstream::listing::Listing;
use crate::upstream::names::{Group, Merged, merge};
use crate::upstream::offered::Offered;
use std::collections::BTreeSet;
use std::rc::Rc;

impl Engine {
    /// What an upstream offers, as it has said it now or was known to say it before.
    pub fn take_listing(&mut self, now: Instant, index: UpstreamIndex, listing: Box<Listing>) {
        let upstream = &mut self.children.upstreams[index.as_usize()];
        upstream.listing = Some(listing.clone());
        let mut offered = Offered::read(index, &upstream.spec, *listing);
        let before = upstream.offered.take();
        let name = &upstream.spec.name;
        if before
            .as_ref()
            .is_none_or(|before| before.faults != offered.faults)
        {
            for fault in &offered.faults {
                log::warn!("server {name:?}: {fault}");
            }
        }
        let prints = |offered: &Offered| {
            let prompts = (List::Prompts, offered.prompts_fingerprint);
            [prompts, (List::Resources, offered.resources_fingerprint)]
        };
        let before = before.map_or_else(Box::default, |before| {
            self.pool.give(before.held_bytes());
            before
        });
        if !self.take_bytes(offered.held_bytes()) {
            let name = &self.children.upstreams[index.as_usize()].spec.name;
            let bytes = offered.held_bytes();
            log::error!(
                "server {name:?}: what it offers takes {bytes} bytes, and nothing of it is offered: \
                 raise limits.memory"
            );
            offered = Offered::default();
        }
        let after = prints(&offered);
        self.children.upstreams[index.as_usize()].offered = Some(Box::new(offered));
        let changed = self.merge_offers(now);
        self.list_changed(now, List::Tools, &|scope| changed.contains(&scope));
        for (before, after) in prints(&before).into_iter().zip(after) {
            if before != after {
                self.list_changed(now, after.0, &|scope| scope.has(index));
            }
        }
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
        let offered = offered.take(crate::limits::OFFERED_TOOLS_MAX).collect();
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
        let offered = upstreams
            .filter_map(Upstream::offered)
            .map(Offered::held_bytes);
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
    /// What it offers, as far as that is known.
    pub(super) fn offered(&self) -> Option<&Offered> {
        self.offered.as_deref()
    }
}
