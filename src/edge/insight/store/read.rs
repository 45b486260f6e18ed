//! What is known of files, passages, words and decisions.

use super::write::{Tally, kind_number, shelf_number};
use super::{FIELDS, Fault, Store, integer};
use crate::insight::decision::Record;
use crate::insight::{Kind, Shelf};
use rusqlite::{OptionalExtension, Row, params};
use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is known of a passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// What its folder was named as.
    pub shelf: Shelf,
    /// The language, of code.
    pub language: Option<String>,
    /// [`Passage::title`](crate::insight::Passage::title).
    pub title: String,
    /// Its first line, counted from one.
    pub line: u32,
    /// Its last line.
    pub line_last: u32,
    /// Where it was in the file, in bytes, when the file was read.
    pub text: Range<u64>,
    /// The file as it was then.
    pub stamp: u64,
}

impl Store {
    /// The stamp of a file that is known.
    pub fn stamp(&self, path: &Path) -> Result<Option<u64>, Fault> {
        let query = "SELECT stamp FROM file WHERE path = ?";
        let mut find = self.connection.prepare_cached(query)?;
        let found = find.query_row([path.as_os_str().as_bytes()], |row| row.get::<_, i64>(0));
        Ok(found.optional()?.map(i64::cast_unsigned))
    }

    /// The next known files by path, `files_max` at most, after `path`.
    pub fn files_after(&self, path: &Path, files_max: usize) -> Result<Vec<PathBuf>, Fault> {
        let query = "SELECT path FROM file WHERE path > ? ORDER BY path LIMIT ?";
        let mut find = self.connection.prepare_cached(query)?;
        let after = path.as_os_str().as_bytes();
        let rows = find.query_map(params![after, integer(files_max)], |row| row_path(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Files that are known.
    pub fn files(&self) -> Result<u32, Fault> {
        let mut count = self
            .connection
            .prepare_cached("SELECT count(*) FROM file")?;
        Ok(count.query_row([], |row| row.get(0))?)
    }

    /// The languages that there is code in, by name.
    pub fn languages(&self) -> Result<Vec<String>, Fault> {
        let query = "SELECT DISTINCT language FROM file WHERE language IS NOT NULL ORDER BY 1";
        let mut find = self.connection.prepare_cached(query)?;
        let rows = find.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How much there is of a kind of passages.
    pub fn tally(&self, kind: Kind) -> Result<Tally, Fault> {
        let query = "SELECT passages, words_name, words_summary, words_comment, words_body,
            words_path FROM tally WHERE kind = ?";
        let mut find = self.connection.prepare_cached(query)?;
        Ok(find.query_row([kind_number(kind)], tally)?)
    }

    /// How much there is on a shelf, each file counted as one passage.
    pub fn tally_of_files(&self, shelf: Shelf) -> Result<Tally, Fault> {
        let query = "SELECT count(DISTINCT file.id), ifnull(sum(words_name), 0),
                ifnull(sum(words_summary), 0), ifnull(sum(words_comment), 0),
                ifnull(sum(words_body), 0), ifnull(sum(words_path), 0)
            FROM file JOIN passage ON passage.id >= first AND passage.id < first + file.passages
            WHERE shelf = ?";
        let mut find = self.connection.prepare_cached(query)?;
        Ok(find.query_row([shelf_number(shelf)], tally)?)
    }

    /// Passages of a kind that have a word.
    pub fn frequency(&self, kind: Kind, word: &str) -> Result<u64, Fault> {
        let query = match kind {
            Kind::Code => "SELECT doc FROM code_frequency WHERE term = ?",
            Kind::Text => "SELECT doc FROM text_frequency WHERE term = ?",
        };
        let mut find = self.connection.prepare_cached(query)?;
        let found = find
            .query_row([word], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(found.unwrap_or(0).cast_unsigned())
    }

    /// What is known of a passage; none if it has gone.
    pub fn passage(&self, passage: i64) -> Result<Option<Kept>, Fault> {
        let query = "SELECT path, shelf, language, title, line, line_last, text_start, text_end,
            stamp FROM passage JOIN file ON file.id = passage.file WHERE passage.id = ?";
        let mut find = self.connection.prepare_cached(query)?;
        Ok(find.query_row([passage], kept).optional()?)
    }

    /// Tells every place of a word: passage, field and how often, in the order of passages.
    pub fn places(
        &self,
        kind: Kind,
        word: &str,
        tell: &mut dyn FnMut(i64, usize, u16),
    ) -> Result<(), Fault> {
        let query = match kind {
            Kind::Code => "SELECT doc, col FROM code_word WHERE term = ?",
            Kind::Text => "SELECT doc, col FROM text_word WHERE term = ?",
        };
        let mut find = self.connection.prepare_cached(query)?;
        let mut rows = find.query([word])?;
        let mut now: Option<(i64, usize, u16)> = None;
        while let Some(row) = rows.next()? {
            let (passage, field) = (row.get(0)?, field_number(row.get_ref(1)?.as_bytes()?));
            match &mut now {
                Some((at, within, count)) if (*at, *within) == (passage, field) => {
                    *count = count.saturating_add(1);
                }
                _ => {
                    if let Some((passage, field, count)) = now.replace((passage, field, 1)) {
                        tell(passage, field, count);
                    }
                }
            }
        }
        if let Some((passage, field, count)) = now {
            tell(passage, field, count);
        }
        Ok(())
    }

    /// The records of all decisions, by number and path, `records_max` at most.
    pub fn records(&self, records_max: usize) -> Result<Vec<(PathBuf, Record)>, Fault> {
        let query = "SELECT path, number, title, status, date, supersedes, superseded_by
            FROM decision JOIN file ON file.id = decision.file
            ORDER BY number IS NULL, number, path LIMIT ?";
        let mut find = self.connection.prepare_cached(query)?;
        let rows = find.query_map([integer(records_max)], |row| {
            Ok((row_path(row, 0)?, record(row)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The place of a field among [`FIELDS`].
fn field_number(name: &[u8]) -> usize {
    match name {
        b"name" => 0,
        b"summary" => 1,
        b"comment" => 2,
        b"body" => 3,
        _ => 4,
    }
}

pub(super) fn row_path(row: &Row<'_>, column: usize) -> rusqlite::Result<PathBuf> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Ok(PathBuf::from(OsStr::from_bytes(bytes)))
}

fn tally(row: &Row<'_>) -> rusqlite::Result<Tally> {
    let mut words = [0; FIELDS];
    for (field, sum) in words.iter_mut().enumerate() {
        *sum = row.get::<_, i64>(field + 1)?.cast_unsigned();
    }
    let passages = row.get::<_, i64>(0)?.cast_unsigned();
    Ok(Tally { passages, words })
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let shelf = match row.get::<_, u8>(1)? {
        0 => Shelf::Sources,
        1 => Shelf::Notes,
        _ => Shelf::Decisions,
    };
    Ok(Kept {
        path: row_path(row, 0)?,
        shelf,
        language: row.get(2)?,
        title: row.get(3)?,
        line: row.get(4)?,
        line_last: row.get(5)?,
        text: row.get::<_, i64>(6)?.cast_unsigned()..row.get::<_, i64>(7)?.cast_unsigned(),
        stamp: row.get::<_, i64>(8)?.cast_unsigned(),
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let supersedes = row.get_ref(5)?.as_str()?.split(' ');
    Ok(Record {
        number: row.get(1)?,
        title: row.get(2)?,
        status: row.get(3)?,
        date: row.get(4)?,
        supersedes: supersedes
            .filter_map(|number| number.parse().ok())
            .collect(),
        superseded_by: row.get(6)?,
    })
}
