//! The tower layer: a lease before the inner service runs, settled by what the response says.
//!
//! A [`RateLimitLayer`] is built from a [`RateLimiter`](crate::RateLimiter) and a [`Policy`] and
//! goes where any tower layer goes: `Router::layer`, `Router::route_layer`, `ServiceBuilder`, a
//! bare hyper service. `ServiceBuilderExt` (feature `tower`) adds it to a
//! `tower::ServiceBuilder`: `.rate_limit_by(limiter, policy)`. Several layers with different policies share one limiter; or one layer has a
//! [table of routes](routes), which can be changed while it serves.
//!
//! ```
//! use tollgate::{Limit, RateLimiter, layer::{Policy, RateLimitLayer, Settle, keys}};
//!
//! let limiter = RateLimiter::memory();
//! let policy = Policy::builder()
//!     .entity(keys::header("x-api-key"))
//!     .resource(keys::fixed("gpt-4"))
//!     .limit(Limit::per_minute("rpm", 60))
//!     .limit(Limit::per_minute("tpm", 1000))
//!     .cost("tpm", 100)
//!     .settle("tpm", Settle::header("x-usage-tokens"))
//!     .build()?;
//! let layer = RateLimitLayer::new(limiter, policy);
//! # Ok::<(), tollgate::layer::InvalidPolicy>(())
//! ```
//!
//! A policy without limits goes by those that are [stored](crate::limiter::Config);
//! [`default_limit`](PolicyBuilder::default_limit) fills in where none are. The guide has a page on
//! [stored limits](crate::guide::stored_limits). With [`prefetch`](PolicyBuilder::prefetch)
//! busy keys are granted without a round trip.
//!
//! # What happens to the lease
//!
//! | event | the lease |
//! |---|---|
//! | the inner service is not ready | there is none yet |
//! | a limit is short | none; the inner service is not called |
//! | the client goes before the decision | none; what a write under way charges is given back, for 16 requests of a bucket in the time in which it fills; beyond, it stays |
//! | the inner future fails | kept, unless [`on_error`](PolicyBuilder::on_error) says otherwise; the error goes on |
//! | the inner future panics | kept, unless [`on_panic`](PolicyBuilder::on_panic) says otherwise; the panic goes on |
//! | the client goes before the response head | charged as estimated: else disconnecting would be free |
//! | the response head is ready, no rule looks at the body, and nobody holds a [`LeaseHandle`] | settled by the rules, committed; the write does not delay the response |
//! | the response head is ready, and a rule does or somebody does | settled by the rules; committed when the body and the last handle are gone |
//! | there is no body, or the connection is upgraded | as with the response head: only a handle keeps it |
//! | the body ends, fails or panics, or the client goes meanwhile | committed with what was counted so far; where nothing was, as estimated |
//! | a layer further in denied the request | rolled back |
//! | the handler acquires ([`BoundLimiter`]) | as above, from then on |
//! | the handler answers with an [`Error`](crate::Error) (feature `axum`) | as for any other response: the handler has run |
//! | the request is exempt or unlimited, passed without a decision, or a policy that only observes would have denied it | one that charges nothing: adjusting it is accepted and does nothing |
//! | the process ends | charged as far as written; refill heals it |
//!
//! The guide has pages on [settlement](crate::guide::settlement) and on [streaming](crate::guide::streaming).
//!
//! # Answers
//!
//! | case | answer |
//! |---|---|
//! | a limit is short | 429 with `Retry-After`, `RateLimit`, `RateLimit-Policy`, a problem document |
//! | the cost is above a capacity | 429 without `Retry-After`, with [a problem of its own](#cost-exceeds-capacity) |
//! | the resource is disabled for the entity | 403 with a problem document |
//! | the store does not answer | 503 with `Retry-After`, or the request passes, or this process decides by its share of the limits: [`OnUnavailable`] |
//! | the policy [waits](PolicyBuilder::wait) | 429 where it would take longer than that, or too many wait already |
//! | the policy [only observes](PolicyBuilder::shadow) | none of these: the request passes |
//! | the key is missing or empty | 400, for credentials 401, or what [`OnMissingKey`] says |
//! | the path reads in two ways that fall under different [routes] | 400 |
//! | the server is set up wrongly (no peer address, no matched path, no limits stored, a cost of a limit that is not stored) | 500, and an error event that says what is missing |
//!
//! gRPC requests get a status instead: `RESOURCE_EXHAUSTED` and its like, with details. The dialects
//! [`OpenAi`] and [`Anthropic`] answer with the errors that their clients read. No cache stores an
//! answer: each is `no-store`. Clients are told where their limits stand in the IETF draft's headers, or in other
//! [dialects](Dialect); [`Jitter`] spreads those that were denied; an [`Answer`] replaces any of it.
//! The guide has a page on [answers](crate::guide::answers).
//!
//! ## Cost exceeds capacity
//!
//! The problem type of a request that asks for more than a full bucket holds. Waiting does not
//! help: the request has to become smaller, or the limit's capacity larger.

mod admit;
mod answer;
mod body;
mod bound;
mod cost;
mod decide;
mod future;
mod handle;
mod handler_refusal;
mod head;
mod header_name;
mod headers;
mod held;
pub mod keys;
mod plain;
mod policy;
mod rate_limit_layer;
mod respond;
pub mod routes;
mod service;
#[cfg(feature = "tower")]
mod service_builder_ext;
mod settle;
mod shadow;
mod status;
mod unlimited;
#[cfg(feature = "usage-body")]
mod usage;

pub use answer::{Answer, Jitter, Misconfiguration, Refusal, RefusalReason, answer_fn};
pub use body::ResponseBody;
pub use bound::BoundLimiter;
pub use cost::{
    ContentLength, Estimate, HeaderAmount, Learn, content_length, estimate_fn, header_value, query_parameter,
};
pub use future::ResponseFuture;
pub use handle::LeaseHandle;
pub use head::RequestHead;
pub use headers::{Anthropic, Dialect, IetfDraft, OpenAi, QuotaUnit, ReportLimits, XRateLimit};
pub use keys::{Key, KeyExtractor, MissingKey};
pub use policy::{InvalidPolicy, OnMissingKey, OnUnavailable, Policy, PolicyBuilder};
pub use rate_limit_layer::RateLimitLayer;
pub use routes::{InvalidRoutes, Route, Routes, RoutesHandle};
pub use service::RateLimit;
#[cfg(feature = "tower")]
pub use service_builder_ext::ServiceBuilderExt;
pub use settle::{Outcome, ResponseHead, Settle, TopUp};
pub use status::{RateLimitStatus, ShadowVerdict};
#[cfg(feature = "usage-body")]
pub use usage::Usage;

#[cfg(feature = "axum")]
pub(crate) use handler_refusal::handler_refusal;
