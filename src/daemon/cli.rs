//! The command line: words become a [`Command`] or a [`Usage`] error.
//!
//! Two constant tables hold all there is; the help, the reading and "did you mean" go through them.

use super::config::Overrides;
use crate::tool::command::nearest;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Host the tools until told to stop.
    Serve(Options),
    /// Validate the configuration and print what holds.
    Check(Options),
    /// Print [`help`].
    Help,
    /// Print the version.
    Version,
}

/// What `serve` and `check` share.
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

/// A word that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subcommand {
    Serve,
    Check,
}

/// Word, meaning, help.
const SUBCOMMANDS: [(&str, Subcommand, &str); 2] = [
    (
        "serve",
        Subcommand::Serve,
        "host the tools; what happens without a subcommand",
    ),
    (
        "check",
        Subcommand::Check,
        "validate; print settings, doors, tools and the memory ceiling",
    ),
];

/// An option, with what it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Config,
    Listen,
    Set,
    Help,
    Version,
}

/// One option as it is written.
struct Row {
    flag: Flag,
    short: Option<char>,
    long: &'static str,
    /// What its value is called; empty for none.
    value: &'static str,
    help: &'static str,
}

const FLAGS: [Row; 5] = [
    Row {
        flag: Flag::Config,
        short: Some('c'),
        long: "config",
        value: "FILE",
        help: "read FILE (- is stdin) instead of searching",
    },
    Row {
        flag: Flag::Listen,
        short: None,
        long: "listen",
        value: "ADDR",
        help: "listen there instead of where the file says; repeatable",
    },
    Row {
        flag: Flag::Set,
        short: None,
        long: "set",
        value: "KEY=VALUE",
        help: "set one key over the file, as limits.sessions=10; repeatable",
    },
    Row {
        flag: Flag::Help,
        short: Some('h'),
        long: "help",
        value: "",
        help: "print this",
    },
    Row {
        flag: Flag::Version,
        short: Some('V'),
        long: "version",
        value: "",
        help: "print the version",
    },
];

/// What stands below the tables.
const NOTES: &str = "
ADDR: 127.0.0.1:8000, [::]:8000, localhost:8000, 8000 (127.0.0.1), unix:/path, systemd
FILE: else $SLIMCP_CONFIG, ./slimcp.toml, $XDG_CONFIG_HOME/slimcp/slimcp.toml,
      /etc/slimcp/slimcp.toml, else defaults; then conf.d/*.toml beside it, by name
Environment: PORT and ALLOWED_ORIGINS stand in for listen and origins where nothing sets them
Exit codes: 0 done, 1 failed, 2 usage or configuration
";

/// The text of `--help`.
pub fn help() -> String {
    let mut text = "Hosts MCP tools on small machines.\n\n".to_string();
    text.push_str("slimcp [serve|check] [OPTION]...\n\n");
    for (word, _, help) in SUBCOMMANDS {
        push_row(&mut text, word, help);
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
    let _ = writeln!(text, "  {written:<20} {help}");
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
    let mut subcommand = None;
    let mut options = Options::default();
    while let Some(argument) = parser.next().map_err(|error| Usage(error.to_string()))? {
        let row = match argument {
            Arg::Value(word) if subcommand.is_none() => {
                subcommand = Some(find_subcommand(&word.to_string_lossy())?);
                continue;
            }
            Arg::Value(word) => return Err(Usage(format!("unexpected argument {word:?}"))),
            Arg::Long(long) => find_long(long)?,
            Arg::Short(short) => find_short(short)?,
        };
        match row.flag {
            // The first of the two wins over whatever else there is, right or wrong.
            Flag::Help => return Ok(Command::Help),
            Flag::Version => return Ok(Command::Version),
            Flag::Config => options.read_config(value(row, &mut parser)?)?,
            Flag::Listen => options.read_listen(value(row, &mut parser)?)?,
            Flag::Set => options.read_set(value(row, &mut parser)?)?,
        }
    }
    Ok(match subcommand {
        None | Some(Subcommand::Serve) => Command::Serve(options),
        Some(Subcommand::Check) => Command::Check(options),
    })
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
    fn read_config(&mut self, file: OsString) -> Result<(), Usage> {
        match self.config.replace(PathBuf::from(file)) {
            None => Ok(()),
            Some(_) => Err(Usage("--config is given twice".to_string())),
        }
    }

    fn read_listen(&mut self, address: OsString) -> Result<(), Usage> {
        let text = address
            .string()
            .map_err(|error| Usage(format!("--listen: {error}")))?;
        self.overrides.listen.push(text);
        Ok(())
    }

    fn read_set(&mut self, pair: OsString) -> Result<(), Usage> {
        let text = pair
            .string()
            .map_err(|error| Usage(format!("--set: {error}")))?;
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

fn find_subcommand(word: &str) -> Result<Subcommand, Usage> {
    let known = SUBCOMMANDS.iter().find(|(name, _, _)| *name == word);
    known.map(|(_, subcommand, _)| *subcommand).ok_or_else(|| {
        let near = nearest(word, SUBCOMMANDS.iter().map(|(name, _, _)| *name));
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
            },
        }
    }

    #[test]
    fn command_lines_that_make_sense() {
        let plain = options(None, &[], &[]);
        let file = options(Some("a.toml"), &[], &[]);
        let set = options(None, &[("a", "1"), ("b", "x=y")], &[]);
        let listen = options(None, &[], &["8000", "unix:/a"]);
        let table: [(&[&str], Command); 18] = [
            (&[], Command::Serve(plain.clone())),
            (&["serve"], Command::Serve(plain.clone())),
            (&["check"], Command::Check(plain.clone())),
            (&["-c", "a.toml"], Command::Serve(file.clone())),
            (&["-ca.toml"], Command::Serve(file.clone())),
            (&["--config", "a.toml"], Command::Serve(file.clone())),
            (&["--config=a.toml", "check"], Command::Check(file.clone())),
            (&["check", "-c", "a.toml"], Command::Check(file)),
            (&["-c", "-"], Command::Serve(options(Some("-"), &[], &[]))),
            (&["--set", "a=1", "--set=b = x=y"], Command::Serve(set)),
            (
                &["--set", "a="],
                Command::Serve(options(None, &[("a", "")], &[])),
            ),
            (
                &["--listen", "8000", "--listen=unix:/a"],
                Command::Serve(listen),
            ),
            (&["--help"], Command::Help),
            (&["check", "-h"], Command::Help),
            (&["--help", "--nonsense"], Command::Help),
            (&["--version"], Command::Version),
            (&["-V"], Command::Version),
            (&["--"], Command::Serve(plain)),
        ];
        for (words, command) in table {
            assert_eq!(parse_words(words), Ok(command), "{words:?}");
        }
    }

    #[test]
    fn command_lines_that_make_none_say_why() {
        let table: [(&[&str], &str); 17] = [
            (&["stdio"], "unknown subcommand \"stdio\""),
            (&["--", "ls", "-l"], "unknown subcommand \"ls\""),
            (
                &["chekc"],
                "unknown subcommand \"chekc\", did you mean check?",
            ),
            (&["serve", "check"], "unexpected argument \"check\""),
            (
                &["--confg", "a"],
                "unknown option --confg, did you mean --config?",
            ),
            (&["--mcp-servers", "a"], "unknown option --mcp-servers"),
            (&["-x"], "unknown option -x"),
            (&["-c"], "--config needs a value: --config FILE"),
            (&["-c", ""], "--config needs a value: --config FILE"),
            (&["--listen"], "--listen needs a value: --listen ADDR"),
            (&["--set"], "--set needs a value: --set KEY=VALUE"),
            (&["-c", "a", "-c", "b"], "--config is given twice"),
            (&["--set", "a"], "--set \"a\": expected KEY=VALUE"),
            (&["--set", "=1"], "--set \"=1\": expected KEY=VALUE"),
            (&["--set", ""], "--set needs a value: --set KEY=VALUE"),
            (&["token", "new"], "unknown subcommand \"token\""),
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
        assert!(help.lines().count() <= 40, "{help}");
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        for (word, _, _) in SUBCOMMANDS {
            assert!(help.contains(&format!("  {word} ")), "{word}");
        }
        for row in &FLAGS {
            assert!(
                help.contains(&format!("--{} {}", row.long, row.value)),
                "{}",
                row.long
            );
        }
        for later in [
            "stdio",
            "connect",
            "notify",
            "token",
            "client-config",
            "mcp-servers",
        ] {
            assert!(!help.contains(later), "{later}");
        }
    }
}
