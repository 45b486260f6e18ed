//! What streams keep of the events they have sent, and how they give it up.

use super::Engine;
use super::stream::Stream;
use crate::bounded::Key;

impl Engine {
    /// Gives up sent events beyond what a stream may keep.
    pub(super) fn trim(&mut self, key: Key<Stream>, is_kept: bool) {
        let replay_bytes_max = if is_kept {
            self.config.limits.replay_bytes_max
        } else {
            0
        };
        let stream = self.streams.get_mut(key).expect("the caller has seen it");
        let surplus = stream.ring.bytes().saturating_sub(replay_bytes_max);
        if surplus > 0 {
            self.pool
                .give(stream.ring.evict_before(stream.next, surplus));
        }
    }

    /// Gives up sent events of all streams in turn until `wanted` bytes are free. Replay memory is
    /// a cache: everyone else goes first.
    pub(super) fn reclaim(&mut self, wanted: usize) {
        let mut freed = 0;
        for _ in 0..self.streams.len() {
            if freed >= wanted {
                break;
            }
            let Some(key) = self.streams.next_after(self.reclaim_hand) else {
                break;
            };
            self.reclaim_hand = key.index();
            let stream = self
                .streams
                .get_mut(key)
                .expect("the slab has just named it");
            freed += stream.ring.evict_before(stream.next, wanted - freed);
        }
        self.pool.give(freed);
    }
}
