//! The manager of a stack.

use std::{fmt, sync::Arc, time::Duration};

use aws_sdk_cloudformation::{Client, config::timeout::TimeoutConfig};
use aws_types::SdkConfig;
use tollgate::{model::StackName, store::dynamodb::Stack};

use super::{deployed::DeployedStack, error::DeployError, event::StackEvent};

/// The longest time for one call, with its repeats.
const CALL: Duration = Duration::from_secs(30);

/// The beginning of the names of operations.
pub(super) const TOKEN_PREFIX: &str = "tollgate-";

/// Receives the events of operations.
pub(super) type OnEvent = Arc<dyn Fn(&StackEvent) + Send + Sync>;

/// Deploys, changes and deletes a stack: its CloudFormation stack, and the records in its table.
///
/// ```no_run
/// # async fn deploy() -> Result<(), Box<dyn std::error::Error>> {
/// use tollgate::{model::StackName, store::dynamodb::load_config};
/// use tollgate_aws::{Architecture, manager::{FunctionPackage, StackManager}};
///
/// let zip = std::fs::read("lambda.zip")?;
/// let functions = FunctionPackage::new(zip, Architecture::Arm64);
/// let manager = StackManager::new(&load_config().await, StackName::new("rate-limits")?)
///     .on_event(|event| println!("{event}"));
/// let deployment = manager
///     .deploy(|options| options.log_retention_days(90), Some(&functions))
///     .await?;
/// println!("{}", deployment.stack.status);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing by itself"]
pub struct StackManager {
    pub(super) client: Client,
    pub(super) config: SdkConfig,
    pub(super) table: Stack,
    pub(super) deadline: Duration,
    pub(super) imports_table: bool,
    pub(super) on_event: OnEvent,
}

impl fmt::Debug for StackManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackManager")
            .field("stack", self.table.name())
            .finish_non_exhaustive()
    }
}

impl StackManager {
    /// Returns the manager of a stack. Region, credentials, endpoints and HTTP client are those of
    /// `config`.
    pub fn new(config: &SdkConfig, stack: StackName) -> Self {
        let table = Stack::new(aws_sdk_dynamodb::Client::new(config), stack);
        Self {
            client: client(config),
            config: config.clone(),
            table,
            deadline: Duration::from_secs(30 * 60),
            imports_table: false,
            on_event: Arc::new(|_| {}),
        }
    }

    /// Sets the longest time to wait for an operation. CloudFormation goes on with it. Default: 30
    /// minutes.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets if a new stack takes in a table of its name that exists: one that was kept when a stack was
    /// deleted, or that was created without a stack. Its data stay, also if the creation fails. Time to
    /// live, point-in-time recovery and protection that it lacks are switched on.
    /// Default: false, and the creation is refused.
    pub fn import_table(mut self, import: bool) -> Self {
        self.imports_table = import;
        self
    }

    /// Sets a function that is called for every event of an operation, as it is seen.
    pub fn on_event(mut self, on_event: impl Fn(&StackEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Arc::new(on_event);
        self
    }

    /// Returns the stack as CloudFormation describes it; `None` if there is none. One call.
    ///
    /// # Errors
    /// [`DeployError::Call`].
    pub async fn describe(&self) -> Result<Option<DeployedStack>, DeployError> {
        self.describe_by(self.name()).await
    }

    /// Returns the stack with this name or id.
    pub(super) async fn describe_by(
        &self,
        name: &str,
    ) -> Result<Option<DeployedStack>, DeployError> {
        let described = self.client.describe_stacks().stack_name(name).send().await;
        match described.map_err(DeployError::call("describing the stack")) {
            Ok(described) => {
                let stack = described.stacks().first().map(DeployedStack::read);
                Ok(stack.filter(|stack| stack.status != "DELETE_COMPLETE"))
            }
            Err(error) if error.says_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the stack, which must exist.
    pub(super) async fn found(&self) -> Result<DeployedStack, DeployError> {
        let stack = self.describe().await?;
        stack.ok_or_else(|| DeployError::NotFound {
            stack: self.name().to_owned(),
        })
    }

    /// Returns the stack's name.
    pub fn name(&self) -> &str {
        self.table.table()
    }
}

/// Returns a client of CloudFormation.
pub(super) fn client(config: &SdkConfig) -> Client {
    let timeouts = config
        .timeout_config()
        .map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
    let config = aws_sdk_cloudformation::config::Builder::from(config)
        .timeout_config(timeouts.operation_timeout(CALL).build());
    Client::from_conf(config.build())
}

/// Returns a name that no other operation has.
pub(super) fn new_token() -> String {
    format!("{TOKEN_PREFIX}{}", ulid::Ulid::generate())
}
