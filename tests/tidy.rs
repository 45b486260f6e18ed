//! The house rules that can be read off the sources and documents, so that no reviewer has to.
//!
//! Each test prints everything that breaks its rule. An exception is a line in this file with its
//! reason; one that is no longer needed fails as well, so that the lists only shrink.

mod tidy {
    mod documents;
    pub mod source;
}

use std::collections::BTreeSet;
use std::fs;
use tidy::source::{Source, compact, functions, has_word, names_after, sources, words};

const LINE_CHARS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// The only folders that may know of sockets, processes, files, clocks and chance.
const WORLDLY: [&str; 2] = ["edge", "daemon"];

/// Crates that bring the world in.
const WORLDLY_CRATES: [&str; 8] = [
    "smol",
    "async_io",
    "async_net",
    "async_process",
    "async_signal",
    "nanoid",
    "rustix",
    "simple_logger",
];

/// Modules of std that bring the world in, each with what is a plain value all the same.
const WORLDLY_STD: [(&str, &[&str]); 6] = [
    ("env", &[]),
    ("fs", &[]),
    ("net", &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"]),
    ("process", &[]),
    ("thread", &[]),
    ("time", &["Duration"]),
];

/// File, what it names, and why it may.
const WORLDLY_EXCEPTIONS: [(&str, &str, &str); 2] = [
    ("src/main.rs", "std::env", "arguments come from here"),
    ("src/main.rs", "std::process", "the exit code goes there"),
];

/// File and length of each line that is too long, and why.
const LINE_EXCEPTIONS: [(&str, &str); 2] = [
    ("src/daemon/serve.rs 106", "what people are to paste"),
    ("src/lib.rs 130", "the layers, which are read as one line"),
];

/// Limits that are named in `limits.rs` alone, and why.
const LIMIT_EXCEPTIONS: [(&str, &str); 7] = [
    ("BASE_BYTES", "a summand of Memory::of"),
    ("CALL_BYTES", "a summand of Memory::of"),
    ("CONNECTION_BYTES", "a summand of Memory::of"),
    ("RATES_BYTES", "a summand of Memory::of"),
    ("SESSION_BYTES", "a summand of Memory::of"),
    ("STREAM_BYTES", "a summand of Memory::of"),
    ("TASK_BYTES", "a summand of Memory::of"),
];

/// Fails with everything that was found, less the exceptions, and with every exception that
/// nothing needs. What was found begins with the key of the exception it may have.
fn check(found: &[(String, String)], exceptions: &[&str]) {
    let is_excepted = |key: &String| exceptions.contains(&key.as_str());
    let broken = found.iter().filter(|(key, _)| !is_excepted(key));
    let broken: Vec<&str> = broken.map(|(_, text)| text.as_str()).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
    for exception in exceptions {
        let is_needed = found.iter().any(|(key, _)| key == exception);
        assert!(is_needed, "nothing needs this exception: {exception}");
    }
}

/// The layers that the crate's documentation draws, lowest first; those of one line that stand
/// between two arrows are neighbours, which do not know each other.
fn layers() -> Vec<Vec<String>> {
    let text = fs::read_to_string("src/lib.rs").expect("the crate has a root");
    let line = text.lines().find(|line| line.contains(" -> wire -> "));
    let line = line.expect("src/lib.rs draws the order of imports");
    let layers = line.trim_start_matches("//!").split(" -> ");
    layers
        .map(|layer| layer.split(',').map(|name| name.trim().into()).collect())
        .collect()
}

/// How high `module` stands.
fn height(layers: &[Vec<String>], module: &str) -> Option<usize> {
    layers
        .iter()
        .position(|layer| layer.iter().any(|name| name == module))
}

/// The top-level module that a file belongs to; `None` for the roots of the two crates.
fn module(source: &Source) -> Option<&str> {
    let path = source.path.strip_prefix("src/").expect("a file of src");
    let first = path.split('/').next().expect("a path has parts");
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&name)).then_some(name)
}

#[test]
fn imports_go_to_lower_layers_only() {
    let layers = layers();
    let mut found = Vec::new();
    for source in sources("src") {
        let Some(own) = module(&source) else { continue };
        let Some(own_height) = height(&layers, own) else {
            found.push((
                own.to_string(),
                format!("{}: {own} is in no layer", source.path),
            ));
            continue;
        };
        for (line, code) in source.code.lines().enumerate() {
            for name in names_after(&compact(code), "crate::") {
                let is_lower = height(&layers, &name).is_some_and(|height| height < own_height);
                if name != own && !is_lower {
                    let at = format!("{}:{}", source.path, line + 1);
                    found.push((own.to_string(), format!("{at}: {own} imports {name}")));
                }
            }
        }
    }
    check(&found, &[]);
}

#[test]
fn every_layer_is_a_module_of_the_crate() {
    let modules: BTreeSet<String> = sources("src")
        .iter()
        .filter_map(|source| module(source).map(str::to_string))
        .collect();
    let drawn: BTreeSet<String> = layers().concat().into_iter().collect();
    assert_eq!(modules, drawn);
}

#[test]
fn sockets_processes_files_clocks_and_chance_stay_at_the_edge() {
    let mut found = Vec::new();
    for source in sources("src") {
        if module(&source).is_some_and(|module| WORLDLY.contains(&module)) {
            continue;
        }
        for (line, code) in source.code.lines().enumerate() {
            for worldly in worldly(code) {
                let key = format!("{} {worldly}", source.path);
                found.push((
                    key,
                    format!("{}:{}: names {worldly}", source.path, line + 1),
                ));
            }
        }
    }
    let exceptions = WORLDLY_EXCEPTIONS.map(|(path, what, _)| format!("{path} {what}"));
    check(&found, &exceptions.each_ref().map(String::as_str));
}

/// What a line of code names of the world.
fn worldly(code: &str) -> Vec<String> {
    let mut found: Vec<String> = WORLDLY_CRATES
        .iter()
        .filter(|name| has_word(code, name))
        .map(|name| name.to_string())
        .collect();
    let code = compact(code);
    for (module, values) in WORLDLY_STD {
        let path = format!("std::{module}");
        let names = names_after(&code, &format!("{path}::"));
        let is_value = |name: &String| values.contains(&name.as_str());
        let is_whole = names.is_empty() && has_word(&code, &path);
        if is_whole || !names.iter().all(is_value) {
            found.push(path);
        }
    }
    // A group hides which modules it takes.
    if code.contains("std::{") {
        found.push("std::{".to_string());
    }
    found
}

#[test]
fn what_a_line_names_of_the_world_is_seen() {
    let table: [(&str, &[&str]); 10] = [
        ("use std::time::Duration;", &[]),
        ("use std::net::{IpAddr, SocketAddr};", &[]),
        ("use crate::time::Instant;", &[]),
        ("a.parse::<std::net::Ipv6Addr>().is_ok()", &[]),
        ("use std::net::{IpAddr, TcpStream};", &["std::net"]),
        ("let now = std::time::Instant::now();", &["std::time"]),
        ("use std::time;", &["std::time"]),
        ("use std::{fs, io};", &["std::{"]),
        ("smol::spawn(std :: fs::read(path))", &["smol", "std::fs"]),
        ("let smolder = rustix_like();", &[]),
    ];
    for (code, expected) in table {
        assert_eq!(worldly(code), expected, "{code}");
    }
}

#[test]
fn lines_are_short_enough_to_read_side_by_side() {
    let mut found = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let in_tests = source.path.starts_with("tests/");
        for (line, (text, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
            // A row of a table cannot be wrapped, nor can a message as it stands on the wire.
            let is_row = text.trim_start().starts_with("//! |");
            let is_message = in_tests && compact(code).chars().count() <= LINE_CHARS_MAX;
            let chars = text.chars().count();
            if chars > LINE_CHARS_MAX && !is_row && !is_message {
                let at = format!("{}:{}", source.path, line + 1);
                let key = format!("{} {chars}", source.path);
                found.push((key, format!("{at}: {chars} characters")));
            }
        }
    }
    check(&found, &LINE_EXCEPTIONS.map(|(line, _)| line));
}

#[test]
fn files_and_functions_have_a_readable_size() {
    let mut found = Vec::new();
    for source in sources("src") {
        if source.is_test {
            continue;
        }
        let code = source.code_before_tests();
        let lines = code.lines().count();
        if lines > FILE_LINES_MAX {
            let text = format!("{}: {lines} lines before its tests", source.path);
            found.push((source.path.clone(), text));
        }
        for function in functions(code) {
            if function.lines > FUNCTION_LINES_MAX {
                let name = format!("{} {}", source.path, function.name);
                let text = format!("{name}: {} lines", function.lines);
                found.push((name, text));
            }
        }
    }
    check(&found, &[]);
}

#[test]
fn every_file_says_what_lives_in_it() {
    let silent = sources("src").into_iter().chain(sources("tests"));
    // The tests of a file are introduced by that file.
    let silent = silent.filter(|source| !source.is_test && !source.text.starts_with("//! "));
    let found = silent.map(|source| {
        let text = format!("{}: does not begin with //!", source.path);
        (source.path, text)
    });
    check(&found.collect::<Vec<_>>(), &[]);
}

#[test]
fn nothing_is_left_to_be_done() {
    // Joined here, so that this file does not find itself.
    let notes = [concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = ["todo!", "unimplemented!", "dbg!"];
    let mut found = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (line, (text, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
            let in_code = macros.iter().find(|name| compact(code).contains(**name));
            let in_text = notes.iter().find(|note| has_word(text, note));
            if let Some(what) = in_code.or(in_text) {
                let text = format!("{}:{}: {what}", source.path, line + 1);
                found.push((source.path.clone(), text));
            }
        }
    }
    check(&found, &[]);
}

#[test]
fn unsafe_code_stays_in_one_file_of_the_edge() {
    let all = sources("src");
    let is_unsafe = |source: &&Source| has_word(&source.code, "unsafe");
    let unsafe_files = all.iter().filter(is_unsafe);
    let paths: Vec<&str> = unsafe_files.map(|source| source.path.as_str()).collect();
    assert!(paths.len() <= 1, "{paths:?}");
    for path in paths {
        assert!(path.starts_with("src/edge/"), "{path}");
    }
    let root = fs::read_to_string("src/lib.rs").expect("the crate has a root");
    assert!(root.contains("#![deny(unsafe_code)]"));
}

#[test]
fn every_limit_is_held_by_some_code() {
    let (limits, others): (Vec<Source>, Vec<Source>) = sources("src")
        .into_iter()
        .partition(|source| source.path == "src/limits.rs");
    let code = limits[0].code_before_tests();
    let named: BTreeSet<&str> = others
        .iter()
        .filter(|source| !source.is_test)
        .flat_map(|source| words(source.code_before_tests()))
        .collect();
    let constants = code.lines().filter_map(|line| {
        let rest = line.strip_prefix("pub const ")?;
        words(rest).next().filter(|name| *name != "fn")
    });
    let constants: Vec<&str> = constants.collect();
    assert!(constants.len() > 20, "{constants:?}");
    let unused = constants.into_iter().filter(|name| !named.contains(name));
    let found = unused.map(|name| {
        let text = format!("src/limits.rs: {name} is checked nowhere");
        (name.to_string(), text)
    });
    let exceptions = LIMIT_EXCEPTIONS.map(|(name, _)| name);
    check(&found.collect::<Vec<_>>(), &exceptions);
}
