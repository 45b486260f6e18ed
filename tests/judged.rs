//! Judged questions: at which rank the right hit comes, beside plain orderings.
//!
//! `cargo test --release --test judged -- --ignored --nocapture` prints the table for the corpora
//! of `tests/insight/judged/README.md`, which lie below `SLIMCP_CORPORA`.
#![cfg(feature = "insight")]

#[path = "insight/judged/index.rs"]
mod index;
#[path = "insight/judged/table.rs"]
mod table;

use index::{Index, Order};
use slimcp::insight::{Kind, Shelf};
use std::path::{Path, PathBuf};
use table::{Question, Ranks, questions};

/// Where the corpora of the judged questions are: kind of question, folder, shelf.
const CORPORA: [(&str, &str, Shelf); 4] = [
    ("knowledge", "linux-doc", Shelf::Notes),
    ("code", "rust", Shelf::Sources),
    ("python", "python", Shelf::Sources),
    ("decisions", "adr", Shelf::Decisions),
];

#[test]
#[ignore = "wants corpora that are not part of the project"]
fn the_right_hits_come_early_in_large_corpora() {
    let corpora = PathBuf::from(std::env::var("SLIMCP_CORPORA").expect("SLIMCP_CORPORA is set"));
    let file = std::env::var("SLIMCP_QUESTIONS").unwrap_or_else(|_| "judged.tsv".to_string());
    let all = questions(&std::fs::read_to_string(table::folder().join(file)).expect("is there"));
    for (kind, folder, shelf) in CORPORA {
        let questions: Vec<&Question> = all.iter().filter(|each| each.kind == kind).collect();
        if questions.is_empty() || std::env::var("SLIMCP_KIND").is_ok_and(|only| only != kind) {
            continue;
        }
        let index = Index::of(&corpora.join(folder), shelf, &is_text);
        println!("\n{kind}: {} passages of {folder}", index.passages.len());
        let wanted = match shelf {
            Shelf::Sources => Kind::Code,
            Shelf::Notes | Shelf::Decisions => Kind::Text,
        };
        let ranks = Ranks::of(&questions, &index, wanted);
        println!("{ranks}");
    }
}

/// The project's own sources: small, and there whenever tests run.
#[test]
fn definitions_of_the_project_are_found_by_what_they_do() {
    let all = questions(include_str!("insight/judged/project.tsv"));
    let questions: Vec<&Question> = all.iter().collect();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let index = Index::of(&sources, Shelf::Sources, &is_text);
    let ranks = Ranks::of(&questions, &index, Kind::Code);
    println!("{ranks}");
    // A floor that no change may fall through: six questions tell nothing more.
    assert!(ranks.mean(Order::Ours) > 0.5, "{ranks}");
}

/// Files that a corpus consists of.
fn is_text(path: &Path) -> bool {
    let endings = ["rs", "py", "md", "rst", "txt"];
    path.extension()
        .is_some_and(|ending| endings.iter().any(|known| ending == *known))
}
