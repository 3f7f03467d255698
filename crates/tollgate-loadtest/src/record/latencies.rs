//! A histogram of times.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The longest time that is told apart, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// A histogram of times from a nanosecond to an hour. A percentile is right to a thousandth, or to a
/// hundredth in a [`Timeline`](super::Timeline).
///
/// Merged histograms have the same counts as one that recorded all times.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// `None` until a time is recorded: a histogram takes 300 KB.
    histogram: Option<Histogram<u64>>,
    digits: u8,
}

/// The times of a histogram from one time to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Class {
    /// The beginning, which is not in the class.
    pub from: Duration,
    /// The end, which is in the class.
    pub to: Duration,
    /// The number of times.
    pub count: u64,
}

/// The transmitted form: digits, and pairs of a time and its count.
#[derive(Serialize, Deserialize)]
struct Form(u8, Vec<(u64, u64)>);

impl Latencies {
    /// Returns an empty histogram whose percentiles are right to a thousandth.
    pub fn new() -> Self {
        Self::with_digits(3)
    }

    /// Returns an empty histogram of fewer bytes, whose percentiles are right to a hundredth.
    pub(super) fn coarse() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        Self {
            histogram: None,
            digits,
        }
    }

    /// Records a time.
    pub fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(LONGEST);
        self.record_many(nanos, 1);
    }

    fn record_many(&mut self, nanos: u64, count: u64) {
        if self.histogram.is_none() {
            self.histogram = Histogram::new_with_bounds(1, LONGEST, self.digits).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record_n(nanos.clamp(1, LONGEST), count);
        }
    }

    /// Adds the times of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (nanos, count) in other.recorded() {
            self.record_many(nanos, count);
        }
    }

    fn recorded(&self) -> impl Iterator<Item = (u64, u64)> {
        let histogram = self.histogram.iter();
        histogram.flat_map(Histogram::iter_recorded).map(|value| {
            (
                value.value_iterated_to(),
                value.count_since_last_iteration(),
            )
        })
    }

    /// Returns the number of times.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// Returns true if there is no time.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Returns the time below which this share of the times is: `0.99` for the 99th percentile. Zero
    /// if there is no time.
    pub fn percentile(&self, share: f64) -> Duration {
        self.of(|histogram| histogram.value_at_quantile(share))
    }

    /// Returns the longest time.
    pub fn max(&self) -> Duration {
        self.of(Histogram::max)
    }

    /// Returns the mean.
    pub fn mean(&self) -> Duration {
        let mean = self.histogram.as_ref().map_or(0.0, Histogram::mean);
        Duration::try_from_secs_f64(mean / 1e9).unwrap_or_default()
    }

    /// Returns the times in classes, each half as long again as the one before it, from the first one
    /// with times to the last one.
    pub fn classes(&self) -> Vec<Class> {
        let mut classes = Vec::<Class>::new();
        for (nanos, count) in self.recorded() {
            let time = Duration::from_nanos(nanos);
            let mut class = classes.pop().unwrap_or_else(|| first_class(time));
            while time > class.to {
                classes.push(class);
                class = class.next();
            }
            class.count += count;
            classes.push(class);
        }
        classes
    }

    fn of(&self, value: impl Fn(&Histogram<u64>) -> u64) -> Duration {
        Duration::from_nanos(self.histogram.as_ref().map_or(0, value))
    }
}

/// Returns the class of a time, without its count. Classes are counted from a microsecond, below which
/// all times are in one class.
fn first_class(time: Duration) -> Class {
    let mut class = Class {
        from: Duration::ZERO,
        to: Duration::from_micros(1),
        count: 0,
    };
    while time > class.to {
        class = class.next();
    }
    class
}

impl Class {
    /// Returns the next class, without a count.
    fn next(self) -> Self {
        Self {
            from: self.to,
            to: self.to + self.to / 2,
            count: 0,
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Latencies {
    fn eq(&self, other: &Self) -> bool {
        self.recorded().eq(other.recorded())
    }
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form(self.digits, self.recorded().collect()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form(digits, recorded) = Form::deserialize(deserializer)?;
        if !(1..=3).contains(&digits) {
            return Err(D::Error::custom("a histogram has 1 to 3 digits"));
        }
        let mut latencies = Self::with_digits(digits);
        for (nanos, count) in recorded {
            latencies.record_many(nanos, count);
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_merge_to_the_same_histogram_also_when_they_were_transmitted() {
        let (mut whole, mut merged) = (Latencies::new(), Latencies::new());
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..4 {
            let mut part = Latencies::new();
            for _ in 0..5000 {
                let nanos = (random.f64() * 24.0).exp();
                let time = Duration::from_secs_f64(nanos / 1e9);
                whole.record(time);
                part.record(time);
            }
            let text = serde_json::to_string(&part).unwrap();
            merged.merge(&serde_json::from_str(&text).unwrap());
        }
        assert_eq!(whole.count(), 20_000);
        assert_eq!(merged, whole);
        for share in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            assert_eq!(merged.percentile(share), whole.percentile(share));
        }
        assert_eq!(merged.max(), whole.max());
        assert_eq!(merged.mean(), whole.mean());
    }

    #[test]
    fn classes_have_all_times_and_no_gap() {
        assert_eq!(Latencies::new().classes(), []);
        let mut latencies = Latencies::new();
        for micros in [1, 100, 110, 100_000] {
            latencies.record(Duration::from_micros(micros));
        }
        let classes = latencies.classes();
        assert_eq!(classes.iter().map(|class| class.count).sum::<u64>(), 4);
        assert!(classes.is_sorted_by(|class, next| class.to == next.from));
        let ends = [classes.first(), classes.last()].map(|class| class.unwrap().count);
        assert_eq!(ends, [1, 1]);
    }

    #[test]
    fn a_percentile_is_right_to_a_thousandth() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentile(0.5), Duration::ZERO);
        for micros in 1..=10_000 {
            latencies.record(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.5, 5000.0), (0.99, 9900.0), (1.0, 10_000.0)] {
            let found = latencies.percentile(share).as_secs_f64() * 1e6;
            assert!((found / micros - 1.0).abs() <= 0.001, "{share}: {found}");
        }
        latencies.record(Duration::from_secs(100_000));
        assert!(
            latencies.max() >= Duration::from_secs(3600),
            "no panic, but an hour"
        );
    }
}
