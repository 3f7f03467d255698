//! Acquiring by the handler.

use std::{fmt, sync::Arc};

use super::{
    LeaseHandle, Policy, RateLimitStatus,
    held::{Held, Holder},
    policy::LEAST,
};
use crate::{
    error::Error,
    limiter::{Acquire, RateLimiter},
    model::Cost,
};

/// A limiter that is bound to the request at hand, for handlers that decide late what they cost.
///
/// The layer puts one into the request's extensions where its policy says
/// [`acquire_in_handler`](super::PolicyBuilder::acquire_in_handler); with the feature `axum` it is an
/// extractor. It asks for what the policy's keys have found, by the policy's limits; costs that the handler
/// does not name are the policy's.
///
/// What it acquires is the request's lease, as if the layer had: settled by the policy's rules, reported
/// in the response's headers, committed when the response head is ready, or when the body and the last
/// [`LeaseHandle`] are gone. A handler that answers with an error, fails or panics is charged all the same, unless
/// the policy says otherwise.
///
/// ```
/// use axum::{Router, routing::post};
/// use tollgate::{Error, Limit, RateLimitLayer, RateLimiter, layer::{BoundLimiter, Policy, keys}};
///
/// async fn complete(limiter: BoundLimiter, prompt: String) -> Result<String, Error> {
///     // Short: the layer's own 429.
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
    ask: Ask,
    handle: LeaseHandle,
}

/// What it asks for.
#[derive(Clone)]
enum Ask {
    Limiter {
        acquire: Acquire,
        limiter: RateLimiter,
        policy: Policy,
    },
    /// Nothing: the policy only observes, and there is nobody to charge.
    Nobody(Box<RateLimitStatus>),
    /// Nothing: the request is unlimited.
    Nothing,
}

/// Says no more: behind it stands the whole limiter.
impl fmt::Debug for BoundLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundLimiter").finish_non_exhaustive()
    }
}

impl BoundLimiter {
    /// One for a request, and the place for its lease.
    pub(super) fn new(acquire: Acquire, limiter: RateLimiter, policy: Policy) -> (Self, Holder) {
        let held = Held::open(policy.clone());
        Self::asking(Ask::Limiter { acquire, limiter, policy }, held)
    }

    /// One for a request that passes uncharged.
    pub(super) fn uncharged(status: RateLimitStatus, policy: Policy) -> (Self, Holder) {
        Self::asking(Ask::Nobody(Box::new(status)), Held::open(policy))
    }

    fn asking(ask: Ask, held: Held) -> (Self, Holder) {
        let held = Arc::new(held);
        (Self { ask, handle: LeaseHandle::new(held.clone()) }, Holder::Shared(held))
    }

    /// One for a request that passes unlimited: its leases charge nothing.
    pub(super) fn unlimited() -> Self {
        Self { ask: Ask::Nothing, handle: LeaseHandle::of_nothing() }
    }

    fn edit(mut self, change: impl FnOnce(Acquire) -> Acquire) -> Self {
        if let Ask::Limiter { acquire, limiter, policy } = self.ask {
            self.ask = Ask::Limiter { acquire: change(acquire), limiter, policy };
        }
        self
    }

    /// Asks for `tokens` of the limit `name`, at least 1: what a handler makes of a body is the client's choice. To
    /// leave a limit alone, let the policy's [`cost`](super::PolicyBuilder::cost) be 0 and name none here.
    pub fn cost(self, name: impl AsRef<str>, tokens: u64) -> Self {
        self.edit(|acquire| acquire.cost(name, tokens.max(LEAST)))
    }

    /// Asks for all amounts of `cost`, at least 1 of each.
    pub fn costs(self, cost: &Cost) -> Self {
        let asked = cost.iter().map(|(name, tokens)| (name.clone(), tokens.max(LEAST)));
        self.edit(|acquire| acquire.costs(&asked.collect()))
    }

    /// Acquires, once for a request: ask its lease for more with [`LeaseHandle::consume`].
    ///
    /// Where the request is exempt or unlimited, and where the policy lets requests pass that the store gives no
    /// decision for, or only observes, the lease is one that charges nothing.
    ///
    /// # Errors
    /// As an [`Acquire`]. With the feature `axum` a handler can answer with the error: the client gets what
    /// the layer itself would have answered. [`Invalid::LeaseHeld`](crate::error::Invalid::LeaseHeld) where the
    /// request has a lease, [`Invalid::LeaseClosed`](crate::error::Invalid::LeaseClosed) where it is over.
    ///
    /// # Cost
    /// As an [`Acquire`].
    pub async fn acquire(self) -> Result<LeaseHandle, Error> {
        let Self { ask, handle } = self;
        let (acquire, limiter, policy) = match ask {
            Ask::Limiter { acquire, limiter, policy } => (acquire, limiter, policy),
            Ask::Nobody(status) => {
                handle.fill_uncharged(*status)?;
                return Ok(handle);
            }
            Ask::Nothing => return Ok(handle),
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
