//! A handle to a bucket that was looked up once.

use std::{fmt, sync::Arc};

use crate::{
    error::Error,
    limiter::{
        api::acquire::Acquire,
        bucket::{LimitsRef, ResolvedBucket},
        request::{LimitsSource, Request, Target},
        terms::Deadline,
    },
    model::{EntityId, IntoLimits, KeyParts, Resource},
};

/// A handle to a bucket that was looked up once, to acquire from it again and again:
/// [`RateLimiter::bucket`](crate::RateLimiter::bucket). Clones are cheap.
///
/// The handle keeps the names and the bucket's place in this process. It keeps limits only if
/// [`limits`](Self::limits) sets them. Otherwise every acquire uses the limits and the parent that
/// are stored at its time, or the cached ones if the limiter has them cached.
///
/// In memory, a bucket is never evicted while a handle to it exists, full or not. Such a bucket
/// counts towards the store's capacity.
///
/// ```
/// use tollgate::{Limit, RateLimiter};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let limiter = RateLimiter::memory();
/// let bucket = limiter.bucket("user-1", "api")?.limits(Limit::per_minute("rpm", 60))?;
/// for _ in 0..60 {
///     bucket.acquire().await?.commit();
/// }
/// assert!(bucket.acquire().await.is_err());
/// # Ok::<(), tollgate::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BucketHandle {
    target: Target,
    limits: LimitsSource,
    deadline: Deadline,
}

/// Shows only the names of the bucket, because the handle also refers to the whole limiter.
impl fmt::Debug for BucketHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KeyParts {
            entity, resource, ..
        } = self.target.key();
        f.debug_struct("BucketHandle")
            .field("entity", entity)
            .field("resource", resource)
            .finish_non_exhaustive()
    }
}

impl BucketHandle {
    pub(crate) fn new(target: Target, deadline: Deadline) -> Self {
        Self {
            target: target.found(),
            limits: LimitsSource::Stored,
            deadline,
        }
    }

    /// Returns the entity that is limited.
    pub fn entity(&self) -> &EntityId {
        self.target.key().entity
    }

    /// Returns the resource that is used.
    pub fn resource(&self) -> &Resource {
        self.target.key().resource
    }

    /// Sets limits for every acquire, instead of stored limits, as [`Acquire::limits`] does.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the limits cannot be combined.
    pub fn limits(mut self, limits: impl IntoLimits) -> Result<Self, Error> {
        let limits = limits.into_limits()?;
        let found = match &self.target {
            Target::Memory(place) => place.entry().map(|entry| (entry, place.home())),
            Target::Pinned(pinned) => Some((&pinned.entry, &pinned.home)),
            Target::Gated(_) => None,
        };
        let Some((entry, home)) = found else {
            self.limits = LimitsSource::Exactly(LimitsRef::These(limits));
            return Ok(self);
        };
        let pinned = ResolvedBucket {
            entry: entry.clone(),
            home: home.clone(),
            limits,
        };
        Ok(Self {
            target: Target::Pinned(Arc::new(pinned)),
            limits: LimitsSource::Stored,
            ..self
        })
    }

    /// Sets limits for every acquire for which none are stored at its time.
    ///
    /// # Errors
    /// The errors of [`limits`](Self::limits).
    pub fn default_limits(self, limits: impl IntoLimits) -> Result<Self, Error> {
        let limits = LimitsSource::StoredOr(LimitsRef::These(limits.into_limits()?));
        Ok(Self { limits, ..self })
    }

    /// Asks for tokens of the bucket, as [`RateLimiter::acquire`](crate::RateLimiter::acquire)
    /// does.
    #[inline]
    pub fn acquire(&self) -> Acquire {
        // Fast path: for most handles only one reference must be cloned. The general clone writes
        // its fields to memory one by one and reads them back as a whole, which stalls the
        // processor.
        if let (Target::Pinned(pinned), LimitsSource::Stored) = (&self.target, &self.limits) {
            return Acquire::new(Ok(Request::new(
                Target::Pinned(pinned.clone()),
                LimitsSource::Stored,
                self.deadline,
            )));
        }
        Acquire::new(Ok(Request::new(
            self.target.clone(),
            self.limits.clone(),
            self.deadline,
        )))
    }
}
