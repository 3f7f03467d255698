//! What a request will cost, as far as its head tells.

mod content_length;
mod learn;
mod query_parameter;

use std::fmt;

use http::HeaderName;

use super::{
    RequestHead,
    header_name::header_name,
    settle::{BadAmount, single_amount},
};
use crate::telemetry;

pub use content_length::{ContentLength, content_length};
pub use learn::Learn;
pub use query_parameter::query_parameter;

pub(super) use learn::{Learned, Seen};

/// Estimates an amount in tokens from a request's head. Closures are estimates.
///
/// ```
/// use tollgate::{Limit, layer::{Policy, RequestHead, content_length, keys, query_parameter}};
///
/// let policy = Policy::builder()
///     .entity(keys::header("x-api-key"))
///     .resource(keys::fixed("search"))
///     .limit(Limit::per_minute("results", 1000))
///     .limit(Limit::per_minute("tokens", 100_000))
///     .limit(Limit::per_minute("writes", 100))
///     .cost("results", 20)
///     .estimate("results", query_parameter("limit"))
///     .cost("tokens", 500)
///     .estimate("tokens", content_length().per_token(4))
///     // Reads do not touch it.
///     .cost("writes", 0)
///     .estimate("writes", |head: &RequestHead<'_>| (!head.method.is_safe()).then_some(1))
///     .build()?;
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not estimate a cost",
    label = "expected an estimate, such as `content_length().per_token(4)` or `header_value(\"x-tokens\")`",
    note = "a fixed amount is given by `cost`",
    note = "a closure needs the type of its parameter: `|head: &RequestHead<'_>| ...`, or `estimate_fn(|head| ...)`"
)]
pub trait Estimate: Send + Sync + 'static {
    /// Returns the estimate in tokens; `None` if the head does not tell, and the policy's fixed cost
    /// holds. 0 counts as 1: a client must not be able to switch a limit off.
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64>;
}

/// An estimate by a closure, whose parameter needs no type.
///
/// ```
/// use tollgate::layer::{Policy, estimate_fn};
///
/// let policy = Policy::builder().estimate("writes", estimate_fn(|head| (!head.method.is_safe()).then_some(1)));
/// ```
pub fn estimate_fn<F>(estimate: F) -> F
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

/// The amount that the request header `name` gives, in decimal digits. One that gives none is ignored
/// with a warning. Clients can set it: settle such a limit by what was really used.
///
/// # Panics
/// If `name` is a text that is no header name. A [`HeaderName`] never panics.
#[track_caller]
pub fn header_value<N>(name: N) -> HeaderAmount
where
    N: TryInto<HeaderName, Error: fmt::Display>,
{
    HeaderAmount(header_name(name))
}

/// See [`header_value`].
#[derive(Clone, Debug)]
pub struct HeaderAmount(HeaderName);

impl Estimate for HeaderAmount {
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        told(self.0.as_str(), single_amount(head.headers, &self.0))
    }
}

/// The amount, with a warning where there is something that gives none.
fn told(source: &str, found: Result<Option<u64>, BadAmount>) -> Option<u64> {
    found
        .inspect_err(|problem| telemetry::estimate_ignored(source, problem.label(), &problem.to_string()))
        .ok()
        .flatten()
}
