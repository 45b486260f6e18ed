//! The REST view of the tools: one JSON body per request, no session, nothing kept.
//!
//! A call is the same as over MCP, with the same arguments, deadlines and places. It ends in one
//! JSON body however long it takes, so its answer is held until it is there.

use super::{Exchange, Reply};
use crate::engine::Engine;
use crate::engine::dispatch::Dispatched;
use crate::engine::route;
use crate::engine::stream::Answer;
use crate::mcp::refusal::Refusal;
use crate::wire::dialect::Dialect;
use crate::wire::head::{self, Method};
use crate::wire::json;
use crate::wire::jsonrpc::{self, Id};
use crate::wire::status::Status;
use serde_json::value::RawValue;

impl Engine {
    /// `POST /mcp/tools/NAME`: calls a tool with the body as its arguments.
    pub(super) fn rest_call(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        if exchange.head.method != Method::Post {
            return Err(Refusal::MethodWrong("POST"));
        }
        let name = route::tool_name(exchange.path).expect("the router has seen it");
        let name = head::decode_segment(name);
        let arguments = arguments(exchange.body)?;
        let params = params(&name, arguments);
        let asker = exchange.asker(None, Dialect::Rest);
        let mut payload = Vec::new();
        let (now, id) = (exchange.now, Id::number(0));
        match self.dispatch(now, asker, &id, "tools/call", Some(&params), &mut payload) {
            Dispatched::Answered | Dispatched::Wrong(_) => {
                let (status, body) = body(&payload);
                Ok(exchange.json(status, &[], body))
            }
            Dispatched::ToolUnknown => Err(Refusal::ToolUnknown),
            Dispatched::Refused(refusal) => Err(refusal),
            Dispatched::Called(call) => {
                let answer = Answer {
                    outstanding: 1,
                    is_one_body: true,
                    ..Answer::default()
                };
                self.answer_through_stream(exchange, None, &[call], answer)
            }
        }
    }
}

/// The arguments in a body; none at all are an empty object.
fn arguments(body: &[u8]) -> Result<&RawValue, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::ArgumentsWrong)?;
    if text.trim_ascii().is_empty() {
        return Ok(json::literal("{}"));
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(arguments) if arguments.get().starts_with('{') => Ok(arguments),
        Ok(_) | Err(_) => Err(Refusal::ArgumentsWrong),
    }
}

/// `params` of the `tools/call` that a request stands for.
fn params(name: &str, arguments: &RawValue) -> Box<RawValue> {
    let mut params = b"{\"name\":".to_vec();
    json::push_string(&mut params, name);
    params.extend_from_slice(b",\"arguments\":");
    params.extend_from_slice(arguments.get().as_bytes());
    params.push(b'}');
    let params = String::from_utf8(params).expect("texts make a text");
    RawValue::from_string(params).expect("a name and JSON are JSON")
}

/// What a JSON-RPC response is to a client that does not know of JSON-RPC: its result, and a status
/// that a script can go by. An error goes as it is, since its member has the text.
pub(in crate::engine) fn body(payload: &[u8]) -> (Status, &[u8]) {
    let Some(result) = jsonrpc::members(payload).result else {
        return (Status::BadRequest, payload);
    };
    let is_error = json::pick(result.get(), ["isError"]).ok();
    let status = match is_error.and_then(|[is_error]| is_error).map(RawValue::get) {
        Some("true") => Status::InternalServerError,
        Some(_) | None => Status::Ok,
    };
    (status, result.get().as_bytes())
}
