//! Time zones of stored limits.

use crate::{
    error::Error,
    limiter::admin::{carry::carry_zone, config::Config},
    model::{ConfigScope, StoredConfig},
};

impl Config {
    /// Writes the limits of a resource, or of the system, to the buckets that keep limits in another
    /// time zone, if the change has moved the limits into it.
    pub(super) async fn carry_new_zone(
        &self,
        scope: &ConfigScope,
        before: Option<&StoredConfig>,
        after: Option<&StoredConfig>,
    ) -> Result<(), Error> {
        let has_no_zone = |config: Option<&StoredConfig>| {
            config.is_some_and(|config| !config.limits.is_empty() && config.zone().is_none())
        };
        if has_no_zone(before) || has_no_zone(after) {
            return Ok(());
        }
        let below = match scope {
            ConfigScope::System => None,
            ConfigScope::Resource(_) if has_limits(before) && has_limits(after) => None,
            ConfigScope::Resource(_) => self.get(&ConfigScope::System).await?,
            _ => return Ok(()),
        };
        // Without limits of its own, a resource has those of the system.
        let zone = |config: Option<&StoredConfig>| {
            let config = config.filter(|config| !config.limits.is_empty());
            let config = config.or(below.as_ref())?;
            config.zone().map(str::to_owned)
        };
        match (zone(before), zone(after)) {
            (Some(before), Some(after)) if before != after => {
                carry_zone(self.limiter(), scope).await
            }
            _ => Ok(()),
        }
    }
}

fn has_limits(config: Option<&StoredConfig>) -> bool {
    config.is_some_and(|config| !config.limits.is_empty())
}
