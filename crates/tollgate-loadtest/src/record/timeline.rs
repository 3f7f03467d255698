//! Figures over time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Counts, Latencies};
use crate::outcome::Outcome;

/// The length of an interval at first.
const INTERVAL: Duration = Duration::from_secs(1);

/// The most points. A longer test has longer intervals.
const MOST: usize = 600;

/// The figures of each interval of a test, by the times at which the calls ended. The intervals are
/// a second, or longer if there would be more than 600 of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The length of an interval: a power of two, in seconds.
    interval: Duration,
    points: Vec<Point>,
}

/// The figures of an interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Point {
    /// The number of calls that ended.
    pub counts: Counts,
    /// The latencies of these calls, without failed ones, but with timeouts.
    pub latencies: Latencies,
}

impl Default for Point {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            latencies: Latencies::coarse(),
        }
    }
}

impl Point {
    /// Adds the figures of another point.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.latencies.merge(&other.latencies);
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            interval: INTERVAL,
            points: Vec::new(),
        }
    }
}

impl Timeline {
    /// Returns the length of an interval.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the points, from the beginning of the test on.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Records a call that ended at a time after the beginning of the test.
    pub(crate) fn record(&mut self, at: Duration, outcome: Outcome, latency: Duration) {
        while self.index(at) >= MOST {
            self.coarsen();
        }
        let index = self.index(at);
        if self.points.len() <= index {
            self.points.resize_with(index + 1, Point::default);
        }
        let Some(point) = self.points.get_mut(index) else {
            return;
        };
        point.counts.add(outcome, 1);
        if outcome.is_waiting() {
            point.latencies.record(latency);
        }
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_secs() / self.interval.as_secs().max(1)).unwrap_or(usize::MAX)
    }

    fn coarsen(&mut self) {
        self.interval *= 2;
        let pairs = self.points.chunks(2).map(|pair| {
            let mut point = Point::default();
            pair.iter().for_each(|part| point.merge(part));
            point
        });
        self.points = pairs.collect();
    }

    /// Adds the figures of another process. Both began at the same time.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.interval < other.interval {
            self.coarsen();
        }
        while other.interval < self.interval {
            other.coarsen();
        }
        let length = self.points.len().max(other.points.len());
        self.points.resize_with(length, Point::default);
        for (point, part) in self.points.iter_mut().zip(&other.points) {
            point.merge(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn recorded(seconds: impl IntoIterator<Item = u64>) -> Timeline {
        let mut timeline = Timeline::default();
        for second in seconds {
            timeline.record(Duration::from_secs(second), Outcome::Granted, MILLI);
        }
        timeline
    }

    #[test]
    fn a_long_test_has_longer_intervals_and_loses_no_call() {
        let timeline = recorded(0..5000);
        assert_eq!(timeline.interval(), Duration::from_secs(16));
        assert!(timeline.points().len() <= MOST);
        let granted = timeline.points().iter().map(|point| point.counts.granted);
        assert_eq!(granted.sum::<u64>(), 5000);
        assert_eq!(timeline.points()[3].latencies.count(), 16);
    }

    #[test]
    fn timelines_of_different_intervals_merge_to_that_of_all_calls() {
        let mut short = recorded(0..100);
        short.merge(&recorded(0..1500));
        assert_eq!(short, recorded((0..100).chain(0..1500)));
        let mut long = recorded(0..1500);
        long.merge(&recorded(0..100));
        assert_eq!(long, short);
    }
}
