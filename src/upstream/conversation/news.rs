//! What a child says without being asked: that listings and resources have changed.
//!
//! With a handshake it says so of all listings, and of resources that it was asked to look after
//! one by one. In 2026-07-28 it says what one long `subscriptions/listen` has asked for. What that
//! asks for cannot be changed: another one is opened, and when the child has acknowledged it the
//! old one is cancelled, so that nothing is missed in between. At most one is being opened; what is
//! wanted meanwhile waits for the next.

use super::{Conversation, Effect, Purpose};
use crate::limits::{URI_BYTES_MAX, WATCHED_MAX};
use crate::mcp::message::Level;
use crate::mcp::revision::Era;
use crate::mcp::subscription::{self, List, Lists};
use crate::upstream::listing::Offers;
use crate::wire::json::{self, Object};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What a child is asked to tell.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Resources that it is to look after.
    watched: Vec<Watched>,
    /// The subscription that it has acknowledged.
    active: Option<u64>,
    /// The one that it has not.
    opening: Option<u64>,
    /// Whether something else is wanted than what was asked for last.
    is_outdated: bool,
    /// The least severity of log messages, where somebody has set it.
    level: Option<Level>,
}

/// A resource that a child is to look after.
#[derive(Debug)]
struct Watched {
    uri: Box<str>,
    /// The subscription that asks for it, the latest of them.
    asked_in: Option<u64>,
    /// Whether the child has agreed.
    is_agreed: bool,
}

impl News {
    /// Bytes that are held here.
    pub(super) fn held_bytes(&self) -> usize {
        let bytes = |watched: &Watched| watched.uri.len() + size_of::<Watched>();
        self.watched.iter().map(bytes).sum()
    }

    fn place(&self, uri: &str) -> Option<usize> {
        self.watched.iter().position(|one| *one.uri == *uri)
    }
}

impl Conversation {
    /// The child is ready: tells it what was wanted before.
    pub(super) fn begin_news(&mut self) {
        if let Some(level) = self.news.level.take() {
            self.set_level(level);
        }
        for one in std::mem::take(&mut self.news.watched) {
            self.watch(one.uri);
        }
        self.listen();
    }

    /// Asks the child to look after a resource. [`Effect::Subscribed`] says whether it does.
    pub fn subscribe(&mut self, uri: &str) {
        self.watch(uri.into());
        self.listen();
    }

    /// Tells the child that nobody wants to hear of a resource any more.
    pub fn unsubscribe(&mut self, uri: &str) {
        let Some(place) = self.news.place(uri) else {
            return;
        };
        self.news.watched.swap_remove(place);
        if self.plan.era == Era::Stateless {
            return self.listen();
        }
        if self.offers.is_none() {
            return;
        }
        let unanswered = self.pending.iter().find(|one| match &one.purpose {
            Purpose::Subscribe(asked) => **asked == *uri,
            _ => false,
        });
        if let Some(id) = unanswered.map(|one| one.id) {
            self.forget(id);
        }
        let id = self.ask_about("resources/unsubscribe", uri, Purpose::Nothing);
        self.forget(id);
    }

    /// Sets the least severity of the child's log messages. In 2026-07-28 each request has its own.
    pub fn set_level(&mut self, level: Level) {
        if self.news.level.replace(level) == Some(level) || self.plan.era == Era::Stateless {
            return;
        }
        if self.offers.is_some_and(|offers| offers.logging) {
            let params = Object::default().text("level", level.name());
            let id = self.request("logging/setLevel", &params.end(), Purpose::Nothing);
            self.forget(id);
        }
    }

    fn watch(&mut self, uri: Box<str>) {
        if let Some(place) = self.news.place(&uri) {
            if self.news.watched[place].is_agreed {
                self.say_subscribed(&uri, true);
            }
            return;
        }
        let has_room = self.news.watched.len() < WATCHED_MAX && uri.len() <= URI_BYTES_MAX;
        if !has_room || self.offers.is_some_and(|offers| !offers.subscribe) {
            return self.say_subscribed(&uri, false);
        }
        if self.plan.era == Era::Handshake && self.offers.is_some() {
            self.ask_about("resources/subscribe", &uri, Purpose::Subscribe(uri.clone()));
        }
        self.news.watched.push(Watched {
            uri,
            asked_in: None,
            is_agreed: false,
        });
    }

    fn say_subscribed(&mut self, uri: &str, is_agreed: bool) {
        let told = Effect::Subscribed(uri.to_string(), is_agreed);
        self.effects.push_back(told);
    }

    /// Sends a request about a resource to a child with a handshake.
    fn ask_about(&mut self, method: &str, uri: &str, purpose: Purpose) -> u64 {
        let params = Object::default().text("uri", uri);
        self.request(method, &params.end(), purpose)
    }

    /// A child with a handshake looks after a resource, or does not.
    pub(super) fn subscribed(&mut self, uri: &str, is_agreed: bool) {
        let Some(place) = self.news.place(uri) else {
            return;
        };
        self.news.watched[place].is_agreed = is_agreed;
        if !is_agreed {
            self.news.watched.swap_remove(place);
        }
        self.say_subscribed(uri, is_agreed);
    }

    /// Opens a subscription to all that is wanted now, if the child is of 2026-07-28.
    fn listen(&mut self) {
        let Some(offers) = self.offers.filter(|_| self.plan.era == Era::Stateless) else {
            return;
        };
        if self.news.opening.is_some() {
            self.news.is_outdated = true;
            return;
        }
        self.news.is_outdated = false;
        let lists = match self.plan.lists {
            true => lists_told(offers),
            false => Lists::NONE,
        };
        if lists == Lists::NONE && self.news.watched.is_empty() {
            let active = self.news.active.take();
            return active.into_iter().for_each(|id| self.stop_listening(id));
        }
        let uris: Vec<&str> = self.news.watched.iter().map(|one| &*one.uri).collect();
        let filter = subscription::filter(lists, (!uris.is_empty()).then_some(&uris));
        let params = Object::default().object("notifications", filter);
        let params = self.own_params(params);
        let id = self.request("subscriptions/listen", &params, Purpose::Listen);
        for one in &mut self.news.watched {
            one.asked_in = Some(id);
        }
        self.news.opening = Some(id);
    }

    /// Listens again if the child has ended its subscription.
    pub(super) fn listen_again(&mut self) {
        if self.news.active.is_none() {
            self.listen();
        }
    }

    /// The child says what it honours of a subscription.
    fn acknowledged(&mut self, params: Option<&RawValue>) {
        let names = ["_meta", "notifications"];
        let [meta, filter] = pick(params, names).map(json::said);
        let opening = self
            .news
            .opening
            .take_if(|id| names_subscription(meta, *id));
        let Some(id) = opening else {
            return self.noise("an acknowledgement of nothing");
        };
        let [uris] = pick(filter, [subscription::RESOURCES]);
        self.agree(id, &texts(uris));
        if let Some(old) = self.news.active.replace(id) {
            self.stop_listening(old);
        }
        if self.news.is_outdated {
            self.listen();
        }
    }

    /// Of the resources that this subscription asks for the child looks after these.
    fn agree(&mut self, id: u64, honoured: &[Cow<'_, str>]) {
        let effects = &mut self.effects;
        self.news.watched.retain_mut(|one| {
            if one.asked_in != Some(id) {
                return true;
            }
            let is_agreed = honoured.iter().any(|uri| **uri == *one.uri);
            if one.is_agreed != is_agreed || !is_agreed {
                effects.push_back(Effect::Subscribed(one.uri.to_string(), is_agreed));
            }
            one.is_agreed = is_agreed;
            is_agreed
        });
    }

    fn stop_listening(&mut self, id: u64) {
        self.forget(id);
        let params = Object::default().plain("requestId", id);
        self.notify("notifications/cancelled", &params.end());
    }

    /// The child has answered the request that opens a subscription: it has ended it, or refuses
    /// it. What was missed from then on is found out when there is time for it.
    pub(super) fn listen_over(&mut self, id: u64) {
        if self.news.opening == Some(id) {
            self.news.opening = None;
            self.noise("it does not tell of changes although it offers to");
            self.refuse_asked_in(id);
            if self.news.is_outdated {
                self.listen();
            }
        } else if self.news.active == Some(id) {
            self.news.active = None;
            let offers = self.offers.unwrap_or_default();
            for list in lists_told(offers).iter() {
                self.changed(list);
            }
            self.tell_stale();
        }
    }

    /// The child ends a subscription, if it is one.
    fn listen_cancelled(&mut self, params: Option<&RawValue>) {
        let [id] = pick(params, ["requestId"]);
        let id = id.and_then(|id| id.get().parse().ok());
        let id = id.filter(|id| [self.news.opening, self.news.active].contains(&Some(*id)));
        if let Some(id) = id {
            self.forget(id);
            self.listen_over(id);
        }
    }

    /// Forgets the resources that only this subscription has asked for.
    fn refuse_asked_in(&mut self, id: u64) {
        let effects = &mut self.effects;
        self.news.watched.retain(|one| {
            let stays = one.asked_in != Some(id) || one.is_agreed;
            if !stays {
                effects.push_back(Effect::Subscribed(one.uri.to_string(), false));
            }
            stays
        });
    }

    /// A notification that is about no call.
    pub(super) fn told(&mut self, method: &str, params: Option<&RawValue>) {
        match method {
            "notifications/subscriptions/acknowledged" => return self.acknowledged(params),
            "notifications/cancelled" => return self.listen_cancelled(params),
            _ => {}
        }
        let [meta, uri] = pick(params, ["_meta", "uri"]).map(json::said);
        if !self.is_wanted(meta) {
            return;
        }
        let mut lists = List::ALL.into_iter();
        if let Some(list) = lists.find(|list| list.notification() == method) {
            self.changed(list);
        } else if method == "notifications/resources/updated"
            && let Some(uri) = uri.and_then(json::text)
        {
            self.effects.push_back(Effect::Updated(uri.into_owned()));
        }
    }

    /// Whether news are of the subscription that goes on: while one takes over from another both
    /// tell the same. Some servers do not name it.
    fn is_wanted(&self, meta: Option<&RawValue>) -> bool {
        let [id] = pick(meta, [subscription::SUBSCRIPTION_ID]);
        let active = self.news.active.map(|id| id.to_string());
        id.is_none_or(|id| active.is_none_or(|active| active == id.get()))
    }
}

/// The listings whose changes a server tells.
fn lists_told(offers: Offers) -> Lists {
    Lists::NONE
        .with(List::Tools, offers.tools_changed)
        .with(List::Prompts, offers.prompts_changed)
        .with(List::Resources, offers.resources_changed)
}

/// Members of an object, which may be absent and no object.
fn pick<'a, const N: usize>(
    object: Option<&'a RawValue>,
    names: [&str; N],
) -> [Option<&'a RawValue>; N] {
    let picked = object.and_then(|object| json::pick(object.get(), names).ok());
    picked.unwrap_or([None; N])
}

/// Whether `_meta` names this subscription.
fn names_subscription(meta: Option<&RawValue>, id: u64) -> bool {
    let [named] = pick(meta, [subscription::SUBSCRIPTION_ID]);
    named.is_some_and(|named| named.get() == id.to_string())
}

/// The texts in a list, as many as are ever asked for.
fn texts(list: Option<&RawValue>) -> Vec<Cow<'_, str>> {
    let mut texts = Vec::new();
    let list = list.map_or("[]", RawValue::get);
    // What is no list of texts is one as far as it goes.
    let _ = json::each_element(list, &mut |element| {
        texts.extend(json::text(element).filter(|_| texts.len() < WATCHED_MAX));
        Ok(())
    });
    texts
}
