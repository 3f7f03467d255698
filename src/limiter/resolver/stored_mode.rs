//! The stored setting for an unavailable store, as it was last seen.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::model::StoredOnUnavailable;

/// The stored setting for an unavailable store. Reading it takes no lock, because every acquire
/// over a store reads it.
#[derive(Debug, Default)]
pub(super) struct StoredMode(AtomicU8);

const NONE: u8 = 0;
const ALLOW: u8 = 1;
const BLOCK: u8 = 2;

impl StoredMode {
    #[inline]
    pub(super) fn get(&self) -> Option<StoredOnUnavailable> {
        match self.0.load(Ordering::Relaxed) {
            ALLOW => Some(StoredOnUnavailable::Allow),
            BLOCK => Some(StoredOnUnavailable::Block),
            _ => None,
        }
    }

    pub(super) fn set(&self, mode: Option<StoredOnUnavailable>) {
        let word = match mode {
            None => NONE,
            Some(StoredOnUnavailable::Allow) => ALLOW,
            Some(StoredOnUnavailable::Block) => BLOCK,
        };
        self.0.store(word, Ordering::Relaxed);
    }
}
