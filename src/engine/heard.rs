//! What children write: lines of JSON-RPC, lines for the log, and nonsense.

use super::Engine;
use super::child::{Child, Instance};
use crate::bounded::Key;
use crate::limits;
use crate::mcp::message::{Level, log_params};
use crate::time::Instant;
use crate::upstream::conversation::Effect;
use crate::upstream::supervise::{Event, State};
use crate::wire::dialect::About;
use crate::wire::jsonrpc;

impl Engine {
    /// A child has written a line to stdout.
    pub fn handle_child_line(&mut self, now: Instant, key: Key<Child>, line: &[u8]) {
        let Some(child) = self.children.slab.get_mut(key) else {
            return;
        };
        child.lines += 1;
        // One whose input is closed cannot be answered, and its calls are over.
        if child.state.is_ending() {
            return;
        }
        let noise = std::mem::take(&mut child.noise);
        child.conversation.handle_line(line);
        self.take_effects(now, key);
        // What it has just answered may be what calls were held back for.
        let record = self.children.slab.get(key);
        if record.is_some_and(|child| child.state == State::Up && !child.waiting.is_empty()) {
            self.send_waiting(now, key);
        }
        let Some(child) = self.children.slab.get_mut(key) else {
            return;
        };
        if child.noise > 0 {
            child.noise += noise;
            self.weigh_noise(now, key);
        }
    }

    /// A child has written a line to stderr.
    pub fn handle_child_stderr(&mut self, now: Instant, key: Key<Child>, line: &str) {
        let Some(child) = self.children.slab.get_mut(key) else {
            return;
        };
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let line = line.replace(char::is_control, " ");
        child.last_words.clear();
        child
            .last_words
            .extend(line.chars().take(limits::LAST_WORDS_MAX));
        if child.stderr.take(now).is_err() {
            child.unlogged += 1;
            return;
        }
        let unlogged = std::mem::take(&mut child.unlogged);
        let name = &self.children.upstreams[child.upstream.as_usize()].spec.name;
        if unlogged > 0 {
            log::warn!("server {name:?}: {unlogged} lines of its stderr are left out");
        }
        log::info!("server {name:?}: {line}");
    }

    /// Says of a child that is gone what the log did not get.
    pub(super) fn say_unlogged(&self, child: &Child) {
        if child.unlogged > 0 {
            let name = &self.children.upstreams[child.upstream.as_usize()].spec.name;
            let unlogged = child.unlogged;
            log::warn!("server {name:?}: {unlogged} lines of its stderr are left out");
        }
    }

    /// A child has written what is no line: why not.
    pub fn handle_child_noise(&mut self, now: Instant, key: Key<Child>, noise: &'static str) {
        let Some(child) = self.children.slab.get_mut(key) else {
            return;
        };
        child.lines += 1;
        child.lost = (child.lost.0 + 1, now);
        self.note_noise(key, noise);
        self.weigh_noise(now, key);
        self.answer_lost(now, key);
    }

    /// A child has closed its stdin or its stdout and has not ended: `why` goes on from its name.
    pub fn handle_child_closed(&mut self, now: Instant, key: Key<Child>, why: &'static str) {
        if self.children.slab.contains(key) {
            self.set_reason(key, why);
            self.child_event(now, key, Event::Hung);
        }
    }

    /// Logs each kind of nonsense once.
    fn note_noise(&mut self, key: Key<Child>, noise: &'static str) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        child.noise += 1;
        if !child.noises.contains(&noise) {
            child.noises.push(noise);
            let name = &self.children.upstreams[child.upstream.as_usize()].spec.name;
            log::warn!("server {name:?} writes to stdout what it should not: {noise}");
        }
    }

    fn weigh_noise(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get(key).expect("the caller has it");
        if child.noise > limits::CHILD_NOISE_MAX {
            self.set_reason(key, "writes nothing but nonsense to stdout");
            self.child_event(now, key, Event::Noisy);
        }
    }

    /// The bytes that a child has not been given yet.
    pub fn child_output(&self, key: Key<Child>) -> &[u8] {
        let child = self.children.slab.get(key);
        child.map_or(&[], |child| child.conversation.output())
    }

    /// A child was given the first `bytes` of its output.
    pub fn child_written(&mut self, key: Key<Child>, bytes: usize) {
        if let Some(child) = self.children.slab.get_mut(key) {
            child.conversation.written(bytes);
            let held_bytes = child.conversation.held_bytes();
            let freed = child.held_bytes.saturating_sub(held_bytes);
            child.held_bytes -= freed;
            self.pool.give(freed);
        }
    }

    /// Draws what is on its way to a child from the budget, and has it sent.
    pub(super) fn feed(&mut self, now: Instant, key: Key<Child>) {
        let Some(child) = self.children.slab.get(key) else {
            return;
        };
        let unread_bytes = child.conversation.output().len();
        if unread_bytes > 0 {
            self.jobs.push_back(super::Job::Feed(key));
        }
        let is_slow = unread_bytes > limits::CHILD_INPUT_BYTES_MAX;
        if is_slow || !self.draw_for_child(key) {
            self.set_reason(key, "does not read its input");
            self.child_event(now, key, Event::Hung);
        }
    }

    /// Draws what a conversation holds from the budget. Returns whether there was enough.
    fn draw_for_child(&mut self, key: Key<Child>) -> bool {
        let child = self.children.slab.get(key).expect("the caller has it");
        let held_bytes = child.conversation.held_bytes();
        let before = child.held_bytes;
        if held_bytes > before && !self.take_bytes(held_bytes - before) {
            return false;
        }
        self.pool.give(before.saturating_sub(held_bytes));
        let child = self.children.slab.get_mut(key).expect("it was there");
        child.held_bytes = held_bytes;
        true
    }

    /// A child is told to end by signals: nothing is said to it any more.
    pub(super) fn hush(&mut self, key: Key<Child>) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        child.conversation.give_up();
        let left = self.draw_for_child(key);
        debug_assert!(left, "it holds less than before");
    }

    /// Does what comes of what a child has said.
    pub(super) fn take_effects(&mut self, now: Instant, key: Key<Child>) {
        while let Some(child) = self.children.slab.get_mut(key) {
            let Some(effect) = child.conversation.poll_effect() else {
                break;
            };
            self.take_effect(now, key, effect);
        }
        self.feed(now, key);
    }

    fn take_effect(&mut self, now: Instant, key: Key<Child>, effect: Effect) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        let index = child.upstream;
        match effect {
            Effect::Ready => {
                self.heed_through(key);
                self.child_event(now, key, Event::Ready);
                // Whoever has waited for it may have gone meanwhile.
                self.settle_child(now, key);
            }
            Effect::Unfit(why) => {
                self.set_reason(key, &format!("does not speak as it should: {why:.300}"));
                // The command may have become another program since it was asked.
                self.children.upstreams[index.as_usize()].eras = None;
                self.child_event(now, key, Event::Unfit);
            }
            Effect::Probed => self.probe_heard(now, key),
            Effect::Listed(listing) => {
                self.take_listing(now, index, listing);
                self.keep_known(index);
            }
            Effect::Relisted(kind, entries) => {
                let known = self.children.upstreams[index.as_usize()].offered();
                let listing = known.map(|offered| offered.listing.clone());
                let listing = listing.unwrap_or_default().with(kind, entries);
                self.take_listing(now, index, Box::new(listing));
                self.keep_known(index);
            }
            Effect::Stale => self.plan_refresh(now, key),
            Effect::Said(tag, said) => self.child_said(now, key, tag, said),
            Effect::Waits(tag) => self.child_waits(now, key, tag),
            Effect::Withdrawn(tag, question) => self.child_withdraws(now, key, tag, &question),
            Effect::Ended(tag, ended) => self.child_ended(now, key, tag, &ended),
            Effect::IsInteractive => {
                self.children.upstreams[index.as_usize()].is_interactive = true;
            }
            Effect::Noise(noise) => self.note_noise(key, noise),
            Effect::Updated(uri) => self.child_resource_updated(now, key, &uri),
            Effect::Log {
                level,
                logger,
                data,
            } => self.child_logs(now, key, level, logger.as_deref(), &data),
            Effect::Subscribed(..) => {}
        }
    }

    /// What a child offers has changed: it is read again, but not all the time.
    fn plan_refresh(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        let last = child.refreshed;
        child.refresh_at = Some(last.map_or(now, |last| now.max(last + limits::LISTING_PAUSE)));
        if child.refresh_at == Some(now) {
            return self.refresh(now, key);
        }
        self.time_child(now, key);
    }

    /// Reads again what has changed of what a child offers.
    pub(super) fn refresh(&mut self, now: Instant, key: Key<Child>) {
        let child = self.children.slab.get_mut(key).expect("the caller has it");
        child.refresh_at = None;
        child.refreshed = Some(now);
        child.conversation.refresh();
    }

    /// A log message that belongs to no call: one for a client whose child that is.
    fn child_logs(
        &mut self,
        now: Instant,
        key: Key<Child>,
        level: Level,
        logger: Option<&str>,
        data: &str,
    ) {
        let child = self.children.slab.get(key).expect("the caller has it");
        let Instance::Session(session) = child.instance else {
            return;
        };
        let name = &self.children.upstreams[child.upstream.as_usize()].spec.name;
        let Some(session) = self.sessions.get(session) else {
            return;
        };
        if session.log_level.is_none_or(|least| level < least) {
            return;
        }
        let Some(stream) = session.stream else { return };
        let params = log_params(level, logger.unwrap_or(name), data.as_bytes());
        let mut payload = Vec::new();
        jsonrpc::call_raw(&mut payload, None, "notifications/message", &params);
        let event = self.framed(now, session.dialect, payload, About::Notice);
        self.emit(now, stream, event);
    }
}
