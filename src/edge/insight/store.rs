//! The index on disk: which words stand in which passages, and where those are.
//!
//! One SQLite database below the state folder, held by one connection of one thread. Texts are not
//! kept: only their words, by passage and field (FTS5 without contents), and where a passage is in
//! its file. What is added or removed goes in by batches of files, each one transaction, so that an
//! end at any point leaves whole files. A database that is not ours, of another version or damaged
//! is built anew; a full disk takes back a batch and the rest serves on.
//!
//! | file | what |
//! |---|---|
//! | [`schema`] | tables, settings, versions |
//! | [`mod@write`] | files come and go |
//! | [`read`] | files, passages, places of words |
//! | [`candidates`] | which passages share words with a question |
//! | [`vocabulary`] | which words there are |
//! | [`whole`] | whether all was put in |
//! | [`fault`] | what goes wrong |
//!
//! Chosen after measuring over the sources of Rust's std (69 MB on disk, 45 MB of text, 106,000
//! paragraphs; x86-64, one thread, 200 questions of four words):
//!
//! | | program | memory while indexing | at rest | time | on disk | p50 | p99 |
//! |---|---|---|---|---|---|---|---|
//! | SQLite 3.53, FTS5, lists of words | +1.1 MB | 15 MB | 9 MB | 2.2 s | 25 MB | 1.6 ms | 27 ms |
//! | SQLite 3.53, FTS5, its own `bm25` | the same | 15 MB | 9 MB | 2.2 s | 25 MB | 11 ms | 75 ms |
//! | tantivy 0.25, the least heap it takes | +3.3 MB | 58 MB | 46 MB | 4.0 s | 15 MB | 0.2 ms | 13 ms |

pub mod candidates;
pub mod fault;
pub mod read;
pub mod schema;
pub mod vocabulary;
pub mod whole;
pub mod write;

pub use fault::Fault;
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The database, below the state folder.
const DATABASE: &str = "index.db";

/// Files that SQLite lays beside it.
const DATABASE_PARTS: [&str; 4] = [
    "index.db",
    "index.db-wal",
    "index.db-shm",
    "index.db-journal",
];

/// Who holds this file locked, holds the index.
const LOCK: &str = "lock";

/// Fields of a passage: name, comment, body, path.
pub const FIELDS: usize = 5;

/// The index.
pub struct Store {
    connection: Connection,
    /// What is not committed yet.
    batch: write::Batch,
    /// Words that are known to be in the vocabulary.
    seen: vocabulary::Seen,
    /// Whether the database was made when it was opened: why, where there was another.
    made: Option<String>,
    folder: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
}

impl Store {
    /// Opens the index of a folder, or makes one. `contents` stands for all that decides what is
    /// in an index, versions and configuration: one made for another is removed.
    pub fn open(folder: &Path, contents: &str) -> Result<Store, Fault> {
        let lock = lock(folder)?;
        let (connection, made) = match schema::open(&folder.join(DATABASE), contents) {
            Ok(connection) => (connection, None),
            Err(Fault::Broken(why)) => {
                remove(folder)?;
                (schema::open(&folder.join(DATABASE), contents)?, Some(why))
            }
            Err(fault) => return Err(fault),
        };
        Ok(Store {
            connection,
            batch: write::Batch::default(),
            seen: vocabulary::Seen::default(),
            made,
            folder: folder.to_path_buf(),
            _lock: lock,
        })
    }

    /// Why the database that was found was not taken; none where it was, or where there was none.
    pub fn take_made(&mut self) -> Option<String> {
        self.made.take()
    }

    /// Removes the index and begins with an empty one.
    pub fn rebuild(self, contents: &str) -> Result<Store, Fault> {
        let Store {
            connection,
            folder,
            _lock: lock,
            ..
        } = self;
        // SQLite lets go of the files whatever it says.
        drop(connection);
        remove(&folder)?;
        let connection = schema::open(&folder.join(DATABASE), contents)?;
        Ok(Store {
            connection,
            batch: write::Batch::default(),
            seen: vocabulary::Seen::default(),
            made: None,
            folder,
            _lock: lock,
        })
    }
}

/// A number as SQLite has it.
fn integer(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Makes the folder where there is none, and locks it. The index tells which words its files have:
/// nobody else is to read it.
fn lock(folder: &Path) -> Result<File, Fault> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(folder.join(LOCK))?;
    // SQLite would let others read a database that it makes. Where this does not go, it says why.
    let _ = options.open(folder.join(DATABASE));
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Fault::Taken),
        Err(error) => Err(Fault::World(error.to_string())),
    }
}

/// Removes the database. What is not a file is nobody's that we know: it is moved aside.
fn remove(folder: &Path) -> Result<(), Fault> {
    for part in DATABASE_PARTS {
        let path = folder.join(part);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {
                fs::rename(&path, folder.join(format!("{part}.aside")))?;
            }
            Ok(_) => fs::remove_file(&path)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
