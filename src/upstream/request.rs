//! What an upstream is asked, out of what a client has sent.

use super::offered::others;
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;

/// Members of `params` that are between a client and us.
const OURS: [&str; 4] = ["_meta", "inputResponses", "requestState", "task"];

/// What begins the names in `_meta` that belong to the protocol.
const PROTOCOL: &str = "io.modelcontextprotocol/";

/// The parameters of a request; where a name is given, under this member, in place of the one that
/// it has here.
pub(crate) fn forwarded(params: Option<&RawValue>, named: Option<(&str, &str)>) -> Box<str> {
    let Some(params) = params else {
        return "{}".into();
    };
    let member = named.map_or("_meta", |(member, _)| member);
    let [meta, responses, state, task] = OURS;
    let rest = others(params, &[meta, responses, state, task, member]);
    let rest = rest.unwrap_or_default();
    match named {
        Some((member, name)) => rest.text(member, name).text_end(),
        None => rest.text_end(),
    }
}

/// The same for the completion of an argument of this prompt.
pub(crate) fn forwarded_completion(params: Option<&RawValue>, prompt: &str) -> Box<str> {
    let reference = Object::default()
        .text("type", "ref/prompt")
        .text("name", prompt);
    let text = forwarded(params, None);
    let rest = serde_json::from_str::<&RawValue>(&text).ok();
    let rest = rest.and_then(|params| others(params, &["ref"]));
    rest.unwrap_or_default().object("ref", reference).text_end()
}

/// What a client has put into `_meta` for whoever answers: members without braces.
pub(crate) fn meta_of(params: Option<&RawValue>) -> Box<str> {
    let picked = params.and_then(|params| json::pick(params.get(), ["_meta"]).ok());
    picked
        .and_then(|[meta]| meta)
        .map_or_else(Box::default, foreign)
}

/// The members of `_meta` that are none of the protocol.
pub(crate) fn foreign(meta: &RawValue) -> Box<str> {
    let mut foreign = Object::default();
    let read = json::each_member(meta.get(), &mut |name, value| {
        if name != "progressToken" && !name.starts_with(PROTOCOL) {
            foreign = std::mem::take(&mut foreign).foreign(&name, value.get());
        }
        Ok(())
    });
    let text = foreign.text_end();
    match read {
        Ok(()) => text[1..text.len() - 1].into(),
        Err(_) => Box::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_string()).unwrap()
    }

    #[test]
    fn what_is_between_client_and_gateway_stays_here() {
        let params = raw(
            r#"{"name":"a_x", "arguments" : {"_meta": 1},"_meta":{"x":1},"requestState":"s",
                "inputResponses":{},"task":{},"new":[ ]}"#,
        );
        assert_eq!(
            &*forwarded(Some(&params), Some(("name", "x"))),
            r#"{"arguments":{"_meta":1},"new":[],"name":"x"}"#
        );
        let uri = raw(r#"{"uri":"t://a"}"#);
        assert_eq!(&*forwarded(Some(&uri), None), r#"{"uri":"t://a"}"#);
        assert_eq!(&*forwarded(None, None), "{}");
    }

    #[test]
    fn a_completion_names_the_prompt_as_its_server_does() {
        let params = raw(
            r#"{"ref":{"type":"ref/prompt","name":"a_x"},"argument":{"name":"n","value":"v"}}"#,
        );
        assert_eq!(
            &*forwarded_completion(Some(&params), "x"),
            r#"{"argument":{"name":"n","value":"v"},"ref":{"type":"ref/prompt","name":"x"}}"#
        );
    }

    #[test]
    fn metadata_of_the_protocol_is_not_passed_on() {
        let params = raw(
            r#"{"_meta":{"progressToken":1,"io.modelcontextprotocol/logLevel":"info",
                "traceparent":"00-1", "com.example/a": {"b":1}}}"#,
        );
        assert_eq!(
            &*meta_of(Some(&params)),
            r#""traceparent":"00-1","com.example/a":{"b":1}"#
        );
        for without in [
            "{}",
            r#"{"_meta":{}}"#,
            r#"{"_meta":7}"#,
            r#"{"_meta":null}"#,
        ] {
            assert_eq!(&*meta_of(Some(&raw(without))), "", "{without}");
        }
    }
}
