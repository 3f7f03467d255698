//! Rate limits that hold across machines: a tower layer and axum extractors over token buckets in
//! one DynamoDB table.
//!
//! Before the inner service runs, a request acquires a *lease* on the buckets of its *entity* (who
//! is limited) and *resource* (what is used). The response shows the real cost, and the lease is
//! *settled* by it. If a bucket is short, the request is answered with 429 and `Retry-After`.
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use tollgate::{Limit, RateLimitLayer, RateLimiter, layer::{Policy, Settle, keys}};
//!
//! # async fn complete() -> &'static str { "" }
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let limiter = RateLimiter::open().stack("rate-limits").await?;
//! let policy = Policy::builder()
//!     .entity(keys::hashed_header("x-api-key"))
//!     .resource(keys::fixed("gpt-4"))
//!     .limit(Limit::per_minute("rpm", 60))
//!     .limit(Limit::per_minute("tpm", 100_000))
//!     .cost("tpm", 1_000)
//!     .settle("tpm", Settle::header("x-usage-tokens"))
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/v1/chat/completions", post(complete))
//!     .route_layer(RateLimitLayer::new(limiter, policy));
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | limiting HTTP requests | [`layer`]: policies, keys, settlement, answers |
//! | handlers that know what they cost | [`extract`] |
//! | limiting anything else | [`limiter`]: [`RateLimiter::acquire`], [`Lease`] |
//! | buckets in DynamoDB, in memory, or elsewhere | [`store`] |
//! | the arithmetic | [`model`] |
//! | logs, spans and metrics | [`telemetry`] |
//!
//! The [guide] has a page on each topic, a cookbook, every setting with its default, and a page on
//! troubleshooting.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `dynamodb` | yes | [`store::dynamodb`] and [`RateLimiter::open`] |
//! | `axum` | yes | [`extract`], keys from axum's matched path, its parameters and `ConnectInfo` |
//! | `tower` | yes | `ServiceBuilderExt`: `rate_limit_by` for `tower::ServiceBuilder` |
//! | `quotas` | yes | [`model::Schedule`] and [`model::ResetSchedule`]: cron in the time zones of the IANA database |
//! | `blocking` | no | `blocking::Wait`: `.wait()` in place of `.await`, for code without async |
//! | `metrics` | no | counters, gauges and histograms for the `metrics` crate: see [`telemetry`] |
//! | `usage-body` | no | [`layer::Usage`]: settlement by the usage in JSON bodies and event streams |
//!
//! # Guarantees
//!
//! - Over any interval, all processes together are granted at most a bucket's capacity, its refill
//!   in that interval, and what was given back, to the thousandth of a token. In case of doubt
//!   tokens are lost, never created. The refill follows the clocks of the writing processes, each
//!   corrected by the store's answers. So the interval that counts is longer by the difference of
//!   these clocks (about a second at most) and by the time that a write is in flight. With
//!   [prefetch](limiter::Prefetch), it is also longer by the lifetime of prefetched tokens.
//! - A denied request leaves every limit as it was.
//! - Dropping is safe anywhere. The documentation of [`layer`] and [`Lease`] describes the effect
//!   of each drop.
//! - No request waits for the store beyond its deadline. A request waits for capacity only if its
//!   options say so. No code on the path of a request panics.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "axum", feature = "dynamodb", feature = "usage-body")),
    allow(rustdoc::broken_intra_doc_links)
)]
// Only the modules that `clippy.toml` names may use clocks, randomness and tasks directly.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

#[cfg(feature = "blocking")]
pub mod blocking;
pub mod clock;
pub mod error;
#[cfg(feature = "axum")]
pub mod extract;
#[cfg(all(doc, not(doctest)))]
pub mod guide;
pub mod layer;
pub mod limiter;
pub mod model;
mod pause;
pub mod store;
pub mod telemetry;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use error::Error;
pub use layer::RateLimitLayer;
#[cfg(feature = "tower")]
pub use layer::ServiceBuilderExt;
pub use limiter::{Lease, RateLimiter};
pub use model::{Cost, Denied, EntityId, Limit, LimitName, Limits, Resource};
