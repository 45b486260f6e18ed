//! Tasks: how they begin, what clients ask of them, how they go.
//!
//! The extension `io.modelcontextprotocol/tasks` of 2026-07-28 gives clients `tasks/get`,
//! `tasks/update` and `tasks/cancel`; all others have the tool `task-status`. A task outlives its
//! connection and its session, and is its principal's alone. Whoever shows nothing is told of
//! tasks by their ids, and has those of its own session listed.

use super::call::{self, Call, Wanted};
use super::dispatch::{Dispatched, Wrong, parse};
use super::session::Session;
use super::task::{State, Task};
use super::{Asker, Deadline, Engine, Era};
use crate::auth::{Access, Principal};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::capability::Capabilities;
use crate::mcp::stateless;
use crate::mcp::tasks::TaskParams;
use crate::time::Instant;
use crate::tool::builtin::TASK_STATUS;
use crate::tool::command::Stopped;
use crate::tool::forward::Scope;
use crate::tool::registry::ToolIndex;
use crate::tool::{Outcome, ServerTask, Tool, Work};
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::status::Status;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::rc::Rc;

/// The error of a task whose result is not kept.
const NO_ROOM: &str = concat!(
    r#"{"code":-32603,"message":"the result could not be kept: the memory budget is used up; "#,
    r#"the operator can raise limits.memory"}"#
);

impl Asker {
    /// Whether the client has the extension.
    pub(super) fn has_tasks(&self) -> bool {
        self.era == Era::Stateless && self.client.has(Capabilities::TASKS)
    }

    /// Whether the asker may be told the task's id.
    fn may_list(&self, task: &Task) -> bool {
        let is_known = self.principal.id != Principal::ANYBODY.id;
        let is_same = self.session.is_some() && self.session == task.session;
        task.principal.id == self.principal.id && (is_known || is_same)
    }
}

impl Engine {
    /// Whether there are tasks here: some tool makes them, or some are left from before a reload.
    pub(super) fn offers_tasks(&self) -> bool {
        let offers = |tool: &Rc<dyn Tool>| tool.spec().background.is_offered();
        !self.tasks.is_empty() || self.registry.iter().any(offers)
    }

    /// Whether there can be one more task.
    pub(super) fn has_task_room(&self) -> bool {
        !self.tasks.is_full() || self.tasks.iter().any(|(_, task)| task.call().is_none())
    }

    /// Begins a call as a task, and answers the request that asked for it.
    pub(super) fn begin_task(
        &mut self,
        now: Instant,
        tool: ToolIndex,
        work: Work,
        wanted: Wanted,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        let (id, asker) = (wanted.id.clone(), wanted.asker);
        let call = match self.start_call(now, tool, work, wanted) {
            Ok(call) => call,
            Err(refusal) => return Dispatched::Refused(refusal),
        };
        self.watch_call(now, call);
        let task = self.task_of(call);
        if asker.has_tasks() {
            self.tell_task(task, &id, payload);
            return Dispatched::Answered;
        }
        let mut outcome = Outcome::text(format!(
            "The tool {} now works in the background, as the task {1}. Call {TASK_STATUS} with \
             {{\"id\":\"{1}\"}} to see how far it is and to get its result.",
            task.tool,
            task.id.as_str()
        ));
        // Whoever has a schema of the result would find something else in it.
        if self.registry.get(tool).spec().output_schema.is_none() {
            let status = Object::default()
                .text("taskId", task.id.as_str())
                .text("status", task.status(None));
            outcome.structured = Some(into_text(status));
        }
        call::encode_outcome(payload, &id, asker.era, &outcome);
        self.whole(asker, payload)
    }

    /// The task of a call that has one.
    fn task_of(&self, call: Key<Call>) -> &Task {
        let call = self.calls.get(call).expect("it was just started");
        let task = call.task.and_then(|task| self.tasks.get(task));
        task.expect("it was started as a task")
    }

    /// The call of a working task.
    fn call_of(&self, task: &Task) -> Option<&Call> {
        task.call().and_then(|call| self.calls.get(call))
    }

    /// Answers a request with a task in place of a result (`CreateTaskResult`).
    fn tell_task(&self, task: &Task, id: &Id, payload: &mut Vec<u8>) {
        let described = task.describe(None).end();
        jsonrpc::response_raw(payload, id, &described);
        self.stamp(Scope::Everything, "task", None, payload);
    }

    /// Adds the task of a call that is begun or goes on. The oldest of those that are over makes
    /// room, the caller's own first: [`Engine::has_task_room`] has seen one.
    pub(super) fn add_task(
        &mut self,
        now: Instant,
        key: Key<Call>,
        session: Option<Key<Session>>,
    ) -> Key<Task> {
        let call = self.calls.get(key).expect("the caller has seen it");
        let (principal, timeout, tool) = (call.principal, call.timeout, call.name.clone());
        if self.tasks.is_full() {
            let over = self.tasks.iter().filter(|(_, task)| task.call().is_none());
            let oldest =
                over.min_by_key(|(_, task)| (task.principal.id != principal.id, task.ended));
            let oldest = oldest.map(|(key, _)| key);
            self.remove_task(oldest.expect("the caller has seen one"));
            self.stats.tasks_evicted += 1;
        }
        let created = self.wall_time(now);
        let task = Task {
            id: (self.draw_id)(),
            principal,
            session,
            tool,
            state: State::Working(key),
            message: String::new(),
            since: now,
            ended: now,
            created,
            updated: created,
            ttl: timeout + self.config.timeouts.task,
            timer: None,
        };
        self.stats.tasks += 1;
        let task = self.tasks.insert(task);
        task.unwrap_or_else(|_| unreachable!("room was made above"))
    }

    /// A call goes on as a task from here on, where its tool and its client allow it and there is
    /// room: its exchange ends with the task's id. Its time begins anew.
    pub(super) fn go_to_background(&mut self, now: Instant, key: Key<Call>) {
        let Some(call) = self.calls.get(key).filter(|call| call.is_running()) else {
            return;
        };
        let Some(stream) = call.stream.filter(|_| self.may_become_task(call)) else {
            return;
        };
        if !self.has_task_room() {
            self.stats.tasks_refused += 1;
            return;
        }
        self.give_task_time(key);
        let task = self.add_task(now, key, None);
        let call = self.calls.get_mut(key).expect("it was there above");
        call.task = Some(task);
        call.stream = None;
        let (id, timer) = (call.id.clone(), call.timer.take());
        if let Some(door) = call.door.take() {
            self.stats.call_over(door, now.since(call.since));
        }
        self.cancel(timer);
        self.watch_call(now, key);
        let mut payload = Vec::new();
        self.tell_task(self.task_of(key), &id, &mut payload);
        self.answer_request(now, stream, payload, Some(Status::Ok));
    }

    /// A call that becomes a task has the time of one, unless its tool says otherwise.
    fn give_task_time(&mut self, key: Key<Call>) {
        let call = self.calls.get_mut(key).expect("the caller has seen it");
        let tool = call.tool.map(|tool| self.registry.get(tool));
        if tool.is_none_or(|tool| tool.limits().timeout.is_none()) {
            call.timeout = self.config.timeouts.task;
        }
    }

    /// Whether a call may still become a task.
    pub(super) fn may_become_task(&self, call: &Call) -> bool {
        let has_extension = call.era == Era::Stateless && call.client.has(Capabilities::TASKS);
        let tool = call.tool.map(|tool| self.registry.get(tool).spec());
        has_extension && tool.is_some_and(|tool| tool.background.is_offered())
    }

    /// A call that asks its client, or has the last answer, changes the state of its task.
    pub(super) fn note_questions(&mut self, now: Instant, key: Key<Call>) {
        let task = self.calls.get(key).and_then(|call| call.task);
        if let Some(task) = task.filter(|task| self.tasks.contains(*task)) {
            self.task_changed(now, task);
        }
    }

    /// The state of a task is another one from now on, and whoever listens is told.
    fn task_changed(&mut self, now: Instant, key: Key<Task>) {
        let updated = self.wall_time(now);
        let task = self.tasks.get_mut(key).expect("the caller has seen it");
        task.updated = updated;
        self.tell_task_changed(now, key);
    }

    /// The name of a task on the wire.
    pub(super) fn name_of_task(&self, key: Key<Task>) -> &str {
        let task = self.tasks.get(key).expect("the caller has seen it");
        task.id.as_str()
    }

    /// All there is to be told of a task, as a JSON object.
    pub(super) fn detail_of_task(&self, key: Key<Task>) -> String {
        let task = self.tasks.get(key).expect("the caller has seen it");
        into_text(task.detail(self.call_of(task)))
    }

    /// What a running call says of its progress is what its task says of itself. Returns whether it
    /// has one.
    pub(super) fn note_progress(&mut self, now: Instant, key: Key<Call>, message: &str) -> bool {
        let Some(task) = self.calls.get(key).and_then(|call| call.task) else {
            return false;
        };
        let updated = self.wall_time(now);
        let found = self.tasks.get_mut(task);
        let working = found.filter(|found| found.call().is_some() && !message.is_empty());
        if let Some(working) = working {
            working.say(message);
            working.updated = updated;
        }
        true
    }

    /// The call of a task is over: `response` is its answer, which nobody waits for.
    pub(super) fn finish_task(&mut self, now: Instant, key: Key<Task>, response: &[u8]) {
        let task = self.tasks.get(key).filter(|task| task.call().is_some());
        if task.is_none() {
            self.stats.answers_unwanted += 1;
            return;
        }
        let members = jsonrpc::members(response);
        let came_to = members.result.or(members.error);
        let came_to = came_to.expect("responses have one of them");
        if !self.take_bytes(came_to.get().len()) {
            return self.end_task(now, key, State::Failed(NO_ROOM.into()));
        }
        let state = match members.result {
            Some(result) => State::Completed {
                result: result.get().into(),
                is_error: is_error(result),
            },
            None => State::Failed(Cow::Owned(came_to.get().to_string())),
        };
        self.end_task(now, key, state);
    }

    /// From here on the task is kept for whoever asks.
    fn end_task(&mut self, now: Instant, key: Key<Task>, state: State) {
        let kept = self.config.timeouts.task;
        let at = (now + kept).round_up(limits::COARSE);
        let timer = self.schedule(at, Deadline::Task(key));
        let task = self.tasks.get_mut(key).expect("the caller has seen it");
        match &state {
            State::Working(_) => unreachable!("it is over"),
            // How far it had come says nothing any more.
            State::Completed { .. } => task.message.clear(),
            State::Failed(error) => task.say(&error_message(error)),
            State::Cancelled => task.say("cancelled by the client"),
        }
        task.state = state;
        task.ended = now;
        task.ttl = now.since(task.since) + kept;
        task.timer = timer;
        self.task_changed(now, key);
    }

    /// The task was kept long enough.
    pub(super) fn task_expired(&mut self, key: Key<Task>) {
        let task = self.tasks.get_mut(key);
        task.expect("a deadline dies with its record").timer = None;
        self.remove_task(key);
    }

    fn remove_task(&mut self, key: Key<Task>) {
        let task = self.tasks.remove(key).expect("the caller has seen it");
        self.cancel(task.timer);
        self.pool.give(task.held_bytes());
    }

    /// Gives every task to what its principal is now; one whose principal is gone goes with it.
    pub(super) fn renew_tasks(&mut self, now: Instant, old: &Access) {
        let keys: Vec<Key<Task>> = self.tasks.iter().map(|(key, _)| key).collect();
        for key in keys {
            let task = self.tasks.get_mut(key).expect("the keys were just read");
            if let Some(principal) = self.config.access.renew(task.principal, old) {
                task.principal = principal;
                continue;
            }
            let call = task.call();
            self.remove_task(key);
            if let Some(call) = call {
                self.stop_call(now, call, Stopped::Cancelled);
            }
        }
    }

    /// `tasks/get`.
    pub(super) fn get_task(
        &mut self,
        asker: Asker,
        id: &Id,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        let params = task_params(&asker, params);
        match params.and_then(|params| self.named_task(&asker, &params)) {
            Ok(key) => {
                jsonrpc::response_raw(payload, id, self.detail_of_task(key).as_bytes());
                Dispatched::Answered
            }
            Err(wrong) => self.answer_wrong(payload, id, &wrong),
        }
    }

    /// `tasks/update`: answers of the client. What nobody has asked is of no consequence.
    pub(super) fn update_task(
        &mut self,
        now: Instant,
        asker: &Asker,
        params: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        let params = task_params(asker, params)?;
        let key = self.named_task(asker, &params)?;
        let responses = params.responses().map_err(params_wrong)?;
        let task = self.tasks.get(key).expect("it was just found");
        if let Some(call) = task.call() {
            self.take_answers(now, call, responses);
        }
        Ok(())
    }

    /// `tasks/cancel`. The task is cancelled at once, and its call is stopped: what that still
    /// comes to is dropped. A task that is over stays as it is.
    pub(super) fn cancel_task(
        &mut self,
        now: Instant,
        asker: &Asker,
        params: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        let key = self.named_task(asker, &task_params(asker, params)?)?;
        let task = self.tasks.get(key).expect("it was just found");
        if let Some(call) = task.call() {
            self.stats.calls_cancelled += 1;
            self.end_task(now, key, State::Cancelled);
            self.stop_call(now, call, Stopped::Cancelled);
        }
        Ok(())
    }

    fn named_task(&self, asker: &Asker, params: &TaskParams<'_>) -> Result<Key<Task>, Wrong> {
        let found = self.find_task(asker.principal, &params.task_id);
        found.ok_or_else(|| task_unknown(&params.task_id))
    }

    /// The task of this id, if it is the principal's.
    pub(super) fn find_task(&self, principal: Principal, id: &str) -> Option<Key<Task>> {
        let is_own = |task: &Task| task.principal.id == principal.id;
        let wanted = |task: &Task| task.id.as_str() == id && is_own(task);
        let mut tasks = self.tasks.iter();
        tasks.find(|(_, task)| wanted(task)).map(|(key, _)| key)
    }

    /// The built-in tool `task-status` of one task.
    pub(super) fn tell_status(
        &mut self,
        asker: Asker,
        request: &Id,
        id: &str,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        let Some(key) = self.find_task(asker.principal, id) else {
            let unknown = Outcome::error(task_unknown(id).message);
            return self.say_outcome(asker, request, &unknown, payload);
        };
        self.stats.calls += 1;
        let task = self.tasks.get(key).expect("it was just found");
        let call = self.call_of(task);
        jsonrpc::response_with(payload, request, |out| encode_status(task, call, out));
        self.whole(asker, payload)
    }

    /// The asker's tasks, the newest first, and those of the server.
    pub(super) fn list_tasks(&self, asker: Asker, server: &[ServerTask]) -> Outcome {
        let tasks = self.tasks.iter().map(|(_, task)| task);
        let mut own: Vec<&Task> = tasks.filter(|task| asker.may_list(task)).collect();
        own.sort_unstable_by_key(|task| std::cmp::Reverse(task.since));
        let mut text = match own.len() {
            0 => "You have no tasks.".to_string(),
            1 => "You have one task:".to_string(),
            count => format!("You have {count} tasks, the newest first:"),
        };
        let more = own.len().saturating_sub(limits::TASKS_SHOWN_MAX);
        own.truncate(limits::TASKS_SHOWN_MAX);
        for task in &own {
            text.push('\n');
            text.push_str(&task.line(self.call_of(task)));
        }
        if more > 0 {
            text.push_str(&format!("\nand {more} more"));
        }
        for task in server {
            text.push_str("\nOf the server itself: ");
            text.push_str(&task.line);
        }
        let tasks = own.iter().map(|task| described(task, self.call_of(task)));
        let tasks = tasks.chain(server.iter().map(|task| Object::begun(&task.described)));
        let listed = Object::default().list("tasks", tasks);
        Outcome {
            structured: Some(into_text(listed)),
            ..Outcome::text(text)
        }
    }
}

/// What programs are told of a task, the name of its tool included.
fn described(task: &Task, call: Option<&Call>) -> Object {
    task.describe(call).text("tool", &task.tool)
}

/// What `task-status` says of one task: how it is, and then what it came to.
fn encode_status(task: &Task, call: Option<&Call>, out: &mut Vec<u8>) {
    let status = Outcome::text(task.line(call));
    let mut structured = described(task, call);
    out.push(b'{');
    status.encode_members(out);
    // The list goes on.
    out.pop();
    if let State::Completed { result, .. } = &task.state {
        let [content] = json::pick(result, ["content"]).unwrap_or_default();
        let items = content.map_or("", |content| content.get());
        let items = items
            .strip_prefix('[')
            .and_then(|items| items.strip_suffix(']'));
        if let Some(items) = items.filter(|items| !items.trim_ascii().is_empty()) {
            out.push(b',');
            out.extend_from_slice(items.as_bytes());
        }
        structured = structured.json("result", result.as_bytes());
    }
    out.extend_from_slice(b"],\"structuredContent\":");
    out.append(&mut structured.end());
    out.push(b'}');
}

/// Whether a tool's result says that the tool has failed.
fn is_error(result: &RawValue) -> bool {
    let picked = json::pick(result.get(), ["isError"]);
    matches!(picked, Ok([Some(is_error)]) if is_error.get() == "true")
}

/// The `message` of an `error` object.
fn error_message(error: &str) -> Cow<'_, str> {
    let [message] = json::pick(error, ["message"]).unwrap_or_default();
    message.and_then(json::text).unwrap_or_default()
}

/// What a request is about, if its client may ask for tasks at all.
fn task_params<'p>(asker: &Asker, params: Option<&'p RawValue>) -> Result<TaskParams<'p>, Wrong> {
    if !asker.has_tasks() {
        return Err(stateless::capability_missing(Capabilities::TASKS));
    }
    parse(params)
}

fn params_wrong(problem: &'static str) -> Wrong {
    RpcError::new(jsonrpc::INVALID_PARAMS, problem)
}

fn into_text(object: Object) -> String {
    String::from_utf8(object.end()).expect("texts make a text")
}

fn task_unknown(id: &str) -> Wrong {
    let shown: String = id.chars().take(64).collect();
    let text = format!("there is no task {shown:?} of yours: it has never been, or is forgotten");
    RpcError::new(jsonrpc::INVALID_PARAMS, text)
}
