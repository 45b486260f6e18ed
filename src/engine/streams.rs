//! How streams come and go: open, park, detach, resume, expire.

use super::session::Session;
use super::stream::{Answer, Framing, Kind, Phase, Stream};
use super::{Deadline, Engine, Job};
use crate::bounded::{Key, Position};
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::tool::command::Stopped;

impl Engine {
    /// Adds a stream, if need be in the place of one that is only kept for replay.
    pub(super) fn add_stream(&mut self, stream: Stream) -> Result<Key<Stream>, Refusal> {
        if self.streams.is_full() {
            let kept = |stream: &Stream| !stream.attached && stream.phase == Phase::Ending;
            let oldest = self
                .streams
                .iter()
                .find(|(_, stream)| kept(stream))
                .map(|(key, _)| key);
            if let Some(key) = oldest {
                self.remove_stream(key);
            }
        }
        self.streams.insert(stream).map_err(|_| {
            self.stats.streams_refused += 1;
            Refusal::StreamsFull
        })
    }

    /// Opens the answer stream of a POST that waits for `answer.outstanding` calls.
    pub(super) fn open_answer(
        &mut self,
        session: Option<Key<Session>>,
        framing: Framing,
        answer: Answer,
    ) -> Result<Key<Stream>, Refusal> {
        let mut stream = Stream::new(Kind::Answer, Phase::Held, framing);
        stream.session = session;
        if let Some(session) = session.and_then(|session| self.sessions.get_mut(session)) {
            stream.ordinal = session.take_ordinal();
        }
        stream.answer = Some(Box::new(answer));
        self.add_stream(stream)
    }

    /// Opens a session's listening stream, or attaches a new connection to the one it has. The
    /// connection that carried it before is closed: the client has given it up, or it would not
    /// ask again.
    pub(super) fn listen(
        &mut self,
        session_key: Key<Session>,
        kind: Kind,
        framing: Framing,
    ) -> Result<Key<Stream>, Refusal> {
        self.allow_stream(session_key)?;
        let session = self
            .sessions
            .get_mut(session_key)
            .expect("the caller has found it");
        if let Some(key) = session.stream {
            self.attach(key, framing);
            return Ok(key);
        }
        // Nothing would ever end it: the streams there are have been told to.
        if self.drain.is_some() {
            return Err(Refusal::Stopping);
        }
        let mut stream = Stream::new(kind, Phase::Open, framing);
        stream.session = Some(session_key);
        stream.ordinal = session.take_ordinal();
        let key = self.add_stream(stream)?;
        let session = self
            .sessions
            .get_mut(session_key)
            .expect("it was there above");
        session.stream = Some(key);
        self.listening += 1;
        self.stream_attached(session_key);
        Ok(key)
    }

    /// Lets a new connection carry the stream, from where the last one left off. That one is closed
    /// before the new one takes over, and even if the new one breaks before it could.
    fn attach(&mut self, key: Key<Stream>, framing: Framing) {
        let found = self.streams.get_mut(key);
        let stream = found.expect("sessions name living streams");
        stream.framing = framing;
        if std::mem::replace(&mut stream.attached, true) {
            self.jobs.push_back(Job::CloseStream(key));
        } else {
            self.listening += u32::from(stream.kind != Kind::Answer);
        }
        stream.blocked = false;
        stream.head_due = true;
        stream.heartbeat_due = false;
        stream.released = false;
        let timer = stream.timer.take();
        self.cancel(timer);
        let stream = self.streams.get(key).expect("it was there above");
        if stream.kind != Kind::Answer {
            self.stream_attached(stream.session.expect("listening streams have a session"));
        }
    }

    /// Resumes the stream `key` after the event `seen`.
    pub(super) fn resume(
        &mut self,
        key: Key<Stream>,
        seen: u64,
        framing: Framing,
    ) -> Result<Key<Stream>, Refusal> {
        let stream = self.streams.get_mut(key).expect("the caller has found it");
        // What has sent no id yet nobody can have seen an event of.
        if !stream.is_resumable() {
            return Err(Refusal::EventsGone);
        }
        if let Some(session) = stream.session.filter(|_| stream.kind != Kind::Answer) {
            self.allow_stream(session)?;
        }
        let stream = self.streams.get_mut(key).expect("it was there above");
        match stream.ring.after(seen) {
            Position::Within(next) => {
                stream.next = next;
                self.attach(key, framing);
                self.stats.resumed += 1;
                Ok(key)
            }
            Position::Evicted { .. } | Position::Ahead => {
                self.stats.resume_gaps += 1;
                Err(Refusal::EventsGone)
            }
        }
    }

    /// Whether the stream is over and a client that knows the event `seen` has all of it. Such a
    /// client is told so by 204 (WHATWG HTML section 9.2.3): some reconnect to a stream until they
    /// find a result in it, and an error or a cancellation brings none.
    pub(super) fn has_seen_all(&self, key: Key<Stream>, seen: u64) -> bool {
        let stream = self.streams.get(key).expect("the caller has found it");
        let next = stream.ring.next();
        stream.phase == Phase::Ending && stream.ring.after(seen) == Position::Within(next)
    }

    /// Lets the client of a call go, which comes back for the answer: where it has an id to come
    /// back with (2025-11-25), its connection ends when what there is so far is sent.
    pub(super) fn release_stream(&mut self, now: Instant, call: Key<super::call::Call>) {
        let Some(key) = self.calls.get(call).and_then(|call| call.stream) else {
            return;
        };
        let stream = self.streams.get(key).expect("calls name living streams");
        let session = stream
            .session
            .and_then(|session| self.sessions.get(session));
        let comes_back = stream.kind == Kind::Answer
            && stream.attached
            && !stream.is_one_body()
            && session.is_some_and(|session| session.revision.has_priming());
        if !comes_back {
            return;
        }
        if stream.phase == Phase::Held {
            self.begin_events(now, key);
        }
        if let Some(stream) = self.streams.get_mut(key) {
            stream.released = true;
            self.make_ready(key);
        }
    }

    /// The stream with this number in the session.
    pub(super) fn find_stream(&self, session: Key<Session>, ordinal: u32) -> Option<Key<Stream>> {
        let wanted = |stream: &Stream| stream.session == Some(session) && stream.ordinal == ordinal;
        self.streams
            .iter()
            .find(|(_, stream)| wanted(stream))
            .map(|(key, _)| key)
    }

    /// The stream was not finished in the turn it was asked for and waits without its task: from
    /// here on it has a deadline. A client that can resume gets the head of its event stream now,
    /// with an id to come back with; others may still get a plain JSON body for a while.
    pub fn handle_parked(&mut self, now: Instant, key: Key<Stream>) {
        // First of all: what follows may have to give the stream up, but not its calls.
        self.watch_calls_of(now, key);
        let is_new = |stream: &&Stream| stream.attached && stream.timer.is_none();
        let Some(stream) = self.streams.get(key).filter(is_new) else {
            return;
        };
        match stream.phase {
            // Its calls have deadlines, which end it as well.
            Phase::Held if stream.is_one_body() => {}
            Phase::Held => self.hold(now, key),
            Phase::Open | Phase::Ending => self.schedule_heartbeat(now, key),
            // It waits for its connection only.
            Phase::Answered => {}
        }
    }

    /// Begins to wait for the answers of a stream that has sent nothing.
    fn hold(&mut self, now: Instant, key: Key<Stream>) {
        let stream = self.streams.get(key).expect("the caller has seen it");
        let primes = |session| {
            self.sessions
                .get(session)
                .is_some_and(|s| s.revision.has_priming())
        };
        if stream.session.is_some_and(primes) {
            self.begin_events(now, key);
        } else {
            let timer = self.schedule(now + limits::ANSWER_HOLD, Deadline::Stream(key));
            self.streams.get_mut(key).expect("it was there above").timer = timer;
        }
    }

    /// Sees to it that the calls of a stream have their deadlines, before it is parked or goes.
    pub(super) fn watch_calls_of(&mut self, now: Instant, key: Key<Stream>) {
        for (call, _) in self.calls_of(key) {
            self.watch_call(now, call);
        }
    }

    /// Turns a held answer into an event stream.
    pub(super) fn begin_events(&mut self, now: Instant, key: Key<Stream>) {
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        stream.phase = Phase::Open;
        let held = stream
            .answer
            .as_mut()
            .map(|answer| std::mem::take(&mut answer.done));
        let timer = stream.timer.take();
        self.cancel(timer);
        self.schedule_heartbeat(now, key);
        self.make_ready(key);
        for payload in held.unwrap_or_default() {
            self.pool.give(payload.len());
            self.push(now, key, payload);
        }
    }

    /// The stream's deadline has come.
    pub(super) fn stream_expired(&mut self, now: Instant, key: Key<Stream>) {
        let stream = self
            .streams
            .get_mut(key)
            .expect("a deadline dies with its record");
        stream.timer = None;
        match (stream.phase, stream.attached) {
            (Phase::Held, true) => self.begin_events(now, key),
            (Phase::Open | Phase::Ending, true) => {
                stream.heartbeat_due = true;
                self.schedule_heartbeat(now, key);
                self.make_ready(key);
            }
            (Phase::Open | Phase::Ending, false) => self.remove_stream(key),
            (Phase::Answered, _) | (Phase::Held, false) => {
                unreachable!("an answer that is complete or lost has no deadline")
            }
        }
    }

    fn schedule_heartbeat(&mut self, now: Instant, key: Key<Stream>) {
        // To the nearest step: a heartbeat is told a little after its deadline, and rounded up the
        // next one would always be a step late.
        let interval = self.config.timeouts.heartbeat - limits::COARSE / 2;
        let at = (now + interval).round_up(limits::COARSE);
        let timer = self.schedule(at, Deadline::Stream(key));
        self.streams
            .get_mut(key)
            .expect("the caller has seen it")
            .timer = timer;
    }

    /// The connection that carried the stream is gone.
    pub fn handle_stream_closed(&mut self, now: Instant, key: Key<Stream>) {
        let Some(stream) = self.streams.get_mut(key).filter(|stream| stream.attached) else {
            return;
        };
        stream.attached = false;
        stream.blocked = false;
        stream.heartbeat_due = false;
        let timer = stream.timer.take();
        let (kind, session, resumable) = (stream.kind, stream.session, stream.is_resumable());
        self.cancel(timer);
        self.stats.streams_cut += 1;
        match (kind, session) {
            (Kind::HttpSse | Kind::Listening, session) => {
                self.listening -= 1;
                self.stream_detached(now, session.expect("listening streams have a session"));
            }
            (Kind::Subscription, _) => self.close_subscription(now, key),
            (Kind::Answer, _) if resumable => {
                // A function may have begun the stream before it was parked.
                self.watch_calls_of(now, key);
                self.keep_for_replay(now, key);
            }
            (Kind::Answer, Some(_)) => {
                self.watch_calls_of(now, key);
                self.remove_stream(key);
            }
            // Without a session nobody can ever fetch the answer: the work would be for nothing.
            (Kind::Answer, None) => self.abandon(now, key),
        }
    }

    /// Removes an answer stream together with its calls.
    pub(super) fn abandon(&mut self, now: Instant, key: Key<Stream>) {
        for (call, _) in self.calls_of(key) {
            self.stats.calls_cancelled += 1;
            self.stop_call(now, call, Stopped::Cancelled);
        }
        self.remove_stream(key);
    }

    /// Keeps a detached answer stream for a client that comes back. While calls are still running
    /// their own deadlines bound it.
    pub(super) fn keep_for_replay(&mut self, now: Instant, key: Key<Stream>) {
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        if stream.phase == Phase::Ending && stream.timer.is_none() {
            let at = (now + limits::RESUME_WINDOW).round_up(limits::COARSE);
            let timer = self.schedule(at, Deadline::Stream(key));
            self.streams.get_mut(key).expect("it was there above").timer = timer;
        }
    }

    /// The connection took only part of the bytes; the edge keeps the rest. If they were the last
    /// ones of the stream, it is no longer the stream that waits.
    pub fn handle_blocked(&mut self, key: Key<Stream>) {
        self.stats.blocked += 1;
        if let Some(stream) = self.streams.get_mut(key).filter(|stream| stream.attached) {
            stream.blocked = true;
        }
    }

    /// The connection has taken the rest.
    pub fn handle_drained(&mut self, key: Key<Stream>) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.blocked = false;
            self.make_ready(key);
        }
    }

    /// Queues the stream if it has, or may have, something to send.
    pub(super) fn make_ready(&mut self, key: Key<Stream>) {
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        if stream.attached && !stream.blocked && !stream.queued {
            stream.queued = true;
            self.ready.push_back(key);
        }
    }

    /// Takes a stream out and gives back all it holds. A connection that still carries it is
    /// closed.
    pub(super) fn remove_stream(&mut self, key: Key<Stream>) {
        let Some(mut stream) = self.streams.remove(key) else {
            return;
        };
        self.cancel(stream.timer);
        self.pool.give(stream.release());
        if stream.attached {
            self.jobs.push_back(Job::CloseStream(key));
        }
        if stream.kind == Kind::Answer {
            for (call, _) in self.calls_of(key) {
                self.calls.get_mut(call).expect("it was just listed").stream = None;
            }
            return;
        }
        self.listening -= u32::from(stream.attached);
        if let Some(key) = stream.session {
            let session = self
                .sessions
                .get_mut(key)
                .expect("streams name living sessions");
            session.stream = None;
            if stream.attached {
                self.schedule_session(key);
            }
        }
    }

    /// The calls whose answers go to this stream.
    pub(super) fn calls_of(
        &self,
        key: Key<Stream>,
    ) -> Vec<(Key<super::call::Call>, Option<Key<Session>>)> {
        let goes_here = self
            .calls
            .iter()
            .filter(|(_, call)| call.stream == Some(key));
        goes_here
            .map(|(call, record)| (call, record.session))
            .collect()
    }
}
