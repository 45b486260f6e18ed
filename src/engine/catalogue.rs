//! Resources, prompts and completion. What is fixed is answered at once; what is live may be work,
//! which then is a call as that of a tool: with a deadline, cancellation and progress.

use super::call::Wanted;
use super::contents::{Further, Subject, resource_unknown};
use super::dispatch::{Dispatched, Wrong, cursor_unknown, parse, progress_token};
use super::session::{Interests, Session};
use super::{Asker, Engine, Era};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::message::{
    CompletionParams, GetPromptParams, ListParams, Meta, NameParams, Reference, ResourceParams,
};
use crate::mcp::method::Method;
use crate::mcp::refusal::Refusal;
use crate::time::Instant;
use crate::tool::catalogue::{self, Asked, Begun, Catalogue, Completion, Live, Messages, Source};
use crate::tool::forward::{Forward, UpstreamIndex};
use crate::tool::{CallLimits, Work};
use crate::upstream::listing::Kind;
use crate::upstream::request;
use crate::wire::json::Object;
use crate::wire::jsonrpc::{self, Id, RpcError};
use serde_json::value::RawValue;

/// What a request about the catalogue led to.
enum Consulted {
    /// The result: a JSON object.
    Result(Vec<u8>),
    /// The edge has this to do, within these limits; what it is about is named last.
    Work(Work, CallLimits, String),
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
        let changed = self.merge_offers(now);
        debug_assert!(
            changed.is_empty(),
            "tools are named without a look at prompts"
        );
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
        match self.consulted(&asker, method, params) {
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
        asker: &Asker,
        method: Method,
        params: Option<&RawValue>,
    ) -> Result<Consulted, Wrong> {
        let (scope, own) = (asker.scope, self.own(asker.scope));
        match method {
            Method::ResourcesList if own.is_some_and(|own| own.lister.is_some()) => {
                self.list_resources(asker.era, params)
            }
            Method::ResourcesList => {
                let own = own.map_or(&[][..], |own| &own.resources);
                let further = self.entries_in(scope, Kind::Resources);
                let further = Further::new(scope, Kind::Resources, &further, own.len());
                list("resources", &further, &|place| own[place].entry(), params)
            }
            Method::ResourceTemplatesList => {
                let own = own.map_or(&[][..], |own| &own.templates);
                let further = self.entries_in(scope, Kind::Templates);
                let further = Further::new(scope, Kind::Templates, &further, own.len());
                list(
                    "resourceTemplates",
                    &further,
                    &|place| own[place].entry(),
                    params,
                )
            }
            Method::PromptsList => {
                let own = own.map_or(&[][..], |own| &own.prompts);
                let further = self.entries_in(scope, Kind::Prompts);
                let further = Further::new(scope, Kind::Prompts, &further, own.len());
                list("prompts", &further, &|place| own[place].entry(), params)
            }
            Method::ResourcesRead => self.read_resource(asker, params),
            Method::PromptsGet => self.get_prompt(asker, params),
            Method::CompletionComplete => self.complete(asker, params),
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
    fn read_resource(&self, asker: &Asker, params: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let ResourceParams { uri } = parse(params)?;
        let (uri, era) = (&*uri, asker.era);
        let Some(found) = self.own(asker.scope).and_then(|own| own.find(uri)) else {
            let upstream = self.upstream_with(asker.scope, uri);
            let upstream = upstream.ok_or_else(|| resource_unknown(era, uri))?;
            let forwarded = request::forwarded(params, None);
            return Ok(self.ask_upstream(upstream, Method::ResourcesRead, forwarded, params, uri));
        };
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
    fn get_prompt(&self, asker: &Asker, params: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let NameParams { name } = parse(params)?;
        if let Some((upstream, prompt)) = self.prompt_of_upstream(asker.scope, &name) {
            let forwarded = request::forwarded(params, Some(("name", &prompt.key)));
            return Ok(self.ask_upstream(upstream, Method::PromptsGet, forwarded, params, &name));
        }
        let GetPromptParams {
            name,
            mut arguments,
        } = parse(params)?;
        let unknown = || wrong_params(format!("unknown prompt \"{name:.64}\""));
        let own = self.own(asker.scope);
        let prompt = own.and_then(|own| own.prompt(&name)).ok_or_else(unknown)?;
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
                self.begin(asker.era, Method::PromptsGet, &**live, &asked)
            }
        }
    }

    /// `completion/complete`.
    fn complete(&self, asker: &Asker, sent: Option<&RawValue>) -> Result<Consulted, Wrong> {
        let params: CompletionParams<'_> = parse(sent)?;
        if let Some((upstream, forwarded)) = self.completion_of_upstream(asker.scope, &params, sent)
        {
            let (Reference::Prompt { name } | Reference::Resource { uri: name }) =
                &params.reference;
            return Ok(self.ask_upstream(
                upstream,
                Method::CompletionComplete,
                forwarded,
                sent,
                name,
            ));
        }
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
                self.begin(asker.era, Method::CompletionComplete, &**live, &asked)
            }
        }
    }

    /// What an upstream is to do: a call, named by what it is about.
    fn ask_upstream(
        &self,
        upstream: UpstreamIndex,
        method: Method,
        forwarded: Box<str>,
        sent: Option<&RawValue>,
        name: &str,
    ) -> Consulted {
        let forward = Forward {
            upstream,
            method,
            params: forwarded,
            meta: request::meta_of(sent),
        };
        let bounds = self.children.upstreams[upstream.as_usize()].spec.limits;
        let work = Work::Upstream(Box::new(forward));
        Consulted::Work(work, bounds, name.to_string())
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
        self.answer_with(subject, &ended).map(Consulted::Result)
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
        match self.owner_of(asker.scope, &uri) {
            None => return Ok(Err(resource_unknown(asker.era, &uri))),
            Some(owner) if !self.can_look_after(owner, &uri) => {
                let text =
                    "so many resources are looked at already, or nobody can look at this one";
                return Ok(Err(wrong_params(text.to_string())));
            }
            Some(_) => {}
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
        if !self.take_bytes(bytes) {
            return Err(Refusal::MemoryFull);
        }
        let session = self.sessions.get_mut(key).expect("it was there above");
        let interests = session.interests.get_or_insert_default();
        interests.resources.push(Box::from(&*uri));
        self.watch(now);
        self.heed(now);
        Ok(Ok(()))
    }

    /// `resources/unsubscribe`. What is not subscribed to is left alone.
    pub(super) fn unsubscribe(
        &mut self,
        now: Instant,
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
        self.heed(now);
        Ok(())
    }
}

/// One page of a list; `own` says the entries of the server's own.
fn list(
    name: &str,
    further: &Further<'_>,
    own: &dyn Fn(usize) -> Object,
    params: Option<&RawValue>,
) -> Result<Consulted, Wrong> {
    let params: ListParams<'_> = parse(params)?;
    let count = further.own + further.entries.len();
    let entry = |place| match place < further.own {
        true => own(place),
        false => further.entry(place),
    };
    let page = catalogue::page(name, count, &entry, params.cursor.as_deref());
    page.map(Consulted::Result).ok_or_else(cursor_unknown)
}

fn wrong_params(text: String) -> Wrong {
    RpcError::new(jsonrpc::INVALID_PARAMS, text)
}
