//! Which passages share words with a question.
//!
//! Words are looked up rarest first, and what is noted of them is bounded. Words that come once
//! there is no room for more are frequent: they count for passages only that rarer words have
//! found.

use super::read::row_path;
use super::write::shelf_number;
use super::{FIELDS, Fault, Store};
use crate::insight::{Kind, Shelf};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::HashMap;
use std::path::PathBuf;

/// Places of words that are noted for one question, 16 bytes each, and about as many for the
/// passages that they are in: 3 MiB at most.
const NOTES_MAX: usize = 65_536;

/// A word that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The word.
    pub word: &'a str,
    /// How much it counts in the rough order: 1 for a word of the question, less for a neighbour.
    pub weight: f32,
}

/// Which passages are wanted of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Those in this language only, as `language` calls it.
    pub language: Option<&'a str>,
    /// Those of files on this shelf only.
    pub shelf: Option<Shelf>,
}

/// A passage that has words of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The passage.
    pub passage: i64,
    /// The file that it is of.
    pub file: i64,
    /// Words of each field.
    pub lengths: Lengths,
    /// How often each word that was sought is in each field; as many as are sought.
    pub counts: Vec<[u32; FIELDS]>,
}

/// Words of each field.
pub type Lengths = [u32; FIELDS];

/// A word in a field of a passage.
#[derive(Clone, Copy)]
struct Note {
    passage: i64,
    /// Its place among those that are sought.
    word: u16,
    field: u8,
    count: u16,
}

/// What was found of all words.
#[derive(Default)]
struct Notes {
    notes: Vec<Note>,
    /// Passages, and how well they do.
    scores: HashMap<i64, f32>,
    /// Words that were not noted everywhere.
    cut: Vec<usize>,
}

impl Store {
    /// The passages of a kind that are wanted and have any of the words: those
    /// `candidates_max` that come first in a rough order by rarity and weight.
    pub fn candidates(
        &self,
        kind: Kind,
        sought: &[Sought<'_>],
        wanted: &Wanted<'_>,
        candidates_max: usize,
    ) -> Result<Vec<Candidate>, Fault> {
        let sought = &sought[..sought.len().min(usize::from(u16::MAX))];
        let notes = self.note(kind, sought)?;
        let mut candidates = Vec::new();
        for passage in notes.best_first() {
            if candidates.len() == candidates_max {
                break;
            }
            if let Some((file, lengths)) = self.lengths(passage, wanted)? {
                let counts = vec![[0; FIELDS]; sought.len()];
                candidates.push(Candidate {
                    passage,
                    file,
                    lengths,
                    counts,
                });
            }
        }
        self.count(kind, sought, notes, &mut candidates)?;
        Ok(candidates)
    }

    /// Looks up where the words are.
    fn note(&self, kind: Kind, sought: &[Sought<'_>]) -> Result<Notes, Fault> {
        let mut notes = Notes::default();
        let passages = self.tally(kind)?.passages as f32;
        for (word, frequency) in self.rarest_first(kind, sought)? {
            let Sought { word: text, weight } = sought[word];
            let score = weight * (1.0 + passages / frequency as f32).ln();
            let mut is_cut = false;
            self.places(kind, text, &mut |passage, field, count| {
                let (word, field) = (word as u16, field as u8);
                is_cut |= !notes.add(
                    Note {
                        passage,
                        word,
                        field,
                        count,
                    },
                    score,
                );
            })?;
            if is_cut {
                notes.cut.push(word);
            }
        }
        Ok(notes)
    }

    /// The words that are there by their places in `sought`, with their frequencies.
    fn rarest_first(&self, kind: Kind, sought: &[Sought<'_>]) -> Result<Vec<(usize, u64)>, Fault> {
        let mut words = Vec::with_capacity(sought.len());
        for (word, each) in sought.iter().enumerate() {
            let frequency = self.frequency(kind, each.word)?;
            if frequency > 0 {
                words.push((word, frequency));
            }
        }
        words.sort_by_key(|(_, frequency)| *frequency);
        Ok(words)
    }

    /// The file of a passage, and the words of each of its fields; none if it is not wanted.
    fn lengths(&self, passage: i64, wanted: &Wanted<'_>) -> Result<Option<(i64, Lengths)>, Fault> {
        let shelf = wanted.shelf.map(shelf_number);
        let mut find = self.connection.prepare_cached(
            "SELECT file, words_name, words_summary, words_comment, words_body, words_path
                FROM passage JOIN file ON file.id = passage.file
                WHERE passage.id = ?1 AND (?2 IS NULL OR language = ?2)
                    AND (?3 IS NULL OR shelf = ?3)",
        )?;
        let found = find.query_row(params![passage, wanted.language, shelf], |row| {
            Ok((row.get(0)?, lengths(row, 1)?))
        });
        Ok(found.optional()?)
    }

    /// The path of a file, and the words of each field of all its passages; none if it has gone.
    pub fn whole(&self, file: i64) -> Result<Option<(PathBuf, Lengths)>, Fault> {
        let mut find = self.connection.prepare_cached(
            "SELECT path, sum(words_name), sum(words_summary), sum(words_comment),
                    sum(words_body), sum(words_path)
                FROM file JOIN passage
                    ON passage.id >= first AND passage.id < first + file.passages
                WHERE file.id = ? GROUP BY file.id",
        )?;
        let found = find.query_row([file], |row| Ok((row_path(row, 0)?, lengths(row, 1)?)));
        Ok(found.optional()?)
    }

    /// Fills in how often the words are in the candidates.
    fn count(
        &self,
        kind: Kind,
        sought: &[Sought<'_>],
        notes: Notes,
        candidates: &mut [Candidate],
    ) -> Result<(), Fault> {
        let places = candidates.iter().enumerate();
        let places: HashMap<i64, usize> = places
            .map(|(place, candidate)| (candidate.passage, place))
            .collect();
        for note in &notes.notes {
            if let Some(place) = places.get(&note.passage) {
                let counts = &mut candidates[*place].counts[usize::from(note.word)];
                counts[usize::from(note.field)] = note.count.into();
            }
        }
        for word in notes.cut {
            self.places(kind, sought[word].word, &mut |passage, field, count| {
                if let Some(place) = places.get(&passage) {
                    candidates[*place].counts[word][field] = count.into();
                }
            })?;
        }
        Ok(())
    }
}

/// The words of each field, in columns from `first` on.
fn lengths(row: &Row<'_>, first: usize) -> rusqlite::Result<Lengths> {
    let mut lengths = [0; FIELDS];
    for (field, words) in lengths.iter_mut().enumerate() {
        *words = row.get(first + field)?;
    }
    Ok(lengths)
}

impl Notes {
    /// Takes a place of a word into account. Returns whether there was room to note it.
    fn add(&mut self, note: Note, score: f32) -> bool {
        if self.notes.len() < NOTES_MAX {
            *self.scores.entry(note.passage).or_default() += score;
            self.notes.push(note);
            return true;
        }
        if let Some(sum) = self.scores.get_mut(&note.passage) {
            *sum += score;
        }
        false
    }

    /// The passages, best first; equal ones in the order of the index.
    fn best_first(&self) -> impl Iterator<Item = i64> + use<> {
        let scores = self.scores.iter();
        let mut passages: Vec<(i64, f32)> = scores.map(|(id, score)| (*id, *score)).collect();
        passages.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        passages.into_iter().map(|(passage, _)| passage)
    }
}
