//! What a bucket has granted, until it is settled.

use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use super::{bucket::Bucket, settlement::Settlement};
use crate::{
    model::{Level, Limit, LimitStatus, Limits, MILLI, Parameters, plan},
    store::Spend,
};

/// Millitokens, in the order of the limits.
pub(super) type Amounts = SmallVec<[i64; 2]>;

/// What a request asked of one limit, and what became of it. Millitokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) charged: i64,
    /// What the bucket held after the charge.
    pub(super) left: i64,
    /// Used so far, by all that is known; never negative.
    pub(super) used: i64,
}

/// In the order of the limits. One is by far the most frequent number: it stays in registers where
/// a list would go through memory at every move.
#[derive(Clone, Debug)]
pub(super) enum Shares {
    One([Share; 1]),
    Two([Share; 2]),
    More(Box<[Share]>),
}

impl Deref for Shares {
    type Target = [Share];

    #[inline]
    fn deref(&self) -> &[Share] {
        match self {
            Self::One(share) => share,
            Self::Two(shares) => shares,
            Self::More(shares) => shares,
        }
    }
}

impl DerefMut for Shares {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Share] {
        match self {
            Self::One(share) => share,
            Self::Two(shares) => shares,
            Self::More(shares) => shares,
        }
    }
}

impl FromIterator<Share> for Shares {
    fn from_iter<I: IntoIterator<Item = Share>>(shares: I) -> Self {
        let shares: SmallVec<[Share; 2]> = shares.into_iter().collect();
        match shares[..] {
            [one] => Self::One([one]),
            [one, two] => Self::Two([one, two]),
            _ => Self::More(shares.into_boxed_slice()),
        }
    }
}

impl Share {
    #[inline]
    pub(super) fn asked(amount: i64) -> Self {
        Self { charged: amount, left: 0, used: amount }
    }
}

impl Spend for Share {
    #[inline]
    fn amount(&self) -> i64 {
        self.charged
    }

    #[inline]
    fn leave(&mut self, left: i64) {
        self.left = left;
    }
}

/// An amount that a bucket was charged. Dropped before it is settled: given back.
#[derive(Debug)]
pub(super) struct Grant {
    bucket: Bucket,
    shares: Shares,
    settled: bool,
}

impl Grant {
    #[inline]
    pub(super) fn new(bucket: Bucket, shares: Shares) -> Self {
        Self { bucket, shares, settled: false }
    }

    /// `left` is what the bucket held after the charge.
    pub(super) fn of(bucket: Bucket, charged: &[i64], left: impl IntoIterator<Item = i64>) -> Self {
        let shares = charged.iter().zip(left).map(|(charged, left)| Share { left, ..Share::asked(*charged) });
        Self::new(bucket, shares.collect())
    }

    pub(super) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(super) fn limits(&self) -> &Limits {
        self.bucket.limits()
    }

    pub(super) fn shares(&self) -> &[Share] {
        &self.shares
    }

    pub(super) fn shares_mut(&mut self) -> &mut [Share] {
        &mut self.shares
    }

    /// Where the limits stood when they were asked, all of which granted.
    pub(super) fn statuses(&self) -> Vec<LimitStatus> {
        let status =
            |(limit, share): (&Limit, &Share)| status(limit, share.left.saturating_add(share.charged), share.charged);
        self.limits().iter().zip(&*self.shares).map(status).collect()
    }

    /// Where the limits stood after that, less what was used beyond.
    pub(super) fn statuses_now(&self) -> impl Iterator<Item = LimitStatus> {
        self.limits().iter().zip(&*self.shares).map(|(limit, share)| {
            let tokens = share.left.saturating_add(share.charged.saturating_sub(share.used));
            let requested = u64::try_from(share.used / MILLI).unwrap_or(0);
            LimitStatus { requested, ..status(limit, tokens, 0) }
        })
    }

    /// Takes over what another grant of the same bucket charged, as used up to `most`.
    pub(super) fn absorb(&mut self, mut other: Self, most: i64) {
        other.settled = true;
        for (share, more) in self.shares.iter_mut().zip(&*other.shares) {
            share.charged = share.charged.saturating_add(more.charged);
            share.used = share.used.saturating_add(more.charged).min(most);
            share.left = more.left;
        }
    }

    /// Charges what was really used instead, and ends the grant.
    #[inline]
    pub(super) fn settle(&mut self) -> Settlement {
        self.settled = true;
        match self.shares.iter().all(|share| share.used == share.charged) {
            true => Settlement::done(),
            false => self.settle_difference(|share| share.used.saturating_sub(share.charged)),
        }
    }

    fn settle_difference(&self, difference: impl Fn(&Share) -> i64) -> Settlement {
        let differences: Amounts = self.shares.iter().map(difference).collect();
        self.bucket.settle(&differences)
    }
}

fn status(limit: &Limit, tokens: i64, amount: i64) -> LimitStatus {
    plan::status(limit, Parameters::from(limit).whole(), Level { tokens, remainder: 0 }, amount, 0)
}

impl Drop for Grant {
    #[inline]
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.settle_difference(|share| share.charged.saturating_neg());
        }
    }
}
