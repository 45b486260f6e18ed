//! No contract without a test: every number has one, here or in a script of this folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Contracts of each seed, from 1 on.
const CONTRACTS: [u32; 5] = [11, 19, 17, 9, 13];

/// Seed, number, and why there is no test.
const UNTESTED: [(usize, u32, &str); 2] = [
    (1, 18, "the document has nothing under this number"),
    (1, 19, "several nodes come later"),
];

/// The numbers that `text` has tests for: every `s2_08_` that begins a function or a quoted name.
fn numbers(text: &str) -> impl Iterator<Item = (usize, u32)> + '_ {
    let places = ["fn s", "\"s", "'s"].map(|begin| text.match_indices(begin));
    let places = places.into_iter().flatten();
    places.filter_map(|(at, begin)| {
        let mut parts = text[at + begin.len()..].splitn(3, '_');
        let (seed, number) = (parts.next()?, parts.next()?);
        let is_number = seed.len() == 1 && number.len() == 2 && parts.next().is_some();
        is_number.then(|| Some((seed.parse().ok()?, number.parse().ok()?)))?
    })
}

#[test]
fn every_contract_has_a_test() {
    let mut tested = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contracts");
    for entry in fs::read_dir(folder).expect("this folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let text = fs::read_to_string(&path).expect("a text");
            tested.extend(numbers(&text));
        }
    }
    for (seed, count) in CONTRACTS.into_iter().enumerate() {
        for number in 1..=count {
            let reason = UNTESTED.iter().find(|row| (row.0, row.1) == (seed, number));
            let is_tested = tested.contains(&(seed, number));
            assert_ne!(
                is_tested,
                reason.is_some(),
                "S{seed}-{number:02}: {reason:?}"
            );
        }
    }
    for (seed, number) in tested {
        let count = CONTRACTS.get(seed).copied().unwrap_or(0);
        assert!(
            (1..=count).contains(&number),
            "there is no S{seed}-{number:02}"
        );
    }
}

#[test]
fn numbers_are_read_from_rust_and_scripts() {
    let text = "fn s2_08_a() check('s1_13_b') \"s4_12_c\" fn s2_8_d fn session fn s12_01_e";
    let found: Vec<_> = numbers(text).collect();
    assert_eq!(found.len(), 3);
    for number in [(2, 8), (1, 13), (4, 12)] {
        assert!(found.contains(&number), "{found:?}");
    }
}
