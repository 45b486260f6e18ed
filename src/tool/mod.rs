//! Tools: what one is, what it asks the edge to do, and what comes out of it. Resources and prompts
//! go by the same rules: see [`catalogue`].
//!
//! A tool never does I/O. [`Tool::start`] checks the arguments and either has the outcome at once
//! or names the [`Work`] that the edge does for it. The engine owns the call meanwhile: its
//! deadline, its progress, its cancellation.

use crate::wire::json::{self, Object};
use catalogue::{Contents, ResourceSpec};
use serde_json::value::RawValue;
use std::rc::Rc;
use std::time::Duration;

/// What `tools/list` says of a tool.
#[derive(Clone, Debug)]
pub struct ToolSpec {
    /// 1 to 64 characters of `[A-Za-z0-9_.-]`: the narrowest rule among revisions and clients.
    pub name: String,
    /// Name for people.
    pub title: Option<String>,
    /// What a model reads to decide whether to call it.
    pub description: String,
    /// JSON Schema of the arguments, an object schema.
    pub input_schema: Box<RawValue>,
    /// JSON Schema of `structuredContent`, since 2025-06-18.
    pub output_schema: Option<Box<RawValue>>,
    /// Hints on what a call may do, since 2025-03-26.
    pub annotations: Annotations,
    /// Whether a call goes on without the exchange that it came by. Clients are not told: they
    /// see it by the answer.
    pub background: Background,
    /// A JSON array of icons, since 2025-11-25.
    pub icons: Option<Box<RawValue>>,
}

/// Whether calls of a tool become tasks: the client gets the task's id at once and asks for the
/// result later (extension `io.modelcontextprotocol/tasks`, since 2026-07-28).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// No: the answer is the result.
    #[default]
    Never,
    /// If the client has the extension; the answer of others is the result.
    Optional(Since),
    /// Yes; clients without the extension cannot call it.
    Required(Since),
    /// Yes, for every client: one without the extension is told the id in a text and asks
    /// `task-status` for the result.
    Always,
}

/// Since when a call is in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Since it began.
    Start,
    /// Since its function says so ([`handler::Said::Background`]): before that it may ask its
    /// client, or end after all.
    Said,
}

impl Background {
    /// Whether some client may be given a task.
    pub const fn is_offered(self) -> bool {
        !matches!(self, Background::Never)
    }

    /// Whether a call begins as a task, where the client `has_tasks`.
    pub const fn begins(self, has_tasks: bool) -> bool {
        match self {
            Background::Always => true,
            Background::Optional(Since::Start) | Background::Required(Since::Start) => has_tasks,
            Background::Never
            | Background::Optional(Since::Said)
            | Background::Required(Since::Said) => false,
        }
    }

    /// Whether a client without the extension cannot call the tool.
    pub const fn is_required(self) -> bool {
        matches!(self, Background::Required(_))
    }
}

/// Hints of `ToolAnnotations` (MCP 2025-03-26, server/tools). `None` is not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The tool changes nothing.
    pub read_only: Option<bool>,
    /// The tool may destroy something.
    pub destructive: Option<bool>,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: Option<bool>,
    /// The tool reaches beyond this machine.
    pub open_world: Option<bool>,
}

/// The room and time that calls of one tool have. `None` means the server's own setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// From start to TERM.
    pub timeout: Option<Duration>,
    /// Calls of this tool that run at once; the rest wait.
    pub concurrency: Option<u32>,
    /// Calls that wait; the next one is refused.
    pub queue: Option<u32>,
    /// Bytes of output that are kept.
    pub output_bytes_max: Option<usize>,
}

/// A tool as the registry holds it.
pub trait Tool {
    /// What it is called and takes.
    fn spec(&self) -> &ToolSpec;

    /// Room and time of its calls.
    fn limits(&self) -> CallLimits {
        CallLimits::default()
    }

    /// The upstream that it is of, if any.
    fn upstream(&self) -> Option<forward::UpstreamIndex> {
        None
    }

    /// What its entry in listings says beside names and schemas, as whoever offers it has said it:
    /// a JSON object. Without one, annotations and icons of the spec are said.
    fn said(&self) -> Option<&str> {
        None
    }

    /// Checks `arguments` (a JSON object) and starts a call. A wrong argument is an outcome with
    /// `is_error`, which names the argument: models read it and try again.
    fn start(&self, arguments: &RawValue) -> Start;
}

/// How a call begins.
#[derive(Debug)]
pub enum Start {
    /// It is over already.
    Done(Outcome),
    /// The edge has work to do and will report.
    Work(Work),
    /// The engine knows: how the caller's task with this id is.
    TaskStatus(String),
    /// The same of all tasks that are the caller's, and beside them those of the server itself.
    TaskList(Vec<ServerTask>),
}

/// A task that is nobody's: what the server does of itself, as everybody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTask {
    /// Its id, which is none that is ever drawn.
    pub id: &'static str,
    /// How it is, in a line for a model.
    pub line: String,
    /// The same as a JSON object, with the members that other tasks have.
    pub described: String,
}

/// What the edge can do for a tool.
#[derive(Debug)]
pub enum Work {
    /// Run a process and make its output the outcome.
    Command(Rc<command::CommandLine>),
    /// Collect facts about this machine.
    SystemInfo,
    /// Call a function of the program that embeds this one.
    Function(handler::Begin),
    /// Ask a server behind this one. The engine does so itself.
    Upstream(Box<forward::Forward>),
}

/// What a call came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Items for the model, in order.
    pub content: Vec<Content>,
    /// `structuredContent` as JSON text on one line, since 2025-06-18.
    pub structured: Option<String>,
    /// The tool ran and failed; the content says why.
    pub is_error: bool,
}

/// One item of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text.
    Text(String),
    /// An image.
    Image {
        /// Base64 of the file.
        data: String,
        /// For example `image/png`.
        mime_type: String,
    },
    /// Sound, since 2025-03-26.
    Audio {
        /// Base64 of the file.
        data: String,
        /// For example `audio/wav`.
        mime_type: String,
    },
    /// What a resource says, as part of what is said here. Its URI is never empty.
    Resource(Contents),
    /// Where a resource is, since 2025-06-18.
    Link(Box<ResourceSpec>),
}

impl Outcome {
    /// A successful outcome of one text.
    pub fn text(text: impl Into<String>) -> Outcome {
        Outcome {
            content: vec![Content::Text(text.into())],
            structured: None,
            is_error: false,
        }
    }

    /// Bytes of all content together, before it is encoded.
    pub fn bytes(&self) -> usize {
        let content = self.content.iter().map(Content::bytes);
        content.sum::<usize>() + self.structured.as_ref().map_or(0, String::len)
    }

    /// Its first text, if it has one.
    pub fn said(&self) -> &str {
        let mut content = self.content.iter();
        let text = content.find_map(|content| match content {
            Content::Text(text) => Some(text.as_str()),
            Content::Image { .. }
            | Content::Audio { .. }
            | Content::Resource(_)
            | Content::Link(_) => None,
        });
        text.unwrap_or_default()
    }

    /// A failed outcome whose text tells a model what to do about it.
    pub fn error(text: impl Into<String>) -> Outcome {
        Outcome {
            is_error: true,
            ..Outcome::text(text)
        }
    }

    /// Appends the members of a `CallToolResult` without the braces around them, so that a
    /// revision may add its own (`resultType` and `_meta` since 2026-07-28).
    pub fn encode_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"content\":[");
        for (index, item) in self.content.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            item.encode(out);
        }
        out.push(b']');
        if let Some(structured) = &self.structured {
            debug_assert!(
                !structured.contains(['\n', '\r']),
                "it must stand on one line"
            );
            out.extend_from_slice(b",\"structuredContent\":");
            out.extend_from_slice(structured.as_bytes());
        }
        if self.is_error {
            out.extend_from_slice(b",\"isError\":true");
        }
    }

    /// Appends the `CallToolResult` as JSON (MCP 2025-06-18, server/tools). `isError` is written
    /// only when it holds: absent means false in every revision.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.encode_members(out);
        out.push(b'}');
    }
}

impl Content {
    /// Bytes of it before it is encoded.
    pub fn bytes(&self) -> usize {
        match self {
            Content::Text(text) => text.len(),
            Content::Image { data, .. } | Content::Audio { data, .. } => data.len(),
            Content::Resource(contents) => contents.bytes(),
            Content::Link(spec) => spec.bytes(),
        }
    }

    /// Appends the item as a JSON object.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Content::Text(text) => {
                // One growth instead of several: most texts need no escape.
                out.reserve(text.len() + 64);
                out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
                json::push_string(out, text);
                out.push(b'}');
            }
            Content::Image { data, mime_type } => encode_media(out, "image", data, mime_type),
            Content::Audio { data, mime_type } => encode_media(out, "audio", data, mime_type),
            Content::Resource(contents) => {
                let object = Object::default().text("type", "resource");
                let contents = contents.encode(("", None)).end();
                out.append(&mut object.json("resource", &contents).end());
            }
            Content::Link(spec) => {
                out.append(&mut spec.entry("uri").text("type", "resource_link").end());
            }
        }
    }
}

/// Base64 needs no escape, so it is copied as it is.
fn encode_media(out: &mut Vec<u8>, kind: &str, data: &str, mime_type: &str) {
    debug_assert!(!data.contains(['"', '\\']), "base64 has neither");
    out.reserve(data.len() + mime_type.len() + 64);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"data\":\"");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(b"\",\"mimeType\":");
    json::push_string(out, mime_type);
    out.push(b'}');
}

pub mod ask;
pub mod builtin;
pub mod catalogue;
pub mod command;
pub mod file;
pub mod forward;
pub mod glob;
pub mod handler;
pub mod registry;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(outcome: &Outcome) -> String {
        let mut out = Vec::new();
        outcome.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn outcomes_are_written_as_call_tool_results() {
        let mixed = Outcome {
            content: vec![
                Content::Text("a".into()),
                Content::Image {
                    data: "QQ==".into(),
                    mime_type: "image/png".into(),
                },
                Content::Audio {
                    data: "".into(),
                    mime_type: "audio/wav".into(),
                },
            ],
            structured: Some(r#"{"a":1}"#.into()),
            is_error: false,
        };
        let cases = [
            (
                Outcome::text("hi"),
                r#"{"content":[{"type":"text","text":"hi"}]}"#,
            ),
            (
                Outcome::error("\"\n\u{1}\u{2028}\\ü"),
                "{\"content\":[{\"type\":\"text\",\"text\":\"\\\"\\n\\u0001\u{2028}\\\\ü\"}],\
                 \"isError\":true}",
            ),
            (Outcome::default(), r#"{"content":[]}"#),
            (
                mixed,
                concat!(
                    r#"{"content":[{"type":"text","text":"a"},"#,
                    r#"{"type":"image","data":"QQ==","mimeType":"image/png"},"#,
                    r#"{"type":"audio","data":"","mimeType":"audio/wav"}],"#,
                    r#""structuredContent":{"a":1}}"#
                ),
            ),
        ];
        for (outcome, expected) in cases {
            assert_eq!(encoded(&outcome), expected);
            serde_json::from_str::<serde_json::Value>(expected).expect("it must be JSON");
        }
    }

    #[test]
    fn a_result_never_breaks_its_line() {
        let outcome = Outcome::error((0u8..=0x7f).map(char::from).collect::<String>());
        assert!(encoded(&outcome).bytes().all(|byte| byte >= b' '));
    }
}
