//! The program around the library: arguments, configuration, log, start and stop.

mod catalogue;
mod check;
pub mod cli;
pub mod client_config;
pub mod config;
pub mod descriptors;
#[cfg_attr(not(feature = "insight"), path = "no_insight.rs")]
mod insight;
pub mod log;
pub mod notify;
pub mod run;
mod serve;
pub mod settings;
mod state;
pub mod token;
