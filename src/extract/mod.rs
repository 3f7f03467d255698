//! axum extractors (feature `axum`).
//!
//! | extractor | gives | where it is missing |
//! |---|---|---|
//! | [`LeaseHandle`](crate::layer::LeaseHandle) | the request's lease, to adjust | 500, and an error event: the layer is missing |
//! | `Option<LeaseHandle>` | the same | `None` |
//! | [`RateLimitStatus`](crate::layer::RateLimitStatus) | where the limits stand | 500, as above |
//! | `Option<RateLimitStatus>` | the same | `None` |
//! | [`BoundLimiter`](crate::layer::BoundLimiter) | the means to acquire when the handler knows what it costs | 500, as above |
//! | `Option<BoundLimiter>` | the same | `None` |
//!
//! An exempt or unlimited request has all of them, and so has one that passed without a decision of the store: its
//! `LeaseHandle` [is degraded](crate::layer::LeaseHandle::is_degraded). Where it passed uncharged, adjusting it does
//! nothing.
//!
//! Handlers may answer with [`Error`](crate::Error): what [`LeaseHandle::consume`](crate::layer::LeaseHandle::consume)
//! or a `BoundLimiter` was denied with `?` is the layer's own 429.
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

pub use missing_layer::MissingLayer;
