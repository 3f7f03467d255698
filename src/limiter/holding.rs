//! What a lease holds, bucket by bucket.

use super::{
    charge::{Charge, Terms},
    grant::{Amounts, Grant},
    settlement::Settlement,
};
use crate::{
    error::ExceedsCapacity,
    model::{BucketKey, Level, Limit, LimitStatus, MILLI, Owner, Parameters, plan, to_milli},
};

/// What is held of one bucket.
#[derive(Debug)]
pub(super) struct Holding {
    grant: Grant,
    owner: Owner,
    /// Whether the limits are the entity's own.
    own: bool,
    /// Used so far, by all that is known: millitokens in the order of the limits, none negative.
    /// `None` as long as that is what was charged.
    used: Option<Amounts>,
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
    pub(super) fn settle(self) -> Settlement {
        let own = self.own.settle();
        match self.parent {
            None => own,
            Some(parent) => own.and(parent.settle()),
        }
    }
}

impl Holding {
    #[inline]
    pub(super) fn new(grant: Grant, owner: Owner, own: bool) -> Self {
        Self { grant, owner, own, used: None }
    }

    pub(super) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(super) fn key(&self) -> &BucketKey {
        self.grant.bucket().key()
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.grant.limits().index(name)
    }

    pub(super) fn used(&self) -> &[i64] {
        self.used.as_deref().unwrap_or(self.grant.charged())
    }

    /// What was used, to change.
    pub(super) fn used_mut(&mut self) -> &mut [i64] {
        self.used.get_or_insert_with(|| self.grant.charged().into())
    }

    /// `tokens` of the limit `name`, and nothing of the others.
    pub(super) fn charge(&self, name: &str, tokens: u64) -> Result<Charge, ExceedsCapacity> {
        let limits = self.grant.limits();
        let BucketKey { entity, resource, .. } = self.key();
        let mut amounts: Amounts = limits.iter().map(|_| 0).collect();
        if let Some(index) = self.index(name) {
            let limit = &limits[index];
            if tokens > limit.capacity() {
                return Err(ExceedsCapacity {
                    entity: entity.clone(),
                    resource: resource.clone(),
                    limit: limit.name().clone(),
                    requested: tokens,
                    capacity: limit.capacity(),
                });
            }
            amounts[index] = to_milli(tokens);
        }
        let terms = Terms { own: self.own, ..Terms::default() };
        Ok(Charge { bucket: self.grant.bucket().clone(), owner: self.owner, terms, amounts })
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = LimitStatus> {
        let amounts = self.used().iter().zip(self.grant.charged()).zip(self.grant.left());
        let limits = self.grant.limits().iter().zip(amounts);
        limits.map(|(limit, ((used, charged), left)): (&Limit, ((&i64, &i64), &i64))| {
            let tokens = left.saturating_add(charged.saturating_sub(*used));
            let level = Level { tokens, remainder: 0 };
            let mut status = plan::status(limit, Parameters::from(limit).whole(), level, 0, 0);
            status.owner = self.owner;
            status.requested = u64::try_from(used / MILLI).unwrap_or(0);
            status
        })
    }

    fn absorb(&mut self, more: Self) {
        let sum = self.used().iter().zip(more.grant.charged());
        let sum = sum.map(|(used, charged)| used.saturating_add(*charged).min(MOST_USED)).collect();
        self.used = Some(sum);
        self.grant.absorb(more.grant);
    }

    #[inline]
    fn settle(self) -> Settlement {
        match self.used {
            None => self.grant.keep(),
            Some(used) => self.grant.settle(&used),
        }
    }
}

/// The most that one lease can count as used: what the widest limit holds.
pub(super) const MOST_USED: i64 = Limit::MAX_TOKENS as i64 * MILLI;
