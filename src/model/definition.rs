//! The kind and the numbers of a limit.

use super::{Limit, Parameters, Renewal};

/// The kind and the numbers of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Its numbers.
    pub(crate) parameters: Parameters,
    /// The periods of a quota; `None` for a token bucket.
    pub(crate) renewal: Option<Renewal>,
}

impl From<&Limit> for Definition {
    fn from(limit: &Limit) -> Self {
        Self {
            parameters: Parameters::from(limit),
            renewal: limit.renewal().cloned(),
        }
    }
}
