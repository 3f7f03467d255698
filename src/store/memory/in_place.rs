//! Decisions under the bucket's lock: without awaiting, without planning a write, and without an
//! allocation for a grant.

use std::sync::Arc;

use super::{
    MemoryStore,
    context::Home,
    entry::{Entry, LockedEntry, LookupKey},
    state::{CompactState, Spend},
    store::full,
    when_full::WhenFull,
};
use crate::{
    model::{
        BucketKey, Denied, KeyParts, LimitStatus, Limits,
        plan::{self, LedgerDelta},
    },
    store::StoreError,
    telemetry::{self, MemoryFull},
};

impl MemoryStore {
    /// Returns the entry of a bucket, if there is one.
    #[inline]
    pub(crate) fn find(
        &self,
        entity: impl AsRef<[u8]>,
        resource: impl AsRef<[u8]>,
    ) -> Option<Arc<Entry>> {
        let (entity, resource) = (entity.as_ref(), resource.as_ref());
        self.buckets.find(LookupKey {
            entity,
            resource,
            shard: 0,
        })
    }

    /// Returns the entry of a bucket. If there is none, a new one is created at `home` with
    /// `limits`.
    ///
    /// # Errors
    /// The store is full.
    pub(crate) fn claim(
        &self,
        key: &BucketKey,
        home: &Arc<Home>,
        limits: &Limits,
        now: i64,
    ) -> Result<Arc<Entry>, StoreError> {
        self.buckets.claim(key, home, limits, now).ok_or_else(full)
    }

    /// Returns the entry of a bucket as [`claim`](Self::claim) does, or the overflow bucket that
    /// new keys share.
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
            let shared = shared
                .then(|| self.buckets.claim_overflow(key, home, limits, now))
                .flatten();
            telemetry::memory_was_full(if shared.is_some() {
                MemoryFull::Shared
            } else {
                MemoryFull::Refused
            });
            shared.ok_or(error)
        })
    }

    /// Returns the entry of a bucket, if there is one, or the overflow bucket that its key would
    /// share.
    pub(crate) fn find_or_shared(&self, key: &BucketKey) -> Option<Arc<Entry>> {
        self.buckets
            .find(key.parts().into())
            .or_else(|| self.buckets.find_overflow(key))
    }
}

impl Entry {
    /// Takes all `spends` (in the order of `limits`) or none.
    ///
    /// # Errors
    /// The status of every limit, if one limit has too few tokens.
    #[inline]
    pub(crate) fn spend(
        &self,
        home: &Home,
        limits: &Limits,
        spends: &mut [impl Spend],
        now: i64,
    ) -> Result<(), Vec<LimitStatus>> {
        limits.prepare(now);
        let mut slot = self.lock();
        if let Some(state) = &mut slot.bucket
            && !state.differs(limits)
        {
            state.refill(now);
            return if state.take(limits, spends) {
                Ok(())
            } else {
                Err(state.statuses(limits, spends.iter().map(Spend::amount), now))
            };
        }
        drop(slot);
        self.spend_all_first(home, limits, spends, now)
    }

    /// Takes more for a lease as [`spend`](Self::spend), from the limits as the bucket has them by
    /// now. They may be newer than those of the lease.
    pub(crate) fn spend_more(
        &self,
        home: &Home,
        limits: &Limits,
        spends: &mut [impl Spend],
        now: i64,
    ) -> Result<(), Vec<LimitStatus>> {
        limits.prepare(now);
        let mut slot = self.lock();
        let known = slot.bucket.as_mut().filter(|state| state.has_all(limits));
        let Some(state) = known else {
            drop(slot);
            return self.spend(home, limits, spends, now);
        };
        state.refill(now);
        if state.take(limits, spends) {
            Ok(())
        } else {
            Err(state.statuses(limits, spends.iter().map(Spend::amount), now))
        }
    }

    /// Does the same as [`spend`](Self::spend) for a bucket that is new or has other limits.
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
        let result = if state.take(limits, spends) {
            Ok(())
        } else {
            Err(state.statuses(limits, spends.iter().map(Spend::amount), now))
        };
        drop(slot);
        if changed {
            home.hurry(self.key());
        }
        result
    }

    /// Takes `amount` from the only limit, as [`spend`](Self::spend). Returns the millitokens that
    /// are left, or the denial. `None` if there are several limits, if the limit is a quota, or if
    /// the store has records.
    ///
    /// Not inlined: the result fits into registers, and the caller stays small.
    #[inline(never)]
    pub(crate) fn spend_one(
        &self,
        home: &Home,
        limits: &Limits,
        amount: i64,
    ) -> Option<Result<i64, Box<Denied>>> {
        if limits.len() != 1 || home.has_records() || limits.have_a_clock() {
            return None;
        }
        let now = home.now();
        let mut slot = self.lock();
        if let Some(state) = &mut slot.bucket
            && !state.differs(limits)
        {
            state.refill(now);
            if let Some(left) = state.take_one(limits, amount) {
                drop(slot);
                // Only a soft limit grants below zero.
                if left < 0 {
                    telemetry::soft_overdrawn(self.key().resource, limits, [left].into_iter());
                }
                return Some(Ok(left));
            }
        }
        drop(slot);
        Some(self.spend_again(home, limits, amount, now))
    }

    /// Does the same as [`spend_one`](Self::spend_one) for a bucket that is new, has other limits
    /// or has too few tokens.
    #[cold]
    fn spend_again(
        &self,
        home: &Home,
        limits: &Limits,
        amount: i64,
        now: i64,
    ) -> Result<i64, Box<Denied>> {
        let mut slot = self.lock();
        let (state, changed) = self.bucket(home, &mut slot, limits, now);
        let result = state.take_one(limits, amount);
        let result = result.ok_or_else(|| state.statuses(limits, [amount].into_iter(), now));
        drop(slot);
        if changed {
            home.hurry(self.key());
        }
        result.map_err(|statuses| self.denied(statuses))
    }

    /// Returns the denial of a request, with the status of its limits.
    #[cold]
    pub(crate) fn denied(&self, statuses: Vec<LimitStatus>) -> Box<Denied> {
        let KeyParts {
            entity, resource, ..
        } = self.key();
        Box::new(Denied::new(entity.clone(), resource.clone(), statuses))
    }

    /// Takes all `spends` (in the order of `limits`) or none, and may leave debts of up to `debts`,
    /// for a request that waits until its debt is refilled. Returns the time at which the debt is
    /// refilled: epoch ms, 0 if there is none.
    ///
    /// # Errors
    /// The status of every limit, if one of them would owe more.
    pub(crate) fn reserve(
        &self,
        home: &Home,
        limits: &Limits,
        spends: &mut [impl Spend],
        debts: &[i64],
        now: i64,
    ) -> Result<i64, Vec<LimitStatus>> {
        limits.prepare(now);
        let mut slot = self.lock();
        let (state, changed) = self.bucket(home, &mut slot, limits, now);
        let starts_at = state.reserve(limits, spends, debts);
        let result =
            starts_at.ok_or_else(|| state.statuses(limits, spends.iter().map(Spend::amount), now));
        drop(slot);
        if changed {
            home.hurry(self.key());
        }
        result
    }

    /// Counts all `spends` (in the order of `limits`) as consumed, for a bypassed bucket, and takes
    /// nothing.
    pub(crate) fn count(&self, home: &Home, limits: &Limits, spends: &mut [impl Spend], now: i64) {
        let mut slot = self.lock();
        let (state, changed) = self.bucket(home, &mut slot, limits, now);
        state.count(limits, spends);
        drop(slot);
        if changed {
            home.hurry(self.key());
        }
    }

    /// Counts differences (millitokens, in the order of the limits) as consumed.
    pub(crate) fn count_differences(&self, limits: &Limits, differences: &[i64]) {
        if let Some(state) = &mut self.lock().bucket {
            state.count_differences(limits, differences);
        }
    }

    /// Settles differences (millitokens, in the order of the limits). A positive difference takes
    /// more and may make the level negative. A negative difference gives back, up to the capacity,
    /// and to a quota only in its period of `periods`.
    pub(crate) fn settle(
        &self,
        home: &Home,
        limits: &Limits,
        differences: &[i64],
        periods: &[i64],
        now: i64,
    ) {
        limits.prepare(now);
        let mut slot = self.lock();
        match &mut slot.bucket {
            Some(state) => {
                state.refill(now);
                state.settle(limits, differences, periods);
            }
            // The bucket was deleted in the meantime. The used tokens are charged nevertheless.
            None if differences.iter().any(|difference| *difference > 0) => {
                self.bucket(home, &mut slot, limits, now)
                    .0
                    .settle(limits, differences, periods);
            }
            None => {}
        }
        drop(slot);
        if differences.iter().any(|difference| *difference < 0) {
            home.hurry(self.key());
        }
    }

    /// Returns the ends of the periods of `limits`: epoch ms, 0 for a token bucket.
    pub(crate) fn periods(&self, limits: &Limits) -> Vec<i64> {
        let slot = self.lock();
        let state = slot.bucket.as_ref();
        state.map_or_else(Vec::new, |state| state.periods(limits))
    }

    /// Returns the status of `limits` for a request that asks for `amounts`.
    pub(crate) fn statuses(
        entry: Option<&Self>,
        limits: &Limits,
        amounts: &[i64],
        now: i64,
    ) -> Vec<LimitStatus> {
        let state =
            entry.and_then(|entry| entry.lock().bucket.as_ref().map(CompactState::to_bucket));
        plan::statuses(state.as_ref(), limits, amounts, &LedgerDelta::new(), now)
    }

    /// Returns the bucket, refilled and with the parameters of `limits`, and `true` if the
    /// parameters are new to it. Creates a full bucket if there is none.
    fn bucket<'a>(
        &self,
        home: &Home,
        slot: &'a mut LockedEntry,
        limits: &Limits,
        now: i64,
    ) -> (&'a mut CompactState, bool) {
        let make = || {
            home.with_schemas(self.key(), |schemas| {
                CompactState::new(limits, schemas, now)
            })
        };
        let state = slot.bucket.get_or_insert_with(make);
        let changed = state.differs(limits);
        if changed {
            home.with_schemas(self.key(), |schemas| state.bring_to(limits, schemas, now));
        } else {
            state.refill(now);
        }
        (state, changed)
    }
}
