//! What a client is told first: by `initialize`, or by `server/discover` without a session.

use super::Engine;
use super::dispatch::{Dispatched, parse};
use super::session::Session;
use crate::bounded::Key;
use crate::mcp::message::{
    Capabilities, DiscoverResult, Empty, Extensions, InitializeParams, InitializeResult,
    ListChanged, ResourcesCapability, ServerInfo,
};
use crate::mcp::refusal::Refusal;
use crate::mcp::revision::{MODERN, Revision};
use crate::wire::jsonrpc::{self, Id};
use serde_json::value::RawValue;

impl Engine {
    /// `initialize` in a session that there is already: HTTP+SSE opens one with its stream.
    pub(super) fn initialize_again(
        &mut self,
        session: Option<Key<Session>>,
        id: &Id,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) -> Dispatched {
        match session {
            Some(session) if !self.is_initialized(session) => {
                self.initialize(session, id, params, payload);
                Dispatched::Answered
            }
            Some(_) => Dispatched::Refused(Refusal::SessionOpen),
            None => Dispatched::Refused(Refusal::SessionNeeded),
        }
    }

    fn is_initialized(&self, session: Key<Session>) -> bool {
        self.sessions
            .get(session)
            .is_some_and(|session| session.initialized)
    }

    /// `initialize`: agrees on a revision and says what there is.
    pub(super) fn initialize(
        &mut self,
        key: Key<Session>,
        id: &Id,
        params: Option<&RawValue>,
        payload: &mut Vec<u8>,
    ) {
        let params = match parse::<InitializeParams>(params) {
            Ok(params) => params,
            Err(wrong) => {
                self.answer_wrong(payload, id, &wrong);
                return;
            }
        };
        let revision = Revision::negotiate(&params.protocol_version);
        let session = self.sessions.get_mut(key).expect("the caller has found it");
        session.revision = revision;
        session.client = params.capabilities;
        session.initialized = true;
        if let Some(client) = &params.client_info {
            log::debug!(
                "session {:?} client={:?} {:?}",
                session.id,
                client.name,
                client.version
            );
        }
        let result = InitializeResult {
            protocol_version: revision.date(),
            capabilities: self.capabilities(),
            server_info: ServerInfo {
                name: &self.config.name,
                title: self.config.title.as_deref(),
                version: env!("CARGO_PKG_VERSION"),
            },
            instructions: self.config.instructions.as_deref(),
        };
        jsonrpc::response(payload, id, &result);
    }

    /// What this server can do.
    fn capabilities(&self) -> Capabilities {
        let (has_resources, has_prompts) =
            (self.catalogue.has_resources(), self.catalogue.has_prompts());
        Capabilities {
            tools: ListChanged { list_changed: true },
            logging: Empty {},
            resources: has_resources.then_some(ResourcesCapability {
                subscribe: true,
                list_changed: true,
            }),
            prompts: has_prompts.then_some(ListChanged { list_changed: true }),
            completions: self.catalogue.has_completions().then_some(Empty {}),
            extensions: None,
        }
    }

    /// `server/discover`: what `initialize` says, without a session.
    pub(super) fn discover(&self, id: &Id, payload: &mut Vec<u8>) {
        let tasks = self
            .offers_tasks()
            .then_some(Extensions { tasks: Empty {} });
        let result = DiscoverResult {
            supported_versions: [MODERN],
            capabilities: Capabilities {
                extensions: tasks,
                ..self.capabilities()
            },
            instructions: self.config.instructions.as_deref(),
        };
        jsonrpc::response(payload, id, &result);
    }
}
