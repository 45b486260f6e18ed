//! The checks every request passes, in this order:
//!
//! | check | whoever fails gets |
//! |---|---|
//! | the host is ours | 403 |
//! | the origin may ask | 403 |
//! | a preflight goes no further | 204 |
//! | the path, less a secret in front, leads to a door | 404, without a look at credentials |
//! | the address has not asked too often | 429 |
//! | somebody asks, unless the door is open to all | 401 |
//! | the role may use the door | 403 |
//! | principal and role have not asked too often | 429 |
//!
//! Whoever guesses tokens pays with the rate of the address. `/.well-known/` has no doors: clients
//! that find a 401 there believe in an OAuth server and forget the token they have.

use super::Exchange;
use crate::auth::{Credentials, Principal};
use crate::engine::Engine;
use crate::engine::connection::Later;
use crate::engine::route::{self, Door, Needs};
use crate::mcp::refusal::{Refusal, What};
use crate::mcp::streamable;
use crate::time::UnixMillis;
use crate::tool::forward::Scope;
use crate::wire::head::Method;
use crate::wire::jsonrpc::{Fault, Message};

/// What comes in front of the token of a secret path.
const SECRET: &str = "/t/";

/// Where a request may go on.
#[derive(Clone, Copy)]
pub(super) enum Passed {
    /// To this door.
    To(Door),
    /// Nowhere: a browser asks what a page may send.
    Preflight,
}

impl Engine {
    /// Lets a request through to its door, or says why not.
    pub(super) fn gate(&mut self, exchange: &mut Exchange<'_>) -> Result<Passed, Refusal> {
        let connection = self.connections.get_mut(exchange.connection);
        // A request that comes back was let in before, and has paid.
        let (is_counted, later) = connection.map_or((false, Later::No), |it| {
            let later = std::mem::replace(&mut it.later, Later::No);
            (std::mem::take(&mut it.is_counted), later)
        });
        exchange.has_waited = later == Later::Over;
        let is_paid = later != Later::No;
        self.check_origin(exchange)?;
        if exchange.is_preflight() {
            return Ok(Passed::Preflight);
        }
        let (door, token) = self.approach(exchange)?;
        if !is_counted && !is_paid {
            let taken = self.take_address(exchange);
            self.limit(exchange, door, taken)?;
        }
        match self.identify(exchange, door, token) {
            Ok(principal) => {
                exchange.principal = principal;
                exchange.is_known = true;
            }
            Err(_) if door.needs() == Needs::Nothing => return Ok(Passed::To(door)),
            Err(refusal) => {
                self.stats.unauthorized += 1;
                // Only who has a session can be told on its stream.
                return Err(exchange.refused.unwrap_or(refusal));
            }
        }
        let principal = exchange.principal;
        let access = &self.config.access;
        log::debug!(
            "request principal={:?} role={:?}",
            access.name_of(principal),
            access.role(principal.role).name
        );
        self.authorize(principal, door)?;
        if door.needs() != Needs::Nothing && exchange.refused.is_none() && !is_paid {
            let taken = self.rates.take_principal(exchange.now, principal);
            self.limit(exchange, door, taken)?;
        }
        Ok(Passed::To(door))
    }

    /// Counts one message of a batch. The HTTP request has paid for the first of its requests; each
    /// further one pays like a request of its own, or a batch would be so many for one.
    pub(super) fn count_in_batch(
        &mut self,
        exchange: &mut Exchange<'_>,
        message: &Result<Message<'_>, Fault>,
        is_paid: &mut bool,
    ) {
        let is_request = matches!(message, Ok(Message::Request { .. }));
        if !is_request || !std::mem::replace(is_paid, true) || exchange.refused.is_some() {
            return;
        }
        let (now, principal) = (exchange.now, exchange.principal);
        let taken = self.take_address(exchange);
        let taken = taken.and_then(|()| self.rates.take_principal(now, principal));
        self.stats.rate_limited += u64::from(taken.is_err());
        exchange.refused = taken.err();
    }

    /// The same for a head whose body is still to come: a body takes memory, so nobody may announce
    /// one who would be refused. What is counted here the gate does not count again.
    pub(super) fn admit(&mut self, exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
        self.check_origin(exchange)?;
        let (door, token) = self.approach(exchange)?;
        if let Err(refusal) = self.take_address(exchange) {
            // Whoever knows of a session is to be told on its stream.
            let is_told = door.takes_messages() && self.names_session(exchange);
            self.stats.rate_limited += u64::from(!is_told);
            return if is_told { Ok(()) } else { Err(refusal) };
        }
        if let Some(connection) = self.connections.get_mut(exchange.connection) {
            connection.is_counted = true;
        }
        let principal = self.identify(exchange, door, token).inspect_err(|_| {
            self.stats.unauthorized += 1;
        })?;
        self.authorize(principal, door)
    }

    /// Takes a request from where it comes from. What a proxy does not tell, the proxy pays for:
    /// nobody has no rate by hiding.
    fn take_address(&mut self, exchange: &Exchange<'_>) -> Result<(), Refusal> {
        let address = exchange.address.or(exchange.peer);
        self.rates.take_address(exchange.now, address)
    }

    /// Whether a message is for a session that there is, whosever that may be.
    fn names_session(&self, exchange: &Exchange<'_>) -> bool {
        let named = exchange.named_session();
        exchange.head.method == Method::Post
            && named.is_some_and(|id| self.sessions.find(&id).is_some())
    }

    /// Where the request leads, with the token in front of its path, and where it comes from.
    fn approach<'r>(
        &self,
        exchange: &mut Exchange<'r>,
    ) -> Result<(Door, Option<&'r str>), Refusal> {
        let token = exchange.leave_secret_path();
        let (scope, door) = self.find_door(exchange).ok_or(Refusal::PathUnknown)?;
        exchange.scope = scope;
        if door.opens_stream() && exchange.is_foreign_look() {
            return Err(Refusal::OriginForeign);
        }
        let forwarded_for = exchange.fields().forwarded_for;
        let access = &self.config.access;
        exchange.address = access.client_address(exchange.peer, forwarded_for);
        Ok((door, token))
    }

    /// Whether the request is meant for this server, and from a page that may ask it.
    fn check_origin(&self, exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
        // HTTP/1.0 may come without a host; such a client is no browser.
        let host = exchange.fields().host;
        let origins = &self.config.origins;
        if !host.is_none_or(|host| origins.host_is_ours(host)) {
            return Err(Refusal::HostForeign);
        }
        if let Some(origin) = exchange.fields().origin {
            let host = host.unwrap_or_default();
            if !origins.origin_is_allowed(origin, host) {
                return Err(Refusal::OriginForeign);
            }
            exchange.cors = origins.cors(origin, host);
        }
        Ok(())
    }

    /// The door that the path leads to, and what is offered there.
    fn find_door(&self, exchange: &Exchange<'_>) -> Option<(Scope, Door)> {
        let Some(door) = route::route(exchange.path) else {
            let (name, door) = route::route_to_server(exchange.path)?;
            return Some((Scope::One(self.upstream_named(name)?), door));
        };
        let fields = exchange.fields();
        let is_health = door == Door::Mcp
            && self.config.compat.get_mcp_health
            && exchange.head.method == Method::Get
            && fields.mcp_session_id.is_none()
            && !fields.accept.is_some_and(streamable::names_stream);
        let door = if is_health { Door::Health } else { door };
        Some((Scope::Everything, door))
    }

    /// Who asks.
    fn identify(
        &self,
        exchange: &Exchange<'_>,
        door: Door,
        path: Option<&str>,
    ) -> Result<Principal, Refusal> {
        let fields = exchange.fields();
        let takes_query = door.opens_stream() && exchange.head.method == Method::Get;
        let query = takes_query.then(|| exchange.head.target.query_value("token"));
        let query = query.flatten();
        let shown = Credentials {
            authorization: fields.authorization,
            x_api_key: fields.x_api_key,
            query: query.as_deref(),
            path,
            address: exchange.address,
        };
        let access = &self.config.access;
        // Only a JWT needs the time, and the machine's clock takes a while to tell it.
        let now = match access.jwt {
            Some(_) => self.wall_time(exchange.now),
            None => UnixMillis(0),
        };
        access
            .authenticate(&shown, now)
            .map_err(Refusal::Unauthorized)
    }

    /// Whether the principal's role may use the door.
    pub(super) fn authorize(&self, principal: Principal, door: Door) -> Result<(), Refusal> {
        let role = self.config.access.role(principal.role);
        let (is_allowed, what) = match door.needs() {
            Needs::Nothing => return Ok(()),
            Needs::Kind(doors) => (role.doors.has_any_of(doors), What::Door(doors)),
            Needs::Broadcast => (role.broadcast, What::Broadcast),
            Needs::Stats => (role.stats, What::Stats),
        };
        match is_allowed {
            true => Ok(()),
            false => Err(Refusal::RoleForbids(principal.role, what)),
        }
    }

    /// What comes of a request that may be one too many. A door for messages acknowledges it all
    /// the same and says so on the stream.
    fn limit(
        &mut self,
        exchange: &mut Exchange<'_>,
        door: Door,
        taken: Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Err(refusal) = taken else { return Ok(()) };
        self.stats.rate_limited += 1;
        if door.takes_messages() && exchange.head.method == Method::Post {
            exchange.refused = Some(refusal);
            return Ok(());
        }
        Err(refusal)
    }
}

impl<'r> Exchange<'r> {
    /// Takes the secret off the path: `/t/TOKEN/mcp` is `/mcp` by whoever holds the token. It
    /// stands there as it is; what `slimcp token new` draws needs no escape.
    fn leave_secret_path(&mut self) -> Option<&'r str> {
        let rest = self.path.strip_prefix(SECRET)?;
        let end = rest.find('/')?;
        self.path = &rest[end..];
        self.secret_path = true;
        Some(&rest[..end])
    }
}
