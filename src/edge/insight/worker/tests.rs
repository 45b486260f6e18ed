//! The thread's work without the thread: step by step.

use super::super::custom::with_decisions;
use super::super::{State, shared};
use super::*;
use crate::edge::files::read_as_indexed;
use crate::edge::place::Place;
use crate::insight::answer::Hit;
use crate::insight::query::Query;
use crate::tool::catalogue::Body;
use crate::tool::handler::Ended;
use smol::channel::Sender;
use std::fs;
use std::time::SystemTime;

/// A folder of its own, gone with the test.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Scene {
        let name = format!("slimcp-worker-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("notes")).unwrap();
        Scene(path)
    }

    fn write(&self, way: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(way);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn spec(&self) -> InsightSpec {
        InsightSpec {
            sources: Vec::new(),
            notes: vec![self.0.join("notes")],
            decisions: Vec::new(),
            finds_decisions: false,
            include: Vec::new(),
            exclude: Vec::new(),
            file_bytes_max: 1000,
            files_max: 100,
            state: self.0.join("state"),
            rescan: Duration::from_secs(600),
        }
    }

    fn work(&self) -> Work {
        Work::new(self.spec())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A worker that nobody has started.
struct Work {
    worker: Worker,
    questions: Sender<Question>,
}

impl Work {
    fn new(spec: InsightSpec) -> Work {
        let (questions, asked) = smol::channel::bounded(1);
        let indexing = Arc::new(Mutex::new(Indexing::begun(SystemTime::now())));
        Work {
            worker: Worker::new(shared(spec), asked, indexing, Bell::new().unwrap()),
            questions,
        }
    }

    fn step(&mut self) -> Phase {
        let step = self.worker.step();
        self.worker.advance(&step);
        self.worker.pass.phase()
    }

    /// Goes on until there is nothing to do. Returns the phases, each once, with the last.
    fn pass(&mut self) -> Vec<Phase> {
        let mut phases = vec![self.worker.pass.phase()];
        while !matches!(phases.last(), Some(Phase::Resting(_) | Phase::Failed(_))) {
            let phase = self.step();
            phases.extend(Some(phase).filter(|phase| phases.last() != Some(phase)));
        }
        phases
    }

    /// Has it look at everything once more.
    fn pass_again(&mut self) -> Vec<Phase> {
        self.worker.advance(&Step::Woken);
        self.pass()
    }

    fn indexing(&self) -> Indexing {
        self.worker.progress.told().clone()
    }

    fn ask(&self, query: &Query) -> Vec<Hit> {
        let store = self.worker.store.as_ref().unwrap();
        let Ok(Found::Hits(hits)) = ask::ask(store, &self.worker.spec, query) else {
            panic!("{query:?} is not answered with hits")
        };
        hits
    }

    /// The URIs of all decisions, or of those that are about the words.
    fn decisions(&self, words: Option<&str>) -> Vec<String> {
        let store = self.worker.store.as_ref().unwrap();
        let (status, words) = (None, words.map(str::to_string));
        let query = Query::Decisions { status, words };
        match ask::ask(store, &self.worker.spec, &query) {
            Ok(Found::Decisions(decisions)) => decisions.into_iter().map(|each| each.uri).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The names of the files that have a word.
    fn found(&self, word: &str) -> Vec<String> {
        let (words, limit) = (word.to_string(), 50);
        let hits = self.ask(&Query::Knowledge { words, limit });
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
        let mut names: Vec<String> = hits.iter().map(|hit| name(&hit.path)).collect();
        names.sort();
        names
    }
}

#[test]
fn an_index_is_whole_while_it_is_looked_through_again_and_after_a_restart() {
    let scene = Scene::new("whole");
    scene.write("notes/a.md", "lamp");
    let mut work = scene.work();
    while !matches!(work.step(), Phase::Resting(_)) {
        assert!(!work.indexing().is_whole);
    }
    assert!(work.indexing().is_whole);
    scene.write("notes/b.md", "lamp");
    work.worker.advance(&Step::Woken);
    while !matches!(work.step(), Phase::Resting(_)) {
        assert!(work.indexing().is_whole);
    }
    assert_eq!(work.found("lamp"), ["a.md", "b.md"]);
    drop(work);
    let mut work = scene.work();
    work.step();
    assert!(work.indexing().is_whole);
    assert_eq!(work.indexing().state, State::Working);
    drop(work);
    // What another folder has was never looked at.
    let mut spec = scene.spec();
    spec.notes.push(scene.0.join("more"));
    let mut work = Work::new(spec);
    work.step();
    assert!(!work.indexing().is_whole);
    work.pass();
    assert!(work.indexing().is_whole);
    work.pass_again();
    assert!(work.indexing().is_whole);
}

#[test]
fn a_trouble_goes_away_when_it_is_mended_and_comes_back_with_it() {
    let scene = Scene::new("trouble");
    let mut spec = scene.spec();
    let more = scene.0.join("more");
    spec.notes.push(more.clone());
    let mut work = Work::new(spec);
    work.pass();
    for _ in 0..2 {
        let trouble = work.indexing().trouble;
        assert_eq!(trouble.len(), 1, "{trouble:?}");
        assert!(trouble[0].contains("more cannot be read"), "{trouble:?}");
        fs::create_dir(&more).unwrap();
        work.pass_again();
        assert_eq!(work.indexing().trouble, [""; 0]);
        fs::remove_dir(&more).unwrap();
        work.pass_again();
    }
}

#[test]
fn a_fault_goes_away_when_it_is_mended() {
    let scene = Scene::new("fault");
    scene.write("notes/a.md", "lamp");
    let in_the_way = scene.write("state", "a file");
    let mut work = scene.work();
    assert!(matches!(work.pass().last(), Some(Phase::Failed(_))));
    assert!(work.indexing().trouble[0].contains("insight.state"));
    assert!(work.worker.absent().contains("insight.state"));
    fs::remove_file(in_the_way).unwrap();
    work.pass_again();
    assert_eq!(work.indexing().trouble, [""; 0]);
    assert_eq!(work.found("lamp"), ["a.md"]);
}

#[test]
fn an_index_that_is_whole_is_walked_once_and_new_folders_are_followed() {
    let scene = Scene::new("once");
    scene.write("notes/a.md", "lamp");
    scene.write("notes/b.md", "lamp");
    let mut work = scene.work();
    assert!(work.pass().contains(&Phase::Counting));
    assert_eq!(work.indexing().files_all, 2);
    scene.write("notes/new/c.md", "lamp");
    work.worker.advance(&Step::Woken);
    assert_eq!(work.indexing().files_all, 2);
    let resting = Phase::Resting(scene.spec().rescan);
    assert_eq!(work.pass(), [Phase::Walking, Phase::Sweeping, resting]);
    assert_eq!(work.indexing().files_all, 3);
    let watch = work.worker.watch.as_mut().unwrap();
    assert!(!watch.take());
    scene.write("notes/new/c.md", "lamp again");
    assert!(watch.take());
    fs::remove_dir_all(scene.0.join("notes/new")).unwrap();
    work.pass_again();
    let indexing = work.indexing();
    assert_eq!((indexing.files_done, indexing.files_all), (2, 2));
}

#[test]
fn the_name_of_a_folder_above_does_not_count() {
    let scene = Scene::new("above");
    let score = |folder: &str| {
        let source = format!("{folder}/app");
        scene.write(&format!("{source}/lamp.rs"), "/// Lights.\nfn lamp() {}\n");
        let mut spec = scene.spec();
        spec.sources = vec![scene.0.join(source)];
        spec.state = scene.0.join(folder).join("state");
        let mut work = Work::new(spec);
        work.pass();
        let query = Query::Code {
            words: "lamp".to_string(),
            limit: 1,
            language: None,
        };
        work.ask(&query)[0].score
    };
    assert_eq!(score("tests"), score("srv"));
}

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_change_that_the_kernel_tells_of_leads_to_a_pass_that_reads_what_has_changed() {
    let scene = Scene::new("change");
    scene.write("notes/a.md", "lamp");
    scene.write("notes/b.md", "lamp");
    let mut work = scene.work();
    work.pass();
    scene.write("notes/b.md", "candle");
    // It has been told already, so that nothing is slept through.
    work.worker.sleep(PATIENCE);
    let changed = work.worker.changed.expect("a change is told");
    // Nobody waits for it to settle: it was told a while ago.
    work.worker.changed = changed.checked_sub(PATIENCE);
    let rest = scene.spec().rescan;
    work.worker.rest(changed - PATIENCE, rest);
    assert_eq!(work.worker.pass.phase(), Phase::Walking);
    assert_eq!(work.worker.changed, None);
    work.pass();
    assert_eq!(work.found("candle"), ["b.md"]);
    assert_eq!(work.found("lamp"), ["a.md"]);
}

#[test]
fn lines_of_utf_16_are_those_of_what_its_resource_shows() {
    let scene = Scene::new("windows");
    let nothing = "nichts, und das in vielen Worten\r\n".repeat(100);
    let text = format!("# Grüße\r\n\r\n{nothing}\r\n## Lampe\r\n\r\nlamp\r\n");
    let units = || std::iter::once(0xfeff).chain(text.encode_utf16());
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    scene.write("notes/little.txt.md", &little);
    scene.write("notes/big.txt.md", &big);
    let mut spec = scene.spec();
    spec.file_bytes_max = 10_000;
    let mut work = Work::new(spec);
    work.pass();
    let (words, limit) = ("lamp".to_string(), 50);
    let hits = work.ask(&Query::Knowledge { words, limit });
    assert_eq!(hits.len(), 2);
    for hit in hits {
        assert_eq!((hit.line, hit.line_last), (104, 106));
        assert!(hit.snippet.starts_with("## Lampe"), "{hit:?}");
        let place = Place {
            path: hit.path.into(),
            within: Some(scene.0.join("notes")),
        };
        let shown = read_as_indexed(&place, 10_000);
        let Ended::Contents(contents) = shown else {
            panic!("{shown:?}")
        };
        assert_eq!(contents[0].body, Body::Text(text.clone()));
    }
}

#[test]
fn a_file_that_cannot_be_taken_is_told_of_in_each_pass() {
    let scene = Scene::new("latin");
    // Each strange byte becomes three, which is more than there may be.
    scene.write("notes/a.md", b"gr\xfc\xdfe an".repeat(125));
    let mut work = scene.work();
    work.pass();
    for _ in 0..2 {
        let trouble = work.indexing().trouble;
        assert!(trouble[0].contains("insight.file_max"), "{trouble:?}");
        work.pass_again();
    }
    scene.write("notes/a.md", "lamp");
    work.pass_again();
    assert_eq!(work.indexing().trouble, [""; 0]);
    assert_eq!(work.found("lamp"), ["a.md"]);
}

#[test]
fn a_folder_of_decisions_that_appears_is_known_from_the_next_pass_on() {
    let scene = Scene::new("custom");
    scene.write("app/docs/lamp.md", "# Lamps\n\nThey are lit.\n");
    let mut spec = scene.spec();
    spec.sources = vec![scene.0.join("app")];
    spec.finds_decisions = true;
    let mut work = Work::new(spec);
    work.pass();
    assert_eq!(work.decisions(None), [""; 0]);
    let record = "# 1. Use lamps\n\n## Status\n\nAccepted\n";
    scene.write("app/docs/adr/0001-use-lamps.md", record);
    work.pass_again();
    let uri = "insight://adr/0001-use-lamps.md";
    assert_eq!(work.decisions(None), [uri]);
    assert_eq!(work.worker.spec.decisions, [scene.0.join("app/docs/adr")]);
    fs::rename(scene.0.join("app/docs/adr"), scene.0.join("app/docs/old")).unwrap();
    work.pass_again();
    assert_eq!(work.decisions(None), [""; 0]);
    fs::rename(scene.0.join("app/docs/old"), scene.0.join("app/adr")).unwrap();
    work.pass_again();
    assert_eq!(work.decisions(None), [uri]);
    assert_eq!(work.indexing().trouble, [""; 0]);
}

#[test]
fn a_file_on_another_shelf_than_before_is_read_again() {
    let scene = Scene::new("shelf");
    let record = "# 1. Use lamps\n\n## Status\n\nAccepted\n";
    scene.write("app/adr/0001-use-lamps.md", record);
    let mut spec = scene.spec();
    spec.sources = vec![scene.0.join("app")];
    let mut work = Work::new(spec.clone());
    work.pass();
    assert_eq!(work.decisions(None), [""; 0]);
    drop(work);
    spec.finds_decisions = true;
    let mut work = Work::new(spec);
    work.pass();
    assert_eq!(work.decisions(None), ["insight://adr/0001-use-lamps.md"]);
}

#[test]
fn a_folder_of_decisions_is_found_inside_the_code_only() {
    let scene = Scene::new("inside");
    scene.write("app/lamp.rs", "fn lamp() {}");
    scene.write(
        "elsewhere/0001-secret.md",
        "# 1. Secret\n\n## Status\n\nAccepted\n",
    );
    std::os::unix::fs::symlink(scene.0.join("elsewhere"), scene.0.join("app/adr")).unwrap();
    let mut spec = scene.spec();
    spec.sources = vec![scene.0.join("app")];
    spec.finds_decisions = true;
    assert_eq!(with_decisions(&spec).decisions, [""; 0].map(PathBuf::from));
    // Even if one was found there before it became a link.
    spec.decisions = vec![scene.0.join("app/adr")];
    let path = scene.0.join("app/adr/0001-secret.md");
    assert!(walk::read(&spec, &path).is_err());
}

#[test]
fn questions_wait_for_an_index_that_is_opened_or_made_anew() {
    let scene = Scene::new("waits");
    scene.write("notes/a.md", "lamp");
    let mut work = scene.work();
    let (words, limit) = ("lamp".to_string(), 1);
    let (answer, _answered) = smol::channel::bounded(1);
    let question = (Query::Knowledge { words, limit }, answer);
    work.questions.try_send(question.clone()).unwrap();
    assert!(work.worker.question().is_err());
    work.step();
    assert!(work.worker.question().is_ok());
    work.pass();
    let damage = Fault::Broken("bits".to_string());
    work.worker.advance(&Step::Fault(damage));
    work.questions.try_send(question).unwrap();
    assert!(work.worker.question().is_err());
    work.step();
    assert!(work.worker.question().is_ok());
    work.pass();
    assert_eq!(work.found("lamp"), ["a.md"]);
    assert_eq!(work.indexing().trouble, [""; 0]);
}

#[test]
fn a_decision_is_judged_as_a_whole() {
    let scene = Scene::new("wholes");
    let filler = "What follows from it is told at length, so that it is a section. ".repeat(4);
    let record = |number: u32, sections: [&str; 2]| {
        let [context, decision] = sections;
        let context = format!("## Context\n\n{context} {filler}");
        let decision = format!("## Decision\n\n{decision} {filler}");
        let text = format!("# {number}. Record\n\n{context}\n\n{decision}\n");
        scene.write(&format!("adr/{number:04}-record.md"), text);
    };
    record(1, ["A lamp, a lamp.", ""]);
    record(2, ["A lamp.", "The harbour."]);
    record(3, ["", ""]);
    let spec = InsightSpec {
        notes: Vec::new(),
        decisions: vec![scene.0.join("adr")],
        ..scene.spec()
    };
    let mut work = Work::new(spec);
    work.pass();
    let uri = |number: u32| format!("insight://adr/{number:04}-record.md");
    // The lamps of the first are in one section, the words that are asked for in none together.
    assert_eq!(work.decisions(Some("lamp harbour")), [uri(2), uri(1)]);
    assert_eq!(work.decisions(Some("lamp")), [uri(1), uri(2)]);
    assert_eq!(work.decisions(Some("zebra")), [""; 0]);
    assert_eq!(work.decisions(None), [uri(1), uri(2), uri(3)]);
}
