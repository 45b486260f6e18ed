//! The older event framings: one event, said in the way of the door that asked.
//!
//! The engine makes JSON-RPC messages and decides nothing by a dialect. At the moment a message is
//! pushed into a stream, [`frame`] says it as the client of that door expects:
//!
//! | what | standard | underscored | hyphenated | plain |
//! |---|---|---|---|---|
//! | greeting | `endpoint` | as hyphenated | `endpoint`, `connected`, `mcp-notification` | `{"type":"connection"}` |
//! | result | `message` | `mcp_response` | `mcp-response`; of a tool `tool-result` | as it is |
//! | error | `message` | `mcp_response` | `mcp-error` | as it is |
//! | refusal | `message` | `error` | `mcp-error` | `{"type":"error"}` |
//! | progress | `message`, by token | `mcp_notification`, by token | `tool-result`, always | as it is, by token |
//! | notification | `message` | `mcp_notification` | `mcp-notification` | as it is |
//! | heartbeat | comment | `heartbeat` | `heartbeat` | `{"type":"heartbeat"}` |
//! | resumed, end | | | `connection-status` | `{"type":"close"}` |
//!
//! A refusal is an answer that the server has no room for now; every other error is the protocol's.
//! Seed pages do not know `mcp_notification` and so do not hear it: who asks for progress by a
//! token, log lines by a level or updates by a subscription listens for it. Plain events have no
//! name. Bytes in, bytes out: nothing here knows of sessions or streams.

use super::json::{self, Object};
use super::jsonrpc::{self, METHOD_NOT_FOUND};
use crate::bounded::Event;
use crate::limits::EVENT_NAME_BYTES_MAX;
use crate::time::UnixMillis;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::rc::Rc;

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
    /// `endpoint`
    Endpoint,
    /// `connected`
    Connected,
    /// `heartbeat`
    Heartbeat,
    /// `mcp_response`
    UnderscoredResponse,
    /// `mcp_notification`
    UnderscoredNotification,
    /// `error`
    Error,
    /// `mcp-response`
    HyphenatedResponse,
    /// `mcp-notification`
    HyphenatedNotification,
    /// `mcp-error`
    HyphenatedError,
    /// `tool-result`
    ToolResult,
    /// `connection-status`
    ConnectionStatus,
    /// The first so many bytes of the payload, so that the rings of all streams share one payload.
    Custom {
        /// Bytes of the name.
        bytes: u8,
    },
    /// There is no such field.
    Nameless,
}

/// What a message is about: all that the dialects say beyond the message itself.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// The answer to a request, served at once.
    Request {
        /// Its method.
        method: &'a str,
        /// Its parameters, which name the tool of a `tools/call`.
        params: Option<&'a RawValue>,
    },
    /// The answer to a call that took its time.
    Call {
        /// The name of the tool.
        tool: &'a str,
    },
    /// The error that there is no such tool.
    ToolUnknown,
    /// The error that the server has no room for a request now.
    Refusal {
        /// The method of the request.
        method: &'a str,
    },
    /// How far a call has come. The message may be empty where no token was given.
    Progress {
        /// The name of the tool.
        tool: &'a str,
        /// Grows with every message.
        count: u64,
        /// What is going on.
        line: &'a str,
    },
    /// Any other notification.
    Notice,
}

impl Dialect {
    /// Whether clients are told of progress without having given a token.
    pub const fn tells_progress_unasked(self) -> bool {
        matches!(self, Dialect::Hyphenated)
    }
}

impl Name {
    /// The text of the field, `None` for events without a name, and what of the payload is data.
    pub fn split(self, payload: &[u8]) -> (Option<&str>, &[u8]) {
        let text = match self {
            Name::Message => "message",
            Name::Endpoint => "endpoint",
            Name::Connected => "connected",
            Name::Heartbeat => "heartbeat",
            Name::UnderscoredResponse => "mcp_response",
            Name::UnderscoredNotification => "mcp_notification",
            Name::Error => "error",
            Name::HyphenatedResponse => "mcp-response",
            Name::HyphenatedNotification => "mcp-notification",
            Name::HyphenatedError => "mcp-error",
            Name::ToolResult => "tool-result",
            Name::ConnectionStatus => "connection-status",
            Name::Custom { bytes } => {
                let (name, data) = payload.split_at(usize::from(bytes));
                let name = std::str::from_utf8(name).expect("custom() took a text");
                return (Some(name), data);
            }
            Name::Nameless => return (None, payload),
        };
        (Some(text), payload)
    }
}

/// An event of a name that is not ours; `None` if the name cannot be one: empty, over
/// [`EVENT_NAME_BYTES_MAX`], or with control characters, of which CR and LF would break the stream.
/// `endpoint` is not free either, nor with blanks around it, which some clients take off: it would
/// tell them to post elsewhere.
pub fn custom(name: &str, data: &[u8]) -> Option<Event<Name>> {
    let has_room = (1..=EVENT_NAME_BYTES_MAX).contains(&name.len());
    if !has_room || name.chars().any(char::is_control) || name.trim() == "endpoint" {
        return None;
    }
    const { assert!(EVENT_NAME_BYTES_MAX <= u8::MAX as usize) };
    let bytes = name.len() as u8;
    let payload = Rc::from([name.as_bytes(), data].concat());
    Some(Event {
        kind: Name::Custom { bytes },
        payload,
    })
}

/// An event without a name, for a plain stream.
pub fn nameless(data: Vec<u8>) -> Event<Name> {
    Event {
        kind: Name::Nameless,
        payload: Rc::from(data),
    }
}

/// Says a JSON-RPC message of ours in a dialect. `now` is asked only where the time is said.
pub fn frame(
    dialect: Dialect,
    message: Vec<u8>,
    about: About<'_>,
    now: impl FnOnce() -> UnixMillis,
) -> Event<Name> {
    let (kind, payload) = match dialect {
        Dialect::Standard | Dialect::Rest => (Name::Message, message),
        Dialect::Underscored => underscored(message, about),
        Dialect::Hyphenated => hyphenated(&message, about, now()),
        Dialect::Plain => (Name::Nameless, plain(message, about)),
    };
    Event {
        kind,
        payload: Rc::from(payload),
    }
}

/// What a stream says before its first event. `endpoint` is where its client posts, `id` names its
/// session.
pub fn greetings(
    dialect: Dialect,
    endpoint: String,
    id: &str,
    is_resumed: bool,
    now: impl FnOnce() -> UnixMillis,
) -> Vec<(Name, Vec<u8>)> {
    let mut said = match dialect {
        Dialect::Standard | Dialect::Rest => return vec![(Name::Endpoint, endpoint.into_bytes())],
        Dialect::Plain => {
            let connection = Object::of("connection").text("status", "connected");
            return vec![(Name::Nameless, connection.at(now()))];
        }
        Dialect::Underscored | Dialect::Hyphenated => {
            vec![(Name::Endpoint, endpoint.into_bytes())]
        }
    };
    let now = now();
    let connected = Object::default().text("connection_id", id).end();
    said.push((Name::Connected, connected));
    let result = Object::default().text("connectionId", id);
    let result = result.text("message", "SSE connection established").end();
    let welcome = Object::of("mcp-notification").json("result", &result);
    said.push((Name::HyphenatedNotification, welcome.at(now)));
    if is_resumed && dialect == Dialect::Hyphenated {
        said.push(status("resumed", now));
    }
    said
}

/// What shows a client that its stream lives; `None` where a comment does.
pub fn heartbeat(dialect: Dialect, now: impl FnOnce() -> UnixMillis) -> Option<(Name, Vec<u8>)> {
    let name = match dialect {
        Dialect::Standard | Dialect::Rest => return None,
        Dialect::Underscored | Dialect::Hyphenated => Name::Heartbeat,
        Dialect::Plain => Name::Nameless,
    };
    Some((name, Object::of("heartbeat").at(now())))
}

/// What a stream says before it ends for good.
pub fn farewell(dialect: Dialect, now: impl FnOnce() -> UnixMillis) -> Option<(Name, Vec<u8>)> {
    match dialect {
        Dialect::Standard | Dialect::Rest | Dialect::Underscored => None,
        Dialect::Hyphenated => Some(status("closing", now())),
        Dialect::Plain => Some((Name::Nameless, Object::of("close").json("code", b"0").end())),
    }
}

/// What is not JSON, for a plain stream.
pub fn raw(content: &str) -> Vec<u8> {
    Object::of("raw").text("content", content).end()
}

fn status(status: &str, now: UnixMillis) -> (Name, Vec<u8>) {
    let object = Object::of("connection-status").text("status", status);
    (Name::ConnectionStatus, object.at(now))
}

fn underscored(message: Vec<u8>, about: About<'_>) -> (Name, Vec<u8>) {
    match about {
        About::Request { .. } | About::Call { .. } | About::ToolUnknown => {
            (Name::UnderscoredResponse, message)
        }
        About::Refusal { .. } => (Name::Error, refusal(Object::default(), &message)),
        About::Progress { .. } | About::Notice => (Name::UnderscoredNotification, message),
    }
}

fn plain(message: Vec<u8>, about: About<'_>) -> Vec<u8> {
    match about {
        About::Refusal { .. } => refusal(Object::of("error"), &message),
        About::Request { .. }
        | About::Call { .. }
        | About::ToolUnknown
        | About::Progress { .. }
        | About::Notice => message,
    }
}

/// Adds `id`, `code` and `message` of an error response.
fn refusal(object: Object, message: &[u8]) -> Vec<u8> {
    let said = jsonrpc::members(message);
    let error = said.error.expect("a refusal is an error");
    object.id(said.id).members_of(error.get()).end()
}

fn hyphenated(message: &[u8], about: About<'_>, now: UnixMillis) -> (Name, Vec<u8>) {
    if let About::Progress { tool, count, line } = about {
        let progress = Object::default().json("progress", count.to_string().as_bytes());
        let metadata = progress.text("message", line).end();
        let object = Object::of("tool-result").text("method", tool);
        return (Name::ToolResult, object.json("metadata", &metadata).at(now));
    }
    let said = jsonrpc::members(message);
    match (said.method, said.result, said.error) {
        (Some(method), _, _) => {
            let object = Object::of("mcp-notification").json("method", method.get().as_bytes());
            let object = object.json("params", said.params.map_or("{}", RawValue::get).as_bytes());
            (Name::HyphenatedNotification, object.at(now))
        }
        (None, Some(result), _) => hyphenated_result(said.id, result, about, now),
        (None, None, error) => {
            let error = error.expect("a message has a method, a result or an error");
            (
                Name::HyphenatedError,
                hyphenated_error(said.id, error.get(), about, now),
            )
        }
    }
}

fn hyphenated_result(
    id: Option<&RawValue>,
    result: &RawValue,
    about: About<'_>,
    now: UnixMillis,
) -> (Name, Vec<u8>) {
    let (name, kind, method) = match about.tool() {
        Some(tool) => (Name::ToolResult, "tool-result", tool),
        None => {
            let method = Cow::Borrowed(about.method());
            (Name::HyphenatedResponse, "mcp-response", method)
        }
    };
    let object = Object::of(kind).id(id).text("method", &method);
    (name, object.json("result", result.get().as_bytes()).at(now))
}

fn hyphenated_error(
    id: Option<&RawValue>,
    error: &str,
    about: About<'_>,
    now: UnixMillis,
) -> Vec<u8> {
    let object = Object::of("mcp-error").id(id);
    let object = object.text("method", about.method());
    match about {
        About::ToolUnknown => object.json("error", &tool_unknown(error)),
        About::Request { .. }
        | About::Call { .. }
        | About::Refusal { .. }
        | About::Progress { .. }
        | About::Notice => object.json("error", error.as_bytes()),
    }
    .at(now)
}

/// The same error with the code that it has in this dialect (seed 2, command errors).
fn tool_unknown(error: &str) -> Vec<u8> {
    let member = json::pick(error, ["message"])
        .ok()
        .and_then(|[message]| message);
    let message = member.expect("errors of ours have a message");
    let object = Object::default().json("message", message.get().as_bytes());
    object
        .json("code", METHOD_NOT_FOUND.to_string().as_bytes())
        .end()
}

impl<'a> About<'a> {
    /// The method of the request.
    fn method(self) -> &'a str {
        match self {
            About::Request { method, .. } | About::Refusal { method } => method,
            About::Call { .. } | About::ToolUnknown | About::Progress { .. } => "tools/call",
            About::Notice => "",
        }
    }

    /// The tool that has been called.
    fn tool(self) -> Option<Cow<'a, str>> {
        match self {
            About::Request {
                method: "tools/call",
                params,
            } => {
                let [name] = json::pick(params?.get(), ["name"]).ok()?;
                json::text(name?)
            }
            About::Call { tool } | About::Progress { tool, .. } => Some(Cow::Borrowed(tool)),
            About::Request { .. } | About::ToolUnknown | About::Refusal { .. } | About::Notice => {
                None
            }
        }
    }
}

impl Object {
    /// `{"type":KIND`
    fn of(kind: &str) -> Object {
        Object::default().text("type", kind)
    }

    /// The id of a request, unless its client has given it none.
    fn id(self, id: Option<&RawValue>) -> Object {
        match id.map(RawValue::get) {
            None | Some("null") => self,
            Some(id) => self.json("id", id.as_bytes()),
        }
    }

    /// Ends the object with the time.
    fn at(self, now: UnixMillis) -> Vec<u8> {
        self.text("timestamp", &now.to_string()).end()
    }
}

#[cfg(test)]
mod tests;
