//! Resources and prompts: what a server offers beside tools.
//!
//! Each has its contents fixed, or made when somebody asks. What is [`Live`] goes by the rules of
//! tools: it does no I/O, and either has the answer at once or names the [`Work`] that the edge
//! does for it, as a call with a deadline, progress and cancellation.
//!
//! What is empty is not offered: its capability is absent and its methods are unknown, unless more
//! is to come. Roles are about tools: resources and prompts are there for every role.

mod complete;
mod pattern;
mod prompt;

use super::handler::Ended;
use super::registry;
use super::{CallLimits, Content, Work};
use crate::limits;
use crate::mcp::message::{Arguments, Typed};
use crate::mcp::streamable;
use crate::wire::json::Object;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

pub use complete::{Completion, Offered, Values};
pub use pattern::Pattern;
pub use prompt::{Messages, Prompt, PromptArgument, PromptMessage};

pub(crate) use complete::encode_values;
pub(crate) use prompt::encode_messages;

/// What a server offers beside tools.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Resources that can be listed and read, in the order of the listing.
    pub resources: Vec<Resource>,
    /// Resources that are described by a pattern of their URIs.
    pub templates: Vec<ResourceTemplate>,
    /// Prompts, in the order of the listing.
    pub prompts: Vec<Prompt>,
    /// Resources are offered even while there are none: more may come.
    pub more_resources: bool,
    /// The same for prompts.
    pub more_prompts: bool,
}

/// A resource (MCP 2025-06-18, server/resources).
#[derive(Clone, Debug)]
pub struct Resource {
    /// What `resources/list` says of it.
    pub spec: ResourceSpec,
    /// What reading it gives.
    pub source: Source,
}

/// What a listing or a link says of a resource. Of a template, `uri` is the pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceSpec {
    /// Its address, unique in the catalogue.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// Name for people, since 2025-06-18.
    pub title: Option<String>,
    /// What a model reads.
    pub description: Option<String>,
    /// For example `text/plain`.
    pub mime_type: Option<String>,
    /// Bytes of the contents before they are encoded, since 2024-11-05; a template has none.
    pub size: Option<u64>,
    /// Hints for the client.
    pub hints: Hints,
}

/// Hints on a resource: `annotations` on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// For whom it is; empty is not said.
    pub audience: Vec<Role>,
    /// How important it is in hundredths, at most 100: said as a number from 0 to 1.
    pub priority: Option<u8>,
    /// When it was changed last, as ISO 8601; since 2025-06-18.
    pub last_modified: Option<String>,
}

/// Who says a message, or for whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// A resource for each URI that fits a pattern.
#[derive(Clone, Debug)]
pub struct ResourceTemplate {
    /// What `resources/templates/list` says of it.
    spec: ResourceSpec,
    /// The pattern, taken apart.
    pattern: Pattern,
    /// What reading one gives; in a text, `{name}` is replaced by that variable.
    pub source: Source,
    /// What is offered for its variables, by their names.
    pub completions: Vec<(String, Completion)>,
}

/// Where the contents of a resource come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// They are always the same.
    Fixed(Body),
    /// They are made for each reader.
    Live(Rc<dyn Live>),
}

/// What reading gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Base64 of bytes.
    Blob(String),
}

/// What one resource says. A reading may give several, for example those of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Whose contents they are; empty for the resource that was asked for.
    pub uri: String,
    /// For example `text/plain`; what the listing says where it is absent.
    pub mime_type: Option<String>,
    /// The contents.
    pub body: Body,
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
        self.more_resources || !(self.resources.is_empty() && self.templates.is_empty())
    }

    /// Whether prompts are offered.
    pub fn has_prompts(&self) -> bool {
        self.more_prompts || !self.prompts.is_empty()
    }

    /// The resource with this URI: one of the list, or else of the first template that it fits.
    pub fn find<'a>(&'a self, uri: &'a str) -> Option<Found<'a>> {
        let mut resources = self.resources.iter();
        if let Some(resource) = resources.find(|resource| resource.spec.uri == uri) {
            return Some(Found {
                mime_type: resource.spec.mime_type.as_deref(),
                source: &resource.source,
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
        let templates = self.templates.iter().map(ResourceTemplate::entry);
        fingerprint(resources.chain(templates))
    }

    /// The same for prompts.
    pub fn prompts_fingerprint(&self) -> u64 {
        fingerprint(self.prompts.iter().map(Prompt::entry))
    }
}

impl Resource {
    /// A resource of which no more is known; further fields of its `spec` can be set.
    pub fn new(uri: impl Into<String>, name: impl Into<String>, source: Source) -> Resource {
        let spec = ResourceSpec::new(uri, name);
        Resource { spec, source }
    }

    /// What the listing says.
    pub(crate) fn entry(&self) -> Object {
        self.spec.entry("uri")
    }
}

impl ResourceSpec {
    /// A resource of which no more is known.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> ResourceSpec {
        ResourceSpec {
            uri: uri.into(),
            name: name.into(),
            ..ResourceSpec::default()
        }
    }

    /// What is said of it; `uri` is what its address is called.
    pub(super) fn entry(&self, uri: &str) -> Object {
        let entry = Object::default()
            .text(uri, &self.uri)
            .text("name", &self.name)
            .optional_text("title", self.title.as_deref())
            .optional_text("description", self.description.as_deref())
            .optional_text("mimeType", self.mime_type.as_deref())
            .optional("size", self.size);
        if self.hints == Hints::default() {
            return entry;
        }
        entry.json("annotations", &self.hints.encode())
    }

    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.title, &self.description, &self.mime_type];
        let bytes = texts.into_iter().flatten().map(String::len);
        bytes.sum::<usize>() + self.uri.len() + self.name.len()
    }
}

impl Hints {
    fn encode(&self) -> Vec<u8> {
        let mut hints = Object::default();
        if !self.audience.is_empty() {
            let names: Vec<_> = self.audience.iter().map(|role| role.name()).collect();
            let names = format!("[\"{}\"]", names.join("\",\""));
            hints = hints.json("audience", names.as_bytes());
        }
        hints = match self.priority {
            None => hints,
            Some(hundredths @ ..100) => hints.json("priority", &fraction(hundredths)),
            Some(100..) => hints.json("priority", b"1"),
        };
        let hints = hints.optional_text("lastModified", self.last_modified.as_deref());
        hints.end()
    }
}

/// Hundredths as JSON. Printing floating point numbers would be another part of the program.
fn fraction(hundredths: u8) -> [u8; 4] {
    [b'0', b'.', b'0' + hundredths / 10, b'0' + hundredths % 10]
}

impl Role {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

impl ResourceTemplate {
    /// A resource for each URI that fits the pattern `spec.uri`.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong with the pattern, see [`Pattern`].
    pub fn new(spec: ResourceSpec, source: Source) -> Result<ResourceTemplate, String> {
        Ok(ResourceTemplate {
            pattern: Pattern::parse(&spec.uri)?,
            spec,
            source,
            completions: Vec::new(),
        })
    }

    /// What `resources/templates/list` says of it.
    pub fn spec(&self) -> &ResourceSpec {
        &self.spec
    }

    /// What the listing says.
    pub(crate) fn entry(&self) -> Object {
        self.spec.entry("uriTemplate")
    }
}

impl Source {
    /// Always this text.
    pub fn text(text: impl Into<String>) -> Source {
        Source::Fixed(Body::Text(text.into()))
    }
}

impl Body {
    /// These bytes: as text if they are UTF-8.
    pub fn of(bytes: Vec<u8>) -> Body {
        match String::from_utf8(bytes) {
            Ok(text) => Body::Text(text),
            Err(error) => Body::Blob(STANDARD.encode(error.as_bytes())),
        }
    }

    /// Bytes as they stand here.
    pub fn bytes(&self) -> usize {
        match self {
            Body::Text(text) | Body::Blob(text) => text.len(),
        }
    }

    /// The same with variables or arguments in place.
    pub(crate) fn filled(&self, arguments: &Arguments<'_>) -> Cow<'_, Body> {
        match self {
            Body::Text(text) if text.contains('{') => {
                Cow::Owned(Body::Text(prompt::fill(text, arguments)))
            }
            Body::Text(_) | Body::Blob(_) => Cow::Borrowed(self),
        }
    }

    /// Adds the contents to an object that says whose they are.
    fn add_to(&self, object: Object) -> Object {
        match self {
            Body::Text(text) => object.text("text", text),
            Body::Blob(blob) => object.text("blob", blob),
        }
    }
}

impl Contents {
    /// The resource that was asked for says this.
    pub fn of(body: Body) -> Contents {
        Contents {
            uri: String::new(),
            mime_type: None,
            body,
        }
    }

    /// Bytes of all of it.
    pub(super) fn bytes(&self) -> usize {
        self.uri.len() + self.body.bytes()
    }

    /// The contents as an object; `asked` is what they are of unless they say so themselves.
    pub(super) fn encode(&self, asked: (&str, Option<&str>)) -> Object {
        let (uri, mime_type) = match self.uri.as_str() {
            "" => asked,
            uri => (uri, None),
        };
        let mime_type = self.mime_type.as_deref().or(mime_type);
        let object = Object::default()
            .text("uri", uri)
            .optional_text("mimeType", mime_type);
        self.body.add_to(object)
    }
}

/// The result of `resources/read`; `uri` and `mime_type` are those of what was asked for.
pub(crate) fn encode_contents(
    uri: &str,
    mime_type: Option<&str>,
    contents: &[Contents],
) -> Vec<u8> {
    let contents = contents.iter();
    let objects = contents.map(|contents| contents.encode((uri, mime_type)));
    Object::default().list("contents", objects).end()
}

/// The same for contents that are always the same.
pub(crate) fn encode_body(uri: &str, mime_type: Option<&str>, body: &Body) -> Vec<u8> {
    let object = Object::default()
        .text("uri", uri)
        .optional_text("mimeType", mime_type);
    let contents = std::iter::once(body.add_to(object));
    Object::default().list("contents", contents).end()
}

/// The page of a listing that `cursor` names, the first without one: the result of a request for
/// it, where `entry` says what stands in it of each of `list` and `name` what they are called.
/// `None` for a cursor that is not one of this list.
///
/// A cursor is the number of the page's first entry: opaque to clients, and only exact ones are
/// taken. It outlives a change of the list, since whoever is told of one asks again.
pub(crate) fn page<T>(
    name: &str,
    list: &[T],
    entry: fn(&T) -> Object,
    cursor: Option<&str>,
) -> Option<Vec<u8>> {
    let begin = match cursor {
        None => 0,
        Some(cursor) => begin_of_page(cursor, list.len())?,
    };
    let end = (begin + limits::PAGE_ENTRIES_MAX).min(list.len());
    let next = (end < list.len()).then(|| end.to_string());
    let page = Object::default().list(name, list[begin..end].iter().map(entry));
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
