//! Files come and go.
//!
//! Several files are one transaction, as SQLite would flush the disk for each of them otherwise.

use super::vocabulary::Seen;
use super::{FIELDS, Fault, Store, integer};
use crate::insight::decision::Record;
use crate::insight::{Kind, Passage, Shelf};
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes of words of one transaction: what an end at any point may lose.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Files of one transaction.
const BATCH_FILES_MAX: usize = 256;

/// A file as it was when it was read.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Its path.
    pub path: &'a Path,
    /// A number that is the same as long as the file is.
    pub stamp: u64,
    /// What its folder was named as.
    pub shelf: Shelf,
    /// The language, of code.
    pub language: Option<&'a str>,
}

/// A passage with its words.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it is.
    pub passage: Passage,
    /// The words of its name, comment, body and path, with blanks between them.
    pub words: [String; FIELDS],
}

/// What is written and not committed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    files: usize,
    bytes: usize,
}

/// How much there is of a kind of passages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passages.
    pub passages: u64,
    /// Words of each field of all of them.
    pub words: [u64; FIELDS],
}

/// The number that a kind has in the tables.
pub(super) fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Code => 0,
        Kind::Text => 1,
    }
}

/// The number that a shelf has in the tables.
pub(super) fn shelf_number(shelf: Shelf) -> u8 {
    match shelf {
        Shelf::Sources => 0,
        Shelf::Notes => 1,
        Shelf::Decisions => 2,
    }
}

impl Store {
    /// Puts a file in, in place of what was known of it. A fault takes back all that was not
    /// committed: those files are as they were before.
    pub fn replace(
        &mut self,
        read: Read<'_>,
        entries: &[Entry],
        record: Option<&Record>,
    ) -> Result<(), Fault> {
        self.write(|connection, seen| {
            remove(connection, read.path)?;
            let file = insert_file(connection, read, entries.len())?;
            insert_passages(connection, &file, entries, seen)?;
            if let Some(record) = record {
                insert_record(connection, file.id, record)?;
            }
            Ok(())
        })?;
        let words = entries.iter().flat_map(|entry| &entry.words);
        self.batch.bytes += words.map(String::len).sum::<usize>();
        self.commit_if_full()
    }

    /// Forgets a file.
    pub fn remove(&mut self, path: &Path) -> Result<(), Fault> {
        self.write(|connection, _| remove(connection, path))?;
        self.commit_if_full()
    }

    /// Makes sure that what was written is there after an end.
    pub fn commit(&mut self) -> Result<(), Fault> {
        self.batch = Batch::default();
        if self.connection.is_autocommit() {
            return Ok(());
        }
        let committed = self.connection.execute_batch("COMMIT");
        committed.map_err(|error| self.roll_back(error.into()))
    }

    /// Gives memory back: there is nothing to write for a while.
    pub fn rest(&mut self) {
        self.seen = Seen::default();
        // Whatever it says, what was committed is there.
        let _ = self
            .connection
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA shrink_memory");
    }

    /// Writes within the transaction, which begins with the first who writes.
    fn write(
        &mut self,
        writer: impl FnOnce(&Connection, &mut Seen) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut written = Ok(());
        if self.connection.is_autocommit() {
            written = self
                .connection
                .execute_batch("BEGIN IMMEDIATE")
                .map_err(Fault::from);
        }
        let written = written.and_then(|()| writer(&self.connection, &mut self.seen));
        self.batch.files += 1;
        written.map_err(|fault| self.roll_back(fault))
    }

    fn roll_back(&mut self, fault: Fault) -> Fault {
        self.batch = Batch::default();
        self.seen = Seen::default();
        if !self.connection.is_autocommit() {
            // SQLite has often done so by itself; if it cannot, the next start does.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        fault
    }

    fn commit_if_full(&mut self) -> Result<(), Fault> {
        if self.batch.files >= BATCH_FILES_MAX || self.batch.bytes >= BATCH_BYTES_MAX {
            return self.commit();
        }
        Ok(())
    }
}

/// A file that was put in.
struct Inserted {
    id: i64,
    first: i64,
}

fn insert_file(
    connection: &Connection,
    read: Read<'_>,
    passages: usize,
) -> Result<Inserted, Fault> {
    let mut last = connection.prepare_cached("SELECT coalesce(max(id), 0) FROM passage")?;
    let first = last.query_row([], |row| row.get::<_, i64>(0))? + 1;
    let mut insert = connection.prepare_cached(
        "INSERT INTO file(path, stamp, shelf, language, first, passages) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    let id = insert.insert(params![
        read.path.as_os_str().as_bytes(),
        read.stamp.cast_signed(),
        shelf_number(read.shelf),
        read.language,
        first,
        integer(passages),
    ])?;
    Ok(Inserted { id, first })
}

fn insert_passages(
    connection: &Connection,
    file: &Inserted,
    entries: &[Entry],
    seen: &mut Seen,
) -> Result<(), Fault> {
    let mut insert = connection
        .prepare_cached("INSERT INTO passage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (id, entry) in (file.first..).zip(entries) {
        let passage = &entry.passage;
        let lengths = entry.words.each_ref().map(|words| count_words(words));
        insert.execute(params![
            id,
            file.id,
            kind_number(passage.kind),
            passage.title,
            passage.line,
            passage.line_last,
            integer(passage.text.start),
            integer(passage.text.end),
            lengths[0],
            lengths[1],
            lengths[2],
            lengths[3],
            lengths[4],
        ])?;
        index(connection, passage.kind, id, entry)?;
        for words in &entry.words {
            seen.learn(connection, words)?;
        }
        tally(connection, passage.kind, 1, lengths.map(i64::from))?;
    }
    Ok(())
}

/// Words, with blanks between them.
fn count_words(words: &str) -> u32 {
    u32::try_from(words.split_ascii_whitespace().count()).unwrap_or(u32::MAX)
}

/// Makes a passage one that is found by its words.
fn index(connection: &Connection, kind: Kind, id: i64, entry: &Entry) -> Result<(), Fault> {
    let [name, summary, comment, body, path] = &entry.words;
    let query = match kind {
        Kind::Code => {
            "INSERT INTO code(rowid, name, summary, comment, body, path) VALUES (?, ?, ?, ?, ?, ?)"
        }
        Kind::Text => {
            "INSERT INTO text(rowid, name, summary, comment, body, path) VALUES (?, ?, ?, ?, ?, ?)"
        }
    };
    let mut insert = connection.prepare_cached(query)?;
    insert.execute(params![id, name, summary, comment, body, path])?;
    Ok(())
}

/// Adds passages to the sums, or takes them away.
fn tally(
    connection: &Connection,
    kind: Kind,
    passages: i64,
    words: [i64; FIELDS],
) -> Result<(), Fault> {
    let mut update = connection.prepare_cached(
        "UPDATE tally SET passages = passages + ?, words_name = words_name + ?,
            words_summary = words_summary + ?, words_comment = words_comment + ?,
            words_body = words_body + ?, words_path = words_path + ? WHERE kind = ?",
    )?;
    let [name, summary, comment, body, path] = words;
    update.execute(params![
        passages,
        name,
        summary,
        comment,
        body,
        path,
        kind_number(kind)
    ])?;
    Ok(())
}

fn insert_record(connection: &Connection, file: i64, record: &Record) -> Result<(), Fault> {
    let supersedes: Vec<String> = record.supersedes.iter().map(u32::to_string).collect();
    let query = "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)";
    connection.prepare_cached(query)?.execute(params![
        file,
        record.number,
        record.title,
        record.status,
        record.date,
        supersedes.join(" "),
        record.superseded_by,
    ])?;
    Ok(())
}

/// Forgets a file with all that it has.
fn remove(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let mut find =
        connection.prepare_cached("SELECT id, first, passages FROM file WHERE path = ?")?;
    let found = find
        .query_row([path.as_os_str().as_bytes()], |row| {
            let (id, first, passages) = (row.get(0)?, row.get(1)?, row.get::<_, u32>(2)?);
            Ok((id, first, passages))
        })
        .optional()?;
    let Some((id, first, passages)): Option<(i64, i64, u32)> = found else {
        return Ok(());
    };
    let ids = first..first.saturating_add(passages.into());
    for kind in [Kind::Code, Kind::Text] {
        untally(connection, kind, &ids)?;
    }
    for query in [
        "DELETE FROM code WHERE rowid >= ? AND rowid < ?",
        "DELETE FROM text WHERE rowid >= ? AND rowid < ?",
        "DELETE FROM passage WHERE id >= ? AND id < ?",
    ] {
        connection
            .prepare_cached(query)?
            .execute([ids.start, ids.end])?;
    }
    for query in [
        "DELETE FROM decision WHERE file = ?",
        "DELETE FROM file WHERE id = ?",
    ] {
        connection.prepare_cached(query)?.execute([id])?;
    }
    Ok(())
}

/// Takes passages that go away out of the sums.
fn untally(connection: &Connection, kind: Kind, ids: &Range<i64>) -> Result<(), Fault> {
    let mut sum = connection.prepare_cached(
        "SELECT count(*), total(words_name), total(words_summary), total(words_comment),
            total(words_body), total(words_path)
            FROM passage WHERE id >= ? AND id < ? AND kind = ?",
    )?;
    let (passages, words) =
        sum.query_row(params![ids.start, ids.end, kind_number(kind)], |row| {
            let mut words = [0; FIELDS];
            for (field, sum) in words.iter_mut().enumerate() {
                *sum = row.get::<_, f64>(field + 1)? as i64;
            }
            Ok((row.get::<_, i64>(0)?, words))
        })?;
    if passages == 0 {
        return Ok(());
    }
    tally(connection, kind, -passages, words.map(|sum| -sum))
}
