//! Paths to doors, and what each door asks of whoever comes. Every path answers with and without a
//! trailing slash. Behind `/servers/NAME` each upstream has the doors of the protocol to itself.

use crate::admin::stats::DoorKind;
use crate::auth::role::Doors;
use crate::mcp::http_sse::Pair;
use crate::wire::dialect::Dialect;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Streamable HTTP, and HTTP+SSE for clients that only know how to `GET` one URL.
    Mcp,
    /// Opens an HTTP+SSE stream in this dialect, until its client speaks through another door.
    Sse(Pair, Dialect),
    /// Takes messages of HTTP+SSE sessions and answers in this dialect.
    Messages(Dialect),
    /// `/mcp/tools/NAME`: calls a tool by plain HTTP.
    ToolCall,
    /// Sends an event to others.
    Broadcast,
    /// Lists the tools.
    Tools,
    /// Describes the tools as an OpenAPI document.
    OpenApi,
    /// Says what there is and where.
    Api,
    /// Tells how the server is.
    Health,
    /// Counters for Prometheus.
    Metrics,
    /// Tells who is connected.
    Stats,
    /// The web console.
    Console,
}

/// What a door asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it is open to all.
    Nothing,
    /// A role that may use doors of this kind; of several kinds, one is enough.
    Kind(Doors),
    /// A role that may send events to others.
    Broadcast,
    /// A role that may see how the server is.
    Stats,
}

/// Every path, those that are asked for most often first. One that has an entry with a trailing
/// slash of its own leads elsewhere with it.
pub const PATHS: &[(&str, Door)] = &[
    ("/mcp", Door::Mcp),
    ("/messages", Door::Messages(Dialect::Standard)),
    ("/mcp/messages", Door::Messages(Dialect::Standard)),
    ("/sse", Door::Sse(Pair::Sse, Dialect::Standard)),
    ("/mcp/sse/", Door::Sse(Pair::McpSse, Dialect::Standard)),
    ("/mcp/sse", Door::Sse(Pair::McpSse, Dialect::Hyphenated)),
    ("/mcp/sse/message", Door::Messages(Dialect::Underscored)),
    ("/mcp/sse/send", Door::Messages(Dialect::Hyphenated)),
    ("/events", Door::Sse(Pair::Sse, Dialect::Plain)),
    ("/mcp/tools", Door::Tools),
    ("/openapi.json", Door::OpenApi),
    ("/api", Door::Api),
    ("/mcp/sse/broadcast", Door::Broadcast),
    ("/mcp/sse/stats", Door::Stats),
    ("/metrics", Door::Metrics),
    ("/", Door::Console),
    ("/sse-demo.html", Door::Console),
    ("/demo-sse.html", Door::Console),
    ("/mcp_sse_example.html", Door::Console),
    ("/console.css", Door::Console),
    ("/console.js", Door::Console),
    ("/health", Door::Health),
    ("/healthz", Door::Health),
    ("/readyz", Door::Health),
];

/// What the paths of one upstream begin with; its name follows.
pub const SERVERS: &str = "/servers/";

/// The doors of each upstream, behind its name.
pub const SERVER_PATHS: [(&str, Door); 3] = [
    ("/mcp", Door::Mcp),
    ("/sse", Door::Sse(Pair::Sse, Dialect::Standard)),
    ("/messages", Door::Messages(Dialect::Standard)),
];

/// The door behind `path`.
pub fn route(path: &str) -> Option<Door> {
    find(path, PATHS)
        .or_else(|| find(shorter(path)?, PATHS))
        .or_else(|| find_tool(path))
}

/// The upstream that `/servers/NAME/mcp` and the like name, and the door of its.
pub fn route_to_server(path: &str) -> Option<(&str, Door)> {
    let rest = path.strip_prefix(SERVERS)?;
    let (name, door) = rest.split_at(rest.find('/')?);
    let door = find(door, &SERVER_PATHS).or_else(|| find(shorter(door)?, &SERVER_PATHS))?;
    Some((name, door))
}

/// The path without the one slash at its end.
fn shorter(path: &str) -> Option<&str> {
    let shorter = path.strip_suffix('/');
    shorter.filter(|path| !path.ends_with('/'))
}

/// `/mcp/tools/NAME`, whatever the name.
fn find_tool(path: &str) -> Option<Door> {
    tool_name(path).map(|_| Door::ToolCall)
}

/// The name in `/mcp/tools/NAME`, percent-encoded.
pub fn tool_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/mcp/tools/")?;
    let name = name.strip_suffix('/').unwrap_or(name);
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

fn find(path: &str, paths: &[(&str, Door)]) -> Option<Door> {
    let entry = paths.iter().find(|(known, _)| *known == path);
    entry.map(|(_, door)| *door)
}

impl Door {
    /// Which doors it is counted with.
    pub const fn kind(self) -> DoorKind {
        match self {
            Door::Mcp => DoorKind::Mcp,
            Door::Sse(_, Dialect::Plain) => DoorKind::Dialects,
            Door::Sse(..) => DoorKind::Sse,
            Door::Messages(Dialect::Standard) => DoorKind::Messages,
            Door::Messages(_) => DoorKind::Dialects,
            Door::ToolCall | Door::Tools | Door::OpenApi | Door::Api => DoorKind::Rest,
            Door::Broadcast => DoorKind::Dialects,
            Door::Health | Door::Metrics | Door::Stats | Door::Console => DoorKind::Operations,
        }
    }

    /// What it asks of whoever comes.
    pub const fn needs(self) -> Needs {
        match self {
            Door::Mcp => Needs::Kind(Doors::MCP),
            // Who may not use this transport may still use the dialects that begin here.
            Door::Sse(_, Dialect::Hyphenated) => Needs::Kind(Doors::SSE.and(Doors::DIALECTS)),
            Door::Sse(_, Dialect::Plain) => Needs::Kind(Doors::DIALECTS),
            Door::Sse(..) => Needs::Kind(Doors::SSE),
            Door::Messages(Dialect::Standard) => Needs::Kind(Doors::SSE),
            Door::Messages(_) => Needs::Kind(Doors::DIALECTS),
            Door::ToolCall | Door::Tools | Door::OpenApi | Door::Api => Needs::Kind(Doors::REST),
            Door::Broadcast => Needs::Broadcast,
            Door::Metrics | Door::Stats => Needs::Stats,
            // The console holds nothing: what it shows it asks for.
            Door::Health | Door::Console => Needs::Nothing,
        }
    }

    /// Whether a `GET` opens an event stream. Browsers' `EventSource` cannot send headers, so a
    /// token may stand in the query there.
    pub const fn opens_stream(self) -> bool {
        matches!(self, Door::Mcp | Door::Sse(..))
    }

    /// Whether its answers depend on what there is. Streams are opened whatever that may be.
    pub const fn needs_offers(self, is_post: bool) -> bool {
        match self {
            Door::Mcp | Door::Messages(_) | Door::ToolCall => is_post,
            Door::Tools | Door::OpenApi => true,
            Door::Sse(..)
            | Door::Broadcast
            | Door::Api
            | Door::Health
            | Door::Metrics
            | Door::Stats
            | Door::Console => false,
        }
    }

    /// Whether it takes messages whose answers come on another stream. Refusals that a client can
    /// do nothing about are said there as well: official clients of HTTP+SSE stop sending for good
    /// after a POST that is not a success.
    pub const fn takes_messages(self) -> bool {
        matches!(self, Door::Messages(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_slash_makes_no_difference() {
        let has_own = |path: &str| PATHS.iter().any(|(known, _)| *known == path);
        for (path, door) in PATHS {
            assert_eq!(route(path), Some(*door), "{path}");
            if !path.ends_with('/') && !has_own(&format!("{path}/")) {
                assert_eq!(route(&format!("{path}/")), Some(*door), "{path}/");
                assert_eq!(route(&format!("{path}//")), None, "{path}//");
            }
        }
    }

    #[test]
    fn one_stream_greets_differently_without_its_slash() {
        let door = |dialect| Some(Door::Sse(Pair::McpSse, dialect));
        assert_eq!(route("/mcp/sse/"), door(Dialect::Standard));
        assert_eq!(route("/mcp/sse"), door(Dialect::Hyphenated));
    }

    #[test]
    fn each_server_has_doors_of_its_own() {
        let sse = Door::Sse(Pair::Sse, Dialect::Standard);
        let messages = Door::Messages(Dialect::Standard);
        for (path, expected) in [
            ("/servers/files/mcp", Some(("files", Door::Mcp))),
            ("/servers/files/mcp/", Some(("files", Door::Mcp))),
            ("/servers/files/sse", Some(("files", sse))),
            ("/servers/files/sse/", Some(("files", sse))),
            ("/servers/files/messages", Some(("files", messages))),
            ("/servers/files/messages/", Some(("files", messages))),
            ("/servers//mcp", Some(("", Door::Mcp))),
            ("/servers/mcp", None),
            ("/servers/files", None),
            ("/servers/files/", None),
            ("/servers/files/mcp//", None),
            ("/servers/files/mcp/sse", None),
            ("/servers/a/b/mcp", None),
            ("/servers/files/events", None),
            ("/servers/files/metrics", None),
            ("/mcp", None),
        ] {
            assert_eq!(route_to_server(path), expected, "{path}");
            assert!(expected.is_none() || route(path).is_none(), "{path}");
        }
    }

    #[test]
    fn no_path_stands_twice() {
        for (at, (path, _)) in PATHS.iter().enumerate() {
            assert!(PATHS[..at].iter().all(|(other, _)| other != path), "{path}");
        }
    }

    #[test]
    fn other_paths_have_no_door() {
        for path in [
            "/index.php",
            "",
            "/MCP",
            "/mcpx",
            "/mcp/x",
            "/.well-known/oauth-protected-resource",
        ] {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
