//! What a setting takes: saying it, reading it, showing it.

use super::complaint::Fault;
use super::document::Value;
use super::template::{NAME, is_name};
use super::units::{Bytes, Quoted, Span};
use super::values::{self, Letters};
use crate::auth::address::Network;
use crate::auth::role::Rate;
use crate::daemon::settings::{Builtin, Format, LISTENERS_MAX, Listen, Settings};
use crate::limits::NETWORKS_MAX;
#[cfg(feature = "insight")]
use crate::tool::glob::Glob;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Names in `hosts` and in `origins`. Each request is compared with them one by one.
const NAMES_MAX: usize = 64;

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

const FORMATS: [(&str, Format); 2] = [("text", Format::Text), ("json", Format::Json)];

const LISTENERS: &str = "a list of addresses such as [\"127.0.0.1:8000\"]";
const HOSTS: &str = "a list of host names without scheme and port such as [\"garage-pi.local\"]";
const ORIGINS: &str = "a list of origins such as [\"http://garage-pi.local:8000\"]";
const PROXIES: &str = "a list of addresses or networks such as [\"127.0.0.1\"]";
const RATE: &str = "a rate such as \"120/min\" (s, min, h)";
const FILE: &str = "an absolute path";

#[cfg(feature = "insight")]
const FOLDERS: &str = "a list of absolute paths such as [\"/srv/notes\"]";
#[cfg(feature = "insight")]
const GLOBS: &str = "a list of names with * and ?, between slashes, such as [\"**/*.md\"]";

/// Folders in a list. Each is walked by itself.
#[cfg(feature = "insight")]
const FOLDERS_MAX: usize = 16;

/// Patterns in a list. Each path is compared with all of them.
#[cfg(feature = "insight")]
const GLOBS_MAX: usize = 64;

/// Bytes of a path (`PATH_MAX` of Linux).
const PATH_BYTES_MAX: usize = 4096;

/// What a setting takes, and where its value goes.
pub(super) enum Kind {
    /// A whole number.
    Count(RangeInclusive<u32>, fn(&mut Settings) -> &mut u32),
    /// Bytes.
    Size(RangeInclusive<usize>, fn(&mut Settings) -> &mut usize),
    /// Time.
    Duration(RangeInclusive<Duration>, fn(&mut Settings) -> &mut Duration),
    /// One line of at most so many bytes.
    Text(usize, fn(&mut Settings) -> &mut String),
    /// Text of at most so many bytes that may be absent.
    Optional(usize, fn(&mut Settings) -> &mut Option<String>),
    /// `true` or `false`.
    Flag(fn(&mut Settings) -> &mut bool),
    /// The name of a role that may be absent; whether there is one of this name shows at the end.
    Role(fn(&mut Settings) -> &mut Option<String>),
    /// The absolute path of a file that may be absent.
    File(fn(&mut Settings) -> &mut Option<String>),
    /// Requests over time, without a bound where absent.
    Rate(fn(&mut Settings) -> &mut Option<Rate>),
    /// Absolute paths of folders.
    #[cfg(feature = "insight")]
    Folders(fn(&mut Settings) -> &mut Option<Vec<String>>),
    /// Patterns of paths.
    #[cfg(feature = "insight")]
    Globs(fn(&mut Settings) -> &mut Vec<Glob>),
    /// `listen`.
    Listeners,
    /// `hosts`.
    Hosts,
    /// `origins`.
    Origins,
    /// `builtins`.
    Builtins,
    /// `auth`.
    Auth,
    /// `proxies`.
    Proxies,
    /// `log.format`.
    Format,
    /// `log.level`.
    Level,
}

impl Kind {
    /// In words, as in `expected ...`.
    pub fn expected(&self) -> String {
        match self {
            Kind::Count(range, _) => values::count_expected(range),
            Kind::Size(range, _) => values::size_expected(range),
            Kind::Duration(range, _) => values::duration_expected(range),
            Kind::Text(bytes_max, _) => values::text_expected(*bytes_max, Letters::Line),
            Kind::Optional(bytes_max, _) => values::text_expected(*bytes_max, Letters::Lines),
            Kind::Flag(_) => "true or false".to_string(),
            Kind::Role(_) => format!("the name of a role, {NAME}"),
            Kind::File(_) => FILE.to_string(),
            Kind::Rate(_) => RATE.to_string(),
            #[cfg(feature = "insight")]
            Kind::Folders(_) => FOLDERS.to_string(),
            #[cfg(feature = "insight")]
            Kind::Globs(_) => GLOBS.to_string(),
            Kind::Listeners => LISTENERS.to_string(),
            Kind::Hosts => HOSTS.to_string(),
            Kind::Origins => ORIGINS.to_string(),
            Kind::Builtins => {
                let names = Builtin::ALL.map(Builtin::name);
                format!("a list of {}", values::words_expected(&names))
            }
            Kind::Auth => values::words_expected(&["none"]),
            Kind::Proxies => PROXIES.to_string(),
            Kind::Format => values::words_expected(&FORMATS.map(|(word, _)| word)),
            Kind::Level => values::words_expected(&LEVELS),
        }
    }

    /// Puts `value` into `settings`, which stay as they are when it does not fit.
    pub fn read(&self, value: &Value, settings: &mut Settings) -> Result<(), Fault> {
        match self {
            Kind::Count(range, place) => *place(settings) = values::count(value, range)?,
            Kind::Size(range, place) => *place(settings) = values::size(value, range)?,
            Kind::Duration(range, place) => *place(settings) = values::duration(value, range)?,
            Kind::Text(bytes_max, place) => {
                *place(settings) = values::text(value, *bytes_max, Letters::Line)?;
            }
            Kind::Optional(bytes_max, place) => {
                *place(settings) = Some(values::text(value, *bytes_max, Letters::Lines)?);
            }
            Kind::Flag(place) => *place(settings) = values::flag(value)?,
            Kind::Role(place) => *place(settings) = Some(name(value)?),
            Kind::File(place) => *place(settings) = Some(file(value)?),
            Kind::Rate(place) => *place(settings) = Some(rate(value)?),
            #[cfg(feature = "insight")]
            Kind::Folders(place) => {
                let folder = |item: &Value| Ok(vec![folder(item)?]);
                let folders = values::list(value, FOLDERS, FOLDERS_MAX, folder)?;
                *place(settings) = Some(folders);
            }
            #[cfg(feature = "insight")]
            Kind::Globs(place) => {
                let glob = |item: &Value| Ok(vec![glob(item)?]);
                *place(settings) = values::list(value, GLOBS, GLOBS_MAX, glob)?;
            }
            Kind::Listeners => settings.listen = listeners(value)?,
            Kind::Hosts => settings.hosts = names(value, HOSTS, values::parse_host)?,
            Kind::Origins => settings.origins = names(value, ORIGINS, parse_origin)?,
            Kind::Builtins => settings.builtins = self.builtins(value)?,
            Kind::Auth => {
                values::word(value, &["none"])?;
                settings.auth_none = true;
            }
            Kind::Proxies => {
                settings.access.proxies = values::list(value, PROXIES, NETWORKS_MAX, |item| {
                    Ok(vec![network(item)?])
                })?;
            }
            Kind::Format => {
                let words = FORMATS.map(|(word, _)| word);
                settings.log.format = FORMATS[values::word(value, &words)?].1;
            }
            Kind::Level => settings.log.level = level(value)?,
        }
        Ok(())
    }

    /// The value in `settings` as TOML, if there is one. It is not changed; the rows know how to
    /// get at a place for writing only.
    pub fn show(&self, settings: &mut Settings) -> Option<String> {
        Some(match self {
            Kind::Count(_, place) => place(settings).to_string(),
            Kind::Size(_, place) => format!("\"{}\"", Bytes(*place(settings) as u64)),
            Kind::Duration(_, place) => format!("\"{}\"", Span(*place(settings))),
            Kind::Text(_, place) => Quoted(place(settings)).to_string(),
            Kind::Optional(_, place) => Quoted(place(settings).as_ref()?).to_string(),
            Kind::Flag(place) => place(settings).to_string(),
            Kind::Role(place) | Kind::File(place) => Quoted(place(settings).as_ref()?).to_string(),
            Kind::Rate(place) => format!("\"{}\"", (*place(settings))?),
            #[cfg(feature = "insight")]
            Kind::Folders(place) => show_list(place(settings).as_ref()?),
            #[cfg(feature = "insight")]
            Kind::Globs(place) => show_list(place(settings).iter().map(Glob::to_string)),
            Kind::Listeners => show_list(settings.listen.iter().map(Listen::to_string)),
            Kind::Hosts => show_list(&settings.hosts),
            Kind::Origins => show_list(&settings.origins),
            Kind::Builtins => show_list(settings.builtins.iter().map(|builtin| builtin.name())),
            Kind::Auth => settings.auth_none.then(|| "\"none\"".to_string())?,
            Kind::Proxies => show_list(settings.access.proxies.iter().map(Network::to_string)),
            Kind::Format => {
                let same = |(_, format): &&(_, Format)| *format == settings.log.format;
                let word = FORMATS.iter().find(same).map(|(word, _)| *word);
                Quoted(word?).to_string()
            }
            Kind::Level => format!("\"{}\"", LEVELS[settings.log.level as usize - 1]),
        })
    }

    fn builtins(&self, value: &Value) -> Result<Vec<Builtin>, Fault> {
        let names = Builtin::ALL.map(Builtin::name);
        values::list(value, &self.expected(), names.len(), |item| {
            Ok(vec![Builtin::ALL[values::word(item, &names)?]])
        })
    }
}

/// Texts as a TOML list.
pub(in crate::daemon) fn show_list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted = texts
        .into_iter()
        .map(|text| Quoted(text.as_ref()).to_string());
    format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
}

fn listeners(value: &Value) -> Result<Vec<Listen>, Fault> {
    let found = values::list(value, LISTENERS, LISTENERS_MAX, |item| {
        let text = item.as_text().ok_or_else(|| item.refuse("a text"))?;
        Listen::parse(text).map_err(|expected| item.refuse(&expected))
    })?;
    // A server without a door would run and answer nobody.
    if found.is_empty() {
        return Err(value.refuse(LISTENERS));
    }
    Ok(found)
}

fn names(
    value: &Value,
    expected: &str,
    parse: fn(&str) -> Option<String>,
) -> Result<Vec<String>, Fault> {
    values::list(value, expected, NAMES_MAX, |item| {
        let name = item.as_text().and_then(parse);
        name.map(|name| vec![name])
            .ok_or_else(|| item.refuse(expected))
    })
}

/// An origin, or `*` for any.
fn parse_origin(text: &str) -> Option<String> {
    match text {
        "*" => Some(text.to_string()),
        text => values::parse_origin(text),
    }
}

/// A text as `parse` reads it, which says itself what it expected.
fn parsed<T>(
    value: &Value,
    expected: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, Fault> {
    let text = value.as_text().ok_or_else(|| value.refuse(expected))?;
    parse(text).map_err(|problem| Fault {
        line: value.line,
        problem: format!("{problem}, found {value}"),
    })
}

/// A network or an address.
pub(super) fn network(value: &Value) -> Result<Network, Fault> {
    parsed(value, "an address or a network", Network::parse)
}

/// Requests over time.
pub(super) fn rate(value: &Value) -> Result<Rate, Fault> {
    parsed(value, RATE, Rate::parse)
}

/// The name of a tool, a token or a role.
pub(super) fn name(value: &Value) -> Result<String, Fault> {
    let name = value.as_text().filter(|name| is_name(name));
    name.map(str::to_string).ok_or_else(|| value.refuse(NAME))
}

/// A relative path would mean another file for each directory that the daemon is started in. What
/// stands in place of a path is not shown: it may be the secret that belongs into the file.
fn file(value: &Value) -> Result<String, Fault> {
    let path = values::text(value, PATH_BYTES_MAX, Letters::Process)?;
    match path.starts_with('/') {
        true => Ok(path),
        false => Err(Fault {
            line: value.line,
            problem: format!("expected {FILE}"),
        }),
    }
}

/// The path of a folder, without a slash at its end.
#[cfg(feature = "insight")]
fn folder(value: &Value) -> Result<String, Fault> {
    let path = value.as_text().filter(|path| path.starts_with('/'));
    let path = path.filter(|path| path.len() <= PATH_BYTES_MAX && !path.contains('\0'));
    match path
        .ok_or_else(|| value.refuse(FILE))?
        .trim_end_matches('/')
    {
        "" => Ok("/".to_string()),
        path => Ok(path.to_string()),
    }
}

#[cfg(feature = "insight")]
fn glob(value: &Value) -> Result<Glob, Fault> {
    let glob = value.as_text().and_then(Glob::new);
    glob.ok_or_else(|| value.refuse("names with * and ?, between slashes"))
}

fn level(value: &Value) -> Result<log::Level, Fault> {
    let levels: Vec<log::Level> = log::Level::iter().collect();
    Ok(levels[values::word(value, &LEVELS)?])
}
