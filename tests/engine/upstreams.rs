//! Servers behind this one, as the engine runs them: when a child is started and ended, which call
//! it gets, and what becomes of its calls when it fails.

mod asking;
mod calls;
mod ending;
mod heeding;
mod instances;
mod renewing;

use crate::support::reader::Piece;
use crate::support::{Server, at, post};
use crate::{pieces_within, streamable};
use serde_json::{Value, json};
use slimcp::limits::Limits;
use slimcp::time::Instant;
use slimcp::tool::command::Exit;
use slimcp::upstream::spec::UpstreamSpec;

const REVISION: &str = "2025-11-25";

/// The tool that every child here has.
const TOOLS: &str = r#"{"tools":[{"name":"work","inputSchema":{"type":"object"}}]}"#;

/// A server with these upstreams, of which all is known: those that were asked are gone.
fn known(specs: Vec<UpstreamSpec>) -> Server {
    known_with(Limits::default(), specs)
}

fn known_with(limits: Limits, specs: Vec<UpstreamSpec>) -> Server {
    let mut server = Server::with_upstreams_and(limits, specs);
    server.settle(at(0));
    let mut child = 0;
    while child < server.children.len() {
        serve(&mut server, at(0), child);
        assert!(server.children[child].is_closed, "it was only asked");
        server.child_ends(at(0), child, Ok(Exit::Status(0)));
        child += 1;
    }
    server.engine.check(0);
    server.children.clear();
    server
}

/// Lets a child with a handshake answer all that is no call; the calls, and what else it hears.
fn serve(server: &mut Server, now: Instant, child: usize) -> Vec<Value> {
    let mut rest = Vec::new();
    loop {
        let heard = server.child_hears(child);
        if heard.is_empty() {
            server.engine.check(0);
            return rest;
        }
        for message in heard {
            let result = match message["method"].as_str() {
                Some("initialize") => {
                    r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},
                        "serverInfo":{"name":"child","version":"1"}}"#
                }
                Some("tools/list") => TOOLS,
                Some("ping") => "{}",
                Some("notifications/initialized") => continue,
                Some("server/discover") => {
                    let id = message["id"].as_u64().expect("a request");
                    let error = json!({"jsonrpc": "2.0", "id": id,
                        "error": {"code": -32601, "message": "what?"}});
                    server.child_says(now, child, &error.to_string());
                    continue;
                }
                Some(_) | None => {
                    rest.push(message);
                    continue;
                }
            };
            let id = message["id"].as_u64().expect("a request");
            server.child_answers(now, child, id, &result.replace('\n', ""));
        }
    }
}

/// A call of the one tool in a session with these fields; the peer that its answer comes through.
fn call(server: &mut Server, now: Instant, fields: &str, id: u32) -> usize {
    let peer = server.connect(now);
    server.send(now, peer, post("/mcp", fields, &crate::call(id, "work")));
    peer
}

/// The answer that a peer has got; `None` while there is none.
fn answered(server: &mut Server, peer: usize) -> Option<Value> {
    let pieces = pieces_within(server, peer).into_iter();
    let mut texts = pieces.filter_map(|piece| match piece {
        Piece::Body(body) => Some(body),
        Piece::Event(event) => Some(event.data),
        _ => None,
    });
    let parse = |text: String| serde_json::from_str::<Value>(&text).ok();
    texts.find_map(|text| parse(text).filter(|message| message.get("method").is_none()))
}

/// The text of the error that a peer has got.
fn refusal(server: &mut Server, peer: usize) -> String {
    let answer = answered(server, peer).expect("it was answered at once");
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
    let text = answer["error"]["message"].as_str();
    text.expect("an error has a message").to_string()
}

/// The ids of the calls among these messages.
fn call_ids(messages: &[Value]) -> Vec<u64> {
    let calls = messages.iter();
    let calls = calls.filter(|message| message["method"] == "tools/call");
    calls
        .map(|call| call["id"].as_u64().expect("an id"))
        .collect()
}

fn said(text: &str) -> String {
    json!({"content": [{"type": "text", "text": text}]}).to_string()
}

/// A session on which a call runs, of a server with one shared child; the fields, the peer, and the
/// id that the child knows the call by.
fn running(server: &mut Server) -> (String, usize, u64) {
    let fields = streamable(server, at(0), REVISION);
    let peer = call(server, at(0), &fields, 1);
    let calls = serve(server, at(0), 0);
    let [id] = call_ids(&calls)[..] else {
        panic!("one call: {calls:?}");
    };
    (fields, peer, id)
}
