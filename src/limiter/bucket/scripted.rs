//! Decisions by a script instead of buckets, for tests.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    memory::Memory,
    memory_bucket::{GrantedTokens, MemoryBucket},
};
use crate::{
    error::{Disabled, Error, ExceedsCapacity, Unavailable},
    limiter::terms::{Amounts, BucketDecision, BucketRefusal, ChargeContext, LimitShare},
    model::{
        BucketKey, EntityId, KeyParts, LimitName, LimitStatus, Limits, MILLI, Owner, Resource,
    },
};

/// Decides instead of buckets, and observes what happens to leases: for tests of services that use
/// a limiter. It is passed to
/// [`RateLimiterBuilder::build_scripted`](crate::limiter::RateLimiterBuilder::build_scripted). The
/// crate `tollgate-testkit` has one with a recorder.
///
/// Both methods are called on the paths that acquire and end leases: they must not block, and must
/// not use the limiter.
pub trait Script: fmt::Debug + Send + Sync + 'static {
    /// Decides a request for tokens of one bucket. A parent's bucket is asked separately.
    fn decide(&self, request: &ScriptRequest<'_>) -> ScriptDecision;

    /// Called for every event.
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
    amounts: &'a [i64],
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
    /// Grants, whatever the bucket holds.
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
        lease: u64,
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
        lease: u64,
        /// The differences in tokens, for every limit. Negative if tokens were given back.
        differences: &'a [(LimitName, i64)],
    },
    /// The lease has ended. If it was not settled before, exactly the granted tokens were used.
    Ended {
        /// The number of the grant.
        lease: u64,
    },
}

/// A script, and the buckets in memory behind it.
#[derive(Debug)]
pub(crate) struct Scripted {
    script: Box<dyn Script>,
    pub(crate) memory: Arc<Memory>,
    leases: AtomicU64,
}

impl Scripted {
    pub(crate) fn new(script: impl Script, memory: Memory) -> Self {
        Self {
            script: Box::new(script),
            memory: Arc::new(memory),
            leases: AtomicU64::new(1),
        }
    }

    pub(crate) fn bucket(self: &Arc<Self>, key: BucketKey, limits: Limits) -> ScriptedBucket {
        let bucket = MemoryBucket::new(self.memory.place(key), limits);
        ScriptedBucket {
            scripted: self.clone(),
            bucket,
            lease: None,
        }
    }
}

/// A bucket behind a script.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedBucket {
    scripted: Arc<Scripted>,
    pub(crate) bucket: MemoryBucket,
    lease: Option<Arc<Running>>,
}

/// A lease that has not ended.
#[derive(Debug)]
struct Running {
    scripted: Arc<Scripted>,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.scripted
            .script
            .record(ScriptEvent::Ended { lease: self.number });
    }
}

impl ScriptedBucket {
    pub(crate) fn acquire(
        &mut self,
        mode: &ChargeContext,
        amounts: &Amounts,
    ) -> BucketDecision<GrantedTokens> {
        let decision = self.scripted.script.decide(&request(&self.bucket, amounts));
        let decision = self.decision(decision, mode, amounts);
        let request = request(&self.bucket, amounts);
        match &decision {
            BucketDecision::Granted(_) => {
                let number = self.scripted.leases.fetch_add(1, Ordering::Relaxed);
                self.scripted.script.record(ScriptEvent::Granted {
                    lease: number,
                    request,
                });
                self.lease = Some(Arc::new(Running {
                    scripted: self.scripted.clone(),
                    number,
                }));
            }
            _ => self
                .scripted
                .script
                .record(ScriptEvent::Refused { request }),
        }
        decision
    }

    fn decision(
        &mut self,
        decision: ScriptDecision,
        mode: &ChargeContext,
        amounts: &Amounts,
    ) -> BucketDecision<GrantedTokens> {
        let refused =
            |error: Error| BucketDecision::Refused(BucketRefusal::Scripted(Box::new(error)));
        match decision {
            ScriptDecision::Bucket => self.bucket.acquire(mode, amounts),
            ScriptDecision::Grant => self.grant(amounts, 0),
            ScriptDecision::Deny { limit, retry_after } => {
                let wait = i64::try_from(retry_after.as_millis()).unwrap_or(i64::MAX);
                if mode
                    .patience
                    .as_ref()
                    .is_some_and(|patience| wait <= patience.most)
                {
                    self.grant(amounts, self.bucket.home().now().saturating_add(wait))
                } else {
                    BucketDecision::Denied(self.denied(limit, retry_after, amounts))
                }
            }
            ScriptDecision::ExceedsCapacity { limit } => {
                refused(self.exceeded(limit, amounts).into())
            }
            ScriptDecision::Disable => {
                let KeyParts {
                    entity, resource, ..
                } = self.bucket.key();
                refused(Disabled::new(entity.clone(), resource.clone()).into())
            }
            ScriptDecision::Fail(error) => BucketDecision::Unavailable(error),
        }
    }

    /// Charges the bucket, even if it goes into debt.
    fn grant(&mut self, amounts: &Amounts, starts_at: i64) -> BucketDecision<GrantedTokens> {
        if let Err(error) = self.bucket.claim() {
            return BucketDecision::Unavailable(error);
        }
        self.bucket.settle(amounts);
        let left = self
            .bucket
            .statuses(&[])
            .into_iter()
            .map(|status| status.available.saturating_mul(MILLI));
        let shares = amounts.iter().zip(left).map(|(amount, left)| LimitShare {
            left,
            ..LimitShare::asked(*amount)
        });
        BucketDecision::Granted((shares.collect(), starts_at))
    }

    fn denied(
        &self,
        limit: Option<LimitName>,
        retry_after: Duration,
        amounts: &Amounts,
    ) -> Vec<LimitStatus> {
        let short = self.index(limit, amounts);
        let mut statuses = self.bucket.statuses(amounts);
        for (index, status) in statuses.iter_mut().enumerate() {
            if index == short {
                let most = i64::try_from(status.requested)
                    .unwrap_or(i64::MAX)
                    .saturating_sub(1)
                    .max(0);
                status.available = status.available.min(most);
                status.retry_after = Some(retry_after);
                status.reset_after = status.reset_after.max(retry_after);
            } else {
                status.retry_after = Some(Duration::ZERO);
            }
        }
        statuses
    }

    fn exceeded(&self, limit: Option<LimitName>, amounts: &Amounts) -> ExceedsCapacity {
        let KeyParts {
            entity, resource, ..
        } = self.bucket.key();
        let limit = &self.bucket.limits()[self.index(limit, amounts)];
        ExceedsCapacity {
            entity: entity.clone(),
            resource: resource.clone(),
            owner: Owner::Entity,
            limit: limit.name().clone(),
            requested: limit.capacity().saturating_add(1),
            capacity: limit.capacity(),
        }
    }

    /// Returns the index of the named limit, else of the first one with an amount above zero.
    fn index(&self, limit: Option<LimitName>, amounts: &Amounts) -> usize {
        let named = limit.and_then(|name| self.bucket.limits().index(name.as_str()));
        named
            .or_else(|| amounts.iter().position(|amount| *amount > 0))
            .unwrap_or(0)
    }

    pub(crate) fn settle(&self, differences: &[i64]) {
        self.bucket.settle(differences);
        if let Some(lease) = &self.lease {
            let differences: Vec<_> = named(self.bucket.limits(), differences)
                .map(|(name, tokens)| (name.clone(), tokens))
                .collect();
            let event = ScriptEvent::Settled {
                lease: lease.number,
                differences: &differences,
            };
            self.scripted.script.record(event);
        }
    }
}

fn request<'a>(bucket: &'a MemoryBucket, amounts: &'a Amounts) -> ScriptRequest<'a> {
    let KeyParts {
        entity, resource, ..
    } = bucket.key();
    ScriptRequest {
        entity,
        resource,
        limits: bucket.limits(),
        amounts,
    }
}

/// Returns the whole tokens of each limit.
fn named<'a>(limits: &'a Limits, amounts: &'a [i64]) -> impl Iterator<Item = (&'a LimitName, i64)> {
    limits
        .iter()
        .zip(amounts)
        .map(|(limit, amount)| (limit.name(), amount / MILLI))
}
