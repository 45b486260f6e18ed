//! Tools: what one is, what it asks the edge to do, and what comes out of it.
//!
//! A tool never does I/O. [`Tool::start`] checks the arguments and either has the outcome at once
//! or names the [`Work`] that the edge does for it. The engine owns the call meanwhile: its
//! deadline, its progress, its cancellation.

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
}

/// What the edge can do for a tool.
#[derive(Debug)]
pub enum Work {
    /// Run a process and make its output the outcome.
    Command(Rc<command::CommandLine>),
    /// Collect facts about this machine.
    SystemInfo,
}

/// What a call came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Items for the model, in order.
    pub content: Vec<Content>,
    /// `structuredContent` as JSON text, since 2025-06-18.
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

    /// A failed outcome whose text tells a model what to do about it.
    pub fn error(text: impl Into<String>) -> Outcome {
        Outcome {
            is_error: true,
            ..Outcome::text(text)
        }
    }
}

pub mod command;
