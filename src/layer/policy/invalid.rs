//! What is wrong with a policy.

use http::HeaderName;

use crate::model::{InvalidLimits, InvalidName, LimitName};

/// A policy that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Nobody says who is limited.
    #[error("a policy needs an entity key")]
    NoEntity,
    /// Nobody says what is used.
    #[error("a policy needs a resource key")]
    NoResource,
    /// The limits cannot stand together, or there is none.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// A fixed key or a limit's name is not a name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A cost, an estimate or a settle rule names a limit that the policy does not have.
    #[error("the policy has no limit {0}")]
    UnknownLimit(String),
    /// The share of the limits that holds while the store is down is nothing, or more than all.
    #[error("a share must be more than nothing, and no more than the whole")]
    Share,
    /// A fixed cost that no full bucket holds.
    #[error("the cost of {limit} is {cost}, its capacity only {capacity}")]
    CostExceedsCapacity {
        /// The limit.
        limit: LimitName,
        /// Tokens asked for.
        cost: u64,
        /// Tokens that a full bucket holds.
        capacity: u64,
    },
    /// Two dialects have a header in common.
    #[error("two dialects have the header {header}")]
    DialectsCollide {
        /// The header.
        header: HeaderName,
    },
    /// A dialect whose headers stand for certain limits was told none.
    #[error("a dialect tells of no limit")]
    EmptyDialect,
    /// A unit that no field can hold as it is.
    #[error("{0:?} is no quota unit: 1 to 64 ASCII letters, digits and -_.:/")]
    QuotaUnit(String),
    /// A settle rule looks for a number at a place that is not a JSON pointer.
    #[error("{0:?} is not a JSON pointer of 1 to 16 parts of at most 64 bytes")]
    Pointer(String),
    /// A secret that can be guessed.
    #[error("a secret for partition keys needs {shortest} bytes, not {length}")]
    ShortSecret {
        /// Bytes given.
        length: usize,
        /// Bytes needed.
        shortest: usize,
    },
}
