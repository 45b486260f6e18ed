//! An MCP server on stdin and stdout that does what it is told, however bad that is.
//!
//! It is this very test program, run again: so it starts in milliseconds and needs nothing that a
//! machine may not have. What a child is to do from the beginning stands in its environment, what
//! it is to do in the middle of a call in the call.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::FromRawFd;
use std::path::Path;
use std::process::{Command, exit};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The variable that says what it does from the beginning.
const NATURE: &str = "BAD_CHILD";

/// The variable with the name of its one tool.
const TOOL: &str = "BAD_CHILD_TOOL";

/// Where stdout is: the first three descriptors belong to the test framework, which says on stdout
/// that a test runs.
const PREPARE: &str = "exec 4<&0 </dev/null 3>&1 >/dev/null; \
                       exec \"$0\" --exact child::child --ignored --nocapture";

/// The same for one that ignores TERM: that is inherited.
const PREPARE_STUBBORN: &str = "trap '' TERM; exec 4<&0 </dev/null 3>&1 >/dev/null; \
                                exec \"$0\" --exact child::child --ignored --nocapture";

/// A `[[server]]` whose children are like this.
pub fn server(name: &str, nature: &str, more: &str) -> String {
    let program = std::env::current_exe().expect("it runs");
    server_of(&program, name, nature, more)
}

/// The same, run by a copy of this program.
pub fn server_of(program: &Path, name: &str, nature: &str, more: &str) -> String {
    let prepare = match nature {
        "stubborn" => PREPARE_STUBBORN,
        _ => PREPARE,
    };
    format!(
        "[[server]]\nname = '{name}'\ncommand = ['sh', '-c', '''{prepare}''', '{}']\n\
         environment = {{ {NATURE} = '{nature}', {TOOL} = 'do-{name}' }}\n{more}\n",
        program.display()
    )
}

/// No test: a child, where its environment says so.
#[test]
#[ignore = "this is what children run"]
fn child() {
    if let Ok(nature) = std::env::var(NATURE) {
        // SAFETY: the shell that has started this has opened both for it, and nobody else here
        // knows of them.
        #[allow(unsafe_code)]
        let (input, output) = unsafe { (File::from_raw_fd(4), File::from_raw_fd(3)) };
        Child::new(nature, output).run(input);
    }
}

/// What is written by several threads, until it is closed.
type Output = Arc<Mutex<Option<File>>>;

struct Child {
    nature: String,
    output: Output,
    speaks_2026: bool,
    /// The last request that it keeps to itself.
    kept: Option<Value>,
    asked: u64,
}

impl Child {
    fn new(nature: String, output: File) -> Child {
        Child {
            nature,
            output: Arc::new(Mutex::new(Some(output))),
            speaks_2026: false,
            kept: None,
            asked: 0,
        }
    }

    fn run(mut self, input: File) -> ! {
        match self.nature.as_str() {
            "exits" => exit(7),
            "hangs" => sleep_for_ever(),
            "babbles" => self.say_line(b"Server running on stdio, version 1.0"),
            "mourns" => {
                eprintln!("cannot find the database");
                exit(1);
            }
            "deaf" => {
                drop(input);
                sleep_for_ever();
            }
            _ => {}
        }
        let mut input = Some(BufReader::new(input));
        let mut line = String::new();
        loop {
            line.clear();
            let read = input
                .as_mut()
                .map_or(Ok(0), |input| input.read_line(&mut line));
            if read.unwrap_or(0) == 0 {
                break;
            }
            let message: Value = serde_json::from_str(&line).expect("children are sent JSON");
            if self.hear(&message) {
                drop(input.take());
                sleep_for_ever();
            }
        }
        if self.nature == "stubborn" {
            sleep_for_ever();
        }
        exit(0);
    }

    /// Returns whether it wants to hear no more.
    fn hear(&mut self, message: &Value) -> bool {
        let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) else {
            return false;
        };
        let params = &message["params"];
        match method {
            "initialize" if self.nature != "2026" => self.answer(
                id,
                json!({
                    "protocolVersion": params["protocolVersion"],
                    "capabilities": {"tools": {"listChanged": true}, "logging": {}},
                    "serverInfo": {"name": "child", "version": "1"},
                }),
            ),
            "server/discover" if self.nature == "2026" => {
                self.speaks_2026 = true;
                let meta = json!({"name": "child", "version": "1"});
                self.answer(
                    id,
                    json!({
                        "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                        "_meta": {"io.modelcontextprotocol/serverInfo": meta},
                        "ttlMs": 0, "cacheScope": "private",
                    }),
                );
            }
            "tools/list" => self.answer(id, json!({"tools": [tool()]})),
            "tools/call" => {
                let what = params["arguments"]["what"].as_str().unwrap_or_default();
                return self.act(id, what);
            }
            "ping" | "logging/setLevel" => self.answer(id, json!({})),
            _ => {
                let error = json!({"code": -32601, "message": "no such method"});
                self.say(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
            }
        }
        false
    }

    /// Does what a call says.
    fn act(&mut self, id: &Value, what: &str) -> bool {
        match what {
            "pid" => self.answer_text(id, &std::process::id().to_string()),
            "exit" => exit(3),
            "exit with words" => {
                eprintln!("the disk is full");
                exit(3);
            }
            "signal" => {
                let own = std::process::id().to_string();
                let _ = Command::new("kill").args(["-9", &own]).status();
            }
            "never" => {}
            "hang" => sleep_for_ever(),
            "flood" => self.repeat(notice("notifications/message", &logged())),
            "changes" => self.repeat(notice("notifications/tools/list_changed", &json!({}))),
            "some garbage" => {
                (0..10).for_each(|_| self.say_line(GARBAGE));
                self.answer_text(id, what);
            }
            "garbage" => loop {
                self.say_line(GARBAGE);
            },
            "pings" => {
                // It asks, and never reads an answer.
                let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
                let pings = format!("{ping}\n").repeat(1000);
                loop {
                    self.say_bytes(pings.as_bytes());
                }
            }
            "endless line" => self.repeat_bytes(vec![b'x'; 65_536]),
            "stderr" => {
                let line = "something is not as it should be\n".repeat(2000);
                for _ in 0..100 {
                    let _ = std::io::stderr().write_all(line.as_bytes());
                }
                self.answer_text(id, what);
            }
            "half" => self.say_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":"),
            "half and exit" => {
                self.say_bytes(b"{\"jsonrpc\":\"2.0\",\"id\":");
                exit(3);
            }
            "long" => self.answer_text(id, &"x".repeat(3 << 20)),
            "unknown" => {
                self.answer_text(&json!(1_000_000), "stray");
                self.answer_text(&json!("a"), "stray");
                self.answer_text(id, what);
            }
            "twice" => {
                self.answer_text(id, what);
                self.answer_text(id, "stray");
            }
            "first" => self.kept = Some(id.clone()),
            "second" => {
                self.answer_text(id, what);
                if let Some(first) = self.kept.take() {
                    self.answer_text(&first, "first");
                }
            }
            "close stdin" => return true,
            "close stdout" => {
                *self.output.lock().expect("nobody panicked") = None;
            }
            "grandchild" => {
                let pid = spawn("sh", &["-c", "trap '' TERM; exec sleep 1000"]);
                self.answer_text(id, &pid);
            }
            "grandchild in a session of its own" => {
                let pid = spawn("setsid", &["sh", "-c", "trap '' TERM; exec sleep 1000"]);
                self.answer_text(id, &pid);
            }
            "orphan" => {
                // Its parent is gone before anybody can ask who it is.
                let script = "setsid sh -c 'echo $$; exec >/dev/null 2>&1; exec sleep 1000' &";
                let said = Command::new("sh").args(["-c", script]).output();
                let said = said.expect("a shell").stdout;
                self.answer_text(id, String::from_utf8_lossy(&said).trim());
            }
            "forks" => {
                let pids: Vec<String> = (0..20).map(|_| spawn("sleep", &["1000"])).collect();
                self.answer_text(id, &pids.join(" "));
            }
            "asks" => {
                for _ in 0..1000 {
                    self.asked += 1;
                    let params = json!({"message": "More?", "requestedSchema": {
                        "type": "object", "properties": {}}});
                    self.say(&json!({"jsonrpc": "2.0", "id": self.asked,
                        "method": "elicitation/create", "params": params}));
                }
            }
            text => {
                self.answer_text(id, text);
            }
        }
        false
    }

    fn answer_text(&self, id: &Value, text: &str) {
        self.answer(id, json!({"content": [{"type": "text", "text": text}]}));
    }

    fn answer(&self, id: &Value, mut result: Value) {
        if self.speaks_2026 {
            result["resultType"] = json!("complete");
        }
        self.say(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn say(&self, message: &Value) {
        self.say_line(message.to_string().as_bytes());
    }

    fn say_line(&self, line: &[u8]) {
        self.say_bytes(&[line, b"\n"].concat());
    }

    fn say_bytes(&self, bytes: &[u8]) {
        write_to(&self.output, bytes);
    }

    /// Says it again and again, beside whatever else it does.
    fn repeat(&self, message: Value) {
        self.repeat_bytes(format!("{message}\n").repeat(100).into_bytes());
    }

    fn repeat_bytes(&self, bytes: Vec<u8>) {
        let output = self.output.clone();
        thread::spawn(move || {
            loop {
                write_to(&output, &bytes);
            }
        });
    }
}

/// What is no message, nor even text.
const GARBAGE: &[u8] = b"0123456789 abcdefghijklmnopqrstuvwxyz {[]} \xff\xfe";

/// Whoever cannot write any more is not needed any more.
fn write_to(output: &Output, bytes: &[u8]) {
    let mut output = output.lock().expect("nobody panicked");
    if let Some(output) = output.as_mut()
        && output.write_all(bytes).is_err()
    {
        exit(0);
    }
}

/// Starts a process that nobody waits for; its id.
fn spawn(program: &str, arguments: &[&str]) -> String {
    let spawned = Command::new(program).args(arguments).spawn();
    spawned.expect("it starts").id().to_string()
}

fn sleep_for_ever() -> ! {
    loop {
        thread::sleep(Duration::from_secs(1000));
    }
}

fn tool() -> Value {
    let name = std::env::var(TOOL).expect("it has a name");
    json!({"name": name, "description": "Does it.", "inputSchema": {"type": "object"}})
}

fn logged() -> Value {
    json!({"level": "info", "data": "and another line"})
}

fn notice(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}
