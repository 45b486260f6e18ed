//! What the configuration says of folders that are to be known.

use crate::tool::glob::Glob;
use std::path::PathBuf;
use std::time::Duration;

/// The table `[insight]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsightSpec {
    /// Folders of code.
    pub sources: Vec<PathBuf>,
    /// Folders of Markdown and plain text.
    pub notes: Vec<PathBuf>,
    /// Folders of architecture decision records.
    pub decisions: Vec<PathBuf>,
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
    /// A table of word vectors that the operator supplies.
    pub embeddings: Option<PathBuf>,
    /// How often all folders are looked through where the kernel does not tell of changes, and for
    /// those that it has not told of.
    pub rescan: Duration,
}
