//! What a child is asked to tell, and what it tells.

use super::{Child, NONE, plan};
use crate::limits::{CHILD_FORGOTTEN_MAX, URI_BYTES_MAX, WATCHED_MAX};
use crate::mcp::revision::Era;
use crate::upstream::conversation::{Conversation, Plan};

const SUBSCRIBE: &str = r#"{"resources":{"subscribe":true}}"#;
const CHANGES: &str = r#"{"tools":{"listChanged":true},"resources":{"subscribe":true}}"#;

/// A child that is ready, with all its listings read if it is asked for them.
fn ready(era: Era, offers: &str, lists: bool) -> Child {
    let mut child = Child(Conversation::new(Plan { lists, ..plan(era) }));
    child.opens(era, offers);
    child.sent();
    child.effects();
    child
}

impl Child {
    fn opens(&mut self, era: Era, offers: &str) {
        let opened = match era {
            Era::Handshake => r#""protocolVersion":"2025-11-25""#,
            Era::Stateless => r#""supportedVersions":["2026-07-28"]"#,
        };
        self.says(&format!(
            r#""id":1,"result":{{{opened},"capabilities":{offers}}}"#
        ));
    }

    /// It acknowledges a subscription.
    fn acknowledges(&mut self, id: u64, filter: &str) {
        self.news_of(
            id,
            "subscriptions/acknowledged",
            &format!(r#","notifications":{filter}"#),
        );
    }

    /// It says something in a subscription.
    fn news_of(&mut self, id: u64, method: &str, members: &str) {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
        self.says(&format!(
            r#""method":"notifications/{method}","params":{{{meta}{members}}}"#
        ));
    }

    /// The filters of the subscriptions that it was asked for, and other lines whole.
    fn filters(&mut self) -> Vec<String> {
        let sent = self.sent();
        let filter = |line: String| match line.split_once(r#""notifications":"#) {
            Some((before, rest)) if before.contains("subscriptions/listen") => {
                let (filter, meta) = rest.split_once(r#","_meta":"#).expect("it says who asks");
                assert!(meta.contains("2026-07-28"), "{meta}");
                filter.to_string()
            }
            Some(_) | None => line,
        };
        sent.into_iter().map(filter).collect()
    }
}

fn resources(uris: &str) -> String {
    format!(r#"{{"resourceSubscriptions":[{uris}]}}"#)
}

fn cancelled(id: u64) -> String {
    format!(r#""method":"notifications/cancelled","params":{{"requestId":{id}}}"#)
}

#[test]
fn resources_are_subscribed_to_one_by_one_with_a_handshake() {
    let mut child = ready(Era::Handshake, SUBSCRIBE, false);
    let id = child.0.last_id;
    child.0.subscribe("a:\"1");
    child.0.subscribe("a:2");
    let request = |id: u64, method: &str, uri: &str| {
        format!(r#""id":{id},"method":"resources/{method}","params":{{"uri":"{uri}"}}"#)
    };
    let sent = [
        request(id + 1, "subscribe", "a:\\\"1"),
        request(id + 2, "subscribe", "a:2"),
    ];
    assert_eq!(child.sent(), sent);
    child.says(&format!(r#""id":{},"result":{{}}"#, id + 1));
    child.says(&format!(
        r#""id":{},"error":{{"code":-32602,"message":"?"}}"#,
        id + 2
    ));
    let told = [
        r#"Subscribed("a:\"1", true)"#,
        r#"Subscribed("a:2", false)"#,
    ];
    assert_eq!(child.effects(), told);
    child.0.subscribe("a:\"1");
    assert_eq!(child.effects(), told[..1], "it does so already");
    child.says(r#""method":"notifications/resources/updated","params":{"uri":"a:\u00311"}"#);
    assert_eq!(child.effects(), [r#"Updated("a:11")"#]);
    child.0.unsubscribe("a:2");
    assert_eq!(child.sent(), NONE, "it has refused that");
    child.0.unsubscribe("a:\"1");
    assert_eq!(child.sent(), [request(id + 3, "unsubscribe", "a:\\\"1")]);
    child.says(&format!(r#""id":{},"result":{{}}"#, id + 3));
    assert_eq!(child.effects(), NONE);
}

#[test]
fn what_is_wanted_before_the_child_is_ready_is_asked_for_then() {
    for (era, asked) in [
        (
            Era::Handshake,
            r#""method":"resources/subscribe","params":{"uri":"a:1"}"#,
        ),
        (
            Era::Stateless,
            r#""notifications":{"resourceSubscriptions":["a:1"]}"#,
        ),
    ] {
        let mut child = Child(Conversation::new(plan(era)));
        child.sent();
        child.0.subscribe("a:1");
        child.0.subscribe("a:2");
        child.0.unsubscribe("a:2");
        assert_eq!(
            child.sent(),
            NONE,
            "nobody says anything before the handshake"
        );
        child.opens(era, SUBSCRIBE);
        let sent = child.sent();
        assert!(sent.iter().any(|line| line.contains(asked)), "{sent:?}");
        assert!(!sent.iter().any(|line| line.contains("a:2")), "{sent:?}");

        let mut child = Child(Conversation::new(plan(era)));
        child.0.subscribe("a:1");
        child.opens(era, r#"{"resources":{}}"#);
        assert_eq!(child.effects(), ["Ready", r#"Subscribed("a:1", false)"#]);
    }
}

#[test]
fn nobody_is_told_of_a_subscription_that_was_taken_back() {
    let mut child = ready(Era::Handshake, SUBSCRIBE, false);
    for _ in 0..1000 {
        child.0.subscribe("a:1");
        child.0.unsubscribe("a:1");
    }
    let id = child.0.last_id;
    child.says(&format!(r#""id":{},"result":{{}}"#, id - 1));
    assert_eq!(child.effects(), NONE);
    assert!(
        child.0.pending() <= CHILD_FORGOTTEN_MAX + 1,
        "it may never answer"
    );
}

#[test]
fn so_many_resources_are_looked_after_and_no_more() {
    for era in [Era::Handshake, Era::Stateless] {
        let mut child = ready(era, SUBSCRIBE, false);
        child.0.subscribe(&"x".repeat(URI_BYTES_MAX + 1));
        let said = child.effects();
        assert!(said[0].ends_with("false)"), "{said:?}");
        for number in 0..WATCHED_MAX {
            child.0.subscribe(&format!("a:{number}"));
        }
        assert_eq!(child.effects(), NONE);
        child.0.subscribe("a:more");
        assert_eq!(child.effects(), [r#"Subscribed("a:more", false)"#]);
        assert!(child.0.held_bytes() >= WATCHED_MAX * "a:1".len());
    }
}

#[test]
fn one_subscription_asks_for_all_changes_and_before_the_listings() {
    let mut child = Child(Conversation::new(Plan {
        lists: true,
        ..plan(Era::Stateless)
    }));
    child.sent();
    child.opens(Era::Stateless, CHANGES);
    let sent = child.filters();
    assert_eq!(sent[0], r#"{"toolsListChanged":true}"#);
    assert!(sent[1].contains("tools/list"), "{sent:?}");
    child.effects();
    child.acknowledges(2, r#"{"toolsListChanged":true}"#);
    child.news_of(2, "tools/list_changed", "");
    assert_eq!(child.effects(), ["Stale"]);

    let mut child = ready(Era::Stateless, r#"{"tools":{}}"#, true);
    child.says(r#""id":2,"result":{"tools":[]}"#);
    assert_eq!(
        child.0.pending(),
        0,
        "it tells of nothing: it is not listened to"
    );
}

#[test]
fn another_subscription_takes_over_before_the_old_one_ends() {
    let mut child = ready(Era::Stateless, SUBSCRIBE, false);
    child.0.subscribe("a:1");
    assert_eq!(child.filters(), [resources("\"a:1\"")]);
    child.0.subscribe("a:2");
    child.0.subscribe("a:3");
    child.0.unsubscribe("a:3");
    assert_eq!(child.filters(), NONE, "one at a time");
    child.acknowledges(2, &resources("\"a:1\",\"a:2\""));
    assert_eq!(
        child.effects(),
        [r#"Subscribed("a:1", true)"#],
        "a:2 was not asked for"
    );
    assert_eq!(child.filters(), [resources("\"a:1\",\"a:2\"")]);
    child.news_of(2, "resources/updated", r#","uri":"a:1""#);
    assert_eq!(
        child.effects(),
        [r#"Updated("a:1")"#],
        "the old one goes on"
    );
    child.acknowledges(3, &resources("\"a:1\""));
    assert_eq!(child.effects(), [r#"Subscribed("a:2", false)"#]);
    assert_eq!(child.sent(), [cancelled(2)]);
    child.news_of(2, "resources/updated", r#","uri":"a:1""#);
    assert_eq!(child.effects(), NONE, "the new one tells the same");
    child.news_of(3, "resources/updated", r#","uri":"a:1""#);
    assert_eq!(child.effects(), [r#"Updated("a:1")"#]);
    child.says(r#""method":"notifications/resources/updated","params":{"uri":"a:1"}"#);
    assert_eq!(
        child.effects(),
        [r#"Updated("a:1")"#],
        "some do not say in which"
    );
    child.says(r#""id":2,"result":{"resultType":"complete"}"#);
    assert_eq!(child.effects(), NONE, "its answer may still come");
    child.0.unsubscribe("a:1");
    assert_eq!(child.sent(), [cancelled(3)], "nothing is left to be told");
}

#[test]
fn acknowledgements_of_nothing_are_noise() {
    let mut child = ready(Era::Stateless, SUBSCRIBE, false);
    child.0.subscribe("a:1");
    child.effects();
    child.acknowledges(7, &resources("\"a:1\""));
    child.says(r#""method":"notifications/subscriptions/acknowledged""#);
    assert_eq!(child.effects(), ["noise: an acknowledgement of nothing"; 2]);
    child.acknowledges(2, "7");
    assert_eq!(child.effects(), [r#"Subscribed("a:1", false)"#]);
}

#[test]
fn a_subscription_that_is_refused_is_not_asked_for_again() {
    let mut child = ready(Era::Stateless, SUBSCRIBE, false);
    child.0.subscribe("a:1");
    child.0.subscribe("a:2");
    child.sent();
    for answer in [r#""error":{"code":-32601,"message":"?"}"#, r#""result":{}"#] {
        let id = child.0.last_id;
        child.says(&format!(r#""id":{id},{answer}"#));
    }
    let noise = "noise: it does not tell of changes although it offers to";
    let told = [
        noise,
        r#"Subscribed("a:1", false)"#,
        noise,
        r#"Subscribed("a:2", false)"#,
    ];
    assert_eq!(child.effects(), told);
    assert_eq!(child.sent().len(), 1, "for a:2");
    assert_eq!(child.0.pending(), 0);
}

#[test]
fn a_subscription_that_ends_is_opened_again_when_there_is_time_for_it() {
    for ends in [
        r#""id":ID,"result":{"resultType":"complete"}"#,
        r#""method":"notifications/cancelled","params":{"requestId":ID}"#,
    ] {
        let mut child = ready(Era::Stateless, CHANGES, true);
        for id in 3..=child.0.last_id {
            child.says(&format!(
                r#""id":{id},"error":{{"code":-32601,"message":""}}"#
            ));
        }
        child.acknowledges(2, r#"{"toolsListChanged":true}"#);
        child.0.subscribe("a:1");
        child.sent();
        let id = child.0.last_id;
        let filter = r#"{"toolsListChanged":true,"resourceSubscriptions":["a:1"]}"#;
        child.acknowledges(id, filter);
        child.sent();
        child.effects();
        child.says(&ends.replace("ID", &id.to_string()));
        assert_eq!(child.effects(), ["Stale"]);
        assert_eq!(child.sent(), NONE, "it may end them all the time");
        child.0.refresh();
        let sent = child.filters();
        assert_eq!(
            sent.len(),
            2,
            "what it did not tell is read again: {sent:?}"
        );
        assert!(sent[0].contains("tools/list"), "{sent:?}");
        assert_eq!(sent[1], filter);
        child.acknowledges(id + 2, r#"{"toolsListChanged":true}"#);
        assert_eq!(child.effects(), [r#"Subscribed("a:1", false)"#]);
    }
}

#[test]
fn a_child_of_2026_that_cancels_anything_else_is_passed_over() {
    let mut child = ready(Era::Stateless, SUBSCRIBE, false);
    child.0.subscribe("a:1");
    child.sent();
    for params in ["{}", r#"{"requestId":99}"#, r#"{"requestId":"2"}"#, "[]"] {
        child.says(&format!(
            r#""method":"notifications/cancelled","params":{params}"#
        ));
    }
    assert_eq!(child.effects(), NONE);
    assert_eq!(child.sent(), NONE);
}
