//! HTTP+SSE of 2024-11-05: `GET` opens the stream, the `endpoint` event names the door for
//! messages, every answer comes on the stream.
//!
//! The revision has no resumption. Browsers' `EventSource`, and the clients built on it, reconnect
//! by themselves all the same and send the last event id they saw; so every event id here begins
//! with the session's id, and a client that comes back finds its session as it left it.

/// The pair of doors a session was opened through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// `/sse` and `/messages`.
    Sse,
    /// `/mcp/sse/` and `/mcp/messages/`.
    McpSse,
}

impl Pair {
    /// Where messages are posted, up to the session id. Clients demand the same origin as the
    /// stream's, so the path is relative to it.
    pub const fn messages(self) -> &'static str {
        match self {
            Pair::Sse => "/messages?session_id=",
            Pair::McpSse => "/mcp/messages/?session_id=",
        }
    }
}

/// Names under which clients send the session id in the query of a message door.
pub const SESSION_PARAMETERS: [&str; 3] = ["session_id", "sessionId", "id"];

/// Splits the `Last-Event-ID` of a session's stream, `SESSION-SEQUENCE`, into its parts.
pub fn parse_event_id(id: &str) -> Option<(&str, u64)> {
    // Session ids may hold `-` themselves: the sequence follows the last one.
    let (session, sequence) = id.rsplit_once('-')?;
    Some((session, super::streamable::parse_digits(sequence)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_falls_apart_at_its_last_hyphen() {
        assert_eq!(parse_event_id("ab-cd-12"), Some(("ab-cd", 12)));
        for bad in [
            "",
            "abcd",
            "abcd-",
            "abcd-x1",
            "abcd-+1",
            "abcd-99999999999999999999",
        ] {
            assert_eq!(parse_event_id(bad), None, "{bad}");
        }
    }
}
