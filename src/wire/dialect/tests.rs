use super::*;
use crate::wire::jsonrpc::{Id, RpcError};

/// 2025-12-15T18:00:00.000Z
const NOW: UnixMillis = UnixMillis(1_765_821_600_000);

const T: &str = r#""timestamp":"2025-12-15T18:00:00.000Z""#;

const DIALECTS: [Dialect; 4] = [
    Dialect::Standard,
    Dialect::Underscored,
    Dialect::Hyphenated,
    Dialect::Plain,
];

/// `NAME DATA`, with `T` for the time.
fn said(kind: Name, payload: &[u8]) -> String {
    let (name, data) = kind.split(payload);
    let data = std::str::from_utf8(data).unwrap().replace(T, "T");
    format!("{} {data}", name.unwrap_or("-"))
}

fn in_all(message: &str, about: About<'_>) -> [String; 4] {
    DIALECTS.map(|dialect| {
        let event = frame(dialect, message.as_bytes().to_vec(), about, || NOW);
        said(event.kind, &event.payload)
    })
}

fn raw_value(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

#[test]
fn results_are_named_after_what_was_asked() {
    let message = r#"{"jsonrpc":"2.0","id":1765821600000,"result":{"tools":[]}}"#;
    let about = About::Request {
        method: "tools/list",
        params: None,
    };
    let rest = r#""id":1765821600000,"method":"tools/list","result":{"tools":[]},T}"#;
    assert_eq!(
        in_all(message, about),
        [
            format!("message {message}"),
            format!("mcp_response {message}"),
            format!(r#"mcp-response {{"type":"mcp-response",{rest}"#),
            format!("- {message}"),
        ]
    );
}

#[test]
fn the_result_of_a_tool_names_the_tool() {
    let message = r#"{"jsonrpc":"2.0","id":"a","result":{"content":[]}}"#;
    let params = raw_value(r#"{"arguments":{"name":"x"},"name":"list_projects"}"#);
    let at_once = About::Request {
        method: "tools/call",
        params: Some(params),
    };
    let later = About::Call {
        tool: "list_projects",
    };
    for about in [at_once, later] {
        let [_, underscored, hyphenated, plain] = in_all(message, about);
        assert_eq!(
            hyphenated,
            concat!(
                r#"tool-result {"type":"tool-result","id":"a","method":"list_projects","#,
                r#""result":{"content":[]},T}"#
            )
        );
        assert_eq!(underscored, format!("mcp_response {message}"));
        assert_eq!(plain, format!("- {message}"));
    }
}

#[test]
fn an_id_that_was_not_given_is_not_said() {
    let mut message = Vec::new();
    jsonrpc::response_raw(&mut message, &Id::absent(), b"{}");
    let about = About::Request {
        method: "ping",
        params: None,
    };
    let event = frame(Dialect::Hyphenated, message, about, || NOW);
    assert_eq!(
        said(event.kind, &event.payload),
        r#"mcp-response {"type":"mcp-response","method":"ping","result":{},T}"#
    );
}

#[test]
fn errors_and_refusals_differ_where_a_dialect_has_two_names_for_them() {
    let mut message = Vec::new();
    let error = RpcError::new(-32602, "no \"x\", sorry}");
    jsonrpc::error(&mut message, Some(&Id::number(7)), &error);
    let message = String::from_utf8(message).unwrap();
    let inner = r#""code":-32602,"message":"no \"x\", sorry}""#;
    let hyphenated = format!(
        r#"mcp-error {{"type":"mcp-error","id":7,"method":"tools/call","error":{{{inner}}},T}}"#
    );
    let error = About::Call { tool: "t" };
    assert_eq!(
        in_all(&message, error),
        [
            format!("message {message}"),
            format!("mcp_response {message}"),
            hyphenated.clone(),
            format!("- {message}"),
        ]
    );
    let refusal = About::Refusal {
        method: "tools/call",
    };
    assert_eq!(
        in_all(&message, refusal),
        [
            format!("message {message}"),
            format!(r#"error {{"id":7,{inner}}}"#),
            hyphenated,
            format!(r#"- {{"type":"error","id":7,{inner}}}"#),
        ]
    );
}

#[test]
fn an_unknown_tool_has_its_own_code_in_one_dialect_only() {
    let message = r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"unknown, \"code\":1"}}"#;
    let [standard, underscored, hyphenated, plain] = in_all(message, About::ToolUnknown);
    assert_eq!(
        hyphenated,
        concat!(
            r#"mcp-error {"type":"mcp-error","method":"tools/call","#,
            r#""error":{"message":"unknown, \"code\":1","code":-32601},T}"#
        )
    );
    for other in [standard, underscored, plain] {
        assert!(other.contains("-32602"), "{other}");
    }
}

#[test]
fn progress_needs_no_token_in_one_dialect() {
    let about = About::Progress {
        tool: "sleep",
        count: 3,
        line: "half \"way\"",
    };
    let event = frame(Dialect::Hyphenated, Vec::new(), about, || NOW);
    assert_eq!(
        said(event.kind, &event.payload),
        concat!(
            r#"tool-result {"type":"tool-result","method":"sleep","#,
            r#""metadata":{"progress":3,"message":"half \"way\""},T}"#
        )
    );
    let message = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;
    let [standard, underscored, _, plain] = in_all(message, about);
    assert_eq!(standard, format!("message {message}"));
    assert_eq!(underscored, format!("mcp_notification {message}"));
    assert_eq!(plain, format!("- {message}"));
}

#[test]
fn notifications_keep_method_and_params() {
    let message = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}"#;
    let [_, underscored, hyphenated, plain] = in_all(message, About::Notice);
    assert_eq!(underscored, format!("mcp_notification {message}"));
    assert_eq!(plain, format!("- {message}"));
    assert_eq!(
        hyphenated,
        concat!(
            r#"mcp-notification {"type":"mcp-notification","#,
            r#""method":"notifications/message","params":{"data":"x"},T}"#
        )
    );
}

#[test]
fn the_clock_is_not_asked_for_nothing() {
    let clock = || -> UnixMillis { panic!("nobody is told the time") };
    let about = About::Notice;
    for dialect in [Dialect::Standard, Dialect::Underscored, Dialect::Plain] {
        frame(dialect, b"{}".to_vec(), about, clock);
    }
    assert!(heartbeat(Dialect::Standard, clock).is_none());
    assert_eq!(
        greetings(Dialect::Standard, "/m".into(), "id", true, clock).len(),
        1
    );
}

#[test]
fn each_dialect_greets_beats_and_ends_in_its_way() {
    let greeted = |dialect, is_resumed| -> Vec<String> {
        let said_first = greetings(dialect, "/m?session_id=a".into(), "a", is_resumed, || NOW);
        let events = said_first.iter().map(|(name, data)| said(*name, data));
        events.collect()
    };
    let endpoint = "endpoint /m?session_id=a";
    assert_eq!(greeted(Dialect::Standard, true), [endpoint]);
    let all = [
        endpoint,
        r#"connected {"connection_id":"a"}"#,
        concat!(
            r#"mcp-notification {"type":"mcp-notification","#,
            r#""result":{"connectionId":"a","message":"SSE connection established"},T}"#
        ),
    ];
    assert_eq!(greeted(Dialect::Underscored, true), all);
    assert_eq!(greeted(Dialect::Hyphenated, false), all);
    let resumed = r#"connection-status {"type":"connection-status","status":"resumed",T}"#;
    assert_eq!(greeted(Dialect::Hyphenated, true)[3], resumed);
    assert_eq!(
        greeted(Dialect::Plain, true),
        [r#"- {"type":"connection","status":"connected",T}"#]
    );
    let beats = DIALECTS.map(|dialect| heartbeat(dialect, || NOW).map(|(n, d)| said(n, &d)));
    let named = Some(r#"heartbeat {"type":"heartbeat",T}"#.to_string());
    let unnamed = Some(r#"- {"type":"heartbeat",T}"#.to_string());
    assert_eq!(beats, [None, named.clone(), named, unnamed]);
    let ends = DIALECTS.map(|dialect| farewell(dialect, || NOW).map(|(n, d)| said(n, &d)));
    let closing = r#"connection-status {"type":"connection-status","status":"closing",T}"#;
    let close = Some(r#"- {"type":"close","code":0}"#.to_string());
    assert_eq!(ends, [None, None, Some(closing.to_string()), close]);
    assert_eq!(raw("a\n\"b\""), br#"{"type":"raw","content":"a\n\"b\""}"#);
}

#[test]
fn a_custom_name_is_part_of_the_one_payload() {
    let event = custom("deploy.done", b"{}").expect("it is a name");
    assert_eq!(&*event.payload, b"deploy.done{}");
    assert_eq!(said(event.kind, &event.payload), "deploy.done {}");
    let event = nameless(b"{}".to_vec());
    assert_eq!(said(event.kind, &event.payload), "- {}");
    let longest = "n".repeat(EVENT_NAME_BYTES_MAX);
    assert!(custom(&longest, b"").is_some() && custom("\u{e9}", b"").is_some());
    for bad in [
        "",
        "a\nb",
        "a\rb",
        "a\0",
        "\u{85}",
        "endpoint",
        " endpoint ",
        &format!("{longest}n"),
    ] {
        assert!(custom(bad, b"{}").is_none(), "{bad:?}");
    }
}

#[test]
fn a_name_is_two_bytes() {
    assert_eq!(size_of::<Name>(), 2);
}
