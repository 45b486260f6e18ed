//! A small client of its own for the contracts: raw HTTP, and a reader of event streams that shows
//! names, ids and comments as they are on the wire.

use crate::harness::{Daemon, PATIENCE, Peer, Response, call, get, post};
use serde_json::Value;
use std::net::TcpStream;
use std::time::Instant;

/// One server-sent event.
#[derive(Debug)]
pub struct Event {
    pub id: Option<String>,
    /// `None` for what browsers call `message`.
    pub name: Option<String>,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }

    /// Whether it only says that the server is alive.
    fn is_heartbeat(&self) -> bool {
        self.is("heartbeat") || self.data.starts_with(r#"{"type":"heartbeat""#)
    }
}

/// What stands between two empty lines of a stream.
#[derive(Debug)]
pub enum Block {
    Comment,
    Event(Event),
}

/// An open event stream.
pub struct Stream {
    peer: Peer<TcpStream>,
    /// The head of the response.
    pub head: String,
    /// What has come and is not a whole block yet.
    text: String,
}

impl Stream {
    /// Opens a stream, which has to be one.
    pub fn open(daemon: &Daemon, path: &str) -> Stream {
        Stream::open_with(daemon, path, "")
    }

    /// The same with further header fields, each ended by CR LF.
    pub fn open_with(daemon: &Daemon, path: &str, fields: &str) -> Stream {
        let mut peer = daemon.connect();
        peer.send(get(path, fields));
        Stream::of(peer)
    }

    /// What answers a request that was sent already.
    pub fn of(mut peer: Peer<TcpStream>) -> Stream {
        let head = peer.head();
        assert!(head.starts_with("HTTP/1.1 200 "), "no stream: {head}");
        let kind = field(&head, "Content-Type").expect("a type");
        assert!(kind.starts_with("text/event-stream"), "{head}");
        Stream {
            peer,
            head,
            text: String::new(),
        }
    }

    /// The value of a field of its head.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    /// The next comment or event; `None` at the end.
    pub fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = parse_block(block);
                self.text = rest.to_string();
                return Some(block);
            }
            match self.peer.chunk() {
                Some(chunk) => self.text.push_str(&chunk),
                None => {
                    assert_eq!(self.text, "", "a stream ends behind an event");
                    return None;
                }
            }
        }
    }

    /// The next event of any kind; `None` at the end.
    pub fn any_event(&mut self) -> Option<Event> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.block()? {
                Block::Comment => {}
                Block::Event(event) => return Some(event),
            }
        }
        panic!("nothing but comments");
    }

    /// The next event that is no heartbeat. Those come for ever, so that a clock has to look.
    pub fn event(&mut self) -> Event {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.block().expect("a further event") {
                Block::Event(event) if !event.is_heartbeat() => return event,
                Block::Event(_) | Block::Comment => {}
            }
        }
        panic!("nothing but heartbeats");
    }

    /// The data of the next event, which has to have this name.
    pub fn named(&mut self, name: &str) -> Value {
        let event = self.event();
        assert!(event.is(name), "no {name}: {event:?}");
        event.json()
    }

    /// The data of the next event, which has to be without a name.
    pub fn unnamed(&mut self) -> Value {
        let event = self.event();
        assert_eq!(event.name, None, "{event:?}");
        event.json()
    }

    /// The next message of the standard framing.
    pub fn message(&mut self) -> Value {
        self.named("message")
    }

    /// Where to post, from the `endpoint` event.
    pub fn endpoint(&mut self) -> String {
        let event = self.event();
        assert!(event.is("endpoint"), "{event:?}");
        event.data
    }

    /// Whatever still comes, up to the end.
    pub fn rest(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.any_event()).collect()
    }
}

/// The value of a header field, whatever the case of its name.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn parse_block(block: &str) -> Block {
    let mut event = Event {
        id: None,
        name: None,
        data: String::new(),
    };
    let mut has_field = false;
    for line in block.lines() {
        let (name, value) = line.split_once(':').expect("a line has a colon");
        let value = value.strip_prefix(' ').unwrap_or(value).to_string();
        has_field |= !name.is_empty();
        match name {
            "" | "retry" => {}
            "id" => event.id = Some(value),
            "event" => event.name = Some(value),
            "data" => event.data.push_str(&value),
            other => panic!("unknown field {other}: {block}"),
        }
    }
    match has_field {
        true => Block::Event(event),
        false => Block::Comment,
    }
}

/// Asks on a connection of its own.
pub fn ask(daemon: &Daemon, request: impl AsRef<[u8]>) -> Response {
    daemon.connect().ask(request)
}

/// Posts JSON on a connection of its own.
pub fn send(daemon: &Daemon, path: &str, fields: &str, body: &Value) -> Response {
    ask(daemon, post(path, fields, &body.to_string()))
}

/// Posts a message to an HTTP+SSE session, which has to take it.
pub fn tell(daemon: &Daemon, endpoint: &str, body: &str) {
    let response = ask(daemon, post(endpoint, "", body));
    assert_eq!(response.status, 202, "{endpoint}: {response:?}");
}

/// As tools do that are no event streams: whatever comes is accepted.
pub fn plain_get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{fields}\r\n")
}

/// The status of a GET, whose body may be a stream.
pub fn status(daemon: &Daemon, request: impl AsRef<[u8]>) -> u16 {
    let mut peer = daemon.connect();
    peer.send(request);
    status_of(&peer.head())
}

/// Whether a path leads to a web page. Its text may be compressed, which is a browser's business.
pub fn is_page(daemon: &Daemon, path: &str) -> bool {
    let mut peer = daemon.connect();
    peer.send(plain_get(path, "Accept-Encoding: gzip\r\n"));
    let head = peer.head();
    let kind = field(&head, "Content-Type").unwrap_or_default();
    status_of(&head) == 200 && kind.starts_with("text/html")
}

/// The status of a response's head.
pub fn status_of(head: &str) -> u16 {
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no response: {head:?}"))
}

/// Opens `GET /mcp/sse` and reads its three greetings: the stream and the connection's id.
pub fn greeted(daemon: &Daemon, path: &str, fields: &str) -> (Stream, String) {
    let mut stream = Stream::open_with(daemon, path, fields);
    let endpoint = stream.endpoint();
    let connected = stream.named("connected");
    let welcome = stream.named("mcp-notification");
    let id = welcome["result"]["connectionId"].as_str();
    let id = id.unwrap_or_else(|| panic!("no id: {welcome}")).to_string();
    assert_eq!(connected["connection_id"], id.as_str());
    assert_eq!(session_id(&endpoint), id);
    (stream, id)
}

/// Calls a tool on `/mcp` without a session: the whole answer.
pub fn call_tool(daemon: &Daemon, fields: &str, tool: &str, arguments: &str) -> Response {
    ask(daemon, post("/mcp", fields, &call(1, tool, arguments)))
}

/// The id of the session behind an endpoint.
pub fn session_id(endpoint: &str) -> &str {
    endpoint.split_once('=').expect("a parameter").1
}

/// Whether `text` is a time in UTC such as `2024-01-01T10:00:00Z`, with or without a fraction.
pub fn is_timestamp(value: &Value) -> bool {
    let Some(text) = value.as_str().and_then(|text| text.strip_suffix('Z')) else {
        return false;
    };
    let (second, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let shape: String = second
        .chars()
        .map(|letter| if letter.is_ascii_digit() { '0' } else { letter })
        .collect();
    shape == "0000-00-00T00:00:00"
        && second.starts_with("20")
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// The same with exactly three digits of a fraction, as JavaScript writes it.
pub fn has_milliseconds(value: &Value) -> bool {
    let fraction = value.as_str().and_then(|text| text.split_once('.'));
    is_timestamp(value) && fraction.is_some_and(|(_, rest)| rest.len() == 4)
}

/// A gate for tools: they wait until it is opened.
pub fn gate(daemon: &Daemon, name: &str) -> std::path::PathBuf {
    daemon.folder.join(name)
}

/// Opens it.
pub fn open(gate: &std::path::Path) {
    std::fs::write(gate, "").expect("a file");
}

/// The script of a tool that says `started`, waits for the gate of its argument, and says `done`.
pub const GATED: &str = r#"echo started; while [ ! -e "$1" ]; do sleep 0.02; done; echo done"#;
