//! The one table of settings.
//!
//! A row says what a key is called, what it takes, what holds without it, what it is for and why
//! its bounds are where they are. Reading a file, `--set`, `slimcp check`, the defaults and the
//! reference all go through these rows, so none of them can know another set of keys.

use super::kind::Kind;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One setting.
pub(super) struct Setting {
    /// Dotted, as in `--set`.
    pub key: &'static str,
    /// What it takes and where the value goes.
    pub kind: Kind,
    /// As TOML; empty when nothing holds without it.
    pub default: &'static str,
}

/// What people read about one setting.
pub(super) struct Doc {
    /// One sentence for the operator.
    pub doc: &'static str,
    /// Why the bounds are where they are; empty when they explain themselves.
    pub bounds: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The time one call may take, for `timeouts.call` and a tool's own `timeout`.
pub(super) const CALL_TIMEOUTS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(24 * 3600);

/// Calls at once, for `limits.calls` and a tool's own `concurrency`.
pub(super) const CALLS: RangeInclusive<u32> = 1..=10_000;

/// Bytes of one output, for `limits.output` and a tool's own `output_limit`.
pub(super) const OUTPUTS: RangeInclusive<usize> = KIB..=64 * MIB;

/// Makes two tables of one, in the same order: the sentences are in no program that does not print
/// them.
macro_rules! settings {
    ($($(#[$when:meta])? Setting {
        key: $key:literal,
        kind: $kind:expr,
        default: $default:literal,
        doc: $doc:literal,
        bounds: $bounds:literal,
    },)*) => {
        /// Every setting, in the order in which it is printed: sections stay together.
        pub(super) static SETTINGS: [Setting; DOCS.len()] = [$($(#[$when])? Setting {
            key: $key,
            kind: $kind,
            default: $default,
        },)*];

        /// What there is to say about each of them.
        pub(super) const DOCS: &[Doc] = &[$($(#[$when])? Doc {
            doc: $doc,
            bounds: $bounds,
        },)*];
    };
}

settings! {
    Setting {
        key: "listen",
        kind: Kind::Listeners,
        default: r#"["127.0.0.1:8000"]"#,
        doc: "Where clients come in: \"127.0.0.1:8000\", \"[::]:8000\", \"localhost:8000\" (both \
              loopback addresses), \"8000\" (127.0.0.1), \"unix:/path\" or \"systemd\".",
        bounds: "At most 16; an address other than loopback needs tokens or auth = \"none\".",
    },
    Setting {
        key: "auth",
        kind: Kind::Auth,
        default: "",
        doc: "\"none\" lets in whoever shows nothing, also from the network.",
        bounds: "",
    },
    Setting {
        key: "anonymous",
        kind: Kind::Role(|settings| &mut settings.anonymous),
        default: "",
        doc: "The role of whoever shows nothing, where that is not refused; without tokens, \
              master.",
        bounds: "Beside tokens, addresses or a JWT secret it needs auth = \"none\", and that needs \
                 it.",
    },
    Setting {
        key: "proxies",
        kind: Kind::Proxies,
        default: "[]",
        doc: "Proxies in front of this server, whose X-Forwarded-For is believed.",
        bounds: "At most 64; whoever else could claim any address.",
    },
    Setting {
        key: "name",
        kind: Kind::Text(64, |settings| &mut settings.name),
        default: r#""slimcp""#,
        doc: "The server's name in the protocol.",
        bounds: "Clients use it as a prefix of tool names, which are short themselves.",
    },
    Setting {
        key: "title",
        kind: Kind::Optional(256, |settings| &mut settings.title),
        default: "",
        doc: "The server's name for people.",
        bounds: "It has to fit into one line of a client's list.",
    },
    Setting {
        key: "instructions",
        kind: Kind::Optional(16 * KIB, |settings| &mut settings.instructions),
        default: "",
        doc: "What a model reads about this server before it uses a tool.",
        bounds: "It is sent with every initialize and fills the model's context.",
    },
    Setting {
        key: "hosts",
        kind: Kind::Hosts,
        default: "[]",
        doc: "Names accepted in the Host header beside the listeners' own addresses.",
        bounds: "At most 64, without ports; each request is compared with all of them.",
    },
    Setting {
        key: "origins",
        kind: Kind::Origins,
        default: "[]",
        doc: "Origins of the web pages that may use this server, such as \
              \"http://garage-pi.local:8000\".",
        bounds: "At most 64; \"*\" is any, which is refused where a browser could get in without \
                 showing a token.",
    },
    Setting {
        key: "console",
        kind: Kind::Flag(|settings| &mut settings.console),
        default: "true",
        doc: "Whether browsers are shown the console at /.",
        bounds: "",
    },
    Setting {
        key: "builtins",
        kind: Kind::Builtins,
        default: r#"["echo", "system-info"]"#,
        doc: "Tools of the program itself that are offered.",
        bounds: "task-status is added where a tool runs in the background.",
    },
    Setting {
        key: "state",
        kind: Kind::File(|settings| &mut settings.state),
        default: "",
        doc: "The folder where what servers offer is kept for the next start, one file for each; \
              without it nothing is written.",
        bounds: "",
    },
    Setting {
        key: "limits.memory",
        kind: Kind::Size(MIB..=3 << 30, |settings| {
            &mut settings.limits.memory_bytes_max
        }),
        default: r#""8MiB""#,
        doc: "The ceiling: tables for the capacities below, and the rest is one shared budget for \
              bodies, replay and outputs.",
        bounds: "More than 3GiB cannot be addressed by the 32-bit builds.",
    },
    Setting {
        key: "limits.connections",
        kind: Kind::Count(1..=1_000_000, |settings| {
            &mut settings.limits.connections_max
        }),
        default: "1024",
        doc: "Open connections, streams included.",
        bounds: "Each takes 2.25 KiB of the ceiling, which a million all but fills.",
    },
    Setting {
        key: "limits.sessions",
        kind: Kind::Count(1..=1_000_000, |settings| &mut settings.limits.sessions_max),
        default: "1000",
        doc: "Sessions of all transports together.",
        bounds: "Each takes 304 bytes of the ceiling, used or not.",
    },
    Setting {
        key: "limits.calls",
        kind: Kind::Count(CALLS, |settings| &mut settings.limits.calls_max),
        default: "32",
        doc: "Tool calls in flight.",
        bounds: "Each may be a process with three pipes, and 12 KiB of the ceiling.",
    },
    Setting {
        key: "limits.tasks",
        kind: Kind::Count(CALLS, |settings| &mut settings.limits.tasks_max),
        default: "64",
        doc: "Tasks: calls in the background, and those that are over and kept.",
        bounds: "Each takes 768 bytes of the ceiling; its result comes out of the shared budget.",
    },
    Setting {
        key: "limits.children",
        kind: Kind::Count(CALLS, |settings| &mut settings.limits.children_max),
        default: "16",
        doc: "Processes of [[server]] that run at once.",
        bounds: "Each takes 16 KiB of the ceiling, and what it takes itself beside that.",
    },
    Setting {
        key: "limits.body",
        kind: Kind::Size(KIB..=64 * MIB, |settings| {
            &mut settings.limits.body_bytes_max
        }),
        default: r#""1MiB""#,
        doc: "One request body.",
        bounds: "An initialize of a common client has half a KiB; the budget must hold one body.",
    },
    Setting {
        key: "limits.replay",
        kind: Kind::Size(KIB..=16 * MIB, |settings| {
            &mut settings.limits.replay_bytes_max
        }),
        default: r#""64KiB""#,
        doc: "Most that one stream keeps for Last-Event-ID, out of the shared budget.",
        bounds: "Less than 1KiB holds no answer; the budget must hold one full replay.",
    },
    Setting {
        key: "limits.output",
        kind: Kind::Size(OUTPUTS, |settings| &mut settings.limits.output_bytes_max),
        default: r#""256KiB""#,
        doc: "One tool's output.",
        bounds: "Less than 1KiB cuts error messages; the budget must hold one output.",
    },
    Setting {
        key: "limits.rate",
        kind: Kind::Rate(|settings| &mut settings.access.rate),
        default: "",
        doc: "Requests that one address may send over time.",
        bounds: "Roles have rates of their own, which count by who asks.",
    },
    Setting {
        key: "timeouts.heartbeat",
        kind: Kind::Duration(SECOND..=TEN_MINUTES, |settings| {
            &mut settings.timeouts.heartbeat
        }),
        default: r#""25s""#,
        doc: "Interval of heartbeats on every open stream.",
        bounds: "Proxies cut quiet streams after 30 to 300 seconds; below a second it is a flood.",
    },
    Setting {
        key: "timeouts.idle",
        kind: Kind::Duration(SECOND..=Duration::from_secs(30 * 86_400), |settings| {
            &mut settings.timeouts.idle
        }),
        default: r#""1h""#,
        doc: "A session without stream and request for this long ends.",
        bounds: "Beyond a month no client comes back with its session.",
    },
    Setting {
        key: "timeouts.dead",
        kind: Kind::Duration(Duration::from_secs(2)..=HOUR, |settings| {
            &mut settings.timeouts.dead
        }),
        default: r#""60s""#,
        doc: "A peer that acknowledges nothing for this long is gone.",
        bounds: "Longer than timeouts.heartbeat, or a silent peer has had nothing to acknowledge.",
    },
    Setting {
        key: "timeouts.head",
        kind: Kind::Duration(SECOND..=TEN_MINUTES, |settings| &mut settings.timeouts.head),
        default: r#""10s""#,
        doc: "A request head must be complete within this time.",
        bounds: "Below a second slow radio links fail; minutes let slow peers fill the table.",
    },
    Setting {
        key: "timeouts.body",
        kind: Kind::Duration(SECOND..=HOUR, |settings| &mut settings.timeouts.body),
        default: r#""30s""#,
        doc: "A request body must be complete within this time after its head.",
        bounds: "The largest body over the slowest link that anyone would wait for.",
    },
    Setting {
        key: "timeouts.call",
        kind: Kind::Duration(CALL_TIMEOUTS, |settings| &mut settings.timeouts.call),
        default: r#""60s""#,
        doc: "One tool call, unless the tool has a timeout of its own.",
        bounds: "A process needs some milliseconds to start; a day is for backups.",
    },
    Setting {
        key: "timeouts.task",
        kind: Kind::Duration(SECOND..=Duration::from_secs(7 * 86_400), |settings| {
            &mut settings.timeouts.task
        }),
        default: r#""1h""#,
        doc: "A call in the background, unless the tool has a timeout of its own; its result is \
              kept for as long.",
        bounds: "Within a second hardly anybody asks for a result; nobody does after a week.",
    },
    Setting {
        key: "timeouts.drain",
        kind: Kind::Duration(Duration::ZERO..=TEN_MINUTES, |settings| {
            &mut settings.timeouts.drain
        }),
        default: r#""10s""#,
        doc: "Calls in flight may finish for this long after the order to stop.",
        bounds: "systemd kills after 90 seconds unless its TimeoutStopSec says otherwise.",
    },
    Setting {
        key: "jwt.secret_file",
        kind: Kind::File(|settings| &mut settings.jwt.secret_file),
        default: "",
        doc: "The file that holds the key of the JWTs that are let in (HS256); the rest of this \
              section is about them.",
        bounds: "At least 32 bytes, as many as the signature has; never written here.",
    },
    Setting {
        key: "jwt.issuer",
        kind: Kind::Optional(256, |settings| &mut settings.jwt.issuer),
        default: "",
        doc: "What the claim iss must be.",
        bounds: "",
    },
    Setting {
        key: "jwt.audience",
        kind: Kind::Optional(256, |settings| &mut settings.jwt.audience),
        default: "",
        doc: "What the claim aud must be or hold.",
        bounds: "",
    },
    Setting {
        key: "jwt.skew",
        kind: Kind::Duration(Duration::ZERO..=HOUR, |settings| &mut settings.jwt.skew),
        default: r#""60s""#,
        doc: "How far the clock of the issuer may be from ours.",
        bounds: "Small machines without a clock chip need some; for so long an expired token lives \
                 on.",
    },
    Setting {
        key: "jwt.role_claim",
        kind: Kind::Text(64, |settings| &mut settings.jwt.role_claim),
        default: r#""role""#,
        doc: "The claim that names the role.",
        bounds: "",
    },
    Setting {
        key: "jwt.role",
        kind: Kind::Role(|settings| &mut settings.jwt.role),
        default: "",
        doc: "The role where that claim is absent; without it such a JWT is refused.",
        bounds: "",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.sources",
        kind: Kind::Folders(|settings| &mut settings.insight.sources),
        default: "",
        doc: "Folders of code, which vector-search finds definitions in; knowledge-search, what \
              documents lie between.",
        bounds: "At most 16 in each of these lists; what is in them can be read by whoever may \
                 call the tools.",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.notes",
        kind: Kind::Folders(|settings| &mut settings.insight.notes),
        default: "",
        doc: "Folders of Markdown and plain text, which knowledge-search finds sections in.",
        bounds: "",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.decisions",
        kind: Kind::Folders(|settings| &mut settings.insight.decisions),
        default: "",
        doc: "Folders of architecture decision records, for adr-list; without it docs/adr, \
              doc/adr, docs/decisions and adr of each source.",
        bounds: "",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.include",
        kind: Kind::Globs(|settings| &mut settings.insight.include),
        default: "[]",
        doc: "Which files are read, by their paths below the folder, such as \"**/*.md\"; all \
              that are text if empty.",
        bounds: "A name with a dot in front is meant only where the pattern has that dot.",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.exclude",
        kind: Kind::Globs(|settings| &mut settings.insight.exclude),
        default: r#"["target", "node_modules", "__pycache__"]"#,
        doc: "Which are not, and which folders are not entered: by a path, or by a name wherever \
              it is.",
        bounds: "",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.state",
        kind: Kind::File(|settings| &mut settings.insight.state),
        default: "",
        doc: "The folder where the index is kept; without it insight in state, in \
              $STATE_DIRECTORY, or below the home of the user.",
        bounds: "It takes about as many bytes as the texts that it is of.",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.file_max",
        kind: Kind::Size(KIB..=16 * MIB, |settings| &mut settings.insight.file_bytes_max),
        default: r#""1MiB""#,
        doc: "The largest file that is read.",
        bounds: "While it is read it takes four times as much memory; larger ones were written \
                 by machines.",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.files_max",
        kind: Kind::Count(1..=1_000_000, |settings| &mut settings.insight.files_max),
        default: "20000",
        doc: "Files that are read of all folders together.",
        bounds: "What is beyond is not found, which check, log and task-status tell.",
    },
    #[cfg(feature = "insight")]
    Setting {
        key: "insight.rescan",
        kind: Kind::Duration(Duration::from_secs(10)..=Duration::from_secs(7 * 86_400), |settings| {
            &mut settings.insight.rescan
        }),
        default: r#""10m""#,
        doc: "How often all folders are looked through for changes that the kernel has not told \
              of.",
        bounds: "Each time every file is asked for its time, which keeps a disk from sleeping.",
    },
    Setting {
        key: "compat.messages_no_content",
        kind: Kind::Flag(|settings| &mut settings.compat.messages_no_content),
        default: "false",
        doc: "POST /messages is answered 204 instead of 202.",
        bounds: "Some SDKs take a 204 for a failure.",
    },
    Setting {
        key: "compat.sse_plain",
        kind: Kind::Flag(|settings| &mut settings.compat.sse_plain),
        default: "false",
        doc: "GET /sse opens with unnamed events only.",
        bounds: "MCP clients find no endpoint there then.",
    },
    Setting {
        key: "compat.get_mcp_health",
        kind: Kind::Flag(|settings| &mut settings.compat.get_mcp_health),
        default: "false",
        doc: "GET /mcp that does not accept text/event-stream tells the health.",
        bounds: "Home Assistant and others look for the 405 that it replaces.",
    },
    Setting {
        key: "log.format",
        kind: Kind::Format,
        default: r#""text""#,
        doc: "How an event is written: a line for people, or one JSON object in a line.",
        bounds: "",
    },
    Setting {
        key: "log.level",
        kind: Kind::Level,
        default: r#""info""#,
        doc: "The least important level that is written to stderr.",
        bounds: "Release builds hold no trace messages: there trace writes what debug writes.",
    },
}
