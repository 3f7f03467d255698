//! Asks a gate: decides from what it knows, or queues the request for the next write.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            ask::RequestedAmounts,
            gate::{Gate, LEAST_WAIT},
            grant::{GateDecision, PendingDecision},
            pacing,
            slot::Locked,
            state::Waiter,
            writer,
        },
        terms::{Amounts, BucketDecision, BucketRefusal, ChargeContext, Deadline, Started},
    },
    model::{Limit, LimitStatus, Limits, plan},
};

impl Gate {
    /// Returns the reason why the bucket grants nothing, if a fresh image shows one.
    pub(crate) fn known_refusal(&self) -> Option<BucketRefusal> {
        let now = self.context.clock.now();
        let mut state = self.lock();
        let refusal = state.refuse_from_memory(now, self.context.settings.deny_from_memory)?;
        state.denied_at = now;
        Some(refusal)
    }

    /// Returns the statuses of the limits if a fresh image shows that `amounts` do not fit, and the
    /// request cannot be served from prefetched tokens.
    pub(crate) fn known_denial(
        self: &Arc<Self>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &[i64],
    ) -> Option<Vec<LimitStatus>> {
        let (now, trusted_for) = (
            self.context.clock.now(),
            self.context.settings.deny_from_memory,
        );
        limits.prepare(now);
        let mut state = self.lock();
        if context.prefetch.is_some() && state.holds_prefetched(limits, amounts, now) {
            return None;
        }
        let denial = state.deny_from_memory(
            RequestedAmounts::new(limits, context, amounts),
            now,
            trusted_for,
        )?;
        state.denied_at = now;
        self.write_debt(state);
        Some(denial)
    }

    /// Returns `true` if `amounts` do not fit by the last image, even if that is old, and the
    /// prefetched tokens do not cover them either.
    pub(crate) fn seems_short(
        &self,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &[i64],
    ) -> bool {
        let now = self.context.clock.now();
        self.peek(now, |state| {
            let held = context.prefetch.is_some() && state.holds_prefetched(limits, amounts, now);
            !held
                && state
                    .denial(
                        RequestedAmounts::new(limits, context, amounts),
                        &state.pending,
                        now,
                    )
                    .is_some()
        })
    }

    /// Writes the debts of settled leases at once, if there are any.
    pub(crate) fn write_debts(self: &Arc<Self>) {
        self.write_debt(self.lock());
    }

    /// Writes the debt of settled leases at once, if there is one. The wait of a denied request
    /// counts from that write.
    fn write_debt(self: &Arc<Self>, mut state: Locked<'_>) {
        if state.pending.takes() {
            state.flush_now = true;
            self.start_writing(state);
        }
    }

    /// Returns the statuses of the limits for `amounts`, as far as they are known.
    pub(crate) fn glance(&self, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
        let now = self.context.clock.now();
        self.peek(now, |state| {
            plan::statuses(state.seen.live(now), limits, amounts, &state.pending, now)
        })
    }

    /// Returns the most that the bucket holds of a limit in this period, as far as is known:
    /// millitokens. 0 if nothing is known.
    pub(crate) fn ceiling(&self, limit: &Limit) -> i64 {
        let now = self.context.clock.now();
        self.peek(now, |state| {
            let bucket = state.seen.live(now)?;
            let known = bucket.limit(limit.name())?;
            Some(bucket.rule_with(known, limit, now).capacity())
        })
        .unwrap_or(0)
    }

    /// Asks for `amounts`. Returns the decision if the gate knows it at once; else a future of the
    /// decision, which the caller awaits for at most `deadline`. If the future is dropped, a grant
    /// is given back.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        deadline: Deadline,
    ) -> Started<GateDecision, PendingDecision> {
        if self.context.background.is_closed() {
            return Started::Now(BucketDecision::Unavailable(Unavailable::ShutDown));
        }
        let now = self.context.clock.now();
        let trusted_for = self.context.settings.deny_from_memory;
        limits.prepare(now);
        let mut state = self.lock();
        if let Some(refusal) = state.refuse_from_memory(now, trusted_for) {
            state.denied_at = now;
            return Started::Now(BucketDecision::Refused(refusal));
        }
        // A bucket that was disabled grants nothing, even if the image is old: the store decides.
        let prefetch = context.prefetch;
        let prefetch = prefetch.filter(|_| !context.flags.bypassed && state.refusal(now).is_none());
        if let Some(prefetch) = prefetch {
            state = match self.serve_prefetched(state, limits, context, amounts, prefetch, now) {
                Err(state) => state,
                Ok(grant) => return Started::Now(BucketDecision::Granted(grant)),
            };
        }
        if let Some(statuses) = state.deny_from_memory(
            RequestedAmounts::new(limits, context, amounts),
            now,
            trusted_for,
        ) {
            state.denied_at = now;
            self.write_debt(state);
            return Started::Now(BucketDecision::Denied(statuses));
        }
        let came = pacing::now();
        let until = came.checked_add(deadline.into());
        if let Some(wait) = state.pace.throttled_for(came)
            && wait + self.context.round_trip.mean() > Duration::from(deadline)
        {
            let retry_after = wait.max(LEAST_WAIT);
            return Started::Now(BucketDecision::Unavailable(Unavailable::Throttled {
                retry_after,
            }));
        }
        if !self.context.breaker.admits(|| self.context.clock.now()) {
            return Started::Now(BucketDecision::Unavailable(Unavailable::BreakerOpen));
        }
        let (reply, decision) = oneshot::channel();
        state.asked(limits, amounts);
        state
            .queue
            .push_back(Waiter::new(limits, context, amounts.clone(), until, reply));
        if let Some(prefetch) = context.prefetch {
            self.prefetch_chunk(state, context, amounts, prefetch, now);
            state = self.lock();
        }
        self.start_writing(state);
        Started::Later(PendingDecision::new(decision))
    }

    /// Returns the statuses of `limits` after a fresh read, and `true` if a stamp bypasses the
    /// bucket. One round trip, no write unit.
    pub(crate) async fn statuses(
        self: &Arc<Self>,
        limits: &Limits,
        amounts: &[i64],
    ) -> Result<(Vec<LimitStatus>, bool), Unavailable> {
        let bucket = self
            .call_soon(|gate| async move { gate.read().await })
            .await
            .map_err(|_| Unavailable::RuntimeGone)?
            .map_err(Unavailable::Store)?;
        self.learn(bucket.as_ref());
        let now = self.context.clock.now();
        let live = bucket.as_ref().filter(|bucket| !bucket.is_expired(now));
        let bypassed = live.is_some_and(|bucket| bucket.is_bypassed(now));
        let statuses = self.peek(now, |state| {
            plan::statuses(bucket.as_ref(), limits, amounts, &state.pending, now)
        });
        Ok((statuses, bypassed))
    }

    /// Starts the write loop unless it runs already.
    pub(super) fn start_writing(self: &Arc<Self>, mut state: Locked<'_>) {
        if !std::mem::replace(&mut state.is_writing, true) {
            drop(state);
            writer::start(self);
        }
    }
}
