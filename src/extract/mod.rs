//! axum extractors (feature `axum`).
//!
//! | extractor | value | if it is missing |
//! |---|---|---|
//! | [`LeaseHandle`] | the request's lease, to adjust it | 500 and an error event, because the layer is missing |
//! | `Option<LeaseHandle>` | the same | `None` |
//! | [`RateLimitStatus`] | the state of the limits | 500, as above |
//! | `Option<RateLimitStatus>` | the same | `None` |
//! | [`BoundLimiter`] | a limiter, to acquire when the handler knows the cost | 500, as above |
//! | `Option<BoundLimiter>` | the same | `None` |
//!
//! Exempt and unlimited requests have the same extensions as others. So has a request that passed
//! without a decision of the store: its `LeaseHandle` [is
//! degraded](crate::layer::LeaseHandle::is_degraded). If a request passed uncharged, adjusting its
//! lease does nothing.
//!
//! Handlers may answer with [`Error`](crate::Error): if
//! [`LeaseHandle::consume`](crate::layer::LeaseHandle::consume) or a `BoundLimiter` returns a
//! denial, `?` turns it into the layer's own 429.
//!
//! ```
//! use axum::{Router, routing::post};
//! use tollgate::{Limit, RateLimitLayer, RateLimiter, layer::{LeaseHandle, Policy, keys}};
//!
//! async fn complete(lease: LeaseHandle) -> Result<String, tollgate::Error> {
//!     let (answer, tokens) = ("…".to_owned(), 180);
//!     lease.settle("tpm", tokens)?;
//!     Ok(answer)
//! }
//!
//! let policy = Policy::builder()
//!     .entity(keys::hashed_header("x-api-key"))
//!     .resource(keys::fixed("gpt-4"))
//!     .limit(Limit::per_minute("tpm", 1000))
//!     .cost("tpm", 100)
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/v1/chat/completions", post(complete))
//!     .route_layer(RateLimitLayer::new(RateLimiter::memory(), policy));
//! # Ok::<(), tollgate::layer::InvalidPolicy>(())
//! ```

mod bound_limiter;
mod error;
mod lease_handle;
mod missing_layer;
mod rate_limit_status;

pub use crate::layer::{BoundLimiter, LeaseHandle, RateLimitStatus};
pub use missing_layer::MissingLayer;
