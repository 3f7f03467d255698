//! Options of plans.

/// The options of a plan. The default has none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanOptions {
    /// `true` to delete configs that no manifest has declared.
    pub prune: bool,
    /// `true` to write everything that the manifest declares, and all buckets, also if nothing
    /// differs. If such an apply was interrupted after it had recorded all buckets, the next one
    /// writes only those that it did not come to.
    pub full: bool,
}

impl PlanOptions {
    /// Returns the same options, with `prune`.
    #[must_use]
    pub fn with_prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Returns the same options, with `full`.
    #[must_use]
    pub fn with_full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }
}
