//! Makes a table ready for its first namespace.

use super::{
    Provision,
    definition::check_definition,
    registry::{Registry, VersionCheck},
    stack::Stack,
};
use crate::{
    clock::{Clock, SystemClock},
    error::StackError,
    store::StoreErrorKind,
};

/// The result of [`Stack::set_up`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetUp {
    /// The table was missing, and is created.
    Created,
    /// The table had no version record, which is written: the table is now a stack.
    Completed,
    /// The table has a version record, and nothing was changed.
    Unchanged,
}

impl Stack {
    /// Creates the table if it is missing, and writes its version record if that is missing.
    /// Registers no namespace.
    ///
    /// An interrupted call can be repeated: it finishes a table without a version record. A table
    /// that has a version record stays as it is, whatever `provision` would create.
    /// [`RateLimiter::open`](crate::RateLimiter::open) does the same, and registers its namespace.
    ///
    /// ```no_run
    /// # async fn set_up(client: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use tollgate::{model::StackName, store::dynamodb::{CreateTable, SetUp, Stack}};
    ///
    /// let stack = Stack::new(client, StackName::new("rate-limits")?);
    /// let done = stack.set_up(&CreateTable::new().with_deletion_protection()).await?;
    /// println!("{}", if done == SetUp::Created { "created" } else { "it exists" });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`StackError::NotOurs`] if there is a table with other keys or indexes, the errors of
    /// incompatible versions, [`StackError::NotReady`] if a new table does not become usable, and
    /// [`StackError::Call`] if a call fails: then the table may have been created.
    pub async fn set_up(&self, provision: &impl Provision) -> Result<SetUp, StackError> {
        let registry = Registry::new(self, SystemClock.now());
        let found = match registry.check_version().await {
            // If the table has other keys, the definition shows the reason.
            Err(error) if is_rejected(&error) => {
                check_definition(self, false).await?;
                return Err(error);
            }
            found => found?,
        };
        if matches!(found, VersionCheck::Version { .. }) {
            return Ok(SetUp::Unchanged);
        }
        let is_missing = found == VersionCheck::Nothing;
        if is_missing {
            provision.provision(self).await?;
        }
        check_definition(self, true).await?;
        registry.put_version().await?;
        Ok(if is_missing {
            SetUp::Created
        } else {
            SetUp::Completed
        })
    }
}

fn is_rejected(error: &StackError) -> bool {
    matches!(error, StackError::Call { error, .. } if error.kind() == StoreErrorKind::Rejected)
}
