//! What is known of an upstream, as text for a file: with it listings are answered after a start
//! of the daemon without a start of the upstream.
//!
//! The file is a convenience and never needed: whatever is wrong with one is as if there were none.
//! It is of one command line, so that another command is asked anew; values of the environment are
//! no part of that, for they may be secrets.

use super::listing::{Entries, Eras, Introduction, Kind, Listing};
use crate::limits::KEPT_BYTES_MAX;
use crate::tool::command::CommandLine;
use crate::tool::registry::hash;
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::is_too_deep;
use serde_json::value::RawValue;

/// What the text looks like; a file of another version is none.
const VERSION: &str = "1";

/// The text to be kept: a JSON object of at most [`KEPT_BYTES_MAX`] bytes.
pub fn write(line: &CommandLine, eras: Eras, listing: &Listing) -> Vec<u8> {
    let introduction = &listing.introduction;
    let mut object = Object::default()
        .plain("version", VERSION)
        .text("command", &fingerprint(line))
        .plain("handshake", eras.handshake)
        .plain("stateless", eras.stateless)
        .optional("serverInfo", introduction.server_info.as_ref())
        .optional_text("instructions", introduction.instructions.as_deref())
        .object("capabilities", introduction.offers.object());
    for kind in Kind::ALL {
        object = object.json(kind.member(), &list(listing.entries(kind)));
    }
    object.end()
}

fn list(entries: &Entries) -> Vec<u8> {
    let mut json = vec![b'['];
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        json.extend_from_slice(entry.get().as_bytes());
    }
    json.push(b']');
    json
}

/// What was kept of the upstream with this command line; `None` if the text is damaged, or of
/// another command or version.
pub fn read(line: &CommandLine, text: &[u8]) -> Option<(Eras, Listing)> {
    if text.len() > KEPT_BYTES_MAX || is_too_deep(text) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let names = ["version", "command", "handshake", "stateless"];
    let [version, command, handshake, stateless] = json::pick(text, names).ok()?;
    if version?.get() != VERSION || json::text(command?)? != fingerprint(line) {
        return None;
    }
    let eras = Eras {
        handshake: handshake?.get() == "true",
        stateless: stateless?.get() == "true",
    };
    let names = ["serverInfo", "instructions", "capabilities"];
    let [info, instructions, offers] = json::pick(text, names).ok()?;
    let mut listing = Listing {
        introduction: Introduction::read(info, instructions, offers),
        ..Listing::default()
    };
    for kind in Kind::ALL {
        let [entries] = json::pick(text, [kind.member()]).ok()?;
        listing = listing.with(kind, read_entries(kind, entries?)?);
    }
    (!eras.is_empty()).then_some((eras, listing))
}

/// Entries of one kind: all of them sound, and no more than a server may have.
fn read_entries(kind: Kind, entries: &RawValue) -> Option<Entries> {
    let mut kept = Vec::new();
    let read = json::each_element(entries.get(), &mut |entry| {
        let entry = kind.keep(entry.get());
        kept.push(
            entry
                .filter(|_| kept.len() < kind.entries_max())
                .ok_or("")?,
        );
        Ok(())
    });
    read.is_ok().then(|| kept.into())
}

/// What is the same for two command lines exactly if they start the same program in the same way
/// (up to a collision of 64 bits), as text.
fn fingerprint(line: &CommandLine) -> String {
    let names = line.environment.iter().map(|(name, _)| name);
    let words = line.argv.iter().chain(&line.directory).chain(names);
    let words = words.chain(&line.environment_inherit);
    // No word of a command line has a zero in it.
    let bytes = words.flat_map(|word| word.bytes().chain([0]));
    format!("{:016x}", hash(bytes))
}

#[cfg(test)]
mod tests;
