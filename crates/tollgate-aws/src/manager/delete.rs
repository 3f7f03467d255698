//! Deletes a stack, and keeps its data.

use tollgate_ops::s3::S3Bucket;

use super::{
    deployed::DeployedStack,
    error::DeployError,
    stack_manager::{StackManager, new_token},
    wait::Operation,
};

/// The result of deleting a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deletion {
    /// The table, which is kept.
    pub table: String,
    /// The bucket with the archive, which is kept; `None` if the stack had none.
    pub archive: Option<String>,
    /// The bucket with the functions' code, if it could not be deleted, and the reason.
    pub kept_code: Option<(String, String)>,
}

impl StackManager {
    /// Deletes the stack with its functions, alarms and policies. The table and the archive are kept:
    /// [`delete_data`](Self::delete_data) deletes them.
    ///
    /// # Errors
    /// [`DeployError::NotFound`]; [`DeployError::NotOurs`] if another template made the stack, because
    /// its table and its archive would not be kept; [`DeployError::Failed`] if CloudFormation could not delete a part.
    /// Then call it again.
    pub async fn delete(&self) -> Result<Deletion, DeployError> {
        let stack = self.found().await?;
        if !stack.is_ours() && !stack.is_empty() {
            return Err(DeployError::NotOurs {
                stack: stack.name,
                problem: "its data would be deleted with it, so it is left as it is; adopt a stack of zae-limiter first, \
                          or delete it by what made it"
                    .to_owned(),
            });
        }
        if stack.is_protected {
            return Err(DeployError::Protected { stack: stack.name });
        }
        if stack.is_in_progress() {
            return Err(DeployError::NotReady {
                stack: stack.name,
                status: stack.status,
            });
        }
        self.delete_by(&stack.id).await?;
        // Not earlier: a stack whose deletion fails still needs its code.
        let code = self.delete_code_bucket(&stack).await;
        let kept_code = code.err().map(|error| {
            let bucket = stack.code_bucket().unwrap_or_default();
            (bucket.to_owned(), error.to_string())
        });
        Ok(Deletion {
            table: self.name().to_owned(),
            archive: stack.archive().map(str::to_owned),
            kept_code,
        })
    }

    /// Deletes the code bucket that a stack had: CloudFormation keeps it.
    pub(super) async fn delete_code_bucket(
        &self,
        stack: &DeployedStack,
    ) -> Result<(), DeployError> {
        // An adopted stack may have its code in the bucket of the archive, which is kept.
        let own = stack
            .code_bucket()
            .filter(|name| Some(*name) != stack.archive());
        let name = own.unwrap_or_default();
        if let Some(bucket) = S3Bucket::new(name, &self.config, None) {
            bucket.empty().await?;
            bucket.delete().await?;
        }
        Ok(())
    }

    /// Deletes the stack with this id, and waits until it is done.
    pub(super) async fn delete_by(&self, id: &str) -> Result<(), DeployError> {
        let newest = self.newest_event(id).await?;
        self.client
            .delete_stack()
            .stack_name(id)
            .client_request_token(new_token())
            .send()
            .await
            .map_err(DeployError::call("deleting the stack"))?;
        self.wait(Operation {
            action: "deleting",
            id,
            after: newest.as_deref(),
            wanted: &["DELETE_COMPLETE"],
        })
        .await
    }
}
