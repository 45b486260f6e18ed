//! Languages of programs: how a file is known to be in one, and the shapes of its definitions.
//!
//! No language is parsed. Two families are enough: definitions that end with a brace, and those
//! that lines end: less indentation, `end`, or the next statement. What is none of these is data,
//! which is cut between paragraphs.

mod table;

use super::code::lexis::Lexis;
use super::cut::floor;
use table::LANGUAGES;

/// A language.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// What clients call it: `rust`, `c++`.
    pub name: &'static str,
    /// What names of its files end with, behind the last dot; all of the names, if there is none.
    endings: &'static [&'static str],
    /// Programs that run its files, as the first line names them, without numbers.
    interpreters: &'static [&'static str],
    /// How comments and strings are written.
    pub(super) lexis: Lexis,
    /// What definitions look like.
    pub(super) shape: Shape,
    /// What stands between the name of a definition and that of what it is in.
    pub(super) joint: &'static str,
}

/// What definitions look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// They have braces.
    Braces(Braces),
    /// Lines begin and end them.
    Lines(Lines),
    /// There are none.
    Flat,
}

/// Definitions with braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Braces {
    /// Words in front of the name of what has no members of its own, or none that are found alone.
    pub leaves: &'static [&'static str],
    /// Words in front of the name of what has members.
    pub holders: &'static [&'static str],
    /// A name before a parenthesis is a function as well.
    pub has_bare_functions: bool,
    /// A line ends a statement.
    pub has_line_ends: bool,
    /// Functions are found in braces of any kind: `define([], function() { .. })`.
    pub is_open: bool,
}

/// Definitions that lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// Words in front of the name of what has no members of its own.
    pub leaves: &'static [&'static str],
    /// Words in front of the name of what has members.
    pub holders: &'static [&'static str],
    /// What ends them.
    pub end: LineEnd,
}

/// What ends a definition that began at the start of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// A line that is not further in.
    Indentation,
    /// A line that begins with this word, not further in.
    Word(&'static str),
    /// A line with a statement, behind a line with a semicolon.
    Statement,
}

/// Bytes of the first line that are read.
const FIRST_LINE_BYTES_MAX: usize = 256;

impl Language {
    /// What the file at `path` is in: by its name, or by the program that its first line names.
    pub fn of(path: &str, text: &str) -> Option<&'static Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => Some(ending),
            Some(_) | None => None,
        };
        let by_ending = ending.and_then(of_ending);
        of_ending(name).or(by_ending).or_else(|| {
            let is_bare = ending.is_none();
            is_bare
                .then(|| of_interpreter(interpreter(text)?))
                .flatten()
        })
    }

    /// The language that clients call so, also by an ending of its files: `Rust`, `cpp`, `golang`.
    pub fn named(name: &str) -> Option<&'static Language> {
        let name = name.trim().to_ascii_lowercase();
        let name = match name.as_str() {
            "golang" => "go",
            "bash" => "shell",
            "csharp" => "c#",
            name => name,
        };
        let named = LANGUAGES.iter().find(|language| language.name == name);
        named.or_else(|| of_ending(name))
    }
}

fn of_ending(ending: &str) -> Option<&'static Language> {
    let exact = |language: &&Language| language.endings.contains(&ending);
    let found = LANGUAGES.iter().find(exact);
    found.or_else(|| {
        let lower = ending.to_ascii_lowercase();
        let known = |language: &&Language| language.endings.contains(&lower.as_str());
        LANGUAGES.iter().find(known)
    })
}

/// The program that runs the file: `bash` of `#!/usr/bin/env -S bash -e`.
fn interpreter(text: &str) -> Option<&str> {
    let text = &text[..floor(text, FIRST_LINE_BYTES_MAX)];
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_ascii_whitespace();
    let name = |path: &'_ str| path.rfind('/').map_or(0, |slash| slash + 1);
    let first = words.next()?;
    let first = &first[name(first)..];
    if first != "env" {
        return Some(first);
    }
    words.find(|word| !word.starts_with('-') && !word.contains('='))
}

fn of_interpreter(program: &str) -> Option<&'static Language> {
    let bare = program.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let runs = |language: &&Language| language.interpreters.contains(&bare);
    LANGUAGES.iter().find(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn languages_are_known_by_names_and_first_lines() {
        let table = [
            ("src/a.rs", "", Some("rust")),
            ("A.H", "", Some("c")),
            ("a/Makefile", "", Some("make")),
            ("CMakeLists.txt", "", Some("cmake")),
            ("a.txt", "", None),
            ("README", "text", None),
            ("run", "#!/bin/sh -e\n", Some("shell")),
            (
                "run",
                "#!/usr/bin/env -S A=1 python3.11 -u\n",
                Some("python"),
            ),
            ("run", "#!", None),
            ("run.txt", "#!/bin/sh\n", None),
            (".profile", "#!/bin/bash\n", Some("shell")),
            ("a.rs/b", "", None),
        ];
        for (path, text, expected) in table {
            let found = Language::of(path, text).map(|language| language.name);
            assert_eq!(found, expected, "{path} {text}");
        }
    }

    #[test]
    fn clients_may_call_languages_by_other_names() {
        let table = [
            ("Rust", Some("rust")),
            (" golang", Some("go")),
            ("cpp", Some("c++")),
            ("C#", Some("c#")),
            ("js", Some("javascript")),
            ("klingon", None),
            ("", None),
        ];
        for (name, expected) in table {
            let found = Language::named(name).map(|language| language.name);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn no_ending_is_of_two_languages() {
        let mut seen = BTreeSet::new();
        for language in LANGUAGES {
            for ending in language.endings {
                assert!(seen.insert(ending), "{ending}");
            }
        }
    }
}
