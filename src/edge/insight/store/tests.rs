use super::candidates::{Sought, Wanted};
use super::write::{Entry, Read};
use super::*;
use crate::insight::decision::Record;
use crate::insight::{Kind, Passage, Shelf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("slimcp-store-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    fn open(&self) -> Store {
        Store::open(&self.0, "test").unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn entry(kind: Kind, words: [&str; FIELDS]) -> Entry {
    Entry {
        passage: Passage {
            kind,
            title: words[0].to_string(),
            line: 3,
            line_last: 9,
            text: 10..90,
            comment: 10..20,
            signature: 20..30,
        },
        words: words.map(str::to_string),
    }
}

fn put(store: &mut Store, path: &str, stamp: u64, entries: &[Entry]) {
    let read = Read {
        path: Path::new(path),
        stamp,
        shelf: Shelf::Sources,
        language: Some("rust"),
    };
    store.replace(read, entries, None).unwrap();
}

fn found(store: &Store, kind: Kind, word: &str) -> Vec<PathBuf> {
    let sought = [Sought { word, weight: 1.0 }];
    let candidates = store
        .candidates(kind, &sought, &Wanted::default(), 100)
        .unwrap();
    let kept = candidates
        .iter()
        .map(|each| store.passage(each.passage).unwrap().unwrap());
    kept.map(|kept| kept.path).collect()
}

#[test]
fn a_passage_is_found_by_the_words_of_its_fields() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let words = [
        "store open",
        "make folder",
        "folder",
        "connection open open open",
        "src store",
    ];
    put(&mut store, "/a/store.rs", 1, &[entry(Kind::Code, words)]);
    let sought = ["open", "folder", "absent"].map(|word| Sought { word, weight: 1.0 });
    let candidates = store
        .candidates(Kind::Code, &sought, &Wanted::default(), 10)
        .unwrap();
    assert_eq!(candidates.len(), 1);
    assert_eq!(candidates[0].lengths, [2, 2, 1, 4, 2]);
    assert_eq!(
        candidates[0].counts,
        [[1, 0, 0, 3, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]]
    );
    let kept = store.passage(candidates[0].passage).unwrap().unwrap();
    assert_eq!((kept.line, kept.line_last, kept.text), (3, 9, 10..90));
    assert_eq!(kept.language.as_deref(), Some("rust"));
}

#[test]
fn a_kind_does_not_find_the_other() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    put(
        &mut store,
        "/a",
        1,
        &[entry(Kind::Text, ["", "", "", "lamp", ""])],
    );
    assert_eq!(found(&store, Kind::Text, "lamp"), [Path::new("/a")]);
    assert!(found(&store, Kind::Code, "lamp").is_empty());
    assert_eq!(store.frequency(Kind::Code, "lamp"), Ok(0));
    assert_eq!(store.frequency(Kind::Text, "lamp"), Ok(1));
}

#[test]
fn a_file_that_is_read_again_takes_the_place_of_what_it_was() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let two = ["one two", "three four"].map(|body| entry(Kind::Code, ["", "", "", body, "path"]));
    put(&mut store, "/a", 1, &two);
    put(
        &mut store,
        "/b",
        1,
        &[entry(Kind::Code, ["", "", "", "two", "path"])],
    );
    put(
        &mut store,
        "/a",
        2,
        &[entry(Kind::Code, ["", "", "", "five", "path"])],
    );
    store.commit().unwrap();
    assert_eq!(found(&store, Kind::Code, "two"), [Path::new("/b")]);
    assert_eq!(found(&store, Kind::Code, "five"), [Path::new("/a")]);
    assert_eq!(store.frequency(Kind::Code, "three"), Ok(0));
    assert_eq!(store.frequency(Kind::Code, "path"), Ok(2));
    assert_eq!(store.stamp(Path::new("/a")), Ok(Some(2)));
    let tally = store.tally(Kind::Code).unwrap();
    assert_eq!((tally.passages, tally.words), (2, [0, 0, 0, 2, 2]));
}

#[test]
fn a_file_that_is_removed_leaves_nothing() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    put(
        &mut store,
        "/a",
        1,
        &[entry(Kind::Code, ["one", "", "two", "three", "four"])],
    );
    store.remove(Path::new("/a")).unwrap();
    store.remove(Path::new("/never")).unwrap();
    store.commit().unwrap();
    assert!(found(&store, Kind::Code, "three").is_empty());
    assert_eq!(store.tally(Kind::Code), Ok(Default::default()));
    assert_eq!(store.files(), Ok(0));
}

#[test]
fn only_the_language_that_is_wanted_is_found() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    put(
        &mut store,
        "/a.rs",
        1,
        &[entry(Kind::Code, ["", "", "", "lamp", ""])],
    );
    let sought = [Sought {
        word: "lamp",
        weight: 1.0,
    }];
    assert_eq!(store.languages().unwrap(), ["rust"]);
    for (language, count) in [(None, 1), (Some("rust"), 1), (Some("c"), 0)] {
        let wanted = Wanted {
            language,
            shelf: Some(Shelf::Sources),
        };
        let candidates = store.candidates(Kind::Code, &sought, &wanted, 9).unwrap();
        assert_eq!(candidates.len(), count, "{language:?}");
    }
}

#[test]
fn rare_words_come_first_and_no_more_than_wanted() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    for file in 0..20 {
        let body = if file == 17 { "common rare" } else { "common" };
        let path = format!("/{file}");
        put(
            &mut store,
            &path,
            1,
            &[entry(Kind::Code, ["", "", "", body, ""])],
        );
    }
    let sought = ["common", "rare"].map(|word| Sought { word, weight: 1.0 });
    let candidates = store
        .candidates(Kind::Code, &sought, &Wanted::default(), 3)
        .unwrap();
    assert_eq!(candidates.len(), 3);
    let first = store.passage(candidates[0].passage).unwrap().unwrap();
    assert_eq!(first.path, Path::new("/17"));
    assert_eq!(candidates[0].counts, [[0, 0, 0, 1, 0], [0, 0, 0, 1, 0]]);
    assert_eq!(candidates[1].counts, [[0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]);
}

#[test]
fn what_was_committed_is_there_after_an_end_and_files_come_by_path() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    for path in ["/c", "/a\nb", "/b"] {
        put(
            &mut store,
            path,
            7,
            &[entry(Kind::Text, ["", "", "", "lamp", ""])],
        );
    }
    store.commit().unwrap();
    drop(store);
    let mut store = scratch.open();
    assert_eq!(store.take_made(), None);
    let files = store.files_after(Path::new(""), 2).unwrap();
    assert_eq!(files, [Path::new("/a\nb"), Path::new("/b")]);
    assert_eq!(store.files_after(&files[1], 2).unwrap(), [Path::new("/c")]);
    assert_eq!(found(&store, Kind::Text, "lamp").len(), 3);
}

#[test]
fn words_that_look_alike_are_found_by_what_they_share() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let body = "connection connect disconnected lamp größe";
    put(
        &mut store,
        "/a",
        1,
        &[entry(Kind::Text, ["", "", "", body, ""])],
    );
    let alike = store.alike("connected", 3).unwrap();
    assert_eq!(alike, ["disconnected", "connection", "connect"]);
    assert_eq!(store.alike("größer", 2).unwrap(), ["größe"]);
    assert!(store.alike("xy", 2).unwrap().is_empty());
    let words = store.words_after(0, 2).unwrap();
    assert_eq!(
        words,
        [(1, "connection".to_string()), (2, "connect".to_string())]
    );
    assert_eq!(store.words_after(2, 9).unwrap().len(), 3);
}

#[test]
fn records_of_decisions_come_by_number() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    let record = |number| Record {
        number,
        title: "use lamps".to_string(),
        supersedes: vec![1, 2],
        ..Record::default()
    };
    for (path, number) in [("/x", None), ("/b", Some(10)), ("/c", Some(9))] {
        let path = Path::new(path);
        let read = Read {
            path,
            stamp: 1,
            shelf: Shelf::Decisions,
            language: None,
        };
        store.replace(read, &[], Some(&record(number))).unwrap();
    }
    let records = store.records(10).unwrap();
    let numbers: Vec<Option<u32>> = records.iter().map(|(_, record)| record.number).collect();
    assert_eq!(numbers, [Some(9), Some(10), None]);
    assert_eq!(records[0].1, record(Some(9)));
}

#[test]
fn a_second_one_hears_that_the_folder_is_taken() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert_eq!(Store::open(&scratch.0, "test").err(), Some(Fault::Taken));
    drop(store);
    assert!(Store::open(&scratch.0, "test").is_ok());
}

#[test]
fn nobody_else_may_read_the_index() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let mut store = scratch.open();
    put(&mut store, "/a", 1, &[]);
    store.commit().unwrap();
    for part in ["index.db", "index.db-wal", "lock"] {
        let mode = fs::metadata(scratch.0.join(part))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{part}");
    }
}

#[test]
fn an_index_of_other_contents_is_made_anew() {
    let scratch = Scratch::new();
    let mut store = scratch.open();
    put(
        &mut store,
        "/a",
        1,
        &[entry(Kind::Text, ["", "", "", "lamp", ""])],
    );
    store.commit().unwrap();
    drop(store);
    let mut store = Store::open(&scratch.0, "other").unwrap();
    assert!(store.take_made().is_some());
    assert_eq!(store.files(), Ok(0));
}
