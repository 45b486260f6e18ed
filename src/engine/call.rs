//! Calls: tool work in flight, from the request to its answer.
//!
//! | state | event | next | what happens |
//! |---|---|---|---|
//! | Queued | a place in the tool comes free | Running | the edge starts the work |
//! | Queued | cancelled, timed out | gone | answered; nothing ever ran |
//! | Running | asks its client | Waiting | the question is sent |
//! | Running, Waiting | outcome | gone | answered |
//! | Running, Waiting | cancelled, timed out | Stopping | TERM to the process group |
//! | Waiting | the last question is answered | Running | the work gets the answers |
//! | Stopping | grace is over | Stopping | KILL to the process group |
//! | Stopping | outcome | gone | answered, unless the client cancelled over HTTP+SSE |
//!
//! A call keeps its place in the table until its process is reaped, so `limits.calls` bounds the
//! processes as well. The one exception is a call that waits for a client which may never come back
//! (see `round.rs`): it has no process, and makes room for others.

use super::ask::Asked;
use super::child::Forwarded;
use super::session::Session;
use super::stream::Stream;
use super::task::Task;
use super::{Asker, Deadline, Engine, Era, Job};
use crate::admin::stats::DoorKind;
use crate::auth::Principal;
use crate::bounded::{Full, Key, Timer};
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::method::Method;
use crate::mcp::refusal::Refusal;
use crate::mcp::stateless;
use crate::time::Instant;
use crate::tool::catalogue::listing_fingerprint;
use crate::tool::command::Stopped;
use crate::tool::forward::Scope;
use crate::tool::handler::{Ended, Told};
use crate::tool::registry::ToolIndex;
use crate::tool::{CallLimits, Outcome, Work};
use crate::wire::dialect::Dialect;
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::status::Status;
use serde_json::value::RawValue;
use std::rc::Rc;
use std::time::Duration;

/// One call in flight.
#[derive(Debug)]
pub struct Call {
    /// The request's id.
    pub id: Id,
    /// The session it belongs to.
    pub session: Option<Key<Session>>,
    /// Whose it is.
    pub principal: Principal,
    /// What is offered where it was asked.
    pub scope: Scope,
    /// What it has to do with an upstream; `None` for what is done here.
    pub(super) forwarded: Option<Box<Forwarded>>,
    /// What was asked for.
    pub method: Method,
    /// Which rules it goes by.
    pub era: Era,
    /// What its client can be asked.
    pub client: Capabilities,
    /// The least severity of log messages that its request wants; a session has its own.
    pub log_level: Option<Level>,
    /// How its answer is said.
    pub dialect: Dialect,
    /// Where its answer goes; `None` once nobody can get it any more.
    pub stream: Option<Key<Stream>>,
    /// Index of the tool; `None` when a reload has removed the tool meanwhile, and for what is no
    /// call of a tool.
    pub tool: Option<ToolIndex>,
    /// Name of the tool, or of what else was asked for, for what is said of it.
    pub(super) name: Rc<str>,
    /// Given where the client wants to hear of progress.
    pub(super) progress_token: Option<Box<RawValue>>,
    /// Progress notifications sent.
    pub(super) progress: u64,
    /// What it has asked of its client; `None` for most.
    pub(super) asked: Option<Box<Asked>>,
    /// How far it has come.
    pub(super) state: State,
    /// When the request arrived that waits for it; while none does, when the last one was answered.
    pub(super) since: Instant,
    /// Its task, which its answer goes to; it may be gone already.
    pub(super) task: Option<Key<Task>>,
    /// Where that request came in; `None` while none waits.
    pub(super) door: Option<DoorKind>,
    /// From start to TERM.
    pub(super) timeout: Duration,
    /// Bytes of output to keep.
    pub(super) output_bytes_max: usize,
    /// Runs until the timeout, then until the end of the grace.
    pub(super) timer: Option<Timer>,
}

/// How far a call has come; see the table above.
#[derive(Debug)]
pub(super) enum State {
    /// Waits for a place in its tool.
    Queued(Work),
    /// The edge works on it.
    Running,
    /// The edge works on it, and its client has to answer first.
    Waiting,
    /// It was told to end.
    Stopping(Stopped),
}

/// What a request for a call brings along.
pub(super) struct Wanted {
    /// The request's id.
    pub id: Id,
    /// Who asks.
    pub asker: Asker,
    /// What for.
    pub method: Method,
    /// The progress token, if any.
    pub progress_token: Option<Box<RawValue>>,
    /// It begins as a task, which outlives the session and hears of its progress.
    pub in_background: bool,
}

impl Call {
    /// Whether its deadline is scheduled.
    pub(super) fn has_timer(&self) -> bool {
        self.timer.is_some()
    }

    /// Whether it will end in bounded time: it has a deadline, or KILL was sent.
    pub(super) fn is_bounded(&self) -> bool {
        self.timer.is_some() || self.is_stopping()
    }

    /// Whether the edge works on it and nobody has told it to end.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running | State::Waiting)
    }

    /// Whether it was told to end.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.state, State::Stopping(_))
    }

    /// Whether the edge works on it.
    pub(super) fn is_with_edge(&self) -> bool {
        !matches!(self.state, State::Queued(_))
    }

    /// Whether its client has to answer a question.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// How long it may stay in its state.
    pub(super) fn patience(&self) -> Duration {
        match self.state {
            State::Waiting => limits::ANSWER_WAIT,
            State::Queued(_) | State::Running | State::Stopping(_) => self.timeout,
        }
    }
}

impl Engine {
    /// Starts or queues a call of the tool with index `tool`.
    pub(super) fn start_call(
        &mut self,
        now: Instant,
        tool: ToolIndex,
        work: Work,
        wanted: Wanted,
    ) -> Result<Key<Call>, Refusal> {
        let bounds = self.registry.get(tool).limits();
        let state = &self.tools[tool.as_usize()];
        let queue_max = bounds.queue.unwrap_or(limits::QUEUE_DEFAULT) as usize;
        if !state.has_place(bounds) && state.queue.len() >= queue_max {
            self.stats.calls_refused += 1;
            return Err(Refusal::ToolBusy);
        }
        let name = state.name.clone();
        let key = self.add_call(now, wanted, Some(tool), name, work, bounds)?;
        // Only now: a call that had to make room may have left its place in the tool to this one.
        if self.tools[tool.as_usize()].has_place(bounds) {
            self.run_call(key)
        } else {
            self.tools[tool.as_usize()].queue.push_back(key)
        }
        Ok(key)
    }

    /// Starts work that is no call of a tool: `name` says what it is about. It never waits for its
    /// turn.
    pub(super) fn start_other(
        &mut self,
        now: Instant,
        name: &str,
        work: Work,
        bounds: CallLimits,
        wanted: Wanted,
    ) -> Result<Key<Call>, Refusal> {
        let key = self.add_call(now, wanted, None, Rc::from(name), work, bounds)?;
        self.run_call(key);
        Ok(key)
    }

    /// Whether a call may be put into the table: its client may have another one, and there is
    /// room, or can be made.
    fn make_room_for(&mut self, now: Instant, wanted: &Wanted) -> Result<(), Refusal> {
        if self.drain.is_some() {
            return Err(Refusal::Stopping);
        }
        if self.id_in_use(wanted) {
            return Err(Refusal::IdInUse);
        }
        if wanted.in_background && !self.has_task_room() {
            self.stats.tasks_refused += 1;
            return Err(Refusal::TasksFull);
        }
        self.allow_call(now, wanted.asker.principal)?;
        if self.calls.is_full() {
            self.make_call_room(now, |_| true);
        }
        Ok(())
    }

    /// Puts a call into the table.
    fn add_call(
        &mut self,
        now: Instant,
        wanted: Wanted,
        tool: Option<ToolIndex>,
        name: Rc<str>,
        work: Work,
        bounds: CallLimits,
    ) -> Result<Key<Call>, Refusal> {
        self.make_room_for(now, &wanted)?;
        let asker = wanted.asker;
        let forwarded = self.forwarded_for(asker, &work)?;
        let session_key = asker.session.filter(|_| !wanted.in_background);
        let session = session_key.and_then(|key| self.sessions.get(key));
        let timeout = match wanted.in_background {
            true => self.config.timeouts.task,
            false => self.config.timeouts.call,
        };
        let client = session.map_or(asker.client, |session| session.client);
        let asks = wanted.may_ask(client) && matches!(work, Work::Function(_) | Work::Upstream(_));
        let call = Call {
            id: wanted.id,
            session: session_key,
            principal: asker.principal,
            scope: asker.scope,
            forwarded,
            method: wanted.method,
            era: asker.era,
            client,
            log_level: asker.log_level,
            dialect: asker.dialect,
            stream: None,
            tool,
            name,
            progress_token: wanted.progress_token.filter(|_| !wanted.in_background),
            progress: 0,
            asked: asks.then(Box::default),
            state: State::Queued(work),
            since: now,
            task: None,
            door: Some(self.door).filter(|_| !wanted.in_background),
            timeout: bounds.timeout.unwrap_or(timeout),
            output_bytes_max: bounds
                .output_bytes_max
                .unwrap_or(self.config.limits.output_bytes_max),
            timer: None,
        };
        let key = match self.calls.insert(call) {
            Ok(key) => key,
            Err(Full(call)) => {
                self.pool.give(call.forwarded_bytes());
                self.stats.calls_refused += 1;
                return Err(Refusal::CallsFull);
            }
        };
        self.stats.calls += 1;
        if wanted.in_background {
            let task = self.add_task(now, key, asker.session);
            self.calls.get_mut(key).expect("it was just added").task = Some(task);
        } else {
            self.stats.calls_begun += 1;
        }
        if let Some(session) = session_key {
            self.sessions
                .get_mut(session)
                .expect("the request was checked")
                .calls += 1;
        }
        Ok(key)
    }

    /// Whether the session has a request with this id in flight: the two answers could not be told
    /// apart.
    fn id_in_use(&self, wanted: &Wanted) -> bool {
        let twin = |call: &Call| call.session == wanted.asker.session && call.id == wanted.id;
        wanted.asker.session.is_some()
            && !wanted.id.is_absent()
            && self.calls.iter().any(|(_, call)| twin(call))
    }

    /// Hands a queued call to the edge.
    pub(super) fn run_call(&mut self, key: Key<Call>) {
        let may_become_task = self
            .calls
            .get(key)
            .is_some_and(|call| self.may_become_task(call));
        let call = self
            .calls
            .get_mut(key)
            .expect("the caller has just seen it");
        let tool = call.tool;
        let is_told = call.progress_token.is_some() || call.dialect.tells_progress_unasked();
        let told = Told {
            client: call.client,
            wants_progress: is_told || call.task.is_some() || may_become_task,
        };
        let State::Queued(work) = std::mem::replace(&mut call.state, State::Running) else {
            unreachable!("only queued calls are started");
        };
        let output_bytes_max = call.output_bytes_max;
        if let Some(tool) = tool {
            self.tools[tool.as_usize()].running += 1;
        }
        self.jobs.push_back(Job::Start {
            call: key,
            work,
            told,
            output_bytes_max,
        });
    }

    /// Starts the clock of a call that was not done in the turn it came in. Before that it needs
    /// no deadline: most calls are over by then. One that has been stopped by then has one.
    pub(super) fn watch_call(&mut self, now: Instant, key: Key<Call>) {
        let Some(call) = self.calls.get(key).filter(|call| call.timer.is_none()) else {
            return;
        };
        let deadline = now + call.patience();
        let timer = self.schedule(deadline, Deadline::Call(key));
        self.calls
            .get_mut(key)
            .expect("it was there a line above")
            .timer = timer;
    }

    /// The same for one whose clock runs: what it is in now has a time of its own.
    pub(super) fn restart_clock(&mut self, now: Instant, key: Key<Call>) {
        let call = self.calls.get_mut(key).expect("the caller has seen it");
        if let Some(timer) = call.timer.take() {
            self.wheel.cancel(timer);
            self.watch_call(now, key);
        }
    }

    /// The work of a call is over: its process, if any, is reaped.
    pub fn handle_outcome(&mut self, now: Instant, key: Key<Call>, outcome: &Outcome) {
        if !self.is_of_tool(key) {
            let answer = self.answer_of_outcome(key, outcome);
            return self.conclude_with(now, key, answer);
        }
        let era = self.calls.get(key).map_or(Era::Handshake, |call| call.era);
        self.conclude(now, key, outcome.is_error, |payload, id| {
            encode_outcome(payload, id, era, outcome);
            Status::Ok
        });
    }

    /// The same for a function.
    pub fn handle_ended(&mut self, now: Instant, key: Key<Call>, ended: &Ended) {
        if let Ended::Outcome(outcome) = ended {
            return self.handle_outcome(now, key, outcome);
        }
        let answer = self.answer_of(key, ended);
        self.conclude_with(now, key, answer);
        if let Ended::Listed(found) = ended {
            self.listing_seen(now, listing_fingerprint(found));
        }
    }

    /// Answers a call with a result, which is a JSON object, or with an error.
    fn conclude_with(&mut self, now: Instant, key: Key<Call>, answer: Result<Vec<u8>, RpcError>) {
        self.conclude(now, key, answer.is_err(), |payload, id| match answer {
            Ok(result) => {
                jsonrpc::response_raw(payload, id, &result);
                Status::Ok
            }
            Err(error) => {
                jsonrpc::error(payload, Some(id), &error);
                stateless::status(error.code)
            }
        });
    }

    fn is_of_tool(&self, key: Key<Call>) -> bool {
        let call = self.calls.get(key);
        call.is_none_or(|call| call.method == Method::ToolsCall)
    }

    /// Answers a call with what `write` says, whose status goes with it where an HTTP response has
    /// one for it.
    fn conclude(
        &mut self,
        now: Instant,
        key: Key<Call>,
        has_failed: bool,
        write: impl FnOnce(&mut Vec<u8>, &Id) -> Status,
    ) {
        let call = self
            .remove_call(now, key)
            .expect("the edge reports each call once");
        self.stats.calls_failed += u64::from(has_failed);
        self.leave_tool(&call);
        match call.state {
            State::Stopping(Stopped::Cancelled) => self.answer_cancelled(now, &call),
            State::Queued(_) | State::Running | State::Waiting | State::Stopping(_) => {
                let mut payload = Vec::new();
                let status = write(&mut payload, &call.id);
                self.finish_call(now, &call, payload, status);
            }
        }
        self.drain_further();
    }

    /// Takes a call out of the table and out of its session's count.
    pub(super) fn remove_call(&mut self, now: Instant, key: Key<Call>) -> Option<Call> {
        let mut call = self.calls.remove(key)?;
        self.cancel(call.timer.take());
        if let Some(door) = call.door {
            self.stats.call_over(door, now.since(call.since));
        }
        if let Some(session) = call
            .session
            .and_then(|session| self.sessions.get_mut(session))
        {
            session.calls -= 1;
            session.last_seen = session.last_seen.max(call.since);
        }
        self.withdraw(now, call.stream, call.asked.take());
        self.recall(now, key, &call);
        Some(call)
    }

    /// Sends a call's answer to whoever waits for it.
    pub(super) fn finish_call(
        &mut self,
        now: Instant,
        call: &Call,
        mut payload: Vec<u8>,
        status: Status,
    ) {
        if (call.era, status, call.task) == (Era::Stateless, Status::Ok, None) {
            let freshness = call.method.freshness();
            self.stamp(call.scope, "complete", freshness, &mut payload);
        }
        match (call.task, call.stream) {
            (Some(task), _) => {
                if (call.era, status) == (Era::Stateless, Status::Ok) {
                    jsonrpc::amend_result(&mut payload, &["\"resultType\":\"complete\""]);
                }
                self.finish_task(now, task, &payload);
            }
            (None, Some(stream)) => self.answer(now, stream, call, payload, status),
            (None, None) => self.stats.answers_unwanted += 1,
        }
    }
}

/// The response that carries an outcome. Structured content that is no object is of 2026-07-28:
/// older clients would refuse the whole result, and have its text.
pub(super) fn encode_outcome(payload: &mut Vec<u8>, id: &Id, era: Era, outcome: &Outcome) {
    let structured = outcome.structured.as_deref();
    if era == Era::Handshake && structured.is_some_and(|json| !json.starts_with('{')) {
        let plain = Outcome {
            structured: None,
            ..outcome.clone()
        };
        return encode_outcome(payload, id, era, &plain);
    }
    jsonrpc::response_with(payload, id, |payload| outcome.encode(payload));
}

/// A notification with these parameters.
pub(super) fn notification(method: &str, params: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    jsonrpc::call_raw(&mut payload, None, method, params);
    payload
}
