//! An index in memory, over the passages that the daemon has, ordered in several ways.

use crate::table::HITS_MAX;
use slimcp::insight::cut::cut;
use slimcp::insight::fields::fields;
use slimcp::insight::rank::{self, Collection, Counts, FIELDS, Formula, Judge, Vocabulary};
use slimcp::insight::words::{Words, likeness};
use slimcp::insight::{Kind, Passage, Shelf};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How hits are ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By how often the words of the question are there.
    Occurrences,
    /// By BM25 over plain words: runs of letters and digits, in small letters.
    Plain,
    /// As slimcp does.
    Ours,
}

impl Order {
    pub const ALL: [Order; 3] = [Order::Occurrences, Order::Plain, Order::Ours];

    pub fn name(self) -> &'static str {
        match self {
            Order::Occurrences => "occurrences",
            Order::Plain => "BM25",
            Order::Ours => "slimcp",
        }
    }
}

/// Where a passage is.
#[derive(Clone, Debug)]
pub struct Place {
    pub path: String,
    pub lines: (u32, u32),
}

/// A passage of the index.
pub struct Known {
    pub place: Place,
    kind: Kind,
    name: Option<String>,
    lengths: Counts,
    plain_length: u32,
}

type Postings = HashMap<String, Vec<(u32, Counts)>>;

/// The index.
#[derive(Default)]
pub struct Index {
    pub passages: Vec<Known>,
    words: Postings,
    plain: HashMap<String, Vec<(u32, u32)>>,
    /// Of words that were asked for; an index is asked for one kind only.
    frequencies: RefCell<HashMap<String, u64>>,
}

impl Index {
    /// Reads all wanted files of a folder.
    pub fn of(folder: &Path, shelf: Shelf, is_wanted: &dyn Fn(&Path) -> bool) -> Index {
        let mut index = Index::default();
        let folder = fs::canonicalize(folder).expect("the folder is there");
        let mut paths = Vec::new();
        walk(&folder, &mut paths);
        paths.sort();
        for path in paths.iter().filter(|path| is_wanted(path)) {
            if let Ok(text) = fs::read_to_string(path) {
                let path = path.strip_prefix(&folder).expect("is below the folder");
                index.file(shelf, &path.to_string_lossy(), &text);
            }
        }
        index
    }

    fn file(&mut self, shelf: Shelf, path: &str, text: &str) {
        for passage in cut(shelf, path, text).passages {
            self.passage(path, text, &passage);
        }
    }

    fn passage(&mut self, path: &str, text: &str, passage: &Passage) {
        let id = self.passages.len() as u32;
        let whole = &text[passage.text.clone()];
        let mut counts: HashMap<String, Counts> = HashMap::new();
        let mut lengths = [0; FIELDS];
        let mut words = Words::default();
        for (field, text) in fields(passage, text, path).iter().enumerate() {
            words.of(text, &mut |word| {
                counts.entry(word.to_string()).or_default()[field] += 1;
                lengths[field] += 1;
            });
        }
        for (word, counts) in counts {
            self.words.entry(word).or_default().push((id, counts));
        }
        let mut plain: HashMap<String, u32> = HashMap::new();
        for word in plain_words(whole).chain(plain_words(&passage.title)) {
            *plain.entry(word).or_default() += 1;
        }
        let plain_length = plain.values().sum();
        for (word, count) in plain {
            self.plain.entry(word).or_default().push((id, count));
        }
        let place = Place {
            path: path.to_string(),
            lines: (passage.line, passage.line_last),
        };
        let name = rank::word_of_name(&passage.title);
        self.passages.push(Known {
            place,
            name,
            kind: passage.kind,
            lengths,
            plain_length,
        });
    }

    /// The first hits of a question.
    pub fn ask(&self, question: &str, kind: Kind, order: Order) -> Vec<Place> {
        let scores = match order {
            Order::Occurrences => self.plain_scores(question, kind, &|count, _, _| count),
            Order::Plain => self.plain_scores(question, kind, &bm25),
            Order::Ours => self.scores(question, kind),
        };
        let mut scores: Vec<(u32, f32)> = scores.into_iter().collect();
        scores.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let hits = scores.iter().take(HITS_MAX);
        hits.map(|(id, _)| self.passages[*id as usize].place.clone())
            .collect()
    }

    fn is(&self, id: u32, kind: Kind) -> bool {
        self.passages[id as usize].kind == kind
    }

    /// Sums what each word counts, from its count, the length of the passage as a share of the
    /// mean, and the rarity of the word.
    fn plain_scores(
        &self,
        question: &str,
        kind: Kind,
        gain: &dyn Fn(f32, f32, f32) -> f32,
    ) -> HashMap<u32, f32> {
        let known: Vec<&Known> = self
            .passages
            .iter()
            .filter(|each| each.kind == kind)
            .collect();
        let length: f32 = known.iter().map(|each| each.plain_length as f32).sum();
        let mean = length / known.len().max(1) as f32;
        let mut scores = HashMap::new();
        let mut words: Vec<String> = plain_words(question).collect();
        words.sort();
        words.dedup();
        for word in words {
            let Some(postings) = self.plain.get(&word) else {
                continue;
            };
            let here = postings.iter().filter(|(id, _)| self.is(*id, kind));
            let here: Vec<&(u32, u32)> = here.collect();
            let frequency = here.len() as f32;
            let rarity = ((known.len() as f32 - frequency + 0.5) / (frequency + 0.5) + 1.0).ln();
            for (id, count) in here {
                let share = self.passages[*id as usize].plain_length as f32 / mean;
                *scores.entry(*id).or_default() += gain(*count as f32, share, rarity);
            }
        }
        scores
    }

    fn scores(&self, question: &str, kind: Kind) -> HashMap<u32, f32> {
        let view = View { index: self, kind };
        let formula = formula(kind);
        let terms = rank::terms(question, &formula, &view);
        if std::env::var("SLIMCP_SHOW").is_ok() {
            for term in &terms {
                println!(
                    "  {} {} {:.2} {}",
                    term.group, term.word, term.weight, term.frequency
                );
            }
        }
        let collection = self.collection(kind);
        let judge = Judge::new(formula, collection, &terms);
        let mut counts: HashMap<u32, Vec<Counts>> = HashMap::new();
        for (at, term) in terms.iter().enumerate() {
            let here = self.words[&term.word]
                .iter()
                .filter(|(id, _)| self.is(*id, kind));
            for (id, found) in here {
                counts
                    .entry(*id)
                    .or_insert_with(|| vec![[0; FIELDS]; terms.len()])[at] = *found;
            }
        }
        let score =
            |id: u32, counts: &[Counts]| judge.score(&self.passages[id as usize].lengths, counts);
        counts
            .iter()
            .map(|(id, counts)| (*id, score(*id, counts)))
            .collect()
    }

    fn collection(&self, kind: Kind) -> Collection {
        let known = self.passages.iter().filter(|each| each.kind == kind);
        let mut means = [0.0; FIELDS];
        let mut passages = 0;
        for each in known {
            passages += 1;
            (0..FIELDS).for_each(|field| means[field] += each.lengths[field] as f32);
        }
        Collection {
            passages,
            means: means.map(|sum| sum / passages.max(1) as f32),
        }
    }
}

/// What is set for a kind, with what `SLIMCP_FORMULA` sets instead: twelve numbers.
fn formula(kind: Kind) -> Formula {
    let formula = if kind == Kind::Code {
        rank::CODE
    } else {
        rank::TEXT
    };
    let Ok(numbers) = std::env::var("SLIMCP_FORMULA") else {
        return formula;
    };
    let n: Vec<f32> = numbers
        .split_whitespace()
        .map(|each| each.parse().expect("number"))
        .collect();
    Formula {
        fields: [n[0], n[1], n[2], n[3]],
        lengths: [n[4], n[5], n[6], n[7]],
        saturation: n[8],
        coverage: n[9],
        further: n[10],
        kin: n[11],
    }
}

fn bm25(count: f32, share: f32, rarity: f32) -> f32 {
    rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * share))
}

fn plain_words(text: &str) -> impl Iterator<Item = String> {
    let words = text
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("is a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

/// The words of one kind of passages.
struct View<'a> {
    index: &'a Index,
    kind: Kind,
}

impl Vocabulary for View<'_> {
    fn frequency(&self, word: &str) -> u64 {
        let postings = self
            .index
            .words
            .get(word)
            .map_or(&[][..], |postings| postings);
        postings
            .iter()
            .filter(|(id, _)| self.index.is(*id, self.kind))
            .count() as u64
    }

    fn alike(&self, word: &str) -> Vec<String> {
        let words = self.index.words.keys();
        words
            .filter(|other| likeness(word, other) > 0.4)
            .cloned()
            .collect()
    }

    fn neighbours(&self, _word: &str, _written: &str) -> Vec<(String, f32)> {
        Vec::new()
    }
}
