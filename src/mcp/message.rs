//! Parameters as clients send them and results as we write them (the schema of each revision).
//!
//! What is read borrows from the request's body. Unknown members are ignored: every revision adds
//! some, and a client of the next one must not fail here.

use super::catalogue::Page;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// `params` of `initialize`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeParams<'a> {
    /// The revision the client would like.
    #[serde(borrow)]
    pub protocol_version: Cow<'a, str>,
    /// Who the client is, for the log.
    #[serde(borrow, default)]
    pub client_info: Option<ClientInfo<'a>>,
}

/// Who a client says it is.
#[derive(Debug, Deserialize)]
pub struct ClientInfo<'a> {
    /// Its name.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// Its version.
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
}

/// Result of `initialize`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeResult<'a> {
    /// The revision this session speaks.
    pub protocol_version: &'static str,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// Who the server is.
    pub server_info: ServerInfo<'a>,
    /// What a model should know of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<&'a str>,
}

/// Who the server is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerInfo<'a> {
    /// `name` of the configuration.
    pub name: &'a str,
    /// `title` of the configuration, since 2025-06-18.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// Version of this program.
    pub version: &'a str,
}

/// What the server can do; absent members are not offered.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Capabilities {
    /// Tools, and the notification that they changed.
    pub tools: ListChanged,
    /// Log messages: a command's stderr, line by line, to clients that set a level.
    pub logging: Empty,
    /// Resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourcesCapability>,
    /// Prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<ListChanged>,
    /// Argument completion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<Empty>,
}

/// A capability that may tell of changes.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListChanged {
    /// Whether `list_changed` is sent.
    pub list_changed: bool,
}

/// The capability to serve resources.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourcesCapability {
    /// Whether `resources/subscribe` is served.
    pub subscribe: bool,
    /// Whether `list_changed` is sent.
    pub list_changed: bool,
}

/// `{}`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Empty {}

/// `params` of `tools/call`.
#[derive(Debug, Deserialize)]
pub struct CallParams<'a> {
    /// The tool.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Its arguments; absent means `{}`.
    #[serde(borrow, default)]
    pub arguments: Option<&'a RawValue>,
    /// The request's own metadata.
    #[serde(borrow, default, rename = "_meta")]
    pub meta: Option<Meta<'a>>,
}

/// `params` of which only the metadata is of interest.
#[derive(Debug, Default, Deserialize)]
pub struct MetaParams<'a> {
    /// The request's own metadata.
    #[serde(borrow, default, rename = "_meta")]
    pub meta: Option<Meta<'a>>,
}

/// `_meta` of a request.
#[derive(Debug, Default, Deserialize)]
pub struct Meta<'a> {
    /// Given where the client wants to hear of progress; a string or a number.
    #[serde(borrow, default, rename = "progressToken")]
    pub progress_token: Option<&'a RawValue>,
    /// The claim of a stateless request (2026-07-28).
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub claim: Option<&'a RawValue>,
}

/// `params` of `notifications/cancelled`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelledParams<'a> {
    /// The id of the request that is no longer wanted.
    #[serde(borrow)]
    pub request_id: &'a RawValue,
}

/// `params` of every listing.
#[derive(Debug, Default, Deserialize)]
pub struct ListParams<'a> {
    /// Where the page before ended.
    #[serde(borrow, default)]
    pub cursor: Option<Cow<'a, str>>,
}

/// Result of a listing whose entries go under the name that `entries` is given.
#[derive(Debug)]
pub struct ListResult<'a, T> {
    /// `resources`, `resourceTemplates` or `prompts`.
    pub name: &'static str,
    /// One page.
    pub page: Page<'a, T>,
}

impl<T: Serialize> Serialize for ListResult<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.name, self.page.entries)?;
        if let Some(cursor) = &self.page.next_cursor {
            map.serialize_entry("nextCursor", cursor)?;
        }
        map.end()
    }
}

/// `params` of `resources/read`, `resources/subscribe` and `resources/unsubscribe`.
#[derive(Debug, Deserialize)]
pub struct ResourceParams<'a> {
    /// The resource.
    #[serde(borrow)]
    pub uri: Cow<'a, str>,
}

/// `params` of `notifications/resources/updated`.
#[derive(Debug, Serialize)]
pub struct ResourceUpdatedParams<'a> {
    /// The resource.
    pub uri: &'a str,
}

/// `params` of `prompts/get`.
#[derive(Debug, Deserialize)]
pub struct GetPromptParams<'a> {
    /// The prompt.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// What is filled in.
    #[serde(borrow, default)]
    pub arguments: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

/// `params` of `completion/complete`.
#[derive(Debug, Deserialize)]
pub struct CompletionParams<'a> {
    /// What is being filled in.
    #[serde(borrow, rename = "ref")]
    pub reference: Reference<'a>,
    /// Which part of it, and what is typed so far.
    #[serde(borrow)]
    pub argument: TypedArgument<'a>,
}

/// What `completion/complete` is about.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub enum Reference<'a> {
    /// A prompt's argument.
    #[serde(rename = "ref/prompt")]
    Prompt {
        /// The prompt.
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    /// A variable of a resource template.
    #[serde(rename = "ref/resource")]
    Resource {
        /// The template.
        #[serde(borrow)]
        uri: Cow<'a, str>,
    },
}

/// An argument as far as it is typed.
#[derive(Debug, Deserialize)]
pub struct TypedArgument<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// What is typed so far.
    #[serde(borrow)]
    pub value: Cow<'a, str>,
}

/// `params` of `logging/setLevel`.
#[derive(Debug, Deserialize)]
pub struct SetLevelParams {
    /// The least severity to send.
    pub level: Level,
}

/// Severities of RFC 5424, least first.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Details for developers.
    Debug,
    /// Normal operation.
    Info,
    /// Normal but significant.
    Notice,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
    /// A part of the system fails.
    Critical,
    /// Someone must act at once.
    Alert,
    /// The system is unusable.
    Emergency,
}

/// `params` of `notifications/message`.
#[derive(Debug, Serialize)]
pub struct LogParams<'a> {
    /// How severe it is.
    pub level: Level,
    /// Which tool says so.
    pub logger: &'a str,
    /// What it says.
    pub data: &'a str,
}

/// `params` of `notifications/progress`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressParams<'a> {
    /// The token of the request, with its JSON type.
    pub progress_token: &'a RawValue,
    /// Grows with every notification.
    pub progress: u64,
    /// What is going on, since 2025-03-26.
    pub message: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_with_its_token_and_its_claim() {
        let text = r#"{"name":"a\u0062","arguments":{"x":1},"_meta":{"progressToken":7,
            "io.modelcontextprotocol/protocolVersion":"2026-07-28"},"task":{}}"#;
        let params: CallParams = serde_json::from_str(text).unwrap();
        assert_eq!(params.name, "ab");
        assert_eq!(params.arguments.unwrap().get(), r#"{"x":1}"#);
        let meta = params.meta.unwrap();
        assert_eq!(meta.progress_token.unwrap().get(), "7");
        assert!(meta.claim.is_some());
    }

    #[test]
    fn levels_have_the_order_of_their_severity() {
        let level: Level = serde_json::from_str("\"warning\"").unwrap();
        assert!(level > Level::Info && level < Level::Error);
        assert!(serde_json::from_str::<Level>("\"loud\"").is_err());
    }
}
