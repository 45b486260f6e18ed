//! Pages of other origins: which may ask, and what they may read.

use crate::access::{bearer, guarded, head, secret, tokens};
use crate::support::{Server, at, get, post};
use crate::{ask, call, request};
use slimcp::auth::origin::Origins;
use slimcp::tool::Outcome;

const PANEL: &str = "http://panel.lan:3000";

/// A server that pages of [`PANEL`] may ask.
fn server() -> Server {
    let mut server = guarded(tokens());
    allow(&mut server, PANEL);
    server
}

fn allow(server: &mut Server, origin: &str) {
    let origins = Origins::new(&[], &[origin.to_string()]);
    server.reconfigure(at(0), |config| config.origins = origins);
}

fn from(origin: &str, number: u8) -> String {
    format!("Origin: {origin}\r\n{}", bearer(number))
}

fn readable_by(head: &str) -> Option<&str> {
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let origin = value("Access-Control-Allow-Origin: ")?;
    assert_eq!(value("Vary: "), Some("Origin"), "{head}");
    let exposed = value("Access-Control-Expose-Headers: ").expect("all or none");
    assert!(exposed.contains("Mcp-Session-Id"), "{head}");
    Some(origin)
}

#[test]
fn a_page_of_another_site_opens_no_stream_as_a_picture() {
    for mut server in [Server::new(), server()] {
        for path in [
            "/sse",
            "/mcp/sse",
            "/mcp/sse/",
            "/events",
            "/mcp",
            "/sse?format=plain",
        ] {
            for (site, expected) in [
                ("cross-site", "403"),
                ("same-origin", "200"),
                ("none", "200"),
            ] {
                let fields = format!("{}Sec-Fetch-Site: {site}\r\n", bearer(0));
                let head = head(&mut server, &get(path, &fields));
                assert_eq!(head[9..12], *expected, "{path} {site}");
            }
        }
        let link = get("/", "Sec-Fetch-Site: cross-site\r\n");
        assert_eq!(
            head(&mut server, &link)[9..12],
            *"200",
            "a link may lead to the console"
        );
    }
    // What says its origin is judged by that alone.
    let fields = format!("{}Sec-Fetch-Site: cross-site\r\n", from(PANEL, 0));
    assert_eq!(head(&mut server(), &get("/sse", &fields))[9..12], *"200");
}

/// A response of each kind: JSON, none, a stream, refusals by the gate and by doors.
fn requests(fields: &str) -> Vec<String> {
    let ping = request(1, "ping");
    vec![
        post("/mcp", fields, &ping),
        post("/mcp", fields, crate::INITIALIZED),
        post("/mcp", fields, &crate::initialize("2025-11-25")),
        post("/mcp", fields, "{"),
        post("/mcp", fields, "[]"),
        get("/sse", fields),
        get("/mcp/sse/", fields),
        get("/mcp", fields),
        get("/health", fields),
        get("/nowhere", fields),
        post("/sse", fields, &ping),
        post("/messages?session_id=nobody", fields, &ping),
        post(
            "/mcp",
            &format!("{fields}Mcp-Session-Id: nobody\r\n"),
            &ping,
        ),
        post("/mcp", &format!("{fields}X-API-Key: wrong\r\n"), &ping),
        post("/mcp", fields, &ping).replacen("POST", "OPTIONS", 1),
    ]
}

#[test]
fn a_listed_origin_may_read_every_response() {
    let mut server = server();
    for text in requests(&from(PANEL, 0)) {
        let head = head(&mut server, &text);
        assert_eq!(readable_by(&head), Some(PANEL), "{text}{head}");
    }
}

#[test]
fn s2_02_a_stream_has_the_fields_of_the_seed() {
    let mut server = server();
    let head = head(&mut server, &get("/mcp/sse", &from(PANEL, 0)));
    for line in [
        "Content-Type: text/event-stream",
        "Cache-Control: no-cache, no-transform",
        "Connection: keep-alive",
        "X-Accel-Buffering: no",
        "Access-Control-Allow-Origin: http://panel.lan:3000",
    ] {
        assert!(head.lines().any(|sent| sent == line), "{line}: {head}");
    }
}

#[test]
fn a_connection_that_ends_with_its_stream_is_not_said_to_stay() {
    let mut server = server();
    for fields in ["Connection: close\r\n", ""] {
        let mut text = get("/sse", &format!("{}{fields}", bearer(0)));
        if fields.is_empty() {
            text = text.replace("HTTP/1.1", "HTTP/1.0");
        }
        let head = head(&mut server, &text);
        assert!(head.contains("Connection: close"), "{head}");
        assert!(!head.contains("Connection: keep-alive"), "{head}");
    }
}

#[test]
fn pages_of_our_own_need_no_leave_and_foreign_ones_get_none() {
    let mut server = server();
    for text in requests(&from("http://localhost", 0)) {
        let head = head(&mut server, &text);
        assert_eq!(readable_by(&head), None, "{text}{head}");
        assert!(!head.contains("Vary"), "{head}");
    }
    for text in requests(&from("http://evil.example", 0)) {
        let head = head(&mut server, &text);
        assert!(head.starts_with("HTTP/1.1 403 "), "{text}{head}");
        assert_eq!(readable_by(&head), None, "{text}{head}");
    }
}

#[test]
fn an_answer_that_takes_its_time_may_be_read_too() {
    let mut server = server();
    for (wait, is_stream) in [(1, false), (20_000, true)] {
        let peer = server.connect(at(0));
        let fields = from(PANEL, 0);
        server.send(at(0), peer, post("/mcp", &fields, &call(wait, "sleep")));
        server.wait_until(at(u64::from(wait)));
        server.finish(at(u64::from(wait)), &Outcome::text("done"));
        let answer = server.receive(peer);
        assert_eq!(answer.contains("text/event-stream"), is_stream, "{answer}");
        let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(readable_by(head), Some(PANEL), "{head}");
    }
}

#[test]
fn any_origin_may_be_allowed_where_tokens_are_needed() {
    let mut server = server();
    allow(&mut server, "*");
    let fields = from("https://anywhere.example", 0);
    let head = head(&mut server, &get("/sse", &fields));
    assert_eq!(readable_by(&head), Some("*"));
    let stranger = post(
        "/mcp",
        "Origin: https://anywhere.example\r\n",
        &request(1, "ping"),
    );
    let head = self::head(&mut server, &stranger);
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert_eq!(
        readable_by(&head),
        Some("*"),
        "so that the page can show why"
    );
}

#[test]
fn an_origin_that_a_reload_takes_away_may_not_read_on() {
    let mut server = server();
    let peer = server.connect(at(0));
    server.send(
        at(0),
        peer,
        post("/mcp", &from(PANEL, 0), &call(1, "sleep")),
    );
    server.reconfigure(at(1), |config| config.origins = Origins::default());
    server.finish(at(2), &Outcome::text("done"));
    let answer = server.receive(peer);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(!answer.contains("Access-Control"), "{answer}");
}

fn preflight(path: &str, origin: &str, fields: &str) -> String {
    format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: POST\r\n{fields}\r\n"
    )
}

#[test]
fn s2_02_a_preflight_needs_no_token_and_allows_what_doors_take() {
    let mut server = server();
    let asked = "Access-Control-Request-Headers: authorization,mcp-session-id, \
                 Mcp-Param-Region,x-evil, mcp-\u{7f}\r\n"
        .replace('\u{7f}', "a b");
    let secret_path = format!("/t/{}/mcp", secret(0));
    for path in ["/mcp", "/sse", "/mcp/sse/send", &secret_path] {
        let response = ask(&mut server, at(0), preflight(path, PANEL, &asked));
        let field = |name| response.head.field(name);
        assert_eq!((response.head.status, response.body.as_str()), (204, ""));
        assert_eq!(field("access-control-allow-origin"), Some(PANEL));
        assert_eq!(
            field("access-control-allow-methods"),
            Some("GET, POST, DELETE, OPTIONS")
        );
        assert_eq!(
            field("access-control-allow-headers"),
            Some(
                "Authorization, Content-Type, Accept, X-API-Key, Last-Event-ID, mcp-session-id, \
                 Mcp-Param-Region"
            )
        );
        assert_eq!(field("access-control-max-age"), Some("7200"));
        assert_eq!(field("access-control-allow-private-network"), None);
    }
    let private = "Access-Control-Request-Private-Network: true\r\n";
    let response = ask(&mut server, at(0), preflight("/mcp", PANEL, private));
    assert_eq!(
        response.head.field("access-control-allow-private-network"),
        Some("true")
    );
}

#[test]
fn a_preflight_of_a_foreign_page_is_refused() {
    let mut server = server();
    let head = head(&mut server, &preflight("/mcp", "http://evil.example", ""));
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert_eq!(readable_by(&head), None);
    // What is no preflight is a method that no door takes.
    let options = format!(
        "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        bearer(0)
    );
    assert!(self::head(&mut server, &options).starts_with("HTTP/1.1 405 "));
}
