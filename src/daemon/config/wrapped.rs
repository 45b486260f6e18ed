//! `slimcp -- COMMAND ARG...`: a server that is named by its command alone.

use super::complaint::Place;
use super::server::{INHERIT_ALL, NAME_BYTES_MAX, Server, command_line};
use super::{Overrides, Reader};
use crate::upstream::spec::UpstreamSpec;

/// What a server is called whose command says nothing.
const NAME_DEFAULT: &str = "server";

/// Programs that run another one, which the name is taken from.
const LAUNCHERS: [&str; 16] = [
    "npx", "npm", "pnpm", "pnpx", "yarn", "bun", "bunx", "deno", "node", "uv", "uvx", "pipx",
    "python", "python3", "docker", "podman",
];

/// Words of these before the name of what they run.
const VERBS: [&str; 5] = ["run", "exec", "tool", "dlx", "x"];

/// Options of these with a value of their own.
const OPTIONS: [&str; 11] = [
    "--from",
    "--with",
    "--python",
    "-p",
    "--package",
    "--directory",
    "-e",
    "--env",
    "-v",
    "--volume",
    "--mount",
];

/// Endings that say how a file is run, not what it is.
const EXTENSIONS: [&str; 6] = [".js", ".mjs", ".cjs", ".ts", ".py", ".sh"];

impl Reader {
    /// The server behind `--`.
    pub(super) fn read_wrapped(&mut self, overrides: &Overrides) {
        if overrides.command.is_empty() {
            return;
        }
        let name = name_of(&overrides.command);
        // It is started from a shell, and finds what it would find there.
        let inherit = [INHERIT_ALL.to_string()];
        let line = command_line(overrides.command.clone(), None, Vec::new(), &inherit);
        self.servers.push(Server {
            place: Place::Command,
            label: format!("server.{name}"),
            spec: UpstreamSpec::new(name, line),
        });
    }

    /// Without a configuration file, the servers of the command line are all there is: nobody has
    /// asked for the built-in tools then.
    pub(super) fn leave_servers_alone(&mut self) {
        if !self.servers.is_empty() && self.is_unset("builtins") {
            self.settings.builtins.clear();
        }
    }
}

/// What to call the server that a command runs: `npx -y @scope/server-files@1.2 /srv` is
/// `server-files`.
pub(super) fn name_of(argv: &[String]) -> String {
    let mut words = argv.iter().map(String::as_str);
    let program = words.next().map_or("", last_part);
    let launched = match LAUNCHERS.contains(&program) {
        true => launched(words),
        false => None,
    };
    let name = clean(launched.unwrap_or(program));
    match name.is_empty() {
        true => NAME_DEFAULT.to_string(),
        false => name,
    }
}

/// The first word that names what is run.
fn launched<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    while let Some(word) = words.next() {
        if OPTIONS.contains(&word) {
            words.next();
        } else if !word.starts_with('-') && !VERBS.contains(&word) {
            return Some(last_part(word));
        }
    }
    None
}

/// What follows the last slash.
fn last_part(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// A name of letters that a server's may have, without version and ending.
pub(super) fn clean(text: &str) -> String {
    let end = text.find(['@', ':', '=', '<', '>', '[']);
    let text = match end {
        Some(end @ 1..) => &text[..end],
        Some(_) | None => text,
    };
    let ending = EXTENSIONS.iter().find_map(|end| text.strip_suffix(end));
    let letters = ending.unwrap_or(text).chars();
    let name: String = letters
        .map(|c| match c {
            '_' | '-' => c,
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        })
        .collect();
    let name = name.trim_matches('-');
    let end = name.len().min(NAME_BYTES_MAX);
    name[..end].trim_end_matches('-').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_after_what_its_command_runs() {
        let table = [
            ("mcp-server-time", "mcp-server-time"),
            ("/usr/bin/mcp_server --stdio", "mcp_server"),
            (
                "npx -y @modelcontextprotocol/server-everything",
                "server-everything",
            ),
            (
                "npx -y @modelcontextprotocol/server-everything@2026.8.31 x",
                "server-everything",
            ),
            ("npx --package=@a/b server", "server"),
            ("npx -p @a/b server", "server"),
            ("npm exec -- @a/files", "files"),
            ("pnpm dlx @a/files", "files"),
            (
                "uvx mcp-server-time --local-timezone=UTC",
                "mcp-server-time",
            ),
            ("uvx mcp-server-git==1.2", "mcp-server-git"),
            ("uvx --from git+https://a.b/c mcp-server-c", "mcp-server-c"),
            ("uv --directory /srv/weather run weather.py", "weather"),
            ("node /x/y.js", "y"),
            ("node --max-old-space-size=64 y.mjs", "y"),
            ("python -m foo.bar", "foo-bar"),
            ("python3 -u ../a/server.py", "server"),
            ("docker run -i --rm -e TOKEN mcp/fetch:latest", "fetch"),
            ("deno run -A jsr:@x/y", "y"),
            ("npx", "npx"),
            ("./größe", "gr--e"),
            ("/", "server"),
            ("...", "server"),
        ];
        for (line, name) in table {
            let argv: Vec<String> = line.split(' ').map(str::to_string).collect();
            assert_eq!(name_of(&argv), name, "{line}");
        }
        let long = name_of(&["a".repeat(31) + "-bc"].map(String::from));
        assert_eq!(long, "a".repeat(31));
    }
}
