//! What was found for an entity and a resource.

use std::sync::Arc;

use crate::{
    model::{ConfigScope, EntityId, Limits, Lineage, ResolvedLimits, StoredConfig},
    store::LookUp,
};

/// What holds for an entity and a resource.
#[derive(Clone, Debug)]
pub(in crate::limiter) struct Resolution {
    /// The stored limits; `None` where no level has any.
    pub(in crate::limiter) stored: Option<ResolvedLimits>,
    /// The entity whose bucket is charged too.
    pub(in crate::limiter) parent: Option<EntityId>,
    /// What the entity's buckets say of its parent, charged or not.
    pub(in crate::limiter) lineage: Option<Arc<Lineage>>,
    /// The attribute that makes the stored limits mean something that this crate does not
    /// understand.
    pub(in crate::limiter) not_understood: Option<String>,
}

impl Resolution {
    /// Nothing is stored.
    pub(in crate::limiter) fn nothing() -> Self {
        Self { stored: None, parent: None, lineage: None, not_understood: None }
    }

    /// The first of `scopes` that has limits gives them.
    pub(in crate::limiter) fn new(scopes: &[ConfigScope], found: LookUp) -> Self {
        let parent = found.entity.as_ref().and_then(|entity| entity.charged_parent().cloned());
        let lineage =
            found.entity.and_then(|entity| Some(Arc::new(Lineage { cascade: entity.cascade, parent: entity.parent? })));
        let mut levels = scopes.iter().zip(found.configs).filter_map(|(scope, config)| Some((scope, config?)));
        let says_something = |config: &StoredConfig| !config.limits.is_empty() || config.not_understood.is_some();
        let Some((scope, config)) = levels.find(|(_, config)| says_something(config)) else {
            return Self { parent, lineage, ..Self::nothing() };
        };
        // Names are attribute names: none stands twice.
        let limits = Limits::new(config.limits).ok();
        let stored = limits.map(|limits| ResolvedLimits { limits, source: scope.source() });
        Self { stored, parent, lineage, not_understood: config.not_understood }
    }
}
