//! Headers that say again what the body says, since 2026-07-28: `Mcp-Method`, `Mcp-Name`, and an
//! `Mcp-Param-*` for each argument that a tool's schema marks with `x-mcp-header`.
//!
//! Proxies decide by the headers, and we by the body. So that nobody can show them one thing and us
//! another, a request whose headers do not say what its body says is refused.
//!
//! | the argument is | its header |
//! |---|---|
//! | a string, number, true or false | must be there and say the same |
//! | absent or null | must not be there |
//! | an array or object, which no header can say | must not be there; the schema refuses the rest |

use crate::limits::HEADERS_MAX;
use crate::wire::json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The JSON-RPC code of a [`Mismatch`]; its HTTP status is 400.
pub const HEADER_MISMATCH: i32 = -32020;

/// The keyword of a schema that marks an argument.
const ANNOTATION: &str = "x-mcp-header";

/// Characters of a header's value that are shown to who sent it.
const SHOWN_CHARS_MAX: usize = 64;

/// Characters of a place in a schema that are shown to who wrote it.
const PLACE_CHARS_MAX: usize = 128;

/// The greatest integer that every reader of JSON tells from its neighbours.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// A header that does not say what the body says. It prints as the text for the client, which
/// shows the start of the header's value and nothing of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The header's name.
    pub header: Cow<'static, str>,
    /// What is wrong with it.
    pub fault: Fault,
    /// The start of its value as it was sent, if that can be shown.
    shown: Box<str>,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The body has a value and the header is not there.
    Missing,
    /// The header is there and the body has no value that it could say.
    Unexpected,
    /// The body has another value.
    Differs,
    /// It is there twice, with different values.
    Twice,
    /// It has other characters than visible ASCII, space and tab (RFC 9110 section 5.5).
    Characters,
    /// What is wrapped as Base64 is none, or is not UTF-8.
    Base64,
}

impl Mismatch {
    fn new(header: Cow<'static, str>, fault: Fault, sent: Option<&str>) -> Mismatch {
        let shown = sent.filter(|sent| is_plain(sent)).unwrap_or_default();
        Mismatch {
            header,
            fault,
            shown: shown.get(..SHOWN_CHARS_MAX).unwrap_or(shown).into(),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header mismatch: {} ", self.header)?;
        if !self.shown.is_empty() {
            write!(f, "'{}' ", self.shown)?;
        }
        f.write_str(match self.fault {
            Fault::Missing => "is missing",
            Fault::Unexpected => "is there, and the body has no value for it",
            Fault::Differs => "is not what the body says",
            Fault::Twice => "is there twice, with different values",
            Fault::Characters => "has characters that no header may have; send it as Base64",
            Fault::Base64 => "is not Base64 of UTF-8",
        })
    }
}

/// What the value of `Mcp-Name` or of an `Mcp-Param-*` says: what stands between `=?base64?` and
/// `?=`, decoded, and any other value as it is. White space around it is no part of it.
///
/// # Errors
///
/// [`Fault::Characters`] and [`Fault::Base64`]; the padding must be there and no bit may be left
/// over, so that a value has one spelling.
pub fn decoded(value: &str) -> Result<Cow<'_, str>, Fault> {
    let value = literal(value)?;
    let wrapped = value.strip_prefix("=?base64?");
    let Some(base64) = wrapped.and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(Cow::Borrowed(value));
    };
    let bytes = STANDARD.decode(base64).map_err(|_| Fault::Base64)?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::Base64)?;
    Ok(Cow::Owned(text))
}

/// What the value of a header says that is never Base64.
fn literal(value: &str) -> Result<&str, Fault> {
    let value = value.trim_matches([' ', '\t']);
    is_plain(value).then_some(value).ok_or(Fault::Characters)
}

/// Whether a header may have it as it is (RFC 9110 section 5.5).
fn is_plain(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Whether `header`, which is named `name`, says `body`, perhaps in Base64: for `Mcp-Name`.
///
/// # Errors
///
/// If it is missing, broken, or says something else; case counts.
pub fn check(name: &'static str, header: Option<&str>, body: &str) -> Result<(), Mismatch> {
    let says = header.ok_or(Fault::Missing).and_then(decoded);
    compare(name, header, says, body)
}

/// The same of a header that is never Base64: for `Mcp-Method` and `MCP-Protocol-Version`.
///
/// # Errors
///
/// As [`check`].
pub fn check_literal(name: &'static str, header: Option<&str>, body: &str) -> Result<(), Mismatch> {
    let says = header.ok_or(Fault::Missing).and_then(literal);
    compare(name, header, says.map(Cow::Borrowed), body)
}

fn compare(
    name: &'static str,
    header: Option<&str>,
    says: Result<Cow<'_, str>, Fault>,
    body: &str,
) -> Result<(), Mismatch> {
    let fault = match says {
        Ok(says) if says == body => return Ok(()),
        Ok(_) => Fault::Differs,
        Err(fault) => fault,
    };
    Err(Mismatch::new(Cow::Borrowed(name), fault, header))
}

/// An argument of a tool that has a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderParam {
    /// The whole name of the header, `Mcp-Param-Region`.
    pub header: Box<str>,
    /// Where the argument stands: names of members, outermost first.
    pub path: Box<[Box<str>]>,
    /// What its schema says it is.
    pub kind: Kind,
}

/// The types that an argument with a header may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string; its header says it as it is.
    String,
    /// An integer; its header says it in decimal digits.
    Integer,
    /// `true` or `false`, so written in its header.
    Boolean,
}

impl Kind {
    fn named(name: &str) -> Option<Kind> {
        match name {
            "string" => Some(Kind::String),
            "integer" => Some(Kind::Integer),
            "boolean" => Some(Kind::Boolean),
            _ => None,
        }
    }
}

/// The arguments with a header in `schema`, the input schema of a tool. It may nest as deep as
/// [`JSON_DEPTH_MAX`](crate::limits::JSON_DEPTH_MAX), which the caller has seen to.
///
/// # Errors
///
/// Says where and why the schema is one that clients have to pass over: an annotation that no
/// chain of `properties` leads to, a name that is no token or is there twice, another type than
/// string, integer or boolean, more annotations than a request may have headers.
pub fn header_params(schema: &str) -> Result<Box<[HeaderParam]>, String> {
    let mut search = Search::default();
    match search.enter(schema, Here::Schema) {
        Ok(()) => Ok(search.found.into()),
        // The parser would add a line and a column, counted from wherever it began.
        Err(error) => Err(search.fault.unwrap_or(error)),
    }
}

/// A walk through a schema for its annotations.
#[derive(Default)]
struct Search<'a> {
    /// The keys from the root to the schema in hand, `properties` among them.
    place: Vec<Cow<'a, str>>,
    /// What was found so far.
    found: Vec<HeaderParam>,
    /// What is wrong with an annotation.
    fault: Option<String>,
}

/// What the walk looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    /// A schema that `properties` alone lead to: a call has one place for its value, or none.
    Schema,
    /// Such schemas under names of their own, none of which is a keyword.
    Schemas,
    /// Any other schema, and whatever else may hold one.
    Other,
    /// Other schemas under names of their own.
    Others,
}

/// Keywords with values, in which an annotation is a member like any other.
const VALUES: [&str; 4] = ["const", "default", "enum", "examples"];

/// Keywords with schemas under names of their own.
const NAMED: [&str; 6] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

impl Here {
    /// What stands under `key`; `None` if that is of no interest.
    fn below(self, key: &str) -> Option<Here> {
        match self {
            Here::Schemas => Some(Here::Schema),
            Here::Others => Some(Here::Other),
            Here::Schema if key == "properties" => Some(Here::Schemas),
            Here::Schema | Here::Other if VALUES.contains(&key) => None,
            Here::Schema | Here::Other if NAMED.contains(&key) => Some(Here::Others),
            Here::Schema | Here::Other => Some(Here::Other),
        }
    }
}

impl<'a> Search<'a> {
    fn enter(&mut self, json: &'a str, here: Here) -> Result<(), String> {
        let read = match json.trim_start().as_bytes().first() {
            Some(b'{') => json::each_member(json, &mut |key, value| {
                if key == ANNOTATION && matches!(here, Here::Schema | Here::Other) {
                    return self.take(json, here);
                }
                let Some(below) = here.below(&key) else {
                    return Ok(());
                };
                self.place.push(key);
                self.enter(value.get(), below)?;
                self.place.pop();
                Ok(())
            }),
            Some(b'[') => {
                json::each_element(json, &mut |element| self.enter(element.get(), Here::Other))
            }
            _ => return Ok(()),
        };
        read.map_err(|error| error.to_string())
    }

    /// Keeps the annotation of `schema`, or what is wrong with it.
    fn take(&mut self, schema: &str, here: Here) -> Result<(), String> {
        match self.annotation(schema, here) {
            Ok(param) => self.found.push(param),
            Err(why) => {
                self.fault = Some(self.wrong(why));
                return Err(String::new());
            }
        }
        Ok(())
    }

    /// The annotation of `schema`, or what is wrong with it.
    fn annotation(&self, schema: &str, here: Here) -> Result<HeaderParam, &'static str> {
        let picked = json::pick(schema, [ANNOTATION, "type"]);
        let [name, kind] = picked.map_err(|_| "or type stands twice")?;
        if here != Here::Schema || self.place.is_empty() {
            return Err("may stand where properties alone lead, and not here");
        }
        let kind = kind.and_then(json::text);
        let kind = kind.and_then(|kind| Kind::named(&kind));
        let kind = kind.ok_or("needs the type string, integer or boolean")?;
        let name = name.and_then(json::text).filter(|name| is_token(name));
        let name = name.ok_or("must be a name that a header can have")?;
        let header = ["Mcp-Param-", &name].concat().into_boxed_str();
        let mut others = self.found.iter();
        if others.any(|other| other.header.eq_ignore_ascii_case(&header)) {
            return Err("has the name of another");
        }
        if self.found.len() == HEADERS_MAX {
            return Err("is one more than a request may have headers");
        }
        // Every second key: the others are `properties`.
        let names = self.place.iter().skip(1).step_by(2);
        let path = names.map(|name| name.as_ref().into()).collect();
        Ok(HeaderParam { header, path, kind })
    }

    /// Says where and why an annotation is wrong.
    fn wrong(&self, why: &str) -> String {
        let place = match self.place.join(".") {
            place if place.is_empty() => "the schema itself".to_string(),
            place => place.chars().take(PLACE_CHARS_MAX).collect(),
        };
        format!("{place}: {ANNOTATION} {why}")
    }
}

/// Whether it is a token (RFC 9110 section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_letter)
}

/// Whether the headers of a call say what its `arguments`, a JSON object, say. The `lines` are all
/// of the request, as [`header_lines`](crate::wire::head::Head::header_lines) has them: a value
/// that is no text must not look as if it were not there.
///
/// # Errors
///
/// With the first argument whose header is missing, is not expected, is there twice, is broken, or
/// says something else.
pub fn check_params<'h>(
    params: &[HeaderParam],
    lines: impl Iterator<Item = (&'h str, &'h [u8])>,
    arguments: &str,
) -> Result<(), Mismatch> {
    if params.is_empty() {
        return Ok(());
    }
    let mut sent = vec![Sent::Ok(None); params.len()];
    for (name, value) in lines {
        let mut headers = params.iter().map(|param| &param.header);
        if let Some(place) = headers.position(|header| header.eq_ignore_ascii_case(name)) {
            sent[place] = together(sent[place], value);
        }
    }
    params.iter().zip(sent).try_for_each(|(param, sent)| {
        let checked = sent.and_then(|sent| param.check(sent, arguments));
        let header = || Cow::Owned(param.header.to_string());
        checked.map_err(|fault| Mismatch::new(header(), fault, sent.ok().flatten()))
    })
}

/// The value of a header, if it is there.
type Sent<'h> = Result<Option<&'h str>, Fault>;

/// What one more line makes of a header. Saying the same twice is saying it once, as for the other
/// headers.
fn together<'h>(before: Sent<'h>, value: &'h [u8]) -> Sent<'h> {
    let value = std::str::from_utf8(value).map_err(|_| Fault::Characters)?;
    match before? {
        Some(before) if before != value => Err(Fault::Twice),
        Some(_) | None => Ok(Some(value)),
    }
}

impl HeaderParam {
    /// Whether `sent` says what `arguments` say.
    ///
    /// An argument of another type than its schema says is compared as the text that clients make
    /// of it. So its header cannot lie either, and it goes on to be refused with the words of the
    /// schema, from which a model learns more than from a mismatch.
    fn check(&self, sent: Option<&str>, arguments: &str) -> Result<(), Fault> {
        let argument = self.argument(arguments)?;
        let (says, argument) = match (sent, argument) {
            (None, None) => return Ok(()),
            (None, Some(_)) => return Err(Fault::Missing),
            (Some(_), None) => return Err(Fault::Unexpected),
            (Some(sent), Some(argument)) => (decoded(sent)?, argument),
        };
        let text = match json::text(argument) {
            Some(text) => text,
            None => Cow::Borrowed(argument.get()),
        };
        let is_number = argument
            .get()
            .starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let is_same = match self.kind {
            Kind::Integer if is_number => {
                integer(&says).is_some_and(|says| Some(says) == integer(&text))
            }
            Kind::Integer | Kind::String | Kind::Boolean => says == text,
        };
        is_same.then_some(()).ok_or(Fault::Differs)
    }

    /// The argument, if it has a value that a header can say.
    fn argument<'a>(&self, arguments: &'a str) -> Result<Option<&'a RawValue>, Fault> {
        let mut value = None;
        let mut json = arguments.trim_start();
        for name in &self.path {
            if !json.starts_with('{') {
                return Ok(None);
            }
            // A member that stands twice: no header says both.
            let [found] = json::pick(json, [name]).map_err(|_| Fault::Differs)?;
            value = json::said(found);
            json = value.map_or("", RawValue::get);
        }
        Ok(value.filter(|value| !value.get().starts_with(['{', '['])))
    }
}

/// The value of decimal digits, also of `42.0`, if every reader of JSON would take it for the same
/// (RFC 8259 section 6).
fn integer(text: &str) -> Option<i64> {
    let (whole, zeros) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_whole = !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0');
    if !is_whole || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i64 = whole.parse().ok()?;
    (value.unsigned_abs() <= SAFE_INTEGER_MAX).then_some(value)
}

#[cfg(test)]
mod tests;
