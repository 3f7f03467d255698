//! The stored configs as a manifest.

use tollgate::{
    Limits,
    model::{NamespaceName, StoredConfig},
};
use tollgate_manifest::{Manifest, ManifestEntry};

use super::{
    error::LimitsError,
    level::{described, order},
    live, managed,
    target::Target,
};

/// Returns a manifest of the stored configs: a plan of it has no changes but that the configs
/// become managed. With `managed_only`, only the configs that a manifest has declared. Writes
/// nothing.
///
/// # Errors
/// The errors of reads, [`LimitsError::NotUnderstood`], and [`LimitsError::NotDeclarable`] if a
/// stored config has limits that [`plan`](super::plan) would refuse.
///
/// # Cost
/// As for [`plan`](super::plan).
pub async fn export(
    target: &Target,
    namespace: NamespaceName,
    managed_only: bool,
) -> Result<Manifest, LimitsError> {
    let (managed, _) = managed::read(target).await?;
    let mut scopes = managed.scopes();
    if !managed_only {
        scopes.extend(live::listed(target).await?);
    }
    scopes.sort_by_cached_key(order);
    scopes.dedup();
    let configs = live::configs(target, &scopes).await?;
    let stored = scopes.into_iter().zip(configs);
    let stored: Vec<_> = stored
        .filter_map(|(scope, config)| Some((scope, config?)))
        .collect();
    for (scope, config) in &stored {
        if let Some(attribute) = &config.not_understood {
            return Err(LimitsError::NotUnderstood {
                scope: described(scope),
                attribute: attribute.clone(),
            });
        }
        if !config.limits.is_empty() {
            let checked = Limits::new(config.limits.iter().cloned());
            checked.map_err(|source| LimitsError::NotDeclarable {
                scope: described(scope),
                source,
            })?;
        }
    }
    // An item without limits and flags says nothing, and a manifest cannot declare it.
    let stored = stored
        .into_iter()
        .filter(|(_, config)| *config != StoredConfig::default());
    let entries = stored.map(|(scope, config)| ManifestEntry::new(scope, config));
    Ok(Manifest::new(namespace, entries))
}
