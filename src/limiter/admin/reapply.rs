//! Writes what is stored to the buckets again.

use crate::{
    error::Error,
    limiter::admin::{
        carry::{carry, carry_zone},
        config::Config,
        fan_out::{CarriedFlag, fan_out, fan_out_soft_limits},
    },
    model::ConfigScope,
};

impl Config {
    /// Writes the limits, the access, the cascade rule and the soft limits that apply now to all
    /// buckets that the scope reaches. Stores nothing, and adds nothing to the history. Returns the
    /// number of buckets written for access, cascade rule and soft limits; each shard counts.
    ///
    /// [`set`](Self::set) and [`delete`](Self::delete) do this themselves, but for soft limits of
    /// the system: those reach the buckets with their next write by this crate. Use this call if
    /// another process stored a config, and did not come to write the buckets.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// limiter.config().set(ConfigScope::system(), [Limit::per_minute("rpm", 60)]).await?;
    /// limiter.acquire("user-1", "api").await?.commit();
    /// limiter.config().reapply(&ConfigScope::resource("api")?).await?;
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::FanOut`] if not all buckets could be written: make the same call again.
    /// [`Error::Unavailable`] if the store fails.
    ///
    /// # Cost
    /// For the system's scope, four reads of the whole table. Otherwise, for the buckets that exist:
    /// sixteen round trips for every hundred, four for each entity and resource, and up to four
    /// writes for each bucket; each shard counts.
    pub async fn reapply(&self, scope: &ConfigScope) -> Result<u64, Error> {
        let limiter = self.limiter();
        limiter.engine().forget(scope);
        if *scope == ConfigScope::System {
            let written = fan_out_soft_limits((limiter, self.written())).await?;
            carry_zone(limiter, scope).await?;
            return Ok(written);
        }
        let mut written = 0;
        for flag in [CarriedFlag::Access, CarriedFlag::Cascade, CarriedFlag::Soft] {
            written += fan_out((limiter, self.written()), scope, flag).await?;
        }
        carry(limiter, scope).await?;
        carry_zone(limiter, scope).await?;
        Ok(written)
    }
}
