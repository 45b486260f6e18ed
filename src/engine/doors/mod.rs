//! The doors: from a whole HTTP request to its answer or to a stream.
//!
//! Every request passes [`gate`] in its fixed order of checks, and nothing is allocated for one
//! that is refused.

mod gate;
mod http_sse;
mod operations;
pub(super) mod rest;
mod streamable;
mod views;

use super::connection::Connection;
use super::route::Door;
use super::session::Session;
use super::stream::{Framing, Stream};
use super::{Asker, Engine};
use crate::admin::stats::DoorKind;
use crate::auth::Principal;
use crate::bounded::Key;
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::wire::dialect::Dialect;
use crate::wire::encode::{self, ResponseFraming, ResponseHead};
use crate::wire::head::{Fields, Head, Method, Version};
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::receive::Request;
use crate::wire::status::Status;
use std::net::IpAddr;

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The whole response is in the buffer.
    Sent {
        /// Whether the connection takes a further request.
        keep_alive: bool,
    },
    /// The response is this stream: ask [`Engine::poll_transmit`] for its bytes.
    Stream(Key<Stream>),
}

/// One request on its way to its answer.
struct Exchange<'r> {
    now: Instant,
    principal: Principal,
    /// The path as the router sees it.
    path: &'r str,
    /// Where it comes from; `None` for a Unix socket.
    peer: Option<IpAddr>,
    head: &'r Head<'r>,
    body: &'r [u8],
    keep_alive: bool,
    out: &'r mut Vec<u8>,
}

impl Engine {
    /// Answers a whole request that came in over `connection`. The response, or nothing if it is a
    /// stream, is appended to `out`.
    pub fn handle_request(
        &mut self,
        now: Instant,
        connection: Key<Connection>,
        request: &Request<'_>,
        out: &mut Vec<u8>,
    ) -> Reply {
        debug_assert!(self.connections.contains(connection));
        let keep_alive = request.keep_alive && self.drain.is_none();
        let mut exchange = Exchange {
            now,
            principal: Principal::ANYBODY,
            path: request.head.target.path,
            peer: self.peer(connection),
            head: &request.head,
            body: request.body,
            keep_alive,
            out,
        };
        let begin = exchange.out.len();
        let calls_before = self.stats.calls_begun;
        let door = self.gate(&mut exchange);
        self.door = door.map_or(DoorKind::None, Door::kind);
        self.stats.request(self.door);
        let reply = match door {
            Ok(Door::Mcp) => self.streamable(&mut exchange),
            Ok(Door::Sse(pair)) => self.http_sse_stream(&mut exchange, pair),
            Ok(Door::Messages) => self.http_sse_message(&mut exchange),
            Ok(Door::ToolCall) => self.rest_call(&mut exchange),
            Ok(Door::Tools) => self.tools_view(&mut exchange),
            Ok(Door::OpenApi) => self.openapi_view(&mut exchange),
            Ok(Door::Api) => self.api_view(&mut exchange),
            Ok(Door::Health) => self.health(&mut exchange),
            Ok(Door::Metrics) => self.metrics_view(&mut exchange),
            Ok(Door::Stats) => self.stats_view(&mut exchange),
            Ok(Door::Console) => self.console_view(&mut exchange),
            Err(refusal) => Err(refusal),
        };
        if self.stats.calls_begun == calls_before {
            self.stats.answered_at_once(self.door);
        }
        reply.unwrap_or_else(|refusal| {
            debug_assert_eq!(exchange.out.len(), begin, "a refusal is the whole response");
            exchange.refuse(self.refused(refusal), None)
        })
    }
}

impl<'r> Exchange<'r> {
    fn fields(&self) -> &'r Fields<'r> {
        &self.head.fields
    }

    /// On whose behalf messages of this request are served.
    fn asker(&self, session: Option<Key<Session>>, dialect: Dialect) -> Asker {
        Asker {
            principal: self.principal,
            session,
            dialect,
        }
    }

    /// How a stream that answers this request is framed.
    fn framing(&self) -> Framing {
        Framing {
            chunked: self.head.version == Version::Http11,
            keep_alive: self.keep_alive,
        }
    }

    /// A complete response with a JSON body.
    fn json(&mut self, status: Status, fields: &[(&str, &str)], body: &[u8]) -> Reply {
        self.content(status, encode::JSON, fields, body)
    }

    /// A complete response with a body of this type.
    fn content(
        &mut self,
        status: Status,
        content_type: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let head = ResponseHead {
            status,
            content_type: Some(content_type),
            framing: ResponseFraming::Length(body.len()),
            keep_alive: self.keep_alive,
            fields,
        };
        head.encode(self.out);
        if self.head.method != Method::Head {
            self.out.extend_from_slice(body);
        }
        Reply::Sent {
            keep_alive: self.keep_alive,
        }
    }

    /// The response to a client that has the current version already.
    fn unchanged(&mut self, fields: &[(&str, &str)]) -> Reply {
        let head = ResponseHead {
            status: Status::NotModified,
            content_type: None,
            framing: ResponseFraming::NoBody,
            keep_alive: self.keep_alive,
            fields,
        };
        head.encode(self.out);
        Reply::Sent {
            keep_alive: self.keep_alive,
        }
    }

    /// A complete response without a body.
    fn empty(&mut self, status: Status) -> Reply {
        encode::empty(self.out, status, self.keep_alive);
        Reply::Sent {
            keep_alive: self.keep_alive,
        }
    }

    /// The response that says why not. The request's id is echoed where there is one.
    fn refuse(&mut self, refusal: Refusal, id: Option<&Id>) -> Reply {
        let mut body = Vec::new();
        jsonrpc::error(
            &mut body,
            id,
            &RpcError::new(refusal.code(), refusal.text()),
        );
        let retry_after = limits::RETRY_AFTER.as_secs().to_string();
        let field = match refusal {
            Refusal::MethodWrong(allow) => Some(("Allow", allow)),
            _ if refusal.status() == Status::ServiceUnavailable => {
                Some(("Retry-After", retry_after.as_str()))
            }
            _ => None,
        };
        self.json(refusal.status(), field.as_slice(), &body)
    }

    /// The response to a body that is not a JSON-RPC message.
    fn fault(&mut self, fault: &jsonrpc::Fault) -> Reply {
        let mut body = Vec::new();
        fault.encode(&mut body);
        self.json(Status::BadRequest, &[], &body)
    }
}
