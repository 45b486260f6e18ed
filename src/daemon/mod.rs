//! The program around the library: arguments, configuration, log, start and stop.

pub mod cli;
pub mod config;
pub mod log;
pub mod settings;
