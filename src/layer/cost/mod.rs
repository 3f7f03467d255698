//! Cost estimates from the head of a request, for
//! [`PolicyBuilder::estimate`](super::PolicyBuilder::estimate).
//!
//! | estimate | amount |
//! |---|---|
//! | [`content_length`] | a token for each byte of the body, or for several bytes |
//! | [`header`] | the number in a request header |
//! | [`query_parameter`] | the number in a query parameter |
//! | [`from_fn`], or a closure | as you compute it |
//!
//! [`Learn`] estimates by earlier requests, with
//! [`PolicyBuilder::learn`](super::PolicyBuilder::learn).

mod content_length;
mod learn;
mod query_parameter;

use std::fmt;

use http::HeaderName;

use super::{
    RequestHead,
    terms::header_name,
    terms::{BadAmount, single_amount},
};
use crate::telemetry;

pub use content_length::{ContentLength, content_length};
pub use learn::Learn;
pub use query_parameter::{QueryAmount, query_parameter};

pub(super) use learn::{KeyHasher, Learned};

/// Estimates an amount in tokens from a request's head. Closures are estimates.
///
/// ```
/// use tollgate::{Limit, layer::{Policy, RequestHead, cost, keys}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("search"))
///     .limit(Limit::per_minute("results", 1000))
///     .limit(Limit::per_minute("tokens", 100_000))
///     .limit(Limit::per_minute("writes", 100))
///     .cost("results", 20)
///     .estimate("results", cost::query_parameter("limit"))
///     .cost("tokens", 500)
///     .estimate("tokens", cost::content_length().per_token(4))
///     // Reads do not use this limit.
///     .cost("writes", 0)
///     .estimate("writes", |head: &RequestHead<'_>| (!head.method.is_safe()).then_some(1))
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not estimate a cost",
    label = "expected an estimate, such as `cost::content_length().per_token(4)` or `cost::header(\"x-tokens\")`",
    note = "a fixed amount is given by `cost`",
    note = "a closure needs the type of its parameter: `|head: &RequestHead<'_>| ...`, or `cost::from_fn(|head| ...)`"
)]
pub trait Estimate: Send + Sync + 'static {
    /// Returns the estimate in tokens. `None` if the head gives none, so that the learned or the
    /// fixed cost is charged. 0 counts as 1: a client must not be able to switch a limit off.
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64>;
}

/// Returns a closure as an estimate. The closure's parameter needs no type annotation.
///
/// ```
/// use tollgate::layer::{Policy, cost};
///
/// let policy = Policy::builder().estimate("writes", cost::from_fn(|head| (!head.method.is_safe()).then_some(1)));
/// ```
pub fn from_fn<F>(estimate: F) -> F
where
    F: Fn(&RequestHead<'_>) -> Option<u64> + Send + Sync + 'static,
{
    estimate
}

impl<F> Estimate for F
where
    F: Fn(&RequestHead<'_>) -> Option<u64> + Send + Sync + 'static,
{
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        self(head)
    }
}

/// Estimates the amount in the request header `name`, in decimal digits. A value that is not an
/// amount is ignored with a warning. Clients can set the header: settle such a limit by its real
/// use.
///
/// # Panics
/// Panics if `name` is a string that is not a valid header name. A [`HeaderName`] never panics.
#[track_caller]
pub fn header<N>(name: N) -> HeaderAmount
where
    N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
{
    HeaderAmount(header_name(name))
}

/// The estimate that [`header`] returns.
#[derive(Clone, Debug)]
pub struct HeaderAmount(HeaderName);

impl Estimate for HeaderAmount {
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        amount_or_warn(self.0.as_str(), single_amount(head.headers, &self.0))
    }
}

/// Returns the amount. Warns if there is a value that is not an amount.
fn amount_or_warn(source: &str, found: Result<Option<u64>, BadAmount>) -> Option<u64> {
    found
        .inspect_err(|problem| {
            telemetry::estimate_ignored(source, problem.label(), problem.reason())
        })
        .ok()
        .flatten()
}
