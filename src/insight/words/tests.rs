use super::*;

/// The words of a text, with blanks between.
fn words(text: &str) -> String {
    let mut words = Words::default();
    let mut all: Vec<String> = Vec::new();
    words.of(text, &mut |word| all.push(word.to_string()));
    all.join(" ")
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(words(text), *expected, "{text}");
    }
}

#[test]
fn a_name_is_its_parts_and_the_whole_however_it_is_written() {
    check(&[
        ("readToEnd", "read to end readtoend"),
        ("read_to_end", "read to end readtoend"),
        ("READ_TO_END", "read to end readtoend"),
        ("read-to-end", "read to end readtoend"),
        ("HTTPServer", "http server httpserver"),
        ("parseURL", "pars url parseurl"),
        ("XMLHttpRequest", "xml http request xmlhttprequest"),
        ("utf8", "utf utf8"),
        ("sha256sum", "sha 256 sum sha256sum"),
        ("u8", "u8"),
        ("__init__", "init"),
        ("std::sync::Barrier", "std sync barrier"),
        ("self.head", "self head"),
        ("T", ""),
    ]);
}

#[test]
fn endings_do_not_matter() {
    check(&[
        ("parser parsers parsing parsed", "parser parser pars pars"),
        ("iterate iterator iteration iter", "iter iter iter iter"),
        (
            "allocates allocator allocation alloc",
            "alloc alloc alloc alloc",
        ),
        (
            "Ponies caresses cats status class",
            "poni caress cat status class",
        ),
        (
            "hopping hoped falling agreed feed",
            "hop hope fall agre feed",
        ),
        ("relational conditional happiness", "relat condit happi"),
    ]);
}

#[test]
fn signs_and_numbers_are_told_as_they_are() {
    check(&[
        ("0x7FFF_FFFF", "0x7fffffff"),
        ("2024-05-01, 64bit", "2024 05 01 64bit"),
        ("0123456789abcdef0123456789abcdef", ""),
        ("Größe ЁЛКА", "größe ёлка"),
        ("内核文档", "内核 核文 文档"),
        ("在 Linux内核 ab", "在 linux 内核 ab"),
        ("--- *** ___ ()", ""),
        ("a--b well-known -x", "well known wellknown"),
    ]);
}

#[test]
fn what_is_too_long_is_no_word_and_costs_no_more_than_its_length() {
    let long = "ab".repeat(1 << 19);
    assert_eq!(words(&long), "");
    let hyphens = "ab-".repeat(1 << 18);
    assert!(
        words(&hyphens)
            .split(' ')
            .all(|word| word.len() <= WORD_BYTES_MAX)
    );
    let capitals = "Ab".repeat(1 << 18);
    assert!(words(&capitals).split(' ').count() <= WORD_BYTES_MAX);
}

#[test]
fn any_signs_are_read() {
    let mut seed = 1_u32;
    for _ in 0..2000 {
        let text: String = (0..40)
            .filter_map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from_u32((seed >> 8) % 0x3000)
            })
            .collect();
        words(&text);
        asked(&text);
        places(&text, &asked(&text), &mut |at, _| {
            assert!(text.is_char_boundary(at))
        });
    }
}

#[test]
fn a_question_has_no_stop_words_unless_there_is_nothing_else() {
    let of = |question| -> Vec<String> { asked(question).into_iter().map(|a| a.word).collect() };
    assert_eq!(of("How do I parse the parsed file?"), ["pars", "file"]);
    assert_eq!(of("to be or not to be"), ["to", "be", "or", "not"]);
    assert_eq!(of(""), [""; 0]);
    assert!(
        is_stop_word("the") && !is_stop_word("he t") && !is_stop_word("") && !is_stop_word("t")
    );
}

#[test]
fn an_endless_question_is_cut() {
    let question: String = (0..10_000).map(|at| format!("word{at} ")).collect();
    assert_eq!(asked(&question).len(), ASKED_MAX);
}

#[test]
fn likeness_finds_what_was_meant() {
    assert_eq!(likeness("receive", "receive"), 1.0);
    assert!(likeness("seperator", "separator") > likeness("seperator", "operator"));
    assert!(likeness("tokeniser", "tokenizer") > 0.6);
    assert_eq!(likeness("abc", "xyz"), 0.0);
    assert_eq!(likeness("", "xyz"), 0.0);
}

#[test]
fn places_are_where_tokens_begin() {
    let text = "Call read_to_end, then end.";
    let mut found = Vec::new();
    places(text, &asked("the end of a call"), &mut |at, which| {
        found.push((&text[at..at + 4], which));
    });
    assert_eq!(found, [("Call", 1), ("read", 0), ("end.", 0)]);
}
