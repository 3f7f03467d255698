//! The rule for a new key if the store is full of buckets in use.

use std::sync::atomic::{AtomicU8, Ordering};

/// Decides how a [`MemoryStore`](super::MemoryStore) handles a new key if it is full and every
/// bucket is in use.
///
/// A bucket that is full again is not in use. Such a bucket is always forgotten first, which
/// changes no decision. A client can make up keys that nothing has checked, so it can fill a store.
///
/// | | the new key | other keys | grants beyond a limit |
/// |---|---|---|---|
/// | `Refuse` | `Error::Unavailable`, in every failure mode | keep their buckets | none |
/// | `Share` | shares a bucket with all other new keys | keep their buckets | none |
/// | `ForgetFullest` | gets a full bucket | one is forgotten | what the forgotten bucket lacked, if its key returns |
///
/// ```
/// use tollgate::{RateLimiter, store::{MemoryStore, WhenFull}};
///
/// let store = MemoryStore::with_capacity(100_000).when_full(WhenFull::Share);
/// let limiter = RateLimiter::builder().build_memory(store);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Refuses the new key with [`Error::Unavailable`](crate::Error::Unavailable), until a bucket
    /// is full again. The kind of the error is
    /// [`StoreErrorKind::Full`](crate::store::StoreErrorKind::Full). A full store is no outage, so
    /// no failure mode lets the request pass.
    #[default]
    Refuse,
    /// Lets the new keys of a resource share overflow buckets, which have the limits of one key. A
    /// store has 64 of them for each resource, or one for each 8192 buckets if those are more. If a
    /// key gets its own bucket later, it begins with the level of its overflow bucket, so nobody
    /// gets more than its limits allow. Leases and denials name the entity `overflow`.
    Share,
    /// Forgets the bucket that would be full first. If its key comes back, it gets a full bucket.
    /// Its grants exceed its limits by what the bucket lacked when it was forgotten.
    ForgetFullest,
}

/// A [`WhenFull`] that can be changed while others read it.
#[derive(Debug, Default)]
pub(super) struct Setting(AtomicU8);

impl Setting {
    pub(super) fn set(&self, rule: WhenFull) {
        self.0.store(rule as u8, Ordering::Relaxed);
    }

    pub(super) fn is(&self, rule: WhenFull) -> bool {
        self.0.load(Ordering::Relaxed) == rule as u8
    }
}
