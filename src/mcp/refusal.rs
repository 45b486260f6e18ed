//! The one table of refusals: what we answer when we choose not to do as asked.
//!
//! Each has an HTTP status, a JSON-RPC code and a text that says what to do about it; where a
//! setting would help, the text names it. The reason has a short name too, under which it is
//! counted.

use crate::auth::Unauthorized;
use crate::auth::role::{Doors, RoleIndex};
use crate::limits::{self, EVENT_NAME_BYTES_MAX, EVENT_NAMES_MAX};
use crate::wire::status::Status;
use std::borrow::Cow;
use std::time::Duration;

/// Defines [`Refusal`] and the names of its reasons from one table, so that neither is without the
/// other.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($($field:ty),+))? = $reason:literal,)*) => {
        /// Why a request is not served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $($(#[$doc])* $name $(($($field),+))?,)*
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
    /// Credentials are missing, not ours, or out of date.
    Unauthorized(Unauthorized) = "unauthorized",
    /// The role may not do this.
    RoleForbids(RoleIndex, What) = "role_forbids",
    /// The role, or one of its principals, has as many of these as it may have.
    QuotaFull(RoleIndex, Quota) = "quota_full",
    /// Too many requests: the number of seconds is how long to wait.
    TooOften(Rated, u32) = "too_often",
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
    /// The body of a door of the older front-ends is not what it takes; the text shows a right one.
    EnvelopeWrong(&'static str) = "envelope_wrong",
    /// A stream asks for too many events by name.
    EventNamesWrong = "event_names_wrong",
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
    /// Every task is in use by a call that runs.
    TasksFull = "tasks_full",
    /// The shared byte budget is used up.
    MemoryFull = "memory_full",
    /// The server is stopping.
    Stopping = "stopping",
}

/// What a role may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Come in through doors of this kind.
    Door(Doors),
    /// Send events to others.
    Broadcast,
    /// See how the server is.
    Stats,
    /// Use this tool.
    Tool,
}

/// Of what there may be so many, for a whole role or for each of its principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Open event streams of the role.
    Connections,
    /// Open event streams of a principal.
    EachConnections,
    /// Sessions of the role.
    Sessions,
    /// Sessions of a principal.
    EachSessions,
    /// Calls of the role in flight.
    Calls,
    /// Calls of a principal in flight.
    EachCalls,
}

/// Whose requests are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rated {
    /// Those of one address.
    Address,
    /// Those of one principal of the role.
    Each(RoleIndex),
    /// Those of the role.
    Whole(RoleIndex),
}

impl Refusal {
    /// The name of the reason.
    pub const fn reason(self) -> &'static str {
        Refusal::REASONS[self.index()]
    }

    /// The HTTP status.
    pub const fn status(self) -> Status {
        match self {
            Refusal::Unauthorized(_) => Status::Unauthorized,
            Refusal::HostForeign | Refusal::OriginForeign | Refusal::RoleForbids(..) => {
                Status::Forbidden
            }
            Refusal::QuotaFull(..) | Refusal::TooOften(..) => Status::TooManyRequests,
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
            | Refusal::TasksFull
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
            | Refusal::TasksFull
            | Refusal::MemoryFull
            | Refusal::QuotaFull(..)
            | Refusal::TooOften(..)
            | Refusal::Stopping => -32603,
            Refusal::HostForeign
            | Refusal::Unauthorized(_)
            | Refusal::RoleForbids(..)
            | Refusal::OriginForeign
            | Refusal::PathUnknown
            | Refusal::MethodWrong(_)
            | Refusal::NotAcceptable
            | Refusal::NotJson
            | Refusal::SessionMissing
            | Refusal::SessionNeeded
            | Refusal::SessionOpen
            | Refusal::VersionUnknown
            | Refusal::EnvelopeWrong(_)
            | Refusal::EventNamesWrong
            | Refusal::BatchWrong
            | Refusal::ResponseUnasked
            | Refusal::IdInUse
            | Refusal::EventsGone
            | Refusal::EventIdWrong => -32600,
        }
    }

    /// How long to wait before the next attempt, for `Retry-After`.
    pub const fn retry_after(self) -> Option<Duration> {
        match (self, self.status()) {
            (Refusal::TooOften(_, seconds), _) => Some(Duration::from_secs(seconds as u64)),
            (_, Status::TooManyRequests | Status::ServiceUnavailable) => Some(limits::RETRY_AFTER),
            (_, _) => None,
        }
    }

    /// The role that the text is about.
    pub const fn role(self) -> Option<RoleIndex> {
        match self {
            Refusal::RoleForbids(role, _)
            | Refusal::QuotaFull(role, _)
            | Refusal::TooOften(Rated::Each(role) | Rated::Whole(role), _) => Some(role),
            _ => None,
        }
    }

    /// What to do about it, with the name of [`Refusal::role`] in its place.
    pub fn text_with(self, role: &str) -> Cow<'static, str> {
        let text = self.text();
        if !text.contains('{') {
            return Cow::Borrowed(text);
        }
        let mut text = text.replace("{role}", role);
        if let Refusal::TooOften(_, seconds) = self {
            text = text.replace("{seconds}", &seconds.to_string());
        }
        if let Refusal::RoleForbids(_, What::Door(doors)) = self {
            text = text.replace("{doors}", doors.name());
        }
        Cow::Owned(text)
    }

    /// What to do about it. What depends on the configuration or the moment stands in braces:
    /// [`Refusal::text_with`] puts it in.
    pub const fn text(self) -> &'static str {
        match self {
            Refusal::HostForeign => {
                "this Host is not served here: add its name to hosts = [...] in the configuration"
            }
            Refusal::OriginForeign => {
                "this Origin is not allowed: add it to origins = [...] in the configuration"
            }
            Refusal::Unauthorized(why) => unauthorized_text(why),
            Refusal::RoleForbids(_, what) => what.text(),
            Refusal::QuotaFull(_, quota) => quota.text(),
            Refusal::TooOften(rated, _) => rated.text(),
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
                "MCP-Protocol-Version names 2026-07-28 and the body does not: params._meta needs \
                 io.modelcontextprotocol/protocolVersion and .../clientCapabilities"
            }
            Refusal::EnvelopeWrong(right) => right,
            Refusal::EventNamesWrong => {
                const { assert!(EVENT_NAMES_MAX == 16 && EVENT_NAME_BYTES_MAX == 64) };
                "events= takes at most 16 names of 64 bytes, with commas between them"
            }
            Refusal::BatchWrong => {
                "only 2025-03-26 has batches, without initialize and requests of 2026-07-28"
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
            Refusal::TasksFull => "every task is in use: try again, or raise limits.tasks",
            Refusal::MemoryFull => {
                "the memory budget is used up: try again, or raise limits.memory"
            }
            Refusal::Stopping => "the server is stopping",
        }
    }
}

impl What {
    const fn text(self) -> &'static str {
        match self {
            What::Door(_) => {
                "role {role} may not use this door: add \"{doors}\" to role.{role}.doors"
            }
            What::Broadcast => "role {role} may not send to others: see role.{role}.broadcast",
            What::Stats => "role {role} may not see how the server is: see role.{role}.stats",
            What::Tool => {
                "role {role} may not use this tool: see role.{role}.tools and \
                 role.{role}.read_only"
            }
        }
    }
}

impl Quota {
    const fn text(self) -> &'static str {
        match self {
            Quota::Connections => {
                "role {role} has all the streams it may have: raise role.{role}.connections"
            }
            Quota::EachConnections => {
                "this client has all the streams it may have: raise role.{role}.each.connections"
            }
            Quota::Sessions => {
                "role {role} has all the sessions it may have: raise role.{role}.sessions"
            }
            Quota::EachSessions => {
                "this client has all the sessions it may have: raise role.{role}.each.sessions"
            }
            Quota::Calls => {
                "role {role} has all the calls in flight it may have: try again, or raise \
                 role.{role}.calls"
            }
            Quota::EachCalls => {
                "this client has all the calls in flight it may have: try again, or raise \
                 role.{role}.each.calls"
            }
        }
    }
}

impl Rated {
    const fn text(self) -> &'static str {
        match self {
            Rated::Address => {
                "too many requests from this address: wait {seconds} s, or raise limits.rate"
            }
            Rated::Each(_) => {
                "too many requests of this client: wait {seconds} s, or raise \
                 role.{role}.each.rate"
            }
            Rated::Whole(_) => {
                "too many requests of role {role}: wait {seconds} s, or raise role.{role}.rate"
            }
        }
    }
}

/// The ways to show a token, for people who look at the answer with curl.
const fn unauthorized_text(why: Unauthorized) -> &'static str {
    match why {
        Unauthorized::Missing => {
            "a token is needed: send Authorization: Bearer TOKEN or X-API-Key: TOKEN; a client \
             that cannot send headers puts /t/TOKEN in front of the path"
        }
        Unauthorized::Wrong => {
            "this token is not known here, or two different ones were sent: send one of the \
             configuration as Authorization: Bearer TOKEN, as X-API-Key: TOKEN, or as /t/TOKEN in \
             front of the path"
        }
        Unauthorized::Expired => {
            "this token is out of date, or the clock here is wrong: get a new one"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_braces_is_put_in() {
        let role = RoleIndex::TEAM;
        for (refusal, text) in [
            (
                Refusal::RoleForbids(role, What::Door(Doors::SSE)),
                "role crew may not use this door: add \"sse\" to role.crew.doors",
            ),
            (
                Refusal::QuotaFull(role, Quota::EachSessions),
                "this client has all the sessions it may have: raise role.crew.each.sessions",
            ),
            (
                Refusal::TooOften(Rated::Whole(role), 7),
                "too many requests of role crew: wait 7 s, or raise role.crew.rate",
            ),
        ] {
            assert_eq!(refusal.text_with("crew"), text);
            assert_eq!(refusal.role(), Some(role));
        }
        let address = Refusal::TooOften(Rated::Address, 1);
        assert!(!address.text_with("").contains('{'));
        assert_eq!(address.role(), None);
        assert_eq!(address.retry_after(), Some(Duration::from_secs(1)));
    }

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
