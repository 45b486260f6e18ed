use super::*;

/// The header and payload of RFC 7515 appendix A.1, with its line ends, and their signature.
const A1: &str = concat!(
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.",
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog",
    "Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
);

/// Its key, in base64url.
const A1_KEY: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const PAYLOAD: &str = r#"{"sub":"ann","role":"team","exp":1001000}"#;

/// A million seconds after 1970.
const NOW: UnixMillis = UnixMillis(1_000_000_000);

fn jwt() -> Jwt {
    Jwt::new(Secret::parse(&[b'k'; 32]).unwrap())
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Both parts with the signature they should have, whatever they say.
fn sign_parts(header: &str, payload: &str) -> String {
    let signed = format!("{header}.{payload}");
    let mac = Hmac::<Sha256>::new_from_slice(&[b'k'; 32]).unwrap();
    let signature = mac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", encode(signature))
}

fn sign(header: &str, payload: &str) -> String {
    sign_parts(&encode(header), &encode(payload))
}

/// The name of the role that `text` is let in with.
fn role_of(jwt: &Jwt, text: &str) -> Result<String, Unauthorized> {
    let roles = Role::built_in();
    let (_, role) = jwt.verify(text, NOW, &roles)?;
    Ok(roles[role.as_usize()].name.clone())
}

fn check_payload(jwt: &Jwt, payload: &str, expected: Result<&str, Unauthorized>) {
    let found = role_of(jwt, &sign(HEADER, payload));
    assert_eq!(found, expected.map(str::to_string), "{payload}");
}

const WRONG: Result<&str, Unauthorized> = Err(Unauthorized::Wrong);
const EXPIRED: Result<&str, Unauthorized> = Err(Unauthorized::Expired);
const TEAM: Result<&str, Unauthorized> = Ok("team");

#[test]
fn the_example_of_rfc_7515_has_the_signature_that_is_written_there() {
    let key = URL_SAFE_NO_PAD.decode(A1_KEY).unwrap();
    let jwt = Jwt::new(Secret::parse(&key).unwrap());
    let mut buffer = [0; PART_BYTES_MAX];
    let payload = jwt.signed_payload(A1, &mut buffer).unwrap();
    assert!(payload.starts_with("{\"iss\":\"joe\",\r\n"), "{payload}");
    assert!(self::jwt().signed_payload(A1, &mut buffer).is_none());
    // It names no subject, so nobody comes in with it.
    assert_eq!(role_of(&jwt, A1), Err(Unauthorized::Wrong));
}

#[test]
fn what_the_issuer_signed_is_believed() {
    assert_eq!(
        role_of(&jwt(), &sign(HEADER, PAYLOAD)),
        Ok("team".to_string())
    );
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"1"}"#,
        "{ \"typ\": null,\r\n \"a\\u006cg\": \"HS\\u003256\" }",
    ] {
        assert_eq!(
            role_of(&jwt(), &sign(header, PAYLOAD)),
            Ok("team".to_string()),
            "{header}"
        );
    }
}

#[test]
fn a_header_that_means_something_else_is_refused_though_it_is_signed() {
    for header in [
        "{}",
        "",
        "[]",
        "null",
        "\"HS256\"",
        r#"{"alg":"none"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":{"HS256":null}}"#,
        r#"{"Alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256"}{}"#,
        r#"{"alg":"HS256","#,
    ] {
        let found = role_of(&jwt(), &sign(header, PAYLOAD));
        assert_eq!(found, Err(Unauthorized::Wrong), "{header}");
    }
}

#[test]
fn what_is_not_signed_is_refused_whatever_it_says() {
    let good = sign(HEADER, PAYLOAD);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let master = encode(r#"{"sub":"ann","role":"master","exp":1001000}"#);
    let none = encode(r#"{"alg":"none"}"#);
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut longer = raw.clone();
    longer.push(0);
    let hash = Sha256::digest(signed);
    // The last letter has two bits that mean nothing.
    let (rest, last) = signature.split_at(signature.len() - 1);
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = LETTERS.find(last).unwrap();
    let other_spelling = format!("{signed}.{rest}{}", &LETTERS[place + 1..place + 2]);
    let bad = [
        format!("{signed}."),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{master}.{signature}"),
        format!("{signed}.{}", encode(&raw[..31])),
        format!("{signed}.{}", encode(&raw[..16])),
        format!("{signed}.{}", encode(&raw[..1])),
        format!("{signed}.{}", encode(&longer)),
        format!("{signed}.{}", encode([0; 32])),
        format!("{signed}.{}", encode(hash)),
        format!("{signed}.{}", &signature[..42]),
        format!("{signed}.{signature}="),
        format!("{signed}.{signature}AAAA"),
        format!("{signed}. {signature}"),
        format!("{signed}.{signature}\n"),
        format!("{header}. {payload}.{signature}"),
        format!(" {good}"),
        format!("{good}.{signature}"),
        format!("{payload}.{header}.{signature}"),
        format!("{signed}{signature}"),
        other_spelling,
        "..".to_string(),
        ".".to_string(),
        String::new(),
    ];
    for text in bad {
        assert_eq!(role_of(&jwt(), &text), Err(Unauthorized::Wrong), "{text}");
    }
}

#[test]
fn every_single_letter_of_a_jwt_matters() {
    let good = sign(HEADER, PAYLOAD);
    for at in 0..good.len() {
        let other = if &good[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        assert!(role_of(&jwt(), &changed).is_err(), "{changed}");
        assert!(role_of(&jwt(), &good[..at]).is_err(), "{at}");
    }
}

#[test]
fn parts_in_another_spelling_are_refused_though_they_are_signed() {
    let (header, payload) = (encode(HEADER), encode(PAYLOAD));
    let padded = format!("{}=", encode(format!("{PAYLOAD} ")));
    // "{}" has the same bytes in both alphabets, "?" and ">" have not.
    let standard = encode(r#"{"sub":"?>?>","exp":1001000}"#);
    for (header, payload) in [
        (format!("{header}="), payload.clone()),
        (header.clone(), padded),
        (header.clone(), format!("{payload}\n")),
        (format!(" {header}"), payload.clone()),
        (
            header.clone(),
            format!("{} {}", &payload[..4], &payload[4..]),
        ),
        (header.clone(), standard.replace('_', "/").replace('-', "+")),
        (header.clone(), format!("{payload}A")),
        (header.clone(), String::new()),
        (header.clone(), PAYLOAD.to_string()),
        (
            header.clone(),
            encode(b"{\"sub\":\"\xff\",\"exp\":1001000}"),
        ),
    ] {
        let text = sign_parts(&header, &payload);
        assert_eq!(role_of(&jwt(), &text), Err(Unauthorized::Wrong), "{text}");
    }
}

#[test]
fn size_is_bounded() {
    // 27 bytes of header make 36 letters, a signature 43, and two dots.
    let room = (JWT_BYTES_MAX - 36 - 43 - 2) * 3 / 4;
    for (more, expected) in [(0, TEAM), (1, WRONG)] {
        let filler = "x".repeat(room + more - PAYLOAD.len() - 7);
        let payload = PAYLOAD.replace('}', &format!(r#","x":"{filler}"}}"#));
        let text = sign(HEADER, &payload);
        assert_eq!(text.len(), JWT_BYTES_MAX + more);
        check_payload(&jwt(), &payload, expected);
    }
    check_payload(&jwt(), &"x".repeat(PART_BYTES_MAX), WRONG);
    check_payload(&jwt(), &"x".repeat(10 * PART_BYTES_MAX), WRONG);
}

#[test]
fn nesting_takes_no_stack() {
    let depth = 1000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let payload = PAYLOAD.replace('}', &format!(r#","x":{nested}}}"#));
    check_payload(&jwt(), &payload, TEAM);
    let payload = PAYLOAD.replace(r#""ann""#, &nested);
    check_payload(&jwt(), &payload, WRONG);
    check_payload(&jwt(), &"[".repeat(depth), WRONG);
}

#[test]
fn a_jwt_expires_when_it_says_so_and_the_skew_has_passed() {
    for (claims, expected) in [
        // A minute of skew: NOW is 1,000,000.
        (r#""exp":1000001"#, TEAM),
        (r#""exp":1000000"#, TEAM),
        (r#""exp":999941"#, TEAM),
        (r#""exp":999940"#, EXPIRED),
        (r#""exp":999940.9"#, EXPIRED),
        (r#""exp":0"#, EXPIRED),
        (r#""exp":1000000.5"#, TEAM),
        (r#""exp":1.0e6"#, TEAM),
        (r#""exp":253402300799"#, TEAM),
        (r#""exp":1000001,"nbf":1000060"#, TEAM),
        (r#""exp":1000001,"nbf":1000061"#, EXPIRED),
        (r#""exp":1000001,"nbf":0"#, TEAM),
        (r#""exp":1000001,"nbf":253402300799"#, EXPIRED),
        (r#""exp":1000001,"iat":"yesterday""#, TEAM),
    ] {
        let payload = format!(r#"{{"sub":"ann","role":"team",{claims}}}"#);
        check_payload(&jwt(), &payload, expected);
    }
}

#[test]
fn a_skew_of_nothing_and_of_centuries_do_what_they_say() {
    let with_skew = |skew| Jwt { skew, ..jwt() };
    let payload = |claims: &str| format!(r#"{{"sub":"ann","role":"team",{claims}}}"#);
    let none = with_skew(Duration::ZERO);
    check_payload(&none, &payload(r#""exp":1000001,"nbf":1000000"#), TEAM);
    check_payload(&none, &payload(r#""exp":1000000"#), EXPIRED);
    check_payload(&none, &payload(r#""exp":1000001,"nbf":1000001"#), EXPIRED);
    let all = with_skew(Duration::MAX);
    check_payload(&all, &payload(r#""exp":0,"nbf":253402300799"#), TEAM);
}

#[test]
fn what_is_no_date_is_refused() {
    for date in [
        "\"1001000\"",
        "-1",
        "-0",
        "-1001000",
        "null",
        "true",
        "[1001000]",
        "{}",
        "253402300800",
        // Milliseconds.
        "1765821600000",
        "18446744073709551615",
        "18446744073709551616",
        "1e300",
        "1e400",
        "NaN",
        "Infinity",
        "0x10",
        "01001000",
        "+1001000",
    ] {
        let payload = format!(r#"{{"sub":"ann","role":"team","exp":{date}}}"#);
        check_payload(&jwt(), &payload, WRONG);
        let payload = format!(r#"{{"sub":"ann","role":"team","exp":1001000,"nbf":{date}}}"#);
        check_payload(&jwt(), &payload, WRONG);
    }
}

#[test]
fn subject_and_expiry_are_needed_and_a_role_unless_there_is_a_default() {
    let with_default = Jwt {
        role: Some(RoleIndex::READONLY),
        ..jwt()
    };
    for (payload, expected, with_default_expected) in [
        (r#"{"role":"team","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":"","role":"team","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":null,"role":"team","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":7,"role":"team","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":"ann","role":"team"}"#, WRONG, WRONG),
        (r#"{"sub":"ann","exp":1001000}"#, WRONG, Ok("readonly")),
        (
            r#"{"sub":"ann","role":"master","exp":1001000}"#,
            Ok("master"),
            Ok("master"),
        ),
        (r#"{"sub":"ann","role":"root","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":"ann","role":"Team","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":"ann","role":"","exp":1001000}"#, WRONG, WRONG),
        (r#"{"sub":"ann","role":null,"exp":1001000}"#, WRONG, WRONG),
        (
            r#"{"sub":"ann","role":["team"],"exp":1001000}"#,
            WRONG,
            WRONG,
        ),
        (r#"{"sub":"ann","role":0,"exp":1001000}"#, WRONG, WRONG),
        (
            r#"{"sub":"ann","r\u006fle":"t\u0065am","exp":1001000}"#,
            TEAM,
            TEAM,
        ),
        ("[]", WRONG, WRONG),
        ("null", WRONG, WRONG),
        ("{}", WRONG, WRONG),
    ] {
        check_payload(&jwt(), payload, expected);
        check_payload(&with_default, payload, with_default_expected);
    }
}

#[test]
fn a_claim_that_stands_twice_is_refused() {
    for payload in [
        r#"{"sub":"ann","sub":"ann","role":"team","exp":1001000}"#,
        r#"{"sub":"ann","s\u0075b":"eve","role":"team","exp":1001000}"#,
        r#"{"sub":"ann","role":"team","role":"master","exp":1001000}"#,
        r#"{"sub":"ann","role":"team","exp":1,"exp":1001000}"#,
        r#"{"sub":"ann","role":"team","exp":1001000,"nbf":0,"nbf":0}"#,
        r#"{"sub":"ann","role":"team","exp":1001000,"iss":"a","iss":"b"}"#,
        r#"{"sub":"ann","role":"team","exp":1001000,"aud":"a","aud":"b"}"#,
    ] {
        check_payload(&jwt(), payload, WRONG);
    }
    // Nobody asks for this one.
    let payload = r#"{"sub":"ann","role":"team","exp":1001000,"jti":1,"jti":2}"#;
    check_payload(&jwt(), payload, TEAM);
}

#[test]
fn issuer_and_audience_are_checked_where_they_are_configured() {
    let strict = Jwt {
        issuer: Some("https://id.lan".to_string()),
        audience: Some("slimcp".to_string()),
        ..jwt()
    };
    for (claims, expected) in [
        (r#""iss":"https://id.lan","aud":"slimcp""#, TEAM),
        (r#""iss":"https://id.lan","aud":["slimcp"]"#, TEAM),
        (r#""iss":"https://id.lan","aud":["other", "slimcp"]"#, TEAM),
        (r#""iss":"https://id.lan","aud":"other""#, WRONG),
        (r#""iss":"https://id.lan","aud":["other"]"#, WRONG),
        (r#""iss":"https://id.lan","aud":[]"#, WRONG),
        (r#""iss":"https://id.lan","aud":["slimcp",7]"#, WRONG),
        (r#""iss":"https://id.lan","aud":[["slimcp"]]"#, WRONG),
        (r#""iss":"https://id.lan","aud":{"slimcp":1}"#, WRONG),
        (r#""iss":"https://id.lan","aud":"slimcp2""#, WRONG),
        (r#""iss":"https://id.lan","aud":null"#, WRONG),
        (r#""iss":"https://id.lan""#, WRONG),
        (r#""iss":"https://id.lan/","aud":"slimcp""#, WRONG),
        (r#""iss":"","aud":"slimcp""#, WRONG),
        (r#""iss":null,"aud":"slimcp""#, WRONG),
        (r#""iss":["https://id.lan"],"aud":"slimcp""#, WRONG),
        (r#""aud":"slimcp""#, WRONG),
    ] {
        let payload = format!(r#"{{"sub":"ann","role":"team","exp":1001000,{claims}}}"#);
        check_payload(&strict, &payload, expected);
    }
    let others = r#"{"sub":"ann","role":"team","exp":1001000,"iss":"x","aud":["y"]}"#;
    check_payload(&jwt(), others, TEAM);
}

#[test]
fn the_claim_of_the_role_has_the_name_that_is_configured() {
    let renamed = Jwt {
        role_claim: "https://slimcp/role".to_string(),
        ..jwt()
    };
    let payload = r#"{"sub":"ann","role":"master","https://slimcp/role":"team","exp":1001000}"#;
    check_payload(&renamed, payload, TEAM);
    check_payload(&renamed, PAYLOAD, WRONG);
}

#[test]
fn that_it_has_expired_is_told_only_of_what_was_right() {
    for payload in [
        r#"{"sub":"ann","role":"root","exp":1}"#,
        r#"{"role":"team","exp":1}"#,
    ] {
        check_payload(&jwt(), payload, WRONG);
    }
    let text = sign(HEADER, r#"{"sub":"ann","role":"team","exp":1}"#);
    assert_eq!(role_of(&jwt(), &text), Err(Unauthorized::Expired));
    assert_eq!(
        role_of(&jwt(), &text[..text.len() - 1]),
        Err(Unauthorized::Wrong)
    );
}

#[test]
fn a_subject_of_an_issuer_is_one_principal_whatever_else_is_said() {
    let roles = Role::built_in();
    let id = |claims: &str| {
        let payload = format!(r#"{{{claims},"exp":1001000}}"#);
        jwt()
            .verify(&sign(HEADER, &payload), NOW, &roles)
            .unwrap()
            .0
    };
    let ann = id(r#""sub":"ann","role":"team""#);
    assert_eq!(ann, id(r#""sub":"ann","role":"master","jti":"1""#));
    assert_ne!(ann, id(r#""sub":"eve","role":"team""#));
    assert_ne!(ann, id(r#""sub":"ann","role":"team","iss":"x""#));
    // The pair counts, not the bytes one after the other.
    let pairs = [("a", "nn"), ("an", "n")];
    let pairs =
        pairs.map(|(iss, sub)| id(&format!(r#""iss":"{iss}","sub":"{sub}","role":"team""#)));
    assert_ne!(pairs[0], pairs[1]);
}

#[test]
fn a_secret_is_long_enough_and_has_no_line_end() {
    let expected = Err("expected a secret of at least 32 bytes".to_string());
    for short in [
        "",
        "\n",
        "secret",
        &"k".repeat(31),
        &format!("{}\r\n", "k".repeat(31)),
    ] {
        assert_eq!(Secret::parse(short.as_bytes()), expected, "{short:?}");
    }
    let key = Secret::parse(&[b'k'; 32]).unwrap();
    for file in ["k", "k\n", "k\r\n"] {
        let file = format!("{}{file}", "k".repeat(31));
        assert_eq!(Secret::parse(file.as_bytes()).unwrap(), key, "{file:?}");
    }
    // Only one: a key may end with what looks like an empty line.
    assert_ne!(
        Secret::parse(format!("{}\n\n", "k".repeat(32)).as_bytes()),
        Ok(key)
    );
}

#[test]
fn three_parts_make_a_jwt() {
    for (text, expected) in [
        ("a.b.c", true),
        ("..", true),
        ("a.b", false),
        ("a.b.c.d", false),
    ] {
        assert_eq!(Jwt::is_like(text), expected, "{text}");
    }
}

#[test]
fn a_secret_shows_nothing() {
    assert_eq!(format!("{:?}", jwt().secret), "Secret(..)");
    assert!(!format!("{:?}", jwt()).contains("107"));
}
