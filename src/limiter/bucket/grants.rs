//! The grants of a lease, bucket by bucket.

use crate::{
    limiter::{
        bucket::Grant,
        terms::{LimitShare, Settlement},
    },
    model::{KeyParts, Limit, LimitStatus, MILLI, Owner},
};

/// The grant of one bucket, with its owner.
#[derive(Debug)]
pub(crate) struct BucketGrant {
    grant: Grant,
    owner: Owner,
    /// `true` if the limits are the entity's own.
    own: bool,
    /// `true` if further charges of a child and its parent are made in one transaction.
    together: bool,
}

/// The grants of a request: that of the entity's bucket, and that of its parent's if the parent is
/// charged too.
#[derive(Debug)]
pub(crate) struct BucketGrants {
    pub(crate) own: BucketGrant,
    pub(crate) parent: Option<Box<BucketGrant>>,
}

impl BucketGrants {
    #[inline]
    pub(crate) fn one(own: BucketGrant) -> Self {
        Self { own, parent: None }
    }

    /// Collects the holdings, of which the entity's is the first.
    pub(crate) fn new(holdings: impl Iterator<Item = BucketGrant>) -> Option<Self> {
        let mut holdings = holdings;
        Some(Self {
            own: holdings.next()?,
            parent: holdings.next().map(Box::new),
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &BucketGrant> {
        std::iter::once(&self.own).chain(self.parent.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut BucketGrant> {
        std::iter::once(&mut self.own).chain(self.parent.as_deref_mut())
    }

    /// Adds further grants of the same request.
    pub(crate) fn absorb(&mut self, more: Self) {
        self.own.absorb(more.own);
        if let (Some(parent), Some(more)) = (&mut self.parent, more.parent) {
            parent.absorb(*more);
        }
    }

    /// Settles the real use of all buckets.
    #[inline]
    pub(crate) fn settle(&mut self) -> Settlement {
        let own = self.own.settle();
        match &mut self.parent {
            None => own,
            Some(parent) => own.and(parent.settle()),
        }
    }
}

impl BucketGrant {
    #[inline]
    pub(crate) fn new(grant: Grant, owner: Owner, own: bool) -> Self {
        Self {
            grant,
            owner,
            own,
            together: false,
        }
    }

    pub(crate) fn together(self, together: bool) -> Self {
        Self { together, ..self }
    }

    pub(crate) fn grant_mut(&mut self) -> &mut Grant {
        &mut self.grant
    }

    pub(crate) fn grant(&self) -> &Grant {
        &self.grant
    }

    pub(crate) fn key(&self) -> KeyParts<'_> {
        self.grant.bucket().key()
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.grant.limits().index(name)
    }

    pub(crate) fn shares(&self) -> &[LimitShare] {
        self.grant.shares()
    }

    pub(crate) fn shares_mut(&mut self) -> &mut [LimitShare] {
        self.grant.shares_mut()
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn own(&self) -> bool {
        self.own
    }

    pub(crate) fn is_together(&self) -> bool {
        self.together
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = LimitStatus> {
        self.grant.statuses_now().map(|status| LimitStatus {
            owner: self.owner,
            ..status
        })
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
pub(crate) const MOST_USED: i64 = Limit::MAX_TOKENS as i64 * MILLI;
