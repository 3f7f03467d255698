//! The optional abilities of a store.

/// The optional abilities of a store. By default it has none: it reads, creates and updates single
/// buckets.
///
/// Records are not named here: the suite tries them if
/// [`Store::records`](tollgate::store::Store::records) has some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    pub(super) transactions: bool,
    pub(super) splits: bool,
}

impl Capabilities {
    /// Returns no abilities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the same abilities, and [transactions](tollgate::store::Store::transact).
    #[must_use]
    pub fn with_transactions(mut self) -> Self {
        self.transactions = true;
        self
    }

    /// Returns the same abilities, and [splits](tollgate::store::Store::split).
    #[must_use]
    pub fn with_splits(mut self) -> Self {
        self.splits = true;
        self
    }
}
