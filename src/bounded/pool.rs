//! The shared byte budget: what `limits.memory` leaves over after the tables.
//!
//! Bodies, rings and outputs are drawn from here and given back; the pool holds no memory itself,
//! it only counts. Invariant: `used <= peak <= capacity`, and never is more given than was taken.

use super::Full;

/// A count of bytes that never passes its capacity.
#[derive(Debug)]
pub struct Pool {
    /// Bytes taken and not yet given back.
    used: usize,
    /// The most that was ever used.
    peak: usize,
    /// Fixed at start.
    capacity: usize,
}

impl Pool {
    /// A pool of `bytes`, all of them free.
    pub const fn new(bytes: usize) -> Pool {
        Pool {
            used: 0,
            peak: 0,
            capacity: bytes,
        }
    }

    /// Draws `bytes`; all of them or, if they are not free, none.
    pub fn take(&mut self, bytes: usize) -> Result<(), Full> {
        if bytes > self.free() {
            return Err(Full(()));
        }
        self.used += bytes;
        self.peak = self.peak.max(self.used);
        Ok(())
    }

    /// Gives back `bytes` that were taken. Giving more than that is a fault of ours and panics:
    /// the ceiling would be a lie from then on.
    pub fn give(&mut self, bytes: usize) {
        assert!(bytes <= self.used, "more was given back than taken");
        self.used -= bytes;
    }

    /// Bytes taken now.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Bytes that can be taken now.
    pub const fn free(&self) -> usize {
        self.capacity - self.used
    }

    /// The most bytes that were ever taken at once.
    pub const fn peak(&self) -> usize {
        self.peak
    }

    /// Bytes in all.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn the_last_byte_is_given_and_one_more_refused() {
        let mut pool = Pool::new(100);
        assert_eq!(pool.take(60), Ok(()));
        assert_eq!(pool.take(41), Err(Full(())));
        assert_eq!(pool.take(40), Ok(()));
        assert_eq!(pool.take(1), Err(Full(())));
        assert_eq!(pool.take(0), Ok(()));
        assert_eq!((pool.used(), pool.free()), (100, 0));
    }

    #[test]
    fn a_refused_take_takes_nothing() {
        let mut pool = Pool::new(10);
        assert_eq!(pool.take(usize::MAX), Err(Full(())));
        assert_eq!((pool.used(), pool.peak()), (0, 0));
    }

    #[test]
    fn the_peak_stays_when_bytes_come_back() {
        let mut pool = Pool::new(10);
        pool.take(7).unwrap();
        pool.give(7);
        pool.take(3).unwrap();
        assert_eq!((pool.used(), pool.peak(), pool.capacity()), (3, 7, 10));
    }

    #[test]
    #[should_panic(expected = "more was given back than taken")]
    fn giving_more_than_taken_panics() {
        let mut pool = Pool::new(10);
        pool.take(3).unwrap();
        pool.give(4);
    }

    #[test]
    fn what_is_taken_and_given_in_any_order_adds_up() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let mut pool = Pool::new(1000);
            let mut taken: Vec<usize> = Vec::new();
            for _ in 0..1000 {
                let bytes = random.below(300);
                let used: usize = taken.iter().sum();
                if random.below(2) == 0 {
                    assert_eq!(
                        pool.take(bytes).is_ok(),
                        used + bytes <= 1000,
                        "seed {seed}"
                    );
                    taken.extend((used + bytes <= 1000).then_some(bytes));
                } else if !taken.is_empty() {
                    pool.give(taken.swap_remove(random.below(taken.len())));
                }
                assert_eq!(pool.used(), taken.iter().sum::<usize>(), "seed {seed}");
            }
        }
    }
}
