//! The command line: words become a [`Command`] or a [`Usage`] error.
//!
//! Two constant tables hold all there is; the help, the reading and "did you mean" go through them.
//! Words and options may stand in any order: all are read first, then they are fitted together.

mod table;

pub use table::help;

use super::config::Overrides;
use crate::tool::command::nearest;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use table::{CONFIGURED, FLAGS, Flag, Row, Subcommand, VERBS, Verb};

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Host the tools until told to stop.
    Serve(Options),
    /// Validate the configuration and print what holds.
    Check(Check),
    /// Draw a token.
    TokenNew(TokenNew),
    /// Print what to paste into a client.
    ClientConfig(ClientConfig),
    /// Send an event to the streams of a server.
    Notify(Notify),
    /// Print [`help`].
    Help,
    /// Print the version.
    Version,
}

/// What `check` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Where the configuration is.
    pub options: Options,
    /// Whether servers are started and asked what they offer.
    pub probe: bool,
}

/// What `token new` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenNew {
    /// Whom the token is for.
    pub name: Option<String>,
    /// What its holder may do.
    pub role: Option<String>,
}

/// What `client-config` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientConfig {
    /// Where the configuration is, for name and address of the server.
    pub options: Options,
    /// The client; `None` asks which there are.
    pub client: Option<String>,
    /// The address to use instead of the first listener.
    pub url: Option<String>,
    /// The one server whose door is meant, not that of everything.
    pub server: Option<String>,
}

/// What `notify` is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// The server.
    pub url: String,
    /// The name of the event.
    pub event: String,
    /// What the event says.
    pub json: Option<String>,
    /// Only streams of these roles; of all where empty.
    pub roles: Vec<String>,
    /// The file that holds the token, instead of `SLIMCP_TOKEN`.
    pub token_file: Option<PathBuf>,
}

/// What `serve`, `check` and `client-config` share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The file of `-c`; `-` is stdin.
    pub config: Option<PathBuf>,
    /// What `--set` and `--listen` say.
    pub overrides: Overrides,
}

/// A command line that makes no sense, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (slimcp --help shows what there is)", self.0)
    }
}

impl std::error::Error for Usage {}

/// How the program ends; scripts and units rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: tried and failed.
    Failed,
    /// 2: the command line or the configuration is wrong; trying again cannot help.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Done => ExitCode::from(0),
            Exit::Failed => ExitCode::from(1),
            Exit::Usage => ExitCode::from(2),
        }
    }
}

/// The text of `--version`.
pub fn version() -> String {
    format!("slimcp {}\n", env!("CARGO_PKG_VERSION"))
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// A word or an option that does not exist, a value that is missing or one too many.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Usage> {
    let mut parser = Parser::from_args(arguments);
    let mut verb = None;
    let mut words = Vec::new();
    let mut flags = Vec::new();
    let mut wrapped = None;
    loop {
        if is_command_next(verb, &mut parser) {
            wrapped = Some(command(&mut parser)?);
            break;
        }
        let Some(argument) = parser.next().map_err(|error| Usage(error.to_string()))? else {
            break;
        };
        let row = match argument {
            Arg::Value(word) if verb.is_none() => {
                verb = Some(find_verb(&word.to_string_lossy())?);
                continue;
            }
            Arg::Value(word) => {
                words.push(word);
                continue;
            }
            Arg::Long(long) => find_long(long)?,
            Arg::Short(short) => find_short(short)?,
        };
        let value = match row.flag {
            // The first of the two wins over whatever else there is, right or wrong.
            Flag::Help => return Ok(Command::Help),
            Flag::Version => return Ok(Command::Version),
            Flag::List | Flag::Probe => OsString::new(),
            Flag::Config
            | Flag::Listen
            | Flag::Set
            | Flag::Name
            | Flag::Role
            | Flag::Url
            | Flag::TokenFile
            | Flag::McpServers
            | Flag::Server => value(row, &mut parser)?,
        };
        flags.push((row, value));
    }
    let mut given = Given::default();
    given.options.overrides.command = wrapped.unwrap_or_default();
    resolve(verb.unwrap_or(&VERBS[0]), words, flags, given)
}

/// Whether `--` comes next, and a command behind it: after the other subcommands it only says that
/// no more options follow.
fn is_command_next(verb: Option<&Verb>, parser: &mut Parser) -> bool {
    let takes_one = verb.is_none_or(|verb| CONFIGURED.contains(&verb.subcommand));
    let next = parser.try_raw_args();
    takes_one && next.is_some_and(|raw| raw.peek() == Some(OsStr::new("--")))
}

/// The command behind `--`.
fn command(parser: &mut Parser) -> Result<Vec<String>, Usage> {
    let raw = parser
        .raw_args()
        .map_err(|error| Usage(error.to_string()))?;
    let text = |word: OsString| word.string().map_err(|error| Usage(error.to_string()));
    let command: Vec<String> = raw.skip(1).map(text).collect::<Result<_, _>>()?;
    match command.first() {
        Some(program) if !program.is_empty() => Ok(command),
        Some(_) | None => Err(Usage("-- needs a command: -- COMMAND [ARG]...".to_string())),
    }
}

/// What the words and options come to, all of them being known.
fn resolve(
    verb: &Verb,
    words: Vec<OsString>,
    flags: Vec<(&Row, OsString)>,
    mut given: Given,
) -> Result<Command, Usage> {
    for (row, value) in flags {
        if !row.on.is_empty() && !row.on.contains(&verb.subcommand) {
            return Err(Usage(format!("{} has no option --{}", verb.word, row.long)));
        }
        given.read(row, value)?;
    }
    let mut words = Words {
        verb,
        words: words.into_iter(),
    };
    let command = match verb.subcommand {
        Subcommand::Serve => Command::Serve(given.options),
        Subcommand::Check => Command::Check(Check {
            options: given.options,
            probe: given.probe,
        }),
        Subcommand::Token => {
            if words.next()? != "new" {
                return Err(words.usage());
            }
            given.at_most_one_role()?;
            Command::TokenNew(TokenNew {
                name: given.name,
                role: given.roles.pop(),
            })
        }
        Subcommand::ClientConfig => Command::ClientConfig(ClientConfig {
            client: match given.list {
                true => None,
                false => Some(words.next()?),
            },
            options: given.options,
            url: given.url,
            server: given.server,
        }),
        Subcommand::Notify => Command::Notify(Notify {
            url: words.next()?,
            event: words.next()?,
            json: words.optional()?,
            roles: given.roles,
            token_file: given.token_file,
        }),
    };
    words.finish()?;
    Ok(command)
}

/// The words behind a subcommand, taken one by one.
struct Words<'a> {
    verb: &'a Verb,
    words: std::vec::IntoIter<OsString>,
}

impl Words<'_> {
    fn usage(&self) -> Usage {
        Usage(format!(
            "expected slimcp {} {}",
            self.verb.word, self.verb.words
        ))
    }

    fn next(&mut self) -> Result<String, Usage> {
        self.optional()?.ok_or_else(|| self.usage())
    }

    fn optional(&mut self) -> Result<Option<String>, Usage> {
        let text = |word: OsString| word.string().map_err(|error| Usage(error.to_string()));
        self.words.next().map(text).transpose()
    }

    fn finish(mut self) -> Result<(), Usage> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(Usage(format!("unexpected argument {word:?}"))),
        }
    }
}

/// What the options say, whoever takes them.
#[derive(Default)]
struct Given {
    options: Options,
    name: Option<String>,
    roles: Vec<String>,
    url: Option<String>,
    server: Option<String>,
    list: bool,
    probe: bool,
    token_file: Option<PathBuf>,
}

impl Given {
    fn read(&mut self, row: &Row, value: OsString) -> Result<(), Usage> {
        match row.flag {
            Flag::Config => once(&mut self.options.config, row, PathBuf::from(value)),
            Flag::Listen => {
                self.options.overrides.listen.push(text(row, value)?);
                Ok(())
            }
            Flag::McpServers => {
                let path = &mut self.options.overrides.mcp_servers;
                once(path, row, PathBuf::from(value))
            }
            Flag::Set => self.options.read_set(text(row, value)?),
            Flag::Name => once(&mut self.name, row, text(row, value)?),
            Flag::Role => {
                self.roles.push(text(row, value)?);
                Ok(())
            }
            Flag::Server => once(&mut self.server, row, text(row, value)?),
            Flag::Url => once(&mut self.url, row, text(row, value)?),
            Flag::TokenFile => once(&mut self.token_file, row, PathBuf::from(value)),
            Flag::List => {
                self.list = true;
                Ok(())
            }
            Flag::Probe => {
                self.probe = true;
                Ok(())
            }
            // They have ended the reading already.
            Flag::Help | Flag::Version => Ok(()),
        }
    }

    fn at_most_one_role(&self) -> Result<(), Usage> {
        match self.roles.len() {
            0 | 1 => Ok(()),
            _ => Err(Usage("--role is given twice".to_string())),
        }
    }
}

fn once<T>(place: &mut Option<T>, row: &Row, value: T) -> Result<(), Usage> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Usage(format!("--{} is given twice", row.long))),
    }
}

fn text(row: &Row, value: OsString) -> Result<String, Usage> {
    let text = value.string();
    text.map_err(|error| Usage(format!("--{}: {error}", row.long)))
}

/// The value of an option that has one.
fn value(row: &Row, parser: &mut Parser) -> Result<OsString, Usage> {
    let value = parser.value().ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        Usage(format!(
            "--{0} needs a value: --{0} {1}",
            row.long, row.value
        ))
    })
}

impl Options {
    fn read_set(&mut self, text: String) -> Result<(), Usage> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                let pair = (key.trim().to_string(), value.trim().to_string());
                self.overrides.set.push(pair);
                Ok(())
            }
            Some(_) | None => Err(Usage(format!("--set {text:?}: expected KEY=VALUE"))),
        }
    }
}

fn find_verb(word: &str) -> Result<&'static Verb, Usage> {
    VERBS.iter().find(|verb| verb.word == word).ok_or_else(|| {
        let near = nearest(word, VERBS.iter().map(|verb| verb.word));
        let hint = near.map_or(String::new(), |near| format!(", did you mean {near}?"));
        Usage(format!("unknown subcommand {word:?}{hint}"))
    })
}

fn find_long(long: &str) -> Result<&'static Row, Usage> {
    FLAGS.iter().find(|row| row.long == long).ok_or_else(|| {
        let near = nearest(long, FLAGS.iter().map(|row| row.long));
        let hint = near.map_or(String::new(), |near| format!(", did you mean --{near}?"));
        Usage(format!("unknown option --{long}{hint}"))
    })
}

fn find_short(short: char) -> Result<&'static Row, Usage> {
    let known = FLAGS.iter().find(|row| row.short == Some(short));
    known.ok_or_else(|| Usage(format!("unknown option -{short}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Command, Usage> {
        parse(words.iter().map(OsString::from))
    }

    fn options(config: Option<&str>, set: &[(&str, &str)], listen: &[&str]) -> Options {
        let pair = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        Options {
            config: config.map(PathBuf::from),
            overrides: Overrides {
                set: set.iter().map(pair).collect(),
                listen: listen.iter().map(|text| text.to_string()).collect(),
                ..Overrides::default()
            },
        }
    }

    #[test]
    fn command_lines_that_make_sense() {
        let plain = options(None, &[], &[]);
        let file = options(Some("a.toml"), &[], &[]);
        let mut servers = plain.clone();
        servers.overrides.mcp_servers = Some(PathBuf::from("a.json"));
        let mut wrapped = plain.clone();
        wrapped.overrides.command = ["npx", "-y", "a"].map(String::from).to_vec();
        let set = options(None, &[("a", "1"), ("b", "x=y")], &[]);
        let listen = options(None, &[], &["8000", "unix:/a"]);
        let check = |options: &Options, probe| {
            let options = options.clone();
            Command::Check(Check { options, probe })
        };
        let new = |name: Option<&str>, role: Option<&str>| {
            Command::TokenNew(TokenNew {
                name: name.map(str::to_string),
                role: role.map(str::to_string),
            })
        };
        let client = |client: Option<&str>, options: &Options, url: Option<&str>| {
            Command::ClientConfig(ClientConfig {
                options: options.clone(),
                client: client.map(str::to_string),
                url: url.map(str::to_string),
                server: None,
            })
        };
        let notify = |json: Option<&str>, roles: &[&str], token_file: Option<&str>| {
            Command::Notify(Notify {
                url: "http://pi".to_string(),
                event: "alarm".to_string(),
                json: json.map(str::to_string),
                roles: roles.iter().map(|role| role.to_string()).collect(),
                token_file: token_file.map(PathBuf::from),
            })
        };
        let table: [(&[&str], Command); 30] = [
            (&[], Command::Serve(plain.clone())),
            (&["serve"], Command::Serve(plain.clone())),
            (&["check"], check(&plain, false)),
            (&["check", "--probe"], check(&plain, true)),
            (&["-c", "a.toml"], Command::Serve(file.clone())),
            (&["-ca.toml"], Command::Serve(file.clone())),
            (&["--config", "a.toml"], Command::Serve(file.clone())),
            (&["--config=a.toml", "check"], check(&file, false)),
            (&["check", "-c", "a.toml"], check(&file, false)),
            (&["-c", "-"], Command::Serve(options(Some("-"), &[], &[]))),
            (&["--set", "a=1", "--set=b = x=y"], Command::Serve(set)),
            (
                &["--set", "a="],
                Command::Serve(options(None, &[("a", "")], &[])),
            ),
            (&["--mcp-servers", "a.json"], Command::Serve(servers)),
            (
                &["--listen", "8000", "--listen=unix:/a"],
                Command::Serve(listen),
            ),
            (&["--help"], Command::Help),
            (&["check", "-h"], Command::Help),
            (&["--help", "--nonsense"], Command::Help),
            (&["--version"], Command::Version),
            (&["-V"], Command::Version),
            (&["--", "npx", "-y", "a"], Command::Serve(wrapped.clone())),
            (
                &["serve", "--", "npx", "-y", "a"],
                Command::Serve(wrapped.clone()),
            ),
            (&["check", "--", "npx", "-y", "a"], check(&wrapped, false)),
            (&["token", "new"], new(None, None)),
            (
                &["--name", "a", "token", "--role=b", "new"],
                new(Some("a"), Some("b")),
            ),
            (&["client-config", "zed"], client(Some("zed"), &plain, None)),
            (
                &["client-config", "-ca.toml", "zed", "--url", "http://pi"],
                client(Some("zed"), &file, Some("http://pi")),
            ),
            (&["client-config", "--list"], client(None, &plain, None)),
            (&["notify", "http://pi", "alarm"], notify(None, &[], None)),
            (
                &["notify", "--token-file", "/t", "http://pi", "alarm", "{}"],
                notify(Some("{}"), &[], Some("/t")),
            ),
            (
                &[
                    "notify",
                    "--role",
                    "a",
                    "--role=b",
                    "http://pi",
                    "alarm",
                    "--",
                    "-1",
                ],
                notify(Some("-1"), &["a", "b"], None),
            ),
        ];
        for (words, command) in table {
            assert_eq!(parse_words(words), Ok(command), "{words:?}");
        }
    }

    #[test]
    fn command_lines_that_make_none_say_why() {
        let table: [(&[&str], &str); 31] = [
            (&["stdio"], "unknown subcommand \"stdio\""),
            (&["--"], "-- needs a command: -- COMMAND [ARG]..."),
            (&["--", "", "a"], "-- needs a command: -- COMMAND [ARG]..."),
            (&["token", "--", "ls"], "expected slimcp token new"),
            (
                &["chekc"],
                "unknown subcommand \"chekc\", did you mean check?",
            ),
            (&["serve", "check"], "unexpected argument \"check\""),
            (
                &["--confg", "a"],
                "unknown option --confg, did you mean --config?",
            ),
            (
                &["--mcp-servers"],
                "--mcp-servers needs a value: --mcp-servers FILE",
            ),
            (&["-x"], "unknown option -x"),
            (&["-c"], "--config needs a value: --config FILE"),
            (&["-c", ""], "--config needs a value: --config FILE"),
            (&["--listen"], "--listen needs a value: --listen ADDR"),
            (&["--set"], "--set needs a value: --set KEY=VALUE"),
            (&["-c", "a", "-c", "b"], "--config is given twice"),
            (&["--set", "a"], "--set \"a\": expected KEY=VALUE"),
            (&["--set", "=1"], "--set \"=1\": expected KEY=VALUE"),
            (&["--set", ""], "--set needs a value: --set KEY=VALUE"),
            (&["token"], "expected slimcp token new"),
            (&["token", "old"], "expected slimcp token new"),
            (
                &["token", "new", "laptop"],
                "unexpected argument \"laptop\"",
            ),
            (
                &["token", "new", "--role", "a", "--role", "b"],
                "--role is given twice",
            ),
            (&["token", "new", "-c", "a"], "token has no option --config"),
            (&["--probe"], "serve has no option --probe"),
            (&["check", "--role", "a"], "check has no option --role"),
            (&["--name", "a"], "serve has no option --name"),
            (&["client-config"], "expected slimcp client-config CLIENT"),
            (
                &["client-config", "--list", "zed"],
                "unexpected argument \"zed\"",
            ),
            (
                &["notify", "http://pi"],
                "expected slimcp notify URL EVENT [JSON]",
            ),
            (
                &["notify", "http://pi", "alarm", "1", "2"],
                "unexpected argument \"2\"",
            ),
            (&["notify", "--token", "secret"], "unknown option --token"),
            (&[""], "unknown subcommand \"\""),
        ];
        for (words, problem) in table {
            let usage = parse_words(words).expect_err(problem);
            assert_eq!(usage.0, problem, "{words:?}");
        }
    }

    #[test]
    fn text_that_is_no_unicode_is_refused_where_text_is_needed() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"/a\xff".to_vec());
        let file = parse(["-c".into(), odd.clone()].into_iter());
        let expected = Options {
            config: Some(PathBuf::from(odd.clone())),
            ..Options::default()
        };
        assert_eq!(file, Ok(Command::Serve(expected)));
        assert!(parse(["--set".into(), odd.clone()].into_iter()).is_err());
        assert!(parse(["--listen".into(), odd].into_iter()).is_err());
    }

    #[test]
    fn help_names_everything_there_is_and_nothing_else() {
        let help = help();
        assert!(help.lines().count() <= 45, "{help}");
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        for verb in &VERBS {
            let written = format!("  {} {}", verb.word, verb.words);
            assert!(help.contains(&written), "{written}");
        }
        for row in &FLAGS {
            assert!(
                help.contains(&format!("--{} {}", row.long, row.value)),
                "{}",
                row.long
            );
        }
        for later in ["slimcp stdio", "slimcp connect"] {
            assert!(!help.contains(later), "{later}");
        }
    }
}
