//! 2026-07-28: no handshake and no session. Every request says who asks and what it can do, and
//! every result says what kind of result it is.

use super::capability::Capabilities;
use super::header::{self, HEADER_MISMATCH, Mismatch};
use super::message::{Level, ServerInfo};
use super::method::{Freshness, NamedBy};
use super::revision::MODERN;
use crate::limits;
use crate::wire::json;
use crate::wire::jsonrpc::{INTERNAL_ERROR, INVALID_PARAMS, Id, METHOD_NOT_FOUND, RpcError};
use crate::wire::status::Status;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A request needs a capability that its client has not declared (MCP 2026-07-28, basic).
pub const CAPABILITY_MISSING: i32 = -32021;

/// The version a request claims is not served (MCP 2026-07-28, basic/versioning).
pub const VERSION_UNSUPPORTED: i32 = -32022;

/// What `_meta` of a request says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What the client can be asked.
    pub capabilities: Capabilities,
    /// The least severity of log messages that it wants to hear; none without.
    pub log_level: Option<Level>,
}

/// Names in `_meta`.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";

/// What a request's `params` claim: that it is of this revision, whichever it names. `None` where
/// nothing is claimed: then it is of a revision with a handshake.
pub fn claim(params: Option<&RawValue>) -> Option<Claim<'_>> {
    let [meta, name, uri, task] =
        json::pick(params?.get(), ["_meta", "name", "uri", "taskId"]).ok()?;
    let meta = json::said(meta)?.get();
    let names = [VERSION, CLIENT, CAPABILITIES, LOG_LEVEL, "progressToken"];
    let [version, client, capabilities, log_level, token] = json::pick(meta, names).ok()?;
    Some(Claim {
        version: json::said(version)?,
        client: json::said(client),
        capabilities: json::said(capabilities),
        log_level: json::said(log_level),
        progress_token: json::said(token),
        names: [name, uri, task],
    })
}

/// A claim as it stands in a request.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    version: &'a RawValue,
    client: Option<&'a RawValue>,
    capabilities: Option<&'a RawValue>,
    log_level: Option<&'a RawValue>,
    progress_token: Option<&'a RawValue>,
    /// What the request is about, by each of the members that may say it.
    names: [Option<&'a RawValue>; 3],
}

impl<'a> Claim<'a> {
    /// What the request is about, as this member of its parameters says.
    pub fn named(self, by: NamedBy) -> Option<Cow<'a, str>> {
        let place = match by {
            NamedBy::Name => 0,
            NamedBy::Uri => 1,
            NamedBy::TaskId => 2,
        };
        self.names[place].and_then(json::text)
    }

    /// Checks the claim against the header that repeats it, and reads what else it says. The order
    /// of the checks is the specification's: a header that differs is found before a version that
    /// is not served.
    ///
    /// # Errors
    ///
    /// [`HEADER_MISMATCH`], [`VERSION_UNSUPPORTED`] or [`INVALID_PARAMS`].
    pub fn check(self, sent: Option<&str>) -> Result<Told, RpcError> {
        let text = json::text(self.version);
        let version = text.ok_or_else(|| wrong(VERSION, "expected a string"))?;
        header::check_literal("MCP-Protocol-Version", sent, &version).map_err(mismatch)?;
        if version != MODERN {
            return Err(version_unsupported(&version));
        }
        let capabilities = self
            .capabilities
            .filter(|object| object.get().starts_with('{'))
            .ok_or_else(|| wrong(CAPABILITIES, "expected an object"))?;
        let capabilities = Capabilities::read(capabilities.get())
            .map_err(|problem| wrong(CAPABILITIES, &problem))?;
        if self
            .client
            .is_some_and(|client| !client.get().starts_with('{'))
        {
            return Err(wrong(CLIENT, "expected an object"));
        }
        let level = self.log_level.map(Level::read);
        if level == Some(None) {
            return Err(wrong(LOG_LEVEL, "expected a level such as \"info\""));
        }
        if self
            .progress_token
            .is_some_and(|token| Id::of(token).is_none())
        {
            return Err(wrong(
                "progressToken",
                "expected a string or a number of at most 128 bytes",
            ));
        }
        Ok(Told {
            capabilities,
            log_level: level.flatten(),
        })
    }
}

/// A header that does not say what the body says.
pub fn mismatch(mismatch: Mismatch) -> RpcError {
    RpcError::new(HEADER_MISMATCH, mismatch.to_string())
}

fn wrong(name: &str, problem: &str) -> RpcError {
    RpcError::new(INVALID_PARAMS, format!("params._meta.{name}: {problem}"))
}

/// The version is not served; says which is.
fn version_unsupported(requested: &str) -> RpcError {
    let shown: String = requested.chars().take(64).collect();
    let mut data = format!("{{\"supported\":[\"{MODERN}\"],\"requested\":").into_bytes();
    json::push_string(&mut data, &shown);
    data.push(b'}');
    let text = format!("protocol version {shown:?} is not served: use {MODERN}");
    with_data(RpcError::new(VERSION_UNSUPPORTED, text), data)
}

/// The client has not declared these capabilities, without which the request makes no sense.
pub fn capability_missing(missing: Capabilities) -> RpcError {
    let needed = missing.to_json();
    let text = format!("this needs capabilities that the client has not declared: {needed}");
    let data = format!("{{\"requiredCapabilities\":{needed}}}");
    with_data(RpcError::new(CAPABILITY_MISSING, text), data.into_bytes())
}

/// The HTTP status that goes with an error (MCP 2026-07-28, basic/transports): a method that is not
/// there is told from a server that is not there by its body.
pub const fn status(code: i32) -> Status {
    match code {
        METHOD_NOT_FOUND => Status::NotFound,
        INTERNAL_ERROR => Status::InternalServerError,
        _ => Status::BadRequest,
    }
}

/// The error with particulars for programs.
pub fn with_data(error: RpcError, json: Vec<u8>) -> RpcError {
    let json = String::from_utf8(json).expect("texts make a text");
    RpcError {
        data: Some(RawValue::from_string(json).expect("we have written JSON")),
        ..error
    }
}

/// How the `_meta` of results begins.
pub(super) const META: &str = ",\"_meta\":{";

/// What every result of this revision has, made once: `resultType` and who the server is. The
/// members stand without braces, a comma before them.
pub fn stamp(server: ServerInfo<'_>) -> String {
    stamp_of(&server.object().text_end())
}

/// The same for a server that this object describes.
pub fn stamp_of(server: &str) -> String {
    format!("{META}\"io.modelcontextprotocol/serverInfo\":{server}}}")
}

/// How long and for whom a result may be kept, as members without braces, a comma before them.
pub fn freshness(freshness: Freshness, is_public: bool) -> String {
    let millis = match freshness {
        Freshness::Listing => limits::LISTING_FRESH.as_millis(),
        Freshness::Contents => 0,
    };
    let scope = if is_public { "public" } else { "private" };
    format!(",\"ttlMs\":{millis},\"cacheScope\":\"{scope}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(meta: &str, header: Option<&str>) -> Option<Result<Option<Level>, i32>> {
        let params = RawValue::from_string(format!(r#"{{"_meta":{meta}}}"#)).unwrap();
        let claim = claim(Some(&params))?;
        let told = claim.check(header);
        Some(told.map(|told| told.log_level).map_err(|error| error.code))
    }

    #[test]
    fn a_claim_is_checked_in_the_order_of_the_specification() {
        let meta = |version: &str, rest: &str| {
            format!(r#"{{"io.modelcontextprotocol/protocolVersion":{version}{rest}}}"#)
        };
        let capable = r#","io.modelcontextprotocol/clientCapabilities":{}"#;
        let with = |rest: &str| meta("\"2026-07-28\"", &format!("{capable}{rest}"));
        let modern = Some(MODERN);
        assert_eq!(told("{}", modern), None);
        assert_eq!(told("null", modern), None);
        assert_eq!(told(&meta("null", capable), modern), None);
        let table = [
            (with(""), modern, Ok(None)),
            (with(""), None, Err(HEADER_MISMATCH)),
            (with(""), Some("2025-11-25"), Err(HEADER_MISMATCH)),
            (meta("\"v9\"", ""), modern, Err(HEADER_MISMATCH)),
            (meta("\"v9\"", ""), Some("v9"), Err(VERSION_UNSUPPORTED)),
            (meta("7", capable), modern, Err(INVALID_PARAMS)),
            (meta("\"2026-07-28\"", ""), modern, Err(INVALID_PARAMS)),
            (
                with(r#","io.modelcontextprotocol/logLevel":"error""#),
                modern,
                Ok(Some(Level::Error)),
            ),
            (
                with(r#","io.modelcontextprotocol/logLevel":"loud""#),
                modern,
                Err(INVALID_PARAMS),
            ),
            (
                with(r#","io.modelcontextprotocol/clientInfo":7"#),
                modern,
                Err(INVALID_PARAMS),
            ),
            (with(r#","progressToken":{}"#), modern, Err(INVALID_PARAMS)),
        ];
        for (meta, header, expected) in table {
            assert_eq!(told(&meta, header), Some(expected), "{meta} {header:?}");
        }
    }

    #[test]
    fn errors_carry_what_programs_need() {
        let error = version_unsupported("v\"9");
        let data = error.data.unwrap();
        assert_eq!(
            data.get(),
            r#"{"supported":["2026-07-28"],"requested":"v\"9"}"#
        );
        let error = capability_missing(Capabilities::SAMPLING);
        let data = error.data.unwrap();
        assert_eq!(data.get(), r#"{"requiredCapabilities":{"sampling":{}}}"#);
    }
}
