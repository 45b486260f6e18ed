//! The message doors of the older front-ends: JSON-RPC in an envelope that names the session.
//!
//! The message goes the way of every message of HTTP+SSE; only how it comes in, how it is
//! acknowledged and how its answer is said are different. A session comes from a `GET` of
//! `/mcp/sse`, and no method waits for `initialize`.

use super::{Exchange, Reply};
use crate::engine::Engine;
use crate::mcp::http_sse::Envelope;
use crate::mcp::refusal::Refusal;
use crate::wire::dialect::Dialect;
use crate::wire::head::Method;
use crate::wire::jsonrpc::{self, Id, Message};
use crate::wire::status::Status;
use std::borrow::Cow;

impl Engine {
    /// `POST /mcp/sse/message` and `POST /mcp/sse/send`: take a message; what it leads to comes on
    /// the stream.
    pub(super) fn dialect_message(
        &mut self,
        exchange: &mut Exchange<'_>,
        door: Dialect,
    ) -> Result<Reply, Refusal> {
        if exchange.head.method != Method::Post {
            return Err(Refusal::MethodWrong("POST"));
        }
        exchange.check_json()?;
        let opened = open(exchange, door);
        match opened {
            Some(_) => self.stats.messages += 1,
            None => self.stats.malformed += 1,
        }
        let (name, message) = opened.ok_or(right(door))?;
        let session = self.sse_session(exchange, &name)?;
        self.touch(exchange.now, session);
        let body = acknowledgement(door, &name, &message);
        self.sse_message(exchange, session, door, message);
        Ok(exchange.json(Status::Accepted, &[], body.as_bytes()))
    }
}

/// The session's name and the message in it; `None` if one of them is missing or wrong.
fn open<'r>(exchange: &Exchange<'r>, door: Dialect) -> Option<(Cow<'r, str>, Message<'r>)> {
    let text = std::str::from_utf8(exchange.body).ok()?;
    let envelope = Envelope::read(text)?;
    let name = exchange.named_session().or(envelope.connection_id)?;
    let message = match door {
        Dialect::Hyphenated => envelope.message?.get().as_bytes(),
        Dialect::Standard | Dialect::Underscored | Dialect::Plain | Dialect::Rest => exchange.body,
    };
    let message = jsonrpc::decode_loose(message).ok()?;
    Some((
        name,
        if door == Dialect::Hyphenated {
            asked(message)
        } else {
            message
        },
    ))
}

/// Pages of seed 2 send no id and take the answer all the same, unless it is a notification by its
/// name.
fn asked(message: Message<'_>) -> Message<'_> {
    match message {
        Message::Notification { method, params } if !method.starts_with("notifications/") => {
            let id = Id::absent();
            Message::Request { id, method, params }
        }
        Message::Notification { .. } | Message::Request { .. } | Message::Response { .. } => {
            message
        }
    }
}

/// The body that says that a message was taken.
fn acknowledgement(door: Dialect, session: &str, message: &Message<'_>) -> String {
    if door == Dialect::Hyphenated {
        return format!(r#"{{"ok":true,"connectionId":"{session}"}}"#);
    }
    let id = match message {
        Message::Request { id, .. } | Message::Response { id, .. } => id.as_json(),
        Message::Notification { .. } => "null",
    };
    format!(r#"{{"status":"accepted","id":{id}}}"#)
}

/// What a body of this door looks like.
fn right(door: Dialect) -> Refusal {
    Refusal::EnvelopeWrong(match door {
        Dialect::Hyphenated => {
            r#"the body must be like {"connectionId":"ID","message":{"method":"tools/list"}}"#
        }
        Dialect::Standard | Dialect::Underscored | Dialect::Plain | Dialect::Rest => {
            r#"the body must be like {"connection_id":"ID","id":1,"method":"tools/list"}"#
        }
    })
}
