//! What is offered where: everything, or what one upstream has.

use super::Engine;
use super::children::Children;
use crate::tool::forward::{Scope, UpstreamIndex};

impl Children {
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
        let mut upstreams = self.children.upstreams.iter();
        let place = upstreams.position(|upstream| upstream.spec.name == name);
        place.map(UpstreamIndex::new)
    }
}
