//! What a client does: asks rightly and wrongly, listens, comes back, vanishes.

use super::{Asked, Client, Connection, Era, Exchange, Fate, Request, Shared, What};
use crate::support::post;
use serde_json::json;

impl Client {
    /// Does one thing.
    pub fn act(&mut self, shared: &mut Shared<'_>) {
        if shared.random.percent(6) {
            return self.ask_wrongly(shared);
        }
        if shared.random.percent(2) {
            return self.intrude(shared);
        }
        match self.era {
            Era::HttpSse(path, _) => self.act_http_sse(shared, path),
            Era::Streamable(revision) => self.act_streamable(shared, revision),
            Era::Bare if shared.random.percent(15) => self.subscribe(shared),
            Era::Bare => self.ask(shared),
            Era::Stateless => {
                if shared.random.percent(50) || !self.come_back_with_answers(shared) {
                    self.ask(shared);
                }
            }
        }
    }

    pub(super) fn act_http_sse(&mut self, shared: &mut Shared<'_>, path: &'static str) {
        if !self.has_asked(&Asked::Sse) && shared.random.percent(40) {
            return self.open_sse(shared, path);
        }
        if self.door.is_none() {
            return;
        }
        self.talk(shared, "2024-11-05");
    }

    pub(super) fn act_streamable(&mut self, shared: &mut Shared<'_>, revision: &'static str) {
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
    pub(super) fn talk(&mut self, shared: &mut Shared<'_>, revision: &'static str) {
        if !self.is_initialized {
            if self.era != Era::Bare && !self.is_waiting_for(What::Initialize) {
                self.post_request(shared, What::Initialize, revision);
            }
        } else if !self.is_confirmed && shared.random.percent(80) {
            self.is_confirmed = true;
            self.post_notice(shared, "notifications/initialized", "{}");
        } else if shared.random.percent(15) {
            self.cancel(shared);
        } else if shared.random.percent(40) && self.answer(shared) {
        } else {
            self.ask(shared);
        }
    }

    pub(super) fn ask(&mut self, shared: &mut Shared<'_>) {
        use What::{Ask, Echo, Info, List, Ping, SetLevel, Sleep, Subscribe, Unknown, Work};
        let upstreams = shared.edge.natures.len();
        if upstreams > 0 && shared.random.percent(40) {
            let upstream = shared.random.below(upstreams);
            return self.post_request(shared, Work(upstream), "");
        }
        let what = match self.era {
            Era::Stateless => shared
                .random
                .pick(&[Ask, Ask, Ask, Echo, Sleep, Sleep, List, Info]),
            Era::HttpSse(..) | Era::Streamable(_) | Era::Bare => shared.random.pick(&[
                Echo, Echo, Echo, Sleep, Sleep, Sleep, Sleep, Ask, Ask, Ping, List, Info, Info,
                SetLevel, Subscribe, Unknown,
            ]),
        };
        self.post_request(shared, what, "");
    }

    pub(super) fn cancel(&mut self, shared: &mut Shared<'_>) {
        let is_open = |request: &Request| {
            let is_open = matches!(request.fate, Fate::Sent | Fate::Taken);
            let takes_time = matches!(request.what, What::Sleep | What::Ask | What::Work(_));
            is_open && takes_time && request.session == self.session
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
        let params = format!(r#"{{"requestId":{}}}"#, self.id_of(number));
        self.post_notice(shared, "notifications/cancelled", &params);
    }

    pub(super) fn open_sse(&mut self, shared: &mut Shared<'_>, path: &str) {
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
            "GET {path} HTTP/{version}\r\nHost: localhost\r\n\
             Accept: text/event-stream\r\n{fields}\r\n"
        );
        self.send(shared, Asked::Sse, &text, false);
    }

    pub(super) fn listen(&mut self, shared: &mut Shared<'_>) {
        if !self.has_asked(&Asked::Listen(None)) || shared.random.percent(20) {
            self.get(shared, None);
        }
    }

    /// Comes back for the rest of a stream that broke, right behind what was seen or before it.
    pub(super) fn come_back(&mut self, shared: &mut Shared<'_>) {
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
    pub(super) fn make_up_an_event(&mut self, shared: &mut Shared<'_>) {
        let prefix = shared.random.below(6).to_string();
        // It never claims to have seen what it has not: it would be taken at its word.
        let last = self.last_of(&prefix);
        let sequence = match shared.random.percent(20) {
            true => 1_000_000,
            false => shared.random.below(last as usize + 1) as u64,
        };
        self.get(shared, Some((prefix, sequence)));
    }

    pub(super) fn get(&mut self, shared: &mut Shared<'_>, after: Option<(String, u64)>) {
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

    pub(super) fn delete(&mut self, shared: &mut Shared<'_>) {
        let fields = self.fields();
        let text = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        self.send(shared, Asked::Delete, &text, false);
    }

    /// Header fields that name the session.
    pub(super) fn fields(&self) -> String {
        match (&self.session, self.era) {
            (Some(session), Era::Streamable("2025-03-26")) => {
                format!("Mcp-Session-Id: {session}\r\n")
            }
            (Some(session), Era::Streamable(revision)) => {
                format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {revision}\r\n")
            }
            (Some(_), Era::HttpSse(..) | Era::Bare | Era::Stateless) | (None, _) => String::new(),
        }
    }

    pub(super) fn post_request(&mut self, shared: &mut Shared<'_>, what: What, revision: &str) {
        let (number, body) = self.request(shared, what, revision);
        let asked = match self.era {
            Era::HttpSse(..) => Asked::Message(Some(number)),
            Era::Streamable(_) | Era::Bare | Era::Stateless => Asked::Requests(vec![number]),
        };
        self.post(shared, asked, &body);
    }

    pub(super) fn post_notice(&mut self, shared: &mut Shared<'_>, method: &str, params: &str) {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        let asked = match self.era {
            Era::HttpSse(..) => Asked::Message(None),
            Era::Streamable(_) | Era::Bare | Era::Stateless => Asked::Notices,
        };
        self.post(shared, asked, &body);
    }

    /// Several messages at once; some cancel others of the same batch.
    pub(super) fn post_batch(&mut self, shared: &mut Shared<'_>) {
        let mut messages = Vec::new();
        let mut numbers = Vec::new();
        for _ in 0..1 + shared.random.below(5) {
            let what =
                shared
                    .random
                    .pick(&[What::Echo, What::Sleep, What::Ask, What::Info, What::Ping]);
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
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled",
                       "params":{{"requestId":{id}}}}}"#
                ));
            }
        }
        let body = format!("[{}]", messages.join(","));
        self.post(shared, Asked::Requests(numbers), &body);
    }

    /// A new request and its body.
    pub(super) fn request(
        &mut self,
        shared: &mut Shared<'_>,
        what: What,
        revision: &str,
    ) -> (u64, String) {
        let number = self.new_number(shared);
        let id = self.id_of(number);
        let may_tell = matches!(what, What::Sleep | What::Work(_));
        let has_token = may_tell && shared.random.percent(60);
        let is_work = matches!(what, What::Work(_));
        let wants_log = is_work && self.era == Era::Stateless && shared.random.percent(50);
        let (method, params) = match what {
            What::Initialize => (
                "initialize",
                format!(
                    r#"{{"protocolVersion":"{revision}","capabilities":{},
                       "clientInfo":{{"name":"c","version":"1"}}}}"#,
                    self.capabilities()
                ),
            ),
            What::Ping => ("ping", "{}".to_string()),
            What::List => ("tools/list", "{}".to_string()),
            What::Unknown => ("server/discover", "{}".to_string()),
            What::SetLevel => ("logging/setLevel", r#"{"level":"info"}"#.to_string()),
            What::Subscribe => ("resources/subscribe", r#"{"uri":"test://a"}"#.to_string()),
            What::Info => ("tools/call", r#"{"name":"system-info"}"#.to_string()),
            What::Ask => {
                let params = format!(r#"{{"name":"ask","arguments":{{"number":{number}}}}}"#);
                ("tools/call", params)
            }
            What::Work(upstream) => {
                let mut params = json!({
                    "name": format!("work-u{upstream}"), "arguments": {"number": number},
                });
                if has_token {
                    params["_meta"]["progressToken"] = self.token_of(number);
                }
                if wants_log {
                    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
                }
                ("tools/call", params.to_string())
            }
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
                    true => format!(r#","_meta":{{"progressToken":{}}}"#, self.token_of(number)),
                    false => String::new(),
                };
                let arguments = format!(r#"{{"seconds":{number}}}"#);
                let params = format!(r#"{{"name":"sleep","arguments":{arguments}{meta}}}"#);
                ("tools/call", params)
            }
        };
        let request = Request {
            has_token,
            wants_log,
            ..Request::new(what, number, self.session.clone())
        };
        self.requests.insert(number, request);
        self.has_level |= what == What::SetLevel;
        self.has_subscribed |= what == What::Subscribe;
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        (number, body)
    }

    pub(super) fn post(&mut self, shared: &mut Shared<'_>, asked: Asked, body: &str) {
        let text = self.wrapped(body);
        let may_wait = matches!(asked, Asked::Requests(_)) && shared.random.percent(10);
        self.send(shared, asked, &text, may_wait);
    }

    /// Asks for something that must be refused, or only half.
    pub(super) fn ask_wrongly(&mut self, shared: &mut Shared<'_>) {
        let other = match self.ended.len() {
            0 => "nobody".to_string(),
            count => self.ended[shared.random.below(count)].clone(),
        };
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let good = post("/mcp", "", ping);
        let session = format!("Mcp-Session-Id: {other}\r\n");
        let wrong = match shared.random.below(17) {
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
            12 => post("/mcp/sse/send", "", ping),
            13 => {
                let body = format!(r#"{{"connectionId":"{other}","method":"ping"}}"#);
                post("/mcp/sse/message", "", &body)
            }
            14 => post("/mcp/sse/message", "", "{\"method\":"),
            _ => {
                let end = 1 + shared.random.below(good.len() - 1);
                return self.send(shared, Asked::Half, &good[..end], false);
            }
        };
        self.send(shared, Asked::Wrong, &wrong, false);
    }

    /// Reaches for a session of somebody, with a token that has none.
    pub(super) fn intrude(&mut self, shared: &mut Shared<'_>) {
        let id = format!("session-{:014}", 1 + shared.random.below(40));
        let stranger = super::credentials(super::STRANGER);
        let named = format!("{stranger}Mcp-Session-Id: {id}\r\n");
        let number = shared.random.below(20);
        let cancel = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":"{number}"}}}}"#
        );
        let ping = r#""jsonrpc":"2.0","id":1,"method":"ping""#;
        let body = format!(r#"{{{ping},"connection_id":"{id}","message":{{{ping}}}}}"#);
        let get = crate::support::get("/mcp", &format!("{named}Last-Event-ID: 0-{number}\r\n"));
        let text = match shared.random.below(7) {
            0 => post("/mcp", &named, &cancel),
            1 => post("/mcp", &named, &format!("{{{ping}}}")),
            2 => post(&format!("/messages?session_id={id}"), &stranger, &cancel),
            3 => post("/mcp/sse/send", &stranger, &body),
            4 => post("/mcp/sse/message", &stranger, &body),
            5 => get.replacen("GET", "DELETE", 1),
            _ => get,
        };
        self.send(shared, Asked::Intrusion, &text, false);
    }

    /// Sends a request on a connection that is free, or behind another one, or on a new one.
    pub(super) fn send(
        &mut self,
        shared: &mut Shared<'_>,
        asked: Asked,
        text: &str,
        may_wait: bool,
    ) {
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
        let text = match text.split_once("\r\n") {
            Some((line, rest)) if !text.contains("X-API-Key") && line.contains(" HTTP/1.") => {
                format!("{line}\r\n{}{rest}", self.credentials)
            }
            Some(_) | None => text.to_string(),
        };
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
}
