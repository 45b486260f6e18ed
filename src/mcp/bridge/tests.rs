use super::*;
use crate::mcp::revision::MODERN;
use crate::mcp::stateless;

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_string()).unwrap()
}

#[test]
fn what_we_say_of_ourselves_is_what_we_would_take() {
    let client = Capabilities::ROOTS.and(Capabilities::TASKS);
    let mut meta = Vec::new();
    push_request_meta(&mut meta, client, Some(Level::Notice));
    let meta = String::from_utf8(meta).unwrap();
    let params = raw(&format!(r#"{{"_meta":{{{meta}}}}}"#));
    let told = stateless::claim(Some(&params)).unwrap().check(Some(MODERN));
    let told = told.unwrap();
    assert_eq!(told.capabilities, Capabilities::ROOTS, "and never tasks");
    assert_eq!(told.log_level, Some(Level::Notice));
}

/// What a result becomes: a result, questions, or nothing.
fn read(result: &str, server: Era, client: Era) -> String {
    match read_result(&raw(result), server, client) {
        Read::Complete(result) => result,
        Read::Asks { requests, state } => {
            let [requests, state] = [requests, state].map(|part| part.map_or("-", RawValue::get));
            format!("asks {requests} {state}")
        }
        Read::Unfit(why) => why.to_string(),
    }
}

#[test]
fn results_by_the_eras_of_server_and_client() {
    use Era::{Handshake, Stateless};
    let full = r#"{"resultType":"complete","ttlMs":5,"cacheScope":"public","a":1}"#;
    let asks = r#"{"resultType":"input_required","inputRequests":{"k":{}},"requestState":"s"}"#;
    let nothing = r#"{"resultType":"input_required","inputRequests":null}"#;
    let task = r#"{"resultType":"task","taskId":"1"}"#;
    let unasked = "the server's result is of a kind that nobody asked for";
    let empty = "{}";
    let table = [
        (full, Handshake, Handshake, full),
        (full, Handshake, Stateless, r#"{"a":1}"#),
        (full, Stateless, Handshake, r#"{"a":1}"#),
        (full, Stateless, Stateless, r#"{"a":1}"#),
        (asks, Handshake, Handshake, asks),
        (asks, Handshake, Stateless, empty),
        (asks, Stateless, Handshake, r#"asks {"k":{}} "s""#),
        (asks, Stateless, Stateless, r#"asks {"k":{}} "s""#),
        (nothing, Stateless, Stateless, "asks - -"),
        (task, Handshake, Stateless, r#"{"taskId":"1"}"#),
        (task, Stateless, Handshake, unasked),
        (task, Stateless, Stateless, unasked),
        (empty, Handshake, Stateless, empty),
        (empty, Stateless, Handshake, empty),
        (
            "7",
            Stateless,
            Handshake,
            "the server's result is no object",
        ),
        (
            "null",
            Handshake,
            Handshake,
            "the server's result is no object",
        ),
    ];
    for (result, server, client, expected) in table {
        assert_eq!(
            read(result, server, client),
            expected,
            "{server:?} {client:?}"
        );
    }
}

#[test]
fn content_that_an_older_revision_lacks_passes() {
    for content in [
        r#"{"content":[{"type":"audio","data":"AA==","mimeType":"audio/wav"}]}"#,
        r#"{"content":[{"type":"resource_link","uri":"a:b","name":"n"}]}"#,
    ] {
        assert_eq!(read(content, Era::Stateless, Era::Handshake), content);
    }
}

/// What an error becomes.
fn failed(error: &str, method: Method, server: Era, client: (Era, Capabilities)) -> String {
    match read_error(&raw(error), method, server, client) {
        Failed::Error(error) => {
            let data = error.data.as_ref().map_or("-", |data| data.get());
            format!("{} {} {data}", error.code, error.message)
        }
        Failed::ResourceUnknown => "unknown".to_string(),
        Failed::Visits(visits) => format!("visits {}", visits.len()),
    }
}

#[test]
fn errors_by_the_eras_of_server_and_client() {
    use Era::{Handshake, Stateless};
    let error = |code: i32, data: &str| format!(r#"{{"code":{code},"message":"m","data":{data}}}"#);
    let pages = r#"{"elicitations":[{"mode":"url"},{"mode":"url"}]}"#;
    let uri = r#"{"uri":"a:b"}"#;
    let none = (Stateless, Capabilities::NONE);
    let old = (Handshake, Capabilities::FORM);
    let newer = (Handshake, Capabilities::FORM.and(Capabilities::URL));
    let read = Method::ResourcesRead;
    let call = Method::ToolsCall;
    let table = [
        (error(-32002, "null"), read, Handshake, none, "unknown"),
        (error(-32002, "null"), read, Handshake, old, "unknown"),
        (error(-32602, uri), read, Stateless, old, "unknown"),
        (
            error(-32602, uri),
            read,
            Handshake,
            none,
            r#"-32602 m {"uri":"a:b"}"#,
        ),
        (
            error(-32602, uri),
            call,
            Stateless,
            none,
            r#"-32602 m {"uri":"a:b"}"#,
        ),
        (error(-32602, "[]"), read, Stateless, none, "-32602 m []"),
        (error(-32042, pages), call, Handshake, none, "visits 2"),
        (
            error(-32042, pages),
            Method::ToolsList,
            Handshake,
            none,
            "-32603 m -",
        ),
        (error(-32042, pages), call, Stateless, none, "-32603 m -"),
        (error(-32042, pages), call, Handshake, old, "-32603 m -"),
        (error(-32042, "1"), call, Handshake, newer, "-32042 m 1"),
        (error(-32020, "1"), call, Stateless, none, "-32603 m -"),
        (error(-32022, "1"), call, Stateless, none, "-32603 m -"),
        (error(-32021, "1"), call, Stateless, none, "-32021 m 1"),
        (error(-32021, "1"), call, Stateless, newer, "-32603 m -"),
        (error(-32021, "1"), call, Handshake, none, "-32603 m -"),
        (error(-32000, "1"), call, Stateless, old, "-32000 m 1"),
    ];
    for (error, method, server, client, expected) in table {
        let said = failed(&error, method, server, client);
        assert_eq!(said, expected, "{error} {method:?} {server:?} {client:?}");
    }
}

#[test]
fn a_child_is_told_what_its_questions_came_to() {
    let missing = stateless::capability_missing(Capabilities::ROOTS);
    assert!(is_incapable(&missing));
    let told = error_for_child(&missing);
    assert_eq!((told.code, told.data.is_none()), (METHOD_NOT_FOUND, true));
    let other = error_for_child(&RpcError::new(-1, "User rejected sampling request"));
    assert_eq!(
        (other.code, &*other.message),
        (-1, "User rejected sampling request")
    );
}

#[test]
fn a_question_keeps_what_clients_can_use() {
    let table = [
        ("{}", None, "{}", None),
        ("{}", Some("form"), r#"{"mode":"form"}"#, None),
        (
            r#"{"mode":"url","a":[ 1 ]}"#,
            Some("form"),
            r#"{"mode":"url","a":[ 1 ]}"#,
            None,
        ),
        (
            r#"{"elicitationId":"e","task":{},"_meta":{"progressToken":1},"a\"":1}"#,
            None,
            r#"{"a\"":1}"#,
            None,
        ),
        (
            r#"{"_meta":{"io.slimcp/inputKey":"k","x/y":{},"io.modelcontextprotocol/z":1}}"#,
            None,
            r#"{"_meta":{"x/y":{}}}"#,
            Some("k"),
        ),
        (r#"{"_meta":{"io.slimcp/inputKey":7}}"#, None, "{}", None),
        ("[1]", None, "{}", None),
    ];
    for (params, mode, expected, key) in table {
        let question = read_question(Some(&raw(params)), mode);
        assert_eq!(
            (&*question.params, question.key.as_deref()),
            (expected, key),
            "{params}"
        );
    }
    assert_eq!(read_question(None, None).params, "{}");
}
