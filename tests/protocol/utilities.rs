//! Ping, cancellation, progress and log messages, in every revision that has them.

use crate::client::{Client, HANDSHAKES, Line, REVISIONS, whole};
use crate::support::{Server, at};
use serde_json::{Value, json};
use slimcp::mcp::message::Level;
use slimcp::tool::Outcome;
use slimcp::tool::handler::{Context, Said, Told};
use std::time::Duration;

const SLEEP: &str = r#""name":"sleep""#;

/// Severities, least first.
const LEVELS: [(Level, &str); 8] = [
    (Level::Debug, "debug"),
    (Level::Info, "info"),
    (Level::Notice, "notice"),
    (Level::Warning, "warning"),
    (Level::Error, "error"),
    (Level::Critical, "critical"),
    (Level::Alert, "alert"),
    (Level::Emergency, "emergency"),
];

/// A call of `sleep` with this metadata.
fn call(server: &mut Server, client: &Client, id: &str, meta: &str) -> Line {
    let request = client.request(id, "tools/call", SLEEP, meta);
    Line::open(server, at(1), request)
}

#[test]
fn ping_is_answered_at_once_with_an_empty_result() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        call(&mut server, &client, "1", "");
        let pong = client.ask(&mut server, at(2), "\"p\"", "ping", "");
        assert_eq!(pong, json!({"jsonrpc": "2.0", "id": "p", "result": {}}));
    }
}

#[test]
fn a_cancellation_of_nothing_is_ignored() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &client, "1", "");
        let list = client.ask(&mut server, at(2), "2", "tools/list", "");
        assert_eq!(list["id"], 2);
        let wrong = [
            r#""requestId":99"#,
            r#""requestId":2"#,
            r#""requestId":"1""#,
            r#""requestId":null"#,
            r#""requestId":{}"#,
            r#""reason":"why""#,
            "",
        ];
        for members in wrong {
            let cancel = client.notification("notifications/cancelled", members);
            let taken = whole(&mut server, at(3), cancel);
            assert_eq!((taken.head.status, taken.body.as_str()), (202, ""));
        }
        assert!(server.terminated.is_empty(), "{revision}");
        server.finish(at(4), &Outcome::text("slept"));
        let heard = client.hear(&mut server, &mut line);
        assert_eq!(heard[0]["result"]["content"][0]["text"], "slept");
        // It came too late.
        let cancel = client.notification("notifications/cancelled", r#""requestId":1"#);
        assert_eq!(whole(&mut server, at(5), cancel).head.status, 202);
        assert!(server.terminated.is_empty(), "{revision}");
    }
}

#[test]
fn a_cancelled_call_is_stopped_and_has_no_result() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &client, "1", r#""progressToken":"t""#);
        let key = server.started[0].0;
        let members = r#""requestId":1,"reason":"no longer wanted""#;
        let cancel = client.notification("notifications/cancelled", members);
        assert_eq!(whole(&mut server, at(2), cancel).head.status, 202);
        assert_eq!(server.terminated, [key], "{revision}");
        server.line(at(3), "still here");
        server.finish(at(4), &Outcome::text("too late"));
        let heard = client.hear(&mut server, &mut line);
        let has_result = |message: &Value| message.get("result").is_some();
        let is_progress = |message: &Value| message["method"] == "notifications/progress";
        assert!(!heard.iter().any(has_result), "{revision} {heard:?}");
        assert!(!heard.iter().any(is_progress), "{revision} {heard:?}");
        assert_eq!(server.engine.gauges().calls, 0);
    }
}

#[test]
fn a_broken_connection_cancels_nothing_in_a_session() {
    for revision in HANDSHAKES {
        for streams in [false, true] {
            let mut server = Server::new();
            let client = Client::open(&mut server, at(0), revision);
            let line = call(&mut server, &client, "1", r#""progressToken":1"#);
            if streams {
                server.line(at(2), "begun");
            }
            server.cut(at(3), client.stream_peer().unwrap_or(line.peer));
            assert!(server.terminated.is_empty(), "{revision}");
            assert_eq!(server.engine.gauges().calls, 1);
            server.finish(at(4), &Outcome::text("slept"));
            assert_eq!(server.engine.gauges().calls, 0);
        }
    }
}

#[test]
fn progress_increases_under_its_token_and_stops_with_the_answer() {
    for revision in REVISIONS {
        for token in ["7", "\"7\"", "\"a b\"", "0"] {
            let mut server = Server::new();
            let mut client = Client::open(&mut server, at(0), revision);
            let meta = format!(r#""progressToken":{token}"#);
            let mut line = call(&mut server, &client, "1", &meta);
            let key = server.started[0].0;
            for text in ["a", "b", "c"] {
                server.line(at(2), text);
            }
            server.finish(at(3), &Outcome::text("slept"));
            server.engine.handle_line(at(4), key, "too late");
            server.settle(at(4));
            let mut heard = client.hear(&mut server, &mut line);
            let answer = heard.pop().expect("an answer");
            assert_eq!(answer["id"], 1, "{revision} {heard:?}");
            assert_eq!(heard.len(), 3, "{revision} {heard:?}");
            let mut before = 0.0;
            for message in heard {
                assert_eq!(message["method"], "notifications/progress");
                let params = &message["params"];
                assert_eq!(params["progressToken"].to_string(), token);
                let progress = params["progress"].as_f64().expect("a number");
                assert!(progress > before, "{revision}");
                before = progress;
                assert!(params["message"].is_string());
            }
        }
    }
}

#[test]
fn a_report_of_no_progress_is_not_told() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &client, "1", r#""progressToken":1"#);
        let key = server.started[0].0;
        let context = Context::new(Told {
            wants_progress: true,
            ..Told::default()
        });
        for done in [0.0, 1.0, 3.0, 2.0, 3.0, f64::NAN, f64::INFINITY, 3.5, -1.0] {
            context.progress(done, 4.0, "working");
        }
        for said in context.take_said() {
            server.engine.handle_said(at(2), key, said);
        }
        server.settle(at(2));
        server.finish(at(3), &Outcome::text("done"));
        let mut heard = client.hear(&mut server, &mut line);
        heard.pop();
        let told = heard
            .iter()
            .map(|message| message["params"]["progress"].as_f64());
        let told: Vec<f64> = told.map(|progress| progress.expect("a number")).collect();
        assert_eq!(told, [0.0, 1.0, 3.0, 3.5], "{revision}");
    }
}

#[test]
fn nobody_hears_of_progress_without_a_token() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &client, "1", "");
        server.line(at(2), "unasked");
        server.finish(at(3), &Outcome::text("slept"));
        assert_eq!(client.hear(&mut server, &mut line).len(), 1, "{revision}");
    }
}

#[test]
fn a_token_is_a_string_or_a_number() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        for token in ["[]", "{}", "true"] {
            let meta = format!(r#""progressToken":{token}"#);
            let mut line = call(&mut server, &client, "1", &meta);
            let heard = client.hear(&mut server, &mut line);
            assert_eq!(heard[0]["error"]["code"], -32602, "{revision} {token}");
        }
        assert!(server.started.is_empty());
    }
}

#[test]
fn progress_does_not_put_off_the_timeout() {
    for revision in REVISIONS {
        let mut server = Server::new();
        server.reconfigure(at(0), |config| {
            config.timeouts.call = Duration::from_secs(5);
        });
        let client = Client::open(&mut server, at(0), revision);
        call(&mut server, &client, "1", r#""progressToken":1"#);
        for second in 1..=5 {
            server.wait_until(at(second * 1000));
            assert!(server.terminated.is_empty(), "{revision}");
            server.line(at(second * 1000), "busy");
        }
        server.wait_until(at(5001));
        assert_eq!(server.terminated.len(), 1, "{revision}");
    }
}

#[test]
fn a_level_lets_through_itself_and_what_is_more_severe() {
    for revision in REVISIONS {
        for (least, (_, name)) in LEVELS.iter().enumerate() {
            let mut server = Server::new();
            let mut client = Client::open(&mut server, at(0), revision);
            let mut meta = format!(r#""io.modelcontextprotocol/logLevel":"{name}""#);
            if !client.is_stateless() {
                let members = format!(r#""level":"{name}""#);
                let set = client.ask(&mut server, at(0), "0", "logging/setLevel", &members);
                assert_eq!(set["result"], json!({}));
                meta.clear();
            }
            let mut line = call(&mut server, &client, "1", &meta);
            let key = server.started[0].0;
            for (level, _) in LEVELS {
                let (logger, data) = (None, r#"{"a":1}"#.to_string());
                let log = Said::Log {
                    level,
                    logger,
                    data,
                };
                server.engine.handle_said(at(2), key, log);
            }
            server.settle(at(2));
            server.finish(at(3), &Outcome::text("slept"));
            let mut heard = client.hear(&mut server, &mut line);
            heard.pop();
            let names = heard.iter().map(|message| {
                assert_eq!(message["method"], "notifications/message");
                assert_eq!(message["params"]["data"], json!({"a": 1}));
                message["params"]["level"].as_str().expect("a level")
            });
            let expected = LEVELS[least..].iter().map(|(_, name)| *name);
            assert!(names.eq(expected), "{revision} {name} {heard:?}");
        }
    }
}

#[test]
fn a_level_that_is_none_is_wrong_and_changes_nothing() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let mut set = |server: &mut Server, members: &str| {
            client.ask(server, at(1), "1", "logging/setLevel", members)
        };
        set(&mut server, r#""level":"error""#);
        for wrong in [
            r#""level":"loud""#,
            r#""level":"ERROR""#,
            r#""level":3"#,
            "",
        ] {
            let answer = set(&mut server, wrong);
            assert_eq!(answer["error"]["code"], -32602, "{revision} {wrong}");
        }
        let mut line = call(&mut server, &client, "2", "");
        let key = server.started[0].0;
        server.engine.handle_stderr_line(at(2), key, "only info");
        server.settle(at(2));
        server.finish(at(3), &Outcome::text("slept"));
        assert_eq!(client.hear(&mut server, &mut line).len(), 1, "{revision}");
    }
}

#[test]
fn nobody_hears_log_messages_who_has_named_no_level() {
    for revision in REVISIONS {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &client, "1", r#""progressToken":1"#);
        let key = server.started[0].0;
        server.engine.handle_stderr_line(at(2), key, "unasked");
        server.settle(at(2));
        server.finish(at(3), &Outcome::text("slept"));
        let heard = client.hear(&mut server, &mut line);
        assert_eq!(heard.len(), 1, "{revision} {heard:?}");
    }
}

#[test]
fn a_flood_of_log_messages_does_not_cost_the_answer() {
    for revision in HANDSHAKES {
        let mut server = Server::new();
        let mut client = Client::open(&mut server, at(0), revision);
        client.ask(
            &mut server,
            at(0),
            "0",
            "logging/setLevel",
            r#""level":"debug""#,
        );
        let mut line = call(&mut server, &client, "1", r#""progressToken":1"#);
        let key = server.started[0].0;
        server.line(at(2), "begun");
        let stream = client.stream_peer().unwrap_or(line.peer);
        let stream = server.peers[stream].stream.expect("it is open");
        server.engine.handle_blocked(stream);
        for _ in 0..5000 {
            server.engine.handle_stderr_line(at(3), key, "chatter");
        }
        server.finish(at(4), &Outcome::text("slept"));
        server.engine.handle_drained(stream);
        server.settle(at(5));
        let heard = client.hear(&mut server, &mut line);
        let answer = heard.last().expect("an answer");
        assert_eq!(answer["id"], 1, "{revision}");
        assert!(heard.len() < 1100, "{revision} {}", heard.len());
    }
}
