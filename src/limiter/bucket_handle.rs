//! A bucket that was found once.

use std::{fmt, sync::Arc};

use super::{
    acquire::Acquire,
    deadline::Deadline,
    memory::{Brought, Pinned},
    request::{Request, Source, Subject},
};
use crate::{
    error::Error,
    model::{EntityId, KeyParts, Limits, Resource},
};

/// A bucket that was found once, to be asked again and again:
/// [`RateLimiter::bucket`](crate::RateLimiter::bucket). Clones are cheap.
///
/// It keeps the names and the bucket's place in this process. It keeps limits only if
/// [`limits`](Self::limits) gives them; else every acquire goes by what is stored at its time, as
/// far as the limiter knows, and by the entity's parent, too.
///
/// In memory, a bucket is never forgotten as long as a handle to it exists, full or not: it counts
/// towards the store's capacity.
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
    subject: Subject,
    limits: Source,
    deadline: Deadline,
}

/// Says which bucket it is, and no more: behind it stands the whole limiter.
impl fmt::Debug for BucketHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KeyParts { entity, resource, .. } = self.subject.key();
        f.debug_struct("BucketHandle").field("entity", entity).field("resource", resource).finish_non_exhaustive()
    }
}

impl BucketHandle {
    pub(super) fn new(subject: Subject, deadline: Deadline) -> Self {
        Self { subject: subject.found(), limits: Source::Stored, deadline }
    }

    /// Who is limited.
    pub fn entity(&self) -> &EntityId {
        self.subject.key().entity
    }

    /// What is used.
    pub fn resource(&self) -> &Resource {
        self.subject.key().resource
    }

    /// Limits for every acquire, whatever is stored, as [`Acquire::limits`] has them.
    ///
    /// # Errors
    /// [`Error::Invalid`] where they cannot stand together.
    pub fn limits<L>(mut self, limits: L) -> Result<Self, Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        let limits = limits.try_into().map_err(Into::into)?;
        let found = match &self.subject {
            Subject::Memory(place) => place.entry().map(|entry| (entry, place.home())),
            Subject::Pinned(pinned) => Some((&pinned.entry, &pinned.home)),
            Subject::Gated(_) => None,
        };
        let Some((entry, home)) = found else {
            self.limits = Source::Exactly(Brought::These(limits));
            return Ok(self);
        };
        let pinned = Pinned { entry: entry.clone(), home: home.clone(), limits };
        Ok(Self { subject: Subject::Pinned(Arc::new(pinned)), limits: Source::Stored, ..self })
    }

    /// Limits for every acquire for which none are stored at its time.
    ///
    /// # Errors
    /// As [`limits`](Self::limits).
    pub fn default_limits<L>(self, limits: L) -> Result<Self, Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        let limits = Source::StoredOr(Brought::These(limits.try_into().map_err(Into::into)?));
        Ok(Self { limits, ..self })
    }

    /// Asks for tokens of the bucket, as [`RateLimiter::acquire`](crate::RateLimiter::acquire)
    /// does.
    #[inline]
    pub fn acquire(&self) -> Acquire {
        // Of what most handles are there is one reference to copy. A copy of any subject and any limits goes
        // through memory: reading at once what was just written in pieces stalls the processor.
        if let (Subject::Pinned(pinned), Source::Stored) = (&self.subject, &self.limits) {
            return Acquire::new(Ok(Request::new(Subject::Pinned(pinned.clone()), Source::Stored, self.deadline)));
        }
        Acquire::new(Ok(Request::new(self.subject.clone(), self.limits.clone(), self.deadline)))
    }
}
