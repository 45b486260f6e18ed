//! What is found.

/// A passage that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The file, as its resource is called: `insight://code/src/store.rs`.
    pub uri: String,
    /// Its path.
    pub path: String,
    /// [`Passage::title`](super::Passage::title).
    pub title: String,
    /// Its first line, counted from one.
    pub line: u32,
    /// Its last line.
    pub line_last: u32,
    /// The language, of code.
    pub language: Option<&'static str>,
    /// What it says, as far as it bears on the question; all of it where that is short.
    pub snippet: String,
    /// How well it fits: of two hits of one answer the greater fits better.
    pub score: f32,
}

/// An architecture decision record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The file, as its resource is called.
    pub uri: String,
    /// Its path.
    pub path: String,
    /// Its number, where it has one.
    pub number: Option<u32>,
    /// What was decided, in a line.
    pub title: String,
    /// `accepted`, `proposed`, `superseded`: in small letters; empty where it is not said.
    pub status: String,
    /// The date as it is written: `2024-05-01`.
    pub date: Option<String>,
    /// Numbers of those that it replaces.
    pub supersedes: Vec<u32>,
    /// The number of the one that has replaced it.
    pub superseded_by: Option<u32>,
}

/// The answer to a [`Query`](super::query::Query).
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Passages, best first.
    Hits {
        /// The passages.
        hits: Vec<Hit>,
        /// The index is not complete yet: files that are known, and files that there are.
        incomplete: Option<(u32, u32)>,
    },
    /// Decisions in the order of their numbers.
    Decisions(Vec<Decision>),
    /// Nothing can be said: why not, for the client.
    Failed(String),
}
