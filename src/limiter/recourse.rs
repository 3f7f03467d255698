//! Options of an acquire for the case that it is not granted at once: limits that only observe, local decisions while
//! the store is down, waiting.

use std::{sync::Arc, time::Duration};

use super::{
    acquire::{Acquire, AcquireFuture, Started, ask_plainly},
    fallback,
    lease::Lease,
    request::Request,
    waiting,
};
use crate::{
    error::Error,
    limiter::terms::{Recourse, Shadow, Share, Wait},
    model::{Denied, LimitName, LimitStatus},
    telemetry,
};

impl Acquire {
    /// Decides by this process's `share` of the limits, in memory, if the store gives no decision because it is down or
    /// busy. The lease is then [degraded](Lease::is_degraded).
    ///
    /// The local buckets start full, with the share of each capacity, and refill at the share of each rate. They are
    /// kept from one outage to the next. Their grants are never charged to the store, nor given back to it. Stored
    /// limits and the parent are those that were last known. If none are known and
    /// [`default_limits`](Self::default_limits) sets none, the acquire fails as it would without this. It also fails if
    /// the cost is above the share of a capacity, or if the limiter was shut down. It has no effect in memory.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter, limiter::Share};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let acquire = limiter.acquire("user-1", "api").limits(Limit::per_minute("rpm", 60));
    /// let lease = acquire.or_locally(Share::one_of(8)).await?;
    /// assert!(!lease.is_degraded());
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid::Share`](crate::error::Invalid::Share) if `share` is not valid.
    pub fn or_locally(mut self, share: Share) -> Self {
        self.edit(|request| {
            if !share.is_valid() {
                return Err(crate::error::Invalid::Share.into());
            }
            request.recourse_mut().local = Some(share);
            Ok::<_, Error>(())
        });
        self
    }

    /// Makes the limit `name` only observe, for the parent too. It is evaluated, and it is charged if it and all other
    /// limits have what is asked, but it denies nothing. [`Lease::shadow_denials`] returns what it would have denied.
    ///
    /// If limits that only observe would have denied the request, none of them is charged for it, neither now nor when
    /// it is settled: otherwise they would show a debt that enforced limits could not have.
    ///
    /// # Cost
    /// None, unless only such limits are short. Then the request needs another write, which leaves them out.
    pub fn shadow(mut self, name: impl AsRef<str>) -> Self {
        self.edit(|request| {
            let name = LimitName::new(name)?;
            match &mut request.recourse_mut().shadow {
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
    /// The request takes its place in the bucket with the write that spends its tokens: the bucket may go into debt by
    /// the refill of `most`. The request starts when that debt is refilled, and does not ask the store again. Requests
    /// for the same limits start in the order of their writes, over all processes. While the bucket is in debt,
    /// requests that do not wait are denied.
    ///
    /// If the wait would be longer than `most`, the request is denied at once and takes no place. At most
    /// [`max_waiters`](Self::max_waiters) requests of this limiter wait for one bucket. If the entity has a parent, the
    /// request starts when both buckets are refilled. Limits that only observe cause no wait.
    ///
    /// The [deadline](Self::deadline) applies to the store call, not to the wait. If the future is dropped, its place
    /// is given back, up to [a limit](Self#dropping). That does not start other waiting requests earlier: requests that
    /// come later find the tokens.
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
    /// [`Error::Denied`] if the wait would be longer than `most`, [`Error::QueueFull`] if too many requests wait
    /// already. In memory [`Invalid::NoRuntime`](crate::error::Invalid::NoRuntime) outside a tokio runtime, whose
    /// timers must be enabled.
    ///
    /// # Cost
    /// That of an acquire: one round trip and one write unit, shared by requests that come while a write of the bucket
    /// is in flight. A denial costs nothing if the bucket is known to be short.
    pub fn until_ready(mut self, most: Duration) -> Self {
        self.edit(|request| {
            let wait = &mut request.recourse_mut().wait;
            *wait = Some(Wait { most, waiters: wait.map_or(Wait::WAITERS, |wait| wait.waiters) });
            Ok::<_, Error>(())
        });
        self
    }

    /// Limits how many requests wait for the bucket with [`until_ready`](Self::until_ready). All requests of this
    /// limiter and its clones count; in memory, those of all limiters over one store. If the bucket is short and as
    /// many wait already, the request is refused with [`Error::QueueFull`]. Its `retry_after` counts all requests that
    /// wait. Default: 100.
    pub fn max_waiters(mut self, waiters: usize) -> Self {
        self.edit(|request| {
            let wait = &mut request.recourse_mut().wait;
            *wait = Some(Wait { most: wait.map_or(Duration::ZERO, |wait| wait.most), waiters });
            Ok::<_, Error>(())
        });
        self
    }

    /// Sets all options that a policy gives.
    pub(crate) fn recourse(mut self, recourse: Option<&Arc<Recourse>>) -> Self {
        if let Some(recourse) = recourse {
            self.edit(|request| {
                request.set_recourse(recourse.clone());
                Ok::<_, Error>(())
            });
        }
        self
    }
}

/// Starts a request, and returns the result at once if it needs no waiting.
pub(super) fn start(request: Request, recourse: Arc<Recourse>) -> Started {
    if let Some(wait) = recourse.wait {
        return waiting::start(request, recourse, wait);
    }
    match ask_plainly(request.clone()) {
        Started::Done(Ok(lease)) => Started::Done(Ok(marked(lease, &recourse))),
        first => {
            Started::Waiting(AcquireFuture::boxed(Box::pin(
                async move { attempt(&request, &recourse, Some(first)).await },
            )))
        }
    }
}

/// Asks once: the store, or this process if the store is down. If only observing limits deny the request, it asks again
/// without them.
pub(super) async fn attempt(
    request: &Request,
    recourse: &Arc<Recourse>,
    first: Option<Started>,
) -> Result<Lease, Error> {
    match ask(request, recourse, first).await {
        Ok(lease) => Ok(marked(lease, recourse)),
        Err(error) if matches!(recourse.shadow, Shadow::Limits(_)) => without_shadow(request, recourse, error).await,
        Err(error) => Err(error),
    }
}

async fn ask(request: &Request, recourse: &Recourse, first: Option<Started>) -> Result<Lease, Error> {
    let asked = match first.unwrap_or_else(|| ask_plainly(request.clone())) {
        Started::Done(result) => result,
        Started::Waiting(future) => future.await,
    };
    match (asked, recourse.local) {
        (Err(Error::Unavailable(error)), Some(share)) => fallback::acquire(request, share, error),
        (asked, _) => asked,
    }
}

async fn without_shadow(request: &Request, recourse: &Arc<Recourse>, error: Error) -> Result<Lease, Error> {
    let covers = |status: &LimitStatus| recourse.shadow.covers(status.limit.name());
    // A limit denies a request that waits only if its wait is longer than that of the request.
    let denies = |status: &LimitStatus| status.retry_after.is_none_or(|after| after > request.longest_wait());
    let limits = match error {
        Error::Denied(denied)
            if denied.violated().any(|status| !covers(status) && denies(status)) || !denied.violated().any(covers) =>
        {
            return Err(enforced(*denied, recourse).into());
        }
        Error::Denied(denied) => denied.limits,
        // No write was planned for the request, so no state was seen: look at the limits now.
        Error::ExceedsCapacity(error) if recourse.shadow.covers(&error.limit) => request.clone().glance().await?,
        error => return Err(error),
    };
    let mut rest = request.clone();
    for status in limits.iter().filter(|status| covers(status)) {
        rest.leave_alone(status.limit.name().clone());
    }
    let lease = match ask(&rest, recourse, None).await {
        Ok(lease) => lease,
        Err(Error::Denied(denied)) => return Err(enforced(*denied, recourse).into()),
        Err(error) => return Err(error),
    };
    let short: Vec<_> = limits.into_iter().filter(|status| covers(status) && status.exceeded()).collect();
    telemetry::shadow_denial(lease.resource(), &short);
    let mut lease = marked(lease, recourse);
    lease.observe(short, true);
    Ok(lease)
}

/// Returns the denial with the observing limits shown as not denying.
fn enforced(mut denied: Denied, recourse: &Recourse) -> Denied {
    for status in &mut denied.limits {
        if recourse.shadow.covers(status.limit.name()) {
            status.requested = 0;
            status.retry_after = Some(Duration::ZERO);
        }
    }
    denied
}

pub(super) fn marked(mut lease: Lease, recourse: &Arc<Recourse>) -> Lease {
    if !recourse.shadow.is_none() {
        lease.has_shadow(recourse.clone());
    }
    lease
}
