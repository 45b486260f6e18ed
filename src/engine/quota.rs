//! How much of everything a role and each of its principals may have.
//!
//! What they have is counted where a quota is set and only when more is wanted: the tables are
//! small, and a count that is never kept cannot be wrong.

use super::Engine;
use super::call::Call;
use super::session::Session;
use super::stream::{Kind, Stream};
use crate::auth::Principal;
use crate::auth::role::{self, RoleIndex};
use crate::bounded::Key;
use crate::mcp::refusal::{Quota, Refusal};
use crate::time::Instant;

/// Whose things are counted together.
#[derive(Clone, Copy)]
enum Scope {
    /// All principals of the role.
    Whole(RoleIndex),
    /// This principal.
    Each(Principal),
}

/// What may be had at most.
#[derive(Clone, Copy)]
struct Bound {
    scope: Scope,
    most: usize,
    /// What is said to whoever wants more.
    refusal: Refusal,
}

impl Scope {
    fn has(self, principal: Principal) -> bool {
        match self {
            Scope::Whole(role) => principal.role == role,
            Scope::Each(own) => principal.id == own.id,
        }
    }
}

impl Engine {
    /// Whether the session may have an open event stream beside those that others of its role and
    /// its principal have.
    pub(super) fn allow_stream(&self, key: Key<Session>) -> Result<(), Refusal> {
        let session = self.sessions.get(key).expect("the caller has found it");
        self.allow_listening(session.principal(), Some(key))
    }

    /// The same for a subscription of `principal`, which has no session.
    pub(super) fn allow_subscription(&self, principal: Principal) -> Result<(), Refusal> {
        self.allow_listening(principal, None)
    }

    /// Whether there may be one more open event stream of `principal`, that of `own` not counted.
    fn allow_listening(
        &self,
        principal: Principal,
        own: Option<Key<Session>>,
    ) -> Result<(), Refusal> {
        let names = [Quota::Connections, Quota::EachConnections];
        for bound in self.bounds(principal, |quota| quota.connections, names) {
            let streams = self.streams.iter().filter(|(_, stream)| stream.attached);
            let listeners = streams.filter_map(|(_, stream)| self.listener(stream, own));
            if listeners.filter(|other| bound.scope.has(*other)).count() >= bound.most {
                return Err(bound.refusal);
            }
        }
        Ok(())
    }

    /// Who listens on this stream, unless it is an answer or that of the session `own`.
    fn listener(&self, stream: &Stream, own: Option<Key<Session>>) -> Option<Principal> {
        match stream.kind {
            Kind::Answer => None,
            Kind::Subscription => Some(stream.subscription.as_ref()?.principal),
            Kind::HttpSse | Kind::Listening => {
                let key = stream.session.filter(|key| Some(*key) != own)?;
                Some(self.sessions.get(key)?.principal())
            }
        }
    }

    /// Sees to it that there may be one more session of `principal`. As in the table itself, the
    /// one that has been unused for longest makes room: many clients never say that they are done.
    pub(super) fn allow_session(
        &mut self,
        now: Instant,
        principal: Principal,
    ) -> Result<(), Refusal> {
        let names = [Quota::Sessions, Quota::EachSessions];
        for bound in self.bounds(principal, |quota| quota.sessions, names) {
            let is_in = |session: &Session| bound.scope.has(session.principal());
            let sessions = self.sessions.iter();
            let count = sessions.filter(|(_, session)| is_in(session)).count();
            // A reload may have left more than there may be now.
            for _ in bound.most..=count {
                if !self.make_room(now, is_in) {
                    self.stats.sessions_refused += 1;
                    return Err(bound.refusal);
                }
            }
        }
        Ok(())
    }

    /// Whether there may be one more call of `principal` in flight. One whose client may never come
    /// back makes room.
    pub(super) fn allow_call(&mut self, now: Instant, principal: Principal) -> Result<(), Refusal> {
        let names = [Quota::Calls, Quota::EachCalls];
        for bound in self.bounds(principal, |quota| quota.calls, names) {
            let is_in = |call: &Call| bound.scope.has(call.principal);
            let count = self.calls.iter().filter(|(_, call)| is_in(call)).count();
            for _ in bound.most..=count {
                if !self.make_call_room(now, is_in) {
                    self.stats.calls_refused += 1;
                    return Err(bound.refusal);
                }
            }
        }
        Ok(())
    }

    /// The bounds of the principal's role and of the principal, as far as they are set.
    fn bounds(
        &self,
        principal: Principal,
        of: fn(&role::Quota) -> Option<u32>,
        [whole, each]: [Quota; 2],
    ) -> impl Iterator<Item = Bound> + use<> {
        let role = self.config.access.role(principal.role);
        let bound = |scope, most: Option<u32>, name| {
            most.map(|most| Bound {
                scope,
                most: most as usize,
                refusal: Refusal::QuotaFull(principal.role, name),
            })
        };
        let bounds = [
            bound(Scope::Whole(principal.role), of(&role.whole), whole),
            bound(Scope::Each(principal), of(&role.each), each),
        ];
        bounds.into_iter().flatten()
    }
}
