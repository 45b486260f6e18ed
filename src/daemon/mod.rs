//! The program around the library: arguments, configuration, log, start and stop.

pub mod config;
pub mod settings;
