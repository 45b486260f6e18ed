//! A file becomes what the index keeps of it.

use super::store::FIELDS;
use super::store::write::Entry;
use crate::insight::cut::{Cut, cut};
use crate::insight::decision::{self, Record};
use crate::insight::fields::fields;
use crate::insight::query::first_bytes;
use crate::insight::words::Words;
use crate::insight::{Passage, Shelf};

/// Bytes of the words of one field of a passage. Beyond that it is what was left of a file with too
/// many passages, or no text that anybody wrote; SQLite would have no memory for it.
const WORDS_BYTES_MAX: usize = 64 * 1024;

/// What the index keeps of a file.
pub(super) struct Made {
    /// The language, of code.
    pub language: Option<&'static str>,
    /// Its passages with their words.
    pub entries: Vec<Entry>,
    /// What it says of a decision.
    pub record: Option<Record>,
}

/// Makes entries of files.
#[derive(Default)]
pub(super) struct Entries {
    words: Words,
}

impl Entries {
    /// What is kept of a file at `way` below its folder.
    pub fn of(&mut self, shelf: Shelf, way: &str, text: &str) -> Made {
        let Cut { language, passages } = cut(shelf, way, text);
        let entries = passages.into_iter().map(|passage| {
            let words = self.fields(&passage, way, text);
            Entry { passage, words }
        });
        let record = (shelf == Shelf::Decisions).then(|| decision::record(way, text));
        Made {
            language,
            entries: entries.collect(),
            record: record.flatten(),
        }
    }

    /// The words of each field of a passage.
    fn fields(&mut self, passage: &Passage, way: &str, text: &str) -> [String; FIELDS] {
        fields(passage, text, way).map(|text| self.words_of(&text))
    }

    fn words_of(&mut self, text: &str) -> String {
        let mut joined = String::new();
        let text = first_bytes(text, WORDS_BYTES_MAX);
        self.words.of(text, &mut |word| {
            if joined.len() + word.len() < WORDS_BYTES_MAX {
                joined.push_str(word);
                joined.push(' ');
            }
        });
        joined
    }
}
