//! A child: one process of an upstream, and what is said to it.

use super::call::Call;
use super::session::Session;
use crate::auth::PrincipalId;
use crate::bounded::{Bucket, Key, Timer};
use crate::limits;
use crate::mcp::message::Level;
use crate::mcp::revision::Era;
use crate::time::Instant;
use crate::tool::forward::Forward;
use crate::upstream::UpstreamIndex;
use crate::upstream::conversation::Conversation;
use crate::upstream::supervise::State;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// One child.
#[derive(Debug)]
pub struct Child {
    /// Whose process it is.
    pub upstream: UpstreamIndex,
    /// Who shares it.
    pub instance: Instance,
    /// The era it is spoken to in, for life.
    pub era: Era,
    /// What is said to it.
    pub conversation: Conversation,
    /// How far it has come; changed by the table of [`supervise`](crate::upstream::supervise) only.
    pub(super) state: State,
    /// When it had answered the handshake, once it has.
    pub(super) up_since: Option<Instant>,
    /// When its last call was over.
    pub(super) unused_since: Instant,
    /// Calls that wait until it takes them, in the order they came in.
    pub(super) waiting: VecDeque<Key<Call>>,
    /// Calls that it works on.
    pub(super) calls: u32,
    /// The call of a client of 2026-07-28 that has asked last.
    pub(super) asks: Option<Key<Call>>,
    /// When its questions end its exchange; more may come until then.
    pub(super) asking_until: Option<Instant>,
    /// When what it offers was read again, and is to be.
    pub(super) refreshed: Option<Instant>,
    pub(super) refresh_at: Option<Instant>,
    /// The most verbose log level that it was told.
    pub(super) level: Option<Level>,
    /// Something was said to it or taken from it since it was looked at.
    pub(super) is_touched: bool,
    /// It was given a call once.
    pub(super) was_used: bool,
    /// Lines that it has written.
    pub(super) lines: u64,
    /// It was asked to show that it lives: how many lines it had written then, and until when it
    /// has to have written another.
    pub(super) suspect: Option<(u64, Instant)>,
    /// Lines of nonsense since the last one that made sense.
    pub(super) noise: u32,
    /// Kinds of nonsense that the log has been told of.
    pub(super) noises: Vec<&'static str>,
    /// Lines that were too long, each of which may have been an answer, and when the last came.
    pub(super) lost: (u32, Instant),
    /// Bytes of the budget that are drawn for what is on its way to it.
    pub(super) held_bytes: usize,
    /// Its last line on stderr, as far as it is kept.
    pub(super) last_words: String,
    /// Lines of stderr that the log may have.
    pub(super) stderr: Bucket,
    /// Lines of stderr that the log did not get since the last one that it did.
    pub(super) unlogged: u32,
    /// Why it was told to end, once it was.
    pub(super) reason: Option<Rc<str>>,
    /// Runs while it starts, is unused, or ends, and while it may have further questions.
    pub(super) timer: Option<Timer>,
}

/// Who shares a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    /// Everybody.
    Shared,
    /// One session.
    Session(Key<Session>),
    /// One principal; the number tells apart environments that come from request headers.
    Principal(PrincipalId, u64),
    /// Nobody: it is asked what it can do, and ended.
    Probe,
}

/// What a call has to do with an upstream.
pub(super) struct Forwarded {
    /// Whose call it is.
    pub upstream: UpstreamIndex,
    /// Which of its children gets it.
    pub instance: Instance,
    /// Variables for that child, if it has to be started. Drawn from the budget.
    pub environment: Vec<(String, String)>,
    /// What is to be sent, until it is. Drawn from the budget.
    pub forward: Option<Box<Forward>>,
    /// The child that works on it, or that it waits for.
    pub child: Option<Key<Child>>,
    /// How many lines the child had written when the call was sent to it, and when that was.
    pub sent: Option<(u64, Instant)>,
}

impl fmt::Debug for Forwarded {
    /// Without the variables, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Forwarded({:?}, {:?})", self.upstream, self.child)
    }
}

impl Call {
    /// Bytes of the budget that is held by what it has to do with an upstream.
    pub(super) fn forwarded_bytes(&self) -> usize {
        let forwarded = self.forwarded.as_ref();
        forwarded.map_or(0, |forwarded| forwarded.held_bytes())
    }
}

impl Forwarded {
    /// Bytes of the budget that it holds.
    pub fn held_bytes(&self) -> usize {
        let forward = self.forward.as_ref().map_or(0, |forward| forward.bytes());
        bytes_of(&self.environment) + forward
    }
}

/// Bytes that variables take.
pub(super) fn bytes_of(environment: &[(String, String)]) -> usize {
    let bytes = |(name, value): &(String, String)| name.len() + value.len();
    environment.iter().map(bytes).sum()
}

impl Child {
    /// A child that is about to be started.
    pub(super) fn new(start: &super::starts::Start, conversation: Conversation) -> Child {
        Child {
            upstream: start.upstream,
            instance: start.instance,
            era: start.era,
            conversation,
            state: State::Queued,
            up_since: None,
            unused_since: Instant::ZERO,
            waiting: VecDeque::new(),
            calls: 0,
            asks: None,
            asking_until: None,
            refreshed: None,
            refresh_at: None,
            level: None,
            is_touched: false,
            was_used: false,
            lines: 0,
            suspect: None,
            noise: 0,
            noises: Vec::new(),
            lost: (0, Instant::ZERO),
            held_bytes: 0,
            last_words: String::new(),
            stderr: Bucket::new(limits::STDERR_LINES, limits::STDERR_LINES, STDERR_PERIOD),
            unlogged: 0,
            reason: None,
            timer: None,
        }
    }

    /// Whether it works on nothing, and nothing waits for it.
    pub(super) fn is_unused(&self) -> bool {
        self.calls == 0 && self.waiting.is_empty()
    }
}

/// The time in which a child may have [`limits::STDERR_LINES`] lines in the log.
const STDERR_PERIOD: Duration = Duration::from_secs(60);
