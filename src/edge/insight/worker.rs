//! The thread that has the index: reads files, answers questions.
//!
//! It does a small piece of work, answers what was asked meanwhile, and so on; what comes next is
//! decided in [`pass`](super::pass). Nothing here panics on what stands in a file or in the index:
//! a panic ends the whole program.

use super::ask;
use super::bell::Bell;
use super::custom::with_decisions;
use super::entries::Entries;
use super::pass::{Act, Pass, Phase, Step, act};
use super::progress::Progress;
use super::store::write::Read;
use super::store::{Fault, Store};
use super::walk::{self, Known, Seen, Walk};
use super::watch::{self, Watch};
use super::{Indexing, Question, Shared, contents};
use crate::insight::answer::Found;
use crate::insight::spec::InsightSpec;
use rustix::fd::AsFd;
use smol::channel::{Receiver, TryRecvError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Files that are looked at between two looks at the questions.
const GLANCES_MAX: usize = 64;

/// How long written work may wait for its commit.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// All that the thread has.
pub(super) struct Worker {
    /// What is configured.
    configured: Arc<InsightSpec>,
    /// The same with the folders that are there in this pass.
    spec: Arc<InsightSpec>,
    /// That for others.
    shared: Shared,
    questions: Receiver<Question>,
    progress: Progress,
    bell: Bell,
    /// None where the kernel tells of no changes.
    watch: Option<Watch>,
    /// When it has told of one that no pass has come for.
    changed: Option<Instant>,
    /// When the last pass began.
    began: Instant,
    /// None while it cannot be opened.
    store: Option<Store>,
    pass: Pass,
    /// The folders as far as they were looked through.
    walk: Walk,
    /// The last file that was looked for.
    swept: PathBuf,
    /// Files of the index.
    files: usize,
    entries: Entries,
    committed: Instant,
}

impl Worker {
    /// A thread's work, before anything is done.
    pub(super) fn new(
        shared: Shared,
        questions: Receiver<Question>,
        indexing: Arc<Mutex<Indexing>>,
        bell: Bell,
    ) -> Worker {
        let held = shared.lock().expect("nothing panics under this lock");
        let spec = held.clone();
        drop(held);
        Worker {
            walk: Walk::new(spec.clone()),
            pass: Pass::new(spec.rescan),
            configured: spec.clone(),
            spec,
            shared,
            questions,
            progress: Progress::new(indexing),
            bell,
            watch: Watch::new().ok(),
            changed: None,
            began: Instant::now(),
            store: None,
            swept: PathBuf::new(),
            files: 0,
            entries: Entries::default(),
            committed: Instant::now(),
        }
    }

    /// Works until nobody is left who could ask.
    pub(super) fn run(mut self) {
        let mut since = Instant::now();
        loop {
            match self.question() {
                Ok(question) => self.answer(question),
                Err(TryRecvError::Closed) => break,
                Err(TryRecvError::Empty) => match self.pass.phase() {
                    Phase::Resting(time) | Phase::Failed(time) => self.rest(since, time),
                    Phase::Opening
                    | Phase::Rebuilding
                    | Phase::Counting
                    | Phase::Walking
                    | Phase::Sweeping => {
                        let step = self.step();
                        self.advance(&step);
                        since = Instant::now();
                    }
                },
            }
        }
        if let Some(store) = &mut self.store {
            // Without, the last files would be read again at the next start.
            let _ = store.commit();
        }
    }

    /// What is asked next. Questions wait for an index that is being opened or made anew: each that
    /// met the damage would be a fault of its own.
    fn question(&self) -> Result<Question, TryRecvError> {
        let is_opening = matches!(self.pass.phase(), Phase::Opening | Phase::Rebuilding);
        match is_opening && !self.questions.is_closed() {
            true => Err(TryRecvError::Empty),
            false => self.questions.try_recv(),
        }
    }

    /// Sleeps until something happens, or it has rested for `time`, or since a change for as long
    /// as is decent.
    fn rest(&mut self, since: Instant, time: Duration) {
        let changed = self.changed;
        let changed = changed.map(|changed| changed.saturating_duration_since(since));
        let took = since.saturating_duration_since(self.began);
        let left = watch::left(time, since.elapsed(), changed, took);
        match left.is_zero() {
            true => self.advance(&Step::Woken),
            false => self.sleep(left),
        }
    }

    /// Sleeps. Changes wake it while none is known, and only while it rests.
    fn sleep(&mut self, left: Duration) {
        let is_resting = matches!(self.pass.phase(), Phase::Resting(_));
        let is_listening = is_resting && self.changed.is_none();
        let watch = self.watch.as_mut().filter(|_| is_listening);
        self.bell
            .wait(watch.as_ref().map(|watch| watch.as_fd()), left);
        if watch.is_some_and(Watch::take) {
            self.changed = Some(Instant::now());
        }
    }

    /// Has the kernel tell of changes in a folder.
    fn follow(&mut self, folder: &Path) {
        let told = self.watch.as_mut().and_then(|watch| watch.follow(folder));
        if let Some(trouble) = told {
            self.progress.trouble(trouble);
        }
    }

    /// Answers a question. Whoever asked may have gone.
    fn answer(&mut self, (query, answer): Question) {
        let Some(store) = &self.store else {
            let _ = answer.try_send(Found::Failed(self.absent()));
            return;
        };
        match ask::ask(store, &self.spec, &query) {
            Ok(found) => {
                let _ = answer.try_send(found);
            }
            Err(fault) => {
                let _ = answer.try_send(Found::Failed(fault.to_string()));
                self.advance(&Step::Fault(fault));
            }
        }
    }

    /// Why there is no index.
    fn absent(&self) -> String {
        let last = self.progress.told().trouble.last().cloned();
        last.unwrap_or_else(|| "the index is being opened: try again".to_string())
    }

    /// Goes on to what comes after a step, and says so.
    fn advance(&mut self, step: &Step) {
        if let Step::Fault(fault) = step {
            self.progress.fault(fault.to_string());
        }
        let before = self.pass.phase();
        self.pass.advance(step);
        let phase = self.pass.phase();
        if phase == before {
            return;
        }
        let is_counted = before == Phase::Counting;
        if phase == Phase::Counting || (phase == Phase::Walking && !is_counted) {
            self.begin();
        }
        if matches!(phase, Phase::Failed(_)) {
            self.store = None;
        }
        if let (Phase::Resting(_), Some(store)) = (phase, &mut self.store) {
            store.rest();
        }
        self.progress.tell(phase, self.pass.is_whole());
        if *step == Step::Done && matches!(phase, Phase::Resting(_)) {
            self.progress.end();
        }
    }

    /// Begins a pass.
    fn begin(&mut self) {
        let is_known = self.pass.is_whole();
        self.progress.begin(if is_known { self.files } else { 0 });
        if let Some(watch) = &mut self.watch {
            // What changes from here on leads to another pass.
            watch.take();
            watch.begin();
        }
        (self.changed, self.began) = (None, Instant::now());
        self.spec = Arc::new(with_decisions(&self.configured));
        let mut shared = self.shared.lock().expect("nothing panics under this lock");
        *shared = self.spec.clone();
        drop(shared);
        self.walk = Walk::new(self.spec.clone());
        self.swept = PathBuf::new();
    }

    /// Does a piece of work.
    fn step(&mut self) -> Step {
        let stepped = match self.pass.phase() {
            Phase::Opening => self.open(),
            Phase::Rebuilding => self.rebuild(),
            Phase::Counting => Ok(self.count()),
            Phase::Walking => self.walk(),
            Phase::Sweeping => self.sweep(),
            Phase::Resting(_) | Phase::Failed(_) => Ok(Step::Done),
        };
        let committed = stepped.and_then(|step| self.commit(&step).map(|()| step));
        committed.unwrap_or_else(Step::Fault)
    }

    fn open(&mut self) -> Result<Step, Fault> {
        let mut store = Store::open(&self.spec.state, &contents(&self.spec))?;
        if let Some(why) = store.take_made() {
            log::warn!("insight: the index is built anew: {why}");
        }
        self.files = store.files()? as usize;
        let is_whole = store.is_whole(self.configured.wanted())?;
        self.store = Some(store);
        Ok(if is_whole { Step::Whole } else { Step::Done })
    }

    fn rebuild(&mut self) -> Result<Step, Fault> {
        // A question may have found the damage while there was nothing to build on.
        let Some(store) = self.store.take() else {
            return self.open();
        };
        self.store = Some(store.rebuild(&contents(&self.spec))?);
        self.files = 0;
        Ok(Step::Done)
    }

    /// Counts the files, for those who want to know how long it takes.
    fn count(&mut self) -> Step {
        for _ in 0..GLANCES_MAX {
            match self.walk.step() {
                Some(walk::Found::File(_)) => self.progress.count(),
                Some(found) => self.pass_by(found),
                None => {
                    self.walk = Walk::new(self.spec.clone());
                    return Step::Done;
                }
            }
        }
        Step::More
    }

    /// Looks at files until one was read.
    fn walk(&mut self) -> Result<Step, Fault> {
        for _ in 0..GLANCES_MAX {
            match self.walk.step() {
                Some(walk::Found::File(seen)) => {
                    if self.file(&seen)? {
                        break;
                    }
                }
                Some(found) => self.pass_by(found),
                None => return Ok(Step::Done),
            }
        }
        Ok(Step::More)
    }

    /// Does what is to be done about what is no file.
    fn pass_by(&mut self, found: walk::Found) {
        match found {
            walk::Found::Folder(path) => self.follow(&path),
            walk::Found::Trouble(text) => self.progress.trouble(text),
            walk::Found::File(_) | walk::Found::Nothing => {}
        }
    }

    /// Takes a file into the index if it is not there as it is. Returns whether that took a while.
    fn file(&mut self, seen: &Seen) -> Result<bool, Fault> {
        let store = self.store.as_mut().ok_or_else(no_store)?;
        let known = store.stamp(&seen.path)?;
        let act = act(seen.stamp, known, self.files, self.spec.files_max);
        match act {
            Act::Keep => {}
            Act::Read => self.read(seen, known.is_some())?,
            Act::Refuse => self.progress.trouble(format!(
                "only the first {} files are known: the operator can raise insight.files_max",
                self.spec.files_max
            )),
        }
        self.progress.pass_file();
        Ok(act == Act::Read)
    }

    /// Reads a file and puts it in; one that is not text has no passages. One that cannot be read
    /// is not known: the next pass tries it again.
    fn read(&mut self, seen: &Seen, is_known: bool) -> Result<(), Fault> {
        let text = match walk::read(&self.spec, &seen.path) {
            Ok(text) => text.unwrap_or_default(),
            Err(trouble) => {
                self.progress.trouble(trouble);
                return if is_known {
                    self.forget(&seen.path)
                } else {
                    Ok(())
                };
            }
        };
        let way = walk::way(&self.spec, &seen.path);
        let made = self.entries.of(seen.shelf, &way, &text);
        let read = Read {
            path: &seen.path,
            stamp: seen.stamp,
            shelf: seen.shelf,
            language: made.language,
        };
        let store = self.store.as_mut().ok_or_else(no_store)?;
        self.files += usize::from(!is_known);
        store.replace(read, &made.entries, made.record.as_ref())
    }

    fn forget(&mut self, path: &Path) -> Result<(), Fault> {
        let store = self.store.as_mut().ok_or_else(no_store)?;
        store.remove(path)?;
        self.files = self.files.saturating_sub(1);
        Ok(())
    }

    /// Forgets files that are gone, some at a time.
    fn sweep(&mut self) -> Result<Step, Fault> {
        let store = self.store.as_mut().ok_or_else(no_store)?;
        let paths = store.files_after(&self.swept, GLANCES_MAX)?;
        for path in &paths {
            if walk::look(&self.spec, path) == Known::Gone {
                self.forget(path)?;
            }
        }
        if let Some(last) = paths.into_iter().next_back() {
            self.swept = last;
            return Ok(Step::More);
        }
        let store = self.store.as_mut().ok_or_else(no_store)?;
        if !self.pass.is_whole() {
            store.mark_whole(self.configured.wanted())?;
        }
        Ok(Step::Done)
    }

    /// Commits what was written, at the end of a phase and every few seconds.
    fn commit(&mut self, step: &Step) -> Result<(), Fault> {
        let is_due = *step != Step::More || self.committed.elapsed() >= COMMIT_INTERVAL;
        if let (true, Some(store)) = (is_due, &mut self.store) {
            self.committed = Instant::now();
            store.commit()?;
        }
        Ok(())
    }
}

/// There is an index in every phase that writes to it.
fn no_store() -> Fault {
    Fault::World("the index is not open".to_string())
}

#[cfg(test)]
mod tests;
