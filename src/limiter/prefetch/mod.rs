//! Tokens that are taken ahead of the requests for them: the settings, and the pool that holds them.

mod pool;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

pub(super) use self::pool::Pool;
use crate::telemetry;

/// Takes tokens ahead, and grants from memory what was taken.
///
/// A chunk follows the rate at which this process asks: what it needs in one
/// [`interval`](Self::interval), but no more than a [`share`](Self::share) of what the bucket holds, so
/// that a bucket that runs short is shared as exactly as without. It is filled up in the background
/// before it runs out, and given back where nobody asks any more and at
/// [`shutdown`](crate::RateLimiter::shutdown).
///
/// # What it costs
/// A write unit for each chunk: one or two in an interval, and more where the share makes chunks smaller
/// than what an interval needs (eight a second for 800 requests a second from a bucket of 1000 tokens, as
/// simulated). A grant from memory takes no round trip. The price: up to one chunk per process is not there for others, and is lost where the process
/// crashes. Within a [`lifetime`](Self::lifetime), a burst can be one chunk per process larger than
/// without, because what was taken ahead is used later; never more is granted than was taken.
///
/// It pays where a process asks for the same bucket several times in an interval. Fewer than three requests
/// in an interval take nothing ahead: each is a write, as without.
///
/// ```
/// use std::time::Duration;
/// use tollgate::limiter::Prefetch;
///
/// let prefetch = Prefetch::new().interval(Duration::from_millis(500)).share(20);
/// assert_eq!(prefetch.lifetime_or_default(), Duration::from_millis(1500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "settings do nothing by themselves"]
pub struct Prefetch {
    interval: Duration,
    share: u8,
    lifetime: Option<Duration>,
}

impl Prefetch {
    /// A chunk for a second, of at most 10 % of what the bucket holds, good for three seconds.
    pub fn new() -> Self {
        Self { interval: Duration::from_secs(1), share: 10, lifetime: None }
    }

    /// The time that a chunk is to last. Default: a second; at least a millisecond.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }

    /// The most of what the bucket holds that one chunk takes: percent, from 1 to 100. Default: 10.
    pub fn share(mut self, percent: u8) -> Self {
        self.share = percent.clamp(1, 100);
        self
    }

    /// How long after it was taken a chunk is granted from; what is left of it then is given back.
    /// Default: three intervals.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How long a chunk is granted from.
    pub fn lifetime_or_default(self) -> Duration {
        self.lifetime.unwrap_or(self.interval.saturating_mul(3))
    }

    pub(super) fn interval_millis(self) -> i64 {
        i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn interval_or_default(self) -> Duration {
        self.interval
    }

    pub(super) fn lifetime_millis(self) -> i64 {
        i64::try_from(self.lifetime_or_default().as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn percent(self) -> i64 {
        self.share.into()
    }
}

impl Default for Prefetch {
    fn default() -> Self {
        Self::new()
    }
}

/// What taking ahead has done since the limiter was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PrefetchStats {
    /// Requests that were granted from memory.
    pub served: u64,
    /// Requests that asked for it and had to go to the store, or were denied.
    pub missed: u64,
    /// Chunks that were taken.
    pub chunks: u64,
    /// Chunks that were refused, because the bucket had less by then.
    pub refused: u64,
    /// Chunks of which something was given back.
    pub given_back: u64,
}

/// Counts for [`PrefetchStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    served: AtomicU64,
    missed: AtomicU64,
    chunks: AtomicU64,
    refused: AtomicU64,
    given_back: AtomicU64,
}

impl Counters {
    pub(super) fn served(&self, from_memory: bool, given_back: u64) {
        let counter = if from_memory { &self.served } else { &self.missed };
        counter.fetch_add(1, Ordering::Relaxed);
        telemetry::prefetch_served(from_memory);
        self.given_back(given_back, false);
    }

    pub(super) fn filled(&self, granted: bool) {
        let counter = if granted { &self.chunks } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        telemetry::prefetch_filled(granted);
    }

    pub(super) fn given_back(&self, chunks: u64, idle: bool) {
        telemetry::prefetch_given_back(chunks, idle);
        if chunks > 0 {
            self.given_back.fetch_add(chunks, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> PrefetchStats {
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
