//! A request for tokens, and the buckets that it charges.
//!
//! [`target`] finds the bucket, [`resolve`] the limits and the parent. [`in_memory`] decides
//! requests for which nothing has to be looked up.

mod also;
mod attempt;
mod future;
mod in_memory;
mod local_limits;
mod outage;
mod resolve;
mod target;
mod waiting;

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Error, Unavailable},
    limiter::{
        bucket::LimitsRef,
        runtime::{Timeout, Timer},
        terms::{Deadline, FallbackOptions, Prefetch, Shadow},
    },
    model::{
        Cost, IntoLimits, InvalidLimits, KeyParts, LimitName, LimitStatus, StoredOnUnavailable,
    },
    store::Waiters,
    telemetry::{Begun, ObservedAcquire},
};

pub(super) use crate::limiter::request::target::Target;
pub use future::AcquireFuture;

/// A request whose arguments were checked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    target: Target,
    options: RequestOptions,
}

/// The options of a request, which do not depend on the bucket.
///
/// The order of the fields is fixed, so that no field that every request sets follows the unused
/// bytes of an empty cost. Else the compiler copies both together, in pieces that overlap, and each
/// such copy stalls the processor: 15 ns for an acquire in memory that takes 85.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct RequestOptions {
    fallback: Option<Arc<FallbackOptions>>,
    /// The resources that are charged in addition. `None` for nearly all requests.
    also: Option<Box<AlsoCharges>>,
    limits: LimitsSource,
    /// The time in ms for which the request waits until the debt that it leaves is refilled.
    patience: Option<i64>,
    cost: Cost,
    parent: bool,
    /// The action if the store gives no decision. `None` for the stored one.
    on_unavailable: Option<StoredOnUnavailable>,
    deadline: Deadline,
}

/// The most resources that one acquire can charge, the request's own one included.
pub(crate) const MAX_RESOURCES: usize = 16;

/// The resources that a request charges in addition to its own one.
#[derive(Clone, Debug, Default)]
struct AlsoCharges(Vec<AlsoCharge>);

/// A resource that a request charges in addition to its own one.
#[derive(Clone, Debug)]
struct AlsoCharge {
    target: Target,
    limits: LimitsSource,
    cost: Cost,
}

/// The source of the limits.
#[derive(Clone, Debug)]
pub(super) enum LimitsSource {
    /// The stored limits, or those that a handle has pinned.
    Stored,
    StoredOr(LimitsRef),
    Exactly(LimitsRef),
}

impl Request {
    #[inline]
    pub(super) fn new(target: Target, limits: LimitsSource, deadline: Deadline) -> Self {
        Self {
            target,
            options: RequestOptions {
                limits,
                cost: Cost::new(),
                parent: true,
                on_unavailable: None,
                deadline,
                fallback: None,
                patience: None,
                also: None,
            },
        }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.options.deadline
    }

    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        self.options.deadline = deadline;
    }

    #[inline]
    pub(super) fn set_limits(&mut self, limits: impl IntoLimits) -> Result<(), InvalidLimits> {
        self.options.limits = LimitsSource::Exactly(self.target.limits_ref(limits)?);
        Ok(())
    }

    #[inline]
    pub(super) fn set_default_limits(
        &mut self,
        limits: impl IntoLimits,
    ) -> Result<(), InvalidLimits> {
        self.options.limits = LimitsSource::StoredOr(self.target.limits_ref(limits)?);
        Ok(())
    }

    /// In memory there is nothing to prefetch.
    pub(super) fn set_prefetch(&mut self, prefetch: Prefetch) {
        if let Target::Gated(gated) = &mut self.target {
            gated.prefetch = Some(prefetch);
        }
    }

    /// In memory all buckets are always charged at once.
    pub(super) fn set_in_one_transaction(&mut self) {
        if let Target::Gated(gated) = &mut self.target {
            gated.in_one_transaction = true;
        }
    }

    pub(super) fn without_parent(&mut self) {
        self.options.parent = false;
    }

    pub(super) fn add_cost(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        self.options.cost.set(LimitName::new(name)?, tokens);
        Ok(())
    }

    pub(super) fn add_costs(&mut self, cost: &Cost) {
        self.options
            .cost
            .extend(cost.iter().map(|(name, tokens)| (name.clone(), tokens)));
    }

    /// Sets the action if the store gives no decision: `None` for the stored one.
    pub(super) fn set_on_unavailable(&mut self, action: Option<StoredOnUnavailable>) {
        self.options.on_unavailable = action;
    }

    /// Starts to observe the request until it is decided.
    pub(super) fn observe(&self, begun: Begun) -> ObservedAcquire {
        let observed = self
            .fallback()
            .is_some_and(|fallback| matches!(fallback.shadow, Shadow::All));
        ObservedAcquire::new(
            begun,
            self.target.key(),
            self.target.home().is_some(),
            observed,
        )
    }

    /// Returns a timeout for the deadline. In memory there is none, because nothing is waited for.
    pub(super) fn timeout(&self) -> Option<Timeout> {
        self.timeout_in(self.options.deadline.into())
    }

    /// Returns a timeout that ends after `time`. In memory there is none.
    pub(super) fn timeout_in(&self, time: Duration) -> Option<Timeout> {
        match &self.target {
            Target::Gated(gated) => gated.engine.late(time),
            _ => None,
        }
    }

    /// Returns a timer that ends after `time`. In memory there is none.
    pub(super) fn timer_in(&self, time: Duration) -> Option<Timer> {
        match &self.target {
            Target::Gated(gated) => gated.engine.timer(time),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn key(&self) -> KeyParts<'_> {
        self.target.key()
    }

    /// Records that the deadline has passed before the limits were looked up.
    pub(super) fn missed_deadline(&self) -> Unavailable {
        if let Target::Gated(gated) = &self.target {
            gated.engine.missed_deadline();
        }
        Unavailable::Deadline
    }

    /// Sets how long the request waits until the debt that it leaves is refilled.
    pub(super) fn set_patience(&mut self, most: Duration) {
        self.options.patience = Some(i64::try_from(most.as_millis()).unwrap_or(i64::MAX));
    }

    /// Returns how long the request waits until the debt that it leaves is refilled.
    pub(super) fn longest_wait(&self) -> Duration {
        Duration::from_millis(
            self.options
                .patience
                .and_then(|most| u64::try_from(most).ok())
                .unwrap_or(0),
        )
    }

    /// Returns the requests that wait for buckets of the limiter.
    pub(super) fn waiters(&self) -> &Arc<Waiters> {
        match &self.target {
            Target::Memory(place) => place.home().waiters(),
            Target::Pinned(pinned) => pinned.home.waiters(),
            Target::Gated(gated) => gated.engine.waiters(),
        }
    }

    /// Returns the time in epoch ms.
    pub(super) fn now(&self) -> i64 {
        match &self.target {
            Target::Memory(place) => place.home().now(),
            Target::Pinned(pinned) => pinned.home.now(),
            Target::Gated(gated) => gated.engine.now(),
        }
    }

    pub(super) fn fallback(&self) -> Option<&Arc<FallbackOptions>> {
        self.options.fallback.as_ref()
    }

    /// Removes this process's share of the limits from the options.
    pub(super) fn clear_local(&mut self) {
        if let Some(fallback) = &mut self.options.fallback {
            Arc::make_mut(fallback).local = None;
        }
    }

    pub(super) fn set_fallback(&mut self, fallback: Arc<FallbackOptions>) {
        self.options.fallback = Some(fallback);
    }

    pub(super) fn fallback_mut(&mut self) -> &mut FallbackOptions {
        Arc::make_mut(self.options.fallback.get_or_insert_default())
    }

    /// Sets the cost of a limit to zero.
    pub(super) fn leave_alone(&mut self, status: &LimitStatus) {
        let cost = match &status.resource {
            None => Some(&mut self.options.cost),
            Some(resource) => self.also_cost_mut(resource),
        };
        if let Some(cost) = cost {
            cost.set(status.limit.name().clone(), 0);
        }
    }

    /// Returns the statuses of the limits for the request, as far as they are known without asking
    /// the buckets.
    pub(super) async fn glance(self) -> Result<Vec<LimitStatus>, Error> {
        let charges = self.look_up(false).await?;
        let statuses = charges.iter().flat_map(|charge| {
            let labels = charges.labels(charge);
            let labelled = move |status| labels.on(status);
            charge
                .bucket
                .glance(&charge.amounts)
                .into_iter()
                .map(labelled)
        });
        Ok(statuses.collect())
    }
}
