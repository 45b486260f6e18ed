//! Paths to doors. Every path answers with and without a trailing slash.

use crate::admin::stats::DoorKind;
use crate::mcp::http_sse::Pair;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Streamable HTTP, and HTTP+SSE for clients that only know how to `GET` one URL.
    Mcp,
    /// Opens an HTTP+SSE stream.
    Sse(Pair),
    /// Takes messages of HTTP+SSE sessions.
    Messages,
    /// Tells how the server is.
    Health,
}

impl Door {
    /// Which doors it is counted with.
    pub fn kind(self) -> DoorKind {
        match self {
            Door::Mcp => DoorKind::Mcp,
            Door::Sse(_) => DoorKind::Sse,
            Door::Messages => DoorKind::Messages,
            Door::Health => DoorKind::Operations,
        }
    }
}

/// The door behind `path`.
pub fn route(path: &str) -> Option<Door> {
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        Some(_) | None => path,
    };
    match path {
        "/mcp" => Some(Door::Mcp),
        "/sse" => Some(Door::Sse(Pair::Sse)),
        "/mcp/sse" => Some(Door::Sse(Pair::McpSse)),
        "/messages" | "/mcp/messages" => Some(Door::Messages),
        "/health" | "/healthz" | "/readyz" => Some(Door::Health),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_slash_makes_no_difference() {
        let doors = [
            ("/mcp", Door::Mcp),
            ("/sse", Door::Sse(Pair::Sse)),
            ("/mcp/sse", Door::Sse(Pair::McpSse)),
            ("/messages", Door::Messages),
            ("/mcp/messages", Door::Messages),
            ("/health", Door::Health),
            ("/healthz", Door::Health),
            ("/readyz", Door::Health),
        ];
        for (path, door) in doors {
            assert_eq!(route(path), Some(door), "{path}");
            assert_eq!(route(&format!("{path}/")), Some(door), "{path}/");
            assert_eq!(route(&format!("{path}//")), None, "{path}//");
        }
    }

    #[test]
    fn other_paths_have_no_door() {
        for path in [
            "/",
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
