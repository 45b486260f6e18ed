//! `/api` and `/mcp/tools`: what there is and where, for people with curl and for scripts.

use super::snippets::Snippet;
use super::stats::DoorKind;
use crate::mcp::revision::Revision;
use crate::tool::{Tool, registry};
use crate::wire::json::{self, Object};

/// One thing that can be asked of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The HTTP method.
    pub method: &'static str,
    /// The path; `NAME` stands for the name of a tool.
    pub path: &'static str,
    /// Which doors it belongs to.
    pub kind: DoorKind,
}

const fn entrance(method: &'static str, path: &'static str, kind: DoorKind) -> Entrance {
    Entrance { method, path, kind }
}

/// All of them, in the order in which they are worth reading.
pub const ENTRANCES: [Entrance; 22] = [
    entrance("POST", "/mcp", DoorKind::Mcp),
    entrance("GET", "/mcp", DoorKind::Mcp),
    entrance("DELETE", "/mcp", DoorKind::Mcp),
    entrance("GET", "/sse", DoorKind::Sse),
    entrance("POST", "/messages", DoorKind::Messages),
    entrance("GET", "/mcp/sse/", DoorKind::Sse),
    entrance("POST", "/mcp/messages/", DoorKind::Messages),
    entrance("GET", "/mcp/sse", DoorKind::Dialects),
    entrance("POST", "/mcp/sse/message", DoorKind::Dialects),
    entrance("POST", "/mcp/sse/send", DoorKind::Dialects),
    entrance("POST", "/mcp/sse/broadcast", DoorKind::Dialects),
    entrance("GET", "/mcp/sse/stats", DoorKind::Operations),
    entrance("GET", "/events", DoorKind::Dialects),
    entrance("GET", "/mcp/tools", DoorKind::Rest),
    entrance("POST", "/mcp/tools/NAME", DoorKind::Rest),
    entrance("GET", "/openapi.json", DoorKind::Rest),
    entrance("GET", "/api", DoorKind::Rest),
    entrance("GET", "/health", DoorKind::Operations),
    entrance("GET", "/healthz", DoorKind::Operations),
    entrance("GET", "/readyz", DoorKind::Operations),
    entrance("GET", "/metrics", DoorKind::Operations),
    entrance("GET", "/", DoorKind::Operations),
];

/// `{"tools":[...]}`, each as in `tools/list`, all on one page.
pub fn tools_json<'a>(tools: impl Iterator<Item = (&'a str, &'a dyn Tool)>) -> Vec<u8> {
    let entries = tools.map(|(name, tool)| registry::entry(name, tool));
    Object::default().list("tools", entries).end()
}

/// Name, version, revisions and doors of the server; and those of each server behind it.
pub fn api_json<'a>(
    name: &str,
    upstreams: impl Iterator<Item = &'a str>,
    clients: &[Snippet],
) -> Vec<u8> {
    let mut out = b"{\"name\":".to_vec();
    json::push_string(&mut out, name);
    let version = concat!(",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"");
    out.extend_from_slice(version.as_bytes());
    let revisions = Revision::ALL.map(|revision| format!("\"{}\"", revision.date()));
    let door = |method, path: &str, kind: DoorKind| {
        let kind = kind.name();
        format!("{{\"method\":\"{method}\",\"path\":\"{path}\",\"kind\":\"{kind}\"}}")
    };
    let mut doors = ENTRANCES
        .map(|Entrance { method, path, kind }| door(method, path, kind))
        .to_vec();
    for name in upstreams {
        doors.push(door("POST", &format!("/servers/{name}/mcp"), DoorKind::Mcp));
        doors.push(door("GET", &format!("/servers/{name}/sse"), DoorKind::Sse));
    }
    for (member, values) in [("revisions", &revisions[..]), ("doors", &doors[..])] {
        let text = format!(",\"{member}\":[{}]", values.join(","));
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b",\"clients\":[");
    for (index, snippet) in clients.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{" } else { b"{" });
        let Snippet {
            client,
            label,
            place,
            text,
        } = snippet;
        let members = [
            ("client", *client),
            ("label", label),
            ("place", place),
            ("text", text),
        ];
        for (index, (member, value)) in members.into_iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            out.extend_from_slice(format!("{comma}\"{member}\":").as_bytes());
            json::push_string(&mut out, value);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::snippets::snippets;
    use crate::tool::{Tool, builtin};
    use serde_json::{Value, json};

    #[test]
    fn tools_are_listed_as_the_protocol_lists_them() {
        assert_eq!(tools_json([].into_iter()), b"{\"tools\":[]}");
        let (echo, facts) = (builtin::Echo::new(), builtin::SystemInfo::new());
        let tools: [(&str, &dyn Tool); 2] = [("echo", &echo), ("system-info", &facts)];
        let listed: Value = serde_json::from_slice(&tools_json(tools.into_iter())).unwrap();
        let names = listed["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| &tool["name"]);
        assert!(names.eq(["echo", "system-info"]), "{listed}");
        assert_eq!(listed["tools"][0]["inputSchema"]["type"], "object");
    }

    #[test]
    fn s4_12_the_api_says_what_is_where() {
        let clients = snippets("pi", "http://pi.lan", None, true);
        let api: Value =
            serde_json::from_slice(&api_json("a \"b\"", ["files"].into_iter(), &clients)).unwrap();
        assert_eq!(api["clients"][0]["client"], "claude-code");
        assert_eq!(api["name"], "a \"b\"");
        assert_eq!(api["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(api["revisions"][0], "2024-11-05");
        let doors = api["doors"].as_array().unwrap();
        assert_eq!(doors.len(), ENTRANCES.len() + 2);
        assert_eq!(
            doors[ENTRANCES.len()],
            json!({"method": "POST", "path": "/servers/files/mcp", "kind": "mcp"})
        );
        assert_eq!(
            doors[0],
            json!({"method": "POST", "path": "/mcp", "kind": "mcp"})
        );
    }

    #[test]
    fn no_entrance_is_named_twice() {
        for (index, entrance) in ENTRANCES.iter().enumerate() {
            assert!(!ENTRANCES[..index].contains(entrance), "{entrance:?}");
            assert!(entrance.path.starts_with('/'), "{entrance:?}");
        }
    }
}
