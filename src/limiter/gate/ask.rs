//! A request to a bucket with several shards, or to two buckets together.

use tokio::time::Instant;

use crate::{
    limiter::terms::{Amounts, ChargeContext, Deadline, left_until},
    model::Limits,
};

/// A request for tokens of a bucket.
#[derive(Clone, Debug)]
pub(in crate::limiter) struct Ask {
    pub(in crate::limiter) limits: Limits,
    pub(in crate::limiter) mode: ChargeContext,
    pub(in crate::limiter) amounts: Amounts,
    /// The time until which the request waits.
    pub(in crate::limiter) until: Instant,
}

impl Ask {
    /// Returns how much longer the request waits.
    pub(in crate::limiter) fn left(&self) -> Deadline {
        left_until(self.until).into()
    }
}
