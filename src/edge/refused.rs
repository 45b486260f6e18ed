//! What is said to a client before any of its requests is looked at.

use crate::limits;
use crate::mcp::refusal::Refusal;
use crate::wire::encode::{self, Content};
use crate::wire::jsonrpc::{self, RpcError};
use crate::wire::status;

/// The answer to bytes that are no request.
pub(super) fn refuse(refusal: &status::Refusal, out: &mut Vec<u8>) {
    log::debug!(
        "request refused: {} {}",
        refusal.status.code(),
        refusal.text
    );
    let mut body = Vec::new();
    let error = RpcError::new(jsonrpc::INVALID_REQUEST, refusal.text.clone());
    jsonrpc::error(&mut body, None, &error);
    encode::json(out, refusal.status, false, None, &[], &body, Content::Sent);
}

/// The answer for want of room, before any request is looked at.
pub(super) fn unavailable(refusal: Refusal, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    jsonrpc::error(
        &mut body,
        None,
        &RpcError::new(refusal.code(), refusal.text()),
    );
    let fields = [("Retry-After", "5")];
    encode::json(
        out,
        refusal.status(),
        false,
        None,
        &fields,
        &body,
        Content::Sent,
    );
}

const _: () = assert!(limits::RETRY_AFTER.as_secs() == 5, "the text above says so");
