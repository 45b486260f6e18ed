//! What children say: what they should, and what they should not.

use super::{Open, Process, Spoken};
use crate::edge::Edge;
use serde_json::{Value, json};
use slimcp::bounded::Key;
use slimcp::engine::child::Child;

impl Edge {
    /// A child writes a message.
    fn say(&mut self, key: Key<Child>, message: &Value) {
        self.say_bytes(key, message.to_string().as_bytes());
    }

    fn say_bytes(&mut self, key: Key<Child>, line: &[u8]) {
        self.engine.handle_child_line(self.now, key, line);
        self.settle();
    }

    /// A child says what it owes, or something of one of its calls.
    pub(super) fn child_speaks(&mut self, key: Key<Child>) {
        let process = self.process(key).expect("it runs");
        if let Some(message) = process.later.pop_front() {
            return self.say(key, &message);
        }
        if process.open.is_empty() {
            return;
        }
        let count = process.open.len();
        let place = self.random.below(count);
        let choice = self.random.below(100);
        let process = self.process(key).expect("it runs");
        let spoken = process.spoken;
        let open = &mut process.open[place];
        match choice {
            0..30 if open.token.is_some() => {
                let message = open.reports();
                self.count("children's reports of progress");
                self.say(key, &message);
            }
            30..45 if open.may_log => {
                let message = logged(open.number);
                self.count("children's log messages");
                self.say(key, &message);
            }
            45..65 if open.rounds < 3 => match spoken {
                Spoken::Stateless => self.child_asks_in_a_result(key, place),
                Spoken::Handshake(_) | Spoken::Nothing => self.child_asks(key, place),
            },
            65..100 if open.waits == 0 => self.child_ends_call(key, place),
            _ => {}
        }
    }

    /// A child answers everything that it has in hand.
    pub(super) fn child_answers(&mut self, key: Key<Child>) {
        while let Some(process) = self.process(key) {
            if let Some(message) = process.later.pop_front() {
                self.say(key, &message);
                continue;
            }
            if process.open.is_empty() {
                return;
            }
            self.child_ends_call(key, 0);
        }
    }

    fn child_ends_call(&mut self, key: Key<Child>, place: usize) {
        let fails = self.random.below(10);
        let process = self.process(key).expect("it runs");
        let open = process.open.swap_remove(place);
        let message = process.ended(&open, fails);
        self.count("children's answers");
        self.say(key, &message);
    }

    /// A question is a request of the child's own.
    fn child_asks(&mut self, key: Key<Child>, place: usize) {
        let process = self.process(key).expect("it runs");
        process.asked += 1;
        // Every child counts from the same number.
        let id = process.asked;
        let open = &mut process.open[place];
        let about = format!("{} q{}", open.number, open.rounds);
        open.rounds += 1;
        open.waits += 1;
        process.questions.insert(id, about.clone());
        let params = form(&about);
        self.count("children's questions");
        self.say(
            key,
            &json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params}),
        );
    }

    /// A question is a result; whoever has the answers asks again.
    fn child_asks_in_a_result(&mut self, key: Key<Child>, place: usize) {
        let asks_twice = self.random.percent(40);
        let process = self.process(key).expect("it runs");
        process.asked += 1;
        let open = process.open.swap_remove(place);
        let state = format!("state {} of {}", process.asked, open.number);
        let mut asked = std::collections::BTreeMap::new();
        let mut requests = json!({});
        for count in 0..1 + u64::from(asks_twice) {
            let name = format!("q{}", 2 * open.rounds + count);
            let about = format!("{} {name}", open.number);
            requests[&name] = json!({"method": "elicitation/create", "params": form(&about)});
            asked.insert(name, about);
        }
        process.rounds.insert(state.clone(), (open.number, asked));
        let result = json!({
            "resultType": "input_required", "inputRequests": requests, "requestState": state,
        });
        self.count("children's results that ask");
        self.say(
            key,
            &json!({"jsonrpc": "2.0", "id": open.id, "result": result}),
        );
    }

    /// A child does what it should not.
    pub(super) fn misbehave(&mut self, key: Key<Child>) {
        self.count("children's misdeeds");
        let choice = self.random.below(17);
        let process = self.process(key).expect("it runs");
        match choice {
            0 => self.end_child(key),
            1 => process.stalls = true,
            2 => self.say_bytes(key, b"warming up"),
            3 => self.say_bytes(key, b"{\"jsonrpc\":\"2.0\",\"id\":"),
            4 => self.say_bytes(key, &[0xff, 0x00, b'{', b'}']),
            5 => {
                // An answer to nothing: it cannot know what comes next.
                let id = process.ids.last().copied().unwrap_or_default() + 1000;
                self.say(key, &json!({"jsonrpc": "2.0", "id": id, "result": stray()}));
            }
            6 => self.say(
                key,
                &json!({"jsonrpc": "2.0", "id": "a", "result": stray()}),
            ),
            7 | 8 => {
                // It answers twice, or what was answered long ago.
                if let Some(id) = process.answered() {
                    self.say(key, &json!({"jsonrpc": "2.0", "id": id, "result": stray()}));
                }
            }
            9 | 10 => {
                // It answers what nobody waits for any more.
                if let Some(open) = process.cancelled.pop() {
                    let message = process.ended(&open, 9);
                    self.say(key, &message);
                }
            }
            11 => {
                let token = process.ids.last().copied().unwrap_or_default() + 1000;
                let params = json!({"progressToken": token, "progress": 1, "message": "stray"});
                let method = "notifications/progress";
                self.say(
                    key,
                    &json!({"jsonrpc": "2.0", "method": method, "params": params}),
                );
            }
            12 => {
                let method = "notifications/tools/list_changed";
                for _ in 0..20 {
                    self.say(key, &json!({"jsonrpc": "2.0", "method": method}));
                }
            }
            13 => {
                let token = process.cancelled.last().map(|open| open.id.clone());
                let params = json!({"progressToken": token, "progress": 9, "message": "stray"});
                let method = "notifications/progress";
                self.say(
                    key,
                    &json!({"jsonrpc": "2.0", "method": method, "params": params}),
                );
            }
            14 => {
                let now = self.now;
                for _ in 0..30 {
                    self.engine.handle_child_stderr(now, key, "so much to say");
                }
                self.settle();
            }
            15 => {
                let now = self.now;
                self.engine
                    .handle_child_noise(now, key, "a line is too long");
                self.settle();
            }
            _ => {
                let batch = json!([
                    {"jsonrpc": "2.0", "method": "notifications/nothing"}, 7, [],
                    {"jsonrpc": "2.0", "id": 1_000_000, "result": stray()},
                ]);
                self.say(key, &batch);
            }
        }
    }
}

impl Process {
    /// The id of a request that was answered.
    fn answered(&self) -> Option<u64> {
        let is_open = |id: &u64| {
            let mut all = self.open.iter().chain(&self.cancelled);
            all.any(|open| open.id == *id) || self.later.iter().any(|line| line["id"] == *id)
        };
        self.ids.iter().rev().find(|id| !is_open(id)).copied()
    }

    /// The answer of a call; of ten, one is an error and one a result that says so.
    fn ended(&self, open: &Open, fails: usize) -> Value {
        let number = open.number;
        let text = |text: String| json!([{"type": "text", "text": text}]);
        let mut result = match fails {
            0 => {
                let error = json!({"code": -32050, "message": format!("failed {number}")});
                return json!({"jsonrpc": "2.0", "id": open.id, "error": error});
            }
            1 => json!({"content": text(format!("no {number}")), "isError": true}),
            _ => json!({"content": text(format!("worked {number}"))}),
        };
        if self.spoken == Spoken::Stateless {
            result["resultType"] = json!("complete");
        }
        json!({"jsonrpc": "2.0", "id": open.id, "result": result})
    }
}

impl Open {
    fn reports(&mut self) -> Value {
        self.progress += 1;
        let params = json!({
            "progressToken": self.token, "progress": self.progress,
            "message": self.number.to_string(),
        });
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
    }
}

fn logged(number: u64) -> Value {
    let params = json!({"level": "info", "data": number.to_string()});
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
}

fn form(about: &str) -> Value {
    json!({"message": about, "requestedSchema": {"type": "object", "properties": {}}})
}

/// What must never reach anybody.
fn stray() -> Value {
    json!({"content": [{"type": "text", "text": "stray"}]})
}
