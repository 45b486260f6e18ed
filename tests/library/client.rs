//! A client for tests: one request on each connection, and streams that are read as they come.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Where a server is.
#[derive(Clone, Copy)]
pub struct Client {
    pub address: SocketAddr,
}

/// A call of a tool.
pub fn call(tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

/// What a request of 2026-07-28 says of itself.
pub fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A call of a tool as a client of 2026-07-28 sends it, with more in `_meta`.
pub fn modern_call(tool: &str, arguments: Value, more: Value) -> Value {
    let mut call = call(tool, arguments);
    let mut meta = modern_meta();
    let members = meta.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    call["params"]["_meta"] = meta;
    call
}

/// The header fields that repeat a request of 2026-07-28.
fn repeated(message: &Value) -> String {
    let method = message["method"].as_str().expect("a method");
    let name = message["params"]["name"].as_str();
    let name = name.map_or(String::new(), |name| format!("Mcp-Name: {name}\r\n"));
    format!("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}")
}

impl Client {
    /// Sends a request; its connection.
    fn connect(&self, fields: &str, body: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).expect("it listens");
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {}\r\nAccept: application/json, text/event-stream\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n{fields}\r\n{body}",
            self.address,
            body.len()
        );
        socket.write_all(request.as_bytes()).expect("it reads");
        socket
    }

    /// Sends a request; the whole response.
    pub fn send(&self, fields: &str, body: &str) -> String {
        let fields = format!("{fields}Connection: close\r\n");
        let mut response = String::new();
        let mut socket = self.connect(&fields, body);
        socket.read_to_string(&mut response).expect("it answers");
        response
    }

    /// The messages of a response: its body, or its events.
    fn messages(&self, fields: &str, message: &Value) -> Vec<Value> {
        let response = self.send(fields, &message.to_string());
        let (_, body) = response.split_once("\r\n\r\n").expect("a head");
        let lines = body.lines();
        let json = lines.filter_map(|line| match line.strip_prefix("data: ") {
            Some(data) => Some(data),
            None => line.starts_with('{').then_some(line),
        });
        json.map(|json| serde_json::from_str(json).expect("JSON"))
            .collect()
    }

    /// The result of a request without a session.
    pub fn result(&self, message: Value) -> Value {
        let answer = self.messages("", &message).pop().expect("an answer");
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// The text of a call's outcome.
    pub fn text(&self, message: Value) -> String {
        let result = self.result(message);
        let text = result["content"][0]["text"].as_str();
        text.expect("a text").to_string()
    }

    /// All messages that answer a request of 2026-07-28.
    pub fn modern(&self, message: Value) -> Vec<Value> {
        self.messages(&repeated(&message), &message)
    }

    /// The stream that answers a request of 2026-07-28.
    pub fn open_modern(&self, message: Value) -> Stream {
        let socket = self.connect(&repeated(&message), &message.to_string());
        Stream(BufReader::new(socket))
    }
}

/// A stream of events.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The next message, for which it waits.
    pub fn next_message(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let bytes = self.0.read_line(&mut line).expect("it is read");
            assert!(bytes > 0, "the stream has ended");
            let data = line.trim_end().strip_prefix("data: ");
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }
}

/// A session of a client with a handshake.
pub struct Session {
    client: Client,
    fields: String,
}

impl Session {
    /// Of this revision, with these capabilities.
    pub fn new(client: Client, revision: &str, capabilities: Value) -> Session {
        let info = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": revision, "capabilities": capabilities,
            "clientInfo": info});
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let response = client.send("", &hello.to_string());
        let at = response.to_lowercase().find("mcp-session-id: ");
        let id = &response[at.expect("a session") + "mcp-session-id: ".len()..];
        let id = id.lines().next().expect("a line");
        let fields = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {revision}\r\n");
        let session = Session { client, fields };
        session.post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }

    /// Sends what has no answer.
    pub fn post(&self, message: Value) {
        let response = self.client.send(&self.fields, &message.to_string());
        assert!(response.starts_with("HTTP/1.1 202 "), "{response}");
    }

    /// The answer to a request.
    pub fn ask(&self, message: Value) -> Value {
        let mut messages = self.client.messages(&self.fields, &message);
        messages.pop().expect("an answer")
    }

    /// All that answers a request, as it comes.
    pub fn response(&self, message: Value) -> String {
        self.client.send(&self.fields, &message.to_string())
    }

    /// The stream that goes on behind an event.
    pub fn come_back(&self, event: &str) -> Stream {
        let mut socket = TcpStream::connect(self.client.address).expect("it listens");
        let request = format!(
            "GET /mcp HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n\
             Last-Event-ID: {event}\r\n{}\r\n",
            self.client.address, self.fields
        );
        socket.write_all(request.as_bytes()).expect("it reads");
        Stream(BufReader::new(socket))
    }

    /// The stream that answers a request.
    pub fn open(&self, message: Value) -> Stream {
        let socket = self.client.connect(&self.fields, &message.to_string());
        Stream(BufReader::new(socket))
    }
}
