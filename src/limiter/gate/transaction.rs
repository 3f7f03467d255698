//! One transaction for several items: for a cost that only several shards together hold, and for a
//! child's bucket with its parent's.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use smallvec::SmallVec;
use tokio::{sync::oneshot, time::Instant};

use super::{shard_reads::statuses, writer::retry::MOST_TRANSACTION_TRIES};
use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            ask::Ask,
            gate::Gate,
            grant::{GateDecision, GateGrant},
            shard_reads::{ShardReads, seen},
            shards::{Image, ShardWrite, transact},
        },
        terms::{Amounts, BucketDecision, BucketRefusal, ChargeContext},
    },
    model::{
        LimitStatus, MILLI,
        plan::{self, LedgerDelta},
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
        let writes: Vec<ShardWrite> = sights
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

/// A bucket, with all of its shards that were seen.
struct ShardSet<'a> {
    first: &'a Arc<Gate>,
    ask: &'a Ask,
    /// The gates of the shards that exist.
    gates: Vec<Arc<Gate>>,
    images: Vec<Image>,
    /// The number of shards that were looked for.
    shards: usize,
    /// `true` if all were seen so recently that requests may be denied from it.
    fresh: bool,
    now: i64,
}

/// The tokens to take from each shard.
enum Allocation {
    Parts(Vec<Amounts>),
    /// Parts that leave the shards with `debts` at most. These are refilled at `starts_at`, epoch
    /// ms.
    Reserved {
        parts: Vec<Amounts>,
        debts: Vec<Amounts>,
        starts_at: i64,
    },
    /// Nothing, because the bucket admits without charging.
    Bypassed,
}

/// Looks at all buckets at the same time. Shards that were seen before are not read again unless
/// `anew` is set: the conditions of the writes detect changes.
async fn look<'a>(parts: &'a [Part], anew: bool) -> Result<Vec<ShardSet<'a>>, Unavailable> {
    let mut looks = Vec::with_capacity(parts.len());
    for (first, ask) in parts {
        let gates = first.all();
        let fresh = gates.iter().all(|gate| gate.fresh_image().is_some());
        looks.push((
            first,
            ask,
            ShardReads::begin(&gates, anew, gates.len() == 1),
            gates,
            fresh,
        ));
    }
    let mut sights = Vec::with_capacity(parts.len());
    for (first, ask, looks, gates, fresh) in looks {
        let (shards, images) = (gates.len(), looks.end().await?);
        // A shard that does not exist holds nothing.
        let (gates, images) = gates
            .into_iter()
            .zip(images)
            .filter_map(|(gate, image)| Some((gate, image?)))
            .unzip();
        sights.push(ShardSet {
            first,
            ask,
            gates,
            images,
            shards,
            fresh: fresh || anew,
            now: first.now(),
        });
    }
    Ok(sights)
}

impl ShardSet<'_> {
    /// Returns `true` if the bucket turned out to have more shards.
    fn is_incomplete(&self) -> bool {
        self.first.shard_count() as usize > self.shards
    }

    fn refusal(&self) -> Option<BucketRefusal> {
        self.images
            .iter()
            .find_map(|image| BucketRefusal::of(&image.bucket))
    }

    /// Returns the shards whose state cannot be used: a wrong clock has set their refill time far
    /// in the future, or their limits differ from those of the request.
    fn outdated(&self) -> Vec<&Arc<Gate>> {
        let outdated = |(gate, image): &(&Arc<Gate>, &Image)| {
            gate.is_far_before(image.bucket.refilled_at)
                || plan::differs(&image.bucket, &self.ask.limits)
        };
        self.gates
            .iter()
            .zip(&self.images)
            .filter(outdated)
            .map(|(gate, _)| gate)
            .collect()
    }

    /// Returns `true` if tokens that leases give back are not written yet.
    fn awaits_more(&self) -> bool {
        self.images
            .iter()
            .any(|image| image.pending.iter().any(|change| change.give > 0))
    }

    /// Returns the shards without the tokens that leases give back, because these are not in the
    /// store yet.
    fn there(&self) -> Vec<Image> {
        let image = |image: &Image| Image {
            bucket: image.bucket.clone(),
            pending: image.pending.without_gives(),
        };
        self.images.iter().map(image).collect()
    }

    fn statuses(&self) -> Vec<LimitStatus> {
        statuses(&self.there(), &self.ask.limits, &self.ask.amounts, self.now)
    }

    /// Returns the tokens to take from each shard, or `None` if all shards together do not have
    /// them.
    fn draw(&self) -> Option<Allocation> {
        let Ask {
            limits, amounts, ..
        } = self.ask;
        let bucket = &self.images.first()?.bucket;
        if bucket.is_bypassed(self.now) {
            return Some(Allocation::Bypassed);
        }
        // The cost of a limit that a peer has waived is taken from the first shard, whatever that
        // holds.
        let waived = limits
            .iter()
            .map(|limit| bucket.is_soft(limit.name(), self.now));
        let waived: SmallVec<[bool; 2]> = waived.collect();
        let strict: Amounts = amounts
            .iter()
            .zip(&waived)
            .map(|(amount, waived)| if *waived { 0 } else { *amount })
            .collect();
        let there = self.there();
        let mut drawn = match plan::draw(&seen(&there), limits, &strict, self.now) {
            Some(parts) => Allocation::Parts(parts),
            None => self.reserve(&there, &strict)?,
        };
        if let Allocation::Parts(parts) | Allocation::Reserved { parts, .. } = &mut drawn {
            for (index, amount) in amounts
                .iter()
                .enumerate()
                .filter(|(index, _)| waived[*index])
            {
                parts[0][index] = *amount;
            }
        }
        Some(drawn)
    }

    /// Draws what the shards will hold at the time at which they have `amounts`, if the request
    /// waits that long.
    ///
    /// A transaction does not return the new state. So its conditions require at least the tokens
    /// that were seen, and the debts are exact.
    fn reserve(&self, there: &[Image], amounts: &[i64]) -> Option<Allocation> {
        let Ask { limits, mode, .. } = self.ask;
        let patience = mode.patience.as_deref()?;
        let (there, mut starts_at) = (seen(there), self.now);
        let mut parts: Vec<Amounts> = there
            .iter()
            .map(|_| amounts.iter().map(|_| 0).collect())
            .collect();
        let mut debts = parts.clone();
        for (index, status) in plan::statuses_of_shards(&there, limits, amounts, self.now)
            .iter()
            .enumerate()
        {
            let wait = i64::try_from(status.retry_after?.as_millis()).ok()?;
            let longest = if patience.debts[index] > 0 {
                patience.most
            } else {
                0
            };
            let at = self.now.checked_add(wait).filter(|_| wait <= longest)?;
            starts_at = starts_at.max(at);
            let alone: Amounts = amounts
                .iter()
                .enumerate()
                .map(|(other, amount)| if other == index { *amount } else { 0 })
                .collect();
            for (shard, part) in plan::draw(&there, limits, &alone, at)?.iter().enumerate() {
                let (state, pending) = there[shard];
                parts[shard][index] = part[index];
                if let Some(known) = state.limit(status.limit.name()) {
                    let held = plan::projected(state, known, pending, self.now).tokens;
                    debts[shard][index] = part[index].saturating_sub(held).max(0);
                }
            }
        }
        Some(Allocation::Reserved {
            parts,
            debts,
            starts_at,
        })
    }

    fn writes<'a>(&'a self, drawn: &'a Allocation) -> impl Iterator<Item = ShardWrite> + 'a {
        let Ask {
            limits,
            mode,
            amounts,
            ..
        } = self.ask;
        self.gates
            .iter()
            .zip(&self.images)
            .enumerate()
            .filter_map(move |(shard, (gate, image))| {
                let mut changes = LedgerDelta::new();
                match drawn {
                    Allocation::Bypassed if shard == 0 => {
                        limits
                            .iter()
                            .zip(amounts)
                            .for_each(|(limit, amount)| changes.admit(limit.name(), *amount));
                    }
                    Allocation::Parts(parts) if parts[shard].iter().any(|amount| *amount > 0) => {
                        limits
                            .iter()
                            .zip(&parts[shard])
                            .for_each(|(limit, part)| changes.spend(limit.name(), *part));
                    }
                    Allocation::Reserved { parts, debts, .. }
                        if parts[shard].iter().any(|amount| *amount > 0) =>
                    {
                        for ((limit, part), debt) in
                            limits.iter().zip(&parts[shard]).zip(&debts[shard])
                        {
                            changes.reserve(limit.name(), *part, *debt);
                        }
                    }
                    _ => return None,
                }
                Some(gate.plan(image.bucket.clone(), limits, mode, &changes))
            })
    }

    fn grant(self, drawn: Allocation) -> GateGrant {
        let Ask {
            limits,
            mode,
            amounts,
            ..
        } = self.ask;
        let left = statuses(&self.images, limits, &[], self.now);
        let left = left.iter().zip(amounts);
        let left: Amounts = left
            .map(|(status, amount)| {
                status
                    .available
                    .saturating_mul(MILLI)
                    .saturating_sub(*amount)
            })
            .collect();
        let first = self.gates.first().unwrap_or(self.first).clone();
        let starts_at = match &drawn {
            Allocation::Reserved { starts_at, .. } => *starts_at,
            _ => 0,
        };
        let grant = match drawn {
            Allocation::Bypassed => {
                GateGrant::bypassed(first, limits.clone(), amounts.clone(), left)
            }
            Allocation::Parts(parts) | Allocation::Reserved { parts, .. } => {
                let parts = self.gates.into_iter().zip(parts);
                let charged = parts
                    .filter(|(_, part)| part.iter().any(|part| *part > 0))
                    .collect();
                GateGrant::drawn(charged, limits.clone(), left.clone())
                    .unwrap_or_else(|| GateGrant::new(first, limits.clone(), amounts.clone(), left))
            }
        };
        let grant = if mode.is_top_up {
            grant.always_given_back()
        } else {
            grant
        };
        grant.starting_at(starts_at)
    }
}
