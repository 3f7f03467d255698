//! Stored limits: set, read and list them.

use std::sync::{Arc, atomic::AtomicU64};

use serde_json::{Value, json};

use crate::{
    error::{Error, Invalid},
    limiter::{
        admin::{
            carry::carry, fan_out::fan_out_differences, listing::Listing, progress::Progress,
            records::records_of,
        },
        api::RateLimiter,
        resolver::CacheStats,
    },
    model::{
        AuditAction, AuditEvent, AuditSubject, ConfigScope, EntityId, IntoName, Limit, Limits,
        ResolvedLimits, Resource, StoredConfig, StoredOnUnavailable,
    },
    store::{ReadConsistency, ResourceListing},
};

/// The limits, access and cascade rules that are stored in the table. Limits have four levels,
/// access and cascade the first three of them. Returned by [`RateLimiter::config`].
///
/// A change of limits reaches a bucket with the bucket's next write: at once for acquires of this
/// limiter, within the cache's time to live for acquires of others. Limits of an entity are also
/// written to its buckets at once, because the Python client uses the limits in a bucket as long as
/// the bucket exists. Access and cascade rules are written to all buckets at once.
///
/// ```
/// use tollgate::{Limit, RateLimiter, model::{ConfigScope, ConfigSource}};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let limiter = RateLimiter::memory();
/// let config = limiter.config();
/// config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
/// config.set(ConfigScope::entity_resource("user-1", "gpt-4")?, [Limit::per_minute("rpm", 600)]).await?;
///
/// let limits = config.resolve("user-1", "gpt-4").await?.expect("some are stored");
/// assert_eq!((limits.source, limits.limits[0].capacity()), (ConfigSource::EntityResource, 600));
/// let limits = config.resolve("user-2", "gpt-4").await?.expect("some are stored");
/// assert_eq!((limits.source, limits.limits[0].capacity()), (ConfigSource::System, 60));
/// # Ok::<(), tollgate::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    limiter: RateLimiter,
    /// The name that the history records, instead of the limiter's.
    principal: Option<String>,
    progress: Progress,
}

impl Config {
    pub(crate) fn new(limiter: RateLimiter) -> Self {
        Self {
            limiter,
            principal: None,
            progress: Progress::default(),
        }
    }

    /// Sets the name that the history records for changes through this value, instead of the
    /// limiter's [`principal`](crate::limiter::RateLimiterBuilder::principal). Use it in a service
    /// that changes limits for several people.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::{AuditSubject, ConfigScope}};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let config = limiter.config().by("alice");
    /// config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
    /// let events = limiter.audit().events(&AuditSubject::System).all().await?;
    /// assert_eq!(events[0].principal.as_deref(), Some("alice"));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn by(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// Adds the buckets that calls of this value write for a flag or a soft limit to `counter`, one
    /// by one, each shard. Read it to show the progress of a call for a resource with many buckets.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// limiter.config().set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
    /// limiter.acquire("user-1", "api").await?.commit();
    ///
    /// let written = Arc::new(AtomicU64::new(0));
    /// let config = limiter.config().progress(written.clone());
    /// let buckets = config.disable(&ConfigScope::resource("api")?).await?;
    /// assert_eq!(written.load(Ordering::Relaxed), buckets);
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(mut self, counter: Arc<AtomicU64>) -> Self {
        self.progress = Progress::of(counter);
        self
    }

    /// Stores limits for a scope, and replaces the limits that it had.
    ///
    /// # Errors
    /// [`Invalid::Limits`] for a name that occurs twice or more limits than a bucket takes,
    /// [`Invalid::PeriodNotStored`] for a refill period with a fraction of a second,
    /// [`Invalid::NoFlags`] for an access or a cascade rule in the system's scope.
    /// [`Error::FanOut`] if a flag or a soft limit did not reach all buckets: make the same call
    /// again. [`Error::Unavailable`] if the store fails: then the limits may be stored, with or
    /// without their event, and the call can be repeated. It also fails, with a
    /// [`Rejected`](crate::store::StoreErrorKind::Rejected) store error, if the table's functions
    /// are too old for a session, a bypass, a cascade rule or a soft limit: then nothing is stored.
    ///
    /// # Cost
    /// Four round trips: two reads, a transaction, the event of the history. One read less for the
    /// system's scope, unless its limits have a calendar or schedule. Up to two more for each of
    /// these: sessions, a bypass, a cascade rule, soft limits. For limits of an entity, two more for
    /// every hundred buckets that the entity has; for each bucket to which the limits apply, one for
    /// the configs, and two for each shard. If a flag is set, or a limit is or was soft, the buckets
    /// are also written as by [`disable`](Self::disable). If limits of a resource or of the system
    /// come into another time zone, its buckets are read, and those that keep limits in another one
    /// are written.
    pub async fn set(
        &self,
        scope: ConfigScope,
        config: impl Into<StoredConfig>,
    ) -> Result<(), Error> {
        let config = config.into();
        config.check()?;
        let sets_a_flag = config.access.is_some() || config.cascade.is_some();
        if scope == ConfigScope::System && sets_a_flag {
            return Err(Invalid::NoFlags.into());
        }
        let before = match &scope {
            // Nothing else of it is compared.
            ConfigScope::System if config.zone().is_none() => None,
            scope => self.get(scope).await?,
        };
        self.limiter
            .asked(records_of(&*self.limiter.store())?.put_config(&scope, &config))
            .await?;
        self.limiter.engine().forget(&scope);
        let mut event = self.event(&scope, AuditAction::LimitsSet);
        self.describe(&mut event, &scope, &config);
        self.limiter.note(event).await?;
        carry(&self.limiter, &scope).await?;
        self.carry_new_zone(&scope, before.as_ref(), Some(&config))
            .await?;
        // A flag that was stored before may not have reached all buckets yet.
        let before = StoredConfig {
            access: None,
            cascade: None,
            ..before.unwrap_or_default()
        };
        fan_out_differences((&self.limiter, &self.progress), &scope, &before, &config).await
    }

    /// Returns the config of a scope. One round trip: the cache is not used.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn get(&self, scope: &ConfigScope) -> Result<Option<StoredConfig>, Error> {
        let scopes = std::slice::from_ref(scope);
        let found = self
            .limiter
            .asked(records_of(&*self.limiter.store())?.look_up(
                None,
                scopes,
                None,
                ReadConsistency::Strong,
            ))
            .await?;
        Ok(found.configs.into_iter().next().flatten())
    }

    /// Deletes the config of a scope: its limits, its access and its cascade rule. Returns `false`
    /// if there is none. The days for which the history is kept stay with the system.
    ///
    /// # Errors
    /// [`Error::FanOut`] if the change of a flag or of a soft limit did not reach all buckets: the
    /// config is deleted. [`Error::Unavailable`] if the store fails.
    ///
    /// # Cost
    /// Up to four round trips, and those that [`set`](Self::set) makes for buckets.
    pub async fn delete(&self, scope: &ConfigScope) -> Result<bool, Error> {
        let before = self.get(scope).await?;
        let deleted = self
            .limiter
            .asked(records_of(&*self.limiter.store())?.delete_config(scope))
            .await?;
        self.limiter.engine().forget(scope);
        if deleted {
            self.limiter
                .note(self.deletion(scope, before.as_ref()))
                .await?;
            carry(&self.limiter, scope).await?;
            self.carry_new_zone(scope, before.as_ref(), None).await?;
            let (before, after) = (before.unwrap_or_default(), StoredConfig::default());
            fan_out_differences((&self.limiter, &self.progress), scope, &before, &after).await?;
        }
        Ok(deleted)
    }

    /// Returns the resources that have a config for everybody, by name: limits, or only an access
    /// or a cascade rule. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn resources(&self) -> Result<Vec<Resource>, Error> {
        self.limiter
            .asked(
                records_of(&*self.limiter.store())?.list_resources(ResourceListing::WithDefaults),
            )
            .await
    }

    /// Returns the resources for which some entity has a config of its own, by name: limits, or
    /// only an access or a cascade rule. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn resources_with_entity_limits(&self) -> Result<Vec<Resource>, Error> {
        self.limiter
            .asked(
                records_of(&*self.limiter.store())?
                    .list_resources(ResourceListing::WithEntityLimits),
            )
            .await
    }

    /// Lists the entities that have a config of their own for `resource`: limits, or only an access
    /// or a cascade rule. With `None`, lists the entities that have one for all resources at once
    /// ([`ConfigScope::Entity`]). One round trip per page.
    pub fn entities_with_limits(&self, resource: Option<Resource>) -> Listing<EntityId> {
        let named = resource.as_ref().map_or("", Resource::as_str);
        let identity = ["entities with limits", named].map(str::to_owned);
        Listing::of_records(self.limiter.store(), move |records, from| {
            let resource = resource.clone();
            Box::pin(async move {
                records
                    .list_entities_with_limits(resource.as_ref(), from)
                    .await
            })
        })
        .identified(&identity, EntityId::to_string)
    }

    /// Returns the limits that apply to an acquire without limits of its own, and their source.
    /// Returns `None` if no level has any. No round trip if the limits are cached, otherwise one.
    ///
    /// The result may contain limits that an acquire would refuse with [`Invalid::NotUnderstood`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails, [`Error::Invalid`] for invalid names.
    pub async fn resolve<E, R>(
        &self,
        entity: E,
        resource: R,
    ) -> Result<Option<ResolvedLimits>, Error>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        let entity = entity.into_name().map_err(Error::from)?;
        let resource = resource.into_name().map_err(Error::from)?;
        Ok(self
            .limiter
            .resolution(&entity, &resource)
            .await?
            .stored
            .clone())
    }

    /// Returns the stored setting for an unavailable store, as the last look-up saw it. No round
    /// trip. Returns `None` if nothing is stored, if this limiter has looked nothing up yet, and in
    /// memory.
    pub fn on_unavailable(&self) -> Option<StoredOnUnavailable> {
        self.limiter.stored_on_unavailable()
    }

    /// Returns the counters of the cache. All are zero in memory, because nothing is cached there.
    pub fn cache_stats(&self) -> CacheStats {
        self.limiter.engine().cache_stats()
    }

    /// Empties the cache: the next acquires look up their limits again.
    pub fn invalidate(&self) {
        self.limiter.engine().forget(&ConfigScope::System);
    }

    pub(super) fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    pub(super) fn written(&self) -> &Progress {
        &self.progress
    }

    /// Adds what a config says to the event of a change.
    pub(super) fn describe(
        &self,
        event: &mut AuditEvent,
        scope: &ConfigScope,
        config: &StoredConfig,
    ) {
        event.details.insert("limits".into(), details(config));
        if *scope == ConfigScope::System {
            let action = json!(config.on_unavailable);
            event.details.insert("on_unavailable".into(), action);
        }
    }

    /// Returns the event of a deletion. It contains the limits of the system that are deleted.
    pub(super) fn deletion(
        &self,
        scope: &ConfigScope,
        before: Option<&StoredConfig>,
    ) -> AuditEvent {
        let mut event = self.event(scope, AuditAction::LimitsDeleted);
        if let Some(before) = before.filter(|_| *scope == ConfigScope::System) {
            let names: Vec<_> = before.limits.iter().map(Limit::name).collect();
            event.details.insert("limits".into(), json!(names));
            let action = json!(before.on_unavailable);
            event.details.insert("on_unavailable".into(), action);
        }
        event
    }

    pub(super) fn event(&self, scope: &ConfigScope, action: AuditAction) -> AuditEvent {
        let (subject, resource) = match scope {
            ConfigScope::System => (AuditSubject::System, None),
            ConfigScope::Resource(resource) => (
                AuditSubject::Resource(resource.clone()),
                Some(resource.to_string()),
            ),
            ConfigScope::Entity(entity) => (
                AuditSubject::Entity(entity.clone()),
                Some("_default_".to_owned()),
            ),
            ConfigScope::EntityResource(entity, resource) => (
                AuditSubject::Entity(entity.clone()),
                Some(resource.to_string()),
            ),
        };
        let mut event = AuditEvent::new(&subject, action, self.limiter.system_time());
        event.resource = resource;
        event.principal = self.principal.clone();
        event
    }
}

impl RateLimiter {
    /// Returns the stored limits, access and cascade rules.
    pub fn config(&self) -> Config {
        Config::new(self.clone())
    }
}

fn details(config: &StoredConfig) -> Value {
    let limit = |limit: &crate::Limit| {
        let mut fields = serde_json::to_value(limit).unwrap_or_default();
        // Stored periods are whole seconds.
        fields["refill_period_seconds"] = json!(limit.refill_period().as_secs());
        fields
    };
    Value::Array(config.limits.iter().map(limit).collect())
}

impl StoredConfig {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if !self.limits.is_empty() {
            Limits::new(self.limits.iter().cloned())?;
        }
        for limit in &self.limits {
            if limit.refill_period().subsec_nanos() != 0 {
                return Err(Invalid::PeriodNotStored(limit.name().clone()));
            }
        }
        Ok(())
    }
}
