//! Handles the result of a write: answers the requests of its batch, and keeps or drops its
//! differences.

use std::sync::Arc;

use super::retry::{MOST_FAILURES, MOST_RACES, pause_of_settlement};
use crate::{
    error::{SettleError, Unavailable},
    limiter::{
        gate::{
            batch::{Batch, spend},
            confirmation::confirm,
            gate::{Gate, LEAST_WAIT},
            grant::{GateDecision, GateGrant},
            headroom::Headroom,
            pacing,
            state::Waiter,
            writer::pending_write::{PendingWrite, Write},
        },
        terms::{Amounts, BucketDecision, ConfigVersion},
    },
    model::{
        BucketStamps, BucketState, Level, Limit, Limits, ParentLink,
        plan::{self, LedgerDelta},
    },
    store::{StoreError, StoreErrorKind},
    telemetry::{self, Dropped},
};

/// Handles a write that was refused: keeps the image that came back, denies the requests that did
/// not fit, and puts the others back. Only the refill up to the time at which the write was planned
/// counts.
pub(super) fn refuse(
    gate: &Gate,
    Write {
        mut batch,
        pending_write,
    }: Write,
    bucket: Option<BucketState>,
) {
    // The refill up to the arrival of the write does not count: others take it before a second try
    // arrives. In a simulation that counted it, 64 processes at a distance of 20 ms asked for twice
    // the limit: 73 % of the writes failed instead of 44 %, and nearly half of the requests had no
    // decision in time.
    let planned_at = pending_write.planned_at();
    let time = gate.context.now();
    let mut state = gate.lock();
    gate.miss(&state, bucket.as_ref());
    let mut decisions = Vec::new();
    // Deny nothing if a wrong clock has left the refill time far in the future, or if somebody has
    // changed the limits.
    let limits = batch.limits.as_deref().unwrap_or_default();
    let shows = |bucket: &&BucketState| {
        let has_ended = |stamps: &BucketStamps| stamps.has_ended(time.at);
        !bucket.stamps.as_deref().is_some_and(has_ended)
            && !time.is_far_before(bucket.refilled_at)
            && !plan::differs(bucket, limits)
    };
    match bucket
        .as_ref()
        .filter(shows)
        .filter(|bucket| plan::is_short(bucket, &batch.changes, planned_at))
    {
        Some(bucket) => {
            if state.others.are_there(time.at) {
                let processes = state.others.processes();
                state
                    .pace
                    .found_too_little(refill_of(bucket, &batch), processes, pacing::now());
            }
            decisions = deny_short(bucket, &mut batch, (planned_at, time.at));
            state.found_at = Some(planned_at);
        }
        None => {
            batch
                .waiters
                .iter_mut()
                .for_each(|waiter| waiter.races += 1);
            let lost = batch
                .waiters
                .extract_if(.., |waiter| waiter.races >= MOST_RACES);
            decisions.extend(
                lost.map(|waiter| (waiter, BucketDecision::Unavailable(Unavailable::Contended))),
            );
            state.takes_refused += u32::from(batch.pending.takes());
        }
    }
    match &bucket {
        Some(bucket) => state.others.saw(
            bucket,
            &LedgerDelta::new(),
            pending_write.id(),
            gate.written_at(time.at),
        ),
        None => state.others.forget(),
    }
    state.put_back(batch);
    state.was_shown(bucket, time);
    drop(state);
    for (waiter, decision) in decisions {
        waiter.answer(decision);
    }
}

/// Denies the requests of a batch that do not fit by the refill up to `at`. The others stay in the
/// batch.
fn deny_short(
    bucket: &BucketState,
    batch: &mut Batch,
    (at, now): (i64, i64),
) -> Vec<(Waiter, GateDecision)> {
    let Some(limits) = &batch.limits else {
        return Vec::new();
    };
    let mut taken = batch.pending.clone();
    let mut room = Headroom::new(Some(bucket), Some(limits), &taken, at);
    let mut denied = Vec::new();
    for waiter in std::mem::take(&mut batch.waiters) {
        if room.take(waiter.requested()) {
            spend(&mut taken, &waiter, bucket.shard_count);
            batch.waiters.push(waiter);
        } else {
            let mut statuses =
                plan::statuses(Some(bucket), &waiter.limits, &waiter.amounts, &taken, at);
            // The available tokens count as of `at`, the wait from `now` on. A wait of zero would
            // be no denial.
            let later = plan::statuses(Some(bucket), &waiter.limits, &waiter.amounts, &taken, now);
            for (status, later) in statuses
                .iter_mut()
                .zip(later)
                .filter(|(status, _)| status.exceeded())
            {
                status.retry_after = later.retry_after.map(|wait| wait.max(LEAST_WAIT));
                status.reset_after = later.reset_after;
            }
            denied.push((waiter, BucketDecision::Denied(statuses)));
        }
    }
    denied
}

/// Returns the time in which the first request of a batch is refilled, ms.
fn refill_of(bucket: &BucketState, batch: &Batch) -> f64 {
    let Some(waiter) = batch.waiters.first() else {
        return 0.0;
    };
    let refill = |(limit, amount): (&Limit, &i64)| {
        let rule = bucket.limit(limit.name())?.rule_at(bucket.refilled_at);
        rule.wait(Level::default(), (*amount).min(rule.capacity()))
    };
    let most = waiter
        .limits
        .iter()
        .zip(&waiter.amounts)
        .filter_map(refill)
        .max();
    most.unwrap_or(0) as f64
}

/// Handles a write that was done: grants the requests of its batch and confirms its settlements.
pub(super) fn apply(
    gate: &Arc<Gate>,
    Write {
        batch,
        pending_write,
    }: Write,
    bucket: BucketState,
) {
    let time = gate.context.now();
    let now = time.at;
    let mut state = gate.lock();
    // The write carried limits alone, for requests that still wait. This image decides these
    // requests, even if images never count as fresh. Otherwise processes with different limits
    // would replace each other's limits again and again.
    let carried = batch.waiters.is_empty() && batch.limits.is_some();
    state.pace.written(!batch.waiters.is_empty(), pacing::now());
    if matches!(pending_write, PendingWrite::Create(_)) {
        // The estimates of the other writers belong to another item.
        state.others.forget();
    }
    state.others.saw(
        &bucket,
        &batch.changes,
        pending_write.id(),
        gate.written_at(now),
    );
    state.takes_refused = 0;
    state.failures = 0;
    gate.learn(Some(&bucket));
    state.saw(Some(bucket.clone()), time);
    state.shown |= carried && !state.queue.is_empty();
    drop(state);
    compare_links(gate, batch.lineage.as_ref(), &bucket, now);
    // Most waiters have the same limits.
    let mut last: Option<(Limits, Amounts)> = None;
    let waits = !batch.bypassed && batch.waiters.iter().any(|waiter| waiter.patience.is_some());
    // The amounts of the requests behind the current one in the batch. Those requests start after
    // it.
    let mut behind = LedgerDelta::new();
    let grants: Vec<_> = batch
        .waiters
        .into_iter()
        .rev()
        .map(|waiter| {
            let left = match &last {
                Some((limits, left)) if limits.same(&waiter.limits) => left.clone(),
                _ => {
                    let left = gate.left(&bucket, &waiter.limits, now);
                    last = Some((waiter.limits.clone(), left.clone()));
                    left
                }
            };
            let starts_at = if waits {
                starts_at(&bucket, &waiter, &mut behind, now)
            } else {
                0
            };
            let grant = if batch.bypassed {
                GateGrant::bypassed
            } else {
                GateGrant::new
            };
            let grant = grant(gate.clone(), waiter.limits, waiter.amounts, left)
                .starting_at(starts_at)
                .in_periods_of(&bucket);
            (
                waiter.reply,
                waiter.until,
                if waiter.is_top_up {
                    grant.always_given_back()
                } else {
                    grant
                },
            )
        })
        .collect();
    for (reply, until, grant) in grants.into_iter().rev() {
        BucketDecision::Granted(grant).send(reply, until);
    }
    confirm(batch.confirmations, &Ok(()));
}

/// Compares the link to the parent that requests have looked up with that of the bucket. If the
/// entity was moved since, looks up its parent again in the background. If the move has missed the
/// bucket, writes the newer link to it in the background.
fn compare_links(
    gate: &Arc<Gate>,
    known: Option<&Arc<ParentLink>>,
    bucket: &BucketState,
    now: i64,
) {
    let stamp = known.and_then(|link| link.stamp.as_ref());
    let (Some(link), Some(stamp), Some(shown)) = (known, stamp, &bucket.stamp) else {
        return;
    };
    if stamp.is_older_than(shown) {
        let version = ConfigVersion::as_of(now);
        gate.context.resolver.refresh_older(&gate.key, version);
    } else if shown.is_older_than(stamp) {
        let (link, gate) = (link.clone(), gate.clone());
        gate.clone().spawn(async move {
            let _permit = gate.permit().await;
            if let Some(records) = gate.context.store.records()
                && let Err(error) = records.stamp_bucket(&gate.key, &link).await
            {
                telemetry::store_call_failed(&gate.key, &error);
            }
        });
    }
}

/// Returns the time at which a granted request may start, epoch ms; 0 if at once. The request
/// starts when the debt that it caused is refilled. `behind` sums up what was granted behind it in
/// the batch; the amounts of this request are added to `behind`.
fn starts_at(bucket: &BucketState, waiter: &Waiter, behind: &mut LedgerDelta, now: i64) -> i64 {
    let mut starts = 0;
    for (limit, amount) in waiter
        .limits
        .iter()
        .zip(&waiter.amounts)
        .filter(|(_, amount)| **amount > 0)
    {
        let is_soft = limit.is_soft() || bucket.is_soft(limit.name(), now);
        let enforced = waiter.patience.is_some() && !is_soft;
        if let Some(known) = bucket.limit(limit.name()).filter(|_| enforced) {
            let later = behind.get(limit.name()).map_or(0, |change| change.spend);
            let level = Level {
                tokens: known.level.tokens.saturating_add(later),
                ..known.level
            };
            let wait = match known.course().filter(|_| known.period().is_none()) {
                None => known.rule_at(now).wait(level, 0),
                Some(course) => course.wait(level, 0, bucket.refilled_at),
            };
            let wait = wait.filter(|wait| *wait > 0);
            starts = starts.max(wait.map_or(0, |wait| bucket.refilled_at.saturating_add(wait)));
        }
        behind.spend(limit.name(), *amount);
    }
    starts
}

/// Tells the requests of a batch that there is no decision. If `keep` is `true`, the differences of
/// the batch are kept for a later write. Set it only if it is certain that the failed write was not
/// done.
pub(super) fn fail(gate: &Arc<Gate>, batch: Batch, error: &Unavailable, keep: bool) {
    if matches!(error, Unavailable::Store(error) if error.kind() == StoreErrorKind::Unknown) {
        gate.context.write_ended(false);
    }
    for waiter in batch.waiters {
        waiter.answer(BucketDecision::Unavailable(error.clone()));
    }
    if batch.pending.is_empty() && batch.confirmations.is_empty() {
        return;
    }
    let mut state = gate.lock();
    if !state.flush_due {
        // Count only the tries of the settlements themselves, not the requests that fail while the
        // timer runs.
        state.failures += 1;
    }
    let give_up = state.failures >= MOST_FAILURES
        || (gate.context.background.is_closed() && state.failures > 1);
    if keep && !give_up {
        state.keep_pending(batch.pending, batch.confirmations);
        let pause = pause_of_settlement(gate.context.settings.flush_after, state.failures);
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

/// Drops the differences of a batch whose bucket is gone.
pub(super) fn drop_pending(gate: &Gate, batch: Batch) {
    if !batch.pending.is_empty() {
        telemetry::settlement_dropped(&gate.key, Dropped::Gone, "the bucket is gone");
    }
    confirm(batch.confirmations, &Err(SettleError::Gone));
}
