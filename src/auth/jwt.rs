//! JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 and nothing else.

use super::role::RoleIndex;
use std::fmt;
use std::time::Duration;

/// What a JWT must be to be let in.
#[derive(Clone, Debug, PartialEq)]
pub struct Jwt {
    /// What it is signed with.
    pub secret: Secret,
    /// What `iss` must be; `None`: anything, also nothing.
    pub issuer: Option<String>,
    /// What `aud` must be or hold; `None`: anything, also nothing.
    pub audience: Option<String>,
    /// How far the issuer's clock may be from ours.
    pub skew: Duration,
    /// The claim that names the role.
    pub role_claim: String,
    /// The role where that claim is absent; `None`: such a JWT is refused.
    pub role: Option<RoleIndex>,
}

/// The key that issuer and server share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Jwt {
    /// Whatever is signed with `secret`, names a subject and a role, and has not expired.
    pub fn new(secret: Secret) -> Jwt {
        Jwt {
            secret,
            issuer: None,
            audience: None,
            skew: Duration::from_secs(60),
            role_claim: "role".to_string(),
            role: None,
        }
    }
}

impl Secret {
    /// Bytes of a hash; a key must not be shorter than it (RFC 7518 section 3.2).
    pub const BYTES_MIN: usize = 32;

    /// Takes what a file holds: one line end at its end belongs to the editor, not to the key.
    ///
    /// # Errors
    ///
    /// Says how long a key must be.
    pub fn parse(file: &[u8]) -> Result<Secret, String> {
        let key = file.strip_suffix(b"\n").unwrap_or(file);
        let key = key.strip_suffix(b"\r").unwrap_or(key);
        if key.len() < Secret::BYTES_MIN {
            let bytes_min = Secret::BYTES_MIN;
            return Err(format!("expected a secret of at least {bytes_min} bytes"));
        }
        Ok(Secret(key.into()))
    }
}

impl fmt::Debug for Secret {
    /// Shows nothing of it, not even how long it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
