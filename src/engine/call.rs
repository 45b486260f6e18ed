//! Calls: tool work in flight, from the request to its answer.
//!
//! | state | event | next | what happens |
//! |---|---|---|---|
//! | Queued | a place in the tool comes free | Running | the edge starts the work |
//! | Queued | cancelled, timed out | gone | answered; nothing ever ran |
//! | Running | outcome | gone | answered |
//! | Running | cancelled, timed out | Stopping | TERM to the process group |
//! | Stopping | grace is over | Stopping | KILL to the process group |
//! | Stopping | outcome | gone | answered, unless the client cancelled over HTTP+SSE |
//!
//! A call keeps its place in the table until its process is reaped, so `limits.calls` bounds the
//! processes as well.

use super::session::Session;
use super::stream::Stream;
use super::{Asker, Deadline, Engine, Era, Job};
use crate::admin::stats::DoorKind;
use crate::auth::Principal;
use crate::bounded::{Key, Timer};
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::method::Method;
use crate::mcp::refusal::Refusal;
use crate::mcp::stateless;
use crate::time::Instant;
use crate::tool::catalogue::listing_fingerprint;
use crate::tool::command::Stopped;
use crate::tool::handler::{Ended, Told};
use crate::tool::registry::{Registry, ToolIndex};
use crate::tool::{CallLimits, Outcome, Tool, Work};
use crate::wire::dialect::Dialect;
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::status::Status;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::VecDeque;
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
    /// How far it has come.
    pub(super) state: State,
    /// When it arrived.
    pub(super) since: Instant,
    /// Where it came in.
    door: DoorKind,
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
}

/// How busy one tool is.
#[derive(Debug)]
pub(super) struct ToolState {
    name: Rc<str>,
    running: u32,
    pub(super) queue: VecDeque<Key<Call>>,
}

impl ToolState {
    /// One state per tool, in the registry's order.
    pub fn for_registry(registry: &Registry) -> Vec<ToolState> {
        let name = |tool: &Rc<dyn Tool>| Rc::from(tool.spec().name.as_str());
        let idle = |tool| ToolState {
            name: name(tool),
            running: 0,
            queue: VecDeque::new(),
        };
        registry.iter().map(idle).collect()
    }
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
        matches!(self.state, State::Running)
    }

    /// Whether it was told to end.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.state, State::Stopping(_))
    }

    /// Whether the edge works on it.
    pub(super) fn is_with_edge(&self) -> bool {
        !matches!(self.state, State::Queued(_))
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
        let has_place = bounds.concurrency.is_none_or(|most| state.running < most);
        let queue_max = bounds.queue.unwrap_or(limits::QUEUE_DEFAULT) as usize;
        if !has_place && state.queue.len() >= queue_max {
            self.stats.calls_refused += 1;
            return Err(Refusal::ToolBusy);
        }
        let name = state.name.clone();
        let key = self.add_call(now, wanted, Some(tool), name, work, bounds)?;
        if has_place {
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
        if self.drain.is_some() {
            return Err(Refusal::Stopping);
        }
        if self.id_in_use(&wanted) {
            return Err(Refusal::IdInUse);
        }
        self.allow_call(wanted.asker.principal)?;
        let asker = wanted.asker;
        let session = asker.session.and_then(|key| self.sessions.get(key));
        let call = Call {
            id: wanted.id,
            session: wanted.asker.session,
            principal: wanted.asker.principal,
            method: wanted.method,
            era: wanted.asker.era,
            client: session.map_or(asker.client, |session| session.client),
            log_level: wanted.asker.log_level,
            dialect: wanted.asker.dialect,
            stream: None,
            tool,
            name,
            progress_token: wanted.progress_token,
            progress: 0,
            state: State::Queued(work),
            since: now,
            door: self.door,
            timeout: bounds.timeout.unwrap_or(self.config.timeouts.call),
            output_bytes_max: bounds
                .output_bytes_max
                .unwrap_or(self.config.limits.output_bytes_max),
            timer: None,
        };
        let key = self.calls.insert(call).map_err(|_| {
            self.stats.calls_refused += 1;
            Refusal::CallsFull
        })?;
        self.stats.calls += 1;
        self.stats.calls_begun += 1;
        if let Some(session) = wanted.asker.session {
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
    fn run_call(&mut self, key: Key<Call>) {
        let call = self
            .calls
            .get_mut(key)
            .expect("the caller has just seen it");
        let tool = call.tool;
        let told = Told {
            client: call.client,
            wants_progress: call.progress_token.is_some() || call.dialect.tells_progress_unasked(),
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
        let deadline = now + call.timeout;
        let timer = self.schedule(deadline, Deadline::Call(key));
        self.calls
            .get_mut(key)
            .expect("it was there a line above")
            .timer = timer;
    }

    /// The work of a call is over: its process, if any, is reaped.
    pub fn handle_outcome(&mut self, now: Instant, key: Key<Call>, outcome: &Outcome) {
        if !self.is_of_tool(key) {
            let answer = self.answer_of_outcome(key, outcome);
            return self.conclude_with(now, key, answer);
        }
        self.conclude(now, key, outcome.is_error, |payload, id| {
            encode_outcome(payload, id, outcome);
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
            Ok(mut result) => {
                jsonrpc::response_with(payload, id, |payload| payload.append(&mut result));
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
        if let Some(tool) = call.tool {
            self.tools[tool.as_usize()].running -= 1;
            if let Some(next) = self.tools[tool.as_usize()].queue.pop_front() {
                self.run_call(next);
            }
        }
        match call.state {
            State::Stopping(Stopped::Cancelled) => self.answer_cancelled(now, &call),
            State::Queued(_) | State::Running | State::Stopping(_) => {
                let mut payload = Vec::new();
                let status = write(&mut payload, &call.id);
                self.finish_call(now, &call, payload, status);
            }
        }
        self.drain_further();
    }

    /// Takes a call out of the table and out of its session's count.
    pub(super) fn remove_call(&mut self, now: Instant, key: Key<Call>) -> Option<Call> {
        let call = self.calls.remove(key)?;
        self.cancel(call.timer);
        self.stats.call_over(call.door, now.since(call.since));
        if let Some(session) = call
            .session
            .and_then(|session| self.sessions.get_mut(session))
        {
            session.calls -= 1;
            session.last_seen = session.last_seen.max(call.since);
        }
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
        if (call.era, status) == (Era::Stateless, Status::Ok) {
            self.stamp("complete", call.method.freshness(), &mut payload);
        }
        match call.stream {
            Some(stream) => self.answer(now, stream, call, payload, status),
            None => self.stats.answers_unwanted += 1,
        }
    }

    /// Matches the running and queued calls to a new set of tools. Calls of a tool that is gone
    /// run to their end; queued ones are answered at once.
    pub(super) fn replace_tools(&mut self, now: Instant, registry: Registry) {
        let mut states = ToolState::for_registry(&registry);
        let old = std::mem::take(&mut self.tools);
        let moved: Vec<Option<ToolIndex>> =
            old.iter().map(|state| registry.find(&state.name)).collect();
        let mut orphans = Vec::new();
        for (state, to) in old.into_iter().zip(&moved) {
            match to {
                Some(to) => states[to.as_usize()] = state,
                None => orphans.extend(state.queue),
            }
        }
        self.tools = states;
        self.registry = registry;
        let keys: Vec<Key<Call>> = self.calls.iter().map(|(key, _)| key).collect();
        for key in keys {
            let call = self.calls.get_mut(key).expect("the keys were just read");
            call.tool = call.tool.and_then(|tool| moved[tool.as_usize()]);
        }
        for key in orphans {
            self.stop_call(now, key, Stopped::Removed);
        }
    }

    /// The tools' counts are those of the calls.
    pub(super) fn check_tools(&self) {
        for (index, tool) in self.tools.iter().enumerate() {
            let of_tool = |call: &Call| call.tool.is_some_and(|tool| tool.as_usize() == index);
            let calls = || self.calls.iter().filter(|(_, call)| of_tool(call));
            let running = calls().filter(|(_, call)| call.is_with_edge()).count();
            assert_eq!(
                tool.running as usize, running,
                "{} miscounts its calls",
                tool.name
            );
            assert_eq!(
                tool.queue.len(),
                calls().count() - running,
                "{} lost a call",
                tool.name
            );
        }
    }
}

/// The response that carries an outcome.
pub(super) fn encode_outcome(payload: &mut Vec<u8>, id: &Id, outcome: &Outcome) {
    jsonrpc::response_with(payload, id, |payload| outcome.encode(payload));
}

/// A notification whose parameters are plain fields.
pub(super) fn notification(method: &str, params: &impl Serialize) -> Vec<u8> {
    let mut payload = Vec::new();
    let written = jsonrpc::notification(&mut payload, method, params);
    written.expect("plain fields are always JSON");
    payload
}
