//! Brings stored limits to the buckets that exist.

use std::collections::HashSet;

use crate::{
    error::{Error, Unavailable},
    limiter::{
        admin::{bucket_walk::BucketWalk, fan_out::read},
        api::RateLimiter,
        gate::WriteIds,
        resolver::Resolution,
        terms::BucketRefusal,
    },
    model::{
        BucketKey, BucketState, ConfigScope, Limit, Limits, Update,
        plan::{self, Desired, LedgerDelta, Siblings},
    },
    pause,
    store::WriteOutcome,
};

/// The number of times that the shards of a bucket are written while others write them too, or the
/// store is busy.
const MOST_TRIES: u32 = 10;

/// Writes the limits that apply now to the buckets of an entity.
pub(super) async fn carry(limiter: &RateLimiter, scope: &ConfigScope) -> Result<(), Error> {
    match scope {
        ConfigScope::System | ConfigScope::Resource(_) => Ok(()),
        ConfigScope::EntityResource(entity, resource) => {
            let key = BucketKey::new(entity.clone(), resource.clone());
            carry_to(limiter, key, CarriedTo::All).await
        }
        ConfigScope::Entity(entity) => {
            let mut buckets = BucketWalk::of_entity(limiter, entity, None);
            while let Some(bucket) = buckets.next().await {
                let (key, _) = bucket?;
                if key.shard == 0 {
                    carry_to(limiter, key, CarriedTo::All).await?;
                }
            }
            Ok(())
        }
    }
}

/// Writes the limits that apply now to those buckets of a resource, or of all resources, that keep
/// limits in another time zone: they would refuse every request.
pub(super) async fn carry_zone(limiter: &RateLimiter, scope: &ConfigScope) -> Result<(), Error> {
    let mut buckets = match scope {
        ConfigScope::System => BucketWalk::of_all(limiter),
        ConfigScope::Resource(resource) => BucketWalk::of_resource(limiter, resource),
        _ => return Ok(()),
    };
    let mut done = HashSet::new();
    while let Some(bucket) = buckets.next().await {
        let (
            BucketKey {
                entity, resource, ..
            },
            state,
        ) = bucket?;
        let has_zone = state
            .limits
            .iter()
            .any(|known| known.zones().next().is_some());
        if has_zone && done.insert((entity.clone(), resource.clone())) {
            let key = BucketKey::new(entity, resource);
            carry_to(limiter, key, CarriedTo::InOtherZones).await?;
        }
    }
    Ok(())
}

/// The buckets to which limits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CarriedTo {
    All,
    /// Buckets that keep limits in another time zone.
    InOtherZones,
}

/// Writes the current limits to all shards of a bucket, if it exists.
///
/// The limits are read just now, and every write is seen to be done: a bucket that shows other
/// parameters does not decide which of them are newer, as it does for a request.
async fn carry_to(limiter: &RateLimiter, key: BucketKey, buckets: CarriedTo) -> Result<(), Error> {
    let mut carrier = Carrier {
        limiter,
        write_ids: WriteIds::new(),
        key,
        buckets,
    };
    let mut problem = Unavailable::Contended;
    for attempt in 0..MOST_TRIES {
        if attempt > 0 {
            pause::random(5..=25 * u64::from(attempt)).await;
        }
        match carrier.attempt().await {
            Ok(true) => return Ok(()),
            Ok(false) => problem = Unavailable::Contended,
            // The write may have been done. To do it again changes nothing.
            Err(Error::Unavailable(Unavailable::Store(error))) if error.kind().is_outage() => {
                problem = Unavailable::Store(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(problem.into())
}

struct Carrier<'a> {
    limiter: &'a RateLimiter,
    write_ids: WriteIds,
    key: BucketKey,
    buckets: CarriedTo,
}

impl Carrier<'_> {
    /// Reads the shards and the limits, and writes the limits to each shard. Returns `false` if a
    /// shard has changed meanwhile.
    async fn attempt(&mut self) -> Result<bool, Error> {
        let mut shards = self.shards().await?;
        if shards.is_empty() {
            return Ok(true);
        }
        let resolution = read(self.limiter, &self.key).await?.resolution;
        let Some(stored) = &resolution.stored else {
            return Ok(true);
        };
        if resolution.not_understood.is_some() {
            return Ok(true);
        }
        stored.limits.prepare(self.limiter.now());
        let store = self.limiter.store();
        let mut is_done = true;
        for index in 0..shards.len() {
            let Some(update) = self.update(&shards, index, &resolution, &stored.limits) else {
                continue;
            };
            let key = self.key.clone().with_shard(shards[index].shard);
            match self.limiter.asked(store.update(&key, &update)).await? {
                WriteOutcome::Applied(state) => {
                    self.limiter.engine().was_written(&key, state.clone());
                    shards[index] = state;
                }
                WriteOutcome::Refused(Some(_)) => is_done = false,
                // The bucket is gone.
                WriteOutcome::Refused(None) => {}
            }
        }
        Ok(is_done)
    }

    /// Reads the shards that exist. One round trip for each.
    async fn shards(&self) -> Result<Vec<BucketState>, Error> {
        let store = self.limiter.store();
        let now = self.limiter.now();
        let mut shards: Vec<BucketState> = Vec::new();
        let mut count = 1;
        let mut shard = 0;
        while shard < count {
            let key = self.key.clone().with_shard(shard);
            let found = self.limiter.asked(store.read(&key)).await?;
            if let Some(state) = found.filter(|state| !state.is_expired(now)) {
                count = count.max(state.shard_count);
                shards.push(state);
            }
            shard += 1;
        }
        Ok(shards)
    }

    /// Returns the write of a shard; `None` if it must stay as it is.
    fn update(
        &mut self,
        shards: &[BucketState],
        index: usize,
        resolution: &Resolution,
        limits: &Limits,
    ) -> Option<Update> {
        let (state, now) = (&shards[index], self.limiter.now());
        let stamps = state.stamps.as_deref();
        // The first write of a client that understands the bucket carries the limits.
        if stamps.is_some_and(|stamps| stamps.not_understood.is_some()) {
            return None;
        }
        let moved = match BucketRefusal::of_zones(state, limits) {
            Some(_) => Some(with_moved(state, limits)?),
            None if self.buckets == CarriedTo::InOtherZones => return None,
            None => None,
        };
        let limits = moved.as_ref().unwrap_or(limits);
        let others = shards.iter().enumerate();
        let others: Vec<_> = others
            .filter(|(other, _)| *other != index)
            .map(|(_, other)| other)
            .collect();
        let mut siblings = Siblings::of(&others, state.shard, limits, now);
        // The item of the first shard is authoritative.
        let count = shards.first().map_or(1, |first| first.shard_count);
        siblings.raises_to = (state.shard > 0 && state.shard_count < count).then_some(count);
        let desired = Desired {
            limits,
            own: resolution
                .stored
                .as_ref()
                .map(|stored| stored.source.is_own()),
            lineage: resolution.lineage.as_deref(),
            ttl: self.limiter.engine().settings().gate.bucket_ttl,
            siblings,
            ..Desired::default()
        };
        let (nothing, id) = (LedgerDelta::new(), self.write_ids.next());
        Some(plan::update(state, &nothing, desired, now, id))
    }
}

/// Returns the limits, and those that the bucket keeps beside them in another time zone, moved into
/// that of the limits: an item has one zone. `None` if they are too many for a bucket.
fn with_moved(state: &BucketState, limits: &Limits) -> Option<Limits> {
    let zone = limits.zone()?;
    let kept = state.limits.iter();
    let kept = kept.filter(|known| limits.index(known.name.as_str()).is_none());
    let other = kept.filter(|known| known.zones().any(|own| own != zone));
    let moved = other.map(|known| Limit::moved_to(known, zone));
    let moved: Vec<Limit> = moved.collect::<Option<_>>()?;
    Limits::new(limits.iter().cloned().chain(moved)).ok()
}
