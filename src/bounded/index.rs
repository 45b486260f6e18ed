//! Finds the slot of a value by its name, for values that live in a [`Slab`](super::Slab).
//!
//! Open addressing over bare slot numbers, 4 bytes a bucket: name and hash stay with the value, and
//! the caller compares and hashes them through closures. At most half of the buckets are used, so a
//! search ends after a bucket or two.
//!
//! Invariant: between the home bucket of a value and the bucket it stands in, no bucket is empty.
//! Removal restores it by shifting followers back, so there are no tombstones and a table that was
//! full once is as fast as a new one. An empty bucket is zero, so memory that was never used stays
//! untouched pages of zeros.

use super::Full;

/// Slots by hash, at most `capacity` of them.
pub struct Index {
    /// A power of two of them: zero, or a slot and one.
    buckets: Box<[u32]>,
    /// Used buckets.
    len: u32,
    /// Fixed at start; at most half of the buckets.
    capacity: u32,
}

/// What an empty bucket holds.
const EMPTY: u32 = 0;

/// Slots that one index can hold: twice as many buckets have to be numbered.
const CAPACITY_MAX: u32 = 1 << 30;

impl Index {
    /// An empty index with room for `capacity` slots.
    pub fn with_capacity(capacity: u32) -> Index {
        assert!(capacity <= CAPACITY_MAX, "twice the capacity is numbered");
        // At least two, since a hash cannot be shifted to a number of no bits.
        let buckets_len = (capacity as usize * 2).next_power_of_two().max(2);
        Index {
            buckets: vec![EMPTY; buckets_len].into_boxed_slice(),
            len: 0,
            capacity,
        }
    }

    /// Adds `slot` under `hash`. The caller knows that it is not in yet: a name is searched before
    /// it is given to a value.
    pub fn insert(&mut self, hash: u64, slot: u32) -> Result<(), Full> {
        assert!(slot < u32::MAX, "a bucket holds the slot and one");
        if self.len == self.capacity {
            return Err(Full(()));
        }
        let mut bucket = self.home(hash);
        while self.buckets[bucket] != EMPTY {
            bucket = self.after(bucket);
        }
        self.buckets[bucket] = slot + 1;
        self.len += 1;
        Ok(())
    }

    /// The slot under `hash` for which `is_it` holds.
    pub fn find(&self, hash: u64, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let bucket = self.find_bucket(hash, is_it)?;
        Some(self.buckets[bucket] - 1)
    }

    /// Takes out the slot under `hash` for which `is_it` holds. `hash_of` tells the hash of other
    /// slots, which may have to move; all of them must still have their values.
    pub fn remove(
        &mut self,
        hash: u64,
        is_it: impl FnMut(u32) -> bool,
        hash_of: impl Fn(u32) -> u64,
    ) -> Option<u32> {
        let bucket = self.find_bucket(hash, is_it)?;
        let slot = self.buckets[bucket] - 1;
        self.shift_back(bucket, hash_of);
        self.len -= 1;
        Some(slot)
    }

    /// Slots held now.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no slot is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Slots that fit.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// The bucket of the slot under `hash` for which `is_it` holds.
    fn find_bucket(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<usize> {
        let mut bucket = self.home(hash);
        while self.buckets[bucket] != EMPTY {
            if is_it(self.buckets[bucket] - 1) {
                return Some(bucket);
            }
            bucket = self.after(bucket);
        }
        None
    }

    /// Empties bucket `hole` and moves into it the next follower that may stand there, then does
    /// the same with the hole that one leaves, up to an empty bucket.
    fn shift_back(&mut self, mut hole: usize, hash_of: impl Fn(u32) -> u64) {
        let mut bucket = self.after(hole);
        while self.buckets[bucket] != EMPTY {
            let home = self.home(hash_of(self.buckets[bucket] - 1));
            if self.distance(home, bucket) >= self.distance(hole, bucket) {
                self.buckets[hole] = self.buckets[bucket];
                hole = bucket;
            }
            bucket = self.after(bucket);
        }
        self.buckets[hole] = EMPTY;
    }

    /// The bucket that `hash` stands in if it is empty: its high bits, the best of a product.
    fn home(&self, hash: u64) -> usize {
        let bits = self.buckets.len().trailing_zeros();
        (hash >> (u64::BITS - bits)) as usize
    }

    /// The bucket behind `bucket`, around the end.
    fn after(&self, bucket: usize) -> usize {
        (bucket + 1) & (self.buckets.len() - 1)
    }

    /// Buckets from `from` up to `to`, around the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.buckets.len() - 1)
    }
}

/// A cheap hash of a name that the server chose at random. Not one for names that a peer may
/// choose: it takes no secret, and names that collide could be made up.
///
/// Each word is folded in by a multiplication with an odd number near 2^64 divided by the golden
/// ratio (Knuth's multiplicative hashing), which carries low bits upwards; the rotation before it
/// brings high bits down again.
pub fn hash(name: &[u8]) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let fold = |state: u64, word: u64| (state.rotate_left(29) ^ word).wrapping_mul(GOLDEN);
    let (words, rest) = name.as_chunks::<8>();
    let state = words.iter().fold(name.len() as u64, |state, word| {
        fold(state, u64::from_le_bytes(*word))
    });
    let last = rest
        .iter()
        .fold(0, |word, byte| word << 8 | u64::from(*byte));
    let state = fold(state, last);
    fold(state, state >> 32)
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;
    use std::collections::HashMap;

    /// A name as session ids look: 22 characters of 64.
    fn random_name(random: &mut Random) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        (0..22)
            .map(|_| char::from(LETTERS[random.below(64)]))
            .collect()
    }

    #[test]
    fn the_last_slot_is_added_and_one_more_refused() {
        let mut index = Index::with_capacity(2);
        assert_eq!(index.insert(7, 0), Ok(()));
        assert_eq!(index.insert(7, 1), Ok(()));
        assert_eq!(index.insert(7, 2), Err(Full(())));
        assert_eq!(index.find(7, |slot| slot == 2), None);
        assert_eq!((index.len(), index.capacity()), (2, 2));
    }

    #[test]
    fn nothing_fits_into_an_index_of_nothing() {
        let mut index = Index::with_capacity(0);
        assert_eq!(index.insert(u64::MAX, 0), Err(Full(())));
        assert_eq!(index.find(u64::MAX, |_| true), None);
    }

    #[test]
    fn at_most_half_of_the_buckets_are_used() {
        for (capacity, buckets) in [(0, 2), (1, 2), (2, 4), (3, 8), (1000, 2048), (1025, 4096)] {
            assert_eq!(Index::with_capacity(capacity).buckets.len(), buckets);
        }
    }

    #[test]
    fn names_with_one_hash_are_told_apart() {
        let mut index = Index::with_capacity(8);
        for slot in 0..8 {
            index.insert(u64::MAX, slot).unwrap();
        }
        for slot in (0..8).rev() {
            assert_eq!(index.find(u64::MAX, |held| held == slot), Some(slot));
        }
        let removed = index.remove(u64::MAX, |held| held == 3, |_| u64::MAX);
        assert_eq!(removed, Some(3));
        assert_eq!(index.find(u64::MAX, |held| held == 3), None);
        for slot in [0, 1, 2, 4, 5, 6, 7] {
            assert_eq!(index.find(u64::MAX, |held| held == slot), Some(slot));
        }
    }

    #[test]
    fn removing_the_last_slot_leaves_zeros_only() {
        let mut index = Index::with_capacity(100);
        for slot in 0..100 {
            index.insert(u64::from(slot) << 60, slot).unwrap();
        }
        for slot in 0..100 {
            let hash = u64::from(slot) << 60;
            assert!(
                index
                    .remove(hash, |held| held == slot, |held| u64::from(held) << 60)
                    .is_some()
            );
        }
        assert!(index.is_empty());
        assert!(index.buckets.iter().all(|bucket| *bucket == EMPTY));
    }

    #[test]
    fn every_character_of_a_name_changes_the_high_and_the_low_half() {
        let mut random = Random::new(1);
        for _ in 0..100 {
            let name = random_name(&mut random).into_bytes();
            for place in 0..name.len() {
                let mut other = name.clone();
                other[place] ^= 1;
                let changed = hash(&name) ^ hash(&other);
                assert!(changed >> 32 != 0 && changed as u32 != 0);
            }
        }
    }

    #[test]
    fn random_names_are_found_after_a_bucket_or_two() {
        let mut random = Random::new(2);
        let names: Vec<_> = (0..1024).map(|_| random_name(&mut random)).collect();
        let mut index = Index::with_capacity(1024);
        for (name, slot) in names.iter().zip(0..) {
            index.insert(hash(name.as_bytes()), slot).unwrap();
        }
        let mut compared = 0;
        for name in &names {
            index.find(hash(name.as_bytes()), |slot| {
                compared += 1;
                names[slot as usize] == *name
            });
        }
        assert!(compared < 2 * names.len(), "{compared} comparisons");
    }

    #[test]
    fn an_index_behaves_as_a_map() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let capacity = 1 + random.below(50);
            // Few bits at the top make crowds, long ones around the end included.
            let crowd = 1 + random.below(6) as u32;
            let hashes: Vec<_> = (0..100)
                .map(|_| (random.bits() >> 20) << (64 - crowd))
                .collect();
            let mut index = Index::with_capacity(capacity as u32);
            let mut model = HashMap::new();
            for _ in 0..2000 {
                let slot = random.below(100) as u32;
                let hash = hashes[slot as usize];
                let is_it = |held| held == slot;
                assert_eq!(
                    index.find(hash, is_it),
                    model.get(&slot).copied(),
                    "seed {seed}"
                );
                if model.contains_key(&slot) {
                    let removed = index.remove(hash, is_it, |held| hashes[held as usize]);
                    assert_eq!(removed, model.remove(&slot), "seed {seed}");
                } else {
                    let added = index.insert(hash, slot).is_ok();
                    assert_eq!(added, model.len() < capacity, "seed {seed}");
                    if added {
                        model.insert(slot, slot);
                    }
                }
                assert_eq!(index.len() as usize, model.len(), "seed {seed}");
            }
            for slot in 0..100 {
                let found = index.find(hashes[slot as usize], |held| held == slot);
                assert_eq!(found, model.get(&slot).copied(), "seed {seed}");
            }
        }
    }
}
