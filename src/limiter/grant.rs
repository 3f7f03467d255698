//! What a bucket has granted, until it is settled.

use smallvec::SmallVec;

use super::{bucket::Bucket, settlement::Settlement};
use crate::model::{Level, Limit, LimitStatus, Limits, Parameters, plan};

/// Millitokens, in the order of the limits.
pub(super) type Amounts = SmallVec<[i64; 2]>;

/// An amount that a bucket was charged. Dropped before it is taken over: given back.
#[derive(Debug)]
pub(super) struct Grant {
    bucket: Bucket,
    /// What was charged; of a bypassed bucket, what was counted as if it had been.
    charged: Amounts,
    left: Amounts,
    settled: bool,
    parts: Option<Box<Parts>>,
}

/// What of a grant was not charged to its bucket.
#[derive(Debug, Default)]
struct Parts {
    /// Admitted by a bypassed bucket: counted as consumed, and not charged.
    counted: Amounts,
    /// Charged to other shards of the bucket: they get it back.
    elsewhere: Vec<(Bucket, Amounts)>,
}

impl Grant {
    /// `left` is what the bucket held after the charge.
    #[inline]
    pub(super) fn new(bucket: Bucket, charged: Amounts, left: Amounts) -> Self {
        Self { bucket, charged, left, settled: false, parts: None }
    }

    /// Of a bypassed bucket: `counted` was not charged.
    pub(super) fn bypassed(bucket: Bucket, counted: Amounts, left: Amounts) -> Self {
        let mut grant = Self::new(bucket, counted.clone(), left);
        grant.parts = Some(Box::new(Parts { counted, elsewhere: Vec::new() }));
        grant
    }

    /// Drawn from several shards; there is at least one part.
    pub(super) fn drawn(mut drawn: Vec<(Bucket, Amounts)>, left: Amounts) -> Self {
        let (bucket, mut charged) = drawn.swap_remove(0);
        for (_, part) in &drawn {
            add(&mut charged, part);
        }
        let mut grant = Self::new(bucket, charged, left);
        grant.parts = Some(Box::new(Parts { elsewhere: drawn, ..Parts::default() }));
        grant
    }

    pub(super) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(super) fn limits(&self) -> &Limits {
        self.bucket.limits()
    }

    pub(super) fn charged(&self) -> &[i64] {
        &self.charged
    }

    pub(super) fn left(&self) -> &[i64] {
        &self.left
    }

    /// Where the limits stood when `amounts` were asked for, all of which were granted.
    pub(super) fn statuses(&self, amounts: &[i64]) -> Vec<LimitStatus> {
        let before = self.left.iter().zip(&self.charged).map(|(left, charged)| left.saturating_add(*charged));
        let limits = self.limits().iter().zip(before).zip(amounts);
        let status = |((limit, tokens), amount): ((&Limit, i64), &i64)| {
            plan::status(limit, Parameters::from(limit).whole(), Level { tokens, remainder: 0 }, *amount, 0)
        };
        limits.map(status).collect()
    }

    /// Takes over what another grant of the same bucket, perhaps of another shard, charged.
    pub(super) fn absorb(&mut self, mut other: Self) {
        other.settled = true;
        let own = other.own();
        add(&mut self.charged, &other.charged);
        self.left = std::mem::take(&mut other.left);
        let same = other.bucket.key().shard == self.bucket.key().shard;
        if same && other.parts.is_none() {
            return;
        }
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

    /// What the grant's own bucket was charged.
    fn own(&self) -> Amounts {
        let mut own = self.charged.clone();
        if let Some(parts) = &self.parts {
            for part in parts.elsewhere.iter().map(|(_, part)| part).chain([&parts.counted]) {
                for (own, part) in own.iter_mut().zip(part) {
                    *own = own.saturating_sub(*part);
                }
            }
        }
        own
    }

    /// What was charged, to be granted from later. `None` where it cannot be: it is given back.
    pub(super) fn into_ahead(mut self) -> Option<Amounts> {
        self.settled = self.parts.is_none();
        self.settled.then(|| std::mem::take(&mut self.charged))
    }

    /// Ends the grant: what was charged is what was used.
    #[inline]
    pub(super) fn keep(mut self) -> Settlement {
        self.settled = true;
        Settlement::done()
    }

    /// Charges what was really used instead, and ends the grant.
    pub(super) fn settle(mut self, used: &[i64]) -> Settlement {
        self.settled = true;
        self.end(used)
    }

    fn end(&mut self, used: &[i64]) -> Settlement {
        let differences = used.iter().zip(&self.charged).map(|(used, charged)| used.saturating_sub(*charged)).collect();
        let own = self.parts.is_some().then(|| self.own());
        match (self.parts.take(), own) {
            (Some(parts), Some(own)) => parts.settle(&self.bucket, &own, differences),
            _ => self.bucket.settle(&differences, &[]),
        }
    }
}

impl Parts {
    /// Every shard gets back what it gave at most; what was used beyond is taken from the grant's own
    /// bucket, of which `own` was charged.
    fn settle(self, bucket: &Bucket, own: &Amounts, mut left: Amounts) -> Settlement {
        // Never mint: what was only counted is not given back. A lease that was bypassed stays so.
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

impl Drop for Grant {
    #[inline]
    fn drop(&mut self) {
        if !self.settled && self.charged.iter().any(|charged| *charged != 0) {
            let nothing: Amounts = self.charged.iter().map(|_| 0).collect();
            let _ = self.end(&nothing);
        }
    }
}
