//! What the log says of streams, in words that programs look for.
//!
//! Session ids are shortened: whoever reads a log must not be able to take over a session.

use super::session::SessionId;
use std::fmt;
use std::net::IpAddr;

/// A stream that a client has just opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened<'a> {
    /// The session it belongs to.
    pub session: SessionId,
    /// Where the client is.
    pub peer: Option<IpAddr>,
    /// The name of the token it has shown, never the token.
    pub token: &'a str,
    /// Its role.
    pub role: &'a str,
    /// Streams that clients listen on, this one included.
    pub listening: u32,
}

/// A client has opened a stream of HTTP+SSE, in the words of `/sse`.
pub(super) fn stream_opened(opened: &Opened<'_>) {
    log::info!(
        session_id:? = opened.session,
        client_ip:% = Peer(opened.peer);
        "SSE connection established"
    );
}

/// A client has opened a stream of HTTP+SSE, in the words of `/mcp/sse`.
pub(super) fn connection_added(opened: &Opened<'_>) {
    log::info!(
        connectionId:? = opened.session,
        tokenId = opened.token,
        tokenType = opened.role,
        clientIP:% = Peer(opened.peer),
        totalConnections = opened.listening;
        "SSE Connection Added"
    );
}

/// An address, or what stands for one.
struct Peer(Option<IpAddr>);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}
