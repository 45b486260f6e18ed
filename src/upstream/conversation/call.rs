//! Calls: sent, reported on, answered, cancelled.

use super::{Asking, Conversation, Effect, Purpose};
use crate::tool::handler::Ended;
use crate::upstream::{Forward, Tag};
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::{INTERNAL_ERROR, RpcError};
use serde_json::value::RawValue;

/// A call without an answer.
#[derive(Debug)]
pub(super) struct Open {
    asking: Asking,
    /// The id of the request that stands for it now.
    id: u64,
}

impl Conversation {
    /// Sends a call. The handshake is done.
    pub fn send(&mut self, forward: &Forward, asking: Asking) {
        let tag = asking.tag;
        let method = forward.method.name();
        let id = self.request(method, forward.params.as_bytes(), Purpose::Call(tag));
        self.calls.push(Open { asking, id });
    }

    /// Nobody wants the answer of a call any more.
    pub fn cancel(&mut self, tag: Tag) {
        let Some(place) = self.calls.iter().position(|open| open.asking.tag == tag) else {
            return;
        };
        let open = self.calls.swap_remove(place);
        if let Some(pending) = self.pending.iter_mut().find(|one| one.id == open.id) {
            pending.purpose = Purpose::Cancelled;
        }
        let params = Object::default().plain("requestId", open.id);
        self.notify("notifications/cancelled", &params.end());
    }

    /// A call is answered.
    pub(super) fn answered(&mut self, tag: Tag, result: Result<&RawValue, &RawValue>) {
        self.calls.retain(|open| open.asking.tag != tag);
        let ended = match result {
            Ok(result) => Ended::Result(result.get().to_string()),
            Err(error) => Ended::Failed(read_error(error)),
        };
        self.effects.push_back(Effect::Ended(tag, ended));
    }

    /// A call says how far it has come.
    pub(super) fn progressed(&mut self, _params: Option<&RawValue>) {}

    /// A log message.
    pub(super) fn logged(&mut self, _params: Option<&RawValue>) {}
}

/// The `error` of a response.
fn read_error(error: &RawValue) -> RpcError {
    let picked = json::pick(error.get(), ["code", "message", "data"]).unwrap_or_default();
    let [code, message, data] = picked;
    let code = code.and_then(|code| code.get().parse().ok());
    let message = message.and_then(json::text);
    RpcError {
        code: code.unwrap_or(INTERNAL_ERROR),
        message: message
            .map_or_else(|| "no reason".to_string(), String::from)
            .into(),
        data: data.map(ToOwned::to_owned),
    }
}
