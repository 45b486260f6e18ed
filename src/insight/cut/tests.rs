use super::*;

/// One file of each way to be cut.
const PATHS: [&str; 17] = [
    "a.md", "a.rst", "a.adoc", "a.txt", "a.rs", "a.c", "a.cc", "a.go", "a.py", "a.ts", "a.java",
    "a.php", "a.rb", "a.lua", "a.sh", "a.sql", "a.json",
];

/// What means something in one language or the other.
const TOKENS: [&str; 72] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    "\"",
    "'",
    "`",
    "\"\"\"",
    "'''",
    "/*",
    "*/",
    "//",
    "#",
    "--",
    "--[[",
    "]]",
    "<!--",
    "-->",
    "```",
    "~~~",
    "===",
    "----",
    "---",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "    ",
    " ",
    "\\",
    "\\\n",
    "r#\"",
    "R\"x(",
    "$$",
    "${",
    "<<<A",
    "?>",
    "<?php",
    "fn f",
    "class A",
    "def f",
    "impl A for B",
    "struct",
    "typedef ",
    "function",
    "end",
    "=",
    "=>",
    ":",
    ";",
    ",",
    ".",
    "@a",
    "#[a]",
    "#define X \\\n",
    "#if\n",
    "CREATE TABLE a",
    "name",
    "é",
    "\u{2028}",
    "\u{1f600}",
    "\u{1}",
    "\u{2}",
    "\u{3}",
    "/",
    "template<",
    "operator",
    "* a",
];

/// Numbers that come again with the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Cuts a text and sees that what comes of it is in order.
fn check(path: &str, text: &str) -> Vec<Passage> {
    let passages = cut(Shelf::Sources, path, text).passages;
    assert!(passages.len() <= PASSAGES_MAX);
    let (mut end, mut line_last) = (0, 1);
    for passage in &passages {
        let Passage {
            text: range,
            comment,
            signature,
            ..
        } = passage;
        assert!(
            range.start >= end && !range.is_empty(),
            "{path}: {passage:?}"
        );
        for part in [range, comment, signature] {
            assert!(text.get(part.clone()).is_some(), "{path}: {passage:?}");
        }
        assert!(passage.title.len() <= TITLE_BYTES_MAX);
        assert!(passage.line >= line_last && passage.line_last >= passage.line);
        (end, line_last) = (range.end, passage.line_last);
    }
    // Lines are counted from the start for some of them: for all it would take too long.
    for passage in passages.iter().step_by(1 + passages.len() / 8) {
        let line = |at: usize| 1 + text[..at].matches('\n').count() as u32;
        assert_eq!(
            passage.line,
            line(passage.text.start),
            "{path}: {passage:?}"
        );
        assert_eq!(
            passage.line_last,
            line(passage.text.end),
            "{path}: {passage:?}"
        );
    }
    passages
}

#[test]
fn whatever_stands_in_a_file_is_cut_in_order() {
    for seed in 1..400 {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let tokens = chance.below(200);
        let few = 1 + chance.below(TOKENS.len());
        let text: String = (0..tokens).map(|_| TOKENS[chance.below(few)]).collect();
        for path in PATHS {
            check(path, &text);
        }
    }
}

#[test]
fn hostile_files_take_no_longer_than_others() {
    const BYTES: usize = 1 << 17;
    let once = [
        "{",
        "}",
        "(",
        "\"",
        "'",
        "`",
        "/",
        "[",
        "<",
        "\\",
        "#",
        "@",
        "*",
        "=",
        "-",
        "\n",
        " ",
        "a",
        "é",
        "{}",
        "a;",
        "a{}",
        "/*",
        "[[",
        "r#",
        "`${",
        "=/[",
        "@a\n",
        "a\n",
        "a\n=\n",
        "# a\n",
        "[a](",
        "#define a \\\n",
        "//\n",
        "// a\n@a\n",
        "fn a(){}",
        "int a(){}\n",
        "a(\n",
        "class a{",
        "class a:\n",
        "def a\n",
        "CREATE TABLE a;\n",
        "f(function(){",
        "?><?php ",
        "<<<A\n",
        "<!--",
        "```\n",
        "a\n{\n",
        "A(b)\n",
        "\u{1}",
        "a: b{",
    ];
    for token in once {
        let text = token.repeat(BYTES / token.len());
        for path in PATHS {
            check(path, &text);
        }
    }
    for start in ["a", "#", "\"", "{", "/*", "fn a", "    ", "#define "] {
        let text = [start, &"a ".repeat(BYTES / 2), "{}\n", start].concat();
        for path in PATHS {
            check(path, &text);
        }
    }
}

#[test]
fn all_that_is_said_is_in_a_passage() {
    let text =
        "fn a() { one }\nconst X: u8 = two;\nimpl A { fn b() { three } const C: u8 = four; }\n";
    for path in PATHS {
        let passages = check(path, text);
        for word in ["one", "two", "three", "four"] {
            let has = |passage: &Passage| text[passage.text.clone()].contains(word);
            assert!(passages.iter().any(has), "{path}: {word}");
        }
    }
}

#[test]
fn the_last_of_too_many_passages_has_the_rest() {
    let text = "fn a() {}\n".repeat(PASSAGES_MAX + 10);
    let passages = check("a.rs", &text);
    assert_eq!(passages.len(), PASSAGES_MAX);
    assert_eq!(passages.last().unwrap().text.end, text.len() - 1);
}

#[test]
fn a_shelf_says_how_programs_are_cut() {
    let of = |shelf, path| {
        let found = cut(shelf, path, "fn a() {}\n");
        (found.language, found.passages[0].kind)
    };
    assert_eq!(of(Shelf::Sources, "a.rs"), (Some("rust"), Kind::Code));
    assert_eq!(of(Shelf::Sources, "a.md"), (None, Kind::Text));
    assert_eq!(of(Shelf::Notes, "a.rs"), (None, Kind::Text));
    assert_eq!(of(Shelf::Decisions, "a.rs"), (None, Kind::Text));
}

#[test]
fn long_lines_are_cut_between_words_and_characters() {
    let words = "word ".repeat(2000);
    let signs = "é".repeat(5000);
    for text in [&words, &signs] {
        let passages = check("a.txt", text);
        assert!(passages.len() > 3);
        let is_cut_well = |passage: &Passage| {
            let piece = &text[passage.text.clone()];
            piece.ends_with("word") || piece.ends_with('é')
        };
        assert!(passages.iter().all(is_cut_well));
    }
}
