//! What a client sees, and what it must see.

use super::{Asked, Client, Era, Exchange, Fate, Place, Shared, What};
use crate::edge::Edge;
use crate::support::reader::{Event, Head, Piece};
use serde_json::Value;

impl Client {
    /// Reads what has come on one of its connections.
    pub fn read(&mut self, shared: &mut Shared<'_>, bytes_max: usize) {
        if self.connections.is_empty() {
            return;
        }
        let index = shared.random.below(self.connections.len());
        self.read_at(shared.edge, index, bytes_max);
    }

    /// Reads everything on all of its connections. Returns whether there was anything.
    pub fn read_all(&mut self, edge: &mut Edge) -> bool {
        let mut index = 0;
        let mut has_read = false;
        while index < self.connections.len() {
            let id = self.connections[index].id;
            has_read |= !edge.sockets[&id].downstream.is_empty();
            if !self.read_at(edge, index, usize::MAX) {
                index += 1;
            }
        }
        has_read
    }

    /// Returns whether the connection is over.
    pub(super) fn read_at(&mut self, edge: &mut Edge, index: usize, bytes_max: usize) -> bool {
        let id = self.connections[index].id;
        let bytes = edge.take(id, bytes_max);
        self.connections[index].reader.feed(&bytes);
        while let Some(piece) = self.connections[index].reader.next() {
            self.see(index, piece);
        }
        let socket = &edge.sockets[&id];
        if socket.key.is_some() || !socket.downstream.is_empty() {
            return false;
        }
        edge.sockets.remove(&id);
        let mut connection = self.connections.swap_remove(index);
        connection.reader.close();
        while let Some(piece) = connection.reader.next() {
            // A stream that lasts until the connection closes.
            assert_eq!(piece, Piece::End);
        }
        self.broken(connection);
        true
    }

    pub(super) fn see(&mut self, index: usize, piece: Piece) {
        match piece {
            Piece::Head(head) => self.see_head(index, head),
            Piece::Body(body) => self.see_body(index, &body),
            Piece::Event(event) => self.see_event(index, &event),
            Piece::Comment => {}
            Piece::End => self.see_end(index),
        }
    }

    pub(super) fn see_head(&mut self, index: usize, head: Head) {
        let connection = &mut self.connections[index];
        let exchange = connection.asked.front().expect("nothing was asked");
        let (asked, session) = (exchange.asked.clone(), exchange.session.clone());
        let is_stream = head.field("content-type") == Some("text/event-stream");
        let status = head.status;
        let may_be: &[u16] = match asked {
            Asked::Requests(_) => &[200, 202, 400, 404, 413, 503],
            Asked::Message(_) => &[202, 404, 503],
            Asked::Notices => &[202, 404, 503],
            Asked::Sse => &[200, 503],
            Asked::Listen(None) => &[200, 404, 503],
            Asked::Subscription(..) => &[200, 503],
            Asked::Listen(Some(_)) => &[200, 204, 404, 410, 503],
            Asked::Delete => &[204, 404, 503],
            // The session of an HTTP+SSE client that went its way may live on for a while.
            Asked::Wrong => &[202, 400, 403, 404, 405, 408, 415, 503],
            // Whatever there is, for a stranger there is nothing.
            Asked::Intrusion => &[404, 408, 503],
            Asked::Half => &[408, 503],
        };
        // A client that does not finish its request in time is told so, whatever it asks for.
        let is_late = status == 408;
        assert!(
            is_late || may_be.contains(&status) || (status == 500 && self.may_fail(&asked)),
            "{asked:?} got {status}"
        );
        if let (Asked::Sse | Asked::Listen(_) | Asked::Subscription(..), 200) = (&asked, status) {
            assert!(is_stream, "a listener is answered by a stream");
        }
        if is_stream {
            assert_eq!(status, 200);
            self.begin_stream(index, &asked);
        }
        let id = head.field("mcp-session-id").map(ToString::to_string);
        if let Some(id) = id {
            assert!(self.session.is_none(), "a session is opened once");
            self.session = Some(id);
            self.is_initialized = true;
            self.is_confirmed = false;
        }
        let is_over = status == 404 || (status == 204 && asked == Asked::Delete);
        let is_own = !matches!(asked, Asked::Wrong | Asked::Intrusion);
        if is_over && is_own && session == self.session {
            self.end_session();
        }
        self.connections[index].head = Some(head);
    }

    /// Whether a child was asked, which may crash: in 2026-07-28 that is the server's fault.
    fn may_fail(&self, asked: &Asked) -> bool {
        let is_work = |number: &u64| matches!(self.requests[number].what, What::Work(_));
        let is_stateless = self.era == Era::Stateless;
        matches!(asked, Asked::Requests(numbers) if is_stateless && numbers.iter().all(is_work))
    }

    /// What must come first on a stream.
    pub(super) fn begin_stream(&mut self, index: usize, asked: &Asked) {
        let connection = &mut self.connections[index];
        connection.prefix = None;
        connection.next = match asked {
            Asked::Listen(Some((prefix, seen))) => {
                connection.prefix = Some(prefix.clone());
                Some(seen + 1)
            }
            Asked::Requests(_) => Some(1),
            Asked::Sse | Asked::Listen(None) | Asked::Subscription(..) => None,
            other => panic!("{other:?} is not answered by a stream"),
        };
    }

    pub(super) fn see_body(&mut self, index: usize, body: &str) {
        let connection = &mut self.connections[index];
        let exchange = connection.asked.pop_front().expect("a head came first");
        let asked = &exchange.asked;
        let head = connection.head.take().expect("a head came first");
        match (asked, head.status) {
            (Asked::Requests(numbers), 200) => {
                let body: Value = serde_json::from_str(body).expect("a body is JSON");
                match &body {
                    Value::Array(answers) => {
                        answers
                            .iter()
                            .for_each(|answer| self.see_answer(index, None, answer));
                    }
                    answer => self.see_answer(index, None, answer),
                }
                self.assert_all_answered(numbers);
            }
            (Asked::Requests(numbers), 202) => self.assert_all_answered(numbers),
            (Asked::Message(Some(number)), 202) => {
                let request = self.requests.get_mut(number).expect("it is ours");
                if request.fate == Fate::Sent {
                    request.fate = Fate::Taken;
                }
            }
            // It has everything: as good as the end of the stream.
            (Asked::Listen(Some((prefix, _))), 204) if exchange.session == self.session => {
                let owed = self.owed.remove(prefix).unwrap_or_default();
                self.assert_all_answered(&owed);
            }
            (asked, status) => {
                if status >= 400 && head.field("content-type").is_some() {
                    let body: Value = serde_json::from_str(body).expect("a refusal is JSON");
                    assert!(body["error"]["message"].is_string(), "{body}");
                    let is_busy = status == 503;
                    assert_eq!(head.field("retry-after").is_some(), is_busy, "{asked:?}");
                }
                self.lose(&exchange);
            }
        }
    }

    pub(super) fn see_event(&mut self, index: usize, event: &Event) {
        let exchange = self.connections[index].asked.front();
        if let Some(&Asked::Subscription(number, mask)) = exchange.map(|exchange| &exchange.asked) {
            return self.see_news(index, number, mask, event);
        }
        if event.name.as_deref() == Some("endpoint") {
            return self.see_endpoint(index, event);
        }
        let Some(event) = self.standard(event) else {
            return;
        };
        let Some(id) = &event.id else {
            let has_sessions = !matches!(self.era, Era::Bare | Era::Stateless);
            assert!(!has_sessions, "events of sessions have ids");
            let message = serde_json::from_str(&event.data).expect("an event is JSON");
            return self.see_message(index, None, &message);
        };
        let (prefix, sequence) = id.rsplit_once('-').expect("an id has two parts");
        let sequence: u64 = sequence.parse().expect("a sequence is a number");
        if event.data.is_empty() {
            return self.see_priming(index, prefix, sequence);
        }
        let key = format!("{}/{id}", self.session_of(index));
        self.see_sequence(index, prefix, sequence);
        let before = self.events.insert(key.clone(), event.data.clone());
        if let Some(before) = before {
            assert_eq!(before, event.data, "a replay differs");
        }
        let message = serde_json::from_str(&event.data).expect("an event is JSON");
        self.see_message(index, Some(key), &message);
    }

    /// The session whose stream a connection reads.
    pub(super) fn session_of(&self, index: usize) -> String {
        let exchange = self.connections[index]
            .asked
            .front()
            .expect("it is being read");
        exchange
            .session
            .clone()
            .expect("events of sessions have ids")
    }

    /// The highest sequence seen of a stream of this session.
    pub(super) fn last_of(&self, prefix: &str) -> u64 {
        let session = self.session.as_deref().unwrap_or_default();
        self.last
            .get(&format!("{session}/{prefix}"))
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn is_coming_back(&self, prefix: &str) -> bool {
        let is_it = |exchange: &Exchange| {
            let is_stream = matches!(&exchange.asked, Asked::Listen(Some((p, _))) if p == prefix);
            is_stream && exchange.session == self.session
        };
        self.connections
            .iter()
            .any(|connection| connection.asked.iter().any(is_it))
    }

    pub(super) fn see_sequence(&mut self, index: usize, prefix: &str, sequence: u64) {
        let session = self.session_of(index);
        let connection = &mut self.connections[index];
        let known = connection.prefix.get_or_insert_with(|| prefix.to_string());
        assert_eq!(known, prefix, "a connection carries one stream");
        let key = format!("{session}/{prefix}");
        let asked_again = self.asked_again.get(&key).copied().unwrap_or(u64::MAX);
        let is_again = self
            .events
            .contains_key(&format!("{session}/{prefix}-{sequence}"));
        let last = self.last.entry(key).or_insert(0);
        match connection.next {
            Some(next) => assert_eq!(sequence, next, "an event is missing"),
            // A plain GET goes on somewhere behind what was sent before.
            None => assert!(!is_again || sequence > asked_again, "it came again unasked"),
        }
        connection.next = Some(sequence + 1);
        *last = sequence.max(*last);
    }

    pub(super) fn see_priming(&mut self, index: usize, prefix: &str, sequence: u64) {
        assert_eq!(self.era, Era::Streamable("2025-11-25"));
        let session = self.session_of(index);
        let connection = &mut self.connections[index];
        assert_eq!(connection.next.unwrap_or(sequence + 1), sequence + 1);
        let known = connection.prefix.get_or_insert_with(|| prefix.to_string());
        assert_eq!(known, prefix);
        connection.next = Some(sequence + 1);
        let last = self.last.entry(format!("{session}/{prefix}")).or_insert(0);
        *last = sequence.max(*last);
    }

    pub(super) fn see_endpoint(&mut self, index: usize, event: &Event) {
        let (_, session) = event
            .data
            .split_once("session_id=")
            .expect("a door has a session");
        let id = event.id.as_deref().expect("the endpoint has an id");
        let (prefix, sequence) = id.rsplit_once('-').expect("an id has two parts");
        assert_eq!(prefix, session);
        let sequence: u64 = sequence.parse().expect("a sequence is a number");
        // Unless it was on its way while another response said that this session is over.
        if !self.ended.iter().any(|ended| ended == session) {
            if self.session.as_deref() != Some(session) {
                self.end_session();
                assert_eq!(sequence, 0, "a new session begins at its begin");
            }
            self.session = Some(session.to_string());
            self.door = Some(event.data.clone());
        }
        let connection = &mut self.connections[index];
        let exchange = connection.asked.front_mut().expect("it is being read");
        exchange.session = Some(session.to_string());
        connection.prefix = Some(session.to_string());
        connection.next = Some(sequence + 1);
    }

    pub(super) fn see_end(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.head = None;
        let prefix = connection.prefix.take();
        let exchange = connection.asked.pop_front().expect("a head came first");
        let is_current = exchange.session == self.session;
        match exchange.asked {
            Asked::Requests(numbers) => {
                self.assert_all_answered(&numbers);
                if let Some(prefix) = prefix.filter(|_| is_current) {
                    self.owed.remove(&prefix);
                }
            }
            Asked::Listen(Some((prefix, _))) if is_current => {
                let owed = self.owed.remove(&prefix).unwrap_or_default();
                self.assert_all_answered(&owed);
            }
            Asked::Listen(Some(_)) => {}
            Asked::Sse | Asked::Listen(None) => {}
            Asked::Subscription(..) => self.see_subscription_end(index),
            other => panic!("{other:?} is not answered by a stream"),
        }
    }

    pub(super) fn see_message(&mut self, index: usize, event: Option<String>, message: &Value) {
        if message.get("method").is_some() {
            return self.see_notification(index, event, message);
        }
        self.see_answer(index, event, message);
    }

    pub(super) fn see_answer(&mut self, index: usize, event: Option<String>, answer: &Value) {
        let connection = &mut self.connections[index];
        connection.seen += 1;
        let exchange = connection.asked.front();
        let is_rest = exchange.is_some_and(|e| matches!(e.asked, Asked::Listen(Some(_))));
        let place = match event {
            Some(key) => Place::Event(key),
            None => Place::Once(connection.id, connection.seen),
        };
        let number = self.number_of(&answer["id"]);
        let request = self.requests.get_mut(&number).expect("nobody asked");
        assert!(!request.is_forged, "{number} is served: {answer}");
        assert_answer_fits(request.what, request.about, answer);
        let (about, answers) = (request.about, request.answers.take());
        if let Fate::Answered(before) = &request.fate {
            assert_eq!(*before, place, "{number} was answered twice");
        }
        self.rescued += u64::from(is_rest);
        request.fate = Fate::Answered(place);
        let what = request.what;
        let is_current = request.session == self.session;
        if answer["result"]["resultType"] == "input_required" {
            self.see_round(about, &answer["result"]);
        }
        if let Some(round) = answers {
            self.see_round_over(round);
        }
        // Or it was already, when the acknowledgement of an earlier attempt was lost.
        if what == What::Initialize && is_current {
            self.is_initialized = true;
        }
    }

    pub(super) fn see_notification(
        &mut self,
        index: usize,
        event: Option<String>,
        message: &Value,
    ) {
        let params = &message["params"];
        match message["method"].as_str().expect("methods are strings") {
            "notifications/progress" => {
                let number = self.number_of_token(&params["progressToken"]);
                let is_unasked = self.hears_progress_unasked();
                let request = self.requests.get_mut(&number).expect("nobody asked");
                assert!(request.has_token || is_unasked);
                assert_eq!(params["message"], number.to_string());
                let progress = params["progress"].as_u64().expect("a number");
                let is_again = event.is_some() && progress <= request.progress;
                if !is_again {
                    assert!(
                        !matches!(request.fate, Fate::Answered(_)),
                        "{number} is over"
                    );
                    assert!(progress > request.progress);
                    request.progress = progress;
                }
            }
            "notifications/message" => {
                let number = params["data"].as_str().and_then(|data| data.parse().ok());
                let number: u64 = number.expect("a line is the number");
                let request = self.requests.get(&number).expect("nobody asked");
                let wants = self.has_level || request.wants_log;
                assert!(wants, "no level was set");
            }
            "elicitation/create" => self.see_question(message),
            "notifications/cancelled" => self.see_taken_back(params),
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed" => self.assert_listens(index),
            "notifications/resources/updated" => {
                self.assert_listens(index);
                assert!(self.has_subscribed);
            }
            other => panic!("unknown notification {other}"),
        }
    }

    pub(super) fn assert_listens(&self, index: usize) {
        let exchange = self.connections[index].asked.front();
        let asked = exchange.map(|exchange| &exchange.asked);
        let listens = matches!(asked, Some(Asked::Sse | Asked::Listen(_)));
        assert!(listens, "news go to listening streams");
    }
}

/// An answer is about the request whose id it has. Requests that need no room are never refused.
fn assert_answer_fits(what: What, number: u64, answer: &Value) {
    let Some(result) = answer.get("result") else {
        let code = answer["error"]["code"]
            .as_i64()
            .expect("an error has a code");
        let may_fail = match what {
            What::Unknown => code == -32601,
            What::Sleep | What::Ask => [-32602, -32603].contains(&code),
            What::Work(_) if code == -32050 => {
                let message = answer["error"]["message"].as_str().unwrap_or_default();
                message.is_empty() || message == format!("failed {number}")
            }
            // -32021: it was asked what it has not said that it can answer.
            What::Work(_) => [-32602, -32603, -32021].contains(&code),
            What::Info => code == -32603,
            What::SetLevel | What::Subscribe | What::Initialize => code == -32600,
            What::Ping | What::List | What::Echo => false,
        };
        assert!(may_fail, "{what:?} {number}: {answer}");
        return;
    };
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let last_word = text.rsplit(' ').next().unwrap_or_default();
    match what {
        What::Initialize => assert!(result["protocolVersion"].is_string()),
        What::Ping | What::SetLevel | What::Subscribe => {
            assert_eq!(result.to_string(), "{}");
        }
        What::List => assert!(result["tools"].is_array()),
        What::Echo if result["isError"] == true => {
            assert!(text.starts_with("the output has "), "{number}: {answer}");
        }
        What::Echo => assert_eq!(text.split(' ').next(), Some(number.to_string().as_str())),
        What::Info => assert_eq!(text, "a machine"),
        What::Sleep => {
            let is_its_own = last_word == number.to_string();
            assert!(
                is_its_own || result["isError"] == true,
                "{number}: {answer}"
            );
            assert!(is_its_own || !text.starts_with("s"), "{number}: {answer}");
        }
        What::Ask | What::Work(_) if result["resultType"] == "input_required" => {}
        What::Ask => {
            let is_its_own = text == format!("asked {number}");
            assert!(
                is_its_own || result["isError"] == true,
                "{number}: {answer}"
            );
        }
        What::Work(_) => {
            let is_its_own = last_word == number.to_string();
            assert!(
                is_its_own || result["isError"] == true,
                "{number}: {answer}"
            );
            assert_ne!(text, "stray", "{number}: {answer}");
        }
        What::Unknown => panic!("{answer}"),
    }
}
