//! What was found for an entity and a resource.

use std::sync::Arc;

use crate::{
    model::{ConfigScope, EntityId, InvalidLimits, Limits, Lineage, ResolvedLimits, StoredConfig},
    store::LookUp,
};

/// What holds for an entity and a resource.
#[derive(Clone, Debug)]
pub(in crate::limiter) struct Resolution {
    /// When the look-up began, epoch ms: it knows of every change before. The end of time where
    /// nothing had to be looked up.
    pub(in crate::limiter) known_at: i64,
    /// The stored limits; `None` where no level has any.
    pub(in crate::limiter) stored: Option<ResolvedLimits>,
    /// The entity whose bucket is charged too.
    pub(in crate::limiter) parent: Option<EntityId>,
    /// What is known of its parent, charged or not.
    pub(in crate::limiter) lineage: Option<Arc<Lineage>>,
    /// How many shards the bucket has, by what its second one says; 1 where it has none.
    pub(in crate::limiter) shard_count: u32,
    /// `true` if the resource is disabled for the entity.
    pub(in crate::limiter) disabled: bool,
    /// The attribute that makes the stored limits mean something that this crate does not
    /// understand.
    pub(in crate::limiter) not_understood: Option<String>,
}

impl Resolution {
    /// Nothing is stored.
    pub(in crate::limiter) const fn nothing() -> Self {
        Self {
            known_at: i64::MAX,
            stored: None,
            parent: None,
            lineage: None,
            shard_count: 1,
            disabled: false,
            not_understood: None,
        }
    }

    /// What a look-up that began at `known_at` has found.
    ///
    /// The first of `scopes` that has limits gives them, the first that says whether the resource is
    /// disabled or the parent is charged decides that.
    pub(in crate::limiter) fn new(scopes: &[ConfigScope], found: LookUp, known_at: i64) -> Self {
        let LookUp { entity, configs, shard } = found;
        let shard_count = shard.map_or(1, |shard| shard.shard_count);
        let levels = || scopes.iter().zip(&configs).filter_map(|(scope, config)| Some((scope, config.as_ref()?)));
        let access = || levels().filter(|(scope, _)| **scope != ConfigScope::System).map(|(_, config)| config);
        let cascade = access().find_map(|config| config.cascade);
        let lineage = entity.and_then(|entity| {
            let cascade = cascade.unwrap_or(entity.cascade);
            Some(Arc::new(Lineage { parent: entity.parent?, cascade }))
        });
        let parent = lineage.as_ref().filter(|lineage| lineage.cascade).map(|lineage| lineage.parent.clone());
        let disabled = access().find_map(|config| config.disabled).unwrap_or(false);
        let says_something = |config: &StoredConfig| !config.limits.is_empty() || config.not_understood.is_some();
        let Some((scope, config)) = levels().find(|(_, config)| says_something(config)) else {
            return Self { known_at, parent, lineage, shard_count, disabled, ..Self::nothing() };
        };
        // Names are attribute names: none stands twice. But a peer may have stored more than one bucket takes here.
        let limits = Limits::new(config.limits.iter().cloned());
        let too_many = match limits {
            Err(InvalidLimits::TooMany(limits)) => Some(format!("{limits} limits at once")),
            _ => None,
        };
        let stored = limits.ok().map(|limits| ResolvedLimits { limits, source: scope.source() });
        let not_understood = config.not_understood.clone().or(too_many);
        Self { known_at, stored, parent, lineage, shard_count, disabled, not_understood }
    }
}
