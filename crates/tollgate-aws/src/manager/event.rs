//! Events of a stack.

use std::{fmt, time::SystemTime};

use aws_sdk_cloudformation::types;

/// An event of a stack: the beginning or the end of a change of one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackEvent {
    /// The time of the event.
    pub time: Option<SystemTime>,
    /// The name of the part in the template; the stack's name for the stack itself.
    pub logical_id: String,
    /// The type of the part: `AWS::DynamoDB::Table`.
    pub kind: String,
    /// The status of the part, as CloudFormation names it.
    pub status: String,
    /// The reason, if one is told.
    pub reason: Option<String>,
}

/// The type of a stack, in the events that concern it as a whole.
const STACK: &str = "AWS::CloudFormation::Stack";

impl StackEvent {
    pub(super) fn read(event: &types::StackEvent) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let time = event.timestamp().copied();
        Self {
            time: time.and_then(|time| SystemTime::try_from(time).ok()),
            logical_id: text(event.logical_resource_id()),
            kind: text(event.resource_type()),
            status: text(event.resource_status().map(types::ResourceStatus::as_str)),
            reason: event
                .resource_status_reason()
                .filter(|reason| !reason.is_empty())
                .map(str::to_owned),
        }
    }

    /// Returns true if a change of the part has failed for a reason of its own.
    pub fn is_failure(&self) -> bool {
        // A part whose change is cancelled because another one failed is no reason.
        let is_cancelled = |reason: &str| reason.ends_with("cancelled");
        self.status.ends_with("_FAILED") && !self.reason.as_deref().is_some_and(is_cancelled)
    }

    /// Returns true if the event ends the operation on the stack itself.
    pub(super) fn ends(&self, stack: &str) -> bool {
        self.kind == STACK && self.logical_id == stack && !self.status.ends_with("_IN_PROGRESS")
    }
}

impl fmt::Display for StackEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.status, self.logical_id, self.kind)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: &str, kind: &str, reason: &str) -> StackEvent {
        StackEvent::read(
            &types::StackEvent::builder()
                .logical_resource_id("limits")
                .resource_type(kind)
                .resource_status(status.into())
                .resource_status_reason(reason)
                .build(),
        )
    }

    #[test]
    fn failures_are_those_with_a_reason_of_their_own() {
        let kind = "AWS::IAM::Role";
        assert!(event("CREATE_FAILED", kind, "exists").is_failure());
        assert!(!event("CREATE_FAILED", kind, "Resource creation cancelled").is_failure());
        assert!(!event("CREATE_COMPLETE", kind, "").is_failure());
    }

    #[test]
    fn only_the_stack_itself_ends_its_operation() {
        assert!(event("UPDATE_COMPLETE", STACK, "").ends("limits"));
        assert!(!event("UPDATE_COMPLETE", STACK, "").ends("other"));
        assert!(!event("UPDATE_COMPLETE", "AWS::IAM::Role", "").ends("limits"));
        let cleaning = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS";
        assert!(!event(cleaning, STACK, "").ends("limits"));
    }
}
