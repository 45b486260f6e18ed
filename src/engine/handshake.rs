//! What a client is told first: by `initialize`, or by `server/discover` without a session.

use super::Engine;
use super::dispatch::{Dispatched, parse};
use super::session::Session;
use crate::bounded::Key;
use crate::mcp::message::{InitializeParams, Offer};
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
        let result = self
            .config
            .server()
            .initialized(revision.date(), self.offer());
        jsonrpc::response_raw(payload, id, &result);
    }

    /// What this server offers in every era.
    fn offer(&self) -> Offer {
        Offer {
            resources: self.catalogue.has_resources(),
            prompts: self.catalogue.has_prompts(),
            completions: self.catalogue.has_completions(),
            tasks: false,
        }
    }

    /// `server/discover`: what `initialize` says, without a session.
    pub(super) fn discover(&self, id: &Id, payload: &mut Vec<u8>) {
        let offer = Offer {
            tasks: self.offers_tasks(),
            ..self.offer()
        };
        let result = self.config.server().discovered(MODERN, offer);
        jsonrpc::response_raw(payload, id, &result);
    }
}
