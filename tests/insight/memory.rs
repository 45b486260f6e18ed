//! What the thread takes of memory, whatever it reads.

use crate::tree::{Scratch, ask, spec, wait};
use slimcp::edge::insight::{Insight, State};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Bytes of one MiB.
const MIB: usize = 1024 * 1024;

/// Files of the tree, with words that no other file has.
const FILES: usize = 1500;

/// What tells this program to index, and where.
const CHILD: &str = "SLIMCP_TEST_MEMORY";

/// What tells it how large files may be.
const FILE_MAX: &str = "SLIMCP_TEST_FILE_MAX";

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
    let mut spec = spec(&tree, &tree.join("state"));
    let file_max = env::var(FILE_MAX).expect("it is told");
    spec.file_bytes_max = file_max.parse().unwrap();
    let before = peak_kib();
    let insight = Insight::start(spec.clone()).unwrap();
    let indexing = wait(&insight, |indexing| indexing.state != State::Working);
    assert_eq!(indexing.trouble, Vec::<String>::new());
    assert_eq!(indexing.state, State::Resting);
    ask(
        &insight,
        "common words of all files and section w17 w18 w19 w20 w21 sectoin",
    );
    let after = peak_kib();
    println!("{before} KiB before, {after} KiB at most");
    let growth_kib_max = spec.thread_bytes_max() as u64 / 1024;
    assert!(
        after - before < growth_kib_max,
        "{before} KiB before, {after} KiB at most"
    );
}

/// Has a process index a tree with large files.
fn run(scratch: &Scratch, file_bytes_max: usize) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([
        "--exact",
        "memory::child_indexes_a_large_tree",
        "--nocapture",
    ]);
    child.env(FILE_MAX, file_bytes_max.to_string());
    let output = child.env(CHILD, &scratch.0).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{output:?}");
    print!("{text}");
}

/// As many of something as have so many bytes at most.
fn fill(bytes_max: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0.. {
        let line = line(number);
        if text.len() + line.len() > bytes_max {
            break;
        }
        text += &line;
    }
    text
}

/// Writes the largest files that are read: one line, many lines, many sections, words that no other
/// has, more definitions than passages are kept, one comment.
fn grow_large(scratch: &Scratch, bytes_max: usize) {
    let same = |line: &str| line.repeat(bytes_max / line.len());
    let files = [
        ("notes/line.md", same("lamp ")),
        ("notes/lines.md", same("lamp\n")),
        ("notes/sections.md", same("# lamp\n\nx\n\n")),
        (
            "notes/words.md",
            fill(bytes_max, |number| format!("fooBar{number} ")),
        ),
        (
            "code/definitions.rs",
            fill(bytes_max, |number| {
                format!("/// Does it.\nfn foo_bar{number}() {{ a_b() }}\n")
            }),
        ),
        (
            "code/comment.rs",
            fill(bytes_max - 20, |_| "/// A fooBar.\n".to_string()) + "fn foo() {}\n",
        ),
    ];
    for (way, text) in files {
        assert!(text.len() <= bytes_max, "{way}");
        fs::write(scratch.0.join(way), text).unwrap();
    }
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
    grow_large(&scratch, MIB);
    assert_eq!(
        spec(&scratch.0, &scratch.state()).thread_bytes_max(),
        16 * MIB
    );
    run(&scratch, MIB);
}

#[test]
fn larger_files_take_no_more_than_is_told() {
    let scratch = Scratch::new();
    scratch.grow(FILES);
    grow_large(&scratch, 5 * MIB);
    run(&scratch, 5 * MIB);
}
