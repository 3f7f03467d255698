//! Looks that read the rows of the buckets.

use std::time::Instant;

use tollgate::RateLimiter;

use super::{
    look::Look,
    ranking::Sort,
    readings::{Rates, Readings},
    seen::Seen,
    source::Source,
};
use crate::{failure::Failure, time};

/// Reads the counters of buckets, and compares them with the look before.
#[derive(Debug)]
pub(super) struct RowLooks {
    source: Source,
    /// The most shards that a look reads.
    sample: Option<u64>,
    readings: Readings,
}

impl RowLooks {
    pub(super) fn new(source: Source, sample: Option<u64>) -> Self {
        let is_complete = source.is_scan() && sample.is_none();
        Self {
            source,
            sample,
            readings: Readings::new(is_complete),
        }
    }

    /// Reads the buckets once.
    pub(super) async fn look(
        &mut self,
        limiter: &RateLimiter,
        sort: Sort,
        most: usize,
    ) -> Result<Seen, Failure> {
        let begun = Instant::now();
        self.readings.begin();
        let mut look = Look::new(sort, most);
        let mut read = 0;
        let mut buckets = self.source.buckets(limiter);
        while self.sample.is_none_or(|most| read < most)
            && let Some((key, state)) = buckets.next().await?
        {
            read += 1;
            if !state.is_expired(time::now()) {
                let rates: Rates = self.readings.note(&key, &state);
                look.add(&key, &state, &rates);
            }
        }
        self.readings.finish();
        let (seconds, kept) = (begun.elapsed().as_secs_f64(), self.readings.bytes());
        Ok(Seen {
            rows: look.into_rows(),
            read,
            is_sample: self.sample.is_some_and(|most| read >= most),
            sentence: format!("{read} buckets read in {seconds:.1} s, {kept} bytes kept"),
            stream: None,
        })
    }
}
