//! Rust sources as the tidy tests see them: with comments and literals blanked, line by line as
//! they were.

use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// With spaces in place of comments and of what is between quotes.
    pub code: String,
    /// Whether it holds the tests of another file.
    pub is_test: bool,
}

impl Source {
    /// The code up to the module of tests.
    pub fn code_before_tests(&self) -> &str {
        let end = self.code.find("#[cfg(test)]\nmod tests");
        &self.code[..end.unwrap_or(self.code.len())]
    }
}

/// Every Rust file below `folder`, by path.
pub fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    find(Path::new(folder), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "{folder} holds no sources");
    paths.iter().map(|path| read(path)).collect()
}

fn find(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            find(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a source is UTF-8");
    let is_test = path.ends_with("tests.rs") || path.ends_with("bounded/random.rs");
    Source {
        path: path.display().to_string(),
        code: blank(&text),
        text,
        is_test,
    }
}

/// `text` with a space in place of each character of comments and literals.
pub fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let length = literal_length(rest, in_word);
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (literal, after) = rest.split_at(length);
        code.extend(literal.chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = after;
    }
    code
}

/// Bytes of the comment or literal that `text` begins with; 0 when it begins with code. `in_word`
/// says that a letter stands before, so that an `r` here begins no raw string.
fn literal_length(text: &str, in_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return comment_length(text);
    }
    if text.starts_with('"') {
        return quoted_length(text);
    }
    if text.starts_with('\'') {
        return letter_length(text);
    }
    if in_word {
        return 0;
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let (prefix, literal) = text.split_at(prefix.min(2));
    if prefix.ends_with('r') {
        return raw_length(literal).map_or(0, |length| prefix.len() + length);
    }
    match literal.chars().next() {
        Some('"') if !prefix.is_empty() => prefix.len() + quoted_length(literal),
        Some('\'') if prefix == "b" => prefix.len() + letter_length(literal),
        Some(_) | None => 0,
    }
}

/// `/* ... */`, which may hold others.
fn comment_length(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// `"..."`.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

/// `#"..."#` behind an `r`.
fn raw_length(text: &str) -> Option<usize> {
    let marks = text.len() - text.trim_start_matches('#').len();
    let inner = text[marks..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(marks));
    let length = inner.find(&end)?;
    Some(marks + 1 + length + end.len())
}

/// `'a'` or `'\n'`; 0 for a lifetime.
fn letter_length(text: &str) -> usize {
    let mut letters = text[1..].char_indices();
    match letters.next() {
        Some((_, '\\')) => {
            let after = letters.nth(1).map(|(at, _)| at + 1);
            let end = after.and_then(|after| text[after..].find('\'').map(|at| after + at));
            end.map_or(0, |end| end + 1)
        }
        Some((_, letter)) if text[1 + letter.len_utf8()..].starts_with('\'') => {
            letter.len_utf8() + 2
        }
        Some(_) | None => 0,
    }
}

/// One function with a body.
pub struct Function<'c> {
    pub name: &'c str,
    /// From `fn` to the closing brace.
    pub lines: usize,
}

/// Every function in blanked code, inner ones too.
pub fn functions(code: &str) -> Vec<Function<'_>> {
    code.match_indices("fn ")
        .filter(|(at, _)| !code[..*at].ends_with(is_word))
        .filter_map(|(at, begin)| {
            let name = words(&code[at + begin.len()..]).next()?;
            let length = body_end(&code[at..])?;
            let lines = code[at..at + length].lines().count();
            Some(Function { name, lines })
        })
        .collect()
}

/// Where the body of the function ends that `code` begins with; `None` when it has none. A `;` of
/// an array type stands within brackets and ends nothing.
fn body_end(code: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (at, letter) in code.char_indices() {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
    }
    None
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The identifiers and numbers of `code`.
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter| !is_word(letter))
        .filter(|word| !word.is_empty())
}

/// Whether `word` stands in `text` with no further letter at either end.
pub fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word)
    })
}

/// `code` without its spaces, where none of them parts two words.
pub fn compact(code: &str) -> String {
    let mut compact = String::with_capacity(code.len());
    for part in code.split_whitespace() {
        if compact.ends_with(is_word) && part.starts_with(is_word) {
            compact.push(' ');
        }
        compact.push_str(part);
    }
    compact
}

/// What follows each `path` in compact code: `path::a` names a, `path::{a, b::c}` names a and b.
pub fn names_after(code: &str, path: &str) -> Vec<String> {
    let first_word = |text: &str| {
        let end = text.find(|letter| !is_word(letter)).unwrap_or(text.len());
        text[..end].to_string()
    };
    let mut names = Vec::new();
    for (at, _) in code.match_indices(path) {
        if code[..at].ends_with(is_word) {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group).map(first_word)),
            None => names.push(first_word(rest)),
        }
    }
    names
}

/// The items of a group, up to its end, without those of groups within.
fn members(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut end = group.len();
    let mut commas = Vec::new();
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                end = at;
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => commas.push(at),
            _ => {}
        }
    }
    let begins = [0]
        .into_iter()
        .chain(commas.clone().into_iter().map(|at| at + 1));
    let ends = commas.into_iter().chain([end]);
    begins
        .zip(ends)
        .map(move |(begin, end)| &group[begin..end])
        .filter(|item| !item.is_empty())
}

#[test]
fn comments_and_literals_are_blanked() {
    let table = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("\"x", 'y')"#, "f(     ,    )"),
        (r##"(r#"a"b"#, b"c", br"d")"##, "(        ,     ,      )"),
        (r"('\'', b'\n', '\u{41}')", "(    ,      ,         )"),
        ("fn f<'a>(b: &'a str)", "fn f<'a>(b: &'a str)"),
        ("var\"a\"", "var   "),
        ("for b in c { r }", "for b in c { r }"),
    ];
    for (text, code) in table {
        assert_eq!(blank(text), code, "{text}");
    }
}

#[test]
fn functions_are_measured_from_their_name_to_their_last_brace() {
    let code = "fn a() {\n  if b {\n  }\n}\nfn c(d: [u8; 2]);\nlet e: fn (u8) = a;\n\
                const fn f(g: [u8; 2]) -> [u8; 2] { g }";
    let found: Vec<(&str, usize)> = functions(code)
        .iter()
        .map(|function| (function.name, function.lines))
        .collect();
    assert_eq!(found, [("a", 4), ("f", 1)]);
}

#[test]
fn names_are_found_behind_their_path() {
    let table: [(&str, &[&str]); 5] = [
        ("use crate::a::b;", &["a"]),
        ("use crate::{a, b::{c, d}, e};", &["a", "b", "e"]),
        ("crate::a::f(crate :: b)", &["a", "b"]),
        ("supercrate::a", &[]),
        ("pub(crate) use x::y;", &[]),
    ];
    for (code, names) in table {
        assert_eq!(names_after(&compact(code), "crate::"), names, "{code}");
    }
}
