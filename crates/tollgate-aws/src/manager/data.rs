//! Deletes the data of a stack that was deleted.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{delete_table::DeleteTableError, describe_table::DescribeTableError},
    types::TableStatus,
};
use tollgate_ops::s3::S3Bucket;

use super::{error::DeployError, stack_manager::StackManager};
use crate::template::ARCHIVE;

const DELETING: &str = "deleting the table";

/// The data that was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedData {
    /// True if the table was deleted, false if there was none.
    pub table: bool,
    /// The number of objects of the archive that were deleted; `None` if no archive was named.
    pub archived_objects: Option<u64>,
}

impl StackManager {
    /// Deletes the table, also if it is protected, and the bucket with the archive. Nothing brings
    /// them back. The stack must have been [deleted](Self::delete) before.
    ///
    /// # Errors
    /// [`DeployError::AlreadyExists`] if the stack exists; [`DeployError::NoArchive`] if there is no
    /// such bucket, [`DeployError::OtherArchive`] if its tags say that it is not the archive of this
    /// stack: nothing is deleted then; [`DeployError::Table`] if the table is not
    /// one of a stack; the errors of calls. Call it again to finish it.
    pub async fn delete_data(&self, archive: Option<&str>) -> Result<DeletedData, DeployError> {
        if self.describe().await?.is_some() {
            return Err(DeployError::AlreadyExists {
                stack: self.name().to_owned(),
            });
        }
        let archive = match archive {
            Some(name) => Some(self.archive(name).await?),
            None => None,
        };
        let mut deleted = DeletedData::default();
        if let Some(archive) = archive {
            deleted.archived_objects = Some(archive.empty().await?);
            archive.delete().await?;
        }
        deleted.table = self.table_exists().await?;
        if deleted.table {
            self.delete_table().await?;
        }
        Ok(deleted)
    }

    /// Returns the bucket of this name, which must exist, and be the archive of this stack.
    async fn archive(&self, name: &str) -> Result<S3Bucket, DeployError> {
        let bucket = S3Bucket::new(name, &self.config, None);
        let name = || name.to_owned();
        let Some(bucket) = bucket else {
            return Err(DeployError::NoArchive { bucket: name() });
        };
        if !bucket.exists().await? {
            return Err(DeployError::NoArchive { bucket: name() });
        }
        let tags = bucket.tags().await?;
        let is_other = |(tag, wanted): (&str, &str)| tags.get(tag).is_some_and(|own| own != wanted);
        // CloudFormation gives them to what it makes.
        let made_by = [
            ("aws:cloudformation:stack-name", self.name()),
            ("aws:cloudformation:logical-id", ARCHIVE),
        ];
        if made_by.into_iter().any(is_other) {
            return Err(DeployError::OtherArchive {
                bucket: name(),
                stack: self.name().to_owned(),
            });
        }
        Ok(bucket)
    }

    async fn delete_table(&self) -> Result<(), DeployError> {
        let (client, name) = (self.table.client(), self.table.table());
        let inspected = self.table.inspect().await?;
        if let Some(problem) = inspected.key_problem {
            return Err(tollgate::error::StackError::NotOurs {
                table: name.to_owned(),
                problem,
            }
            .into());
        }
        if inspected.is_protected {
            let update = client.update_table().table_name(name);
            let update = update.deletion_protection_enabled(false).send().await;
            update.map_err(DeployError::call("taking the protection off the table"))?;
        }
        let (begun, mut pause) = Self::first_pause();
        loop {
            match client.delete_table().table_name(name).send().await {
                Ok(_) => break,
                // Somebody else was faster.
                Err(SdkError::ServiceError(error))
                    if matches!(error.err(), DeleteTableError::ResourceNotFoundException(_)) =>
                {
                    return Ok(());
                }
                // The table is still being updated.
                Err(SdkError::ServiceError(error))
                    if matches!(error.err(), DeleteTableError::ResourceInUseException(_)) =>
                {
                    self.pause("deleting", begun, &mut pause).await?;
                }
                Err(error) => return Err(DeployError::call(DELETING)(error)),
            }
        }
        while DeployError::unless_passing(self.is_there().await)? != Some(false) {
            self.pause("deleting", begun, &mut pause).await?;
        }
        Ok(())
    }

    /// Returns true until the table is gone.
    async fn is_there(&self) -> Result<bool, DeployError> {
        let described = self.table.client().describe_table();
        match described.table_name(self.table.table()).send().await {
            Ok(described) => {
                let status = described.table().and_then(|table| table.table_status());
                Ok(matches!(
                    status,
                    Some(TableStatus::Deleting | TableStatus::Active | TableStatus::Updating)
                ))
            }
            Err(SdkError::ServiceError(error))
                if matches!(
                    error.err(),
                    DescribeTableError::ResourceNotFoundException(_)
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(DeployError::call(DELETING)(error)),
        }
    }
}
