//! Languages of programs: how a file is known to be in one, and the shapes of its definitions.
//!
//! No language is parsed. Two families are enough: definitions that end with a brace, and those
//! that lines end: less indentation, `end`, or the next statement. What is none of these is data,
//! which is cut between paragraphs.

use super::code::lexis::Lexis;

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

const PLAIN: Braces = Braces {
    leaves: &[],
    holders: &[],
    has_bare_functions: false,
    has_line_ends: false,
    is_open: false,
};

const C: Braces = Braces {
    leaves: &["struct", "union", "enum"],
    has_bare_functions: true,
    ..PLAIN
};

const SCRIPT: Braces = Braces {
    leaves: &["function", "interface", "enum", "type"],
    holders: &["class", "namespace", "module"],
    has_bare_functions: true,
    has_line_ends: true,
    is_open: true,
};

const JAVA: Braces = Braces {
    leaves: &[],
    holders: &[
        "class",
        "interface",
        "enum",
        "record",
        "namespace",
        "struct",
    ],
    has_bare_functions: true,
    ..PLAIN
};

const KOTLIN: Braces = Braces {
    leaves: &["fun", "def", "typealias", "given"],
    holders: &["class", "interface", "object", "trait", "enum"],
    has_line_ends: true,
    ..PLAIN
};

/// All of them.
pub(super) static LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        endings: &["rs"],
        interpreters: &["rust-script"],
        lexis: Lexis::RUST,
        shape: Shape::Braces(Braces {
            leaves: &[
                "fn",
                "struct",
                "enum",
                "union",
                "macro_rules",
                "macro",
                "const",
                "static",
                "type",
            ],
            holders: &["impl", "trait", "mod"],
            ..PLAIN
        }),
        joint: "::",
    },
    Language {
        name: "c",
        endings: &["c", "h"],
        interpreters: &["tcc"],
        lexis: Lexis::C,
        shape: Shape::Braces(C),
        joint: "::",
    },
    Language {
        name: "c++",
        endings: &[
            "cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "h++", "inl", "ipp", "cu", "ino",
        ],
        interpreters: &[],
        lexis: Lexis::CPP,
        shape: Shape::Braces(Braces {
            leaves: &["enum", "union", "concept"],
            holders: &["class", "struct", "namespace"],
            ..C
        }),
        joint: "::",
    },
    Language {
        name: "go",
        endings: &["go"],
        interpreters: &[],
        lexis: Lexis::GO,
        shape: Shape::Braces(Braces {
            leaves: &["func", "type", "const", "var"],
            has_line_ends: true,
            ..PLAIN
        }),
        joint: ".",
    },
    Language {
        name: "python",
        endings: &["py", "pyi", "pyw", "SConstruct", "SConscript"],
        interpreters: &["python", "pypy"],
        lexis: Lexis::PYTHON,
        shape: Shape::Lines(Lines {
            leaves: &["def"],
            holders: &["class"],
            end: LineEnd::Indentation,
        }),
        joint: ".",
    },
    Language {
        name: "javascript",
        endings: &["js", "mjs", "cjs", "jsx"],
        interpreters: &["node", "bun"],
        lexis: Lexis::SCRIPT,
        shape: Shape::Braces(SCRIPT),
        joint: ".",
    },
    Language {
        name: "typescript",
        endings: &["ts", "tsx", "mts", "cts"],
        interpreters: &["deno", "ts-node"],
        lexis: Lexis::SCRIPT,
        shape: Shape::Braces(SCRIPT),
        joint: ".",
    },
    Language {
        name: "java",
        endings: &["java"],
        interpreters: &[],
        lexis: Lexis::JAVA,
        shape: Shape::Braces(JAVA),
        joint: ".",
    },
    Language {
        name: "c#",
        endings: &["cs"],
        interpreters: &[],
        lexis: Lexis::JAVA,
        shape: Shape::Braces(JAVA),
        joint: ".",
    },
    Language {
        name: "dart",
        endings: &["dart"],
        interpreters: &[],
        lexis: Lexis::SCRIPT,
        shape: Shape::Braces(Braces {
            holders: &["class", "mixin", "extension", "enum"],
            ..JAVA
        }),
        joint: ".",
    },
    Language {
        name: "kotlin",
        endings: &["kt", "kts"],
        interpreters: &[],
        lexis: Lexis::JAVA,
        shape: Shape::Braces(KOTLIN),
        joint: ".",
    },
    Language {
        name: "scala",
        endings: &["scala", "sc"],
        interpreters: &["scala"],
        lexis: Lexis::JAVA,
        shape: Shape::Braces(KOTLIN),
        joint: ".",
    },
    Language {
        name: "groovy",
        endings: &["groovy", "gradle", "Jenkinsfile"],
        interpreters: &["groovy"],
        lexis: Lexis::SCRIPT,
        shape: Shape::Braces(Braces {
            has_line_ends: true,
            ..JAVA
        }),
        joint: ".",
    },
    Language {
        name: "swift",
        endings: &["swift"],
        interpreters: &["swift"],
        lexis: Lexis::JAVA,
        shape: Shape::Braces(Braces {
            leaves: &["func", "init", "deinit", "subscript", "typealias"],
            holders: &["class", "struct", "enum", "extension", "protocol", "actor"],
            has_line_ends: true,
            ..PLAIN
        }),
        joint: ".",
    },
    Language {
        name: "php",
        endings: &["php", "phtml"],
        interpreters: &["php"],
        lexis: Lexis::PHP,
        shape: Shape::Braces(Braces {
            leaves: &["function"],
            holders: &["class", "interface", "trait", "enum", "namespace"],
            ..PLAIN
        }),
        joint: "::",
    },
    Language {
        name: "perl",
        endings: &["pl", "pm", "t"],
        interpreters: &["perl"],
        lexis: Lexis::SHELL,
        shape: Shape::Lines(Lines {
            leaves: &["sub"],
            holders: &[],
            end: LineEnd::Word("}"),
        }),
        joint: "::",
    },
    Language {
        name: "zig",
        endings: &["zig"],
        interpreters: &[],
        lexis: Lexis::C,
        shape: Shape::Braces(Braces {
            leaves: &["fn", "test"],
            ..PLAIN
        }),
        joint: ".",
    },
    Language {
        name: "protobuf",
        endings: &["proto"],
        interpreters: &[],
        lexis: Lexis::C,
        shape: Shape::Braces(Braces {
            leaves: &["message", "enum", "rpc", "extend"],
            holders: &["service"],
            ..PLAIN
        }),
        joint: ".",
    },
    Language {
        name: "ruby",
        endings: &[
            "rb",
            "rake",
            "gemspec",
            "Rakefile",
            "Gemfile",
            "Vagrantfile",
        ],
        interpreters: &["ruby"],
        lexis: Lexis::RUBY,
        shape: Shape::Lines(Lines {
            leaves: &["def"],
            holders: &["class", "module"],
            end: LineEnd::Word("end"),
        }),
        joint: "::",
    },
    Language {
        name: "elixir",
        endings: &["ex", "exs"],
        interpreters: &["elixir"],
        lexis: Lexis::PYTHON,
        shape: Shape::Lines(Lines {
            leaves: &["def", "defp", "defmacro", "defmacrop"],
            holders: &["defmodule", "defprotocol", "defimpl"],
            end: LineEnd::Word("end"),
        }),
        joint: ".",
    },
    Language {
        name: "julia",
        endings: &["jl"],
        interpreters: &["julia"],
        lexis: Lexis::PYTHON,
        shape: Shape::Lines(Lines {
            leaves: &["function", "macro", "struct"],
            holders: &["module"],
            end: LineEnd::Word("end"),
        }),
        joint: ".",
    },
    Language {
        name: "lua",
        endings: &["lua"],
        interpreters: &["lua", "luajit"],
        lexis: Lexis::LUA,
        shape: Shape::Lines(Lines {
            leaves: &["function"],
            holders: &[],
            end: LineEnd::Word("end"),
        }),
        joint: ".",
    },
    Language {
        name: "shell",
        endings: &["sh", "bash", "zsh", "ksh", "bats", "ash"],
        interpreters: &["sh", "bash", "zsh", "ksh", "dash", "ash"],
        lexis: Lexis::SHELL,
        shape: Shape::Lines(Lines {
            leaves: &["function"],
            holders: &[],
            end: LineEnd::Word("}"),
        }),
        joint: ".",
    },
    Language {
        name: "sql",
        endings: &["sql", "psql"],
        interpreters: &[],
        lexis: Lexis::SQL,
        shape: Shape::Lines(Lines {
            leaves: &[
                "TABLE",
                "VIEW",
                "FUNCTION",
                "PROCEDURE",
                "TRIGGER",
                "INDEX",
                "TYPE",
                "SCHEMA",
                "SEQUENCE",
                "ROLE",
                "DATABASE",
                "POLICY",
                "EXTENSION",
                "DOMAIN",
            ],
            holders: &[],
            end: LineEnd::Statement,
        }),
        joint: ".",
    },
    flat("assembly", &["s", "S", "asm"], Lexis::C),
    flat("cmake", &["cmake", "CMakeLists.txt"], Lexis::SHELL),
    flat("css", &["css", "scss", "less", "sass"], Lexis::C),
    flat(
        "docker",
        &["dockerfile", "Dockerfile", "Containerfile"],
        Lexis::SHELL,
    ),
    flat("haskell", &["hs"], Lexis::SQL),
    flat(
        "html",
        &["html", "htm", "vue", "svelte", "xhtml"],
        Lexis::NONE,
    ),
    flat(
        "ini",
        &[
            "ini", "cfg", "conf", "service", "socket", "timer", "desktop",
        ],
        Lexis::SHELL,
    ),
    flat("json", &["json", "json5", "jsonc"], Lexis::SCRIPT),
    flat("kconfig", &["Kconfig"], Lexis::SHELL),
    flat(
        "make",
        &["mk", "Makefile", "makefile", "GNUmakefile", "Kbuild"],
        Lexis::SHELL,
    ),
    flat("nix", &["nix"], Lexis::SHELL),
    flat("r", &["r", "R"], Lexis::SHELL),
    flat("terraform", &["tf", "tfvars", "hcl"], Lexis::SHELL),
    flat("toml", &["toml"], Lexis::SHELL),
    flat("xml", &["xml", "xsd", "xsl", "svg", "plist"], Lexis::NONE),
    flat("yaml", &["yaml", "yml"], Lexis::SHELL),
];

/// A language whose files are cut between paragraphs.
const fn flat(name: &'static str, endings: &'static [&'static str], lexis: Lexis) -> Language {
    Language {
        name,
        endings,
        interpreters: &[],
        lexis,
        shape: Shape::Flat,
        joint: ".",
    }
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
    let text = &text[..text.floor_char_boundary(FIRST_LINE_BYTES_MAX)];
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
