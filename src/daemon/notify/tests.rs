use super::*;
use std::net::TcpListener;
use std::thread;

fn asked(event: &str, json: Option<&str>, roles: &[&str]) -> Notify {
    Notify {
        event: event.to_string(),
        json: json.map(str::to_string),
        roles: roles.iter().map(|role| role.to_string()).collect(),
        ..Notify::default()
    }
}

#[test]
fn addresses_are_taken_apart() {
    let tcp = |url: &str, host: &str, port: u16, header: &str, prefix: &str| {
        let target = Target {
            address: Address::Tcp(host.to_string(), port),
            host: header.to_string(),
            prefix: prefix.to_string(),
        };
        assert_eq!(Target::parse(url), Ok(target), "{url}");
    };
    tcp("http://pi:8000", "pi", 8000, "pi:8000", "");
    tcp("http://pi", "pi", 80, "pi", "");
    tcp("http://[::1]:8000/", "::1", 8000, "[::1]:8000", "");
    tcp("http://[::1]", "::1", 80, "[::1]", "");
    tcp("http://pi/mcp", "pi", 80, "pi", "");
    tcp("http://pi:1/garage/mcp/", "pi", 1, "pi:1", "/garage");
    assert_eq!(
        Target::parse("unix:/run/slimcp.sock"),
        Ok(Target::unix("/run/slimcp.sock"))
    );
}

#[test]
fn what_is_no_address_is_refused() {
    for url in [
        "",
        "pi:8000",
        "http://",
        "http://:80",
        "http://pi:port",
        "http://pi:99999",
        "http://pi:+1",
        "http://::1:80",
        "http://user@pi",
        "http://pi/?token=a",
        "http://pi/\r\nX: y",
        "http://pi /",
        "unix:run",
        "unix:",
    ] {
        let usage = Target::parse(url).expect_err(url);
        assert!(usage.0.contains("expected an address such as"), "{usage}");
    }
    let usage = Target::parse("https://pi").expect_err("no TLS");
    assert!(
        usage.0.contains("no TLS") && usage.0.contains("curl"),
        "{usage}"
    );
}

#[test]
fn events_become_messages() {
    let table = [
        (asked("alarm", None, &[]), r#"{"message":{"type":"alarm"}}"#),
        (
            asked("alarm", Some("{}"), &[]),
            r#"{"message":{"type":"alarm"}}"#,
        ),
        (
            asked("alarm", Some(" { } "), &[]),
            r#"{"message":{"type":"alarm"}}"#,
        ),
        (
            asked(
                "alarm",
                Some(r#" {"b":{"c":1.50},"a":1234567890123} "#),
                &[],
            ),
            r#"{"message":{"type":"alarm","b":{"c":1.50},"a":1234567890123}}"#,
        ),
        (
            asked("t", Some("21.50"), &[]),
            r#"{"message":{"type":"t","data":21.50}}"#,
        ),
        (
            asked("t", Some("[{}]"), &[]),
            r#"{"message":{"type":"t","data":[{}]}}"#,
        ),
        (
            asked("t", Some(" \"x\"\n"), &[]),
            r#"{"message":{"type":"t","data":"x"}}"#,
        ),
        (
            asked("t", Some("null"), &[]),
            r#"{"message":{"type":"t","data":null}}"#,
        ),
        (
            asked("a\"b", None, &["team", "my\"role"]),
            r#"{"message":{"type":"a\"b"},"filter":{"tokenTypes":["team","my\"role"]}}"#,
        ),
    ];
    for (asked, expected) in table {
        assert_eq!(body(&asked).as_deref(), Ok(expected));
    }
    for wrong in ["", "{", "{'a':1}", "1 2", "nul", "{\"type\":\"other\"}"] {
        assert!(body(&asked("alarm", Some(wrong), &[])).is_err(), "{wrong}");
    }
    for event in ["", "a\nb", "a\0"] {
        assert!(body(&asked(event, None, &[])).is_err(), "{event:?}");
    }
}

#[test]
fn a_request_is_whole_and_shows_the_token_once() {
    let target = Target::parse("http://pi:8000/garage").expect("an address");
    let request = request_of(&target, Some("slimcp_abc"), "{}");
    assert_eq!(
        String::from_utf8(request).expect("text"),
        "POST /garage/mcp/sse/broadcast HTTP/1.1\r\nHost: pi:8000\r\n\
         Authorization: Bearer slimcp_abc\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    );
    let request = request_of(&target, None, "{}");
    assert!(
        !String::from_utf8(request)
            .expect("text")
            .contains("Authorization")
    );
}

#[test]
fn tokens_are_one_word_and_never_shown() {
    assert_eq!(token_of(b" abc.d-e_f\r\n", "F").as_deref(), Ok("abc.d-e_f"));
    let long = vec![b'a'; JWT_BYTES_MAX];
    assert!(token_of(&long, "F").is_ok());
    let longer = vec![b'a'; JWT_BYTES_MAX + 1];
    for wrong in [
        b"".as_slice(),
        b" \n",
        b"two words",
        b"a\r\nX: y",
        b"\xff",
        &longer,
    ] {
        let usage = token_of(wrong, "F").expect_err("no token");
        assert_eq!(usage.0, "F: expected a token and nothing else");
    }
}

#[test]
fn answers_are_understood_or_told() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{\"ok\":true,\"queued\":3}";
    assert_eq!(answer(ok.as_bytes()), Ok(3));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
                   b\r\n{\"ok\":true,\r\nb\r\n\"queued\":0}\r\n0\r\n\r\n";
    assert_eq!(answer(chunked.as_bytes()), Ok(0));
    let table = [
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n{\"error\":\"role team\"}\n",
            "answers 403: {\"error\":\"role team\"}",
        ),
        (
            "HTTP/1.0 502 Bad\r\n\r\na\u{1b}[31m\nb",
            "answers 502: a [31m b",
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\nhello",
            "what came back is no answer of slimcp",
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\n{}",
            "what came back is no answer of slimcp",
        ),
        (
            "HTTP/1.1 200 OK\r\n",
            "what came back is no answer of slimcp",
        ),
        ("HTTP/1.1 2", "what came back is no answer of slimcp"),
        (
            "HTTP/1.1 äää\r\n\r\n",
            "what came back is no answer of slimcp",
        ),
        (
            "SSH-2.0-dropbear\r\n\r\n",
            "what came back is no answer of slimcp",
        ),
    ];
    for (bytes, problem) in table {
        assert_eq!(
            answer(bytes.as_bytes()),
            Err(problem.to_string()),
            "{bytes}"
        );
    }
    let long = format!("HTTP/1.1 500 Oh\r\n\r\n{}", "x".repeat(10_000));
    assert!(answer(long.as_bytes()).is_err_and(|problem| problem.len() < 400));
}

/// What `exchange` makes of a server that reads a request and then sends `answer`.
fn exchange_with(answer: &'static [u8]) -> Result<Vec<u8>, String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("it is bound");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let mut request = [0; 4];
        stream.read_exact(&mut request).expect("a request");
        // Whoever has enough closes before all is sent.
        let _ = stream.write_all(answer);
    });
    let target = Target::parse(&format!("http://{address}")).expect("an address");
    let found = target.exchange(b"ping");
    server.join().expect("the server has not panicked");
    found
}

#[test]
fn an_exchange_ends_with_the_connection_and_has_a_bound() {
    assert_eq!(exchange_with(b"pong").as_deref(), Ok(b"pong".as_slice()));
    let closed = "the connection was closed without an answer".to_string();
    assert_eq!(exchange_with(b""), Err(closed));
    static FLOOD: [u8; 1 << 20] = [b'x'; 1 << 20];
    let most = HEAD_BYTES_MAX + BODY_BYTES_MAX;
    assert_eq!(exchange_with(&FLOOD).map(|answer| answer.len()), Ok(most));
}

#[test]
fn nobody_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let target = Target::parse(&format!("http://{address}")).expect("an address");
    let problem = target.exchange(b"ping").expect_err("nobody listens");
    assert!(problem.contains("refused"), "{problem}");
    let problem = Target::unix("/nonexistent/slimcp.sock").exchange(b"ping");
    assert!(problem.is_err_and(|problem| problem.contains("No such file")));
}

#[test]
fn time_that_is_over_is_no_time() {
    let past = Instant::now().checked_sub(Duration::from_secs(1));
    let past = past.expect("the machine is up for a second");
    let error = left(past).expect_err("it is over");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
