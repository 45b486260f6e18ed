//! Values checked against what a setting takes: text, count, size, duration, list.
//!
//! Each reader has a twin that says in words what it expects, for complaints and the reference.

use super::complaint::Fault;
use super::document::{Data, Value};
use super::units::{self, Bytes, Span};
use std::ops::RangeInclusive;
use std::time::Duration;

/// In words: what [`count`] takes.
pub(super) fn count_expected(range: &RangeInclusive<u32>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

/// A whole number within `range`.
pub(super) fn count(value: &Value, range: &RangeInclusive<u32>) -> Result<u32, Fault> {
    let number = match value.data {
        Data::Integer(number) => u32::try_from(number).ok(),
        Data::Text(_)
        | Data::Float(_)
        | Data::Boolean(_)
        | Data::Strange(_)
        | Data::List(_)
        | Data::Table(_) => None,
    };
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| value.refuse(&count_expected(range)))
}

/// In words: what [`size`] takes.
pub(super) fn size_expected(range: &RangeInclusive<usize>) -> String {
    let shown = |bytes: &usize| Bytes(*bytes as u64).to_string();
    format!(
        "a size from {} to {} such as \"64KiB\"",
        shown(range.start()),
        shown(range.end())
    )
}

/// A size within `range`: `"64KiB"`, or bytes as a number.
pub(super) fn size(value: &Value, range: &RangeInclusive<usize>) -> Result<usize, Fault> {
    let bytes = match &value.data {
        Data::Integer(number) => u64::try_from(*number).ok(),
        Data::Text(text) => units::parse_size(text),
        Data::Float(_) | Data::Boolean(_) | Data::Strange(_) | Data::List(_) | Data::Table(_) => {
            None
        }
    };
    bytes
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| value.refuse(&size_expected(range)))
}

/// In words: what [`duration`] takes.
pub(super) fn duration_expected(range: &RangeInclusive<Duration>) -> String {
    let (least, most) = (Span(*range.start()), Span(*range.end()));
    format!("a duration from {least} to {most} such as \"1m30s\"")
}

/// A duration within `range`, with its units.
pub(super) fn duration(value: &Value, range: &RangeInclusive<Duration>) -> Result<Duration, Fault> {
    value
        .as_text()
        .and_then(units::parse_duration)
        .filter(|duration| range.contains(duration))
        .ok_or_else(|| value.refuse(&duration_expected(range)))
}

/// Which letters a text may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    /// No control characters.
    Line,
    /// Line ends and tabs too.
    Lines,
    /// Any but NUL, which no argument and no variable of a process can hold.
    Process,
    /// Any.
    All,
}

impl Letters {
    fn allow(self, letter: char) -> bool {
        match self {
            Letters::Line => !letter.is_control(),
            Letters::Lines => matches!(letter, '\n' | '\r' | '\t') || !letter.is_control(),
            Letters::Process => letter != '\0',
            Letters::All => true,
        }
    }
}

/// In words: what [`text`] takes.
pub(super) fn text_expected(bytes_max: usize, letters: Letters) -> String {
    let suffix = match letters {
        Letters::Line => " without control characters",
        Letters::Lines => " without control characters other than line ends and tabs",
        Letters::Process => " without NUL",
        Letters::All => "",
    };
    format!("a text of 1 to {bytes_max} bytes{suffix}")
}

/// A text that is not empty.
pub(super) fn text(value: &Value, bytes_max: usize, letters: Letters) -> Result<String, Fault> {
    value
        .as_text()
        .filter(|text| (1..=bytes_max).contains(&text.len()))
        .filter(|text| text.chars().all(|letter| letters.allow(letter)))
        .map(str::to_string)
        .ok_or_else(|| value.refuse(&text_expected(bytes_max, letters)))
}

/// `true` or `false`.
pub(super) fn flag(value: &Value) -> Result<bool, Fault> {
    match value.data {
        Data::Boolean(flag) => Ok(flag),
        Data::Text(_)
        | Data::Integer(_)
        | Data::Float(_)
        | Data::Strange(_)
        | Data::List(_)
        | Data::Table(_) => Err(value.refuse("true or false")),
    }
}

/// The items of a list. A lone text is a list of one: `--set listen=8080` reads well.
pub(super) fn items<'a>(value: &'a Value, expected: &str) -> Result<&'a [Value], Fault> {
    match &value.data {
        Data::List(items) => Ok(items),
        Data::Text(_) => Ok(std::slice::from_ref(value)),
        Data::Integer(_)
        | Data::Float(_)
        | Data::Boolean(_)
        | Data::Strange(_)
        | Data::Table(_) => Err(value.refuse(expected)),
    }
}

/// A list of at most `count_max` different items, each read by `item`, which may give several.
pub(super) fn list<T: PartialEq>(
    value: &Value,
    expected: &str,
    count_max: usize,
    item: impl Fn(&Value) -> Result<Vec<T>, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut found = Vec::new();
    for each in items(value, expected)? {
        for read in item(each)? {
            if found.contains(&read) {
                return Err(Fault {
                    line: each.line,
                    problem: format!("{each} is listed twice"),
                });
            }
            found.push(read);
        }
        if found.len() > count_max {
            return Err(Fault {
                line: each.line,
                problem: format!("expected at most {count_max} items"),
            });
        }
    }
    Ok(found)
}

/// One of `words`, as its place among them.
pub(super) fn word(value: &Value, words: &[&str]) -> Result<usize, Fault> {
    let found = value.as_text();
    words
        .iter()
        .position(|word| Some(*word) == found)
        .ok_or_else(|| value.refuse(&words_expected(words)))
}

/// In words: what [`word`] takes.
pub(super) fn words_expected(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => {
            format!("{} or {last}", others.join(", "))
        }
        Some(_) | None => quoted.concat(),
    }
}

/// A `Host` name in lower case, if `text` is one: a name, an IPv4 address, or an IPv6 address in
/// brackets; never a port, since the port of a listener is known.
pub(super) fn parse_host(text: &str) -> Option<String> {
    let name = |text: &str| {
        !text.is_empty()
            && text.len() <= 253
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    let address = |text: &str| {
        let inner = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    (name(text) || address(text)).then(|| text.to_ascii_lowercase())
}

/// An origin as browsers write it (RFC 6454 section 6.2): lower case, without the scheme's own
/// port, without a path.
pub(super) fn parse_origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let scheme_letter =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(scheme_letter)
    {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    if let Some(host) = parse_host(authority) {
        return Some(format!("{scheme}://{host}"));
    }
    let (host, port) = authority.rsplit_once(':')?;
    let host = parse_host(host)?;
    let port = crate::edge::listen::parse_port(port)?;
    match (scheme.as_str(), port) {
        ("http", 80) | ("https", 443) => Some(format!("{scheme}://{host}")),
        (scheme, port) => Some(format!("{scheme}://{host}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_without_ports() {
        let table = [
            ("garage-pi.local", Some("garage-pi.local")),
            ("Garage-Pi", Some("garage-pi")),
            ("192.168.1.5", Some("192.168.1.5")),
            ("[FD00::1]", Some("[fd00::1]")),
            ("fd00::1", None),
            ("garage-pi:8000", None),
            ("http://garage-pi", None),
            ("*", None),
            ("", None),
            ("a b", None),
            ("[::1", None),
            ("[pi]", None),
        ];
        for (text, host) in table {
            assert_eq!(parse_host(text).as_deref(), host, "{text}");
        }
        assert!(parse_host(&"a".repeat(253)).is_some());
        assert!(parse_host(&"a".repeat(254)).is_none());
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let table = [
            ("http://pi.local:8000", Some("http://pi.local:8000")),
            ("HTTP://PI.local:80", Some("http://pi.local")),
            ("https://pi.local:443", Some("https://pi.local")),
            ("https://pi.local:80", Some("https://pi.local:80")),
            ("http://[::1]:8000", Some("http://[::1]:8000")),
            ("http://[::1]", Some("http://[::1]")),
            ("vscode-webview://abc", Some("vscode-webview://abc")),
            ("http://pi.local/", None),
            ("http://pi.local:", None),
            ("http://pi.local:+1", None),
            ("http://pi.local:99999", None),
            ("http://", None),
            ("://pi", None),
            ("1http://pi", None),
            ("pi.local", None),
            ("null", None),
            ("*", None),
        ];
        for (text, origin) in table {
            assert_eq!(parse_origin(text).as_deref(), origin, "{text}");
        }
    }

    #[test]
    fn words_are_listed_as_one_says_them() {
        assert_eq!(words_expected(&["a"]), "\"a\"");
        assert_eq!(words_expected(&["a", "b"]), "\"a\" or \"b\"");
        assert_eq!(words_expected(&["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
    }

    #[test]
    fn each_kind_of_text_keeps_out_what_harms_it() {
        let table = [
            ("a b", [true, true, true, true]),
            ("a\nb", [false, true, true, true]),
            ("a\u{1b}b", [false, false, true, true]),
            ("a\0b", [false, false, false, true]),
            ("", [false; 4]),
            ("12345", [false; 4]),
        ];
        for (written, expected) in table {
            let kinds = [
                Letters::Line,
                Letters::Lines,
                Letters::Process,
                Letters::All,
            ];
            let taken = kinds.map(|letters| text(&Value::text(written), 4, letters).is_ok());
            assert_eq!(taken, expected, "{written:?}");
        }
    }
}
