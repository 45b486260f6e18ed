//! What an upstream offers, as it said it last: kept so that listings are answered while no child
//! runs.

use serde_json::value::RawValue;

/// What a server says of itself in its handshake.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// `serverInfo`: a JSON object on one line.
    pub server_info: Option<Box<RawValue>>,
    /// What a model should know of it.
    pub instructions: Option<String>,
    /// What it offers.
    pub offers: Offers,
}

/// The capabilities of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Tools.
    pub tools: bool,
    /// It says when they change.
    pub tools_changed: bool,
    /// Resources.
    pub resources: bool,
    /// It says when they change.
    pub resources_changed: bool,
    /// It says when one of them changes that it is asked to look after.
    pub subscribe: bool,
    /// Prompts.
    pub prompts: bool,
    /// It says when they change.
    pub prompts_changed: bool,
    /// Completion of arguments.
    pub completions: bool,
    /// Log messages, whose level can be set.
    pub logging: bool,
}

/// Which eras a command speaks: each is tried once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eras {
    /// Revisions with a handshake.
    pub handshake: bool,
    /// 2026-07-28.
    pub stateless: bool,
}

/// What a server offers. Entries are the JSON objects of its listings as it said them, each on one
/// line.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// What it says of itself.
    pub introduction: Introduction,
    /// Entries of `tools/list`.
    pub tools: Vec<Box<RawValue>>,
    /// Entries of `resources/list`.
    pub resources: Vec<Box<RawValue>>,
    /// Entries of `resources/templates/list`.
    pub templates: Vec<Box<RawValue>>,
    /// Entries of `prompts/list`.
    pub prompts: Vec<Box<RawValue>>,
}
