//! `--mcp-servers FILE`: the servers of the JSON file that desktop clients have.
//!
//! Claude, Cursor and their like call the table `mcpServers`, VS Code `servers`, Zed
//! `context_servers`. What only a client has a use for, such as which tools need no approval, is
//! passed over; what would change how a server runs is read or refused.

use super::Reader;
use super::complaint::Place;
use super::document::{Data, Entry, Value, json};
use super::server::{Server, command_line, is_server_name};
use super::table::Table;
use super::tool::{TEXT_BYTES_MAX, environment, texts};
use super::values::{self, Letters};
use super::wrapped::clean;
use crate::upstream::spec::UpstreamSpec;
use std::ffi::OsString;

/// What the table of servers is called.
const TABLES: [&str; 3] = ["mcpServers", "servers", "context_servers"];

/// Keys that only a server elsewhere has.
const REMOTE: [&str; 3] = ["url", "serverUrl", "httpUrl"];

const COMMAND: &str = "the program that is started";
const ARGUMENTS: &str = "a list of texts without NUL";

/// Asks for a variable of the daemon's environment.
pub(super) type ReadVariable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Reader {
    /// The servers of a file. Their order is that of the file.
    pub(super) fn read_mcp_servers(&mut self, name: &str, text: &str, variable: ReadVariable<'_>) {
        let file = Place::File {
            name: name.into(),
            line: 0,
        };
        let tables = match json(text) {
            Ok(Data::Table(entries)) => entries,
            Ok(_) => return self.complaints.add(file, "", "expected an object"),
            Err(fault) => {
                let place = file.at(fault.line);
                return self.complaints.add(place, "", fault.problem);
            }
        };
        let found = tables
            .into_iter()
            .find(|entry| TABLES.contains(&entry.key.as_str()));
        let Some(Entry { key, value, line }) = found else {
            let problem = "expected an object called \"mcpServers\", as in \
                           {\"mcpServers\": {\"files\": {\"command\": \"npx\", \"args\": []}}}";
            return self.complaints.add(file, "", problem);
        };
        let Data::Table(servers) = value.data else {
            return self
                .complaints
                .add(file.at(line), key, "expected an object");
        };
        for server in servers {
            self.read_mcp_server(&key, server, &file, variable);
        }
    }

    fn read_mcp_server(
        &mut self,
        key: &str,
        server: Entry,
        file: &Place,
        variable: ReadVariable<'_>,
    ) {
        let label = format!("{key}.{}", server.key);
        let place = file.at(server.line);
        let Data::Table(entries) = server.value.data else {
            return self.complaints.add(place, label, "expected an object");
        };
        let name = match is_server_name(&server.key) {
            true => server.key,
            false => {
                let name = clean(&server.key);
                let renamed = format!("{place}: {label} is called {name:?} here");
                self.notes.push(renamed);
                name
            }
        };
        let complaints = &mut self.complaints;
        let mut table = Table::new(label.clone(), place.clone(), entries, complaints);
        if let Some(spec) = spec(&mut table, name, variable) {
            self.servers.push(Server { place, label, spec });
        }
    }
}

/// One server; `None` if it is switched off or wrong.
fn spec(table: &mut Table<'_>, name: String, variable: ReadVariable<'_>) -> Option<UpstreamSpec> {
    if table.read("disabled", values::flag) == Some(true) {
        return None;
    }
    refuse_remote(table)?;
    if table.take("envFile").is_some() {
        table.complain("envFile", "is not read: name the variables in env");
    }
    if name.is_empty() {
        table.complain("", "expected a name with letters or digits");
    }
    let text = |value: &Value| values::text(value, TEXT_BYTES_MAX, Letters::Process);
    let list = |value: &Value| texts(value, ARGUMENTS);
    let program = table.demand("command", COMMAND, text)?;
    let mut argv = vec![program];
    argv.extend(table.read("args", list).unwrap_or_default());
    let mut directory = table.read("cwd", text);
    let denied = table.read("disabledTools", list);
    let mut environment = environment(table, "env");
    let words = argv.iter_mut().chain(directory.iter_mut());
    let words = words.map(|text| ("args".to_string(), text));
    let values = environment.iter_mut();
    let values = values.map(|(name, value)| (format!("env.{name}"), value));
    for (key, text) in words.chain(values).collect::<Vec<_>>() {
        match filled(text, variable) {
            Ok(filled) => *text = filled,
            Err(problem) => table.complain(&key, problem),
        }
    }
    let line = command_line(argv, directory, environment, &[]);
    Some(UpstreamSpec {
        deny: denied.unwrap_or_default(),
        ..UpstreamSpec::new(name, line)
    })
}

/// Servers elsewhere are no processes that could be started.
fn refuse_remote(table: &mut Table<'_>) -> Option<()> {
    let kind = table.take("type");
    let kind = kind.as_ref().and_then(Value::as_text);
    let has_url = REMOTE.iter().any(|key| table.take(key).is_some());
    match kind {
        None | Some("stdio") if !has_url => Some(()),
        None | Some(_) => {
            let problem = "a server elsewhere, which is not hosted: give its URL to the client \
                           itself, and leave it out here, or add \"disabled\": true";
            table.complain("", problem);
            None
        }
    }
}

/// A text with the values of the variables that it names: `${NAME}`, `${env:NAME}`, and
/// `${NAME:-what stands there otherwise}`.
fn filled(text: &str, variable: ReadVariable<'_>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, after)) = after.split_once('}') else {
            break;
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let name = name.strip_prefix("env:").unwrap_or(name);
        let value = variable(name).and_then(|value| value.into_string().ok());
        filled.push_str(before);
        match value.as_deref().or(default) {
            Some(value) => filled.push_str(value),
            None => return Err(format!("${{{name}}} is no variable of the environment")),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests;
