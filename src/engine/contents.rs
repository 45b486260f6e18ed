//! What those are answered who ask for resources, prompts and completion: what was made for them,
//! here or by an upstream.

use super::call::{Call, State};
use super::dispatch::{Wrong, cursor_unknown};
use super::{Engine, Era};
use crate::bounded::Key;
use crate::mcp::method::Method;
use crate::mcp::stateless;
use crate::tool::catalogue::{self, Body, Contents, PromptMessage};
use crate::tool::command::Stopped;
use crate::tool::forward::Scope;
use crate::tool::handler::Ended;
use crate::tool::{Content, Outcome};
use crate::upstream::listing::Kind;
use crate::upstream::offered::{Entry, Offered};
use crate::wire::json::Object;
use crate::wire::jsonrpc::{self, RpcError};

/// No resource has this URI (MCP 2024-11-05 to 2025-11-25, server/resources, error handling).
const RESOURCE_NOT_FOUND: i32 = -32002;

/// Whose contents, messages or values these are.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// What was asked for.
    pub method: Method,
    /// By whose rules.
    pub era: Era,
    /// URI of the resource, name of the prompt, or what a completion is of.
    pub name: &'a str,
    /// Bytes that the answer may have.
    pub bytes_max: usize,
}

/// What upstreams have behind so many entries of the server's own.
pub(super) struct Further<'a> {
    pub entries: &'a [(&'a Offered, &'a Entry)],
    scope: Scope,
    kind: Kind,
    /// How many entries there are before these.
    pub own: usize,
}

impl<'a> Further<'a> {
    pub fn new(
        scope: Scope,
        kind: Kind,
        entries: &'a [(&'a Offered, &'a Entry)],
        own: usize,
    ) -> Further<'a> {
        Further {
            entries,
            scope,
            kind,
            own,
        }
    }

    /// The entry at this place of the whole list.
    pub fn entry(&self, place: usize) -> Object {
        let (offered, entry) = self.entries[place - self.own];
        let listed = offered.listed(self.kind, entry, self.scope);
        listed.expect("others are not among them")
    }
}

impl Engine {
    /// What a call that is none of a tool is answered with.
    pub(super) fn answer_of(&self, key: Key<Call>, ended: &Ended) -> Result<Vec<u8>, RpcError> {
        let call = self
            .calls
            .get(key)
            .expect("the edge reports each call once");
        self.answer_with(Subject::of(call), ended)
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
        self.answer_with(Subject::of(call), &Ended::Contents(contents))
    }

    /// The result that something live has come to.
    pub(super) fn answer_with(
        &self,
        subject: Subject<'_>,
        ended: &Ended,
    ) -> Result<Vec<u8>, RpcError> {
        let catalogue = &self.catalogue;
        let (bytes, most) = (ended.bytes(), subject.bytes_max);
        if bytes > most {
            let text = format!(
                "the answer has {bytes} bytes, more than {most}: the operator can raise \
                 limits.output"
            );
            return Err(RpcError::new(jsonrpc::INTERNAL_ERROR, text));
        }
        let name = subject.name;
        match (subject.method, ended) {
            (_, Ended::Failed(error)) => Err(error.clone()),
            (_, Ended::Result(json)) => Ok(json.as_bytes().to_vec()),
            (Method::ResourcesList, Ended::Listed(found)) => {
                let cursor = Some(name).filter(|cursor| !cursor.is_empty());
                let own = catalogue::all_resources(&catalogue.resources, found);
                let further = self.entries_in(Scope::Everything, Kind::Resources);
                let further = Further::new(Scope::Everything, Kind::Resources, &further, own.len());
                let count = own.len() + further.entries.len();
                let entry = |place: usize| match own.get(place) {
                    Some(own) => own.listed(),
                    None => further.entry(place),
                };
                let page = catalogue::page("resources", count, &entry, cursor);
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
pub(super) fn resource_unknown(era: Era, uri: &str) -> Wrong {
    let text = format!("resource not found: {uri:.200}");
    match era {
        Era::Handshake => RpcError::new(RESOURCE_NOT_FOUND, text),
        Era::Stateless => {
            let data = Object::default().text("uri", uri).end();
            stateless::with_data(RpcError::new(jsonrpc::INVALID_PARAMS, text), data)
        }
    }
}
