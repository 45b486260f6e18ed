//! The reading side of an event stream.

use super::line_end;

/// A reader of one event stream.
///
/// Invariant: line, data, id and name together stay within the bound given at the start. Only an id
/// or name that is not UTF-8 may take more, since each wrong byte becomes three.
#[derive(Debug)]
pub struct Reader {
    /// Bytes that an unfinished event may take.
    event_bytes_max: usize,
    /// The start of a line whose end has not arrived.
    line: Vec<u8>,
    /// The data lines so far, each with an LF.
    data: Vec<u8>,
    /// The name of the event so far; empty means `message`.
    name: String,
    /// The last id that the stream named; it holds for later events too.
    id: String,
    /// The last `retry` that the stream named.
    retry_millis: Option<u32>,
    /// The last byte was a CR, so an LF that follows ends no line of its own.
    after_cr: bool,
    /// The first line is read, so a byte order mark is none any more.
    started: bool,
}

/// An event as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedEvent<'a> {
    /// The last id that the stream named; empty if none.
    pub id: &'a str,
    /// The type; `message` if the event named none.
    pub name: &'a str,
    /// The data lines, joined by LF. Not checked to be UTF-8.
    pub data: &'a [u8],
}

/// The event is over the reader's bound. Where the next one begins is not worth finding out: the
/// stream is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Reader {
    /// A reader that holds at most `event_bytes_max` bytes of one event.
    pub fn new(event_bytes_max: usize) -> Reader {
        Reader {
            event_bytes_max,
            line: Vec::new(),
            data: Vec::new(),
            name: String::new(),
            id: String::new(),
            retry_millis: None,
            after_cr: false,
            started: false,
        }
    }

    /// Takes the next bytes and reports each event that they finish.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if an event is over the bound; the reader is of no use then.
    pub fn push(
        &mut self,
        input: &[u8],
        mut on_event: impl FnMut(ReceivedEvent<'_>),
    ) -> Result<(), TooLong> {
        if input.is_empty() {
            return Ok(());
        }
        let follows_cr = std::mem::take(&mut self.after_cr);
        let mut rest = match input {
            [b'\n', rest @ ..] if follows_cr => rest,
            _ => input,
        };
        while let Some((end, next)) = line_end(rest) {
            self.after_cr = rest[end] == b'\r' && next == rest.len();
            self.end_line(&rest[..end], &mut on_event)?;
            rest = &rest[next..];
        }
        self.hold(rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// What to send as `Last-Event-ID`; empty if the stream named none.
    pub fn last_event_id(&self) -> &str {
        &self.id
    }

    /// How long the server wants to be left alone before a new connection, in milliseconds.
    pub fn retry_millis(&self) -> Option<u32> {
        self.retry_millis
    }

    /// Bytes of heap that the reader takes.
    pub fn held_bytes(&self) -> usize {
        self.line.capacity() + self.data.capacity() + self.name.capacity() + self.id.capacity()
    }

    /// Whether `bytes` more are within the bound.
    fn hold(&self, bytes: usize) -> Result<(), TooLong> {
        let held = self.line.len() + self.data.len() + self.name.len() + self.id.len();
        if held + bytes > self.event_bytes_max {
            return Err(TooLong);
        }
        Ok(())
    }

    /// Takes the end of a line, whose start may be held.
    fn end_line(
        &mut self,
        end: &[u8],
        on_event: &mut impl FnMut(ReceivedEvent<'_>),
    ) -> Result<(), TooLong> {
        // The LF behind a data line counts too.
        self.hold(end.len() + 1)?;
        if self.line.is_empty() {
            self.take_line(end, on_event);
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(end);
            self.take_line(&line, on_event);
        }
        Ok(())
    }

    fn take_line(&mut self, line: &[u8], on_event: &mut impl FnMut(ReceivedEvent<'_>)) {
        let first = !std::mem::replace(&mut self.started, true);
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(line) if first => line,
            _ => line,
        };
        if line.is_empty() {
            self.dispatch(on_event);
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        self.take_field(name, value.strip_prefix(b" ").unwrap_or(value));
    }

    /// Comments have an empty name; they and unknown fields are skipped.
    fn take_field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into_owned(),
            b"retry" => self.retry_millis = digits(value).or(self.retry_millis),
            _ => {}
        }
    }

    /// Reports the event. Without any data line there is none, though its id counts.
    fn dispatch(&mut self, on_event: &mut impl FnMut(ReceivedEvent<'_>)) {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if let Some(data) = data.strip_suffix(b"\n") {
            on_event(ReceivedEvent {
                id: &self.id,
                name: if name.is_empty() { "message" } else { &name },
                data,
            });
        }
    }
}

/// A number of digits only; what is beyond 32 bits is as good as none.
fn digits(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
