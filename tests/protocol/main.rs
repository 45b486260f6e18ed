//! Rules of the protocol that bind a server, most of them for every revision in turn.

#[path = "../support/mod.rs"]
mod support;

mod client;

mod catalogue;
mod http;
mod http_sse;
mod lifecycle;
mod messages;
mod resume;
mod stateless;
mod tools;
mod utilities;
