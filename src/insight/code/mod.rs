//! Programs are cut into definitions, by the shapes that their languages have.
//!
//! A definition goes from the comment in front of it to its last line. What has members (a class,
//! an `impl`) is cut into those; what stands between definitions is passages of its own. Nothing is
//! parsed: a program that is wrong, or in no language at all, is cut somehow, and never in more
//! time than its length allows.
//!
//! | file | what |
//! |---|---|
//! | `lexis` | how comments and strings are written |
//! | `lexer` | what is comment, string and code |
//! | `head` | what the text before a brace defines |
//! | `braces` | definitions with braces |
//! | `lines` | definitions that lines end |

mod braces;
mod head;
mod lexer;
pub(super) mod lexis;
mod lines;
#[cfg(test)]
mod tests;

use super::cut::{About, Cutter, TITLE_BYTES_MAX, floor, shorten};
use super::language::{Language, Shape};
use super::{Kind, Passage};
use lexer::{COMMENT, DIRECTIVE, STRING, is_word};
use std::ops::Range;

/// Bytes of a passage, or a quarter more.
pub const SOURCE_BYTES_MAX: usize = 2000;

/// Bytes of a signature: names of templates and long lists of arguments.
pub const SIGNATURE_BYTES_MAX: usize = 400;

/// Definitions that are in each other. What is deeper is a part of the last.
const DEPTH_MAX: usize = 24;

/// Bytes of blanks before a definition that begins a line.
const COLUMNS_MAX: usize = 200;

/// Lines of attributes before a definition. Every one of them is looked at for each that follows.
const ATTRIBUTES_MAX: usize = 16;

/// The definitions of a program.
pub fn passages(text: &str, language: &Language) -> Vec<Passage> {
    let mask = lexer::mask(text, &language.lexis);
    let mut parts = Parts::new(text, &mask, language.joint);
    match &language.shape {
        Shape::Braces(braces) => braces::walk(&mut parts, braces),
        Shape::Lines(shape) => lines::walk(&mut parts, shape),
        Shape::Flat => {}
    }
    parts.finish()
}

/// A definition, as those who find it tell of it.
#[derive(Clone, Debug)]
struct Definition {
    /// What it is called, without what it is in.
    name: String,
    /// Where it begins, behind its comment.
    start: usize,
    /// Where its body begins.
    body: usize,
    /// Comments inside that tell what it is; empty without any.
    inside: Range<usize>,
}

/// What has members, before the first of them is found.
#[derive(Debug)]
struct Header {
    body: usize,
    about: About,
}

/// The parts of a program in order: definitions, and what is between them.
struct Parts<'a> {
    text: &'a str,
    mask: &'a [u8],
    joint: &'static str,
    cutter: Cutter<'a>,
    /// What is cut ends here.
    cut: usize,
    /// Names of what has the members that come.
    names: Vec<String>,
    header: Option<Header>,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str, mask: &'a [u8], joint: &'static str) -> Parts<'a> {
        Parts {
            text,
            mask,
            joint,
            cutter: Cutter::new(text, Kind::Code),
            cut: 0,
            names: Vec::new(),
            header: None,
        }
    }

    fn finish(mut self) -> Vec<Passage> {
        self.between(self.text.len());
        self.cutter.finish()
    }

    /// A definition without members, which ends before `end`.
    fn leaf(&mut self, definition: &Definition, end: usize) {
        let (start, about) = self.about(definition);
        self.between(start);
        self.cutter.add(start..end, SOURCE_BYTES_MAX, &about);
        self.cut = end;
    }

    /// A definition whose members come next.
    fn open(&mut self, definition: &Definition) {
        let (start, about) = self.about(definition);
        self.between(start);
        self.header = Some(Header {
            body: definition.body,
            about,
        });
        let name = shorten(definition.name.clone(), TITLE_BYTES_MAX);
        self.names.push(name);
    }

    /// The members are over; what they are in ends before `end`.
    fn close(&mut self, end: usize) {
        if let Some(header) = self.header.take() {
            self.cutter
                .add(self.cut..end, SOURCE_BYTES_MAX, &header.about);
            self.cut = end;
        }
        self.between(end);
        self.names.pop();
    }

    /// Cuts what stands before `end`.
    fn between(&mut self, end: usize) {
        let end = end.max(self.cut);
        let header = self.header.take();
        let said = header.as_ref().map_or(self.cut, |header| header.body);
        let has_comment = header
            .as_ref()
            .is_some_and(|header| !header.about.comment.is_empty());
        if self.cut == 0 && header.is_none() {
            self.preface(end);
        }
        let about = header.map_or_else(|| self.about_between(), |header| header.about);
        if has_comment || self.says_something(said.max(self.cut)..end) {
            self.cutter.add(self.cut..end, SOURCE_BYTES_MAX, &about);
        }
        self.cut = end;
    }

    fn about_between(&self) -> About {
        About {
            title: self.names.join(self.joint),
            ..About::default()
        }
    }

    /// Cuts what the program says of itself in front.
    fn preface(&mut self, end: usize) {
        let mut at = 0;
        while at < end && self.is_comment(self.line(at)) {
            at = (self.line(at).end + 1).min(end);
        }
        let about = About {
            title: self.names.join(self.joint),
            comment: 0..at,
            ..About::default()
        };
        self.cutter.add(0..at, SOURCE_BYTES_MAX, &about);
        self.cut = at;
    }

    fn says_something(&self, range: Range<usize>) -> bool {
        let says = |byte: &u8| is_word(*byte) || [COMMENT, STRING, DIRECTIVE].contains(byte);
        self.mask
            .get(range)
            .is_some_and(|mask| mask.iter().any(says))
    }

    /// Where a definition begins with its comment, and what is told of it.
    fn about(&self, definition: &Definition) -> (usize, About) {
        let (start, comment) = self.in_front(definition.start);
        let mut title = self.names.join(self.joint);
        if !title.is_empty() {
            title.push_str(self.joint);
        }
        title.push_str(&definition.name);
        let is_inside = !definition.inside.is_empty();
        let about = About {
            title,
            comment: if is_inside {
                definition.inside.clone()
            } else {
                comment
            },
            signature: self.signature(definition.start..definition.body),
        };
        (start, about)
    }

    /// The signature, without the brace behind it.
    fn signature(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(range.start + SIGNATURE_BYTES_MAX);
        let end = floor(self.text, end);
        let text = &self.text[range.start..end];
        let bare = text.trim_end_matches(|letter: char| letter == '{' || letter.is_whitespace());
        range.start..range.start + bare.len()
    }

    /// Where a definition begins with the comments and attributes in front of it, if it begins a
    /// line; and where the comments are.
    fn in_front(&self, start: usize) -> (usize, Range<usize>) {
        let near = self.cut.max(start.saturating_sub(COLUMNS_MAX));
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let before = self.mask[near..start]
            .iter()
            .rposition(|byte| !is_blank(byte));
        let mut first = before.map_or(near, |before| near + before + 1);
        let begins_line = first == self.cut || self.mask[first - 1] == b'\n';
        if !begins_line {
            return (start, start..start);
        }
        let (mut comment, mut attributes) = (first..first, 0);
        while first > self.cut {
            let above = self.line_start(first - 1)..first - 1;
            if self.is_comment(above.clone()) && !self.is_of_file(above.clone()) {
                let end = if comment.is_empty() {
                    above.end
                } else {
                    comment.end
                };
                comment = above.start..end;
            } else if attributes < ATTRIBUTES_MAX && self.is_attribute(above.clone()) {
                attributes += 1;
            } else {
                break;
            }
            first = above.start;
        }
        (first, comment)
    }

    /// Where a head begins behind the attributes that have lines of their own.
    fn behind_attributes(&self, range: Range<usize>) -> usize {
        let mut start = range.start;
        for _ in 0..ATTRIBUTES_MAX {
            let head = &self.mask[start..range.end];
            let Some(length) = head.iter().position(|byte| *byte == b'\n') else {
                break;
            };
            let blanks = head[length..].iter();
            let next = length + blanks.take_while(|byte| byte.is_ascii_whitespace()).count();
            if next == head.len() || !self.is_attribute(start..start + length) {
                break;
            }
            start += next;
        }
        start
    }

    /// Where the line begins that `at` is in, or what is cut ends.
    fn line_start(&self, at: usize) -> usize {
        let line = &self.mask[self.cut..at];
        let newline = line.iter().rposition(|byte| *byte == b'\n');
        newline.map_or(self.cut, |newline| self.cut + newline + 1)
    }

    /// The line that begins at `at`, without what ends it.
    fn line(&self, at: usize) -> Range<usize> {
        let length = self.mask[at..].iter().position(|byte| *byte == b'\n');
        at..length.map_or(self.mask.len(), |length| at + length)
    }

    fn is_comment(&self, line: Range<usize>) -> bool {
        let mask = &self.mask[line];
        let is_comment = |byte: &u8| *byte == COMMENT || byte.is_ascii_whitespace();
        mask.contains(&COMMENT) && mask.iter().all(is_comment)
    }

    /// Whether a comment tells of what it stands in, and not of what follows.
    fn is_of_file(&self, line: Range<usize>) -> bool {
        let text = self.text[line].trim_ascii_start();
        text.starts_with("//!") || text.starts_with("/*!")
    }

    fn is_attribute(&self, line: Range<usize>) -> bool {
        let mask = self.mask[line].trim_ascii();
        let begins = |with: &str| mask.starts_with(with.as_bytes());
        begins("#[") || begins("@") || begins("[") && mask.ends_with(b"]") || begins("template")
    }
}
