//! Listings, page by page: all at the beginning, later the one that has changed.
//!
//! Nothing is kept here of a listing that was handed over. What a child says has bounds: pages,
//! entries of a kind, and bytes of all kinds together. What is over them is left out, with a word
//! about it. A listing that has changed is read when [`Conversation::refresh`] says so, so that
//! whoever has a clock decides how often: a child may say it all the time.

use super::{Conversation, Effect, Purpose};
use crate::limits::{CURSOR_BYTES_MAX, LISTING_PAGES_MAX};
use crate::mcp::subscription::List;
use crate::upstream::listing::{Introduction, Kind, Listing, entry_bytes};
use crate::wire::json::{self, Object};
use crate::wire::jsonrpc::METHOD_NOT_FOUND;
use serde_json::value::RawValue;

/// The listings that are being read.
#[derive(Debug, Default)]
pub(super) struct Pages {
    reading: Vec<Reading>,
    /// What all listings are put into, until the last one is here.
    first: Option<Box<Listing>>,
    /// Bytes of each kind, as far as it is read or as it was read last.
    bytes: [usize; Kind::ALL.len()],
    /// Whether each kind has changed since it was asked for, and is not to be read yet.
    stale: [bool; Kind::ALL.len()],
    /// Whether the engine was told that something is to be read again.
    is_told: bool,
}

/// A listing that is being read.
#[derive(Debug)]
struct Reading {
    kind: Kind,
    entries: Vec<Box<RawValue>>,
    /// Pages that were asked for.
    pages: usize,
    /// The cursor of the latest.
    cursor: Option<Box<str>>,
    /// Bytes that the kind had before.
    bytes_before: usize,
    /// It is to be read once more behind this.
    again: bool,
}

impl Pages {
    /// Bytes that are held here.
    pub(super) fn held_bytes(&self) -> usize {
        let of_kind = |reading: &Reading| self.bytes[reading.kind as usize];
        match &self.first {
            Some(first) => first.introduction.held_bytes() + self.bytes.iter().sum::<usize>(),
            None => self.reading.iter().map(of_kind).sum(),
        }
    }

    fn place(&self, kind: Kind) -> Option<usize> {
        self.reading.iter().position(|reading| reading.kind == kind)
    }

    /// The reading of this kind, which there is.
    fn reading(&mut self, kind: Kind) -> &mut Reading {
        let place = self.place(kind).expect("a page of it was asked for");
        &mut self.reading[place]
    }
}

impl Conversation {
    /// Asks for all that the child offers.
    pub(super) fn read_listings(&mut self, introduction: Introduction) {
        let offers = introduction.offers;
        let listing = Listing {
            introduction,
            ..Listing::default()
        };
        self.pages.first = Some(Box::new(listing));
        for kind in Kind::ALL {
            if kind.is_among(offers) {
                self.read_listing(kind);
            }
        }
        self.finish_first();
    }

    /// A listing has changed.
    pub(super) fn changed(&mut self, list: List) {
        let Some(offers) = self.offers else { return };
        for kind in Kind::ALL {
            if kind.list() == list && kind.is_among(offers) {
                self.pages.stale[kind as usize] = true;
                self.tell_stale();
            }
        }
    }

    /// There is something to be done when there is time for it.
    pub(super) fn tell_stale(&mut self) {
        if !std::mem::replace(&mut self.pages.is_told, true) {
            self.effects.push_back(Effect::Stale);
        }
    }

    /// Reads again what has changed, and listens again if the child has stopped telling
    /// ([`Effect::Stale`]). A listing that is being read is read once more when it is here.
    pub fn refresh(&mut self) {
        self.pages.is_told = false;
        for kind in Kind::ALL {
            if !std::mem::take(&mut self.pages.stale[kind as usize]) {
                continue;
            }
            match self.pages.place(kind) {
                Some(place) => self.pages.reading[place].again = true,
                None => self.read_listing(kind),
            }
        }
        self.listen_again();
    }

    fn read_listing(&mut self, kind: Kind) {
        self.pages.reading.push(Reading {
            kind,
            entries: Vec::new(),
            pages: 0,
            cursor: None,
            bytes_before: std::mem::take(&mut self.pages.bytes[kind as usize]),
            again: false,
        });
        self.ask_page(kind, None);
    }

    fn ask_page(&mut self, kind: Kind, cursor: Option<&str>) {
        let params = self.own_params(Object::default().optional_text("cursor", cursor));
        self.request(kind.method().name(), &params, Purpose::Page(kind));
        let reading = self.pages.reading(kind);
        reading.pages += 1;
        reading.cursor = cursor.map(Box::from);
    }

    /// A page is here, or is refused. What a server has declared and does not know is empty.
    pub(super) fn page_read(&mut self, kind: Kind, result: Result<&RawValue, &RawValue>) {
        let next = match result {
            Ok(page) => self.take_page(kind, page),
            Err(error) if is_unknown(error) => Ok(None),
            Err(_) => Err("it refuses a listing that it offers"),
        };
        match next {
            Ok(Some(cursor)) => self.ask_page(kind, Some(&cursor)),
            Ok(None) => self.finish(kind, true),
            Err(noise) => {
                self.noise(noise);
                self.finish(kind, false);
            }
        }
    }

    /// Takes what is on a page. Returns the cursor of the next one.
    fn take_page(&mut self, kind: Kind, page: &RawValue) -> Result<Option<String>, &'static str> {
        let names = [kind.member(), "nextCursor", "resultType"];
        let picked = json::pick(page.get(), names).unwrap_or_default();
        let [entries, cursor, result_type] = picked.map(json::said);
        let is_complete = |json| json::text(json).is_some_and(|kind| kind == "complete");
        let entries = entries.filter(|list| list.get().starts_with('['));
        let entries = entries.filter(|_| result_type.is_none_or(is_complete));
        let entries = entries.ok_or("a page of a listing without a list")?;
        if self.take_entries(kind, entries) {
            Ok(cursor.and_then(|cursor| self.next_cursor(kind, cursor)))
        } else {
            Ok(None)
        }
    }

    /// Takes the entries of a page, as far as there is room for them. Returns whether there was.
    fn take_entries(&mut self, kind: Kind, entries: &RawValue) -> bool {
        let bytes_max = self.plan.listing_bytes_max;
        let mut bytes: usize = self.pages.bytes.iter().sum();
        let bytes_before = bytes;
        let mut is_unsound = false;
        let kept = &mut self.pages.reading(kind).entries;
        let read = json::each_element(entries.get(), &mut |entry| {
            let Some(entry) = kind.keep(entry.get()) else {
                is_unsound = true;
                return Ok(());
            };
            let more = entry_bytes(&entry);
            if kept.len() == kind.entries_max() || bytes + more > bytes_max {
                return Err(String::new());
            }
            bytes += more;
            kept.push(entry);
            Ok(())
        });
        self.pages.bytes[kind as usize] += bytes - bytes_before;
        if is_unsound {
            self.noise("an entry of a listing that clients would refuse: it is left out");
        }
        if read.is_err() {
            self.noise("its listings are larger than what is kept: the rest is left out");
        }
        read.is_ok()
    }

    /// The cursor of the next page, if that is to be read.
    fn next_cursor(&mut self, kind: Kind, cursor: &RawValue) -> Option<String> {
        let reading = self.pages.reading(kind);
        let noise = match json::text(cursor) {
            None => "a cursor that is no text: the rest of the listing is left out",
            Some(next) if next.len() > CURSOR_BYTES_MAX => {
                "a cursor that is too long: the rest of the listing is left out"
            }
            Some(next) if reading.cursor.as_deref() == Some(&*next) => {
                "a page that names itself as the next: the rest of the listing is left out"
            }
            Some(_) if reading.pages == LISTING_PAGES_MAX => {
                "a listing of more pages than are read: the rest is left out"
            }
            Some(next) => return Some(next.into_owned()),
        };
        self.noise(noise);
        None
    }

    /// A listing is here, or has failed. One that was there before stays what it was.
    fn finish(&mut self, kind: Kind, is_whole: bool) {
        let place = self.pages.place(kind).expect("it was being read");
        let reading = self.pages.reading.swap_remove(place);
        match self.pages.first.take() {
            Some(first) => {
                let first = first.with(kind, reading.entries.into());
                self.pages.first = Some(Box::new(first));
            }
            None if is_whole => {
                let entries = reading.entries.into();
                self.effects.push_back(Effect::Relisted(kind, entries));
            }
            None => self.pages.bytes[kind as usize] = reading.bytes_before,
        }
        if reading.again {
            self.read_listing(kind);
        }
        self.finish_first();
    }

    /// Hands all listings over, once the last one is here.
    fn finish_first(&mut self) {
        if !self.pages.reading.is_empty() {
            return;
        }
        if let Some(first) = self.pages.first.take() {
            self.effects.push_back(Effect::Listed(first));
            if self.plan.probes {
                self.heard.listed = true;
                self.say_probed();
            }
        }
    }
}

/// Whether an error says that the method is not known.
fn is_unknown(error: &RawValue) -> bool {
    let [code] = json::pick(error.get(), ["code"]).unwrap_or_default();
    code.and_then(|code| code.get().parse().ok()) == Some(METHOD_NOT_FOUND)
}
