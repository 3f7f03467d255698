//! The times at which calls of an open loop begin.

use std::time::Duration;

use super::stage::Stage;

/// The least part of a call that counts. Sums of floats are off by less.
const NEGLIGIBLE: f64 = 1e-6;

/// The times of the arrivals. Arrival `n` comes when the level, summed up over time, reaches `n`: the
/// first one at once.
#[derive(Debug)]
pub(crate) struct Arrivals<'a> {
    stages: &'a [Stage],
    /// The number of the next arrival.
    next: u64,
    /// The arrivals before the first stage of `stages`, as a sum.
    before: f64,
    /// The beginning of the first stage of `stages`.
    begins: Duration,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(stages: &'a [Stage]) -> Self {
        Self {
            stages,
            next: 0,
            before: 0.0,
            begins: Duration::ZERO,
        }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let (stage, later) = self.stages.split_first()?;
            let sum = (stage.from + stage.to) / 2.0 * stage.seconds();
            #[expect(
                clippy::cast_precision_loss,
                reason = "a test of 2^52 calls would take years"
            )]
            let left = self.next as f64 - self.before;
            if left < sum - NEGLIGIBLE {
                self.next += 1;
                let after = offset(stage, left.max(0.0));
                return Some(self.begins + after.min(stage.time));
            }
            self.before += sum;
            self.begins += stage.time;
            self.stages = later;
        }
    }
}

/// Returns the time in the stage at which its level, summed up, reaches `sum`.
fn offset(stage: &Stage, sum: f64) -> Duration {
    let (from, slope) = (stage.from, stage.slope());
    // The root of slope / 2 * t^2 + from * t = sum, in the form that also holds for a slope of 0.
    let root = (from * from + 2.0 * slope * sum).max(0.0).sqrt();
    let seconds = if sum == 0.0 {
        0.0
    } else {
        2.0 * sum / (from + root)
    };
    Duration::try_from_secs_f64(seconds).unwrap_or(stage.time)
}

#[cfg(test)]
mod tests {
    use super::super::Load;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn millis(load: &Load) -> Vec<u128> {
        let arrivals = load.arrivals();
        arrivals
            .map(|at| (at.as_nanos() + 500_000) / 1_000_000)
            .collect()
    }

    #[test]
    fn a_constant_rate_has_equal_distances() {
        let load = Load::rate(4.0).lasting(SECOND);
        assert_eq!(millis(&load), [0, 250, 500, 750]);
        let slow = Load::rate(0.5).lasting(4 * SECOND);
        assert_eq!(millis(&slow), [0, 2000]);
        assert_eq!(Load::rate(0.0).lasting(SECOND).arrivals().count(), 0);
        assert_eq!(Load::rate(f64::NAN).lasting(SECOND).arrivals().count(), 0);
    }

    #[test]
    fn the_number_of_arrivals_is_the_rate_times_the_time() {
        for (rate, seconds) in [(3.0, 7), (0.1, 30), (1000.0, 3), (33.3, 10), (7777.7, 10)] {
            let time = Duration::from_secs(seconds);
            let load = Load::rate(rate).lasting(time);
            let expected = (rate * time.as_secs_f64() - NEGLIGIBLE).ceil();
            assert_eq!(load.arrivals().count() as f64, expected, "{rate}");
            assert!(load.arrivals().all(|at| at < time), "{rate}");
        }
    }

    #[test]
    fn a_ramp_has_half_the_arrivals_and_each_comes_when_the_sum_reaches_it() {
        let load = Load::rate(100.0).ramp(2 * SECOND);
        let arrivals: Vec<_> = load.arrivals().collect();
        assert_eq!(arrivals.len(), 100);
        // 50 * t^2 / 2 = n
        for (number, at) in arrivals.iter().enumerate() {
            let expected = (number as f64 / 25.0).sqrt();
            assert!(
                (at.as_secs_f64() - expected).abs() < 1e-6,
                "{number}: {at:?}"
            );
        }
        // Down again: the same distances in reverse order.
        let down = Load::rate(100.0).change(0.0, 2 * SECOND);
        let first = down.arrivals().nth(1).unwrap();
        assert!(first.as_secs_f64() < 0.011, "{first:?}");
    }

    #[test]
    fn stages_follow_each_other_without_a_gap() {
        let load = Load::rate(10.0)
            .ramp(SECOND)
            .lasting(SECOND)
            .change(30.0, SECOND);
        let arrivals: Vec<_> = load.arrivals().collect();
        assert_eq!(arrivals.len(), 5 + 10 + 20);
        assert!(arrivals.is_sorted());
        assert_eq!(load.duration(), 3 * SECOND);
        let empty = Load::rate(10.0).lasting(Duration::ZERO).lasting(SECOND);
        assert_eq!(empty.arrivals().count(), 10);
    }
}
