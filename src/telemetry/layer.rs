//! Counters of decisions that the layer makes without the limits.

use super::{count, names};

/// The answer to a request without a decision of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Degraded {
    Allow,
    Block,
}

/// Counts a request without a decision of the store.
pub(crate) fn degraded(how: Degraded) {
    let mode = match how {
        Degraded::Allow => "allow",
        Degraded::Block => "block",
    };
    count(names::DEGRADED_DECISIONS, &[("mode", mode)], 1);
}

/// The reason why a request passes without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exempt {
    /// A CORS preflight.
    Preflight,
    /// The request has no key, and the policy lets it pass.
    NoKey,
}

/// Counts a request that passes without a limit.
pub(crate) fn exempt(why: Exempt) {
    let reason = match why {
        Exempt::Preflight => "preflight",
        Exempt::NoKey => "no_key",
    };
    count(names::EXEMPTIONS, &[("reason", reason)], 1);
}
