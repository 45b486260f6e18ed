//! What goes wrong with the index, by what is to be done about it.

use rusqlite::types::FromSqlError;
use rusqlite::{Error, ErrorCode, ffi};
use std::fmt;
use std::io;

/// Why the index does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk has no room: what was not committed is lost, the rest is there.
    Full,
    /// The database is damaged or not ours: build it anew.
    Broken(String),
    /// Another process has the folder.
    Taken,
    /// The world says no: the folder cannot be written, a disk fails.
    World(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Full => formatter.write_str("the disk of insight.state is full"),
            Fault::Broken(why) => {
                formatter.write_str("the index is damaged: ")?;
                formatter.write_str(why)
            }
            Fault::Taken => formatter.write_str("another process uses the folder insight.state"),
            Fault::World(why) => {
                formatter.write_str("insight.state cannot be used: ")?;
                formatter.write_str(why)
            }
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full,
            _ => Fault::World(error.to_string()),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let text = error.to_string();
        let Error::SqliteFailure(failure, _) = error else {
            // A column of another type, text that is not UTF-8, a row that is missing: we did not
            // write it so.
            return Fault::Broken(text);
        };
        match failure.code {
            ErrorCode::DiskFull => Fault::Full,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Fault::Taken,
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::Unknown => Fault::Broken(text),
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHORT_READ => Fault::Broken(text),
            _ => Fault::World(text),
        }
    }
}

impl From<FromSqlError> for Fault {
    fn from(error: FromSqlError) -> Fault {
        Fault::Broken(error.to_string())
    }
}
