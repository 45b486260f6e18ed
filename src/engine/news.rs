//! News that no client has asked for by a request: the tools changed, a resource changed.

use super::call::notification;
use super::session::Session;
use super::{Config, Engine};
use crate::bounded::Key;
use crate::mcp::message::{Empty, ResourceUpdatedParams};
use crate::time::Instant;
use crate::tool::registry::Registry;
use crate::wire::dialect::About;

impl Engine {
    /// Takes over a new configuration and set of tools; tells every session if the tools differ
    /// from the old ones. The capacities stay what they were at the start.
    pub fn reload(&mut self, now: Instant, config: Config, registry: Registry) {
        let limits = std::mem::take(&mut self.config.limits);
        self.config = Config { limits, ..config };
        let has_changed = registry.fingerprint() != self.registry.fingerprint();
        self.replace_tools(now, registry);
        if !has_changed {
            return;
        }
        let keys: Vec<Key<Session>> = self.sessions.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.tell_tools_changed(now, key);
        }
    }

    /// Tells a session that the tools changed, now or when it next listens.
    fn tell_tools_changed(&mut self, now: Instant, key: Key<Session>) {
        // Telling another session may have ended this one: its client lagged.
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !session.hears_news() {
            return;
        }
        let dialect = session.dialect;
        let Some(stream) = session.stream else {
            session.tools_changed = true;
            return;
        };
        let payload = notification("notifications/tools/list_changed", &Empty {});
        self.say(now, stream, dialect, payload, About::Notice);
    }

    /// Tells a session that has just begun to listen what it missed.
    pub(super) fn tell_missed_change(&mut self, now: Instant, key: Key<Session>) {
        let session = self.sessions.get_mut(key).expect("the caller has found it");
        if std::mem::take(&mut session.tools_changed) {
            self.tell_tools_changed(now, key);
        }
    }

    /// A resource changed: tells the sessions that subscribed to it and listen.
    pub fn handle_resource_updated(&mut self, now: Instant, uri: &str) {
        let is_wanted = |session: &Session| {
            let interests = session.interests.as_deref();
            interests.is_some_and(|wanted| wanted.resources.iter().any(|known| known == uri))
        };
        let wanted = self
            .sessions
            .iter()
            .filter(|(_, session)| is_wanted(session));
        let stream = |(_, session): (_, &Session)| Some((session.stream?, session.dialect));
        let streams: Vec<_> = wanted.filter_map(stream).collect();
        for (stream, dialect) in streams {
            let params = ResourceUpdatedParams { uri };
            let payload = notification("notifications/resources/updated", &params);
            self.say(now, stream, dialect, payload, About::Notice);
        }
    }
}
