//! What is asked, within bounds: the arguments of a call become a [`Query`], or a sentence that
//! says what is wrong with them.
//!
//! What has an obvious meaning is taken: too many hits are as many as there may be, and of an
//! endless question its beginning is read. The answer says so. What has none is refused.

use crate::wire::json;
use serde_json::value::RawValue;
use std::fmt::Write;

/// Hits that are given where nothing is said.
pub const LIMIT_DEFAULT: usize = 10;

/// Hits that are given at most: more help no model.
pub const LIMIT_MAX: usize = 50;

/// Bytes of a question that are read.
pub const QUERY_BYTES_MAX: usize = 1024;

/// Bytes of the name of a language or of a status.
const NAME_BYTES_MAX: usize = 64;

/// Characters of a wrong value that are shown to who sent it.
const SHOWN_CHARS_MAX: usize = 60;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Sections of documents.
    Knowledge {
        /// What is looked for.
        words: String,
        /// Hits at most.
        limit: usize,
    },
    /// Definitions in programs.
    Code {
        /// What is looked for.
        words: String,
        /// Hits at most.
        limit: usize,
        /// The only language that is wanted, as `language` names it.
        language: Option<String>,
    },
    /// Architecture decision records.
    Decisions {
        /// The only status that is wanted: `accepted`.
        status: Option<String>,
        /// What they are about; all of them without.
        words: Option<String>,
    },
}

/// A question as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub query: Query,
    /// What was read otherwise than it was said, for the model; empty for nothing.
    pub note: String,
}

/// Reads arguments.
pub type Read = fn(&RawValue) -> Result<Asked, String>;

/// Reads the arguments of `knowledge-search`.
///
/// # Errors
///
/// What is wrong with them, for a model.
pub fn knowledge(arguments: &RawValue) -> Result<Asked, String> {
    let [query, limit] = pick(arguments, ["query", "limit"])?;
    let mut note = String::new();
    let query = Query::Knowledge {
        words: words(query, &mut note)?.ok_or(QUERY_MISSING)?,
        limit: self::limit(limit, &mut note)?,
    };
    Ok(Asked { query, note })
}

/// Reads the arguments of `vector-search`.
///
/// # Errors
///
/// What is wrong with them, for a model.
pub fn code(arguments: &RawValue) -> Result<Asked, String> {
    let [query, limit, language] = pick(arguments, ["query", "limit", "language"])?;
    let mut note = String::new();
    let query = Query::Code {
        words: words(query, &mut note)?.ok_or(QUERY_MISSING)?,
        limit: self::limit(limit, &mut note)?,
        language: name("language", language)?,
    };
    Ok(Asked { query, note })
}

/// Reads the arguments of `adr-list`.
///
/// # Errors
///
/// What is wrong with them, for a model.
pub fn decisions(arguments: &RawValue) -> Result<Asked, String> {
    let [status, query] = pick(arguments, ["status", "query"])?;
    let mut note = String::new();
    let query = Query::Decisions {
        status: name("status", status)?,
        words: words(query, &mut note)?,
    };
    Ok(Asked { query, note })
}

const QUERY_MISSING: &str =
    "argument \"query\": expected words that tell what is looked for, got none";

/// The arguments of these names; null counts as absent, which some models send for each that they
/// leave out.
fn pick<'a, const N: usize>(
    arguments: &'a RawValue,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], String> {
    match json::pick_only(arguments.get(), names) {
        Ok(given) => Ok(given.map(json::said)),
        Err(error) => Err(format!(
            "expected an object with no other arguments than {}: {error}",
            names.join(", ")
        )),
    }
}

fn wrong(name: &str, expected: &str, json: &RawValue) -> String {
    let shown: String = json.get().chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if shown.len() < json.get().len() {
        "..."
    } else {
        ""
    };
    format!("argument {name:?}: expected {expected}, got {shown}{dots}")
}

/// What is looked for; `None` for nothing but white space. Of what is longer than
/// [`QUERY_BYTES_MAX`] whole words are kept.
fn words(json: Option<&RawValue>, note: &mut String) -> Result<Option<String>, String> {
    let Some(json) = json else {
        return Ok(None);
    };
    let text = json::text(json).ok_or_else(|| wrong("query", "a text", json))?;
    let text = text.trim();
    if text.len() <= QUERY_BYTES_MAX {
        return Ok((!text.is_empty()).then(|| text.to_string()));
    }
    let cut = first_bytes(text, QUERY_BYTES_MAX);
    let cut = cut
        .rsplit_once(char::is_whitespace)
        .map_or(cut, |(whole, _)| whole);
    push_note(
        note,
        format_args!("Only the first {} bytes of the query were read.", cut.len()),
    );
    Ok(Some(cut.to_string()))
}

/// At most the first `bytes_max` bytes, without a half letter.
pub(crate) fn first_bytes(text: &str, bytes_max: usize) -> &str {
    let mut ends = (0..=bytes_max.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// How many hits are wanted.
fn limit(json: Option<&RawValue>, note: &mut String) -> Result<usize, String> {
    let Some(json) = json else {
        return Ok(LIMIT_DEFAULT);
    };
    let expected = || format!("a whole number from 1 to {LIMIT_MAX}");
    match whole(json.get()) {
        Some(limit @ 1..=LIMIT_MAX) => Ok(limit),
        Some(0) | None => Err(wrong("limit", &expected(), json)),
        Some(_) => {
            push_note(
                note,
                format_args!("The limit is {LIMIT_MAX}: more are not given."),
            );
            Ok(LIMIT_MAX)
        }
    }
}

/// A JSON number without a fraction or with one of zeros; what is too large for the type is its
/// largest number.
fn whole(json: &str) -> Option<usize> {
    let (digits, fraction) = json.split_once('.').unwrap_or((json, "0"));
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_number = is_whole(digits) && fraction.bytes().all(|digit| digit == b'0');
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

/// A name, in small letters.
fn name(argument: &str, json: Option<&RawValue>) -> Result<Option<String>, String> {
    let Some(json) = json else {
        return Ok(None);
    };
    let text = json::text(json).filter(|text| text.len() <= NAME_BYTES_MAX);
    let text = text.ok_or_else(|| wrong(argument, "a short text", json))?;
    let text = text.trim().to_lowercase();
    Ok((!text.is_empty()).then_some(text))
}

fn push_note(note: &mut String, sentence: std::fmt::Arguments<'_>) {
    if !note.is_empty() {
        note.push(' ');
    }
    note.write_fmt(sentence).expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(read: Read, arguments: &str) -> Result<Asked, String> {
        read(&RawValue::from_string(arguments.to_string()).unwrap())
    }

    fn found(words: &str, limit: usize, note: &str) -> Result<Asked, String> {
        let query = Query::Knowledge {
            words: words.to_string(),
            limit,
        };
        Ok(Asked {
            query,
            note: note.to_string(),
        })
    }

    #[test]
    fn what_has_an_obvious_meaning_is_taken() {
        let table = [
            (r#"{"query":"a b"}"#, found("a b", LIMIT_DEFAULT, "")),
            (
                r#"{"query":" \u00e4 \n","limit":null}"#,
                found("ä", LIMIT_DEFAULT, ""),
            ),
            (r#"{"query":"a","limit":1}"#, found("a", 1, "")),
            (r#"{"query":"a","limit":5.0}"#, found("a", 5, "")),
            (r#"{"query":"a","limit":50}"#, found("a", 50, "")),
        ];
        for (arguments, expected) in table {
            assert_eq!(read(knowledge, arguments), expected, "{arguments}");
        }
        let most = "The limit is 50: more are not given.";
        for limit in ["51", "1000000", "99999999999999999999999999"] {
            let arguments = format!(r#"{{"query":"a","limit":{limit}}}"#);
            assert_eq!(read(knowledge, &arguments), found("a", 50, most), "{limit}");
        }
    }

    #[test]
    fn of_an_endless_question_whole_words_are_read() {
        let long = "wörter ".repeat(1_000_000);
        let asked = read(knowledge, &format!(r#"{{"query":"{long}","limit":99}}"#)).unwrap();
        let Query::Knowledge { words, .. } = asked.query else {
            panic!("knowledge was asked for");
        };
        assert!(
            (1000..=QUERY_BYTES_MAX).contains(&words.len()),
            "{}",
            words.len()
        );
        assert!(words.ends_with(" wörter"), "{words}");
        let note = "Only the first 1023 bytes of the query were read. The limit is 50: more are \
                    not given.";
        assert_eq!(asked.note, note);
        let letters = format!(r#"{{"query":"{}"}}"#, "ä".repeat(10_000));
        let asked = read(knowledge, &letters).unwrap();
        assert!(asked.note.contains("1024 bytes"), "{}", asked.note);
        let fits = format!(r#"{{"query":"{}"}}"#, "a".repeat(QUERY_BYTES_MAX));
        assert_eq!(read(knowledge, &fits).unwrap().note, "");
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_name() {
        let whole = "argument \"limit\": expected a whole number from 1 to 50, got ";
        let table: [(Read, &str, String); 13] = [
            (knowledge, "{}", QUERY_MISSING.to_string()),
            (knowledge, r#"{"query":null}"#, QUERY_MISSING.to_string()),
            (code, r#"{"query":" \t\n "}"#, QUERY_MISSING.to_string()),
            (
                code,
                r#"{"query":7}"#,
                "argument \"query\": expected a text, got 7".to_string(),
            ),
            (knowledge, r#"{"query":"a","limit":0}"#, format!("{whole}0")),
            (
                knowledge,
                r#"{"query":"a","limit":0.0}"#,
                format!("{whole}0.0"),
            ),
            (
                knowledge,
                r#"{"query":"a","limit":-3}"#,
                format!("{whole}-3"),
            ),
            (code, r#"{"query":"a","limit":2.5}"#, format!("{whole}2.5")),
            (code, r#"{"query":"a","limit":1e9}"#, format!("{whole}1e9")),
            (
                code,
                r#"{"query":"a","limit":"5"}"#,
                format!("{whole}\"5\""),
            ),
            (
                code,
                r#"{"query":"a","language":["rust"]}"#,
                "argument \"language\": expected a short text, got [\"rust\"]".to_string(),
            ),
            (
                decisions,
                r#"{"status":true}"#,
                "argument \"status\": expected a short text, got true".to_string(),
            ),
            (
                decisions,
                r#"{"query":{}}"#,
                "argument \"query\": expected a text, got {}".to_string(),
            ),
        ];
        for (reader, arguments, expected) in table {
            assert_eq!(read(reader, arguments), Err(expected), "{arguments}");
        }
        for arguments in [
            r#"{"query":"a","k":5}"#,
            "[]",
            "7",
            r#"{"query":"a","query":"b"}"#,
        ] {
            let problem = read(knowledge, arguments).unwrap_err();
            let expected = "expected an object with no other arguments than query, limit: ";
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn filters_are_read_in_small_letters_and_may_be_absent() {
        let asked = read(decisions, r#"{"status":" Accepted "}"#).unwrap().query;
        let expected = Query::Decisions {
            status: Some("accepted".to_string()),
            words: None,
        };
        assert_eq!(asked, expected);
        for arguments in ["{}", r#"{"status":"","query":"  "}"#, r#"{"status":null}"#] {
            let nothing = Query::Decisions {
                status: None,
                words: None,
            };
            assert_eq!(
                read(decisions, arguments).unwrap().query,
                nothing,
                "{arguments}"
            );
        }
        let asked = read(code, r#"{"query":"a","language":"Rust"}"#)
            .unwrap()
            .query;
        let Query::Code { language, .. } = asked else {
            panic!("code was asked for");
        };
        assert_eq!(language.as_deref(), Some("rust"));
    }
}
