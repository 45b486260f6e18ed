//! What the thread tells of itself while it works.
//!
//! What went wrong is told until a pass comes to its end without it: then it is mended. What is not
//! mended is said to the log once, and again if it comes back.

use super::pass::Phase;
use super::{Indexing, State};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

/// Lines that are kept of what went wrong. Beyond that there is enough to mend.
const TROUBLES_MAX: usize = 16;

/// What others are told, and what they are not yet.
pub(super) struct Progress {
    indexing: Arc<Mutex<Indexing>>,
    /// What went wrong in this pass. Told are also troubles of the pass before.
    troubles: Vec<String>,
}

impl Progress {
    /// Tells it by `indexing`.
    pub fn new(indexing: Arc<Mutex<Indexing>>) -> Progress {
        Progress {
            indexing,
            troubles: Vec::new(),
        }
    }

    /// What others are told.
    pub fn told(&self) -> MutexGuard<'_, Indexing> {
        self.indexing
            .lock()
            .expect("nothing panics under this lock")
    }

    /// A pass begins, through so many files as far as that is known.
    pub fn begin(&mut self, files: usize) {
        self.troubles.clear();
        let mut told = self.told();
        told.files_done = 0;
        told.files_all = u32::try_from(files).unwrap_or(u32::MAX);
        told.started = SystemTime::now();
        told.finished = None;
    }

    /// One more file is there.
    pub fn count(&self) {
        self.told().files_all += 1;
    }

    /// One more file is done.
    pub fn pass_file(&self) {
        let mut told = self.told();
        told.files_done += 1;
        told.files_all = told.files_all.max(told.files_done);
    }

    /// Something goes wrong, and the pass goes on.
    pub fn trouble(&mut self, text: String) {
        if self.troubles.len() == TROUBLES_MAX || self.troubles.contains(&text) {
            return;
        }
        let mut told = self.told();
        if !told.trouble.contains(&text) {
            log::warn!("insight: {text}");
            if told.trouble.len() < TROUBLES_MAX {
                told.trouble.push(text.clone());
            }
        }
        drop(told);
        self.troubles.push(text);
    }

    /// A fault ends the pass: told last, whatever else there is to tell.
    pub fn fault(&self, text: String) {
        let mut told = self.told();
        if !told.trouble.contains(&text) {
            log::warn!("insight: {text}");
        }
        told.trouble.retain(|known| *known != text);
        told.trouble.truncate(TROUBLES_MAX - 1);
        told.trouble.push(text);
    }

    /// Another phase has come.
    pub fn tell(&self, phase: Phase, is_whole: bool) {
        let mut told = self.told();
        told.state = match phase {
            Phase::Resting(_) => State::Resting,
            Phase::Failed(_) => State::Failed,
            Phase::Opening
            | Phase::Rebuilding
            | Phase::Counting
            | Phase::Walking
            | Phase::Sweeping => State::Working,
        };
        told.is_whole = is_whole;
    }

    /// The pass has come to its end: what it has not met is mended.
    pub fn end(&mut self) {
        let troubles = std::mem::take(&mut self.troubles);
        let mut told = self.told();
        told.finished = Some(SystemTime::now());
        // Some may have gone.
        told.files_all = told.files_done;
        told.trouble = troubles;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        let indexing = Indexing::begun(SystemTime::UNIX_EPOCH);
        Progress::new(Arc::new(Mutex::new(indexing)))
    }

    #[test]
    fn a_trouble_is_told_until_a_pass_ends_without_it() {
        let mut progress = progress();
        for (met, told_meanwhile, told_after) in [
            (vec!["a", "b", "a"], vec!["a", "b"], vec!["a", "b"]),
            (vec!["b", "c"], vec!["a", "b", "c"], vec!["b", "c"]),
            (vec![], vec!["b", "c"], vec![]),
            (vec!["a"], vec!["a"], vec!["a"]),
        ] {
            progress.begin(0);
            for text in met {
                progress.trouble(text.to_string());
            }
            assert_eq!(progress.told().trouble, told_meanwhile);
            progress.end();
            assert_eq!(progress.told().trouble, told_after);
        }
    }

    #[test]
    fn a_fault_is_told_last_and_what_it_cut_off_is_not_mended() {
        let mut progress = progress();
        progress.begin(0);
        progress.trouble("a".to_string());
        progress.end();
        for _ in 0..2 {
            progress.begin(0);
            progress.fault("full".to_string());
            progress.trouble("b".to_string());
            progress.fault("full".to_string());
            assert_eq!(progress.told().trouble, ["a", "b", "full"]);
        }
        progress.begin(0);
        progress.end();
        assert_eq!(progress.told().trouble, [""; 0]);
    }

    #[test]
    fn troubles_have_an_end_and_leave_room_for_a_fault() {
        let mut progress = progress();
        for _ in 0..2 {
            progress.begin(0);
            for number in 0..2 * TROUBLES_MAX {
                progress.trouble(number.to_string());
            }
            progress.end();
            let first: Vec<String> = (0..TROUBLES_MAX).map(|number| number.to_string()).collect();
            assert_eq!(progress.told().trouble, first);
        }
        progress.fault("full".to_string());
        assert_eq!(progress.told().trouble.len(), TROUBLES_MAX);
        assert_eq!(progress.told().trouble.last().unwrap(), "full");
    }
}
