//! Carries flags of configs to the buckets that exist, as stamps. Python clients obey the stamps and
//! do not read the config.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use crate::{
    error::{Error, FanOutIncomplete, Unavailable},
    limiter::{
        admin::{bucket_walk::BucketWalk, progress::Progress, records::records_of},
        api::RateLimiter,
        gate::WriteIds,
        resolver::Resolution,
        terms::ConfigVersion,
    },
    model::{
        Access, BucketKey, BucketState, CascadeChange, ConfigScope, EntityId, Limit, Resource,
        StampChange, StoredConfig, Update,
    },
    pause,
    store::{ReadConsistency, WriteOutcome},
};

/// The number of tries to write one bucket while the store is busy. A stamp can be written twice.
const MOST_TRIES: u32 = 5;

/// The flag that is carried to buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CarriedFlag {
    /// The access. Buckets whose entities have another access of their own are left alone if the
    /// scope is a resource.
    Access,
    /// If the parent is charged too.
    Cascade,
    /// The limits that refuse nothing.
    Soft,
}

/// Writes the flag to all buckets that `scope` reaches, each as the levels decide for it. Returns
/// the number of buckets written.
///
/// # Errors
/// [`FanOutIncomplete`] with the number of buckets written before the error.
pub(super) async fn fan_out(
    of: (&RateLimiter, &Progress),
    scope: &ConfigScope,
    flag: CarriedFlag,
) -> Result<u64, Error> {
    let limiter = of.0;
    let walk = match scope {
        ConfigScope::System => return Ok(0),
        ConfigScope::Resource(resource) => BucketWalk::of_resource(limiter, resource),
        ConfigScope::Entity(entity) => BucketWalk::of_entity(limiter, entity, None),
        ConfigScope::EntityResource(entity, resource) => {
            BucketWalk::of_entity(limiter, entity, Some(resource))
        }
    };
    write_all(of, scope, flag, walk).await
}

/// Writes the soft limits to all buckets of the namespace, each as the levels decide for it. Reads
/// the whole table. Returns the number of buckets written.
///
/// # Errors
/// As [`fan_out`].
pub(super) async fn fan_out_soft_limits(of: (&RateLimiter, &Progress)) -> Result<u64, Error> {
    let walk = BucketWalk::of_all(of.0);
    write_all(of, &ConfigScope::System, CarriedFlag::Soft, walk).await
}

async fn write_all(
    (limiter, progress): (&RateLimiter, &Progress),
    scope: &ConfigScope,
    flag: CarriedFlag,
    walk: BucketWalk,
) -> Result<u64, Error> {
    let mut fan_out = FanOut {
        limiter,
        scope,
        flag,
        resolved: HashMap::new(),
        write_ids: WriteIds::new(),
        done: 0,
        progress,
    };
    match fan_out.run(walk).await {
        Ok(()) => Ok(fan_out.done),
        Err(error) => Err(FanOutIncomplete::new(fan_out.done, error).into()),
    }
}

struct FanOut<'a> {
    limiter: &'a RateLimiter,
    scope: &'a ConfigScope,
    flag: CarriedFlag,
    /// The configs of each entity and resource.
    resolved: HashMap<(EntityId, Resource), Arc<FreshConfig>>,
    write_ids: WriteIds,
    /// The number of buckets that were written.
    done: u64,
    progress: &'a Progress,
}

/// The configs of an entity and a resource, read from the store just now.
#[derive(Debug)]
pub(super) struct FreshConfig {
    pub(super) resolution: Resolution,
    /// `false` if the entity was never created.
    is_created: bool,
    /// The access that the resource's own config sets.
    of_resource: (bool, bool),
    /// The end of stamps that rely on it: epoch ms.
    stamp_end: i64,
}

impl FanOut<'_> {
    async fn run(&mut self, mut walk: BucketWalk) -> Result<(), Error> {
        while let Some(found) = walk.next().await {
            let (key, state) = found?;
            let config = self.config(&key).await?;
            if let Some(update) = self.update(&config, &state)
                && self.write(&key, update).await?
            {
                self.done += 1;
                self.progress.add(1);
            }
        }
        Ok(())
    }

    /// Returns what applies to a bucket. One strong read for each entity and resource.
    async fn config(&mut self, key: &BucketKey) -> Result<Arc<FreshConfig>, Error> {
        let of = (key.entity.clone(), key.resource.clone());
        match self.resolved.entry(of) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => {
                let fresh = Arc::new(read(self.limiter, key).await?);
                Ok(new.insert(fresh).clone())
            }
        }
    }

    /// Returns the write of a bucket; `None` if the flag does not change it.
    fn update(&self, config: &FreshConfig, state: &BucketState) -> Option<Update> {
        let resolution = &config.resolution;
        let update = Update::new(self.write_ids.next(), self.limiter.now());
        match self.flag {
            CarriedFlag::Access => {
                let access = (resolution.disabled.is_some(), resolution.bypassed);
                let is_own = access != config.of_resource;
                if is_own && matches!(self.scope, ConfigScope::Resource(_)) {
                    return None;
                }
                let (disabled, bypassed) = access;
                let until = bypassed.then_some(config.stamp_end);
                Some(update.with_stamp_change(StampChange::access(disabled, until)))
            }
            CarriedFlag::Cascade if !config.is_created => None,
            CarriedFlag::Cascade => {
                let link = resolution.lineage.as_deref();
                let change = CascadeChange::new(
                    link.is_some_and(|link| link.cascade),
                    link.and_then(|link| link.parent.clone()),
                );
                match link {
                    // The bucket was created before its entity.
                    Some(link) if state.lacks(link) => Some(update.with_lineage(link.clone())),
                    // Only the call that moves an entity changes the parent of its buckets.
                    _ if state.parent != change.parent => None,
                    _ => Some(update.with_stamp_change(StampChange {
                        cascade: Some(change),
                        ..StampChange::default()
                    })),
                }
            }
            CarriedFlag::Soft => {
                let soft = resolution.soft_limits();
                let stamped = state.stamps.iter().flat_map(|stamps| &stamps.soft_until);
                let hard = stamped.filter(|(name, _)| !soft.contains(name));
                let hard: Vec<_> = hard.map(|(name, _)| (name.clone(), None)).collect();
                let soft = soft.into_iter();
                let soft = soft.map(|name| (name, Some(config.stamp_end)));
                let soft: Vec<_> = soft.chain(hard).collect();
                (!soft.is_empty()).then(|| {
                    update.with_stamp_change(StampChange {
                        soft,
                        ..StampChange::default()
                    })
                })
            }
        }
    }

    /// Writes a bucket. Returns `false` if it is gone.
    async fn write(&self, key: &BucketKey, update: Update) -> Result<bool, Error> {
        let store = self.limiter.store();
        let mut tries = 0;
        loop {
            tries += 1;
            match self.limiter.asked(store.update(key, &update)).await {
                Ok(WriteOutcome::Applied(state)) => {
                    self.limiter.engine().was_written(key, state);
                    return Ok(true);
                }
                Ok(WriteOutcome::Refused(_)) => return Ok(false),
                Err(Error::Unavailable(Unavailable::Store(error)))
                    if tries < MOST_TRIES && error.kind().is_outage() =>
                {
                    pause::random(5..=25 * u64::from(tries)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes the flags that differ between two configs of a scope to all buckets that it reaches.
///
/// # Errors
/// As [`fan_out`].
pub(super) async fn fan_out_differences(
    of: (&RateLimiter, &Progress),
    scope: &ConfigScope,
    before: &StoredConfig,
    after: &StoredConfig,
) -> Result<(), Error> {
    let is_soft = |config: &StoredConfig| config.limits.iter().any(Limit::is_soft);
    for (differs, flag) in [
        (before.access != after.access, CarriedFlag::Access),
        (before.cascade != after.cascade, CarriedFlag::Cascade),
        (is_soft(before) || is_soft(after), CarriedFlag::Soft),
    ] {
        if differs {
            fan_out(of, scope, flag).await?;
        }
    }
    Ok(())
}

/// Reads what applies to a bucket. One strong read.
pub(super) async fn read(limiter: &RateLimiter, key: &BucketKey) -> Result<FreshConfig, Error> {
    let read_at = limiter.now();
    let store = limiter.store();
    let scopes = ConfigScope::levels(&key.entity, &key.resource);
    let records = records_of(&*store)?;
    let call = records.look_up(Some(&key.entity), &scopes, None, ReadConsistency::Strong);
    let found = limiter.asked(call).await?;
    let is_created = found.entity.is_some();
    let access = scopes.iter().zip(&found.configs).find_map(|pair| {
        let (ConfigScope::Resource(_), Some(config)) = pair else {
            return None;
        };
        config.access
    });
    let of_resource = (
        access == Some(Access::Disabled),
        access == Some(Access::Bypassed),
    );
    Ok(FreshConfig {
        resolution: Resolution::new(&scopes, found, ConfigVersion::NEWEST, read_at),
        is_created,
        of_resource,
        stamp_end: limiter.engine().settings().gate.stamp_ttl.end(read_at),
    })
}
