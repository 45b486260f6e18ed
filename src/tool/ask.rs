//! Questions that only a client can answer: of a person, of its model, of its folders.
//!
//! With a handshake each is a request of ours to the client. In 2026-07-28 they are part of a
//! result: the client answers them in a request of its own.

use crate::mcp::capability::Capabilities;
use crate::wire::jsonrpc::RpcError;
use serde_json::value::RawValue;
use std::rc::Rc;

/// A question to a client.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Unique in the call: what the answer is known by.
    pub key: String,
    /// What kind of question.
    pub kind: AskKind,
    /// The parameters: a JSON object on one line.
    pub params: String,
}

/// What a client gives back: the result, or the error that stands for it.
pub type Answered = Result<Rc<RawValue>, RpcError>;

/// What a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskKind {
    /// A person fills in a form.
    Form,
    /// A person visits a page.
    Url,
    /// The client's model goes on with a conversation.
    Sample,
    /// The same, with tools that it may use.
    SampleWithTools,
    /// Which folders the client works in.
    Roots,
}

impl AskKind {
    /// The request's name on the wire.
    pub const fn method(self) -> &'static str {
        match self {
            AskKind::Form | AskKind::Url => "elicitation/create",
            AskKind::Sample | AskKind::SampleWithTools => "sampling/createMessage",
            AskKind::Roots => "roots/list",
        }
    }

    /// What the client must have declared.
    pub const fn needs(self) -> Capabilities {
        match self {
            AskKind::Form => Capabilities::FORM,
            AskKind::Url => Capabilities::URL,
            AskKind::Sample => Capabilities::SAMPLING,
            AskKind::SampleWithTools => Capabilities::SAMPLING.and(Capabilities::SAMPLING_TOOLS),
            AskKind::Roots => Capabilities::ROOTS,
        }
    }
}
