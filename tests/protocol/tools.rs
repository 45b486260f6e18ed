//! Tools: what is listed, and what is a result and what an error.

use crate::client::{Client, Line, REVISIONS};
use crate::support::{Server, at};
use serde_json::json;
use slimcp::tool::{Content, Outcome};
use std::collections::BTreeSet;

#[test]
fn what_is_listed_can_be_called_by_any_client() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let list = client.ask(&mut server, at(1), "1", "tools/list", "");
        let tools = list["result"]["tools"].as_array().expect("tools");
        assert_eq!(tools.len(), 3);
        let mut names = BTreeSet::new();
        for tool in tools {
            let name = tool["name"].as_str().expect("a name");
            let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            assert!((1..=128).contains(&name.len()) && name.bytes().all(is_good));
            assert!(names.insert(name), "{name} is there twice");
            assert!(tool["description"].is_string());
            assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
            let has_output = tool.get("outputSchema").is_some();
            assert_eq!(has_output, name == "system-info");
        }
    }
}

#[test]
fn names_are_told_apart_by_case() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for name in ["ECHO", "Echo", "echo "] {
            let members = format!(r#""name":"{name}","arguments":{{"text":"hi"}}"#);
            let mut line = {
                let request = client.request("1", "tools/call", &members, "");
                Line::open(&mut server, at(1), request)
            };
            let heard = client.hear(&mut server, &mut line);
            assert!(heard[0].get("error").is_some(), "{revision} {name:?}");
        }
    }
}

#[test]
fn a_wrong_argument_is_a_result_and_a_wrong_request_an_error() {
    let results = [
        r#""name":"echo""#,
        r#""name":"echo","arguments":{"text":7}"#,
        r#""name":"echo","arguments":{"text":"a","more":1}"#,
        r#""name":"sleep","arguments":{"seconds":"long"}"#,
        r#""name":"sleep","arguments":{"second":1}"#,
    ];
    let errors = [
        r#""name":"nobody","arguments":{}"#,
        r#""arguments":{}"#,
        r#""name":7"#,
    ];
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for members in results {
            let answer = client.ask(&mut server, at(1), "1", "tools/call", members);
            let result = &answer["result"];
            assert_eq!(result["isError"], true, "{revision} {members} {answer}");
            assert!(result["content"][0]["text"].is_string());
        }
        for members in errors {
            let answer = client.ask(&mut server, at(1), "1", "tools/call", members);
            assert_eq!(answer["error"]["code"], -32602, "{revision} {members}");
        }
        assert!(server.started.is_empty(), "nothing was run");
    }
}

#[test]
fn a_tool_that_fails_is_a_result_that_says_so() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let call = client.request("1", "tools/call", r#""name":"sleep""#, "");
        let mut line = Line::open(&mut server, at(1), call);
        server.finish(at(2), &Outcome::error("there is no bed"));
        let heard = client.hear(&mut server, &mut line);
        let result = &heard[0]["result"];
        assert_eq!(result["isError"], true, "{revision}");
        assert_eq!(result["content"][0]["text"], "there is no bed");
    }
}

#[test]
fn structured_content_is_an_object_and_said_as_text_as_well() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let call = client.request("1", "tools/call", r#""name":"sleep""#, "");
        let mut line = Line::open(&mut server, at(1), call);
        let text = r#"{"degrees":21.5}"#.to_string();
        let outcome = Outcome {
            content: vec![Content::Text(text.clone())],
            structured: Some(text),
            is_error: false,
        };
        server.finish(at(2), &outcome);
        let heard = client.hear(&mut server, &mut line);
        let result = &heard[0]["result"];
        assert_eq!(result["structuredContent"], json!({"degrees": 21.5}));
        assert_eq!(result["content"][0]["text"], r#"{"degrees":21.5}"#);
    }
}

#[test]
fn structured_content_that_is_no_object_is_not_for_older_clients() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for text in ["[1,2]", "7", "\"warm\"", "null"] {
            let call = client.request("1", "tools/call", r#""name":"sleep""#, "");
            let mut line = Line::open(&mut server, at(1), call);
            let outcome = Outcome {
                structured: Some(text.to_string()),
                ..Outcome::text(text)
            };
            server.finish(at(2), &outcome);
            let heard = client.hear(&mut server, &mut line);
            let result = &heard[0]["result"];
            let is_there = result.get("structuredContent").is_some();
            assert_eq!(is_there, client.is_stateless(), "{revision} {text}");
            assert_eq!(result["content"][0]["text"], text);
        }
    }
}
