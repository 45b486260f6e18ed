//! Patterns of URIs: RFC 6570 level 1, and `{+name}` of level 2.

use crate::mcp::message::Arguments;
use std::borrow::Cow;

/// A pattern such as `notes://{folder}/{name}`.
///
/// A variable stands for at least one character and does not cross `/`, `?` and `#`; one that is
/// written `{+name}` does, and is the last. Between two variables stands some text: without it
/// nobody could tell where one ends. What a variable stands for is decoded (`%20` is a blank), so
/// it may contain a `/` that was written `%2F`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands before the first variable.
    begin: String,
    /// Each variable, and the text behind it.
    variables: Vec<Variable>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    name: String,
    crosses: bool,
    behind: String,
}

impl Pattern {
    /// Takes a pattern apart.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let mut pieces = text.split('{');
        let begin = pieces.next().unwrap_or_default();
        let variables: Result<Vec<Variable>, String> = pieces.map(Variable::parse).collect();
        let variables = variables.map_err(|problem| format!("{text:?}: {problem}"))?;
        let pattern = Pattern {
            begin: begin.to_string(),
            variables,
        };
        match pattern.problem() {
            Some(problem) => Err(format!("{text:?}: {problem}")),
            None => Ok(pattern),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let (last, others) = match self.variables.split_last() {
            Some(split) => split,
            None => return Some("it has no variable such as {name}"),
        };
        let is_twin = |(place, variable): (usize, &Variable)| {
            let mut before = self.variables[..place].iter();
            before.any(|other| other.name == variable.name)
        };
        if self.begin.contains('}') || self.variables.iter().any(|v| v.behind.contains('}')) {
            Some("a } without a {")
        } else if others.iter().any(|variable| variable.crosses) {
            Some("only the last variable may be written {+name}")
        } else if others.iter().any(|variable| variable.behind.is_empty()) {
            Some("two variables need some text between them")
        } else if self.variables.iter().enumerate().any(is_twin) {
            Some("two variables have one name")
        } else {
            debug_assert!(!last.name.is_empty(), "it was looked at before");
            None
        }
    }

    /// Whether it has this variable.
    pub fn has(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }

    /// What the variables stand for in `uri`, if it fits.
    ///
    /// Each variable but the last ends where the text behind it is found first. A later end would
    /// leave less to the variables behind, and none of them could make use of that.
    pub fn read<'a>(&'a self, uri: &'a str) -> Option<Arguments<'a>> {
        let mut rest = uri.strip_prefix(self.begin.as_str())?;
        let mut values = Vec::with_capacity(self.variables.len());
        let (last, others) = self.variables.split_last()?;
        for variable in others {
            let first = rest.chars().next()?.len_utf8();
            let length = first + rest[first..].find(&variable.behind)?;
            values.push(variable.read(&rest[..length])?);
            rest = &rest[length + variable.behind.len()..];
        }
        values.push(last.read(rest.strip_suffix(last.behind.as_str())?)?);
        Some(Arguments(values))
    }
}

impl Variable {
    /// Reads what follows a `{`.
    fn parse(piece: &str) -> Result<Variable, String> {
        let (name, behind) = piece.split_once('}').ok_or("a { without a }")?;
        let plain = name.strip_prefix('+');
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
        let variable = Variable {
            name: plain.unwrap_or(name).to_string(),
            crosses: plain.is_some(),
            behind: behind.to_string(),
        };
        match variable.name.as_str() {
            "" => Err("a variable needs a name".to_string()),
            known if known.bytes().all(is_known) => Ok(variable),
            other => Err(format!("{{{other}}} is neither {{name}} nor {{+name}}")),
        }
    }

    /// The name, and what `text` stands for if this variable may stand for it.
    fn read<'a>(&'a self, text: &'a str) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        let is_within = self.crosses || !text.contains(['/', '?', '#']);
        if text.is_empty() || !is_within {
            return None;
        }
        Some((Cow::Borrowed(&self.name), decode(text)?))
    }
}

/// The text with `%20` and its like decoded, if that makes a text.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name=value` of each variable, or `-` where it does not fit.
    fn read(pattern: &str, uri: &str) -> String {
        let pattern = Pattern::parse(pattern).unwrap();
        match pattern.read(uri) {
            None => "-".to_string(),
            Some(values) => {
                let pairs = values.iter().map(|(name, value)| format!("{name}={value}"));
                pairs.collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn uris_fit_or_not() {
        for (pattern, uri, expected) in [
            ("t://{id}/data", "t://123/data", "id=123"),
            ("t://{id}/data", "t:///data", "-"),
            ("t://{id}/data", "t://1/2/data", "-"),
            ("t://{id}/data", "t://1/data?x", "-"),
            ("t://{id}/data", "t://1/datax", "-"),
            ("t://{id}/data", "T://1/data", "-"),
            ("t://{id}", "t://a%20b%2Fc", "id=a b/c"),
            ("t://{id}", "t://%C3%BC%c3%bC", "id=üü"),
            ("t://{id}", "t://ü", "id=ü"),
            ("t://{id}", "t://%ff", "-"),
            ("t://{id}", "t://%4", "-"),
            ("t://{id}", "t://%+1", "-"),
            ("t://{id}", "t://a?b", "-"),
            ("t://{a}-{b}", "t://x-y-z", "a=x b=y-z"),
            ("t://{a}-{b}", "t://--z", "a=- b=z"),
            ("t://{a}-{b}", "t://-z", "-"),
            ("t://{a}-{b}", "t://x-", "-"),
            ("t://{a}/{+path}", "t://x/y/z?q#f", "a=x path=y/z?q#f"),
            ("t://{a}/{+path}.md", "t://x/y/z.md", "a=x path=y/z"),
            ("t://{a}/{+path}", "t://x/", "-"),
            ("{id}", "123", "id=123"),
            ("{id}x", "x", "-"),
        ] {
            assert_eq!(read(pattern, uri), expected, "{pattern} {uri}");
        }
    }

    #[test]
    fn wrong_patterns_are_refused_with_the_reason() {
        for (pattern, problem) in [
            ("t://a", "no variable"),
            ("t://{a", "{ without a }"),
            ("t://a}{b}", "} without a {"),
            ("t://{a}}", "} without a {"),
            ("t://{}", "needs a name"),
            ("t://{+}", "needs a name"),
            ("t://{a}{b}", "between"),
            ("t://{+a}/{b}", "only the last"),
            ("t://{a}/{a}", "one name"),
            ("t://{?a}", "{?a} is neither"),
            ("t://{a,b}", "{a,b} is neither"),
            ("t://{a*}", "{a*} is neither"),
            ("t://{/a}", "{/a} is neither"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains(problem), "{error}");
            assert!(error.starts_with(&format!("{pattern:?}: ")), "{error}");
        }
    }
}
