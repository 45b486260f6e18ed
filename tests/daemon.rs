//! The real daemon over real sockets: what the pure tests cannot show, and what goes wrong outside:
//! clients that vanish, descriptors that run out, processes that are shot.

#[path = "daemon/children.rs"]
mod children;
#[path = "daemon/commands.rs"]
mod commands;
#[path = "daemon/connections.rs"]
mod connections;
#[path = "daemon/descriptors.rs"]
mod descriptors;
#[path = "daemon/disconnects.rs"]
mod disconnects;
#[path = "daemon/harness.rs"]
mod harness;
#[cfg(feature = "insight")]
#[path = "daemon/knowing.rs"]
mod knowing;
#[path = "daemon/operator.rs"]
mod operator;
#[path = "daemon/processes.rs"]
mod processes;
#[path = "daemon/resources.rs"]
mod resources;
#[path = "daemon/servers.rs"]
mod servers;
#[path = "daemon/sockets.rs"]
mod sockets;
#[path = "daemon/streams.rs"]
mod streams;
