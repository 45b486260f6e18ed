//! The little JSON that is handled as text: values picked out of it, strings written, texts made
//! compact.
//!
//! Objects of clients are read member by member, by one walk for all of them: a derived reader for
//! each kind of parameters would be 30 KB more program. What is picked out stays text until
//! somebody knows what it means.
//!
//! Everything that is written here stands on one line, because a stdio peer takes a line feed for
//! the end of the message.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::{self, Display};

/// Characters of a member's name that are shown to who sent it.
const NAME_CHARS_MAX: usize = 64;

/// Whether `json` is JSON.
pub(crate) fn check(json: &str) -> Result<(), Error> {
    serde_json::from_str(json).map(|IgnoredAny| ())
}

/// A text that is written in the program as a value.
pub(crate) fn literal(json: &'static str) -> &'static RawValue {
    serde_json::from_str(json).expect("what the program has written is JSON")
}

/// The members of the object `json` with these names, each in the place of its name. Others are
/// passed over.
///
/// # Errors
///
/// If it is no object or has one of them twice: parsers differ in which one they take, and who
/// stands before us must not see another value than we do.
pub(crate) fn pick<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], Error> {
    let mut found = [None; N];
    pick_into(json, &names, &mut found, Others::PassedOver)?;
    Ok(found)
}

/// The same, of an object that has no others.
///
/// # Errors
///
/// As [`pick`], and if a member has another name.
pub(crate) fn pick_only<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a RawValue>; N], Error> {
    let mut found = [None; N];
    pick_into(json, &names, &mut found, Others::Refused)?;
    Ok(found)
}

/// Members that nobody asked for.
#[derive(Clone, Copy)]
enum Others {
    PassedOver,
    Refused,
}

/// Apart from the two above, so that it is there once and not once a number of names.
fn pick_into<'a>(
    json: &'a str,
    names: &[&str],
    found: &mut [Option<&'a RawValue>],
    others: Others,
) -> Result<(), Error> {
    each_member(json, &mut |name, value| {
        let place = names.iter().position(|known| *known == name);
        match (place.map(|place| found[place].replace(value)), others) {
            (Some(None), _) | (None, Others::PassedOver) => Ok(()),
            (Some(Some(_)), _) => Err(format!("{name:?} stands twice")),
            (None, Others::Refused) => {
                let name: String = name.chars().take(NAME_CHARS_MAX).collect();
                Err(format!("{name:?} is not known here"))
            }
        }
    })
}

/// What [`each_member`] shows the members to.
type TakeMember<'t, 'a> = &'t mut dyn FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), String>;

/// What [`each_element`] shows the elements to.
type TakeElement<'t, 'a> = &'t mut dyn FnMut(&'a RawValue) -> Result<(), String>;

/// Shows the members of the object `json` to `take`, one by one.
///
/// # Errors
///
/// If it is no object, or with what `take` says about a member.
pub(crate) fn each_member<'a>(json: &'a str, take: TakeMember<'_, 'a>) -> Result<(), Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members(take))?;
    deserializer.end()
}

/// Shows the elements of the array `json` to `take`, one by one.
///
/// # Errors
///
/// If it is no array, or with what `take` says about an element.
pub(crate) fn each_element<'a>(json: &'a str, take: TakeElement<'_, 'a>) -> Result<(), Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_seq(Elements(take))?;
    deserializer.end()
}

struct Members<'t, 'a>(TakeMember<'t, 'a>);

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            let value = members.next_value()?;
            (self.0)(name, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

struct Elements<'t, 'a>(TakeElement<'t, 'a>);

impl<'a> Visitor<'a> for Elements<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.0)(element).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// The name of a member, borrowed if nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value of a JSON string; borrowed if nothing in it is escaped.
pub(crate) fn text(json: &RawValue) -> Option<Cow<'_, str>> {
    let inner = json.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(json.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The value of a JSON number, or of any number of TOML that is finite; it may be one off in the
/// last of its 17 digits. The standard library rounds correctly and takes 14 KB for it.
pub(crate) fn float(number: &str) -> Option<f64> {
    let unsigned = number.strip_prefix('+').unwrap_or(number);
    serde_json::from_str(unsigned).ok()
}

/// A member that says something: null is absent.
pub(crate) fn said(member: Option<&RawValue>) -> Option<&RawValue> {
    member.filter(|json| json.get() != "null")
}

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a Vec takes whatever is written to it");
}

/// Appends `json` without the white space between its tokens and returns how deep its arrays and
/// objects nest. It must be valid JSON: only there is every line feed outside a string and every
/// quote inside one escaped.
pub(crate) fn push_compact(out: &mut Vec<u8>, json: &str) -> usize {
    let mut in_string = false;
    let mut escaped = false;
    let mut depth: usize = 0;
    let mut depth_max = 0;
    for &byte in json.as_bytes() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            out.push(byte);
            in_string = byte == b'"';
            depth += usize::from(matches!(byte, b'{' | b'['));
            depth -= usize::from(matches!(byte, b'}' | b']'));
            depth_max = depth_max.max(depth);
        }
    }
    depth_max
}

/// A JSON object that is being written. The names of members are ours and have no escapes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    json: Vec<u8>,
}

impl Object {
    pub(crate) fn text(mut self, name: &str, text: &str) -> Object {
        self.key(name);
        push_string(&mut self.json, text);
        self
    }

    /// The same, where there is a text.
    pub(crate) fn optional_text(self, name: &str, text: Option<&str>) -> Object {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// What prints as JSON: a number or a flag.
    pub(crate) fn plain(self, name: &str, value: impl Display) -> Object {
        self.json(name, value.to_string().as_bytes())
    }

    /// The same, where there is a value.
    pub(crate) fn optional(self, name: &str, value: Option<impl Display>) -> Object {
        match value {
            Some(value) => self.plain(name, value),
            None => self,
        }
    }

    pub(crate) fn json(mut self, name: &str, json: &[u8]) -> Object {
        self.key(name);
        self.json.extend_from_slice(json);
        self
    }

    /// An object in it.
    pub(crate) fn object(self, name: &str, object: Object) -> Object {
        self.json(name, &object.end())
    }

    /// A list of objects.
    pub(crate) fn list(mut self, name: &str, objects: impl Iterator<Item = Object>) -> Object {
        self.key(name);
        self.json.push(b'[');
        for (index, object) in objects.enumerate() {
            if index > 0 {
                self.json.push(b',');
            }
            self.json.append(&mut object.end());
        }
        self.json.push(b']');
        self
    }

    /// All members of another object.
    pub(crate) fn members_of(mut self, object: &str) -> Object {
        if object == "{}" {
            return self;
        }
        self.separate();
        let members = object.trim_start_matches('{').as_bytes();
        self.json.extend_from_slice(&members[..members.len() - 1]);
        self
    }

    /// The members of an object on one line, to be continued.
    pub(crate) fn begun(object: &str) -> Object {
        let json = match object {
            "{}" => "",
            object => &object[..object.len() - 1],
        };
        Object { json: json.into() }
    }

    /// The same without white space between its tokens.
    pub(crate) fn compact(mut self, name: &str, json: &str) -> Object {
        self.key(name);
        push_compact(&mut self.json, json);
        self
    }

    /// A member whose name is not ours.
    pub(crate) fn foreign(mut self, name: &str, json: &str) -> Object {
        self.separate();
        push_string(&mut self.json, name);
        self.json.push(b':');
        push_compact(&mut self.json, json);
        self
    }

    /// The object as JSON that is kept.
    pub(crate) fn text_end(self) -> Box<str> {
        let text = String::from_utf8(self.end()).expect("texts make a text");
        text.into()
    }

    /// Bytes that it has once it is ended.
    #[cfg(feature = "insight")]
    pub(crate) fn bytes(&self) -> usize {
        self.json.len().max(1) + 1
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        if self.json.is_empty() {
            self.separate();
        }
        self.json.push(b'}');
        self.json
    }

    fn key(&mut self, name: &str) {
        self.separate();
        self.json.push(b'"');
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
    }

    fn separate(&mut self) {
        let separator = if self.json.is_empty() { b'{' } else { b',' };
        self.json.push(separator);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Two<'a> = [Option<&'a RawValue>; 2];

    /// What stands under `a` and `b`, or what is wrong.
    fn picked(read: for<'a> fn(&'a str, [&str; 2]) -> Result<Two<'a>, Error>, of: &str) -> String {
        match read(of, ["a", "b"]) {
            Ok(found) => found
                .map(|value| value.map_or("-", RawValue::get))
                .join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn members_are_picked_as_they_are_written() {
        for (json, expected) in [
            ("{}", "- -"),
            (
                r#" {"b" : [1, {"a":2}] , "\u0061":1.0 } "#,
                "1.0 [1, {\"a\":2}]",
            ),
            (r#"{"a":null}"#, "null -"),
            (
                r#"{"a":1,"\u0061":2}"#,
                "\"a\" stands twice at line 1 column 18",
            ),
            (
                "[]",
                "invalid type: sequence, expected an object at line 1 column 0",
            ),
            (r#"{"a":1} x"#, "trailing characters at line 1 column 9"),
            (r#"{"a":"#, "EOF while parsing a value at line 1 column 5"),
        ] {
            assert_eq!(picked(pick, json), expected, "{json}");
            assert_eq!(picked(pick_only, json), expected, "{json}");
        }
        assert_eq!(picked(pick, r#"{"c":1,"c":2,"a":3}"#), "3 -");
        let others = picked(pick_only, r#"{"a":3,"c":1}"#);
        assert!(others.starts_with("\"c\" is not known here"), "{others}");
    }

    #[test]
    fn elements_are_shown_one_by_one_until_one_is_refused() {
        let mut seen = Vec::new();
        let read = each_element(r#"[1, "a", []]"#, &mut |element| {
            seen.push(element.get());
            if seen.len() == 2 {
                Err("enough".to_string())
            } else {
                Ok(())
            }
        });
        assert!(read.unwrap_err().to_string().starts_with("enough"));
        assert_eq!(seen, ["1", "\"a\""]);
        assert!(each_element("{}", &mut |_| Ok(())).is_err());
    }

    #[test]
    fn objects_are_written_member_by_member() {
        let inner = || Object::default().plain("n", 1.5);
        let objects = [Object::default(), inner()];
        let outer = Object::default()
            .text("t", "\"\n")
            .optional_text("none", None)
            .optional("none", None::<u32>)
            .optional("is", Some(true))
            .list("l", objects.into_iter())
            .json("j", b"[]")
            .object("o", inner())
            .members_of("{\"a\":1,\"b\":2}");
        let expected =
            r#"{"t":"\"\n","is":true,"l":[{},{"n":1.5}],"j":[],"o":{"n":1.5},"a":1,"b":2}"#;
        assert_eq!(String::from_utf8(outer.end()).unwrap(), expected);
    }

    #[test]
    fn texts_are_strings_and_nothing_else() {
        for (json, expected) in [
            (r#""a""#, Some("a")),
            (r#""\u0061\n""#, Some("a\n")),
            (r#""\ud800""#, None),
            ("1", None),
            ("null", None),
        ] {
            let json: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(text(json).as_deref(), expected, "{json}");
            assert_eq!(said(Some(json)).is_none(), json.get() == "null");
        }
    }

    #[test]
    fn compact_drops_space_between_tokens_only_and_measures_depth() {
        let cases = [
            ("{\n  \"a b\" : [ 1,\t2 ]\r\n}", r#"{"a b":[1,2]}"#, 2),
            (r#" "x \" y\\" "#, r#""x \" y\\""#, 0),
            (
                r#"["\\", "\\\" ,", " [[ "]"#,
                r#"["\\","\\\" ,"," [[ "]"#,
                1,
            ),
            (r#"[ [], {}, [[1]] ]"#, r#"[[],{},[[1]]]"#, 3),
        ];
        for (json, expected, depth) in cases {
            let mut out = Vec::new();
            assert_eq!(push_compact(&mut out, json), depth, "{json}");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
