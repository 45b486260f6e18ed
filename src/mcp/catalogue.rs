//! Resources and prompts with fixed contents: their types, and what the requests about them answer.
//!
//! The daemon's configuration has tools only; an embedding program fills a catalogue and hands it
//! to the engine. What is empty is not offered: its capability is absent and its methods are
//! unknown.

use super::message::{CompletionParams, GetPromptParams, Reference};
use crate::limits;
use serde::Serialize;

/// What a server offers beside tools.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Resources that can be listed and read.
    pub resources: Vec<Resource>,
    /// Patterns of resource URIs, listed for clients that fill them in themselves.
    pub templates: Vec<ResourceTemplate>,
    /// Prompts.
    pub prompts: Vec<Prompt>,
}

/// A resource (MCP 2025-06-18, server/resources).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its address, unique in the catalogue.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// What a model reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For example `text/plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// What reading it gives.
    #[serde(skip)]
    pub contents: Contents,
}

/// What reading a resource gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Text.
    Text(String),
    /// Base64 of bytes.
    Blob(String),
}

/// A pattern of resource URIs (RFC 6570).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceTemplate {
    /// The pattern.
    pub uri_template: String,
    /// Its name.
    pub name: String,
    /// What a model reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The type that all its resources have, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// A prompt (MCP 2025-06-18, server/prompts).
#[derive(Clone, Debug, Serialize)]
pub struct Prompt {
    /// Its name, unique in the catalogue.
    pub name: String,
    /// What people read when they choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is filled in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<PromptArgument>,
    /// The messages; `{name}` in a text is replaced by that argument.
    #[serde(skip)]
    pub messages: Vec<PromptMessage>,
}

/// One argument of a prompt.
#[derive(Clone, Debug, Serialize)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What people read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the prompt makes no sense without it.
    pub required: bool,
    /// Values offered for completion.
    #[serde(skip)]
    pub values: Vec<String>,
}

/// One message of a prompt.
#[derive(Clone, Debug)]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// Why a request about the catalogue cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The cursor is not one of this list.
    Cursor,
    /// There is no such resource; with its URI.
    Resource(String),
    /// There is no such prompt, template or argument; with a text that names it.
    Named(String),
}

/// Result of `resources/read`.
#[derive(Debug, Serialize)]
pub struct ReadResult<'a> {
    contents: [ReadContents<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadContents<'a> {
    uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<&'a str>,
}

/// Result of `prompts/get`.
#[derive(Debug, Serialize)]
pub struct GetPromptResult<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    messages: Vec<FilledMessage>,
}

#[derive(Debug, Serialize)]
struct FilledMessage {
    role: Role,
    content: TextContent,
}

#[derive(Debug, Serialize)]
struct TextContent {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

/// Result of `completion/complete`.
#[derive(Debug, Serialize)]
pub struct CompletionResult<'a> {
    completion: Completion<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Completion<'a> {
    values: Vec<&'a str>,
    total: usize,
    has_more: bool,
}

/// One page of a list, with the cursor of the next one if there is one.
#[derive(Debug)]
pub struct Page<'a, T> {
    /// The entries.
    pub entries: &'a [T],
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// The page of `list` that `cursor` names; the first without one. A cursor is the number of the
/// page's first entry: opaque to clients, and only exact ones are taken.
pub fn page<'a, T>(list: &'a [T], cursor: Option<&str>) -> Result<Page<'a, T>, Missing> {
    let begin = match cursor {
        None => 0,
        Some(cursor) => {
            let begin = super::streamable::parse_digits(cursor).ok_or(Missing::Cursor)? as usize;
            let is_ours =
                begin > 0 && begin < list.len() && begin.is_multiple_of(limits::PAGE_ENTRIES_MAX);
            if is_ours {
                begin
            } else {
                return Err(Missing::Cursor);
            }
        }
    };
    let end = (begin + limits::PAGE_ENTRIES_MAX).min(list.len());
    let next_cursor = (end < list.len()).then(|| end.to_string());
    Ok(Page {
        entries: &list[begin..end],
        next_cursor,
    })
}

impl Catalogue {
    /// Whether resources are offered.
    pub fn has_resources(&self) -> bool {
        !self.resources.is_empty() || !self.templates.is_empty()
    }

    /// Whether prompts are offered.
    pub fn has_prompts(&self) -> bool {
        !self.prompts.is_empty()
    }

    /// `resources/read`.
    pub fn read(&self, uri: &str) -> Result<ReadResult<'_>, Missing> {
        let found = self.resources.iter().find(|resource| resource.uri == uri);
        let resource = found.ok_or_else(|| Missing::Resource(uri.to_string()))?;
        let (text, blob) = match &resource.contents {
            Contents::Text(text) => (Some(text.as_str()), None),
            Contents::Blob(blob) => (None, Some(blob.as_str())),
        };
        let mime_type = resource.mime_type.as_deref();
        Ok(ReadResult {
            contents: [ReadContents {
                uri: &resource.uri,
                mime_type,
                text,
                blob,
            }],
        })
    }

    /// Whether there is a resource with this URI to subscribe to.
    pub fn has_resource(&self, uri: &str) -> bool {
        self.resources.iter().any(|resource| resource.uri == uri)
    }

    /// `prompts/get`.
    pub fn fill(&self, params: &GetPromptParams<'_>) -> Result<GetPromptResult<'_>, Missing> {
        let prompt = self.prompt(&params.name)?;
        for argument in prompt.arguments.iter().filter(|argument| argument.required) {
            if params.argument(&argument.name).is_none() {
                let text = format!(
                    "prompt {:?} needs argument {:?}",
                    prompt.name, argument.name
                );
                return Err(Missing::Named(text));
            }
        }
        let fill = |message: &PromptMessage| FilledMessage {
            role: message.role,
            content: TextContent {
                kind: "text",
                text: fill_text(&message.text, params),
            },
        };
        let messages = prompt.messages.iter().map(fill).collect();
        Ok(GetPromptResult {
            description: prompt.description.as_deref(),
            messages,
        })
    }

    /// `completion/complete`: the values of a prompt's argument that begin as typed.
    pub fn complete(&self, params: &CompletionParams<'_>) -> Result<CompletionResult<'_>, Missing> {
        let values = match &params.reference {
            Reference::Prompt { name } => {
                let argument = &params.argument.name;
                let found = self
                    .prompt(name)?
                    .arguments
                    .iter()
                    .find(|a| a.name == *argument);
                let text = || Missing::Named(format!("prompt {name:?} has no {argument:?}"));
                found.ok_or_else(text)?.values.as_slice()
            }
            Reference::Resource { uri } => {
                let known = self
                    .templates
                    .iter()
                    .any(|template| template.uri_template == *uri);
                let text = || Missing::Named(format!("no resource template {uri:?}"));
                known.then_some([].as_slice()).ok_or_else(text)?
            }
        };
        let typed = params.argument.value.as_ref();
        let fitting = || {
            values
                .iter()
                .map(String::as_str)
                .filter(|value| value.starts_with(typed))
        };
        let total = fitting().count();
        let values: Vec<&str> = fitting().take(limits::COMPLETIONS_MAX).collect();
        let has_more = total > values.len();
        Ok(CompletionResult {
            completion: Completion {
                values,
                total,
                has_more,
            },
        })
    }

    fn prompt(&self, name: &str) -> Result<&Prompt, Missing> {
        let found = self.prompts.iter().find(|prompt| prompt.name == name);
        found.ok_or_else(|| Missing::Named(format!("unknown prompt {name:?}")))
    }
}

/// `text` with each `{argument}` of the call in place. One pass: what an argument brings in is not
/// looked at again.
fn fill_text(text: &str, params: &GetPromptParams<'_>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let name = after[1..].split_once('}').map(|(name, _)| name);
        match name.and_then(|name| Some((name, params.argument(name)?))) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::message::Params;

    fn greeting() -> Catalogue {
        let argument = |name: &str, values: &[&str]| PromptArgument {
            name: name.to_string(),
            description: None,
            required: true,
            values: values.iter().map(ToString::to_string).collect(),
        };
        let message = PromptMessage {
            role: Role::User,
            text: "Greet {who} {x} {".to_string(),
        };
        let prompt = Prompt {
            name: "greet".to_string(),
            description: None,
            arguments: vec![argument("who", &["Ada", "Alan", "Bob"])],
            messages: vec![message],
        };
        Catalogue {
            prompts: vec![prompt],
            ..Catalogue::default()
        }
    }

    fn fill(catalogue: &Catalogue, params: &str) -> Result<String, Missing> {
        let params = GetPromptParams::read(params).unwrap();
        catalogue
            .fill(&params)
            .map(|result| serde_json::to_string(&result).unwrap())
    }

    #[test]
    fn a_prompt_is_filled_once_and_unknown_braces_stay() {
        let filled = fill(&greeting(), r#"{"name":"greet","arguments":{"who":"{x}"}}"#).unwrap();
        assert!(filled.contains(r#""text":"Greet {x} {x} {""#), "{filled}");
    }

    #[test]
    fn a_missing_argument_or_prompt_is_named() {
        let missing = fill(&greeting(), r#"{"name":"greet"}"#).unwrap_err();
        assert_eq!(
            missing,
            Missing::Named(r#"prompt "greet" needs argument "who""#.into())
        );
        let missing = fill(&greeting(), r#"{"name":"x"}"#).unwrap_err();
        assert_eq!(missing, Missing::Named(r#"unknown prompt "x""#.into()));
    }

    #[test]
    fn completion_offers_what_begins_as_typed() {
        let params = r#"{"ref":{"type":"ref/prompt","name":"greet"},
            "argument":{"name":"who","value":"A"}}"#;
        let params = CompletionParams::read(params).unwrap();
        let catalogue = greeting();
        let text = serde_json::to_string(&catalogue.complete(&params).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"completion":{"values":["Ada","Alan"],"total":2,"hasMore":false}}"#
        );
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let list: Vec<usize> = (0..2 * limits::PAGE_ENTRIES_MAX + 1).collect();
        let mut cursor = None;
        let mut seen = Vec::new();
        loop {
            let page = page(&list, cursor.as_deref()).unwrap();
            seen.extend_from_slice(page.entries);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, list);
        for bad in ["0", "1", "", "x", "300", "-100"] {
            assert_eq!(
                page(&list, Some(bad)).unwrap_err(),
                Missing::Cursor,
                "{bad}"
            );
        }
        assert!(page::<usize>(&[], None).unwrap().entries.is_empty());
    }
}
