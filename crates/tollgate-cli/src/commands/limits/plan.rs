//! `tollgate limits plan`

use clap::Args;
use tollgate_ops::limits;

use super::{
    file::FileOptions,
    open::{failure, open},
    print,
};
use crate::{context::Context, failure::Failure};

/// Shows what an apply of a file would change
///
/// Reads only. Each change has its old and new values. Configs that were stored by other means are
/// left alone, and listed.
#[derive(Debug, Args)]
pub(crate) struct PlanLimits {
    #[command(flatten)]
    file: FileOptions,
    /// Also delete what is stored and no file has declared
    #[arg(long)]
    prune: bool,
}

impl PlanLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let manifest = self.file.read(context)?;
        let target = open(context, manifest.namespace()).await?;
        let plan = limits::plan(
            &target,
            &manifest,
            limits::PlanOptions::default().with_prune(self.prune),
        )
        .await
        .map_err(failure)?;
        let out = &mut context.out;
        let unchanged = plan.unchanged;
        let summary = match plan.changes.len() {
            0 => "No changes. Infrastructure is up-to-date.".to_owned(),
            changes => format!(
                "Plan: {} ({unchanged} unchanged)",
                print::count(changes, "change", "changes")
            ),
        };
        out.line(summary)?;
        if !self.file.quiet || !out.is_text() {
            print::plan(out, &plan)?;
            print::rest(out, &plan)?;
        }
        Ok(())
    }
}
