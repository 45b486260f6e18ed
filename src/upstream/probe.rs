//! Which eras a command speaks, found out once with throw-away children, and what it offers.
//!
//! | `server/discover` as the first line | what follows |
//! |---|---|
//! | a result that names 2026-07-28 | its listings, then `initialize` to the same child |
//! | an error about the version (-32022) | `initialize` to a child of its own |
//! | another error | `initialize` to the same child |
//! | silence ([`PROBE_WAIT`]) | the same; it may be slow, so what it says late still counts |
//! | the process ends | `initialize` to a child of its own |
//!
//! Some servers are of the era of their first line for as long as they live, so a child that
//! refuses `initialize` after another line says nothing of its command: a second child is asked
//! that first. There are never more than two. The listings are read by the first era that a child
//! agrees to.

use crate::limits::PROBE_WAIT;
use crate::mcp::revision::Era;
use crate::upstream::listing::Eras;
use std::time::Duration;

/// What a child has answered the opening of an era.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// It was not asked.
    #[default]
    NotAsked,
    /// Nothing yet.
    Awaited,
    /// It speaks this era.
    Speaks,
    /// It does not.
    Refuses {
        /// Why, for people.
        reason: String,
        /// Whether it is for the version: then it is of the other kind, and lets no handshake
        /// follow.
        is_version: bool,
    },
}

/// What was heard of a throw-away child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its answer to `server/discover`.
    pub stateless: Answer,
    /// Its answer to `initialize`.
    pub handshake: Answer,
    /// Whether its listings are here.
    pub listed: bool,
}

/// A command that is being tried.
#[derive(Debug)]
pub struct Probe {
    /// The only era that is tried.
    only: Option<Era>,
    /// What is known.
    eras: Eras,
    /// Whether what it offers is known.
    listed: bool,
    /// Whether the child that runs is the second one.
    is_second: bool,
    /// Whether the child that runs has its `server/discover` before it and nothing else.
    is_discovering: bool,
    /// Why it is no MCP server.
    reason: String,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// End the child that runs, if there is one, and start another, whose first line is of this
    /// era.
    Spawn {
        /// The era of its [`Plan`](super::conversation::Plan).
        era: Era,
        /// Whether it is to be asked for its listings.
        lists: bool,
    },
    /// Call [`Conversation::initialize`](super::conversation::Conversation::initialize) of the
    /// child that runs.
    Initialize,
    /// Wait for what the child says, no longer than [`Probe::patience`].
    Wait,
    /// End the child that runs. The eras that the command speaks, or why it speaks none.
    Done(Result<Eras, String>),
}

impl Probe {
    /// A command of which nothing is known, or that is spoken to in this era only.
    pub fn new(only: Option<Era>) -> Probe {
        Probe {
            only,
            eras: Eras::default(),
            listed: false,
            is_second: only == Some(Era::Handshake),
            is_discovering: only.is_none(),
            reason: String::new(),
        }
    }

    /// The first step.
    pub fn first(&self) -> Step {
        let era = self.only.unwrap_or(Era::Stateless);
        let lists = true;
        Step::Spawn { era, lists }
    }

    /// How long to wait from now on, counted anew with each step.
    pub fn patience(&self, start_timeout: Duration) -> Duration {
        match self.is_discovering {
            true => start_timeout.min(PROBE_WAIT),
            false => start_timeout,
        }
    }

    /// The child that runs has said something that matters
    /// ([`Effect::Probed`](super::conversation::Effect::Probed)).
    pub fn heard(&mut self, heard: &Heard) -> Step {
        self.is_discovering = heard.handshake == Answer::NotAsked
            && heard.stateless == Answer::Awaited
            && self.only.is_none();
        self.listed |= heard.listed;
        self.eras.stateless |= heard.stateless == Answer::Speaks;
        self.eras.handshake |= heard.handshake == Answer::Speaks;
        for answer in [&heard.stateless, &heard.handshake] {
            if let Answer::Refuses { reason, .. } = answer {
                self.reason.clone_from(reason);
            }
        }
        match (&heard.stateless, &heard.handshake) {
            (_, Answer::Awaited) | (Answer::Awaited, Answer::NotAsked) => Step::Wait,
            (Answer::Speaks, Answer::NotAsked | Answer::Refuses { .. }) if !self.listed => {
                Step::Wait
            }
            (Answer::Refuses { is_version, .. }, Answer::NotAsked) if !is_version => {
                self.initialize()
            }
            (Answer::Speaks, Answer::NotAsked) => self.initialize(),
            (_, Answer::Speaks) if !self.listed => Step::Wait,
            (_, Answer::Speaks) => self.done(),
            (_, Answer::NotAsked | Answer::Refuses { .. }) => self.give_up(),
        }
    }

    /// The child that runs has taken longer than [`Probe::patience`].
    pub fn timed_out(&mut self) -> Step {
        if self.is_discovering {
            return self.initialize();
        }
        self.reason = "it has not answered in time".to_string();
        self.give_up()
    }

    /// The child that ran has ended, or could not be started: how that is said to people.
    pub fn ended(&mut self, how: &str) -> Step {
        self.reason = how.to_string();
        self.give_up()
    }

    /// Asks the child that runs for a handshake as well, where that is to be known.
    fn initialize(&mut self) -> Step {
        self.is_discovering = false;
        match self.only {
            None => Step::Initialize,
            Some(_) => self.done(),
        }
    }

    /// Nothing more is to be learned from the child that runs.
    fn give_up(&mut self) -> Step {
        if self.is_second || self.only.is_some() || self.eras.handshake {
            return self.done();
        }
        self.is_second = true;
        self.is_discovering = false;
        Step::Spawn {
            era: Era::Handshake,
            lists: !self.listed,
        }
    }

    fn done(&mut self) -> Step {
        Step::Done(match self.eras.is_empty() {
            true => Err(std::mem::take(&mut self.reason)),
            false => Ok(self.eras),
        })
    }
}

#[cfg(test)]
mod tests;
