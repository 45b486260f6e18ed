//! A configuration text as a tree of values that remember their lines.
//!
//! The TOML crate reads the text; here its borrowed tree becomes a small owned one in the order of
//! the file, which is what the rest of the loader takes apart. Nothing here knows a setting.

use super::complaint::Fault;
use super::units::Quoted;
use crate::wire::json;
use serde_json::value::RawValue;
use std::fmt;
use toml::de::{DeTable, DeValue};

/// How deep a JSON file is read. Servers need five levels; whatever is deeper is for others.
const JSON_DEPTH_MAX: u32 = 8;

/// A value and the line where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    /// Counted from 1.
    pub line: u32,
    /// What it is.
    pub data: Data,
}

/// The kinds of TOML value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    /// A string.
    Text(String),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A finite number with a fraction or an exponent.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// What no setting takes: a date, infinity, or a number beyond 64 bits. Kept to be shown.
    Strange(String),
    /// An array.
    List(Vec<Value>),
    /// A table.
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// One part of the dotted key.
    pub key: String,
    /// Where the key stands.
    pub line: u32,
    /// Its value.
    pub value: Value,
}

impl Value {
    /// A text that was not written in a file.
    pub fn text(text: &str) -> Value {
        Value {
            line: 0,
            data: Data::Text(text.to_string()),
        }
    }

    /// A list that was not written in a file.
    pub fn list(items: Vec<Value>) -> Value {
        Value {
            line: 0,
            data: Data::List(items),
        }
    }

    /// The complaint that something else was expected here.
    pub fn refuse(&self, expected: &str) -> Fault {
        Fault {
            line: self.line,
            problem: format!("expected {expected}, found {self}"),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Integer(_)
            | Data::Float(_)
            | Data::Boolean(_)
            | Data::Strange(_)
            | Data::List(_)
            | Data::Table(_) => None,
        }
    }
}

impl fmt::Display for Value {
    /// As a complaint shows what it found: short, whatever was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_CHARS_MAX: usize = 60;
        match &self.data {
            Data::Text(text) => match text.char_indices().nth(SHOWN_CHARS_MAX) {
                Some((end, _)) => write!(f, "{}...", Quoted(&text[..end])),
                None => write!(f, "{}", Quoted(text)),
            },
            Data::Integer(number) => write!(f, "{number}"),
            Data::Float(number) => write!(f, "{number:?}"),
            Data::Boolean(flag) => write!(f, "{flag}"),
            Data::Strange(text) => write!(f, "{text:.SHOWN_CHARS_MAX$}"),
            Data::List(items) if items.is_empty() => f.write_str("an empty list"),
            Data::List(_) => f.write_str("a list"),
            Data::Table(_) => f.write_str("a table"),
        }
    }
}

/// Reads a whole file. The errors are those of TOML itself, all of them.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(lines.entries(table.into_inner()));
    }
    let fault = |error: toml::de::Error| Fault {
        line: lines.line(error.span().map_or(0, |span| span.start)),
        problem: format!("not TOML: {}", error.message()),
    };
    let mut faults: Vec<Fault> = errors.into_iter().map(fault).collect();
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

/// Reads a JSON file.
pub(super) fn json(text: &str) -> Result<Data, Fault> {
    let text = text.trim_start_matches('\u{feff}');
    let read = serde_json::from_str::<&RawValue>(text);
    let whole = read.map_err(|error| Fault {
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        problem: format!("not JSON: {error}"),
    })?;
    Ok(Lines::of(text).json(text, whole, JSON_DEPTH_MAX).data)
}

/// Reads the value of `--set`: TOML if it is TOML, else the text as it stands.
pub(super) fn parse_value(text: &str) -> Value {
    match DeValue::parse(text) {
        Ok(value) => Lines::of("").value(value),
        Err(_) => Value::text(text),
    }
}

/// The offset of each line's first byte, so that finding a line is a binary search.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Lines {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines {
            starts: ends.map(|(offset, _)| offset + 1).collect(),
        }
    }

    /// The line of the byte at `offset`, counted from 1.
    fn line(&self, offset: usize) -> u32 {
        let before = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    fn value(&self, value: toml::Spanned<DeValue<'_>>) -> Value {
        let line = self.line(value.span().start);
        let data = match value.into_inner() {
            DeValue::String(text) => Data::Text(text.into_owned()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(integer) => Data::Integer(integer),
                    Err(_) => Data::Strange(number.to_string()),
                }
            }
            // JSON has no word for infinity either, so no call could name it.
            DeValue::Float(number) => match json::float(number.as_str()) {
                Some(float) => Data::Float(float),
                None => Data::Strange(number.to_string()),
            },
            DeValue::Boolean(flag) => Data::Boolean(flag),
            DeValue::Datetime(date) => Data::Strange(date.to_string()),
            DeValue::Array(items) => {
                Data::List(items.into_iter().map(|item| self.value(item)).collect())
            }
            DeValue::Table(table) => Data::Table(self.entries(table)),
        };
        Value { line, data }
    }

    /// A value of JSON, which is a part of the `whole`.
    fn json(&self, whole: &str, raw: &RawValue, depth_left: u32) -> Value {
        let json = raw.get();
        let offset = json.as_ptr() as usize - whole.as_ptr() as usize;
        let data = match json.as_bytes()[0] {
            b'{' | b'[' if depth_left == 0 => Data::Strange(json.to_string()),
            b'{' => {
                let mut entries = Vec::new();
                let read = json::each_member(json, &mut |key, value| {
                    let value = self.json(whole, value, depth_left - 1);
                    entries.push(Entry {
                        key: key.into_owned(),
                        line: value.line,
                        value,
                    });
                    Ok(())
                });
                read.expect("it was checked");
                Data::Table(entries)
            }
            b'[' => {
                let mut items = Vec::new();
                let read = json::each_element(json, &mut |item| {
                    items.push(self.json(whole, item, depth_left - 1));
                    Ok(())
                });
                read.expect("it was checked");
                Data::List(items)
            }
            b'"' => match json::text(raw) {
                Some(text) => Data::Text(text.into_owned()),
                None => Data::Strange(json.to_string()),
            },
            b't' => Data::Boolean(true),
            b'f' => Data::Boolean(false),
            _ => json
                .parse()
                .map_or_else(|_| Data::Strange(json.to_string()), Data::Integer),
        };
        Value {
            line: self.line(offset),
            data,
        }
    }

    /// The crate sorts keys by name; the operator's order is the one that counts.
    fn entries(&self, table: DeTable<'_>) -> Vec<Entry> {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (toml::Spanned<_>, _)| Entry {
            line: self.line(key.span().start),
            key: std::borrow::Cow::into_owned(key.into_inner()),
            value: self.value(value),
        };
        entries.into_iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_and_lines_of_the_file() {
        let text = "\u{feff}z = 1\r\na = [\r\n  2,\r\n]\r\n[[tool]]\r\n[tool.y]\r\nx = {c = 1}\r\n";
        let entries = parse(text).expect("this is TOML");
        let seen: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.line)).collect();
        assert_eq!(seen, [("z", 1), ("a", 2), ("tool", 5)]);
        let Data::List(items) = &entries[1].value.data else {
            panic!("a is a list");
        };
        assert_eq!(items[0].line, 3);
        let Data::List(tools) = &entries[2].value.data else {
            panic!("tool is a list");
        };
        assert_eq!(tools[0].line, 5);
        let Data::Table(tool) = &tools[0].data else {
            panic!("a tool is a table");
        };
        assert_eq!((tool[0].key.as_str(), tool[0].line), ("y", 6));
    }

    #[test]
    fn all_syntax_errors_are_told_with_their_lines() {
        let faults = parse("a = 1\na = 2\nb = \n[x]\n[x]\n").unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [2, 3, 5]);
        assert_eq!(faults[0].problem, "not TOML: duplicate key");
    }

    #[test]
    fn nesting_without_end_is_an_error_and_not_a_crash() {
        let brackets = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        let dots = format!("{} = 1", vec!["a"; 50_000].join("."));
        let header = format!("[{}]", vec!["a"; 50_000].join("."));
        for text in [brackets, dots, header] {
            assert!(parse(&text).is_err());
        }
    }

    #[test]
    fn what_is_not_toml_is_text_in_set() {
        let table = [
            ("10", Data::Integer(10)),
            ("0x10", Data::Integer(16)),
            ("1_000", Data::Integer(1000)),
            ("1.5", Data::Float(1.5)),
            ("true", Data::Boolean(true)),
            ("\"10\"", Data::Text("10".into())),
            ("8MiB", Data::Text("8MiB".into())),
            ("127.0.0.1:9000", Data::Text("127.0.0.1:9000".into())),
            ("", Data::Text(String::new())),
            ("1 2", Data::Text("1 2".into())),
            (
                "99999999999999999999",
                Data::Strange("99999999999999999999".into()),
            ),
            ("2024-01-01", Data::Strange("2024-01-01".into())),
        ];
        for (text, data) in table {
            assert_eq!(parse_value(text).data, data, "{text}");
        }
    }

    #[test]
    fn complaints_show_a_value_shortly() {
        let long = "x".repeat(10_000);
        let table = [
            ("\"a\\n\"", r#""a\n""#.to_string()),
            ("1.0", "1.0".to_string()),
            ("[]", "an empty list".to_string()),
            ("[1]", "a list".to_string()),
            ("{a = 1}", "a table".to_string()),
            (long.as_str(), format!("\"{}\"...", "x".repeat(60))),
        ];
        for (text, shown) in table {
            assert_eq!(parse_value(text).to_string(), shown);
        }
    }
}
