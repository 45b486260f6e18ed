//! Listings: their pages, their cursors, and that changes are told.

use crate::client::{Client, HANDSHAKES, Line, REVISIONS};
use crate::support::{Server, at, command, get};
use serde_json::Value;
use slimcp::tool::Tool;
use slimcp::tool::command::CommandTool;
use slimcp::tool::registry::Registry;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A server with this many tools, each described like that.
fn server(count: usize, description: &str) -> Server {
    let mut server = Server::new();
    offer(&mut server, count, description);
    server
}

fn offer(server: &mut Server, count: usize, description: &str) {
    let tool = |number: usize| -> Rc<dyn Tool> {
        let mut spec = command(&format!("tool-{number:03}"));
        spec.description = description.to_string();
        Rc::new(CommandTool::new(spec).expect("the command is sound"))
    };
    let tools = Registry::new((0..count).map(tool).collect()).expect("the names differ");
    let config = server.engine.config().clone();
    server.engine.reload(at(0), config, tools);
    server.settle(at(0));
}

/// One page of the tools.
fn page(server: &mut Server, client: &mut Client, cursor: Option<&str>) -> Value {
    let members = cursor.map_or(String::new(), |cursor| format!(r#""cursor":"{cursor}""#));
    client.ask(server, at(1), "1", "tools/list", &members)
}

/// Every page, as a client follows the cursors.
fn pages(server: &mut Server, client: &mut Client) -> Vec<Value> {
    let mut cursor: Option<String> = None;
    let mut pages = Vec::new();
    loop {
        let mut answer = page(server, client, cursor.as_deref());
        let next = answer["result"]["nextCursor"].as_str().map(str::to_string);
        pages.push(answer["result"].take());
        assert!(pages.len() < 10, "it ends");
        let Some(next) = next else { return pages };
        cursor = Some(next);
    }
}

fn names(pages: &[Value]) -> Vec<String> {
    let tools = pages.iter().flat_map(|page| page["tools"].as_array());
    let names = tools.flatten().map(|tool| tool["name"].as_str());
    names
        .map(|name| name.expect("a name").to_string())
        .collect()
}

#[test]
fn every_tool_is_listed_once_page_by_page() {
    for revision in REVISIONS {
        for (count, expected) in [(0, 1), (3, 1), (100, 1), (101, 2), (250, 3)] {
            let mut server = server(count, "One of many.");
            let mut client = Client::open(&mut server, at(0), revision);
            let pages = pages(&mut server, &mut client);
            assert_eq!(pages.len(), expected, "{revision} {count}");
            let last = pages.last().expect("there is one");
            assert_eq!(last.get("nextCursor"), None, "absent, and not null");
            let names = names(&pages);
            let unique: BTreeSet<&String> = names.iter().collect();
            assert_eq!((names.len(), unique.len()), (count, count));
        }
    }
}

#[test]
fn cursors_hold_as_long_as_the_tool_that_they_follow() {
    for revision in REVISIONS {
        let mut server = server(250, "One of many.");
        let mut client = Client::open(&mut server, at(0), revision);
        let all = pages(&mut server, &mut client);
        let cursor = all[0]["nextCursor"].as_str().expect("there is more");
        // For the same client at another time, in another order, and for another client.
        for _ in 0..2 {
            let again = page(&mut server, &mut client, Some(cursor));
            assert_eq!(again["result"], all[1], "{revision}");
        }
        let mut other = Client::open(&mut server, at(2), revision);
        let theirs = page(&mut server, &mut other, Some(cursor));
        assert_eq!(theirs["result"], all[1], "{revision}");
        // A reload in between does not lose a client its place, unless that place is gone.
        offer(&mut server, 250, "Another one of many.");
        let mut late = Client::open(&mut server, at(3), revision);
        let rest = page(&mut server, &mut late, Some(cursor));
        assert_eq!(names(&[rest["result"].clone()]), names(&all[1..2]));
        offer(&mut server, 50, "One of few.");
        let mut late = Client::open(&mut server, at(4), revision);
        let gone = page(&mut server, &mut late, Some(cursor));
        assert_eq!(gone["error"]["code"], -32602, "{revision}");
    }
}

#[test]
fn a_cursor_that_was_never_given_is_wrong() {
    for revision in REVISIONS {
        let mut server = server(250, "One of many.");
        let mut client = Client::open(&mut server, at(0), revision);
        for wrong in ["\"\"", "\"1\"", "\"100\"", "\"x\"", "7", "[]", "{}"] {
            let members = format!(r#""cursor":{wrong}"#);
            let answer = client.ask(&mut server, at(1), "1", "tools/list", &members);
            assert_eq!(answer["error"]["code"], -32602, "{revision} {wrong}");
        }
    }
}

#[test]
fn every_page_may_be_kept_alike() {
    let mut server = server(250, "One of many.");
    let mut client = Client::open(&mut server, at(0), "2026-07-28");
    let pages = pages(&mut server, &mut client);
    for page in &pages {
        assert_eq!(page["cacheScope"], "public");
        assert_eq!(page["resultType"], "complete");
        assert_eq!(page["ttlMs"], pages[0]["ttlMs"]);
        assert!(page["ttlMs"].is_u64());
    }
}

#[test]
fn a_change_of_the_tools_is_told_once_to_every_session_that_listens() {
    for revision in HANDSHAKES {
        let mut server = server(3, "One of few.");
        let mut client = Client::open(&mut server, at(0), revision);
        let mut line = match client.is_http_sse() {
            true => Line::open(
                &mut server,
                at(0),
                client.notification("notifications/new", ""),
            ),
            false => Line::open(&mut server, at(0), get("/mcp", &client.fields)),
        };
        assert!(client.hear(&mut server, &mut line).is_empty());
        offer(&mut server, 4, "One of few.");
        let told = client.hear(&mut server, &mut line);
        assert_eq!(told.len(), 1, "{revision}");
        assert_eq!(told[0]["method"], "notifications/tools/list_changed");
        offer(&mut server, 4, "One of few.");
        assert!(client.hear(&mut server, &mut line).is_empty(), "no change");
        let pages = pages(&mut server, &mut client);
        assert_eq!(names(&pages).len(), 4, "{revision}");
    }
}

#[test]
fn the_order_is_the_same_for_everybody_and_at_any_time() {
    let mut server = server(120, "One of many.");
    let mut expected: Option<Vec<String>> = None;
    for revision in REVISIONS {
        for _ in 0..2 {
            let mut client = Client::open(&mut server, at(0), revision);
            let names = names(&pages(&mut server, &mut client));
            let first = expected.get_or_insert_with(|| names.clone());
            assert_eq!(&names, first, "{revision}");
        }
    }
}
