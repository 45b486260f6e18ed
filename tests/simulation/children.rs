//! Children of upstreams without processes: what `src/edge/child.rs` does, with pipes that fill,
//! and servers of both eras that mean well, or do not.
//!
//! Whatever a child says of a request has the number of that request in it, and a child holds every
//! answer to one of its questions against the question.

mod saying;

use super::edge::Edge;
use serde_json::{Value, json};
use slimcp::bounded::Key;
use slimcp::engine::Era;
use slimcp::engine::child::Child;
use slimcp::tool::command::{CommandLine, Exit, Output};
use slimcp::upstream::spec::{Per, UpstreamSpec};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::rc::Rc;

/// Which eras a command speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Handshake,
    Stateless,
    Both,
}

/// How the children of an upstream are.
#[derive(Clone, Copy, Debug)]
pub struct Nature {
    pub per: Per,
    pub speaks: Speaks,
    /// It does what it should not in so many of 100 cases.
    pub rudeness: usize,
    /// Its configuration says that it asks questions.
    pub is_interactive: bool,
    /// Its configuration says which era it speaks, if that is one.
    pub era_is_known: bool,
}

/// The era that a child is spoken to in: what came first decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Nothing,
    /// `initialize`; confirmed or not.
    Handshake(bool),
    Stateless,
}

/// A child.
pub struct Process {
    pub key: Key<Child>,
    /// The number of its upstream.
    upstream: usize,
    nature: Nature,
    /// Sent to it and not read.
    pipe: Vec<u8>,
    /// So many bytes stay in the pipe before the server has to wait.
    room: usize,
    pub is_closed: bool,
    pub is_terminated: bool,
    pub is_killed: bool,
    /// It neither reads nor speaks any more.
    stalls: bool,
    spoken: Spoken,
    /// Ids of all requests that it was ever sent.
    ids: BTreeSet<u64>,
    /// Calls that it works on.
    open: Vec<Open>,
    /// Calls that nobody waits for any more.
    cancelled: Vec<Open>,
    /// What its questions were about, by their ids.
    questions: BTreeMap<u64, String>,
    asked: u64,
    /// Results of 2026-07-28 that ask, by their states: the number and what each was about.
    rounds: BTreeMap<String, (u64, BTreeMap<String, String>)>,
    /// Lines that it will say as soon as it can.
    later: VecDeque<Value>,
}

/// A call in hand.
#[derive(Clone, Debug)]
struct Open {
    id: Value,
    /// The number of the client's request.
    number: u64,
    token: Option<Value>,
    progress: u64,
    /// It has asked so often.
    rounds: u64,
    /// Questions without an answer.
    waits: usize,
    /// Whether its request says that it wants log messages; with a handshake it is not known.
    may_log: bool,
}

/// The configuration of an upstream that is so.
pub fn spec(number: usize, nature: Nature) -> UpstreamSpec {
    let line = CommandLine {
        argv: vec![format!("u{number}")],
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        output: Output::Text,
    };
    let era = match nature.speaks {
        Speaks::Handshake => Some(Era::Handshake),
        Speaks::Stateless => Some(Era::Stateless),
        Speaks::Both => None,
    };
    let era = era.filter(|_| nature.era_is_known);
    UpstreamSpec {
        per: nature.per,
        interactive: nature.is_interactive,
        era,
        ..UpstreamSpec::new(format!("u{number}"), line)
    }
}

impl Edge {
    /// Starts a child, or finds that it cannot be started.
    pub fn spawn(&mut self, key: Key<Child>, line: &Rc<CommandLine>) {
        let number = line.argv[0].strip_prefix('u').expect("its name is ours");
        let upstream: usize = number.parse().expect("names hold numbers");
        let nature = self.natures[upstream];
        let twin = self.processes.iter().any(|process| process.key == key);
        assert!(!twin, "a key is one process");
        if self.random.percent(nature.rudeness / 3) {
            self.count("children that could not be started");
            let problem = "cannot be started".to_string();
            return self.engine.handle_child_exit(self.now, key, Err(problem));
        }
        self.count("children started");
        let room = self.random.pick(&[100, 4096, 65_536, 65_536]);
        self.processes.push(Process {
            key,
            upstream,
            nature,
            pipe: Vec::new(),
            room,
            is_closed: false,
            is_terminated: false,
            is_killed: false,
            stalls: false,
            spoken: Spoken::Nothing,
            ids: BTreeSet::new(),
            open: Vec::new(),
            cancelled: Vec::new(),
            questions: BTreeMap::new(),
            asked: 0,
            rounds: BTreeMap::new(),
            later: VecDeque::new(),
        });
    }

    pub fn process(&mut self, key: Key<Child>) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.key == key)
    }

    /// Something is done to a child, unless it is gone already.
    pub fn tell_child(&mut self, key: Key<Child>, tell: impl FnOnce(&mut Process)) {
        if let Some(process) = self.process(key) {
            tell(process);
        }
    }

    /// Fills a child's pipe.
    pub fn feed(&mut self, key: Key<Child>) {
        let output = self.engine.child_output(key).to_vec();
        let Some(process) = self.process(key) else {
            return;
        };
        if process.is_closed {
            return;
        }
        let free = process.room.saturating_sub(process.pipe.len());
        let bytes = free.min(output.len());
        process.pipe.extend_from_slice(&output[..bytes]);
        if bytes > 0 {
            self.engine.child_written(key, bytes);
        }
    }

    /// A child reads, speaks, misbehaves, or ends.
    pub fn child(&mut self) {
        if self.processes.is_empty() {
            return;
        }
        let index = self.random.below(self.processes.len());
        let process = &self.processes[index];
        let (key, rudeness) = (process.key, process.nature.rudeness);
        if process.is_killed || process.is_terminated || process.is_closed {
            let ends = match (process.is_killed, rudeness) {
                (true, _) => 80,
                (false, 0) => 50,
                (false, _) => 15,
            };
            if self.random.percent(ends) {
                return self.end_child(key);
            }
        }
        if self.processes[index].stalls {
            return;
        }
        if self.random.percent(rudeness / 2) {
            return self.misbehave(key);
        }
        match self.random.percent(50) {
            true => self.child_reads(key),
            false => self.child_speaks(key),
        }
    }

    /// A child reads what is in its pipe.
    fn child_reads(&mut self, key: Key<Child>) {
        let most = self.random.pick(&[1, 3, 100]);
        for _ in 0..most {
            let Some(process) = self.process(key) else {
                return;
            };
            let Some(end) = process.pipe.iter().position(|byte| *byte == b'\n') else {
                // A line may be longer than the pipe.
                process.room += 4096;
                self.feed(key);
                return;
            };
            let line: Vec<u8> = process.pipe.drain(..=end).collect();
            let message = serde_json::from_slice(&line).expect("children are sent JSON");
            process.hear(&message);
            self.feed(key);
        }
    }

    /// A child is over; its exit is told last.
    pub fn end_child(&mut self, key: Key<Child>) {
        let was_told = {
            let process = self.process(key).expect("it runs");
            process.is_closed || process.is_terminated || process.is_killed
        };
        self.processes.retain(|process| process.key != key);
        if !was_told {
            self.count("children that crashed");
        }
        let exit = match (was_told, self.random.percent(50)) {
            (true, true) => Exit::Status(0),
            (false, true) => Exit::Status(3),
            (_, false) => Exit::Signal(9),
        };
        self.engine.handle_child_exit(self.now, key, Ok(exit));
        self.settle();
    }

    /// Whatever children have to do is done, and done well. Returns whether there was anything.
    pub fn finish_children(&mut self) -> bool {
        // What the engine looks at again as soon as it can.
        self.wait_until(self.now, false);
        let mut has_done = false;
        for key in self.keys_of_children() {
            let Some(process) = self.process(key) else {
                continue;
            };
            if process.is_closed || process.is_terminated || process.is_killed || process.stalls {
                self.end_child(key);
                has_done = true;
                continue;
            }
            while self.process(key).is_some_and(|process| process.has_to_do()) {
                self.child_reads(key);
                self.child_answers(key);
                has_done = true;
            }
            // Nobody answers any more what it has asked in results.
            let process = self.process(key);
            if !has_done && process.is_some_and(|process| !process.rounds.is_empty()) {
                self.end_child(key);
                has_done = true;
            }
        }
        has_done
    }

    fn keys_of_children(&self) -> Vec<Key<Child>> {
        self.processes.iter().map(|process| process.key).collect()
    }

    /// Something worth counting has happened.
    pub fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "u{} {:?} {:?} {:?}",
            self.upstream, self.key, self.nature, self.spoken
        )?;
        let told = [
            self.is_closed,
            self.is_terminated,
            self.is_killed,
            self.stalls,
        ];
        write!(
            f,
            " told {told:?} pipe {:?}",
            String::from_utf8_lossy(&self.pipe)
        )?;
        write!(f, " open {:?} later {:?}", self.open, self.later)
    }
}

impl Process {
    /// Whether anybody waits for it.
    fn has_to_do(&self) -> bool {
        !self.pipe.is_empty() || !self.later.is_empty() || !self.open.is_empty()
    }

    /// It was sent a message.
    fn hear(&mut self, message: &Value) {
        assert_eq!(message["jsonrpc"], "2.0");
        let params = &message["params"];
        match (message["method"].as_str(), message.get("id")) {
            (Some(method), Some(id)) => {
                let number = id.as_u64().expect("our ids are numbers");
                assert!(self.ids.insert(number), "an id is used once");
                self.hear_request(method, id, params);
            }
            (Some("notifications/initialized"), None) => {
                assert_eq!(self.spoken, Spoken::Handshake(false));
                self.spoken = Spoken::Handshake(true);
            }
            (Some("notifications/cancelled"), None) => self.hear_cancelled(&params["requestId"]),
            (Some(_), None) => {}
            (None, _) => self.hear_answer(message),
        }
    }

    fn hear_request(&mut self, method: &str, id: &Value, params: &Value) {
        match (method, self.spoken) {
            ("initialize", Spoken::Nothing) if self.nature.speaks != Speaks::Stateless => {
                self.spoken = Spoken::Handshake(false);
                self.answer(id, introduction(Speaks::Handshake));
            }
            ("server/discover", Spoken::Nothing) if self.nature.speaks != Speaks::Handshake => {
                self.spoken = Spoken::Stateless;
                self.answer(id, introduction(Speaks::Stateless));
            }
            ("initialize" | "server/discover", _) => self.refuse(id, method),
            (_, Spoken::Nothing | Spoken::Handshake(false)) => {
                panic!("{method} before the handshake")
            }
            (_, Spoken::Handshake(true) | Spoken::Stateless) => {
                self.check_meta(method, params);
                self.serve(method, id, params);
            }
        }
    }

    /// Requests of 2026-07-28 stand for themselves.
    fn check_meta(&self, method: &str, params: &Value) {
        let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        let expected = (self.spoken == Spoken::Stateless).then_some("2026-07-28");
        assert_eq!(version, expected, "{method} {params}");
    }

    fn serve(&mut self, method: &str, id: &Value, params: &Value) {
        let number = self.upstream;
        match method {
            "tools/list" if params["cursor"].is_string() => {
                self.answer(id, json!({"tools": [tool(&format!("extra-u{number}"))]}));
            }
            "tools/list" => {
                let tools = json!([tool(&format!("work-u{number}"))]);
                self.answer(id, json!({"tools": tools, "nextCursor": "2"}));
            }
            "tools/call" => self.begin(id, params),
            "subscriptions/listen" => {
                let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
                let wanted = &params["notifications"];
                self.later.push_back(json!({
                    "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
                    "params": {"_meta": meta, "notifications": wanted},
                }));
            }
            "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" | "ping"
                if self.spoken != Spoken::Stateless =>
            {
                self.answer(id, json!({}));
            }
            _ => self.refuse(id, method),
        }
    }

    fn begin(&mut self, id: &Value, params: &Value) {
        assert_eq!(params["name"], format!("work-u{}", self.upstream));
        let number = params["arguments"]["number"].as_u64();
        let number = number.expect("clients give one");
        let meta = &params["_meta"];
        let mut open = Open {
            id: id.clone(),
            number,
            token: meta.get("progressToken").cloned(),
            progress: 0,
            rounds: 0,
            waits: 0,
            may_log: self.spoken != Spoken::Stateless
                || meta["io.modelcontextprotocol/logLevel"].is_string(),
        };
        if let Some(state) = params["requestState"].as_str() {
            let (about, asked) = self.rounds.remove(state).expect("a state is given once");
            assert_eq!(about, number, "the state of another call");
            open.rounds = asked.len() as u64 + 1;
            for (key, about) in asked {
                check_answer(&params["inputResponses"][&key], &about);
            }
        }
        self.open.push(open);
    }

    fn hear_cancelled(&mut self, id: &Value) {
        if let Some(place) = self.open.iter().position(|open| open.id == *id) {
            self.cancelled.push(self.open.swap_remove(place));
        }
    }

    fn hear_answer(&mut self, message: &Value) {
        let id = message["id"].as_u64().expect("its ids are numbers");
        let about = self.questions.remove(&id).expect("it has asked once");
        if let Some(result) = message.get("result") {
            check_answer(result, &about);
        }
        let number: u64 = about
            .split(' ')
            .next()
            .expect("a word")
            .parse()
            .expect("a number");
        let open = self.open.iter_mut().find(|open| open.number == number);
        if let Some(open) = open {
            open.waits -= 1;
        }
    }

    fn answer(&mut self, id: &Value, mut result: Value) {
        if self.spoken == Spoken::Stateless {
            result["resultType"] = json!("complete");
        }
        let message = json!({"jsonrpc": "2.0", "id": id, "result": result});
        self.later.push_back(message);
    }

    fn refuse(&mut self, id: &Value, method: &str) {
        let error = json!({"code": -32601, "message": format!("no {method}")});
        let message = json!({"jsonrpc": "2.0", "id": id, "error": error});
        self.later.push_back(message);
    }
}

/// An answer is about its question.
fn check_answer(answer: &Value, about: &str) {
    if let Some(content) = answer.get("content") {
        assert_eq!(content["about"], about, "another call's answer");
    }
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "Works.", "inputSchema": {"type": "object"}})
}

fn introduction(era: Speaks) -> Value {
    let info = json!({"name": "child", "version": "1"});
    let offers = json!({"tools": {"listChanged": true}, "logging": {}});
    match era {
        Speaks::Stateless => json!({
            "supportedVersions": ["2026-07-28"], "capabilities": offers,
            "_meta": {"io.modelcontextprotocol/serverInfo": info},
            "ttlMs": 0, "cacheScope": "private",
        }),
        Speaks::Handshake | Speaks::Both => json!({
            "protocolVersion": "2025-11-25", "capabilities": offers, "serverInfo": info,
        }),
    }
}
