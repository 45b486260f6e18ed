//! Looks at resources that change by themselves: when there are any, and who hears of a change.

use crate::stateless::modern;
use crate::support::{Server, at, post};
use crate::{ask, events, http_sse, streamable};
use serde_json::Value;
use slimcp::limits::WATCHED_MAX;
use slimcp::time::Instant;
use slimcp::tool::Work;
use slimcp::tool::catalogue::{
    Asked, Begun, Body, Catalogue, Collection, Contents, Live, Resource, ResourceSpec, Source,
};
use slimcp::tool::handler::{Begin, Context, Ended, Told};
use std::cell::RefCell;
use std::future::ready;
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

/// Something to look at every so many seconds.
struct Sensor(Option<u64>);

impl Live for Sensor {
    fn start(&self, _asked: &Asked<'_>) -> Begun {
        Begun::Over(Ended::Contents(vec![Contents::of(Body::Text("7".into()))]))
    }

    fn watch(&self) -> Option<Duration> {
        self.0.map(Duration::from_secs)
    }

    fn look(&self, _name: &str) -> Option<Work> {
        Some(Work::SystemInfo)
    }
}

/// Lists what its test has put there.
struct Shelf(Rc<RefCell<Vec<ResourceSpec>>>);

impl Live for Shelf {
    fn start(&self, _asked: &Asked<'_>) -> Begun {
        let found = self.0.borrow().clone();
        Begun::Work(Work::Function(Begin::new(|_| ready(Ended::Listed(found)))))
    }

    fn watch(&self) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }

    fn look(&self, _name: &str) -> Option<Work> {
        Some(Work::SystemInfo)
    }
}

fn with(catalogue: Catalogue) -> Server {
    let server = Server::new();
    Server {
        engine: server.engine.with_catalogue(catalogue),
        ..server
    }
}

fn live(sensor: Sensor) -> Source {
    Source::Live(Rc::new(sensor))
}

/// A server with resources of each kind.
fn stocked() -> Server {
    with(Catalogue {
        resources: vec![
            Resource::new("s:quick", "quick", live(Sensor(Some(5)))),
            Resource::new("s:slow", "slow", live(Sensor(Some(60)))),
            Resource::new("s:never", "never", live(Sensor(None))),
            Resource::new("s:fixed", "fixed", Source::text("a")),
        ],
        ..Catalogue::default()
    })
}

/// A server with a folder.
fn shelved(found: &Rc<RefCell<Vec<ResourceSpec>>>) -> Server {
    with(Catalogue {
        collections: vec![Collection {
            prefix: "notes://".into(),
            mime_type: None,
            source: live(Sensor(Some(60))),
        }],
        lister: Some(Rc::new(Shelf(found.clone()))),
        ..Catalogue::default()
    })
}

fn request(method: &str, uri: &str) -> String {
    let params = format!(r#"{{"uri":"{uri}"}}"#);
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

/// Subscribes in an HTTP+SSE session; the answer is read.
pub fn subscribe(server: &mut Server, now: Instant, (stream, door): &(usize, String), uri: &str) {
    let body = request("resources/subscribe", uri);
    let accepted = ask(server, now, post(door, "", &body));
    assert_eq!(accepted.head.status, 202);
    let answered = events(server, *stream);
    assert_eq!(answered[0].data, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
}

/// Opens a stream of 2026-07-28 with this filter; its acknowledgement is read.
pub fn listen(server: &mut Server, now: Instant, filter: &str) -> usize {
    let peer = server.connect(now);
    let params = format!(r#""notifications":{filter}"#);
    server.send(now, peer, modern("subscriptions/listen", "", &params));
    assert_eq!(events(server, peer).len(), 1);
    peer
}

/// What a peer was told meanwhile: method and URI.
pub fn told(server: &mut Server, peer: usize) -> Vec<String> {
    let read = |event: &crate::support::reader::Event| {
        let message: Value = serde_json::from_str(&event.data).expect("JSON");
        let method = message["method"].as_str().expect("a notification");
        let uri = message["params"]["uri"].as_str().unwrap_or_default();
        format!("{} {uri}", method.trim_start_matches("notifications/"))
    };
    events(server, peer).iter().map(read).collect()
}

/// The edge has seen this, and what it leads to is done.
fn see(server: &mut Server, now: Instant, uri: &str, seen: u64) {
    server.engine.handle_seen(now, uri, seen);
    server.settle(now);
    server.engine.check(0);
}

/// The answer to `resources/list`, for which the edge has made the listing.
fn list(server: &mut Server, params: &str) -> Value {
    let peer = server.connect(at(0));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"resources/list"{params}}}"#);
    server.send(at(0), peer, post("/mcp", "", &body));
    if let Some((call, Work::Function(begin))) = server.started.pop() {
        let mut running = begin.call(Context::new(Told::default()));
        let mut context = task::Context::from_waker(Waker::noop());
        let Poll::Ready(ended) = running.as_mut().poll(&mut context) else {
            panic!("it is ready");
        };
        server.engine.handle_ended(at(0), call, &ended);
        server.settle(at(0));
        server.engine.check(0);
    }
    let response = server.receive(peer);
    let (_, body) = response.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

/// What was to be looked at up to `now`.
fn looked(server: &mut Server, now: Instant) -> Vec<String> {
    server.wait_until(now);
    server.engine.check(0);
    let mut looked = std::mem::take(&mut server.looked);
    looked.sort();
    looked
}

#[test]
fn nothing_is_looked_at_and_nothing_wakes_while_nobody_subscribes() {
    let mut server = stocked();
    assert_eq!(server.engine.poll_timeout(), None);
    let (stream, door) = http_sse(&mut server, at(0));
    let read = request("resources/read", "s:quick");
    ask(&mut server, at(0), post(&door, "", &read));
    assert_eq!(events(&mut server, stream).len(), 1);
    assert_eq!(looked(&mut server, at(3_600_000)), [""; 0]);
}

#[test]
fn what_need_not_be_looked_at_is_not() {
    let mut server = stocked();
    let session = http_sse(&mut server, at(0));
    for uri in ["s:never", "s:fixed"] {
        subscribe(&mut server, at(0), &session, uri);
    }
    listen(
        &mut server,
        at(0),
        r#"{"resourceSubscriptions":["s:never"]}"#,
    );
    assert_eq!(looked(&mut server, at(3_600_000)), [""; 0]);
}

#[test]
fn a_change_is_told_once_to_everybody_who_has_subscribed() {
    let mut server = stocked();
    let session = http_sse(&mut server, at(0));
    let other = http_sse(&mut server, at(0));
    subscribe(&mut server, at(0), &session, "s:quick");
    subscribe(&mut server, at(0), &other, "s:slow");
    let filter = r#"{"resourceSubscriptions":["s:quick","s:none"]}"#;
    let stream = listen(&mut server, at(0), filter);
    assert_eq!(server.looked, ["s:quick", "s:slow"], "each once");
    server.looked.clear();
    // Until the edge has said what it saw, it is not asked again.
    assert_eq!(looked(&mut server, at(20_000)), [""; 0]);
    see(&mut server, at(20_000), "s:quick", 7);
    see(&mut server, at(20_000), "s:slow", 7);
    assert_eq!(told(&mut server, session.0), [""; 0], "the first look");
    assert_eq!(looked(&mut server, at(25_000)), ["s:quick"]);
    see(&mut server, at(25_000), "s:quick", 7);
    assert_eq!(told(&mut server, session.0), [""; 0], "nothing has changed");
    assert_eq!(looked(&mut server, at(30_000)), ["s:quick"]);
    see(&mut server, at(30_000), "s:quick", 8);
    for peer in [session.0, stream] {
        assert_eq!(told(&mut server, peer), ["resources/updated s:quick"]);
    }
    assert_eq!(told(&mut server, other.0), [""; 0]);
    // A minute after it was seen, to the second.
    assert_eq!(looked(&mut server, at(78_000)), ["s:quick"]);
    assert_eq!(looked(&mut server, at(81_000)), ["s:slow"]);
}

#[test]
fn looks_end_with_the_last_subscription() {
    let mut server = stocked();
    let session = http_sse(&mut server, at(0));
    subscribe(&mut server, at(0), &session, "s:quick");
    let stream = listen(
        &mut server,
        at(0),
        r#"{"resourceSubscriptions":["s:quick"]}"#,
    );
    see(&mut server, at(0), "s:quick", 7);
    server.looked.clear();
    let body = request("resources/unsubscribe", "s:quick");
    ask(&mut server, at(0), post(&session.1, "", &body));
    assert_eq!(looked(&mut server, at(5_000)), ["s:quick"], "the stream");
    see(&mut server, at(5_000), "s:quick", 7);
    server.cut(at(6_000), stream);
    assert_eq!(looked(&mut server, at(60_000)), [""; 0]);
    see(&mut server, at(60_000), "s:quick", 9);
    let heard = events(&mut server, session.0);
    assert_eq!(heard.len(), 1, "no more than the answer");
}

#[test]
fn a_session_ends_with_what_it_has_subscribed_to() {
    let mut server = stocked();
    let fields = streamable(&mut server, at(0), "2025-11-25");
    for uri in ["s:quick", "s:fixed", "s:quick"] {
        let body = request("resources/subscribe", uri);
        ask(&mut server, at(0), post("/mcp", &fields, &body));
        server.engine.check(0);
    }
    let delete = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    ask(&mut server, at(0), delete);
    server.looked.clear();
    assert_eq!(looked(&mut server, at(60_000)), [""; 0]);
}

#[test]
fn a_listing_is_looked_at_for_those_who_want_to_hear_of_it() {
    let found = Rc::default();
    for filter in [
        r#"{"resourcesListChanged":true}"#,
        r#"{"resourcesListChanged":true,"resourceSubscriptions":["notes://a"]}"#,
    ] {
        let mut server = shelved(&found);
        let session = http_sse(&mut server, at(0));
        let stream = listen(&mut server, at(0), filter);
        assert_eq!(server.looked.last().map(String::as_str), Some(""));
        see(&mut server, at(0), "", 7);
        server.looked.clear();
        assert_eq!(looked(&mut server, at(5_000)), [""]);
        see(&mut server, at(5_000), "", 8);
        assert_eq!(told(&mut server, stream), ["resources/list_changed "]);
        assert_eq!(told(&mut server, session.0), ["resources/list_changed "]);
    }
}

#[test]
fn a_listing_that_somebody_asks_for_is_news_to_others() {
    let found = Rc::default();
    let mut server = shelved(&found);
    let (stream, _) = http_sse(&mut server, at(0));
    let uris = |server: &mut Server| {
        let answer = list(server, "");
        let listed = answer["result"]["resources"].as_array().expect("a list");
        let uris: Vec<Value> = listed.iter().map(|one| one["uri"].clone()).collect();
        uris
    };
    assert!(uris(&mut server).is_empty());
    assert!(uris(&mut server).is_empty());
    assert_eq!(told(&mut server, stream), [""; 0]);
    let a = ResourceSpec::new("notes://a", "a");
    found.borrow_mut().push(a);
    assert_eq!(uris(&mut server), ["notes://a"]);
    assert_eq!(uris(&mut server), ["notes://a"]);
    assert_eq!(told(&mut server, stream), ["resources/list_changed "]);
}

#[test]
fn a_listing_has_pages_and_knows_its_cursors() {
    let names = 0..150;
    let specs = names.map(|name| ResourceSpec::new(format!("notes://{name}"), "n"));
    let mut server = shelved(&Rc::new(RefCell::new(specs.collect())));
    let mut page = |params: &str| list(&mut server, params);
    let first = page("");
    assert_eq!(first["result"]["resources"].as_array().unwrap().len(), 100);
    assert_eq!(first["result"]["nextCursor"], "100");
    let second = page(r#","params":{"cursor":"100"}"#);
    assert_eq!(second["result"]["resources"].as_array().unwrap().len(), 50);
    assert_eq!(second["result"]["nextCursor"], Value::Null);
    for bad in ["", "0", "50", "200", "x"] {
        let wrong = page(&format!(r#","params":{{"cursor":"{bad}"}}"#));
        assert_eq!(wrong["error"]["code"], -32602, "{bad}");
    }
}

#[test]
fn so_many_are_looked_at_and_no_more() {
    let mut server = shelved(&Rc::default());
    let mut sessions = Vec::new();
    // The listing is one of them, as soon as there is a subscription.
    for number in 0..WATCHED_MAX - 1 {
        if number % 64 == 0 {
            sessions.push(http_sse(&mut server, at(0)));
        }
        let session = sessions.last().expect("there is one");
        subscribe(&mut server, at(0), session, &format!("notes://{number}"));
    }
    assert_eq!(server.looked.len(), WATCHED_MAX);
    let (stream, door) = http_sse(&mut server, at(0));
    let body = request("resources/subscribe", "notes://more");
    ask(&mut server, at(0), post(&door, "", &body));
    let refused = &events(&mut server, stream)[0].data;
    assert!(
        refused.contains("so many resources are looked at already"),
        "{refused}"
    );
    subscribe(&mut server, at(0), &(stream, door), "notes://1");
    server.engine.check(0);
    let filter = r#"{"resourceSubscriptions":["notes://1","notes://more"]}"#;
    let peer = server.connect(at(0));
    let params = format!(r#""notifications":{filter}"#);
    server.send(at(0), peer, modern("subscriptions/listen", "", &params));
    let acknowledged = &events(&mut server, peer)[0].data;
    assert!(acknowledged.contains(r#"["notes://1"]"#), "{acknowledged}");
}

#[test]
fn another_catalogue_ends_the_looks_at_what_is_gone() {
    let mut server = stocked();
    let session = http_sse(&mut server, at(0));
    subscribe(&mut server, at(0), &session, "s:quick");
    see(&mut server, at(0), "s:quick", 7);
    server.looked.clear();
    server.engine.replace_catalogue(at(0), Catalogue::default());
    server.settle(at(0));
    assert_eq!(told(&mut server, session.0), ["resources/list_changed "]);
    assert_eq!(looked(&mut server, at(60_000)), [""; 0]);
}
