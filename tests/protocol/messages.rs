//! JSON-RPC: ids, the kinds of messages, what is none, and batches.

use crate::client::{Client, HANDSHAKES, Line, REVISIONS, SESSIONS, initialize, message, whole};
use crate::support::{Server, at, post};
use serde_json::{Value, json};
use slimcp::tool::Outcome;

const IDS: [&str; 7] = [
    "7",
    "\"7\"",
    "0",
    "-3",
    "\"\"",
    "\"\u{fc}n\u{ef}\"",
    "9007199254740993",
];

#[test]
fn an_id_comes_back_with_its_json_type() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for id in IDS {
            let expected: Value = serde_json::from_str(id).expect("an id");
            let list = client.ask(&mut server, at(1), id, "tools/list", "");
            assert_eq!(list["id"], expected, "{revision}");
            let wrong = client.ask(&mut server, at(1), id, "no/method", "");
            assert_eq!(wrong["error"]["code"], -32601, "{revision} {wrong}");
            assert_eq!(wrong["id"], expected, "{revision}");
            let slow = client.request(id, "tools/call", r#""name":"sleep""#, "");
            let mut line = Line::open(&mut server, at(1), slow);
            server.finish(at(2), &Outcome::text("slept"));
            let answers = client.hear(&mut server, &mut line);
            assert_eq!(answers.len(), 1, "{revision}");
            assert_eq!(answers[0]["id"], expected, "{revision}");
        }
    }
}

#[test]
fn what_is_no_id_is_refused_and_never_sent_back() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        for id in ["null", "true", "[1]", "{}"] {
            let request = client.request(id, "tools/list", "", "");
            let response = whole(&mut server, at(1), request);
            assert_eq!(response.refusal(), (400, -32600), "{revision} {id}");
            assert_eq!(message(&response.body).get("id"), None, "{revision} {id}");
        }
    }
}

#[test]
fn every_answer_has_a_result_or_an_error_with_code_and_text() {
    let good = [
        ("tools/list", ""),
        ("tools/call", r#""name":"echo","arguments":{"text":"hi"}"#),
        ("tools/call", r#""name":"echo","arguments":{"text":7}"#),
        ("tools/call", r#""name":"sleep","arguments":{"seconds":-1}"#),
    ];
    let bad = [
        ("tools/list", r#""cursor":"nowhere""#, -32602),
        ("tools/list", r#""cursor":7"#, -32602),
        ("tools/call", "", -32602),
        ("tools/call", r#""name":"nobody""#, -32602),
        ("tools/calls", r#""name":"echo""#, -32601),
        ("tools/delete", "", -32601),
    ];
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for (method, members) in good {
            let answer = client.ask(&mut server, at(1), "1", method, members);
            assert!(answer["result"].is_object(), "{revision} {answer}");
        }
        for (method, members, code) in bad {
            let answer = client.ask(&mut server, at(1), "1", method, members);
            assert_eq!(answer["error"]["code"], code, "{revision} {answer}");
        }
    }
}

#[test]
fn a_notification_is_never_answered() {
    let notifications = [
        ("notifications/initialized", ""),
        ("notifications/cancelled", r#""requestId":[]"#),
        ("notifications/progress", r#""progressToken":1"#),
        ("notifications/of/next/year", r#""x":1"#),
        // Without an id these ask for nothing, and nothing is done.
        ("tools/list", ""),
        ("tools/call", r#""name":"sleep""#),
    ];
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for (method, members) in notifications {
            let taken = whole(&mut server, at(1), client.notification(method, members));
            let told = (taken.head.status, taken.body.as_str());
            assert_eq!(told, (202, ""), "{revision} {method}");
        }
        assert!(server.started.is_empty(), "{revision}");
        if client.is_http_sse() {
            assert!(client.stream_events(&mut server).is_empty());
        }
    }
}

#[test]
fn what_is_no_json_or_no_message_is_refused_at_every_door() {
    let bodies: [(&[u8], i64); 6] = [
        (b"{\"jsonrpc\":\"2.0\",", -32700),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}",
            -32700,
        ),
        (b"", -32700),
        (b"7", -32600),
        (
            b"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"tools/list\"}",
            -32600,
        ),
        (b"{\"id\":1,\"method\":\"tools/list\"}", -32600),
    ];
    for revision in REVISIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        for (body, code) in bodies {
            let mark = "-".repeat(body.len());
            let mut request = client.post(&mark).into_bytes();
            request.truncate(request.len() - body.len());
            request.extend_from_slice(body);
            let response = whole(&mut server, at(1), request);
            assert_eq!(response.refusal(), (400, code), "{revision} {body:?}");
        }
    }
}

#[test]
fn only_sessions_of_2025_03_26_may_send_batches() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/new"}"#;
    let response = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;
    for revision in REVISIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let batches = [
            (format!("[{ping},{notification}]"), 200),
            (format!("[{notification},{notification}]"), 202),
            (format!("[{response},{response}]"), 202),
        ];
        for (batch, status) in batches {
            let answer = whole(&mut server, at(1), client.post(&batch));
            if revision == "2025-03-26" {
                assert_eq!(answer.head.status, status, "{batch}");
            } else {
                let (status, _) = answer.refusal();
                assert_eq!(status, 400, "{revision} {batch}");
            }
        }
    }
}

#[test]
fn a_batch_is_answered_member_by_member_in_an_array() {
    let mut server = Server::new();
    let client = Client::open(&mut server, at(0), "2025-03-26");
    let one = client.body(Some("1"), "ping", "", "");
    let two = client.body(Some("\"2\""), "tools/call", r#""name":"nobody""#, "");
    let batch = client.post(format!("[{one},{two}]"));
    let answer = whole(&mut server, at(1), batch);
    let answers: Vec<Value> = serde_json::from_str(&answer.body).expect("an array");
    let answers: Vec<Value> = answers
        .iter()
        .map(|one| message(&one.to_string()))
        .collect();
    assert_eq!(answers[0], json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    assert_eq!((&answers[1]["id"], answers.len()), (&json!("2"), 2));
    assert_eq!(answers[1]["error"]["code"], -32602);
}

#[test]
fn a_handshake_is_not_part_of_a_batch() {
    let mut server = Server::new();
    for version in ["", "MCP-Protocol-Version: 2025-03-26\r\n"] {
        let batch = format!("[{}]", initialize("2025-03-26"));
        let response = whole(&mut server, at(0), post("/mcp", version, &batch));
        assert_eq!(response.refusal(), (400, -32600));
        assert_eq!(response.head.field("mcp-session-id"), None);
    }
    assert_eq!(server.engine.gauges().sessions, 0);
}

#[test]
fn unknown_members_and_foreign_metadata_change_nothing() {
    let plain = r#""name":"echo","arguments":{"text":"hi"}"#;
    let more = format!(r#"{plain},"task":{{"ttl":1}},"later":[1]"#);
    let meta = r#""com.example/trace":{"a":1},"traceparent":"00-1-2-01""#;
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let expected = client.ask(&mut server, at(1), "1", "tools/call", plain);
        let request = client.request("1", "tools/call", &more, meta);
        let mut line = Line::open(&mut server, at(1), request);
        assert_eq!(
            client.hear(&mut server, &mut line),
            [expected],
            "{revision}"
        );
    }
}

#[test]
fn sessions_have_their_ids_apart() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let mut clients = [0, 1].map(|_| Client::open(&mut server, at(0), revision));
        let mut lines = clients.each_ref().map(|client| {
            let request = client.request("1", "tools/call", r#""name":"sleep""#, "");
            Line::open(&mut server, at(1), request)
        });
        server.finish(at(2), &Outcome::text("first"));
        server.finish(at(3), &Outcome::text("second"));
        for (number, text) in ["first", "second"].into_iter().enumerate() {
            let heard = clients[number].hear(&mut server, &mut lines[number]);
            assert_eq!(heard[0]["result"]["content"][0]["text"], text);
        }
    }
}

#[test]
fn results_of_older_revisions_have_no_marks_of_the_new_one() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for (method, members) in [
            ("ping", ""),
            ("tools/list", ""),
            ("tools/call", r#""name":"echo","arguments":{"text":"hi"}"#),
            ("logging/setLevel", r#""level":"info""#),
        ] {
            let answer = client.ask(&mut server, at(1), "1", method, members);
            for mark in ["resultType", "ttlMs", "cacheScope", "_meta"] {
                let found = answer["result"].get(mark);
                assert_eq!(found, None, "{revision} {method}");
            }
        }
    }
}
