//! A table and a client for it.

use std::{fmt, time::Duration};

use aws_sdk_dynamodb::Client;

use crate::model::StackName;

/// The default timeout of one call.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A stack to be joined or provisioned. Its table has the stack's name.
#[derive(Clone)]
pub struct Stack {
    client: Client,
    name: StackName,
    call_deadline: Duration,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Stack {
    /// Returns the stack `name`, reached through `client`.
    pub fn new(client: Client, name: StackName) -> Self {
        Self {
            client,
            name,
            call_deadline: CALL_DEADLINE,
        }
    }

    /// Returns the client, with its own retry configuration.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the same stack with another timeout for one call. Default: 10 s.
    #[must_use]
    pub fn with_call_deadline(mut self, deadline: Duration) -> Self {
        self.call_deadline = deadline;
        self
    }

    /// Returns the timeout for one call. The client does not enforce it: the caller has to.
    pub fn call_deadline(&self) -> Duration {
        self.call_deadline
    }

    /// Returns the stack's name.
    pub fn name(&self) -> &StackName {
        &self.name
    }

    /// Returns the table's name.
    pub fn table(&self) -> &str {
        self.name.as_str()
    }
}
