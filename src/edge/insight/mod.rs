//! Folders that are known: one thread walks them, keeps the index on disk and answers.
//!
//! The thread does one thing after another, so that there is neither a lock nor a second writer. A
//! question waits for the file that is being read, and no longer.
//!
//! | file | what |
//! |---|---|
//! | `worker` | the thread |
//! | `pass` | what it does next |
//! | `progress` | what it tells of itself |
//! | `custom` | where decisions are kept by custom |
//! | `walk` | the files of the folders |
//! | `watch` | what the kernel tells of changes in them |
//! | `entries` | what the index keeps of a file |
//! | `store` | the index on disk |
//! | `ask` | a question and its answer |
//! | `ranked` | which passages fit a question |
//! | `bell` | what the thread sleeps by |

mod ask;
mod bell;
mod custom;
mod entries;
mod pass;
mod progress;
mod ranked;
pub mod store;
mod walk;
mod watch;
mod worker;

pub mod survey;
pub mod tools;

pub use custom::with_decisions;

use crate::insight::answer::Found;
use crate::insight::query::Query;
use crate::insight::spec::InsightSpec;
use bell::{Bell, Rope};
use smol::channel::Sender;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;
use worker::Worker;

/// Questions that wait.
const QUESTIONS_MAX: usize = 32;

/// Bytes of the thread's stack: SQLite takes some ten thousand, nothing goes deep.
const STACK_BYTES: usize = 256 * 1024;

/// Raised when the same file would become other passages or other words.
const CONTENTS_VERSION: u32 = 3;

/// A question, and where the answer goes.
type Question = (Query, Sender<Found>);

/// Held by the thread of this process that has the folder of the index.
type Turn = Arc<Mutex<()>>;

/// What is configured, with the folders of decisions that were there when the last pass began.
type Shared = Arc<Mutex<Arc<InsightSpec>>>;

fn shared(spec: InsightSpec) -> Shared {
    Arc::new(Mutex::new(Arc::new(spec)))
}

/// What decides what is in an index, besides the files: an index of anything else is made anew.
pub fn contents(spec: &InsightSpec) -> String {
    let limit = spec.file_bytes_max;
    format!("passages {CONTENTS_VERSION}, files of {limit} bytes")
}

/// How far the index has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexing {
    /// What it does.
    pub state: State,
    /// Files that are done in this pass.
    pub files_done: u32,
    /// Files that this pass has to do; grows while folders are walked.
    pub files_all: u32,
    /// Whether all there is can be found, but for what has changed since the last pass: from the
    /// end of a first one on, also after a restart with the same folders.
    pub is_whole: bool,
    /// When this pass has begun.
    pub started: SystemTime,
    /// When it has ended.
    pub finished: Option<SystemTime>,
    /// What goes wrong, for people, until it is mended: a folder that is missing, a full disk.
    pub trouble: Vec<String>,
}

impl Indexing {
    /// Nothing is known yet.
    fn begun(started: SystemTime) -> Indexing {
        Indexing {
            state: State::Working,
            files_done: 0,
            files_all: 0,
            is_whole: false,
            started,
            finished: None,
            trouble: Vec::new(),
        }
    }
}

/// What the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It looks which files there are and reads those that have changed.
    Working,
    /// It waits for changes.
    Resting,
    /// It cannot go on: the index cannot be written.
    Failed,
}

/// The thread, as others see it. It ends once the last of these is gone.
#[derive(Clone)]
pub struct Insight {
    questions: Sender<Question>,
    indexing: Arc<Mutex<Indexing>>,
    spec: Shared,
    turn: Turn,
    /// Goes after the questions, so that the thread sees that nobody is left.
    rope: Rope,
}

impl Insight {
    /// Starts the thread. Whatever is wrong with the folders is told by [`Insight::indexing`].
    pub fn start(spec: InsightSpec) -> io::Result<Insight> {
        Insight::start_in(spec, Turn::default())
    }

    /// Starts the thread that comes after this one, with the same folder for the index. It waits
    /// until this one has let go of it; questions wait as well.
    pub fn succeed(&self, spec: InsightSpec) -> io::Result<Insight> {
        Insight::start_in(spec, self.turn.clone())
    }

    fn start_in(spec: InsightSpec, turn: Turn) -> io::Result<Insight> {
        let (questions, asked) = smol::channel::bounded(QUESTIONS_MAX);
        let bell = Bell::new()?;
        let indexing = Arc::new(Mutex::new(Indexing::begun(SystemTime::now())));
        let rope = bell.rope();
        let spec = shared(spec);
        let worker = Worker::new(spec.clone(), asked, indexing.clone(), bell);
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let own_turn = turn.clone();
        thread.spawn(move || {
            // Nothing stands in it that a panic could have left half done.
            let _turn = own_turn.lock().unwrap_or_else(PoisonError::into_inner);
            worker.run();
        })?;
        Ok(Insight {
            questions,
            indexing,
            spec,
            turn,
            rope,
        })
    }

    /// Asks; the answer comes once the thread has the time.
    pub async fn ask(&self, query: Query) -> Found {
        let (answer, answered) = smol::channel::bounded(1);
        if self.questions.try_send((query, answer)).is_err() {
            return Found::Failed("too many questions wait already: try again".to_string());
        }
        self.rope.pull();
        let gone = |_| Found::Failed("the index is not there any more".to_string());
        answered.recv().await.unwrap_or_else(gone)
    }

    /// What is configured, with the folders of decisions that were found where nobody names any.
    pub fn spec(&self) -> Arc<InsightSpec> {
        let spec = self.spec.lock();
        spec.expect("nothing panics under this lock").clone()
    }

    /// How far the index has come.
    pub fn indexing(&self) -> Indexing {
        let indexing = self.indexing.lock();
        indexing.expect("nothing panics under this lock").clone()
    }
}
