//! The JSON Schema (2020-12) of a command's arguments.

use super::{Argument, Kind, anchored};
use crate::wire::json;
use serde_json::value::RawValue;
use std::fmt::Display;

/// An object schema with the arguments in the order of the configuration. Nothing else may be
/// given: a misspelt name should come back as an error, not vanish.
pub(super) fn input_schema(arguments: &[Argument]) -> Box<RawValue> {
    let mut out = Vec::from(b"{\"type\":\"object\",\"properties\":{".as_slice());
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::push_string(&mut out, &argument.name);
        out.push(b':');
        push_argument(&mut out, argument);
    }
    out.push(b'}');
    push_required(&mut out, arguments);
    out.extend_from_slice(b",\"additionalProperties\":false}");
    let text = String::from_utf8(out).expect("it was put together from strings");
    RawValue::from_string(text).expect("every part was written as JSON")
}

fn push_argument(out: &mut Vec<u8>, argument: &Argument) {
    let kind = match &argument.kind {
        Kind::String { .. } => "string",
        Kind::Integer { .. } => "integer",
        Kind::Number { .. } => "number",
        Kind::Boolean => "boolean",
    };
    out.extend_from_slice(b"{\"type\":");
    json::push_string(out, kind);
    if let Some(description) = &argument.description {
        out.extend_from_slice(b",\"description\":");
        json::push_string(out, description);
    }
    if let Some(choices) = &argument.choices {
        let choices: Vec<String> = choices.iter().map(|choice| choice.to_string()).collect();
        push_member(out, "enum", Some(format!("[{}]", choices.join(","))));
    }
    push_member(out, "default", argument.default.as_ref());
    push_bounds(out, &argument.kind);
    out.push(b'}');
}

fn push_bounds(out: &mut Vec<u8>, kind: &Kind) {
    match kind {
        Kind::String {
            length_min,
            length_max,
            pattern,
        } => {
            push_member(out, "minLength", *length_min);
            push_member(out, "maxLength", *length_max);
            if let Some(pattern) = pattern {
                out.extend_from_slice(b",\"pattern\":");
                json::push_string(out, &anchored(pattern));
            }
        }
        Kind::Integer { minimum, maximum } => {
            push_member(out, "minimum", *minimum);
            push_member(out, "maximum", *maximum);
        }
        Kind::Number { minimum, maximum } => {
            // Rust prints floats without exponents and without a needless fraction: valid JSON.
            push_member(out, "minimum", *minimum);
            push_member(out, "maximum", *maximum);
        }
        Kind::Boolean => {}
    }
}

/// Appends `,"name":value` where there is a value; it must print as JSON.
fn push_member(out: &mut Vec<u8>, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    }
}

fn push_required(out: &mut Vec<u8>, arguments: &[Argument]) {
    let mut separator: &[u8] = b",\"required\":[";
    for argument in arguments.iter().filter(|argument| argument.must_be_given()) {
        out.extend_from_slice(separator);
        json::push_string(out, &argument.name);
        separator = b",";
    }
    if separator == b"," {
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::command::Scalar;

    fn argument(name: &str, kind: Kind) -> Argument {
        Argument {
            name: name.into(),
            kind,
            choices: None,
            default: None,
            required: false,
            description: None,
        }
    }

    #[test]
    fn arguments_stand_in_the_order_of_the_configuration() {
        let text = Kind::String {
            length_min: Some(1),
            length_max: Some(20),
            pattern: Some("a|\\d\"".into()),
        };
        let whole = Kind::Integer {
            minimum: Some(-2),
            maximum: Some(i64::MAX),
        };
        let number = Kind::Number {
            minimum: Some(0.5),
            maximum: Some(1e3),
        };
        let arguments = [
            Argument {
                required: true,
                description: Some("A \"z\".".into()),
                ..argument("z", text)
            },
            Argument {
                choices: Some(vec![Scalar::Whole(1), Scalar::Whole(2)]),
                default: Some(Scalar::Whole(2)),
                required: true,
                ..argument("y", whole)
            },
            argument("x", number),
            Argument {
                required: true,
                ..argument("w", Kind::Boolean)
            },
        ];
        let expected = concat!(
            r#"{"type":"object","properties":{"#,
            r#""z":{"type":"string","description":"A \"z\".","minLength":1,"maxLength":20,"#,
            r#""pattern":"^(?:a|\\d\")$"},"#,
            r#""y":{"type":"integer","enum":[1,2],"default":2,"minimum":-2,"#,
            r#""maximum":9223372036854775807},"#,
            r#""x":{"type":"number","minimum":0.5,"maximum":1000},"#,
            r#""w":{"type":"boolean"}},"#,
            r#""required":["z","w"],"additionalProperties":false}"#
        );
        assert_eq!(input_schema(&arguments).get(), expected);
    }

    #[test]
    fn no_arguments_are_an_empty_object() {
        let expected = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
        assert_eq!(input_schema(&[]).get(), expected);
    }
}
