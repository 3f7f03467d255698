//! The grant of a bucket, until it is settled.

use std::sync::{Arc, OnceLock};

use crate::{
    limiter::{
        bucket::bucket::Bucket,
        gate::{Gate, GateCharge, GateGrant},
        terms::{Amounts, LimitShare, Settlement, Shares, status, status_now},
    },
    model::{Level, Limit, LimitStatus, Limits},
    telemetry,
};

/// An amount that a bucket was charged. If it is dropped before it is settled, it is given back.
#[derive(Debug)]
pub(crate) struct Grant {
    bucket: Bucket,
    /// The charged amounts. For a bypassed bucket, the amounts that were counted without a charge.
    shares: Shares,
    settled: bool,
    /// Shared by the two grants of a transaction, which are given back together or not at all: the
    /// first one that is cancelled decides for both.
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
    pub(crate) fn new(bucket: Bucket, shares: Shares) -> Self {
        Self {
            bucket,
            shares,
            settled: false,
            forgiven: None,
            starts_at: 0,
            parts: None,
        }
    }

    /// Creates the grant of a bucket in a store. Returns `None` if its tokens were taken before.
    pub(crate) fn of_gate(granted: GateGrant) -> Option<Self> {
        let GateCharge {
            shards,
            limits,
            counted,
            left,
            starts_at,
            forgiven,
        } = granted.take()?;
        let bucket = |gate: Arc<Gate>| Bucket::Gated {
            gate,
            limits: limits.clone(),
        };
        let mut shards = shards.into_iter();
        let (first, mut charged) = shards.next()?;
        let elsewhere: Vec<_> = shards.map(|(gate, part)| (bucket(gate), part)).collect();
        elsewhere
            .iter()
            .for_each(|(_, part)| add(&mut charged, part));
        let parts = match (counted, elsewhere.is_empty()) {
            (true, _) => Some(Parts {
                counted: charged.clone(),
                elsewhere,
            }),
            (false, false) => Some(Parts {
                counted: Amounts::new(),
                elsewhere,
            }),
            (false, true) => None,
        };
        let shares = charged.iter().zip(left).map(|(charged, left)| LimitShare {
            left,
            ..LimitShare::asked(*charged)
        });
        let shares = shares.collect();
        Some(Self {
            bucket: bucket(first),
            shares,
            settled: false,
            forgiven,
            starts_at,
            parts: parts.map(Box::new),
        })
    }

    pub(crate) fn starting_at(mut self, starts_at: i64) -> Self {
        self.starts_at = starts_at;
        self
    }

    /// Returns the time at which the request may start: epoch ms, 0 for at once.
    pub(crate) fn starts_at(&self) -> i64 {
        self.starts_at
    }

    /// Records that the request has waited for `millis` ms: adds the refill of that time to the
    /// tokens that are left.
    pub(crate) fn has_waited(&mut self, millis: i64) {
        for (limit, share) in self.bucket.limits().iter().zip(self.shares.iter_mut()) {
            let level = Level {
                tokens: share.left,
                remainder: 0,
            };
            share.left = limit.rule().refill(level, millis).tokens;
        }
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.bucket.limits()
    }

    pub(crate) fn shares(&self) -> &[LimitShare] {
        &self.shares
    }

    pub(crate) fn shares_mut(&mut self) -> &mut [LimitShare] {
        &mut self.shares
    }

    /// Returns the statuses of the limits at the time of the request. All of them have granted it.
    pub(crate) fn statuses(&self) -> Vec<LimitStatus> {
        let now = self.bucket.now();
        let status = |(limit, share): (&Limit, &LimitShare)| {
            let held = share.left.saturating_add(share.charged);
            status(limit, held, share.charged, now)
        };
        self.limits()
            .iter()
            .zip(&*self.shares)
            .map(status)
            .collect()
    }

    /// Returns the statuses of the limits after the grant, less the use beyond it.
    pub(crate) fn statuses_now(&self) -> impl Iterator<Item = LimitStatus> {
        let now = self.bucket.now();
        self.limits()
            .iter()
            .zip(&*self.shares)
            .map(move |(limit, share)| status_now(limit, share, now))
    }

    /// Adds another grant of the same bucket, perhaps of another shard, to this one. Its charge
    /// counts as used, up to `most`.
    pub(crate) fn absorb(&mut self, mut other: Self, most: i64) {
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
            for part in parts
                .elsewhere
                .iter()
                .map(|(_, part)| part)
                .chain([&parts.counted])
            {
                for (own, part) in own.iter_mut().zip(part) {
                    *own = own.saturating_sub(*part);
                }
            }
        }
        own
    }

    /// Gives back the charge of a request that was cancelled before its answer. If the bucket has
    /// given back too many, the charge stays.
    pub(crate) fn cancel(&mut self) {
        let forgiven = match &self.forgiven {
            None => self.bucket.forgives(),
            Some(forgiven) => *forgiven.get_or_init(|| self.bucket.forgives()),
        };
        if !forgiven {
            self.shares
                .iter_mut()
                .for_each(|share| share.used = share.charged);
            self.settled = true;
        }
    }

    /// Settles the real use instead of the charge, and ends the grant.
    #[inline]
    pub(crate) fn settle(&mut self) -> Settlement {
        self.settled = true;
        if self.shares.iter().all(|share| share.used == share.charged) {
            Settlement::done()
        } else {
            self.settle_difference(|share| share.used.saturating_sub(share.charged))
        }
    }

    fn settle_difference(&self, difference: impl Fn(&LimitShare) -> i64) -> Settlement {
        let differences: Amounts = self.shares.iter().map(difference).collect();
        telemetry::settled(
            self.bucket.key().resource,
            self.limits(),
            differences.iter().copied(),
        );
        match &self.parts {
            None => self.bucket.settle(&differences, &[]),
            Some(parts) => parts.settle(&self.bucket, &self.own(), differences),
        }
    }
}

impl Parts {
    /// Gives back to every shard at most what it was charged. Use beyond the grant is taken from
    /// the grant's own bucket, which was charged `own`.
    fn settle(&self, bucket: &Bucket, own: &Amounts, mut left: Amounts) -> Settlement {
        // Never mint tokens: amounts that were only counted are not given back. A lease that was
        // bypassed stays bypassed.
        let bypassed = self.elsewhere.is_empty() && own.iter().all(|amount| *amount == 0);
        let mut shares = Vec::with_capacity(1 + self.elsewhere.len());
        for (bucket, gave) in
            std::iter::once((bucket, own)).chain(self.elsewhere.iter().map(|(b, gave)| (b, gave)))
        {
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
        settlements
            .reduce(Settlement::and)
            .unwrap_or_else(Settlement::done)
    }
}

fn add(amounts: &mut Amounts, more: &[i64]) {
    for (amount, more) in amounts.iter_mut().zip(more) {
        *amount = amount.saturating_add(*more);
    }
}

impl Drop for Grant {
    #[inline]
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.settle_difference(|share| share.charged.saturating_neg());
        }
    }
}
