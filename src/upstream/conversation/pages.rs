//! Listings, page by page.

use super::{Conversation, Effect, Purpose};
use crate::upstream::listing::Listing;
use crate::wire::json;
use serde_json::value::RawValue;

/// A listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `tools/list`.
    Tools,
}

/// The listings that are being read.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// What was read so far.
    listing: Listing,
}

impl Conversation {
    /// Asks for all that the child offers.
    pub(super) fn read_listings(&mut self) {
        self.pages = Pages::default();
        self.request("tools/list", b"{}", Purpose::Page(Kind::Tools));
    }

    /// A page is here.
    pub(super) fn page_read(&mut self, kind: Kind, result: Result<&RawValue, &RawValue>) {
        let Kind::Tools = kind;
        let picked = result
            .ok()
            .and_then(|page| json::pick(page.get(), ["tools"]).ok());
        let [tools] = picked.unwrap_or_default();
        let tools = tools.map_or("[]", RawValue::get);
        let taken = json::each_element(tools, &mut |tool| {
            self.pages.listing.tools.push(tool.to_owned());
            Ok(())
        });
        if taken.is_err() {
            self.effects
                .push_back(Effect::Noise("a listing that is no list"));
        }
        let mut listing = std::mem::take(&mut self.pages.listing);
        listing.introduction = self.introduction.clone().unwrap_or_default();
        self.effects.push_back(Effect::Listed(Box::new(listing)));
    }
}
