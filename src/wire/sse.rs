//! Server-sent events (WHATWG HTML section 9.2): a writer of events and a reader of streams.
//!
//! The writer goes over an event once and knows its exact length before. The reader takes bytes in
//! any pieces and holds no more than one unfinished event, within a bound.

mod reader;

pub use reader::{Reader, ReceivedEvent, TooLong};

use crate::wire::encode::{breaks_lines, decimal, decimal_len, has_line_break};

/// A comment without text: shows a peer and the proxies between that the stream is alive.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// The id of an event as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventId<'a> {
    /// Any text.
    Text(&'a str),
    /// `prefix-sequence`, composed while it is written.
    Sequence {
        /// Names the stream.
        prefix: &'a str,
        /// Counts its events.
        sequence: u64,
    },
}

/// An event to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// What a client sends as `Last-Event-ID` to resume behind this event.
    pub id: Option<EventId<'a>>,
    /// The type; clients take `message` where there is none.
    pub name: Option<&'a str>,
    /// How long a client should wait before it reconnects, in milliseconds.
    pub retry_millis: Option<u32>,
    /// The payload, UTF-8. It may be empty, which is still an event.
    pub data: &'a [u8],
}

/// A CR, LF or NUL in the field of that name. CR and LF would begin a field of their own, and an id
/// with NUL is ignored by clients, which would then resume in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedField {
    /// `id`
    Id,
    /// `event`
    Name,
}

impl Event<'_> {
    /// Bytes that [`encode`](Event::encode) appends.
    pub fn encoded_len(&self) -> usize {
        let field = |name: &str, value: usize| name.len() + ": \n".len() + value;
        let id = self.id.map_or(0, |id| field("id", id.encoded_len()));
        let name = self.name.map_or(0, |name| field("event", name.len()));
        let retry = self
            .retry_millis
            .map_or(0, |millis| field("retry", decimal_len(u64::from(millis))));
        let data: usize = lines(self.data).map(|line| field("data", line.len())).sum();
        id + name + retry + data + "\n".len()
    }

    /// Appends the event.
    ///
    /// # Errors
    ///
    /// Nothing is appended if the id or the name would break the stream.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), RefusedField> {
        self.check()?;
        if let Some(id) = self.id {
            out.extend_from_slice(b"id: ");
            id.encode(out);
            out.push(b'\n');
        }
        if let Some(name) = self.name {
            out.extend_from_slice(b"event: ");
            out.extend_from_slice(name.as_bytes());
            out.push(b'\n');
        }
        if let Some(millis) = self.retry_millis {
            out.extend_from_slice(b"retry: ");
            decimal(out, u64::from(millis));
            out.push(b'\n');
        }
        for line in lines(self.data) {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out.push(b'\n');
        Ok(())
    }

    fn check(&self) -> Result<(), RefusedField> {
        let id = match self.id {
            Some(EventId::Text(text)) => text,
            Some(EventId::Sequence { prefix, .. }) => prefix,
            None => "",
        };
        if breaks_lines(id) {
            return Err(RefusedField::Id);
        }
        if self.name.is_some_and(breaks_lines) {
            return Err(RefusedField::Name);
        }
        Ok(())
    }
}

impl EventId<'_> {
    /// Bytes that the id takes.
    pub fn encoded_len(self) -> usize {
        match self {
            EventId::Text(text) => text.len(),
            EventId::Sequence { prefix, sequence } => prefix.len() + 1 + decimal_len(sequence),
        }
    }

    fn encode(self, out: &mut Vec<u8>) {
        match self {
            EventId::Text(text) => out.extend_from_slice(text.as_bytes()),
            EventId::Sequence { prefix, sequence } => {
                out.extend_from_slice(prefix.as_bytes());
                out.push(b'-');
                decimal(out, sequence);
            }
        }
    }
}

/// Appends a comment, which clients skip.
pub fn comment(out: &mut Vec<u8>, text: &str) {
    for line in lines(text.as_bytes()) {
        out.extend_from_slice(b": ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// The lines of `data`, at least one. CR, LF and CRLF all end a line for a client, so each has to
/// begin a field here. Payloads of one line, which all JSON of ours is, are not searched byte by
/// byte.
fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let one_line = !has_line_break(data);
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        let ends = if one_line { None } else { line_end(data) };
        let (end, next) = ends.unzip();
        rest = next.map(|next| &data[next..]);
        Some(&data[..end.unwrap_or(data.len())])
    })
}

/// Where the first line ends and where the next one begins.
fn line_end(data: &[u8]) -> Option<(usize, usize)> {
    let end = data.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let width = if data[end..].starts_with(b"\r\n") {
        2
    } else {
        1
    };
    Some((end, end + width))
}

#[cfg(test)]
mod tests;
