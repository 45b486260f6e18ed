//! Every rule of the protocol that binds a server, and the test that holds it.
//!
//! Begin with the table in `rules.rs`. A rule that a test elsewhere holds already is named there and
//! not tested again; the files here have the rest, theme by theme, most of them for every revision
//! in turn.

#[path = "../support/mod.rs"]
mod support;

mod client;

mod catalogue;
mod http;
mod http_sse;
mod lifecycle;
mod messages;
mod resume;
mod rules;
mod stateless;
mod tools;
mod utilities;
