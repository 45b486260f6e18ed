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
use super::{Asker, Deadline, Engine, Job};
use crate::admin::stats::DoorKind;
use crate::auth::Principal;
use crate::bounded::{Key, Timer};
use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::tool::command::Stopped;
use crate::tool::registry::{Registry, ToolIndex};
use crate::tool::{Outcome, Tool, Work};
use crate::wire::dialect::Dialect;
use crate::wire::jsonrpc::{self, Id};
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
    /// How its answer is said.
    pub dialect: Dialect,
    /// Where its answer goes; `None` once nobody can get it any more.
    pub stream: Option<Key<Stream>>,
    /// Index of the tool; `None` when a reload has removed the tool meanwhile.
    pub tool: Option<ToolIndex>,
    /// Name of the tool, for what is said of it.
    pub(super) name: Rc<str>,
    /// Given where the client wants to hear of progress.
    pub(super) progress_token: Option<Box<RawValue>>,
    /// Progress notifications sent.
    pub(super) progress: u64,
    /// How far it has come.
    state: State,
    /// When it arrived.
    pub(super) since: Instant,
    /// Where it came in.
    door: DoorKind,
    /// From start to TERM.
    timeout: Duration,
    /// Bytes of output to keep.
    output_bytes_max: usize,
    /// Runs until the timeout, then until the end of the grace.
    timer: Option<Timer>,
}

/// How far a call has come; see the table above.
#[derive(Debug)]
enum State {
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
    /// The progress token, if any.
    pub progress_token: Option<Box<RawValue>>,
}

/// How busy one tool is.
#[derive(Debug)]
pub(super) struct ToolState {
    name: Rc<str>,
    running: u32,
    queue: VecDeque<Key<Call>>,
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
        if self.drain.is_some() {
            return Err(Refusal::Stopping);
        }
        if self.id_in_use(&wanted) {
            return Err(Refusal::IdInUse);
        }
        self.allow_call(wanted.asker.principal)?;
        let bounds = self.registry.get(tool).limits();
        let state = &self.tools[tool.as_usize()];
        let has_place = bounds.concurrency.is_none_or(|most| state.running < most);
        let queue_max = bounds.queue.unwrap_or(limits::QUEUE_DEFAULT) as usize;
        if !has_place && state.queue.len() >= queue_max {
            self.stats.calls_refused += 1;
            return Err(Refusal::ToolBusy);
        }
        let call = Call {
            id: wanted.id,
            session: wanted.asker.session,
            principal: wanted.asker.principal,
            dialect: wanted.asker.dialect,
            stream: None,
            tool: Some(tool),
            name: state.name.clone(),
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
        if has_place {
            self.run_call(key)
        } else {
            self.tools[tool.as_usize()].queue.push_back(key)
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
        let tool = call
            .tool
            .expect("a queued call of a removed tool is answered at once");
        let State::Queued(work) = std::mem::replace(&mut call.state, State::Running) else {
            unreachable!("only queued calls are started");
        };
        let output_bytes_max = call.output_bytes_max;
        self.tools[tool.as_usize()].running += 1;
        self.jobs.push_back(Job::Start {
            call: key,
            work,
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
        let call = self
            .remove_call(now, key)
            .expect("the edge reports each call once");
        self.stats.calls_failed += u64::from(outcome.is_error);
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
                encode_outcome(&mut payload, &call.id, outcome);
                self.answer_call(now, &call, payload);
            }
        }
        self.drain_further();
    }

    /// Why a call is being stopped, for the outcome that the edge makes of it.
    pub fn why_stopped(&self, key: Key<Call>) -> Option<Stopped> {
        match self.calls.get(key)?.state {
            State::Stopping(why) => Some(why),
            State::Queued(_) | State::Running => None,
        }
    }

    /// The client no longer wants the answer to the request `id` of its session.
    pub(super) fn cancel_request(&mut self, now: Instant, session: Key<Session>, id: &Id) {
        let wanted = |call: &Call| call.session == Some(session) && call.id == *id;
        let found = self
            .calls
            .iter()
            .find(|(_, call)| wanted(call))
            .map(|(key, _)| key);
        if let Some(key) = found {
            self.stats.calls_cancelled += 1;
            self.stop_call(now, key, Stopped::Cancelled);
        }
    }

    /// Ends a call early. Whoever stops several must expect that the answer to one of them ends the
    /// session of the others, because its client lags, and they are gone already.
    pub(super) fn stop_call(&mut self, now: Instant, key: Key<Call>, why: Stopped) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        match &call.state {
            State::Stopping(_) => {}
            State::Queued(_) => self.drop_queued(now, key, why),
            State::Running => {
                call.state = State::Stopping(why);
                let timer = call.timer.take();
                self.cancel(timer);
                let timer = self.schedule(now + limits::KILL_GRACE, Deadline::Call(key));
                self.calls.get_mut(key).expect("it was there").timer = timer;
                self.jobs.push_back(Job::Terminate(key));
            }
        }
    }

    /// Answers a call that never ran.
    fn drop_queued(&mut self, now: Instant, key: Key<Call>, why: Stopped) {
        let call = self.remove_call(now, key).expect("the caller has seen it");
        if let Some(tool) = call.tool {
            self.tools[tool.as_usize()]
                .queue
                .retain(|queued| *queued != key);
        }
        let text = match why {
            Stopped::Cancelled => return self.answer_cancelled(now, &call),
            Stopped::TimedOut(timeout) => format!(
                "the call waited {} s for the tool's other calls and never started: try again, \
                 or raise the tool's concurrency",
                timeout.as_secs()
            ),
            Stopped::Draining => "the server is stopping".to_string(),
            Stopped::Removed => "a reload of the configuration has removed this tool".to_string(),
        };
        let mut payload = Vec::new();
        encode_outcome(&mut payload, &call.id, &Outcome::error(text));
        self.answer_call(now, &call, payload);
    }

    /// A call's timeout or its grace is over.
    pub(super) fn call_expired(&mut self, now: Instant, key: Key<Call>) {
        let call = self
            .calls
            .get_mut(key)
            .expect("a deadline dies with its record");
        call.timer = None;
        match call.state {
            State::Queued(_) | State::Running => {
                let why = Stopped::TimedOut(call.timeout);
                self.stats.calls_timed_out += 1;
                self.stop_call(now, key, why);
            }
            State::Stopping(_) => self.jobs.push_back(Job::Kill(key)),
        }
    }

    /// Takes a call out of the table and out of its session's count.
    fn remove_call(&mut self, now: Instant, key: Key<Call>) -> Option<Call> {
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
    fn answer_call(&mut self, now: Instant, call: &Call, payload: Vec<u8>) {
        match call.stream {
            Some(stream) => self.answer(now, stream, call, payload),
            None => self.stats.answers_unwanted += 1,
        }
    }

    /// A cancelled request should not be answered (basic/utilities/cancellation). On an answer
    /// stream it is all the same: the HTTP exchange has to end, and an end without an answer makes
    /// clients reconnect for it.
    fn answer_cancelled(&mut self, now: Instant, call: &Call) {
        let Some(stream) = call.stream else { return };
        if self
            .streams
            .get(stream)
            .is_some_and(|stream| stream.answer.is_some())
        {
            let mut payload = Vec::new();
            let error = jsonrpc::RpcError::new(jsonrpc::INTERNAL_ERROR, "cancelled by the client");
            jsonrpc::error(&mut payload, Some(&call.id), &error);
            self.answer(now, stream, call, payload);
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
