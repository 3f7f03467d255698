//! The other writers of a bucket, as far as images of the bucket show them.
//!
//! Every image carries the total consumption of each limit. If the total is more than this process
//! has consumed, others have consumed the rest. The difference shows if there are other writers,
//! and how fast they spend. The id of the last write shows which process sent that write.

use smallvec::SmallVec;

use crate::model::{
    BucketState, WriteId,
    plan::{self, LedgerDelta, Peers},
};

/// The time for which other writers count as present after they spent, ms.
const SPENT_RECENTLY: i64 = 60_000;

/// The time for which Python clients count as present after one was seen, ms.
const PEER_RECENTLY: i64 = 600_000;

/// The shortest time over which a rate is measured, and about how long a rate is remembered, ms.
const LEAST_SAMPLE: i64 = 20;
const REMEMBERED: f64 = 500.0;

/// The length of the window in which writers are counted, ms. A writer counts for one to two
/// windows after its last write was seen.
const WRITERS_FOR: i64 = 2000;

/// The smallest and the largest [`slack`](plan::Others::slack), ms; in between, it is three round
/// trips. With less than 100 ms, writes of 64 processes fail often, even at a distance of 1 ms.
const SLACK: (i64, i64) = (100, 250);

/// The other writers of a bucket, as far as they are known. Times in epoch ms, amounts in
/// millitokens.
#[derive(Debug, Default)]
pub(super) struct OtherWriters {
    /// The consumption of each limit in the last image that a write of this gate returned.
    pub(super) consumed: SmallVec<[i64; 2]>,
    /// The time at which others were last seen to have spent.
    spent_at: i64,
    /// The time at which a Python client was last seen to have written.
    pub(super) peer_at: i64,
    /// The number of own writes in flight that return no image.
    unseen: u32,
    rates: Rates,
    writers: Writers,
}

/// The rates at which others spend.
#[derive(Debug, Default)]
struct Rates {
    since: i64,
    /// The amount of each limit that others have spent since `since`.
    spent: SmallVec<[i64; 2]>,
    /// The rate of each limit per millisecond.
    per_ms: SmallVec<[f64; 2]>,
}

/// Counts the processes that write. Each process sets one of 64 bits, and two processes may set the
/// same one.
#[derive(Debug, Default)]
struct Writers {
    since: i64,
    now: u64,
    before: u64,
}

impl OtherWriters {
    /// Notes the image that a write of this process has returned. `own` are the changes of that
    /// write, which reached the store at about `at`.
    pub(super) fn saw(
        &mut self,
        bucket: &BucketState,
        own: &LedgerDelta,
        own_id: &WriteId,
        at: i64,
    ) {
        if bucket.shows_peer() {
            self.peer_at = at;
        }
        if let Some(id) = bucket
            .last_write
            .as_ref()
            .filter(|id| id.writer() != own_id.writer())
        {
            self.writers.saw(id, at);
        }
        if self.unseen > 0 {
            self.forget();
        }
        let before = std::mem::take(&mut self.consumed);
        self.consumed = bucket.limits.iter().map(|limit| limit.consumed).collect();
        if before.len() != self.consumed.len() {
            self.rates = Rates {
                since: at,
                ..Rates::default()
            };
            return;
        }
        let spent: SmallVec<[i64; 2]> = bucket
            .limits
            .iter()
            .zip(&before)
            .map(|(limit, before)| {
                limit
                    .consumed
                    .saturating_sub(*before)
                    .saturating_sub(consumed(own, &limit.name))
            })
            .collect();
        if spent.iter().any(|spent| *spent != 0) {
            self.spent_at = at;
        }
        self.rates.add(&spent, at);
    }

    /// Notes the start of a write of this process that returns no image. Until the write ends, it
    /// is not known which images include its consumption.
    pub(super) fn begin_unseen(&mut self) {
        self.unseen += 1;
    }

    pub(super) fn end_unseen(&mut self) {
        self.unseen = self.unseen.saturating_sub(1);
        self.forget();
    }

    /// Forgets the consumption in the last image, because it is not known what this process has
    /// consumed since.
    pub(super) fn forget(&mut self) {
        self.consumed.clear();
    }

    /// Returns `true` if others have spent recently.
    pub(super) fn are_there(&self, now: i64) -> bool {
        now.saturating_sub(self.spent_at) < SPENT_RECENTLY
    }

    /// Returns the other writers that a write must expect if it is planned at `now` from an image
    /// of `seen_at`.
    pub(super) fn expected(
        &self,
        seen_at: i64,
        now: i64,
        round_trip: i64,
        peers: Peers,
    ) -> plan::Others {
        let peer_seen = now.saturating_sub(self.peer_at) < PEER_RECENTLY;
        let slack = if self.are_there(now) {
            round_trip.saturating_mul(3).clamp(SLACK.0, SLACK.1)
        } else {
            0
        };
        // The store read the item half a round trip before the image arrived. The rates are
        // remembered for a short time, and say nothing about an image that is older than that.
        let age = now
            .saturating_sub(seen_at)
            .saturating_add(round_trip / 2)
            .clamp(0, REMEMBERED as i64);
        let taken = self
            .rates
            .per_ms
            .iter()
            .map(|rate| (rate * age as f64) as i64);
        let peers = if peer_seen { Peers::Present } else { peers };
        plan::Others {
            peers,
            slack,
            taken: taken.collect(),
        }
    }

    /// Returns how many processes write to the bucket, this one included.
    pub(super) fn processes(&self) -> f64 {
        1.0 + self.writers.count()
    }
}

/// Returns the amount of a limit that `changes` consume.
fn consumed(changes: &LedgerDelta, limit: &crate::LimitName) -> i64 {
    changes.get(limit).map_or(0, |change| {
        change
            .debit()
            .saturating_sub(change.give)
            .saturating_add(change.count)
    })
}

impl Rates {
    fn add(&mut self, spent: &[i64], at: i64) {
        self.spent.resize(spent.len(), 0);
        self.per_ms.resize(spent.len(), 0.0);
        for (sum, spent) in self.spent.iter_mut().zip(spent) {
            *sum = sum.saturating_add(*spent);
        }
        let passed = at.saturating_sub(self.since);
        if passed < LEAST_SAMPLE {
            return;
        }
        let weight = (passed as f64 / REMEMBERED).clamp(0.2, 1.0);
        for (rate, spent) in self.per_ms.iter_mut().zip(&mut self.spent) {
            *rate += weight * (*spent as f64 / passed as f64 - *rate).max(-*rate);
            *spent = 0;
        }
        self.since = at;
    }
}

impl Writers {
    fn saw(&mut self, id: &WriteId, at: i64) {
        if at.saturating_sub(self.since) >= WRITERS_FOR {
            let recent = at.saturating_sub(self.since) < 2 * WRITERS_FOR;
            self.before = if recent { self.now } else { 0 };
            (self.now, self.since) = (0, at);
        }
        self.now |= 1 << (id.writer() % u64::from(u64::BITS));
    }

    /// Estimates the number of processes from the number of bits that they have set (linear
    /// counting).
    fn count(&self) -> f64 {
        let free = (self.now | self.before).count_zeros().max(1);
        f64::from(u64::BITS) * (f64::from(u64::BITS) / f64::from(free)).ln()
    }
}
