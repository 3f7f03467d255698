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

/// Access and cascade of a scope. Each call stores the flag, writes stamps to the buckets that
/// exist, and adds an event to the history: `limits_set`, as the Python client does.
impl Config {
    /// Disables a resource for an entity, an entity for all resources, or a resource for everybody:
    /// acquires are refused with [`Error::Disabled`]. What is left in the buckets stays. Returns
    /// the number of buckets that were stamped; each shard counts.
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
    /// Three round trips, and for the buckets that exist: two for each page of a hundred, twice;
    /// one for each entity and resource; one write for each bucket.
    ///
    /// Acquires of this limiter see the change at once. Acquires of others see it with their next
    /// write to a stamped bucket, and without a bucket after their cache's time to live.
    ///
    /// # Errors
    /// [`Error::FanOut`] if not all buckets could be written: make the same call again.
    /// [`Invalid::NoFlags`] for the system's scope. [`Error::Unavailable`] if the store fails: then
    /// the flag may be stored, with or without its event, and the call can be repeated.
    pub async fn disable(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, Some(Access::Disabled)).await
    }

    /// Bypasses the limits of a scope: acquires are granted and counted, and the buckets keep their
    /// tokens. Returns the number of buckets that were stamped. The table then requires Python
    /// clients of version 0.17.0.
    ///
    /// The stamps hold for [`stamp_ttl`](crate::limiter::RateLimiterBuilder::stamp_ttl). The first
    /// acquire after that reads the config, and renews or removes the stamp.
    ///
    /// Round trips as [`disable`](Self::disable), and up to two for the version.
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable). [`Error::Unavailable`] also if the table's
    /// functions are of a version that does not know bypasses.
    pub async fn bypass(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, Some(Access::Bypassed)).await
    }

    /// Enables a scope, even if a lower level disables or bypasses it: for one customer of a
    /// resource that is disabled for everybody. Returns the number of buckets that were written.
    /// Round trips as [`disable`](Self::disable).
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable).
    pub async fn enable(&self, scope: &ConfigScope) -> Result<u64, Error> {
        self.set_access(scope, Some(Access::Enabled)).await
    }

    /// Removes the access of a scope: the next level decides again. Returns the number of buckets
    /// that were written. Round trips as [`disable`](Self::disable).
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable).
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
    /// Round trips as [`disable`](Self::disable), and up to two for the version.
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable). [`Error::Unavailable`] also if the table's
    /// functions are of a version that does not know such rules.
    pub async fn set_cascade(&self, scope: &ConfigScope, cascade: bool) -> Result<u64, Error> {
        self.change_cascade(scope, Some(cascade)).await
    }

    /// Removes the cascade rule of a scope: the next level decides again. Returns the number of
    /// buckets that were written. Round trips as [`disable`](Self::disable).
    ///
    /// # Errors
    /// The errors of [`disable`](Self::disable).
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
        let stamped = fan_out(limiter, scope, carried).await?;
        let mut event = self.event(scope, AuditAction::LimitsSet);
        event.details.insert(word.into(), value);
        event
            .details
            .insert("buckets_stamped".into(), json!(stamped));
        limiter.note(event).await?;
        Ok(stamped)
    }
}
