//! From a finished process to what the model gets.
//!
//! A failure is a result, not a protocol error: its text says what happened and shows the output,
//! so that the model can act on it.

use super::{CommandLine, Output};
use crate::bounded::Capture;
use crate::limits::JSON_DEPTH_MAX;
use crate::tool::catalogue::{Body, Contents};
use crate::tool::{Content, Outcome};
use crate::wire::json;
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
    /// Its client has not answered a question for this long.
    Unanswered(Duration),
    /// Nobody wants its outcome any more.
    Cancelled,
    /// The server is stopping.
    Draining,
    /// A reload has removed the tool before the call started.
    Removed,
}

/// What the model gets of a finished command.
pub fn outcome(line: &CommandLine, ended: Ended, stopped: Option<Stopped>) -> Outcome {
    let what = match (stopped, ended.exit) {
        (Some(stopped), _) => stopped_text(stopped),
        (None, Exit::Status(0)) => return succeeded(&line.output, ended),
        (None, Exit::Status(status)) => format!("exit status {status}"),
        (None, Exit::Signal(signal)) => signal_text(signal),
    };
    failed(&line.output, what, ended)
}

/// Names the signals that models know and that have one number on every architecture.
fn signal_text(signal: i32) -> String {
    let name = match signal {
        6 => "SIGABRT",
        9 => "SIGKILL: if nobody sent it, memory has run out",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("ended by signal {signal}"),
    };
    format!("ended by signal {signal} ({name})")
}

/// What is said of work that was ended early.
pub fn stopped_text(stopped: Stopped) -> String {
    match stopped {
        Stopped::TimedOut(timeout) => format!(
            "stopped after {} s, the tool's timeout; the operator can raise its timeout",
            timeout.as_secs_f64()
        ),
        Stopped::Unanswered(wait) => {
            format!(
                "stopped: no answer from the client for {} s",
                wait.as_secs()
            )
        }
        Stopped::Cancelled => "cancelled".to_owned(),
        Stopped::Removed => "the tool was removed".to_owned(),
        Stopped::Draining => "stopped, because the server is stopping".to_owned(),
    }
}

/// A failure with everything the process said about it.
fn failed(output: &Output, what: String, ended: Ended) -> Outcome {
    let mut said = what;
    push_section(&mut said, "stderr", ended.stderr);
    match output {
        Output::Text | Output::Json => push_section(&mut said, "stdout", ended.stdout),
        // Half an image means nothing to anybody.
        Output::Media(_) | Output::Contents => {}
    }
    Outcome::error(said)
}

fn succeeded(output: &Output, ended: Ended) -> Outcome {
    if ended.starved {
        return Outcome::error(
            "the output did not fit into the server's memory budget: try again, or the operator \
             raises limits.memory",
        );
    }
    match output {
        Output::Text => plain(ended),
        Output::Json => structured(ended.stdout),
        Output::Media(mime_type) => media(mime_type, ended),
        Output::Contents => contents(ended.stdout),
    }
}

/// Some model interfaces refuse an empty text, so silence is said in words. A command that only
/// spoke on stderr has spoken.
fn plain(ended: Ended) -> Outcome {
    let text = text(ended.stdout);
    if !text.is_empty() {
        return Outcome::text(text);
    }
    let mut said = "(no output)".to_owned();
    push_section(&mut said, "stderr", ended.stderr);
    Outcome::text(said)
}

/// Appends what was captured under its name, if there is anything.
fn push_section(said: &mut String, name: &str, capture: Capture) {
    let text = text(capture);
    if !text.is_empty() {
        said.push_str(&format!("\n{name}:\n{text}"));
    }
}

/// The output without the line end that commands put there for terminals.
fn text(capture: Capture) -> String {
    let mut text = capture.into_text();
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    text
}

/// JSON as text, and as `structuredContent` if it is an object: no revision before 2026-07-28
/// allows anything else there. It is checked and made compact where it stands: as a tree of values
/// it would take many times the memory of the output, and its numbers would be rounded.
fn structured(stdout: Capture) -> Outcome {
    let cut_bytes = stdout.cut_bytes();
    let text = text(stdout);
    if cut_bytes > 0 {
        let begin = beginning(&text);
        return Outcome::error(format!(
            "the output is too long by {cut_bytes} bytes to be read as JSON; the operator can \
             raise the tool's output_limit; it begins with: {begin}"
        ));
    }
    match json::check(&text) {
        Err(error) => not_json(&error.to_string(), &text),
        Ok(()) if !text.trim_start().starts_with('{') => Outcome::text(text),
        Ok(()) => object(text),
    }
}

/// `text` is a JSON object.
fn object(text: String) -> Outcome {
    let mut compact = Vec::with_capacity(text.len());
    match json::push_compact(&mut compact, &text) {
        0..=JSON_DEPTH_MAX => Outcome {
            structured: Some(String::from_utf8(compact).expect("only blanks were left out")),
            ..Outcome::text(text)
        },
        depth => not_json(
            &format!("it nests {depth} deep, at most {JSON_DEPTH_MAX}"),
            &text,
        ),
    }
}

fn not_json(why: &str, text: &str) -> Outcome {
    let begin = beginning(text);
    Outcome::error(format!(
        "the output is not JSON, which the tool's configuration says it is ({why}); it begins \
         with: {begin}"
    ))
}

fn beginning(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

fn media(mime_type: &str, ended: Ended) -> Outcome {
    let bytes = match ended.stdout.into_bytes() {
        Ok(bytes) if bytes.is_empty() => {
            let mut said = format!("the command wrote no {mime_type}");
            push_section(&mut said, "stderr", ended.stderr);
            return Outcome::error(said);
        }
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

/// What a resource says: nothing is an answer as well, and a part of it is none.
fn contents(stdout: Capture) -> Outcome {
    match stdout.into_bytes() {
        Ok(bytes) => Outcome {
            content: vec![Content::Resource(Contents::of(Body::of(bytes)))],
            ..Outcome::default()
        },
        Err(cut) => Outcome::error(format!(
            "the contents are too long by {} bytes: the operator can raise limits.output",
            cut.bytes
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(bytes: &[u8]) -> Capture {
        let mut capture = Capture::new(1000);
        capture.push(bytes);
        capture
    }

    fn come_to(
        output: Output,
        exit: Exit,
        stdout: &[u8],
        stderr: &str,
        stopped: Option<Stopped>,
    ) -> Outcome {
        let line = CommandLine {
            argv: vec!["program".into()],
            directory: None,
            environment: Vec::new(),
            environment_inherit: Vec::new(),
            stdin: None,
            output,
        };
        let (stdout, stderr) = (captured(stdout), captured(stderr.as_bytes()));
        outcome(
            &line,
            Ended {
                exit,
                stdout,
                stderr,
                starved: false,
            },
            stopped,
        )
    }

    fn succeed(output: Output, stdout: &[u8], stderr: &str) -> Outcome {
        come_to(output, Exit::Status(0), stdout, stderr, None)
    }

    fn error_text(outcome: Outcome) -> String {
        assert!(outcome.is_error, "{outcome:?}");
        assert_eq!(outcome.structured, None);
        match &outcome.content[..] {
            [Content::Text(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn png() -> Output {
        Output::Media("image/png".to_owned())
    }

    #[test]
    fn success_is_what_was_written_and_silence_is_said() {
        for (stdout, stderr, text) in [
            (&b"42\n\n"[..], "", "42"),
            (b" a \r\n", "noise", " a "),
            (b"\xff", "", "\u{fffd}"),
            (b"", "", "(no output)"),
            (b"\n", "done\n", "(no output)\nstderr:\ndone"),
        ] {
            assert_eq!(succeed(Output::Text, stdout, stderr), Outcome::text(text));
        }
    }

    #[test]
    fn failure_says_why_then_stderr_then_stdout() {
        for (exit, stdout, stderr, text) in [
            (
                Exit::Status(3),
                "x\n",
                "bad\n",
                "exit status 3\nstderr:\nbad\nstdout:\nx",
            ),
            (Exit::Status(1), "", "", "exit status 1"),
            (Exit::Signal(15), "", "", "ended by signal 15 (SIGTERM)"),
            (Exit::Signal(64), "x", "", "ended by signal 64\nstdout:\nx"),
        ] {
            let outcome = come_to(Output::Json, exit, stdout.as_bytes(), stderr, None);
            assert_eq!(outcome, Outcome::error(text));
        }
        let image = come_to(png(), Exit::Status(1), b"\x89PNG", "no camera", None);
        assert_eq!(image, Outcome::error("exit status 1\nstderr:\nno camera"));
    }

    #[test]
    fn what_was_stopped_failed_even_with_status_0() {
        for (stopped, why) in [
            (
                Stopped::TimedOut(Duration::from_millis(1500)),
                "stopped after 1.5 s",
            ),
            (Stopped::Cancelled, "cancelled"),
            (Stopped::Draining, "the server is stopping"),
            (Stopped::Removed, "removed"),
        ] {
            let outcome = come_to(Output::Json, Exit::Status(0), b"half", "", Some(stopped));
            let text = error_text(outcome);
            assert!(text.contains(why), "{text}");
            assert!(text.ends_with("\nstdout:\nhalf"), "{text}");
        }
    }

    #[test]
    fn objects_are_structured_as_they_are_and_other_json_is_text() {
        let written = "{\n \"b a\": [1.50, 123456789012345678901234567890]\n}";
        let expected = Outcome {
            structured: Some(r#"{"b a":[1.50,123456789012345678901234567890]}"#.into()),
            ..Outcome::text(written)
        };
        assert_eq!(
            succeed(Output::Json, format!("{written}\n").as_bytes(), ""),
            expected
        );
        for other in ["[1]", "5", "\"x\"", "null"] {
            assert_eq!(
                succeed(Output::Json, other.as_bytes(), ""),
                Outcome::text(other)
            );
        }
    }

    #[test]
    fn what_is_not_json_is_an_error_that_shows_its_beginning() {
        for (stdout, shown) in [
            (&b"cpu: 48"[..], "it begins with: cpu: 48"),
            (b"", "EOF"),
            (b"{}{}", "trailing characters"),
            (b"{\xff}", "it begins with: {\u{fffd}}"),
        ] {
            let text = error_text(succeed(Output::Json, stdout, ""));
            assert!(text.contains(shown), "{text}");
        }
    }

    #[test]
    fn an_object_as_deep_as_allowed_is_structured_and_a_deeper_one_is_refused() {
        let nested = |depth: usize| {
            let json = format!(
                "{{\"a\":{}{}}}",
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            );
            succeed(Output::Json, json.as_bytes(), "")
        };
        assert!(nested(JSON_DEPTH_MAX).structured.is_some());
        assert!(error_text(nested(JSON_DEPTH_MAX + 1)).contains("nests 129 deep"));
    }

    #[test]
    fn media_is_base64_of_all_of_it_or_an_error() {
        let item = Content::Image {
            data: "iVBORwo=".into(),
            mime_type: "image/png".into(),
        };
        assert_eq!(succeed(png(), b"\x89PNG\n", "noise").content, [item]);
        let item = Content::Audio {
            data: "UklGRg==".into(),
            mime_type: "audio/wav".into(),
        };
        let wav = Output::Media("audio/wav".into());
        assert_eq!(succeed(wav, b"RIFF", "").content, [item]);
        let text = error_text(succeed(png(), b"", "no camera\n"));
        assert_eq!(text, "the command wrote no image/png\nstderr:\nno camera");
    }

    #[test]
    fn contents_are_written_to_the_last_byte() {
        for (stdout, body) in [
            (&b"42\n"[..], Body::Text("42\n".into())),
            (b"", Body::Text(String::new())),
            (b"\xff\0", Body::Blob("/wA=".into())),
        ] {
            let contents = Content::Resource(Contents::of(body));
            let outcome = succeed(Output::Contents, stdout, "noise");
            assert_eq!(outcome.content, [contents]);
        }
        let failed = come_to(Output::Contents, Exit::Status(1), b"half", "no", None);
        assert_eq!(error_text(failed), "exit status 1\nstderr:\nno");
    }

    #[test]
    fn what_was_cut_is_text_in_parts_and_nothing_else() {
        let long = vec![b'7'; 1001];
        for output in [png(), Output::Json, Output::Contents] {
            let text = error_text(succeed(output.clone(), &long, ""));
            assert!(text.contains("too long by 1 bytes"), "{text}");
            assert!(!succeed(output, &long[1..], "").is_error);
        }
        assert!(!succeed(Output::Text, &long, "").is_error);
    }

    #[test]
    fn output_that_memory_was_missing_for_is_no_success() {
        let (stdout, stderr) = (captured(b"{}"), captured(b""));
        let ended = Ended {
            exit: Exit::Status(0),
            stdout,
            stderr,
            starved: true,
        };
        assert!(error_text(succeeded(&Output::Json, ended)).contains("limits.memory"));
    }
}
