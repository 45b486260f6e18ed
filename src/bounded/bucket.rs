//! Integer token bucket for rate limits such as "120/min, up to 16 at once".
//!
//! What is kept is not a number of tokens but the point at which the bucket will be full again. A
//! token that takes `t` nanoseconds to come back moves that point by `t`, so
//!
//! ```text
//! missing tokens = (full_at - now) / t           0 if full_at has passed
//! a token is free  <=>  missing + 1 <= burst
//!                  <=>  (full_at - now) + t <= burst * t
//! ```
//!
//! which needs neither a division per take nor a remainder to carry on. `t = period / refill` is
//! rounded up to a nanosecond: the rate is never above the one that was asked for, and below it by
//! less than one part in a million up to a thousand tokens a second.

use crate::time::Instant;
use std::time::Duration;

/// The longest time to fill a bucket, 146 years in nanoseconds, and half of the longest time since
/// the start. No sum of the two overflows, and a period set to centuries still refuses.
const FILL_NANOS_MAX: u64 = u64::MAX / 4;

/// A bucket of at most `burst` tokens that come back one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// When all tokens will be back, in nanoseconds since the start; in the past if they are.
    full_at_nanos: u64,
    /// Time one token takes to come back.
    token_nanos: u64,
    /// Time all tokens take to come back.
    burst_nanos: u64,
}

impl Bucket {
    /// A full bucket of `burst` tokens, of which `refill` come back in a `period`.
    pub fn new(burst: u32, refill: u32, period: Duration) -> Bucket {
        assert!(burst > 0, "a bucket without tokens refuses everything");
        assert!(refill > 0, "a bucket has to be refilled");
        assert!(!period.is_zero(), "a bucket is refilled over time");
        let token_nanos = period.as_nanos().div_ceil(u128::from(refill));
        let token_nanos_max = FILL_NANOS_MAX / u64::from(burst);
        let token_nanos = token_nanos.min(u128::from(token_nanos_max)) as u64;
        Bucket {
            full_at_nanos: 0,
            token_nanos,
            burst_nanos: token_nanos * u64::from(burst),
        }
    }

    /// The same bucket with what `other` owes instead, as far as it can owe that much: it is full
    /// when the other would be.
    pub fn in_debt_of(self, other: &Bucket, now: Instant) -> Bucket {
        let empty_nanos = now_nanos(now) + self.burst_nanos;
        Bucket {
            full_at_nanos: other.full_at_nanos.min(empty_nanos),
            ..self
        }
    }

    /// When it will be full, in nanoseconds since the start, if nobody takes anything; in the past
    /// if it is.
    pub fn full_at_nanos(&self) -> u64 {
        self.full_at_nanos
    }

    /// Takes a token, or tells how long until one is free: waiting that long is enough, if nobody
    /// else takes it.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let now_nanos = now_nanos(now);
        let full_at_nanos = self.full_at_nanos.max(now_nanos);
        let missing_nanos = full_at_nanos - now_nanos + self.token_nanos;
        if missing_nanos > self.burst_nanos {
            // An `Instant` counts microseconds, so anything less would come back too early.
            let wait_micros = (missing_nanos - self.burst_nanos).div_ceil(1000);
            return Err(Duration::from_micros(wait_micros));
        }
        self.full_at_nanos = full_at_nanos + self.token_nanos;
        Ok(())
    }
}

/// Nanoseconds since the start, so far from overflow that a time to fill a bucket fits behind them.
fn now_nanos(now: Instant) -> u64 {
    now.micros().saturating_mul(1000).min(2 * FILL_NANOS_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_refuses_one_more() {
        for burst in [1, 2, 16] {
            let mut bucket = Bucket::new(burst, 120, MINUTE);
            for _ in 0..burst {
                assert_eq!(bucket.take(at(1000)), Ok(()));
            }
            assert_eq!(bucket.take(at(1000)), Err(Duration::from_millis(500)));
        }
    }

    #[test]
    fn a_token_is_free_after_the_wait_and_not_before() {
        for refill in [1, 7, 60, 120, 999, 1_000_000] {
            let mut bucket = Bucket::new(1, refill, MINUTE);
            assert_eq!(bucket.take(at(5)), Ok(()));
            let wait = bucket.take(at(5)).unwrap_err();
            let free = at(5) + wait;
            let just_before = Instant::from_micros(free.micros() - 1);
            assert_eq!(bucket.take(just_before), Err(Duration::from_micros(1)));
            assert_eq!(bucket.take(free), Ok(()), "{refill} a minute");
        }
    }

    #[test]
    fn a_refused_take_costs_nothing() {
        let mut bucket = Bucket::new(1, 1, MINUTE);
        bucket.take(at(0)).unwrap();
        for _ in 0..100 {
            assert_eq!(bucket.take(at(59_999)), Err(Duration::from_millis(1)));
        }
        assert_eq!(bucket.take(at(60_000)), Ok(()));
    }

    #[test]
    fn an_idle_bucket_saves_up_no_more_than_its_burst() {
        let mut bucket = Bucket::new(3, 60, MINUTE);
        let year = at(365 * 24 * 3_600_000);
        assert_eq!([(); 3].map(|()| bucket.take(year)), [Ok(()); 3]);
        assert_eq!(bucket.take(year), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_debt_that_is_taken_over_is_paid_off_as_if_it_were_the_own() {
        let mut old = Bucket::new(4, 60, MINUTE);
        assert_eq!([(); 3].map(|()| old.take(at(0))), [Ok(()); 3]);
        let mut new = Bucket::new(4, 60, MINUTE).in_debt_of(&old, at(0));
        assert_eq!(new.take(at(0)), Ok(()));
        assert_eq!(new.take(at(0)), Err(Duration::from_secs(1)));
        // One that cannot owe as much is empty.
        let mut small = Bucket::new(1, 60, MINUTE).in_debt_of(&old, at(0));
        assert_eq!(small.take(at(0)), Err(Duration::from_secs(1)));
        // What is paid off is no debt.
        let mut late = Bucket::new(1, 60, MINUTE).in_debt_of(&old, at(60_000));
        assert_eq!(late.take(at(60_000)), Ok(()));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let end = Instant::from_micros(u64::MAX);
        for now in [Instant::ZERO, end] {
            let mut slow = Bucket::new(2, 1, Duration::MAX);
            assert_eq!([(); 2].map(|()| slow.take(now)), [Ok(()); 2]);
            assert!(slow.take(now).is_err());
            let mut large = Bucket::new(u32::MAX, 1, Duration::MAX);
            assert_eq!(large.take(now), Ok(()));
            let mut fast = Bucket::new(1, u32::MAX, Duration::from_nanos(1));
            assert_eq!(fast.take(now), Ok(()));
            assert_eq!(fast.take(now), Err(Duration::from_micros(1)));
        }
        assert_eq!(size_of::<Bucket>(), 24);
    }

    #[test]
    fn a_bucket_behaves_as_a_count_of_tokens() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let burst = 1 + random.below(20) as u64;
            // Whole milliseconds a token, so that the count needs no rounding.
            let token_micros = 1000 * (1 + random.below(1000) as u64);
            let refill = 1 + random.below(10) as u32;
            let period = Duration::from_micros(token_micros * u64::from(refill));
            let mut bucket = Bucket::new(burst as u32, refill, period);
            let mut now = 0;
            // A token is `token_micros` of credit.
            let mut credit = burst * token_micros;
            for _ in 0..1000 {
                let passed = random.below(2 * token_micros as usize) as u64 / 3;
                now += passed;
                credit = (credit + passed).min(burst * token_micros);
                let expected = match credit.checked_sub(token_micros) {
                    Some(rest) => {
                        credit = rest;
                        Ok(())
                    }
                    None => Err(Duration::from_micros(token_micros - credit)),
                };
                assert_eq!(
                    bucket.take(Instant::from_micros(now)),
                    expected,
                    "seed {seed}"
                );
            }
        }
    }
}
