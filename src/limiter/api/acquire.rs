//! Acquiring a lease.

use std::{future::IntoFuture, sync::Arc, time::Duration};

use crate::{
    error::Error,
    limiter::{
        lease::Lease,
        request::{AcquireFuture, MAX_RESOURCES, Request},
        terms::{
            FallbackOptions, LocalShare, OnUnavailable, Prefetch, Shadow, Started, WaitOptions,
        },
    },
    model::{Cost, IntoLimits, IntoName, LimitName, Resource, StoredOnUnavailable},
};

/// Builds an acquire: await it for a [`Lease`].
///
/// A limit that no cost names is charged 1.
///
/// # Errors
/// [`Error::Denied`] if a limit is short, [`Error::QueueFull`] if too many requests wait,
/// [`Error::ExceedsCapacity`] if the cost is above the capacity of a limit, [`Error::Disabled`] if
/// the resource is disabled, [`Error::Unavailable`] if the store gave no answer in time and
/// [`on_unavailable`](Self::on_unavailable) lets no request pass, [`Error::Invalid`] if an argument
/// is wrong.
///
/// # Dropping
/// If the future is dropped while its write is in flight, another write normally gives the charge
/// back. Each process gives back at most 16 such charges of a bucket in the time in which it fills
/// (fewer if very many buckets are in use); later ones stay charged. Otherwise a client that
/// cancels its requests could make the limiter write for free. The charges of requests that miss
/// their deadline are always given back, and so are all charges in memory.
///
/// # Cost
/// One round trip and one write unit, shared with other requests of the bucket that wait at the
/// same time. None if the bucket is known to be short, or lives in memory.
///
/// If the stored limits and the parent of the entity are not cached, there is one more round trip
/// before the write: a read of up to six items. If a parent is found for the first time, there is
/// another round trip. The bucket of a parent costs another write unit. Both buckets are written at
/// the same time.
#[derive(Clone, Debug)]
#[must_use = "an acquire does nothing until it is awaited"]
pub struct Acquire {
    /// The error is boxed because a request is moved often.
    request: Result<Request, Box<Error>>,
}

impl Acquire {
    /// The most resources that one acquire can charge: its own one, and those that
    /// [`also`](Self::also) adds.
    pub const MAX_RESOURCES: usize = MAX_RESOURCES;

    #[inline]
    pub(crate) fn new(request: Result<Request, Box<Error>>) -> Self {
        Self { request }
    }

    /// Sets the limits of the bucket, instead of stored limits: a [`Limit`](crate::Limit), an array
    /// or a vector of them, or [`Limits`](crate::Limits). These limits also apply to the parent's
    /// bucket if that is charged.
    ///
    /// If the stored bucket has other parameters for one of these limits, the write that grants the
    /// request changes them. A limit that only the bucket has stays as it is.
    #[inline]
    pub fn limits(mut self, limits: impl IntoLimits) -> Self {
        self.try_edit(|request| request.set_limits(limits));
        self
    }

    /// Sets the limits of the bucket for the case that none are stored.
    #[inline]
    pub fn default_limits(mut self, limits: impl IntoLimits) -> Self {
        self.try_edit(|request| request.set_default_limits(limits));
        self
    }

    /// Charges only the entity's own bucket, and does not look up the entity's parent. Together
    /// with [`limits`](Self::limits), this saves one round trip for the first acquire of an entity
    /// and resource.
    pub fn without_parent(mut self) -> Self {
        self.edit(Request::without_parent);
        self
    }

    /// Grants from prefetched tokens, and prefetches them: see [`Prefetch`] for the cost. Prefetch
    /// has no effect in memory.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.edit(|request| request.set_prefetch(prefetch));
        self
    }

    /// Charges the entity and its parent, and all resources that [`also`](Self::also) adds, in one
    /// transaction, instead of several writes at the same time. If one bucket is short, the other
    /// buckets are never charged, not even for the short time until they would be given back.
    ///
    /// Each acquire is a transaction of its own: it shares no write with others, and
    /// [prefetches](Self::prefetch) nothing. Transactions that conflict at a busy parent are
    /// repeated, up to twelve tries in all. Then the acquire fails with
    /// [`Unavailable::Contended`](crate::error::Unavailable::Contended). So use a transaction for
    /// parents with a few acquires at a time. This option has no effect in memory, or if only one
    /// bucket is charged.
    ///
    /// With [`until_ready`](Self::until_ready) the transaction takes a place in all buckets. If
    /// other requests have taken tokens after the transaction was planned, it is planned again.
    ///
    /// # Cost
    /// One round trip and two write units for each bucket instead of one. DynamoDB takes at most 100
    /// items in a transaction, and each shard that is drawn from is one. The first transaction of a
    /// bucket that this process has not seen yet reads the bucket before, and creates it if it does
    /// not exist.
    pub fn in_one_transaction(mut self) -> Self {
        self.edit(Request::set_in_one_transaction);
        self
    }

    /// Also charges `amounts` of another resource to the entity. All resources are charged or none.
    ///
    /// Use this for a budget that several resources share, such as the money that an account spends
    /// on all models. A limit of the resource that `amounts` does not name is charged 1. The limits
    /// are those that are stored for the entity and the resource, unless
    /// [`also_limits`](Self::also_limits) or [`also_default_limits`](Self::also_default_limits) sets
    /// them: [`limits`](Self::limits) applies only to the request's own resource. If the entity has
    /// a parent that is charged too, it is charged for each resource. The other options of the
    /// acquire apply to all resources: [prefetch](Self::prefetch), [wait](Self::until_ready) (the
    /// request starts when all buckets are refilled), [local share](Self::or_locally),
    /// [transaction](Self::in_one_transaction).
    ///
    /// A denial lists the limits of all resources, of which
    /// [`LimitStatus::resource`](crate::model::LimitStatus::resource) names those of the added
    /// ones. If a resource is known to be disabled, the error is [`Error::Disabled`], even if
    /// another one is short. If one bucket is short or gives no decision, the others get their
    /// charges back. [`Lease::part`] and [`Lease::part_mut`] reach what was charged for each
    /// resource.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, model::ConfigScope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let (model, budget) = (ConfigScope::resource("gpt-4")?, ConfigScope::resource("all-models")?);
    /// limiter.config().set(model, Limit::per_minute("tpm", 1000)).await?;
    /// limiter.config().set(budget, Limit::per_hour("cents", 7)).await?;
    ///
    /// let ask = || limiter.acquire("user-1", "gpt-4").cost("tpm", 100).also("all-models", [("cents", 5)]);
    /// ask().await?.commit();
    ///
    /// // The budget is short, so no tokens of the model are charged either.
    /// let error = ask().await.unwrap_err();
    /// let denied = error.denied().expect("the budget is short");
    /// let short: Vec<_> = denied.violated().map(|status| status.limit.name().as_str()).collect();
    /// assert_eq!(short, ["cents"]);
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid::ResourceRepeated`](crate::error::Invalid::ResourceRepeated) if the request charges
    /// the resource already, [`Invalid::TooManyResources`](crate::error::Invalid::TooManyResources)
    /// if it charges [`MAX_RESOURCES`](Self::MAX_RESOURCES),
    /// [`Invalid::Name`](crate::error::Invalid::Name).
    ///
    /// # Cost
    /// One write unit for each bucket. All buckets are written at the same time, so this takes one
    /// round trip. Each bucket's write is shared with other requests of the bucket.
    /// Each bucket is served from its own [prefetched](Self::prefetch) tokens.
    pub fn also<N>(
        mut self,
        resource: impl IntoName<Resource>,
        amounts: impl IntoIterator<Item = (N, u64)>,
    ) -> Self
    where
        N: IntoName<LimitName>,
    {
        self.try_edit(|request| {
            let mut cost = Cost::new();
            for (name, tokens) in amounts {
                cost.set(name.into_name()?, tokens);
            }
            request.also(resource.into_name()?, cost)
        });
        self
    }

    /// Sets the limits of a resource that [`also`](Self::also) has added, instead of stored limits:
    /// what [`limits`](Self::limits) is for the request's own resource.
    ///
    /// # Errors
    /// [`Invalid::UnknownResource`](crate::error::Invalid::UnknownResource) if `also` has not added
    /// the resource.
    pub fn also_limits(mut self, resource: &str, limits: impl IntoLimits) -> Self {
        self.try_edit(|request| request.set_also_limits(resource, limits));
        self
    }

    /// Sets the limits of a resource that [`also`](Self::also) has added, for the case that none are
    /// stored.
    ///
    /// # Errors
    /// The errors of [`also_limits`](Self::also_limits).
    pub fn also_default_limits(mut self, resource: &str, limits: impl IntoLimits) -> Self {
        self.try_edit(|request| request.set_also_default_limits(resource, limits));
        self
    }

    /// Asks for `tokens` of the limit `name`.
    pub fn cost(mut self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.try_edit(|request| request.add_cost(name.as_text(), tokens));
        self
    }

    /// Asks for all amounts of `cost`.
    pub fn costs(mut self, cost: &Cost) -> Self {
        self.edit(|request| request.add_costs(cost));
        self
    }

    /// Sets the longest time that this acquire waits for the store, instead of the limiter's
    /// deadline. In milliseconds, rounded up.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.edit(|request| request.set_deadline(deadline.into()));
        self
    }

    /// Acquires, runs `work` with the lease, and settles it. The lease is committed if `work`
    /// returns `Ok`, and rolled back if `work` returns `Err`, panics or is dropped.
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
    /// The errors of the acquire, converted to the error type of `work`, and the errors of `work`.
    pub async fn run<T, E>(self, work: impl AsyncFnOnce(&mut Lease) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        let mut lease = self.await?;
        let output = work(&mut lease).await?;
        lease.commit();
        Ok(output)
    }

    /// Decides by this process's `share` of the limits, in memory, if the store gives no decision
    /// because it is down or busy. The lease is then [degraded](Lease::is_degraded).
    ///
    /// The local buckets start full, with the share of each capacity, and refill at the share of
    /// each rate. The buckets are kept from one outage to the next. Their grants are never charged
    /// to the store, nor given back to it. The limits and the parent are those that were last
    /// looked up. If none are known and [`default_limits`](Self::default_limits) sets none, the
    /// acquire fails as it would without `or_locally`. The acquire also fails if the cost is above
    /// the share of a capacity, or if the limiter was shut down. This option has no effect in
    /// memory.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, limiter::LocalShare};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let acquire = limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 60));
    /// let lease = acquire.or_locally(LocalShare::one_of(8)).await?;
    /// assert!(!lease.is_degraded());
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid::Share`](crate::error::Invalid::Share) if `share` is not valid.
    pub fn or_locally(mut self, share: LocalShare) -> Self {
        self.try_edit(|request| {
            if !share.is_valid() {
                return Err(crate::error::Invalid::Share.into());
            }
            request.fallback_mut().local = Some(share);
            request.set_on_unavailable(Some(StoredOnUnavailable::Block));
            Ok::<_, Error>(())
        });
        self
    }

    /// Sets the action if the store gives no decision because it is down or busy. Default:
    /// [`OnUnavailable::Stored`], the action that is stored with the system's limits
    /// ([`StoredConfig::with_on_unavailable`](crate::model::StoredConfig::with_on_unavailable)).
    /// If nothing is stored, the acquire fails.
    ///
    /// A request that passes gets a [degraded](Lease::is_degraded) lease, which charges nothing. A
    /// failure that lasts until somebody repairs it
    /// ([`Unavailable::is_outage`](crate::error::Unavailable::is_outage)) is an error with every
    /// action. [`Local`](OnUnavailable::Local) is the same as [`or_locally`](Self::or_locally).
    /// The action has no effect in memory.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, limiter::OnUnavailable};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let acquire = limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 60));
    /// let lease = acquire.on_unavailable(OnUnavailable::Allow).await?;
    /// assert!(!lease.is_degraded());
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid::Share`](crate::error::Invalid::Share) if the share of
    /// [`Local`](OnUnavailable::Local) is not valid.
    ///
    /// # Cost
    /// None. The stored action comes with the stored limits.
    pub fn on_unavailable(mut self, action: OnUnavailable) -> Self {
        let decided = match action {
            OnUnavailable::Local { share } => return self.or_locally(share),
            OnUnavailable::Stored => None,
            OnUnavailable::Block => Some(StoredOnUnavailable::Block),
            OnUnavailable::Allow => Some(StoredOnUnavailable::Allow),
        };
        self.edit(|request| {
            request.set_on_unavailable(decided);
            request.clear_local();
        });
        self
    }

    /// Makes the limit `name` only observe, for the parent too. The limit is evaluated, but it
    /// never denies a request. The limit is charged if all limits, including this one, have enough
    /// tokens. [`Lease::shadow_denials`] returns the limits that would have denied the request.
    ///
    /// If limits that only observe would have denied the request, none of them is charged for it,
    /// neither now nor when it is settled: otherwise they would show a debt that enforced limits
    /// could not have.
    ///
    /// # Cost
    /// None, unless only such limits are short. Then the request needs another write, which leaves
    /// them out.
    pub fn shadow_limit(mut self, name: impl IntoName<LimitName>) -> Self {
        self.try_edit(|request| {
            let name = name.into_name()?;
            match &mut request.fallback_mut().shadow {
                Shadow::Limits(names) => names.push(name),
                shadow @ Shadow::None => *shadow = Shadow::Limits(vec![name]),
                Shadow::All => {}
            }
            Ok::<_, Error>(())
        });
        self
    }

    /// Waits for capacity, for up to `most`, instead of being denied.
    ///
    /// The request takes its place in the bucket with the write that spends its tokens: the bucket
    /// may go into debt by the refill of `most`. The request starts when that debt is refilled, and
    /// does not ask the store again. Requests for the same limits start in the order of their
    /// writes, over all processes. While the bucket is in debt, requests that do not wait are
    /// denied.
    ///
    /// If the wait would be longer than `most`, the request is denied at once and takes no place.
    /// At most [`max_waiters`](Self::max_waiters) requests of this limiter wait for one bucket. If
    /// the entity has a parent, the request starts when both buckets are refilled. Limits that only
    /// observe cause no wait.
    ///
    /// The [deadline](Self::deadline) applies to the store call, not to the wait. If the future is
    /// dropped, its place is normally [given back](Self#dropping). A place that is given back does
    /// not start other waiting requests earlier: requests that come later find the tokens.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let limit = Limit::per_second("rps", 50).with_burst(1);
    /// for _ in 0..3 {
    ///     let acquire = limiter.acquire("user-1", "api").limits(limit.clone());
    ///     acquire.until_ready(Duration::from_secs(1)).await?.commit();
    /// }
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] if the wait would be longer than `most`, [`Error::QueueFull`] if too many
    /// requests wait already. In memory [`Invalid::NoRuntime`](crate::error::Invalid::NoRuntime)
    /// outside a tokio runtime, whose timers must be enabled.
    ///
    /// # Cost
    /// As for any acquire: one round trip and one write unit, shared by requests that come while a
    /// write of the bucket is in flight. A denial costs nothing if the bucket is known to be short.
    pub fn until_ready(mut self, most: Duration) -> Self {
        self.edit(|request| {
            let wait = &mut request.fallback_mut().wait;
            *wait = Some(WaitOptions {
                most,
                waiters: wait.map_or(WaitOptions::WAITERS, |wait| wait.waiters),
            });
        });
        self
    }

    /// Limits how many requests wait for the bucket with [`until_ready`](Self::until_ready). All
    /// requests of this limiter and its clones count; in memory, those of all limiters over one
    /// store. With [`also`](Self::also), those that wait for the request's own resource count. If
    /// the bucket is short and this number of requests wait already, the next request is refused
    /// with [`Error::QueueFull`]. The `retry_after` of this error takes all waiting requests into
    /// account. Default: 100.
    pub fn max_waiters(mut self, waiters: usize) -> Self {
        self.edit(|request| {
            let wait = &mut request.fallback_mut().wait;
            *wait = Some(WaitOptions {
                most: wait.map_or(Duration::ZERO, |wait| wait.most),
                waiters,
            });
        });
        self
    }

    /// Asks for `tokens` of the limit `name` of a resource that [`also`](Self::also) has added.
    pub(crate) fn also_cost(
        mut self,
        resource: &str,
        name: impl IntoName<LimitName>,
        tokens: u64,
    ) -> Self {
        self.try_edit(|request| {
            let cost = request.known_also_cost(resource)?;
            cost.set(name.into_name()?, tokens);
            Ok::<_, Error>(())
        });
        self
    }

    /// Sets all options that a policy gives. If the store gives no decision, the acquire fails, and
    /// the policy decides.
    pub(crate) fn fallback(mut self, fallback: Option<&Arc<FallbackOptions>>) -> Self {
        self.edit(|request| {
            request.set_on_unavailable(Some(StoredOnUnavailable::Block));
            if let Some(fallback) = fallback {
                request.set_fallback(fallback.clone());
            }
        });
        self
    }

    /// Changes the request, unless an argument was wrong before.
    #[inline]
    fn edit(&mut self, change: impl FnOnce(&mut Request)) {
        if let Ok(request) = &mut self.request {
            change(request);
        }
    }

    /// Changes the request, unless an argument was wrong before. An error replaces the request.
    #[inline]
    fn try_edit<E: Into<Error>>(&mut self, change: impl FnOnce(&mut Request) -> Result<(), E>) {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(Box::new(error.into()));
        }
    }

    /// Starts the acquire, and returns its result at once if it needs no store call.
    #[inline]
    pub(crate) fn start(self) -> Started<Result<Lease, Error>, AcquireFuture> {
        match self.request {
            Err(error) => Started::Now(Err(*error)),
            Ok(request) => request.start(),
        }
    }
}

impl IntoFuture for Acquire {
    type Output = Result<Lease, Error>;
    type IntoFuture = AcquireFuture;

    #[inline]
    fn into_future(self) -> AcquireFuture {
        AcquireFuture::new(self.request)
    }
}
