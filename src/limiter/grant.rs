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
    charged: Amounts,
    left: Amounts,
    settled: bool,
}

impl Grant {
    /// `left` is what the bucket held after the charge.
    #[inline]
    pub(super) fn new(bucket: Bucket, charged: Amounts, left: Amounts) -> Self {
        Self { bucket, charged, left, settled: false }
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

    /// Takes over what another grant of the same bucket charged.
    pub(super) fn absorb(&mut self, mut other: Self) {
        other.settled = true;
        for (charged, more) in self.charged.iter_mut().zip(&other.charged) {
            *charged = charged.saturating_add(*more);
        }
        self.left = std::mem::take(&mut other.left);
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
        let differences: Amounts =
            used.iter().zip(&self.charged).map(|(used, charged)| used.saturating_sub(*charged)).collect();
        self.bucket.settle(&differences)
    }
}

impl Drop for Grant {
    #[inline]
    fn drop(&mut self) {
        if !self.settled && self.charged.iter().any(|charged| *charged != 0) {
            let back: Amounts = self.charged.iter().map(|charged| charged.saturating_neg()).collect();
            let _ = self.bucket.settle(&back);
        }
    }
}
