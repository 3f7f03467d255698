//! Which policy holds for which requests: one layer for many routes, and policies that change while
//! the service runs.
//!
//! A [`Routes`] is a table of rows. The first [`Route`] that a request matches says what becomes of
//! it; what matches none falls under the rule that the table ends with, and there is no table
//! without one. A [`Policy`] is a table that says the same of all requests, so
//! [`RateLimitLayer::new`](super::RateLimitLayer::new) takes either.
//!
//! ```
//! use http::Method;
//! use tollgate::{
//!     Limit, RateLimitLayer, RateLimiter,
//!     layer::{Policy, keys, routes::{Route, Routes}},
//! };
//!
//! let per_key = |resource, limit| {
//!     Policy::builder()
//!         .entity(keys::hashed_header("x-api-key"))
//!         .resource(keys::fixed(resource))
//!         .limit(limit)
//!         .build()
//! };
//! let routes = Routes::builder()
//!     .unlimited(Route::path("/healthz"))
//!     .route(Route::path("/v1/chat").method(Method::POST), per_key("chat", Limit::per_minute("rpm", 20))?)
//!     .route(Route::prefix("/v1"), per_key("api", Limit::per_minute("rpm", 600))?)
//!     .otherwise(Policy::per_ip(Limit::per_second("rps", 5)))?;
//! let layer = RateLimitLayer::new(RateLimiter::memory(), routes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is compared
//!
//! | route | matches | compared with |
//! |---|---|---|
//! | [`Route::path`] | `/a/{name}/b`, `/files/{*rest}` | the request's whole path |
//! | [`Route::prefix`] | `/api`: `/api`, `/api/`, `/api/x`; not `/apix` | the request's whole path, by segments |
//! | [`Route::matched_path`] (feature `axum`) | the template, whatever its parameters are called | what axum's router has matched |
//! | [`Route::matching`] | what the closure says | the request's head |
//! | [`Route::any`] | everything | |
//!
//! - A route's [`method`](Route::method)s: `GET` stands for `HEAD` too, as in axum. A row of its own for
//!   `HEAD` has to come first.
//! - The path is the one that the client sent, also in a router that is nested under a prefix
//!   (feature `axum`; another middleware that shortens it leaves what it left). Host and query do
//!   not count. Letters are compared as they are: `/API` is another path than `/api`.
//! - A parameter matches an empty segment, as in axum, but not at the end of the path: `/a//b` is
//!   like `/a/{name}/b`.
//! - A slash at the end makes no difference to a limit, so that nobody avoids it by a slash. An
//!   [unlimited](RoutesBuilder::unlimited) path is exact. To [`Route::matched_path`] two routes that
//!   differ in a slash are two, as they are to axum.
//!
//! # Paths that read in two ways
//!
//! `/%61pi`, `//api` and `/x/../api` are `/api` for some servers, and something else for others; so
//! are `/x%2F..%2Fapi`, `/api;v=1` and `/api%00`. Whoever could choose the reading could choose the
//! rule. So such a path is read in all ways: as it was sent, with percent-encoding undone once, `\`
//! taken as `/`, path parameters (from `;` on) dropped, control characters dropped or the path cut at
//! `%00`, empty segments dropped, `.` and `..` resolved, and each combination of these. If all readings
//! fall under one rule, it holds. If not, or if there are more than eight, the request is answered with 400.
//! Characters that a path has to encode, such as a space, read in one way only: `Route::path("/a b")` is
//! `/a%20b`. Others do not: `/a%3Ab` may be `/a:b`.

mod builder;
mod handle;
mod invalid;
mod pattern;
mod reading;
mod route;
mod table;

use std::{fmt, sync::Arc};

use http::HeaderName;

use super::{MissingKey, Policy, RequestHead, unlimited::Unlimited};
use table::Table;

pub use builder::RoutesBuilder;
pub use handle::RoutesHandle;
pub use invalid::{InvalidRoutes, TemplateProblem};
pub use route::Route;

pub(super) use handle::{Loaded, Source};

/// Which policy holds for which requests. Clones are cheap.
#[derive(Clone)]
pub struct Routes(Kind);

#[derive(Clone)]
enum Kind {
    /// The same for all.
    One(Policy),
    Table(Arc<Table>),
}

impl Routes {
    /// Begins a table.
    pub fn builder() -> RoutesBuilder {
        RoutesBuilder::default()
    }

    /// The headers that responses may have because of any of its policies, each once:
    /// [`Policy::exposed_headers`].
    ///
    /// ```
    /// use tollgate::{Limit, layer::{IetfDraft, Policy, Routes, XRateLimit, keys, routes::Route}};
    ///
    /// let old = Policy::builder()
    ///     .entity(keys::header("x-api-key"))
    ///     .resource(keys::fixed("v1"))
    ///     .limit(Limit::per_minute("rpm", 60))
    ///     .dialect(XRateLimit::seconds())
    ///     .build()?;
    /// let new = Policy::per_ip(Limit::per_second("rps", 10));
    /// let exposed = Routes::builder().route(Route::prefix("/v1"), old).otherwise(new)?.exposed_headers();
    /// assert_eq!(exposed[2..], [
    ///     "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "ratelimit-policy",
    /// ]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exposed_headers(&self) -> Vec<HeaderName> {
        let mut exposed = Vec::new();
        let mut add = |policy: &Policy| {
            for name in policy.exposed_headers() {
                if !exposed.contains(&name) {
                    exposed.push(name);
                }
            }
        };
        match &self.0 {
            Kind::One(policy) => add(policy),
            Kind::Table(table) => table.policies().for_each(add),
        }
        exposed
    }

    /// The policy of all requests, where they have the same.
    #[inline]
    pub(super) fn only(&self) -> Option<&Policy> {
        match &self.0 {
            Kind::One(policy) => Some(policy),
            Kind::Table(_) => None,
        }
    }

    /// The policy of a request; `None` where it is unlimited.
    ///
    /// # Errors
    /// The request cannot be told one: its path reads in two ways, or the layer stands where axum has
    /// matched no route yet.
    #[inline]
    pub(super) fn policy(&self, head: &RequestHead<'_>) -> Result<Option<&Policy>, MissingKey> {
        match &self.0 {
            Kind::One(policy) => Ok(Some(policy)),
            Kind::Table(table) => table.policy(head),
        }
    }
}

impl Routes {
    /// What handlers of requests that pass unlimited find.
    pub(super) fn unlimited(&self) -> Unlimited {
        match &self.0 {
            Kind::One(policy) => Unlimited::by(policy),
            Kind::Table(table) => table.unlimited(),
        }
    }
}

impl From<Policy> for Routes {
    fn from(policy: Policy) -> Self {
        Self(Kind::One(policy))
    }
}

impl From<Table> for Routes {
    fn from(table: Table) -> Self {
        Self(Kind::Table(Arc::new(table)))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::One(policy) => policy.fmt(f),
            Kind::Table(table) => table.fmt(f),
        }
    }
}
