//! MCP servers behind this one: processes that speak JSON-RPC on stdin and stdout (MCP,
//! basic/transports, stdio).
//!
//! A configured server is an *upstream*, a process of it a *child*. A child has one era for life
//! and is spoken to in a [`Conversation`](conversation::Conversation), which knows nothing of
//! clients: what a call says and asks is told in the words that functions use
//! ([`Said`](crate::tool::handler::Said), [`Ended`](crate::tool::handler::Ended)), and the engine
//! says it to each client by the rules of that client's own era. So the eras are bridged without a
//! translator for each pair of them.
//!
//! | file | what |
//! |---|---|
//! | [`spec`] | what is configured |
//! | [`conversation`] | what is said to one child, and what it says |
//! | [`listing`] | what a server offers, as it said it last |
//! | [`kept`] | the same as text, for a file |
//! | [`offered`] | the same, as listings are made of it |
//! | `request` | what it is asked, out of what a client has sent |
//! | [`supervise`] | when a child is started and ended |
//! | [`probe`] | which eras a command speaks |
//! | [`tool`] | its tools, as the engine has them |
//! | [`names`] | what they are called where several upstreams are offered together |
//! | [`view`] | what operators are shown of it |

pub mod conversation;
pub mod kept;
pub mod listing;
pub mod names;
pub mod offered;
pub mod probe;
pub(crate) mod request;
pub mod spec;
pub mod supervise;
pub mod tool;
pub mod view;

pub use crate::tool::forward::{Forward, Scope, UpstreamIndex};

/// What a call is known by in a conversation; whoever has the call chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub u64);
