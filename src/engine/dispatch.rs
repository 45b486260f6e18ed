//! From a JSON-RPC message to what answers it: the same for every transport.

use super::call::{self, Call, Wanted};
use super::session::Session;
use super::stream::Stream;
use super::{Asker, Engine, Era};
use crate::auth::role::Role;
use crate::bounded::Key;
use crate::mcp::capability::Capabilities;
use crate::mcp::message::{CallParams, CancelledParams, ListParams, Meta, Params, SetLevelParams};
use crate::mcp::method::{Method, Notice};
use crate::mcp::refusal::{Refusal, What};
use crate::mcp::stateless;
use crate::time::Instant;
use crate::tool::forward::Scope;
use crate::tool::registry::{Registry, ToolIndex};
use crate::tool::{Outcome, Start, Work};
use crate::upstream::request;
use crate::wire::json;
use crate::wire::jsonrpc::{self, Id, RpcError};
use serde_json::value::RawValue;

/// What a request led to.
pub(super) enum Dispatched {
    /// The response is in the payload.
    Answered,
    /// An error with this code is in the payload.
    Wrong(i32),
    /// There is no such tool; the response, with the code of the specification, is in the payload.
    ToolUnknown,
    /// A call will answer it.
    Called(Key<Call>),
    /// It is not served, and nothing was done.
    Refused(Refusal),
}

/// The error of a request that makes no sense.
pub(super) type Wrong = RpcError;

impl Engine {
    /// Serves one request; `payload` is empty and takes the response if there is one at once.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        asker: Asker,
        id: &Id,
        method: &str,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        if let Some(refusal) = asker.refused {
            return Dispatched::Refused(refusal);
        }
        let is_in_era = |known: &Method| match asker.era {
            Era::Handshake => known.is_in_handshake(),
            Era::Stateless => known.is_in_stateless(),
        };
        let Some(known) = Method::parse(method).filter(is_in_era) else {
            return self.answer_wrong(payload, id, &method_unknown(method));
        };
        if asker.era == Era::Handshake {
            return self.serve_method(now, asker, id, known, params, payload);
        }
        if known.may_ask()
            && let Some(dispatched) = self.retry(now, asker, id, known, params, payload)
        {
            return dispatched;
        }
        let dispatched = self.serve_method(now, asker, id, known, params, payload);
        match &dispatched {
            // Calls say themselves what kind of result they have.
            Dispatched::Answered if known == Method::ToolsCall => {}
            Dispatched::Answered => {
                self.stamp(asker.scope, "complete", known.freshness(), payload);
            }
            Dispatched::Called(call) => self.prepare_to_ask(*call, known, params),
            Dispatched::Wrong(_) | Dispatched::ToolUnknown | Dispatched::Refused(_) => {}
        }
        dispatched
    }

    /// The same for a method that the request's revision has.
    fn serve_method(
        &mut self,
        now: Instant,
        asker: Asker,
        id: &Id,
        known: Method,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        if let Some(wrong) = self
            .unknown_in(asker.scope)
            .filter(|_| known != Method::Ping)
        {
            return self.answer_wrong(payload, id, &wrong);
        }
        let session = asker.session;
        if known.needs_session() && session.is_none() {
            return Dispatched::Refused(Refusal::SessionNeeded);
        }
        if !self.is_offered(asker.scope, known) {
            return self.answer_wrong(payload, id, &not_offered(known));
        }
        let result = match known {
            Method::ToolsCall => return self.call_tool(now, asker, id, params, payload),
            Method::Initialize => return self.initialize_again(session, id, params, payload),
            Method::ToolsList => match self.list_tools(asker, id, params, payload) {
                Ok(()) => return Dispatched::Answered,
                Err(wrong) => Err(wrong),
            },
            Method::ServerDiscover => {
                self.discover(asker.scope, id, payload);
                return Dispatched::Answered;
            }
            Method::Ping => Ok(()),
            Method::LoggingSetLevel => self.set_level(session, params),
            Method::SubscriptionsListen => Err(not_offered(known)),
            Method::TasksGet => return self.get_task(asker, id, params, payload),
            Method::TasksUpdate => self.update_task(now, &asker, params),
            Method::TasksCancel => self.cancel_task(now, &asker, params),
            Method::ResourcesSubscribe => match self.subscribe(now, asker, params) {
                Ok(result) => result,
                Err(refusal) => return Dispatched::Refused(refusal),
            },
            Method::ResourcesUnsubscribe => self.unsubscribe(now, session, params),
            Method::ResourcesList
            | Method::ResourceTemplatesList
            | Method::ResourcesRead
            | Method::PromptsList
            | Method::PromptsGet
            | Method::CompletionComplete => {
                return self.consult(now, asker, id, known, params, payload);
            }
        };
        match result {
            Ok(()) => {
                jsonrpc::response_raw(payload, id, b"{}");
                Dispatched::Answered
            }
            Err(wrong) => self.answer_wrong(payload, id, &wrong),
        }
    }

    /// Whether there is something in the scope that the method is about.
    fn is_offered(&self, scope: Scope, method: Method) -> bool {
        let is_own = scope == Scope::Everything;
        let offer = || self.offer_in(scope);
        match method {
            Method::Initialize
            | Method::Ping
            | Method::ServerDiscover
            | Method::SubscriptionsListen => true,
            Method::ToolsList | Method::ToolsCall => is_own || offer().tools,
            Method::LoggingSetLevel => is_own || offer().logging,
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => {
                self.offers_tasks_in(scope)
            }
            Method::ResourcesList | Method::ResourceTemplatesList | Method::ResourcesRead => {
                offer().resources
            }
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => offer().subscribe,
            Method::PromptsList | Method::PromptsGet => offer().prompts,
            Method::CompletionComplete => offer().completions,
        }
    }

    /// Writes the error of a request that makes no sense.
    pub(super) fn answer_wrong(
        &mut self,
        payload: &mut Vec<u8>,
        id: &Id,
        wrong: &Wrong,
    ) -> Dispatched {
        self.stats.errors += 1;
        jsonrpc::error(payload, Some(id), wrong);
        Dispatched::Wrong(wrong.code)
    }

    /// A notification. None is ever answered.
    pub(super) fn notice(
        &mut self,
        now: Instant,
        key: Key<Session>,
        method: &str,
        params: Option<&RawValue>,
    ) {
        match Notice::parse(method) {
            Notice::Initialized => {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.confirmed |= session.initialized;
                }
            }
            Notice::Cancelled => {
                let Ok(params) = parse::<CancelledParams>(params) else {
                    return;
                };
                if let Some(id) = Id::of(params.request_id) {
                    self.cancel_request(now, key, &id);
                }
            }
            Notice::Other => {}
        }
    }

    /// `tools/list`: a page of those that the role may use.
    fn list_tools(
        &self,
        asker: Asker,
        id: &Id,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Result<(), Wrong> {
        let cursor = match params {
            Some(_) => parse::<ListParams>(params)?.cursor,
            None => None,
        };
        let role = self.config.access.role(asker.principal.role);
        let may_use = |tool| may_use(role, &self.registry, tool);
        let page = self.registry.page(asker.scope, cursor.as_deref(), &may_use);
        jsonrpc::response_raw(payload, id, &page.ok_or_else(cursor_unknown)?);
        Ok(())
    }

    /// `logging/setLevel`.
    fn set_level(
        &mut self,
        session: Option<Key<Session>>,
        params: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        let level = parse::<SetLevelParams>(params)?.level;
        let session = session.and_then(|session| self.sessions.get_mut(session));
        session.expect("the method needs a session").log_level = Some(level);
        Ok(())
    }

    /// `tools/call`.
    fn call_tool(
        &mut self,
        now: Instant,
        asker: Asker,
        id: &Id,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        let params = match parse::<CallParams>(params) {
            Ok(params) => params,
            Err(wrong) => return self.answer_wrong(payload, id, &wrong),
        };
        let Some(index) = self.registry.find_in(asker.scope, &params.name) else {
            self.answer_wrong(payload, id, &tool_unknown(&params.name));
            return Dispatched::ToolUnknown;
        };
        let role = asker.principal.role;
        if !may_use(self.config.access.role(role), &self.registry, index) {
            return Dispatched::Refused(Refusal::RoleForbids(role, What::Tool));
        }
        let token = || call_token(params.meta);
        // A claim was checked as a whole: most calls need not read it again.
        if asker.era == Era::Handshake
            && let Err(wrong) = token()
        {
            return self.answer_wrong(payload, id, &wrong);
        }
        let background = self.registry.get(index).spec().background;
        if background.is_required() && !asker.has_tasks() {
            return self.tasks_missing(asker, id, payload);
        }
        let arguments = params.arguments.unwrap_or_else(|| json::literal("{}"));
        match self.registry.get(index).start(arguments) {
            Start::Done(outcome) => {
                let outcome = self.within_output(index, outcome);
                self.say_outcome(asker, id, &outcome, payload)
            }
            Start::TaskStatus(task) => self.tell_status(asker, id, &task, payload),
            Start::TaskList(server) => {
                let listed = self.list_tasks(asker, &server);
                self.say_outcome(asker, id, &listed, payload)
            }
            Start::Work(mut work) => {
                if let (Work::Upstream(forward), Some(meta)) = (&mut work, params.meta) {
                    forward.meta = request::foreign(meta);
                }
                let progress_token = token().ok().flatten().map(ToOwned::to_owned);
                let wanted = Wanted {
                    id: id.clone(),
                    asker,
                    method: Method::ToolsCall,
                    progress_token,
                    in_background: background.begins(asker.has_tasks()),
                };
                if wanted.in_background {
                    return self.begin_task(now, index, work, wanted, payload);
                }
                match self.start_call(now, index, work, wanted) {
                    Ok(call) => Dispatched::Called(call),
                    Err(refusal) => Dispatched::Refused(refusal),
                }
            }
        }
    }

    /// Answers a call with an outcome that is there at once.
    pub(super) fn say_outcome(
        &mut self,
        asker: Asker,
        id: &Id,
        outcome: &Outcome,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        self.stats.calls += 1;
        self.stats.calls_failed += u64::from(outcome.is_error);
        call::encode_outcome(payload, id, asker.era, outcome);
        self.whole(asker, payload)
    }

    /// A result of a call that is whole.
    pub(super) fn whole(&self, asker: Asker, payload: &mut Vec<u8>) -> Dispatched {
        if asker.era == Era::Stateless {
            self.stamp(asker.scope, "complete", None, payload);
        }
        Dispatched::Answered
    }

    /// The tool makes tasks of all its calls, and the client knows of none.
    fn tasks_missing(&mut self, asker: Asker, id: &Id, payload: &mut Vec<u8>) -> Dispatched {
        match asker.era {
            Era::Stateless => {
                let wrong = stateless::capability_missing(Capabilities::TASKS);
                self.answer_wrong(payload, id, &wrong)
            }
            Era::Handshake => {
                let outcome = Outcome::error(TASKS_NEEDED);
                self.say_outcome(asker, id, &outcome, payload)
            }
        }
    }

    /// An outcome that is there at once, unless it is longer than the tool's output may be.
    fn within_output(&self, tool: ToolIndex, outcome: Outcome) -> Outcome {
        let bounds = self.registry.get(tool).limits();
        let most = bounds
            .output_bytes_max
            .unwrap_or(self.config.limits.output_bytes_max);
        let bytes = outcome.bytes();
        if bytes <= most {
            return outcome;
        }
        Outcome::error(format!(
            "the output has {bytes} bytes, more than {most}; the operator can raise limits.output"
        ))
    }

    /// A call that is answered on a session's one stream.
    pub(super) fn direct_call(&mut self, now: Instant, key: Key<Call>, stream: Key<Stream>) {
        self.calls.get_mut(key).expect("it was just started").stream = Some(stream);
        self.watch_call(now, key);
    }
}

/// What clients of revisions with a handshake are told, which have no extensions.
const TASKS_NEEDED: &str = "this tool was not run: it works in the background only, for clients \
                            of 2026-07-28 with the extension io.modelcontextprotocol/tasks";

/// Whether the role may use the tool: in every scope by its name where everything is offered.
pub(super) fn may_use(role: &Role, registry: &Registry, tool: ToolIndex) -> bool {
    let annotations = &registry.get(tool).spec().annotations;
    role.may_use(registry.name(tool), annotations.read_only == Some(true))
}

pub(super) fn cursor_unknown() -> Wrong {
    RpcError::new(
        jsonrpc::INVALID_PARAMS,
        "params.cursor: not a cursor of this list",
    )
}

/// Reads `params`; absent ones are an empty object.
pub(super) fn parse<'a, T: Params<'a>>(params: Option<&'a RawValue>) -> Result<T, Wrong> {
    T::read(params.map_or("{}", RawValue::get))
        .map_err(|problem| RpcError::new(jsonrpc::INVALID_PARAMS, problem))
}

/// The same for a call, of which the metadata has not been read.
fn call_token(meta: Option<&RawValue>) -> Result<Option<&RawValue>, Wrong> {
    let meta = meta.map(Meta::of).transpose();
    progress_token(meta.map_err(|problem| RpcError::new(jsonrpc::INVALID_PARAMS, problem))?)
}

/// The token under which the client wants to hear of progress.
pub(super) fn progress_token(meta: Option<Meta<'_>>) -> Result<Option<&RawValue>, Wrong> {
    let token = meta.and_then(|meta| meta.progress_token);
    if token.is_some_and(|token| Id::of(token).is_none()) {
        let text = "params._meta.progressToken: a string or a number of at most 128 bytes";
        return Err(RpcError::new(jsonrpc::INVALID_PARAMS, text));
    }
    Ok(token)
}

fn method_unknown(method: &str) -> Wrong {
    let shown: String = method.chars().take(64).collect();
    RpcError::new(
        jsonrpc::METHOD_NOT_FOUND,
        format!("unknown method {shown:?}"),
    )
}

fn not_offered(method: Method) -> Wrong {
    let name = method.name();
    RpcError::new(
        jsonrpc::METHOD_NOT_FOUND,
        format!("{name} is not offered by this server"),
    )
}

fn tool_unknown(name: &str) -> Wrong {
    let shown: String = name.chars().take(64).collect();
    RpcError::new(
        jsonrpc::INVALID_PARAMS,
        format!("unknown tool {shown:?}: see tools/list"),
    )
}
