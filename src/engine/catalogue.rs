//! Resources, prompts and completion: requests that only read the catalogue, and subscriptions.

use super::Engine;
use super::dispatch::{Wrong, cursor_unknown, parse};
use super::session::Session;
use crate::bounded::Key;
use crate::limits;
use crate::mcp::catalogue::{self, Missing};
use crate::mcp::message::{
    CompletionParams, GetPromptParams, ListParams, ListResult, ResourceParams,
};
use crate::mcp::method::Method;
use crate::wire::jsonrpc::{self, Id, RpcError};
use serde::Serialize;
use serde_json::value::RawValue;

/// No resource has this URI (MCP 2024-11-05 to 2025-11-25, server/resources, error handling).
const RESOURCE_NOT_FOUND: i32 = -32002;

impl Engine {
    /// Requests that only read the catalogue.
    pub(super) fn consult(
        &self,
        method: Method,
        id: &Id,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Result<(), Wrong> {
        let catalogue = &self.catalogue;
        match method {
            Method::ResourcesList => list(payload, id, "resources", &catalogue.resources, params),
            Method::ResourceTemplatesList => list(
                payload,
                id,
                "resourceTemplates",
                &catalogue.templates,
                params,
            ),
            Method::PromptsList => list(payload, id, "prompts", &catalogue.prompts, params),
            Method::ResourcesRead => {
                let params: ResourceParams = parse(params)?;
                let result = catalogue.read(&params.uri).map_err(missing)?;
                jsonrpc::response(payload, id, &result);
                Ok(())
            }
            Method::PromptsGet => {
                let params: GetPromptParams = parse(params)?;
                let result = catalogue.fill(&params).map_err(missing)?;
                jsonrpc::response(payload, id, &result);
                Ok(())
            }
            Method::CompletionComplete => {
                let params: CompletionParams = parse(params)?;
                let result = catalogue.complete(&params).map_err(missing)?;
                jsonrpc::response(payload, id, &result);
                Ok(())
            }
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

    /// `resources/subscribe`.
    pub(super) fn subscribe(
        &mut self,
        session: Option<Key<Session>>,
        params: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        let uri = parse::<ResourceParams>(params)?.uri;
        if !self.catalogue.has_resource(&uri) {
            return Err(missing(Missing::Resource(uri.into_owned())));
        }
        let session = session.and_then(|session| self.sessions.get_mut(session));
        let session = session.expect("the method needs a session");
        let subscriptions = &mut session.interests.get_or_insert_default().resources;
        if subscriptions.iter().any(|subscribed| *subscribed == uri) {
            return Ok(());
        }
        if subscriptions.len() >= limits::SUBSCRIPTIONS_MAX {
            let text = format!(
                "a session may subscribe to {} resources",
                subscriptions.len()
            );
            return Err(RpcError::new(jsonrpc::INVALID_PARAMS, text));
        }
        subscriptions.push(uri.into_owned());
        Ok(())
    }

    /// `resources/unsubscribe`. What is not subscribed to is left alone.
    pub(super) fn unsubscribe(
        &mut self,
        session: Option<Key<Session>>,
        params: Option<&RawValue>,
    ) -> Result<(), Wrong> {
        let uri = parse::<ResourceParams>(params)?.uri;
        let session = session.and_then(|session| self.sessions.get_mut(session));
        let session = session.expect("the method needs a session");
        if let Some(interests) = &mut session.interests {
            interests.resources.retain(|subscribed| *subscribed != uri);
        }
        Ok(())
    }
}

/// Writes one page of a list.
fn list<T: Serialize>(
    payload: &mut Vec<u8>,
    id: &Id,
    name: &'static str,
    entries: &[T],
    params: Option<&RawValue>,
) -> Result<(), Wrong> {
    let params: ListParams = parse(params)?;
    let page = catalogue::page(entries, params.cursor.as_deref()).map_err(missing)?;
    jsonrpc::response(payload, id, &ListResult { name, page });
    Ok(())
}

/// What is not in the catalogue. -32002 is every handshake revision's code for a resource.
fn missing(missing: Missing) -> Wrong {
    match missing {
        Missing::Cursor => cursor_unknown(),
        Missing::Named(text) => RpcError::new(jsonrpc::INVALID_PARAMS, text),
        Missing::Resource(uri) => {
            RpcError::new(RESOURCE_NOT_FOUND, format!("resource not found: {uri}"))
        }
    }
}
