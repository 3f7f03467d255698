//! Limits that hold for a subject.

use tollgate::Limit;

/// Stored limits, and the level that they come from.
#[derive(Clone, Debug)]
pub(super) struct Holding {
    pub(super) level: String,
    /// The limits, and how people write them.
    pub(super) limits: Vec<(Limit, String)>,
}

impl Holding {
    /// Returns a limit by its name.
    pub(super) fn limit(&self, name: &str) -> Option<&(Limit, String)> {
        self.limits
            .iter()
            .find(|(limit, _)| limit.name().as_str() == name)
    }
}
