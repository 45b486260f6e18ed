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
use crate::wire::jsonrpc::Id;
use crate::wire::status::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `params` of the `tools/call` that a request stands for.
#[derive(Serialize)]
struct CallParams<'a> {
    name: &'a str,
    arguments: &'a RawValue,
}

/// Either member of a JSON-RPC response.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// What tells how a call has ended.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    #[serde(default)]
    is_error: bool,
}

impl Engine {
    /// `POST /mcp/tools/NAME`: calls a tool with the body as its arguments.
    pub(super) fn rest_call(&mut self, exchange: &mut Exchange<'_>) -> Result<Reply, Refusal> {
        if exchange.head.method != Method::Post {
            return Err(Refusal::MethodWrong("POST"));
        }
        let name = route::tool_name(exchange.path).expect("the router has seen it");
        let name = head::decode_segment(name);
        let arguments = arguments(exchange.body)?;
        let params = CallParams {
            name: &name,
            arguments,
        };
        let params = serde_json::value::to_raw_value(&params).expect("a name and JSON are JSON");
        let asker = exchange.asker(None, Dialect::Rest);
        let mut payload = Vec::new();
        let (now, id) = (exchange.now, Id::number(0));
        match self.dispatch(now, asker, &id, "tools/call", Some(&params), &mut payload) {
            Dispatched::Answered => {
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
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(arguments) if arguments.get().starts_with('{') => Ok(arguments),
        Ok(_) | Err(_) => Err(Refusal::ArgumentsWrong),
    }
}

/// What a JSON-RPC response is to a client that does not know of JSON-RPC: its result, and a status
/// that a script can go by. An error goes as it is, since its member has the text.
pub(in crate::engine) fn body(payload: &[u8]) -> (Status, &[u8]) {
    let result = serde_json::from_slice(payload).ok();
    let Some(result) = result.and_then(|response: Response<'_>| response.result) else {
        return (Status::BadRequest, payload);
    };
    let failed = serde_json::from_str::<Outcome>(result.get()).is_ok_and(|it| it.is_error);
    let status = if failed {
        Status::InternalServerError
    } else {
        Status::Ok
    };
    (status, result.get().as_bytes())
}
