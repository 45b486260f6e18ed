//! Where a request's body ends (RFC 9112 section 6.3), decided once and as a value, and the decoder
//! for bodies that come in chunks (section 7.1).
//!
//! Both are stricter than the RFC allows in one direction only: what is refused here could be read
//! in two ways by two parties, and the second party would take the rest for another request.

use crate::limits::{CHUNK_LINE_BYTES_MAX, TRAILER_BYTES_MAX};
use crate::wire::head::{Fields, Version};
use crate::wire::status::{Refusal, Status};

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes. A number beyond 64 bits is `u64::MAX`, which no limit lets pass.
    Length(u64),
    /// Until the last chunk and its trailer.
    Chunked,
}

impl Framing {
    /// Decides in the order of RFC 9112 section 6.3.
    ///
    /// # Errors
    ///
    /// 400 if the fields contradict each other or break their grammar, 501 for a transfer coding
    /// other than `chunked`.
    pub fn of(version: Version, fields: &Fields<'_>) -> Result<Framing, Refusal> {
        match (fields.transfer_encoding, fields.content_length) {
            (Some(_), Some(_)) => Err(Refusal::bad_request(
                "Transfer-Encoding and Content-Length exclude each other",
            )),
            (Some(_), None) if version == Version::Http10 => Err(Refusal::bad_request(
                "HTTP/1.0 has no Transfer-Encoding (RFC 9112 section 6.1)",
            )),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            (Some(_), None) => Err(Refusal::new(
                Status::NotImplemented,
                "the only transfer coding here is chunked",
            )),
            (None, Some(length)) => parse_length(length).map(Framing::Length),
            (None, None) => Ok(Framing::None),
        }
    }
}

/// Digits and nothing else: no sign, no blank, no list.
fn parse_length(text: &str) -> Result<u64, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::bad_request(
            "Content-Length is not a decimal number",
        ));
    }
    let digits = text.bytes().map(|byte| u64::from(byte - b'0'));
    Ok(digits.fold(0, |sum: u64, digit| {
        sum.saturating_mul(10).saturating_add(digit)
    }))
}

/// 413, with the setting to change.
pub(crate) fn too_large(body_bytes_max: usize) -> Refusal {
    let text = format!("the body is over limits.body, which is {body_bytes_max} bytes");
    Refusal::new(Status::ContentTooLarge, text)
}

/// Appends `bytes` and lets the capacity grow by doubling, but never beyond `bytes_max`.
///
/// The sum must be within `bytes_max`.
pub(crate) fn append(out: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) {
    let needed = out.len() + bytes.len();
    assert!(needed <= bytes_max, "the caller keeps the bound");
    if needed > out.capacity() {
        let capacity = capacity_for(needed, out.capacity(), bytes_max);
        out.reserve_exact(capacity - out.len());
    }
    out.extend_from_slice(bytes);
}

/// The capacity that [`append`] makes of `capacity` for `needed` bytes.
pub(crate) fn capacity_for(needed: usize, capacity: usize, bytes_max: usize) -> usize {
    match needed <= capacity {
        true => capacity,
        false => (2 * capacity).clamp(needed, bytes_max),
    }
}

/// Takes the chunks of one body apart, however the bytes arrive.
///
/// ```text
/// Size -digit-> SizeMore -;-> Extension -CR-> SizeLf -> Data -> DataCr -> DataLf -> Size
///                                                |size 0
///                                                v
///                              TrailerStart -CR-> LastLf -> Done
///                               |      ^
///                               v      |
///                            Trailer -> TrailerLf
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ChunkDecoder {
    state: State,
    /// Bytes so far of the size line, or of all trailer lines.
    line_bytes: u16,
    /// The size as far as it is read; then the data bytes of this chunk that are still to come.
    size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the first digit of a size, which must be there.
    #[default]
    Size,
    /// After a digit.
    SizeMore,
    /// In the blanks that may stand between size and extension.
    SizeBlank,
    /// In an extension, which is skipped.
    Extension,
    /// At the LF of a size line.
    SizeLf,
    /// In the data.
    Data,
    /// At the CR after the data.
    DataCr,
    /// At the LF after the data.
    DataLf,
    /// At the start of a trailer line or of the empty line that ends the body.
    TrailerStart,
    /// In a trailer line, which is skipped.
    Trailer,
    /// At the LF of a trailer line.
    TrailerLf,
    /// At the very last LF.
    LastLf,
    /// Behind the body.
    Done,
}

// Both limits are counted in `line_bytes`.
const _: () = assert!(CHUNK_LINE_BYTES_MAX < u16::MAX as usize);
const _: () = assert!(TRAILER_BYTES_MAX < u16::MAX as usize);

impl ChunkDecoder {
    /// Whether the body is whole.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Appends the data in `input` to `out`, whose first `start` bytes are not part of the body.
    /// Returns how many bytes of `input` belonged to the body: all, unless it is done.
    ///
    /// # Errors
    ///
    /// 400 for broken chunks, 413 once the data is over `body_bytes_max`, 431 for trailers over
    /// [`TRAILER_BYTES_MAX`].
    pub fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        start: usize,
        body_bytes_max: usize,
    ) -> Result<usize, Refusal> {
        let mut used = 0;
        while used < input.len() && !self.is_done() {
            if self.state == State::Data {
                let bytes = self.take_data(&input[used..]);
                append(out, bytes, start + body_bytes_max);
                used += bytes.len();
            } else {
                self.state = self.step(input[used])?;
                used += 1;
                let taken = (out.len() - start) as u64;
                if self.state == State::Data && self.size > body_bytes_max as u64 - taken {
                    return Err(too_large(body_bytes_max));
                }
            }
        }
        Ok(used)
    }

    /// What of `input` is data of this chunk.
    fn take_data<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let taken = usize::try_from(self.size).map_or(input.len(), |size| size.min(input.len()));
        self.size -= taken as u64;
        if self.size == 0 {
            self.state = State::DataCr;
        }
        &input[..taken]
    }

    /// Takes one byte that is not data.
    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        match self.state {
            State::Size => self.digit(byte),
            State::SizeMore => match byte {
                b' ' | b'\t' => self.count(State::SizeBlank),
                b';' => self.count(State::Extension),
                b'\r' => Ok(State::SizeLf),
                other => self.digit(other),
            },
            State::SizeBlank => match byte {
                b' ' | b'\t' => self.count(State::SizeBlank),
                b';' => self.count(State::Extension),
                b'\r' => Ok(State::SizeLf),
                _ => Err(Refusal::bad_request("a chunk size is followed by garbage")),
            },
            State::Extension => match byte {
                b'\r' => Ok(State::SizeLf),
                other => visible(other).and_then(|()| self.count(State::Extension)),
            },
            State::SizeLf => line_feed(byte, self.after_size()),
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataCr => Err(Refusal::bad_request("a chunk is longer than its size")),
            State::DataLf => line_feed(byte, State::Size),
            State::TrailerStart if byte == b'\r' => Ok(State::LastLf),
            State::TrailerStart => visible(byte).and_then(|()| self.count_trailer()),
            State::Trailer if byte == b'\r' => Ok(State::TrailerLf),
            State::Trailer => visible(byte).and_then(|()| self.count_trailer()),
            State::TrailerLf => line_feed(byte, State::TrailerStart),
            State::LastLf => line_feed(byte, State::Done),
            State::Data | State::Done => unreachable!("the caller takes no such byte here"),
        }
    }

    /// Takes a hexadecimal digit of the size. A sign is none, nor is the lack of any.
    fn digit(&mut self, byte: u8) -> Result<State, Refusal> {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return Err(Refusal::bad_request("a chunk size is not hexadecimal"));
        };
        if self.size >> 60 != 0 {
            return Err(Refusal::bad_request("a chunk size has more than 64 bits"));
        }
        self.size = self.size << 4 | u64::from(digit);
        self.count(State::SizeMore)
    }

    /// Where the data or, after the last chunk, the trailer begins.
    fn after_size(&mut self) -> State {
        self.line_bytes = 0;
        if self.size == 0 {
            State::TrailerStart
        } else {
            State::Data
        }
    }

    fn count(&mut self, next: State) -> Result<State, Refusal> {
        self.line_bytes += 1;
        if usize::from(self.line_bytes) > CHUNK_LINE_BYTES_MAX {
            return Err(Refusal::bad_request("a chunk-size line is over 256 bytes"));
        }
        Ok(next)
    }

    fn count_trailer(&mut self) -> Result<State, Refusal> {
        self.line_bytes += 1;
        if usize::from(self.line_bytes) > TRAILER_BYTES_MAX {
            let text = "the trailer fields are over 4 KiB";
            return Err(Refusal::new(Status::HeadTooLarge, text));
        }
        Ok(State::Trailer)
    }
}

/// Demands an LF. Elsewhere a bare LF or CR is an error, so that nobody can end a line differently.
fn line_feed(byte: u8, next: State) -> Result<State, Refusal> {
    if byte == b'\n' {
        Ok(next)
    } else {
        Err(Refusal::bad_request("a line of a chunk has a bare CR"))
    }
}

/// Refuses control characters, a bare LF and NUL among them, in what is skipped.
fn visible(byte: u8) -> Result<(), Refusal> {
    if byte == b'\t' || !byte.is_ascii_control() {
        Ok(())
    } else {
        Err(Refusal::bad_request(
            "a line of a chunk has a control character",
        ))
    }
}

#[cfg(test)]
mod tests;
