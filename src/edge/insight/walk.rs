//! The files of the folders, one after another, without a list of them.
//!
//! What is left out: names with a dot in front (unless a pattern names them), what the operator
//! excludes, what the kernel makes up (`/proc`, `/sys`, `/dev`), the folder of the index itself,
//! folders behind links, everything that is no regular file, files over the bound. A link to a
//! file is read if that file lies in the same configured folder, and only then.
//!
//! Files are looked at and read as [`Place`] does. A folder that is missing is told of, and what is
//! known of it stays known until it is back or the configuration drops it.

use crate::edge::place::{Place, Refused, stamp};
use crate::insight::Shelf;
use crate::insight::encoding::{self, TooLong};
use crate::insight::spec::{InsightSpec, NamedFolder};
use crate::tool::file::DEPTH_MAX;
use std::fmt::Display;
use std::fs::{self, ReadDir};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// File systems that hold no files but what the kernel says: proc, sysfs, debugfs, tracefs,
/// securityfs, cgroup, cgroup2, devpts, as statfs(2) numbers them.
const KERNEL_FILE_SYSTEMS: [u64; 8] = [
    0x9fa0,
    0x6265_6572,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x0027_e0eb,
    0x6367_7270,
    0x1cd1,
];

/// The folder of devices, which are no files either.
const DEVICES: &str = "/dev";

/// A file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its path.
    pub path: PathBuf,
    /// What its folder was named as.
    pub shelf: Shelf,
    /// A number that is the same as long as the file is, and what its folder was named as.
    pub stamp: u64,
}

/// What a walk comes upon.
#[derive(Debug)]
pub enum Found {
    /// A file that is wanted.
    File(Seen),
    /// A folder, which is gone into next.
    Folder(PathBuf),
    /// Something that cannot be read: for people.
    Trouble(String),
    /// Something that is not wanted.
    Nothing,
}

/// What became of a file that was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is there and wanted.
    Wanted(Seen),
    /// It is not.
    Gone,
    /// The folder that is configured is not there: nobody can tell.
    Away,
}

/// A walk through all folders.
pub struct Walk {
    spec: Arc<InsightSpec>,
    /// Those that are still to come, last first.
    folders: Vec<NamedFolder>,
    /// The one that is walked.
    folder: Option<NamedFolder>,
    /// The folders that lead to where we are, at most [`DEPTH_MAX`].
    open: Vec<(PathBuf, ReadDir)>,
    /// Whether a file that is too large was told of: one is enough.
    has_told: bool,
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
            has_told: false,
        }
    }

    /// Looks at one more thing; none if all were looked at.
    pub fn step(&mut self) -> Option<Found> {
        let Some((path, entries)) = self.open.last_mut() else {
            let folder = self.folders.pop()?;
            let found = self.enter(folder.path.clone());
            self.folder = Some(folder);
            return Some(found);
        };
        match entries.next() {
            None => {
                self.open.pop();
                Some(Found::Nothing)
            }
            Some(Err(error)) => {
                let trouble = cannot_read(path, &error);
                self.open.pop();
                Some(Found::Trouble(trouble))
            }
            Some(Ok(entry)) => Some(self.look(entry.path())),
        }
    }

    fn look(&mut self, path: PathBuf) -> Found {
        let Some(folder) = &self.folder else {
            return Found::Nothing;
        };
        // What vanishes while it is looked at was never there.
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            return Found::Nothing;
        };
        if metadata.is_dir() {
            let is_entered = self.open.len() < DEPTH_MAX && may_enter(&self.spec, folder, &path);
            return if is_entered {
                self.enter(path)
            } else {
                Found::Nothing
            };
        }
        // A file in two folders is found in the one that it belongs to.
        let is_here = folder_of(&self.spec, &path).is_some_and(|owner| owner == *folder);
        match wanted(&self.spec, folder, &path) {
            Ok(Some(seen)) if is_here => Found::File(seen),
            Err(trouble) if is_here && !self.has_told => {
                self.has_told = true;
                Found::Trouble(format!("{trouble}; there may be more of that kind"))
            }
            Ok(_) | Err(_) => Found::Nothing,
        }
    }

    fn enter(&mut self, path: PathBuf) -> Found {
        if is_made_up(&path) {
            return Found::Nothing;
        }
        match fs::read_dir(&path) {
            Ok(entries) => {
                self.open.push((path.clone(), entries));
                Found::Folder(path)
            }
            // One below that is gone again is nothing to tell of.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.open.is_empty() => {
                Found::Nothing
            }
            Err(error) => Found::Trouble(cannot_read(&path, &error)),
        }
    }
}

/// A path as people read it: bytes that would do something to their terminal are escaped.
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

fn cannot_read(path: &Path, why: &dyn Display) -> String {
    format!("{} cannot be read: {why}", shown(path))
}

/// Whether a folder below one of those that are configured is gone into.
fn may_enter(spec: &InsightSpec, within: &NamedFolder, path: &Path) -> bool {
    let Ok(way) = path.strip_prefix(&within.path) else {
        return false;
    };
    let way = way.as_os_str().as_bytes();
    let name = way.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let may_hold = match spec.include.as_slice() {
        [] => !name.starts_with(b"."),
        globs => globs.iter().any(|glob| glob.may_hold(way)),
    };
    may_hold && !spec.excludes(way) && path != spec.state
}

/// Whether the kernel makes up what is in a folder.
fn is_made_up(path: &Path) -> bool {
    let kind = rustix::fs::statfs(path).map(|found| found.f_type as u64);
    path == Path::new(DEVICES) || kind.is_ok_and(|kind| KERNEL_FILE_SYSTEMS.contains(&kind))
}

/// The folder that a file belongs to: of those that it is below the last that is configured.
pub fn folder_of(spec: &InsightSpec, path: &Path) -> Option<NamedFolder> {
    let mut folders = spec.folders();
    folders.retain(|folder| path.starts_with(&folder.path));
    folders.pop()
}

/// The way to a file from the folder that it belongs to, as far as it is text.
pub fn way(spec: &InsightSpec, path: &Path) -> String {
    let folder = folder_of(spec, path);
    let way = folder.and_then(|folder| path.strip_prefix(folder.path).ok());
    way.unwrap_or(path).to_string_lossy().into_owned()
}

/// What is known of the file at `path`, in `folder`, if it is wanted; why not, where people should
/// know.
fn wanted(spec: &InsightSpec, folder: &NamedFolder, path: &Path) -> Result<Option<Seen>, String> {
    let way = path.strip_prefix(&folder.path).ok();
    let is_taken = way.is_some_and(|way| spec.takes(way.as_os_str().as_bytes()));
    if !is_taken || path.starts_with(&spec.state) {
        return Ok(None);
    }
    let Ok((_, metadata)) = place(folder, path).look() else {
        return Ok(None);
    };
    if metadata.len() > spec.file_bytes_max as u64 {
        return Err(too_large(spec, path));
    }
    Ok(Some(Seen {
        path: path.to_path_buf(),
        shelf: folder.shelf,
        stamp: stamp(&metadata) ^ folder.shelf as u64,
    }))
}

fn too_large(spec: &InsightSpec, path: &Path) -> String {
    format!(
        "{} is not known: it has more than {} bytes, and the operator can raise insight.file_max",
        shown(path),
        spec.file_bytes_max
    )
}

/// Looks whether a file that is known is still there and wanted.
pub fn look(spec: &InsightSpec, path: &Path) -> Known {
    let Some(folder) = folder_of(spec, path) else {
        return Known::Gone;
    };
    if let Ok(Some(seen)) = wanted(spec, &folder, path) {
        return Known::Wanted(seen);
    }
    let is_there = fs::read_dir(&folder.path).is_ok();
    if is_there { Known::Gone } else { Known::Away }
}

/// Where a file of a folder is.
fn place(folder: &NamedFolder, path: &Path) -> Place {
    Place {
        path: path.to_path_buf(),
        within: Some(folder.within.clone()),
    }
}

/// The text of a file in one of the folders; none if it is no text.
pub fn read(spec: &InsightSpec, path: &Path) -> Result<Option<String>, String> {
    let folder = folder_of(spec, path).ok_or("it is in no folder that is configured")?;
    let bytes = place(&folder, path).read(spec.file_bytes_max);
    let bytes = bytes.map_err(|refused| match refused {
        Refused::Absent => cannot_read(path, &"it is gone, or a link leads out of its folder"),
        Refused::TooLarge => too_large(spec, path),
        Refused::Because(why) => format!("{}: {why}", shown(path)),
    })?;
    encoding::text(bytes, spec.file_bytes_max).map_err(|TooLong| too_large(spec, path))
}

#[cfg(test)]
mod tests;
