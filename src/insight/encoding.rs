//! The bytes of a file as text.
//!
//! Places in a file are places in the text that is made here, in UTF-8; so whoever shows a file to
//! somebody who was told of a line has to make the same text of it.

/// Bytes of a file that are looked at to tell text from other things.
const SAMPLE_BYTES: usize = 8192;

/// The text has more bytes than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Bytes as text of at most `bytes_max` bytes, if they are some: UTF-16 that says so, or without
/// NUL and UTF-8 for the greater part. What is neither is replaced, none of which ends a line.
pub fn text(bytes: Vec<u8>, bytes_max: usize) -> Result<Option<String>, TooLong> {
    if is_utf_16(&bytes) {
        return utf_16(&bytes, bytes_max);
    }
    if bytes.contains(&0) {
        return Ok(None);
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => lossy(error.as_bytes()),
    };
    match text.as_ref().is_some_and(|text| text.len() > bytes_max) {
        true => Err(TooLong),
        false => Ok(text),
    }
}

/// Whether a text begins with the byte order mark of UTF-16 (RFC 2781, section 3.2).
pub fn is_utf_16(bytes: &[u8]) -> bool {
    order(bytes).is_some()
}

/// How two bytes are one unit.
fn order(bytes: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    match bytes {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
        _ => None,
    }
}

/// Text in UTF-16 without its mark; none of what has the mark by chance.
fn utf_16(bytes: &[u8], bytes_max: usize) -> Result<Option<String>, TooLong> {
    let Some(order) = order(bytes) else {
        return Ok(None);
    };
    let (pairs, _) = bytes[2..].as_chunks::<2>();
    let signs = || char::decode_utf16(pairs.iter().map(|pair| order(*pair)));
    let sample = signs().take(SAMPLE_BYTES);
    let halves = sample.filter(Result::is_err).count();
    // Nobody writes halves of letters, but for the one that a file is cut off in.
    if halves > 1 + pairs.len().min(SAMPLE_BYTES) / 100 {
        return Ok(None);
    }
    let mut text = String::with_capacity(pairs.len().min(bytes_max));
    for sign in signs() {
        let sign = sign.unwrap_or(char::REPLACEMENT_CHARACTER);
        if sign == '\0' {
            return Ok(None);
        }
        if text.len() + sign.len_utf8() > bytes_max {
            return Err(TooLong);
        }
        text.push(sign);
    }
    Ok(Some(text))
}

/// Text with replacements, if there are few of them.
fn lossy(bytes: &[u8]) -> Option<String> {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let chunks = sample.utf8_chunks();
    let strange: usize = chunks.map(|chunk| chunk.invalid().len()).sum();
    // Text in an old encoding has a strange byte in ten; what is packed has one in two.
    let is_text = strange * 4 <= sample.len();
    is_text.then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in UTF-16 of both orders.
    fn encoded(text: &str) -> [Vec<u8>; 2] {
        let units = || std::iter::once(0xfeff).chain(text.encode_utf16());
        [
            units().flat_map(u16::to_le_bytes).collect(),
            units().flat_map(u16::to_be_bytes).collect(),
        ]
    }

    fn check(bytes: &[u8], expected: Option<&str>) {
        let expected = expected.map(str::to_string);
        assert_eq!(text(bytes.to_vec(), 1000), Ok(expected), "{bytes:?}");
    }

    #[test]
    fn utf_16_is_read_in_both_orders() {
        for notes in ["", "# Grüße\r\n\r\nvon 🦀\r\n"] {
            for bytes in encoded(notes) {
                check(&bytes, Some(notes));
            }
        }
    }

    #[test]
    fn what_is_broken_in_utf_16_is_replaced_and_what_is_none_is_no_text() {
        for bytes in encoded("a") {
            check(&[&bytes[..], &[0x41]].concat(), Some("a"));
        }
        // The first half of a letter of two units.
        check(b"\xff\xfe\x3e\xd8a\0", Some("\u{fffd}a"));
        // UTF-32 begins with the same bytes.
        check(b"\xff\xfe\0\0a\0\0\0", None);
        check(b"a\0b\0", None);
        let noise: Vec<u8> = (1..=255).rev().cycle().take(900).collect();
        assert_eq!(text(noise, 1000), Ok(None));
    }

    #[test]
    fn no_text_is_longer_than_it_may_be() {
        let [bytes, _] = encoded("日本");
        assert_eq!(text(bytes.clone(), 6), Ok(Some("日本".to_string())));
        assert_eq!(text(bytes, 5), Err(TooLong));
        // Each strange byte becomes three.
        let latin = b"gr\xfc\xdfe an alle";
        assert_eq!(text(latin.to_vec(), latin.len()), Err(TooLong));
        assert!(text(latin.to_vec(), latin.len() + 4).is_ok());
        assert_eq!(text(b"abc".to_vec(), 2), Err(TooLong));
    }
}
