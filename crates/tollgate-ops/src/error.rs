//! Errors.

use std::{error::Error, io};

use crate::causes::causes;

/// The reason why an operation did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpsError {
    /// AWS failed or refused, after the SDK's own retries.
    #[error("{call} failed: {problem}")]
    Aws {
        /// The call.
        call: &'static str,
        /// The code and the message of the answer, or the causes of the failure, in one line.
        problem: String,
        /// The error of the SDK.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The table has no stream.
    #[error("table {table} has no stream with new and old images: nothing can be aggregated")]
    NoStream {
        /// The table.
        table: String,
    },
    /// A function has no log.
    #[error("there is no log group {group}")]
    NoLog {
        /// The log group.
        group: String,
    },
    /// The connection of a stream to a function does not become enabled or disabled.
    #[error("the event source mapping {id} is still {state}")]
    Unsettled {
        /// The id of the connection.
        id: String,
        /// Its state.
        state: String,
    },
    /// The connections of streams to a function could not be stopped together, and not be set back.
    #[error(
        "{error}; connections of streams to the function {function} may be disabled: enable them, or repeat the command"
    )]
    StreamStopped {
        /// The function.
        function: String,
        /// The error that came first.
        #[source]
        error: Box<OpsError>,
    },
    /// Another aggregator works on the table.
    #[error("another aggregator ({owner}) works on this table, until {until} at least")]
    Held {
        /// The id of the other aggregator.
        owner: String,
        /// The end of its lease.
        until: String,
    },
    /// Another aggregator took the table over.
    #[error(
        "another aggregator took over this table, because this one did not renew its lease in time"
    )]
    TakenOver,
    /// An item has a form that this version cannot read.
    #[error("the item {key} cannot be read: a newer version may have written it")]
    Unreadable {
        /// The item's key.
        key: String,
    },
    /// An item changed under every try to write it.
    #[error("the item {key} changed in every attempt to write it")]
    Contended {
        /// The item's key.
        key: String,
    },
    /// A file of the archive could not be written.
    #[error("the archive {path} cannot be written: {source}")]
    Archive {
        /// The path.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// An object could not be stored in S3, after some attempts.
    #[error("the object {object} cannot be stored: {problem}")]
    Upload {
        /// The object: `s3://bucket/key`.
        object: String,
        /// The reason, in one line.
        problem: String,
        /// The error of the SDK; `None` if S3 was not asked.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A bucket could not be listed, emptied or deleted, after some attempts.
    #[error("the bucket {bucket} cannot be {done}: {problem}")]
    Bucket {
        /// The bucket's name.
        bucket: String,
        /// The action: `listed`, `emptied` or `deleted`.
        done: &'static str,
        /// The reason.
        problem: String,
    },
}

impl OpsError {
    /// Returns the error of a call to AWS.
    pub(crate) fn aws(call: &'static str, error: impl Error + Send + Sync + 'static) -> Self {
        Self::Aws {
            call,
            problem: causes(&error),
            source: Box::new(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_aws_has_its_cause() {
        let cause = io::Error::from(io::ErrorKind::TimedOut);
        let error = OpsError::aws("GetItem", cause);
        assert_eq!(error.to_string(), "GetItem failed: timed out");
        let source = error.source().and_then(|source| source.downcast_ref());
        let kind = source.map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::TimedOut));
    }
}
