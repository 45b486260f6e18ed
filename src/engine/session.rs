//! Sessions: who is connected, under which id, and for how long without a sign of life.
//!
//! A session ends when its client says so (`DELETE`), when it has been without a stream and without
//! a request for `timeouts.idle` (HTTP+SSE: for the resume window, since its stream *is* the
//! session), or when another one needs its place and it is the one unused for longest. A session
//! with an open stream never times out: dead peers are found by their connection.

use super::stream::Stream;
use crate::auth::role::RoleIndex;
use crate::auth::{Principal, PrincipalId};
use crate::bounded::index::{self, Index};
use crate::bounded::{Full, Key, Slab, Timer};
use crate::mcp::capability::Capabilities;
use crate::mcp::http_sse::{Base, Pair};
use crate::mcp::message::Level;
use crate::mcp::revision::Revision;
use crate::mcp::subscription::Lists;
use crate::time::Instant;
use crate::tool::forward::Scope;
use crate::wire::dialect::Dialect;

/// Characters of a session id. 22 of nanoid's 64 letters are 132 random bits, all of them visible
/// ASCII (MCP 2025-11-25, basic/transports, session management).
pub const SESSION_ID_BYTES: usize = 22;

/// A session's name on the wire: random, unguessable, unrelated to where it is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionId([u8; SESSION_ID_BYTES]);

impl SessionId {
    /// An id from random letters. Panics on letters that have no place in a header or a URL: they
    /// come from our own generator.
    pub fn new(letters: [u8; SESSION_ID_BYTES]) -> SessionId {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(letters.iter().all(plain), "session ids are URL-safe");
        SessionId(letters)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("session ids are ASCII")
    }
}

impl std::fmt::Debug for SessionId {
    /// Only the beginning: whoever reads a log must not be able to take over a session.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}...", &self.as_str()[..6])
    }
}

/// How the client reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP+SSE of 2024-11-05, through this pair of doors.
    HttpSse(Pair),
    /// Streamable HTTP.
    Streamable,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    /// Its name on the wire.
    pub id: SessionId,
    /// How the client reaches us.
    pub transport: Transport,
    /// Who opened it: nobody else finds it.
    pub principal: PrincipalId,
    /// The role of its principal.
    pub role: RoleIndex,
    /// What it is offered: it is found through the doors of this scope only.
    pub scope: Scope,
    /// How it is told what it has not asked for. Set at its opening and by each message that comes.
    pub dialect: Dialect,
    /// How it is told where to post. Set with every stream.
    pub base: Base,
    /// Its stream was resumed. Set once.
    pub is_resumed: bool,
    /// Seconds from the start of the server to its own.
    pub opened_seconds: u32,
    /// The revision agreed on; before that the transport's oldest.
    pub revision: Revision,
    /// What its client can be asked.
    pub client: Capabilities,
    /// Whether `initialize` was answered. Set once.
    pub initialized: bool,
    /// From here on its events are kept for replay: the client has confirmed the handshake, or has
    /// come through a door that knows none.
    pub confirmed: bool,
    /// Listings that changed while there was no stream to say so.
    pub unheard: Lists,
    /// What it wants to hear of. Boxed: hardly any session says so.
    pub interests: Option<Box<Interests>>,
    /// Least severity of log messages the client asked for.
    pub log_level: Option<Level>,
    /// The listening stream: HTTP+SSE always has one, Streamable HTTP after its first `GET`.
    pub stream: Option<Key<Stream>>,
    /// Calls of this session in flight.
    pub calls: u32,
    /// Number of the next answer stream.
    pub next_ordinal: u32,
    /// When a request of this session came last.
    pub last_seen: Instant,
    /// Runs while there is no open listening stream.
    pub timer: Option<Timer>,
}

/// What a session wants to hear of.
#[derive(Debug, Default)]
pub struct Interests {
    /// Resources it has subscribed to. Drawn from the budget.
    pub resources: Vec<Box<str>>,
    /// Names of broadcast events, with commas between them; empty for all. Drawn from the budget.
    pub events: Box<str>,
}

impl Interests {
    /// Whether broadcast events of this name are among them.
    fn has_event(&self, name: &str) -> bool {
        self.events.is_empty() || self.events.split(',').any(|wanted| wanted == name)
    }

    /// Bytes that a resource takes among them.
    pub(super) const fn bytes_of(uri: &str) -> usize {
        size_of::<Box<str>>() + uri.len()
    }

    /// Bytes of the budget that they take.
    fn held_bytes(&self) -> usize {
        let resources = self.resources.iter().map(|uri| Interests::bytes_of(uri));
        match resources.sum::<usize>() + self.events.len() {
            0 => 0,
            bytes => bytes + size_of::<Interests>(),
        }
    }
}

impl Session {
    /// Who opened it, with the role it has.
    pub fn principal(&self) -> Principal {
        Principal {
            id: self.principal,
            role: self.role,
        }
    }

    /// When it was opened, to the second.
    pub fn opened(&self) -> Instant {
        Instant::from_millis(u64::from(self.opened_seconds) * 1000)
    }

    /// Takes note of the dialect of a door that the client speaks through, and says in which one to
    /// answer there: its own, unless the stream is plain.
    ///
    /// A session that has spoken through a standard door is a standard one for good: it is told the
    /// rest in the standard way, and never an event named `error`. Until then it follows the last
    /// door. One that has not spoken counts as hyphenated, whose events others skip.
    pub(super) fn hear(&mut self, door: Dialect) -> Dialect {
        match self.dialect {
            Dialect::Plain => Dialect::Plain,
            Dialect::Standard | Dialect::Rest => door,
            Dialect::Underscored | Dialect::Hyphenated => {
                self.dialect = door;
                door
            }
        }
    }

    /// Whether it is told of changes: in the standard dialect not before the handshake.
    pub(super) fn hears_news(&self) -> bool {
        self.initialized || self.dialect != Dialect::Standard
    }

    /// Whether broadcast events of this name are for it.
    pub fn wants(&self, name: &str) -> bool {
        let interests = self.interests.as_ref();
        interests.is_none_or(|interests| interests.has_event(name))
    }

    /// Bytes of the budget that it holds.
    pub(super) fn held_bytes(&self) -> usize {
        let interests = self.interests.as_ref();
        interests.map_or(0, |interests| interests.held_bytes())
    }

    /// Bytes of the budget that it takes to hear of more, which has this many bytes.
    pub(super) fn bytes_to_hear(&self, more: usize) -> usize {
        match self.held_bytes() {
            0 => more + size_of::<Interests>(),
            _ => more,
        }
    }

    /// The number of a new stream of this session.
    pub(super) fn take_ordinal(&mut self) -> u32 {
        let ordinal = self.next_ordinal;
        self.next_ordinal = ordinal.wrapping_add(1);
        ordinal
    }
}

/// All sessions, found by key or by id.
pub struct Sessions {
    slab: Slab<Session>,
    index: Index,
}

impl Sessions {
    /// Room for `sessions_max` sessions.
    pub fn new(sessions_max: u32) -> Sessions {
        Sessions {
            slab: Slab::with_capacity(sessions_max),
            index: Index::with_capacity(sessions_max),
        }
    }

    /// Sessions there are.
    pub fn len(&self) -> u32 {
        self.slab.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// Whether a further one would be refused.
    pub fn is_full(&self) -> bool {
        self.slab.is_full()
    }

    /// The session with this key.
    pub fn get(&self, key: Key<Session>) -> Option<&Session> {
        self.slab.get(key)
    }

    /// The session with this key, to change it.
    pub fn get_mut(&mut self, key: Key<Session>) -> Option<&mut Session> {
        self.slab.get_mut(key)
    }

    /// All sessions.
    pub fn iter(&self) -> impl Iterator<Item = (Key<Session>, &Session)> {
        self.slab.iter()
    }

    /// The session that `principal` names in a scope: what others have opened, or what was opened
    /// elsewhere, does not exist for it. Whoever
    /// comes back with another role, as the subject of another JWT may, is somebody else here, or
    /// it would go on hearing what only the old role may.
    pub fn find_own(&self, id: &str, principal: Principal, scope: Scope) -> Option<Key<Session>> {
        let key = self.find(id)?;
        let session = self.slab.get(key).expect("it was just found");
        (session.principal() == principal && session.scope == scope).then_some(key)
    }

    /// The session of this id.
    pub fn find(&self, id: &str) -> Option<Key<Session>> {
        let matches = |slot| {
            let (_, session) = self.slab.at(slot).expect("the index names occupied slots");
            session.id.as_str() == id
        };
        let slot = self.index.find(index::hash(id.as_bytes()), matches)?;
        self.slab.at(slot).map(|(key, _)| key)
    }

    /// Adds a session.
    pub fn insert(&mut self, session: Session) -> Result<Key<Session>, Full<Session>> {
        let hash = index::hash(session.id.as_str().as_bytes());
        let key = self.slab.insert(session)?;
        self.index
            .insert(hash, key.index())
            .expect("the index is as large as the slab");
        Ok(key)
    }

    /// Takes a session out.
    pub fn remove(&mut self, key: Key<Session>) -> Option<Session> {
        let id = self.slab.get(key)?.id;
        let slab = &self.slab;
        let hash_at = |slot| {
            let (_, session) = slab.at(slot).expect("the index names occupied slots");
            index::hash(session.id.as_str().as_bytes())
        };
        let hash = index::hash(id.as_str().as_bytes());
        self.index.remove(hash, |slot| slot == key.index(), hash_at);
        self.slab.remove(key)
    }

    /// The session that has been without a stream, calls and requests for longest, if any, of
    /// those that `is_in` holds for: the one that makes room when there may be no more of them.
    pub fn oldest_unused(
        &self,
        is_in: impl Fn(&Session) -> bool,
        is_open: impl Fn(Key<Stream>) -> bool,
    ) -> Option<Key<Session>> {
        self.slab
            .iter()
            .filter(|(_, session)| is_in(session))
            .filter(|(_, session)| session.calls == 0 && !session.stream.is_some_and(&is_open))
            .min_by_key(|(_, session)| session.last_seen)
            .map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_fits_its_share() {
        assert!(size_of::<Session>() <= 96, "{}", size_of::<Session>());
    }

    #[test]
    fn events_are_wanted_by_their_whole_name_or_all_of_them() {
        let interests = |events: &str| Interests {
            resources: Vec::new(),
            events: events.into(),
        };
        assert!(interests("").has_event("deploy"));
        let some = interests("deploy,alarm");
        assert!(some.has_event("deploy") && some.has_event("alarm"));
        for other in ["", "dep", "deploy,alarm", "Alarm"] {
            assert!(!some.has_event(other), "{other}");
        }
    }
}
