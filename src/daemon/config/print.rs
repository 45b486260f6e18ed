//! Settings as text: what `slimcp check` shows, and the reference for the README.
//!
//! What is printed is itself a configuration: parsed again it gives the same settings. Only the
//! digests of tokens are left out, and the loader then asks for them, so that no copy of the text
//! lets in more than the original; and the values of the variables of servers, which often are
//! keys of somebody else.

mod server;

#[cfg(test)]
pub(super) use server::ENVIRONMENT_HIDDEN;

use super::access::{ADDRESS_KEYS, ROLE_KEYS, TOKEN_KEYS};
use super::argument::ARGUMENT_KEYS;
use super::kind::show_list;
use super::prompt::{PROMPT_ARGUMENT_KEYS, PROMPT_KEYS, role_name};
use super::resource::RESOURCE_KEYS;
use super::server::{SERVER_KEYS, SERVER_TOOL_KEYS};
use super::setting::{DOCS, Doc, SETTINGS};
use super::table::Key;
use super::tool::TOOL_KEYS;
use super::units::{Quoted, Span};
use crate::auth::role::{Doors, Quota, Role};
use crate::daemon::settings::{
    Builtin, Listen, PromptArgumentSettings, PromptSettings, ResourceSettings, ResourceSource,
    Settings,
};
use crate::limits::Memory;
use crate::tool::command::{Argument, CommandSpec, Kind, Output, Scalar};
use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// What `slimcp check` prints: effective settings, doors, tools and the memory ceiling. All but the
/// settings are comments, so that the whole text can be used as a configuration.
pub fn report(settings: &Settings, memory: &Memory, sources: &[String]) -> String {
    let mut text = match sources {
        [] => "# no configuration file: defaults\n".to_string(),
        names => format!("# from {}\n", names.join(", ")),
    };
    text.push_str(&print(settings));
    text.push_str(DOORS);
    if settings.console {
        push_line(
            &mut text,
            "#   /                    the console, in a browser",
        );
    }
    push_line(&mut text, "# addresses:");
    for listen in &settings.listen {
        for line in addresses(listen, &settings.hosts) {
            push_line(&mut text, &format!("#   {line}"));
        }
    }
    let builtins = settings
        .builtins
        .iter()
        .map(|builtin| Builtin::name(*builtin));
    let commands = settings.tools.iter().map(|tool| tool.name.as_str());
    let asking = settings.asking_tools().iter().copied();
    let tools = builtins.chain(asking).chain(commands);
    push_entries(&mut text, "tools", tools);
    let resources = settings.resources.iter();
    push_entries(
        &mut text,
        "resources",
        resources.map(|resource| resource.uri.as_str()),
    );
    let prompts = settings.prompts.iter();
    push_entries(
        &mut text,
        "prompts",
        prompts.map(|prompt| prompt.name.as_str()),
    );
    push_line(&mut text, &format!("# memory ceiling: {memory}"));
    text
}

/// How many there are of something, and what they are called.
fn push_entries<'a>(text: &mut String, kind: &str, names: impl Iterator<Item = &'a str>) {
    let names: Vec<&str> = names.collect();
    push_line(text, &format!("# {kind}: {}", names.len()));
    for name in names {
        push_line(text, &format!("#   {name}"));
    }
}

/// What there is to ask for, whatever the settings.
const DOORS: &str = "
# doors:
#   /mcp                 Streamable HTTP
#   /sse                 HTTP+SSE; also /mcp/sse/, with /messages and /mcp/messages/
#   /mcp/sse             events named with hyphens or underscores, by where is posted:
#                        /mcp/sse/send, /mcp/sse/message; /mcp/sse/broadcast, /mcp/sse/stats
#   /events              unnamed events
#   /mcp/tools           REST; also /openapi.json, /api
#   /health, /metrics    operations
";

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The addresses a client is given for one listener.
fn addresses(listen: &Listen, hosts: &[String]) -> Vec<String> {
    let urls = |authority: String| ["mcp", "sse"].map(|path| format!("http://{authority}/{path}"));
    match listen {
        Listen::Tcp(address) if !address.ip().is_unspecified() => {
            urls(address.to_string()).to_vec()
        }
        // Nobody can connect to "any address"; the names in `hosts` are those that are accepted.
        Listen::Tcp(address) if hosts.is_empty() => {
            let family = match address {
                SocketAddr::V4(_) => "IPv4 address",
                SocketAddr::V6(_) => "address",
            };
            urls(format!("ADDRESS:{}", address.port()))
                .map(|url| format!("{url} (ADDRESS: any {family} of this machine)"))
                .to_vec()
        }
        Listen::Tcp(address) => hosts
            .iter()
            .flat_map(|host| urls(format!("{host}:{}", address.port())))
            .collect(),
        Listen::Unix(path) => urls("localhost".to_string())
            .map(|url| {
                format!(
                    "{url} through the Unix socket {}",
                    Quoted(&path.to_string_lossy())
                )
            })
            .to_vec(),
        Listen::Systemd => vec!["/mcp and /sse at the sockets that systemd hands over".to_string()],
    }
}

/// What stands in place of a token's digest: with it, a token that somebody thought up could be
/// guessed.
pub(super) const DIGEST_HIDDEN: &str = "# sha256 is not shown";

/// The settings as TOML.
pub fn print(settings: &Settings) -> String {
    let mut copy = settings.clone();
    let mut text = String::new();
    let mut section = "";
    for row in &SETTINGS {
        let (table, name) = row.key.split_once('.').unwrap_or(("", row.key));
        if !is_told(table, settings) {
            continue;
        }
        if table != section {
            section = table;
            push_line(&mut text, &format!("\n[{table}]"));
        }
        if let Some(value) = row.kind.show(&mut copy) {
            push_line(&mut text, &format!("{name} = {value}"));
        }
    }
    push_access(&mut text, settings);
    for tool in &settings.tools {
        push_tool(&mut text, tool);
    }
    for resource in &settings.resources {
        push_resource(&mut text, resource);
    }
    for prompt in &settings.prompts {
        push_prompt(&mut text, prompt);
    }
    for upstream in &settings.upstreams {
        server::push_server(&mut text, upstream);
    }
    text
}

/// Whether the settings of a table mean anything.
#[cfg(feature = "insight")]
fn is_told(table: &str, settings: &Settings) -> bool {
    table != "insight" || settings.insight.is_wanted()
}

/// The same without insight: all others do.
#[cfg(not(feature = "insight"))]
const fn is_told(_table: &str, _settings: &Settings) -> bool {
    true
}

/// `key = value`, when there is a value.
fn push_pair<T: Display>(text: &mut String, key: &str, value: Option<T>) {
    if let Some(value) = value {
        push_line(text, &format!("{key} = {value}"));
    }
}

fn push_access(text: &mut String, settings: &Settings) {
    let access = &settings.access;
    for role in &access.roles {
        push_role(text, role);
    }
    for token in &access.tokens {
        push_line(text, "\n[[token]]");
        push_pair(text, "name", Some(Quoted(&token.name)));
        push_pair(text, "role", Some(Quoted(&access.role(token.role).name)));
        push_line(text, DIGEST_HIDDEN);
    }
    for rule in &access.addresses {
        push_line(text, "\n[[address]]");
        push_pair(text, "network", Some(Quoted(&rule.network.to_string())));
        push_pair(text, "role", Some(Quoted(&access.role(rule.role).name)));
    }
}

fn push_role(text: &mut String, role: &Role) {
    // A name with a dot needs the quotes.
    push_line(text, &format!("\n[role.{}]", Quoted(&role.name)));
    push_pair(text, "tools", Some(show_list(&role.tools)));
    push_pair(text, "read_only", Some(role.read_only));
    let doors = Doors::NAMES
        .iter()
        .filter(|(_, door)| role.doors.contains(*door));
    push_pair(text, "doors", Some(show_list(doors.map(|(name, _)| *name))));
    push_pair(text, "broadcast", Some(role.broadcast));
    push_pair(text, "stats", Some(role.stats));
    for pair in show_quota(&role.whole) {
        push_line(text, &pair);
    }
    let each = show_quota(&role.each);
    push_pair(text, "each", (!each.is_empty()).then(|| show_table(each)));
}

fn show_quota(quota: &Quota) -> Vec<String> {
    let counts = [
        ("connections", quota.connections),
        ("sessions", quota.sessions),
        ("calls", quota.calls),
    ];
    let named = counts
        .iter()
        .filter_map(|(key, count)| Some((key, (*count)?)));
    let mut pairs: Vec<String> = named
        .map(|(key, count)| format!("{key} = {count}"))
        .collect();
    pairs.extend(quota.rate.map(|rate| format!("rate = \"{rate}\"")));
    pairs
}

fn push_tool(text: &mut String, tool: &CommandSpec) {
    push_line(text, "\n[[tool]]");
    push_pair(text, "name", Some(Quoted(&tool.name)));
    push_pair(text, "title", tool.title.as_deref().map(Quoted));
    push_pair(text, "description", Some(Quoted(&tool.description)));
    push_pair(text, "command", Some(show_list(&tool.command)));
    push_pair(text, "directory", tool.directory.as_deref().map(Quoted));
    server::push_table(text, "environment", &tool.environment);
    server::push_list(text, "environment_inherit", &tool.environment_inherit);
    push_pair(text, "stdin", tool.stdin.as_deref().map(Quoted));
    let output = match &tool.output {
        Output::Text => "text",
        Output::Json => "json",
        Output::Media(mime_type) => mime_type,
        Output::Contents => "contents",
    };
    push_pair(text, "output", Some(Quoted(output)));
    server::push_limits(text, &tool.limits);
    push_pair(text, "background", tool.background.then_some(true));
    push_pair(text, "read_only", tool.annotations.read_only);
    push_pair(text, "destructive", tool.annotations.destructive);
    push_pair(text, "idempotent", tool.annotations.idempotent);
    push_pair(text, "open_world", tool.annotations.open_world);
    if !tool.arguments.is_empty() {
        push_line(text, "[tool.arguments]");
    }
    for argument in &tool.arguments {
        let key = Quoted(&argument.name).to_string();
        push_pair(text, &key, Some(show_argument(argument)));
    }
}

fn push_resource(text: &mut String, resource: &ResourceSettings) {
    push_line(text, "\n[[resource]]");
    let mut limit = None;
    match &resource.source {
        ResourceSource::File(path) => push_pair(text, "file", Some(Quoted(path))),
        ResourceSource::Folder(folder) => {
            push_pair(text, "folder", Some(Quoted(folder.root())));
            push_pair(text, "glob", Some(Quoted(&folder.glob.to_string())));
        }
        ResourceSource::Command { argv, timeout } => {
            push_pair(text, "command", Some(show_list(argv)));
            limit = *timeout;
        }
    }
    push_pair(text, "uri", Some(Quoted(&resource.uri)));
    let name = Some(resource.name.as_str()).filter(|name| !name.is_empty());
    push_pair(text, "name", name.map(Quoted));
    let description = resource.description.as_deref();
    push_pair(text, "description", description.map(Quoted));
    push_pair(text, "mime_type", resource.mime_type.as_deref().map(Quoted));
    push_pair(text, "timeout", limit.map(show_span));
    let watch = resource.watch.map(show_span);
    let watch = watch.unwrap_or_else(|| "\"never\"".to_string());
    push_pair(text, "watch", Some(watch));
}

fn push_prompt(text: &mut String, prompt: &PromptSettings) {
    push_line(text, "\n[[prompt]]");
    push_pair(text, "name", Some(Quoted(&prompt.name)));
    push_pair(text, "title", prompt.title.as_deref().map(Quoted));
    let description = prompt.description.as_deref();
    push_pair(text, "description", description.map(Quoted));
    let messages = prompt.messages.iter().map(|(role, said)| {
        let role = Quoted(role_name(*role));
        format!("{{ role = {role}, text = {} }}", Quoted(said))
    });
    let messages: Vec<String> = messages.collect();
    push_pair(text, "message", Some(format!("[{}]", messages.join(", "))));
    if !prompt.arguments.is_empty() {
        push_line(text, "[prompt.arguments]");
    }
    for argument in &prompt.arguments {
        let key = Quoted(&argument.name).to_string();
        push_pair(text, &key, Some(show_prompt_argument(argument)));
    }
}

fn show_prompt_argument(argument: &PromptArgumentSettings) -> String {
    let mut pairs = vec![format!("required = {}", argument.required)];
    let description = argument.description.as_deref().map(Quoted);
    pairs.extend(description.map(|text| format!("description = {text}")));
    if !argument.values.is_empty() {
        pairs.push(format!("values = {}", show_list(&argument.values)));
    }
    show_table(pairs)
}

fn show_span(span: Duration) -> String {
    format!("\"{}\"", Span(span))
}

fn show_argument(argument: &Argument) -> String {
    let mut pairs = Vec::new();
    let mut push = |key: &str, value: Option<String>| {
        pairs.extend(value.map(|value| format!("{key} = {value}")));
    };
    match &argument.kind {
        Kind::String {
            length_min,
            length_max,
            pattern,
        } => {
            push("type", Some("\"string\"".to_string()));
            push("min_length", length_min.map(|length| length.to_string()));
            push("max_length", length_max.map(|length| length.to_string()));
            push(
                "pattern",
                pattern.as_deref().map(|text| Quoted(text).to_string()),
            );
        }
        Kind::Integer { minimum, maximum } => {
            push("type", Some("\"integer\"".to_string()));
            push("minimum", minimum.map(|number| number.to_string()));
            push("maximum", maximum.map(|number| number.to_string()));
        }
        Kind::Number { minimum, maximum } => {
            push("type", Some("\"number\"".to_string()));
            push("minimum", minimum.map(|number| format!("{number:?}")));
            push("maximum", maximum.map(|number| format!("{number:?}")));
        }
        Kind::Boolean => push("type", Some("\"boolean\"".to_string())),
    }
    let choices = argument.choices.as_ref().map(|choices| {
        let shown: Vec<String> = choices.iter().map(show_scalar).collect();
        format!("[{}]", shown.join(", "))
    });
    push("enum", choices);
    push("default", argument.default.as_ref().map(show_scalar));
    // Required is what an argument without a default is anyway.
    let optional = !argument.required && argument.default.is_none();
    push("required", optional.then(|| "false".to_string()));
    let description = argument.description.as_deref();
    push(
        "description",
        description.map(|text| Quoted(text).to_string()),
    );
    show_table(pairs)
}

fn show_table(pairs: Vec<String>) -> String {
    format!("{{ {} }}", pairs.join(", "))
}

/// A text, number or flag as TOML, which differs from JSON in how texts are escaped.
fn show_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => Quoted(text).to_string(),
        Scalar::Number(number) => format!("{number:?}"),
        Scalar::Whole(_) | Scalar::Boolean(_) => scalar.to_string(),
    }
}

/// The table of settings as Markdown, for the README.
pub fn reference() -> String {
    let mut text = "| Key | Default | Takes | Meaning |\n|---|---|---|---|\n".to_string();
    for (row, Doc { doc, bounds }) in SETTINGS.iter().zip(DOCS) {
        let default = match row.default {
            "" => "none".to_string(),
            default => format!("`{default}`"),
        };
        let meaning = [*doc, *bounds].join(" ");
        let takes = row.kind.expected();
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {default} | {takes} | {} |",
            row.key,
            meaning.trim()
        );
    }
    push_keys(&mut text, "`[[token]]`", &TOKEN_KEYS);
    push_keys(&mut text, "`[role.NAME]`", &ROLE_KEYS);
    push_keys(&mut text, "`[[address]]`", &ADDRESS_KEYS);
    push_keys(&mut text, "`[[tool]]`", &TOOL_KEYS);
    push_keys(&mut text, "`[tool.arguments]`", &ARGUMENT_KEYS);
    push_keys(&mut text, "`[[resource]]`", &RESOURCE_KEYS);
    push_keys(&mut text, "`[[prompt]]`", &PROMPT_KEYS);
    push_keys(&mut text, "`[prompt.arguments]`", &PROMPT_ARGUMENT_KEYS);
    push_keys(&mut text, "`[[server]]`", &SERVER_KEYS);
    push_keys(&mut text, "`[[server.tool]]`", &SERVER_TOOL_KEYS);
    text
}

fn push_keys(text: &mut String, heading: &str, keys: &[Key]) {
    let _ = writeln!(text, "\n| {heading} | Takes | Meaning |\n|---|---|---|");
    for key in keys {
        let _ = writeln!(text, "| `{}` | {} | {} |", key.name, key.takes, key.doc);
    }
}
