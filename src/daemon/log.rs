//! The log: one line per event on stderr.
//!
//! No time is written: journald, procd and `docker logs` add their own, and a machine without a
//! clock chip would write a wrong one. No colours either, since nobody looks at a daemon's stderr
//! directly. `RUST_LOG` is not read; `log.level` is the one switch.
//!
//! simple_logger decides what is logged. It writes with `eprintln!`, which panics when the reader
//! of stderr is gone or the disk behind it is full, so the writing is done here: a log line that
//! cannot be written is no reason to stop serving.

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use simple_logger::SimpleLogger;
use std::io::Write;

/// Writes what `filter` lets through.
struct Lines {
    filter: SimpleLogger,
}

/// Starts the log at `level`. A later `log::set_max_level` changes it.
///
/// # Errors
///
/// When a log has been started already in this process.
pub fn start(level: Level) -> Result<(), SetLoggerError> {
    let filter = SimpleLogger::new().with_level(LevelFilter::Trace);
    log::set_boxed_logger(Box::new(Lines { filter }))?;
    log::set_max_level(level.to_level_filter());
    Ok(())
}

/// One event as a line. A line end in a message would forge a second event.
fn line(record: &Record<'_>) -> String {
    let message = record.args().to_string();
    let message = message.replace(['\n', '\r'], " ");
    format!("{:<5} {} {message}\n", record.level(), record.target())
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One write a line, so that lines of several processes do not mix.
            let _ = std::io::stderr().write_all(line(record).as_bytes());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let mut builder = Record::builder();
        let record = builder
            .level(Level::Warn)
            .target("slimcp::edge")
            .args(format_args!("a\nb"));
        assert_eq!(line(&record.build()), "WARN  slimcp::edge a b\n");
    }
}
