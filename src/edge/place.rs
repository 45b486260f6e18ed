//! Where a file is: it is looked at and read without being led elsewhere.
//!
//! A file is opened twice: first only to see what it is, which does nothing to a pipe or a device,
//! then through its descriptor to be read. What is read is therefore what was looked at, whatever
//! happens to its path meanwhile.

use crate::tool::registry::hash;
use rustix::fd::AsRawFd;
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a file is, and where it has to stay.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its path.
    pub path: PathBuf,
    /// The folder that no link may lead out of.
    pub within: Option<PathBuf>,
}

/// Why a file is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is none, or it is none of ours.
    Absent,
    /// It has more bytes than are read.
    TooLarge,
    /// Something else; for people.
    Because(String),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => Refused::Absent,
            _ => Refused::Because(format!("the file cannot be read: {error}")),
        }
    }
}

impl Place {
    /// Looks at the file without doing anything to it.
    pub fn look(&self) -> Result<(File, Metadata), Refused> {
        let file = open(&self.path, OFlags::PATH)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(Refused::Because("it is not a regular file".to_string()));
        }
        if let Some(folder) = &self.within
            && !fs::read_link(descriptor(&file))?.starts_with(resolve(folder)?)
        {
            return Err(Refused::Absent);
        }
        Ok((file, found))
    }

    /// All of the file, if it has at most `bytes_max`.
    pub fn read(&self, bytes_max: usize) -> Result<Vec<u8>, Refused> {
        let (file, found) = self.look()?;
        let opened = open(descriptor(&file), OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let size = usize::try_from(found.len()).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(size.min(bytes_max) + 1);
        let mut capped = opened.take(bytes_max as u64 + 1);
        capped.read_to_end(&mut bytes)?;
        match bytes.len() > bytes_max {
            true => Err(Refused::TooLarge),
            false => Ok(bytes),
        }
    }
}

/// A number that is the same as long as a file is.
pub(super) fn stamp(found: &Metadata) -> u64 {
    let times = [
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ];
    let others = [found.len(), found.ino()].map(u64::cast_signed);
    let numbers = times.into_iter().chain(others);
    hash(numbers.flat_map(i64::to_le_bytes))
}

/// The path of a folder without links: those on the way to it are the operator's.
pub(super) fn resolve(folder: &Path) -> io::Result<PathBuf> {
    fs::read_link(descriptor(&open(folder, OFlags::PATH)?))
}

fn open(path: impl AsRef<Path>, flags: OFlags) -> io::Result<File> {
    let flags = flags.bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

/// The path of an open file.
fn descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
