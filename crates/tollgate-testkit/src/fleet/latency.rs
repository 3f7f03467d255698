//! The latency of the store.

use std::time::Duration;

/// The distribution of round trips to the store: log-normal, with outliers.
///
/// The way to the store takes half of a round trip. Like timers, round trips are exact to the
/// millisecond.
///
/// ```
/// use std::time::Duration;
/// use tollgate_testkit::fleet::Latency;
///
/// let latency = Latency::new(Duration::from_millis(5)).spread(0.5).outliers(0.01, 20.0);
/// # let _ = latency;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    median: Duration,
    spread: f64,
    outliers: f64,
    factor: f64,
}

/// The median is 5 ms, the 99th percentile is 11 ms, and one in a thousand takes ten times as long.
impl Default for Latency {
    fn default() -> Self {
        Self::new(Duration::from_millis(5))
            .spread(0.35)
            .outliers(0.001, 10.0)
    }
}

impl Latency {
    /// Returns a latency whose round trips all take `median`.
    pub fn new(median: Duration) -> Self {
        Self {
            median,
            spread: 0.0,
            outliers: 0.0,
            factor: 1.0,
        }
    }

    /// Sets the standard deviation of the round trip's logarithm: 0.35 puts the 99th percentile at
    /// 2.3 times the median.
    pub fn spread(mut self, deviation: f64) -> Self {
        self.spread = deviation;
        self
    }

    /// Makes a `share` of the round trips take `factor` times as long.
    pub fn outliers(mut self, share: f64, factor: f64) -> Self {
        (self.outliers, self.factor) = (share, factor);
        self
    }

    /// Draws a round trip: the way there and the way back.
    pub(super) fn draw(&self, random: &mut fastrand::Rng) -> (Duration, Duration) {
        let mut millis = self.median.as_secs_f64() * 1000.0 * (self.spread * normal(random)).exp();
        if random.f64() < self.outliers {
            millis *= self.factor;
        }
        // Rounded up or down at random, so that the mean stays the same.
        let there = (millis / 2.0 + random.f64()).floor();
        let back = (millis / 2.0 + random.f64()).floor();
        (
            Duration::from_millis(there as u64),
            Duration::from_millis(back as u64),
        )
    }
}

/// Draws a number from the standard normal distribution.
fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}
