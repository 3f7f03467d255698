//! The error of a policy builder.

use http::HeaderName;

use crate::model::{InvalidLimits, InvalidName, LimitName, Resource};

/// The error for a policy that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// There is no extractor for the entity.
    #[error("a policy needs an entity key")]
    NoEntity,
    /// There is no extractor for the resource.
    #[error("a policy needs a resource key")]
    NoResource,
    /// The limits cannot be used together, or there are none.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// A fixed key or the name of a limit is not a valid name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A setting, such as a cost, an estimate or a settle rule, names a limit that the policy does
    /// not have.
    #[error("the policy has no limit {0}")]
    UnknownLimit(String),
    /// The policy charges the same resource twice.
    #[error("the policy charges the resource {0} twice")]
    ResourceRepeated(Resource),
    /// The policy charges more resources than an acquire can charge.
    #[error("a policy can charge at most {most} resources")]
    TooManyResources {
        /// The number of resources that a policy can charge.
        most: usize,
    },
    /// The share of the limits for store outages is nothing, or more than the whole.
    #[error("a share must be more than nothing, and no more than the whole")]
    Share,
    /// A fixed cost is larger than the capacity of its limit.
    #[error("the cost of {limit} is {cost}, its capacity only {capacity}")]
    CostExceedsCapacity {
        /// The limit.
        limit: LimitName,
        /// The cost in tokens.
        cost: u64,
        /// The number of tokens that a full bucket holds.
        capacity: u64,
    },
    /// Two dialects have a header in common.
    #[error("two dialects have the header {header}")]
    DialectsCollide {
        /// The header.
        header: HeaderName,
    },
    /// A dialect whose headers stand for certain limits was given no limit.
    #[error("a dialect tells of no limit")]
    EmptyDialect,
    /// A quota unit is empty, too long, or has characters that are not allowed.
    #[error("{0:?} is no quota unit: 1 to 64 ASCII letters, digits and -_.:/")]
    QuotaUnit(String),
    /// A settle rule looks for a number at a place that is not a JSON pointer. The text is empty if
    /// the rule has no pointer.
    #[error("{}", not_a_pointer(.0))]
    Pointer(String),
    /// A threshold of a warning is not 1 to 100 percent.
    #[error("a threshold has 1 to 100 percent, not {0}")]
    Threshold(u8),
    /// The secret for partition keys is too short, so that it could be guessed.
    #[error("a secret for partition keys needs {shortest} bytes, not {length}")]
    ShortSecret {
        /// The number of bytes that were given.
        length: usize,
        /// The number of bytes that are needed.
        shortest: usize,
    },
}

fn not_a_pointer(text: &str) -> String {
    if text.is_empty() {
        return "a settle rule finds nothing: it has no JSON pointer, or an empty one".to_owned();
    }
    format!("{text:?} is not a JSON pointer of 1 to 16 parts of at most 64 bytes")
}
