//! Takes over a stack that zae-limiter's command made.

use super::{
    deploy::Deployment,
    deployed::DeployedStack,
    error::DeployError,
    package::FunctionPackage,
    plan::{Plan, Replacement},
    prepared::Prepared,
    stack_manager::StackManager,
};
use crate::options::{FunctionCode, StackOptions, StreamStart};

impl StackManager {
    /// Reads a stack that zae-limiter's command made, and checks that it can be taken over. Changes
    /// nothing.
    ///
    /// `change` gets the options of the stack, and returns those that are wanted. The stack keeps
    /// the names of its parts, and the indexes of its table. The code of the functions goes into
    /// `bucket`; without one into the bucket that has it until now, which is that of the archive.
    ///
    /// # Errors
    /// [`DeployError::NotOurs`] if the stack was not made by zae-limiter, or has no bucket for
    /// code; [`DeployError::AlreadyAdopted`] if it was taken over before; the errors of calls.
    pub async fn prepare_adoption(
        &self,
        change: impl FnOnce(StackOptions) -> StackOptions,
        functions: &FunctionPackage,
        bucket: Option<&str>,
    ) -> Result<Prepared, DeployError> {
        let current = self.found().await?;
        self.check_foreign(&current)?;
        let stored_retention = self.stored_retention().await?;
        let mut known = current.options()?;
        if let Some(days) = stored_retention {
            known = known.audit_retention_days(days);
        }
        let mut options = change(known.clone())
            .python_indexes(true)
            .stream_start(StreamStart::Latest)
            .architecture(functions.architecture());
        if options.can_have_functions() {
            let bucket = bucket.or_else(|| current.code_bucket());
            let bucket =
                bucket.ok_or_else(|| self.not_ours("it has no bucket for code: name one"))?;
            options = options.function_code(FunctionCode::in_bucket(bucket, functions.key()));
        }
        Ok(Prepared {
            base: known.for_stack(self.table.name()).ok(),
            current: Some(current),
            wanted: options.for_stack(self.table.name())?,
            options,
            package: Some(functions.clone()),
            stored_retention,
        })
    }

    /// Plans the adoption of a stack, and makes nothing but the plan. Returns `None` if nothing
    /// would change.
    ///
    /// # Errors
    /// [`DeployError::WouldLoseData`] if the plan removes or replaces any part of the stack: names
    /// and positions would be lost with it. The errors of calls.
    pub async fn plan_adoption(&self, prepared: &Prepared) -> Result<Option<Plan>, DeployError> {
        let Some(plan) = self.plan_of(prepared).await? else {
            return Ok(None);
        };
        let losses = losses(&plan);
        if losses.is_empty() {
            return Ok(Some(plan));
        }
        self.discard(plan).await?;
        Err(DeployError::WouldLoseData {
            stack: self.name().to_owned(),
            losses,
        })
    }

    /// Takes a stack over: uploads the code, makes the plan, and writes the version of the
    /// functions.
    ///
    /// Let no connection of a stream to the old functions be enabled meanwhile: see
    /// [`HandOver`](tollgate_ops::functions::HandOver).
    ///
    /// # Errors
    /// [`DeployError`]. An update that fails is taken back by CloudFormation. If the code cannot be
    /// uploaded, the plan is discarded.
    pub async fn adopt(
        &self,
        prepared: &Prepared,
        plan: Option<&Plan>,
    ) -> Result<Deployment, DeployError> {
        let package = prepared.package.as_ref();
        if let Some(code) = &prepared.options.function_code
            && let Some(package) = package
        {
            let bucket = code.bucket.as_deref().unwrap_or_default();
            let uploaded = self.upload(package, bucket).await;
            if let Err(error) = uploaded {
                if let Some(plan) = plan {
                    let _ = self.discard(plan.clone()).await;
                }
                return Err(error);
            }
        }
        if let Some(plan) = plan {
            self.execute(plan).await?;
        }
        let is_changed = self.initialize(prepared).await?;
        Ok(Deployment {
            stack: self.found().await?,
            is_new: false,
            is_changed: is_changed || plan.is_some(),
        })
    }

    /// Checks that a stack was made by zae-limiter, and can be changed.
    fn check_foreign(&self, stack: &DeployedStack) -> Result<(), DeployError> {
        if stack.is_ours() {
            return Err(DeployError::AlreadyAdopted {
                stack: self.name().to_owned(),
            });
        }
        if !stack.is_of_peer() {
            return Err(self.not_ours("zae-limiter did not make it either"));
        }
        if !stack.can_change() {
            return Err(DeployError::NotReady {
                stack: self.name().to_owned(),
                status: stack.status.clone(),
            });
        }
        Ok(())
    }

    fn not_ours(&self, problem: &str) -> DeployError {
        DeployError::NotOurs {
            stack: self.name().to_owned(),
            problem: problem.to_owned(),
        }
    }
}

/// Returns the parts of a stack that a plan removes or replaces.
fn losses(plan: &Plan) -> Vec<String> {
    let changes = plan.resources.iter();
    let lost = changes.filter_map(|change| {
        let verb = match (change.action.as_str(), change.replacement) {
            ("Remove", _) => "remove",
            (_, Replacement::Yes) => "replace",
            _ => return None,
        };
        Some(format!("{verb} {}", change.logical_id))
    });
    lost.collect()
}
