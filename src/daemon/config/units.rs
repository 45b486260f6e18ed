//! Sizes, durations and quoted texts: reading them, and writing them so that they read back.
//!
//! Units are demanded where a bare number could mean two things. `30` is no duration, and `8M` no
//! size, since half the world means 8,000,000 by it and the other half 8,388,608.

use std::fmt;
use std::time::Duration;

/// Unit and bytes, greatest first; the powers of 1024 are also those that are written.
const SIZE_UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("KB", 1000),
    ("B", 1),
];

/// Unit and milliseconds, greatest first.
const DURATION_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Bytes of a text like `8MiB`, `1MB`, `512B` or `1024`. No sign, no fraction, no blank.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// The time of a text like `25s`, `500ms` or `1h30m`: units from great to small, each once.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = DURATION_UNITS.iter();
    let mut millis: u64 = 0;
    loop {
        let (number, tail) = split_number(rest)?;
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (_, unit_millis) = units.find(|(name, _)| *name == &tail[..end])?;
        millis = millis.checked_add(number.checked_mul(*unit_millis)?)?;
        rest = &tail[end..];
        if rest.is_empty() {
            return Some(Duration::from_millis(millis));
        }
    }
}

/// The digits at the start and what follows them. Read by hand: `parse` would take `+5`.
fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    // No digits is an error of `parse` too.
    Some((digits.parse().ok()?, rest))
}

/// Bytes in the greatest unit that divides them: `8MiB`, `1500B`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |bytes: &u64| self.0 > 0 && self.0.is_multiple_of(*bytes);
        match SIZE_UNITS[..3].iter().find(|(_, bytes)| fits(bytes)) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A duration of whole milliseconds: `1h30m`, `500ms`, `0s`.
#[derive(Clone, Copy, Debug)]
pub(in crate::daemon) struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, unit_millis) in DURATION_UNITS {
            if millis >= unit_millis {
                write!(f, "{}{unit}", millis / unit_millis)?;
                millis %= unit_millis;
            }
        }
        Ok(())
    }
}

/// A text between quotes with the escapes of a TOML basic string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                letter if letter.is_control() => write!(f, "\\u{:04X}", letter as u32)?,
                letter => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units_only() {
        let table = [
            ("8MiB", Some(8 << 20)),
            ("64KiB", Some(64 << 10)),
            ("1MB", Some(1_000_000)),
            ("1kB", Some(1000)),
            ("1KB", Some(1000)),
            ("3GiB", Some(3 << 30)),
            ("7B", Some(7)),
            ("1048576", Some(1 << 20)),
            ("0", Some(0)),
            ("8M", None),
            ("8 MiB", None),
            ("8mib", None),
            ("+8MiB", None),
            ("-8MiB", None),
            ("1.5MiB", None),
            ("MiB", None),
            ("", None),
            ("18446744073709551615B", Some(u64::MAX)),
            ("18446744073709551616B", None),
            ("18446744073709551615KiB", None),
        ];
        for (text, bytes) in table {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }

    #[test]
    fn durations_are_read_from_great_units_to_small() {
        let table = [
            ("25s", Some(25_000)),
            ("1h", Some(3_600_000)),
            ("500ms", Some(500)),
            ("1m30s", Some(90_000)),
            ("1d2h3m4s5ms", Some(93_784_005)),
            ("90s", Some(90_000)),
            ("0s", Some(0)),
            ("0m5s", Some(5000)),
            ("", None),
            ("25", None),
            ("s", None),
            ("1h5", None),
            ("1s1s", None),
            ("30s1m", None),
            ("1s 5ms", None),
            ("1.5s", None),
            ("-1s", None),
            ("1w", None),
            ("5ms3", None),
            ("18446744073709551615d", None),
        ];
        for (text, millis) in table {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for bytes in [
            0,
            1,
            1023,
            1024,
            1536,
            1_000_000,
            8 << 20,
            3 << 30,
            u64::MAX,
        ] {
            assert_eq!(parse_size(&Bytes(bytes).to_string()), Some(bytes));
        }
        for millis in [
            0,
            1,
            999,
            1000,
            1001,
            90_000,
            3_600_000,
            93_784_005,
            1 << 40,
        ] {
            let span = Duration::from_millis(millis);
            assert_eq!(parse_duration(&Span(span).to_string()), Some(span));
        }
        assert_eq!(Bytes(8 << 20).to_string(), "8MiB");
        assert_eq!(Span(Duration::from_secs(90)).to_string(), "1m30s");
    }

    #[test]
    fn quoting_survives_every_kind_of_letter() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "\n\r\t\0\u{7f}\u{9b}",
            "größe 🦀",
            "'''",
        ] {
            let line = format!("a = {}", Quoted(text));
            let table = toml::de::DeTable::parse(&line).expect("this is TOML");
            assert_eq!(table.get_ref()["a"].get_ref().as_str(), Some(text));
        }
    }
}
