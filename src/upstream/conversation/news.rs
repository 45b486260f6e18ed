//! What a child says of itself without being asked: changed listings and resources.

use super::Conversation;
use serde_json::value::RawValue;

impl Conversation {
    /// A notification that is about no call.
    pub(super) fn told(&mut self, method: &str, _params: Option<&RawValue>) {
        if method.ends_with("/list_changed") {
            self.read_listings();
        }
    }
}
