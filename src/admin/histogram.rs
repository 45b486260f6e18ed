//! Histograms with fixed buckets: counts that only grow, and no floating point.

use std::fmt;
use std::time::Duration;

/// Bounds of one scale; everything above the last one has a bucket of its own.
pub const BOUNDS: usize = 8;

/// The upper bounds of a histogram's buckets in microseconds, each included, rising.
#[derive(Debug)]
pub struct Scale(pub [u64; BOUNDS]);

/// How long requests take. The first bucket holds what needs no process and no timer, the last ends
/// where calls are stopped by default; each bound between them is four to six times the one before.
pub const REQUESTS: Scale = Scale([
    1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000, 60_000_000,
]);

/// How long sessions last: a probe, a script, the resume window, ten minutes, the idle timeout, a
/// quarter of a day, a day, a week.
pub const SESSIONS: Scale = Scale([
    1_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
    21_600_000_000,
    86_400_000_000,
    604_800_000_000,
]);

/// How often something took how long. It has to be read with the scale it was written with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Observations by bucket, those above the last bound at the end.
    counts: [u64; BOUNDS + 1],
    /// Microseconds of all observations together.
    sum_micros: u64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&mut self, scale: &Scale, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = scale.0.iter().position(|bound| micros <= *bound);
        self.counts[bucket.unwrap_or(BOUNDS)] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// Counts something that took no time at all, which is below every bound.
    pub fn observe_nothing(&mut self) {
        self.counts[0] += 1;
    }

    /// Adds what another histogram of the same scale has counted.
    pub fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
    }

    /// For each bound how many observations are not above it.
    pub fn cumulative(&self) -> [u64; BOUNDS] {
        let mut sum = 0;
        std::array::from_fn(|bucket| {
            sum += self.counts[bucket];
            sum
        })
    }

    /// All observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together.
    pub fn sum(&self) -> Seconds {
        Seconds(self.sum_micros)
    }
}

/// Microseconds that are shown as seconds: `0.001`, `60`, `1.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let mut digits = 6;
        while digits > 0 && rest.is_multiple_of(10) {
            rest /= 10;
            digits -= 1;
        }
        match digits {
            0 => write!(f, "{whole}"),
            _ => write!(f, "{whole}.{rest:0digits$}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 60_000_000, 60_000_001] {
            histogram.observe(&REQUESTS, Duration::from_micros(micros));
        }
        assert_eq!(histogram.cumulative(), [2, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum().to_string(), "120.002002");
    }

    #[test]
    fn for_ever_is_above_the_last_bound_and_overflows_nothing() {
        let mut histogram = Histogram::default();
        histogram.observe(&SESSIONS, Duration::MAX);
        histogram.observe(&SESSIONS, Duration::MAX);
        assert_eq!(histogram.cumulative(), [0; BOUNDS]);
        assert_eq!(histogram.sum(), Seconds(u64::MAX));
    }

    #[test]
    fn histograms_add_up() {
        let mut sum = Histogram::default();
        let mut part = Histogram::default();
        part.observe_nothing();
        part.observe(&REQUESTS, Duration::from_secs(7));
        sum.add(&part);
        sum.add(&part);
        assert_eq!(sum.cumulative(), [2, 2, 2, 2, 2, 2, 4, 4]);
        assert_eq!(sum.sum(), Seconds(14_000_000));
    }

    #[test]
    fn scales_rise() {
        for scale in [REQUESTS, SESSIONS] {
            assert!(scale.0.is_sorted_by(|one, next| one < next), "{scale:?}");
        }
    }

    #[test]
    fn seconds_have_no_digit_too_many() {
        for (micros, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_000, "0.001"),
            (25_000, "0.025"),
            (500_000, "0.5"),
            (60_000_000, "60"),
            (100_200_300, "100.2003"),
            (u64::MAX, "18446744073709.551615"),
        ] {
            assert_eq!(Seconds(micros).to_string(), text);
        }
    }
}
