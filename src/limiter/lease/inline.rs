//! The compact lease of a bucket in memory with one limit or two. Most leases in memory are of this
//! form.

use std::sync::Arc;

use crate::{
    limiter::{
        bucket::{
            Bucket, Charged, Grant, Grants, LimitsRef, MemoryBucket, MemoryCharge, MemoryPlace,
            ResolvedBucket,
        },
        terms::{Deadline, LeftOfOne, LimitShare, Marked, Settlement, status_now},
    },
    model::{KeyParts, LimitStatus, Limits, Owner},
    store::Entry,
    telemetry,
};

/// A grant of a bucket in memory with one limit or two. If the grant is dropped before it is
/// settled, it is given back.
///
/// The lease consists of a few words that the compiler can keep in registers, so that a lease that
/// is committed at once is never built in memory: a copy of data that was just written field by
/// field costs more than the decision. So only slow paths may take the address of a lease.
#[derive(Debug)]
pub(crate) struct InlineLease {
    /// `None` if the lease is over.
    bucket: Option<InlineBucket>,
    /// `None` if the limits are those of the bucket.
    limits: Option<Limits>,
    first: LimitShare,
    /// The share of the second limit. Used only if there are two limits.
    second: LimitShare,
    /// The flag is `true` if there are two limits.
    deadline: Marked,
}

/// A bucket in memory, found or pinned.
#[derive(Clone, Debug)]
pub(crate) enum InlineBucket {
    /// A bucket with the limits with which it was made.
    Entry(Arc<Entry>),
    /// A bucket with the limits that a handle has pinned.
    Pinned(Arc<ResolvedBucket>),
}

impl InlineLease {
    #[inline]
    pub(crate) fn one(bucket: InlineBucket, share: LimitShare, deadline: Deadline) -> Self {
        Self {
            bucket: Some(bucket),
            limits: None,
            first: share,
            second: LimitShare::asked(0),
            deadline: Marked::new(deadline, false),
        }
    }

    /// Creates a grant of one limit or two. `limits` is `None` if they are the bucket's own.
    pub(crate) fn of(
        bucket: InlineBucket,
        limits: Option<Limits>,
        shares: &[LimitShare],
        deadline: Deadline,
    ) -> Option<Self> {
        let (first, second, are_two) = match *shares {
            [first] => (first, LimitShare::asked(0), false),
            [first, second] => (first, second, true),
            _ => return None,
        };
        Some(Self {
            bucket: Some(bucket),
            limits,
            first,
            second,
            deadline: Marked::new(deadline, are_two),
        })
    }

    /// Returns the bucket, or `None` if the lease is over.
    pub(crate) fn bucket(&self) -> Option<Bucket> {
        let bucket = self.bucket.clone()?.into_bucket(self.limits.clone());
        Some(Bucket::Memory(bucket))
    }

    pub(crate) fn key(&self) -> KeyParts<'_> {
        match &self.bucket {
            Some(InlineBucket::Entry(entry)) => entry.key(),
            Some(InlineBucket::Pinned(pinned)) => pinned.entry.key(),
            None => KeyParts::unknown(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        match (&self.limits, &self.bucket) {
            (Some(limits), _) => limits,
            (None, Some(InlineBucket::Entry(entry))) => entry.limits(),
            (None, Some(InlineBucket::Pinned(pinned))) => &pinned.limits,
            (None, None) => Limits::unknown(),
        }
    }

    /// Returns the shares, in the order of the limits.
    pub(crate) fn shares(&self) -> impl Iterator<Item = &LimitShare> {
        std::iter::once(&self.first).chain(self.deadline.is_marked().then_some(&self.second))
    }

    pub(crate) fn shares_mut(&mut self) -> impl Iterator<Item = &mut LimitShare> {
        std::iter::once(&mut self.first)
            .chain(self.deadline.is_marked().then_some(&mut self.second))
    }

    /// Returns the share of the limit `name`.
    pub(crate) fn share(&self, name: &str) -> Option<&LimitShare> {
        self.shares().nth(self.limits().index(name)?)
    }

    pub(crate) fn share_mut(&mut self, name: &str) -> Option<&mut LimitShare> {
        let index = self.limits().index(name)?;
        self.shares_mut().nth(index)
    }

    /// Returns the time in epoch ms, or 0 if the lease is over.
    pub(crate) fn now(&self) -> i64 {
        match &self.bucket {
            Some(InlineBucket::Entry(entry)) => entry.home().now(),
            Some(InlineBucket::Pinned(pinned)) => pinned.home.now(),
            None => 0,
        }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline.deadline()
    }

    /// Returns the statuses of the limits after the grant, less the use beyond it.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = LimitStatus> {
        let status = |(limit, share)| LimitStatus {
            owner: Owner::Entity,
            // It has no quotas and no schedules, so the time does not matter.
            ..status_now(limit, share, 0)
        };
        self.limits().iter().zip(self.shares()).map(status)
    }

    /// See [`Lease::left_of_one`](crate::limiter::Lease::left_of_one).
    pub(crate) fn left_of_one(&self, limits: &Limits) -> Option<LeftOfOne> {
        let limit = limits.first()?;
        let is_it = !self.deadline.is_marked() && self.limits().is(limits);
        is_it.then(|| LeftOfOne::new(limit, &self.first))
    }

    /// Takes the grant out, for the boxed form of a lease.
    pub(crate) fn take(&mut self) -> Option<Grants> {
        let bucket = self.bucket.take()?.into_bucket(self.limits.take());
        let charged = Charged::Memory(MemoryCharge {
            shares: self.shares().copied().collect(),
            starts_at: 0,
            bypassed: false,
        });
        let bucket = Bucket::Memory(bucket);
        Some(Grants::one(Grant::new(
            bucket,
            charged,
            Owner::Entity,
            false,
        )))
    }

    /// Settles the real use, and ends the lease. If the use equals the charge, nothing is written.
    #[inline(always)]
    pub(crate) fn settle(mut self) -> Settlement {
        if let Some(bucket) = self.bucket.take() {
            let [first, second] = [self.first, self.second];
            if first.used != first.charged || second.used != second.charged {
                let differences =
                    [first, second].map(|share| share.used.saturating_sub(share.charged));
                bucket.settle(self.limits.take(), differences, self.deadline.is_marked());
            }
        }
        Settlement::done()
    }
}

impl InlineBucket {
    pub(crate) fn into_bucket(self, limits: Option<Limits>) -> MemoryBucket {
        let limits = limits.map_or(LimitsRef::Known, LimitsRef::These);
        match (self, &limits) {
            (Self::Entry(entry), _) => MemoryBucket::Placed {
                place: MemoryPlace::Entry(entry),
                limits,
            },
            (Self::Pinned(pinned), LimitsRef::Known) => MemoryBucket::Pinned(pinned),
            (Self::Pinned(pinned), LimitsRef::These(_)) => MemoryBucket::Placed {
                place: pinned.place(),
                limits,
            },
        }
    }

    /// Reports the soft limits that a grant has left in debt. `limits` is `None` if they are those of
    /// the bucket.
    #[cold]
    pub(crate) fn report_overdraft(
        &self,
        limits: Option<&Limits>,
        left: impl Iterator<Item = i64>,
    ) {
        let (key, own) = match self {
            Self::Entry(entry) => (entry.key(), entry.limits()),
            Self::Pinned(pinned) => (pinned.entry.key(), &pinned.limits),
        };
        telemetry::soft_overdrawn(key.resource, limits.unwrap_or(own), left);
    }

    /// Settles at once, because the bucket is in memory.
    #[cold]
    fn settle(self, limits: Option<Limits>, differences: [i64; 2], are_two: bool) {
        let differences = if are_two {
            &differences[..]
        } else {
            &differences[..1]
        };
        if differences.iter().all(|difference| *difference == 0) {
            return;
        }
        let bucket = self.into_bucket(limits);
        telemetry::settled(
            bucket.key().resource,
            bucket.limits(),
            differences.iter().copied(),
        );
        // An inline lease has no quotas and no schedules.
        bucket.settle(differences, &[0, 0]);
    }
}

impl Drop for InlineLease {
    #[inline]
    fn drop(&mut self) {
        if let Some(bucket) = self.bucket.take() {
            let back = [self.first, self.second].map(|share| share.charged.saturating_neg());
            bucket.settle(self.limits.take(), back, self.deadline.is_marked());
        }
    }
}
