//! The id of a JSON-RPC request: a string or a number, given back exactly as it came.

use crate::limits::ID_BYTES_MAX;
use crate::wire::json;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Bytes that need no heap: with length and tag they make three words.
const INLINE_BYTES: usize = 22;

/// The JSON text of a string or a number.
///
/// Numbers keep their digits, so those beyond 64 bits survive; `1` and `1.0` are different, and so
/// are `92` and `"92"`. Strings are kept in their shortest form, so `"A"` equals `"\u0041"`.
#[derive(Clone)]
pub struct Id {
    text: Text,
}

#[derive(Clone)]
enum Text {
    /// The first `len` bytes.
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    /// Anything longer.
    Heap(Box<str>),
}

const _: () = assert!(size_of::<Id>() == 24 || size_of::<usize>() != 8);

impl Id {
    /// The id that `json` is. `None` if it is neither string nor number, is over
    /// [`ID_BYTES_MAX`], or names half of a surrogate pair.
    pub fn of(json: &RawValue) -> Option<Id> {
        let text = json.get();
        if text.len() > ID_BYTES_MAX {
            return None;
        }
        match text.as_bytes() {
            [b'"', ..] if text.contains('\\') => json::text(json).map(|string| Id::string(&string)),
            [b'"' | b'-' | b'0'..=b'9', ..] => Some(Id::keep(text)),
            _ => None,
        }
    }

    /// The id of a request of our own.
    pub fn number(number: u64) -> Id {
        let mut digits = Vec::with_capacity(INLINE_BYTES);
        crate::wire::encode::decimal(&mut digits, number);
        Id::keep(std::str::from_utf8(&digits).expect("digits are ASCII"))
    }

    /// A string as id.
    pub fn string(string: &str) -> Id {
        let mut json = Vec::with_capacity(string.len() + 2);
        json::push_string(&mut json, string);
        Id::keep(std::str::from_utf8(&json).expect("a string in quotes is text"))
    }

    /// The id of a request whose client has given it none and takes the answer all the same, as
    /// some of the older front-ends do. No client can name it.
    pub fn absent() -> Id {
        Id::keep("null")
    }

    /// Whether the client has given it none.
    pub fn is_absent(&self) -> bool {
        self.as_json() == "null"
    }

    /// The id as JSON, quotes included.
    pub fn as_json(&self) -> &str {
        match &self.text {
            Text::Inline { len, bytes } => std::str::from_utf8(&bytes[..usize::from(*len)])
                .expect("it was a str when it was kept"),
            Text::Heap(text) => text,
        }
    }

    /// Bytes of heap that the id takes.
    pub fn heap_bytes(&self) -> usize {
        match &self.text {
            Text::Inline { .. } => 0,
            Text::Heap(text) => text.len(),
        }
    }

    fn keep(text: &str) -> Id {
        let text = match text.len() {
            len @ 0..=INLINE_BYTES => {
                let mut bytes = [0; INLINE_BYTES];
                bytes[..len].copy_from_slice(text.as_bytes());
                Text::Inline {
                    len: len as u8,
                    bytes,
                }
            }
            _ => Text::Heap(text.into()),
        };
        Id { text }
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Id) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_json().hash(state);
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.as_json()).expect("an id is JSON");
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(json: &str) -> Option<Id> {
        Id::of(serde_json::from_str(json).expect("the test gives JSON"))
    }

    #[test]
    fn ids_survive_as_they_are() {
        let long = format!("\"{}\"", "x".repeat(ID_BYTES_MAX - 2));
        for json in [
            "92",
            "\"92\"",
            "-1",
            "0",
            "1.5",
            "1.0",
            "1e3",
            "1761234567890",
            "123456789012345678901234567890",
            "\"\"",
            "\"0f8fad5b-d9cb-469f-a165-70867728950e\"",
            "\"\u{e9}\"",
            &long,
        ] {
            let kept = id(json).expect(json);
            assert_eq!(kept.as_json(), json);
            assert_eq!(serde_json::to_string(&kept).unwrap(), json);
        }
    }

    #[test]
    fn what_is_no_id() {
        let long = format!("\"{}\"", "x".repeat(ID_BYTES_MAX - 1));
        let digits = "1".repeat(ID_BYTES_MAX + 1);
        for json in ["null", "true", "{}", "[1]", "\"\\ud800\"", &long, &digits] {
            assert_eq!(id(json), None, "{json}");
        }
    }

    #[test]
    fn equal_strings_are_equal_ids_and_other_things_are_not() {
        assert_eq!(id(r#""a\u0041\/""#), id(r#""aA/""#));
        assert_eq!(id(r#""a\u000a\"""#).unwrap().as_json(), r#""a\n\"""#);
        assert_ne!(id("92"), id("\"92\""));
        assert_ne!(id("1"), id("1.0"));
        assert_eq!(Id::string("a\"b"), id(r#""a\"b""#).unwrap());
        assert_eq!(Id::number(92), id("92").unwrap());
    }

    #[test]
    fn short_ids_take_no_heap() {
        let inline = "1".repeat(INLINE_BYTES);
        assert_eq!(id(&inline).unwrap().heap_bytes(), 0);
        let heap = "1".repeat(INLINE_BYTES + 1);
        assert_eq!(id(&heap).unwrap().heap_bytes(), INLINE_BYTES + 1);
        assert_eq!(id(&heap).unwrap().as_json(), heap);
        assert_eq!(Id::number(u64::MAX).heap_bytes(), 0);
    }
}
