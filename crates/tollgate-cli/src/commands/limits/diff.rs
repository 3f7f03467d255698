//! `tollgate limits diff`

use clap::Args;
use tollgate_ops::limits;

use super::{
    file::FileOptions,
    open::{failure, open},
    print,
};
use crate::{context::Context, failure::Failure};

/// Compares the table with a file: exit code 5 if they differ
///
/// Reads only. Configs that no file has declared do not count.
#[derive(Debug, Args)]
pub(crate) struct DiffLimits {
    #[command(flatten)]
    file: FileOptions,
}

impl DiffLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let manifest = self.file.read(context)?;
        let target = open(context, manifest.namespace()).await?;
        let plan = limits::plan(&target, &manifest, limits::PlanOptions::default())
            .await
            .map_err(failure)?;
        let out = &mut context.out;
        if plan.changes.is_empty() {
            out.line(format!(
                "No drift detected. Live state matches {}.",
                self.file.name()
            ))?;
        } else {
            let count = print::count(plan.changes.len(), "difference", "differences");
            out.line(format!("Drift detected: {count}"))?;
        }
        if !self.file.quiet || !out.is_text() {
            print::plan(out, &plan)?;
        }
        if plan.changes.is_empty() {
            return Ok(());
        }
        Err(Failure::Drift)
    }
}
