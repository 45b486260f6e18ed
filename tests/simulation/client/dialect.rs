//! Clients of the older front-ends: the same messages, wrapped and named in their way.

use super::{Client, Era};
use crate::support::post;
use crate::support::reader::Event;
use serde_json::{Value, json};
use slimcp::wire::dialect::Dialect;

impl Client {
    fn dialect(&self) -> Dialect {
        match self.era {
            Era::HttpSse(_, dialect) => dialect,
            Era::Streamable(_) | Era::Bare | Era::Stateless => Dialect::Standard,
        }
    }

    /// What it says it can be asked.
    pub(super) fn capabilities(&self) -> &'static str {
        match self.can_answer {
            true => r#"{"elicitation":{}}"#,
            false => "{}",
        }
    }

    /// A request of 2026-07-28: it says all of itself, and most of it twice.
    fn stateless(&self, body: &str) -> String {
        let mut body: Value = serde_json::from_str(body).expect("it was just written");
        let method = body["method"].as_str().expect("a method").to_string();
        let capabilities: Value = serde_json::from_str(self.capabilities()).expect("JSON");
        let params = &mut body["params"];
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        let name = params["name"].as_str();
        let name = name.map(|name| format!("Mcp-Name: {name}\r\n"));
        let fields = format!(
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{}",
            name.unwrap_or_default()
        );
        post("/mcp", &fields, &body.to_string())
    }

    /// The request that carries this message to the server.
    pub(super) fn wrapped(&self, body: &str) -> String {
        if self.era == Era::Stateless {
            return self.stateless(body);
        }
        let session = self.session.as_deref().unwrap_or("nobody");
        match self.dialect() {
            Dialect::Underscored => {
                let body = body.replacen('{', &format!(r#"{{"connection_id":"{session}","#), 1);
                post("/mcp/sse/message", "", &body)
            }
            Dialect::Hyphenated => {
                let body = format!(r#"{{"connectionId":"{session}","message":{body}}}"#);
                post("/mcp/sse/send", "", &body)
            }
            _ => {
                let door = self.door.as_deref().unwrap_or("/mcp");
                post(door, &self.fields(), body)
            }
        }
    }

    /// The same event as a standard client gets it; `None` for one that stands for none.
    pub(super) fn standard(&self, event: &Event) -> Option<Event> {
        let name = event.name.as_deref().unwrap_or("message");
        if name == "message" {
            let is_ours = self.dialect() == Dialect::Standard;
            assert!(is_ours || event.data.is_empty(), "{event:?}");
            return Some(event.clone());
        }
        let data: Value = serde_json::from_str(&event.data).expect("an event is JSON");
        let said = match name {
            "connected" | "connection-status" => return None,
            "heartbeat" => {
                assert_eq!(event.id, None, "nobody comes back for a heartbeat");
                return None;
            }
            "mcp-notification" if data.get("method").is_none() => {
                let id = event.id.as_deref().expect("the welcome has an id");
                let session = data["result"]["connectionId"].as_str();
                assert!(id.starts_with(session.expect("it names its session")));
                return None;
            }
            // Whoever has not spoken yet is told of news in this way.
            "mcp-notification" => json!({"method": data["method"], "params": data["params"]}),
            _ => self.answer_in(name, data),
        };
        Some(Event {
            name: None,
            data: said.to_string(),
            ..event.clone()
        })
    }

    fn answer_in(&self, name: &str, data: Value) -> Value {
        match (self.dialect(), name) {
            (Dialect::Underscored, "mcp_response" | "mcp_notification") => data,
            (Dialect::Underscored, "error") => {
                json!({"id": data["id"], "error": {"code": data["code"]}})
            }
            (Dialect::Hyphenated, "mcp-response") => {
                assert!(data["method"].is_string(), "{data}");
                json!({"id": data["id"], "result": data["result"]})
            }
            (Dialect::Hyphenated, "mcp-error") => {
                let code = match (data["method"].as_str(), data["error"]["code"].as_i64()) {
                    // An unknown tool has another code in this dialect.
                    (Some("tools/call"), Some(-32601)) => -32602,
                    (_, code) => code.expect("an error has a code"),
                };
                json!({"id": data["id"], "error": {"code": code}})
            }
            (Dialect::Hyphenated, "tool-result") => match data.get("metadata") {
                None => json!({"id": data["id"], "result": data["result"]}),
                Some(metadata) => {
                    let tool = data["method"].as_str().expect("a tool");
                    assert!(tool == "sleep" || tool.starts_with("work-u"), "{tool}");
                    let line = metadata["message"].as_str().expect("a line is the number");
                    let number = line.parse().expect("a line is the number");
                    json!({"method": "notifications/progress", "params": {
                        "progressToken": self.token_of(number),
                        "progress": metadata["progress"],
                        "message": line,
                    }})
                }
            },
            (dialect, name) => panic!("{dialect:?} has no {name}: {data}"),
        }
    }

    /// Whether progress is told without having been asked for.
    pub(super) fn hears_progress_unasked(&self) -> bool {
        self.dialect() == Dialect::Hyphenated
    }
}
