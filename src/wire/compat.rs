//! Behaviours that older front-ends expect and that cannot be told apart by a request.

/// Which of them are on (`[compat]` in the configuration); all are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// `POST /messages` is answered 204 instead of 202, which some SDKs take for a failure.
    pub messages_no_content: bool,
    /// `GET /sse` opens in the plain dialect: unnamed events only.
    pub sse_plain: bool,
    /// `GET /mcp` that does not accept `text/event-stream` is a health check instead of a 405.
    pub get_mcp_health: bool,
}
