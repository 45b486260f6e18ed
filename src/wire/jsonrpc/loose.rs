//! Messages as the older front-ends write them.

use super::{Fault, Message, checked, decode_members};
use crate::wire::json;

/// Decodes one message that may leave out `jsonrpc`, and whose `id` and `params` may be null where
/// they are meant to be absent.
///
/// # Errors
///
/// As [`decode`](super::decode); a batch is no message here.
pub fn decode_loose(body: &[u8]) -> Result<Message<'_>, Fault> {
    let mut members = decode_members(checked(body)?)?;
    members.id = json::said(members.id);
    members.params = json::said(members.params);
    members.jsonrpc = members.jsonrpc.or_else(|| Some(json::literal("\"2.0\"")));
    members.into_message()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_may_be_left_out() {
        let request = r#"{"method":"m","id":1761234567890,"params":null,"x":1}"#;
        let Ok(Message::Request { id, method, params }) = decode_loose(request.as_bytes()) else {
            panic!("it is a request");
        };
        assert_eq!((id.as_json(), &*method), ("1761234567890", "m"));
        assert!(params.is_none());
        let notice = decode_loose(br#"{"jsonrpc":"2.0","method":"m","id":null}"#);
        assert!(
            matches!(notice, Ok(Message::Notification { .. })),
            "{notice:?}"
        );
        for bad in [
            "",
            "[]",
            r#"[{"method":"m"}]"#,
            "{}",
            r#"{"method":1}"#,
            r#"{"method":"m","jsonrpc":"1.0"}"#,
            r#"{"method":"m","id":{}}"#,
            r#"{"method":"m","method":"n"}"#,
        ] {
            assert!(decode_loose(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
