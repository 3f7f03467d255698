//! The gates of a bucket that has several shards. The gate of the first shard keeps the others.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use tokio::sync::oneshot;

use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            gate::{Gate, Shards},
            state::{GateState, Waiter},
        },
        runtime::Permit,
        terms::{Amounts, ChargeContext},
    },
    model::{
        BucketKey, BucketStamps, BucketState, Limit, Limits,
        plan::{self, LedgerDelta},
    },
};

impl Gate {
    /// Returns the number of shards of the bucket, as far as is known.
    pub(crate) fn shard_count(&self) -> u32 {
        self.shards
            .get()
            .map_or(1, |shards| shards.count.load(Ordering::Acquire))
    }

    /// Notes that the bucket has at least `count` shards, unless an image of it is known.
    pub(crate) fn has_shards(&self, count: u32) {
        let now = self.context.clock.now();
        let known = self.peek(now, |state| state.seen.live(now).is_some());
        if !known {
            self.learn_shards(count);
        }
    }

    /// Returns the gate of the bucket's first shard, unless it was evicted.
    pub(crate) fn first(self: &Arc<Self>) -> Option<Arc<Self>> {
        if self.key.shard == 0 {
            Some(self.clone())
        } else {
            self.shards.get()?.first.upgrade()
        }
    }

    /// Notes a shard as a write that no gate has made has left it. Must be called on the gate of the
    /// first shard.
    pub(super) fn was_written(self: &Arc<Self>, shard: u32, state: BucketState) {
        let now = self.context.now();
        if shard == 0 {
            self.lock().saw(Some(state), now);
        } else if let Some(gate) = self.all().get(shard as usize) {
            gate.lock().saw(Some(state), now);
        }
    }

    /// Returns the gates of all shards. Must be called on the gate of the first shard.
    pub(crate) fn all(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let shards = self.shards();
        let mut others = shards.others.lock().unwrap_or_else(PoisonError::into_inner);
        for shard in 1 + others.len() as u32..self.shard_count() {
            let key = BucketKey {
                shard,
                ..self.key.clone()
            };
            let shards = Shards::new(shards.count.clone(), Arc::downgrade(self));
            others.push(Arc::new(Self::with_shards(
                key,
                self.context.clone(),
                shards,
            )));
        }
        std::iter::once(self.clone())
            .chain(others.iter().cloned())
            .collect()
    }

    /// Returns the shard to ask first: the one that granted last. The caller takes it modulo the
    /// number of shards.
    pub(crate) fn preferred(&self) -> usize {
        self.shards().preferred.load(Ordering::Relaxed) as usize
    }

    pub(crate) fn prefer(&self, shard: u32) {
        self.shards().preferred.store(shard, Ordering::Relaxed);
    }

    /// Returns `true` if the request should look at shards that were not seen for a long time.
    /// Only one request at a time gets `true`.
    pub(crate) fn explores(&self) -> bool {
        let trusted_for =
            i64::try_from(self.context.settings.deny_from_memory.as_millis()).unwrap_or(i64::MAX);
        let (now, last) = (
            self.context.clock.now(),
            self.shards().explored_at.load(Ordering::Relaxed),
        );
        let due = now < last || now.saturating_sub(last) >= trusted_for;
        due && self
            .shards()
            .explored_at
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Returns how much more than `amounts` the shard seems to hold after the requests in its
    /// queue: millitokens of the scarcest limit. A shard that was not seen may hold any amount.
    pub(crate) fn headroom(&self, limits: &Limits, amounts: &[i64]) -> i64 {
        let now = self.context.clock.now();
        let state = self.lock();
        let Some(bucket) = state.seen.live(now) else {
            return i64::MAX;
        };
        let left = |(limit, amount): (&Limit, &i64)| {
            let level = plan::projected(bucket, bucket.limit(limit.name())?, &state.pending, now);
            let asked =
                |waiter: &Waiter| Some(waiter.amounts[waiter.limits.index(limit.name().as_str())?]);
            Some(
                state
                    .queue
                    .iter()
                    .filter_map(asked)
                    .fold(level.tokens.saturating_sub(*amount), i64::saturating_sub),
            )
        };
        limits
            .iter()
            .zip(amounts)
            .filter_map(left)
            .min()
            .unwrap_or(i64::MAX)
    }

    /// Notes the number of shards that an item states.
    pub(super) fn learn(&self, bucket: Option<&BucketState>) {
        match bucket {
            // The item of the first shard is authoritative.
            Some(bucket) if self.key.shard == 0 => self.set_shards(bucket.shard_count),
            Some(bucket) => self.learn_shards(bucket.shard_count),
            None => {}
        }
    }

    /// Notes that the bucket has at least `count` shards.
    pub(super) fn learn_shards(&self, count: u32) {
        if count > self.shard_count() {
            self.shards().learn(count);
        }
    }

    /// Notes that the bucket has exactly `count` shards.
    pub(super) fn set_shards(&self, count: u32) {
        if count != self.shard_count() {
            self.shards().set(count);
        }
    }

    /// Returns how much all shards together hold of each of `limits` at `now`, millitokens. This
    /// shard holds `bucket`; the others count by their last images.
    pub(super) fn left(
        self: &Arc<Self>,
        bucket: &BucketState,
        limits: &Limits,
        now: i64,
    ) -> Amounts {
        let none = LedgerDelta::new();
        let held = |state: &BucketState, limit: &Limit, changes: &LedgerDelta| {
            state.limit(limit.name()).map_or(0, |known| {
                plan::projected(state, known, changes, now).tokens
            })
        };
        let mut left: Amounts = limits
            .iter()
            .map(|limit| held(bucket, limit, &none))
            .collect();
        if self.shard_count() > 1
            && let Some(first) = self.first()
        {
            for gate in first.all().iter().filter(|gate| !Arc::ptr_eq(gate, self)) {
                gate.peek(now, |state| {
                    let Some(bucket) = state.seen.live(now) else {
                        return;
                    };
                    for (left, limit) in left.iter_mut().zip(limits.iter()) {
                        *left = left.saturating_add(held(bucket, limit, &state.pending));
                    }
                });
            }
        }
        left
    }

    fn shards(&self) -> &Shards {
        self.shards.get_or_init(|| Box::new(Shards::first()))
    }

    /// Waits for the permit of a store call.
    pub(crate) async fn permit(&self) -> Permit {
        self.context.permits.take().await
    }

    /// Returns `true` if the tokens that were taken ahead from the shard cover all `amounts`.
    pub(crate) fn holds_prefetched(&self, limits: &Limits, amounts: &[i64]) -> bool {
        let now = self.context.clock.now();
        self.peek(now, |state| state.holds_prefetched(limits, amounts, now))
    }

    /// Returns `true` if the shard may grant `amounts`, as far as is known.
    pub(crate) fn may_grant(
        self: &Arc<Self>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &[i64],
    ) -> bool {
        let now = self.context.clock.now();
        let special = self.peek(now, |state| {
            state
                .seen
                .live(now)
                .and_then(|state| state.stamps.as_deref())
                .is_some_and(BucketStamps::admits_more)
        });
        // A bypass or a soft limit may admit more than the shard holds.
        special
            || (self.may_hold(limits, amounts)
                && self.known_denial(limits, context, amounts).is_none())
    }

    /// Returns `true` if the shard holds `amounts` when it is full.
    pub(crate) fn may_hold(&self, limits: &Limits, amounts: &[i64]) -> bool {
        let (now, count) = (self.context.clock.now(), self.shard_count());
        self.peek(now, |state| {
            let bucket = state.seen.live(now);
            limits.iter().zip(amounts).all(|(limit, amount)| {
                let rule = limit.parameters_at(now).shard(self.key.shard, count);
                // A shard may have more than its share of a quota until the period ends.
                let granted = || {
                    let known = bucket?.limit(limit.name())?;
                    let period = known.period().filter(|period| period.ends_at > now);
                    period.map(|_| known.rule_at(now).capacity())
                };
                let share = rule.map_or(0, |rule| rule.capacity());
                limit.is_soft()
                    || share >= *amount
                    || granted().is_some_and(|granted| granted >= *amount)
            })
        })
    }

    /// Notes the amounts that are asked of the bucket, for requests that may not pass this shard's
    /// own queue.
    pub(crate) fn note_asked(&self, limits: &Limits, amounts: &[i64]) {
        let noted = |state: &GateState| {
            limits
                .iter()
                .zip(amounts)
                .all(|(limit, amount)| state.most_asked(limit.name()) >= *amount)
        };
        if !self.peek(self.context.clock.now(), noted) {
            self.lock().asked(limits, amounts);
        }
    }

    /// Returns an error if the store may not be asked: the limiter is shut down, or the breaker is
    /// open.
    pub(crate) fn admits(&self) -> Result<(), Unavailable> {
        if self.context.background.is_closed() {
            return Err(Unavailable::ShutDown);
        }
        if self.context.breaker.admits(|| self.context.clock.now()) {
            Ok(())
        } else {
            Err(Unavailable::BreakerOpen)
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.context.background.spawn(task);
    }

    /// Calls the store in the limiter's own runtime, because the caller may be in another runtime,
    /// or in none. The call begins when a permit is free, unless the receiver is gone by then.
    pub(super) fn call_soon<T: Send + 'static, C: Future<Output = T> + Send>(
        self: &Arc<Self>,
        call: impl FnOnce(Arc<Self>) -> C + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        let gate = self.clone();
        self.spawn(async move {
            let _permit = gate.permit().await;
            if !reply.is_closed() {
                let _ = reply.send(call(gate).await);
            }
        });
        answer
    }

    /// Returns `true` if `time` is further in the future than clocks that are synchronized can
    /// differ.
    pub(crate) fn is_far_before(&self, time: i64) -> bool {
        self.context.now().is_far_before(time)
    }

    pub(crate) fn now(&self) -> i64 {
        self.context.clock.now()
    }
}
