//! slimcp hosts MCP tools on small machines. This page is the map; the README is for users.
//!
//! # The picture
//!
//! ```text
//!  clients                       edge               engine               tool
//!  HTTP+SSE, 2024-11-05    ─┐  sockets ─ bytes ─> all state,        ┌─ command tools
//!  Streamable HTTP, 2025-* ─┼─ timer              every decision, ──┤
//!  2026-07-28, stateless   ─┤  processes <─ jobs  no I/O            └─ built in
//!  REST, older front-ends  ─┘
//! ```
//!
//! One thread runs everything. The engine owns all state and decides without I/O, clock or chance:
//! time is an argument and session ids are drawn by a function it is given. The edge moves bytes.
//! Between a request and its session stand no lock, no channel and no second task, so every
//! behaviour can be tested with literal bytes and a literal `now`.
//!
//! # Life of one call
//!
//! | step | where |
//! |---|---|
//! | a socket is accepted | `edge/listener.rs` |
//! | its bytes become a request, within bounds | `edge/connection.rs`, `wire/receive.rs` |
//! | host, origin, path, credentials, role, rates: may it come in | `engine/doors/gate.rs` |
//! | what the transport asks of it | `engine/doors/streamable.rs`, `engine/doors/stateless.rs`, `engine/doors/http_sse.rs` |
//! | the same for older front-ends, and for scripts | `engine/doors/dialect.rs`, `engine/doors/rest.rs` |
//! | JSON-RPC becomes a message, the message an answer or a call | `wire/jsonrpc.rs`, `engine/dispatch.rs` |
//! | the tool checks its arguments and says what is to be done | `tool/registry.rs`, `tool/command.rs` |
//! | the call gets its place, its deadline and its turn | `engine/call.rs` |
//! | the edge takes the job and runs the process | `edge/world.rs`, `edge/process.rs` |
//! | meanwhile the socket is parked: no task, no buffer | `edge/sockets.rs`, `engine/streams.rs` |
//! | the output becomes an outcome, the outcome an event | `tool/command/outcome.rs`, `engine/call.rs` |
//! | the event is said in the dialect of its door, and becomes bytes | `wire/dialect.rs`, `engine/transmit.rs`, `wire/sse.rs` |
//! | the bytes go out, and the connection may ask again | `edge/connection.rs` |
//!
//! `tests/call.rs` shows the same from the outside, bytes to bytes.
//!
//! # Who may import whom
//!
//! Each layer knows those to its left and nothing else, neighbours between two arrows included;
//! `tests/tidy.rs` reads this very line. Sockets, processes, files, clocks and `smol` are named in
//! `edge` and `daemon` only.
//!
//! ```text
//! time -> limits -> bounded -> wire -> auth -> mcp -> tool -> admin -> engine -> edge -> daemon
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`time`] | a point in time, as the engine is told it |
//! | [`limits`] | every bound: name, unit, default, reason, and what the tables cost |
//! | [`bounded`] | slab, index, timer wheel, event ring, capture, bucket, byte pool |
//! | [`wire`] | HTTP/1.1, server-sent events, JSON-RPC, lines: bytes to values and back |
//! | [`auth`] | whose requests are let in, and what they may do |
//! | [`mcp`] | what the protocol says, revision by revision; the one table of refusals, roles named |
//! | [`tool`] | what a tool is, built in or a command; resources and prompts |
//! | [`admin`] | counters, and what operators see: metrics, OpenAPI, snippets, the console |
//! | [`engine`] | connections, sessions, streams and calls |
//! | [`edge`] | sockets, processes, signals, the clock |
//! | [`daemon`] | arguments, configuration, log, start and stop |
//!
//! # For embedders
//!
//! The [`engine`] needs no daemon: whoever has bytes and a clock can drive it. Make an
//! [`Engine`](engine::Engine) from a [`Config`](engine::Config), the [`Memory`](limits::Memory) of
//! its limits, a [`Registry`](tool::registry::Registry) of anything that implements
//! [`Tool`](tool::Tool), and a function that draws session ids. Then give it one input, take out
//! everything that `poll_job` and `poll_ready` have, and go on to the next input. `tests/support`
//! is such a driver for tests, with a buffer in place of each socket; `edge/world.rs` is the
//! daemon's.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod limits;
pub mod time;

pub mod bounded;
pub mod wire;

pub mod auth;

pub mod mcp;

pub mod tool;

pub mod admin;

pub mod engine;

pub mod daemon;
pub mod edge;
