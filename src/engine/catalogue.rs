//! Resources, prompts and completion. What is fixed is answered at once; what is live may be work,
//! which then is a call as that of a tool: with a deadline, cancellation and progress.

use super::call::{Call, State, Wanted};
use super::dispatch::{Dispatched, Wrong, cursor_unknown, parse, progress_token};
use super::session::{Interests, Session};
use super::{Asker, Engine, Era};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::message::{CompletionParams, GetPromptParams, ListParams, Meta, ResourceParams};
use crate::mcp::method::Method;
use crate::mcp::refusal::Refusal;
use crate::mcp::stateless;
use crate::time::Instant;
use crate::tool::catalogue::{
    self, Asked, Begun, Body, Catalogue, Completion, Contents, Live, Messages, PromptMessage,
    Source,
};
use crate::tool::command::Stopped;
use crate::tool::handler::Ended;
use crate::tool::{CallLimits, Content, Outcome, Work};
use crate::wire::json::Object;
use crate::wire::jsonrpc::{self, Id, RpcError};
use serde_json::value::RawValue;

/// No resource has this URI (MCP 2024-11-05 to 2025-11-25, server/resources, error handling).
const RESOURCE_NOT_FOUND: i32 = -32002;

/// What a request about the catalogue led to.
enum Consulted {
    /// The result: a JSON object.
    Result(Vec<u8>),
    /// The edge has this to do, within these limits; what it is about is named last.
    Work(Work, CallLimits, String),
}

/// Whose contents, messages or values these are.
#[derive(Clone, Copy)]
struct Subject<'a> {
    /// What was asked for.
    method: Method,
    /// By whose rules.
    era: Era,
    /// URI of the resource, name of the prompt, or what a completion is of.
    name: &'a str,
    /// Bytes that the answer may have.
    bytes_max: usize,
}

impl Engine {
    /// Takes over other resources and prompts. Whoever listens is told which listings differ from
    /// those before; other contents alone are told by [`Engine::handle_resource_updated`]. Calls in
    /// flight run to their end.
    pub fn replace_catalogue(&mut self, now: Instant, catalogue: Catalogue) {
        let old = std::mem::replace(&mut self.catalogue, catalogue);
        let has_other_resources =
            old.resources_fingerprint() != self.catalogue.resources_fingerprint();
        let has_other_prompts = old.prompts_fingerprint() != self.catalogue.prompts_fingerprint();
        if has_other_prompts {
            self.prompts_changed(now);
        }
        if has_other_resources {
            self.resources_changed(now);
        }
        self.watch(now);
    }

    /// Requests about the catalogue.
    pub(super) fn consult(
        &mut self,
        now: Instant,
        asker: Asker,
        id: &Id,
        method: Method,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        match self.consulted(asker.era, method, params) {
            Ok(Consulted::Result(result)) => {
                jsonrpc::response_raw(payload, id, &result);
                Dispatched::Answered
            }
            Err(wrong) => self.answer_wrong(payload, id, &wrong),
            Ok(Consulted::Work(work, bounds, name)) => {
                let token = parse::<Meta<'_>>(params).and_then(|meta| progress_token(Some(meta)));
                let token = match token {
                    Ok(token) => token,
                    Err(wrong) => return self.answer_wrong(payload, id, &wrong),
                };
                let wanted = Wanted {
                    id: id.clone(),
                    asker,
                    method,
                    progress_token: token.map(ToOwned::to_owned),
                    in_background: false,
                };
                match self.start_other(now, &name, work, bounds, wanted) {
                    Ok(call) => Dispatched::Called(call),
                    Err(refusal) => Dispatched::Refused(refusal),
                }
            }
        }
    }

    fn consulted(
        &self,
        era: Era,
        method: Method,
        params: Option<&RawValue>,
    ) -> Result<Consulted, Wrong> {
        let catalogue = &self.catalogue;
        match method {
            Method::ResourcesList if catalogue.lister.is_some() => self.list_resources(era, params),
            Method::ResourcesList => {
                let entry = |place: usize| catalogue.resources[place].entry();
                list("resources", catalogue.resources.len(), &entry, params)
            }
            Method::ResourceTemplatesList => {
                let entry = |place: usize| catalogue.templates[place].entry();
                list(
                    "resourceTemplates",
                    catalogue.templates.len(),
                    &entry,
                    params,
                )
            }
            Method::PromptsList => {
                let entry = |place: usize| catalogue.prompts[place].entry();
                list("prompts", catalogue.prompts.len(), &entry, params)
            }
            Method::ResourcesRead => self.read_resource(era, params),
            Method::PromptsGet => self.get_prompt(era, params),
            Method::CompletionComplete => self.complete(era, params),
            Method::Initialize
            | Method::Ping
            | Method::ToolsList
            | Method::ToolsCall
            | Method::ResourcesSubscribe
            | Method::ResourcesUnsubscribe
            | Method::LoggingSetLevel
            | Method::ServerDiscover
            | Method::SubscriptionsListen
            | Method::TasksGet
            | Method::TasksUpdate
            | Method::TasksCancel => unreachable!("served by the caller"),
        }
    }

    /// `resources/list` where some of them come and go: they are looked for now. The call is named
    /// by the cursor.
    fn list_resources(&self, era: Era, params: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let cursor = parse::<ListParams<'_>>(params)?.cursor;
        if cursor.as_deref() == Some("") {
            return Err(cursor_unknown());
        }
        let cursor = cursor.unwrap_or_default();
        let asked = Asked {
            name: &cursor,
            arguments: &Default::default(),
            typed: None,
        };
        let lister = self.catalogue.lister.as_ref();
        let lister = lister.expect("the caller has seen it");
        self.begin(era, Method::ResourcesList, &**lister, &asked)
    }

    /// `resources/read`.
    fn read_resource(&self, era: Era, params: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let params: ResourceParams<'_> = parse(params)?;
        let uri = &*params.uri;
        let unknown = || resource_unknown(era, uri);
        let found = self.catalogue.find(uri).ok_or_else(unknown)?;
        match found.source {
            Source::Fixed(body) => {
                let body = body.filled(&found.variables);
                let result = catalogue::encode_body(uri, found.mime_type, &body);
                Ok(Consulted::Result(result))
            }
            Source::Live(live) => {
                let asked = Asked {
                    name: uri,
                    arguments: &found.variables,
                    typed: None,
                };
                self.begin(era, Method::ResourcesRead, &**live, &asked)
            }
        }
    }

    /// `prompts/get`.
    fn get_prompt(&self, era: Era, params: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let GetPromptParams {
            name,
            mut arguments,
        } = parse(params)?;
        let unknown = || wrong_params(format!("unknown prompt \"{name:.64}\""));
        let prompt = self.catalogue.prompt(&name).ok_or_else(unknown)?;
        if let Some(argument) = prompt.missing(&arguments) {
            let text = format!("prompt {name:?} needs argument {argument:?}");
            return Err(wrong_params(text));
        }
        match &prompt.messages {
            Messages::Fixed(messages) => {
                prompt.blank_absent(&mut arguments);
                let messages = messages.iter();
                let messages = messages.map(|message| message.filled(&arguments).encode());
                let description = prompt.description.as_deref();
                let result = catalogue::encode_messages(description, messages);
                Ok(Consulted::Result(result))
            }
            Messages::Live(live) => {
                let asked = Asked {
                    name: &name,
                    arguments: &arguments,
                    typed: None,
                };
                self.begin(era, Method::PromptsGet, &**live, &asked)
            }
        }
    }

    /// `completion/complete`.
    fn complete(&self, era: Era, params: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let params: CompletionParams<'_> = parse(params)?;
        let offered = self.catalogue.offered(&params).map_err(wrong_params)?;
        let typed = &*params.typed.value;
        match offered.completion {
            Completion::None => Ok(Consulted::Result(catalogue::encode_values(&[], typed))),
            Completion::Values(values) => {
                Ok(Consulted::Result(catalogue::encode_values(values, typed)))
            }
            Completion::Live(live) => {
                let asked = Asked {
                    name: offered.name,
                    arguments: &params.arguments,
                    typed: Some(&params.typed),
                };
                self.begin(era, Method::CompletionComplete, &**live, &asked)
            }
        }
    }

    /// Asks what is live: it has the answer, or knows what has to be done for it.
    fn begin(
        &self,
        era: Era,
        method: Method,
        live: &dyn Live,
        asked: &Asked<'_>,
    ) -> Result<Consulted, Wrong> {
        let bounds = live.limits();
        let ended = match live.start(asked) {
            Begun::Work(work) => {
                return Ok(Consulted::Work(work, bounds, asked.name.to_string()));
            }
            Begun::Over(ended) => ended,
        };
        let output_bytes_max = self.config.limits.output_bytes_max;
        let subject = Subject {
            method,
            era,
            name: asked.name,
            bytes_max: bounds.output_bytes_max.unwrap_or(output_bytes_max),
        };
        answer(&self.catalogue, subject, &ended).map(Consulted::Result)
    }

    /// What a call that is none of a tool is answered with.
    pub(super) fn answer_of(&self, key: Key<Call>, ended: &Ended) -> Result<Vec<u8>, RpcError> {
        let call = self
            .calls
            .get(key)
            .expect("the edge reports each call once");
        answer(&self.catalogue, Subject::of(call), ended)
    }

    /// The same for one that a process or the edge itself has worked for.
    pub(super) fn answer_of_outcome(
        &self,
        key: Key<Call>,
        outcome: &Outcome,
    ) -> Result<Vec<u8>, RpcError> {
        let call = self
            .calls
            .get(key)
            .expect("the edge reports each call once");
        if let State::Stopping(Stopped::TimedOut(timeout)) = call.state {
            let seconds = timeout.as_secs();
            let text = format!(
                "stopped after {seconds} s: the operator can raise its timeout or timeouts.call"
            );
            return Err(RpcError::new(jsonrpc::INTERNAL_ERROR, text));
        }
        if outcome.is_error {
            return Err(RpcError::new(
                jsonrpc::INTERNAL_ERROR,
                outcome.said().to_string(),
            ));
        }
        let contents = outcome.content.iter().map(contents_of).collect();
        answer(
            &self.catalogue,
            Subject::of(call),
            &Ended::Contents(contents),
        )
    }

    /// `resources/subscribe`. Without memory for it, it is refused.
    pub(super) fn subscribe(
        &mut self,
        now: Instant,
        asker: Asker,
        params: Option<&RawValue>,
    ) -> Result<Result<(), Wrong>, Refusal> {
        let uri = match parse::<ResourceParams<'_>>(params) {
            Ok(params) => params.uri,
            Err(wrong) => return Ok(Err(wrong)),
        };
        if !self.catalogue.has_resource(&uri) {
            return Ok(Err(resource_unknown(asker.era, &uri)));
        }
        let key = asker.session.expect("the method needs a session");
        let session = self.sessions.get_mut(key).expect("the caller has found it");
        let interests = session.interests.as_deref();
        let subscriptions = interests.map_or(&[][..], |interests| &interests.resources);
        if subscriptions.iter().any(|subscribed| **subscribed == *uri) {
            return Ok(Ok(()));
        }
        if subscriptions.len() >= limits::SUBSCRIPTIONS_MAX {
            let most = limits::SUBSCRIPTIONS_MAX;
            let text = format!("a session may subscribe to {most} resources");
            return Ok(Err(wrong_params(text)));
        }
        let bytes = session.bytes_to_hear(Interests::bytes_of(&uri));
        if !self.can_watch(&uri) {
            let text = "so many resources are looked at already: unsubscribe from another one";
            return Ok(Err(wrong_params(text.to_string())));
        }
        if !self.take_bytes(bytes) {
            return Err(Refusal::MemoryFull);
        }
        let session = self.sessions.get_mut(key).expect("it was there above");
        let interests = session.interests.get_or_insert_default();
        interests.resources.push(Box::from(&*uri));
        self.watch(now);
        Ok(Ok(()))
    }

    /// `resources/unsubscribe`. What is not subscribed to is left alone.
    pub(super) fn unsubscribe(
        &mut self,
        session: Option<Key<Session>>,
        params: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        let uri = parse::<ResourceParams<'_>>(params)?.uri;
        let session = session.and_then(|session| self.sessions.get_mut(session));
        let session = session.expect("the method needs a session");
        let before = session.held_bytes();
        if let Some(interests) = &mut session.interests {
            interests.resources.retain(|known| **known != *uri);
        }
        let freed = before - session.held_bytes();
        self.pool.give(freed);
        Ok(())
    }
}

impl<'a> Subject<'a> {
    fn of(call: &'a Call) -> Subject<'a> {
        Subject {
            method: call.method,
            era: call.era,
            name: &call.name,
            bytes_max: call.output_bytes_max,
        }
    }
}

/// One page of a list.
fn list(
    name: &str,
    entries: usize,
    entry: &dyn Fn(usize) -> Object,
    params: Option<&RawValue>,
) -> Result<Consulted, Wrong> {
    let params: ListParams<'_> = parse(params)?;
    let page = catalogue::page(name, entries, entry, params.cursor.as_deref());
    page.map(Consulted::Result).ok_or_else(cursor_unknown)
}

/// The result that something live has come to.
fn answer(catalogue: &Catalogue, subject: Subject<'_>, ended: &Ended) -> Result<Vec<u8>, RpcError> {
    let (bytes, most) = (ended.bytes(), subject.bytes_max);
    if bytes > most {
        let text = format!(
            "the answer has {bytes} bytes, more than {most}: the operator can raise limits.output"
        );
        return Err(RpcError::new(jsonrpc::INTERNAL_ERROR, text));
    }
    let name = subject.name;
    match (subject.method, ended) {
        (_, Ended::Failed(error)) => Err(error.clone()),
        (_, Ended::Result(json)) => Ok(json.as_bytes().to_vec()),
        (Method::ResourcesList, Ended::Listed(found)) => {
            let cursor = Some(name).filter(|cursor| !cursor.is_empty());
            let page = catalogue::page_with(&catalogue.resources, found, cursor);
            page.ok_or_else(cursor_unknown)
        }
        (_, Ended::ResourceUnknown) => Err(resource_unknown(subject.era, name)),
        (Method::ResourcesRead, Ended::Contents(contents)) if !contents.is_empty() => {
            let mime_type = catalogue.find(name).and_then(|found| found.mime_type);
            Ok(catalogue::encode_contents(name, mime_type, contents))
        }
        (
            Method::PromptsGet,
            Ended::Messages {
                description,
                messages,
            },
        ) => {
            let listed = || catalogue.prompt(name)?.description.as_deref();
            let description = description.as_deref().or_else(listed);
            let messages = messages.iter().map(PromptMessage::encode);
            Ok(catalogue::encode_messages(description, messages))
        }
        (Method::CompletionComplete, Ended::Values(values)) => Ok(values.encode()),
        (
            method,
            Ended::Outcome(_)
            | Ended::Contents(_)
            | Ended::Messages { .. }
            | Ended::Values(_)
            | Ended::Listed(_)
            | Ended::Seen(_),
        ) => {
            let text = format!("what was made is no answer to {}", method.name());
            Err(RpcError::new(jsonrpc::INTERNAL_ERROR, text))
        }
    }
}

/// What a process has written, as what a resource says.
fn contents_of(content: &Content) -> Contents {
    match content {
        Content::Resource(contents) => contents.clone(),
        Content::Text(text) => Contents::of(Body::Text(text.clone())),
        Content::Image { data, mime_type } | Content::Audio { data, mime_type } => Contents {
            mime_type: Some(mime_type.clone()),
            ..Contents::of(Body::Blob(data.clone()))
        },
        Content::Link(spec) => Contents::of(Body::Text(spec.uri.clone())),
    }
}

/// There is no such resource: handshake revisions have a code for that.
fn resource_unknown(era: Era, uri: &str) -> Wrong {
    let text = format!("resource not found: {uri:.200}");
    match era {
        Era::Handshake => RpcError::new(RESOURCE_NOT_FOUND, text),
        Era::Stateless => {
            let data = Object::default().text("uri", uri).end();
            stateless::with_data(RpcError::new(jsonrpc::INVALID_PARAMS, text), data)
        }
    }
}

fn wrong_params(text: String) -> Wrong {
    RpcError::new(jsonrpc::INVALID_PARAMS, text)
}
