//! An index in memory, over the passages that the daemon has, ordered in several ways. A decision
//! is one passage, as the daemon judges it as a whole.

use crate::table::HITS_MAX;
use slimcp::insight::cut::cut;
use slimcp::insight::fields::fields;
use slimcp::insight::rank::{self, Collection, Counts, FIELDS, Judge, Vocabulary};
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
    title: String,
    lengths: Counts,
    plain_length: u32,
}

type Postings = HashMap<String, Vec<(u32, Counts)>>;

/// The index.
pub struct Index {
    shelf: Shelf,
    pub passages: Vec<Known>,
    words: Postings,
    plain: HashMap<String, Vec<(u32, u32)>>,
    /// Of words that were asked for; an index is asked for one kind only.
    frequencies: RefCell<HashMap<String, u64>>,
}

impl Index {
    /// Reads all wanted files of a folder.
    pub fn of(folder: &Path, shelf: Shelf, is_wanted: &dyn Fn(&Path) -> bool) -> Index {
        let mut index = Index {
            shelf,
            passages: Vec::new(),
            words: HashMap::new(),
            plain: HashMap::new(),
            frequencies: RefCell::default(),
        };
        let folder = fs::canonicalize(folder).expect("the folder is there");
        let mut paths = Vec::new();
        walk(&folder, &mut paths);
        paths.sort();
        for path in paths.iter().filter(|path| is_wanted(path)) {
            if let Ok(text) = fs::read_to_string(path) {
                let path = path.strip_prefix(&folder).expect("is below the folder");
                index.file(&path.to_string_lossy(), &text);
            }
        }
        index
    }

    fn file(&mut self, path: &str, text: &str) {
        let passages = cut(self.shelf, path, text).passages;
        let together = match self.shelf {
            Shelf::Decisions => passages.len().max(1),
            Shelf::Sources | Shelf::Notes => 1,
        };
        for passages in passages.chunks(together) {
            self.add(path, text, passages);
        }
    }

    /// Adds passages as one.
    fn add(&mut self, path: &str, text: &str, passages: &[Passage]) {
        let id = self.passages.len() as u32;
        let mut counts: HashMap<String, Counts> = HashMap::new();
        let mut plain: HashMap<String, u32> = HashMap::new();
        let mut lengths = [0; FIELDS];
        let mut words = Words::default();
        for passage in passages {
            for (field, text) in fields(passage, text, path).iter().enumerate() {
                words.of(text, &mut |word| {
                    counts.entry(word.to_string()).or_default()[field] += 1;
                    lengths[field] += 1;
                });
            }
            let whole = &text[passage.text.clone()];
            for word in plain_words(whole).chain(plain_words(&passage.title)) {
                *plain.entry(word).or_default() += 1;
            }
        }
        for (word, counts) in counts {
            self.words.entry(word).or_default().push((id, counts));
        }
        let plain_length = plain.values().sum();
        for (word, count) in plain {
            self.plain.entry(word).or_default().push((id, count));
        }
        let (first, last) = (&passages[0], &passages[passages.len() - 1]);
        let place = Place {
            path: path.to_string(),
            lines: (first.line, last.line_last),
        };
        self.passages.push(Known {
            place,
            title: first.title.clone(),
            kind: first.kind,
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
        let formula = match (kind, self.shelf) {
            (Kind::Code, _) => rank::CODE,
            (Kind::Text, Shelf::Decisions) => rank::DECISION,
            (Kind::Text, Shelf::Sources | Shelf::Notes) => rank::TEXT,
        };
        let terms = rank::terms(question, &formula, &view);
        let collection = self.collection(kind);
        let judge = Judge::new(formula, collection, &terms);
        let mut counts: HashMap<u32, Vec<Counts>> = HashMap::new();
        for (at, term) in terms.iter().enumerate() {
            let here = self.words[&term.word].iter();
            for (id, found) in here.filter(|(id, _)| self.is(*id, kind)) {
                let all = counts
                    .entry(*id)
                    .or_insert_with(|| vec![[0; FIELDS]; terms.len()]);
                all[at] = *found;
            }
        }
        let score = |id: u32, counts: &[Counts]| {
            let known = &self.passages[id as usize];
            let score = judge.score(&known.lengths, counts);
            if kind == Kind::Text {
                return score;
            }
            let name = rank::word_of_name(&known.title);
            let frequency = name.map_or(0, |name| view.frequency(&name));
            let Known { place, title, .. } = known;
            score * rank::standing(&place.path, title, collection.passages, frequency)
        };
        let scores = counts.iter().map(|(id, counts)| (*id, score(*id, counts)));
        scores.collect()
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
        if let Some(known) = self.index.frequencies.borrow().get(word) {
            return *known;
        }
        let postings = self
            .index
            .words
            .get(word)
            .map_or(&[][..], |postings| postings);
        let here = postings
            .iter()
            .filter(|(id, _)| self.index.is(*id, self.kind))
            .count() as u64;
        self.index
            .frequencies
            .borrow_mut()
            .insert(word.to_string(), here);
        here
    }

    fn alike(&self, word: &str) -> Vec<String> {
        let words = self.index.words.keys();
        words
            .filter(|other| likeness(word, other) > 0.4)
            .cloned()
            .collect()
    }
}
