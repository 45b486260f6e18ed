//! What in a program is comment, string or code, byte by byte.
//!
//! A [`mask`] is as long as the program: a byte of code stands for itself, others for what they are
//! in. Comments keep the ends of their lines, strings do not, so that a line of the mask never
//! begins within a string. A quote that nothing closes ends with its line wherever the language
//! lets strings have one line only, so that one stray quote costs little. The work is linear: what
//! is looked for ahead is either passed over or near.

use super::lexis::{Lexis, Quote, Special, quote};

/// In a mask: a byte of a comment.
pub const COMMENT: u8 = 1;

/// In a mask: a byte of a string, its quotes included.
pub const STRING: u8 = 2;

/// In a mask: a byte of an order to the preprocessor of C.
pub const DIRECTIVE: u8 = 3;

/// Bytes of a literal of one character, and of the names that open a string.
const NEAR_BYTES_MAX: usize = 32;

/// What may stand before a literal of one character: in Rust, C and C++.
const CHARACTER_PREFIXES: [&str; 5] = ["b", "L", "u", "u8", "U"];

/// Bytes of a regular expression between slashes.
const REGEX_BYTES_MAX: usize = 256;

/// Strings with values that are in each other's values.
const TEMPLATES_MAX: usize = 16;

/// Tells of each byte of a program what it is in.
pub fn mask(text: &str, lexis: &Lexis) -> Vec<u8> {
    let mut lexer = Lexer {
        bytes: text.as_bytes(),
        lexis,
        mask: Vec::with_capacity(text.len()),
        last_code: b'\n',
    };
    if lexis.special == Special::Php {
        let start = lexer.find("<?", 0);
        lexer.fill(start, STRING);
    }
    while lexer.mask.len() < text.len() {
        lexer.step();
    }
    lexer.mask
}

/// A program while it is read: the mask is as long as what is read.
struct Lexer<'a> {
    bytes: &'a [u8],
    lexis: &'a Lexis,
    mask: Vec<u8>,
    /// The last byte of code that is not blank.
    last_code: u8,
}

impl Lexer<'_> {
    fn step(&mut self) {
        if let Some(end) = self.comment() {
            self.fill(end, COMMENT);
        } else if let Some((end, class)) = self.special() {
            self.fill(end, class);
            self.last_code = b'"';
        } else if let Some(end) = self.string() {
            self.fill(end, STRING);
            self.last_code = b'"';
        } else {
            self.code();
        }
    }

    fn at(&self) -> usize {
        self.mask.len()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at()..]
    }

    /// The byte that lies before what is read.
    fn before(&self) -> u8 {
        let before = self.at().checked_sub(1);
        before.map_or(b'\n', |at| self.bytes[at])
    }

    fn is_word_before(&self) -> bool {
        is_word(self.before())
    }

    /// Whether the word before says of which kind a character is, and is nothing else.
    fn is_prefix_before(&self) -> bool {
        let before = &self.bytes[..self.at()];
        CHARACTER_PREFIXES.iter().any(|prefix| {
            let rest = before.strip_suffix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.last().is_none_or(|byte| !is_word(*byte)))
        })
    }

    fn code(&mut self) {
        let byte = self.bytes[self.at()];
        if !byte.is_ascii_whitespace() {
            self.last_code = byte;
        }
        self.mask.push(match byte {
            COMMENT | STRING | DIRECTIVE => b' ',
            byte => byte,
        });
    }

    fn fill(&mut self, end: usize, class: u8) {
        let passed = &self.bytes[self.mask.len()..end];
        let keep = class != STRING;
        let masked = passed.iter().map(|byte| match byte {
            b'\n' if keep => b'\n',
            _ => class,
        });
        self.mask.extend(masked);
    }

    /// Behind the first `mark` that is at `from` or later; the end without any.
    fn find(&self, mark: &str, from: usize) -> usize {
        let mark = mark.as_bytes();
        let rest = self.bytes.get(from..).unwrap_or_default();
        let found = rest.windows(mark.len()).position(|window| window == mark);
        found.map_or(self.bytes.len(), |at| from + at + mark.len())
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = &self.bytes[from..];
        let found = rest.iter().position(|byte| *byte == b'\n');
        found.map_or(self.bytes.len(), |at| from + at)
    }

    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        for (open, close) in self.lexis.blocks {
            if rest.starts_with(open.as_bytes()) {
                let inside = self.at() + open.len();
                return Some(match self.lexis.is_nested {
                    true => self.nested(inside, open, close),
                    false => self.find(close, inside),
                });
            }
        }
        if let Some(end) = self.lua_bracket("--") {
            return Some(end);
        }
        let is_apart = !self.lexis.is_line_apart || self.before().is_ascii_whitespace();
        let mut marks = self.lexis.line.iter();
        let is_line = is_apart && marks.any(|mark| rest.starts_with(mark.as_bytes()));
        is_line.then(|| self.line_end(self.at()))
    }

    /// Behind a comment that has others inside.
    fn nested(&self, from: usize, open: &str, close: &str) -> usize {
        let (mut at, mut depth) = (from, 1_usize);
        while at < self.bytes.len() {
            let rest = &self.bytes[at..];
            if rest.starts_with(close.as_bytes()) {
                depth -= 1;
                at += close.len();
                if depth == 0 {
                    return at;
                }
            } else if rest.starts_with(open.as_bytes()) {
                depth += 1;
                at += open.len();
            } else {
                at += 1;
            }
        }
        self.bytes.len()
    }

    fn string(&self) -> Option<usize> {
        let rest = self.rest();
        let mut quotes = self.lexis.strings.iter();
        if let Some(quote) = quotes.find(|quote| rest.starts_with(quote.mark.as_bytes())) {
            return Some(self.quoted(quote, self.at() + quote.mark.len()));
        }
        let is_character = self.lexis.has_characters && rest.starts_with(b"'");
        is_character.then(|| self.character()).flatten()
    }

    fn quoted(&self, quote: &Quote, from: usize) -> usize {
        let mark = quote.mark.as_bytes();
        let mut at = from;
        while let Some(byte) = self.bytes.get(at) {
            if self.bytes[at..].starts_with(mark) {
                return at + mark.len();
            }
            match byte {
                b'\\' if quote.has_escapes => at += 2,
                b'\n' if !quote.has_lines => return at,
                _ => at += 1,
            }
        }
        self.bytes.len()
    }

    /// Behind `'a'`, `'\n'` and `b'a'`; `None` for `'a` and `1'000`.
    fn character(&self) -> Option<usize> {
        let rest = self.rest();
        let near = &rest[1..rest.len().min(NEAR_BYTES_MAX)];
        let is_escaped = near.first() == Some(&b'\\');
        let skipped = if is_escaped { 2 } else { 1 };
        // A character has four bytes at most, an escape is as long as "\u{10ffff}".
        let reach = if is_escaped { 10 } else { 4 };
        let near = near.get(skipped..)?;
        let close = near.iter().take(reach).position(|byte| *byte == b'\'')?;
        let is_one_line = !near[..close].contains(&b'\n');
        let begins = !self.is_word_before() || self.is_prefix_before();
        (is_one_line && begins).then_some(self.at() + 1 + skipped + close + 1)
    }

    fn special(&self) -> Option<(usize, u8)> {
        let string = |end: usize| (end, STRING);
        match self.lexis.special {
            Special::None => None,
            Special::Rust => self.rust_raw().map(string),
            Special::C => self.directive(),
            Special::Cpp => self.directive().or_else(|| self.cpp_raw().map(string)),
            Special::Script => self.template().or_else(|| self.regex()).map(string),
            Special::Lua => self.lua_bracket("").map(string),
            Special::Sql => self.dollars().map(string),
            Special::Php => self.php().map(string),
        }
    }

    fn rust_raw(&self) -> Option<usize> {
        let rest = self.rest();
        if self.is_word_before() && self.before() != b'b' || rest.first() != Some(&b'r') {
            return None;
        }
        let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(1 + hashes) != Some(&b'"') {
            return None;
        }
        let mut at = self.at() + 2 + hashes;
        while at < self.bytes.len() {
            let quote = self.find("\"", at);
            let behind = self.bytes[quote..].iter().take(hashes);
            if behind.take_while(|byte| **byte == b'#').count() == hashes {
                return Some(quote + hashes);
            }
            at = quote;
        }
        Some(self.bytes.len())
    }

    fn cpp_raw(&self) -> Option<usize> {
        let rest = self.rest();
        if !rest.starts_with(b"R\"") {
            return None;
        }
        let near = &rest[2..rest.len().min(NEAR_BYTES_MAX)];
        let open = near.iter().position(|byte| *byte == b'(')?;
        let name = std::str::from_utf8(&near[..open]).ok()?;
        Some(self.find(&format!("){name}\""), self.at() + 2 + open + 1))
    }

    /// Behind an order to the preprocessor, which begins a line and may go on with backslashes.
    fn directive(&self) -> Option<(usize, u8)> {
        let blanks = self.bytes[..self.at()].iter().rev();
        let mut blanks = blanks.take(NEAR_BYTES_MAX);
        let before = blanks.find(|byte| !matches!(byte, b' ' | b'\t'));
        let begins_line = self.rest().starts_with(b"#") && *before.unwrap_or(&b'\n') == b'\n';
        if !begins_line {
            return None;
        }
        let mut at = self.at();
        while let Some(byte) = self.bytes.get(at) {
            let rest = &self.bytes[at..];
            match byte {
                b'\\' => at += if rest.starts_with(b"\\\r\n") { 3 } else { 2 },
                b'\n' => break,
                b'/' if rest.starts_with(b"/*") => at = self.find("*/", at + 2),
                b'"' => at = self.quoted(&quote("\""), at + 1),
                _ => at += 1,
            }
        }
        Some((at.min(self.bytes.len()), DIRECTIVE))
    }

    /// Behind a string between backticks, with what stands in `${...}`.
    fn template(&self) -> Option<usize> {
        if !self.rest().starts_with(b"`") {
            return None;
        }
        // Braces that are open in each `${`; the last is that of the string that is read.
        let mut braces: Vec<usize> = Vec::new();
        let (mut at, mut is_text) = (self.at() + 1, true);
        while let Some(byte) = self.bytes.get(at) {
            at += 1;
            match byte {
                b'\\' => at += 1,
                b'`' if is_text && braces.is_empty() => return Some(at),
                b'`' => is_text = !is_text,
                b'$' if is_text && self.bytes.get(at) == Some(&b'{') => {
                    at += 1;
                    if braces.len() < TEMPLATES_MAX {
                        braces.push(0);
                        is_text = false;
                    }
                }
                b'{' if !is_text => *braces.last_mut().expect("text is outermost") += 1,
                b'}' if !is_text => {
                    let open = braces.pop().expect("text is outermost");
                    is_text = open == 0;
                    braces.extend(open.checked_sub(1));
                }
                _ => {}
            }
        }
        Some(self.bytes.len())
    }

    /// Behind a regular expression: a slash that no value stands before.
    fn regex(&self) -> Option<usize> {
        let is_value = is_word(self.last_code) || b")]}\"".contains(&self.last_code);
        if !self.rest().starts_with(b"/") || is_value {
            return None;
        }
        let (mut at, mut is_class) = (self.at() + 1, false);
        while at < self.at() + REGEX_BYTES_MAX {
            match self.bytes.get(at)? {
                b'\\' => at += 1,
                b'\n' => return None,
                b'[' => is_class = true,
                b']' => is_class = false,
                b'/' if !is_class => return Some(at + 1),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Behind `[[...]]` and `[==[...]==]` with `prefix` in front.
    fn lua_bracket(&self, prefix: &str) -> Option<usize> {
        let rest = self.rest().strip_prefix(prefix.as_bytes())?;
        if self.lexis.special != Special::Lua || rest.first() != Some(&b'[') {
            return None;
        }
        let near = &rest[1..rest.len().min(NEAR_BYTES_MAX)];
        let level = near.iter().take_while(|byte| **byte == b'=').count();
        let close = format!("]{}]", "=".repeat(level));
        let inside = self.at() + prefix.len() + 2 + level;
        (near.get(level) == Some(&b'[')).then(|| self.find(&close, inside))
    }

    /// Behind `$$...$$` and `$body$...$body$`.
    fn dollars(&self) -> Option<usize> {
        let rest = self.rest().strip_prefix(b"$")?;
        let near = &rest[..rest.len().min(NEAR_BYTES_MAX)];
        let name = near.iter().take_while(|byte| is_word(**byte)).count();
        let tag = std::str::from_utf8(&near[..name]).ok()?;
        let inside = self.at() + name + 2;
        (near.get(name) == Some(&b'$')).then(|| self.find(&format!("${tag}$"), inside))
    }

    /// Behind what PHP puts out as it stands, or a string of lines.
    fn php(&self) -> Option<usize> {
        let rest = self.rest();
        if rest.starts_with(b"?>") {
            return Some(self.find("<?", self.at() + 2));
        }
        let rest = rest.strip_prefix(b"<<<")?;
        let near = &rest[..rest.len().min(NEAR_BYTES_MAX)];
        let skipped = near
            .iter()
            .take_while(|byte| b" '\"".contains(byte))
            .count();
        let name = near[skipped..].iter().take_while(|byte| is_word(**byte));
        let name = &near[skipped..skipped + name.count()];
        if name.is_empty() {
            return None;
        }
        let mut at = self.line_end(self.at());
        while at < self.bytes.len() {
            let line = at + 1;
            let end = self.line_end(line.min(self.bytes.len()));
            let text = &self.bytes[line.min(end)..end];
            let indented = text.iter().take_while(|byte| byte.is_ascii_whitespace());
            let indented = indented.count();
            if text[indented..].starts_with(name) {
                return Some(line + indented + name.len());
            }
            at = end;
        }
        Some(self.bytes.len())
    }
}

/// Whether the byte is one of a name; all that are not ASCII are.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_$".contains(&byte) || byte >= 0x80
}
