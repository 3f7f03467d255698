//! The decision about a request, and the action if there is no decision.

use std::{sync::Arc, time::Duration};

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
use crate::{
    error::Unavailable,
    limiter::{Prefetch, Recourse, Shadow, Share, Wait},
    model::{LimitName, StoredOnUnavailable},
};

/// The rules for the decision about a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecisionRules {
    pub(crate) on_unavailable: OnUnavailable,
    pub(crate) without_parent: bool,
    pub(crate) prefetch: Option<Prefetch>,
    pub(crate) together: bool,
    /// `true` if the handler acquires the lease.
    pub(crate) in_handler: bool,
    /// `true` if responses report the denials of limits in shadow mode.
    pub(crate) reports_shadow: bool,
    /// The options for a request that is not granted at once. `None` if there are none.
    pub(crate) recourse: Option<Arc<Recourse>>,
}

impl DecisionRules {
    /// Returns `true` if the layer grants or denies each request, without any further options.
    pub(super) fn is_plain(&self) -> bool {
        !self.in_handler && self.recourse.is_none()
    }

    /// Returns `true` if the policy is in shadow mode.
    pub(crate) fn is_shadow(&self) -> bool {
        self.recourse.as_ref().is_some_and(|recourse| matches!(recourse.shadow, Shadow::All))
    }

    /// Returns `true` if the limit is in shadow mode.
    pub(crate) fn observes(&self, limit: &LimitName) -> bool {
        self.recourse.as_ref().is_some_and(|recourse| recourse.shadow.covers(limit))
    }
}

/// The action for a request if the store gives no decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnavailable {
    /// Follows the system's stored config, as it was last read. If the config says nothing, the request is answered
    /// with 503.
    #[default]
    Stored,
    /// Answers the request with 503.
    Block,
    /// Passes the request on unlimited, with a [`LeaseHandle`](crate::layer::LeaseHandle) that charges nothing.
    Allow,
    /// Lets this process decide alone, by its share of the limits, as
    /// [`Acquire::or_locally`](crate::limiter::Acquire::or_locally) describes. If that is not possible, the request is
    /// answered with 503: no limits are known, or the request asks for more than the share of a capacity.
    Local {
        /// The share of this process: [`Share::one_of`] the number of processes.
        share: Share,
    },
}

impl OnUnavailable {
    /// Returns `true` if a request passes that has no decision because of `error`. `stored` is the action in the stored
    /// config.
    pub(crate) fn allows(self, error: &Unavailable, stored: Option<StoredOnUnavailable>) -> bool {
        // Any other error does not go away by itself, so it would switch the limits off for good.
        error.is_outage()
            && match self {
                Self::Stored => stored == Some(StoredOnUnavailable::Allow),
                // `error` then says that a local decision was not possible either.
                Self::Block | Self::Local { .. } => false,
                Self::Allow => true,
            }
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    on_unavailable: OnUnavailable,
    without_parent: bool,
    prefetch: Option<Prefetch>,
    together: bool,
    in_handler: bool,
    reports_shadow: bool,
    shadow: bool,
    shadow_limits: Vec<String>,
    wait: Option<Duration>,
    max_waiters: Option<usize>,
}

impl Draft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<DecisionRules, InvalidPolicy> {
        let local = match self.on_unavailable {
            OnUnavailable::Local { share } if !share.is_valid() => return Err(InvalidPolicy::Share),
            OnUnavailable::Local { share } => Some(share),
            _ => None,
        };
        let shadow = shadow(self.shadow, self.shadow_limits, limits)?;
        let waiters = self.max_waiters.unwrap_or(Wait::WAITERS);
        // A policy in shadow mode delays no request.
        let wait = self.wait.filter(|_| !matches!(shadow, Shadow::All)).map(|most| Wait { most, waiters });
        let plain = local.is_none() && shadow.is_none() && wait.is_none();
        Ok(DecisionRules {
            on_unavailable: self.on_unavailable,
            without_parent: self.without_parent,
            prefetch: self.prefetch,
            together: self.together,
            in_handler: self.in_handler,
            reports_shadow: self.reports_shadow,
            recourse: (!plain).then(|| Arc::new(Recourse { local, shadow, wait })),
        })
    }
}

fn shadow(all: bool, names: Vec<String>, limits: &PolicyLimits) -> Result<Shadow, InvalidPolicy> {
    let names = names.into_iter().map(|name| limits.known(name)).collect::<Result<Vec<_>, _>>()?;
    let covered = |limits: &crate::model::Limits| limits.iter().all(|limit| names.contains(limit.name()));
    Ok(match limits {
        _ if all => Shadow::All,
        _ if names.is_empty() => Shadow::None,
        PolicyLimits::Exactly(limits) if covered(limits) => Shadow::All,
        _ => Shadow::Limits(names),
    })
}

/// Settings of the decision.
impl PolicyBuilder {
    /// Charges only the entity's own bucket, and does not look up if the entity has a parent. This saves one round trip
    /// for the first request of an entity and resource.
    pub fn without_parent(mut self) -> Self {
        self.decision.without_parent = true;
        self
    }

    /// Prefetches tokens, and grants requests from memory. [`Prefetch`] describes the cost.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.decision.prefetch = Some(prefetch);
        self
    }

    /// Charges the entity and its parent in one transaction, like
    /// [`Acquire::in_one_transaction`](crate::limiter::Acquire::in_one_transaction), which also describes the cost.
    pub fn in_one_transaction(mut self) -> Self {
        self.decision.together = true;
        self
    }

    /// Sets the action for a request if the store gives no decision within the deadline of the acquire. Default:
    /// [`OnUnavailable::Stored`].
    ///
    /// ```
    /// use tollgate::{Limit, layer::{OnUnavailable, Policy, keys}, limiter::Share};
    ///
    /// // There are eight processes.
    /// let policy = Policy::builder()
    ///     .entity(keys::hashed_header("x-api-key"))
    ///     .resource(keys::fixed("api"))
    ///     .limit(Limit::per_minute("rpm", 600))
    ///     .on_unavailable(OnUnavailable::Local { share: Share::one_of(8) })
    ///     .build()?;
    /// # Ok::<(), tollgate::layer::InvalidPolicy>(())
    /// ```
    pub fn on_unavailable(mut self, action: OnUnavailable) -> Self {
        self.decision.on_unavailable = action;
        self
    }

    /// Waits for capacity, for up to `most`, instead of answering 429, like
    /// [`Acquire::until_ready`](crate::limiter::Acquire::until_ready). If a request would have to wait longer, it is
    /// answered with 429 at once. Its `Retry-After` includes all requests that wait.
    ///
    /// If the client disconnects, the request's place in the queue is given back. The limiter's deadline is that of the
    /// store call, and does not include the wait.
    ///
    /// # Cost
    /// None beside the one write of the request.
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

    /// Limits how many requests of this process [wait](Self::wait) for one bucket. If as many wait and the bucket does
    /// not have the tokens, further requests are answered with 429. Default: 100.
    pub fn max_waiters(mut self, waiters: usize) -> Self {
        self.decision.max_waiters = Some(waiters);
        self
    }

    /// Runs the policy in shadow mode: every request is evaluated, charged and reported, but none is refused for any
    /// reason. A request that would have been denied is charged nothing.
    ///
    /// The denial is emitted as an event, `shadow denial`. It is also in the
    /// [`RateLimitStatus`](crate::layer::RateLimitStatus) and, with [`report_shadow`](Self::report_shadow), in a
    /// header. `RateLimit` fields are not sent, because clients would slow down for limits that are not enforced.
    /// [`wait`](Self::wait) has no effect.
    pub fn shadow(mut self) -> Self {
        self.decision.shadow = true;
        self
    }

    /// Runs the limit `name` in shadow mode, also that of the parent. The other limits decide.
    /// [`Acquire::shadow`](crate::limiter::Acquire::shadow) describes what is charged, and what it costs.
    pub fn shadow_limit(mut self, name: impl Into<String>) -> Self {
        self.decision.shadow_limits.push(name.into());
        self
    }

    /// Reports to clients which limits would have denied the request if they were not in shadow mode:
    /// `x-ratelimit-shadow: "tpm";t=12`, with the number of seconds until they would have granted it.
    pub fn report_shadow(mut self) -> Self {
        self.decision.reports_shadow = true;
        self
    }

    /// Lets the handler acquire the lease when it knows the cost of the request, with the
    /// [`BoundLimiter`](crate::layer::BoundLimiter) that the layer puts into the request's extensions. All other rules
    /// of the policy apply as usual.
    pub fn acquire_in_handler(mut self) -> Self {
        self.decision.in_handler = true;
        self
    }
}
