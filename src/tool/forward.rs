//! Requests that a server behind this one answers ([`upstream`](crate::upstream)).

use crate::limits::UPSTREAMS_MAX;
use crate::mcp::method::Method;

/// The place of an upstream in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamIndex(u8);

impl UpstreamIndex {
    /// The upstream at this place.
    ///
    /// # Panics
    ///
    /// Where no configuration has so many ([`UPSTREAMS_MAX`]).
    pub fn new(place: usize) -> UpstreamIndex {
        assert!(place < UPSTREAMS_MAX, "there are fewer upstreams");
        UpstreamIndex(place as u8)
    }

    /// The place.
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// What is offered behind a door, and whom its sessions belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All there is, at `/mcp` and all older doors.
    #[default]
    Everything,
    /// What one upstream offers, at `/servers/NAME/mcp`.
    One(UpstreamIndex),
}

impl Scope {
    /// Whether what this upstream offers is in it.
    pub fn has(self, upstream: UpstreamIndex) -> bool {
        match self {
            Scope::Everything => true,
            Scope::One(one) => one == upstream,
        }
    }
}

/// A request on its way to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Whose it is.
    pub upstream: UpstreamIndex,
    /// What is asked for.
    pub method: Method,
    /// The parameters: a JSON object on one line, with names as the upstream has them, and without
    /// `_meta`, `inputResponses` and `requestState`.
    pub params: Box<str>,
    /// What the client has put into `_meta` for the upstream: members without braces, never those
    /// of the protocol itself nor the progress token.
    pub meta: Box<str>,
}

impl Forward {
    /// Bytes of what the client has sent.
    pub fn bytes(&self) -> usize {
        self.params.len() + self.meta.len()
    }
}
