//! The events of one stream by sequence: those the peer still has to get, and those that went out
//! and are kept for a client that resumes with `Last-Event-ID`.
//!
//! ```text
//!   evicted │ sent, kept for replay │ unsent
//!           oldest                  sent_before      next
//! ```
//!
//! Sequences start at 1 and have no gaps: "nothing seen" is 0. Only sent events are evicted, the
//! oldest first, so what is held is always the whole stretch from `oldest` to `next`, and a resume
//! point is within it, before it or ahead of it: three named answers, never a silent gap.
//!
//! The bounds are the owner's and come with each push ([`Room`]). The soft one makes room by
//! evicting sent events. The hard one refuses the event as [`Lagging`], which leaves the ring as it
//! was: the owner sheds the event if the peer can do without it, else closes the stream. The ring
//! counts its bytes but does not draw them: the owner takes them from the pool before a push, and
//! gives back what a push or an eviction freed. A payload that stands in many rings is drawn once,
//! by the first push, and freed with the last ring that lets go of it.

use crate::limits::EVENT_OVERHEAD_BYTES;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

/// The events of one stream. `K` is what the owner wants to know of an event beside its payload.
/// A ring of no events holds no heap; a stream that idles costs these two words.
#[derive(Debug)]
pub struct Ring<K = ()> {
    /// The sequence of the next push.
    next: u64,
    /// The events, unless there are none.
    held: Option<Box<Held<K>>>,
}

/// What a ring with events has on the heap.
#[derive(Debug)]
struct Held<K> {
    /// At least one, in the order of their sequences.
    events: VecDeque<Event<K>>,
    /// Sum of [`Event::bytes`] over `events`.
    bytes: usize,
}

/// One item of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<K = ()> {
    /// The owner's own, for example the name of the event on the wire.
    pub kind: K,
    /// The message. A broadcast is one payload in many rings, and counts towards the room of each.
    pub payload: Rc<[u8]>,
}

/// The room a stream has at the time of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Events, whether sent or not (`limits::RING_EVENTS_MAX`).
    pub events_max: usize,
    /// Soft limit, in bytes: sent events are kept while all events together stay within it.
    pub replay_bytes_max: usize,
    /// Hard limit, in bytes: the unsent events alone never pass it. Not below the soft limit, and
    /// large enough for the largest event, or that one can never be sent.
    pub unsent_bytes_max: usize,
    /// Events with lower sequences are sent.
    pub sent_before: u64,
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The number of the event.
    pub sequence: u64,
    /// Bytes freed by the sent events that made room for it, to be given back to the pool.
    pub freed_bytes: usize,
}

/// The peer reads too slowly: its unsent events and one more would pass the hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagging;

/// Where a client that has seen everything up to some sequence goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Send this sequence next. It may be the one of the next push: there is nothing to replay.
    Within(u64),
    /// Events that the client has not seen are gone.
    Evicted {
        /// The first sequence that is still held, or the one of the next push.
        oldest: u64,
    },
    /// The client claims to have seen what was never sent.
    Ahead,
}

impl<K> Event<K> {
    /// What the event counts for: its payload and the cost of keeping it.
    pub fn bytes(&self) -> usize {
        self.payload.len() + EVENT_OVERHEAD_BYTES
    }

    /// What is free again once this event is dropped: its payload only if no one else holds it.
    fn freed_bytes(&self) -> usize {
        match Rc::strong_count(&self.payload) {
            1 => self.bytes(),
            _ => EVENT_OVERHEAD_BYTES,
        }
    }
}

impl<K> Ring<K> {
    /// A ring without events; the first gets sequence 1.
    pub const fn new() -> Ring<K> {
        Ring {
            next: 1,
            held: None,
        }
    }

    /// Appends `event`. Evicts sent events, oldest first, until it fits `room`; if the unsent ones
    /// alone leave no room, nothing changes.
    pub fn push(&mut self, event: Event<K>, room: Room) -> Result<Pushed, Lagging> {
        let evicted = self.make_room(event.bytes(), room)?;
        let freed_bytes = self.evict(evicted);
        self.held.get_or_insert_default().append(event);
        let sequence = self.next;
        self.next += 1;
        Ok(Pushed {
            sequence,
            freed_bytes,
        })
    }

    /// How many of the oldest events have to go for an event of `bytes`.
    fn make_room(&self, bytes: usize, room: Room) -> Result<usize, Lagging> {
        assert!(room.unsent_bytes_max >= room.replay_bytes_max);
        assert!(
            room.sent_before <= self.next,
            "nothing is sent before it is pushed"
        );
        let mut count = self.len() + 1;
        let mut total = self.bytes() + bytes;
        let mut evicted = 0;
        for event in self.sent(room.sent_before) {
            if count <= room.events_max && total <= room.replay_bytes_max {
                break;
            }
            count -= 1;
            total -= event.bytes();
            evicted += 1;
        }
        // The soft limit is not above the hard one: past the hard limit, all sent events have been
        // counted out and what is left is unsent.
        if count > room.events_max || total > room.unsent_bytes_max {
            return Err(Lagging);
        }
        Ok(evicted)
    }

    /// Evicts events with sequences below `sequence`, oldest first, until `bytes_wanted` are freed
    /// or no such event is left. Returns the bytes freed: at least those wanted, or all there were.
    pub fn evict_before(&mut self, sequence: u64, bytes_wanted: usize) -> usize {
        let mut freed = 0;
        let enough = self.sent(sequence).take_while(|event| {
            let goes = freed < bytes_wanted;
            freed += event.freed_bytes();
            goes
        });
        let evicted = enough.count();
        self.evict(evicted)
    }

    /// Drops all events, sent or not, and returns the bytes freed.
    pub fn clear(&mut self) -> usize {
        self.evict(self.len())
    }

    /// The events held, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event<K>> {
        self.held.iter().flat_map(|held| held.events.iter())
    }

    /// Drops the `count` oldest events and returns the bytes freed.
    fn evict(&mut self, count: usize) -> usize {
        let Some(held) = &mut self.held else {
            return 0;
        };
        let freed = held.evict(count);
        if held.events.is_empty() {
            assert_eq!(held.bytes, 0, "the bytes are those of the events");
            self.held = None;
        }
        freed
    }

    /// The event of `sequence`, unless it is evicted or to come.
    pub fn get(&self, sequence: u64) -> Option<&Event<K>> {
        let place = sequence.checked_sub(self.oldest())?;
        self.held.as_ref()?.events.get(usize::try_from(place).ok()?)
    }

    /// Where a client that has seen everything up to `sequence` goes on; 0 if it has seen nothing.
    pub fn after(&self, sequence: u64) -> Position {
        let oldest = self.oldest();
        match sequence {
            ahead if ahead >= self.next => Position::Ahead,
            gone if gone + 1 < oldest => Position::Evicted { oldest },
            seen => Position::Within(seen + 1),
        }
    }

    /// The first sequence still held; that of the next push if none is.
    pub fn oldest(&self) -> u64 {
        self.next - self.len() as u64
    }

    /// The sequence of the next push.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The sequences that are held.
    pub fn sequences(&self) -> Range<u64> {
        self.oldest()..self.next
    }

    /// Events held.
    pub fn len(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.events.len())
    }

    /// Whether no event is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    /// Sum of [`Event::bytes`] over the events held.
    pub fn bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.bytes)
    }

    /// The events held below `sequence`, oldest first.
    fn sent(&self, sequence: u64) -> impl Iterator<Item = &Event<K>> {
        let count = sequence.saturating_sub(self.oldest());
        self.events()
            .take(usize::try_from(count).unwrap_or(usize::MAX))
    }
}

impl<K> Held<K> {
    /// Puts `event` behind all others. Grows by a quarter instead of twofold: the places of an
    /// event have to stay within [`EVENT_OVERHEAD_BYTES`], spare ones included.
    fn append(&mut self, event: Event<K>) {
        if self.events.len() == self.events.capacity() {
            self.events.reserve_exact((self.events.len() / 4).max(1));
        }
        self.bytes += event.bytes();
        self.events.push_back(event);
    }

    /// Drops the `count` oldest events, and the spare places once they are more than half.
    fn evict(&mut self, count: usize) -> usize {
        let mut freed = 0;
        for event in self.events.drain(..count) {
            self.bytes -= event.bytes();
            freed += event.freed_bytes();
        }
        let len = self.events.len();
        if len < self.events.capacity() / 2 {
            self.events.shrink_to(len + len / 4);
        }
        freed
    }
}

impl<K> Default for Held<K> {
    fn default() -> Held<K> {
        Held {
            events: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<K> Default for Ring<K> {
    fn default() -> Ring<K> {
        Ring::new()
    }
}

impl fmt::Display for Lagging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer reads too slowly")
    }
}

impl Error for Lagging {}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;
    use crate::limits::RING_EVENTS_MAX;

    /// Room that no test reaches but those that say so.
    const WIDE: Room = Room {
        events_max: RING_EVENTS_MAX,
        replay_bytes_max: 1 << 20,
        unsent_bytes_max: 1 << 20,
        sent_before: 0,
    };

    /// An event that counts for exactly `bytes`.
    fn event(bytes: usize) -> Event {
        Event {
            kind: (),
            payload: vec![b'x'; bytes - EVENT_OVERHEAD_BYTES].into(),
        }
    }

    /// A ring of events that count for `bytes` each.
    fn ring_of(bytes: &[usize]) -> Ring {
        let mut ring = Ring::new();
        for bytes in bytes {
            ring.push(event(*bytes), WIDE).unwrap();
        }
        ring
    }

    #[test]
    fn sequences_start_at_1_and_have_no_gaps() {
        let mut ring = Ring::new();
        let sequences = [(); 3].map(|()| ring.push(event(64), WIDE).unwrap().sequence);
        assert_eq!(sequences, [1, 2, 3]);
        assert_eq!(ring.sequences(), 1..4);
        assert_eq!(ring.get(0), None);
        assert_eq!(ring.get(3), Some(&event(64)));
        assert_eq!(ring.get(4), None);
    }

    #[test]
    fn an_empty_ring_holds_no_heap() {
        assert_eq!(size_of::<Ring>(), 16);
        let mut ring = ring_of(&[100, 100]);
        assert_eq!(ring.evict_before(3, usize::MAX), 200);
        assert!(ring.held.is_none());
        assert_eq!((ring.oldest(), ring.next(), ring.bytes()), (3, 3, 0));
    }

    #[test]
    fn places_of_many_events_stay_within_what_is_counted_for_them() {
        // Two words of reference counts in the payload, and two of the allocator around it.
        let place_bytes_max = EVENT_OVERHEAD_BYTES - 4 * size_of::<usize>();
        let mut ring = Ring::<u8>::new();
        let places_bytes = |ring: &Ring<u8>| {
            ring.held.as_ref().unwrap().events.capacity() * size_of::<Event<u8>>()
        };
        let payload: Rc<[u8]> = Rc::new([]);
        for len in 1..=RING_EVENTS_MAX {
            let payload = payload.clone();
            ring.push(Event { kind: 7, payload }, WIDE).unwrap();
            assert!(places_bytes(&ring) <= len.next_multiple_of(8) * place_bytes_max);
        }
        ring.evict_before(RING_EVENTS_MAX as u64 - 8, usize::MAX);
        assert_eq!(ring.len(), 9);
        assert!(places_bytes(&ring) <= 16 * place_bytes_max);
    }

    #[test]
    fn a_resume_point_is_within_evicted_or_ahead() {
        let mut ring = ring_of(&[100, 100, 100, 100]);
        ring.evict_before(3, usize::MAX);
        let cases = [
            (0, Position::Evicted { oldest: 3 }),
            (1, Position::Evicted { oldest: 3 }),
            (2, Position::Within(3)),
            (3, Position::Within(4)),
            (4, Position::Within(5)),
            (5, Position::Ahead),
            (u64::MAX, Position::Ahead),
        ];
        for (sequence, position) in cases {
            assert_eq!(ring.after(sequence), position, "after {sequence}");
        }
    }

    #[test]
    fn a_client_that_saw_nothing_of_a_fresh_stream_misses_nothing() {
        let mut ring = Ring::new();
        assert_eq!(ring.after(0), Position::Within(1));
        assert_eq!(ring.after(1), Position::Ahead);
        ring.push(event(64), WIDE).unwrap();
        assert_eq!(ring.after(0), Position::Within(1));
    }

    #[test]
    fn eviction_stops_when_enough_is_freed() {
        for (wanted, freed, oldest) in [(0, 0, 1), (1, 100, 2), (100, 100, 2), (101, 300, 3)] {
            let mut ring = ring_of(&[100, 200, 300]);
            assert_eq!(ring.evict_before(4, wanted), freed, "wanted {wanted}");
            assert_eq!((ring.oldest(), ring.bytes()), (oldest, 600 - freed));
        }
    }

    #[test]
    fn eviction_leaves_unsent_events_alone() {
        let mut ring = ring_of(&[100, 200, 300]);
        assert_eq!(ring.evict_before(1, usize::MAX), 0);
        assert_eq!(ring.evict_before(3, usize::MAX), 300);
        assert_eq!(ring.sequences(), 3..4);
        assert_eq!(ring.evict_before(3, usize::MAX), 0);
    }

    #[test]
    fn the_soft_limit_evicts_sent_events_and_no_more_than_needed() {
        let room = Room {
            replay_bytes_max: 600,
            sent_before: 4,
            ..WIDE
        };
        for (bytes, freed_bytes) in [(300, 0), (301, 100), (400, 100), (401, 200), (600, 300)] {
            let mut ring = ring_of(&[100, 100, 100]);
            let pushed = ring.push(event(bytes), room);
            assert_eq!(
                pushed,
                Ok(Pushed {
                    sequence: 4,
                    freed_bytes
                })
            );
            assert!(ring.bytes() <= 600);
        }
    }

    #[test]
    fn unsent_events_may_pass_the_soft_limit_but_not_the_hard_one() {
        let room = Room {
            replay_bytes_max: 200,
            unsent_bytes_max: 500,
            sent_before: 2,
            ..WIDE
        };
        let mut ring = ring_of(&[100, 100, 100]);
        assert_eq!(ring.push(event(301), room), Err(Lagging));
        assert_eq!(ring.sequences(), 1..4, "a refused event changes nothing");
        assert_eq!(ring.push(event(300), room).unwrap().freed_bytes, 100);
        assert_eq!(ring.bytes(), 500);
        assert_eq!(ring.push(event(64), room), Err(Lagging));
    }

    #[test]
    fn the_last_event_is_kept_and_one_more_evicts_or_lags() {
        let unsent = WIDE;
        let mut ring = Ring::new();
        for _ in 0..RING_EVENTS_MAX {
            ring.push(event(64), unsent).unwrap();
        }
        assert_eq!(ring.push(event(64), unsent), Err(Lagging));
        let one_sent = Room {
            sent_before: 2,
            ..WIDE
        };
        assert_eq!(ring.push(event(64), one_sent).unwrap().freed_bytes, 64);
        assert_eq!(ring.len(), RING_EVENTS_MAX);
        assert_eq!(ring.oldest(), 2);
    }

    #[test]
    fn a_shared_payload_is_freed_by_the_last_ring_that_holds_it() {
        let shared: Rc<[u8]> = vec![b'x'; 1000].into();
        let mut rings: [Ring; 3] = Default::default();
        for ring in &mut rings {
            let payload = shared.clone();
            ring.push(Event { kind: (), payload }, WIDE).unwrap();
            assert_eq!(ring.bytes(), 1000 + EVENT_OVERHEAD_BYTES);
        }
        drop(shared);
        let [a, b, c] = &mut rings;
        assert_eq!(a.evict_before(2, usize::MAX), EVENT_OVERHEAD_BYTES);
        assert_eq!(b.clear(), EVENT_OVERHEAD_BYTES);
        assert_eq!(c.clear(), 1000 + EVENT_OVERHEAD_BYTES);
        assert!(rings.iter().all(|ring| ring.bytes() == 0));
    }

    #[test]
    fn a_ring_behaves_as_a_list_of_all_events_ever() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let mut ring = Ring::new();
            // The bytes of every event from sequence 1 on, and how many of them are evicted.
            let mut all: Vec<usize> = Vec::new();
            let (mut evicted, mut sent) = (0, 0);
            for _ in 0..1000 {
                let held = |evicted: usize, all: &[usize]| all[evicted..].iter().sum::<usize>();
                match random.below(4) {
                    0 | 1 => {
                        let bytes = 64 + random.below(200);
                        let room = Room {
                            events_max: 8,
                            replay_bytes_max: 700,
                            unsent_bytes_max: 1000,
                            sent_before: sent as u64 + 1,
                        };
                        all.push(bytes);
                        let mut goes = evicted;
                        while goes < sent && (all.len() - goes > 8 || held(goes, &all) > 700) {
                            goes += 1;
                        }
                        let fits = all.len() - goes <= 8 && held(goes, &all) <= 1000;
                        let expected = if fits {
                            Ok(Pushed {
                                sequence: all.len() as u64,
                                freed_bytes: all[evicted..goes].iter().sum(),
                            })
                        } else {
                            Err(Lagging)
                        };
                        assert_eq!(ring.push(event(bytes), room), expected, "seed {seed}");
                        if fits {
                            evicted = goes;
                        } else {
                            all.pop();
                        }
                    }
                    2 => sent += random.below(all.len() - sent + 1),
                    _ => {
                        let wanted = random.below(300);
                        let freed = ring.evict_before(sent as u64 + 1, wanted);
                        let mut expected = 0;
                        while evicted < sent && expected < wanted {
                            expected += all[evicted];
                            evicted += 1;
                        }
                        assert_eq!(freed, expected, "seed {seed}");
                    }
                }
                assert_eq!(ring.oldest(), evicted as u64 + 1, "seed {seed}");
                assert_eq!(ring.next(), all.len() as u64 + 1, "seed {seed}");
                assert_eq!(ring.bytes(), held(evicted, &all), "seed {seed}");
                for (sequence, bytes) in (1..).zip(&all).skip(evicted) {
                    assert_eq!(ring.get(sequence), Some(&event(*bytes)), "seed {seed}");
                }
            }
        }
    }
}
