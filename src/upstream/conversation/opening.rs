//! The handshake: `initialize`, or `server/discover`.
//!
//! `server/discover` comes first to every child of 2026-07-28: it says what the server offers, and
//! some servers cannot be listened to before it. In a probe a child may be asked both, one after
//! the other or, where it is slow to start, one behind the other: what it agrees to first is what
//! its listings are read by.

use super::{Conversation, Effect, Purpose};
use crate::mcp::revision::{Era, MODERN, Revision};
use crate::mcp::stateless::VERSION_UNSUPPORTED;
use crate::upstream::listing::Introduction;
use crate::upstream::probe::Answer;
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;

/// `_meta` of requests of our own to a child of 2026-07-28: nobody can be asked.
const META: &str = concat!(
    r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":""#,
    env!("CARGO_PKG_NAME"),
    r#"","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"io.modelcontextprotocol/clientCapabilities":{}}"#
);

/// Where a result of 2026-07-28 says who the server is.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Characters of a child's own words in a reason.
const REASON_CHARS_MAX: usize = 200;

impl Conversation {
    /// The first request.
    pub(super) fn open(&mut self) {
        match self.plan.era {
            Era::Handshake => self.initialize(),
            Era::Stateless => {
                self.heard.stateless = Answer::Awaited;
                let params = self.own_params(Object::default());
                self.request("server/discover", &params, Purpose::Discover);
            }
        }
    }

    /// Asks for a handshake. In a probe the child may have been asked for 2026-07-28 before, and
    /// may answer that still.
    pub fn initialize(&mut self) {
        debug_assert!(self.heard.handshake == Answer::NotAsked);
        self.heard.handshake = Answer::Awaited;
        let client = Object::default()
            .text("name", env!("CARGO_PKG_NAME"))
            .text("version", env!("CARGO_PKG_VERSION"));
        let params = Object::default()
            .text("protocolVersion", Revision::NEWEST.date())
            .json("capabilities", self.plan.client.to_json().as_bytes())
            .object("clientInfo", client);
        self.request("initialize", &params.end(), Purpose::Initialize);
    }

    /// Parameters of a request of our own, which no call stands behind.
    pub(super) fn own_params(&self, params: Object) -> Vec<u8> {
        match self.plan.era {
            Era::Handshake => params.end(),
            Era::Stateless => params.json("_meta", META.as_bytes()).end(),
        }
    }

    /// The child's answer to the opening of this era.
    pub(super) fn opened(&mut self, era: Era, result: Result<&RawValue, &RawValue>) {
        let answer = match (era, result) {
            (Era::Handshake, Ok(result)) => read_initialized(result),
            (Era::Stateless, Ok(result)) => read_discovered(result),
            (_, Err(error)) => Err(refusal(era, error)),
        };
        let answer = match answer {
            Ok(introduction) => {
                self.begin(era, introduction);
                Answer::Speaks
            }
            Err(refused) => refused,
        };
        if self.plan.probes {
            let place = match era {
                Era::Handshake => &mut self.heard.handshake,
                Era::Stateless => &mut self.heard.stateless,
            };
            *place = answer;
            self.say_probed();
        } else if let Answer::Refuses { reason, .. } = answer {
            self.effects.push_back(Effect::Unfit(reason));
        }
    }

    /// There is more to be read in what was heard: said once, behind all that it speaks of.
    pub(super) fn say_probed(&mut self) {
        self.effects
            .retain(|effect| !matches!(effect, Effect::Probed));
        self.effects.push_back(Effect::Probed);
    }

    /// The child speaks this era.
    fn begin(&mut self, era: Era, introduction: Introduction) {
        if era == Era::Handshake {
            self.notify("notifications/initialized", b"{}");
        }
        // In a probe it may be the second era: the listings are being read by the first.
        if self.offers.is_some() {
            return;
        }
        self.plan.era = era;
        self.offers = Some(introduction.offers);
        if !self.plan.probes {
            self.effects.push_back(Effect::Ready);
            self.begin_news();
        }
        if self.plan.lists {
            self.read_listings(introduction);
        }
    }
}

/// A reason without more to it.
fn refuses(reason: impl Into<String>) -> Answer {
    Answer::Refuses {
        reason: reason.into(),
        is_version: false,
    }
}

/// The result of `initialize`: any revision that we know is good.
fn read_initialized(result: &RawValue) -> Result<Introduction, Answer> {
    let names = [
        "protocolVersion",
        "serverInfo",
        "instructions",
        "capabilities",
    ];
    let picked = json::pick(result.get(), names).unwrap_or_default();
    let [version, info, instructions, offers] = picked.map(json::said);
    let version = version.and_then(json::text);
    let version = version.ok_or_else(|| refuses("its answer to initialize names no revision"))?;
    if Revision::parse(&version).is_none() {
        let version = shortened(&version);
        return Err(refuses(format!(
            "it answers initialize with revision {version:?}, which is not known here"
        )));
    }
    Ok(Introduction::read(info, instructions, offers))
}

/// The result of `server/discover`, which has to name 2026-07-28.
fn read_discovered(result: &RawValue) -> Result<Introduction, Answer> {
    let names = ["supportedVersions", "_meta", "instructions", "capabilities"];
    let picked = json::pick(result.get(), names).unwrap_or_default();
    let [versions, meta, instructions, offers] = picked.map(json::said);
    let Some(versions) = versions.filter(|versions| versions.get().starts_with('[')) else {
        return Err(refuses("its answer to server/discover names no revisions"));
    };
    if !has_modern(versions) {
        let reason = format!("it speaks {} and not {MODERN}", shortened(versions.get()));
        let is_version = true;
        return Err(Answer::Refuses { reason, is_version });
    }
    let [info] = meta
        .and_then(|meta| json::pick(meta.get(), [SERVER_INFO]).ok())
        .unwrap_or_default();
    Ok(Introduction::read(info, instructions, offers))
}

/// Whether 2026-07-28 is in this list.
fn has_modern(versions: &RawValue) -> bool {
    let mut is_in = false;
    let read = json::each_element(versions.get(), &mut |version| {
        is_in |= json::text(version).is_some_and(|version| version == MODERN);
        Ok(())
    });
    read.is_ok() && is_in
}

/// What the error says that a child answers an opening with.
fn refusal(era: Era, error: &RawValue) -> Answer {
    let method = match era {
        Era::Handshake => "initialize",
        Era::Stateless => "server/discover",
    };
    let [code, message] = json::pick(error.get(), ["code", "message"]).unwrap_or_default();
    let code = code.map_or("no code", RawValue::get);
    let message = message.and_then(json::text).unwrap_or_default();
    let (code, message) = (shortened(code), shortened(&message));
    Answer::Refuses {
        reason: format!("it refuses {method}: {message} ({code})"),
        is_version: code.parse() == Ok(VERSION_UNSUPPORTED),
    }
}

/// A child's own words, cut and without what would tear a line of the log.
fn shortened(words: &str) -> String {
    let words = words.chars().take(REASON_CHARS_MAX);
    words.filter(|letter| !letter.is_control()).collect()
}
