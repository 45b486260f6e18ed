//! A point in time as the engine knows it.
//!
//! The engine has no clock. Whoever drives it says what time it is, so a test can write
//! `at(25_000)` and a simulation can let a year pass in a second. The edge derives these values
//! from the monotonic clock.

use std::fmt;
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

/// Milliseconds since 1970 in UTC, as the machine's clock has it. It may jump: it is told to people
/// and compared with the times in a JWT, and nothing is ever scheduled by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }
}

impl fmt::Display for UnixMillis {
    /// `2025-12-15T18:00:00.000Z` (RFC 3339).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
        let (second, millis) = (seconds % 60, self.0 % 1000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years begin in
/// March here, so that the leap day is the last one of its year; an era has 400 of them.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    // From 0000-03-01 to 1970-01-01.
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    // Leap days are taken out before the division, except the one a year may end with.
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months have 153 days, from March on.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year_of_era + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_reads_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_765_821_600_007, "2025-12-15T18:00:00.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(UnixMillis(millis).to_string(), text);
        }
        // Far beyond any clock, but no panic.
        let _ = UnixMillis(u64::MAX).to_string();
    }

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
