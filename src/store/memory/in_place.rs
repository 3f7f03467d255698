//! Decisions under the bucket's lock: no await, no write to plan, no allocation for a grant.

use std::sync::Arc;

use super::{
    MemoryStore,
    entry::{Entry, Slot, Wanted},
    home::Home,
    state::State,
    store::full,
    when_full::WhenFull,
};
use crate::{
    model::{
        BucketKey, Denied, KeyParts, LimitStatus, Limits,
        plan::{self, Changes},
    },
    store::StoreError,
    telemetry::{self, MemoryFull},
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
    pub(crate) fn find(&self, entity: impl AsRef<[u8]>, resource: impl AsRef<[u8]>) -> Option<Arc<Entry>> {
        let (entity, resource) = (entity.as_ref(), resource.as_ref());
        self.buckets.find(Wanted { entity, resource, shard: 0 })
    }

    /// The entry of a bucket, whether or not there is one: a new one is made at `home`, with `limits`.
    ///
    /// # Errors
    /// There is no room for another bucket.
    pub(crate) fn claim(
        &self,
        key: &BucketKey,
        home: &Arc<Home>,
        limits: &Limits,
        now: i64,
    ) -> Result<Arc<Entry>, StoreError> {
        self.buckets.claim(key, home, limits, now).ok_or_else(full)
    }

    /// The entry of a bucket as [`claim`](Self::claim), or the one that new keys share.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    pub(crate) fn claim_or_share(
        &self,
        key: &BucketKey,
        home: &Arc<Home>,
        limits: &Limits,
        now: i64,
    ) -> Result<Arc<Entry>, StoreError> {
        self.claim(key, home, limits, now).or_else(|error| {
            let shared = self.buckets.when_full().is(WhenFull::Share);
            let shared = shared.then(|| self.buckets.claim_overflow(key, home, limits, now)).flatten();
            telemetry::memory_was_full(if shared.is_some() { MemoryFull::Shared } else { MemoryFull::Refused });
            shared.ok_or(error)
        })
    }

    /// The entry of a bucket, if there is one, or the one that its key would share.
    pub(crate) fn find_or_shared(&self, key: &BucketKey) -> Option<Arc<Entry>> {
        self.buckets.find(key.parts().into()).or_else(|| self.buckets.find_overflow(key))
    }
}

impl Entry {
    /// Makes `spends` (in the order of `limits`) all or nothing.
    ///
    /// # Errors
    /// Where all limits stand, of which one is short.
    #[inline]
    pub(crate) fn spend(
        &self,
        home: &Home,
        limits: &Limits,
        spends: &mut [impl Spend],
        now: i64,
    ) -> Result<(), Vec<LimitStatus>> {
        let mut slot = self.lock();
        if let Some(state) = &mut slot.bucket
            && !state.differs(limits)
        {
            state.refill(now);
            return match state.take(limits, spends) {
                true => Ok(()),
                false => Err(state.statuses(limits, spends.iter().map(Spend::amount), now)),
            };
        }
        drop(slot);
        self.spend_all_first(home, limits, spends, now)
    }

    /// As [`spend`](Self::spend), of a bucket that is new or has other limits.
    #[cold]
    fn spend_all_first(
        &self,
        home: &Home,
        limits: &Limits,
        spends: &mut [impl Spend],
        now: i64,
    ) -> Result<(), Vec<LimitStatus>> {
        let mut slot = self.lock();
        let (state, changed) = self.bucket(home, &mut slot, limits, now);
        let result = match state.take(limits, spends) {
            true => Ok(()),
            false => Err(state.statuses(limits, spends.iter().map(Spend::amount), now)),
        };
        drop(slot);
        if changed {
            home.hurry(self);
        }
        result
    }

    /// As [`spend`](Self::spend), of one limit: millitokens that are left, or the denial. `None` where
    /// there are several limits, or something is stored.
    ///
    /// Not inlined: its answer fits into registers, and what asks stays small.
    #[inline(never)]
    pub(crate) fn spend_one(&self, home: &Home, limits: &Limits, amount: i64) -> Option<Result<i64, Box<Denied>>> {
        if limits.len() != 1 || home.has_records() {
            return None;
        }
        let now = home.now();
        let mut slot = self.lock();
        if let Some(state) = &mut slot.bucket
            && !state.differs(limits)
        {
            state.refill(now);
            if let Some(left) = state.take_one(limits, amount) {
                return Some(Ok(left));
            }
        }
        drop(slot);
        Some(self.spend_again(home, limits, amount, now))
    }

    /// As [`spend_one`](Self::spend_one), of a bucket that is new, has other limits or is short.
    #[cold]
    fn spend_again(&self, home: &Home, limits: &Limits, amount: i64, now: i64) -> Result<i64, Box<Denied>> {
        let mut slot = self.lock();
        let (state, changed) = self.bucket(home, &mut slot, limits, now);
        let result = state.take_one(limits, amount);
        let result = result.ok_or_else(|| state.statuses(limits, [amount].into_iter(), now));
        drop(slot);
        if changed {
            home.hurry(self);
        }
        result.map_err(|statuses| self.denied(statuses))
    }

    /// The denial of a request, with where its limits stand.
    #[cold]
    pub(crate) fn denied(&self, statuses: Vec<LimitStatus>) -> Box<Denied> {
        let KeyParts { entity, resource, .. } = self.key();
        Box::new(Denied::new(entity.clone(), resource.clone(), statuses))
    }

    /// Makes `spends` (in the order of `limits`) all or nothing, and may owe up to `debts` then, for a request that
    /// waits until that is refilled. Returns when that is: epoch ms, 0 if nothing is owed.
    ///
    /// # Errors
    /// Where all limits stand, if one of them would owe more.
    pub(crate) fn reserve(
        &self,
        home: &Home,
        limits: &Limits,
        spends: &mut [impl Spend],
        debts: &[i64],
        now: i64,
    ) -> Result<i64, Vec<LimitStatus>> {
        let mut slot = self.lock();
        let (state, changed) = self.bucket(home, &mut slot, limits, now);
        let starts_at = state.reserve(limits, spends, debts);
        let result = starts_at.ok_or_else(|| state.statuses(limits, spends.iter().map(Spend::amount), now));
        drop(slot);
        if changed {
            home.hurry(self);
        }
        result
    }

    /// Settles differences (millitokens, in the order of the limits): positive takes more and may
    /// drive the bucket negative, negative gives back and stops at the capacity.
    pub(crate) fn settle(&self, home: &Home, limits: &Limits, differences: &[i64], now: i64) {
        let mut slot = self.lock();
        match &mut slot.bucket {
            Some(state) => {
                state.refill(now);
                state.settle(limits, differences);
            }
            // Deleted meanwhile: what was used counts all the same.
            None if differences.iter().any(|difference| *difference > 0) => {
                self.bucket(home, &mut slot, limits, now).0.settle(limits, differences);
            }
            None => {}
        }
        drop(slot);
        if differences.iter().any(|difference| *difference < 0) {
            home.hurry(self);
        }
    }

    /// Where `limits` of a bucket stand in view of a request for `amounts`.
    pub(crate) fn statuses(entry: Option<&Self>, limits: &Limits, amounts: &[i64], now: i64) -> Vec<LimitStatus> {
        let state = entry.and_then(|entry| entry.lock().bucket.as_ref().map(State::to_bucket));
        plan::statuses(state.as_ref(), limits, amounts, &Changes::new(), now)
    }

    /// The bucket, refilled and brought to `limits`, and whether it was changed to be so; a full
    /// one where there is none.
    fn bucket<'a>(&self, home: &Home, slot: &'a mut Slot, limits: &Limits, now: i64) -> (&'a mut State, bool) {
        let make = || home.with_recent(self, |recent| State::new(limits, recent, now));
        let state = slot.bucket.get_or_insert_with(make);
        state.refill(now);
        let changed = state.differs(limits);
        if changed {
            home.with_recent(self, |recent| state.bring_to(limits, recent));
        }
        (state, changed)
    }
}
