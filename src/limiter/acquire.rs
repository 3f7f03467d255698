//! Asking for a lease.

use std::{
    future::IntoFuture,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{bucket::Acquiring, grant::Amounts, lease::Lease, rate_limiter::RateLimiter};
use crate::{
    error::{Error, ExceedsCapacity, Invalid},
    model::{BucketKey, Cost, LimitName, Limits, to_milli},
};

/// An acquire that is being put together: await it for a [`Lease`].
///
/// A limit that no cost names is charged 1.
///
/// # Errors
/// [`Error::Denied`] where a limit is short, [`Error::ExceedsCapacity`] where it could never be
/// granted, [`Error::Unavailable`] where the store gave no answer in time, [`Error::Invalid`]
/// where an argument is wrong.
///
/// # Cost
/// One round trip and one write unit, shared with other requests of the bucket that wait at the
/// same time; none where the bucket is known to be short, or lives in memory.
#[derive(Debug)]
#[must_use = "an acquire does nothing until it is awaited"]
pub struct Acquire {
    limiter: RateLimiter,
    request: Result<Request, Error>,
    deadline: Duration,
}

/// The checked parts of a request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) key: BucketKey,
    limits: Option<Limits>,
    cost: Cost,
}

impl Request {
    pub(super) fn new(key: BucketKey) -> Self {
        Self { key, limits: None, cost: Cost::new() }
    }

    pub(super) fn set_limits<L>(&mut self, limits: L) -> Result<(), Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        self.limits = Some(limits.try_into().map_err(Into::into)?);
        Ok(())
    }

    pub(super) fn add_cost(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        self.cost.set(LimitName::new(name)?, tokens);
        Ok(())
    }

    pub(super) fn add_costs(&mut self, cost: &Cost) {
        self.cost.extend(cost.iter().map(|(name, tokens)| (name.clone(), tokens)));
    }

    pub(super) fn limits(&self) -> Result<&Limits, Error> {
        self.limits.as_ref().ok_or_else(|| Invalid::NoLimits.into())
    }

    /// Millitokens in the order of the limits.
    pub(super) fn amounts(&self) -> Result<Amounts, Error> {
        let limits = self.limits()?;
        if let Some((unknown, _)) = self.cost.iter().find(|(name, _)| limits.index(name.as_str()).is_none()) {
            return Err(Invalid::UnknownLimit(unknown.to_string()).into());
        }
        Ok(limits.iter().map(|limit| to_milli(self.cost.get(limit.name().as_str()).unwrap_or(1))).collect())
    }

    fn exceeds_capacity(&self) -> Result<Option<ExceedsCapacity>, Error> {
        let over = |limit: &&crate::model::Limit| self.cost.get(limit.name().as_str()).unwrap_or(1) > limit.capacity();
        Ok(self.limits()?.iter().find(over).map(|limit| ExceedsCapacity {
            entity: self.key.entity.clone(),
            resource: self.key.resource.clone(),
            limit: limit.name().clone(),
            requested: self.cost.get(limit.name().as_str()).unwrap_or(1),
            capacity: limit.capacity(),
        }))
    }
}

impl Acquire {
    pub(super) fn new(limiter: RateLimiter, key: Result<BucketKey, Error>) -> Self {
        let deadline = limiter.deadline();
        Self { limiter, request: key.map(Request::new), deadline }
    }

    /// The limits of the bucket: a [`Limit`](crate::Limit), an array or a vector of them, or
    /// [`Limits`].
    ///
    /// Where the stored bucket has other parameters for one of them, the write that grants the
    /// request changes them; a limit that only the bucket has stays as it is.
    pub fn limits<L>(mut self, limits: L) -> Self
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        self.edit(|request| request.set_limits(limits));
        self
    }

    /// Asks for `tokens` of the limit `name`.
    pub fn cost(mut self, name: impl AsRef<str>, tokens: u64) -> Self {
        self.edit(|request| request.add_cost(name.as_ref(), tokens));
        self
    }

    /// Asks for all amounts of `cost`.
    pub fn costs(mut self, cost: &Cost) -> Self {
        self.edit(|request| {
            request.add_costs(cost);
            Ok(())
        });
        self
    }

    /// The longest that this acquire waits for the store, instead of the limiter's deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Acquires, runs `work` with the lease, and settles: committed where it returns `Ok`, rolled
    /// back where it returns `Err`, panics or is dropped.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limits = Limit::per_minute("tpm", 1000);
    /// let answer = limiter
    ///     .acquire("user-1", "gpt-4")
    ///     .limits(limits)
    ///     .cost("tpm", 100)
    ///     .run(async |lease| {
    ///         lease.settle("tpm", 180)?;
    ///         Ok::<_, tollgate::Error>("answer")
    ///     })
    ///     .await?;
    /// assert_eq!(answer, "answer");
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of the acquire, as the error type of `work`; and those of `work`.
    pub async fn run<T, E>(self, work: impl AsyncFnOnce(&mut Lease) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        let mut lease = self.await?;
        let output = work(&mut lease).await?;
        lease.commit();
        Ok(output)
    }

    fn edit(&mut self, change: impl FnOnce(&mut Request) -> Result<(), Error>) {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
    }

    /// Starts, and says at once what needs no store call.
    pub(crate) fn start(self) -> Started {
        match self.try_start() {
            Ok(started) => started,
            Err(error) => Started::Done(Err(error)),
        }
    }

    fn try_start(self) -> Result<Started, Error> {
        let request = self.request?;
        let amounts = request.amounts()?;
        if let Some(error) = request.exceeds_capacity()? {
            return Err(error.into());
        }
        let limits = request.limits()?;
        let bucket = self.limiter.bucket(request.key.clone());
        match bucket.acquire(limits, amounts, self.deadline).now_or_later() {
            Ok(verdict) => {
                let grant = verdict.into_result(&request.key)?;
                Ok(Started::Done(Ok(Lease::new(grant, self.deadline))))
            }
            Err(acquiring) => {
                Ok(Started::Waiting(AcquireFuture { acquiring, key: request.key, deadline: self.deadline }))
            }
        }
    }
}

/// An acquire that was started.
#[derive(Debug)]
pub(crate) enum Started {
    Done(Result<Lease, Error>),
    Waiting(AcquireFuture),
}

/// An acquire that waits for the store.
#[derive(Debug)]
pub(crate) struct AcquireFuture {
    acquiring: Acquiring,
    key: BucketKey,
    deadline: Duration,
}

impl Future for AcquireFuture {
    type Output = Result<Lease, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(verdict) = Pin::new(&mut self.acquiring).poll(context) else {
            return Poll::Pending;
        };
        Poll::Ready(verdict.into_result(&self.key).map(|grant| Lease::new(grant, self.deadline)))
    }
}

impl IntoFuture for Acquire {
    type Output = Result<Lease, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        match self.start() {
            Started::Done(result) => Box::pin(std::future::ready(result)),
            Started::Waiting(future) => Box::pin(future),
        }
    }
}
