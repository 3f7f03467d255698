//! Deploys a stack: creates it, or changes one that exists.

use tollgate_ops::s3::S3Bucket;

use super::{
    create::IMPORTED,
    deployed::{DeployedStack, UNFINISHED},
    error::DeployError,
    package::FunctionPackage,
    plan::Plan,
    prepared::Prepared,
    stack_manager::StackManager,
};
use crate::options::{FunctionCode, StackDefinition, StackOptions};

/// The result of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deployment {
    /// The stack as it is now.
    pub stack: DeployedStack,
    /// True if the stack was created.
    pub is_new: bool,
    /// True if something was changed.
    pub is_changed: bool,
}

impl StackManager {
    /// Creates the stack, or changes the options of one that exists. Then the records of its table are
    /// written: version, namespace `default`, the days for which the history is kept.
    ///
    /// `change` gets the options of the stack, or the defaults for a new one, and returns those that
    /// are wanted. Without `functions`, functions keep their code, and a new stack has none yet.
    ///
    /// A deployment that was interrupted or failed can be repeated.
    ///
    /// # Errors
    /// [`DeployError`]. If the creation fails, nothing is left of the stack but its record of events,
    /// which the next deployment deletes. If the update after it fails, the stack stays without
    /// functions and without protection, and the next deployment finishes it.
    pub async fn deploy(
        &self,
        change: impl FnOnce(StackOptions) -> StackOptions,
        functions: Option<&FunctionPackage>,
    ) -> Result<Deployment, DeployError> {
        let prepared = self.prepare(change, functions).await?;
        self.make(&prepared).await
    }

    /// Brings a stack that exists to the template of this version, and to the code of `functions`. The
    /// options stay.
    ///
    /// # Errors
    /// [`DeployError`]. An update that fails is taken back by CloudFormation.
    pub async fn upgrade(
        &self,
        functions: Option<&FunctionPackage>,
    ) -> Result<Deployment, DeployError> {
        if self.found().await?.is_empty() {
            return Err(DeployError::NotFound {
                stack: self.name().to_owned(),
            });
        }
        self.deploy(|options| options, functions).await
    }

    /// Reads the stack, and checks the options. Changes nothing.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn prepare(
        &self,
        change: impl FnOnce(StackOptions) -> StackOptions,
        functions: Option<&FunctionPackage>,
    ) -> Result<Prepared, DeployError> {
        let current = self.describe().await?.filter(|stack| !stack.is_empty());
        let mut known = match &current {
            Some(stack) => self.options_of(stack)?,
            None => StackOptions::new(),
        };
        let looks = current.is_some() || self.imports_table;
        let has_table = looks && self.table_exists().await?;
        if looks && !has_table {
            let stack = self.name().to_owned();
            return Err(match current {
                Some(_) => DeployError::TableGone { stack },
                None => DeployError::NoTable { stack },
            });
        }
        let stored_retention = if has_table {
            self.stored_retention().await?
        } else {
            None
        };
        if let Some(days) = stored_retention {
            known = known.audit_retention_days(days);
        }
        let base = current
            .as_ref()
            .and_then(|_| known.as_found(self.table.name()));
        if current.as_ref().is_some_and(DeployedStack::is_unfinished) {
            known = known.enable_deletion_protection(true);
        }
        let mut options = change(known.clone());
        if let Some(stack) = &current {
            self.check_fixed(stack, &known, &options)?;
        }
        if !options.can_have_functions() {
            // The stack's own bucket goes, and its code with it.
            let code = options.function_code.take();
            options.function_code = code.filter(|code| code.bucket.is_some());
        }
        if let Some(package) = functions.filter(|_| options.can_have_functions()) {
            // Code in a bucket of the user's own stays there.
            let bucket = options.function_code.take().and_then(|code| code.bucket);
            let key = package.key().to_owned();
            options = options
                .function_code(FunctionCode { bucket, key })
                .architecture(package.architecture());
        }
        Ok(Prepared {
            current,
            base,
            wanted: options.for_stack(self.table.name())?,
            options,
            package: functions.cloned(),
            stored_retention,
        })
    }

    /// Plans a deployment, and makes nothing but the plan. Returns `None` if nothing would change.
    ///
    /// # Errors
    /// [`DeployError::WouldLoseData`] if the plan removes or replaces data;
    /// [`DeployError::TableExists`] and [`DeployError::OtherTable`] as for a deployment;
    /// [`DeployError::NotReady`] if a creation failed before and its empty stack is still there, which
    /// a deployment deletes first; the errors of calls.
    pub async fn plan_of(&self, prepared: &Prepared) -> Result<Option<Plan>, DeployError> {
        let Some(current) = &prepared.current else {
            if let Some(left) = self.describe().await?.filter(|stack| !stack.is_planned()) {
                return Err(DeployError::NotReady {
                    stack: left.name,
                    status: left.status,
                });
            }
            if self.table_exists().await? {
                self.check_import(&prepared.wanted).await?;
            }
            return self.plan_creation(&prepared.wanted).await.map(Some);
        };
        self.checked_plan(current, prepared, &prepared.wanted).await
    }

    /// Makes a deployment.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn make(&self, prepared: &Prepared) -> Result<Deployment, DeployError> {
        if let Some((package, bucket)) = prepared.code_elsewhere() {
            self.upload(package, bucket).await?;
        }
        let (mut stack, is_new) = match &prepared.current {
            Some(stack) => (stack.clone(), false),
            None => (self.create(&prepared.wanted).await?, true),
        };
        let mut is_changed = is_new;
        let unfinished = stack.tags.get(UNFINISHED).cloned();
        let is_first = is_new || unfinished.is_some();
        if is_first {
            // Before the rest: if it fails, services can use the table already.
            is_changed |= self.initialize_table(prepared).await?;
        }
        if unfinished.is_some_and(|why| why == IMPORTED) {
            self.complete_table(&prepared.wanted).await?;
        }
        if prepared.needs_code_bucket(&stack) {
            // The bucket comes first, and then the code in it.
            let without_code = self.without_code(prepared, &stack)?;
            is_changed |= self.update(&mut stack, prepared, &without_code).await?;
        }
        if let Some(package) = prepared.own_code() {
            let bucket = stack.code_bucket().unwrap_or_default();
            self.upload(package, bucket).await?;
        }
        let left = stack.clone();
        is_changed |= self.update(&mut stack, prepared, &prepared.wanted).await?;
        if prepared.leaves_code_bucket(&left) {
            // Not earlier: if the update fails, the functions get their old code back from it.
            self.delete_code_bucket(&left).await?;
        }
        if !is_first {
            is_changed |= self.initialize_table(prepared).await?;
        }
        is_changed |= self.initialize_functions(prepared).await?;
        Ok(Deployment {
            stack,
            is_new,
            is_changed,
        })
    }

    /// Writes the records of a stack that another tool has made with the template: the version record,
    /// the namespace `default`, the days for which its history is kept, and the version of the
    /// functions. CloudFormation changes nothing.
    ///
    /// # Errors
    /// [`DeployError::NotFound`] if there is no stack; the errors of the table.
    pub async fn record(&self, prepared: &Prepared) -> Result<Deployment, DeployError> {
        let Some(stack) = prepared.current.clone() else {
            return Err(DeployError::NotFound {
                stack: self.name().to_owned(),
            });
        };
        let is_changed = self.initialize(prepared).await?;
        Ok(Deployment {
            stack,
            is_new: false,
            is_changed,
        })
    }

    /// Checks that no option changes that is fixed once its part exists.
    fn check_fixed(
        &self,
        stack: &DeployedStack,
        known: &StackOptions,
        options: &StackOptions,
    ) -> Result<(), DeployError> {
        let fixed = |option, part| {
            let stack = self.name().to_owned();
            Err(DeployError::Fixed {
                stack,
                option,
                part,
            })
        };
        if options.python_indexes != known.python_indexes {
            return fixed("python_indexes", "the table");
        }
        // Another position needs another connection, and a function has one to a stream.
        let is_connected = stack.function_code().is_some() && known.can_aggregate();
        if is_connected && options.can_aggregate() && options.stream_start != known.stream_start {
            return fixed("stream_start", "the aggregator");
        }
        Ok(())
    }

    /// Returns the options of a stack that can be changed.
    fn options_of(&self, stack: &DeployedStack) -> Result<StackOptions, DeployError> {
        let name = || self.name().to_owned();
        if !stack.can_change() {
            return Err(DeployError::NotReady {
                stack: name(),
                status: stack.status.clone(),
            });
        }
        if !stack.is_ours() {
            return Err(DeployError::NotOurs {
                stack: name(),
                problem: foreign(stack).to_owned(),
            });
        }
        Ok(stack.options()?)
    }

    /// Updates the stack. Returns true if something changed.
    async fn update(
        &self,
        stack: &mut DeployedStack,
        prepared: &Prepared,
        wanted: &StackDefinition,
    ) -> Result<bool, DeployError> {
        let Some(plan) = self.checked_plan(stack, prepared, wanted).await? else {
            return Ok(false);
        };
        self.execute(&plan).await?;
        *stack = self.found().await?;
        Ok(true)
    }

    /// Plans an update, and discards the plan if it would lose data.
    async fn checked_plan(
        &self,
        stack: &DeployedStack,
        prepared: &Prepared,
        wanted: &StackDefinition,
    ) -> Result<Option<Plan>, DeployError> {
        let planned = self.plan_update(stack, prepared.base.as_ref(), wanted);
        let Some(plan) = planned.await? else {
            return Ok(None);
        };
        if let Err(error) = self.check_losses(stack, &plan).await {
            // The loss is what is told, also if the plan cannot be deleted.
            let _ = self.discard(plan).await;
            return Err(error);
        }
        Ok(Some(plan))
    }

    /// Returns the definition that is wanted, with the code that the stack has elsewhere: what it had
    /// in a bucket of its own is gone with that bucket.
    fn without_code(
        &self,
        prepared: &Prepared,
        stack: &DeployedStack,
    ) -> Result<StackDefinition, DeployError> {
        let mut options = prepared.options.clone();
        let code = stack.options()?.function_code;
        options.function_code = code.filter(|code| code.bucket.is_some());
        Ok(options.for_stack(self.table.name())?)
    }

    /// Puts the code of the functions into a bucket, if it is not there.
    pub(super) async fn upload(
        &self,
        package: &FunctionPackage,
        bucket: &str,
    ) -> Result<(), DeployError> {
        let bucket = S3Bucket::new(bucket, &self.config, None);
        let bucket = bucket.ok_or_else(|| DeployError::NotOurs {
            stack: self.name().to_owned(),
            problem: "it has no bucket for the code of functions".to_owned(),
        })?;
        if bucket.has(package.key()).await? {
            return Ok(());
        }
        let zip = package.zip().to_vec();
        bucket
            .put(package.key(), "application/zip", None, zip)
            .await?;
        Ok(())
    }
}

/// Describes a stack of another template, and what to do with it.
fn foreign(stack: &DeployedStack) -> &'static str {
    if stack.is_of_peer() {
        "zae-limiter made it; `tollgate adopt` takes it over"
    } else {
        "it does not have the parameter FunctionCodeKey; choose another name, or change it by what made it"
    }
}
