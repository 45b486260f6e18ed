//! slimcp hosts MCP tools on small machines.
//!
//! ```text
//! time -> limits -> bounded -> wire -> mcp, auth -> tool -> engine -> edge -> daemon
//! ```
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod limits;
pub mod time;

pub mod bounded;
pub mod wire;

pub mod auth;
pub mod mcp;

pub mod tool;

pub mod engine;

pub mod daemon;
pub mod edge;
