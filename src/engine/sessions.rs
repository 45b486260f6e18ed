//! How sessions come and go.

use super::session::{Session, Transport};
use super::stream::{Phase, Stream};
use super::{Deadline, Engine};
use crate::auth::Principal;
use crate::bounded::Key;
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::http_sse::Base;
use crate::mcp::refusal::Refusal;
use crate::mcp::revision::Revision;
use crate::mcp::subscription::Lists;
use crate::time::Instant;
use crate::tool::command::Stopped;
use crate::tool::forward::Scope;
use crate::wire::dialect::Dialect;

impl Engine {
    /// Opens a session; if the table is full, in the place of the one unused for longest.
    pub(super) fn open_session(
        &mut self,
        now: Instant,
        (principal, scope): (Principal, Scope),
        transport: Transport,
        revision: Revision,
    ) -> Result<Key<Session>, Refusal> {
        if self.drain.is_some() {
            return Err(Refusal::Stopping);
        }
        self.allow_session(now, principal)?;
        if self.sessions.is_full() {
            self.make_room(now, |_| true);
        }
        let id = (self.draw_id)();
        assert!(
            self.sessions.find(id.as_str()).is_none(),
            "132 random bits do not repeat"
        );
        let session = Session {
            id,
            transport,
            principal: principal.id,
            role: principal.role,
            scope,
            dialect: Dialect::Standard,
            base: Base::Origin,
            is_resumed: false,
            opened_seconds: u32::try_from(now.millis() / 1000).unwrap_or(u32::MAX),
            revision,
            client: Capabilities::NONE,
            initialized: false,
            confirmed: false,
            unheard: Lists::NONE,
            interests: None,
            log_level: None,
            stream: None,
            calls: 0,
            next_ordinal: 0,
            last_seen: now,
            timer: None,
        };
        let Ok(key) = self.sessions.insert(session) else {
            self.stats.sessions_refused += 1;
            return Err(Refusal::SessionsFull);
        };
        self.stats.sessions += 1;
        self.schedule_session(key);
        Ok(key)
    }

    /// Ends the session that has been unused for longest of those that `is_in` holds for. Returns
    /// whether there was one.
    pub(super) fn make_room(&mut self, now: Instant, is_in: impl Fn(&Session) -> bool) -> bool {
        let streams = &self.streams;
        let is_open = |key| {
            streams
                .get(key)
                .is_some_and(|stream: &super::Stream| stream.attached)
        };
        let unused = self.sessions.oldest_unused(is_in, is_open);
        if let Some(key) = unused {
            self.stats.sessions_evicted += 1;
            self.end_session(now, key);
        }
        unused.is_some()
    }

    /// Ends a session with all that belongs to it.
    pub(super) fn end_session(&mut self, now: Instant, key: Key<Session>) {
        let owned =
            |(call, record): (_, &super::Call)| (record.session == Some(key)).then_some(call);
        let calls: Vec<_> = self.calls.iter().filter_map(owned).collect();
        let streams: Vec<_> = self
            .streams
            .iter()
            .filter_map(|(stream, record)| (record.session == Some(key)).then_some(stream))
            .collect();
        // Streams first: nobody is left to be told of the calls' end.
        for stream in streams {
            self.remove_stream(stream);
        }
        for call in calls {
            self.stats.calls_cancelled += 1;
            self.stop_call(now, call, Stopped::Cancelled);
            if let Some(call) = self.calls.get_mut(call) {
                call.session = None;
                call.stream = None;
            }
        }
        self.end_children_of(now, key);
        let session = self.sessions.remove(key).expect("the caller has seen it");
        self.cancel(session.timer);
        self.pool.give(session.held_bytes());
        self.stats.session_over(now.since(session.opened()));
        if session.interests.is_some() {
            self.heed(now);
        }
    }

    /// Ends a session that its client would have gone on with. One that listens is told so, as far
    /// as its dialect has a word for it, with the last bytes of its stream. One that has not read
    /// what there was before is not waited for: it could put off its end by reading slowly.
    pub(super) fn dismiss_session(&mut self, now: Instant, key: Key<Session>) {
        let session = self.sessions.get(key).expect("the caller has seen it");
        let is_http_sse = matches!(session.transport, Transport::HttpSse(_));
        let stream = session.stream.filter(|_| is_http_sse);
        let listens =
            |stream: &&mut Stream| stream.attached && !stream.blocked && stream.all_sent();
        let found = stream.and_then(|key| self.streams.get_mut(key).filter(listens));
        let (Some(found), Some(stream)) = (found, stream) else {
            return self.end_session(now, key);
        };
        found.phase = Phase::Ending;
        found.framing.keep_alive = false;
        self.make_ready(stream);
    }

    /// Notes that the session's client is alive.
    pub(super) fn touch(&mut self, now: Instant, key: Key<Session>) {
        self.sessions
            .get_mut(key)
            .expect("the caller has found it")
            .last_seen = now;
    }

    /// The session's listening stream is open: while it is, the session does not age.
    pub(super) fn stream_attached(&mut self, key: Key<Session>) {
        let timer = self
            .sessions
            .get_mut(key)
            .expect("streams name living sessions")
            .timer
            .take();
        self.cancel(timer);
    }

    /// The session's listening stream has lost its connection.
    pub(super) fn stream_detached(&mut self, now: Instant, key: Key<Session>) {
        let session = self
            .sessions
            .get_mut(key)
            .expect("streams name living sessions");
        session.last_seen = now;
        match session.transport {
            // Without a finished handshake there is nothing worth coming back to.
            Transport::HttpSse(_) if !session.confirmed => self.end_session(now, key),
            Transport::HttpSse(_) | Transport::Streamable => self.schedule_session(key),
        }
    }

    pub(super) fn schedule_session(&mut self, key: Key<Session>) {
        let session = self.sessions.get(key).expect("the caller has seen it");
        let at = self.unused_until(session).round_up(limits::COARSE);
        let timer = self.schedule(at, Deadline::Session(key));
        self.sessions
            .get_mut(key)
            .expect("it was there above")
            .timer = timer;
    }

    /// When a session without a stream is given up.
    fn unused_until(&self, session: &Session) -> Instant {
        session.last_seen
            + match session.transport {
                Transport::HttpSse(_) => limits::RESUME_WINDOW,
                Transport::Streamable => self.config.timeouts.idle,
            }
    }

    /// A session's deadline has come; it may have been used since the deadline was set.
    pub(super) fn session_expired(&mut self, now: Instant, key: Key<Session>) {
        let session = self
            .sessions
            .get_mut(key)
            .expect("a deadline dies with its record");
        session.timer = None;
        let is_busy = session.calls > 0 && session.transport == Transport::Streamable;
        if is_busy {
            session.last_seen = now;
        }
        let session = self.sessions.get(key).expect("it was there above");
        if self.unused_until(session) > now {
            self.schedule_session(key);
        } else {
            self.stats.sessions_expired += 1;
            self.end_session(now, key);
        }
    }
}
