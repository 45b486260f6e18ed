//! A point in time as the engine knows it.
//!
//! The engine has no clock. Whoever drives it says what time it is, so a test can write
//! `at(25_000)` and a simulation can let a year pass in a second. The edge derives these values
//! from the monotonic clock.

use std::ops::Add;
use std::time::Duration;

/// Microseconds since the daemon started; never goes backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    micros: u64,
}

impl Instant {
    /// The start of the daemon.
    pub const ZERO: Instant = Instant { micros: 0 };

    /// The point `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Instant {
        Instant { micros }
    }

    /// The point `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant {
            micros: millis * 1000,
        }
    }

    /// Microseconds since the start.
    pub const fn micros(self) -> u64 {
        self.micros
    }

    /// Whole milliseconds since the start, rounded down.
    pub const fn millis(self) -> u64 {
        self.micros / 1000
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }

    /// The first multiple of `step` that is not before this point. Deadlines that need not be exact
    /// share one wake-up this way. `step` must not be shorter than a microsecond.
    pub fn round_up(self, step: Duration) -> Instant {
        let step_micros = step.as_micros() as u64;
        assert!(step_micros > 0, "a step of nothing rounds to nothing");
        Instant {
            micros: self.micros.div_ceil(step_micros) * step_micros,
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates: a timeout of centuries is "never", not a panic.
    fn add(self, duration: Duration) -> Instant {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Instant {
            micros: self.micros.saturating_add(micros),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_keeps_multiples_and_never_goes_back() {
        let second = Duration::from_secs(1);
        for (millis, rounded) in [(0, 0), (1, 1000), (999, 1000), (1000, 1000), (1001, 2000)] {
            assert_eq!(
                Instant::from_millis(millis).round_up(second),
                Instant::from_millis(rounded)
            );
        }
    }

    #[test]
    fn adding_forever_saturates() {
        assert_eq!(
            Instant::from_millis(5) + Duration::MAX,
            Instant::from_micros(u64::MAX)
        );
    }

    #[test]
    fn since_an_instant_to_come_is_nothing() {
        assert_eq!(Instant::ZERO.since(Instant::from_millis(7)), Duration::ZERO);
    }
}
