//! The rate limiter.

use std::{fmt, sync::Arc};

use crate::{
    error::Error,
    limiter::{
        api::{
            acquire::Acquire,
            availability::{AvailabilityRequest, WaitRequest},
            bucket_handle::BucketHandle,
        },
        engine::{Backend, Engine},
        gate::GateContext,
        request::{LimitsSource, Request, Target},
        terms::PrefetchStats,
    },
    model::{BucketKey, EntityId, IntoName, Resource},
    telemetry,
};

/// Acquires leases on token buckets that many processes share.
///
/// Clones are cheap and share everything.
///
/// ```
/// use tollgate::{Limit, RateLimiter};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let limiter = RateLimiter::memory();
/// let limit = Limit::per_minute("rpm", 1);
///
/// let lease = limiter.acquire("user-1", "api").limits(limit.clone()).await?;
/// lease.commit();
///
/// let error = limiter.acquire("user-1", "api").limits(limit).await.unwrap_err();
/// let denied = error.denied().expect("one a minute");
/// assert!(denied.retry_after().expect("it refills").as_secs() >= 59);
/// # Ok::<(), tollgate::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RateLimiter {
    engine: Arc<Engine>,
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("store", &self.engine)
            .finish_non_exhaustive()
    }
}

impl RateLimiter {
    pub(crate) fn of(engine: Engine) -> Self {
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Asks for tokens of the bucket of `entity` and `resource`. Returns a builder: await it for a
    /// [`Lease`](crate::Lease).
    ///
    /// If a name is invalid, awaiting it returns the error.
    #[inline]
    pub fn acquire<E, R>(&self, entity: E, resource: R) -> Acquire
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        Acquire::new(match Target::find(&self.engine, entity, resource) {
            Ok(target) => Ok(Request::new(
                target,
                LimitsSource::Stored,
                self.engine.deadline(),
            )),
            Err(error) => Err(error),
        })
    }

    /// Looks up the bucket of `entity` and `resource` once, to acquire from it again and again.
    ///
    /// The handle keeps what [`acquire`](BucketHandle::acquire) would look up every time: the
    /// checked names and the bucket's place in this process. The handle does not keep limits unless
    /// [`limits`](BucketHandle::limits) sets them: if stored limits or the entity's parent change,
    /// the handle's next acquire sees that as soon as any other.
    ///
    /// # Errors
    /// [`Invalid::Name`](crate::error::Invalid::Name).
    ///
    /// # Cost
    /// No round trip.
    pub fn bucket<E, R>(&self, entity: E, resource: R) -> Result<BucketHandle, Error>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        let target = Target::find(&self.engine, entity, resource).map_err(|error| *error)?;
        Ok(BucketHandle::new(target, self.engine.deadline()))
    }

    /// Returns the statuses of the limits of a bucket, without charging anything.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let available = limiter.available("user-1", "api").limits(Limit::per_minute("rpm", 5)).await?;
    /// assert_eq!(available.get("rpm").map(|status| status.available), Some(5));
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn available<E, R>(&self, entity: E, resource: R) -> AvailabilityRequest
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        let target = key(entity, resource).map(|key| Target::of(&self.engine, key));
        AvailabilityRequest::new(target, self.engine.settings().longest_call())
    }

    /// Returns the time until a cost would be granted, without charging anything: zero if it would
    /// be granted now, `None` if it can never be granted.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limit = Limit::per_minute("rpm", 5);
    /// let wait = limiter.time_until_available("user-1", "api").limits(limit.clone()).cost("rpm", 5).await?;
    /// assert_eq!(wait, Some(Duration::ZERO));
    /// let never = limiter.time_until_available("user-1", "api").limits(limit).cost("rpm", 6).await?;
    /// assert_eq!(never, None);
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn time_until_available<E, R>(&self, entity: E, resource: R) -> WaitRequest
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        self.available(entity, resource).wait()
    }

    /// Writes the differences of settled leases that are not written yet, and waits for these
    /// writes. From now on, new acquires over a store are refused. Leases that are still held can
    /// be settled.
    ///
    /// If the store does not answer, this ends within about four store deadlines. If
    /// [`max_store_calls`](crate::limiter::RateLimiterBuilder::max_store_calls) writes in a row get
    /// no answer, the other writes are dropped without a try, with a warning for each bucket. If no
    /// thread drives the runtime that the limiter was built in, this ends after one store deadline,
    /// with an error event. Writes that are not done by then are done when a thread drives the
    /// runtime again, or are lost.
    pub async fn shutdown(&self) {
        if let Backend::Gated(gates) = self.backend() {
            let GateContext {
                background,
                settings,
                ..
            } = gates.context();
            if !background.close(settings.store_deadline).await {
                telemetry::not_driven("shutdown");
            }
        }
    }

    /// Writes the differences of all leases that were settled until now, and waits for these
    /// writes. The limiter stays in use. Call this in a process that may be frozen or ended after
    /// each request, such as an AWS Lambda function.
    ///
    /// A flush does not settle leases that are still held, and does not give back prefetched
    /// tokens.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limit = Limit::per_minute("tpm", 1000);
    /// let lease = limiter.acquire("user-1", "api").limits(limit).cost("tpm", 100).await?;
    /// lease.rollback();
    /// limiter.flush().await;
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// None. If the store does not answer, the writes are dropped with a warning after the usual
    /// tries of a settlement, which takes some seconds. To wait for a shorter time, drop the
    /// future: the writes are still tried in the background.
    ///
    /// # Cost
    /// One round trip for each bucket that has something to write, all at the same time. None if
    /// there is nothing to write, and none in memory.
    pub async fn flush(&self) {
        if let Backend::Gated(gates) = self.backend() {
            let GateContext {
                background,
                settings,
                ..
            } = gates.context();
            if !background.flush(settings.store_deadline).await {
                telemetry::not_driven("flush");
            }
        }
    }

    /// Returns the counters of [prefetching](crate::limiter::Prefetch). No round trip.
    pub fn prefetch_stats(&self) -> PrefetchStats {
        match self.backend() {
            Backend::Gated(gates) => gates.context().prefetched.read(),
            Backend::Memory(_) | Backend::Scripted(_) => PrefetchStats::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn backend(&self) -> &Backend {
        self.engine.backend()
    }

    /// Returns the time in epoch ms.
    pub(crate) fn now(&self) -> i64 {
        self.engine.now()
    }
}

fn key<E, R>(entity: E, resource: R) -> Result<BucketKey, Error>
where
    E: IntoName<EntityId>,
    R: IntoName<Resource>,
{
    Ok(BucketKey::new(
        entity.into_name().map_err(Error::from)?,
        resource.into_name().map_err(Error::from)?,
    ))
}
