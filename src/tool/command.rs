//! Command tools: a program from the configuration, typed arguments, no shell.

use super::{Annotations, CallLimits};

/// A command tool as the configuration describes it (`[[tool]]`).
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSpec {
    /// Name in `tools/list`.
    pub name: String,
    /// Name for people.
    pub title: Option<String>,
    /// What a model reads.
    pub description: String,
    /// Program and arguments; `{name}` inside an argument is replaced by that argument's value.
    pub command: Vec<String>,
    /// Working directory of the process.
    pub directory: Option<String>,
    /// The whole environment of the process; values may hold `{name}`.
    pub environment: Vec<(String, String)>,
    /// Names of variables passed on from the daemon's own environment.
    pub environment_inherit: Vec<String>,
    /// What is written to the process; may hold `{name}`.
    pub stdin: Option<String>,
    /// The arguments, in the order of the configuration.
    pub arguments: Vec<Argument>,
    /// How the output is read.
    pub output: Output,
    /// Timeout, concurrency, queue, output cap.
    pub limits: CallLimits,
    /// Hints.
    pub annotations: Annotations,
}

/// One typed argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// Its name in the call and between braces.
    pub name: String,
    /// What values it takes.
    pub kind: Kind,
    /// The only values allowed, where there are some.
    pub choices: Option<Vec<serde_json::Value>>,
    /// Taken when the call has none.
    pub default: Option<serde_json::Value>,
    /// A call without it is refused. An argument with a default is never required.
    pub required: bool,
    /// What a model reads.
    pub description: Option<String>,
}

/// The type of an argument with the bounds that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text.
    String {
        /// Least number of characters.
        length_min: Option<u32>,
        /// Most characters.
        length_max: Option<u32>,
        /// A pattern that the whole text must match.
        pattern: Option<String>,
    },
    /// A whole number.
    Integer {
        /// Least value.
        minimum: Option<i64>,
        /// Greatest value.
        maximum: Option<i64>,
    },
    /// Any finite number.
    Number {
        /// Least value.
        minimum: Option<f64>,
        /// Greatest value.
        maximum: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
}

/// How a command's stdout becomes content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// One text item.
    Text,
    /// JSON: a text item, and `structuredContent` when it is an object.
    Json,
    /// An image or sound of this MIME type.
    Media(String),
}

/// A command ready to run: every placeholder filled, every argument checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub directory: Option<String>,
    /// The whole environment beside what is inherited by name.
    pub environment: Vec<(String, String)>,
    /// Names of variables passed on from the daemon's own environment.
    pub environment_inherit: Vec<String>,
    /// What is written to the process before its stdin is closed.
    pub stdin: Option<String>,
    /// How stdout becomes content.
    pub output: Output,
}
