//! The sealed `requestState` of a call that waits for its client (2026-07-28, multi round-trip
//! requests): what the client gets with our questions and brings back with its answers.
//!
//! ```text
//! version . call . nonce . round . digest . principal . expires . seal    as base64url
//!       1      8      16       4       16           8         8     32    bytes
//! ```
//!
//! The seal is HMAC-SHA-256 over all that stands before it, so nobody else can make a state, and a
//! state is worth nothing for another call, other arguments, somebody else, or later. It hides
//! nothing. Numbers have their highest byte first. 93 bytes are 124 letters without a bit to spare:
//! a state has one spelling.

use crate::wire::json;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// What a state begins with.
const VERSION: u8 = 1;

/// Bytes of a state without its seal.
const STATE_BYTES: usize = 1 + 8 + 16 + 4 + 16 + 8 + 8;

/// Bytes of a state with its seal.
const SEALED_BYTES: usize = STATE_BYTES + 32;

/// Letters of a sealed state.
const SEALED_CHARS: usize = SEALED_BYTES / 3 * 4;
const _: () = assert!(
    SEALED_BYTES.is_multiple_of(3),
    "no letter has bits to spare"
);

/// How deep arguments are read to find the same in another spelling; each level reads all below it
/// once more. What lies deeper must come back as it was written.
const DEPTH_MAX: usize = 16;

/// Members of an object that are put in order; one with more must come back as it was written.
const MEMBERS_MAX: usize = 256;

/// Which question of which call a client answers, and who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestState {
    /// The call that waits.
    pub call: u64,
    /// Chance of the call, so that no other call is taken for it, not even one of another start.
    pub nonce: [u8; 16],
    /// How often the call has asked before.
    pub round: u32,
    /// The [`digest`] of the request.
    pub digest: [u8; 16],
    /// Who may answer.
    pub principal: u64,
    /// When it is too late, in milliseconds of the engine's clock.
    pub expires: u64,
}

/// What states are sealed with. It lives as long as the calls that wait.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// Takes bytes of chance, which nothing else is signed with.
    pub fn new(random: [u8; 32]) -> SealKey {
        SealKey(random)
    }

    /// The text for the client.
    pub fn seal(&self, state: &RequestState) -> String {
        let mut bytes = state.encode();
        let seal = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&seal);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the client brings back, if it is ours to the last letter. Whether it fits the call and
    /// is in time is for the caller to see.
    pub fn open(&self, text: &str) -> Option<RequestState> {
        if text.len() != SEALED_CHARS {
            return None;
        }
        let mut buffer = [0; SEALED_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut buffer).ok()?;
        let (state, seal) = buffer[..length].split_first_chunk::<STATE_BYTES>()?;
        // In constant time, and as a whole.
        self.mac(state).verify_slice(seal).ok()?;
        RequestState::decode(state)
    }

    fn mac(&self, state: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        mac.expect("HMAC takes a key of any length")
            .chain_update(state)
    }
}

impl fmt::Debug for SealKey {
    /// Shows nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl RequestState {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEALED_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.call.to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.round.to_be_bytes());
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(&self.principal.to_be_bytes());
        bytes.extend_from_slice(&self.expires.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; STATE_BYTES]) -> Option<RequestState> {
        let (version, rest) = bytes.split_first()?;
        let (call, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (round, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (principal, rest) = rest.split_first_chunk()?;
        let expires = rest.try_into().ok()?;
        (*version == VERSION).then_some(RequestState {
            call: u64::from_be_bytes(*call),
            nonce: *nonce,
            round: u32::from_be_bytes(*round),
            digest: *digest,
            principal: u64::from_be_bytes(*principal),
            expires: u64::from_be_bytes(expires),
        })
    }
}

/// A digest of what is asked: half of a SHA-256. The client sends the same request with its
/// answers, but perhaps not in the same spelling: white space, escapes and the order of members do
/// not count in `arguments`, the digits of a number do.
pub fn digest(method: &str, name_or_uri: &str, arguments: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    push(&mut hash, Part::Text, method);
    push(&mut hash, Part::Text, name_or_uri);
    match serde_json::from_str(arguments) {
        Ok(json) => push_value(&mut hash, json, DEPTH_MAX),
        Err(_) => push(&mut hash, Part::Written, arguments),
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let (halves, _) = bytes.as_chunks();
    halves[0]
}

/// What a hash is told. Each part says what it is and how long, so that no two values are the same
/// bytes.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Part {
    /// The characters of a string or of a member's name.
    Text = b's',
    /// A value as it is written.
    Written = b'w',
    /// An object begins.
    Object = b'o',
    /// An array begins.
    Array = b'a',
    /// The last of those ends.
    End = b'e',
}

fn push(hash: &mut Sha256, part: Part, text: &str) {
    hash.update([part as u8]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

/// Hashes what `json` means, or how it is written where that takes too much; `depth` is how much
/// deeper it is read.
fn push_value(hash: &mut Sha256, json: &RawValue, depth: usize) {
    let is_read = match json.get().as_bytes().first() {
        Some(b'"') => push_string(hash, json),
        Some(b'{') if depth > 0 => push_object(hash, json, depth - 1),
        Some(b'[') if depth > 0 => push_array(hash, json, depth - 1),
        _ => None,
    };
    if is_read.is_none() {
        push(hash, Part::Written, json.get());
    }
}

/// `None` if it has half a surrogate pair, which no text has.
fn push_string(hash: &mut Sha256, json: &RawValue) -> Option<()> {
    push(hash, Part::Text, &json::text(json)?);
    Some(())
}

fn push_object(hash: &mut Sha256, json: &RawValue, depth: usize) -> Option<()> {
    let members = sorted(json.get())?;
    push(hash, Part::Object, "");
    for (name, value) in members {
        push(hash, Part::Text, &name);
        push_value(hash, value, depth);
    }
    push(hash, Part::End, "");
    Some(())
}

fn push_array(hash: &mut Sha256, json: &RawValue, depth: usize) -> Option<()> {
    push(hash, Part::Array, "");
    let read = json::each_element(json.get(), &mut |element| {
        push_value(hash, element, depth);
        Ok(())
    });
    push(hash, Part::End, "");
    read.ok()
}

/// The members of an object in the order of their names; those of one name stay as they stand.
/// `None` if there are more than [`MEMBERS_MAX`].
fn sorted(object: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let mut members: Vec<(Cow<'_, str>, &RawValue)> = Vec::new();
    let read = json::each_member(object, &mut |name, value| {
        if members.len() == MEMBERS_MAX {
            return Err("too many members".to_string());
        }
        // The library's sort takes 3 KB for each type, and this is short.
        let place = members.partition_point(|(other, _)| *other <= name);
        members.insert(place, (name, value));
        Ok(())
    });
    read.ok().map(|()| members)
}

#[cfg(test)]
mod tests;
