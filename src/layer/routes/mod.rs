//! Tables of routes: one layer for many routes, and policies that can change while the service
//! runs.
//!
//! A [`Routes`] is a table of rows. The first [`Route`] that a request matches determines its
//! policy, or lets it pass unlimited. If no row matches, the rule at the end of the table applies:
//! every table has one. A [`Policy`] is a table that treats all requests alike, so
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
//! # How routes match
//!
//! | route | matches | compared with |
//! |---|---|---|
//! | [`Route::path`] | `/a/{name}/b`, `/files/{*rest}` | the request's whole path |
//! | [`Route::prefix`] | `/api`: `/api`, `/api/`, `/api/x`; not `/apix` | the request's whole path, by segments |
//! | [`Route::matched_path`] (feature `axum`) | the template; the names of its parameters do not matter | the route that axum's router has matched |
//! | [`Route::matching`] | requests for which the closure returns `true` | the request's head |
//! | [`Route::any`] | every request | |
//!
//! - If a route has [`method`](Route::method)s, the request must have one of them. `GET` also
//!   matches `HEAD`, as in axum. A separate row for `HEAD` must come first.
//! - The path is the one that the client sent, also in a router that is nested under a prefix
//!   (feature `axum`). If another middleware shortens the path, the shortened path is compared.
//!   Host and query are ignored. The comparison is case-sensitive: `/API` is not `/api`.
//! - A parameter matches an empty segment, as in axum, but not at the end of the path: `/a//b`
//!   matches `/a/{name}/b`.
//! - A slash at the end of the path makes no difference for a limit, so that nobody avoids the
//!   limit with a slash. An [unlimited](RoutesBuilder::unlimited) path must match exactly. For
//!   [`Route::matched_path`], two routes that differ in a slash are two routes, as for axum.
//!
//! # Paths that read in two ways
//!
//! `/%61pi`, `//api` and `/x/../api` are `/api` for some servers, and something else for others. So
//! are `/x%2F..%2Fapi`, `/api;v=1` and `/api%00`. A client that could choose the reading could
//! choose the rule. So such a path is read in all ways: as it was sent, with percent-encoding
//! decoded once, with `\` taken as `/`, without path parameters (from `;` on), without control
//! characters or cut at `%00`, without empty segments, with `.` and `..` resolved, and in each
//! combination of these. If all readings lead to one rule, it applies. If not, or if there are more
//! than eight readings, the request is answered with 400. Characters that must be encoded in a
//! path, such as a space, have one reading only: `Route::path("/a b")` matches `/a%20b`. Other
//! encoded characters have two: `/a%3Ab` may be `/a:b`.

mod builder;
mod handle;
mod invalid;
mod pattern;
mod reading;
mod route;
mod table;

use std::{fmt, sync::Arc};

use http::HeaderName;

use super::{MissingKey, Policy, RequestHead, request::extensions::Unlimited};
use table::Table;

pub use builder::RoutesBuilder;
pub use handle::{RoutesHandle, RoutesSource};
pub use invalid::{InvalidRoutes, TemplateProblem};
pub use route::Route;

/// The policies of a layer, by route. Clones are cheap.
#[derive(Clone)]
pub struct Routes(RoutesKind);

#[derive(Clone)]
enum RoutesKind {
    /// One policy for all requests.
    One(Policy),
    Table(Arc<Table>),
}

impl Routes {
    /// Returns a builder for a table.
    pub fn builder() -> RoutesBuilder {
        RoutesBuilder::default()
    }

    /// Returns the headers that the policies may add to responses, each once: see
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
            RoutesKind::One(policy) => add(policy),
            RoutesKind::Table(table) => table.policies().for_each(add),
        }
        exposed
    }

    /// Returns the policy of a request. `None` if the request is unlimited.
    ///
    /// # Errors
    /// [`MissingKey`] if the policy is not certain: the path can be read in two ways, or the layer
    /// runs before axum has matched a route.
    #[inline]
    pub(super) fn policy(&self, head: &RequestHead<'_>) -> Result<Option<&Policy>, MissingKey> {
        match &self.0 {
            RoutesKind::One(policy) => Ok(Some(policy)),
            RoutesKind::Table(table) => table.policy(head),
        }
    }
}

impl Routes {
    /// Returns the extensions that handlers of unlimited requests get.
    pub(super) fn unlimited(&self) -> Unlimited {
        match &self.0 {
            RoutesKind::One(policy) => Unlimited::by(policy),
            RoutesKind::Table(table) => table.unlimited(),
        }
    }
}

impl From<Policy> for Routes {
    fn from(policy: Policy) -> Self {
        Self(RoutesKind::One(policy))
    }
}

impl From<Table> for Routes {
    fn from(table: Table) -> Self {
        Self(RoutesKind::Table(Arc::new(table)))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            RoutesKind::One(policy) => policy.fmt(f),
            RoutesKind::Table(table) => table.fmt(f),
        }
    }
}
