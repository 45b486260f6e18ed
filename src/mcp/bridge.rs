//! What a message of one era is in the other: results, errors and questions of a server that runs
//! behind this one, on their way to clients. Pure rules; nothing here knows a child or a call.
//!
//! | from a server of | to a client of | what changes |
//! |---|---|---|
//! | handshake | handshake | nothing |
//! | 2026-07-28 | any | what only it says of results, and the server's name, go: we say ours |
//! | 2026-07-28 | handshake | structured content that is no object goes: it is there as text |
//! | handshake | 2026-07-28 | members that would mean something there go |
//! | any | any | codes that speak of the connection behind us become an internal error |
//!
//! Content that a client's revision does not know (audio before 2025-03-26, links before
//! 2025-06-18) passes: clients pass over what they do not know, and nothing else would say it.
//!
//! A result for a client has its `_meta` in front, if it has one: what is added to it is then
//! found without reading the result again.

use super::capability::Capabilities;
use super::header::HEADER_MISMATCH;
use super::message::Level;
use super::method::Method;
use super::revision::Era;
use super::stateless::{CAPABILITY_MISSING, VERSION_UNSUPPORTED};
use crate::wire::json;
use crate::wire::jsonrpc::{INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, RpcError};
use serde_json::value::RawValue;

/// There is no such resource, for revisions with a handshake.
pub const RESOURCE_NOT_FOUND: i32 = -32002;

/// A person has to visit a page first (MCP 2025-11-25, client/elicitation).
pub const VISIT_REQUIRED: i32 = -32042;

/// `_meta` of requests of 2026-07-28, without braces: what we say of ourselves.
const REQUEST_META: &str = concat!(
    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",",
    "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"",
    env!("CARGO_PKG_NAME"),
    "\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"},\"io.modelcontextprotocol/clientCapabilities\":",
);

/// In `_meta` of results: who has made it.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Prefix of members of `_meta` that the protocol has for itself.
const OF_PROTOCOL: &str = "io.modelcontextprotocol/";

/// A child may name a question so, in the `_meta` of its parameters.
const INPUT_KEY: &str = "io.slimcp/inputKey";

/// Bytes of such a name.
const INPUT_KEY_BYTES_MAX: usize = 64;

/// Appends what every request of 2026-07-28 says in `_meta`: members without braces. Tasks are
/// never among the capabilities: a server that offers them has clients ask again, and nobody here
/// would.
pub fn push_request_meta(out: &mut Vec<u8>, client: Capabilities, log_level: Option<Level>) {
    out.extend_from_slice(REQUEST_META.as_bytes());
    Capabilities::TASKS.missing(client).push_json(out);
    if let Some(level) = log_level {
        out.extend_from_slice(b",\"io.modelcontextprotocol/logLevel\":\"");
        out.extend_from_slice(level.name().as_bytes());
        out.push(b'"');
    }
}

/// What a result is.
#[derive(Debug)]
pub enum Read<'a> {
    /// The end of the call: the result as an object that says nothing of its kind.
    Complete(String),
    /// Questions; with their answers the request is to be made again.
    Asks {
        /// The questions by key: an object.
        requests: Option<&'a RawValue>,
        /// What is to be sent along as it is: a string.
        state: Option<&'a RawValue>,
    },
    /// Nothing that anybody could use: why.
    Unfit(&'static str),
}

/// Reads a result of a server of one era for a client of another.
pub fn read_result(result: &RawValue, server: Era, client: Era) -> Read<'_> {
    if !result.get().starts_with('{') {
        return Read::Unfit("the server's result is no object");
    }
    if (server, client) == (Era::Handshake, Era::Handshake) {
        return Read::Complete(result.get().to_string());
    }
    let mut parts = Parts::default();
    let read = json::each_member(result.get(), &mut |name, value| {
        parts.take(&name, value, client);
        Ok(())
    });
    debug_assert!(read.is_ok(), "a message was read before");
    let kind = parts.kind.map(json::text);
    match (server, kind) {
        (Era::Handshake, _) | (Era::Stateless, None) => Read::Complete(parts.end()),
        (Era::Stateless, Some(kind)) => match kind.as_deref() {
            Some("complete") => Read::Complete(parts.end()),
            Some("input_required") => Read::Asks {
                requests: parts.requests,
                state: parts.state,
            },
            Some(_) | None => Read::Unfit("the server's result is of a kind that nobody asked for"),
        },
    }
}

/// The members of a result.
#[derive(Default)]
struct Parts<'a> {
    kind: Option<&'a RawValue>,
    requests: Option<&'a RawValue>,
    state: Option<&'a RawValue>,
    /// Of a tool, where it may have to change.
    content: Option<&'a RawValue>,
    /// Structured content that the client cannot have.
    unstructured: Option<&'a RawValue>,
    /// Members of `_meta`, a comma before each.
    meta: Vec<u8>,
    /// All others, a comma before each.
    rest: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, name: &str, value: &'a RawValue, client: Era) {
        match name {
            "resultType" => self.kind = Some(value),
            "inputRequests" => self.requests = json::said(Some(value)),
            "requestState" => self.state = json::said(Some(value)),
            "ttlMs" | "cacheScope" => {}
            "_meta" => self.take_meta(value),
            "content" if client == Era::Handshake => self.content = Some(value),
            "structuredContent" if client == Era::Handshake && !value.get().starts_with('{') => {
                self.unstructured = json::said(Some(value));
            }
            _ => push_member(&mut self.rest, name, value),
        }
    }

    /// The server's name goes. What is no object is no `_meta`.
    fn take_meta(&mut self, meta: &RawValue) {
        // What was taken before an end that makes no sense is taken.
        let _ = json::each_member(meta.get(), &mut |name, value| {
            if name != SERVER_INFO {
                push_member(&mut self.meta, &name, value);
            }
            Ok(())
        });
    }

    fn end(mut self) -> String {
        let is_empty = |content: &RawValue| content.get()[1..].trim_start().starts_with(']');
        match (self.content, self.unstructured) {
            (None, None) => {}
            (Some(content), Some(value)) if is_empty(content) => self.push_as_text(value),
            (None, Some(value)) => self.push_as_text(value),
            (Some(content), _) => push_member(&mut self.rest, "content", content),
        }
        let mut json = Vec::with_capacity(self.meta.len() + self.rest.len() + 12);
        if !self.meta.is_empty() {
            self.meta[0] = b'{';
            json.extend_from_slice(b"{\"_meta\":");
            json.append(&mut self.meta);
            json.push(b'}');
        } else if self.rest.is_empty() {
            json.push(b'{');
        } else {
            self.rest[0] = b'{';
        }
        json.append(&mut self.rest);
        json.push(b'}');
        String::from_utf8(json).expect("texts make a text")
    }

    fn push_as_text(&mut self, value: &RawValue) {
        let out = &mut self.rest;
        out.extend_from_slice(b",\"content\":[{\"type\":\"text\",\"text\":");
        json::push_string(out, value.get());
        out.extend_from_slice(b"}]");
    }
}

/// Appends a member, a comma before it.
fn push_member(out: &mut Vec<u8>, name: &str, value: &RawValue) {
    out.push(b',');
    json::push_string(out, name);
    out.push(b':');
    out.extend_from_slice(value.get().as_bytes());
}

/// What a server's error is for a client.
#[derive(Debug)]
pub enum Failed<'a> {
    /// This.
    Error(RpcError),
    /// There is no such resource.
    ResourceUnknown,
    /// Persons have to visit these pages first, and then the request is to be made again.
    Visits(Vec<&'a RawValue>),
}

/// Reads an error of a server of one era for a client of another, who can be asked what `capable`
/// says.
pub fn read_error<'a>(
    error: &'a RawValue,
    method: Method,
    server: Era,
    (client, capable): (Era, Capabilities),
) -> Failed<'a> {
    let picked = json::pick(error.get(), ["code", "message", "data"]).unwrap_or_default();
    let [code, message, data] = picked.map(json::said);
    let code = code.and_then(|code| code.get().parse().ok());
    let message = message.and_then(json::text);
    let mut error = RpcError {
        code: code.unwrap_or(INTERNAL_ERROR),
        message: message.map_or("the server gives no reason".into(), |text| {
            text.into_owned().into()
        }),
        data: None,
    };
    if method == Method::ResourcesRead && is_resource_unknown(error.code, data, server) {
        return Failed::ResourceUnknown;
    }
    if error.code == VISIT_REQUIRED && server == Era::Handshake && client == Era::Stateless {
        let visits = data.map(visits).unwrap_or_default();
        if method.may_ask() && !visits.is_empty() {
            return Failed::Visits(visits);
        }
    }
    match passes(error.code, server, client, capable) {
        true => error.data = data.map(ToOwned::to_owned),
        false => error.code = INTERNAL_ERROR,
    }
    Failed::Error(error)
}

/// 2026-07-28 has no code of its own for it, and takes that of the revisions before (server/
/// resources, error handling).
fn is_resource_unknown(code: i32, data: Option<&RawValue>, server: Era) -> bool {
    let names_uri = || {
        let picked = data.map(|data| json::pick(data.get(), ["uri"]));
        matches!(picked, Some(Ok([Some(_)])))
    };
    code == RESOURCE_NOT_FOUND
        || (code == INVALID_PARAMS && server == Era::Stateless && names_uri())
}

/// Whether a client may see this code. What is wrong between us and a server is not the client's
/// fault; only what a client of 2026-07-28 lacks for a server of the same is.
fn passes(code: i32, server: Era, client: Era, capable: Capabilities) -> bool {
    match code {
        HEADER_MISMATCH | VERSION_UNSUPPORTED => false,
        CAPABILITY_MISSING => (server, client) == (Era::Stateless, Era::Stateless),
        // A revision that has no pages does not have this code either.
        VISIT_REQUIRED => {
            let has_pages = client == Era::Handshake && capable.has(Capabilities::URL);
            server == Era::Handshake && has_pages
        }
        _ => true,
    }
}

/// The pages that an error names.
fn visits(data: &RawValue) -> Vec<&RawValue> {
    let mut visits = Vec::new();
    let picked = json::pick(data.get(), ["elicitations"]);
    if let Ok([Some(elicitations)]) = picked {
        // One that is no list names none.
        let _ = json::each_element(elicitations.get(), &mut |visit| {
            visits.push(visit);
            Ok(())
        });
    }
    visits
}

/// Whether a question was not asked because the client lacks the capability for it.
pub fn is_incapable(error: &RpcError) -> bool {
    error.code == CAPABILITY_MISSING
}

/// What a child is told where its question was not answered. A code that says what the client of a
/// call lacks means to the child that there is no such method.
pub fn error_for_child(error: &RpcError) -> RpcError {
    match error.code {
        CAPABILITY_MISSING => {
            RpcError::new(METHOD_NOT_FOUND, "the client cannot be asked for this")
        }
        _ => error.clone(),
    }
}

/// A question of a child with a handshake, for any client.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// The name that the child has given it.
    pub key: Option<String>,
    /// Its parameters: an object.
    pub params: String,
}

/// Takes out of the parameters of a question what speaks of the child's own connection: its token
/// for progress, its task, the id of its page. A question to a person says of which kind it is,
/// where `mode` is given.
pub fn read_question(params: Option<&RawValue>, mode: Option<&str>) -> Question {
    let mut key = None;
    let mut meta = Vec::new();
    let mut rest = Vec::new();
    let mut has_mode = false;
    let params = params.map_or("{}", RawValue::get);
    // Parameters that are a list have no names, and nothing in them is known.
    let _ = json::each_member(params, &mut |name, value| {
        match &*name {
            "elicitationId" | "task" => {}
            "_meta" => key = take_question_meta(&mut meta, value),
            _ => {
                has_mode |= name == "mode";
                push_member(&mut rest, &name, value);
            }
        }
        Ok(())
    });
    if let Some(mode) = mode.filter(|_| !has_mode) {
        rest.extend_from_slice(b",\"mode\":\"");
        rest.extend_from_slice(mode.as_bytes());
        rest.push(b'"');
    }
    if !meta.is_empty() {
        meta[0] = b'{';
        rest.extend_from_slice(b",\"_meta\":");
        rest.append(&mut meta);
        rest.push(b'}');
    }
    match rest.first_mut() {
        Some(comma) => *comma = b'{',
        None => rest.push(b'{'),
    }
    rest.push(b'}');
    let params = String::from_utf8(rest).expect("texts make a text");
    Question { key, params }
}

/// Keeps what is foreign in the `_meta` of a question. Returns the question's name.
fn take_question_meta(out: &mut Vec<u8>, meta: &RawValue) -> Option<String> {
    let mut key = None;
    // One that is no object has nothing.
    let _ = json::each_member(meta.get(), &mut |name, value| {
        if name == INPUT_KEY {
            let named = json::text(value).filter(|named| named.len() <= INPUT_KEY_BYTES_MAX);
            key = named.map(String::from);
        } else if name != "progressToken" && !name.starts_with(OF_PROTOCOL) {
            push_member(out, &name, value);
        }
        Ok(())
    });
    key
}

#[cfg(test)]
mod tests;
