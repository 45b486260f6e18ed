//! `/health`: how the server is, for people, load balancers and scripts.

use super::{Exchange, Reply};
use crate::engine::Engine;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::wire::head::Method;
use crate::wire::status::Status;
use serde::Serialize;

/// The body of `/health`.
#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    name: &'a str,
    version: &'static str,
    uptime_seconds: u64,
    connections: u32,
    sessions: u32,
    streams: u32,
    calls: u32,
    memory: Memory,
}

/// What whoever shows no credentials is told of it, where some are needed.
#[derive(Serialize)]
struct Brief {
    status: &'static str,
}

/// Bytes, as the ceiling counts them.
#[derive(Serialize)]
struct Memory {
    ceiling_bytes: usize,
    budget_bytes: usize,
    budget_used_bytes: usize,
}

impl Engine {
    /// 200 while the server takes requests, 503 while it stops.
    pub(super) fn health(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        if !matches!(exchange.head.method, Method::Get | Method::Head) {
            return Err(Refusal::MethodWrong("GET, HEAD"));
        }
        let (code, status) = match self.is_draining() {
            true => (Status::ServiceUnavailable, "stopping"),
            false => (Status::Ok, "ok"),
        };
        let body = match exchange.is_known {
            true => self.health_json(exchange.now, status),
            false => serde_json::to_vec(&Brief { status }),
        };
        let body = body.expect("plain fields are always JSON");
        Ok(exchange.json(code, &[("Cache-Control", "no-store")], &body))
    }

    /// All there is to know.
    fn health_json(&self, now: Instant, status: &'static str) -> serde_json::Result<Vec<u8>> {
        let gauges = self.gauges();
        let health = Health {
            status,
            name: &self.config.name,
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: now.millis() / 1000,
            connections: gauges.connections,
            sessions: gauges.sessions,
            streams: gauges.streams,
            calls: gauges.calls,
            memory: Memory {
                ceiling_bytes: self.memory.ceiling,
                budget_bytes: self.memory.budget,
                budget_used_bytes: gauges.budget_bytes,
            },
        };
        serde_json::to_vec(&health)
    }
}
