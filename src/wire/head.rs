//! The head of an HTTP request: request line and header fields (RFC 9112 sections 2 to 5).
//!
//! [`decode`] turns bytes into a [`Head`] that borrows from them; nothing is copied. One pass over
//! the header lines picks the fields that slimcp knows, so later code asks for a struct field
//! instead of searching names. Where two readers of the same bytes could disagree, which is how
//! requests are smuggled through proxies, the head is refused: a bare LF, a folded line, a space
//! before a colon, two hosts, two lengths.

use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use crate::wire::status::{Refusal, Status};
use std::borrow::Cow;
use std::fmt;
use std::mem::MaybeUninit;

/// A request's head.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: Target<'a>,
    /// The peer's dialect of HTTP/1.
    pub version: Version,
    /// The header fields that slimcp knows.
    pub fields: Fields<'a>,
    /// All bytes of the head, from the request line to the empty line.
    pub raw: &'a [u8],
}

/// The request method (RFC 9110 section 9). Names are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// Any other token: to be answered with 405.
    Other,
}

/// The version of HTTP that the peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunks, and the connection closes unless `keep-alive` was asked for.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// The request target, without its authority (RFC 9112 section 3.2). Neither part is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Begins with `/`, except for the `*` of `OPTIONS *`.
    pub path: &'a str,
    /// What follows the first `?`; empty if there is none.
    pub query: &'a str,
}

/// Header fields that slimcp knows. Values are visible ASCII, blanks and tabs, trimmed.
///
/// A field that stands twice with different values is refused: which of two sessions or tokens is
/// meant must not depend on who reads. Fields that are lists say below what is kept.
#[derive(Clone, Copy, Default)]
pub struct Fields<'a> {
    /// `Host`, or the authority of an absolute target, which overrides it (RFC 9112 section 3.2.2).
    pub host: Option<&'a str>,
    /// `Origin`
    pub origin: Option<&'a str>,
    /// `Accept`; of several lines the first, [`Head::values`] has all.
    pub accept: Option<&'a str>,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// `Content-Length`, not yet a number.
    pub content_length: Option<&'a str>,
    /// `Transfer-Encoding`
    pub transfer_encoding: Option<&'a str>,
    /// What the tokens of all `Connection` lines ask for.
    pub connection: Connection,
    /// `Expect`
    pub expect: Option<&'a str>,
    /// `Authorization`
    pub authorization: Option<&'a str>,
    /// `X-Api-Key`
    pub x_api_key: Option<&'a str>,
    /// `Mcp-Session-Id`, 2025-03-26 to 2025-11-25.
    pub mcp_session_id: Option<&'a str>,
    /// `Mcp-Protocol-Version`, since 2025-06-18.
    pub mcp_protocol_version: Option<&'a str>,
    /// `Mcp-Method`, since 2026-07-28.
    pub mcp_method: Option<&'a str>,
    /// `Mcp-Name`, since 2026-07-28.
    pub mcp_name: Option<&'a str>,
    /// `Last-Event-ID`
    pub last_event_id: Option<&'a str>,
    /// `X-Forwarded-For`; of several lines the last, which the nearest proxy wrote.
    pub forwarded_for: Option<&'a str>,
}

/// The tokens of `Connection` that slimcp knows (RFC 9112 section 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `close`
    pub close: bool,
    /// `keep-alive`, which only HTTP/1.0 needs.
    pub keep_alive: bool,
}

/// Decodes the head at the start of `input`. `None`: its end has not arrived.
///
/// # Errors
///
/// 400 for a broken head, 431 for one over [`HEAD_BYTES_MAX`] or [`HEADERS_MAX`], 505 for another
/// HTTP than 1.0 and 1.1.
pub fn decode(input: &[u8]) -> Result<Option<Head<'_>>, Refusal> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let head_bytes = match request.parse_with_uninit_headers(input, &mut headers) {
        Ok(httparse::Status::Complete(head_bytes)) if head_bytes <= HEAD_BYTES_MAX => head_bytes,
        Ok(httparse::Status::Partial) if input.len() <= HEAD_BYTES_MAX => return Ok(None),
        Ok(_) => return Err(too_large()),
        Err(error) => return Err(refusal_of(error, input)),
    };
    let raw = &input[..head_bytes];
    check_line_ends(raw, request.headers.len())?;
    let version = match request.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    let method = Method::of(request.method.unwrap_or_default());
    let (authority, target) = Target::parse(request.path.unwrap_or_default(), method)?;
    let mut fields = Fields::pick(request.headers)?;
    if fields.host.is_none() && version == Version::Http11 {
        return Err(Refusal::bad_request("HTTP/1.1 needs a Host field"));
    }
    fields.host = authority.or(fields.host);
    Ok(Some(Head {
        method,
        target,
        version,
        fields,
        raw,
    }))
}

/// 431, for more bytes than [`HEAD_BYTES_MAX`].
pub(crate) fn too_large() -> Refusal {
    let text = "the request head is over 16 KiB";
    const { assert!(HEAD_BYTES_MAX == 16 * 1024, "the text above names it") };
    Refusal::new(Status::HeadTooLarge, text)
}

impl fmt::Debug for Head<'_> {
    /// Without target and fields: a token may stand in either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Head");
        shown.field("method", &self.method);
        shown
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl<'a> Head<'a> {
    /// All header lines in their order, names as sent, values trimmed but otherwise unchecked.
    pub fn header_lines(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let lines = self.raw.split(|byte| *byte == b'\n').skip(1);
        lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            Some((name, line[colon + 1..].trim_ascii()))
        })
    }

    /// The values of all lines of one field, for lists that may be spread over several.
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let lines = self.header_lines();
        lines.filter_map(move |(line_name, value)| {
            let value = std::str::from_utf8(value).ok()?;
            line_name.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Whether the connection may serve another request after this one (RFC 9112 section 9.3).
    pub fn keep_alive(&self) -> bool {
        let connection = self.fields.connection;
        match self.version {
            Version::Http10 => connection.keep_alive && !connection.close,
            Version::Http11 => !connection.close,
        }
    }
}

impl Method {
    fn of(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }
}

impl<'a> Target<'a> {
    /// Takes origin-form, absolute-form, and `*` with OPTIONS (RFC 9112 section 3.2); the authority
    /// is that of absolute-form. Authority-form belongs to CONNECT, which nobody asks of us.
    fn parse(text: &'a str, method: Method) -> Result<(Option<&'a str>, Target<'a>), Refusal> {
        if !text.is_ascii() {
            return Err(Refusal::bad_request("the request target is not ASCII"));
        }
        if text.starts_with('/') || (text == "*" && method == Method::Options) {
            return Ok((None, Target::split(text)));
        }
        let Some(rest) = strip_scheme(text) else {
            return Err(Refusal::bad_request("the request target is not a path"));
        };
        let (authority, mut target) = match rest.find(['/', '?']) {
            Some(end) => (&rest[..end], Target::split(&rest[end..])),
            None => (rest, Target::split("/")),
        };
        if authority.is_empty() || authority.contains('@') {
            return Err(Refusal::bad_request("the request target has no plain host"));
        }
        if target.path.is_empty() {
            target.path = "/";
        }
        Ok((Some(authority), target))
    }

    fn split(text: &'a str) -> Target<'a> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        Target { path, query }
    }

    /// The first value of `name` in the query, decoded as browsers encode it: `%XX`, and `+` for a
    /// blank. What is not UTF-8 afterwards becomes U+FFFD.
    pub fn query_value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key, b' ') == name).then(|| percent_decode(value, b' '))
        })
    }
}

/// Removes `http://` or `https://` in any case.
fn strip_scheme(text: &str) -> Option<&str> {
    ["http://", "https://"].iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start
            .eq_ignore_ascii_case(scheme)
            .then(|| &text[scheme.len()..])
    })
}

/// Decodes `%XX` in a part of a path, where a plus is a plus. What is not UTF-8 afterwards becomes
/// U+FFFD.
pub fn decode_segment(text: &str) -> Cow<'_, str> {
    percent_decode(text, b'+')
}

/// Decodes `%XX`, and `+` as `plus`. A percent sign without two hex digits stands for itself, as in
/// the WHATWG URL standard.
fn percent_decode(text: &str, plus: u8) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (*byte, percent_value(tail)) {
            (b'%', Some(value)) => {
                decoded.push(value);
                rest = &tail[2..];
            }
            (b'+', _) => decoded.push(plus),
            (byte, _) => decoded.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The byte that the first two hex digits name.
fn percent_value(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    Some((high * 16 + low) as u8)
}

/// What to do with a field that stands on several lines.
#[derive(Clone, Copy)]
enum Repeat {
    /// Refused, even with the same value.
    Refuse,
    /// Taken if the value is the same.
    Same,
    /// The first line is kept.
    First,
    /// The last line is kept.
    Last,
}

impl<'a> Fields<'a> {
    fn pick(headers: &[httparse::Header<'a>]) -> Result<Fields<'a>, Refusal> {
        let mut fields = Fields::default();
        for header in headers {
            if header.name.eq_ignore_ascii_case("connection") {
                fields.connection.add(value_of(header)?);
            } else if let Some((place, repeat)) = fields.place(header.name) {
                keep(place, value_of(header)?, repeat)?;
            }
        }
        Ok(fields)
    }

    /// Where the value of a known field goes. The length decides first: it is cheaper to compare
    /// than a name.
    fn place(&mut self, name: &str) -> Option<(&mut Option<&'a str>, Repeat)> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        Some(match name.len() {
            4 if is("host") => (&mut self.host, Repeat::Refuse),
            6 if is("accept") => (&mut self.accept, Repeat::First),
            6 if is("origin") => (&mut self.origin, Repeat::Same),
            6 if is("expect") => (&mut self.expect, Repeat::Same),
            8 if is("mcp-name") => (&mut self.mcp_name, Repeat::Same),
            9 if is("x-api-key") => (&mut self.x_api_key, Repeat::Same),
            10 if is("mcp-method") => (&mut self.mcp_method, Repeat::Same),
            12 if is("content-type") => (&mut self.content_type, Repeat::Same),
            13 if is("authorization") => (&mut self.authorization, Repeat::Same),
            13 if is("last-event-id") => (&mut self.last_event_id, Repeat::Same),
            14 if is("content-length") => (&mut self.content_length, Repeat::Same),
            14 if is("mcp-session-id") => (&mut self.mcp_session_id, Repeat::Same),
            15 if is("x-forwarded-for") => (&mut self.forwarded_for, Repeat::Last),
            17 if is("transfer-encoding") => (&mut self.transfer_encoding, Repeat::Refuse),
            20 if is("mcp-protocol-version") => (&mut self.mcp_protocol_version, Repeat::Same),
            _ => return None,
        })
    }
}

impl Connection {
    fn add(&mut self, value: &str) {
        for token in value.split(',').map(str::trim_ascii) {
            self.close |= token.eq_ignore_ascii_case("close");
            self.keep_alive |= token.eq_ignore_ascii_case("keep-alive");
        }
    }
}

fn keep<'a>(place: &mut Option<&'a str>, value: &'a str, repeat: Repeat) -> Result<(), Refusal> {
    match (*place, repeat) {
        (None, _) | (Some(_), Repeat::Last) => *place = Some(value),
        (Some(_), Repeat::First) => {}
        (Some(kept), Repeat::Same) if kept == value => {}
        (Some(_), Repeat::Same | Repeat::Refuse) => {
            return Err(Refusal::bad_request(
                "a header field stands twice, but may only once",
            ));
        }
    }
    Ok(())
}

/// httparse has refused control characters; what is left to refuse are bytes beyond ASCII.
fn value_of<'a>(header: &httparse::Header<'a>) -> Result<&'a str, Refusal> {
    match std::str::from_utf8(header.value) {
        Ok(value) if value.is_ascii() => Ok(value.trim_ascii()),
        _ => Err(Refusal::bad_request("a header field value is not ASCII")),
    }
}

/// httparse takes a bare LF as the end of a line. A proxy in front may not, and then it forwards as
/// one line what we would read as two. Values cannot contain CR or LF, so every line ends well if
/// there are as many CRLF as lines: the request line, the fields and the empty line.
fn check_line_ends(raw: &[u8], headers: usize) -> Result<(), Refusal> {
    let line_ends = raw.windows(2).filter(|pair| *pair == b"\r\n").count();
    if line_ends == headers + 2 {
        Ok(())
    } else {
        Err(Refusal::bad_request("a line ends with a bare LF"))
    }
}

fn refusal_of(error: httparse::Error, input: &[u8]) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => {
            const { assert!(HEADERS_MAX == 64, "the text below names it") };
            Refusal::new(Status::HeadTooLarge, "more than 64 header fields")
        }
        httparse::Error::Version if names_a_version(input) => {
            Refusal::new(Status::VersionNotSupported, "only HTTP/1.0 and HTTP/1.1")
        }
        httparse::Error::HeaderName => Refusal::bad_request(
            "a header field name is not a token followed by a colon, or a line is folded",
        ),
        httparse::Error::HeaderValue => {
            Refusal::bad_request("a header field value has a control character")
        }
        httparse::Error::NewLine => Refusal::bad_request("a line does not end with CRLF"),
        httparse::Error::Version | httparse::Error::Token | httparse::Error::Status => {
            Refusal::bad_request("this is not an HTTP/1.1 request line")
        }
    }
}

/// Whether the third word of the request line names some HTTP version; else it is just broken.
fn names_a_version(input: &[u8]) -> bool {
    let line = input.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let word = line.and_then(|line| line.split(|byte| *byte == b' ').nth(2));
    word.and_then(|word| word.strip_prefix(b"HTTP/"))
        .is_some_and(|version| version.first().is_some_and(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests;
