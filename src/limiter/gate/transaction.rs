//! One transaction for several items: for a cost that only several shards together hold, and for a
//! child's bucket with its parent's.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use tokio::{sync::oneshot, time::Instant};

use super::writer::retry::MOST_TRANSACTION_TRIES;
use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            ask::Ask,
            gate::Gate,
            grant::{GateDecision, GateGrant},
            shard_set::{ShardSet, look},
            shard_writes::{Planned, transact},
        },
        terms::{Amounts, BucketDecision, ChargeContext},
    },
    pause,
};

/// A request for tokens of a bucket, with the gate of its first shard.
pub(crate) type Part = (Arc<Gate>, Ask);

/// Asks for both charges in one transaction. Returns a receiver for each decision, or the reason why
/// the store may not be asked.
pub(crate) fn start(
    child: Part,
    parent: Part,
) -> Result<[oneshot::Receiver<GateDecision>; 2], Unavailable> {
    let first = child.0.clone();
    first.admits()?;
    for (
        first,
        Ask {
            limits, amounts, ..
        },
    ) in [&child, &parent]
    {
        first.note_asked(limits, amounts);
    }
    let until = child.1.until;
    Ok(spawn_charge(&first, until, [child, parent]))
}

/// Charges all of `parts` in one transaction, or none of them, for a request that waits until
/// `until`. Returns a receiver for each decision.
///
/// This runs in a task of its own, so that dropping the caller does not cancel it. A grant that
/// nobody takes gives itself back, or is kept.
pub(super) fn spawn_charge<const N: usize>(
    first: &Gate,
    until: Instant,
    parts: [Part; N],
) -> [oneshot::Receiver<GateDecision>; N] {
    let mut replies = Vec::with_capacity(N);
    let answers = std::array::from_fn(|_| {
        let (reply, answer) = oneshot::channel();
        replies.push(reply);
        answer
    });
    first.spawn(async move {
        let decisions = charge(&parts, &mut replies).await;
        for (reply, decision) in replies.into_iter().zip(decisions) {
            decision.send(reply, Some(until));
        }
    });
    answers
}

/// Charges all of `parts` in one transaction, or none of them, and returns a verdict for each.
/// Nothing is sent any more after one of the receivers of `replies` is gone.
async fn charge(
    parts: &[Part],
    replies: &mut [oneshot::Sender<GateDecision>],
) -> Vec<GateDecision> {
    let unavailable = |error: Unavailable| {
        parts
            .iter()
            .map(|_| BucketDecision::Unavailable(error.clone()))
            .collect()
    };
    let (mut pending, mut carries) = (true, true);
    for attempt in 0..MOST_TRANSACTION_TRIES {
        let sights = match unless_gone(replies, look(parts, attempt > 0)).await {
            Some(Ok(sights)) => sights,
            Some(Err(error)) => return unavailable(error),
            None => return unavailable(Unavailable::Deadline),
        };
        if sights.iter().any(ShardSet::is_incomplete) {
            continue;
        }
        if let Some(refused) = sights.iter().position(|sight| sight.refusal().is_some()) {
            return one_for_all(
                parts,
                refused,
                sights[refused].refusal().map(BucketDecision::Refused),
            );
        }
        if let Some(missing) = sights.iter().position(|sight| sight.images.is_empty()) {
            match unless_gone(
                replies,
                ask_for_nothing(&parts[missing].0, &parts[missing].1),
            )
            .await
            {
                Some(BucketDecision::Granted(_)) => continue,
                Some(BucketDecision::Unavailable(error)) => return unavailable(error),
                Some(verdict) => return one_for_all(parts, missing, Some(verdict)),
                None => return unavailable(Unavailable::Deadline),
            }
        }
        let drawn: Option<Vec<_>> = sights.iter().map(ShardSet::draw).collect();
        let Some(drawn) = drawn else {
            if sights.iter().any(ShardSet::awaits_more) && std::mem::take(&mut pending) {
                // Tokens that leases give back are not in the store yet: write them first.
                for gate in sights.iter().flat_map(|sight| &sight.gates) {
                    gate.write_pending().await;
                }
            } else if sights.iter().any(|sight| !sight.outdated().is_empty())
                && std::mem::take(&mut carries)
            {
                // A write of the shard itself corrects it.
                for sight in &sights {
                    for gate in sight.outdated() {
                        unless_gone(replies, ask_for_nothing(gate, sight.ask)).await;
                    }
                }
            } else if attempt > 0 || sights.iter().all(|sight| sight.fresh) {
                return sights
                    .iter()
                    .map(|sight| BucketDecision::Denied(sight.statuses()))
                    .collect();
            }
            continue;
        };
        let Some(place) = unless_gone(replies, parts[0].0.place()).await else {
            return unavailable(Unavailable::Deadline);
        };
        let writes: Vec<Planned> = sights
            .iter()
            .zip(&drawn)
            .flat_map(|(sight, drawn)| sight.writes(drawn))
            .collect();
        let result = transact(&writes).await;
        drop(place);
        match result {
            Ok(true) => {
                let grants = sights
                    .into_iter()
                    .zip(drawn)
                    .map(|(sight, drawn)| sight.grant(drawn));
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
        if attempt > 0 {
            // Other transactions want the same items. A random pause avoids that all retry at the
            // same time.
            pause::random(0..=4 << attempt.min(4)).await;
        }
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

/// Returns the verdict of one part, and denials for the others, which are not charged.
fn one_for_all(parts: &[Part], which: usize, verdict: Option<GateDecision>) -> Vec<GateDecision> {
    let mut verdicts: Vec<_> = parts
        .iter()
        .map(|_| BucketDecision::Denied(Vec::new()))
        .collect();
    if let Some(verdict) = verdict {
        verdicts[which] = verdict;
    }
    verdicts
}

/// Asks a bucket for nothing. This creates the bucket if it does not exist, and updates its limits.
/// A transaction changes only items that exist.
async fn ask_for_nothing(gate: &Arc<Gate>, ask: &Ask) -> GateDecision {
    let nothing: Amounts = ask.amounts.iter().map(|_| 0).collect();
    let mode = ChargeContext {
        prefetch: None,
        ..ask.mode.clone()
    };
    gate.acquire(&ask.limits, &mode, &nothing, ask.left())
        .decision()
        .await
}
