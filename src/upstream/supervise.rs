//! When a child is started and ended: one table of state and event.
//!
//! | state | event | next | actions |
//! |---|---|---|---|
//! | Down | wanted | Queued | enqueue |
//! | Queued | wanted | Queued | |
//! | Queued | turn | Starting | spawn |
//! | Queued | stopped | Down | fail calls |
//! | Starting, Up | wanted | the same | |
//! | Starting | ready | Up | send |
//! | Starting | expired, unfit, hung, noisy | Terminating, Closing | fail calls, back off, end it |
//! | Starting | exited | Failed | fail calls, back off, forget |
//! | Starting, Up | stopped | Closing | fail calls, close its input |
//! | Starting | retired | Closing | fail calls, close its input |
//! | Up | expired (unused for `idle`) | Closing | close its input |
//! | Up | retired | Leaving | |
//! | Up, Leaving | hung, noisy | Terminating | fail calls, back off, terminate |
//! | Up | exited | Failed | fail calls, back off, forget |
//! | Leaving | expired (its last call is over), stopped | Closing | fail calls, close its input |
//! | Leaving, Closing, Terminating, Killing | wanted | the same | enqueue |
//! | Leaving | exited | Down | fail calls, forget |
//! | Closing | expired (grace is over) | Terminating | terminate |
//! | Terminating | expired (grace is over) | Killing | kill |
//! | Closing, Terminating, Killing | exited | Down | forget |
//! | Failed | wanted | Failed | refuse |
//! | Failed | expired (back-off is over) | Down | |
//!
//! To close the input is what MCP asks for (basic/lifecycle, shutdown); a child that is not trusted
//! to notice is told by TERM at once. What is told to end and is wanted again is started when it is
//! gone: two processes of one server may be one too many for its files. Pairs that are not listed
//! change nothing: a child may say something, or end, while it is told to end.

use std::time::Duration;

use crate::limits;

/// How far a child has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none, and nothing speaks against one.
    Down,
    /// It is wanted, and waits for its turn to be started.
    Queued,
    /// It was started and has not answered the handshake.
    Starting,
    /// It takes calls.
    Up,
    /// It finishes its calls and takes no others.
    Leaving,
    /// Its input was closed.
    Closing,
    /// TERM was sent.
    Terminating,
    /// KILL was sent.
    Killing,
    /// It has ended by itself or could not be started: not again before the back-off is over.
    Failed,
}

/// What may happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody has a call for it, or it is to run always.
    Wanted,
    /// It may be started now.
    Turn,
    /// It has answered the handshake.
    Ready,
    /// It does not speak the era that it is spoken to in.
    Unfit,
    /// The time for its state is over: its start, being unused, a grace, the back-off.
    Expired,
    /// The process is gone, or could not be started.
    Exited,
    /// It has said nothing at all to a call that has timed out, or does not read.
    Hung,
    /// It has written more nonsense than is put up with.
    Noisy,
    /// It is to finish its calls and end: what it was started from is not what is configured now.
    Retired,
    /// It is to end: nobody needs it any more, or its place is needed.
    Stopped,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put it into the queue of those that are to be started.
    Enqueue,
    /// Start the process.
    Spawn,
    /// Give it the calls that have waited.
    Send,
    /// Answer its calls: the child is of no use to them.
    FailCalls,
    /// No other one is started for a while.
    BackOff,
    /// Close its input.
    CloseInput,
    /// Send TERM to its process group.
    Terminate,
    /// Send KILL to its process group.
    Kill,
    /// The record goes.
    Forget,
    /// Answer the call at once, with the reason of the failure.
    Refuse,
}

/// What comes of an event: the next state, and what is to be done, in this order.
pub fn step(state: State, event: Event) -> (State, &'static [Action]) {
    match event {
        Event::Wanted => wanted(state),
        Event::Turn => match state {
            State::Queued => (State::Starting, &[Action::Spawn]),
            State::Down
            | State::Starting
            | State::Up
            | State::Leaving
            | State::Closing
            | State::Terminating
            | State::Killing
            | State::Failed => (state, &[]),
        },
        Event::Ready => match state {
            State::Starting => (State::Up, &[Action::Send]),
            State::Down
            | State::Queued
            | State::Up
            | State::Leaving
            | State::Closing
            | State::Terminating
            | State::Killing
            | State::Failed => (state, &[]),
        },
        Event::Unfit => match state {
            State::Starting => (State::Closing, GIVE_UP_GENTLY),
            State::Down
            | State::Queued
            | State::Up
            | State::Leaving
            | State::Closing
            | State::Terminating
            | State::Killing
            | State::Failed => (state, &[]),
        },
        Event::Expired => expired(state),
        Event::Exited => exited(state),
        Event::Hung | Event::Noisy => match state {
            State::Starting | State::Up | State::Leaving => (State::Terminating, GIVE_UP),
            State::Down
            | State::Queued
            | State::Closing
            | State::Terminating
            | State::Killing
            | State::Failed => (state, &[]),
        },
        Event::Retired => match state {
            State::Up => (State::Leaving, &[]),
            State::Queued => (State::Down, &[Action::FailCalls]),
            State::Starting => (State::Closing, STOP),
            State::Down
            | State::Leaving
            | State::Closing
            | State::Terminating
            | State::Killing
            | State::Failed => (state, &[]),
        },
        Event::Stopped => match state {
            State::Queued => (State::Down, &[Action::FailCalls]),
            State::Starting | State::Up | State::Leaving => (State::Closing, STOP),
            State::Down | State::Closing | State::Terminating | State::Killing | State::Failed => {
                (state, &[])
            }
        },
    }
}

const STOP: &[Action] = &[Action::FailCalls, Action::CloseInput];
const GIVE_UP: &[Action] = &[Action::FailCalls, Action::BackOff, Action::Terminate];
const GIVE_UP_GENTLY: &[Action] = &[Action::FailCalls, Action::BackOff, Action::CloseInput];

fn wanted(state: State) -> (State, &'static [Action]) {
    match state {
        State::Down => (State::Queued, &[Action::Enqueue]),
        State::Queued | State::Starting | State::Up => (state, &[]),
        State::Leaving | State::Closing | State::Terminating | State::Killing => {
            (state, &[Action::Enqueue])
        }
        State::Failed => (State::Failed, &[Action::Refuse]),
    }
}

fn expired(state: State) -> (State, &'static [Action]) {
    match state {
        State::Starting => (State::Terminating, GIVE_UP),
        State::Up => (State::Closing, &[Action::CloseInput]),
        State::Leaving => (State::Closing, STOP),
        State::Closing => (State::Terminating, &[Action::Terminate]),
        State::Terminating => (State::Killing, &[Action::Kill]),
        State::Failed => (State::Down, &[]),
        State::Down | State::Queued | State::Killing => (state, &[]),
    }
}

fn exited(state: State) -> (State, &'static [Action]) {
    const FAILED: &[Action] = &[Action::FailCalls, Action::BackOff, Action::Forget];
    match state {
        State::Starting | State::Up => (State::Failed, FAILED),
        State::Leaving => (State::Down, &[Action::FailCalls, Action::Forget]),
        State::Closing | State::Terminating | State::Killing => (State::Down, &[Action::Forget]),
        State::Down | State::Queued | State::Failed => (state, &[]),
    }
}

impl State {
    /// Whether a call may be given to it, now or when it is ready.
    pub fn takes_calls(self) -> bool {
        matches!(self, State::Starting | State::Up)
    }

    /// Whether it was told to end.
    pub fn is_ending(self) -> bool {
        matches!(self, State::Closing | State::Terminating | State::Killing)
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            State::Down => "down",
            State::Queued | State::Starting => "starting",
            State::Up | State::Leaving => "up",
            State::Closing | State::Terminating | State::Killing => "stopping",
            State::Failed => "failed",
        }
    }
}

/// How long no other child is started after the failure with this number, counted from one.
/// `chance` spreads what has failed together: it adds up to a quarter.
pub fn back_off(failures: u32, chance: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = limits::BACK_OFF_FIRST.saturating_mul(1 << doublings);
    let wait = wait.min(limits::BACK_OFF_MAX);
    wait + wait * u32::from(chance) / 1024
}

#[cfg(test)]
mod tests;
