//! What a request will cost, as far as its head tells.

use http::HeaderName;

use super::RequestHead;

/// Estimates an amount in tokens from a request's head. Closures are estimates.
pub trait Estimate: Send + Sync + 'static {
    /// The estimate in tokens; `None` where the head does not tell, and the policy's fixed cost
    /// holds.
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64>;
}

impl<F> Estimate for F
where
    F: Fn(&RequestHead<'_>) -> Option<u64> + Send + Sync + 'static,
{
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        self(head)
    }
}

/// The amount that the request header `name` gives, in decimal digits. Clients can set it: settle
/// such a limit by what was really used.
///
/// # Panics
/// Where `name` is not a lower-case header name.
#[track_caller]
pub fn header_value(name: &'static str) -> impl Estimate {
    let name = HeaderName::from_static(name);
    move |head: &RequestHead<'_>| super::settle::single_amount(head.headers, &name).ok().flatten()
}
