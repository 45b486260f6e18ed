//! The checks every request passes, in this order: host, origin, path. Authentication will stand
//! between origin and path.

use super::Exchange;
use crate::auth::Credentials;
use crate::engine::Engine;
use crate::engine::route::{self, Door};
use crate::mcp::refusal::Refusal;

impl Engine {
    /// Lets a request through to its door, or says why not.
    pub(super) fn gate(&self, exchange: &mut Exchange<'_>) -> Result<Door, Refusal> {
        let head = exchange.head;
        // HTTP/1.0 may come without a host; such a client is no browser.
        let host = head.fields.host;
        let origins = &self.config.origins;
        if !host.is_none_or(|host| origins.host_is_ours(host)) {
            return Err(Refusal::HostForeign);
        }
        if let Some(origin) = head.fields.origin
            && !origins.origin_is_allowed(origin, host.unwrap_or_default())
        {
            return Err(Refusal::OriginForeign);
        }
        let shown = Credentials::default();
        let now = self.wall_time(exchange.now);
        let access = &self.config.access;
        exchange.principal = access
            .authenticate(&shown, now)
            .expect("nothing is asked for yet");
        route::route(exchange.path).ok_or(Refusal::PathUnknown)
    }
}
