//! From a command line to an exit code.

use super::cli::{self, Command, Exit, Options};
use super::config::{self, Environment, Loaded};
use super::{check, client_config, notify, serve, token};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;

/// Does what the arguments say.
pub fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    match cli::parse(arguments) {
        Ok(Command::Help) => print(&cli::help()),
        Ok(Command::Version) => print(&cli::version()),
        Ok(Command::Check(asked)) => match load(&asked.options) {
            Ok(loaded) => check::check(&loaded, asked.probe),
            Err(exit) => exit,
        },
        Ok(Command::Serve(options)) => match load(&options) {
            Ok(loaded) => serve::serve(&options, loaded),
            Err(exit) => exit,
        },
        Ok(Command::TokenNew(asked)) => token::new(&asked),
        Ok(Command::ClientConfig(asked)) => client_config::print(&asked),
        Ok(Command::Notify(asked)) => notify::send(&asked),
        Err(usage) => {
            complain(&usage);
            Exit::Usage
        }
    }
}

/// Loads the configuration, or says everything that is wrong with it.
pub(super) fn load(options: &Options) -> Result<Loaded, Exit> {
    reload(options).map_err(|complaints| {
        for complaint in complaints {
            complain(&complaint);
        }
        Exit::Usage
    })
}

/// Loads the configuration as the command line says.
pub fn reload(options: &Options) -> Result<Loaded, Vec<config::Complaint>> {
    let environment = Environment::read(|variable| std::env::var_os(variable));
    config::load(options.config.as_deref(), &environment, &options.overrides)
}

/// Says on stderr what is wrong. `eprintln!` would panic if nobody reads it, and the exit code is
/// for scripts, which often do not.
pub(super) fn complain(problem: &dyn Display) {
    let line = format!("slimcp: {problem}\n");
    // There is nobody else to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Prints to stdout; a closed pipe is how `slimcp --help | head` ends, and no failure.
pub(super) fn print(text: &str) -> Exit {
    let written = std::io::stdout().write_all(text.as_bytes());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed,
        Ok(()) | Err(_) => Exit::Done,
    }
}
