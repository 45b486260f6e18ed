//! The doors: from a whole HTTP request to its answer or to a stream.
//!
//! Every request passes [`gate`] in its fixed order of checks, and nothing is allocated for one
//! that is refused.

mod broadcast;
mod cors;
mod dialect;
mod gate;
mod http_sse;
mod operations;
pub(super) mod rest;
mod stateless;
mod streamable;
mod views;

use super::connection::Connection;
use super::route::Door;
use super::session::Session;
use super::stream::{Framing, Stream};
use super::{Asker, Engine, Era};
use crate::admin::stats::DoorKind;
use crate::auth::origin::Cors;
use crate::auth::{Principal, Unauthorized};
use crate::bounded::Key;
use crate::mcp::capability::Capabilities;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::tool::forward::Scope;
use crate::wire::dialect::Dialect;
use crate::wire::encode::{self, ResponseFraming, ResponseHead};
use crate::wire::head::{Fields, Head, Method, Version};
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::receive::Request;
use crate::wire::status::Status;
use gate::Passed;
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
    /// There is none yet: keep the request, and give it back when
    /// [`Job::Resume`](super::Job::Resume) comes. Nothing else is read from the connection
    /// meanwhile.
    Later,
}

/// One request on its way to its answer.
struct Exchange<'r> {
    /// When it came.
    now: Instant,
    /// Over this connection.
    connection: Key<Connection>,
    /// Where its connection comes from; `None` for a Unix socket.
    peer: Option<IpAddr>,
    /// Where it comes from itself, as far as proxies of ours tell.
    address: Option<IpAddr>,
    /// Who asks, once the gate knows.
    principal: Principal,
    /// Whether the gate knows; at doors that are open to all it may not.
    is_known: bool,
    /// Its head.
    head: &'r Head<'r>,
    /// Its path, without the secret in front.
    path: &'r str,
    /// There was one: where the client is sent from here, it goes by it again.
    secret_path: bool,
    /// What is offered there.
    scope: Scope,
    /// It has waited for what upstreams offer, and does not again.
    has_waited: bool,
    /// Its body.
    body: &'r [u8],
    /// The connection takes a further request.
    keep_alive: bool,
    /// The page of another origin that reads the response, if one does.
    cors: Option<Cors>,
    /// What a door for messages has to answer every request with, on the stream.
    refused: Option<Refusal>,
    /// Where the response goes.
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
        let mut exchange = self.exchange(now, connection, request, out);
        let begin = exchange.out.len();
        let calls_before = self.stats.calls_begun + self.stats.calls_resumed;
        let passed = self.gate(&mut exchange);
        self.door = match passed {
            Ok(Passed::To(door)) => door.kind(),
            Ok(Passed::Preflight) | Err(_) => DoorKind::None,
        };
        if passed.is_ok() {
            self.note_headers(now, &request.head);
        }
        if let Ok(Passed::To(door)) = passed
            && self.comes_too_early(&exchange, door)
        {
            return Reply::Later;
        }
        self.stats.request(self.door);
        let reply = passed.and_then(|passed| self.serve(&mut exchange, passed));
        // Whoever asks too often must not learn from another refusal that a guess was right.
        let reply = reply.map_err(|refusal| exchange.refused.unwrap_or(refusal));
        if self.stats.calls_begun + self.stats.calls_resumed == calls_before {
            self.stats.answered_at_once(self.door);
        }
        reply.unwrap_or_else(|refusal| {
            debug_assert_eq!(exchange.out.len(), begin, "a refusal is the whole response");
            self.refuse(&mut exchange, refusal, None)
        })
    }

    /// Whether a request needs to know what upstreams offer of which nothing is known yet. Then it
    /// is served later.
    fn comes_too_early(&mut self, exchange: &Exchange<'_>, door: Door) -> bool {
        let method = exchange.head.method;
        let has_waited = exchange.has_waited || exchange.refused.is_some();
        if has_waited || !door.needs_offers(method == Method::Post) {
            return false;
        }
        let Some(deadline) = self.offers_due(exchange.now, exchange.scope) else {
            return false;
        };
        self.postpone(exchange.connection, exchange.scope, deadline);
        true
    }

    /// Whether the body of a request is worth waiting for, of which the head alone is here. If not,
    /// the response is appended to `out`, and the connection ends with it.
    pub fn handle_head(
        &mut self,
        now: Instant,
        connection: Key<Connection>,
        head: &Head<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        let request = Request {
            head: *head,
            body: &[],
            keep_alive: false,
        };
        let mut exchange = self.exchange(now, connection, &request, out);
        let Err(refusal) = self.admit(&mut exchange) else {
            return true;
        };
        self.stats.request(DoorKind::None);
        self.stats.answered_at_once(DoorKind::None);
        self.refuse(&mut exchange, refusal, None);
        false
    }

    /// A request of which nothing is known yet.
    fn exchange<'r>(
        &self,
        now: Instant,
        connection: Key<Connection>,
        request: &'r Request<'r>,
        out: &'r mut Vec<u8>,
    ) -> Exchange<'r> {
        Exchange {
            now,
            connection,
            peer: self.peer(connection),
            address: None,
            principal: Principal::ANYBODY,
            is_known: false,
            head: &request.head,
            path: request.head.target.path,
            secret_path: false,
            scope: Scope::Everything,
            has_waited: false,
            body: request.body,
            keep_alive: request.keep_alive && self.drain.is_none(),
            cors: None,
            refused: None,
            out,
        }
    }

    /// What the door makes of it.
    fn serve(&mut self, exchange: &mut Exchange<'_>, passed: Passed) -> Result<Reply, Refusal> {
        match passed {
            Passed::Preflight => Ok(exchange.preflight()),
            Passed::To(Door::Mcp) => self.streamable(exchange),
            Passed::To(Door::Sse(pair, dialect)) => self.http_sse_stream(exchange, pair, dialect),
            Passed::To(Door::Messages(Dialect::Standard)) => self.http_sse_message(exchange),
            Passed::To(Door::Messages(dialect)) => self.dialect_message(exchange, dialect),
            Passed::To(Door::ToolCall) => self.rest_call(exchange),
            Passed::To(Door::Broadcast) => self.broadcast(exchange),
            Passed::To(Door::Tools) => self.tools_view(exchange),
            Passed::To(Door::OpenApi) => self.openapi_view(exchange),
            Passed::To(Door::Api) => self.api_view(exchange),
            Passed::To(Door::Health) => self.health(exchange),
            Passed::To(Door::Metrics) => self.metrics_view(exchange),
            Passed::To(Door::Stats) => self.stats_view(exchange),
            Passed::To(Door::Console) => self.console_view(exchange),
        }
    }

    /// The response that says why not, and counts it. The request's id is echoed where there is
    /// one.
    fn refuse(&mut self, exchange: &mut Exchange<'_>, refusal: Refusal, id: Option<&Id>) -> Reply {
        let mut body = Vec::new();
        jsonrpc::error(&mut body, id, &self.refusal_error(refusal));
        let seconds = refusal.retry_after().map(|wait| wait.as_secs().to_string());
        let field = match refusal {
            Refusal::MethodWrong(allow) => Some(("Allow", allow)),
            Refusal::Unauthorized(why) => Some(("WWW-Authenticate", challenge(why))),
            _ => seconds
                .as_ref()
                .map(|seconds| ("Retry-After", seconds.as_str())),
        };
        exchange.json(refusal.status(), field.as_slice(), &body)
    }

    /// A refusal as it is said in JSON-RPC, counted on its way to the client. The one place where
    /// the name of a role comes in.
    pub(super) fn refusal_error(&mut self, refusal: Refusal) -> RpcError {
        let refusal = self.refused(refusal);
        let role = refusal.role().map(|role| self.config.access.role(role));
        let name = role.map_or("", |role| role.name.as_str());
        let text = refusal.text_with(name);
        log::debug!("refused: {text}");
        RpcError::new(refusal.code(), text)
    }
}

/// The value of `WWW-Authenticate` (RFC 6750 section 3). It names no `resource_metadata`: there is
/// none, and clients that are told of some forget the token they were configured with.
const fn challenge(why: Unauthorized) -> &'static str {
    match why {
        Unauthorized::Missing | Unauthorized::Wrong => "Bearer",
        Unauthorized::Expired => "Bearer error=\"invalid_token\"",
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
            scope: self.scope,
            session,
            dialect,
            era: Era::Handshake,
            client: Capabilities::NONE,
            log_level: None,
            refused: self.refused,
        }
    }

    /// How a stream that answers this request is framed.
    fn framing(&self) -> Framing {
        Framing {
            chunked: self.head.version == Version::Http11,
            keep_alive: self.keep_alive,
            cors: self.cors,
        }
    }

    /// Whose pages may read the response, beside our own.
    fn allow_origin(&self) -> Option<&'r str> {
        match self.cors? {
            Cors::Any => Some("*"),
            // As it stands in the list, but for the case of its letters.
            Cors::Listed(_) => self.fields().origin,
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
        let framing = ResponseFraming::Length(body.len());
        let reply = self.head_of(status, Some(content_type), framing, fields);
        if self.head.method != Method::Head {
            self.out.extend_from_slice(body);
        }
        reply
    }

    /// The response to a client that has the current version already.
    fn unchanged(&mut self, fields: &[(&str, &str)]) -> Reply {
        self.head_of(Status::NotModified, None, ResponseFraming::NoBody, fields)
    }

    /// A complete response without a body.
    fn empty(&mut self, status: Status) -> Reply {
        self.empty_with(status, &[])
    }

    /// A complete response of header fields alone.
    fn empty_with(&mut self, status: Status, fields: &[(&str, &str)]) -> Reply {
        let framing = match status {
            Status::NoContent => ResponseFraming::NoBody,
            _ => ResponseFraming::Length(0),
        };
        self.head_of(status, None, framing, fields)
    }

    /// The head of a response that is complete with what is appended to it.
    fn head_of(
        &mut self,
        status: Status,
        content_type: Option<&str>,
        framing: ResponseFraming,
        fields: &[(&str, &str)],
    ) -> Reply {
        let head = ResponseHead {
            status,
            content_type,
            framing,
            keep_alive: self.keep_alive,
            allow_origin: self.allow_origin(),
            fields,
        };
        head.encode(self.out);
        Reply::Sent {
            keep_alive: self.keep_alive,
        }
    }

    /// The response to a body that is not a JSON-RPC message.
    fn fault(&mut self, fault: &jsonrpc::Fault) -> Reply {
        let mut body = Vec::new();
        fault.encode(&mut body);
        self.json(Status::BadRequest, &[], &body)
    }
}
