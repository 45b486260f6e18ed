//! Reads what the server sends: HTTP responses and event streams, strictly, in whatever pieces
//! they arrive. Written apart from `wire::encode` and `wire::sse`, so that a fault there is not
//! repeated here.

use std::collections::VecDeque;

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The head of a response.
    Head(Head),
    /// The whole body of a response that is no event stream; empty ones included.
    Body(String),
    /// An event.
    Event(Event),
    /// A comment in an event stream.
    Comment,
    /// The event stream ended as it should.
    End,
}

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub id: Option<String>,
    pub name: Option<String>,
    pub retry: Option<u32>,
    pub data: String,
}

/// How the rest of the response arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rest {
    /// A head is next.
    #[default]
    Head,
    /// So many bytes of a body.
    Length(usize),
    /// The size of a chunk.
    ChunkSize,
    /// So many bytes of a chunk, its line end included.
    Chunk(usize),
    /// The line after the last chunk.
    LastLine,
    /// Everything until the connection closes.
    UntilClose,
}

/// Reads the responses of one connection.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    rest: Rest,
    is_stream: bool,
    body: Vec<u8>,
    pieces: VecDeque<Piece>,
}

impl Head {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Reader {
    /// Takes bytes as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while self.advance() {}
    }

    /// The next piece.
    pub fn next(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// Whether a response has begun and not ended.
    pub fn is_within_response(&self) -> bool {
        self.rest != Rest::Head || !self.bytes.is_empty()
    }

    /// The server closed the connection. Returns whether that was the end of a response or between
    /// two.
    pub fn close(&mut self) -> bool {
        if self.rest == Rest::UntilClose && self.body.is_empty() {
            self.rest = Rest::Head;
            self.end();
        }
        !self.is_within_response()
    }

    fn advance(&mut self) -> bool {
        match self.rest {
            Rest::Head => self.head(),
            Rest::Length(left) => self.length(left),
            Rest::ChunkSize => self.chunk_size(),
            Rest::Chunk(left) => self.chunk(left),
            Rest::LastLine => self.line().is_some_and(|line| {
                assert_eq!(line, "", "there are no trailers");
                self.rest = Rest::Head;
                self.end();
                true
            }),
            Rest::UntilClose => {
                let bytes = std::mem::take(&mut self.bytes);
                self.content(&bytes);
                false
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let end = self.bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line: Vec<u8> = self.bytes.drain(..end + 2).take(end).collect();
        Some(String::from_utf8(line).expect("lines are text"))
    }

    fn head(&mut self) -> bool {
        let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let text: Vec<u8> = self.bytes.drain(..end + 4).take(end).collect();
        let text = String::from_utf8(text).expect("heads are text");
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
        let status = status.expect("a response begins with its version");
        let mut head = Head {
            status: status[..3].parse().expect("a status has three digits"),
            fields: Vec::new(),
        };
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field has a colon");
            head.fields
                .push((name.to_ascii_lowercase(), value.to_string()));
        }
        if head.status == 100 {
            return true;
        }
        self.rest = rest_after(&head);
        self.is_stream = head.field("content-type") == Some("text/event-stream");
        self.pieces.push_back(Piece::Head(head));
        if self.rest == Rest::Length(0) {
            self.rest = Rest::Head;
            self.end();
        }
        true
    }

    fn length(&mut self, left: usize) -> bool {
        let count = left.min(self.bytes.len());
        let bytes: Vec<u8> = self.bytes.drain(..count).collect();
        self.content(&bytes);
        self.rest = Rest::Length(left - count);
        if left == count {
            self.rest = Rest::Head;
            self.end();
            return true;
        }
        false
    }

    fn chunk_size(&mut self) -> bool {
        let Some(line) = self.line() else {
            return false;
        };
        let size = usize::from_str_radix(&line, 16).expect("a chunk begins with its size");
        self.rest = if size == 0 {
            Rest::LastLine
        } else {
            Rest::Chunk(size + 2)
        };
        true
    }

    fn chunk(&mut self, left: usize) -> bool {
        if self.bytes.len() < left {
            return false;
        }
        let bytes: Vec<u8> = self.bytes.drain(..left).collect();
        let (data, line_end) = bytes.split_at(left - 2);
        assert_eq!(line_end, b"\r\n", "a chunk ends with a line end");
        self.content(data);
        self.rest = Rest::ChunkSize;
        true
    }

    /// Bytes of the body, freed of their framing.
    fn content(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        while self.is_stream
            && let Some(end) = self.body.windows(2).position(|pair| pair == b"\n\n")
        {
            let block: Vec<u8> = self.body.drain(..end + 2).take(end).collect();
            self.pieces.push_back(block_of(
                &String::from_utf8(block).expect("events are text"),
            ));
        }
    }

    fn end(&mut self) {
        if self.is_stream {
            assert!(self.body.is_empty(), "a stream ends behind an event");
            self.is_stream = false;
            return self.pieces.push_back(Piece::End);
        }
        let body = String::from_utf8(std::mem::take(&mut self.body)).expect("bodies are text");
        self.pieces.push_back(Piece::Body(body));
    }
}

fn rest_after(head: &Head) -> Rest {
    if head.status == 204 {
        return Rest::Length(0);
    }
    if let Some(length) = head.field("content-length") {
        assert_eq!(head.field("transfer-encoding"), None, "one framing only");
        return Rest::Length(length.parse().expect("a length is a number"));
    }
    match head.field("transfer-encoding") {
        Some("chunked") => Rest::ChunkSize,
        Some(other) => panic!("unknown coding {other}"),
        None => {
            assert_eq!(
                head.field("connection"),
                Some("close"),
                "the end must be findable"
            );
            Rest::UntilClose
        }
    }
}

/// One block of an event stream: lines up to an empty one.
fn block_of(block: &str) -> Piece {
    let mut event = Event::default();
    let mut data = Vec::new();
    for line in block.split('\n') {
        let (name, value) = line.split_once(':').expect("a line has a colon");
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => {
                assert_eq!(block, line, "comments stand alone");
                return Piece::Comment;
            }
            "id" => event.id = Some(value.to_string()),
            "event" => event.name = Some(value.to_string()),
            "retry" => event.retry = Some(value.parse().expect("milliseconds")),
            "data" => data.push(value),
            other => panic!("unknown field {other}"),
        }
    }
    assert_eq!(data.len(), 1, "JSON of ours is one line");
    event.data = data[0].to_string();
    Piece::Event(event)
}
