//! Resources that come and go without a reload: those of a folder.

use super::{Resource, ResourceSpec, Source};
use crate::limits;
use crate::tool::registry;
use crate::wire::json::Object;

/// Resources that share the beginning of their URIs. Nothing is kept of them: a listing is made
/// when somebody asks for it.
#[derive(Clone, Debug)]
pub struct Collection {
    /// What their URIs begin with.
    pub prefix: String,
    /// What each of them holds, where that is the same for all.
    pub mime_type: Option<String>,
    /// Reads them, and knows which URIs are meant.
    pub source: Source,
}

impl Collection {
    /// Whether `uri` names something that may be in it.
    pub(crate) fn has(&self, uri: &str) -> bool {
        let is_known = || match &self.source {
            Source::Fixed(_) => true,
            Source::Live(live) => live.knows(uri),
        };
        uri.starts_with(&self.prefix) && is_known()
    }

    /// What tells it from others.
    pub(super) fn entry(&self) -> Object {
        Object::default().text("collection", &self.prefix)
    }
}

/// All that `resources/list` says: `fixed` first, then what was `found` in collections; all
/// together are cut at [`limits::RESOURCES_MAX`].
pub(crate) fn all_resources<'a>(
    fixed: &'a [Resource],
    found: &'a [ResourceSpec],
) -> Vec<&'a ResourceSpec> {
    let fixed = fixed.iter().map(|resource| &resource.spec);
    // A file of a folder may be a resource by itself too.
    let is_twin = |spec: &&ResourceSpec| fixed.clone().any(|other| other.uri == spec.uri);
    let found = found.iter().filter(|spec| !is_twin(spec));
    let all = fixed.clone().chain(found);
    all.take(limits::RESOURCES_MAX).collect()
}

/// What is the same for two listings exactly if they name the same resources (up to a collision of
/// 64 bits).
pub fn fingerprint(found: &[ResourceSpec]) -> u64 {
    // No URI has a blank.
    let uris = found.iter().map(|spec| spec.uri.bytes().chain(*b" "));
    registry::hash(uris.flatten())
}
