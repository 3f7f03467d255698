//! A limiter with which the handler acquires.

use std::{fmt, sync::Arc};

use crate::layer::{
    LeaseHandle, Policy, RateLimitStatus, lease::lease_slot::LeaseSlot, policy::LEAST,
};
use crate::{
    error::Error,
    limiter::{Acquire, RateLimiter},
    model::{Cost, IntoName, LimitName},
};

/// A limiter that is bound to the current request, for handlers that learn late what the request
/// costs.
///
/// The layer puts one into the request's extensions if its policy has
/// [`acquire_in_handler`](crate::layer::PolicyBuilder::acquire_in_handler). With the feature `axum`
/// it is an extractor. The limiter acquires for the entity and the resource that the policy's keys
/// have found, by the policy's limits. The policy also sets the costs that the handler does not
/// name.
///
/// The acquired lease is the request's lease, as if the layer had acquired it. That lease is
/// settled by the policy's rules, reported in the response's headers, and committed when the
/// response head is ready, or when the body and the last [`LeaseHandle`] are gone. A handler that
/// answers with an error, fails or panics is charged too, unless the policy says otherwise.
///
/// ```
/// use axum::{Router, routing::post};
/// use tollgate::{Error, Limit, RateLimitLayer, RateLimiter, layer::{BoundLimiter, Policy, keys}};
///
/// async fn complete(limiter: BoundLimiter, prompt: String) -> Result<String, Error> {
///     // If the limit has too few tokens, the client gets the layer's own 429.
///     let lease = limiter.cost("tpm", prompt.len() as u64).acquire().await?;
///     lease.settle("tpm", 20)?;
///     Ok("an answer".to_owned())
/// }
///
/// let policy = Policy::builder()
///     .entity(keys::hashed_header("x-api-key"))
///     .resource(keys::fixed("gpt-4"))
///     .limit(Limit::per_minute("tpm", 1000))
///     .acquire_in_handler()
///     .build()?;
/// let app: Router = Router::new()
///     .route("/v1/chat/completions", post(complete))
///     .route_layer(RateLimitLayer::new(RateLimiter::memory(), policy));
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[derive(Clone)]
#[must_use = "a bound limiter asks for nothing by itself"]
pub struct BoundLimiter {
    ask: BoundAcquire,
    handle: LeaseHandle,
}

/// The acquire of a [`BoundLimiter`].
#[derive(Clone)]
enum BoundAcquire {
    Limiter {
        acquire: Acquire,
        limiter: RateLimiter,
        policy: Policy,
    },
    /// No acquire: the policy only observes, and there is nobody to charge.
    Nobody(Box<RateLimitStatus>),
    /// No acquire: the request is unlimited.
    Nothing,
}

/// Shows no fields, because they contain the whole limiter.
impl fmt::Debug for BoundLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundLimiter").finish_non_exhaustive()
    }
}

impl BoundLimiter {
    /// Creates a bound limiter for a request, and the slot for the request's lease.
    pub(crate) fn new(
        acquire: Acquire,
        limiter: RateLimiter,
        policy: Policy,
    ) -> (Self, Arc<LeaseSlot>) {
        let held = LeaseSlot::open(policy.clone());
        Self::asking(
            BoundAcquire::Limiter {
                acquire,
                limiter,
                policy,
            },
            held,
        )
    }

    /// Creates a bound limiter for a request that passes uncharged.
    pub(crate) fn uncharged(status: RateLimitStatus, policy: Policy) -> (Self, Arc<LeaseSlot>) {
        Self::asking(
            BoundAcquire::Nobody(Box::new(status)),
            LeaseSlot::open(policy),
        )
    }

    fn asking(ask: BoundAcquire, held: Arc<LeaseSlot>) -> (Self, Arc<LeaseSlot>) {
        (
            Self {
                ask,
                handle: LeaseHandle::new(held.clone()),
            },
            held,
        )
    }

    /// Creates a bound limiter for a request that passes unlimited: its leases charge nothing.
    pub(crate) fn unlimited() -> Self {
        Self {
            ask: BoundAcquire::Nothing,
            handle: LeaseHandle::of_nothing(),
        }
    }

    fn edit(mut self, change: impl FnOnce(Acquire) -> Acquire) -> Self {
        if let BoundAcquire::Limiter {
            acquire,
            limiter,
            policy,
        } = self.ask
        {
            self.ask = BoundAcquire::Limiter {
                acquire: change(acquire),
                limiter,
                policy,
            };
        }
        self
    }

    /// Asks for `tokens` of the limit `name`, at least 1, because a client may control the number
    /// that a handler derives from a body. To ask for nothing of a limit, set the policy's
    /// [`cost`](crate::layer::PolicyBuilder::cost) to 0 and do not name the limit here.
    pub fn cost(self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.edit(|acquire| acquire.cost(name, tokens.max(LEAST)))
    }

    /// Asks for all amounts of `cost`, at least 1 of each.
    pub fn costs(self, cost: &Cost) -> Self {
        let asked = cost
            .iter()
            .map(|(name, tokens)| (name.clone(), tokens.max(LEAST)));
        self.edit(|acquire| acquire.costs(&asked.collect()))
    }

    /// Asks for `tokens` of the limit `name` of a resource that the policy charges in
    /// [addition](crate::layer::PolicyBuilder::also), at least 1. The acquire fails with
    /// [`Invalid::UnknownResource`](crate::error::Invalid::UnknownResource) if it charges no such
    /// resource.
    pub fn also_cost(self, resource: &str, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.edit(|acquire| acquire.also_cost(resource, name, tokens.max(LEAST)))
    }

    /// Acquires the request's lease. This works once for a request: ask the lease for more with
    /// [`LeaseHandle::consume`].
    ///
    /// The lease charges nothing if the request is exempt or unlimited, or if the policy lets it
    /// pass without a grant: because the store gives no decision, or because the policy only
    /// observes.
    ///
    /// # Errors
    /// The errors of an [`Acquire`]. With the feature `axum` a handler can answer with the error:
    /// the client gets the answer that the layer itself would have given.
    /// [`Invalid::LeaseHeld`](crate::error::Invalid::LeaseHeld) if the request has a lease,
    /// [`Invalid::LeaseClosed`](crate::error::Invalid::LeaseClosed) if the lease is already closed.
    ///
    /// # Cost
    /// The cost of an [`Acquire`].
    pub async fn acquire(self) -> Result<LeaseHandle, Error> {
        let Self { ask, handle } = self;
        let (acquire, limiter, policy) = match ask {
            BoundAcquire::Limiter {
                acquire,
                limiter,
                policy,
            } => (acquire, limiter, policy),
            BoundAcquire::Nobody(status) => {
                handle.fill_uncharged(*status)?;
                return Ok(handle);
            }
            BoundAcquire::Nothing => return Ok(handle),
        };
        match acquire.await {
            Ok(lease) => handle.fill(lease)?,
            Err(error) => match policy.passes(&limiter, &error) {
                Some(status) => handle.fill_uncharged(status)?,
                None => return Err(error),
            },
        }
        Ok(handle)
    }
}
