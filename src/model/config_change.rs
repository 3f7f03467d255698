//! A change of a stored config.

use super::{ConfigScope, StoredConfig};

/// A change of the config of one scope, under the condition that it is still as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigChange {
    /// The scope.
    pub scope: ConfigScope,
    /// The config that was read; `None` if there was none. `audit_retention_days` is not compared.
    pub before: Option<StoredConfig>,
    /// The config to store. A flag that is `None` is removed. `None` to delete the config.
    pub after: Option<StoredConfig>,
    /// `true` to write all buckets of the scope, and not only those that carry a difference.
    pub everywhere: bool,
}

impl ConfigChange {
    /// The number of changes that one call takes: a transaction of DynamoDB has a hundred actions,
    /// of which each change takes two, and the lists of scopes some.
    pub const MOST: usize = 40;

    /// Returns a change. Buckets are written if they carry a difference.
    pub fn new(
        scope: ConfigScope,
        before: Option<StoredConfig>,
        after: Option<StoredConfig>,
    ) -> Self {
        Self {
            scope,
            before,
            after,
            everywhere: false,
        }
    }

    /// Returns `true` if `stored` is what the change was planned for.
    pub(crate) fn is_of(&self, stored: Option<&StoredConfig>) -> bool {
        // A config that has only the days counts as none.
        let plain =
            |config: &StoredConfig| (!config.has_only_days()).then(|| config.without_days());
        stored.and_then(plain) == self.before.as_ref().and_then(plain)
    }

    /// Returns `true` if there is nothing to delete.
    pub(crate) fn is_nothing(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}
