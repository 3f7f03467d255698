//! The stack that the options name, as CloudFormation knows it.

use aws_config::SdkConfig;
use tollgate::{Error, error::StackError};
use tollgate_aws::manager::{DeployError, StackManager};

use super::option_names::in_flags;
use crate::{
    change,
    connect::DEADLINE,
    context::Context,
    failure::Failure,
    place::{self, place},
    sdk_config::load,
    stderr,
};

/// The manager of a stack, and the place in which it is.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) manager: StackManager,
    config: SdkConfig,
}

impl Target {
    /// Loads the configuration for the stack that the options name, and asks nothing. Events are
    /// printed as they are seen, if people read the output.
    pub(crate) async fn load(context: &Context) -> Result<Self, Failure> {
        let name = context.options.stack()?;
        let config = configuration(context).await?;
        let manager = StackManager::new(&config, name);
        let manager = if context.out.is_text() {
            manager.on_event(|event| stderr::line(&event.to_string()))
        } else {
            manager
        };
        Ok(Self { manager, config })
    }

    /// Sets if a new stack takes in a table that exists.
    pub(crate) fn importing(mut self, import: bool) -> Self {
        self.manager = self.manager.import_table(import);
        self
    }

    /// Awaits a call that reads.
    pub(crate) async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, DeployError>>,
    ) -> Result<T, Failure> {
        call.await.map_err(|error| failure(error, &self.config))
    }

    /// Awaits a call that changes something, and that a repeat finishes.
    pub(crate) async fn change<T>(
        &self,
        call: impl Future<Output = Result<T, DeployError>>,
    ) -> Result<T, Failure> {
        change::resumable(self.read(call)).await
    }

    /// Returns the failure for a stack that does not exist.
    pub(crate) fn missing(&self) -> Failure {
        let stack = self.manager.name().to_owned();
        failure(DeployError::NotFound { stack }, &self.config)
    }

    /// Returns the place of the stack, for people: `in region eu-west-1`.
    pub(crate) fn place(&self) -> String {
        place(&self.config)
    }
}

/// Loads the configuration that the options and the environment name. Refuses one that asks
/// CloudFormation at another place than DynamoDB.
pub(crate) async fn configuration(context: &Context) -> Result<SdkConfig, Failure> {
    let config = load(&context.options, DEADLINE).await?;
    if config.region().is_none() {
        return Err(Error::from(StackError::NoRegion).into());
    }
    place::same_endpoint(&config, "CloudFormation").map_err(Failure::Usage)?;
    Ok(config)
}

/// Returns the failure for an error, with the place that was asked.
pub(crate) fn failure(error: DeployError, config: &SdkConfig) -> Failure {
    match error {
        DeployError::NotFound { .. } => Failure::NoStack(format!(
            "{error} {}: `tollgate list` shows those that exist",
            place(config)
        )),
        DeployError::Option(_) => Failure::Usage(in_flags(&error.to_string())),
        DeployError::Call { .. } => {
            Failure::Aws(format!("{error}; AWS was asked {}", place(config)))
        }
        DeployError::Failed { .. } | DeployError::Deadline { .. } | DeployError::Bucket(_) => {
            Failure::Aws(error.to_string())
        }
        DeployError::Table(error) => Error::from(error).into(),
        DeployError::Limiter(error) => error.into(),
        DeployError::TableExists { .. } => Failure::Refused(format!(
            "{error}: `tollgate deploy --import-table` imports it"
        )),
        DeployError::Fixed { .. } | DeployError::OtherTable { .. } => {
            Failure::Refused(in_flags(&error.to_string()))
        }
        error => Failure::Refused(error.to_string()),
    }
}
