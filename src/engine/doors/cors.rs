//! Preflights: what a browser asks before a page of another origin may send its request (CORS,
//! fetch.spec.whatwg.org section 4.8).
//!
//! It asks without credentials, so nothing is looked at but the origin: what may be sent says
//! nothing about who may send it.

use super::{Exchange, Reply};
use crate::limits;
use crate::wire::head::Method;
use crate::wire::status::Status;

/// Methods that some door takes.
const METHODS: &str = "GET, POST, DELETE, OPTIONS";

/// Fields that some door reads. Those of MCP are allowed as they are asked for, since a tool may
/// have some of its own (`Mcp-Param-*`, 2026-07-28).
const FIELDS: &str = "Authorization, Content-Type, Accept, X-API-Key, Last-Event-ID";

impl Exchange<'_> {
    /// Whether this is a preflight of a page that may ask. Pages of our own need none.
    pub(super) fn is_preflight(&self) -> bool {
        self.head.method == Method::Options
            && self.cors.is_some()
            && self.asked("access-control-request-method").is_some()
    }

    /// Whether a page of another site makes its browser `GET` this without an `Origin`, as for a
    /// picture (fetch.spec.whatwg.org section 3.2, w3.org/TR/fetch-metadata section 2.3). It
    /// could read nothing, but every stream it opens is a session that takes the place of another.
    pub(super) fn is_foreign_look(&self) -> bool {
        self.head.method == Method::Get
            && self.fields().origin.is_none()
            && self.asked("sec-fetch-site") == Some("cross-site")
    }

    /// 204, with everything the page may send.
    pub(super) fn preflight(&mut self) -> Reply {
        let mut allowed = FIELDS.to_string();
        let asked = self.head.values("access-control-request-headers");
        for name in asked.flat_map(|list| list.split(',')).map(str::trim) {
            if is_of_mcp(name) {
                allowed.push_str(", ");
                allowed.push_str(name);
            }
        }
        let age = limits::PREFLIGHT_AGE.as_secs().to_string();
        let fields = [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", allowed.as_str()),
            ("Access-Control-Max-Age", age.as_str()),
            // A page from the internet asks for a machine of the local network.
            ("Access-Control-Allow-Private-Network", "true"),
        ];
        let private = self.asked("access-control-request-private-network");
        let count = fields.len() - usize::from(private != Some("true"));
        self.empty_with(Status::NoContent, &fields[..count])
    }

    /// The value of a field that only preflights have.
    fn asked(&self, name: &str) -> Option<&str> {
        self.head.values(name).next()
    }
}

/// Whether `name` is the name of a field, and one of MCP's.
fn is_of_mcp(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let prefix = name.get(..4);
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("mcp-")) && name.bytes().all(is_plain)
}
