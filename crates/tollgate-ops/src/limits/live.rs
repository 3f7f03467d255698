//! The configs that are stored.

use tollgate::{
    model::{ConfigScope, StoredConfig},
    store::{ReadConsistency, Store},
};

use super::{error::LimitsError, level::order, target::Target};

/// The number of configs that are read in one round trip.
const BATCH: usize = 100;

/// Reads the configs of scopes, consistently. `audit_retention_days` is not part of a manifest: a
/// system config that has nothing else counts as none. One round trip for every hundred.
pub(super) async fn configs(
    target: &Target,
    scopes: &[ConfigScope],
) -> Result<Vec<Option<StoredConfig>>, LimitsError> {
    let records = target.store.records().ok_or(LimitsError::NoTable)?;
    let mut configs = Vec::with_capacity(scopes.len());
    for part in scopes.chunks(BATCH) {
        let found = records.look_up(None, part, None, ReadConsistency::Strong);
        configs.extend(found.await?.configs);
    }
    for config in &mut configs {
        let days = config
            .as_mut()
            .map(|config| config.audit_retention_days.take());
        if days.flatten().is_some() && *config == Some(StoredConfig::default()) {
            *config = None;
        }
    }
    Ok(configs)
}

/// Lists the scopes that have a config, by the table's own lists of them. Configs that the Python
/// client's provisioner wrote are on no list: the list of managed scopes has those.
pub(super) async fn listed(target: &Target) -> Result<Vec<ConfigScope>, LimitsError> {
    let config = target.limiter.config();
    let mut scopes = vec![ConfigScope::System];
    for resource in config.resources().await? {
        scopes.push(ConfigScope::Resource(resource));
    }
    let resources = config.resources_with_entity_limits().await?;
    for resource in resources.into_iter().map(Some).chain([None]) {
        let mut entities = config.entities_with_limits(resource.clone());
        while let Some(entity) = entities.next().await {
            let entity = entity?;
            scopes.push(match &resource {
                Some(resource) => ConfigScope::EntityResource(entity, resource.clone()),
                None => ConfigScope::Entity(entity),
            });
        }
    }
    scopes.sort_by_cached_key(order);
    scopes.dedup();
    Ok(scopes)
}
