//! The values that arguments take, and how they read on a command line.

use crate::wire::json;
use std::fmt::{self, Write};

/// Whole numbers up to this are the same as a float and as an integer.
const EXACT_IN_FLOAT: f64 = (1u64 << 53) as f64;

/// One checked value. Numbers without a fraction are `Whole` whatever they were written like, so
/// that 3 and 3.0 are the same value.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text without NUL.
    Text(String),
    /// A number without a fraction that 64 bits hold exactly.
    Whole(i64),
    /// Any other number; finite.
    Number(f64),
    /// Printed as `true` or `false`.
    Boolean(bool),
}

impl Scalar {
    /// The value of a JSON text, which must be valid; `None` for null, arrays and objects, and for
    /// numbers that no float holds.
    pub(super) fn parse(json: &str) -> Option<Scalar> {
        // Arrays and objects are not even built: only what a scalar begins with is read.
        match json.as_bytes().first()? {
            b'"' => serde_json::from_str(json).ok().map(Scalar::Text),
            b't' => Some(Scalar::Boolean(true)),
            b'f' => Some(Scalar::Boolean(false)),
            b'-' | b'0'..=b'9' => number(json),
            _ => None,
        }
    }

    /// The value that a finite float is.
    pub fn of_float(float: f64) -> Scalar {
        if float.fract() == 0.0 && float.abs() < EXACT_IN_FLOAT {
            Scalar::Whole(float as i64)
        } else {
            Scalar::Number(float)
        }
    }

    /// As a number, rounded to what a float holds.
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Scalar::Whole(whole) => Some(*whole as f64),
            Scalar::Number(number) => Some(*number),
            Scalar::Text(_) | Scalar::Boolean(_) => None,
        }
    }

    /// Whether it prints as nothing.
    pub(super) fn is_empty_text(&self) -> bool {
        matches!(self, Scalar::Text(text) if text.is_empty())
    }

    /// Prints it. Numbers come without an exponent, which few commands read.
    pub(super) fn append_to(&self, out: &mut String) {
        match self {
            Scalar::Text(text) => out.push_str(text),
            Scalar::Whole(_) | Scalar::Number(_) | Scalar::Boolean(_) => {
                write!(out, "{self}").expect("a String takes all text");
            }
        }
    }
}

impl fmt::Display for Scalar {
    /// As JSON. Rust prints floats without exponents and without a needless fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Text(text) => {
                let mut quoted = Vec::with_capacity(text.len() + 2);
                json::push_string(&mut quoted, text);
                f.write_str(&String::from_utf8_lossy(&quoted))
            }
            Scalar::Whole(whole) => write!(f, "{whole}"),
            Scalar::Number(number) => write!(f, "{number}"),
            Scalar::Boolean(is) => write!(f, "{is}"),
        }
    }
}

/// Reads a JSON number. Beyond 2^53 a float may stand for several integers, so what is written like
/// one stays a float.
fn number(json: &str) -> Option<Scalar> {
    if let Ok(whole) = json.parse() {
        return Some(Scalar::Whole(whole));
    }
    // A fraction of zeros is left to the integers, which are exact where a float is just not.
    let whole = json
        .split_once('.')
        .filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    if let Some(whole) = whole.and_then(|(whole, _)| whole.parse::<i64>().ok())
        && (whole.unsigned_abs() as f64) < EXACT_IN_FLOAT
    {
        return Some(Scalar::Whole(whole));
    }
    json::float(json).map(Scalar::of_float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_exactly_and_without_exponents() {
        for (json, printed) in [
            ("3", "3"),
            ("3.0", "3"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("1e3", "1000"),
            ("0.1", "0.1"),
            ("1e-7", "0.0000001"),
            ("1e21", "1000000000000000000000"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9007199254740993", "9007199254740993"),
            ("true", "true"),
            ("false", "false"),
            (r#""\u00e4 b""#, "ä b"),
            (r#""""#, ""),
        ] {
            let mut out = String::new();
            Scalar::parse(json).unwrap().append_to(&mut out);
            assert_eq!(out, printed, "{json}");
        }
    }

    #[test]
    fn a_float_is_whole_only_where_it_is_exact() {
        assert_eq!(
            Scalar::parse("9007199254740991.0"),
            Some(Scalar::Whole(9007199254740991))
        );
        for json in ["9007199254740992.0", "9223372036854775808", "0.5", "1e300"] {
            let value = Scalar::parse(json);
            assert!(
                matches!(value, Some(Scalar::Number(_))),
                "{json}: {value:?}"
            );
        }
    }

    #[test]
    fn what_is_no_scalar_is_no_value() {
        for json in ["null", "[1]", "{}", "1e999", "-1e999"] {
            assert_eq!(Scalar::parse(json), None, "{json}");
        }
    }
}
