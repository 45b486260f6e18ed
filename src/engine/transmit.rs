//! From events to bytes: what is pushed into a stream, what it sends, what it keeps.

use super::Engine;
use super::doors::rest;
use super::route::SERVERS;
use super::session::Transport;
use super::stream::{Framing, Kind, Phase, Stream, Transmit};
use crate::bounded::{Event, Key, Lagging, Room};
use crate::limits;
use crate::mcp::http_sse::Base;
use crate::time::{Instant, UnixMillis};
use crate::wire::dialect::{self, About, Dialect, Name};
use crate::wire::encode::{self, Content, ResponseFraming, ResponseHead};
use crate::wire::sse::{self, EventId};
use crate::wire::status::Status;
use std::rc::Rc;

/// Fields of every event stream. Proxies must neither keep, transform nor buffer it.
const EVENT_STREAM_FIELDS: [(&str, &str); 3] = [
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
    // What HTTP/1.1 does anyway, for clients that look for it.
    ("Connection", "keep-alive"),
];

impl Engine {
    /// Sends a message that its client can do without, progress or a log line: where there is no
    /// room, or would soon be none for an answer, it is left out.
    pub(super) fn emit(&mut self, now: Instant, key: Key<Stream>, event: Event<Name>) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        match stream.phase {
            Phase::Held if stream.attached && !stream.is_one_body() => self.begin_events(now, key),
            // Without an id the client cannot come back for it.
            Phase::Held | Phase::Answered | Phase::Ending => return,
            Phase::Open => {}
        }
        if self.is_lagging(key) || self.try_push(key, event).is_err() {
            self.stats.events_shed += 1;
        }
    }

    /// Whether what waits for the client takes half of the room there is for it.
    pub(super) fn is_lagging(&self, key: Key<Stream>) -> bool {
        let Some(stream) = self.streams.get(key) else {
            return true;
        };
        let unsent = stream.ring.next() - stream.next;
        unsent >= limits::RING_EVENTS_MAX as u64 / 2
            || (unsent > 0 && stream.ring.bytes() >= self.unsent_bytes_max() / 2)
    }

    /// Bytes that may wait for one client.
    fn unsent_bytes_max(&self) -> usize {
        let replay_bytes_max = self.config.limits.replay_bytes_max;
        replay_bytes_max.max(self.pool.capacity() / 4)
    }

    /// Appends an event. A stream whose client lags so far behind that there is no room is given
    /// up: its client notices, where a dropped event would be silent.
    pub(super) fn push(&mut self, now: Instant, key: Key<Stream>, payload: Vec<u8>) {
        self.push_event(now, key, message(payload));
    }

    /// The same for a message that is said in a dialect.
    pub(super) fn say(
        &mut self,
        now: Instant,
        key: Key<Stream>,
        dialect: Dialect,
        payload: Vec<u8>,
        about: About<'_>,
    ) {
        let event = self.framed(now, dialect, payload, about);
        self.push_event(now, key, event);
    }

    /// A message as an event of a dialect.
    pub(super) fn framed(
        &self,
        now: Instant,
        dialect: Dialect,
        payload: Vec<u8>,
        about: About<'_>,
    ) -> Event<Name> {
        dialect::frame(dialect, payload, about, || self.wall_time(now))
    }

    /// The same for an event of any name.
    pub(super) fn push_event(&mut self, now: Instant, key: Key<Stream>, event: Event<Name>) {
        if self.try_push(key, event).is_err() {
            self.give_up(now, key);
        }
    }

    /// Appends an event if there is room.
    pub(super) fn try_push(&mut self, key: Key<Stream>, event: Event<Name>) -> Result<(), Lagging> {
        let cost = event.bytes();
        if !self.take_bytes(cost) {
            return Err(Lagging);
        }
        let appended = self.append(key, event);
        self.pool.give(appended.unwrap_or(cost));
        appended.map(|_| ())
    }

    /// Appends an event that is drawn from the budget already. Returns the bytes that its place has
    /// freed.
    pub(super) fn append(
        &mut self,
        key: Key<Stream>,
        event: Event<Name>,
    ) -> Result<usize, Lagging> {
        let unsent_bytes_max = self.unsent_bytes_max().max(event.bytes());
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(event.bytes());
        };
        let room = Room {
            events_max: limits::RING_EVENTS_MAX,
            replay_bytes_max: self.config.limits.replay_bytes_max,
            unsent_bytes_max,
            sent_before: stream.next,
        };
        let pushed = stream.ring.push(event, room)?;
        self.make_ready(key);
        Ok(pushed.freed_bytes)
    }

    /// Ends a stream that cannot deliver what it owes; an HTTP+SSE session ends with it.
    pub(super) fn give_up(&mut self, now: Instant, key: Key<Stream>) {
        self.stats.lagging += 1;
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        match (stream.kind, stream.session) {
            (Kind::HttpSse, Some(session)) => self.end_session(now, session),
            // From here on it ages, and that it listened was its last sign of life.
            (Kind::Listening, Some(session)) => {
                self.touch(now, session);
                self.remove_stream(key);
                // What was lost may have been this; saying it once too often does no harm.
                let scope = self.sessions.get(session).map(|session| session.scope);
                let lists = self.lists_offered(scope.unwrap_or_default());
                let session = self.sessions.get_mut(session);
                session.expect("it was just touched").unheard = lists;
            }
            (Kind::Answer, None) => self.abandon(now, key),
            (Kind::Subscription, _) => self.remove_stream(key),
            (Kind::HttpSse | Kind::Listening | Kind::Answer, _) => {
                self.watch_calls_of(now, key);
                self.remove_stream(key);
            }
        }
    }

    /// Encodes what the stream has to send, up to [`limits::TRANSMIT_BYTES_MAX`] and one event.
    pub fn poll_transmit(&mut self, now: Instant, key: Key<Stream>, out: &mut Vec<u8>) -> Transmit {
        let Some(stream) = self.streams.get(key) else {
            return Transmit::Finished { keep_alive: false };
        };
        match stream.phase {
            _ if !stream.attached || stream.blocked => Transmit::Waiting,
            Phase::Held => Transmit::Waiting,
            Phase::Answered => self.transmit_answer(key, out),
            Phase::Open | Phase::Ending => self.transmit_events(now, key, out),
        }
    }

    /// A complete answer as one JSON body.
    fn transmit_answer(&mut self, key: Key<Stream>, out: &mut Vec<u8>) -> Transmit {
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        let Framing {
            keep_alive, cors, ..
        } = stream.framing;
        let origin = cors.and_then(|cors| self.config.origins.origin_text(cors));
        let mut encode =
            |status, body| encode::json(out, status, keep_alive, origin, &[], body, Content::Sent);
        let answer = stream.answer.as_ref().expect("only answers are answered");
        match (answer.batch, answer.done.as_slice()) {
            (false, [body]) if answer.is_one_body => {
                let (status, body) = rest::body(body);
                encode(status, body);
            }
            (false, [body]) => encode(answer.status, body),
            (false, _) => unreachable!("one request has one answer"),
            (true, bodies) => encode(
                Status::Ok,
                &[b"[", bodies.join(&b',').as_slice(), b"]"].concat(),
            ),
        }
        stream.attached = false;
        self.remove_stream(key);
        Transmit::Finished { keep_alive }
    }

    /// The head if it is due, then events, then a heartbeat if it is due.
    fn transmit_events(&mut self, now: Instant, key: Key<Stream>, out: &mut Vec<u8>) -> Transmit {
        let begin = out.len();
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        let session = stream
            .session
            .and_then(|session| self.sessions.get(session));
        let mut prefix = Prefix::default();
        let prefix = match session {
            None => None,
            Some(session) => Some(match session.transport {
                Transport::HttpSse(_) => session.id.as_str(),
                Transport::Streamable => prefix.decimal(stream.ordinal),
            }),
        };
        let wall_time = || (self.wall_clock)(now);
        if std::mem::take(&mut stream.head_due) {
            let cors = stream.framing.cors;
            let origin = cors.and_then(|cors| self.config.origins.origin_text(cors));
            encode_head(stream.framing, origin, out);
            if let Some(session) = session {
                let server = self.children.name_of(session.scope);
                encode_preamble(stream, session, server, prefix, wall_time, out);
            }
        }
        let is_more = encode_events(stream, prefix, begin, out);
        let dialect = session.map_or(Dialect::Standard, |session| session.dialect);
        if !is_more && std::mem::take(&mut stream.heartbeat_due) {
            let heartbeat = dialect::heartbeat(dialect, wall_time);
            encode_heartbeat(stream.framing.chunked, heartbeat, out);
        }
        let is_kept = session.is_some_and(|session| session.confirmed);
        let has_ended = !is_more && stream.phase == Phase::Ending;
        let is_released = stream.released;
        if has_ended && let Some((name, data)) = dialect::farewell(dialect, wall_time) {
            let bytes = named(name, None, &data);
            encode_chunk(stream.framing.chunked, &bytes, out);
        }
        self.stats.event_bytes += (out.len() - begin) as u64;
        self.trim(key, is_kept);
        match (is_more, has_ended) {
            (true, _) => Transmit::More,
            (false, true) => self.finish(now, key, out),
            (false, false) if is_released => self.let_go(now, key, out),
            (false, false) => Transmit::Waiting,
        }
    }

    /// Ends the connection of a stream that goes on: its client comes back for the rest.
    fn let_go(&mut self, now: Instant, key: Key<Stream>, out: &mut Vec<u8>) -> Transmit {
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        let framing = stream.framing;
        if framing.chunked {
            out.extend_from_slice(encode::LAST_CHUNK);
        }
        stream.attached = false;
        stream.released = false;
        let timer = stream.timer.take();
        self.cancel(timer);
        // It may never have been parked, and nothing else bounds it from here on.
        self.watch_calls_of(now, key);
        Transmit::Finished {
            keep_alive: framing.chunked && framing.keep_alive,
        }
    }

    /// Ends an event stream: a client whose connection broke at the last moment can still fetch
    /// the answer for a while.
    fn finish(&mut self, now: Instant, key: Key<Stream>, out: &mut Vec<u8>) -> Transmit {
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        let framing = stream.framing;
        if framing.chunked {
            out.extend_from_slice(encode::LAST_CHUNK);
        }
        stream.attached = false;
        let timer = stream.timer.take();
        let (kind, session) = (stream.kind, stream.session);
        self.cancel(timer);
        match (kind, session) {
            (Kind::Answer, Some(_)) => self.keep_for_replay(now, key),
            (Kind::Answer, None) => self.remove_stream(key),
            (Kind::Subscription, _) => self.close_subscription(now, key),
            (Kind::HttpSse, session) => {
                self.listening -= 1;
                self.end_session(now, session.expect("listening streams have a session"));
            }
            // The session may have answers under way, which would be cut with it.
            (Kind::Listening, session) => {
                self.listening -= 1;
                self.stream_detached(now, session.expect("listening streams have a session"));
                self.remove_stream(key);
            }
        }
        Transmit::Finished {
            keep_alive: framing.chunked && framing.keep_alive,
        }
    }
}

/// A JSON-RPC message as an event.
pub(super) fn message(payload: Vec<u8>) -> Event<Name> {
    Event {
        kind: Name::Message,
        payload: Rc::from(payload),
    }
}

/// The head of an event stream.
fn encode_head(framing: Framing, allow_origin: Option<&str>, out: &mut Vec<u8>) {
    let stays = framing.chunked && framing.keep_alive;
    let fields = EVENT_STREAM_FIELDS.len() - usize::from(!stays);
    let head = ResponseHead {
        status: Status::Ok,
        content_type: Some("text/event-stream"),
        framing: if framing.chunked {
            ResponseFraming::Chunked
        } else {
            ResponseFraming::UntilClose
        },
        keep_alive: framing.keep_alive,
        allow_origin,
        fields: &EVENT_STREAM_FIELDS[..fields],
    };
    head.encode(out);
}

/// What comes before the first event on a connection: where to post (HTTP+SSE), or an id to come
/// back with (2025-11-25). Its id is that of the event before the next: a client that loses the
/// connection right here comes back to the same place.
fn encode_preamble(
    stream: &Stream,
    session: &super::session::Session,
    server: Option<&str>,
    prefix: Option<&str>,
    wall_time: impl FnOnce() -> UnixMillis,
    out: &mut Vec<u8>,
) {
    let id = prefix.map(|prefix| EventId::Sequence {
        prefix,
        sequence: stream.next - 1,
    });
    let mut bytes = Vec::new();
    match session.transport {
        Transport::HttpSse(pair) => {
            let name = session.id.as_str();
            let messages = pair.messages(session.base);
            let endpoint = match server.filter(|_| session.base == Base::Origin) {
                Some(server) => format!("{SERVERS}{server}{messages}{name}"),
                None => format!("{messages}{name}"),
            };
            let is_resumed = session.is_resumed;
            let greetings =
                dialect::greetings(session.dialect, endpoint, name, is_resumed, wall_time);
            for (name, data) in greetings {
                bytes.extend(named(name, id, &data));
            }
        }
        Transport::Streamable if session.revision.has_priming() => {
            let retry_millis = Some(limits::RETRY_MILLIS);
            encode_event(
                &sse::Event {
                    id,
                    name: None,
                    retry_millis,
                    data: b"",
                },
                &mut bytes,
            );
        }
        Transport::Streamable => return,
    }
    encode_chunk(stream.framing.chunked, &bytes, out);
}

/// Events from `next` on, until `out` has grown by [`limits::TRANSMIT_BYTES_MAX`] since `begin`.
/// Returns whether some are left.
fn encode_events(
    stream: &mut Stream,
    prefix: Option<&str>,
    begin: usize,
    out: &mut Vec<u8>,
) -> bool {
    while let Some(event) = stream.ring.get(stream.next) {
        if out.len() - begin >= limits::TRANSMIT_BYTES_MAX {
            return true;
        }
        let id = prefix.map(|prefix| EventId::Sequence {
            prefix,
            sequence: stream.next,
        });
        let (name, data) = event.kind.split(&event.payload);
        let event = sse::Event {
            id,
            name,
            retry_millis: None,
            data,
        };
        if stream.framing.chunked {
            encode::chunk_begin(out, event.encoded_len());
            encode_event(&event, out);
            encode::chunk_end(out);
        } else {
            encode_event(&event, out);
        }
        stream.next += 1;
    }
    false
}

/// A comment, or the event that a dialect has instead. It has no id: nobody comes back for it.
fn encode_heartbeat(chunked: bool, heartbeat: Option<(Name, Vec<u8>)>, out: &mut Vec<u8>) {
    match heartbeat {
        None => encode_chunk(chunked, sse::HEARTBEAT, out),
        Some((name, data)) => encode_chunk(chunked, &named(name, None, &data), out),
    }
}

/// An event that is sent once, and not out of a ring.
fn named(name: Name, id: Option<EventId<'_>>, payload: &[u8]) -> Vec<u8> {
    let (name, data) = name.split(payload);
    let event = sse::Event {
        id,
        name,
        retry_millis: None,
        data,
    };
    let mut bytes = Vec::with_capacity(event.encoded_len());
    encode_event(&event, &mut bytes);
    bytes
}

/// An event whose id and name are our own, or checked before they were taken.
fn encode_event(event: &sse::Event<'_>, out: &mut Vec<u8>) {
    event
        .encode(out)
        .expect("session ids and numbers break no lines");
}

/// Bytes of a stream in the framing of its connection.
fn encode_chunk(chunked: bool, bytes: &[u8], out: &mut Vec<u8>) {
    if chunked {
        encode::chunk_begin(out, bytes.len());
        out.extend_from_slice(bytes);
        encode::chunk_end(out);
    } else {
        out.extend_from_slice(bytes);
    }
}

/// Room for the decimal digits of a stream's number: the prefix of its event ids, without a
/// `String` per event.
#[derive(Default)]
struct Prefix {
    digits: [u8; 10],
}

impl Prefix {
    fn decimal(&mut self, mut number: u32) -> &str {
        let mut begin = self.digits.len();
        loop {
            begin -= 1;
            self.digits[begin] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        std::str::from_utf8(&self.digits[begin..]).expect("digits are ASCII")
    }
}
