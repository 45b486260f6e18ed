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
#[cfg(feature = "insight")]
use crate::tool::glob::Glob;
use crate::upstream::spec::UpstreamSpec;
use std::net::SocketAddr;
use std::time::Duration;

pub use crate::edge::listen::{Listen, SOCKET_PATH_BYTES_MAX};
pub use crate::wire::compat::Compat;

/// Listeners at most. Each is one descriptor and one task; more than a few is a mistake.
pub const LISTENERS_MAX: usize = 16;

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
    /// The absolute path of the folder where what servers offer is kept.
    pub state: Option<String>,
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
    /// Servers behind this one; names differ from each other.
    pub upstreams: Vec<UpstreamSpec>,
    /// Folders that are to be known.
    #[cfg(feature = "insight")]
    pub insight: InsightSettings,
    /// What is logged, and how.
    pub log: Log,
    /// What older front-ends expect.
    pub compat: Compat,
}

/// `[insight]` as it is written. Nothing is known where no folder is named.
#[cfg(feature = "insight")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InsightSettings {
    /// Absolute paths of folders of code.
    pub sources: Option<Vec<String>>,
    /// The same of documents.
    pub notes: Option<Vec<String>>,
    /// The same of decisions; where it is not said, those that each source has.
    pub decisions: Option<Vec<String>>,
    /// Which files are read; all that are text if empty.
    pub include: Vec<Glob>,
    /// Which are not.
    pub exclude: Vec<Glob>,
    /// The absolute path of the folder of the index; there is one wherever a folder is named.
    pub state: Option<String>,
    /// Bytes of the largest file that is read.
    pub file_bytes_max: usize,
    /// Files that are read at most.
    pub files_max: u32,
    /// How often all folders are looked through.
    pub rescan: Duration,
}

#[cfg(feature = "insight")]
impl InsightSettings {
    /// Whether any folder is named.
    pub fn is_wanted(&self) -> bool {
        let lists = [&self.sources, &self.notes, &self.decisions];
        lists
            .into_iter()
            .flatten()
            .any(|folders| !folders.is_empty())
    }
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

    /// The tools that ask what is known.
    pub fn asking_tools(&self) -> &'static [&'static str] {
        #[cfg(feature = "insight")]
        if self.insight.is_wanted() {
            return &crate::insight::tool::NAMES;
        }
        &[]
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
