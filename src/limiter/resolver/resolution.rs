//! The result of a look-up for an entity and a resource.

use std::sync::Arc;

use crate::{
    limiter::terms::ConfigVersion,
    model::{
        Access, ConfigScope, DisabledLevel, EntityId, InvalidLimits, Limit, LimitName, Limits,
        ParentLink, ResolvedLimits, StoredConfig,
    },
    store::LookUp,
};

/// The limits and settings that apply to an entity and a resource.
#[derive(Clone, Debug)]
pub(crate) struct Resolution {
    /// The version of the limits: the newest one if nothing had to be looked up.
    pub(crate) version: ConfigVersion,
    /// The stored limits; `None` if no level has any.
    pub(crate) stored: Option<ResolvedLimits>,
    /// The entity's parent, if the parent's bucket is charged too.
    pub(crate) parent: Option<EntityId>,
    /// The link to the entity's parent, as a bucket stores it. The link is set for every entity
    /// that was created.
    pub(crate) lineage: Option<Arc<ParentLink>>,
    /// The number of shards of the bucket, as its second shard says; 1 if it has no second shard.
    pub(crate) shard_count: u32,
    /// The level that disables the resource for the entity.
    pub(crate) disabled: Option<DisabledLevel>,
    /// `true` if the acquires of the entity are only counted.
    pub(crate) bypassed: bool,
    /// `true` if some of the stored limits are soft.
    pub(crate) has_soft: bool,
    /// The time at which it was looked up, epoch ms; 0 if nothing was looked up.
    pub(crate) looked_at: i64,
    /// The attribute of the stored limits that this crate does not understand, if there is one. The
    /// attribute may change the meaning of the limits, so they are not used.
    pub(crate) not_understood: Option<String>,
}

impl Resolution {
    /// Returns a resolution for the case that nothing is stored.
    pub(crate) const fn nothing() -> Self {
        Self {
            version: ConfigVersion::NEWEST,
            stored: None,
            parent: None,
            lineage: None,
            shard_count: 1,
            disabled: None,
            bypassed: false,
            has_soft: false,
            looked_at: 0,
            not_understood: None,
        }
    }

    /// Returns the stored limits that refuse nothing.
    pub(crate) fn soft_limits(&self) -> Vec<LimitName> {
        let limits = self.stored.iter().flat_map(|stored| stored.limits.iter());
        let soft = limits.filter(|limit| limit.is_soft());
        soft.map(|limit| limit.name().clone()).collect()
    }

    /// Creates a resolution from a look-up at `looked_at` (epoch ms) whose limits have this version.
    ///
    /// The limits come from the first of `scopes` that has any. The first scope that says if the
    /// resource is disabled, or if the parent is charged, decides that.
    pub(crate) fn new(
        scopes: &[ConfigScope],
        found: LookUp,
        version: ConfigVersion,
        looked_at: i64,
    ) -> Self {
        let LookUp {
            entity,
            configs,
            shard,
        } = found;
        let shard_count = shard.map_or(1, |shard| shard.shard_count);
        let levels = || {
            scopes
                .iter()
                .zip(&configs)
                .filter_map(|(scope, config)| Some((scope, config.as_ref()?)))
        };
        let access = || levels().filter(|(scope, _)| **scope != ConfigScope::System);
        let cascade = access().find_map(|(_, config)| config.cascade);
        let lineage = entity.map(|entity| {
            let cascade = cascade.unwrap_or(entity.cascade);
            Arc::new(ParentLink::of(entity, cascade))
        });
        let parent = lineage
            .as_ref()
            .filter(|lineage| lineage.cascade)
            .and_then(|lineage| lineage.parent.clone());
        let decided = access().find_map(|(scope, config)| Some((scope, config.access?)));
        let disabled = decided.and_then(|(scope, access)| match (access, scope) {
            (Access::Disabled, ConfigScope::EntityResource(..)) => Some(DisabledLevel::Entity),
            (Access::Disabled, ConfigScope::Entity(_)) => Some(DisabledLevel::EntityDefault),
            (Access::Disabled, _) => Some(DisabledLevel::Resource),
            _ => None,
        });
        let bypassed = decided.is_some_and(|(_, access)| access == Access::Bypassed);
        let says_something =
            |config: &StoredConfig| !config.limits.is_empty() || config.not_understood.is_some();
        let Some((scope, config)) = levels().find(|(_, config)| says_something(config)) else {
            return Self {
                version,
                parent,
                lineage,
                shard_count,
                disabled,
                bypassed,
                looked_at,
                ..Self::nothing()
            };
        };
        // Names of limits are attribute names, so no name occurs twice. But a peer may have stored
        // more limits than a bucket takes here.
        let limits = Limits::new(config.limits.iter().cloned());
        let too_many = match limits {
            Err(InvalidLimits::TooMany(limits)) => Some(format!("{limits} limits at once")),
            _ => None,
        };
        let stored = limits.ok().map(|limits| ResolvedLimits {
            limits,
            source: scope.source(),
        });
        let not_understood = config.not_understood.clone().or(too_many);
        Self {
            version,
            stored,
            parent,
            lineage,
            shard_count,
            disabled,
            bypassed,
            has_soft: config.limits.iter().any(Limit::is_soft),
            looked_at,
            not_understood,
        }
    }
}
