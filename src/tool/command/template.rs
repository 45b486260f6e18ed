//! Texts of the configuration that hold `{name}` where the value of an argument goes.
//!
//! `{{` and `}}` stand for single braces. A template is filled as a whole or not at all: if one of
//! its arguments is absent, so is the text.

use super::value::Scalar;

/// A parsed text. Arguments are places in the tool's list of arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Text as it is; never empty.
    Literal(String),
    /// The value of this argument.
    Argument(usize),
}

impl Template {
    /// Splits `text`; `find` turns a name into the place of its argument. The error is a sentence
    /// for the operator.
    pub(super) fn parse(
        text: &str,
        find: impl Fn(&str) -> Option<usize>,
    ) -> Result<Template, String> {
        if text.contains('\0') {
            return Err(format!("{text:?} must not hold a NUL character"));
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (piece, after) = brace(text, &rest[at..])?;
            match piece {
                Brace::Literal(brace) => literal.push(brace),
                Brace::Name(name) => {
                    let argument = find(name).ok_or_else(|| {
                        format!(
                            "{text:?} names the argument {name:?}, which the tool does not have"
                        )
                    })?;
                    push_literal(&mut pieces, &mut literal);
                    pieces.push(Piece::Argument(argument));
                }
            }
            rest = after;
        }
        literal.push_str(rest);
        push_literal(&mut pieces, &mut literal);
        Ok(Template { pieces })
    }

    /// Whether it says the same for every call.
    pub(super) fn is_fixed(&self) -> bool {
        !self
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Argument(_)))
    }

    /// The text with every value filled in; `None` if one of them is absent.
    pub(super) fn fill(&self, values: &[Option<Scalar>]) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Argument(argument) => values[*argument].as_ref()?.append_to(&mut text),
            }
        }
        Some(text)
    }

    /// The argument whose value the filled text begins with.
    pub(super) fn first_argument(&self, values: &[Option<Scalar>]) -> Option<usize> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(_) => return None,
                Piece::Argument(argument) => {
                    if !values[*argument].as_ref()?.is_empty_text() {
                        return Some(*argument);
                    }
                }
            }
        }
        None
    }
}

/// What begins with a brace.
enum Brace<'a> {
    /// A doubled brace.
    Literal(char),
    /// What stands between two single ones.
    Name(&'a str),
}

/// Reads what stands at the brace with which `rest` begins, and says what comes after it.
fn brace<'a>(text: &str, rest: &'a str) -> Result<(Brace<'a>, &'a str), String> {
    for (doubled, single) in [("{{", '{'), ("}}", '}')] {
        if let Some(after) = rest.strip_prefix(doubled) {
            return Ok((Brace::Literal(single), after));
        }
    }
    let lone = || format!("{text:?} holds a brace without its partner; write {{{{ or }}}} for one");
    let inside = rest.strip_prefix('{').ok_or_else(lone)?;
    let (name, after) = inside.split_once('}').ok_or_else(lone)?;
    if name.contains('{') {
        return Err(lone());
    }
    Ok((Brace::Name(name), after))
}

fn push_literal(pieces: &mut Vec<Piece>, literal: &mut String) {
    if !literal.is_empty() {
        pieces.push(Piece::Literal(std::mem::take(literal)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "long-name"];

    fn parse(text: &str) -> Result<Template, String> {
        Template::parse(text, |name| NAMES.iter().position(|known| *known == name))
    }

    fn values() -> [Option<Scalar>; 3] {
        [
            Some(Scalar::Text("x y".into())),
            Some(Scalar::Whole(7)),
            None,
        ]
    }

    #[test]
    fn values_go_where_their_names_stand() {
        for (text, filled) in [
            ("", ""),
            ("plain", "plain"),
            ("{a}", "x y"),
            ("{a}={b}", "x y=7"),
            ("pre{b}{b}post", "pre77post"),
            ("{{a}}", "{a}"),
            ("{{{a}}}", "{x y}"),
            ("{{}} ü {b}", "{} ü 7"),
        ] {
            assert_eq!(
                parse(text).unwrap().fill(&values()).as_deref(),
                Some(filled),
                "{text}"
            );
        }
    }

    #[test]
    fn an_absent_argument_takes_the_whole_text_with_it() {
        for text in ["{long-name}", "--n={long-name}", "{a}{long-name}"] {
            assert_eq!(parse(text).unwrap().fill(&values()), None, "{text}");
        }
    }

    #[test]
    fn lone_braces_and_unknown_names_are_refused() {
        for (text, wrong) in [
            ("{", "partner"),
            ("}", "partner"),
            ("{a", "partner"),
            ("a}", "partner"),
            ("{a{b}", "partner"),
            ("{{a}", "partner"),
            ("{}", "\"\""),
            ("{c}", "\"c\""),
            ("{ a }", "\" a \""),
            ("\0", "NUL"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_argument_is_the_one_the_text_begins_with() {
        let values = [
            Some(Scalar::Text(String::new())),
            Some(Scalar::Text("-x".into())),
            None,
        ];
        for (text, first) in [
            ("{a}{b}", Some(1)),
            ("{b}", Some(1)),
            (".{b}", None),
            ("{a}", None),
        ] {
            assert_eq!(
                parse(text).unwrap().first_argument(&values),
                first,
                "{text}"
            );
        }
    }
}
