//! What the layer decides beside the limits.

use super::{count, names};

/// How a request was answered without the store's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Degraded {
    Allow,
    Block,
}

/// A request without the store's decision.
pub(crate) fn degraded(how: Degraded) {
    let mode = match how {
        Degraded::Allow => "allow",
        Degraded::Block => "block",
    };
    count(names::DEGRADED_DECISIONS, &[("mode", mode)], 1);
}

/// Why a request passes unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exempt {
    /// A CORS preflight.
    Preflight,
    /// It has no key, and the policy lets it pass.
    NoKey,
}

/// A request passes unlimited.
pub(crate) fn exempt(why: Exempt) {
    let reason = match why {
        Exempt::Preflight => "preflight",
        Exempt::NoKey => "no_key",
    };
    count(names::EXEMPTIONS, &[("reason", reason)], 1);
}
