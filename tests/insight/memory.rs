//! What the thread takes of memory, whatever it reads.

use crate::tree::{Scratch, ask, spec, wait};
use slimcp::edge::insight::Insight;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// KiB that the thread may take while it indexes and answers.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// Files of the tree, with words that no other file has.
const FILES: usize = 1500;

/// What tells this program to index, and where.
const CHILD: &str = "SLIMCP_TEST_MEMORY";

/// The most that this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Not a test by itself: what the process does that is measured.
#[test]
fn child_indexes_a_large_tree() {
    let Some(tree) = env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let before = peak_kib();
    let insight = Insight::start(spec(&tree, &tree.join("state"))).unwrap();
    wait(&insight, |indexing| indexing.finished.is_some());
    ask(
        &insight,
        "common words of all files and section w17 w18 w19 w20 w21 sectoin",
    );
    let after = peak_kib();
    println!("{before} KiB before, {after} KiB at most");
    assert!(
        after - before < GROWTH_KIB_MAX,
        "{before} KiB before, {after} KiB at most"
    );
}

#[test]
fn a_large_tree_takes_no_more_than_16_mib() {
    let scratch = Scratch::new();
    scratch.grow(FILES);
    let notes = scratch.0.join("notes");
    for file in 0..100 {
        let words = (0..3000).map(|word| format!("u{file}x{word}"));
        let words: Vec<String> = words.collect();
        fs::write(notes.join(format!("unique{file}.md")), words.join(" ")).unwrap();
    }
    // The largest file that is read: one line, many lines, many sections.
    for (name, line) in [
        ("line", "lamp "),
        ("lines", "lamp\n"),
        ("sections", "# lamp\n\nx\n\n"),
    ] {
        let text = line.repeat(1024 * 1024 / line.len());
        fs::write(notes.join(format!("{name}.md")), text).unwrap();
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([
        "--exact",
        "memory::child_indexes_a_large_tree",
        "--nocapture",
    ]);
    let output = child.env(CHILD, &scratch.0).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{output:?}");
    print!("{text}");
}
