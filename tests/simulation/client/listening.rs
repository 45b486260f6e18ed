//! Subscriptions of 2026-07-28: a client asks for some news, and is told of those and no others.

use super::{Asked, Client, Shared};
use crate::support::post;
use crate::support::reader::Event;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a filter may ask for, and the news that it stands for. A mask has a bit for each.
const NEWS: [(&str, &str); 4] = [
    ("toolsListChanged", "notifications/tools/list_changed"),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    (
        "resourcesListChanged",
        "notifications/resources/list_changed",
    ),
    ("resourceSubscriptions", "notifications/resources/updated"),
];

/// The one thing of which this world's server has none.
const NOT_OFFERED: &str = "promptsListChanged";

/// A subscription as its client sees it.
pub struct Subscription {
    /// The news that are honoured.
    honoured: BTreeSet<&'static str>,
    /// Those that it was told since this was asked last.
    told: BTreeSet<String>,
    /// The response has come: only the end of the stream may follow.
    is_complete: bool,
}

impl Client {
    /// Asks for some of the news.
    pub(super) fn subscribe(&mut self, shared: &mut Shared<'_>) {
        let number = self.new_number(shared);
        let mask = shared.random.below(1 << NEWS.len());
        let mut filter = json!({});
        for (name, _) in wanted(mask) {
            filter[name] = match name {
                "resourceSubscriptions" => json!(["test://a", "test://nowhere"]),
                _ => json!(true),
            };
        }
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({
            "jsonrpc": "2.0", "id": self.id_of(number), "method": "subscriptions/listen",
            "params": {"notifications": filter, "_meta": meta},
        });
        let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
        let text = post("/mcp", fields, &body.to_string());
        self.send(shared, Asked::Subscription(number, mask), &text, false);
    }

    /// A message of a subscription.
    pub(super) fn see_news(&mut self, index: usize, number: u64, mask: usize, event: &Event) {
        assert_eq!(event.id, None, "nobody comes back for it");
        let message: Value = serde_json::from_str(&event.data).expect("an event is JSON");
        let own = self.id_of(number);
        let carrier = message.get("result").unwrap_or(&message["params"]);
        let tag = &carrier["_meta"]["io.modelcontextprotocol/subscriptionId"];
        assert_eq!(*tag, own, "it was meant for another subscription");
        let place = &mut self.connections[index].subscription;
        let Some(subscription) = place else {
            *place = Some(acknowledged(mask, &message));
            return;
        };
        assert!(!subscription.is_complete, "the response is the last word");
        if message.get("result").is_some() {
            assert_eq!(message["id"], own);
            assert_eq!(message["result"]["resultType"], "complete");
            subscription.is_complete = true;
            return;
        }
        let method = message["method"].as_str().expect("methods are strings");
        assert!(
            subscription.honoured.contains(method),
            "nobody asked: {method}"
        );
        if method == "notifications/resources/updated" {
            assert_eq!(message["params"]["uri"], "test://a");
        }
        subscription.told.insert(method.to_string());
        self.news += 1;
    }

    /// The stream of a subscription has ended as it should.
    pub(super) fn see_subscription_end(&mut self, index: usize) {
        let subscription = self.connections[index].subscription.take();
        let is_complete = subscription.is_some_and(|it| it.is_complete);
        assert!(is_complete, "a subscription ended without a response");
    }

    /// From here on what is told counts.
    pub fn forget_news(&mut self) {
        for connection in &mut self.connections {
            if let Some(subscription) = &mut connection.subscription {
                subscription.told.clear();
            }
        }
    }

    /// Everything has changed since, and everything was read: each has heard what it asked for.
    pub fn assert_has_heard_the_news(&self) {
        for connection in &self.connections {
            if let Some(subscription) = &connection.subscription {
                let told = subscription.told.iter();
                assert!(
                    told.eq(&subscription.honoured),
                    "client {} was told {:?} of {:?}",
                    self.name,
                    subscription.told,
                    subscription.honoured
                );
            }
        }
    }
}

fn wanted(mask: usize) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = NEWS.into_iter().enumerate();
    all.filter_map(move |(place, news)| (mask & (1 << place) != 0).then_some(news))
}

/// The first message says what is honoured: all of it, but what there is none of.
fn acknowledged(mask: usize, message: &Value) -> Subscription {
    let method = "notifications/subscriptions/acknowledged";
    assert_eq!(message["method"], method, "it comes first");
    let filter = message["params"]["notifications"].as_object();
    let filter = filter.expect("a filter is an object");
    let offered = || wanted(mask).filter(|(name, _)| *name != NOT_OFFERED);
    let names: BTreeSet<&str> = filter.keys().map(String::as_str).collect();
    assert_eq!(names, offered().map(|(name, _)| name).collect());
    Subscription {
        honoured: offered().map(|(_, method)| method).collect(),
        told: BTreeSet::new(),
        is_complete: false,
    }
}
