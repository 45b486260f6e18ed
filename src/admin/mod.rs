//! What operators see: pure views of plain values.
//!
//! Nothing here knows an engine, a socket or a clock. The engine adds to the [`stats`], its doors
//! hand a snapshot of them to the function that renders it and send what comes back; who may see it
//! is decided there.

pub mod api;
pub mod connections;
pub mod console;
pub mod histogram;
pub mod metrics;
pub mod openapi;
pub mod servers;
pub mod snippets;
pub mod stats;
