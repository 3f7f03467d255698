//! Decisions under the bucket's lock: no await, no write to plan, no allocation for a grant.

use std::sync::Arc;

use super::{
    MemoryStore,
    entry::{Entry, KeyParts, Slot},
    state::State,
    store::full,
};
use crate::{
    model::{
        BucketKey, LimitStatus, Limits,
        plan::{self, Changes},
    },
    store::StoreError,
};

/// What is asked of one limit: told what is left, once it is granted.
pub(crate) trait Spend {
    /// Millitokens asked for.
    fn amount(&self) -> i64;

    /// Notes the millitokens that are left.
    fn leave(&mut self, left: i64);
}

impl MemoryStore {
    /// The entry of a bucket, if there is one.
    #[inline]
    pub(crate) fn find(&self, entity: &str, resource: &str) -> Option<Arc<Entry>> {
        self.buckets.find(KeyParts { entity, resource, shard: 0 })
    }

    /// The entry of a bucket, whether or not there is one.
    ///
    /// # Errors
    /// There is no room for another bucket.
    pub(crate) fn claim(&self, key: &BucketKey, now: i64) -> Result<Arc<Entry>, StoreError> {
        self.buckets.claim(key, now).ok_or_else(full)
    }

    /// Makes `spends` (in the order of `limits`) all or nothing.
    ///
    /// # Errors
    /// Where all limits stand, of which one is short.
    #[inline]
    pub(crate) fn spend(
        &self,
        entry: &Entry,
        limits: &Limits,
        spends: &mut [impl Spend],
        now: i64,
    ) -> Result<(), Vec<LimitStatus>> {
        let mut slot = entry.lock();
        let (state, changed) = self.bucket(entry, &mut slot, limits, now);
        let result = match state.take(limits, spends) {
            true => Ok(()),
            false => Err(state.statuses(limits, spends.iter().map(Spend::amount), now)),
        };
        drop(slot);
        if changed {
            self.buckets.hurry(entry);
        }
        result
    }

    /// As [`spend`](Self::spend), of one limit: millitokens that are left.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub(crate) fn spend_one(
        &self,
        entry: &Entry,
        limits: &Limits,
        amount: i64,
        now: i64,
    ) -> Result<i64, Vec<LimitStatus>> {
        let mut slot = entry.lock();
        if let Some(state) = &mut slot.bucket
            && !state.differs(limits)
        {
            state.refill(now);
            return state.take_one(limits, amount).ok_or_else(|| state.statuses(limits, [amount].into_iter(), now));
        }
        drop(slot);
        self.spend_first(entry, limits, amount, now)
    }

    /// As [`spend_one`](Self::spend_one), of a bucket that is new or has other limits.
    #[cold]
    fn spend_first(&self, entry: &Entry, limits: &Limits, amount: i64, now: i64) -> Result<i64, Vec<LimitStatus>> {
        let mut slot = entry.lock();
        let (state, changed) = self.bucket(entry, &mut slot, limits, now);
        let result = state.take_one(limits, amount);
        let result = result.ok_or_else(|| state.statuses(limits, [amount].into_iter(), now));
        drop(slot);
        if changed {
            self.buckets.hurry(entry);
        }
        result
    }

    /// Settles differences (millitokens, in the order of `limits`): positive takes more and may
    /// drive the bucket negative, negative gives back and stops at the capacity.
    pub(crate) fn settle(&self, entry: &Entry, limits: &Limits, differences: &[i64], now: i64) {
        let mut slot = entry.lock();
        match &mut slot.bucket {
            Some(state) => {
                state.refill(now);
                state.settle(limits, differences);
            }
            // Deleted meanwhile: what was used counts all the same.
            None if differences.iter().any(|difference| *difference > 0) => {
                self.bucket(entry, &mut slot, limits, now).0.settle(limits, differences);
            }
            None => {}
        }
        drop(slot);
        if differences.iter().any(|difference| *difference < 0) {
            self.buckets.hurry(entry);
        }
    }

    /// Where `limits` stand in view of a request for `amounts`.
    pub(crate) fn statuses(&self, key: &BucketKey, limits: &Limits, amounts: &[i64], now: i64) -> Vec<LimitStatus> {
        let entry = self.buckets.find(key.into());
        let slot = entry.as_ref().map(|entry| entry.lock());
        let state = slot.as_ref().and_then(|slot| slot.bucket.as_ref()).map(State::to_bucket);
        plan::statuses(state.as_ref(), limits, amounts, &Changes::new(), now)
    }

    /// The bucket, refilled and brought to `limits`, and whether it was changed to be so; a full
    /// one where there is none.
    #[inline]
    fn bucket<'a>(&self, entry: &Entry, slot: &'a mut Slot, limits: &Limits, now: i64) -> (&'a mut State, bool) {
        let state = slot.bucket.get_or_insert_with(|| State::new(limits, self.buckets.recent(entry), now));
        state.refill(now);
        let changed = state.differs(limits);
        if changed {
            state.bring_to(limits, self.buckets.recent(entry));
        }
        (state, changed)
    }
}
