use super::*;

const STATE: RequestState = RequestState {
    call: 0x0102_0304_0506_0708,
    nonce: [0x11; 16],
    round: 0x2122_2324,
    digest: [0x33; 16],
    principal: 0x4142_4344_4546_4748,
    expires: 0x5152_5354_5556_5758,
};

fn key() -> SealKey {
    SealKey::new([b'k'; 32])
}

/// These bytes as a client could send them.
fn spelled(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_state_is_sealed_as_others_would_seal_it() {
    // Computed with hmac and base64 of Python.
    let expected = concat!(
        "AQECAwQFBgcIERERERERERERERERERERESEiIyQzMzMzMzMzMzMzMzMzMzMzQU",
        "JDREVGR0hRUlNUVVZXWCJa2iPzmnJA1AxpA_sbC7RJnDzbvHZwejANhuYdGFNG"
    );
    assert_eq!(key().seal(&STATE), expected);
    assert_eq!(key().open(expected), Some(STATE));
}

#[test]
fn every_state_comes_back_as_it_was() {
    for byte in [0, 1, 0x7f, 0x80, 0xff] {
        let state = RequestState {
            call: u64::from_be_bytes([byte; 8]),
            nonce: [byte; 16],
            round: u32::from_be_bytes([byte; 4]),
            digest: [!byte; 16],
            principal: u64::from(byte),
            expires: u64::MAX - u64::from(byte),
        };
        let text = key().seal(&state);
        assert_eq!(text.len(), SEALED_CHARS);
        assert_eq!(key().open(&text), Some(state));
    }
}

#[test]
fn a_state_with_any_bit_flipped_is_refused() {
    let bytes = URL_SAFE_NO_PAD.decode(key().seal(&STATE)).unwrap();
    assert_eq!(bytes.len(), SEALED_BYTES);
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            assert_eq!(key().open(&spelled(&flipped)), None, "{place} {bit}");
        }
    }
}

#[test]
fn a_state_with_any_letter_changed_is_refused() {
    let text = key().seal(&STATE);
    for place in 0..text.len() {
        for letter in ["A", "z", "_", "=", "+", " ", "\n", "\u{e9}"] {
            let mut changed = text.clone();
            changed.replace_range(place..=place, letter);
            if changed != text {
                assert_eq!(key().open(&changed), None, "{place} {letter:?}");
            }
        }
    }
}

#[test]
fn a_state_that_is_longer_or_shorter_is_refused() {
    let text = key().seal(&STATE);
    for more in ["-TAMPERED", "A", "=", "==", "AAAA", "\n", " ", "\0"] {
        assert_eq!(key().open(&format!("{text}{more}")), None, "{more:?}");
        assert_eq!(key().open(&format!("{more}{text}")), None, "{more:?}");
    }
    for length in 0..text.len() {
        assert_eq!(key().open(&text[..length]), None, "{length}");
        assert_eq!(key().open(&text[text.len() - length..]), None, "{length}");
    }
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    let longer = [&bytes[..], &[0, 0, 0]].concat();
    assert_eq!(key().open(&spelled(&longer)), None);
}

#[test]
fn a_state_under_another_key_is_refused() {
    let text = key().seal(&STATE);
    let mut bytes = [b'k'; 32];
    bytes[31] ^= 1;
    assert_eq!(SealKey::new(bytes).open(&text), None);
    assert_eq!(SealKey::new([0; 32]).open(&text), None);
}

#[test]
fn a_state_of_another_version_is_refused_whoever_sealed_it() {
    let mut bytes = STATE.encode();
    bytes[0] = VERSION + 1;
    let seal = key().mac(&bytes).finalize().into_bytes();
    bytes.extend_from_slice(&seal);
    assert_eq!(key().open(&spelled(&bytes)), None);
}

#[test]
fn a_key_shows_nothing_of_itself() {
    assert_eq!(format!("{:?}", key()), "SealKey(..)");
}

fn of(arguments: &str) -> [u8; 16] {
    digest("tools/call", "relay", arguments)
}

/// The arguments of a call as deep as that, with a space or without.
fn nested(depth: usize, space: &str) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!("{open}{space}1{close}")
}

/// An object with so many members, in this order or the other.
fn many(count: usize, is_reversed: bool) -> String {
    let mut members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
    if is_reversed {
        members.reverse();
    }
    format!("{{{}}}", members.join(","))
}

#[test]
fn the_same_arguments_in_another_spelling_have_the_same_digest() {
    for (one, other) in [
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        (
            r#"{"a":1,"b":[1,2]}"#,
            " {\n\t\"b\" : [ 1 , 2 ] , \"a\" : 1\r\n} ",
        ),
        (r#"{"ab":"c/d"}"#, r#"{"\u0061b":"\u0063\/d"}"#),
        (
            r#"{"o":{"x":{"p":1,"q":2},"y":3}}"#,
            r#"{"o":{"y":3,"x":{"q":2,"p":1}}}"#,
        ),
        (r#"[{"a":1,"b":2}]"#, r#"[{"b":2,"a":1}]"#),
        (r#"{"s":"\u00fc"}"#, r#"{"s":"ü"}"#),
        (&nested(DEPTH_MAX, ""), &nested(DEPTH_MAX, " ")),
        (&many(MEMBERS_MAX, false), &many(MEMBERS_MAX, true)),
    ] {
        assert_eq!(of(one), of(other), "{one} {other}");
    }
}

#[test]
fn different_arguments_have_different_digests() {
    let texts = [
        "{}",
        "[]",
        "null",
        "\"\"",
        "",
        r#"{"a":1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":"1"}"#,
        r#"{"a":null}"#,
        r#"{"a":true}"#,
        r#"{"a":"true"}"#,
        r#"{"a":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":[1,2]}"#,
        r#"{"a":[2,1]}"#,
        r#"{"a":[[1],2]}"#,
        r#"{"a":[1,[2]]}"#,
        r#"{"a":[[1,2]]}"#,
        // What stands between two strings could be in one.
        r#"{"a":["x","y"]}"#,
        r#"{"a":["xsy"]}"#,
        r#"{"a":[1],"b":2}"#,
        r#"{"a":1,"b":2}"#,
        r#"{"a":2,"b":1}"#,
        r#"{"a":{"b":2}}"#,
        r#"{"a":{},"b":2}"#,
        r#"{"b":1}"#,
        r#"{"A":1}"#,
        r#"{"a":" 1"}"#,
        r#"{"a":"x y"}"#,
        r#"{"a":"xy"}"#,
        // The one that counts would depend on who reads.
        r#"{"a":1,"a":2}"#,
        r#"{"a":2,"a":1}"#,
        // Half a surrogate pair: no text, and yet not the same.
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud801"}"#,
        r#"{"\ud800":1}"#,
        r#"{"\ud801":1}"#,
    ];
    for (place, one) in texts.iter().enumerate() {
        for other in &texts[..place] {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }
}

#[test]
fn method_and_name_count_and_do_not_run_together() {
    let digests = [
        digest("tools/call", "relay", "{}"),
        digest("tools/call", "rela", "{}"),
        digest("tools/cal", "lrelay", "{}"),
        digest("prompts/get", "relay", "{}"),
        digest("tools/callrelay", "", "{}"),
        digest("", "tools/callrelay", "{}"),
    ];
    for (place, one) in digests.iter().enumerate() {
        assert!(!digests[..place].contains(one), "{place}");
    }
}

#[test]
fn what_is_too_deep_or_too_wide_counts_as_it_is_written() {
    let deep = |space| of(&nested(DEPTH_MAX + 1, space));
    assert_eq!(deep(""), deep(""));
    assert_ne!(deep(""), deep(" "));
    let wide = |is_reversed| of(&many(MEMBERS_MAX + 1, is_reversed));
    assert_eq!(wide(false), wide(false));
    assert_ne!(wide(false), wide(true));
}

#[test]
fn arguments_may_nest_as_deep_as_they_like() {
    let deep = nested(100_000, "");
    assert_eq!(of(&deep), of(&deep));
    assert_ne!(of(&deep), of(&nested(100_001, "")));
}
