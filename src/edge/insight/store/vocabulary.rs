//! Which words there are, and which of them look alike.

use super::{Fault, Store, integer};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Words that are remembered as known, 8 bytes each: a file has few that the last ones had not.
const SEEN_WORDS: usize = 16 * 1024;

/// Words that are compared for one question.
const ALIKE_MAX: usize = 16 * 1024;

/// Words that are known to be in the vocabulary, by their hashes; each pushes another one out.
#[derive(Default)]
pub(super) struct Seen(Vec<u64>);

impl Seen {
    /// Puts words into the vocabulary, with blanks between them. They stay when no file has them
    /// any more: their frequency says so.
    pub(super) fn learn(&mut self, connection: &Connection, words: &str) -> Result<(), Fault> {
        for word in words.split_ascii_whitespace() {
            if self.is_new(word) {
                let query = "INSERT OR IGNORE INTO word(word) VALUES (?)";
                if connection.prepare_cached(query)?.execute([word])? == 1 {
                    let query = "INSERT INTO gram(rowid, word) VALUES (?, ?)";
                    let id = connection.last_insert_rowid();
                    connection
                        .prepare_cached(query)?
                        .execute(params![id, word])?;
                }
            }
        }
        Ok(())
    }

    fn is_new(&mut self, word: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        // Zero is for a place without a word.
        let hash = hasher.finish() | 1 << 63;
        self.0.resize(SEEN_WORDS, 0);
        let place = &mut self.0[hash as usize % SEEN_WORDS];
        std::mem::replace(place, hash) != hash
    }
}

impl Store {
    /// Words after the one with number `after`, with their numbers: all that any file had since
    /// the index was made, `words_max` at most.
    pub fn words_after(&self, after: i64, words_max: usize) -> Result<Vec<(i64, String)>, Fault> {
        let query = "SELECT id, word FROM word WHERE id > ? ORDER BY id LIMIT ?";
        let mut find = self.connection.prepare_cached(query)?;
        let rows = find.query_map(params![after, integer(words_max)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Words that share runs of three letters with `word`, those that share most first.
    pub fn alike(&self, word: &str, words_max: usize) -> Result<Vec<String>, Fault> {
        let mut shared: HashMap<i64, usize> = HashMap::new();
        for gram in grams(word) {
            let query = "SELECT doc FROM gram_word WHERE term = ?";
            let mut find = self.connection.prepare_cached(query)?;
            let mut rows = find.query([gram])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                if shared.len() < ALIKE_MAX || shared.contains_key(&id) {
                    *shared.entry(id).or_default() += 1;
                }
            }
        }
        let mut shared: Vec<(i64, usize)> = shared.into_iter().collect();
        shared.sort_unstable_by_key(|(id, runs)| (std::cmp::Reverse(*runs), *id));
        let mut find = self
            .connection
            .prepare_cached("SELECT word FROM word WHERE id = ?")?;
        let ids = shared.iter().take(words_max);
        let words = ids.map(|(id, _)| find.query_row([id], |row| row.get(0)));
        Ok(words.collect::<Result<_, _>>()?)
    }
}

/// Runs of three letters, each once.
fn grams(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut grams: Vec<String> = letters.windows(3).map(|run| run.iter().collect()).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}
