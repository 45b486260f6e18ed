//! `[[resource]]`: files, folders and commands that clients read.

use super::complaint::{Complaints, Fault, Place};
use super::document::{Data, Value};
use super::setting::CALL_TIMEOUTS;
use super::table::{Key, Table, names};
use super::tool::{TEXT_BYTES_MAX, command, key, label};
use super::values::{self, Letters};
use crate::daemon::settings::{ResourceSettings, ResourceSource as Source};
use crate::limits;
use crate::tool::file::{Folder, file_uri};
use crate::tool::glob::{GLOB_BYTES_MAX, Glob};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Bytes of a URI and of a path; Linux takes no longer path (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4095;

/// Bytes of the name of a resource. It has to fit into one line of a client's list.
const NAME_BYTES_MAX: usize = 256;

/// How often a resource is looked at. Looks fall on whole seconds.
const WATCHES: RangeInclusive<Duration> = limits::COARSE..=Duration::from_secs(86_400);

/// How often a file is looked at where nothing is said: it costs one question to the system.
const WATCH_DEFAULT: Duration = Duration::from_secs(5);

/// The same for a command, which costs a process.
const WATCH_COMMAND_DEFAULT: Duration = Duration::from_secs(30);

const SOURCE: &str = "one of file, folder and command";
const PATH: &str = "an absolute path";
const GLOB: &str = "names with * and ?, between slashes, such as \"**/*.md\"";
const URI: &str = "a URI such as \"sensor://temperature\"";
const MIME: &str = "a type such as \"text/plain\"";
const WATCH: &str = "a duration from 1s to 1d such as \"30s\", or \"never\"";

/// The keys of `[[resource]]`.
pub(super) const RESOURCE_KEYS: [Key; 10] = [
    key("file", PATH, "The file that is read."),
    key(
        "folder",
        PATH,
        "A folder; each file that fits is a resource.",
    ),
    key(
        "glob",
        "names with * and ?, between slashes",
        "Which files of the folder; `\"*\"` by default, `**` is any folders.",
    ),
    key(
        "command",
        "a list of texts",
        "Program and arguments, run for each read; its output is read.",
    ),
    key(
        "uri",
        "a URI",
        "What clients ask for; `file://` and the path by default. For a folder what all of its \
         URIs begin with.",
    ),
    key(
        "name",
        "a text",
        "What it is called; the file's name by default. Files of a folder have their own.",
    ),
    key("description", "a text", "What a model reads about it."),
    key(
        "mime_type",
        MIME,
        "What it holds; by the extension of the file where it is not said.",
    ),
    key(
        "timeout",
        "100ms to 1d",
        "Instead of timeouts.call, for a command.",
    ),
    key(
        "watch",
        "1s to 1d, or \"never\"",
        "How often it is looked at while somebody subscribes; `\"5s\"` by default, for a command \
         `\"30s\"`.",
    ),
];

const RESOURCE_NAMES: [&str; RESOURCE_KEYS.len()] = names(&RESOURCE_KEYS);

/// A resource and where it stands.
#[derive(Debug)]
pub(super) struct Resource {
    /// The line of `[[resource]]`.
    pub place: Place,
    /// Its dotted key in complaints.
    pub label: String,
    /// What it is.
    pub settings: ResourceSettings,
}

/// Reads the `position`th `[[resource]]` of a source. Without contents or URI it is no resource.
pub(super) fn read(
    value: Value,
    position: usize,
    source: &Place,
    complaints: &mut Complaints,
) -> Option<Resource> {
    let place = source.at(value.line);
    let Data::Table(entries) = value.data else {
        let problem = "expected tables that begin with [[resource]]";
        complaints.add(place, "resource", problem);
        return None;
    };
    let label = label("resource", &entries, position);
    let mut table = Table::new(label.clone(), place.clone(), entries, complaints);
    let settings = settings(&mut table)?;
    Some(Resource {
        place,
        label,
        settings,
    })
}

fn settings(table: &mut Table<'_>) -> Option<ResourceSettings> {
    let (source, misplaced) = match source(table) {
        Ok(found) => found,
        Err(problem) => {
            if let Some(problem) = problem {
                table.complain("", problem);
            }
            table.finish(&RESOURCE_NAMES, None);
            return None;
        }
    };
    let (default_uri, default_name, default_watch) = defaults(&source);
    let uri = match default_uri {
        Some(default) => Some(table.read("uri", uri).unwrap_or(default)),
        None => table.demand("uri", URI, uri),
    };
    let name_text = |value: &Value| values::text(value, NAME_BYTES_MAX, Letters::Line);
    let name = match (&source, default_name) {
        (Source::Folder(_), _) => Some(String::new()),
        (Source::File(_) | Source::Command { .. }, Some(default)) => {
            Some(table.read("name", name_text).unwrap_or(default))
        }
        (Source::File(_) | Source::Command { .. }, None) => {
            table.demand("name", "a text", name_text)
        }
    };
    let description = |value: &Value| values::text(value, TEXT_BYTES_MAX, Letters::Process);
    let settings = ResourceSettings {
        uri: uri.unwrap_or_default(),
        name: name.unwrap_or_default(),
        description: table.read("description", description),
        mime_type: table.read("mime_type", mime_type),
        watch: table.read("watch", watch).unwrap_or(Some(default_watch)),
        source,
    };
    table.finish(&RESOURCE_NAMES, Some(misplaced));
    (!settings.uri.is_empty()).then_some(settings)
}

/// Where the contents come from, and why keys of other sources have no meaning here.
fn source(table: &mut Table<'_>) -> Result<(Source, &'static str), Option<String>> {
    let before = table.complaints.len();
    let file = table.read("file", path);
    let folder = table.read("folder", path);
    let argv = table.read("command", command);
    match (file, folder, argv) {
        (Some(file), None, None) => Ok((Source::File(file), "has no meaning for a file")),
        (None, Some(path), None) => {
            let glob = table.read("glob", glob);
            let path = path.trim_end_matches('/').to_string();
            let glob = glob.unwrap_or_else(|| Glob::new("*").expect("it is a pattern"));
            let folder = Folder { path, glob };
            Ok((Source::Folder(folder), "has no meaning for a folder"))
        }
        (None, None, Some(argv)) => {
            let timeout = |value: &Value| values::duration(value, &CALL_TIMEOUTS);
            let timeout = table.read("timeout", timeout);
            let source = Source::Command { argv, timeout };
            Ok((source, "has no meaning for a command"))
        }
        // What is wrong with the one that stands there has been said.
        (None, None, None) if table.complaints.len() > before => Err(None),
        (None, None, None) => Err(Some(format!("missing, expected {SOURCE}"))),
        (Some(_), _, _) | (_, Some(_), _) => Err(Some(format!("expected only {SOURCE}"))),
    }
}

/// URI, name and time between looks where nothing is said of them.
fn defaults(source: &Source) -> (Option<String>, Option<String>, Duration) {
    match source {
        Source::File(path) => {
            let name = path.rsplit('/').next().filter(|name| !name.is_empty());
            (
                Some(file_uri(path)),
                name.map(str::to_string),
                WATCH_DEFAULT,
            )
        }
        Source::Folder(folder) => {
            let uri = file_uri(&format!("{}/", folder.path));
            (Some(uri), None, WATCH_DEFAULT)
        }
        Source::Command { .. } => (None, None, WATCH_COMMAND_DEFAULT),
    }
}

fn path(value: &Value) -> Result<String, Fault> {
    let text = value.as_text().filter(|text| text.starts_with('/'));
    text.filter(|text| text.len() <= PATH_BYTES_MAX && !text.contains('\0'))
        .map(str::to_string)
        .ok_or_else(|| value.refuse(PATH))
}

fn glob(value: &Value) -> Result<Glob, Fault> {
    let glob = value.as_text().and_then(Glob::new);
    glob.ok_or_else(|| value.refuse(&format!("{GLOB}, of at most {GLOB_BYTES_MAX} bytes")))
}

/// A scheme, a colon and more, in the letters of RFC 3986 section 2.
fn uri(value: &Value) -> Result<String, Fault> {
    let is_scheme = |scheme: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(letter)
    };
    let letter = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    value
        .as_text()
        .filter(|text| text.len() <= PATH_BYTES_MAX && text.bytes().all(letter))
        .filter(|text| {
            let parts = text.split_once(':');
            parts.is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
        })
        .map(str::to_string)
        .ok_or_else(|| value.refuse(URI))
}

/// Two words with a slash between them, and perhaps parameters (RFC 9110 section 8.3.1).
fn mime_type(value: &Value) -> Result<String, Fault> {
    let text = values::text(value, NAME_BYTES_MAX, Letters::Line)?;
    let essence = text.split(';').next().unwrap_or_default();
    let is_word = |word: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !word.is_empty() && word.bytes().all(letter)
    };
    let parts = essence.trim_end().split_once('/');
    let is_type = parts.is_some_and(|(kind, subtype)| is_word(kind) && is_word(subtype));
    match is_type {
        true => Ok(text),
        false => Err(value.refuse(MIME)),
    }
}

fn watch(value: &Value) -> Result<Option<Duration>, Fault> {
    if value.as_text() == Some("never") {
        return Ok(None);
    }
    match values::duration(value, &WATCHES) {
        Ok(period) => Ok(Some(period)),
        Err(_) => Err(value.refuse(WATCH)),
    }
}

#[cfg(test)]
mod tests {
    use crate::daemon::config::{Environment, Overrides, Source, parse};
    use crate::daemon::settings::{ResourceSettings, ResourceSource};
    use crate::limits::RESOURCES_MAX;
    use std::time::Duration;

    /// The resources of `text`, or the complaints about it.
    fn load(text: &str) -> Result<Vec<ResourceSettings>, Vec<String>> {
        let source = Source {
            name: "a.toml".to_string(),
            text: text.to_string(),
        };
        let settings = parse(&[source], &Environment::default(), &Overrides::default());
        let shown = |complaints: Vec<_>| complaints.iter().map(ToString::to_string).collect();
        settings.map(|settings| settings.resources).map_err(shown)
    }

    fn check(lines: &str, expected: &[&str]) {
        let complaints = load(&format!("[[resource]]\n{lines}")).err();
        assert_eq!(complaints.unwrap_or_default(), expected, "{lines}");
    }

    #[test]
    fn what_is_not_said_follows_from_the_source() {
        let text = "[[resource]]\nfile = '/etc/my hosts'\n[[resource]]\nfolder = '/srv/notes/'\n\
                    [[resource]]\nfolder = '/'\n[[resource]]\ncommand = ['date']\n\
                    uri = 'time:now'\nname = 'now'\nwatch = 'never'";
        let found = load(text).unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let seen = found.iter().map(|r| (&*r.uri, &*r.name, r.watch));
        let expected = [
            ("file:///etc/my%20hosts", "my hosts", seconds(5)),
            ("file:///srv/notes/", "", seconds(5)),
            ("file:///", "", seconds(5)),
            ("time:now", "now", None),
        ];
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        let ResourceSource::Folder(folder) = &found[1].source else {
            panic!("{found:?}");
        };
        assert_eq!(
            (folder.root(), &*folder.glob.to_string()),
            ("/srv/notes", "*")
        );
        let command = "[[resource]]\ncommand = ['a']\nuri = 'a:b'\nname = 'a'";
        assert_eq!(load(command).unwrap()[0].watch, seconds(30));
    }

    #[test]
    fn complaints_about_resources() {
        let one = "a.toml:1: resource.1: missing, expected one of file, folder and command";
        check("", &[one]);
        check(
            "uri = 'a:b'\nnonsense = 1",
            &[one, "a.toml:3: resource.1.nonsense: unknown key"],
        );
        check(
            "file = '/a'\nfolder = '/b'",
            &["a.toml:1: resource.1: expected only one of file, folder and command"],
        );
        let path = "expected an absolute path, found";
        check(
            "file = 'a'",
            &[&format!("a.toml:2: resource.1.file: {path} \"a\"")],
        );
        check(
            "folder = 1",
            &[&format!("a.toml:2: resource.1.folder: {path} 1")],
        );
        check(
            "command = 'date'\nname = 'now'",
            &[
                "a.toml:2: resource.now.command: expected a list of the program and its arguments \
             such as [\"df\", \"-h\"], found \"date\"",
            ],
        );
        check(
            "command = ['date']",
            &[
                "a.toml:1: resource.1.uri: missing, expected a URI such as \
                 \"sensor://temperature\"",
                "a.toml:1: resource.1.name: missing, expected a text",
            ],
        );
        check(
            "file = '/'",
            &["a.toml:1: resource.1.name: missing, expected a text"],
        );
        check(
            "file = '/a'\nuris = 'a'",
            &["a.toml:3: resource.1.uris: unknown key, did you mean uri?"],
        );
        for uri in [
            "a", ":a", "a:", "1a:b", "a b:c", "a:b c", "a:{b}", "ä:b", "a:\\\"", "",
        ] {
            let text = format!("file = '/a'\nuri = \"{uri}\"");
            let complaints = load(&format!("[[resource]]\n{text}")).expect_err(uri);
            assert!(
                complaints[0].contains("expected a URI such as"),
                "{complaints:?}"
            );
        }
    }

    #[test]
    fn complaints_about_what_belongs_to_another_source() {
        check(
            "file = '/a'\nglob = '*'\ntimeout = '1s'",
            &[
                "a.toml:3: resource.1.glob: has no meaning for a file",
                "a.toml:4: resource.1.timeout: has no meaning for a file",
            ],
        );
        check(
            "folder = '/a'\nname = 'n'",
            &["a.toml:3: resource.n.name: has no meaning for a folder"],
        );
        check(
            "command = ['a']\nname = 'n'\nuri = 'a:b'\nglob = '*'",
            &["a.toml:5: resource.n.glob: has no meaning for a command"],
        );
    }

    #[test]
    fn complaints_about_values() {
        check(
            "folder = '/a'\nglob = '../*'",
            &[
                "a.toml:3: resource.1.glob: expected names with * and ?, between slashes, such as \
             \"**/*.md\", of at most 256 bytes, found \"../*\"",
            ],
        );
        let mime = "a.toml:3: resource.1.mime_type: expected a type such as \"text/plain\", found";
        for bad in ["text", "/", "a/", "a b/c", "a/b/c"] {
            let expected = format!("{mime} \"{bad}\"");
            check(&format!("file = '/a'\nmime_type = '{bad}'"), &[&expected]);
        }
        check(
            "file = '/a'\nmime_type = 'text/plain; charset=utf-8'\nwatch = '1s'",
            &[],
        );
        for bad in ["'999ms'", "'25h'", "'often'", "5"] {
            let expected = format!(
                "a.toml:3: resource.1.watch: expected a duration from 1s to 1d such as \"30s\", \
                 or \"never\", found {}",
                bad.replace('\'', "\"")
            );
            check(&format!("file = '/a'\nwatch = {bad}"), &[&expected]);
        }
        assert_eq!(
            load("resource = 1").unwrap_err(),
            ["a.toml:1: resource: expected tables that begin with [[resource]]"]
        );
        assert_eq!(
            load("resource = [1]").unwrap_err(),
            ["a.toml:1: resource: expected tables that begin with [[resource]]"]
        );
    }

    #[test]
    fn a_uri_is_taken_once_and_their_number_ends() {
        let twice = "[[resource]]\nfile = '/a'\n[[resource]]\nfile = '/b'\nuri = 'file:///a'";
        assert_eq!(
            load(twice).unwrap_err(),
            ["a.toml:3: resource.2.uri: the uri is taken by the resource at a.toml:1"]
        );
        let many = |count: usize| {
            let each = |index| format!("[[resource]]\nfile = '/{index}'\n");
            load(&(0..count).map(each).collect::<String>())
        };
        assert_eq!(many(RESOURCES_MAX).unwrap().len(), RESOURCES_MAX);
        assert_eq!(
            many(RESOURCES_MAX + 1).unwrap_err(),
            ["a.toml:2001: resource: expected at most 1000 of [[resource]]"]
        );
    }
}
