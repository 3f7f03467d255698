//! Lets a service deploy its own stack when it starts.

use std::{fmt, sync::Arc, time::Duration};

use aws_types::SdkConfig;
use tollgate::{
    error::StackError,
    store::dynamodb::{Provision, ProvisionFuture, Stack},
};

use super::{
    error::DeployError, event::StackEvent, package::FunctionPackage, stack_manager::StackManager,
};
use crate::{StackOptions, version};

/// The number of times that an operation is repeated because another process was faster.
const MOST_REPEATS: u32 = 5;

/// Deploys the stack that [`RateLimiter::open`](tollgate::RateLimiter::open) does not find: the table
/// with functions, alarms and policies. The credentials of the service need the rights for that.
///
/// Several processes may start at the same time: one creates the stack, the others wait for it. To
/// deploy takes some minutes, for which the deadline of opening does not count.
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// use tollgate::{RateLimiter, store::dynamodb::load_config};
/// use tollgate_aws::{Architecture, StackOptions, manager::{DeployStack, FunctionPackage}};
///
/// let config = load_config().await;
/// let functions = FunctionPackage::new(std::fs::read("lambda.zip")?, Architecture::Arm64);
/// let options = StackOptions::new().alarm_sns_topic("arn:aws:sns:eu-central-1:111122223333:on-call");
/// let limiter = RateLimiter::open()
///     .stack("rate-limits")
///     .aws_config(config.clone())
///     .provision(DeployStack::new(&config, options).functions(functions).auto_update(true))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it deploys nothing by itself"]
pub struct DeployStack {
    config: SdkConfig,
    options: StackOptions,
    functions: Option<FunctionPackage>,
    auto_update: bool,
    deadline: Option<Duration>,
    on_event: Arc<dyn Fn(&StackEvent) + Send + Sync>,
}

impl fmt::Debug for DeployStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeployStack")
            .field("options", &self.options)
            .field("functions", &self.functions)
            .field("auto_update", &self.auto_update)
            .finish_non_exhaustive()
    }
}

impl DeployStack {
    /// Deploys a stack with these options. Pass the same `config` to
    /// [`OpenOptions::aws_config`](tollgate::limiter::OpenOptions::aws_config).
    pub fn new(config: &SdkConfig, options: StackOptions) -> Self {
        Self {
            config: config.clone(),
            options,
            functions: None,
            auto_update: false,
            deadline: None,
            on_event: Arc::new(|_| {}),
        }
    }

    /// Sets the code of the functions. Without it the stack has no functions, until somebody deploys
    /// them.
    pub fn functions(mut self, functions: FunctionPackage) -> Self {
        self.functions = Some(functions);
        self
    }

    /// Sets if a stack whose functions are older than this version is upgraded: its template and the
    /// code of its functions. Its options stay. Needs [`functions`](Self::functions). Default: false.
    ///
    /// Opening then costs one more read of the version record.
    pub fn auto_update(mut self, enable: bool) -> Self {
        self.auto_update = enable;
        self
    }

    /// Sets the longest time to wait for CloudFormation. Default: 30 minutes.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets a function that is called for every event of CloudFormation, as it is seen.
    pub fn on_event(mut self, on_event: impl Fn(&StackEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Arc::new(on_event);
        self
    }

    fn manager(&self, stack: &Stack) -> StackManager {
        let on_event = self.on_event.clone();
        let manager = StackManager::new(&self.config, stack.name().clone())
            .on_event(move |event| on_event(event));
        match self.deadline {
            Some(deadline) => manager.deadline(deadline),
            None => manager,
        }
    }

    async fn update(&self, stack: &Stack) -> Result<(), DeployError> {
        if !self.auto_update || self.functions.is_none() {
            return Ok(());
        }
        let record = stack.version_record().await?;
        let deployed = record.and_then(|record| record.lambda_version);
        if deployed.is_some_and(|deployed| !version::is_older(&deployed)) {
            return Ok(());
        }
        match self.make(stack, true).await {
            // The table has no stack, or one of the Python CLI: it is used as it is.
            Err(DeployError::NotFound { .. } | DeployError::NotOurs { .. }) => Ok(()),
            upgraded => upgraded,
        }
    }

    /// Deploys or upgrades the stack when no other operation is under way. Another process may be
    /// faster: then it is made again after that one, and finds that nothing is left to do.
    async fn make(&self, stack: &Stack, is_upgrade: bool) -> Result<(), DeployError> {
        let (manager, functions) = (self.manager(stack), self.functions.as_ref());
        let mut repeats = 0;
        loop {
            manager.settled("deploying").await?;
            let made = if is_upgrade {
                manager.upgrade(functions).await
            } else {
                let options = self.options.clone();
                manager.deploy(|_| options, functions).await
            };
            match made {
                Err(error) if error.says_busy() && repeats < MOST_REPEATS => repeats += 1,
                made => return made.map(drop),
            }
        }
    }
}

impl Provision for DeployStack {
    fn provision<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        Box::pin(async move {
            let deployed = self.make(stack, false).await;
            deployed.map_err(|error| error.into_stack_error(stack, "deploying the stack"))
        })
    }

    fn update<'a>(&'a self, stack: &'a Stack) -> ProvisionFuture<'a> {
        Box::pin(async move {
            let updated = DeployStack::update(self, stack).await;
            updated.map_err(|error| error.into_stack_error(stack, "updating the stack"))
        })
    }
}

impl DeployError {
    fn into_stack_error(self, stack: &Stack, action: &'static str) -> StackError {
        match self {
            Self::Table(error) => error,
            error => StackError::Provision {
                table: stack.table().to_owned(),
                action,
                error: Arc::new(error),
            },
        }
    }
}
