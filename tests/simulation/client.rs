//! A client that asks, reads, vanishes and comes back, and knows what it must see.
//!
//! Every request has a number that no other one has, and it is in everything that is said about it:
//! the text to echo, the argument of the command, in most worlds the id and the progress token. So a
//! message that reaches the wrong client, or comes twice, cannot be mistaken for another.

mod answering;
mod asking;
mod dialect;
mod ending;
mod listening;
mod numbers;
mod seeing;

use super::edge::{Edge, SocketId};
use super::random::Random;
use crate::support::reader::{Head, Reader};
use answering::{Questions, Round};
use numbers::Numbers;
use slimcp::auth::token::{NewToken, Token};
use slimcp::wire::dialect::Dialect;
use std::collections::{BTreeMap, VecDeque};

/// How a client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// HTTP+SSE through the door at this path, with messages in this dialect.
    HttpSse(&'static str, Dialect),
    /// Streamable HTTP with sessions, asking for this revision.
    Streamable(&'static str),
    /// Streamable HTTP without sessions.
    Bare,
    /// 2026-07-28.
    Stateless,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Initialize,
    Ping,
    List,
    Echo,
    Info,
    Sleep,
    Ask,
    /// A call of the tool of the upstream with this number.
    Work(usize),
    SetLevel,
    Subscribe,
    Unknown,
}

/// Where an answer was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In a body, or in a stream without ids: the connection and a count.
    Once(SocketId, usize),
    /// In the event of this id.
    Event(String),
}

/// What has become of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It is on its way.
    Sent,
    /// HTTP+SSE: it was acknowledged, so it must be answered.
    Taken,
    /// It was answered, there.
    Answered(Place),
    /// It was refused, or the client saw that no answer can come.
    Lost,
}

struct Request {
    what: What,
    fate: Fate,
    has_token: bool,
    /// It wants log messages, whatever its session wants.
    wants_log: bool,
    is_cancelled: bool,
    progress: u64,
    /// The session it was sent in.
    session: Option<String>,
    /// The number of the request that it goes on with, or its own.
    about: u64,
    /// It must not be served: what it names is not valid any more, or never was.
    is_forged: bool,
    /// The round whose answers it brings.
    answers: Option<Round>,
}

impl Request {
    fn new(what: What, number: u64, session: Option<String>) -> Request {
        Request {
            what,
            fate: Fate::Sent,
            has_token: false,
            wants_log: false,
            is_cancelled: false,
            progress: 0,
            session,
            about: number,
            is_forged: false,
            answers: None,
        }
    }
}

/// What a response on a connection will be about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// A POST whose response holds the answers.
    Requests(Vec<u64>),
    /// A POST of HTTP+SSE: the response acknowledges.
    Message(Option<u64>),
    /// A POST of notifications.
    Notices,
    /// The HTTP+SSE stream.
    Sse,
    /// The listening stream, or the rest of an answer stream behind this event.
    Listen(Option<(String, u64)>),
    /// A subscription of this number, to the news of this mask.
    Subscription(u64, usize),
    Delete,
    /// What must be refused.
    Wrong,
    /// A request for the session of somebody else.
    Intrusion,
    /// Half a request: there may be a response, and the connection ends.
    Half,
}

/// One request on a connection.
struct Exchange {
    asked: Asked,
    /// The session it was sent in; of HTTP+SSE streams, the one that they turned out to be.
    session: Option<String>,
}

struct Connection {
    id: SocketId,
    reader: Reader,
    asked: VecDeque<Exchange>,
    /// The head of the response that is being read has come.
    head: Option<Head>,
    /// The event-id prefix of the stream that is being read.
    prefix: Option<String>,
    /// The sequence that must come next.
    next: Option<u64>,
    /// Answers seen.
    seen: usize,
    /// The subscription that is being read, once it is acknowledged.
    subscription: Option<listening::Subscription>,
}

/// Who holds a token and has no session.
pub const STRANGER: u8 = 2;

/// The token of a holder.
pub fn token(holder: u8) -> NewToken {
    Token::generate([holder; 32])
}

pub struct Client {
    /// The field that shows its token.
    credentials: String,
    pub name: usize,
    pub era: Era,
    connections: Vec<Connection>,
    requests: BTreeMap<u64, Request>,
    /// Under what ids they go out.
    pub numbers: Numbers,
    session: Option<String>,
    /// HTTP+SSE: where messages are posted.
    door: Option<String>,
    is_initialized: bool,
    is_confirmed: bool,
    has_level: bool,
    has_subscribed: bool,
    /// It may be asked.
    can_answer: bool,
    questions: Questions,
    /// Highest sequence seen, by session and event-id prefix.
    last: BTreeMap<String, u64>,
    /// Lowest sequence it came back with, by session and event-id prefix.
    asked_again: BTreeMap<String, u64>,
    /// Everything seen by event id: a replay must be the same.
    events: BTreeMap<String, String>,
    /// Answer streams of the session that broke, and what they owe.
    owed: BTreeMap<String, Vec<u64>>,
    /// Answers it got after it had come back for them.
    pub rescued: u64,
    /// News that its subscriptions were told.
    pub news: u64,
    /// How often it has asked for what it is owed at the end.
    collected: usize,
    /// Sessions that were, for requests that must be refused.
    ended: Vec<String>,
}

pub fn credentials(holder: u8) -> String {
    format!("X-API-Key: {}\r\n", token(holder).text)
}

/// What clients share.
pub struct Shared<'w> {
    pub edge: &'w mut Edge,
    pub random: &'w mut Random,
    /// The number of the next request.
    pub number: &'w mut u64,
}

impl Client {
    pub fn new(name: usize, era: Era) -> Client {
        Client {
            credentials: credentials((name % 2) as u8),
            name,
            era,
            connections: Vec::new(),
            requests: BTreeMap::new(),
            numbers: Numbers::default(),
            session: None,
            door: None,
            is_initialized: false,
            is_confirmed: false,
            has_level: false,
            has_subscribed: false,
            can_answer: !name.is_multiple_of(5),
            questions: Questions::default(),
            last: BTreeMap::new(),
            asked_again: BTreeMap::new(),
            events: BTreeMap::new(),
            owed: BTreeMap::new(),
            rescued: 0,
            news: 0,
            collected: 0,
            ended: Vec::new(),
        }
    }

    /// Asks for everything it is owed. Returns whether there was anything. A client that is refused
    /// again and again has seen that there is nothing to be had.
    pub fn collect(&mut self, shared: &mut Shared<'_>) -> bool {
        if self.collected > 50 {
            if !self.has_asked(&Asked::Sse) {
                self.end_session();
            }
            return false;
        }
        let has_asked = self.ask_for_the_rest(shared);
        self.collected += usize::from(has_asked);
        has_asked
    }

    /// Closes what it does not need, so that there is room for those who do.
    pub fn close_idle(&mut self, edge: &mut Edge) {
        let idle = |c: &mut Connection| c.asked.is_empty() && !c.reader.is_within_response();
        for connection in self.connections.extract_if(.., idle) {
            edge.abandon(connection.id);
        }
    }

    fn ask_for_the_rest(&mut self, shared: &mut Shared<'_>) -> bool {
        if let Era::HttpSse(path, _) = self.era
            && self.session.is_some()
            && !self.has_asked(&Asked::Sse)
        {
            let session = self.session.clone().expect("it was there a line above");
            let last = self.last_of(&session);
            let text = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
                 Last-Event-ID: {session}-{last}\r\n\r\n"
            );
            self.send(shared, Asked::Sse, &text, false);
            return true;
        }
        let Some((prefix, _)) = self.owed.first_key_value() else {
            return false;
        };
        let prefix = prefix.clone();
        if self.is_coming_back(&prefix) {
            return false;
        }
        let last = self.last_of(&prefix);
        self.get(shared, Some((prefix, last)));
        true
    }

    /// Everything was said and read: nothing may be open.
    pub fn assert_nothing_is_owed(&self) {
        for connection in &self.connections {
            for Exchange { asked, .. } in &connection.asked {
                let may_stay = match asked {
                    Asked::Sse | Asked::Listen(_) | Asked::Half => true,
                    Asked::Subscription(..) => connection.subscription.is_some(),
                    Asked::Requests(_) | Asked::Message(_) | Asked::Notices => false,
                    Asked::Delete | Asked::Wrong | Asked::Intrusion => false,
                };
                assert!(may_stay, "client {} still waits for {asked:?}", self.name);
            }
        }
        let listens = self.has_asked(&Asked::Sse);
        for (number, request) in &self.requests {
            let is_owed = request.fate == Fate::Taken && !request.is_cancelled && listens;
            assert!(
                !is_owed,
                "client {} never got {number} {:?}",
                self.name, request.what
            );
        }
    }

    /// Leaves for good.
    pub fn leave(&mut self, edge: &mut Edge) {
        for connection in self.connections.drain(..) {
            edge.abandon(connection.id);
        }
    }

    fn has_asked(&self, wanted: &Asked) -> bool {
        self.connections
            .iter()
            .any(|connection| connection.has_asked(wanted))
    }

    fn is_waiting_for(&self, what: What) -> bool {
        let waits = |request: &Request| {
            request.what == what && matches!(request.fate, Fate::Sent | Fate::Taken)
        };
        self.requests.values().any(waits)
    }
}

impl Connection {
    fn has_asked(&self, wanted: &Asked) -> bool {
        self.asked.iter().any(|exchange| exchange.asked == *wanted)
    }

    fn new(id: SocketId) -> Connection {
        Connection {
            id,
            reader: Reader::default(),
            asked: VecDeque::new(),
            head: None,
            prefix: None,
            next: None,
            seen: 0,
            subscription: None,
        }
    }
}
