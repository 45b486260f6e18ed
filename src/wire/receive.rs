//! Requests out of the bytes of one connection, whatever pieces they arrive in.
//!
//! A request that lies whole in the piece just read, which nearly all do, is decoded where it
//! stands: no copy, no allocation. Only what is unfinished at the end of a piece is kept, in one
//! buffer that is given back as soon as the request has been served. So an idle connection holds
//! no heap memory at all.
//!
//! ```text
//! Head --blank line--> Body | Chunks --whole--> Whole --finish--> Head
//!   \___________________________\_____________________________________ Refused
//! ```
//!
//! Invariant: the buffer is empty in `Head` between two requests and in `Refused`.

use crate::limits::HEAD_BYTES_MAX;
use crate::wire::body::{self, ChunkDecoder, Framing, append};
use crate::wire::head::{self, Head, Version};
use crate::wire::status::{Refusal, Status};

/// The receiving side of one connection.
#[derive(Debug, Default)]
pub struct Receiver {
    /// What earlier pieces left: the head and, behind it, the body without its framing.
    held: Vec<u8>,
    state: State,
}

// There is one per connection, idle ones included.
const _: () = assert!(size_of::<Receiver>() <= 64);

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// The end of the head has not arrived. Also: nothing of it has.
    #[default]
    Head,
    /// The head is whole; the body is when the buffer has so many bytes.
    Body { head_bytes: u16, bytes: usize },
    /// The head is whole; the body comes in chunks.
    Chunks {
        head_bytes: u16,
        decoder: ChunkDecoder,
    },
    /// The request in the buffer has been given out.
    Whole { head_bytes: u16 },
    /// A refusal has been given out.
    Refused,
}

const _: () = assert!(HEAD_BYTES_MAX <= u16::MAX as usize);

/// What a piece of input came to.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one match; a box would be an allocation per request"
)]
pub enum Received<'a> {
    /// All input was taken; the request is not whole.
    More {
        /// The peer waits for [`CONTINUE`](crate::wire::encode::CONTINUE) before it sends the
        /// body. Said once for each request.
        send_continue: bool,
        /// The head is whole, so the timeout of bodies applies.
        in_body: bool,
    },
    /// A whole request.
    Request {
        /// The request, borrowed from the input or from the receiver.
        request: Request<'a>,
        /// So many bytes of this input belong to it; the rest is what follows.
        used: usize,
    },
    /// This is to be answered and the connection closed.
    Refuse(Refusal),
}

/// A whole HTTP request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its head.
    pub head: Head<'a>,
    /// Its body without framing; empty if there is none.
    pub body: &'a [u8],
    /// Whether the connection may serve another request after this one.
    pub keep_alive: bool,
}

/// Where a piece led when it had to go through the buffer.
enum Progress {
    More { send_continue: bool },
    Whole { used: usize },
}

impl Receiver {
    /// Takes the next piece of input. Bodies over `body_bytes_max` are refused, by their
    /// `Content-Length` before any of them is read.
    ///
    /// The request borrows from `self` or from `input`; once it is served, [`finish`] gives its
    /// memory back. A `receive` without that does so first.
    ///
    /// # Panics
    ///
    /// After a refusal: where the next request would begin is not known then, and guessing would
    /// be an invitation to smuggle one.
    ///
    /// [`finish`]: Receiver::finish
    pub fn receive<'a>(&'a mut self, input: &'a [u8], body_bytes_max: usize) -> Received<'a> {
        self.finish();
        assert!(
            !matches!(self.state, State::Refused),
            "a refused connection has no framing left"
        );
        if self.held.is_empty() {
            return self.receive_at_start(input, body_bytes_max);
        }
        match self.advance(input, body_bytes_max) {
            Ok(Progress::More { send_continue }) => Received::More {
                send_continue,
                in_body: !matches!(self.state, State::Head),
            },
            Ok(Progress::Whole { used }) => Received::Request {
                request: self.whole(),
                used,
            },
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Gives back the memory of the request that was given out last. Without one, or if it was
    /// borrowed from the input, nothing happens.
    pub fn finish(&mut self) {
        if let State::Whole { .. } = self.state {
            *self = Receiver::default();
        }
    }

    /// Keeps the request that was given out last, to give it out once more; `bytes` is what it has
    /// of the input, of which `head_bytes` are its head, if it was borrowed from there.
    pub fn keep(&mut self, bytes: &[u8], head_bytes: usize) {
        if let State::Whole { .. } = self.state {
            return;
        }
        self.held = bytes.to_vec();
        self.state = State::Whole {
            head_bytes: u16::try_from(head_bytes).expect("heads are within their limit"),
        };
    }

    /// Whether a request is kept.
    pub fn has_kept(&self) -> bool {
        matches!(self.state, State::Whole { .. })
    }

    /// The request that was kept. [`Receiver::finish`] gives its memory back.
    pub fn again(&self) -> Received<'_> {
        Received::Request {
            request: self.whole(),
            used: 0,
        }
    }

    /// The head of a request whose body is still to come.
    pub fn head(&self) -> Option<Head<'_>> {
        match self.state {
            State::Body { head_bytes, .. } | State::Chunks { head_bytes, .. } => {
                let head = head::decode(&self.held[..usize::from(head_bytes)]);
                head.ok().flatten()
            }
            State::Head | State::Whole { .. } | State::Refused => None,
        }
    }

    /// Whether there is such a head.
    pub fn is_in_body(&self) -> bool {
        matches!(self.state, State::Body { .. } | State::Chunks { .. })
    }

    /// Bytes of memory that the unfinished or unserved request takes; zero between requests.
    pub fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Nothing is held: the request may lie whole in `input`.
    fn receive_at_start<'a>(&'a mut self, input: &'a [u8], body_bytes_max: usize) -> Received<'a> {
        let skipped = empty_lines(input);
        let input = &input[skipped..];
        let head = match head::decode(input) {
            Ok(Some(head)) => head,
            Ok(None) => {
                append(&mut self.held, input, HEAD_BYTES_MAX);
                return Received::More {
                    send_continue: false,
                    in_body: false,
                };
            }
            Err(refusal) => return self.refuse(refusal),
        };
        let framing = match framing_of(&head, body_bytes_max) {
            Ok(framing) => framing,
            Err(refusal) => return self.refuse(refusal),
        };
        let rest = &input[head.raw.len()..];
        let body = match framing {
            Framing::None => Some(&rest[..0]),
            Framing::Length(bytes) => rest.get(..bytes as usize),
            Framing::Chunked => None,
        };
        if let Some(body) = body {
            let used = skipped + head.raw.len() + body.len();
            return Received::Request {
                request: Request::new(head, body),
                used,
            };
        }
        self.receive_body(head, framing, rest, skipped, body_bytes_max)
    }

    /// The head lies whole in the input, the body does not, or has to be taken out of its chunks.
    fn receive_body<'a>(
        &'a mut self,
        head: Head<'_>,
        framing: Framing,
        rest: &[u8],
        skipped: usize,
        body_bytes_max: usize,
    ) -> Received<'a> {
        let send_continue = wants_continue(&head, framing, rest);
        let before = skipped + head.raw.len();
        self.held
            .reserve_exact(reserved_bytes(head.raw.len(), framing));
        self.held.extend_from_slice(head.raw);
        self.state = State::after_head(head.raw.len(), framing);
        match self.advance_body(rest, body_bytes_max) {
            Ok(None) => Received::More {
                send_continue,
                in_body: true,
            },
            Ok(Some(used)) => Received::Request {
                request: self.whole(),
                used: before + used,
            },
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Adds `input` to what is held.
    fn advance(&mut self, input: &[u8], body_bytes_max: usize) -> Result<Progress, Refusal> {
        let mut used = 0;
        let mut send_continue = false;
        if let State::Head = self.state {
            let Some(head_used) = self.advance_head(input)? else {
                return Ok(Progress::More { send_continue });
            };
            used = head_used;
            send_continue = self.begin_body(&input[used..], body_bytes_max)?;
        }
        Ok(match self.advance_body(&input[used..], body_bytes_max)? {
            None => Progress::More { send_continue },
            Some(body_used) => Progress::Whole {
                used: used + body_used,
            },
        })
    }

    /// Adds to an unfinished head. Returns how many bytes of `input` it took to finish it.
    ///
    /// Only new bytes are searched for the empty line, and nothing is decoded before it is there,
    /// so that a head that arrives byte by byte costs no more than one that does not.
    fn advance_head(&mut self, input: &[u8]) -> Result<Option<usize>, Refusal> {
        let before = self.held.len();
        let room = (HEAD_BYTES_MAX - before).min(input.len());
        append(&mut self.held, &input[..room], HEAD_BYTES_MAX);
        match head_end(&self.held, before) {
            Some(end) => {
                self.held.truncate(end);
                Ok(Some(end - before))
            }
            None if room < input.len() => Err(head::too_large()),
            None => Ok(None),
        }
    }

    /// Decides how the body behind the head in the buffer goes on, and makes room for it. Returns
    /// whether the peer waits to be told to send it.
    fn begin_body(&mut self, rest: &[u8], body_bytes_max: usize) -> Result<bool, Refusal> {
        let head = head::decode(&self.held)?
            .ok_or_else(|| Refusal::bad_request("the head ends before its empty line"))?;
        let framing = framing_of(&head, body_bytes_max)?;
        let send_continue = wants_continue(&head, framing, rest);
        let bytes = reserved_bytes(self.held.len(), framing);
        self.state = State::after_head(self.held.len(), framing);
        self.held.reserve_exact(bytes - self.held.len());
        Ok(send_continue)
    }

    /// Adds to the body. Returns how many bytes of `input` it took to finish it.
    fn advance_body(
        &mut self,
        input: &[u8],
        body_bytes_max: usize,
    ) -> Result<Option<usize>, Refusal> {
        let (head_bytes, used) = match &mut self.state {
            State::Body { head_bytes, bytes } => {
                let used = (*bytes - self.held.len()).min(input.len());
                self.held.extend_from_slice(&input[..used]);
                (*head_bytes, (self.held.len() == *bytes).then_some(used))
            }
            State::Chunks {
                head_bytes,
                decoder,
            } => {
                let start = usize::from(*head_bytes);
                let used = decoder.decode(input, &mut self.held, start, body_bytes_max)?;
                (*head_bytes, decoder.is_done().then_some(used))
            }
            State::Head | State::Whole { .. } | State::Refused => {
                unreachable!("a body comes after its head and before its end")
            }
        };
        if used.is_some() {
            self.state = State::Whole { head_bytes };
        }
        Ok(used)
    }

    /// The request in the buffer. Its head was decoded before, so this cannot fail.
    fn whole(&self) -> Request<'_> {
        let State::Whole { head_bytes } = self.state else {
            unreachable!("the request is whole");
        };
        let (head, body) = self.held.split_at(usize::from(head_bytes));
        let head = head::decode(head).ok().flatten();
        Request::new(head.expect("these bytes were decoded once already"), body)
    }

    fn refuse<'a>(&mut self, refusal: Refusal) -> Received<'a> {
        self.held = Vec::new();
        self.state = State::Refused;
        Received::Refuse(refusal)
    }
}

impl State {
    fn after_head(head_bytes: usize, framing: Framing) -> State {
        let bytes = reserved_bytes(head_bytes, framing);
        let head_bytes = u16::try_from(head_bytes).expect("heads are within their limit");
        match framing {
            Framing::None | Framing::Length(_) => State::Body { head_bytes, bytes },
            Framing::Chunked => State::Chunks {
                head_bytes,
                decoder: ChunkDecoder::default(),
            },
        }
    }
}

impl<'a> Request<'a> {
    /// Bytes of its head and its body.
    pub fn bytes(&self) -> (usize, usize) {
        (self.head.raw.len(), self.body.len())
    }

    fn new(head: Head<'a>, body: &'a [u8]) -> Request<'a> {
        Request {
            head,
            body,
            keep_alive: head.keep_alive(),
        }
    }
}

/// What the buffer has to hold of a request, as far as that is known when its head is.
fn reserved_bytes(head_bytes: usize, framing: Framing) -> usize {
    match framing {
        Framing::None | Framing::Chunked => head_bytes,
        Framing::Length(bytes) => head_bytes + bytes as usize,
    }
}

/// The framing, if the body may come at all. A length that passes fits `usize`.
fn framing_of(head: &Head<'_>, body_bytes_max: usize) -> Result<Framing, Refusal> {
    if let Some(expect) = head.fields.expect
        && !expect.eq_ignore_ascii_case("100-continue")
    {
        let text = "the only expectation met here is 100-continue";
        return Err(Refusal::new(Status::ExpectationFailed, text));
    }
    let framing = Framing::of(head.version, &head.fields)?;
    match framing {
        Framing::Length(bytes) if bytes > body_bytes_max as u64 => {
            Err(body::too_large(body_bytes_max))
        }
        Framing::None | Framing::Length(_) | Framing::Chunked => Ok(framing),
    }
}

/// Whether the peer holds its body back until it is told to go on (RFC 9110 section 10.1.1). One
/// that has begun to send does not, and HTTP/1.0 has no such thing.
fn wants_continue(head: &Head<'_>, framing: Framing, rest: &[u8]) -> bool {
    let asks = head.fields.expect.is_some() && head.version == Version::Http11;
    let has_body = !matches!(framing, Framing::None | Framing::Length(0));
    asks && has_body && rest.is_empty()
}

/// Bytes of the line ends before a request line, which some clients send after a body (RFC 9112
/// section 2.2).
fn empty_lines(input: &[u8]) -> usize {
    let request_line = input.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    request_line.unwrap_or(input.len())
}

/// The end of the head in `bytes`, if it lies behind `searched`: after an LF that follows another
/// one directly or with a CR between. Bare LF counts too, so that such a head is refused at once
/// instead of being waited for.
fn head_end(bytes: &[u8], searched: usize) -> Option<usize> {
    let is_end = |at: &usize| {
        let line = &bytes[..*at];
        bytes[*at] == b'\n' && (line.ends_with(b"\n") || line.ends_with(b"\n\r"))
    };
    (searched..bytes.len()).find(is_end).map(|at| at + 1)
}

#[cfg(test)]
mod tests;
