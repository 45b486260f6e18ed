//! News that no client has asked for by a request: a listing changed, a resource changed.

use super::call::{Call, notification};
use super::dispatch::may_use;
use super::rates::Rates;
use super::session::Session;
use super::{Config, Engine};
use crate::auth::Access;
use crate::auth::role::{Role, RoleIndex};
use crate::bounded::Key;
use crate::mcp::subscription::List;
use crate::time::Instant;
use crate::tool::command::Stopped;
use crate::tool::forward::Scope;
use crate::tool::registry::Registry;
use crate::wire::dialect::About;
use crate::wire::json;

impl Engine {
    /// Takes over a new configuration and set of tools. Whoever has no right to be here any more
    /// is gone with all that is theirs; every other session is told if the tools that it may use
    /// differ from the old ones. The capacities stay what they were at the start.
    pub fn reload(&mut self, now: Instant, config: Config, registry: Registry) {
        let limits = std::mem::take(&mut self.config.limits);
        let old = std::mem::replace(&mut self.config, Config { limits, ..config }).access;
        if !Rates::are_the_same(&self.config.access, &old) {
            self.rates = Rates::new(&self.config.access, &mut self.draw_id);
        }
        self.stamp = self.config.stamp();
        self.own_tools = registry.iter().cloned().collect();
        let changed = self.merge_offers(now);
        self.renew_calls(now, &old);
        self.renew_tasks(now, &old);
        let mut sessions: Vec<Key<Session>> = self.sessions.iter().map(|(key, _)| key).collect();
        sessions.retain(|key| self.renew_session(now, *key, &old));
        let subscriptions = self.renew_subscriptions(&old);
        // Whoever is in a scope with other tools is told of that, and once is enough.
        let is_in = |scope: Scope| changed.contains(&scope);
        for key in sessions {
            if self
                .sessions
                .get(key)
                .is_some_and(|session| !is_in(session.scope))
            {
                self.tell_changed(now, key, List::Tools);
            }
        }
        for key in subscriptions {
            if !is_in(self.scope_of_subscription(key)) {
                self.tell_subscription_changed(now, key, List::Tools);
            }
        }
        self.list_changed(now, List::Tools, &is_in);
    }

    /// The tools are others, or say other things of themselves: tells everybody who lists them.
    pub fn tools_changed(&mut self, now: Instant) {
        self.list_changed(now, List::Tools, &|scope| scope == Scope::Everything);
    }

    /// The same for prompts.
    pub fn prompts_changed(&mut self, now: Instant) {
        self.list_changed(now, List::Prompts, &|scope| scope == Scope::Everything);
    }

    /// The same for resources and their templates. What a resource says is another matter: see
    /// [`Engine::handle_resource_updated`].
    pub fn resources_changed(&mut self, now: Instant) {
        self.list_changed(now, List::Resources, &|scope| scope == Scope::Everything);
    }

    /// A listing is another one in the scopes that `is_in` holds for.
    pub(super) fn list_changed(&mut self, now: Instant, list: List, is_in: &dyn Fn(Scope) -> bool) {
        let sessions = self.sessions.iter();
        let sessions = sessions.filter(|(_, session)| is_in(session.scope));
        let sessions: Vec<Key<Session>> = sessions.map(|(key, _)| key).collect();
        for key in sessions {
            self.tell_changed(now, key, list);
        }
        self.tell_subscriptions(now, list, is_in);
    }

    /// Gives a session the role that its principal has now, or ends it. Returns whether it may use
    /// other tools than before.
    fn renew_session(&mut self, now: Instant, key: Key<Session>, old: &Access) -> bool {
        // Telling another session may have ended this one: its client lagged.
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let access = &self.config.access;
        let is_served = self.children.has(session.scope);
        let renewed = access.renew(session.principal(), old);
        let Some(principal) = renewed.filter(|_| is_served) else {
            // While it is told so it needs a role that there is.
            session.role = RoleIndex::READONLY;
            self.dismiss_session(now, key);
            return false;
        };
        let tools = |role: &Role| (role.read_only, role.tools.clone());
        let before = tools(old.role(session.role));
        session.role = principal.role;
        before != tools(access.role(principal.role))
    }

    /// The same for calls. Those of sessions end with them; the others with the connection that
    /// waits for them.
    fn renew_calls(&mut self, now: Instant, old: &Access) {
        let keys: Vec<Key<Call>> = self.calls.iter().map(|(key, _)| key).collect();
        for key in keys {
            // Ending another call of the same request has ended this one.
            let Some(call) = self.calls.get_mut(key) else {
                continue;
            };
            match self.config.access.renew(call.principal, old) {
                Some(principal) => {
                    call.principal = principal;
                    self.recheck_call(now, key);
                }
                None => match (call.session, call.stream) {
                    (None, Some(stream)) => self.abandon(now, stream),
                    (None, None) => self.stop_call(now, key, Stopped::Cancelled),
                    (Some(_), _) => {}
                },
            }
        }
    }

    /// Drops a call that waits for its turn, or for its client to come back, if its principal may
    /// not use the tool any more. One that runs was begun with every right.
    fn recheck_call(&mut self, now: Instant, key: Key<Call>) {
        let call = self.calls.get(key).expect("the caller has found it");
        let Some(tool) = call.tool.filter(|_| !call.is_with_edge() || call.is_away()) else {
            return;
        };
        let role = self.config.access.role(call.principal.role);
        if !may_use(role, &self.registry, tool) {
            self.stop_call(now, key, Stopped::Removed);
        }
    }

    /// Tells a session that a listing changed, now or when it next listens.
    fn tell_changed(&mut self, now: Instant, key: Key<Session>, list: List) {
        // Telling another session may have ended this one: its client lagged.
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !session.hears_news() {
            return;
        }
        let dialect = session.dialect;
        let Some(stream) = session.stream else {
            session.unheard = session.unheard.with(list, true);
            return;
        };
        let payload = notification(list.notification(), b"{}");
        self.say(now, stream, dialect, payload, About::Notice);
    }

    /// Tells a session that has just begun to listen what it missed.
    pub(super) fn tell_missed_change(&mut self, now: Instant, key: Key<Session>) {
        let session = self.sessions.get_mut(key).expect("the caller has found it");
        for list in std::mem::take(&mut session.unheard).iter() {
            self.tell_changed(now, key, list);
        }
    }

    /// A resource changed: tells the sessions that subscribed to it and listen, and the
    /// subscriptions to it.
    pub fn handle_resource_updated(&mut self, now: Instant, uri: &str) {
        let is_in = |scope| scope == Scope::Everything;
        self.tell_updated(now, uri, &|_, session| is_in(session.scope));
        self.tell_resource_updated(now, uri, &|_, wanted| is_in(wanted.scope));
    }

    /// Tells those sessions that subscribed to a resource and that `hears` holds for.
    pub(super) fn tell_updated(
        &mut self,
        now: Instant,
        uri: &str,
        hears: &dyn Fn(Key<Session>, &Session) -> bool,
    ) {
        let is_wanted = |session: &Session| {
            let interests = session.interests.as_deref();
            interests.is_some_and(|wanted| wanted.resources.iter().any(|known| **known == *uri))
        };
        let wanted = self
            .sessions
            .iter()
            .filter(|(key, session)| is_wanted(session) && hears(*key, session));
        let stream = |(_, session): (_, &Session)| Some((session.stream?, session.dialect));
        let streams: Vec<_> = wanted.filter_map(stream).collect();
        for (stream, dialect) in streams {
            let params = json::Object::default().text("uri", uri).end();
            let payload = notification("notifications/resources/updated", &params);
            self.say(now, stream, dialect, payload, About::Notice);
        }
    }
}
