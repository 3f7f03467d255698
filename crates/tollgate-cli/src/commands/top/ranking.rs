//! The hottest buckets: as many as are shown.

use clap::ValueEnum;

use super::bucket_rates::BucketRates;

/// The order of buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Sort {
    /// Most tokens per second of one limit first
    #[default]
    Tokens,
    /// Most writes per second first
    Writes,
    /// Most shards first
    Shards,
    /// The least part of a capacity left first
    Level,
}

/// The first buckets in the order, and no others.
#[derive(Debug)]
pub(super) struct Ranking {
    sort: Sort,
    most: usize,
    /// With their scores, the greatest first.
    rows: Vec<(f64, BucketRates)>,
}

impl Ranking {
    pub(super) fn new(sort: Sort, most: usize) -> Self {
        Self {
            sort,
            most,
            rows: Vec::with_capacity(most + 1),
        }
    }

    /// Adds a bucket if it is among the first.
    pub(super) fn add(&mut self, bucket: BucketRates) {
        let score = self.sort.score(&bucket);
        let place = self.rows.partition_point(|(other, _)| *other >= score);
        if place < self.most {
            self.rows.insert(place, (score, bucket));
            self.rows.truncate(self.most);
        }
    }

    /// Returns the buckets in their order.
    pub(super) fn into_rows(self) -> Vec<BucketRates> {
        self.rows.into_iter().map(|(_, bucket)| bucket).collect()
    }
}

impl Sort {
    fn score(self, bucket: &BucketRates) -> f64 {
        let limits = bucket.limits.iter();
        match self {
            Self::Tokens => limits.fold(0.0, |most, limit| limit.tokens_per_second.max(most)),
            Self::Writes => bucket.writes_per_second.unwrap_or(0.0),
            Self::Shards => bucket.shards.into(),
            Self::Level => limits.fold(f64::NEG_INFINITY, |most, limit| {
                let part = limit.level / limit.capacity.max(0.001);
                most.max(-part)
            }),
        }
    }
}
