//! Listings: pages, bounds, and what is read again.

use super::{Child, NONE, plan};
use crate::limits::{
    CURSOR_BYTES_MAX, LISTING_BYTES_MAX, LISTING_PAGES_MAX, PROMPTS_MAX, RESOURCES_MAX, TOOLS_MAX,
};
use crate::mcp::revision::Era;
use crate::upstream::conversation::{Conversation, Effect, Plan};
use crate::upstream::listing::{Kind, Listing};

const ALL: &str = r#"{"tools":{"listChanged":true},"resources":{},"prompts":{}}"#;
const TOOLS: &str = r#"{"tools":{}}"#;

/// A child that was just asked for the listings of what it offers; the first has the id 2.
fn listing(era: Era, offers: &str) -> Child {
    let mut child = Child(Conversation::new(Plan {
        lists: true,
        // No calls, so nothing has to tell apart whose questions are asked.
        is_private: true,
        ..plan(era)
    }));
    let opened = match era {
        Era::Handshake => r#""protocolVersion":"2025-11-25""#,
        Era::Stateless => r#""supportedVersions":["2026-07-28"]"#,
    };
    child.says(&format!(
        r#""id":1,"result":{{{opened},"capabilities":{offers}}}"#
    ));
    child
}

impl Child {
    /// It answers a request.
    fn answers_with(&mut self, id: u64, result: &str) {
        self.says(&format!(r#""id":{id},"result":{result}"#));
    }

    /// What it offers, and what was said besides.
    fn listed(&mut self) -> (Option<Listing>, Vec<String>) {
        let mut listing = None;
        let mut others = Vec::new();
        while let Some(effect) = self.0.poll_effect() {
            match effect {
                Effect::Listed(all) => listing = Some(*all),
                Effect::Ready => {}
                other => others.push(super::show(other)),
            }
        }
        (listing, others)
    }

    /// Names of the methods it was sent.
    fn asked_for(&mut self) -> Vec<String> {
        let sent = self.sent();
        let method = |line: &String| line.split('"').nth(5).map(str::to_string);
        let requests = sent.iter().filter(|line| line.starts_with("\"id\""));
        requests.filter_map(method).collect()
    }
}

fn texts(listing: &Listing, kind: Kind) -> Vec<&str> {
    listing
        .entries(kind)
        .iter()
        .map(|entry| entry.get())
        .collect()
}

#[test]
fn all_that_is_offered_is_asked_for_at_once_and_told_when_the_last_page_is_here() {
    for era in [Era::Handshake, Era::Stateless] {
        let mut child = listing(era, ALL);
        let asked = child.asked_for();
        let listings = [
            "tools/list",
            "resources/list",
            "resources/templates/list",
            "prompts/list",
        ];
        let first = asked.len() as u64 - 3;
        assert_eq!(asked[asked.len() - 4..], listings, "{era:?}");
        let tool = r#"{ "name" : "t", "inputSchema":{"type": "object"}, "new":[ 1 ] }"#;
        child.answers_with(first, &format!(r#"{{"tools":[{tool}],"nextCursor":""}}"#));
        let next = child.sent();
        assert!(next[0].contains(r#""params":{"cursor":"""#), "{next:?}");
        assert_eq!(next[0].contains("protocolVersion"), era == Era::Stateless);
        child.answers_with(first + 1, r#"{"resources":[{"uri":"a:b","name":"r"}]}"#);
        let template = r#"{"uriTemplate":"a:{b}","name":"t"}"#;
        child.answers_with(
            first + 2,
            &format!(r#"{{"resourceTemplates":[{template}]}}"#),
        );
        child.answers_with(first + 3, r#"{"prompts":[{"name":"p"}],"nextCursor":null}"#);
        assert!(child.listed().0.is_none(), "a page is missing");
        let last = r#"{"resultType":"complete","tools":[{"name":"u","inputSchema":{}}]}"#;
        child.answers_with(first + 4, last);
        let (listed, others) = child.listed();
        let listed = listed.expect("all pages are here");
        assert_eq!(others, NONE);
        let tools = [
            r#"{"name":"t","inputSchema":{"type":"object"},"new":[1]}"#,
            r#"{"name":"u","inputSchema":{}}"#,
        ];
        assert_eq!(texts(&listed, Kind::Tools), tools);
        assert_eq!(
            texts(&listed, Kind::Resources),
            [r#"{"uri":"a:b","name":"r"}"#]
        );
        assert_eq!(texts(&listed, Kind::Templates), [template]);
        assert_eq!(texts(&listed, Kind::Prompts), [r#"{"name":"p"}"#]);
        assert_eq!(child.0.pages.held_bytes(), 0, "it was handed over");
    }
}

#[test]
fn a_server_that_offers_nothing_is_listed_at_once() {
    let mut child = listing(Era::Handshake, "{}");
    assert!(child.listed().0.is_some());
}

#[test]
fn what_is_offered_and_not_known_is_empty_and_what_fails_is_noise() {
    let table = [
        (r#""error":{"code":-32601,"message":"?"}"#, None),
        (
            r#""error":{"code":-32603,"message":"?"}"#,
            Some("it refuses a listing that it offers"),
        ),
        (r#""result":{}"#, Some("a page of a listing without a list")),
        (r#""result":7"#, Some("a page of a listing without a list")),
        (
            r#""result":{"tools":{}}"#,
            Some("a page of a listing without a list"),
        ),
        (
            r#""result":{"tools":[],"resultType":"input_required"}"#,
            Some("a page of a listing without a list"),
        ),
    ];
    for (answer, noise) in table {
        let mut child = listing(Era::Handshake, TOOLS);
        child.says(&format!(r#""id":2,{answer}"#));
        let (listed, others) = child.listed();
        assert!(listed.expect(answer).tools.is_empty());
        let noise = noise.map(|noise| format!("noise: {noise}"));
        assert_eq!(others, noise.into_iter().collect::<Vec<_>>(), "{answer}");
    }
}

#[test]
fn entries_that_clients_would_refuse_are_left_out() {
    let mut child = listing(Era::Handshake, ALL);
    child.answers_with(
        2,
        r#"{"tools":[7,"a",null,[],{},{"name":"a"},{"name":7,"inputSchema":{}},
            {"name":"a","inputSchema":true},{"name":"a","name":"b","inputSchema":{}},
            {"name":"good","inputSchema":{}}]}"#,
    );
    child.answers_with(
        3,
        r#"{"resources":[{"name":"a"},{"uri":"a:b"},{"uri":"a:b","name":"r"}]}"#,
    );
    child.answers_with(
        4,
        r#"{"resourceTemplates":[{"name":"a"},{"uriTemplate":"a"}]}"#,
    );
    child.answers_with(5, r#"{"prompts":[{"title":"a"}]}"#);
    let (listed, others) = child.listed();
    let listed = listed.expect("all is here");
    assert_eq!(
        texts(&listed, Kind::Tools),
        [r#"{"name":"good","inputSchema":{}}"#]
    );
    assert_eq!(
        texts(&listed, Kind::Resources),
        [r#"{"uri":"a:b","name":"r"}"#]
    );
    assert!(listed.templates.is_empty());
    assert!(listed.prompts.is_empty());
    let noise = "noise: an entry of a listing that clients would refuse: it is left out";
    assert_eq!(others, [noise; 4], "once a page");
}

#[test]
fn a_listing_ends_where_its_bounds_are() {
    for (kind, entry, entries_max) in [
        (Kind::Tools, r#"{"name":"t","inputSchema":{}}"#, TOOLS_MAX),
        (
            Kind::Resources,
            r#"{"uri":"a:b","name":"r"}"#,
            RESOURCES_MAX,
        ),
        (
            Kind::Templates,
            r#"{"uriTemplate":"a","name":"r"}"#,
            RESOURCES_MAX,
        ),
        (Kind::Prompts, r#"{"name":"p"}"#, PROMPTS_MAX),
    ] {
        for (more, noises) in [(0, 0), (1, 1)] {
            let offers = r#"{"tools":{},"resources":{},"prompts":{}}"#;
            let mut child = listing(Era::Handshake, offers);
            for (id, other) in (2..).zip(Kind::ALL) {
                let count = if other == kind { entries_max + more } else { 0 };
                let entries = vec![entry; count].join(",");
                let member = other.member();
                child.answers_with(
                    id,
                    &format!(r#"{{"{member}":[{entries}],"nextCursor":null}}"#),
                );
            }
            let (listed, others) = child.listed();
            assert_eq!(listed.unwrap().entries(kind).len(), entries_max);
            assert_eq!(others.len(), noises, "{others:?}");
        }
    }
}

#[test]
fn all_kinds_together_have_so_many_bytes_and_no_more() {
    let mut child = listing(Era::Handshake, r#"{"tools":{},"prompts":{}}"#);
    let half = "x".repeat(LISTING_BYTES_MAX / 2 - 100);
    child.answers_with(
        2,
        &format!(r#"{{"tools":[{{"name":"{half}","inputSchema":{{}}}}]}}"#),
    );
    let prompt = |name: &str| format!(r#"{{"name":"{name}"}}"#);
    let prompts = [prompt(&half), prompt(&"y".repeat(500)), prompt("z")].join(",");
    child.answers_with(
        3,
        &format!(r#"{{"prompts":[{prompts}],"nextCursor":"more"}}"#),
    );
    let (listed, others) = child.listed();
    let listed = listed.unwrap();
    assert_eq!((listed.tools.len(), listed.prompts.len()), (1, 1));
    assert!(listed.held_bytes() <= LISTING_BYTES_MAX);
    assert_eq!(
        others,
        ["noise: its listings are larger than what is kept: the rest is left out"]
    );
    assert_eq!(child.0.pending(), 0, "it is not asked for more");
}

#[test]
fn a_listing_without_an_end_has_one() {
    let page = |cursor: &str| format!(r#"{{"tools":[],"nextCursor":{cursor}}}"#);
    let table = [
        ("7".to_string(), "a cursor that is no text"),
        (
            format!("\"{}\"", "x".repeat(CURSOR_BYTES_MAX + 1)),
            "a cursor that is too long",
        ),
    ];
    for (cursor, noise) in table {
        let mut child = listing(Era::Handshake, TOOLS);
        child.answers_with(2, &page(&cursor));
        let (listed, others) = child.listed();
        assert!(listed.is_some());
        assert!(
            others[0].starts_with(&format!("noise: {noise}")),
            "{others:?}"
        );
    }

    let mut child = listing(Era::Handshake, TOOLS);
    child.answers_with(2, &page("\"a\""));
    let id = child.0.last_id;
    child.answers_with(id, &page("\"a\""));
    let (listed, others) = child.listed();
    assert!(listed.is_some());
    let noise = "noise: a page that names itself as the next: the rest of the listing is left out";
    assert_eq!(others, [noise]);

    let mut child = listing(Era::Handshake, TOOLS);
    let mut pages = 0;
    let (listed, others) = loop {
        let id = child.0.last_id;
        pages += 1;
        child.answers_with(id, &page(&format!("\"{}\"", pages % 2)));
        let (listed, others) = child.listed();
        if listed.is_some() {
            break (listed, others);
        }
    };
    assert_eq!(pages, LISTING_PAGES_MAX);
    assert!(listed.is_some());
    assert_eq!(
        others,
        ["noise: a listing of more pages than are read: the rest is left out"]
    );
}

/// A child whose listings are here.
fn listed(era: Era, offers: &str) -> Child {
    let mut child = listing(era, offers);
    for id in 2..=child.0.last_id {
        child.says(&format!(
            r#""id":{id},"error":{{"code":-32601,"message":""}}"#
        ));
    }
    child.sent();
    child.effects();
    child
}

const CHANGED: &str = r#""method":"notifications/tools/list_changed""#;

#[test]
fn what_has_changed_is_read_again_when_there_is_time_and_once() {
    let mut child = listed(Era::Handshake, ALL);
    for _ in 0..3 {
        child.says(CHANGED);
    }
    assert_eq!(child.effects(), ["Stale"], "it is said once");
    assert_eq!(child.sent(), NONE);
    child.0.refresh();
    let asked = child.sent();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].contains("tools/list"), "{asked:?}");
    child.0.refresh();
    assert_eq!(child.sent(), NONE, "nothing has changed since");
    let id = child.0.last_id;
    child.answers_with(id, r#"{"tools":[{"name":"t","inputSchema":{}}]}"#);
    let expected = r#"Relisted(Tools, [RawValue({"name":"t","inputSchema":{}})])"#;
    assert_eq!(child.effects(), [expected]);
}

#[test]
fn what_changes_while_it_is_read_is_read_once_more() {
    let mut child = listed(Era::Handshake, ALL);
    child.says(CHANGED);
    child.0.refresh();
    child.says(CHANGED);
    child.effects();
    child.0.refresh();
    let first = child.0.last_id;
    assert_eq!(child.sent().len(), 1, "one at a time");
    child.answers_with(first, r#"{"tools":[]}"#);
    assert_eq!(child.effects(), ["Relisted(Tools, [])"]);
    assert_eq!(child.sent().len(), 1);
    child.answers_with(first + 1, r#"{"tools":[]}"#);
    assert_eq!(child.effects(), ["Relisted(Tools, [])"]);
    assert_eq!(child.sent(), NONE);
}

#[test]
fn what_changes_before_all_is_here_is_read_again_before_it_is_told() {
    let mut child = listing(Era::Handshake, TOOLS);
    child.sent();
    child.says(CHANGED);
    assert_eq!(child.effects(), ["Ready", "Stale"]);
    child.0.refresh();
    child.answers_with(2, r#"{"tools":[{"name":"old","inputSchema":{}}]}"#);
    assert_eq!(child.effects(), NONE);
    let id = child.0.last_id;
    child.answers_with(id, r#"{"tools":[{"name":"new","inputSchema":{}}]}"#);
    let (listed, _) = child.listed();
    let listed = listed.expect("it is here");
    assert_eq!(
        texts(&listed, Kind::Tools),
        [r#"{"name":"new","inputSchema":{}}"#]
    );
}

#[test]
fn a_listing_that_fails_when_it_is_read_again_stays_what_it_was() {
    let mut child = listed(Era::Handshake, ALL);
    child.says(CHANGED);
    child.0.refresh();
    child.effects();
    let id = child.0.last_id;
    child.says(&format!(
        r#""id":{id},"error":{{"code":-32603,"message":""}}"#
    ));
    assert_eq!(
        child.effects(),
        ["noise: it refuses a listing that it offers"]
    );
}

#[test]
fn changes_of_resources_are_changes_of_templates_too() {
    let mut child = listed(Era::Handshake, ALL);
    child.says(r#""method":"notifications/resources/list_changed","params":{}"#);
    child.says(r#""method":"notifications/nothing/list_changed""#);
    assert_eq!(child.effects(), ["Stale"]);
    child.0.refresh();
    let asked = child.asked_for();
    assert_eq!(asked, ["resources/list", "resources/templates/list"]);
    let mut child = listed(Era::Handshake, TOOLS);
    child.says(r#""method":"notifications/prompts/list_changed""#);
    assert_eq!(child.effects(), NONE, "it offers none");
}

#[test]
fn fingerprints_differ_where_listings_do() {
    use crate::mcp::subscription::List;
    let entries = |texts: &[&str]| {
        let texts = texts.iter();
        texts
            .map(|text| Kind::Prompts.keep(text).unwrap())
            .collect()
    };
    let (a, b) = (r#"{"name":"a"}"#, r#"{"name":"b"}"#);
    let with = |kind: Kind, texts: &[&str]| Listing::default().with(kind, entries(texts));
    let nothing = Listing::default();
    let prompts = with(Kind::Prompts, &[a, b]);
    assert_eq!(
        prompts.fingerprint(List::Tools),
        nothing.fingerprint(List::Tools)
    );
    for other in [
        &nothing,
        &with(Kind::Prompts, &[b, a]),
        &with(Kind::Prompts, &[a]),
    ] {
        let (other, own) = (
            other.fingerprint(List::Prompts),
            prompts.fingerprint(List::Prompts),
        );
        assert_ne!(other, own);
    }
    let resources = with(Kind::Resources, &[a]).fingerprint(List::Resources);
    let templates = with(Kind::Templates, &[a]).fingerprint(List::Resources);
    assert_ne!(resources, templates);
}
