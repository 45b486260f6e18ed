//! The `{name}` in a text of a command tool.

/// The names between braces, in order. `{{` and `}}` stand for the braces themselves.
pub(super) fn placeholders(text: &str) -> Result<Vec<&str>, &'static str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let tail = &rest[brace..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            rest = &tail[2..];
            continue;
        }
        let inner = tail.strip_prefix('{').and_then(|tail| tail.split_once('}'));
        match inner {
            Some((name, after)) if is_name(name) => {
                names.push(name);
                rest = after;
            }
            Some(_) | None => return Err(BRACES),
        }
    }
    Ok(names)
}

/// What tools and arguments may be called: the narrowest rule among revisions and clients.
pub(in crate::daemon) fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(letter)
}

/// [`is_name`] in words.
pub(in crate::daemon) const NAME: &str = "a name of 1 to 64 letters, digits, \"_\", \".\" or \"-\"";

/// What a brace that stands for nothing should have been.
const BRACES: &str = "expected the name of an argument between \"{\" and \"}\"; the braces \
                      themselves are written \"{{\" and \"}}\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_between_single_braces() {
        let table: [(&str, Option<&[&str]>); 14] = [
            ("", Some(&[])),
            ("plain", Some(&[])),
            ("{pin}={on}", Some(&["pin", "on"])),
            ("{a}{a}", Some(&["a", "a"])),
            ("{{a}}", Some(&[])),
            ("{{{a}}}", Some(&["a"])),
            ("{{print $1}}", Some(&[])),
            ("größe {größe}", None),
            ("{a.b-c_9}", Some(&["a.b-c_9"])),
            ("{print $1}", None),
            ("{}", None),
            ("{a", None),
            ("a}", None),
            ("{a{b}}", None),
        ];
        for (text, names) in table {
            let found = placeholders(text);
            assert_eq!(found.as_deref().ok(), names, "{text}: {found:?}");
        }
    }

    #[test]
    fn names_end_at_64_bytes() {
        assert!(is_name(&"a".repeat(64)));
        for name in [&*"a".repeat(65), "", "a b", "a/b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
