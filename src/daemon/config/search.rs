//! Where the configuration lies, and reading it: the only place here that touches files.

use super::{Around, Complaint, Environment, Overrides, Place, Source, parse_with};
use crate::auth::jwt::Secret;
use crate::daemon::settings::{ResourceSettings, ResourceSource, Settings};
use crate::edge::process::look_up;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Bytes of all sources together. The tables of 256 tools with a KiB each fit, and so do they into
/// the base of the memory ceiling, which counts the configuration in.
pub const CONFIG_BYTES_MAX: usize = 256 * 1024;

/// Drop-ins at most. Packages and people add a handful.
pub const DROP_INS_MAX: usize = 64;

/// Bytes of a key. HMAC-SHA-256 gains nothing beyond its block of 64 bytes.
const SECRET_BYTES_MAX: usize = 4096;

/// What lets those read a file who neither own it nor are of its group.
const OTHERS_READ: u32 = 0o004;

const FILE: &str = "slimcp.toml";

/// Settings with where they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What holds.
    pub settings: Settings,
    /// The names of the files that were read, in order; empty when the defaults stand.
    pub sources: Vec<String>,
    /// What was read otherwise than it is written.
    pub notes: Vec<String>,
}

/// The files that are tried, in order, where neither `-c` nor `SLIMCP_CONFIG` names one. A named
/// one must exist.
pub fn candidates(environment: &Environment) -> Vec<PathBuf> {
    let home = environment.home.as_ref();
    let user = match &environment.xdg_config_home {
        Some(folder) => Some(PathBuf::from(folder)),
        None => home.map(|home| Path::new(home).join(".config")),
    };
    // A relative XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification, Basics).
    let user = user.filter(|folder| folder.is_absolute());
    let mut paths = vec![PathBuf::from(FILE)];
    paths.extend(user.map(|folder| folder.join("slimcp").join(FILE)));
    paths.push(Path::new("/etc/slimcp").join(FILE));
    paths
}

/// Finds, reads and parses the configuration. `config` is the file of `-c`; `-` is stdin, which has
/// no drop-ins.
///
/// # Errors
///
/// A named file that cannot be read, too many bytes, and everything that [`super::parse`] complains
/// about.
pub fn load(
    config: Option<&Path>,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<Loaded, Vec<Complaint>> {
    let sources = read_sources(config, environment).map_err(|complaint| vec![complaint])?;
    let mcp_servers = overrides.mcp_servers.as_deref();
    let mcp_servers = mcp_servers.map(|path| {
        let mut room = CONFIG_BYTES_MAX;
        read_opened(path, File::open(path), &mut room)
    });
    let mcp_servers = mcp_servers.transpose().map_err(|one| vec![one])?;
    let around = Around {
        mcp_servers: mcp_servers.as_ref(),
        read_secret: &read_secret,
        read_variable: &|name| env::var_os(name),
    };
    let (settings, notes) = parse_with(&sources, environment, overrides, &around)?;
    let names = sources.into_iter().chain(mcp_servers);
    Ok(Loaded {
        settings,
        sources: names.map(|source| source.name).collect(),
        notes,
    })
}

fn read_sources(
    config: Option<&Path>,
    environment: &Environment,
) -> Result<Vec<Source>, Complaint> {
    if config == Some(Path::new("-")) {
        let mut room = CONFIG_BYTES_MAX;
        return Ok(vec![read(
            "stdin".to_string(),
            io::stdin().lock(),
            &mut room,
        )?]);
    }
    let named = environment.slimcp_config.as_ref().map(Path::new);
    match config.or(named) {
        Some(path) => read_with_drop_ins(path, File::open(path)),
        None => read_first(&candidates(environment)),
    }
}

/// The first of `paths` that exists. One that exists and cannot be opened is no reason to go on to
/// a file that says something else.
fn read_first(paths: &[PathBuf]) -> Result<Vec<Source>, Complaint> {
    for path in paths {
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A home that is no folder holds no file either.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            opened => return read_with_drop_ins(path, opened),
        }
    }
    Ok(Vec::new())
}

fn read_with_drop_ins(path: &Path, opened: io::Result<File>) -> Result<Vec<Source>, Complaint> {
    let mut room = CONFIG_BYTES_MAX;
    let mut sources = vec![read_opened(path, opened, &mut room)?];
    for drop_in in drop_ins(path)? {
        sources.push(read_opened(&drop_in, File::open(&drop_in), &mut room)?);
    }
    Ok(sources)
}

/// The files `conf.d/*.toml` beside `path`, by name; hidden ones are an editor's.
fn drop_ins(path: &Path) -> Result<Vec<PathBuf>, Complaint> {
    let folder = path.with_file_name("conf.d");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(&folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
        let hidden = path
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes()[0] == b'.');
        if !hidden && path.extension() == Some(OsStr::new("toml")) {
            paths.push(path);
        }
        if paths.len() > DROP_INS_MAX {
            let problem = format!("expected at most {DROP_INS_MAX} files *.toml");
            return Err(complaint(folder.display().to_string(), problem));
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_opened(
    path: &Path,
    opened: io::Result<File>,
    room: &mut usize,
) -> Result<Source, Complaint> {
    let file = opened.map_err(|error| unreadable(path, &error))?;
    read(path.display().to_string(), file, room)
}

/// Reads at most `room` bytes and takes them from it.
fn read(name: String, from: impl Read, room: &mut usize) -> Result<Source, Complaint> {
    let mut bytes = Vec::new();
    let mut capped = from.take(*room as u64 + 1);
    if let Err(error) = capped.read_to_end(&mut bytes) {
        return Err(unreadable(Path::new(&name), &error));
    }
    let Some(left) = room.checked_sub(bytes.len()) else {
        let problem = format!("expected at most {CONFIG_BYTES_MAX} bytes in all files together");
        return Err(complaint(name, problem));
    };
    *room = left;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            let problem = format!("expected UTF-8, found other bytes in line {line}");
            Err(complaint(name, problem))
        }
    }
}

/// The key in the file at `path`. It must be a regular file: a pipe could keep a reload waiting.
fn read_secret(path: &Path) -> Result<Option<Secret>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("expected a regular file".to_string());
    }
    let mut bytes = Vec::new();
    let mut capped = File::open(path)
        .map_err(unreadable)?
        .take(SECRET_BYTES_MAX as u64 + 1);
    capped.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > SECRET_BYTES_MAX {
        return Err(format!("expected at most {SECRET_BYTES_MAX} bytes"));
    }
    Secret::parse(&bytes).map(Some)
}

/// A warning where others on this machine can read the key of `jwt.secret_file`, and so make
/// themselves any JWT. It is no complaint: containers are given their secrets like that.
pub(super) fn exposed_key(settings: &Settings) -> Option<String> {
    let path = settings.jwt.secret_file.as_ref()?;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let is_exposed = mode & OTHERS_READ != 0;
    is_exposed
        .then(|| format!("jwt.secret_file: {path}: every user here can read it: chmod o-r {path}"))
}

/// Warnings where the program of a server is not there now. It is no complaint: it may come later.
pub(super) fn missing_programs(settings: &Settings) -> Vec<String> {
    let servers = settings.upstreams.iter();
    let missing = servers.filter_map(|spec| Some((&spec.name, look_up(&spec.line).err()?)));
    let warnings = missing.map(|(name, problem)| format!("server {name}: {problem}"));
    warnings.collect()
}

/// Warnings where a resource cannot be read now. It is no complaint: a file may come later.
pub(super) fn missing_resources(settings: &Settings) -> Vec<String> {
    let warn = |resource: &ResourceSettings| {
        let (path, expected, is_right): (_, _, fn(&fs::Metadata) -> bool) = match &resource.source {
            ResourceSource::File(path) => (path.as_str(), "a regular file", fs::Metadata::is_file),
            ResourceSource::Folder(folder) => (folder.root(), "a folder", fs::Metadata::is_dir),
            ResourceSource::Command { .. } => return None,
        };
        let problem = match fs::metadata(path) {
            Ok(found) if is_right(&found) => return None,
            Ok(_) => format!("expected {expected}"),
            Err(error) => format!("cannot be read: {error}"),
        };
        Some(format!("resource {}: {path}: {problem}", resource.uri))
    };
    settings.resources.iter().filter_map(warn).collect()
}

fn unreadable(path: &Path, error: &io::Error) -> Complaint {
    complaint(
        path.display().to_string(),
        format!("cannot be read: {error}"),
    )
}

fn complaint(name: String, problem: String) -> Complaint {
    Complaint {
        place: Place::File {
            name: name.into(),
            line: 0,
        },
        key: String::new(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: &[&str]) {
        let environment = Environment::read(|name| {
            let pair = variables.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| value.into())
        });
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(candidates(&environment), expected, "{variables:?}");
    }

    #[test]
    fn the_user_comes_before_the_machine() {
        let (here, machine) = ("slimcp.toml", "/etc/slimcp/slimcp.toml");
        check(&[], &[here, machine]);
        let home = ("HOME", "/home/u");
        check(
            &[home],
            &[here, "/home/u/.config/slimcp/slimcp.toml", machine],
        );
        let xdg = [home, ("XDG_CONFIG_HOME", "/x")];
        check(&xdg, &[here, "/x/slimcp/slimcp.toml", machine]);
        check(
            &[home, ("XDG_CONFIG_HOME", "")],
            &[here, "/home/u/.config/slimcp/slimcp.toml", machine],
        );
        check(&[home, ("XDG_CONFIG_HOME", "relative")], &[here, machine]);
    }

    #[test]
    fn reading_stops_at_the_cap() {
        let mut room = 4;
        let source = read("a".into(), &b"abc"[..], &mut room).expect("three of four");
        assert_eq!((source.text.as_str(), room), ("abc", 1));
        read("b".into(), &b"d"[..], &mut room).expect("the fourth");
        let refused = read("c".into(), io::repeat(b'x'), &mut room).unwrap_err();
        assert!(
            refused.to_string().starts_with("c: expected at most"),
            "{refused}"
        );
    }

    #[test]
    fn other_bytes_than_utf8_are_told_with_their_line() {
        let refused = read("a".into(), &b"x = 1\n\xff"[..], &mut 100).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a: expected UTF-8, found other bytes in line 2"
        );
    }
}
