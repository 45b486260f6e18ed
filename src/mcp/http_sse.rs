//! HTTP+SSE of 2024-11-05: `GET` opens the stream, the `endpoint` event names the door for
//! messages, every answer comes on the stream.
//!
//! The revision has no resumption. Browsers' `EventSource`, and the clients built on it, reconnect
//! by themselves all the same and send the last event id they saw; so every event id here begins
//! with the session's id, and a client that comes back finds its session as it left it.

use super::refusal::Refusal;
use crate::limits::{EVENT_NAME_BYTES_MAX, EVENT_NAMES_MAX};
use crate::wire::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The pair of doors a session was opened through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// `/sse` and `/messages`; `/events` as well.
    Sse,
    /// `/mcp/sse` and `/mcp/messages/`.
    McpSse,
}

/// What the path of the message door is relative to. Clients demand the same origin as the
/// stream's, so the origin is never part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The origin.
    Origin,
    /// The path of the stream, whose beginning is a secret that is kept nowhere (`/t/TOKEN/sse`).
    Sibling,
    /// The same, where that path ends with a slash (`/t/TOKEN/sse/`).
    Parent,
}

impl Pair {
    /// Where messages are posted, up to the session id. The doors of an upstream are behind its
    /// name, which stands in front of a path that begins at the origin.
    pub const fn messages(self, base: Base) -> &'static str {
        match (self, base) {
            (Pair::Sse, Base::Origin) => "/messages?session_id=",
            (Pair::Sse, Base::Sibling) => "messages?session_id=",
            (Pair::Sse, Base::Parent) => "../messages?session_id=",
            (Pair::McpSse, Base::Origin) => "/mcp/messages/?session_id=",
            (Pair::McpSse, Base::Sibling) => "messages/?session_id=",
            (Pair::McpSse, Base::Parent) => "../messages/?session_id=",
        }
    }
}

/// Names under which clients send the session id in the query of a message door.
pub const SESSION_PARAMETERS: [&str; 5] = [
    "session_id",
    "sessionId",
    "id",
    "connectionId",
    "connection_id",
];

/// The body of a door of the older front-ends, as far as it is not a JSON-RPC message.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// The session, under the names of [`SESSION_PARAMETERS`] but `id`: a string.
    pub connection_id: Option<Cow<'a, str>>,
    /// The message, where it is not the body itself.
    pub message: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads a body; `None` if it is no object or names the session twice.
    pub fn read(body: &'a str) -> Option<Envelope<'a>> {
        let [message, names @ ..] = json::pick(body, ENVELOPE).ok()?;
        let mut names = names.into_iter().filter_map(json::said);
        let connection_id = match (names.next(), names.next()) {
            (Some(name), None) => Some(json::text(name)?),
            (None, None) => None,
            (_, Some(_)) => return None,
        };
        Some(Envelope {
            connection_id,
            message: json::said(message),
        })
    }
}

/// The members of an [`Envelope`].
const ENVELOPE: [&str; 5] = [
    "message",
    "connection_id",
    "connectionId",
    "session_id",
    "sessionId",
];

/// Names of events that a stream asks for, as its query has them, without the blanks between them.
///
/// # Errors
///
/// If there are more than [`EVENT_NAMES_MAX`], or one is over [`EVENT_NAME_BYTES_MAX`].
pub fn parse_event_names(list: &str) -> Result<Box<str>, Refusal> {
    let names = list.split(',').map(str::trim);
    let names: Vec<&str> = names
        .filter(|name| !name.is_empty())
        .take(EVENT_NAMES_MAX + 1)
        .collect();
    let is_long = |name: &&str| name.len() > EVENT_NAME_BYTES_MAX;
    if names.len() > EVENT_NAMES_MAX || names.iter().any(is_long) {
        return Err(Refusal::EventNamesWrong);
    }
    Ok(names.join(",").into())
}

/// Splits the `Last-Event-ID` of a session's stream, `SESSION-SEQUENCE`, into its parts.
pub fn parse_event_id(id: &str) -> Option<(&str, u64)> {
    // Session ids may hold `-` themselves: the sequence follows the last one.
    let (session, sequence) = id.rsplit_once('-')?;
    Some((session, super::streamable::parse_digits(sequence)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client makes of a relative path (RFC 3986 section 5.2), as far as ours go.
    fn resolve(stream: &str, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_string();
        }
        let (folder, _) = stream.rsplit_once('/').expect("paths begin with a slash");
        match path.strip_prefix("../") {
            None => format!("{folder}/{path}"),
            Some(path) => resolve(folder, path),
        }
    }

    #[test]
    fn the_message_door_is_found_from_every_stream() {
        for (stream, pair, base, door) in [
            ("/sse", Pair::Sse, Base::Origin, "/messages"),
            (
                "/t/TOKEN/sse",
                Pair::Sse,
                Base::Sibling,
                "/t/TOKEN/messages",
            ),
            (
                "/t/TOKEN/sse/",
                Pair::Sse,
                Base::Parent,
                "/t/TOKEN/messages",
            ),
            (
                "/t/TOKEN/mcp",
                Pair::Sse,
                Base::Sibling,
                "/t/TOKEN/messages",
            ),
            (
                "/t/TOKEN/mcp/",
                Pair::Sse,
                Base::Parent,
                "/t/TOKEN/messages",
            ),
            ("/mcp/sse/", Pair::McpSse, Base::Origin, "/mcp/messages/"),
            (
                "/t/TOKEN/mcp/sse",
                Pair::McpSse,
                Base::Sibling,
                "/t/TOKEN/mcp/messages/",
            ),
            (
                "/t/TOKEN/mcp/sse/",
                Pair::McpSse,
                Base::Parent,
                "/t/TOKEN/mcp/messages/",
            ),
        ] {
            let messages = pair.messages(base);
            assert!(!messages.contains("TOKEN"));
            let found = resolve(stream, messages);
            assert_eq!(found, format!("{door}?session_id="), "{stream}");
        }
    }

    #[test]
    fn names_of_events_are_few_and_short() {
        assert_eq!(parse_event_names(" a, b,,c ").as_deref(), Ok("a,b,c"));
        assert_eq!(parse_event_names("").as_deref(), Ok(""));
        let longest = "n".repeat(EVENT_NAME_BYTES_MAX);
        assert!(parse_event_names(&longest).is_ok());
        let most = vec!["n"; EVENT_NAMES_MAX].join(",");
        assert!(parse_event_names(&most).is_ok());
        for bad in [format!("{longest}n"), format!("{most},n")] {
            assert_eq!(parse_event_names(&bad), Err(Refusal::EventNamesWrong));
        }
    }

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
