//! A request as a gate sees it.

use tokio::time::Instant;

use crate::{
    limiter::terms::{Amounts, ChargeContext, Deadline, left_until},
    model::{Limit, Limits},
};

/// The most that a bucket may owe of a soft limit: no bound in practice, and far from an overflow.
pub(super) const SOFT_DEBT: i64 = i64::MAX / 4;

/// A request to a bucket with several shards, or to two buckets in one transaction.
#[derive(Clone, Debug)]
pub(crate) struct ShardedRequest {
    pub(crate) limits: Limits,
    pub(crate) context: ChargeContext,
    pub(crate) amounts: Amounts,
    /// The time until which the request waits.
    pub(crate) until: Instant,
}

impl ShardedRequest {
    /// Returns how much longer the request waits.
    pub(crate) fn left(&self) -> Deadline {
        left_until(self.until).into()
    }
}

/// The tokens that a request asks of a bucket: `amounts` in the order of `limits`, millitokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestedAmounts<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) amounts: &'a [i64],
    /// The most that the bucket may owe of each limit after the grant; all shards together, if it
    /// has several.
    pub(crate) debts: Option<&'a [i64]>,
    /// `true` if the stored configs bypass the limits.
    pub(crate) bypassed: bool,
}

impl<'a> RequestedAmounts<'a> {
    pub(crate) fn new(limits: &'a Limits, context: &'a ChargeContext, amounts: &'a [i64]) -> Self {
        Self {
            limits,
            amounts,
            debts: context
                .patience
                .as_deref()
                .map(|patience| &patience.debts[..]),
            bypassed: context.flags.bypassed,
        }
    }

    /// Returns the most that each of `shards` shards may owe of the limit at `index`.
    pub(super) fn debt(&self, index: usize, shards: u32) -> i64 {
        if self.limits.get(index).is_some_and(Limit::is_soft) {
            return SOFT_DEBT;
        }
        self.debts
            .and_then(|debts| debts.get(index))
            .map_or(0, |debt| debt / i64::from(shards.max(1)))
    }
}
