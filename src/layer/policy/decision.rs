//! How a request is decided, and what holds where there is no decision.

use std::{sync::Arc, time::Duration};

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
use crate::{
    error::Unavailable,
    limiter::{Prefetch, Recourse, Shadow, Share, Wait},
    model::{LimitName, StoredOnUnavailable},
};

/// How a request is decided.
#[derive(Clone, Debug, Default)]
pub(in crate::layer) struct DecisionRules {
    pub(in crate::layer) on_unavailable: OnUnavailable,
    pub(in crate::layer) without_parent: bool,
    pub(in crate::layer) prefetch: Option<Prefetch>,
    pub(in crate::layer) together: bool,
    /// `true` if the handler acquires.
    pub(in crate::layer) in_handler: bool,
    /// `true` if responses tell what limits that only observe would have done.
    pub(in crate::layer) reports_shadow: bool,
    /// What is done where the request is not simply granted.
    pub(in crate::layer) recourse: Option<Arc<Recourse>>,
}

impl DecisionRules {
    /// Returns `true` if requests are granted or denied, and that is all.
    pub(super) fn is_plain(&self) -> bool {
        !self.in_handler && self.recourse.is_none()
    }

    /// Returns `true` if the policy only observes.
    pub(in crate::layer) fn is_shadow(&self) -> bool {
        self.recourse.as_ref().is_some_and(|recourse| matches!(recourse.shadow, Shadow::All))
    }

    /// Returns `true` if the limit only observes.
    pub(in crate::layer) fn observes(&self, limit: &LimitName) -> bool {
        self.recourse.as_ref().is_some_and(|recourse| recourse.shadow.covers(limit))
    }
}

/// What becomes of a request that the store gives no decision for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnavailable {
    /// What the system's stored config says, as it was last seen; answered with 503 where it says
    /// nothing.
    #[default]
    Stored,
    /// Answered with 503.
    Block,
    /// Passed on unlimited, with a [`LeaseHandle`](crate::layer::LeaseHandle) that charges nothing.
    Allow,
    /// Decided by this process alone, by its share of the limits:
    /// [`Acquire::or_locally`](crate::limiter::Acquire::or_locally) says how. Answered with 503 where
    /// that cannot be: no limits are known, or the request asks for more than the share of a capacity.
    Local {
        /// The share: [`Share::one_of`] the number of processes.
        share: Share,
    },
}

impl OnUnavailable {
    /// Returns `true` if a request passes that has no decision because of `error`. `stored` is what the stored config
    /// says.
    pub(in crate::layer) fn allows(self, error: &Unavailable, stored: Option<StoredOnUnavailable>) -> bool {
        // A mistake that lasts would switch the limits off for good.
        error.is_outage()
            && match self {
                Self::Stored => stored == Some(StoredOnUnavailable::Allow),
                // What could not be decided locally is not decided.
                Self::Block | Self::Local { .. } => false,
                Self::Allow => true,
            }
    }
}

/// What a builder was told.
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
        // A policy that only observes delays nothing.
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

/// Decisions.
impl PolicyBuilder {
    /// Charges the entity's own bucket alone, and does not look whether it has a parent: that
    /// saves the first request of an entity and resource one round trip.
    pub fn without_parent(mut self) -> Self {
        self.decision.without_parent = true;
        self
    }

    /// Takes tokens ahead and grants from memory: see [`Prefetch`] for what that costs.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.decision.prefetch = Some(prefetch);
        self
    }

    /// Charges the entity and its parent in one transaction, as
    /// [`Acquire::in_one_transaction`](crate::limiter::Acquire::in_one_transaction) does, at the price that it
    /// names.
    pub fn in_one_transaction(mut self) -> Self {
        self.decision.together = true;
        self
    }

    /// What becomes of a request for which the store gives no decision within the acquire's
    /// deadline. Default: [`OnUnavailable::Stored`].
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

    /// Waits for capacity, for up to `most`, instead of answering 429, as
    /// [`Acquire::until_ready`](crate::limiter::Acquire::until_ready) does. If a request would have to wait
    /// longer, it is answered with 429 at once. The `Retry-After` counts all who wait.
    ///
    /// If the client goes, its place is given back. The wait comes on top of the limiter's deadline, which is that
    /// of the store call.
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

    /// Limits how many requests of this process [wait](Self::wait) for one bucket. If the bucket is short, more are
    /// answered with 429. Default: 100.
    pub fn max_waiters(mut self, waiters: usize) -> Self {
        self.decision.max_waiters = Some(waiters);
        self
    }

    /// Only observes: everything is evaluated, charged and reported, and no request is refused for
    /// whatever reason. What would have been denied is charged nothing.
    ///
    /// What it would have done is an event, `shadow denial`, stands in the
    /// [`RateLimitStatus`](crate::layer::RateLimitStatus), and in a header with
    /// [`report_shadow`](Self::report_shadow). `RateLimit` fields are not sent: clients would slow
    /// down for limits that do not hold. [`wait`](Self::wait) has no effect.
    pub fn shadow(mut self) -> Self {
        self.decision.shadow = true;
        self
    }

    /// Lets the limit `name` only observe, of the parent too; the others decide.
    /// [`Acquire::shadow`](crate::limiter::Acquire::shadow) says what is charged, and what it costs.
    pub fn shadow_limit(mut self, name: impl Into<String>) -> Self {
        self.decision.shadow_limits.push(name.into());
        self
    }

    /// Tells clients which limits would have denied the request, if they did not only observe:
    /// `x-ratelimit-shadow: "tpm";t=12`, with the seconds until they would have granted it.
    pub fn report_shadow(mut self) -> Self {
        self.decision.reports_shadow = true;
        self
    }

    /// Leaves it to the handler to acquire, when it knows what the request costs: by the
    /// [`BoundLimiter`](crate::layer::BoundLimiter) that the layer puts into the request's extensions.
    /// Everything else of the policy holds as ever.
    pub fn acquire_in_handler(mut self) -> Self {
        self.decision.in_handler = true;
        self
    }
}
