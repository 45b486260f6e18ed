//! HTTP responses into bytes: the head, whole JSON answers, chunks.
//!
//! There is no `Date` field. The engine has no wall clock, machines of this size often have none
//! that is right, and RFC 9110 section 6.6.1 tells such a server not to send one.

use crate::wire::status::Status;

/// The interim answer that a peer with `Expect: 100-continue` waits for.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What ends a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The type of every JSON answer.
pub const JSON: &str = "application/json";

/// Bytes that most heads stay within, without their extra fields. Room for so many is made at once.
const HEAD_BYTES_USUAL: usize = 160;

/// How the peer finds the end of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is no body and cannot be: 204, 304.
    NoBody,
    /// So many bytes; none follow if the request was HEAD.
    Length(usize),
    /// In chunks up to [`LAST_CHUNK`]. HTTP/1.0 does not know them.
    Chunked,
    /// Until the connection closes.
    UntilClose,
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The outcome.
    pub status: Status,
    /// `Content-Type`, if there is content.
    pub content_type: Option<&'a str>,
    /// Where the body ends.
    pub framing: ResponseFraming,
    /// Whether another request may follow; it cannot after [`ResponseFraming::UntilClose`].
    pub keep_alive: bool,
    /// The origin whose pages may read it, if they need leave (CORS, fetch.spec.whatwg.org section
    /// 3.3).
    pub allow_origin: Option<&'a str>,
    /// More header fields, name and value. One with CR, LF or NUL in it is not sent.
    pub fields: &'a [(&'a str, &'a str)],
}

/// What pages of another origin may read beside the few fields that any may.
const EXPOSED_FIELDS: &str = "Mcp-Session-Id, Mcp-Protocol-Version, WWW-Authenticate, Retry-After";

impl ResponseHead<'_> {
    /// Appends the head with its empty line.
    ///
    /// HTTP/1.1 keeps connections unless told otherwise, so only closing needs a field (RFC 9112
    /// section 9.3).
    pub fn encode(&self, out: &mut Vec<u8>) {
        let extra = self
            .fields
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4);
        out.reserve(HEAD_BYTES_USUAL + extra.sum::<usize>());
        out.extend_from_slice(self.status.line().as_bytes());
        if let Some(content_type) = self.content_type {
            field(out, "Content-Type", content_type);
        }
        match self.framing {
            ResponseFraming::NoBody | ResponseFraming::UntilClose => {}
            ResponseFraming::Length(bytes) => {
                out.extend_from_slice(b"Content-Length: ");
                decimal(out, bytes as u64);
                out.extend_from_slice(b"\r\n");
            }
            ResponseFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        }
        if !self.keep_alive || self.framing == ResponseFraming::UntilClose {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        if let Some(origin) = self.allow_origin {
            field(out, "Access-Control-Allow-Origin", origin);
            field(out, "Vary", "Origin");
            field(out, "Access-Control-Expose-Headers", EXPOSED_FIELDS);
        }
        for (name, value) in self.fields {
            field(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// What follows the head of a JSON answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The body.
    Sent,
    /// Nothing: the request was HEAD, and the head says what GET would bring.
    HeadOnly,
}

/// Appends a whole answer of JSON.
pub fn json(
    out: &mut Vec<u8>,
    status: Status,
    keep_alive: bool,
    allow_origin: Option<&str>,
    fields: &[(&str, &str)],
    body: &[u8],
    content: Content,
) {
    let head = ResponseHead {
        status,
        content_type: Some(JSON),
        framing: ResponseFraming::Length(body.len()),
        keep_alive,
        allow_origin,
        fields,
    };
    match content {
        Content::Sent => {
            out.reserve(HEAD_BYTES_USUAL + body.len());
            head.encode(out);
            out.extend_from_slice(body);
        }
        Content::HeadOnly => head.encode(out),
    }
}

/// Appends the size line of a chunk of `bytes` bytes of data. There are no empty chunks: a size of
/// zero ends the body, which only [`LAST_CHUNK`] may.
pub fn chunk_begin(out: &mut Vec<u8>, bytes: usize) {
    assert!(bytes > 0, "an empty chunk would end the body");
    let mut digits = [0; 16];
    let mut rest = bytes;
    let mut at = digits.len();
    while rest > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest % 16];
        rest /= 16;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Appends what ends the data of a chunk.
pub fn chunk_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends `number` in decimal digits. The machinery of `fmt` takes several times as long.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// How many bytes [`decimal`] appends.
pub const fn decimal_len(number: u64) -> usize {
    match number.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// Whether a CR or an LF is in `bytes`. Looks at blocks, which the compiler makes wide compares of.
pub(crate) fn has_line_break(bytes: &[u8]) -> bool {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    bytes
        .chunks(64)
        .any(|block| block.iter().fold(false, |any, byte| any | is_break(byte)))
}

/// Whether `text` would begin another line, or end early for a reader in C. The one guard for what
/// goes into header fields and into the fields of events.
pub(crate) fn breaks_lines(text: &str) -> bool {
    has_line_break(text.as_bytes()) || text.contains('\0')
}

/// Appends one header line. Whoever builds a value must not put a line break in; if it happens the
/// field is left out.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    let is_clean = !breaks_lines(name) && !breaks_lines(value);
    debug_assert!(is_clean, "{name:?} would break the head");
    if is_clean {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(head: ResponseHead<'_>) -> String {
        let mut out = Vec::new();
        head.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    const PLAIN: ResponseHead<'_> = ResponseHead {
        status: Status::Ok,
        content_type: None,
        framing: ResponseFraming::NoBody,
        keep_alive: true,
        allow_origin: None,
        fields: &[],
    };

    #[test]
    fn the_framing_is_said_in_fields() {
        let table = [
            (ResponseFraming::NoBody, true, ""),
            (ResponseFraming::NoBody, false, "Connection: close\r\n"),
            (ResponseFraming::Length(0), true, "Content-Length: 0\r\n"),
            (
                ResponseFraming::Length(1234),
                false,
                "Content-Length: 1234\r\nConnection: close\r\n",
            ),
            (
                ResponseFraming::Chunked,
                true,
                "Transfer-Encoding: chunked\r\n",
            ),
            (ResponseFraming::UntilClose, true, "Connection: close\r\n"),
            (ResponseFraming::UntilClose, false, "Connection: close\r\n"),
        ];
        for (framing, keep_alive, lines) in table {
            let head = ResponseHead {
                framing,
                keep_alive,
                ..PLAIN
            };
            assert_eq!(encoded(head), format!("HTTP/1.1 200 OK\r\n{lines}\r\n"));
        }
    }

    #[test]
    fn fields_follow_in_their_order() {
        let head = ResponseHead {
            status: Status::ServiceUnavailable,
            content_type: Some("text/event-stream"),
            fields: &[("Retry-After", "5"), ("X-Accel-Buffering", "no")],
            ..PLAIN
        };
        assert_eq!(
            encoded(head),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/event-stream\r\n\
             Retry-After: 5\r\nX-Accel-Buffering: no\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_for_another_origin_says_what_its_pages_may_read() {
        let head = ResponseHead {
            allow_origin: Some("http://panel.lan"),
            fields: &[("Retry-After", "5")],
            ..PLAIN
        };
        assert_eq!(
            encoded(head),
            "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: http://panel.lan\r\n\
             Vary: Origin\r\nAccess-Control-Expose-Headers: Mcp-Session-Id, \
             Mcp-Protocol-Version, WWW-Authenticate, Retry-After\r\nRetry-After: 5\r\n\r\n"
        );
    }

    #[test]
    fn a_json_answer_is_one_piece() {
        let mut out = Vec::new();
        let fields = [("Mcp-Session-Id", "s-1")];
        json(
            &mut out,
            Status::Ok,
            true,
            None,
            &fields,
            b"{}",
            Content::Sent,
        );
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\
                    Mcp-Session-Id: s-1\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), format!("{head}{{}}"));
        out.clear();
        json(
            &mut out,
            Status::Ok,
            true,
            None,
            &fields,
            b"{}",
            Content::HeadOnly,
        );
        assert_eq!(String::from_utf8_lossy(&out), head);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "would break the head"))]
    fn a_value_cannot_begin_another_line() {
        for value in ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"] {
            let head = ResponseHead {
                fields: &[("X", value), ("Y", "z")],
                ..PLAIN
            };
            assert_eq!(encoded(head), "HTTP/1.1 200 OK\r\nY: z\r\n\r\n");
        }
    }

    #[test]
    fn line_breaks_are_found_wherever_they_stand() {
        for (bad, in_lines) in [("\r", true), ("\n", true), ("\0", false)] {
            for at in 0..200 {
                let text = format!("{}{bad}{}", "a".repeat(at), "b".repeat(200 - at));
                assert!(breaks_lines(&text), "{bad:?} at {at}");
                assert_eq!(has_line_break(text.as_bytes()), in_lines);
            }
        }
        assert!(!breaks_lines(""));
        assert!(!breaks_lines("a\tb \u{e9}"));
    }

    #[test]
    fn chunks_are_read_back() {
        let mut out = Vec::new();
        for data in ["a".repeat(10), "b".repeat(256), "c".repeat(4097)] {
            chunk_begin(&mut out, data.len());
            out.extend_from_slice(data.as_bytes());
            chunk_end(&mut out);
        }
        out.extend_from_slice(LAST_CHUNK);
        assert!(out.starts_with(b"a\r\naaaaaaaaaa\r\n100\r\n"));
        let mut decoder = crate::wire::body::ChunkDecoder::default();
        let mut data = Vec::new();
        let used = decoder.decode(&out, &mut data, 0, 10_000).unwrap();
        assert!(decoder.is_done());
        assert_eq!((used, data.len()), (out.len(), 10 + 256 + 4097));
    }

    #[test]
    #[should_panic(expected = "an empty chunk would end the body")]
    fn an_empty_chunk_is_not_written() {
        chunk_begin(&mut Vec::new(), 0);
    }

    #[test]
    fn numbers_are_written_as_fmt_would() {
        let tens = (0..20).map(|power| 10_u64.pow(power));
        let numbers = tens
            .flat_map(|ten| [ten - 1, ten, ten + 1])
            .chain([u64::MAX]);
        for number in numbers {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
            assert_eq!(decimal_len(number), out.len());
        }
    }
}
