//! JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 and nothing else.
//!
//! ```text
//! base64url(header) . base64url(payload) . base64url(signature)
//! ```
//!
//! The signature comes first: until it is right, nothing else is looked at, and which algorithm it
//! has to be is not the sender's to say. So `none`, or an RSA key that is taken for an HMAC secret
//! (RFC 8725 section 2.1), finds nothing to talk to. What the header says of itself is checked only
//! to refuse what the issuer did not mean for us.

use super::role::{Role, RoleIndex};
use super::{Kind, PrincipalId, Unauthorized};
use crate::limits::JWT_BYTES_MAX;
use crate::time::UnixMillis;
use crate::wire::json;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Bytes of what one part decodes to: three for four letters.
const PART_BYTES_MAX: usize = JWT_BYTES_MAX / 4 * 3;

/// The last second of the year 9999. A later date counts milliseconds by mistake and would let a
/// JWT live for millennia.
const SECONDS_MAX: f64 = 253_402_300_799.0;

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

    /// Whether `text` has the three parts of a signed JWT.
    pub(super) fn is_like(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Whether what was shown under `other` would still be taken, but for its time.
    pub(super) fn trusts_the_same(&self, other: &Jwt) -> bool {
        self.secret == other.secret
            && self.issuer == other.issuer
            && self.audience == other.audience
            && self.role_claim == other.role_claim
    }

    /// The subject of `text` and its role.
    ///
    /// # Errors
    ///
    /// `Expired` only if everything but the time is right.
    pub(super) fn verify(
        &self,
        text: &str,
        now: UnixMillis,
        roles: &[Role],
    ) -> Result<(PrincipalId, RoleIndex), Unauthorized> {
        let mut buffer = [0; PART_BYTES_MAX];
        let payload = self.signed_payload(text, &mut buffer);
        let payload = payload.ok_or_else(|| wrong("its signature or header"))?;
        let claims = self.claims(payload);
        let claims = claims.ok_or_else(|| wrong("iss, aud, sub, exp or nbf"))?;
        let role = match &claims.role {
            Some(name) => RoleIndex::named(roles, name),
            None => self.role,
        };
        let role = role.ok_or_else(|| wrong("its role"))?;
        if !claims.are_timely(now, self.skew) {
            return Err(Unauthorized::Expired);
        }
        let issuer = claims.issuer.as_deref().unwrap_or_default();
        Ok((principal(issuer, &claims.subject), role))
    }

    /// The payload, decoded into `buffer`, if signature and header are right.
    fn signed_payload<'b>(
        &self,
        text: &str,
        buffer: &'b mut [u8; PART_BYTES_MAX],
    ) -> Option<&'b str> {
        if text.len() > JWT_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        self.secret.verify(signed, decode(signature, buffer)?)?;
        check_header(decode(header, buffer)?)?;
        std::str::from_utf8(decode(payload, buffer)?).ok()
    }

    /// What the payload claims, if it is from the right issuer for us.
    fn claims<'p>(&self, payload: &'p str) -> Option<Claims<'p>> {
        let names = ["iss", "sub", "aud", "exp", "nbf", &self.role_claim];
        let found = json::pick(payload, names).ok()?;
        let [issuer, subject, audience, expires, begins, role] = found;
        let claims = Claims {
            issuer: optional(issuer, json::text)?,
            subject: json::text(subject?)?,
            expires: seconds(expires?)?,
            begins: optional(begins, seconds)?.unwrap_or(0),
            role: optional(role, json::text)?,
        };
        let audience_is_ours = match &self.audience {
            Some(ours) => is_audience(audience?, ours)?,
            None => true,
        };
        let issuer_is_ours =
            self.issuer.is_none() || self.issuer.as_deref() == claims.issuer.as_deref();
        let is_ours = audience_is_ours && issuer_is_ours && !claims.subject.is_empty();
        is_ours.then_some(claims)
    }
}

/// Tells the operator what is wrong. Its holder learns no more than that it is.
fn wrong(what: &str) -> Unauthorized {
    log::debug!("JWT refused for {what}");
    Unauthorized::Wrong
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

    /// Whether `signature` is that of `signed`, in constant time and as a whole.
    fn verify(&self, signed: &str, signature: &[u8]) -> Option<()> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mac = mac.expect("HMAC takes a key of any length");
        mac.chain_update(signed).verify_slice(signature).ok()
    }
}

impl fmt::Debug for Secret {
    /// Shows nothing of it, not even how long it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a payload says, as far as we ask.
struct Claims<'p> {
    /// `iss`: who signed.
    issuer: Option<Cow<'p, str>>,
    /// `sub`: who asks.
    subject: Cow<'p, str>,
    /// `exp`: from here on it is worth nothing, in seconds since 1970.
    expires: u64,
    /// `nbf`: before this it is worth nothing, in seconds since 1970.
    begins: u64,
    /// What it may do.
    role: Option<Cow<'p, str>>,
}

impl Claims<'_> {
    /// Whether it holds at `now`, if one of the two clocks is wrong by `skew`.
    fn are_timely(&self, now: UnixMillis, skew: Duration) -> bool {
        let (now, skew) = (now.seconds(), skew.as_secs());
        let is_over = now >= self.expires.saturating_add(skew);
        let is_to_come = now.saturating_add(skew) < self.begins;
        !is_over && !is_to_come
    }
}

/// The subject of an issuer, whatever else its JWT says. The length stands before the issuer, so
/// that no two pairs are the same bytes.
fn principal(issuer: &str, subject: &str) -> PrincipalId {
    let hash = Sha256::new()
        .chain_update((issuer.len() as u64).to_be_bytes())
        .chain_update(issuer)
        .chain_update(subject);
    PrincipalId::of(Kind::Subject, &hash.finalize().into())
}

/// Decodes base64url without padding (RFC 7515 section 2); anything else is refused, also bits
/// that mean nothing: a JWT has one spelling.
fn decode<'b>(part: &str, buffer: &'b mut [u8; PART_BYTES_MAX]) -> Option<&'b [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(part, buffer).ok()?;
    Some(&buffer[..length])
}

/// Whether the header means what we do: HS256, and nothing that must be understood (RFC 7515
/// section 4.1.11). What `typ` says is of no use: issuers write what they like.
fn check_header(header: &[u8]) -> Option<()> {
    let header = std::str::from_utf8(header).ok()?;
    let [algorithm, critical] = json::pick(header, ["alg", "crit"]).ok()?;
    let is_ours = json::text(algorithm?)? == "HS256" && critical.is_none();
    is_ours.then_some(())
}

/// A date in seconds since 1970, which may have a fraction (RFC 7519 section 2, NumericDate).
fn seconds(date: &RawValue) -> Option<u64> {
    // JSON that begins with a digit is a number, and none below zero.
    if !date.get().starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let seconds = json::float(date.get())?;
    (seconds <= SECONDS_MAX).then_some(seconds as u64)
}

/// Whether `audience` is `ours`, or a list that holds it (RFC 7519 section 4.1.3).
fn is_audience(audience: &RawValue, ours: &str) -> Option<bool> {
    if !audience.get().starts_with('[') {
        return Some(json::text(audience)? == ours);
    }
    let mut is_ours = false;
    let read = json::each_element(audience.get(), &mut |element| {
        let text = json::text(element).ok_or("an audience is a text")?;
        is_ours |= text == ours;
        Ok(())
    });
    read.ok().map(|()| is_ours)
}

/// `None` if the claim is there, but is not what `read` expects.
fn optional<'p, T>(
    claim: Option<&'p RawValue>,
    read: impl Fn(&'p RawValue) -> Option<T>,
) -> Option<Option<T>> {
    match claim {
        Some(json) => read(json).map(Some),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests;
