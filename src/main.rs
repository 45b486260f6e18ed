//! The daemon's entry point.

use std::process::ExitCode;

fn main() -> ExitCode {
    slimcp::daemon::run::run(std::env::args_os().skip(1)).into()
}
