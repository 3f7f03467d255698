//! The parts that many buckets have in common, stored once.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::BucketState;

/// The kind of a bucket: the parts that many buckets have in common, that is a bucket without its
/// numbers.
pub(super) type SharedParts = Arc<BucketState>;

/// The largest number of kinds that are stored to be shared.
const KINDS: usize = 16;

/// The kinds of the gates that came to rest last.
#[derive(Debug, Default)]
pub(crate) struct Interner(Mutex<Vec<SharedParts>>);

impl Interner {
    pub(super) fn shared(&self, like: BucketState) -> SharedParts {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = kinds.iter().find(|kind| ***kind == like) {
            return kind.clone();
        }
        if kinds.len() == KINDS {
            kinds.remove(0);
        }
        let kind = Arc::new(like);
        kinds.push(kind.clone());
        kind
    }
}
