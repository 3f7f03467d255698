//! The grants of a lease, until they are settled.

use crate::{
    limiter::{
        bucket::bucket::{Bucket, Charged},
        terms::{Amounts, LimitShare, Settlement, absorb, status, status_now},
    },
    model::{KeyParts, Level, Limit, LimitStatus, Limits, Owner},
    telemetry,
};

/// The grant of one bucket. If the grant is dropped before it is settled, it is given back.
#[derive(Debug)]
pub(crate) struct Grant {
    bucket: Bucket,
    charged: Charged,
    owner: Owner,
    /// `true` if the limits are the entity's own.
    own: bool,
    /// `true` if further charges of a child and its parent are made in one transaction.
    in_one_transaction: bool,
    /// `true` if nothing is given back to the memory. A grant of a gate knows that itself.
    settled: bool,
}

/// The grants of one resource: that of the entity's bucket, and those of its parents' buckets that
/// are charged too.
#[derive(Debug)]
pub(crate) struct Grants {
    pub(crate) own: Grant,
    pub(crate) parents: Vec<Grant>,
}

/// The grants of all resources of a request.
#[derive(Debug)]
pub(crate) struct GrantedResources {
    /// The grants of the request's own resource.
    pub(crate) own: Grants,
    /// The grants of the resources that the request has added, in their order.
    pub(crate) also: Vec<Grants>,
}

impl Charged {
    fn shares_mut(&mut self) -> &mut [LimitShare] {
        match self {
            Self::Memory(charge) => &mut charge.shares,
            Self::Gate(grant) => grant.shares_mut(),
        }
    }
}

impl Grant {
    #[inline]
    pub(crate) fn new(bucket: Bucket, charged: Charged, owner: Owner, own: bool) -> Self {
        Self {
            bucket,
            charged,
            owner,
            own,
            in_one_transaction: false,
            settled: false,
        }
    }

    pub(crate) fn in_one_transaction(mut self, in_one_transaction: bool) -> Self {
        self.in_one_transaction = in_one_transaction;
        self
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn key(&self) -> KeyParts<'_> {
        self.bucket.key()
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.bucket.limits()
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.limits().index(name)
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn own(&self) -> bool {
        self.own
    }

    pub(crate) fn is_in_one_transaction(&self) -> bool {
        self.in_one_transaction
    }

    pub(crate) fn shares(&self) -> &[LimitShare] {
        match &self.charged {
            Charged::Memory(charge) => &charge.shares,
            Charged::Gate(grant) => grant.shares(),
        }
    }

    pub(crate) fn shares_mut(&mut self) -> &mut [LimitShare] {
        self.charged.shares_mut()
    }

    /// Returns the time at which the request may start: epoch ms, 0 for at once.
    pub(crate) fn starts_at(&self) -> i64 {
        match &self.charged {
            Charged::Memory(charge) => charge.starts_at,
            Charged::Gate(grant) => grant.starts_at(),
        }
    }

    /// Reports the soft limits that the grant has left in debt.
    #[inline]
    pub(crate) fn report_overdraft(&self) {
        if self.shares().iter().any(|share| share.left < 0) && !self.is_bypassed() {
            let left = self.shares().iter().map(|share| share.left);
            telemetry::soft_overdrawn(self.key().resource, self.limits(), left);
        }
    }

    /// Returns `true` if the charge was only counted, because the bucket is bypassed.
    pub(crate) fn is_bypassed(&self) -> bool {
        match &self.charged {
            Charged::Memory(charge) => charge.bypassed,
            Charged::Gate(grant) => grant.is_bypassed(),
        }
    }

    /// Records that the request has waited for `millis` ms: adds the refill of that time to the
    /// tokens that are left.
    pub(crate) fn has_waited(&mut self, millis: i64) {
        let now = self.bucket.now();
        let shares = self.charged.shares_mut();
        for (limit, share) in self.bucket.limits().iter().zip(shares) {
            let level = Level {
                tokens: share.left,
                remainder: 0,
            };
            share.left = match limit.course((0, 1)).filter(|_| !limit.is_quota()) {
                None => limit.rule().refill(level, millis).tokens,
                Some(course) => {
                    let span = course.refill(now.saturating_sub(millis), now, 0);
                    span.apply(level).tokens
                }
            };
        }
    }

    /// Returns the statuses of the limits at the time of the request. All limits have granted the
    /// request.
    pub(crate) fn statuses(&self) -> Vec<LimitStatus> {
        let now = self.bucket.now();
        let status = |(limit, share): (&Limit, &LimitShare)| {
            let held = share.left.saturating_add(share.charged);
            status(limit, share, held, share.charged, now)
        };
        self.limits()
            .iter()
            .zip(self.shares())
            .map(status)
            .collect()
    }

    /// Returns the statuses of the limits after the grant. The use beyond the grant is subtracted.
    pub(crate) fn statuses_now(&self) -> impl Iterator<Item = LimitStatus> {
        let now = self.bucket.now();
        let status = move |(limit, share)| LimitStatus {
            owner: self.owner,
            ..status_now(limit, share, now)
        };
        self.limits().iter().zip(self.shares()).map(status)
    }

    /// Adds another grant of the same bucket to this one. Its charge counts as used.
    fn absorb(&mut self, mut other: Self) {
        match (&mut self.charged, &mut other.charged) {
            (Charged::Gate(own), Charged::Gate(more)) => own.absorb(more),
            (own, more) => {
                // Never mint tokens: nothing is given back if one of them was only counted.
                if let (Charged::Memory(own), Charged::Memory(more)) = (&mut *own, &*more) {
                    own.bypassed |= more.bypassed;
                }
                absorb(own.shares_mut(), more.shares_mut());
                other.settled = true;
            }
        }
    }

    /// Gives back the charge of a request that was cancelled before its answer. If the bucket has
    /// given back too many, the charge stays. In memory it is always given back, because that costs
    /// no write.
    pub(crate) fn cancel(&mut self) {
        if let Charged::Gate(grant) = &mut self.charged {
            grant.cancel();
        }
    }

    /// Settles the real use instead of the charge, and ends the grant.
    #[inline]
    pub(crate) fn settle(&mut self) -> Settlement {
        if let Charged::Gate(grant) = &mut self.charged {
            return grant.settle();
        }
        self.settled = true;
        if self
            .shares()
            .iter()
            .any(|share| share.used != share.charged)
        {
            self.settle_in_memory(|share| share.used.saturating_sub(share.charged));
        }
        Settlement::done()
    }

    fn settle_in_memory(&self, difference: impl Fn(&LimitShare) -> i64) {
        let differences: Amounts = self.shares().iter().map(difference).collect();
        if differences.iter().all(|difference| *difference == 0) {
            return;
        }
        telemetry::settled(
            self.key().resource,
            self.limits(),
            differences.iter().copied(),
        );
        if self.is_bypassed() {
            match &self.bucket {
                Bucket::Memory(bucket) => bucket.count(&differences),
                Bucket::Scripted(_) | Bucket::Gated { .. } => {}
            }
            return;
        }
        let periods: Amounts = self.shares().iter().map(|share| share.period).collect();
        match &self.bucket {
            Bucket::Memory(bucket) => bucket.settle(&differences, &periods),
            Bucket::Scripted(scripted) => scripted.settle(&differences, &periods),
            Bucket::Gated { .. } => {}
        }
    }
}

impl Drop for Grant {
    #[inline]
    fn drop(&mut self) {
        if !self.settled && matches!(self.charged, Charged::Memory(_)) {
            self.settle_in_memory(|share| share.charged.saturating_neg());
        }
    }
}

impl Grants {
    #[inline]
    pub(crate) fn one(own: Grant) -> Self {
        Self {
            own,
            parents: Vec::new(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Grant> {
        std::iter::once(&self.own).chain(&self.parents)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Grant> {
        std::iter::once(&mut self.own).chain(&mut self.parents)
    }

    /// Returns the use of the limit `name`, in millitokens.
    pub(crate) fn used(&self, name: &str) -> Option<i64> {
        self.iter()
            .find_map(|grant| Some(grant.shares()[grant.index(name)?].used))
    }

    /// Changes the use of the limit `name` in every bucket that has it. Returns `false` if none has
    /// it.
    pub(crate) fn edit(&mut self, name: &str, change: impl Fn(i64) -> i64) -> bool {
        let mut found = false;
        for grant in self.iter_mut() {
            if let Some(index) = grant.index(name) {
                let share = &mut grant.shares_mut()[index];
                share.used = change(share.used);
                found = true;
            }
        }
        found
    }

    /// Returns the use of the limit `name` beyond its charge, in millitokens: the largest such debt
    /// among the buckets.
    pub(crate) fn overdraft(&self, name: &str) -> u64 {
        self.iter()
            .filter_map(|grant| Some(grant.shares()[grant.index(name)?].overdraft()))
            .max()
            .unwrap_or(0)
    }

    /// Returns the capacity of the limit `name` in tokens: the smallest one among the buckets.
    pub(crate) fn capacity(&self, name: &str) -> Option<u64> {
        self.iter()
            .filter_map(|grant| Some(grant.limits()[grant.index(name)?].capacity()))
            .min()
    }

    /// Returns the position of the limit `name` among all limits. The entity's own limits come
    /// first.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let mut before = 0;
        for grant in self.iter() {
            match grant.index(name) {
                Some(index) => return Some(before + index),
                None => before += grant.limits().len(),
            }
        }
        None
    }

    /// Returns the statuses of the limits after the grant, as those of a resource that the request
    /// has added.
    pub(crate) fn statuses_of_added(&self) -> impl Iterator<Item = LimitStatus> {
        let resource = self.own.key().resource;
        let added = move |status| LimitStatus {
            resource: Some(resource.clone()),
            ..status
        };
        self.iter().flat_map(Grant::statuses_now).map(added)
    }

    /// Settles the real use of all buckets, and ends the grants.
    pub(crate) fn settle(&mut self) -> Settlement {
        let own = self.own.settle();
        self.parents
            .iter_mut()
            .fold(own, |all, parent| all.and(parent.settle()))
    }

    /// Adds further grants of the same buckets.
    pub(crate) fn absorb(&mut self, more: Self) {
        self.own.absorb(more.own);
        for (parent, more) in self.parents.iter_mut().zip(more.parents) {
            parent.absorb(more);
        }
    }
}

impl GrantedResources {
    #[inline]
    pub(crate) fn one(own: Grants) -> Self {
        Self {
            own,
            also: Vec::new(),
        }
    }

    /// Collects grants, of which the first one is that of the request's own bucket. A grant of the
    /// entity's bucket is followed by those of its parents for the same resource.
    pub(crate) fn new(mut grants: impl Iterator<Item = Grant>) -> Option<Self> {
        let mut all = Self::one(Grants::one(grants.next()?));
        for grant in grants {
            if grant.owner == Owner::Entity {
                all.also.push(Grants::one(grant));
            } else {
                let resource = all.also.last_mut().unwrap_or(&mut all.own);
                resource.parents.push(grant);
            }
        }
        Some(all)
    }
}
