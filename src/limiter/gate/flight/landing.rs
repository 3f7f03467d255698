//! What came of a batch, for those who wait and for what is pending.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::super::{
    super::{
        bucket::Verdict,
        lease::{Amounts, Grant},
    },
    Gate,
    batch::Batch,
    settling::confirm,
    state::Seen,
};
use crate::{
    error::{SettleError, Unavailable},
    model::{
        BucketState, LimitName, Limits,
        plan::{self, Changes},
    },
    store::{StoreError, StoreErrorKind},
    telemetry::{self, Dropped},
};

/// How often in a row pending differences are tried before they are dropped.
const MOST_FAILURES: u32 = 10;

/// The step of the pauses between these tries, where differences are to be written at once.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// Notes that a condition has failed, for the `races`th time in a row, and what the bucket is instead.
pub(super) fn lose(gate: &Gate, bucket: Option<BucketState>, begun: Instant, races: u32) {
    let mut state = gate.lock();
    // Not where the bucket is short and was asked all the same, or was not known.
    if matches!((&state.seen, &bucket), (Seen::Present(seen), Some(bucket)) if seen.was_changed(bucket)) {
        state.pace.lost(begun, Instant::now(), races);
    }
    state.was_shown(bucket, gate.context.now());
}

/// Tells everybody whose wish the write has fulfilled.
pub(super) fn land(gate: &Arc<Gate>, batch: Batch, bucket: BucketState) {
    let time = gate.context.now();
    let now = time.at;
    let mut state = gate.lock();
    // Limits that were carried alone, for those who still wait: they are decided by what it shows, however short
    // what is known may be trusted. Processes that carry different ones would never come to an end.
    let carried = batch.waiters.is_empty() && batch.wanted.is_some();
    let left = |name: &LimitName| {
        let known = bucket.limit(name);
        known.map_or(0, |known| plan::projected(&bucket, known, &Changes::new(), now).tokens)
    };
    // Mostly they have the same limits.
    let mut last: Option<(Limits, Amounts)> = None;
    let grants: Vec<_> = batch
        .waiters
        .into_iter()
        .map(|waiter| {
            let left = match &last {
                Some((limits, left)) if limits.same(&waiter.limits) => left.clone(),
                _ => {
                    let left: Amounts = waiter.limits.iter().map(|limit| left(limit.name())).collect();
                    last = Some((waiter.limits.clone(), left.clone()));
                    left
                }
            };
            let bucket = gate.bucket(waiter.limits);
            let grant = if batch.bypassed { Grant::bypassed } else { Grant::of };
            let grant = grant(bucket, &waiter.amounts, left);
            (waiter.reply, grant)
        })
        .collect();
    gate.learn(Some(&bucket));
    state.saw(Some(bucket), time);
    state.shown |= carried && !state.queue.is_empty();
    state.failures = 0;
    drop(state);
    for (reply, grant) in grants {
        // Nobody waits for it any more: dropping it gives it back.
        let _ = reply.send(Verdict::Granted(grant));
    }
    confirm(batch.confirmations, &Ok(()));
}

/// Tells a batch's requests that there was no decision, and keeps its differences for later
/// where that is safe.
pub(super) fn fail(gate: &Arc<Gate>, batch: Batch, error: &Unavailable, keep: bool) {
    for waiter in batch.waiters {
        let _ = waiter.reply.send(Verdict::Unavailable(error.clone()));
    }
    if batch.pending.is_empty() && batch.confirmations.is_empty() {
        return;
    }
    let mut state = gate.lock();
    if !state.flush_due {
        // Requests that fail meanwhile do not count: only the settlements' own tries do.
        state.failures += 1;
    }
    let give_up = state.failures >= MOST_FAILURES || (gate.context.background.is_closed() && state.failures > 1);
    if keep && !give_up {
        state.keep_pending(batch.pending, batch.confirmations);
        // Not at once: the flight would turn in circles while the store is down.
        let step = gate.context.settings.flush_after.max(LEAST_PAUSE);
        let pause = step.saturating_mul(2u32.saturating_pow(state.failures.min(6)));
        gate.flush_later(state, pause);
        return;
    }
    state.failures = 0;
    drop(state);
    telemetry::settlement_dropped(&gate.key, Dropped::Store, &error.to_string());
    let lost = match error {
        Unavailable::Store(error) => error.clone(),
        other => StoreError::new(StoreErrorKind::NotApplied, other.to_string()),
    };
    confirm(batch.confirmations, &Err(SettleError::Store(lost)));
}

pub(super) fn drop_pending(gate: &Gate, batch: Batch, reason: &str) {
    if !batch.pending.is_empty() {
        telemetry::settlement_dropped(&gate.key, Dropped::Gone, reason);
    }
    confirm(batch.confirmations, &Err(SettleError::Gone));
}
