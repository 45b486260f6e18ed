//! A process that is killed while it indexes: the next one serves, and the index is as if nothing
//! had happened.

use crate::tree::{Scratch, ask, spec, wait_for_rest};
use slimcp::edge::insight::store::{Fault, Store};
use slimcp::edge::insight::{self, Insight};
use slimcp::insight::Kind;
use slimcp::insight::answer::Found;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How often the process is killed.
const KILLS: u32 = 100;

/// Files of the tree: some kills come early, most in the middle.
const FILES: usize = 600;

/// Processes that may come to the end before they are killed.
const DONE_MAX: u32 = 300;

/// What tells this program to index, and where.
const CHILD: &str = "SLIMCP_TEST_INDEXES";

/// Not a test by itself: what the process does that is killed.
#[test]
fn child_indexes_until_it_is_killed() {
    let Some(tree) = env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let insight = Insight::start(spec(&tree, &tree.join("state"))).unwrap();
    // The next start serves: at once, whatever there is.
    match ask(&insight, "common") {
        Found::Hits(_) => {}
        Found::Failed(why) => assert!(why.contains("being opened"), "{why}"),
        other => panic!("{other:?}"),
    }
    wait_for_rest(&insight);
    fs::write(tree.join("done"), "").unwrap();
    thread::park();
}

fn start(tree: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        "--exact",
        "ends::child_indexes_until_it_is_killed",
        "--nocapture",
    ]);
    command.env(CHILD, tree).stdout(Stdio::null());
    command.spawn().unwrap()
}

/// Random numbers of a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Everything that is in an index, by file, without the numbers that passages happen to have.
fn contents(scratch: &Scratch, state: &Path) -> Vec<String> {
    let store = open(scratch, state).unwrap();
    let mut lines = Vec::new();
    for kind in [Kind::Code, Kind::Text] {
        lines.push(format!("{kind:?} {:?}", store.tally(kind).unwrap()));
    }
    let mut after = 0;
    loop {
        let words = store.words_after(after, 100).unwrap();
        let Some((last, _)) = words.last() else { break };
        after = *last;
        for (_, word) in &words {
            lines.extend(places(&store, word));
        }
    }
    lines.sort();
    lines
}

fn places(store: &Store, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for kind in [Kind::Code, Kind::Text] {
        let mut places = Vec::new();
        let mut tell = |passage, field, count| {
            places.push((passage, field, count));
        };
        store.places(kind, word, &mut tell).unwrap();
        for (passage, field, count) in places {
            let kept = store
                .passage(passage)
                .unwrap()
                .expect("a word is in a passage");
            let (path, line, text) = (kept.path.display(), kept.line, kept.text);
            found.push(format!(
                "{kind:?} {word} {path}:{line} {text:?} {field} {count}"
            ));
        }
    }
    found
}

#[test]
fn an_index_that_was_killed_a_hundred_times_is_as_a_fresh_one() {
    let scratch = Scratch::new();
    scratch.grow(FILES);
    let seed = 0x5EED_0006;
    let mut random = Random(seed);
    let (mut kills, mut done) = (0, 0);
    while kills < KILLS {
        let mut child = start(&scratch.0);
        // The moment is what is drawn: nothing waits for this to be long enough.
        thread::sleep(Duration::from_micros(random.below(100_000)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            status.signal(),
            Some(9),
            "the process ended by itself: {status}"
        );
        if fs::remove_file(scratch.0.join("done")).is_err() {
            kills += 1;
            continue;
        }
        // It would have nothing to do any more: files change, some go.
        done += 1;
        assert!(
            done < DONE_MAX,
            "seed {seed}: too few were killed in time, {kills}"
        );
        change(&scratch, &mut random, done);
    }
    let insight = Insight::start(scratch.spec()).unwrap();
    let indexing = wait_for_rest(&insight);
    assert_eq!(
        indexing.trouble,
        Vec::<String>::new(),
        "seed {seed}, {done} were done"
    );
    end(insight, &scratch, &scratch.state());
    let fresh = scratch.0.join("fresh");
    let insight = Insight::start(spec(&scratch.0, &fresh)).unwrap();
    wait_for_rest(&insight);
    end(insight, &scratch, &fresh);
    println!("{done} came to the end");
    let (killed, fresh) = (
        contents(&scratch, &scratch.state()),
        contents(&scratch, &fresh),
    );
    assert!(fresh.len() > 1000, "{}", fresh.len());
    let differing = killed.iter().zip(&fresh).find(|(one, other)| one != other);
    assert_eq!(differing, None, "seed {seed}, {done} came to the end");
    assert_eq!(killed.len(), fresh.len());
}

/// Writes most of the notes anew and removes a program.
fn change(scratch: &Scratch, random: &mut Random, round: u32) {
    for file in 0..FILES {
        let note = random.below(FILES as u64);
        let text = format!("# Changed in {round}\n\ncommon number{file}\n");
        fs::write(scratch.0.join(format!("notes/{note}.md")), text).unwrap();
    }
    let program = random.below(FILES as u64);
    let _ = fs::remove_file(scratch.0.join(format!("code/{program}.rs")));
}

/// Opens an index as it is: of other contents it would be made anew.
fn open(scratch: &Scratch, state: &Path) -> Result<Store, Fault> {
    let mut store = Store::open(state, &insight::contents(&scratch.spec()))?;
    assert_eq!(store.take_made(), None);
    Ok(store)
}

/// Ends the thread, and waits until it has let go of the folder.
fn end(insight: Insight, scratch: &Scratch, state: &Path) {
    drop(insight);
    while open(scratch, state).is_err() {
        thread::yield_now();
    }
}
