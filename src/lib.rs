//! Rate limits that hold across machines: a tower layer and axum extractors over token buckets in
//! one DynamoDB table.
//!
//! A request acquires a *lease* on the buckets of its *entity* (who is limited) and *resource*
//! (what is used) before the inner service runs. What it really cost is *settled* from the
//! response. A request whose bucket is short is answered with 429 and `Retry-After`.
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
//! The [guide] has a page on each topic, a cookbook, every setting with its default, and what to do when
//! something goes wrong.
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `dynamodb` | yes | [`store::dynamodb`] and [`RateLimiter::open`] |
//! | `axum` | yes | [`extract`], keys from axum's matched path, its parameters and `ConnectInfo` |
//! | `tower` | yes | `ServiceBuilderExt`: `rate_limit_by` for `tower::ServiceBuilder` |
//! | `blocking` | no | `blocking`: the limiter for code without async |
//! | `metrics` | no | counters, gauges and histograms for the `metrics` crate: see [`telemetry`] |
//! | `usage-body` | no | [`layer::Usage`]: settlement by what JSON and event streams say |
//!
//! # What holds, whatever happens
//!
//! - Over any time, all processes together are granted at most a bucket's capacity, what it refills
//!   in that time, and what was given back; to the thousandth of a token. Where in doubt tokens are
//!   lost, never minted. Time is what the writing processes' clocks say, each corrected by what the
//!   store's answers tell: how far they are apart (about a second at most), and how long a write is on
//!   its way, widens the time that counts; so do tokens that are [taken ahead](limiter::Prefetch), where
//!   that is asked for.
//! - A denied request leaves every limit as it found it.
//! - Dropping is safe anywhere; [`layer`] and [`Lease`] say what each drop means.
//! - No request waits for the store longer than its deadline, nor for capacity unless it is told to, and
//!   nothing on its path panics.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "axum", feature = "dynamodb", feature = "usage-body")),
    allow(rustdoc::broken_intra_doc_links)
)]

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
pub mod store;
pub mod telemetry;

pub use error::Error;
pub use layer::RateLimitLayer;
#[cfg(feature = "tower")]
pub use layer::ServiceBuilderExt;
pub use limiter::{Lease, RateLimiter};
pub use model::{Cost, Denied, EntityId, Limit, LimitName, Limits, Resource};
