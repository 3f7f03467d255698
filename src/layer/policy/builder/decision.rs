//! Settings of the decision.

use std::time::Duration;

use super::PolicyBuilder;
use crate::{
    layer::policy::OnUnavailable,
    limiter::Prefetch,
    model::{IntoName, LimitName},
};

/// Settings of the decision.
impl PolicyBuilder {
    /// Charges only the entity's own bucket, and does not look up the entity's parent. This saves
    /// one round trip for the first request of an entity and resource.
    pub fn without_parent(mut self) -> Self {
        self.decision.without_parent = true;
        self
    }

    /// Prefetches tokens, and grants requests from memory. [`Prefetch`] describes the cost.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.decision.prefetch = Some(prefetch);
        self
    }

    /// Charges all buckets of a request in one transaction: of the entity, its parent, and each
    /// resource that [`also`](Self::also) adds. See
    /// [`Acquire::in_one_transaction`](crate::limiter::Acquire::in_one_transaction) for the cost.
    pub fn in_one_transaction(mut self) -> Self {
        self.decision.in_one_transaction = true;
        self
    }

    /// Sets the action for a request if the store gives no decision within the deadline of the
    /// acquire. Default: [`OnUnavailable::Stored`].
    ///
    /// ```
    /// use tollgate::{Limit, layer::{OnUnavailable, Policy, keys}, limiter::LocalShare};
    ///
    /// // There are eight processes.
    /// let policy = Policy::builder()
    ///     .entity(keys::hashed_header("x-api-key"))
    ///     .resource(keys::fixed("api"))
    ///     .limit(Limit::per_minute("rpm", 600))
    ///     .on_unavailable(OnUnavailable::Local { share: LocalShare::one_of(8) })
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    pub fn on_unavailable(mut self, action: OnUnavailable) -> Self {
        self.decision.on_unavailable = action;
        self
    }

    /// Waits for capacity, for up to `most`, instead of answering 429, like
    /// [`Acquire::until_ready`](crate::limiter::Acquire::until_ready). If a request would have to
    /// wait longer, it is answered with 429 at once. Its `Retry-After` includes all requests that
    /// wait.
    ///
    /// If the client disconnects, the request's place in the queue is given back. The limiter's
    /// deadline is that of the store call, and does not include the wait.
    ///
    /// # Cost
    /// None in addition to the one write of the request.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::{Limit, layer::{Policy, keys}};
    ///
    /// let policy = Policy::builder()
    ///     .entity(keys::hashed_header("x-api-key"))
    ///     .resource(keys::fixed("api"))
    ///     .limit(Limit::per_minute("rpm", 600))
    ///     .wait(Duration::from_secs(2))
    ///     .max_waiters(20)
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    pub fn wait(mut self, most: Duration) -> Self {
        self.decision.wait = Some(most);
        self
    }

    /// Limits how many requests of this process [wait](Self::wait) for one bucket. If as many wait
    /// and the bucket does not have the tokens, further requests are answered with 429. Default:
    /// 100.
    pub fn max_waiters(mut self, waiters: usize) -> Self {
        self.decision.max_waiters = Some(waiters);
        self
    }

    /// Runs the policy in shadow mode: every request is evaluated, charged and reported, but none
    /// is refused for any reason. A request that would have been denied is charged nothing.
    ///
    /// The denial is emitted as an event, `shadow denial`. The denial is also in the
    /// [`RateLimitStatus`](crate::layer::RateLimitStatus) and, with
    /// [`report_shadow`](Self::report_shadow), in a header. `RateLimit` fields are not sent,
    /// because clients would slow down for limits that are not enforced. [`wait`](Self::wait) has
    /// no effect.
    pub fn shadow(mut self) -> Self {
        self.decision.shadow = true;
        self
    }

    /// Runs the limit `name` in shadow mode, also that of the parent. The other limits decide.
    /// [`Acquire::shadow_limit`](crate::limiter::Acquire::shadow_limit) describes what is charged,
    /// and what it costs.
    pub fn shadow_limit(mut self, name: impl IntoName<LimitName>) -> Self {
        self.decision.shadow_limits.push(name.as_text().to_owned());
        self
    }

    /// Reports to clients which limits would have denied the request if they were not in shadow
    /// mode: `x-ratelimit-shadow: "tpm";t=12`, with the number of seconds until they would have
    /// granted it.
    pub fn report_shadow(mut self) -> Self {
        self.decision.reports_shadow = true;
        self
    }

    /// Lets the handler acquire the lease when it knows the cost of the request, with the
    /// [`BoundLimiter`](crate::layer::BoundLimiter) that the layer puts into the request's
    /// extensions. All other rules of the policy apply as usual.
    pub fn acquire_in_handler(mut self) -> Self {
        self.decision.in_handler = true;
        self
    }
}
