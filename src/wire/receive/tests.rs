use super::*;

const MAX: usize = 64;

/// What a connection comes to when `input` is read in pieces of at most `step` bytes: one line for
/// each request, `continue` or refusal.
fn transcript(input: &[u8], step: usize) -> Vec<String> {
    let mut receiver = Receiver::default();
    let mut log = Vec::new();
    for mut piece in input.chunks(step) {
        while !piece.is_empty() {
            match receiver.receive(piece, MAX) {
                Received::More { send_continue, .. } => {
                    log.extend(send_continue.then(|| "continue".to_string()));
                    break;
                }
                Received::Request { request, used } => {
                    log.push(describe(&request));
                    piece = &piece[used..];
                }
                Received::Refuse(refusal) => {
                    log.push(refusal.status.code().to_string());
                    assert_eq!(receiver.held_bytes(), 0);
                    return log;
                }
            }
            assert!(receiver.held_bytes() <= HEAD_BYTES_MAX + MAX);
        }
    }
    log
}

fn describe(request: &Request<'_>) -> String {
    let then = if request.keep_alive { "keep" } else { "close" };
    let Head { method, target, .. } = request.head;
    let body = request.body.escape_ascii();
    format!("{method:?} {} [{body}] {then}", target.path)
}

/// `input` must come to `expected` in one piece and in many.
#[track_caller]
fn check(input: &str, expected: &[&str]) {
    for step in [input.len(), 1, 2, 3, 7, 50] {
        let log = transcript(input.as_bytes(), step);
        assert_eq!(log, expected, "{input:?} in pieces of {step}");
    }
}

/// A POST with more lines and a body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\nHost: pi\r\n{lines}\r\n\r\n{body}")
}

#[test]
fn one_request() {
    check(
        "GET /sse HTTP/1.1\r\nHost: pi\r\n\r\n",
        &["Get /sse [] keep"],
    );
    check(
        "HEAD / HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n\r\n",
        &["Head / [] close"],
    );
    check(
        &post("Content-Length: 5", "hello"),
        &["Post /mcp [hello] keep"],
    );
    check(&post("Content-Length: 0", ""), &["Post /mcp [] keep"]);
    check(
        "GET http://pi:8000/mcp?a=b HTTP/1.1\r\nHost: pi\r\n\r\n",
        &["Get /mcp [] keep"],
    );
}

#[test]
fn chunks() {
    check(
        &post(
            "Transfer-Encoding: chunked",
            "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nT: t\r\n\r\n",
        ),
        &["Post /mcp [hello!] keep"],
    );
    check(
        &post("Transfer-Encoding: chunked", "0\r\n\r\n"),
        &["Post /mcp [] keep"],
    );
}

#[test]
fn pipelined_requests_come_one_by_one() {
    let input = [
        post("Content-Length: 2", "{}"),
        post("Transfer-Encoding: chunked", "1\r\n1\r\n0\r\n\r\n"),
        "GET /a HTTP/1.1\r\nHost: h\r\n\r\n".to_string(),
        post("Content-Length: 3", "abc"),
    ];
    check(
        &input.concat(),
        &[
            "Post /mcp [{}] keep",
            "Post /mcp [1] keep",
            "Get /a [] keep",
            "Post /mcp [abc] keep",
        ],
    );
}

#[test]
fn empty_lines_before_a_request_line_are_skipped() {
    check("\r\n\r\n", &[]);
    let request = post("Content-Length: 2", "{}\r\n");
    check(
        &format!("\r\n\r\n{request}{request}"),
        &["Post /mcp [{}] keep", "Post /mcp [{}] keep"],
    );
}

#[test]
fn http_1_0() {
    check("GET / HTTP/1.0\r\n\r\n", &["Get / [] close"]);
    check(
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        &["Post / [x] keep"],
    );
    check(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        &["400"],
    );
}

#[test]
fn nothing_can_be_smuggled() {
    let attempts = [
        (
            "length and coding",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n",
            "400",
        ),
        (
            "coding and length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "0\r\n\r\n",
            "400",
        ),
        (
            "two lengths",
            "Content-Length: 5\r\nContent-Length: 0",
            "hello",
            "400",
        ),
        ("a sign", "Content-Length: +5", "hello", "400"),
        ("a list of lengths", "Content-Length: 5, 5", "hello", "400"),
        ("a space before the colon", "Content-Length : 5", "", "400"),
        ("a folded line", "X: a\r\n Content-Length: 5", "", "400"),
        (
            "a bare LF between lines",
            "X: a\nContent-Length: 5",
            "hello",
            "400",
        ),
        ("a bare CR", "X: a\rContent-Length: 5", "hello", "400"),
        ("NUL", "X: a\0b", "", "400"),
        ("another coding", "Transfer-Encoding: xchunked", "", "501"),
        (
            "two codings",
            "Transfer-Encoding: gzip, chunked",
            "0\r\n\r\n",
            "501",
        ),
        (
            "coding twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "0\r\n\r\n",
            "400",
        ),
        (
            "a coding behind a vertical tab",
            "Transfer-Encoding: \x0bchunked",
            "",
            "400",
        ),
        (
            "an empty chunk size",
            "Transfer-Encoding: chunked",
            "\r\n\r\n",
            "400",
        ),
        (
            "a signed chunk size",
            "Transfer-Encoding: chunked",
            "+1\r\nx\r\n",
            "400",
        ),
        (
            "a bare LF in a chunk",
            "Transfer-Encoding: chunked",
            "1\nx\r\n0\r\n\r\n",
            "400",
        ),
    ];
    let next = "GET /admin HTTP/1.1\r\nHost: pi\r\n\r\n";
    for (what, lines, body, status) in attempts {
        println!("{what}");
        check(&post(lines, &format!("{body}{next}")), &[status]);
    }
}

#[test]
fn what_is_not_http_1_is_refused() {
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &["505"]);
    check("hello\r\n\r\n", &["400"]);
    check("GET / HTTP/1.1\r\n\r\n", &["400"]);
    check("GET / HTTP/1.1\nHost: pi\n\n", &["400"]);
}

#[test]
fn a_peer_that_waits_to_send_its_body_is_told_once() {
    let lines = "Expect: 100-continue\r\nContent-Length: 5";
    let head = post(lines, "");
    let mut receiver = Receiver::default();
    for (piece, expected) in [
        (head.as_str(), Some(true)),
        ("he", Some(false)),
        ("ll", Some(false)),
        ("o", None),
    ] {
        let send_continue = match receiver.receive(piece.as_bytes(), MAX) {
            Received::More {
                send_continue,
                in_body,
            } => {
                assert!(in_body);
                Some(send_continue)
            }
            Received::Request { request, .. } => {
                assert_eq!(request.body, b"hello");
                None
            }
            Received::Refuse(refusal) => panic!("{refusal:?}"),
        };
        assert_eq!(send_continue, expected, "{piece:?}");
    }
    let in_bytes = transcript(post(lines, "hello").as_bytes(), 1);
    assert_eq!(in_bytes, ["continue", "Post /mcp [hello] keep"]);
}

#[test]
fn nobody_is_told_to_go_on_who_does_not_wait() {
    let lines = "Expect: 100-Continue\r\nContent-Length: 5";
    let input = post(lines, "hello");
    for step in [input.len(), input.len() - 3] {
        let log = transcript(input.as_bytes(), step);
        assert_eq!(log, ["Post /mcp [hello] keep"], "{step}");
    }
    check(
        &post("Expect: 100-continue\r\nContent-Length: 0", ""),
        &["Post /mcp [] keep"],
    );
    check(
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        &["Post / [x] close"],
    );
    check(
        &post("Expect: 100-continue\r\nContent-Length: 65", ""),
        &["413"],
    );
    check(&post("Expect: tea\r\nContent-Length: 5", "hello"), &["417"]);
}

#[test]
fn as_long_a_body_as_the_limit_and_one_more() {
    let most = "x".repeat(MAX);
    let expected = format!("Post /mcp [{most}] keep");
    check(&post("Content-Length: 64", &most), &[&expected]);
    check(&post("Content-Length: 65", ""), &["413"]);
    check(&post("Content-Length: 99999999999999999999", ""), &["413"]);
    let chunked = |size: &str, data: &str| {
        post(
            "Transfer-Encoding: chunked",
            &format!("{size}\r\n{data}\r\n0\r\n\r\n"),
        )
    };
    check(&chunked("40", &most), &[&expected]);
    check(&chunked("41", &most), &["413"]);
}

#[test]
fn the_refusal_of_a_large_body_names_the_setting() {
    let input = post("Content-Length: 65", "");
    match Receiver::default().receive(input.as_bytes(), MAX) {
        Received::Refuse(refusal) => assert!(refusal.text.contains("limits.body, which is 64")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn as_long_a_head_as_the_limit_and_one_more() {
    let fill = |bytes: usize| {
        let frame = post("X: ", "").len();
        post(&format!("X: {}", "v".repeat(bytes - frame)), "")
    };
    for step in [1, 1000, HEAD_BYTES_MAX, HEAD_BYTES_MAX + 1] {
        let most = transcript(fill(HEAD_BYTES_MAX).as_bytes(), step);
        assert_eq!(most, ["Post /mcp [] keep"], "{step}");
        let more = transcript(fill(HEAD_BYTES_MAX + 1).as_bytes(), step);
        assert_eq!(more, ["431"], "{step}");
    }
}

#[test]
fn a_request_whole_in_the_input_is_not_copied() {
    let input = post("Content-Length: 5", "hello");
    let mut receiver = Receiver::default();
    let Received::Request { request, .. } = receiver.receive(input.as_bytes(), MAX) else {
        panic!("not whole");
    };
    assert!(
        input
            .as_bytes()
            .as_ptr_range()
            .contains(&request.body.as_ptr())
    );
    assert_eq!(receiver.held_bytes(), 0);
}

#[test]
fn a_request_in_pieces_takes_exactly_its_size_until_it_is_served() {
    let input = post("Content-Length: 50", &"x".repeat(50));
    let (one, two) = input.as_bytes().split_at(input.len() - 20);
    let mut receiver = Receiver::default();
    receiver.receive(one, MAX);
    assert_eq!(receiver.held_bytes(), input.len());
    let served = matches!(
        receiver.receive(two, MAX),
        Received::Request { used: 20, .. }
    );
    assert!(served);
    assert_eq!(receiver.held_bytes(), input.len());
    receiver.finish();
    assert_eq!(receiver.held_bytes(), 0);
    receiver.finish();
}

#[test]
fn the_next_request_frees_the_last_one() {
    let input = post("Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n");
    let mut receiver = Receiver::default();
    receiver.receive(input.as_bytes(), MAX);
    assert!(receiver.held_bytes() > 0);
    receiver.receive(b"\r\n", MAX);
    assert_eq!(receiver.held_bytes(), 0);
}

#[test]
#[should_panic(expected = "a refused connection has no framing left")]
fn after_a_refusal_nothing_is_received() {
    let mut receiver = Receiver::default();
    receiver.receive(b"hello\r\n\r\n", MAX);
    receiver.receive(b"GET / HTTP/1.1\r\nHost: pi\r\n\r\n", MAX);
}
