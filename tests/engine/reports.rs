//! What is logged of streams.

use crate::support::{Server, at, get};
use crate::{FIRST, http_sse, pieces};
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};
use slimcp::time::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Message and fields of an event.
type Logged = (String, BTreeMap<String, String>);

thread_local! {
    /// What this test has logged; each runs on a thread of its own.
    static LOGGED: RefCell<Vec<Logged>> = const { RefCell::new(Vec::new()) };
}

struct Capture;

impl Log for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut fields = Fields::default();
        record
            .key_values()
            .visit(&mut fields)
            .expect("no field is refused");
        LOGGED.with_borrow_mut(|logged| logged.push((record.args().to_string(), fields.0)));
    }

    fn flush(&self) {}
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl<'r> VisitSource<'r> for Fields {
    fn visit_pair(&mut self, key: Key<'r>, value: Value<'r>) -> Result<(), Error> {
        self.0.insert(key.to_string(), value.to_string());
        Ok(())
    }
}

/// What is logged at info while `act` runs.
fn logged(act: impl FnOnce()) -> Vec<Logged> {
    // Another test may have been faster.
    let _ = log::set_logger(&Capture);
    log::set_max_level(LevelFilter::Info);
    LOGGED.take();
    act();
    LOGGED.take()
}

fn event(message: &str, fields: &[(&str, &str)]) -> Logged {
    let fields = fields
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    (message.to_string(), fields.collect())
}

/// A stream for a client at this address.
fn open(server: &mut Server, now: Instant, path: &str, address: Option<&str>) {
    let address: Option<IpAddr> = address.map(|address| address.parse().unwrap());
    let peer = server.connect_from(now, address);
    server.send(now, peer, get(path, ""));
    assert!(!pieces(server, peer).is_empty());
}

#[test]
fn s1_15_a_stream_is_logged_with_its_session_and_its_client() {
    let mut server = Server::new();
    let told = logged(|| {
        open(&mut server, at(0), "/sse", Some("192.0.2.7"));
        open(&mut server, at(1), "/sse", None);
    });
    let event = |address| {
        let fields = [("session_id", "sessio..."), ("client_ip", address)];
        event("SSE connection established", &fields)
    };
    assert_eq!(told, [event("192.0.2.7"), event("unix")]);
}

#[test]
fn s2_13_a_connection_is_logged_with_its_token_and_their_number() {
    let mut server = Server::new();
    http_sse(&mut server, at(0));
    let told = logged(|| open(&mut server, at(1), "/mcp/sse", Some("2001:db8::1")));
    let fields = [
        ("connectionId", "sessio..."),
        ("tokenId", "anonymous"),
        ("tokenType", "master"),
        ("clientIP", "2001:db8::1"),
        ("totalConnections", "2"),
    ];
    assert_eq!(told, [event("SSE Connection Added", &fields)]);
}

#[test]
fn a_session_id_is_never_logged_as_a_whole() {
    let mut server = Server::new();
    let told = logged(|| {
        open(&mut server, at(0), "/sse", None);
        open(&mut server, at(0), "/mcp/sse", None);
    });
    assert!(!told.is_empty());
    assert!(!format!("{told:?}").contains(&FIRST[..12]), "{told:?}");
}
