//! Prefetch: settings for taking tokens before requests ask for them, and the counters.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

use crate::telemetry;

/// Takes tokens before requests ask for them, and grants requests from memory.
///
/// The size of a chunk follows the rate at which this process asks: what the process needs in one
/// [`interval`](Self::interval), but no more than a [`share`](Self::share) of what the bucket
/// holds. So a bucket that runs short is shared among processes as exactly as without prefetch. The
/// next chunk is taken in the background before the last one runs out. Unused tokens are given back
/// when nobody asks any more, and at [`shutdown`](crate::RateLimiter::shutdown).
///
/// # Costs
/// Each chunk costs a write unit. A process takes one or two chunks in an interval, and more if the
/// share makes chunks smaller than what an interval needs. In a simulation, 800 requests a second
/// for a bucket of 1000 tokens took eight chunks a second. A grant from memory needs no round trip.
/// In return, up to one chunk per process is not available to others, and is lost if the process
/// crashes. Within a [`lifetime`](Self::lifetime), a burst can be one chunk per process larger than
/// without prefetch, because tokens are used later than they are taken. Never more is granted than
/// was taken.
///
/// Tokens of a quota are granted only in the period in which they were charged. What a process holds
/// when it crashes is lost until the period ends. With a monthly quota, that can be weeks.
///
/// Prefetch is worth it if a process asks for the same bucket several times in an interval. With
/// fewer than three requests in an interval nothing is prefetched: each request is a write, as
/// without prefetch.
///
/// ```
/// use std::time::Duration;
/// use tollgate::limiter::Prefetch;
///
/// let prefetch = Prefetch::new().interval(Duration::from_millis(500)).share(20);
/// // The lifetime is three intervals: 1.5 seconds.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "settings do nothing by themselves"]
pub struct Prefetch {
    interval: Duration,
    share: u8,
    lifetime: Option<Duration>,
}

impl Prefetch {
    /// Creates settings for chunks that last a second, take at most 10 % of what the bucket holds,
    /// and expire after three seconds.
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(1),
            share: 10,
            lifetime: None,
        }
    }

    /// Sets the time that a chunk is to last. Default: a second; at least a millisecond.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets the largest part of what the bucket holds that one chunk takes: percent, from 1 to 100.
    /// Default: 10.
    pub fn share(mut self, percent: u8) -> Self {
        self.share = percent.clamp(1, 100);
        self
    }

    /// Sets how long a chunk is used for grants. The tokens that are left of the chunk after this
    /// time are given back. Default: three intervals.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Returns how long a chunk is used for grants.
    pub(crate) fn lifetime_or_default(self) -> Duration {
        self.lifetime.unwrap_or(self.interval.saturating_mul(3))
    }

    pub(crate) fn interval_millis(self) -> i64 {
        i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn interval_or_default(self) -> Duration {
        self.interval
    }

    pub(crate) fn lifetime_millis(self) -> i64 {
        i64::try_from(self.lifetime_or_default().as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn percent(self) -> i64 {
        self.share.into()
    }
}

impl Default for Prefetch {
    fn default() -> Self {
        Self::new()
    }
}

/// The counters of the prefetch since the limiter was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PrefetchStats {
    /// The number of requests that were granted from memory.
    pub served: u64,
    /// The number of requests with prefetch that had to go to the store, or were denied.
    pub missed: u64,
    /// The number of chunks that were taken.
    pub chunks: u64,
    /// The number of chunks that were refused, because the bucket had less by then.
    pub refused: u64,
    /// The number of chunks of which something was given back.
    pub given_back: u64,
}

/// Counts for [`PrefetchStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    served: AtomicU64,
    missed: AtomicU64,
    chunks: AtomicU64,
    refused: AtomicU64,
    given_back: AtomicU64,
}

impl Counters {
    pub(crate) fn served(&self, from_memory: bool, given_back: u64) {
        let counter = if from_memory {
            &self.served
        } else {
            &self.missed
        };
        counter.fetch_add(1, Ordering::Relaxed);
        telemetry::prefetch_served(from_memory);
        self.given_back(given_back, false);
    }

    pub(crate) fn filled(&self, granted: bool) {
        let counter = if granted { &self.chunks } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        telemetry::prefetch_filled(granted);
    }

    pub(crate) fn given_back(&self, chunks: u64, idle: bool) {
        telemetry::prefetch_given_back(chunks, idle);
        if chunks > 0 {
            self.given_back.fetch_add(chunks, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> PrefetchStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PrefetchStats {
            served: read(&self.served),
            missed: read(&self.missed),
            chunks: read(&self.chunks),
            refused: read(&self.refused),
            given_back: read(&self.given_back),
        }
    }
}
