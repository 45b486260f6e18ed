//! How languages write comments and strings: values for the [lexer](super::lexer).

/// How comments and strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexis {
    /// What begins a comment that ends with its line.
    pub(super) line: &'static [&'static str],
    /// A comment of one line begins where a word does: `$#` and `${a#b}` have none.
    pub(super) is_line_apart: bool,
    /// What begins and ends other comments.
    pub(super) blocks: &'static [(&'static str, &'static str)],
    /// Whether those are in each other.
    pub(super) is_nested: bool,
    /// Strings; those with longer quotes come first.
    pub(super) strings: &'static [Quote],
    /// A single quote is around one character, or is no quote.
    pub(super) has_characters: bool,
    /// Strings of other kinds.
    pub(super) special: Special,
}

/// A kind of string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    /// What opens and closes it.
    pub mark: &'static str,
    /// Whether a backslash takes the next byte with it.
    pub has_escapes: bool,
    /// Whether it may have several lines.
    pub has_lines: bool,
}

/// What only one language, or two, have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// There are none.
    None,
    /// `r#"..."#`.
    Rust,
    /// Orders to the preprocessor.
    C,
    /// Orders to the preprocessor, `R"(...)"`.
    Cpp,
    /// `/.../`, `${...}` between backticks.
    Script,
    /// `[[...]]`.
    Lua,
    /// `$$...$$`.
    Sql,
    /// `<<<A`, and what stands outside of `<?php ... ?>`.
    Php,
}

/// A string of one line.
pub(super) const fn quote(mark: &'static str) -> Quote {
    Quote {
        mark,
        has_escapes: true,
        has_lines: false,
    }
}

const fn long(mark: &'static str) -> Quote {
    Quote {
        mark,
        has_escapes: true,
        has_lines: true,
    }
}

const fn raw(mark: &'static str) -> Quote {
    Quote {
        mark,
        has_escapes: false,
        has_lines: true,
    }
}

const STARS: &[(&str, &str)] = &[("/*", "*/")];

impl Lexis {
    /// Neither comments nor strings.
    pub const NONE: Lexis = Lexis {
        line: &[],
        is_line_apart: false,
        blocks: &[],
        is_nested: false,
        strings: &[],
        has_characters: false,
        special: Special::None,
    };

    /// C, and what is written like it.
    pub const C: Lexis = Lexis {
        line: &["//"],
        blocks: STARS,
        strings: &[quote("\"")],
        has_characters: true,
        special: Special::C,
        ..Lexis::NONE
    };

    /// C++.
    pub const CPP: Lexis = Lexis {
        special: Special::Cpp,
        ..Lexis::C
    };

    /// Rust.
    pub const RUST: Lexis = Lexis {
        is_nested: true,
        strings: &[long("\"")],
        special: Special::Rust,
        ..Lexis::C
    };

    /// Go.
    pub const GO: Lexis = Lexis {
        strings: &[quote("\""), raw("`")],
        special: Special::None,
        ..Lexis::C
    };

    /// Java, Kotlin, Scala, Swift, C#.
    pub const JAVA: Lexis = Lexis {
        strings: &[long("\"\"\""), quote("\"")],
        special: Special::None,
        ..Lexis::C
    };

    /// JavaScript, TypeScript, Dart, Groovy.
    pub const SCRIPT: Lexis = Lexis {
        strings: &[long("\"\"\""), long("'''"), quote("\""), quote("'")],
        has_characters: false,
        special: Special::Script,
        ..Lexis::C
    };

    /// Python, Elixir, Julia.
    pub const PYTHON: Lexis = Lexis {
        line: &["#"],
        strings: &[long("\"\"\""), long("'''"), quote("\""), quote("'")],
        ..Lexis::NONE
    };

    /// Ruby.
    pub const RUBY: Lexis = Lexis {
        blocks: &[("\n=begin", "\n=end")],
        ..Lexis::SHELL
    };

    /// Shells, Perl, and files of settings.
    pub const SHELL: Lexis = Lexis {
        line: &["#"],
        is_line_apart: true,
        strings: &[quote("\""), quote("'")],
        ..Lexis::NONE
    };

    /// Lua.
    pub const LUA: Lexis = Lexis {
        line: &["--"],
        strings: &[quote("\""), quote("'")],
        special: Special::Lua,
        ..Lexis::NONE
    };

    /// SQL.
    pub const SQL: Lexis = Lexis {
        line: &["--"],
        blocks: STARS,
        strings: &[raw("'"), raw("\"")],
        special: Special::Sql,
        ..Lexis::NONE
    };

    /// PHP.
    pub const PHP: Lexis = Lexis {
        line: &["//", "# "],
        strings: &[long("\""), long("'")],
        has_characters: false,
        special: Special::Php,
        ..Lexis::C
    };
}
