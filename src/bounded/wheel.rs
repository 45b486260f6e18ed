//! Hierarchical timer wheel: deadlines in, expired keys out, at a cost that does not grow with
//! their number.
//!
//! Six levels of 64 slots. A slot of level 0 is one tick, a millisecond; a slot of each further
//! level spans all slots of the level below:
//!
//! | Level | One slot | All 64 |
//! |---|---|---|
//! | 0 | 1 ms | 64 ms |
//! | 1 | 64 ms | 4.1 s |
//! | 2 | 4.1 s | 4 min 22 s |
//! | 3 | 4 min 22 s | 4 h 40 min |
//! | 4 | 4 h 40 min | 12.4 days |
//! | 5 | 12.4 days | 2.2 years |
//!
//! Invariant: a timer stands on the lowest level where its tick and `elapsed` share a slot of the
//! level above, so its place follows from those two numbers alone. It is kept because `elapsed`
//! enters the span of a slot only by emptying it onto the levels below ("cascading"). That needs no
//! wake-up of its own: cascading happens when `expire` is called anyway, and the earliest deadline
//! is known to the tick whatever level it stands on.
//!
//! A deadline is rounded up to a tick, so nothing expires early. The one exception is a deadline
//! behind the horizon of 2.1 years: it is pulled in to the horizon.

use super::{Full, Key, Slab};
use crate::time::Instant;

/// Levels of the wheel.
const LEVELS: usize = 6;

/// Slots of one level: one bit each in a `u64`.
const SLOTS: usize = 64;

/// A slot number has this many bits, so a level is that many bits of a tick.
const SLOT_BITS: u32 = SLOTS.trailing_zeros();

/// The end of a list; no node has this index.
const NO_NODE: u32 = u32::MAX;

/// Deadlines of at most `capacity` timers; each comes back as the key it was scheduled with.
pub struct Wheel<K> {
    /// All timers. A slot of the wheel is a list of them, linked by index.
    nodes: Slab<Node<K>>,
    /// The ends of the list of each slot, level by level.
    lists: Box<[List]>,
    /// What is known of the slots, by level.
    levels: [Level; LEVELS],
    /// Every earlier tick has expired.
    elapsed: u64,
    /// The earliest tick of all timers; `None` when it has to be looked up.
    earliest: Option<u64>,
}

/// One timer: 28 bytes and 4 for its place in the slab if the key has 12.
struct Node<K> {
    /// When it expires, as [high, low] halves: a `u64` would pad the node by 8 bytes.
    tick: [u32; 2],
    /// The timer before it in the same slot, or [`NO_NODE`].
    before: u32,
    /// The timer behind it in the same slot, or [`NO_NODE`].
    behind: u32,
    /// What it was scheduled with.
    key: K,
}

/// The ends of one slot's list; [`NO_NODE`] both when it is empty.
#[derive(Clone, Copy)]
struct List {
    /// The timer that was added first.
    first: u32,
    /// The timer that was added last.
    last: u32,
}

/// One bit for each of the 64 slots of a level.
#[derive(Clone, Copy, Default)]
struct Level {
    /// The slot holds timers.
    occupied: u64,
    /// The slot's ticks are in no order. Timers of equal timeouts arrive in order, so this is
    /// rare; elsewhere the first timer of a slot is its earliest.
    unordered: u64,
}

/// A slot of the wheel.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    /// From 0, the finest, to `LEVELS - 1`.
    level: usize,
    /// From 0 to `SLOTS - 1`.
    slot: usize,
}

/// Names one scheduled deadline, until it expires or is cancelled. 8 bytes, and so is
/// `Option<Timer>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timer(Key<()>);

impl<K: Copy> Wheel<K> {
    /// An empty wheel with room for `capacity` timers, at the start of time.
    pub fn with_capacity(capacity: u32) -> Wheel<K> {
        let empty = List {
            first: NO_NODE,
            last: NO_NODE,
        };
        Wheel {
            nodes: Slab::with_capacity(capacity),
            lists: vec![empty; LEVELS * SLOTS].into_boxed_slice(),
            levels: [Level::default(); LEVELS],
            elapsed: 0,
            earliest: None,
        }
    }

    /// Lets `key` expire at `deadline`; a deadline that has passed expires at the next
    /// [`Wheel::expire`].
    pub fn schedule(&mut self, deadline: Instant, key: K) -> Result<Timer, Full> {
        let tick = deadline.micros().div_ceil(1000);
        let tick = tick.clamp(self.elapsed, horizon(self.elapsed));
        let was_empty = self.nodes.is_empty();
        let node = Node::new(tick, key);
        let name = self.nodes.insert(node).map_err(|_| Full(()))?;
        self.append(name.index(), tick);
        self.earliest = match self.earliest {
            Some(earliest) => Some(earliest.min(tick)),
            None => was_empty.then_some(tick),
        };
        Ok(Timer(name.cast()))
    }

    /// Takes a timer back before it expires. `None` if it did already, or was cancelled before.
    pub fn cancel(&mut self, timer: Timer) -> Option<K> {
        let name = timer.0.cast();
        let tick = self.nodes.get(name)?.tick();
        Some(self.remove(name, self.place(tick)))
    }

    /// The next key whose deadline is not after `now`, in the order of ticks and, within one tick,
    /// of scheduling. Call until it is `None`. However long the jump since the last call, only the
    /// slots that hold timers are visited.
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        while let Some((place, start)) = self.first_occupied() {
            if start > now.millis() {
                break;
            }
            self.elapsed = start;
            if place.level == 0 {
                let (name, _) = self.node_at(self.list(place).first);
                return Some(self.remove(name, place));
            }
            self.cascade(place);
        }
        self.elapsed = self.elapsed.max(now.millis());
        None
    }

    /// The earliest deadline of all, rounded up to the tick at which it expires; `None` without
    /// timers. Remembered until that timer goes; then the first occupied slot tells, at once if it
    /// is in order, else by going through its timers.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        if self.earliest.is_none() {
            self.earliest = self.earliest_tick();
        }
        let micros = self.earliest?.saturating_mul(1000);
        Some(Instant::from_micros(micros))
    }

    /// Timers scheduled now.
    pub fn len(&self) -> u32 {
        self.nodes.len()
    }

    /// Whether no timer is scheduled.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Timers that fit.
    pub fn capacity(&self) -> u32 {
        self.nodes.capacity()
    }

    /// Moves all timers of a slot to lower levels. `elapsed` stands at the slot's start already.
    fn cascade(&mut self, place: Place) {
        let mut index = self.list(place).first;
        self.clear(place);
        while index != NO_NODE {
            let (_, node) = self.node_at(index);
            let (tick, behind) = (node.tick(), node.behind);
            debug_assert!(self.place(tick).level < place.level);
            self.append(index, tick);
            index = behind;
        }
    }

    /// Puts node `index` at the end of the slot for `tick`.
    fn append(&mut self, index: u32, tick: u64) {
        let place = self.place(tick);
        let last = self.list(place).last;
        let (_, node) = self.node_at_mut(index);
        (node.before, node.behind) = (last, NO_NODE);
        if last == NO_NODE {
            self.list_mut(place).first = index;
        } else {
            let (_, before) = self.node_at_mut(last);
            before.behind = index;
            let in_order = before.tick() <= tick;
            self.levels[place.level].unordered |= u64::from(!in_order) << place.slot;
        }
        self.list_mut(place).last = index;
        self.levels[place.level].occupied |= 1 << place.slot;
    }

    /// Takes a node out of its slot and out of the slab.
    fn remove(&mut self, name: Key<Node<K>>, place: Place) -> K {
        let node = self.nodes.remove(name).expect("the caller found it");
        match node.before {
            NO_NODE => self.list_mut(place).first = node.behind,
            before => self.node_at_mut(before).1.behind = node.behind,
        }
        match node.behind {
            NO_NODE => self.list_mut(place).last = node.before,
            behind => self.node_at_mut(behind).1.before = node.before,
        }
        if self.list(place).first == NO_NODE {
            self.clear(place);
        }
        if self.earliest == Some(node.tick()) {
            self.earliest = None;
        }
        node.key
    }

    /// Marks a slot as empty.
    fn clear(&mut self, place: Place) {
        *self.list_mut(place) = List {
            first: NO_NODE,
            last: NO_NODE,
        };
        self.levels[place.level].occupied &= !(1 << place.slot);
        self.levels[place.level].unordered &= !(1 << place.slot);
    }

    /// The slot that holds the earliest timers, and its first tick. All timers of one level come
    /// before all of the next, because they share the slot of `elapsed` there.
    fn first_occupied(&self) -> Option<(Place, u64)> {
        let level = (0..LEVELS).find(|&level| self.levels[level].occupied != 0)?;
        let shift = level as u32 * SLOT_BITS;
        // Counted from the slot of `elapsed`, so that the last level may wrap around.
        let current = self.elapsed >> shift;
        let slot_of_elapsed = (current % SLOTS as u64) as u32;
        let occupied = self.levels[level].occupied.rotate_right(slot_of_elapsed);
        let first = current + u64::from(occupied.trailing_zeros());
        let slot = (first % SLOTS as u64) as usize;
        Some((Place { level, slot }, first << shift))
    }

    /// The earliest tick, by looking it up.
    fn earliest_tick(&self) -> Option<u64> {
        let (place, _) = self.first_occupied()?;
        let (_, mut node) = self.node_at(self.list(place).first);
        let mut earliest = node.tick();
        if self.levels[place.level].unordered >> place.slot & 1 == 1 {
            while node.behind != NO_NODE {
                (_, node) = self.node_at(node.behind);
                earliest = earliest.min(node.tick());
            }
        }
        Some(earliest)
    }

    /// Where a timer for `tick` stands. The highest bit in which `tick` differs from `elapsed`
    /// tells the level: all levels above have the same slot for both.
    fn place(&self, tick: u64) -> Place {
        let differing = (self.elapsed ^ tick) | (SLOTS as u64 - 1);
        let highest_bit = u64::BITS - 1 - differing.leading_zeros();
        let level = (highest_bit / SLOT_BITS).min(LEVELS as u32 - 1);
        let slot = (tick >> (level * SLOT_BITS)) % SLOTS as u64;
        Place {
            level: level as usize,
            slot: slot as usize,
        }
    }

    /// The list of a slot.
    fn list(&self, place: Place) -> List {
        self.lists[place.level * SLOTS + place.slot]
    }

    /// The list of a slot, to change it.
    fn list_mut(&mut self, place: Place) -> &mut List {
        &mut self.lists[place.level * SLOTS + place.slot]
    }

    /// A node that some list links to.
    fn node_at(&self, index: u32) -> (Key<Node<K>>, &Node<K>) {
        self.nodes.at(index).expect("lists link scheduled timers")
    }

    /// A node that some list links to, to change it.
    fn node_at_mut(&mut self, index: u32) -> (Key<Node<K>>, &mut Node<K>) {
        self.nodes
            .at_mut(index)
            .expect("lists link scheduled timers")
    }
}

/// The last tick that can be told from `elapsed`: the end of the slot of the last level that comes
/// around after all others.
fn horizon(elapsed: u64) -> u64 {
    let shift = (LEVELS as u32 - 1) * SLOT_BITS;
    (((elapsed >> shift) + SLOTS as u64) << shift) - 1
}

impl<K> Node<K> {
    /// A node that is in no list yet.
    fn new(tick: u64, key: K) -> Node<K> {
        Node {
            tick: [(tick >> 32) as u32, tick as u32],
            before: NO_NODE,
            behind: NO_NODE,
            key,
        }
    }

    /// When it expires.
    fn tick(&self) -> u64 {
        let [high, low] = self.tick;
        u64::from(high) << 32 | u64::from(low)
    }
}

#[cfg(test)]
#[path = "wheel/tests.rs"]
mod tests;
