//! Clients that are asked: they answer, answer wrongly, twice, or never.

use super::{Asked, Client, Era, Request, Shared, What};
use serde_json::Value;
use std::collections::BTreeMap;

/// A question that came as a request.
pub struct Question {
    /// The number of the request that it is about, and its key.
    about: String,
    session: Option<String>,
    is_done: bool,
}

/// Questions that came as a result.
#[derive(Clone)]
pub struct Round {
    /// The number of the request that they are about.
    number: u64,
    state: String,
    /// By key, what each is about.
    keys: BTreeMap<String, String>,
    /// The upstream whose tool asks.
    upstream: Option<usize>,
}

/// What a client is asked and was asked.
#[derive(Default)]
pub struct Questions {
    /// By the id of the server's request.
    requests: BTreeMap<u64, Question>,
    /// Rounds that it has not answered.
    rounds: Vec<Round>,
    /// Rounds that are over for sure.
    used: Vec<Round>,
}

impl Client {
    /// The server asks by a request, perhaps not for the first time: it came again.
    pub(super) fn see_question(&mut self, message: &Value) {
        assert!(matches!(self.era, Era::HttpSse(..) | Era::Streamable(_)));
        let id = message["id"].as_u64().expect("our ids are numbers");
        let about = message["params"]["message"].as_str().expect("a text");
        let number: u64 = number_in(about);
        let request = self.requests.get(&number).expect("nobody asked");
        assert!(matches!(request.what, What::Ask | What::Work(_)));
        let question = Question {
            about: about.to_string(),
            session: request.session.clone(),
            is_done: false,
        };
        let known = self.questions.requests.entry(id).or_insert(question);
        assert_eq!(known.about, about, "an id names one question");
    }

    /// The server takes a question back.
    pub(super) fn see_taken_back(&mut self, params: &Value) {
        let id = params["requestId"].as_u64().expect("our ids are numbers");
        let question = self.questions.requests.get_mut(&id);
        question.expect("it was asked before").is_done = true;
    }

    /// The result of a request asks.
    pub(super) fn see_round(&mut self, number: u64, result: &Value) {
        assert_eq!(self.era, Era::Stateless);
        let asked = result["inputRequests"].as_object().expect("questions");
        assert!((1..=2).contains(&asked.len()), "{result}");
        let mut keys = BTreeMap::new();
        for (key, request) in asked {
            let about = request["params"]["message"].as_str().expect("a text");
            assert_eq!(number_in(about), number, "another call's question");
            keys.insert(key.clone(), about.to_string());
        }
        let state = result["requestState"].as_str().expect("a state");
        let known = self.questions.rounds.iter().chain(&self.questions.used);
        assert!(known.into_iter().all(|round| round.state != state));
        self.questions.rounds.push(Round {
            number,
            state: state.to_string(),
            keys,
            upstream: match self.requests[&number].what {
                What::Work(upstream) => Some(upstream),
                _ => None,
            },
        });
    }

    /// The answers of a round have arrived: it is over.
    pub(super) fn see_round_over(&mut self, round: Round) {
        self.questions.used.push(round);
    }

    /// Answers one of the questions there are. Returns whether there was one.
    pub(super) fn answer(&mut self, shared: &mut Shared<'_>) -> bool {
        let session = self.session.clone();
        let is_open = |question: &Question| {
            !question.is_done && session.is_some() && question.session == session
        };
        let mut open = self.questions.requests.iter_mut();
        let Some((id, question)) = open.find(|(_, question)| is_open(question)) else {
            return false;
        };
        let id = *id;
        let right = right_answer(&question.about);
        // Now and then it is not sure whether it has answered.
        question.is_done = shared.random.percent(80);
        let answer = match shared.random.below(10) {
            0 => r#""error":{"code":-1,"message":"no"}"#.to_string(),
            1 => r#""result":{"action":"decline"}"#.to_string(),
            2 => r#""result":7"#.to_string(),
            _ => format!(r#""result":{right}"#),
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},{answer}}}"#);
        let asked = match self.era {
            Era::HttpSse(..) => Asked::Message(None),
            Era::Streamable(_) | Era::Bare | Era::Stateless => Asked::Notices,
        };
        self.post(shared, asked, &body);
        true
    }

    /// Comes back to one of its calls that have asked. Returns whether there was one.
    pub(super) fn come_back_with_answers(&mut self, shared: &mut Shared<'_>) -> bool {
        let Questions { rounds, used, .. } = &mut self.questions;
        let (round, is_forged) = match shared.random.below(10) {
            0 if !used.is_empty() => (used[shared.random.below(used.len())].clone(), true),
            1 if !rounds.is_empty() => {
                let mut round = rounds[shared.random.below(rounds.len())].clone();
                let place = shared.random.below(round.state.len());
                let letter = if &round.state[place..=place] == "A" {
                    "B"
                } else {
                    "A"
                };
                round.state.replace_range(place..=place, letter);
                (round, true)
            }
            _ if rounds.is_empty() => return false,
            _ => (rounds.swap_remove(shared.random.below(rounds.len())), false),
        };
        let mut answers = Vec::new();
        for (key, about) in &round.keys {
            let right = right_answer(about);
            match shared.random.below(12) {
                0 => {}
                1 => answers.push(format!(r#""{key}":7"#)),
                2 => answers.push(format!(r#""{key}":{{"content":{{}}}}"#)),
                3 => answers.push(format!(r#""x{key}":{right},"{key}":{right}"#)),
                _ => answers.push(format!(r#""{key}":{right}"#)),
            }
        }
        let number = self.new_number(shared);
        let (what, tool) = match round.upstream {
            Some(upstream) => (What::Work(upstream), format!("work-u{upstream}")),
            None => (What::Ask, "ask".to_string()),
        };
        let request = Request {
            about: round.number,
            is_forged,
            answers: (!is_forged).then_some(round.clone()),
            ..Request::new(what, number, None)
        };
        self.requests.insert(number, request);
        let (id, about, state) = (self.id_of(number), round.number, round.state);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}",
               "arguments":{{"number":{about}}},"inputResponses":{{{}}},"requestState":"{state}"}}}}"#,
            answers.join(",")
        );
        self.post(shared, Asked::Requests(vec![number]), &body);
        true
    }
}

fn number_in(about: &str) -> u64 {
    let number = about
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    number.expect("questions hold numbers")
}

fn right_answer(about: &str) -> String {
    format!(r#"{{"action":"accept","content":{{"about":"{about}"}}}}"#)
}
