//! What the text in front of a brace defines, and what it is called.
//!
//! | head | name | members |
//! |---|---|---|
//! | `pub const unsafe fn open(path: &Path) -> Store` | `open` | |
//! | `impl<T> Live for Watched<T>` | `<Watched as Live>` | yes |
//! | `func (s *Store) Open() error` | `Store.Open` | |
//! | `static int __init probe(struct device *d)` | `probe` | |
//! | `const area = (shape) =>` | `area` | |
//! | `static const struct file_operations fops =` | `fops` | |

use super::lexer::{STRING, is_word};
use crate::insight::language::Braces;

/// Bytes of a head that are read: the last ones, should there be more.
pub const HEAD_BYTES_MAX: usize = 1024;

/// Words before a parenthesis that open a block and no function.
const CONTROL: [&str; 16] = [
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "with",
    "return",
    "else",
    "do",
    "try",
    "foreach",
    "using",
    "lock",
    "synchronized",
    "match",
    "when",
];

/// Words that have parentheses of their own before the name comes.
const ATTRIBUTES: [&str; 8] = [
    "__attribute__",
    "__declspec",
    "alignas",
    "_Alignas",
    "__aligned",
    "constructor",
    "extern",
    "asm",
];

/// Words behind which a type says what it is like, not what it is called.
const RELATIONS: [&str; 7] = [
    "extends",
    "implements",
    "where",
    "with",
    "permits",
    "for",
    "final",
];

/// What a head defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is called.
    pub name: String,
    /// Whether it has members, which are found alone.
    pub has_members: bool,
}

/// A part of a head: what is in brackets is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Word(&'a str),
    /// What was in parentheses, by its first two words.
    Group([&'a str; 2]),
    /// A string.
    Text,
    /// Anything else.
    Mark(u8),
}

use Part::{Group, Mark, Text, Word};

/// Reads a head. `text` and `mask` are of the same part of the program.
pub fn read(text: &str, mask: &[u8], braces: &Braces) -> Option<Head> {
    let parts = without_types(&without_attributes(&parts(text, mask)));
    keyword(&parts, braces)
        .or_else(|| assigned(&parts, braces))
        .or_else(|| bare(&parts, braces))
}

/// Whether a brace behind this head belongs to a type in it, and the head goes on.
pub fn goes_on(mask: &[u8], braces: &Braces) -> bool {
    let mask = mask.trim_ascii();
    // "func Open() interface{} {", "func Names() map[string]struct{} {".
    if mask.starts_with(b"func ") {
        return mask.ends_with(b"interface") || mask.ends_with(b"]struct");
    }
    let last = mask.last().copied().unwrap_or_default();
    if braces.is_open {
        return b"<|&".contains(&last);
    }
    // "Store::Store() : path{path} {".
    let colon = mask.iter().rposition(|byte| *byte == b':');
    let has_values = colon.is_some_and(|at| mask[..at].trim_ascii_end().ends_with(b")"));
    braces.has_bare_functions && has_values && is_word(last)
}

fn parts<'a>(text: &'a str, mask: &[u8]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = mask.get(at) {
        let start = at;
        at += 1;
        let part = match byte {
            byte if is_word(byte) => {
                at = end_of(mask, at, is_word);
                Word(&text[start..at])
            }
            STRING => {
                at = end_of(mask, at, |byte| byte == STRING);
                Text
            }
            b'(' => Group([""; 2]),
            byte if byte.is_ascii_whitespace() || byte < b' ' => continue,
            byte => Mark(byte),
        };
        match part {
            Group(_) => {
                depth += 1;
                if depth == 1 {
                    parts.push(part);
                }
            }
            Mark(b')') => depth = depth.saturating_sub(1),
            Word(word) if depth > 0 => {
                if let Some(Group(words)) = parts.last_mut()
                    && let Some(place) = words.iter_mut().find(|word| word.is_empty())
                {
                    *place = word;
                }
            }
            Word(_) | Text | Mark(_) if depth == 0 => parts.push(part),
            Word(_) | Text | Mark(_) => {}
        }
    }
    parts
}

fn end_of(mask: &[u8], from: usize, is_inside: impl Fn(u8) -> bool) -> usize {
    let length = mask[from..].iter().take_while(|byte| is_inside(**byte));
    from + length.count()
}

/// Without `#[...]`, `@name(...)`, `[[...]]` and a first `[...]`.
fn without_attributes<'a>(parts: &[Part<'a>]) -> Vec<Part<'a>> {
    let mut kept = Vec::with_capacity(parts.len());
    let mut at = 0;
    while let Some(part) = parts.get(at) {
        let next = parts.get(at + 1);
        let is_bracket = *part == Mark(b'[')
            && (kept.is_empty() || kept.last() == Some(&Mark(b'#')) || next == Some(&Mark(b'[')));
        if is_bracket {
            at = behind(parts, at, Mark(b'['), Mark(b']'));
            kept.pop_if(|last| *last == Mark(b'#'));
        } else if *part == Mark(b'@') && matches!(next, Some(Word(word)) if *word != "interface") {
            at = behind_annotation(parts, at + 2);
        } else if *part == Mark(b'@') {
            at += 1;
        } else {
            kept.push(*part);
            at += 1;
        }
    }
    kept
}

/// Behind the rest of `@org.example.Name(...)`, whose first word is read.
fn behind_annotation(parts: &[Part<'_>], from: usize) -> usize {
    let mut at = from;
    while let (Some(Mark(b'.')), Some(Word(_))) = (parts.get(at), parts.get(at + 1)) {
        at += 2;
    }
    at + usize::from(matches!(parts.get(at), Some(Group(_))))
}

/// Behind the bracket that closes the one at `from`; the end, if none does.
fn behind(parts: &[Part<'_>], from: usize, open: Part<'_>, close: Part<'_>) -> usize {
    let mut depth = 0_usize;
    for (at, part) in parts.iter().enumerate().skip(from) {
        depth += usize::from(*part == open);
        if *part == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    parts.len()
}

/// Without `<...>`. Arrows are two marks still.
fn without_types<'a>(parts: &[Part<'a>]) -> Vec<Part<'a>> {
    let opens = parts.iter().filter(|part| **part == Mark(b'<')).count();
    let is_arrow = |at: usize| {
        let before = at.checked_sub(1).map(|before| parts[before]);
        matches!(before, Some(Mark(b'-' | b'=')))
    };
    let is_close = |at: &usize| parts[*at] == Mark(b'>') && !is_arrow(*at);
    let closes = (0..parts.len()).filter(is_close).count();
    // "operator<", or a comparison: nothing is known of brackets.
    if opens != closes {
        return parts.to_vec();
    }
    let mut kept = Vec::with_capacity(parts.len());
    let mut depth = 0_usize;
    for (at, part) in parts.iter().enumerate() {
        let closes = is_close(&at);
        depth += usize::from(*part == Mark(b'<'));
        if depth == 0 {
            kept.push(*part);
        }
        depth = depth.saturating_sub(usize::from(closes));
    }
    kept
}

/// What a word like `fn` or `class` stands before.
fn keyword(parts: &[Part<'_>], braces: &Braces) -> Option<Head> {
    let is_known = |part: &Part<'_>| match part {
        Word(word) => braces.leaves.contains(word) || braces.holders.contains(word),
        Group(_) | Text | Mark(_) => false,
    };
    let mut at = parts.iter().position(is_known)?;
    // "enum class Color", "const unsafe fn open", "data class Point": the last word names the kind.
    while parts[at] != Word("impl") {
        let rest = &parts[at + 1..];
        let modifiers = rest.iter().take_while(|part| is_modifier(part)).count();
        if !rest.get(modifiers).is_some_and(is_known) {
            break;
        }
        at += 1 + modifiers;
    }
    let Word(kind) = parts[at] else {
        return None;
    };
    let has_members = braces.holders.contains(&kind);
    let rest = &parts[at + 1..];
    if braces.has_bare_functions && kind != "function" && !is_type(rest) {
        return None;
    }
    let name = match kind {
        "impl" => implementation(rest)?,
        "func" => receiver(rest)?,
        "init" | "deinit" | "subscript" => kind.to_string(),
        "object" => name(rest).unwrap_or_else(|| "companion".to_string()),
        _ => name(rest).or_else(|| assigned_name(&parts[..at]))?,
    };
    Some(Head { name, has_members })
}

/// Whether a part stands between a word like `const` and the one that names the kind.
fn is_modifier(part: &Part<'_>) -> bool {
    match part {
        Word(word) => ["async", "extern", "unsafe"].contains(word),
        Text => true,
        Group(_) | Mark(_) => false,
    }
}

/// Whether `struct` and the like, with this behind them, begin a type and not a function that
/// returns one: no parentheses but those of attributes, of bases and behind the name.
fn is_type(rest: &[Part<'_>]) -> bool {
    let group = rest.iter().position(|part| matches!(part, Group(_)));
    let Some(group) = group else {
        return !rest.contains(&Mark(b'='));
    };
    let before = &rest[..group];
    let is_relation = |part: &Part<'_>| match part {
        Word(word) => RELATIONS.contains(word) || ATTRIBUTES.contains(word),
        Mark(mark) => *mark == b':',
        Group(_) | Text => false,
    };
    let is_path = before.windows(2).any(|two| two == [Mark(b':'), Mark(b':')]);
    group == 1 || (before.iter().any(is_relation) && !is_path)
}

/// The first name: `Store`, `ns::Store`, `Store.prototype.open`.
fn name(parts: &[Part<'_>]) -> Option<String> {
    let is_mark = |part: &Part<'_>| matches!(part, Mark(b'*' | b'&' | b'!' | b'?' | b'\'' | b'.'));
    let skipped = parts.iter().take_while(|part| is_mark(part)).count();
    let mut rest = &parts[skipped..];
    // "struct __attribute__((packed)) header", "class EXPORT(1) Store".
    while let [Word(_), Group(_), after @ ..] = rest
        && matches!(after.first(), Some(Word(word)) if !RELATIONS.contains(word))
    {
        rest = after;
    }
    // "class EXPORT Store : Base".
    while let [Word(first), Word(second), ..] = rest
        && !RELATIONS.contains(second)
        && is_loud(first)
    {
        rest = &rest[1..];
    }
    let Some(Word(_)) = rest.first() else {
        return None;
    };
    Some(path(rest))
}

/// A path at the start of `parts`, as it is written.
fn path(parts: &[Part<'_>]) -> String {
    let mut path = String::new();
    let (mut at, mut wants_word) = (0, true);
    while let Some(part) = parts.get(at) {
        match part {
            Word(word) if wants_word => path.push_str(word),
            Mark(b':') if parts.get(at + 1) == Some(part) => {
                path.push_str("::");
                at += 1;
            }
            Mark(mark @ (b'.' | b'~' | b'\\' | b'#')) => path.push(char::from(*mark)),
            Word(_) | Group(_) | Text | Mark(_) => break,
        }
        wants_word = matches!(part, Mark(_));
        at += 1;
    }
    path.trim_end_matches([':', '.', '\\']).to_string()
}

/// Whether a word is in capitals alone, as macros are.
fn is_loud(word: &str) -> bool {
    let is_quiet = |byte: u8| byte.is_ascii_lowercase();
    word.len() > 2 && !word.bytes().any(is_quiet)
}

/// `Store` of `impl Store`, `<Store as Live>` of `impl Live for Store`.
fn implementation(parts: &[Part<'_>]) -> Option<String> {
    let end = parts.iter().position(|part| *part == Word("where"));
    let parts = &parts[..end.unwrap_or(parts.len())];
    let split = parts.iter().position(|part| *part == Word("for"));
    let last = |path: String| path.rsplit("::").next().unwrap_or_default().to_string();
    let of = |parts: &[Part<'_>]| {
        let is_type = |part: &&Part<'_>| match part {
            Word(word) => !["mut", "dyn", "const", "static", "unsafe"].contains(word),
            Group(_) | Text | Mark(_) => false,
        };
        let lifetime = |at: usize| at > 0 && parts[at - 1] == Mark(b'\'');
        let found = (0..parts.len()).find(|at| is_type(&&parts[*at]) && !lifetime(*at));
        found.map(|at| last(path(&parts[at..])))
    };
    let Some(split) = split else {
        return of(parts);
    };
    let bound = of(&parts[..split])?;
    let Some(name) = of(&parts[split + 1..]) else {
        return Some(bound);
    };
    Some(format!("<{name} as {bound}>"))
}

/// `Store.Open` of `(s *Store) Open(...)`, `Open` of `Open(...)`.
fn receiver(parts: &[Part<'_>]) -> Option<String> {
    match parts {
        [Group([first, second]), rest @ ..] => {
            let of = if second.is_empty() { first } else { second };
            Some(format!("{of}.{}", name(rest)?))
        }
        parts => name(parts),
    }
}

/// What a value is given to: the name before `=`.
fn assigned(parts: &[Part<'_>], braces: &Braces) -> Option<Head> {
    let at = parts.iter().position(|part| *part == Mark(b'='))?;
    let operator = at.checked_sub(1).map(|before| parts[before]);
    let is_operator = matches!(
        operator,
        Some(Word("operator") | Mark(b'=' | b'!' | b'<' | b'>'))
    );
    if is_operator || parts.get(at + 1) == Some(&Mark(b'=')) {
        return None;
    }
    // A value of its own inside a macro.
    if parts.first() == Some(&Word("let")) && !braces.is_open {
        return None;
    }
    let is_class = parts[at..].contains(&Word("class"));
    let is_function =
        parts.ends_with(&[Mark(b'='), Mark(b'>')]) || parts[at..].contains(&Word("function"));
    let is_arrow_alone = parts.get(at + 1) == Some(&Mark(b'>'));
    if is_arrow_alone {
        return None;
    }
    let name = assigned_name(&parts[..=at])?;
    let has_members = braces.is_open && (is_class || !is_function);
    Some(Head { name, has_members })
}

/// The name before the `=` that `parts` has at or near the end: not the type of it.
fn assigned_name(parts: &[Part<'_>]) -> Option<String> {
    let at = parts.iter().position(|part| *part == Mark(b'='))?;
    let left = &parts[..at];
    let colon = left.iter().position(|part| *part == Mark(b':'));
    let left = &left[..colon.unwrap_or(left.len())];
    let bracket = left.iter().position(|part| *part == Mark(b'['));
    let left = &left[..bracket.unwrap_or(left.len())];
    let mut start = left.iter().rposition(|part| matches!(part, Word(_)))?;
    while let Some([Word(_), Mark(b'.')]) = start.checked_sub(2).map(|at| &left[at..start]) {
        start -= 2;
    }
    let name = path(&left[start..]);
    let bare = name
        .trim_start_matches("module.exports.")
        .trim_start_matches("exports.");
    Some(bare.to_string())
}

/// A function that has no word in front: the name before the first parentheses, or the key that it
/// is the value of.
fn bare(parts: &[Part<'_>], braces: &Braces) -> Option<Head> {
    let leaf = |name: String| {
        Some(Head {
            name,
            has_members: false,
        })
    };
    if !braces.has_bare_functions {
        return None;
    }
    if let [Word(key), Mark(b':'), rest @ ..] = parts
        && braces.is_open
    {
        let is_function = rest.contains(&Word("function")) || rest.contains(&Mark(b'>'));
        return is_function.then(|| leaf(key.to_string())).flatten();
    }
    if let Some(at) = parts.iter().position(|part| *part == Word("operator")) {
        return leaf(operator(parts, at));
    }
    let is_call = |two: &[Part<'_>]| match two {
        [Word("constructor"), Group(_)] => true,
        [Word(word), Group(_)] => !ATTRIBUTES.contains(word),
        _ => false,
    };
    let at = parts.windows(2).position(is_call)?;
    let (Word(last), Group([first, _])) = (parts[at], parts[at + 1]) else {
        return None;
    };
    if CONTROL.contains(&last) || last == "function" || parts[..at].contains(&Word("new")) {
        return None;
    }
    // "SYSCALL_DEFINE3(open, ...)" defines what stands first in the parentheses.
    if is_loud(last) && at == 0 && !first.is_empty() {
        return leaf(format!("{last} {first}"));
    }
    leaf(qualified(parts, at))
}

/// `operator==` with the type in front.
fn operator(parts: &[Part<'_>], at: usize) -> String {
    let mut name = qualified(parts, at);
    for part in &parts[at + 1..] {
        match part {
            Mark(mark) => name.push(char::from(*mark)),
            Word(word) => name.extend([" ", word]),
            Group(_) | Text => break,
        }
    }
    name
}

/// The word at `at` with `Type::` in front, as far back as it goes.
fn qualified(parts: &[Part<'_>], at: usize) -> String {
    let mut start = at;
    loop {
        let before = &parts[..start];
        start = match before {
            [.., Word(_), Mark(b':'), Mark(b':')] => start - 3,
            [.., Mark(b'~')] => start - 1,
            [.., Word(_), Mark(b'.')] => start - 2,
            _ => break,
        };
    }
    path(&parts[start..=at])
}
