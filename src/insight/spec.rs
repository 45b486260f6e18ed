//! What the configuration says of folders that are to be known.

use super::Shelf;
use crate::tool::file::encode;
use crate::tool::glob::Glob;
use crate::tool::registry::hash;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What all resources of files in folders begin with.
pub const SCHEME: &str = "insight://";

/// What the root of the file system is called.
const ROOT_NAME: &str = "root";

/// Bytes that the thread takes at most beside the file that it reads: SQLite has 8 MiB, the rest
/// is what a question is about. Measured by `tests/insight/memory.rs`.
const THREAD_BYTES: usize = 12 << 20;

/// Bytes that it takes for each of the largest file while it is indexed: the text, the passage that
/// is at work, the words of all passages. Measured there: 2.4 to 3.9, by what stands in it.
const FILE_FACTOR: usize = 4;

/// The table `[insight]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsightSpec {
    /// Folders of code.
    pub sources: Vec<PathBuf>,
    /// Folders of Markdown and plain text.
    pub notes: Vec<PathBuf>,
    /// Folders of architecture decision records.
    pub decisions: Vec<PathBuf>,
    /// Whether these are looked for, each time anew, where folders of code have them by custom.
    pub finds_decisions: bool,
    /// Which files are read, by their paths below a folder; all that are text if empty.
    pub include: Vec<Glob>,
    /// Which are not, nor the folders of these names.
    pub exclude: Vec<Glob>,
    /// Bytes of the largest file that is read.
    pub file_bytes_max: usize,
    /// Files that are known at most.
    pub files_max: usize,
    /// The folder that the index is kept in.
    pub state: PathBuf,
    /// How often all folders are looked through where the kernel does not tell of changes, and for
    /// those that it has not told of.
    pub rescan: Duration,
}

/// A folder by the name that resources have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFolder {
    /// Its name in URIs, encoded, and no other folder's: the last of its path, with a number behind
    /// where that is taken.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The folder that no link may lead out of: of one that nobody has named, that of the code.
    pub within: PathBuf,
    /// What it was named as.
    pub shelf: Shelf,
}

impl InsightSpec {
    /// All folders, in the order in which they are named: sources, notes, decisions.
    pub fn folders(&self) -> Vec<NamedFolder> {
        let mut taken = BTreeSet::new();
        let lists = [
            (Shelf::Sources, &self.sources),
            (Shelf::Notes, &self.notes),
            (Shelf::Decisions, &self.decisions),
        ];
        let mut folders = Vec::new();
        for (shelf, paths) in lists {
            for path in paths {
                let name = free_name(path, &taken);
                taken.insert(name.clone());
                folders.push(NamedFolder {
                    name,
                    path: path.clone(),
                    within: self.within(shelf, path).to_path_buf(),
                    shelf,
                });
            }
        }
        folders
    }

    fn within<'a>(&'a self, shelf: Shelf, path: &'a Path) -> &'a Path {
        let mut sources = self.sources.iter();
        match self.finds_decisions && shelf == Shelf::Decisions {
            true => sources
                .find(|source| path.starts_with(source))
                .map_or(path, PathBuf::as_path),
            false => path,
        }
    }

    /// Whether the file at `way`, below one of the folders, is one of those that are read: it fits
    /// a pattern if there are any, and neither it nor a folder on the way is excluded. Without
    /// patterns, names with a dot in front are left out.
    pub fn takes(&self, way: &[u8]) -> bool {
        let is_hidden = |way: &[u8]| way.split(|byte| *byte == b'/').any(|n| n.starts_with(b"."));
        let is_wanted = match self.include.as_slice() {
            [] => !is_hidden(way),
            globs => globs.iter().any(|glob| glob.fits(way)),
        };
        let ends = way.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut parts = ends.map(|(end, _)| &way[..end]).chain([way]);
        is_wanted && !parts.any(|part| self.excludes(part))
    }

    /// Whether the file or folder at `way` is excluded, by its path or by its name.
    pub fn excludes(&self, way: &[u8]) -> bool {
        let name = way.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let mut globs = self.exclude.iter();
        globs.any(|glob| glob.fits(way) || glob.fits(name))
    }

    /// Bytes that the thread takes at most, which are not in the memory ceiling.
    pub fn thread_bytes_max(&self) -> usize {
        THREAD_BYTES.saturating_add(self.file_bytes_max.saturating_mul(FILE_FACTOR))
    }

    /// A number that is the same as long as the same files are wanted, whatever is in them.
    pub fn wanted(&self) -> u64 {
        let folders = self.folders().into_iter().flat_map(|folder| {
            let path = folder.path.into_os_string().into_vec();
            path.into_iter().chain([0, folder.shelf as u8])
        });
        let line = |mark: char, globs: &[Glob]| -> String {
            let globs = globs.iter().map(|glob| format!("{mark}{glob}\n"));
            globs.collect()
        };
        let globs = line('+', &self.include) + &line('-', &self.exclude);
        let most = self.files_max.to_le_bytes();
        let found = [u8::from(self.finds_decisions)];
        hash(folders.chain(globs.into_bytes()).chain(most).chain(found))
    }
}

impl NamedFolder {
    /// What the URIs of its files begin with.
    pub fn prefix(&self) -> String {
        format!("{SCHEME}{}/", self.name)
    }

    /// The URI of the file at `way` below it.
    pub fn uri(&self, way: &[u8]) -> String {
        format!("{}{}", self.prefix(), encode(way))
    }
}

/// The name of a folder as the host of a URI, where colons and `@` would mean something.
fn host(name: &OsStr) -> String {
    let name = encode(name.as_bytes());
    name.replace(':', "%3A").replace('@', "%40")
}

/// The last name of a path, or that with a number behind it.
fn free_name(path: &Path, taken: &BTreeSet<String>) -> String {
    let last = path.file_name().map(host);
    let last = last.unwrap_or_else(|| ROOT_NAME.to_string());
    if !taken.contains(&last) {
        return last;
    }
    let mut numbered = (2_u32..).map(|number| format!("{last}-{number}"));
    let free = numbered.find(|name| !taken.contains(name));
    free.expect("there are fewer folders than numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> InsightSpec {
        let globs = |texts: &[&str]| texts.iter().map(|text| Glob::new(text).unwrap()).collect();
        InsightSpec {
            sources: vec!["/srv/code".into(), "/home/code".into()],
            notes: vec!["/srv/my notes".into(), "/".into()],
            decisions: vec![
                "/srv/code/docs/code".into(),
                "/srv/code-2".into(),
                "/a:b@c".into(),
            ],
            finds_decisions: false,
            include: Vec::new(),
            exclude: globs(&["target", "a/b", "*.min.js"]),
            file_bytes_max: 1,
            files_max: 1,
            state: "/state".into(),
            rescan: Duration::from_secs(600),
        }
    }

    #[test]
    fn every_folder_has_a_name_of_its_own() {
        let folders = spec().folders();
        let names: Vec<_> = folders.iter().map(|folder| folder.name.as_str()).collect();
        let expected: [&str; 7] = [
            "code",
            "code-2",
            "my%20notes",
            "root",
            "code-3",
            "code-2-2",
            "a%3Ab%40c",
        ];
        assert_eq!(names, expected);
        assert_eq!(folders[2].uri(b"a\nb.md"), "insight://my%20notes/a%0Ab.md");
    }

    #[test]
    fn what_is_wanted_changes_with_folders_patterns_and_room() {
        let changes: [fn(&mut InsightSpec); 7] = [
            |spec| spec.finds_decisions = true,
            |spec| spec.sources.truncate(1),
            |spec| spec.notes.push("/srv/more".into()),
            |spec| std::mem::swap(&mut spec.notes, &mut spec.decisions),
            |spec| std::mem::swap(&mut spec.include, &mut spec.exclude),
            |spec| spec.exclude.truncate(1),
            |spec| spec.files_max += 1,
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut changed = spec();
            change(&mut changed);
            assert_ne!(changed.wanted(), spec().wanted(), "{place}");
        }
        let mut same = spec();
        same.rescan = Duration::from_secs(1);
        assert_eq!(same.wanted(), spec().wanted());
    }

    #[test]
    fn what_is_excluded_or_hidden_is_not_taken() {
        let table: [(&str, bool); 12] = [
            ("a.rs", true),
            ("src/a.rs", true),
            ("target/a.rs", false),
            ("x/target/a.rs", false),
            ("x/target", false),
            ("targets/a.rs", true),
            ("a/b/c.rs", false),
            ("x/a/b/c.rs", true),
            ("x/y.min.js", false),
            (".env", false),
            (".git/config", false),
            ("x/.git/config", false),
        ];
        for (way, is_taken) in table {
            assert_eq!(spec().takes(way.as_bytes()), is_taken, "{way}");
        }
        let mut chosen = spec();
        chosen.include = vec![
            Glob::new("**/*.md").unwrap(),
            Glob::new(".github/*").unwrap(),
        ];
        let table = [
            ("a.md", true),
            ("x/a.md", true),
            ("a.rs", false),
            ("target/a.md", false),
            (".github/a.yml", true),
            (".git/a.md", false),
        ];
        for (way, is_taken) in table {
            assert_eq!(chosen.takes(way.as_bytes()), is_taken, "{way}");
        }
    }
}
