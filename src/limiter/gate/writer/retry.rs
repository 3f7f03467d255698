//! The bounds of repeated writes and reads of a bucket, each with its reason.
//!
//! | event | repeated | then |
//! |---|---|---|
//! | the store is busy, for this key or at all | after a pause that grows ([`pacing`](crate::limiter::gate::pacing)), up to [`MOST_REFUSALS`] times in a row | the requests get no decision |
//! | the condition failed, and the bucket has the tokens | at once, up to [`MOST_RACES`] times for one request | `Contended` |
//! | the condition failed, and the bucket is short | not at all for these requests | they are denied |
//! | the answer was lost | once, with a guard; a write that gives tokens back is not repeated, a read shows if it was done | no decision |
//! | a settlement was not written | after a pause that doubles, up to [`MOST_FAILURES`] times | it is dropped with a warning |
//! | a write that takes tokens for settled leases was refused | at once; with one condition after [`MOST_REFUSED_TAKES`] times, with none after [`MOST_REFUSED_OVERDUE`] | it is written |
//! | a transaction conflicts | after a random pause, up to [`MOST_TRANSACTION_TRIES`] times | `Contended` |

use std::time::Duration;

use crate::pause;

/// The number of busy answers in a row after which the requests that wait get no decision.
pub(crate) const MOST_REFUSALS: u32 = 50;

/// The number of failures in a row after which pending differences are dropped.
pub(crate) const MOST_FAILURES: u32 = 10;

/// The smallest step of the pauses between these tries. It is used if differences are to be written
/// at once.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// The number of lost races in a row after which a request gets no decision.
pub(crate) const MOST_RACES: u32 = 50;

/// The number of tries of a transaction that conflicts with other writes.
pub(crate) const MOST_TRANSACTION_TRIES: u32 = 12;

/// The numbers of refusals in a row after which a write that takes tokens for settled leases is
/// sent with fewer conditions: after the first number, the only condition is that no tokens were
/// added since the image; after the second number, there is none. Otherwise the writes of others
/// could prevent a debt from ever being written.
pub(crate) const MOST_REFUSED_TAKES: u32 = 3;
pub(crate) const MOST_REFUSED_OVERDUE: u32 = 10;

/// The number of tries of a write that divides quotas among shards. If all fail, the tokens stay
/// in their shard, and no request fails.
pub(crate) const MOST_SHARE_TRIES: u32 = 3;

/// Returns the time until pending differences are written again after `failures` failures in a row.
/// `flush_after` is the time until they are written for the first time. Without a pause, the write
/// loop would spin while the store is down.
pub(crate) fn pause_of_settlement(flush_after: Duration, failures: u32) -> Duration {
    let step = flush_after.max(LEAST_PAUSE);
    step.saturating_mul(2u32.saturating_pow(failures.min(6)))
}

/// Waits after a try of a transaction that conflicts with other writes, but not after the first
/// one, whose number is zero. The pause is random, so that transactions that want the same items do
/// not all retry at the same time.
pub(crate) async fn pause_of_transaction(attempt: u32) {
    if attempt > 0 {
        pause::random(0..=4 << attempt.min(4)).await;
    }
}
