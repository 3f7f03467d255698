//! The grant of a bucket, until it is settled.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock},
};

use smallvec::SmallVec;

use super::settlement::Settlement;
use crate::{
    limiter::bucket::Bucket,
    model::{Level, Limit, LimitStatus, Limits, MILLI, plan},
    store::Spend,
    telemetry,
};

/// Amounts of all limits in millitokens, in the order of the limits.
pub(in crate::limiter) type Amounts = SmallVec<[i64; 2]>;

/// The part of a grant that belongs to one limit, in millitokens.
#[derive(Clone, Copy, Debug)]
pub(in crate::limiter) struct Share {
    pub(in crate::limiter) charged: i64,
    /// The tokens that the bucket held after the charge.
    pub(in crate::limiter) left: i64,
    /// The use as far as it is known; never negative.
    pub(in crate::limiter) used: i64,
}

/// The shares of all limits, in their order. Most buckets have one limit. A single share stays in registers, while a
/// list would be copied through memory at every move.
#[derive(Clone, Debug)]
pub(in crate::limiter) enum Shares {
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
    pub(in crate::limiter) fn asked(amount: i64) -> Self {
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

/// An amount that a bucket was charged. If it is dropped before it is settled, it is given back.
#[derive(Debug)]
pub(in crate::limiter) struct Grant {
    bucket: Bucket,
    /// The charged amounts. For a bypassed bucket, the amounts that were counted without a charge.
    shares: Shares,
    settled: bool,
    /// Shared by the two grants of a transaction, which are given back together or not at all: the first one that is
    /// cancelled decides for both.
    forgiven: Option<Arc<OnceLock<bool>>>,
    /// The time at which the debt that it left is refilled: epoch ms. 0 if it left no debt.
    starts_at: i64,
    parts: Option<Box<Parts>>,
}

/// The parts of a grant that were not charged to its own bucket.
#[derive(Debug, Default)]
struct Parts {
    /// Admitted by a bypassed bucket: counted as consumed, but not charged.
    counted: Amounts,
    /// Charged to other shards of the bucket, and given back to them.
    elsewhere: Vec<(Bucket, Amounts)>,
}

impl Grant {
    #[inline]
    pub(in crate::limiter) fn new(bucket: Bucket, shares: Shares) -> Self {
        Self { bucket, shares, settled: false, forgiven: None, starts_at: 0, parts: None }
    }

    /// Creates a grant. `left` are the tokens that the bucket held after the charge.
    pub(in crate::limiter) fn of(bucket: Bucket, charged: &[i64], left: impl IntoIterator<Item = i64>) -> Self {
        let shares = charged.iter().zip(left).map(|(charged, left)| Share { left, ..Share::asked(*charged) });
        Self::new(bucket, shares.collect())
    }

    /// Creates a grant of a bypassed bucket: `counted` was not charged.
    pub(in crate::limiter) fn bypassed(bucket: Bucket, counted: &[i64], left: Amounts) -> Self {
        let mut grant = Self::of(bucket, counted, left);
        grant.parts = Some(Box::new(Parts { counted: counted.into(), elsewhere: Vec::new() }));
        grant
    }

    /// Creates a grant that was drawn from one shard or several. Returns `None` if `drawn` is empty.
    pub(in crate::limiter) fn drawn(drawn: Vec<(Bucket, Amounts)>, left: Amounts) -> Option<Self> {
        let mut drawn = drawn.into_iter();
        let (bucket, mut charged) = drawn.next()?;
        let elsewhere: Vec<_> = drawn.collect();
        for (_, part) in &elsewhere {
            add(&mut charged, part);
        }
        let mut grant = Self::of(bucket, &charged, left);
        // If only one shard was charged, it is an ordinary grant.
        grant.parts = (!elsewhere.is_empty()).then(|| Box::new(Parts { elsewhere, ..Parts::default() }));
        Some(grant)
    }

    /// Makes it one of a pair: if the request is cancelled, both are given back, or both stay.
    pub(in crate::limiter) fn paired(mut self, forgiven: &Arc<OnceLock<bool>>) -> Self {
        self.forgiven = Some(forgiven.clone());
        self
    }

    pub(in crate::limiter) fn starting_at(mut self, starts_at: i64) -> Self {
        self.starts_at = starts_at;
        self
    }

    /// Returns the time at which the request may start: epoch ms, 0 for at once.
    pub(in crate::limiter) fn starts_at(&self) -> i64 {
        self.starts_at
    }

    /// Records that the request has waited for `millis` ms: adds the refill of that time to the tokens that are left.
    pub(in crate::limiter) fn has_waited(&mut self, millis: i64) {
        for (limit, share) in self.bucket.limits().iter().zip(self.shares.iter_mut()) {
            let level = Level { tokens: share.left, remainder: 0 };
            share.left = limit.rule().refill(level, millis).tokens;
        }
    }

    pub(in crate::limiter) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(in crate::limiter) fn limits(&self) -> &Limits {
        self.bucket.limits()
    }

    pub(in crate::limiter) fn shares(&self) -> &[Share] {
        &self.shares
    }

    pub(in crate::limiter) fn shares_mut(&mut self) -> &mut [Share] {
        &mut self.shares
    }

    /// Returns the statuses of the limits at the time of the request. All of them have granted it.
    pub(in crate::limiter) fn statuses(&self) -> Vec<LimitStatus> {
        let status =
            |(limit, share): (&Limit, &Share)| status(limit, share.left.saturating_add(share.charged), share.charged);
        self.limits().iter().zip(&*self.shares).map(status).collect()
    }

    /// Returns the statuses of the limits after the grant, less the use beyond it.
    pub(in crate::limiter) fn statuses_now(&self) -> impl Iterator<Item = LimitStatus> {
        self.limits().iter().zip(&*self.shares).map(|(limit, share)| status_now(limit, share))
    }

    /// Adds another grant of the same bucket, perhaps of another shard, to this one. Its charge counts as used, up to
    /// `most`.
    pub(in crate::limiter) fn absorb(&mut self, mut other: Self, most: i64) {
        other.settled = true;
        self.absorb_parts(&mut other);
        for (share, more) in self.shares.iter_mut().zip(&*other.shares) {
            share.charged = share.charged.saturating_add(more.charged);
            share.used = share.used.saturating_add(more.charged).min(most);
            share.left = more.left;
        }
    }

    fn absorb_parts(&mut self, other: &mut Self) {
        let same = other.bucket.key().shard == self.bucket.key().shard;
        if same && other.parts.is_none() {
            return;
        }
        let own = other.own();
        let parts = self.parts.get_or_insert_default();
        if !same {
            parts.elsewhere.push((other.bucket.clone(), own));
        }
        if let Some(more) = other.parts.take() {
            parts.elsewhere.extend(more.elsewhere);
            if parts.counted.is_empty() {
                parts.counted = more.counted;
            } else {
                add(&mut parts.counted, &more.counted);
            }
        }
    }

    /// Returns the amounts that the grant's own bucket was charged.
    fn own(&self) -> Amounts {
        let mut own: Amounts = self.shares.iter().map(|share| share.charged).collect();
        if let Some(parts) = &self.parts {
            for part in parts.elsewhere.iter().map(|(_, part)| part).chain([&parts.counted]) {
                for (own, part) in own.iter_mut().zip(part) {
                    *own = own.saturating_sub(*part);
                }
            }
        }
        own
    }

    /// Turns the charge into prefetched tokens. Returns `None` if it has parts of other shards, and then gives it back.
    pub(in crate::limiter) fn into_ahead(mut self) -> Option<Amounts> {
        self.settled = self.parts.is_none();
        self.settled.then(|| self.shares.iter().map(|share| share.charged).collect())
    }

    /// Gives back the charge of a request that was cancelled before its answer. If the bucket has given back too many,
    /// the charge stays.
    pub(in crate::limiter) fn cancel(&mut self) {
        let forgiven = match &self.forgiven {
            None => self.bucket.forgives(),
            Some(forgiven) => *forgiven.get_or_init(|| self.bucket.forgives()),
        };
        if !forgiven {
            self.shares.iter_mut().for_each(|share| share.used = share.charged);
            self.settled = true;
        }
    }

    /// Settles the real use instead of the charge, and ends the grant.
    #[inline]
    pub(in crate::limiter) fn settle(&mut self) -> Settlement {
        self.settled = true;
        match self.shares.iter().all(|share| share.used == share.charged) {
            true => Settlement::done(),
            false => self.settle_difference(|share| share.used.saturating_sub(share.charged)),
        }
    }

    fn settle_difference(&self, difference: impl Fn(&Share) -> i64) -> Settlement {
        let differences: Amounts = self.shares.iter().map(difference).collect();
        telemetry::settled(self.bucket.key().resource, self.limits(), differences.iter().copied());
        match &self.parts {
            None => self.bucket.settle(&differences, &[]),
            Some(parts) => parts.settle(&self.bucket, &self.own(), differences),
        }
    }
}

impl Parts {
    /// Gives back to every shard at most what it was charged. Use beyond the grant is taken from the grant's own
    /// bucket, which was charged `own`.
    fn settle(&self, bucket: &Bucket, own: &Amounts, mut left: Amounts) -> Settlement {
        // Never mint tokens: amounts that were only counted are not given back. A lease that was bypassed stays
        // bypassed.
        let bypassed = self.elsewhere.is_empty() && own.iter().all(|amount| *amount == 0);
        let mut shares = Vec::with_capacity(1 + self.elsewhere.len());
        for (bucket, gave) in std::iter::once((bucket, own)).chain(self.elsewhere.iter().map(|(b, gave)| (b, gave))) {
            let takes = shares.is_empty() && !bypassed;
            let mut share = Amounts::new();
            for (left, gave) in left.iter_mut().zip(gave) {
                let most = if takes { i64::MAX } else { 0 };
                let difference = (*left).clamp(gave.saturating_neg(), most);
                *left = left.saturating_sub(difference);
                share.push(difference);
            }
            shares.push((bucket, share));
        }
        let settlements = shares.iter().enumerate().map(|(index, (bucket, share))| {
            let counts = if index == 0 { &left[..] } else { &[] };
            bucket.settle(share, counts)
        });
        settlements.reduce(Settlement::and).unwrap_or_else(Settlement::done)
    }
}

fn add(amounts: &mut Amounts, more: &[i64]) {
    for (amount, more) in amounts.iter_mut().zip(more) {
        *amount = amount.saturating_add(*more);
    }
}

/// Returns the tokens that were left after the grant of a share, less the use beyond it: millitokens.
pub(in crate::limiter) fn left_now(share: &Share) -> i64 {
    share.left.saturating_add(share.charged.saturating_sub(share.used))
}

/// Returns the status of a limit after the grant of a share, less the use beyond it.
pub(in crate::limiter) fn status_now(limit: &Limit, share: &Share) -> LimitStatus {
    let tokens = left_now(share);
    let requested = u64::try_from(share.used / MILLI).unwrap_or(0);
    LimitStatus { requested, ..status(limit, tokens, 0) }
}

fn status(limit: &Limit, tokens: i64, amount: i64) -> LimitStatus {
    plan::status(limit, limit.rule(), Level { tokens, remainder: 0 }, amount, 0)
}

impl Drop for Grant {
    #[inline]
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.settle_difference(|share| share.charged.saturating_neg());
        }
    }
}
