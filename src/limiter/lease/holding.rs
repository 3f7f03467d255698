//! The grants of a lease, bucket by bucket.

use super::grant::Grant;
use crate::{
    error::ExceedsCapacity,
    limiter::{
        bucket::Bucket,
        charge::Charge,
        terms::{Amounts, LimitShare, Mode, Settlement},
    },
    model::{KeyParts, Limit, LimitStatus, MILLI, Owner, to_milli},
};

/// The grant of one bucket, with its owner.
#[derive(Debug)]
pub(in crate::limiter) struct Holding {
    grant: Grant,
    owner: Owner,
    /// `true` if the limits are the entity's own.
    own: bool,
    /// `true` if further charges of a child and its parent are made in one transaction.
    together: bool,
}

/// The grants of a request: that of the entity's bucket, and that of its parent's if the parent is charged too.
#[derive(Debug)]
pub(in crate::limiter) struct Holdings {
    pub(in crate::limiter) own: Holding,
    pub(in crate::limiter) parent: Option<Box<Holding>>,
}

impl Holdings {
    #[inline]
    pub(in crate::limiter) fn one(own: Holding) -> Self {
        Self { own, parent: None }
    }

    /// Collects the holdings, of which the entity's is the first.
    pub(in crate::limiter) fn new(holdings: impl Iterator<Item = Holding>) -> Option<Self> {
        let mut holdings = holdings;
        Some(Self { own: holdings.next()?, parent: holdings.next().map(Box::new) })
    }

    pub(in crate::limiter) fn iter(&self) -> impl Iterator<Item = &Holding> {
        std::iter::once(&self.own).chain(self.parent.as_deref())
    }

    pub(in crate::limiter) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Holding> {
        std::iter::once(&mut self.own).chain(self.parent.as_deref_mut())
    }

    /// Adds further grants of the same request.
    pub(in crate::limiter) fn absorb(&mut self, more: Self) {
        self.own.absorb(more.own);
        if let (Some(parent), Some(more)) = (&mut self.parent, more.parent) {
            parent.absorb(*more);
        }
    }

    /// Settles the real use of all buckets.
    #[inline]
    pub(in crate::limiter) fn settle(&mut self) -> Settlement {
        let own = self.own.settle();
        match &mut self.parent {
            None => own,
            Some(parent) => own.and(parent.settle()),
        }
    }
}

impl Holding {
    #[inline]
    pub(in crate::limiter) fn new(grant: Grant, owner: Owner, own: bool) -> Self {
        Self { grant, owner, own, together: false }
    }

    pub(in crate::limiter) fn together(self, together: bool) -> Self {
        Self { together, ..self }
    }

    pub(in crate::limiter) fn grant_mut(&mut self) -> &mut Grant {
        &mut self.grant
    }

    pub(in crate::limiter) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(in crate::limiter) fn key(&self) -> KeyParts<'_> {
        self.grant.bucket().key()
    }

    pub(in crate::limiter) fn index(&self, name: &str) -> Option<usize> {
        self.grant.limits().index(name)
    }

    pub(in crate::limiter) fn shares(&self) -> &[LimitShare] {
        self.grant.shares()
    }

    pub(in crate::limiter) fn shares_mut(&mut self) -> &mut [LimitShare] {
        self.grant.shares_mut()
    }

    /// Returns a further charge of `tokens` of the limit `name`, and of nothing for the other limits.
    pub(in crate::limiter) fn charge(&self, name: &str, tokens: u64) -> Result<Charge, ExceedsCapacity> {
        let mut charge = Self::charge_of(self.grant.bucket(), self.owner, self.own, name, tokens)?;
        charge.mode.together = self.together;
        Ok(charge)
    }

    /// Returns the charge that [`charge`](Self::charge) makes, for any bucket.
    pub(in crate::limiter) fn charge_of(
        bucket: &Bucket,
        owner: Owner,
        own: bool,
        name: &str,
        tokens: u64,
    ) -> Result<Charge, ExceedsCapacity> {
        let limits = bucket.limits();
        let KeyParts { entity, resource, .. } = bucket.key();
        let mut amounts: Amounts = limits.iter().map(|_| 0).collect();
        if let Some(index) = limits.index(name) {
            let limit = &limits[index];
            if tokens > limit.capacity() {
                return Err(ExceedsCapacity {
                    entity: entity.clone(),
                    resource: resource.clone(),
                    owner,
                    limit: limit.name().clone(),
                    requested: tokens,
                    capacity: limit.capacity(),
                });
            }
            amounts[index] = to_milli(tokens);
        }
        // By now the bucket may have other limits than those that granted the lease. This charge does not change them.
        let mode = Mode {
            known_at: i64::MIN,
            own,
            lineage: None,
            prefetch: None,
            together: false,
            is_top_up: true,
            patience: None,
        };
        Ok(Charge { bucket: bucket.clone(), owner, mode, amounts })
    }

    pub(in crate::limiter) fn statuses(&self) -> impl Iterator<Item = LimitStatus> {
        self.grant.statuses_now().map(|status| LimitStatus { owner: self.owner, ..status })
    }

    fn absorb(&mut self, more: Self) {
        self.grant.absorb(more.grant, MOST_USED);
    }

    #[inline]
    fn settle(&mut self) -> Settlement {
        self.grant.settle()
    }
}

/// The most use that one lease can count: the largest capacity that a limit can have.
pub(in crate::limiter) const MOST_USED: i64 = Limit::MAX_TOKENS as i64 * MILLI;
