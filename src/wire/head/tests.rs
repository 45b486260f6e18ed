use super::*;

fn whole(input: &str) -> Head<'_> {
    decode(input.as_bytes()).unwrap().expect("a whole head")
}

fn refused(input: impl AsRef<[u8]>) -> u16 {
    match decode(input.as_ref()) {
        Err(refusal) => refusal.status.code(),
        Ok(head) => panic!("not refused: {head:?}"),
    }
}

/// A head with one more line.
fn with(line: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\nHost: pi\r\n{line}\r\n\r\n")
}

#[test]
fn a_post_is_decoded_where_it_stands() {
    let input = "POST /mcp?x=1 HTTP/1.1\r\nHOST: pi:8000\r\ncontent-type:application/json\r\n\
                 Content-Length: \t 17 \r\nmcp-session-id: s-1\r\nX-Other: \u{e9}\r\n\r\nrest";
    let head = whole(input);
    assert_eq!(head.method, Method::Post);
    assert_eq!(head.version, Version::Http11);
    let target = Target {
        path: "/mcp",
        query: "x=1",
    };
    assert_eq!(head.target, target);
    assert_eq!(head.fields.host, Some("pi:8000"));
    assert_eq!(head.fields.content_type, Some("application/json"));
    assert_eq!(head.fields.content_length, Some("17"));
    assert_eq!(head.fields.mcp_session_id, Some("s-1"));
    assert_eq!(head.fields.origin, None);
    assert_eq!(head.raw.len(), input.len() - "rest".len());
    assert!(head.keep_alive());
}

#[test]
fn every_known_field_is_picked_in_any_case() {
    let names = [
        "Origin",
        "Accept",
        "Content-Type",
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Authorization",
        "X-Api-Key",
        "Mcp-Session-Id",
        "Mcp-Protocol-Version",
        "Mcp-Method",
        "Mcp-Name",
        "Last-Event-ID",
        "X-Forwarded-For",
    ];
    let head_of = |change: fn(&str) -> String| {
        let lines = names.map(|name| format!("{}: {name}-value\r\n", change(name)));
        format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", lines.concat())
    };
    for change in [str::to_ascii_uppercase, str::to_ascii_lowercase] {
        let input = head_of(change);
        let fields = whole(&input).fields;
        let picked = [
            fields.origin,
            fields.accept,
            fields.content_type,
            fields.content_length,
            fields.transfer_encoding,
            fields.expect,
            fields.authorization,
            fields.x_api_key,
            fields.mcp_session_id,
            fields.mcp_protocol_version,
            fields.mcp_method,
            fields.mcp_name,
            fields.last_event_id,
            fields.forwarded_for,
        ];
        for (name, value) in names.iter().zip(picked) {
            assert_eq!(value, Some(format!("{name}-value").as_str()));
        }
    }
}

#[test]
fn methods() {
    let methods = [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("DELETE", Method::Delete),
        ("OPTIONS", Method::Options),
        ("PATCH", Method::Other),
        ("get", Method::Other),
    ];
    for (name, method) in methods {
        let input = format!("{name} / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(whole(&input).method, method);
    }
}

#[test]
fn targets() {
    let targets = [
        ("GET /", None, "/", ""),
        ("GET /a?b=c?d", None, "/a", "b=c?d"),
        ("GET /a?", None, "/a", ""),
        ("OPTIONS *", None, "*", ""),
        ("GET http://pi:80/a?b", Some("pi:80"), "/a", "b"),
        ("GET HTTPS://pi", Some("pi"), "/", ""),
        ("GET http://pi?b", Some("pi"), "/", "b"),
    ];
    for (line, authority, path, query) in targets {
        let input = format!("{line} HTTP/1.1\r\nHost: other\r\n\r\n");
        let head = whole(&input);
        assert_eq!(head.target, Target { path, query }, "{line}");
        assert_eq!(
            head.fields.host,
            Some(authority.unwrap_or("other")),
            "{line}"
        );
    }
}

#[test]
fn targets_that_are_no_place_are_refused() {
    let lines = [
        "GET *",
        "GET mcp",
        "GET http://",
        "GET http:///a",
        "GET http://user@pi/",
        "GET ftp://pi/",
        "CONNECT pi:443",
        "GET /\u{e9}",
    ];
    for line in lines {
        let input = format!("{line} HTTP/1.1\r\nHost: pi\r\n\r\n");
        assert_eq!(refused(&input), 400, "{line}");
    }
}

#[test]
fn query_values_are_decoded() {
    let target = Target {
        path: "/",
        query: "a=1&b=x%20y+z&a=2&c&%64=%C3%A9&bad=%4&bytes=%FF%zz",
    };
    let values = [
        ("a", Some("1")),
        ("b", Some("x y z")),
        ("c", Some("")),
        ("d", Some("\u{e9}")),
        ("bad", Some("%4")),
        ("bytes", Some("\u{fffd}%zz")),
        ("none", None),
    ];
    for (name, value) in values {
        assert_eq!(target.query_value(name).as_deref(), value, "{name}");
    }
    assert!(matches!(target.query_value("a"), Some(Cow::Borrowed("1"))));
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    let lines = [
        ("a second host", "Host: pi"),
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6"),
        (
            "two codings",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
        (
            "two tokens",
            "Authorization: Bearer a\r\nAuthorization: Bearer b",
        ),
        ("a space before the colon", "Content-Length : 5"),
        ("a folded line", "X-Long: a\r\n b"),
        ("a field folded at once", "X-Long:\r\n\tb"),
        ("a bare LF", "X-One: a\nContent-Length: 5"),
        ("a bare CR", "X-One: a\rContent-Length: 5"),
        ("NUL in a value", "X-One: a\0b"),
        ("NUL in a name", "X\0One: a"),
        ("a line without colon", "Content-Length"),
        ("a field without name", ": 5"),
        ("no ASCII in a known field", "Origin: \u{e9}"),
    ];
    for (what, line) in lines {
        assert_eq!(refused(with(line)), 400, "{what}");
    }
}

#[test]
fn line_ends_must_be_crlf_everywhere() {
    for input in [
        "GET / HTTP/1.1\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\n",
        "GET / HTTP/1.1\nHost: h\n\n",
        "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
    ] {
        assert_eq!(refused(input), 400, "{input:?}");
    }
}

#[test]
fn the_same_value_twice_is_one() {
    let input = with("Content-Length: 5\r\ncontent-length: 5");
    assert_eq!(whole(&input).fields.content_length, Some("5"));
}

#[test]
fn lists_may_stand_on_several_lines() {
    let input = with(
        "Accept: application/json\r\nConnection: x, Keep-Alive\r\nX-Forwarded-For: far\r\n\
         accept: text/event-stream\r\nConnection: CLOSE\r\nX-Forwarded-For: near",
    );
    let head = whole(&input);
    assert_eq!(head.fields.accept, Some("application/json"));
    let accepted: Vec<&str> = head.values("accept").collect();
    assert_eq!(accepted, ["application/json", "text/event-stream"]);
    assert_eq!(head.fields.forwarded_for, Some("near"));
    let connection = Connection {
        close: true,
        keep_alive: true,
    };
    assert_eq!(head.fields.connection, connection);
    assert!(!head.keep_alive());
}

#[test]
fn all_header_lines_can_be_read_again() {
    let input = with("Mcp-Param-Pin:  7 \r\nX: a:b\r\nEmpty:");
    let lines: Vec<(&str, &[u8])> = whole(&input).header_lines().collect();
    let expected: [(&str, &[u8]); 4] = [
        ("Host", b"pi"),
        ("Mcp-Param-Pin", b"7"),
        ("X", b"a:b"),
        ("Empty", b""),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn http_1_0_needs_no_host_and_closes_unless_asked() {
    for (line, keep_alive) in [
        ("X: y", false),
        ("Connection: keep-alive", true),
        ("Connection: keep-alive, close", false),
    ] {
        let input = format!("GET / HTTP/1.0\r\n{line}\r\n\r\n");
        let head = whole(&input);
        assert_eq!(head.version, Version::Http10);
        assert_eq!(head.fields.host, None);
        assert_eq!(head.keep_alive(), keep_alive, "{line}");
    }
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(refused("GET http://pi/ HTTP/1.1\r\n\r\n"), 400);
}

#[test]
fn other_versions_and_other_protocols() {
    for (input, status) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("GET / HTTP/3\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\n\r\n", 505),
        ("GET / HTTP/x\r\n\r\n", 400),
        ("GET / http/1.1\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\n\r\n", 400),
        ("\x16\x03\x01\x02", 400),
        ("SSH-2.0-OpenSSH_9.6\r\n", 400),
    ] {
        assert_eq!(refused(input), status, "{input:?}");
    }
}

#[test]
fn as_many_bytes_as_the_limit_and_one_more() {
    let fill = |bytes: usize| {
        let frame = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n".len();
        let value = "v".repeat(bytes - frame);
        format!("GET / HTTP/1.1\r\nHost: h\r\nX: {value}\r\n\r\n")
    };
    assert_eq!(whole(&fill(HEAD_BYTES_MAX)).raw.len(), HEAD_BYTES_MAX);
    assert_eq!(refused(fill(HEAD_BYTES_MAX + 1)), 431);
    let endless = fill(2 * HEAD_BYTES_MAX);
    assert!(decode(&endless.as_bytes()[..HEAD_BYTES_MAX]).is_ok());
    assert_eq!(refused(&endless.as_bytes()[..HEAD_BYTES_MAX + 1]), 431);
}

#[test]
fn as_many_fields_as_the_limit_and_one_more() {
    let fill = |fields: usize| with(&vec!["X: y"; fields - 1].join("\r\n"));
    assert_eq!(
        whole(&fill(HEADERS_MAX)).header_lines().count(),
        HEADERS_MAX
    );
    assert_eq!(refused(fill(HEADERS_MAX + 1)), 431);
}

#[test]
fn an_unfinished_head_is_no_head() {
    let input = with("X: y");
    for end in 0..input.len() {
        assert!(decode(&input.as_bytes()[..end]).unwrap().is_none(), "{end}");
    }
}

#[test]
fn a_head_that_is_shown_shows_no_token() {
    let text = "GET /t/s3cret/sse?token=s3cret HTTP/1.1\r\nHost: a\r\nX-Api-Key: s3cret\r\n\r\n";
    let head = decode(text.as_bytes())
        .expect("it is right")
        .expect("it is whole");
    assert_eq!(
        format!("{head:?}"),
        "Head { method: Get, version: Http11, .. }"
    );
}
