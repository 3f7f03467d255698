//! A stack as it is.

use std::{collections::BTreeMap, time::SystemTime};

use aws_sdk_cloudformation::types;

use crate::options::{StackOptions, UnknownParameterValue};

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployedStack {
    /// The stack's ARN, which also names it after it was deleted.
    pub id: String,
    /// The stack's name.
    pub name: String,
    /// The status, as CloudFormation names it.
    pub status: String,
    /// The reason of the status, if one is told.
    pub status_reason: Option<String>,
    /// True if CloudFormation refuses to delete the stack.
    pub is_protected: bool,
    /// The time at which the stack was created.
    pub created: Option<SystemTime>,
    /// The time of the last update; `None` if there was none.
    pub updated: Option<SystemTime>,
    /// The values of the parameters.
    pub parameters: BTreeMap<String, String>,
    /// The outputs.
    pub outputs: BTreeMap<String, String>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

/// The tag of a stack whose table gets its protection with the next update, or was imported and may
/// lack more. An update replaces all tags, so it is gone then; a creation that was interrupted is
/// finished by the next deployment.
pub(super) const UNFINISHED: &str = "zae-limiter:unfinished";

/// The tag of stacks that zae-limiter made, and its value. Stacks of tollgate have it too.
const MADE_BY: (&str, &str) = ("ManagedBy", "zae-limiter");

/// The parameter that only tollgate's template has.
const OWN_PARAMETER: &str = "FunctionCodeKey";

impl DeployedStack {
    pub(super) fn read(stack: &types::Stack) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let time = |time: Option<&aws_sdk_cloudformation::primitives::DateTime>| {
            time.and_then(|time| SystemTime::try_from(*time).ok())
        };
        Self {
            id: text(stack.stack_id()),
            name: text(stack.stack_name()),
            status: text(stack.stack_status().map(types::StackStatus::as_str)),
            status_reason: stack
                .stack_status_reason()
                .filter(|reason| !reason.is_empty())
                .map(str::to_owned),
            is_protected: stack.enable_termination_protection().unwrap_or(false),
            created: time(stack.creation_time()),
            updated: time(stack.last_updated_time()),
            parameters: pairs(
                stack
                    .parameters()
                    .iter()
                    .map(|parameter| (parameter.parameter_key(), parameter.parameter_value())),
            ),
            outputs: pairs(
                stack
                    .outputs()
                    .iter()
                    .map(|output| (output.output_key(), output.output_value())),
            ),
            tags: pairs(stack.tags().iter().map(|tag| (tag.key(), tag.value()))),
        }
    }

    /// Returns the options of the stack. The format of policy names and the days for which the history
    /// is kept are not known.
    ///
    /// # Errors
    /// [`UnknownParameterValue`] if a parameter has a value that no option makes.
    pub fn options(&self) -> Result<StackOptions, UnknownParameterValue> {
        StackOptions::from_stack(&self.parameters, &self.tags)
    }

    /// Returns an output.
    pub fn output(&self, name: &str) -> Option<&str> {
        self.outputs.get(name).map(String::as_str)
    }

    /// Returns the name of the stack's bucket for the code of functions; `None` if it has none.
    pub fn code_bucket(&self) -> Option<&str> {
        self.output("CodeBucketName")
    }

    /// Returns the key of the functions' code; `None` if there is no code yet.
    pub fn function_code(&self) -> Option<&str> {
        let key = self.parameters.get(OWN_PARAMETER)?;
        Some(key.as_str()).filter(|key| !key.is_empty())
    }

    /// Returns the name of the bucket with the archive; `None` if the stack has none.
    pub fn archive(&self) -> Option<&str> {
        self.output("AuditArchiveBucketName")
    }

    /// Returns true if the last operation is done, and the stack is as it was asked to be.
    pub fn is_healthy(&self) -> bool {
        matches!(
            self.status.as_str(),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE"
        )
    }

    /// Returns true if an operation is under way.
    pub fn is_in_progress(&self) -> bool {
        self.status.ends_with("IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    /// Returns true if the stack was made with the template of this crate.
    pub fn is_ours(&self) -> bool {
        self.parameters.contains_key(OWN_PARAMETER)
    }

    /// Returns true if zae-limiter made the stack, by its own template.
    pub(super) fn is_of_peer(&self) -> bool {
        let (tag, value) = MADE_BY;
        !self.is_ours() && self.tags.get(tag).is_some_and(|made_by| made_by == value)
    }

    /// Returns true if nothing is in the stack: its creation was planned only, or failed and was taken
    /// back.
    pub fn is_empty(&self) -> bool {
        matches!(
            self.status.as_str(),
            "REVIEW_IN_PROGRESS" | "ROLLBACK_COMPLETE"
        )
    }

    /// Returns true if the stack is a plan and nothing else.
    pub(super) fn is_planned(&self) -> bool {
        self.status == "REVIEW_IN_PROGRESS"
    }

    /// Returns true if the deployment that created the stack did not end, or failed after the creation.
    /// The next one finishes it.
    pub fn is_unfinished(&self) -> bool {
        self.tags.contains_key(UNFINISHED)
    }

    /// Returns true if the stack can be updated.
    pub(super) fn can_change(&self) -> bool {
        let is_taken_back = ["UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"];
        self.is_healthy() || is_taken_back.contains(&self.status.as_str())
    }
}

fn pairs<'a>(
    pairs: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> BTreeMap<String, String> {
    pairs
        .filter_map(|(key, value)| Some((key?.to_owned(), value?.to_owned())))
        .collect()
}
