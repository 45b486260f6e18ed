//! A machine that gives the daemon no more processes, or no more files.

use crate::child;
use crate::harness::{Daemon, eventually, folder};
use crate::table::{assert_says, beside, end, is_well_again};
use crate::traces::{Client, MARK, mark};
use rustix::process::getuid;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody who has no other process.
const NOBODY: &str = "54321";

/// A daemon of somebody who is not root: to root the system gives as many processes as it likes.
/// Nobody else can read what root has built, so that all of it is copied where everybody can.
fn start(name: &str) -> (Daemon, PathBuf) {
    let public = std::env::temp_dir().join(format!("slimcp-{}", mark(name)));
    fs::create_dir_all(&public).expect("a folder");
    let copy = |from: &Path, name: &str| {
        let to = public.join(name);
        fs::copy(from, &to).expect("a copy");
        to
    };
    let program = copy(Path::new(env!("CARGO_BIN_EXE_slimcp")), "slimcp");
    let own = copy(&std::env::current_exe().expect("it runs"), "child");
    let config = public.join("slimcp.toml");
    fs::write(&config, config_for(&own)).expect("a file");
    for path in [&public, &program, &own] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let mut command = as_owner(&program);
    let path = std::env::var_os("PATH").expect("a PATH");
    command.env_clear().env("PATH", path).env(MARK, mark(name));
    command
        .arg("-c")
        .arg(&config)
        .args(["--listen", "127.0.0.1:0"]);
    (Daemon::of(folder(name), command), public)
}

fn config_for(child: &Path) -> String {
    let inherits = format!("environment_inherit = ['{MARK}']");
    let servers = ["bad", "good"].map(|name| child::server_of(child, name, "good", &inherits));
    let limits = "timeouts.call = '2s'\n[limits]\nmemory = '8MiB'\n";
    format!("{limits}{}", servers.concat())
}

/// From here on the daemon may have so many. Only its owner may say so, not even every root.
fn limit(daemon: &Daemon, resource: &str, most: &str) {
    let mut command = as_owner("prlimit");
    command.args(["--pid", &daemon.pid().to_string()]);
    command.arg(format!("--{resource}={most}:"));
    assert!(command.status().expect("util-linux").success());
}

/// A program that is run by the daemon's owner.
fn as_owner(program: impl AsRef<OsStr>) -> Command {
    if !getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command.arg(program);
    command
}

#[test]
fn a_machine_without_room_for_a_child_is_said_to_have_none() {
    for (name, resource, word) in [
        ("no-processes", "nproc", "no further process"),
        ("no-files", "nofile", "no further file"),
    ] {
        let (daemon, public) = start(name);
        beside(&daemon, || {
            let mut client = Client::of(&daemon, "bad");
            let mut other = Client::of(&daemon, "bad");
            assert_eq!(other.ask("hello"), client.ask("hello"));
            let most = match resource {
                "nofile" => daemon.descriptors(),
                _ => 1,
            };
            limit(&daemon, resource, &most.to_string());
            assert_says(name, &client.ask("exit"), &["bad", "status 3"]);
            // First the end is what calls are refused for, then that there is no room.
            eventually("a refusal that names the reason", || {
                let answer = other.ask("hello");
                assert_says(name, &answer, &["bad"]);
                format!("{answer:?}").contains(word).then_some(())
            });
            limit(&daemon, resource, "1000");
            is_well_again(&mut client, name);
        });
        end(daemon, name);
        fs::remove_dir_all(public).expect("it is ours");
    }
}
