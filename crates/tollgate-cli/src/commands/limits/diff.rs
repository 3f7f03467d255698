//! `tollgate limits diff`

use clap::Args;
use tollgate_ops::limits::PlanOptions;

use super::{file::FileOptions, planned::plan, print};
use crate::{context::Context, failure::Failure};

/// Compares the table with a file: exit code 5 if they differ
///
/// Reads only. Configs that no file has declared do not count.
#[derive(Debug, Args)]
pub(crate) struct DiffLimits {
    #[command(flatten)]
    file: FileOptions,
    /// Print the last line only
    #[arg(long, short = 'q')]
    quiet: bool,
}

impl DiffLimits {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (_, plan) = plan(&self.file, PlanOptions::default(), context).await?;
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
        if !self.quiet || !out.is_text() {
            print::plan(out, &plan)?;
        }
        if plan.changes.is_empty() {
            return Ok(());
        }
        Err(Failure::Drift)
    }
}
