//! Arguments of calls as the types of their functions.

use serde::de::DeserializeOwned;

/// Reads the arguments of a call.
///
/// # Errors
///
/// A text that says which argument is wrong, and how: models read it and try again.
pub(super) fn read<A: DeserializeOwned>(arguments: &str) -> Result<A, String> {
    serde_json::from_str(arguments).map_err(|error| {
        let text = error.to_string();
        let problem = text.split(" at line ").next().unwrap_or_default();
        match place(arguments, error.line(), error.column()) {
            Some(place) => format!("{place}: {problem}"),
            None => problem.to_string(),
        }
    })
}

/// The name of the member of `object` at whose value a reader has stopped; `None` where it is at
/// fault as a whole. The object is valid JSON.
fn place(object: &str, line: usize, column: usize) -> Option<String> {
    let before: usize = object
        .split_inclusive('\n')
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let stopped = object.get(..before + column)?;
    let mut names: Vec<&str> = Vec::new();
    let mut strings = String::new();
    let mut string = None;
    let mut last = "";
    let mut is_escaped = false;
    for (at, letter) in stopped.char_indices() {
        match (string, letter) {
            (Some(_), '\\') if !is_escaped => is_escaped = true,
            (Some(begin), '"') if !is_escaped => {
                last = &stopped[begin..at];
                string = None;
            }
            (Some(_), _) => is_escaped = false,
            (None, '"') => string = Some(at + 1),
            (None, '{' | '[') => names.push(""),
            (None, '}' | ']') => drop(names.pop()),
            (None, ':') => *names.last_mut()? = last,
            (None, _) => {}
        }
    }
    for name in names.iter().filter(|name| !name.is_empty()) {
        if !strings.is_empty() {
            strings.push('.');
        }
        strings.push_str(name);
    }
    (!strings.is_empty()).then_some(strings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        name: String,
        count: Option<u8>,
        to: Option<Address>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Address {
        town: String,
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            ("{}", "missing field `name`"),
            (
                r#"{"name":1}"#,
                "name: invalid type: integer `1`, expected a string",
            ),
            (
                "{\"name\":\"a,\\\":{\",\n \"count\":300}",
                "count: invalid value: integer `300`, expected u8",
            ),
            (
                r#"{"name":"a","to":{"town":[]}}"#,
                "to.town: invalid type: sequence, expected a string",
            ),
            (r#"{"name":"a","to":{}}"#, "to: missing field `town`"),
        ];
        for (arguments, expected) in table {
            assert_eq!(
                read::<Order>(arguments).unwrap_err(),
                expected,
                "{arguments}"
            );
        }
        let order = Order {
            name: "a".to_string(),
            count: Some(3),
            to: Some(Address {
                town: "b".to_string(),
            }),
        };
        let arguments = r#"{"name":"a","count":3,"to":{"town":"b"}}"#;
        assert_eq!(read::<Order>(arguments), Ok(order));
    }
}
