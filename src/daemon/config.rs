//! Configuration: files, environment and command line become [`Settings`] or a list of complaints.
//!
//! ```text
//! search ──> sources ──┐                            ┌─> Settings
//! PORT, ALLOWED_ORIGINS ├─> parse (pure, one table) ─┤
//! --set, --listen ─────┘                            └─> every Complaint at once
//! ```
//!
//! Later wins: defaults, then the files in order, then `--set`, then `--listen`; the environment
//! only fills in for `listen` and `origins` where none of these names them. A list replaces the
//! one before it, tables such as `[[tool]]` add up, and `[role.NAME]` tables of one name change
//! each other. Only `search` touches files. The invariant: what
//! [`parse`] returns is sound, so nobody checks a setting again.

mod access;
mod argument;
mod complaint;
mod document;
mod entries;
mod environment;
#[cfg(feature = "insight")]
mod insight;
mod kind;
mod mcp_servers;
mod print;
mod prompt;
mod relations;
mod resolve;
mod resource;
mod search;
mod server;
mod setting;
mod table;
mod template;
mod tool;
mod units;
mod values;
mod warning;
mod wrapped;

pub use complaint::{COMPLAINTS_MAX, Complaint, Place};
pub use environment::Environment;
pub(super) use kind::show_list;
pub use print::{print, reference, report};
pub use search::{CONFIG_BYTES_MAX, DROP_INS_MAX, Loaded, candidates, load};
pub(super) use server::INHERIT_ALL;
pub(super) use template::{NAME, is_name};
pub(super) use units::Span;
pub use warning::warnings;

#[cfg(feature = "insight")]
use super::settings::InsightSettings;
use super::settings::{Compat, Format, JwtSettings, Log, Settings};
use crate::auth::Access;
use crate::auth::jwt::Secret;
use crate::edge::listen::parse_port;
use crate::limits::{Limits, Timeouts};
use crate::tool::command::nearest;
use access::Written;
use complaint::Complaints;
use document::{Data, Entry, Value};
use mcp_servers::ReadVariable;
use prompt::Prompt;
use resource::Resource;
use server::Server;
use setting::SETTINGS;
use std::path::{Path, PathBuf};
use table::unknown_key;
use tool::Tool;

/// One configuration text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What complaints call it: the path as the operator would type it.
    pub name: String,
    /// TOML.
    pub text: String,
}

/// What the command line sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Key and value of each `--set`, in order.
    pub set: Vec<(String, String)>,
    /// Each `--listen`; together they replace `listen`.
    pub listen: Vec<String>,
    /// The file of `--mcp-servers`.
    pub mcp_servers: Option<PathBuf>,
    /// What stands behind `--`: program and arguments of one more server; empty for none.
    pub command: Vec<String>,
}

/// Reads the key of `jwt.secret_file`, or says what is wrong with it. Without a key no JWT is
/// taken, though credentials are still asked for.
pub(super) type SecretReader<'a> = &'a dyn Fn(&Path) -> Result<Option<Secret>, String>;

/// Settings from texts alone: the key of `jwt.secret_file` stays unread.
///
/// # Errors
///
/// Everything that is wrong, up to [`COMPLAINTS_MAX`] complaints.
pub fn parse(
    sources: &[Source],
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Settings, Vec<Complaint>> {
    let nothing = Around {
        mcp_servers: None,
        read_secret: &|_| Ok(None),
        read_variable: &|_| None,
    };
    let parsed = parse_with(sources, environment, overrides, &nothing)?;
    Ok(parsed.0)
}

/// What settings come from beside texts of TOML.
struct Around<'a> {
    /// The file of `--mcp-servers`.
    mcp_servers: Option<&'a Source>,
    /// Finds the key of `jwt.secret_file`.
    read_secret: SecretReader<'a>,
    /// Finds what the servers of that file name.
    read_variable: ReadVariable<'a>,
}

/// As [`parse`], with what is around; and what the operator should know of it all.
fn parse_with(
    sources: &[Source],
    environment: &Environment,
    overrides: &Overrides,
    around: &Around<'_>,
) -> Result<(Settings, Vec<String>), Vec<Complaint>> {
    let mut reader = Reader::new();
    for source in sources {
        reader.read_source(source);
    }
    reader.read_overrides(overrides);
    if let Some(Source { name, text }) = around.mcp_servers {
        reader.read_mcp_servers(name, text, around.read_variable);
    }
    reader.read_wrapped(overrides);
    if sources.is_empty() {
        reader.leave_servers_alone();
    }
    reader.read_environment(environment);
    #[cfg(feature = "insight")]
    reader.place_index(environment);
    let notes = std::mem::take(&mut reader.notes);
    Ok((reader.finish(around.read_secret)?, notes))
}

/// The defaults of the table, read as any other text would be.
pub(super) fn defaults() -> Settings {
    let mut settings = Settings {
        listen: Vec::new(),
        name: String::new(),
        title: None,
        instructions: None,
        hosts: Vec::new(),
        origins: Vec::new(),
        auth_none: false,
        anonymous: None,
        jwt: JwtSettings::default(),
        access: Access::open(),
        console: false,
        builtins: Vec::new(),
        state: None,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
        tools: Vec::new(),
        resources: Vec::new(),
        prompts: Vec::new(),
        upstreams: Vec::new(),
        #[cfg(feature = "insight")]
        insight: InsightSettings::default(),
        log: Log {
            format: Format::Text,
            level: log::Level::Info,
        },
        compat: Compat::default(),
    };
    for setting in SETTINGS.iter().filter(|row| !row.default.is_empty()) {
        let value = document::parse_value(setting.default);
        let read = setting.kind.read(&value, &mut settings);
        read.expect("a test reads every default");
    }
    settings
}

/// Lists of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    /// `[[tool]]`.
    Tool,
    /// `[[resource]]`.
    Resource,
    /// `[[prompt]]`.
    Prompt,
    /// `[[server]]`.
    Server,
    /// `[[token]]`.
    Token,
    /// `[[address]]`.
    Address,
}

/// Each with its key.
const LISTS: [(&str, List); 6] = [
    ("tool", List::Tool),
    ("resource", List::Resource),
    ("prompt", List::Prompt),
    ("server", List::Server),
    ("token", List::Token),
    ("address", List::Address),
];

/// What is said of `[insight]` by a program without it.
const NO_INSIGHT: &str = "this build has no insight: install the package for servers and desktops, \
                          or leave [insight] out";

/// The key of the tables `[role.NAME]`.
const ROLE: &str = "role";

/// The settings while they are read.
struct Reader {
    settings: Settings,
    /// Where each row of the table was set last.
    places: [Place; SETTINGS.len()],
    access: Written,
    tools: Vec<Tool>,
    resources: Vec<Resource>,
    prompts: Vec<Prompt>,
    servers: Vec<Server>,
    /// What is no complaint and yet worth a line.
    notes: Vec<String>,
    complaints: Complaints,
}

impl Reader {
    fn new() -> Reader {
        Reader {
            settings: defaults(),
            places: [const { Place::Default }; SETTINGS.len()],
            access: Written::default(),
            tools: Vec::new(),
            resources: Vec::new(),
            prompts: Vec::new(),
            servers: Vec::new(),
            notes: Vec::new(),
            complaints: Complaints::default(),
        }
    }

    fn read_source(&mut self, source: &Source) {
        let file = Place::File {
            name: source.name.as_str().into(),
            line: 0,
        };
        match document::parse(&source.text) {
            Ok(entries) => {
                for entry in entries {
                    self.read_entry(&file, entry);
                }
            }
            // The rest of a text that is not TOML can only be guessed at.
            Err(faults) => {
                for fault in faults {
                    self.complaints.add(file.at(fault.line), "", fault.problem);
                }
            }
        }
    }

    /// One key at the top of a file: a setting, a section of settings, or tables of their own kind.
    fn read_entry(&mut self, file: &Place, entry: Entry) {
        if let Some((key, list)) = LISTS.iter().find(|(key, _)| *key == entry.key) {
            return self.read_list(key, *list, file, entry);
        }
        if entry.key == ROLE {
            return self.read_roles(file, entry);
        }
        let place = file.at(entry.line);
        match (is_section(&entry.key), entry.value.data) {
            (true, Data::Table(entries)) => {
                for inner in entries {
                    let key = format!("{}.{}", entry.key, inner.key);
                    self.read_setting(file.at(inner.line), key, &inner.value);
                }
            }
            // What stands there instead is not shown: in place of [jwt] it may be the secret.
            (true, _) => {
                let problem = format!("expected a table such as [{}]", entry.key);
                self.complaints.add(place, entry.key, problem);
            }
            // The reference has the section, all of it commented out.
            (false, Data::Table(entries)) if entries.is_empty() && is_of_insight(&entry.key) => {}
            (false, data) => {
                let line = entry.value.line;
                self.read_setting(place, entry.key, &Value { line, data });
            }
        }
    }

    /// The tables of a list.
    fn read_list(&mut self, key: &str, list: List, file: &Place, entry: Entry) {
        let complaints = &mut self.complaints;
        let Data::List(tables) = entry.value.data else {
            let problem = format!("expected tables that begin with [[{key}]]");
            complaints.add(file.at(entry.line), key, problem);
            return;
        };
        for (index, value) in tables.into_iter().enumerate() {
            let position = index + 1;
            match list {
                List::Tool => self
                    .tools
                    .extend(tool::read(value, position, file, complaints)),
                List::Resource => {
                    let read = resource::read(value, position, file, complaints);
                    self.resources.extend(read);
                }
                List::Prompt => {
                    let read = prompt::read(value, position, file, complaints);
                    self.prompts.extend(read);
                }
                List::Server => {
                    let read = server::read(value, position, file, complaints);
                    self.servers.extend(read);
                }
                List::Token => self.access.read_token(value, position, file, complaints),
                List::Address => self.access.read_address(value, position, file, complaints),
            }
        }
    }

    fn read_roles(&mut self, file: &Place, entry: Entry) {
        let complaints = &mut self.complaints;
        let Data::Table(roles) = entry.value.data else {
            let problem = "expected tables such as [role.NAME]";
            complaints.add(file.at(entry.line), ROLE, problem);
            return;
        };
        for role in roles {
            self.access.read_role(role, file, complaints);
        }
    }

    /// The value of one row. A fault inside a list is told at the line of its item.
    fn read_setting(&mut self, place: Place, key: String, value: &Value) {
        let Some(row) = SETTINGS.iter().position(|row| row.key == key) else {
            let problem = match cfg!(feature = "insight") || !is_of_insight(&key) {
                true => unknown_key(&key, nearest_setting(&key)),
                false => NO_INSIGHT.to_string(),
            };
            self.complaints.add(place, key, problem);
            return;
        };
        match SETTINGS[row].kind.read(value, &mut self.settings) {
            Ok(()) => self.places[row] = place,
            Err(fault) => self
                .complaints
                .add(place.at(fault.line), key, fault.problem),
        }
    }

    fn read_overrides(&mut self, overrides: &Overrides) {
        for (key, text) in &overrides.set {
            let value = document::parse_value(text);
            self.read_setting(Place::Set, key.clone(), &value);
        }
        if !overrides.listen.is_empty() {
            let addresses = overrides.listen.iter().map(|text| Value::text(text));
            let value = Value::list(addresses.collect());
            self.read_setting(Place::Listen, "listen".to_string(), &value);
        }
    }

    /// A key with a complaint was named too; the environment does not paper over it.
    fn is_unset(&self, key: &str) -> bool {
        *self.place(key) == Place::Default && self.complaints.is_sound(key)
    }

    fn read_environment(&mut self, environment: &Environment) {
        if let Some(port) = &environment.port
            && self.is_unset("listen")
        {
            let place = Place::Environment("PORT");
            let value = Value::text(&port.to_string_lossy());
            if value.as_text().and_then(parse_port).is_some() {
                self.read_setting(place, "listen".to_string(), &value);
            } else {
                let fault = value.refuse("a port from 0 to 65535");
                self.complaints.add(place, "listen", fault.problem);
            }
        }
        if let Some(origins) = &environment.allowed_origins
            && self.is_unset("origins")
        {
            let text = origins.to_string_lossy();
            let origins = text
                .split(',')
                .map(str::trim)
                .filter(|text| !text.is_empty());
            let value = Value::list(origins.map(Value::text).collect());
            let place = Place::Environment("ALLOWED_ORIGINS");
            self.read_setting(place, "origins".to_string(), &value);
        }
    }

    /// What relates several settings, where each of them is sound.
    fn finish(mut self, read_secret: SecretReader<'_>) -> Result<Settings, Vec<Complaint>> {
        self.resolve_access(read_secret);
        self.check_doors();
        self.check_memory();
        self.check_heartbeat();
        #[cfg(feature = "insight")]
        self.check_insight();
        self.add_task_status();
        self.check_tools();
        self.check_catalogue();
        self.check_servers();
        self.complaints.finish()?;
        self.settings.tools = self.tools.into_iter().map(|tool| tool.spec).collect();
        let resources = self.resources.into_iter();
        self.settings.resources = resources.map(|resource| resource.settings).collect();
        let prompts = self.prompts.into_iter();
        self.settings.prompts = prompts.map(|prompt| prompt.settings).collect();
        let servers = self.servers.into_iter();
        self.settings.upstreams = servers.map(|server| server.spec).collect();
        Ok(self.settings)
    }

    fn place(&self, key: &str) -> &Place {
        let row = SETTINGS.iter().position(|row| row.key == key);
        &self.places[row.expect("only rows of the table are asked for")]
    }

    fn complain(&mut self, key: &str, problem: String) {
        let place = self.place(key).clone();
        self.complaints.add(place, key, problem);
    }
}

/// The tables of settings, those of roles included.
const SECTIONS: [&str; 6 + cfg!(feature = "insight") as usize] = [
    "limits",
    "timeouts",
    "jwt",
    "compat",
    "log",
    ROLE,
    #[cfg(feature = "insight")]
    "insight",
];

/// Whether `key` is `[insight]` or something in it.
fn is_of_insight(key: &str) -> bool {
    key.split('.').next() == Some("insight")
}

/// Whether `key` is the first part of dotted keys.
fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|row| {
        let rest = row.key.strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The setting that an unknown key was meant to be: its namesake in another section, since what
/// follows a `[section]` belongs to it whether meant so or not, or else the nearest one.
fn nearest_setting(key: &str) -> Option<&'static str> {
    let last = key.rsplit('.').next();
    let mut namesakes = SETTINGS
        .iter()
        .filter(|row| row.key.rsplit('.').next() == last);
    match (namesakes.next(), namesakes.next()) {
        (Some(row), None) => Some(row.key),
        (Some(_), Some(_)) | (None, _) => {
            let sections = SECTIONS;
            let lists = LISTS.map(|(key, _)| key);
            let known = SETTINGS.iter().map(|row| row.key);
            nearest(key, known.chain(sections).chain(lists))
        }
    }
}

#[cfg(test)]
mod tests;
