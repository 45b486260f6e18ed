//! What to paste where, so that a client finds this server.
//!
//! `slimcp client-config` prints these texts and the console shows them. A text has the name and
//! the address of the server in it, written as its language wants them; in place of the token it
//! has a reference to the client's own store of secrets, or a placeholder. It never has a token.

use crate::wire::json;
use std::borrow::Cow;

/// What one client is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// What the command line calls the client. Several snippets may be for one.
    pub client: &'static str,
    /// The client's name.
    pub label: &'static str,
    /// Where the text goes.
    pub place: &'static str,
    /// The text itself.
    pub text: String,
}

/// The language of a text, which decides how a name or an address is written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Json,
    Shell,
    /// Sentences for people.
    Prose,
}

/// One text with gaps: `{name}`, `{url}` (of Streamable HTTP) and `{base}`. What stands between «
/// and » is there only if a token is needed.
struct Row {
    client: &'static str,
    label: &'static str,
    place: &'static str,
    language: Language,
    text: &'static str,
}

/// Every text there is. Names and places of settings are those of November 2026.
const ROWS: [Row; 12] = [
    Row {
        client: "claude-code",
        label: "Claude Code",
        place: "a shell, once",
        language: Language::Shell,
        text: "claude mcp add --transport http {name} {url}\
               « --header \"Authorization: Bearer $SLIMCP_TOKEN\"»\n",
    },
    Row {
        client: "claude-code",
        label: "Claude Code, for a project",
        place: ".mcp.json in the folder of the project",
        language: Language::Json,
        text: r#"{
  "mcpServers": {
    {name}: {
      "type": "http",
      "url": {url}«,
      "headers": { "Authorization": "Bearer ${SLIMCP_TOKEN}" }»
    }
  }
}
"#,
    },
    Row {
        // It takes remote servers from the cloud only, so a bridge of others stands in between. A
        // blank within an argument gets lost on Windows, so the header's value is a variable.
        client: "claude-desktop",
        label: "Claude Desktop",
        place: "claude_desktop_config.json (Settings, Developer, Edit Config); needs Node.js",
        language: Language::Json,
        text: r#"{
  "mcpServers": {
    {name}: {
      "command": "npx",
      "args": ["-y", "mcp-remote", {url}, "--allow-http"«,
        "--header", "Authorization:${BEARER}"»]«,
      "env": { "BEARER": "Bearer TOKEN" }»
    }
  }
}
"#,
    },
    Row {
        client: "cursor",
        label: "Cursor",
        place: "~/.cursor/mcp.json, or .cursor/mcp.json in the folder of a project",
        language: Language::Json,
        text: r#"{
  "mcpServers": {
    {name}: {
      "url": {url}«,
      "headers": { "Authorization": "Bearer ${env:SLIMCP_TOKEN}" }»
    }
  }
}
"#,
    },
    Row {
        client: "vscode",
        label: "VS Code",
        place: ".vscode/mcp.json",
        language: Language::Json,
        text: r#"{
  "servers": {
    {name}: {
      "type": "http",
      "url": {url}«,
      "headers": { "Authorization": "Bearer ${input:slimcp-token}" }»
    }
  }«,
  "inputs": [
    {
      "type": "promptString",
      "id": "slimcp-token",
      "description": "Token of the MCP server",
      "password": true
    }
  ]»
}
"#,
    },
    Row {
        client: "zed",
        label: "Zed",
        place: "settings.json (zed: open settings file)",
        language: Language::Json,
        text: r#"{
  "context_servers": {
    {name}: {
      "url": {url}«,
      "headers": { "Authorization": "Bearer TOKEN" }»
    }
  }
}
"#,
    },
    Row {
        client: "lmstudio",
        label: "LM Studio",
        place: "mcp.json (Program, Install, Edit mcp.json); from 0.3.17 on",
        language: Language::Json,
        text: MCP_SERVERS,
    },
    Row {
        client: "open-webui",
        label: "Open WebUI",
        place: "Admin Settings, External Tools, +; from 0.6.31 on",
        language: Language::Prose,
        text: "Type: MCP (Streamable HTTP)\nURL: {url}\n«Auth: Bearer, TOKEN\n»ID: {name}\n",
    },
    Row {
        // Its page asks from the browser, so this server has to know the page's origin.
        client: "llama-cpp",
        label: "llama.cpp",
        place: "the web page of llama-server, MCP Servers, +",
        language: Language::Prose,
        text: "URL: {url}\n«Header: Authorization: Bearer TOKEN\n»\
               Here, in slimcp.toml: origins = [\"http://localhost:8080\"], or wherever the page \
               is.\n\
               Or start llama-server with --ui-mcp-proxy and tick \"Use llama-server proxy\".\n",
    },
    Row {
        // It can send no header of its own: the token goes into the path.
        client: "home-assistant",
        label: "Home Assistant",
        place: "Settings, Devices & services, Add integration, Model Context Protocol",
        language: Language::Prose,
        text: "URL: {base}«/t/TOKEN»{door}\n",
    },
    Row {
        client: "generic",
        label: "Other clients",
        place: "wherever the client keeps its mcpServers",
        language: Language::Json,
        text: MCP_SERVERS,
    },
    Row {
        client: "curl",
        label: "curl",
        place: "a shell",
        language: Language::Shell,
        text: "curl {url} \\\n  \
               «-H \"Authorization: Bearer $SLIMCP_TOKEN\" \\\n  \
               »-H 'Content-Type: application/json' \\\n  \
               -H 'Accept: application/json, text/event-stream' \\\n  \
               -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}'\n",
    },
];

/// The notation that most clients share.
const MCP_SERVERS: &str = r#"{
  "mcpServers": {
    {name}: {
      "url": {url}«,
      "headers": { "Authorization": "Bearer TOKEN" }»
    }
  }
}
"#;

/// Every text for the server called `name`, which is reached at `base_url` (scheme, host and port,
/// and what a proxy puts in front of the paths); or for one `server` behind it alone. Control
/// characters of `base_url` are left out.
pub fn snippets(
    name: &str,
    base_url: &str,
    server: Option<&str>,
    needs_token: bool,
) -> Vec<Snippet> {
    let door = match server {
        Some(server) => format!("/servers/{server}/mcp"),
        None => "/mcp".to_string(),
    };
    let base: String = base_url.chars().filter(|c| !c.is_control()).collect();
    let gaps = Gaps {
        name: &short_name(server.unwrap_or(name)),
        base: base.trim_end_matches('/'),
        door: &door,
        needs_token,
    };
    let fill = |row: &Row| Snippet {
        client: row.client,
        label: row.label,
        place: row.place,
        text: gaps.fill(row.text, row.language),
    };
    ROWS.iter().map(fill).collect()
}

/// Client and label of each snippet, in their order.
pub fn clients() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.client, row.label))
}

/// The name as every client takes it: they make prefixes of tool names of it, and some refuse
/// other letters.
fn short_name(name: &str) -> String {
    let letter = |c: char| match c {
        '_' | '-' => c,
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    };
    let short: String = name.chars().map(letter).collect();
    match short.trim_matches('-') {
        "" => "slimcp".to_string(),
        trimmed => trimmed.to_string(),
    }
}

/// What goes into the gaps of all texts.
struct Gaps<'a> {
    name: &'a str,
    base: &'a str,
    door: &'a str,
    needs_token: bool,
}

impl Gaps<'_> {
    /// What is filled in is never looked at again, so nothing in it can open another gap.
    fn fill(&self, text: &str, language: Language) -> String {
        let url = format!("{}{}", self.base, self.door);
        let gaps = [
            ("{name}", self.name),
            ("{url}", &url),
            ("{base}", self.base),
            ("{door}", self.door),
        ];
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(['{', '«', '»']) {
            filled.push_str(&rest[..start]);
            rest = &rest[start..];
            if let Some((gap, value)) = gaps.iter().find(|(gap, _)| rest.starts_with(gap)) {
                filled.push_str(&written(value, language));
                rest = &rest[gap.len()..];
            } else if let Some(inner) = rest.strip_prefix('«') {
                let end = inner.find('»').expect("a test looks at every text");
                rest = if self.needs_token {
                    inner
                } else {
                    &inner[end..]
                };
            } else if let Some(after) = rest.strip_prefix('»') {
                rest = after;
            } else {
                // A brace of the text itself.
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled + rest
    }
}

fn written(value: &str, language: Language) -> Cow<'_, str> {
    match language {
        Language::Json => {
            let mut quoted = Vec::new();
            json::push_string(&mut quoted, value);
            String::from_utf8_lossy(&quoted).into_owned().into()
        }
        Language::Shell => shell_word(value),
        Language::Prose => value.into(),
    }
}

/// As one word of a shell: between apostrophes, unless no letter needs them.
fn shell_word(value: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    match !value.is_empty() && value.chars().all(is_plain) {
        true => value.into(),
        false => format!("'{}'", value.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const BASE: &str = "http://pi.lan:8730";

    fn texts(client: &str, needs_token: bool) -> Vec<String> {
        let all = snippets("pi", BASE, None, needs_token);
        let found = all.into_iter().filter(|snippet| snippet.client == client);
        found.map(|snippet| snippet.text).collect()
    }

    /// The JSON that `client` is given, without and with a token.
    fn check(client: &str, open: Value, guarded: Value) {
        for (needs_token, expected) in [(false, open), (true, guarded)] {
            let text = texts(client, needs_token).pop().expect("a known client");
            let found: Value = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(found, expected, "{client}: {text}");
        }
    }

    #[test]
    fn each_client_gets_its_own_notation() {
        let url = "http://pi.lan:8730/mcp";
        let server = |header: &str| json!({"url": url, "headers": {"Authorization": header}});
        check(
            "claude-code",
            json!({"mcpServers": {"pi": {"type": "http", "url": url}}}),
            json!({"mcpServers": {"pi": {"type": "http", "url": url,
                "headers": {"Authorization": "Bearer ${SLIMCP_TOKEN}"}}}}),
        );
        check(
            "claude-desktop",
            json!({"mcpServers": {"pi": {"command": "npx",
                "args": ["-y", "mcp-remote", url, "--allow-http"]}}}),
            json!({"mcpServers": {"pi": {"command": "npx",
                "args": ["-y", "mcp-remote", url, "--allow-http",
                    "--header", "Authorization:${BEARER}"],
                "env": {"BEARER": "Bearer TOKEN"}}}}),
        );
        check(
            "cursor",
            json!({"mcpServers": {"pi": {"url": url}}}),
            json!({"mcpServers": {"pi": server("Bearer ${env:SLIMCP_TOKEN}")}}),
        );
        check(
            "vscode",
            json!({"servers": {"pi": {"type": "http", "url": url}}}),
            json!({"servers": {"pi": {"type": "http", "url": url,
                "headers": {"Authorization": "Bearer ${input:slimcp-token}"}}},
                "inputs": [{"type": "promptString", "id": "slimcp-token", "password": true,
                    "description": "Token of the MCP server"}]}),
        );
        check(
            "zed",
            json!({"context_servers": {"pi": {"url": url}}}),
            json!({"context_servers": {"pi": server("Bearer TOKEN")}}),
        );
        for client in ["lmstudio", "generic"] {
            check(
                client,
                json!({"mcpServers": {"pi": {"url": url}}}),
                json!({"mcpServers": {"pi": server("Bearer TOKEN")}}),
            );
        }
    }

    #[test]
    fn commands_and_steps_name_address_and_token() {
        let table = [
            (
                "claude-code",
                "claude mcp add --transport http pi http://pi.lan:8730/mcp\n",
                "claude mcp add --transport http pi http://pi.lan:8730/mcp \
                 --header \"Authorization: Bearer $SLIMCP_TOKEN\"\n",
            ),
            (
                "home-assistant",
                "URL: http://pi.lan:8730/mcp\n",
                "URL: http://pi.lan:8730/t/TOKEN/mcp\n",
            ),
            (
                "curl",
                "curl http://pi.lan:8730/mcp \\\n  -H 'Content-Type: application/json' \\\n  \
                 -H 'Accept: application/json, text/event-stream' \\\n  \
                 -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}'\n",
                "curl http://pi.lan:8730/mcp \\\n  \
                 -H \"Authorization: Bearer $SLIMCP_TOKEN\" \\\n  \
                 -H 'Content-Type: application/json' \\\n  \
                 -H 'Accept: application/json, text/event-stream' \\\n  \
                 -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}'\n",
            ),
            (
                "open-webui",
                "Type: MCP (Streamable HTTP)\nURL: http://pi.lan:8730/mcp\nID: pi\n",
                "Type: MCP (Streamable HTTP)\nURL: http://pi.lan:8730/mcp\nAuth: Bearer, TOKEN\n\
                 ID: pi\n",
            ),
        ];
        for (client, open, guarded) in table {
            assert_eq!(texts(client, false)[0], open);
            assert_eq!(texts(client, true)[0], guarded);
        }
    }

    #[test]
    fn no_gap_is_left_open() {
        for needs_token in [false, true] {
            for snippet in snippets("pi", BASE, None, needs_token) {
                let text = &snippet.text;
                for mark in ["{name}", "{url}", "{base}", "«", "»"] {
                    assert!(!text.contains(mark), "{text}");
                }
                let names_token = text.to_lowercase().contains("token");
                assert_eq!(names_token, needs_token, "{text}");
                assert!(text.contains("http://pi.lan:8730"), "{text}");
                assert!(text.ends_with('\n'), "{text}");
            }
        }
    }

    #[test]
    fn addresses_are_written_as_the_language_wants() {
        let base = "http://x/\"a\\'{name} $(id)\n/";
        for snippet in snippets("{url}", base, None, true) {
            let text = &snippet.text;
            if text.starts_with('{') {
                let value: Value = serde_json::from_str(text).expect("it is JSON");
                let shown = value.to_string();
                assert!(
                    shown.contains(r#"http://x/\"a\\'{name} $(id)/mcp"#),
                    "{shown}"
                );
            } else if snippet.place.starts_with("a shell") {
                assert!(
                    text.contains(r#" 'http://x/"a\'\''{name} $(id)/mcp'"#),
                    "{text}"
                );
            }
            assert!(!text.contains("{url}"), "{text}");
        }
    }

    #[test]
    fn names_are_short_words() {
        let table = [
            ("garage-pi", "garage-pi"),
            ("Garage Pi", "Garage-Pi"),
            ("größe_1", "gr--e_1"),
            ("\"; id", "id"),
            ("", "slimcp"),
            ("🦀", "slimcp"),
        ];
        for (name, short) in table {
            assert_eq!(short_name(name), short, "{name}");
        }
    }
}
