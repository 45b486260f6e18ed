//! What is found, as text for the model and as `structuredContent`.
//!
//! Both say the same. The text has few words beside what was found: a place that can be opened, the
//! heading, some lines. Whatever does not fit into the output is left out from the end, and the
//! answer says how much.

use super::decision::Record;
use crate::tool::Outcome;
use crate::wire::json::Object;
use std::fmt::Write;

/// Bytes that an answer may have beside what was found.
const FRAME_BYTES: usize = 512;

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The file, as its resource is called: `insight://code/src/store.rs`.
    pub uri: String,
    /// Its path.
    pub path: String,
    /// [`Passage::title`](super::Passage::title).
    pub title: String,
    /// Its first line, counted from one.
    pub line: u32,
    /// Its last line.
    pub line_last: u32,
    /// The language, of code.
    pub language: Option<&'static str>,
    /// What is shown of it, by [`snippet`](super::snippet::snippet).
    pub snippet: String,
    /// How well it fits: of two hits of one answer the greater fits better.
    pub score: f32,
}

/// A decision that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The file, as its resource is called.
    pub uri: String,
    /// Its path.
    pub path: String,
    /// What the file tells of it.
    pub record: Record,
}

/// The answer to a [`Query`](super::query::Query).
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Passages, best first.
    Hits(Vec<Hit>),
    /// Decisions in the order of their numbers, or best first where words were asked for.
    Decisions(Vec<Decision>),
    /// Nothing can be said: why not, for the client.
    Failed(String),
}

/// The schema of [`hits`]. What is optional in it is left out where there is none.
pub(super) const HITS_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"hits":{"type":"array","#,
    r#""description":"What was found, best first.","items":{"type":"object","properties":{"#,
    r#""uri":{"type":"string","description":"The resource that is the whole file."},"#,
    r#""path":{"type":"string"},"title":{"type":"string"},"#,
    r#""line":{"type":"integer"},"lineLast":{"type":"integer"},"language":{"type":"string"},"#,
    r#""snippet":{"type":"string"},"score":{"type":"number"}},"#,
    r#""required":["uri","path","title","line","lineLast","snippet","score"]}},"#,
    r#""indexed":{"type":"object","description":"Is there while the index is incomplete.","#,
    r#""properties":{"files":{"type":"integer"},"of":{"type":"integer"}},"#,
    r#""required":["files","of"]},"omitted":{"type":"integer"},"note":{"type":"string"}},"#,
    r#""required":["hits"]}"#
);

/// The schema of [`decisions`].
pub(super) const DECISIONS_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"decisions":{"type":"array","items":{"type":"object","#,
    r#""properties":{"uri":{"type":"string","description":"The resource that is the file."},"#,
    r#""path":{"type":"string"},"number":{"type":"integer"},"title":{"type":"string"},"#,
    r#""status":{"type":"string"},"date":{"type":"string"},"#,
    r#""supersedes":{"type":"array","items":{"type":"integer"}},"#,
    r#""supersededBy":{"type":"integer"}},"#,
    r#""required":["uri","path","title","status","supersedes"]}},"#,
    r#""indexed":{"type":"object","description":"Is there while the index is incomplete.","#,
    r#""properties":{"files":{"type":"integer"},"of":{"type":"integer"}},"#,
    r#""required":["files","of"]},"omitted":{"type":"integer"},"note":{"type":"string"}},"#,
    r#""required":["decisions"]}"#
);

/// What surrounds what was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// What was read otherwise than it was said; empty for nothing.
    pub note: &'a str,
    /// Files that are known and files that there are, while the index is incomplete.
    pub incomplete: Option<(u32, u32)>,
    /// Bytes that the answer may have, text and structure together.
    pub bytes_max: usize,
}

/// Passages as an outcome.
pub(super) fn hits(hits: &[Hit], frame: &Frame<'_>) -> Outcome {
    let told = hits
        .iter()
        .enumerate()
        .map(|(place, hit)| (hit_text(place + 1, hit), hit_object(hit)));
    let heading = match hits.len() {
        0 => "Nothing was found: try other words, or fewer.",
        1 => "One passage fits:",
        _ => "Best first:",
    };
    tell("hits", heading, told, frame)
}

/// Decisions as an outcome.
pub(super) fn decisions(decisions: &[Decision], frame: &Frame<'_>) -> Outcome {
    let heading = match decisions.len() {
        0 => "There is no such decision.",
        1 => "One decision:",
        _ => "Decisions:",
    };
    let told = decisions
        .iter()
        .map(|decision| (decision_text(decision), decision_object(decision)));
    tell("decisions", heading, told, frame)
}

/// As much of `told` as fits, each once as text and once as an object.
fn tell(
    name: &str,
    heading: &str,
    told: impl ExactSizeIterator<Item = (String, Object)>,
    frame: &Frame<'_>,
) -> Outcome {
    let count = told.len();
    let mut text = heading.to_string();
    let mut objects = Vec::new();
    let mut bytes_left = frame.bytes_max.saturating_sub(FRAME_BYTES);
    for (line, object) in told {
        let bytes = line.len() + object.bytes() + 2;
        if bytes > bytes_left {
            break;
        }
        bytes_left -= bytes;
        text.push_str(&line);
        objects.push(object);
    }
    let omitted = count - objects.len();
    let mut structured = Object::default().list(name, objects.into_iter());
    if let Some((done, all)) = frame.incomplete {
        push(
            &mut text,
            format_args!("The index is not complete yet: {done} of {all} files so far."),
        );
        let indexed = Object::default().plain("files", done).plain("of", all);
        structured = structured.object("indexed", indexed);
    }
    if omitted > 0 {
        push(
            &mut text,
            format_args!("{omitted} more did not fit: the operator can raise limits.output."),
        );
        structured = structured.plain("omitted", omitted);
    }
    if !frame.note.is_empty() {
        push(&mut text, format_args!("{}", frame.note));
        structured = structured.text("note", frame.note);
    }
    Outcome {
        structured: Some(structured.text_end().into()),
        ..Outcome::text(text)
    }
}

/// A paragraph of its own.
fn push(text: &mut String, sentence: std::fmt::Arguments<'_>) {
    write!(text, "\n\n{sentence}").expect("a String takes all text");
}

fn hit_text(place: usize, hit: &Hit) -> String {
    let Hit {
        path,
        line,
        line_last,
        title,
        snippet,
        ..
    } = hit;
    let path = one_line(path);
    let title = one_line(title);
    format!("\n\n[{place}] {path}:{line}-{line_last} {title}\n{snippet}")
}

/// Names of files may have line feeds in them, which must not look like another hit.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn hit_object(hit: &Hit) -> Object {
    Object::default()
        .text("uri", &hit.uri)
        .text("path", &hit.path)
        .text("title", &hit.title)
        .plain("line", hit.line)
        .plain("lineLast", hit.line_last)
        .optional_text("language", hit.language)
        .text("snippet", &hit.snippet)
        .json("score", thousandths(hit.score).as_bytes())
}

/// A score as JSON. Printing floating point numbers would be another part of the program, and what
/// is no number has no place in JSON.
fn thousandths(score: f32) -> String {
    // Casts saturate, and make zero of what is no number.
    let thousandths = (score * 1000.0) as u32;
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

fn decision_text(decision: &Decision) -> String {
    let mut text = "\n".to_string();
    let Decision { path, record, .. } = decision;
    if let Some(number) = record.number {
        push_words(&mut text, format_args!("{number:04}"));
    }
    let status = match record.status.as_str() {
        "" => "no status",
        status => status,
    };
    push_words(&mut text, format_args!("[{}]", one_line(status)));
    if let Some(date) = &record.date {
        push_words(&mut text, format_args!("{}", one_line(date)));
    }
    let (title, path) = (one_line(&record.title), one_line(path));
    push_words(&mut text, format_args!("{title} ({path})"));
    if !record.supersedes.is_empty() {
        let numbers = listed(&record.supersedes, ", ");
        push_words(&mut text, format_args!("supersedes {numbers}"));
    }
    if let Some(number) = record.superseded_by {
        push_words(&mut text, format_args!("superseded by {number}"));
    }
    text
}

fn push_words(text: &mut String, words: std::fmt::Arguments<'_>) {
    if !text.ends_with('\n') {
        text.push(' ');
    }
    text.write_fmt(words).expect("a String takes all text");
}

fn listed(numbers: &[u32], separator: &str) -> String {
    let numbers = numbers.iter().map(u32::to_string);
    numbers.collect::<Vec<_>>().join(separator)
}

fn decision_object(decision: &Decision) -> Object {
    let Decision { uri, path, record } = decision;
    let supersedes = format!("[{}]", listed(&record.supersedes, ","));
    Object::default()
        .text("uri", uri)
        .text("path", path)
        .optional("number", record.number)
        .text("title", &record.title)
        .text("status", &record.status)
        .optional_text("date", record.date.as_deref())
        .json("supersedes", supersedes.as_bytes())
        .optional("supersededBy", record.superseded_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(path: &str, snippet: &str) -> Hit {
        Hit {
            uri: format!("insight://code/{path}"),
            path: path.to_string(),
            title: "Store::open".to_string(),
            line: 3,
            line_last: 9,
            language: Some("rust"),
            snippet: snippet.to_string(),
            score: 1.25,
        }
    }

    fn frame(bytes_max: usize) -> Frame<'static> {
        Frame {
            note: "",
            incomplete: None,
            bytes_max,
        }
    }

    #[test]
    fn text_and_structure_say_the_same() {
        let outcome = hits(&[hit("a.rs", "fn open() {\n}")], &frame(4096));
        assert_eq!(
            outcome.said(),
            "One passage fits:\n\n[1] a.rs:3-9 Store::open\nfn open() {\n}"
        );
        let expected = concat!(
            r#"{"hits":[{"uri":"insight://code/a.rs","path":"a.rs","title":"Store::open","#,
            r#""line":3,"lineLast":9,"language":"rust","snippet":"fn open() {\n}","score":1.250}]}"#
        );
        assert_eq!(outcome.structured.as_deref(), Some(expected));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_counted() {
        let many = vec![hit("a.rs", &"x".repeat(500)); 50];
        let outcome = hits(&many, &frame(8192));
        assert!(outcome.bytes() <= 8192, "{}", outcome.bytes());
        let structured = outcome.structured.as_deref().unwrap();
        assert!(structured.ends_with(r#"}],"omitted":44}"#), "{structured}");
        let text = outcome.said();
        assert!(
            text.contains("44 more did not fit: the operator can raise"),
            "{text}"
        );
        assert_eq!(hits(&many, &frame(0)).said().matches("a.rs").count(), 0);
    }

    #[test]
    fn an_incomplete_index_and_notes_are_told() {
        let frame = Frame {
            note: "The limit is 50.",
            incomplete: Some((312, 4000)),
            bytes_max: 4096,
        };
        let outcome = hits(&[], &frame);
        assert_eq!(
            outcome.said(),
            "Nothing was found: try other words, or fewer.\n\nThe index is not complete yet: 312 \
             of 4000 files so far.\n\nThe limit is 50."
        );
        let expected = r#"{"hits":[],"indexed":{"files":312,"of":4000},"note":"The limit is 50."}"#;
        assert_eq!(outcome.structured.as_deref(), Some(expected));
    }

    #[test]
    fn names_with_line_feeds_do_not_look_like_hits() {
        let outcome = hits(&[hit("a\n\n[2] b.rs", "")], &frame(4096));
        assert_eq!(outcome.said().lines().count(), 3, "{}", outcome.said());
    }

    #[test]
    fn scores_are_json_whatever_they_are() {
        let table = [
            (0.0, "0.000"),
            (1.0625, "1.062"),
            (12.5, "12.500"),
            (-3.0, "0.000"),
            (f32::NAN, "0.000"),
            (f32::INFINITY, "4294967.295"),
        ];
        for (score, expected) in table {
            assert_eq!(thousandths(score), expected);
        }
    }

    #[test]
    fn decisions_are_told_in_a_line_each() {
        let use_rust = Decision {
            uri: "insight://adr/0001-use-rust.md".to_string(),
            path: "adr/0001-use-rust.md".to_string(),
            record: Record {
                number: Some(1),
                title: "Use Rust".to_string(),
                status: "superseded".to_string(),
                date: Some("2024-05-01".to_string()),
                supersedes: vec![],
                superseded_by: Some(7),
            },
        };
        let nothing_known = Decision {
            record: Record {
                title: "Use Rust".to_string(),
                supersedes: vec![1, 3],
                ..Record::default()
            },
            ..use_rust.clone()
        };
        let outcome = decisions(&[use_rust, nothing_known], &frame(4096));
        assert_eq!(
            outcome.said(),
            "Decisions:\n0001 [superseded] 2024-05-01 Use Rust (adr/0001-use-rust.md) superseded \
             by 7\n[no status] Use Rust (adr/0001-use-rust.md) supersedes 1, 3"
        );
        let expected = concat!(
            r#"{"decisions":[{"uri":"insight://adr/0001-use-rust.md","#,
            r#""path":"adr/0001-use-rust.md","number":1,"title":"Use Rust","#,
            r#""status":"superseded","date":"2024-05-01","supersedes":[],"supersededBy":7},"#,
            r#"{"uri":"insight://adr/0001-use-rust.md","path":"adr/0001-use-rust.md","#,
            r#""title":"Use Rust","status":"","supersedes":[1,3]}]}"#
        );
        assert_eq!(outcome.structured.as_deref(), Some(expected));
    }
}
