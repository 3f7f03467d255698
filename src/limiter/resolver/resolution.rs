//! The result of a look-up for an entity and a resource.

use std::sync::Arc;

use crate::{
    limiter::terms::ConfigVersion,
    model::{
        ConfigScope, EntityId, InvalidLimits, Limits, ParentLink, ResolvedLimits, StoredConfig,
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
    /// `true` if the resource is disabled for the entity.
    pub(crate) disabled: bool,
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
            disabled: false,
            not_understood: None,
        }
    }

    /// Creates a resolution from a look-up whose limits have this version.
    ///
    /// The limits come from the first of `scopes` that has any. The first scope that says if the
    /// resource is disabled, or if the parent is charged, decides that.
    pub(crate) fn new(scopes: &[ConfigScope], found: LookUp, version: ConfigVersion) -> Self {
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
        let access = || {
            levels()
                .filter(|(scope, _)| **scope != ConfigScope::System)
                .map(|(_, config)| config)
        };
        let cascade = access().find_map(|config| config.cascade);
        let lineage = entity.map(|entity| {
            let cascade = cascade.unwrap_or(entity.cascade);
            Arc::new(ParentLink::of(entity, cascade))
        });
        let parent = lineage
            .as_ref()
            .filter(|lineage| lineage.cascade)
            .and_then(|lineage| lineage.parent.clone());
        let disabled = access().find_map(|config| config.disabled).unwrap_or(false);
        let says_something =
            |config: &StoredConfig| !config.limits.is_empty() || config.not_understood.is_some();
        let Some((scope, config)) = levels().find(|(_, config)| says_something(config)) else {
            return Self {
                version,
                parent,
                lineage,
                shard_count,
                disabled,
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
            not_understood,
        }
    }
}
