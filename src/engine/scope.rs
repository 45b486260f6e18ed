//! What is offered where: everything, or what one upstream has; and who has what is asked for.

use super::Engine;
use super::children::Children;
use crate::limits;
use crate::mcp::message::{CompletionParams, Reference};
use crate::tool::catalogue::Catalogue;
use crate::tool::forward::{Scope, UpstreamIndex};
use crate::upstream::listing::{Kind, Offers};
use crate::upstream::offered::{Entry, Offered};
use crate::upstream::request;
use serde_json::value::RawValue;

/// Who has a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The server itself.
    Server,
    /// An upstream.
    Upstream(UpstreamIndex),
}

impl Children {
    /// Whether there is such a scope: a reload may have taken an upstream out.
    pub fn has(&self, scope: Scope) -> bool {
        match scope {
            Scope::Everything => true,
            Scope::One(index) => !self.upstreams[index.as_usize()].is_removed,
        }
    }

    /// The name of the upstream that a scope is about.
    pub fn name_of(&self, scope: Scope) -> Option<&str> {
        match scope {
            Scope::Everything => None,
            Scope::One(index) => Some(&self.upstreams[index.as_usize()].spec.name),
        }
    }
}

impl Engine {
    /// The upstream with this name.
    pub(super) fn upstream_named(&self, name: &str) -> Option<UpstreamIndex> {
        let mut upstreams = self.children.configured();
        let found = upstreams.find(|(_, upstream)| upstream.spec.name == name);
        found.map(|(index, _)| index)
    }

    /// What the upstreams of a scope offer, as far as that is known.
    pub(super) fn offered_in(
        &self,
        scope: Scope,
    ) -> impl Iterator<Item = (UpstreamIndex, &Offered)> {
        let upstreams = self.children.configured();
        let upstreams = upstreams.filter(move |(index, _)| scope.has(*index));
        upstreams.filter_map(|(index, upstream)| Some((index, upstream.offered()?)))
    }

    /// Whether any upstream of a scope offers this.
    pub(super) fn any_offers(&self, scope: Scope, what: impl Fn(&Offers) -> bool) -> bool {
        let mut offered = self.offered_in(scope);
        offered.any(|(_, offered)| what(&offered.introduction().offers))
    }

    /// The one upstream whose words are those of the scope: that of its own scope, and one that is
    /// all there is.
    pub(super) fn voice(&self, scope: Scope) -> Option<&Offered> {
        let mut offered = self.offered_in(scope);
        let (_, first) = offered.next()?;
        let is_alone = || {
            let has_own = !self.own_tools.is_empty()
                || self.catalogue.has_resources()
                || self.catalogue.has_prompts();
            !has_own && self.children.configured().count() == 1
        };
        let is_voice = scope != Scope::Everything || is_alone();
        is_voice.then_some(first)
    }

    /// What results in a scope say of who made them.
    pub(super) fn stamp_in(&self, scope: Scope) -> &str {
        let voice = self.voice(scope).map(|voice| voice.stamp.as_str());
        voice
            .filter(|stamp| !stamp.is_empty())
            .unwrap_or(&self.stamp)
    }

    /// Who is asked for a resource in a scope.
    pub(super) fn owner_of(&self, scope: Scope, uri: &str) -> Option<Owner> {
        match self.own(scope) {
            Some(own) if own.has_resource(uri) => Some(Owner::Server),
            Some(_) | None => self.upstream_with(scope, uri).map(Owner::Upstream),
        }
    }

    /// The upstream that is asked for a resource: one that lists it, or has a template for it, or
    /// that alone can have it.
    pub(super) fn upstream_with(&self, scope: Scope, uri: &str) -> Option<UpstreamIndex> {
        if uri.len() > limits::URI_BYTES_MAX {
            return None;
        }
        let having = |has: &dyn Fn(&Offered) -> bool| {
            let mut offered = self.offered_in(scope);
            offered
                .find(|(_, offered)| has(offered))
                .map(|(index, _)| index)
        };
        let with_resources = || {
            let offered = self.offered_in(scope);
            offered.filter(|(_, offered)| offered.introduction().offers.resources)
        };
        having(&|offered| offered.lists_resource(uri))
            .or_else(|| having(&|offered| offered.has_template_for(uri)))
            .or_else(|| {
                let mut all = with_resources();
                let first = all.next().map(|(index, _)| index);
                first.filter(|_| all.next().is_none())
            })
    }

    /// The upstream whose prompt has this name in a scope, and its entry there.
    pub(super) fn prompt_in(&self, scope: Scope, name: &str) -> Option<(UpstreamIndex, &Entry)> {
        let mut offered = self.offered_in(scope);
        offered.find_map(|(index, offered)| {
            let mut prompts = offered.prompts.iter();
            let found = prompts.find(|prompt| prompt.name_in(scope) == Some(name));
            found.map(|prompt| (index, prompt))
        })
    }

    /// The upstream with this resource template.
    pub(super) fn upstream_of_template(&self, scope: Scope, uri: &str) -> Option<UpstreamIndex> {
        let mut offered = self.offered_in(scope);
        let has = |offered: &Offered| {
            let mut templates = offered.templates.iter();
            templates.any(|template| *template.key == *uri)
        };
        let found = offered.find(|(_, offered)| has(offered));
        found.map(|(index, _)| index)
    }

    /// The entries of one kind that upstreams have in a scope.
    pub(super) fn entries_in(&self, scope: Scope, kind: Kind) -> Vec<(&Offered, &Entry)> {
        let offered = self.offered_in(scope);
        let entries = offered.flat_map(|(_, offered)| {
            let entries = offered.entries(kind).iter();
            entries.map(move |entry| (offered, entry))
        });
        entries
            .filter(|(_, entry)| entry.name_in(scope).is_some())
            .collect()
    }

    /// The server's own resources and prompts, where they are offered.
    pub(super) fn own(&self, scope: Scope) -> Option<&Catalogue> {
        match scope {
            Scope::Everything => Some(&self.catalogue),
            Scope::One(_) => None,
        }
    }

    /// The upstream that has a prompt, unless the server has one of this name itself.
    pub(super) fn prompt_of_upstream(
        &self,
        scope: Scope,
        name: &str,
    ) -> Option<(UpstreamIndex, &Entry)> {
        let own = self.own(scope).and_then(|own| own.prompt(name));
        match own {
            Some(_) => None,
            None => self.prompt_in(scope, name),
        }
    }

    /// The upstream that knows what an argument may be, and what it is asked.
    pub(super) fn completion_of_upstream(
        &self,
        scope: Scope,
        params: &CompletionParams<'_>,
        sent: Option<&RawValue>,
    ) -> Option<(UpstreamIndex, Box<str>)> {
        match &params.reference {
            Reference::Prompt { name } => {
                let (upstream, prompt) = self.prompt_of_upstream(scope, name)?;
                Some((upstream, request::forwarded_completion(sent, &prompt.key)))
            }
            Reference::Resource { uri } => {
                let own = self.own(scope).map_or(&[][..], |own| &own.templates);
                if own.iter().any(|own| own.spec().uri == **uri) {
                    return None;
                }
                let upstream = self.upstream_of_template(scope, uri)?;
                Some((upstream, request::forwarded(sent, None)))
            }
        }
    }
}
