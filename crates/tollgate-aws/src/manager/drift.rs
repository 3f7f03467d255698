//! Drift: parts that somebody changed without CloudFormation.

use aws_sdk_cloudformation::types::{
    StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};

use super::{error::DeployError, stack_manager::StackManager};

const DETECTING: &str = "detecting drift";

/// A part of a stack that differs from the template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriftedResource {
    /// The name of the part in the template.
    pub logical_id: String,
    /// The type of the part: `AWS::DynamoDB::Table`.
    pub kind: String,
    /// True if the part does not exist any more.
    pub is_deleted: bool,
    /// The differences: path of the property, expected value, value that was found.
    pub differences: Vec<(String, String, String)>,
}

impl DriftedResource {
    fn read(drift: &StackResourceDrift) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let differences = drift.property_differences().iter().map(|difference| {
            (
                text(difference.property_path()),
                text(difference.expected_value()),
                text(difference.actual_value()),
            )
        });
        Self {
            logical_id: text(drift.logical_resource_id()),
            kind: text(drift.resource_type()),
            is_deleted: drift.stack_resource_drift_status()
                == Some(&StackResourceDriftStatus::Deleted),
            differences: differences.collect(),
        }
    }
}

impl StackManager {
    /// Returns the parts of the stack that somebody changed or deleted without CloudFormation. It may
    /// take a minute.
    ///
    /// # Errors
    /// [`DeployError::NotFound`], [`DeployError::Call`], [`DeployError::Deadline`].
    pub async fn drift(&self) -> Result<Vec<DriftedResource>, DeployError> {
        let stack = self.found().await?;
        let begun = self.client.detect_stack_drift().stack_name(&stack.id);
        let begun = begun.send().await.map_err(DeployError::call(DETECTING))?;
        let detection = begun.stack_drift_detection_id().unwrap_or_default();
        let (begun, mut pause) = Self::first_pause();
        loop {
            let status = self.client.describe_stack_drift_detection_status();
            let status = status.stack_drift_detection_id(detection).send().await;
            let status = DeployError::unless_passing(status.map_err(DeployError::call(DETECTING)))?;
            let Some(status) = status else {
                self.pause("detecting the drift of", begun, &mut pause)
                    .await?;
                continue;
            };
            match status.detection_status() {
                Some(StackDriftDetectionStatus::DetectionInProgress) => {
                    self.pause("detecting the drift of", begun, &mut pause)
                        .await?;
                }
                Some(StackDriftDetectionStatus::DetectionFailed) => {
                    let reason = status.detection_status_reason().unwrap_or_default();
                    return Err(DeployError::told(DETECTING, reason));
                }
                _ => return self.drifted(&stack.id).await,
            }
        }
    }

    async fn drifted(&self, id: &str) -> Result<Vec<DriftedResource>, DeployError> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let drifts = self.client.describe_stack_resource_drifts();
            let page = drifts
                .stack_name(id)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
                .set_next_token(next)
                .send()
                .await
                .map_err(DeployError::call(DETECTING))?;
            let drifts = page.stack_resource_drifts().iter();
            found.extend(drifts.map(DriftedResource::read));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}
