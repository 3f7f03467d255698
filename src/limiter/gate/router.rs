//! Requests for a bucket of several shards: one shard serves them, or several do in one
//! transaction.

use std::{sync::Arc, time::Duration};

use super::transaction;
use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            ask::ShardedRequest,
            gate::Gate,
            grant::{GateDecision, PendingDecision},
            shard_reads::{Image, ShardReads, statuses},
        },
        terms::{BucketDecision, ChargeContext},
    },
    model::{LimitStatus, Limits},
};

/// If a single shard has enough for a request within this time, the request is denied with that
/// wait instead of being drawn from several shards: a transaction costs two write units for each
/// shard.
const WORTH_WAITING: Duration = Duration::from_millis(250);

/// Returns the statuses of the limits if all shards together are known to be short: all were seen a
/// short time ago, and the request cannot be served from prefetched tokens.
pub(crate) fn known_denial(
    first: &Arc<Gate>,
    limits: &Limits,
    context: &ChargeContext,
    amounts: &[i64],
) -> Option<Vec<LimitStatus>> {
    let gates = first.all();
    if context.prefetch.is_some()
        && gates
            .iter()
            .any(|gate| gate.holds_prefetched(limits, amounts))
    {
        return None;
    }
    let images: Option<Vec<Image>> = gates.iter().map(|gate| gate.fresh_image()).collect();
    let images = images?;
    if images
        .iter()
        .any(|image| first.is_far_before(image.bucket.refilled_at))
    {
        return None;
    }
    let statuses = statuses(&images, limits, amounts, first.now());
    let patience = context
        .patience
        .as_ref()
        .map_or(Duration::ZERO, |patience| patience.time());
    is_short(&statuses, patience).then_some(statuses)
}

/// Returns `true` if all shards together were short when they were last seen, even if that is long
/// ago, and none of them has enough prefetched tokens.
pub(crate) fn seems_short(
    first: &Arc<Gate>,
    limits: &Limits,
    context: &ChargeContext,
    amounts: &[i64],
) -> bool {
    let gates = first.all();
    let held = context.prefetch.is_some()
        && gates
            .iter()
            .any(|gate| gate.holds_prefetched(limits, amounts));
    let images: Option<Vec<Image>> = gates.iter().map(|gate| gate.image()).collect();
    let patience = context
        .patience
        .as_ref()
        .map_or(Duration::ZERO, |patience| patience.time());
    let short =
        |images: Vec<Image>| is_short(&statuses(&images, limits, amounts, first.now()), patience);
    !held && images.is_some_and(short)
}

/// Returns `true` if a limit does not have the requested tokens, and will not have them within
/// `patience`.
fn is_short(statuses: &[LimitStatus], patience: Duration) -> bool {
    statuses
        .iter()
        .any(|status| status.retry_after.is_none_or(|after| after > patience))
}

/// Returns the statuses of the limits, from the shards that were seen.
pub(crate) fn glance(first: &Arc<Gate>, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
    let images: Vec<Image> = first.all().iter().filter_map(|gate| gate.image()).collect();
    statuses(&images, limits, amounts, first.now())
}

/// Reads every shard, and returns the statuses of the limits.
pub(crate) async fn read(
    first: &Arc<Gate>,
    limits: &Limits,
    amounts: &[i64],
) -> Result<Vec<LimitStatus>, Unavailable> {
    let images: Vec<Image> = ShardReads::begin(&first.all(), true, false)
        .end()
        .await?
        .into_iter()
        .flatten()
        .collect();
    Ok(statuses(&images, limits, amounts, first.now()))
}

/// Asks the shard that granted last, then the one that seems to hold most. If no single shard will
/// hold enough soon, all of them are asked together.
///
/// It does not try every shard in turn: if a bucket is short, all of its shards are. Hundreds of
/// processes that try every shard would get less done than with a single item.
pub(crate) async fn acquire(first: Arc<Gate>, request: ShardedRequest) -> GateDecision {
    if let Some(refusal) = first.known_refusal() {
        return BucketDecision::Refused(refusal);
    }
    first.note_asked(&request.limits, &request.amounts);
    let gates = first.all();
    if request.context.patience.is_some() {
        return reserve(first, &gates, request).await;
    }
    if gates.iter().any(|gate| gate.image().is_none()) && first.explores() {
        // The status of a grant sums up all shards, so each must have been seen once.
        let _ = ShardReads::begin(&gates, false, true).end().await;
    }
    let home = &gates[first.preferred() % gates.len()];
    let mut denials = Vec::new();
    if home.may_grant(&request.limits, &request.context, &request.amounts) {
        match ask_one(&first, home, &request).await {
            BucketDecision::Denied(statuses) => denials.push(statuses),
            decision => return decision,
        }
    }
    if first.explores() {
        // From time to time, look at the other shards too: other processes may have left tokens
        // there.
        let _ = ShardReads::begin(&gates, false, false).end().await;
    }
    let others = gates.iter().filter(|gate| {
        !Arc::ptr_eq(gate, home)
            && gate.may_grant(&request.limits, &request.context, &request.amounts)
    });
    if let Some(other) = others.max_by_key(|gate| gate.headroom(&request.limits, &request.amounts))
    {
        match ask_one(&first, other, &request).await {
            BucketDecision::Denied(statuses) => denials.push(statuses),
            decision => return decision,
        }
    }
    if let Some(statuses) =
        known_denial(&first, &request.limits, &request.context, &request.amounts)
    {
        return BucketDecision::Denied(statuses);
    }
    if let Some(statuses) = soon(&first, &gates, denials, &request) {
        return BucketDecision::Denied(statuses);
    }
    draw(first, request).await
}

/// Takes the place of a request that waits. It takes the place in the one shard with the shortest
/// wait that is known. If no shard can hold the cost, it is drawn from several: a shard whose debt
/// is above its capacity would let the request start too early.
async fn reserve(first: Arc<Gate>, gates: &[Arc<Gate>], request: ShardedRequest) -> GateDecision {
    let may =
        |gate: &&Arc<Gate>| gate.may_grant(&request.limits, &request.context, &request.amounts);
    if !gates
        .iter()
        .any(|gate| gate.may_hold(&request.limits, &request.amounts))
    {
        return draw(first, request).await;
    }
    // Look at shards that were never seen. Otherwise many requests would all queue for the same one
    // of them.
    let _ = ShardReads::begin(gates, false, true).end().await;
    let mut left: Vec<&Arc<Gate>> = gates.iter().filter(may).collect();
    while let Some(best) =
        (0..left.len()).max_by_key(|index| left[*index].headroom(&request.limits, &request.amounts))
    {
        match ask_one(&first, left.swap_remove(best), &request).await {
            BucketDecision::Denied(_) => left.retain(may),
            decision => return decision,
        }
    }
    BucketDecision::Denied(denial(&first, gates, &request))
}

/// Returns the statuses for a request that would wait in one shard: the tokens of all shards
/// together, and the wait of the shard that is ready first.
fn denial(first: &Arc<Gate>, gates: &[Arc<Gate>], request: &ShardedRequest) -> Vec<LimitStatus> {
    let wait = |statuses: &Vec<LimitStatus>| {
        statuses
            .iter()
            .map(|status| status.retry_after.unwrap_or(Duration::MAX))
            .max()
    };
    let seen = gates
        .iter()
        .filter(|gate| gate.image().is_some())
        .map(|gate| gate.glance(&request.limits, &request.amounts));
    let all = glance(first, &request.limits, &request.amounts);
    match seen.min_by_key(wait) {
        Some(one) => with_waits(all, one),
        None => all,
    }
}

/// Returns the statuses `all` of all shards together, with the waits of `one` shard.
fn with_waits(all: Vec<LimitStatus>, one: Vec<LimitStatus>) -> Vec<LimitStatus> {
    let with_wait = |(all, one): (LimitStatus, LimitStatus)| {
        if one.exceeded() {
            LimitStatus {
                retry_after: one.retry_after,
                ..all
            }
        } else {
            all
        }
    };
    all.into_iter().zip(one).map(with_wait).collect()
}

/// Draws the cost from several shards in one transaction.
async fn draw(first: Arc<Gate>, request: ShardedRequest) -> GateDecision {
    let part = (first.clone(), request);
    let mut answers = transaction::spawn_charge(&first, part.1.until, vec![part]);
    match answers.pop() {
        Some(answer) => PendingDecision::new(answer).await,
        None => BucketDecision::Unavailable(Unavailable::Internal("a transaction without parts")),
    }
}

async fn ask_one(first: &Gate, gate: &Arc<Gate>, request: &ShardedRequest) -> GateDecision {
    let decision = gate
        .acquire(
            &request.limits,
            &request.context,
            &request.amounts,
            request.left(),
        )
        .result()
        .await;
    if let BucketDecision::Granted(_) = decision {
        first.prefer(gate.key().shard);
    }
    decision
}

/// Returns a denial if one shard alone will soon have enough for the request: to wait for it costs
/// less than to draw from several shards at once.
fn soon(
    first: &Arc<Gate>,
    gates: &[Arc<Gate>],
    denials: Vec<Vec<LimitStatus>>,
    request: &ShardedRequest,
) -> Option<Vec<LimitStatus>> {
    let seen = gates
        .iter()
        .filter(|gate| gate.image().is_some())
        .map(|gate| gate.glance(&request.limits, &request.amounts));
    let wait = |statuses: &Vec<LimitStatus>| {
        let waits: Option<Vec<Duration>> =
            statuses.iter().map(|status| status.retry_after).collect();
        waits
            .and_then(|waits| waits.into_iter().max())
            .filter(|wait| !wait.is_zero())
    };
    let denials = denials
        .into_iter()
        .chain(seen)
        .filter_map(|statuses| Some((wait(&statuses)?, statuses)));
    let (wait, statuses) = denials.min_by_key(|(wait, _)| *wait)?;
    if wait > WORTH_WAITING {
        return None;
    }
    // The tokens are those of all shards together. The wait is that of the shard that is ready
    // first.
    Some(with_waits(
        glance(first, &request.limits, &request.amounts),
        statuses,
    ))
}
