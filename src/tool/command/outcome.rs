//! From a finished process to what the model gets.
//!
//! A failure is a result, not a protocol error: its text says what happened and shows the output,
//! so that the model can act on it.

use super::{CommandLine, Output};
use crate::bounded::Capture;
use crate::tool::{Content, Outcome};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// Characters of an output that are shown where the whole of it is of no use.
const SHOWN_CHARS_MAX: usize = 200;

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to stdout.
    pub stdout: Capture,
    /// The end of what it wrote to stderr.
    pub stderr: Capture,
    /// The memory budget did not allow to keep all that `stdout` has room for.
    pub starved: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// Why a process was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It ran longer than this.
    TimedOut(Duration),
    /// Nobody wants its outcome any more.
    Cancelled,
    /// The server is stopping.
    Draining,
    /// A reload has removed the tool before the call started.
    Removed,
}

/// What the model gets of a finished command.
pub fn outcome(line: &CommandLine, ended: Ended, stopped: Option<Stopped>) -> Outcome {
    if let Some(stopped) = stopped {
        return failed(&stopped_text(stopped), ended);
    }
    match ended.exit {
        Exit::Status(0) if ended.starved => Outcome::error(
            "the output did not fit into the server's memory budget: try again, or the operator \
             raises limits.memory",
        ),
        Exit::Status(0) => succeeded(&line.output, ended.stdout),
        Exit::Status(status) => failed(&format!("exit status {status}"), ended),
        Exit::Signal(signal) => failed(&format!("ended by signal {signal}"), ended),
    }
}

fn stopped_text(stopped: Stopped) -> String {
    match stopped {
        Stopped::TimedOut(timeout) => format!(
            "stopped after {} s, the tool's timeout; the operator can raise its timeout",
            timeout.as_secs_f32()
        ),
        Stopped::Cancelled => "cancelled".to_owned(),
        Stopped::Removed => "the tool was removed".to_owned(),
        Stopped::Draining => "stopped, because the server is stopping".to_owned(),
    }
}

/// A failure with everything the process said about it.
fn failed(what: &str, ended: Ended) -> Outcome {
    let mut text = what.to_owned();
    let parts = [("stderr", ended.stderr), ("stdout", ended.stdout)];
    for (name, capture) in parts {
        let said = capture.into_text();
        if !said.trim_end().is_empty() {
            text.push_str(&format!("\n{name}:\n{}", said.trim_end()));
        }
    }
    Outcome::error(text)
}

fn succeeded(output: &Output, stdout: Capture) -> Outcome {
    match output {
        Output::Text => Outcome::text(text(stdout)),
        Output::Json => json(stdout),
        Output::Media(mime_type) => media(mime_type, stdout),
    }
}

/// The output without the line end that commands put there for terminals. Models take an empty
/// text for a fault, so silence is said in words.
fn text(stdout: Capture) -> String {
    if stdout.is_empty() {
        return "(no output)".to_owned();
    }
    let mut text = stdout.into_text();
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    text
}

/// JSON as text, and as `structuredContent` if it is an object: no revision before 2026-07-28
/// allows anything else there.
fn json(stdout: Capture) -> Outcome {
    let cut_bytes = stdout.cut_bytes();
    let text = text(stdout);
    let parsed = serde_json::from_str::<serde_json::Value>(&text);
    let begin: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    match parsed {
        Err(_) if cut_bytes > 0 => Outcome::error(format!(
            "the output is too long by {cut_bytes} bytes to be read as JSON; the operator can \
             raise the tool's output_limit; it begins with: {begin}"
        )),
        Err(error) => Outcome::error(format!(
            "the output is not JSON, which the tool's configuration says it is ({error}); it \
             begins with: {begin}"
        )),
        Ok(value) => {
            let structured = value.is_object().then(|| value.to_string());
            Outcome {
                structured,
                ..Outcome::text(text)
            }
        }
    }
}

fn media(mime_type: &str, stdout: Capture) -> Outcome {
    let bytes = match stdout.into_bytes() {
        Ok(bytes) if bytes.is_empty() => return Outcome::error("the command wrote no data"),
        Ok(bytes) => bytes,
        Err(cut) => {
            return Outcome::error(format!(
                "the output is too long by {} bytes: the operator can raise the tool's \
                 output_limit",
                cut.bytes
            ));
        }
    };
    let (data, mime_type) = (STANDARD.encode(bytes), mime_type.to_owned());
    let content = match mime_type.starts_with("audio/") {
        true => Content::Audio { data, mime_type },
        false => Content::Image { data, mime_type },
    };
    Outcome {
        content: vec![content],
        structured: None,
        is_error: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(output: Output) -> CommandLine {
        CommandLine {
            argv: vec!["x".to_owned()],
            directory: None,
            environment: Vec::new(),
            environment_inherit: Vec::new(),
            stdin: None,
            output,
        }
    }

    fn capture(text: &str) -> Capture {
        let mut capture = Capture::new(20);
        capture.push(text.as_bytes());
        capture
    }

    fn check(output: Output, exit: Exit, stdout: &str, stderr: &str, expected: &str) {
        let ended = Ended {
            exit,
            stdout: capture(stdout),
            stderr: capture(stderr),
            starved: false,
        };
        let mut json = Vec::new();
        outcome(&line(output), ended, None).encode(&mut json);
        let json = String::from_utf8(json).unwrap();
        assert!(json.contains(expected), "{json} lacks {expected}");
    }

    #[test]
    fn text_loses_its_last_line_end_and_silence_is_said() {
        check(
            Output::Text,
            Exit::Status(0),
            "42\n\n",
            "",
            r#""text":"42""#,
        );
        check(
            Output::Text,
            Exit::Status(0),
            "",
            "noise",
            r#""text":"(no output)""#,
        );
    }

    #[test]
    fn objects_are_structured_and_other_json_is_text() {
        check(
            Output::Json,
            Exit::Status(0),
            "{\"a\":1}\n",
            "",
            r#""structuredContent":{"a":1}"#,
        );
        check(
            Output::Json,
            Exit::Status(0),
            "[1]",
            "",
            r#"{"content":[{"type":"text","text":"[1]"}]}"#,
        );
        check(Output::Json, Exit::Status(0), "oops", "", "is not JSON");
        check(
            Output::Json,
            Exit::Status(0),
            &"1".repeat(30),
            "",
            "too long by 10 bytes",
        );
    }

    #[test]
    fn media_is_base64_and_whole() {
        let png = Output::Media("image/png".to_owned());
        check(
            png.clone(),
            Exit::Status(0),
            "abc",
            "",
            r#""type":"image","data":"YWJj""#,
        );
        check(
            png.clone(),
            Exit::Status(0),
            &"x".repeat(21),
            "",
            "too long by 1 bytes",
        );
        check(png, Exit::Status(0), "", "", "wrote no data");
        let wav = Output::Media("audio/wav".to_owned());
        check(wav, Exit::Status(0), "abc", "", r#""type":"audio""#);
    }

    #[test]
    fn a_failure_shows_what_the_process_said() {
        check(
            Output::Json,
            Exit::Status(3),
            "out\n",
            "why\n",
            r"exit status 3\nstderr:\nwhy\nstdout:\nout",
        );
        check(
            Output::Text,
            Exit::Signal(9),
            "",
            "",
            r#""text":"ended by signal 9""#,
        );
        check(Output::Text, Exit::Status(1), "", "", r#""isError":true"#);
    }

    #[test]
    fn a_stopped_process_says_why_and_what_it_had_said() {
        let ended = || Ended {
            exit: Exit::Signal(15),
            stdout: capture("half"),
            stderr: capture(""),
            starved: false,
        };
        let text = |stopped| match outcome(&line(Output::Text), ended(), Some(stopped))
            .content
            .pop()
        {
            Some(Content::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        let timed_out = text(Stopped::TimedOut(Duration::from_millis(1500)));
        assert!(timed_out.starts_with("stopped after 1.5 s"), "{timed_out}");
        assert!(timed_out.ends_with("stdout:\nhalf"), "{timed_out}");
        assert!(text(Stopped::Draining).contains("the server is stopping"));
    }
}
