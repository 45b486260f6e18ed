//! `subscriptions/listen` of 2026-07-28: streams of what their clients have asked to be told.
//!
//! A subscription belongs to no session. It begins with the acknowledgement of what is honoured of
//! the request, and from there on its client is told that and nothing else. It ends with its
//! connection, without a trace; if the server ends it, with the response to the request.

use super::Engine;
use super::stream::{Framing, Kind, Phase, Stream, Subscription};
use super::task::Task;
use super::transmit::message;
use crate::auth::role::Role;
use crate::auth::{Access, Principal};
use crate::bounded::Key;
use crate::mcp::refusal::Refusal;
use crate::mcp::subscription::{self, Honoured, List, ListenParams, Lists};
use crate::time::Instant;
use crate::tool::forward::Scope;
use crate::wire::jsonrpc::Id;

impl Engine {
    /// Opens a subscription to what the server offers of the wanted. Its first event, the
    /// acknowledgement, is in its ring.
    pub(super) fn open_subscription(
        &mut self,
        (principal, scope): (Principal, Scope),
        id: &Id,
        wanted: &ListenParams<'_>,
        framing: Framing,
    ) -> Result<Key<Stream>, Refusal> {
        // Nothing would ever end it: the streams there are have been told to.
        if self.drain.is_some() {
            return Err(Refusal::Stopping);
        }
        self.allow_subscription(principal)?;
        let subscription = self.honour((principal, scope), id, wanted);
        let tasks = subscription.tasks.iter();
        let tasks: Vec<&str> = tasks.map(|task| self.name_of_task(*task)).collect();
        let wants_tasks = !wanted.tasks.is_empty() && self.offers_tasks_in(scope);
        let honoured = Honoured {
            lists: subscription.lists,
            resources: self
                .offers_any(scope, wanted)
                .then_some(&*subscription.resources),
            tasks: wants_tasks.then_some(&tasks),
        };
        let acknowledgement = message(subscription::acknowledgement(id, honoured));
        let bytes = subscription.held_bytes() + acknowledgement.bytes();
        let mut stream = Stream::new(Kind::Subscription, Phase::Open, framing);
        stream.subscription = Some(Box::new(subscription));
        if !self.take_bytes(bytes) {
            return Err(Refusal::MemoryFull);
        }
        let key = self.add_stream(stream).inspect_err(|_| {
            self.pool.give(bytes);
        })?;
        self.listening += 1;
        let freed = self.append(key, acknowledgement);
        assert_eq!(freed, Ok(0), "an empty ring takes any event");
        Ok(key)
    }

    /// What is honoured of the wanted: what there is, and of tasks the principal's own.
    fn honour(
        &self,
        (principal, scope): (Principal, Scope),
        id: &Id,
        wanted: &ListenParams<'_>,
    ) -> Subscription {
        let is_honoured = |uri: &str| {
            let owner = self.owner_of(scope, uri);
            owner.is_some_and(|owner| self.can_look_after(owner, uri))
        };
        let uris = wanted.resources.iter();
        let known = uris.filter(|uri| is_honoured(uri));
        let tasks = wanted.tasks.iter();
        let own = tasks.filter_map(|task| self.find_task(principal, task));
        Subscription {
            id: id.clone(),
            principal,
            scope,
            lists: wanted.lists.and(self.lists_offered(scope)),
            resources: known.map(|uri| Box::from(&**uri)).collect(),
            tasks: own.collect(),
        }
    }

    /// Whether resources are asked for, and are something that the server offers.
    fn offers_any(&self, scope: Scope, wanted: &ListenParams<'_>) -> bool {
        !wanted.resources.is_empty() && self.offer_in(scope).resources
    }

    /// The listings that are offered in a scope.
    pub(super) fn lists_offered(&self, scope: Scope) -> Lists {
        let offer = self.offer_in(scope);
        let lists = Lists::NONE.with(List::Tools, offer.tools);
        let lists = lists.with(List::Prompts, offer.prompts);
        lists.with(List::Resources, offer.resources)
    }

    /// The subscriptions that go on and that `wants` holds for.
    fn subscriptions(&self, wants: impl Fn(&Subscription) -> bool) -> Vec<Key<Stream>> {
        let is_one = |stream: &Stream| {
            let subscription = stream.subscription.as_deref();
            stream.phase == Phase::Open && subscription.is_some_and(&wants)
        };
        let streams = self.streams.iter();
        let found = streams.filter(|(_, stream)| is_one(stream));
        found.map(|(key, _)| key).collect()
    }

    /// Tells the subscriptions to a listing that it has changed in their scopes.
    pub(super) fn tell_subscriptions(
        &mut self,
        now: Instant,
        list: List,
        is_in: &dyn Fn(Scope) -> bool,
    ) {
        for key in self.subscriptions(|wanted| is_in(wanted.scope)) {
            self.tell_subscription_changed(now, key, list);
        }
    }

    /// Tells one of them, if it wants to hear of this listing.
    pub(super) fn tell_subscription_changed(&mut self, now: Instant, key: Key<Stream>, list: List) {
        let wanted = self.subscription(key);
        if wanted.lists.has(list) {
            let payload = subscription::list_changed(&wanted.id, list);
            self.push(now, key, payload);
        }
    }

    /// Tells those subscriptions to a resource that `hears` holds for that it has changed.
    pub(super) fn tell_resource_updated(
        &mut self,
        now: Instant,
        uri: &str,
        hears: &dyn Fn(Key<Stream>, &Subscription) -> bool,
    ) {
        let mut keys = self.subscriptions(|wanted| wanted.has_resource(uri));
        keys.retain(|key| hears(*key, self.subscription(*key)));
        for key in keys {
            let payload = subscription::resource_updated(&self.subscription(key).id, uri);
            self.push(now, key, payload);
        }
    }

    /// Tells the subscriptions to a task how it is now.
    pub(super) fn tell_task_changed(&mut self, now: Instant, task: Key<Task>) {
        for key in self.subscriptions(|wanted| wanted.tasks.contains(&task)) {
            let detail = self.detail_of_task(task);
            let payload = subscription::task_changed(&self.subscription(key).id, &detail);
            self.push(now, key, payload);
        }
    }

    /// What is offered where a subscription was opened.
    pub(super) fn scope_of_subscription(&self, key: Key<Stream>) -> Scope {
        self.subscription(key).scope
    }

    /// The subscription that this stream is. Telling one or ending one ends no other.
    fn subscription(&self, key: Key<Stream>) -> &Subscription {
        let stream = self.streams.get(key).expect("the key was just read");
        stream.subscription.as_ref().expect("it is a subscription")
    }

    /// Gives every subscription the role that its principal has now, or ends it. Returns those
    /// whose principals may use other tools than before.
    pub(super) fn renew_subscriptions(&mut self, old: &Access) -> Vec<Key<Stream>> {
        let mut changed = self.subscriptions(|_| true);
        changed.retain(|key| self.renew_subscription(*key, old));
        changed
    }

    fn renew_subscription(&mut self, key: Key<Stream>, old: &Access) -> bool {
        let stream = self.streams.get_mut(key).expect("ending one ends no other");
        let access = &self.config.access;
        let subscription = stream.subscription.as_mut();
        let subscription = subscription.expect("it is a subscription");
        let is_served = self.children.has(subscription.scope);
        let principal = &mut subscription.principal;
        let renewed = access.renew(*principal, old);
        let Some(renewed) = renewed.filter(|_| is_served) else {
            // It could put off its end by reading slowly.
            match stream.blocked || !stream.all_sent() {
                true => self.remove_stream(key),
                false => self.end_subscription(key),
            }
            return false;
        };
        let tools = |role: &Role| (role.read_only, role.tools.clone());
        let before = tools(old.role(principal.role));
        *principal = renewed;
        before != tools(access.role(renewed.role))
    }

    /// The connection of a subscription is gone, which is how clients end one, or has it all.
    pub(super) fn close_subscription(&mut self, now: Instant, key: Key<Stream>) {
        self.listening -= 1;
        self.remove_stream(key);
        self.heed(now);
    }

    /// Ends a subscription with the response to the request that has opened it.
    pub(super) fn end_subscription(&mut self, key: Key<Stream>) {
        let wanted = self.subscription(key);
        let payload = subscription::complete(&wanted.id, self.stamp_in(wanted.scope));
        if self.try_push(key, message(payload)).is_err() {
            self.stats.lagging += 1;
            return self.remove_stream(key);
        }
        let stream = self.streams.get_mut(key).expect("it took the response");
        stream.phase = Phase::Ending;
    }
}
