//! Changes of many configs at once.

use std::collections::HashSet;

use serde_json::json;

use crate::{
    error::{Error, FanOutIncomplete, Invalid},
    limiter::admin::{
        at_once::at_once,
        carry::carry,
        config::Config,
        fan_out::{CarriedFlag, fan_out, fan_out_differences, fan_out_soft_limits},
        records::records_of,
    },
    model::{
        Access, AuditAction, AuditEvent, BucketKey, ConfigChange, ConfigScope, Limit, StoredConfig,
    },
};

/// The number of configs whose buckets are written at the same time.
const SCOPES_AT_ONCE: usize = 16;

impl Config {
    /// Changes some configs, and adds the changes to the history: all of it or nothing. Then writes
    /// the buckets that exist, as [`set`](Self::set), [`delete`](Self::delete) and
    /// [`clear_access`](Self::clear_access) do, and soft limits of the system too. Returns `false`
    /// if one of the configs is not as it was read: then nothing is changed.
    ///
    /// One call takes up to [forty](ConfigChange::MOST) changes, and one for each scope. A table
    /// does not take resources that get limits and resources whose limits are deleted in the same
    /// call.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::{ConfigChange, ConfigScope}};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let config = limiter.config();
    /// let mut changes = Vec::new();
    /// for (customer, rpm) in [("customer-7", 60), ("customer-8", 600)] {
    ///     let scope = ConfigScope::entity(customer)?;
    ///     let before = config.get(&scope).await?;
    ///     let after = [Limit::per_minute("rpm", rpm)].into();
    ///     changes.push(ConfigChange::new(scope, before, Some(after)));
    /// }
    /// assert!(config.change(&changes).await?);
    /// assert!(!config.change(&changes).await?, "they have changed since they were read");
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for changes that cannot be stored, and [`Invalid::Changes`] for more than
    /// forty, or for two of one scope: nothing is changed. [`Error::FanOut`] if not all buckets
    /// could be written: the configs are changed, and [`reapply`](Self::reapply) writes the rest.
    ///
    /// [`Error::Unavailable`] if the store fails. If the store's error is
    /// [`Rejected`](crate::store::StoreErrorKind::Rejected), nothing is changed. Otherwise it is
    /// not known if the changes are stored: read the configs, then call [`reapply`](Self::reapply).
    ///
    /// # Cost
    /// Three round trips: two reads, and a transaction, which costs four write units for each
    /// change. Up to two more for each of these: sessions, bypasses, cascade rules, soft limits.
    /// One more for each resource for which configs of entities are deleted. For the buckets that
    /// exist as [`set`](Self::set), for up to sixteen configs at the same time.
    pub async fn change(&self, changes: &[ConfigChange]) -> Result<bool, Error> {
        let scopes: HashSet<_> = changes.iter().map(|change| &change.scope).collect();
        if scopes.len() < changes.len() || changes.len() > ConfigChange::MOST {
            return Err(Invalid::Changes.into());
        }
        for ConfigChange { scope, after, .. } in changes {
            let Some(after) = after else { continue };
            after.check()?;
            let has_flags = after.access.is_some() || after.cascade.is_some();
            if *scope == ConfigScope::System && has_flags {
                return Err(Invalid::NoFlags.into());
            }
        }
        let limiter = self.limiter();
        let store = limiter.store();
        let records = records_of(&*store)?;
        let mut events = Vec::with_capacity(changes.len());
        for change in changes.iter().filter(|change| !change.is_nothing()) {
            events.push(limiter.signed(self.event_of(change), records).await);
        }
        let stored = limiter.asked(records.change_configs(changes, &events));
        let stored = stored.await;
        // Also if it is not known that they were stored.
        for change in changes {
            limiter.engine().forget(&change.scope);
        }
        if !stored? {
            return Ok(false);
        }
        let followed = self.follow_all(changes).await;
        followed.map_err(after_storing)?;
        Ok(true)
    }

    /// Writes the buckets of changes that are stored.
    async fn follow_all(&self, changes: &[ConfigChange]) -> Result<(), Error> {
        let limiter = self.limiter();
        let store = limiter.store();
        let records = records_of(&*store)?;
        let keys: Vec<_> = changes.iter().filter_map(bucket_with_limits).collect();
        let mut existing = HashSet::new();
        if !keys.is_empty() {
            existing.extend(limiter.asked(records.existing_shards(&keys)).await?);
        }
        let followers = changes.iter().map(|change| self.follow(change, &existing));
        // The compiler takes a list of futures to another thread, and no closure that makes them.
        let followers: Vec<_> = followers.collect();
        at_once(followers, SCOPES_AT_ONCE).await
    }

    /// Writes the buckets of a change.
    async fn follow(
        &self,
        change: &ConfigChange,
        existing: &HashSet<BucketKey>,
    ) -> Result<(), Error> {
        self.follow_flags(change).await?;
        let has_new_limits = match bucket_with_limits(change) {
            Some(bucket) => existing.contains(&bucket),
            None => matches!(change.scope, ConfigScope::Entity(_)) && changes_limits(change),
        };
        if has_new_limits {
            carry(self.limiter(), &change.scope).await?;
        }
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        self.carry_new_zone(&change.scope, before, after).await
    }

    async fn follow_flags(&self, change: &ConfigChange) -> Result<(), Error> {
        let (of, scope) = ((self.limiter(), self.written()), &change.scope);
        if *scope == ConfigScope::System {
            if change.everywhere || soft(&change.before) != soft(&change.after) {
                fan_out_soft_limits(of).await?;
            }
            return Ok(());
        }
        if change.everywhere {
            for flag in [CarriedFlag::Access, CarriedFlag::Cascade, CarriedFlag::Soft] {
                fan_out(of, scope, flag).await?;
            }
            return Ok(());
        }
        let nothing = StoredConfig::default();
        let before = change.before.as_ref().unwrap_or(&nothing);
        let after = change.after.as_ref().unwrap_or(&nothing);
        fan_out_differences(of, scope, before, after).await
    }

    /// Returns the event of a change: the limits, and the flags that differ.
    fn event_of(&self, change: &ConfigChange) -> AuditEvent {
        let Some(after) = &change.after else {
            return self.deletion(&change.scope, change.before.as_ref());
        };
        let mut event = self.event(&change.scope, AuditAction::LimitsSet);
        self.describe(&mut event, &change.scope, after);
        let before = change.before.as_ref();
        if before.and_then(|before| before.access) != after.access {
            let disabled = json!(after.access);
            event.details.insert("disabled".into(), disabled);
        }
        if before.and_then(|before| before.cascade) != after.cascade {
            let cascade = json!(after.cascade);
            event.details.insert("cascade".into(), cascade);
        }
        event
    }
}

/// Returns the error of buckets that could not be written after the configs were stored.
fn after_storing(error: Error) -> Error {
    match error {
        Error::FanOut(_) => error,
        error => FanOutIncomplete::new(0, error).into(),
    }
}

/// Returns the bucket that carries the limits of a change, if it is of one.
fn bucket_with_limits(change: &ConfigChange) -> Option<BucketKey> {
    match &change.scope {
        ConfigScope::EntityResource(entity, resource) if changes_limits(change) => {
            Some(BucketKey::new(entity.clone(), resource.clone()))
        }
        _ => None,
    }
}

/// Returns `true` if buckets may have other limits than the config. Those of disabled buckets stay
/// as they are until the buckets are enabled.
fn changes_limits(change: &ConfigChange) -> bool {
    let is_disabled = |config: &Option<StoredConfig>| {
        config.as_ref().and_then(|config| config.access) == Some(Access::Disabled)
    };
    let is_enabled_again = is_disabled(&change.before) && !is_disabled(&change.after);
    change.everywhere || is_enabled_again || limits(&change.before) != limits(&change.after)
}

fn limits(config: &Option<StoredConfig>) -> &[Limit] {
    config.as_ref().map_or(&[], |config| &config.limits)
}

fn soft(config: &Option<StoredConfig>) -> Vec<&Limit> {
    let soft = limits(config).iter().filter(|limit| limit.is_soft());
    soft.collect()
}
