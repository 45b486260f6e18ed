//! Who is let in, through which doors, to which tools, and to whose sessions.

use crate::support::{Server, at, get, post};
use crate::{
    INITIALIZED, Response, ask, echo, events, http_sse, initialize, pieces, refused, request,
};
use slimcp::auth::jwt::{Jwt, Secret};
use slimcp::auth::role::{Doors, RoleIndex};
use slimcp::auth::token::{Token, parse_digest};
use slimcp::auth::{Access, address};
use slimcp::engine::route::{Door, Needs, PATHS};
use slimcp::wire::compat::Compat;

/// The token that was drawn with this number as chance.
pub fn secret(number: u8) -> String {
    Token::generate([number; 32]).text
}

/// The header field that shows it.
pub fn bearer(number: u8) -> String {
    format!("Authorization: Bearer {}\r\n", secret(number))
}

/// Two tokens of each built-in role: 0 and 1 are masters, 2 and 3 a team, 4 and 5 read only.
pub fn tokens() -> Access {
    let roles = [RoleIndex::MASTER, RoleIndex::TEAM, RoleIndex::READONLY];
    let token = |number: u8| Token {
        name: format!("token-{number}"),
        role: roles[usize::from(number / 2)],
        sha256: parse_digest(&Token::generate([number; 32]).sha256).expect("it was just written"),
    };
    Access {
        tokens: (0..6).map(token).collect(),
        anonymous: None,
        ..Access::open()
    }
}

/// A server that asks for these credentials.
pub fn guarded(access: Access) -> Server {
    let mut server = Server::new();
    server.reconfigure(at(0), |config| config.access = access);
    server
}

/// All bytes of whatever answers this request, stream or not; a page may be compressed.
fn answer(server: &mut Server, text: &str) -> String {
    let peer = server.connect(at(0));
    server.send(at(0), peer, text);
    let bytes = std::mem::take(&mut server.peers[peer].inbox);
    server.cut(at(0), peer);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The head of it.
pub fn head(server: &mut Server, text: &str) -> String {
    let answer = answer(server, text);
    let (head, _) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    head.to_string()
}

/// Its status; 0 if the answer is not there yet.
pub fn status(server: &mut Server, text: &str) -> u16 {
    let head = head(server, text);
    let status = head.strip_prefix("HTTP/1.1 ").map(|rest| &rest[..3]);
    status.map_or(0, |status| status.parse().expect("three digits"))
}

/// A request that any door takes or refuses for what it asks, not for who asks.
fn plain(method: &str, path: &str, fields: &str) -> String {
    let body = match method {
        "POST" => request(1, "ping"),
        _ => String::new(),
    };
    post(path, fields, &body).replacen("POST", method, 1)
}

/// Every way to show a token; those in the query count for `GET` of streams only.
fn shown(path: &str, token: &str) -> [(String, String, bool); 5] {
    let query = format!("{path}?token={token}");
    [
        (
            path.into(),
            format!("Authorization: Bearer {token}\r\n"),
            false,
        ),
        (
            path.into(),
            format!("authorization: bearer  {token}\r\n"),
            false,
        ),
        (path.into(), format!("X-API-Key: {token}\r\n"), false),
        (format!("/t/{token}{path}"), String::new(), false),
        (query, String::new(), true),
    ]
}

/// Every path, with a slash at its end and without, and one of those that name a tool.
fn paths() -> impl Iterator<Item = (String, Door)> {
    let tool = ("/mcp/tools/echo", Door::ToolCall);
    let paths = PATHS.iter().copied().chain([tool]);
    let both = |(path, door): (&str, Door)| [(path.to_string(), door), (format!("{path}/"), door)];
    let is_one = |path: &str| !path.ends_with("//");
    paths.flat_map(both).filter(move |(path, _)| is_one(path))
}

const METHODS: [&str; 5] = ["GET", "POST", "DELETE", "HEAD", "PUT"];

#[test]
fn every_door_asks_for_credentials_unless_it_is_open_to_all() {
    let mut server = guarded(tokens());
    for (path, door) in paths() {
        for method in METHODS {
            let mut tries = vec![(path.clone(), String::new(), false)];
            tries.extend(shown(&path, "nobody"));
            for (path, fields, _) in tries {
                let answer = head(&mut server, &plain(method, &path, &fields));
                let is_asked = answer.starts_with("HTTP/1.1 401 ");
                let is_open = door.needs() == Needs::Nothing;
                assert_eq!(is_asked, !is_open, "{method} {path} {fields}: {answer}");
                let is_challenged = answer.contains("\r\nWWW-Authenticate: Bearer\r\n")
                    || answer.ends_with("\r\nWWW-Authenticate: Bearer");
                assert_eq!(is_challenged, is_asked, "{answer}");
                assert!(!answer.contains("resource_metadata"), "{answer}");
            }
        }
    }
    assert_eq!(server.engine.gauges().sessions, 0);
}

#[test]
fn every_door_takes_a_token_in_every_way() {
    for number in 0..6 {
        let mut server = guarded(tokens());
        for (path, door) in paths() {
            for method in METHODS {
                for (path, fields, is_query) in shown(&path, &secret(number)) {
                    let status = status(&mut server, &plain(method, &path, &fields));
                    let counts = !is_query || (method == "GET" && door.opens_stream());
                    let is_needed = door.needs() != Needs::Nothing;
                    let is_refused = is_needed && !counts;
                    assert_eq!(status == 401, is_refused, "{method} {path} {fields}");
                }
            }
        }
        server.engine.check(0);
    }
}

#[test]
fn every_door_is_closed_to_roles_that_may_not_use_it() {
    for (path, door) in paths() {
        let Needs::Kind(kind) = door.needs() else {
            continue;
        };
        // `GET /mcp` of a client of 2024 opens a stream of the other kind.
        let enough = kind.and(Doors::SSE);
        for (doors, is_let_in) in [(Doors::none(), false), (enough, true)] {
            let mut access = tokens();
            access.roles[RoleIndex::TEAM.as_usize()].doors = doors;
            let mut server = guarded(access);
            for method in METHODS {
                let text = plain(method, &path, &bearer(2));
                let status = status(&mut server, &text);
                assert_eq!(status != 403, is_let_in, "{method} {path}");
                let master = plain(method, &path, &bearer(0));
                assert_ne!(self::status(&mut server, &master), 403, "{method} {path}");
            }
        }
    }
}

#[test]
fn rights_beside_doors_are_those_of_the_role() {
    let mut server = guarded(tokens());
    for (path, door) in paths() {
        if !matches!(door.needs(), Needs::Broadcast | Needs::Stats) {
            continue;
        }
        for method in METHODS {
            let status_of = |server: &mut Server, number| {
                status(server, &plain(method, &path, &bearer(number)))
            };
            assert_ne!(status_of(&mut server, 0), 403, "{method} {path}");
            assert_eq!(status_of(&mut server, 2), 403, "{method} {path}");
            assert_eq!(status_of(&mut server, 4), 403, "{method} {path}");
        }
    }
}

#[test]
fn a_refusal_of_a_role_names_it_and_the_setting() {
    let mut access = tokens();
    access.roles[RoleIndex::TEAM.as_usize()].doors = Doors::MCP;
    let mut server = guarded(access);
    let response = ask(&mut server, at(0), get("/sse", &bearer(2)));
    assert_eq!(response.head.status, 403);
    let text = r#""role team may not use this door: add \"sse\" to role.team.doors""#;
    assert!(response.body.contains(text), "{}", response.body);
    // The same stream by another door.
    let legacy = get("/mcp", &bearer(2));
    assert_eq!(refused(&mut server, at(0), legacy), (403, -32600));
    assert_eq!(server.engine.gauges().sessions, 0);
}

#[test]
fn whoever_shows_nothing_is_told_the_ways() {
    let mut server = guarded(tokens());
    let ping = request(1, "ping");
    let response = ask(&mut server, at(0), post("/mcp", "", &ping));
    assert_eq!(response.head.status, 401);
    assert_eq!(response.head.field("www-authenticate"), Some("Bearer"));
    for way in ["Authorization: Bearer", "X-API-Key", "/t/TOKEN"] {
        assert!(response.body.contains(way), "{}", response.body);
    }
    let both = format!("{}X-API-Key: {}\r\n", bearer(0), secret(1));
    assert_eq!(
        refused(&mut server, at(0), post("/mcp", &both, &ping)),
        (401, -32600)
    );
    assert_eq!(server.engine.stats().unauthorized, 2);
}

#[test]
fn a_token_out_of_date_is_called_so() {
    const EXPIRED_AFTER_1000_S: &str = concat!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
        "eyJzdWIiOiJhZGEiLCJyb2xlIjoidGVhbSIsImV4cCI6MTAwMH0.",
        "uvG3P5wJsMq9sUSEECaIASPgbftRdckI8gOQfNBzqyQ"
    );
    let secret = Secret::parse(b"0123456789abcdef0123456789abcdef").expect("it is long enough");
    let mut access = tokens();
    access.jwt = Some(Jwt::new(secret));
    let mut server = guarded(access);
    let fields = format!("Authorization: Bearer {EXPIRED_AFTER_1000_S}\r\n");
    let ping = post("/mcp", &fields, &request(1, "ping"));
    assert_eq!(ask(&mut server, at(900_000), &ping).head.status, 200);
    let response = ask(&mut server, at(2_000_000), &ping);
    assert_eq!(response.head.status, 401);
    let challenge = response.head.field("www-authenticate");
    assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
}

#[test]
fn a_subject_with_another_role_does_not_find_what_it_opened_with_the_old_one() {
    // {"sub":"ada","role":ROLE,"exp":9000}
    const TEAM: &str = concat!(
        "eyJzdWIiOiJhZGEiLCJyb2xlIjoidGVhbSIsImV4cCI6OTAwMH0.",
        "dxrPQnrIr5PACLH5qLc9HaNui8PhTCetOHj6AN2BqDg"
    );
    const READONLY: &str = concat!(
        "eyJzdWIiOiJhZGEiLCJyb2xlIjoicmVhZG9ubHkiLCJleHAiOjkwMDB9.",
        "3Dg0TdDCmgGbXnKLX-lEIyhrSyUaNR47EEaLvJNyRM8"
    );
    let fields = |rest: &str| format!("X-API-Key: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{rest}\r\n");
    let secret = Secret::parse(b"0123456789abcdef0123456789abcdef").expect("it is long enough");
    let mut access = tokens();
    access.jwt = Some(Jwt::new(secret));
    let mut server = guarded(access);
    let opening = post("/mcp", &fields(TEAM), &initialize("2025-11-25"));
    let opened = ask(&mut server, at(0), opening);
    let id = opened.head.field("mcp-session-id").expect("a session");
    let stream = server.connect(at(0));
    server.send(at(0), stream, get("/sse", &fields(TEAM)));
    let door = events(&mut server, stream).remove(0).data;
    for (role, mcp, messages) in [(READONLY, 404, 404), (TEAM, 200, 202)] {
        let named = format!("{}Mcp-Session-Id: {id}\r\n", fields(role));
        let ping = request(1, "ping");
        assert_eq!(status(&mut server, &post("/mcp", &named, &ping)), mcp);
        assert_eq!(
            status(&mut server, &post(&door, &fields(role), &ping)),
            messages
        );
    }
}

#[test]
fn an_address_may_do_for_a_token() {
    let mut access = tokens();
    access.addresses = vec![address::AddressRule {
        network: address::Network::parse("192.168.1.0/24").expect("a network"),
        role: RoleIndex::READONLY,
    }];
    access.proxies = vec![address::Network::parse("10.0.0.1").expect("an address")];
    let mut server = guarded(access);
    for (peer, forwarded_for, status) in [
        ("192.168.1.7", "", 200),
        ("192.168.2.7", "", 401),
        ("192.168.2.7", "X-Forwarded-For: 192.168.1.7\r\n", 401),
        ("10.0.0.1", "X-Forwarded-For: 192.168.1.7\r\n", 200),
        (
            "10.0.0.1",
            "X-Forwarded-For: 192.168.1.7, 192.168.2.7\r\n",
            401,
        ),
        ("10.0.0.1", "", 401),
    ] {
        let address = peer.parse().expect("an address");
        let peer = server.connect_from(at(0), Some(address));
        server.send(
            at(0),
            peer,
            post("/mcp", forwarded_for, &request(1, "ping")),
        );
        let answer = server.receive(peer);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[test]
fn unknown_paths_are_unknown_to_everybody() {
    let mut server = guarded(tokens());
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/nowhere",
        "/t/nobody",
        "/t/nobody/nowhere",
        "/t/",
        "/register",
    ] {
        for fields in ["", "Authorization: Bearer nobody\r\n"] {
            for method in METHODS {
                let status = status(&mut server, &plain(method, path, fields));
                assert_eq!(status, 404, "{method} {path} {fields}");
            }
        }
    }
    assert_eq!(server.engine.stats().unauthorized, 0);
}

#[test]
fn health_tells_strangers_no_more_than_that_it_is_well() {
    let mut server = guarded(tokens());
    for path in ["/health", "/healthz/", "/readyz", "/t/nobody/health"] {
        let response = ask(&mut server, at(0), get(path, ""));
        assert_eq!(response.head.status, 200);
        assert_eq!(response.body, r#"{"status":"ok"}"#, "{path}");
    }
    let known = ask(&mut server, at(0), get("/health", &bearer(4)));
    assert!(known.body.contains("\"ceiling_bytes\""), "{}", known.body);
    let open = ask(&mut Server::new(), at(0), get("/health", ""));
    assert!(open.body.contains("\"ceiling_bytes\""), "{}", open.body);
}

#[test]
fn s3_02_get_mcp_is_a_health_check_if_asked_for() {
    let mut server = guarded(tokens());
    let fields = "Accept: */*\r\n";
    let check = format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    assert_eq!(status(&mut server, &check), 401);
    server.reconfigure(at(0), |config| {
        config.compat = Compat {
            get_mcp_health: true,
            ..Compat::default()
        };
    });
    let response = ask(&mut server, at(0), &check);
    assert_eq!(
        (response.head.status, response.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    // Streams and sessions are what they were.
    assert_eq!(status(&mut server, &get("/mcp", "")), 401);
    let session = check.replace("Accept", "Mcp-Session-Id: nobody\r\nAccept");
    assert_eq!(status(&mut server, &session), 401);
}

/// The names that `tools/list` has for this token.
fn listed(server: &mut Server, number: u8) -> Vec<String> {
    let text = post("/mcp", &bearer(number), &request(1, "tools/list"));
    let Response { body, .. } = ask(server, at(0), text);
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["result"].get("nextCursor"), None);
    let tools = body["result"]["tools"].as_array().expect("a list").iter();
    tools
        .map(|tool| tool["name"].as_str().expect("a name").to_string())
        .collect()
}

#[test]
fn a_role_sees_the_tools_it_may_use_and_no_others() {
    let mut access = tokens();
    access.roles[RoleIndex::TEAM.as_usize()].tools = vec!["s*".to_string()];
    let mut server = guarded(access);
    assert_eq!(listed(&mut server, 0), ["echo", "system-info", "sleep"]);
    assert_eq!(listed(&mut server, 2), ["system-info", "sleep"]);
    assert_eq!(listed(&mut server, 4), ["echo", "system-info"]);
}

#[test]
fn a_tool_that_the_role_may_not_use_is_refused_with_the_id() {
    let mut server = guarded(tokens());
    let text = "role readonly may not use this tool: see role.readonly.tools and \
                role.readonly.read_only";
    let call = crate::call(7, "sleep");
    let error =
        format!(r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":-32600,"message":"{text}"}}}}"#);
    let response = ask(&mut server, at(0), post("/mcp", &bearer(4), &call));
    assert_eq!((response.head.status, &response.body), (403, &error));
    let batch = post("/mcp", &bearer(4), &format!("[{call}]"));
    let response = ask(&mut server, at(0), batch);
    assert_eq!(
        (response.head.status, &response.body),
        (200, &format!("[{error}]"))
    );
    assert!(server.started.is_empty());
    // Over HTTP+SSE the stream says so.
    let stream = server.connect(at(0));
    server.send(at(0), stream, get("/sse", &bearer(4)));
    let door = events(&mut server, stream).remove(0).data;
    assert_eq!(
        ask(&mut server, at(0), post(&door, &bearer(4), &call))
            .head
            .status,
        202
    );
    assert_eq!(events(&mut server, stream)[0].data, error);
    assert_eq!(
        status(&mut server, &post("/mcp", &bearer(2), &call)),
        0,
        "it runs"
    );
}

#[test]
fn nobody_sees_or_changes_the_session_of_another() {
    let mut access = tokens();
    access.anonymous = Some(RoleIndex::MASTER);
    let mut server = guarded(access);
    let fields = |number: u8| match number {
        6 => String::new(),
        number => bearer(number),
    };
    // Everybody has one session of each kind.
    let mut own = Vec::new();
    for number in 0..7 {
        let opening = post("/mcp", &fields(number), &initialize("2025-11-25"));
        let response = ask(&mut server, at(0), opening);
        let id = response
            .head
            .field("mcp-session-id")
            .expect("a session")
            .to_string();
        let stream = server.connect(at(0));
        server.send(at(0), stream, get("/sse", &fields(number)));
        let door = events(&mut server, stream).remove(0).data;
        own.push((id, stream, door));
    }
    let sessions = server.engine.gauges().sessions;
    for asking in 0..7_u8 {
        for (owner, (id, _, door)) in own.iter().enumerate() {
            if usize::from(asking) == owner {
                continue;
            }
            let shown = fields(asking);
            let named = format!("{shown}Mcp-Session-Id: {id}\r\n");
            let sse = door.split_once('=').expect("a door has a session").1;
            for text in [
                post("/mcp", &named, &request(1, "ping")),
                post("/mcp", &named, INITIALIZED),
                get("/mcp", &named),
                get("/mcp", &format!("{named}Last-Event-ID: 0-0\r\n")),
                post("/mcp", &named, "").replacen("POST", "DELETE", 1),
                post(door, &shown, &request(1, "ping")),
                post(door, &shown, INITIALIZED),
                post(
                    "/mcp",
                    &format!("{shown}Mcp-Session-Id: {sse}\r\n"),
                    INITIALIZED,
                ),
            ] {
                assert_eq!(refused(&mut server, at(1), &text), (404, -32001), "{text}");
            }
            for (path, _) in PATHS.iter().filter(|(_, door)| door.takes_messages()) {
                let ping = r#""jsonrpc":"2.0","id":1,"method":"ping""#;
                let named = format!(r#""connection_id":"{sse}""#);
                let body = format!(r#"{{{ping},{named},"message":{{{ping}}}}}"#);
                let text = post(&format!("{path}?session_id={sse}"), &shown, &body);
                assert_eq!(status(&mut server, &text), 404, "{text}");
            }
            // To resume the stream of another opens one of its own.
            let peer = server.connect(at(1));
            server.send(
                at(1),
                peer,
                get("/sse", &format!("{shown}Last-Event-ID: {sse}-0\r\n")),
            );
            let endpoint = events(&mut server, peer).remove(0).data;
            assert_ne!(endpoint, *door);
            server.cut(at(1), peer);
        }
    }
    assert_eq!(
        server.engine.gauges().sessions,
        sessions,
        "and nothing has changed"
    );
    for (number, (id, stream, door)) in own.iter().enumerate() {
        assert!(pieces(&mut server, *stream).is_empty());
        let shown = fields(number as u8);
        assert_eq!(
            ask(&mut server, at(2), post(door, &shown, &echo(1, "own")))
                .head
                .status,
            202
        );
        assert!(events(&mut server, *stream)[0].data.contains("own"));
        let named = format!("{shown}Mcp-Session-Id: {id}\r\n");
        let ping = post("/mcp", &named, &request(1, "ping"));
        assert_eq!(ask(&mut server, at(2), ping).head.status, 200);
    }
    server.engine.check(0);
}

/// The head of a request alone; its body, of which nothing is sent, has so many bytes.
fn head_alone(server: &mut Server, path: &str, fields: &str) -> u16 {
    let fields = format!("{fields}Content-Length: 1000\r\n");
    let text = get(path, &fields).replacen("GET", "POST", 1);
    let peer = server.connect(at(0));
    server.send(at(0), peer, text);
    let answer = std::mem::take(&mut server.peers[peer].inbox);
    let answer = String::from_utf8(answer).expect("text");
    assert_eq!(server.peers[peer].closed, !answer.is_empty(), "{answer}");
    answer
        .get(9..12)
        .map_or(0, |status| status.parse().expect("a status"))
}

#[test]
fn a_body_is_waited_for_only_from_whom_the_door_takes_it() {
    let mut server = guarded(tokens());
    for (path, door) in paths() {
        for fields in [
            String::new(),
            bearer(9),
            bearer(0).replacen("Bearer", "Basic", 1),
        ] {
            assert_eq!(head_alone(&mut server, &path, &fields), 401, "{path}");
        }
        assert_eq!(head_alone(&mut server, &path, &bearer(0)), 0, "{path}");
        let is_masters = matches!(door.needs(), Needs::Broadcast | Needs::Stats);
        let expected = if is_masters { 403 } else { 0 };
        assert_eq!(
            head_alone(&mut server, &path, &bearer(2)),
            expected,
            "{path}"
        );
    }
    let master = bearer(0);
    assert_eq!(head_alone(&mut server, "/nowhere", &master), 404);
    let foreign = format!("{master}Origin: http://evil.example\r\n");
    assert_eq!(head_alone(&mut server, "/mcp", &foreign), 403);
    let secret = format!("/t/{}/mcp", secret(4));
    assert_eq!(head_alone(&mut server, &secret, ""), 0);
}

#[test]
fn a_request_in_pieces_is_answered_as_a_whole_one() {
    let mut server = guarded(tokens());
    for number in [0, 9] {
        let whole = post("/mcp", &bearer(number), &request(1, "ping"));
        let expected = answer(&mut server, &whole);
        let (head, body) = whole.split_at(whole.len() - 5);
        let peer = server.connect(at(0));
        server.send(at(0), peer, head);
        server.send(at(0), peer, body);
        let inbox = std::mem::take(&mut server.peers[peer].inbox);
        let told = String::from_utf8(inbox).expect("text");
        let status = |text: &str| text[..12].to_string();
        assert_eq!(status(&told), status(&expected));
        assert_eq!(told.lines().last(), expected.lines().last());
    }
}

#[test]
fn a_secret_path_leads_on_to_secret_paths() {
    let mut server = guarded(tokens());
    let root = format!("/t/{}", secret(2));
    for (path, folder) in [
        ("/sse", "/"),
        ("/sse/", "/sse/"),
        ("/mcp/sse", "/mcp/"),
        ("/mcp", "/"),
    ] {
        let stream = server.connect(at(0));
        server.send(at(0), stream, get(&format!("{root}{path}"), ""));
        let endpoint = events(&mut server, stream).remove(0).data;
        assert!(!endpoint.starts_with('/'), "{endpoint}");
        // As RFC 3986 section 5.2 resolves it.
        let mut door = format!("{root}{folder}{endpoint}");
        while let Some(up) = door.find("/../") {
            let begin = door[..up].rfind('/').expect("there is a root");
            door.replace_range(begin..up + 3, "");
        }
        let ping = post(&door, "", &request(1, "ping"));
        assert_eq!(
            ask(&mut server, at(0), ping).head.status,
            202,
            "{path} {door}"
        );
        assert_eq!(
            events(&mut server, stream)
                .last()
                .map(|event| event.data.contains("result")),
            Some(true)
        );
    }
}

#[test]
fn no_answer_shows_a_secret() {
    let mut server = guarded(tokens());
    for number in [0, 4, 9] {
        let secret = secret(number);
        for (path, _) in paths() {
            for (path, fields, _) in shown(&path, &secret) {
                let answer = answer(&mut server, &plain("GET", &path, &fields));
                assert!(!answer.contains(&secret), "{path}");
            }
        }
    }
    let shown = format!("{:?}", server.engine.config());
    assert!(
        !shown.contains(&secret(0)) && shown.contains("token-0"),
        "{shown}"
    );
}

#[test]
fn without_credentials_everything_is_as_it_was() {
    let mut server = Server::new();
    let (stream, door) = http_sse(&mut server, at(0));
    let wrong = "Authorization: Bearer whatever\r\n";
    assert_eq!(
        ask(&mut server, at(0), post(&door, wrong, &echo(1, "x")))
            .head
            .status,
        202
    );
    assert_eq!(events(&mut server, stream).len(), 1);
}
