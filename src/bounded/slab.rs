//! Values in numbered slots, each named by a [`Key`] that outlives it safely.
//!
//! A key is the slot's index and the generation the slot had when the value came in. Removing a
//! value gives the slot its next generation, so a stale key reads as absent and never as the
//! newcomer. Invariant: the slots that hold nothing form one chain from `vacant_first`, the last
//! one left comes first, and a new slot is opened only when the chain is empty.
//!
//! Generations wrap: after 2^32 - 1 removals from one slot an ancient key could match again. At a
//! thousand sessions a second, all in the same slot, that takes seven weeks with the key in hand.

use super::Full;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU32;

/// The end of the chain of vacant slots; no slot has this index.
const NO_SLOT: u32 = u32::MAX;

/// A table of at most `capacity` values.
pub struct Slab<T> {
    /// Slots up to the high-water mark. Allocated once; the pages behind it stay untouched.
    slots: Vec<Slot<T>>,
    /// Head of the chain of vacant slots, or [`NO_SLOT`].
    vacant_first: u32,
    /// Occupied slots.
    len: u32,
    /// Fixed at start.
    capacity: u32,
}

/// One place. The generation stands in both variants because that lets it share a word with the
/// tag: a slot costs 8 bytes beside its value, 4 if the value has no field of 8 bytes.
enum Slot<T> {
    /// Holds `value`, which keys of this generation name.
    Occupied { generation: NonZeroU32, value: T },
    /// Holds nothing. The next value gets this generation; `next` goes on with the chain.
    Vacant { generation: NonZeroU32, next: u32 },
}

impl<T> Slab<T> {
    /// An empty table with room for `capacity` values. Reserves address space; memory is touched
    /// as slots are used for the first time.
    pub fn with_capacity(capacity: u32) -> Slab<T> {
        assert!(capacity < NO_SLOT, "one index marks the end of the chain");
        Slab {
            slots: Vec::with_capacity(capacity as usize),
            vacant_first: NO_SLOT,
            len: 0,
            capacity,
        }
    }

    /// Puts `value` into a vacant slot, or gives it back if there is none.
    pub fn insert(&mut self, value: T) -> Result<Key<T>, Full<T>> {
        if self.is_full() {
            return Err(Full(value));
        }
        self.len += 1;
        if self.vacant_first == NO_SLOT {
            return Ok(self.insert_into_new(value));
        }
        let index = self.vacant_first;
        let slot = &mut self.slots[index as usize];
        let Slot::Vacant { generation, next } = *slot else {
            unreachable!("only vacant slots are in the chain");
        };
        self.vacant_first = next;
        *slot = Slot::Occupied { generation, value };
        Ok(Key::new(index, generation))
    }

    /// Opens the slot at the high-water mark.
    fn insert_into_new(&mut self, value: T) -> Key<T> {
        assert!(
            self.slots.len() < self.slots.capacity(),
            "a slab never reallocates"
        );
        let index = self.slots.len() as u32;
        let generation = NonZeroU32::MIN;
        self.slots.push(Slot::Occupied { generation, value });
        Key::new(index, generation)
    }

    /// Takes the value of `key` out. `None` if it is gone already.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        if !self.contains(key) {
            return None;
        }
        let vacated = Slot::Vacant {
            generation: generation_after(key.generation),
            next: self.vacant_first,
        };
        self.vacant_first = key.index;
        self.len -= 1;
        match std::mem::replace(&mut self.slots[key.index as usize], vacated) {
            Slot::Occupied { value, .. } => Some(value),
            Slot::Vacant { .. } => unreachable!("the slot was found occupied"),
        }
    }

    /// The value of `key`, unless it is gone.
    pub fn get(&self, key: Key<T>) -> Option<&T> {
        match self.slots.get(key.index as usize) {
            Some(Slot::Occupied { generation, value }) => {
                (*generation == key.generation).then_some(value)
            }
            Some(Slot::Vacant { .. }) | None => None,
        }
    }

    /// The value of `key`, unless it is gone.
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        match self.slots.get_mut(key.index as usize) {
            Some(Slot::Occupied { generation, value }) => {
                (*generation == key.generation).then_some(value)
            }
            Some(Slot::Vacant { .. }) | None => None,
        }
    }

    /// Whether the value of `key` is still here.
    pub fn contains(&self, key: Key<T>) -> bool {
        self.get(key).is_some()
    }

    /// Whatever occupies slot `index` now, and its key: for an index that keeps bare slot numbers
    /// and removes them together with the values.
    pub fn at(&self, index: u32) -> Option<(Key<T>, &T)> {
        match self.slots.get(index as usize) {
            Some(Slot::Occupied { generation, value }) => {
                Some((Key::new(index, *generation), value))
            }
            Some(Slot::Vacant { .. }) | None => None,
        }
    }

    /// As [`Slab::at`], to change it.
    pub fn at_mut(&mut self, index: u32) -> Option<(Key<T>, &mut T)> {
        match self.slots.get_mut(index as usize) {
            Some(Slot::Occupied { generation, value }) => {
                Some((Key::new(index, *generation), value))
            }
            Some(Slot::Vacant { .. }) | None => None,
        }
    }

    /// Values held now.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the next insert is refused.
    pub fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// Values that fit.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// All values with their keys, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        (0..self.slots.len() as u32).filter_map(|index| self.at(index))
    }

    /// The keys of all values, by slot.
    pub fn keys(&self) -> impl Iterator<Item = Key<T>> {
        self.iter().map(|(key, _)| key)
    }

    /// The next occupied slot after slot `index`, around the end and up to `index` itself; `None`
    /// only if the slab is empty. A clock hand that stores the index of each key it gets visits
    /// every value that stays, however others come and go meanwhile. `u32::MAX` starts at slot 0.
    /// Steps over vacant slots one by one, at most once around.
    pub fn next_after(&self, index: u32) -> Option<Key<T>> {
        let slots_len = self.slots.len() as u32;
        let start = index.wrapping_add(1).min(slots_len);
        (start..slots_len)
            .chain(0..start)
            .find_map(|index| self.at(index))
            .map(|(key, _)| key)
    }
}

/// The generation of a slot once the value of `generation` has left it. Zero is skipped: it is
/// what makes `Option<Key>` as small as `Key`.
fn generation_after(generation: NonZeroU32) -> NonZeroU32 {
    generation.checked_add(1).unwrap_or(NonZeroU32::MIN)
}

/// Names one value of a [`Slab`] for as long as it is there. 8 bytes, and so is `Option<Key<T>>`.
pub struct Key<T> {
    /// The slot.
    index: u32,
    /// What the slot's generation was when the value came in.
    generation: NonZeroU32,
    /// Keeps keys of different tables apart; holds no `T`.
    table: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// Names slot `index` in `generation`.
    const fn new(index: u32, generation: NonZeroU32) -> Key<T> {
        Key {
            index,
            generation,
            table: PhantomData,
        }
    }

    /// The slot, for tables that run beside the slab.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// The same slot and generation in the name of another table, for a key that hides its own.
    pub(super) const fn cast<U>(self) -> Key<U> {
        Key::new(self.index, self.generation)
    }

    /// The key as a number, never zero: for the data word of an epoll event.
    pub const fn to_bits(self) -> u64 {
        (self.generation.get() as u64) << 32 | self.index as u64
    }

    /// The key that [`Key::to_bits`] made `bits` of. Numbers it cannot have made are either `None`
    /// or keys that read as absent.
    pub const fn from_bits(bits: u64) -> Option<Key<T>> {
        match NonZeroU32::new((bits >> 32) as u32) {
            Some(generation) => Some(Key::new(bits as u32, generation)),
            None => None,
        }
    }
}

// Written out because deriving would ask the same of `T`, which a key does not hold.

impl<T> Clone for Key<T> {
    fn clone(&self) -> Key<T> {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Key<T>) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl<T> Eq for Key<T> {}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_bits().hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    /// `7.2`: slot 7, generation 2.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_last_slot_is_filled_and_one_more_comes_back() {
        let mut slab = Slab::with_capacity(2);
        slab.insert("a").unwrap();
        assert!(!slab.is_full());
        slab.insert("b").unwrap();
        assert!(slab.is_full());
        assert_eq!(slab.insert("c").map_err(|full| full.0), Err("c"));
        assert_eq!((slab.len(), slab.capacity()), (2, 2));
    }

    #[test]
    fn nothing_fits_into_a_slab_of_nothing() {
        let mut slab = Slab::with_capacity(0);
        assert_eq!(slab.insert(1), Err(Full(1)));
        assert_eq!(slab.next_after(0), None);
    }

    #[test]
    #[should_panic(expected = "one index marks the end")]
    fn a_slab_of_every_index_is_refused() {
        Slab::<()>::with_capacity(u32::MAX);
    }

    #[test]
    fn a_stale_key_reads_as_absent_when_the_slot_is_used_again() {
        let mut slab = Slab::with_capacity(1);
        let old = slab.insert("old").unwrap();
        assert_eq!(slab.remove(old), Some("old"));
        assert_eq!(slab.get(old), None);
        let new = slab.insert("new").unwrap();
        assert_eq!(new.index(), old.index());
        assert_ne!(new, old);
        assert_eq!(slab.get(old), None);
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get(new), Some(&"new"));
    }

    #[test]
    fn a_vacated_slot_is_used_before_a_new_one() {
        let mut slab = Slab::with_capacity(100);
        let keys: Vec<_> = (0..3).map(|value| slab.insert(value).unwrap()).collect();
        slab.remove(keys[2]);
        slab.remove(keys[0]);
        let again: Vec<_> = (0..3)
            .map(|value| slab.insert(value).unwrap().index())
            .collect();
        assert_eq!(again, [0, 2, 3]);
        assert_eq!(slab.slots.len(), 4);
    }

    #[test]
    fn generations_wrap_past_zero() {
        assert_eq!(generation_after(NonZeroU32::MAX), NonZeroU32::MIN);
        assert_eq!(generation_after(NonZeroU32::MIN).get(), 2);
    }

    #[test]
    fn a_slot_costs_at_most_8_bytes_beside_its_value() {
        assert_eq!(size_of::<Key<String>>(), 8);
        assert_eq!(size_of::<Option<Key<String>>>(), 8);
        assert_eq!(size_of::<Slot<[u64; 4]>>(), 32 + 8);
        assert_eq!(size_of::<Slot<[u32; 7]>>(), 28 + 4);
        assert!(size_of::<Slot<String>>() <= size_of::<String>() + 8);
    }

    #[test]
    fn a_key_survives_the_way_through_bits() {
        let mut slab = Slab::with_capacity(3);
        for value in 0..3 {
            let key = slab.insert(value).unwrap();
            assert_ne!(key.to_bits(), 0);
            assert_eq!(Key::from_bits(key.to_bits()), Some(key));
        }
        assert_eq!(Key::<u8>::from_bits(u64::from(u32::MAX)), None);
        let forged = Key::from_bits(u64::MAX).unwrap();
        assert_eq!(slab.get(forged), None);
        assert_eq!(slab.remove(forged), None);
    }

    #[test]
    fn the_clock_hand_goes_round_robin_while_the_slab_changes() {
        let mut slab = Slab::with_capacity(4);
        let keys: Vec<_> = "abcd"
            .chars()
            .map(|name| slab.insert(name).unwrap())
            .collect();
        let mut hand = u32::MAX;
        let mut turn = |slab: &Slab<char>| {
            let key = slab.next_after(hand).unwrap();
            hand = key.index();
            *slab.get(key).unwrap()
        };
        assert_eq!([(); 3].map(|()| turn(&slab)), ['a', 'b', 'c']);
        slab.remove(keys[3]);
        slab.remove(keys[0]);
        assert_eq!(turn(&slab), 'b');
        slab.insert('e').unwrap();
        assert_eq!([(); 3].map(|()| turn(&slab)), ['c', 'e', 'b']);
        slab.remove(keys[1]);
        slab.remove(keys[2]);
        assert_eq!([(); 2].map(|()| turn(&slab)), ['e', 'e']);
    }

    #[test]
    fn a_slab_behaves_as_a_map_of_its_keys() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let capacity = 1 + random.below(40);
            let mut slab = Slab::with_capacity(capacity as u32);
            let mut model = HashMap::new();
            let mut seen = Vec::new();
            for step in 0..2000 {
                match random.below(5) {
                    0 | 1 => match slab.insert(step) {
                        Ok(key) => {
                            assert_eq!(model.insert(key, step), None, "seed {seed}");
                            seen.push(key);
                        }
                        Err(Full(value)) => {
                            assert_eq!((value, model.len()), (step, capacity), "seed {seed}");
                        }
                    },
                    2 | 3 if !seen.is_empty() => {
                        let key = seen[random.below(seen.len())];
                        assert_eq!(slab.remove(key), model.remove(&key), "seed {seed}");
                    }
                    2..=4 => {
                        if let Some(key) = slab.next_after(random.below(50) as u32) {
                            *slab.get_mut(key).unwrap() = step;
                            *model.get_mut(&key).unwrap() = step;
                        }
                        assert_eq!(slab.is_empty(), model.is_empty(), "seed {seed}");
                    }
                    5.. => unreachable!(),
                }
                assert_eq!(slab.len() as usize, model.len(), "seed {seed}");
            }
            for key in seen {
                assert_eq!(slab.get(key), model.get(&key), "seed {seed}");
            }
            let held: HashMap<_, _> = slab.iter().map(|(key, value)| (key, *value)).collect();
            assert_eq!(held, model, "seed {seed}");
            assert!(slab.keys().all(|key| slab.contains(key)));
        }
    }
}
