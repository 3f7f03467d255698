//! Decisions by a script: the questions and the answers.

use std::{fmt, time::Duration};

use crate::{
    error::Unavailable,
    model::{EntityId, LimitName, Limits, MILLI, Resource},
};

/// Decides instead of buckets, and observes what happens to leases: for tests of services that use
/// a limiter. A script is passed to
/// [`RateLimiterBuilder::build_scripted`](crate::limiter::RateLimiterBuilder::build_scripted). The
/// crate `tollgate-testkit` has one with a recorder.
///
/// Both methods are called on the paths that acquire and end leases: they must not block, and must
/// not use the limiter.
pub trait Script: fmt::Debug + Send + Sync + 'static {
    /// Decides a request for tokens of one bucket. A parent's bucket is asked separately.
    fn decide(&self, request: &ScriptRequest<'_>) -> ScriptDecision;

    /// Records an event of a lease.
    fn record(&self, event: ScriptEvent<'_>);
}

/// A request for tokens of one bucket.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ScriptRequest<'a> {
    /// The entity of the bucket.
    pub entity: &'a EntityId,
    /// The resource of the bucket.
    pub resource: &'a Resource,
    /// The bucket's limits.
    pub limits: &'a Limits,
    pub(super) amounts: &'a [i64],
}

impl ScriptRequest<'_> {
    /// Returns the cost: tokens of every limit.
    pub fn cost(&self) -> impl Iterator<Item = (&LimitName, u64)> {
        named(self.limits, self.amounts)
            .map(|(name, tokens)| (name, u64::try_from(tokens).unwrap_or(0)))
    }
}

/// The decision of a script.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ScriptDecision {
    /// The bucket in memory decides.
    Bucket,
    /// Grants, even if the bucket does not hold the tokens.
    Grant,
    /// Denies: the limit is short, and would grant the request after `retry_after`.
    Deny {
        /// The limit. `None` means the first limit with a cost above zero.
        limit: Option<LimitName>,
        /// The time after which the limit would grant the request.
        retry_after: Duration,
    },
    /// Refuses the cost as above the capacity of the limit.
    ExceedsCapacity {
        /// The limit. `None` means the first limit with a cost above zero.
        limit: Option<LimitName>,
    },
    /// Refuses, because the resource is disabled for the entity.
    Disable,
    /// Gives no decision, as if the store did not answer.
    Fail(Unavailable),
}

/// An event in the life of a lease.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ScriptEvent<'a> {
    /// A request was granted. A later request of a lease for more tokens is a grant of its own.
    Granted {
        /// The number of the grant, starting at 1.
        grant: u64,
        /// The request.
        request: ScriptRequest<'a>,
    },
    /// A request was not granted.
    Refused {
        /// The request.
        request: ScriptRequest<'a>,
    },
    /// The real use differs from the tokens that were granted.
    Settled {
        /// The number of the grant.
        grant: u64,
        /// The differences in tokens, for every limit. Negative if tokens were given back.
        differences: &'a [(LimitName, i64)],
    },
    /// The lease has ended. If the lease was not settled before, exactly the granted tokens were
    /// used.
    Ended {
        /// The number of the grant.
        grant: u64,
    },
}

/// Returns the whole tokens of each limit.
pub(super) fn named<'a>(
    limits: &'a Limits,
    amounts: &'a [i64],
) -> impl Iterator<Item = (&'a LimitName, i64)> {
    limits
        .iter()
        .zip(amounts)
        .map(|(limit, amount)| (limit.name(), amount / MILLI))
}
