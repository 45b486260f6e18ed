//! Bytes to values and back: HTTP/1.1, server-sent events, JSON-RPC, lines. Pure: no socket, no
//! clock, no session.
//!
//! ```text
//! request bytes -> receive (head + body) -> Request -> jsonrpc -> Message
//! Message       -> jsonrpc -> sse or encode         -> response bytes
//! ```
//!
//! What a peer sends wrongly becomes a [`Refusal`](status::Refusal), never a panic. Everything that
//! is kept between two calls is bounded.

pub mod body;
pub mod compat;
pub mod dialect;
pub mod encode;
pub mod head;
pub(crate) mod json;
pub mod jsonrpc;
pub mod lines;
pub mod receive;
pub mod sse;
pub mod status;
