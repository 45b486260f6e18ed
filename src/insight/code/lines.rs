//! Definitions that lines end: Python, those with `end`, shells, SQL.
//!
//! How far in a line is tells what it belongs to, so that nothing has to be counted: programs whose
//! lines lie about that are cut in the wrong places, and no worse.

use super::lexer::{COMMENT, STRING, is_word};
use super::{DEPTH_MAX, Definition, Parts, SIGNATURE_BYTES_MAX};
use crate::insight::cut::floor;
use crate::insight::language::{LineEnd, Lines};
use std::ops::Range;

/// Words that may stand before the one that tells what is defined.
const MODIFIERS: [&str; 8] = [
    "async",
    "local",
    "private",
    "protected",
    "public",
    "private_class_method",
    "abstract",
    "mutable",
];

/// Words that begin a statement of SQL.
const STATEMENTS: [&str; 14] = [
    "CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "SELECT", "GRANT", "REVOKE",
    "COMMENT", "SET", "COMMIT", "TRUNCATE", "WITH",
];

/// Words of SQL between `CREATE` and a name.
const FILLERS: [&str; 4] = ["IF", "NOT", "EXISTS", "CONCURRENTLY"];

/// Words of a line that are read.
const WORDS_MAX: usize = 8;

/// A line with code.
#[derive(Clone, Debug)]
struct Line {
    /// All of it.
    range: Range<usize>,
    /// Where its code begins.
    start: usize,
    /// How far in that is.
    column: usize,
}

/// A definition that goes on.
#[derive(Debug)]
struct Block {
    definition: Definition,
    column: usize,
}

struct Walk<'p, 'a> {
    parts: &'p mut Parts<'a>,
    shape: &'p Lines,
    /// What has members, outermost first.
    holders: Vec<Block>,
    leaf: Option<Block>,
    /// Where the last line ends that belongs to what is open.
    last_end: usize,
    /// Brackets that are open.
    brackets: usize,
    /// Whether the last line ended a statement.
    is_ended: bool,
}

/// Finds all definitions.
pub fn walk(parts: &mut Parts<'_>, shape: &Lines) {
    let mut walk = Walk {
        parts,
        shape,
        holders: Vec::new(),
        leaf: None,
        last_end: 0,
        brackets: 0,
        is_ended: true,
    };
    let mut at = 0;
    while at < walk.parts.mask.len() {
        let range = walk.parts.line(at);
        at = range.end + 1;
        walk.line(range);
    }
    walk.end_leaf(walk.last_end);
    while !walk.holders.is_empty() {
        walk.end_holder(walk.last_end);
    }
}

impl Walk<'_, '_> {
    fn line(&mut self, range: Range<usize>) {
        let mask = &self.parts.mask[range.clone()];
        let Some(column) = mask.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            return;
        };
        if self.parts.is_comment(range.clone()) {
            if self.leaf.as_ref().is_some_and(|leaf| column > leaf.column) {
                self.last_end = range.end;
            }
            return;
        }
        let line = Line {
            start: range.start + column,
            column,
            range,
        };
        match self.shape.end {
            LineEnd::Indentation => self.indented(&line),
            LineEnd::Word(word) => self.worded(&line, word),
            LineEnd::Statement => self.statement(&line),
        }
        self.last_end = self.last_end.max(line.range.end);
    }

    fn text(&self, line: &Line) -> &str {
        self.parts.text[line.start..line.range.end].trim_ascii_end()
    }

    /// A line of Python.
    fn indented(&mut self, line: &Line) {
        // A definition at the start of a line: brackets before it were never closed.
        let is_first = line.column == 0 && self.definition(line).is_some();
        if self.brackets > 0 && !is_first {
            self.count_brackets(line);
            return;
        }
        self.brackets = 0;
        if self
            .leaf
            .as_ref()
            .is_some_and(|leaf| line.column <= leaf.column)
        {
            self.end_leaf(self.last_end);
        }
        if self.leaf.is_none() {
            while self
                .holders
                .last()
                .is_some_and(|holder| line.column <= holder.column)
            {
                self.end_holder(self.last_end);
            }
            if let Some((name, has_members)) = self.definition(line) {
                self.begin(line, name, has_members);
            }
        }
        self.count_brackets(line);
    }

    fn count_brackets(&mut self, line: &Line) {
        for byte in &self.parts.mask[line.range.clone()] {
            match byte {
                b'(' | b'[' | b'{' => self.brackets += 1,
                b')' | b']' | b'}' => self.brackets = self.brackets.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// A line of a language where a word at the start of a line ends a definition.
    fn worded(&mut self, line: &Line, word: &str) {
        let text = self.text(line);
        let behind = text.strip_prefix(word);
        let is_bracket = !word.bytes().all(is_word);
        let is_end =
            behind.is_some_and(|behind| is_bracket || !behind.bytes().next().is_some_and(is_word));
        if let Some(leaf) = &self.leaf {
            let is_outside = line.column <= leaf.column;
            if is_outside && is_end {
                self.end_leaf(line.range.end);
                return;
            }
            if !is_outside || self.definition(line).is_none() {
                return;
            }
            self.end_leaf(self.last_end);
        }
        let holder = self.holders.last();
        if is_end && holder.is_some_and(|holder| line.column <= holder.column) {
            self.end_holder(line.range.end);
        } else if let Some((name, has_members)) = self.definition(line) {
            let is_whole = self.is_whole(line, word);
            self.begin(line, name, has_members && !is_whole);
            if is_whole {
                self.end_leaf(line.range.end);
            }
        }
    }

    /// Whether a definition begins and ends in one line.
    fn is_whole(&self, line: &Line, word: &str) -> bool {
        let mask = self.parts.mask[line.start..line.range.end].trim_ascii_end();
        let before = mask.strip_suffix(word.as_bytes());
        let is_apart = |before: &[u8]| !before.last().copied().is_some_and(is_word);
        let text = self.text(line);
        let is_bare = text.contains(", do:") || text.starts_with("def ") && text.contains(") =");
        before.is_some_and(is_apart) || word == "end" && is_bare
    }

    /// A line of SQL.
    fn statement(&mut self, line: &Line) {
        let text = self.text(line);
        let is_ended = text.ends_with(';');
        let first = words(text).next().unwrap_or_default().to_ascii_uppercase();
        let begins = line.column == 0 && self.is_ended && STATEMENTS.contains(&first.as_str());
        if begins {
            let name = self.created(text);
            self.end_leaf(self.last_end);
            if let Some(name) = name {
                self.begin(line, name, false);
            }
        }
        self.is_ended = is_ended;
    }

    /// What a statement of SQL creates.
    fn created(&self, text: &str) -> Option<String> {
        let mut rest = words(text).take(2 * WORDS_MAX);
        rest.next()
            .filter(|word| word.eq_ignore_ascii_case("CREATE"))?;
        let is_kind = |word: &&str| {
            let kinds = self.shape.leaves.iter();
            kinds.clone().any(|kind| kind.eq_ignore_ascii_case(word))
        };
        rest.find(is_kind)?;
        let is_filler = |word: &&str| FILLERS.iter().any(|known| known.eq_ignore_ascii_case(word));
        let name = rest.find(|word| !is_filler(word))?;
        Some(name.trim_matches(['"', '`', '[', ']']).to_string())
    }

    /// What a line begins to define, and whether that has members.
    fn definition(&self, line: &Line) -> Option<(String, bool)> {
        let text = self.text(line);
        let near = &text[..floor(text, SIGNATURE_BYTES_MAX)];
        let mut rest = near;
        for _ in 0..WORDS_MAX {
            let length = rest.bytes().take_while(|byte| is_word(*byte)).count();
            let (word, after) = rest.split_at(length);
            let after = after.trim_ascii_start();
            if self.shape.leaves.contains(&word) || self.shape.holders.contains(&word) {
                let has_members = self.shape.holders.contains(&word);
                return named(after).map(|name| (name, has_members));
            }
            if !MODIFIERS.contains(&word) {
                break;
            }
            rest = after;
        }
        self.given(near).map(|name| (name, false))
    }

    /// `name() {` of a shell, `name = function(` of Lua.
    fn given(&self, text: &str) -> Option<String> {
        if !self.shape.leaves.contains(&"function") {
            return None;
        }
        let text = text.strip_prefix("local ").unwrap_or(text);
        let name = named(text)?;
        let rest = text[name.len()..].trim_ascii_start();
        let is_given = match self.shape.end {
            LineEnd::Word("}") => {
                let rest = rest.strip_prefix('(').map(str::trim_ascii_start);
                let rest = rest.and_then(|rest| rest.strip_prefix(')'));
                rest.is_some_and(|rest| {
                    matches!(
                        rest.trim_ascii_start().bytes().next(),
                        None | Some(b'{' | b'(' | b'#')
                    )
                })
            }
            LineEnd::Word(_) => {
                let rest = rest.strip_prefix('=').map(str::trim_ascii_start);
                rest.is_some_and(|rest| rest.starts_with("function"))
            }
            LineEnd::Indentation | LineEnd::Statement => false,
        };
        is_given.then_some(name)
    }

    fn begin(&mut self, line: &Line, name: String, has_members: bool) {
        let body = self.signature_end(line);
        let definition = Definition {
            name,
            start: line.start,
            body,
            inside: self.docstring(body),
        };
        let block = Block {
            definition,
            column: line.column,
        };
        if has_members && self.holders.len() < DEPTH_MAX {
            self.parts.open(&block.definition);
            self.holders.push(block);
        } else {
            self.leaf = Some(block);
        }
        self.last_end = line.range.end;
    }

    /// Where the signature ends that begins with this line: with the brackets that it opens.
    fn signature_end(&self, line: &Line) -> usize {
        let mut depth = 0_usize;
        let near = &self.parts.mask[line.start..];
        let near = &near[..near.len().min(SIGNATURE_BYTES_MAX)];
        for (at, byte) in near.iter().enumerate() {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth = depth.saturating_sub(1),
                b'\n' if depth == 0 => return line.start + at,
                _ => {}
            }
        }
        line.range.end.min(line.start + near.len())
    }

    /// The string that a body begins with.
    fn docstring(&self, body: usize) -> Range<usize> {
        let none = body..body;
        if self.shape.end != LineEnd::Indentation {
            return none;
        }
        let mask = &self.parts.mask[body..];
        let blank = mask
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let length = mask[blank..]
            .iter()
            .take_while(|byte| **byte == STRING)
            .count();
        let start = body + blank;
        let is_alone = matches!(
            mask.get(blank + length),
            None | Some(b'\n' | b'\r' | &COMMENT)
        );
        if is_alone {
            start..start + length
        } else {
            none
        }
    }

    fn end_leaf(&mut self, end: usize) {
        if let Some(leaf) = self.leaf.take() {
            self.parts
                .leaf(&leaf.definition, end.max(leaf.definition.body));
        }
    }

    fn end_holder(&mut self, end: usize) {
        self.holders.pop();
        self.parts.close(end);
    }
}

/// Words of SQL with what may stand in names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|letter: char| letter.is_whitespace() || "(),;".contains(letter));
    parts.filter(|part| !part.is_empty())
}

/// The name at the start of `text`: `open`, `self.open`, `Store::Index`, `open?`.
fn named(text: &str) -> Option<String> {
    let is_inside = |byte: &u8| is_word(*byte) || b".:?!-".contains(byte);
    let length = text.bytes().take_while(|byte| is_inside(byte)).count();
    let name = text[..length].trim_end_matches([':', '.', '-']);
    let is_name = name
        .bytes()
        .next()
        .is_some_and(|first| is_word(first) && first != b'$');
    is_name.then(|| name.to_string())
}
