//! The files of the folders, one after another, without a list of them.
//!
//! Links are not followed: neither folders nor files behind them are known, so that nothing leads
//! out of the folders or round in circles.

use crate::insight::Shelf;
use crate::insight::spec::{InsightSpec, NamedFolder};
use crate::tool::file::DEPTH_MAX;
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, ReadDir};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its path.
    pub path: PathBuf,
    /// What its folder was named as.
    pub shelf: Shelf,
    /// A number that is the same as long as the file is.
    pub stamp: u64,
}

/// What a walk comes upon.
#[derive(Debug)]
pub enum Found {
    /// A file that is wanted.
    File(Seen),
    /// Something that cannot be read: for people.
    Trouble(String),
    /// Something that is not wanted.
    Nothing,
}

/// A walk through all folders.
pub struct Walk {
    spec: Arc<InsightSpec>,
    /// Those that are still to come, last first.
    folders: Vec<NamedFolder>,
    /// The one that is walked.
    folder: Option<NamedFolder>,
    /// The folders that lead to where we are.
    open: Vec<ReadDir>,
}

impl Walk {
    /// Begins.
    pub fn new(spec: Arc<InsightSpec>) -> Walk {
        let mut folders = spec.folders();
        folders.reverse();
        Walk {
            spec,
            folders,
            folder: None,
            open: Vec::new(),
        }
    }

    /// Looks at one more thing; none if all were looked at.
    pub fn step(&mut self) -> Option<Found> {
        let Some(entries) = self.open.last_mut() else {
            let folder = self.folders.pop()?;
            let found = self.enter(&folder.path);
            self.folder = Some(folder);
            return Some(found);
        };
        match entries.next() {
            None => {
                self.open.pop();
                Some(Found::Nothing)
            }
            Some(Err(error)) => {
                self.open.pop();
                Some(Found::Trouble(format!("a folder cannot be read: {error}")))
            }
            Some(Ok(entry)) => Some(self.look(&entry.path())),
        }
    }

    fn look(&mut self, path: &Path) -> Found {
        let Ok(metadata) = fs::symlink_metadata(path) else {
            return Found::Nothing;
        };
        if metadata.is_dir() {
            let is_entered =
                self.open.len() < DEPTH_MAX && may_enter(&self.spec, self.folder.as_ref(), path);
            return if is_entered {
                self.enter(path)
            } else {
                Found::Nothing
            };
        }
        let shelf = self.folder.as_ref().map(|folder| folder.shelf);
        match wanted(&self.spec, path, &metadata) {
            // A file in two folders is found in the one that it belongs to.
            Some(seen) if Some(seen.shelf) == shelf => Found::File(seen),
            Some(_) | None => Found::Nothing,
        }
    }

    fn enter(&mut self, path: &Path) -> Found {
        match fs::read_dir(path) {
            Ok(entries) => {
                self.open.push(entries);
                Found::Nothing
            }
            Err(error) => Found::Trouble(format!("{} cannot be read: {error}", path.display())),
        }
    }
}

/// Whether a folder below one of those that are configured is gone into.
fn may_enter(spec: &InsightSpec, within: Option<&NamedFolder>, path: &Path) -> bool {
    let way = within.and_then(|within| path.strip_prefix(&within.path).ok());
    way.is_some_and(|way| {
        let way = way.as_os_str().as_bytes();
        let name = way.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        !spec.excludes(way) && (!name.starts_with(b".") || !spec.include.is_empty())
    })
}

/// The folder that a file belongs to: of those that it is below the last that is configured.
pub fn folder_of(spec: &InsightSpec, path: &Path) -> Option<NamedFolder> {
    let mut folders = spec.folders();
    folders.retain(|folder| path.starts_with(&folder.path));
    folders.pop()
}

/// What is known of a file if it is wanted.
fn wanted(spec: &InsightSpec, path: &Path, metadata: &Metadata) -> Option<Seen> {
    let folder = folder_of(spec, path)?;
    let way = path.strip_prefix(&folder.path).ok()?;
    let is_wanted = metadata.is_file()
        && metadata.len() <= spec.file_bytes_max as u64
        && spec.takes(way.as_os_str().as_bytes());
    is_wanted.then(|| Seen {
        path: path.to_path_buf(),
        shelf: folder.shelf,
        stamp: stamp(metadata),
    })
}

/// Looks whether a file that is known is still there and wanted.
pub fn look(spec: &InsightSpec, path: &Path) -> Option<Seen> {
    let metadata = fs::symlink_metadata(path).ok()?;
    wanted(spec, path, &metadata)
}

/// The text of a file; none if it is not text.
pub fn read(spec: &InsightSpec, path: &Path) -> io::Result<Option<String>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let mut capped = file.take(spec.file_bytes_max as u64 + 1);
    capped.read_to_end(&mut bytes)?;
    if bytes.len() > spec.file_bytes_max || bytes.contains(&0) {
        return Ok(None);
    }
    Ok(Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

/// A number that is the same as long as a file is.
fn stamp(metadata: &Metadata) -> u64 {
    let numbers = [
        metadata.len().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ];
    crate::tool::registry::hash(numbers.into_iter().flat_map(i64::to_le_bytes))
}
