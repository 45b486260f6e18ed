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
//! | what the transport asks of it | `engine/doors/streamable.rs`, `engine/doors/http_sse.rs` |
//! | the same for requests that stand for themselves | `engine/doors/stateless.rs` |
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
//! time -> limits -> bounded -> wire -> auth -> mcp -> tool -> upstream -> insight -> admin -> engine -> edge -> server -> daemon
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
//! | [`upstream`] | MCP servers that run behind this one: what is said to a child, when it runs |
//! | `insight` | what is known of folders: texts cut, ranked, told (feature `insight`) |
//! | [`admin`] | counters, and what operators see: metrics, OpenAPI, snippets, the console |
//! | [`engine`] | connections, sessions, streams and calls |
//! | [`edge`] | sockets, processes, signals, the clock |
//! | [`server`] | functions of a program as tools: what embedders use |
//! | [`daemon`] | arguments, configuration, log, start and stop |
//!
//! # For embedders
//!
//! [`Server::builder`] makes a server of functions:
//!
//! ```
//! use slimcp::{Context, Form, Field, FunctionTool, RpcError, Server};
//!
//! #[derive(serde::Deserialize)]
//! struct Order { dish: String }
//!
//! #[derive(serde::Deserialize)]
//! struct Sauce { sauce: String }
//!
//! async fn order(order: Order, context: Context) -> Result<String, RpcError> {
//!     let sauces = Field::choice(["tomato", "pesto"]).default_text("pesto");
//!     let form = Form::new("Which sauce?").required("sauce", sauces);
//!     context.progress(1.0, 2.0, "asking");
//!     let Some(Sauce { sauce }) = context.elicit(form).await?.accepted()? else {
//!         return Ok("Nothing was ordered.".to_string());
//!     };
//!     Ok(format!("{} with {sauce} is on its way.", order.dish))
//! }
//!
//! let order = FunctionTool::new("order", "Orders a dish.", order)
//!     .schema(r#"{"type":"object","properties":{"dish":{"type":"string"}},"required":["dish"]}"#);
//! let server = Server::builder("kitchen")
//!     .instructions("Orders dishes.")
//!     .with(order)
//!     .listen("127.0.0.1:0")
//!     .on_listening(|door| println!("{}", door.url()))
//!     .build()?;
//! // server.run()
//! # drop(server);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | for | see |
//! |---|---|
//! | tools | [`Builder::tool`], [`Builder::with`] a [`FunctionTool`] or [`Tool`](tool::Tool) |
//! | their arguments | [`Handler`](server::Handler): any type that serde reads |
//! | their schemas | [`FunctionTool::schema`]; from the type, with the feature `schemars` |
//! | their results | [`IntoOutcome`]: texts, [`Json`], [`Content`], `Result` |
//! | progress, log lines, questions | [`Context`], the same in every revision |
//! | resources, prompts, completion | [`Resource`], [`Prompt`], [`Completion`]: fixed, or functions |
//! | tasks: calls in the background | [`FunctionTool::background`] |
//! | changes | [`Handle`], by [`Builder::handle`] |
//! | work that blocks | [`unblock`]: everything else runs on one thread |
//! | an executor of your own | [`Server::serve`] |
//!
//! Below that, the [`engine`] needs no daemon and no socket: whoever has bytes and a clock can
//! drive it. Make an [`Engine`](engine::Engine) from a [`Config`](engine::Config), the
//! [`Memory`](limits::Memory) of its limits, a [`Registry`](tool::registry::Registry) of tools, and
//! a function that draws session ids. Then give it one input, take out everything that `poll_job`
//! and `poll_ready` have, and go on to the next input. `tests/support` is such a driver for tests,
//! with a buffer in place of each socket; `edge/world.rs` is that of servers.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod limits;
pub mod time;

pub mod bounded;
pub mod wire;

pub mod auth;

pub mod mcp;

pub mod tool;

pub mod upstream;

#[cfg(feature = "insight")]
pub mod insight;

pub mod admin;

pub mod engine;

pub mod edge;

pub mod server;

pub mod daemon;

pub use edge::unblock;
pub use mcp::capability::Capabilities;
pub use mcp::message::Level;
pub use server::{
    Action, Body, Builder, Completion, Contents, Context, Elicited, Field, Form, FunctionTool,
    Given, Handle, IntoOutcome, Json, Messages, Prompt, PromptMessage, Resource, ResourceSpec,
    Role, Sampling, Server, Source,
};
pub use tool::{Background, Content, Outcome, Since};
pub use wire::jsonrpc::RpcError;
