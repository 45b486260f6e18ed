//! A file is cut into passages, by what it is and where it is.
//!
//! | shelf | Markdown, text | a program |
//! |---|---|---|
//! | sources | sections | definitions |
//! | notes, decisions | sections | sections, as plain text |
//!
//! Whatever stands in a file: passages are in order, none overlaps the next, all begin and end
//! between characters, and there are at most [`PASSAGES_MAX`] of them. The work is linear in the
//! length of the text.

use super::language::Language;
use super::notes::{self, Markup};
use super::{Kind, Passage, Shelf, code};
use std::ops::Range;

/// Passages of one file. The last of a file with more holds all that is left. A passage has about
/// 100 bytes and its title: 1 MiB together.
pub const PASSAGES_MAX: usize = 4096;

/// Bytes of a title: headings that lead far down, names of templates.
pub const TITLE_BYTES_MAX: usize = 160;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The language, of a program.
    pub language: Option<&'static str>,
    /// Its passages, in order.
    pub passages: Vec<Passage>,
}

/// Cuts the file at `path`, which lies on `shelf`.
pub fn cut(shelf: Shelf, path: &str, text: &str) -> Cut {
    let is_sources = shelf == Shelf::Sources;
    let language = is_sources.then(|| Language::of(path, text)).flatten();
    Cut {
        language: language.map(|language| language.name),
        passages: match language {
            Some(language) => code::passages(text, language),
            None => notes::passages(text, Markup::of(path)),
        },
    }
}

/// Puts passages together: counts their lines and sees that there are not too many.
#[derive(Debug)]
pub(super) struct Cutter<'a> {
    text: &'a str,
    kind: Kind,
    /// How far lines are counted, in bytes.
    counted: usize,
    /// The line that is there.
    line: u32,
    found: Vec<Passage>,
}

/// What is known of a passage besides where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// [`Passage::title`].
    pub title: String,
    /// [`Passage::comment`].
    pub comment: Range<usize>,
    /// [`Passage::signature`].
    pub signature: Range<usize>,
}

impl<'a> Cutter<'a> {
    /// Nothing is found yet.
    pub fn new(text: &'a str, kind: Kind) -> Cutter<'a> {
        Cutter {
            text,
            kind,
            counted: 0,
            line: 1,
            found: Vec::new(),
        }
    }

    /// The passages.
    pub fn finish(self) -> Vec<Passage> {
        self.found
    }

    /// Adds what stands at `range`, in pieces of `bytes_max` or little more. Only the first has the
    /// comment.
    pub fn add(&mut self, range: Range<usize>, bytes_max: usize, about: &About) {
        let mut rest = trim(self.text, range);
        let mut comment = about.comment.clone();
        while !rest.is_empty() {
            let piece = first_piece(self.text, rest.clone(), bytes_max);
            let about = About {
                title: about.title.clone(),
                comment: std::mem::take(&mut comment),
                signature: about.signature.clone(),
            };
            rest = trim(self.text, piece.end..rest.end);
            self.push(trim(self.text, piece), about);
        }
    }

    fn push(&mut self, text: Range<usize>, about: About) {
        let line = self.line_at(text.start);
        let line_last = self.line_at(text.end);
        if self.found.len() == PASSAGES_MAX {
            let last = self.found.last_mut().expect("there are many");
            (last.text.end, last.line_last) = (text.end, line_last);
            return;
        }
        self.found.push(Passage {
            kind: self.kind,
            title: shorten(about.title, TITLE_BYTES_MAX),
            line,
            line_last,
            text,
            comment: about.comment,
            signature: about.signature,
        });
    }

    /// The line of the byte at `at`, which is not before the one that was asked for last.
    fn line_at(&mut self, at: usize) -> u32 {
        let between = &self.text.as_bytes()[self.counted..at];
        let newlines = between.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(newlines as u32);
        self.counted = at;
        self.line
    }
}

/// `range` without what is blank on both sides; spaces in front of its first line stay.
fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let bytes = &text.as_bytes()[range.clone()];
    let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace());
    let Some(end) = end else {
        return range.end..range.end;
    };
    let first = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
    let before = &bytes[..first.expect("one is not blank")];
    let line = before.iter().rposition(|byte| *byte == b'\n');
    let start = line.map_or(0, |newline| newline + 1);
    range.start + start..range.start + end + 1
}

/// The beginning of `range`: all of it, or about `bytes_max` of it up to an empty line, the end of
/// a line, a space or a character, the first of these that is there.
fn first_piece(text: &str, range: Range<usize>, bytes_max: usize) -> Range<usize> {
    // What is left would not be worth a passage.
    if range.len() <= bytes_max + bytes_max / 4 {
        return range;
    }
    let window_end = floor(text, range.start + bytes_max);
    let window = &text[range.start..window_end];
    let at_least = bytes_max / 4;
    let late = |at: &usize| *at >= at_least;
    let cut = window
        .rfind("\n\n")
        .filter(late)
        .or_else(|| window.rfind('\n').filter(late))
        .or_else(|| window.rfind(' ').filter(late))
        .unwrap_or(window.len());
    range.start..range.start + cut
}

/// The last place at `at` or before where a character begins or the text ends.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    let found = places.find(|place| text.is_char_boundary(*place));
    found.expect("a text begins with a character, or is empty")
}

/// At most `bytes_max` bytes of a title; what is cut off is told by dots.
pub(super) fn shorten(mut title: String, bytes_max: usize) -> String {
    const DOTS: &str = "...";
    if title.len() > bytes_max {
        title.truncate(floor(&title, bytes_max - DOTS.len()));
        title.push_str(DOTS);
    }
    title
}

#[cfg(test)]
mod tests;
