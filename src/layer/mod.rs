//! The tower layer. The layer acquires a lease before the inner service runs, and settles it by the
//! response.
//!
//! A [`RateLimitLayer`] is built from a [`RateLimiter`](crate::RateLimiter) and a [`Policy`]. The
//! layer is used like any other tower layer: with `Router::layer`, `Router::route_layer`,
//! `ServiceBuilder`, or around a bare hyper service. `ServiceBuilderExt` (feature `tower`) adds it
//! to a `tower::ServiceBuilder`: `.rate_limit_by(limiter, policy)`. Several layers with different
//! policies can share one limiter. One layer can also have a [table of routes](routes), which can
//! be replaced while it serves.
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
//! A policy without limits uses the [stored](crate::limiter::Config) limits. If none are stored,
//! its [`default_limit`](PolicyBuilder::default_limit) applies. The guide has a page on [stored
//! limits](crate::guide::stored_limits). With [`prefetch`](PolicyBuilder::prefetch), requests of
//! busy keys are granted without a round trip.
//!
//! # What happens to the lease
//!
//! | event | the lease |
//! |---|---|
//! | the inner service is not ready | not acquired yet |
//! | a limit has too few tokens | none; the inner service is not called |
//! | the client disconnects before the decision | none; a charge by a write in flight is normally [given back](crate::limiter::Acquire#dropping) |
//! | the inner future fails | kept, unless [`on_error`](PolicyBuilder::on_error) says otherwise; the error is returned |
//! | the inner future panics | kept, unless [`on_panic`](PolicyBuilder::on_panic) says otherwise; the panic continues |
//! | the client disconnects before the response head | charged as estimated; otherwise disconnecting would be free |
//! | the response head is ready, no rule looks at the body, and no [`LeaseHandle`] is left | settled by the rules and committed; the write does not delay the response |
//! | the response head is ready, and a rule looks at the body or a handle is left | settled by the rules; committed when the body and the last handle are gone |
//! | there is no body, or the connection is upgraded | settled and committed with the response head; only a handle keeps it open longer |
//! | the body ends, fails or panics, or the client disconnects while it streams | committed with the amounts that were counted so far; if nothing was counted, as estimated |
//! | an inner layer denied the request | rolled back |
//! | the handler acquires ([`BoundLimiter`]) | as above, from the acquire on |
//! | the handler answers with an [`Error`](crate::Error) (feature `axum`) | as for any other response: the handler has run |
//! | the policy charges [further resources](PolicyBuilder::also) | one lease for all of them; each is settled by its own rules |
//! | the request is exempt or unlimited, passed without a decision, or would have been denied by a policy that only observes | a lease that charges nothing: adjusting it is accepted and has no effect |
//! | the process ends | written charges stay, until the refill replaces them |
//!
//! The guide has pages on [settlement](crate::guide::settlement) and on
//! [streaming](crate::guide::streaming).
//!
//! # Answers
//!
//! | case | answer |
//! |---|---|
//! | a limit has too few tokens | 429 with `Retry-After`, `RateLimit`, `RateLimit-Policy`, a problem document |
//! | a limit of a [further resource](PolicyBuilder::also) has too few tokens | the same; the limit is called `resource.limit` |
//! | a limit is used up to a [threshold](PolicyBuilder::warn_at) | the usual one; there is an event, and a call of [`on_warning`](PolicyBuilder::on_warning) |
//! | the cost is above a capacity | 429 without `Retry-After`, with [a problem type of its own](#cost-exceeds-capacity) |
//! | the resource is disabled for the entity | 403 with a problem document |
//! | the store does not answer | 503 with `Retry-After`, or the request passes, or this process decides by its share of the limits: see [`OnUnavailable`] |
//! | the policy [waits](PolicyBuilder::wait) | 429 if the wait would be longer than the policy allows, or if too many requests already wait |
//! | the policy [only observes](PolicyBuilder::shadow) | none of these: the request passes |
//! | the key is missing or empty | 400, for credentials 401, or the answer that [`OnMissingKey`] chooses |
//! | the path can be read in two ways that match different [routes] | 400 |
//! | the server is misconfigured (no peer address, no matched path, no limits stored, a cost of a limit that is not stored) | 500, and an error event that says what is missing |
//!
//! gRPC requests get a gRPC status instead, such as `RESOURCE_EXHAUSTED`, with details. The
//! dialects [`OpenAi`] and [`Anthropic`] answer with the errors that their clients understand.
//! Every answer is `no-store`, so no cache stores it. Responses report the limits in the headers of
//! the IETF draft, or in other [dialects](Dialect). [`Jitter`] spreads the retries of denied
//! clients. An [`Answer`] can replace all of these answers. The guide has a page on
//! [answers](crate::guide::answers).
//!
//! ## Cost exceeds capacity
//!
//! The problem type of a request that costs more than a full bucket holds. Waiting does not help:
//! the request has to cost less, or the limit needs a larger capacity.

pub mod cost;
mod headers;
pub mod keys;
mod lease;
mod policy;
mod refusal;
mod request;
mod response;
pub mod routes;
mod settle;
mod terms;
mod tower;
#[cfg(feature = "usage-body")]
mod usage;

#[cfg(feature = "tower")]
pub use self::tower::ServiceBuilderExt;
pub use self::tower::{RateLimit, RateLimitLayer, ResponseBody, ResponseFuture};
pub use cost::{Estimate, Learn};
pub use headers::{Anthropic, Dialect, IetfDraft, OpenAi, QuotaUnit, ReportLimits, XRateLimit};
pub use keys::{Key, KeyExtractor, MissingKey};
pub use lease::{LeaseHandle, RateLimitStatus, ShadowVerdict};
pub use policy::{
    LimitWarning, OnMissingKey, OnUnavailable, Policy, PolicyBuilder, ResourceCharge,
};
pub use refusal::{Answer, Jitter, Misconfiguration, Refusal, RefusalReason, answer_fn};
pub use request::BoundLimiter;
pub use routes::{InvalidRoutes, Route, Routes, RoutesHandle, RoutesSource};
pub use settle::{Outcome, ResponseHead, Settle, TopUp};
pub use terms::{InvalidPolicy, RequestHead};
#[cfg(feature = "usage-body")]
pub use usage::Usage;

#[cfg(feature = "axum")]
pub(crate) use response::handler_error::handler_refusal;
