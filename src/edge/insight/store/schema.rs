//! Tables, settings and versions of the database.

use super::Fault;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;

/// Raised with every change to the tables.
const VERSION: u32 = 2;

/// Bytes of the largest database that is read in whole when it is opened: a second on a slow card.
/// What is damaged in a larger one is found when it is read.
const CHECKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How SQLite is to run. A log of writes survives an end at any point, and on flash it wears least:
/// one flush per [`wal_autocheckpoint`](https://sqlite.org/pragma.html#pragma_wal_autocheckpoint).
/// Memory: 1 MiB of pages, and no more than 8 MiB for everything.
const SETTINGS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 256;
    PRAGMA journal_size_limit = 1048576;
    PRAGMA cache_size = -1024;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA cell_size_check = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA hard_heap_limit = 8388608;
";

/// The tables. Passages of a file have ids in a row, so that they need no index of their own.
/// Words are told apart by blanks: the tokenizer takes what else could stand in one as letters.
const TABLES: &str = r#"
    CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE file(
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        stamp INTEGER NOT NULL,
        shelf INTEGER NOT NULL,
        language TEXT,
        first INTEGER NOT NULL,
        passages INTEGER NOT NULL
    );
    CREATE TABLE passage(
        id INTEGER PRIMARY KEY,
        file INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        title TEXT NOT NULL,
        line INTEGER NOT NULL,
        line_last INTEGER NOT NULL,
        text_start INTEGER NOT NULL,
        text_end INTEGER NOT NULL,
        words_name INTEGER NOT NULL,
        words_summary INTEGER NOT NULL,
        words_comment INTEGER NOT NULL,
        words_body INTEGER NOT NULL,
        words_path INTEGER NOT NULL
    );
    CREATE TABLE tally(
        kind INTEGER PRIMARY KEY,
        passages INTEGER NOT NULL,
        words_name INTEGER NOT NULL,
        words_summary INTEGER NOT NULL,
        words_comment INTEGER NOT NULL,
        words_body INTEGER NOT NULL,
        words_path INTEGER NOT NULL
    );
    INSERT INTO tally VALUES (0, 0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0, 0);
    CREATE TABLE decision(
        file INTEGER PRIMARY KEY,
        number INTEGER,
        title TEXT NOT NULL,
        status TEXT NOT NULL,
        date TEXT,
        supersedes TEXT NOT NULL,
        superseded_by INTEGER
    );
    CREATE TABLE word(id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
    CREATE VIRTUAL TABLE code USING fts5(
        name, summary, comment, body, path,
        content = '', contentless_delete = 1, tokenize = "ascii tokenchars '_+#.-'"
    );
    CREATE VIRTUAL TABLE code_word USING fts5vocab(code, instance);
    CREATE VIRTUAL TABLE code_frequency USING fts5vocab(code, row);
    CREATE VIRTUAL TABLE text USING fts5(
        name, summary, comment, body, path,
        content = '', contentless_delete = 1, tokenize = "ascii tokenchars '_+#.-'"
    );
    CREATE VIRTUAL TABLE text_word USING fts5vocab(text, instance);
    CREATE VIRTUAL TABLE text_frequency USING fts5vocab(text, row);
    CREATE VIRTUAL TABLE gram USING fts5(
        word, content = '', detail = none, columnsize = 0, tokenize = 'trigram'
    );
    CREATE VIRTUAL TABLE gram_word USING fts5vocab(gram, instance);
    INSERT INTO code(code, rank) VALUES ('hashsize', 524288);
    INSERT INTO text(text, rank) VALUES ('hashsize', 524288);
    INSERT INTO gram(gram, rank) VALUES ('hashsize', 262144);
"#;

/// Opens the database at `path`, or makes it.
pub(super) fn open(path: &Path, contents: &str) -> Result<Connection, Fault> {
    if path.is_dir() {
        return Err(Fault::Broken("a folder is in its place".to_string()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(SETTINGS)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        make(&connection, contents)?;
    } else {
        check(&connection, contents, path.metadata()?.len())?;
    }
    Ok(connection)
}

/// What an index was made of, in a line.
fn made_of(contents: &str) -> String {
    let version = VERSION.to_string();
    [&version, " ", contents].concat()
}

/// Makes the tables: all of them or none.
fn make(connection: &Connection, contents: &str) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute(
        "INSERT INTO meta VALUES ('contents', ?)",
        [made_of(contents)],
    )?;
    Ok(transaction.commit()?)
}

/// Whether a database is one of ours, for the same contents, and whole as far as that is seen soon.
fn check(connection: &Connection, contents: &str, bytes: u64) -> Result<(), Fault> {
    let query = "SELECT value FROM meta WHERE name = 'contents'";
    let found: Option<String> = connection
        .query_row(query, [], |row| row.get(0))
        .optional()?;
    if found != Some(made_of(contents)) {
        return Err(Fault::Broken(
            "it was made for another configuration or version".into(),
        ));
    }
    if bytes > CHECKED_BYTES_MAX {
        return Ok(());
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Fault::Broken(verdict));
    }
    Ok(())
}
