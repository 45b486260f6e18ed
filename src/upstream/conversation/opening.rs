//! The handshake: `initialize`, or `server/discover`.

use super::{Conversation, Effect, Purpose};
use crate::mcp::revision::{Era, Revision};
use crate::upstream::listing::{Introduction, Offers};
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;

impl Conversation {
    /// The first request.
    pub(super) fn open(&mut self) {
        let client = Object::default()
            .text("name", env!("CARGO_PKG_NAME"))
            .text("version", env!("CARGO_PKG_VERSION"));
        match self.plan.era {
            Era::Handshake => {
                let params = Object::default()
                    .text("protocolVersion", Revision::NEWEST.date())
                    .json("capabilities", self.plan.client.to_json().as_bytes())
                    .object("clientInfo", client);
                self.request("initialize", &params.end(), Purpose::Opening);
            }
            Era::Stateless => {
                self.request("server/discover", b"{}", Purpose::Opening);
            }
        }
    }

    /// The child's answer to it.
    pub(super) fn opened(&mut self, result: Result<&RawValue, &RawValue>) {
        let result = match result {
            Ok(result) => result,
            Err(error) => {
                self.effects
                    .push_back(Effect::Unfit(error.get().to_string()));
                return;
            }
        };
        if self.plan.era == Era::Handshake {
            self.notify("notifications/initialized", b"{}");
        }
        self.introduction = Some(read_introduction(result));
        self.effects.push_back(Effect::Ready);
        if self.plan.lists {
            self.read_listings();
        }
    }
}

fn read_introduction(result: &RawValue) -> Introduction {
    let names = ["serverInfo", "instructions", "capabilities"];
    let [info, instructions, offers] = json::pick(result.get(), names).unwrap_or_default();
    Introduction {
        server_info: info.map(ToOwned::to_owned),
        instructions: instructions.and_then(json::text).map(String::from),
        offers: offers.map(read_offers).unwrap_or_default(),
    }
}

fn read_offers(offers: &RawValue) -> Offers {
    let names = ["tools", "resources", "prompts", "completions", "logging"];
    let picked = json::pick(offers.get(), names).unwrap_or_default();
    let [tools, resources, prompts, completions, logging] = picked.map(json::said);
    let flag = |object: Option<&RawValue>, name: &str| {
        let picked = object.and_then(|object| json::pick(object.get(), [name]).ok());
        picked.is_some_and(|[flag]| flag.is_some_and(|flag| flag.get() == "true"))
    };
    Offers {
        tools: tools.is_some(),
        tools_changed: flag(tools, "listChanged"),
        resources: resources.is_some(),
        resources_changed: flag(resources, "listChanged"),
        subscribe: flag(resources, "subscribe"),
        prompts: prompts.is_some(),
        prompts_changed: flag(prompts, "listChanged"),
        completions: completions.is_some(),
        logging: logging.is_some(),
    }
}
