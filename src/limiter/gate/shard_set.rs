//! The shards of a bucket together: what they hold, and how much a transaction takes from each.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            ask::{SOFT_DEBT, ShardedRequest},
            gate::Gate,
            grant::GateGrant,
            shard_reads::{Image, ShardReads, seen, statuses},
            shard_writes::ShardWrite,
            siblings::buckets,
            stamp_check::misses_a_stamp,
        },
        terms::{Amounts, BucketRefusal},
    },
    model::{
        BucketState, LimitName, LimitState, LimitStatus, MILLI, Renewal,
        plan::{self, LedgerDelta},
    },
};

/// A bucket, with all of its shards that were seen.
pub(super) struct ShardSet<'a> {
    first: &'a Arc<Gate>,
    pub(super) request: &'a ShardedRequest,
    /// The gates of the shards that exist.
    pub(super) gates: Vec<Arc<Gate>>,
    pub(super) images: Vec<Image>,
    /// The number of shards that were looked for.
    shards: usize,
    /// `true` if all were seen so recently that requests may be denied by their images.
    pub(super) fresh: bool,
    now: i64,
}

/// The tokens to take from each shard.
pub(super) enum Allocation {
    Parts(Vec<Amounts>),
    /// Amounts that leave each shard in debt by at most `debts`. The debts are refilled at
    /// `starts_at`, epoch ms.
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
pub(super) async fn look<'a>(
    parts: &'a [(Arc<Gate>, ShardedRequest)],
    anew: bool,
) -> Result<Vec<ShardSet<'a>>, Unavailable> {
    let mut looks = Vec::with_capacity(parts.len());
    for (first, request) in parts {
        let gates = first.all();
        let fresh = gates.iter().all(|gate| gate.fresh_image().is_some());
        looks.push((
            first,
            request,
            ShardReads::begin(&gates, anew, gates.len() == 1),
            gates,
            fresh,
        ));
    }
    let mut sets = Vec::with_capacity(parts.len());
    for (first, request, looks, gates, fresh) in looks {
        let (shards, images) = (gates.len(), looks.end().await?);
        // A shard that does not exist holds nothing.
        let (gates, images) = gates
            .into_iter()
            .zip(images)
            .filter_map(|(gate, image)| Some((gate, image?)))
            .unzip();
        sets.push(ShardSet {
            first,
            request,
            gates,
            images,
            shards,
            fresh: fresh || anew,
            now: first.now(),
        });
    }
    Ok(sets)
}

impl ShardSet<'_> {
    /// Returns `true` if the bucket turned out to have more shards.
    pub(super) fn is_incomplete(&self) -> bool {
        self.first.shard_count() as usize > self.shards
    }

    pub(super) fn refusal(&self) -> Option<BucketRefusal> {
        self.images
            .iter()
            .find_map(|image| BucketRefusal::of(&image.bucket))
            .or_else(|| {
                let first = &self.images.first()?.bucket;
                BucketRefusal::of_zones(first, &self.request.limits)
            })
    }

    /// Returns the shards whose state cannot be used: a wrong clock has set their refill time far
    /// in the future, or their limits differ from those of the request.
    pub(super) fn outdated(&self) -> Vec<&Arc<Gate>> {
        let outdated = |(gate, image): &(&Arc<Gate>, &Image)| {
            gate.is_far_before(image.bucket.refilled_at)
                || plan::differs(&image.bucket, &self.request.limits)
        };
        self.gates
            .iter()
            .zip(&self.images)
            .filter(outdated)
            .map(|(gate, _)| gate)
            .collect()
    }

    /// Returns the shards whose stamps must be renewed, set or removed.
    pub(super) fn awaiting_stamps(&self) -> Vec<&Arc<Gate>> {
        let flags = self.request.context.flags;
        let limits = &self.request.limits;
        let awaits = |(_, image): &(&Arc<Gate>, &Image)| {
            let stamps = image.bucket.stamps.as_deref();
            stamps.is_some_and(|stamps| stamps.has_ended(self.now))
                || misses_a_stamp(&image.bucket, flags, limits, self.now)
        };
        let awaiting = self.gates.iter().zip(&self.images).filter(awaits);
        awaiting.map(|(gate, _)| gate).collect()
    }

    /// Returns `true` if tokens that leases give back are not written yet.
    pub(super) fn awaits_more(&self) -> bool {
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

    pub(super) fn statuses(&self) -> Vec<LimitStatus> {
        statuses(
            &self.there(),
            &self.request.limits,
            &self.request.amounts,
            self.now,
        )
    }

    /// Returns the tokens to take from each shard, or `None` if all shards together do not have
    /// them.
    pub(super) fn draw(&self) -> Option<Allocation> {
        let ShardedRequest {
            limits, amounts, ..
        } = self.request;
        let bucket = &self.images.first()?.bucket;
        if bucket.is_bypassed(self.now) {
            return Some(Allocation::Bypassed);
        }
        // The cost of a soft limit is taken from the first shard, even if that shard does not have
        // it.
        let waived = limits
            .iter()
            .map(|limit| limit.is_soft() || bucket.is_soft(limit.name(), self.now));
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

    /// Returns the tokens to take from each shard for a request that waits until all shards
    /// together hold `amounts`. Returns `None` if the request would have to wait for too long.
    ///
    /// A transaction does not return the new state. So its conditions require at least the tokens
    /// that were seen, and the debts are exact.
    fn reserve(&self, there: &[Image], amounts: &[i64]) -> Option<Allocation> {
        let ShardedRequest {
            limits, context, ..
        } = self.request;
        let patience = context.patience.as_deref()?;
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

    pub(super) fn writes<'a>(
        &'a self,
        drawn: &'a Allocation,
    ) -> impl Iterator<Item = ShardWrite> + 'a {
        let ShardedRequest {
            limits,
            context,
            amounts,
            ..
        } = self.request;
        let sessions = self.sessions();
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
                        limits.iter().zip(&parts[shard]).for_each(|(limit, part)| {
                            let debt = if limit.is_soft() { SOFT_DEBT } else { 0 };
                            changes.reserve(limit.name(), *part, debt);
                        });
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
                let sessions = if self.shards > 1 {
                    ended(&image.bucket, &sessions, self.now)
                } else {
                    Vec::new()
                };
                let from = image.bucket.clone();
                Some(gate.plan(from, limits, context, &changes, &sessions))
            })
    }

    /// Returns the sessions that run, or that the transaction begins: the same one in all shards.
    /// Empty if there is only one shard.
    fn sessions(&self) -> Vec<(LimitName, i64)> {
        if self.shards < 2 {
            return Vec::new();
        }
        let mut sessions = plan::sessions(&buckets(&self.images), self.now);
        let quotas = self.request.limits.iter().zip(&self.request.amounts);
        for (limit, _) in quotas.filter(|(_, amount)| **amount > 0) {
            let runs = sessions.iter().any(|(name, _)| name == limit.name());
            if matches!(limit.renewal(), Some(Renewal::Session(_))) && !runs {
                sessions.push((limit.name().clone(), self.now));
            }
        }
        sessions
    }

    /// Returns the shards whose items state too few shards, with their images.
    pub(super) fn lagging(&self) -> Vec<(&Arc<Gate>, &BucketState)> {
        let shards = self.gates.iter().zip(&self.images);
        let shards = shards.map(|(gate, image)| (gate, &image.bucket));
        shards
            .filter(|(gate, bucket)| gate.raises_to(bucket).is_some())
            .collect()
    }

    /// Returns the gates of the shards that lack a quota of the request, if there are several shards.
    pub(super) fn lacking(&self) -> Vec<&Arc<Gate>> {
        let lacks = |image: &Image| {
            let mut quotas = self.request.limits.iter().filter(|limit| limit.is_quota());
            quotas.any(|limit| image.bucket.limit(limit.name()).is_none())
        };
        let shards = self.gates.iter().zip(&self.images);
        let lacking = shards.filter(|(_, image)| self.shards > 1 && lacks(image));
        lacking.map(|(gate, _)| gate).collect()
    }

    /// Returns the grant after `writes` were done.
    pub(super) fn grant(self, drawn: Allocation, writes: &[ShardWrite]) -> GateGrant {
        let has_quota = self.images.iter().any(|image| image.bucket.has_a_quota());
        // All shards that are charged are then in the same period.
        let of_this = |write: &&ShardWrite| self.gates.iter().any(|gate| write.is_of(gate));
        let after = has_quota
            .then(|| writes.iter().find(of_this)?.after())
            .flatten();
        let ShardedRequest {
            limits,
            context,
            amounts,
            ..
        } = self.request;
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
        let grant = if context.is_top_up {
            grant.always_given_back()
        } else {
            grant
        };
        let grant = grant.starting_at(starts_at);
        match &after {
            Some(after) => grant.in_periods_of(after),
            None => grant,
        }
    }
}

/// Returns those of `sessions` whose limit is in no session in this shard.
fn ended(bucket: &BucketState, sessions: &[(LimitName, i64)], now: i64) -> Vec<(LimitName, i64)> {
    let ended = |known: &LimitState| known.rule_at(now).is_renewed();
    let sessions = sessions.iter().filter(|(name, _)| {
        let known = bucket.limit(name);
        known.is_some_and(|known| known.is_owed() || ended(known))
    });
    sessions.cloned().collect()
}
