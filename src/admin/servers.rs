//! The servers behind this one, as operators see them: in `/health` and in the statistics.

use crate::upstream::listing::Eras;
use crate::upstream::view::UpstreamView;
use crate::wire::json::Object;

/// What `/health` says while a server has failed: all others are as well as ever.
pub const DEGRADED: &str = "degraded";

/// Adds one object for each server, if there are any.
pub(crate) fn add_servers<'a>(
    body: Object,
    views: impl Iterator<Item = UpstreamView<'a>>,
) -> Object {
    let mut views = views.peekable();
    match views.peek() {
        None => body,
        Some(_) => body.list("servers", views.map(|view| server(&view))),
    }
}

/// What a command speaks, in the words of the configuration.
pub fn eras(eras: Eras) -> &'static str {
    match (eras.handshake, eras.stateless) {
        (true, true) => "handshake, stateless",
        (true, false) => "handshake",
        (false, true) => "stateless",
        (false, false) => "none",
    }
}

fn server(view: &UpstreamView<'_>) -> Object {
    Object::default()
        .text("name", &view.spec.name)
        .text("state", view.state)
        .optional_text("eras", view.eras.map(eras))
        .optional("tools", view.tools)
        .plain("children", view.children)
        .plain("calls", view.calls)
        .plain("calls_total", view.counts.calls)
        .plain("starts_total", view.counts.starts)
        .plain("restarts_total", view.counts.restarts)
        .plain("failures_total", view.counts.failures)
        .optional_text("last_failure", view.last_failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::command::{CommandLine, Output};
    use crate::upstream::spec::UpstreamSpec;
    use crate::upstream::view::Counts;
    use serde_json::{Value, json};

    #[test]
    fn a_server_is_told_with_its_state_and_its_latest_failure() {
        let line = CommandLine {
            argv: vec!["files".to_string()],
            directory: None,
            environment: vec![("KEY".to_string(), "secret".to_string())],
            environment_inherit: Vec::new(),
            stdin: None,
            output: Output::Text,
        };
        let spec = UpstreamSpec::new("files", line);
        let view = UpstreamView {
            spec: &spec,
            state: "failed",
            eras: None,
            tools: None,
            children: 0,
            calls: 1,
            counts: Counts {
                calls: 2,
                starts: 3,
                restarts: 4,
                failures: 5,
                refused: 6,
            },
            last_failure: Some("it has \"ended\""),
        };
        let encode = |view| add_servers(Object::default(), [view].into_iter()).end();
        let told: Value = serde_json::from_slice(&encode(view)).unwrap();
        let mut expected = json!({
            "name": "files", "state": "failed", "children": 0, "calls": 1, "calls_total": 2,
            "starts_total": 3, "restarts_total": 4, "failures_total": 5,
            "last_failure": "it has \"ended\""
        });
        assert_eq!(told["servers"], json!([expected]));
        let known = UpstreamView {
            eras: Some(Eras {
                handshake: true,
                stateless: true,
            }),
            tools: Some(7),
            ..view
        };
        let told: Value = serde_json::from_slice(&encode(known)).unwrap();
        expected["eras"] = json!("handshake, stateless");
        expected["tools"] = json!(7);
        assert_eq!(told["servers"], json!([expected]));
        let none = add_servers(Object::default(), [].into_iter());
        assert_eq!(none.end(), b"{}");
    }
}
