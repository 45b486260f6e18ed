//! Which words and options there are: two tables, and the help that is made of them.

use std::fmt::Write;

/// A word that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subcommand {
    /// Host the tools.
    Serve,
    /// Look at the configuration.
    Check,
    /// Draw a token.
    Token,
    /// Say what to paste into a client.
    ClientConfig,
    /// Send an event.
    Notify,
}

/// One subcommand as it is written.
pub(super) struct Verb {
    /// What it means.
    pub subcommand: Subcommand,
    /// Its word.
    pub word: &'static str,
    /// The words behind it.
    pub words: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
}

/// Every subcommand.
pub(super) const VERBS: [Verb; 5] = [
    Verb {
        subcommand: Subcommand::Serve,
        word: "serve",
        words: "",
        help: "host the tools; what happens without a subcommand",
    },
    Verb {
        subcommand: Subcommand::Check,
        word: "check",
        words: "",
        help: "validate; print settings, doors, tools and the memory ceiling",
    },
    Verb {
        subcommand: Subcommand::Token,
        word: "token",
        words: "new",
        help: "draw a token; print it once, with its lines for the file",
    },
    Verb {
        subcommand: Subcommand::ClientConfig,
        word: "client-config",
        words: "CLIENT",
        help: "print what to paste into CLIENT, such as claude-code",
    },
    Verb {
        subcommand: Subcommand::Notify,
        word: "notify",
        words: "URL EVENT [JSON]",
        help: "send an event to the open streams of the server at URL",
    },
];

/// An option, with what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// The file to read.
    Config,
    /// One more listener.
    Listen,
    /// The file of desktop clients.
    McpServers,
    /// One more key.
    Set,
    /// The name of a token.
    Name,
    /// The role of a token, or one more role that is told.
    Role,
    /// Where the server is.
    Url,
    /// Start the servers.
    Probe,
    /// One server alone.
    Server,
    /// Which clients there are.
    List,
    /// Where the token is.
    TokenFile,
    /// What there is.
    Help,
    /// Which release this is.
    Version,
}

/// One option as it is written.
pub(super) struct Row {
    /// What it changes.
    pub flag: Flag,
    /// Its letter behind one `-`.
    pub short: Option<char>,
    /// Its word behind `--`.
    pub long: &'static str,
    /// What its value is called; empty for none.
    pub value: &'static str,
    /// The subcommands that take it; all of them where empty.
    pub on: &'static [Subcommand],
    /// What it does, for the help.
    pub help: &'static str,
}

/// The subcommands that read the configuration.
pub(super) const CONFIGURED: &[Subcommand] = &[
    Subcommand::Serve,
    Subcommand::Check,
    Subcommand::ClientConfig,
];

/// Every option.
pub(super) const FLAGS: [Row; 13] = [
    Row {
        flag: Flag::Config,
        short: Some('c'),
        long: "config",
        value: "FILE",
        on: CONFIGURED,
        help: "read FILE (- is stdin) instead of searching",
    },
    Row {
        flag: Flag::Listen,
        short: None,
        long: "listen",
        value: "ADDR",
        on: CONFIGURED,
        help: "listen there instead of where the file says; repeatable",
    },
    Row {
        flag: Flag::McpServers,
        short: None,
        long: "mcp-servers",
        value: "FILE",
        on: CONFIGURED,
        help: "host the servers of a JSON FILE as desktop clients have it",
    },
    Row {
        flag: Flag::Set,
        short: None,
        long: "set",
        value: "KEY=VALUE",
        on: CONFIGURED,
        help: "set one key over the file, as limits.sessions=10; repeatable",
    },
    Row {
        flag: Flag::Probe,
        short: None,
        long: "probe",
        value: "",
        on: &[Subcommand::Check],
        help: "check: start the servers and tell what they offer",
    },
    Row {
        flag: Flag::Name,
        short: None,
        long: "name",
        value: "NAME",
        on: &[Subcommand::Token],
        help: "token: whom it is for",
    },
    Row {
        flag: Flag::Role,
        short: None,
        long: "role",
        value: "ROLE",
        on: &[Subcommand::Token, Subcommand::Notify],
        help: "token: its role; notify: only to streams of ROLE, repeatable",
    },
    Row {
        flag: Flag::Url,
        short: None,
        long: "url",
        value: "URL",
        on: &[Subcommand::ClientConfig],
        help: "client-config: the server is there, not at its first listener",
    },
    Row {
        flag: Flag::Server,
        short: None,
        long: "server",
        value: "NAME",
        on: &[Subcommand::ClientConfig],
        help: "client-config: only what the server NAME offers",
    },
    Row {
        flag: Flag::List,
        short: None,
        long: "list",
        value: "",
        on: &[Subcommand::ClientConfig],
        help: "client-config: which clients there are",
    },
    Row {
        flag: Flag::TokenFile,
        short: None,
        long: "token-file",
        value: "FILE",
        on: &[Subcommand::Notify],
        help: "notify: the token is in FILE, not in $SLIMCP_TOKEN",
    },
    Row {
        flag: Flag::Help,
        short: Some('h'),
        long: "help",
        value: "",
        on: &[],
        help: "print this",
    },
    Row {
        flag: Flag::Version,
        short: Some('V'),
        long: "version",
        value: "",
        on: &[],
        help: "print the version",
    },
];

/// What stands below the tables.
const NOTES: &str = "
COMMAND: an MCP server on stdin and stdout, hosted beside what the file says or alone, as in
      slimcp -- npx -y @modelcontextprotocol/server-memory
ADDR: 127.0.0.1:8000, [::]:8000, localhost:8000, 8000 (127.0.0.1), unix:/path, systemd
FILE: else $SLIMCP_CONFIG, ./slimcp.toml, $XDG_CONFIG_HOME/slimcp/slimcp.toml,
      /etc/slimcp/slimcp.toml, else defaults; then conf.d/*.toml beside it, by name
URL:  http://host:8000; for notify also unix:/path, and no https (ask a proxy, or use curl)
Environment: PORT and ALLOWED_ORIGINS stand in for listen and origins where nothing sets them;
      SLIMCP_TOKEN is the token for notify
Exit codes: 0 done, 1 failed, 2 usage or configuration
";

/// The text of `--help`.
pub fn help() -> String {
    let mut text = "Hosts MCP tools on small machines.\n\n".to_string();
    text.push_str("slimcp [SUBCOMMAND] [OPTION]... [-- COMMAND [ARG]...]\n\n");
    for verb in &VERBS {
        push_row(
            &mut text,
            &format!("{} {}", verb.word, verb.words),
            verb.help,
        );
    }
    text.push('\n');
    for row in &FLAGS {
        let short = row
            .short
            .map_or(String::new(), |short| format!("-{short}, "));
        let written = format!("{short}--{} {}", row.long, row.value);
        push_row(&mut text, &written, row.help);
    }
    text.push_str(NOTES);
    text
}

fn push_row(text: &mut String, written: &str, help: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "  {written:<24} {help}");
}
