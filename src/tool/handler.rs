//! Functions of a program that embeds this one, as tools, resources and prompts.
//!
//! A function gets a [`Context`] and gives a future. The edge polls it, takes out what it has said
//! meanwhile, and puts in what the client answers: a mailbox, and no channel, no lock and no thread
//! stands between the function and the engine. A call that is cancelled is dropped at the point
//! where it waits, as everywhere in asynchronous Rust.

use super::Outcome;
use super::ask::{Answered, Ask};
use super::catalogue::{Contents, PromptMessage, ResourceSpec, Values};
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::wire::jsonrpc::RpcError;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

/// A function at work.
pub type Running = Pin<Box<dyn Future<Output = Ended>>>;

/// A function that is about to be called.
pub struct Begin(Box<dyn FnOnce(Context) -> Running>);

impl Begin {
    /// The function, with its arguments in it.
    pub fn new<F: Future<Output = Ended> + 'static>(
        function: impl FnOnce(Context) -> F + 'static,
    ) -> Begin {
        Begin(Box::new(|context| Box::pin(function(context))))
    }

    /// Calls it.
    pub fn call(self, context: Context) -> Running {
        (self.0)(context)
    }
}

impl fmt::Debug for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Begin")
    }
}

/// What a call came to.
#[derive(Clone, Debug)]
pub enum Ended {
    /// A tool's outcome.
    Outcome(Outcome),
    /// What resources say.
    Contents(Vec<Contents>),
    /// There is no such resource.
    ResourceUnknown,
    /// What is in the collections of a catalogue.
    Listed(Vec<ResourceSpec>),
    /// What was seen by a look, which is the same exactly as long as nothing has changed.
    Seen(u64),
    /// What a prompt says.
    Messages {
        /// What it is about; what the listing says where it is absent.
        description: Option<String>,
        /// The messages.
        messages: Vec<PromptMessage>,
    },
    /// What a completion offers.
    Values(Values),
    /// Any other result, as a JSON object.
    Result(String),
    /// There is no result: the request itself was wrong, or cannot be served.
    Failed(RpcError),
}

impl Ended {
    /// Bytes of it before it is encoded.
    pub fn bytes(&self) -> usize {
        match self {
            Ended::Outcome(outcome) => outcome.bytes(),
            Ended::Contents(contents) => contents.iter().map(Contents::bytes).sum(),
            Ended::Messages { messages, .. } => {
                let messages = messages.iter();
                messages.map(|message| message.content.bytes()).sum()
            }
            Ended::Values(values) => values.bytes(),
            Ended::Result(json) => json.len(),
            // A listing is sent in pages.
            Ended::ResourceUnknown | Ended::Listed(_) | Ended::Seen(_) | Ended::Failed(_) => 0,
        }
    }
}

/// What a function says while it works.
#[derive(Clone, Debug)]
pub enum Said {
    /// How far it has come.
    Progress(Progress),
    /// A log message.
    Log {
        /// How severe it is.
        level: Level,
        /// Who says so; the tool where it is not said.
        logger: Option<String>,
        /// What it says: JSON.
        data: String,
    },
    /// Something that only the client can answer.
    Ask(Ask),
    /// The client may go on without the connection and come back for the answer, where its revision
    /// lets it (2025-11-25).
    Release,
    /// The call is to go on as a task, if its tool and its client allow it: the client has its
    /// answer then, and asks for the result later (tasks extension). Otherwise nothing changes.
    Background,
}

/// How far a function has come. Numbers are written out already: printing those with a fraction is
/// a part of the program that commands do without.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Grows with every report.
    pub progress: String,
    /// What it grows to, if that is known.
    pub total: Option<String>,
    /// What is going on.
    pub message: Option<String>,
}

impl Progress {
    /// As people read it.
    pub fn line(&self) -> Cow<'_, str> {
        match (&self.message, &self.total) {
            (Some(message), _) => Cow::Borrowed(message),
            (None, Some(total)) => Cow::Owned(format!("{} of {total}", self.progress)),
            (None, None) => Cow::Borrowed(&self.progress),
        }
    }
}

/// What a function knows of the call it serves, and what it may say.
#[derive(Clone)]
pub struct Context(Rc<Mailbox>);

/// What goes between a function and the engine.
struct Mailbox {
    told: Told,
    stop: StopFlag,
    said: RefCell<VecDeque<Said>>,
    slots: RefCell<Vec<Slot>>,
    /// How far it has said to have come.
    furthest: Cell<f64>,
}

/// What a function is told of its call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// What the client can be asked.
    pub client: Capabilities,
    /// Whether somebody hears of progress.
    pub wants_progress: bool,
}

/// Where the answer to a question is waited for.
struct Slot {
    key: String,
    answer: Option<Answered>,
    waker: Option<Waker>,
}

/// Set when the call is not wanted any more: for work on another thread, which nothing can drop.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Whether to give up.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Context {
    /// For a call of which this is known.
    pub fn new(told: Told) -> Context {
        Context(Rc::new(Mailbox {
            told,
            stop: StopFlag::default(),
            said: RefCell::default(),
            slots: RefCell::default(),
            furthest: Cell::new(f64::NEG_INFINITY),
        }))
    }

    /// What is known of the call.
    pub fn told(&self) -> Told {
        self.0.told
    }

    /// Says something.
    pub fn say(&self, said: Said) {
        self.0.said.borrow_mut().push_back(said);
    }

    /// Whether this is further than whatever was said before, as every report of progress has to be
    /// (MCP 2025-11-25, basic/utilities/progress); from here on it was said.
    pub fn goes_further(&self, done: f64) -> bool {
        let is_further = done > self.0.furthest.get();
        if is_further {
            self.0.furthest.set(done);
        }
        is_further
    }

    /// Lets the call go on in the background ([`Said::Background`]). What follows may take long.
    pub fn go_to_background(&self) {
        self.say(Said::Background);
    }

    /// Asks the client, and waits for its answer. A key that was asked before in this call gives
    /// the same answer again.
    pub async fn ask(&self, ask: Ask) -> Answered {
        let key = ask.key.clone();
        self.begin_ask(ask);
        std::future::poll_fn(|task| self.poll_answer(&key, task.waker())).await
    }

    /// Puts a question to the client, unless one with its key has been put in this call.
    pub fn begin_ask(&self, ask: Ask) {
        if self.slot(&ask.key, |_| ()).is_some() {
            return;
        }
        self.0.slots.borrow_mut().push(Slot {
            key: ask.key.clone(),
            answer: None,
            waker: None,
        });
        self.say(Said::Ask(ask));
    }

    /// The client's answer to the question with this key, or word to `waker` when it is here.
    pub fn poll_answer(&self, key: &str, waker: &Waker) -> Poll<Answered> {
        let answer = self.slot(key, |slot| {
            slot.waker = Some(waker.clone());
            slot.answer.clone()
        });
        answer.flatten().map_or(Poll::Pending, Poll::Ready)
    }

    /// A key that no question of this call has: `elicitation_1` for the first of its kind.
    pub fn free_key(&self, kind: &str) -> String {
        let mut keys = (1_u32..).map(|number| format!("{kind}_{number}"));
        let free = keys.find(|key| self.slot(key, |_| ()).is_none());
        free.expect("a call asks few questions")
    }

    /// Whether the call is not wanted any more, for work on another thread.
    pub fn stop_flag(&self) -> StopFlag {
        self.0.stop.clone()
    }

    /// What was said since this was asked last, in order.
    pub fn take_said(&self) -> VecDeque<Said> {
        self.0.said.take()
    }

    /// The client's answer to the question with this key.
    pub fn answer(&self, key: &str, answer: Answered) {
        let waker = self.slot(key, |slot| {
            slot.answer = Some(answer);
            slot.waker.take()
        });
        if let Some(waker) = waker.flatten() {
            waker.wake();
        }
    }

    /// The call is not wanted any more.
    pub fn stop(&self) {
        self.0.stop.set();
    }

    fn slot<T>(&self, key: &str, with: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let mut slots = self.0.slots.borrow_mut();
        slots.iter_mut().find(|slot| slot.key == key).map(with)
    }
}
