use super::*;
use crate::limits::JSON_DEPTH_MAX;

/// What a message comes to, in one line.
fn describe(message: &Result<Message<'_>, Fault>) -> String {
    let text = |params: &Option<&RawValue>| params.map_or("-", RawValue::get).to_string();
    match message {
        Ok(Message::Request { id, method, params }) => {
            format!("request {id} {method} {}", text(params))
        }
        Ok(Message::Notification { method, params }) => {
            format!("notification {method} {}", text(params))
        }
        Ok(Message::Response { id, result }) => match result {
            Ok(result) => format!("result {id} {result}"),
            Err(error) => format!("error {id} {error}"),
        },
        Err(fault) => match &fault.id {
            Some(id) => format!("{} for {id}", fault.code),
            None => fault.code.to_string(),
        },
    }
}

fn one(body: &[u8]) -> String {
    match decode(body) {
        Ok(Incoming::One(message)) => describe(&Ok(message)),
        Ok(Incoming::Batch(messages)) => {
            let lines: Vec<String> = messages.iter().map(describe).collect();
            format!("[{}]", lines.join(" | "))
        }
        Err(fault) => describe(&Err(fault)),
    }
}

#[track_caller]
fn check(table: &[(&str, &str)]) {
    for (body, expected) in table {
        assert_eq!(one(body.as_bytes()), *expected, "{body}");
    }
}

#[test]
fn the_three_kinds_of_message() {
    check(&[
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            "request 1 ping -",
        ),
        (
            r#" {"params":{"a": 1},"method":"tools/call","id":"x","jsonrpc":"2.0"} "#,
            r#"request "x" tools/call {"a": 1}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#,
            "request 1 m [1]",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            "notification notifications/initialized -",
        ),
        (r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, "result 7 {}"),
        (r#"{"jsonrpc":"2.0","id":7,"result":null}"#, "result 7 null"),
        (
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":1}}"#,
            r#"error 7 {"code":1}"#,
        ),
    ]);
}

#[test]
fn ids_come_back_as_they_were() {
    for id in [
        "92",
        "\"92\"",
        "1761234567890123",
        "-0.5e3",
        "123456789012345678901234567890",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#);
        assert_eq!(one(body.as_bytes()), format!("request {id} m -"));
    }
}

#[test]
fn escapes_in_names_and_methods_are_decoded() {
    check(&[
        (
            r#"{"jsonrpc":"2.0","\u0069d":1,"method":"tools\/c\u0061ll"}"#,
            "request 1 tools/call -",
        ),
        (
            r#"{"jsonrpc":"2\u002e0","id":"\u0041","method":"m"}"#,
            r#"request "A" m -"#,
        ),
    ]);
}

#[test]
fn what_is_not_json() {
    check(&[
        ("", "-32700"),
        (" ", "-32700"),
        ("hello", "-32700"),
        ("{", "-32700"),
        ("[", "-32700"),
        ("[1,", "-32700"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m"} x"#, "-32700"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"m"}{}"#, "-32700"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]]"#, "-32700"),
        (r#"{"jsonrpc":"2.0","id":01,"method":"m"}"#, "-32700"),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\nb\"}",
            "-32700",
        ),
        ("{\"x\":\"\u{1}\"}", "-32700"),
    ]);
    assert_eq!(one(b"{\"jsonrpc\":\"2.0\",\"x\":\"\xff\"}"), "-32700");
}

#[test]
fn what_is_json_and_no_message() {
    check(&[
        ("5", "-32600"),
        ("null", "-32600"),
        ("\"x\"", "-32600"),
        ("{}", "-32600"),
        ("[]", "-32600"),
        (r#"{"id":1,"method":"m"}"#, "-32600 for 1"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, "-32600 for 1"),
        (r#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, "-32600 for 1"),
        (r#"{"jsonrpc":"2.0","id":1}"#, "-32600 for 1"),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, "-32600 for 1"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, "-32600"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#,
            "-32600 for 1",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}"#,
            "-32600 for 1",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"m","result":1}"#,
            "-32600 for 1",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#,
            "-32600",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"error":"x"}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","id":null,"error":{}}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","result":{}}"#, "-32600"),
        (r#"{"id":1,"result":{}}"#, "-32600"),
    ]);
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    check(&[
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
            "-32600",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}"#,
            "-32600",
        ),
        (
            r#"{"jsonrpc":"2.0","x":1,"x":2,"method":"a"}"#,
            "notification a -",
        ),
    ]);
}

#[test]
fn batches() {
    check(&[
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"a"}, 5, [], {"jsonrpc":"2.0","method":"b"}]"#,
            "[request 1 a - | -32600 | -32600 | notification b -]",
        ),
        (r#"[["2.0",1,"m",{},{},{}]]"#, "[-32600]"),
    ]);
}

#[test]
fn as_large_a_batch_as_the_limit_and_one_more() {
    let message = r#"{"jsonrpc":"2.0","method":"m"}"#;
    let fill = |messages: usize| format!("[{}]", vec![message; messages].join(","));
    match decode(fill(BATCH_MESSAGES_MAX).as_bytes()) {
        Ok(Incoming::Batch(messages)) => assert_eq!(messages.len(), BATCH_MESSAGES_MAX),
        other => panic!("{other:?}"),
    }
    let fault = decode(fill(BATCH_MESSAGES_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(fault.code, INVALID_REQUEST);
    assert!(fault.message.contains("more than 32 messages"), "{fault:?}");
}

#[test]
fn as_deep_as_the_limit_and_one_more() {
    // The message itself is one level.
    let fill = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{open}{close}}}"#)
    };
    let deepest = fill(JSON_DEPTH_MAX - 1);
    assert!(decode(deepest.as_bytes()).is_ok());
    assert!(serde_json::from_str::<serde_json::Value>(&deepest).is_ok());
    let deeper = fill(JSON_DEPTH_MAX);
    assert_eq!(decode(deeper.as_bytes()).unwrap_err().code, PARSE_ERROR);
    assert!(serde_json::from_str::<serde_json::Value>(&deeper).is_err());
    let bottomless = "[".repeat(1_000_000);
    assert_eq!(decode(bottomless.as_bytes()).unwrap_err().code, PARSE_ERROR);
}

#[test]
fn brackets_that_do_not_nest_are_no_depth() {
    for params in [
        format!("[{}1]", "[],{},".repeat(JSON_DEPTH_MAX)),
        format!("[\"{}\"]", "[{".repeat(JSON_DEPTH_MAX)),
        format!("[\"\\\"{}\"]", "[{".repeat(JSON_DEPTH_MAX)),
        format!("[\"\\\\\",\"{}\"]", "[{".repeat(JSON_DEPTH_MAX)),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{params}}}"#);
        assert!(decode(body.as_bytes()).is_ok(), "{params}");
    }
}

/// What `write` appends to something.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"before ".to_vec();
    write(&mut out);
    let out = String::from_utf8(out).unwrap();
    let line = out.strip_prefix("before ").expect("it appends").to_string();
    assert!(!line.contains(['\r', '\n']), "{line:?}");
    line
}

#[test]
fn messages_are_written_in_one_line() {
    let id = Id::number(7);
    let raw = b"{\r\n \"a\": \"b\\n\"\n}";
    assert_eq!(
        written(|out| response_raw(out, &id, raw)),
        r#"{"jsonrpc":"2.0","id":7,"result":{ "a": "b\n"}}"#
    );
    assert_eq!(
        written(|out| error_raw(out, &id, "{\"code\":\n1}")),
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1}}"#
    );
    assert_eq!(
        written(|out| call_raw(out, None, "n\"\n", raw)),
        r#"{"jsonrpc":"2.0","method":"n\"\n","params":{ "a": "b\n"}}"#
    );
    assert_eq!(
        written(|out| call_raw(out, None, "n", b"")),
        r#"{"jsonrpc":"2.0","method":"n"}"#
    );
    assert_eq!(
        written(|out| call_raw(out, Some(&Id::string("a")), "m", b"")),
        r#"{"jsonrpc":"2.0","id":"a","method":"m"}"#
    );
    assert_eq!(
        written(|out| call_raw(out, Some(&id), "m", b"[\"x\"]")),
        r#"{"jsonrpc":"2.0","id":7,"method":"m","params":["x"]}"#
    );
}

#[test]
fn errors_are_written_without_a_null_id() {
    let mut wrong = RpcError::new(INVALID_PARAMS, "no \"x\"");
    assert_eq!(
        written(|out| error(out, None, &wrong)),
        r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"no \"x\""}}"#
    );
    wrong.data = Some(serde_json::from_str("[\n1]").unwrap());
    wrong.code = i32::MIN;
    assert_eq!(
        written(|out| error(out, Some(&Id::number(1)), &wrong)),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-2147483648,"message":"no \"x\"","data":[1]}}"#
    );
    let fault = decode(br#"{"id":"a","method":"m"}"#).unwrap_err();
    let line = written(|out| fault.encode(out));
    let start = r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32600,"message":"\"jsonrpc\" must"#;
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn what_is_written_is_decoded_back() {
    let line = written(|out| response_raw(out, &Id::string("q\"\n"), b"\"r\""));
    assert_eq!(one(line.as_bytes()), r#"result "q\"\n" "r""#);
    let line = written(|out| call_raw(out, Some(&Id::number(1)), "m\\", b"[\"x\"]"));
    assert_eq!(one(line.as_bytes()), r#"request 1 m\ ["x"]"#);
}

#[test]
fn members_are_added_to_a_result_and_its_meta_stays_one() {
    let parts = ["\"kind\":1", ",\"_meta\":{\"us\":{}}"];
    let id = Id::string(r#","result":{"_meta":{"#);
    for (result, expected) in [
        ("{}", r#"{"kind":1,"_meta":{"us":{}}}"#),
        (r#"{"a":1}"#, r#"{"a":1,"kind":1,"_meta":{"us":{}}}"#),
        (
            r#"{"_meta":{"them":1},"a":1}"#,
            r#"{"_meta":{"us":{},"them":1},"a":1,"kind":1}"#,
        ),
    ] {
        let mut response = Vec::new();
        response_raw(&mut response, &id, result.as_bytes());
        amend_result(&mut response, &parts);
        let id = id.as_json();
        let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{expected}}}"#);
        assert_eq!(String::from_utf8(response).unwrap(), expected);
    }
    let mut response = Vec::new();
    response_raw(&mut response, &id, br#"{"_meta":{"them":1}}"#);
    amend_result(&mut response, &["\"kind\":1"]);
    assert!(response.ends_with(br#"{"_meta":{"them":1},"kind":1}}"#));
}
