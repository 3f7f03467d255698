//! Assertions for tests.

use std::ops::RangeInclusive;

use super::Report;

/// Assertions. A failed one panics with the whole report.
impl Report {
    /// Asserts that no bucket has granted more than the rule allows. The rule is checked by the
    /// times of the writes and by the times of the grants. Also asserts that no bucket has held
    /// more than a perfect one.
    #[track_caller]
    pub fn assert_nothing_minted(&self) {
        for bucket in &self.buckets {
            let name = format!("{} of {}", bucket.limit, bucket.bucket);
            self.expect(
                bucket.commits.over_admitted == 0,
                &format!("{name}: writes keep the rule"),
            );
            self.expect(
                bucket.grants.over_admitted == 0,
                &format!("{name}: grants keep the rule"),
            );
            if let Some(levels) = bucket.conservation {
                self.expect(
                    levels.above_perfect <= 0,
                    &format!("{name}: never above a perfect bucket"),
                );
                self.expect(
                    levels.lost >= 0,
                    &format!("{name}: no more tokens than were refilled"),
                );
            }
        }
    }

    /// Asserts that the tokens and the consumption counter of each bucket agree to the millitoken.
    /// Buckets that were full again are not checked.
    #[track_caller]
    pub fn assert_no_refill_lost(&self) {
        for bucket in &self.buckets {
            if let Some(levels) = bucket.conservation.filter(|levels| !levels.was_full) {
                let name = format!("{} of {}", bucket.limit, bucket.bucket);
                self.expect(levels.lost == 0, &format!("{name}: all refill is there"));
            }
        }
    }

    /// Asserts that the consumption counters agree with the logs. The counters and the logs must be
    /// equal if every request got an answer and a decision.
    #[track_caller]
    pub fn assert_ledger(&self) {
        for bucket in &self.buckets {
            let name = format!("{} of {}", bucket.limit, bucket.bucket);
            self.expect(
                bucket.unexplained == 0,
                &format!("{name}: writes explain the counter"),
            );
            for ledger in &bucket.ledgers {
                self.expect(
                    ledger.agrees(),
                    &format!("{name}: store and log agree: {ledger:?}"),
                );
            }
        }
    }

    /// Asserts that no denial showed enough tokens for its request, and that no request was
    /// contended.
    ///
    /// A write to a bucket above its limit counts the refill up to the time at which it was
    /// planned. The refill during its transit is not counted, so a request can be refused while the
    /// bucket has enough tokens; another request takes them.
    #[track_caller]
    pub fn assert_no_false_denials(&self) {
        let telling_room = self
            .workers
            .iter()
            .map(|worker| worker.denied_telling_room)
            .sum::<u64>();
        self.expect(telling_room == 0, "no denial tells that there is room");
        self.expect(self.failed("contended") == 0, "nothing is contended");
    }

    /// Asserts that each worker was granted at least this part of its requests.
    #[track_caller]
    pub fn assert_each_served(&self, part: f64) {
        self.expect(
            self.serves_each(part),
            &format!("each worker is granted {part} of its requests"),
        );
    }

    /// Returns `true` if each worker was granted at least this part of its requests.
    pub fn serves_each(&self, part: f64) -> bool {
        let is_served = |asked: u64, granted: u64| granted as f64 >= asked as f64 * part;
        self.granted() > 0
            && self
                .workers
                .iter()
                .all(|worker| is_served(worker.asked - worker.unanswered, worker.granted))
    }

    /// Asserts that at least this part of the maximum of each bucket was granted.
    #[track_caller]
    pub fn assert_used(&self, part: f64) {
        self.expect(
            self.uses(part),
            &format!("{part} of what there was is used"),
        );
    }

    /// Returns `true` if at least this part of the maximum of each bucket was granted.
    pub fn uses(&self, part: f64) -> bool {
        self.buckets.iter().all(|bucket| bucket.used() >= part)
    }

    /// Asserts that the grants of each process are within these multiples of their mean.
    #[track_caller]
    pub fn assert_shares(&self, shares: RangeInclusive<f64>) {
        self.expect(
            self.shares_lie_in(&shares),
            &format!("shares lie within {shares:?} of the mean"),
        );
    }

    /// Returns `true` if the grants of each process are within these multiples of their mean.
    pub fn shares_lie_in(&self, shares: &RangeInclusive<f64>) -> bool {
        let granted = self.granted_of_processes();
        let mean = self.granted() as f64 / granted.len().max(1) as f64;
        granted
            .iter()
            .all(|granted| shares.contains(&(*granted as f64 / mean.max(1.0))))
    }

    #[track_caller]
    fn expect(&self, holds: bool, expectation: &str) {
        assert!(holds, "expected: {expectation}\n{self}");
    }
}
