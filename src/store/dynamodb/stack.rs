//! A table and a client for it.

use std::{fmt, time::Duration};

use aws_sdk_dynamodb::Client;

use crate::model::StackName;

/// The longest that one call may take unless something else is said.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A stack to be joined or provisioned: its table has the stack's name.
#[derive(Clone)]
pub struct Stack {
    client: Client,
    name: StackName,
    call_deadline: Duration,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stack {
    /// The stack `name`, reached through `client`.
    pub fn new(client: Client, name: StackName) -> Self {
        Self { client, name, call_deadline: CALL_DEADLINE }
    }

    /// The client, with its own retry configuration.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same with another longest time for one call. Default: 10 s.
    #[must_use]
    pub fn with_call_deadline(mut self, deadline: Duration) -> Self {
        self.call_deadline = deadline;
        self
    }

    /// Returns the longest time that one call may take. The client does not keep to it by itself.
    pub fn call_deadline(&self) -> Duration {
        self.call_deadline
    }

    /// The stack's name.
    pub fn name(&self) -> &StackName {
        &self.name
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        self.name.as_str()
    }
}
