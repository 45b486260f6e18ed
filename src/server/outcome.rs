//! What functions may return: [`IntoOutcome`].

use crate::tool::handler::Ended;
use crate::tool::{Content, Outcome};
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};
use serde::Serialize;
use std::any::Any;
use std::error::Error;
use std::fmt::Display;

/// What a function may return.
///
/// | returned | the client gets |
/// |---|---|
/// | `String`, `&str` | one text |
/// | `()` | nothing, and that it went well |
/// | [`Json`] | `structuredContent`, and the same as text for older clients |
/// | [`Content`], `Vec<Content>` | texts, images, sounds, resources, links |
/// | [`Outcome`] | all of that together |
/// | `Result<_, E>` | the same, or `E` as a failed outcome that models read |
/// | `Result<_, RpcError>` | the same, or an error of the request |
///
/// `E` is whatever can be shown. An [`RpcError`] inside a `Box<dyn Error>` is found, so that `?`
/// works on the questions of a [`Context`](super::Context) and on everything else alike.
pub trait IntoOutcome {
    /// What the call came to.
    fn into_outcome(self) -> Ended;
}

/// A value as `structuredContent` (since 2025-06-18), and as text for older clients. It should be
/// one that becomes an object: revisions before 2026-07-28 know no other.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(
    /// The value.
    pub T,
);

impl IntoOutcome for Ended {
    fn into_outcome(self) -> Ended {
        self
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Ended {
        Ended::Outcome(self)
    }
}

impl IntoOutcome for String {
    fn into_outcome(self) -> Ended {
        Outcome::text(self).into_outcome()
    }
}

impl IntoOutcome for &str {
    fn into_outcome(self) -> Ended {
        Outcome::text(self).into_outcome()
    }
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Ended {
        Outcome::default().into_outcome()
    }
}

impl IntoOutcome for Content {
    fn into_outcome(self) -> Ended {
        vec![self].into_outcome()
    }
}

impl IntoOutcome for Vec<Content> {
    fn into_outcome(self) -> Ended {
        let content = self;
        Ended::Outcome(Outcome {
            content,
            ..Outcome::default()
        })
    }
}

impl<T: Serialize> IntoOutcome for Json<T> {
    fn into_outcome(self) -> Ended {
        match serde_json::to_string(&self.0) {
            Ok(json) => Ended::Outcome(Outcome {
                structured: Some(json.clone()),
                ..Outcome::text(json)
            }),
            Err(error) => failure(&error),
        }
    }
}

impl<T: IntoOutcome, E: Display + 'static> IntoOutcome for Result<T, E> {
    fn into_outcome(self) -> Ended {
        match self {
            Ok(value) => value.into_outcome(),
            Err(error) => failure(&error),
        }
    }
}

/// An error of the request where it is one, else a failed outcome.
fn failure<E: Display + 'static>(error: &E) -> Ended {
    match rpc_error(error) {
        Some(error) => Ended::Failed(error),
        None => Ended::Outcome(Outcome::error(error.to_string())),
    }
}

/// An error of the request, of whatever kind it is: what is no tool has no failed outcomes.
pub(super) fn failed<E: Display + 'static>(error: &E) -> Ended {
    let other = || RpcError::new(INTERNAL_ERROR, error.to_string());
    Ended::Failed(rpc_error(error).unwrap_or_else(other))
}

/// The error of the request that this is, by itself or in a box.
fn rpc_error<E: Display + 'static>(error: &E) -> Option<RpcError> {
    let any: &dyn Any = error;
    let boxed = || any.downcast_ref::<Box<dyn Error>>()?.downcast_ref();
    any.downcast_ref::<RpcError>().or_else(boxed).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(returned: impl IntoOutcome) -> String {
        match returned.into_outcome() {
            Ended::Outcome(outcome) => {
                let mut out = Vec::new();
                outcome.encode(&mut out);
                String::from_utf8(out).unwrap()
            }
            Ended::Failed(error) => format!("{} {error}", error.code),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_functions_return_becomes_a_result() {
        let boxed = |error: RpcError| -> Result<(), Box<dyn Error>> { Err(error)? };
        let text: Result<(), Box<dyn Error>> = Err("no".into());
        let table = [
            (shown("a"), r#"{"content":[{"type":"text","text":"a"}]}"#),
            (
                shown(String::from("a")),
                r#"{"content":[{"type":"text","text":"a"}]}"#,
            ),
            (shown(()), r#"{"content":[]}"#),
            (
                shown(Json(
                    [("a", 1)]
                        .into_iter()
                        .collect::<std::collections::BTreeMap<_, _>>(),
                )),
                r#"{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":{"a":1}}"#,
            ),
            (
                shown(Content::Text("a".into())),
                r#"{"content":[{"type":"text","text":"a"}]}"#,
            ),
            (
                shown(Err::<(), _>("no")),
                r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#,
            ),
            (
                shown(text),
                r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#,
            ),
            (
                shown(Err::<(), _>(RpcError::new(-32000, "no"))),
                "-32000 no",
            ),
            (shown(boxed(RpcError::new(-32000, "no"))), "-32000 no"),
        ];
        for (shown, expected) in table {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn what_is_no_json_is_a_failure_that_says_so() {
        let no_name = std::collections::BTreeMap::from([(vec![1], 1)]);
        assert!(shown(Json(no_name)).contains("key must be a string"));
    }
}
