//! The log: one line per event on stderr.
//!
//! No time is written: journald, procd and `docker logs` add their own, and a machine without a
//! clock chip would write a wrong one. No colours either, since nobody looks at a daemon's stderr
//! directly. `RUST_LOG` is not read; `log.level` is the one switch.
//!
//! The trap: simple_logger writes with `eprintln!`, which panics when the reader of stderr is gone.

use log::{Level, SetLoggerError};
use simple_logger::SimpleLogger;

/// Starts the log at `level`.
///
/// # Errors
///
/// When a log has been started already in this process.
pub fn start(level: Level) -> Result<(), SetLoggerError> {
    SimpleLogger::new()
        .with_level(level.to_level_filter())
        .init()
}
