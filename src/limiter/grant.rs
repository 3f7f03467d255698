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
    limits: Limits,
    charged: Amounts,
    /// Admitted by a bypassed bucket: counted as consumed, and not charged.
    counted: Option<Box<Amounts>>,
    /// What other shards gave of what was charged: they get it back.
    elsewhere: Vec<(Bucket, Amounts)>,
    left: Amounts,
}

impl Grant {
    /// `left` is what the bucket held after the charge.
    pub(super) fn new(bucket: Bucket, limits: Limits, charged: Amounts, left: Amounts) -> Self {
        Self { bucket, limits, charged, counted: None, elsewhere: Vec::new(), left }
    }

    /// Of a bypassed bucket: `counted` was not charged.
    pub(super) fn bypassed(bucket: Bucket, limits: Limits, counted: Amounts, left: Amounts) -> Self {
        let charged = counted.iter().map(|_| 0).collect();
        let mut grant = Self::new(bucket, limits, charged, left);
        grant.counted = Some(Box::new(counted));
        grant
    }

    /// Drawn from several shards; there is at least one part.
    pub(super) fn drawn(mut parts: Vec<(Bucket, Amounts)>, limits: Limits, left: Amounts) -> Self {
        let (bucket, mut charged) = parts.swap_remove(0);
        for (_, part) in &parts {
            add(&mut charged, part);
        }
        let mut grant = Self::new(bucket, limits, charged, left);
        grant.elsewhere = parts;
        grant
    }

    pub(super) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was charged, and what was only counted.
    pub(super) fn granted(&self) -> Amounts {
        let mut granted = self.charged.clone();
        if let Some(counted) = &self.counted {
            add(&mut granted, counted);
        }
        granted
    }

    pub(super) fn left(&self) -> &[i64] {
        &self.left
    }

    /// Where the limits stood when `amounts` were asked for, all of which were granted.
    pub(super) fn statuses(&self, amounts: &[i64]) -> Vec<LimitStatus> {
        let before = self.left.iter().zip(&self.charged).map(|(left, charged)| left.saturating_add(*charged));
        let limits = self.limits.iter().zip(before).zip(amounts);
        let status = |((limit, tokens), amount): ((&Limit, i64), &i64)| {
            plan::status(limit, Parameters::from(limit).whole(), Level { tokens, remainder: 0 }, *amount, 0)
        };
        limits.map(status).collect()
    }

    /// Takes over what another grant of the same bucket, perhaps of another shard, charged.
    pub(super) fn absorb(&mut self, mut other: Self) {
        let charged = std::mem::take(&mut other.charged);
        add(&mut self.charged, &charged);
        let parts = std::mem::take(&mut other.elsewhere);
        if other.bucket.key().shard != self.bucket.key().shard {
            let own = subtract(charged, &parts);
            self.elsewhere.push((other.bucket.clone(), own));
        }
        self.elsewhere.extend(parts);
        match (&mut self.counted, other.counted.take()) {
            (Some(counted), Some(more)) => add(counted, &more),
            (counted @ None, Some(more)) => *counted = Some(more),
            (_, None) => {}
        }
        self.left = std::mem::take(&mut other.left);
    }

    /// What was charged, to be granted from later. `None` where it cannot be: it is given back.
    pub(super) fn into_ahead(mut self) -> Option<Amounts> {
        (self.counted.is_none() && self.elsewhere.is_empty()).then(|| std::mem::take(&mut self.charged))
    }

    /// Charges what was really used instead, and ends the grant.
    pub(super) fn settle(mut self, used: &[i64]) -> Settlement {
        self.end(used)
    }

    fn end(&mut self, used: &[i64]) -> Settlement {
        let charged = std::mem::take(&mut self.charged);
        if !self.elsewhere.is_empty() {
            return self.end_elsewhere(charged, used);
        }
        let Some(counted) = self.counted.take() else {
            let differences: Amounts =
                used.iter().zip(&charged).map(|(used, charged)| used.saturating_sub(*charged)).collect();
            return self.bucket.settle(&self.limits, &differences, &[]);
        };
        // A lease that was bypassed stays so. Never mint: only what was charged is given back.
        let bypassed = charged.iter().all(|charged| *charged == 0);
        let (mut differences, mut counts) = (Amounts::new(), Amounts::new());
        for ((used, charged), counted) in used.iter().zip(&charged).zip(counted.iter()) {
            let difference = used.saturating_sub(*charged).saturating_sub(*counted);
            let taken = if bypassed { 0 } else { difference.max(charged.saturating_neg()) };
            differences.push(taken);
            counts.push(difference.saturating_sub(taken));
        }
        self.bucket.settle(&self.limits, &differences, &counts)
    }
}

impl Grant {
    /// Every shard gets back what it gave at most; what was used beyond is taken from the first.
    fn end_elsewhere(&mut self, charged: Amounts, used: &[i64]) -> Settlement {
        let mut counted = self.counted.take();
        let mut left = Amounts::new();
        for (index, (used, charged)) in used.iter().zip(&charged).enumerate() {
            let counted = counted.as_mut().and_then(|counted| counted.get_mut(index));
            left.push(used.saturating_sub(*charged).saturating_sub(counted.map_or(0, |counted| *counted)));
        }
        let parts = std::mem::take(&mut self.elsewhere);
        let own = subtract(charged, &parts);
        let parts = std::iter::once((self.bucket.clone(), own)).chain(parts).collect::<Vec<_>>();
        let settlements = parts.into_iter().enumerate().map(|(shard, (bucket, gave))| {
            let mut differences = Amounts::new();
            for (left, gave) in left.iter_mut().zip(&gave) {
                let difference = if *left < 0 {
                    (*left).max(gave.saturating_neg())
                } else if shard == 0 {
                    *left
                } else {
                    0
                };
                *left -= difference;
                differences.push(difference);
            }
            bucket.settle(&self.limits, &differences, &[])
        });
        Settlement::all(settlements)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.charged.iter().chain(self.counted.iter().flat_map(|counted| counted.iter())).any(|amount| *amount != 0)
        {
            let nothing: Amounts = self.charged.iter().map(|_| 0).collect();
            let _ = self.end(&nothing);
        }
    }
}

fn add(amounts: &mut Amounts, more: &[i64]) {
    for (amount, more) in amounts.iter_mut().zip(more) {
        *amount = amount.saturating_add(*more);
    }
}

/// What is left of `amounts` without the parts.
fn subtract(mut amounts: Amounts, parts: &[(Bucket, Amounts)]) -> Amounts {
    for (_, part) in parts {
        for (amount, part) in amounts.iter_mut().zip(part) {
            *amount = amount.saturating_sub(*part);
        }
    }
    amounts
}
