//! `tollgate upgrade`

use clap::Args;
use tollgate_aws::StackOptions;

use crate::{
    context::Context,
    deployment::{Code, CodeSource, DeploymentRecord, Target, show_plan},
    failure::Failure,
};

/// Brings a stack to the template and the functions of this version; its options stay
///
/// CloudFormation takes back an update that fails. To return to an older version, run `upgrade` of that
/// version.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    #[command(flatten)]
    code: CodeSource,
    /// Show what would be changed, and change nothing
    #[arg(long)]
    plan: bool,
}

impl Upgrade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = Target::load(context).await?;
        let manager = &target.manager;
        if target.read(manager.describe()).await?.is_none() {
            return Err(target.missing());
        }
        let code = match self.code.read()? {
            Code::Package(package) => Some(*package),
            Code::Unwanted => None,
            Code::Unable(problem) => {
                return Err(Failure::Refused(format!(
                    "{problem}; name a static executable by --bootstrap, or upgrade the template alone by --without-code"
                )));
            }
        };
        let options = |options: StackOptions| options;
        let prepared = target.read(manager.prepare(options, code.as_ref())).await?;
        if prepared.current().is_none() {
            return Err(target.missing());
        }
        if self.plan {
            return show_plan(context, &target, &prepared).await;
        }
        let deployment = target.change(manager.make(&prepared)).await?;
        let record = DeploymentRecord::new(prepared.current(), &deployment);
        let sentence = record.sentence(&target.place());
        Ok(context.out.done(&sentence, &record)?)
    }
}
