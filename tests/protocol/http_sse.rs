//! HTTP+SSE of 2024-11-05: the door, and what comes on the stream.

use crate::client::{Client, Line, whole};
use crate::support::reader::Piece;
use crate::support::{Server, at, get, post};
use slimcp::tool::Outcome;

#[test]
fn the_first_event_names_a_door_of_the_same_origin() {
    for path in ["/sse", "/sse/", "/mcp/sse/", "/mcp"] {
        let mut server = Server::new();
        let mut stream = Line::open(&mut server, at(0), get(path, ""));
        let pieces = stream.pieces(&mut server);
        let [Piece::Head(head), Piece::Event(first)] = &pieces[..] else {
            panic!("{path}: {pieces:?}");
        };
        assert_eq!(head.field("content-type"), Some("text/event-stream"));
        assert_eq!(first.name.as_deref(), Some("endpoint"));
        // A path is of the stream's own origin, whatever the host is called outside.
        assert!(first.data.starts_with('/') && !first.data.starts_with("//"));
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let taken = whole(&mut server, at(1), post(&first.data, "", ping));
        assert_eq!((taken.head.status, taken.body.as_str()), (202, ""));
        assert_eq!(stream.messages(&mut server).len(), 1, "{path}");
    }
}

#[test]
fn every_message_is_an_event_named_message() {
    let mut server = Server::new();
    let mut client = Client::http_sse(&mut server, at(0), "/mcp/sse/", "2024-11-05");
    let meta = r#""progressToken":"t""#;
    let messages = [
        client.request("1", "logging/setLevel", r#""level":"debug""#, ""),
        client.request("2", "tools/list", "", ""),
        client.request("3", "no/method", "", ""),
        client.request("4", "tools/call", r#""name":"sleep""#, meta),
    ];
    for message in messages {
        assert_eq!(whole(&mut server, at(1), message).head.status, 202);
    }
    let key = server.started[0].0;
    server.line(at(2), "progress");
    server.engine.handle_stderr_line(at(2), key, "careful");
    server.finish(at(3), &Outcome::text("slept"));
    server.retitle(at(4), 1);
    let events = client.stream_events(&mut server);
    assert_eq!(events.len(), 7, "{events:?}");
    for event in events {
        assert_eq!(event.name.as_deref(), Some("message"));
        crate::client::message(&event.data);
    }
}

#[test]
fn a_claim_does_not_make_it_another_revision() {
    let mut server = Server::new();
    let mut client = Client::open(&mut server, at(0), "2024-11-05");
    let claim = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}}"#;
    let discover = client.ask(&mut server, at(1), "1", "server/discover", claim);
    assert_eq!(discover["error"]["code"], -32601);
    let list = client.ask(&mut server, at(1), "2", "tools/list", claim);
    assert_eq!(list["result"].get("resultType"), None);
}
