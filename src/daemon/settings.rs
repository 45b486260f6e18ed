//! What the operator has decided, as a value.
//!
//! A [`Settings`] that came out of [`super::config::parse`] is sound: every number is within its
//! range, the tables fit into the memory, no door stands open unasked. Nothing here reads a file or
//! opens a socket.

use crate::auth::Access;
use crate::limits::{Limits, Memory, Timeouts};
use crate::tool::builtin::TASK_STATUS;
use crate::tool::catalogue::Role;
use crate::tool::command::CommandSpec;
use crate::tool::file::Folder;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::wire::compat::Compat;

/// Listeners at most. Each is one descriptor and one task; more than a few is a mistake.
pub const LISTENERS_MAX: usize = 16;

/// Bytes of a Unix socket's path: `sun_path` of Linux less its closing NUL (unix(7)).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where clients come in; never empty.
    pub listen: Vec<Listen>,
    /// `serverInfo.name` and the name in the log.
    pub name: String,
    /// `serverInfo.title`: the name for people.
    pub title: Option<String>,
    /// `instructions` of `initialize` and `server/discover`: what a model reads first.
    pub instructions: Option<String>,
    /// Names accepted in `Host` beside the listeners' own addresses; lower case, without a port.
    pub hosts: Vec<String>,
    /// Origins accepted in `Origin`; lower case, without a slash at the end. `*` is any of them.
    pub origins: Vec<String>,
    /// `auth = "none"`: whoever shows nothing is let in all the same.
    pub auth_none: bool,
    /// `anonymous` as it is written; what it comes to is in `access`.
    pub anonymous: Option<String>,
    /// `[jwt]` as it is written; what it comes to is in `access`.
    pub jwt: JwtSettings,
    /// Who may do what.
    pub access: Access,
    /// Whether browsers are shown the console.
    pub console: bool,
    /// Tools that are part of the program, each at most once.
    pub builtins: Vec<Builtin>,
    /// Room, fixed at start.
    pub limits: Limits,
    /// When something is given up or repeated.
    pub timeouts: Timeouts,
    /// Command tools; names differ from each other and from those of `builtins`.
    pub tools: Vec<CommandSpec>,
    /// What clients read; URIs differ from each other.
    pub resources: Vec<ResourceSettings>,
    /// What clients offer to people; names differ from each other.
    pub prompts: Vec<PromptSettings>,
    /// What is logged, and how.
    pub log: Log,
    /// What older front-ends expect.
    pub compat: Compat,
}

/// `[jwt]` as it is written. Without a secret file no JWT is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwtSettings {
    /// The absolute path of the file that holds the key.
    pub secret_file: Option<String>,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must be or hold.
    pub audience: Option<String>,
    /// How far the issuer's clock may be from ours.
    pub skew: Duration,
    /// The claim that names the role.
    pub role_claim: String,
    /// The name of the role where that claim is absent.
    pub role: Option<String>,
}

/// `[[resource]]`: a resource, or those of a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceSettings {
    /// Its URI; for a folder what the URIs of all its files begin with.
    pub uri: String,
    /// Its name; empty for a folder, whose files have their own.
    pub name: String,
    /// What a model reads.
    pub description: Option<String>,
    /// What it holds; by the extension of the file where it is not said.
    pub mime_type: Option<String>,
    /// Where its contents come from.
    pub source: ResourceSource,
    /// How often it is looked at while somebody subscribes to it; `None` is never.
    pub watch: Option<Duration>,
}

/// Where the contents of a resource come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceSource {
    /// A file, by its absolute path.
    File(String),
    /// Files of a folder.
    Folder(Folder),
    /// The output of a command that is run for each read.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// Instead of `timeouts.call`.
        timeout: Option<Duration>,
    },
}

/// `[[prompt]]`: a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptSettings {
    /// What it is called.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What people read when they choose.
    pub description: Option<String>,
    /// Who says what, in order; `{name}` is replaced by that argument.
    pub messages: Vec<(Role, String)>,
    /// What is filled in.
    pub arguments: Vec<PromptArgumentSettings>,
}

/// One argument of a prompt (`[prompt.arguments]`).
#[derive(Clone, Debug, PartialEq)]
pub struct PromptArgumentSettings {
    /// Its name, also between braces.
    pub name: String,
    /// What people read.
    pub description: Option<String>,
    /// The prompt makes no sense without it.
    pub required: bool,
    /// What is offered for completion.
    pub values: Vec<String>,
}

/// What is logged (`[log]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// How an event is written.
    pub format: Format,
    /// The least important level that is still written.
    pub level: log::Level,
}

/// How an event of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for people.
    Text,
    /// A line that is one JSON object.
    Json,
}

/// A tool that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Gives back the text it is called with.
    Echo,
    /// Tells about the machine.
    SystemInfo,
    /// Tells how the caller's tasks are.
    TaskStatus,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Builtin; 3] = [Builtin::Echo, Builtin::SystemInfo, Builtin::TaskStatus];

    /// Its name, in the configuration as in `tools/list`.
    pub fn name(self) -> &'static str {
        match self {
            Builtin::Echo => "echo",
            Builtin::SystemInfo => "system-info",
            Builtin::TaskStatus => TASK_STATUS,
        }
    }
}

/// One place where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A TCP address; port 0 lets the system choose one.
    Tcp(SocketAddr),
    /// A Unix socket at an absolute path. Who may connect is decided by the directory's and the
    /// file's permissions, so it needs no token to be closed to strangers.
    Unix(PathBuf),
    /// The sockets that systemd hands over (`LISTEN_FDS`). Their addresses are known at run time
    /// only: the edge asks [`Settings::admit`] for each.
    Systemd,
}

impl Listen {
    /// Reads one item of `listen`: `127.0.0.1:8000`, `[::]:8000`, `localhost:8000`, `8000`,
    /// `unix:/path` or `systemd`.
    ///
    /// `8000` alone is 127.0.0.1, the narrowest meaning, and what the variable `PORT` means too.
    /// `localhost` is both loopback addresses, since clients try either first; no name is ever
    /// looked up, or the meaning of a file would hang on a name server. The error says what was
    /// expected.
    pub fn parse(text: &str) -> Result<Vec<Listen>, String> {
        if text == "systemd" {
            return Ok(vec![Listen::Systemd]);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return parse_socket_path(path).map(|path| vec![Listen::Unix(path)]);
        }
        if let Some(port) = parse_port(text) {
            return Ok(vec![loopback(Ipv4Addr::LOCALHOST, port)]);
        }
        if let Some(port) = text.strip_prefix("localhost:").and_then(parse_port) {
            let both = [
                loopback(Ipv4Addr::LOCALHOST, port),
                loopback(Ipv6Addr::LOCALHOST, port),
            ];
            return Ok(both.to_vec());
        }
        match text.parse() {
            Ok(address) => Ok(vec![Listen::Tcp(address)]),
            Err(_) => Err(explain_address(text)),
        }
    }

    /// Whether the edge may go on when this address does not exist on the machine: `::1` beside
    /// 127.0.0.1 on the same port, since `localhost` names both and many routers have no IPv6.
    pub fn may_be_missing(&self, all: &[Listen]) -> bool {
        match self {
            Listen::Tcp(address) if address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) => {
                all.contains(&loopback(Ipv4Addr::LOCALHOST, address.port()))
            }
            Listen::Tcp(_) | Listen::Unix(_) | Listen::Systemd => false,
        }
    }
}

impl fmt::Display for Listen {
    /// As [`Listen::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => write!(f, "{address}"),
            Listen::Unix(path) => write!(f, "unix:{}", path.display()),
            Listen::Systemd => f.write_str("systemd"),
        }
    }
}

fn loopback(address: impl Into<IpAddr>, port: u16) -> Listen {
    Listen::Tcp(SocketAddr::new(address.into(), port))
}

/// Digits only: `u16::from_str` would take `+80`.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn parse_socket_path(path: &str) -> Result<PathBuf, String> {
    if !Path::new(path).is_absolute() {
        return Err("an absolute path after unix:".to_string());
    }
    if path.len() > SOCKET_PATH_BYTES_MAX || path.contains(char::is_control) {
        return Err(format!(
            "a path of at most {SOCKET_PATH_BYTES_MAX} bytes without control characters after unix:"
        ));
    }
    Ok(PathBuf::from(path))
}

/// What to write instead of an address that is none.
fn explain_address(text: &str) -> String {
    match text.rsplit_once(':') {
        Some(("" | "*", port)) if parse_port(port).is_some() => format!(
            "an address before the port: \"127.0.0.1:{port}\" for this machine or \"[::]:{port}\" \
             for the network"
        ),
        Some((host, port)) if parse_port(port).is_some() && !host.contains([':', '/', '[']) => {
            format!(
                "an address instead of a name, such as \"127.0.0.1:{port}\" (names are not \
                     looked up)"
            )
        }
        Some(_) | None => "an address with a port such as \"127.0.0.1:8000\" or \"[::]:8000\", a \
                           port such as \"8000\", \"unix:/path\" or \"systemd\""
            .to_string(),
    }
}

impl Default for Settings {
    /// What holds where nothing is set, as the table of settings says.
    fn default() -> Settings {
        super::config::defaults()
    }
}

impl Settings {
    /// Whether a TCP listener at `address` is allowed. The network gets in only where strangers are
    /// refused, or when that is asked for in so many words; the error says in which.
    pub fn admit(&self, address: SocketAddr) -> Result<(), String> {
        let is_guarded = self.auth_none || self.access.anonymous.is_none();
        // An IPv4 address in IPv6 clothes is loopback when the IPv4 address is.
        if is_guarded || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "{address} is open to the network and nobody has to show a token; add the lines that \
             slimcp token new prints to ask for one, or listen on 127.0.0.1:{} instead, or add \
             this line at the top of the configuration to serve everyone: auth = \"none\"",
            address.port()
        ))
    }

    /// Where the memory goes.
    ///
    /// # Panics
    ///
    /// When the limits were put together by hand and do not fit; loaded ones do.
    pub fn memory(&self) -> Memory {
        Memory::of(&self.limits).expect("the loader refuses limits that do not fit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let listeners = Listen::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown: Vec<String> = listeners.iter().map(Listen::to_string).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn listeners_are_read_and_shown() {
        check("127.0.0.1:8000", &["127.0.0.1:8000"]);
        check("0.0.0.0:80", &["0.0.0.0:80"]);
        check("[::]:8000", &["[::]:8000"]);
        check("[fe80::1%2]:8000", &["[fe80::1%2]:8000"]);
        check("8000", &["127.0.0.1:8000"]);
        check("0", &["127.0.0.1:0"]);
        check("65535", &["127.0.0.1:65535"]);
        check("localhost:8000", &["127.0.0.1:8000", "[::1]:8000"]);
        check("unix:/run/slimcp.sock", &["unix:/run/slimcp.sock"]);
        check("systemd", &["systemd"]);
        let longest = format!("unix:/{}", "a".repeat(SOCKET_PATH_BYTES_MAX - 1));
        check(&longest, &[&longest]);
    }

    #[test]
    fn what_is_no_listener_is_explained() {
        let too_long = format!("unix:/{}", "a".repeat(SOCKET_PATH_BYTES_MAX));
        let table = [
            (
                "garage-pi:8000",
                "instead of a name, such as \"127.0.0.1:8000\"",
            ),
            ("localhost", "an address with a port"),
            ("127.0.0.1", "an address with a port"),
            (":8000", "\"127.0.0.1:8000\" for this machine"),
            ("*:8000", "\"[::]:8000\" for the network"),
            ("::1:8000", "an address with a port"),
            ("65536", "an address with a port"),
            ("+80", "an address with a port"),
            ("localhost:+80", "an address with a port"),
            ("", "an address with a port"),
            ("http://127.0.0.1:8000", "an address with a port"),
            ("Systemd", "an address with a port"),
            ("unix:slimcp.sock", "an absolute path"),
            ("unix:", "an absolute path"),
            ("unix:/a\nb", "without control characters"),
            (&too_long, "at most 107 bytes"),
        ];
        for (text, part) in table {
            let error = Listen::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_second_loopback_address_may_be_missing() {
        let both = Listen::parse("localhost:8000").unwrap();
        assert!(both[1].may_be_missing(&both));
        assert!(!both[0].may_be_missing(&both));
        assert!(!both[1].may_be_missing(&both[1..]));
        let other_port = Listen::parse("8001").unwrap();
        assert!(!both[1].may_be_missing(&other_port));
    }

    #[test]
    fn the_network_gets_in_only_when_asked() {
        let mut settings = Settings::default();
        let table = [
            ("127.0.0.1:80", true),
            ("127.9.9.9:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.168.1.2:80", false),
            ("[::ffff:192.168.1.2]:80", false),
        ];
        for (text, admitted) in table {
            let address = text.parse().unwrap();
            assert_eq!(settings.admit(address).is_ok(), admitted, "{text}");
        }
        let error = settings.admit("0.0.0.0:80".parse().unwrap()).unwrap_err();
        assert!(error.ends_with("auth = \"none\""), "{error}");
        assert!(error.contains("slimcp token new"), "{error}");
        settings.auth_none = true;
        assert!(settings.admit("0.0.0.0:80".parse().unwrap()).is_ok());
        settings.auth_none = false;
        settings.access.anonymous = None;
        assert!(settings.admit("0.0.0.0:80".parse().unwrap()).is_ok());
    }
}
