//! How deep a text nests, before it is parsed.

use crate::limits::JSON_DEPTH_MAX;

/// serde_json limits the nesting of what it decodes, but not of what it skips or leaves as text,
/// and those who decode that text later should not be the first to notice. Few texts have so many
/// brackets that it takes more than counting them.
pub(crate) fn is_too_deep(text: &[u8]) -> bool {
    // `[` and `{` differ in one bit from each other only.
    let brackets = text.iter().filter(|byte| **byte | 0x20 == b'{').count();
    brackets >= JSON_DEPTH_MAX && depth(text) >= JSON_DEPTH_MAX
}

/// The deepest nesting of arrays and objects.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => now += 1,
            b']' | b'}' => now = now.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// Goes behind the quote that ends a string.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}
