//! The older event framings: one event, said in the way of the door that asked.

/// How a client wants events said to it. The engine never decides by it; it only hands it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// JSON-RPC messages in `message` events, as MCP has them.
    #[default]
    Standard,
    /// `mcp_response` and `error` events.
    Underscored,
    /// `mcp-response`, `tool-result` and `mcp-error` events.
    Hyphenated,
    /// Events without a name, each one JSON object.
    Plain,
    /// No events: one JSON body per request.
    Rest,
}

/// What stands in the `event` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `message`
    Message,
}

impl Name {
    /// The text of the field; `None` for events without a name.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Name::Message => Some("message"),
        }
    }
}
