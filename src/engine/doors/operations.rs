//! `/health`: how the server is, for people, load balancers and scripts.

use super::{Exchange, Reply};
use crate::admin::servers::{DEGRADED, add_servers};
use crate::engine::Engine;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::upstream::supervise::State;
use crate::upstream::view::UpstreamView;
use crate::wire::head::Method;
use crate::wire::json::Object;
use crate::wire::status::Status;

impl Engine {
    /// 200 while the server takes requests, also when a server behind it has failed; 503 while it
    /// stops.
    pub(super) fn health(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        if !matches!(exchange.head.method, Method::Get | Method::Head) {
            return Err(Refusal::MethodWrong("GET, HEAD"));
        }
        let has_failed = |view: UpstreamView<'_>| view.state == State::Failed.name();
        let (code, status) = match self.is_draining() {
            true => (Status::ServiceUnavailable, "stopping"),
            // Whoever asks for another one is served: no reason to take this one out of service.
            false if self.upstreams().any(has_failed) => (Status::Ok, DEGRADED),
            false => (Status::Ok, "ok"),
        };
        let body = Object::default().text("status", status);
        let body = match exchange.is_known {
            true => self.add_health(body, exchange.now),
            // Where credentials are needed, whoever shows none is told no more.
            false => body,
        };
        Ok(exchange.json(code, &[("Cache-Control", "no-store")], &body.end()))
    }

    /// All there is to know.
    fn add_health(&self, body: Object, now: Instant) -> Object {
        let gauges = self.gauges();
        let memory = Object::default()
            .plain("ceiling_bytes", self.memory.ceiling)
            .plain("budget_bytes", self.memory.budget)
            .plain("budget_used_bytes", gauges.budget_bytes);
        let body = body
            .text("name", &self.config.name)
            .text("version", env!("CARGO_PKG_VERSION"))
            .plain("uptime_seconds", now.millis() / 1000)
            .plain("connections", gauges.connections)
            .plain("sessions", gauges.sessions)
            .plain("streams", gauges.streams)
            .plain("calls", gauges.calls)
            .json("memory", &memory.end());
        add_servers(body, self.upstreams())
    }
}
