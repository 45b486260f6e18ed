//! 2026-07-28 on `/mcp`: every request stands for itself.
//!
//! The body decides: a request whose `params._meta` names a version comes in here, whatever its
//! headers say, and only here are they held against the body.

use super::{Exchange, Reply};
use crate::auth::Access;
use crate::engine::dispatch::{Dispatched, may_use, parse};
use crate::engine::stream::Answer;
use crate::engine::{Asker, Engine, Era};
use crate::mcp::capability::Capabilities;
use crate::mcp::header;
use crate::mcp::method::{Freshness, Method, NamedBy};
use crate::mcp::refusal::Refusal;
use crate::mcp::stateless::{self, Claim, Told, mismatch};
use crate::mcp::subscription::ListenParams;
use crate::tool::forward::Scope;
use crate::wire::dialect::Dialect;
use crate::wire::json;
use crate::wire::jsonrpc::{self, Id, RpcError};
use crate::wire::status::Status;
use serde_json::value::RawValue;

impl Engine {
    /// One request. The order of the checks is fixed: version, what has to be said, the headers
    /// that repeat it, the method.
    pub(super) fn stateless_request(
        &mut self,
        exchange: &mut Exchange<'_>,
        id: &Id,
        method: &str,
        params: Option<&RawValue>,
        claim: Claim<'_>,
    ) -> Reply {
        let checked = claim.check(exchange.fields().mcp_protocol_version);
        let named = checked.and_then(|told| check_names(exchange, method, claim).map(|()| told));
        let said = named.and_then(|told| {
            let said = self.check_arguments(exchange, method, params, claim);
            said.map(|()| told)
        });
        match said {
            Ok(told) => self
                .stateless_checked(exchange, id, method, params, told)
                .unwrap_or_else(|refusal| self.refuse(exchange, refusal, Some(id))),
            Err(wrong) => self.stateless_wrong(exchange, id, &wrong),
        }
    }

    /// Checks the headers that repeat arguments of a tool against the body. Whoever may not use the
    /// tool, or names none, learns that first.
    fn check_arguments(
        &self,
        exchange: &Exchange<'_>,
        method: &str,
        params: Option<&RawValue>,
        claim: Claim<'_>,
    ) -> Result<(), RpcError> {
        if !self.registry.has_header_params() || method != Method::ToolsCall.name() {
            return Ok(());
        }
        let name = claim.named(NamedBy::Name);
        let Some(tool) = name.and_then(|name| self.registry.find_in(exchange.scope, &name)) else {
            return Ok(());
        };
        let role = self.config.access.role(exchange.principal.role);
        if !may_use(role, &self.registry, tool) {
            return Ok(());
        }
        let picked = params.and_then(|params| json::pick(params.get(), ["arguments"]).ok());
        let arguments = picked.and_then(|[arguments]| json::said(arguments));
        let arguments = arguments.map_or("{}", RawValue::get);
        let lines = exchange.head.header_lines();
        let headers = self.registry.header_params(tool);
        header::check_params(headers, lines, arguments).map_err(mismatch)
    }

    /// The same after what all requests have in common was checked.
    fn stateless_checked(
        &mut self,
        exchange: &mut Exchange<'_>,
        id: &Id,
        method: &str,
        params: Option<&RawValue>,
        told: Told,
    ) -> Result<Reply, Refusal> {
        let asker = Asker {
            era: Era::Stateless,
            client: told.capabilities,
            log_level: told.log_level,
            ..exchange.asker(None, Dialect::Standard)
        };
        if Method::parse(method) == Some(Method::SubscriptionsListen) {
            return self.listen_stateless(exchange, asker, id, params);
        }
        let mut body = Vec::new();
        match self.dispatch(exchange.now, asker, id, method, params, &mut body) {
            Dispatched::Answered => Ok(exchange.json(Status::Ok, &[], &body)),
            Dispatched::ToolUnknown => Ok(exchange.json(Status::BadRequest, &[], &body)),
            Dispatched::Wrong(code) => Ok(exchange.json(stateless::status(code), &[], &body)),
            Dispatched::Refused(refusal) => Err(refusal),
            Dispatched::Called(call) => {
                let answer = Answer {
                    outstanding: 1,
                    ..Answer::default()
                };
                self.answer_through_stream(exchange, None, &[call], answer)
            }
        }
    }

    /// `subscriptions/listen`: the one request whose answer is always a stream.
    fn listen_stateless(
        &mut self,
        exchange: &mut Exchange<'_>,
        asker: Asker,
        id: &Id,
        params: Option<&RawValue>,
    ) -> Result<Reply, Refusal> {
        let known = self.unknown_in(asker.scope).map_or(Ok(()), Err);
        let wanted = known.and_then(|()| parse::<ListenParams<'_>>(params));
        let wanted = wanted.and_then(|wanted| {
            match wanted.tasks.is_empty() || asker.client.has(Capabilities::TASKS) {
                true => Ok(wanted),
                false => Err(stateless::capability_missing(Capabilities::TASKS)),
            }
        });
        match wanted {
            Ok(wanted) => {
                let framing = exchange.framing();
                let whose = (asker.principal, asker.scope);
                let opened = self.open_subscription(whose, id, &wanted, framing);
                self.watch(exchange.now);
                self.heed(exchange.now);
                opened.map(Reply::Stream)
            }
            Err(wrong) => Ok(self.stateless_wrong(exchange, id, &wrong)),
        }
    }

    /// The response that says what is wrong with a request.
    fn stateless_wrong(&mut self, exchange: &mut Exchange<'_>, id: &Id, wrong: &RpcError) -> Reply {
        self.stats.errors += 1;
        let mut body = Vec::new();
        jsonrpc::error(&mut body, Some(id), wrong);
        exchange.json(stateless::status(wrong.code), &[], &body)
    }

    /// Adds to the result in `payload` what every result of this revision has.
    pub(in crate::engine) fn stamp(
        &self,
        scope: Scope,
        kind: &str,
        freshness: Option<Freshness>,
        payload: &mut Vec<u8>,
    ) {
        let freshness = freshness.map(|freshness| {
            let is_public = is_public(&self.config.access);
            stateless::freshness(freshness, is_public)
        });
        let freshness = freshness.as_deref().unwrap_or_default();
        jsonrpc::amend_result(
            payload,
            &[
                "\"resultType\":\"",
                kind,
                "\"",
                freshness,
                self.stamp_in(scope),
            ],
        );
    }
}

/// Whether everybody is given the same listings.
fn is_public(access: &Access) -> bool {
    !access.is_required()
}

/// Checks `Mcp-Method` and `Mcp-Name` against the body.
fn check_names(exchange: &Exchange<'_>, method: &str, claim: Claim<'_>) -> Result<(), RpcError> {
    let fields = exchange.fields();
    header::check_literal("Mcp-Method", fields.mcp_method, method).map_err(mismatch)?;
    let named = Method::parse(method).and_then(Method::named_by);
    let Some(name) = named.and_then(|member| claim.named(member)) else {
        // There is none, or whoever serves the method says that it is missing.
        return Ok(());
    };
    header::check("Mcp-Name", fields.mcp_name, &name).map_err(mismatch)
}
