//! Gives a limiter the limits of a manifest.

use tollgate::{
    Error, RateLimiter,
    model::{ConfigScope, StoredConfig},
};

use crate::manifest::Manifest;

/// Gives a limiter the limits of a manifest, and removes the limits of the `previous` manifest that
/// are no longer declared. Everything else that is stored stays. Requests without limits of their
/// own use the new limits at once.
///
/// This is for a limiter in memory ([`RateLimiter::memory`]), and ignores the manifest's namespace.
/// A table is shared by many processes: use `tollgate limits apply` for it.
///
/// ```
/// use tollgate::RateLimiter;
/// use tollgate_manifest::{Manifest, install};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let text = "{namespace: default, system: {limits: {rpm: {capacity: 1}}}}";
/// let manifest = Manifest::parse("limits.yaml", text)?;
/// let limiter = RateLimiter::memory();
/// install(&limiter, None, &manifest).await?;
///
/// limiter.acquire("user-1", "api").await?.commit();
/// assert!(limiter.acquire("user-1", "api").await.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The errors of [`Config::set`](tollgate::limiter::Config::set). A part may be installed then:
/// install the manifest again.
pub async fn install(
    limiter: &RateLimiter,
    previous: Option<&Manifest>,
    manifest: &Manifest,
) -> Result<(), Error> {
    for entry in previous.map_or(&[][..], Manifest::entries) {
        if manifest.get(&entry.scope).is_none() {
            limiter.config().delete(&entry.scope).await?;
        }
    }
    for entry in manifest.entries() {
        set(limiter, &entry.scope, &entry.config).await?;
    }
    Ok(())
}

/// Stores a config, unless it is stored. A flag that the config does not set is removed.
async fn set(
    limiter: &RateLimiter,
    scope: &ConfigScope,
    config: &StoredConfig,
) -> Result<(), Error> {
    let stored = limiter.config().get(scope).await?;
    if stored.as_ref() == Some(config) {
        return Ok(());
    }
    let stored = stored.unwrap_or_default();
    if stored.access.is_some() && config.access.is_none() {
        limiter.config().clear_access(scope).await?;
    }
    if stored.cascade.is_some() && config.cascade.is_none() {
        limiter.config().clear_cascade(scope).await?;
    }
    limiter.config().set(scope.clone(), config.clone()).await
}
