//! A table and a client for it.

use std::fmt;

use aws_sdk_dynamodb::Client;

use crate::model::StackName;

/// A stack to be joined or provisioned: its table has the stack's name.
#[derive(Clone)]
pub struct Stack {
    client: Client,
    name: StackName,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Stack {
    /// The stack `name`, reached through `client`.
    pub fn new(client: Client, name: StackName) -> Self {
        Self { client, name }
    }

    /// The client, with its own retry configuration.
    pub fn client(&self) -> &Client {
        &self.client
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
