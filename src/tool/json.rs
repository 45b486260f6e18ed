//! The little JSON that is written by hand: strings, and texts made compact.
//!
//! Everything that leaves here stands on one line, because a stdio peer takes a line feed for the
//! end of the message.

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a Vec takes whatever is written to it");
}

/// Appends `json` without the white space between its tokens and returns how deep its arrays and
/// objects nest. It must be valid JSON: only there is every line feed outside a string and every
/// quote inside one escaped.
pub(crate) fn push_compact(out: &mut Vec<u8>, json: &str) -> usize {
    let mut in_string = false;
    let mut escaped = false;
    let mut depth: usize = 0;
    let mut depth_max = 0;
    for &byte in json.as_bytes() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            out.push(byte);
            in_string = byte == b'"';
            depth += usize::from(matches!(byte, b'{' | b'['));
            depth -= usize::from(matches!(byte, b'}' | b']'));
            depth_max = depth_max.max(depth);
        }
    }
    depth_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_drops_space_between_tokens_only_and_measures_depth() {
        let cases = [
            ("{\n  \"a b\" : [ 1,\t2 ]\r\n}", r#"{"a b":[1,2]}"#, 2),
            (r#" "x \" y\\" "#, r#""x \" y\\""#, 0),
            (
                r#"["\\", "\\\" ,", " [[ "]"#,
                r#"["\\","\\\" ,"," [[ "]"#,
                1,
            ),
            (r#"[ [], {}, [[1]] ]"#, r#"[[],{},[[1]]]"#, 3),
        ];
        for (json, expected, depth) in cases {
            let mut out = Vec::new();
            assert_eq!(push_compact(&mut out, json), depth, "{json}");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
