//! A child: one process of an upstream, and what is said to it.

use super::call::Call;
use super::session::Session;
use crate::auth::PrincipalId;
use crate::bounded::{Key, Timer};
use crate::mcp::revision::Era;
use crate::upstream::UpstreamIndex;
use crate::upstream::conversation::Conversation;
use std::collections::VecDeque;

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
    /// Whether it takes calls.
    pub(super) state: State,
    /// Calls that wait until it does, in the order they came in.
    pub(super) waiting: VecDeque<Key<Call>>,
    /// Calls that it works on.
    pub(super) calls: u32,
    /// Runs while it starts, is unused, or ends.
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
}

/// How far a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was started and has not answered the handshake.
    Starting,
    /// It takes calls.
    Up,
    /// It was told to end.
    Stopping,
}
