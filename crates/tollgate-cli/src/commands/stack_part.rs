//! The CloudFormation stack's part of `tollgate status`.

use serde::Serialize;
use tollgate_aws::manager::DeployedStack;

use crate::{connect::DEADLINE, context::Context, deployment::Target, failure::Failure};

/// The stack as CloudFormation knows it. A table may have none.
#[derive(Debug, Default, Serialize)]
pub(super) struct StackPart {
    pub(super) stack_status: Option<String>,
    pub(super) aggregator: Option<bool>,
    pub(super) provisioner: Option<bool>,
    pub(super) app_role_arn: Option<String>,
    pub(super) admin_role_arn: Option<String>,
    pub(super) readonly_role_arn: Option<String>,
    /// The reason why nothing is known of the stack.
    pub(super) stack_problem: Option<String>,
}

impl StackPart {
    /// Asks CloudFormation. If it does not answer, the part says so.
    pub(super) async fn read(context: &Context) -> Result<Self, Failure> {
        let target = Target::load(context).await?;
        let described = tokio::time::timeout(DEADLINE, target.manager.describe()).await;
        Ok(match described {
            Ok(Ok(Some(stack))) => Self::of(&stack),
            Ok(Ok(None)) => Self::unknown("none: the table has no CloudFormation stack"),
            Ok(Err(error)) if error.is_denied() => {
                Self::unknown("not known: allow cloudformation:DescribeStacks to see it")
            }
            Ok(Err(error)) => Self::unknown(&format!("not known: {error}")),
            Err(_) => Self::unknown("not known: CloudFormation did not answer in time"),
        })
    }

    fn of(stack: &DeployedStack) -> Self {
        let output = |name| stack.output(name).map(str::to_owned);
        let has = |name| Some(stack.output(name).is_some());
        Self {
            stack_status: Some(stack.status.clone()),
            aggregator: has("AggregatorFunctionName"),
            provisioner: has("ProvisionerFunctionName"),
            app_role_arn: output("AppRoleArn"),
            admin_role_arn: output("AdminRoleArn"),
            readonly_role_arn: output("ReadOnlyRoleArn"),
            stack_problem: None,
        }
    }

    fn unknown(problem: &str) -> Self {
        Self {
            stack_problem: Some(problem.to_owned()),
            ..Self::default()
        }
    }

    /// Returns the status of the stack, or the reason why it is not known.
    pub(super) fn status(&self) -> &str {
        let status = self.stack_status.as_ref().or(self.stack_problem.as_ref());
        status.map_or("-", String::as_str)
    }
}

/// Returns the cell of a function.
pub(super) fn enabled(function: Option<bool>) -> String {
    match function {
        Some(true) => "enabled".to_owned(),
        Some(false) => "disabled".to_owned(),
        None => "-".to_owned(),
    }
}
