//! Who may use what: every door, every role, every kind of credential, from one table.

use crate::client::{ask, plain_get, status_of};
use crate::credentials::{MASTER, NOTHING, READONLY, Someone, TEAM, start_with_jwt};
use crate::harness::{Daemon, call, get, post, shell_tool};
use std::collections::BTreeSet;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const BROADCAST: &str = r#"{"message":{"type":"matrix"}}"#;
const SENT: &str = r#"{"connectionId":"abcdefghijklmnopqrstuv","message":{"method":"ping"}}"#;
const MESSAGE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"ping","connection_id":"abcdefghijklmnopqrstuv"}"#;

/// What is asked at a door.
#[derive(Clone, Copy)]
enum Ask {
    /// A GET that takes an event stream.
    Stream,
    /// A GET of a document.
    Document,
    /// A POST of this JSON.
    Post(&'static str),
    /// A call of this tool through Streamable HTTP.
    Call(&'static str),
    Delete,
    /// What a browser asks before it lets a page ask.
    Preflight,
}

/// Who may come in.
#[derive(Clone, Copy)]
enum Open {
    /// Everybody, whatever they show: this status.
    All(u16),
    /// The roles master, team, readonly and one that may do nothing: these statuses.
    Roles([u16; 4]),
}

/// One row: what is asked, who may.
struct Row {
    path: &'static str,
    ask: Ask,
    open: Open,
    /// Whether `?token=` counts.
    query: bool,
}

const fn row(path: &'static str, ask: Ask, open: Open) -> Row {
    Row {
        path,
        ask,
        open,
        query: false,
    }
}

/// A door that browsers open with `EventSource`, which cannot send a header.
const fn stream(path: &'static str, query: bool) -> Row {
    Row {
        path,
        ask: Ask::Stream,
        open: Open::Roles([200, 200, 200, 403]),
        query,
    }
}

/// Whoever has a door at all may use it.
const ANY: Open = Open::Roles([200, 200, 200, 403]);
/// The same for a session that does not exist.
const NOBODY: Open = Open::Roles([404, 404, 404, 403]);
/// What only the master may.
const OURS: Open = Open::Roles([200, 403, 403, 403]);
/// What changes something.
const WRITERS: Open = Open::Roles([200, 200, 403, 403]);

const ROWS: [Row; 43] = [
    row("/mcp", Ask::Post(PING), ANY),
    row("/mcp", Ask::Call("echo"), ANY),
    row("/mcp", Ask::Call("switch"), WRITERS),
    row("/mcp", Ask::Delete, Open::Roles([400, 400, 400, 403])),
    stream("/mcp", true),
    stream("/sse", true),
    stream("/mcp/sse", true),
    stream("/mcp/sse/", true),
    row(
        "/messages?session_id=abcdefghijklmnopqrstuv",
        Ask::Post(PING),
        NOBODY,
    ),
    row(
        "/mcp/messages/?session_id=abcdefghijklmnopqrstuv",
        Ask::Post(PING),
        NOBODY,
    ),
    row(
        "/mcp/messages?session_id=abcdefghijklmnopqrstuv",
        Ask::Post(PING),
        NOBODY,
    ),
    row("/mcp/sse/message", Ask::Post(MESSAGE), NOBODY),
    row("/mcp/sse/message/", Ask::Post(MESSAGE), NOBODY),
    row("/mcp/sse/send", Ask::Post(SENT), NOBODY),
    row("/mcp/sse/send/", Ask::Post(SENT), NOBODY),
    row("/mcp/sse/broadcast", Ask::Post(BROADCAST), OURS),
    row("/mcp/sse/stats", Ask::Document, OURS),
    stream("/events", true),
    stream("/events/", true),
    stream("/sse?format=plain", true),
    row("/mcp/tools", Ask::Document, ANY),
    row("/mcp/tools/", Ask::Document, ANY),
    row("/mcp/tools/echo", Ask::Post(r#"{"text":"x"}"#), ANY),
    row("/mcp/tools/switch", Ask::Post("{}"), WRITERS),
    row("/openapi.json", Ask::Document, ANY),
    row("/api", Ask::Document, ANY),
    row("/metrics", Ask::Document, OURS),
    row("/metrics/", Ask::Document, OURS),
    row("/health", Ask::Document, Open::All(200)),
    row("/healthz", Ask::Document, Open::All(200)),
    row("/readyz", Ask::Document, Open::All(200)),
    row("/", Ask::Document, Open::All(200)),
    row("/sse-demo.html", Ask::Document, Open::All(200)),
    row("/demo-sse.html", Ask::Document, Open::All(200)),
    row("/mcp_sse_example.html", Ask::Document, Open::All(200)),
    row("/console.css", Ask::Document, Open::All(200)),
    row("/console.js", Ask::Document, Open::All(200)),
    row("/mcp", Ask::Preflight, Open::All(204)),
    row("/mcp/sse/send", Ask::Preflight, Open::All(204)),
    row("/mcp/sse", Ask::Preflight, Open::All(204)),
    row(
        "/.well-known/oauth-protected-resource",
        Ask::Document,
        Open::All(404),
    ),
    row(
        "/.well-known/oauth-authorization-server/mcp",
        Ask::Document,
        Open::All(404),
    ),
    row("/no/such/door", Ask::Document, Open::All(404)),
];

impl Row {
    /// The request, with these header fields.
    fn request(&self, path: &str, fields: &str) -> String {
        match self.ask {
            Ask::Stream => get(path, fields),
            Ask::Document => plain_get(path, fields),
            Ask::Post(body) => post(path, fields, body),
            Ask::Call(tool) => {
                let arguments = if tool == "echo" {
                    r#"{"text":"x"}"#
                } else {
                    "{}"
                };
                post(path, fields, &call(1, tool, arguments))
            }
            Ask::Delete => plain_get(path, fields).replacen("GET", "DELETE", 1),
            Ask::Preflight => {
                let method = "Access-Control-Request-Method: POST\r\n";
                let fields = format!("Origin: http://panel.lan:3000\r\n{method}{fields}");
                plain_get(path, &fields).replacen("GET", "OPTIONS", 1)
            }
        }
    }

    /// The path with a query parameter more.
    fn with_query(&self, token: &str) -> String {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{mark}token={token}", self.path)
    }

    /// What whoever shows nothing good is answered.
    fn closed(&self) -> u16 {
        match self.open {
            Open::All(status) => status,
            Open::Roles(_) => 401,
        }
    }
}

const ROLES: [Someone; 4] = [MASTER, TEAM, READONLY, NOTHING];

/// A daemon that knows all four, and a tool that changes something.
fn start(name: &str) -> Daemon {
    let nothing = "[role.nothing]\ntools = []\ndoors = []\nbroadcast = false\nstats = false\n";
    let more = format!(
        "{nothing}{}{}",
        NOTHING.lines(),
        shell_tool("switch", "echo switched", "")
    );
    start_with_jwt(name, "origins = ['http://panel.lan:3000']", &more)
}

/// The head of the answer and what follows it, as far as that is no stream.
fn answer(daemon: &Daemon, request: &str) -> (u16, String) {
    let mut peer = daemon.connect();
    peer.send(request);
    let head = peer.head();
    let is_refusal = !head.starts_with("HTTP/1.1 2");
    let body = match crate::client::field(&head, "Content-Length") {
        Some(length) if is_refusal => text_of(peer.take(length.parse().expect("a length"))),
        Some(_) | None => String::new(),
    };
    (status_of(&head), body)
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// Asks in every row and tells all that is not as expected at once.
fn check(name: &str, cases: impl Fn(&Row) -> Vec<(String, String, u16)>) {
    let daemon = start(name);
    let mut wrong = Vec::new();
    for row in &ROWS {
        for (case, request, expected) in cases(row) {
            let (status, body) = answer(&daemon, &request);
            if status != expected {
                let method = request.split(' ').next().unwrap_or_default();
                wrong.push(format!(
                    "{method} {} {case}: {status} not {expected} {body}",
                    row.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn nobody_without_credentials_comes_in() {
    check("matrix_none", |row| {
        vec![(
            "with nothing".into(),
            row.request(row.path, ""),
            row.closed(),
        )]
    });
}

#[test]
fn wrong_credentials_are_none() {
    check("matrix_wrong", |row| {
        let closed = row.closed();
        let fields = [
            "Authorization: Bearer guess\r\n",
            "Authorization: Basic bWFzdGVyLXRva2Vu\r\n",
            "Authorization: master-token\r\n",
            "X-API-Key: guess\r\n",
            // Two that contradict each other: which of them is meant is not for us to say.
            "Authorization: Bearer master-token\r\nX-API-Key: team-token\r\n",
        ];
        let mut cases: Vec<_> = fields
            .into_iter()
            .map(|field| (field.trim().into(), row.request(row.path, field), closed))
            .collect();
        let guess = row.request(&row.with_query("guess"), "");
        cases.push(("?token=guess".into(), guess, closed));
        let guess = row.request(&format!("/t/guess{}", row.path), "");
        cases.push(("/t/guess".into(), guess, closed));
        cases
    });
}

#[test]
fn expired_credentials_are_none() {
    check("matrix_expired", |row| {
        let case = |someone: &Someone| {
            let bearer = format!("Authorization: Bearer {}\r\n", someone.expired_jwt);
            let request = row.request(row.path, &bearer);
            (format!("expired {}", someone.role), request, row.closed())
        };
        ROLES.iter().map(case).collect()
    });
}

/// Each way to show what is right, for every role.
#[test]
fn right_credentials_open_what_the_role_may_use() {
    check("matrix_right", |row| {
        let mut cases = Vec::new();
        for (place, someone) in ROLES.iter().enumerate() {
            let expected = match row.open {
                Open::All(status) => status,
                Open::Roles(statuses) => statuses[place],
            };
            let in_query = if row.query { expected } else { row.closed() };
            let bearer = |text: &str| format!("Authorization: Bearer {text}\r\n");
            let key = format!("X-API-Key: {}\r\n", someone.token);
            let secret_path = format!("/t/{}{}", someone.token, row.path);
            let ways = [
                (
                    "token",
                    row.request(row.path, &bearer(someone.token)),
                    expected,
                ),
                ("jwt", row.request(row.path, &bearer(someone.jwt)), expected),
                (
                    "lower",
                    row.request(row.path, &bearer(someone.token).to_lowercase()),
                    expected,
                ),
                ("key", row.request(row.path, &key), expected),
                ("path", row.request(&secret_path, ""), expected),
                (
                    "query",
                    row.request(&row.with_query(someone.token), ""),
                    in_query,
                ),
            ];
            for (way, request, expected) in ways {
                cases.push((format!("{way} of {}", someone.role), request, expected));
            }
        }
        cases
    });
}

#[test]
fn a_role_that_may_not_is_named() {
    let daemon = start("matrix_named");
    for row in &ROWS {
        let Open::Roles(statuses) = row.open else {
            continue;
        };
        for (someone, status) in ROLES.iter().zip(statuses) {
            if status == 403 {
                let (status, body) = answer(&daemon, &row.request(row.path, &someone.bearer()));
                assert_eq!(status, 403, "{}", row.path);
                assert!(
                    body.contains(someone.role),
                    "{} {}: {body}",
                    row.path,
                    someone.role
                );
            }
        }
    }
}

/// Roles of one kind of door each, at a door of each kind.
#[test]
fn a_role_comes_in_by_its_doors_only() {
    let kinds = ["mcp", "sse", "dialects", "rest"];
    let doors = [
        ("mcp", post("/mcp", "", PING)),
        ("sse", get("/sse", "")),
        // A door of one kind and a dialect of the other: one alone does not do.
        ("both", get("/sse?format=plain", "")),
        ("sse", get("/mcp/sse/", "")),
        ("sse or dialects", get("/mcp/sse", "")),
        ("dialects", get("/events", "")),
        ("dialects", post("/mcp/sse/send", "", SENT)),
        ("dialects", post("/mcp/sse/message", "", MESSAGE)),
        ("rest", plain_get("/mcp/tools", "")),
        ("rest", plain_get("/openapi.json", "")),
        ("rest", plain_get("/api", "")),
    ];
    for kind in kinds {
        let role = format!("[role.nothing]\ntools = ['*']\ndoors = ['{kind}']\n");
        let config = format!("{role}{}", NOTHING.lines());
        let daemon = Daemon::start(&format!("matrix_door_{kind}"), &config);
        for (needed, request) in &doors {
            let shown = format!("Host: localhost\r\n{}", NOTHING.bearer());
            let request = request.replacen("Host: localhost\r\n", &shown, 1);
            let (status, body) = answer(&daemon, &request);
            let line = request.lines().next().unwrap_or_default();
            let is_shut = status == 403;
            let is_right = needed.split(" or ").any(|needed| needed == kind);
            assert_eq!(is_shut, !is_right, "{kind}: {line}: {status} {body}");
        }
    }
}

/// The server's own list of doors holds nothing that the table above does not know.
#[test]
fn the_table_knows_every_door() {
    let daemon = start("matrix_doors");
    let about = ask(&daemon, plain_get("/api", &MASTER.bearer())).json();
    let doors = about["doors"].as_array().expect("a list of doors");
    let without_query = |path: &'static str| path.split('?').next().unwrap_or_default();
    let known: BTreeSet<&str> = ROWS
        .iter()
        .map(|row| without_query(row.path))
        .map(|path| {
            if path.len() > 1 {
                path.trim_end_matches('/')
            } else {
                path
            }
        })
        .collect();
    assert!(!doors.is_empty());
    for door in doors {
        let path = door["path"].as_str().expect("a path");
        let path = path.split('?').next().unwrap_or_default();
        let path = match path.strip_prefix("/mcp/tools/") {
            Some(name) if !name.is_empty() => "/mcp/tools/echo",
            Some(_) | None if path.len() > 1 => path.trim_end_matches('/'),
            Some(_) | None => path,
        };
        assert!(known.contains(path), "no row for {door}");
    }
}
