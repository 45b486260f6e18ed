//! What is said to one child, and what it says: JSON-RPC both ways, without a clock and without a
//! pipe.
//!
//! | in | when |
//! |---|---|
//! | [`Conversation::new`] | the child was started: the handshake is the first output |
//! | [`Conversation::handle_line`] | it has written a line |
//! | [`Conversation::send`] | a call is for it |
//! | [`Conversation::answer`] | the client of a call has answered one of its questions |
//! | [`Conversation::cancel`] | nobody wants the answer of a call any more |
//!
//! Out come bytes ([`Conversation::output`]) and [`Effect`]s ([`Conversation::poll_effect`]), after
//! each of these: also an answer may end a call. Every request has an id of ours, and ids are never
//! used twice: whatever a child answers twice, late or unasked has no effect on anybody.
//!
//! What a child with a handshake asks and logs names no call, so it belongs to the only one that is
//! in flight, if there is only one. A child reads in order: until it has answered something that it
//! was sent after a call was taken back, what it says may still be about that call, and belongs to
//! nobody. The same holds until it has answered something after the handshake. Calls that may ask
//! are held back until then, so that whatever they ask is known to be theirs.

mod call;
mod news;
mod opening;
mod pages;
mod question;
mod turn;

use super::Tag;
use super::listing::{Entries, Kind, Listing, Offers};
use super::probe::Heard;
use crate::limits::{CHILD_FORGOTTEN_MAX, CHILD_OUTPUT_KEPT_BYTES};
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::revision::Era;
use crate::tool::handler::{Ended, Said, Told};
use crate::wire::json::Object;
use crate::wire::jsonrpc::{self, Id, Incoming, Message};
use call::{Held, Open};
use news::News;
use pages::Pages;
use question::Question;
use serde_json::value::RawValue;
use std::collections::VecDeque;

/// What comes of what a child says.
#[derive(Debug)]
pub enum Effect {
    /// The handshake is done: calls may be sent.
    Ready,
    /// It does not speak this era, or says so: why.
    Unfit(String),
    /// In a probe, in place of the two above: there is more to be read in
    /// [`Conversation::heard`].
    Probed,
    /// What it offers: all listings are here.
    Listed(Box<Listing>),
    /// One of them was read again: [`Listing::with`] puts it in its place.
    Relisted(Kind, Entries),
    /// Something has changed: [`Conversation::refresh`] reads it, now or in a while. Not said again
    /// before that.
    Stale,
    /// A call says something.
    Said(Tag, Said),
    /// All that a call asks at once was said: it cannot go on without the answers. Said where the
    /// questions were an answer, as in 2026-07-28. A child with a handshake asks one by one, and
    /// only a pause shows that it has asked all.
    Waits(Tag),
    /// The child has taken back the question of a call that has this key.
    Withdrawn(Tag, String),
    /// A call is over.
    Ended(Tag, Ended),
    /// A resource has changed that it was asked to look after.
    Updated(String),
    /// It was asked to look after a resource, and does or does not.
    Subscribed(String, bool),
    /// It has asked something that only a client can answer: from now on it gets one call at a
    /// time of clients whose questions have to end an exchange.
    IsInteractive,
    /// A log message that belongs to no call.
    Log {
        /// How severe it is.
        level: Level,
        /// Who says so.
        logger: Option<String>,
        /// What it says: JSON.
        data: String,
    },
    /// What it has written makes no sense: what was wrong with it.
    Noise(&'static str),
}

/// What a call is to a child.
#[derive(Clone, Debug)]
pub struct Asking {
    /// What the call is known by.
    pub tag: Tag,
    /// What its client can be asked, and whether somebody hears of progress.
    pub told: Told,
    /// The least severity of log messages that it wants, or its session.
    pub log_level: Option<Level>,
    /// The era of its client.
    pub era: Era,
}

/// What a conversation goes by.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The era that the child is spoken to in.
    pub era: Era,
    /// What the child is told that it can ask for; in 2026-07-28 each call has its own.
    pub client: Capabilities,
    /// Whether what it offers is asked for as soon as it is ready.
    pub lists: bool,
    /// Bytes that its listings may have together; what is over is left out.
    pub listing_bytes_max: usize,
    /// Whether it is a throw-away child, which is asked what it speaks
    /// ([`probe`](super::probe)).
    pub probes: bool,
    /// Folders that it is told when it asks for roots and no call can be asked: URIs.
    pub roots: Vec<String>,
    /// All calls are of one client: what belongs to no call in particular is about the latest one.
    pub is_private: bool,
}

/// What is said to one child.
#[derive(Debug)]
pub struct Conversation {
    plan: Plan,
    /// Bytes for its stdin.
    output: Vec<u8>,
    effects: VecDeque<Effect>,
    /// Requests of ours without an answer.
    pending: Vec<Pending>,
    /// The id of the latest request.
    last_id: u64,
    /// What the child offers, once the handshake is done.
    offers: Option<Offers>,
    /// What a probe has heard.
    heard: Heard,
    /// Calls without an answer, the latest last.
    calls: Vec<Open>,
    /// Calls that are sent as soon as the child has reached the fence.
    held: VecDeque<Held>,
    /// Questions of a child with a handshake that nobody has answered.
    questions: Vec<Question>,
    /// Whether it was said that the child asks.
    is_interactive: bool,
    /// Until a request with this id or a later one is answered, the child may speak of calls that
    /// were taken back.
    fence: Option<u64>,
    /// Whether a request for roots is one of a call: it has answered one, or has had its own.
    has_begun: bool,
    /// The listings that are being read.
    pages: Pages,
    /// What the child is asked to tell.
    news: News,
}

/// A request of ours without an answer.
#[derive(Debug)]
struct Pending {
    id: u64,
    purpose: Purpose,
}

/// What a request of ours is for.
#[derive(Debug)]
enum Purpose {
    /// `server/discover`
    Discover,
    /// `initialize`
    Initialize,
    /// A call.
    Call(Tag),
    /// Nobody waits for it any more: its answer is passed over.
    Nothing,
    /// A page of a listing.
    Page(Kind),
    /// It is to look after a resource.
    Subscribe(Box<str>),
    /// A subscription of 2026-07-28: an answer ends it.
    Listen,
}

impl Conversation {
    /// Begins to talk to a child that was just started.
    pub fn new(plan: Plan) -> Conversation {
        let mut conversation = Conversation {
            plan,
            output: Vec::new(),
            effects: VecDeque::new(),
            pending: Vec::new(),
            last_id: 0,
            offers: None,
            heard: Heard::default(),
            calls: Vec::new(),
            held: VecDeque::new(),
            questions: Vec::new(),
            is_interactive: false,
            fence: None,
            has_begun: false,
            pages: Pages::default(),
            news: News::default(),
        };
        conversation.open();
        conversation
    }

    /// The child has written a line.
    pub fn handle_line(&mut self, line: &[u8]) {
        match jsonrpc::decode(line) {
            Ok(Incoming::One(message)) => self.handle_message(message),
            Ok(Incoming::Batch(messages)) => {
                for message in messages {
                    match message {
                        Ok(message) => self.handle_message(message),
                        Err(_) => self.noise("a wrong message in a batch"),
                    }
                }
            }
            Err(_) => self.noise("a line that is no JSON-RPC message"),
        }
    }

    fn handle_message(&mut self, message: Message<'_>) {
        match message {
            Message::Response { id, result } => self.handle_response(&id, result),
            Message::Request { id, method, params } => self.asked(id, &method, params),
            Message::Notification { method, params } => match &*method {
                "notifications/progress" => self.progressed(params),
                "notifications/message" => self.logged(params),
                // In 2026-07-28 it ends a subscription and nothing else.
                "notifications/cancelled" if self.plan.era == Era::Handshake => {
                    self.withdrawn(params);
                }
                method => self.told(method, params),
            },
        }
    }

    fn handle_response(&mut self, id: &Id, result: Result<&RawValue, &RawValue>) {
        let number = id.as_json().parse().ok();
        let found = number.and_then(|id| self.take_pending(id));
        let Some(Pending { id, purpose }) = found else {
            return self.noise("an answer to nothing");
        };
        if self.fence.is_some_and(|fence| fence <= id) {
            self.fence = None;
            self.send_held();
        }
        match purpose {
            Purpose::Discover => self.opened(Era::Stateless, result),
            Purpose::Initialize => {
                self.opened(Era::Handshake, result);
                self.begin_attribution(id);
            }
            Purpose::Call(tag) => self.answered(tag, result),
            Purpose::Page(kind) => self.page_read(kind, result),
            Purpose::Subscribe(uri) => self.subscribed(&uri, result.is_ok()),
            Purpose::Listen => self.listen_over(id),
            Purpose::Nothing => {}
        }
    }

    /// Questions belong to calls once the child has answered something that it was sent after the
    /// handshake. Servers ask for roots as soon as they hear that it is done.
    fn begin_attribution(&mut self, opening: u64) {
        if self.offers.is_some() && self.needs_fences() {
            self.put_fence();
            self.fence = Some(opening + 1);
        }
    }

    /// Whether it has to be found out whose questions are.
    fn needs_fences(&self) -> bool {
        self.plan.era == Era::Handshake && !self.plan.is_private && !self.plan.probes
    }

    /// Whatever the child says before it has answered this belongs to no call. Every child answers
    /// a ping.
    fn put_fence(&mut self) {
        self.fence = Some(self.request("ping", b"", Purpose::Nothing));
    }

    fn noise(&mut self, what: &'static str) {
        self.effects.push_back(Effect::Noise(what));
    }

    /// The bytes that the child has not been given yet.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// The child was given the first `bytes` of the output.
    pub fn written(&mut self, bytes: usize) {
        self.output.drain(..bytes);
        if self.output.is_empty() && self.output.capacity() > CHILD_OUTPUT_KEPT_BYTES {
            self.output = Vec::new();
        }
    }

    /// Bytes of memory that it holds: what the child has not read, what is kept of calls and
    /// questions until they are over and of listings until they are whole, and what the child is to
    /// look after.
    pub fn held_bytes(&self) -> usize {
        let calls: usize = self.calls.iter().map(Open::bytes).sum();
        let held: usize = self.held.iter().map(Held::bytes).sum();
        let questions: usize = self.questions.iter().map(Question::bytes).sum();
        let pending = self.pending.len() * size_of::<Pending>();
        let told = self.pages.held_bytes() + self.news.held_bytes();
        self.output.capacity() + calls + held + questions + pending + told
    }

    /// Nothing is said any more, and nothing is waited for.
    pub fn give_up(&mut self) {
        self.output = Vec::new();
        self.effects = VecDeque::new();
        self.pending = Vec::new();
        self.calls = Vec::new();
        self.held = VecDeque::new();
        self.questions = Vec::new();
        self.pages = Pages::default();
    }

    /// Whether what the child asks now may be about something else than the calls it has.
    pub fn is_unclear(&self) -> bool {
        self.needs_fences() && self.fence.is_some()
    }

    /// Asks what every child answers at once, to see whether this one does.
    pub fn nudge(&mut self) {
        let id = match self.plan.era {
            Era::Handshake => self.request("ping", b"", Purpose::Nothing),
            Era::Stateless => {
                let params = self.own_params(Object::default());
                self.request("server/discover", &params, Purpose::Nothing)
            }
        };
        self.forget(id);
    }

    /// The next effect of what was said.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What a probe has heard so far.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Requests of ours without an answer.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Sends a request, and remembers what for.
    fn request(&mut self, method: &str, params: &[u8], purpose: Purpose) -> u64 {
        self.request_with(method, purpose, &mut |out, _| {
            out.extend_from_slice(params);
        })
    }

    /// The same with parameters that `write` appends, or nothing; it is told the id.
    fn request_with(
        &mut self,
        method: &str,
        purpose: Purpose,
        write: &mut dyn FnMut(&mut Vec<u8>, u64),
    ) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        let wire_id = jsonrpc::Id::number(id);
        jsonrpc::call_with(&mut self.output, Some(&wire_id), method, &mut |out| {
            write(out, id);
        });
        self.output.push(b'\n');
        self.pending.push(Pending { id, purpose });
        id
    }

    /// Sends a notification.
    fn notify(&mut self, method: &str, params: &[u8]) {
        jsonrpc::call_raw(&mut self.output, None, method, params);
        self.output.push(b'\n');
    }

    /// The request with this id. Its answer is here: there is no second one.
    fn take_pending(&mut self, id: u64) -> Option<Pending> {
        let place = self.pending.iter().position(|one| one.id == id)?;
        Some(self.pending.swap_remove(place))
    }

    /// Nobody waits for the answer to this request any more. Children may never give it, so that
    /// only the latest such requests are remembered.
    fn forget(&mut self, id: u64) {
        if let Some(pending) = self.pending.iter_mut().find(|one| one.id == id) {
            pending.purpose = Purpose::Nothing;
        }
        let forgotten = self.pending.iter().enumerate();
        let forgotten = forgotten.filter(|(_, one)| matches!(one.purpose, Purpose::Nothing));
        if forgotten.clone().count() > CHILD_FORGOTTEN_MAX {
            let oldest = forgotten.min_by_key(|(_, one)| one.id);
            let (place, _) = oldest.expect("there are several");
            self.pending.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests;
