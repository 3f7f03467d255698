//! Metrics of memory stores: how full they are. Without the feature `metrics` they do nothing.

use super::names;

/// The result for a new key if the store is full of buckets in use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MemoryFull {
    Refused,
    Shared,
    Forgot,
}

/// Counts a new key for which there was no room.
#[cold]
pub(crate) fn memory_was_full(result: MemoryFull) {
    let result = match result {
        MemoryFull::Refused => "refused",
        MemoryFull::Shared => "shared",
        MemoryFull::Forgot => "forgot",
    };
    super::count(names::MEMORY_FULL, &[("result", result)], 1);
}

/// Counts the buckets of all stores. The gauge is set only with `tell`, because that needs a
/// look-up in the recorder.
#[inline]
pub(crate) fn memory_buckets(by: i64, tell: bool) {
    #[cfg(feature = "metrics")]
    {
        use std::sync::atomic::{AtomicI64, Ordering};

        static COUNT: AtomicI64 = AtomicI64::new(0);
        let now = COUNT.fetch_add(by, Ordering::Relaxed).saturating_add(by);
        if tell {
            super::set(names::MEMORY_BUCKETS, now as f64);
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (by, tell);
}

/// Counts the capacity of all stores, in buckets.
pub(crate) fn memory_room(by: i64) {
    #[cfg(feature = "metrics")]
    {
        static ROOM: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
        super::held::move_gauge(names::MEMORY_CAPACITY, &ROOM, by);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = by;
}
