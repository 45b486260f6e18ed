//! Mutated inputs for everything that reads bytes of outsiders: nothing panics, nothing is held
//! beyond its bound, and how the bytes are cut into pieces changes nothing.
//!
//! The inputs follow from the seeds alone, so a failure comes again; its message has the input.

mod support;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use slimcp::engine::Era;
use slimcp::limits::HEAD_BYTES_MAX;
use slimcp::tool::command::Exit;
use slimcp::upstream::spec::UpstreamSpec;
use slimcp::wire::body::ChunkDecoder;
use slimcp::wire::jsonrpc::{self, Incoming, Message};
use slimcp::wire::lines::{Line, Lines};
use slimcp::wire::receive::{Received, Receiver};
use slimcp::wire::sse::Reader;
use support::{Server, TestChild, at, post};

const ROUNDS: usize = 6000;

/// Xorshift (Marsaglia 2003), enough to be unpredictable for a parser.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which must not be zero.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a [u8]]) -> &'a [u8] {
        choices[self.below(choices.len())]
    }
}

/// One to three samples in a row, with a few places changed.
fn mutate(random: &mut Random, samples: &[&[u8]], tokens: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(3) {
        bytes.extend_from_slice(random.pick(samples));
    }
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(8)).min(bytes.len());
        match random.below(5) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..end, random.pick(tokens).to_vec())),
            2 => drop(bytes.splice(at..at, random.pick(tokens).to_vec())),
            3 => drop(bytes.splice(at..at, [random.next() as u8])),
            _ => bytes.extend_from_within(at..end),
        }
    }
    bytes
}

/// Cuts `bytes` into pieces of up to `most` bytes.
fn pieces<'a>(random: &mut Random, bytes: &'a [u8], most: usize) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at((1 + random.below(most)).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// Runs `read` on the whole input and on two ways to cut it; `same` compares.
fn check<T: std::fmt::Debug>(
    seed: u64,
    samples: &[&[u8]],
    tokens: &[&[u8]],
    read: impl Fn(&[&[u8]]) -> T,
    same: impl Fn(&T, &T) -> bool,
) {
    let mut random = Random(seed);
    for round in 0..ROUNDS {
        let input = mutate(&mut random, samples, tokens);
        let whole = read(&[&input]);
        for most in [1, 20] {
            let pieces = pieces(&mut random, &input, most);
            let cut = read(&pieces);
            assert!(
                same(&whole, &cut),
                "seed {seed} round {round}, pieces up to {most}\ninput: {}\nwhole: {whole:?}\n\
                 cut: {cut:?}",
                input.escape_ascii()
            );
        }
    }
}

const HTTP: &[&[u8]] = &[
    b"GET /sse?a=b HTTP/1.1\r\nHost: pi\r\nAccept: text/event-stream\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: pi:8000\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /mcp HTTP/1.1\r\nHost: pi\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n\
      0\r\nT: t\r\n\r\n",
    b"\r\nPOST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
    b"OPTIONS * HTTP/1.1\r\nHost: pi\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    b"DELETE http://pi/mcp HTTP/1.1\r\nHost: x\r\nMcp-Session-Id: a\r\nConnection: close\r\n\r\n",
];

const HTTP_TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"0",
    b"5",
    b"ffffffffffffffff",
    b"+5",
    b"Content-Length: 3\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Host: pi\r\n",
    b"Expect: 100-continue\r\n",
    b" HTTP/2.0",
    b"HTTP/1.0",
    b"\xc3\xa9",
    b"\xff",
    b"GET / ",
];

/// Requests in order, and the status of the refusal that ended them. `None`: none did.
#[derive(Debug)]
struct Transcript {
    requests: Vec<String>,
    refused: Option<u16>,
}

fn receive(pieces: &[&[u8]]) -> Transcript {
    const BODY_BYTES_MAX: usize = 64;
    let mut receiver = Receiver::default();
    let mut requests = Vec::new();
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            match receiver.receive(piece, BODY_BYTES_MAX) {
                Received::More { .. } => break,
                Received::Request { request, used } => {
                    assert!(used > 0);
                    requests.push(format!("{request:?}"));
                    piece = &piece[used..];
                }
                Received::Refuse(refusal) => {
                    let refused = Some(refusal.status.code());
                    return Transcript { requests, refused };
                }
            }
            assert!(receiver.held_bytes() <= HEAD_BYTES_MAX + BODY_BYTES_MAX);
        }
    }
    Transcript {
        requests,
        refused: None,
    }
}

#[test]
fn requests_do_not_depend_on_the_pieces_they_arrive_in() {
    // In one piece a broken head is refused before its end has arrived, in several it is waited
    // for. Both are right; what must never differ are the requests.
    let same = |whole: &Transcript, cut: &Transcript| {
        let refusals = [whole.refused, cut.refused];
        let same_end = refusals[0] == refusals[1] || refusals == [Some(400), None];
        whole.requests == cut.requests && (same_end || refusals == [Some(505), None])
    };
    check(1, HTTP, HTTP_TOKENS, receive, same);
}

#[test]
fn mutations_leave_enough_requests_whole_to_mean_something() {
    let mut random = Random(1);
    let mut counts = [0; 3];
    for _ in 0..1000 {
        let transcript = receive(&[&mutate(&mut random, HTTP, HTTP_TOKENS)]);
        counts[0] += transcript.requests.len();
        counts[1] += usize::from(transcript.refused.is_some());
        counts[2] += usize::from(transcript.refused.is_none());
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

#[test]
fn chunks_do_not_depend_on_the_pieces_they_arrive_in() {
    let samples: &[&[u8]] = &[
        b"5\r\nhello\r\n",
        b"1;a=\"b\"\r\nx\r\n",
        b"A \r\n0123456789\r\n",
        b"0\r\n\r\n",
        b"0\r\nT: t\r\nU: u\r\n\r\n",
    ];
    let decode = |pieces: &[&[u8]]| {
        const BODY_BYTES_MAX: usize = 40;
        let mut decoder = ChunkDecoder::default();
        let mut out = b"head".to_vec();
        let mut used = 0;
        for piece in pieces {
            match decoder.decode(piece, &mut out, 4, BODY_BYTES_MAX) {
                Ok(piece_used) => used += piece_used,
                Err(refusal) => return (out, used, Err(refusal.status.code())),
            }
            assert!(out.capacity() <= 4 + BODY_BYTES_MAX);
        }
        (out, used, Ok(decoder.is_done()))
    };
    check(2, samples, HTTP_TOKENS, decode, |whole, cut| {
        let is_error = whole.2.is_err();
        whole.0 == cut.0 && whole.2 == cut.2 && (is_error || whole.1 == cut.1)
    });
}

#[test]
fn events_do_not_depend_on_the_pieces_they_arrive_in() {
    let samples: &[&[u8]] = &[
        b"data: a\n\n",
        b"id: s-1\nevent: message\r\ndata: {}\r\n\r\n",
        b"\xef\xbb\xbfretry: 1000\rdata:x\rdata\r\r",
        b": comment\n\n",
        b"id: 1\0\nid\ndata\n\n",
    ];
    let tokens: &[&[u8]] = &[
        b"\n",
        b"\r",
        b"\r\n",
        b":",
        b" ",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff",
        b"data",
        b"id: ",
        b"retry: 99999999999\n",
        b"event: x\n",
        b"0123456789012345678901234567890123456789",
    ];
    let read = |pieces: &[&[u8]]| {
        const EVENT_BYTES_MAX: usize = 48;
        let mut reader = Reader::new(EVENT_BYTES_MAX);
        let mut events = Vec::new();
        for piece in pieces {
            let pushed = reader.push(piece, |event| events.push(format!("{event:?}")));
            // Twice for growth by doubling, three times for bytes that are not UTF-8.
            assert!(reader.held_bytes() <= 6 * EVENT_BYTES_MAX);
            if pushed.is_err() {
                return (events, None, String::new());
            }
        }
        let id = reader.last_event_id().to_string();
        (events, Some(reader.retry_millis()), id)
    };
    check(3, samples, tokens, read, |whole, cut| whole == cut);
}

#[test]
fn lines_do_not_depend_on_the_pieces_they_arrive_in() {
    const LINE_BYTES_MAX: usize = 16;
    let samples: &[&[u8]] = &[
        b"{}\n",
        b"{\"a\":1}\r\n",
        b"\n",
        b"0123456789abcdef\n",
        b"x",
    ];
    let tokens: &[&[u8]] = &[b"\n", b"\r", b"\r\n", b"\n\n", b"0123456789abcdef"];
    let read = |pieces: &[&[u8]]| {
        let mut lines = Lines::new(LINE_BYTES_MAX);
        let mut found = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(line) = lines.next_line(&mut piece) {
                found.push(match line {
                    Line::Whole(line) => Some(line.to_vec()),
                    Line::TooLong => None,
                });
            }
            assert!(lines.held_bytes() <= LINE_BYTES_MAX);
        }
        found.extend(lines.finish().map(|line| Some(line.to_vec())));
        (pieces.concat(), found)
    };
    check(4, samples, tokens, read, |whole, cut| {
        let lines = whole.0.split(|byte| *byte == b'\n');
        let expected = lines.filter_map(|line| {
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            let fits = line.len() <= LINE_BYTES_MAX;
            (!fits || !text.is_empty()).then(|| fits.then(|| text.to_vec()))
        });
        whole.1 == cut.1 && whole.1 == expected.collect::<Vec<_>>()
    });
}

const JSON: &[&[u8]] = &[
    br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[]}}}"#,
    br#"{"jsonrpc":"2.0","id":"\u0041\n","method":"p\u0069ng"}"#,
    br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1e3}}"#,
    br#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
    br#"[{"jsonrpc":"2.0","id":-7.5,"error":{"code":1,"message":"\ud83d\ude00"}} ]"#,
];

const JSON_TOKENS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e999",
    b"\"id\":2,",
    b"\"method\":\"m\",",
    b"\"result\":1,",
    b"\n",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b" ",
];

#[test]
fn what_is_called_no_json_is_none() {
    let mut random = Random(5);
    let mut counts = [0; 3];
    for _ in 0..4 * ROUNDS {
        let input = mutate(&mut random, JSON, JSON_TOKENS);
        let loose = jsonrpc::decode_loose(&input);
        loose.iter().for_each(check_round_trip);
        let strict = jsonrpc::decode(&input);
        let is_message = matches!(strict, Ok(Incoming::One(_)));
        assert!(loose.is_ok() || !is_message, "{}", input.escape_ascii());
        match strict {
            Err(fault) if fault.code == jsonrpc::PARSE_ERROR => {
                let value = serde_json::from_slice::<serde_json::Value>(&input);
                assert!(value.is_err(), "{}", input.escape_ascii());
                counts[0] += 1;
            }
            Err(fault) => {
                assert_eq!(fault.code, jsonrpc::INVALID_REQUEST);
                counts[1] += 1;
            }
            Ok(Incoming::One(message)) => {
                check_round_trip(&message);
                counts[2] += 1;
            }
            Ok(Incoming::Batch(messages)) => {
                assert!(!messages.is_empty());
                messages.iter().flatten().for_each(check_round_trip);
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}

/// A message that is written again is one line and means the same.
fn check_round_trip(message: &Message<'_>) {
    let mut out = Vec::new();
    let text = |params: Option<&RawValue>| params.map_or(String::new(), |json| json.to_string());
    match message {
        Message::Request { id, method, params } => {
            jsonrpc::call_raw(&mut out, Some(id), method, text(*params).as_bytes());
        }
        Message::Notification { method, params } => {
            jsonrpc::call_raw(&mut out, None, method, text(*params).as_bytes());
        }
        Message::Response { id, result } => match result {
            Ok(result) => jsonrpc::response_raw(&mut out, id, result.get().as_bytes()),
            Err(error) => jsonrpc::error_raw(&mut out, id, error.get()),
        },
    }
    assert!(!out.contains(&b'\n'));
    match jsonrpc::decode(&out) {
        Ok(Incoming::One(again)) => {
            let text = |message: &Message<'_>| format!("{message:?}").replace(['\r', '\n'], "");
            assert_eq!(text(message), text(&again));
        }
        other => panic!("{other:?} from {}", out.escape_ascii()),
    }
}

/// What children write; `@` stands for the id of the call that they work on.
const CHILD: &[&[u8]] = &[
    br#"{"jsonrpc":"2.0","id":@,"result":{"content":[{"type":"text","text":"a"}]}}"#,
    br#"{"jsonrpc":"2.0","id":@,"error":{"code":-32042,"message":"m","data":{"elicitations":[
        {"mode":"url","url":"http://a","elicitationId":"e","message":"m"}]}}}"#,
    br#"{"jsonrpc":"2.0","id":@,"result":{"resultType":"input_required","inputRequests":{"k":{
        "method":"elicitation/create","params":{"message":"m"}}},"requestState":"s"}}"#,
    br#"{"jsonrpc":"2.0","id":@,"result":{"resultType":"input_required","requestState":"s"}}"#,
    br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":@,
        "progress":1.5,"total":2,"message":"m"}}"#,
    br#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":[1]}}"#,
    br#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"m"}}"#,
    br#"{"jsonrpc":"2.0","id":0,"method":"sampling/createMessage","params":{"messages":[]}}"#,
    br#"{"jsonrpc":"2.0","id":1.5,"method":"roots/list"}"#,
    br#"{"jsonrpc":"2.0","id":-1,"method":"ping"}"#,
    br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"q"}}"#,
    br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
    br#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}"#,
    br#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"x","inputSchema":{}}],
        "nextCursor":"c"}}"#,
    br#"[{"jsonrpc":"2.0","id":@,"result":{}},{"jsonrpc":"2.0","id":@,"result":{}}]"#,
];

/// The id of the one call, as its client has it.
const CALL_ID: u32 = 7777;

#[test]
fn whatever_a_child_writes_ends_its_call_once_at_most_and_breaks_nothing() {
    let mut ended = [0; 2];
    for (place, era) in [Era::Handshake, Era::Stateless].into_iter().enumerate() {
        let mut random = Random(6 + place as u64);
        for life in 0..ROUNDS / 20 {
            ended[place] += child_writes(&mut random, era, life);
        }
    }
    assert!(ended.iter().all(|count| *count > 50), "{ended:?}");
}

/// A child writes what it likes while it works on a call. How often the call was answered.
fn child_writes(random: &mut Random, era: Era, life: usize) -> usize {
    let spec = UpstreamSpec {
        era: Some(era),
        ..support::upstream("u")
    };
    let mut server = Server::with_upstreams(vec![spec]);
    server.settle(at(0));
    serve(&mut server, 0);
    let peer = server.connect(at(1));
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{CALL_ID},"method":"tools/call","params":{{"name":"work",
           "_meta":{{"progressToken":"t"}}}}}}"#
    );
    server.send(at(1), peer, post("/mcp", "", &body));
    let id = serve(&mut server, 1).expect("the call has reached a child");
    for now in 2..30 {
        let line = mutate(random, CHILD, JSON_TOKENS);
        let line = String::from_utf8_lossy(&line).replace('@', &id.to_string());
        for line in line.replace("\n        ", "").split('\n') {
            for child in 0..server.children.len() {
                let key = server.children[child].key;
                server
                    .engine
                    .handle_child_line(at(now), key, line.as_bytes());
                server.settle(at(now));
            }
            server.engine.check(0);
        }
        serve(&mut server, now);
    }
    let answers = server.receive(peer);
    let count = answers.matches(&format!("\"id\":{CALL_ID}")).count();
    assert!(count <= 1, "{era:?} {life}: {answers}");
    count
}

/// Children do what is asked of them, but for calls: the id of the last one.
fn serve(server: &mut Server, now: u64) -> Option<u64> {
    let mut call = None;
    let mut is_over = false;
    while !is_over {
        is_over = true;
        for child in 0..server.children.len() {
            for line in std::mem::take(&mut server.children[child].heard) {
                is_over = false;
                // What it has written as an id may be a number that nobody can read.
                serde_json::from_str::<&RawValue>(&line).expect("children are sent JSON");
                let message: Value = serde_json::from_str(&line).unwrap_or_default();
                let method = message["method"].as_str();
                match (method, message["id"].as_u64()) {
                    (Some("tools/call"), id) => call = id,
                    (Some(method), Some(id)) => {
                        let result = result_of(method).to_string();
                        server.child_answers(at(now), child, id, &result);
                    }
                    (Some(_), None) | (None, _) => {}
                }
            }
        }
        let is_told = |child: &TestChild| child.is_closed || child.is_terminated;
        while let Some(child) = server.children.iter().position(is_told) {
            server.child_ends(at(now), child, Ok(Exit::Status(0)));
            server.children.remove(child);
            is_over = false;
        }
    }
    call
}

fn result_of(method: &str) -> Value {
    let offers = json!({"tools": {"listChanged": true}});
    match method {
        "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": offers,
            "serverInfo": {"name": "c", "version": "1"}}),
        "server/discover" => json!({"resultType": "complete", "capabilities": offers,
            "supportedVersions": ["2026-07-28"]}),
        "tools/list" => json!({"resultType": "complete",
            "tools": [{"name": "work", "inputSchema": {"type": "object"}}]}),
        _ => json!({"resultType": "complete"}),
    }
}
