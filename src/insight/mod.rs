//! What is known of folders: code, notes and decisions, found by what they say.
//!
//! Nothing here reads a file. A text is cut into [`Passage`]s, each of which is found as a whole;
//! passages and questions become words, and passages that share words with a question are ranked.
//! `edge/insight` walks the folders, keeps the index and asks.
//!
//! | file | what |
//! |---|---|
//! | [`spec`] | what is configured |
//! | [`query`] | what is asked, within bounds |
//! | [`encoding`] | the bytes of a file, as text |
//! | [`cut`] | a file, cut into passages |
//! | [`notes`] | sections of documents |
//! | [`code`] | definitions of programs |
//! | [`decision`] | what decision records say of themselves |
//! | [`language`] | languages of programs, and the shapes of their definitions |
//! | [`answer`] | what is found, as text and as `structuredContent` |
//! | [`fields`] | what a passage tells, by where it says it |
//! | [`rank`] | how well passages fit a question |
//! | [`synonyms`] | words of one meaning |
//! | [`snippet`] | the part of a passage that is shown |
//! | [`words`] | a text as words, a question as words |
//! | [`tool`] | the tools that ask |

pub mod answer;
pub mod code;
pub mod cut;
pub mod decision;
pub mod encoding;
pub mod fields;
pub mod language;
pub mod notes;
pub mod query;
pub mod rank;
pub mod snippet;
pub mod spec;
pub mod synonyms;
pub mod tool;
pub mod words;

use std::ops::Range;

/// What a folder was named as, which decides how its files are cut and what finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shelf {
    /// Code, and the documents that lie between: `vector-search`, and `knowledge-search` for the
    /// documents.
    Sources,
    /// Markdown and plain text: `knowledge-search`.
    Notes,
    /// Architecture decision records: `adr-list`, and `knowledge-search`.
    Decisions,
}

/// What a passage is, whatever folder it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A definition in a program.
    Code,
    /// A section of a document.
    Text,
}

/// A piece of a file that is found as a whole: a section, a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What it is.
    pub kind: Kind,
    /// What it is called: the headings that lead to it, `Install > Debian`, or the name of what is
    /// defined with those around it, `Store::open`. Empty for a text without any.
    pub title: String,
    /// Its first line, counted from one.
    pub line: u32,
    /// Its last line.
    pub line_last: u32,
    /// Where it is in the file, in bytes.
    pub text: Range<usize>,
    /// Of code: comments that tell what it is, in bytes of the file; empty without any.
    pub comment: Range<usize>,
    /// Of code: how it is called, in bytes of the file: the line that begins the definition.
    pub signature: Range<usize>,
}
