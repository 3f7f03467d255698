//! Compares the consumption counters with the logs.

/// The charges of one worker according to the store and according to its log: millitokens of one
/// limit of one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ledger {
    /// The millitokens that the store has charged.
    pub charged: i64,
    /// The millitokens that were granted and settled according to the log.
    pub logged: i64,
    /// The millitokens that may have been logged but not charged: differences whose write is
    /// unknown.
    pub less: i64,
    /// The millitokens that may have been charged but not logged: requests without an answer or a
    /// decision, and differences whose write is unknown.
    pub more: i64,
}

impl Ledger {
    /// Returns `true` if store and log agree, within `less` and `more`.
    pub fn agrees(&self) -> bool {
        let difference = self.charged - self.logged;
        (-self.less..=self.more).contains(&difference)
    }
}

/// The sums of a log, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) tokens: i64,
    pub(crate) less: i64,
    pub(crate) more: i64,
}

impl Logged {
    /// Returns the ledger with the millitokens that the store has charged.
    pub(crate) fn beside(self, charged: i64) -> Ledger {
        let milli = |tokens: i64| tokens.saturating_mul(1000);
        Ledger {
            charged,
            logged: milli(self.tokens),
            less: milli(self.less),
            more: milli(self.more),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_and_log_agree_up_to_what_nobody_knows() {
        let logged = Logged {
            tokens: 10,
            less: 1,
            more: 2,
        };
        for (charged, agrees) in [
            (8_999, false),
            (9_000, true),
            (12_000, true),
            (12_001, false),
        ] {
            assert_eq!(logged.beside(charged).agrees(), agrees, "{charged}");
        }
    }
}
