//! Somebody who leaves work to the server: begins tasks, asks how they are, cancels some, and is
//! told of no others.

use super::client;
use super::edge::Edge;
use super::random::Random;
use crate::support::post;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Two holders of tokens, and the tasks that they remember.
#[derive(Default)]
pub struct Keeper {
    tasks: BTreeMap<String, Task>,
    /// Tasks that were seen to have come to something.
    pub finished: u64,
}

/// A task as whoever has begun it knows it.
struct Task {
    holder: u8,
    /// What its command was told.
    number: u64,
    /// The last that was told of it, once it is over.
    over: Option<Value>,
    is_cancelled: bool,
}

impl Keeper {
    /// Does one thing.
    pub fn act(&mut self, edge: &mut Edge, random: &mut Random, number: &mut u64) {
        let own_number = *number;
        *number += 1;
        let ids: Vec<&String> = self.tasks.keys().collect();
        if ids.is_empty() || random.percent(40) {
            return self.begin(edge, random.below(2) as u8, own_number);
        }
        let id = random.pick(&ids).clone();
        match random.below(10) {
            0..2 => self.cancel(edge, &id),
            2..4 => self.intrude(edge, &id),
            _ => self.look(edge, &id),
        }
    }

    fn begin(&mut self, edge: &mut Edge, holder: u8, number: u64) {
        let params = json!({"name": "nap", "arguments": {"seconds": number}});
        let Some(result) = ask(edge, holder, "tools/call", "nap", params).and_then(Result::ok)
        else {
            return;
        };
        assert_eq!(result["resultType"], "task");
        assert_eq!(result["status"], "working");
        let task = Task {
            holder,
            number,
            over: None,
            is_cancelled: false,
        };
        let id = result["taskId"].as_str().expect("a text").to_string();
        let twin = self.tasks.insert(id, task);
        assert!(twin.is_none(), "an id is used once");
    }

    /// Asks how a task is. One that is not found any more is forgotten here, too.
    fn look(&mut self, edge: &mut Edge, id: &str) {
        let task = self.tasks.get_mut(id).expect("it was just picked");
        match about(edge, task.holder, "tasks/get", id) {
            None => {}
            Some(Err(code)) => {
                assert_eq!(code, -32602);
                assert!(task.over.is_some() || !is_at_work(edge, task));
                self.tasks.remove(id);
            }
            Some(Ok(told)) => {
                assert_eq!(told["taskId"], id);
                task.see(&told);
                self.finished += u64::from(told["status"] == "completed");
            }
        }
    }

    fn cancel(&mut self, edge: &mut Edge, id: &str) {
        let task = self.tasks.get_mut(id).expect("it was just picked");
        if let Some(Ok(done)) = about(edge, task.holder, "tasks/cancel", id) {
            assert_eq!(done["resultType"], "complete");
            assert!(done.get("taskId").is_none());
            task.is_cancelled = true;
        }
    }

    /// Somebody else asks.
    fn intrude(&mut self, edge: &mut Edge, id: &str) {
        let other = 1 - self.tasks[id].holder;
        for method in ["tasks/get", "tasks/cancel"] {
            let told = about(edge, other, method, id);
            assert!(matches!(told, None | Some(Err(-32602))), "{told:?}");
        }
    }
}

impl Task {
    /// Whatever is told fits what was told before.
    fn see(&mut self, told: &Value) {
        if let Some(over) = &self.over {
            assert_eq!(told, over, "what is over does not change");
            return;
        }
        match told["status"].as_str().expect("a text") {
            "working" => {
                assert!(!self.is_cancelled, "it was cancelled at once");
                let said = told["statusMessage"].as_str();
                assert!(said.is_none_or(|said| said == self.number.to_string()));
                return;
            }
            "completed" => {
                let text = told["result"]["content"][0]["text"].as_str();
                let text = text.expect("a text");
                let is_its_own = text.ends_with(&format!(" {}", self.number));
                let never_ran = told["result"]["isError"] == true;
                assert!(is_its_own || never_ran, "{text} is not of {}", self.number);
            }
            "failed" => assert_eq!(told["error"]["code"], -32603, "there was no room"),
            "cancelled" => assert!(self.is_cancelled),
            other => panic!("no status: {other}"),
        }
        self.over = Some(told.clone());
    }
}

/// Whether the command of a task runs and nobody has told it to end.
fn is_at_work(edge: &Edge, task: &Task) -> bool {
    let mut commands = edge.commands.iter();
    commands.any(|command| command.number == task.number && !command.is_terminated)
}

fn about(edge: &mut Edge, holder: u8, method: &str, id: &str) -> Option<Result<Value, i64>> {
    ask(edge, holder, method, id, json!({"taskId": id}))
}

/// The result of a request on a connection of its own, or the code of its error. `None` if there is
/// no room for it.
fn ask(
    edge: &mut Edge,
    holder: u8,
    method: &str,
    name: &str,
    mut params: Value,
) -> Option<Result<Value, i64>> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": {"io.modelcontextprotocol/tasks": {}},
        },
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let fields = format!(
        "{}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n\
         Mcp-Name: {name}\r\n",
        client::credentials(holder)
    );
    let socket = edge.connect(usize::MAX)?;
    let text = post("/mcp", &fields, &body.to_string());
    let sent = edge.sockets.get_mut(&socket).expect("it was just opened");
    sent.upstream.extend_from_slice(text.as_bytes());
    edge.read(socket, usize::MAX);
    let answer = edge.take(socket, usize::MAX);
    edge.abandon(socket);
    if edge.sockets.contains_key(&socket) {
        edge.notice(socket);
    }
    let answer = String::from_utf8(answer).expect("answers are text");
    // Or it had to wait until it is known what upstreams offer, and has not.
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let message: Value = serde_json::from_str(body).ok()?;
    match message["error"]["code"].as_i64() {
        // Full, or stopping.
        Some(-32603) => None,
        Some(code) => Some(Err(code)),
        None => Some(Ok(message["result"].clone())),
    }
}
