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
    left: Amounts,
}

impl Grant {
    /// `left` is what the bucket held after the charge.
    pub(super) fn new(bucket: Bucket, limits: Limits, charged: Amounts, left: Amounts) -> Self {
        Self { bucket, limits, charged, counted: None, left }
    }

    /// Of a bypassed bucket: `counted` was not charged.
    pub(super) fn bypassed(bucket: Bucket, limits: Limits, counted: Amounts, left: Amounts) -> Self {
        let charged = counted.iter().map(|_| 0).collect();
        Self { bucket, limits, charged, counted: Some(Box::new(counted)), left }
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

    /// Takes over what another grant of the same bucket charged.
    pub(super) fn absorb(&mut self, mut other: Self) {
        add(&mut self.charged, &std::mem::take(&mut other.charged));
        match (&mut self.counted, other.counted.take()) {
            (Some(counted), Some(more)) => add(counted, &more),
            (counted @ None, Some(more)) => *counted = Some(more),
            (_, None) => {}
        }
        self.left = std::mem::take(&mut other.left);
    }

    /// Charges what was really used instead, and ends the grant.
    pub(super) fn settle(mut self, used: &[i64]) -> Settlement {
        self.end(used)
    }

    fn end(&mut self, used: &[i64]) -> Settlement {
        let charged = std::mem::take(&mut self.charged);
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
