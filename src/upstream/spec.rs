//! What is configured of an upstream (`[[server]]`).

use crate::mcp::revision::Era;
use crate::tool::CallLimits;
use crate::tool::command::CommandLine;
use std::rc::Rc;
use std::time::Duration;

/// One upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamSpec {
    /// Its name, in paths and in front of names that collide: letters, digits, `_` and `-`.
    pub name: String,
    /// How its children are started; `stdin` is `None`.
    pub line: Rc<CommandLine>,
    /// Who shares a child.
    pub per: Per,
    /// When its first child starts.
    pub start: Start,
    /// The only era that its children are spoken to in; otherwise each is tried once.
    pub era: Option<Era>,
    /// How long a child may be unused before it is stopped; `None` is for ever. Children of
    /// sessions end with their sessions.
    pub idle: Option<Duration>,
    /// From the start of a child until it has answered the handshake.
    pub start_timeout: Duration,
    /// Time, concurrency and output of its calls.
    pub limits: CallLimits,
    /// A child asks questions while it works, so it gets one call of clients of 2026-07-28 at a
    /// time. What is not said here is learned from the first question.
    pub interactive: bool,
    /// Names of the tools that are offered, with `*` for any letters; as the upstream has them.
    pub tools: Vec<String>,
    /// Names of those that are not, all the same.
    pub deny: Vec<String>,
    /// What stands in front of its names where all upstreams are offered together.
    pub prefix: Prefix,
    /// Tools that are told differently from what the upstream says.
    pub overrides: Vec<ToolOverride>,
    /// Header of a client's request, in lower case, and the variable of the child's environment
    /// that gets its value. Never with [`Per::Server`].
    pub headers: Vec<(String, String)>,
    /// Folders that a child is told when it asks for roots and no call can be asked: URIs.
    pub roots: Vec<String>,
}

/// Who shares a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    /// Everybody.
    #[default]
    Server,
    /// Nobody: each session has its own. Requests without a session share one per principal.
    Session,
    /// The sessions and requests of one principal.
    Principal,
}

/// When the first child starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the first call.
    #[default]
    Lazy,
    /// With the daemon; it is started again when it ends, and never stopped for being unused.
    Eager,
}

/// What stands in front of the names of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Prefix {
    /// The upstream's name and `_`, for names that two have.
    #[default]
    Collisions,
    /// This, always.
    Always(String),
}

/// A tool that is told differently (`[[server.tool]]`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolOverride {
    /// Its name as the upstream has it.
    pub tool: String,
    /// Its name here.
    pub name: Option<String>,
    /// Its name for people.
    pub title: Option<String>,
    /// What a model reads.
    pub description: Option<String>,
    /// Whether it is one that changes nothing, whatever the upstream says.
    pub read_only: Option<bool>,
    /// Time, concurrency and output of its calls; what is absent is that of the upstream.
    pub limits: CallLimits,
}

impl UpstreamSpec {
    /// Bytes that the longest answer of its calls may have, where that is said.
    pub fn line_bytes_max(&self) -> usize {
        let overrides = self.overrides.iter().map(|one| one.limits);
        let outputs = overrides.chain([self.limits]);
        let outputs = outputs.filter_map(|limits| limits.output_bytes_max);
        outputs.max().unwrap_or(0)
    }

    /// An upstream with the defaults of the configuration.
    pub fn new(name: impl Into<String>, line: CommandLine) -> UpstreamSpec {
        UpstreamSpec {
            name: name.into(),
            line: Rc::new(line),
            per: Per::Server,
            start: Start::Lazy,
            era: None,
            idle: Some(Duration::from_secs(600)),
            start_timeout: Duration::from_secs(60),
            limits: CallLimits::default(),
            interactive: false,
            tools: vec!["*".to_string()],
            deny: Vec::new(),
            prefix: Prefix::Collisions,
            overrides: Vec::new(),
            headers: Vec::new(),
            roots: Vec::new(),
        }
    }
}
