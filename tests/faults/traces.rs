//! What a daemon and its children leave in the system: processes, wherever they have gone.

use crate::harness::{Daemon, INITIALIZE, Peer, call, post};
use serde_json::Value;
use std::fs;
use std::net::TcpStream;

/// The variable that all processes of a test have, those of children of children as well.
pub const MARK: &str = "FAULTS_MARK";

/// The mark of a test of this name: no earlier run has the same.
pub fn mark(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// Every process of a test of this name, by id. One that is over and not reaped has none.
pub fn marked(name: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={}", mark(name));
    let processes = fs::read_dir("/proc").expect("there is /proc");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let has_mark = |id: &u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    };
    ids.filter(has_mark).collect()
}

/// A client of one server of a daemon.
pub struct Client {
    peer: Peer<TcpStream>,
    path: String,
    tool: String,
    fields: String,
    id: u32,
}

impl Client {
    /// One without a session.
    pub fn of(daemon: &Daemon, server: &str) -> Client {
        Client {
            peer: daemon.connect(),
            path: format!("/servers/{server}/mcp"),
            tool: format!("do-{server}"),
            fields: String::new(),
            id: 0,
        }
    }

    /// One with a session, which it does not end by itself.
    pub fn with_session(daemon: &Daemon, server: &str) -> Client {
        let mut client = Client::of(daemon, server);
        client.fields = client.peer.session_at(&client.path);
        client
    }

    /// Opens a session, perhaps uses it, and goes without a word. Others may have taken its place
    /// before it is done.
    pub fn abandon_session(daemon: &Daemon, server: &str, uses: bool) {
        let mut client = Client::of(daemon, server);
        let path = client.path.clone();
        let opened = client.peer.ask(post(&path, "", INITIALIZE));
        let id = opened.field("Mcp-Session-Id").expect("a session id");
        let fields = format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: 2025-11-25\r\n");
        let notice = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let confirmed = client.peer.ask(post(&path, &fields, notice)).status;
        assert!(matches!(confirmed, 202 | 404), "{confirmed}");
        if uses && confirmed == 202 {
            let body = call(1, &client.tool, r#"{"what":"hello"}"#);
            let response = client.peer.ask(post(&path, &fields, &body));
            let is_served = response.body.contains(r#""text":"hello""#);
            assert!(is_served || response.status == 404, "{response:?}");
        }
    }

    /// Ends its session, as a polite client does.
    pub fn end_session(&mut self) {
        let (path, fields) = (&self.path, &self.fields);
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        let status = self.peer.ask(request).status;
        // A child that is gone has taken its session along.
        assert!(matches!(status, 204 | 404), "{status}");
    }

    /// Asks the server to do something, and does not wait.
    pub fn send(&mut self, what: &str) {
        self.id += 1;
        let body = call(self.id, &self.tool, &format!(r#"{{"what":"{what}"}}"#));
        self.peer.send(post(&self.path, &self.fields, &body));
    }

    /// The answer to what was asked.
    pub fn answer(&mut self) -> Answer {
        let response = self.peer.response();
        // With a session, or after a while, the response is a stream.
        let lines = response.body.lines().rev();
        let mut events = lines.filter_map(|line| line.strip_prefix("data: {"));
        let message: Value = match events.next() {
            Some(event) => serde_json::from_str(&format!("{{{event}")).expect("JSON"),
            None => response.json(),
        };
        assert_eq!(
            message["id"], self.id,
            "the answer to something else: {message}"
        );
        Answer::of(&message)
    }

    /// Asks the server to do something.
    pub fn ask(&mut self, what: &str) -> Answer {
        self.send(what);
        self.answer()
    }
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The child's text.
    Text(String),
    /// An error of the protocol, or a result that says it is one: what it says.
    Error(String),
}

impl Answer {
    fn of(message: &Value) -> Answer {
        let result = &message["result"];
        let text = result["content"][0]["text"].as_str().map(String::from);
        let error = message["error"]["message"].as_str().map(String::from);
        match (text, error) {
            (Some(text), None) if result["isError"] == true => Answer::Error(text),
            (Some(text), None) => Answer::Text(text),
            (None, Some(error)) => Answer::Error(error),
            _ => panic!("no answer: {message}"),
        }
    }

    pub fn text(text: &str) -> Answer {
        Answer::Text(text.to_string())
    }
}
