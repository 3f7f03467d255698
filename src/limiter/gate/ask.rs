//! A request to a bucket with several shards, or to two buckets together.

use tokio::time::Instant;

use crate::{
    limiter::terms::{Amounts, ChargeContext, Deadline, left_until},
    model::Limits,
};

/// A request for tokens of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) limits: Limits,
    pub(crate) context: ChargeContext,
    pub(crate) amounts: Amounts,
    /// The time until which the request waits.
    pub(crate) until: Instant,
}

impl Ask {
    /// Returns how much longer the request waits.
    pub(crate) fn left(&self) -> Deadline {
        left_until(self.until).into()
    }
}
