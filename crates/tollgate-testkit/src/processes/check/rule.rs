//! The rule: over any interval, at most the capacity plus the refill of the widened interval.

use std::time::Duration;

use super::perfect_bucket::{Parameters, PerfectBucket, Step};

/// The result of checking the rule over every interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The most millitokens beyond the rule, over all intervals.
    pub over_admitted: i64,
    /// The widening that was allowed.
    pub allowed: Duration,
    /// The least widening for which the rule would hold.
    pub needed: Duration,
}

impl Rule {
    /// Checks the changes of a bucket, given in any order.
    pub(crate) fn check(
        parameters: Parameters,
        allowed: Duration,
        steps: impl IntoIterator<Item = (i64, Step)>,
    ) -> Self {
        let mut steps: Vec<_> = steps.into_iter().collect();
        steps.sort_by_key(|(at, _)| *at);
        let run = |widening: i64| {
            let mut bucket = PerfectBucket::new(parameters, widening);
            steps.iter().for_each(|(at, step)| bucket.step(*at, *step));
            bucket
        };
        let micros = i64::try_from(allowed.as_micros()).unwrap_or(i64::MAX);
        let needed = u64::try_from(run(0).lacking_time()).unwrap_or(0);
        Self {
            over_admitted: run(micros).lacking(),
            allowed,
            needed: Duration::from_micros(needed),
        }
    }
}
