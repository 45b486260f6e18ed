//! The engine's part of the counters: where it fills them, and what it shows of them.

use super::Engine;
use crate::admin::stats::{Gauges, Snapshot, Stats};
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::tool::forward::{Scope, UpstreamIndex};
use crate::wire::jsonrpc::{self, Fault, Incoming};

impl Engine {
    /// What has happened since the start.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// What there is right now.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            streams: self.streams.len(),
            listening: self.listening,
            calls: self.calls.len(),
            tasks: self.tasks.len(),
            deadlines: self.wheel.len(),
            budget_bytes: self.pool.used(),
        }
    }

    /// The tools of an upstream: their names where everything is offered, which are empty for what
    /// is left out there, and in its own scope.
    pub fn tools_of(&self, upstream: UpstreamIndex) -> impl Iterator<Item = (&str, &str)> {
        let registry = &self.registry;
        let tools = registry.listed(Scope::One(upstream));
        tools.map(|tool| (registry.name(tool), &*registry.get(tool).spec().name))
    }

    /// Everything there is to be told.
    pub fn snapshot(&self, now: Instant) -> Snapshot<'_> {
        Snapshot {
            stats: &self.stats,
            gauges: self.gauges(),
            limits: &self.config.limits,
            memory: &self.memory,
            uptime: now.since(Instant::ZERO),
            upstreams: self.upstreams().collect(),
        }
    }

    /// Bytes have gone through a socket.
    pub fn handle_traffic(&mut self, received_bytes: usize, sent_bytes: usize) {
        self.stats.received_bytes += received_bytes as u64;
        self.stats.sent_bytes += sent_bytes as u64;
    }

    /// Bytes have come in that are no request.
    pub fn handle_malformed(&mut self) {
        self.stats.malformed += 1;
    }

    /// Reads and counts the messages of a body.
    pub(super) fn decode<'a>(&mut self, body: &'a [u8]) -> Result<Incoming<'a>, Fault> {
        let incoming = jsonrpc::decode(body);
        match &incoming {
            Ok(Incoming::One(_)) => self.stats.messages += 1,
            Ok(Incoming::Batch(messages)) => {
                let whole = messages.iter().filter(|message| message.is_ok()).count();
                self.stats.messages += whole as u64;
                self.stats.malformed += (messages.len() - whole) as u64;
            }
            Err(_) => self.stats.malformed += 1,
        }
        incoming
    }

    /// Counts a refusal on its way to the client.
    pub(super) fn refused(&mut self, refusal: Refusal) -> Refusal {
        self.stats.refusals.count(refusal);
        refusal
    }
}
