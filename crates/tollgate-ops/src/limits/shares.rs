//! Shares of many works at once.

use aws_sdk_dynamodb::{
    error::BuildError, operation::transact_write_items::TransactWriteItemsError,
    types::TransactWriteItem,
};

use super::{
    apply::ApplyOptions,
    error::LimitsError,
    pending::{self, Owner, Pending},
    target::Target,
};
use crate::error::OpsError;

/// The number of actions that a transaction takes.
const ACTIONS: usize = 100;

impl Owner {
    /// Records that this apply owes the works. One round trip for every hundred, if no other apply
    /// owes one of them.
    pub(super) async fn record_all(
        &self,
        target: &Target,
        works: &[Pending],
    ) -> Result<(), LimitsError> {
        for part in works.chunks(ACTIONS) {
            let actions = part.iter().map(|work| {
                let recording = self.recording(target, work, !work.has_map).build()?;
                Ok(TransactWriteItem::builder().update(recording).build())
            });
            let actions = actions.collect();
            if !together(target, actions).await? {
                for work in part {
                    self.record(target, work).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes this apply's shares of works that are done. One round trip for every hundred, if no
    /// other apply has a share.
    pub(super) async fn release_all(
        &self,
        target: &Target,
        works: &[Pending],
    ) -> Result<(), LimitsError> {
        for part in works.chunks(ACTIONS) {
            let actions = part.iter().map(|work| {
                let deletion = self.deletion(target, work).build()?;
                Ok(TransactWriteItem::builder().delete(deletion).build())
            });
            let actions = actions.collect();
            if !together(target, actions).await? {
                for work in part {
                    self.release(target, work).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends this apply's leases on works that it could not do, as far as that is possible: the
    /// error that made it necessary says more than one of this.
    pub(super) async fn expire_all(&self, target: &Target, works: &[Pending]) {
        for work in works {
            if self.expire(target, work).await.is_err() {
                return;
            }
        }
    }
}

/// Ends the leases of the last apply with these options, which was dropped before it ended: the next
/// apply can write its buckets at once. Only for an apply that has certainly ended.
///
/// # Errors
/// Those of the calls. Then the leases end by themselves.
///
/// # Cost
/// A read of all buckets that are owed, and a round trip for every hundred of them.
pub async fn end_leases(target: &Target, options: &ApplyOptions) -> Result<(), LimitsError> {
    let Some(token) = options.last.get() else {
        return Ok(());
    };
    let owner = Owner {
        token,
        lease: 0,
        resumes: false,
    };
    let mut works = pending::read(target).await?;
    works.retain(|work| owner.holds(work));
    for part in works.chunks(ACTIONS) {
        let actions = part.iter().map(|work| {
            let ending = owner.end_of_lease(target, work).build()?;
            Ok(TransactWriteItem::builder().update(ending).build())
        });
        if !together(target, actions.collect()).await? {
            for work in part {
                pending::alone(target, owner.end_of_lease(target, work)).await?;
            }
        }
    }
    Ok(())
}

/// Writes in one transaction. Returns false if it is cancelled, and for a single work, for which a
/// write of its own costs half.
async fn together(
    target: &Target,
    actions: Result<Vec<TransactWriteItem>, BuildError>,
) -> Result<bool, LimitsError> {
    const CALL: &str = "TransactWriteItems";
    let actions = actions.map_err(|error| OpsError::aws(CALL, error))?;
    if actions.len() == 1 {
        return Ok(false);
    }
    let call = target.client.transact_write_items();
    match call.set_transact_items(Some(actions)).send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(_)) => Ok(false),
            _ => Err(OpsError::aws(CALL, error).into()),
        },
    }
}
