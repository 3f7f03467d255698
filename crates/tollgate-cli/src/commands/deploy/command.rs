//! `tollgate deploy`

use clap::Args;
use tollgate_aws::{
    StackOptions,
    manager::{DeployedStack, FunctionPackage, Prepared},
};

use super::{options::OptionArguments, records::write_records};
use crate::{
    confirm,
    context::Context,
    deployment::{Code, CodeSource, DeploymentRecord, Target, show_plan},
    failure::Failure,
    stderr,
};

/// The end of the error of a deployment that has created a stack, and not finished it.
const BEGUN: &str = "the stack is created, but not finished: services can use its table, which is not protected \
                     yet; the same command finishes it";

/// The note before a stack is made around a table.
const IMPORT: &str = "a new stack is made around the table: options that are not given have their defaults, also if \
                      an earlier stack had others, which `tollgate delete` has printed; an archive begins in a new \
                      bucket";

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
    pub(super) options: OptionArguments,
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
            return write_records(context, &target, &self.options).await;
        }
        let (code, problem) = self.package(current.as_ref())?;
        let change = |options: StackOptions| self.options.apply(options);
        let prepared = target.read(manager.prepare(change, code.as_ref())).await?;
        self.tell_left_out(&prepared);
        if let Some(problem) = problem.filter(|_| prepared.lacks_code()) {
            stderr::line(&format!(
                "the stack has no functions until it has code: {problem}; `tollgate deploy --name {} --bootstrap PATH` \
                 gives it that of a static executable",
                manager.name()
            ));
        }
        if self.import_table && prepared.current().is_none() && context.out.is_text() {
            stderr::line(IMPORT);
        }
        if self.plan {
            return show_plan(context, &target, &prepared).await;
        }
        if prepared.removes_archive() {
            confirm::confirm(&context.options, ARCHIVE)?;
        }
        let deployment = target.change(manager.make(&prepared)).await;
        let deployment = match deployment {
            Err(failure) if is_begun(&target, &prepared).await => {
                return Err(failure.after(BEGUN.to_owned()));
            }
            deployment => deployment?,
        };
        let record = DeploymentRecord::new(prepared.current(), &deployment);
        let sentence = record.sentence(&target.place());
        Ok(context.out.done(&sentence, &record)?)
    }

    /// Returns the code of the functions; `None` if they keep theirs. With it comes the reason why this
    /// executable is no code for a stack that has none.
    fn package(
        &self,
        current: Option<&DeployedStack>,
    ) -> Result<(Option<FunctionPackage>, Option<String>), Failure> {
        if self.options.names_code() {
            return Ok((None, None));
        }
        let problem = match self.code.read()? {
            Code::Package(package) => return Ok((Some(*package), None)),
            Code::Unwanted => return Ok((None, None)),
            Code::Unable(problem) => problem,
        };
        let wanted = self.options.apply(StackOptions::new());
        if let Some(current) = current {
            if current.function_code().is_some() {
                stderr::line(&format!("the functions keep their code: {problem}"));
                return Ok((None, None));
            }
            return Ok((None, Some(problem)));
        }
        if !wanted.can_have_functions() {
            return Ok((None, None));
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

/// Returns true if a deployment that failed has created the stack, and not finished it.
async fn is_begun(target: &Target, prepared: &Prepared) -> bool {
    let was_finished = prepared
        .current()
        .is_some_and(|stack| !stack.is_unfinished());
    if was_finished {
        return false;
    }
    let now = target.manager.describe().await;
    matches!(now, Ok(Some(stack)) if stack.is_unfinished() && !stack.is_empty())
}
