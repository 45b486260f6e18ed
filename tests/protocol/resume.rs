//! Resumption of Streamable HTTP: event ids, and what is sent again.

use crate::client::{Client, Line, SESSIONS, message, whole};
use crate::support::reader::Event;
use crate::support::{Server, at, get};
use slimcp::tool::Outcome;
use std::collections::BTreeSet;

/// A GET of what came behind this event.
fn resume(client: &Client, event: &str) -> String {
    let fields = format!("{}Last-Event-ID: {event}\r\n", client.fields);
    get("/mcp", &fields)
}

/// A call of `sleep` that tells its progress.
fn call(server: &mut Server, client: &Client, id: &str) -> Line {
    let meta = format!(r#""progressToken":{id}"#);
    let call = client.request(id, "tools/call", r#""name":"sleep""#, &meta);
    Line::open(server, at(1), call)
}

fn id(event: &Event) -> String {
    event.id.clone().expect("events of a session have ids")
}

/// The ids of events that say something.
fn said(events: &[Event]) -> Vec<String> {
    let said = events.iter().filter(|event| !event.data.is_empty());
    said.map(id).collect()
}

#[test]
fn no_two_events_of_a_session_have_the_same_id_and_each_names_its_stream() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let mut all = BTreeSet::new();
        for round in 0..3 {
            let mut listening = Line::open(&mut server, at(1), get("/mcp", &client.fields));
            let mut lines = [0, 1].map(|number| {
                let id = (round * 2 + number).to_string();
                call(&mut server, &client, &id)
            });
            let keys: Vec<_> = server.started.iter().map(|(key, _)| *key).collect();
            for key in keys {
                server.engine.handle_line(at(2), key, "line");
            }
            server.settle(at(2));
            server.retitle(at(3), round);
            for _ in 0..2 {
                server.finish(at(4), &Outcome::text("slept"));
            }
            for line in lines.iter_mut().chain([&mut listening]) {
                let events = line.events(&mut server);
                let stream = |event| id(event).split_once('-').expect("two parts").0.to_string();
                let streams: BTreeSet<String> = events.iter().map(stream).collect();
                assert_eq!(streams.len(), 1, "{revision} {events:?}");
                // An event without data says where its stream stands: there it may be twice.
                for id in said(&events) {
                    assert!(all.insert(id), "{revision} {events:?}");
                }
            }
        }
        assert_eq!(all.len(), 3 * (2 + 2 + 1), "{revision}");
    }
}

#[test]
fn only_what_its_own_stream_has_missed_is_sent_again() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let mut listening = Line::open(&mut server, at(0), get("/mcp", &client.fields));
        let mut first = call(&mut server, &client, "1");
        let mut second = call(&mut server, &client, "2");
        let keys: Vec<_> = server.started.iter().map(|(key, _)| *key).collect();
        for key in &keys {
            server.engine.handle_line(at(2), *key, "seen");
        }
        server.settle(at(2));
        server.retitle(at(2), 1);
        let mut last = Vec::new();
        for line in [&mut first, &mut second, &mut listening] {
            let events = line.events(&mut server);
            last.push(said(&events).pop().expect("one was seen"));
            server.cut(at(3), line.peer);
        }
        for key in &keys {
            server.engine.handle_line(at(4), *key, "missed");
        }
        server.retitle(at(4), 2);
        server.finish(at(5), &Outcome::text("one"));
        server.finish(at(5), &Outcome::text("two"));
        for (event, number) in last.iter().zip(1..) {
            let mut again = Line::open(&mut server, at(6), resume(&client, event));
            let heard = again.messages(&mut server);
            if number == 3 {
                assert_eq!(heard.len(), 1, "{revision} {heard:?}");
                assert_eq!(heard[0]["method"], "notifications/tools/list_changed");
                continue;
            }
            assert_eq!(heard.len(), 2, "{revision} {heard:?}");
            assert_eq!(heard[0]["params"]["progressToken"], number);
            assert_eq!(heard[0]["params"]["message"], "missed");
            assert_eq!(heard[1]["id"], number);
        }
    }
}

#[test]
fn a_listening_stream_is_resumed_behind_the_event_that_was_seen() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let mut listening = Line::open(&mut server, at(0), get("/mcp", &client.fields));
        for title in 1..4 {
            server.retitle(at(1), title);
        }
        let seen = said(&listening.events(&mut server));
        assert_eq!(seen.len(), 3);
        server.cut(at(2), listening.peer);
        server.retitle(at(3), 4);
        for (from, count) in [(0, 3), (2, 1), (1, 2)] {
            let mut again = Line::open(&mut server, at(4), resume(&client, &seen[from]));
            let events = again.events(&mut server);
            let ids = said(&events);
            assert_eq!(ids.len(), count, "{revision} {events:?}");
            assert_eq!(ids[..count - 1], seen[from + 1..]);
            for event in events.iter().filter(|event| !event.data.is_empty()) {
                let method = &message(&event.data)["method"];
                assert_eq!(method, "notifications/tools/list_changed");
            }
        }
    }
}

#[test]
fn answer_streams_begin_with_an_id_to_come_back_with_for_2025_11_25_only() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let client = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &client, "1");
        server.settle(at(1));
        let begin = line.events(&mut server);
        if revision != "2025-11-25" {
            assert!(begin.is_empty(), "{revision}: empty data is no JSON");
            server.line(at(2), "begun");
            let first = line.events(&mut server).remove(0);
            assert!(!first.data.is_empty() && first.retry.is_none());
            continue;
        }
        assert_eq!(begin.len(), 1);
        assert_eq!((begin[0].data.as_str(), begin[0].retry), ("", Some(1000)));
        server.cut(at(2), line.peer);
        server.finish(at(3), &Outcome::text("slept"));
        let mut again = Line::open(&mut server, at(4), resume(&client, &id(&begin[0])));
        let heard = again.messages(&mut server);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0]["result"]["content"][0]["text"], "slept");
    }
}

#[test]
fn nobody_resumes_the_stream_of_another_session() {
    for revision in SESSIONS {
        let mut server = Server::new();
        let owner = Client::open(&mut server, at(0), revision);
        let other = Client::open(&mut server, at(0), revision);
        let mut line = call(&mut server, &owner, "1");
        server.line(at(2), "seen");
        let seen = said(&line.events(&mut server)).remove(0);
        server.cut(at(3), line.peer);
        server.finish(at(4), &Outcome::text("slept"));
        let response = whole(&mut server, at(5), resume(&other, &seen));
        assert_eq!(response.head.status, 410, "{revision}");
    }
}
