//! Buckets in memory behind a script that decides instead of them, for tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    memory::Memory,
    memory_bucket::{MemoryBucket, MemoryCharge},
    script::{Script, ScriptDecision, ScriptEvent, ScriptRequest, named},
};
use crate::{
    error::{Disabled, Error, ExceedsCapacity},
    limiter::terms::{Amounts, BucketDecision, BucketRefusal, ChargeContext, LimitShare},
    model::{BucketKey, DisabledLevel, KeyParts, LimitName, LimitStatus, Limits, MILLI, Owner},
};

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
            .record(ScriptEvent::Ended { grant: self.number });
    }
}

impl ScriptedBucket {
    pub(crate) fn acquire(
        &mut self,
        context: &ChargeContext,
        amounts: &Amounts,
    ) -> BucketDecision<MemoryCharge> {
        let decision = self.scripted.script.decide(&request(&self.bucket, amounts));
        let decision = self.decision(decision, context, amounts);
        let request = request(&self.bucket, amounts);
        match &decision {
            BucketDecision::Granted(_) => {
                let number = self.scripted.leases.fetch_add(1, Ordering::Relaxed);
                self.scripted.script.record(ScriptEvent::Granted {
                    grant: number,
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
        context: &ChargeContext,
        amounts: &Amounts,
    ) -> BucketDecision<MemoryCharge> {
        let refused =
            |error: Error| BucketDecision::Refused(BucketRefusal::Scripted(Box::new(error)));
        match decision {
            ScriptDecision::Bucket => self.bucket.acquire(context, amounts),
            ScriptDecision::Grant => self.grant(amounts, 0),
            ScriptDecision::Deny { limit, retry_after } => {
                let wait = i64::try_from(retry_after.as_millis()).unwrap_or(i64::MAX);
                if context
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
                refused(
                    Disabled::new(entity.clone(), resource.clone(), DisabledLevel::Bucket).into(),
                )
            }
            ScriptDecision::Fail(error) => BucketDecision::Unavailable(error),
        }
    }

    /// Charges the bucket, even if it goes into debt.
    fn grant(&mut self, amounts: &Amounts, starts_at: i64) -> BucketDecision<MemoryCharge> {
        if let Err(error) = self.bucket.claim() {
            return BucketDecision::Unavailable(error);
        }
        let none: Amounts = amounts.iter().map(|_| 0).collect();
        self.bucket.settle(amounts, &none);
        let periods = self.bucket.periods();
        let left = self
            .bucket
            .statuses(&[])
            .into_iter()
            .map(|status| status.available.saturating_mul(MILLI));
        let held = left.zip(periods);
        let shares = amounts
            .iter()
            .zip(held)
            .map(|(amount, (left, period))| LimitShare {
                left,
                period,
                ..LimitShare::asked(*amount)
            });
        BucketDecision::Granted(MemoryCharge {
            bypassed: false,
            shares: shares.collect(),
            starts_at,
        })
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

    pub(crate) fn settle(&self, differences: &[i64], periods: &[i64]) {
        self.bucket.settle(differences, periods);
        if let Some(lease) = &self.lease {
            let differences: Vec<_> = named(self.bucket.limits(), differences)
                .map(|(name, tokens)| (name.clone(), tokens))
                .collect();
            let event = ScriptEvent::Settled {
                grant: lease.number,
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
