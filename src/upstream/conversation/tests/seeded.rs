//! Many calls at once with a child that says anything: each call hears of itself and of nothing
//! else, and ends once.

use super::*;
use crate::bounded::random::Random;
use std::collections::VecDeque;

/// What a child works on.
struct Work {
    id: u64,
    /// The tag of the call, which its tool is named by.
    tag: u64,
}

struct World {
    child: Child,
    era: Era,
    random: Random,
    /// What the child has been sent and not read.
    unread: VecDeque<String>,
    /// What it works on.
    works: Vec<Work>,
    /// Ids of its own requests so far.
    asked: u64,
    /// Calls that are not over.
    calls: Vec<u64>,
    calls_begun: u64,
    /// Questions that clients have, with the tag of their call.
    questions: Vec<(u64, String)>,
}

/// How many of each there were, so that the test is known to try something.
#[derive(Debug, Default)]
struct Seen {
    ended: usize,
    progress: usize,
    asked: usize,
    logs: usize,
}

impl World {
    fn new(era: Era, seed: u64) -> World {
        World {
            child: child(era),
            era,
            random: Random::new(seed),
            unread: VecDeque::new(),
            works: Vec::new(),
            asked: 0,
            calls: Vec::new(),
            calls_begun: 0,
            questions: Vec::new(),
        }
    }

    fn begin_call(&mut self) {
        self.calls_begun += 1;
        let tag = self.calls_begun;
        let mut asking = capable(tag, self.any_era(), Capabilities::FORM);
        asking.told.wants_progress = true;
        // Of two calls that want them, neither is told.
        asking.log_level = tag.is_multiple_of(4).then_some(Level::Debug);
        let params = format!(r#"{{"name":"{tag}"}}"#);
        self.child
            .0
            .send(forward(Method::ToolsCall, &params), asking);
        self.calls.push(tag);
    }

    fn any_era(&mut self) -> Era {
        [Era::Handshake, Era::Stateless][self.random.below(2)]
    }

    /// One of them, if there is any.
    fn pick(&mut self, count: usize) -> Option<usize> {
        (count > 0).then(|| self.random.below(count))
    }

    fn cancel(&mut self) {
        if let Some(place) = self.pick(self.calls.len()) {
            let tag = self.calls.swap_remove(place);
            self.questions.retain(|(of, _)| *of != tag);
            self.child.0.cancel(Tag(tag));
        }
    }

    fn answer(&mut self) {
        if let Some(place) = self.pick(self.questions.len()) {
            let (tag, key) = self.questions.swap_remove(place);
            self.child.answers(tag, &key, r#"{"action":"accept"}"#);
        }
    }

    /// The child reads one message. It answers pings in order, and all else when it likes.
    fn read(&mut self) {
        let Some(message) = self.unread.pop_front() else {
            return;
        };
        let message: RawMessage = RawMessage::of(&message);
        match &*message.method {
            "tools/call" => self.works.push(Work {
                id: message.id,
                tag: message.name,
            }),
            "notifications/cancelled" => self.works.retain(|work| work.id != message.cancelled),
            "ping" => self
                .child
                .says(&format!(r#""id":{},"result":{{}}"#, message.id)),
            _ => {}
        }
    }

    /// The child says something of something that it works on.
    fn say(&mut self) {
        let Some(place) = self.pick(self.works.len()) else {
            return;
        };
        let Work { id, tag } = self.works[place];
        let what = self.random.below(5);
        match (what, self.era) {
            (0, _) => {
                self.works.swap_remove(place);
                let result = format!(r#"{{"tag":{tag}}}"#);
                self.child.says(&format!(r#""id":{id},"result":{result}"#));
            }
            (1, _) => {
                let progress = self.random.below(1000);
                let params = format!(r#""progressToken":{id},"progress":{progress}"#);
                let params = format!(r#"{{{params},"message":"{tag}"}}"#);
                let method = "notifications/progress";
                self.child
                    .says(&format!(r#""method":"{method}","params":{params}"#));
            }
            (2, Era::Stateless) if !tag.is_multiple_of(4) => {}
            (2, _) => {
                let params = format!(r#"{{"level":"info","data":{tag}}}"#);
                let method = "notifications/message";
                self.child
                    .says(&format!(r#""method":"{method}","params":{params}"#));
            }
            (_, Era::Handshake) => {
                let params = format!(r#""params":{{"message":"{tag}"}}"#);
                let request = format!(r#""method":"elicitation/create",{params}"#);
                self.asked += 1;
                self.child
                    .says(&format!(r#""id":{},{request}"#, self.asked));
            }
            (_, Era::Stateless) => {
                self.works.swap_remove(place);
                let params = format!(r#""params":{{"message":"{tag}"}}"#);
                let request = format!(r#""a":{{"method":"elicitation/create",{params}}}"#);
                let kind = r#""resultType":"input_required""#;
                let result = format!(r#"{{{kind},"inputRequests":{{{request}}}}}"#);
                self.child.says(&format!(r#""id":{id},"result":{result}"#));
            }
        }
    }

    /// Looks at all that has come of it. `is_truthful`: the child has named the calls rightly.
    fn check(&mut self, is_truthful: bool, seen: &mut Seen) {
        while let Some(effect) = self.child.0.poll_effect() {
            let (Effect::Said(Tag(tag), _) | Effect::Ended(Tag(tag), _)) = effect else {
                continue;
            };
            assert!(self.calls.contains(&tag), "{tag} is over");
            let named = match effect {
                Effect::Said(_, Said::Progress(progress)) => {
                    seen.progress += 1;
                    progress.message.unwrap_or_default()
                }
                Effect::Said(_, Said::Log { data, .. }) => {
                    seen.logs += 1;
                    data
                }
                Effect::Said(_, Said::Ask(ask)) => {
                    seen.asked += 1;
                    self.questions.push((tag, ask.key));
                    ask.params
                }
                Effect::Ended(_, ended) => {
                    seen.ended += 1;
                    self.calls.retain(|open| *open != tag);
                    self.questions.retain(|(of, _)| *of != tag);
                    match ended {
                        Ended::Result(result) => result,
                        _ => tag.to_string(),
                    }
                }
                _ => unreachable!("nothing else was said"),
            };
            let digits = named.split(|one: char| !one.is_ascii_digit());
            let mut digits = digits.filter(|digits| !digits.is_empty());
            let right = tag.to_string();
            assert!(
                !is_truthful || digits.all(|digits| digits == right),
                "{tag}: {named}"
            );
        }
        assert!(self.child.0.pending() <= self.calls.len() + CHILD_FORGOTTEN_MAX);
        assert!(self.child.0.held_bytes() < 100_000);
    }

    /// Does one thing.
    fn step(&mut self, is_truthful: bool, seen: &mut Seen) {
        match self.random.below(12) {
            0 if self.calls.len() < 4 => self.begin_call(),
            1 if self.random.below(4) == 0 => self.cancel(),
            2 | 3 => self.answer(),
            4 | 5 if !is_truthful => self.garble(),
            4..8 => self.read(),
            _ => self.say(),
        }
        self.check(is_truthful, seen);
        if self.random.below(3) == 0 {
            let sent = self.child.sent();
            self.unread.extend(sent);
        }
    }

    /// A line that is nearly one of those above, with a byte changed, taken out or put in.
    fn garble(&mut self) {
        let id = 100 + self.random.below(self.calls_begun as usize + 3);
        let lines = [
            format!(r#""id":{id},"result":{{"resultType":"complete","_meta":{{"a":1}}}}"#),
            format!(r#""id":{id},"error":{{"code":-32042,"data":{{"elicitations":[{{}}]}}}}"#),
            format!(r#""method":"notifications/cancelled","params":{{"requestId":{id}}}"#),
            format!(r#""id":{id},"method":"sampling/createMessage","params":{{"_meta":{{}}}}"#),
            format!(r#""id":{id},"result":{{"resultType":"input_required","requestState":"a"}}"#),
            r#""method":"notifications/message","params":{"level":"info"}"#.to_string(),
        ];
        let mut line = line(&lines[self.random.below(lines.len())]).into_bytes();
        for _ in 0..self.random.below(3) {
            let at = self.random.below(line.len());
            match self.random.below(3) {
                0 => line[at] = b"\"{}[]:,01\\"[self.random.below(10)],
                1 => drop(line.remove(at)),
                _ => line.insert(at, self.random.bits() as u8),
            }
        }
        self.child.0.handle_line(&line);
    }
}

/// What the child makes of a message.
struct RawMessage {
    id: u64,
    method: String,
    name: u64,
    cancelled: u64,
}

impl RawMessage {
    fn of(members: &str) -> RawMessage {
        let text = format!("{{{members}}}");
        let [id, method, params] = json::pick(&text, ["id", "method", "params"]).unwrap();
        let params = params.map_or("{}", RawValue::get);
        let [name, cancelled] = json::pick(params, ["name", "requestId"]).unwrap();
        let number = |json: Option<&RawValue>| {
            let digits = json.map_or("0", |json| json.get().trim_matches('"'));
            digits.parse().unwrap_or_default()
        };
        RawMessage {
            id: number(id),
            method: method.and_then(json::text).unwrap_or_default().into_owned(),
            name: number(name),
            cancelled: number(cancelled),
        }
    }
}

fn run(era: Era, is_truthful: bool) -> Seen {
    let mut seen = Seen::default();
    for seed in 1..=60 {
        let mut world = World::new(era, seed);
        for _ in 0..600 {
            world.step(is_truthful, &mut seen);
        }
    }
    seen
}

#[test]
fn each_call_hears_of_itself_alone() {
    for era in [Era::Handshake, Era::Stateless] {
        let seen = run(era, true);
        let fewest = [seen.ended, seen.progress, seen.asked, seen.logs]
            .into_iter()
            .min();
        assert!(fewest > Some(200), "{era:?} {seen:?}");
    }
}

#[test]
fn whatever_a_child_writes_calls_end_once_and_nothing_grows() {
    for era in [Era::Handshake, Era::Stateless] {
        let seen = run(era, false);
        assert!(seen.ended > 200, "{era:?} {seen:?}");
    }
}
