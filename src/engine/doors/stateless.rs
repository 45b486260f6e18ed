//! 2026-07-28 on `/mcp`: every request stands for itself.
//!
//! The body decides: a request whose `params._meta` names a version comes in here, whatever its
//! headers say, and only here are they held against the body.

use super::{Exchange, Reply};
use crate::auth::Access;
use crate::engine::dispatch::Dispatched;
use crate::engine::stream::Answer;
use crate::engine::{Asker, Engine, Era};
use crate::mcp::header;
use crate::mcp::method::{Freshness, Method};
use crate::mcp::refusal::Refusal;
use crate::mcp::stateless::{self, Claim, mismatch};
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
    ) -> Result<Reply, Refusal> {
        let told = match claim.check(exchange.fields().mcp_protocol_version) {
            Ok(told) => told,
            Err(wrong) => return Ok(self.stateless_wrong(exchange, id, &wrong)),
        };
        let known = Method::parse(method);
        if let Err(wrong) = check_names(exchange, method, known, params) {
            return Ok(self.stateless_wrong(exchange, id, &wrong));
        }
        let asker = Asker {
            era: Era::Stateless,
            client: told.capabilities,
            log_level: told.log_level,
            ..exchange.asker(None, Dialect::Standard)
        };
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
        kind: &str,
        freshness: Option<Freshness>,
        payload: &mut Vec<u8>,
    ) {
        let mut members = format!("\"resultType\":\"{kind}\",{}", self.stamp);
        if let Some(freshness) = freshness {
            members.push(',');
            let is_public = is_public(&self.config.access);
            members.push_str(&stateless::freshness(freshness, is_public));
        }
        jsonrpc::amend_result(payload, &members);
    }
}

/// Whether everybody is given the same listings.
fn is_public(access: &Access) -> bool {
    !access.is_required()
}

/// Checks `Mcp-Method` and `Mcp-Name` against the body.
fn check_names(
    exchange: &Exchange<'_>,
    method: &str,
    known: Option<Method>,
    params: Option<&RawValue>,
) -> Result<(), RpcError> {
    let fields = exchange.fields();
    header::check_literal("Mcp-Method", fields.mcp_method, method).map_err(mismatch)?;
    let Some(member) = known.and_then(Method::named_by) else {
        return Ok(());
    };
    let named = params.and_then(|params| json::pick(params.get(), [member]).ok());
    let Some(name) = named.and_then(|[name]| json::text(name?)) else {
        // Whoever serves the method says what is missing.
        return Ok(());
    };
    header::check("Mcp-Name", fields.mcp_name, &name).map_err(mismatch)
}
