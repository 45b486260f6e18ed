//! How much of everything a role may have and how often it may ask; what a reload takes away.

use crate::access::{bearer, guarded, status, tokens};
use crate::support::{Server, at, get, post};
use crate::{INITIALIZED, ask, call, echo, events, initialize, pieces, refused, request};
use slimcp::auth::Access;
use slimcp::auth::address::Network;
use slimcp::auth::role::{Quota, Rate, Role, RoleIndex};
use slimcp::tool::Outcome;
use std::net::IpAddr;

/// The tokens of `access` with another team.
fn team(change: impl FnOnce(&mut Role)) -> Access {
    let mut access = tokens();
    change(&mut access.roles[RoleIndex::TEAM.as_usize()]);
    access
}

fn rate(text: &str) -> Option<Rate> {
    Some(Rate::parse(text).expect("a rate"))
}

/// Opens a stream; the status of the answer.
fn open(server: &mut Server, now: u64, fields: &str) -> (usize, u16) {
    let peer = server.connect(at(now));
    server.send(at(now), peer, get("/sse", fields));
    let answer = server.receive(peer);
    (peer, answer[9..12].parse().expect("a status"))
}

/// The text of a refusal.
fn why(server: &mut Server, now: u64, text: &str) -> (u16, String) {
    let response = ask(server, at(now), text);
    let body: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
    let text = body["error"]["message"].as_str().expect("a refusal");
    (response.head.status, text.to_string())
}

#[test]
fn s2_12_a_role_has_so_many_streams_and_each_of_its_clients_has() {
    for (whole, each, refused, key) in [
        (Some(2), None, 3, "role.team.connections"),
        (None, Some(2), 2, "role.team.each.connections"),
    ] {
        let mut server = guarded(team(|role| {
            role.whole.connections = whole;
            role.each.connections = each;
        }));
        let (first, status) = open(&mut server, 0, &bearer(2));
        assert_eq!(status, 200);
        assert_eq!(open(&mut server, 0, &bearer(2)).1, 200);
        let text = get("/sse", &bearer(refused));
        let (status, text) = why(&mut server, 0, &text);
        assert_eq!(status, 429);
        assert!(text.ends_with(&format!("raise {key}")), "{text}");
        // Others have theirs.
        assert_eq!(open(&mut server, 0, &bearer(0)).1, 200);
        let other = if refused == 2 { 200 } else { 429 };
        assert_eq!(open(&mut server, 0, &bearer(3)).1, other);
        server.cut(at(1), first);
        assert_eq!(open(&mut server, 1, &bearer(2)).1, 200);
        server.engine.check(0);
    }
}

#[test]
fn a_stream_that_comes_back_is_no_further_one() {
    let mut server = guarded(team(|role| role.each.connections = Some(1)));
    let (first, _) = open(&mut server, 0, &bearer(2));
    let back = format!("{}Last-Event-ID: session-00000000000001-0\r\n", bearer(2));
    assert_eq!(open(&mut server, 1, &back).1, 200);
    assert!(
        server.peers[first].closed,
        "the new connection has taken over"
    );
    assert_eq!(server.engine.stats().resumed, 1);
    assert_eq!(open(&mut server, 2, &bearer(2)).1, 429);
}

#[test]
fn a_stream_that_comes_back_waits_for_those_that_have_taken_its_place() {
    let mut server = guarded(team(|role| role.each.connections = Some(1)));
    let (first, _) = open(&mut server, 0, &bearer(2));
    let door = "/messages?session_id=session-00000000000001";
    for message in [initialize("2024-11-05").as_str(), INITIALIZED] {
        let message = post(door, &bearer(2), message);
        assert_eq!(ask(&mut server, at(0), message).head.status, 202);
    }
    server.cut(at(1), first);
    let (second, status) = open(&mut server, 2, &bearer(2));
    assert_eq!(status, 200);
    let back = format!("{}Last-Event-ID: session-00000000000001-1\r\n", bearer(2));
    assert_eq!(open(&mut server, 3, &back).1, 429);
    server.cut(at(4), second);
    assert_eq!(open(&mut server, 5, &back).1, 200);
    assert_eq!(
        server.engine.stats().resumed,
        1,
        "it has lost nothing meanwhile"
    );
    server.engine.check(0);
}

#[test]
fn the_oldest_unused_session_of_a_client_makes_room_for_its_next() {
    let mut server = guarded(team(|role| role.each.sessions = Some(2)));
    let opening = |number| post("/mcp", &bearer(number), &initialize("2025-11-25"));
    let named = |session: u32, number| {
        let field = format!("Mcp-Session-Id: session-{session:014}\r\n");
        post(
            "/mcp",
            &format!("{}{field}", bearer(number)),
            &request(1, "ping"),
        )
    };
    assert_eq!(ask(&mut server, at(0), opening(3)).head.status, 200);
    for now in 1..4 {
        assert_eq!(ask(&mut server, at(now), opening(2)).head.status, 200);
    }
    assert_eq!(refused(&mut server, at(4), named(2, 2)), (404, -32001));
    for (session, number) in [(1, 3), (3, 2), (4, 2)] {
        assert_eq!(
            ask(&mut server, at(4), named(session, number)).head.status,
            200
        );
    }
    assert_eq!(server.engine.stats().sessions_evicted, 1);
    // Sessions with an open stream are in use.
    let mut server = guarded(team(|role| role.whole.sessions = Some(2)));
    for number in [2, 3] {
        assert_eq!(open(&mut server, 0, &bearer(number)).1, 200);
    }
    let (status, text) = why(&mut server, 1, &opening(2));
    assert_eq!(status, 429);
    assert_eq!(
        text,
        "role team has all the sessions it may have: raise role.team.sessions"
    );
    assert_eq!(ask(&mut server, at(1), opening(0)).head.status, 200);
}

#[test]
fn a_quota_that_a_reload_has_lowered_holds_for_the_next_session() {
    let mut server = guarded(tokens());
    let opening = post("/mcp", &bearer(2), &initialize("2025-11-25"));
    for now in 0..5 {
        assert_eq!(ask(&mut server, at(now), &opening).head.status, 200);
    }
    server.reconfigure(at(5), |config| {
        config.access = team(|role| role.whole.sessions = Some(2))
    });
    assert_eq!(server.engine.gauges().sessions, 5);
    assert_eq!(ask(&mut server, at(6), &opening).head.status, 200);
    assert_eq!(server.engine.gauges().sessions, 2);
}

#[test]
fn calls_in_flight_are_counted_for_role_and_client() {
    for (whole, each, third, key) in [
        (Some(1), None, 429, "role.team.calls"),
        (None, Some(1), 0, "role.team.each.calls"),
    ] {
        let mut server = guarded(team(|role| {
            role.whole.calls = whole;
            role.each.calls = each;
        }));
        let post_call = |id, number| post("/mcp", &bearer(number), &call(id, "sleep"));
        let peer = server.connect(at(0));
        server.send(at(0), peer, post_call(1, 2));
        let (status, text) = why(&mut server, 0, &post_call(2, 2));
        assert_eq!(status, 429);
        assert!(text.ends_with(&format!("raise {key}")), "{text}");
        // What is done at once is not in flight.
        let at_once = post("/mcp", &bearer(2), &echo(3, "x"));
        assert_eq!(ask(&mut server, at(0), at_once).head.status, 200);
        assert_eq!(self::status(&mut server, &post_call(4, 3)), third);
        server.finish(at(1), &Outcome::text("done"));
        assert!(server.receive(peer).contains("done"));
        assert_eq!(self::status(&mut server, &post_call(5, 2)), 0, "it runs");
    }
}

#[test]
fn s1_08_whoever_asks_too_often_is_told_how_long_to_wait() {
    let mut server = guarded(team(|role| role.each.rate = rate("2/min")));
    let ping = post("/mcp", &bearer(2), &request(1, "ping"));
    for _ in 0..2 {
        assert_eq!(ask(&mut server, at(0), &ping).head.status, 200);
    }
    for text in [&ping, &get("/sse", &bearer(2)), &get("/mcp", &bearer(2))] {
        let response = ask(&mut server, at(0), text);
        assert_eq!(response.head.status, 429);
        assert_eq!(response.head.field("retry-after"), Some("30"));
        assert!(
            response
                .body
                .contains("wait 30 s, or raise role.team.each.rate")
        );
    }
    assert_eq!(server.engine.stats().rate_limited, 3);
    assert_eq!(
        ask(&mut server, at(0), ping.replace(&bearer(2), &bearer(3)))
            .head
            .status,
        200
    );
    assert_eq!(
        ask(&mut server, at(0), get("/health", &bearer(2)))
            .head
            .status,
        200
    );
    assert_eq!(ask(&mut server, at(30_000), &ping).head.status, 200);
}

#[test]
fn an_address_pays_for_every_request_with_a_token_or_without() {
    let mut access = tokens();
    access.rate = rate("3/min");
    let mut server = guarded(access);
    let address: IpAddr = "192.168.1.7".parse().expect("an address");
    let status_of = |server: &mut Server, now, address, text: &str| {
        let peer = server.connect_from(at(now), address);
        server.send(at(now), peer, text);
        let answer = server.receive(peer);
        answer[9..12].parse::<u16>().expect("a status")
    };
    let guess = post(
        "/messages?session_id=x",
        "X-API-Key: guess\r\n",
        &request(1, "ping"),
    );
    let ping = post("/mcp", &bearer(0), &request(1, "ping"));
    let wanted = [
        (&guess, 401),
        (&ping, 200),
        (&get("/health", ""), 200),
        (&ping, 429),
    ];
    for (text, status) in wanted.into_iter().chain([(&guess, 429)]) {
        assert_eq!(
            status_of(&mut server, 0, Some(address), text),
            status,
            "{text}"
        );
    }
    let other = "192.168.1.8".parse().expect("an address");
    assert_eq!(status_of(&mut server, 0, Some(other), &ping), 200);
    assert_eq!(status_of(&mut server, 0, None, &ping), 200, "a Unix socket");
    assert_eq!(status_of(&mut server, 20_000, Some(address), &ping), 200);
}

#[test]
fn a_request_that_comes_in_pieces_is_paid_for_once() {
    let mut access = tokens();
    access.rate = rate("2/min");
    let mut server = guarded(access);
    let address = "192.168.1.7".parse().ok();
    let ping = post("/mcp", &bearer(0), &request(1, "ping"));
    let peer = server.connect_from(at(0), address);
    for status in ["200", "200", "429"] {
        let (head, body) = ping.split_at(ping.len() - 5);
        server.send(at(0), peer, head);
        server.send(at(0), peer, body);
        assert_eq!(server.receive(peer)[9..12], *status);
    }
}

#[test]
fn whoever_asks_too_often_does_not_learn_that_a_guess_was_right() {
    let mut access = tokens();
    access.rate = rate("1/min");
    let mut server = guarded(access);
    let address = "192.168.1.7".parse().ok();
    let mut told = |text: &str| {
        let peer = server.connect_from(at(0), address);
        server.send(at(0), peer, text);
        let answer = server.receive(peer);
        answer.get(..12).map(str::to_string)
    };
    told(&get("/health", ""));
    for path in ["/messages", "/mcp/sse/send", "/mcp/sse/message", "/mcp"] {
        let door = format!("{path}?session_id=session-00000000000001");
        let right = post(&door, &bearer(2), &request(1, "ping"));
        let wrong = post(&door, &bearer(9), &request(1, "ping"));
        let too_often = Some("HTTP/1.1 429".to_string());
        for text in [
            &right,
            &wrong,
            right.trim_end_matches('}'),
            wrong.trim_end_matches('}'),
        ] {
            assert_eq!(told(text), too_often, "{text}");
        }
    }
}

#[test]
fn a_message_too_many_whose_body_comes_later_is_told_on_the_stream_as_well() {
    let mut access = tokens();
    access.rate = rate("1/min");
    let mut server = guarded(access);
    let address = "192.168.1.7".parse().ok();
    let stream = server.connect_from(at(0), address);
    server.send(at(0), stream, get("/sse", &bearer(2)));
    let door = events(&mut server, stream).remove(0).data;
    let ping = post(&door, &bearer(2), &request(1, "ping"));
    let (head, body) = ping.split_at(ping.len() - 5);
    let peer = server.connect_from(at(0), address);
    server.send(at(0), peer, head);
    server.send(at(0), peer, body);
    assert_eq!(server.receive(peer)[9..12], *"202");
    let told = events(&mut server, stream);
    assert!(
        told[0].data.contains("too many requests"),
        "{}",
        told[0].data
    );
}

#[test]
fn whoever_hides_behind_a_proxy_pays_with_it() {
    let mut access = tokens();
    access.rate = rate("2/min");
    access.proxies = vec![Network::parse("10.0.0.1").expect("an address")];
    let mut server = guarded(access);
    for (hidden, expected) in [("unknown", "401"), ("_x, a", "401"), ("", "429")] {
        let peer = server.connect_from(at(0), "10.0.0.1".parse().ok());
        let fields = format!("X-API-Key: guess\r\nX-Forwarded-For: {hidden}\r\n");
        server.send(at(0), peer, post("/mcp", &fields, &request(1, "ping")));
        assert_eq!(server.receive(peer)[9..12], *expected, "{hidden}");
    }
}

#[test]
fn a_call_that_waits_is_dropped_with_the_right_to_it() {
    let mut server = guarded(tokens());
    // Two run, of which the second is of the team as well, and two wait.
    let waiting = [0, 2, 2, 3].map(|number| {
        let peer = server.connect(at(0));
        let fields = bearer(number);
        server.send(at(0), peer, post("/mcp", &fields, &call(1, "sleep")));
        peer
    });
    assert_eq!(server.started.len(), 2);
    server.reconfigure(at(1), |config| {
        config.access.tokens[2].role = RoleIndex::READONLY;
    });
    let answers = waiting.map(|peer| server.receive(peer));
    let is_dropped = |answer: &String| answer.contains("a reload of the configuration has");
    assert_eq!(
        answers.each_ref().map(is_dropped),
        [false, false, true, false]
    );
    for _ in 0..3 {
        server.finish(at(2), &Outcome::text("done"));
    }
    let answers = waiting.map(|peer| server.receive(peer).contains("done"));
    assert_eq!(answers, [true, true, false, true]);
    server.engine.check(0);
}

#[test]
fn every_request_of_a_batch_counts() {
    let pings = |count| {
        let pings: Vec<String> = (0..count).map(|id| request(id, "ping")).collect();
        format!("[{}]", pings.join(","))
    };
    let limits: [fn(&mut Access); 2] = [
        |access| access.rate = rate("4/min"),
        |access| access.roles[RoleIndex::TEAM.as_usize()].each.rate = rate("4/min"),
    ];
    for limit in limits {
        let mut access = tokens();
        limit(&mut access);
        let mut server = guarded(access);
        let peer = server.connect_from(at(0), "192.168.1.7".parse().ok());
        server.send(at(0), peer, post("/mcp", &bearer(2), &pings(6)));
        let answer = server.receive(peer);
        assert_eq!(answer.matches(r#""result":{}"#).count(), 4, "{answer}");
        assert_eq!(answer.matches("too many requests").count(), 2, "{answer}");
        server.send(at(0), peer, post("/mcp", &bearer(2), &pings(1)));
        assert_eq!(server.receive(peer)[9..12], *"429");
    }
}

#[test]
fn every_request_of_a_batch_counts_on_a_stream_as_well() {
    let mut server = guarded(team(|role| role.whole.rate = rate("4/min")));
    let stream = server.connect(at(0));
    server.send(at(0), stream, get("/sse", &bearer(2)));
    let door = events(&mut server, stream).remove(0).data;
    let initialize = post(&door, &bearer(2), &initialize("2025-03-26"));
    assert_eq!(ask(&mut server, at(0), initialize).head.status, 202);
    let pings: Vec<String> = (1..5).map(|id| request(id, "ping")).collect();
    let batch = post(&door, &bearer(2), &format!("[{}]", pings.join(",")));
    assert_eq!(ask(&mut server, at(0), batch).head.status, 202);
    let told = events(&mut server, stream);
    let too_many = told.iter().filter(|event| event.data.contains("too many"));
    assert_eq!((told.len(), too_many.count()), (5, 2));
}

#[test]
fn a_message_too_many_is_acknowledged_and_refused_on_the_stream() {
    let mut server = guarded(team(|role| role.whole.rate = rate("3/min")));
    let stream = server.connect(at(0));
    server.send(at(0), stream, get("/sse", &bearer(2)));
    let door = events(&mut server, stream).remove(0).data;
    let accepted = |server: &mut Server, now, text: &str| {
        let response = ask(server, at(now), post(&door, &bearer(2), text));
        assert_eq!((response.head.status, response.body.as_str()), (202, ""));
    };
    for message in [initialize("2024-11-05").as_str(), INITIALIZED] {
        accepted(&mut server, 0, message);
    }
    events(&mut server, stream);
    accepted(&mut server, 0, &call(7, "sleep"));
    assert!(server.started.is_empty());
    let refusal = concat!(
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"#,
        r#""too many requests of role team: wait 20 s, or raise role.team.rate"}}"#
    );
    let told = events(&mut server, stream);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].data, refusal);
    accepted(&mut server, 20_000, &call(8, "sleep"));
    assert_eq!(server.started.len(), 1);
    // A client that may not ask may still say that it does not want the answer.
    accepted(&mut server, 20_000, &crate::cancel(8));
    assert_eq!(server.terminated.len(), 1);
    assert_eq!(events(&mut server, stream).len(), 0);
}

#[test]
fn a_reload_ends_what_a_token_that_is_gone_has_opened() {
    let mut server = guarded(tokens());
    let opening = |number| post("/mcp", &bearer(number), &initialize("2025-11-25"));
    for number in [2, 3] {
        assert_eq!(ask(&mut server, at(0), opening(number)).head.status, 200);
    }
    let (gone, _) = open(&mut server, 0, &bearer(2));
    let (stays, _) = open(&mut server, 0, &bearer(3));
    let waiting = server.connect(at(0));
    server.send(at(0), waiting, post("/mcp", &bearer(2), &call(1, "sleep")));
    server.reconfigure(at(1), |config| config.access.tokens.remove(2).name.clear());
    for (peer, is_closed) in [(gone, true), (waiting, true), (stays, false)] {
        assert_eq!(server.peers[peer].closed, is_closed);
    }
    assert_eq!(server.terminated.len(), 1);
    assert_eq!(server.engine.gauges().sessions, 2);
    assert_eq!(refused(&mut server, at(2), opening(2)), (401, -32600));
    server.finish(at(2), &Outcome::text("for nobody"));
    server.engine.check(0);
}

#[test]
fn whoever_has_no_right_to_read_cannot_put_off_the_end_by_not_reading() {
    let mut access = tokens();
    access
        .roles
        .push(access.roles[RoleIndex::TEAM.as_usize()].clone());
    access.roles[3].name = "crew".to_string();
    access.tokens[2].role = RoleIndex::new(3);
    let mut server = guarded(access);
    let (blocked, _) = open(&mut server, 0, &bearer(2));
    let (reading, _) = open(&mut server, 0, &bearer(2));
    let stream = server.peers[blocked].stream.expect("it carries one");
    server.engine.handle_blocked(stream);
    // The token is gone, and so is the place of its role.
    server.reconfigure(at(1), |config| {
        config.access = tokens();
        config.access.tokens.remove(2);
    });
    assert!(server.peers[blocked].closed && server.peers[reading].closed);
    assert_eq!(server.engine.gauges().sessions, 0);
    let stats = get("/mcp/sse/stats", &bearer(0));
    assert_eq!(ask(&mut server, at(2), stats).head.status, 200);
    server.engine.check(0);
}

#[test]
fn a_reload_gives_sessions_the_role_that_their_principal_has_now() {
    let mut server = guarded(tokens());
    let opening = post("/mcp", &bearer(2), &initialize("2025-11-25"));
    let id = ask(&mut server, at(0), opening)
        .head
        .field("mcp-session-id")
        .map(String::from);
    let fields = format!(
        "{}Mcp-Session-Id: {}\r\n",
        bearer(2),
        id.expect("a session")
    );
    let peer = server.connect(at(0));
    server.send(at(0), peer, get("/mcp", &fields));
    pieces(&mut server, peer);
    // The same roles in the same places: nothing is to be told.
    server.reconfigure(at(1), |config| config.title = Some("new".to_string()));
    assert_eq!(events(&mut server, peer).len(), 0);
    server.reconfigure(at(2), |config| {
        config.access.tokens[2].role = RoleIndex::READONLY
    });
    let told = events(&mut server, peer);
    assert!(
        told[0].data.contains("notifications/tools/list_changed"),
        "{:?}",
        told.len()
    );
    let sleep = post("/mcp", &fields, &call(1, "sleep"));
    assert_eq!(refused(&mut server, at(3), sleep), (403, -32600));
    // A role of fewer rights than there are places for.
    server.reconfigure(at(4), |config| {
        config.access.roles.push(Role {
            name: "crew".to_string(),
            whole: Quota {
                sessions: Some(1),
                ..Quota::default()
            },
            ..config.access.roles[0].clone()
        });
        config.access.tokens[2].role = RoleIndex::new(3);
    });
    assert_eq!(events(&mut server, peer).len(), 1);
    server.reconfigure(at(5), |config| {
        config.access = tokens();
        config.access.tokens[2].role = RoleIndex::MASTER;
    });
    assert_eq!(server.engine.gauges().sessions, 1);
    server.engine.check(0);
}

#[test]
fn a_reload_leaves_debts_unless_the_rates_are_others() {
    let mut server = guarded(team(|role| role.each.rate = rate("1/h")));
    let ping = post("/mcp", &bearer(2), &request(1, "ping"));
    assert_eq!(ask(&mut server, at(0), &ping).head.status, 200);
    server.reconfigure(at(1), |config| config.title = Some("new".to_string()));
    assert_eq!(refused(&mut server, at(1), &ping), (429, -32603));
    server.reconfigure(at(2), |config| {
        config.access = team(|role| role.each.rate = rate("2/h"));
    });
    assert_eq!(ask(&mut server, at(2), &ping).head.status, 200);
}
