//! The log: one line per event on stderr, for people or for programs.
//!
//! ```text
//! INFO  slimcp::engine::report SSE connection established session_id=x3Vw9q... ...
//! {"timestamp":"...","level":"info","target":"slimcp::engine::report","message":"...",...}
//! ```
//!
//! Plain lines have no time: journald, procd and `docker logs` add their own, and a machine without
//! a clock chip would write a wrong one. Events with fields are those that programs look for, and
//! these look for a `timestamp` too. There are no colours, since nobody looks at a daemon's stderr
//! directly. `RUST_LOG` is not read; `log.level` and `log.format` are the switches.
//!
//! simple_logger decides what is logged. It writes with `eprintln!`, which panics when the reader
//! of stderr is gone or the disk behind it is full, so the writing is done here: a log line that
//! cannot be written is no reason to stop serving.

use super::settings::Format;
use crate::time::UnixMillis;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use simple_logger::SimpleLogger;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes what `filter` lets through.
struct Lines {
    filter: SimpleLogger,
    format: Format,
}

/// Starts the log at `level`. A later `log::set_max_level` changes it.
///
/// # Errors
///
/// When a log has been started already in this process.
pub fn start(level: Level, format: Format) -> Result<(), SetLoggerError> {
    let filter = SimpleLogger::new().with_level(LevelFilter::Trace);
    log::set_boxed_logger(Box::new(Lines { filter, format }))?;
    log::set_max_level(level.to_level_filter());
    Ok(())
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = match self.format {
                Format::Text => text(record, wall_time),
                Format::Json => json(record, wall_time()),
            };
            // One write a line, so that lines of several processes do not mix.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// What time people have. A clock before 1970 is as wrong as one at 1970.
fn wall_time() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixMillis(since.map_or(0, |since| since.as_millis() as u64))
}

/// One event for people. A line end in a message would forge a second event.
fn text(record: &Record<'_>, now: impl FnOnce() -> UnixMillis) -> String {
    let mut line = format!(
        "{:<5} {} {}",
        record.level(),
        record.target(),
        record.args()
    );
    let fields = record.key_values();
    if fields.count() > 0 {
        visit(record, |key, value| {
            let value = value.to_string();
            let is_plain = !value.contains([' ', '"', '=', '\n', '\r']) && !value.is_empty();
            let value = if is_plain { value } else { quoted(&value) };
            push(&mut line, format_args!(" {key}={value}"));
        });
        push(&mut line, format_args!(" timestamp={}", now()));
    }
    line.replace(['\n', '\r'], " ") + "\n"
}

/// One event for programs.
fn json(record: &Record<'_>, now: UnixMillis) -> String {
    let level = record.level().as_str().to_ascii_lowercase();
    let target = quoted(record.target());
    let message = quoted(&record.args().to_string());
    let mut line = format!(
        "{{\"timestamp\":\"{now}\",\"level\":\"{level}\",\"target\":{target},\"message\":{message}"
    );
    visit(record, |key, value| {
        let key = quoted(key);
        match (value.to_u64(), value.to_bool()) {
            (Some(number), _) => push(&mut line, format_args!(",{key}:{number}")),
            (None, Some(is)) => push(&mut line, format_args!(",{key}:{is}")),
            (None, None) => {
                let value = quoted(&value.to_string());
                push(&mut line, format_args!(",{key}:{value}"));
            }
        }
    });
    line + "}\n"
}

/// Shows `each` field of an event to a function.
fn visit(record: &Record<'_>, each: impl FnMut(&str, &Value<'_>)) {
    struct Fields<F>(F);

    impl<'r, F: FnMut(&str, &Value<'_>)> VisitSource<'r> for Fields<F> {
        fn visit_pair(&mut self, key: Key<'r>, value: Value<'r>) -> Result<(), Error> {
            (self.0)(key.as_str(), &value);
            Ok(())
        }
    }

    // Nothing here gives up before the last field.
    let _ = record.key_values().visit(&mut Fields(each));
}

/// A text as a JSON string, on one line.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("every text is a JSON string")
}

fn push(line: &mut String, more: std::fmt::Arguments<'_>) {
    line.write_fmt(more)
        .expect("a String takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2025-12-15T18:00:00.007Z`
    const NOW: UnixMillis = UnixMillis(1_765_821_600_007);

    /// An event as text and as JSON.
    fn lines(message: std::fmt::Arguments<'_>, fields: &[(&str, Value<'_>)]) -> [String; 2] {
        let mut builder = Record::builder();
        let builder = builder.level(Level::Warn).target("slimcp::edge");
        let record = builder.args(message).key_values(&fields).build();
        [text(&record, || NOW), json(&record, NOW)]
    }

    #[test]
    fn an_event_is_one_line() {
        let [text, json] = lines(format_args!("a\nb \"c\""), &[]);
        assert_eq!(text, "WARN  slimcp::edge a b \"c\"\n");
        let expected = concat!(
            r#"{"timestamp":"2025-12-15T18:00:00.007Z","level":"warn","#,
            r#""target":"slimcp::edge","message":"a\nb \"c\""}"#,
        );
        assert_eq!(json, format!("{expected}\n"));
    }

    #[test]
    fn fields_stand_behind_the_message_and_the_time_with_them() {
        let fields = [
            ("name", Value::from("laptop")),
            ("total", Value::from(7_u32)),
            ("secure", Value::from(true)),
        ];
        let [text, json] = lines(format_args!("Added"), &fields);
        let fields = "name=laptop total=7 secure=true timestamp=2025-12-15T18:00:00.007Z";
        assert_eq!(text, format!("WARN  slimcp::edge Added {fields}\n"));
        let members = r#""message":"Added","name":"laptop","total":7,"secure":true}"#;
        assert!(json.ends_with(&format!("{members}\n")), "{json}");
    }

    #[test]
    fn a_field_cannot_forge_another_event_or_field() {
        let cases = [
            ("a b", r#""a b""#),
            ("a=b", r#""a=b""#),
            ("", r#""""#),
            ("\"}\n{", r#""\"}\n{""#),
            ("a\rb", r#""a\rb""#),
        ];
        for (value, shown) in cases {
            let [text, json] = lines(format_args!("x"), &[("k", Value::from(value))]);
            assert!(text.contains(&format!(" x k={shown} timestamp=")), "{text}");
            assert_eq!(text.lines().count(), 1);
            let object: serde_json::Value = serde_json::from_str(&json).expect("JSON");
            assert_eq!(object["k"], value);
            assert_eq!(json.matches('\n').count(), 1);
        }
    }
}
