//! `tollgate upgrade`

use clap::Args;

use crate::{
    context::Context,
    deployment::{Code, CodeSource, DeploymentRecord, Target},
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
}

impl Upgrade {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let target = Target::load(context).await?;
        let manager = &target.manager;
        let Some(before) = target.read(manager.describe()).await? else {
            return Err(target.missing());
        };
        let code = match self.code.read()? {
            Code::Package(package) => Some(*package),
            Code::Unwanted => None,
            Code::Unable(problem) => {
                return Err(Failure::Refused(format!(
                    "{problem}; name a static executable by --bootstrap, or upgrade the template alone by --without-code"
                )));
            }
        };
        let deployment = target.change(manager.upgrade(code.as_ref())).await?;
        let record = DeploymentRecord::new(Some(&before), &deployment);
        let sentence = record.sentence(&target.place());
        Ok(context.out.done(&sentence, &record)?)
    }
}
