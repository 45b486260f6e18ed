//! Resources: what is listed of them, and what reading them gives.

use super::{Completion, Live, Pattern, prompt};
use crate::mcp::message::Arguments;
use crate::wire::json::Object;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::rc::Rc;

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
    pub(super) spec: ResourceSpec,
    /// The pattern, taken apart.
    pub(super) pattern: Pattern,
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

    /// What the listing of resources says.
    pub(crate) fn listed(&self) -> Object {
        self.entry("uri")
    }

    /// What is said of it; `uri` is what its address is called.
    pub(in crate::tool) fn entry(&self, uri: &str) -> Object {
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
    pub(in crate::tool) fn bytes(&self) -> usize {
        let texts = [&self.title, &self.description, &self.mime_type];
        let bytes = texts.into_iter().flatten().map(String::len);
        bytes.sum::<usize>() + self.uri.len() + self.name.len()
    }
}

impl Hints {
    pub(super) fn encode(&self) -> Vec<u8> {
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
    pub(in crate::tool) fn bytes(&self) -> usize {
        self.uri.len() + self.body.bytes()
    }

    /// The contents as an object; `asked` is what they are of unless they say so themselves.
    pub(in crate::tool) fn encode(&self, asked: (&str, Option<&str>)) -> Object {
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
