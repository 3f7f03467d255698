//! What nearly every lease in memory is: granted by one limit of one bucket.

use std::sync::Arc;

use super::{
    bucket::Bucket,
    deadline::Deadline,
    grant::{self, Grant, Share, Shares},
    holding::{Holding, Holdings},
    memory::{Brought, Pinned, Place},
    settlement::Settlement,
};
use crate::{
    model::{BucketKey, LimitStatus, Limits, Owner},
    store::Entry,
};

/// A grant of a bucket in memory that has one limit, the one that it was made with or that a handle
/// pins. Dropped before it is settled: given back.
///
/// It is a few words that the compiler can keep apart, so that a lease which is committed at once is
/// never put together in memory: copying what was just written, piece by piece, costs more than
/// deciding does. Nothing here may take the address of a lease but where it has to be slow.
#[derive(Debug)]
pub(super) struct One {
    /// `None`: over.
    bucket: Option<Alone>,
    share: Share,
    deadline: Deadline,
}

/// A bucket in memory, and its limits with it.
#[derive(Clone, Debug)]
pub(super) enum Alone {
    Entry(Arc<Entry>),
    Pinned(Arc<Pinned>),
}

impl One {
    #[inline]
    pub(super) fn new(bucket: Alone, share: Share, deadline: Deadline) -> Self {
        Self { bucket: Some(bucket), share, deadline }
    }

    /// The bucket; `None` where it is over.
    pub(super) fn bucket(&self) -> Option<Bucket> {
        self.bucket.clone().map(Alone::into_bucket)
    }

    fn entry(&self) -> Option<&Entry> {
        match self.bucket.as_ref()? {
            Alone::Entry(entry) => Some(entry),
            Alone::Pinned(pinned) => Some(&pinned.entry),
        }
    }

    pub(super) fn key(&self) -> &BucketKey {
        self.entry().map_or(BucketKey::unknown(), Entry::key)
    }

    pub(super) fn limits(&self) -> &Limits {
        match &self.bucket {
            Some(Alone::Entry(entry)) => entry.limits(),
            Some(Alone::Pinned(pinned)) => &pinned.limits,
            None => Limits::unknown(),
        }
    }

    pub(super) fn share(&self) -> &Share {
        &self.share
    }

    pub(super) fn share_mut(&mut self) -> &mut Share {
        &mut self.share
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Where the limit stood when it granted, less what was used beyond.
    pub(super) fn status(&self) -> Option<LimitStatus> {
        let limit = self.limits().first()?;
        Some(LimitStatus { owner: Owner::Entity, ..grant::status_now(limit, &self.share) })
    }

    /// The same as any lease is.
    pub(super) fn take(&mut self) -> Option<Holdings> {
        let grant = Grant::new(self.bucket.take()?.into_bucket(), Shares::One([self.share]));
        Some(Holdings::one(Holding::new(grant, Owner::Entity, false)))
    }

    /// Charges what was really used, and ends it. What was charged already is only let go of.
    #[inline(always)]
    pub(super) fn settle(mut self) -> Settlement {
        if let Some(bucket) = self.bucket.take() {
            let difference = self.share.used.saturating_sub(self.share.charged);
            if difference != 0 {
                bucket.settle(difference);
            }
        }
        Settlement::done()
    }
}

impl Alone {
    fn into_bucket(self) -> Bucket {
        match self {
            Self::Entry(entry) => Bucket::Memory { place: Place::Entry(entry), limits: Brought::Known },
            Self::Pinned(pinned) => Bucket::Pinned(pinned),
        }
    }

    /// In memory that is done at once.
    #[cold]
    fn settle(self, difference: i64) {
        let _ = self.into_bucket().settle(&[difference], &[]);
    }
}

impl Drop for One {
    #[inline]
    fn drop(&mut self) {
        if let Some(bucket) = self.bucket.take() {
            bucket.settle(self.share.charged.saturating_neg());
        }
    }
}
