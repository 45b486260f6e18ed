//! Tokens: what the holder of one shows, and what is kept of it.
//!
//! The configuration has only the hash of a token, so whoever reads it cannot come in. What
//! `slimcp token new` draws has 256 bits of chance: no slow hash is needed to keep it from being
//! guessed.

use super::role::RoleIndex;
use super::{Kind, PrincipalId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// What a token drawn here begins with, so that scanners for leaked secrets can know it.
pub const PREFIX: &str = "slimcp_";

/// A token that is let in. Its text is known to its holder only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Whom it was given to, for logs and stats.
    pub name: String,
    /// What its holder may do.
    pub role: RoleIndex,
    /// The SHA-256 of its text.
    pub sha256: [u8; 32],
}

/// A token that was just drawn. There is no `Debug`, so that it is shown on purpose only.
pub struct NewToken {
    /// Its text, for the holder: [`PREFIX`] and 43 letters of base64url.
    pub text: String,
    /// Its hash, for the configuration: 64 hexadecimal digits.
    pub sha256: String,
}

impl Token {
    /// A token with this text, which whoever wrote it has to keep from being guessed.
    pub fn new(name: impl Into<String>, role: RoleIndex, text: &str) -> Token {
        Token {
            name: name.into(),
            role,
            sha256: digest(text.as_bytes()),
        }
    }

    /// Makes a token of chance that nobody else has seen.
    pub fn generate(random: [u8; 32]) -> NewToken {
        let mut text = PREFIX.to_string();
        URL_SAFE_NO_PAD.encode_string(random, &mut text);
        let sha256 = digest_text(&digest(text.as_bytes()));
        NewToken { text, sha256 }
    }

    /// The first of `tokens` whose text is `shown`. All of them are compared, each in constant
    /// time: how long it takes tells nothing about any.
    pub(super) fn find<'t>(tokens: &'t [Token], shown: &str) -> Option<&'t Token> {
        let shown = digest(shown.as_bytes());
        let mut found = u32::MAX;
        for (place, token) in tokens.iter().enumerate().rev() {
            let is_same = token.sha256.ct_eq(&shown);
            found.conditional_assign(&(place as u32), is_same);
        }
        tokens.get(found as usize)
    }

    /// Who holds it.
    pub(super) fn principal(&self) -> PrincipalId {
        PrincipalId::of(Kind::Token, &self.sha256)
    }
}

impl fmt::Debug for Token {
    /// Without the digest: a token that somebody thought up could be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Token");
        shown.field("name", &self.name).field("role", &self.role);
        shown.finish_non_exhaustive()
    }
}

/// The SHA-256 of `text`.
pub(super) fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Reads `sha256` of a token: 64 hexadecimal digits, as `sha256sum` prints them.
///
/// # Errors
///
/// Says what was expected.
pub fn parse_digest(text: &str) -> Result<[u8; 32], String> {
    let expected = || "expected 64 hexadecimal digits, as slimcp token new prints them".to_string();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut digest = [0; 32];
    if pairs.len() != digest.len() || !rest.is_empty() {
        return Err(expected());
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        *byte = parse_digit(*high).ok_or_else(expected)? << 4
            | parse_digit(*low).ok_or_else(expected)?;
    }
    Ok(digest)
}

/// The value of one hexadecimal digit.
fn parse_digit(digit: u8) -> Option<u8> {
    // At most 15.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// As [`parse_digest`] reads it.
pub fn digest_text(digest: &[u8; 32]) -> String {
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|value| char::from_digit(u32::from(value), 16));
    digits
        .map(|digit| digit.expect("four bits are one digit"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, text: &str) -> Token {
        Token {
            name: name.to_string(),
            role: RoleIndex::TEAM,
            sha256: digest(text.as_bytes()),
        }
    }

    #[test]
    fn a_new_token_has_the_hash_that_others_would_compute() {
        let new = Token::generate([0; 32]);
        assert_eq!(new.text, format!("slimcp_{}", "A".repeat(43)));
        // printf %s slimcp_AAAA... | sha256sum
        let expected = "20515c851fc2cc9bb9bca8205aadc92653aed69fb5ed2431b604cb9ca048d59e";
        assert_eq!(new.sha256, expected);
        assert_eq!(parse_digest(&new.sha256), Ok(digest(new.text.as_bytes())));
        let other = Token::generate([0xff; 32]);
        assert_eq!(other.text, format!("slimcp_{}8", "_".repeat(42)));
    }

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-4: its examples of one block, of none and of two.
        for (text, expected) in [
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(digest_text(&digest(text.as_bytes())), expected);
        }
    }

    #[test]
    fn digests_are_read_in_either_case_and_nothing_else_is() {
        let text = "00ff".repeat(16);
        let digest = parse_digest(&text).unwrap();
        assert_eq!(digest[..4], [0, 255, 0, 255]);
        assert_eq!(digest_text(&digest), text);
        assert_eq!(parse_digest(&text.to_uppercase()), Ok(digest));
        for bad in [
            "",
            "00",
            &text[1..],
            &text[2..],
            &format!("{text}0"),
            &format!("{text}00"),
            &format!("{} ", &text[1..]),
            &format!("+f{}", &text[2..]),
            &format!("0g{}", &text[2..]),
            &"é".repeat(32),
        ] {
            let error = parse_digest(bad).unwrap_err();
            assert!(error.starts_with("expected 64 hex"), "{error}");
        }
    }

    #[test]
    fn a_token_is_found_wherever_it_stands_and_only_as_a_whole() {
        let tokens = [
            token("a", "first"),
            token("b", "second"),
            token("c", "third"),
        ];
        let name = |shown| Token::find(&tokens, shown).map(|token| token.name.as_str());
        for (shown, expected) in [
            ("first", Some("a")),
            ("second", Some("b")),
            ("third", Some("c")),
            ("thir", None),
            ("third ", None),
            ("THIRD", None),
            ("", None),
        ] {
            assert_eq!(name(shown), expected, "{shown}");
        }
        assert_eq!(Token::find(&[], "first"), None);
    }

    #[test]
    fn the_first_of_two_equal_tokens_counts() {
        let tokens = [token("a", "same"), token("b", "same")];
        assert_eq!(Token::find(&tokens, "same"), Some(&tokens[0]));
    }

    #[test]
    fn a_token_shows_its_name_and_not_its_hash() {
        let shown = format!("{:?}", token("laptop", "secret"));
        assert_eq!(shown, r#"Token { name: "laptop", role: RoleIndex(1), .. }"#);
    }
}
