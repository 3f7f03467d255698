//! The facts about the other shards of a bucket with quotas: who holds a new shard's share of the
//! period, and which sessions run.

use std::sync::Arc;

use crate::{
    limiter::gate::{
        gate::Gate,
        shard_reads::{Image, ShardReads},
        writer::retry::MOST_SHARE_TRIES,
    },
    model::{
        Anchor, BucketKey, BucketState, LimitName, LimitState, Limits, Line, MILLI, Renewal,
        StampGuard, TokenChange, Update, Validity,
        plan::{self, Desired, LedgerDelta, Siblings},
    },
    store::{StoreError, WriteOutcome},
    telemetry::{self, StoreCall},
};

/// A session that runs, with the time at which it began: epoch ms.
type Session = (LimitName, i64);

impl Gate {
    /// Returns the gates of the bucket's other shards.
    fn others_of_bucket(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let Some(first) = self.first() else {
            return Vec::new();
        };
        let mut gates = first.all();
        gates.retain(|gate| !Arc::ptr_eq(gate, self));
        gates
    }

    /// Returns the sessions that other shards have begun, by their last images. Empty unless a
    /// session of this shard has ended. Must be called without the lock.
    pub(super) fn sessions_elsewhere(self: &Arc<Self>, now: i64) -> Vec<Session> {
        if self.shard_count() < 2 {
            return Vec::new();
        }
        let ended = |known: &LimitState| {
            matches!(known.renewal(), Some(Renewal::Session(_))) && known.rule_at(now).is_renewed()
        };
        let due = self.peek(now, |state| {
            let bucket = state.seen.live(now);
            bucket.is_some_and(|bucket| bucket.limits.iter().any(ended))
        });
        if !due {
            return Vec::new();
        }
        let images = self.others_of_bucket();
        let images = images.iter().filter_map(|gate| gate.image());
        let images = images.collect::<Vec<_>>();
        plan::sessions(&buckets(&images), now)
    }

    /// Returns the number of shards that the item must get, if it states fewer: a Python client that
    /// ends in the middle of a split leaves such an item. It would refill by too large a share, and be
    /// granted a period of a quota for the wrong number.
    pub(super) fn raises_to(&self, state: &BucketState) -> Option<u32> {
        let count = self.shard_count();
        // The item of the first shard is authoritative.
        let lags = self.key.shard > 0 && state.shard_count < count;
        lags.then_some(count)
    }

    /// Reads the other shards, and returns the facts for new quotas of this shard of `count`. A
    /// shard that states fewer shards is raised first: otherwise it would be granted this shard's
    /// share too. One round trip for each shard, or two.
    pub(super) async fn survey(
        self: &Arc<Self>,
        limits: &Limits,
        count: u32,
    ) -> Result<Siblings, StoreError> {
        let quotas = limits.iter().filter(|limit| limit.is_quota());
        let quotas = quotas.map(|limit| limit.name());
        let gates = self.others_of_bucket();
        // If the gates of the other shards are gone, nobody knows what these shards hold.
        let mut is_sure = !gates.is_empty();
        let mut images = Vec::with_capacity(gates.len());
        for gate in &gates {
            let Some(mut image) = gate.look().await? else {
                continue;
            };
            if gate.key.shard > 0 && image.bucket.shard_count < count {
                let siblings = Siblings {
                    raises_to: Some(count),
                    ..Siblings::default()
                };
                match gate.bring(image.bucket.clone(), siblings).await? {
                    Some(raised) => image.bucket = raised,
                    None => is_sure = false,
                }
            }
            images.push(image);
        }
        let others = buckets(&images);
        let mut siblings = Siblings::of(&others, self.key.shard, limits, self.now());
        if !is_sure {
            // In case of doubt the share counts as granted.
            siblings.covered = quotas.cloned().collect();
        }
        Ok(siblings)
    }

    /// Corrects the number of shards that the shard's item states, from its image `known`.
    pub(super) async fn raise(self: &Arc<Self>, known: BucketState) -> Result<(), StoreError> {
        let siblings = Siblings {
            raises_to: self.raises_to(&known),
            ..Siblings::default()
        };
        if self.bring(known, siblings).await?.is_none() {
            // The next look decides.
            self.look().await?;
        }
        Ok(())
    }

    /// Writes `siblings` to the shard, and returns it as it is then. `None` if the write was refused
    /// too often.
    async fn bring(
        self: &Arc<Self>,
        mut from: BucketState,
        siblings: Siblings,
    ) -> Result<Option<BucketState>, StoreError> {
        for _ in 0..MOST_SHARE_TRIES {
            if !is_due(&from, &siblings, self.now()) {
                return Ok(Some(from));
            }
            let desired = Desired {
                siblings: siblings.clone(),
                ..Desired::default()
            };
            let (none, id) = (LedgerDelta::new(), self.context.write_ids.next());
            let update = plan::update(&from, &none, desired, self.context.now(), id);
            let store = &self.context.store;
            let shown = match self
                .call(StoreCall::Update, store.update(&self.key, &update))
                .await?
            {
                WriteOutcome::Applied(state) | WriteOutcome::Refused(Some(state)) => state,
                WriteOutcome::Refused(None) => return Ok(None),
            };
            self.lock().saw(Some(shown.clone()), self.context.now());
            from = shown;
        }
        Ok(None)
    }

    /// Moves this new shard's share of `covered` quotas here, from the shards that hold it: at most
    /// what these have. If it fails, the share stays there until the period ends.
    pub(super) async fn take_share(self: &Arc<Self>, covered: &[LimitName]) {
        for attempt in 0..MOST_SHARE_TRIES {
            let mut gates = self.others_of_bucket();
            let looks = ShardReads::begin(&gates, attempt > 0, true).end().await;
            let (Ok(images), Some(own)) = (looks, self.image()) else {
                return;
            };
            let mut present = images.iter();
            gates.retain(|_| present.next().is_some_and(Option::is_some));
            let images: Vec<Image> = images.into_iter().flatten().collect();
            let updates = self.moves(&own.bucket, &gates, &images, covered);
            if updates.len() < 2 {
                return;
            }
            let store = &self.context.store;
            let result = self
                .call(StoreCall::Transact, store.transact(&updates))
                .await;
            // A transaction does not return the items.
            for gate in gates.iter().chain([self]) {
                if updates.iter().any(|(key, _)| *key == gate.key) {
                    let _ = gate.look().await;
                }
            }
            match result {
                Ok(false) => {}
                Ok(true) => return,
                Err(error) => {
                    telemetry::store_call_failed(&self.key, &error);
                    return;
                }
            }
        }
    }

    /// Returns the updates that move this shard's share from other shards, and add it here.
    fn moves(
        &self,
        own: &BucketState,
        gates: &[Arc<Self>],
        images: &[Image],
        covered: &[LimitName],
    ) -> Vec<(BucketKey, Update)> {
        let now = self.now();
        let update = |state: &BucketState| {
            let mut update = Update::new(self.context.write_ids.next(), now)
                .with_anchor(Anchor::Pinned(state.refilled_at))
                .with_shard_count(state.shard_count)
                .with_stamps(
                    StampGuard::default().with_validity(Validity::Seen(state.valid_until())),
                );
            update.pressure = state.pressure.map(|_| TokenChange::Add(-MILLI));
            update
        };
        let others = buckets(images);
        let mut here = update(own);
        let mut there: Vec<(usize, Update)> = Vec::new();
        for name in covered {
            let Some(known) = own.limit(name) else {
                continue;
            };
            let Some(from) = plan::donor(&others, name, self.key.shard, now) else {
                continue;
            };
            let Some(giver) = images[from].bucket.limit(name) else {
                continue;
            };
            // One of both periods may have ended meanwhile.
            let same = giver.period().map(|period| period.id())
                == known.period().map(|period| period.id());
            let most = known.rule_at(now).capacity();
            let amount = giver.level.tokens.min(most).min(most - known.level.tokens);
            if amount <= 0 || !same {
                continue;
            }
            let taken = Line::new(name.clone(), TokenChange::Add(-amount))
                .with_floor(amount)
                .with_expected(giver.parameters);
            let given = Line::new(name.clone(), TokenChange::Add(amount))
                .with_ceiling(most - amount)
                .with_expected(known.parameters);
            here = here.with_line(given);
            match there.iter_mut().find(|(index, _)| *index == from) {
                Some((_, update)) => update.lines.push(taken),
                None => there.push((from, update(&images[from].bucket).with_line(taken))),
            }
        }
        let mut updates: Vec<_> = there
            .into_iter()
            .map(|(index, update)| (gates[index].key.clone(), update))
            .collect();
        if !updates.is_empty() {
            updates.push((self.key.clone(), here));
        }
        updates
    }

    /// Tells the other shards of sessions that have begun here, so that all of them end at the same
    /// time. A shard that is not reached begins a session of its own. One write for each shard.
    pub(super) fn spread(self: &Arc<Self>, begun: Vec<Session>) {
        if begun.is_empty() || self.shard_count() < 2 {
            return;
        }
        for gate in self.others_of_bucket() {
            let siblings = Siblings {
                sessions: begun.clone(),
                ..Siblings::default()
            };
            self.spawn(async move {
                let known = match gate.image() {
                    Some(image) => Some(image),
                    None => gate.look().await.ok().flatten(),
                };
                if let Some(image) = known
                    && let Err(error) = gate.bring(image.bucket, siblings).await
                {
                    telemetry::store_call_failed(&gate.key, &error);
                }
            });
        }
    }
}

/// Returns `true` if `siblings` change the shard.
fn is_due(state: &BucketState, siblings: &Siblings, now: i64) -> bool {
    let raises = siblings
        .raises_to
        .is_some_and(|count| state.shard_count < count);
    let joins = |(name, begun): &Session| {
        let known = state.limit(name);
        known.is_some_and(|known| match known.renewal() {
            Some(Renewal::Session(length)) => known.may_join(*begun, *length, now),
            _ => false,
        })
    };
    !state.is_expired(now) && (raises || siblings.sessions.iter().any(joins))
}

pub(super) fn buckets(images: &[Image]) -> Vec<&BucketState> {
    images.iter().map(|image| &image.bucket).collect()
}
