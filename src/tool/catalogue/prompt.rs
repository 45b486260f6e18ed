//! Prompts: messages that a person chooses, with arguments filled in.

use super::{Completion, Contents, Live, ResourceSpec, Role};
use crate::mcp::message::Arguments;
use crate::tool::Content;
use crate::wire::json::Object;
use std::rc::Rc;

/// A prompt (MCP 2025-06-18, server/prompts).
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Its name, unique in the catalogue.
    pub name: String,
    /// Name for people, since 2025-06-18.
    pub title: Option<String>,
    /// What people read when they choose.
    pub description: Option<String>,
    /// What is filled in.
    pub arguments: Vec<PromptArgument>,
    /// What it says.
    pub messages: Messages,
}

/// One argument of a prompt.
#[derive(Clone, Debug, Default)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// Name for people, since 2025-06-18.
    pub title: Option<String>,
    /// What people read.
    pub description: Option<String>,
    /// Whether the prompt makes no sense without it.
    pub required: bool,
    /// What is offered for it.
    pub completion: Completion,
}

/// Where the messages of a prompt come from.
#[derive(Clone, Debug)]
pub enum Messages {
    /// They are always the same; `{name}` in a text or URI is replaced by that argument, by nothing
    /// where it is left out.
    Fixed(Vec<PromptMessage>),
    /// They are made for each client that asks.
    Live(Rc<dyn Live>),
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: Content,
}

impl Prompt {
    /// A prompt of which no more is known; further fields can be set.
    pub fn new(name: impl Into<String>, messages: Messages) -> Prompt {
        Prompt {
            name: name.into(),
            title: None,
            description: None,
            arguments: Vec::new(),
            messages,
        }
    }

    /// The argument with this name.
    pub fn argument(&self, name: &str) -> Option<&PromptArgument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// The first required argument that is not given.
    pub(crate) fn missing(&self, given: &Arguments<'_>) -> Option<&str> {
        let mut required = self.arguments.iter().filter(|argument| argument.required);
        let missing = required.find(|argument| given.get(&argument.name).is_none());
        missing.map(|argument| argument.name.as_str())
    }

    /// Gives the arguments that may be left out, and are, as empty texts: no model is to read
    /// `{name}`.
    pub(crate) fn blank_absent<'a>(&'a self, given: &mut Arguments<'a>) {
        for argument in &self.arguments {
            if given.get(&argument.name).is_none() {
                given.0.push((argument.name.as_str().into(), "".into()));
            }
        }
    }

    /// What the listing says.
    pub(crate) fn entry(&self) -> Object {
        let entry = Object::default()
            .text("name", &self.name)
            .optional_text("title", self.title.as_deref())
            .optional_text("description", self.description.as_deref());
        if self.arguments.is_empty() {
            return entry;
        }
        entry.list(
            "arguments",
            self.arguments.iter().map(PromptArgument::entry),
        )
    }
}

impl PromptArgument {
    fn entry(&self) -> Object {
        Object::default()
            .text("name", &self.name)
            .optional_text("title", self.title.as_deref())
            .optional_text("description", self.description.as_deref())
            .plain("required", self.required)
    }
}

impl PromptMessage {
    /// The person says this text.
    pub fn user(text: impl Into<String>) -> PromptMessage {
        PromptMessage::new(Role::User, Content::Text(text.into()))
    }

    /// The model says this text.
    pub fn assistant(text: impl Into<String>) -> PromptMessage {
        PromptMessage::new(Role::Assistant, Content::Text(text.into()))
    }

    /// Somebody says something.
    pub const fn new(role: Role, content: Content) -> PromptMessage {
        PromptMessage { role, content }
    }

    /// The same with the arguments in place.
    pub(crate) fn filled(&self, arguments: &Arguments<'_>) -> PromptMessage {
        let content = match &self.content {
            Content::Text(text) => Content::Text(fill(text, arguments)),
            Content::Resource(contents) => Content::Resource(Contents {
                uri: fill(&contents.uri, arguments),
                mime_type: contents.mime_type.clone(),
                body: contents.body.filled(arguments).into_owned(),
            }),
            Content::Link(spec) => Content::Link(Box::new(ResourceSpec {
                uri: fill(&spec.uri, arguments),
                ..ResourceSpec::clone(spec)
            })),
            media @ (Content::Image { .. } | Content::Audio { .. }) => media.clone(),
        };
        PromptMessage::new(self.role, content)
    }

    pub(crate) fn encode(&self) -> Object {
        let mut content = Vec::new();
        self.content.encode(&mut content);
        Object::default()
            .text("role", self.role.name())
            .json("content", &content)
    }
}

/// The result of `prompts/get`.
pub(crate) fn encode_messages(
    description: Option<&str>,
    messages: impl Iterator<Item = Object>,
) -> Vec<u8> {
    let result = Object::default().optional_text("description", description);
    result.list("messages", messages).end()
}

/// `text` with each `{name}` of the arguments in place. One pass: what an argument brings in is not
/// looked at again, and braces around anything else stay.
pub(super) fn fill(text: &str, arguments: &Arguments<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let name = after[1..].split_once('}').map(|(name, _)| name);
        match name.and_then(|name| Some((name, arguments.get(name)?))) {
            Some((name, value)) => {
                filled.push_str(value);
                rest = &after[name.len() + 2..];
            }
            None => {
                filled.push('{');
                rest = &after[1..];
            }
        }
    }
    filled + rest
}
