//! Files as resources: reads them, lists folders, and sees whether they have changed.
//!
//! The daemon waits while a file is read: name none on a disk that may be away.

use super::place::{Place, Refused, resolve, stamp};
#[cfg(feature = "insight")]
use crate::insight::encoding::{self, TooLong};
use crate::tool::Work;
use crate::tool::catalogue::{
    Asked, Begun, Body, Collection, Contents, Live, ResourceSpec, listing_fingerprint,
};
use crate::tool::file::{DEPTH_MAX, Folder, encode, mime_type};
use crate::tool::handler::{Begin, Ended};
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};
use std::cell::Cell;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// Entries of folders that are looked at for one listing, so that a large tree does not keep the
/// daemon from everything else.
const ENTRIES_MAX: usize = 4096;

/// Bytes of the names of one listing, as URIs.
const LISTING_BYTES_MAX: usize = 128 * 1024;

/// Reads a file for a client. `is_typed` says that the type is known from elsewhere.
fn contents(place: &Place, bytes_max: usize, is_typed: bool) -> Ended {
    match place.read(bytes_max) {
        Ok(bytes) => shown(place, Body::of(bytes), is_typed),
        Err(refused) => refuse(refused, bytes_max),
    }
}

fn shown(place: &Place, body: Body, is_typed: bool) -> Ended {
    let by_content = match &body {
        Body::Text(_) => "text/plain",
        Body::Blob(_) => "application/octet-stream",
    };
    let found = mime_type(&place.path.to_string_lossy()).unwrap_or(by_content);
    Ended::Contents(vec![Contents {
        uri: String::new(),
        mime_type: (!is_typed).then(|| found.to_string()),
        body,
    }])
}

fn refuse(refused: Refused, bytes_max: usize) -> Ended {
    let text = match refused {
        Refused::Absent => return Ended::ResourceUnknown,
        Refused::TooLarge => format!(
            "the file has more than {bytes_max} bytes: the operator can raise limits.output"
        ),
        Refused::Because(text) => text,
    };
    Ended::Failed(RpcError::new(INTERNAL_ERROR, text))
}

/// A number that is the same as long as the file is.
fn seen(place: &Place) -> u64 {
    place.look().map_or(0, |(_, found)| stamp(&found))
}

/// What a file says, if it has at most `bytes_max` bytes. UTF-16 is given as the text that the
/// index has of it, since it tells lines of that; all else that is no UTF-8 as the bytes. Whoever
/// calls this waits for the disk.
#[cfg(feature = "insight")]
pub(super) fn read_as_indexed(place: &Place, bytes_max: usize) -> Ended {
    let bytes = match place.read(bytes_max) {
        Ok(bytes) => bytes,
        Err(refused) => return refuse(refused, bytes_max),
    };
    if !encoding::is_utf_16(&bytes) {
        return shown(place, Body::of(bytes), false);
    }
    match encoding::text(bytes.clone(), bytes_max) {
        Ok(Some(text)) => shown(place, Body::Text(text), false),
        Ok(None) => shown(place, Body::of(bytes), false),
        Err(TooLong) => refuse(Refused::TooLarge, bytes_max),
    }
}

fn work(function: impl FnOnce() -> Ended + 'static) -> Work {
    Work::Function(Begin::new(|_| async { function() }))
}

/// One file, as the source of a resource.
pub struct FileSource {
    /// Its path.
    pub path: String,
    /// Bytes that are read at most.
    pub bytes_max: usize,
    /// Whether the listing says what it holds.
    pub is_typed: bool,
    /// How often it is looked at.
    pub watch: Option<Duration>,
}

impl FileSource {
    fn place(&self) -> Place {
        Place {
            path: PathBuf::from(&self.path),
            within: None,
        }
    }
}

impl Live for FileSource {
    fn start(&self, _asked: &Asked<'_>) -> Begun {
        let (place, bytes_max, is_typed) = (self.place(), self.bytes_max, self.is_typed);
        Begun::Work(work(move || contents(&place, bytes_max, is_typed)))
    }

    fn watch(&self) -> Option<Duration> {
        self.watch
    }

    fn look(&self, _uri: &str) -> Option<Work> {
        let place = self.place();
        Some(work(move || Ended::Seen(seen(&place))))
    }
}

/// The files of a folder, as the source of a collection.
pub struct FolderSource {
    /// What their URIs begin with.
    pub prefix: String,
    /// Where they are.
    pub folder: Folder,
    /// What a model reads about each of them.
    pub description: Option<String>,
    /// What each of them holds, where that is said.
    pub mime_type: Option<String>,
    /// Bytes of one that are read at most.
    pub bytes_max: usize,
    /// How often one is looked at.
    pub watch: Option<Duration>,
}

impl FolderSource {
    fn place(&self, uri: &str) -> Option<Place> {
        let rest = uri.strip_prefix(&self.prefix)?;
        let root = PathBuf::from(self.folder.root());
        Some(Place {
            path: root.join(self.folder.path(rest)?),
            within: Some(root),
        })
    }
}

impl Live for FolderSource {
    fn start(&self, asked: &Asked<'_>) -> Begun {
        let Some(place) = self.place(asked.name) else {
            return Begun::Over(Ended::ResourceUnknown);
        };
        let (bytes_max, is_typed) = (self.bytes_max, self.mime_type.is_some());
        Begun::Work(work(move || contents(&place, bytes_max, is_typed)))
    }

    fn knows(&self, uri: &str) -> bool {
        self.place(uri).is_some()
    }

    fn watch(&self) -> Option<Duration> {
        self.watch
    }

    fn look(&self, uri: &str) -> Option<Work> {
        let place = self.place(uri)?;
        Some(work(move || Ended::Seen(seen(&place))))
    }
}

/// Lists what is in folders.
pub struct Lister {
    /// The folders, in the order of the listing.
    pub folders: Vec<Rc<FolderSource>>,
    /// Files that are listed at most.
    pub files_max: usize,
    /// Whether somebody was warned that there are more.
    pub has_warned: Rc<Cell<bool>>,
}

impl Lister {
    fn scan(&self) -> impl FnOnce() -> Vec<ResourceSpec> + 'static {
        let folders = self.folders.clone();
        let (files_max, has_warned) = (self.files_max, self.has_warned.clone());
        move || {
            let mut scan = Scan {
                found: Vec::new(),
                files_max,
                entries_left: ENTRIES_MAX,
                bytes_left: LISTING_BYTES_MAX,
            };
            let is_whole = folders.iter().all(|folder| scan.folder(folder));
            if !is_whole && !has_warned.replace(true) {
                log::warn!(
                    "resources: only the first {} files are listed: narrow a folder or its glob",
                    scan.found.len()
                );
            }
            scan.found
        }
    }
}

impl Live for Lister {
    fn start(&self, _asked: &Asked<'_>) -> Begun {
        let scan = self.scan();
        Begun::Work(work(move || Ended::Listed(scan())))
    }

    fn watch(&self) -> Option<Duration> {
        self.folders.iter().filter_map(|folder| folder.watch).min()
    }

    fn look(&self, _name: &str) -> Option<Work> {
        let scan = self.scan();
        Some(work(move || Ended::Seen(listing_fingerprint(&scan()))))
    }
}

/// A listing while it is made.
struct Scan {
    found: Vec<ResourceSpec>,
    files_max: usize,
    entries_left: usize,
    bytes_left: usize,
}

impl Scan {
    /// Finds the files of a folder. Returns whether there was room for all of them.
    fn folder(&mut self, source: &FolderSource) -> bool {
        let Ok(root) = resolve(Path::new(source.folder.root())) else {
            return true;
        };
        self.entries(source, &root, &root, 0)
    }

    /// Finds those in the folder at `path`, and below it, by name.
    fn entries(&mut self, source: &FolderSource, root: &Path, path: &Path, depth: usize) -> bool {
        let Ok(entries) = fs::read_dir(path) else {
            return true;
        };
        let entries = entries.flatten().take(self.entries_left + 1);
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        let mut is_whole = paths.len() <= self.entries_left;
        paths.truncate(self.entries_left);
        self.entries_left -= paths.len();
        paths.sort();
        for path in paths {
            let way = path.strip_prefix(root).expect("it was found below");
            let glob = &source.folder.glob;
            if glob.fits(way.as_os_str().as_bytes()) {
                is_whole &= self.file(source, root, way);
            }
            // Folders behind links are not entered: they could lead round and round.
            let is_entered = depth < DEPTH_MAX
                && glob.may_hold(way.as_os_str().as_bytes())
                && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            if is_entered {
                is_whole &= self.entries(source, root, &path, depth + 1);
            }
        }
        is_whole
    }

    /// Lists one file, if it is one. Returns whether there was room for it.
    fn file(&mut self, source: &FolderSource, root: &Path, path: &Path) -> bool {
        let place = Place {
            path: root.join(path),
            within: Some(root.to_path_buf()),
        };
        let Ok((_, found)) = place.look() else {
            return true;
        };
        let uri = format!("{}{}", source.prefix, encode(path.as_os_str().as_bytes()));
        let name = path.to_string_lossy();
        if self.found.len() == self.files_max || self.bytes_left < uri.len() {
            return false;
        }
        self.bytes_left -= uri.len();
        let by_name = || mime_type(&name).map(str::to_string);
        self.found.push(ResourceSpec {
            description: source.description.clone(),
            mime_type: source.mime_type.clone().or_else(by_name),
            size: Some(found.len()),
            ..ResourceSpec::new(uri, name.as_ref())
        });
        true
    }
}

impl From<&Rc<FolderSource>> for Collection {
    fn from(source: &Rc<FolderSource>) -> Collection {
        Collection {
            prefix: source.prefix.clone(),
            mime_type: source.mime_type.clone(),
            source: crate::tool::catalogue::Source::Live(source.clone()),
        }
    }
}
