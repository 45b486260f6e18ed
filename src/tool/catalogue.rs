//! Resources and prompts: what a server offers beside tools.
//!
//! Each has its contents fixed, or made when somebody asks. What is [`Live`] goes by the rules of
//! tools: it does no I/O, and either has the answer at once or names the [`Work`] that the edge
//! does for it, as a call with a deadline, progress and cancellation.
//!
//! What is empty is not offered: its capability is absent and its methods are unknown, unless more
//! is to come. Roles are about tools: resources and prompts are there for every role.

mod collection;
mod complete;
mod pattern;
mod prompt;
mod resource;

use super::handler::Ended;
use super::registry;
use super::{CallLimits, Work};
use crate::limits;
use crate::mcp::message::{Arguments, Typed};
use crate::mcp::streamable;
use crate::wire::json::Object;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use collection::all_resources;
pub use collection::{Collection, fingerprint as listing_fingerprint};
pub use complete::{Completion, Offered, Values};
pub use pattern::Pattern;
pub use prompt::{Messages, Prompt, PromptArgument, PromptMessage};
pub use resource::{Body, Contents, Hints, Resource, ResourceSpec, ResourceTemplate, Role, Source};

pub(crate) use complete::encode_values;
pub(crate) use prompt::encode_messages;
pub(crate) use resource::{encode_body, encode_contents};

/// What a server offers beside tools.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Resources that can be listed and read, in the order of the listing.
    pub resources: Vec<Resource>,
    /// Resources that come and go; listed by `lister`.
    pub collections: Vec<Collection>,
    /// Lists what is in the collections, by [`Ended::Listed`].
    pub lister: Option<Rc<dyn Live>>,
    /// Resources that are described by a pattern of their URIs.
    pub templates: Vec<ResourceTemplate>,
    /// Prompts, in the order of the listing.
    pub prompts: Vec<Prompt>,
    /// Resources are offered even while there are none: more may come.
    pub more_resources: bool,
    /// The same for prompts.
    pub more_prompts: bool,
}

/// Makes the contents of resources, the messages of prompts, or the values of completions when
/// somebody asks for them.
pub trait Live {
    /// Time and bytes of output that each answer has. What they say of places in a queue does not
    /// count: `limits.calls` is the bound.
    fn limits(&self) -> CallLimits {
        CallLimits::default()
    }

    /// Answers, or names the work that leads to the answer. What is expected in the end is
    /// [`Ended::Contents`] for a resource, [`Ended::Messages`] for a prompt and
    /// [`Ended::Values`] for a completion.
    fn start(&self, asked: &Asked<'_>) -> Begun;

    /// Whether this URI names something that may be in a [`Collection`].
    fn knows(&self, _uri: &str) -> bool {
        true
    }

    /// How often it is looked at while somebody wants to hear of changes; `None` where whoever
    /// makes a change says so.
    fn watch(&self) -> Option<Duration> {
        None
    }

    /// The work of one look: a command, or a function that is over at once with [`Ended::Seen`].
    /// The name is a URI, or empty for a listing.
    fn look(&self, _name: &str) -> Option<Work> {
        None
    }
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// URI of the resource or name of the prompt; in a completion, name of the prompt or pattern of
    /// the template.
    pub name: &'a str,
    /// The variables of the template, decoded, or the arguments of the prompt; in a completion,
    /// those that are filled in already (since 2025-06-18).
    pub arguments: &'a Arguments<'a>,
    /// In a completion, what is typed so far.
    pub typed: Option<&'a Typed<'a>>,
}

/// How an answer begins.
#[derive(Debug)]
pub enum Begun {
    /// It is here already.
    Over(Ended),
    /// The edge has work to do and will report.
    Work(Work),
}

/// Why some entries do not make a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Two resources or two templates have this URI.
    Uri(String),
    /// Two prompts have this name.
    Prompt(String),
}

/// A resource that somebody named by its URI.
#[derive(Debug)]
pub struct Found<'a> {
    /// What the listing says of its type.
    pub mime_type: Option<&'a str>,
    /// Where its contents come from.
    pub source: &'a Source,
    /// What the variables of the template stand for; empty without a template.
    pub variables: Arguments<'a>,
}

impl Catalogue {
    /// Whether URIs and names are unique.
    ///
    /// # Errors
    ///
    /// With the first that is not. Of two that are the same, the second would never be found.
    pub fn check(&self) -> Result<(), Unfit> {
        let resources = self.resources.iter().map(|resource| &resource.spec);
        let templates = self.templates.iter().map(|template| &template.spec);
        let uris = resources.chain(templates).map(|spec| spec.uri.as_str());
        if let Some(twin) = find_twin(uris) {
            return Err(Unfit::Uri(twin));
        }
        match find_twin(self.prompts.iter().map(|prompt| prompt.name.as_str())) {
            Some(twin) => Err(Unfit::Prompt(twin)),
            None => Ok(()),
        }
    }

    /// Whether resources are offered.
    pub fn has_resources(&self) -> bool {
        let has_some = !(self.resources.is_empty() && self.templates.is_empty());
        self.more_resources || has_some || !self.collections.is_empty()
    }

    /// Whether prompts are offered.
    pub fn has_prompts(&self) -> bool {
        self.more_prompts || !self.prompts.is_empty()
    }

    /// The resource with this URI: one of the list, else of a collection, else of the first
    /// template that it fits.
    pub fn find<'a>(&'a self, uri: &'a str) -> Option<Found<'a>> {
        if uri.len() > limits::URI_BYTES_MAX {
            return None;
        }
        let mut resources = self.resources.iter();
        if let Some(resource) = resources.find(|resource| resource.spec.uri == uri) {
            return Some(Found {
                mime_type: resource.spec.mime_type.as_deref(),
                source: &resource.source,
                variables: Arguments::default(),
            });
        }
        let mut collections = self.collections.iter();
        if let Some(collection) = collections.find(|collection| collection.has(uri)) {
            return Some(Found {
                mime_type: collection.mime_type.as_deref(),
                source: &collection.source,
                variables: Arguments::default(),
            });
        }
        self.templates.iter().find_map(|template| {
            Some(Found {
                mime_type: template.spec.mime_type.as_deref(),
                source: &template.source,
                variables: template.pattern.read(uri)?,
            })
        })
    }

    /// Whether there is a resource with this URI.
    pub fn has_resource(&self, uri: &str) -> bool {
        self.find(uri).is_some()
    }

    /// The prompt with this name.
    pub fn prompt(&self, name: &str) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| prompt.name == name)
    }

    /// What is the same for two catalogues exactly if they list the same resources and templates,
    /// wording and order included (up to a collision of 64 bits).
    pub fn resources_fingerprint(&self) -> u64 {
        let resources = self.resources.iter().map(Resource::entry);
        let collections = self.collections.iter().map(Collection::entry);
        let templates = self.templates.iter().map(ResourceTemplate::entry);
        fingerprint(resources.chain(collections).chain(templates))
    }

    /// The same for prompts.
    pub fn prompts_fingerprint(&self) -> u64 {
        fingerprint(self.prompts.iter().map(Prompt::entry))
    }
}

/// The page of a listing that `cursor` names, the first without one: the result of a request for
/// it, where `entry` says what stands in it at each place and `name` what the entries are called.
/// `None` for a cursor that is not one of this list.
///
/// A cursor is the number of the page's first entry: opaque to clients, and only exact ones are
/// taken. It outlives a change of the list, since whoever is told of one asks again.
pub(crate) fn page(
    name: &str,
    entries: usize,
    entry: &dyn Fn(usize) -> Object,
    cursor: Option<&str>,
) -> Option<Vec<u8>> {
    let begin = match cursor {
        None => 0,
        Some(cursor) => begin_of_page(cursor, entries)?,
    };
    let end = (begin + limits::PAGE_ENTRIES_MAX).min(entries);
    let next = (end < entries).then(|| end.to_string());
    let page = Object::default().list(name, (begin..end).map(entry));
    Some(page.optional_text("nextCursor", next.as_deref()).end())
}

fn begin_of_page(cursor: &str, entries: usize) -> Option<usize> {
    let begin = streamable::parse_digits(cursor)? as usize;
    let is_ours = begin > 0 && begin < entries && begin.is_multiple_of(limits::PAGE_ENTRIES_MAX);
    is_ours.then_some(begin)
}

/// Entries are JSON objects, so their borders need no mark.
fn fingerprint(entries: impl Iterator<Item = Object>) -> u64 {
    registry::hash(entries.flat_map(Object::end))
}

/// The first text that stands twice.
fn find_twin<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut sorted: Vec<&str> = texts.collect();
    sorted.sort_unstable();
    let twins = sorted.windows(2).find(|pair| pair[0] == pair[1]);
    twins.map(|pair| pair[0].to_string())
}

impl fmt::Debug for dyn Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Uri(uri) => write!(f, "two resources have the URI {uri:?}; change one"),
            Unfit::Prompt(name) => write!(f, "two prompts are named {name:?}; rename one"),
        }
    }
}

impl std::error::Error for Unfit {}

#[cfg(test)]
mod tests;
