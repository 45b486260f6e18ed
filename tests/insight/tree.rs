//! Folders to know, and what is known of them.

use slimcp::edge::insight::{Indexing, Insight, State};
use slimcp::insight::answer::Found;
use slimcp::insight::query::Query;
use slimcp::insight::spec::InsightSpec;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes away with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slimcp-insight-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// What is configured: notes and code of this folder.
    pub fn spec(&self) -> InsightSpec {
        spec(&self.0, &self.state())
    }

    /// Writes a tree of files: notes about a number each, and some code.
    pub fn grow(&self, files: usize) {
        let (notes, code) = (self.0.join("notes"), self.0.join("code"));
        fs::create_dir_all(&notes).unwrap();
        fs::create_dir_all(&code).unwrap();
        for file in 0..files {
            let mut text = format!("# About number{file}\n\nCommon words of all.\n");
            for section in 0..6 {
                let words =
                    (0..40).map(|word| format!("w{}", (file * 7 + section * 31 + word) % 997));
                let words: Vec<String> = words.collect();
                text += &format!("\n## Section {section}\n\n{}\n", words.join(" "));
            }
            fs::write(notes.join(format!("{file}.md")), text).unwrap();
            if file % 4 == 0 {
                let text = format!(
                    "/// Adds to lamp{file}.\npub fn add_lamp{file}(x: u32) -> u32 {{\n    x + {file}\n}}\n"
                );
                fs::write(code.join(format!("{file}.rs")), text).unwrap();
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is configured for a tree.
pub fn spec(tree: &Path, state: &Path) -> InsightSpec {
    InsightSpec {
        sources: vec![tree.join("code")],
        notes: vec![tree.join("notes")],
        decisions: Vec::new(),
        finds_decisions: false,
        include: Vec::new(),
        exclude: Vec::new(),
        file_bytes_max: 1024 * 1024,
        files_max: 20_000,
        state: state.to_path_buf(),
        rescan: Duration::from_secs(3600),
    }
}

/// Looks again and again until `is_so`, and says what was seen.
pub fn wait(insight: &Insight, is_so: impl Fn(&Indexing) -> bool) -> Indexing {
    let start = Instant::now();
    loop {
        let indexing = insight.indexing();
        if is_so(&indexing) {
            return indexing;
        }
        assert!(start.elapsed() < PATIENCE, "still {indexing:?}");
        thread::yield_now();
    }
}

/// Waits until all is indexed.
pub fn wait_for_rest(insight: &Insight) -> Indexing {
    wait(insight, |indexing| indexing.state == State::Resting)
}

/// Asks for notes.
pub fn ask(insight: &Insight, words: &str) -> Found {
    let words = words.to_string();
    smol::block_on(insight.ask(Query::Knowledge { words, limit: 50 }))
}

/// The paths and lines of notes with these words, in no order.
pub fn found(insight: &Insight, words: &str) -> BTreeSet<(String, u32)> {
    match ask(insight, words) {
        Found::Hits(hits) => hits.into_iter().map(|hit| (hit.path, hit.line)).collect(),
        other => panic!("{words}: {other:?}"),
    }
}
