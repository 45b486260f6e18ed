//! Handshakes of both eras: what is good, and what is said of the rest.

use super::{Child, NONE, plan};
use crate::mcp::capability::Capabilities;
use crate::mcp::message::Level;
use crate::mcp::revision::Era;
use crate::upstream::conversation::{Conversation, Plan};

const PREFIX: &str = "io.modelcontextprotocol/";

/// A child that was just started.
fn fresh(era: Era) -> Child {
    Child(Conversation::new(plan(era)))
}

/// What comes of this answer to the first request.
fn effects_of(era: Era, answer: &str) -> Vec<String> {
    let mut child = fresh(era);
    child.says(&format!(r#""id":1,{answer}"#));
    child.effects()
}

#[test]
fn a_handshake_asks_for_the_newest_revision_and_tells_what_can_be_asked() {
    let mut child = Child(Conversation::new(Plan {
        client: Capabilities::FORM.and(Capabilities::ROOTS),
        ..plan(Era::Handshake)
    }));
    let client = format!(
        r#"{{"name":"slimcp","version":"{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    let params = format!(
        r#"{{"protocolVersion":"2025-11-25","capabilities":{{{}}},"clientInfo":{client}}}"#,
        r#""elicitation":{},"roots":{}"#
    );
    let initialize = format!(r#""id":1,"method":"initialize","params":{params}"#);
    assert_eq!(child.sent(), [initialize]);
    child.says(r#""id":1,"result":{"protocolVersion":"2024-11-05"}"#);
    assert_eq!(
        child.sent()[0],
        r#""method":"notifications/initialized","params":{}"#
    );
    assert_eq!(child.effects(), ["Ready"]);
}

#[test]
fn a_child_of_2026_is_discovered_first_with_all_that_a_request_needs() {
    let mut child = fresh(Era::Stateless);
    let client = format!(
        r#"{{"name":"slimcp","version":"{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    let meta = format!(
        r#"{{"{PREFIX}protocolVersion":"2026-07-28","{PREFIX}clientInfo":{client},{}}}"#,
        r#""io.modelcontextprotocol/clientCapabilities":{}"#
    );
    let discover = format!(r#""id":1,"method":"server/discover","params":{{"_meta":{meta}}}"#);
    assert_eq!(child.sent(), [discover]);
    child.says(r#""id":1,"result":{"supportedVersions":["2030-01-01","2026-07-28"]}"#);
    assert_eq!(child.sent(), NONE);
    assert_eq!(child.effects(), ["Ready"]);
}

#[test]
fn any_known_revision_is_good_and_nothing_else() {
    for date in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let answer = format!(r#""result":{{"protocolVersion":"{date}","capabilities":{{}}}}"#);
        assert_eq!(effects_of(Era::Handshake, &answer), ["Ready"]);
    }
    let long = "x".repeat(1000);
    let table = [
        (
            r#""result":{"protocolVersion":"2026-07-28"}"#,
            r#"it answers initialize with revision "2026-07-28", which is not known here"#,
        ),
        (
            r#""result":{"protocolVersion":20251125}"#,
            "its answer to initialize names no revision",
        ),
        (
            r#""result":{}"#,
            "its answer to initialize names no revision",
        ),
        (
            r#""result":[]"#,
            "its answer to initialize names no revision",
        ),
        (
            r#""error":{"code":-32602,"message":"no\n\u001bway"}"#,
            "it refuses initialize: noway (-32602)",
        ),
        (r#""error":{}"#, "it refuses initialize:  (no code)"),
    ];
    for (answer, why) in table {
        let unfit = format!("Unfit({why:?})");
        assert_eq!(effects_of(Era::Handshake, answer), [unfit], "{answer}");
    }
    let answer = format!(r#""error":{{"code":1,"message":"{long}"}}"#);
    let said = effects_of(Era::Handshake, &answer);
    assert!(said[0].len() < 300, "{said:?}");
}

#[test]
fn a_child_of_2026_names_that_revision_or_is_unfit() {
    let table = [
        (
            r#""result":{"supportedVersions":["2027-01-01"]}"#,
            r#"it speaks ["2027-01-01"] and not 2026-07-28"#,
        ),
        (
            r#""result":{"supportedVersions":"2026-07-28"}"#,
            "its answer to server/discover names no revisions",
        ),
        (
            r#""result":"2026-07-28""#,
            "its answer to server/discover names no revisions",
        ),
        (
            r#""error":{"code":-32022,"message":"Unsupported"}"#,
            "it refuses server/discover: Unsupported (-32022)",
        ),
    ];
    for (answer, why) in table {
        let unfit = format!("Unfit({why:?})");
        assert_eq!(effects_of(Era::Stateless, answer), [unfit], "{answer}");
    }
}

#[test]
fn what_a_child_says_of_itself_is_read_and_the_rest_is_left() {
    let told = r#""instructions":"Be\nbrief.","capabilities":{"tools":{"listChanged":true,"x":1},
        "resources":{"subscribe":true},"prompts":null,"logging":{},"completions":{},
        "extensions":{"a/b":{}},"tasks":{"list":{}}}"#
        .replace('\n', "");
    let info = r#"{"name":"n", "version":"1","icons":[]}"#;
    let table = [
        (
            Era::Handshake,
            format!(r#"{{"protocolVersion":"2025-06-18","serverInfo":{info},{told}}}"#),
        ),
        (
            Era::Stateless,
            format!(
                r#"{{"supportedVersions":["2026-07-28"],"_meta":{{"{PREFIX}serverInfo":{}}},{}}}"#,
                info, told
            ),
        ),
    ];
    for (era, result) in table {
        let mut child = Child(Conversation::new(Plan {
            lists: true,
            ..plan(era)
        }));
        child.says(&format!(r#""id":1,"result":{result}"#));
        for id in 2..=child.0.last_id {
            child.says(&format!(
                r#""id":{id},"error":{{"code":-32601,"message":""}}"#
            ));
        }
        let effects = child.effects();
        let listed = effects.last().expect("it was listed");
        let expected = concat!(
            r#"Listed(Listing { introduction: Introduction { server_info: Some(RawValue({"name":"#,
            r#""n","version":"1","icons":[]})), instructions: Some("Be\nbrief."), offers: Offers "#,
            "{ tools: true, tools_changed: true, resources: true, resources_changed: false, ",
            "subscribe: true, prompts: false, prompts_changed: false, completions: true, ",
            "logging: true } }, tools: [], resources: [], templates: [], prompts: [] })",
        );
        assert_eq!(listed, expected);
    }
}

#[test]
fn a_level_is_set_once_it_can_be_and_only_where_there_is_one() {
    let initialized = |offers: &str| {
        format!(r#""id":1,"result":{{"protocolVersion":"2025-06-18","capabilities":{offers}}}"#)
    };
    let set = |id: u64, level: &str| {
        format!(r#""id":{id},"method":"logging/setLevel","params":{{"level":"{level}"}}"#)
    };
    // No calls, so nothing has to tell apart whose questions are asked.
    let mut child = Child(Conversation::new(Plan {
        is_private: true,
        ..plan(Era::Handshake)
    }));
    child.sent();
    child.0.set_level(Level::Error);
    assert_eq!(
        child.sent(),
        NONE,
        "nobody sends anything before the handshake"
    );
    child.says(&initialized(r#"{"logging":{}}"#));
    assert_eq!(child.sent()[1..], [set(2, "error")]);
    child.0.set_level(Level::Error);
    assert_eq!(child.sent(), NONE);
    child.0.set_level(Level::Debug);
    assert_eq!(child.sent(), [set(3, "debug")]);
    child.effects();
    child.says(r#""id":3,"error":{"code":-32602,"message":"no"}"#);
    assert_eq!(child.effects(), NONE);

    let mut child = fresh(Era::Handshake);
    child.0.set_level(Level::Error);
    child.sent();
    child.says(&initialized("{}"));
    let sent = child.sent();
    assert!(
        !sent.iter().any(|line| line.contains("setLevel")),
        "{sent:?}"
    );
    let mut child = super::child(Era::Stateless);
    child.0.set_level(Level::Error);
    assert_eq!(child.sent(), NONE);
}
