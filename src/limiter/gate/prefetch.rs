//! Grants from prefetched tokens, and takes the chunks of tokens for that.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    limiter::{
        gate::{
            gate::Gate,
            grant::GateGrant,
            prefetch_pool::PrefetchPool,
            slot::Locked,
            state::{GateState, Waiter},
        },
        terms::{Amounts, BucketDecision, ChargeContext, Prefetch},
    },
    model::{Limit, LimitState, Limits, Resource, plan},
};

/// The shortest time between two checks for chunks that nobody uses.
const LEAST_PERIOD: Duration = Duration::from_millis(1);

impl GateState {
    /// Grants `amounts` from the prefetched tokens. Returns what is left afterwards and the periods
    /// in which the tokens were charged, or `None` if there is not enough; and the number of chunks
    /// that were given back.
    fn serve(
        &mut self,
        resource: &Resource,
        limits: &Limits,
        amounts: &[i64],
        prefetch: Prefetch,
        now: i64,
    ) -> (Option<(Amounts, Amounts)>, u64) {
        let pool = self
            .prefetch_pool
            .get_or_insert_with(|| Box::new(PrefetchPool::new(resource, limits, now)));
        let same = pool.is_of(limits);
        let released = pool.release(&mut self.pending, now, !same);
        if !same {
            pool.begin_anew(resource, limits, now);
        }
        if !pool.serve(amounts, prefetch, now) {
            return (None, released);
        }
        let (held, periods) = (pool.held().clone(), pool.periods().clone());
        let left = |(limit, held): (&Limit, &i64)| {
            let stored = self.stored(limit, now).unwrap_or(0);
            stored.max(0).saturating_add(*held)
        };
        let left = limits.iter().zip(&held).map(left).collect();
        (Some((left, periods)), released)
    }

    /// Returns the tokens that the bucket holds of a limit by the last image, millitokens.
    fn stored(&self, limit: &Limit, now: i64) -> Option<i64> {
        let state = self.seen.live(now)?;
        Some(plan::projected(state, state.limit(limit.name())?, &self.pending, now).tokens)
    }

    /// Returns the chunk to prefetch now, if one is due.
    fn chunk(&self, amounts: &[i64], prefetch: Prefetch, now: i64) -> Option<(Limits, Amounts)> {
        let pool = self.prefetch_pool.as_ref()?;
        // With a stamp that admits more than the bucket holds, tokens are not worth the same.
        let stamps = self.seen.live(now)?.stamps.as_deref();
        if stamps.is_some_and(|stamps| !stamps.only_date_the_numbers()) {
            return None;
        }
        let share = i128::from(prefetch.percent());
        pool.chunk(amounts, |limit| {
            Some(i128::from(self.stored(limit, now)?.max(0)) * share / 100)
        })
    }

    /// Returns the time until which tokens that were charged in `periods` may be granted: epoch ms.
    /// Then a period ends, or a schedule changes the numbers. Returns `None` if the bucket is not in
    /// these periods any more.
    fn usable_until(&self, limits: &Limits, periods: &[i64], now: i64) -> Option<i64> {
        let Some(bucket) = self.seen.live(now) else {
            return (!limits.have_a_clock()).then_some(i64::MAX);
        };
        let mut until = i64::MAX;
        for (limit, period) in limits.iter().zip(periods) {
            let known = bucket.limit(limit.name());
            if known.map_or(0, LimitState::period_id) != *period {
                return None;
            }
            let end = known.and_then(LimitState::changes_at);
            until = until.min(end.unwrap_or(i64::MAX));
        }
        Some(until)
    }

    /// Settles differences of charges in `periods` with the tokens that were taken ahead, as far as
    /// possible. The rest stays in `differences`.
    pub(super) fn settle_prefetched(
        &mut self,
        limits: &Limits,
        differences: &mut Amounts,
        periods: &[i64],
    ) {
        if let Some(pool) = self
            .prefetch_pool
            .as_mut()
            .filter(|pool| pool.is_of(limits))
        {
            pool.settle(differences, periods);
        }
    }

    /// Returns `true` if the tokens that were taken ahead cover all `amounts`.
    pub(super) fn holds_prefetched(&self, limits: &Limits, amounts: &[i64], now: i64) -> bool {
        self.prefetch_pool
            .as_ref()
            .is_some_and(|pool| pool.holds(limits, amounts, now))
    }
}

impl Gate {
    /// Grants `amounts` from the tokens that were taken ahead, and takes another chunk if they will
    /// soon run out. Returns the grant, or the lock if there is not enough.
    pub(super) fn serve_prefetched<'a>(
        self: &'a Arc<Self>,
        mut state: Locked<'a>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        prefetch: Prefetch,
        now: i64,
    ) -> Result<GateGrant, Locked<'a>> {
        let (served, released) = state.serve(&self.key.resource, limits, amounts, prefetch, now);
        self.context.prefetched.served(served.is_some(), released);
        if released > 0 {
            self.flush_later(state, self.context.settings.flush_after);
            state = self.lock();
        }
        // If there are too few tokens here, the request goes to the store itself, and the caller
        // queues the chunk behind the request.
        let Some((left, periods)) = served else {
            return Err(state);
        };
        self.prefetch_chunk(state, context, amounts, prefetch, now);
        let grant = GateGrant::new(self.clone(), limits.clone(), amounts.clone(), left);
        Ok(grant.in_periods(&periods))
    }

    /// Takes a chunk ahead, if one is due.
    pub(super) fn prefetch_chunk(
        self: &Arc<Self>,
        mut state: Locked<'_>,
        context: &ChargeContext,
        amounts: &[i64],
        prefetch: Prefetch,
        now: i64,
    ) {
        let Some((limits, chunk)) = state.chunk(amounts, prefetch, now) else {
            return;
        };
        let (reply, answer) = oneshot::channel();
        if let Some(pool) = &mut state.prefetch_pool {
            pool.filling = true;
        }
        state.queue.push_back(Waiter::new(
            &limits,
            &context.impatient(),
            chunk,
            None,
            reply,
        ));
        self.start_writing(state);
        let gate = self.clone();
        self.context.background.spawn(async move {
            let granted = match answer.await {
                Ok(BucketDecision::Granted(grant)) => grant.into_chunk(),
                _ => None,
            };
            gate.context.prefetched.filled(granted.is_some());
            gate.hold(&limits, granted, prefetch);
        });
    }

    /// Adds a chunk to the pool if it was granted.
    fn hold(
        self: &Arc<Self>,
        limits: &Limits,
        granted: Option<(Amounts, Amounts)>,
        prefetch: Prefetch,
    ) {
        let now = self.context.clock.now();
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(pool) = &mut state.prefetch_pool else {
            return;
        };
        pool.filling = false;
        let Some((granted, periods)) = granted else {
            return;
        };
        let same = pool.is_of(limits);
        let usable_until = state.usable_until(limits, &periods, now);
        let pool = state.prefetch_pool.as_mut().filter(|_| same);
        let (Some(pool), Some(usable_until)) = (pool, usable_until) else {
            // The pool has been started again with other limits, or the period is over, so give the
            // chunk back.
            let granted = granted.iter().zip(&periods);
            for (limit, (amount, period)) in limits.iter().zip(granted) {
                let pending = &mut state.pending;
                pending.settle_in(limit.name(), amount.saturating_neg(), *period);
            }
            self.flush_later(guard, self.context.settings.flush_after);
            return;
        };
        let until = now.saturating_add(prefetch.lifetime_millis());
        let until = until.min(usable_until);
        let released = pool.put(granted, periods, until, &mut state.pending);
        let kept = std::mem::replace(&mut pool.kept, true);
        self.context.prefetched.given_back(released, false);
        if released > 0 {
            self.flush_later(guard, self.context.settings.flush_after);
        }
        if !kept {
            self.give_back_later(prefetch);
        }
    }

    /// Gives back the chunks that nobody uses or that are too old, until none is left.
    fn give_back_later(self: &Arc<Self>, prefetch: Prefetch) {
        // No chunk is kept for longer than its lifetime, even if the interval is longer.
        let period = prefetch
            .interval_or_default()
            .min(prefetch.lifetime_or_default())
            .max(LEAST_PERIOD);
        let gate = self.clone();
        self.context.background.after(period, move |alive| {
            if alive && gate.give_back_unused(prefetch) {
                gate.give_back_later(prefetch);
            }
        });
    }

    /// Gives back the chunks that nobody uses or that are too old. Returns `true` if chunks are
    /// left.
    fn give_back_unused(self: &Arc<Self>, prefetch: Prefetch) -> bool {
        let now = self.context.clock.now();
        let closed = self.context.background.is_closed();
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(pool) = &mut state.prefetch_pool else {
            return false;
        };
        let all = closed || pool.is_unused(prefetch, now);
        let released = pool.release(&mut state.pending, now, all);
        let left = !pool.is_drained();
        pool.kept = left;
        self.context.prefetched.given_back(released, all);
        if released > 0 {
            self.flush_later(guard, self.context.settings.flush_after);
        }
        left
    }
}
