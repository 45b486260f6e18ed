//! What is offered where: everything at `/mcp`, and what one server has at `/servers/NAME/mcp`.

use crate::support::{Server, at, get, post, upstream};
use crate::{ask, http_sse_at, initialize, refused, request, streamable_at};

const REVISION: &str = "2025-11-25";

fn server() -> Server {
    Server::with_upstreams(vec![upstream("files"), upstream("time")])
}

/// A session that was opened through this door; its fields.
fn session(server: &mut Server, path: &str) -> String {
    streamable_at(server, at(0), path, REVISION, &initialize(REVISION))
}

#[test]
fn each_server_has_doors_and_what_has_no_name_has_none() {
    let mut server = server();
    for path in ["/servers/files/mcp", "/servers/time/mcp/"] {
        session(&mut server, path);
    }
    for path in [
        "/servers/none/mcp",
        "/servers//mcp",
        "/servers/mcp",
        "/servers/files",
        "/servers/files/events",
        "/servers/Files/mcp",
    ] {
        let (status, _) = refused(&mut server, at(0), post(path, "", &request(1, "ping")));
        assert_eq!(status, 404, "{path}");
    }
    server.engine.check(0);
}

#[test]
fn a_session_is_found_through_the_doors_it_was_opened_by_and_no_others() {
    let mut server = server();
    let paths = ["/mcp", "/servers/files/mcp", "/servers/time/mcp"];
    for path in paths {
        let fields = session(&mut server, path);
        for other in paths {
            let response = ask(
                &mut server,
                at(0),
                post(other, &fields, &request(1, "ping")),
            );
            let expected = if other == path { 200 } else { 404 };
            assert_eq!(response.head.status, expected, "{path} {other}");
        }
    }
}

#[test]
fn the_stream_of_a_server_names_its_own_door_for_messages() {
    let mut server = server();
    for (path, expected) in [
        ("/sse", "/messages?session_id="),
        ("/servers/files/sse", "/servers/files/messages?session_id="),
        ("/servers/time/sse/", "/servers/time/messages?session_id="),
        ("/servers/time/mcp", "/servers/time/messages?session_id="),
    ] {
        let (stream, door) = http_sse_at(&mut server, at(0), path);
        let id = door
            .strip_prefix(expected)
            .unwrap_or_else(|| panic!("{door}"));
        for other in [
            "/messages",
            "/servers/files/messages",
            "/servers/time/messages/",
        ] {
            let to = format!("{other}?session_id={id}");
            let status = ask(&mut server, at(0), post(&to, "", &request(2, "ping")))
                .head
                .status;
            let is_own = other.trim_end_matches('/') == door.split('?').next().unwrap();
            assert_eq!(status, if is_own { 202 } else { 404 }, "{path} {other}");
        }
        server.cut(at(0), stream);
    }
}

#[test]
fn a_stream_is_resumed_through_its_own_door_only() {
    let mut server = server();
    let (stream, door) = http_sse_at(&mut server, at(0), "/servers/files/sse");
    let id = door
        .split_once('=')
        .expect("it names the session")
        .1
        .to_string();
    server.cut(at(0), stream);
    for (path, is_own) in [
        ("/sse", false),
        ("/servers/time/sse", false),
        ("/servers/files/sse", true),
    ] {
        let peer = server.connect(at(1));
        let fields = format!("Last-Event-ID: {id}-1\r\n");
        server.send(at(1), peer, get(path, &fields));
        let text = server.receive(peer);
        assert_eq!(text.contains(&id), is_own, "{path}: {text}");
    }
}
