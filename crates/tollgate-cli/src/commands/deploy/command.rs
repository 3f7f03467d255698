//! `tollgate deploy`

use clap::Args;
use tollgate_aws::{
    StackOptions,
    manager::{DeployedStack, FunctionPackage, Prepared},
};

use super::options::OptionArguments;
use crate::{
    confirm,
    context::Context,
    deployment::{Code, CodeSource, DeploymentRecord, Target, print_plan},
    failure::Failure,
    stderr,
};

/// The question before the archive leaves the stack.
const ARCHIVE: &str = "The archive leaves the stack, and its bucket is kept. Continue?";

/// Creates a stack on AWS, or changes the options of one that exists
///
/// A new stack has the table, its functions, an archive, alarms and policies, and the namespace
/// `default`. In a stack that exists, options that are not given keep their values. The template and the
/// functions are those of this executable. Events of CloudFormation are printed as they come. An
/// interrupted deployment can be repeated.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    options: OptionArguments,
    #[command(flatten)]
    code: CodeSource,
    /// Take a table of this name that exists into the new stack: one that `delete` has kept, or that
    /// was created without a stack
    #[arg(long)]
    import_table: bool,
    /// Finish a stack that another tool has made with the template of `cfn-template`: write the
    /// records of its table alone, that is its version, the namespace `default` and the version of its
    /// functions. CloudFormation changes nothing
    #[arg(long, conflicts_with_all = ["plan", "import_table", "bootstrap", "without_code", "function_code_key"])]
    records_only: bool,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    plan: bool,
}

impl Deploy {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = Target::load(context).await?.importing(self.import_table);
        let manager = &target.manager;
        let current = target.read(manager.describe()).await?;
        let current = current.filter(|stack| !stack.is_empty());
        if self.records_only {
            return self.record(context, &target, current.is_some()).await;
        }
        let code = self.package(current.as_ref())?;
        let change = |options: StackOptions| self.options.apply(options);
        let prepared = target.read(manager.prepare(change, code.as_ref())).await?;
        self.tell_left_out(&prepared);
        if self.plan {
            let planned = target.read(manager.plan_of(&prepared)).await?;
            let printed = print_plan(context, planned.as_ref());
            if let Some(planned) = planned {
                target.read(manager.discard(planned)).await?;
            }
            return printed;
        }
        if prepared.removes_archive() {
            confirm::confirm(&context.options, ARCHIVE)?;
        }
        let deployment = target.change(manager.make(&prepared)).await?;
        let record = DeploymentRecord::new(prepared.current(), &deployment);
        let sentence = record.sentence(&target.place());
        Ok(context.out.done(&sentence, &record)?)
    }

    /// Writes the records of a stack that another tool has made.
    async fn record(
        self,
        context: &mut Context,
        target: &Target,
        exists: bool,
    ) -> Result<(), Failure> {
        if !exists {
            return Err(target.missing());
        }
        let (manager, name) = (&target.manager, target.manager.name());
        let change = |options: StackOptions| self.options.apply(options);
        let prepared = target.read(manager.prepare(change, None)).await?;
        if !prepared.keeps_options() {
            return Err(Failure::Usage(
                "--records-only changes no option of the stack but --audit-retention-days: let the tool that made the \
                 stack change the others"
                    .into(),
            ));
        }
        let recorded = target.change(manager.record(&prepared)).await?;
        let record = DeploymentRecord::new(prepared.current(), &recorded);
        let sentence = if recorded.is_changed {
            format!("Wrote the records of stack {name} {}", target.place())
        } else {
            format!(
                "No changes: stack {name} {} has its records",
                target.place()
            )
        };
        context.out.done(&sentence, &record)?;
        let tags: Vec<String> = prepared
            .missing_tags()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if !tags.is_empty() && context.out.is_text() {
            stderr::line(&format!(
                "`tollgate list` finds stacks by tags that this one lacks: let the tool that made it add {}",
                tags.join(" ")
            ));
        }
        Ok(())
    }

    /// Returns the code of the functions; `None` if they keep theirs.
    fn package(&self, current: Option<&DeployedStack>) -> Result<Option<FunctionPackage>, Failure> {
        if self.options.names_code() {
            return Ok(None);
        }
        let problem = match self.code.read()? {
            Code::Package(package) => return Ok(Some(*package)),
            Code::Unwanted => return Ok(None),
            Code::Unable(problem) => problem,
        };
        let wanted = self.options.apply(StackOptions::new());
        if let Some(current) = current {
            if current.function_code().is_some() {
                stderr::line(&format!("the functions keep their code: {problem}"));
            }
            return Ok(None);
        }
        if !wanted.can_have_functions() {
            return Ok(None);
        }
        Err(Failure::Refused(format!(
            "{problem}; name a static executable by --bootstrap, or leave the functions out by --no-aggregator \
             --no-provisioner, or for now by --without-code"
        )))
    }

    /// Tells which functions a stack without IAM resources does not have.
    fn tell_left_out(&self, prepared: &Prepared) {
        for function in prepared.definition().left_out() {
            stderr::line(&format!(
                "the {} is left out: without IAM resources it has no role",
                function.handler()
            ));
        }
    }
}
