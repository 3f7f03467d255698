//! Creates a stack.

use aws_sdk_cloudformation::types::{Capability, Tag};

use super::{
    deployed::{DeployedStack, UNFINISHED},
    error::DeployError,
    request::{parameters_of, tags_of},
    stack_manager::{StackManager, new_token},
    wait::Operation,
};
use crate::{options::StackDefinition, template::Template};

/// The parameters that the creation sets to other values than the options. A table that is protected
/// could not be taken back if the creation fails, and the stack's own bucket has no code yet.
const AT_FIRST: [(&str, &str); 2] = [
    ("EnableDeletionProtection", "false"),
    ("FunctionCodeKey", ""),
];

/// The value of the tag of unfinished stacks for one with an imported table.
pub(super) const IMPORTED: &str = "imported";

impl StackManager {
    /// Creates the stack, without code and without protection.
    pub(super) async fn create(
        &self,
        definition: &StackDefinition,
    ) -> Result<DeployedStack, DeployError> {
        self.clear().await?;
        if self.table_exists().await? {
            // Unless another process creates the stack at this moment, the table has none.
            return match self.describe().await? {
                Some(_) => self.created_by_another().await,
                None => self.create_around_table(definition).await,
            };
        }
        if self.imports_table {
            return Err(DeployError::NoTable {
                stack: self.name().to_owned(),
            });
        }
        let created = self
            .client
            .create_stack()
            .stack_name(self.name())
            .template_body(Template::new().to_compact_json()?)
            .capabilities(Capability::CapabilityNamedIam)
            .set_parameters(Some(parameters_of(definition, at_first(definition))))
            .set_tags(Some(tags_at_first(definition)))
            .client_request_token(new_token())
            // The table is empty if the creation fails: it is not kept then.
            .retain_except_on_create(true)
            .send()
            .await
            .map_err(DeployError::call("creating the stack"));
        let created = match created {
            Err(error) if error.says_exists() => return self.created_by_another().await,
            created => created?,
        };
        self.wait(Operation {
            action: "creating",
            id: created.stack_id().unwrap_or_default(),
            after: None,
            wanted: &["CREATE_COMPLETE"],
        })
        .await?;
        self.found().await
    }

    /// Waits until another process has created the stack.
    async fn created_by_another(&self) -> Result<DeployedStack, DeployError> {
        self.settled("creating").await?;
        let stack = self.found().await?;
        if stack.can_change() {
            return Ok(stack);
        }
        Err(DeployError::NotReady {
            stack: stack.name,
            status: stack.status,
        })
    }

    /// Deletes a stack in which nothing is: what a creation that failed has left, or a plan that a
    /// deployment has made. Others are left as they are.
    pub(super) async fn clear(&self) -> Result<(), DeployError> {
        let Some(stack) = self.describe().await?.filter(DeployedStack::is_empty) else {
            return Ok(());
        };
        let is_own = if stack.is_planned() {
            self.is_planned_by_deployments(&stack.id).await?
        } else {
            stack.is_ours()
        };
        if is_own {
            return self.delete_by(&stack.id).await;
        }
        Err(DeployError::NotOurs {
            stack: stack.name,
            problem: format!(
                "nothing is in it, its status is {}, and another program has made or planned it: delete it first",
                stack.status
            ),
        })
    }
}

/// Returns the tags of a new stack: one more until its table is protected.
fn tags_at_first(definition: &StackDefinition) -> Vec<Tag> {
    let mut tags = tags_of(definition);
    if definition.parameter("EnableDeletionProtection") == "true" {
        tags.push(unfinished("unprotected"));
    }
    tags
}

/// Returns the tag of a stack that the next update finishes, and why.
pub(super) fn unfinished(why: &str) -> Tag {
    Tag::builder().key(UNFINISHED).value(why).build()
}

/// Returns the parameters that the creation of a stack sets to other values. If the code is in another
/// bucket, the functions are created at once.
fn at_first(definition: &StackDefinition) -> &'static [(&'static str, &'static str)] {
    if definition.parameter("FunctionCodeBucket").is_empty() {
        &AT_FIRST
    } else {
        &AT_FIRST[..1]
    }
}
