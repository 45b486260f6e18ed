//! What can be looked at: the tools, their OpenAPI document, what there is, who is connected, the
//! metrics, and the web console. Everything is put together when it is asked for.

use super::{Exchange, Reply};
use crate::admin::connections::{Connections, SessionRow};
use crate::admin::{api, console, metrics, openapi, snippets};
use crate::auth::Principal;
use crate::engine::Engine;
use crate::engine::dispatch::may_use;
use crate::engine::session::{Session, Transport};
use crate::mcp::refusal::Refusal;
use crate::time::{Instant, UnixMillis};
use crate::tool::Tool;
use crate::tool::forward::Scope;
use crate::wire::head::Method;
use crate::wire::status::Status;

/// Views are of one moment.
const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

impl Engine {
    /// The tools that a principal may use, with their names.
    fn tools_for(&self, principal: Principal) -> impl Iterator<Item = (&str, &dyn Tool)> {
        let role = self.config.access.role(principal.role);
        let registry = &self.registry;
        let tools = registry.listed(Scope::Everything);
        let tools = tools.filter(move |tool| may_use(role, registry, *tool));
        tools.map(|tool| (registry.name(tool), &**registry.get(tool)))
    }

    /// `GET /mcp/tools`.
    pub(super) fn tools_view(&self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        exchange.is_look()?;
        let body = api::tools_json(self.tools_for(exchange.principal));
        Ok(exchange.json(Status::Ok, &[NO_STORE], &body))
    }

    /// `GET /openapi.json`.
    pub(super) fn openapi_view(&self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        exchange.is_look()?;
        let server_url = exchange.server_url();
        let about = openapi::About {
            title: self.config.title.as_deref().unwrap_or(&self.config.name),
            description: self.config.instructions.as_deref(),
            server_url: &server_url,
            needs_token: self.config.access.is_required(),
        };
        let tools = self.tools_for(exchange.principal);
        let body = openapi::openapi(&about, tools.map(|(name, tool)| (name, tool.spec())));
        Ok(exchange.json(Status::Ok, &[NO_STORE], &body))
    }

    /// `GET /api`.
    pub(super) fn api_view(&self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        exchange.is_look()?;
        let name = &self.config.name;
        let needs_token = self.config.access.is_required();
        let clients = snippets::snippets(name, &exchange.server_url(), None, needs_token);
        let upstreams = self.upstreams().map(|view| &*view.spec.name);
        let body = api::api_json(name, upstreams, &clients);
        Ok(exchange.json(Status::Ok, &[NO_STORE], &body))
    }

    /// `GET /metrics`.
    pub(super) fn metrics_view(&self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        exchange.is_look()?;
        let body = metrics::metrics(&self.snapshot(exchange.now));
        let media = metrics::CONTENT_TYPE;
        Ok(exchange.content(Status::Ok, media, &[NO_STORE], body.as_bytes()))
    }

    /// `GET /mcp/sse/stats`.
    pub(super) fn stats_view(&self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        exchange.is_look()?;
        let (now, access) = (exchange.now, &self.config.access);
        let wall_millis = self.wall_time(now).0;
        let roles = access.roles.iter().map(|role| role.name.as_str());
        let mut connections = Connections::none(roles);
        for (_, session) in self.sessions.iter() {
            let age = now.since(session.opened());
            let opened = UnixMillis(wall_millis.saturating_sub(age.as_millis() as u64));
            let row = self.session_row(session, now);
            connections.add(session.role.as_usize(), opened, row);
        }
        Ok(exchange.json(Status::Ok, &[NO_STORE], &connections.encode()))
    }

    /// One session, as others may see it.
    fn session_row(&self, session: &Session, now: Instant) -> SessionRow<'_> {
        let access = &self.config.access;
        let stream = session.stream.and_then(|stream| self.streams.get(stream));
        SessionRow {
            id: format!("{:?}", session.id),
            principal: access.name_of(session.principal()),
            role: &access.role(session.role).name,
            transport: match session.transport {
                Transport::HttpSse(_) => "sse",
                Transport::Streamable => "streamable",
            },
            revision: session.revision.date(),
            connected: stream.is_some_and(|stream| stream.attached),
            calls: session.calls,
            age_seconds: now.since(session.opened()).as_secs(),
            idle_seconds: now.since(session.last_seen).as_secs(),
        }
    }

    /// The console, or one of its files. The browser asks again each time and mostly has it.
    pub(super) fn console_view(&self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        exchange.is_look()?;
        let asset = console::asset(exchange.path).filter(|_| self.config.console);
        let asset = asset.ok_or(Refusal::PathUnknown)?;
        let mut fields = [("ETag", asset.etag); console::FIELDS.len() + 1];
        fields[1..].copy_from_slice(&console::FIELDS);
        let mut known = exchange.head.values("if-none-match");
        if known.any(|tags| asset.is_known(tags)) {
            return Ok(exchange.unchanged(&fields));
        }
        Ok(exchange.content(Status::Ok, asset.content_type, &fields, asset.bytes))
    }
}

impl Exchange<'_> {
    /// Refuses what does more than look.
    fn is_look(&self) -> Result<(), Refusal> {
        match self.head.method {
            Method::Get | Method::Head => Ok(()),
            Method::Post | Method::Delete | Method::Options | Method::Other => {
                Err(Refusal::MethodWrong("GET, HEAD"))
            }
        }
    }

    /// Where the client has found this server: scheme and authority. A proxy that speaks TLS says
    /// so; if it lies, only the client that goes through it is told a wrong address.
    fn server_url(&self) -> String {
        let mut forwarded = self.head.values("x-forwarded-proto");
        let scheme = match forwarded.next() {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            Some(_) | None => "http",
        };
        format!("{scheme}://{}", self.fields().host.unwrap_or("localhost"))
    }
}
