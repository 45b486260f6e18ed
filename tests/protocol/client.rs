//! A client of any revision. What it hears has the shape of JSON-RPC, or the test fails.

use crate::support::reader::{Event, Head, Piece, Reader};
use crate::support::{Server, get, post};
use serde_json::Value;
use slimcp::time::Instant;

/// Every revision, oldest first.
pub const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

/// Those that begin with a handshake.
pub const HANDSHAKES: [&str; 4] = [REVISIONS[0], REVISIONS[1], REVISIONS[2], REVISIONS[3]];

/// Those of Streamable HTTP with sessions.
pub const SESSIONS: [&str; 3] = [REVISIONS[1], REVISIONS[2], REVISIONS[3]];

/// What a request of 2026-07-28 says of itself.
const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},
    "io.modelcontextprotocol/clientCapabilities":{}"#;

pub const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A response whose body is whole.
pub struct Response {
    pub head: Head,
    pub body: String,
}

/// One connection, as its client reads it.
pub struct Line {
    pub peer: usize,
    reader: Reader,
}

/// A client that has done its handshake, if its revision has one.
pub struct Client {
    pub revision: &'static str,
    /// The fields that all its requests have.
    pub fields: String,
    /// Where HTTP+SSE posts, and the stream it reads.
    sse: Option<(String, Line)>,
}

/// The message in `text`.
pub fn message(text: &str) -> Value {
    let message: Value = serde_json::from_str(text).expect("messages are JSON");
    assert_eq!(message["jsonrpc"], "2.0", "{message}");
    let has = |name: &str| message.get(name).is_some();
    let kinds = ["method", "result", "error"].map(has);
    let count = kinds.iter().filter(|is_there| **is_there).count();
    assert_eq!(count, 1, "one of three kinds: {message}");
    match message.get("id") {
        Some(id) => assert!(id.is_string() || id.is_number(), "{message}"),
        None => assert!(!has("result"), "{message}"),
    }
    if has("method") {
        assert!(!has("id"), "nothing is asked of a client: {message}");
    }
    if has("result") {
        assert!(message["result"].is_object(), "{message}");
    }
    if has("error") {
        assert!(message["error"]["code"].is_i64(), "{message}");
        assert!(message["error"]["message"].is_string(), "{message}");
    }
    message
}

impl Response {
    /// The status and JSON-RPC code of a refusal.
    pub fn refusal(&self) -> (u16, i64) {
        let code = &message(&self.body)["error"]["code"];
        (self.head.status, code.as_i64().expect("a refusal"))
    }
}

/// One request on a connection of its own, answered at once.
pub fn whole(server: &mut Server, now: Instant, request: impl AsRef<[u8]>) -> Response {
    let mut line = Line::open(server, now, request);
    let mut pieces = line.pieces(server).into_iter();
    server.cut(now, line.peer);
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(Piece::Head(head)), Some(Piece::Body(body)), None) => Response { head, body },
        other => panic!("not one whole answer: {other:?}"),
    }
}

impl Line {
    /// A new connection on which this is asked.
    pub fn open(server: &mut Server, now: Instant, request: impl AsRef<[u8]>) -> Line {
        let peer = server.connect(now);
        server.send(now, peer, request);
        let reader = Reader::default();
        Line { peer, reader }
    }

    /// Whatever has come since the last look.
    pub fn pieces(&mut self, server: &mut Server) -> Vec<Piece> {
        self.reader.feed(server.receive(self.peer).as_bytes());
        std::iter::from_fn(|| self.reader.next()).collect()
    }

    /// The events among it.
    pub fn events(&mut self, server: &mut Server) -> Vec<Event> {
        let event = |piece| match piece {
            Piece::Event(event) => Some(event),
            _ => None,
        };
        self.pieces(server).into_iter().filter_map(event).collect()
    }

    /// The messages among it.
    pub fn messages(&mut self, server: &mut Server) -> Vec<Value> {
        let text = |piece| match piece {
            Piece::Event(event) if event.name.as_deref() != Some("endpoint") => Some(event.data),
            Piece::Body(body) => Some(body),
            _ => None,
        };
        let texts = self.pieces(server).into_iter().filter_map(text);
        let said = texts.filter(|text| !text.is_empty());
        said.map(|text| message(&text)).collect()
    }
}

impl Client {
    /// A client of this revision, through its own transport.
    pub fn open(server: &mut Server, now: Instant, revision: &'static str) -> Client {
        match revision {
            "2024-11-05" => Client::http_sse(server, now, "/sse", revision),
            "2026-07-28" => Client {
                revision,
                fields: format!("MCP-Protocol-Version: {revision}\r\n"),
                sse: None,
            },
            _ => Client::streamable(server, now, revision),
        }
    }

    /// A client that has come through this door of HTTP+SSE.
    pub fn http_sse(
        server: &mut Server,
        now: Instant,
        path: &str,
        revision: &'static str,
    ) -> Client {
        let mut stream = Line::open(server, now, get(path, ""));
        let events = stream.events(server);
        let door = events[0].data.clone();
        assert_eq!(events[0].name.as_deref(), Some("endpoint"));
        for message in [initialize(revision).as_str(), INITIALIZED] {
            assert_eq!(
                whole(server, now, post(&door, "", message)).head.status,
                202
            );
        }
        stream.messages(server);
        Client {
            revision,
            fields: String::new(),
            sse: Some((door, stream)),
        }
    }

    fn streamable(server: &mut Server, now: Instant, revision: &'static str) -> Client {
        let response = whole(server, now, post("/mcp", "", &initialize(revision)));
        let id = response.head.field("mcp-session-id").expect("a session");
        let fields = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {revision}\r\n");
        let confirmed = whole(server, now, post("/mcp", &fields, INITIALIZED));
        assert_eq!((confirmed.head.status, confirmed.body.as_str()), (202, ""));
        let sse = None;
        Client {
            revision,
            fields,
            sse,
        }
    }

    pub fn is_stateless(&self) -> bool {
        self.revision == "2026-07-28"
    }

    pub fn is_http_sse(&self) -> bool {
        self.sse.is_some()
    }

    /// The peer of its HTTP+SSE stream.
    pub fn stream_peer(&self) -> Option<usize> {
        self.sse.as_ref().map(|(_, stream)| stream.peer)
    }

    /// A POST of this body, whatever it is.
    pub fn post(&self, body: impl AsRef<str>) -> String {
        let (path, names) = match &self.sse {
            Some((door, _)) => (door.as_str(), ""),
            None if self.is_stateless() => ("/mcp", "Mcp-Method: tools/list\r\n"),
            None => ("/mcp", ""),
        };
        post(path, &format!("{}{names}", self.fields), body.as_ref())
    }

    /// A message of this client: `members` of its parameters, `meta` of its metadata.
    pub fn body(&self, id: Option<&str>, method: &str, members: &str, meta: &str) -> String {
        let own = if self.is_stateless() { META } else { "" };
        let join = |parts: [&str; 2]| {
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join(",")
        };
        let meta = join([own, meta]);
        let meta = match meta.as_str() {
            "" => String::new(),
            meta => format!(r#""_meta":{{{meta}}}"#),
        };
        let params = join([members, &meta]);
        let id = id.map_or(String::new(), |id| format!(r#""id":{id},"#));
        format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}","params":{{{params}}}}}"#)
    }

    /// The same as the bytes that this client sends.
    pub fn request(&self, id: &str, method: &str, members: &str, meta: &str) -> String {
        self.send(Some(id), method, members, meta)
    }

    /// A notification as this client sends it.
    pub fn notification(&self, method: &str, members: &str) -> String {
        self.send(None, method, members, "")
    }

    fn send(&self, id: Option<&str>, method: &str, members: &str, meta: &str) -> String {
        let body = self.body(id, method, members, meta);
        if !self.is_stateless() {
            return self.post(body);
        }
        let params: Value = serde_json::from_str(&format!("{{{members}}}")).expect("members");
        let named = ["name", "uri", "taskId"].map(|member| params[member].as_str());
        let name = named.into_iter().flatten().next();
        let name = name.map_or(String::new(), |name| format!("Mcp-Name: {name}\r\n"));
        let fields = format!("{}Mcp-Method: {method}\r\n{name}", self.fields);
        post("/mcp", &fields, &body)
    }

    /// The messages that have come for what was asked on this line.
    pub fn hear(&mut self, server: &mut Server, line: &mut Line) -> Vec<Value> {
        let Some((_, stream)) = &mut self.sse else {
            return line.messages(server);
        };
        for piece in line.pieces(server) {
            match piece {
                Piece::Head(head) => assert_eq!(head.status, 202),
                Piece::Body(body) => assert_eq!(body, "", "answers come on the stream"),
                other => panic!("not on this connection: {other:?}"),
            }
        }
        stream.messages(server)
    }

    /// The events of an HTTP+SSE stream.
    pub fn stream_events(&mut self, server: &mut Server) -> Vec<Event> {
        let (_, stream) = self.sse.as_mut().expect("the caller knows");
        stream.events(server)
    }

    /// Asks something that is answered at once.
    pub fn ask(
        &mut self,
        server: &mut Server,
        now: Instant,
        id: &str,
        method: &str,
        members: &str,
    ) -> Value {
        let request = self.request(id, method, members, "");
        let mut line = Line::open(server, now, request);
        let mut messages = self.hear(server, &mut line);
        server.cut(now, line.peer);
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }
}

pub fn initialize(revision: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"i","method":"initialize",
           "params":{{"protocolVersion":"{revision}","capabilities":{{}},
           "clientInfo":{{"name":"test","version":"1"}}}}}}"#
    )
}
