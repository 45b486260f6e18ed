//! A client that asks, reads, vanishes and comes back, and knows what it must see.
//!
//! Every request has a number that no other one has, and it is in everything that is said about it:
//! the id, the progress token, the text to echo, the argument of the command. So a message that
//! reaches the wrong client, or comes twice, cannot be mistaken for another.

use super::edge::{Edge, SocketId};
use super::random::Random;
use crate::support::reader::{Event, Head, Piece, Reader};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// HTTP+SSE through the door at this path.
    HttpSse(&'static str),
    /// Streamable HTTP with sessions, asking for this revision.
    Streamable(&'static str),
    /// Streamable HTTP without sessions.
    Bare,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Initialize,
    Ping,
    List,
    Echo,
    Info,
    Sleep,
    SetLevel,
    Subscribe,
    Unknown,
}

/// Where an answer was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In a body, or in a stream without ids: the connection and a count.
    Once(SocketId, usize),
    /// In the event of this id.
    Event(String),
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It is on its way.
    Sent,
    /// HTTP+SSE: it was acknowledged, so it must be answered.
    Taken,
    /// It was answered, there.
    Answered(Place),
    /// It was refused, or the client saw that no answer can come.
    Lost,
}

struct Request {
    what: What,
    fate: Fate,
    has_token: bool,
    is_cancelled: bool,
    progress: u64,
    /// The session it was sent in.
    session: Option<String>,
}

/// What a response on a connection will be about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// A POST whose response holds the answers.
    Requests(Vec<u64>),
    /// A POST of HTTP+SSE: the response acknowledges.
    Message(Option<u64>),
    /// A POST of notifications.
    Notices,
    /// The HTTP+SSE stream.
    Sse,
    /// The listening stream, or the rest of an answer stream behind this event.
    Listen(Option<(String, u64)>),
    Delete,
    /// What must be refused.
    Wrong,
    /// Half a request: there may be a response, and the connection ends.
    Half,
}

/// One request on a connection.
struct Exchange {
    asked: Asked,
    /// The session it was sent in; of HTTP+SSE streams, the one that they turned out to be.
    session: Option<String>,
}

struct Connection {
    id: SocketId,
    reader: Reader,
    asked: VecDeque<Exchange>,
    /// The head of the response that is being read has come.
    head: Option<Head>,
    /// The event-id prefix of the stream that is being read.
    prefix: Option<String>,
    /// The sequence that must come next.
    next: Option<u64>,
    /// Answers seen.
    seen: usize,
}

pub struct Client {
    pub name: usize,
    pub era: Era,
    connections: Vec<Connection>,
    requests: BTreeMap<u64, Request>,
    session: Option<String>,
    /// HTTP+SSE: where messages are posted.
    door: Option<String>,
    is_initialized: bool,
    is_confirmed: bool,
    has_level: bool,
    has_subscribed: bool,
    /// Highest sequence seen, by session and event-id prefix.
    last: BTreeMap<String, u64>,
    /// Lowest sequence it came back with, by session and event-id prefix.
    asked_again: BTreeMap<String, u64>,
    /// Everything seen by event id: a replay must be the same.
    events: BTreeMap<String, String>,
    /// Answer streams of the session that broke, and what they owe.
    owed: BTreeMap<String, Vec<u64>>,
    /// Answers it got after it had come back for them.
    pub rescued: u64,
    /// How often it has asked for what it is owed at the end.
    collected: usize,
    /// Sessions that were, for requests that must be refused.
    ended: Vec<String>,
}

/// What clients share.
pub struct Shared<'w> {
    pub edge: &'w mut Edge,
    pub random: &'w mut Random,
    /// The number of the next request.
    pub number: &'w mut u64,
}

impl Client {
    pub fn new(name: usize, era: Era) -> Client {
        Client {
            name,
            era,
            connections: Vec::new(),
            requests: BTreeMap::new(),
            session: None,
            door: None,
            is_initialized: false,
            is_confirmed: false,
            has_level: false,
            has_subscribed: false,
            last: BTreeMap::new(),
            asked_again: BTreeMap::new(),
            events: BTreeMap::new(),
            owed: BTreeMap::new(),
            rescued: 0,
            collected: 0,
            ended: Vec::new(),
        }
    }

    // ---- what it does ----

    /// Does one thing.
    pub fn act(&mut self, shared: &mut Shared<'_>) {
        if shared.random.percent(6) {
            return self.ask_wrongly(shared);
        }
        match self.era {
            Era::HttpSse(path) => self.act_http_sse(shared, path),
            Era::Streamable(revision) => self.act_streamable(shared, revision),
            Era::Bare => self.ask(shared),
        }
    }

    fn act_http_sse(&mut self, shared: &mut Shared<'_>, path: &'static str) {
        if !self.has_asked(&Asked::Sse) && shared.random.percent(40) {
            return self.open_sse(shared, path);
        }
        if self.door.is_none() {
            return;
        }
        self.talk(shared, "2024-11-05");
    }

    fn act_streamable(&mut self, shared: &mut Shared<'_>, revision: &'static str) {
        if self.session.is_none() {
            if !self.is_waiting_for(What::Initialize) {
                self.post_request(shared, What::Initialize, revision);
            }
            return;
        }
        match shared.random.below(100) {
            0..8 => self.listen(shared),
            8..20 => self.come_back(shared),
            20..23 => self.make_up_an_event(shared),
            23..25 => self.delete(shared),
            25..35 if revision == "2025-03-26" => self.post_batch(shared),
            _ => self.talk(shared, revision),
        }
    }

    /// Says something within a session.
    fn talk(&mut self, shared: &mut Shared<'_>, revision: &'static str) {
        if !self.is_initialized {
            if self.era != Era::Bare && !self.is_waiting_for(What::Initialize) {
                self.post_request(shared, What::Initialize, revision);
            }
        } else if !self.is_confirmed && shared.random.percent(80) {
            self.is_confirmed = true;
            self.post_notice(shared, "notifications/initialized", "{}");
        } else if shared.random.percent(15) {
            self.cancel(shared);
        } else {
            self.ask(shared);
        }
    }

    fn ask(&mut self, shared: &mut Shared<'_>) {
        use What::{Echo, Info, List, Ping, SetLevel, Sleep, Subscribe, Unknown};
        let what = shared.random.pick(&[
            Echo, Echo, Echo, Sleep, Sleep, Sleep, Sleep, Ping, List, Info, Info, SetLevel,
            Subscribe, Unknown,
        ]);
        self.post_request(shared, what, "");
    }

    fn cancel(&mut self, shared: &mut Shared<'_>) {
        let is_open = |request: &Request| {
            let is_open = matches!(request.fate, Fate::Sent | Fate::Taken);
            is_open && request.what == What::Sleep && request.session == self.session
        };
        let open = self.requests.iter().filter(|(_, request)| is_open(request));
        let open: Vec<u64> = open.map(|(number, _)| *number).collect();
        if open.is_empty() {
            return;
        }
        let number = shared.random.pick(&open);
        self.requests
            .get_mut(&number)
            .expect("it is ours")
            .is_cancelled = true;
        let params = format!(r#"{{"requestId":"{}"}}"#, self.id_of(number));
        self.post_notice(shared, "notifications/cancelled", &params);
    }

    fn open_sse(&mut self, shared: &mut Shared<'_>, path: &str) {
        let mut fields = String::new();
        if let Some(session) = &self.session {
            let last = self.last_of(session);
            let seen = match shared.random.below(10) {
                0 => Some(last.saturating_sub(shared.random.below(5) as u64)),
                1 => Some(last + 1_000_000),
                2 => None,
                _ => Some(last),
            };
            if let Some(seen) = seen {
                fields = format!("Last-Event-ID: {session}-{seen}\r\n");
            }
        }
        let version = if shared.random.percent(10) {
            "1.0"
        } else {
            "1.1"
        };
        let text = format!(
            "GET {path} HTTP/{version}\r\nHost: localhost\r\nAccept: text/event-stream\r\n{fields}\r\n"
        );
        self.send(shared, Asked::Sse, &text, false);
    }

    fn listen(&mut self, shared: &mut Shared<'_>) {
        if !self.has_asked(&Asked::Listen(None)) || shared.random.percent(20) {
            self.get(shared, None);
        }
    }

    /// Comes back for the rest of a stream that broke, right behind what was seen or before it.
    fn come_back(&mut self, shared: &mut Shared<'_>) {
        let Some(prefix) = self.owed.keys().next().cloned() else {
            return;
        };
        if self.is_coming_back(&prefix) {
            return;
        }
        let last = self.last_of(&prefix);
        let back = if shared.random.percent(20) {
            shared.random.below(4)
        } else {
            0
        };
        self.get(shared, Some((prefix, last.saturating_sub(back as u64))));
    }

    /// Names an event that may be anything, or one of a stream that is not broken at all.
    fn make_up_an_event(&mut self, shared: &mut Shared<'_>) {
        let prefix = shared.random.below(6).to_string();
        // It never claims to have seen what it has not: it would be taken at its word.
        let last = self.last_of(&prefix);
        let sequence = match shared.random.percent(20) {
            true => 1_000_000,
            false => shared.random.below(last as usize + 1) as u64,
        };
        self.get(shared, Some((prefix, sequence)));
    }

    fn get(&mut self, shared: &mut Shared<'_>, after: Option<(String, u64)>) {
        let mut fields = self.fields();
        if let Some((prefix, seen)) = &after {
            // It takes events from there on again, on this connection or on a later one.
            let session = self.session.as_deref().unwrap_or_default();
            let asked = self.asked_again.entry(format!("{session}/{prefix}"));
            let least = asked.or_insert(*seen);
            *least = (*least).min(*seen);
            fields += &format!("Last-Event-ID: {prefix}-{seen}\r\n");
        }
        let text = format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{fields}\r\n"
        );
        self.send(shared, Asked::Listen(after), &text, false);
    }

    fn delete(&mut self, shared: &mut Shared<'_>) {
        let fields = self.fields();
        let text = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        self.send(shared, Asked::Delete, &text, false);
    }

    /// Header fields that name the session.
    fn fields(&self) -> String {
        match (&self.session, self.era) {
            (Some(session), Era::Streamable("2025-03-26")) => {
                format!("Mcp-Session-Id: {session}\r\n")
            }
            (Some(session), Era::Streamable(revision)) => {
                format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {revision}\r\n")
            }
            (Some(_), Era::HttpSse(_) | Era::Bare) | (None, _) => String::new(),
        }
    }

    fn post_request(&mut self, shared: &mut Shared<'_>, what: What, revision: &str) {
        let (number, body) = self.request(shared, what, revision);
        let asked = match self.era {
            Era::HttpSse(_) => Asked::Message(Some(number)),
            Era::Streamable(_) | Era::Bare => Asked::Requests(vec![number]),
        };
        self.post(shared, asked, &body);
    }

    fn post_notice(&mut self, shared: &mut Shared<'_>, method: &str, params: &str) {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        let asked = match self.era {
            Era::HttpSse(_) => Asked::Message(None),
            Era::Streamable(_) | Era::Bare => Asked::Notices,
        };
        self.post(shared, asked, &body);
    }

    /// Several messages at once; some cancel others of the same batch.
    fn post_batch(&mut self, shared: &mut Shared<'_>) {
        let mut messages = Vec::new();
        let mut numbers = Vec::new();
        for _ in 0..1 + shared.random.below(5) {
            let what = shared
                .random
                .pick(&[What::Echo, What::Sleep, What::Info, What::Ping]);
            let (number, message) = self.request(shared, what, "");
            messages.push(message);
            numbers.push(number);
            if shared.random.percent(20) {
                let number = shared.random.pick(&numbers);
                let id = self.id_of(number);
                self.requests
                    .get_mut(&number)
                    .expect("it is ours")
                    .is_cancelled = true;
                messages.push(format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":"{id}"}}}}"#
                ));
            }
        }
        let body = format!("[{}]", messages.join(","));
        self.post(shared, Asked::Requests(numbers), &body);
    }

    /// A new request and its body.
    fn request(&mut self, shared: &mut Shared<'_>, what: What, revision: &str) -> (u64, String) {
        let number = *shared.number;
        *shared.number += 1;
        let id = self.id_of(number);
        let has_token = what == What::Sleep && shared.random.percent(60);
        let (method, params) = match what {
            What::Initialize => (
                "initialize",
                format!(
                    r#"{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"c","version":"1"}}}}"#
                ),
            ),
            What::Ping => ("ping", "{}".to_string()),
            What::List => ("tools/list", "{}".to_string()),
            What::Unknown => ("server/discover", "{}".to_string()),
            What::SetLevel => ("logging/setLevel", r#"{"level":"info"}"#.to_string()),
            What::Subscribe => ("resources/subscribe", r#"{"uri":"test://a"}"#.to_string()),
            What::Info => ("tools/call", r#"{"name":"system-info"}"#.to_string()),
            What::Echo => {
                let padding = "x".repeat(shared.random.below(10).pow(3));
                let text = format!(r#"{{"text":"{number} {padding}"}}"#);
                (
                    "tools/call",
                    format!(r#"{{"name":"echo","arguments":{text}}}"#),
                )
            }
            What::Sleep => {
                let meta = match has_token {
                    true => format!(r#","_meta":{{"progressToken":"p-{id}"}}"#),
                    false => String::new(),
                };
                let arguments = format!(r#"{{"seconds":{number}}}"#);
                let params = format!(r#"{{"name":"sleep","arguments":{arguments}{meta}}}"#);
                ("tools/call", params)
            }
        };
        let request = Request {
            what,
            fate: Fate::Sent,
            has_token,
            is_cancelled: false,
            progress: 0,
            session: self.session.clone(),
        };
        self.requests.insert(number, request);
        self.has_level |= what == What::SetLevel;
        self.has_subscribed |= what == What::Subscribe;
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{params}}}"#);
        (number, body)
    }

    fn post(&mut self, shared: &mut Shared<'_>, asked: Asked, body: &str) {
        let door = self.door.as_deref().unwrap_or("/mcp").to_string();
        let fields = self.fields();
        let text = post(&door, &fields, body);
        let may_wait = matches!(asked, Asked::Requests(_)) && shared.random.percent(10);
        self.send(shared, asked, &text, may_wait);
    }

    /// Asks for something that must be refused, or only half.
    fn ask_wrongly(&mut self, shared: &mut Shared<'_>) {
        let other = match self.ended.len() {
            0 => "nobody".to_string(),
            count => self.ended[shared.random.below(count)].clone(),
        };
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let good = post("/mcp", "", ping);
        let session = format!("Mcp-Session-Id: {other}\r\n");
        let wrong = match shared.random.below(14) {
            0 => post("/mcp", "", "{\"jsonrpc\":"),
            1 => post("/mcp", "", "[]"),
            2 => post("/mcp", &session, ping),
            3 => post(&format!("/messages?session_id={other}"), "", ping),
            4 => format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{session}\r\n"),
            5 => good.replace("application/json\r\n", "text/plain\r\n"),
            6 => good.replace("localhost", "evil.example"),
            7 => post("/nowhere", "", ping),
            8 => good.replace("POST", "PUT"),
            9 => "\u{1}\r\n\r\n".to_string(),
            10 => post("/mcp", "MCP-Protocol-Version: 1999-01-01\r\n", ping),
            11 => {
                // Room is made for the body as soon as its length is known.
                let end = good.find("Content-Length").expect("a post has a length");
                let large = format!("{}Content-Length: 1900\r\n\r\n{{", &good[..end]);
                return self.send(shared, Asked::Half, &large, false);
            }
            _ => {
                let end = 1 + shared.random.below(good.len() - 1);
                return self.send(shared, Asked::Half, &good[..end], false);
            }
        };
        self.send(shared, Asked::Wrong, &wrong, false);
    }

    /// Sends a request on a connection that is free, or behind another one, or on a new one.
    fn send(&mut self, shared: &mut Shared<'_>, asked: Asked, text: &str, may_wait: bool) {
        let is_free = |c: &Connection| match c.asked.back() {
            None => !c.reader.is_within_response(),
            Some(exchange) => may_wait && matches!(exchange.asked, Asked::Requests(_)),
        };
        let free = self.connections.iter().position(is_free);
        let index = match free.filter(|_| shared.random.percent(85)) {
            Some(index) => index,
            None => match shared
                .edge
                .connect(shared.random.pick(&[200, 3000, 100_000]))
            {
                Some(id) => {
                    self.connections.push(Connection::new(id));
                    self.connections.len() - 1
                }
                None => {
                    let session = self.session.clone();
                    return self.lose(&Exchange { asked, session });
                }
            },
        };
        let session = self.session.clone();
        let connection = &mut self.connections[index];
        connection.asked.push_back(Exchange { asked, session });
        let socket = shared.edge.sockets.get_mut(&connection.id);
        let socket = socket.expect("it is ours until we have read its end");
        socket.upstream.extend_from_slice(text.as_bytes());
    }

    /// Closes one of its connections without a word.
    pub fn reset(&mut self, shared: &mut Shared<'_>) {
        if self.connections.is_empty() {
            return;
        }
        // Most of all those that hurt: in the middle of a stream.
        let streams = self.connections.iter().position(|c| c.prefix.is_some());
        let index = match streams.filter(|_| shared.random.percent(50)) {
            Some(index) => index,
            None => shared.random.below(self.connections.len()),
        };
        let connection = self.connections.swap_remove(index);
        let id = connection.id;
        shared.edge.abandon(id);
        if shared.edge.sockets.contains_key(&id) && shared.random.percent(60) {
            shared.edge.notice(id);
        }
        self.broken(connection);
    }

    // ---- what it sees ----

    /// Reads what has come on one of its connections.
    pub fn read(&mut self, shared: &mut Shared<'_>, bytes_max: usize) {
        if self.connections.is_empty() {
            return;
        }
        let index = shared.random.below(self.connections.len());
        self.read_at(shared.edge, index, bytes_max);
    }

    /// Reads everything on all of its connections. Returns whether there was anything.
    pub fn read_all(&mut self, edge: &mut Edge) -> bool {
        let mut index = 0;
        let mut has_read = false;
        while index < self.connections.len() {
            let id = self.connections[index].id;
            has_read |= !edge.sockets[&id].downstream.is_empty();
            if !self.read_at(edge, index, usize::MAX) {
                index += 1;
            }
        }
        has_read
    }

    /// Returns whether the connection is over.
    fn read_at(&mut self, edge: &mut Edge, index: usize, bytes_max: usize) -> bool {
        let id = self.connections[index].id;
        let bytes = edge.take(id, bytes_max);
        self.connections[index].reader.feed(&bytes);
        while let Some(piece) = self.connections[index].reader.next() {
            self.see(index, piece);
        }
        let socket = &edge.sockets[&id];
        if socket.key.is_some() || !socket.downstream.is_empty() {
            return false;
        }
        edge.sockets.remove(&id);
        let mut connection = self.connections.swap_remove(index);
        connection.reader.close();
        while let Some(piece) = connection.reader.next() {
            // A stream that lasts until the connection closes.
            assert_eq!(piece, Piece::End);
        }
        self.broken(connection);
        true
    }

    fn see(&mut self, index: usize, piece: Piece) {
        match piece {
            Piece::Head(head) => self.see_head(index, head),
            Piece::Body(body) => self.see_body(index, &body),
            Piece::Event(event) => self.see_event(index, &event),
            Piece::Comment => {}
            Piece::End => self.see_end(index),
        }
    }

    fn see_head(&mut self, index: usize, head: Head) {
        let connection = &mut self.connections[index];
        let exchange = connection.asked.front().expect("nothing was asked");
        let (asked, session) = (exchange.asked.clone(), exchange.session.clone());
        let is_stream = head.field("content-type") == Some("text/event-stream");
        let status = head.status;
        let may_be: &[u16] = match asked {
            Asked::Requests(_) => &[200, 202, 400, 404, 413, 503],
            Asked::Message(_) => &[202, 404, 503],
            Asked::Notices => &[202, 404, 503],
            Asked::Sse => &[200, 503],
            Asked::Listen(None) => &[200, 404, 503],
            Asked::Listen(Some(_)) => &[200, 204, 404, 410, 503],
            Asked::Delete => &[204, 404, 503],
            // The session of an HTTP+SSE client that went its way may live on for a while.
            Asked::Wrong => &[202, 400, 403, 404, 405, 408, 415, 503],
            Asked::Half => &[408, 503],
        };
        // A client that does not finish its request in time is told so, whatever it asks for.
        let is_late = status == 408;
        assert!(
            is_late || may_be.contains(&status),
            "{asked:?} got {status}"
        );
        assert!(status < 500 || status == 503);
        if let (Asked::Sse | Asked::Listen(_), 200) = (&asked, status) {
            assert!(is_stream, "a GET is answered by a stream");
        }
        if is_stream {
            assert_eq!(status, 200);
            self.begin_stream(index, &asked);
        }
        let id = head.field("mcp-session-id").map(ToString::to_string);
        if let Some(id) = id {
            assert!(self.session.is_none(), "a session is opened once");
            self.session = Some(id);
            self.is_initialized = true;
            self.is_confirmed = false;
        }
        let is_over = status == 404 || (status == 204 && asked == Asked::Delete);
        if is_over && asked != Asked::Wrong && session == self.session {
            self.end_session();
        }
        self.connections[index].head = Some(head);
    }

    /// What must come first on a stream.
    fn begin_stream(&mut self, index: usize, asked: &Asked) {
        let connection = &mut self.connections[index];
        connection.prefix = None;
        connection.next = match asked {
            Asked::Listen(Some((prefix, seen))) => {
                connection.prefix = Some(prefix.clone());
                Some(seen + 1)
            }
            Asked::Requests(_) => Some(1),
            Asked::Sse | Asked::Listen(None) => None,
            other => panic!("{other:?} is not answered by a stream"),
        };
    }

    fn see_body(&mut self, index: usize, body: &str) {
        let connection = &mut self.connections[index];
        let exchange = connection.asked.pop_front().expect("a head came first");
        let asked = &exchange.asked;
        let head = connection.head.take().expect("a head came first");
        match (asked, head.status) {
            (Asked::Requests(numbers), 200) => {
                let body: Value = serde_json::from_str(body).expect("a body is JSON");
                match &body {
                    Value::Array(answers) => {
                        answers
                            .iter()
                            .for_each(|answer| self.see_answer(index, None, answer));
                    }
                    answer => self.see_answer(index, None, answer),
                }
                self.assert_all_answered(numbers);
            }
            (Asked::Requests(numbers), 202) => self.assert_all_answered(numbers),
            (Asked::Message(Some(number)), 202) => {
                let request = self.requests.get_mut(number).expect("it is ours");
                if request.fate == Fate::Sent {
                    request.fate = Fate::Taken;
                }
            }
            // It has everything: as good as the end of the stream.
            (Asked::Listen(Some((prefix, _))), 204) if exchange.session == self.session => {
                let owed = self.owed.remove(prefix).unwrap_or_default();
                self.assert_all_answered(&owed);
            }
            (asked, status) => {
                if status >= 400 && head.field("content-type").is_some() {
                    let body: Value = serde_json::from_str(body).expect("a refusal is JSON");
                    assert!(body["error"]["message"].is_string(), "{body}");
                    let is_busy = status == 503;
                    assert_eq!(head.field("retry-after").is_some(), is_busy, "{asked:?}");
                }
                self.lose(&exchange);
            }
        }
    }

    fn see_event(&mut self, index: usize, event: &Event) {
        if event.name.as_deref() == Some("endpoint") {
            return self.see_endpoint(index, event);
        }
        let Some(id) = &event.id else {
            assert_eq!(self.era, Era::Bare, "events of sessions have ids");
            let message = serde_json::from_str(&event.data).expect("an event is JSON");
            return self.see_message(index, None, &message);
        };
        let (prefix, sequence) = id.rsplit_once('-').expect("an id has two parts");
        let sequence: u64 = sequence.parse().expect("a sequence is a number");
        if event.data.is_empty() {
            return self.see_priming(index, prefix, sequence);
        }
        let key = format!("{}/{id}", self.session_of(index));
        self.see_sequence(index, prefix, sequence);
        let before = self.events.insert(key.clone(), event.data.clone());
        if let Some(before) = before {
            assert_eq!(before, event.data, "a replay differs");
        }
        let message = serde_json::from_str(&event.data).expect("an event is JSON");
        self.see_message(index, Some(key), &message);
    }

    /// The session whose stream a connection reads.
    fn session_of(&self, index: usize) -> String {
        let exchange = self.connections[index]
            .asked
            .front()
            .expect("it is being read");
        exchange
            .session
            .clone()
            .expect("events of sessions have ids")
    }

    /// The highest sequence seen of a stream of this session.
    fn last_of(&self, prefix: &str) -> u64 {
        let session = self.session.as_deref().unwrap_or_default();
        self.last
            .get(&format!("{session}/{prefix}"))
            .copied()
            .unwrap_or(0)
    }

    fn is_coming_back(&self, prefix: &str) -> bool {
        let is_it = |exchange: &Exchange| {
            let is_stream = matches!(&exchange.asked, Asked::Listen(Some((p, _))) if p == prefix);
            is_stream && exchange.session == self.session
        };
        self.connections
            .iter()
            .any(|connection| connection.asked.iter().any(is_it))
    }

    fn see_sequence(&mut self, index: usize, prefix: &str, sequence: u64) {
        let session = self.session_of(index);
        let connection = &mut self.connections[index];
        let known = connection.prefix.get_or_insert_with(|| prefix.to_string());
        assert_eq!(known, prefix, "a connection carries one stream");
        let key = format!("{session}/{prefix}");
        let asked_again = self.asked_again.get(&key).copied().unwrap_or(u64::MAX);
        let is_again = self
            .events
            .contains_key(&format!("{session}/{prefix}-{sequence}"));
        let last = self.last.entry(key).or_insert(0);
        match connection.next {
            Some(next) => assert_eq!(sequence, next, "an event is missing"),
            // A plain GET goes on somewhere behind what was sent before.
            None => assert!(!is_again || sequence > asked_again, "it came again unasked"),
        }
        connection.next = Some(sequence + 1);
        *last = sequence.max(*last);
    }

    fn see_priming(&mut self, index: usize, prefix: &str, sequence: u64) {
        assert_eq!(self.era, Era::Streamable("2025-11-25"));
        let session = self.session_of(index);
        let connection = &mut self.connections[index];
        assert_eq!(connection.next.unwrap_or(sequence + 1), sequence + 1);
        let known = connection.prefix.get_or_insert_with(|| prefix.to_string());
        assert_eq!(known, prefix);
        connection.next = Some(sequence + 1);
        let last = self.last.entry(format!("{session}/{prefix}")).or_insert(0);
        *last = sequence.max(*last);
    }

    fn see_endpoint(&mut self, index: usize, event: &Event) {
        let (_, session) = event
            .data
            .split_once("session_id=")
            .expect("a door has a session");
        let id = event.id.as_deref().expect("the endpoint has an id");
        let (prefix, sequence) = id.rsplit_once('-').expect("an id has two parts");
        assert_eq!(prefix, session);
        let sequence: u64 = sequence.parse().expect("a sequence is a number");
        // Unless it was on its way while another response said that this session is over.
        if !self.ended.iter().any(|ended| ended == session) {
            if self.session.as_deref() != Some(session) {
                self.end_session();
                assert_eq!(sequence, 0, "a new session begins at its begin");
            }
            self.session = Some(session.to_string());
            self.door = Some(event.data.clone());
        }
        let connection = &mut self.connections[index];
        let exchange = connection.asked.front_mut().expect("it is being read");
        exchange.session = Some(session.to_string());
        connection.prefix = Some(session.to_string());
        connection.next = Some(sequence + 1);
    }

    fn see_end(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.head = None;
        let prefix = connection.prefix.take();
        let exchange = connection.asked.pop_front().expect("a head came first");
        let is_current = exchange.session == self.session;
        match exchange.asked {
            Asked::Requests(numbers) => {
                self.assert_all_answered(&numbers);
                if let Some(prefix) = prefix.filter(|_| is_current) {
                    self.owed.remove(&prefix);
                }
            }
            Asked::Listen(Some((prefix, _))) if is_current => {
                let owed = self.owed.remove(&prefix).unwrap_or_default();
                self.assert_all_answered(&owed);
            }
            Asked::Listen(Some(_)) => {}
            Asked::Sse | Asked::Listen(None) => {}
            other => panic!("{other:?} is not answered by a stream"),
        }
    }

    fn see_message(&mut self, index: usize, event: Option<String>, message: &Value) {
        if message.get("method").is_some() {
            return self.see_notification(index, event, message);
        }
        self.see_answer(index, event, message);
    }

    fn see_answer(&mut self, index: usize, event: Option<String>, answer: &Value) {
        let connection = &mut self.connections[index];
        connection.seen += 1;
        let exchange = connection.asked.front();
        let is_rest = exchange.is_some_and(|e| matches!(e.asked, Asked::Listen(Some(_))));
        let place = match event {
            Some(key) => Place::Event(key),
            None => Place::Once(connection.id, connection.seen),
        };
        let number = self.number_of(answer["id"].as_str().expect("ids are strings"));
        let request = self.requests.get_mut(&number).expect("nobody asked");
        assert_answer_fits(request.what, number, answer);
        if let Fate::Answered(before) = &request.fate {
            assert_eq!(*before, place, "{number} was answered twice");
        }
        self.rescued += u64::from(is_rest);
        request.fate = Fate::Answered(place);
        let what = request.what;
        let is_current = request.session == self.session;
        // Or it was already, when the acknowledgement of an earlier attempt was lost.
        if what == What::Initialize && is_current {
            self.is_initialized = true;
        }
    }

    fn see_notification(&mut self, index: usize, event: Option<String>, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str().expect("methods are strings") {
            "notifications/progress" => {
                let token = params["progressToken"]
                    .as_str()
                    .expect("tokens are strings");
                let id = token.strip_prefix("p-").expect("tokens are ours");
                let number = self.number_of(id);
                let request = self.requests.get_mut(&number).expect("nobody asked");
                assert!(request.has_token);
                assert_eq!(params["message"], number.to_string());
                let progress = params["progress"].as_u64().expect("a number");
                let is_again = event.is_some() && progress <= request.progress;
                if !is_again {
                    assert!(
                        !matches!(request.fate, Fate::Answered(_)),
                        "{number} is over"
                    );
                    assert!(progress > request.progress);
                    request.progress = progress;
                }
            }
            "notifications/message" => {
                assert!(self.has_level, "no level was set");
                let number = params["data"].as_str().and_then(|data| data.parse().ok());
                let number: u64 = number.expect("a line is the number");
                assert!(self.requests.contains_key(&number), "nobody asked");
            }
            "notifications/tools/list_changed" => self.assert_listens(index),
            "notifications/resources/updated" => {
                self.assert_listens(index);
                assert!(self.has_subscribed);
            }
            other => panic!("unknown notification {other}"),
        }
    }

    fn assert_listens(&self, index: usize) {
        let exchange = self.connections[index].asked.front();
        let asked = exchange.map(|exchange| &exchange.asked);
        let listens = matches!(asked, Some(Asked::Sse | Asked::Listen(_)));
        assert!(listens, "news go to listening streams");
    }

    // ---- what it makes of the end of things ----

    /// A connection broke.
    fn broken(&mut self, mut connection: Connection) {
        if let Some(exchange) = connection.asked.pop_front() {
            let is_current = exchange.session == self.session;
            match (&exchange.asked, connection.prefix) {
                (Asked::Requests(numbers), Some(prefix)) if is_current => {
                    self.owed.entry(prefix).or_default().extend(numbers);
                }
                (Asked::Listen(Some(_)), _) => {}
                _ => self.lose(&exchange),
            }
        }
        for exchange in connection.asked {
            self.lose(&exchange);
        }
    }

    /// What was asked will not be answered, and the client has seen that.
    fn lose(&mut self, exchange: &Exchange) {
        let numbers: &[u64] = match &exchange.asked {
            Asked::Requests(numbers) => numbers,
            Asked::Message(Some(number)) => std::slice::from_ref(number),
            Asked::Listen(Some((prefix, _))) if exchange.session == self.session => {
                return self.give_up_stream(prefix);
            }
            Asked::Listen(Some(_))
            | Asked::Message(None)
            | Asked::Notices
            | Asked::Sse
            | Asked::Listen(None)
            | Asked::Delete
            | Asked::Wrong
            | Asked::Half => return,
        };
        self.lose_requests(numbers);
    }

    fn lose_requests(&mut self, numbers: &[u64]) {
        for number in numbers {
            let request = self.requests.get_mut(number).expect("it is ours");
            if !matches!(request.fate, Fate::Answered(_)) {
                request.fate = Fate::Lost;
            }
        }
    }

    /// The rest of an answer stream cannot be had.
    fn give_up_stream(&mut self, prefix: &str) {
        let owed = self.owed.remove(prefix).unwrap_or_default();
        self.lose_requests(&owed);
    }

    /// The session is over: what was asked in it is lost, unless a connection still waits for it.
    fn end_session(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        self.ended.push(session.clone());
        for prefix in std::mem::take(&mut self.owed)
            .into_keys()
            .collect::<BTreeSet<_>>()
        {
            self.give_up_stream(&prefix);
        }
        for request in self.requests.values_mut() {
            let is_open = matches!(request.fate, Fate::Sent | Fate::Taken);
            if is_open && request.session.as_deref() == Some(&session) {
                request.fate = Fate::Lost;
            }
        }
        self.door = None;
        self.is_initialized = false;
        self.is_confirmed = false;
    }

    fn assert_all_answered(&self, numbers: &[u64]) {
        for number in numbers {
            let request = &self.requests[number];
            let is_answered = matches!(request.fate, Fate::Answered(_));
            assert!(
                is_answered || request.is_cancelled || request.fate == Fate::Lost,
                "the response to {number} {:?} ended without its answer",
                request.what
            );
        }
    }

    // ---- the end of a run ----

    /// Asks for everything it is owed. Returns whether there was anything. A client that is refused
    /// again and again has seen that there is nothing to be had.
    pub fn collect(&mut self, shared: &mut Shared<'_>) -> bool {
        if self.collected > 50 {
            if !self.has_asked(&Asked::Sse) {
                self.end_session();
            }
            return false;
        }
        let has_asked = self.ask_for_the_rest(shared);
        self.collected += usize::from(has_asked);
        has_asked
    }

    /// Closes what it does not need, so that there is room for those who do.
    pub fn close_idle(&mut self, edge: &mut Edge) {
        let idle = |c: &mut Connection| c.asked.is_empty() && !c.reader.is_within_response();
        for connection in self.connections.extract_if(.., idle) {
            edge.abandon(connection.id);
        }
    }

    fn ask_for_the_rest(&mut self, shared: &mut Shared<'_>) -> bool {
        if let Era::HttpSse(path) = self.era
            && self.session.is_some()
            && !self.has_asked(&Asked::Sse)
        {
            let session = self.session.clone().expect("it was there a line above");
            let last = self.last_of(&session);
            let text = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
                 Last-Event-ID: {session}-{last}\r\n\r\n"
            );
            self.send(shared, Asked::Sse, &text, false);
            return true;
        }
        let Some((prefix, _)) = self.owed.first_key_value() else {
            return false;
        };
        let prefix = prefix.clone();
        if self.is_coming_back(&prefix) {
            return false;
        }
        let last = self.last_of(&prefix);
        self.get(shared, Some((prefix, last)));
        true
    }

    /// Everything was said and read: nothing may be open.
    pub fn assert_nothing_is_owed(&self) {
        for connection in &self.connections {
            for Exchange { asked, .. } in &connection.asked {
                let may_stay = match asked {
                    Asked::Sse | Asked::Listen(_) | Asked::Half => true,
                    Asked::Requests(_) | Asked::Message(_) | Asked::Notices => false,
                    Asked::Delete | Asked::Wrong => false,
                };
                assert!(may_stay, "client {} still waits for {asked:?}", self.name);
            }
        }
        let listens = self.has_asked(&Asked::Sse);
        for (number, request) in &self.requests {
            let is_owed = request.fate == Fate::Taken && !request.is_cancelled && listens;
            assert!(
                !is_owed,
                "client {} never got {number} {:?}",
                self.name, request.what
            );
        }
    }

    /// Leaves for good.
    pub fn leave(&mut self, edge: &mut Edge) {
        for connection in self.connections.drain(..) {
            edge.abandon(connection.id);
        }
    }

    fn has_asked(&self, wanted: &Asked) -> bool {
        self.connections
            .iter()
            .any(|connection| connection.has_asked(wanted))
    }

    fn is_waiting_for(&self, what: What) -> bool {
        let waits = |request: &Request| {
            request.what == what && matches!(request.fate, Fate::Sent | Fate::Taken)
        };
        self.requests.values().any(waits)
    }

    fn id_of(&self, number: u64) -> String {
        format!("c{}-{number}", self.name)
    }

    fn number_of(&self, id: &str) -> u64 {
        let ours = id.strip_prefix(&format!("c{}-", self.name));
        let number = ours.expect("it was meant for another client");
        number.parse().expect("ids hold numbers")
    }
}

impl Connection {
    fn has_asked(&self, wanted: &Asked) -> bool {
        self.asked.iter().any(|exchange| exchange.asked == *wanted)
    }

    fn new(id: SocketId) -> Connection {
        Connection {
            id,
            reader: Reader::default(),
            asked: VecDeque::new(),
            head: None,
            prefix: None,
            next: None,
            seen: 0,
        }
    }
}

/// An answer is about the request whose id it has. Requests that need no room are never refused.
fn assert_answer_fits(what: What, number: u64, answer: &Value) {
    let Some(result) = answer.get("result") else {
        let code = answer["error"]["code"]
            .as_i64()
            .expect("an error has a code");
        let may_fail = match what {
            What::Unknown => code == -32601,
            What::Sleep => [-32602, -32603].contains(&code),
            What::Info => code == -32603,
            What::SetLevel | What::Subscribe | What::Initialize => code == -32600,
            What::Ping | What::List | What::Echo => false,
        };
        assert!(may_fail, "{what:?} {number}: {answer}");
        return;
    };
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let last_word = text.rsplit(' ').next().unwrap_or_default();
    match what {
        What::Initialize => assert!(result["protocolVersion"].is_string()),
        What::Ping | What::SetLevel | What::Subscribe => {
            assert_eq!(result.to_string(), "{}");
        }
        What::List => assert!(result["tools"].is_array()),
        What::Echo => assert_eq!(text.split(' ').next(), Some(number.to_string().as_str())),
        What::Info => assert_eq!(text, "a machine"),
        What::Sleep => {
            let is_its_own = last_word == number.to_string();
            assert!(
                is_its_own || result["isError"] == true,
                "{number}: {answer}"
            );
            assert!(is_its_own || !text.starts_with("s"), "{number}: {answer}");
        }
        What::Unknown => panic!("{answer}"),
    }
}

fn post(path: &str, fields: &str, body: &str) -> String {
    crate::support::post(path, fields, body)
}
