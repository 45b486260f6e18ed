//! What may be wrong with the state folder and what is in it: the index is made anew, or it says
//! what is wrong and how it is put right.

use crate::tree::{Scratch, ask, found, spec, wait, wait_for_rest};
use slimcp::edge::insight::{Insight, State};
use slimcp::insight::answer::Found;
use slimcp::insight::query::Query;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::process::Command;
use std::thread;

/// Files of the tree.
const FILES: usize = 40;

/// Where the database is.
fn database(scratch: &Scratch) -> PathBuf {
    scratch.state().join("index.db")
}

/// Indexes a tree and ends.
fn index(scratch: &Scratch) {
    scratch.grow(FILES);
    let insight = Insight::start(scratch.spec()).unwrap();
    wait_for_rest(&insight);
    drop(insight);
    while fs::metadata(scratch.state().join("index.db-wal")).is_ok_and(|found| found.len() > 0) {
        thread::yield_now();
    }
}

/// Starts again, and sees that all is found.
fn check(scratch: &Scratch, what: &str) {
    let insight = Insight::start(scratch.spec()).unwrap();
    wait(&insight, |indexing| indexing.finished.is_some());
    for file in [0, FILES / 2, FILES - 1] {
        let hits = found(&insight, &format!("number{file}"));
        let path = scratch
            .0
            .join(format!("notes/{file}.md"))
            .display()
            .to_string();
        assert!(hits.contains(&(path, 1)), "{what}: {hits:?}");
    }
}

#[test]
fn a_database_that_is_cut_short_is_made_anew() {
    let scratch = Scratch::new();
    index(&scratch);
    let whole = fs::read(database(&scratch)).unwrap();
    for length in [0, 1, 99, 100, 4095, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(database(&scratch), &whole[..length]).unwrap();
        check(&scratch, &format!("{length} bytes"));
    }
}

#[test]
fn a_database_with_flipped_bits_harms_nobody() {
    let scratch = Scratch::new();
    index(&scratch);
    let whole = fs::read(database(&scratch)).unwrap();
    let mut state: u64 = 0x5EED;
    let mut random = |end: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % end
    };
    for round in 0..40 {
        let mut bytes = whole.clone();
        // Few flips may go unseen; many are seen.
        for _ in 0..1 << (round % 10) {
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
        }
        fs::write(database(&scratch), &bytes).unwrap();
        let insight = Insight::start(scratch.spec()).unwrap();
        wait_for_rest(&insight);
        for word in ["common", "number7", "w17 w20", "absent", "nmber7"] {
            ask(&insight, word);
        }
        wait_for_rest(&insight);
    }
}

#[test]
fn a_file_that_is_no_database_is_made_anew() {
    let scratch = Scratch::new();
    index(&scratch);
    fs::write(database(&scratch), "Dear diary.".repeat(1000)).unwrap();
    check(&scratch, "a text");
}

#[test]
fn a_folder_in_the_place_of_the_database_is_moved_aside() {
    let scratch = Scratch::new();
    scratch.grow(FILES);
    fs::create_dir_all(database(&scratch)).unwrap();
    fs::write(database(&scratch).join("mine"), "keep").unwrap();
    check(&scratch, "a folder");
    let kept = scratch.state().join("index.db.aside/mine");
    assert_eq!(fs::read_to_string(kept).unwrap(), "keep");
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named_to_whoever_asks() {
    let scratch = Scratch::new();
    scratch.grow(1);
    fs::write(scratch.0.join("file"), "").unwrap();
    let insight = Insight::start(spec(&scratch.0, &scratch.0.join("file/state"))).unwrap();
    let indexing = wait(&insight, |indexing| indexing.state == State::Failed);
    assert!(
        indexing.trouble[0].contains("insight.state"),
        "{indexing:?}"
    );
    let Found::Failed(why) = ask(&insight, "common") else {
        panic!("there is no index")
    };
    assert!(why.contains("insight.state"), "{why}");
}

#[test]
fn a_second_process_says_that_the_folder_is_taken_and_goes_on_when_it_is_free() {
    let scratch = Scratch::new();
    scratch.grow(4);
    let first = Insight::start(scratch.spec()).unwrap();
    wait_for_rest(&first);
    let second = Insight::start(scratch.spec()).unwrap();
    let indexing = wait(&second, |indexing| indexing.state == State::Failed);
    assert!(
        indexing.trouble[0].contains("another process"),
        "{indexing:?}"
    );
    drop(first);
    wait(&second, |indexing| indexing.finished.is_some());
    assert!(!found(&second, "number3").is_empty());
}

#[test]
fn a_thread_that_comes_after_another_waits_for_the_folder_and_questions_wait_too() {
    let scratch = Scratch::new();
    scratch.grow(4);
    let first = Insight::start(scratch.spec()).unwrap();
    wait_for_rest(&first);
    let second = first.succeed(scratch.spec()).unwrap();
    {
        let words = "number3".to_string();
        let mut asked = pin!(second.ask(Query::Knowledge { words, limit: 50 }));
        let early = smol::block_on(smol::future::poll_once(&mut asked));
        assert_eq!(early, None, "the first has the folder");
        drop(first);
        let Found::Hits(hits) = smol::block_on(asked) else {
            panic!("it has waited long enough")
        };
        assert!(!hits.is_empty());
    }
    assert_eq!(wait_for_rest(&second).trouble, Vec::<String>::new());
    // One that nobody wants any more does not stand in the way of the next.
    drop(second.succeed(scratch.spec()).unwrap());
    let third = second.succeed(scratch.spec()).unwrap();
    drop(second);
    assert!(!found(&third, "number3").is_empty());
}

/// What tells this program to index on a full disk, and where.
const CHILD: &str = "SLIMCP_TEST_FULL";

/// Not a test by itself: what the process does whose disk is full.
#[test]
fn child_indexes_on_a_full_disk() {
    let Some(tree) = env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let scratch = std::mem::ManuallyDrop::new(Scratch(tree));
    let insight = Insight::start(scratch.spec()).unwrap();
    wait_for_rest(&insight);
    assert!(!found(&insight, "number1").is_empty());
    drop(insight);
    scratch.grow(4000);
    let insight = loop {
        let insight = Insight::start(scratch.spec()).unwrap();
        let indexing = wait(&insight, |indexing| indexing.state != State::Working);
        if indexing.state == State::Resting {
            break insight;
        }
    };
    let indexing = insight.indexing();
    assert_eq!(indexing.finished, None);
    assert!(
        indexing.trouble[0].contains("insight.state"),
        "{indexing:?}"
    );
    // What was there serves on.
    assert!(!found(&insight, "number1").is_empty());
    fs::write(scratch.0.join("served"), "").unwrap();
}

/// Runs the child in a shell that first says what is to be full.
fn run_full(scratch: &Scratch, shell: &mut Command) {
    shell.arg(env::current_exe().unwrap());
    shell.env(CHILD, &scratch.0).env("STATE", scratch.state());
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{output:?}");
    assert!(scratch.0.join("served").exists(), "{text}{output:?}");
}

/// What a shell runs.
const RUN: &str = "exec \"$0\" --exact damage::child_indexes_on_a_full_disk";

#[test]
fn files_that_must_not_grow_are_reported_and_the_old_index_serves() {
    let scratch = Scratch::new();
    scratch.grow(4);
    let script = format!("trap '' XFSZ; ulimit -f 800; {RUN}");
    run_full(&scratch, Command::new("sh").args(["-c", &script]));
}

#[test]
fn a_full_disk_is_reported_and_the_old_index_serves() {
    let scratch = Scratch::new();
    scratch.grow(4);
    fs::create_dir_all(scratch.state()).unwrap();
    let mount = "mount -t tmpfs -o size=1m none \"$STATE\"";
    let mut may = Command::new("unshare");
    may.args(["-m", "sh", "-c", mount]);
    let may = may.env("STATE", scratch.state()).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("skipped: only root may mount a small disk");
        return;
    }
    let script = format!("{mount} && {RUN}");
    let mut shell = Command::new("unshare");
    run_full(&scratch, shell.args(["-m", "sh", "-c", &script]));
}
