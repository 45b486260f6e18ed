//! The one table of refusals: what we answer when we choose not to do as asked.
//!
//! Each has an HTTP status, a JSON-RPC code and a text that says what to do about it; where a
//! setting would help, the text names it. The reason has a short name too, under which it is
//! counted.

use crate::wire::status::Status;

/// Defines [`Refusal`] and the names of its reasons from one table, so that neither is without the
/// other.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($field:ty))? = $reason:literal,)*) => {
        /// Why a request is not served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $($(#[$doc])* $name $(($field))?,)*
        }

        /// The refusals without what they carry, in the same order.
        enum Kind {
            $($name,)*
        }

        impl Refusal {
            /// The name of every reason, as counters and logs have it.
            pub const REASONS: [&'static str; [$($reason),*].len()] = [$($reason),*];

            /// The place of this refusal's name in [`Refusal::REASONS`].
            pub const fn index(self) -> usize {
                match self {
                    $(Refusal::$name { .. } => Kind::$name as usize,)*
                }
            }
        }
    };
}

refusals! {
    /// The `Host` is not one of ours: DNS rebinding looks like this.
    HostForeign = "host_foreign",
    /// The `Origin` is neither our own nor listed.
    OriginForeign = "origin_foreign",
    /// No door has this path.
    PathUnknown = "path_unknown",
    /// The door does not take this method; the text lists those it takes.
    MethodWrong(&'static str) = "method_wrong",
    /// The client does not take what the door gives.
    NotAcceptable = "not_acceptable",
    /// The body is not declared as JSON.
    NotJson = "not_json",
    /// No such session; the client should open a new one.
    SessionUnknown = "session_unknown",
    /// The door needs a session id and got none.
    SessionMissing = "session_missing",
    /// No tool has the name that the path says.
    ToolUnknown = "tool_unknown",
    /// The body is no object of arguments.
    ArgumentsWrong = "arguments_wrong",
    /// The method means something only within a session.
    SessionNeeded = "session_needed",
    /// A second `initialize` in a session.
    SessionOpen = "session_open",
    /// `MCP-Protocol-Version` names a revision we do not know.
    VersionUnknown = "version_unknown",
    /// The header names the stateless revision and the body does not.
    MetaMissing = "meta_missing",
    /// The request claims the stateless revision, which is not served here.
    ModernUnserved = "modern_unserved",
    /// A batch outside 2025-03-26, or one with an `initialize` in it.
    BatchWrong = "batch_wrong",
    /// A response to a request that we never sent outside any session.
    ResponseUnasked = "response_unasked",
    /// The id is in use by a request in flight.
    IdInUse = "id_in_use",
    /// What the client missed is no longer kept.
    EventsGone = "events_gone",
    /// `Last-Event-ID` is not an id of ours.
    EventIdWrong = "event_id_wrong",
    /// Every session is in use.
    SessionsFull = "sessions_full",
    /// Every stream is in use.
    StreamsFull = "streams_full",
    /// Every connection is in use.
    ConnectionsFull = "connections_full",
    /// Every call is in use.
    CallsFull = "calls_full",
    /// Every call of this tool is in use and its queue is full.
    ToolBusy = "tool_busy",
    /// The shared byte budget is used up.
    MemoryFull = "memory_full",
    /// The server is stopping.
    Stopping = "stopping",
}

impl Refusal {
    /// The name of the reason.
    pub const fn reason(self) -> &'static str {
        Refusal::REASONS[self.index()]
    }

    /// The HTTP status.
    pub const fn status(self) -> Status {
        match self {
            Refusal::HostForeign | Refusal::OriginForeign => Status::Forbidden,
            Refusal::PathUnknown | Refusal::SessionUnknown | Refusal::ToolUnknown => {
                Status::NotFound
            }
            Refusal::MethodWrong(_) => Status::MethodNotAllowed,
            Refusal::NotAcceptable => Status::NotAcceptable,
            Refusal::NotJson => Status::UnsupportedMediaType,
            Refusal::EventsGone => Status::Gone,
            Refusal::SessionMissing
            | Refusal::ArgumentsWrong
            | Refusal::SessionNeeded
            | Refusal::SessionOpen
            | Refusal::VersionUnknown
            | Refusal::MetaMissing
            | Refusal::ModernUnserved
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
            Refusal::MetaMissing | Refusal::ToolUnknown | Refusal::ArgumentsWrong => -32602,
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
            | Refusal::BatchWrong
            | Refusal::ResponseUnasked
            | Refusal::IdInUse
            | Refusal::EventsGone
            | Refusal::EventIdWrong => -32600,
        }
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
            Refusal::ToolUnknown => "no tool of this name: GET /mcp/tools lists them",
            Refusal::ArgumentsWrong => {
                "the body must be a JSON object with the tool's arguments: {\"text\": \"hi\"}"
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_one_name_that_is_a_label() {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        for reason in Refusal::REASONS {
            assert!(reason.bytes().all(is_plain), "{reason}");
            let twins = Refusal::REASONS.iter().filter(|twin| **twin == reason);
            assert_eq!(twins.count(), 1, "{reason}");
        }
        assert_eq!(Refusal::HostForeign.index(), 0);
        assert_eq!(Refusal::MethodWrong("GET").reason(), "method_wrong");
        assert_eq!(Refusal::Stopping.reason(), "stopping");
        assert_eq!(Refusal::Stopping.index(), Refusal::REASONS.len() - 1);
    }
}
