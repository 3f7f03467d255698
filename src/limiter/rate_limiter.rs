//! The rate limiter.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    acquire::Acquire,
    bucket::Bucket,
    bucket_handle::BucketHandle,
    builder::Builder,
    context::Context,
    gate::Gate,
    gates::Gates,
    memory::{Brought, Memory},
    query::Query,
    request::{Gated, Request, Source, Subject},
    scripted::Scripted,
};
use crate::{
    clock::Clock,
    error::Error,
    limiter::terms::{Deadline, PrefetchStats},
    model::{BucketKey, EntityId, IntoName, InvalidName, Limits, Resource},
    store::{MemoryStore, Waiters},
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
    shared: Arc<Shared>,
}

/// Shows the kind of the store, but not its buckets: there may be millions.
impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend: &dyn fmt::Debug = match self.backend() {
            Backend::Memory(_) => &"memory",
            Backend::Gated(gates) => &gates.context().store,
            Backend::Scripted(_) => &"scripted",
        };
        f.debug_struct("RateLimiter").field("store", backend).finish_non_exhaustive()
    }
}

struct Shared {
    backend: Backend,
    clock: Arc<dyn Clock>,
    settings: LimiterSettings,
    /// The settings that it was built from. Limiters of other namespaces are built from the same.
    builder: Builder,
    /// The requests that wait for capacity, for a limiter over a store.
    waiters: Arc<Waiters>,
    /// The buckets of [`Acquire::or_locally`]. They are kept between outages, so that a new outage does not start with
    /// full buckets.
    local: OnceLock<Arc<Memory>>,
}

/// The settings of a limiter.
#[derive(Clone, Debug)]
pub(super) struct LimiterSettings {
    /// The longest time that an acquire waits for the store.
    pub(super) deadline: Deadline,
    /// The name that the history records for changes of stored limits and entities.
    pub(super) principal: Option<String>,
    /// The time for which the history is kept.
    pub(super) audit_retention: Duration,
}

/// The place where the buckets live.
#[derive(Debug)]
pub(super) enum Backend {
    Memory(Arc<Memory>),
    Gated(Gates),
    /// In memory, behind a script.
    Scripted(Arc<Scripted>),
}

impl RateLimiter {
    pub(super) fn new(backend: Backend, clock: Arc<dyn Clock>, settings: LimiterSettings, builder: Builder) -> Self {
        let (waiters, local) = (Arc::default(), OnceLock::new());
        Self { shared: Arc::new(Shared { backend, clock, settings, builder, waiters, local }) }
    }

    /// Returns a limiter whose buckets live in this process: for tests, and for services that run alone. It has room
    /// for 500 000 buckets; [`builder`](Self::builder) allows other sizes. If all are in use, a new key is refused,
    /// unless [`MemoryStore::when_full`] says otherwise.
    pub fn memory() -> Self {
        Self::builder().build_memory(MemoryStore::new())
    }

    /// Returns a builder of limiters, for other settings or for a store of your own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Asks for tokens of the bucket of `entity` and `resource`. Returns a builder: await it for a
    /// [`Lease`](super::Lease).
    ///
    /// If a name is invalid, awaiting it returns the error.
    #[inline]
    pub fn acquire<E, R>(&self, entity: E, resource: R) -> Acquire
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        Acquire::new(match self.subject(entity, resource) {
            Ok(subject) => Ok(Request::new(subject, Source::Stored, self.deadline())),
            Err(error) => Err(error),
        })
    }

    /// Looks up the bucket of `entity` and `resource` once, to acquire from it again and again.
    ///
    /// The handle keeps what [`acquire`](BucketHandle::acquire) would look up every time: the checked names and the
    /// bucket's place in this process. It does not keep limits unless [`limits`](BucketHandle::limits) sets them: if
    /// stored limits or the entity's parent change, the handle's next acquire sees that as soon as any other.
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
        let subject = self.subject(entity, resource).map_err(|error| *error)?;
        Ok(BucketHandle::new(subject, self.deadline()))
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
    pub fn available<E, R>(&self, entity: E, resource: R) -> Query
    where
        E: TryInto<EntityId, Error: Into<Error>>,
        R: TryInto<Resource, Error: Into<Error>>,
    {
        Query::new(key(entity, resource).map(|key| self.subject_of(key)), self.call_deadline())
    }

    /// Returns the time until a cost would be granted, without charging anything: zero if it would be granted now,
    /// `None` if it can never be granted.
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
    pub fn time_until_available<E, R>(&self, entity: E, resource: R) -> super::query::QueryWait
    where
        E: TryInto<EntityId, Error: Into<Error>>,
        R: TryInto<Resource, Error: Into<Error>>,
    {
        self.available(entity, resource).wait()
    }

    /// Writes what settled leases have left to write, and waits for it. From now on, new acquires over a store are
    /// refused. Leases that are still held can be settled.
    ///
    /// If the store does not answer, this ends within about four store deadlines. If as many writes in a row get no
    /// answer as may be in flight at once ([`Builder::max_store_calls`]), the other writes are dropped without a try,
    /// with a warning for each bucket. If no thread drives the runtime that the limiter was built in, this ends after
    /// one store deadline, with an error event. Writes that are not done by then are done when a thread drives the
    /// runtime again, or are lost.
    pub async fn shutdown(&self) {
        if let Backend::Gated(gates) = &self.shared.backend {
            let Context { background, settings, .. } = gates.context();
            if !background.close(settings.store_deadline).await {
                telemetry::not_driven("shutdown");
            }
        }
    }

    /// Writes what the leases that were settled until now have left to write, and waits for it. The limiter stays in
    /// use: this is for a process that may be frozen or ended after each request, such as an AWS Lambda function.
    ///
    /// It does not settle leases that are still held, and does not give back prefetched tokens.
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
    /// None. If the store does not answer, the writes are dropped with a warning after the usual tries of a settlement,
    /// which takes some seconds. To wait for a shorter time, drop the future: the writes are still tried in the
    /// background.
    ///
    /// # Cost
    /// One round trip for each bucket that has something to write, all at the same time. None if there is nothing to
    /// write, and none in memory.
    pub async fn flush(&self) {
        if let Backend::Gated(gates) = &self.shared.backend {
            let Context { background, settings, .. } = gates.context();
            if !background.flush(settings.store_deadline).await {
                telemetry::not_driven("flush");
            }
        }
    }

    /// Returns the counters of [prefetching](super::Prefetch). No round trip.
    pub fn prefetch_stats(&self) -> PrefetchStats {
        match self.backend() {
            Backend::Gated(gates) => gates.context().prefetched.read(),
            Backend::Memory(_) | Backend::Scripted(_) => PrefetchStats::default(),
        }
    }

    /// Returns the bucket that a request is for. Names are created only if the bucket is not found in memory.
    #[inline]
    fn subject<E, R>(&self, entity: E, resource: R) -> Result<Subject, Box<Error>>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        if let Backend::Memory(memory) = self.backend()
            && let Some(entry) = memory.store.find(entity.as_text(), resource.as_text())
        {
            return Ok(Subject::Memory(memory.found(entry)));
        }
        self.new_subject(entity, resource)
    }

    /// Returns the bucket of a request that [`subject`](Self::subject) has not found.
    fn new_subject<E, R>(&self, entity: E, resource: R) -> Result<Subject, Box<Error>>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        let wrong = |error: InvalidName| Box::new(Error::from(error));
        let key = BucketKey::new(entity.into_name().map_err(wrong)?, resource.into_name().map_err(wrong)?);
        Ok(match self.backend() {
            Backend::Memory(memory) => Subject::Memory(memory.new_place(key)),
            Backend::Gated(_) | Backend::Scripted(_) => self.subject_of(key),
        })
    }

    fn subject_of(&self, key: BucketKey) -> Subject {
        match self.backend() {
            Backend::Memory(memory) => Subject::Memory(memory.place(key)),
            Backend::Gated(_) | Backend::Scripted(_) => {
                let limiter = self.clone();
                Subject::Gated(Box::new(Gated { limiter, key, gate: None, prefetch: None, together: false }))
            }
        }
    }

    /// Returns the gate of a bucket, for a limiter over a store.
    pub(super) fn gate(&self, key: BucketKey) -> Option<Arc<Gate>> {
        match self.backend() {
            Backend::Memory(_) | Backend::Scripted(_) => None,
            Backend::Gated(gates) => Some(gates.get(key)),
        }
    }

    /// Returns the bucket of a key.
    pub(super) fn gated(&self, key: BucketKey, limits: Limits) -> Bucket {
        match self.backend() {
            Backend::Memory(memory) => Bucket::Memory { place: memory.place(key), limits: Brought::These(limits) },
            Backend::Gated(gates) => Bucket::Gated { gate: gates.get(key), limits },
            Backend::Scripted(scripted) => scripted.bucket(key, limits),
        }
    }

    /// Records that a deadline of a request has passed before the store answered.
    pub(super) fn missed_deadline(&self) {
        if let Backend::Gated(gates) = self.backend() {
            gates.context().missed_deadline();
        }
    }

    /// Returns the requests that wait for capacity.
    pub(super) fn waiters(&self) -> &Arc<Waiters> {
        match self.backend() {
            Backend::Memory(memory) => memory.home.waiters(),
            Backend::Gated(_) | Backend::Scripted(_) => &self.shared.waiters,
        }
    }

    /// Returns the buckets that decide while the store is down. There is room for as many as there are gates.
    pub(super) fn local(&self) -> &Arc<Memory> {
        self.shared.local.get_or_init(|| {
            let store = MemoryStore::with_capacity(self.shared.builder.most_remembered());
            let home = store.home(Some(self.shared.clock.clone()));
            Arc::new(Memory { store, home })
        })
    }

    /// Returns the deadline of a call for stored limits and other records.
    pub(super) fn call_deadline(&self) -> Duration {
        self.shared.builder.longest_call()
    }

    /// Returns the builder that it was built from.
    pub(super) fn rebuild(&self) -> Builder {
        self.shared.builder.clone()
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.shared.backend
    }

    /// Returns the time in epoch ms.
    pub(crate) fn now(&self) -> i64 {
        self.shared.clock.now()
    }

    #[inline]
    pub(super) fn deadline(&self) -> Deadline {
        self.shared.settings.deadline
    }

    pub(super) fn principal(&self) -> Option<&str> {
        self.shared.settings.principal.as_deref()
    }

    pub(super) fn audit_retention_seconds(&self) -> i64 {
        i64::try_from(self.shared.settings.audit_retention.as_secs()).unwrap_or(i64::MAX)
    }
}

fn key<E, R>(entity: E, resource: R) -> Result<BucketKey, Error>
where
    E: TryInto<EntityId, Error: Into<Error>>,
    R: TryInto<Resource, Error: Into<Error>>,
{
    Ok(BucketKey::new(entity.try_into().map_err(Into::into)?, resource.try_into().map_err(Into::into)?))
}
