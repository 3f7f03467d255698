//! One transaction for several items: for a cost that only several shards together hold, and for
//! all buckets of a request, which are those of its resources and of the entity's parents.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use smallvec::SmallVec;
use tokio::{sync::oneshot, time::Instant};

use super::writer::retry::{MOST_TRANSACTION_TRIES, pause_of_transaction};
use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            ask::ShardedRequest,
            gate::Gate,
            grant::{GateDecision, GateGrant},
            shard_set::{ShardSet, look},
            shard_writes::{ShardWrite, transact},
        },
        terms::{Amounts, BucketDecision, ChargeContext},
    },
};

/// A request for tokens of a bucket, with the gate of its first shard.
pub(crate) type TransactionPart = (Arc<Gate>, ShardedRequest);

/// The decisions that are still to come, one for each part of a transaction.
pub(crate) type PendingParts = SmallVec<[oneshot::Receiver<GateDecision>; 2]>;

/// Asks for all charges in one transaction. Returns a receiver for each decision, or the reason why
/// the store may not be asked.
pub(crate) fn start(parts: Vec<TransactionPart>) -> Result<PendingParts, Unavailable> {
    let Some((first, request)) = parts.first() else {
        return Ok(PendingParts::new());
    };
    let (first, until) = (first.clone(), request.until);
    first.admits()?;
    for (gate, request) in &parts {
        gate.note_asked(&request.limits, &request.amounts);
    }
    Ok(spawn_charge(&first, until, parts))
}

/// Charges all of `parts` in one transaction, or none of them, for a request that waits until
/// `until`. Returns a receiver for each decision.
///
/// The transaction runs in a task of its own, so that dropping the caller does not cancel it. A
/// grant that nobody takes gives itself back, or is kept.
pub(super) fn spawn_charge(
    first: &Gate,
    until: Instant,
    parts: Vec<TransactionPart>,
) -> PendingParts {
    let (mut replies, answers): (Vec<_>, PendingParts) =
        parts.iter().map(|_| oneshot::channel()).unzip();
    first.spawn(async move {
        let decisions = charge(&parts, &mut replies).await;
        for (reply, decision) in replies.into_iter().zip(decisions) {
            decision.send(reply, Some(until));
        }
    });
    answers
}

/// Charges all of `parts` in one transaction, or none of them, and returns a decision for each.
/// Nothing is sent any more after one of the receivers of `replies` is gone.
async fn charge(
    parts: &[TransactionPart],
    replies: &mut [oneshot::Sender<GateDecision>],
) -> Vec<GateDecision> {
    let unavailable = |error: Unavailable| {
        parts
            .iter()
            .map(|_| BucketDecision::Unavailable(error.clone()))
            .collect()
    };
    let (mut pending, mut carries, mut renews) = (true, true, true);
    for attempt in 0..MOST_TRANSACTION_TRIES {
        let sets = match unless_gone(replies, look(parts, attempt > 0)).await {
            Some(Ok(sets)) => sets,
            Some(Err(error)) => return unavailable(error),
            None => return unavailable(Unavailable::Deadline),
        };
        if sets.iter().any(ShardSet::is_incomplete) {
            continue;
        }
        if let Some(refused) = sets.iter().position(|set| set.refusal().is_some()) {
            return one_for_all(
                parts,
                refused,
                sets[refused].refusal().map(BucketDecision::Refused),
            );
        }
        if let Some(missing) = sets.iter().position(|set| set.images.is_empty()) {
            match unless_gone(
                replies,
                ask_for_nothing(&parts[missing].0, &parts[missing].1),
            )
            .await
            {
                Some(BucketDecision::Granted(_)) => continue,
                Some(BucketDecision::Unavailable(error)) => return unavailable(error),
                Some(decision) => return one_for_all(parts, missing, Some(decision)),
                None => return unavailable(Unavailable::Deadline),
            }
        }
        let lagging: Vec<_> = sets.iter().flat_map(ShardSet::lagging).collect();
        if !lagging.is_empty() {
            for (gate, bucket) in lagging {
                if let Err(error) = gate.raise(bucket.clone()).await {
                    return unavailable(Unavailable::Store(error));
                }
            }
            continue;
        }
        if sets.iter().any(|set| !set.awaiting_stamps().is_empty()) && std::mem::take(&mut renews) {
            // A write to the shard alone renews its stamps.
            for set in &sets {
                for gate in set.awaiting_stamps() {
                    unless_gone(replies, ask_for_nothing(gate, set.request)).await;
                }
            }
            continue;
        }
        // The shares of a quota that some shards lack are found one by one.
        let lacking = sets.iter().flat_map(|set| {
            let gates = set.lacking().into_iter();
            gates.map(|gate| (gate, set.request))
        });
        let lacking: Vec<_> = lacking.collect();
        if !lacking.is_empty() {
            for (gate, request) in lacking {
                unless_gone(replies, ask_for_nothing(gate, request)).await;
            }
            continue;
        }
        let drawn: Option<Vec<_>> = sets.iter().map(ShardSet::draw).collect();
        let Some(drawn) = drawn else {
            if sets.iter().any(ShardSet::awaits_more) && std::mem::take(&mut pending) {
                // Tokens that leases give back are not in the store yet: write them first.
                for gate in sets.iter().flat_map(|set| &set.gates) {
                    gate.write_pending().await;
                }
            } else if sets.iter().any(|set| !set.outdated().is_empty())
                && std::mem::take(&mut carries)
            {
                // A write to an outdated shard corrects it.
                for set in &sets {
                    for gate in set.outdated() {
                        unless_gone(replies, ask_for_nothing(gate, set.request)).await;
                    }
                }
            } else if attempt > 0 || sets.iter().all(|set| set.fresh) {
                return sets
                    .iter()
                    .map(|set| BucketDecision::Denied(set.statuses()))
                    .collect();
            }
            continue;
        };
        let Some(permit) = unless_gone(replies, parts[0].0.permit()).await else {
            return unavailable(Unavailable::Deadline);
        };
        let writes: Vec<ShardWrite> = sets
            .iter()
            .zip(&drawn)
            .flat_map(|(set, drawn)| set.writes(drawn))
            .collect();
        let result = transact(&writes).await;
        drop(permit);
        match result {
            Ok(true) => {
                writes.iter().for_each(ShardWrite::spread);
                let grants = sets
                    .into_iter()
                    .zip(drawn)
                    .map(|(set, drawn)| set.grant(drawn, &writes));
                let forgiven = Arc::default();
                let paired = |grant: GateGrant| {
                    if parts.len() > 1 {
                        grant.paired(&forgiven)
                    } else {
                        grant
                    }
                };
                return grants.map(paired).map(BucketDecision::Granted).collect();
            }
            Ok(false) => {}
            Err(error) if error.is_busy() => {}
            Err(error) => return unavailable(Unavailable::Store(error)),
        }
        pause_of_transaction(attempt).await;
    }
    unavailable(Unavailable::Contended)
}

/// Runs a step. Returns `None` if one of the receivers of `replies` is dropped before the step is
/// done.
async fn unless_gone<T>(
    replies: &mut [oneshot::Sender<GateDecision>],
    step: impl Future<Output = T>,
) -> Option<T> {
    let mut step = pin!(step);
    poll_fn(|context| {
        if replies
            .iter_mut()
            .any(|reply| reply.poll_closed(context).is_ready())
        {
            return Poll::Ready(None);
        }
        step.as_mut().poll(context).map(Some)
    })
    .await
}

/// Returns the decision of one part, and denials for the others, which are not charged.
fn one_for_all(
    parts: &[TransactionPart],
    which: usize,
    decision: Option<GateDecision>,
) -> Vec<GateDecision> {
    let mut decisions: Vec<_> = parts
        .iter()
        .map(|_| BucketDecision::Denied(Vec::new()))
        .collect();
    if let Some(decision) = decision {
        decisions[which] = decision;
    }
    decisions
}

/// Asks a bucket for nothing. This creates the bucket if it does not exist, and updates its limits.
/// A transaction changes only items that exist.
async fn ask_for_nothing(gate: &Arc<Gate>, request: &ShardedRequest) -> GateDecision {
    let nothing: Amounts = request.amounts.iter().map(|_| 0).collect();
    let context = ChargeContext {
        prefetch: None,
        ..request.context.clone()
    };
    gate.acquire(&request.limits, &context, &nothing, request.left())
        .result()
        .await
}
