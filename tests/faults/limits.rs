//! A machine that gives the daemon no more processes, or no more files.

use crate::child;
use crate::harness::{Daemon, folder};
use crate::table::{assert_says, beside, end, is_well_again};
use crate::traces::{Client, MARK, mark};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, getuid, prlimit};
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
    let mut command = match getuid().is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
            command.arg(&program);
            command
        }
        false => Command::new(&program),
    };
    let path = std::env::var_os("PATH").expect("a PATH");
    command.env_clear().env("PATH", path).env(MARK, mark(name));
    command
        .arg("-c")
        .arg(&config)
        .args(["--listen", "127.0.0.1:0"]);
    let daemon = Daemon::of(folder(name), command);
    for server in ["good", "bad"] {
        Client::until_known(&daemon, server);
    }
    (daemon, public)
}

fn config_for(child: &Path) -> String {
    let inherits = format!("environment_inherit = ['{MARK}']");
    let servers = ["bad", "good"].map(|name| child::server_of(child, name, "good", &inherits));
    let limits = "timeouts.call = '2s'\n[limits]\nmemory = '8MiB'\n";
    format!("{limits}{}", servers.concat())
}

/// From here on the daemon may have so many; before, so many.
fn limit(daemon: &Daemon, resource: Resource, most: Option<u64>) -> Option<u64> {
    let pid = Pid::from_raw(daemon.pid().cast_signed());
    let fewer = Rlimit {
        current: most,
        maximum: getrlimit(resource).maximum,
    };
    let before = prlimit(pid, resource, fewer);
    before.expect("limits can be lowered").current
}

#[test]
fn a_machine_without_room_for_a_child_is_said_to_have_none() {
    for (name, resource, word) in [
        ("no-processes", Resource::Nproc, "unavailable"),
        ("no-files", Resource::Nofile, "open files"),
    ] {
        let (daemon, public) = start(name);
        beside(&daemon, || {
            let mut client = Client::of(&daemon, "bad");
            let mut other = Client::of(&daemon, "bad");
            let pid = client.ask("pid");
            let most = match resource {
                Resource::Nofile => daemon.descriptors() as u64,
                _ => 1,
            };
            let before = limit(&daemon, resource, Some(most));
            assert_says(name, &client.ask("exit"), &["bad", "status 3"]);
            // The first refusal is that of the end; the next start finds no room.
            crate::harness::eventually("a refusal that names the reason", || {
                let said = format!("{:?}", other.ask("hello"));
                assert!(
                    !said.starts_with("Text"),
                    "{name}: there is no room, {pid:?}"
                );
                (said.contains(word) && said.contains("bad")).then_some(())
            });
            limit(&daemon, resource, before);
            is_well_again(&mut client, name);
        });
        end(daemon, name);
        fs::remove_dir_all(public).expect("it is ours");
    }
}
