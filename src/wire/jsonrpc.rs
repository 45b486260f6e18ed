//! JSON-RPC 2.0 messages: bytes to values that borrow from them, and values to one line of bytes.
//!
//! Parameters and results stay JSON text here; who knows the method decodes them. An id is given
//! back exactly as it came. What is no message becomes a [`Fault`], which is the answer to it.
//!
//! A member that stands twice in a message is refused: parsers differ in which one they take, and
//! a gate in front must not see another method than we do.

mod depth;
mod id;
mod loose;

pub use id::Id;
pub use loose::decode_loose;

use crate::limits::{BATCH_MESSAGES_MAX, ID_BYTES_MAX};
use crate::wire::encode::{decimal, has_line_break};
use crate::wire::json;
pub(crate) use depth::is_too_deep;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The text is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The JSON is not a message.
pub const INVALID_REQUEST: i32 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The method does not take these parameters.
pub const INVALID_PARAMS: i32 = -32602;
/// A fault of ours.
pub const INTERNAL_ERROR: i32 = -32603;

const _: () = assert!(BATCH_MESSAGES_MAX == 32, "a text below names it");
const _: () = assert!(ID_BYTES_MAX == 128, "a text below names it");

/// What one body or line brings.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// A message by itself.
    One(Message<'a>),
    /// An array of 1 to [`BATCH_MESSAGES_MAX`] messages, each good or bad by itself (2025-03-26).
    Batch(Vec<Result<Message<'a>, Fault>>),
}

/// A message.
#[derive(Debug)]
pub enum Message<'a> {
    /// Wants an answer.
    Request {
        /// What the answer will name.
        id: Id,
        /// What to do.
        method: Cow<'a, str>,
        /// With what: an object or an array.
        params: Option<&'a RawValue>,
    },
    /// Wants none.
    Notification {
        /// What happened.
        method: Cow<'a, str>,
        /// The particulars: an object or an array.
        params: Option<&'a RawValue>,
    },
    /// Answers a request of ours.
    Response {
        /// The request's.
        id: Id,
        /// The `result`, or the `error` object.
        result: Result<&'a RawValue, &'a RawValue>,
    },
}

/// What is wrong with something that should have been a message; also the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// [`PARSE_ERROR`] or [`INVALID_REQUEST`].
    pub code: i32,
    /// The reason, for people.
    pub message: Cow<'static, str>,
    /// The id of the request, if one could be read.
    pub id: Option<Id>,
}

/// The `error` member of a response.
#[derive(Clone, Debug)]
pub struct RpcError {
    /// From the list above or that of MCP.
    pub code: i32,
    /// The reason, for people and models.
    pub message: Cow<'static, str>,
    /// The particulars, for programs.
    pub data: Option<Box<RawValue>>,
}

impl RpcError {
    /// Bytes that it holds beside its record.
    pub fn heap_bytes(&self) -> usize {
        let message_bytes = match &self.message {
            Cow::Borrowed(_) => 0,
            Cow::Owned(message) => message.len(),
        };
        message_bytes + self.data.as_ref().map_or(0, |data| data.get().len())
    }

    /// An error without `data`.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> RpcError {
        RpcError {
            code,
            message: message.into(),
            data: None,
        }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}

impl Fault {
    fn new(code: i32, message: impl Into<Cow<'static, str>>, id: Option<Id>) -> Fault {
        Fault {
            code,
            message: message.into(),
            id,
        }
    }

    fn invalid(message: &'static str, id: Option<Id>) -> Fault {
        Fault::new(INVALID_REQUEST, message, id)
    }

    fn of(error: &serde_json::Error) -> Fault {
        let code = match error.classify() {
            serde_json::error::Category::Data => INVALID_REQUEST,
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => PARSE_ERROR,
        };
        Fault::new(code, error.to_string(), None)
    }

    /// Appends the error response.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_error(out, self.id.as_ref(), self.code, &self.message, None);
    }
}

/// Decodes a body or a line.
///
/// # Errors
///
/// [`PARSE_ERROR`] for what is not UTF-8, not JSON, or nested too deeply
/// ([`JSON_DEPTH_MAX`](crate::limits::JSON_DEPTH_MAX));
/// [`INVALID_REQUEST`] for JSON that is no message, an empty batch or one over its limit.
pub fn decode(body: &[u8]) -> Result<Incoming<'_>, Fault> {
    let text = checked(body)?;
    match first_byte(text) {
        Some(b'[') => decode_batch(text).map(Incoming::Batch),
        _ => decode_message(text).map(Incoming::One),
    }
}

/// The text, if it is one and not nested too deeply.
fn checked(body: &[u8]) -> Result<&str, Fault> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Fault::new(PARSE_ERROR, "the text is not UTF-8", None));
    };
    if is_too_deep(body) {
        let message = "the JSON is nested too deeply";
        return Err(Fault::new(PARSE_ERROR, message, None));
    }
    Ok(text)
}

/// The first byte that is not JSON's white space.
fn first_byte(text: &str) -> Option<u8> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    text.bytes().find(|byte| !is_blank(byte))
}

/// The members of a message that this module has written.
pub(crate) fn members(message: &[u8]) -> Members<'_> {
    let text = std::str::from_utf8(message).expect("messages of ours are text");
    Members::pick(text).expect("messages of ours are JSON")
}

/// The members of any message. `null` is present too: a request whose id is null is no
/// notification.
pub(crate) struct Members<'a> {
    jsonrpc: Option<&'a RawValue>,
    /// `id`
    pub id: Option<&'a RawValue>,
    /// `method`
    pub method: Option<&'a RawValue>,
    /// `params`
    pub params: Option<&'a RawValue>,
    /// `result`
    pub result: Option<&'a RawValue>,
    /// `error`
    pub error: Option<&'a RawValue>,
}

fn decode_message(text: &str) -> Result<Message<'_>, Fault> {
    decode_members(text)?.into_message()
}

fn decode_members(text: &str) -> Result<Members<'_>, Fault> {
    if first_byte(text) != Some(b'{') {
        return Err(match json::check(text) {
            Ok(()) => Fault::invalid("a message is an object", None),
            Err(error) => Fault::of(&error),
        });
    }
    Members::pick(text).map_err(|error| Fault::of(&error))
}

impl<'a> Members<'a> {
    fn pick(text: &'a str) -> Result<Members<'a>, serde_json::Error> {
        let names = ["jsonrpc", "id", "method", "params", "result", "error"];
        let [jsonrpc, id, method, params, result, error] = json::pick(text, names)?;
        Ok(Members {
            jsonrpc,
            id,
            method,
            params,
            result,
            error,
        })
    }

    fn into_message(self) -> Result<Message<'a>, Fault> {
        match self.method {
            Some(method) => self.into_call(method),
            None => self.into_response(),
        }
    }

    fn into_call(self, method: &'a RawValue) -> Result<Message<'a>, Fault> {
        let id = self.id.and_then(Id::of);
        if !self.is_version_2() {
            return Err(Fault::invalid("\"jsonrpc\" must be \"2.0\"", id));
        }
        if self.id.is_some() && id.is_none() {
            return Err(Fault::invalid(
                "\"id\" must be a string or a number of at most 128 bytes",
                None,
            ));
        }
        if self.result.is_some() || self.error.is_some() {
            let message = "a message with \"method\" has no \"result\" and no \"error\"";
            return Err(Fault::invalid(message, id));
        }
        let Some(method) = json::text(method) else {
            return Err(Fault::invalid("\"method\" must be a string", id));
        };
        let params = self.params;
        if params.is_some_and(|params| !params.get().starts_with(['{', '['])) {
            let message = "\"params\" must be an object or an array";
            return Err(Fault::invalid(message, id));
        }
        Ok(match id {
            Some(id) => Message::Request { id, method, params },
            None => Message::Notification { method, params },
        })
    }

    /// The id of a broken response is not echoed: it is one of ours, and the peer would take the
    /// error for the answer to one of its own. That of a broken request is.
    fn into_response(self) -> Result<Message<'a>, Fault> {
        let id = self.id.and_then(Id::of);
        let result = match (self.result, self.error) {
            (Some(result), None) => Ok(result),
            (None, Some(error)) if error.get().starts_with('{') => Err(error),
            (None, Some(_)) => return Err(Fault::invalid("\"error\" must be an object", None)),
            (Some(_), Some(_)) => {
                let message = "\"result\" and \"error\" exclude each other";
                return Err(Fault::invalid(message, None));
            }
            (None, None) => {
                let message = "one of \"method\", \"result\" and \"error\" is needed";
                return Err(Fault::invalid(message, id));
            }
        };
        if !self.is_version_2() {
            return Err(Fault::invalid("\"jsonrpc\" must be \"2.0\"", None));
        }
        match id {
            Some(id) => Ok(Message::Response { id, result }),
            None => Err(Fault::invalid("a response names its request", None)),
        }
    }

    fn is_version_2(&self) -> bool {
        self.jsonrpc
            .and_then(json::text)
            .is_some_and(|version| version == "2.0")
    }
}

fn decode_batch(text: &str) -> Result<Vec<Result<Message<'_>, Fault>>, Fault> {
    let mut messages = Vec::new();
    let read = json::each_element(text, &mut |element| {
        // At the first message too many, so that a body of a million zeros makes no large vector.
        if messages.len() == BATCH_MESSAGES_MAX {
            return Err("the batch has more than 32 messages".to_string());
        }
        messages.push(decode_message(element.get()));
        Ok(())
    });
    match read {
        Ok(()) if messages.is_empty() => Err(Fault::invalid("the batch is empty", None)),
        Ok(()) => Ok(messages),
        Err(error) => Err(Fault::of(&error)),
    }
}

/// Appends a response whose result is JSON already.
pub fn response_raw(out: &mut Vec<u8>, id: &Id, result_json: &[u8]) {
    response_with(out, id, |out| out.extend_from_slice(result_json));
}

/// Appends a response whose result `write` appends as JSON.
pub fn response_with(out: &mut Vec<u8>, id: &Id, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    begin(out, Some(id));
    out.extend_from_slice(b",\"result\":");
    write(out);
    end(out, start);
}

/// Adds members to the result that `response` ends with: `parts` together are what stands between
/// braces. Where the last part is a `_meta`, and the result has one in front, as those of upstreams
/// do, the two become one.
pub fn amend_result(response: &mut Vec<u8>, parts: &[&str]) {
    debug_assert!(response.ends_with(b"}}"), "it ends with a result object");
    let merged = parts.last().is_some_and(|part| merge_meta(response, part));
    response.truncate(response.len() - 2);
    if !response.ends_with(b"{") {
        response.push(b',');
    }
    for part in &parts[..parts.len() - usize::from(merged)] {
        response.extend_from_slice(part.as_bytes());
    }
    response.extend_from_slice(b"}}");
}

/// Adds the members of a `_meta`, which has a comma before it, to the one that the result in
/// `response` begins with. Returns whether there are both.
fn merge_meta(response: &mut Vec<u8>, meta: &str) -> bool {
    /// Quotes within an id are escaped, so that this stands nowhere before the result.
    const IN_FRONT: &[u8] = b",\"result\":{\"_meta\":{";
    let front = &response[..response.len().min(ID_BYTES_MAX + 64)];
    let found = front
        .windows(IN_FRONT.len())
        .position(|part| part == IN_FRONT);
    let inner = meta
        .strip_prefix(",\"_meta\":{")
        .and_then(|meta| meta.strip_suffix('}'));
    let (Some(found), Some(inner)) = (found, inner) else {
        return false;
    };
    let rest = response.split_off(found + IN_FRONT.len());
    response.extend_from_slice(inner.as_bytes());
    response.push(b',');
    response.extend_from_slice(&rest);
    true
}

/// Appends an error response. Without an id there is no `id` member: the schemas of MCP know no
/// null there.
pub fn error(out: &mut Vec<u8>, id: Option<&Id>, error: &RpcError) {
    let data = error.data.as_deref();
    write_error(out, id, error.code, &error.message, data);
}

/// Appends an error response whose `error` member is JSON already, as an upstream sent it.
pub fn error_raw(out: &mut Vec<u8>, id: &Id, error_json: &str) {
    let start = out.len();
    begin(out, Some(id));
    out.extend_from_slice(b",\"error\":");
    out.extend_from_slice(error_json.as_bytes());
    end(out, start);
}

/// Appends a call: a request if it has an id. Its params are a JSON object already, or nothing.
pub fn call_raw(out: &mut Vec<u8>, id: Option<&Id>, method: &str, params_json: &[u8]) {
    call_with(out, id, method, &mut |out| {
        out.extend_from_slice(params_json);
    });
}

/// The same with params that `write` appends as JSON, or nothing.
pub fn call_with(
    out: &mut Vec<u8>,
    id: Option<&Id>,
    method: &str,
    write: &mut dyn FnMut(&mut Vec<u8>),
) {
    const PARAMS: &[u8] = b",\"params\":";
    let start = out.len();
    begin(out, id);
    out.extend_from_slice(b",\"method\":");
    json::push_string(out, method);
    out.extend_from_slice(PARAMS);
    let params = out.len();
    write(out);
    if out.len() == params {
        out.truncate(params - PARAMS.len());
    }
    end(out, start);
}

fn write_error(
    out: &mut Vec<u8>,
    id: Option<&Id>,
    code: i32,
    message: &str,
    data: Option<&RawValue>,
) {
    let start = out.len();
    begin(out, id);
    out.extend_from_slice(b",\"error\":{\"code\":");
    if code < 0 {
        out.push(b'-');
    }
    decimal(out, u64::from(code.unsigned_abs()));
    out.extend_from_slice(b",\"message\":");
    json::push_string(out, message);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.get().as_bytes());
    }
    out.push(b'}');
    end(out, start);
}

fn begin(out: &mut Vec<u8>, id: Option<&Id>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.as_json().as_bytes());
    }
}

/// Ends the message that begins at `start` and makes it one line. Line breaks in JSON can only
/// stand between tokens, since strings have them escaped, so leaving them out changes nothing.
fn end(out: &mut Vec<u8>, start: usize) {
    out.push(b'}');
    if !has_line_break(&out[start..]) {
        return;
    }
    let mut kept = start;
    for at in start..out.len() {
        if !matches!(out[at], b'\r' | b'\n') {
            out[kept] = out[at];
            kept += 1;
        }
    }
    out.truncate(kept);
}

#[cfg(test)]
mod tests;
