//! `[[tool]]`: command tools, checked so far that no call can meet a mistake of the file.

use super::argument;
use super::complaint::{Complaints, Fault, Place};
use super::document::{Data, Entry, Value};
use super::kind::name;
use super::setting::{CALL_TIMEOUTS, CALLS, OUTPUTS};
use super::table::{Key, Table, names, top_setting, unknown_key};
use super::template::{NAME, is_name, placeholders};
use super::values::{self, Letters};
use crate::tool::command::{Argument, CommandSpec, Output};
use crate::tool::{Annotations, CallLimits};
use std::ops::RangeInclusive;

/// Bytes of one text of a tool. Every tool is listed to every client.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Calls that may wait for one tool; each is a call in flight already.
pub(super) const QUEUES: RangeInclusive<u32> = 0..=10_000;

pub(super) const COMMAND: &str = "a list of the program and its arguments such as [\"df\", \"-h\"]";
const VARIABLE: &str = "the name of a variable, without \"=\" and NUL";
const OUTPUT: &str = "\"text\", \"json\" or an image or audio type such as \"image/png\"";

/// The keys of `[[tool]]`.
pub(super) const TOOL_KEYS: [Key; 19] = [
    key(
        "name",
        "letters, digits, `_`, `.`, `-`",
        "What the tool is called; required.",
    ),
    key("title", "a text", "Its name for people."),
    key(
        "description",
        "a text",
        "What a model reads to decide about a call; required.",
    ),
    key(
        "command",
        "a list of texts",
        "Program and arguments, never a shell; required.",
    ),
    key("directory", "a text", "Working directory of the process."),
    key(
        "environment",
        "a table of texts",
        "The environment of the process.",
    ),
    key(
        "environment_inherit",
        "a list of names",
        "Variables passed on from the daemon's own.",
    ),
    key("stdin", "a text", "What is written to the process."),
    key(
        "output",
        OUTPUT,
        "How its output is read; `\"text\"` by default.",
    ),
    key(
        "timeout",
        "100ms to 1d",
        "Instead of timeouts.call, or of timeouts.task in the background.",
    ),
    key(
        "background",
        "true or false",
        "A call is answered at once with the id of a task; task-status, which comes by itself, \
         tells the result. Roles need that tool as well.",
    ),
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
        "Bytes of output that are kept.",
    ),
    key("read_only", "true or false", "Hint: it changes nothing."),
    key(
        "destructive",
        "true or false",
        "Hint: it may destroy something.",
    ),
    key(
        "idempotent",
        "true or false",
        "Hint: a second call changes nothing more.",
    ),
    key(
        "open_world",
        "true or false",
        "Hint: it reaches beyond this machine.",
    ),
    key(
        ARGUMENTS,
        "a table of tables",
        "What a call may say, by name; keys below.",
    ),
];

const TOOL_NAMES: [&str; TOOL_KEYS.len()] = names(&TOOL_KEYS);

/// The key of the table that names the arguments.
pub(super) const ARGUMENTS: &str = "arguments";

pub(super) const fn key(name: &'static str, takes: &'static str, doc: &'static str) -> Key {
    Key { name, takes, doc }
}

/// A tool and where it stands.
#[derive(Debug)]
pub(super) struct Tool {
    /// The line of `[[tool]]`.
    pub place: Place,
    /// Its dotted key in complaints.
    pub label: String,
    /// What it is. With complaints about it, only the name counts.
    pub spec: CommandSpec,
}

/// Reads the `position`th `[[tool]]` of a source. Without a name it is no tool.
pub(super) fn read(
    value: Value,
    position: usize,
    source: &Place,
    complaints: &mut Complaints,
) -> Option<Tool> {
    let place = source.at(value.line);
    let Data::Table(entries) = value.data else {
        complaints.add(place, "tool", "expected tables that begin with [[tool]]");
        return None;
    };
    let label = label("tool", &entries, position);
    let complaints_before = complaints.len();
    let mut table = Table::new(label.clone(), place.clone(), entries, complaints);
    let spec = spec(&mut table)?;
    if table.complaints.len() == complaints_before {
        check_placeholders(&mut table, &spec);
    }
    Some(Tool { place, label, spec })
}

/// `tool.NAME`, or `tool.3` for the third where there is no name to tell it by.
pub(super) fn label(table: &str, entries: &[Entry], position: usize) -> String {
    let name = entries.iter().find(|entry| entry.key == "name");
    match name.and_then(|entry| entry.value.as_text()) {
        Some(name) if is_name(name) => format!("{table}.{name}"),
        Some(_) | None => format!("{table}.{position}"),
    }
}

fn spec(table: &mut Table<'_>) -> Option<CommandSpec> {
    let text = |value: &Value| values::text(value, TEXT_BYTES_MAX, Letters::Process);
    let description = "a text that tells a model what the tool is for";
    let spec = CommandSpec {
        name: table.demand("name", NAME, name).unwrap_or_default(),
        title: table.read("title", text),
        description: table
            .demand("description", description, text)
            .unwrap_or_default(),
        command: table
            .demand("command", COMMAND, command)
            .unwrap_or_default(),
        directory: table.read("directory", text),
        environment: environment(table, "environment"),
        environment_inherit: table
            .read("environment_inherit", variables)
            .unwrap_or_default(),
        stdin: table.read("stdin", |value| {
            values::text(value, TEXT_BYTES_MAX, Letters::All)
        }),
        arguments: arguments(table),
        output: table.read("output", output).unwrap_or(Output::Text),
        limits: CallLimits {
            timeout: table.read("timeout", |value| values::duration(value, &CALL_TIMEOUTS)),
            concurrency: table.read("concurrency", |value| values::count(value, &CALLS)),
            queue: table.read("queue", |value| values::count(value, &QUEUES)),
            output_bytes_max: table.read("output_limit", |value| values::size(value, &OUTPUTS)),
        },
        annotations: Annotations {
            read_only: table.read("read_only", values::flag),
            destructive: table.read("destructive", values::flag),
            idempotent: table.read("idempotent", values::flag),
            open_world: table.read("open_world", values::flag),
        },
        background: table.read("background", values::flag).unwrap_or(false),
    };
    table.finish(&TOOL_NAMES, None);
    (!spec.name.is_empty()).then_some(spec)
}

/// Program and arguments.
pub(super) fn command(value: &Value) -> Result<Vec<String>, Fault> {
    let argv = texts(value, COMMAND)?;
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(argv),
        Some(_) | None => Err(value.refuse(COMMAND)),
    }
}

/// Texts for a process. One may be empty: programs tell `""` from nothing. A lone text would look
/// like a shell line, which it is not.
pub(super) fn texts(value: &Value, expected: &str) -> Result<Vec<String>, Fault> {
    let item = |item: &Value| match item.as_text() {
        Some(text) if !text.contains('\0') => Ok(text.to_string()),
        Some(_) | None => Err(item.refuse("a text without NUL")),
    };
    match &value.data {
        Data::List(items) => items.iter().map(item).collect(),
        Data::Text(_)
        | Data::Integer(_)
        | Data::Float(_)
        | Data::Boolean(_)
        | Data::Strange(_)
        | Data::Table(_) => Err(value.refuse(expected)),
    }
}

fn output(value: &Value) -> Result<Output, Fault> {
    match value.as_text() {
        Some("text") => Ok(Output::Text),
        Some("json") => Ok(Output::Json),
        Some(text) if is_media(text) => Ok(Output::Media(text.to_string())),
        Some(_) | None => Err(value.refuse(OUTPUT)),
    }
}

/// `image/...` or `audio/...` with the letters of a subtype name (RFC 6838 section 4.2).
fn is_media(text: &str) -> bool {
    let subtype = text.strip_prefix("image/").or(text.strip_prefix("audio/"));
    let letter =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_');
    subtype.is_some_and(|name| (1..=64).contains(&name.len()) && name.bytes().all(letter))
}

pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

pub(super) fn variables(value: &Value) -> Result<Vec<String>, Fault> {
    values::list(
        value,
        "a list of names of variables",
        usize::MAX,
        |item| match item.as_text().filter(|name| is_variable(name)) {
            Some(name) => Ok(vec![name.to_string()]),
            None => Err(item.refuse(VARIABLE)),
        },
    )
}

/// Variables with their values.
pub(super) fn environment(table: &mut Table<'_>, key: &str) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for entry in sub_table(table, key) {
        let value = entry.value.as_text().filter(|text| !text.contains('\0'));
        let key = format!("{key}.{}", entry.key);
        match value {
            Some(value) if is_variable(&entry.key) => {
                variables.push((entry.key, value.to_string()));
            }
            found => {
                // What is there instead is not shown: it may be a key.
                let expected = match found {
                    Some(_) => VARIABLE,
                    None => "a text without NUL",
                };
                let problem = format!("expected {expected}");
                let line = entry.line;
                table.fault(&key, Fault { line, problem });
            }
        }
    }
    variables
}

/// The entries of the table at `key`; none when there is no such table.
pub(super) fn sub_table(table: &mut Table<'_>, key: &str) -> Vec<Entry> {
    match table.take(key) {
        None => Vec::new(),
        Some(Value {
            data: Data::Table(entries),
            ..
        }) => entries,
        Some(other) => {
            table.fault(key, other.refuse("a table"));
            Vec::new()
        }
    }
}

fn arguments(table: &mut Table<'_>) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for entry in sub_table(table, ARGUMENTS) {
        let label = format!("{}.{ARGUMENTS}.{}", table.label, entry.key);
        let place = table.place.at(entry.line);
        if !is_name(&entry.key) {
            table
                .complaints
                .add(place, label, format!("expected {NAME}"));
            continue;
        }
        let Data::Table(entries) = entry.value.data else {
            let problem = match top_setting(&entry.key) {
                Some(setting) => unknown_key(&label, Some(setting)),
                None => {
                    let expected = "a table such as { type = \"string\" }";
                    entry.value.refuse(expected).problem
                }
            };
            table.complaints.add(place, label, problem);
            continue;
        };
        let fields = Table::new(label, place, entries, table.complaints);
        arguments.extend(argument::read(entry.key, fields));
    }
    arguments
}

/// The texts that may hold placeholders, each with its key.
fn templates(spec: &CommandSpec) -> impl Iterator<Item = (String, &str)> {
    let argv = spec
        .command
        .iter()
        .map(|item| ("command".to_string(), item));
    let directory = spec.directory.iter();
    let variables = spec.environment.iter();
    let stdin = spec.stdin.iter();
    argv.chain(directory.map(|text| ("directory".to_string(), text)))
        .chain(variables.map(|(name, value)| (format!("environment.{name}"), value)))
        .chain(stdin.map(|text| ("stdin".to_string(), text)))
        .map(|(key, text)| (key, text.as_str()))
}

/// Every placeholder has an argument, every argument a placeholder, and the program is fixed: a
/// caller chooses what a program is told, never which program runs.
fn check_placeholders(table: &mut Table<'_>, spec: &CommandSpec) {
    if placeholders(&spec.command[0]).is_ok_and(|names| !names.is_empty()) {
        table.complain("command", "expected a program without placeholders");
    }
    let mut used = Vec::new();
    for (key, text) in templates(spec) {
        match placeholders(text) {
            Ok(names) => used.extend(names.into_iter().map(|name| (key.clone(), name))),
            Err(problem) => table.complain(&key, problem),
        }
    }
    for (key, name) in &used {
        if !spec.arguments.iter().any(|argument| argument.name == *name) {
            table.complain(key, format!("{{{name}}} has no argument of this name"));
        }
    }
    for argument in &spec.arguments {
        if !used.iter().any(|(_, name)| *name == argument.name) {
            let key = format!("{ARGUMENTS}.{}", argument.name);
            table.complain(
                &key,
                format!("used nowhere; place {{{}}} somewhere", argument.name),
            );
        }
    }
}
