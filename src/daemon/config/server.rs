//! `[[server]]`: MCP servers that are started here and offered to every client.

use super::complaint::{Complaints, Fault, Place};
use super::document::{Data, Value};
use super::setting::{CALL_TIMEOUTS, CALLS, OUTPUTS};
use super::table::{Key, Table, names};
use super::tool::{
    COMMAND, QUEUES, TEXT_BYTES_MAX, command, environment, is_variable, key, label, sub_table,
    variables,
};
use super::values::{self, Letters};
use crate::limits::TOOLS_MAX;
use crate::mcp::revision::Era;
use crate::tool::CallLimits;
use crate::tool::command::{CommandLine, Output};
use crate::tool::file::file_uri;
use crate::upstream::spec::{Per, Prefix, Start, ToolOverride, UpstreamSpec};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Letters of a name. It stands in front of names of tools, which end at 64.
pub(super) const NAME_BYTES_MAX: usize = 32;

/// Bytes of the name of a tool as its server has it, and of a pattern for such names.
const TOOL_NAME_BYTES_MAX: usize = 128;

/// Headers that become variables. Each request is searched for each of them.
const HEADERS_MAX: usize = 16;

/// Folders that a child is told.
const ROOTS_MAX: usize = 16;

/// Bytes of a path (`PATH_MAX` of Linux).
const PATH_BYTES_MAX: usize = 4096;

/// How long a child may be unused.
const IDLES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);

/// How long a child may take to start: the first start may fetch a package.
const STARTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

/// What servers get of the daemon's environment beside `PATH`, for without it the usual ones do not
/// run: `HOME`, `USER` and `LOGNAME` for the caches of npm and uv and for git and ssh, `LANG` and
/// `LC_ALL` for the UTF-8 of Python, `TZ` for times, `TMPDIR` for files. Whatever else is there may
/// be a secret of somebody else.
pub(super) const INHERITED: [&str; 7] =
    ["HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// In `environment_inherit`: all that the daemon has, but for what is its own.
pub(in crate::daemon) const INHERIT_ALL: &str = "*";

/// Words of `per`, `start` and `era`.
pub(super) const PER: [(&str, Per); 3] = [
    ("server", Per::Server),
    ("session", Per::Session),
    ("principal", Per::Principal),
];
pub(super) const START: [(&str, Start); 2] = [("lazy", Start::Lazy), ("eager", Start::Eager)];
pub(super) const ERA: [(&str, Option<Era>); 3] = [
    ("auto", None),
    ("handshake", Some(Era::Handshake)),
    ("stateless", Some(Era::Stateless)),
];

/// Where a duration may be without end.
pub(super) const NEVER: &str = "never";

pub(super) const NAME: &str = "a name of 1 to 32 letters, digits, \"_\" or \"-\"";
const IDLE: &str = "a duration from 1s to 7d such as \"10m\", or \"never\"";
const PREFIX: &str = "a text of 1 to 32 letters, digits, \"_\", \".\" or \"-\" such as \"files_\"";
const GLOBS: &str = "a list of names of tools, with * for any letters, such as [\"read_*\"]";
const HEADER: &str = "the name of a header that slimcp does not read itself";
const HEADER_VARIABLE: &str = "the name of a variable such as \"GITHUB_TOKEN\", neither PATH nor \
                               one of the loader's (LD_...)";
const ROOTS: &str = "a list of absolute paths or file:// URIs such as [\"/srv\"]";

/// The keys of `[[server]]`.
pub(super) const SERVER_KEYS: [Key; 21] = [
    key(
        "name",
        "letters, digits, `_`, `-`",
        "What it is called; required. Clients find it alone at /servers/NAME/mcp.",
    ),
    key(
        "command",
        "a list of texts",
        "Program and arguments of a server that speaks MCP on stdin and stdout, never a shell; \
         required.",
    ),
    key("directory", "a text", "Working directory of its processes."),
    key(
        "environment",
        "a table of texts",
        "Variables for its processes.",
    ),
    key(
        "environment_inherit",
        "a list of names",
        "Variables passed on from the daemon's own, beside PATH, HOME, USER, LOGNAME, LANG, \
         LC_ALL, TZ and TMPDIR; `\"*\"` is all of them.",
    ),
    key(
        "per",
        "\"server\", \"session\" or \"principal\"",
        "Who shares a process: everybody, one session, or all that show one token; \
         `\"server\"` by default.",
    ),
    key(
        "start",
        "\"lazy\" or \"eager\"",
        "Whether its process starts with the first call or with the daemon; `\"lazy\"` by default.",
    ),
    key(
        "era",
        "\"auto\", \"handshake\" or \"stateless\"",
        "The revisions it is spoken to in: up to 2025-11-25 with a handshake, 2026-07-28 without; \
         `\"auto\"` tries both once.",
    ),
    key(
        "idle",
        "1s to 7d, or \"never\"",
        "How long a process may be unused before it is stopped; `\"10m\"` by default.",
    ),
    key(
        "start_timeout",
        "100ms to 1h",
        "How long it may take to answer the handshake; `\"1m\"` by default.",
    ),
    key("timeout", "100ms to 1d", "Instead of timeouts.call."),
    key(
        "concurrency",
        "1 to 10000",
        "Calls of each of its tools that run at once; the rest wait.",
    ),
    key(
        "queue",
        "0 to 10000",
        "Calls of each of its tools that wait; the next one is refused.",
    ),
    key(
        "output_limit",
        "1KiB to limits.output",
        "Bytes of one result.",
    ),
    key(
        "interactive",
        "true or false",
        "It asks people questions in its calls: clients of 2026-07-28 get at it one call at a \
         time. Otherwise this is learned from its first question.",
    ),
    key(
        "tools",
        "a list of names with `*`",
        "Its tools that are offered; `[\"*\"]` by default.",
    ),
    key(
        "deny",
        "a list of names with `*`",
        "Its tools that are not offered all the same.",
    ),
    key(
        "prefix",
        "a text",
        "What stands in front of its names where all servers are offered together; by default \
         its name and `_`, where a name is taken.",
    ),
    key(
        "headers",
        "a table of texts",
        "Headers of a client's request that become variables of its process, by their names; \
         not with `per = \"server\"`.",
    ),
    key(
        "roots",
        "a list of absolute paths",
        "Folders that it is told when it asks for roots and no client can be asked.",
    ),
    key(
        TOOL,
        "tables [[server.tool]]",
        "Tools that are told differently; keys below.",
    ),
];

const SERVER_NAMES: [&str; SERVER_KEYS.len()] = names(&SERVER_KEYS);

/// The key of the tables about single tools.
const TOOL: &str = "tool";

/// The keys of `[[server.tool]]`.
pub(super) const SERVER_TOOL_KEYS: [Key; 9] = [
    key("name", "a text", "Its name as the server has it; required."),
    key("rename", "letters, digits, `_`, `.`, `-`", "Its name here."),
    key("title", "a text", "Its name for people."),
    key(
        "description",
        "a text",
        "What a model reads to decide about a call.",
    ),
    key(
        "read_only",
        "true or false",
        "Hint: it changes nothing, whatever the server says.",
    ),
    key("timeout", "100ms to 1d", "Instead of that of the server."),
    key(
        "concurrency",
        "1 to 10000",
        "Calls that run at once; the rest wait.",
    ),
    key(
        "queue",
        "0 to 10000",
        "Calls that wait; the next one is refused.",
    ),
    key(
        "output_limit",
        "1KiB to limits.output",
        "Bytes of one result.",
    ),
];

const SERVER_TOOL_NAMES: [&str; SERVER_TOOL_KEYS.len()] = names(&SERVER_TOOL_KEYS);

/// A server and where it stands.
#[derive(Debug)]
pub(super) struct Server {
    /// The line of `[[server]]`.
    pub place: Place,
    /// Its dotted key in complaints.
    pub label: String,
    /// What it is. With complaints about it, only the name counts.
    pub spec: UpstreamSpec,
}

/// Reads the `position`th `[[server]]` of a source. Without name or command it is no server.
pub(super) fn read(
    value: Value,
    position: usize,
    source: &Place,
    complaints: &mut Complaints,
) -> Option<Server> {
    let place = source.at(value.line);
    let Data::Table(entries) = value.data else {
        let problem = "expected tables that begin with [[server]]";
        complaints.add(place, "server", problem);
        return None;
    };
    let label = label("server", &entries, position);
    let mut table = Table::new(label.clone(), place.clone(), entries, complaints);
    let spec = spec(&mut table);
    table.finish(&SERVER_NAMES, None);
    Some(Server {
        place,
        label,
        spec: spec?,
    })
}

fn spec(table: &mut Table<'_>) -> Option<UpstreamSpec> {
    let name = table.demand("name", NAME, name).unwrap_or_default();
    let mut spec = UpstreamSpec::new(name, line(table));
    read_life(table, &mut spec);
    read_offer(table, &mut spec);
    spec.limits = limits(table);
    spec.overrides = overrides(table);
    spec.headers = headers(table, spec.per);
    spec.roots = table.read("roots", roots).unwrap_or_default();
    (!spec.name.is_empty() && !spec.line.argv.is_empty()).then_some(spec)
}

fn line(table: &mut Table<'_>) -> CommandLine {
    let text = |value: &Value| values::text(value, TEXT_BYTES_MAX, Letters::Process);
    let argv = table.demand("command", COMMAND, command);
    let directory = table.read("directory", text);
    let named = table.read("environment_inherit", variables);
    command_line(
        argv.unwrap_or_default(),
        directory,
        environment(table, "environment"),
        &named.unwrap_or_default(),
    )
}

/// How a server is started.
pub(super) fn command_line(
    argv: Vec<String>,
    directory: Option<String>,
    environment: Vec<(String, String)>,
    inherit: &[String],
) -> CommandLine {
    let usual = INHERITED.iter().map(|name| name.to_string());
    let more = inherit.iter().filter(|name| !is_inherited(name)).cloned();
    CommandLine {
        argv,
        directory,
        environment,
        environment_inherit: usual.chain(more).collect(),
        stdin: None,
        output: Output::Text,
    }
}

/// Whether every server gets this variable.
pub(super) fn is_inherited(name: &str) -> bool {
    INHERITED.contains(&name)
}

/// When its children run, and how they are spoken to.
fn read_life(table: &mut Table<'_>, spec: &mut UpstreamSpec) {
    if let Some(per) = table.read("per", |value| choice(value, &PER)) {
        spec.per = per;
    }
    if let Some(start) = table.read("start", |value| choice(value, &START)) {
        spec.start = start;
    }
    if let Some(era) = table.read("era", |value| choice(value, &ERA)) {
        spec.era = era;
    }
    if let Some(idle) = table.read("idle", idle) {
        spec.idle = idle;
    }
    if let Some(timeout) = table.read("start_timeout", |value| values::duration(value, &STARTS)) {
        spec.start_timeout = timeout;
    }
    if let Some(interactive) = table.read("interactive", values::flag) {
        spec.interactive = interactive;
    }
}

/// Which of its tools are offered, and as what.
fn read_offer(table: &mut Table<'_>, spec: &mut UpstreamSpec) {
    if let Some(tools) = table.read("tools", globs) {
        spec.tools = tools;
    }
    spec.deny = table.read("deny", globs).unwrap_or_default();
    if let Some(prefix) = table.read("prefix", prefix) {
        spec.prefix = Prefix::Always(prefix);
    }
}

fn limits(table: &mut Table<'_>) -> CallLimits {
    CallLimits {
        timeout: table.read("timeout", |value| values::duration(value, &CALL_TIMEOUTS)),
        concurrency: table.read("concurrency", |value| values::count(value, &CALLS)),
        queue: table.read("queue", |value| values::count(value, &QUEUES)),
        output_bytes_max: table.read("output_limit", |value| values::size(value, &OUTPUTS)),
    }
}

/// One of the words, as what it means.
fn choice<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Fault> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    Ok(words[values::word(value, &known)?].1)
}

/// Whether a server may be called so.
pub(super) fn is_server_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(letter)
}

fn name(value: &Value) -> Result<String, Fault> {
    let name = value.as_text().filter(|name| is_server_name(name));
    name.map(str::to_string).ok_or_else(|| value.refuse(NAME))
}

fn idle(value: &Value) -> Result<Option<Duration>, Fault> {
    match value.as_text() {
        Some(NEVER) => Ok(None),
        _ => match values::duration(value, &IDLES) {
            Ok(idle) => Ok(Some(idle)),
            Err(_) => Err(value.refuse(IDLE)),
        },
    }
}

fn prefix(value: &Value) -> Result<String, Fault> {
    let fits = |text: &&str| is_server_name(&text.replace('.', "_"));
    let prefix = value.as_text().filter(fits);
    prefix
        .map(str::to_string)
        .ok_or_else(|| value.refuse(PREFIX))
}

fn globs(value: &Value) -> Result<Vec<String>, Fault> {
    values::list(value, GLOBS, TOOLS_MAX, |item| {
        Ok(vec![values::text(
            item,
            TOOL_NAME_BYTES_MAX,
            Letters::Line,
        )?])
    })
}

fn roots(value: &Value) -> Result<Vec<String>, Fault> {
    values::list(value, ROOTS, ROOTS_MAX, |item| {
        let text = values::text(item, PATH_BYTES_MAX, Letters::Line)?;
        match text {
            text if text.starts_with("file:///") => Ok(vec![text]),
            path if path.starts_with('/') => Ok(vec![file_uri(&path)]),
            _ => Err(item.refuse(ROOTS)),
        }
    })
}

/// Headers and the variables they become.
fn headers(table: &mut Table<'_>, per: Per) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for entry in sub_table(table, "headers") {
        let key = format!("headers.{}", entry.key);
        let line = entry.line;
        let mut refuse = |problem| table.fault(&key, Fault { line, problem });
        let header = entry.key.to_ascii_lowercase();
        let variable = entry.value.as_text().filter(|name| may_be_sent(name));
        match variable {
            _ if !is_header(&header) => refuse(format!("expected {HEADER}")),
            _ if headers.iter().any(|(other, _)| *other == header) => {
                refuse("the header is named twice".to_string());
            }
            _ if headers.len() == HEADERS_MAX => {
                refuse(format!("expected at most {HEADERS_MAX} headers"));
            }
            Some(variable) => headers.push((header, variable.to_string())),
            None => table.fault(&key, entry.value.refuse(HEADER_VARIABLE)),
        }
    }
    if per == Per::Server && !headers.is_empty() {
        let problem = "one process serves all clients, so it can have the header of none: add \
                       per = \"session\" or per = \"principal\"";
        table.complain("headers", problem);
    }
    headers
}

/// Whether a header may become a variable. Those that prove who a client is are for nobody else.
fn is_header(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let own = ["authorization", "x-api-key", "mcp-session-id", "cookie"];
    (1..=64).contains(&name.len()) && name.bytes().all(letter) && !own.contains(&name)
}

/// Whether a client may choose the value of this variable: never of one that decides which code a
/// process loads.
fn may_be_sent(variable: &str) -> bool {
    is_variable(variable) && variable != "PATH" && !variable.starts_with("LD_")
}

/// The tables `[[server.tool]]`.
fn overrides(table: &mut Table<'_>) -> Vec<ToolOverride> {
    let Some(value) = table.take(TOOL) else {
        return Vec::new();
    };
    let Data::List(tables) = value.data else {
        table.fault(TOOL, value.refuse("tables that begin with [[server.tool]]"));
        return Vec::new();
    };
    let mut overrides: Vec<ToolOverride> = Vec::new();
    for (index, value) in tables.into_iter().enumerate() {
        let place = table.place.at(value.line);
        let position = index + 1;
        let Data::Table(entries) = value.data else {
            table.complain(TOOL, "expected tables that begin with [[server.tool]]");
            continue;
        };
        let label = label(&format!("{}.{TOOL}", table.label), &entries, position);
        let mut fields = Table::new(label, place, entries, table.complaints);
        let read = override_of(&mut fields);
        if overrides.iter().any(|other| other.tool == read.tool) {
            fields.complain("name", "the tool is named twice");
        }
        fields.finish(&SERVER_TOOL_NAMES, None);
        overrides.push(read);
    }
    overrides
}

fn override_of(table: &mut Table<'_>) -> ToolOverride {
    let text = |value: &Value| values::text(value, TEXT_BYTES_MAX, Letters::Lines);
    let own = "the name of the tool as the server has it";
    let own_name = |value: &Value| values::text(value, TOOL_NAME_BYTES_MAX, Letters::Line);
    ToolOverride {
        tool: table.demand("name", own, own_name).unwrap_or_default(),
        name: table.read("rename", super::kind::name),
        title: table.read("title", text),
        description: table.read("description", text),
        read_only: table.read("read_only", values::flag),
        limits: limits(table),
    }
}

#[cfg(test)]
mod tests;
