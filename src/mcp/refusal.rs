//! The one table of refusals: what we answer when we choose not to do as asked.
//!
//! Each has an HTTP status, a JSON-RPC code and a text that says what to do about it; where a
//! setting would help, the text names it.

use crate::limits::{EVENT_NAME_BYTES_MAX, EVENT_NAMES_MAX};
use crate::wire::status::Status;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The `Host` is not one of ours: DNS rebinding looks like this.
    HostForeign,
    /// The `Origin` is neither our own nor listed.
    OriginForeign,
    /// No door has this path.
    PathUnknown,
    /// The door does not take this method; the text lists those it takes.
    MethodWrong(&'static str),
    /// The client does not take what the door gives.
    NotAcceptable,
    /// The body is not declared as JSON.
    NotJson,
    /// No such session; the client should open a new one.
    SessionUnknown,
    /// The door needs a session id and got none.
    SessionMissing,
    /// The method means something only within a session.
    SessionNeeded,
    /// A second `initialize` in a session.
    SessionOpen,
    /// `MCP-Protocol-Version` names a revision we do not know.
    VersionUnknown,
    /// The header names the stateless revision and the body does not.
    MetaMissing,
    /// The request claims the stateless revision, which is not served here.
    ModernUnserved,
    /// The body of a door of the older front-ends is not what it takes; the text shows a right one.
    EnvelopeWrong(&'static str),
    /// A stream asks for too many events by name.
    EventNamesWrong,
    /// A batch outside 2025-03-26, or one with an `initialize` in it.
    BatchWrong,
    /// A response to a request that we never sent outside any session.
    ResponseUnasked,
    /// The id is in use by a request in flight.
    IdInUse,
    /// What the client missed is no longer kept.
    EventsGone,
    /// `Last-Event-ID` is not an id of ours.
    EventIdWrong,
    /// Every session is in use.
    SessionsFull,
    /// Every stream is in use.
    StreamsFull,
    /// Every connection is in use.
    ConnectionsFull,
    /// Every call is in use.
    CallsFull,
    /// Every call of this tool is in use and its queue is full.
    ToolBusy,
    /// The shared byte budget is used up.
    MemoryFull,
    /// The server is stopping.
    Stopping,
}

impl Refusal {
    /// The HTTP status.
    pub const fn status(self) -> Status {
        match self {
            Refusal::HostForeign | Refusal::OriginForeign => Status::Forbidden,
            Refusal::PathUnknown | Refusal::SessionUnknown => Status::NotFound,
            Refusal::MethodWrong(_) => Status::MethodNotAllowed,
            Refusal::NotAcceptable => Status::NotAcceptable,
            Refusal::NotJson => Status::UnsupportedMediaType,
            Refusal::EventsGone => Status::Gone,
            Refusal::SessionMissing
            | Refusal::SessionNeeded
            | Refusal::SessionOpen
            | Refusal::VersionUnknown
            | Refusal::MetaMissing
            | Refusal::ModernUnserved
            | Refusal::EnvelopeWrong(_)
            | Refusal::EventNamesWrong
            | Refusal::BatchWrong
            | Refusal::ResponseUnasked
            | Refusal::IdInUse
            | Refusal::EventIdWrong => Status::BadRequest,
            Refusal::SessionsFull
            | Refusal::StreamsFull
            | Refusal::ConnectionsFull
            | Refusal::CallsFull
            | Refusal::ToolBusy
            | Refusal::MemoryFull
            | Refusal::Stopping => Status::ServiceUnavailable,
        }
    }

    /// The JSON-RPC code. -32001 for an unknown session is what the official servers answer.
    pub const fn code(self) -> i32 {
        match self {
            Refusal::SessionUnknown => -32001,
            Refusal::MetaMissing => -32602,
            Refusal::SessionsFull
            | Refusal::StreamsFull
            | Refusal::ConnectionsFull
            | Refusal::CallsFull
            | Refusal::ToolBusy
            | Refusal::MemoryFull
            | Refusal::Stopping => -32603,
            Refusal::HostForeign
            | Refusal::OriginForeign
            | Refusal::PathUnknown
            | Refusal::MethodWrong(_)
            | Refusal::NotAcceptable
            | Refusal::NotJson
            | Refusal::SessionMissing
            | Refusal::SessionNeeded
            | Refusal::SessionOpen
            | Refusal::VersionUnknown
            | Refusal::ModernUnserved
            | Refusal::EnvelopeWrong(_)
            | Refusal::EventNamesWrong
            | Refusal::BatchWrong
            | Refusal::ResponseUnasked
            | Refusal::IdInUse
            | Refusal::EventsGone
            | Refusal::EventIdWrong => -32600,
        }
    }

    /// Whether there is only no room for it now: the same request may be served later.
    pub const fn is_passing(self) -> bool {
        matches!(
            self.status(),
            Status::ServiceUnavailable | Status::TooManyRequests
        )
    }

    /// What to do about it.
    pub const fn text(self) -> &'static str {
        match self {
            Refusal::HostForeign => {
                "this Host is not served here: add its name to hosts = [...] in the configuration"
            }
            Refusal::OriginForeign => {
                "this Origin is not allowed: add it to origins = [...] in the configuration"
            }
            Refusal::PathUnknown => {
                "no such door: MCP is at /mcp (Streamable HTTP) and /sse (HTTP+SSE), health at \
                 /health"
            }
            Refusal::MethodWrong(_) => "this door does not take that method: see Allow",
            Refusal::NotAcceptable => {
                "Accept must take text/event-stream, and for POST application/json as well"
            }
            Refusal::NotJson => "Content-Type must be application/json",
            Refusal::SessionUnknown => "no such session: it has ended; send initialize again",
            Refusal::SessionMissing => "the session id is missing",
            Refusal::SessionNeeded => "this method needs a session: send initialize first",
            Refusal::SessionOpen => "this session is initialized already",
            Refusal::VersionUnknown => {
                "MCP-Protocol-Version is not one of 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25"
            }
            Refusal::MetaMissing => {
                "MCP-Protocol-Version names 2026-07-28 but params._meta does not"
            }
            Refusal::ModernUnserved => {
                "2026-07-28 is not served here: send initialize with 2025-11-25 or older"
            }
            Refusal::EnvelopeWrong(right) => right,
            Refusal::EventNamesWrong => {
                const { assert!(EVENT_NAMES_MAX == 16 && EVENT_NAME_BYTES_MAX == 64) };
                "events= takes at most 16 names of 64 bytes, with commas between them"
            }
            Refusal::BatchWrong => {
                "only 2025-03-26 has batches, and initialize is never part of one"
            }
            Refusal::ResponseUnasked => "a response outside a session answers nothing",
            Refusal::IdInUse => "a request with this id is in flight",
            Refusal::EventsGone => {
                "what followed this event is no longer kept: open the stream without \
                 Last-Event-ID; limits.replay and limits.memory decide how much is kept"
            }
            Refusal::EventIdWrong => "Last-Event-ID is not an event id of this server",
            Refusal::SessionsFull => "every session is in use: raise limits.sessions",
            Refusal::StreamsFull => {
                "every stream is in use: raise limits.connections or limits.sessions"
            }
            Refusal::ConnectionsFull => "every connection is in use: raise limits.connections",
            Refusal::CallsFull => "every call is in use: try again, or raise limits.calls",
            Refusal::ToolBusy => {
                "this tool is busy and its queue is full: try again, or raise the tool's \
                 concurrency or queue"
            }
            Refusal::MemoryFull => {
                "the memory budget is used up: try again, or raise limits.memory"
            }
            Refusal::Stopping => "the server is stopping",
        }
    }
}
