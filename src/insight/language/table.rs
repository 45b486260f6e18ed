//! The languages, one after another.

use super::{Braces, Language, LineEnd, Lines, Shape};
use crate::insight::code::lexis::Lexis;

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
pub(in crate::insight) static LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        endings: &["rs"],
        interpreters: &["rust-script"],
        lexis: Lexis::RUST,
        shape: Shape::Braces(Braces {
            leaves: &[
                "fn", "struct", "enum", "union", "macro", "const", "static", "type",
            ],
            holders: &["impl", "trait", "mod", "macro_rules"],
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
