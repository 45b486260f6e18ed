//! What a client is told first: by `initialize`, or by `server/discover` without a session.

use super::Engine;
use super::dispatch::{Dispatched, parse};
use super::session::Session;
use crate::bounded::Key;
use crate::limits;
use crate::mcp::message::{InitializeParams, Offer, discovered, initialized};
use crate::mcp::refusal::Refusal;
use crate::mcp::revision::{MODERN, Revision};
use crate::tool::catalogue::Catalogue;
use crate::tool::forward::Scope;
use crate::upstream::offered as upstream;
use crate::wire::jsonrpc::{self, Id};
use serde_json::value::RawValue;
use std::borrow::Cow;

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
        let scope = session.scope;
        let server = self.server_in(scope);
        let instructions = self.instructions_in(scope);
        let offer = self.offer_in(scope);
        let result = initialized(revision.date(), offer, &server, instructions.as_deref());
        jsonrpc::response_raw(payload, id, &result);
    }

    /// What is offered in a scope, in every era.
    pub(super) fn offer_in(&self, scope: Scope) -> Offer {
        let own = self.own(scope);
        Offer {
            tools: own.is_some() || self.any_offers(scope, |offers| offers.tools),
            logging: own.is_some() || self.any_offers(scope, |offers| offers.logging),
            resources: own.is_some_and(Catalogue::has_resources)
                || self.any_offers(scope, |offers| offers.resources),
            subscribe: own.is_some_and(Catalogue::has_resources)
                || self.any_offers(scope, |offers| offers.subscribe),
            prompts: own.is_some_and(Catalogue::has_prompts)
                || self.any_offers(scope, |offers| offers.prompts),
            completions: own.is_some_and(Catalogue::has_completions)
                || self.any_offers(scope, |offers| offers.completions),
            tasks: false,
        }
    }

    /// Who serves a scope: the object that says so.
    fn server_in(&self, scope: Scope) -> Vec<u8> {
        let voice = self.voice(scope);
        let info = voice.and_then(|voice| voice.introduction().server_info.as_ref());
        match (info, self.children.name_of(scope)) {
            (Some(info), _) => info.get().as_bytes().to_vec(),
            (None, Some(name)) => upstream::unknown_server(name),
            (None, None) => self.config.server().object().end(),
        }
    }

    /// What a model should know of a scope. Where several servers are, each says its own.
    fn instructions_in(&self, scope: Scope) -> Option<Cow<'_, str>> {
        if scope == Scope::Everything && self.config.instructions.is_some() {
            return self.config.instructions.as_deref().map(Cow::Borrowed);
        }
        if let Some(voice) = self.voice(scope) {
            return voice
                .introduction()
                .instructions
                .as_deref()
                .map(Cow::Borrowed);
        }
        let mut all = String::new();
        for (index, offered) in self.offered_in(scope) {
            let name = self.children.name_of(Scope::One(index)).unwrap_or_default();
            let Some(text) = &offered.introduction().instructions else {
                continue;
            };
            let paragraph = name.len() + text.len() + 4;
            if all.len() + paragraph > limits::INSTRUCTIONS_BYTES_MAX {
                continue;
            }
            if !all.is_empty() {
                all.push_str("\n\n");
            }
            all.push_str(name);
            all.push_str(": ");
            all.push_str(text);
        }
        Some(all).filter(|all| !all.is_empty()).map(Cow::Owned)
    }

    /// `server/discover`: what `initialize` says, without a session.
    pub(super) fn discover(&self, scope: Scope, id: &Id, payload: &mut Vec<u8>) {
        let offer = Offer {
            tasks: self.offers_tasks_in(scope),
            ..self.offer_in(scope)
        };
        let instructions = self.instructions_in(scope);
        let result = discovered(MODERN, offer, instructions.as_deref());
        jsonrpc::response_raw(payload, id, &result);
    }

    /// Whether there are tasks in a scope: upstreams make none here.
    pub(super) fn offers_tasks_in(&self, scope: Scope) -> bool {
        scope == Scope::Everything && self.offers_tasks()
    }
}
