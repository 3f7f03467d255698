//! Errors of deployments.

use std::{error::Error, time::Duration};

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use tollgate::error::StackError;
use tollgate_ops::OpsError;

use super::event::StackEvent;
use crate::{
    options::{InvalidOption, UnknownParameterValue},
    print::PrintError,
};

/// The reason why a stack could not be deployed, changed, read or deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// An option is refused.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// The stack does not exist.
    #[error("there is no CloudFormation stack {stack}")]
    NotFound {
        /// The stack.
        stack: String,
    },
    /// The stack exists already.
    #[error("the CloudFormation stack {stack} exists already")]
    AlreadyExists {
        /// The stack.
        stack: String,
    },
    /// There is a table of this name that belongs to no stack.
    #[error(
        "there is a table {stack}, but no CloudFormation stack of this name: the table may be left from a stack that was \
         deleted, or was created without one; import it into the new stack, delete it, or choose another name"
    )]
    TableExists {
        /// The stack.
        stack: String,
    },
    /// There is no table that the stack could take in.
    #[error(
        "there is no table {stack} that could be imported: check the name, or deploy without importing one"
    )]
    NoTable {
        /// The stack, and the table.
        stack: String,
    },
    /// Somebody has deleted the table of the stack.
    #[error(
        "the table of stack {stack} is gone: restore it under its name, or delete the stack and deploy it again"
    )]
    TableGone {
        /// The stack, and the table.
        stack: String,
    },
    /// Another operation has changed the stack since this one was planned.
    #[error("another operation has changed stack {stack} meanwhile: run this one again")]
    Overtaken {
        /// The stack.
        stack: String,
    },
    /// There is a table of this name that the stack cannot take in.
    #[error("the table {stack} cannot be imported: {problem}")]
    OtherTable {
        /// The stack, and the table.
        stack: String,
        /// The difference.
        problem: String,
    },
    /// The stack was made with another template.
    #[error("the CloudFormation stack {stack} was not made with tollgate's template: {problem}")]
    NotOurs {
        /// The stack.
        stack: String,
        /// The difference.
        problem: String,
    },
    /// The stack has tollgate's template already, so it cannot be taken over.
    #[error("stack {stack} has tollgate's template already: `tollgate upgrade` changes it")]
    AlreadyAdopted {
        /// The stack.
        stack: String,
    },
    /// The stack has a parameter whose value no option makes.
    #[error(transparent)]
    Parameter(#[from] UnknownParameterValue),
    /// An option cannot be changed after its part was created: the table, or the connection of the
    /// stream.
    #[error("{option} is fixed when {part} is created: stack {stack} keeps it as it is")]
    Fixed {
        /// The stack.
        stack: String,
        /// The option.
        option: &'static str,
        /// The part: `the table`.
        part: &'static str,
    },
    /// The stack is protected against its deletion.
    #[error(
        "stack {stack} is protected against its deletion: switch its termination protection off first"
    )]
    Protected {
        /// The stack.
        stack: String,
    },
    /// There is no bucket of the name that was given for the archive.
    #[error("there is no bucket {bucket}, which was named as the archive")]
    NoArchive {
        /// The name.
        bucket: String,
    },
    /// The bucket that was given for the archive is another one.
    #[error(
        "the bucket {bucket} is not the archive of stack {stack}, as its tags of CloudFormation say: nothing was deleted"
    )]
    OtherArchive {
        /// The bucket.
        bucket: String,
        /// The stack.
        stack: String,
    },
    /// The update would remove or replace data. Nothing was changed.
    #[error("the update of stack {stack} would {}: nothing was changed", losses.join(", "))]
    WouldLoseData {
        /// The stack.
        stack: String,
        /// The losses: `replace RateLimitsTable`.
        losses: Vec<String>,
    },
    /// Another operation on the stack is under way, or has left it in a state that allows no update.
    #[error(
        "stack {stack} cannot be changed now: its status is {status}{}",
        hint(status, stack)
    )]
    NotReady {
        /// The stack.
        stack: String,
        /// The status, as CloudFormation names it.
        status: String,
    },
    /// CloudFormation could not do what was asked.
    #[error(
        "{action} stack {stack} failed: its status is {status}{}{}",
        told(events),
        next_step(status, stack)
    )]
    Failed {
        /// The action: `creating`, `updating` or `deleting`.
        action: &'static str,
        /// The stack.
        stack: String,
        /// The status in which the stack is left, as CloudFormation names it.
        status: String,
        /// The events that tell why: those of parts that failed.
        events: Vec<StackEvent>,
    },
    /// The operation goes on, and was not waited for any longer.
    #[error("{action} stack {stack} was not done after {} s: CloudFormation goes on with it", waited.as_secs())]
    Deadline {
        /// The action: `creating`, `updating` or `deleting`.
        action: &'static str,
        /// The stack.
        stack: String,
        /// The time that was waited.
        waited: Duration,
    },
    /// A call of AWS failed.
    #[error("{action} failed: {text}")]
    Call {
        /// The action that was tried.
        action: &'static str,
        /// The code of the answer, as AWS names it; `None` without an answer.
        code: Option<String>,
        /// The code and the message of the answer, or the causes of the failure.
        text: String,
        /// True if the same call may succeed later: no answer came, AWS limits calls, or has a fault.
        is_passing: bool,
        /// The SDK's error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The table, or a record in it, could not be read or written.
    #[error(transparent)]
    Table(#[from] StackError),
    /// The namespace `default` could not be registered.
    #[error(transparent)]
    Limiter(#[from] tollgate::Error),
    /// A bucket could not be read or written.
    #[error(transparent)]
    Bucket(#[from] OpsError),
    /// The template could not be printed.
    #[error(transparent)]
    Template(#[from] PrintError),
}

impl DeployError {
    /// Returns the error of a call.
    pub(super) fn call<E>(action: &'static str) -> impl FnOnce(SdkError<E>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        move |error| {
            let code = error.code().map(str::to_owned);
            let text = match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => match error.raw_response() {
                    Some(answer) => {
                        let status = answer.status().as_u16();
                        format!("the answer, with status {status}, is none of AWS")
                    }
                    None => causes(&error),
                },
            };
            Self::Call {
                action,
                code,
                text,
                is_passing: is_passing(&error),
                source: Box::new(error),
            }
        }
    }

    /// Returns the error of an operation whose failure CloudFormation tells with this reason.
    pub(super) fn told(action: &'static str, reason: &str) -> Self {
        Self::Call {
            action,
            code: None,
            text: reason.to_owned(),
            is_passing: false,
            source: reason.into(),
        }
    }

    /// Turns an error that may pass into `None`, for a loop that looks again.
    pub(super) fn unless_passing<T>(looked: Result<T, Self>) -> Result<Option<T>, Self> {
        match looked {
            Ok(seen) => Ok(Some(seen)),
            Err(Self::Call {
                is_passing: true, ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns true if the credentials do not allow a call.
    pub fn is_denied(&self) -> bool {
        let denied = [
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
        ];
        matches!(self, Self::Call { code: Some(code), .. } if denied.contains(&code.as_str()))
    }

    /// Returns true if CloudFormation says that nothing of this name exists.
    pub(super) fn says_missing(&self) -> bool {
        matches!(self, Self::Call { code: Some(code), text, .. }
            if code == "ValidationError" && text.contains("does not exist"))
    }

    /// Returns true if another operation on the stack is under way.
    pub(super) fn says_busy(&self) -> bool {
        match self {
            Self::NotReady { status, .. } => status.ends_with("IN_PROGRESS"),
            Self::Overtaken { .. } => true,
            Self::Call {
                code: Some(code),
                text,
                ..
            } => code == "ValidationError" && text.contains("IN_PROGRESS"),
            _ => false,
        }
    }

    /// Returns the error of a plan that cannot be made, because it is gone or already made.
    pub(super) fn of_plan(self, stack: &str) -> Self {
        match &self {
            Self::Call {
                code: Some(code), ..
            } if ["InvalidChangeSetStatus", "ChangeSetNotFound"].contains(&code.as_str()) => {
                Self::Overtaken {
                    stack: stack.to_owned(),
                }
            }
            _ => self,
        }
    }

    /// Returns true if CloudFormation says that the stack exists.
    pub(super) fn says_exists(&self) -> bool {
        matches!(self, Self::Call { code: Some(code), .. } if code == "AlreadyExistsException")
    }
}

/// Returns true if the same call may succeed later.
fn is_passing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    const LIMITED: [&str; 5] = [
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequestsException",
    ];
    match error {
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_io() || failure.is_timeout(),
        SdkError::ServiceError(answer) => {
            answer.raw().status().is_server_error()
                || error.code().is_some_and(|code| LIMITED.contains(&code))
        }
        _ => false,
    }
}

/// Returns the messages of an error and of its sources.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// Returns the next step for a stack in a status that allows no update.
fn hint(status: &str, stack: &str) -> String {
    let step = match status {
        "ROLLBACK_FAILED" | "DELETE_FAILED" | "CREATE_FAILED" => {
            "; delete the stack, which keeps its data"
        }
        "ROLLBACK_COMPLETE" => {
            "; nothing is in it, and the next deployment deletes it: deploy without a plan"
        }
        "UPDATE_ROLLBACK_FAILED" => {
            return format!(
                "; continue the rollback in the console of CloudFormation, or by \
                 `aws cloudformation continue-update-rollback --stack-name {stack}`"
            );
        }
        "IMPORT_ROLLBACK_FAILED" | "UPDATE_FAILED" => {
            "; see its events in the console of CloudFormation"
        }
        _ => "; try again when it is done",
    };
    step.to_owned()
}

/// Returns the next step after an operation that failed and left this status.
fn next_step(status: &str, stack: &str) -> String {
    let step = match status {
        "ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => {
            "; the creation was taken back: mend the reason, and run the same command again"
        }
        "UPDATE_ROLLBACK_COMPLETE" => {
            "; the update was taken back: mend the reason, and run the same command again"
        }
        "DELETE_FAILED" => "; mend the reason, and run the same command again",
        "ROLLBACK_FAILED"
        | "CREATE_FAILED"
        | "UPDATE_ROLLBACK_FAILED"
        | "IMPORT_ROLLBACK_FAILED"
        | "UPDATE_FAILED" => return hint(status, stack),
        _ => "",
    };
    step.to_owned()
}

/// Returns the reasons of events, for the end of a sentence.
fn told(events: &[StackEvent]) -> String {
    let told = events.iter().map(|event| {
        let reason = event.reason.as_deref().unwrap_or("no reason is told");
        format!("; {}: {reason}", event.logical_id)
    });
    told.collect()
}
