//! What is asked, within bounds.

/// Hits that are given where nothing is said.
pub const LIMIT_DEFAULT: usize = 10;

/// Hits that are given at most: more help no model.
pub const LIMIT_MAX: usize = 50;

/// Bytes of a question that are read.
pub const QUERY_BYTES_MAX: usize = 1024;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Sections of documents.
    Knowledge {
        /// What is looked for.
        words: String,
        /// Hits at most.
        limit: usize,
    },
    /// Definitions in programs.
    Code {
        /// What is looked for.
        words: String,
        /// Hits at most.
        limit: usize,
        /// The only language that is wanted, as `language` names it.
        language: Option<String>,
    },
    /// Architecture decision records.
    Decisions {
        /// The only status that is wanted: `accepted`.
        status: Option<String>,
        /// What they are about; all of them without.
        words: Option<String>,
    },
}
