//! What servers have said that they offer, kept in a folder for the next start: one file for each.
//!
//! The files are never needed, and nothing fails without them. A file that says the same already is
//! not written again, which spares flash memory.

use crate::limits::KEPT_BYTES_MAX;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder, for its owner alone: descriptions of tools may tell of what is behind them.
const FOLDER_MODE: u32 = 0o700;

/// A file in it.
const FILE_MODE: u32 = 0o600;

/// The file of a server. Its name has no letter that means something in a path.
fn file_of(folder: &Path, server: &str) -> PathBuf {
    folder.join(format!("server-{server}.json"))
}

/// What was kept of a server, if there is anything.
pub(super) fn read(folder: &Path, server: &str) -> Option<Vec<u8>> {
    let path = file_of(folder, server);
    // A pipe would keep the start waiting.
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut kept = Vec::new();
    let mut capped = File::open(&path).ok()?.take(KEPT_BYTES_MAX as u64 + 1);
    capped.read_to_end(&mut kept).ok()?;
    (kept.len() <= KEPT_BYTES_MAX).then_some(kept)
}

/// Keeps what is known of a server. Whoever reads meanwhile finds all of the old or all of the new.
pub(super) fn write(folder: &Path, server: &str, text: &[u8]) {
    if read(folder, server).is_some_and(|kept| kept == text) {
        return;
    }
    let path = file_of(folder, server);
    if let Err(error) = replace(folder, &path, text) {
        log::warn!("state: {}: {error}", path.display());
    }
}

fn replace(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)?;
    let beside = path.with_extension("new");
    // One that a killed daemon has left behind.
    let _ = fs::remove_file(&beside);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(&beside)?;
    file.write_all(text)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("slimcp-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn what_is_kept_is_read_again_and_is_for_its_owner_alone() {
        let folder = folder("state").join("deep");
        assert_eq!(read(&folder, "files"), None);
        write(&folder, "files", b"one");
        write(&folder, "other", b"two");
        assert_eq!(read(&folder, "files").as_deref(), Some(&b"one"[..]));
        assert_eq!(read(&folder, "other").as_deref(), Some(&b"two"[..]));
        let path = folder.join("server-files.json");
        let file = fs::metadata(&path).unwrap();
        assert_eq!(file.mode() & 0o777, FILE_MODE);
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, FOLDER_MODE);
        // The same again is no write: the file is the same one.
        write(&folder, "files", b"one");
        assert_eq!(fs::metadata(&path).unwrap().ino(), file.ino());
        write(&folder, "files", b"three");
        assert_eq!(read(&folder, "files").as_deref(), Some(&b"three"[..]));
        let names = fs::read_dir(&folder).unwrap();
        assert_eq!(names.count(), 2, "nothing else is left");
    }

    #[test]
    fn what_is_no_file_or_too_long_is_nothing() {
        let folder = folder("odd");
        write(&folder, "a", b"x");
        let path = |name: &str| folder.join(format!("server-{name}.json"));
        fs::write(path("long"), vec![b' '; KEPT_BYTES_MAX + 1]).unwrap();
        fs::write(path("full"), vec![b' '; KEPT_BYTES_MAX]).unwrap();
        symlink(path("a"), path("link")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for name in ["long", "link", "folder", "none"] {
            assert_eq!(read(&folder, name), None, "{name}");
        }
        assert!(read(&folder, "full").is_some());
    }

    #[test]
    fn a_folder_that_cannot_be_had_stops_nothing() {
        let folder = folder("blocked");
        fs::write(&folder, b"a file").unwrap();
        write(&folder, "files", b"one");
        assert_eq!(read(&folder, "files"), None);
        fs::remove_file(&folder).unwrap();
    }
}
