//! The CloudFormation stack's part of `tollgate status`.

use aws_config::SdkConfig;
use serde::Serialize;
use tollgate_aws::manager::DeployedStack;

use super::function_stream::{Found, FunctionStream};
use crate::{
    connect::DEADLINE, context::Context, deployment::Target, failure::Failure, place, sdk_config,
};

/// The output with the name of the aggregator.
const AGGREGATOR: &str = "AggregatorFunctionName";

/// The stack as CloudFormation knows it. A table may have none.
#[derive(Debug, Default, Serialize)]
pub(super) struct StackPart {
    pub(super) stack_status: Option<String>,
    /// True if its creation was interrupted or failed in the middle.
    pub(super) stack_unfinished: Option<bool>,
    pub(super) aggregator: Option<bool>,
    /// The state of the connection of the stream to the aggregator, in Lambda's words.
    pub(super) aggregator_stream: Option<String>,
    /// The result of the last batch, in Lambda's words.
    pub(super) aggregator_last_result: Option<String>,
    /// The reason why nothing is known of the connection.
    pub(super) aggregator_problem: Option<String>,
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
        let config = sdk_config::load(&context.options, DEADLINE).await?;
        // Another place may have a stack of the same name.
        if let Err(problem) = place::same_endpoint(&config, "CloudFormation") {
            return Ok(Self::unknown(&format!("not known: {problem}")));
        }
        let target = Target::load(context).await?;
        let described = tokio::time::timeout(DEADLINE, target.manager.describe()).await;
        Ok(match described {
            Ok(Ok(Some(stack))) => Self::of(&stack).with_stream(&stack, &config).await,
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
            stack_unfinished: Some(stack.is_unfinished()),
            aggregator: has(AGGREGATOR),
            aggregator_stream: None,
            aggregator_last_result: None,
            aggregator_problem: None,
            provisioner: has("ProvisionerFunctionName"),
            app_role_arn: output("AppRoleArn"),
            admin_role_arn: output("AdminRoleArn"),
            readonly_role_arn: output("ReadOnlyRoleArn"),
            stack_problem: None,
        }
    }

    /// Adds the connection of the stream to the aggregator.
    async fn with_stream(mut self, stack: &DeployedStack, config: &SdkConfig) -> Self {
        let Some(function) = stack.output(AGGREGATOR) else {
            return self;
        };
        let stream = FunctionStream::read(config, &stack.name, function).await;
        let source = stream.source();
        self.aggregator_problem = match (&stream.found, source) {
            (Found::Denied, _) => Some("allow lambda:ListEventSourceMappings".to_owned()),
            (Found::Unknown(problem), _) => Some(problem.clone()),
            (Found::Sources(_), None) => Some("the stream is not connected to it".to_owned()),
            (Found::Sources(_), Some(_)) => None,
        };
        self.aggregator_stream = source.map(|source| source.state.to_string());
        self.aggregator_last_result =
            source.and_then(|source| source.last_processing_result.clone());
        self
    }

    /// Returns the cell of the aggregator: if it exists, and if it gets records.
    pub(super) fn aggregator(&self) -> String {
        let exists = enabled(self.aggregator);
        if let Some(problem) = &self.aggregator_problem {
            return format!("{exists}; its stream: not known ({problem})");
        }
        match (
            self.aggregator_stream.as_deref(),
            &self.aggregator_last_result,
        ) {
            (None, _) => exists,
            (Some("Enabled"), Some(result)) => format!("{exists}; last batch: {result}"),
            (Some("Enabled"), None) => exists,
            (Some(state), _) => format!(
                "{exists}, but its stream is {}: `tollgate doctor` says more",
                state.to_lowercase()
            ),
        }
    }

    fn unknown(problem: &str) -> Self {
        Self {
            stack_problem: Some(problem.to_owned()),
            ..Self::default()
        }
    }

    /// Returns the status of the stack, or the reason why it is not known.
    pub(super) fn status(&self) -> String {
        match (&self.stack_status, &self.stack_problem) {
            (Some(status), _) if self.stack_unfinished == Some(true) => {
                format!("{status}, and not finished: `tollgate deploy` finishes it")
            }
            (Some(status), _) => status.clone(),
            (None, Some(problem)) => problem.clone(),
            (None, None) => "-".to_owned(),
        }
    }

    /// Returns the status of a stack whose last operation has failed, and was not taken back.
    pub(super) fn failure(&self) -> Option<&str> {
        let status = self.stack_status.as_deref()?;
        let has_failed = status.ends_with("_FAILED") || status.starts_with("ROLLBACK_");
        has_failed.then_some(status)
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
