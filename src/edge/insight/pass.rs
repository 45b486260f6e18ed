//! What the thread does next: one pass after another, each through the same phases.
//!
//! | phase | what is done | then |
//! |---|---|---|
//! | opening | the index is opened or made | counting, walking, or later again |
//! | counting | how many files there are, of an index that is not whole | walking |
//! | walking | files are found, those that changed are read | sweeping |
//! | sweeping | files that are known and gone are forgotten | resting |
//! | resting | nothing | counting or walking, on a change or in time |
//!
//! A fault ends a pass. Nothing here knows of threads, files or the clock.

use super::store::Fault;
use std::time::Duration;

/// How soon another process's folder is tried again: at a reload it is let go of soon.
const TAKEN_RETRY: Duration = Duration::from_millis(250);

/// How soon a state folder that cannot be used, or is full, is tried again.
const FAULT_RETRY: Duration = Duration::from_secs(60);

/// Indexes in a row that may turn out damaged: then it is the disk, and not what was on it.
const REBUILDS_MAX: u32 = 3;

/// What the thread is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is no index yet.
    Opening,
    /// Looks how many files there are.
    Counting,
    /// Reads files that have changed.
    Walking,
    /// Looks which files are gone.
    Sweeping,
    /// All is done. Begins again after the time, or with a change.
    Resting(Duration),
    /// There is no index, and it is tried again after the time.
    Failed(Duration),
    /// The index is damaged, and made anew.
    Rebuilding,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do in this phase.
    More,
    /// The phase is over.
    Done,
    /// The index was opened, and all there is was in it when it was left.
    Whole,
    /// It went wrong.
    Fault(Fault),
    /// A file has changed, or enough time has passed.
    Woken,
}

/// The way through the phases.
#[derive(Debug)]
pub struct Pass {
    phase: Phase,
    /// How long it rests when all is well.
    rescan: Duration,
    /// Indexes that were damaged since a pass came to its end.
    rebuilds: u32,
    /// Whether a pass came to its end with this index.
    is_whole: bool,
}

impl Pass {
    /// Begins.
    pub fn new(rescan: Duration) -> Pass {
        Pass {
            phase: Phase::Opening,
            rescan,
            rebuilds: 0,
            is_whole: false,
        }
    }

    /// What is to be done.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether all there is is in the index, but for what has changed since.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Goes on after a step.
    pub fn advance(&mut self, step: &Step) {
        self.phase = match (self.phase, step) {
            (phase, Step::More) => phase,
            (Phase::Opening | Phase::Rebuilding, Step::Done | Step::Whole) => {
                self.is_whole = *step == Step::Whole;
                self.first()
            }
            (Phase::Counting, Step::Done) => Phase::Walking,
            (Phase::Walking, Step::Done) => Phase::Sweeping,
            (Phase::Sweeping | Phase::Resting(_), Step::Done) => self.rest(),
            (Phase::Failed(_), Step::Done | Step::Woken) => Phase::Opening,
            (Phase::Resting(_), Step::Woken) => self.first(),
            (
                Phase::Opening
                | Phase::Counting
                | Phase::Walking
                | Phase::Sweeping
                | Phase::Rebuilding,
                Step::Woken,
            ) => self.phase,
            (
                Phase::Counting
                | Phase::Walking
                | Phase::Sweeping
                | Phase::Resting(_)
                | Phase::Failed(_),
                Step::Whole,
            ) => self.phase,
            (phase, Step::Fault(fault)) => self.fault(phase, fault),
        };
    }

    /// What a pass begins with: how much there is, of an index that is whole, is known.
    fn first(&self) -> Phase {
        match self.is_whole {
            true => Phase::Walking,
            false => Phase::Counting,
        }
    }

    fn rest(&mut self) -> Phase {
        self.rebuilds = 0;
        self.is_whole = true;
        Phase::Resting(self.rescan)
    }

    fn fault(&mut self, phase: Phase, fault: &Fault) -> Phase {
        let is_open = !matches!(phase, Phase::Opening | Phase::Rebuilding | Phase::Failed(_));
        match fault {
            Fault::Taken => Phase::Failed(TAKEN_RETRY),
            Fault::Broken(_) if self.rebuilds < REBUILDS_MAX && is_open => {
                self.rebuilds += 1;
                Phase::Rebuilding
            }
            // What is there serves on.
            Fault::Full | Fault::World(_) if is_open => Phase::Resting(FAULT_RETRY),
            Fault::Full | Fault::World(_) | Fault::Broken(_) => Phase::Failed(FAULT_RETRY),
        }
    }
}

/// What is to be done about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is known as it is.
    Keep,
    /// It is new, or has changed.
    Read,
    /// There is no room for one more.
    Refuse,
}

/// What is to be done about a file with this stamp, where `known` is the stamp in the index, which
/// has `files` of at most `files_max`.
pub fn act(stamp: u64, known: Option<u64>, files: usize, files_max: usize) -> Act {
    match known {
        Some(known) if known == stamp => Act::Keep,
        Some(_) => Act::Read,
        None if files < files_max => Act::Read,
        None => Act::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESCAN: Duration = Duration::from_secs(600);

    fn broken() -> Step {
        Step::Fault(Fault::Broken("bits".to_string()))
    }

    fn world() -> Step {
        Step::Fault(Fault::World("no".to_string()))
    }

    fn check(from: Phase, step: &Step, to: Phase) {
        let mut pass = Pass::new(RESCAN);
        pass.phase = from;
        pass.advance(step);
        assert_eq!(pass.phase(), to, "{from:?} {step:?}");
    }

    #[test]
    fn a_pass_goes_through_its_phases_and_rests() {
        let mut pass = Pass::new(RESCAN);
        let mut phases = vec![pass.phase()];
        let done = [Step::Done, Step::Done, Step::More, Step::Done, Step::Done];
        for step in done.iter().chain([&Step::Woken]) {
            pass.advance(step);
            phases.push(pass.phase());
        }
        let expected = [
            Phase::Opening,
            Phase::Counting,
            Phase::Walking,
            Phase::Walking,
            Phase::Sweeping,
            Phase::Resting(RESCAN),
            Phase::Walking,
        ];
        assert_eq!(phases, expected);
    }

    #[test]
    fn files_are_counted_only_while_it_is_not_known_how_many_there_are() {
        let mut kept = Pass::new(RESCAN);
        kept.advance(&Step::Whole);
        assert_eq!(kept.phase(), Phase::Walking);
        let mut cut_off = Pass::new(RESCAN);
        for step in [Step::Done, Step::Done, world(), Step::Woken] {
            cut_off.advance(&step);
        }
        assert_eq!(cut_off.phase(), Phase::Counting);
    }

    #[test]
    fn what_cannot_be_written_serves_on_and_is_tried_again() {
        for from in [Phase::Counting, Phase::Walking, Phase::Sweeping] {
            check(from, &Step::Fault(Fault::Full), Phase::Resting(FAULT_RETRY));
            check(from, &world(), Phase::Resting(FAULT_RETRY));
        }
    }

    #[test]
    fn what_cannot_be_opened_has_failed_and_is_tried_again() {
        check(Phase::Opening, &world(), Phase::Failed(FAULT_RETRY));
        check(
            Phase::Opening,
            &Step::Fault(Fault::Full),
            Phase::Failed(FAULT_RETRY),
        );
        check(
            Phase::Opening,
            &Step::Fault(Fault::Taken),
            Phase::Failed(TAKEN_RETRY),
        );
        check(Phase::Rebuilding, &world(), Phase::Failed(FAULT_RETRY));
        check(Phase::Failed(FAULT_RETRY), &Step::Woken, Phase::Opening);
    }

    #[test]
    fn a_damaged_index_is_built_anew_but_not_for_ever() {
        let mut pass = Pass::new(RESCAN);
        for _ in 0..REBUILDS_MAX {
            pass.phase = Phase::Walking;
            pass.advance(&broken());
            assert_eq!(pass.phase(), Phase::Rebuilding);
        }
        pass.phase = Phase::Walking;
        pass.advance(&broken());
        assert_eq!(pass.phase(), Phase::Failed(FAULT_RETRY));
    }

    #[test]
    fn an_index_that_was_whole_for_a_pass_may_be_damaged_again() {
        let mut pass = Pass::new(RESCAN);
        for _ in 0..2 * REBUILDS_MAX {
            pass.phase = Phase::Sweeping;
            pass.advance(&Step::Done);
            pass.advance(&broken());
            assert_eq!(pass.phase(), Phase::Rebuilding);
        }
    }

    #[test]
    fn an_index_is_whole_from_the_end_of_a_pass_on_until_it_is_made_anew() {
        let mut pass = Pass::new(RESCAN);
        let full = Step::Fault(Fault::Full);
        let steps = [
            (Step::Done, false),
            (full.clone(), false),
            (Step::Woken, false),
            (Step::Done, false),
            (Step::Done, false),
            (Step::Done, true),
            (Step::Woken, true),
            (full, true),
            (broken(), true),
            (Step::Done, false),
        ];
        for (step, is_whole) in steps {
            pass.advance(&step);
            assert_eq!(pass.is_whole(), is_whole, "{step:?}, {:?}", pass.phase());
        }
        let mut kept = Pass::new(RESCAN);
        kept.advance(&Step::Whole);
        assert!(kept.is_whole());
    }

    #[test]
    fn only_files_that_changed_are_read_and_no_more_than_there_is_room_for() {
        let table = [
            (7, Some(7), 2, Act::Keep),
            (7, Some(8), 2, Act::Read),
            (7, None, 1, Act::Read),
            (7, None, 2, Act::Refuse),
        ];
        for (stamp, known, files, expected) in table {
            assert_eq!(act(stamp, known, files, 2), expected, "{known:?}, {files}");
        }
    }
}
