//! Definitions with braces.
//!
//! What stands between the last statement and a brace is the head of what the brace opens. A body
//! is passed over up to its brace, or to one that begins a line no further in than the head does:
//! that is how braces that `#ifdef` doubles do no harm.

use super::head::{self, HEAD_BYTES_MAX};
use super::lexer::{COMMENT, DIRECTIVE, is_word};
use super::{DEPTH_MAX, Definition, Parts};
use crate::insight::cut::floor;
use crate::insight::language::Braces;
use std::ops::Range;

/// Bytes of a pattern in the arguments of a function: `function open({ path, mode })`.
const PATTERN_BYTES_MAX: usize = 200;

/// Bytes of the name behind the brace of a `typedef`.
const NAME_BYTES_MAX: usize = 100;

/// How far in a line is at most. Those that are further in are not told apart.
const COLUMNS_MAX: usize = 200;

/// What is open.
#[derive(Debug)]
struct Frame {
    /// Whether it is a definition, or only braces around some.
    is_named: bool,
    /// Parentheses that are open around it.
    parentheses: usize,
    /// How far in its first line is.
    column: usize,
}

struct Walk<'p, 'a> {
    parts: &'p mut Parts<'a>,
    braces: &'p Braces,
    at: usize,
    /// Where the line begins.
    line_start: usize,
    /// Where the head begins.
    head: Option<usize>,
    /// How far in the line is that the head begins in.
    column: usize,
    /// Parentheses that are open in the head.
    parentheses: usize,
    frames: Vec<Frame>,
}

/// Finds all definitions.
pub fn walk(parts: &mut Parts<'_>, braces: &Braces) {
    let mut walk = Walk {
        parts,
        braces,
        at: 0,
        line_start: 0,
        head: None,
        column: 0,
        parentheses: 0,
        frames: Vec::new(),
    };
    while let Some(byte) = walk.byte(walk.at) {
        walk.step(byte);
    }
    let end = walk.at;
    while let Some(frame) = walk.frames.pop() {
        walk.close_frame(&frame, end);
    }
}

impl Walk<'_, '_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.parts.mask.get(at).copied()
    }

    fn step(&mut self, byte: u8) {
        let at = self.at;
        self.at += 1;
        match byte {
            b'\n' => self.line_end(at),
            COMMENT => {}
            DIRECTIVE => self.directive(at),
            b'{' => self.opened(at),
            b'}' => self.closed(at),
            b';' => self.semicolon(at),
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                if self.head.is_none() {
                    self.head = Some(at);
                    self.column = self.column_of_line();
                }
                match byte {
                    b'(' | b'[' => self.parentheses += 1,
                    b')' | b']' => self.parentheses = self.parentheses.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }

    /// How far in the line is.
    fn column_of_line(&self) -> usize {
        let line = &self.parts.mask[self.line_start..self.at];
        let near = line.iter().take(COLUMNS_MAX);
        near.take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    fn line_end(&mut self, at: usize) {
        self.line_start = self.at;
        let rest = &self.parts.mask[self.at..];
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
        let next = rest.get(blanks.count()).copied();
        if self.parentheses > 0 {
            return;
        }
        let is_over = match next {
            None | Some(b'\n' | COMMENT) => true,
            Some(b'{' | b'.' | b'?' | b':' | b'=' | b'|' | b'&') => false,
            Some(_) => self.braces.has_line_ends || self.is_apart(at),
        };
        if is_over && !self.is_continued(at) {
            self.statement(at);
        }
    }

    /// Whether the head that ends here is a label like `public:`, or a macro alone on its line.
    fn is_apart(&self, at: usize) -> bool {
        let head = self.head.unwrap_or(at);
        let mask = &self.parts.mask[head..at];
        if mask.len() > HEAD_BYTES_MAX {
            return false;
        }
        let mask = mask.trim_ascii_end();
        let name = mask.iter().take_while(|byte| is_word(**byte)).count();
        let is_loud = name > 2 && !mask[..name].iter().any(u8::is_ascii_lowercase);
        let is_call = mask.get(name) == Some(&b'(') && mask.ends_with(b")");
        mask[name..] == *b":" || is_loud && is_call && !mask.contains(&b'\n')
    }

    /// Whether the line that ends at `at` wants more.
    fn is_continued(&self, at: usize) -> bool {
        let line = &self.parts.mask[self.head.unwrap_or(at)..at];
        let code = |byte: &&u8| !byte.is_ascii_whitespace() && **byte != COMMENT;
        let last = line.iter().rev().take(NAME_BYTES_MAX).find(code);
        last.is_some_and(|last| b"=,+|&?<\\".contains(last)) || line.trim_ascii().ends_with(b"=>")
    }

    /// A statement ends: what it defines has no body.
    fn statement(&mut self, end: usize) {
        let Some(start) = self.head.take() else {
            return;
        };
        let (_, comment) = self.parts.in_front(start);
        if comment.is_empty() || end - start > HEAD_BYTES_MAX {
            return;
        }
        let start = self.parts.behind_attributes(start..end);
        let text = &self.parts.text[start..end];
        let found = head::read(text, &self.parts.mask[start..end], self.braces);
        let Some(found) = found else { return };
        // A call begins with its name, a declaration with a type.
        let first = found.name.split(' ').next().unwrap_or_default();
        let is_call = self.braces.has_bare_functions && text.starts_with(first);
        if !is_call {
            let definition = self.definition(found.name, start, end);
            self.parts.leaf(&definition, end);
        }
    }

    fn definition(&self, name: String, start: usize, body: usize) -> Definition {
        Definition {
            name,
            start,
            body,
            inside: body..body,
        }
    }

    fn semicolon(&mut self, at: usize) {
        let ends_line = matches!(self.byte(self.at), None | Some(b'\n' | b'\r'));
        if self.parentheses == 0 || ends_line {
            self.parentheses = 0;
            self.statement(at + 1);
        }
    }

    /// Passes over an order to the preprocessor. A macro of several lines is a definition.
    fn directive(&mut self, at: usize) {
        let mut end = at;
        while let Some(byte) = self.byte(end) {
            let line = &self.parts.text.as_bytes()[at..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let is_continued = byte == b'\n' && line.ends_with(b"\\");
            if byte != DIRECTIVE && !is_continued {
                break;
            }
            end += 1;
        }
        self.at = end;
        if self.parentheses == 0 {
            self.head = None;
        }
        let text = &self.parts.text[at..end];
        let rest = text[1..].trim_ascii_start().strip_prefix("define");
        let name = rest.map(|rest| rest.trim_ascii_start());
        let length = name.map(|name| name.bytes().take_while(|byte| is_word(*byte)).count());
        if let (Some(name), Some(length)) = (name, length)
            && length > 0
            && text.contains('\n')
            && self.head.is_none()
        {
            let body = at + text.find('\n').unwrap_or(text.len());
            let definition = self.definition(name[..length].to_string(), at, body);
            self.parts.leaf(&definition, end);
        }
    }

    /// The last bytes of the head that ends at `at`.
    fn head_range(&self, at: usize) -> Range<usize> {
        let start = self.head.unwrap_or(at);
        let least = at.saturating_sub(HEAD_BYTES_MAX);
        floor(self.parts.text, start.max(least))..at
    }

    fn opened(&mut self, at: usize) {
        let range = self.head_range(at);
        let mask = &self.parts.mask[range.clone()];
        let is_argument = self.parentheses > 0 && !self.braces.is_open;
        if is_argument || self.is_pattern(at) || head::goes_on(mask, self.braces) {
            self.at = self.behind_body(at, 0);
            return;
        }
        let is_of_macro = self.is_of_macro(range.clone());
        let found = match self.parentheses {
            0 if !is_of_macro => head::read(&self.parts.text[range.clone()], mask, self.braces),
            _ => None,
        };
        let start = self.head.unwrap_or(at);
        let start = self.parts.behind_attributes(start..at);
        let is_deep = self.frames.len() >= DEPTH_MAX;
        match found {
            Some(found) if found.has_members && !is_deep => {
                let definition = self.definition(found.name, start, at + 1);
                self.parts.open(&definition);
                self.enter(true);
            }
            Some(found) => self.body(found.name, start, at),
            None if is_deep => self.at = self.behind_body(at, self.column),
            None if is_of_macro || self.is_transparent(range) => self.enter(false),
            None => self.nameless(start, at),
        }
        self.head = None;
    }

    /// Whether the brace at `at` is in arguments and soon closed.
    fn is_pattern(&self, at: usize) -> bool {
        let rest = &self.parts.mask[at..];
        let near = &rest[..rest.len().min(PATTERN_BYTES_MAX)];
        let closed = near.iter().position(|byte| *byte == b'}' || *byte == b'\n');
        self.parentheses > 0 && closed.is_some_and(|closed| near[closed] == b'}')
    }

    /// Whether braces without a name are around definitions: `extern "C" {`.
    fn is_transparent(&self, range: Range<usize>) -> bool {
        let is_linkage = self.parts.text[range].trim_ascii_end().ends_with('"');
        self.braces.is_open || is_linkage
    }

    /// Whether braces are around definitions in Rust: what a macro stands for, `(...) => {`, or
    /// what one is made of, `bitflags! {`.
    fn is_of_macro(&self, range: Range<usize>) -> bool {
        let head = self.parts.text[range].trim_ascii_end();
        let has_macros = self.braces.holders.contains(&"macro_rules");
        // Not "-> !", which is a type.
        let name = head.strip_suffix('!').unwrap_or_default();
        has_macros && (head.ends_with("=>") || name.bytes().next_back().is_some_and(is_word))
    }

    fn enter(&mut self, is_named: bool) {
        self.frames.push(Frame {
            is_named,
            parentheses: self.parentheses,
            column: self.column,
        });
        self.parentheses = 0;
    }

    /// A definition with the body that begins at `at`.
    fn body(&mut self, name: String, start: usize, at: usize) {
        let end = self.behind_body(at, self.column);
        let rest = self.parts.mask[end..].iter();
        let closing = rest.take_while(|byte| matches!(byte, b';' | b',')).count();
        self.at = end + closing;
        let definition = self.definition(name, start, at + 1);
        self.parts.leaf(&definition, self.at);
    }

    /// Braces of what has no name in front: a `typedef` has it behind.
    fn nameless(&mut self, start: usize, at: usize) {
        let end = self.behind_body(at, self.column);
        self.at = end;
        if !self.parts.mask[start..at].starts_with(b"typedef") {
            return;
        }
        let rest = &self.parts.mask[end..];
        let near = &rest[..rest.len().min(NAME_BYTES_MAX)];
        let Some(length) = near.iter().position(|byte| *byte == b';') else {
            return;
        };
        let name = self.parts.text[end..end + length].trim_ascii().to_string();
        if name.bytes().all(is_word) && !name.is_empty() {
            self.at = end + length + 1;
            let definition = self.definition(name, start, at + 1);
            self.parts.leaf(&definition, self.at);
        }
    }

    /// Behind the body that begins at `at`, whose head is `column` bytes in.
    fn behind_body(&mut self, at: usize, column: usize) -> usize {
        let (mut depth, mut end) = (0_usize, at);
        while let Some(byte) = self.byte(end) {
            end += 1;
            match byte {
                b'\n' => self.line_start = end,
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    let line = &self.parts.mask[self.line_start.min(end - 1)..end - 1];
                    let begins_line = end - 1 > at && line.len() <= column;
                    let is_last = begins_line && line.iter().all(u8::is_ascii_whitespace);
                    if depth == 0 || is_last && self.line_start > at {
                        return end;
                    }
                }
                _ => {}
            }
        }
        end
    }

    fn closed(&mut self, at: usize) {
        self.head = None;
        let line = &self.parts.mask[self.line_start..at];
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let begins_line = line.len() <= COLUMNS_MAX && line.iter().all(is_blank);
        // A brace that begins a line closes what is further in than itself.
        while let [_, .., inner] = self.frames.as_slice()
            && begins_line
            && inner.column > self.at - 1 - self.line_start
        {
            let inner = self.frames.pop().expect("it was just seen");
            self.close_frame(&inner, at);
        }
        if let Some(frame) = self.frames.pop() {
            self.close_frame(&frame, at + 1);
        }
    }

    fn close_frame(&mut self, frame: &Frame, end: usize) {
        self.parentheses = frame.parentheses;
        if frame.is_named {
            self.parts.close(end);
        }
    }
}
