//! The flags of configs: access to a resource, and cascade.

use serde_json::{Value, json};

use crate::{
    error::{Error, Invalid},
    limiter::admin::{
        config::Config,
        fan_out::{CarriedFlag, fan_out},
        records::records_of,
    },
    model::{Access, AuditAction, ConfigFlag, ConfigScope},
};

/// Access and cascade of a scope. Each change is stored, written to the buckets that exist, and
/// added to the history as an event: `limits_set`, as the Python client does.
impl Config {
    /// Disables a resource for an entity, an entity for all resources, or a resource for everybody:
    /// acquires are refused with [`Error::Disabled`]. What is left in the buckets stays. Returns
    /// the number of buckets that were written; each shard counts.
    ///
    /// Acquires of this limiter see the change at once. Acquires of others see it with their next
    /// write to a bucket that was written, and without a bucket after their cache's time to live.
    ///
    /// ```
    /// use tollgate::{Error, Limit, RateLimiter, model::{ConfigScope, DisabledLevel}};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let config = limiter.config();
    /// config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
    ///
    /// let customer = ConfigScope::entity("customer-7")?;
    /// config.disable(&customer).await?;
    /// let error = limiter.acquire("customer-7", "api").await.unwrap_err();
    /// let Error::Disabled(disabled) = error else { panic!("{error}") };
    /// assert_eq!(disabled.level, DisabledLevel::EntityDefault);
    ///
    /// config.clear_access(&customer).await?;
    /// limiter.acquire("customer-7", "api").await?;
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::FanOut`] if not all buckets could be written: make the same call again.
    /// [`Invalid::NoFlags`] for the system's scope. [`Error::Unavailable`] if the store fails: then
    /// the flag may be stored, with or without its event, and the call can be repeated.
    ///
    /// # Cost
    /// Three round trips, and for the buckets that exist: four for every hundred, one for each
    /// entity and resource, and one write for each bucket.
    pub async fn disable(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, Some(Access::Disabled)).await
    }

    /// Bypasses the limits of a scope: acquires are granted and counted, and the buckets keep their
    /// tokens. Returns the number of buckets that were written. The table then requires Python
    /// clients of version 0.17.0.
    ///
    /// The stamps on the buckets hold for
    /// [`stamp_ttl`](crate::limiter::RateLimiterBuilder::stamp_ttl). The first acquire after that
    /// reads the config, and renews or removes the stamp.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let config = limiter.config();
    /// config.set(ConfigScope::system(), [Limit::per_minute("rpm", 1)]).await?;
    ///
    /// config.bypass(&ConfigScope::resource("api")?).await?;
    /// for _ in 0..3 {
    ///     let lease = limiter.acquire("user-1", "api").await?;
    ///     assert!(lease.is_bypassed());
    ///     lease.commit();
    /// }
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable). [`Error::Unavailable`] also if the table's
    /// functions are of a version that does not know bypasses.
    ///
    /// # Cost
    /// As for [`disable`](Self::disable), and up to two round trips for the version.
    pub async fn bypass(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, Some(Access::Bypassed)).await
    }

    /// Enables a scope, even if a lower level disables or bypasses it: for one customer of a
    /// resource that is disabled for everybody. Returns the number of buckets that were written.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let config = limiter.config();
    /// config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
    ///
    /// config.disable(&ConfigScope::resource("search")?).await?;
    /// config.enable(&ConfigScope::entity_resource("customer-7", "search")?).await?;
    /// limiter.acquire("customer-7", "search").await?.commit();
    /// assert!(limiter.acquire("customer-8", "search").await.is_err());
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable).
    ///
    /// # Cost
    /// As for [`disable`](Self::disable).
    pub async fn enable(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, Some(Access::Enabled)).await
    }

    /// Removes the access of a scope: the next level decides again. Returns the number of buckets
    /// that were written.
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable).
    ///
    /// # Cost
    /// As for [`disable`](Self::disable).
    pub async fn clear_access(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, None).await
    }

    /// Returns the access that the scope sets; `None` if the next level decides. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn access(&self, scope: &ConfigScope) -> Result<Option<Access>, Error> {
        let config = self.get(scope).await?;
        Ok(config.and_then(|config| config.access))
    }

    /// Sets for a scope if the parents of entities are charged too, even if the entities say
    /// otherwise. Returns the number of buckets that were written. The table then requires Python
    /// clients of version 0.16.0.
    ///
    /// The levels are those of [`Access`]. If none sets it, the entity decides
    /// ([`Entity::cascade`](crate::model::Entity::cascade)). Without a parent it has no effect.
    ///
    /// ```
    /// use tollgate::{EntityId, Limit, RateLimiter, model::{ConfigScope, Entity}};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let (entities, config) = (limiter.entities(), limiter.config());
    /// config.set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
    /// let (key, project) = (EntityId::new("key-1")?, EntityId::new("project-1")?);
    /// entities.create(Entity::new(key).with_parent(project.clone())).await?;
    ///
    /// // The entity does not cascade, but all uses of this resource do.
    /// config.set_cascade(&ConfigScope::resource("api")?, true).await?;
    /// let lease = limiter.acquire("key-1", "api").await?;
    /// assert_eq!(lease.parent(), Some(&project));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable). [`Error::Unavailable`] also if the table's
    /// functions are of a version that does not know such rules.
    ///
    /// # Cost
    /// As for [`disable`](Self::disable), and up to two round trips for the version.
    pub async fn set_cascade(&self, scope: &ConfigScope, cascade: bool) -> Result<u64, Error> {
        self.change_cascade(scope, Some(cascade)).await
    }

    /// Removes the cascade rule of a scope: the next level decides again. Returns the number of
    /// buckets that were written.
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable).
    ///
    /// # Cost
    /// As for [`disable`](Self::disable).
    pub async fn clear_cascade(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.change_cascade(scope, None).await
    }

    /// Returns the cascade rule of the scope; `None` if the next level decides. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn cascade(&self, scope: &ConfigScope) -> Result<Option<bool>, Error> {
        let config = self.get(scope).await?;
        Ok(config.and_then(|config| config.cascade))
    }

    async fn set_access(&self, scope: &ConfigScope, access: Option<Access>) -> Result<u64, Error> {
        let flag = ConfigFlag::Access(access);
        self.set_flag(
            scope,
            flag,
            CarriedFlag::Access,
            ("disabled", json!(access)),
        )
        .await
    }

    async fn change_cascade(
        &self,
        scope: &ConfigScope,
        cascade: Option<bool>,
    ) -> Result<u64, Error> {
        let flag = ConfigFlag::Cascade(cascade);
        self.set_flag(
            scope,
            flag,
            CarriedFlag::Cascade,
            ("cascade", json!(cascade)),
        )
        .await
    }

    async fn set_flag(
        &self,
        scope: &ConfigScope,
        flag: ConfigFlag,
        carried: CarriedFlag,
        (word, value): (&str, Value),
    ) -> Result<u64, Error> {
        if *scope == ConfigScope::System {
            return Err(Invalid::NoFlags.into());
        }
        let limiter = self.limiter();
        limiter
            .asked(records_of(&*limiter.store())?.put_flag(scope, flag))
            .await?;
        limiter.engine().forget(scope);
        let stamped = fan_out((limiter, self.written()), scope, carried).await?;
        let mut event = self.event(scope, AuditAction::LimitsSet);
        event.details.insert(word.into(), value);
        event
            .details
            .insert("buckets_stamped".into(), json!(stamped));
        limiter.note(event).await?;
        Ok(stamped)
    }
}
