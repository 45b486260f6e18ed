//! The real daemon over real sockets: what the pure tests cannot show.

#[path = "daemon/commands.rs"]
mod commands;
#[path = "daemon/connections.rs"]
mod connections;
#[path = "daemon/harness.rs"]
mod harness;
#[path = "daemon/operator.rs"]
mod operator;
#[path = "daemon/sockets.rs"]
mod sockets;
#[path = "daemon/streams.rs"]
mod streams;
