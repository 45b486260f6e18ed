//! Who hears of a resource of a server that speaks both eras: whoever is served by the child that
//! tells of it.

use super::*;
use crate::http_sse;
use crate::support::upstream;
use crate::watch::{listen, subscribe, told};

const URI: &str = "memo://a";

/// Lets a child of both eras answer; methods and ids of what neither opens nor lists.
fn serve_dual(server: &mut Server, now: Instant, child: usize) -> Vec<(String, u64)> {
    let capabilities = r#""capabilities":{"resources":{"subscribe":true}}"#;
    let mut asked = Vec::new();
    loop {
        let heard = server.child_hears(child);
        if heard.is_empty() {
            server.engine.check(0);
            return asked;
        }
        for message in heard {
            let method = message["method"].as_str().expect("nothing was asked");
            let Some(id) = message["id"].as_u64() else {
                continue;
            };
            let result = match method {
                "initialize" => {
                    let info = r#""serverInfo":{"name":"child","version":"1"}"#;
                    format!("{{\"protocolVersion\":\"2025-11-25\",{capabilities},{info}}}")
                }
                "server/discover" => {
                    format!("{{\"supportedVersions\":[\"2026-07-28\"],{capabilities}}}")
                }
                "resources/list" => json!({"resources": [{"uri": URI, "name": "a"}]}).to_string(),
                "ping" => "{}".to_string(),
                "resources/templates/list" => r#"{"resourceTemplates":[]}"#.to_string(),
                "subscriptions/listen" => {
                    acknowledge(server, now, child, id);
                    asked.push((method.to_string(), id));
                    continue;
                }
                _ => {
                    asked.push((method.to_string(), id));
                    "{}".to_string()
                }
            };
            server.child_answers(now, child, id, &result);
        }
    }
}

fn tag(id: u64) -> Value {
    json!({"io.modelcontextprotocol/subscriptionId": id})
}

fn acknowledge(server: &mut Server, now: Instant, child: usize, id: u64) {
    let notifications = json!({"resourceSubscriptions": [URI]});
    let params = json!({"_meta": tag(id), "notifications": notifications});
    let method = "notifications/subscriptions/acknowledged";
    let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
    server.child_says(now, child, &message.to_string());
}

fn update(server: &mut Server, child: usize, meta: &Value) {
    let params = json!({"uri": URI, "_meta": meta});
    let method = "notifications/resources/updated";
    let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
    server.child_says(at(1), child, &message.to_string());
    server.settle(at(1));
}

/// A server with one upstream that speaks both eras, which is known.
fn dual(spec: UpstreamSpec) -> Server {
    let mut server = Server::with_upstreams_and(Limits::default(), vec![spec]);
    server.settle(at(0));
    let mut child = 0;
    while child < server.children.len() {
        serve_dual(&mut server, at(0), child);
        if server.children[child].is_closed {
            server.child_ends(at(0), child, Ok(Exit::Status(0)));
        }
        child += 1;
    }
    server
}

#[test]
fn each_hears_of_it_from_the_child_of_its_own_era() {
    let mut server = dual(upstream("memo"));
    server.children.clear();
    let listener = listen(
        &mut server,
        at(0),
        r#"{"resourceSubscriptions":["memo://a"]}"#,
    );
    let asked = serve_dual(&mut server, at(0), 0);
    let [(method, subscription)] = &asked[..] else {
        panic!("one subscription: {asked:?}");
    };
    assert_eq!(method, "subscriptions/listen");
    let subscriber = http_sse(&mut server, at(0));
    subscribe(&mut server, at(0), &subscriber, URI);
    let asked = serve_dual(&mut server, at(0), 1);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0, "resources/subscribe");
    update(&mut server, 0, &tag(*subscription));
    assert_eq!(told(&mut server, listener), ["resources/updated memo://a"]);
    assert!(told(&mut server, subscriber.0).is_empty());
    update(&mut server, 1, &json!({}));
    assert!(told(&mut server, listener).is_empty());
    assert_eq!(
        told(&mut server, subscriber.0),
        ["resources/updated memo://a"]
    );
    server.engine.check(0);
}
