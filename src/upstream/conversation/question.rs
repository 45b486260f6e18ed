//! What a child asks of us or of a client.

use super::Conversation;
use crate::tool::ask::Answered;
use crate::upstream::Tag;
use crate::wire::jsonrpc::{self, Id, RpcError};
use serde_json::value::RawValue;

impl Conversation {
    /// A request of the child.
    pub(super) fn asked(&mut self, id: Id, method: &str, _params: Option<&RawValue>) {
        match method {
            "ping" => jsonrpc::response_raw(&mut self.output, &id, b"{}"),
            _ => {
                let error = RpcError::new(jsonrpc::METHOD_NOT_FOUND, "nobody can be asked");
                jsonrpc::error(&mut self.output, Some(&id), &error);
            }
        }
        self.output.push(b'\n');
    }

    /// The child takes a question back.
    pub(super) fn withdrawn(&mut self, _params: Option<&RawValue>) {}

    /// The client of a call has answered the question with this key.
    pub fn answer(&mut self, _tag: Tag, _key: &str, _answer: &Answered) {}
}
