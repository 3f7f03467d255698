//! Counts the requests that a proxy has seen, by operation.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// Counts per operation, with a wait until a count is reached.
pub(super) struct Counts {
    by_operation: watch::Sender<BTreeMap<String, u64>>,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            by_operation: watch::Sender::new(BTreeMap::new()),
        }
    }

    pub(super) fn add(&self, operation: &str) {
        self.by_operation.send_modify(|counts| {
            *counts.entry(operation.to_owned()).or_default() += 1;
        });
    }

    pub(super) fn of(&self, operation: &str) -> u64 {
        count(&self.by_operation.borrow(), operation)
    }

    pub(super) fn all(&self) -> BTreeMap<String, u64> {
        self.by_operation.borrow().clone()
    }

    pub(super) async fn until(&self, operation: &str, at_least: u64) {
        // Cannot fail: the sender is `self`.
        let _ = self
            .by_operation
            .subscribe()
            .wait_for(|counts| count(counts, operation) >= at_least)
            .await;
    }
}

fn count(counts: &BTreeMap<String, u64>, operation: &str) -> u64 {
    counts.get(operation).copied().unwrap_or(0)
}
