//! A cache of the values that were used last.

use std::sync::{Arc, Mutex, PoisonError};

/// The maximum number of values.
const MOST: usize = 16;

/// A few values, newest last.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Vec<Arc<T>>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Recent<T> {
    /// Returns the value that is the `same` as the wanted one. If there is none, makes it. If there
    /// are too many, the oldest one is dropped.
    pub(super) fn shared(&self, same: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.iter().find(|value| same(value)) {
            return value.clone();
        }
        let value = Arc::new(make());
        if values.len() == MOST {
            values.remove(0);
        }
        values.push(value.clone());
        value
    }
}
