//! What a lease holds, bucket by bucket.

use super::{
    bucket::Bucket,
    charge::{Charge, Mode},
    grant::{Amounts, Grant, Share},
    settlement::Settlement,
};
use crate::{
    error::ExceedsCapacity,
    model::{KeyParts, Limit, LimitStatus, MILLI, Owner, to_milli},
};

/// What is held of one bucket.
#[derive(Debug)]
pub(super) struct Holding {
    grant: Grant,
    owner: Owner,
    /// Whether the limits are the entity's own.
    own: bool,
}

/// What a request was granted: of the entity's bucket, and of its parent's where that is charged
/// too.
#[derive(Debug)]
pub(super) struct Holdings {
    pub(super) own: Holding,
    pub(super) parent: Option<Box<Holding>>,
}

impl Holdings {
    #[inline]
    pub(super) fn one(own: Holding) -> Self {
        Self { own, parent: None }
    }

    /// The entity's first.
    pub(super) fn new(holdings: impl Iterator<Item = Holding>) -> Option<Self> {
        let mut holdings = holdings;
        Some(Self { own: holdings.next()?, parent: holdings.next().map(Box::new) })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Holding> {
        std::iter::once(&self.own).chain(self.parent.as_deref())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Holding> {
        std::iter::once(&mut self.own).chain(self.parent.as_deref_mut())
    }

    /// Takes over what was granted in addition.
    pub(super) fn absorb(&mut self, more: Self) {
        self.own.absorb(more.own);
        if let (Some(parent), Some(more)) = (&mut self.parent, more.parent) {
            parent.absorb(*more);
        }
    }

    /// Charges what was used.
    #[inline]
    pub(super) fn settle(&mut self) -> Settlement {
        let own = self.own.settle();
        match &mut self.parent {
            None => own,
            Some(parent) => own.and(parent.settle()),
        }
    }
}

impl Holding {
    #[inline]
    pub(super) fn new(grant: Grant, owner: Owner, own: bool) -> Self {
        Self { grant, owner, own }
    }

    pub(super) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(super) fn key(&self) -> KeyParts<'_> {
        self.grant.bucket().key()
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.grant.limits().index(name)
    }

    pub(super) fn shares(&self) -> &[Share] {
        self.grant.shares()
    }

    pub(super) fn shares_mut(&mut self) -> &mut [Share] {
        self.grant.shares_mut()
    }

    /// `tokens` of the limit `name`, and nothing of the others.
    pub(super) fn charge(&self, name: &str, tokens: u64) -> Result<Charge, ExceedsCapacity> {
        Self::charge_of(self.grant.bucket(), self.owner, self.own, name, tokens)
    }

    /// As [`charge`](Self::charge), of a bucket.
    pub(super) fn charge_of(
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
        // By now the bucket may have other limits than the lease was granted by: they stand.
        let mode = Mode { known_at: i64::MIN, own, lineage: None, prefetch: None };
        Ok(Charge { bucket: bucket.clone(), owner, mode, amounts })
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = LimitStatus> {
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

/// The most that one lease can count as used: what the widest limit holds.
pub(super) const MOST_USED: i64 = Limit::MAX_TOKENS as i64 * MILLI;
