//! Tokens: what the holder of one shows, and what is kept of it.

use super::role::RoleIndex;
use std::fmt;

/// A token that is let in. Its text is known to its holder only.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Whom it was given to, for logs and stats.
    pub name: String,
    /// What its holder may do.
    pub role: RoleIndex,
    /// The SHA-256 of its text.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Token {
    /// Without the digest: a token that somebody thought up could be guessed from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Token");
        shown.field("name", &self.name).field("role", &self.role);
        shown.finish_non_exhaustive()
    }
}
