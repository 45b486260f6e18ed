//! Real processes. Nothing waits for time to pass: pipes that close and processes that exit say
//! when something has happened, and a deadline turns a hang into a failure.

use super::*;
use crate::edge::reaper::Orphans;
use crate::tool::command::{Exit, Output};
use async_io::Timer;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use smol::LocalExecutor;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// Far longer than anything here takes, far shorter than the processes that must not be waited for.
const DEADLINE: Duration = Duration::from_secs(20);

fn line(argv: &[&str]) -> CommandLine {
    CommandLine {
        argv: argv.iter().map(|item| item.to_string()).collect(),
        directory: None,
        environment: Vec::new(),
        environment_inherit: Vec::new(),
        stdin: None,
        output: Output::Text,
    }
}

fn sh(script: &str) -> CommandLine {
    line(&["sh", "-c", script])
}

/// Runs `body` like the daemon runs its tasks, with the reaper beside it.
fn run<T>(body: impl AsyncFnOnce(Rc<LocalExecutor<'static>>, Rc<Reaper>) -> T) -> T {
    let executor = Rc::new(LocalExecutor::new());
    let reaper = Reaper::new(Orphans::Left).unwrap();
    let reaping = reaper.clone();
    let reap = async move {
        loop {
            reaping.reap().await;
        }
    };
    executor.spawn(reap).detach();
    let deadline = async {
        Timer::after(DEADLINE).await;
        panic!("nothing happened for {DEADLINE:?}");
    };
    let body = body(executor.clone(), reaper);
    async_io::block_on(executor.run(future::or(body, deadline)))
}

async fn finish(child: Child) -> Ended {
    child.finish(100_000, &mut |_| true, &|_, _| {}).await
}

fn ended(line: CommandLine) -> (Exit, String, String) {
    let ended = run(async |_, reaper| finish(spawn(&reaper, &line).unwrap()).await);
    (
        ended.exit,
        ended.stdout.into_text(),
        ended.stderr.into_text(),
    )
}

/// Takes so long for a line that a program like `yes` always has the next one ready.
fn slowly(_: Source, line: &str) {
    for _ in 0..1000 {
        std::hint::black_box(line);
    }
}

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("slimcp-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A named pipe and its reading end: it ends when every process that wrote to it is gone.
    fn fifo(&self, name: &str) -> (String, File) {
        let path = self.path(name);
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, mode, 0).unwrap();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let reader = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        (path, File::from(reader))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether everybody who had opened the fifo for writing is gone, at once or soon.
fn all_gone(fifo: File) -> bool {
    let deadline = rustix::time::Timespec::try_from(DEADLINE).unwrap();
    let mut watched = [PollFd::new(&fifo, PollFlags::empty())];
    // A process that ends interrupts it.
    while poll(&mut watched, Some(&deadline)) == Err(Errno::INTR) {}
    watched[0].revents().contains(PollFlags::HUP)
}

#[test]
fn a_command_says_what_it_says_and_how_it_ended() {
    let (exit, stdout, stderr) = ended(sh("echo out; echo err >&2; exit 3"));
    assert_eq!(exit, Exit::Status(3));
    assert_eq!((stdout.as_str(), stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(ended(sh("kill -TERM $$")).0, Exit::Signal(15));
    assert_eq!(ended(sh("printf '\\377'")).1, "\u{fffd}");
}

#[test]
fn the_environment_is_what_is_named_and_path() {
    let mut line = line(&["env"]);
    line.environment = vec![("A".into(), "b c".into())];
    let path = std::env::var("PATH").unwrap();
    let mut variables: Vec<String> = ended(line.clone()).1.lines().map(String::from).collect();
    variables.sort();
    assert_eq!(variables, ["A=b c".to_owned(), format!("PATH={path}")]);
    line.environment_inherit = vec!["CARGO_MANIFEST_DIR".into(), "NO_SUCH_VARIABLE".into()];
    assert!(ended(line).1.contains("CARGO_MANIFEST_DIR=/"));
}

#[test]
fn a_path_of_its_own_is_searched_as_well_as_passed_on() {
    let scratch = Scratch::new("path");
    std::os::unix::fs::symlink("/bin/sh", scratch.path("own-shell")).unwrap();
    let mut line = line(&["own-shell", "-c", "echo $0 $PATH"]);
    line.environment = vec![("PATH".into(), format!("/nowhere:{}", scratch.path("")))];
    let expected = format!("own-shell /nowhere:{}\n", scratch.path(""));
    assert_eq!(ended(line).1, expected);
}

#[test]
fn the_directory_is_where_it_runs() {
    let scratch = Scratch::new("directory");
    let mut line = line(&["pwd", "-P"]);
    line.directory = Some(scratch.path(""));
    let expected = scratch.0.canonicalize().unwrap();
    assert_eq!(ended(line).1.trim_end(), expected.to_str().unwrap());
}

#[test]
fn stdin_is_written_and_closed_and_need_not_be_read() {
    let text = "x".repeat(1_000_000);
    let mut count = line(&["wc", "-c"]);
    count.stdin = Some(text.clone());
    assert_eq!(ended(count).1.trim(), "1000000");
    let mut deaf = sh("exit 7");
    deaf.stdin = Some(text.clone());
    assert_eq!(ended(deaf).0, Exit::Status(7));
    // It closes its stdin and goes on: the broken pipe must harm neither side.
    let mut closed = sh("exec <&-; echo on");
    closed.stdin = Some(text);
    assert_eq!(ended(closed).1, "on\n");
    assert_eq!(ended(line(&["cat"])).0, Exit::Status(0));
}

#[test]
fn a_flood_stays_within_its_bounds() {
    let mut held = 0;
    let ended = run(async |_, reaper| {
        let child = spawn(&reaper, &line(&["head", "-c", "30000000", "/dev/zero"])).unwrap();
        let mut reserve = |more| {
            held += more;
            true
        };
        child.finish(65_536, &mut reserve, &|_, _| {}).await
    });
    assert_eq!(ended.exit, Exit::Status(0));
    assert_eq!(ended.stdout.cut_bytes(), 30_000_000 - 65_536);
    assert_eq!(ended.stdout.held_bytes(), 65_536);
    assert_eq!(held, 65_536);
}

#[test]
fn output_without_memory_for_it_is_left_out_and_said() {
    let ended = run(async |_, reaper| {
        let child = spawn(&reaper, &sh("echo lost")).unwrap();
        child.finish(1000, &mut |_| false, &|_, _| {}).await
    });
    assert!(ended.starved);
    assert!(ended.stdout.is_empty());
}

#[test]
fn lines_are_reported_as_they_come() {
    let said = RefCell::new(Vec::new());
    let ended = run(async |_, reaper| {
        // The second line is only written once the first one was heard.
        let scratch = Scratch::new("lines");
        let (path, _reader) = scratch.fifo("go");
        let go = File::options().read(true).write(true).open(&path).unwrap();
        let child = spawn(
            &reaper,
            &sh(&format!("echo one; read x <{path}; echo two >&2; printf 3")),
        );
        let on_line = |source, line: &str| {
            if line == "one" {
                (&go).write_all(b"go\n").unwrap();
            }
            said.borrow_mut().push((source, line.to_owned()));
        };
        child.unwrap().finish(1000, &mut |_| true, &on_line).await
    });
    assert_eq!(ended.exit, Exit::Status(0));
    let expected = [
        (Source::Stdout, "one"),
        (Source::Stderr, "two"),
        (Source::Stdout, "3"),
    ];
    assert_eq!(
        *said.borrow(),
        expected.map(|(source, line)| (source, line.to_owned()))
    );
}

#[test]
fn a_signal_reaches_the_whole_group() {
    let scratch = Scratch::new("signal");
    let (path, reader) = scratch.fifo("alive");
    let exit = run(async |_, reaper| {
        let child = spawn(
            &reaper,
            &sh(&format!("exec 3>{path}; sleep 1000 & echo ready; wait")),
        )
        .unwrap();
        let group = child.group();
        let on_line = |_, _: &str| group.terminate();
        child.finish(1000, &mut |_| true, &on_line).await.exit
    });
    assert_eq!(exit, Exit::Signal(15));
    assert!(all_gone(reader));
}

#[test]
fn a_group_that_ignores_term_is_killed() {
    let scratch = Scratch::new("kill");
    let (path, reader) = scratch.fifo("alive");
    let exit = run(async |_, reaper| {
        let script = format!("trap '' TERM; exec 3>{path}; sleep 1000 & echo ready; wait; wait");
        let child = spawn(&reaper, &sh(&script)).unwrap();
        let group = child.group();
        let on_line = |_, _: &str| {
            group.terminate();
            group.kill();
        };
        child.finish(1000, &mut |_| true, &on_line).await.exit
    });
    assert_eq!(exit, Exit::Signal(9));
    assert!(all_gone(reader));
}

#[test]
fn nobody_of_the_group_outlives_its_leader() {
    let scratch = Scratch::new("leader");
    let (path, reader) = scratch.fifo("alive");
    let (exit, stdout, _) = ended(sh(&format!("exec 3>{path}; sleep 1000 & echo done")));
    assert_eq!((exit, stdout.as_str()), (Exit::Status(0), "done\n"));
    assert!(all_gone(reader));
}

#[test]
fn a_child_that_nobody_waits_for_goes_with_its_group() {
    let scratch = Scratch::new("drop");
    let (path, reader) = scratch.fifo("alive");
    run(async |executor, reaper| {
        let child = spawn(
            &reaper,
            &sh(&format!("exec 3>{path}; sleep 1000 & echo ready; wait")),
        )
        .unwrap();
        let ready = Rc::new(Cell::new(false));
        let heard = ready.clone();
        let task = executor.spawn(async move {
            child
                .finish(1000, &mut |_| true, &|_, _| heard.set(true))
                .await;
        });
        while !ready.get() {
            future::yield_now().await;
        }
        task.cancel().await;
    });
    assert!(all_gone(reader));
}

#[test]
fn after_the_end_nothing_is_left_and_nothing_is_started() {
    let problem = run(async |_, reaper| {
        let sleeping = spawn(&reaper, &line(&["sleep", "1000"])).unwrap();
        reaper.close();
        reaper.emptied().await;
        assert_eq!(finish(sleeping).await.exit, Exit::Signal(9));
        spawn(&reaper, &line(&["true"])).err().unwrap()
    });
    assert_eq!(problem, "true could not be started: the server is stopping");
}

/// A grandchild in a session of its own, which says its number and keeps stdout open.
fn escaped(scratch: &Scratch, then: &str) -> CommandLine {
    let (path, _reader) = scratch.fifo("escaped");
    let grandchild = format!("echo $$; echo out >{path}; {then}");
    sh(&format!(
        "setsid sh -c '{grandchild}' & read x <{path}; echo done"
    ))
}

fn kill_escaped(stdout: &str) {
    let number = stdout.split_whitespace().next().unwrap().parse().unwrap();
    let _ = kill_process_group(Pid::from_raw(number).unwrap(), Signal::KILL);
}

#[test]
fn a_grandchild_that_left_the_group_does_not_delay_the_answer() {
    let scratch = Scratch::new("escaped");
    let (exit, stdout, _) = ended(escaped(&scratch, "exec sleep 1000"));
    kill_escaped(&stdout);
    assert_eq!(exit, Exit::Status(0));
    assert!(stdout.ends_with("done\n"), "{stdout}");
}

#[test]
fn a_grandchild_that_floods_after_its_leader_does_not_either() {
    let scratch = Scratch::new("flooding");
    let line = escaped(&scratch, "while :; do echo y; done");
    let ended = run(async |_, reaper| {
        let child = spawn(&reaper, &line).unwrap();
        child.finish(100_000, &mut |_| true, &slowly).await
    });
    kill_escaped(&ended.stdout.into_text());
    assert_eq!(ended.exit, Exit::Status(0));
}

#[test]
fn an_endless_flood_leaves_turns_to_others() {
    let exit = run(async |executor, reaper| {
        let child = spawn(&reaper, &line(&["yes"])).unwrap();
        let group = child.group();
        let watcher = executor.spawn(async move {
            let ended = child.finish(100_000, &mut |_| true, &slowly).await;
            ended.exit
        });
        // As long as the flood lasts, this has to be polled again and again.
        let stopper = executor.spawn(async move {
            for _ in 0..10 {
                future::yield_now().await;
            }
            group.terminate();
        });
        stopper.await;
        watcher.await
    });
    assert_eq!(exit, Exit::Signal(15));
}

#[test]
fn what_cannot_be_started_is_named_with_what_to_look_at() {
    let scratch = Scratch::new("start");
    let plain = scratch.path("plain");
    std::fs::write(&plain, "x").unwrap();
    let script = scratch.path("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let garbage = scratch.path("garbage");
    std::fs::write(&garbage, "\u{7f}ELF?").unwrap();
    for file in [&script, &garbage] {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(file, permissions).unwrap();
    }
    let mut nowhere = line(&["true"]);
    nowhere.directory = Some("/no/such/directory".into());
    let mut lost = line(&["no-such-program"]);
    lost.environment = vec![("PATH".into(), "/opt/a:/opt/b".into())];
    for (line, reason) in [
        (
            line(&["no-such-program"]),
            "in none of the directories of PATH (/",
        ),
        (lost, "in none of the directories of PATH (/opt/a:/opt/b)"),
        (line(&["/no/such/program"]), "there is no such file"),
        (line(&[&plain]), "permissions"),
        (line(&[&script]), "interpreter"),
        (line(&[&garbage]), "format"),
        (line(&["echo", "a\0b"]), "nul byte"),
        (
            nowhere,
            "the working directory /no/such/directory does not exist",
        ),
        (
            line(&["echo", &"x".repeat(200_000)]),
            "arguments are too long",
        ),
    ] {
        let program = line.argv[0].clone();
        let problem = run(async |_, reaper| spawn(&reaper, &line).err().unwrap());
        assert!(
            problem.starts_with(&format!("{program} could not be started: ")),
            "{problem}"
        );
        assert!(problem.contains(reason), "{problem} lacks {reason}");
    }
}
